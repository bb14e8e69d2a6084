//===- Model.cpp - Models in the C API ------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/capi/Boundary.h"

#include <cstdlib>

using namespace plait;
using namespace plait::capi;

plait_status plait_model_open(const char *path, plait_model **model, char **error) {
  return guarded(error, [&]() -> Status {
    PLAIT_RETURN_IF_ERROR(require(path, "path"));
    PLAIT_RETURN_IF_ERROR(require(model, "model"));
    auto opened = std::make_unique<plait_model>();
    PLAIT_ASSIGN_OR_RETURN(opened->model, Model::open(std::string(path)));
    PLAIT_ASSIGN_OR_RETURN(std::optional<FileRange> file, opened->model->file("tokenizer.json"));
    if (file) {
      PLAIT_ASSIGN_OR_RETURN(Tokenizer tokenizer, Tokenizer::fromFile(*file));
      opened->tokenizer = std::make_shared<const Tokenizer>(std::move(tokenizer));
    }
    for (const ManifestStrategy &strategy : opened->model->manifest().strategies)
      opened->strategies.push_back(strategy.call.c_str());
    *model = opened.release();
    return Status::success();
  });
}

void plait_model_release(plait_model *model) { delete model; }

plait_status plait_model_describe(const plait_model *model, plait_model_info *info, char **error) {
  return guarded(error, [&]() -> Status {
    PLAIT_RETURN_IF_ERROR(require(model, "model"));
    const Manifest &manifest = model->model->manifest();
    plait_model_info known = {};
    known.name = manifest.name.c_str();
    known.family = manifest.family.c_str();
    known.target = model->model->binary().target.c_str();
    known.compiler_version = manifest.compilerVersion.c_str();
    known.vocabulary = manifest.vocabulary;
    known.layers = manifest.layers;
    known.hidden = manifest.hidden;
    known.max_positions = manifest.maxPositions;
    known.parameters = manifest.parameters;
    known.weight_bytes = model->model->tables().pack_bytes;
    known.eos = manifest.eos.data();
    known.eos_count = manifest.eos.size();
    known.bos = manifest.bos.value_or(-1);
    known.has_tokenizer = model->tokenizer != nullptr;
    known.min_tokens = manifest.minTokens;
    known.temperature = manifest.temperature;
    known.repetition_penalty = manifest.repetitionPenalty;
    known.top_p = manifest.topP;
    known.min_p = manifest.minP;
    known.top_k = manifest.topK;
    known.strategies = model->strategies.data();
    known.strategy_count = model->strategies.size();
    return writeStruct(known, info, "info");
  });
}

Expected<std::vector<int32_t>> capi::encode(const plait_model &model, const char *text, size_t bytes, uint32_t flags) {
  PLAIT_RETURN_IF_ERROR(require(text, "text"));
  if (!model.tokenizer)
    return unsupported(printable(model.model->path()) + ": found no tokenizer.json; expected one, or token ids instead "
                                                        "of text");
  std::string_view view = bytes == PLAIT_NUL_TERMINATED ? std::string_view(text) : std::string_view(text, bytes);
  return model.tokenizer->encode(view, /*addSpecialTokens=*/!(flags & PLAIT_NO_BOS),
                                 /*parseSpecial=*/!(flags & PLAIT_PLAIN));
}

plait_status plait_tokenize(const plait_model *model, const char *text, size_t bytes, uint32_t flags, int32_t **tokens,
                            size_t *count, char **error) {
  return guarded(error, [&]() -> Status {
    PLAIT_RETURN_IF_ERROR(require(model, "model"));
    PLAIT_RETURN_IF_ERROR(require(tokens, "tokens"));
    PLAIT_RETURN_IF_ERROR(require(count, "count"));
    if (flags & ~uint32_t(PLAIT_NO_BOS | PLAIT_PLAIN))
      return invalidArgument("flags: found " + std::to_string(flags) + "; expected PLAIT_NO_BOS, PLAIT_PLAIN or both");
    PLAIT_ASSIGN_OR_RETURN(std::vector<int32_t> ids, encode(*model, text, bytes, flags));
    int32_t *copy = nullptr;
    if (!ids.empty()) {
      copy = static_cast<int32_t *>(std::malloc(ids.size() * sizeof(int32_t)));
      if (!copy)
        throw std::bad_alloc();
      std::copy(ids.begin(), ids.end(), copy);
    }
    *tokens = copy;
    *count = ids.size();
    return Status::success();
  });
}

plait_status plait_detokenize(const plait_model *model, const int32_t *tokens, size_t count, int32_t skip_special,
                              char **text, size_t *bytes, char **error) {
  return guarded(error, [&]() -> Status {
    PLAIT_RETURN_IF_ERROR(require(model, "model"));
    PLAIT_RETURN_IF_ERROR(require(text, "text"));
    if (count)
      PLAIT_RETURN_IF_ERROR(require(tokens, "tokens"));
    if (!model->tokenizer)
      return unsupported(printable(model->model->path()) + ": found no tokenizer.json; expected one");
    PLAIT_ASSIGN_OR_RETURN(std::string decoded, model->tokenizer->decode({tokens, tokens + count}, skip_special != 0));
    char *copy = copyText(decoded);
    if (!copy)
      throw std::bad_alloc();
    *text = copy;
    if (bytes)
      *bytes = decoded.size();
    return Status::success();
  });
}
