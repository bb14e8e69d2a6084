//===- Explain.cpp - plait explain: what was decided, and what it costs ---===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/File.h"
#include "runtime/core/Memory.h"
#include "runtime/core/Tables.h"
#include "tools/plait/Arguments.h"
#include "tools/plait/Cache.h"
#include "tools/plait/Commands.h"
#include "tools/plait/CompileOptions.h"
#include "tools/plait/Console.h"
#include "tools/plait/DecodeOption.h"
#include "tools/plait/ExplainStrategies.h"
#include "tools/plait/ExplainTimeline.h"
#include "tools/plait/Explanation.h"
#include "tools/plait/Session.h"
#include "tools/plait/TableText.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

using namespace plait;

namespace {

constexpr const char *kFooter =
    "Costs are linear in T tokens, R rows (sequences), L leaves (tokens whose successor is\n"
    "chosen) and P positions attended to, summed over the tokens. Times are lower bounds: the\n"
    "larger of weights and state over the machine's read rate, and flops over its f32 rate.";

struct ExplainTexts {
  std::string path, tokens, context, machine, memory, threads, variant, isa;
  std::string timeline, trace, step = "prefill", schedule = "unfused";
  bool json = false, decisions = false;
  CompileOptions compile; ///< `decode` alone
};

struct Request {
  int64_t tokens = 0, context = 0, memory = 0;
  MachinePeak peak;
  bool measured = false;
};

/// "GB/s,GFLOP/s"
Expected<MachinePeak> parseMachine(const std::string &text) {
  size_t comma = text.find(',');
  auto read = parseNumber("", text.substr(0, comma), 1e-3, 1e9);
  auto compute = parseNumber("", comma == std::string::npos ? "" : text.substr(comma + 1), 1e-3, 1e9);
  if (!read || !compute)
    return wrongValue("--machine", text, "two positive numbers with a comma between: GB/s, then GFLOP/s");
  return MachinePeak{*read * 1e9, *compute * 1e9};
}

Expected<Request> parseRequest(const ExplainTexts &texts, int64_t maxPositions) {
  Request request;
  auto number = [&](const char *name, const std::string &text, int64_t absent) -> Expected<int64_t> {
    return text.empty() ? Expected<int64_t>(std::min(absent, maxPositions)) : parseInteger(name, text, 1, maxPositions);
  };
  PLAIT_ASSIGN_OR_RETURN(request.tokens, number("--tokens", texts.tokens, 512));
  PLAIT_ASSIGN_OR_RETURN(request.context, number("--context", texts.context, 1024));
  request.memory = texts.memory.empty() ? availableMemory().bytes : parseBytes(texts.memory);
  if (request.memory < 0)
    return wrongValue("--memory", texts.memory, "bytes, with K, M, G or T for powers of 1024");
  if (!texts.machine.empty()) {
    PLAIT_ASSIGN_OR_RETURN(request.peak, parseMachine(texts.machine));
    return request;
  }
  PLAIT_ASSIGN_OR_RETURN(unsigned threads, parseThreads("--threads", texts.threads));
  request.measured = true;
  PLAIT_ASSIGN_OR_RETURN(request.peak, measurePeak(threads, size_t(256) << 20, /*rounds=*/3));
  return request;
}

/// The variant that is explained, and everything that is known of it.
struct Subject {
  const Model &model;
  const Manifest &manifest;
  const plait_plan_v2_t &plan;
  const Explanation &explanation;
  const std::vector<LaunchCost> &costs; ///< of its launches
  const Json &strategies;
  const Request &request;

