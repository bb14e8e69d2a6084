//===- Weights.cpp - The weight pack of a model in memory -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Weights.h"

#include "runtime/base/Progress.h"
#include "runtime/base/RandomWeights.h"
#include "runtime/base/TensorName.h"
#include "runtime/core/Tables.h"
#include "runtime/device/cpu/ThreadPool.h"
#include "runtime/device/cpu/Topology.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <sys/mman.h>

using namespace plait;

namespace {

constexpr uint64_t kHugePage = uint64_t(2) << 20;

/// Elements that one thread writes before it asks for more work.
constexpr int64_t kWorkElements = int64_t(1) << 20;

} // namespace

Expected<Weights> Weights::map(const FileRange &file, const plait_model_v4_t &model) {
  Weights weights;
  PLAIT_ASSIGN_OR_RETURN(weights.file, MappedFile::open(file));
  std::span<const uint8_t> bytes = weights.file->bytes();
  if (bytes.size() != model.pack_bytes)
    return corrupt(printable(file.label) + ": found " + std::to_string(bytes.size()) + " bytes; expected " +
                   std::to_string(model.pack_bytes) +
                   " as the model binary says; the files of the artifact do not belong together");
  if (!bytes.empty()) {
    void *start = const_cast<uint8_t *>(bytes.data());
    // With several memory nodes they are read by the threads that need them (Placement.h).
    if (memoryNodes().size() == 1)
      madvise(start, bytes.size(), MADV_WILLNEED);
    if (bytes.size() >= 4 * kHugePage)
      madvise(start, bytes.size(), MADV_HUGEPAGE);
  }
  weights.base = bytes.data();
  return weights;
}

namespace {

void store(float value, float *to) { *to = value; }
void store(float value, uint16_t *to) { *to = roundToBf16(value); }

/// Of an element of the part, the index in the whole tensor: a model is the same however
/// many ranks share it.
int64_t indexOf(const plait_weight_v4_t &weight, int64_t row, int64_t col) {
  return (weight.row_begin + row) * weight.source_cols + weight.col_begin + col;
}

/// Rows [begin, end) in row major order.
template <typename Element>
void fillRows(const plait_weight_v4_t &weight, const RandomWeights &values, int64_t begin, int64_t end,
              Element *slice) {
  Element *to = slice + begin * weight.cols;
  for (int64_t row = begin; row < end; ++row) {
    // The index grows by one, which the optimiser turns into one addition.
    int64_t first = indexOf(weight, row, 0);
    for (int64_t c = 0; c < weight.cols; ++c)
      store(values(first + c), to++);
  }
}

/// Panels [begin, end), written front to back.
template <typename Element>
void fillPanels(const plait_weight_v4_t &weight, const RandomWeights &values, int64_t begin, int64_t end,
                Element *slice) {
  const int64_t panel = weight.panel, group = weight.group;
  const int64_t rows = weight.rows, cols = weight.cols;
  const int64_t groups = (cols + group - 1) / group;
  Element *to = slice + begin * groups * panel * group;
  for (int64_t p = begin; p < end; ++p) {
    const int64_t inside = std::min(panel, rows - p * panel);
    for (int64_t g = 0; g < groups; ++g) {
      const int64_t col = g * group, width = std::min(group, cols - col);
      for (int64_t r = 0; r < inside; ++r, to += group) {
        const int64_t index = indexOf(weight, p * panel + r, col);
        for (int64_t c = 0; c < width; ++c)
          store(values(index + c), to + c);
        for (int64_t c = width; c < group; ++c)
          to[c] = 0;
      }
      const int64_t padding = (panel - inside) * group;
      std::fill_n(to, padding, Element(0));
      to += padding;
    }
  }
}

/// Panels [begin, end) of a weight of integers.
void fillIntegers(const plait_weight_v4_t &weight, const RandomWeights &values, int64_t begin, int64_t end,
                  uint8_t *slice) {
  const PanelLayout layout = panelLayoutOf(weight);
  std::memset(slice + begin * layout.panelBytes(), 0, size_t((end - begin) * layout.panelBytes()));
  std::vector<float> row(static_cast<size_t>(weight.cols));
  QuantizedRow integers;
  for (int64_t r = begin * weight.panel, last = std::min(end * weight.panel, weight.rows); r < last; ++r) {
    for (int64_t c = 0; c < weight.cols; ++c)
      row[size_t(c)] = values(indexOf(weight, r, c));
    quantizeRow(*layout.quantization, row, {}, integers);
    packRow(layout, r, integers, slice);
  }
}

template <typename Element>
void fillSlice(const plait_weight_v4_t &weight, const RandomWeights &values, int64_t begin, int64_t end,
               uint8_t *slice) {
  Element *elements = reinterpret_cast<Element *>(slice);
  if (weight.layout == PLAIT_LAYOUT_PANELS)
    fillPanels(weight, values, begin, end, elements);
  else
    fillRows(weight, values, begin, end, elements);
}

/// Panels or rows of a slice: the unit in which the work is divided.
int64_t unitsOf(const plait_weight_v4_t &weight) {
  return weight.layout == PLAIT_LAYOUT_PANELS ? (weight.rows + weight.panel - 1) / weight.panel : weight.rows;
}

struct FillWork {
  const plait_weight_v4_t *weight;
  int64_t layer, begin, end;
};

std::vector<FillWork> divideWork(const plait_model_v4_t &model) {
  std::vector<FillWork> work;
  for (int32_t i = 0; i < model.weight_count; ++i) {
    const plait_weight_v4_t &weight = model.weights[i];
    int64_t unitElements = weight.layout == PLAIT_LAYOUT_PANELS ? weight.cols * weight.panel : weight.cols;
    int64_t step = std::max<int64_t>(1, kWorkElements / unitElements);
    for (int64_t layer = 0; layer < weight.layers; ++layer)
      for (int64_t begin = 0, units = unitsOf(weight); begin < units; begin += step)
        work.push_back({&weight, layer, begin, std::min(begin + step, units)});
  }
  return work;
}

} // namespace

