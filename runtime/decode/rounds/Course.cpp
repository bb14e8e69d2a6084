//===- Course.cpp - A sequence on its way through a round program ---------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/rounds/Course.h"

#include <algorithm>

using namespace plait;

Course::Course(std::shared_ptr<const RoundProgram> source, std::vector<int32_t> prompt, int64_t budget,
               std::vector<int64_t> maxPositions, int64_t vocabulary, const Sampling &sampling)
    : program(std::move(source)), values(program->kinds.size()), textSize(prompt.size()) {
  context.maxPositions = std::move(maxPositions);
  context.vocabulary = vocabulary;
  context.seed = sampling.seed;
  context.sequence = sampling.sequence;
  context.hasPlainText = program->hasPlainText();
  for (size_t number = 0; number < program->models.size(); ++number) {
    RoundText text;
    text.model = int(number);
    text.tokens = prompt;
    text.budget = budget;
    context.texts.push_back(std::move(text));
    values[number] = TextHandle{int(number)};
  }
  for (const RoundInstruction &op : program->begin)
    run(op);
  assign(program->round.arguments, take(program->inits));
  frames.push_back({&program->round, nullptr});
}

std::vector<RoundValue> Course::take(const std::vector<int32_t> &numbers) const {
  std::vector<RoundValue> taken;
  for (int32_t number : numbers)
    taken.push_back(values[size_t(number)]);
  return taken;
}

void Course::assign(const std::vector<int32_t> &numbers, std::vector<RoundValue> taken) {
  for (size_t i = 0; i < numbers.size(); ++i)
    values[size_t(numbers[i])] = std::move(taken[i]);
}

void Course::run(const RoundInstruction &op) {
  std::vector<const RoundValue *> operands;
  for (int32_t number : op.operands)
    operands.push_back(&values[size_t(number)]);
  std::vector<RoundValue> results(op.results.size());
  op.op->run(context, operands, results);
  if (oracle && !operands.empty() && !results.empty())
    redraft(op, operands[0], results[0]);
  assign(op.results, std::move(results));
}

/// The block of an op that drafts by itself gets the oracle's tokens, and if it is a chain of no
/// fixed shape as many as it may have. What other blocks are made of was chosen in forwards: see `supply`.
void Course::redraft(const RoundInstruction &op, const RoundValue *source, RoundValue &result) const {
  auto *block = std::get_if<DraftBlock>(&result);
  const auto *handle = std::get_if<TextHandle>(source);
  bool isFilled = !op.op->makesTrees() && op.op->nodesWithin().empty();
  if (block && handle && op.op->mostNodes() > 1)
    oracle->draft(*block, context.texts[size_t(handle->number)].root(), op.op->mostNodes(), isFilled,
                  context.vocabulary);
}

/// Whether each text that a repeat carries has a position for what is pending, and goes on:
/// after its end there is nothing to draft.
bool Course::hasRoom(const std::vector<RoundValue> &carried) const {
  return std::all_of(carried.begin(), carried.end(), [&](const RoundValue &value) {
    const auto *handle = std::get_if<TextHandle>(&value);
    if (!handle)
      return true;
    const RoundText &text = context.texts[size_t(handle->number)];
    return !text.ended && int64_t(text.tokens.size()) <= context.maxPositions[size_t(text.model)];
  });
}

void Course::enter(const RoundInstruction &repeat) {
  int64_t count = repeat.count;
  if (repeat.times >= 0)
    count = std::min(count, std::get<int64_t>(values[size_t(repeat.times)]));
  std::vector<RoundValue> inits = take(repeat.operands);
  if (count <= 0 || !hasRoom(inits))
    return assign(repeat.results, std::move(inits));
  assign(repeat.body->arguments, std::move(inits));
  frames.push_back({repeat.body.get(), &repeat, 0, count - 1});
}

void Course::endIteration() {
  Frame &frame = frames.back();
  std::vector<RoundValue> yielded = take(frame.body->yield);
  bool stop = frame.body->stop >= 0 && std::get<bool>(values[size_t(frame.body->stop)]);
  if (!frame.repeat) {
    frame.at = 0;
    assign(frame.body->arguments, std::move(yielded));
    return endRound(stop);
  }
  if (stop || frame.left == 0 || !hasRoom(yielded)) {
    const RoundInstruction *repeat = frame.repeat;
    frames.pop_back();
    return assign(repeat->results, std::move(yielded));
  }
  --frame.left;
  frame.at = 0;
  assign(frame.body->arguments, std::move(yielded));
}

void Course::endRound(bool stop) {
  ++numRounds;
  hasEnded = stop || text().ended;
  if (!hasEnded && text().tokens.size() <= textSize) {
    hasEnded = true;
    failure = internalError("strategy " + program->name + ": found a round that chose no token; expected one at least");
  }
  textSize = text().tokens.size();
}

