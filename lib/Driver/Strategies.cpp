//===- Strategies.cpp - Strategies that a model is compiled with ----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Strategies.h"

#include "dialects/Decode/Decode.h"
#include "plait/Support/IrInput.h"
#include "runtime/base/Tokenizer.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

using namespace plait;

Expected<DraftModels> plait::draftModelsOf(const std::vector<StrategyText> &strategies) {
  DraftModels models;
  for (const StrategyText &strategy : strategies)
    for (const auto &[name, path] : strategy.models)
      if (auto [it, fresh] = models.try_emplace(name, path); !fresh && it->second != path)
        return invalidArgument("--decode: found two models called " + name + ", " + it->second + " and " + path +
                               "; expected one");
  return models;
}

//===----------------------------------------------------------------------===//
// Draft models
//===----------------------------------------------------------------------===//

/// The model's tokenizer, if it has one.
static Expected<std::optional<Tokenizer>> tokenizerOf(const ImportedModel &model) {
  for (const auto &[file, text] : model.companions)
    if (file == "tokenizer.json") {
      PLAIT_ASSIGN_OR_RETURN(Tokenizer tokenizer, Tokenizer::fromJsonText(text, file));
      return std::optional<Tokenizer>(std::move(tokenizer));
    }
  return std::optional<Tokenizer>();
}

/// A token means the same to both models.
static Status checkVocabulary(const std::string &path, const ImportedModel &draft, const ImportedModel &target) {
  int64_t size = target.config.vocabulary;
  if (draft.config.vocabulary != size)
    return invalidArgument("--decode: " + path + ": found a model of " + std::to_string(draft.config.vocabulary) +
                           " tokens; expected the " + std::to_string(size) +
                           " of the model that it drafts for; take another draft model");
  PLAIT_ASSIGN_OR_RETURN(std::optional<Tokenizer> own, tokenizerOf(draft));
  PLAIT_ASSIGN_OR_RETURN(std::optional<Tokenizer> wanted, tokenizerOf(target));
  for (int32_t id = 0; own && wanted && id < size; ++id)
    if (own->pieceOf(id) != wanted->pieceOf(id))
      return invalidArgument("--decode: " + path + ": found " + printable(own->pieceOf(id), 40) + " as token " +
                             std::to_string(id) + "; expected " + printable(wanted->pieceOf(id), 40) +
                             ", as of the model that it drafts for; take another draft model");
  return Status::success();
}

Status plait::addDraftModel(ModuleOp module, const std::string &name, const std::string &path,
                            const ImportedModel *target, ImportOptions options) {
  if (SymbolTable::lookupSymbolIn(module, name))
    return invalidArgument("--decode: found a model called " + name +
                           ", a name that the model's IR uses already; "
                           "expected another name in the strategy");
  options.modelName = name;
  options.readCheckpoint = false; // shapes alone matter
  options.heads.clear();          // they are the other model's
  auto draft = importModel(*module.getContext(), path, options);
  if (!draft)
    return draft.status().withContext("--decode: " + name);
  if (target)
    PLAIT_RETURN_IF_ERROR(checkVocabulary(path, *draft, *target));
  auto model = *draft->module->getOps<lm::ModelOp>().begin();
  for (Operation &op : llvm::make_early_inc_range(model.getBody().front())) {
    auto function = dyn_cast<lm::FuncOp>(op);
    if (function && (function.getSymName() == "forward" || function.getSymName() == "head"))
      function.eraseBody();
    else
      op.erase();
  }
  model->remove();
  SymbolTable(module).insert(model);
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Strategies
//===----------------------------------------------------------------------===//

Status plait::addStrategies(ModuleOp module, const std::vector<StrategyText> &strategies, llvm::SourceMgr &sources) {
  MLIRContext *context = module.getContext();
  SymbolTable symbols(module);
  for (const StrategyText &strategy : strategies) {
    auto buffer = llvm::MemoryBuffer::getMemBufferCopy(strategy.text, strategy.source);
    if (llvm::Error error = checkIr(*buffer))
      return invalidArgument("--decode: " + llvm::toString(std::move(error)));
    sources.AddNewSourceBuffer(std::move(buffer), llvm::SMLoc());
    // Its models are in the other module.
    ParserConfig config(context, /*verifyAfterParse=*/false);
    auto file = parseSourceString<ModuleOp>(strategy.text, config, strategy.source);
    if (!file)
      return invalidArgument("--decode: " + strategy.source + ": is not valid IR; see the messages above");
    auto found = llvm::to_vector(file->getOps<decode::StrategyOp>());
    if (found.size() != 1 || !llvm::hasSingleElement(*file->getBody()) || found[0].getSymName() != strategy.name)
      return invalidArgument("--decode: " + strategy.source + ": found " +
                             std::to_string(file->getBody()->getOperations().size()) +
                             " ops; expected one, decode.strategy @" + strategy.name + ", as its first line says");
    found[0].setCall(strategy.call);
    found[0]->remove();
    symbols.insert(found[0]); // with another name, if another call has its own
    if (failed(mlir::verify(found[0])))
      return invalidArgument("--decode: " + strategy.call + ": is not a valid strategy; see the messages above");
  }
  return Status::success();
}
