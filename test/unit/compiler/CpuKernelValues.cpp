//===- CpuKernelValues.cpp - Buffers and values of CPU kernel tests -------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuKernelFixture.h"

#include "runtime/base/QuantizedBlocks.h"

#include <cmath>
#include <cstring>

using namespace plait;
using namespace plait::test;

//===----------------------------------------------------------------------===//
// Guarded
//===----------------------------------------------------------------------===//

// As f32 a NaN, so that whoever reads a sentinel or an unwritten result sees it.
static constexpr uint8_t sentinel = 0xff;

Guarded::Guarded(size_t size) : bytes(size + 2 * guard, sentinel) {}

bool Guarded::intact() const {
  auto isSentinel = [](uint8_t byte) { return byte == sentinel; };
  return std::all_of(bytes.begin(), bytes.begin() + guard, isSentinel) &&
         std::all_of(bytes.end() - guard, bytes.end(), isSentinel);
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

static uint16_t toBF16(double value) {
  float f = float(value); // already representable
  uint32_t bits;
  std::memcpy(&bits, &f, sizeof bits);
  return uint16_t(bits >> 16);
}

/// The scale of a group of a random weight of integers, as f16, and its zero point.
static uint16_t scaleOf(int64_t row, int64_t group) { return uint16_t(0x2400 + (row * 37 + group * 101) % 2048); }
static int zeroOf(const WeightQuantization &q, int64_t row, int64_t group) {
  return q.zeroPoints ? int((row + 3 * group) % 16) : 0;
}

/// As include/plait-abi/Model.h says, read anew.
static Guarded packIntegers(const WeightValue &value, kernel::PackedType type) {
  WeightQuantization q = *type.getQuantization();
  Guarded packed{size_t(type.getBytes())};
  auto *bytes = static_cast<uint8_t *>(packed.data());
  std::memset(bytes, 0, packed.size());
  int64_t group = q.group ? q.group : value.cols, perWord = 32 / q.bits, at = 0;
  for (int64_t panel = 0; panel < value.rows; panel += 32)
    for (int64_t first = 0; first < value.cols; first += group) {
      int64_t header = at, words = header + 64 + (q.zeroPoints ? 64 : 0);
      int64_t count = std::min(group, value.cols - first);
      for (int64_t r = panel; r < std::min(panel + 32, value.rows); ++r) {
        uint16_t scale = scaleOf(r, first / group);
        int16_t zero = int16_t(zeroOf(q, r, first / group));
        std::memcpy(bytes + header + (r - panel) * 2, &scale, 2);
        if (q.zeroPoints)
          std::memcpy(bytes + header + 64 + (r - panel) * 2, &zero, 2);
        for (int64_t c = 0; c < count; ++c) {
          int integer = int(std::lround(value.at(r, first + c) / double(halfToFloat(scale)))) + zero;
          uint8_t *word = bytes + words + (c / perWord * 32 + r - panel) * 4;
          if (q.bits == 8)
            word[c % 4] = uint8_t(integer);
          else
            word[c % 8 / 2] |= uint8_t(((integer + (q.zeroPoints ? 0 : 8)) & 15) << (c % 2 * 4));
        }
      }
      at = words + llvm::divideCeilSigned(count, perWord) * 32 * 4;
    }
  EXPECT_EQ(at, type.getBytes());
  return packed;
}

static std::vector<float> widen(const std::vector<uint16_t> &halves) {
  std::vector<float> values;
  for (uint16_t half : halves)
    values.push_back(llvm::bit_cast<float>(uint32_t(half) << 16));
  return values;
}

static Guarded pack(const WeightValue &value, kernel::PackedType type) {
  if (type.getQuantization())
    return packIntegers(value, type);
  int64_t panel = type.getPanel(), group = type.getGroup();
  Guarded packed{size_t(type.getBytes())};
  std::memset(packed.data(), 0, packed.size());
  for (int64_t r = 0; r < value.rows; ++r)
    for (int64_t c = 0; c < value.cols; ++c) {
      int64_t groups = llvm::divideCeilSigned(value.cols, group);
      int64_t at =
          panel ? ((r / panel * groups + c / group) * panel + r % panel) * group + c % group : r * value.cols + c;
      if (type.getStorageType().isBF16())
        static_cast<uint16_t *>(packed.data())[at] = toBF16(value.at(r, c));
      else
        static_cast<float *>(packed.data())[at] = float(value.at(r, c));
    }
  return packed;
}

/// Where column `c` of a row of 16-bit integers lies.
static int64_t pairedColumn(lm::Int16Type type, int64_t c) {
  int64_t distance = type.getDistance(), run = c / (2 * distance), in = c % (2 * distance);
  return run * 2 * distance + in % distance * 2 + in / distance;
}

/// Rows of !lm.int16, as its description says, read anew.
static Guarded packInt16(const DenseValue &value, lm::Int16Type type) {
  int64_t columns = value.rowSize(), rowBytes = type.getRowBytes(columns), group = type.getGroup();
  Guarded packed{size_t(value.rows() * rowBytes)};
  std::memset(packed.data(), 0, packed.size());
  for (int64_t r = 0; r < value.rows(); ++r) {
    uint8_t *row = static_cast<uint8_t *>(packed.data()) + r * rowBytes, *scales = row + (columns + 15) / 16 * 32;
    for (int64_t g = 0; g * group < columns; ++g) {
      int64_t end = std::min(columns, (g + 1) * group);
      double largest = 0;
      for (int64_t c = g * group; c < end; ++c)
        largest = std::max(largest, std::fabs(value.row(r)[c]));
      float scale = float(largest / 32767);
      int32_t sum = 0;
      for (int64_t c = g * group; c < end; ++c) {
        int16_t integer = int16_t(std::lround(value.row(r)[c] / double(scale)));
        std::memcpy(row + pairedColumn(type, c) * 2, &integer, 2);
        sum += integer;
      }
      std::memcpy(scales + g * 4, &scale, 4);
      std::memcpy(scales + (llvm::divideCeilSigned(columns, group) + g) * 4, &sum, 4);
    }
  }
  return packed;
}

/// The numbers that rows of !lm.int16 stand for; checks the sums.
static std::vector<float> unpackInt16(Guarded &packed, RankedTensorType tensor) {
  auto type = cast<lm::Int16Type>(tensor.getElementType());
  int64_t columns = tensor.getDimSize(1), rowBytes = type.getRowBytes(columns), group = type.getGroup();
  std::vector<float> values;
  for (int64_t at = 0; at < int64_t(packed.size()); at += rowBytes) {
    const uint8_t *row = static_cast<uint8_t *>(packed.data()) + at, *scales = row + (columns + 15) / 16 * 32;
    for (int64_t g = 0; g * group < columns; ++g) {
      float scale;
      int32_t sum, found = 0;
      std::memcpy(&scale, scales + g * 4, 4);
      std::memcpy(&sum, scales + (llvm::divideCeilSigned(columns, group) + g) * 4, 4);
      for (int64_t c = g * group; c < std::min(columns, (g + 1) * group); ++c) {
        int16_t integer;
        std::memcpy(&integer, row + pairedColumn(type, c) * 2, 2);
        values.push_back(scale * float(integer));
        found += integer;
      }
      if (std::isfinite(scale))
        EXPECT_EQ(sum, found);
    }
  }
  return values;
}

static Guarded toBuffer(const DenseValue &value, Type element) {
  if (auto type = dyn_cast<lm::Int16Type>(element))
    return packInt16(value, type);
  if (element.isF32())
    return Guarded(std::vector<float>(value.data.begin(), value.data.end()));
  if (element.isBF16()) {
    std::vector<uint16_t> halves(value.data.size());
    llvm::transform(value.data, halves.begin(), toBF16);
    return Guarded(halves);
  }
  return Guarded(std::vector<int32_t>(value.data.begin(), value.data.end()));
}

static int64_t dimOf(RankedTensorType type, const Step &step) {
  if (!type.isDynamicDim(0))
    return type.getDimSize(0);
  StringRef name = lm::getLeadingDim(type);
  static constexpr StringRef names[PLAIT_DIM_COUNT] = PLAIT_DIM_NAMES;
  return step.dims[size_t(llvm::find(names, name) - std::begin(names))];
}

void CpuKernel::call(const std::vector<void *> &buffers, const Step &step, int threads) {
  int64_t tiles = division.count;
  if (division.dim >= 0)
    tiles *= llvm::divideCeilSigned(step.dims[division.dim], division.block);
  plait_context_v1_t runtime = {sizeof runtime, nullptr, nullptr};
  for (int t = threads; t-- > 0;)
    entry(&runtime, buffers.data(), step.dims, t, tiles, threads);
}

std::vector<std::vector<float>> CpuKernel::run(const Step &step, bool inPlace, int threads) {
  std::vector<std::unique_ptr<Guarded>> owned;
  std::vector<void *> buffers;
  bufferSizes.clear();
  auto add = [&](Guarded buffer) {
    bufferSizes.push_back(buffer.size());
    buffers.push_back(owned.emplace_back(std::make_unique<Guarded>(std::move(buffer)))->data());
  };
  for (auto [type, value] : llvm::zip_equal(kernelOp.getArgumentTypes(), step.values)) {
    if (auto packed = dyn_cast<kernel::PackedType>(type))
      add(pack(valueAs<WeightValue>(value), packed));
    else if (auto tensor = dyn_cast<RankedTensorType>(type))
      add(toBuffer(valueAs<DenseValue>(value), tensor.getElementType()));
    else if (isa<lm::RowsType>(type)) {
      // Positions come behind them, in every op.
      const auto &rows = valueAs<RowsValue>(value);
      const auto &positions = valueAs<DenseValue>(step.values[size_t(&value - step.values.data()) + 1]);
      add(Guarded(std::vector<int32_t>(rows.tokenRows.begin(), rows.tokenRows.end())));
      std::vector<int32_t> ends, paths;
      size_t before = 0; // this row
      for (size_t t = 0; t < rows.tokenRows.size(); ++t) {
        if (t && rows.tokenRows[t] != rows.tokenRows[t - 1])
          before = paths.size();
        std::vector<int64_t> slots = rows.paths.empty() ? std::vector<int64_t>() : rows.paths[t];
        int64_t own = int64_t(positions.data[t]), last = rows.lastSeen(int64_t(t), own);
        if (!slots.empty() || last != own || paths.size() > before)
          paths.push_back(int32_t(last));
        paths.insert(paths.end(), slots.begin(), slots.end());
        ends.push_back(int32_t(paths.size()));
      }
      add(Guarded(ends));
      add(Guarded(paths));
    } else {
      buffers.push_back(step.pages);
      bufferSizes.push_back(0);
      add(Guarded(step.pageTable));
    }
  }
  std::vector<Guarded *> results;
  size_t firstResult = buffers.size();
  for (Type type : kernelOp.getResultTypes())
    if (auto tensor = dyn_cast<RankedTensorType>(type)) {
      add(Guarded(size_t(dimOf(tensor, step) * lm::getRowBytes(tensor))));
      results.push_back(owned.back().get());
    }
  if (inPlace) {
    results[0] = owned[0].get();
    buffers[firstResult] = buffers[0];
  }
  call(buffers, step, threads);
  for (const auto &buffer : owned)
    EXPECT_TRUE(buffer->intact()) << "a sentinel was overwritten";
  std::vector<std::vector<float>> values;
  SmallVector<RankedTensorType> types;
  for (Type type : kernelOp.getResultTypes())
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      types.push_back(tensor);
  for (auto [result, type] : llvm::zip_equal(results, types))
    values.push_back(isa<lm::Int16Type>(type.getElementType()) ? unpackInt16(*result, type)
                     : type.getElementType().isBF16()          ? widen(result->values<uint16_t>())
                                                               : result->values<float>());
  return values;
}

namespace {
/// For ops without regions or weights of their own.
struct OpsEvaluator : Evaluator, WeightSource {
  FailureOr<std::vector<EvalValue>> runBlock(Block &, std::vector<EvalValue>) override { return failure(); }
  WeightSource &weights() override { return *this; }
  std::optional<WeightValue> load(Operation *, const std::string &, int64_t, int64_t, bool,
                                  const WeightQuantization *) override {
    return {};
  }
};
} // namespace

std::vector<DenseValue> CpuKernel::evaluate(const Step &step) {
  llvm::DenseMap<Value, EvalValue> values;
  for (auto [argument, value] : llvm::zip_equal(kernelOp.getArguments(), step.values))
    values[argument] = value;
  OpsEvaluator evaluator;
  for (Operation *op : kernelOp.getComputeOps()) {
    std::vector<EvalValue> operands, results;
    for (Value operand : op->getOperands()) {
      auto unpack = operand.getDefiningOp<kernel::UnpackOp>();
      operands.push_back(values.at(unpack ? unpack.getPacked() : operand));
    }
    EXPECT_TRUE(succeeded(cast<lm::EvaluableOpInterface>(op).evaluate(evaluator, operands, results)));
    for (auto [result, value] : llvm::zip_equal(op->getResults(), results))
      values[result] = value;
  }
  std::vector<DenseValue> tensors;
  for (Value result : kernelOp.getBody().front().getTerminator()->getOperands())
    if (const auto *dense = std::any_cast<DenseValue>(&values.at(result)))
      tensors.push_back(*dense);
  return tensors;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

std::vector<double> Random::normals(int64_t count, double scale) {
  std::vector<double> values(count);
  for (double &value : values)
    value = float(normal() * scale);
  return values;
}

DenseValue Random::tensor(std::vector<int64_t> shape, double scale) {
  DenseValue value = DenseValue::zeros(std::move(shape));
  value.data = normals(int64_t(value.data.size()), scale);
  return value;
}

WeightValue Random::weight(lm::WeightType type, double scale) {
  auto data = normals(type.getRows() * type.getCols(), scale);
  auto format = cast<lm::WeightFormatInterface>(type.getFormat());
  auto q = format.getQuantization();
  for (int64_t row = 0, at = 0; row < type.getRows(); ++row) {
    if (!q)
      format.roundRow(MutableArrayRef(data).slice(row * type.getCols(), type.getCols()));
    for (int64_t col = 0; q && col < type.getCols(); ++col, ++at) {
      int64_t group = col / q->groupColumns(type.getCols());
      int integer = int(engine() % uint64_t(q->highest() - q->lowest() + 1)) + q->lowest();
      data[at] = double(halfToFloat(scaleOf(row, group))) * (integer - zeroOf(*q, row, group));
    }
  }
  return {type.getRows(), type.getCols(), std::make_shared<const std::vector<double>>(std::move(data))};
}

DenseValue Random::int16(int64_t rows, int64_t columns, int64_t group) {
  DenseValue value = DenseValue::zeros({rows, columns});
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t first = 0; first < columns; first += group) {
      double scale = double(float(std::fabs(normal()) + 0.01f));
      for (int64_t c = first; c < std::min(columns, first + group); ++c)
        value.row(r)[c] = scale * (c == first ? 32767 : int(engine() % 65535) - 32767);
    }
  return value;
}

DenseValue Random::indices(int64_t count, int64_t bound) {
  DenseValue value = DenseValue::zeros({count});
  for (double &index : value.data)
    index = double(engine() % uint64_t(bound));
  return value;
}

DenseValue test::takeRows(const DenseValue &tensor, int64_t begin, int64_t end) {
  DenseValue rows;
  rows.shape = tensor.shape;
  rows.shape[0] = end - begin;
  rows.data.assign(tensor.row(begin), tensor.row(begin) + (end - begin) * tensor.rowSize());
  return rows;
}

void test::expectClose(const std::vector<float> &actual, const DenseValue &expected, double tolerance) {
  ASSERT_EQ(actual.size(), expected.data.size());
  double worst = 0, largest = 0;
  for (auto [a, x] : llvm::zip_equal(actual, expected.data)) {
    ASSERT_EQ(std::isnan(a), std::isnan(x));
    if (std::isnan(x) || (std::isinf(x) && double(a) == x))
      continue;
    worst = std::max(worst, std::fabs(double(a) - x));
    largest = std::max(largest, std::fabs(x));
  }
  EXPECT_LE(worst, tolerance * largest);
}

void test::expectSameBits(const std::vector<float> &actual, const std::vector<float> &expected) {
  ASSERT_EQ(actual.size(), expected.size());
  EXPECT_EQ(0, std::memcmp(actual.data(), expected.data(), actual.size() * sizeof(float)));
}
