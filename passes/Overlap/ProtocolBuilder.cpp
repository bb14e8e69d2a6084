//===- ProtocolBuilder.cpp - Programs of fused sums -----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/ProtocolBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace plait;
using overlap::Window;

namespace {

class ProtocolBuilder {
public:
  ProtocolBuilder(ModuleOp module, const FusedSite &site, const ProtocolOptions &options)
      : module(module), site(site), options(options), b(OpBuilder::atBlockEnd(module.getBody())),
        loc(site.op.getLoc()) {}

  overlap::ProgramOp build() {
    std::string name = makeSymbol(module, site.getName());
    makeReference(b, site, name);
    FunctionType type = site.getFunctionType();
    MLIRContext *context = b.getContext();
    SmallVector<int64_t> replicated = site.getReplicated();
    auto program = overlap::ProgramOp::create(
        b, loc, b.getStringAttr(name), TypeAttr::get(type), site.op.getMeshAttr(), site.op.getDeviceAxes().front(),
        FlatSymbolRefAttr::get(context, name + "_reference"),
        replicated.empty() ? DenseI64ArrayAttr() : b.getDenseI64ArrayAttr(replicated), ArrayAttr(), ArrayAttr());
    Block *entry =
        b.createBlock(&program.getBody(), {}, type.getInputs(), SmallVector<Location>(type.getNumInputs(), loc));
    arguments = entry->getArguments();
    zero = constant(0);
    rowsOfRank = constant(site.rowsOfRank);
    firstOwn = arith::MulIOp::create(b, loc, overlap::RankOp::create(b, loc, b.getIndexType()).getResult(), rowsOfRank);
    SmallVector<Value> kept;
    summands = alloc(site.getRows());
    computed = alloc(site.getRows());
    Value gathered = alloc(site.getRows());
    for (size_t i = 0; i < site.op.getKept().size(); ++i)
      kept.push_back(alloc(site.rowsOfRank));
    AffineExpr row = b.getAffineDimExpr(0), ranks = b.getAffineSymbolExpr(0);
    complete =
        track(AffineMap::get(1, 1, ranks * options.columnTiles), AffineMap::get(1, 1, row.floorDiv(site.rowsOfRank)));
    distributed = track(AffineMap::get(1, 0, b.getAffineConstantExpr(1)), AffineMap());
    for (Value buffer : kept)
      keptViews.push_back(view(buffer, Window::own));
    buildSum();
    buildDistribution(view(gathered, Window::own));
    SmallVector<Value> results{load(view(gathered, Window::own), zero, site.getRows(), {})};
    for (Value own : keptViews)
      results.push_back(load(own, zero, site.rowsOfRank, {}));
    overlap::ReturnOp::create(b, loc, results);
    return program;
  }

private:
  Value constant(int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); }
  overlap::PoolAttr pool(int64_t count) { return overlap::PoolAttr::get(b.getContext(), options.resource, count); }

  Value alloc(int64_t rows) {
    auto type = overlap::BufferType::get(b.getContext(), {rows, site.columns}, b.getF32Type(), site.op.getMeshAttr(),
                                         site.op.getDeviceAxes().front(), /*slots=*/1);
    return overlap::AllocOp::create(b, loc, type);
  }
  Value view(Value buffer, Window window, Value peer = {}) {
    auto type = cast<overlap::BufferType>(buffer.getType());
    auto viewType = overlap::ViewType::get(b.getContext(), type.getShape(), type.getElementType(), window);
    return overlap::ViewOp::create(b, loc, viewType, buffer, window, peer);
  }
  Value track(AffineMap expect, AffineMap owner) {
    auto type = overlap::CounterType::get(b.getContext(), {site.getRows()}, overlap::Scope::sys);
    return overlap::TrackOp::create(b, loc, type, AffineMapAttr::get(expect),
                                    owner ? AffineMapAttr::get(owner) : AffineMapAttr(), Value());
  }
  Value slice(Value whole, Value row, Type type) {
    SmallVector<Value> offsets{row};
    offsets.resize(lm::getShardableShape(type).size(), zero);
    return overlap::SliceOp::create(b, loc, type, whole, offsets);
  }
  Value load(Value from, Value row, int64_t rows, ValueRange tokens) {
    return overlap::LoadOp::create(b, loc, site.getType(rows, site.columns), from, ValueRange{row, zero}, tokens);
  }
  void put(Value value, Value into, Value row, Value column) {
    overlap::PutOp::create(b, loc, value, into, ValueRange{row, column}, overlap::Engine::st);
  }
  Value ownerOf(Value row) { return arith::DivUIOp::create(b, loc, row, rowsOfRank); }

