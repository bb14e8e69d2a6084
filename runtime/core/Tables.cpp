//===- Tables.cpp - Checks the tables of a model binary -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Tables.h"

#include "runtime/base/ModelGroups.h"
#include "runtime/base/SumTree.h"

#include <algorithm>
#include <cstring>
#include <string>

using namespace plait;

bool LoadedImage::holds(const void *pointer, size_t bytes) const {
  const char *begin = static_cast<const char *>(pointer);
  for (const Segment &segment : segments)
    if (begin >= segment.begin && begin <= segment.end && bytes <= size_t(segment.end - begin))
      return true;
  return false;
}

bool LoadedImage::holdsCode(const void *pointer) const {
  const char *at = static_cast<const char *>(pointer);
  for (const Segment &segment : segments)
    if (segment.executable && at >= segment.begin && at < segment.end)
      return true;
  return false;
}

bool LoadedImage::holdsString(const char *text) const {
  for (const Segment &segment : segments)
    if (text >= segment.begin && text < segment.end)
      return std::memchr(text, 0, size_t(segment.end - text)) != nullptr;
  return false;
}

int64_t plait::dtypeBytes(int32_t dtype) {
  switch (dtype) {
  case PLAIT_DTYPE_F32:
  case PLAIT_DTYPE_I32:
    return 4;
  case PLAIT_DTYPE_BF16:
    return 2;
  case PLAIT_DTYPE_I64:
    return 8;
  default:
    return 0;
  }
}

static bool multiply(int64_t &product, int64_t factor) { return !__builtin_mul_overflow(product, factor, &product); }

static bool isInteger(int32_t dtype) { return dtype == PLAIT_DTYPE_I8 || dtype == PLAIT_DTYPE_I4; }

std::optional<WeightQuantization> plait::quantizationOf(const plait_weight_v4_t &weight) {
  if (!isInteger(weight.dtype))
    return std::nullopt;
  return WeightQuantization{weight.dtype == PLAIT_DTYPE_I8 ? 8u : 4u, weight.scale_group, weight.zero_points != 0};
}

PanelLayout plait::panelLayoutOf(const plait_weight_v4_t &weight) {
  return {weight.rows, weight.cols, weight.panel, weight.group, quantizationOf(weight)};
}

int64_t plait::packedBytes(const plait_weight_v4_t &weight) {
  if (isInteger(weight.dtype)) { // extents below 2^40, so that a panel's bytes are in range
    PanelLayout layout = panelLayoutOf(weight);
    int64_t bytes = layout.panelBytes();
    return multiply(bytes, layout.panels()) ? bytes : -1;
  }
  int64_t bytes = dtypeBytes(weight.dtype);
  int64_t rows = weight.rows, cols = weight.cols;
  if (weight.layout == PLAIT_LAYOUT_PANELS) {
    int64_t panels = rows / weight.panel + (rows % weight.panel != 0);
    int64_t groups = cols / weight.group + (cols % weight.group != 0);
    rows = panels;
    cols = groups;
    if (!multiply(bytes, weight.panel) || !multiply(bytes, weight.group))
      return -1;
  }
  return multiply(bytes, rows) && multiply(bytes, cols) ? bytes : -1;
}

const plait_gpu_v1_t *plait::gpuOf(const plait_model_v4_t &model) {
  return model.struct_size >= sizeof(plait_model_v4_t) ? model.gpu : nullptr;
}

const plait_plan_v2_t *plait::findPlan(const plait_model_v4_t &model, std::string_view variant) {
  for (int32_t i = 0; i < model.plan_count; ++i)
    if (variant == model.plans[i].name)
      return &model.plans[i];
  return nullptr;
}

const plait_plan_v2_t &plait::greedyPlan(const plait_model_v4_t &model, const plait_plan_v2_t &plan) {
  const plait_plan_v2_t *twin = findPlan(model, std::string(plan.name) + PLAIT_GREEDY_SUFFIX);
  return twin ? *twin : plan;
}

int64_t plait::pageTokens(const plait_model_v4_t &model) { return model.state_count ? model.states[0].page_tokens : 1; }

int64_t plait::tableWindow(const plait_model_v4_t &model, int32_t table) {
  for (int32_t i = 0; i < model.state_count; ++i)
    if (model.states[i].table == table)
      return model.states[i].window;
  return 0;
}

int64_t plait::tablePageBytes(const plait_model_v4_t &model, int32_t table) {
  int64_t bytes = 0;
  for (int32_t i = 0; i < model.state_count; ++i)
    if (model.states[i].table == table)
      bytes += model.states[i].layers * int64_t(model.states[i].page_bytes);
  return bytes;
}

const char *plait::launchName(const plait_model_v4_t &model, const plait_plan_v2_t &plan,
                              const plait_launch_v3_t &launch) {
  if (launch.kernel >= 0)
    return model.kernels[launch.kernel].name;
  static constexpr const char *names[PLAIT_COLLECTIVE_KIND_COUNT] = {
      "all_reduce", "reduce_scatter", "all_gather", "part", "all_to_all", "broadcast", "send", "recv", "reduce_gather"};
  return names[plan.collectives[-1 - launch.kernel].kind];
}

int64_t plait::collectiveBytes(const plait_plan_v2_t &plan, const std::array<int64_t, PLAIT_DIM_COUNT> &dims) {
  int64_t most = 0;
  for (int32_t i = 0; i < plan.collective_count; ++i) {
    const plait_collective_v4_t &collective = plan.collectives[i];
    if (collective.kind != PLAIT_COLLECTIVE_PART)
      most = std::max(most, dims[size_t(collective.rows)] * collective.columns * std::max(collective.nodes, 1) * 4);
  }
  return most;
}

