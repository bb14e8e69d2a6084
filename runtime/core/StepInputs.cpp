//===- StepInputs.cpp - The input arrays of one step ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/StepInputs.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <unordered_map>
#include <unordered_set>

using namespace plait;

namespace {

Status outOfRange(const std::string &what, int64_t found, int64_t min, int64_t max) {
  return invalidArgument(what + ": found " + std::to_string(found) + "; expected " + std::to_string(min) + " to " +
                         std::to_string(max));
}

Status checkRange(const char *what, int64_t value, int64_t min, int64_t max) {
  return value >= min && value <= max ? Status::success() : outOfRange(what, value, min, max);
}

Status checkSampling(const Sampling &s) {
  if (!(s.temperature >= 0) || !std::isfinite(s.temperature))
    return invalidArgument("temperature: found " + std::to_string(s.temperature) +
                           "; expected a finite number of at least 0");
  if (!(s.topP > 0 && s.topP <= 1))
    return invalidArgument("top_p: found " + std::to_string(s.topP) + "; expected more than 0 and at most 1");
  if (!(s.minP >= 0 && s.minP <= 1))
    return invalidArgument("min_p: found " + std::to_string(s.minP) + "; expected 0 to 1");
  return checkRange("top_k", s.topK, 0, INT32_MAX);
}

Status checkEdits(const std::vector<LogitEdit> &edits, const StepLimits &limits) {
  if (!edits.empty() && !limits.maxEdits)
    return unsupported("logit edits: the variant in use takes none; its strategy has no decode.edit");
  PLAIT_RETURN_IF_ERROR(checkRange("number of logit edits", int64_t(edits.size()), 0, limits.maxEdits));
  size_t masks = 0;
  for (const LogitEdit &edit : edits) {
    PLAIT_RETURN_IF_ERROR(checkRange("edited token id", edit.token, 0, limits.vocabulary - 1));
    masks += edit.bias == LogitEdit::kMask;
    bool numbers = edit.bias == LogitEdit::kMask || std::isfinite(edit.bias);
    if (!numbers || !std::isfinite(edit.offset) || !std::isfinite(edit.scale) || !(edit.scale > 0))
      return invalidArgument("edit of token " + std::to_string(edit.token) + ": found bias " +
                             std::to_string(edit.bias) + ", scale " + std::to_string(edit.scale) + ", offset " +
                             std::to_string(edit.offset) + "; expected finite numbers, the scale above 0");
  }
  if (masks < size_t(limits.vocabulary))
    return Status::success();
  std::unordered_set<int32_t> masked;
  for (const LogitEdit &edit : edits)
    if (edit.bias == LogitEdit::kMask)
      masked.insert(edit.token);
  if (masked.size() < size_t(limits.vocabulary))
    return Status::success();
  return invalidArgument("logit edits: found all " + std::to_string(limits.vocabulary) +
                         " tokens masked; expected at least one that can be chosen");
}

Status checkTopLogprobs(int32_t count, const StepLimits &limits) {
  if (count && !limits.maxTopLogprobs)
    return unsupported("top logprobs: the variant in use reports none; compile the model again");
  return checkRange("number of top logprobs", count, 0, limits.maxTopLogprobs);
}

Status checkLeaf(const StepLeaf &leaf, const StepRow &row, const StepLimits &limits) {
  PLAIT_RETURN_IF_ERROR(checkRange("token", leaf.token, 0, int64_t(row.tokens.size()) - 1));
  PLAIT_RETURN_IF_ERROR(checkRange("number of stop ids", int64_t(leaf.stops.size()), 0, limits.maxStops));
  for (int32_t id : leaf.stops)
    PLAIT_RETURN_IF_ERROR(checkRange("stop id", id, 0, limits.vocabulary - 1));
  PLAIT_RETURN_IF_ERROR(checkEdits(leaf.edits, limits));
  PLAIT_RETURN_IF_ERROR(checkTopLogprobs(leaf.topLogprobs, limits));
  return checkSampling(leaf.sampling);
}

/// The position of each token of `row`, less that of the first one.
std::vector<int64_t> depthsOf(const StepRow &row) {
  std::vector<int64_t> depths(row.tokens.size(), 0);
  for (size_t t = 1; t < depths.size(); ++t)
    depths[t] = 1 + depths[row.parents.empty() ? t - 1 : size_t(row.parents[t])];
  return depths;
}

int64_t pagesOf(const StepRow &row, const StepLimits &limits) {
  return limits.wholePages(row.firstPosition + int64_t(row.tokens.size()));
}

/// Checks that every page that `row` may read or write is one of the table.
Status checkPages(const StepRow &row, const std::vector<int32_t> &pages, const TableLimits &table,
                  const StepLimits &limits) {
  int64_t needed = pagesOf(row, limits);
  if (int64_t(pages.size()) < needed)
    return invalidArgument("number of pages: found " + std::to_string(pages.size()) + "; expected at least " +
                           std::to_string(needed) + " for " +
                           std::to_string(row.firstPosition + int64_t(row.tokens.size())) + " positions");
  for (int64_t i = limits.firstPage(table, row.firstPosition); i < needed; ++i)
    PLAIT_RETURN_IF_ERROR(checkRange("page", pages[i], 0, table.capacityPages - 1));
  return Status::success();
}

/// Checks that the row is a tree, if it has parents.
Status checkParents(const StepRow &row) {
  if (row.parents.empty())
    return Status::success();
  if (row.parents.size() != row.tokens.size())
    return invalidArgument("number of parents: found " + std::to_string(row.parents.size()) + "; expected none, or " +
                           std::to_string(row.tokens.size()) + " as there are tokens");
  for (size_t t = 0; t < row.parents.size(); ++t)
    PLAIT_RETURN_IF_ERROR(
        checkRange("parent", row.parents[t], t ? 0 : -1, int64_t(t) - 1).withContext("token " + std::to_string(t)));
  return Status::success();
}

/// Checks that each token sees up to one that continues it, and that nothing else continues it then.
Status checkEnds(const StepRow &row) {
  if (row.ends.empty())
    return Status::success();
  int64_t count = int64_t(row.tokens.size());
  if (int64_t(row.ends.size()) != count)
    return invalidArgument("number of ends: found " + std::to_string(row.ends.size()) + "; expected none, or " +
                           std::to_string(count) + " as there are tokens");
  auto parentOf = [&](int64_t t) { return row.parents.empty() ? t - 1 : int64_t(row.parents[size_t(t)]); };
  for (int64_t t = 0; t < count; ++t) {
    int64_t end = row.ends[size_t(t)], next = t; // next: what continues t on the way to its end
    PLAIT_RETURN_IF_ERROR(checkRange("end", end, t, count - 1).withContext("token " + std::to_string(t)));
    for (int64_t at = end; at > t; at = parentOf(at))
      next = at;
    if (end != t && parentOf(next) != t)
      return invalidArgument("token " + std::to_string(t) + ": found token " + std::to_string(end) +
                             " as the last one that it sees; expected itself, or one that continues it");
    for (int64_t other = t + 1; other < count && end != t; ++other)
      if (other != next && parentOf(other) == t)
        return invalidArgument("token " + std::to_string(t) + ": found token " + std::to_string(other) +
                               " after it; expected that what sees behind itself, up to token " + std::to_string(end) +
                               ", is continued by what it sees alone");
  }
  return Status::success();
}

/// A row with a hidden state: one token, which is a leaf.
Status checkRecurRow(const StepRow &row, const StepLimits &limits, int64_t columns) {
  if (row.tokens.size() != 1 || row.leaves.size() != 1)
    return invalidArgument("found " + std::to_string(row.tokens.size()) + " tokens and " +
                           std::to_string(row.leaves.size()) +
                           " leaves; expected one token that is a leaf, as it goes with a hidden state");
  int64_t found = row.leaves[0].hidden ? int64_t(row.leaves[0].hidden->size()) : 0;
  return checkRange("columns of the hidden state", found, columns, columns);
}

Status checkRow(const StepRow &row, const StepLimits &limits, int32_t step) {
  if (limits.recurs(step))
    PLAIT_RETURN_IF_ERROR(checkRecurRow(row, limits, limits.steps[size_t(step)].hidden));
  int64_t count = int64_t(row.tokens.size());
  PLAIT_RETURN_IF_ERROR(checkRange("number of tokens", count, 1, limits.maxTokens));
  for (int32_t token : row.tokens)
    PLAIT_RETURN_IF_ERROR(checkRange("token id", token, 0, limits.vocabulary + limits.promptTokens - 1));
  PLAIT_RETURN_IF_ERROR(checkParents(row));
  PLAIT_RETURN_IF_ERROR(checkEnds(row));
  std::vector<int64_t> depths = depthsOf(row);
  int64_t positions = *std::max_element(depths.begin(), depths.end()) + 1;
  PLAIT_RETURN_IF_ERROR(
      checkRange("first position", row.firstPosition, 0, std::min(limits.maxPositions - positions, INT32_MAX - count)));
  if (size_t tables = limits.hasPages(step) ? limits.tables.size() : 0; row.pages.size() != tables)
    return invalidArgument("number of page tables: found " + std::to_string(row.pages.size()) + "; expected " +
                           std::to_string(tables));
  for (size_t t = 0; t < row.pages.size(); ++t)
    PLAIT_RETURN_IF_ERROR(
        checkPages(row, row.pages[t], limits.tables[t], limits).withContext("page table " + std::to_string(t)));
  int32_t previous = -1;
  for (const StepLeaf &leaf : row.leaves) {
    std::string where = "leaf " + std::to_string(&leaf - row.leaves.data());
    PLAIT_RETURN_IF_ERROR(checkLeaf(leaf, row, limits).withContext(where));
    PLAIT_RETURN_IF_ERROR(checkRange("parent", leaf.parent, -1, &leaf - row.leaves.data() - 1).withContext(where));
    if (leaf.token <= previous)
      return invalidArgument(where + ": found token " + std::to_string(leaf.token) + "; expected one after " +
                             std::to_string(previous));
    previous = leaf.token;
  }
  return row.mode == WriteMode::stage ? Status::success() : unsupported("write mode: expected stage");
}

/// A row of a step that is a head: a hidden state, of which logits are wanted.
Status checkHeadRow(const StepRow &row, const StepLimits &limits, int64_t columns) {
  if (!row.tokens.empty() || !row.pages.empty() || row.leaves.size() != 1)
    return invalidArgument("found " + std::to_string(row.tokens.size()) + " tokens and " +
                           std::to_string(row.leaves.size()) +
                           " leaves; expected one leaf alone, as the step is a head");
  const StepLeaf &leaf = row.leaves[0];
  int64_t found = leaf.hidden ? int64_t(leaf.hidden->size()) : 0;
  PLAIT_RETURN_IF_ERROR(checkRange("columns of the hidden state", found, columns, columns));
  return checkTopLogprobs(leaf.topLogprobs, limits);
}

/// A page that one row writes while another reads or writes it is a data race; so
/// is one that a row has for other positions as well.
Status checkSharing(const StepBatch &batch, const StepLimits &limits, size_t table) {
  struct Writer {
    size_t row;
    int64_t index;
  };
  std::unordered_map<int32_t, Writer> writers;
  for (size_t r = 0; r < batch.rows.size(); ++r) {
    const StepRow &row = batch.rows[r];
    int64_t end = pagesOf(row, limits);
    for (int64_t i = row.firstPosition / limits.pageTokens; i < end; ++i)
      writers.emplace(row.pages[table][i], Writer{r, i});
  }
  for (size_t r = 0; r < batch.rows.size(); ++r) {
    const StepRow &row = batch.rows[r];
    int64_t end = pagesOf(row, limits);
    for (int64_t i = limits.firstPage(limits.tables[table], row.firstPosition); i < end; ++i) {
      auto writer = writers.find(row.pages[table][i]);
      if (writer == writers.end() || (writer->second.row == r && writer->second.index == i))
        continue;
      std::string page = "page " + std::to_string(writer->first);
      if (writer->second.row == r)
        return invalidArgument(page + ": found twice in row " + std::to_string(r) +
                               "; expected a page that a row writes in it once");
      return invalidArgument(page + ": found in rows " + std::to_string(writer->second.row) + " and " +
                             std::to_string(r) + "; expected a page that a row writes in that row alone");
    }
  }
  return Status::success();
}

} // namespace

