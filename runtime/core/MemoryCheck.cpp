//===- MemoryCheck.cpp - Refuses what does not fit in memory --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/MemoryCheck.h"

#include "runtime/core/Memory.h"
#include "runtime/core/Tables.h"
#include "runtime/device/cuda/Program.h"

#include <algorithm>
#include <functional>

using namespace plait;

namespace {

/// The sums of a ledger over all ranks.
struct Needs {
  double weights = 0, state = 0, arena = 0, communication = 0;

  double total() const { return weights + state + arena + communication; }
};

Needs needsOf(const ModelLedger &ledger, bool oneReplica = false) {
  Needs needs;
  for (const RankMemory &rank : ledger.ranks) {
    double copies = oneReplica ? 1 : double(rank.copies);
    needs.weights += rank.weights * (ledger.sharesWeights ? 1 : copies);
    needs.state += rank.state * copies;
    needs.arena += rank.arena * copies;
  }
  needs.communication = !oneReplica || ledger.ranks.size() > 1 ? ledger.communication : 0;
  return needs;
}

/// What is to be compared with what there is. GPUs have memory of their own, so of their models this rank's
/// needs alone: others look at the GPU that they run on.
Expected<ModelLedger> ledgerHere(const Model &model, const InstanceOptions &options) {
  PLAIT_ASSIGN_OR_RETURN(ModelLedger ledger, ledgerOf(model, options));
  if (!model.gpuProgram())
    return ledger;
  ledger.ranks = {ledger.ranks[size_t(model.place().program)]};
  ledger.ranks.front().copies = 1;
  ledger.communication = 0;
  ledger.mesh = Mesh();
  return ledger;
}

/// What a model may need as a whole. Of that, made weights and the memory between ranks
/// have been taken from the system before, and weights on a GPU may be there.
Expected<AvailableMemory> availableFor(const Model &model, const Needs &needs) {
  if (const std::shared_ptr<cuda::Program> &program = model.gpuProgram()) {
    PLAIT_ASSIGN_OR_RETURN(uint64_t free, program->gpu()->freeBytes());
    return AvailableMemory{int64_t(free + program->weightBytes()), program->gpu()->name()};
  }
  AvailableMemory available = availableMemory();
  if (available.limit != "PLAIT_MEMORY_LIMIT") {
    double taken = needs.communication + (model.manifest().weightsKind == "random" ? needs.weights : 0);
    available.bytes = available.bytes > INT64_MAX / 2 ? INT64_MAX : available.bytes + int64_t(taken);
  }
  return available;
}

/// What the packs would take with matrices of `bits`, of what they take now: elements
/// with a scale per 64.
double weightsRatio(const plait_model_v4_t &tables, int bits) {
  double now = 0, then = 0;
  for (int32_t i = 0; i < tables.weight_count; ++i) {
    const plait_weight_v4_t &weight = tables.weights[i];
    double bytes = double(weight.layer_bytes) * double(weight.layers);
    now += bytes;
    double smaller = double(weight.rows) * double(weight.cols) * double(weight.layers) * (bits / 8.0 + 2.0 / 64);
    then += weight.layout == PLAIT_LAYOUT_PANELS ? std::min(bytes, smaller) : bytes;
  }
  return now > 0 ? then / now : 1;
}

/// Something that makes a model need less. Of one kind only the last one counts.
struct Remedy {
  enum Kind { replicas, step, positions, state, weights };
  Kind kind;
  std::string text;
  std::function<void(Needs &)> apply;
};

/// First those that need no other compilation, then by what they cost in quality.
std::vector<Remedy> remediesFor(const Model &model, const InstanceOptions &options, const ModelLedger &ledger,
                                const Needs &needs, double available) {
  std::vector<Remedy> remedies;
  const plait_model_v4_t &tables = model.tables();
  InstanceOptions shorter = options;
  shorter.maxTokens = options.maxRows + 64;
  auto plans = model.plans(options.variant);
  if (plans && shorter.maxTokens < options.maxTokens) {
    auto now = reservationOf(model, *plans, options), then = reservationOf(model, *plans, shorter);
    if (now && then && now->arena > 0)
      remedies.push_back({Remedy::step, "steps of 64 tokens (--chunk 64)",
                          [ratio = double(then->arena) / double(now->arena)](Needs &n) { n.arena *= ratio; }});
  }
  double page = ledger.pages > 0 ? needs.state / double(ledger.pages) : 0;
  double left = available - (needs.total() - needs.state);
  if (int64_t pages = page > 0 && left > 0 ? int64_t(left / page) : 0; pages > 0 && pages < ledger.pages)
    remedies.push_back({Remedy::positions,
                        std::to_string(pages * ledger.pageTokens) + " positions instead of " +
                            std::to_string(ledger.pages * ledger.pageTokens) +
                            " (a shorter prompt, --max-tokens, --context or --batch)",
                        [state = page * double(pages)](Needs &n) { n.state = state; }});
  if (int64_t replicas = std::max(ledger.mesh.replicas, ledger.mesh.prefillReplicas); replicas > 1)
    remedies.push_back({Remedy::replicas, "one replica instead of " + std::to_string(replicas) + " (--mesh without dp)",
                        [one = needsOf(ledger, /*oneReplica=*/true)](Needs &n) { n = one; }});
  const std::string &element = model.manifest().stateElement;
  auto smallerState = [&](const char *name, double bytes, double now) {
    remedies.push_back({Remedy::state, std::string("keys and values in ") + name + " (--kv-dtype " + name + ")",
                        [ratio = bytes / now](Needs &n) { n.state *= ratio; }});
  };
  auto smallerWeights = [&](const char *name, int bits) {
    if (double ratio = weightsRatio(tables, bits); ratio < 0.99)
      remedies.push_back({Remedy::weights, std::string("weights in ") + name + " (--dtype " + name + ")",
                          [ratio](Needs &n) { n.weights *= ratio; }});
  };
  if (element == "f32")
    smallerState("bf16", 2, 4);
  smallerWeights("int8", 8);
  if (element == "f32" || element == "bf16")
    smallerState("int8", 1.125, element == "f32" ? 4 : 2); // with scales
  smallerWeights("int4", 4);
  return remedies;
}

std::string remediesText(const std::vector<Remedy> &remedies, const Needs &needs, double available) {
  std::string text;
  int count = 0;
  for (const Remedy &remedy : remedies) {
    Needs less = needs;
    remedy.apply(less);
    if (less.total() <= available && count < 3)
      text += (count++ ? "; " : "") + remedy.text + " needs " + memoryText(less.total());
  }
  if (count)
    return "it would fit, the cheapest first: " + text;
  Needs least = needs;
  for (Remedy::Kind kind : {Remedy::replicas, Remedy::step, Remedy::state, Remedy::weights}) {
    auto last = std::find_if(remedies.rbegin(), remedies.rend(), [&](const Remedy &r) { return r.kind == kind; });
    if (last == remedies.rend())
      continue;
    last->apply(least);
    text += (text.empty() ? "" : ", ") + last->text;
  }
  return text.empty()
             ? "use a smaller model or a larger machine"
             : "nothing alone makes it fit; all of this together needs " + memoryText(least.total()) + ": " + text;
}

std::string ranksText(const ModelLedger &ledger) {
  auto bytes = [](const RankMemory &rank) { return memoryText(rank.total() - rank.program); };
  const Mesh &mesh = ledger.mesh;
  if (mesh.size() == 1)
    return "";
  std::string text = " of " + std::to_string(mesh.size()) + " ranks";
  for (size_t i = 0; i < std::min<size_t>(ledger.ranks.size(), 8); ++i) {
    bool isDecode = mesh.hasPhases() && int64_t(i) >= mesh.prefillRanks;
    std::string name = !mesh.hasPhases() ? "" : isDecode ? "decode: " : "prefill: ";
    text += (i ? ", " : " (") + name + "rank " + std::to_string(isDecode ? i - size_t(mesh.prefillRanks) : i) + ": " +
            bytes(ledger.ranks[i]);
  }
  bool hasReplicas = mesh.replicas > 1 || mesh.prefillReplicas > 1;
  return text + (ledger.ranks.size() > 8 ? ", ..." : "") + (hasReplicas ? "; each replica)" : ")");
}

} // namespace

