//===- Compile.cpp - From a model folder to an artifact -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Driver/Compile.h"

#include "CrashReport.h"
#include "Explain.h"
#include "Link.h"
#include "plait/Driver/Register.h"
#include "plait/Support/IrInput.h"
#include "runtime/base/Signals.h"

#include "mlir/IR/AsmState.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

#include <thread>

using namespace plait;

Expected<WeightsSpec> plait::parseWeightsSpec(const std::string &text) {
  llvm::StringRef rest(text);
  if (rest == "checkpoint")
    return WeightsSpec{};
  if (rest == "none")
    return WeightsSpec{WeightsSpec::Kind::none, 0};
  uint64_t seed = 0;
  if (rest.consume_front("random") && (rest.empty() || (rest.consume_front(":") && !rest.getAsInteger(10, seed))))
    return WeightsSpec{WeightsSpec::Kind::random, seed};
  return invalidArgument("weights: found '" + text + "'; expected checkpoint, random, random:SEED or none");
}

namespace {

class Compilation {
public:
  explicit Compilation(const CompileOptions &options)
      : options(options), context(makeRegistry(), MLIRContext::Threading::DISABLED), handler(sources, &context) {
    // An error at the module would print all of it.
    context.printOpOnDiagnostic(false);
    // Before the handler that prints: nothing is printed into a bar.
    context.getDiagEngine().registerHandler([this](Diagnostic &) {
      if (this->options.progress)
        this->options.progress->clear();
      return failure();
    });
    if (options.explain)
      explain.emplace().listen(context);
    this->options.threads = options.threads ? options.threads : std::max(1u, std::thread::hardware_concurrency());
  }

  Status run() {
    PLAIT_ASSIGN_OR_RETURN(machine, resolveCpuMachine(options.target));
    phaseOptions.debugLogits = options.debugLogits;
    phaseOptions.quantizeActivations = options.quantizeActivations;
    phaseOptions.lanes = machine.lanes;
    phaseOptions.fma = machine.fma;
    phaseOptions.isa = machine.isa;
    begin("reading the model");
    PLAIT_RETURN_IF_ERROR(read());
    if (options.selftest && imported && options.startFrom == Phase::import && options.stopAfter == Phase::link) {
      begin("computing the self-test");
      selftest = makeSelftest(*imported, options, *module);
    }
    for (Phase phase : kPhases) {
      if (phase < options.startFrom)
        continue;
      PLAIT_RETURN_IF_ERROR(checkInterrupted());
      if (phase == Phase::link) {
        std::optional<Json> explanation;
        if (explain)
          explanation = explain->finish();
        LinkInputs inputs{options, machine, imported, selftest, *module, tables, plan, explanation};
        return link(inputs);
      }
      PLAIT_RETURN_IF_ERROR(runPhase(phase));
      if (phase == options.stopAfter)
        return writeIR();
    }
    return Status::success();
  }

private:
  static DialectRegistry makeRegistry() {
    DialectRegistry registry;
    registerAllDialects(registry);
    return registry;
  }

  Status read() {
    bool isFolder = llvm::sys::fs::is_directory(options.input);
    if (!isFolder && options.startFrom == Phase::import && llvm::StringRef(options.input).ends_with(".mlir"))
      return invalidArgument(options.input + ": found IR; expected a model folder, or --start-from=PHASE with IR");
    std::string folder = isFolder || options.startFrom == Phase::import ? options.input : options.folder;
    if (isFolder && options.startFrom > Phase::import)
      return invalidArgument(options.input +
                             ": found a folder; expected IR with --start-from (the folder goes to --folder)");
    if (!folder.empty()) {
      ImportOptions import;
      import.readCheckpoint = options.weights.kind == WeightsSpec::Kind::checkpoint;
      import.format = options.format;
      PLAIT_ASSIGN_OR_RETURN(imported, importModel(context, folder, import));
      for (const std::string &warning : imported->warnings)
        log("warning: " + warning);
      if (options.checkFinite && imported->checkpoint) {
        begin("looking for NaN and infinity");
        PLAIT_RETURN_IF_ERROR(imported->checkpoint->checkFinite());
      }
    }
    if (isFolder || options.startFrom == Phase::import) {
      module = std::move(imported->module);
      return Status::success();
    }
    auto buffer = openIr(options.input, context.getDialectRegistry());
    if (!buffer)
      return invalidArgument(llvm::toString(buffer.takeError()));
    sources.AddNewSourceBuffer(std::move(*buffer), llvm::SMLoc());
    module = parseSourceFile<ModuleOp>(sources, &context);
    if (!module)
      return invalidArgument(options.input + ": is not valid IR; see the messages above");
    return Status::success();
  }

  Status runPhase(Phase phase) {
    begin("phase " + getName(phase).str());
    PassManager pm(&context, ModuleOp::getOperationName());
    applyDefaultTimingPassManagerCLOptions(pm);
    if (failed(applyPassManagerCLOptions(pm)))
      return invalidArgument("the pass manager's options contradict each other; see the message above");
    if (explain)
      explain->listen(pm, phase);
    buildPhase(pm, phase, phaseOptions);
    if (phase == Phase::cpu)
      keepTables();
    std::string report = (options.output.empty() || options.output == "-" ? "plait" : options.output) + ".crash.mlir";
    if (failed(runWithCrashReport(phase, *module, report, [&] { return pm.run(*module); })))
      return internalError("phase " + getName(phase).str() + " failed; see the messages above");
    return Status::success();
  }

  /// The tables become constants of the binary in the cpu phase; packing and the
  /// manifest still need them as ops.
  void keepTables() {
    llvm::raw_string_ostream(plan) << *module << "\n";
    if (explain)
      explain->addCosts(*module);
    for (rt::ModelOp model : module->getOps<rt::ModelOp>())
      tables = OwningOpRef<rt::ModelOp>(model.clone());
  }

  Status writeIR() {
    std::error_code error;
    std::string path = options.output.empty() ? "-" : options.output;
    llvm::raw_fd_ostream out(path, error);
    if (error)
      return resourceError(path + ": cannot be written: " + error.message());
    // Until launches name their source ops, locations do.
    OpPrintingFlags flags;
    if (options.stopAfter < Phase::lower)
      flags.enableDebugInfo();
    module->print(out, flags);
    return Status::success();
  }

  void log(const std::string &line) {
    if (options.log)
      options.log(line);
  }

  void begin(const std::string &stage) {
    if (options.progress)
      options.progress->begin(stage);
  }

  CompileOptions options;
  std::optional<ExplainLog> explain; // outlives the context's remarks
  MLIRContext context;
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler handler;
  CpuMachine machine;
  PhaseOptions phaseOptions;
  std::optional<ImportedModel> imported;
  std::optional<Selftest> selftest;
  OwningOpRef<ModuleOp> module;
  OwningOpRef<rt::ModelOp> tables;
  std::string plan;
};

} // namespace

Status plait::compile(const CompileOptions &options) { return Compilation(options).run(); }