int32_t StepLimits::findStep(std::string_view name) const {
  auto found = std::find_if(steps.begin(), steps.end(), [&](const StepKind &step) { return step.name == name; });
  return found == steps.end() ? -1 : int32_t(found - steps.begin());
}

Status plait::checkBatch(const StepBatch &batch, const StepLimits &limits) {
  int64_t tokens = 0, leaves = 0, edits = 0;
  PLAIT_RETURN_IF_ERROR(checkRange("step: number of rows", int64_t(batch.rows.size()), 1, limits.maxRows));
  PLAIT_RETURN_IF_ERROR(
      checkRange("step: number of the step", batch.step, 0, std::max<int64_t>(1, int64_t(limits.steps.size())) - 1));
  bool isHead = limits.isHead(batch.step);
  for (size_t r = 0; r < batch.rows.size(); ++r) {
    const StepRow &row = batch.rows[r];
    Status status =
        isHead ? checkHeadRow(row, limits, limits.steps[size_t(batch.step)].hidden) : checkRow(row, limits, batch.step);
    PLAIT_RETURN_IF_ERROR(status.withContext("step: row " + std::to_string(r)));
    tokens += int64_t(batch.rows[r].tokens.size());
    leaves += int64_t(batch.rows[r].leaves.size());
    for (const StepLeaf &leaf : batch.rows[r].leaves)
      edits += int64_t(leaf.edits.size());
  }
  PLAIT_RETURN_IF_ERROR(checkRange("step: number of tokens", tokens, isHead ? 0 : 1, limits.maxTokens));
  PLAIT_RETURN_IF_ERROR(checkRange("step: number of leaves", leaves, 0, limits.maxLeaves));
  PLAIT_RETURN_IF_ERROR(checkRange("step: number of logit edits", edits, 0, INT32_MAX));
  for (size_t table = 0; table < limits.tables.size() && limits.hasPages(batch.step); ++table)
    PLAIT_RETURN_IF_ERROR(checkSharing(batch, limits, table).withContext("step: page table " + std::to_string(table)));
  return Status::success();
}

