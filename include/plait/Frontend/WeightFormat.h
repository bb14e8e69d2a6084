//===- WeightFormat.h - What weights are stored as --------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_FRONTEND_WEIGHTFORMAT_H
#define PLAIT_FRONTEND_WEIGHTFORMAT_H

#include "runtime/base/Checkpoint.h"
#include "runtime/base/Status.h"

#include "dialects/Lm/Lm.h"

#include <optional>
#include <string>

namespace plait {

/// How the matrices of a model are stored in the compiled program; packing converts.
struct WeightFormat {
  enum class Kind {
    exact,  ///< bf16 where the checkpoint is bf16, integers where it is of GPTQ or AWQ, else f32
    stored, ///< integers where the checkpoint has such as lm knows, else exact
    f32,
    bf16,
    int8,
    int4
  } kind = Kind::exact;
  std::optional<Kind> head = {}; ///< of the head alone; absent: as follows from `kind`
  int64_t group = 64;            ///< of integers: columns that share a scale, 0: a whole row
  bool zeroPoints = false;       ///< of int4

  /// Whether matrices are made integers, whatever the checkpoint has.
  bool makesIntegers() const;
};

/// `dtype`: "auto" (or empty), "stored", "f32", "bf16", "int8" or "int4". `headDtype`: "auto" (or empty), "f32",
/// "bf16", "int8" or "int4".
Expected<WeightFormat> parseWeightFormat(const std::string &dtype, const std::string &headDtype,
                                         std::optional<int64_t> group, bool zeroPoints);

/// What is done with a weight.
enum class WeightUse {
  vector,   ///< a gain or a bias
  product,  ///< a matrix that is multiplied by
  gathered, ///< a table of which rows are looked up
  head      ///< the matrix of the logits, from which embeddings may be looked up too
};

/// The format of a weight that is made of `tensors`. Vectors are never rounded. With
/// integers asked for, a table that is only gathered from is bf16: of it one row is
/// read per token. With int4, the head is int8, unless it is integers in the
/// checkpoint or a format for it is asked for: rounding it costs more than any other matrix. `absent` is
/// what the elements are taken to be without a checkpoint.
mlir::Attribute chooseWeightFormat(const WeightFormat &wanted, WeightUse use, llvm::ArrayRef<std::string> tensors,
                                   const Checkpoint *checkpoint, mlir::Attribute absent);

} // namespace plait

#endif // PLAIT_FRONTEND_WEIGHTFORMAT_H
