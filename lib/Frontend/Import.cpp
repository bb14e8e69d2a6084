//===- Import.cpp - From the files of a model to the lm dialect -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Frontend/Import.h"

#include "plait/Frontend/CheckWeights.h"
#include "plait/Frontend/DraftParts.h"
#include "plait/Frontend/Heads.h"
#include "plait/Frontend/ModelBuilder.h"
#include "plait/Frontend/ModelFamily.h"
#include "runtime/base/File.h"
#include "runtime/base/Json.h"

#include "mlir/IR/Verifier.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"

#include <set>

using namespace plait;

namespace {

/// The JSON text of `file`, which is then one of the input files.
Expected<std::optional<Json>> readJson(const ModelSource &source, const std::string &file,
                                       std::vector<std::string> &inputFiles) {
  PLAIT_ASSIGN_OR_RETURN(std::optional<std::string> text, source.read(file));
  if (!text)
    return std::optional<Json>();
  PLAIT_ASSIGN_OR_RETURN(Json json, parseJson(*text, source.label(file)));
  if (llvm::find(inputFiles, source.pathOf(file)) == inputFiles.end())
    inputFiles.push_back(source.pathOf(file));
  return std::optional(std::move(json));
}

/// The format of weights for which no checkpoint says it.
Expected<Attribute> defaultFormat(MLIRContext &context, const JsonView &config, const ModelConfig &model,
                                  const ImportOptions &options) {
  using Kind = WeightFormat::Kind;
  const std::optional<std::string> &element = model.elementType;
  bool isF32 = !element || *element == "float32" || *element == "float16";
  if (options.format.kind == Kind::bf16 || (options.format.kind != Kind::f32 && element == "bfloat16"))
    return Attribute(lm::BF16Attr::get(&context));
  if (options.format.kind == Kind::f32 || isF32)
    return Attribute(lm::F32Attr::get(&context));
  PLAIT_ASSIGN_OR_RETURN(JsonView view, config.get(config.has("torch_dtype") ? "torch_dtype" : "dtype"));
  return unsupported(view.error("float32, bfloat16 or float16; choose a weight format").message());
}

/// Says of which matrices bits get lost.
void warnOfRounding(lm::ModelOp model, const ImportedModel &imported, std::vector<std::string> &warnings) {
  std::set<std::string> types;
  for (lm::WeightOp weight : model.getBody().getOps<lm::WeightOp>()) {
    auto type = cast<lm::WeightType>(weight.getType());
    if (!isa<lm::BF16Attr>(type.getFormat()))
      continue;
    for (int64_t slice = 0; slice < weight.getSlices(); ++slice) {
      const TensorView *tensor = imported.checkpoint->find(weight.getTensorName(slice));
      if (tensor->type != plait::TensorType::bf16)
        types.insert(tensorTypeName(tensor->type));
    }
  }
  if (!types.empty())
    warnings.push_back(printable(imported.source.path()) + ": found matrices of " + llvm::join(types, ", ") +
                       "; they are rounded to bf16, which has 8 significant bits; f32 would hold them exactly");
}

/// Says that matrices take more memory than the checkpoint's integers.
void warnOfUnpacking(lm::ModelOp model, const ImportedModel &imported, std::vector<std::string> &warnings) {
  for (lm::WeightOp weight : model.getBody().getOps<lm::WeightOp>()) {
    const TensorView *tensor = imported.checkpoint->find(weight.getTensorName(0));
    if (!tensor->packed || !isa<lm::F32Attr>(cast<lm::WeightType>(weight.getType()).getFormat()))
      continue;
    warnings.push_back(printable(imported.source.path()) + ": found matrices of " + tensorTypeName(tensor->type) +
                       " whose integers cannot be kept (act-order, zero points of 8 bits, or scales that are not f16); "
                       "they are stored as f32; --dtype=int4 rounds them anew");
    return;
  }
}

/// What the body's names begin with: a checkpoint of the bare decoder, without
/// its head, lacks the prefix.
StringRef findPrefix(const ModelFamily &family, const Checkpoint *checkpoint) {
  std::string embedding = std::string(family.embedding) + ".weight";
  if (checkpoint && !checkpoint->find(family.bodyPrefix + embedding) && checkpoint->find(embedding))
    return "";
  return family.bodyPrefix;
}

/// What there is beside the model to draft with. Tensors go beside the model's.
struct Beside {
  std::optional<ExtraHeads> heads;
  DraftParts parts;
};

Expected<Beside> readBeside(ImportedModel &result, const ImportOptions &options) {
  std::string folder = options.heads.empty() ? result.source.path() : options.heads;
  Beside beside;
  auto add = [&](const std::vector<std::string> &files, const Checkpoint &checkpoint, const std::string &prefix) {
    for (const std::string &file : files)
      if (!llvm::is_contained(result.inputFiles, file))
        result.inputFiles.push_back(file);
    if (result.checkpoint)
      result.checkpoint->add(checkpoint, prefix);
  };
  PLAIT_ASSIGN_OR_RETURN(beside.parts, readDraftParts(folder, result.config));
  add(beside.parts.inputFiles, beside.parts.checkpoint, "");
  // A folder that was asked for has something.
  bool mayLackHeads = options.heads.empty() || !beside.parts.inputFiles.empty();
  if (mayLackHeads && !llvm::sys::fs::exists(folder + "/" + kHeadsFile))
    return beside;
  PLAIT_ASSIGN_OR_RETURN(beside.heads, readExtraHeads(folder, result.config));
  add(beside.heads->inputFiles, beside.heads->checkpoint, kHeadsPrefix);
  return beside;
}

Status buildModel(ImportedModel &result, MLIRContext *context, Attribute absentFormat, const ImportOptions &options) {
  PLAIT_ASSIGN_OR_RETURN(Beside beside, readBeside(result, options));
  const std::optional<ExtraHeads> &heads = beside.heads;
  const ModelFamily &family = *findModelFamily(result.config.family);
  const Checkpoint *checkpoint = result.checkpoint ? &*result.checkpoint : nullptr;
  OpBuilder builder(context);
  Location loc = NameLoc::get(builder.getStringAttr(options.modelName));
  result.module = ModuleOp::create(builder, loc);
  builder.setInsertionPointToEnd(result.module->getBody());
  auto model = lm::ModelOp::create(builder, loc, options.modelName, family.name, options.numerics,
                                   uint64_t(result.config.maxPositions));
  model.getBody().emplaceBlock();

  auto formatOf = [&](ArrayRef<std::string> tensors, WeightUse use) {
    return chooseWeightFormat(options.format, use, tensors, checkpoint, absentFormat);
  };
  Type stateElement = options.state == StateFormat::int8   ? Type(builder.getI8Type())
                      : options.state == StateFormat::bf16 ? Type(builder.getBF16Type())
                                                           : builder.getF32Type();
  ModelBuilder modelBuilder(model, family, result.config, findPrefix(family, checkpoint), formatOf, stateElement);
  modelBuilder.promptTokens = beside.parts.promptTokens;
  result.config.build(modelBuilder, result.config);
  modelBuilder.promptTokens = 0;
  for (size_t i = 0; heads && i < heads->hasProjection.size(); ++i)
    modelBuilder.buildExtraHead(int64_t(i), heads->blocks, heads->hasProjection[i], kHeadsPrefix);
  if (beside.parts.hasClover)
    modelBuilder.buildClover(beside.parts.hasCloverHead);
  if (beside.parts.hasMtp)
    modelBuilder.buildMtp(beside.parts.hasMtpHead);
  if (failed(verify(*result.module)))
    return internalError("import of family " + result.config.family +
                         ": found IR that does not verify; expected valid IR; please report it "
                         "with the config.json");
  return Status::success();
}

} // namespace