void StepInputs::pack(const StepBatch &batch, const StepLimits &limits) {
  auto clearAll = [](auto &...arrays) { (arrays.clear(), ...); };
  clearAll(tokens, positions, tokenRows, pathEnds, paths, leaves, topK, stops, temperature, topP, minP, seed, sequence,
           editEnds, editTokens, editBiases, editScales, editOffsets, topCounts, parents, next, hidden);
  number = batch.step;
  bool hasPages = limits.hasPages(number), hasHidden = limits.isHead(number) || limits.recurs(number);
  tables.resize(limits.tables.size());
  for (std::vector<int32_t> &table : tables)
    table.clear();
  int64_t pages = 0, stopWidth = 0, topWidth = 0;
  for (const StepRow &row : batch.rows) {
    pages = hasPages ? std::max(pages, pagesOf(row, limits)) : 0;
    for (const StepLeaf &leaf : row.leaves) {
      stopWidth = std::max(stopWidth, int64_t(leaf.stops.size()));
      topWidth = std::max(topWidth, int64_t(leaf.topLogprobs));
    }
  }
  for (size_t r = 0; r < batch.rows.size(); ++r) {
    const StepRow &row = batch.rows[r];
    int32_t firstToken = int32_t(tokens.size());
    std::vector<int64_t> depths = depthsOf(row);
    size_t before = paths.size(); // this row
    next.resize(tokens.size() + row.tokens.size(), 0);
    for (size_t t = row.tokens.size(); t-- > 1;) // the first child is the last one to say so
      if (row.tokens[t] < limits.vocabulary)
        next[size_t(firstToken) + (row.parents.empty() ? t - 1 : size_t(row.parents[t]))] = row.tokens[t];
    if (!row.tokens.empty() && row.parents.empty())
      next.back() = row.next;
    for (size_t t = 0; t < row.tokens.size(); ++t) {
      tokens.push_back(row.tokens[t]);
      positions.push_back(int32_t(row.firstPosition + depths[t]));
      tokenRows.push_back(int32_t(r));
      // Up to the first one, going back, that lies at its position: there a chain begins.
      size_t begin = paths.size(), end = row.ends.empty() ? t : size_t(row.ends[t]);
      for (size_t at = end; size_t(depths[at]) != at; at = size_t(row.parents[at]))
        paths.push_back(int32_t(row.firstPosition + int64_t(at)));
      // The last position that it sees comes first.
      if (paths.size() > begin || end != t || begin > before)
        paths.push_back(int32_t(row.firstPosition + depths[end]));
      std::reverse(paths.begin() + ptrdiff_t(begin), paths.end());
      pathEnds.push_back(int32_t(paths.size()));
    }
    for (size_t t = 0; t < tables.size() && hasPages; ++t) {
      // No kernel looks at what lies before a window or behind a row; a valid page
      // keeps even a prefetch tame.
      auto from = row.pages[t].begin();
      int64_t first = limits.firstPage(limits.tables[t], row.firstPosition);
      tables[t].resize(r * size_t(pages) + size_t(first), 0);
      tables[t].insert(tables[t].end(), from + first, from + pagesOf(row, limits));
      tables[t].resize((r + 1) * size_t(pages), 0);
    }
    int32_t firstLeaf = int32_t(leaves.size());
    for (const StepLeaf &leaf : row.leaves) {
      leaves.push_back(firstToken + leaf.token);
      parents.push_back(leaf.parent < 0 ? -1 : firstLeaf + leaf.parent);
      temperature.push_back(leaf.sampling.temperature);
      topK.push_back(leaf.sampling.topK);
      topP.push_back(leaf.sampling.topP);
      minP.push_back(leaf.sampling.minP);
      seed.push_back(int64_t(leaf.sampling.seed));
      sequence.push_back(int64_t(leaf.sampling.sequence));
      stops.insert(stops.end(), leaf.stops.begin(), leaf.stops.end());
      stops.resize(leaves.size() * size_t(stopWidth), -1);
      for (const LogitEdit &edit : leaf.edits) {
        editTokens.push_back(edit.token);
        editBiases.push_back(edit.bias);
        editScales.push_back(edit.scale);
        editOffsets.push_back(edit.offset);
      }
      editEnds.push_back(int32_t(editTokens.size()));
      topCounts.push_back(leaf.topLogprobs);
      if (hasHidden)
        hidden.insert(hidden.end(), leaf.hidden->begin(), leaf.hidden->end());
    }
  }
  extents[PLAIT_DIM_TOKENS] = int64_t(tokens.size());
  extents[PLAIT_DIM_ROWS] = int64_t(batch.rows.size());
  extents[PLAIT_DIM_LEAVES] = int64_t(leaves.size());
  extents[PLAIT_DIM_PAGES] = pages;
  extents[PLAIT_DIM_STOPS] = stopWidth;
  extents[PLAIT_DIM_EDITS] = int64_t(editTokens.size());
  extents[PLAIT_DIM_TOPS] = topWidth;
  bool draws = false, warps = false;
  for (size_t i = 0; i < leaves.size(); ++i) {
    draws |= temperature[i] > 0;
    warps |= temperature[i] > 0 && (topK[i] > 0 || topP[i] < 1);
  }
  extents[PLAIT_DIM_DRAWS] = draws ? int64_t(leaves.size()) : 0;
  extents[PLAIT_DIM_WARPS] = warps ? int64_t(leaves.size()) : 0;
  extents[PLAIT_DIM_TOP_ENTRIES] = int64_t(leaves.size()) * topWidth;
}

