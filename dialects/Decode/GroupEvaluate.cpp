//===- GroupEvaluate.cpp - Reference semantics of groups ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/StrategyValues.h"

#include <limits>
#include <map>

using namespace plait;
using namespace plait::decode;

using Values = ArrayRef<EvalValue>;
using ValueList = std::vector<EvalValue>;

//===----------------------------------------------------------------------===//
// Texts
//===----------------------------------------------------------------------===//

int64_t TextLayout::positionOf(int64_t token) const {
  int64_t known = int64_t(positions.size());
  if (token < known)
    return positions[size_t(token)];
  return next + (token - known);
}

std::vector<int64_t> TextLayout::seenBy(int64_t token) const {
  std::vector<int64_t> seen;
  for (int64_t other = 0; other <= token; ++other)
    if (llvm::none_of(blinds, [&](const Blind &blind) {
          return token >= blind.begin && token < blind.end && other >= blind.hiddenBegin && other < blind.hiddenEnd;
        }))
      seen.push_back(other);
  return seen;
}

static bool isSpent(const SequenceValue &x) { return int64_t(x.tokens.size()) - x.promptLength >= x.maxNewTokens; }

/// Adds a token that nobody chose, as long as there is budget for it.
static void put(SequenceValue &x, int64_t token) {
  if (x.stopped)
    return;
  x.tokens.push_back(token);
  x.stopped = isSpent(x);
}

/// What a member has added to the text, without the stop id that ended it.
static ArrayRef<int64_t> continuationOf(const SequenceValue &member, const SequenceValue &trunk) {
  ArrayRef<int64_t> added = ArrayRef(member.tokens).drop_front(trunk.tokens.size());
  return member.stoppedById && !trunk.stoppedById ? added.drop_back() : added;
}

/// The member that stays, as the text: with the budget of that.
static SequenceValue release(SequenceValue member, const SequenceValue &trunk) {
  member.maxNewTokens = trunk.maxNewTokens;
  member.stopped = trunk.stopped || member.nonfinite || member.stoppedById || isSpent(member);
  return member;
}

//===----------------------------------------------------------------------===//
// Members
//===----------------------------------------------------------------------===//

LogicalResult BranchOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  GroupValue group{valueAs<SequenceValue>(operands[0]), {}};
  const SequenceValue &trunk = group.trunk;
  GroupType type = getGroup().getType();
  int64_t end = int64_t(trunk.tokens.size()) - trunk.promptLength + type.getLength();
  for (int64_t i = 0; i < type.getCount(); ++i) {
    SequenceValue member = trunk;
    for (std::shared_ptr<StateValue> &state : member.states)
      state = std::make_shared<StateValue>(*state);
    int64_t position = trunk.layout.positionOf(int64_t(trunk.tokens.size()));
    member.sequence = numberOfBranch(trunk.seed, trunk.sequence, uint32_t(position), uint32_t(i));
    member.maxNewTokens = std::min(trunk.maxNewTokens, end);
    for (int64_t token : getBegin(i))
      put(member, token);
    group.members.push_back(std::move(member));
  }
  results.push_back(std::move(group));
  return success();
}

LogicalResult EachOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  auto group = valueAs<GroupValue>(operands[0]);
  for (SequenceValue &member : group.members) {
    auto values = evaluator.runBlock(getBody().front(), ValueList(1, EvalValue(member)));
    if (failed(values))
      return failure();
    member = valueAs<SequenceValue>(values->front());
  }
  results.push_back(std::move(group));
  return success();
}

LogicalResult LogProbabilityOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const auto &x = valueAs<SequenceValue>(operands[0]);
  results.push_back(x.nonfinite ? -std::numeric_limits<double>::infinity() : x.logProbability);
  return success();
}

//===----------------------------------------------------------------------===//
// One sequence again
//===----------------------------------------------------------------------===//

LogicalResult SelectOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  const auto &group = valueAs<GroupValue>(operands[0]);
  const SequenceValue *best = nullptr;
  double most = 0;
  for (const SequenceValue &member : group.members) {
    auto values = evaluator.runBlock(getBody().front(), ValueList(1, EvalValue(member)));
    if (failed(values))
      return failure();
    double score = valueAs<double>(values->front());
    if (!best || score > most)
      best = &member, most = score;
  }
  results.push_back(release(*best, group.trunk));
  return success();
}

