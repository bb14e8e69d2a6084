//===- DraftEvaluate.cpp - Reference semantics of draft sources -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/DraftFunctions.h"
#include "dialects/Decode/StrategyValues.h"

using namespace plait;
using namespace plait::decode;

using Values = ArrayRef<EvalValue>;
using ValueList = std::vector<EvalValue>;

static const SequenceValue &sequence(const EvalValue &value) { return valueAs<SequenceValue>(value); }

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

std::vector<int64_t> BlockValue::children(int64_t node) const {
  std::vector<int64_t> found;
  for (auto [i, other] : llvm::enumerate(nodes))
    if (other.parent == node && !other.isPrompt)
      found.push_back(int64_t(i));
  return found;
}

std::vector<int64_t> BlockValue::promptsOf(int64_t node) const {
  std::vector<int64_t> found;
  for (auto [i, other] : llvm::enumerate(nodes))
    if (other.isPrompt && other.parent == (found.empty() ? node : found.back()))
      found.push_back(int64_t(i));
  return found;
}

int64_t BlockValue::lastSeenBy(int64_t node) const {
  int64_t token = node;
  while (nodes[size_t(token)].isPrompt)
    token = nodes[size_t(token)].parent;
  if (token == node)
    return node;
  std::vector<int64_t> row = promptsOf(token);
  int64_t group = (llvm::find(row, node) - row.begin()) / together;
  return row[std::min(row.size(), size_t((group + 1) * together)) - 1];
}

std::vector<int64_t> BlockValue::pathTo(int64_t node) const {
  std::vector<int64_t> path;
  for (; node >= 0; node = nodes[size_t(node)].parent)
    path.insert(path.begin(), node);
  return path;
}

static lm::ModelOp modelOf(Operation *op, Value sequence) {
  return SymbolTable::lookupNearestSymbolFrom<lm::ModelOp>(op, cast<SequenceType>(sequence.getType()).getModel());
}

/// The root, what is pending in `handle`, once there is something.
static FailureOr<BlockValue> rootOf(Operation *op, Value handle, const EvalValue &operand) {
  const SequenceValue &x = sequence(operand);
  if (x.published >= int64_t(x.tokens.size()))
    return op->emitOpError("expected a sequence with pending tokens but all ")
           << x.tokens.size() << " are in its state";
  return BlockValue{x,
                    int64_t(modelOf(op, handle).getMaxPositions()),
                    {x.tokens.begin() + x.published, x.tokens.end() - 1},
                    {{x.tokens.back(), -1, {}}}};
}

LogicalResult decode::verifyRows(Operation *op, const BlockValue &block, const NodeRowsValue &logits) {
  if (logits.rows.rows() == 1 || logits.rows.rows() == int64_t(block.nodes.size()))
    return success();
  return op->emitOpError("expected logits of the block's ")
         << block.nodes.size() << " nodes but got those of " << logits.rows.rows();
}

LogicalResult PendingOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  auto block = rootOf(*this, getSequence(), operands[0]);
  if (failed(block))
    return failure();
  results.push_back(std::move(*block));
  return success();
}

LogicalResult AppendOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  auto block = valueAs<BlockValue>(operands[0]);
  const auto &path = valueAs<PathValue>(operands[1]);
  if (int64_t(block.nodes.size()) >= getMaxTokens())
    return emitOpError("expected room in a block of ") << getMaxTokens() << " tokens";
  int64_t last = int64_t(block.nodes.size()) - 1;
  // A token that was drawn for another position is not independent of those before it.
  bool isDrawn = path.drawnFor == block.successorPosition(last);
  if (!path.next.nonfinite && block.hasRoom(last + 1))
    block.nodes.push_back({path.next.token, last, isDrawn ? path.drawnFrom : std::vector<double>()});
  results.push_back(std::move(block));
  return success();
}

LogicalResult ShortenOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  auto block = valueAs<BlockValue>(operands[0]);
  int64_t deepest = std::max<int64_t>(valueAs<int64_t>(operands[1]), 0);
  std::vector<BlockValue::Node> nodes;
  std::vector<int64_t> numbers;
  for (int64_t node = 0; node < int64_t(block.nodes.size()); ++node) {
    numbers.push_back(int64_t(nodes.size()));
    if (block.depth(node) > deepest)
      continue;
    nodes.push_back(block.nodes[size_t(node)]);
    if (node)
      nodes.back().parent = numbers[size_t(nodes.back().parent)];
  }
  block.nodes = std::move(nodes);
  results.push_back(std::move(block));
  return success();
}