namespace {

/// No table of a model is longer; keeps products of counts in range.
constexpr int64_t kMaxEntries = 1 << 24;
constexpr int32_t kMaxArgs = 256;
/// Nor is a row; with kMaxEntries nodes its bytes are in range.
constexpr int64_t kMaxColumns = int64_t(1) << 32;
constexpr int64_t kMaxExtent = int64_t(1) << 40;
constexpr int64_t kMaxLayers = 1 << 20;
constexpr int64_t kMaxRanks = 1 << 16;

class Checker {
public:
  Checker(const plait_model_v4_t &model, const LoadedImage &image) : model(model), image(image) {}

  Status check() {
    PLAIT_RETURN_IF_ERROR(checkModel());
    PLAIT_RETURN_IF_ERROR(checkGpu().withContext("gpu"));
    for (int32_t i = 0; i < model.kernel_count; ++i)
      PLAIT_RETURN_IF_ERROR(checkKernel(model.kernels[i], i).withContext(at("kernel", i)));
    for (int32_t i = 0; i < model.weight_count; ++i)
      PLAIT_RETURN_IF_ERROR(checkWeight(model.weights[i]).withContext(at("weight", i)));
    for (int32_t i = 0; i < model.state_count; ++i)
      PLAIT_RETURN_IF_ERROR(checkState(model.states[i]).withContext(at("state", i)));
    PLAIT_RETURN_IF_ERROR(checkPageTables());
    for (int32_t i = 0; i < model.group_count; ++i)
      PLAIT_RETURN_IF_ERROR(checkGroup(model.groups[i]).withContext(at("group", i)));
    PLAIT_RETURN_IF_ERROR(checkOwnGroup("token_group", model.token_group));
    for (int32_t i = 0; i < model.source_count; ++i)
      if (!image.holdsString(model.sources[i]))
        return damaged(at("source", i), "a pointer outside the binary", "text");
    for (int32_t i = 0; i < model.plan_count; ++i)
      PLAIT_RETURN_IF_ERROR(checkPlan(model.plans[i]).withContext(at("plan", i)));
    return Status::success();
  }

private:
  static std::string at(const char *what, int64_t index) { return std::string(what) + " " + std::to_string(index); }
  static Status damaged(const std::string &what, const std::string &found, const std::string &expected) {
    return corrupt(what + ": found " + found + "; expected " + expected);
  }
  static Status inRange(const char *what, int64_t value, int64_t min, int64_t max) {
    if (value >= min && value <= max)
      return Status::success();
    return damaged(what, std::to_string(value), std::to_string(min) + " to " + std::to_string(max));
  }
  template <typename T> Status table(const char *what, const T *entries, int64_t count) const {
    PLAIT_RETURN_IF_ERROR(inRange((std::string(what) + " count").c_str(), count, 0, kMaxEntries));
    bool aligned = reinterpret_cast<uintptr_t>(entries) % alignof(T) == 0;
    if (count && (!aligned || !image.holds(entries, size_t(count) * sizeof(T))))
      return damaged(std::string(what) + " table", "a pointer outside the binary",
                     std::to_string(count) + " entries inside it");
    return Status::success();
  }
  Status string(const char *what, const char *text) const {
    return image.holdsString(text) ? Status::success() : damaged(what, "a pointer outside the binary", "text");
  }

  Status checkModel() const {
    PLAIT_RETURN_IF_ERROR(string("name", model.name));
    PLAIT_RETURN_IF_ERROR(string("isa", model.isa));
    PLAIT_RETURN_IF_ERROR(string("numerics", model.numerics));
    PLAIT_RETURN_IF_ERROR(inRange("vocabulary", model.vocabulary, 1, INT32_MAX));
    PLAIT_RETURN_IF_ERROR(inRange("max_positions", model.max_positions, 1, INT32_MAX));
    PLAIT_RETURN_IF_ERROR(inRange("layers", model.layers, 0, kMaxLayers));
    PLAIT_RETURN_IF_ERROR(inRange("pack_bytes", int64_t(model.pack_bytes), 0, INT64_MAX / 2));
    PLAIT_RETURN_IF_ERROR(table("kernel", model.kernels, model.kernel_count));
    PLAIT_RETURN_IF_ERROR(table("weight", model.weights, model.weight_count));
    PLAIT_RETURN_IF_ERROR(table("state", model.states, model.state_count));
    PLAIT_RETURN_IF_ERROR(table("plan", model.plans, model.plan_count));
    PLAIT_RETURN_IF_ERROR(inRange("table_count", model.table_count, 0, model.state_count));
    PLAIT_RETURN_IF_ERROR(inRange("ranks", model.ranks, 1, kMaxRanks));
    PLAIT_RETURN_IF_ERROR(inRange("rank", model.rank, 0, int64_t(model.ranks) - 1));
    PLAIT_RETURN_IF_ERROR(table("group", model.groups, model.group_count));
    return table("source", model.sources, model.source_count);
  }

  Status checkGpu() const {
    const plait_gpu_v1_t *gpu = gpuOf(model);
    if (!gpu)
      return Status::success();
    PLAIT_RETURN_IF_ERROR(table("gpu", gpu, 1));
    PLAIT_RETURN_IF_ERROR(string("chip", gpu->chip));
    return table("kernel", gpu->kernels, model.kernel_count);
  }
  const plait_gpu_kernel_v1_t *gpuKernel(int32_t kernel) const {
    const plait_gpu_v1_t *gpu = gpuOf(model);
    return gpu && kernel >= 0 && gpu->kernels[kernel].entry_count ? &gpu->kernels[kernel] : nullptr;
  }

