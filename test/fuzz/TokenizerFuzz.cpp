//===- TokenizerFuzz.cpp - Fuzzes the reader of tokenizer.json ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Tokenizer.h"
#include "test/fuzz/Fuzz.h"

using namespace plait;
using namespace plait::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Expected<Tokenizer> tokenizer = Tokenizer::fromJsonText(textOf(data, size), "tokenizer.json");
  if (!tokenizer) {
    checkRefusal(tokenizer.status());
    return 0;
  }
  for (const char *text : {"", "In the beginning  was the Word.\n", "\xC3\xA9\xE2\x96\x81 <s> 12345 aaaaaaaa"})
    for (bool special : {false, true}) {
      Expected<std::vector<int32_t>> ids = tokenizer->encode(text, special, special);
      if (!ids) {
        checkRefusal(ids.status());
        continue;
      }
      for (int32_t id : *ids)
        require(id >= 0 && id < tokenizer->vocabularySize(), "a token lies in the vocabulary");
      Expected<std::string> back = tokenizer->decode(*ids, !special);
      require(back.ok(), "a tokenizer decodes what it encoded");
    }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed) {
  size_t changed = seed % 8 ? mutateJson(data, size, capacity, seed) : 0;
  return changed ? changed : LLVMFuzzerMutate(data, size, capacity);
}
