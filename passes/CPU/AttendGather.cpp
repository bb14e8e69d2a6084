//===- AttendGather.cpp - Attention: pages of a path ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/Attend.h"

using namespace plait;
using kernel::PageLayout;

Attend::HeadPlace Attend::placeIn(const PageLayout &layout, Value head) {
  auto place = [&](int64_t first, int64_t second) { return e.add(e.mul(head, second - first), first); };
  HeadPlace all{
      place(layout.keyOffset(0), layout.keyOffset(1)), place(layout.valueOffset(0), layout.valueOffset(1)), {}, {}};
  if (layout.isScaled) {
    all.keyScale = place(layout.keyScaleOffset(0), layout.keyScaleOffset(1));
    all.valueScale = place(layout.valueScaleOffset(0), layout.valueScaleOffset(1));
  }
  return all;
}

/// Copies `count` elements, a multiple of a slice's, to `gathered`.
void Attend::copy(Type element, Value from, Value fromOffset, Value toOffset, Value count) {
  e.forLoop(e.i64(0), count, e.lanes(), [&](Value i) {
    e.store(e.load(e.vectorType(element), from, e.add(fromOffset, i)), gathered, e.add(toOffset, i));
  });
}

/// Where the path has something in the page it becomes one that was put together.
void Attend::gather(Part &part, const Seer &seer) {
  Value hasSlots = e.less(e.i64(1), seer.path.count), branch = pages.branch(seer.path, seer.last);
  branch = e.select(hasSlots, branch, e.i64(int64_t(1) << 40)); // behind all pages
  Value isPart = e.less(branch, e.add(part.start, PageLayout::tokens));
  e.ifThen(isPart, [&] { gatherCells(part, seer, branch); });
  HeadPlace put = placeIn(oneHead, e.i64(0)), &head = part.head;
  part.page = e.select(isPart, gathered, part.page);
  for (auto [to, from] : {std::pair(&head.keys, put.keys),
                          {&head.values, put.values},
                          {&head.keyScale, put.keyScale},
                          {&head.valueScale, put.valueScale}})
    if (from)
      *to = e.select(isPart, from, *to);
}

/// Makes `gathered` the page as the token sees it: as it is before the path begins, then the
/// cells of the path.
void Attend::gatherCells(const Part &part, const Seer &seer, Value branch) {
  constexpr int64_t slice = PageLayout::slice;
  Value zero = e.i64(0);
  const HeadPlace &from = part.head, to = placeIn(oneHead, zero);
  // Whole slices of keys; of values no slot more than there is.
  Value kept = e.max(e.sub(branch, part.start), zero), slices = e.div(e.add(kept, slice - 1), e.i64(slice));
  copy(pages.stored(), part.page, from.keys, to.keys, e.mul(slices, headDim * slice));
  e.forLoop(zero, e.i64(paddedHeadDim / slice), 1, [&](Value column) {
    Value offset = e.mul(column, PageLayout::tokens * slice);
    copy(pages.stored(), part.page, e.add(from.values, offset), e.add(to.values, offset), e.mul(kept, slice));
  });
  if (pages.layout.isScaled)
    for (auto [source, target] : {std::pair(from.keyScale, to.keyScale), {from.valueScale, to.valueScale}})
      copy(e.f32Type(), part.page, source, target, e.mul(slices, slice));
  Value end = e.minimum(e.add(seer.last, 1), e.add(part.start, PageLayout::tokens));
  e.forLoop(e.max(branch, part.start), end, 1, [&](Value at) { gatherCell(part, seer, at); });
}

/// Copies the cell of `at`, a position of the path, to its place in `gathered`.
void Attend::gatherCell(const Part &part, const Seer &seer, Value at) {
  constexpr int64_t slice = PageLayout::slice;
  Value tokens = e.i64(PageLayout::tokens), width = e.i64(slice), zero = e.i64(0);
  const HeadPlace &source = part.head, target = placeIn(oneHead, zero);
  // The path's entries are in the order of their positions.
  Value slot = e.loadIndex(pages.paths, pages.entryOf(seer.path, seer.last, at));
  Value page = pages.page(e.add(seer.entries, e.div(slot, tokens)));
  Value from = e.rem(slot, tokens), to = e.sub(at, part.start);
  auto columnOf = [&](Value s) { return e.add(e.mul(e.div(s, width), headDim * slice), e.rem(s, width)); };
  Value fromKey = e.add(source.keys, columnOf(from)), toKey = e.add(target.keys, columnOf(to));
  e.forLoop(zero, e.i64(headDim * slice), slice,
            [&](Value i) { e.store(e.load(pages.stored(), page, e.add(fromKey, i)), gathered, e.add(toKey, i)); });
  Value fromValue = e.add(source.values, e.mul(from, slice)), toValue = e.add(target.values, e.mul(to, slice));
  e.forLoop(zero, e.i64(paddedHeadDim * PageLayout::tokens), slice * PageLayout::tokens,
            [&](Value i) { copy(pages.stored(), page, e.add(fromValue, i), e.add(toValue, i), width); });
  if (pages.layout.isScaled)
    for (auto [own, other] : {std::pair(source.keyScale, target.keyScale), {source.valueScale, target.valueScale}})
      e.store(e.load(e.f32Type(), page, e.add(own, from)), gathered, e.add(other, to));
}
