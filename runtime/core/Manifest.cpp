//===- Manifest.cpp - manifest.json of an artifact ------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Manifest.h"

#include <algorithm>
#include <cmath>

using namespace plait;

namespace {

bool isDigest(const std::string &text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Expected<ManifestFile> readFileEntry(const JsonView &view) {
  ManifestFile entry;
  PLAIT_ASSIGN_OR_RETURN(JsonView name, view.get("file"));
  PLAIT_ASSIGN_OR_RETURN(entry.file, name.asString());
  if (!isPlainFileName(entry.file))
    return name.error("the plain name of a file inside the artifact");
  PLAIT_ASSIGN_OR_RETURN(entry.bytes, view.getInt("bytes", 0));
  PLAIT_ASSIGN_OR_RETURN(JsonView digest, view.get("digest"));
  PLAIT_ASSIGN_OR_RETURN(entry.digest, digest.asString());
  if (!isDigest(entry.digest))
    return digest.error("32 lower-case hex digits");
  return entry;
}

Expected<std::vector<ManifestFile>> readFileList(const JsonView &root, const char *key) {
  std::vector<ManifestFile> files;
  if (!root.has(key))
    return files;
  PLAIT_ASSIGN_OR_RETURN(JsonView list, root.get(key));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> entries, list.asArray());
  for (const JsonView &entry : entries) {
    PLAIT_ASSIGN_OR_RETURN(ManifestFile file, readFileEntry(entry));
    files.push_back(std::move(file));
  }
  return files;
}

Expected<float> readProbability(const JsonView &view, const char *key, double absent) {
  PLAIT_ASSIGN_OR_RETURN(double value, view.getDouble(key, absent));
  if (!(value >= 0 && value <= 1))
    return view.get(key)->error("a number from 0 to 1");
  return float(value);
}

Status readModel(const JsonView &root, Manifest &manifest) {
  PLAIT_ASSIGN_OR_RETURN(JsonView model, root.get("model"));
  PLAIT_ASSIGN_OR_RETURN(manifest.name, model.getString("name"));
  PLAIT_ASSIGN_OR_RETURN(manifest.family, model.getString("family", ""));
  PLAIT_ASSIGN_OR_RETURN(manifest.vocabulary, model.getInt("vocabulary", 1, INT32_MAX));
  PLAIT_ASSIGN_OR_RETURN(manifest.hidden, model.getInt("hidden", 0, INT32_MAX, 0));
  PLAIT_ASSIGN_OR_RETURN(manifest.layers, model.getInt("layers", 0, INT32_MAX));
  PLAIT_ASSIGN_OR_RETURN(manifest.maxPositions, model.getInt("max_positions", 1, INT32_MAX));
  PLAIT_ASSIGN_OR_RETURN(manifest.parameters, model.getInt("parameters", 0, INT64_MAX, 0));
  return Status::success();
}

Status readTarget(const JsonView &root, Manifest &manifest) {
  PLAIT_ASSIGN_OR_RETURN(JsonView target, root.get("target"));
  PLAIT_ASSIGN_OR_RETURN(JsonView kind, target.get("kind"));
  PLAIT_ASSIGN_OR_RETURN(std::string kindName, kind.asString());
  if (kindName != "cpu" && kindName != "cuda")
    return unsupported(kind.error("\"cpu\" or \"cuda\", the targets of this runtime").message());
  PLAIT_ASSIGN_OR_RETURN(manifest.triple, target.getString("triple", ""));
  PLAIT_ASSIGN_OR_RETURN(manifest.numerics, root.getString("numerics", ""));
  PLAIT_ASSIGN_OR_RETURN(manifest.strategy, root.getString("strategy", ""));
  return Status::success();
}

/// Binaries and pack, which an artifact of one rank has at its root.
Status readRank(const JsonView &part, Manifest &manifest) {
  ManifestRank &rank = manifest.ranks.emplace_back();
  PLAIT_ASSIGN_OR_RETURN(JsonView list, part.get("binaries"));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> entries, list.asArray());
  for (const JsonView &entry : entries) {
    ManifestBinary binary;
    PLAIT_ASSIGN_OR_RETURN(binary.target, entry.getString("target"));
    PLAIT_ASSIGN_OR_RETURN(binary.isa, entry.getString("isa"));
    PLAIT_ASSIGN_OR_RETURN(binary.file, readFileEntry(entry));
    PLAIT_ASSIGN_OR_RETURN(binary.explain, entry.getString("explain", ""));
    PLAIT_ASSIGN_OR_RETURN(binary.gpu, entry.getString("gpu", ""));
    if (manifest.weightsKind == "pack" && entry.has("weights")) {
      PLAIT_ASSIGN_OR_RETURN(JsonView weights, entry.get("weights"));
      PLAIT_ASSIGN_OR_RETURN(binary.weights, readFileEntry(weights));
    }
    rank.binaries.push_back(std::move(binary));
  }
  if (rank.binaries.empty())
    return list.error("the binary of at least one target");
  if (manifest.weightsKind == "pack") {
    PLAIT_ASSIGN_OR_RETURN(JsonView weights, part.get("weights"));
    PLAIT_ASSIGN_OR_RETURN(rank.weights, readFileEntry(weights));
  }
  return Status::success();
}

