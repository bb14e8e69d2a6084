//===- CheckWeights.cpp - Whether a checkpoint fits a model ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Frontend/CheckWeights.h"

#include "runtime/base/File.h"

#include "llvm/ADT/StringSet.h"

#include <algorithm>

using namespace plait;

namespace {

/// Names that one error lists.
constexpr size_t shown = 5;

std::string inQuotes(StringRef name) { return "'" + printable(name, 200) + "'"; }

/// "2 tensors", "1 tensor".
std::string counted(size_t count) { return std::to_string(count) + (count == 1 ? " tensor" : " tensors"); }

/// The first names, each by way of `describe`, and how many more there are.
template <typename Describe> std::string listed(const std::vector<std::string> &names, Describe describe) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), shown); ++i)
    text += (i ? ", " : "") + describe(names[i]);
  if (names.size() > shown)
    text += " and " + std::to_string(names.size() - shown) + " more";
  return text;
}

/// Those of `candidates` that `name` may have been renamed to, best first. Only
/// names that the model does not use are candidates: the same weight of another
/// layer would always be nearest.
std::vector<std::string> nearest(StringRef name, ArrayRef<std::string> candidates) {
  constexpr size_t count = 2, maxCandidates = 4096, maxLength = 512;
  std::vector<std::pair<unsigned, StringRef>> ranked;
  unsigned bound = unsigned(name.size() / 2);
  for (StringRef candidate : candidates.take_front(maxCandidates)) {
    if (candidate.size() > maxLength)
      continue;
    unsigned distance = name.edit_distance(candidate, /*AllowReplacements=*/true, bound);
    if (distance <= bound)
      ranked.emplace_back(distance, candidate);
  }
  std::sort(ranked.begin(), ranked.end());
  std::vector<std::string> names;
  for (size_t i = 0; i < std::min(ranked.size(), count); ++i)
    names.push_back(ranked[i].second.str());
  return names;
}

/// The names of the checkpoint tensors of a weight, one per layer.
std::vector<std::string> tensorNames(lm::WeightOp weight) {
  std::vector<std::string> names;
  for (int64_t slice = 0; slice < weight.getSlices(); ++slice)
    names.push_back(weight.getTensorName(slice));
  return names;
}

/// Whether `name` is a bias of zeros, as GPTQ's tools write them for matrices that
/// have none.
bool isBiasOfZeros(const std::string &name, const TensorView &tensor, const Checkpoint &checkpoint) {
  StringRef path = name;
  const TensorView *matrix = path.consume_back(".bias") ? checkpoint.find((path + ".weight").str()) : nullptr;
  if (!matrix || !matrix->packed)
    return false;
  for (int64_t i = 0; i < tensor.elements(); ++i)
    if (tensorElement(tensor, i) != 0)
      return false;
  return true;
}

Status reportNames(const std::vector<std::string> &missing, const std::vector<std::string> &unused,
                   const ModelConfig &config, const std::string &folder) {
  std::string found;
  if (!missing.empty()) {
    found = "no tensor " + listed(missing, [&](const std::string &name) {
              std::string text = inQuotes(name), near;
              for (const std::string &other : nearest(name, unused))
                near += (near.empty() ? "" : ", ") + inQuotes(other);
              return near.empty() ? text : text + " (nearest: " + near + ")";
            });
  }
  if (!unused.empty())
    found += (found.empty() ? "" : ", and ") + counted(unused.size()) +
             " that the model does not use: " + listed(unused, [](const std::string &name) { return inQuotes(name); });
  std::string remedy = "check that config.json belongs to this checkpoint";
  if (missing == std::vector<std::string>{"lm_head.weight"})
    remedy = "if the head shares the embedding's weight, set tie_word_embeddings to true in "
             "config.json";
  std::string message = printable(folder) + ": found " + found + "; expected the tensors of a " + config.family +
                        " model of " + std::to_string(config.layers) + " layers; " + remedy;
  return missing.empty() ? invalidArgument(message) : notFound(message);
}

