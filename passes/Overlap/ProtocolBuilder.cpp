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
    blocksOfRank = site.rowsOfRank / options.tileRows;
    ownBlocks = constant(blocksOfRank);
    tileRows = options.tileRows == 1 ? Value() : constant(options.tileRows);
    Value rank = overlap::RankOp::create(b, loc, b.getIndexType());
    firstOwn = arith::MulIOp::create(b, loc, rank, constant(site.rowsOfRank));
    SmallVector<Value> kept;
    summands = alloc(site.getRows());
    computed = alloc(site.getRows());
    Value gathered = alloc(site.getRows());
    for (size_t i = 0; i < site.op.getKept().size(); ++i)
      kept.push_back(alloc(site.rowsOfRank));
    AffineExpr block = b.getAffineDimExpr(0), ranks = b.getAffineSymbolExpr(0);
    complete =
        track(AffineMap::get(1, 1, ranks * options.columnTiles), AffineMap::get(1, 1, block.floorDiv(blocksOfRank)));
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
    auto type = overlap::CounterType::get(b.getContext(), {getBlocks()}, overlap::Scope::sys);
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
  Value ownerOf(Value block) { return arith::DivUIOp::create(b, loc, block, ownBlocks); }
  int64_t getBlocks() const { return site.getRows() / options.tileRows; }
  Value rowOf(Value block) { return tileRows ? arith::MulIOp::create(b, loc, block, tileRows).getResult() : block; }
  /// As many rows of `type` as a tile has.
  Type tileOf(Type type) {
    auto whole = cast<RankedTensorType>(type);
    return RankedTensorType::get({options.tileRows, whole.getDimSize(1)}, whole.getElementType());
  }

  /// A region with a block for its tiles, where building goes on.
  overlap::RegionOp beginRegion(int64_t workers) {
    auto region = overlap::RegionOp::create(b, loc, pool(workers));
    b.createBlock(&region.getBody());
    return region;
  }
  overlap::TilesOp beginTiles(ArrayRef<int64_t> extents, int64_t workers) {
    auto tiles = overlap::TilesOp::create(b, loc, b.getDenseI64ArrayAttr(extents), AffineMapAttr(), pool(workers));
    b.createBlock(&tiles.getBody(), {}, SmallVector<Type>(extents.size(), b.getIndexType()),
                  SmallVector<Location>(extents.size(), loc));
    return tiles;
  }

  /// Summands, and the owners' rows.
  void buildSum() {
    Value own = view(summands, Window::own), all = view(summands, Window::multicast);
    Value result = view(computed, Window::own);
    auto region = beginRegion(options.workers);
    SmallVector<int64_t> extents{getBlocks()};
    if (options.columnTiles > 1)
      extents.push_back(options.columnTiles);
    auto tiles = beginTiles(extents, options.workers - options.commWorkers);
    ValueRange index = tiles.getBody().front().getArguments();
    buildSummand(index, own);
    overlap::ArriveOp::create(b, loc, complete, ValueRange{index[0]}, Window::peer, ownerOf(index[0]),
                              /*relaxed=*/false);
    b.setInsertionPointAfter(tiles);
    auto trigger = overlap::TriggerOp::create(b, loc, complete, pool(options.commWorkers));
    Block *block =
        b.createBlock(&trigger.getBody(), {}, {b.getIndexType(), overlap::TokenType::get(b.getContext())}, {loc, loc});
    Value blockIndex = block->getArgument(0), token = block->getArgument(1), row = rowOf(blockIndex);
    Value sum = overlap::LoadReduceOp::create(b, loc, site.getType(options.tileRows, site.columns), all,
                                              ValueRange{row, zero}, ValueRange{token});
    Value ownRow = arith::SubIOp::create(b, loc, row, firstOwn);
    SmallVector<Value> rows, weights(arguments.drop_front(site.getNumInputs() + site.getNumRows()));
    for (Value argument : arguments.slice(site.getNumInputs(), site.getNumRows()))
      rows.push_back(slice(argument, ownRow, tileOf(argument.getType())));
    SmallVector<Value> yielded = site.cloneBody(b, options.tileRows, sum, rows, weights);
    put(yielded[0], result, row, zero);
    for (auto [value, keep] : llvm::zip_equal(ArrayRef(yielded).drop_front(), keptViews))
      put(value, keep, ownRow, zero);
    overlap::ArriveOp::create(b, loc, distributed, ValueRange{blockIndex}, Window::multicast, Value());
    b.setInsertionPointAfter(region);
  }

  void buildSummand(ValueRange index, Value own) {
    Value row = rowOf(index[0]);
    Value rows = slice(arguments[0], row, tileOf(arguments[0].getType()));
    if (!site.product)
      return put(rows, own, row, zero);
    auto weight = cast<lm::WeightType>(arguments[1].getType());
    Value columns = arguments[1], column = zero;
    if (index.size() > 1) {
      int64_t width = weight.getRows() / options.columnTiles;
      column = arith::MulIOp::create(b, loc, index[1], constant(width));
      columns = slice(columns, column, lm::getPartType(weight, {width, weight.getCols()}));
    }
    put(site.cloneProduct(b, rows, columns), own, row, column);
  }

  /// All rows, from their owners.
  void buildDistribution(Value gathered) {
    auto region = beginRegion(options.commWorkers);
    auto tiles = beginTiles({getBlocks()}, options.commWorkers);
    Value block = tiles.getBody().front().getArgument(0);
    Value token = overlap::WaitOp::create(b, loc, overlap::TokenType::get(b.getContext()), distributed,
                                          ValueRange{block}, UnitAttr());
    Value owner = view(computed, Window::peer, ownerOf(block)), row = rowOf(block);
    put(load(owner, row, options.tileRows, ValueRange{token}), gathered, row, zero);
    b.setInsertionPointAfter(region);
  }

  ModuleOp module;
  const FusedSite &site;
  const ProtocolOptions &options;
  OpBuilder b;
  Location loc;
  ValueRange arguments;
  int64_t blocksOfRank = 1;
  Value zero, ownBlocks, tileRows, firstOwn, summands, computed, complete, distributed;
  SmallVector<Value> keptViews;
};

} // namespace

overlap::ProgramOp plait::buildProtocol(ModuleOp module, const FusedSite &site, const ProtocolOptions &options) {
  return ProtocolBuilder(module, site, options).build();
}
