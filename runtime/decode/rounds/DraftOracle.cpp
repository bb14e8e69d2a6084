//===- DraftOracle.cpp - Drafts that are right as often as wanted ---------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/rounds/DraftOracle.h"

#include "runtime/base/Philox.h"

#include <algorithm>

using namespace plait;

int32_t DraftOracle::draft(int64_t position, int32_t place, int32_t siblings, int64_t vocabulary) const {
  auto drawOf = [&](uint32_t index) {
    return double(uniformDraw(seed, sequence, uint32_t(position), RandomPurpose::draft, index));
  };
  bool isKnown = position < int64_t(text.size());
  bool isRight = isKnown && drawOf(0) < accuracy && place == int32_t(drawOf(1) * siblings);
  int64_t right = isKnown ? text[size_t(position)] : 0;
  if (isRight || vocabulary < 2)
    return int32_t(right);
  int64_t other = int64_t(drawOf(2) * double(vocabulary - 1)) + place;
  return int32_t((right + 1 + other % (vocabulary - 1)) % vocabulary);
}

void DraftOracle::draft(DraftBlock &block, int64_t root, int64_t most, bool filled, int64_t vocabulary) const {
  while (filled && block.size() < std::min(most, block.deepest + 1))
    block.add(0, block.size() - 1);
  std::vector<int32_t> children(size_t(block.size()), 0), places(size_t(block.size()), 0);
  for (int32_t node = 1; node < block.numTokens(); ++node)
    places[size_t(node)] = children[size_t(block.parents[size_t(node)])]++;
  for (int32_t node = 1; node < block.numTokens(); ++node)
    block.tokens[size_t(node)] = draft(root + block.depth(node), places[size_t(node)],
                                       children[size_t(block.parents[size_t(node)])], vocabulary);
}
