//===- Inspect.cpp - plait inspect: what an artifact holds ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Model.h"
#include "runtime/core/Tables.h"
#include "runtime/decode/StrategyChoice.h"
#include "runtime/device/cpu/Executor.h"
#include "runtime/device/cpu/Isa.h"
#include "tools/plait/Cache.h"
#include "tools/plait/Commands.h"
#include "tools/plait/Console.h"
#include "tools/plait/InspectDrafts.h"
#include "tools/plait/InspectKernels.h"
#include "tools/plait/InspectMesh.h"
#include "tools/plait/InspectStaged.h"
#include "tools/plait/TableText.h"

#include <fmt/format.h>

using namespace plait;

namespace {

struct InspectTexts {
  std::string path;
  bool json = false, plan = false, memory = false, kernels = false;
};

int64_t arenaBytesFor(const plait_plan_v2_t &plan, int64_t tokens) { return arenaBytes(plan, {tokens, 1, 1, 1, 1}); }

std::string planText(const plait_model_v4_t &m, const plait_plan_v2_t &plan) {
  std::string text = fmt::format("\nplan {}\n", plan.name);
  for (int32_t i = 0; i < plan.slot_count; ++i)
    text += fmt::format("  slot{} = {} bytes\n", i, extentText(plan.slots[i]));
  for (int32_t i = 0; i < plan.launch_count; ++i) {
    const plait_launch_v3_t &launch = plan.launches[i];
    bool loop = launch.layer_end - launch.layer_begin > 1;
    if (loop && launch.loop_begin)
      text += fmt::format("  for layer in [{}, {})\n", launch.layer_begin, launch.layer_end);
    std::string args;
    for (int32_t a = 0; a < launch.arg_count; ++a)
      args += (a ? ", " : "") + argText(m, plan.args[launch.first_arg + a]);
    text +=
        fmt::format("  {}{:3} {} {}({})", loop ? "  " : "", i, barrierSign(launch), launchName(m, plan, launch), args);
    if (!loop && launch.layer_begin)
      text += fmt::format(" layer {}", launch.layer_begin);
    if (launch.kernel < 0)
      text += " of " + collectiveText(plan.collectives[-1 - launch.kernel]);
    text += fmt::format("{}  // {}\n", launch.redundant ? " by each thread" : "", sourceName(m, launch));
  }
  return text;
}

/// The code that there is, the best first, and what keeps this CPU from running it.
std::string binariesText(const Manifest &manifest) {
  std::string text;
  for (const ManifestBinary &binary : manifest.ranks.front().binaries) {
    std::string shortage = cpuShortage(binary.isa);
    text += fmt::format("{:<10} {}: {}{}{}\n", text.empty() ? "code" : "", printable(binary.target, 80),
                        binary.gpu.empty() ? "" : "GPU, and a host with ",
                        binary.isa.empty() ? "(baseline)" : printable(binary.isa),
                        shortage.empty() ? "" : "; this CPU " + printable(shortage));
  }
  return text;
}

/// What each of several ranks has of the weights.
std::string ranksText(const Manifest &manifest) {
  std::string text = meshLine(manifest.mesh());
  if (manifest.ranks.size() == 1)
    return text;
  text += fmt::format("ranks      {}", manifest.ranks.size());
  if (manifest.weightsKind == "pack")
    for (const ManifestRank &rank : manifest.ranks)
      text += fmt::format("{} {}", &rank == &manifest.ranks.front() ? ", packs of" : ",",
                          bytesText(int64_t(rank.weights.bytes)));
  return text + "; below that of rank 0\n";
}

/// Strategies that draft, what their text is worth, and the models that they draft with.
std::string strategiesText(const std::string &path, const Manifest &manifest) {
  std::string text;
  for (const ManifestStrategy &strategy : manifest.strategies) {
    Expected<std::shared_ptr<const RoundProgram>> program = readStrategy(strategy);
    text += fmt::format("{:<10} {}: {}\n", text.empty() ? "strategies" : "", printable(strategy.call),
                        program ? "exact " + printable((*program)->exact, 80) : program.status().message());
  }
  for (const auto &[name, folder] : manifest.models) {
    Expected<ArtifactSource> source = ArtifactSource::open(path + "/" + folder);
    Expected<Manifest> draft = source ? readManifest(*source) : source.status();
    std::string place = draft ? draftPlaceText(draft->mesh(), manifest.mesh()) : draft.status().message();
    text += fmt::format("draft      {} in {}/{}{}\n", printable(name, 80), printable(folder), place.empty() ? "" : ", ",
                        place);
  }
  return text;
}

std::string summaryText(const std::string &path, const Manifest &manifest) {
  return fmt::format("model      {} ({}), {} parameters\n"
                     "shape      {} layers, hidden {}, vocabulary {}, context {}\n"
                     "target     {}\n"
                     "{}"
                     "numerics   {}, strategy {}\n"
                     "{}"
                     "weights    {} {}\n"
                     "{}"
                     "compiler   {}\n"
                     "generation temperature {}, top_k {}, top_p {}, min_p {}, eos [{}]\n",
                     manifest.name, manifest.family, manifest.parameters, manifest.layers, manifest.hidden,
                     manifest.vocabulary, manifest.maxPositions, manifest.triple, binariesText(manifest),
                     manifest.numerics, manifest.strategy, strategiesText(path, manifest), manifest.weightsKind,
                     manifest.weightsFormat, ranksText(manifest), manifest.compilerVersion, manifest.temperature,
                     manifest.topK, manifest.topP, manifest.minP, fmt::join(manifest.eos, ", "));
}

std::string tablesText(const plait_model_v4_t &m) {
  std::string text = kernelsText(m);
  text += fmt::format("\nweights ({})\n", m.weight_count);
  for (int32_t i = 0; i < m.weight_count; ++i) {
    const plait_weight_v4_t &w = m.weights[i];
    std::string shape =
        w.layers > 1 ? fmt::format("{} x [{}, {}]", w.layers, w.rows, w.cols) : fmt::format("[{}, {}]", w.rows, w.cols);
    text += fmt::format("  {:<24} {:<22} {:<4} {:<16} {:>11}  {}{}\n", w.name, shape, dtypeName(w.dtype), layoutText(w),
                        bytesText(w.layers * int64_t(w.layer_bytes)), w.source, partText(w));
  }
  text += fmt::format("\nstates ({})\n", m.state_count);
  for (int32_t i = 0; i < m.state_count; ++i)
    text += fmt::format("  {:<24} {} layers, pages of {} positions and {} bytes{}, page table {}\n", m.states[i].name,
                        m.states[i].layers, m.states[i].page_tokens, m.states[i].page_bytes,
                        m.states[i].window ? fmt::format(", window {}", m.states[i].window) : "", m.states[i].table);
  text += fmt::format("\nvariants ({})\n", m.plan_count);
  for (int32_t i = 0; i < m.plan_count; ++i)
    text += fmt::format("  {:<24} {} launches{}\n", m.plans[i].name, m.plans[i].launch_count,
                        m.plans[i].has_logits ? ", returns logits" : "");
  return text;
}

std::string ledgerText(const plait_model_v4_t &m) {
  std::string text = "\nmemory\n";
  text += fmt::format("  weights                  {}\n", bytesText(int64_t(m.pack_bytes)));
  StateBytes state = stateBytes(m);
  text += fmt::format("  state per position       {}\n", bytesText(state.perPosition));
  if (state.windows)
    text += fmt::format("  state of the windows     {}\n", bytesText(state.windows));
  text +=
      fmt::format("  state of the full context {}\n", bytesText(state.perPosition * m.max_positions + state.windows));
  for (int32_t i = 0; i < m.plan_count; ++i)
    text += fmt::format("  arena of {:<15} {} for 1 token, {} for 512\n", m.plans[i].name,
                        bytesText(arenaBytesFor(m.plans[i], 1)), bytesText(arenaBytesFor(m.plans[i], 512)));
  return text;
}

Json planJson(const plait_model_v4_t &m, const plait_plan_v2_t &plan) {
  Json result = {{"name", plan.name}, {"has_logits", plan.has_logits != 0}};
  result["slots"] = Json::array();
  for (int32_t i = 0; i < plan.slot_count; ++i)
    result["slots"].push_back(extentText(plan.slots[i]));
  result["launches"] = Json::array();
  for (int32_t i = 0; i < plan.launch_count; ++i) {
    const plait_launch_v3_t &launch = plan.launches[i];
    Json args = Json::array();
    for (int32_t a = 0; a < launch.arg_count; ++a)
      args.push_back(argText(m, plan.args[launch.first_arg + a]));
    Json row = {{"kernel", launchName(m, plan, launch)}, {"args", args},
                {"barrier", launch.barrier != 0},        {"layers", {launch.layer_begin, launch.layer_end}},
                {"loop_begin", launch.loop_begin != 0},  {"source", sourceName(m, launch)}};
    if (launch.barrier == 2)
      row["if_shared"] = true;
    if (launch.redundant)
      row["redundant"] = true;
    if (launch.kernel < 0)
      row["elements"] = collectiveText(plan.collectives[-1 - launch.kernel]);
    result["launches"].push_back(std::move(row));
  }
  return result;
}

Json tablesJson(const plait_model_v4_t &m) {
  Json result = {
      {"abi_version", m.abi_version}, {"name", m.name}, {"isa", m.isa}, {"rank", m.rank}, {"ranks", m.ranks}};
  for (const char *key : {"kernels", "weights", "states", "plans"})
    result[key] = Json::array();
  for (int32_t i = 0; i < m.kernel_count; ++i) {
    Json row = {{"name", m.kernels[i].name}, {"tiles", tilesText(m.kernels[i])}};
    if (Json gpu = gpuKernelJson(m, i); !gpu.is_null())
      row = {{"name", m.kernels[i].name}, {"gpu", std::move(gpu)}};
    result["kernels"].push_back(std::move(row));
  }
  for (int32_t i = 0; i < m.weight_count; ++i) {
    const plait_weight_v4_t &w = m.weights[i];
    result["weights"].push_back({{"name", w.name},
                                 {"source", w.source},
                                 {"layers", w.layers},
                                 {"layer_first", w.layer_first},
                                 {"layer_step", w.layer_step},
                                 {"shape", {w.rows, w.cols}},
                                 {"begin", {w.row_begin, w.col_begin}},
                                 {"source_shape", {w.source_rows, w.source_cols}},
                                 {"dtype", dtypeName(w.dtype)},
                                 {"layout", layoutText(w)},
                                 {"scale_group", w.scale_group},
                                 {"zero_points", w.zero_points != 0},
                                 {"transposed", w.transposed != 0},
                                 {"offset", w.pack_offset},
                                 {"layer_bytes", w.layer_bytes}});
  }
  for (int32_t i = 0; i < m.state_count; ++i)
    result["states"].push_back({{"name", m.states[i].name},
                                {"layers", m.states[i].layers},
                                {"page_tokens", m.states[i].page_tokens},
                                {"page_bytes", m.states[i].page_bytes},
                                {"window", m.states[i].window},
                                {"table", m.states[i].table}});
  for (int32_t i = 0; i < m.plan_count; ++i)
    result["plans"].push_back(planJson(m, m.plans[i]));
  StateBytes state = stateBytes(m);
  result["memory"] = {
      {"weights", m.pack_bytes}, {"state_per_position", state.perPosition}, {"state_of_windows", state.windows}};
  return result;
}

int inspectAction(const InspectTexts &texts) {
  Expected<ResolvedArtifact> artifact = resolveArtifact(texts.path, {});
  if (!artifact)
    return fail(artifact.status());
  // The manifest is worth seeing even where the binary cannot be loaded.
  Expected<ArtifactSource> source = ArtifactSource::open(artifact->path);
  if (!source)
    return fail(source.status());
  Expected<Manifest> manifest = readManifest(*source);
  if (!manifest)
    return fail(manifest.status());
  auto model = Model::open(*source, {.threads = 1, .loadWeights = false});
  Json memory;
  if (texts.memory && model) {
    std::vector<std::shared_ptr<const Model>> programs = {*model};
    const Mesh &mesh = manifest->mesh();
    for (int64_t program = 1; program < mesh.programs(); ++program) {
      int64_t replica = program < mesh.prefillRanks ? 0 : mesh.prefillReplicas;
      auto other = Model::open(*source, {.threads = 1,
                                         .loadWeights = false,
                                         .rank = int(program - mesh.firstProgramOf(replica)),
                                         .replica = int(replica)});
      if (!other)
        return fail(other.status());
      programs.push_back(*other);
    }
    memory = memoryJson(programs);
    Expected<std::vector<DraftPart>> drafts = draftParts(**model);
    if (!drafts)
      return fail(drafts.status().withContext("draft model"));
    memory["drafts"] = draftMemoryJson(*drafts);
    Expected<Json> staged = stagedJson(programs, *drafts);
    if (!staged)
      return fail(staged.status());
    memory["staged"] = staged.take();
  }
  Output out;
  if (texts.json) {
    Json result = {{"path", artifact->path}, {"manifest", manifest->raw}};
    result["tables"] = model ? tablesJson((*model)->tables()) : Json(nullptr);
    if (texts.memory)
      result["memory"] = memory;
    out.write(result.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  } else {
    std::string text = summaryText(artifact->path, *manifest);
    if (model && texts.memory) {
      text += "\n" + memoryText(*manifest, memory) + draftMemoryText(memory["drafts"]) + stagedText(memory["staged"]);
    } else if (model && texts.kernels) {
      text = kernelsText((*model)->tables()).substr(1);
    } else if (model) {
      const plait_model_v4_t &tables = (*model)->tables();
      text += tablesText(tables) + ledgerText(tables) + handoverText(*manifest);
      for (int32_t i = 0; texts.plan && i < tables.plan_count; ++i)
        text += planText(tables, tables.plans[i]);
    }
    out.write(text);
  }
  if (int code = out.exitCode())
    return code;
  return model ? exitSuccess : fail(model.status());
}

} // namespace

void plait::addInspectCommand(CLI::App &app, Action &action) {
  auto texts = std::make_shared<InspectTexts>();
  CLI::App *inspect = app.add_subcommand("inspect", "Show what a compiled model holds");
  inspect->add_option("PATH", texts->path, "a compiled model, or a Hugging Face folder or GGUF file to compile")
      ->required();
  inspect->add_flag("--json", texts->json, "everything as JSON");
  inspect->add_flag("--plan", texts->plan, "the launches of each variant too");
  inspect->add_flag("--kernels", texts->kernels, "only the kernels, and what they take of a GPU");
  inspect->add_flag("--memory", texts->memory,
                    "bytes of each rank, and those that strategies stage, instead of the tables");
  inspect->callback([texts, &action] { action = [texts] { return inspectAction(*texts); }; });
}
