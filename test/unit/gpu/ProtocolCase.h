//===- ProtocolCase.h - A protocol for a GPU, and its answers ---*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What test/unit/compiler/CudaProtocolCases.h leaves in NAME-RANKS.json: launches of an epoch, memory, and instead of
// data how arguments are drawn, and what results are of them. The latter is computed here, by plain loops, and says
// nothing of how kernels do it:
//
//   "value": ["norm", ["add", ["sum", ["product", 0, 1]], 2], 3]
//
// A number is an argument, of each rank its own.
//
// | | |
// |---|---|
// | product X W | of bf16, x[rows][k] times w[columns][k] |
// | sum X | over ranks, in their order, in f32; all ranks have it |
// | sum_around X | likewise, but the rows of rank p in the order p + 1, p + 2, ..., p |
// | gather X | rows of all ranks, one after the other; all ranks have it |
// | part X | the rows of a rank: X has those of all |
// | add X Y, round X | in f32; to bf16 |
// | norm X G | RMSNorm of rows, eps 1e-5, in double precision |
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_GPU_PROTOCOLCASE_H
#define PLAIT_TEST_UNIT_GPU_PROTOCOLCASE_H

#include "runtime/base/Json.h"

#include <cstdint>
#include <string>
#include <vector>

namespace plait::test {

/// By rows, in f32 also where the GPU's are of bf16.
using Matrix = std::vector<float>;

/// An argument or a result.
struct ProtocolBuffer {
  size_t rows, columns;
  bool isBf16, isSame; ///< on all ranks
  std::string draw;    ///< of an argument: numbers, integers, near_integers (which round to integers)
  Json value;          ///< of a result
  bool isExact;        ///< without a norm
  size_t bytes() const { return rows * columns * (isBf16 ? 2 : 4); }
};

struct ProtocolCase {
  struct Entry {
    std::string name;
    unsigned threads, sharedBytes, blocks;
    struct Map {
      size_t buffer, rows, columns, box;
    };
    std::vector<Map> maps;
  };
  /// Counters of u32 in symmetric memory.
  struct Words {
    std::string name;
    size_t offset, count;
  };

  static Expected<ProtocolCase> read(const std::string &path);

  std::string name;
  size_t ranks, memoryBytes;
  bool usesMulticast; ///< needs memory that all ranks hold at once
  std::vector<Words> words;
  std::vector<Entry> entries;
  std::vector<ProtocolBuffer> arguments, results;
  std::string image;
};

/// The arguments of an epoch, drawn by `seed`, and what must come of them.
class ProtocolData {
public:
  ProtocolData(const ProtocolCase &protocol, uint64_t seed);
  /// As the GPU has them.
  const std::vector<uint8_t> &argument(size_t rank, size_t i) const { return arguments[rank][i]; }
  /// Whether all ranks have the same result `i`, in every bit.
  bool isSame(size_t i) const { return expected[i].ofRanks.size() == 1; }
  /// Whether `found` is result `i` of the rank: exactly, or after a norm within 5e-6. An error names an element.
  Status check(size_t rank, size_t i, const float *found) const;

private:
  /// Of each rank, or one that all have.
  struct Value {
    std::vector<Matrix> ofRanks;
    size_t columns;
    const Matrix &at(size_t rank) const { return ofRanks[ofRanks.size() == 1 ? 0 : rank]; }
  };
  Value evaluate(const Json &value) const;

  const ProtocolCase &protocol;
  std::vector<Value> drawn, expected;
  std::vector<std::vector<std::vector<uint8_t>>> arguments;
};

} // namespace plait::test

#endif // PLAIT_TEST_UNIT_GPU_PROTOCOLCASE_H
