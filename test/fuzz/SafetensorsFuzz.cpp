//===- SafetensorsFuzz.cpp - Fuzzes the safetensors reader ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Checkpoint.h"
#include "test/fuzz/Fuzz.h"

#include <algorithm>
#include <cstring>

using namespace plait;
using namespace plait::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static MemoryFile file;
  Expected<Checkpoint> checkpoint = Checkpoint::openFile(file.write({data, size}));
  if (!checkpoint) {
    checkRefusal(checkpoint.status());
    return 0;
  }
  size_t covered = 0;
  double sum = 0;
  for (const auto &[name, tensor] : checkpoint->tensors()) {
    int64_t elements = tensor.elements();
    require(elements >= 0 && tensor.data.size() == size_t(elements) * tensorBlockBytes(tensor.type),
            "a tensor has the bytes of its shape");
    require(tensor.fileOffset + tensor.data.size() <= size, "a tensor lies in its file");
    require(checkpoint->find(name) == &tensor, "a tensor is found by its name");
    covered += tensor.data.size();
    // Reading every byte lets the address sanitizer judge the range.
    for (uint8_t byte : tensor.data)
      sum += byte;
    for (int64_t i : {int64_t(0), elements / 2, elements - 1})
      if (i >= 0 && i < elements)
        sum += tensorElement(tensor, i) > 0;
  }
  uint64_t header;
  std::memcpy(&header, data, 8);
  require(covered + header + 8 == size, "tensors cover the file");
  require(checkpoint->nearest("model.norm.weight").size() <= 3, "at most three near names");
  return sum < 0;
}

/// Keeps the length of the header right, or nothing behind it is ever reached.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed) {
  uint64_t header;
  if (size < 8 || seed % 4 == 0)
    return LLVMFuzzerMutate(data, size, capacity);
  std::memcpy(&header, data, 8);
  if (header > size - 8)
    return LLVMFuzzerMutate(data, size, capacity);
  std::string rest(textOf(data, size).substr(8 + header));
  size_t room = capacity - 8 - std::min(rest.size(), capacity - 8);
  size_t length = seed % 4 == 1 ? LLVMFuzzerMutate(data + 8, header, room) : mutateJson(data + 8, header, room, seed);
  if (length == 0)
    return LLVMFuzzerMutate(data, size, capacity);
  header = length;
  std::memcpy(data, &header, 8);
  std::memcpy(data + 8 + length, rest.data(), rest.size());
  return 8 + length + rest.size();
}