  Status checkGpuKernel(const plait_gpu_kernel_v1_t &kernel) const {
    PLAIT_RETURN_IF_ERROR(inRange("image_bytes", int64_t(kernel.image_bytes), 1, int64_t(1) << 32));
    if (!image.holds(kernel.image, size_t(kernel.image_bytes)))
      return damaged("image", "a pointer outside the binary", std::to_string(kernel.image_bytes) + " bytes inside it");
    PLAIT_RETURN_IF_ERROR(table("entry", kernel.entries, kernel.entry_count));
    for (int32_t i = 0; i < kernel.entry_count; ++i)
      PLAIT_RETURN_IF_ERROR(checkEntry(kernel.entries[i]).withContext(at("entry", i)));
    return Status::success();
  }

  Status checkEntry(const plait_entry_v1_t &entry) const {
    PLAIT_RETURN_IF_ERROR(string("name", entry.name));
    PLAIT_RETURN_IF_ERROR(inRange("rows", entry.rows, 0, kMaxExtent));
    PLAIT_RETURN_IF_ERROR(inRange("threads", entry.threads, 1, 1024));
    PLAIT_RETURN_IF_ERROR(inRange("shared_bytes", entry.shared_bytes, 0, 1 << 20));
    PLAIT_RETURN_IF_ERROR(inRange("static_bytes", entry.static_bytes, 0, 1 << 20));
    PLAIT_RETURN_IF_ERROR(inRange("grid count", entry.grid_count, 1, kMaxArgs));
    PLAIT_RETURN_IF_ERROR(table("grid", entry.grids, entry.grid_count));
    for (int32_t i = 0; i < entry.grid_count; ++i) {
      PLAIT_RETURN_IF_ERROR(inRange("grid: dim", entry.grids[i].dim, INT32_MIN, PLAIT_DIM_COUNT - 1));
      // Times every 31-bit extent, and of all grids together, they stay in 63 bits.
      PLAIT_RETURN_IF_ERROR(inRange("grid: count", entry.grids[i].count, 0, 1 << 23));
      PLAIT_RETURN_IF_ERROR(inRange("grid: block", entry.grids[i].block, 1, kMaxExtent));
    }
    PLAIT_RETURN_IF_ERROR(table("map", entry.maps, entry.map_count));
    for (int32_t i = 0; i < entry.map_count; ++i) {
      PLAIT_RETURN_IF_ERROR(inRange("map: rows", entry.maps[i].rows, 0, INT32_MAX));
      PLAIT_RETURN_IF_ERROR(inRange("map: columns", entry.maps[i].columns, 1, INT32_MAX));
      PLAIT_RETURN_IF_ERROR(inRange("map: box_rows", entry.maps[i].box_rows, 1, 256));
      PLAIT_RETURN_IF_ERROR(inRange("map: buffer", entry.maps[i].buffer, 0, kMaxArgs - 1));
    }
    return Status::success();
  }

  /// What a GPU runs comes first, and leaves neither weights nor states to its host.
  Status checkGpuLaunch(const plait_plan_v2_t &plan, int32_t index) const {
    const plait_launch_v3_t &launch = plan.launches[index];
    const plait_gpu_kernel_v1_t *kernel = gpuKernel(launch.kernel);
    int32_t before = index - 1;
    while (before >= 0 && plan.launches[before].kernel < 0)
      --before; // a collective is of those around it
    if (kernel && before >= 0 && !gpuKernel(plan.launches[before].kernel))
      return damaged("kernel", std::to_string(launch.kernel) + ", which is for the GPU, after one for its host",
                     "all launches of the host behind those of the GPU");
    const plait_arg_v1_t *args = plan.args + launch.first_arg;
    for (int32_t a = 0; a < launch.arg_count && !kernel; ++a)
      if (args[a].kind == PLAIT_ARG_STATE || args[a].kind == PLAIT_ARG_WEIGHT)
        return damaged(at("argument", a), "weights or states for the host of a GPU", "neither");
    if (!kernel && launch.layer_end - launch.layer_begin > 1)
      return damaged("layer_end", std::to_string(launch.layer_end), "one layer for the host of a GPU");
    for (int32_t e = 0; kernel && e < kernel->entry_count; ++e)
      for (int32_t m = 0; m < kernel->entries[e].map_count; ++m)
        PLAIT_RETURN_IF_ERROR(inRange("map: buffer", kernel->entries[e].maps[m].buffer, 0, launch.arg_count - 1));
    return Status::success();
  }

  Status checkKernel(const plait_kernel_v1_t &kernel, int32_t index) const {
    PLAIT_RETURN_IF_ERROR(string("name", kernel.name));
    if (const plait_gpu_kernel_v1_t *code = gpuKernel(index))
      return checkGpuKernel(*code);
    if (!image.holdsCode(reinterpret_cast<const void *>(kernel.run)))
      return damaged("code", "a pointer outside the binary's code", "a function");
    PLAIT_RETURN_IF_ERROR(inRange("tile_count", kernel.tile_count, 0, kMaxExtent));
    PLAIT_RETURN_IF_ERROR(inRange("tile_dim", kernel.tile_dim, INT32_MIN, PLAIT_DIM_COUNT - 1));
    if (kernel.tile_dim >= 0) {
      PLAIT_RETURN_IF_ERROR(inRange("tile_block", kernel.tile_block, 1, kMaxExtent));
      // tile_count * extent must stay in 63 bits for every 31-bit extent.
      PLAIT_RETURN_IF_ERROR(inRange("tile_count", kernel.tile_count, 0, INT32_MAX));
    }
    return inRange("cyclic", kernel.cyclic, 0, 1);
  }