LogicalResult LookupOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  auto block = rootOf(*this, getSequence(), operands[0]);
  if (failed(block))
    return failure();
  ArrayRef<int64_t> text = sequence(operands[0]).tokens;
  auto found = [&](int64_t size) -> int64_t {
    ArrayRef<int64_t> tail = text.take_back(size_t(size));
    for (int64_t end = int64_t(text.size()) - 1; end >= size; --end)
      if (text.slice(size_t(end - size), size_t(size)) == tail)
        return end;
    return 0;
  };
  for (int64_t size = std::min<int64_t>(getLongest(), text.size()); size >= int64_t(getShortest()); --size)
    if (int64_t at = found(size)) {
      for (; at < int64_t(text.size()) && int64_t(block->nodes.size()) < getMaxTokens(); ++at)
        if (block->hasRoom(int64_t(block->nodes.size())))
          block->nodes.push_back({text[size_t(at)], int64_t(block->nodes.size()) - 1, {}});
      break;
    }
  results.push_back(std::move(*block));
  return success();
}

/// The nodes of a static tree as far as `tokenOf` has a token for them: for a node, the
/// token of its parent, its depth and its place among its siblings. Returns the number of each
/// in the block, or -1.
static std::vector<int64_t>
grow(ArrayRef<int64_t> parents, BlockValue &block,
     llvm::function_ref<std::optional<int64_t>(int64_t parentToken, int64_t depth, int64_t place)> tokenOf) {
  std::vector<int64_t> numbers = {0};
  std::vector<int64_t> places(parents.size(), 0);
  for (size_t node = 1; node < parents.size(); ++node) {
    int64_t typeParent = parents[node], place = places[size_t(typeParent)]++;
    int64_t parent = numbers[size_t(typeParent)];
    numbers.push_back(-1);
    if (parent < 0)
      continue;
    int64_t depth = block.depth(parent) + 1;
    if (auto token = tokenOf(block.nodes[size_t(parent)].token, depth, place); token && block.hasRoom(depth)) {
      numbers.back() = int64_t(block.nodes.size());
      block.nodes.push_back({*token, parent, {}});
    }
  }
  return numbers;
}

static ArrayRef<int64_t> parentsOf(Value block) { return cast<BlockType>(block.getType()).getParents(); }

/// Candidate `place` of those for `depth`, which are operands from 1 on.
static std::optional<int64_t> candidateAt(Values operands, int64_t depth, int64_t place) {
  ArrayRef<int64_t> tokens = valueAs<CandidatesValue>(operands[size_t(depth)]).tokens;
  return place < int64_t(tokens.size()) ? std::optional(tokens[size_t(place)]) : std::nullopt;
}

LogicalResult ExpandOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  auto block = rootOf(*this, getSequence(), operands[0]);
  if (failed(block))
    return failure();
  grow(parentsOf(getBlock()), *block,
       [&](int64_t, int64_t depth, int64_t place) { return candidateAt(operands, depth, place); });
  results.push_back(std::move(*block));
  return success();
}

/// The number of tokens of a model's vocabulary; an error if it is not known.
static FailureOr<int64_t> knownVocabularyOf(Operation *op, Value sequence) {
  int64_t vocabulary = vocabularyOf(modelOf(op, sequence));
  if (vocabulary == 0)
    return op->emitOpError("expected a model with a function @head(hidden) -> logits");
  return vocabulary;
}

