//===- TablesFuzz.cpp - Fuzzes the check of a model binary's tables -------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tables of the hand-written demo model lie in memory as a loaded binary's
// do. An input is a list of changes to them: offset (2 bytes), value (8 bytes).
// Tables that pass the check are then walked as the runtime walks them, without
// any check.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Tables.h"
#include "runtime/device/cpu/Executor.h"
#include "test/fuzz/Fuzz.h"

#include <cstring>
#include <vector>

#include <dlfcn.h>

using namespace plait;
using namespace plait::fuzz;

namespace {

/// A binary's segments; the tables of another binary are copied into it, with
/// all pointers among them turned to the copy.
class Image {
public:
  explicit Image(const plait_model_v4_t &from) {
    memory.resize(1 << 16);
    auto *model = copy(&from, 1);
    model->name = text(from.name);
    model->isa = text(from.isa);
    model->numerics = text(from.numerics);
    auto *kernels = copy(from.kernels, from.kernel_count);
    for (int32_t i = 0; i < from.kernel_count; ++i) {
      kernels[i].name = text(kernels[i].name);
      kernels[i].run = from.kernels[0].run;
    }
    code = reinterpret_cast<const char *>(from.kernels[0].run);
    auto *weights = copy(from.weights, from.weight_count);
    for (int32_t i = 0; i < from.weight_count; ++i) {
      weights[i].name = text(weights[i].name);
      weights[i].source = text(weights[i].source);
    }
    auto *states = copy(from.states, from.state_count);
    for (int32_t i = 0; i < from.state_count; ++i) {
      states[i].name = text(states[i].name);
      states[i].cells = copy(states[i].cells, states[i].cell_count);
    }
    auto *plans = copy(from.plans, from.plan_count);
    for (int32_t i = 0; i < from.plan_count; ++i) {
      plans[i].name = text(plans[i].name);
      plans[i].slots = copy(plans[i].slots, plans[i].slot_count);
      plans[i].args = copy(plans[i].args, plans[i].arg_count);
      plans[i].launches = copy(plans[i].launches, plans[i].launch_count);
      plans[i].collectives = copy(plans[i].collectives, plans[i].collective_count);
    }
    auto **sources = const_cast<const char **>(copy(from.sources, from.source_count));
    for (int32_t i = 0; i < from.source_count; ++i)
      sources[i] = text(sources[i]);
    auto *groups = copy(from.groups, from.group_count);
    for (int32_t i = 0; i < from.group_count; ++i)
      groups[i].members = copy(groups[i].members, groups[i].count);
    model->groups = groups;
    model->kernels = kernels;
    model->weights = weights;
    model->states = states;
    model->plans = plans;
    model->sources = sources;
    original = memory;
  }

  const plait_model_v4_t *tables() const { return reinterpret_cast<const plait_model_v4_t *>(memory.data()); }
  size_t size() const { return used; }
  void reset() { std::memcpy(memory.data(), original.data(), used); }
  void set(size_t offset, uint64_t value, size_t bytes) {
    if (offset + bytes <= used)
      std::memcpy(memory.data() + offset, &value, bytes);
  }
  LoadedImage image() const {
    auto *begin = reinterpret_cast<const char *>(memory.data());
    return LoadedImage({{begin, begin + used, false}, {code, code + 1, true}});
  }

private:
  template <typename T> T *copy(const T *from, int64_t count) {
    used = (used + 7) / 8 * 8;
    auto *to = reinterpret_cast<std::remove_const_t<T> *>(memory.data() + used);
    if (count) // else there may be no table
      std::memcpy(to, from, sizeof(T) * size_t(count));
    used += sizeof(T) * size_t(count);
    require(used <= memory.size(), "room for the tables");
    return to;
  }
  const char *text(const char *from) { return copy(from, int64_t(std::strlen(from)) + 1); }

