//===- WeightPack.cpp - Writes the packed weights of an artifact ----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Target/WeightPack.h"

#include "runtime/base/QuantizedTensor.h"
#include "runtime/base/RandomWeights.h"
#include "runtime/base/Signals.h"

#include "llvm/Support/MathExtras.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

using namespace plait;

namespace {

/// One layer's slice of one weight.
struct Slice {
  rt::WeightOp weight;
  const TensorView *source;
  std::span<const float> importance; ///< of columns, may be empty
  uint8_t *target;
};

/// Rows that are read at once: in a transposed tensor they lie side by side.
constexpr int64_t kRowsAtOnce = 16;

/// Writes a row of a slice without panels.
void writeRow(rt::WeightOp w, int64_t row, llvm::ArrayRef<float> values, uint8_t *target) {
  if (!w.getElement().isBF16()) {
    std::memcpy(target + row * values.size() * 4, values.data(), values.size() * 4);
    return;
  }
  uint8_t *to = target + row * values.size() * 2;
  for (float value : values) {
    uint16_t half = roundToBf16(value);
    std::memcpy(to, &half, 2);
    to += 2;
  }
}

/// Of the groups of `row`, those of columns [begin, begin + count).
QuantizedRow sliceOf(const WeightQuantization &quantization, QuantizedRow row, int64_t begin, int64_t count) {
  if (begin == 0 && count == int64_t(row.integers.size()))
    return row;
  int64_t group = quantization.groupColumns(row.integers.size()), first = begin / group;
  int64_t groups = llvm::divideCeil(count, group);
  auto cut = [](auto &values, int64_t from, int64_t size) {
    if (!values.empty())
      values = {values.begin() + from, values.begin() + from + size};
  };
  cut(row.integers, begin, count);
  cut(row.scales, first, groups);
  cut(row.zeros, first, groups);
  return row;
}

/// Packs panels [first, last) of a slice; a slice without panels is one panel. The
/// file is zero where nothing is written: behind the last row and column.
void pack(const Slice &slice, int64_t first, int64_t last) {
  rt::WeightOp w = slice.weight;
  const TensorView &source = *slice.source;
  int64_t rows = w.getRows(), cols = w.getCols();
  bool transposed = w.getTransposed();
  PanelLayout layout = w.getLayout();
  if (!w.getPanel()) // all rows are one panel
    layout.panel = rows;
  std::vector<float> block(std::min(rows, kRowsAtOnce) * cols), values(cols);
  std::vector<QuantizedRow> integers;
  for (int64_t row = first * layout.panel, end = std::min(last * layout.panel, rows); row < end; row += kRowsAtOnce) {
    int64_t count = std::min(kRowsAtOnce, end - row);
    if (layout.quantization) {
      // Whole rows, so that a part has the integers that the whole tensor would have.
      WeightQuantization whole = *layout.quantization;
      whole.group = whole.groupColumns(cols);
      quantizeTensorRows(whole, source, transposed, w.getRowBegin() + row, count, slice.importance, integers);
      for (int64_t i = 0; i < count; ++i)
        packRow(layout, row + i, sliceOf(whole, std::move(integers[i]), w.getColBegin(), cols), slice.target);
      continue;
    }
    // In the checkpoint's order: a tensor that is no matrix has rows of one element.
    if (transposed)
      readTensorBlock(source, w.getColBegin(), cols, w.getRowBegin() + row, count, block.data());
    else
      readTensorBlock(source, w.getRowBegin() + row, count, w.getColBegin(), cols, block.data());
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t col = 0; col < cols; ++col)
        values[col] = block[transposed ? col * count + i : i * cols + col];
      if (w.getPanel())
        packRow(layout, row + i, values, slice.target);
      else
        writeRow(w, row + i, values, slice.target);
    }
  }
}

int64_t panelCount(rt::WeightOp w) { return w.getPanel() ? llvm::divideCeil(w.getRows(), w.getPanel()) : 1; }

Status ioError(const std::string &path, const char *what) {
  return resourceError(path + ": cannot " + what + ": " + std::strerror(errno));
}

} // namespace

Status plait::writeWeightPack(rt::ModelOp model, const Checkpoint &checkpoint, const std::string &path,
                              unsigned threads, const WeightImportance *importance, Progress *progress) {
  uint64_t bytes = model.getPackBytes();
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0)
    return ioError(path, "create");
  // posix_fallocate instead of ftruncate: a full disk is an error here, not a
  // SIGBUS while packing.
  void *memory = MAP_FAILED;
  int error = bytes ? ::posix_fallocate(fd, 0, bytes) : 0;
  if (error == 0 && bytes)
    memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  if (bytes && memory == MAP_FAILED) {
    errno = error ? error : errno;
    Status status = ioError(path, ("allocate " + std::to_string(bytes) + " bytes").c_str());
    ::unlink(path.c_str());
    return status;
  }

  // Work is dealt out in small pieces: weights differ in size by orders.
  struct Piece {
    size_t slice;
    int64_t first, last;
  };
  std::vector<Slice> slices;
  std::vector<Piece> pieces;
  Status status;
  for (rt::WeightOp weight : model.getBody().front().getOps<rt::WeightOp>())
    for (int64_t layer = 0; layer < int64_t(weight.getLayers()); ++layer) {
      std::string name = weight.getTensorName(layer);
      const TensorView *tensor = checkpoint.find(name);
      int64_t rows = weight.getWholeRows(), cols = weight.getWholeCols();
      if (weight.getTransposed())
        std::swap(rows, cols);
      if (!tensor || tensor->rows() != rows || tensor->columns() != cols) {
        status = notFound("checkpoint: found no tensor '" + name + "' of the expected size");
        break;
      }
      slices.push_back({weight, tensor, importanceOf(importance, name),
                        static_cast<uint8_t *>(memory) + weight.getOffset() + layer * weight.getLayerBytes()});
      constexpr int64_t kPanelsPerPiece = 16;
      for (int64_t p = 0, e = panelCount(weight); p < e; p += kPanelsPerPiece)
        pieces.push_back({slices.size() - 1, p, std::min(e, p + kPanelsPerPiece)});
    }
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t i; (i = next++) < pieces.size() && !interrupted();) {
      const Slice &slice = slices[pieces[i].slice];
      pack(slice, pieces[i].first, pieces[i].last);
      rt::WeightOp weight = slice.weight;
      if (progress)
        progress->advance(uint64_t(weight.getLayerBytes()) * (pieces[i].last - pieces[i].first) / panelCount(weight));
    }
  };
  if (status.ok()) {
    std::vector<std::thread> workers;
    for (unsigned t = 1; t < threads; ++t)
      workers.emplace_back(work);
    work();
    for (std::thread &worker : workers)
      worker.join();
    status = checkInterrupted();
  }
  if (bytes)
    ::munmap(memory, bytes);
  if (!status.ok())
    ::unlink(path.c_str());
  return status;
}
