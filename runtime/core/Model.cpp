//===- Model.cpp - A model binary, loaded ---------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Model.h"

#include "runtime/base/Digest.h"
#include "runtime/core/Ranks.h"
#include "runtime/core/Tables.h"
#include "runtime/device/cpu/Isa.h"
#include "runtime/device/cpu/Topology.h"
#include "runtime/device/cuda/Program.h"

#include <algorithm>

#include <link.h>

using namespace plait;

namespace {

#if defined(__x86_64__)
constexpr std::string_view kHostArch = "x86_64";
#elif defined(__aarch64__)
constexpr std::string_view kHostArch = "aarch64";
#else
#error "add the architecture's name in LLVM triples"
#endif

/// All files that the artifact must hold besides the manifest.
std::vector<const ManifestFile *> filesOf(const Manifest &manifest) {
  std::vector<const ManifestFile *> files;
  for (const ManifestRank &rank : manifest.ranks) {
    for (const ManifestBinary &binary : rank.binaries)
      if (std::none_of(files.begin(), files.end(), [&](auto *file) { return file->file == binary.file.file; }))
        files.push_back(&binary.file); // ranks may share one
    for (const ManifestBinary &binary : rank.binaries)
      if (!binary.weights.file.empty())
        files.push_back(&binary.weights);
    if (manifest.weightsKind == "pack")
      files.push_back(&rank.weights);
  }
  for (const ManifestFile &file : manifest.files)
    files.push_back(&file);
  return files;
}

/// Where a file is that has the size the manifest gives.
Expected<FileRange> locate(const ArtifactSource &source, const ManifestFile &file) {
  PLAIT_ASSIGN_OR_RETURN(FileRange range, source.find(file.file));
  if (range.bytes != file.bytes)
    return corrupt(printable(range.label) + ": found " + std::to_string(range.bytes) + " bytes; expected a file of " +
                   std::to_string(file.bytes) + " bytes; the artifact is damaged, compile the model again");
  return range;
}

Status checkDigest(const ArtifactSource &source, const ManifestFile &file) {
  PLAIT_ASSIGN_OR_RETURN(FileRange range, locate(source, file));
  PLAIT_ASSIGN_OR_RETURN(std::string digest, digestOfFile(range));
  if (digest != file.digest)
    return corrupt(printable(range.label) + ": found digest " + digest + "; expected " + file.digest +
                   "; the file was damaged or replaced, compile the model again");
  return Status::success();
}

struct ImageSearch {
  uintptr_t inside; // an address of the wanted binary
  std::vector<LoadedImage::Segment> segments;
};

int collectSegments(dl_phdr_info *info, size_t, void *data) {
  auto &search = *static_cast<ImageSearch *>(data);
  std::vector<LoadedImage::Segment> segments;
  bool wanted = false;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto &header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD || !(header.p_flags & PF_R))
      continue;
    uintptr_t begin = info->dlpi_addr + header.p_vaddr, end = begin + header.p_memsz;
    wanted |= search.inside >= begin && search.inside < end;
    segments.push_back(
        {reinterpret_cast<const char *>(begin), reinterpret_cast<const char *>(end), (header.p_flags & PF_X) != 0});
  }
  if (wanted)
    search.segments = std::move(segments);
  return wanted;
}

} // namespace

Expected<std::shared_ptr<const Model>> Model::open(const std::string &artifact, const ModelOptions &options) {
  PLAIT_ASSIGN_OR_RETURN(ArtifactSource source, ArtifactSource::open(artifact));
  return open(std::move(source), options);
}

Status Model::agreeToOpen(const ModelOptions &options, const Status &part) {
  Status own = part;
  if (options.group)
    own = options.group->agree(own, "open the model");
  Status all = own;
  for (const std::shared_ptr<RankGroup> &link : options.links)
    if (Status status = link->agree(own, "open the model"); all)
      all = std::move(status);
  return all;
}

Expected<std::shared_ptr<const Model>> Model::open(ArtifactSource source, const ModelOptions &options) {
  Expected<std::shared_ptr<const Model>> opened = openRank(std::move(source), options);
  PLAIT_RETURN_IF_ERROR(agreeToOpen(options, opened.status()));
  if (options.group && options.draft.empty())
    PLAIT_RETURN_IF_ERROR(options.group->split((*opened)->tables()));
  return opened;
}