/// Whether `op` has something to compute; else its choices are there already.
bool Course::prepare(const RoundInstruction &op) {
  wanted = {std::get<TextHandle>(values[size_t(op.operands[0])]).number,
            std::get<DraftBlock>(values[size_t(op.operands[1])]),
            nullptr,
            0,
            &op,
            op.number};
  if (size_t variant = op.operands.size() < 3 ? 0 : size_t(std::get<int64_t>(values[size_t(op.operands[2])])))
    wanted.step = op.otherNumbers[std::min(variant, op.otherNumbers.size()) - 1];
  const RoundText &own = context.texts[size_t(wanted.text)];
  const RoundText &base = own.base < 0 ? own : context.texts[size_t(own.base)];
  DraftBlock &block = wanted.block;
  // What a text has published is its own: a fork writes behind that alone.
  int64_t deepest = own.ended || own.root() < base.published ? -1 : context.deepest(own);
  int32_t size = 0;
  while (size < block.size() && block.depth(size) <= deepest && own.root() + size < own.slots)
    ++size;
  block.shorten(size);
  if (size > 0)
    return true;
  LeafResult nothing;
  nothing.status = PLAIT_LEAF_NONFINITE;
  supply({{nothing}});
  return false;
}

/// A head guesses what follows a text that goes on.
bool Course::prepareHead(const RoundInstruction &op) {
  const auto &rows = std::get<HiddenRows>(values[size_t(op.operands[0])]).rows;
  wanted = {0, {}, rows.empty() ? nullptr : rows.back(), 0, &op, op.number};
  if (wanted.hidden && !text().ended)
    return true;
  supply({});
  return false;
}

/// What recurs guesses a token further, where there is a token that it follows.
bool Course::prepareRecur(const RoundInstruction &op) {
  const auto &hidden = std::get<HiddenRows>(values[size_t(op.operands[0])]);
  const RoundValue &follows = values[size_t(op.operands[1])];
  int number = std::get<TextHandle>(values[size_t(op.operands[2])]).number;
  const RoundText &own = context.texts[size_t(number)];
  int32_t token = -1;
  if (const auto *path = std::get_if<DraftPath>(&follows))
    token = path->chosen.back().token;
  else if (const auto &list = std::get<TokenList>(follows).tokens; !list.empty())
    token = list.front();
  int64_t position = own.root() - 1 + hidden.recurred;
  wanted = {number, {}, hidden.rows.empty() ? nullptr : hidden.rows.back(), position, &op, op.number};
  // What it guesses is for the depth after that of its token.
  bool isOfUse = !own.ended && hidden.recurred < context.deepest(own) && position < own.slots;
  if (wanted.hidden && token >= 0 && position >= 0 && isOfUse) {
    wanted.block.add(token, -1);
    return true;
  }
  supply({});
  return false;
}

const Course::Forward *Course::advance() {
  while (!hasEnded) {
    Frame &frame = frames.back();
    if (frame.at == frame.body->ops.size()) {
      endIteration();
      continue;
    }
    const RoundInstruction &op = frame.body->ops[frame.at++];
    if (op.op) {
      run(op);
    } else if (op.body) {
      enter(op);
    } else if (op.isHead ? prepareHead(op) : op.recurs ? prepareRecur(op) : prepare(op)) {
      return &wanted;
    }
  }
  return nullptr;
}

/// The hidden states of a node, which stand side by side; null: it has none.
static void takeHidden(HiddenRow all, std::vector<HiddenRows> &parts) {
  if (parts.size() == 1)
    return parts.front().rows.push_back(std::move(all));
  for (size_t i = 0; i < parts.size(); ++i) {
    ptrdiff_t columns = all ? ptrdiff_t(all->size() / parts.size()) : 0;
    auto begin = all ? all->begin() + ptrdiff_t(i) * columns : std::vector<float>::const_iterator();
    parts[i].rows.push_back(all ? std::make_shared<const std::vector<float>>(begin, begin + columns) : nullptr);
  }
}

void Course::supply(NodeChoices choices) {
  const RoundInstruction &op = *wanted.instruction;
  if (op.isHead || op.recurs) {
    TokenList tokens;
    for (const LeafResult &leaf : choices.nodes)
      for (const TokenLogprob &top : leaf.top)
        tokens.tokens.push_back(top.token);
    std::vector<RoundValue> results = {std::move(tokens)};
    if (op.recurs) {
      HiddenRows next{{}, std::get<HiddenRows>(values[size_t(op.operands[0])]).recurred + 1};
      for (LeafResult &leaf : choices.nodes)
        next.rows.push_back(std::exchange(leaf.hidden, nullptr));
      results.push_back(std::move(next));
    }
    return assign(op.results, std::move(results));
  }
  if (oracle && wanted.text != 0)
    for (int32_t node = 0; node < std::min(wanted.block.size(), int32_t(choices.nodes.size())); ++node)
      if (LeafResult &leaf = choices.nodes[size_t(node)]; leaf.status != PLAIT_LEAF_NONFINITE) {
        int64_t position = context.texts[size_t(wanted.text)].root() + wanted.block.depth(node) + 1;
        leaf.token = oracle->draft(position, 0, 1, context.vocabulary);
        leaf.status = PLAIT_LEAF_OK;
      }
  std::vector<HiddenRows> hidden(op.results.size() - 1);
  for (LeafResult &leaf : choices.nodes)
    takeHidden(std::exchange(leaf.hidden, nullptr), hidden);
  std::vector<RoundValue> results = {std::move(choices)};
  for (HiddenRows &rows : hidden)
    results.push_back(std::move(rows));
  assign(op.results, std::move(results));
}
