//===- TableText.cpp - Tables of a model binary as text -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/TableText.h"

#include "runtime/base/ModelGroups.h"
#include "runtime/core/StepInputs.h"
#include "runtime/core/Tables.h"

#include <fmt/format.h>

using namespace plait;

namespace {

constexpr const char *kDimNames[PLAIT_DIM_COUNT] = PLAIT_DIM_NAMES;
constexpr const char *kInputNames[PLAIT_IN_COUNT] = {
    "tokens",     "positions", "token_rows", "leaves",    "temperature", "top_k",       "top_p",       "min_p",
    "seed",       "sequence",  "stops",      "edit_ends", "edit_tokens", "edit_biases", "edit_scales", "edit_offsets",
    "top_counts", "path_ends", "paths",      "hidden",    "parents",     "next"};
constexpr const char *kOutputNames[PLAIT_OUT_COUNT] = {"tokens",     "status",       "logprob", "logits",
                                                       "top_tokens", "top_logprobs", "hidden"};
// What is missing at the end would be null.
static_assert(kInputNames[PLAIT_IN_COUNT - 1] && kOutputNames[PLAIT_OUT_COUNT - 1] && kDimNames[PLAIT_DIM_COUNT - 1]);

} // namespace

const char *plait::dtypeName(int32_t dtype) {
  switch (dtype) {
  case PLAIT_DTYPE_F32:
    return "f32";
  case PLAIT_DTYPE_BF16:
    return "bf16";
  case PLAIT_DTYPE_I32:
    return "i32";
  case PLAIT_DTYPE_I64:
    return "i64";
  case PLAIT_DTYPE_I8:
    return "i8";
  case PLAIT_DTYPE_I4:
    return "i4";
  default:
    return "?";
  }
}

std::string plait::extentText(const plait_extent_v4_t &extent) {
  std::string text = extent.constant ? std::to_string(extent.constant) : "";
  for (int d = 0; d < PLAIT_DIM_COUNT; ++d)
    if (extent.per[d])
      text += fmt::format("{}{} * {}", text.empty() ? "" : " + ", extent.per[d], kDimNames[d]);
  return text.empty() ? "0" : text;
}

std::string plait::collectiveText(const plait_collective_v4_t &collective) {
  std::string text = fmt::format("{} * {} f32", collective.columns, kDimNames[collective.rows]);
  if (collective.kind == PLAIT_COLLECTIVE_ALL_TO_ALL)
    text += collective.dim ? ", rows to columns" : ", columns to rows";
  else if (collective.bounds)
    text += ", parts of columns";
  else if (collective.kind != PLAIT_COLLECTIVE_ALL_REDUCE && !isInPlace(collective))
    text += ", parts of rows";
  if (collective.nodes)
    text += fmt::format(", {} nodes", collective.nodes);
  if (collective.order == PLAIT_SUM_ORDER_TREE)
    text += ", along a tree of ranks";
  if (collective.precision == PLAIT_SUM_F64)
    text += ", in f64";
  if (collective.precision == PLAIT_SUM_BF16)
    text += ", sent as bf16";
  static constexpr const char *kAlgorithmNames[PLAIT_SUM_ALGORITHM_COUNT] = {"one_shot", "two_shot", "ring", "multimem",
                                                                             "lamport"};
  for (int32_t i = 0; i < collective.algorithm_count; ++i)
    text += fmt::format("{}{} from {}", i ? ", " : ", by ", kAlgorithmNames[collective.algorithms[i].algorithm],
                        collective.algorithms[i].rows);
  return text + (collective.group >= 0 ? fmt::format(", group {}", collective.group) : "");
}

std::string plait::tilesText(const plait_kernel_v1_t &kernel) {
  std::string text = std::to_string(kernel.tile_count);
  if (kernel.tile_dim >= 0)
    text += fmt::format(" * ceil({} / {})", kDimNames[kernel.tile_dim], kernel.tile_block);
  return text + (kernel.cyclic ? ", dealt out" : "");
}

std::string plait::layoutText(const plait_weight_v4_t &weight) {
  std::string text =
      weight.layout == PLAIT_LAYOUT_PANELS ? fmt::format("panels of {}x{}", weight.panel, weight.group) : "rows";
  if (weight.scale_group)
    text += fmt::format(", {} per {} columns", weight.zero_points ? "scale and zero" : "scale", weight.scale_group);
  return text + (weight.transposed ? ", transposed" : "");
}

std::string plait::partText(const plait_weight_v4_t &w) {
  if (w.rows == w.source_rows && w.cols == w.source_cols)
    return "";
  return fmt::format("[{}..{}, {}..{}]", w.row_begin, w.row_begin + w.rows, w.col_begin, w.col_begin + w.cols);
}

std::string plait::argText(const plait_model_v4_t &model, const plait_arg_v1_t &arg) {
  switch (arg.kind) {
  case PLAIT_ARG_SLOT:
    return fmt::format("slot{}", arg.index);
  case PLAIT_ARG_WEIGHT:
    return fmt::format("@{}", model.weights[arg.index].name);
  case PLAIT_ARG_STATE:
    return fmt::format("state:{}", model.states[arg.index].name);
  case PLAIT_ARG_INPUT:
    return fmt::format("in:{}", kInputNames[arg.index]);
  case PLAIT_ARG_PAGES:
    return fmt::format("pages{}", arg.index);
  case PLAIT_ARG_COPY:
    return fmt::format("copy{}", arg.index);
  default:
    return fmt::format("out:{}", kOutputNames[arg.index]);
  }
}

char plait::barrierSign(const plait_launch_v3_t &launch) { return " |:"[launch.barrier]; }

const char *plait::sourceName(const plait_model_v4_t &model, const plait_launch_v3_t &launch) {
  return launch.source >= 0 ? model.sources[launch.source] : "";
}

StateBytes plait::stateBytes(const plait_model_v4_t &model) {
  StepLimits limits;
  limits.pageTokens = pageTokens(model);
  StateBytes bytes;
  for (int32_t i = 0; i < model.table_count; ++i)
    if (TableLimits table{tableWindow(model, i)}; table.window)
      bytes.windows += tablePageBytes(model, i) * limits.ringPages(table, 0);
    else
      bytes.perPosition += tablePageBytes(model, i) / limits.pageTokens;
  return bytes;
}

const char *plait::dimName(int32_t dim) { return kDimNames[dim]; }

const char *plait::inputName(int32_t input) { return kInputNames[input]; }

std::string plait::bytesText(int64_t bytes) {
  if (bytes >= int64_t(1) << 30)
    return fmt::format("{:.2f} GiB", double(bytes) * 0x1p-30);
  if (bytes >= 1 << 20)
    return fmt::format("{:.2f} MiB", double(bytes) * 0x1p-20);
  if (bytes >= 1 << 10)
    return fmt::format("{:.2f} KiB", double(bytes) * 0x1p-10);
  return fmt::format("{} B", bytes);
}