LogicalResult ExpandPromptsOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  auto block = rootOf(*this, getSequence(), operands[0]);
  auto vocabulary = knownVocabularyOf(*this, getSequence());
  if (failed(block) || failed(vocabulary))
    return failure();
  size_t known = 0;
  while (known < getCandidates().size() && !valueAs<CandidatesValue>(operands[known + 1]).tokens.empty())
    ++known;
  block->together = getBlock().getType().getTogether();
  bool asks = !getLength() || valueAs<int64_t>(operands.back()) > 0;
  SmallVector<PromptedTree> trees = getPromptedTrees();
  const PromptedTree &tree = trees[std::min(known, trees.size() - 1)];
  std::vector<int64_t> numbers = grow(
      tree.parents, *block, [&](int64_t, int64_t depth, int64_t place) { return candidateAt(operands, depth, place); });
  for (auto [node, count] : llvm::zip_equal(numbers, tree.prompts)) {
    int64_t parent = node;
    for (int64_t i = 0; asks && i < count && parent >= 0 && block->hasRoom(block->depth(parent) + 1); ++i) {
      int64_t token = getMask() ? int64_t(*getMask()) : *vocabulary + i;
      block->nodes.push_back({token, parent, {}, /*isPrompt=*/true});
      parent = int64_t(block->nodes.size()) - 1;
    }
  }
  results.push_back(std::move(*block));
  return success();
}

LogicalResult RecallOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  auto block = rootOf(*this, getSequence(), operands[0]);
  if (failed(block))
    return failure();
  const auto &table = valueAs<SuccessorsValue>(operands[1]);
  grow(parentsOf(getBlock()), *block, [&](int64_t parentToken, int64_t, int64_t place) -> std::optional<int64_t> {
    auto it = table.entries.find(parentToken);
    return it != table.entries.end() && place < int64_t(it->second.size()) ? std::optional(it->second[size_t(place)])
                                                                           : std::nullopt;
  });
  results.push_back(std::move(*block));
  return success();
}

LogicalResult CarryOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  auto block = rootOf(*this, getSequence(), operands[0]);
  if (failed(block))
    return failure();
  auto guesses = valueAs<GuessesValue>(operands[1]).guesses;
  auto vocabulary = knownVocabularyOf(*this, getSequence());
  if (failed(vocabulary))
    return failure();
  const SequenceValue &x = block->sequence;
  std::vector<double> even(size_t(*vocabulary), 1.0 / double(*vocabulary));
  for (int64_t node = 1; node < getMaxTokens() && block->hasRoom(node); ++node) {
    if (node <= int64_t(guesses.size())) {
      block->nodes.push_back({guesses[size_t(node - 1)].token, node - 1, guesses[size_t(node - 1)].drawnFrom});
      continue;
    }
    int64_t token = x.draws->pickEvenly(
        *vocabulary, {x.seed, x.sequence, int64_t(x.tokens.size()) - 1 + node, RandomPurpose::draft});
    block->nodes.push_back({token, node - 1, even});
  }
  results.push_back(std::move(*block));
  return success();
}

//===----------------------------------------------------------------------===//
// What a draft is made of
//===----------------------------------------------------------------------===//

LogicalResult NewGuessesOp::evaluate(Evaluator &, Values, ValueList &results) {
  results.push_back(GuessesValue());
  return success();
}
LogicalResult NewSuccessorsOp::evaluate(Evaluator &, Values, ValueList &results) {
  results.push_back(SuccessorsValue());
  return success();
}
LogicalResult NewCandidatesOp::evaluate(Evaluator &, Values, ValueList &results) {
  results.push_back(CandidatesValue());
  return success();
}
LogicalResult NewAcceptanceOp::evaluate(Evaluator &, Values, ValueList &results) {
  results.push_back(AcceptanceValue());
  return success();
}

static std::vector<int64_t> topTokens(ArrayRef<double> logits, int64_t count) {
  std::vector<int64_t> tokens;
  for (auto [token, logprob] : topLogprobs(logits, count))
    tokens.push_back(token);
  return tokens;
}

CandidatesValue decode::candidatesOf(const NodeRowsValue &logits, int64_t count) {
  return CandidatesValue{topTokens(logits.of(logits.rows.rows() - 1), count)};
}

LogicalResult TopOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  results.push_back(
      candidatesOf(valueAs<NodeRowsValue>(operands[0]), cast<CandidatesType>(getCandidates().getType()).getCount()));
  return success();
}

