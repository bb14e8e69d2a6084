//===- PostProcessor.h - What is added around the ids -----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_TOKENIZER_POSTPROCESSOR_H
#define PLAIT_RUNTIME_BASE_TOKENIZER_POSTPROCESSOR_H

#include "runtime/base/Json.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <vector>

namespace plait {

/// For one text without a partner, every post-processor puts fixed ids before
/// and after it, if anything.
struct PostProcessor {
  std::vector<int32_t> before, after;

  /// Reads the "post_processor" of a tokenizer.json: ByteLevel, BertProcessing,
  /// RobertaProcessing, TemplateProcessing, or a Sequence with at most one of
  /// the last three.
  static Expected<PostProcessor> fromJson(const JsonView &view);
};

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_TOKENIZER_POSTPROCESSOR_H
