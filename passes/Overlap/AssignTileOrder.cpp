//===- AssignTileOrder.cpp - Whose rows a rank begins with ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Index arithmetic is followed with numbers, tile by tile on all ranks, as the proof does: what comes of it are ranks,
// and no form of a map has to be recognised.
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/KnownValues.h"
#include "passes/Overlap/Passes.h"
#include "passes/Overlap/StepRecorder.h"

#include "mlir/IR/Remarks.h"

#include <map>

namespace plait {
#define GEN_PASS_DEF_ASSIGNTILEORDERPASS
#include "passes/Overlap/Passes.h.inc"
} // namespace plait

using namespace plait;
using namespace plait::overlap;

namespace {

/// A rank, or that there are none or several of them.
constexpr int64_t kNone = -1, kSeveral = -2;

void join(int64_t &rank, int64_t other) { rank = rank == kNone || rank == other ? other : kSeveral; }

/// Who arrives where, and whose rows each tile is about.
class TileRanks : KnownValues {
public:
  explicit TileRanks(ProgramOp program) : ranks(program.countRanks()) {
    for (rank = 0; rank < ranks; ++rank) {
      known.clear();
      program.walk<WalkOrder::PreOrder>([&](Operation *op) {
        if (auto tiles = dyn_cast<TilesOp>(op)) {
          forTiles(tiles, [&](ArrayRef<int64_t>) { recordArrivals(tiles.getBody().front()); });
          return WalkResult::skip();
        }
        if (auto trigger = dyn_cast<TriggerOp>(op)) {
          forIndices(trigger, [&] { recordArrivals(trigger.getBody().front()); });
          return WalkResult::skip();
        }
        follow(op);
        return WalkResult::advance();
      });
      outside.push_back(known);
    }
  }

  /// On `rank`, for each number along the first extent: whom tiles arrive at, or, if they wait, who arrives there.
  SmallVector<int64_t> getRanks(TilesOp op, int64_t ofRank, bool waits) {
    rank = ofRank;
    known = outside[size_t(rank)];
    SmallVector<int64_t> found(op.getExtents()[0], kNone);
    forTiles(op, [&](ArrayRef<int64_t> tile) {
      for (Operation &inner : op.getBody().front()) {
        follow(&inner);
        int64_t &own = found[size_t(tile[0])];
        if (auto arrive = dyn_cast<ArriveOp>(inner); arrive && !waits)
          join(own, arrive.getPeer() ? numberOf(arrive.getPeer()).value_or(kSeveral) : kSeveral);
        if (auto wait = dyn_cast<WaitOp>(inner); wait && waits)
          join(own, getArriving(wait));
      }
    });
    return found;
  }

  const int64_t ranks;

private:
  void follow(Operation *op) {
    if (isa<RankOp>(op))
      setNumber(op->getResult(0), rank, /*isUniform=*/false);
    else if (isa<NumRanksOp>(op))
      setNumber(op->getResult(0), ranks, /*isUniform=*/true);
    else if (isa_and_nonnull<arith::ArithDialect>(op->getDialect()) &&
             llvm::all_of(op->getResultTypes(), [](Type type) { return type.isIndex(); }))
      (void)fold(op);
  }

  void forTiles(TilesOp op, llvm::function_ref<void(ArrayRef<int64_t>)> body) {
    for (int64_t place = 0, count = op.countTiles(); place < count; ++place) {
      SmallVector<int64_t> tile = getIndices(op.getExtents(), place);
      for (auto [number, argument] : llvm::zip_equal(tile, op.getBody().getArguments()))
        setNumber(argument, number, /*isUniform=*/false);
      body(tile);
    }
  }

  /// For those that this rank waits for.
  void forIndices(TriggerOp op, llvm::function_ref<void()> body) {
    auto track = op.getCounter().getDefiningOp<TrackOp>();
    ArrayRef<int64_t> extents = op.getCounter().getType().getExtents();
    for (int64_t i = 0, count = ShapedType::getNumElements(extents); track && i < count; ++i) {
      SmallVector<int64_t> index = getIndices(extents, i);
      if (!track.isOwner(index, ranks, rank))
        continue;
      for (auto [number, argument] : llvm::zip(index, op.getBody().getArguments()))
        setNumber(argument, number, /*isUniform=*/false);
      body();
    }
  }

