//===- PlanLaunches.cpp - The launches of a plan, ready to be made --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cuda/PlanLaunches.h"

#include <algorithm>

using namespace plait;
using namespace plait::cuda;

static int64_t blocksOf(const plait_entry_v1_t &entry, const StepDims &dims) {
  int64_t blocks = 0;
  for (int32_t i = 0; i < entry.grid_count; ++i) {
    const plait_grid_v1_t &grid = entry.grids[i];
    blocks += grid.count * (grid.dim < 0 ? 1 : (dims[size_t(grid.dim)] + grid.block - 1) / grid.block);
  }
  return blocks;
}

/// The first entry that is meant for so many rows, or the last one.
static int32_t entryFor(const plait_gpu_kernel_v1_t &kernel, const StepDims &dims) {
  for (int32_t i = 0; i + 1 < kernel.entry_count; ++i) {
    const plait_entry_v1_t &entry = kernel.entries[i];
    int32_t dim = entry.grids[0].dim;
    if (!entry.rows || (dim >= 0 && dims[size_t(dim)] <= entry.rows))
      return i;
  }
  return kernel.entry_count - 1;
}

Expected<PlanLaunches> PlanLaunches::create(const Program &program, const plait_plan_v2_t &plan, const Layout &layout,
                                            size_t number, const PlanMemory &memory) {
  PlanLaunches all(program, plan);
  const Layout::Plan &own = layout.plans[number];
  size_t done = 0; // launches in pieces
  auto endPiece = [&](int32_t collective, int32_t layer) {
    all.cut.push_back({done, all.launches.size(), collective, layer});
    done = all.launches.size();
  };
  for (int32_t begin = 0; begin < own.gpuLaunches;) {
    const plait_launch_v3_t &first = plan.launches[begin];
    int32_t end = begin + 1; // of a loop's body, or of one launch
    while (first.layer_end - first.layer_begin > 1 && end < own.gpuLaunches && !plan.launches[end].loop_begin &&
           plan.launches[end].layer_begin == first.layer_begin && plan.launches[end].layer_end == first.layer_end)
      ++end;
    for (int32_t layer = first.layer_begin; layer < first.layer_end; ++layer)
      for (int32_t i = begin; i < end; ++i)
        if (plan.launches[i].kernel < 0)
          endPiece(i, layer);
        else
          PLAIT_RETURN_IF_ERROR(all.addLaunch(layout, own, memory, i, layer));
    begin = end;
  }
  endPiece(-1, 0);
  for (const Parameter &parameter : all.parameters)
    all.pointers.push_back(parameter.isMap ? static_cast<void *>(&all.maps[parameter.number])
                                           : static_cast<void *>(&all.addresses[parameter.number]));
  all.parameters = {};
  return all;
}

Status PlanLaunches::addLaunch(const Layout &layout, const Layout::Plan &own, const PlanMemory &memory, int32_t index,
                               int32_t layer) {
  const plait_model_v4_t &model = program->model();
  const plait_launch_v3_t &launch = plan->launches[index];
  const plait_gpu_kernel_v1_t &kernel = model.gpu->kernels[launch.kernel];
  launches.push_back({index, layer, launch.kernel, parameters.size()});
  size_t first = addresses.size();
  std::vector<uint64_t> sizes;
  auto add = [&](Address address, uint64_t bytes) {
    addresses.push_back(address);
    sizes.push_back(bytes);
  };
  for (int32_t a = 0; a < launch.arg_count; ++a) {
    const plait_arg_v1_t &argument = plan->args[launch.first_arg + a];
    size_t number = size_t(argument.index);
    auto inArena = [&](const Span &span) { add(memory.arena + span.offset, span.bytes); };
    switch (argument.kind) {
    case PLAIT_ARG_SLOT:
      inArena(own.slots[number]);
      break;
    case PLAIT_ARG_INPUT:
      inArena(own.inputs[number]);
      break;
    case PLAIT_ARG_OUTPUT:
      inArena(own.outputs[number]);
      break;
    case PLAIT_ARG_PAGES:
      inArena(layout.tables[number]);
      break;
    case PLAIT_ARG_STATE:
      add(memory.states[number] + uint64_t(layer) * memory.stateStrides[number], memory.stateStrides[number]);
      break;
    default: {
      const plait_weight_v4_t &weight = model.weights[number];
      uint64_t slice = weight.layers > 1 ? uint64_t(layer) * weight.layer_bytes : 0;
      add(program->weights() + weight.pack_offset + slice, weight.layer_bytes);
    }
    }
  }
  add(memory.arena + layout.dims.offset, layout.dims.bytes);
  for (int32_t e = 0; e < kernel.entry_count; ++e) {
    const plait_entry_v1_t &entry = kernel.entries[e];
    for (size_t i = first; i < addresses.size(); ++i)
      parameters.push_back({false, i});
    for (int32_t m = 0; m < entry.map_count; ++m) {
      size_t buffer = size_t(entry.maps[m].buffer);
      PLAIT_ASSIGN_OR_RETURN(TensorMap map, encode(entry.maps[m], addresses[first + buffer], sizes[buffer],
                                                   std::string(entry.name) + ", " + nameOf(index, layer)));
      parameters.push_back({true, maps.size()});
      maps.push_back(map);
    }
    for (int32_t i = 0; i < entry.grid_count; ++i)
      if (entry.grids[i].dim >= 0)
        used[size_t(entry.grids[i].dim)] = true;
  }
  return Status::success();
}

