//===- Memory.cpp - How much memory there is, and what ranks need ---------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Memory.h"

#include "runtime/base/ModelGroups.h"
#include "runtime/comm/LocalGroup.h"
#include "runtime/core/Handover.h"
#include "runtime/core/Instance.h"
#include "runtime/core/Ranks.h"
#include "runtime/core/StepSplit.h"
#include "runtime/core/Tables.h"
#include "runtime/core/WorldGroups.h"
#include "runtime/device/cpu/Executor.h"
#include "runtime/device/cuda/Layout.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string_view>

#include <sys/resource.h>
#include <unistd.h>

using namespace plait;

//===----------------------------------------------------------------------===//
// What there is
//===----------------------------------------------------------------------===//

/// The number after `key` in a file of lines "key number"; -1 without one.
static int64_t numberAfter(const std::string &path, const std::string &key) {
  std::ifstream file(path);
  std::string name, rest;
  while (file >> name) {
    if (int64_t number; name == key)
      return file >> number ? number : -1;
    std::getline(file, rest);
  }
  return -1;
}

/// The number that a file begins with; -1 if it begins otherwise ("max").
static int64_t numberIn(const std::string &path) {
  std::ifstream file(path);
  int64_t number;
  return file >> number ? number : -1;
}

/// What the control group in folder `path` leaves. Files that it has read and does not
/// use count as free.
static int64_t leftInGroup(const std::string &path, const char *limit, const char *usage, const char *unused) {
  int64_t most = numberIn(path + limit), used = numberIn(path + usage);
  if (most < 0 || used < 0)
    return INT64_MAX;
  return std::max<int64_t>(0, most - used + std::max<int64_t>(0, numberAfter(path + "/memory.stat", unused)));
}

static int64_t leftInGroups() {
  std::ifstream file("/proc/self/cgroup");
  int64_t least = INT64_MAX;
  for (std::string line; std::getline(file, line);) { // "0::/a/b", or "4:memory:/a/b" of version 1
    size_t names = line.find(':'), path = names == std::string::npos ? names : line.find(':', names + 1);
    if (path == std::string::npos)
      continue;
    std::string controllers = line.substr(names + 1, path - names - 1), folder = line.substr(path + 1);
    bool isFirst = controllers == "memory" || controllers.starts_with("memory,");
    if (!controllers.empty() && !isFirst)
      continue;
    // A group has no more than those it is in. In a container they may lie higher than
    // the path says, so the root is asked as well.
    while (true) {
      std::string root = isFirst ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup";
      std::string where = root + (folder == "/" ? "" : folder);
      least = std::min(
          least, isFirst ? leftInGroup(where, "/memory.limit_in_bytes", "/memory.usage_in_bytes", "total_inactive_file")
                         : leftInGroup(where, "/memory.max", "/memory.current", "inactive_file"));
      if (folder.size() <= 1)
        break;
      folder.resize(std::max<size_t>(1, folder.rfind('/')));
    }
  }
  return least;
}

int64_t plait::parseBytes(const std::string &text) {
  std::string digits = text;
  int shift = 0;
  if (!digits.empty())
    if (size_t unit = std::string("KMGT").find(digits.back()); unit != std::string::npos) {
      shift = 10 * (int(unit) + 1);
      digits.pop_back();
    }
  int64_t number = -1;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || number < 1 || number > INT64_MAX >> shift)
    return -1;
  return number << shift;
}

AvailableMemory plait::availableMemory() {
  AvailableMemory memory{INT64_MAX, "nothing"};
  auto limit = [&](int64_t bytes, const char *what) {
    if (bytes < memory.bytes)
      memory = {bytes, what};
  };
  if (int64_t kilobytes = numberAfter("/proc/meminfo", "MemAvailable:"); kilobytes >= 0)
    limit(kilobytes * 1024, "MemAvailable");
  limit(leftInGroups(), "the control group's limit");
  if (const char *text = std::getenv("PLAIT_MEMORY_LIMIT"))
    if (int64_t bytes = parseBytes(text); bytes >= 0)
      limit(bytes, "PLAIT_MEMORY_LIMIT");
  return memory;
}

