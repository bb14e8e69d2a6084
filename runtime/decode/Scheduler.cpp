//===- Scheduler.cpp - The step loop over many sequences ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/Scheduler.h"

#include <algorithm>
#include <exception>
#include <set>
#include <utility>

using namespace plait;

const char *plait::finishReasonName(FinishReason reason) {
  switch (reason) {
  case FinishReason::none:
    return "none";
  case FinishReason::stop:
    return "stop";
  case FinishReason::length:
    return "length";
  case FinishReason::cancelled:
    return "cancelled";
  case FinishReason::error:
    return "error";
  }
  return "unknown";
}

DraftCounts &DraftCounts::operator+=(const DraftCounts &other) {
  rounds += other.rounds;
  draftedTokens += other.draftedTokens;
  acceptedTokens += other.acceptedTokens;
  movedTokens += other.movedTokens;
  return *this;
}

static constexpr int64_t kMostCompletions = 1024;

Scheduler::Scheduler(std::shared_ptr<StepRunner> runner, SchedulerOptions options, std::vector<DraftModel> models)
    : runner(std::move(runner)), options(std::move(options)) {
  if (!this->options.ids)
    this->options.ids = std::make_shared<std::atomic<SequenceId>>(1);
  for (DraftModel &model : models)
    drafts.push_back({std::move(model.name), std::move(model.runner), {}, {}});
  moves.resize(drafts.size() + 1);
  for (size_t engine = 0; engine <= drafts.size(); ++engine)
    for (const TableLimits &table : runnerOf(engine).limits().tables) {
      poolsOf(engine).emplace_back(int32_t(table.capacityPages));
      (engine ? drafts[engine - 1].reserved : reserved).push_back(0);
    }
}

Scheduler::~Scheduler() = default;

//===----------------------------------------------------------------------===//
// Joining and leaving
//===----------------------------------------------------------------------===//

Status Scheduler::checkRequest(const Request &request, const SequenceEdits &edits) const {
  const StepLimits &limits = runner->limits();
  if (request.prompt.empty())
    return invalidArgument("prompt: found no token; expected at least one");
  for (size_t i = 0; i < request.prompt.size(); ++i)
    if (request.prompt[i] < 0 || request.prompt[i] >= limits.vocabulary)
      return invalidArgument("prompt: found token id " + std::to_string(request.prompt[i]) + " at index " +
                             std::to_string(i) + "; expected 0 to " + std::to_string(limits.vocabulary - 1));
  int64_t length = int64_t(request.prompt.size());
  int64_t context = contextFor(request.strategy.get());
  if (length > context)
    return invalidArgument("prompt: found " + std::to_string(length) + " tokens; expected at most " +
                           std::to_string(context) +
                           (context < limits.maxPositions ? ", the size of the key/value cache; enlarge the cache"
                                                          : ", the model's context; shorten the prompt"));
  if (request.maxTokens < 0)
    return invalidArgument("max tokens: found " + std::to_string(request.maxTokens) + "; expected at least 0");
  PLAIT_RETURN_IF_ERROR(checkLogitRules(request.rules, limits.vocabulary));
  if (request.rules.minTokens > request.maxTokens)
    return invalidArgument("min tokens: found " + std::to_string(request.rules.minTokens) + "; expected at most " +
                           std::to_string(request.maxTokens) + ", the max tokens");
  if (request.completions < 1 || request.completions > kMostCompletions)
    return invalidArgument("completions: found " + std::to_string(request.completions) + "; expected 1 to " +
                           std::to_string(kMostCompletions));
  if (request.hold && request.completions > 1)
    return invalidArgument("hold: found " + std::to_string(request.completions) + " completions; expected 1");
  if (request.wantLogits && request.completions > 1)
    return invalidArgument("logits: found " + std::to_string(request.completions) + " completions; expected 1");
  if (request.wantLogits && !runner->hasLogits())
    return invalidArgument("logits: the variant in use does not return them; use \"ar.debug\" "
                           "(compile with --debug-logits)");
  if (request.strategy)
    return checkStrategy(request, edits);
  // The rest of the limits are those of a step: ask with a step of one token.
  StepRow row;
  row.tokens = {request.prompt[0]};
  row.pages.assign(limits.tables.size(), {0});
  row.leaves.push_back({0, request.sampling, request.stops, edits.edits(), request.topLogprobs});
  StepBatch batch;
  batch.rows.push_back(std::move(row));
  return checkBatch(batch, limits).withContext("request");
}

