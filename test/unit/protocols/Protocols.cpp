//===- Protocols.cpp - Epochs of protocols, and their answers -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Protocols.h"

#include <cmath>

using namespace plait;

using Matrix = std::vector<float>;

/// x[rows][k] times w[columns][k]: one chain over k.
static Matrix multiply(const Matrix &x, const Matrix &w, size_t k) {
  size_t rows = x.size() / k, columns = w.size() / k;
  Matrix y(rows * columns);
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < columns; ++j) {
      float sum = 0;
      for (size_t c = 0; c < k; ++c) {
        float product = x[i * k + c] * w[j * k + c];
        sum = product + sum;
      }
      y[i * columns + j] = sum;
    }
  return y;
}

/// Panels of 32 rows, column by column.
static Matrix pack(const Matrix &w, size_t k) {
  Matrix packed(w.size());
  for (size_t row = 0; row < w.size() / k; ++row)
    for (size_t c = 0; c < k; ++c)
      packed[row / 32 * 32 * k + c * 32 + row % 32] = w[row * k + c];
  return packed;
}

/// Four chains of four lanes take turns; what is left goes to the first ones. Then chains are added to one another, and
/// the halves of what comes of it.
static float sumOfSquares(const float *x, size_t columns) {
  float sums[4][4] = {};
  for (size_t c = 0; c < columns; ++c) {
    float square = x[c] * x[c];
    sums[c / 4 % 4][c % 4] += square;
  }
  float lanes[4];
  for (size_t l = 0; l < 4; ++l)
    lanes[l] = (sums[0][l] + sums[2][l]) + (sums[1][l] + sums[3][l]);
  return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}

static Matrix normOf(const Matrix &x, const Matrix &gain) {
  size_t columns = gain.size();
  Matrix y(x.size());
  for (size_t row = 0; row < x.size() / columns; ++row) {
    const float *values = x.data() + row * columns;
    float inverse = 1 / std::sqrt(sumOfSquares(values, columns) / float(columns) + 1e-5f);
    for (size_t c = 0; c < columns; ++c) {
      float scaled = values[c] * inverse;
      y[row * columns + c] = scaled * gain[c];
    }
  }
  return y;
}

static Matrix rowsOf(const Matrix &x, size_t first, size_t rows, size_t columns) {
  return Matrix(x.begin() + ptrdiff_t(first * columns), x.begin() + ptrdiff_t((first + rows) * columns));
}

Matrix ProtocolEpoch::draw(uint64_t kind, size_t rank, size_t count) const {
  Matrix values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = valueOf(seed + kind, rank, i);
  return values;
}

/// Of which sums are exact in any order.
Matrix ProtocolEpoch::drawIntegers(uint64_t kind, size_t rank, size_t count) const {
  Matrix values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = float(int(bitsOf(seed + kind, rank, i) % 15) - 7);
  return values;
}

Matrix ProtocolEpoch::sum(const std::vector<Matrix> &parts) const {
  Matrix total = parts[0];
  for (size_t rank = 1; rank < ranks; ++rank)
    for (size_t i = 0; i < total.size(); ++i)
      total[i] += parts[rank][i];
  return total;
}

Matrix ProtocolEpoch::sumAround(const std::vector<Matrix> &parts) const {
  Matrix total = parts[0];
  for (size_t owner = 0, size = total.size() / ranks; owner < ranks; ++owner)
    for (size_t i = owner * size; i < (owner + 1) * size; ++i) {
      total[i] = parts[(owner + 1) % ranks][i];
      for (size_t step = 2; step <= ranks; ++step)
        total[i] += parts[(owner + step) % ranks][i];
    }
  return total;
}

void ProtocolEpoch::give(size_t rank, const Matrix &values) {
  arguments[rank].emplace_back(values.size(), placing);
  arguments[rank].back().fill([&](size_t i) { return values[i]; });
  given[rank].push_back(values);
}

void ProtocolEpoch::expect(size_t rank, Matrix values) {
  results[rank].emplace_back(values.size(), placing);
  wanted[rank].push_back(std::move(values));
}

void ProtocolEpoch::makeSum(size_t rows, size_t columns) {
  std::vector<Matrix> parts;
  for (size_t rank = 0; rank < ranks; ++rank)
    give(rank, parts.emplace_back(draw(0, rank, rows * columns)));
  Matrix total = isRing ? sumAround(parts) : sum(parts);
  for (size_t rank = 0; rank < ranks; ++rank)
    expect(rank, total);
}

void ProtocolEpoch::makeNorm(Matrix total, size_t rowsOfRank, size_t columns) {
  Matrix gain = draw(2, 0, columns);
  bool isWhole = rowsOfRank == 0;
  for (size_t rank = 0; rank < ranks; ++rank) {
    Matrix residual = isWhole ? draw(3, 0, total.size()) : draw(3, rank, rowsOfRank * columns);
    give(rank, residual);
    give(rank, gain);
    for (size_t i = 0; i < residual.size() && (!isWhole || rank == 0); ++i)
      total[rank * residual.size() + i] += residual[i];
  }
  for (size_t rank = 0; rank < ranks; ++rank) {
    expect(rank, normOf(total, gain));
    expect(rank, isWhole ? total : rowsOf(total, rank * rowsOfRank, rowsOfRank, columns));
  }
}

