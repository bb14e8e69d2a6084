//===- Model.cpp - A model binary, loaded ---------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Model.h"

#include "runtime/base/Digest.h"
#include "runtime/base/File.h"
#include "runtime/core/Tables.h"
#include "runtime/device/cpu/Isa.h"
#include "runtime/device/cpu/Topology.h"

#include <cerrno>
#include <system_error>

#include <dlfcn.h>
#include <link.h>
#include <sys/stat.h>

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
  std::vector<const ManifestFile *> files = {&manifest.binary};
  if (manifest.weightsKind == "pack")
    files.push_back(&manifest.weights);
  for (const ManifestFile &file : manifest.files)
    files.push_back(&file);
  return files;
}

Status checkSize(const std::string &artifact, const ManifestFile &file) {
  std::string path = artifact + "/" + file.file;
  struct stat info;
  if (stat(path.c_str(), &info) != 0) {
    std::string reason = std::error_code(errno, std::generic_category()).message();
    return notFound(printable(path) + ": found nothing to read (" + reason + "); expected a file of " +
                    std::to_string(file.bytes) + " bytes; compile the model again");
  }
  if (!S_ISREG(info.st_mode) || uint64_t(info.st_size) != file.bytes)
    return corrupt(printable(path) + ": found " +
                   (S_ISREG(info.st_mode) ? std::to_string(info.st_size) + " bytes"
                                          : std::string("something that is not a file")) +
                   "; expected a file of " + std::to_string(file.bytes) +
                   " bytes; the artifact is damaged, compile the model again");
  return Status::success();
}

Status checkDigest(const std::string &artifact, const ManifestFile &file) {
  PLAIT_RETURN_IF_ERROR(checkSize(artifact, file));
  std::string path = artifact + "/" + file.file;
  PLAIT_ASSIGN_OR_RETURN(std::string digest, digestOfFile(path));
  if (digest != file.digest)
    return corrupt(printable(path) + ": found digest " + digest + "; expected " + file.digest +
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
  std::shared_ptr<Model> model(new Model);
  model->artifactPath = artifact;
  PLAIT_ASSIGN_OR_RETURN(model->info, readManifest(artifact));
  const Manifest &info = model->info;
  for (const ManifestFile *file : filesOf(info))
    PLAIT_RETURN_IF_ERROR(checkSize(artifact, *file));
  if (!info.triple.empty() && info.triple.substr(0, info.triple.find('-')) != kHostArch)
    return unsupported(printable(artifact) + ": found code for " + printable(info.triple) + "; this machine is " +
                       std::string(kHostArch) + "; compile the model for this machine");
  // Before the binary is loaded: even its start-up code may use the features.
  PLAIT_RETURN_IF_ERROR(checkCpuFeatures(info.isa).withContext(printable(artifact)));
  // It is small, and damaged code does not fail but runs.
  PLAIT_RETURN_IF_ERROR(checkDigest(artifact, info.binary));
  PLAIT_RETURN_IF_ERROR(model->loadBinary());
  PLAIT_RETURN_IF_ERROR(model->checkBelongsTogether());
  PLAIT_RETURN_IF_ERROR(checkCpuFeatures(model->model->isa).withContext(printable(artifact)));
  if (options.loadWeights)
    PLAIT_RETURN_IF_ERROR(model->loadWeights(options));
  return std::shared_ptr<const Model>(std::move(model));
}

Model::~Model() {
  if (library)
    dlclose(library);
}

Status Model::loadBinary() {
  // A name with a slash keeps dlopen from searching the library path.
  std::string path = artifactPath + "/" + info.binary.file;
  if (path.find('/') != 0)
    path = "./" + path;
  library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *reason = dlerror();
    return corrupt(printable(path) + ": found no loadable model binary (" +
                   std::string(reason ? reason : "unknown reason") +
                   "); the artifact is damaged, compile the model again");
  }
  void *symbol = dlsym(library, PLAIT_MODEL_QUERY_SYMBOL);
  if (!symbol)
    return corrupt(printable(path) + ": found a shared object without " PLAIT_MODEL_QUERY_SYMBOL
                                     "; expected a Plait model binary");
  model = reinterpret_cast<plait_model_query_fn>(symbol)(PLAIT_ABI_VERSION);
  if (!model)
    return unsupported(printable(path) + ": found a model built for a newer ABI; this runtime reads ABI " +
                       std::to_string(PLAIT_ABI_VERSION) +
                       "; update Plait, or recompile it with the plait-compile of this version");
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
               {"max_positions", info.maxPositions, model->max_positions}};
  for (const auto &pair : pairs)
    if (pair.manifest != pair.binary)
      return corrupt(printable(artifactPath) + ": found " + pair.what + " " + std::to_string(pair.manifest) +
                     " in manifest.json and " + std::to_string(pair.binary) + " in " + info.binary.file +
                     "; the files of the artifact do not belong together");
  return Status::success();
}

Status Model::loadWeights(const ModelOptions &options) {
  if (info.weightsKind == "none")
    return unsupported(printable(artifactPath) + ": found an artifact without weights; expected weights to run with; "
                                                 "compile the model with --weights checkpoint or --weights random");
  if (info.weightsKind == "random") {
    unsigned threads = options.threads ? options.threads : physicalCores();
    PLAIT_ASSIGN_OR_RETURN(pack, Weights::random(info.weightsSeed, *model, threads, options.progress));
    return Status::success();
  }
  PLAIT_ASSIGN_OR_RETURN(pack, Weights::map(artifactPath + "/" + info.weights.file, *model));
  return Status::success();
}

Expected<std::vector<FileCheck>> Model::verify(const std::string &artifact) {
  std::string path = artifact + "/manifest.json";
  PLAIT_ASSIGN_OR_RETURN(std::string text, readFile(path));
  PLAIT_ASSIGN_OR_RETURN(Manifest manifest, parseManifest(text, path));
  std::vector<FileCheck> checks = {{"manifest.json", text.size(), checkSeal(text, path)}};
  for (const ManifestFile *file : filesOf(manifest))
    checks.push_back({file->file, file->bytes, checkDigest(artifact, *file)});
  return checks;
}

Expected<const plait_plan_v1_t *> Model::plan(std::string_view variant) const {
  if (const plait_plan_v1_t *found = findPlan(*model, variant))
    return found;
  std::string names;
  for (int32_t i = 0; i < model->plan_count; ++i)
    names += (i ? ", " : "") + std::string(model->plans[i].name);
  return notFound(printable(artifactPath) + ": found no variant '" + std::string(variant) +
                  "'; the model has: " + (names.empty() ? "none" : names));
}

std::string Model::filePath(std::string_view name) const {
  for (const ManifestFile &file : info.files)
    if (file.file == name)
      return artifactPath + "/" + file.file;
  return "";
}
