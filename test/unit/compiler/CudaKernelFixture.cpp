//===- CudaKernelFixture.cpp - Runs CUDA kernels without a GPU ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaKernelFixture.h"

#include "passes/CUDA/Passes.h"

#include "mlir/ExecutionEngine/OptUtils.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"

#include <cmath>
#include <cstring>

using namespace plait;
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
  std::vector<uint8_t> shared;
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
    thread.stack.resize(64 * 1024);
    // A function begins 8 bytes below a multiple of 16. Before that, it is returned to, with six registers.
    auto end = reinterpret_cast<uintptr_t>(thread.stack.data() + thread.stack.size()) / 16 * 16 - 8;
    auto *frame = reinterpret_cast<void **>(end) - 7;
    std::memset(frame, 0, 7 * sizeof(void *));
    frame[6] = reinterpret_cast<void *>(&enter);
    thread.top = frame;
    thread.done = false;
  }
  arrived = barriers = 0;
  for (size_t left = threads.size(); left;) {
    left = 0;
    for (current = 0; current < threads.size(); ++current)
      if (!threads[current].done) {
        plait_test_switch_stack(&scheduler, threads[current].top);
        left += !threads[current].done;
      }
  }
}

//===----------------------------------------------------------------------===//
// What kernels call
//===----------------------------------------------------------------------===//

int32_t threadNumber() { return int32_t(block->current); }
int32_t blockNumber() { return block->number; }
void *sharedMemory() {
  auto address = reinterpret_cast<uintptr_t>(block->shared.data());
  return reinterpret_cast<void *>(llvm::alignTo(address, 1024));
}
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

/// [mma.m16n8k16] `words`: four registers of the first operand, two of the second; `sums`
/// become the result.
void multiplyAdd(const int32_t *words, float *sums) {
  std::memcpy(block->self().words, words, sizeof(Thread::words));
  block->yield();
  auto widened = [](int32_t word, size_t i) { return double(llvm::bit_cast<float>(uint32_t(word) >> 16 * i << 16)); };
  size_t lane = block->current % 32;
  double next[4];
  for (size_t i = 0; i < 4; ++i) {
    next[i] = sums[i];
    size_t row = lane / 4 + (i < 2 ? 0 : 8), column = lane % 4 * 2 + i % 2;
    for (size_t k = 0; k < 16; ++k) {
      // The lane with the two columns of K, and which of its registers they are in.
      size_t firstWord = (row >= 8) + (k >= 8 ? 2 : 0), secondWord = 4 + (k >= 8), in = k % 8 / 2;
      next[i] += widened(block->lane(row % 8 * 4 + in).words[firstWord], k % 2) *
                 widened(block->lane(column * 4 + in).words[secondWord], k % 2);
    }
  }
  block->yield();
  for (size_t i = 0; i < 4; ++i)
    sums[i] = float(next[i]);
}

//===----------------------------------------------------------------------===//
// Code for this machine
//===----------------------------------------------------------------------===//

/// Puts calls in the place of what only a GPU has.
class Replacer {
public:
  explicit Replacer(ModuleOp module) : module(module), b(module.getContext()) {}

  void run(LLVM::LLVMFuncOp function) {
    entryBlock = &function.getBody().front();
    for (NamedAttribute attribute : llvm::to_vector(function->getDiscardableAttrs()))
      function->removeDiscardableAttr(attribute.getName());
    function.walk([&](Operation *op) { replace(op); });
  }

private:
  Value call(StringRef name, Type result, ValueRange arguments) {
    auto function = module.lookupSymbol<LLVM::LLVMFuncOp>(name);
    if (!function) {
      auto type = LLVM::LLVMFunctionType::get(result ? result : LLVM::LLVMVoidType::get(b.getContext()),
                                              SmallVector<Type>(arguments.getTypes()));
      OpBuilder first = OpBuilder::atBlockBegin(module.getBody());
      function = LLVM::LLVMFuncOp::create(first, module.getLoc(), name, type);
    }
    auto op = LLVM::CallOp::create(b, module.getLoc(), function, arguments);
    return result ? op.getResult() : Value();
  }
  /// Memory for `count` words, once for a call of the function.
  Value words(int64_t count) {
    OpBuilder first = OpBuilder::atBlockBegin(entryBlock);
    Value number =
        LLVM::ConstantOp::create(first, module.getLoc(), b.getI32Type(), b.getI32IntegerAttr(int32_t(count)));
    return LLVM::AllocaOp::create(first, module.getLoc(), LLVM::LLVMPointerType::get(b.getContext()), b.getI32Type(),
                                  number, 16);
  }
  Value at(Value pointer, Type type, int64_t i) {
    return LLVM::GEPOp::create(b, module.getLoc(), pointer.getType(), type, pointer,
                               ArrayRef<LLVM::GEPArg>{int32_t(i)});
  }

