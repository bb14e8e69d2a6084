//===- LowerImports.cpp - Calls of the runtime ----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/Passes.h"

#include "plait-abi/Model.h"

#include "mlir/IR/Builders.h"

#include <cstddef>

namespace plait {
#define GEN_PASS_DEF_LOWERIMPORTSPASS
#include "passes/CPU/Passes.h.inc"
} // namespace plait

using namespace plait;

/// The address that lies `bytes` behind `base`.
static Value loadAddress(OpBuilder &b, Location loc, Value base, size_t bytes) {
  Type type = base.getType();
  Value at = LLVM::GEPOp::create(b, loc, type, b.getI8Type(), base, ArrayRef<LLVM::GEPArg>{int32_t(bytes)},
                                 LLVM::GEPNoWrapFlags::inbounds);
  return LLVM::LoadOp::create(b, loc, type, at);
}

/// Calls the import that lies at `offset` in plait_imports_v1_t: the runtime's
/// own pointer, then `arguments`.
static void callImport(OpBuilder &b, Location loc, Value context, size_t offset, ValueRange arguments) {
  Value imports = loadAddress(b, loc, context, offsetof(plait_context_v1_t, imports));
  Value callee = loadAddress(b, loc, imports, offset);
  SmallVector<Value> operands = {callee, loadAddress(b, loc, context, offsetof(plait_context_v1_t, runtime))};
  llvm::append_range(operands, arguments);
  SmallVector<Type> types = llvm::to_vector(llvm::drop_begin(ValueRange(operands).getTypes()));
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), types);
  LLVM::CallOp::create(b, loc, type, operands);
}

namespace {
struct LowerImportsPass : plait::impl::LowerImportsPassBase<LowerImportsPass> {
  void runOnOperation() override {
    getOperation().walk([](rt::ReportNonfiniteOp op) {
      OpBuilder b(op);
      callImport(b, op.getLoc(), op.getContext(), offsetof(plait_imports_v1_t, report_nonfinite), op.getLeaf());
      op.erase();
    });
  }
};
} // namespace
