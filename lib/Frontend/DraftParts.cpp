//===- DraftParts.cpp - Parts of a model that are made to draft -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Frontend/DraftParts.h"

#include "runtime/base/Message.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"

#include <map>

using namespace plait;

namespace {

/// Embeddings of a model: no more than a block may have.
constexpr int64_t kMostPrompts = 64;

/// One file.
class Reader {
public:
  Reader(std::string path, const ModelConfig &model, DraftParts &parts)
      : path(std::move(path)), model(model), parts(parts) {}

  /// False if it is not there.
  Expected<bool> open() {
    if (!llvm::sys::fs::exists(path))
      return false;
    PLAIT_ASSIGN_OR_RETURN(file, Checkpoint::openFile(path));
    parts.inputFiles.push_back(path);
    return true;
  }

  /// That the tensors are those of `required`, and of `optional`, with these shapes.
  Status check(const std::map<std::string, std::vector<int64_t>> &required,
               const std::map<std::string, std::vector<int64_t>> &optional) {
    for (const auto &[name, shape] : required)
      if (!file.find(name))
        return notFound(foundExpected(printable(path), "no tensor " + inQuotes(name), "one " + shapeText(shape)));
    for (const auto &[name, tensor] : file.tensors()) {
      auto known = required.find(name);
      if (known == required.end() && (known = optional.find(name)) == optional.end())
        return invalidArgument(foundExpected(printable(path), "the tensor " + inQuotes(name),
                                             "tensors " + namesOf(required, optional) + " alone"));
      if (tensor.shape != known->second)
        return wrongShape(name, tensor.shape, known->second);
    }
    return Status::success();
  }

  Status wrongShape(const std::string &name, const std::vector<int64_t> &found, const std::vector<int64_t> &expected) {
    return invalidArgument(foundExpected(printable(path) + ": tensor " + inQuotes(name), "the shape " + shapeText(found),
                                         shapeText(expected) + ", as the model has a hidden size of " +
                                             std::to_string(model.hidden) + " and " + std::to_string(model.vocabulary) +
                                             " tokens; take a file of this model"));
  }

  static std::string namesOf(const std::map<std::string, std::vector<int64_t>> &required,
                             const std::map<std::string, std::vector<int64_t>> &optional) {
    std::string text;
    for (const auto *names : {&required, &optional})
      for (const auto &[name, shape] : *names)
        text += (text.empty() ? "" : ", ") + inQuotes(name);
    return text;
  }

  static std::string inQuotes(const std::string &name) { return "'" + printable(name, 200) + "'"; }

  std::string path;
  const ModelConfig &model;
  DraftParts &parts;
  Checkpoint file;
};

Status readClover(const std::string &folder, const ModelConfig &model, DraftParts &parts) {
  Reader reader(folder + "/" + kCloverFile, model, parts);
  PLAIT_ASSIGN_OR_RETURN(parts.hasClover, reader.open());
  if (!parts.hasClover)
    return Status::success();
  int64_t hidden = model.hidden;
  PLAIT_RETURN_IF_ERROR(
      reader.check({{"hidden.weight", {hidden, hidden}}, {"token.weight", {hidden, hidden}}, {"token.bias", {hidden}}},
                   {{"lm_head.weight", {model.vocabulary, hidden}}}));
  parts.hasCloverHead = reader.file.find("lm_head.weight");
  parts.checkpoint.add(reader.file, "clover.");
  return Status::success();
}

/// The tensors of the layer itself are checked with those of the model's.
Status readMtp(const std::string &folder, const ModelConfig &model, DraftParts &parts) {
  Reader reader(folder + "/" + kMtpFile, model, parts);
  PLAIT_ASSIGN_OR_RETURN(parts.hasMtp, reader.open());
  if (!parts.hasMtp)
    return Status::success();
  if (!model.layer.build)
    return unsupported(foundExpected(printable(reader.path),
                                     "a layer that drafts for a model of family " + model.family,
                                     "a model of the families llama, mistral, qwen2 or qwen3"));
  std::string prefix = "model.layers." + std::to_string(model.layers) + ".";
  std::map<std::string, TensorView> tensors;
  for (const auto &[name, tensor] : reader.file.tensors()) {
    llvm::StringRef rest = name;
    if (!rest.consume_front(prefix))
      return invalidArgument(foundExpected(printable(reader.path), "the tensor " + Reader::inQuotes(name),
                                           "names that begin with '" + prefix + "', as the model has " +
                                               std::to_string(model.layers) + " layers"));
    if (rest != "embed_tokens.weight")
      tensors.emplace(rest.str(), tensor);
  }
  parts.hasMtpHead = tensors.count("shared_head.head.weight");
  parts.checkpoint.add(Checkpoint(std::move(tensors), reader.file.files()), "mtp.");
  return Status::success();
}

Status readPrompts(const std::string &folder, const ModelConfig &model, DraftParts &parts) {
  Reader reader(folder + "/" + kPromptsFile, model, parts);
  PLAIT_ASSIGN_OR_RETURN(bool exists, reader.open());
  if (!exists)
    return Status::success();
  const TensorView *tensor = reader.file.find("prompt_tokens.weight");
  bool isTable = tensor && tensor->shape.size() == 2 && tensor->shape[0] > 0 && tensor->shape[0] <= kMostPrompts;
  int64_t count = isTable ? tensor->shape[0] : 1;
  PLAIT_RETURN_IF_ERROR(reader.check({{"prompt_tokens.weight", {count, model.hidden}}}, {}));
  parts.promptTokens = count;
  parts.checkpoint.add(reader.file, "");
  return Status::success();
}

} // namespace

Expected<DraftParts> plait::readDraftParts(const std::string &folder, const ModelConfig &model) {
  DraftParts parts;
  PLAIT_RETURN_IF_ERROR(readClover(folder, model, parts));
  PLAIT_RETURN_IF_ERROR(readMtp(folder, model, parts));
  PLAIT_RETURN_IF_ERROR(readPrompts(folder, model, parts));
  return parts;
}