std::array<const void *, PLAIT_IN_COUNT> StepInputs::pointers() const {
  std::array<const void *, PLAIT_IN_COUNT> inputs{};
  inputs[PLAIT_IN_TOKENS] = tokens.data();
  inputs[PLAIT_IN_POSITIONS] = positions.data();
  inputs[PLAIT_IN_TOKEN_ROWS] = tokenRows.data();
  inputs[PLAIT_IN_PATH_ENDS] = pathEnds.data();
  inputs[PLAIT_IN_PATHS] = paths.data();
  inputs[PLAIT_IN_LEAVES] = leaves.data();
  inputs[PLAIT_IN_TEMPERATURE] = temperature.data();
  inputs[PLAIT_IN_TOP_K] = topK.data();
  inputs[PLAIT_IN_TOP_P] = topP.data();
  inputs[PLAIT_IN_MIN_P] = minP.data();
  inputs[PLAIT_IN_SEED] = seed.data();
  inputs[PLAIT_IN_SEQUENCE] = sequence.data();
  inputs[PLAIT_IN_STOPS] = stops.data();
  inputs[PLAIT_IN_EDIT_ENDS] = editEnds.data();
  inputs[PLAIT_IN_EDIT_TOKENS] = editTokens.data();
  inputs[PLAIT_IN_EDIT_BIASES] = editBiases.data();
  inputs[PLAIT_IN_EDIT_SCALES] = editScales.data();
  inputs[PLAIT_IN_EDIT_OFFSETS] = editOffsets.data();
  inputs[PLAIT_IN_TOP_COUNTS] = topCounts.data();
  inputs[PLAIT_IN_HIDDEN] = hidden.data();
  inputs[PLAIT_IN_PARENTS] = parents.data();
  inputs[PLAIT_IN_NEXT] = next.data();
  return inputs;
}

