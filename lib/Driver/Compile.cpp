//===- Compile.cpp - From a model folder to an artifact -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Driver/Compile.h"

#include "Calibrate.h"
#include "CrashReport.h"
#include "CudaFiles.h"
#include "CudaImages.h"
#include "Explain.h"
#include "Handover.h"
#include "LearnSublayers.h"
#include "Link.h"
#include "Machine.h"
#include "MergeRanks.h"
#include "Strategies.h"
#include "passes/Parallel/CollectiveTrace.h"
#include "passes/Parallel/Passes.h"
#include "plait/Driver/Register.h"
#include "plait/Support/IrInput.h"
#include "runtime/base/Signals.h"
#include "runtime/core/Manifest.h"

#include "mlir/IR/AsmState.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"
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

Expected<Fusions> plait::parseFusions(const std::string &text) {
  if (text == "all")
    return Fusions();
  Fusions fusions{false, false, false, false, false};
  if (text == "none")
    return fusions;
  for (llvm::StringRef name : llvm::split(text, ',')) {
    bool *fusion = llvm::StringSwitch<bool *>(name)
                       .Case("gated", &fusions.gated)
                       .Case("epilogues", &fusions.epilogues)
                       .Case("rows", &fusions.rows)
                       .Case("parallel", &fusions.parallel)
                       .Case("logits", &fusions.logits)
                       .Default(nullptr);
    if (!fusion)
      return invalidArgument("--fuse: found '" + text +
                             "'; expected all, none, or a list of gated, epilogues, rows, parallel and logits");
    *fusion = true;
  }
  return fusions;
}

Expected<OverlapMode> plait::parseOverlapMode(const std::string &text) {
  for (auto [name, mode] :
       {std::pair("auto", OverlapMode::automatic), {"on", OverlapMode::on}, {"off", OverlapMode::off}})
    if (text == name)
      return mode;
  return invalidArgument("--overlap: found '" + text + "'; expected auto, on or off");
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
    if (options.explain || options.explainOverlap)
      explain.emplace().listen(context);
    this->options.threads = options.threads ? options.threads : std::max(1u, std::thread::hardware_concurrency());
  }

  Status run() {
    std::vector<CpuMachine> machines;
    std::optional<CudaMachine> gpu;
    PLAIT_RETURN_IF_ERROR(readTargets(machines, gpu));
    bool forOne =
        options.startFrom > Phase::lower || options.stopAfter == Phase::lower || options.stopAfter == Phase::cpu;
    if (machines.size() > 1 && forOne)
      return invalidArgument("target: found a list with IR of the lower phase or later; expected one target, as that "
                             "IR is made for one");
    PLAIT_RETURN_IF_ERROR(checkRanks());
    PLAIT_RETURN_IF_ERROR(readStrategies());
    phaseOptions.debugLogits = options.debugLogits;
    phaseOptions.fuseGated = options.fusions.gated;
    phaseOptions.fuseEpilogues = options.fusions.epilogues;
    phaseOptions.fuseRows = options.fusions.rows;
    phaseOptions.fuseParallel = options.fusions.parallel;
    phaseOptions.fuseLogits = options.fusions.logits;
    phaseOptions.splitAttention = options.splitAttention;
    phaseOptions.computeRedundantly = options.redundantRows;
    phaseOptions.quantizeActivations = options.quantizeActivations;
    begin("reading the model");
    PLAIT_RETURN_IF_ERROR(read());
    if (options.selftest && imported && options.startFrom == Phase::import && options.stopAfter == Phase::link) {
      begin("computing the self-test");
      selftest = makeSelftest(*imported, options, *module, importance ? &*importance : nullptr);
    }
    if (!options.machine.empty())
      PLAIT_RETURN_IF_ERROR(addMachine(*module, options.machine, options.mesh));
    if (explain)
      explain->addMachine(*module, options.mesh);
    for (lm::ModelOp model : module->getOps<lm::ModelOp>())
      if (model.getNumerics() == lm::Numerics::tp_invariant)
        phaseOptions.tpInvariant = true;
    if (phaseOptions.tpInvariant && options.wireDtype == "bf16")
      return invalidArgument("--wire-dtype: found bf16 with numerics tp_invariant, whose bits do not depend on the "
                             "number of ranks; expected f32, or --numerics row_invariant");
    PLAIT_RETURN_IF_ERROR(runPhase(Phase::import, *module));
    PLAIT_RETURN_IF_ERROR(addStrategies());
    PLAIT_RETURN_IF_ERROR(runPhase(Phase::decode, *module));
    if (options.stopAfter <= Phase::decode)
      return writeIR(*module);
    // Of IR that is shown, that of rank 0.
    if (gpu && options.stopAfter < Phase::link)
      return showForGpu(*gpu);
    ranks.resize(options.stopAfter == Phase::link ? size_t(options.mesh.programs()) : 1);
    if (gpu) {
      PLAIT_ASSIGN_OR_RETURN(CpuMachine host, hostOfGpu());
      PLAIT_RETURN_IF_ERROR(compileFor(host, gpu));
    }
    for (const CpuMachine &machine : machines)
      PLAIT_RETURN_IF_ERROR(compileFor(machine));
    if (options.stopAfter < Phase::link)
      return writeIR(*ranks.front().front().module);
    LinkInputs inputs{options, imported, selftest, ranks, handover, importance ? &*importance : nullptr, draftModels};
    return link(inputs);
  }