/// Which tensors the model lacks, and which it has no use for.
Status checkNames(lm::ModelOp model, const ModelFamily &family, const ModelConfig &config, const Checkpoint &checkpoint,
                  const std::string &folder, std::vector<std::string> &warnings) {
  llvm::StringSet<> used;
  std::vector<std::string> missing, unused;
  for (lm::WeightOp weight : model.getBody().getOps<lm::WeightOp>()) {
    for (std::string &name : tensorNames(weight)) {
      used.insert(name);
      if (!checkpoint.find(name))
        missing.push_back(std::move(name));
    }
  }
  for (const auto &[name, tensor] : checkpoint.tensors()) {
    if (used.contains(name) || family.isIgnorable(name) || isBiasOfZeros(name, tensor, checkpoint))
      continue;
    // The flag decides, as in transformers: such a head is a copy at best.
    if (name == "lm_head.weight" && config.tiedEmbeddings)
      warnings.push_back(printable(folder) + ": found 'lm_head.weight' beside "
                                             "tie_word_embeddings true; the head uses the embedding's weight");
    else
      unused.push_back(name);
  }
  if (missing.empty() && unused.empty())
    return Status::success();
  return reportNames(missing, unused, config, folder);
}

Status checkShape(lm::WeightOp weight, const std::string &name, const TensorView &tensor, const ModelFamily &family,
                  const ModelConfig &config, const std::string &folder) {
  auto type = cast<lm::WeightType>(weight.getType());
  std::vector<int64_t> expected(type.getShape());
  if (lm::PartAttr whole = weight.getPartAttr())
    expected = {whole.getRows(), whole.getColumns()};
  if (weight.getTransposed())
    std::swap(expected[0], expected[1]);
  if (tensor.shape == expected)
    return Status::success();
  bool isEmbedding = !weight.getLayers() && StringRef(name).ends_with(std::string(family.embedding) + ".weight");
  if (isEmbedding && tensor.shape.size() == 2 && tensor.shape[1] == expected[1])
    return invalidArgument(printable(folder) + "/config.json: /vocab_size: found " + std::to_string(config.vocabulary) +
                           "; expected " + std::to_string(tensor.shape[0]) + ", the rows of tensor " + inQuotes(name) +
                           " of the checkpoint");
  return invalidArgument(printable(tensor.file) + ": tensor " + inQuotes(name) + ": found the shape " +
                         shapeText(tensor.shape) + "; expected " + shapeText(expected) +
                         ", as the sizes in config.json say; check that "
                         "config.json belongs to this checkpoint");
}

/// Whether packing can convert the elements to those of a program.
Status checkType(lm::WeightOp weight, const std::string &name, const TensorView &tensor) {
  if (tensor.packed && weight.getTransposed()) // a square one would pass for the other
    return unsupported(printable(tensor.file) + ": tensor " + inQuotes(name) + ": found a matrix of " +
                       tensorTypeName(tensor.type) +
                       " for one that this family stores transposed; expected F32, BF16 "
                       "or F16; take the original checkpoint, which Plait quantises itself");
  bool isFloat = tensor.type == plait::TensorType::f32 || tensor.type == plait::TensorType::bf16 ||
                 tensor.type == plait::TensorType::f16;
  if (isFloat || tensorBlockElements(tensor.type) > 1)
    return Status::success();
  return unsupported(printable(tensor.file) + ": tensor " + inQuotes(name) + ": found the unsupported dtype " +
                     tensorTypeName(tensor.type) +
                     "; expected F32, BF16 or F16; convert the checkpoint to bf16, for instance "
                     "with model.to(torch.bfloat16).save_pretrained(...)");
}

} // namespace

Status plait::checkWeights(lm::ModelOp model, const ModelFamily &family, const ModelConfig &config,
                           const Checkpoint &checkpoint, const std::string &folder,
                           std::vector<std::string> &warnings) {
  PLAIT_RETURN_IF_ERROR(checkNames(model, family, config, checkpoint, folder, warnings));
  for (lm::WeightOp weight : model.getBody().getOps<lm::WeightOp>()) {
    for (const std::string &name : tensorNames(weight)) {
      const TensorView &tensor = *checkpoint.find(name);
      PLAIT_RETURN_IF_ERROR(checkType(weight, name, tensor));
      PLAIT_RETURN_IF_ERROR(checkShape(weight, name, tensor, family, config, folder));
    }
  }
  return Status::success();
}