void ProtocolEpoch::makeGather(size_t rowsOfRank, size_t k, const std::vector<size_t> &widths) {
  Matrix all;
  for (size_t rank = 0; rank < ranks; ++rank) {
    Matrix x = draw(0, rank, rowsOfRank * k);
    give(rank, x);
    all.insert(all.end(), x.begin(), x.end());
  }
  for (size_t rank = 0; rank < ranks; ++rank)
    for (size_t i = 0; i < widths.size(); ++i) {
      Matrix w = draw(1 + i, rank, widths[i] * k);
      give(rank, pack(w, k));
      expect(rank, multiply(all, w, k));
    }
}

ProtocolEpoch::ProtocolEpoch(const std::string &name, size_t ranks, uint64_t seed)
    : seed(seed), ranks(ranks), isRing(name.ends_with("_ring")), placing(seed), arguments(ranks), results(ranks),
      given(ranks), wanted(ranks), pointers(ranks) {
  constexpr size_t k = 24, wide = 64;
  std::vector<Matrix> parts;
  // Of those every rank has all rows.
  bool isWhole = name.ends_with("_one_shot") || name.ends_with("_lamport");
  if (name == "one_shot" || name == "two_shot") {
    makeSum(6, name == "one_shot" ? 40 : 42);
  } else if (name == "all_reduce_norm" || name.starts_with("reduce_gather")) {
    size_t columns = name == "all_reduce_norm" ? 40 : wide, rows = isWhole ? 3 : 2 * ranks;
    for (size_t rank = 0; rank < ranks; ++rank)
      give(rank, parts.emplace_back(draw(0, rank, rows * columns)));
    makeNorm(isRing ? sumAround(parts) : sum(parts), isWhole ? 0 : 2, columns);
  } else if (name.starts_with("all_reduce")) {
    makeSum(isWhole ? 3 : 2 * ranks, wide);
  } else if (name == "linear_reduce_gather") {
    for (size_t rank = 0; rank < ranks; ++rank) {
      Matrix x = draw(0, rank, 4 * ranks * k), w = draw(1, rank, wide * k);
      give(rank, x);
      give(rank, pack(w, k));
      parts.push_back(multiply(x, w, k));
    }
    makeNorm(sum(parts), 4, wide);
  } else if (name == "linear_reduce_scatter") {
    for (size_t rank = 0; rank < ranks; ++rank) {
      Matrix x = draw(0, rank, 4 * ranks * k), w = draw(1, rank, wide * k);
      give(rank, x);
      give(rank, pack(w, k));
      parts.push_back(multiply(x, w, k));
    }
    Matrix total = sum(parts);
    for (size_t rank = 0; rank < ranks; ++rank)
      expect(rank, rowsOf(total, 4 * rank, 4, wide));
  } else if (name == "all_gather_linear") {
    makeGather(4, k, {wide, 2 * wide});
  } else if (name == "gemm_reduce_scatter") {
    for (size_t rank = 0; rank < ranks; ++rank) {
      Matrix x = drawIntegers(0, rank, 2 * ranks * k), w = drawIntegers(1, rank, 32 * k);
      give(rank, x);
      give(rank, pack(w, k));
      parts.push_back(multiply(x, w, k));
    }
    Matrix total = sum(parts);
    for (size_t rank = 0; rank < ranks; ++rank)
      expect(rank, rowsOf(total, 2 * rank, 2, 32));
  } else { // all_gather_gemm
    makeGather(2, k, {wide});
  }
  for (size_t rank = 0; rank < ranks; ++rank)
    for (auto *buffers : {&arguments[rank], &results[rank]})
      for (Guarded<float> &buffer : *buffers)
        pointers[rank].push_back(buffer.data());
}

std::string ProtocolEpoch::check() const {
  std::string text;
  for (size_t rank = 0; rank < ranks && text.empty(); ++rank)
    text = checkRank(rank);
  return text;
}

std::string ProtocolEpoch::checkRank(size_t rank) const {
  std::string text, where = "rank " + std::to_string(rank) + ", ";
  for (size_t i = 0; i < results[rank].size() && text.empty(); ++i)
    text = results[rank][i].compare((where + "result " + std::to_string(i)).c_str(),
                                    [&](size_t e) { return wanted[rank][i][e]; });
  for (size_t i = 0; i < arguments[rank].size() && text.empty(); ++i)
    text = arguments[rank][i].compare((where + "argument " + std::to_string(i)).c_str(),
                                      [&](size_t e) { return given[rank][i][e]; });
  return text;
}
