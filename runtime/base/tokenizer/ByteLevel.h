//===- ByteLevel.h - Bytes as printable characters --------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// GPT-2's one-to-one map between the 256 bytes and 256 printable characters
// below U+0144, in which byte-level BPE writes its vocabulary.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_TOKENIZER_BYTELEVEL_H
#define PLAIT_RUNTIME_BASE_TOKENIZER_BYTELEVEL_H

#include <string>
#include <string_view>

namespace plait {

/// The pattern by which ByteLevel splits when told to use its regex.
inline constexpr std::string_view byteLevelPattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// Appends the byte-level form of `bytes` to `text`: at most two bytes each.
void appendByteLevel(std::string &text, std::string_view bytes);

/// Appends the bytes that `token` stands for. A token with a character outside
/// the map stands for its own UTF-8.
void appendByteLevelDecoded(std::string &bytes, std::string_view token);

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_TOKENIZER_BYTELEVEL_H
