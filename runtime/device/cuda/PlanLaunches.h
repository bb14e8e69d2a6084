//===- PlanLaunches.h - The launches of a plan, ready to be made -*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All addresses of a plan are known once its memory is there: parameters and what TMA is told are
// made then, not in a step.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DEVICE_CUDA_PLANLAUNCHES_H
#define PLAIT_RUNTIME_DEVICE_CUDA_PLANLAUNCHES_H

#include "runtime/device/cuda/Layout.h"
#include "runtime/device/cuda/Program.h"

#include <functional>
#include <string>
#include <vector>

namespace plait::cuda {

/// Where what a plan's arguments name lies on the GPU.
struct PlanMemory {
  Address arena = 0;                  ///< of everything in `layout`
  std::vector<Address> states;        ///< first page of layer 0
  std::vector<uint64_t> stateStrides; ///< from layer to layer
};

class PlanLaunches {
public:
  /// Of plan `number` of those that `layout` was made for.
  static Expected<PlanLaunches> create(const Program &program, const plait_plan_v2_t &plan, const Layout &layout,
                                       size_t number, const PlanMemory &memory);

  /// Launches between two collectives; then comes the next one, if `collective` is not below 0.
  struct Piece {
    size_t begin, end;
    int32_t collective, layer; ///< its number in the plan
  };
  const std::vector<Piece> &pieces() const { return cut; }

  /// Puts the launches of a piece of a step of these extents into `stream`, one after the other. `launched`, if there
  /// is one, is called after each, also one without blocks, with its number in the plan and its layer, and may stop
  /// them.
  Status launch(Stream stream, const StepDims &dims, const Piece &piece,
                const std::function<Status(int32_t index, int32_t layer)> &launched = nullptr) const;
  /// Extents that the number of blocks depends on.
  const std::array<bool, PLAIT_DIM_COUNT> &usedDims() const { return used; }
  /// "attend of model.layers.self_attn of layer 3"
  std::string nameOf(int32_t index, int32_t layer) const;
  size_t count() const { return launches.size(); }

private:
  struct Launch {
    int32_t index, layer, kernel;
    size_t parameters; ///< of its first entry in `pointers`; those of the others follow
  };
  PlanLaunches(const Program &program, const plait_plan_v2_t &plan) : program(&program), plan(&plan) {}
  Status addLaunch(const Layout &layout, const Layout::Plan &own, const PlanMemory &memory, int32_t index,
                   int32_t layer);
  Expected<TensorMap> encode(const plait_tensor_map_v1_t &map, Address address, uint64_t bytes,
                             const std::string &name) const;

  const Program *program;
  const plait_plan_v2_t *plan;
  std::vector<Launch> launches;
  std::vector<Piece> cut;
  std::array<bool, PLAIT_DIM_COUNT> used{};
  // Parameters are pointers to values, which are addresses and maps; until all of them are
  // there, their numbers.
  std::vector<Address> addresses;
  std::vector<TensorMap> maps;
  struct Parameter {
    bool isMap;
    size_t number;
  };
  std::vector<Parameter> parameters;
  std::vector<void *> pointers;
};

} // namespace plait::cuda

#endif // PLAIT_RUNTIME_DEVICE_CUDA_PLANLAUNCHES_H
