//===- Link.cpp - The last phase: files -----------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Executable.h"
#include "Link.h"

#include "plait/Cost/PlanTime.h"
#include "plait/Driver/Version.h"
#include "plait/Target/Artifact.h"
#include "plait/Target/Object.h"
#include "plait/Target/PlanJson.h"
#include "plait/Target/WeightPack.h"
#include "runtime/base/Digest.h"
#include "runtime/base/File.h"
#include "runtime/base/Safetensors.h"
#include "runtime/core/Manifest.h"
#include "runtime/decode/rounds/RoundProgram.h"

#include "llvm/Config/llvm-config.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

using namespace plait;

namespace {

class Linker {
public:
  Linker(LinkInputs &in, ArtifactWriter &artifact)
      : in(in), model(*in.ranks.front().front().tables), artifact(artifact) {}

  Status run() {
    parts.resize(in.ranks.size());
    for (size_t rank = 0; rank < parts.size(); ++rank) {
      PLAIT_RETURN_IF_ERROR(checkLayouts(in.ranks[rank]));
    }
    for (TargetCode &code : in.ranks.front())
      PLAIT_RETURN_IF_ERROR(writeCode(code));
    for (size_t rank = 0; rank < parts.size(); ++rank)
      for (size_t target = 0; target < binaries.size(); ++target)
        PLAIT_RETURN_IF_ERROR(writePlan(in.ranks[rank][target], rank, binaries[target]));
    PLAIT_RETURN_IF_ERROR(writeHandover());
    PLAIT_RETURN_IF_ERROR(writeCompanions());
    PLAIT_RETURN_IF_ERROR(writeSelftest());
    PLAIT_RETURN_IF_ERROR(writeDraftModels());
    return writeManifest();
  }

private:
  Progress *progress() const { return in.options.progress; }
  void begin(const std::string &stage, uint64_t bytes = 0) {
    if (progress())
      progress()->begin(stage, bytes);
  }

  std::string weightsOf(rt::ModelOp tables) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    for (rt::WeightOp weight : tables.getBody().front().getOps<rt::WeightOp>())
      stream << weight << "\n";
    return text;
  }

  /// All CPU targets of a rank read one pack, that of the last target.
  Status checkLayouts(RankCode &targets) {
    if (in.options.weights.kind != WeightsSpec::Kind::checkpoint)
      return Status::success();
    for (TargetCode &code : targets)
      if (!hasOwnPack(targets, code) && weightsOf(*code.tables) != weightsOf(*targets.back().tables))
        return internalError("target: found weights in another layout for " + code.name() + " than for " +
                             targets.back().name() +
                             "; expected one for all targets of a list; compile an artifact for each");
    return Status::success();
  }

  /// That of a GPU beside CPUs lies in another layout.
  static bool hasOwnPack(const RankCode &targets, const TargetCode &code) { return code.gpu && !targets.back().gpu; }

  bool hasRanks() const { return parts.size() > 1; }
  /// Files of one rank among several have its number.
  std::string rankedName(const char *stem, size_t rank) const {
    return stem + (hasRanks() ? ".rank" + std::to_string(rank) : "");
  }

  /// Files of one target among several have its name.
  std::string targetedName(const std::string &stem, const TargetCode &code, const char *extension) const {
    return stem + (in.ranks.front().size() > 1 ? "." + code.name() : "") + extension;
  }

  /// The code of all ranks for one target.
  Status writeCode(TargetCode &code) {
    begin("generating code" + (in.ranks.front().size() > 1 ? " for " + code.name() : ""));
    PLAIT_ASSIGN_OR_RETURN(std::string object, compileToObject(*code.module, code.machine));
    std::string binary = targetedName("model", code, ".so");
    PLAIT_RETURN_IF_ERROR(linkSharedObject(object, artifact.pathOf(binary)));
    PLAIT_ASSIGN_OR_RETURN(binaries.emplace_back(), artifact.describe(binary));
    return Status::success();
  }

