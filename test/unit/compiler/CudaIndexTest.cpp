//===- CudaIndexTest.cpp - Index maths of products on CUDA ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The functions of passes/CUDA/IndexMath.h against models of the instructions, which are
// written down here once more from "PTX ISA" (version 8.6; section names in brackets) and
// work on bytes of shared memory. Products of whole matrices come out right only if all
// of it fits together.
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/IndexMath.h"

#include "gtest/gtest.h"

#include <array>
#include <cstring>
#include <random>
#include <set>
#include <vector>

using namespace plait;

namespace {

using Matrix = std::vector<std::vector<int16_t>>;

Matrix randomMatrix(int64_t rows, int64_t columns, std::mt19937 &random) {
  std::uniform_int_distribution<int> numbers(-50, 50);
  Matrix matrix(rows, std::vector<int16_t>(columns));
  for (auto &row : matrix)
    for (int16_t &x : row)
      x = int16_t(numbers(random));
  return matrix;
}

/// Shared memory; a matrix of 16-bit numbers stands for one of bf16.
struct SharedMemory {
  std::vector<uint8_t> bytes = std::vector<uint8_t>(227 * 1024, 0xA5); // what nobody wrote is no zero
  void write(int64_t at, int16_t x) { std::memcpy(&bytes.at(at), &x, 2); }
  int16_t read(int64_t at) const {
    int16_t x;
    std::memcpy(&x, &bytes.at(at), 2);
    return x;
  }
};

/// [Swizzling Modes] With 128 bytes, bits 4 to 6 of an address are xored with bits 7 to 9.
int64_t swizzled(int64_t address) { return address ^ (address >> 7 & 7) << 4; }

/// [cp.async.bulk.tensor] A box of `rows` by 64 columns whose first element is (row, column):
/// rows one after the other, swizzled; zeros for what lies outside of the matrix.
void copyBox(SharedMemory &memory, int64_t target, const Matrix &matrix, int64_t row, int64_t column, int64_t rows) {
  ASSERT_EQ(target % 1024, 0);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < 64; ++c) {
      bool exists = row + r < int64_t(matrix.size()) && column + c < int64_t(matrix[0].size());
      memory.write(target + swizzled((r * 64 + c) * 2), exists ? matrix[row + r][column + c] : int16_t(0));
    }
}

/// [Matrix Descriptor Format] Element (row, k) of a tile whose K is consecutive ("K-major").
int16_t readByDescriptor(const SharedMemory &memory, uint64_t descriptor, int64_t row, int64_t k) {
  int64_t start = int64_t(descriptor & 0x3FFF) << 4, groups = int64_t(descriptor >> 32 & 0x3FFF) << 4;
  EXPECT_EQ(descriptor >> 49 & 7, 0u); // base offset: groups begin at multiples of 1024
  EXPECT_EQ(descriptor >> 62, 1u);     // swizzled by 128 bytes
  return memory.read(swizzled(start + row / 8 * groups + row % 8 * 128 + k * 2));
}

/// [Register Fragments, D of wgmma.m64nNk16] Row and column of element `i` of a thread of 128.
std::pair<int64_t, int64_t> placeInWgmma(int64_t thread, int64_t i) {
  int64_t row = 16 * (thread / 32) + thread % 32 / 4, column = 8 * (i / 4) + 2 * (thread % 4) + (i & 1);
  return {i % 4 < 2 ? row : row + 8, column};
}

/// [ldmatrix] Four matrices of 8 by 8: lanes 8m .. 8m + 7 have the addresses of the rows of
/// matrix m; lane l gets elements 2 (l % 4) and the next one of row l / 4 of each.
using Registers = std::array<std::array<std::array<int16_t, 2>, 4>, 32>; ///< [lane][matrix][element]
Registers loadMatrices(const SharedMemory &memory, const std::array<int64_t, 32> &addresses) {
  Registers registers;
  for (int64_t m = 0; m < 4; ++m) {
    std::set<int64_t> banks;
    for (int64_t r = 0; r < 8; ++r) {
      EXPECT_EQ(addresses[8 * m + r] % 16, 0);
      banks.insert(addresses[8 * m + r] / 16 % 8);
    }
    EXPECT_EQ(banks.size(), 8u) << "rows of a matrix lie in one bank";
    for (int64_t lane = 0; lane < 32; ++lane)
      for (int64_t i : {0, 1})
        registers[lane][m][i] = memory.read(addresses[8 * m + lane / 4] + (2 * (lane % 4) + i) * 2);
  }
  return registers;
}