  void replace(Operation *op) {
    b.setInsertionPoint(op);
    Type i32 = b.getI32Type(), f32 = b.getF32Type();
    Value result;
    if (isa<NVVM::ThreadIdXOp>(op)) {
      result = call("plait_test_thread", i32, {});
    } else if (isa<NVVM::BlockIdXOp>(op)) {
      result = call("plait_test_block", i32, {});
    } else if (isa<NVVM::BarrierOp>(op)) {
      call("plait_test_barrier", {}, {});
    } else if (auto shuffle = dyn_cast<NVVM::ShflOp>(op)) {
      result = call("plait_test_shuffle", f32, {shuffle.getVal(), shuffle.getOffset()});
    } else if (auto ptx = dyn_cast<LLVM::InlineAsmOp>(op)) {
      if (ptx.getNumResults())
        result = call("plait_test_exp2", f32, ptx.getOperands());
    } else if (auto address = dyn_cast<LLVM::AddressOfOp>(op); address && address.getGlobalName() == "shared") {
      result = call("plait_test_shared", address.getType(), {});
    } else if (auto copy = dyn_cast<NVVM::CpAsyncOp>(op)) {
      call("plait_test_copy", {}, {copy.getDst(), copy.getSrc(), copy.getCpSize()});
    } else if (auto matrix = dyn_cast<NVVM::LdMatrixOp>(op)) {
      Value memory = words(4);
      call("plait_test_ldmatrix", {}, {matrix.getPtr(), memory});
      result = LLVM::LoadOp::create(b, module.getLoc(), matrix.getType(), memory);
    } else if (auto mma = dyn_cast<NVVM::MmaOp>(op)) {
      Value registers = words(6), sums = words(4);
      SmallVector<Value> operands(mma.getOperandA());
      llvm::append_range(operands, mma.getOperandB());
      for (auto [i, operand] : llvm::enumerate(operands))
        LLVM::StoreOp::create(b, module.getLoc(), operand, at(registers, i32, int64_t(i)));
      for (auto [i, operand] : llvm::enumerate(mma.getOperandC()))
        LLVM::StoreOp::create(b, module.getLoc(), operand, at(sums, f32, int64_t(i)));
      call("plait_test_mma", {}, {registers, sums});
      result = LLVM::LoadOp::create(b, module.getLoc(), mma.getType(), sums);
    } else if (!isa<NVVM::CpAsyncCommitGroupOp, NVVM::CpAsyncWaitGroupOp>(op)) {
      if (isa<NVVM::NVVMDialect>(op->getDialect()))
        llvm::report_fatal_error("the model of a GPU lacks an instruction");
      return;
    }
    if (result)
      op->getResult(0).replaceAllUsesWith(result);
    op->erase();
  }

  ModuleOp module;
  OpBuilder b;
  Block *entryBlock = nullptr;
};

} // namespace

CudaKernel::CudaKernel(const std::string &text) {
  parse(text);
  PassManager pm(&context, ModuleOp::getOperationName());
  buildCudaPipeline(pm, {.chip = "sm_80"});
  if (failed(pm.run(*code)))
    llvm::report_fatal_error("a pass failed");
  auto table = *code->getOps<rt::ModelOp>().begin();
  llvm::append_range(all, (*table.getOps<rt::KernelOp>().begin()).getEntriesAttr().getAsRange<rt::EntryAttr>());
  auto kernels = *code->getOps<gpu::GPUModuleOp>().begin();
  OwningOpRef<ModuleOp> host = ModuleOp::create(kernels.getLoc());
  for (Operation &op : llvm::make_early_inc_range(*kernels.getBody())) {
    auto global = dyn_cast<LLVM::GlobalOp>(op);
    if (global && global.getSymName() == "shared")
      continue;
    op.moveBefore(host->getBody(), host->getBody()->end());
  }
  Replacer replacer(*host);
  for (auto function : llvm::make_early_inc_range(host->getOps<LLVM::LLVMFuncOp>()))
    if (!function.isExternal())
      replacer.run(function);
  code = std::move(host);
  machine = llvm::cantFail(llvm::cantFail(llvm::orc::JITTargetMachineBuilder::detectHost()).createTargetMachine());
  auto optimize = makeOptimizingTransformer(/*optLevel=*/1, /*sizeLevel=*/0, machine.get());
  ExecutionEngineOptions options;
  options.transformer = optimize;
  engine = llvm::cantFail(ExecutionEngine::create(*code, options));
  engine->registerSymbols([](llvm::orc::MangleAndInterner mangle) {
    llvm::orc::SymbolMap symbols;
    auto add = [&](StringRef name, auto *function) {
      symbols[mangle(name)] = {llvm::orc::ExecutorAddr::fromPtr(function), llvm::JITSymbolFlags::Exported};
    };
    add("plait_test_thread", &threadNumber);
    add("plait_test_block", &blockNumber);
    add("plait_test_barrier", &barrier);
    add("plait_test_shuffle", &shuffle);
    add("plait_test_exp2", &exp2Of);
    add("plait_test_shared", &sharedMemory);
    add("plait_test_copy", &copyChunk);
    add("plait_test_ldmatrix", &loadMatrices);
    add("plait_test_mma", &multiplyAdd);
    return symbols;
  });
}

void CudaKernel::call(const std::vector<void *> &buffers, const Step &step, int) {
  rt::EntryAttr entry = all[chosen];
  std::vector<void *> values = buffers;
  values.push_back(const_cast<int64_t *>(step.dims));
  std::vector<void *> arguments;
  for (void *&value : values)
    arguments.push_back(&value);
  ThreadBlock gpu;
  gpu.function = llvm::cantFail(engine->lookupPacked(entry.getName()));
  gpu.arguments = arguments.data();
  gpu.threads.resize(size_t(entry.getThreads()));
  int64_t blocks = 0;
  for (rt::TilesAttr tiles : entry.getGrid())
    blocks += tiles.getCount() *
              (tiles.getDim() < 0 ? 1 : llvm::divideCeilSigned(step.dims[tiles.getDim()], tiles.getBlock()));
  block = &gpu;
  // One block more than there are tiles, which does nothing: so it is if a launch is repeated for fewer tokens.
  for (int64_t number = 0; number <= blocks; ++number) {
    // NaNs, so that whoever reads what nobody wrote shows it.
    gpu.shared.assign(size_t(entry.getShared() + 1024), 0xff);
    gpu.number = int32_t(number);
    gpu.run();
  }
  block = nullptr;
}
