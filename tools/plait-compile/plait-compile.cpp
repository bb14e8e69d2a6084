//===- plait-compile.cpp - Compiles a model ahead of time -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Driver/Compile.h"
#include "plait/Driver/Version.h"
#include "plait/Target/CpuMachine.h"
#include "plait/Target/CudaMachine.h"
#include "runtime/base/Signals.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

namespace cl = llvm::cl;
using namespace plait;

static int fail(const Status &status) {
  if (status.code() == StatusCode::cancelled) {
    llvm::errs() << "plait-compile: interrupted\n";
    return 130; // as a shell reports SIGINT
  }
  llvm::errs() << "plait-compile: error: " << status.message() << "\n";
  return status.code() == StatusCode::invalidArgument ? 2 : 1;
}

static Expected<Phase> readPhase(const std::string &flag, const std::string &name) {
  if (auto phase = parsePhase(name))
    return *phase;
  return invalidArgument(flag + ": found '" + name +
                         "'; expected import, decode, parallel, lower, cpu, cuda, "
                         "ptx, cubin or link");
}

/// LLVM says what is wrong in several lines and exits with 1.
static bool parseArguments(int argc, char **argv) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (cl::ParseCommandLineOptions(argc, argv, "Compiles a language model to a model binary\n", &stream))
    return true;
  llvm::SmallVector<llvm::StringRef> lines;
  llvm::StringRef(text).split(lines, '\n', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (llvm::StringRef &line : lines)
    line.consume_front("plait-compile: ");
  if (!lines.empty()) // else a value is wrong, and LLVM has said so
    llvm::errs() << "plait-compile: error: " << llvm::join(lines, " ") << "\n";
  return false;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  installSignalHandlers("plait-compile"); // instead of LLVM's
  // LLVM's own options, hundreds and some with the names below, are not ours.
  cl::ResetCommandLineParser();
  cl::SetVersionPrinter([](llvm::raw_ostream &out) { out << "plait-compile " << kVersion << "\n"; });
  cl::OptionCategory category("plait-compile options");
  cl::opt<std::string> input(cl::Positional, cl::desc("<model folder, GGUF file, or IR with --start-from>"),
                             cl::Required, cl::cat(category));
  cl::opt<std::string> output("o", cl::desc("The artifact to write, or the IR with --stop-after (default: stdout)"),
                              cl::value_desc("name.plait"), cl::cat(category));
  cl::opt<std::string> emit("emit", cl::desc("folder or exe: a program that runs the model (default: folder)"),
                            cl::init("folder"), cl::cat(category));
  cl::opt<bool> embedWeights(
      "embed-weights", cl::desc("With --emit=exe: weights in the executable, not in NAME.weights"), cl::cat(category));
  cl::opt<std::string> weights("weights", cl::desc("checkpoint, random[:SEED] or none"), cl::init("checkpoint"),
                               cl::cat(category));
  cl::opt<std::string> dtype("dtype",
                             cl::desc("Matrices as auto (bf16, or integers of GPTQ and AWQ, where the checkpoint has "
                                      "them, else f32), stored (as auto, "
                                      "but integers where it has them), f32, bf16, int8 or int4 (default: auto)"),
                             cl::cat(category));
  cl::opt<std::string> headDtype("head-dtype",
                                 cl::desc("The matrix of the logits as auto (as --dtype, but int8 with int4), f32, "
                                          "bf16, int8 or int4 (default: auto)"),
                                 cl::cat(category));
  cl::opt<int> group("group",
                     cl::desc("Columns of integers that share a scale: 32, 64, 128, or 0 for whole rows of "
                              "int8 (default: 64)"),
                     cl::cat(category));
  cl::opt<bool> zeroPoints("zero-points", cl::desc("With --dtype=int4: a zero point beside each scale"),
                           cl::cat(category));
  cl::opt<std::string> calibration("calibration",
                                   cl::desc("A text; integers are chosen so that what the model makes of it changes "
                                            "least, and so is what swift(skip=auto) leaves out"),
                                   cl::value_desc("file"), cl::cat(category));
  cl::opt<std::string> kvDtype("kv-dtype", cl::desc("Keys and values are rounded to: f32, bf16 or int8"),
                               cl::init("f32"), cl::cat(category));
  cl::opt<bool> f32Activations("f32-activations",
                               cl::desc("Multiply weights of integers by activations of f32, not of 16 bits"),
                               cl::cat(category));
  cl::opt<bool> noByteProducts("no-byte-products",
                               cl::desc("With --numerics=fast: keep 16 bits of activations for many tokens, too"),
                               cl::cat(category));
  cl::opt<bool> noSplitAttention("no-split-attention",
                                 cl::desc("Threads do not share out the positions that a token attends to; results "
                                          "are the same"),
                                 cl::cat(category));
  cl::opt<bool> noRedundantRows("no-redundant-rows",
                                cl::desc("Threads wait for a row that each could compute for itself; results are the "
                                         "same"),
                                cl::cat(category));
  std::string targets =
      cpuMachineNames() + "; or " + cudaMachineNames() + ". A list gives code for each, at most one of them a GPU";
  cl::opt<std::string> target("target", cl::desc(targets), cl::init("cpu:native"), cl::cat(category));
  cl::opt<bool> debugLogits("debug-logits", cl::desc("Add the variant that `plait run --dump-logits` needs"),
                            cl::cat(category));
  cl::opt<int> tp("tp", cl::desc("Divide each layer's weights among so many ranks (default: 1)"), cl::init(1),
                  cl::cat(category));
  cl::opt<bool> sequenceParallel("sequence-parallel",
                                 cl::desc("With --tp: ranks share out the tokens of norms and residual, too"),
                                 cl::cat(category));
  cl::opt<std::string> wireDtype("wire-dtype",
                                 cl::desc("With --tp: what sums over ranks are sent as: f32, or bf16, which is half of "
                                          "the bytes and rounds them"),
                                 cl::init("f32"), cl::cat(category));
  cl::opt<std::string> overlap("overlap",
                               cl::desc("With --tp: compute what follows a sum over ranks within it: auto (where it "
                                        "pays on --machine), on or off; results are the same"),
                               cl::init("auto"), cl::cat(category));
  cl::opt<bool> explainOverlap("explain-overlap",
                               cl::desc("With --tp: say of each sum over ranks why it was fused with what follows, or "
                                        "not, and how it is carried out"),
                               cl::cat(category));
  cl::opt<bool> noOptimizeCollectives("no-optimize-collectives",
                                      cl::desc("With several ranks: leave what they exchange as it follows from "
                                               "what is split"),
                                      cl::cat(category));
  cl::opt<bool> noSelectAlgorithms("no-select-algorithms",
                                   cl::desc("With several ranks and --machine: leave open how sums over ranks are "
                                            "carried out"),
                                   cl::cat(category));
  cl::opt<bool> noExpandSums("no-expand-sums",
                             cl::desc("With several ranks on GPUs: leave sums over ranks whole, which go through the "
                                      "hosts; results are the same"),
                             cl::cat(category));
  cl::opt<std::string> mesh("mesh",
                            cl::desc("Replicas, and ranks of each: dp=2,tp=2 (--tp N is --mesh tp=N); or those of "
                                     "each phase: \"prefill: tp=1; decode: tp=2\""),
                            cl::value_desc("axes"), cl::cat(category));
  cl::opt<std::string> machine("machine",
                               cl::desc("With --tp: a file with a par.machine, for which is decided what is split"),
                               cl::value_desc("file.mlir"), cl::cat(category));
  cl::list<std::string> shards("shard",
                               cl::desc("With --tp: how a weight is split, instead: whole, rows, columns, or parts "
                                        "such as rows:0-96,96-192; may be repeated"),
                               cl::value_desc("WEIGHT=SPEC"), cl::cat(category));
  cl::opt<std::string> numerics("numerics",
                                cl::desc("What bits do not depend on: row_invariant (what shares a step), or "
                                         "tp_invariant (that, and the number of ranks); or fast: of nothing, and "
                                         "inputs may be rounded"),
                                cl::init("row_invariant"), cl::cat(category));
  cl::list<std::string> decode("decode",
                               cl::desc("A strategy to decode with, beside ar: one of the library such as "
                                        "prompt_lookup(k=4), or FILE.mlir(...); may be repeated"),
                               cl::value_desc("NAME(ARGUMENT=VALUE,...)"), cl::cat(category));
  cl::opt<int> draftTp("draft-tp",
                       cl::desc("With --tp: divide draft models among so many of the ranks (default: 1, each is whole "
                                "on rank 0)"),
                       cl::cat(category));
  cl::opt<std::string> heads("heads",
                             cl::desc("What drafts beside the model: a folder with medusa_lm_head.safetensors, "
                                      "clover.safetensors, mtp.safetensors or prompt_tokens.safetensors (default: the "
                                      "model's, if it has such files)"),
                             cl::value_desc("folder"), cl::cat(category));
  cl::opt<std::string> fuse("fuse",
                            cl::desc("Launches to fuse: all, none, or some of gated,epilogues,rows,parallel,logits "
                                     "(default: all); results are the same"),
                            cl::init("all"), cl::cat(category));
  cl::opt<bool> checkFinite("check-finite", cl::desc("Refuse a checkpoint that holds NaN or infinity"),
                            cl::cat(category));
  cl::opt<bool> noSelftest("no-selftest", cl::desc("Leave out the golden tokens of `plait selftest`"),
                           cl::cat(category));
  cl::opt<bool> noExplain("no-explain", cl::desc("Leave out what `plait explain` shows"), cl::cat(category));
  cl::opt<std::string> progressMode("progress",
                                    cl::desc("Progress on stderr: auto, bar, plain or none (default: "
                                             "$PLAIT_PROGRESS, else auto)"),
                                    cl::cat(category));
  cl::opt<unsigned> threads("threads", cl::desc("Threads for packing weights (0: all)"), cl::init(0),
                            cl::cat(category));
  cl::opt<std::string> packFolder(
      "pack-folder", cl::desc("Share packed weights with other artifacts through this folder"), cl::cat(category));
  cl::opt<std::string> startFrom("start-from", cl::desc("Read IR and begin with this phase"), cl::init("import"),
                                 cl::cat(category));
  cl::opt<std::string> stopAfter("stop-after",
                                 cl::desc("Print the IR after this phase: import, decode, parallel, lower, cpu, cuda; "
                                          "or write the files of ptx, cubin"),
                                 cl::init("link"), cl::cat(category));
  cl::opt<std::string> folder("folder", cl::desc("With --start-from: model of weights and tokenizer"),
                              cl::cat(category));
  mlir::registerAsmPrinterCLOptions();
  mlir::registerMLIRContextCLOptions();
  mlir::registerPassManagerCLOptions();
  mlir::registerDefaultTimingManagerCLOptions();
  if (!parseArguments(argc, argv))
    return 2;

  CompileOptions options;
  options.input = input;
  options.folder = folder;
  options.output = output;
  options.target = target;
  options.emit = emit == "exe" ? Emit::executable : Emit::folder;
  options.embedWeights = embedWeights;
  options.packFolder = packFolder;
  options.debugLogits = debugLogits;
  options.mesh.ranks = tp;
  if (mesh.getNumOccurrences()) {
    if (tp.getNumOccurrences())
      return fail(invalidArgument("--mesh: found it with --tp; expected one of them, as --tp N is --mesh tp=N"));
    auto parsed = parseMesh(mesh);
    if (!parsed)
      return fail(parsed.status());
    options.mesh = *parsed;
  }
  if (machine.getNumOccurrences() && machine.empty())
    return fail(invalidArgument("--machine: found nothing; expected the path of a file with a par.machine"));
  options.sequenceParallel = sequenceParallel;
  options.machine = machine;
  options.shards = shards;
  options.optimizeCollectives = !noOptimizeCollectives;
  options.selectAlgorithms = !noSelectAlgorithms;
  options.expandSums = !noExpandSums;
  options.decode = decode;
  if (draftTp.getNumOccurrences() && draftTp < 1)
    return fail(invalidArgument("--draft-tp: found " + std::to_string(draftTp) +
                                "; expected 1 or more, at most as many as --tp"));
  options.draftRanks = draftTp;
  if (heads.getNumOccurrences() && heads.empty())
    return fail(invalidArgument("--heads: found nothing; expected a folder with medusa_lm_head.safetensors, "
                                "clover.safetensors, mtp.safetensors or prompt_tokens.safetensors"));
  options.heads = heads;
  options.selftest = !noSelftest;
  options.checkFinite = checkFinite;
  options.explain = !noExplain;
  options.threads = threads;
  auto mode = parseProgressMode(progressMode);
  if (!mode)
    return fail(mode.status());
  Progress progress("plait-compile", *mode);
  options.progress = &progress;
  options.log = [&](const std::string &line) {
    progress.clear();
    llvm::errs() << "plait-compile: " << line << "\n";
  };
  auto spec = parseWeightsSpec(weights);
  auto fusions = parseFusions(fuse);
  auto start = readPhase("--start-from", startFrom), stop = readPhase("--stop-after", stopAfter);
  auto overlapMode = parseOverlapMode(overlap);
  for (const Status &status : {spec.status(), fusions.status(), start.status(), stop.status(), overlapMode.status()})
    if (!status.ok())
      return fail(status);
  options.overlap = *overlapMode;
  options.explainOverlap = explainOverlap;
  options.wireDtype = wireDtype;
  options.weights = *spec;
  options.fusions = *fusions;
  options.startFrom = *start;
  options.stopAfter = *stop;
  auto format = parseWeightFormat(dtype, headDtype,
                                  group.getNumOccurrences() ? std::optional<int64_t>(group) : std::nullopt, zeroPoints);
  if (!format)
    return fail(format.status());
  options.format = *format;
  if (kvDtype == "bf16" || kvDtype == "int8")
    options.state = kvDtype == "bf16" ? StateFormat::bf16 : StateFormat::int8;
  else if (kvDtype != "f32")
    return fail(invalidArgument("--kv-dtype: found '" + kvDtype + "'; expected f32, bf16 or int8"));
  if (numerics == "tp_invariant")
    options.numerics = lm::Numerics::tp_invariant;
  else if (numerics == "fast")
    options.numerics = lm::Numerics::fast;
  else if (numerics != "row_invariant")
    return fail(invalidArgument("--numerics: found '" + numerics + "'; expected row_invariant, tp_invariant or fast"));
  if (numerics.getNumOccurrences() && *start != Phase::import)
    return fail(invalidArgument("--numerics: found it with --start-from=" + startFrom +
                                "; expected a model to import, as IR says its own"));
  options.calibration = calibration;
  options.quantizeActivations = !f32Activations;
  options.byteProducts = !noByteProducts;
  options.splitAttention = !noSplitAttention;
  options.redundantRows = !noRedundantRows;
  if (emit != "folder" && emit != "exe")
    return fail(invalidArgument("--emit: found '" + emit + "'; expected folder or exe"));
  if (embedWeights && emit != "exe")
    return fail(invalidArgument("--embed-weights: found it without --emit=exe; expected both"));
  if (emit == "exe" && *stop != Phase::link)
    return fail(invalidArgument("--emit=exe: found it with --stop-after; expected all phases to run"));
  if (*stop < *start)
    return fail(invalidArgument("--stop-after: found '" + stopAfter + "', before --start-from=" + startFrom +
                                "; expected that phase or a later one"));
  if (*stop == Phase::link && output.empty())
    return fail(invalidArgument("-o: found nothing; expected the path of the artifact to write"));
  Status status = compile(options);
  progress.end();
  return status.ok() ? 0 : fail(status);
}
