//===- ProtocolCase.cpp - A protocol for a GPU, and its answers -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/gpu/ProtocolCase.h"

#include "runtime/base/File.h"

#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

using namespace plait;
using namespace plait::test;

//===----------------------------------------------------------------------===//
// Reading. Files are ours: what is wrong in them ends the test.
//===----------------------------------------------------------------------===//

[[noreturn]] static void refuse(const std::string &text) {
  std::fprintf(stderr, "%s\n", text.c_str());
  std::abort();
}

static ProtocolBuffer readBuffer(const Json &json) {
  ProtocolBuffer buffer = {json.at("rows"), json.at("columns"), false, false, "", nullptr, true};
  if (json.contains("value")) {
    buffer.value = json.at("value");
    buffer.isExact = buffer.value.dump().find("norm") == std::string::npos;
    return buffer;
  }
  buffer.isBf16 = json.at("element") == "bf16";
  buffer.isSame = json.at("same");
  buffer.draw = json.at("draw");
  return buffer;
}

Expected<ProtocolCase> ProtocolCase::read(const std::string &path) {
  PLAIT_ASSIGN_OR_RETURN(Json json, readJsonFile(path));
  PLAIT_ASSIGN_OR_RETURN(std::string image,
                         readFile(path.substr(0, path.rfind('/') + 1) + std::string(json.at("image"))));
  ProtocolCase result = {json.at("name"), json.at("ranks"), json.at("memory"), json.at("multicast"), {}, {}, {}, {},
                         std::move(image)};
  for (const Json &words : json.at("words"))
    result.words.push_back({words.at("name"), words.at("offset"), words.at("count")});
  for (const Json &entry : json.at("entries")) {
    result.entries.push_back({entry.at("name"), entry.at("threads"), entry.at("shared"), entry.at("blocks"), {}});
    for (const Json &map : entry.at("maps"))
      result.entries.back().maps.push_back({map.at(0), map.at(1), map.at(2), map.at(3)});
  }
  for (const Json &buffer : json.at("arguments"))
    result.arguments.push_back(readBuffer(buffer));
  for (const Json &buffer : json.at("results"))
    result.results.push_back(readBuffer(buffer));
  return result;
}

//===----------------------------------------------------------------------===//
// Plain loops
//===----------------------------------------------------------------------===//

/// To nearest, ties to even.
static float roundToBf16(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x);
  return std::bit_cast<float>((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000);
}

static Matrix multiply(const Matrix &x, const Matrix &w, size_t k) {
  size_t rows = x.size() / k, columns = w.size() / k;
  Matrix y(rows * columns);
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < columns; ++j)
      for (size_t c = 0; c < k; ++c)
        y[i * columns + j] += x[i * k + c] * w[j * k + c];
  return y;
}

static Matrix normOf(const Matrix &x, const Matrix &gain) {
  size_t columns = gain.size();
  Matrix y(x.size());
  for (size_t row = 0; row < x.size() / columns; ++row) {
    double squares = 0;
    for (size_t c = 0; c < columns; ++c)
      squares += double(x[row * columns + c]) * x[row * columns + c];
    for (size_t c = 0; c < columns; ++c)
      y[row * columns + c] = float(x[row * columns + c] / std::sqrt(squares / double(columns) + 1e-5) * gain[c]);
  }
  return y;
}

