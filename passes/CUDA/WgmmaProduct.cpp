//===- WgmmaProduct.cpp - Products by warpgroups (sm_90a) -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One thread of the last warpgroup has TMA copy tiles of K into a ring of buffers; the
// others multiply what is there. Each buffer has two barriers: "full" completes when
// all bytes have come, "empty" when all warps that read them are done.
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/Product.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace plait;

/// Of registers, ptxas gives a block's threads 65536 / 384 rounded down to a multiple of 8;
/// who loads needs few of them.
static constexpr int64_t kProducerRegisters = 40, kConsumerRegisters = 232;

WgmmaProduct::WgmmaProduct(Operation *op, CudaKernelEmitter &e)
    : CudaProduct(op, e), consumers(consumersFor(e.entry().rows)) {
  featureTile = 64 * consumers;
  // Two consumers have 128 sums for each of their threads, in all.
  tokenTile = std::min<int64_t>(e.entry().rows, 256 / llvm::bit_ceil(factors.size()));
  stages = ringOf(stageBytes(), 16);
}

Value WgmmaProduct::barrierAt(Value barriers, Value stage, int64_t first) {
  return e.element(e.builder().getI64Type(), barriers, first ? e.add(stage, first) : stage);
}

void WgmmaProduct::wait(Value barrier, Value parity) {
  // A hint for how long to sleep, in ns; the op waits until the phase is over.
  NVVM::MBarrierTryWaitParityOp::create(e.builder(), e.loc(), barrier, parity, e.i32(10000000));
}

void WgmmaProduct::emitTile(Value firstFeature, Value firstToken) {
  OpBuilder &b = e.builder();
  tiles = e.shared(stages * stageBytes(), cuda::kSwizzleBytes);
  full = e.shared(stages * 8, 8);
  empty = e.shared(stages * 8, 8);
  e.ifThen(e.equal(e.thread(), e.i32(0)), [&] {
    for (int64_t stage = 0; stage < stages; ++stage) {
      Value one = barrierAt(full, e.i32(stage), 0), other = barrierAt(empty, e.i32(stage), 0);
      NVVM::MBarrierInitOp::create(b, e.loc(), one, e.i32(1), Value());
      NVVM::MBarrierInitOp::create(b, e.loc(), other, e.i32(4 * consumers), Value());
    }
    NVVM::FenceMbarrierInitOp::create(b, e.loc());
  });
  e.barrier();
  Value consumerThreads = e.i32(128 * consumers);
  e.ifThenElse(
      e.below(e.thread(), consumerThreads), [&] { emitConsumer(firstFeature, firstToken); },
      [&] {
        if (consumers > 1)
          NVVM::SetMaxRegisterOp::create(b, e.loc(), kProducerRegisters, NVVM::SetMaxRegisterAction::decrease);
        e.ifThen(e.equal(e.thread(), consumerThreads), [&] { emitProducer(firstFeature, firstToken); });
      });
}

void WgmmaProduct::endTile() {
  e.barrier();
  e.ifThen(e.equal(e.thread(), e.i32(0)), [&] {
    for (int64_t stage = 0; stage < stages; ++stage)
      for (Value barriers : {full, empty})
        NVVM::MBarrierInvalOp::create(e.builder(), e.loc(), barrierAt(barriers, e.i32(stage), 0));
  });
}

void WgmmaProduct::emitProducer(Value firstFeature, Value firstToken) {
  OpBuilder &b = e.builder();
  Value inputMap = e.tensorMap(input, /*rows=*/0, inputColumns, tokenTile);
  auto weightMaps = llvm::map_to_vector(
      factors, [&](const Factor &factor) { return e.tensorMap(factor.weight, features, columns, featureTile); });
  e.forLoop(e.i32(0), e.i32(depth()), 1, [&](Value k) {
    e.keepLoop();
    Value stage = cuda::ringStage(index(k), stages).value;
    wait(barrierAt(empty, stage, 0), cuda::emptyParity(index(k), stages).value);
    Value barrier = barrierAt(full, stage, 0);
    NVVM::MBarrierArriveExpectTxOp::create(b, e.loc(), /*res=*/Type(), barrier, e.i32(stageBytes()),
                                           NVVM::MemScopeKind::CTA, /*relaxed=*/false, /*predicate=*/Value());
    Value tile = e.element(b.getI8Type(), tiles, e.mul(stage, stageBytes())), column = e.mul(k, cuda::kTileColumns);
    auto copy = [&](Value map, int64_t offset, Value row) {
      Value target = e.element(b.getI8Type(), tile, e.i32(offset));
      NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
          b, e.loc(), target, map, ValueRange{column, row}, barrier, ValueRange(), Value(), Value(),
          NVVM::TMALoadMode::TILE, /*isCTAOnly=*/true, NVVM::CTAGroupKindAttr(), /*predicate=*/Value());
    };
    for (auto [i, map] : llvm::enumerate(weightMaps))
      copy(map, int64_t(i) * weightBytes(), e.rowOfMatrix(factors[i].weight, firstFeature));
    copy(inputMap, int64_t(factors.size()) * weightBytes(), e.rowOfMatrix(input, firstToken));
  });
}