int64_t plait::availableAddresses() {
  rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return INT64_MAX;
  int64_t pages = numberIn("/proc/self/statm");
  return std::max<int64_t>(0, int64_t(limit.rlim_cur) - pages * sysconf(_SC_PAGESIZE));
}

int64_t plait::peakMemory(int pid) {
  int64_t kilobytes = numberAfter("/proc/" + std::to_string(pid) + "/status", "VmHWM:");
  return kilobytes < 0 ? -1 : kilobytes * 1024;
}

//===----------------------------------------------------------------------===//
// What ranks need
//===----------------------------------------------------------------------===//

static Status checkOption(const char *what, int64_t value, int64_t min, int64_t max) {
  if (value >= min && value <= max)
    return Status::success();
  return invalidArgument(std::string(what) + ": found " + std::to_string(value) + "; expected " + std::to_string(min) +
                         " to " + std::to_string(max));
}

static bool usesBuffer(const plait_plan_v2_t &plan, plait_arg_kind_t kind, int32_t index) {
  return std::any_of(plan.args, plan.args + plan.arg_count,
                     [&](const plait_arg_v1_t &arg) { return arg.kind == kind && arg.index == index; });
}

static bool usesPages(const plait_plan_v2_t &plan) {
  return std::any_of(plan.args, plan.args + plan.arg_count,
                     [](const plait_arg_v1_t &arg) { return arg.kind == PLAIT_ARG_PAGES; });
}

/// Rows of the table behind that of the vocabulary.
static int64_t promptTokensOf(const plait_model_v4_t &tables) {
  for (int32_t i = 0; i < tables.weight_count; ++i)
    if (const plait_weight_v4_t &weight = tables.weights[i]; std::string_view(weight.name) == "prompt_tokens")
      return weight.source_rows ? weight.source_rows : weight.rows;
  return 0;
}

double Reservation::stateBytes() const {
  double total = 0;
  for (uint64_t bytes : states)
    total += double(bytes);
  return total;
}

