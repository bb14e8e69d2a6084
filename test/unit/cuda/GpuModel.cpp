//===- GpuModel.cpp - A model of a GPU's thread blocks --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/cuda/GpuModel.h"

#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

using namespace plait::test;

//===----------------------------------------------------------------------===//
// A block of threads that take turns
//===----------------------------------------------------------------------===//

// Saves what a function must keep, and goes on with another stack.
asm(R"(
.text
.type plait_test_switch_stack, @function
plait_test_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");
extern "C" void plait_test_switch_stack(void **from, void *to);

namespace {

/// Shared memory begins at a multiple of it, so that the lower bits of an address, which are
/// all that a descriptor of wgmma has, say where in it something lies.
constexpr size_t kSharedWindow = size_t(1) << 18;
constexpr size_t kStackBytes = 64 * 1024;

struct Thread {
  std::vector<uint8_t> stack;
  void *top = nullptr;
  bool done = false;
  // What it shows to its warp.
  float number = 0;
  const uint8_t *address = nullptr;
  int32_t words[6] = {};
};

struct ThreadBlock {
  void (*function)(void **) = nullptr;
  void **arguments = nullptr;
  int32_t number = 0;
  std::vector<Thread> threads;
  uint8_t *shared = nullptr;
  size_t current = 0;
  void *scheduler = nullptr;
  int64_t arrived = 0, barriers = 0;

  void run();
  /// Every other thread has a turn, up to where it yields.
  void yield() { plait_test_switch_stack(&threads[current].top, scheduler); }
  Thread &self() { return threads[current]; }
  Thread &lane(size_t i) { return threads[current / 32 * 32 + i]; }
};

ThreadBlock *block = nullptr;

void enter() {
  block->function(block->arguments);
  block->self().done = true;
  block->yield();
}

void ThreadBlock::run() {
  for (Thread &thread : threads) {
    thread.stack.resize(kStackBytes);
    // A function begins 8 bytes below a multiple of 16. Before that, it is returned to, with six registers.
    auto end = reinterpret_cast<uintptr_t>(thread.stack.data() + thread.stack.size()) / 16 * 16 - 8;
    auto *frame = reinterpret_cast<void **>(end) - 7;
    std::memset(frame, 0, 7 * sizeof(void *));
    frame[6] = reinterpret_cast<void *>(&enter);
    thread.top = frame;
    thread.done = false;
  }
  arrived = barriers = 0;
  int64_t rounds = 0;
  for (size_t left = threads.size(); left;) {
    left = 0;
    for (current = 0; current < threads.size(); ++current)
      if (!threads[current].done) {
        plait_test_switch_stack(&scheduler, threads[current].top);
        left += !threads[current].done;
      }
    if (++rounds > 50'000'000) {
      std::fprintf(stderr, "the model of a GPU: block %d waits for ever\n", number);
      std::abort();
    }
  }
}

//===----------------------------------------------------------------------===//
// What kernels call
//===----------------------------------------------------------------------===//

int32_t threadNumber() { return int32_t(block->current); }
int32_t blockNumber() { return block->number; }
void *sharedMemory() { return block->shared; }
float exp2Of(float x) { return std::exp2(x); }

void barrier() {
  int64_t now = block->barriers;
  if (++block->arrived == int64_t(block->threads.size())) {
    block->arrived = 0;
    ++block->barriers;
  }
  // At least once, so that the threads of a warp stay together.
  do
    block->yield();
  while (block->barriers == now);
}

float shuffle(float x, int32_t mask) {
  block->self().number = x;
  block->yield();
  float other = block->lane((block->current ^ size_t(mask)) % 32).number;
  block->yield();
  return other;
}

/// [cp.async] 16 bytes, of which `bytes` are read; the others become zero.
void copyChunk(uint8_t *to, const uint8_t *from, int32_t bytes) {
  std::memset(to, 0, 16);
  std::memcpy(to, from, size_t(bytes));
}

/// [ldmatrix.x4] See CudaIndexTest.cpp.
void loadMatrices(const uint8_t *address, int32_t *result) {
  block->self().address = address;
  block->yield();
  size_t lane = block->current % 32;
  for (size_t m = 0; m < 4; ++m)
    std::memcpy(&result[m], block->lane(8 * m + lane / 4).address + lane % 4 * 4, 4);
  block->yield();
}

double widened(uint32_t half) { return double(std::bit_cast<float>(half << 16)); }

/// [mma.m16n8k16] `words`: four registers of the first operand, two of the second; `sums`
/// become the result.
void multiplyAdd(const int32_t *words, float *sums) {
  std::memcpy(block->self().words, words, sizeof(Thread::words));
  block->yield();
  auto element = [](int32_t word, size_t i) { return widened(uint32_t(word) >> 16 * i & 0xffff); };
  size_t lane = block->current % 32;
  double next[4];
  for (size_t i = 0; i < 4; ++i) {
    next[i] = sums[i];
    size_t row = lane / 4 + (i < 2 ? 0 : 8), column = lane % 4 * 2 + i % 2;
    for (size_t k = 0; k < 16; ++k) {
      // The lane with the two columns of K, and which of its registers they are in.
      size_t firstWord = (row >= 8) + (k >= 8 ? 2 : 0), secondWord = 4 + (k >= 8), in = k % 8 / 2;
      next[i] += element(block->lane(row % 8 * 4 + in).words[firstWord], k % 2) *
                 element(block->lane(column * 4 + in).words[secondWord], k % 2);
    }
  }
  block->yield();
  for (size_t i = 0; i < 4; ++i)
    sums[i] = float(next[i]);
}

/// [mbarrier] The 64 bits are opaque to kernels.
struct MemoryBarrier {
  uint16_t count, pending;
  uint16_t phase, unused;
  // Bytes that are expected and have not come are kept beside it: of them there is one count for each address.
};
static_assert(sizeof(MemoryBarrier) == 8);

/// Bytes under way, by place in shared memory.
int64_t bytesUnderWay[kSharedWindow / 8];
int64_t &bytesOf(MemoryBarrier *barrier) {
  return bytesUnderWay[size_t(reinterpret_cast<uint8_t *>(barrier) - block->shared) / 8];
}

void advance(MemoryBarrier *barrier) {
  if (barrier->pending || bytesOf(barrier))
    return;
  barrier->phase ^= 1;
  barrier->pending = barrier->count;
}
void initBarrier(MemoryBarrier *barrier, int32_t count) {
  *barrier = {uint16_t(count), uint16_t(count), 0, 0};
  bytesOf(barrier) = 0;
}
void arrive(MemoryBarrier *barrier) {
  if (!barrier->pending) {
    std::fprintf(stderr, "the model of a GPU: more threads arrive at a barrier than it was made for\n");
    std::abort();
  }
  --barrier->pending;
  advance(barrier);
}
void arriveExpecting(MemoryBarrier *barrier, int32_t bytes) {
  bytesOf(barrier) += bytes;
  arrive(barrier);
}
/// Until the phase of parity `parity` is over.
void waitParity(MemoryBarrier *barrier, int32_t parity) {
  while (barrier->phase == uint16_t(parity & 1))
    block->yield();
}

/// [cp.async.bulk.tensor.2d] A box of rows of 128 bytes, swizzled ("Swizzling Modes").
void copyBox(uint8_t *to, const ModelTensorMap *map, int32_t column, int32_t row, MemoryBarrier *barrier) {
  if (map->magic != kTensorMapMagic || map->boxColumns != 64 || size_t(to - block->shared) % 1024) {
    std::fprintf(stderr, "the model of a GPU: TMA: found no map of boxes of 64 columns, or memory that is not "
                         "aligned to 1024 bytes\n");
    std::abort();
  }
  for (uint32_t r = 0; r < map->boxRows; ++r)
    for (uint32_t c = 0; c < 64; ++c) {
      uint64_t fromRow = uint64_t(int64_t(row) + r), fromColumn = uint64_t(int64_t(column) + c);
      uint16_t value = 0;
      if (fromRow < map->rows && fromColumn < map->columns)
        std::memcpy(&value, map->base + fromRow * map->rowBytes + 2 * fromColumn, 2);
      uint32_t offset = 128 * r + 2 * c;
      std::memcpy(to + (offset ^ (offset >> 7 & 7) << 4), &value, 2);
    }
  bytesOf(barrier) -= int64_t(128) * map->boxRows;
  advance(barrier);
}

/// An element of an operand of wgmma: K consecutive, rows of 128 bytes, groups of eight rows
/// as far apart as the descriptor says ("Matrix Descriptor Format").
double operand(uint64_t descriptor, size_t row, size_t k) {
  if (descriptor >> 62 != 1) {
    std::fprintf(stderr, "the model of a GPU: wgmma: found a descriptor without swizzling by 128 bytes\n");
    std::abort();
  }
  size_t start = size_t(descriptor & 0x3fff) * 16, stride = size_t(descriptor >> 32 & 0x3fff) * 16;
  size_t address = start + row / 8 * stride + row % 8 * 128 + 2 * k;
  uint16_t value;
  std::memcpy(&value, block->shared + (address ^ (address >> 7 & 7) << 4), 2);
  return widened(value);
}

/// [wgmma.mma_async.m64nNk16] The calling thread's sums: of two rows, and of two columns of each eight.
void multiplyGroup(uint64_t first, uint64_t second, int32_t columns, float *sums) {
  size_t lane = block->current % 32, warp = block->current / 32 % 4;
  double rows[2][16];
  for (size_t half = 0; half < 2; ++half)
    for (size_t k = 0; k < 16; ++k)
      rows[half][k] = operand(first, 16 * warp + lane / 4 + 8 * half, k);
  for (size_t eight = 0; eight < size_t(columns) / 8; ++eight)
    for (size_t j = 0; j < 2; ++j) {
      double column[16];
      for (size_t k = 0; k < 16; ++k)
        column[k] = operand(second, 8 * eight + lane % 4 * 2 + j, k);
      for (size_t half = 0; half < 2; ++half) {
        float &result = sums[4 * eight + 2 * half + j];
        double sum = result;
        for (size_t k = 0; k < 16; ++k)
          sum += rows[half][k] * column[k];
        result = float(sum);
      }
    }
}

template <typename F> void *addressOf(F *function) { return reinterpret_cast<void *>(function); }

} // namespace

const ModelFunction plait::test::kModelFunctions[] = {
    {"plait_test_thread", addressOf(&threadNumber)}, {"plait_test_block", addressOf(&blockNumber)},
    {"plait_test_barrier", addressOf(&barrier)},     {"plait_test_shuffle", addressOf(&shuffle)},
    {"plait_test_exp2", addressOf(&exp2Of)},         {"plait_test_shared", addressOf(&sharedMemory)},
    {"plait_test_copy", addressOf(&copyChunk)},      {"plait_test_ldmatrix", addressOf(&loadMatrices)},
    {"plait_test_mma", addressOf(&multiplyAdd)},     {"plait_test_init", addressOf(&initBarrier)},
    {"plait_test_arrive", addressOf(&arrive)},       {"plait_test_expect", addressOf(&arriveExpecting)},
    {"plait_test_wait", addressOf(&waitParity)},     {"plait_test_box", addressOf(&copyBox)},
    {"plait_test_wgmma", addressOf(&multiplyGroup)},
};
const size_t plait::test::kModelFunctionCount = std::size(kModelFunctions);

void plait::test::runGrid(void (*function)(void **), void **arguments, int64_t blocks, size_t threads,
                          size_t sharedBytes) {
  static uint8_t *window = static_cast<uint8_t *>(std::aligned_alloc(kSharedWindow, kSharedWindow));
  if (sharedBytes > kSharedWindow) {
    std::fprintf(stderr, "the model of a GPU: found %zu bytes of shared memory; expected at most %zu\n", sharedBytes,
                 kSharedWindow);
    std::abort();
  }
  ThreadBlock gpu;
  gpu.function = function;
  gpu.arguments = arguments;
  gpu.threads.resize(threads);
  gpu.shared = window;
  block = &gpu;
  for (int64_t number = 0; number < blocks; ++number) {
    // NaNs, so that whoever reads what nobody wrote shows it.
    std::memset(window, 0xff, sharedBytes);
    gpu.number = int32_t(number);
    gpu.run();
  }
  block = nullptr;
}