void WgmmaProduct::emitConsumer(Value firstFeature, Value firstToken) {
  OpBuilder &b = e.builder();
  MLIRContext *context = b.getContext();
  if (consumers > 1)
    NVVM::SetMaxRegisterOp::create(b, e.loc(), kConsumerRegisters, NVVM::SetMaxRegisterAction::increase);
  int64_t count = tokenTile / 2; // sums of a thread
  auto sumsType = LLVM::LLVMStructType::getLiteral(context, SmallVector<Type>(count, e.f32Type()));
  SmallVector<Value> sums(factors.size());
  for (Value &sum : sums)
    sum = LLVM::ZeroOp::create(b, e.loc(), sumsType);
  // The rows of the weight that are this warpgroup's.
  Value group = e.div(e.thread(), 128), isFirstLane = e.equal(e.lane(), e.i32(0));
  Value base = LLVM::PtrToIntOp::create(b, e.loc(), b.getI32Type(), tiles);
  auto shape = NVVM::MMAShapeAttr::get(context, 64, tokenTile, cuda::kStepColumns);
  auto descriptor = [&](Value address, int64_t step) -> Value {
    Value lower = e.widen(cuda::descriptorAddress(index(address), step).value);
    return e.add(lower, e.i64(int64_t(cuda::kDescriptorBits)));
  };
  auto release = [&](Value stage) {
    e.ifThen(isFirstLane,
             [&] { NVVM::MBarrierArriveOp::create(b, e.loc(), Type(), barrierAt(empty, stage, 0), Value()); });
  };
  sums = e.forLoop(e.i32(0), e.i32(depth()), 1, sums, [&](Value k, ValueRange carried) {
    e.keepLoop();
    SmallVector<Value> next(carried);
    Value stage = cuda::ringStage(index(k), stages).value;
    wait(barrierAt(full, stage, 0), cuda::fullParity(index(k), stages).value);
    NVVM::WgmmaFenceAlignedOp::create(b, e.loc());
    Value tile = e.add(base, e.mul(stage, stageBytes())), rows = e.mul(group, 64 * cuda::kRowBytes);
    Value tokens = e.add(tile, int64_t(factors.size()) * weightBytes());
    for (int64_t step = 0; step < cuda::kSteps; ++step)
      for (auto [i, sum] : llvm::enumerate(next)) {
        Value weight = e.add(e.add(tile, rows), int64_t(i) * weightBytes());
        Value first = descriptor(weight, step), second = descriptor(tokens, step);
        sum = NVVM::WgmmaMmaAsyncOp::create(b, e.loc(), sumsType, sum, first, second, shape, NVVM::WGMMATypes::bf16,
                                            NVVM::WGMMATypes::bf16, NVVM::WGMMATypes::f32, NVVM::WGMMAScaleOut::one,
                                            NVVM::WGMMAScaleIn::one, NVVM::WGMMAScaleIn::one, NVVM::MMALayout::row,
                                            NVVM::MMALayout::col, NVVM::MMAIntOverflowAttr());
      }
    NVVM::WgmmaGroupSyncAlignedOp::create(b, e.loc());
    // What was multiplied one tile ago is done when at most this one is under way.
    NVVM::WgmmaWaitGroupSyncOp::create(b, e.loc(), 1);
    Value isLater = e.below(e.i32(0), k), before = cuda::ringStage(index(e.add(k, stages - 1)), stages).value;
    e.ifThen(isLater, [&] { release(before); });
    return next;
  });
  NVVM::WgmmaWaitGroupSyncOp::create(b, e.loc(), 0);
  // Sums are in their registers from here on, which LLVM does not know of an asynchronous
  // instruction: none of what uses them may come before this.
  SmallVector<SmallVector<Value>> elements;
  std::string constraints;
  for (int64_t i = 0; i < count; ++i)
    constraints += "=f,";
  for (int64_t i = 0; i < count; ++i)
    constraints += std::to_string(i) + (i + 1 < count ? "," : "");
  auto elementsOf = [&](Value sum) {
    SmallVector<Value> values;
    for (int64_t i = 0; i < count; ++i)
      values.push_back(LLVM::ExtractValueOp::create(b, e.loc(), sum, i));
    return values;
  };
  for (Value sum : sums)
    elements.push_back(elementsOf(e.inlinePtx("", constraints, sumsType, elementsOf(sum), /*ordered=*/true)));
  storeSums(e.add(firstFeature, e.mul(e.warp(), 16)), firstToken, elements);
}