void plait::fillRandom(const plait_weight_v4_t &weight, int64_t layer, uint64_t seed, int64_t begin, int64_t end,
                       uint8_t *slice) {
  std::string name = sliceTensorName(weight.source, layer, weight.layer_first, weight.layer_step);
  RandomWeights values(seed, name, weight.source_cols);
  if (weight.scale_group)
    fillIntegers(weight, values, begin, end, slice);
  else if (weight.dtype == PLAIT_DTYPE_BF16)
    fillSlice<uint16_t>(weight, values, begin, end, slice);
  else
    fillSlice<float>(weight, values, begin, end, slice);
}

Expected<Weights> Weights::random(uint64_t seed, const plait_model_v4_t &model, unsigned threads, Progress *progress) {
  for (int32_t i = 0; i < model.weight_count; ++i) {
    int32_t dtype = model.weights[i].dtype;
    if (dtype != PLAIT_DTYPE_F32 && dtype != PLAIT_DTYPE_BF16 && !quantizationOf(model.weights[i]))
      return unsupported("random weights: found weight '" + std::string(model.weights[i].name) +
                         "' of plain integers; expected f32, bf16, or integers with scales; compile with "
                         "--weights checkpoint");
  }
  Weights weights;
  PLAIT_ASSIGN_OR_RETURN(weights.memory, PageMemory::allocate(model.pack_bytes, "weights"));
  if (std::vector<int> nodes = memoryNodes(); nodes.size() > 1)
    weights.memory.interleave(nodes);
  weights.base = weights.memory.data();
  PLAIT_ASSIGN_OR_RETURN(auto pool, ThreadPool::create(std::max(threads, 1u)));
  std::vector<FillWork> work = divideWork(model);
  std::atomic<size_t> next{0};
  if (progress)
    progress->begin("making random weights", model.pack_bytes);
  uint8_t *pack = weights.memory.data();
  pool->run([&](unsigned) {
    for (size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < work.size();) {
      const FillWork &item = work[i];
      uint8_t *slice = pack + item.weight->pack_offset + uint64_t(item.layer) * item.weight->layer_bytes;
      fillRandom(*item.weight, item.layer, seed, item.begin, item.end, slice);
      if (progress)
        progress->advance(item.weight->layer_bytes * uint64_t(item.end - item.begin) / uint64_t(unitsOf(*item.weight)));
    }
  });
  if (progress)
    progress->end();
  return weights;
}
