//===- TokenModel.cpp - How words become ids ------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/tokenizer/TokenModel.h"

#include "runtime/base/tokenizer/Bpe.h"
#include "runtime/base/tokenizer/Component.h"
#include "runtime/base/tokenizer/Unigram.h"

namespace plait {

static constexpr ComponentType<TokenModelPtr> modelTypes[] = {
    {"BPE", Bpe::read},
    {"Unigram", Unigram::read},
};

Expected<TokenModelPtr> readTokenModel(const JsonView &view) {
  // The oldest files have no type: such a model is BPE if it has merges.
  if (!view.has("type") && view.has("merges"))
    return Bpe::read(view, 0);
  return readComponent(view, modelTypes, 0);
}

int byteOfToken(std::string_view token) {
  if (token.size() != 6 || token.substr(0, 3) != "<0x" || token[5] != '>')
    return -1;
  int value = 0;
  for (char c : token.substr(3, 2)) {
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                       : -1;
    if (digit < 0)
      return -1;
    value = value * 16 + digit;
  }
  return value;
}

std::string tokenOfByte(uint8_t byte) {
  constexpr char digits[] = "0123456789ABCDEF";
  return std::string("<0x") + digits[byte >> 4] + digits[byte & 15] + '>';
}

} // namespace plait
