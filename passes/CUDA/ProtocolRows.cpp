//===- ProtocolRows.cpp - Rows of tiles, to and from other ranks ----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/ProtocolEmitter.h"

#include "plait-abi/Team.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace plait;

static int64_t columnsOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getDimSize(1); }

lm::LinearOp plait::productOf(Value tile) { return tile.getDefiningOp<lm::LinearOp>(); }

bool plait::isOfProduct(Operation *op) {
  return isa<overlap::LoadOp>(op) && llvm::any_of(op->getUsers(), llvm::IsaPred<lm::LinearOp>);
}

bool plait::isInShared(Value tile) {
  Operation *op = tile.getDefiningOp();
  return op && !isa<overlap::SliceOp, arith::ConstantOp>(op);
}

Value CudaProtocolEmitter::rowOf(Value tensor, Value row) {
  if (tensor.getDefiningOp<arith::ConstantOp>())
    return {};
  if (auto slice = tensor.getDefiningOp<overlap::SliceOp>()) {
    Value first = add(indexOf(slice.getOffsets()[0]), row);
    bindRow(slice, rowPointer(slice.getInput(), first));
  }
  return rowPointer(tensor, row);
}

void CudaProtocolEmitter::loadRow(overlap::LoadOp op, Value row) {
  Value from = toPointer(addressOf(op.getSource(), op.getOffsets(), row)), to = rowPointer(op.getResult(), row);
  int64_t columns = ::columnsOf(op.getResult());
  forColumns(columns, width({columns}),
             [&](CudaColumns c) { store(load(typeOf(f32Type(), c.count), from, c.first), to, c.first); });
}

void CudaProtocolEmitter::sumRow(overlap::LoadReduceOp op, Value row) {
  Value offset = offsetOf(op.getSource(), op.getOffsets(), row), to = rowPointer(op.getResult(), row);
  int64_t columns = ::columnsOf(op.getResult());
  if (multicast == CudaMulticast::all || (op.getInSwitch() && multicast == CudaMulticast::stores)) {
    Value from = add(teamWord(offsetof(plait_team_v1_t, multicast), builder().getI64Type()), offset);
    forColumns(columns, width({columns}), [&](CudaColumns c) {
      Value address = add(from, mul(widen(c.first), 4));
      std::string outputs, list, kind = c.count > 1 ? ".v" + std::to_string(c.count) : "";
      for (int64_t i = 0; i < c.count; ++i) {
        outputs += "=f,";
        list += (i ? ", $" : "$") + std::to_string(i);
      }
      Type type =
          c.count == 1
              ? f32Type()
              : Type(LLVM::LLVMStructType::getLiteral(builder().getContext(), SmallVector<Type>(c.count, f32Type())));
      Value sum = inlinePtx("multimem.ld_reduce.weak.global.add" + kind + ".f32 " +
                                (c.count > 1 ? "{" + list + "}" : list) + ", [$" + std::to_string(c.count) + "];",
                            outputs + "l", type, {address}, /*ordered=*/true);
      if (c.count > 1) {
        SmallVector<Value> elements;
        for (int64_t i = 0; i < c.count; ++i)
          elements.push_back(LLVM::ExtractValueOp::create(builder(), loc(), sum, i));
        sum = fromLanes(elements);
      }
      store(sum, to, c.first);
    });
    return;
  }
  SmallVector<Value> from;
  for (int64_t peer = 0; peer < program.countRanks(); ++peer)
    from.push_back(toPointer(add(memoryOf(i32(peer)), offset)));
  forColumns(columns, width({columns}), [&](CudaColumns c) {
    // All are on their way before the first addition.
    auto parts = llvm::map_to_vector(from, [&](Value f) { return load(typeOf(f32Type(), c.count), f, c.first); });
    Value sum = parts[0];
    for (Value part : ArrayRef(parts).drop_front())
      sum = add(sum, part);
    store(sum, to, c.first);
  });
}

