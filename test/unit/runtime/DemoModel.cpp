//===- DemoModel.cpp - The hand-written model as an artifact --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/runtime/DemoModel.h"

#include "plait-abi/Model.h"
#include "runtime/base/Digest.h"
#include "runtime/base/File.h"
#include "runtime/base/RandomWeights.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <stdexcept>

using namespace plait;
using namespace plait::demo;

namespace {

constexpr int64_t kPrime = 65521;
constexpr size_t kEmbedBytes = 1216, kMixBytes = 64, kPackBytes = kEmbedBytes + 3 * kMixBytes + 64;

float embedValue(int64_t token, int64_t col) { return float((token * 5 + col * 11) % 101); }
float mixValue(int64_t layer, int64_t row, int64_t col) { return float((layer * 17 + row * 3 + col * 7) % 31); }
constexpr float kBias = 9;

std::string packBytes() {
  std::string pack(kPackBytes, '\0');
  auto *embed = reinterpret_cast<float *>(pack.data());
  for (int64_t token = 0; token < kVocabulary; ++token)
    for (int64_t col = 0; col < 3; ++col)
      embed[token * 3 + col] = embedValue(token, col);
  for (int64_t layer = 0; layer < kLayers; ++layer) {
    auto *mix = reinterpret_cast<uint16_t *>(pack.data() + kEmbedBytes + size_t(layer) * kMixBytes);
    for (int64_t r = 0; r < 5; ++r)
      for (int64_t c = 0; c < 3; ++c)
        mix[((r / 4 * 2 + c / 2) * 4 + r % 4) * 2 + c % 2] = roundToBf16(mixValue(layer, r, c));
  }
  std::memcpy(pack.data() + kEmbedBytes + 3 * kMixBytes, &kBias, sizeof(kBias));
  return pack;
}

int64_t fixed(float weight) { return int64_t(weight * 64.0f); }
int64_t reduce(int64_t value) { return value < 0 ? -1 : value % kPrime; }

int64_t mixOf(int64_t layer) {
  int64_t sum = 0;
  for (int64_t r = 0; r < 5; ++r)
    for (int64_t c = 0; c < 3; ++c)
      sum += (r + 1) * (c + 2) * fixed(mixValue(layer, r, c));
  return reduce(sum);
}

int64_t scramble(int64_t seed, int64_t value) {
  uint64_t z = uint64_t(seed) * 0x9E3779B97F4A7C15u + uint64_t(value);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  return int64_t((z ^ (z >> 27)) >> 8);
}
int64_t bitsOf(float value) {
  int32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

Json fileEntry(const std::string &name, const std::string &bytes) {
  return {{"file", name}, {"bytes", bytes.size()}, {"digest", digestOf(bytes)}};
}

void check(const Status &status) {
  if (!status)
    throw std::runtime_error(status.message());
}

} // namespace

Next demo::next(const std::vector<int32_t> &tokens, const Sampling &sampling, const std::vector<LogitEdit> &edits) {
  std::vector<size_t> ends(tokens.size());
  std::iota(ends.begin(), ends.end(), 0);
  return nextAt(tokens.size() - 1, ends, tokens, sampling, edits);
}

Next demo::nextAt(size_t at, const std::vector<size_t> &ends, const std::vector<int32_t> &tokens,
                  const Sampling &sampling, const std::vector<LogitEdit> &edits) {
  size_t n = tokens.size();
  std::vector<int64_t> x(n), stored(n);
  bool poisoned = false;
  for (size_t t = 0; t < n; ++t) {
    poisoned |= tokens[t] == kPoison;
    x[t] = reduce(fixed(embedValue(tokens[t], 0)) + 7 * fixed(embedValue(tokens[t], 1)) +
                  13 * fixed(embedValue(tokens[t], 2)));
  }
  for (int64_t layer = 0; layer < kLayers; ++layer) {
    for (size_t t = 0; t < n; ++t)
      stored[t] = reduce(31 * x[t] + 1);
    for (size_t t = 0; t < n; ++t) {
      int64_t sum = 0;
      for (size_t j = 0; j <= ends[t]; ++j)
        sum = reduce(sum + int64_t(j + 1) * stored[j]);
      x[t] = reduce(5 * x[t] + sum + mixOf(layer) + 1);
    }
  }
  for (int64_t layer : {0, 1, 2, 1}) // the second loop, then layer 1 alone
    for (int64_t &value : x)
      value = reduce(3 * value + mixOf(layer) * mixOf(layer) + 2);
  int64_t z = x[at];
  for (size_t j = at + 1 > size_t(kWindow) ? at + 1 - size_t(kWindow) : 0; j <= ends[at]; ++j)
    z = reduce(z + int64_t(j + 3) * reduce(31 * x[j] + 1));
  z = reduce(z + 6 * fixed(kBias));
  if (poisoned)
    return {-1, 0, {}};
  Next result = {int32_t(z % kVocabulary), -float(z), {}};
  for (int64_t v = 0; v < kVocabulary; ++v)
    result.logits.push_back(float(reduce(z + 17 * v)));
  if (sampling.temperature > 0) {
    int64_t mixed = scramble(bitsOf(sampling.temperature), sampling.topK);
    mixed = scramble(mixed, bitsOf(sampling.topP));
    mixed = scramble(mixed, bitsOf(sampling.minP));
    mixed = scramble(mixed, int64_t(sampling.seed));
    mixed = scramble(mixed, int64_t(sampling.sequence));
    mixed = scramble(mixed, int64_t(at));
    result.token = int32_t((result.token + mixed % kVocabulary + kVocabulary) % kVocabulary);
  }
  int64_t token = result.token;
  auto isMasked = [&](int64_t id) {
    return std::any_of(edits.begin(), edits.end(),
                       [&](const LogitEdit &e) { return e.token == id && e.bias == LogitEdit::kMask; });
  };
  for (const LogitEdit &e : edits)
    if (e.bias != LogitEdit::kMask && (e.bias != 0 || e.scale != 1 || e.offset != 0))
      token += scramble(scramble(scramble(e.token, bitsOf(e.bias)), bitsOf(e.scale)), bitsOf(e.offset)) % kVocabulary;
  token = (token % kVocabulary + kVocabulary) % kVocabulary;
  while (token == kPoison || isMasked(token))
    token = (token + 1) % kVocabulary;
  result.token = int32_t(token);
  return result;
}

std::vector<LogitEdit> demo::edits(const std::vector<int32_t> &text, size_t promptLength, const LogitRules &rules,
                                   const std::vector<int32_t> &stops) {
  std::vector<LogitEdit> result;
  for (int32_t id = 0; id < kVocabulary; ++id) {
    LogitEdit edit{.token = id};
    for (auto [token, value] : rules.bias)
      if (token == id)
        edit.bias = value;
    if (std::count(text.begin(), text.end(), id))
      edit.scale = rules.repetition;
    auto count = std::count(text.begin() + ptrdiff_t(promptLength), text.end(), id);
    if (count)
      edit.offset = float(double(rules.presence) + double(rules.frequency) * double(count));
    if (int64_t(text.size() - promptLength) < rules.minTokens && std::count(stops.begin(), stops.end(), id))
      edit.bias = LogitEdit::kMask;
    result.push_back(edit);
  }
  return result;
}

std::vector<int32_t> demo::generate(std::vector<int32_t> prompt, int count, const Sampling &sampling,
                                    const LogitRules &rules, const std::vector<int32_t> &stops) {
  std::vector<int32_t> generated;
  size_t length = prompt.size();
  for (int i = 0; i < count; ++i) {
    int32_t token = next(prompt, sampling, edits(prompt, length, rules, stops)).token;
    if (std::count(stops.begin(), stops.end(), token))
      break;
    generated.push_back(token);
    prompt.push_back(token);
  }
  return generated;
}

std::vector<int32_t> demo::prompt(int length, int salt) {
  std::vector<int32_t> tokens;
  for (int i = 0; i < length; ++i)
    tokens.push_back((i * 37 + salt * 13 + i * i) % (kVocabulary - 1));
  return tokens;
}

Json demo::binaryEntry(const std::string &target, const std::string &isa, const std::string &file,
                       const std::string &contents) {
  Json entry = {{"target", target}, {"isa", isa}};
  entry.update(fileEntry(file, contents));
  return entry;
}

/// From each rank of prefill as many heads as possible; all ranks have all four of them.
static Json handoverOf(const Mesh &mesh) {
  Json heads = {0, 4}, sends = Json::array(), states = Json::array();
  for (int64_t target = 0; target < mesh.ranks; ++target)
    for (int64_t half : {0, 1})
      sends.push_back({(half + target) % mesh.prefillRanks, 2 * half, target, 2 * half, 2});
  std::vector<Json> sourceHeads(size_t(mesh.prefillRanks), heads), targetHeads(size_t(mesh.ranks), heads);
  std::vector<int> sourceBegins(sourceHeads.size(), 0), targetBegins(targetHeads.size(), 0);
  for (int table : {0, 1})
    states.push_back({{"layers", table ? 1 : kLayers},
                      {"table", table},
                      {"source_heads", sourceHeads},
                      {"target_heads", targetHeads},
                      {"planes", Json::array({{{"head_bytes", kPageTokens * 4},
                                               {"source_begins", sourceBegins},
                                               {"target_begins", targetBegins}}})},
                      {"sends", sends}});
  return {{"states", states}};
}

Artifact::Artifact(const Mesh &mesh) : folder(std::filesystem::temp_directory_path() / "plait-demo-XXXXXX") {
  if (!mkdtemp(folder.data()))
    throw std::runtime_error("no temporary folder");
  Expected<std::string> binary = readFile(PLAIT_DEMO_MODEL);
  check(binary.status());
  std::string pack = packBytes();
  check(writeFileAtomic(file("model.so"), *binary));
  check(writeFileAtomic(file("weights.pack"), pack));
  Json weights = fileEntry("weights.pack", pack);
  weights["kind"] = "pack";
  weights["format"] = "bf16";
  Json manifest = {{"schema", kManifestSchema},
                   {"compiler", {{"version", "0.1.0"}, {"llvm", "none"}}},
                   {"model",
                    {{"name", "demo"},
                     {"family", "demo"},
                     {"vocabulary", kVocabulary},
                     {"hidden", 3},
                     {"layers", kLayers},
                     {"max_positions", kMaxPositions},
                     {"parameters", 337}}},
                   {"target", {{"kind", "cpu"}, {"triple", ""}}},
                   {"numerics", "row_invariant"},
                   {"strategy", "ar"},
                   {"binaries", Json::array({binaryEntry("generic", "", "model.so", *binary)})},
                   {"weights", weights},
                   {"files", Json::array()},
                   {"inputs", Json::array()},
                   {"generation", {{"bos", nullptr}, {"eos", Json::array()}, {"temperature", 0.0}}}};
  if (mesh.programs() > 1) {
    manifest.erase("binaries");
    manifest["ranks"] = mesh.programs();
    for (int64_t program = 0; program < mesh.programs(); ++program) {
      bool isPrefill = program < mesh.prefillRanks;
      int64_t rank = isPrefill ? program : program - mesh.prefillRanks;
      bool isAlone = (isPrefill ? mesh.prefillRanks : mesh.ranks) == 1;
      std::string name = isAlone ? "model.so" : "model.rank" + std::to_string(rank) + ".so";
      Expected<std::string> code =
          isAlone ? binary
                  : readFile(std::string(PLAIT_DEMO_RANKS) + "/plait_demo_rank" + std::to_string(rank) + ".so");
      check(code.status());
      check(writeFileAtomic(file(name), *code));
      manifest["parts"].push_back({{"binaries", Json::array({binaryEntry("generic", "", name, *code)})},
                                   {"weights", fileEntry("weights.pack", pack)}});
    }
    manifest["weights"] = {{"kind", "pack"}, {"format", "bf16"}};
  }
  if (mesh.hasPhases()) {
    manifest["phases"] = {{"prefill", {{"replicas", mesh.prefillReplicas}, {"ranks", mesh.prefillRanks}}},
                          {"decode", {{"replicas", mesh.replicas}, {"ranks", mesh.ranks}}}};
    manifest["handover"] = handoverOf(mesh);
  } else if (mesh.replicas > 1) {
    manifest["replicas"] = mesh.replicas;
  }
  check(writeFileAtomic(file("manifest.json"), sealJson(writeJson(manifest))));
}

Artifact::~Artifact() {
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

void Artifact::useGpu() const {
  setenv("PLAIT_CUDA_DRIVER", PLAIT_FAKE_CUDA, /*overwrite=*/1);
  Expected<std::string> binary = readFile(PLAIT_DEMO_GPU);
  check(binary.status());
  check(writeFileAtomic(file("model.so"), *binary));
  edit([&](Json &manifest) {
    manifest["target"]["kind"] = "cuda";
    manifest["binaries"][0] = binaryEntry("sm_90a", "", "model.so", *binary);
    manifest["binaries"][0]["gpu"] = "sm_90a";
  });
}

void Artifact::edit(const std::function<void(Json &)> &change) const {
  Expected<Json> manifest = readJsonFile(file("manifest.json"));
  check(manifest.status());
  manifest->erase("digest");
  change(*manifest);
  std::string text = writeJson(*manifest);
  check(writeFileAtomic(file("manifest.json"), manifest->is_object() ? sealJson(std::move(text)) : text));
}

void Artifact::patch(const std::string &name, size_t offset, const std::string &bytes) const {
  std::fstream stream(file(name), std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(std::streamoff(offset));
  stream.write(bytes.data(), std::streamsize(bytes.size()));
  if (!stream)
    throw std::runtime_error("cannot patch " + name);
}

void Artifact::sign() const {
  Expected<std::string> binary = readFile(file("model.so"));
  check(binary.status());
  edit([&](Json &manifest) { manifest["binaries"][0] = binaryEntry("generic", "", "model.so", *binary); });
}

size_t Artifact::tableOffset() const {
  Expected<std::string> binary = readFile(file("model.so"));
  check(binary.status());
  struct {
    uint64_t size = sizeof(plait_model_v4_t);
    uint32_t version = PLAIT_ABI_VERSION, magic = PLAIT_ABI_MAGIC;
  } head;
  size_t at = binary->find(std::string(reinterpret_cast<char *>(&head), sizeof(head)));
  if (at == std::string::npos)
    throw std::runtime_error("no model table in model.so");
  return at;
}