  /// What people read of a rank's code, and the entry of the manifest.
  Status writePlan(TargetCode &code, size_t rank, const Json &file) {
    std::string plan = targetedName(rankedName("plan", rank), code, ".mlir");
    PLAIT_RETURN_IF_ERROR(artifact.writeFile(plan, code.plan));
    files.push_back(plan);
    Json entry = {{"target", code.name()}, {"isa", code.machine.isa}};
    if (code.gpu)
      entry["gpu"] = code.gpu->name;
    entry.update(file);
    if (code.explanation) {
      std::string explain = targetedName(rankedName("explain", rank), code, ".json");
      PLAIT_RETURN_IF_ERROR(artifact.writeFile(explain, writeJson(*code.explanation)));
      files.push_back(explain);
      entry["explain"] = explain;
    }
    parts[rank]["binaries"].push_back(std::move(entry));
    return Status::success();
  }

  Status writeHandover() {
    if (!in.options.mesh.hasPhases())
      return Status::success();
    files.push_back("handover.mlir");
    return artifact.writeFile("handover.mlir", in.handover.text);
  }

  Status writeCompanions() {
    if (!in.imported)
      return Status::success();
    for (const auto &[file, text] : in.imported->companions) {
      PLAIT_RETURN_IF_ERROR(artifact.writeFile(file, text));
      files.push_back(file);
    }
    return Status::success();
  }

  Status writeSelftest() {
    if (!in.selftest)
      return Status::success();
    auto bytes = [](const auto &values) {
      return std::span(reinterpret_cast<const uint8_t *>(values.data()), values.size() * sizeof(values[0]));
    };
    const Selftest &test = *in.selftest;
    files.push_back("selftest.safetensors");
    // Relative to the largest logit: f32 arithmetic is all that differs from the
    // reference, which reads the same rounded weights, and activations of 16 bits
    // where weights are integers. Some targets round inputs to bf16, which moves a
    // logit by 3e-3 in a trained model and up to 3.7e-2 in small ones of random
    // weights; two may move towards each other. Bytes instead of 16 bits are much alike.
    bool rounds = llvm::any_of(in.ranks.front(), [](const auto &code) { return code.roundsInputs(); });
    bool hasIntegers = llvm::any_of(model.getBody().front().getOps<rt::WeightOp>(),
                                    [](rt::WeightOp weight) { return weight.getQuantization().has_value(); });
    if (hasIntegers && model.getNumerics() == lm::stringifyNumerics(lm::Numerics::fast))
      rounds |= llvm::any_of(in.ranks.front(), [](const auto &code) { return code.hasByteProducts(); });
    const char *tolerance = rounds ? "8e-2" : hasIntegers ? "1e-3" : "1e-5";
    return writeSafetensors(artifact.pathOf("selftest.safetensors"),
                            {{"tokens", plait::TensorType::i32, {int64_t(test.tokens.size())}, bytes(test.tokens)},
                             {"greedy", plait::TensorType::i32, {int64_t(test.greedy.size())}, bytes(test.greedy)},
                             {"margin", plait::TensorType::f32, {int64_t(test.margins.size())}, bytes(test.margins)}},
                            {{"tolerance", tolerance}, {"max_abs_logit", std::to_string(test.largestLogit)}});
  }

  /// Whether a shared pack is there and is still what was written.
  static bool isWhole(const std::string &pack) {
    auto written = readFile(pack + ".digest", 64);
    auto found = digestOfFile(pack);
    return written.ok() && found.ok() && *written == *found;
  }

  Status packWeights(rt::ModelOp model, const std::string &path) {
    begin("packing weights", model.getPackBytes());
    return writeWeightPack(model, *in.imported->checkpoint, path, in.options.threads, in.importance, progress());
  }

