//===- ProgramMemory.cpp - Where a program's memory lies ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Overlap/ProgramMemory.h"

using namespace plait;
using namespace plait::overlap;

int64_t ProgramMemory::slotBytes(BufferType type) {
  int64_t bits = ShapedType::getNumElements(type.getShape()) * type.getElementType().getIntOrFloatBitWidth();
  return llvm::alignTo(bits / 8, 1024);
}

ProgramMemory::ProgramMemory(ProgramOp program) {
  auto place = [&](Operation *op, int64_t size, int64_t alignment) {
    bytes = llvm::alignTo(bytes, alignment);
    offsets[op] = bytes;
    bytes += size;
  };
  auto placeWords = [&](Operation *op, CounterType type) {
    place(op, 4 * ShapedType::getNumElements(type.getExtents()), 128);
  };
  program.walk([&](AllocOp op) {
    BufferType type = op.getResult().getType();
    place(op, countSlots(type) * slotBytes(type), 1024);
  });
  program.walk([&](TrackOp op) { placeWords(op, op.getResult().getType()); });
  program.walk([&](TriggerOp op) { placeWords(op, op.getCounter().getType()); });
  bytes = llvm::alignTo(bytes, 1024);
}
