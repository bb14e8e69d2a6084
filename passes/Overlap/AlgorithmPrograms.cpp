//===- AlgorithmPrograms.cpp - Programs of sums, by algorithm -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/AlgorithmPrograms.h"
#include "passes/Overlap/SumProgram.h"

using namespace plait;
using overlap::Window;
using par::SumAlgorithm;

namespace {

/// Who owns a block of rows adds it up when all tiles of all ranks have come, computes it and counts; all read it.
class TwoShot : public SumProgram {
public:
  using SumProgram::SumProgram;

  void writeSum() override {
    int64_t blocksOfRank = site.rowsOfRank / options.tileRows, blocks = site.getRows() / options.tileRows;
    AffineExpr block = b.getAffineDimExpr(0), ranks = b.getAffineSymbolExpr(0);
    Value summands = alloc(site.getRows()), computed = alloc(site.getRows());
    Value complete = track({blocks}, AffineMap::get(1, 1, ranks * options.columnTiles),
                           AffineMap::get(1, 1, block.floorDiv(blocksOfRank)));
    Value distributed = track({blocks}, AffineMap::get(1, 0, b.getAffineConstantExpr(1)));
    Value own = view(summands, Window::own), all = view(summands, Window::multicast);
    Value mine = view(computed, Window::own), result = view(gathered, Window::own);
    SmallVector<int64_t> extents{blocks};
    if (options.columnTiles > 1)
      extents.push_back(options.columnTiles);
    region(options.workers, [&] {
      tiles(extents, options.workers - options.commWorkers, [&](ValueRange index) {
        Value row = rowOf(index[0]), summand = sliceRows(arguments[0], row), column = zero;
        if (site.product) {
          auto [weight, first] = sliceWeight(arguments[1], index.back());
          summand = site.cloneProduct(b, summand, weight);
          column = first;
        }
        put(summand, own, row, column);
        arrive(complete, index[0], Window::peer, div(index[0], blocksOfRank));
      });
      trigger(complete, options.commWorkers, [&](ValueRange block) {
        Value row = rowOf(block[0]);
        put(compute(loadReduce(all, row, options.tileRows, block[1]), row), mine, row);
        arrive(distributed, block[0], Window::multicast);
      });
    });
    region(options.commWorkers, [&] {
      tiles({blocks}, options.commWorkers, [&](ValueRange index) {
        Value token = wait(distributed, index[0]), row = rowOf(index[0]);
        Value owner = view(computed, Window::peer, div(index[0], blocksOfRank));
        put(load(owner, row, options.tileRows, token), result, row);
      });
    });
  }
};

/// All put their rows where they are, and read those of all. A rank may be an epoch ahead: it takes two slots.
class OneShot : public SumProgram {
public:
  using SumProgram::SumProgram;

  void writeSum() override {
    Value summands = alloc(site.getRows(), /*slots=*/2),
          counter = track({site.getRows()}, AffineMap::get(1, 1, b.getAffineSymbolExpr(0)));
    Value own = view(summands, Window::own), all = view(summands, Window::multicast);
    Value result = view(gathered, Window::own);
    region(options.workers, [&] {
      tiles({site.getRows()}, options.workers, [&](ValueRange index) {
        Value row = index[0];
        put(sliceRows(arguments[0], row), own, row);
        arrive(counter, row, Window::multicast);
        Value token = wait(counter, row);
        put(compute(loadReduce(all, row, 1, token), row), result, row);
      });
    });
  }
};

/// All store their rows at all, and wait for those of the others, row after row: row r of rank q is row n r + q of a
/// slot. Beside the waiting the slot before is cleared.
class Lamport : public SumProgram {
public:
  using SumProgram::SumProgram;

  void writeSum() override {
    Value summands = alloc(site.ranks * site.getRows(), /*slots=*/3);
    Value own = view(summands, Window::own), all = view(summands, Window::multicast);
    Value result = view(gathered, Window::own);
    region(options.workers, [&] {
      tiles({site.getRows()}, options.workers, [&](ValueRange index) {
        Value row = index[0], first = mul(row, site.ranks);
        overlap::PublishOp::create(b, loc, sliceRows(arguments[0], row), all, ValueRange{add(first, rank), zero});
        overlap::ClearOp::create(b, loc, own, ValueRange{first, zero},
                                 b.getDenseI64ArrayAttr({site.ranks, site.columns}), b.getI64IntegerAttr(2));
        auto poll = overlap::PollOp::create(b, loc, site.getType(1, site.columns), tokenType(), own,
                                            ValueRange{first, zero}, b.getI64IntegerAttr(site.ranks));
        put(compute(poll.getResult(), row), result, row);
      });
    });
  }
};

/// Owners of rows read them through the switch, which adds up, and store what they make of it through the switch.
class Multimem : public SumProgram {
public:
  using SumProgram::SumProgram;