Expected<ImportedModel> plait::importModel(MLIRContext &context, const std::string &path,
                                           const ImportOptions &options) {
  context.loadDialect<lm::LmDialect>();
  ImportedModel result;
  PLAIT_ASSIGN_OR_RETURN(result.source, ModelSource::open(path));
  const ModelSource &source = result.source;

  PLAIT_ASSIGN_OR_RETURN(std::optional<Json> configJson, readJson(source, "config.json", result.inputFiles));
  JsonView config(*configJson, source.label("config.json"));
  PLAIT_ASSIGN_OR_RETURN(result.config, readModelConfig(config, context, result.warnings));

  PLAIT_ASSIGN_OR_RETURN(std::optional<Json> generationJson,
                         readJson(source, "generation_config.json", result.inputFiles));
  std::optional<JsonView> generation;
  if (generationJson)
    generation.emplace(*generationJson, source.label("generation_config.json"));
  PLAIT_ASSIGN_OR_RETURN(result.generation, readGenerationDefaults(generation ? &*generation : nullptr, config,
                                                                   result.config.vocabulary, result.warnings));

  for (const char *file :
       {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"}) {
    PLAIT_ASSIGN_OR_RETURN(std::optional<std::string> text, source.read(file));
    if (text)
      result.companions.emplace_back(file, std::move(*text));
  }

  Attribute absentFormat = lm::F32Attr::get(&context);
  if (options.readCheckpoint) {
    PLAIT_ASSIGN_OR_RETURN(result.checkpoint, source.openCheckpoint());
    for (std::string &file : source.filesOf(*result.checkpoint))
      if (llvm::find(result.inputFiles, file) == result.inputFiles.end())
        result.inputFiles.push_back(std::move(file));
  } else {
    PLAIT_ASSIGN_OR_RETURN(absentFormat, defaultFormat(context, config, result.config, options));
  }
  PLAIT_RETURN_IF_ERROR(buildModel(result, &context, absentFormat, options));
  if (result.checkpoint) {
    auto model = *result.module->getOps<lm::ModelOp>().begin();
    PLAIT_RETURN_IF_ERROR(checkWeights(model, *findModelFamily(result.config.family), result.config, *result.checkpoint,
                                       path, result.warnings));
    warnOfRounding(model, result, result.warnings);
    using Kind = WeightFormat::Kind;
    if (options.format.kind == Kind::exact || options.format.kind == Kind::stored)
      warnOfUnpacking(model, result, result.warnings);
  }
  return result;
}