template <typename Inputs, typename Visit> void StepInputs::forEachArray(Inputs &in, Visit visit) {
  for (auto *array : {&in.tokens, &in.positions, &in.tokenRows, &in.pathEnds, &in.paths, &in.leaves, &in.topK,
                      &in.stops, &in.editEnds, &in.editTokens, &in.topCounts, &in.parents, &in.next})
    visit(*array);
  for (auto *array : {&in.temperature, &in.topP, &in.minP, &in.editBiases, &in.editScales, &in.editOffsets, &in.hidden})
    visit(*array);
  for (auto *array : {&in.seed, &in.sequence})
    visit(*array);
  for (auto &table : in.tables)
    visit(table);
}

std::vector<uint8_t> StepInputs::serialize() const {
  std::vector<uint8_t> bytes;
  auto append = [&](const void *data, size_t size) {
    auto *from = static_cast<const uint8_t *>(data);
    bytes.insert(bytes.end(), from, from + size);
  };
  append(extents.data(), sizeof(extents));
  append(&number, sizeof(number));
  forEachArray(*this, [&](const auto &array) {
    uint64_t count = array.size();
    append(&count, sizeof(count));
    append(array.data(), array.size() * sizeof(array[0]));
  });
  return bytes;
}

Status StepInputs::deserialize(std::span<const uint8_t> bytes, size_t tableCount) {
  bool whole = true;
  auto take = [&](void *data, size_t size) {
    whole &= size <= bytes.size();
    if (!whole)
      return;
    if (size)
      std::memcpy(data, bytes.data(), size);
    bytes = bytes.subspan(size);
  };
  take(extents.data(), sizeof(extents));
  take(&number, sizeof(number));
  tables.resize(tableCount);
  forEachArray(*this, [&](auto &array) {
    uint64_t count = 0;
    take(&count, sizeof(count));
    whole &= count <= bytes.size() / sizeof(array[0]);
    array.resize(whole ? size_t(count) : 0);
    take(array.data(), array.size() * sizeof(array[0]));
  });
  return whole && bytes.empty() ? Status::success() : internalError("ranks: found inputs of a step that are damaged");
}
