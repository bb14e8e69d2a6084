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
#include <unordered_map>
#include <utility>
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
  std::unique_ptr<uint8_t[]> stack;
  void *top = nullptr;
  bool done = false;
  // What it shows to its warp.
  float number = 0;
  const uint8_t *address = nullptr;
  int32_t words[6] = {};
};

/// [cp.async.bulk, cp.reduce.async.bulk] From shared memory; it may be read until it has been waited for.
struct BulkCopy {
  uint8_t *to;
  const uint8_t *from;
  size_t bytes;
  bool adds;
  std::vector<uint8_t> data; ///< once it has been read
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
  /// Bytes under way to shared memory, by place of the barrier that counts them.
  std::unordered_map<size_t, int64_t> bytesUnderWay;
  std::vector<BulkCopy> copies;
  int64_t rounds = 0;

  void start();
  /// A turn for each thread; whether any has more to do.
  bool turn();
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

void ThreadBlock::start() {
  for (Thread &thread : threads) {
    if (!thread.stack)
      thread.stack.reset(new uint8_t[kStackBytes]);
    // A function begins 8 bytes below a multiple of 16. Before that, it is returned to, with six registers.
    auto end = reinterpret_cast<uintptr_t>(thread.stack.get() + kStackBytes) / 16 * 16 - 8;
    auto *frame = reinterpret_cast<void **>(end) - 7;
    std::memset(frame, 0, 7 * sizeof(void *));
    frame[6] = reinterpret_cast<void *>(&enter);
    thread.top = frame;
    thread.done = false;
  }
  arrived = barriers = rounds = 0;
}

void finishCopies();

bool ThreadBlock::turn() {
  block = this;
  bool left = false;
  for (current = 0; current < threads.size(); ++current)
    if (!threads[current].done) {
      plait_test_switch_stack(&scheduler, threads[current].top);
      left |= !threads[current].done;
    }
  if (!left)
    finishCopies();
  block = nullptr;
  if (++rounds > 50'000'000) {
    std::fprintf(stderr, "the model of a GPU: block %d waits for ever\n", number);
    std::abort();
  }
  return left;
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

/// [ldmatrix.x4.trans] A lane gets two rows of a column.
void loadTransposed(const uint8_t *address, int32_t *result) {
  block->self().address = address;
  block->yield();
  size_t lane = block->current % 32;
  for (size_t m = 0; m < 4; ++m)
    for (size_t i = 0; i < 2; ++i)
      std::memcpy(reinterpret_cast<uint8_t *>(&result[m]) + 2 * i,
                  block->lane(8 * m + lane % 4 * 2 + i).address + lane / 4 * 2, 2);
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

int64_t &bytesOf(MemoryBarrier *barrier) {
  return block->bytesUnderWay[size_t(reinterpret_cast<uint8_t *>(barrier) - block->shared)];
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

/// [red.add.u32]
void addWord(uint64_t address, uint32_t value) { *reinterpret_cast<uint32_t *>(address) += value; }
/// [red.add.f32]
void addFloat(uint64_t address, float value) { *reinterpret_cast<float *>(address) += value; }
/// [ld.relaxed.u32, ld.acquire.u32] Others have a turn before it.
uint32_t loadWord(uint64_t address) {
  block->yield();
  return *reinterpret_cast<const uint32_t *>(address);
}
/// Until the word is no less than `target`.
void waitWord(uint64_t address, uint32_t target) {
  while (int32_t(loadWord(address) - target) < 0)
    continue;
}
/// [atom.cas.b32]
uint32_t compareAndSwap(uint64_t address, uint32_t expected, uint32_t value) {
  auto &word = *reinterpret_cast<uint32_t *>(address);
  return word == expected ? std::exchange(word, value) : word;
}

void beginCopy(uint64_t to, uint32_t from, uint32_t bytes, bool adds) {
  if (to % 16 || from % 16 || bytes % 16) {
    std::fprintf(stderr, "the model of a GPU: found a bulk copy that is not aligned to 16 bytes\n");
    std::abort();
  }
  block->copies.push_back({reinterpret_cast<uint8_t *>(to), block->shared + from % kSharedWindow, bytes, adds, {}});
}
void copyBulk(uint64_t to, uint32_t from, uint32_t bytes) { beginCopy(to, from, bytes, false); }
void addBulk(uint64_t to, uint32_t from, uint32_t bytes) { beginCopy(to, from, bytes, true); }
/// [cp.async.bulk.wait_group.read 0]
void readCopies() {
  for (BulkCopy &copy : block->copies)
    if (copy.data.empty())
      copy.data.assign(copy.from, copy.from + copy.bytes);
}
/// [cp.async.bulk.wait_group 0]
void finishCopies() {
  readCopies();
  for (const BulkCopy &copy : block->copies) {
    if (!copy.adds)
      std::memcpy(copy.to, copy.data.data(), copy.bytes);
    for (size_t i = 0; copy.adds && i < copy.bytes; i += 4)
      addFloat(reinterpret_cast<uint64_t>(copy.to + i), *reinterpret_cast<const float *>(copy.data.data() + i));
  }
  block->copies.clear();
}

template <typename F> void *addressOf(F *function) { return reinterpret_cast<void *>(function); }

} // namespace

const ModelFunction plait::test::kModelFunctions[] = {
    {"plait_test_thread", addressOf(&threadNumber)},
    {"plait_test_block", addressOf(&blockNumber)},
    {"plait_test_barrier", addressOf(&barrier)},
    {"plait_test_shuffle", addressOf(&shuffle)},
    {"plait_test_exp2", addressOf(&exp2Of)},
    {"plait_test_shared", addressOf(&sharedMemory)},
    {"plait_test_copy", addressOf(&copyChunk)},
    {"plait_test_ldmatrix", addressOf(&loadMatrices)},
    {"plait_test_ldmatrix_transposed", addressOf(&loadTransposed)},
    {"plait_test_mma", addressOf(&multiplyAdd)},
    {"plait_test_init", addressOf(&initBarrier)},
    {"plait_test_arrive", addressOf(&arrive)},
    {"plait_test_expect", addressOf(&arriveExpecting)},
    {"plait_test_wait", addressOf(&waitParity)},
    {"plait_test_box", addressOf(&copyBox)},
    {"plait_test_wgmma", addressOf(&multiplyGroup)},
    {"plait_test_add_word", addressOf(&addWord)},
    {"plait_test_add_float", addressOf(&addFloat)},
    {"plait_test_load_word", addressOf(&loadWord)},
    {"plait_test_wait_word", addressOf(&waitWord)},
    {"plait_test_swap", addressOf(&compareAndSwap)},
    {"plait_test_bulk", addressOf(&copyBulk)},
    {"plait_test_bulk_add", addressOf(&addBulk)},
    {"plait_test_bulk_read", addressOf(&readCopies)},
    {"plait_test_bulk_done", addressOf(&finishCopies)},
};
const size_t plait::test::kModelFunctionCount = std::size(kModelFunctions);

/// NaNs, so that whoever reads what nobody wrote shows it.
static uint8_t *makeWindow(size_t sharedBytes) {
  if (sharedBytes > kSharedWindow) {
    std::fprintf(stderr, "the model of a GPU: found %zu bytes of shared memory; expected at most %zu\n", sharedBytes,
                 kSharedWindow);
    std::abort();
  }
  return static_cast<uint8_t *>(std::aligned_alloc(kSharedWindow, kSharedWindow));
}

void plait::test::runGrid(void (*function)(void **), void **arguments, int64_t blocks, size_t threads,
                          size_t sharedBytes) {
  static uint8_t *window = makeWindow(sharedBytes);
  ThreadBlock gpu;
  gpu.function = function;
  gpu.arguments = arguments;
  gpu.threads.resize(threads);
  gpu.shared = window;
  for (int64_t number = 0; number < blocks; ++number) {
    std::memset(window, 0xff, sharedBytes);
    gpu.number = int32_t(number);
    gpu.start();
    while (gpu.turn())
      continue;
  }
}

struct ModelGrid::Blocks {
  ~Blocks() {
    for (std::unique_ptr<ThreadBlock> &one : running)
      std::free(one->shared);
  }
  std::vector<std::unique_ptr<ThreadBlock>> running;
};

ModelGrid::ModelGrid(const ModelLaunch &launch) : blocks(new Blocks) {
  for (int64_t number = 0; number < launch.blocks; ++number) {
    auto one = std::make_unique<ThreadBlock>();
    one->function = launch.function;
    one->arguments = launch.arguments;
    one->number = int32_t(number);
    one->threads.resize(launch.threads);
    one->shared = makeWindow(launch.sharedBytes);
    std::memset(one->shared, 0xff, launch.sharedBytes);
    one->start();
    blocks->running.push_back(std::move(one));
  }
}

ModelGrid::~ModelGrid() = default;

bool ModelGrid::run(std::mt19937_64 &random) {
  auto &running = blocks->running;
  if (running.empty())
    return false;
  auto one = running.begin() + ptrdiff_t(random() % running.size());
  for (uint64_t turns = 1 + random() % 64; turns; --turns)
    if (!(*one)->turn()) {
      std::free((*one)->shared);
      running.erase(one);
      break;
    }
  return !running.empty();
}

void plait::test::runStreams(const std::vector<std::vector<ModelLaunch>> &streams, uint64_t seed) {
  std::mt19937_64 random(seed);
  struct Stream {
    size_t next = 0;
    std::unique_ptr<ModelGrid> running;
  };
  std::vector<Stream> states(streams.size());
  for (size_t left = streams.size(); left;) {
    size_t s = random() % streams.size();
    Stream &stream = states[s];
    if (!stream.running && stream.next < streams[s].size())
      stream.running = std::make_unique<ModelGrid>(streams[s][stream.next++]);
    if (!stream.running || stream.running->run(random))
      continue;
    stream.running.reset();
    left -= stream.next == streams[s].size();
  }
}