/// The last token is chosen but never computed, so it needs no position.
void Scheduler::limitTokens(Sequence &sequence) const {
  int64_t context = contextFor(sequence.request.strategy.get());
  int64_t most = context - sequence.result.promptTokens + 1;
  int64_t &wanted = sequence.request.maxTokens;
  if (wanted <= most)
    return;
  sequence.result.note = "max tokens lowered from " + std::to_string(wanted) + " to " + std::to_string(most) +
                         ": a prompt of " + std::to_string(sequence.result.promptTokens) + " tokens in a context of " +
                         std::to_string(context);
  wanted = most;
}

/// The positions of the longest sequence that can run by itself.
int64_t Scheduler::contextLimit() const { return contextFor(nullptr); }

bool Scheduler::hasRoomFor(const std::vector<int64_t> &pages) const {
  for (size_t t = 0; t < pools.size(); ++t)
    if (reserved[t] + pages[t] > pools[t].capacity())
      return false;
  return true;
}

void Scheduler::reserve(const std::vector<int64_t> &pages, int64_t sign) {
  for (size_t t = 0; t < pools.size(); ++t)
    reserved[t] += sign * pages[t];
}

Expected<SequenceId> Scheduler::add(Request request) {
  if (!request.ignoreEos)
    for (int32_t id : runner->model().manifest().eos)
      if (std::find(request.stops.begin(), request.stops.end(), id) == request.stops.end())
        request.stops.push_back(id);
  SequenceEdits edits(request.rules, request.prompt, request.stops);
  PLAIT_RETURN_IF_ERROR(checkRequest(request, edits));
  std::shared_ptr<PromptGroup> group;
  if (request.completions > 1) {
    group = std::make_shared<PromptGroup>();
    // Behind a window pages go round: each completion has a ring of its own.
    for (const TableLimits &table : runner->limits().tables)
      group->sharedPages.push_back(table.window ? 0
                                                : (int64_t(request.prompt.size()) - 1) / runner->limits().pageTokens);
  }
  std::lock_guard<std::mutex> lock(mutex);
  SequenceId first = options.ids->fetch_add(SequenceId(request.completions)), next = first;
  for (int64_t completion = 0; completion < request.completions; ++completion) {
    auto sequence = std::make_unique<Sequence>(next++);
    for (PagePool &pool : pools)
      sequence->pages.emplace_back(pool);
    sequence->result.id = sequence->id;
    sequence->result.completion = completion;
    sequence->result.added = DecodeClock::now();
    sequence->result.promptTokens = int64_t(request.prompt.size());
    sequence->tokens = request.prompt;
    sequence->request = request;
    sequence->request.prompt = {}; // `tokens` holds it
    if (request.promptElsewhere && request.prompt.size() > 1)
      sequence->prompt = PromptPlace::awaited;
    sequence->request.sampling.sequence += uint64_t(completion) << 32;
    sequence->edits = edits;
    limitTokens(*sequence);
    sequence->group = group;
    sequence->reservedPages = pagesFor(*sequence);
    for (size_t t = 0; group && t < pools.size(); ++t)
      sequence->reservedPages[t] -= group->sharedPages[t];
    waitingSequences.emplace(sequence->id, std::move(sequence));
  }
  return first;
}

