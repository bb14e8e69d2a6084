//===- SchedulerEngines.cpp - What strategies need of engines -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The model and those that draft for it: which of them a strategy has texts of, with how many
// pages, and whether their steps can hold what it drafts.
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/Scheduler.h"
#include "runtime/decode/StrategyChoice.h"

#include <algorithm>

using namespace plait;

size_t Scheduler::findEngine(const std::string &name) const {
  auto draft = std::find_if(drafts.begin(), drafts.end(), [&](const Draft &draft) { return draft.name == name; });
  return name == "main" ? 0 : draft == drafts.end() ? kNoEngine : size_t(draft - drafts.begin()) + 1;
}

/// The number of a step that forwards run; -1: the engine has none of that name.
int32_t Scheduler::findStep(size_t engine, const std::string &name) const {
  const StepRunner &own = runnerOf(engine);
  return name == own.model().manifest().strategy ? 0 : own.limits().findStep(name);
}

/// The texts of `program` that have pages of this engine.
int64_t Scheduler::countTexts(const RoundProgram *program, size_t engine) const {
  if (!program)
    return engine == 0;
  return std::count_if(program->models.begin(), program->models.end(),
                       [&](const std::string &name) { return findEngine(name) == engine; });
}

/// The most pages of a table that one text uses at once. Behind a window it holds, besides
/// that, a row, or what was drafted: that begins once nothing else is pending.
int64_t Scheduler::ringOf(const StepLimits &limits, const TableLimits &table, const RoundProgram *program) const {
  int64_t step = options.chunk > 0 ? std::min(options.chunk, limits.maxTokens) : limits.maxTokens;
  return limits.ringPages(table, std::max(step, needsOf(program).ahead));
}

/// The positions of the longest sequence that can run by itself with a strategy, or with none.
int64_t Scheduler::contextFor(const RoundProgram *program) const {
  int64_t context = runner->limits().maxPositions;
  for (size_t engine = 0; engine <= drafts.size(); ++engine) {
    const StepLimits &limits = runnerOf(engine).limits();
    int64_t texts = countTexts(program, engine);
    for (const TableLimits &table : limits.tables) {
      int64_t capacity = texts ? table.capacityPages / texts : INT64_MAX;
      if (capacity < std::min(ringOf(limits, table, program), limits.wholePages(limits.maxPositions)))
        context = std::min(context, capacity * limits.pageTokens);
    }
  }
  return context;
}

/// The pages of an engine that hold all positions of a text of `sequence`. No block goes beyond
/// the last position that the text itself may have, but the nodes of a tree lie behind each
/// other, and a text that follows from what is drafted asks for nodes behind its last token: for
/// them there are more pages if the cache has them and the model so many positions, else a block
/// has fewer nodes there.
int64_t Scheduler::wholePagesFor(const Sequence &sequence, size_t engine) const {
  const RoundProgram *program = sequence.request.strategy.get();
  const StepLimits &limits = runnerOf(engine).limits();
  int64_t positions = sequence.result.promptTokens + std::max<int64_t>(0, sequence.request.maxTokens - 1);
  int64_t least = limits.wholePages(std::min(positions, limits.maxPositions));
  if (!program || (!program->hasTrees && program->hasPlainText()))
    return least;
  int64_t most = limits.wholePages(std::min(positions + program->mostNodes, limits.maxPositions));
  for (const TableLimits &table : limits.tables)
    if (ringOf(limits, table, program) > least)
      most = std::min(most, table.capacityPages / std::max<int64_t>(1, countTexts(program, engine)));
  return std::max(least, most);
}

/// Of each page table of an engine, those of all texts of `sequence`.
std::vector<int64_t> Scheduler::pagesFor(const Sequence &sequence, size_t engine) const {
  const RoundProgram *program = sequence.request.strategy.get();
  const StepLimits &limits = runnerOf(engine).limits();
  int64_t whole = wholePagesFor(sequence, engine), texts = countTexts(program, engine);
  std::vector<int64_t> pages;
  for (const TableLimits &table : limits.tables)
    pages.push_back(texts * std::min(ringOf(limits, table, program), whole));
  return pages;
}

bool Scheduler::draftsHaveRoomFor(const Sequence &sequence) const {
  for (size_t i = 0; i < drafts.size(); ++i) {
    std::vector<int64_t> pages = pagesFor(sequence, i + 1);
    for (size_t t = 0; t < pages.size(); ++t)
      if (drafts[i].reserved[t] + pages[t] > drafts[i].pools[t].capacity())
        return false;
  }
  return true;
}

void Scheduler::reserveDrafts(const Sequence &sequence, int64_t sign) {
  for (size_t i = 0; i < drafts.size(); ++i) {
    std::vector<int64_t> pages = pagesFor(sequence, i + 1);
    for (size_t t = 0; t < pages.size(); ++t)
      drafts[i].reserved[t] += sign * pages[t];
  }
}

Status Scheduler::checkStrategy(const Request &request, const SequenceEdits &edits) const {
  const RoundProgram &program = *request.strategy;
  std::string what = "strategy " + program.name + ": ";
  if (request.wantLogits)
    return invalidArgument("logits: found the strategy " + program.name +
                           "; expected none, as only plain decoding computes the logits of every position by itself");
  for (const std::string &name : program.models) {
    size_t engine = findEngine(name);
    if (engine == kNoEngine)
      return notFound(what + "found a text of the model \"" + name + "\"; expected \"main\"" +
                      (drafts.empty() ? ", there is no draft model" : " or a draft model that was given"));
    const StepRunner &own = runnerOf(engine);
    const StepLimits &limits = own.limits();
    std::string where = what + "model \"" + name + "\": ";
    if (limits.vocabulary != runner->limits().vocabulary)
      return invalidArgument(where + "found a vocabulary of " + std::to_string(limits.vocabulary) + "; expected the " +
                             std::to_string(runner->limits().vocabulary) + " tokens of the model that it drafts for");
    // Those of the text that the user reads may be any of its steps.
    for (size_t i = 0; i < program.steps.size(); ++i) {
      int32_t step = findStep(engine, program.steps[i]);
      bool isOfKind =
          step < 0 ? engine != 0 : limits.isHead(step) == program.isHead[i] && limits.recurs(step) == program.recurs[i];
      if (!isOfKind)
        return notFound(where + "found forwards that run \"" + program.steps[i] + "\"; expected \"" +
                        own.model().manifest().strategy +
                        "\" or another step that the model was compiled with; compile it again");
    }
    if (int64_t most = std::min(limits.maxTokens, limits.maxLeaves); program.mostNodes > most)
      return invalidArgument(where + "found blocks of up to " + std::to_string(program.mostNodes) +
                             " tokens; expected at most " + std::to_string(most) + ", as many as a step verifies");
    StepRow row;
    row.tokens = {request.prompt[0]};
    row.pages.assign(limits.tables.size(), {0});
    row.leaves.push_back(
        {0, request.sampling, request.stops, edits.edits(), std::max(request.topLogprobs, program.mostTop)});
    StepBatch batch;
    batch.rows.push_back(std::move(row));
    PLAIT_RETURN_IF_ERROR(checkBatch(batch, limits).withContext(where + "request"));
  }
  return findEngine(program.models[0]) == 0
             ? Status::success()
             : invalidArgument(what + "found a text of \"" + program.models[0] + "\" as the first; expected \"main\"");
}