  Status checkWeight(const plait_weight_v4_t &weight) const {
    PLAIT_RETURN_IF_ERROR(string("name", weight.name));
    PLAIT_RETURN_IF_ERROR(string("source", weight.source));
    PLAIT_RETURN_IF_ERROR(inRange("layers", weight.layers, 1, kMaxLayers));
    PLAIT_RETURN_IF_ERROR(inRange("layer_first", weight.layer_first, 0, kMaxLayers));
    PLAIT_RETURN_IF_ERROR(inRange("layer_step", weight.layer_step, 1, kMaxLayers));
    PLAIT_RETURN_IF_ERROR(inRange("rows", weight.rows, 1, kMaxExtent));
    PLAIT_RETURN_IF_ERROR(inRange("cols", weight.cols, 1, kMaxExtent));
    if (!dtypeBytes(weight.dtype) && !isInteger(weight.dtype))
      return damaged("dtype", std::to_string(weight.dtype), "a plait_dtype_t");
    PLAIT_RETURN_IF_ERROR(inRange("layout", weight.layout, 0, PLAIT_LAYOUT_PANELS));
    if (weight.layout == PLAIT_LAYOUT_PANELS) {
      PLAIT_RETURN_IF_ERROR(inRange("panel", weight.panel, 1, 1 << 16));
      PLAIT_RETURN_IF_ERROR(inRange("group", weight.group, 1, 1 << 16));
    }
    PLAIT_RETURN_IF_ERROR(inRange("zero_points", weight.zero_points, 0, 1));
    if (isInteger(weight.dtype)) {
      PLAIT_RETURN_IF_ERROR(inRange("layout", weight.layout, PLAIT_LAYOUT_PANELS, PLAIT_LAYOUT_PANELS));
      PLAIT_RETURN_IF_ERROR(inRange("panel", weight.panel, 32, 32));
      int64_t columns = weight.dtype == PLAIT_DTYPE_I8 ? 4 : 8;
      PLAIT_RETURN_IF_ERROR(inRange("group", weight.group, columns, columns));
      PLAIT_RETURN_IF_ERROR(inRange("scale_group", weight.scale_group, 1, kMaxExtent));
    } else {
      PLAIT_RETURN_IF_ERROR(inRange("scale_group", weight.scale_group, 0, 0));
    }
    int64_t bytes = packedBytes(weight);
    if (bytes < 0 || weight.layer_bytes < uint64_t(bytes) || weight.layer_bytes % 64)
      return damaged("layer_bytes", std::to_string(weight.layer_bytes),
                     "a multiple of 64 of at least " + std::to_string(bytes));
    uint64_t size, end;
    if (weight.pack_offset % 64 || __builtin_mul_overflow(weight.layer_bytes, uint64_t(weight.layers), &size) ||
        __builtin_add_overflow(weight.pack_offset, size, &end) || end > model.pack_bytes)
      return damaged("pack_offset",
                     std::to_string(weight.pack_offset) + " with " + std::to_string(weight.layers) + " slices of " +
                         std::to_string(weight.layer_bytes) + " bytes",
                     "a range inside a pack of " + std::to_string(model.pack_bytes) + " bytes");
    return checkPart(weight);
  }

  /// The part of a tensor that this rank has.
  Status checkPart(const plait_weight_v4_t &weight) const {
    PLAIT_RETURN_IF_ERROR(inRange("source_rows", weight.source_rows, weight.rows, kMaxExtent));
    PLAIT_RETURN_IF_ERROR(inRange("source_cols", weight.source_cols, weight.cols, kMaxExtent));
    PLAIT_RETURN_IF_ERROR(inRange("row_begin", weight.row_begin, 0, weight.source_rows - weight.rows));
    PLAIT_RETURN_IF_ERROR(inRange("col_begin", weight.col_begin, 0, weight.source_cols - weight.cols));
    if (int64_t elements = weight.source_rows; !multiply(elements, weight.source_cols))
      return damaged("source_rows", std::to_string(weight.source_rows), "a tensor whose elements can be counted");
    if (weight.scale_group && weight.col_begin % weight.scale_group)
      return damaged("col_begin", std::to_string(weight.col_begin),
                     "a multiple of the " + std::to_string(weight.scale_group) + " columns that share a scale");
    return Status::success();
  }

  Status checkState(const plait_state_v3_t &state) const {
    PLAIT_RETURN_IF_ERROR(string("name", state.name));
    PLAIT_RETURN_IF_ERROR(inRange("layers", state.layers, 1, kMaxLayers));
    PLAIT_RETURN_IF_ERROR(inRange("page_tokens", state.page_tokens, 1, 1 << 20));
    if (state.page_tokens != model.states[0].page_tokens)
      return damaged("page_tokens", std::to_string(state.page_tokens),
                     std::to_string(model.states[0].page_tokens) + " as in state 0: page tables are equally wide");
    PLAIT_RETURN_IF_ERROR(inRange("window", state.window, 0, INT32_MAX));
    PLAIT_RETURN_IF_ERROR(inRange("table", state.table, 0, int64_t(model.table_count) - 1));
    if (state.window != tableWindow(model, state.table))
      return damaged("window", std::to_string(state.window),
                     std::to_string(tableWindow(model, state.table)) + " as in the first state of its page table");
    if (!state.page_bytes || state.page_bytes % 64 || state.page_bytes > uint64_t(kMaxExtent))
      return damaged("page_bytes", std::to_string(state.page_bytes), "a multiple of 64");
    PLAIT_RETURN_IF_ERROR(inRange("cell_count", state.cell_count, 1, kMaxArgs));
    PLAIT_RETURN_IF_ERROR(table("cell", state.cells, state.cell_count));
    for (int32_t i = 0; i < state.cell_count; ++i)
      PLAIT_RETURN_IF_ERROR(checkCells(state.cells[i], state).withContext(at("cell", i)));
    return Status::success();
  }