  void writeSum() override {
    AffineExpr row = b.getAffineDimExpr(0), count = b.getAffineSymbolExpr(0);
    Value summands = alloc(site.getRows());
    SmallVector<int64_t> rows{site.getRows()};
    Value complete = track(rows, AffineMap::get(1, 1, count), AffineMap::get(1, 1, row.floorDiv(site.rowsOfRank)));
    Value distributed = track(rows, AffineMap::get(1, 0, b.getAffineConstantExpr(1)));
    Value mine = view(summands, Window::own), all = view(summands, Window::multicast);
    Value result = view(gathered, Window::multicast);
    region(options.workers, [&] {
      tiles(rows, options.workers - options.commWorkers, [&](ValueRange index) {
        put(sliceRows(arguments[0], index[0]), mine, index[0]);
        arrive(complete, index[0], Window::peer, div(index[0], site.rowsOfRank));
      });
      trigger(complete, options.commWorkers, [&](ValueRange row) {
        Value sum = loadReduce(all, row[0], 1, row[1], /*inSwitch=*/true);
        put(compute(sum, row[0]), result, row[0]);
        arrive(distributed, row[0], Window::multicast);
      });
    });
    region(options.commWorkers,
           [&] { tiles(rows, options.commWorkers, [&](ValueRange index) { wait(distributed, index[0]); }); });
  }
};

/// The rows of rank p go, as sums, from rank p + 1 on to p, each adding its own, and from p around to all. Each step
/// has workers of its own, as many as communicate: those of one that waits hold up no other one.
class Ring : public SumProgram {
public:
  using SumProgram::SumProgram;

  void writeSum() override {
    int64_t n = site.ranks, rows = site.rowsOfRank, workers = options.commWorkers;
    Value sums = alloc(site.getRows());
    // Of p's rows all but p + 1 get sums, and all but p the result. (n - 1) r is -r modulo n.
    AffineExpr part = b.getAffineDimExpr(0).floorDiv(rows), rank = b.getAffineSymbolExpr(1);
    auto unless = [&](int64_t offset) {
      return AffineMap::get(1, 2, ((part + offset + rank * (n - 1)) % n + (n - 1)).floorDiv(n));
    };
    Value summed = track({site.getRows()}, unless(1)), distributed = track({site.getRows()}, unless(0));
    Value next = rem(add(this->rank, constant(1)), n);
    Value mySums = view(sums, Window::own), nextSums = view(sums, Window::peer, next);
    Value myResult = view(gathered, Window::own), nextResult = view(gathered, Window::peer, next);
    /// Row `row` of the part that is `back` ranks behind this one, at most 2 n - 1.
    auto rowBehind = [&](Value back, Value row) {
      return add(mul(rem(sub(add(this->rank, constant(2 * n)), back), n), rows), row);
    };
    auto handOn = [&](Value row, Value value, Value target, Value counter) {
      put(value, target, row);
      arrive(counter, row, Window::peer, next);
    };
    auto addOwn = [&](Value row) {
      Value sum = load(mySums, row, 1, wait(summed, row));
      return lm::AddOp::create(b, loc, sum, sliceRows(arguments[0], row))->getResult(0);
    };
    region(countWorkers(SumAlgorithm::ring, n, options), [&] {
      tiles({rows}, workers, [&](ValueRange index) {
        Value row = rowBehind(constant(1), index[0]);
        handOn(row, sliceRows(arguments[0], row), nextSums, summed);
      });
      if (n > 2)
        tiles({n - 2, rows}, workers, [&](ValueRange index) {
          Value row = rowBehind(add(index[0], constant(2)), index[1]);
          handOn(row, addOwn(row), nextSums, summed);
        });
      tiles({rows}, workers, [&](ValueRange index) {
        Value row = add(firstOwn, index[0]), value = compute(addOwn(row), row);
        put(value, myResult, row);
        handOn(row, value, nextResult, distributed);
      });
      if (n > 2)
        tiles({n - 2, rows}, workers, [&](ValueRange index) {
          Value row = rowBehind(add(index[0], constant(1)), index[1]);
          handOn(row, load(myResult, row, 1, wait(distributed, row)), nextResult, distributed);
        });
      // The last part goes no further.
      tiles({rows}, workers, [&](ValueRange index) { wait(distributed, rowBehind(constant(n - 1), index[0])); });
    });
  }
};

} // namespace

int64_t plait::countWorkers(SumAlgorithm algorithm, int64_t ranks, const ProtocolOptions &options) {
  return algorithm == SumAlgorithm::ring ? (ranks > 2 ? 5 : 3) * options.commWorkers : options.workers;
}

overlap::ProgramOp plait::buildProgram(ModuleOp module, const FusedSite &site, const ProtocolOptions &options,
                                       SumAlgorithm algorithm) {
  switch (algorithm) {
  case SumAlgorithm::one_shot:
    return OneShot(module, site, options).write(algorithm);
  case SumAlgorithm::two_shot:
    return TwoShot(module, site, options).write(algorithm);
  case SumAlgorithm::ring:
    return Ring(module, site, options).write(algorithm);
  case SumAlgorithm::multimem:
    return Multimem(module, site, options).write(algorithm);
  case SumAlgorithm::lamport:
    return Lamport(module, site, options).write(algorithm);
  }
  llvm_unreachable("all algorithms are above");
}
