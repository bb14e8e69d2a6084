//===- WeightFormat.cpp - What weights are stored as ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Frontend/WeightFormat.h"

#include "llvm/ADT/StringSwitch.h"

using namespace plait;

Expected<WeightFormat> plait::parseWeightFormat(const std::string &dtype, std::optional<int64_t> group,
                                                bool zeroPoints) {
  using Kind = WeightFormat::Kind;
  auto kind = llvm::StringSwitch<std::optional<Kind>>(dtype)
                  .Cases({"", "auto"}, Kind::exact)
                  .Case("stored", Kind::stored)
                  .Case("f32", Kind::f32)
                  .Case("bf16", Kind::bf16)
                  .Case("int8", Kind::int8)
                  .Case("int4", Kind::int4)
                  .Default(std::nullopt);
  if (!kind)
    return invalidArgument("--dtype: found '" + dtype + "'; expected auto, stored, f32, bf16, int8 or int4");
  bool isInteger = *kind == Kind::int8 || *kind == Kind::int4;
  if (group && !isInteger)
    return invalidArgument("--group: found it without integers; expected it with --dtype=int8 or int4");
  if (group && !llvm::is_contained({32, 64, 128}, *group) && !(*group == 0 && *kind == Kind::int8))
    return invalidArgument("--group: found " + std::to_string(*group) + "; expected 32, 64 or 128" +
                           (*kind == Kind::int8 ? ", or 0 for whole rows" : ""));
  if (zeroPoints && *kind != Kind::int4)
    return invalidArgument("--zero-points: found it without 4-bit integers; expected it with --dtype=int4");
  WeightFormat format{*kind};
  format.group = group.value_or(format.group);
  format.zeroPoints = zeroPoints;
  return format;
}

/// The smallest format that holds all of `tensors` exactly as numbers. What is
/// missing or of a type that cannot be read is an error of checkWeights.
static Attribute exactFormat(MLIRContext *context, ArrayRef<std::string> tensors, const Checkpoint &checkpoint) {
  for (const std::string &name : tensors)
    if (const TensorView *tensor = checkpoint.find(name); tensor && tensor->type != plait::TensorType::bf16)
      return lm::F32Attr::get(context);
  return lm::BF16Attr::get(context);
}

static Attribute integerFormat(MLIRContext *context, const WeightQuantization &quantization) {
  if (quantization.bits == 8)
    return lm::Int8Attr::get(context, quantization.group);
  return lm::Int4Attr::get(context, quantization.group, quantization.zeroPoints);
}

/// The integers that the checkpoint holds `tensors` in, if all in the same way.
static Attribute storedFormat(MLIRContext *context, ArrayRef<std::string> tensors, const Checkpoint *checkpoint) {
  std::optional<WeightQuantization> common;
  for (const std::string &name : tensors) {
    const TensorView *tensor = checkpoint ? checkpoint->find(name) : nullptr;
    auto stored = tensor ? storedQuantization(*tensor) : std::nullopt;
    if (!stored || (common && *common != *stored))
      return {};
    common = stored;
  }
  return common ? integerFormat(context, *common) : Attribute();
}

/// Whether the checkpoint is one of integers: of GPTQ or AWQ.
static bool isPacked(ArrayRef<std::string> tensors, const Checkpoint *checkpoint) {
  const TensorView *tensor = checkpoint && !tensors.empty() ? checkpoint->find(tensors.front()) : nullptr;
  return tensor && tensor->packed;
}

Attribute plait::chooseWeightFormat(const WeightFormat &wanted, WeightUse use, ArrayRef<std::string> tensors,
                                    const Checkpoint *checkpoint, Attribute absent) {
  using Kind = WeightFormat::Kind;
  MLIRContext *context = absent.getContext();
  Attribute exact = checkpoint ? exactFormat(context, tensors, *checkpoint) : absent;
  if (use == WeightUse::vector)
    return exact;
  Attribute stored = storedFormat(context, tensors, checkpoint);
  switch (wanted.kind) {
  case Kind::exact:
    return stored && isPacked(tensors, checkpoint) ? stored : exact;
  case Kind::stored:
    return stored ? stored : exact;
  case Kind::f32:
    return lm::F32Attr::get(context);
  case Kind::bf16:
    return lm::BF16Attr::get(context);
  case Kind::int8:
  case Kind::int4:
    if (use == WeightUse::gathered)
      return lm::BF16Attr::get(context);
    if (wanted.kind == Kind::int4 && use == WeightUse::head)
      return stored ? stored : integerFormat(context, {8, wanted.group, false});
    return integerFormat(context, {wanted.kind == Kind::int8 ? 8u : 4u, wanted.group, wanted.zeroPoints});
  }
  llvm_unreachable("all kinds are covered");
}