  /// Writes the pack, or links to one of the same content in the pack folder.
  Status writePack(rt::ModelOp model, const std::string &path) {
    const std::string &shared = in.options.packFolder;
    if (shared.empty())
      return packWeights(model, path);
    Digest key;
    key.add(inputs.dump());
    key.add(weightsOf(model));
    if (std::error_code error = llvm::sys::fs::create_directories(shared))
      return resourceError(shared + ": cannot be created: " + error.message());
    std::string pack = shared + "/" + key.hex() + ".pack";
    if (!isWhole(pack)) {
      // Another process may write the same one: the last rename wins, and both
      // have the same content.
      std::string temporary = pack + "." + std::to_string(llvm::sys::Process::getProcessId());
      PLAIT_RETURN_IF_ERROR(packWeights(model, temporary));
      PLAIT_ASSIGN_OR_RETURN(std::string digest, digestOfFile(temporary));
      if (std::error_code error = llvm::sys::fs::rename(temporary, pack))
        return resourceError(pack + ": cannot be put in place: " + error.message());
      PLAIT_RETURN_IF_ERROR(writeFileAtomic(pack + ".digest", digest));
    }
    // Another file system has no hard links to this one: then a copy.
    if (llvm::sys::fs::create_hard_link(pack, path))
      if (std::error_code error = llvm::sys::fs::copy_file(pack, path))
        return resourceError(path + ": cannot be copied from " + pack + ": " + error.message());
    return Status::success();
  }

  Expected<Json> describeWeights() {
    const WeightsSpec &spec = in.options.weights;
    // That of the smallest elements; vectors and some tables have larger ones.
    std::string format = "f32";
    unsigned least = 32;
    for (rt::WeightOp weight : model.getBody().front().getOps<rt::WeightOp>())
      if (unsigned bits = weight.getElement().getIntOrFloatBitWidth(); bits < least) {
        least = bits;
        format = weight.getElement().isBF16() ? "bf16" : "int" + std::to_string(bits);
      }
    Json weights;
    if (spec.kind == WeightsSpec::Kind::checkpoint) {
      if (!in.imported || !in.imported->checkpoint)
        return invalidArgument("weights: found no checkpoint; expected --folder with one, or --weights=random or none");
      for (size_t rank = 0; rank < parts.size(); ++rank) {
        rt::ModelOp tables = *in.ranks[rank].back().tables;
        std::string file = rankedName("weights", rank) + ".pack";
        PLAIT_RETURN_IF_ERROR(writePack(tables, artifact.pathOf(file)));
        begin("checking the weights", tables.getPackBytes());
        PLAIT_ASSIGN_OR_RETURN(parts[rank]["weights"], artifact.describe(file, progress()));
      }
      if (!hasRanks())
        weights = parts.front()["weights"];
      weights["kind"] = "pack";
    } else if (spec.kind == WeightsSpec::Kind::random) {
      weights = {{"kind", "random"}, {"seed", spec.seed}};
    } else {
      weights = {{"kind", "none"}};
    }
    weights["format"] = format;
    return weights;
  }

  /// Packs of targets beside others that cannot share theirs.
  Status writeOwnPacks() {
    if (in.options.weights.kind != WeightsSpec::Kind::checkpoint)
      return Status::success();
    for (size_t rank = 0; rank < parts.size(); ++rank) {
      RankCode &targets = in.ranks[rank];
      for (auto [code, entry] : llvm::zip(targets, parts[rank]["binaries"])) {
        if (!hasOwnPack(targets, code))
          continue;
        if (!in.imported || !in.imported->checkpoint)
          return invalidArgument(
              "weights: found no checkpoint; expected --folder with one, or --weights=random or none");
        std::string file = targetedName(rankedName("weights", rank), code, ".pack");
        PLAIT_RETURN_IF_ERROR(writePack(*code.tables, artifact.pathOf(file)));
        PLAIT_ASSIGN_OR_RETURN(entry["weights"], artifact.describe(file, progress()));
      }
    }
    return Status::success();
  }

  Status describeInputs() {
    inputs = Json::array();
    uint64_t total = 0, bytes = 0;
    if (in.imported)
      for (const std::string &path : in.imported->inputFiles)
        if (!llvm::sys::fs::file_size(path, bytes))
          total += bytes;
    begin("reading the checkpoint", total);
    if (in.imported)
      for (const std::string &path : in.imported->inputFiles) {
        PLAIT_ASSIGN_OR_RETURN(std::string digest, digestOfFile(path, progress()));
        (void)llvm::sys::fs::file_size(path, bytes);
        inputs.push_back({{"file", llvm::sys::path::filename(path).str()}, {"bytes", bytes}, {"digest", digest}});
      }
    return Status::success();
  }