  const plait_launch_v3_t &launch(size_t i) const { return plan.launches[i]; }
  int64_t layersOf(size_t i) const { return launch(i).layer_end - launch(i).layer_begin; }
  std::string partOf(size_t i) const { return sourceName(model.tables(), launch(i)); }
  Roofline roofline(size_t i, const StepLoad &load) const {
    return rooflineOf(costs[i], layersOf(i), load, request.peak);
  }
  Roofline total(const StepLoad &load) const {
    Roofline sum;
    for (size_t i = 0; i < costs.size(); ++i) {
      Roofline one = roofline(i, load);
      sum.flops += one.flops;
      sum.bytes += one.bytes;
      sum.seconds += one.seconds;
    }
    return sum;
  }
  MemoryLedger ledger() const {
    return ledgerOf(model.tables(), plan, request.context, request.tokens, request.memory,
                    model.manifest().thresholdsOf(plan.name).shareTokens);
  }
  /// The launch that chooses tokens, and what of a request it reads.
  std::string samplingText() const {
    for (size_t i = 0; i < costs.size(); ++i) {
      if (!costs[i].op.starts_with("decode.choose"))
        continue;
      std::string inputs;
      for (int32_t a = 0; a < launch(i).arg_count; ++a) {
        const plait_arg_v1_t &arg = plan.args[launch(i).first_arg + a];
        if (arg.kind == PLAIT_ARG_INPUT)
          inputs += (inputs.empty() ? "" : ", ") + std::string(inputName(arg.index));
      }
      return costs[i].op + (inputs.empty() ? "" : " with " + inputs);
    }
    return "none";
  }
  /// Launches and barriers of one step, and those of one of few rows, each layer counted.
  std::string launchesText() const {
    int64_t launches = 0, barriers = 0, always = 0;
    for (size_t i = 0; i < costs.size(); ++i) {
      launches += layersOf(i);
      barriers += launch(i).barrier ? layersOf(i) : 0;
      always += launch(i).barrier == 1 ? layersOf(i) : 0;
    }
    return fmt::format("{} launches and {} barriers{}", launches, barriers,
                       always == barriers ? "" : fmt::format(", {} if it has few rows", always));
  }
};

std::string numericsText(const std::string &numerics) {
  if (numerics == "row_invariant")
    return "row_invariant: no bit of a row depends on other rows, on chunks or on threads";
  if (numerics == "tp_invariant")
    return "tp_invariant: no bit of a row depends on the number of ranks, on other rows, on chunks or on threads";
  if (numerics == "fast")
    return "fast: inputs may be rounded, and bits may depend on the machine, the other rows of a step and the number "
           "of ranks";
  return numerics;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

/// The targets whose code is there as well.
std::string otherTargetsText(const Model &model) {
  std::string text;
  for (const ManifestBinary &binary : model.part().binaries)
    if (&binary != &model.binary())
      text += (text.empty() ? " (also for " : ", ") + printable(binary.target, 80);
  return text.empty() ? "" : text + ")";
}

std::string summaryText(const Subject &s) {
  return fmt::format("model      {} ({}), {} parameters\n"
                     "shape      {} layers, hidden {}, vocabulary {}, context {}\n"
                     "compiled   by {} for {} {}{}\n"
                     "numerics   {}\n"
                     "strategy   {}: {}\n"
                     "plan       {} kernels; a step has {}\n",
                     s.manifest.name, s.manifest.family, countText(double(s.manifest.parameters)), s.manifest.layers,
                     s.manifest.hidden, s.manifest.vocabulary, s.manifest.maxPositions, s.manifest.compilerVersion,
                     s.manifest.triple, s.model.binary().target, otherTargetsText(s.model),
                     numericsText(s.manifest.numerics), s.plan.name, s.samplingText(), s.model.tables().kernel_count,
                     s.launchesText());
}

/// Words of a list in lines of at most 100 columns, each after `indent` blanks.
std::string wrapped(const std::vector<std::string> &words, size_t indent) {
  std::string text, line;
  for (const std::string &word : words) {
    if (!line.empty() && indent + line.size() + 1 + word.size() > 100) {
      text += line + "\n" + std::string(indent, ' ');
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return text + line + "\n";
}

std::string passesText(const Explanation &explanation) {
  std::string text = "\npasses\n";
  for (size_t i = 0; i < explanation.passes.size();) {
    const std::string phase = explanation.passes[i].phase;
    std::vector<std::string> names;
    for (; i < explanation.passes.size() && explanation.passes[i].phase == phase; ++i)
      names.push_back(explanation.passes[i].name);
    text += fmt::format("  {:<8} {}", phase, wrapped(names, 11));
  }
  return text;
}

std::string decisionsText(const Explanation &explanation, bool all) {
  std::string text = "\ndecisions\n";
  if (all) {
    for (const Explanation::Remark &remark : explanation.remarks)
      text += fmt::format("  {}: {} ({}): {}\n", remark.pass, remark.name, remark.kind, remark.text);
    return text;
  }
  std::vector<const Explanation::Remark *> firsts;
  std::map<std::pair<std::string, std::string>, int> counts;
  for (const Explanation::Remark &remark : explanation.remarks)
    if (++counts[{remark.pass, remark.name}] == 1)
      firsts.push_back(&remark);
  for (const Explanation::Remark *remark : firsts)
    text += fmt::format("  {}: {} x {}, such as\n    {}\n", remark->pass, remark->name,
                        counts[{remark->pass, remark->name}], printable(remark->text, 93));
  return text + (firsts.empty() ? "  none\n" : "  (--decisions lists all)\n");
}

/// "12 x tokens/4, dealt": count x ceil(extent / block).
std::string shortTilesText(const Subject &s, size_t i) {
  if (s.launch(i).kernel < 0)
    return "all ranks";
  const plait_kernel_v1_t &kernel = s.model.tables().kernels[s.launch(i).kernel];
  std::string text = std::to_string(kernel.tile_count);
  if (kernel.tile_dim >= 0)
    text += fmt::format(" x {}/{}", dimName(kernel.tile_dim), kernel.tile_block);
  return text + (kernel.cyclic ? ", dealt" : "");
}

/// The part of the model, or the op where the part has no name of its own.
std::string shortPartText(const Subject &s, size_t i) {
  std::string part = s.partOf(i);
  if (part.find('.') == std::string::npos)
    return s.costs[i].op;
  if (part.starts_with("model."))
    part.erase(0, 6);
  return part.size() <= 29 ? part : ".." + part.substr(part.size() - 27);
}

std::string costText(const Subject &s) {
  std::string text = fmt::format("\n{:<32}{:>3} {:>12} {:>14} {:>10}  {}\n", "cost of one layer, symbolic", "x",
                                 "flops", "weights, state", "activation", "tiles");
  for (size_t i = 0; i < s.costs.size(); ++i) {
    const LaunchCost &cost = s.costs[i];
    text += fmt::format("{} {:<30}{:>3} {:>12} {:>14} {:>10}  {}\n", barrierSign(s.launch(i)), shortPartText(s, i),
                        s.layersOf(i), cost.flops.text(), cost.weightBytes.text(), cost.activationBytes.text(),
                        shortTilesText(s, i));
  }
  return text + "  (| waits for every launch before, : unless the step has few rows)\n";
}

std::string rooflineText(const Subject &s, const char *title, const StepLoad &load) {
  Roofline total = s.total(load);
  std::string text = fmt::format("\n{:<37}{:>3} {:>10} {:>12} {:>11}  {:<8} {:>6}\n", title, "x", "flops", "bytes",
                                 "time", "bound by", "share");
  struct Group {
    std::string name;
    int64_t layers = 0;
    Roofline sum;
  };
  std::vector<Group> groups;
  for (size_t i = 0; i < s.costs.size(); ++i) {
    Roofline one = s.roofline(i, load);
    auto same =
        std::find_if(groups.begin(), groups.end(), [&](const Group &group) { return group.name == s.costs[i].op; });
    if (same == groups.end())
      same = groups.insert(groups.end(), {s.costs[i].op, 0, {}});
    same->layers += s.layersOf(i);
    same->sum.flops += one.flops;
    same->sum.bytes += one.bytes;
    same->sum.seconds += one.seconds;
    same->sum.memoryBound = one.memoryBound;
  }
  std::sort(groups.begin(), groups.end(), [](const Group &a, const Group &b) {
    return std::tie(b.sum.seconds, a.name) < std::tie(a.sum.seconds, b.name);
  });
  for (const Group &group : groups)
    if (group.sum.seconds > 0)
      text +=
          fmt::format("  {:<35}{:>3} {:>10} {:>12} {:>11}  {:<8} {:>5.1f}%\n", group.name, group.layers,
                      countText(group.sum.flops), bytesText(int64_t(group.sum.bytes)), secondsText(group.sum.seconds),
                      group.sum.memoryBound ? "memory" : "compute", 100 * group.sum.seconds / total.seconds);
  return text + fmt::format("  {:<38} {:>10} {:>12} {:>11}  <= {:.1f} tok/s\n", "all", countText(total.flops),
                            bytesText(int64_t(total.bytes)), secondsText(total.seconds),
                            double(load.tokens) / total.seconds);
}

std::string memoryText(const Subject &s) {
  MemoryLedger m = s.ledger();
  auto line = [](const std::string &what, int64_t bytes) {
    return fmt::format("  {:<50} {:>12}\n", what, bytesText(bytes));
  };
  Mesh mesh = s.manifest.mesh();
  std::string whose = mesh.size() > 1 ? fmt::format(" of rank 0 of {} ({})", mesh.size(), meshText(mesh)) : "";
  std::string text = "\nmemory" + whose + "\n" + line("weights", m.weights) +
                     line("state per position, " + s.manifest.stateElement, m.statePerPosition) +
                     (m.stateOfWindows ? line("state of the windows", m.stateOfWindows) : "") +
                     line(fmt::format("state of a sequence of {} positions", s.request.context), m.stateOfContext) +
                     line("arena of a step of 1 token", m.decodeArena) +
                     line(fmt::format("arena of a step of {} tokens", s.request.tokens), m.prefillArena) +
                     line("weights, one sequence and the larger arena", m.total);
  if (m.available < m.total)
    return text + fmt::format("  {} are not enough for this\n", bytesText(m.available));
  return text + fmt::format("  {} hold a sequence of {} positions, or {} sequences of {}\n", bytesText(m.available),
                            m.maxContext, m.maxSequences, s.request.context);
}

std::string explainText(const Subject &s, const ExplainTexts &texts) {
  std::string machine =
      fmt::format("\nmachine    {} {:.1f} GB/s and {:.1f} GFLOP/s\n",
                  s.request.measured ? "measured:" : "given:", s.request.peak.readBytesPerSecond / 1e9,
                  s.request.peak.flopsPerSecond / 1e9);
  return summaryText(s) + strategiesText(s.strategies) + passesText(s.explanation) +
         decisionsText(s.explanation, texts.decisions) + costText(s) + machine +
         rooflineText(s, fmt::format("decode, 1 token at context {}", s.request.context).c_str(),
                      StepLoad::decode(s.request.context)) +
         rooflineText(s, fmt::format("prefill of {} tokens", s.request.tokens).c_str(),
                      StepLoad::prefill(s.request.tokens)) +
         memoryText(s);
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

Json toJson(const Roofline &roofline) {
  return {{"flops", roofline.flops}, {"bytes", roofline.bytes}, {"seconds", roofline.seconds}};
}

Json explainJson(const Subject &s) {
  const Request &request = s.request;
  StepLoad decode = StepLoad::decode(request.context), prefill = StepLoad::prefill(request.tokens);
  Json json = {{"model", s.manifest.name},
               {"numerics", s.manifest.numerics},
               {"target", s.model.binary().target},
               {"strategy", {{"variant", s.plan.name}, {"sampling", s.samplingText()}}},
               {"tokens", request.tokens},
               {"context", request.context},
               {"machine",
                {{"measured", request.measured},
                 {"read_bytes_per_second", request.peak.readBytesPerSecond},
                 {"flops_per_second", request.peak.flopsPerSecond}}}};
  json["strategies"] = s.strategies;
  json["passes"] = Json::array();
  for (const Explanation::Pass &pass : s.explanation.passes)
    json["passes"].push_back({{"phase", pass.phase}, {"pass", pass.name}});
  json["decisions"] = Json::array();
  for (const Explanation::Remark &remark : s.explanation.remarks)
    json["decisions"].push_back({{"pass", remark.pass},
                                 {"name", remark.name},
                                 {"kind", remark.kind},
                                 {"at", remark.at},
                                 {"text", remark.text}});
  json["launches"] = Json::array();
  for (size_t i = 0; i < s.costs.size(); ++i) {
    const LaunchCost &cost = s.costs[i];
    const plait_launch_v3_t &launch = s.launch(i);
    const plait_model_v4_t &tables = s.model.tables();
    json["launches"].push_back(
        {{"kernel", launchName(tables, s.plan, launch)},
         {"op", cost.op},
         {"source", s.partOf(i)},
         {"layers", s.layersOf(i)},
         {"barrier", s.launch(i).barrier != 0},
         {"if_shared", s.launch(i).barrier == 2},
         {"redundant", s.launch(i).redundant != 0},
         {"tiles",
          launch.kernel < 0 || !tables.kernels[launch.kernel].run ? "" : tilesText(tables.kernels[launch.kernel])},
         {"flops", cost.flops.json()},
         {"weight_bytes", cost.weightBytes.json()},
         {"activation_bytes", cost.activationBytes.json()},
         {"decode", toJson(s.roofline(i, decode))},
         {"prefill", toJson(s.roofline(i, prefill))}});
  }
  json["decode"] = toJson(s.total(decode));
  json["prefill"] = toJson(s.total(prefill));
  MemoryLedger m = s.ledger();
  json["memory"] = {{"weights", m.weights},
                    {"state_element", s.manifest.stateElement},
                    {"state_per_position", m.statePerPosition},
                    {"state_of_windows", m.stateOfWindows},
                    {"state_of_context", m.stateOfContext},
                    {"decode_arena", m.decodeArena},
                    {"prefill_arena", m.prefillArena},
                    {"total", m.total},
                    {"available", m.available},
                    {"max_context", m.maxContext},
                    {"max_sequences", m.maxSequences}};
  return json;
}

/// The strategies that are asked for, and nothing else.
int explainDecode(const Session &session, const ExplainTexts &texts, const Explanation &explanation) {
  const Manifest &manifest = session.model->manifest();
  Expected<Json> all = strategiesJson(manifest, explanation);
  if (!all)
    return fail(all.status());
  Json chosen = Json::array();
  for (const std::string &call : texts.compile.decode) {
    auto strategy = findStrategy(session, call);
    if (!strategy && call != "all")
      return fail(strategy.status());
    for (Json &entry : *all) {
      if (call != "all" && entry["call"] != (*strategy)->call)
        continue;
      if (Status status = explainRounds(*session.model, entry); !status)
        return fail(status);
      chosen.push_back(entry);
    }
  }
  Output out;
  if (texts.json)
    out.write(Json{{"strategies", chosen}}.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  for (const Json &entry : chosen)
    if (!texts.json)
      out.write(roundsText(entry).substr(&entry == &chosen.front()));
  return out.exitCode();
}

/// The machine of a timeline: a table, that of the compilation, or this computer.
Expected<TimelineRequest> parseTimeline(const ExplainTexts &texts, const Model &model, const Explanation &explanation) {
  TimelineRequest timeline{texts.timeline, texts.trace, texts.step, texts.schedule, texts.variant, 0, 0, {}, false};
  if (timeline.variant.empty())
    timeline.variant = model.manifest().strategy;
  ExplainTexts others = texts;
  bool isTable = !texts.machine.empty() && texts.machine.find(',') == std::string::npos;
  if (isTable) {
    auto machine = timeline::loadMachine(texts.machine);
    if (!machine)
      return machine.status().withContext("--machine");
    timeline.machine = *machine;
  } else if (texts.machine.empty() && explanation.machine) {
    timeline.machine = *explanation.machine;
    isTable = true;
  }
  if (isTable)
    others.machine = "1,1"; // nothing is measured
  PLAIT_ASSIGN_OR_RETURN(Request request, parseRequest(others, model.tables().max_positions));
  timeline.tokens = request.tokens;
  timeline.context = request.context;
  timeline.isAssumed = !isTable;
  if (!isTable)
    timeline.machine = measuredMachine(request.peak, model.manifest().mesh().ranks);
  return timeline;
}

int timelineAction(const ExplainTexts &texts, const std::shared_ptr<const Model> &model,
                   const Explanation &explanation) {
  Expected<TimelineRequest> request = parseTimeline(texts, *model, explanation);
  if (!request)
    return fail(request.status(), exitUsage);
  auto text = explainTimeline(model, *request);
  if (!text)
    return fail(text.status(), text.status().code() == StatusCode::invalidArgument ? exitUsage : exitFailure);
  Output out;
  out.write(*text);
  return out.exitCode();
}

int explainAction(const ExplainTexts &texts) {
  CompileOptions compile = texts.compile;
  compile.isa = texts.isa;
  std::erase(compile.decode, "all");
  Expected<ResolvedArtifact> artifact = resolveArtifact(texts.path, compile);
  if (!artifact)
    return fail(artifact.status());
  auto model = Model::open(artifact->path, {.threads = 1, .loadWeights = false, .target = texts.isa});
  if (!model)
    return fail(model.status());
  auto explanation = Explanation::read(**model);
  if (!explanation)
    return fail(explanation.status());
  const Manifest &manifest = (*model)->manifest();
  if (!texts.timeline.empty() || !texts.trace.empty())
    return timelineAction(texts, *model, *explanation);
  if (!texts.compile.decode.empty())
    return explainDecode({*artifact, *model}, texts, *explanation);
  auto plan = (*model)->plan(texts.variant.empty() ? manifest.strategy : texts.variant);
  if (!plan)
    return fail(plan.status(), exitUsage);
  auto costs = explanation->costsOf(**model, **plan);
  if (!costs)
    return fail(costs.status());
  Expected<Request> request = parseRequest(texts, (*model)->tables().max_positions);
  if (!request)
    return fail(request.status(), exitUsage);
  Expected<Json> strategies = strategiesJson(manifest, *explanation);
  if (!strategies)
    return fail(strategies.status());
  Subject subject{**model, manifest, **plan, *explanation, *costs, *strategies, *request};
  Output out;
  if (texts.json)
    out.write(explainJson(subject).dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  else
    out.write(explainText(subject, texts));
  return out.exitCode();
}

} // namespace

void plait::addExplainCommand(CLI::App &app, Action &action) {
  auto texts = std::make_shared<ExplainTexts>();
  CLI::App *explain = app.add_subcommand("explain", "Show what the compiler decided and what a step costs");
  explain->add_option("PATH", texts->path, "a compiled model, or a Hugging Face folder or GGUF file to compile")
      ->required();
  explain->add_option("--tokens", texts->tokens, "tokens of the prefill (default 512)");
  explain->add_option("--context", texts->context, "positions at the decode step (default 1024)");
  explain->add_option("--machine", texts->machine,
                      "GB/s,GFLOP/s to reckon with (default: a quick measurement); of a timeline also the name of a "
                      "machine table, or a file NAME.json");
  explain->add_option("--threads", texts->threads, "threads of the measurement; auto (default): one per physical core");
  explain->add_option("--memory", texts->memory, "bytes to fill, like 16G (default: what is available)");
  explain->add_option("--variant", texts->variant, "the plan to explain (default: the model's strategy)");
  explain->add_option("--isa", texts->isa,
                      "explain the code for this target (default: the best that this CPU can run)");
  addDecodeOption(*explain, texts->compile);
  explain->get_option("--decode")->description("what these strategies do in a round and what it costs, or all");
  explain->add_flag("--decisions", texts->decisions, "every decision, not one of each kind");
  explain->add_option("--timeline", texts->timeline, "simulate a step on all ranks, and draw it into this file as SVG");
  explain->add_option("--trace", texts->trace, "the same as a trace for chrome://tracing and ui.perfetto.dev");
  explain->add_option("--step", texts->step, "of a timeline: prefill (default) or decode");
  explain->add_option("--schedule", texts->schedule,
                      "of a timeline: unfused (default, what is compiled), fused, tiled, woven or best");
  explain->add_flag("--json", texts->json, "everything as JSON");
  explain->footer(kFooter);
  explain->callback([texts, &action] { action = [texts] { return explainAction(*texts); }; });
}