Expected<TensorMap> PlanLaunches::encode(const plait_tensor_map_v1_t &map, Address address, uint64_t bytes,
                                         const std::string &name) const {
  TensorMap result{};
  uint64_t columns = uint64_t(map.columns), rowBytes = 2 * columns;
  uint64_t dims[2] = {columns, map.rows ? uint64_t(map.rows) : std::max<uint64_t>(1, bytes / rowBytes)};
  uint64_t strides[1] = {rowBytes};
  uint32_t box[2] = {64, uint32_t(map.box_rows)}, steps[2] = {1, 1};
  const Driver &cuda = program->gpu()->driver();
  Result made = cuda->tensorMapEncodeTiled(&result, kBf16Elements, /*rank=*/2, reinterpret_cast<void *>(address), dims,
                                           strides, box, steps, /*interleave=*/0, kSwizzle128, kPromoteL2256,
                                           /*fill=*/0);
  if (made != kSuccess)
    return cuda.error(made, "cuTensorMapEncodeTiled", name);
  return result;
}

std::string PlanLaunches::nameOf(int32_t index, int32_t layer) const {
  const plait_model_v4_t &model = program->model();
  const plait_launch_v3_t &launch = plan->launches[index];
  std::string source = launch.source >= 0 ? model.sources[launch.source] : "";
  // Other ranks call a collective by the same name, whatever they run on.
  std::string name = launch.kernel < 0 ? source : model.kernels[launch.kernel].name;
  if (launch.kernel >= 0 && !source.empty())
    name += " of " + source;
  return launch.layer_end - launch.layer_begin > 1 ? name + " of layer " + std::to_string(layer) : name;
}

Status PlanLaunches::launch(Stream stream, const StepDims &dims, const Piece &piece,
                            const std::function<Status(int32_t, int32_t)> &launched) const {
  const Driver &cuda = program->gpu()->driver();
  const plait_gpu_v1_t &gpu = *program->model().gpu;
  for (size_t i = piece.begin; i < piece.end; ++i) {
    const Launch &launch = launches[i];
    const plait_gpu_kernel_v1_t &kernel = gpu.kernels[launch.kernel];
    int32_t chosen = entryFor(kernel, dims);
    const plait_entry_v1_t &entry = kernel.entries[chosen];
    int64_t blocks = blocksOf(entry, dims);
    if (blocks > INT32_MAX)
      return resourceError("CUDA: " + nameOf(launch.index, launch.layer) + ": found " + std::to_string(blocks) +
                           " blocks; expected at most " + std::to_string(INT32_MAX) +
                           "; use fewer tokens per step (--chunk)");
    size_t first = launch.parameters, buffers = size_t(plan->launches[launch.index].arg_count) + 1;
    for (int32_t e = 0; e < chosen; ++e)
      first += buffers + size_t(kernel.entries[e].map_count);
    // The driver copies what parameters point to, and writes none.
    Result made = !blocks ? kSuccess
                          : cuda->launchKernel(program->function(launch.kernel, chosen), unsigned(blocks), 1, 1,
                                               unsigned(entry.threads), 1, 1, unsigned(entry.shared_bytes), stream,
                                               const_cast<void **>(pointers.data() + first), nullptr);
    if (made != kSuccess)
      return cuda.error(made, "cuLaunchKernel", nameOf(launch.index, launch.layer));
    if (launched)
      PLAIT_RETURN_IF_ERROR(launched(launch.index, launch.layer));
  }
  return Status::success();
}
