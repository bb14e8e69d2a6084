//===- WeightFormat.cpp - What weights are stored as ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Frontend/WeightFormat.h"

#include "llvm/ADT/StringSwitch.h"

using namespace plait;

static bool isInteger(WeightFormat::Kind kind) {
  return kind == WeightFormat::Kind::int8 || kind == WeightFormat::Kind::int4;
}

bool WeightFormat::makesIntegers() const { return isInteger(kind) || (head && isInteger(*head)); }

static std::optional<WeightFormat::Kind> parseKind(const std::string &dtype) {
  using Kind = WeightFormat::Kind;
  return llvm::StringSwitch<std::optional<Kind>>(dtype)
      .Cases({"", "auto"}, Kind::exact)
      .Case("stored", Kind::stored)
      .Case("f32", Kind::f32)
      .Case("bf16", Kind::bf16)
      .Case("int8", Kind::int8)
      .Case("int4", Kind::int4)
      .Default(std::nullopt);
}

Expected<WeightFormat> plait::parseWeightFormat(const std::string &dtype, const std::string &headDtype,
                                                std::optional<int64_t> group, bool zeroPoints) {
  using Kind = WeightFormat::Kind;
  auto kind = parseKind(dtype), head = parseKind(headDtype);
  if (!kind)
    return invalidArgument("--dtype: found '" + dtype + "'; expected auto, stored, f32, bf16, int8 or int4");
  if (!head || head == Kind::stored)
    return invalidArgument("--head-dtype: found '" + headDtype + "'; expected auto, f32, bf16, int8 or int4");
  WeightFormat format{*kind};
  if (*head != Kind::exact)
    format.head = head;
  bool has4Bits = *kind == Kind::int4 || *head == Kind::int4, hasIntegers = format.makesIntegers();
  if (group && !hasIntegers)
    return invalidArgument("--group: found it without integers; expected it with --dtype=int8 or int4");
  if (group && !llvm::is_contained({32, 64, 128}, *group) && !(*group == 0 && !has4Bits))
    return invalidArgument("--group: found " + std::to_string(*group) + "; expected 32, 64 or 128" +
                           (has4Bits ? "" : ", or 0 for whole rows"));
  if (zeroPoints && !has4Bits)
    return invalidArgument("--zero-points: found it without 4-bit integers; expected it with --dtype=int4");
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
  bool isAsked = use == WeightUse::head && wanted.head;
  Kind kind = isAsked ? *wanted.head : wanted.kind;
  switch (kind) {
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
    if (kind == Kind::int4 && use == WeightUse::head && !isAsked)
      return stored ? stored : integerFormat(context, {8, wanted.group, false});
    return integerFormat(context,
                         {kind == Kind::int8 ? 8u : 4u, wanted.group, kind == Kind::int4 && wanted.zeroPoints});
  }
  llvm_unreachable("all kinds are covered");
}
