//===- AlgorithmPrograms.cpp - Programs of sums, by algorithm -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/AlgorithmPrograms.h"
#include "passes/Overlap/ProgramWriter.h"

using namespace plait;
using overlap::Window;
using par::SumAlgorithm;

namespace {

/// All put their rows where they are, and read those of all. A rank may be an epoch ahead: it takes two slots.
class OneShot : public ProgramWriter {
public:
  using ProgramWriter::ProgramWriter;

  void writeBody() override {
    Value summands = alloc(site.getRows(), /*slots=*/2),
          counter = track(AffineMap::get(1, 1, b.getAffineSymbolExpr(0)));
    Value own = view(summands, Window::own), all = view(summands, Window::multicast);
    Value result = view(gathered, Window::own);
    region(options.workers, [&] {
      tiles({site.getRows()}, options.workers, [&](ValueRange index) {
        Value row = index[0];
        put(slice(arguments[0], row), own, row);
        arrive(counter, row, Window::multicast);
        Value token = wait(counter, row);
        Value sum = overlap::LoadReduceOp::create(b, loc, site.getType(1, site.columns), all, ValueRange{row, zero},
                                                  ValueRange{token});
        put(compute(sum, row), result, row);
      });
    });
  }
};

/// All store their rows at all, and wait for those of the others, row after row: row r of rank q is row n r + q of a
/// slot. Beside the waiting the slot before is cleared.
class Lamport : public ProgramWriter {
public:
  using ProgramWriter::ProgramWriter;

  void writeBody() override {
    Value summands = alloc(site.ranks * site.getRows(), /*slots=*/3);
    Value own = view(summands, Window::own), all = view(summands, Window::multicast);
    Value result = view(gathered, Window::own);
    region(options.workers, [&] {
      tiles({site.getRows()}, options.workers, [&](ValueRange index) {
        Value row = index[0], first = mul(row, site.ranks);
        overlap::PublishOp::create(b, loc, slice(arguments[0], row), all, ValueRange{add(first, rank), zero});
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
class Multimem : public ProgramWriter {
public:
  using ProgramWriter::ProgramWriter;

  void writeBody() override {
    AffineExpr row = b.getAffineDimExpr(0), count = b.getAffineSymbolExpr(0), own = b.getAffineSymbolExpr(0);
    Value summands = alloc(site.getRows());
    Value complete = track(AffineMap::get(1, 1, count), AffineMap::get(1, 1, row.floorDiv(site.rowsOfRank)));
    Value distributed = track(AffineMap::get(1, 0, b.getAffineConstantExpr(1)));
    Value mine = view(summands, Window::own), all = view(summands, Window::multicast);
    Value result = view(gathered, Window::multicast);
    Value rowsOfRank = constant(site.rowsOfRank);
    region(options.workers, [&] {
      // A rank begins with the rows of the one behind it, so that all owners have something to do early.
      AffineMap order = AffineMap::get(1, 1, {(row + (own + 1) * site.rowsOfRank) % site.getRows()}, b.getContext());
      tiles(
          {site.getRows()}, options.workers - options.commWorkers,
          [&](ValueRange index) {
            put(slice(arguments[0], index[0]), mine, index[0]);
            arrive(complete, index[0], Window::peer, arith::DivUIOp::create(b, loc, index[0], rowsOfRank));
          },
          order);
      trigger(complete, options.commWorkers, [&](ValueRange arguments) {
        Value index = arguments[0];
        Value sum = overlap::LoadReduceOp::create(b, loc, site.getType(1, site.columns), all, ValueRange{index, zero},
                                                  ValueRange{arguments[1]}, /*in_switch=*/true);
        put(compute(sum, index), result, index);
        arrive(distributed, index, Window::multicast);
      });
    });
    region(options.commWorkers, [&] {
      tiles({site.getRows()}, options.commWorkers, [&](ValueRange index) { wait(distributed, index[0]); });
    });
  }
};

/// The rows of rank p go, as sums, from rank p + 1 on to p, each adding its own, and from p around to all. Each step
/// has workers of its own, as many as communicate: those of one that waits hold up no other one.
class Ring : public ProgramWriter {
public:
  using ProgramWriter::ProgramWriter;

  void writeBody() override {
    int64_t n = site.ranks, rows = site.rowsOfRank, workers = options.commWorkers;
    Value sums = alloc(site.getRows());
    // Of p's rows all but p + 1 get sums, and all but p the result. (n - 1) r is -r modulo n.
    AffineExpr part = b.getAffineDimExpr(0).floorDiv(rows), rank = b.getAffineSymbolExpr(1);
    auto unless = [&](int64_t offset) {
      return AffineMap::get(1, 2, ((part + offset + rank * (n - 1)) % n + (n - 1)).floorDiv(n));
    };
    Value summed = track(unless(1)), distributed = track(unless(0));
    Value next = rem(add(this->rank, constant(1)), n);
    Value mySums = view(sums, Window::own), nextSums = view(sums, Window::peer, next);
    Value myResult = view(gathered, Window::own), nextResult = view(gathered, Window::peer, next);
    /// Row `row` of the part that is `back` ranks behind this one, at most 2 n - 1.
    auto rowOf = [&](Value back, Value row) {
      return add(mul(rem(sub(add(this->rank, constant(2 * n)), back), n), rows), row);
    };
    auto handOn = [&](Value row, Value value, Value target, Value counter) {
      put(value, target, row);
      arrive(counter, row, Window::peer, next);
    };
    auto addOwn = [&](Value row) {
      Value sum = load(mySums, row, 1, wait(summed, row));
      return lm::AddOp::create(b, loc, sum, slice(arguments[0], row))->getResult(0);
    };
    region(countWorkers(SumAlgorithm::ring, n, options), [&] {
      tiles({rows}, workers, [&](ValueRange index) {
        Value row = rowOf(constant(1), index[0]);
        handOn(row, slice(arguments[0], row), nextSums, summed);
      });
      if (n > 2)
        tiles({n - 2, rows}, workers, [&](ValueRange index) {
          Value row = rowOf(add(index[0], constant(2)), index[1]);
          handOn(row, addOwn(row), nextSums, summed);
        });
      tiles({rows}, workers, [&](ValueRange index) {
        Value row = add(firstOwn, index[0]), value = compute(addOwn(row), row);
        put(value, myResult, row);
        handOn(row, value, nextResult, distributed);
      });
      if (n > 2)
        tiles({n - 2, rows}, workers, [&](ValueRange index) {
          Value row = rowOf(add(index[0], constant(1)), index[1]);
          handOn(row, load(myResult, row, 1, wait(distributed, row)), nextResult, distributed);
        });
      // The last part goes no further.
      tiles({rows}, workers, [&](ValueRange index) { wait(distributed, rowOf(constant(n - 1), index[0])); });
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
    return buildProtocol(module, site, options);
  case SumAlgorithm::ring:
    return Ring(module, site, options).write(algorithm);
  case SumAlgorithm::multimem:
    return Multimem(module, site, options).write(algorithm);
  case SumAlgorithm::lamport:
    return Lamport(module, site, options).write(algorithm);
  }
  llvm_unreachable("all algorithms are above");
}