  /// Whatever the slot, all pieces lie in the page.
  Status checkCells(const plait_cells_v1_t &cells, const plait_state_v3_t &state) const {
    int64_t page = int64_t(state.page_bytes), last = cells.offset;
    PLAIT_RETURN_IF_ERROR(inRange("offset", cells.offset, 0, page));
    PLAIT_RETURN_IF_ERROR(inRange("parts", cells.parts, 1, page));
    PLAIT_RETURN_IF_ERROR(inRange("slots", cells.slots, 1, state.page_tokens));
    PLAIT_RETURN_IF_ERROR(inRange("pieces", cells.pieces, 1, page));
    PLAIT_RETURN_IF_ERROR(inRange("piece_bytes", cells.piece_bytes, 1, page));
    for (auto [name, stride] : {std::pair("part_stride", cells.part_stride),
                                {"block_stride", cells.block_stride},
                                {"slot_stride", cells.slot_stride},
                                {"piece_stride", cells.piece_stride}})
      PLAIT_RETURN_IF_ERROR(inRange(name, stride, 0, page));
    bool inside = true;
    for (auto [count, stride] : {std::pair(cells.parts, cells.part_stride),
                                 {(state.page_tokens - 1) / cells.slots + 1, cells.block_stride},
                                 {cells.slots, cells.slot_stride},
                                 {cells.pieces, cells.piece_stride}}) {
      int64_t bytes = count - 1;
      inside = inside && multiply(bytes, stride) && bytes <= page - last;
      last += inside ? bytes : 0;
    }
    return inside && cells.piece_bytes <= page - last
               ? Status::success()
               : damaged("cells", "a piece beyond the page", "all within its " + std::to_string(page) + " bytes");
  }

  Status checkPageTables() const {
    for (int32_t i = 0; i < model.table_count; ++i)
      if (!tablePageBytes(model, i))
        return damaged(at("page table", i), "no state that uses it", "at least one");
    return Status::success();
  }

  Status checkPlan(const plait_plan_v2_t &plan) const {
    PLAIT_RETURN_IF_ERROR(string("name", plan.name));
    PLAIT_RETURN_IF_ERROR(table("slot", plan.slots, plan.slot_count));
    PLAIT_RETURN_IF_ERROR(table("argument", plan.args, plan.arg_count));
    PLAIT_RETURN_IF_ERROR(table("launch", plan.launches, plan.launch_count));
    PLAIT_RETURN_IF_ERROR(table("collective", plan.collectives, plan.collective_count));
    if (plan.collective_count && model.ranks == 1)
      return damaged("collective count", std::to_string(plan.collective_count), "none in a model of one rank");
    PLAIT_RETURN_IF_ERROR(inRange("has_logits", plan.has_logits, 0, 1));
    PLAIT_RETURN_IF_ERROR(inRange("hidden", plan.hidden, 0, kMaxColumns));
    for (int32_t i = 0; i < plan.slot_count; ++i) {
      // Sizes that only grow with a step let the largest step's arena serve all.
      const plait_extent_v4_t &slot = plan.slots[i];
      PLAIT_RETURN_IF_ERROR(inRange("bytes", slot.constant, 0, INT64_MAX).withContext(at("slot", i)));
      for (int64_t per : slot.per)
        PLAIT_RETURN_IF_ERROR(inRange("bytes", per, 0, INT64_MAX).withContext(at("slot", i)));
      if (gpuOf(model) && slot.per[PLAIT_DIM_TOKENS_PART])
        return damaged(at("slot", i), "rows that ranks share out", "all rows on each rank of a model for GPUs");
    }
    for (int32_t i = 0; i < plan.arg_count; ++i)
      PLAIT_RETURN_IF_ERROR(checkArg(plan, plan.args[i]).withContext(at("argument", i)));
    for (int32_t i = 0; i < plan.collective_count; ++i)
      PLAIT_RETURN_IF_ERROR(checkCollective(plan.collectives[i]).withContext(at("collective", i)));
    for (int32_t i = 0; i < plan.launch_count; ++i)
      PLAIT_RETURN_IF_ERROR(checkLaunch(plan, i).withContext(at("launch", i)));
    return Status::success();
  }

  Status checkArg(const plait_plan_v2_t &plan, const plait_arg_v1_t &arg) const {
    int64_t count = 0;
    switch (arg.kind) {
    case PLAIT_ARG_SLOT:
    case PLAIT_ARG_COPY:
      count = plan.slot_count;
      break;
    case PLAIT_ARG_WEIGHT:
      count = model.weight_count;
      break;
    case PLAIT_ARG_STATE:
      count = model.state_count;
      break;
    case PLAIT_ARG_INPUT:
      count = PLAIT_IN_COUNT;
      break;
    case PLAIT_ARG_OUTPUT:
      count = PLAIT_OUT_COUNT;
      break;
    case PLAIT_ARG_PAGES:
      count = model.table_count;
      break;
    default:
      return damaged("kind", std::to_string(arg.kind), "a plait_arg_kind_t");
    }
    PLAIT_RETURN_IF_ERROR(inRange("index", arg.index, 0, count - 1));
    if (arg.kind == PLAIT_ARG_OUTPUT && arg.index == PLAIT_OUT_LOGITS && !plan.has_logits)
      return damaged("index", "the logits output", "it only in a plan with has_logits");
    bool isHidden = (arg.kind == PLAIT_ARG_OUTPUT && arg.index == PLAIT_OUT_HIDDEN) ||
                    (arg.kind == PLAIT_ARG_INPUT && arg.index == PLAIT_IN_HIDDEN);
    if (isHidden && !plan.hidden)
      return damaged("index", "hidden states", "them only in a plan with columns of them");
    return Status::success();
  }

  Status checkGroup(const plait_group_v1_t &group) const {
    PLAIT_RETURN_IF_ERROR(inRange("member count", group.count, 1, model.ranks));
    PLAIT_RETURN_IF_ERROR(table("member", group.members, group.count));
    std::vector<bool> seen(size_t(model.ranks), false);
    for (int32_t i = 0; i < group.count; ++i) {
      PLAIT_RETURN_IF_ERROR(inRange("member", group.members[i], 0, model.ranks - 1));
      if (seen[size_t(group.members[i])])
        return damaged(at("member", i), std::to_string(group.members[i]) + " again", "each rank once");
      seen[size_t(group.members[i])] = true;
    }
    return Status::success();
  }