/// [ldmatrix] With .trans a lane gets elements 2 (l % 4) and the next one of column l / 4.
Registers transposed(const Registers &registers) {
  Registers result;
  for (int64_t lane = 0; lane < 32; ++lane)
    for (int64_t m = 0; m < 4; ++m)
      for (int64_t i : {0, 1})
        result[lane][m][i] = registers[(2 * (lane % 4) + i) * 4 + lane / 4 / 2][m][lane / 4 % 2];
  return result;
}

/// [Matrix Fragments for mma.m16n8k16] Adds A B to sums, of which a lane has four.
void multiplyAdd(std::array<std::array<int64_t, 4>, 32> &sums, const Registers &a, const Registers &b, int64_t half) {
  int64_t first[16][16], second[16][8];
  for (int64_t lane = 0; lane < 32; ++lane)
    for (int64_t i = 0; i < 8; ++i) {
      int64_t group = lane / 4, in = lane % 4;
      int64_t row = i < 2 || (i >= 4 && i < 6) ? group : group + 8, k = in * 2 + (i & 1) + (i >= 4 ? 8 : 0);
      first[row][k] = a[lane][i / 2][i % 2];
      if (i < 4)
        second[in * 2 + (i & 1) + (i >= 2 ? 8 : 0)][group] = b[lane][2 * half + i / 2][i % 2];
    }
  for (int64_t lane = 0; lane < 32; ++lane)
    for (int64_t i = 0; i < 4; ++i) {
      int64_t row = i < 2 ? lane / 4 : lane / 4 + 8, column = lane % 4 * 2 + (i & 1);
      for (int64_t k = 0; k < 16; ++k)
        sums[lane][i] += first[row][k] * second[k][column];
    }
}

int64_t expected(const Matrix &weight, const Matrix &input, int64_t feature, int64_t token) {
  int64_t sum = 0;
  for (size_t k = 0; k < weight[0].size(); ++k)
    sum += int64_t(weight[feature][k]) * input[token][k];
  return sum;
}

} // namespace

TEST(CudaIndex, SwizzleIsThatOfTma) {
  for (int64_t row = 0; row < 256; ++row)
    for (int64_t chunk = 0; chunk < cuda::kChunks; ++chunk)
      EXPECT_EQ(cuda::swizzledOffset(row, chunk), swizzled(row * 128 + chunk * 16));
}

// A tile as WgmmaProduct computes it: TMA fills a ring, each warpgroup multiplies 64 rows.
TEST(CudaIndex, WgmmaTile) {
  std::mt19937 random(1);
  for (auto [columns, tokens, consumers, base] :
       {std::tuple<int64_t, int64_t, int64_t, int64_t>{64, 8, 1, 0}, {200, 16, 1, 1024}, {448, 64, 2, 8192}}) {
    Matrix weight = randomMatrix(64 * consumers, columns, random), input = randomMatrix(tokens, columns, random);
    int64_t stages = 4, weightBytes = 64 * consumers * 128, stageBytes = weightBytes + tokens * 128;
    SharedMemory memory;
    std::vector<std::vector<int64_t>> sums(128 * consumers, std::vector<int64_t>(tokens / 2));
    for (int64_t k = 0; k * 64 < columns; ++k) {
      int64_t tile = base + cuda::ringStage(k, stages) * stageBytes;
      copyBox(memory, tile, weight, 0, k * 64, 64 * consumers);
      copyBox(memory, tile + weightBytes, input, 0, k * 64, tokens);
      for (int64_t thread = 0; thread < 128 * consumers; ++thread)
        for (int64_t step = 0; step < cuda::kSteps; ++step) {
          auto descriptor = [&](int64_t address) {
            return cuda::kDescriptorBits + uint64_t(cuda::descriptorAddress(address, step));
          };
          uint64_t first = descriptor(tile + thread / 128 * 64 * 128), second = descriptor(tile + weightBytes);
          for (int64_t i = 0; i < tokens / 2; ++i) {
            auto [row, column] = placeInWgmma(thread % 128, i);
            for (int64_t inStep = 0; inStep < 16; ++inStep)
              sums[thread][i] += int64_t(readByDescriptor(memory, first, row, inStep)) *
                                 readByDescriptor(memory, second, column, inStep);
          }
        }
    }
    std::set<std::pair<int64_t, int64_t>> places;
    for (int64_t thread = 0; thread < 128 * consumers; ++thread)
      for (int64_t i = 0; i < tokens / 2; ++i) {
        int64_t lane = thread % 32, feature = 16 * (thread / 32) + cuda::sumRow(lane, i);
        int64_t token = cuda::sumColumn(lane, i);
        EXPECT_EQ(sums[thread][i], expected(weight, input, feature, token)) << thread << " " << i;
        EXPECT_TRUE(places.insert({feature, token}).second);
      }
    EXPECT_EQ(places.size(), size_t(64 * consumers * tokens));
  }
}

