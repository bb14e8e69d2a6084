//===- ProtocolSync.cpp - Arrivals, waits and triggers on CPU ranks -------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A counter grows by as many arrivals in each epoch as are expected, and wraps around: an index is complete if
// the counter is no less than (epoch + 1) times that, as a signed difference.
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/ProtocolEmitter.h"

#include "plait-abi/Protocol.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace plait;
using LLVM::AtomicOrdering;

Value CpuProtocolEmitter::counterAt(overlap::TrackOp track, ValueRange values, Value ofRank) {
  Value offset = mul(toI64(numberOf(track.getResult().getType(), values)), 4);
  return memoryOf(ofRank, add(offset, memory.offsets.at(track)));
}

Value CpuProtocolEmitter::expectedOf(overlap::TrackOp track, ValueRange values) {
  Value once = expand(track.getExpect()->getResult(0), values, {ranks(), rank});
  Value count = arith::IndexCastOp::create(builder(), loc(), epoch.getType(), once);
  return mul(count, add(epoch, 1));
}

/// Reads the counter at `address`.
Value CpuProtocolEmitter::isComplete(Value address, Value target, bool relaxed) {
  delay();
  Value count =
      LLVM::LoadOp::create(builder(), loc(), target.getType(), address, /*alignment=*/4,
                           /*isVolatile=*/false, /*isNonTemporal=*/false, /*isInvariant=*/false,
                           /*isInvariantGroup=*/false, relaxed ? AtomicOrdering::monotonic : AtomicOrdering::acquire);
  delay();
  return arith::CmpIOp::create(builder(), loc(), arith::CmpIPredicate::sge, sub(count, target),
                               integer(target.getType(), 0));
}

Value CpuProtocolEmitter::keepsOn(Value turns) {
  Type i32 = turns.getType();
  auto type = LLVM::LLVMFunctionType::get(i32, {runtime.getType(), i32});
  Value function = field(offsetof(plait_protocol_call_v1_t, wait), runtime.getType());
  auto answer = LLVM::CallOp::create(builder(), loc(), type, ValueRange{function, runtime, turns});
  return equal(answer.getResult(), integer(i32, 0));
}

void CpuProtocolEmitter::emitArrive(overlap::ArriveOp op) {
  auto track = op.getCounter().getDefiningOp<overlap::TrackOp>();
  auto values = llvm::map_to_vector(op.getIndices(), [&](Value index) { return indexOf(index); });
  Value one = integer(builder().getI32Type(), 1);
  auto arriveAt = [&](Value peer) {
    Value address = counterAt(track, values, peer);
    delay();
    LLVM::AtomicRMWOp::create(builder(), loc(), LLVM::AtomicBinOp::add, address, one,
                              op.getRelaxed() ? AtomicOrdering::monotonic : AtomicOrdering::release);
    delay();
  };
  if (op.getWindow() != overlap::Window::multicast)
    return arriveAt(op.getPeer() ? indexOf(op.getPeer()) : rank);
  for (int64_t i = 0; i < program.countRanks(); ++i)
    arriveAt(rem(add(rank, Value(arith::ConstantIndexOp::create(builder(), loc(), i))), ranks()));
}

void CpuProtocolEmitter::emitWait(overlap::WaitOp op) {
  auto track = op.getCounter().getDefiningOp<overlap::TrackOp>();
  auto values = llvm::map_to_vector(op.getIndices(), [&](Value index) { return indexOf(index); });
  Value address = counterAt(track, values, rank), target = expectedOf(track, values);
  waitUntil([&] { return isComplete(address, target, op.getRelaxed()); });
}

void CpuProtocolEmitter::waitUntil(llvm::function_ref<Value()> isComplete) {
  Type i1 = builder().getI1Type(), i32 = builder().getI32Type();
  SmallVector<Location> locations(2, loc());
  auto loop = scf::WhileOp::create(builder(), loc(), TypeRange{i1, i32}, ValueRange{integer(i32, 0)});
  {
    OpBuilder::InsertionGuard guard(builder());
    Value turns = builder().createBlock(&loop.getBefore(), {}, {i32}, {loc()})->getArgument(0);
    Value complete = isComplete();
    auto more = scf::IfOp::create(builder(), loc(), TypeRange{i1}, complete, /*withElseRegion=*/true);
    builder().setInsertionPointToStart(more.thenBlock());
    scf::YieldOp::create(builder(), loc(), ValueRange{integer(i1, 0)});
    builder().setInsertionPointToStart(more.elseBlock());
    scf::YieldOp::create(builder(), loc(), ValueRange{keepsOn(turns)});
    builder().setInsertionPointAfter(more);
    scf::ConditionOp::create(builder(), loc(), more.getResult(0), ValueRange{complete, turns});
    Block *after = builder().createBlock(&loop.getAfter(), {}, {i1, i32}, locations);
    scf::YieldOp::create(builder(), loc(), ValueRange{add(after->getArgument(1), 1)});
  }
  auto came = scf::IfOp::create(builder(), loc(), loop.getResult(0), /*withElseRegion=*/false);
  builder().setInsertionPointToStart(came.thenBlock());
}