Status plait::checkMemory(const Model &model, const InstanceOptions &options) {
  PLAIT_ASSIGN_OR_RETURN(ModelLedger ledger, ledgerHere(model, options));
  Needs needs = needsOf(ledger);
  PLAIT_ASSIGN_OR_RETURN(AvailableMemory available, availableFor(model, needs));
  // Weights have their addresses already.
  double addresses = model.gpuProgram() ? 1e300 : double(availableAddresses());
  const RankMemory &own = ledger.ranks[model.gpuProgram() ? 0 : size_t(model.place().program)];
  bool fits = needs.total() <= double(available.bytes);
  if (fits && own.state + own.arena <= addresses)
    return Status::success();
  if (fits) {
    // Said in the same way: as if all ranks had what this process may still map.
    double share = (own.state + own.arena) / std::max(1.0, needs.state + needs.arena);
    available = {int64_t(addresses / share + needs.weights + needs.communication), "the limit of addresses, ulimit -v"};
  }
  return resourceError("memory: found " + memoryText(double(available.bytes)) + " available (" + available.limit +
                       "); expected " + memoryText(needs.total()) + ranksText(ledger) + ": weights " +
                       memoryText(needs.weights) + ", keys and values " + memoryText(needs.state) + " for " +
                       std::to_string(ledger.pages * ledger.pageTokens) + " positions, arena " +
                       memoryText(needs.arena) + ", communication " + memoryText(needs.communication) + "; " +
                       remediesText(remediesFor(model, options, ledger, needs, double(available.bytes)), needs,
                                    double(available.bytes)));
}