// A tile as MmaProduct computes it, by one warp: cp.async of chunks, ldmatrix, mma.
TEST(CudaIndex, MmaTile) {
  std::mt19937 random(2);
  constexpr int64_t columns = 136, tokens = 32;
  Matrix weight = randomMatrix(16, columns, random), input = randomMatrix(tokens, columns, random);
  SharedMemory memory;
  constexpr int64_t inputTile = 16 * 128;
  std::array<std::array<std::array<int64_t, 4>, 32>, tokens / 8> sums = {};
  for (int64_t k = 0; k * 64 < columns; ++k) {
    auto copy = [&](const Matrix &matrix, int64_t target) {
      for (int64_t row = 0; row < int64_t(matrix.size()); ++row)
        for (int64_t chunk = 0; chunk < cuda::kChunks; ++chunk)
          for (int64_t i = 0; i < 8; ++i) {
            int64_t column = k * 64 + chunk * 8 + i;
            memory.write(target + cuda::swizzledOffset(row, chunk) + i * 2,
                         column < columns ? matrix[row][column] : int16_t(0));
          }
    };
    copy(weight, 0);
    copy(input, inputTile);
    for (int64_t step = 0; step < cuda::kSteps; ++step) {
      std::array<int64_t, 32> addresses;
      for (int64_t lane = 0; lane < 32; ++lane) {
        auto cell = cuda::firstOperandCell(lane);
        addresses[lane] = cuda::swizzledOffset(cell.row, cell.chunk + 2 * step);
      }
      Registers first = loadMatrices(memory, addresses);
      for (int64_t token = 0; token < tokens; token += 16) {
        for (int64_t lane = 0; lane < 32; ++lane) {
          auto cell = cuda::secondOperandCell(lane);
          addresses[lane] = inputTile + cuda::swizzledOffset(cell.row + token, cell.chunk + 2 * step);
        }
        Registers second = loadMatrices(memory, addresses);
        for (int64_t half : {0, 1})
          multiplyAdd(sums[token / 8 + half], first, second, half);
      }
    }
  }
  for (int64_t lane = 0; lane < 32; ++lane)
    for (int64_t i = 0; i < tokens / 2; ++i)
      EXPECT_EQ(sums[i / 4][lane][i % 4], expected(weight, input, cuda::sumRow(lane, i), cuda::sumColumn(lane, i)));
}