ProtocolData::Value ProtocolData::evaluate(const Json &value) const {
  if (value.is_number())
    return drawn.at(size_t(value));
  std::string op = value.at(0);
  Value x = evaluate(value.at(1)), y = value.size() > 2 ? evaluate(value.at(2)) : Value();
  size_t ranks = protocol.ranks;
  auto ofEach = [&](size_t columns, auto compute) {
    Value result{{}, columns};
    size_t different = std::max(x.ofRanks.size(), y.ofRanks.size());
    for (size_t rank = 0; rank < different; ++rank)
      result.ofRanks.push_back(compute(rank));
    return result;
  };
  if (op == "product")
    return ofEach(y.at(0).size() / x.columns, [&](size_t rank) { return multiply(x.at(rank), y.at(rank), x.columns); });
  if (op == "norm")
    return ofEach(x.columns, [&](size_t rank) { return normOf(x.at(rank), y.at(rank)); });
  if (op == "round" || op == "add")
    return ofEach(x.columns, [&](size_t rank) {
      Matrix result = x.at(rank);
      for (size_t i = 0; i < result.size(); ++i)
        result[i] = op == "add" ? result[i] + y.at(rank)[i] : roundToBf16(result[i]);
      return result;
    });
  if (op == "sum") {
    Matrix sum = x.at(0);
    for (size_t rank = 1; rank < ranks; ++rank)
      for (size_t i = 0; i < sum.size(); ++i)
        sum[i] += x.at(rank)[i];
    return {{sum}, x.columns};
  }
  if (op == "sum_around") {
    Matrix sum = x.at(0);
    size_t ofRank = sum.size() / ranks;
    for (size_t i = 0; i < sum.size(); ++i) {
      size_t owner = i / ofRank;
      sum[i] = x.at((owner + 1) % ranks)[i];
      for (size_t step = 2; step <= ranks; ++step)
        sum[i] += x.at((owner + step) % ranks)[i];
    }
    return {{sum}, x.columns};
  }
  if (op == "gather") {
    Matrix all;
    for (size_t rank = 0; rank < ranks; ++rank)
      all.insert(all.end(), x.at(rank).begin(), x.at(rank).end());
    return {{all}, x.columns};
  }
  if (op == "part") {
    Value parts{{}, x.columns};
    for (size_t rank = 0; rank < ranks; ++rank) {
      ptrdiff_t size = ptrdiff_t(x.at(rank).size() / ranks);
      auto begin = x.at(rank).begin() + ptrdiff_t(rank) * size;
      parts.ofRanks.emplace_back(begin, begin + size);
    }
    return parts;
  }
  refuse(protocol.name + ": found '" + op +
         "' in what a result is; expected product, sum, sum_around, gather, part, add, round or "
         "norm");
}

//===----------------------------------------------------------------------===//
// An epoch
//===----------------------------------------------------------------------===//

static Matrix draw(const ProtocolBuffer &buffer, std::mt19937_64 &random) {
  std::normal_distribution<float> normal;
  Matrix values(buffer.rows * buffer.columns);
  for (float &value : values) {
    if (buffer.draw == "numbers") // of which sums in f32 are rounded
      value = normal(random);
    else // products of them are exact
      value = float(int(random() % 9) - 4) * (buffer.draw == "integers" ? 1 : 1 + 0x1p-12f);
  }
  return values;
}

static std::vector<uint8_t> bytesOf(const Matrix &values, bool isBf16) {
  std::vector<uint8_t> bytes(values.size() * (isBf16 ? 2 : 4));
  for (size_t i = 0; i < values.size(); ++i) {
    uint32_t bits = std::bit_cast<uint32_t>(values[i]);
    if (isBf16)
      bits >>= 16;
    std::memcpy(bytes.data() + i * (isBf16 ? 2 : 4), &bits, isBf16 ? 2 : 4); // the lower half comes first
  }
  return bytes;
}

ProtocolData::ProtocolData(const ProtocolCase &protocol, uint64_t seed)
    : protocol(protocol), arguments(protocol.ranks) {
  std::mt19937_64 random(seed);
  for (const ProtocolBuffer &buffer : protocol.arguments) {
    Value &value = drawn.emplace_back(Value{{}, buffer.columns});
    for (size_t rank = 0; rank < (buffer.isSame ? 1 : protocol.ranks); ++rank)
      value.ofRanks.push_back(draw(buffer, random));
    for (size_t rank = 0; rank < protocol.ranks; ++rank)
      arguments[rank].push_back(bytesOf(value.at(rank), buffer.isBf16));
  }
  for (const ProtocolBuffer &buffer : protocol.results) {
    expected.push_back(evaluate(buffer.value));
    if (expected.back().at(0).size() != buffer.rows * buffer.columns)
      refuse(protocol.name + ": found a result of another size than " + buffer.value.dump());
  }
}

Status ProtocolData::check(size_t rank, size_t i, const float *found) const {
  const ProtocolBuffer &result = protocol.results[i];
  const Matrix &values = expected[i].at(rank);
  for (size_t e = 0; e < values.size(); ++e) {
    bool isEqual = std::bit_cast<uint32_t>(found[e]) == std::bit_cast<uint32_t>(values[e]);
    if (!result.isExact)
      isEqual = std::fabs(found[e] - values[e]) <= 5e-6 * (1 + std::fabs(values[e]));
    if (!isEqual)
      return internalError("result " + std::to_string(i) + ", row " + std::to_string(e / result.columns) + ", column " +
                           std::to_string(e % result.columns) + ": found " + std::to_string(found[e]) + "; expected " +
                           std::to_string(values[e]));
  }
  return Status::success();
}