  /// Each into a folder of its name, with the options of the target, but of ranks alone how many there are.
  Status writeDraftModels() {
    for (const auto &[name, path] : in.draftModels) {
      CompileOptions own = in.options;
      own.input = path;
      own.folder.clear();
      own.output = artifact.pathOf(name);
      own.mesh = in.options.draftRanks > 1 ? Mesh{in.options.mesh.replicas, in.options.draftRanks} : Mesh();
      own.sequenceParallel = own.debugLogits = own.explainOverlap = false;
      if (own.mesh.size() == 1) {
        own.overlap = OverlapMode::automatic;
        own.machine.clear();
      }
      own.shards.clear();
      own.decode.clear();
      own.draftRanks = 0;
      own.heads.clear();
      own.startFrom = Phase::import;
      PLAIT_RETURN_IF_ERROR(compile(own).withContext("--decode: " + name));
    }
    return Status::success();
  }

  /// Programs are read as the runtime reads them, which refuses what it cannot run.
  Status describeStrategies(Json &manifest) {
    Json strategies = Json::array(), models = Json::object();
    for (rt::StrategyOp strategy : model.getBody().front().getOps<rt::StrategyOp>()) {
      std::string call = strategy.getCall().str();
      Json program = toJson(strategy.getProgram());
      auto read = RoundProgram::read(JsonView(program, call));
      if (!read)
        return internalError("link: " + read.status().message());
      for (const std::string &name : (*read)->models)
        if (name != model.getSymName() && !in.draftModels.count(name))
          return invalidArgument("link: found " + call + ", which drafts with a model @" + name +
                                 "; expected that model's path by --decode, together with the import or decode phase");
      strategies.push_back({{"call", call}, {"program", std::move(program)}});
    }
    for (const auto &[name, path] : in.draftModels)
      models[name] = name;
    if (!strategies.empty())
      manifest["strategies"] = std::move(strategies);
    if (!models.empty())
      manifest["models"] = std::move(models);
    return Status::success();
  }

  /// Of each variant, for those that choose how much to draft.
  void describeTimes(Json &manifest) {
    NominalMachine machine;
    const TargetCode &code = in.ranks.front().front();
    machine.flops *= double(code.machine.lanes) / 8; // of four cores with AVX2
    if (code.gpu) // of the data sheet of an A100, whose bandwidth and speed the others exceed alike
      machine = {.bandwidth = 1.5e12, .cacheBandwidth = 4e12, .cacheBytes = 40 << 20, .flops = 150e12, .launch = 3e-6};
    size_t variant = 0;
    for (rt::PlanOp plan : model.getBody().front().getOps<rt::PlanOp>()) {
      Json steps = Json::array();
      for (auto [tokens, micros] : predictSteps(model, plan, machine))
        steps.push_back({tokens, micros});
      manifest["variants"][variant++]["step_us"] = std::move(steps);
    }
  }

  Json describeGeneration() {
    GenerationDefaults defaults = in.imported ? in.imported->generation : GenerationDefaults();
    Json bos = defaults.bos ? Json(*defaults.bos) : Json(nullptr);
    return {{"bos", bos},
            {"eos", defaults.eos},
            {"temperature", defaults.temperature},
            {"top_k", defaults.topK},
            {"top_p", defaults.topP},
            {"min_p", defaults.minP},
            {"repetition_penalty", defaults.repetitionPenalty},
            {"min_tokens", defaults.minNewTokens}};
  }