static LogicalResult learn(Operation *op, Values operands, int64_t count, ValueList &results) {
  auto table = valueAs<SuccessorsValue>(operands[0]);
  const auto &block = valueAs<BlockValue>(operands[1]);
  const auto &logits = valueAs<NodeRowsValue>(operands[2]);
  if (failed(verifyRows(op, block, logits)))
    return failure();
  for (auto [node, value] : llvm::enumerate(block.nodes))
    table.entries[value.token] = topTokens(logits.of(int64_t(node)), count);
  results.push_back(std::move(table));
  return success();
}

/// Candidates after each prompt of the last accepted node; none where there is no prompt.
static LogicalResult evaluatePrompted(Operation *op, Values operands, ValueList &results) {
  const auto &block = valueAs<BlockValue>(operands[0]);
  const auto &logits = valueAs<NodeRowsValue>(operands[1]);
  if (failed(verifyRows(op, block, logits)))
    return failure();
  std::vector<int64_t> prompts = block.promptsOf(valueAs<PathValue>(operands[2]).accepted.back());
  for (auto [i, type] : llvm::enumerate(op->getResultTypes())) {
    CandidatesValue candidates;
    if (i < prompts.size())
      candidates.tokens = topTokens(logits.of(prompts[i]), cast<CandidatesType>(type).getCount());
    results.push_back(std::move(candidates));
  }
  return success();
}

LogicalResult PromptedOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  return evaluatePrompted(*this, operands, results);
}

LogicalResult PromptedChoicesOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  return evaluatePrompted(*this, operands, results);
}

LogicalResult LearnOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  return learn(*this, operands, getResult().getType().getCount(), results);
}

LogicalResult LearnChoicesOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  return learn(*this, operands, getResult().getType().getCount(), results);
}

/// The number of the variant that operand `index` says, or 0 if it is not there.
static size_t variantOf(Values operands, size_t index) {
  return index < operands.size() ? size_t(valueAs<int64_t>(operands[index])) : 0;
}

LogicalResult ObserveOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  auto acceptance = valueAs<AcceptanceValue>(operands[0]);
  const auto &block = valueAs<BlockValue>(operands[1]);
  size_t accepted = valueAs<PathValue>(operands[2]).accepted.size() - 1;
  int64_t drafted = 0;
  for (int64_t node = 0; node < int64_t(block.nodes.size()); ++node)
    if (!block.nodes[size_t(node)].isPrompt)
      drafted = std::max(drafted, block.depth(node));
  auto &rates = acceptance.variants[variantOf(operands, 3)];
  rates.resize(std::max(rates.size(), size_t(drafted)));
  for (size_t place = 0; place < size_t(drafted) && place <= accepted; ++place) {
    AcceptanceValue::Rate &rate = rates[place];
    rate = {0.98 * rate.accepted + (place < accepted ? 1 : 0), 0.98 * rate.seen + 1};
  }
  results.push_back(std::move(acceptance));
  return success();
}

/// Tokens of a round that drafts `length` of them.
static double tokensOf(const AcceptanceValue &acceptance, size_t variant, int64_t length, double unknown) {
  auto known = acceptance.variants.find(variant);
  double tokens = 1, chance = 1;
  for (size_t place = 0; place < size_t(length); ++place) {
    bool isKnown = known != acceptance.variants.end() && place < known->second.size() && known->second[place].seen > 0;
    chance *= isKnown ? known->second[place].accepted / known->second[place].seen : unknown;
    tokens += chance;
  }
  return tokens;
}

LogicalResult ChooseVariantOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const auto &acceptance = valueAs<AcceptanceValue>(operands[0]);
  int64_t best = 0;
  double most = 0;
  for (int64_t variant = 0; variant < int64_t(getCount()); ++variant)
    if (double tokens = tokensOf(acceptance, size_t(variant), getLengths().back(), /*unknown=*/1); tokens > most)
      most = tokens, best = variant;
  results.push_back(best);
  return success();
}

LogicalResult ChooseLengthOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const auto &acceptance = valueAs<AcceptanceValue>(operands[0]);
  int64_t best = 0;
  double most = 0;
  for (auto [i, length] : llvm::enumerate(getLengths())) {
    double goodput =
        tokensOf(acceptance, variantOf(operands, 1), length, /*unknown=*/0.5) / (getCosts() ? (*getCosts())[i] : 1);
    if (goodput >= most)
      most = goodput, best = length;
  }
  results.push_back(best);
  return success();
}
