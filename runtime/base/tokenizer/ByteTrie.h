//===- ByteTrie.h - Finds known strings at a place in a text ----*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_TOKENIZER_BYTETRIE_H
#define PLAIT_RUNTIME_BASE_TOKENIZER_BYTETRIE_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace plait {

/// An immutable map from byte strings to values that finds all keys that begin
/// at a position of a text in one walk. Nodes are numbered breadth first, so
/// that the edge number e leads to the node e + 1.
class ByteTrie {
public:
  using Entry = std::pair<std::string_view, int32_t>;

  ByteTrie() = default;
  /// Values must not be negative. Of equal keys the one with the greatest
  /// value counts; an empty key is never found.
  explicit ByteTrie(const std::vector<Entry> &entries);

  bool empty() const { return labels.empty(); }

  /// Calls `found(length, value)` for every key that is a prefix of `text`, the
  /// shortest first.
  template <typename Found> void forEachPrefix(std::string_view text, Found found) const {
    if (text.empty())
      return;
    uint32_t node = fromRoot[static_cast<uint8_t>(text[0])];
    for (size_t length = 1; node != 0; ++length) {
      if (nodes[node].value >= 0)
        found(length, nodes[node].value);
      if (length == text.size())
        break;
      node = childOf(node, static_cast<uint8_t>(text[length]));
    }
  }

  /// The value of `key`, or -1.
  int32_t find(std::string_view key) const;

private:
  struct Node {
    uint32_t firstEdge; ///< the next node's firstEdge ends the range
    int32_t value;
  };
  uint32_t childOf(uint32_t node, uint8_t label) const; // 0 if none

  std::vector<Node> nodes;
  std::vector<uint8_t> labels;          // of the edges, ascending within a node
  std::array<uint32_t, 256> fromRoot{}; // most walks end at the first byte
};

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_TOKENIZER_BYTETRIE_H
