//===- RingSum.cpp - Sums that go around ------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The ring of `plait-outline-protocols`, step by step: in each all ranks send a part to the next one, and get one
// from the rank before. As of Patarasuk and Yuan, "Bandwidth optimal all-reduce algorithms for clusters of
// workstations", JPDC 2009.
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/RingSum.h"

#include <algorithm>

using namespace plait;

namespace {

class RingSum {
public:
  /// Rank p's part has elements [bounds[p], bounds[p + 1]).
  RingSum(const Courier &courier, std::vector<size_t> bounds) : courier(courier), bounds(std::move(bounds)) {}

  size_t begin(int part) const { return bounds[size_t(part)]; }
  size_t count(int part) const { return bounds[size_t(part) + 1] - bounds[size_t(part)]; }

  /// own[i] = the sum of the part of this rank. It may lie in `data`, in its place.
  Status scatter(std::span<const float> data, float *own, std::vector<uint8_t> &memory) const {
    size_t most = 0;
    for (int part = 0; part < courier.size; ++part)
      most = std::max(most, count(part));
    memory.resize(std::max(memory.size(), 2 * most * sizeof(float)));
    auto *coming = reinterpret_cast<float *>(memory.data()), *going = coming + most; // aligned for any number
    for (int step = 0; step < courier.size - 1; ++step) {
      int sent = behind(1 + step), got = behind(2 + step);
      const float *from = step ? going : data.data() + begin(sent);
      PLAIT_RETURN_IF_ERROR(shift({from, count(sent)}, {coming, count(got)}));
      const float *summands = data.data() + begin(got);
      float *sum = step == courier.size - 2 ? own : coming;
      for (size_t i = 0; i < count(got); ++i)
        sum[i] = coming[i] + summands[i];
      std::swap(coming, going);
    }
    return Status::success();
  }

  /// All parts of `data`, of which this rank has its own.
  Status gather(std::span<float> data) const {
    for (int step = 0; step < courier.size - 1; ++step) {
      int sent = behind(step), got = behind(1 + step);
      PLAIT_RETURN_IF_ERROR(shift(data.subspan(begin(sent), count(sent)), data.subspan(begin(got), count(got))));
    }
    return Status::success();
  }

private:
  int behind(int ranks) const { return (courier.rank + 2 * courier.size - ranks) % courier.size; }

  Status shift(std::span<const float> out, std::span<float> in) const {
    std::span<const uint8_t> going(reinterpret_cast<const uint8_t *>(out.data()), out.size_bytes());
    std::span<uint8_t> coming(reinterpret_cast<uint8_t *>(in.data()), in.size_bytes());
    int next = behind(courier.size - 1), before = behind(1);
    if (next == before) {
      Parcel both = {next, going, coming};
      return courier.exchange({&both, 1});
    }
    const Parcel parcels[] = {{next, going, {}, true, false}, {before, {}, coming, false, true}};
    return courier.exchange(parcels);
  }

  const Courier &courier;
  const std::vector<size_t> bounds;
};

} // namespace

Status plait::allReduceAround(const Courier &courier, std::span<float> data, size_t columns,
                              std::vector<uint8_t> &memory) {
  size_t n = size_t(courier.size), rows = data.size() / columns;
  std::vector<size_t> bounds;
  for (size_t rank = 0; rank <= n; ++rank)
    bounds.push_back(rows * rank / n * columns);
  RingSum ring(courier, std::move(bounds));
  PLAIT_RETURN_IF_ERROR(ring.scatter(data, data.data() + ring.begin(courier.rank), memory));
  return ring.gather(data);
}

Status plait::reduceGatherAround(const Courier &courier, const RowExchange &rows, const RowEpilogue &epilogue,
                                 std::vector<uint8_t> &memory) {
  std::vector<size_t> bounds;
  for (size_t row : rows.firstRow)
    bounds.push_back(row * rows.columns);
  RingSum ring(courier, std::move(bounds));
  size_t own = ring.count(courier.rank);
  if (courier.size == 1)
    std::copy_n(rows.in.data(), own, rows.sum);
  PLAIT_RETURN_IF_ERROR(ring.scatter(rows.in, rows.sum, memory));
  if (own)
    epilogue(0, rows.rowsOf(courier.rank));
  std::copy_n(rows.part, own, rows.out.data() + ring.begin(courier.rank));
  return ring.gather(rows.out);
}