  /// Of the table, with this rank in it.
  Status checkOwnGroup(const char *name, int32_t group) const {
    PLAIT_RETURN_IF_ERROR(inRange(name, group, -1, int64_t(model.group_count) - 1));
    if (GroupPlace place = placeIn(model, group); place.index == place.size)
      return damaged(name, std::to_string(group), "a group with rank " + std::to_string(model.rank));
    return Status::success();
  }

  Status checkCollective(const plait_collective_v4_t &c) const {
    PLAIT_RETURN_IF_ERROR(inRange("kind", c.kind, 0, PLAIT_COLLECTIVE_KIND_COUNT - 1));
    PLAIT_RETURN_IF_ERROR(checkOwnGroup("group", c.group));
    GroupPlace place = placeIn(model, c.group);
    bool swaps = c.kind == PLAIT_COLLECTIVE_ALL_TO_ALL;
    bool hasParts = c.kind != PLAIT_COLLECTIVE_ALL_REDUCE && !isInPlace(c);
    bool isFused = c.kind == PLAIT_COLLECTIVE_REDUCE_GATHER;
    if (isFused && gpuOf(model))
      return damaged("kind", std::to_string(c.kind) + ", with launches as its part", "no such one in a model for GPUs");
    PLAIT_RETURN_IF_ERROR(inRange("dim", c.dim, 0, hasParts && !isFused ? 1 : 0));
    PLAIT_RETURN_IF_ERROR(inRange("rows", c.rows, 0, PLAIT_DIM_COUNT - 1));
    if (swaps || (hasParts && c.dim == 0)) {
      PLAIT_RETURN_IF_ERROR(inRange("rows", c.rows, PLAIT_DIM_TOKENS, PLAIT_DIM_TOKENS));
      PLAIT_RETURN_IF_ERROR(inRange("group", c.group, model.token_group, model.token_group));
    }
    PLAIT_RETURN_IF_ERROR(inRange("columns", c.columns, 1, kMaxColumns));
    bool isPair = c.kind == PLAIT_COLLECTIVE_SEND || c.kind == PLAIT_COLLECTIVE_RECV;
    bool hasOther = isPair || c.kind == PLAIT_COLLECTIVE_BROADCAST;
    if (isFused)
      PLAIT_RETURN_IF_ERROR(inRange("other", c.other, 1, kMaxArgs));
    else
      PLAIT_RETURN_IF_ERROR(inRange("other", c.other, 0, hasOther ? place.size - 1 : 0));
    if (isPair && c.other == place.index)
      return damaged("other", std::to_string(c.other), "another rank than this one");
    bool sums = c.kind == PLAIT_COLLECTIVE_ALL_REDUCE || c.kind == PLAIT_COLLECTIVE_REDUCE_SCATTER || isFused;
    PLAIT_RETURN_IF_ERROR(inRange("nodes", c.nodes, 0, sums ? kMaxEntries : 0));
    PLAIT_RETURN_IF_ERROR(inRange("order", c.order, 0, sums && !c.nodes ? PLAIT_SUM_ORDER_COUNT - 1 : 0));
    PLAIT_RETURN_IF_ERROR(inRange("precision", c.precision, 0, sums && !c.nodes ? PLAIT_SUM_PRECISION_COUNT - 1 : 0));
    bool mayBeSaid = sums && c.kind != PLAIT_COLLECTIVE_REDUCE_SCATTER && !c.nodes && !c.order && !c.precision;
    PLAIT_RETURN_IF_ERROR(inRange("algorithm_count", c.algorithm_count, 0, mayBeSaid ? kMaxEntries : 0));
    PLAIT_RETURN_IF_ERROR(checkAlgorithms(c));
    if (swaps || c.dim == 1)
      PLAIT_RETURN_IF_ERROR(checkBounds("bounds", c.bounds, place.size, c.columns));
    if (!c.nodes)
      return Status::success();
    PLAIT_RETURN_IF_ERROR(checkBounds("node_bounds", c.node_bounds, place.size, c.nodes));
    PLAIT_RETURN_IF_ERROR(table("node end", c.node_ends, c.nodes));
    int64_t begin = 0, leaves = c.node_ends[c.nodes - 1];
    PLAIT_RETURN_IF_ERROR(inRange("node_ends", leaves, 1, kMaxColumns).withContext(at("node", c.nodes - 1)));
    for (int32_t i = 0; i < c.nodes; ++i) {
      int64_t end = c.node_ends[i];
      PLAIT_RETURN_IF_ERROR(inRange("node_ends", end, begin + 1, kMaxColumns).withContext(at("node", i)));
      if (!isSumTreeNode(begin, end, leaves))
        return damaged(at("node", i), "[" + std::to_string(begin) + ", " + std::to_string(end) + ")",
                       "a node of the tree over " + std::to_string(leaves) + " leaves");
      begin = end;
    }
    return Status::success();
  }

  Status checkAlgorithms(const plait_collective_v4_t &c) const {
    PLAIT_RETURN_IF_ERROR(table("algorithm", c.algorithms, c.algorithm_count));
    for (int32_t i = 0; i < c.algorithm_count; ++i) {
      const plait_sum_range_v1_t &range = c.algorithms[i];
      int64_t least = i ? c.algorithms[i - 1].rows + 1 : 1;
      PLAIT_RETURN_IF_ERROR(inRange("rows", range.rows, least, i ? INT64_MAX - 1 : 1).withContext(at("algorithm", i)));
      PLAIT_RETURN_IF_ERROR(inRange("algorithm", range.algorithm, 0, PLAIT_SUM_ALGORITHM_COUNT - 1));
      if (range.algorithm == PLAIT_SUM_MULTIMEM)
        return damaged(at("algorithm", i), "multimem, a switch's", "one_shot, two_shot, ring or lamport");
    }
    return Status::success();
  }

