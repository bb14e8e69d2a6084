//===- GgufFuzz.cpp - Fuzzes the GGUF reader and what is made of it -------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/GgufModel.h"
#include "test/fuzz/Fuzz.h"

using namespace plait;
using namespace plait::fuzz;

static double sumOf(const TensorView &tensor) {
  int64_t elements = tensor.elements();
  require(elements > 0 && tensor.data.size() == *countBytes(tensor.type, tensor.shape),
          "a tensor has the bytes of its shape");
  double sum = 0;
  // Reading every byte lets the address sanitizer judge the range.
  for (uint8_t byte : tensor.data)
    sum += byte;
  for (int64_t i : {int64_t(0), elements / 2, elements - 1})
    sum += tensorElement(tensor, i) > 0;
  float last;
  readTensorBlock(tensor, tensor.rows() - 1, 1, tensor.columns() - 1, 1, &last);
  return sum + (last > 0);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static MemoryFile file;
  Expected<Gguf> gguf = Gguf::open(file.write({data, size}));
  if (!gguf) {
    checkRefusal(gguf.status());
    return 0;
  }
  double sum = 0;
  for (const auto &[name, tensor] : gguf->tensors()) {
    require(tensor.fileOffset + tensor.data.size() <= size, "a tensor lies in its file");
    sum += sumOf(tensor);
  }
  Expected<Json> config = makeConfig(*gguf);
  if (!config)
    checkRefusal(config.status());
  Expected<Checkpoint> checkpoint = makeCheckpoint(*gguf);
  if (!checkpoint)
    checkRefusal(checkpoint.status());
  else
    for (const auto &[name, tensor] : checkpoint->tensors())
      sum += sumOf(tensor);
  for (auto make : {makeTokenizer, makeTokenizerConfig}) {
    Expected<std::optional<Json>> made = make(*gguf);
    if (!made)
      checkRefusal(made.status());
    else if (*made)
      require(parseJson(writeJson(**made), "made").ok(), "what is made is JSON");
  }
  Expected<std::optional<std::string>> chat = makeChatTemplate(*gguf);
  if (!chat)
    checkRefusal(chat.status());
  return sum < 0;
}
