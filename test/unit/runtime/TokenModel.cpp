//===- TokenModel.cpp - A model whose pages hold tokens -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/runtime/TokenModel.h"

#include "runtime/core/CellMoves.h"

#include <algorithm>
#include <numeric>
#include <utility>

using namespace plait;
using namespace plait::demo;

static uint64_t mix(uint64_t hash, uint64_t value) {
  hash = (hash ^ (value + 0x9E3779B97F4A7C15u)) * 0xBF58476D1CE4E5B9u;
  return hash ^ (hash >> 29);
}
static float unit(uint64_t hash) { return float(mix(hash, 77) >> 40) * 0x1p-24f; }

TokenChoice demo::chooseByHash(const std::vector<int32_t> &text, const StepLeaf &leaf, int32_t vocabulary, int wrongOf,
                               int64_t nanAt) {
  if (int64_t(text.size()) - 1 >= nanAt)
    return {-1, 0, {}};
  uint64_t context = 1;
  for (size_t i = text.size() < 2 ? 0 : text.size() - 2; i < text.size(); ++i)
    context = mix(context, uint64_t(text[i]));
  if (wrongOf && (context >> 20) % uint64_t(wrongOf) == 0)
    context = mix(context, 5);
  std::vector<float> logits, noisy;
  for (int32_t token = 0; token < vocabulary; ++token)
    logits.push_back(8 * unit(mix(context, uint64_t(token))) - 4);
  for (const LogitEdit &edit : leaf.edits) {
    float &logit = logits[size_t(edit.token)];
    logit += edit.bias;
    logit = (logit > 0 ? logit / edit.scale : logit * edit.scale) - edit.offset;
  }
  noisy = logits;
  const Sampling &s = leaf.sampling;
  if (s.temperature > 0)
    for (int32_t token = 0; token < vocabulary; ++token)
      noisy[size_t(token)] +=
          s.temperature * 2 * unit(mix(mix(mix(mix(3, s.seed), s.sequence), text.size()), uint64_t(token)));
  TokenChoice choice;
  choice.token = int32_t(std::max_element(noisy.begin(), noisy.end()) - noisy.begin());
  choice.logprob = logits[size_t(choice.token)];
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](int32_t a, int32_t b) { return std::pair(-logits[size_t(a)], a) < std::pair(-logits[size_t(b)], b); });
  for (int32_t i = 0; i < std::min(leaf.topLogprobs, vocabulary); ++i)
    choice.top.push_back({order[size_t(i)], logits[size_t(order[size_t(i)])]});
  return choice;
}

TokenModel::TokenModel(std::shared_ptr<const Model> manifest, StepLimits limits, ChooseToken choose)
    : described(std::move(manifest)), stepLimits(std::move(limits)), choose(std::move(choose)) {
  for (const TableLimits &table : stepLimits.tables)
    cells.emplace_back(size_t(table.capacityPages * stepLimits.pageTokens));
}

TokenModel::Cell &TokenModel::cell(size_t table, const StepRow &row, int64_t position) {
  int64_t page = row.pages[table][size_t(position / stepLimits.pageTokens)];
  return cells[table][size_t(page * stepLimits.pageTokens + position % stepLimits.pageTokens)];
}

/// The tokens that `token` of a row continues, the first one first, and itself.
static std::vector<int64_t> pathTo(const StepRow &row, int64_t token) {
  std::vector<int64_t> path;
  for (int64_t at = token; at >= 0; at = row.parents.empty() ? at - 1 : row.parents[size_t(at)])
    path.insert(path.begin(), at);
  return path;
}

