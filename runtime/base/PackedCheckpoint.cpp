//===- PackedCheckpoint.cpp - GPTQ and AWQ checkpoints -------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/PackedCheckpoint.h"

#include "runtime/base/Message.h"

#include <algorithm>
#include <cctype>

using namespace plait;

namespace {

Status unsupportedValue(const JsonView &view, const std::string &expected) {
  return unsupported(view.error(expected).message());
}

/// Refuses a member that is there and is none of `values`, which are compared
/// without regard to case.
Status requireOneOf(const JsonView &object, const char *key, const std::vector<std::string> &values,
                    const std::string &remedy) {
  if (!object.has(key))
    return Status::success();
  PLAIT_ASSIGN_OR_RETURN(JsonView view, object.get(key));
  PLAIT_ASSIGN_OR_RETURN(std::string text, view.asString());
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return char(std::tolower(c)); });
  if (std::find(values.begin(), values.end(), text) != values.end())
    return Status::success();
  std::string list;
  for (const std::string &value : values)
    list += (list.empty() ? "" : " or ") + value;
  return unsupportedValue(view, list + "; " + remedy);
}

constexpr char originalRemedy[] = "take the original checkpoint in f32 or bf16, which Plait quantises itself";

Status requireFalse(const JsonView &object, const char *key) {
  PLAIT_ASSIGN_OR_RETURN(bool flag, object.getBool(key, false));
  return flag ? unsupportedValue(*object.get(key), std::string("false; ") + originalRemedy) : Status::success();
}

} // namespace

Expected<std::optional<PackedFormat>> plait::readPackedFormat(const JsonView &config) {
  using Result = std::optional<PackedFormat>;
  if (config.has("compression_config"))
    return unsupportedValue(*config.get("compression_config"), std::string("none; ") + originalRemedy);
  if (!config.has("quantization_config"))
    return Result();
  PLAIT_ASSIGN_OR_RETURN(JsonView view, config.get("quantization_config"));
  PLAIT_ASSIGN_OR_RETURN(std::string method, view.getString("quant_method"));
  if (method != "gptq" && method != "awq")
    return unsupportedValue(*view.get("quant_method"), std::string("gptq or awq; ") + originalRemedy);

  bool awq = method == "awq";
  PackedFormat format{awq ? TensorType::awq : TensorType::gptq};
  PLAIT_ASSIGN_OR_RETURN(int64_t bits, view.getInt("bits"));
  if (bits != 4 && (awq || bits != 8))
    return unsupportedValue(*view.get("bits"), std::string(awq ? "4" : "4 or 8") + "; " + originalRemedy);
  format.bits = unsigned(bits);
  PLAIT_ASSIGN_OR_RETURN(int64_t group, view.getInt("group_size", -1, int64_t(1) << 22));
  if (group == 0)
    return view.get("group_size")->error("a number of columns, or -1 for all of a row");
  format.group = std::max<int64_t>(group, 0);

  const std::string layouts = "other layouts are made for particular kernels: take a checkpoint in this one";
  PLAIT_RETURN_IF_ERROR(requireOneOf(view, "version", {"gemm"}, layouts));
  PLAIT_RETURN_IF_ERROR(requireOneOf(view, "pack_dtype", {"int32"}, layouts));
  PLAIT_RETURN_IF_ERROR(requireFalse(view, "is_marlin_format"));
  if (awq) {
    PLAIT_RETURN_IF_ERROR(requireOneOf(view, "checkpoint_format", {"gemm"}, layouts));
    PLAIT_RETURN_IF_ERROR(requireOneOf(view, "backend", {"autoawq"}, layouts));
    return Result(format);
  }
  PLAIT_RETURN_IF_ERROR(requireOneOf(view, "checkpoint_format", {"gptq", "gptq_v2"}, layouts));
  PLAIT_ASSIGN_OR_RETURN(std::string version, view.getString("checkpoint_format", "gptq"));
  format.zeroOffset = version == "gptq_v2" ? 0 : 1;
  if (view.has("dynamic") && !view.get("dynamic")->json().empty())
    return unsupportedValue(*view.get("dynamic"), "one format for all matrices; take such a checkpoint");
  return Result(format);
}

Expected<Checkpoint> plait::viewPackedCheckpoint(const Checkpoint &checkpoint,
                                                 const std::optional<PackedFormat> &format, const std::string &what) {
  constexpr std::string_view integersSuffix = ".qweight";
  std::map<std::string, TensorView> tensors = checkpoint.tensors();
  for (const auto &[name, tensor] : checkpoint.tensors()) {
    if (!name.ends_with(integersSuffix))
      continue;
    if (!format)
      return invalidArgument(foundExpected(printable(what),
                                           "no quantization_config beside the tensor " + inQuotes(name),
                                           "it in config.json; copy it there from quantize_config.json"));
    std::string path = name.substr(0, name.size() - integersSuffix.size());
    if (checkpoint.find(path + ".weight"))
      return invalidArgument(foundExpected(printable(tensor.file),
                                           "tensors " + inQuotes(name) + " and " + inQuotes(path + ".weight"),
                                           "one of them; fetch the checkpoint again"));
    PackedParts parts{&tensor, checkpoint.find(path + ".qzeros"), checkpoint.find(path + ".scales"),
                      checkpoint.find(path + ".g_idx")};
    PLAIT_ASSIGN_OR_RETURN(TensorView view, viewPackedMatrix(*format, parts, path));
    for (const char *suffix : {".qweight", ".qzeros", ".scales", ".g_idx"})
      tensors.erase(path + suffix);
    tensors.emplace(path + ".weight", std::move(view));
  }
  return Checkpoint(std::move(tensors), checkpoint.files(), checkpoint.metadata());
}
