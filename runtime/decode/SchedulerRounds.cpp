//===- SchedulerRounds.cpp - Sequences with a strategy --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A sequence with a strategy waits for a forward of its course, which becomes a row of the
// next step of the model that it is for: pending tokens, then the nodes of a block, of which
// each has a leaf. What such a leaf chooses depends on the tokens before it alone, so it is
// what plain decoding would choose there.
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/Scheduler.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

using namespace plait;

ForwardRow SequenceCourse::next() const {
  const std::vector<RoundText> &texts = course.texts();
  size_t step = size_t(forward->step);
  if (forward->hidden) {
    ForwardRow row;
    row.engine = engines[0];
    row.step = steps[0][step];
    row.nodes = 1;
    row.isHead = forward->instruction->isHead;
    row.recurs = forward->instruction->recurs;
    row.first = forward->position;
    return row;
  }
  const RoundText &text = texts[size_t(forward->text)];
  ForwardRow row;
  row.owner = text.base < 0 ? forward->text : text.base;
  row.engine = engines[size_t(row.owner)];
  const RoundText &owner = texts[size_t(row.owner)];
  // What is pending in a text comes before what a fork of it drafts: in its own forward it
  // would have to be computed again.
  bool ownerFirst = row.owner != forward->text && owner.published < owner.root();
  row.text = ownerFirst ? row.owner : forward->text;
  const RoundText &fed = ownerFirst ? owner : text;
  row.first = std::max(fed.published, owner.published);
  row.pending = fed.root() - row.first;
  row.nodes = ownerFirst ? 0 : forward->block.size();
  row.step = ownerFirst ? 0 : steps[size_t(row.owner)][step];
  return row;
}

/// Of sequences that run: before, it is not known how much of the prompt others have computed.
void Scheduler::beginCourses() {
  countPaces();
  for (auto &[id, owned] : runningSequences) {
    Sequence &sequence = *owned;
    const auto &program = sequence.request.strategy;
    if (!program || sequence.course || sequence.result.reason != FinishReason::none)
      continue;
    std::vector<size_t> engines;
    std::vector<int64_t> maxPositions;
    std::vector<std::vector<int32_t>> steps;
    for (const std::string &name : program->models) {
      engines.push_back(findEngine(name));
      for (steps.emplace_back(); const std::string &step : program->steps)
        steps.back().push_back(std::max(0, findStep(engines.back(), step))); // checked, those of the text
      maxPositions.push_back(runnerOf(engines.back()).limits().maxPositions);
    }
    int64_t budget = sequence.request.maxTokens - int64_t(sequence.result.tokens.size());
    sequence.course = std::make_unique<SequenceCourse>(Course(program, sequence.tokens, budget, std::move(maxPositions),
                                                              runner->limits().vocabulary, sequence.request.sampling),
                                                       std::move(engines), std::move(steps));
    SequenceCourse &own = *sequence.course;
    own.pages.resize(own.engines.size());
    for (size_t text = 1; text < own.engines.size(); ++text)
      for (PagePool &pool : poolsOf(own.engines[text]))
        own.pages[text].emplace_back(pool);
    own.course.texts()[0].published = sequence.fed;
    for (size_t text = 0; text < own.engines.size(); ++text)
      own.course.texts()[text].slots =
          wholePagesFor(sequence, own.engines[text]) * runnerOf(own.engines[text]).limits().pageTokens;
    own.course.setStops(sequence.request.stops);
    own.course.setPace(sequence.request.alwaysDraft ? eagerPace(program->variants) : paceOf(program));
    own.course.setOracle(sequence.request.oracle);
    own.forward = own.course.advance();
    settle(sequence);
    if (!own.forward)
      failCourse(sequence);
  }
}