Status readPhase(const JsonView &phases, const char *name, int64_t &replicas, int64_t &ranks) {
  PLAIT_ASSIGN_OR_RETURN(JsonView phase, phases.get(name));
  PLAIT_ASSIGN_OR_RETURN(ranks, phase.getInt("ranks", 1, kMostRanks));
  PLAIT_ASSIGN_OR_RETURN(replicas, phase.getInt("replicas", 1, kMostRanks / ranks));
  return Status::success();
}

Status readRanks(const JsonView &root, Manifest &manifest) {
  PLAIT_ASSIGN_OR_RETURN(int64_t count, root.getInt("ranks", 1, 2 * kMostRanks, 1));
  Mesh &mesh = manifest.ranksMesh;
  if (root.has("phases")) {
    PLAIT_ASSIGN_OR_RETURN(JsonView phases, root.get("phases"));
    PLAIT_RETURN_IF_ERROR(readPhase(phases, "prefill", mesh.prefillReplicas, mesh.prefillRanks));
    PLAIT_RETURN_IF_ERROR(readPhase(phases, "decode", mesh.replicas, mesh.ranks));
    if (mesh.programs() != count || mesh.size() > kMostRanks)
      return phases.error("phases of " + std::to_string(count) + " programs, on at most " + std::to_string(kMostRanks) +
                          " ranks");
    PLAIT_ASSIGN_OR_RETURN(JsonView handover, root.get("handover"));
    PLAIT_ASSIGN_OR_RETURN(manifest.handover, readHandoverPlan(handover, mesh));
  } else {
    if (count > kMostRanks)
      return root.get("ranks")->error("1 to " + std::to_string(kMostRanks));
    mesh.ranks = count;
    PLAIT_ASSIGN_OR_RETURN(mesh.replicas, root.getInt("replicas", 1, kMostRanks / count, 1));
  }
  if (count == 1)
    return readRank(root, manifest);
  PLAIT_ASSIGN_OR_RETURN(JsonView list, root.get("parts"));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> parts, list.asArray());
  if (int64_t(parts.size()) != count)
    return list.error("the parts of " + std::to_string(count) + " ranks");
  for (const JsonView &part : parts)
    PLAIT_RETURN_IF_ERROR(readRank(part, manifest));
  return Status::success();
}

