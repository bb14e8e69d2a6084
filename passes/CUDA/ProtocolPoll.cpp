//===- ProtocolPoll.cpp - Data that tells that it is there, on CUDA -------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An element is 32 bits of memory: zero, the mark, or the complement of a number's bits (overlap.publish). Elements of
// a vector arrive each by itself, and each tells that it is there. Order is that of fences: one by each thread behind
// the barrier of its block and before what it publishes, and one behind what it has polled and before the next barrier.
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/ProtocolEmitter.h"

#include "plait-abi/Team.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace plait;

static int64_t columnsOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getDimSize(1); }

void CudaProtocolEmitter::emitFence() { inlinePtx("fence.acq_rel.sys;", "", Type(), {}, /*ordered=*/true); }

/// ".v4" and "{$FIRST, ...}": how PTX names so many registers.
static std::pair<std::string, std::string> nameRegisters(int64_t count, int64_t first) {
  std::string list;
  for (int64_t i = 0; i < count; ++i)
    list += (i ? ", $" : "$") + std::to_string(first + i);
  return count == 1 ? std::pair<std::string, std::string>{"", list}
                    : std::pair<std::string, std::string>{".v" + std::to_string(count), "{" + list + "}"};
}

static std::string repeat(StringRef text, int64_t count) {
  std::string all;
  for (int64_t i = 0; i < count; ++i)
    all += text;
  return all;
}

void CudaProtocolEmitter::publishRow(overlap::PublishOp op, Value row) {
  Value from = rowOf(op.getValue(), row);
  int64_t columns = columnsOf(op.getValue());
  bool isAll = op.getTarget().getDefiningOp<overlap::ViewOp>().getWindow() == overlap::Window::multicast;
  bool isMulticast = isAll && multicast != CudaMulticast::loop;
  SmallVector<Value> addresses;
  if (isMulticast)
    addresses.push_back(add(teamWord(offsetof(plait_team_v1_t, multicast), builder().getI64Type()),
                            offsetOf(op.getTarget(), op.getOffsets(), row)));
  else if (!isAll)
    addresses.push_back(addressOf(op.getTarget(), op.getOffsets(), row));
  // Each rank begins with another one, so that not all store in the same memory at once.
  for (int64_t i = 0; isAll && !isMulticast && i < program.countRanks(); ++i)
    addresses.push_back(addressOf(op.getTarget(), op.getOffsets(), row, rem(add(rank(), i), program.countRanks())));
  emitFence();
  forColumns(columns, width({columns}), [&](CudaColumns c) {
    Type type = typeOf(f32Type(), c.count);
    Value value;
    if (from) {
      value = load(type, from, c.first);
    } else {
      auto splat = cast<SplatElementsAttr>(op.getValue().getDefiningOp<arith::ConstantOp>().getValue());
      value = constant(type, splat.getSplatValue<APFloat>().convertToDouble());
    }
    SmallVector<Value> words = llvm::map_to_vector(lanes(value), [&](Value lane) -> Value {
      Value complement = arith::XOrIOp::create(builder(), loc(), bitcast(builder().getI32Type(), lane), i32(-1));
      // Of the one NaN whose complement is the mark another NaN.
      Value word = select(equal(complement, i32(0)), i32(1), complement);
      return isMulticast ? bitcast(f32Type(), word) : word;
    });
    auto [kind, list] = nameRegisters(c.count, 1);
    std::string text = isMulticast ? "multimem.st.relaxed.sys.global" + kind + ".f32 [$0], " + list + ";"
                                   : "st.relaxed.sys.global" + kind + ".b32 [$0], " + list + ";";
    for (Value address : addresses) {
      SmallVector<Value> operands{add(address, mul(widen(c.first), 4))};
      llvm::append_range(operands, words);
      inlinePtx(text, "l" + repeat(isMulticast ? ",f" : ",r", c.count), Type(), operands, /*ordered=*/true);
    }
  });
}

void CudaProtocolEmitter::pollRow(overlap::PollOp op, Value row) {
  Type word = builder().getI32Type();
  Value to = rowPointer(op.getResult(), row);
  int64_t columns = columnsOf(op.getResult()), parts = int64_t(op.getRows());
  SmallVector<Value> from;
  for (int64_t part = 0; part < parts; ++part)
    from.push_back(addressOf(op.getSource(), op.getOffsets(), add(mul(row, parts), part)));
  forColumns(columns, width({columns}), [&](CudaColumns c) {
    SmallVector<Type> types(size_t(parts * c.count), word);
    auto [kind, list] = nameRegisters(c.count, 0);
    Type loaded =
        c.count == 1
            ? word
            : Type(LLVM::LLVMStructType::getLiteral(builder().getContext(), SmallVector<Type>(size_t(c.count), word)));
    auto loop = scf::WhileOp::create(builder(), loc(), types, ValueRange());
    {
      OpBuilder::InsertionGuard guard(builder());
      builder().createBlock(&loop.getBefore());
      SmallVector<Value> words;
      Value isMissing;
      // All are on their way before the first is looked at.
      for (Value base : from) {
        Value part =
            inlinePtx("ld.relaxed.sys.global" + kind + ".b32 " + list + ", [$" + std::to_string(c.count) + "];",
                      repeat("=r,", c.count) + "l", loaded, {add(base, mul(widen(c.first), 4))},
                      /*ordered=*/true);
        for (int64_t i = 0; i < c.count; ++i)
          words.push_back(c.count == 1 ? part : Value(LLVM::ExtractValueOp::create(builder(), loc(), part, i)));
      }
      for (Value one : words) {
        Value isMark = equal(one, i32(0));
        isMissing = isMissing ? Value(arith::OrIOp::create(builder(), loc(), isMissing, isMark)) : isMark;
      }
      scf::ConditionOp::create(builder(), loc(), isMissing, words);
      builder().createBlock(&loop.getAfter(), {}, types, SmallVector<Location>(types.size(), loc()));
      scf::YieldOp::create(builder(), loc(), ValueRange());
    }
    Value sum;
    for (int64_t part = 0; part < parts; ++part) {
      SmallVector<Value> numbers;
      for (int64_t i = 0; i < c.count; ++i) {
        Value bits = arith::XOrIOp::create(builder(), loc(), loop.getResult(unsigned(part * c.count + i)), i32(-1));
        numbers.push_back(bitcast(f32Type(), bits));
      }
      Value number = fromLanes(numbers);
      sum = sum ? add(sum, number) : number;
    }
    store(sum, to, c.first);
  });
  emitFence();
}

void CudaProtocolEmitter::emitClear(overlap::ClearOp op, Value firstRow, int64_t rowStep) {
  int64_t columns = op.getSize()[1];
  forLoop(firstRow, i32(op.getSize()[0]), rowStep, [&](Value row) {
    Value to = toPointer(add(memoryOf(rank()), offsetOf(op.getTarget(), op.getOffsets(), row, int64_t(op.getAhead()))));
    forColumns(columns, width({columns}),
               [&](CudaColumns c) { store(integer(typeOf(builder().getI32Type(), c.count), 0), to, c.first); });
  });
  barrier(); // who publishes next does so for all of the block
}