Expected<SequenceId> Scheduler::fork(SequenceId parentId, const Sampling &sampling) {
  std::lock_guard<std::mutex> lock(mutex);
  auto found = runningSequences.find(parentId);
  if (found == runningSequences.end() || found->second->inPrompt() ||
      found->second->result.reason != FinishReason::none)
    return notFound("fork: sequence " + std::to_string(parentId) + " is not generating");
  if (runningSequences.size() >= size_t(runner->limits().maxRows))
    return resourceError("fork: all rows of the step are taken");
  const Sequence &parent = *found->second;
  // Shared pages are counted twice: each side may come to own a copy of its own.
  std::vector<int64_t> needed = pagesFor(parent);
  if (!hasRoomFor(needed) || !draftsHaveRoomFor(parent))
    return resourceError("fork: the key/value cache has no room for another sequence");
  auto child = std::make_unique<Sequence>((*options.ids)++);
  child->request = parent.request;
  child->request.sampling = sampling;
  child->tokens = parent.tokens;
  child->fed = parent.fed;
  child->edits = parent.edits;
  child->reservedPages = needed;
  for (const PageList &pages : parent.pages)
    child->pages.push_back(pages.fork());
  child->result = parent.result;
  child->result.id = child->id;
  reserve(child->reservedPages, +1);
  reserveDrafts(*child, +1);
  SequenceId id = child->id;
  runningSequences.emplace(id, std::move(child));
  return id;
}

Sequence *Scheduler::find(SequenceId id) const {
  for (const auto *map : {&runningSequences, &waitingSequences})
    if (auto it = map->find(id); it != map->end())
      return it->second.get();
  return nullptr;
}

bool Scheduler::endEarly(SequenceId id, FinishReason reason) {
  std::lock_guard<std::mutex> lock(mutex);
  Sequence *sequence = find(id);
  if (!sequence || sequence->result.reason != FinishReason::none)
    return false;
  sequence->wanted = reason;
  endRequested = true;
  return true;
}

void Scheduler::cancelAll() {
  std::lock_guard<std::mutex> lock(mutex);
  for (auto *map : {&runningSequences, &waitingSequences})
    for (auto &[id, sequence] : *map)
      sequence->wanted = FinishReason::cancelled;
  endRequested = true;
}

void Scheduler::finish(Sequence &sequence, FinishReason reason) {
  if (sequence.result.reason != FinishReason::none)
    return;
  sequence.result.reason = reason;
  sequence.result.finished = DecodeClock::now();
}

/// Removes what has ended or is to end and frees its pages.
void Scheduler::sweep(Events &events) {
  bool waitingToo = std::exchange(endRequested, false); // there may be many
  for (auto *map : {&runningSequences, &waitingSequences}) {
    if (map == &waitingSequences && !waitingToo)
      break;
    for (auto it = map->begin(); it != map->end();) {
      Sequence &sequence = *it->second;
      if (sequence.wanted != FinishReason::none)
        finish(sequence, sequence.wanted);
      if (sequence.result.reason == FinishReason::none) {
        ++it;
        continue;
      }
      if (map == &runningSequences) {
        reserve(sequence.reservedPages, -1);
        reserveDrafts(sequence, -1);
        leaveGroup(sequence);
        keep(sequence);
      }
      if (sequence.request.onFinish)
        events.finishes.push_back({std::move(sequence.request.onFinish), std::move(sequence.result)});
      else
        results.emplace(it->first, std::move(sequence.result));
      it = map->erase(it);
    }
  }
}

void Scheduler::reserve(const KeptPrefix &prefix, int64_t sign) {
  for (size_t t = 0; t < pools.size(); ++t)
    reserved[t] += sign * int64_t(prefix.pages[t].held());
}

/// Keeps what an ended sequence has computed, if that is asked for.
void Scheduler::keep(Sequence &sequence) {
  const Request &request = sequence.request;
  if (!request.keep || request.completions > 1 || sequence.fed == 0 || sequence.result.reason == FinishReason::error)
    return;
  KeptPrefix prefix{std::move(sequence.tokens), std::move(sequence.pages)};
  prefix.tokens.resize(size_t(sequence.fed));
  for (PageList &pages : prefix.pages)
    pages.shrink(size_t(runner->limits().wholePages(sequence.fed)));
  reserve(prefix, +1);
  keptPrefixes.push_back(std::move(prefix));
}