Status readWeights(const JsonView &root, Manifest &manifest) {
  PLAIT_ASSIGN_OR_RETURN(JsonView weights, root.get("weights"));
  PLAIT_ASSIGN_OR_RETURN(JsonView kind, weights.get("kind"));
  PLAIT_ASSIGN_OR_RETURN(manifest.weightsKind, kind.asString());
  PLAIT_ASSIGN_OR_RETURN(manifest.weightsFormat, weights.getString("format", ""));
  if (manifest.weightsKind == "random") {
    // A seed of 64 bits may be written as a signed or as an unsigned number.
    PLAIT_ASSIGN_OR_RETURN(JsonView seed, weights.get("seed"));
    if (seed.json().is_number_unsigned()) {
      manifest.weightsSeed = seed.json().get<uint64_t>();
    } else {
      PLAIT_ASSIGN_OR_RETURN(int64_t value, seed.asInt());
      manifest.weightsSeed = uint64_t(value);
    }
  } else if (manifest.weightsKind != "pack" && manifest.weightsKind != "none") {
    return kind.error("\"pack\", \"random\" or \"none\"");
  }
  return Status::success();
}

Status readGeneration(const JsonView &root, Manifest &manifest) {
  if (!root.has("generation"))
    return Status::success();
  PLAIT_ASSIGN_OR_RETURN(JsonView generation, root.get("generation"));
  if (generation.has("bos")) {
    PLAIT_ASSIGN_OR_RETURN(int64_t bos, generation.getInt("bos", 0, manifest.vocabulary - 1));
    manifest.bos = int32_t(bos);
  }
  if (generation.has("eos")) {
    PLAIT_ASSIGN_OR_RETURN(JsonView eos, generation.get("eos"));
    PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> ids, eos.asArray());
    for (const JsonView &id : ids) {
      PLAIT_ASSIGN_OR_RETURN(int64_t value, id.asInt(0, manifest.vocabulary - 1));
      manifest.eos.push_back(int32_t(value));
    }
  }
  PLAIT_ASSIGN_OR_RETURN(double temperature, generation.getDouble("temperature", 1.0));
  if (!(temperature >= 0 && std::isfinite(float(temperature))))
    return generation.get("temperature")->error("a finite number of at least 0");
  manifest.temperature = float(temperature);
  PLAIT_ASSIGN_OR_RETURN(int64_t topK, generation.getInt("top_k", 0, INT32_MAX, 0));
  manifest.topK = int32_t(topK);
  PLAIT_ASSIGN_OR_RETURN(manifest.topP, readProbability(generation, "top_p", 1.0));
  PLAIT_ASSIGN_OR_RETURN(manifest.minP, readProbability(generation, "min_p", 0.0));
  PLAIT_ASSIGN_OR_RETURN(double penalty, generation.getDouble("repetition_penalty", 1.0));
  if (!(penalty >= 0.001 && penalty <= 1000))
    return generation.get("repetition_penalty")->error("a number from 0.001 to 1000");
  manifest.repetitionPenalty = float(penalty);
  PLAIT_ASSIGN_OR_RETURN(manifest.minTokens, generation.getInt("min_tokens", 0, INT32_MAX, 0));
  return Status::success();
}

Status readStrategies(const JsonView &root, Manifest &manifest) {
  if (root.has("models")) {
    PLAIT_ASSIGN_OR_RETURN(JsonView models, root.get("models"));
    PLAIT_ASSIGN_OR_RETURN(auto members, models.asObject());
    for (const auto &[name, view] : members) {
      PLAIT_ASSIGN_OR_RETURN(std::string folder, view.asString());
      if (!isPlainFileName(folder))
        return view.error("the plain name of a folder inside the artifact");
      manifest.models.emplace(name, std::move(folder));
    }
  }
  if (!root.has("strategies"))
    return Status::success();
  PLAIT_ASSIGN_OR_RETURN(JsonView list, root.get("strategies"));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> entries, list.asArray());
  for (const JsonView &entry : entries) {
    ManifestStrategy &strategy = manifest.strategies.emplace_back();
    PLAIT_ASSIGN_OR_RETURN(strategy.call, entry.getString("call"));
    PLAIT_ASSIGN_OR_RETURN(JsonView program, entry.get("program"));
    strategy.program = program.json();
  }
  return Status::success();
}