/// The answer of a member, if it has one.
static std::optional<std::vector<int64_t>> answerOf(const SequenceValue &member, const SequenceValue &trunk,
                                                    ArrayRef<int64_t> after) {
  if (member.nonfinite)
    return std::nullopt;
  ArrayRef<int64_t> added = continuationOf(member, trunk);
  if (after.empty())
    return added.vec();
  for (size_t end = added.size(); end >= after.size(); --end)
    if (added.take_front(end).take_back(after.size()) == after)
      return added.drop_front(end).vec();
  return std::nullopt;
}

LogicalResult VoteOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const auto &group = valueAs<GroupValue>(operands[0]);
  ArrayRef<int64_t> after = getAfter().value_or(ArrayRef<int64_t>());
  std::map<std::vector<int64_t>, int64_t> votes;
  for (const SequenceValue &member : group.members)
    if (auto answer = answerOf(member, group.trunk, after))
      ++votes[*answer];
  const SequenceValue *best = &group.members.front();
  int64_t most = 0;
  for (const SequenceValue &member : group.members)
    if (auto answer = answerOf(member, group.trunk, after); answer && votes[*answer] > most)
      best = &member, most = votes[*answer];
  results.push_back(release(*best, group.trunk));
  return success();
}

namespace {

/// Where the tokens of a text lie whose branches are put into it one by one, beside each other.
class BesideLayout {
public:
  explicit BesideLayout(const SequenceValue &trunk)
      : layout(trunk.layout), begin(int64_t(trunk.tokens.size())), behind(layout.positionOf(begin)) {
    for (int64_t token = int64_t(layout.positions.size()); token < begin; ++token)
      layout.positions.push_back(trunk.layout.positionOf(token));
  }

  /// The first `count` tokens that the member has added.
  void add(const SequenceValue &member, int64_t count) {
    int64_t at = int64_t(layout.positions.size()), moved = at - begin;
    for (int64_t token = begin; token < begin + count; ++token)
      layout.positions.push_back(member.layout.positionOf(token));
    behind = std::max(behind, member.layout.positionOf(begin + count));
    // What it has joined itself moves with it.
    for (const TextLayout::Blind &own : member.layout.blinds)
      if (own.begin >= begin)
        layout.blinds.push_back({own.begin + moved, own.end + moved, own.hiddenBegin + moved, own.hiddenEnd + moved});
    layout.blinds.push_back({at, at + count, begin, at});
  }

  /// With `count` tokens behind all branches, of a text that got no further than `size` tokens.
  TextLayout finish(int64_t count, int64_t size) {
    for (int64_t i = 0; i < count; ++i)
      layout.positions.push_back(behind + i);
    layout.positions.resize(size_t(size));
    for (TextLayout::Blind &blind : layout.blinds)
      blind.end = std::min(blind.end, size);
    layout.next = 1 + *llvm::max_element(layout.positions);
    return std::move(layout);
  }

private:
  TextLayout layout;
  int64_t begin, behind; ///< the first token of branches; the position behind the longest one
};

} // namespace

LogicalResult JoinOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const auto &group = valueAs<GroupValue>(operands[0]);
  const SequenceValue &trunk = group.trunk;
  // The keys and values of branches are not looked at: all of their tokens are pending.
  SequenceValue x = trunk;
  BesideLayout layout(trunk);
  for (const SequenceValue &member : group.members) {
    ArrayRef<int64_t> added = continuationOf(member, trunk);
    layout.add(member, int64_t(added.size()));
    for (int64_t token : added)
      put(x, token);
    x.logProbability += member.logProbability - trunk.logProbability;
    x.rounds += member.rounds - trunk.rounds;
    x.nonfinite |= member.nonfinite;
  }
  for (int64_t token : getThen())
    put(x, token);
  x.stopped |= x.nonfinite;
  if (getPlacement() == Placement::beside)
    x.layout = layout.finish(int64_t(getThen().size()), int64_t(x.tokens.size()));
  results.push_back(std::move(x));
  return success();
}