  /// One more number than ranks, rising from 0 to `end`.
  Status checkBounds(const char *name, const int64_t *bounds, int32_t ranks, int64_t end) const {
    PLAIT_RETURN_IF_ERROR(table(name, bounds, ranks + 1));
    PLAIT_RETURN_IF_ERROR(inRange(name, bounds[0], 0, 0));
    for (int32_t rank = 0; rank < ranks; ++rank)
      PLAIT_RETURN_IF_ERROR(inRange(name, bounds[rank + 1], bounds[rank] + 1, end));
    return inRange(name, bounds[ranks], end, end);
  }

  /// Slots hold what is read and written, whatever the extents of a step.
  Status checkCollectiveLaunch(const plait_plan_v2_t &plan, int32_t index) const {
    const plait_launch_v3_t &launch = plan.launches[index];
    const plait_collective_v4_t &c = plan.collectives[-1 - launch.kernel];
    int32_t own = placeIn(model, c.group).index;
    bool isFused = c.kind == PLAIT_COLLECTIVE_REDUCE_GATHER;
    int32_t count = isFused ? 4 : 2;
    PLAIT_RETURN_IF_ERROR(inRange("arg_count", launch.arg_count, count, count));
    const plait_arg_v1_t *args = plan.args + launch.first_arg;
    int dims[4] = {c.rows, c.rows, PLAIT_DIM_TOKENS_PART, PLAIT_DIM_TOKENS_PART};
    int64_t columns[4] = {c.columns, c.columns, c.columns, c.columns};
    if (c.kind == PLAIT_COLLECTIVE_ALL_TO_ALL) {
      columns[c.dim] = c.bounds[own + 1] - c.bounds[own]; // `dim` is the side of the columns' part, too
      dims[1 - c.dim] = PLAIT_DIM_TOKENS_PART;
    } else if (c.kind != PLAIT_COLLECTIVE_ALL_REDUCE && !isInPlace(c) && !isFused) {
      int side = c.kind == PLAIT_COLLECTIVE_ALL_GATHER ? 0 : 1; // that of the part
      if (c.dim == 1)
        columns[side] = c.bounds[own + 1] - c.bounds[own];
      else
        dims[side] = PLAIT_DIM_TOKENS_PART;
    }
    if (c.nodes)
      columns[0] *= c.node_bounds[own + 1] - c.node_bounds[own];
    for (int32_t a = 0; a < count; ++a) {
      if (args[a].kind != PLAIT_ARG_SLOT)
        return damaged(at("argument", a) + ": kind", std::to_string(args[a].kind), "a slot for a collective");
      if (columns[a] > plan.slots[args[a].index].per[dims[a]] / 4)
        return damaged(at("argument", a),
                       "a collective of more elements than slot " + std::to_string(args[a].index) + " holds",
                       "a slot that holds them in every step");
    }
    if ((args[0].index == args[1].index) != isInPlace(c))
      return damaged("argument 1", "slot " + std::to_string(args[1].index),
                     isInPlace(c) ? "that of argument 0" : "another one than argument 0");
    if (isFused)
      PLAIT_RETURN_IF_ERROR(checkEpilogue(plan, index, c.other));
    PLAIT_RETURN_IF_ERROR(inRange("barrier", launch.barrier, 1, 1));
    if (index + 1 < plan.launch_count && plan.launches[index + 1].barrier != 1)
      return damaged("barrier", std::to_string(plan.launches[index + 1].barrier) + " in the launch after a collective",
                     "1");
    return Status::success();
  }

  /// That the `count` launches behind collective launch `index` can be run row by row as part of it.
  Status checkEpilogue(const plait_plan_v2_t &plan, int32_t index, int32_t count) const {
    const plait_launch_v3_t &fused = plan.launches[index];
    if (count >= plan.launch_count - index)
      return damaged("other", std::to_string(count), "as many launches behind it");
    for (int32_t i = index + 1; i <= index + count; ++i) {
      const plait_launch_v3_t &launch = plan.launches[i];
      if (launch.kernel < 0 || launch.kernel >= model.kernel_count || launch.loop_begin ||
          launch.layer_begin != fused.layer_begin || launch.layer_end != fused.layer_end)
        return damaged(at("launch", i), "none of its kernel or layers", "a kernel's, in the layers of its collective");
      const plait_kernel_v1_t &kernel = model.kernels[launch.kernel];
      if (kernel.tile_dim != PLAIT_DIM_TOKENS_PART || kernel.tile_block != 1)
        return damaged(at("kernel", launch.kernel), "tiles of others than a rank's rows", "them in an epilogue");
      PLAIT_RETURN_IF_ERROR(checkArgCount(plan, launch).withContext(at("launch", i)));
      if (usesCopies(plan, launch))
        return damaged(at("launch", i), "copies", "none in an epilogue");
    }
    if (index + count + 1 < plan.launch_count && plan.launches[index + count + 1].barrier != 1)
      return damaged("barrier",
                     std::to_string(plan.launches[index + count + 1].barrier) + " in the launch after an epilogue",
                     "1");
    return Status::success();
  }