Expected<std::shared_ptr<const Model>> Model::openRank(ArtifactSource source, const ModelOptions &options) {
  std::shared_ptr<Model> model(new Model);
  model->files = std::move(source);
  const std::string &artifact = model->path();
  PLAIT_ASSIGN_OR_RETURN(model->info, readManifest(model->files));
  const Manifest &info = model->info;
  for (const ManifestFile *file : filesOf(info))
    PLAIT_RETURN_IF_ERROR(locate(model->files, *file).status());
  const Mesh &mesh = info.mesh();
  bool hasReplica = options.replica >= 0 && options.replica < mesh.allReplicas();
  int64_t ranks = mesh.ranksOf(hasReplica ? options.replica : 0);
  if (options.rank < 0 || options.rank >= ranks || !hasReplica)
    return invalidArgument(printable(artifact) + ": found a model of " + std::to_string(ranks) +
                           " ranks; expected one with a rank " + std::to_string(options.rank));
  model->ownPlace = {options.replica, options.rank, mesh.firstProgramOf(options.replica) + options.rank};
  model->rankGroup = options.group;
  model->rankLinks = options.links;
  model->handoverLink = options.handover;
  model->draftFolder = options.draft;
  if (!info.triple.empty() && info.triple.substr(0, info.triple.find('-')) != kHostArch)
    return unsupported(printable(artifact) + ": found code for " + printable(info.triple) + "; this machine is " +
                       std::string(kHostArch) + "; compile the model for this machine");
  // Before the binary is loaded: even its start-up code may use the features.
  PLAIT_RETURN_IF_ERROR(model->chooseBinary(options));
  // It is small, and damaged code does not fail but runs.
  PLAIT_RETURN_IF_ERROR(checkDigest(model->files, model->binary().file));
  PLAIT_RETURN_IF_ERROR(model->loadBinary());
  PLAIT_RETURN_IF_ERROR(model->checkBelongsTogether());
  PLAIT_RETURN_IF_ERROR(checkCpuFeatures(model->model->isa).withContext(printable(artifact)));
  if (options.loadWeights)
    PLAIT_RETURN_IF_ERROR(model->loadWeights(options));
  if (model->gpu && gpuOf(*model->model)) {
    if (model->binary().gpu != model->model->gpu->chip)
      return corrupt(printable(artifact) + ": found code for " + printable(model->model->gpu->chip) + " in " +
                     model->binary().file.file + "; expected " + printable(model->binary().gpu) +
                     ", as manifest.json says; the files of the artifact do not belong together");
    PLAIT_ASSIGN_OR_RETURN(model->program, cuda::Program::load(model->gpu, *model->model));
  }
  return std::shared_ptr<const Model>(std::move(model));
}

Status Model::openFor(const ManifestBinary &binary, const ModelOptions &options) {
  std::string lack = cpuShortage(binary.isa);
  if (!lack.empty())
    return unsupported("this CPU " + lack);
  if (binary.gpu.empty() || !options.loadWeights)
    return Status::success(); // tables can be read anywhere
  int64_t worldRank =
      options.worldRank < 0 ? info.mesh().leaderOf(ownPlace.replica) + ownPlace.rank : options.worldRank;
  PLAIT_ASSIGN_OR_RETURN(gpu, cuda::Gpu::open(binary.gpu, worldRank));
  return Status::success();
}

Status Model::chooseBinary(const ModelOptions &options) {
  const std::string &target = options.target;
  std::string names, lacks;
  Status gpuLack;
  for (chosen = 0; chosen < part().binaries.size(); ++chosen) {
    const ManifestBinary &binary = part().binaries[chosen];
    std::string name = printable(binary.target, 80);
    names += (names.empty() ? "" : ", ") + name;
    if (!target.empty() && binary.target != target)
      continue;
    Status lack = openFor(binary, options);
    if (lack)
      return Status::success();
    if (!binary.gpu.empty())
      gpuLack = lack;
    else
      lacks += (lacks.empty() ? "" : ", ") + name + ", for which " + printable(lack.message());
  }
  chosen = 0;
  if (!gpuLack && lacks.empty())
    return gpuLack.withContext(printable(path()));
  if (lacks.empty())
    return notFound(printable(path()) + ": found code for " + names + "; expected code for " + printable(target, 80) +
                    ", which was asked for; compile the model for it");
  return unsupported(printable(path()) + ": found code for " + lacks + "; expected code for " + cpuName() +
                     "; compile the model for this machine");
}

Status Model::loadBinary() {
  PLAIT_ASSIGN_OR_RETURN(FileRange file, files.find(binary().file.file));
  const std::string &path = file.label;
  PLAIT_ASSIGN_OR_RETURN(library, Library::load(file));
  void *symbol = library.symbol(PLAIT_MODEL_QUERY_SYMBOL);
  if (!symbol)
    return corrupt(printable(path) + ": found a shared object without " PLAIT_MODEL_QUERY_SYMBOL
                                     "; expected a Plait model binary");
  auto query = reinterpret_cast<plait_model_query_fn>(symbol);
  if (!query(PLAIT_ABI_VERSION, 0))
    return unsupported(printable(path) + ": found a model built for a newer ABI; this runtime reads ABI " +
                       std::to_string(PLAIT_ABI_VERSION) +
                       "; update Plait, or recompile it with the plait-compile of this version");
  model = query(PLAIT_ABI_VERSION, int32_t(ownPlace.program));
  if (!model)
    return corrupt(printable(path) + ": found no tables of rank " + std::to_string(ownPlace.program) +
                   "; expected those of " + std::to_string(info.ranks.size()) + " ranks");
  ImageSearch search{reinterpret_cast<uintptr_t>(symbol), {}};
  dl_iterate_phdr(collectSegments, &search);
  return checkTables(model, LoadedImage(std::move(search.segments))).withContext(printable(path));
}