  /// A region with a block for its tiles, where building goes on.
  overlap::RegionOp beginRegion(int64_t workers) {
    auto region = overlap::RegionOp::create(b, loc, pool(workers));
    b.createBlock(&region.getBody());
    return region;
  }
  overlap::TilesOp beginTiles(ArrayRef<int64_t> extents, AffineMap order, int64_t workers) {
    auto tiles = overlap::TilesOp::create(b, loc, b.getDenseI64ArrayAttr(extents),
                                          order ? AffineMapAttr::get(order) : AffineMapAttr(), pool(workers));
    b.createBlock(&tiles.getBody(), {}, SmallVector<Type>(extents.size(), b.getIndexType()),
                  SmallVector<Location>(extents.size(), loc));
    return tiles;
  }

  /// Summands, and the owners' rows.
  void buildSum() {
    Value own = view(summands, Window::own), all = view(summands, Window::multicast);
    Value result = view(computed, Window::own);
    auto region = beginRegion(options.workers);
    SmallVector<int64_t> extents{site.getRows()};
    AffineMap order;
    if (options.columnTiles > 1) {
      extents.push_back(options.columnTiles);
      // A rank begins with the rows of the one behind it, and ends with its own.
      AffineExpr i = b.getAffineDimExpr(0), j = b.getAffineDimExpr(1), rank = b.getAffineSymbolExpr(0);
      order = AffineMap::get(2, 1, {(i + (rank + 1) * site.rowsOfRank) % site.getRows(), j}, b.getContext());
    }
    auto tiles = beginTiles(extents, order, options.workers - options.commWorkers);
    ValueRange index = tiles.getBody().front().getArguments();
    buildSummand(index, own);
    overlap::ArriveOp::create(b, loc, complete, ValueRange{index[0]}, Window::peer, ownerOf(index[0]),
                              /*relaxed=*/false);
    b.setInsertionPointAfter(tiles);
    auto trigger = overlap::TriggerOp::create(b, loc, complete, pool(options.commWorkers));
    Block *block =
        b.createBlock(&trigger.getBody(), {}, {b.getIndexType(), overlap::TokenType::get(b.getContext())}, {loc, loc});
    Value row = block->getArgument(0), token = block->getArgument(1);
    Value sum = overlap::LoadReduceOp::create(b, loc, site.getType(1, site.columns), all, ValueRange{row, zero},
                                              ValueRange{token});
    Value ownRow = arith::SubIOp::create(b, loc, row, firstOwn);
    SmallVector<Value> rows, weights(arguments.drop_front(site.getNumInputs() + site.getNumRows()));
    for (Value argument : arguments.slice(site.getNumInputs(), site.getNumRows()))
      rows.push_back(
          slice(argument, ownRow, site.getType(1, cast<RankedTensorType>(argument.getType()).getDimSize(1))));
    SmallVector<Value> yielded = site.cloneBody(b, 1, sum, rows, weights);
    put(yielded[0], result, row, zero);
    for (auto [value, keep] : llvm::zip_equal(ArrayRef(yielded).drop_front(), keptViews))
      put(value, keep, ownRow, zero);
    overlap::ArriveOp::create(b, loc, distributed, ValueRange{row}, Window::multicast, Value());
    b.setInsertionPointAfter(region);
  }

  void buildSummand(ValueRange index, Value own) {
    if (!site.product) {
      put(slice(arguments[0], index[0], site.getType(1, site.columns)), own, index[0], zero);
      return;
    }
    auto input = cast<RankedTensorType>(arguments[0].getType());
    auto weight = cast<lm::WeightType>(arguments[1].getType());
    Value rows = slice(arguments[0], index[0], site.getType(1, input.getDimSize(1)));
    Value columns = arguments[1], column = zero;
    if (index.size() > 1) {
      int64_t width = weight.getRows() / options.columnTiles;
      column = arith::MulIOp::create(b, loc, index[1], constant(width));
      columns = slice(columns, column, lm::getPartType(weight, {width, weight.getCols()}));
    }
    put(site.cloneProduct(b, rows, columns), own, index[0], column);
  }

  /// All rows, from their owners.
  void buildDistribution(Value gathered) {
    auto region = beginRegion(/*workers=*/1);
    auto tiles = beginTiles({site.getRows()}, AffineMap(), 1);
    Value row = tiles.getBody().front().getArgument(0);
    Value token = overlap::WaitOp::create(b, loc, overlap::TokenType::get(b.getContext()), distributed, ValueRange{row},
                                          UnitAttr());
    Value owner = view(computed, Window::peer, ownerOf(row));
    put(load(owner, row, 1, ValueRange{token}), gathered, row, zero);
    b.setInsertionPointAfter(region);
  }

  ModuleOp module;
  const FusedSite &site;
  const ProtocolOptions &options;
  OpBuilder b;
  Location loc;
  ValueRange arguments;
  Value zero, rowsOfRank, firstOwn, summands, computed, complete, distributed;
  SmallVector<Value> keptViews;
};

} // namespace

overlap::ProgramOp plait::buildProtocol(ModuleOp module, const FusedSite &site, const ProtocolOptions &options) {
  return ProtocolBuilder(module, site, options).build();
}