/// What a token of the row sees as it is in the pages of the first table, which has no
/// window; the others must have it as far as their windows reach.
Expected<std::vector<int32_t>> TokenModel::textOf(const StepRow &row, int64_t token, bool skips) {
  std::vector<int64_t> path = pathTo(row, row.ends.empty() ? token : row.ends[size_t(token)]);
  int64_t length = row.firstPosition + int64_t(path.size());
  auto slotOf = [&](int64_t position) {
    return position < row.firstPosition ? position : row.firstPosition + path[size_t(position - row.firstPosition)];
  };
  std::vector<int32_t> text;
  for (int64_t position = 0; position < length; ++position)
    text.push_back(cell(0, row, slotOf(position)).token);
  for (size_t table = 0; table < cells.size(); ++table) {
    int64_t window = stepLimits.tables[table].window;
    for (int64_t position = window ? std::max<int64_t>(0, length - window) : 0; position < length; ++position) {
      const Cell &found = cell(table, row, slotOf(position));
      if (found.position != position || found.token != text[size_t(position)] || found.token < 0)
        return internalError("token model: table " + std::to_string(table) + ": found position " +
                             std::to_string(found.position) + "; expected " + std::to_string(position));
      if (!found.isWhole && !skips)
        return internalError("token model: position " + std::to_string(position) + ": found no keys of some layers");
    }
  }
  return text;
}

Expected<StepResult> TokenModel::run(StepBatch batch, StepProfile *) {
  PLAIT_RETURN_IF_ERROR(checkBatch(batch, stepLimits));
  ++numSteps;
  StepResult result;
  if (stepLimits.isHead(batch.step)) {
    for (const StepRow &row : batch.rows) {
      ++numHeads;
      TokenChoice choice = chooseHead(*row.leaves[0].hidden, row.leaves[0], batch.step);
      result.leaves.push_back({choice.token, PLAIT_LEAF_OK, choice.logprob, std::move(choice.top)});
    }
    return result;
  }
  bool skips = batch.step && stepLimits.steps[size_t(batch.step)].name.starts_with("ar_skip");
  int64_t hidden = stepLimits.returnedHidden(batch.step);
  for (const StepRow &row : batch.rows) {
    ++numRows;
    numTokens += int64_t(row.tokens.size());
    for (size_t table = 0; table < cells.size(); ++table)
      for (size_t i = 0; i < row.tokens.size(); ++i) {
        int64_t depth = countsPositionsByIndex ? int64_t(i) : int64_t(pathTo(row, int64_t(i)).size()) - 1;
        cell(table, row, row.firstPosition + int64_t(i)) = {row.tokens[i], row.firstPosition + depth, !skips};
      }
  }
  for (const StepRow &row : batch.rows)
    for (const StepLeaf &leaf : row.leaves) {
      PLAIT_ASSIGN_OR_RETURN(std::vector<int32_t> text, textOf(row, leaf.token, skips));
      TokenChoice choice = (skips ? chooseSkipping : choose)(text, leaf);
      LeafResult &chosen = result.leaves.emplace_back();
      chosen.token = choice.token;
      chosen.logprob = choice.logprob;
      chosen.top = std::move(choice.top);
      if (hidden)
        chosen.hidden = std::make_shared<const std::vector<float>>(
            std::vector<float>{float(text.size() < 2 ? -1 : text[text.size() - 2]), float(text.back())});
      chosen.status = choice.token < 0 ? PLAIT_LEAF_NONFINITE
                      : std::find(leaf.stops.begin(), leaf.stops.end(), choice.token) != leaf.stops.end()
                          ? PLAIT_LEAF_STOPPED
                          : PLAIT_LEAF_OK;
    }
  return result;
}

Status TokenModel::copyPage(size_t table, int32_t from, int32_t to) {
  int64_t size = stepLimits.pageTokens;
  std::copy_n(cells[table].begin() + from * size, size, cells[table].begin() + to * size);
  return Status::success();
}

Status TokenModel::moveCells(std::span<const CellMove> moves) {
  PLAIT_RETURN_IF_ERROR(checkMoves(moves, stepLimits));
  numMoves += int64_t(moves.size());
  for (const CellMove &move : moves) {
    auto at = [&](int64_t page, int64_t slot) -> Cell & {
      return cells[size_t(move.table)][size_t(page * stepLimits.pageTokens + slot)];
    };
    at(move.toPage, move.toSlot) = at(move.fromPage, move.fromSlot);
  }
  return Status::success();
}
