//===- LaunchFusion.h - Several launches become one -------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the fusing passes share. They run between plait-outline-kernels and
// plait-dedupe-kernels, where every launch has a kernel of its own. A pass decides
// which launches make one kernel (kernel.func says which may); this does the rest.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_LOWER_LAUNCHFUSION_H
#define PLAIT_PASSES_LOWER_LAUNCHFUSION_H

#include "dialects/Decode/Decode.h"
#include "dialects/Kernel/Kernel.h"

namespace plait {

class LaunchFusion {
public:
  /// `pass`: the flag of the pass, the category of its remarks.
  LaunchFusion(ModuleOp module, StringRef pass) : symbols(module), pass(pass) {}

  kernel::FuncOp getKernel(kernel::LaunchOp launch);
  /// The one op that the launch's kernel computes; null if there are several.
  Operation *getOnlyOp(kernel::LaunchOp launch);
  /// What the weight of the first op of the launch's kernel is multiplied by; null
  /// if that op is no product.
  Value getProductInput(kernel::LaunchOp launch);
  /// The extent that names the rows on which all ops of `kernel` work row by row;
  /// nothing if some does not, or on others.
  static StringRef getRows(kernel::FuncOp kernel);
  /// Calls `body` with the launches of each block of `step`, in order.
  static void forEachBlock(decode::StepOp step, llvm::function_ref<void(ArrayRef<kernel::LaunchOp>)> body);
  /// The only user of `value` if it is a launch in the same block, else null.
  static kernel::LaunchOp getOnlyUser(Value value);

  /// Makes one launch of `launches`, which are of one block and in its order, and
  /// says so. Its kernel has their ops in that order; what only they use becomes a
  /// value within it. Null, and a remark that says why, if launches between
  /// them stand in the way or a buffer could no longer be written in place.
  kernel::LaunchOp fuse(ArrayRef<kernel::LaunchOp> launches);
  /// Says that `launch` stays as it is.
  void reportMissed(kernel::LaunchOp launch, const Twine &reason) const;

private:
  struct Signature;
  Operation *findPlace(ArrayRef<kernel::LaunchOp> launches) const;
  bool getInPlace(ArrayRef<kernel::LaunchOp> launches, const Signature &signature, SmallVector<int64_t> &pairs);
  Cost getCost(ArrayRef<kernel::LaunchOp> launches, const Signature &signature);
  kernel::FuncOp makeKernel(ArrayRef<kernel::LaunchOp> launches, const Signature &signature, ArrayRef<int64_t> inPlace);

  SymbolTable symbols;
  StringRef pass;
};

} // namespace plait

#endif // PLAIT_PASSES_LOWER_LAUNCHFUSION_H
