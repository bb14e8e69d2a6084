//===- EncodeFuzz.cpp - Fuzzes encoding and decoding of text --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The first byte chooses one of the golden tokenizers, the rest is text.
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Tokenizer.h"
#include "runtime/base/Utf8.h"
#include "test/fuzz/Fuzz.h"

#include <algorithm>
#include <filesystem>

using namespace plait;
using namespace plait::fuzz;

static std::vector<Tokenizer> loadTokenizers() {
  std::vector<std::string> paths;
  for (const auto &entry : std::filesystem::directory_iterator(PLAIT_GOLDEN_DIR "/tokenizers")) {
    std::string path = entry.path();
    if (path.ends_with(".json") && !path.ends_with(".golden.json"))
      paths.push_back(path);
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Tokenizer> tokenizers;
  for (const std::string &path : paths) {
    Expected<Tokenizer> tokenizer = Tokenizer::fromFile(path);
    require(tokenizer.ok(), "the golden tokenizers load");
    tokenizers.push_back(std::move(*tokenizer));
  }
  require(!tokenizers.empty(), "there are golden tokenizers");
  return tokenizers;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const std::vector<Tokenizer> tokenizers = loadTokenizers();
  if (size == 0)
    return 0;
  const Tokenizer &tokenizer = tokenizers[data[0] / 4 % tokenizers.size()];
  bool special = data[0] & 1, parse = data[0] & 2;
  std::string_view text = textOf(data + 1, size - 1);
  Expected<std::vector<int32_t>> ids = tokenizer.encode(text, special, parse);
  if (!ids) {
    checkRefusal(ids.status());
    require(findInvalidUtf8(text) != std::string_view::npos, "only text that is not UTF-8 is refused");
    return 0;
  }
  Expected<std::string> whole = tokenizer.decode(*ids, !special);
  require(whole.ok(), "a tokenizer decodes what it encoded");
  if (!special) {
    Tokenizer::Stream stream(tokenizer);
    std::string streamed;
    for (int32_t id : *ids)
      streamed += stream.push(id);
    streamed += stream.finish();
    require(streamed == *whole, "text that is streamed is the text");
  }
  return 0;
}