Status readVariants(const JsonView &root, Manifest &manifest) {
  if (!root.has("variants"))
    return Status::success();
  PLAIT_ASSIGN_OR_RETURN(JsonView list, root.get("variants"));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> entries, list.asArray());
  for (const JsonView &entry : entries) {
    PLAIT_ASSIGN_OR_RETURN(std::string name, entry.getString("name", ""));
    Manifest::Thresholds &least = manifest.thresholds[name];
    PLAIT_ASSIGN_OR_RETURN(least.weaveTokens, entry.getInt("weave_tokens", 0, INT32_MAX, 0));
    PLAIT_ASSIGN_OR_RETURN(least.shareTokens, entry.getInt("share_tokens", 0, INT32_MAX, 0));
  }
  return Status::success();
}

} // namespace

/// Comes first: nothing else is known to hold in another schema.
static Status checkSchema(const Json &manifest, const std::string &label) {
  const std::string expected = "; expected schema " + std::to_string(kManifestSchema) + "; ";
  const auto *object = manifest.get_ptr<const Json::object_t *>();
  if (!object)
    return corrupt(printable(label) + ": found no JSON object" + expected +
                   "the artifact is damaged, compile the model again");
  auto member = std::find_if(object->begin(), object->end(), [](const auto &entry) { return entry.first == "schema"; });
  if (member == object->end())
    return corrupt(printable(label) + ": found no schema" + expected +
                   "this is no manifest of a compiled model, or it is damaged; compile the model again");
  const Json &schema = member->second;
  if (!schema.is_number_integer())
    return corrupt(printable(label) + ": found schema " + printable(schema.dump(), 80) + ", which is no integer" +
                   expected + "the artifact is damaged, compile the model again");
  bool isNewer = schema.is_number_unsigned() && schema.get<uint64_t>() > uint64_t(kManifestSchema);
  if (isNewer)
    return unsupported(printable(label) + ": found schema " + schema.dump() + expected +
                       "the artifact is of a newer Plait, update Plait or compile the model again with this version");
  if (schema.get<int64_t>() != kManifestSchema)
    return unsupported(printable(label) + ": found schema " + schema.dump() + expected +
                       "the artifact is of an older Plait, compile the model again with this version");
  return Status::success();
}

Expected<Manifest> plait::readManifest(const ArtifactSource &source) {
  PLAIT_ASSIGN_OR_RETURN(FileRange file, source.find("manifest.json"));
  PLAIT_ASSIGN_OR_RETURN(std::string text, readFile(file, JsonLimits().maxBytes));
  return parseManifest(text, file.label);
}

Expected<Manifest> plait::parseManifest(std::string_view text, const std::string &path) {
  Manifest manifest;
  PLAIT_ASSIGN_OR_RETURN(manifest.raw, parseJson(text, path));
  PLAIT_RETURN_IF_ERROR(checkSchema(manifest.raw, path));
  JsonView root(manifest.raw, path);
  if (root.has("compiler")) {
    PLAIT_ASSIGN_OR_RETURN(JsonView compiler, root.get("compiler"));
    PLAIT_ASSIGN_OR_RETURN(manifest.compilerVersion, compiler.getString("version", ""));
  }
  PLAIT_RETURN_IF_ERROR(readModel(root, manifest));
  PLAIT_RETURN_IF_ERROR(readTarget(root, manifest));
  PLAIT_RETURN_IF_ERROR(readWeights(root, manifest));
  PLAIT_RETURN_IF_ERROR(readRanks(root, manifest));
  if (root.has("memory")) {
    PLAIT_ASSIGN_OR_RETURN(JsonView memory, root.get("memory"));
    PLAIT_ASSIGN_OR_RETURN(manifest.stateElement, memory.getString("state_element", ""));
  }
  PLAIT_ASSIGN_OR_RETURN(manifest.files, readFileList(root, "files"));
  PLAIT_ASSIGN_OR_RETURN(manifest.inputs, readFileList(root, "inputs"));
  PLAIT_RETURN_IF_ERROR(readGeneration(root, manifest));
  PLAIT_RETURN_IF_ERROR(readStrategies(root, manifest));
  PLAIT_RETURN_IF_ERROR(readVariants(root, manifest));
  return manifest;
}