  std::optional<int64_t> numberOf(Value value) {
    IntegerAttr number = known[value].number;
    return number ? std::optional(number.getInt()) : std::nullopt;
  }

  using Cell = std::vector<int64_t>; ///< an index, and on which rank
  std::optional<Cell> cellOf(OperandRange indices, int64_t on) {
    Cell cell;
    for (Value index : indices) {
      auto number = numberOf(index);
      if (!number)
        return std::nullopt;
      cell.push_back(*number);
    }
    cell.push_back(on);
    return cell;
  }

  void recordArrivals(Block &body) {
    for (Operation &op : body) {
      follow(&op);
      auto arrive = dyn_cast<ArriveOp>(op);
      if (!arrive)
        continue;
      auto peer = arrive.getPeer() ? numberOf(arrive.getPeer()) : rank;
      for (int64_t on = 0; on < ranks; ++on)
        if (arrive.getWindow() == Window::multicast || peer == on)
          if (auto cell = cellOf(arrive.getIndices(), on))
            join(arriving[arrive.getCounter()].try_emplace(*cell, kNone).first->second, rank);
    }
  }

  int64_t getArriving(WaitOp wait) {
    auto cell = cellOf(wait.getIndices(), rank);
    auto &cells = arriving[wait.getCounter()];
    auto found = cell ? cells.find(*cell) : cells.end();
    return found == cells.end() ? kSeveral : found->second;
  }

  int64_t rank = 0;
  DenseMap<Value, std::map<Cell, int64_t>> arriving; ///< of each counter who arrives where
  std::vector<DenseMap<Value, Known>> outside;       ///< of each rank what is known outside of tiles
};

struct AssignTileOrderPass : plait::impl::AssignTileOrderPassBase<AssignTileOrderPass> {
  void runOnOperation() override {
    for (auto program : getOperation().getOps<ProgramOp>()) {
      if (program.getBody().empty() || program.countRanks() < 2)
        continue;
      TileRanks tileRanks(program);
      program.walk([&](TilesOp op) {
        if (!op.getOrder())
          assign(op, tileRanks);
      });
    }
  }

private:
  void assign(TilesOp op, TileRanks &tileRanks) {
    bool waits = !op.getBody().front().getOps<WaitOp>().empty();
    if (!waits && op.getBody().front().getOps<ArriveOp>().empty())
      return;
    int64_t extent = op.getExtents()[0], ranks = tileRanks.ranks, first = waits ? 0 : 1;
    // Ranks have neighbouring numbers, or take turns.
    for (int64_t step : {extent / ranks, int64_t(1)}) {
      if (extent % ranks || !rotates(op, tileRanks, waits, step, first))
        continue;
      OpBuilder b(op);
      SmallVector<AffineExpr> tile = {(b.getAffineDimExpr(0) + (b.getAffineSymbolExpr(0) + first) * step) % extent};
      for (unsigned d = 1; d < op.getExtents().size(); ++d)
        tile.push_back(b.getAffineDimExpr(d));
      op.setOrder(AffineMap::get(unsigned(tile.size()), 1, tile, b.getContext()));
      ++numOrdered;
      remark::passed(op.getLoc(), remark::RemarkOpts::name("Ordered").category("plait-assign-tile-order"))
          << (waits ? "each rank begins with what it has itself, and goes on with what the rank behind it gives"
                    : "each rank begins with what the rank behind it owns, and ends with its own");
      return;
    }
    remark::missed(op.getLoc(), remark::RemarkOpts::name("NaturalOrder").category("plait-assign-tile-order"))
        << "tiles stay in natural order: they are not of one rank each, in turn";
  }

  /// Whether on each rank r places are of ranks r + first, r + first + 1, ... if tiles are rotated by (r + first) *
  /// step.
  static bool rotates(TilesOp op, TileRanks &tileRanks, bool waits, int64_t step, int64_t first) {
    int64_t ranks = tileRanks.ranks, extent = op.getExtents()[0];
    for (int64_t rank = 0; rank < ranks; ++rank) {
      SmallVector<int64_t> found = tileRanks.getRanks(op, rank, waits);
      for (int64_t place = 0; place < extent; ++place)
        if (found[size_t((place + (rank + first) * step) % extent)] != (rank + first + place / step) % ranks)
          return false;
    }
    return true;
  }
};
} // namespace