// A tile as AttendTiles computes it, by one warp: both operands in rows of 16 columns, those of the second one along K.
TEST(CudaIndex, SlicedTile) {
  std::mt19937 random(3);
  constexpr int64_t columns = 48, tokens = 16, keys = 16 * columns * 2;
  Matrix query = randomMatrix(16, columns, random), key = randomMatrix(tokens, columns, random);
  SharedMemory memory;
  for (int64_t row = 0; row < 16; ++row)
    for (int64_t k = 0; k < columns; ++k) {
      memory.write(cuda::slicedOffset(k / 16 * 16 + row, k % 16 / 8) + k % 8 * 2, query[row][k]);
      memory.write(keys + cuda::slicedOffset(k, row / 8) + row % 8 * 2, key[row][k]);
    }
  std::array<std::array<std::array<int64_t, 4>, 32>, tokens / 8> sums = {};
  for (int64_t k = 0; k < columns; k += 16) {
    std::array<int64_t, 32> first, second;
    for (int64_t lane = 0; lane < 32; ++lane) {
      auto cell = cuda::firstOperandCell(lane);
      first[lane] = cuda::slicedOffset(k + cell.row, cell.chunk);
      second[lane] = keys + first[lane];
    }
    Registers own = loadMatrices(memory, first), others = transposed(loadMatrices(memory, second));
    for (int64_t half : {0, 1})
      multiplyAdd(sums[half], own, others, half);
  }
  for (int64_t lane = 0; lane < 32; ++lane)
    for (int64_t i = 0; i < tokens / 2; ++i)
      EXPECT_EQ(sums[i / 4][lane][i % 4], expected(query, key, cuda::sumRow(lane, i), cuda::sumColumn(lane, i)));
}

namespace {

/// [mbarrier] Phases complete one after the other, when as many have arrived as are expected
/// and all bytes that were announced have come.
struct Barrier {
  int64_t expected, pending = expected, bytes = 0, phase = 0;
  void arrive() {
    ASSERT_GT(pending, 0) << "more arrivals than a phase has";
    --pending;
    complete();
  }
  void complete() {
    if (pending == 0 && bytes == 0) {
      ++phase;
      pending = expected;
    }
  }
  /// [mbarrier.try_wait.parity] Whether the phase of that parity is over, which is the one
  /// before the phase at work.
  bool isOver(int64_t parity) const { return (phase & 1) != parity; }
};

/// A producer and warps that run in any order, as WgmmaProduct has them; returns whether all
/// came to their end.
bool runRing(int64_t stages, int64_t tiles, int64_t warps, std::mt19937 &random) {
  std::vector<Barrier> full(stages, Barrier{1}), empty(stages, Barrier{warps});
  std::vector<int64_t> contents(stages, -1), readers(stages, 0);
  std::vector<std::pair<int64_t, int64_t>> copies; ///< under way: stage, tile
  int64_t produced = 0;
  std::vector<int64_t> consumed(warps, 0);
  for (int64_t idle = 0; idle < 10000;) {
    int64_t actor = int64_t(random() % (warps + 2));
    ++idle;
    if (actor == warps) { // the thread that loads
      int64_t stage = cuda::ringStage(produced, stages);
      if (produced < tiles && empty[stage].isOver(cuda::emptyParity(produced, stages))) {
        full[stage].bytes += 1;
        full[stage].arrive();
        copies.push_back({stage, produced++});
        idle = 0;
      }
    } else if (actor == warps + 1) { // TMA, whose copies may overtake each other
      if (!copies.empty()) {
        size_t i = random() % copies.size();
        auto [stage, tile] = copies[i];
        copies.erase(copies.begin() + i);
        EXPECT_EQ(readers[stage], 0) << "a buffer is written that is still read";
        contents[stage] = tile;
        full[stage].bytes -= 1;
        full[stage].complete();
        idle = 0;
      }
    } else if (int64_t &k = consumed[actor]; k < tiles) {
      int64_t stage = cuda::ringStage(k, stages);
      if (!full[stage].isOver(cuda::fullParity(k, stages)))
        continue;
      EXPECT_EQ(contents[stage], k) << "a warp reads another tile";
      ++readers[stage];
      if (k > 0) { // what was read before this is done now
        int64_t before = cuda::ringStage(k + stages - 1, stages);
        --readers[before];
        empty[before].arrive();
      }
      ++k;
      idle = 0;
    }
  }
  for (int64_t k : consumed)
    if (k != tiles)
      return false;
  return produced == tiles;
}

} // namespace

TEST(CudaIndex, RingOfBarriers) {
  std::mt19937 random(3);
  for (int64_t stages : {2, 4, 16})
    for (int64_t tiles : {1, 2, 3, 4, 5, 8, 17, 64})
      for (int64_t warps : {4, 8})
        EXPECT_TRUE(runRing(stages, tiles, warps, random)) << stages << " " << tiles << " " << warps;
}