/// `instruction` is put before the number of columns: "st.global", "red.relaxed.sys.global.add"
void CudaProtocolEmitter::storeColumns(Value tensor, Value row, ArrayRef<Value> addresses, StringRef instruction) {
  Value from = rowOf(tensor, row);
  int64_t columns = ::columnsOf(tensor);
  bool isScalar = instruction.starts_with("red") && machine().unit != MatrixUnit::wgmma; // vectors came with sm_90
  forColumns(columns, isScalar ? 1 : width({columns}), [&](CudaColumns c) {
    Type type = typeOf(getElementTypeOrSelf(tensor.getType()), c.count);
    Value value;
    if (from) {
      value = load(type, from, c.first);
    } else {
      auto splat = cast<SplatElementsAttr>(tensor.getDefiningOp<arith::ConstantOp>().getValue());
      value = constant(type, splat.getSplatValue<APFloat>().convertToDouble());
    }
    if (instruction == "st") {
      for (Value address : addresses)
        store(value, toPointer(address), c.first);
      return;
    }
    std::string constraints = "l", list, kind = c.count > 1 ? ".v" + std::to_string(c.count) : "";
    for (int64_t i = 0; i < c.count; ++i) {
      constraints += ",f";
      list += (i ? ", $" : "$") + std::to_string(i + 1);
    }
    std::string text = (instruction + kind + ".f32 [$0], " + (c.count > 1 ? "{" + list + "}" : list) + ";").str();
    for (Value address : addresses) {
      SmallVector<Value> operands{add(address, mul(widen(c.first), 4))};
      llvm::append_range(operands, lanes(value));
      inlinePtx(text, constraints, Type(), operands, /*ordered=*/true);
    }
  });
}

/// By thread 0, out of shared memory. It waits until that has been read when the row ends.
void CudaProtocolEmitter::storeInBulk(Value tensor, Value row, ArrayRef<Value> addresses, bool adds) {
  Value from = LLVM::PtrToIntOp::create(builder(), loc(), builder().getI32Type(), rowOf(tensor, row));
  Value bytes = i32(::columnsOf(tensor) * 4);
  inlinePtx("fence.proxy.async.shared::cta;", "", Type(), {}, /*ordered=*/true);
  barrier();
  ifThen(equal(thread(), i32(0)), [&] {
    StringRef text = adds ? "cp.reduce.async.bulk.global.shared::cta.bulk_group.add.f32 [$0], [$1], $2;"
                          : "cp.async.bulk.global.shared::cta.bulk_group [$0], [$1], $2;";
    for (Value address : addresses)
      inlinePtx(text, "l,r,r", Type(), {address, from, bytes}, /*ordered=*/true);
    inlinePtx("cp.async.bulk.commit_group;", "", Type(), {}, /*ordered=*/true);
  });
  isStaged = true;
}

void CudaProtocolEmitter::storeRow(Value tensor, Value view, ValueRange offsets, overlap::Engine engine, bool adds,
                                   Value row) {
  bool isAll = view.getDefiningOp<overlap::ViewOp>().getWindow() == overlap::Window::multicast;
  bool isF32 = getElementTypeOrSelf(tensor.getType()).isF32(); // others only by stores of threads
  if (isAll && multicast != CudaMulticast::loop && !adds && isF32) {
    Value all = teamWord(offsetof(plait_team_v1_t, multicast), builder().getI64Type());
    return storeColumns(tensor, row, {add(all, offsetOf(view, offsets, row))}, "multimem.st.weak.global");
  }
  SmallVector<Value> addresses;
  if (!isAll)
    addresses.push_back(addressOf(view, offsets, row));
  // Each rank begins with another one, so that not all store in the same memory at once.
  for (int64_t i = 0; isAll && i < program.countRanks(); ++i)
    addresses.push_back(addressOf(view, offsets, row, rem(add(rank(), i), program.countRanks())));
  bool fits = machine().unit == MatrixUnit::wgmma && ::columnsOf(tensor) % 4 == 0;
  if (engine == overlap::Engine::tma && fits && isInShared(tensor))
    return storeInBulk(tensor, row, addresses, adds);
  storeColumns(tensor, row, addresses, adds ? "red.relaxed.sys.global.add" : "st");
}

void CudaProtocolEmitter::returnRow(Value tensor, Value row) {
  Operation *end = program.getBody().front().getTerminator();
  for (auto [value, pointer] : llvm::zip_equal(end->getOperands(), resultPointers))
    if (value == tensor) {
      Value address = LLVM::PtrToIntOp::create(builder(), loc(), builder().getI64Type(), pointer);
      storeColumns(tensor, row, {add(address, mul(widen(row), ::columnsOf(tensor) * 4))}, "st");
    }
}
