//===- LogitsParts.h - Logits of which devices have parts -------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECTS_DECODE_LOGITSPARTS_H
#define PLAIT_DIALECTS_DECODE_LOGITSPARTS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

#include <functional>

namespace plait::decode {

/// A device's part of logits, and how devices tell each other what they find in theirs.
class LogitsParts {
public:
  /// Rows of every device put side by side: [L, W] -> [L, devices * W].
  using Gather = std::function<mlir::Value(mlir::OpBuilder &, mlir::Value)>;

  /// The logits begin with token `first`.
  LogitsParts(mlir::Value logits, int64_t first, Gather gather)
      : logits(logits), first(first), gather(std::move(gather)) {}

  /// The gathered decode.summarize of the parts, one for all ops on these logits.
  mlir::Value getSummaries(mlir::OpBuilder &b);
  /// f32 `[L, width]`. An L that is dynamic gets the name `dim`.
  mlir::RankedTensorType getWords(llvm::StringRef dim, int64_t width) const;

  const mlir::Value logits;
  const int64_t first;
  const Gather gather;

private:
  mlir::Value summaries;
};

} // namespace plait::decode

#endif // PLAIT_DIALECTS_DECODE_LOGITSPARTS_H