/// A worker takes whichever index is complete and not begun, and waits for none in particular.
LogicalResult CpuProtocolEmitter::emitTrigger(overlap::TriggerOp op) {
  auto track = op.getCounter().getDefiningOp<overlap::TrackOp>();
  overlap::CounterType type = op.getCounter().getType();
  Type i1 = builder().getI1Type(), i32 = builder().getI32Type();
  LogicalResult result = success();
  OpBuilder::InsertionGuard guard(builder());
  auto loop = scf::WhileOp::create(builder(), loc(), TypeRange{i32}, ValueRange{integer(i32, 0)});
  Value turns = builder().createBlock(&loop.getBefore(), {}, {i32}, {loc()})->getArgument(0);
  Value no = integer(i1, 0), yes = integer(i1, 1);
  // Once over all indices: whether some are not there yet, and whether there was something to do.
  auto swept = forLoop(
      i64(0), i64(ShapedType::getNumElements(type.getExtents())), 1, ValueRange{no, no},
      [&](Value i, ValueRange carried) {
        SmallVector<Value> values = indicesOf(type.getExtents(), toIndex(i));
        Value begun = memoryOf(rank, add(mul(i, 4), memory.offsets.at(op)));
        delay();
        Value epochs = LLVM::LoadOp::create(builder(), loc(), i32, begun, /*alignment=*/4, false, false, false, false,
                                            AtomicOrdering::monotonic);
        Value isOpen = equal(epochs, epoch);
        if (track.getOwner()) {
          Value owner = expand(track.getOwner()->getResult(0), values, {ranks()});
          isOpen = arith::AndIOp::create(builder(), loc(), isOpen, equal(owner, rank));
        }
        auto look = scf::IfOp::create(builder(), loc(), TypeRange{i1, i1}, isOpen, /*withElseRegion=*/true);
        OpBuilder::InsertionGuard inLoop(builder());
        builder().setInsertionPointToStart(look.elseBlock());
        scf::YieldOp::create(builder(), loc(), carried);
        builder().setInsertionPointToStart(look.thenBlock());
        Value complete = isComplete(counterAt(track, values, rank), expectedOf(track, values), /*relaxed=*/false);
        auto take = scf::IfOp::create(builder(), loc(), TypeRange{i1, i1}, complete, /*withElseRegion=*/true);
        scf::YieldOp::create(builder(), loc(), take.getResults());
        builder().setInsertionPointToStart(take.elseBlock());
        scf::YieldOp::create(builder(), loc(), ValueRange{yes, carried[1]});
        builder().setInsertionPointToStart(take.thenBlock());
        auto swap = LLVM::AtomicCmpXchgOp::create(builder(), loc(), begun, epoch, add(epoch, 1),
                                                  AtomicOrdering::monotonic, AtomicOrdering::monotonic);
        Value isOurs = LLVM::ExtractValueOp::create(builder(), loc(), swap, 1);
        ifThen(isOurs, [&] {
          for (auto [argument, value] : llvm::zip(op.getBody().getArguments(), values)) // the last one is the token
            indices[argument] = value;
          result = emitBody(llvm::map_to_vector(op.getBody().front(), [](Operation &inner) { return &inner; }));
        });
        scf::YieldOp::create(builder(), loc(), ValueRange{carried[0], yes});
        return llvm::to_vector_of<Value>(look.getResults());
      });
  turns = select(swept[1], integer(i32, 0), turns);
  auto more = scf::IfOp::create(builder(), loc(), TypeRange{i1}, swept[0], /*withElseRegion=*/true);
  builder().setInsertionPointToStart(more.elseBlock());
  scf::YieldOp::create(builder(), loc(), ValueRange{no});
  builder().setInsertionPointToStart(more.thenBlock());
  scf::YieldOp::create(builder(), loc(), ValueRange{keepsOn(turns)});
  builder().setInsertionPointAfter(more);
  scf::ConditionOp::create(builder(), loc(), more.getResult(0), ValueRange{turns});
  Value before = builder().createBlock(&loop.getAfter(), {}, {i32}, {loc()})->getArgument(0);
  scf::YieldOp::create(builder(), loc(), ValueRange{add(before, 1)});
  return result;
}