  std::vector<uint8_t> memory, original;
  const char *code = nullptr; ///< of all kernels; it is never called
  size_t used = 0;
};

Image loadDemo() {
  void *library = dlopen(PLAIT_DEMO_MODEL, RTLD_NOW | RTLD_LOCAL);
  require(library, "the demo model loads");
  auto query = reinterpret_cast<plait_model_query_fn>(dlsym(library, PLAIT_MODEL_QUERY_SYMBOL));
  const plait_model_v4_t *model = query(PLAIT_ABI_VERSION, 0);
  require(model, "the demo model has tables");
  return Image(*model);
}

size_t walk(const plait_model_v4_t &model) {
  size_t sum = std::strlen(model.name) + std::strlen(model.isa) + std::strlen(model.numerics);
  for (int32_t i = 0; i < model.weight_count; ++i) {
    const auto &weight = model.weights[i];
    sum += std::strlen(weight.name) + std::strlen(weight.source);
    int64_t bytes = packedBytes(weight);
    require(bytes >= 0 && uint64_t(bytes) <= weight.layer_bytes, "a weight's bytes fit its slice");
    require(weight.pack_offset + weight.layer_bytes * uint64_t(weight.layers) <= model.pack_bytes,
            "weights lie in the pack");
  }
  for (int32_t i = 0; i < model.state_count; ++i) {
    const auto &state = model.states[i];
    for (int32_t c = 0; c < state.cell_count; ++c) {
      const auto &cells = state.cells[c];
      for (int64_t slot : {int64_t(0), cells.slots - 1, state.page_tokens / 2, state.page_tokens - 1}) {
        __int128 begin = __int128(slot / cells.slots) * cells.block_stride + slot % cells.slots * cells.slot_stride;
        begin += cells.offset + __int128(cells.parts - 1) * cells.part_stride;
        begin += __int128(cells.pieces - 1) * cells.piece_stride;
        require(begin >= 0 && begin + cells.piece_bytes <= __int128(state.page_bytes), "a cell lies in its page");
      }
    }
  }
  for (int32_t p = 0; p < model.plan_count; ++p) {
    const auto &plan = model.plans[p];
    require(findPlan(model, plan.name) != nullptr, "a plan is found by its name");
    for (int32_t l = 0; l < plan.launch_count; ++l) {
      const auto &launch = plan.launches[l];
      sum += std::strlen(launchName(model, plan, launch));
      sum += launch.source >= 0 ? std::strlen(model.sources[launch.source]) : 0;
      for (int32_t a = launch.first_arg; a < launch.first_arg + launch.arg_count; ++a)
        switch (int32_t index = plan.args[a].index; plan.args[a].kind) {
        case PLAIT_ARG_SLOT:
        case PLAIT_ARG_COPY:
          sum += size_t(plan.slots[index].constant);
          break;
        case PLAIT_ARG_WEIGHT:
          require(launch.layer_end <= model.weights[index].layers || model.weights[index].layers == 1,
                  "a launch stays in the layers of its weights");
          break;
        case PLAIT_ARG_STATE:
          require(launch.layer_end <= model.states[index].layers, "a launch stays in the layers of its states");
          require(a + 1 < launch.first_arg + launch.arg_count && plan.args[a + 1].kind == PLAIT_ARG_PAGES &&
                      plan.args[a + 1].index == model.states[index].table,
                  "a state comes with its page table");
          break;
        case PLAIT_ARG_PAGES:
          require(index < model.table_count && tablePageBytes(model, index) > 0, "a page table has pages");
          require(a > launch.first_arg && plan.args[a - 1].kind == PLAIT_ARG_STATE, "a page table comes with a state");
          break;
        }
    }
    StepDims dims{};
    for (int64_t extent : {int64_t(0), int64_t(1), int64_t(1) << 24}) {
      dims.fill(extent);
      sum += size_t(arenaBytes(plan, dims) < 0);
    }
  }
  return sum;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static Image image = loadDemo();
  image.reset();
  for (size_t at = 0; at + 11 <= size && at < 11 * 32; at += 11) {
    uint16_t offset;
    uint64_t value;
    std::memcpy(&offset, data + at + 1, 2);
    std::memcpy(&value, data + at + 3, 8);
    image.set(offset % image.size(), value, size_t(1) << (data[at] % 4));
  }
  Status status = checkTables(image.tables(), image.image());
  if (!status) {
    checkRefusal(status);
    return 0;
  }
  return walk(*image.tables()) == SIZE_MAX;
}