private:
  /// CPUs and at most one GPU, and that the phases wanted are those of its kind.
  Status readTargets(std::vector<CpuMachine> &machines, std::optional<CudaMachine> &gpu) const {
    std::string cpus;
    for (llvm::StringRef spec : llvm::split(options.target, ',')) {
      std::string name = spec.trim().str();
      if (!isCudaTarget(name)) {
        cpus += (cpus.empty() ? "" : ",") + name;
        continue;
      }
      if (gpu)
        return unsupported("target: found '" + options.target + "'; expected at most one CUDA target");
      PLAIT_ASSIGN_OR_RETURN(gpu, resolveCudaMachine(name));
    }
    for (auto [flag, phase] : {std::pair("--start-from", options.startFrom), {"--stop-after", options.stopAfter}})
      if (gpu ? phase == Phase::cpu : phase > Phase::cpu && phase < Phase::link)
        return invalidArgument(std::string(flag) + ": found " + getName(phase).str() + " with target " +
                               options.target + "; expected a phase of " +
                               (gpu ? "a CUDA target, such as cuda" : "a CPU target, such as cpu"));
    if (!gpu || !cpus.empty()) {
      PLAIT_ASSIGN_OR_RETURN(machines, resolveCpuMachines(cpus, options.numerics == lm::Numerics::fast));
    }
    if (!gpu)
      return Status::success();
    if (!cpus.empty() && (options.stopAfter < Phase::link || options.startFrom > Phase::parallel))
      return unsupported("target: found '" + options.target + "' with " +
                         (options.stopAfter < Phase::link ? "--stop-after" : "--start-from") + " " +
                         getName(options.stopAfter < Phase::link ? options.stopAfter : options.startFrom).str() +
                         "; expected a CUDA target by itself, as that IR is made for one");
    if (options.startFrom > Phase::cuda)
      return invalidArgument("--start-from: found " + getName(options.startFrom).str() +
                             "; expected cuda or an earlier phase, as later ones write files");
    // Nothing below is there for GPUs yet: rows that ranks share out, and memory that others can read.
    auto refuse = [&](const char *found, const char *expected) {
      return unsupported(std::string(found) + ": found it with target " + options.target + "; expected " + expected +
                         " for a GPU");
    };
    if (options.mesh.hasPhases())
      return refuse("--mesh", "one mesh for all phases");
    if (options.sequenceParallel)
      return refuse("--sequence-parallel", "all rows on each rank");
    if (options.overlap == OverlapMode::on)
      return refuse("--overlap", "off or auto");
    return Status::success();
  }

  Status checkRanks() const {
    const Mesh &mesh = options.mesh;
    if (mesh.size() < 1 || mesh.size() > kMostRanks)
      return invalidArgument("--tp: found " + std::to_string(mesh.size()) + "; expected 1 to " +
                             std::to_string(kMostRanks) + " ranks");
    if (std::max(mesh.ranks, mesh.prefillRanks) == 1 && options.sequenceParallel)
      return invalidArgument("--sequence-parallel: found it with one rank; expected --tp=2 or more");
    if (std::max(mesh.ranks, mesh.prefillRanks) == 1 && (options.overlap == OverlapMode::on || options.explainOverlap))
      return invalidArgument(std::string(options.overlap == OverlapMode::on ? "--overlap" : "--explain-overlap") +
                             ": found it with one rank, which exchanges nothing; expected --tp=2 or more");
    if (options.wireDtype != "f32" && options.wireDtype != "bf16")
      return invalidArgument("--wire-dtype: found '" + options.wireDtype + "'; expected f32 or bf16");
    if (std::max(mesh.ranks, mesh.prefillRanks) == 1 && options.wireDtype == "bf16")
      return invalidArgument(
          "--wire-dtype: found bf16 with one rank, which exchanges nothing; expected --tp=2 or more");
    if (mesh.programs() == 1 && !options.machine.empty())
      return invalidArgument("--machine: found it with one rank, which has nothing to decide; expected --tp=2 or more");
    if (mesh.programs() == 1 && !options.shards.empty())
      return invalidArgument("--shard: found it with one rank; expected --tp=2 or more");
    std::string flag = mesh.replicas > 1 || mesh.hasPhases() ? "--mesh" : "--tp";
    if (mesh.size() > 1 && options.startFrom > Phase::parallel)
      return invalidArgument(flag + ": found it with --start-from=" + getName(options.startFrom).str() +
                             "; expected import, decode or parallel, as later IR is that of one rank");
    if (mesh.size() > 1 && options.emit == Emit::executable)
      return unsupported(flag + ": found it with --emit=exe, and an executable is one rank; expected --emit=folder");
    return Status::success();
  }

  Status readStrategies() {
    if (!options.decode.empty() && options.startFrom > Phase::decode)
      return invalidArgument("--decode: found it with --start-from=" + getName(options.startFrom).str() +
                             "; expected import or decode, as strategies are part of that phase");
    PLAIT_ASSIGN_OR_RETURN(strategies, fillStrategies(options.decode));
    PLAIT_ASSIGN_OR_RETURN(draftModels, draftModelsOf(strategies));
    if (!draftModels.empty() && options.emit == Emit::executable)
      return unsupported("--decode: found a draft model with --emit=exe, and an executable is one model; expected "
                         "--emit=folder");
    if (options.draftRanks && draftModels.empty())
      return invalidArgument("--draft-tp: found it without a draft model; expected a strategy that has one, such as "
                             "--decode spec(draft=MODEL)");
    if (options.draftRanks > 1 && options.mesh.hasPhases())
      return unsupported("--draft-tp: found it with phases; expected one mesh for all phases, as strategies that draft "
                         "have");
    if (options.draftRanks < 0 || options.draftRanks > options.mesh.ranks)
      return invalidArgument("--draft-tp: found " + std::to_string(options.draftRanks) + "; expected 1 to " +
                             std::to_string(options.mesh.ranks) + ", the ranks of the model that is drafted for");
    return Status::success();
  }

  Status addStrategies() {
    if (options.stopAfter < Phase::decode)
      return Status::success();
    for (const auto &[name, path] : draftModels)
      PLAIT_RETURN_IF_ERROR(addDraftModel(*module, name, path, imported ? &*imported : nullptr, importOptions()));
    return plait::addStrategies(*module, strategies, sources);
  }

  ImportOptions importOptions() const {
    ImportOptions import;
    import.readCheckpoint = options.weights.kind == WeightsSpec::Kind::checkpoint;
    import.format = options.format;
    import.state = options.state;
    import.numerics = options.numerics;
    import.heads = options.heads;
    return import;
  }

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
      PLAIT_ASSIGN_OR_RETURN(imported, importModel(context, folder, importOptions()));
      for (const std::string &warning : imported->warnings)
        log("warning: " + warning);
      if (options.checkFinite && imported->checkpoint) {
        begin("looking for NaN and infinity");
        PLAIT_RETURN_IF_ERROR(imported->checkpoint->checkFinite());
      }
    }
    PLAIT_RETURN_IF_ERROR(readCalibration());
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

  /// What a text says of the model: how to round its weights, and what a strategy may leave out.
  Status readCalibration() {
    bool rounds = options.format.makesIntegers();
    auto learner = llvm::find_if(strategies, [](const StrategyText &strategy) { return strategy.learns; });
    bool learns = learner != strategies.end();
    if (options.calibration.empty())
      return learns ? invalidArgument("--decode: found " + learner->call +
                                      " without a text; expected one that shows which sublayers matter least "
                                      "(plait-compile --calibration FILE), or a list of sets in the place of auto")
                    : Status::success();
    if (!imported || !imported->checkpoint)
      return invalidArgument("--calibration: found no checkpoint; expected a model with one and --weights=checkpoint");
    if (!rounds && !learns)
      return invalidArgument("--calibration: found it without integers and without a strategy that learns from it; "
                             "expected --dtype=int8 or int4, or a strategy such as swift(skip=auto)");
    std::string line;
    if (rounds) {
      begin("calibrating");
      PLAIT_ASSIGN_OR_RETURN(importance, calibrate(context, options, *imported, line));
      log(line);
    }
    if (learns) {
      begin("choosing sublayers to skip");
      PLAIT_ASSIGN_OR_RETURN(std::string sets, learnSublayers(context, options, *imported, line));
      log(line);
      PLAIT_ASSIGN_OR_RETURN(strategies, fillStrategies(options.decode, sets));
    }
    imported->inputFiles.push_back(options.calibration); // the artifact depends on it
    return Status::success();
  }

  void setMachine(const CpuMachine &machine) {
    phaseOptions.lanes = machine.lanes;
    phaseOptions.fma = machine.fma;
    phaseOptions.tiles = machine.tiles;
    phaseOptions.pairs = machine.pairs;
    phaseOptions.bytes = options.byteProducts ? machine.bytes : ByteUnit::none;
    phaseOptions.roundInputs = machine.roundInputs;
    phaseOptions.isa = machine.isa;
    phaseOptions.shards = llvm::ArrayRef(options.shards);
    phaseOptions.optimizeCollectives = options.optimizeCollectives;
    phaseOptions.selectAlgorithms = options.selectAlgorithms;
    phaseOptions.quantizeActivations = options.quantizeActivations;
    phaseOptions.cuda = std::string();
  }

  /// The phases that depend on the machine; `module` stays for the next one. Code is
  /// generated for all ranks at once. With a GPU the machine is that of its host.
  Status compileFor(const CpuMachine &machine, const std::optional<CudaMachine> &gpu = std::nullopt) {
    setMachine(machine);
    if (gpu)
      setGpu(*gpu);
    std::optional<ExplainLog::Mark> mark;
    if (explain)
      mark = explain->mark();
    OwningOpRef<ModuleOp> all;
    // Of the ranks of each phase.
    std::vector<std::vector<CollectiveTrace>> traces, prefillTraces;
    handover.phases = nullptr;
    for (size_t program = 0; program < ranks.size(); ++program) {
      TargetCode &code = ranks[program].emplace_back();
      code.machine = machine;
      code.gpu = gpu;
      auto own = OwningOpRef<ModuleOp>(module->clone());
      placeProgram(int64_t(program));
      PLAIT_RETURN_IF_ERROR(runPhase(Phase::parallel, *own));
      (int64_t(program) < options.mesh.prefillRanks ? prefillTraces : traces).push_back(traceCollectives(*own));
      notePhase(*own);
      if (phaseOptions.rank == 0)
        logOverlap();
      PLAIT_RETURN_IF_ERROR(runPhase(Phase::lower, *own));
      if (gpu || (options.startFrom <= Phase::cpu && options.stopAfter >= Phase::cpu))
        keepTables(code, *own);
      if (gpu && !code.tables)
        return invalidArgument("target: found no 'rt.model'; expected IR from before or after the lower phase");
      if (explain) {
        if (options.explain)
          code.explanation = explain->finish();
        explain->rewind(*mark);
      }
      if (program == 0)
        all = std::move(own);
      else
        mergeRank(*all, *own);
    }
    // Of IR that is shown there is one rank's program alone.
    auto fit = [](const auto &phase) { return phase.size() < 2 || succeeded(proveCollectives(phase)); };
    if (!fit(prefillTraces) || !fit(traces))
      return internalError("phase parallel failed: the ranks' collectives do not fit together; see the messages above");
    PLAIT_RETURN_IF_ERROR(planHandover());
    if (gpu) {
      PLAIT_RETURN_IF_ERROR(runPhase(Phase::cuda, *all));
      PLAIT_RETURN_IF_ERROR(makeCudaImages(*all, *gpu, options));
      PLAIT_RETURN_IF_ERROR(runPasses(Phase::cpu, *all));
    } else {
      PLAIT_RETURN_IF_ERROR(runPhase(Phase::cpu, *all));
    }
    for (RankCode &code : ranks)
      if (options.explain)
        explain->append(*mark, *code.back().explanation);
    if (explain)
      explain->rewind(*mark);
    ranks.front().back().module = std::move(all);
    return Status::success();
  }

  /// What CPU the host of a GPU is: every one that is put beside one.
  static Expected<CpuMachine> hostOfGpu() { return resolveCpuMachine("cpu:x86-64-v3"); }

  void setGpu(const CudaMachine &gpu) {
    phaseOptions.cuda = gpu.name;
    phaseOptions.quantizeActivations = false;
  }

  /// The phases of a GPU up to one whose result is shown, of rank 0. Kernels that have no code
  /// are named.
  Status showForGpu(const CudaMachine &gpu) {
    PLAIT_ASSIGN_OR_RETURN(CpuMachine host, hostOfGpu());
    setMachine(host);
    setGpu(gpu);
    placeProgram(0);
    phaseOptions.partial = true;
    PLAIT_RETURN_IF_ERROR(runPhase(Phase::parallel, *module));
    logOverlap();
    for (Phase phase : {Phase::lower, Phase::cuda})
      PLAIT_RETURN_IF_ERROR(runPhase(phase, *module));
    return options.stopAfter <= Phase::cuda ? writeIR(*module) : writeCudaFiles(*module, gpu, options);
  }

  /// Whose program the next phases make.
  void placeProgram(int64_t program) {
    const Mesh &mesh = options.mesh;
    bool isPrefill = program < mesh.prefillRanks;
    phaseOptions.dp = isPrefill ? mesh.prefillReplicas : mesh.replicas;
    phaseOptions.tp = isPrefill ? mesh.prefillRanks : mesh.ranks;
    phaseOptions.rank = isPrefill ? program : program - mesh.prefillRanks;
    phaseOptions.sequenceParallel = options.sequenceParallel && phaseOptions.tp > 1;
    phaseOptions.narrowSums = options.wireDtype == "bf16";
    phaseOptions.expandSums = options.expandSums && !phaseOptions.cuda.empty();
    phaseOptions.overlap = phaseOptions.cuda.empty() ? options.overlap : OverlapMode::off;
    phaseOptions.servingPhase =
        !mesh.hasPhases() ? std::string() : (isPrefill ? par::kPrefillPhase : par::kDecodePhase).str();
  }

  /// Keeps what the program of rank 0 of each phase says of its states.
  void notePhase(ModuleOp program) {
    if (!options.mesh.hasPhases() || phaseOptions.rank != 0)
      return;
    if (!handover.phases)
      handover.phases = ModuleOp::create(program.getLoc());
    addPhase(*handover.phases, program);
  }

  /// How keys and values go from one phase to the next; the same for all targets.
  Status planHandover() {
    if (!options.mesh.hasPhases() || options.stopAfter < Phase::link)
      return Status::success();
    PassManager pm(&context, ModuleOp::getOperationName());
    if (explain)
      explain->listen(pm, Phase::parallel);
    pm.addPass(createInsertKvReshardPass());
    if (failed(pm.run(*handover.phases)))
      return internalError("the handover between phases failed; see the messages above");
    handover.table = describeHandover(*handover.phases);
    handover.text.clear();
    llvm::raw_string_ostream(handover.text) << *handover.phases << "\n";
    return Status::success();
  }

  /// Unless the phase comes before the first or after the last one that is wanted.
  Status runPhase(Phase phase, ModuleOp module) {
    return phase < options.startFrom || phase > options.stopAfter ? Status::success() : runPasses(phase, module);
  }

  Status runPasses(Phase phase, ModuleOp module) {
    PLAIT_RETURN_IF_ERROR(checkInterrupted());
    begin("phase " + getName(phase).str());
    PassManager pm(&context, ModuleOp::getOperationName());
    applyDefaultTimingPassManagerCLOptions(pm);
    if (failed(applyPassManagerCLOptions(pm)))
      return invalidArgument("the pass manager's options contradict each other; see the message above");
    if (explain)
      explain->listen(pm, phase);
    buildPhase(pm, phase, phaseOptions);
    std::string report = (options.output.empty() || options.output == "-" ? "plait" : options.output) + ".crash.mlir";
    if (failed(runWithCrashReport(phase, module, report, [&] { return pm.run(module); })))
      return internalError("phase " + getName(phase).str() + " failed; see the messages above");
    return Status::success();
  }

  /// Why each sum over ranks is fused with what follows it, or not, and how it is carried out; the same on all ranks.
  void logOverlap() {
    if (!options.explainOverlap || options.stopAfter < Phase::parallel)
      return;
    std::string phase = phaseOptions.servingPhase.empty() ? "" : " of " + phaseOptions.servingPhase.getValue();
    log("overlap" + phase + ":");
    llvm::StringSet<> seen; // variants of a step have the same sums
    Json explanation = explain->finish();
    for (const Json &remark : explanation["remarks"]) {
      std::string pass = remark["pass"], text = remark["text"];
      bool isOwn = pass == "plait-guard-overlap" || pass == "plait-rotate-layers" ||
                   pass == "plait-fuse-all-reduce-epilogue" || pass == "plait-weave-steps" ||
                   pass == "plait-select-algorithms";
      if (isOwn && seen.insert(text).second)
        log("  " + text);
    }
    if (options.overlap == OverlapMode::off)
      log("  off: no sum is fused");
    else if (seen.empty())
      log("  no sums over ranks are shared out");
  }

  /// The tables become constants of the binary in the cpu phase; packing and the
  /// manifest still need them as ops.
  void keepTables(TargetCode &code, ModuleOp module) {
    llvm::raw_string_ostream(code.plan) << module << "\n";
    if (explain)
      explain->addCosts(module);
    for (rt::ModelOp model : module.getOps<rt::ModelOp>())
      code.tables = OwningOpRef<rt::ModelOp>(model.clone());
  }

  Status writeIR(ModuleOp module) {
    std::error_code error;
    std::string path = options.output.empty() ? "-" : options.output;
    llvm::raw_fd_ostream out(path, error);
    if (error)
      return resourceError(path + ": cannot be written: " + error.message());
    // Until launches name their source ops, locations do.
    OpPrintingFlags flags;
    if (options.stopAfter < Phase::lower)
      flags.enableDebugInfo();
    module.print(out, flags);
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
  PhaseOptions phaseOptions;
  std::optional<ImportedModel> imported;
  std::optional<WeightImportance> importance;
  std::optional<Selftest> selftest;
  std::vector<StrategyText> strategies;
  DraftModels draftModels;
  OwningOpRef<ModuleOp> module;
  std::vector<RankCode> ranks;
  HandoverCode handover; ///< of a model with phases
};

} // namespace

Status plait::compile(const CompileOptions &options) { return Compilation(options).run(); }