/// The kept prefix that spares `sequence` most, and how many tokens it does. At
/// least one is computed, for its logits; with logits of all, all are.
std::vector<KeptPrefix>::iterator Scheduler::findKept(const Sequence &sequence, int64_t &common) {
  int64_t most = sequence.request.wantLogits ? 0 : sequence.result.promptTokens - 1;
  auto best = keptPrefixes.end();
  for (auto it = keptPrefixes.begin(); it != keptPrefixes.end(); ++it) {
    auto end = std::mismatch(it->tokens.begin(), it->tokens.end(), sequence.tokens.begin(), sequence.tokens.end());
    int64_t length = std::min<int64_t>(end.first - it->tokens.begin(), most);
    // Where a window has let pages go, an earlier position may need them again.
    bool whole = true;
    for (size_t t = 0; t < pools.size(); ++t)
      whole &= int64_t(it->pages[t].size() - it->pages[t].held()) <=
               runner->limits().firstPage(runner->limits().tables[t], length);
    if (whole && length > common) {
      common = length;
      best = it;
    }
  }
  return best;
}

/// Hands `sequence` a kept prefix, if one is of use and `takeOver`, and drops
/// others, the oldest first, until there is room for `needed` pages. False if
/// the sequence has to wait.
bool Scheduler::makeRoom(Sequence &sequence, const std::vector<int64_t> &needed, bool takeOver) {
  for (size_t t = 0; t < pools.size(); ++t) {
    int64_t running = reserved[t];
    for (const KeptPrefix &prefix : keptPrefixes)
      running -= int64_t(prefix.pages[t].held());
    if (running + needed[t] > pools[t].capacity())
      return false;
  }
  int64_t common = 0;
  if (auto best = findKept(sequence, common); takeOver && best != keptPrefixes.end()) {
    reserve(*best, -1);
    sequence.pages = std::move(best->pages);
    for (PageList &pages : sequence.pages)
      pages.shrink(size_t(runner->limits().wholePages(common)));
    sequence.fed = sequence.result.reusedTokens = common;
    keptPrefixes.erase(best);
  }
  while (!hasRoomFor(needed)) {
    reserve(keptPrefixes.front(), -1);
    keptPrefixes.erase(keptPrefixes.begin());
  }
  return true;
}

/// The running completion of the same request that holds all pages of the prompt,
/// or is computing them; null if there is none.
const Sequence *Scheduler::findSource(const Sequence &sequence) const {
  const StepLimits &limits = runner->limits();
  auto holds = [&](const Sequence &sibling) { // and has given back none behind a window
    return std::all_of(limits.tables.begin(), limits.tables.end(), [&](const TableLimits &table) {
      return limits.firstPage(table, sibling.fed) <= limits.firstPage(table, sequence.sharedTokens());
    });
  };
  if (sequence.group)
    for (SequenceId id : sequence.group->members)
      if (const Sequence &sibling = *runningSequences.at(id); holds(sibling))
        return &sibling;
  return nullptr;
}

/// Begins `sequence` where all completions part.
void Scheduler::goOnFrom(const Sequence &source, Sequence &sequence) const {
  sequence.fed = sequence.sharedTokens();
  sequence.prompt = PromptPlace::here;
  sequence.pages.clear();
  for (const PageList &pages : source.pages)
    sequence.pages.push_back(pages.fork(size_t(runner->limits().wholePages(sequence.fed))));
}

/// From now on the sequence shares no reservation.
void Scheduler::leaveGroup(Sequence &sequence) {
  std::shared_ptr<PromptGroup> group = std::exchange(sequence.group, nullptr);
  sequence.reservedPages = pagesFor(sequence);
  if (group && group->members.erase(sequence.id) && group->members.empty())
    reserve(group->sharedPages, -1);
}

