//===- ProtocolSync.cpp - Arrivals, waits and triggers on CUDA ------------===//
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

#include "passes/CUDA/ProtocolEmitter.h"

#include "plait-abi/Team.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace plait;

static std::string scopeName(overlap::Scope scope) { return overlap::stringifyScope(scope).str(); }

std::pair<Value, Value> CudaProtocolEmitter::counterOf(overlap::TrackOp track, ValueRange values) {
  auto type = cast<overlap::CounterType>(track.getType());
  Value offset = add(i64(memory.offsets.at(track)), mul(widen(numberOf(type, values)), 4));
  Value own = rank(), expected = expand(track.getExpect()->getResult(0), values, {i32(program.countRanks()), own});
  return {add(memoryOf(own), offset), mul(expected, add(epoch, 1))};
}

void CudaProtocolEmitter::add1(Value address, overlap::Scope scope, bool relaxed) {
  inlinePtx((relaxed ? "red.relaxed." : "red.release.") + scopeName(scope) + ".global.add.u32 [$0], $1;", "l,r", Type(),
            {address, i32(1)}, /*ordered=*/true);
}

void CudaProtocolEmitter::emitArrive(overlap::ArriveOp op) {
  auto type = cast<overlap::CounterType>(op.getCounter().getType());
  auto values = llvm::map_to_vector(op.getIndices(), [&](Value index) { return indexOf(index); });
  Value offset = mul(widen(numberOf(type, values)), 4);
  offset = add(offset, i64(memory.offsets.at(op.getCounter().getDefiningOp())));
  barrier(); // all of the block has read and stored what is before this
  bool isAll = op.getWindow() == overlap::Window::multicast;
  if (isAll && multicast != CudaMulticast::loop)
    return ifThen(equal(thread(), i32(0)), [&] {
      Value all = teamWord(offsetof(plait_team_v1_t, multicast), builder().getI64Type());
      inlinePtx((op.getRelaxed() ? "multimem.red.relaxed." : "multimem.red.release.") + scopeName(type.getScope()) +
                    ".global.add.u32 [$0], $1;",
                "l,r", Type(), {add(all, offset), i32(1)}, /*ordered=*/true);
    });
  ifThen(below(thread(), i32(isAll ? program.countRanks() : 1)), [&] {
    Value at = isAll ? thread() : op.getPeer() ? indexOf(op.getPeer()) : rank();
    add1(add(memoryOf(at), offset), type.getScope(), op.getRelaxed());
  });
}

void CudaProtocolEmitter::emitWait(overlap::WaitOp op) {
  auto track = op.getCounter().getDefiningOp<overlap::TrackOp>();
  auto type = cast<overlap::CounterType>(track.getType());
  auto values = llvm::map_to_vector(op.getIndices(), [&](Value index) { return indexOf(index); });
  auto [address, target] = counterOf(track, values);
  ifThen(equal(thread(), i32(0)), [&, address = address, target = target] {
    std::string load = (op.getRelaxed() ? "ld.relaxed." : "ld.acquire.") + scopeName(type.getScope());
    inlinePtx("{\n.reg .pred %more;\n.reg .b32 %count;\nWAIT:\n" + load +
                  ".global.u32 %count, [$0];\nsub.s32 %count, %count, $1;\nsetp.lt.s32 %more, %count, 0;\n"
                  "@%more bra WAIT;\n}",
              "l,r", Type(), {address, target}, /*ordered=*/true);
  });
  barrier();
}

/// Stores that go on by themselves are thread 0's.
void CudaProtocolEmitter::emitQuiet(bool isWritten) {
  if (machine().unit != MatrixUnit::wgmma)
    return;
  ifThen(equal(thread(), i32(0)), [&] {
    inlinePtx(isWritten ? "cp.async.bulk.wait_group 0;" : "cp.async.bulk.wait_group.read 0;", "", Type(), {}, true);
    if (isWritten)
      inlinePtx("fence.proxy.async.global;", "", Type(), {}, true);
  });
}