Expected<Reservation> plait::reservationOf(const Model &model, std::span<const plait_plan_v2_t *const> plans,
                                           const InstanceOptions &options) {
  const plait_model_v4_t &tables = model.tables();
  const plait_plan_v2_t &plan = *plans.front();
  constexpr int64_t most = int64_t(1) << 24; // far from overflow, beyond any use
  PLAIT_RETURN_IF_ERROR(checkOption("tokens per step", options.maxTokens, 1, most));
  PLAIT_RETURN_IF_ERROR(checkOption("rows per step", options.maxRows, 1, most));
  PLAIT_RETURN_IF_ERROR(checkOption("leaves per step", options.maxLeaves, 0, most));
  PLAIT_RETURN_IF_ERROR(checkOption("stop ids", options.maxStops, 0, 4096));
  PLAIT_RETURN_IF_ERROR(checkOption("top logprobs", options.maxTopLogprobs, 0, 4096));
  PLAIT_RETURN_IF_ERROR(checkOption("pages", options.capacityPages, 0, INT32_MAX));

  Reservation reservation;
  StepLimits &limits = reservation.limits;
  limits.vocabulary = tables.vocabulary;
  limits.maxPositions = tables.max_positions;
  limits.pageTokens = pageTokens(tables);
  limits.maxTokens = options.maxTokens;
  limits.maxRows = std::min(options.maxRows, options.maxTokens);
  limits.maxLeaves = options.maxLeaves ? std::min(options.maxLeaves, limits.maxTokens)
                     : plan.has_logits ? limits.maxTokens
                                       : limits.maxRows;
  limits.maxStops = options.maxStops;
  limits.promptTokens = promptTokensOf(tables);
  limits.maxEdits = usesBuffer(plan, PLAIT_ARG_INPUT, PLAIT_IN_EDIT_TOKENS) ? limits.vocabulary : 0;
  limits.maxTopLogprobs = usesBuffer(plan, PLAIT_ARG_OUTPUT, PLAIT_OUT_TOP_TOKENS) ? options.maxTopLogprobs : 0;
  int64_t fullContext = limits.wholePages(limits.maxPositions);
  limits.tables.resize(size_t(tables.table_count));
  for (int32_t i = 0; i < tables.table_count; ++i) {
    TableLimits &table = limits.tables[size_t(i)];
    table.window = tableWindow(tables, i);
    table.capacityPages = options.capacityPages ? options.capacityPages : fullContext;
    if (table.window)
      table.capacityPages = std::min(table.capacityPages, limits.maxRows * limits.ringPages(table, limits.maxTokens));
  }

  int64_t sharers = placeIn(tables, tables.token_group).size;
  StepDims &dims = reservation.largest;
  dims[PLAIT_DIM_TOKENS] = limits.maxTokens;
  dims[PLAIT_DIM_ROWS] = limits.maxRows;
  dims[PLAIT_DIM_LEAVES] = limits.maxLeaves;
  dims[PLAIT_DIM_PAGES] = fullContext;
  dims[PLAIT_DIM_STOPS] = limits.maxStops;
  dims[PLAIT_DIM_EDITS] = limits.maxLeaves * limits.maxEdits;
  dims[PLAIT_DIM_TOPS] = limits.maxTopLogprobs;
  dims[PLAIT_DIM_DRAWS] = dims[PLAIT_DIM_WARPS] = limits.maxLeaves;
  dims[PLAIT_DIM_TOP_ENTRIES] = limits.maxLeaves * limits.maxTopLogprobs;
  dims[PLAIT_DIM_SPANS] = mostSpans(limits.maxTokens, fullContext, limits.pageTokens);
  for (const plait_plan_v2_t *own : plans) {
    auto [weaveTokens, shareTokens] = model.manifest().thresholdsOf(own->name);
    dims[PLAIT_DIM_TOKENS_PART] = mostTokensOfRank(sharers, limits.maxTokens, shareTokens);
    int64_t arena = arenaBytes(*own, dims);
    if (arena >= 0 && weaveTokens && limits.maxTokens >= weaveTokens) {
      StepDims half = dims;
      half[PLAIT_DIM_TOKENS] = std::min(limits.maxTokens, limits.maxTokens / 2 + kSplitAlign);
      half[PLAIT_DIM_TOKENS_PART] = mostTokensOfRank(sharers, half[PLAIT_DIM_TOKENS], shareTokens);
      arena = std::max(arena, 2 * arenaBytes(*own, half));
    }
    if (arena < 0)
      return resourceError("arena: a step of " + std::to_string(limits.maxTokens) +
                           " tokens is too large; use fewer tokens per step");
    reservation.arena = std::max(reservation.arena, arena);
    reservation.collective = std::max(reservation.collective, collectiveBytes(*own, dims));
    bool hasHidden = usesBuffer(*own, PLAIT_ARG_INPUT, PLAIT_IN_HIDDEN);
    bool hasTokens = usesBuffer(*own, PLAIT_ARG_INPUT, PLAIT_IN_TOKENS);
    limits.steps.push_back({own->name, own->hidden, hasHidden && !hasTokens, hasHidden && hasTokens, usesPages(*own),
                            hasHidden ? 0 : weaveTokens, shareTokens,
                            usesBuffer(*own, PLAIT_ARG_OUTPUT, PLAIT_OUT_TOP_TOKENS)});
  }
  for (StepKind &step : limits.steps)
    step.greedy = limits.findStep(step.name + PLAIT_GREEDY_SUFFIX);
  if (gpuOf(tables)) // its memory holds what it uses alone, and inputs
    reservation.arena = int64_t(cuda::Layout(tables, plans, dims).deviceBytes);
  for (int32_t i = 0; i < tables.state_count; ++i) {
    const plait_state_v3_t &state = tables.states[i];
    int64_t capacity = limits.tables[size_t(state.table)].capacityPages;
    uint64_t &size = reservation.states.emplace_back();
    if (__builtin_mul_overflow(state.page_bytes, uint64_t(capacity), &size) ||
        __builtin_mul_overflow(size, uint64_t(state.layers), &size))
      size = UINT64_MAX; // no system gives that
  }
  return reservation;
}

double ModelLedger::total() const {
  double sum = communication;
  for (const RankMemory &rank : ranks)
    sum += double(rank.copies) * (rank.program + rank.state + rank.arena) +
           (sharesWeights ? 1 : double(rank.copies)) * rank.weights;
  return sum;
}

