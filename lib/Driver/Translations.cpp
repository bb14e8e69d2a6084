//===- Translations.cpp - The only list of all translations ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Driver/Translations.h"

#include "plait/Analysis/ModelGraph.h"
#include "plait/Driver/Register.h"
#include "plait/Frontend/Import.h"
#include "plait/Target/Object.h"
#include "plait/Target/PlanJson.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/SourceMgr.h"

using namespace plait;

/// Each part of a model keeps its name in its location.
static OpPrintingFlags printingFlags() { return OpPrintingFlags().enableDebugInfo(); }

static void registerImport(llvm::cl::OptionCategory &category) {
  static llvm::cl::opt<bool> configOnly("config-only",
                                        llvm::cl::desc("With --import-hf: read config.json alone, no checkpoint"),
                                        llvm::cl::cat(category));
  static TranslateRegistration import(
      "import-hf", "Hugging Face folder to the lm dialect",
      [](const std::shared_ptr<llvm::SourceMgr> &sources, llvm::raw_ostream &out, MLIRContext *context) {
        DialectRegistry registry;
        registerAllDialects(registry);
        context->appendDialectRegistry(registry);
        ImportOptions options;
        options.readCheckpoint = !configOnly;
        std::string folder = sources->getMemoryBuffer(sources->getMainFileID())->getBufferIdentifier().str();
        auto model = importModel(*context, folder, options);
        if (!model) {
          llvm::errs() << "plait-translate: error: " << model.status().message() << "\n";
          return failure();
        }
        for (const std::string &warning : model->warnings)
          llvm::errs() << "plait-translate: warning: " << warning << "\n";
        model->module->print(out, printingFlags());
        return success();
      });
}

static LogicalResult writePlans(Operation *root, llvm::raw_ostream &out) {
  bool any = false;
  root->walk([&](rt::ModelOp model) {
    out << writeJson(planToJson(model));
    any = true;
  });
  if (!any)
    return root->emitError("expected an 'rt.model' to write but found none; 'plait-plan-launches' makes it");
  return success();
}

static void registerObject(llvm::cl::OptionCategory &category) {
  static llvm::cl::opt<std::string> target(
      "object-target", llvm::cl::desc("With --to-object: cpu:native, cpu:x86-64, ..."),
      llvm::cl::value_desc("cpu:NAME"), llvm::cl::init("cpu:native"), llvm::cl::cat(category));
  static TranslateFromMLIRRegistration object(
      "to-object", "the llvm dialect as an object file, compiled as kernels are",
      [](Operation *root, llvm::raw_ostream &out) -> LogicalResult {
        auto module = dyn_cast<ModuleOp>(root);
        if (!module)
          return root->emitError("expected a module");
        // LLVM would say so of the first op that it meets, and of no other.
        for (Operation &op : *module.getBody())
          if (!isa_and_nonnull<LLVM::LLVMDialect>(op.getDialect()))
            return op.emitOpError("expected only ops of the llvm dialect in an object");
        auto machine = resolveCpuMachine(target);
        if (!machine)
          return root->emitError(machine.status().message());
        auto bytes = compileToObject(module, *machine);
        if (!bytes)
          return root->emitError(bytes.status().message());
        out << *bytes;
        return success();
      },
      [](DialectRegistry &registry) { registerAllDialects(registry); });
}

void plait::registerAllTranslations(llvm::cl::OptionCategory &category) {
  registerImport(category);
  registerObject(category);
  auto dialects = [](DialectRegistry &registry) { registerAllDialects(registry); };
  static TranslateFromMLIRRegistration dot("lm-to-dot", "models as a graph, for Graphviz", writeModelGraph, dialects);
  static TranslateFromMLIRRegistration json("plan-to-json", "launch plans as JSON", writePlans, dialects);
  static TranslateFromMLIRRegistration bytecode(
      "to-bytecode", "IR as bytecode",
      [](Operation *root, llvm::raw_ostream &out) { return writeBytecodeToFile(root, out); }, dialects);
  static TranslateFromMLIRRegistration text(
      "to-text", "IR as text, with locations",
      [](Operation *root, llvm::raw_ostream &out) {
        root->print(out, printingFlags());
        return success();
      },
      dialects);
}
