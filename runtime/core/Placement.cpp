//===- Placement.cpp - On which memory node weights lie -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Placement.h"

#include "runtime/core/Tables.h"
#include "runtime/device/cpu/TileShares.h"

#include <algorithm>

#include <sys/mman.h>
#include <unistd.h>

using namespace plait;

namespace {

class Sharing {
public:
  Sharing(const plait_model_v4_t &model, unsigned threads)
      : model(model), threads(threads), isShared(size_t(model.weight_count)) {
    tileShares.resize(threads);
  }

  /// The panels of the weights that a launch multiplies by. Its tiles are those of one weight after the other, or
  /// each is the same part of all of them.
  void add(const plait_plan_v2_t &plan, const plait_launch_v3_t &launch) {
    if (launch.kernel < 0)
      return;
    const plait_kernel_v1_t &kernel = model.kernels[launch.kernel];
    if (kernel.tile_dim >= 0 || kernel.cyclic || kernel.tile_count <= 0)
      return;
    std::vector<int32_t> weights;
    int64_t panels = 0;
    for (int32_t a = launch.first_arg; a < launch.first_arg + launch.arg_count; ++a)
      if (const plait_arg_v1_t &arg = plan.args[a];
          arg.kind == PLAIT_ARG_WEIGHT && model.weights[arg.index].layout == PLAIT_LAYOUT_PANELS) {
        weights.push_back(arg.index);
        panels += panelsOf(model.weights[arg.index]);
      }
    bool inTurn = panels == kernel.tile_count;
    int64_t before = 0;
    for (int32_t index : weights) {
      const plait_weight_v4_t &weight = model.weights[index];
      int64_t own = panelsOf(weight);
      for (unsigned thread = 0; thread < threads && !isShared[size_t(index)]; ++thread) {
        int64_t first = tileShares.begin(thread, kernel.tile_count),
                end = first + tileShares.size(thread, kernel.tile_count);
        auto panelOf = [&](int64_t tile) { // the first one of a tile
          if (inTurn)
            return std::clamp<int64_t>(tile - before, 0, own);
          return int64_t((__int128(tile) * own + kernel.tile_count - 1) / kernel.tile_count);
        };
        addPanels(weight, panelOf(first), panelOf(end), thread);
      }
      isShared[size_t(index)] = true;
      before += own;
    }
  }

  /// All shares, with what lies between them.
  std::vector<WeightShare> finish() {
    std::sort(shares.begin(), shares.end(),
              [](const WeightShare &a, const WeightShare &b) { return a.begin < b.begin; });
    std::vector<WeightShare> all;
    auto addTo = [&](uint64_t end, unsigned thread) {
      uint64_t begin = all.empty() ? 0 : all.back().end;
      if (!all.empty() && all.back().thread == thread && end > begin)
        all.back().end = end;
      else if (end > begin)
        all.push_back({begin, end, thread});
    };
    auto fillTo = [&](uint64_t end) {
      uint64_t begin = all.empty() ? 0 : all.back().end;
      for (unsigned thread = 0; thread < threads && begin < end; ++thread)
        addTo(begin + uint64_t((unsigned __int128)(end - begin) * (thread + 1) / threads), thread);
    };
    for (const WeightShare &share : shares) { // two weights may be one in the pack
      fillTo(share.begin);
      addTo(share.end, share.thread);
    }
    fillTo(model.pack_bytes);
    return all;
  }

private:
  static int64_t panelsOf(const plait_weight_v4_t &weight) { return (weight.rows + weight.panel - 1) / weight.panel; }

  void addPanels(const plait_weight_v4_t &weight, int64_t first, int64_t end, unsigned thread) {
    uint64_t panelBytes = uint64_t(packedBytes(weight) / panelsOf(weight));
    for (int64_t layer = 0; layer < weight.layers && first < end; ++layer) {
      uint64_t slice = weight.pack_offset + uint64_t(layer) * weight.layer_bytes;
      shares.push_back({slice + uint64_t(first) * panelBytes, slice + uint64_t(end) * panelBytes, thread});
    }
  }

  const plait_model_v4_t &model;
  unsigned threads;
  TileShares tileShares;
  std::vector<bool> isShared; ///< of each weight
  std::vector<WeightShare> shares;
};

} // namespace

std::vector<WeightShare> plait::weightShares(const plait_model_v4_t &model, const plait_plan_v2_t &plan,
                                             unsigned threads) {
  Sharing sharing(model, threads);
  for (int32_t i = 0; i < plan.launch_count; ++i)
    sharing.add(plan, plan.launches[i]);
  return sharing.finish();
}

void plait::populate(ThreadPool &pool, const uint8_t *weights, std::span<const WeightShare> shares) {
  const auto page = uintptr_t(sysconf(_SC_PAGESIZE));
  pool.run([&](unsigned thread) {
    for (const WeightShare &share : shares) {
      if (share.thread != thread)
        continue;
      // A page is the thread's that has its first byte.
      auto begin = reinterpret_cast<uintptr_t>(weights) + share.begin;
      auto end = reinterpret_cast<uintptr_t>(weights) + share.end;
      begin = share.begin == 0 ? begin / page * page : (begin + page - 1) / page * page;
      end = (end + page - 1) / page * page;
      auto *start = reinterpret_cast<void *>(begin);
      if (begin < end && madvise(start, end - begin, MADV_POPULATE_READ) != 0) // before Linux 5.14
        madvise(start, end - begin, MADV_WILLNEED);
    }
  });
}
