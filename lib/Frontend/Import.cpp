//===- Import.cpp - From a Hugging Face folder to the lm dialect ----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Frontend/Import.h"

#include "plait/Frontend/CheckWeights.h"
#include "plait/Frontend/ModelBuilder.h"
#include "plait/Frontend/ModelFamily.h"
#include "runtime/base/File.h"
#include "runtime/base/Json.h"

#include "mlir/IR/Verifier.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace plait;

namespace {

std::string join(StringRef folder, StringRef name) {
  SmallString<256> path(folder);
  llvm::sys::path::append(path, name);
  return path.str().str();
}

Status checkFolder(const std::string &folder) {
  const std::string expected = "expected a Hugging Face folder with config.json";
  if (!llvm::sys::fs::exists(folder))
    return notFound(printable(folder) + ": found nothing there; " + expected + "; check the path");
  if (!llvm::sys::fs::is_directory(folder))
    return invalidArgument(printable(folder) + ": found a file that is no folder; " + expected +
                           "; give the folder that holds the model's files");
  if (!llvm::sys::fs::exists(join(folder, "config.json")))
    return notFound(printable(folder) + ": found no config.json; " + expected + "; fetch all files of the model");
  return Status::success();
}

/// The files that `checkpoint` of `folder` was read from.
void appendFiles(const Checkpoint &checkpoint, StringRef folder, std::vector<std::string> &files) {
  std::string index = join(folder, "model.safetensors.index.json");
  if (!llvm::sys::fs::exists(join(folder, "model.safetensors")) && llvm::sys::fs::exists(index))
    files.push_back(index);
  for (const std::shared_ptr<const MappedFile> &file : checkpoint.files())
    files.push_back(file->path());
}

/// The format of weights for which no checkpoint says it.
Expected<WeightFormat> defaultFormat(const JsonView &config, const ModelConfig &model, const ImportOptions &options) {
  if (options.format)
    return *options.format;
  if (!model.elementType || *model.elementType == "float32")
    return WeightFormat::f32;
  if (*model.elementType == "bfloat16")
    return WeightFormat::bf16;
  PLAIT_ASSIGN_OR_RETURN(JsonView view, config.get(config.has("torch_dtype") ? "torch_dtype" : "dtype"));
  return unsupported(view.error("float32 or bfloat16; choose a weight format").message());
}

Attribute formatAttr(MLIRContext *context, WeightFormat format) {
  if (format == WeightFormat::bf16)
    return lm::BF16Attr::get(context);
  return lm::F32Attr::get(context);
}

/// What the body's names begin with: a checkpoint of the bare decoder, without
/// its head, lacks the prefix.
StringRef findPrefix(const ModelFamily &family, const Checkpoint *checkpoint) {
  std::string embedding = std::string(family.embedding) + ".weight";
  if (checkpoint && !checkpoint->find(family.bodyPrefix + embedding) && checkpoint->find(embedding))
    return "";
  return family.bodyPrefix;
}

Status buildModel(ImportedModel &result, MLIRContext *context, WeightFormat absentFormat,
                  const ImportOptions &options) {
  const ModelFamily &family = *findModelFamily(result.config.family);
  const Checkpoint *checkpoint = result.checkpoint ? &*result.checkpoint : nullptr;
  OpBuilder builder(context);
  Location loc = NameLoc::get(builder.getStringAttr(options.modelName));
  result.module = ModuleOp::create(builder, loc);
  builder.setInsertionPointToEnd(result.module->getBody());
  auto model = lm::ModelOp::create(builder, loc, options.modelName, family.name, options.numerics,
                                   uint64_t(result.config.maxPositions));
  model.getBody().emplaceBlock();

  auto formatOf = [&](StringRef name, bool isVector) -> Attribute {
    if (options.format && !isVector)
      return formatAttr(context, *options.format);
    const TensorView *tensor = checkpoint ? checkpoint->find(name.str()) : nullptr;
    // What is missing or of another type is an error of checkWeights.
    if (!tensor)
      return formatAttr(context, absentFormat);
    return formatAttr(context, tensor->type == plait::TensorType::bf16 ? WeightFormat::bf16 : WeightFormat::f32);
  };
  ModelBuilder modelBuilder(model, family, result.config, findPrefix(family, checkpoint), formatOf);
  result.config.build(modelBuilder, result.config);
  if (failed(verify(*result.module)))
    return internalError("import of family " + result.config.family +
                         ": found IR that does not verify; expected valid IR; please report it "
                         "with the config.json");
  return Status::success();
}

} // namespace

Expected<ImportedModel> plait::importHuggingFace(MLIRContext &context, const std::string &folder,
                                                 const ImportOptions &options) {
  context.loadDialect<lm::LmDialect>();
  ImportedModel result;
  PLAIT_RETURN_IF_ERROR(checkFolder(folder));

  const std::string configPath = join(folder, "config.json");
  PLAIT_ASSIGN_OR_RETURN(Json configJson, readJsonFile(configPath));
  result.inputFiles.push_back(configPath);
  JsonView config(configJson, configPath);
  PLAIT_ASSIGN_OR_RETURN(result.config, readModelConfig(config, context, result.warnings));

  const std::string generationPath = join(folder, "generation_config.json");
  std::optional<Json> generationJson;
  std::optional<JsonView> generation;
  if (llvm::sys::fs::exists(generationPath)) {
    PLAIT_ASSIGN_OR_RETURN(generationJson, readJsonFile(generationPath));
    result.inputFiles.push_back(generationPath);
    generation.emplace(*generationJson, generationPath);
  }
  PLAIT_ASSIGN_OR_RETURN(result.generation, readGenerationDefaults(generation ? &*generation : nullptr, config,
                                                                   result.config.vocabulary, result.warnings));

  WeightFormat absentFormat = WeightFormat::f32;
  if (options.readCheckpoint) {
    PLAIT_ASSIGN_OR_RETURN(result.checkpoint, Checkpoint::openFolder(folder));
    appendFiles(*result.checkpoint, folder, result.inputFiles);
  } else {
    PLAIT_ASSIGN_OR_RETURN(absentFormat, defaultFormat(config, result.config, options));
  }
  PLAIT_RETURN_IF_ERROR(buildModel(result, &context, absentFormat, options));
  if (result.checkpoint) {
    auto model = *result.module->getOps<lm::ModelOp>().begin();
    PLAIT_RETURN_IF_ERROR(checkWeights(model, *findModelFamily(result.config.family), result.config, *result.checkpoint,
                                       folder, result.warnings));
  }
  return result;
}
