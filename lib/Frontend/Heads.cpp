//===- Heads.cpp - Heads beside the model's own ---------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The layout is that of FasterDecoding/Medusa and of those who read its files, such as Hugging
// Face's text-generation-inference.
//
//===----------------------------------------------------------------------===//

#include "plait/Frontend/Heads.h"

#include "runtime/base/Json.h"
#include "runtime/base/Message.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"

#include <map>

using namespace plait;

namespace {

constexpr int64_t kMostHeads = 64, kMostBlocks = 64;

/// "I.J.REST"
struct HeadTensor {
  int64_t head = 0, block = 0;
  std::string rest;
};

std::optional<HeadTensor> parseName(llvm::StringRef name) {
  HeadTensor tensor;
  if (name.consumeInteger(10, tensor.head) || !name.consume_front(".") || name.consumeInteger(10, tensor.block) ||
      !name.consume_front(".") || tensor.head < 0 || tensor.head >= kMostHeads || tensor.block < 0 ||
      tensor.block > kMostBlocks)
    return std::nullopt;
  tensor.rest = name.str();
  return tensor;
}

class Reader {
public:
  Reader(const std::string &folder, const ModelConfig &model)
      : folder(folder), path(folder + "/" + kHeadsFile), model(model) {}

  Expected<ExtraHeads> read() {
    if (!llvm::sys::fs::exists(path))
      return notFound(foundExpected(printable(folder),
                                    llvm::sys::fs::exists(folder) ? "no " + std::string(kHeadsFile) : "nothing there",
                                    "a folder with heads, or with clover.safetensors, mtp.safetensors or "
                                    "prompt_tokens.safetensors; a file of PyTorch's (medusa_lm_head.pt) has to be "
                                    "converted to safetensors"));
    PLAIT_ASSIGN_OR_RETURN(heads.checkpoint, Checkpoint::openFile(path));
    heads.inputFiles.push_back(path);
    PLAIT_RETURN_IF_ERROR(count());
    PLAIT_RETURN_IF_ERROR(checkTensors());
    PLAIT_RETURN_IF_ERROR(checkConfig());
    return std::move(heads);
  }

private:
  Status count() {
    int64_t last = -1;
    for (const auto &[name, tensor] : heads.checkpoint.tensors()) {
      std::optional<HeadTensor> parsed = parseName(name);
      if (!parsed || (parsed->rest != "linear.weight" && parsed->rest != "linear.bias" && parsed->rest != "weight"))
        return invalidArgument(foundExpected(printable(path), "the tensor " + inQuotes(name),
                                             "'HEAD.BLOCK.linear.weight', '....linear.bias' and 'HEAD.BLOCKS.weight' "
                                             "alone, as Medusa's heads have them"));
      last = std::max(last, parsed->head);
      if (parsed->rest == "linear.weight")
        heads.blocks = std::max(heads.blocks, parsed->block + 1);
    }
    if (last < 0)
      return invalidArgument(foundExpected(printable(path), "no tensor", "those of one head at least"));
    heads.hasProjection.resize(size_t(last + 1));
    return Status::success();
  }

  Status checkTensors() {
    size_t used = 0;
    int64_t hidden = model.hidden;
    for (int64_t head = 0; head < int64_t(heads.hasProjection.size()); ++head) {
      std::string prefix = std::to_string(head) + ".";
      for (int64_t block = 0; block < heads.blocks; ++block) {
        std::string linear = prefix + std::to_string(block) + ".linear.";
        PLAIT_RETURN_IF_ERROR(checkTensor(linear + "weight", {hidden, hidden}));
        PLAIT_RETURN_IF_ERROR(checkTensor(linear + "bias", {hidden}));
        used += 2;
      }
      std::string projection = prefix + std::to_string(heads.blocks) + ".weight";
      heads.hasProjection[size_t(head)] = heads.checkpoint.find(projection);
      if (heads.checkpoint.find(projection))
        PLAIT_RETURN_IF_ERROR(checkTensor(projection, {model.vocabulary, hidden}));
      used += size_t(heads.hasProjection[size_t(head)]);
    }
    if (used == heads.checkpoint.tensors().size())
      return Status::success();
    return invalidArgument(
        foundExpected(printable(path), std::to_string(heads.checkpoint.tensors().size()) + " tensors",
                      std::to_string(used) + ", those of " + std::to_string(heads.hasProjection.size()) + " heads of " +
                          std::to_string(heads.blocks) + " blocks, and their projections"));
  }

  Status checkTensor(const std::string &name, const std::vector<int64_t> &shape) {
    const TensorView *tensor = heads.checkpoint.find(name);
    if (!tensor)
      return notFound(foundExpected(printable(path), "no tensor " + inQuotes(name),
                                    "each head to have " + std::to_string(heads.blocks) + " blocks"));
    if (tensor->shape != shape)
      return invalidArgument(
          foundExpected(printable(path) + ": tensor " + inQuotes(name), "the shape " + shapeText(tensor->shape),
                        shapeText(shape) + ", as the model has a hidden size of " + std::to_string(model.hidden) +
                            " and " + std::to_string(model.vocabulary) + " tokens; take heads of this model"));
    return Status::success();
  }

  Status checkConfig() {
    std::string file = folder + "/config.json";
    if (!llvm::sys::fs::exists(file))
      return Status::success();
    PLAIT_ASSIGN_OR_RETURN(Json json, readJsonFile(file));
    heads.inputFiles.push_back(file);
    JsonView config(json, file);
    const std::pair<const char *, int64_t> facts[] = {{"medusa_num_heads", int64_t(heads.hasProjection.size())},
                                                      {"medusa_num_layers", heads.blocks}};
    for (auto [key, found] : facts) {
      if (!config.has(key))
        continue;
      PLAIT_ASSIGN_OR_RETURN(int64_t said, config.getInt(key));
      if (said != found)
        return config.get(key)->error(std::to_string(found) + ", as " + kHeadsFile + " has them");
    }
    return Status::success();
  }

  const std::string &folder;
  std::string path;
  const ModelConfig &model;
  ExtraHeads heads;
};

} // namespace

Expected<ExtraHeads> plait::readExtraHeads(const std::string &folder, const ModelConfig &model) {
  return Reader(folder, model).read();
}