/// By one thread: the number (i32) of an index of this rank's that is complete, and that nobody else works on; -1 if
/// there will be no more. A worker takes whichever there is, and none waits for a certain one.
Value CudaProtocolEmitter::findComplete(overlap::TriggerOp op) {
  auto track = op.getCounter().getDefiningOp<overlap::TrackOp>();
  auto type = cast<overlap::CounterType>(track.getType());
  Type word = builder().getI32Type();
  int64_t count = 1;
  for (int64_t extent : type.getExtents())
    count *= extent;
  // What comes next, whether an index was seen that nobody has begun, what was found: -2 means to look on.
  auto search =
      scf::WhileOp::create(builder(), loc(), TypeRange{word, word, word}, ValueRange{i32(0), i32(0), i32(-2)});
  OpBuilder::InsertionGuard guard(builder());
  SmallVector<Location> locations(3, loc());
  Block *before = builder().createBlock(&search.getBefore(), {}, {word, word, word}, locations);
  scf::ConditionOp::create(builder(), loc(), equal(before->getArgument(2), i32(-2)), before->getArguments());
  Block *after = builder().createBlock(&search.getAfter(), {}, {word, word, word}, locations);
  Value i = after->getArgument(0), open = after->getArgument(1);
  auto atEnd = scf::IfOp::create(builder(), loc(), TypeRange{word, word, word}, equal(i, i32(count)), true);
  builder().setInsertionPointToStart(atEnd.thenBlock());
  Value end = select(equal(open, i32(0)), i32(-1), i32(-2));
  scf::YieldOp::create(builder(), loc(), ValueRange{i32(0), i32(0), end});

  builder().setInsertionPointToStart(atEnd.elseBlock());
  Value begun = add(add(memoryOf(rank()), i64(memory.offsets.at(op))), mul(widen(i), 4));
  SmallVector<Value> index = indicesOf(type, i);
  Value epochs = inlinePtx("ld.relaxed.gpu.global.u32 $0, [$1];", "=r,l", word, {begun}, true);
  Value isOpen = equal(epochs, epoch);
  if (track.getOwner())
    isOpen = both(isOpen, equal(expand(track.getOwner()->getResult(0), index, {i32(program.countRanks())}), rank()));
  auto look = scf::IfOp::create(builder(), loc(), TypeRange{word, word}, isOpen, true);
  Value next = add(i, 1);
  scf::YieldOp::create(builder(), loc(), ValueRange{next, look.getResult(0), look.getResult(1)});

  builder().setInsertionPointToStart(look.elseBlock());
  scf::YieldOp::create(builder(), loc(), ValueRange{open, i32(-2)});
  builder().setInsertionPointToStart(look.thenBlock());
  auto [address, target] = counterOf(track, index);
  Value arrived =
      inlinePtx("ld.acquire." + scopeName(type.getScope()) + ".global.u32 $0, [$1];", "=r,l", word, {address}, true);
  Value isComplete = arith::CmpIOp::create(builder(), loc(), arith::CmpIPredicate::sge, sub(arrived, target), i32(0));
  auto take = scf::IfOp::create(builder(), loc(), TypeRange{word}, isComplete, true);
  scf::YieldOp::create(builder(), loc(), ValueRange{i32(1), take.getResult(0)});
  builder().setInsertionPointToStart(take.elseBlock());
  scf::YieldOp::create(builder(), loc(), ValueRange{i32(-2)});
  builder().setInsertionPointToStart(take.thenBlock());
  Value was = inlinePtx("atom.relaxed.gpu.global.cas.b32 $0, [$1], $2, $3;", "=r,l,r,r", word,
                        {begun, epoch, add(epoch, 1)}, true);
  scf::YieldOp::create(builder(), loc(), ValueRange{select(equal(was, epoch), i, i32(-2))});

  builder().setInsertionPointToEnd(after);
  scf::YieldOp::create(builder(), loc(), atEnd.getResults());
  return search.getResult(2);
}

LogicalResult CudaProtocolEmitter::emitTrigger(overlap::TriggerOp op) {
  Type word = builder().getI32Type();
  Value place = shared(4, 4);
  auto loop = scf::WhileOp::create(builder(), loc(), TypeRange{word}, ValueRange{});
  OpBuilder::InsertionGuard guard(builder());
  builder().createBlock(&loop.getBefore());
  ifThen(equal(thread(), i32(0)), [&] { CudaKernelEmitter::store(findComplete(op), place, i32(0)); });
  barrier();
  Value found = loadIndex(place, i32(0));
  Value isOne = arith::CmpIOp::create(builder(), loc(), arith::CmpIPredicate::sge, found, i32(0));
  scf::ConditionOp::create(builder(), loc(), isOne, ValueRange{found});
  Block *body = builder().createBlock(&loop.getAfter(), {}, {word}, {loc()});
  auto type = cast<overlap::CounterType>(op.getCounter().getType());
  Block &block = op.getBody().front();
  for (auto [argument, value] : llvm::zip(block.getArguments(), indicesOf(type, body->getArgument(0))))
    indices[argument] = value; // the last argument is the token
  LogicalResult result = emitBody(llvm::map_to_vector(block, [](Operation &inner) { return &inner; }), i32(0), 1);
  barrier();
  scf::YieldOp::create(builder(), loc(), ValueRange());
  return result;
}