/// In order of arrival: a long request waits its turn but is not overtaken, except
/// by others while the prompt that it shares is being computed.
void Scheduler::admit(Events &events) {
  for (auto next = waitingSequences.begin();
       next != waitingSequences.end() && runningSequences.size() < size_t(runner->limits().maxRows);) {
    auto it = next++;
    Sequence &sequence = *it->second;
    if (sequence.prompt == PromptPlace::awaited)
      continue;
    const Sequence *source = findSource(sequence);
    if (source && source->fed < sequence.sharedTokens())
      continue;
    bool isFirst = sequence.group && sequence.group->members.empty();
    if (sequence.group && !source && !isFirst)
      leaveGroup(sequence); // too late to share
    std::vector<int64_t> needed = sequence.reservedPages;
    for (size_t t = 0; isFirst && t < needed.size(); ++t)
      needed[t] += sequence.group->sharedPages[t];
    bool takesOver = !source && sequence.prompt == PromptPlace::here;
    if (!draftsHaveRoomFor(sequence) || !makeRoom(sequence, needed, takesOver))
      break;
    reserve(needed, +1);
    reserveDrafts(sequence, +1);
    if (source)
      goOnFrom(*source, sequence);
    else if (sequence.prompt == PromptPlace::computed)
      expectPrompt(sequence);
    if (sequence.group)
      sequence.group->members.insert(sequence.id);
    sequence.result.started = DecodeClock::now();
    if (sequence.request.maxTokens == 0 && !sequence.request.wantLogits && !sequence.request.hold)
      finish(sequence, FinishReason::length); // nothing is asked for
    runningSequences.insert(waitingSequences.extract(it));
  }
  sweep(events);
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

std::vector<RowPlan> Scheduler::planRows(EngineStep kind) const {
  const StepLimits &limits = runnerOf(kind.engine).limits();
  std::vector<RowPlan> rows;
  StepRoom room{limits.maxTokens, limits.maxRows, limits.maxLeaves};
  auto take = [&](const RowPlan &row, int64_t leaves) {
    rows.push_back(row);
    room = {room.tokens - row.count, room.rows - 1, room.leaves - leaves};
  };
  auto add = [&](const Sequence &sequence, int64_t count, bool prompt) {
    if (sequence.prompt == PromptPlace::arriving)
      return;
    count = std::min({count, sequence.pending(), room.tokens});
    // The completions of a request go on from here together.
    if (int64_t shared = sequence.sharedTokens(); sequence.fed < shared)
      count = std::min(count, shared - sequence.fed);
    if (sequence.request.wantLogits)
      count = std::min(count, room.leaves);
    if (count >= 1 && room.leaves >= 1)
      take({sequence.id, sequence.fed, count, prompt}, sequence.request.wantLogits ? count : 1);
  };
  for (bool prompts : {false, true})
    for (const Sequence *sequence : inTurn(prompts)) {
      if (room.rows < 1)
        return rows;
      if (!sequence->course) {
        if (kind == EngineStep() && sequence->inPrompt() == prompts)
          add(*sequence, !prompts ? 1 : options.chunk > 0 ? options.chunk : limits.maxTokens, prompts);
      } else if (std::optional<RowPlan> row = planForward(*sequence, kind, prompts, room)) {
        take(*row, row->prompt ? 0 : sequence->course->next().nodes);
      }
    }
  return rows;
}

/// A hook may choose among the rows, not invent any.
Status Scheduler::checkPlan(const PlannedStep &step) const {
  std::set<SequenceId> seen;
  auto isPossible = [&](const Sequence &sequence, const RowPlan &row) {
    return sequence.course ? isForwardRow(sequence, row, step.kind)
                           : step.kind == EngineStep() && row.first == sequence.fed && row.count >= 1 &&
                                 row.count <= sequence.pending();
  };
  for (const RowPlan &row : step.rows) {
    auto it = runningSequences.find(row.id);
    if (it == runningSequences.end() || !seen.insert(row.id).second || !isPossible(*it->second, row))
      return invalidArgument("plan hook: row of sequence " + std::to_string(row.id) + " is not one of the step");
  }
  return Status::success();
}

Status Scheduler::buildBatch(const std::vector<RowPlan> &rows, StepBatch &batch) {
  for (const RowPlan &plan : rows) {
    Sequence &sequence = *runningSequences.at(plan.id);
    if (sequence.course) {
      PLAIT_RETURN_IF_ERROR(buildForward(plan, sequence, batch));
      continue;
    }
    int64_t end = plan.first + plan.count;
    StepRow row;
    PLAIT_RETURN_IF_ERROR(openPages(*runner, sequence.pages, plan.first, plan.count, row));
    row.tokens.assign(sequence.tokens.begin() + plan.first, sequence.tokens.begin() + end);
    if (end < int64_t(sequence.tokens.size()))
      row.next = sequence.tokens[size_t(end)];
    // The path up to the last known token is forced; only there is a choice.
    bool last = end == int64_t(sequence.tokens.size()) && !sequence.request.hold;
    int64_t leaf = sequence.request.wantLogits ? 0 : plan.count - 1;
    for (; leaf < plan.count; ++leaf)
      if (sequence.request.wantLogits || last)
        row.leaves.push_back({int32_t(leaf), sequence.request.sampling, sequence.request.stops});
    if (last) {
      row.leaves.back().edits = sequence.edits.edits();
      row.leaves.back().topLogprobs = sequence.request.topLogprobs;
    }
    batch.rows.push_back(std::move(row));
  }
  return Status::success();
}

void Scheduler::acceptLeaf(Sequence &sequence, const LeafResult &leaf, Events &events) {
  SequenceResult &result = sequence.result;
  if (sequence.wanted != FinishReason::none || result.reason != FinishReason::none)
    return;
  if (leaf.status == PLAIT_LEAF_NONFINITE) {
    result.error =
        internalError("logits: found NaN or infinity after position " + std::to_string(sequence.tokens.size() - 1) +
                      "; the weights may be damaged, or the prompt beyond the "
                      "model's range; run `plait verify`");
    return finish(sequence, FinishReason::error);
  }
  if (sequence.request.maxTokens == 0)
    return finish(sequence, FinishReason::length);
  if (result.tokens.empty())
    result.firstToken = DecodeClock::now();
  if (leaf.status == PLAIT_LEAF_STOPPED) {
    result.stopToken = leaf.token;
    return finish(sequence, FinishReason::stop);
  }
  if (sequence.request.onToken)
    events.tokens.push_back({sequence.request.onToken,
                             {sequence.id, result.completion, int64_t(result.tokens.size()), leaf.token, leaf.logprob,
                              leaf.top, result.drafting}});
  result.tokens.push_back(leaf.token);
  result.logprobs.push_back(leaf.logprob);
  if (sequence.request.topLogprobs)
    result.top.push_back(leaf.top);
  sequence.tokens.push_back(leaf.token);
  sequence.edits.accept(leaf.token);
  if (int64_t(result.tokens.size()) >= sequence.request.maxTokens)
    finish(sequence, FinishReason::length);
}

/// Gives back the pages that no token to come can read.
void Scheduler::releaseBehindWindows(Sequence &sequence) const {
  const StepLimits &limits = runner->limits();
  for (size_t t = 0; t < limits.tables.size(); ++t)
    sequence.pages[t].release(size_t(limits.firstPage(limits.tables[t], sequence.fed)));
}

void Scheduler::distribute(const std::vector<RowPlan> &rows, const StepResult &result, Events &events) {
  size_t leaf = 0, vocabulary = size_t(runner->limits().vocabulary);
  for (const RowPlan &row : rows) {
    Sequence &sequence = *runningSequences.at(row.id);
    sequence.lastStep = stepCount;
    if (sequence.course) {
      leaf += supplyForward(row, sequence, std::span(result.leaves).subspan(leaf));
      continue;
    }
    bool last = row.first + row.count == int64_t(sequence.tokens.size()) && !sequence.request.hold;
    size_t leaves = sequence.request.wantLogits ? size_t(row.count) : size_t(last);
    sequence.fed = row.first + row.count;
    releaseBehindWindows(sequence);
    if (sequence.request.wantLogits) {
      auto from = result.logits.begin() + ptrdiff_t(leaf * vocabulary);
      sequence.result.logits.insert(sequence.result.logits.end(), from, from + ptrdiff_t(leaves * vocabulary));
      sequence.result.fed.assign(sequence.tokens.begin(), sequence.tokens.begin() + sequence.fed);
    }
    leaf += leaves;
    if (last)
      acceptLeaf(sequence, result.leaves[leaf - 1], events);
  }
}

void Scheduler::failRows(const std::vector<RowPlan> &rows, const Status &status) {
  for (const RowPlan &row : rows)
    if (auto it = runningSequences.find(row.id); it != runningSequences.end()) {
      it->second->result.error = status;
      finish(*it->second, FinishReason::error);
    }
}

void Scheduler::deliver(Events &events) {
  for (auto &token : events.tokens)
    token.callback(token.event);
  for (auto &finish : events.finishes)
    finish.callback(std::move(finish.result));
}

Expected<bool> Scheduler::step() {
  PlannedStep step;
  PLAIT_RETURN_IF_ERROR(beginStep(step));
  if (!step.rows.empty())
    PLAIT_RETURN_IF_ERROR(finishStep(step, step.runner->run(std::move(step.batch))));
  return waiting() + running() > 0;
}

Status Scheduler::beginStep(PlannedStep &step) {
  try {
    return formStep(step);
  } catch (const std::exception &error) {
    return resourceError(std::string("step: ") + error.what());
  }
}

Status Scheduler::formStep(PlannedStep &step) {
  Events events;
  Status status;
  {
    std::lock_guard<std::mutex> lock(mutex);
    sweep(events);
    admit(events);
    beginCourses();
    step.kind = nextStep();
    step.runner = &runnerOf(step.kind.engine);
    step.rows = planRows(step.kind);
    step.batch.step = step.kind.step;
    if (options.planHook) {
      options.planHook(step.rows);
      status = checkPlan(step);
    }
    if (status)
      status = buildBatch(step.rows, step.batch);
    if (!status) {
      failRows(step.rows, status);
      step.rows.clear();
      sweep(events);
    }
    step.begun = now();
  }
  deliver(events);
  return status;
}

Status Scheduler::finishStep(const PlannedStep &step, Expected<StepResult> result) {
  try {
    Events events;
    Status status = step.kind.engine ? result.status().withContext("draft model") : result.status();
    {
      std::lock_guard<std::mutex> lock(mutex);
      ++stepCount;
      if (result) {
        noteTime(step);
        distribute(step.rows, *result, events);
        status = moveCells();
      }
      if (!status)
        failRows(step.rows, status);
      sweep(events);
    }
    deliver(events);
    acceptChosen(step.rows);
    return status;
  } catch (const std::exception &error) {
    return resourceError(std::string("step: ") + error.what());
  }
}

Status Scheduler::runAll() {
  while (true) {
    PLAIT_ASSIGN_OR_RETURN(bool more, step());
    if (!more && waiting() + running() == 0) // a callback may have added some
      return Status::success();
  }
}

Expected<SequenceResult> Scheduler::take(SequenceId id) {
  std::lock_guard<std::mutex> lock(mutex);
  auto it = results.find(id);
  if (it == results.end())
    return notFound("sequence " + std::to_string(id) + ": it has not ended, or was taken");
  SequenceResult result = std::move(it->second);
  results.erase(it);
  return result;
}

size_t Scheduler::waiting() const {
  std::lock_guard<std::mutex> lock(mutex);
  return waitingSequences.size();
}

size_t Scheduler::running() const {
  std::lock_guard<std::mutex> lock(mutex);
  return runningSequences.size();
}

int64_t Scheduler::steps() const {
  std::lock_guard<std::mutex> lock(mutex);
  return stepCount;
}

int64_t Scheduler::freePages() const {
  std::lock_guard<std::mutex> lock(mutex);
  int64_t pages = 0;
  for (const PagePool &pool : pools)
    pages += pool.available();
  for (const Draft &draft : drafts)
    for (const PagePool &pool : draft.pools)
      pages += pool.available();
  return pages;
}

int64_t Scheduler::totalPages() const {
  int64_t pages = 0;
  for (const PagePool &pool : pools)
    pages += pool.capacity();
  for (const Draft &draft : drafts)
    for (const PagePool &pool : draft.pools)
      pages += pool.capacity();
  return pages;
}