Status plait::checkMemoryForWeights(const Manifest &manifest) {
  if (manifest.weightsKind != "random" || !manifest.raw.contains("memory"))
    return Status::success();
  JsonView root(manifest.raw, "manifest.json");
  PLAIT_ASSIGN_OR_RETURN(JsonView memory, root.get("memory"));
  PLAIT_ASSIGN_OR_RETURN(int64_t weights, memory.getInt("weights", 0, INT64_MAX, 0)); // of rank 0
  AvailableMemory available = availableMemory();
  const Mesh &mesh = manifest.mesh(); // each replica has all of them
  double needed = double(weights) * double(mesh.ranksOf(0) * mesh.allReplicas());
  if (needed <= double(available.bytes))
    return Status::success();
  return resourceError("memory: found " + memoryText(double(available.bytes)) + " available (" + available.limit +
                       "); expected " + memoryText(needed) +
                       " for the weights alone, which are made in memory; compile "
                       "the model with smaller ones (--dtype int8 or int4)" +
                       (manifest.mesh().replicas > 1 ? ", with fewer replicas" : "") + " or use a larger machine");
}

int64_t plait::pagesThatFit(const Model &model, InstanceOptions options, int64_t least, int64_t most) {
  options.capacityPages = std::max<int64_t>(1, least);
  Expected<ModelLedger> small = ledgerHere(model, options);
  if (!small)
    return least; // refused when the instance is made
  Needs needs = needsOf(*small);
  Expected<AvailableMemory> available = availableFor(model, needs);
  if (!available)
    return least;
  double budget = double(available->bytes) / 5 * 4 - needs.total();
  auto plans = model.plans(options.variant);
  auto stateBytes = [&](int64_t pages) { // of this rank, which stands for the others
    options.capacityPages = pages;
    auto reservation = reservationOf(model, *plans, options);
    return reservation ? reservation->stateBytes() : 1e300;
  };
  double scale = needs.state / std::max(1.0, stateBytes(options.capacityPages)), first = needs.state;
  int64_t fit = least; // the most in least .. all that fit
  for (int64_t over = std::max(most, least) + 1; over - fit > 1;) {
    int64_t middle = fit + (over - fit) / 2;
    (stateBytes(middle) * scale - first <= budget ? fit : over) = middle;
  }
  return fit;
}

int64_t plait::wholePages(const Model &model, int64_t positions) {
  int64_t size = pageTokens(model.tables());
  return (positions + size - 1) / size;
}

int64_t plait::pagesToReserve(const Model &model, const InstanceOptions &options, const Demand &demand) {
  int64_t all = wholePages(model, demand.totalPositions) + demand.sequences;
  int64_t one = std::max<int64_t>(wholePages(model, demand.positions), 1);
  return std::min<int64_t>(pagesThatFit(model, options, one, all), INT32_MAX);
}
