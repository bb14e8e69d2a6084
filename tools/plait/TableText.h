//===- TableText.h - Tables of a model binary as text ----------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_TABLETEXT_H
#define PLAIT_TOOLS_PLAIT_TABLETEXT_H

#include "plait-abi/Model.h"

#include <cstdint>
#include <string>

namespace plait {

const char *dtypeName(int32_t dtype);
/// Of a plait_dim_t.
const char *dimName(int32_t dim);
/// Of a plait_input_t.
const char *inputName(int32_t input);
/// "1024 + 8 * tokens"
std::string extentText(const plait_extent_v4_t &extent);
/// "192 * tokens f32, parts of rows"
std::string collectiveText(const plait_collective_v4_t &collective);
/// "12 * ceil(tokens / 4), dealt out"
std::string tilesText(const plait_kernel_v1_t &kernel);
std::string layoutText(const plait_weight_v4_t &weight);
/// Which part of its tensor a weight is; nothing if it is the whole.
std::string partText(const plait_weight_v4_t &weight);
/// "slot2", "@q_proj", "state:kv", "in:tokens", "out:logits"
std::string argText(const plait_model_v4_t &model, const plait_arg_v1_t &arg);
/// Of a launch that waits for those before it: '|', or ':' where steps with copies do not; else a blank.
char barrierSign(const plait_launch_v3_t &launch);
/// The part of the model that a launch comes from; empty if nobody has named it.
const char *sourceName(const plait_model_v4_t &model, const plait_launch_v3_t &launch);
/// "3.76 MiB"
std::string bytesText(int64_t bytes);

/// Bytes that the states of a sequence take: what grows by a position, and what a
/// window keeps at most.
struct StateBytes {
  int64_t perPosition = 0, windows = 0;
};
StateBytes stateBytes(const plait_model_v4_t &model);

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_TABLETEXT_H