/// What a rank's process has taken before it has run a step, but for weights that were
/// made; of this process what it had the first time.
static double programBytes(const Model &model, int64_t worldRank, double weights) {
  static const int64_t own = peakMemory(getpid());
  int64_t other = -1;
  if (model.group() && worldRank)
    other = model.group()->peakMemory(int(worldRank));
  else if (!model.links().empty() && worldRank)
    other = model.links().front()->peakMemory(int(worldRank));
  double bytes = double(std::max<int64_t>(0, other >= 0 ? other : own));
  return std::max(0.0, bytes - (model.manifest().weightsKind == "random" ? weights : 0));
}

size_t plait::communicationBytes(const Mesh &mesh, const plait_model_v4_t &tables) {
  size_t bytes = 0;
  for (const WorldGroup &group : groupsOf(mesh)) {
    LocalGroupOptions local;
    local.stagingBytes = group.stagingBytes();
    auto add = [&](size_t size) {
      local.size = int(size);
      bytes += LocalGroup::sharedBytes(local);
    };
    add(group.members.size());
    for (int32_t i = 0; i < tables.group_count && group.kind == WorldGroup::replicaRanks; ++i)
      add(size_t(tables.groups[i].count));
  }
  return bytes;
}

Expected<ModelLedger> plait::ledgerOf(const Model &model, const InstanceOptions &options) {
  ModelLedger ledger;
  ledger.sharesWeights = model.manifest().weightsKind == "pack";
  const Mesh mesh = ledger.mesh = model.mesh();
  std::vector<WorldGroup> groups = groupsOf(mesh);
  for (int64_t program = 0; program < mesh.programs(); ++program) {
    // The first replica that has it.
    int64_t replica = program < mesh.prefillRanks ? 0 : mesh.prefillReplicas;
    int64_t rank = program - mesh.firstProgramOf(replica);
    const Model *part = &model;
    std::shared_ptr<const Model> other;
    if (program != model.place().program) {
      PLAIT_ASSIGN_OR_RETURN(other, Model::open(model.source(), {.threads = 1,
                                                                 .loadWeights = false,
                                                                 .rank = int(rank),
                                                                 .replica = int(replica),
                                                                 .target = model.binary().target}));
      part = other.get();
    }
    PLAIT_ASSIGN_OR_RETURN(std::vector<const plait_plan_v2_t *> plans, part->plans(options.variant));
    PLAIT_ASSIGN_OR_RETURN(Reservation reservation, reservationOf(*part, plans, options));
    RankMemory &memory = ledger.ranks.emplace_back();
    memory.copies = program < mesh.prefillRanks ? mesh.prefillReplicas : mesh.replicas;
    memory.weights = double(part->tables().pack_bytes);
    memory.program = programBytes(model, mesh.leaderOf(replica) + rank, memory.weights);
    memory.state = reservation.stateBytes();
    memory.arena = double(reservation.arena);
    // Of the staging buffers, which all ranks read, a rank sees as much as is sent.
    if (int64_t ranks = mesh.ranksOf(replica); ranks > 1)
      memory.communication =
          2 * double(ranks) * double(std::min<int64_t>(reservation.collective, int64_t(groups[0].stagingBytes())));
    if (mesh.hasPhases())
      memory.communication += double(HandoverLink::kBufferBytes);
    if (program == 0 && !reservation.limits.tables.empty())
      ledger.pages = reservation.limits.tables[0].capacityPages;
    ledger.pageTokens = reservation.limits.pageTokens;
  }
  ledger.communication = double(communicationBytes(mesh, model.tables()));
  if (mesh.hasPhases())
    ledger.communication += double(mesh.size()) * double(HandoverLink::kBufferBytes);
  return ledger;
}

std::string plait::memoryText(double bytes) {
  static const char *units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < std::size(units); bytes /= 1024)
    ++unit;
  char text[64];
  std::snprintf(text, sizeof(text), unit ? "%.2f %s" : "%.0f %s", bytes, units[unit]);
  return text;
}

std::string plait::ledgerText(const RankMemory &rank) {
  return "weights " + memoryText(rank.weights) + ", keys and values " + memoryText(rank.state) + ", arena " +
         memoryText(rank.arena) + ", communication " + memoryText(rank.communication) + ", program " +
         memoryText(rank.program);
}
