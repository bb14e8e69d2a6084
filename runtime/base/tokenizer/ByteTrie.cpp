//===- ByteTrie.cpp - Finds known strings at a place in a text ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/tokenizer/ByteTrie.h"

#include <algorithm>

namespace plait {

ByteTrie::ByteTrie(const std::vector<Entry> &entries) {
  std::vector<Entry> sorted = entries;
  std::sort(sorted.begin(), sorted.end());

  // What is still to become a node: keys [begin, end) share `depth` bytes.
  struct Range {
    size_t begin, end, depth;
  };
  std::vector<Range> ranges = {{0, sorted.size(), 0}};
  for (size_t i = 0; i < ranges.size(); ++i) {
    auto [begin, end, depth] = ranges[i];
    int32_t value = -1;
    for (; begin < end && sorted[begin].first.size() == depth; ++begin)
      value = sorted[begin].second;
    nodes.push_back({static_cast<uint32_t>(labels.size()), value});
    while (begin < end) {
      uint8_t label = static_cast<uint8_t>(sorted[begin].first[depth]);
      size_t next = begin;
      while (next < end && static_cast<uint8_t>(sorted[next].first[depth]) == label)
        ++next;
      labels.push_back(label);
      ranges.push_back({begin, next, depth + 1});
      begin = next;
    }
  }
  nodes.push_back({static_cast<uint32_t>(labels.size()), -1});
  for (uint32_t edge = 0; edge < nodes[1].firstEdge; ++edge)
    fromRoot[labels[edge]] = edge + 1;
}

uint32_t ByteTrie::childOf(uint32_t node, uint8_t label) const {
  auto begin = labels.begin() + nodes[node].firstEdge, end = labels.begin() + nodes[node + 1].firstEdge;
  auto edge = std::lower_bound(begin, end, label);
  return edge == end || *edge != label ? 0 : static_cast<uint32_t>(edge - labels.begin()) + 1;
}

int32_t ByteTrie::find(std::string_view key) const {
  int32_t result = -1;
  forEachPrefix(key, [&](size_t length, int32_t value) {
    if (length == key.size())
      result = value;
  });
  return result;
}

} // namespace plait
