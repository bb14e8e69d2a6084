//===- comm.cpp - How long an all-reduce takes ----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Prints microseconds per all-reduce of f32, the median of many, for each number of
// bytes, one per line.
//
//   plait-comm plait RANKS BYTES...   LocalGroup, as models use it; with PLAIT_ALL_REDUCE
//                                     by that algorithm, with PLAIT_COMM_LINK over such a link
//   plait-comm plain RANKS BYTES...   a loop by hand: copy, count, wait, add up
//
// The loop is what there is to reach: no deadlines, no names, no lost ranks. It sums in
// the order of the ranks, as LocalGroup does.
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/LocalGroup.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace plait;
using Clock = std::chrono::steady_clock;

namespace {

/// Two sets of buffers in turn: who writes into one knows that all have read what was in
/// it, because they have written into the other one since.
class PlainLoop {
public:
  PlainLoop(int ranks, size_t most) : ranks(ranks), most(most) {
    void *memory =
        mmap(nullptr, 4096 + 2 * size_t(ranks) * most, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
      std::abort();
    arrived = static_cast<std::atomic<uint64_t> *>(memory);
    buffers = static_cast<char *>(memory) + 4096;
  }

  void allReduce(int rank, std::vector<float> &data) {
    size_t count = data.size();
    char *set = buffers + (calls++ % 2) * size_t(ranks) * most;
    std::memcpy(set + size_t(rank) * most, data.data(), count * sizeof(float));
    arrived->fetch_add(1, std::memory_order_acq_rel);
    while (arrived->load(std::memory_order_acquire) < calls * uint64_t(ranks))
      __builtin_ia32_pause();
    std::memcpy(data.data(), set, count * sizeof(float));
    for (int r = 1; r < ranks; ++r) {
      auto *other = reinterpret_cast<const float *>(set + size_t(r) * most);
      for (size_t i = 0; i < count; ++i)
        data[i] += other[i];
    }
  }

private:
  int ranks;
  size_t most;
  uint64_t calls = 0;
  std::atomic<uint64_t> *arrived;
  char *buffers;
};

/// Medians, printed by rank 0.
int measure(int rank, const std::vector<size_t> &sizes, bool isSlow,
            const std::function<bool(std::vector<float> &)> &allReduce) {
  for (size_t bytes : sizes) {
    std::vector<float> data(bytes / sizeof(float), 1e-3f);
    size_t rounds = isSlow ? 9 : std::clamp<size_t>((size_t(64) << 20) / bytes, 200, 5000);
    std::vector<double> times;
    for (size_t i = 0; i < rounds; ++i) {
      auto begin = Clock::now();
      if (!allReduce(data))
        return 1;
      times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
      std::fill(data.begin(), data.end(), 1e-3f);
    }
    std::nth_element(times.begin(), times.begin() + long(rounds / 2), times.end());
    if (rank == 0)
      std::printf("%zu %.2f\n", bytes, times[rounds / 2]);
  }
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  int ranks = argc > 3 ? std::atoi(argv[2]) : 0;
  bool plain = argc > 1 && std::strcmp(argv[1], "plain") == 0;
  if (ranks < 1 || ranks > 64 || (!plain && std::strcmp(argv[1], "plait") != 0)) {
    std::fprintf(stderr, "usage: plait-comm plait|plain RANKS BYTES...\n");
    return 2;
  }
  std::vector<size_t> sizes;
  for (int i = 3; i < argc; ++i)
    sizes.push_back(std::max<size_t>(std::strtoull(argv[i], nullptr, 10), sizeof(float)));
  PlainLoop loop(ranks, *std::max_element(sizes.begin(), sizes.end()));
  LocalGroupOptions options;
  options.size = ranks;
  bool isSlow = false;
  if (const char *text = std::getenv("PLAIT_COMM_LINK"); text && *text) {
    auto link = parseEmulatedLink(text);
    if (!link) {
      std::fprintf(stderr, "plait-comm: %s\n", link.status().message().c_str());
      return 2;
    }
    options.link = *link;
    isSlow = true;
  }
  auto group = LocalGroup::create(options);
  if (!group) {
    std::fprintf(stderr, "plait-comm: %s\n", group.status().message().c_str());
    return 1;
  }
  int rank = 0;
  for (int r = 1; r < ranks && rank == 0; ++r)
    if (fork() == 0)
      rank = r;
  int code;
  if (plain) {
    code = measure(rank, sizes, isSlow, [&](std::vector<float> &data) { return loop.allReduce(rank, data), true; });
  } else {
    auto member = LocalGroup::join(*group, rank, options);
    code = !member ? 1 : measure(rank, sizes, isSlow, [&](std::vector<float> &data) {
      return (*member)->allReduce(data, ReduceKind::sum, "all_reduce").ok();
    });
  }
  if (rank != 0)
    std::_Exit(code);
  int status = 0;
  while (wait(&status) > 0)
    code |= status != 0;
  return code;
}