  Status writeManifest() {
    Json manifest;
    manifest["schema"] = kManifestSchema;
    manifest["compiler"] = {{"version", kVersion}, {"llvm", LLVM_VERSION_STRING}};
    std::string name = in.imported ? in.imported->source.name() : llvm::sys::path::filename(in.options.input).str();
    manifest["model"] = {{"name", name},
                         {"family", model.getFamily().str()},
                         {"vocabulary", int64_t(model.getVocabulary())},
                         {"hidden", in.imported ? in.imported->config.hidden : 0},
                         {"layers", int64_t(model.getLayers())},
                         {"max_positions", int64_t(model.getMaxPositions())},
                         {"parameters", int64_t(model.getParameters())}};
    bool hasGpu = llvm::any_of(in.ranks.front(), [](const auto &code) { return code.gpu.has_value(); });
    manifest["target"] = {{"kind", hasGpu ? "cuda" : "cpu"}, {"triple", in.ranks.front().front().machine.triple}};
    manifest["numerics"] = model.getNumerics().str();
    // The first variant is what runs unless another is asked for.
    manifest["strategy"] = (*model.getBody().front().getOps<rt::PlanOp>().begin()).getName().str();
    PLAIT_RETURN_IF_ERROR(describeStrategies(manifest));
    PLAIT_RETURN_IF_ERROR(describeInputs()); // a pack's key is made of them
    PLAIT_RETURN_IF_ERROR(writeOwnPacks());
    if (!hasRanks())
      manifest["binaries"] = parts.front()["binaries"];
    PLAIT_ASSIGN_OR_RETURN(manifest["weights"], describeWeights());
    if (hasRanks()) {
      manifest["ranks"] = parts.size();
      manifest["parts"] = parts;
    }
    const Mesh &mesh = in.options.mesh;
    if (mesh.hasPhases()) {
      manifest["phases"] = {{"prefill", {{"replicas", mesh.prefillReplicas}, {"ranks", mesh.prefillRanks}}},
                            {"decode", {{"replicas", mesh.replicas}, {"ranks", mesh.ranks}}}};
      manifest["handover"] = in.handover.table;
    } else if (mesh.replicas > 1) {
      manifest["replicas"] = mesh.replicas;
    }
    manifest["files"] = Json::array();
    for (const std::string &file : files) {
      PLAIT_ASSIGN_OR_RETURN(Json entry, artifact.describe(file));
      manifest["files"].push_back(std::move(entry));
    }
    manifest["inputs"] = inputs;
    manifest["generation"] = describeGeneration();
    describeModel(model, manifest);
    describeSharing(manifest);
    describeTimes(manifest);
    return artifact.writeFile("manifest.json", sealJson(writeJson(manifest)));
  }

  /// Programs of a phase by itself may have nothing to share out, where those of the other one do.
  void describeSharing(Json &manifest) {
    for (const std::vector<TargetCode> &rank : in.ranks)
      for (rt::PlanOp plan : rt::ModelOp(*rank.front().tables).getBody().front().getOps<rt::PlanOp>())
        for (Json &variant : manifest["variants"])
          if (variant["name"] == plan.getName().str() && plan.getShareTokens())
            variant["share_tokens"] = plan.getShareTokens();
  }

  LinkInputs &in;
  rt::ModelOp model;
  ArtifactWriter &artifact;
  std::vector<std::string> files;
  std::vector<Json> parts;    ///< of each rank: "binaries", and with a checkpoint "weights"
  std::vector<Json> binaries; ///< the files of code, one for each target
  Json inputs;
};

} // namespace

Status plait::link(LinkInputs &inputs) {
  if (!inputs.ranks.front().front().tables)
    return invalidArgument("link: found no 'rt.model'; expected IR from the lower phase on, not later");
  const std::string &output = inputs.options.output;
  bool isExecutable = inputs.options.emit == Emit::executable;
  if (isExecutable)
    PLAIT_RETURN_IF_ERROR(checkExecutablePath(output));
  PLAIT_ASSIGN_OR_RETURN(ArtifactWriter artifact,
                         isExecutable ? ArtifactWriter::createBeside(output) : ArtifactWriter::create(output));
  PLAIT_RETURN_IF_ERROR(Linker(inputs, artifact).run());
  if (isExecutable)
    return writeExecutable(artifact.folder(), output, inputs.options.embedWeights);
  return artifact.commit();
}