/// Ends a sequence whose strategy has ended before the text has.
void Scheduler::failCourse(Sequence &sequence) {
  const Status &status = sequence.course->course.status();
  sequence.result.error = status ? internalError("strategy " + sequence.request.strategy->name +
                                                 ": found its end; expected that of the text before")
                                 : status;
  finish(sequence, FinishReason::error);
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// For rows of decoding those that have waited longest for one first, so that each comes to
/// its turn; for prompts the order of arrival, in which they are done soonest.
std::vector<const Sequence *> Scheduler::inTurn(bool prompts) const {
  std::vector<const Sequence *> sequences;
  for (const auto &[id, sequence] : runningSequences)
    if (sequence->result.reason == FinishReason::none)
      sequences.push_back(sequence.get());
  if (!prompts)
    std::sort(sequences.begin(), sequences.end(), [](const Sequence *a, const Sequence *b) {
      return std::pair(a->lastStep, a->id) < std::pair(b->lastStep, b->id);
    });
  return sequences;
}

/// With more pending tokens than a round leaves, a row is one of the prompts.
static bool isPrompt(const Sequence &sequence, const ForwardRow &next) {
  return next.pending > sequence.request.strategy->mostNodes;
}

/// Which step comes next. Drafts come first, be they of a draft model, of a fork or of a head:
/// so those who wait for what they draft for meet in one step. Others take turns.
EngineStep Scheduler::nextStep() {
  std::set<EngineStep> wanted;
  for (const auto &[id, sequence] : runningSequences) {
    if (!sequence->course) {
      wanted.insert(EngineStep());
    } else if (sequence->course->forward) {
      ForwardRow next = sequence->course->next();
      bool drafts = next.engine || next.isHead || next.recurs || (next.step && next.text != 0);
      if (drafts && !isPrompt(*sequence, next))
        return {next.engine, next.step};
      wanted.insert({next.engine, next.step});
    }
  }
  // Drafts between two turns take none.
  auto after = wanted.upper_bound(lastTurn);
  lastTurn = after != wanted.end() ? *after : wanted.empty() ? EngineStep() : *wanted.begin();
  return lastTurn;
}

/// The row that there is room for, with all of the block or nothing of it.
std::optional<RowPlan> Scheduler::planForward(const Sequence &sequence, EngineStep kind, bool prompts,
                                              const StepRoom &room) const {
  if (!sequence.course->forward)
    return std::nullopt;
  ForwardRow next = sequence.course->next();
  if (kind != EngineStep{next.engine, next.step} || isPrompt(sequence, next) != prompts)
    return std::nullopt;
  if (next.isHead)
    return room.leaves < 1 ? std::nullopt : std::optional(RowPlan{sequence.id, 0, 1, false});
  if (next.recurs)
    return room.leaves < 1 || room.tokens < 1 ? std::nullopt
                                              : std::optional(RowPlan{sequence.id, next.first, 1, false});
  int64_t chunk = options.chunk > 0 ? options.chunk : INT64_MAX, whole = next.pending + next.nodes;
  bool fits = whole <= room.tokens && next.nodes <= room.leaves && (!prompts || whole <= chunk);
  int64_t count = next.nodes && fits ? whole : std::min({next.pending, chunk, room.tokens});
  // The completions of a request go on from here together.
  if (int64_t shared = sequence.sharedTokens(); next.owner == 0 && sequence.fed < shared)
    count = std::min(count, shared - sequence.fed);
  if (count < 1)
    return std::nullopt;
  return RowPlan{sequence.id, next.first, count, count <= next.pending};
}

bool Scheduler::isForwardRow(const Sequence &sequence, const RowPlan &row, EngineStep kind) const {
  if (!sequence.course->forward)
    return false;
  ForwardRow next = sequence.course->next();
  bool whole = next.nodes && row.count == next.pending + next.nodes;
  return kind == EngineStep{next.engine, next.step} && row.first == next.first &&
         (whole || (row.count >= 1 && row.count <= next.pending));
}

/// Gives `row` pages for `count` tokens from `first` on, which it alone writes.
Status Scheduler::openPages(StepRunner &engine, std::vector<PageList> &lists, int64_t first, int64_t count,
                            StepRow &row) {
  int64_t size = engine.limits().pageTokens, end = first + count;
  for (size_t t = 0; t < lists.size(); ++t) {
    PageList &pages = lists[t];
    PageCopy copy = [&](int32_t from, int32_t to) { return engine.copyPage(t, from, to); };
    PLAIT_RETURN_IF_ERROR(pages.grow(size_t((end + size - 1) / size)));
    for (int64_t page = first / size; page * size < end; ++page)
      PLAIT_RETURN_IF_ERROR(pages.makeWritable(size_t(page), copy));
    row.pages.push_back(pages.pages());
  }
  row.firstPosition = first;
  return Status::success();
}

std::vector<PageList> &Scheduler::pagesOf(Sequence &sequence, int owner) {
  return owner == 0 ? sequence.pages : sequence.course->pages[size_t(owner)];
}

Status Scheduler::buildForward(const RowPlan &plan, Sequence &sequence, StepBatch &batch) {
  SequenceCourse &own = *sequence.course;
  ForwardRow next = own.next();
  const RoundText &text = own.course.texts()[size_t(next.text)];
  const DraftBlock &block = own.forward->block;
  const Request &request = sequence.request;
  StepRow row;
  if (next.isHead) {
    StepLeaf &leaf = row.leaves.emplace_back();
    leaf.hidden = own.forward->hidden;
    leaf.topLogprobs = own.forward->instruction->top;
    batch.rows.push_back(std::move(row));
    return Status::success();
  }
  row.firstPosition = plan.first;
  if (StepRunner &engine = runnerOf(next.engine); engine.limits().hasPages(next.step))
    PLAIT_RETURN_IF_ERROR(openPages(engine, pagesOf(sequence, next.owner), plan.first, plan.count, row));
  if (next.recurs) {
    row.tokens = block.tokens;
    StepLeaf &leaf = row.leaves.emplace_back();
    leaf.hidden = own.forward->hidden;
    leaf.topLogprobs = own.forward->instruction->top;
    batch.rows.push_back(std::move(row));
    return Status::success();
  }
  auto pending = text.tokens.begin() + next.first;
  row.tokens.assign(pending, pending + std::min(plan.count, next.pending));
  if (plan.count <= next.pending)
    row.next = pending[plan.count];
  if (plan.count > next.pending) {
    bool isChain = block.isChain();
    for (int32_t pending = 0; !isChain && pending < int32_t(next.pending); ++pending)
      row.parents.push_back(pending - 1);
    // Each node sees the text with the path to it.
    std::vector<SequenceEdits> edits; // of each node; of a chain they go from node to node
    for (int32_t node = 0; node < block.size(); ++node) {
      int32_t token = node ? block.tokens[size_t(node)] : text.tokens.back(), parent = block.parents[size_t(node)];
      if (node == 0) {
        edits.push_back(sequence.edits);
        for (size_t i = sequence.tokens.size(); i < text.tokens.size(); ++i)
          edits[0].accept(text.tokens[i]);
      } else {
        edits.push_back(isChain ? std::move(edits.back()) : SequenceEdits(edits[size_t(parent)]));
        if (node < block.numTokens()) // a prompt is none of the text
          edits.back().accept(token);
      }
      if (!isChain)
        row.parents.push_back(int32_t(next.pending) + parent);
      row.leaves.push_back({int32_t(row.tokens.size()), request.sampling, request.stops, edits.back().edits(),
                            std::max(request.topLogprobs, own.forward->instruction->top), nullptr, parent});
      row.tokens.push_back(token);
    }
    if (block.prompts && block.together > 1) {
      row.ends.resize(size_t(next.pending));
      std::iota(row.ends.begin(), row.ends.end(), 0);
      for (int32_t node = 0; node < block.size(); ++node)
        row.ends.push_back(int32_t(next.pending) + block.lastSeenBy(node));
    }
  }
  batch.rows.push_back(std::move(row));
  return Status::success();
}

//===----------------------------------------------------------------------===//
// What comes of them
//===----------------------------------------------------------------------===//

/// Returns how many of `leaves` are the row's.
size_t Scheduler::supplyForward(const RowPlan &row, Sequence &sequence, std::span<const LeafResult> leaves) {
  SequenceCourse &own = *sequence.course;
  ForwardRow next = own.next();
  if (row.count <= next.pending) {
    own.course.texts()[size_t(next.text)].published = row.first + row.count;
    settle(sequence);
    return 0;
  }
  size_t nodes = size_t(next.nodes);
  bool isOfText = next.text == 0 && !next.isHead && !next.recurs;
  const std::vector<LeafResult> &chosen = own.course.text().chosen;
  size_t before = chosen.size();
  int64_t drafted = own.forward->block.numTokens() - 1;
  if (!next.isHead && !next.recurs)
    own.course.texts()[size_t(next.text)].published = row.first + next.pending;
  NodeChoices choices;
  choices.nodes.assign(leaves.begin(), leaves.begin() + ptrdiff_t(nodes));
  own.course.supply(std::move(choices));
  own.forward = own.course.advance();
  collectMoves(sequence);
  if (isOfText) {
    ++sequence.result.drafting.rounds;
    sequence.result.drafting.draftedTokens += drafted;
    sequence.result.drafting.acceptedTokens += std::max<int64_t>(0, int64_t(chosen.size() - before) - 1);
  }
  settle(sequence);
  return nodes;
}

/// Notes which cells of accepted nodes are to be moved to where they belong.
void Scheduler::collectMoves(Sequence &sequence) {
  SequenceCourse &own = *sequence.course;
  std::vector<RoundText> &texts = own.course.texts();
  for (size_t number = 0; number < texts.size(); ++number) {
    auto strays = std::exchange(texts[number].strays, {});
    if (strays.empty() || texts[number].dropped)
      continue;
    int owner = texts[number].base < 0 ? int(number) : texts[number].base;
    size_t engine = own.engines[size_t(owner)];
    int64_t size = runnerOf(engine).limits().pageTokens;
    std::vector<PageList> &lists = pagesOf(sequence, owner);
    for (size_t t = 0; t < lists.size(); ++t)
      for (auto [to, from] : strays) {
        auto pageOf = [&, &pages = lists[t].pages()](int64_t position) { return pages[size_t(position / size)]; };
        moves[engine].push_back({int32_t(t), pageOf(from), int32_t(from % size), pageOf(to), int32_t(to % size)});
      }
    sequence.result.drafting.movedTokens += int64_t(strays.size());
  }
}

Status Scheduler::moveCells() {
  for (size_t engine = 0; engine < moves.size(); ++engine)
    if (std::vector<CellMove> own = std::exchange(moves[engine], {}); !own.empty())
      PLAIT_RETURN_IF_ERROR(runnerOf(engine).moveCells(own));
  return Status::success();
}

/// One token of what rounds have chosen; false if there is none left.
bool Scheduler::acceptNext(Sequence &sequence, Events &events) {
  SequenceCourse &own = *sequence.course;
  std::vector<LeafResult> &chosen = own.course.texts()[0].chosen;
  if (sequence.wanted != FinishReason::none || sequence.result.reason != FinishReason::none)
    return false;
  if (own.taken == chosen.size()) {
    chosen.clear();
    own.taken = 0;
    if (!own.forward)
      failCourse(sequence);
    return false;
  }
  LeafResult leaf = std::move(chosen[own.taken++]);
  leaf.top.resize(std::min(leaf.top.size(), size_t(sequence.request.topLogprobs)));
  acceptLeaf(sequence, leaf, events);
  settle(sequence);
  return true;
}

/// Accepts what the rows' rounds have chosen, a token of each sequence at a time: a callback
/// may end a sequence after any of them, as in plain decoding.
void Scheduler::acceptChosen(const std::vector<RowPlan> &rows) {
  for (bool more = true; more;) {
    Events events;
    more = false;
    {
      std::lock_guard<std::mutex> lock(mutex);
      for (const RowPlan &row : rows)
        if (auto found = runningSequences.find(row.id); found != runningSequences.end() && found->second->course)
          more |= acceptNext(*found->second, events);
      sweep(events);
    }
    deliver(events);
  }
}

/// Notes how far the text is computed, and gives back the pages that no row to come reads.
void Scheduler::settle(Sequence &sequence) {
  SequenceCourse &own = *sequence.course;
  const std::vector<RoundText> &texts = own.course.texts();
  sequence.fed = std::min(texts[0].published, int64_t(sequence.tokens.size()));
  releaseBehindWindows(sequence);
  for (size_t text = 1; text < own.pages.size(); ++text) {
    const StepLimits &limits = runnerOf(own.engines[text]).limits();
    std::vector<PageList> &lists = own.pages[text];
    auto firstPage = [&](size_t t, int64_t position) { return size_t(limits.firstPage(limits.tables[t], position)); };
    // What it has drafted may be dropped again, what the user's text has not.
    for (size_t t = 0; t < lists.size(); ++t)
      lists[t].release(firstPage(t, std::min(texts[text].published, sequence.fed)));
    bool isWhole = true;
    for (size_t t = 0; t < lists.size(); ++t)
      isWhole &= lists[t].size() - lists[t].held() <= firstPage(t, texts[text].published);
    if (isWhole)
      continue;
    for (PageList &pages : lists) // it went back further than that: it begins anew
      pages.clear();
    own.course.texts()[text].published = 0;
  }
}