/// A manifest beside another model's binary would give wrong token ranges.
Status Model::checkBelongsTogether() const {
  struct {
    const char *what;
    int64_t manifest, binary;
  } pairs[] = {{"vocabulary", info.vocabulary, model->vocabulary},
               {"layers", info.layers, model->layers},
               {"max_positions", info.maxPositions, model->max_positions},
               {"rank", ownPlace.rank, model->rank},
               {"ranks", int64_t(ranks()), model->ranks}};
  for (const auto &pair : pairs)
    if (pair.manifest != pair.binary)
      return corrupt(printable(path()) + ": found " + pair.what + " " + std::to_string(pair.manifest) +
                     " in manifest.json and " + std::to_string(pair.binary) + " in " + binary().file.file +
                     "; the files of the artifact do not belong together");
  ReplicaRole role = info.mesh().roleOf(ownPlace.replica);
  return role == ReplicaRole::all
             ? Status::success()
             : checkHandoverPlan(info.handover, *model, role == ReplicaRole::prefill).withContext(printable(path()));
}

Status Model::loadWeights(const ModelOptions &options) {
  if (info.weightsKind == "none")
    return unsupported(printable(path()) + ": found an artifact without weights; expected weights to run with; "
                                           "compile the model with --weights checkpoint or --weights random");
  if (info.weightsKind == "random") {
    unsigned threads = options.threads ? options.threads : physicalCores();
    PLAIT_ASSIGN_OR_RETURN(pack, Weights::random(info.weightsSeed, *model, threads, options.progress));
    return Status::success();
  }
  const ManifestFile &weights = binary().weights.file.empty() ? part().weights : binary().weights;
  PLAIT_ASSIGN_OR_RETURN(FileRange file, files.find(weights.file));
  PLAIT_ASSIGN_OR_RETURN(pack, Weights::map(file, *model));
  return Status::success();
}

Expected<std::vector<FileCheck>> Model::verify(const ArtifactSource &source) {
  PLAIT_ASSIGN_OR_RETURN(FileRange file, source.find("manifest.json"));
  PLAIT_ASSIGN_OR_RETURN(std::string text, readFile(file));
  PLAIT_ASSIGN_OR_RETURN(Manifest manifest, parseManifest(text, file.label));
  std::vector<FileCheck> checks;
  if (source.isExecutable())
    checks.push_back({"program", source.program().bytes, source.checkProgram()});
  checks.push_back({"manifest.json", text.size(), checkSeal(text, file.label)});
  for (const ManifestFile *file : filesOf(manifest))
    checks.push_back({file->file, file->bytes, checkDigest(source, *file)});
  return checks;
}

RankCommunicators Model::communicators() const {
  if (!rankGroup)
    return {};
  return draftFolder.empty() ? rankGroup->communicators() : RankCommunicators{rankGroup->first(int(ranks())), {}};
}

Expected<const plait_plan_v2_t *> Model::plan(std::string_view variant) const {
  if (const plait_plan_v2_t *found = findPlan(*model, variant))
    return found;
  std::string names;
  for (int32_t i = 0; i < model->plan_count; ++i)
    names += (i ? ", " : "") + std::string(model->plans[i].name);
  return notFound(printable(path()) + ": found no variant '" + std::string(variant) +
                  "'; the model has: " + (names.empty() ? "none" : names));
}

Expected<std::vector<const plait_plan_v2_t *>> Model::plans(const std::string &variant) const {
  PLAIT_ASSIGN_OR_RETURN(const plait_plan_v2_t *first, plan(variant.empty() ? info.strategy : variant));
  std::vector<const plait_plan_v2_t *> all = {first};
  for (const plait_plan_v2_t &other : std::span(model->plans, size_t(model->plan_count)))
    if (&other != first && other.name != info.strategy && !other.has_logits)
      all.push_back(&other);
  return all;
}

Expected<std::optional<FileRange>> Model::file(std::string_view name) const {
  for (const ManifestFile &file : info.files)
    if (file.file == name) {
      PLAIT_ASSIGN_OR_RETURN(FileRange range, locate(files, file));
      return std::optional<FileRange>(std::move(range));
    }
  return std::optional<FileRange>();
}