  Status checkLaunch(const plait_plan_v2_t &plan, int32_t index) const {
    const plait_launch_v3_t &launch = plan.launches[index];
    PLAIT_RETURN_IF_ERROR(
        inRange("kernel", launch.kernel, -int64_t(plan.collective_count), int64_t(model.kernel_count) - 1));
    PLAIT_RETURN_IF_ERROR(checkArgCount(plan, launch));
    PLAIT_RETURN_IF_ERROR(inRange("barrier", launch.barrier, 0, 2));
    PLAIT_RETURN_IF_ERROR(inRange("loop_begin", launch.loop_begin, 0, 1));
    PLAIT_RETURN_IF_ERROR(inRange("redundant", launch.redundant, 0, launch.kernel < 0 ? 0 : 1));
    PLAIT_RETURN_IF_ERROR(inRange("source", launch.source, -1, int64_t(model.source_count) - 1));
    PLAIT_RETURN_IF_ERROR(inRange("layer_begin", launch.layer_begin, 0, kMaxLayers));
    PLAIT_RETURN_IF_ERROR(inRange("layer_end", launch.layer_end, int64_t(launch.layer_begin) + 1, kMaxLayers));
    if (launch.layer_end - launch.layer_begin > 1 && !launch.loop_begin) {
      const plait_launch_v3_t *before = index ? &plan.launches[index - 1] : nullptr;
      if (!before || before->layer_begin != launch.layer_begin || before->layer_end != launch.layer_end)
        return damaged("loop_begin", "0 at a new range of layers", "1");
    }
    if (launch.kernel < 0)
      return checkCollectiveLaunch(plan, index);
    if (gpuOf(model))
      PLAIT_RETURN_IF_ERROR(checkGpuLaunch(plan, index));
    const plait_arg_v1_t *args = plan.args + launch.first_arg;
    for (int32_t a = 0; a < launch.arg_count; ++a) {
      PLAIT_RETURN_IF_ERROR(checkLayers(args[a], launch));
      PLAIT_RETURN_IF_ERROR(checkPairs(args, a, launch.arg_count).withContext(at("argument", a)));
      if (launch.redundant && (args[a].kind == PLAIT_ARG_STATE || args[a].kind == PLAIT_ARG_OUTPUT))
        return damaged(at("argument", a), "a state or an output of a redundant launch", "neither");
    }
    bool hasCopies = usesCopies(plan, launch);
    if (launch.redundant && !hasCopies)
      return damaged("redundant", "1 of a launch without copies", "0");
    if (hasCopies && gpuOf(model))
      return damaged("arguments", "copies in a model for GPUs", "none");
    return Status::success();
  }

  static Status checkArgCount(const plait_plan_v2_t &plan, const plait_launch_v3_t &launch) {
    PLAIT_RETURN_IF_ERROR(inRange("arg_count", launch.arg_count, 0, kMaxArgs));
    return inRange("first_arg", launch.first_arg, 0, int64_t(plan.arg_count) - launch.arg_count);
  }

  static bool usesCopies(const plait_plan_v2_t &plan, const plait_launch_v3_t &launch) {
    const plait_arg_v1_t *args = plan.args + launch.first_arg;
    return std::any_of(args, args + launch.arg_count,
                       [](const plait_arg_v1_t &arg) { return arg.kind == PLAIT_ARG_COPY; });
  }

  /// A page number means nothing but in the states of its own table, so the two
  /// come together.
  Status checkPairs(const plait_arg_v1_t *args, int32_t index, int32_t count) const {
    bool isState = args[index].kind == PLAIT_ARG_STATE;
    if (isState && (index + 1 == count || args[index + 1].kind != PLAIT_ARG_PAGES ||
                    args[index + 1].index != model.states[args[index].index].table))
      return damaged("a state", "no page table of its own after it",
                     "PLAIT_ARG_PAGES " + std::to_string(model.states[args[index].index].table));
    if (args[index].kind == PLAIT_ARG_PAGES && (index == 0 || args[index - 1].kind != PLAIT_ARG_STATE))
      return damaged("a page table", "no state before it", "PLAIT_ARG_STATE");
    return Status::success();
  }

  /// Every layer that a launch runs for must exist in the arguments it selects.
  Status checkLayers(const plait_arg_v1_t &arg, const plait_launch_v3_t &launch) const {
    int64_t layers = 0;
    if (arg.kind == PLAIT_ARG_WEIGHT && model.weights[arg.index].layers > 1)
      layers = model.weights[arg.index].layers;
    if (arg.kind == PLAIT_ARG_STATE)
      layers = model.states[arg.index].layers;
    return layers ? inRange("layer_end", launch.layer_end, 1, layers) : Status::success();
  }

  const plait_model_v4_t &model;
  const LoadedImage &image;
};

} // namespace

Status plait::checkTables(const plait_model_v4_t *model, const LoadedImage &image) {
  // The head of the struct is all that may be read before its size is known.
  constexpr size_t headBytes = offsetof(plait_model_v4_t, name);
  if (reinterpret_cast<uintptr_t>(model) % alignof(plait_model_v4_t) || !image.holds(model, headBytes))
    return corrupt("model tables: found a pointer outside the binary; expected a table inside it");
  if (model->magic != PLAIT_ABI_MAGIC)
    return corrupt("model tables: found magic " + std::to_string(model->magic) + "; expected " +
                   std::to_string(PLAIT_ABI_MAGIC) + " (not a Plait model binary, or damaged)");
  if (model->abi_version != PLAIT_ABI_VERSION)
    return unsupported("found a model built for ABI " + std::to_string(model->abi_version) +
                       "; this runtime reads ABI " + std::to_string(PLAIT_ABI_VERSION) +
                       "; recompile it with the plait-compile of this version");
  if (model->struct_size < PLAIT_MODEL_LEAST_SIZE || model->struct_size > 65536 ||
      !image.holds(model, size_t(model->struct_size)))
    return corrupt("model tables: found struct_size " + std::to_string(model->struct_size) + "; expected at least " +
                   std::to_string(PLAIT_MODEL_LEAST_SIZE));
  return Checker(*model, image).check().withContext("model tables");
}
