//===- ProductProtocols.cpp - Products and collectives by tiles -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/ProductProtocols.h"

#include "passes/Overlap/FusedSite.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace plait;
using overlap::Window;

namespace {

class ProductProtocol {
public:
  ProductProtocol(ModuleOp module, const ProductSite &site, const ProtocolOptions &options)
      : module(module), site(site), options(options), b(OpBuilder::atBlockEnd(module.getBody())), loc(site.op.getLoc()),
        blocksOfRank(site.rowsOfRank / options.tileRows), blocks(blocksOfRank * site.ranks) {}

  overlap::ProgramOp build() {
    std::string name = makeSymbol(module, site.getName());
    makeReference(b, site, name);
    FunctionType type = site.getFunctionType();
    auto program = overlap::ProgramOp::create(
        b, loc, b.getStringAttr(name), TypeAttr::get(type), site.op.getMeshAttr(), site.op.getDeviceAxes().front(),
        FlatSymbolRefAttr::get(b.getContext(), name + "_reference"), DenseI64ArrayAttr(), ArrayAttr(), ArrayAttr());
    SmallVector<Location> locations(type.getNumInputs(), loc);
    arguments = b.createBlock(&program.getBody(), {}, type.getInputs(), locations)->getArguments();
    zero = constant(0);
    rank = overlap::RankOp::create(b, loc, b.getIndexType());
    overlap::ReturnOp::create(b, loc, site.isGather() ? buildGather() : buildScatter());
    return program;
  }

private:
  static constexpr int64_t kSlots = 2; ///< of each buffer: enough, plait-allocate-slots says where fewer are

  Value constant(int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); }
  Value times(Value x, int64_t y) { return y == 1 ? x : arith::MulIOp::create(b, loc, x, constant(y)).getResult(); }
  Value rowOf(Value block) { return times(block, options.tileRows); }
  /// The number of the rank's first block.
  Value firstOwnBlock() { return times(rank, blocksOfRank); }

  Value alloc(RankedTensorType tensor) {
    auto type = overlap::BufferType::get(b.getContext(), tensor.getShape(), tensor.getElementType(),
                                         site.op.getMeshAttr(), site.op.getDeviceAxes().front(), kSlots);
    return overlap::AllocOp::create(b, loc, type);
  }
  Value view(Value buffer, Window window) {
    auto type = cast<overlap::BufferType>(buffer.getType());
    auto viewType = overlap::ViewType::get(b.getContext(), type.getShape(), type.getElementType(), window);
    return overlap::ViewOp::create(b, loc, viewType, buffer, window, Value());
  }
  /// Counters at each index of which so many arrive.
  Value track(ArrayRef<int64_t> extents, int64_t expected) {
    auto type = overlap::CounterType::get(b.getContext(), extents, overlap::Scope::sys);
    auto expect = AffineMap::get(unsigned(extents.size()), 0, b.getAffineConstantExpr(expected));
    return overlap::TrackOp::create(b, loc, type, AffineMapAttr::get(expect), AffineMapAttr(), Value());
  }
  Value slice(Value whole, Value row, Type type) {
    return overlap::SliceOp::create(b, loc, type, whole, ValueRange{row, zero});
  }
  Value load(Value from, Value row, int64_t rows, ValueRange tokens) {
    auto view = cast<overlap::ViewType>(from.getType());
    auto type = RankedTensorType::get({rows, view.getShape()[1]}, view.getElementType());
    return overlap::LoadOp::create(b, loc, type, from, ValueRange{row, zero}, tokens);
  }
  void put(Value value, Value into, Value row, Value column) {
    overlap::PutOp::create(b, loc, value, into, ValueRange{row, column}, overlap::Engine::st);
  }
  void arrive(Value counter, ValueRange index, Window window, Value peer = {}) {
    overlap::ArriveOp::create(b, loc, counter, index, window, peer, /*relaxed=*/false);
  }
  Value wait(Value counter, ValueRange index) {
    return overlap::WaitOp::create(b, loc, overlap::TokenType::get(b.getContext()), counter, index, UnitAttr());
  }

  // With a block, where building goes on.
  overlap::PoolAttr pool(int64_t count) { return overlap::PoolAttr::get(b.getContext(), options.resource, count); }
  overlap::RegionOp beginRegion() {
    auto region = overlap::RegionOp::create(b, loc, pool(options.workers));
    b.createBlock(&region.getBody());
    return region;
  }
  overlap::TilesOp beginTiles(ArrayRef<int64_t> extents, int64_t workers) {
    auto tiles = overlap::TilesOp::create(b, loc, b.getDenseI64ArrayAttr(extents), AffineMapAttr(), pool(workers));
    b.createBlock(&tiles.getBody(), {}, SmallVector<Type>(extents.size(), b.getIndexType()),
                  SmallVector<Location>(extents.size(), loc));
    return tiles;
  }

  /// Of a block of the products' input, `rows`, tile number `column` of product number `product`, into `target`.
  void putProduct(size_t product, Value rows, Value row, Value column, Value target) {
    lm::WeightType weight = site.getWeight(product);
    Value columns = arguments[product + 1], first = zero;
    if (options.columnTiles > 1) {
      int64_t width = weight.getRows() / options.columnTiles;
      first = times(column, width);
      columns = slice(columns, first, lm::getPartType(weight, {width, weight.getCols()}));
    }
    put(site.cloneProduct(b, product, rows, columns), target, row, first);
  }

  SmallVector<Value> buildScatter() {
    int64_t columns = site.getWeight(0).getRows();
    auto rowsOf = [&](int64_t rows) { return RankedTensorType::get({rows, columns}, b.getF32Type()); };
    Value summands = alloc(rowsOf(site.getRows())), sums = alloc(rowsOf(site.rowsOfRank));
    // Of the rank's own blocks one index for each rank that arrives: it may be an epoch ahead of the others.
    Value there = track({site.ranks, blocksOfRank}, options.columnTiles);
    Value own = view(summands, Window::own), all = view(summands, Window::multicast), result = view(sums, Window::own);
    auto region = beginRegion();

    auto tiles = beginTiles({blocks, options.columnTiles}, options.workers - 1);
    ValueRange index = tiles.getBody().getArguments();
    Value row = rowOf(index[0]), share = constant(blocksOfRank);
    Value owner = arith::DivUIOp::create(b, loc, index[0], share);
    Value ofOwner = arith::RemUIOp::create(b, loc, index[0], share);
    putProduct(0, slice(arguments[0], row, site.getInputType(options.tileRows)), row, index[1], own);
    arrive(there, {rank, ofOwner}, Window::peer, owner);
    b.setInsertionPointAfter(tiles);

    auto add = beginTiles({blocksOfRank}, 1);
    Value place = add.getBody().getArgument(0);
    SmallVector<Value> tokens;
    for (int64_t peer = 0; peer < site.ranks; ++peer)
      tokens.push_back(wait(there, {constant(peer), place}));
    row = rowOf(arith::AddIOp::create(b, loc, firstOwnBlock(), place));
    Value sum = overlap::LoadReduceOp::create(b, loc, rowsOf(options.tileRows), all, ValueRange{row, zero}, tokens);
    put(sum, result, rowOf(place), zero);
    b.setInsertionPointAfter(region);
    return {load(result, zero, site.rowsOfRank, {})};
  }

  SmallVector<Value> buildGather() {
    Value gathered = alloc(site.getInputType(site.getRows()));
    SmallVector<Value> results;
    FunctionType type = site.getFunctionType();
    for (Type result : type.getResults())
      results.push_back(view(alloc(cast<RankedTensorType>(result)), Window::own));
    Value there = track({blocks}, 1);
    Value all = view(gathered, Window::multicast), own = view(gathered, Window::own);
    auto region = beginRegion();

    auto give = beginTiles({blocksOfRank}, 1);
    Value place = give.getBody().getArgument(0);
    Value number = arith::AddIOp::create(b, loc, firstOwnBlock(), place);
    Value given = slice(arguments[0], rowOf(place), site.getGivenType(options.tileRows));
    put(site.cloneRounding(b, given), all, rowOf(number), zero);
    arrive(there, {number}, Window::multicast);
    b.setInsertionPointAfter(give);

    // Each product has tiles of its own, and its share of the workers.
    auto products = int64_t(results.size()), rest = options.workers - 1;
    for (auto [i, result] : llvm::enumerate(results)) {
      auto tiles = beginTiles({blocks, options.columnTiles}, rest / products + (int64_t(i) < rest % products));
      ValueRange index = tiles.getBody().getArguments();
      Value row = rowOf(index[0]);
      Value rows = load(own, row, options.tileRows, wait(there, {index[0]}));
      putProduct(i, rows, row, index[1], result);
      b.setInsertionPointAfter(tiles);
    }
    b.setInsertionPointAfter(region);
    return llvm::map_to_vector(results, [&](Value result) { return load(result, zero, site.getRows(), {}); });
  }

  ModuleOp module;
  const ProductSite &site;
  const ProtocolOptions &options;
  OpBuilder b;
  Location loc;
  int64_t blocksOfRank, blocks; ///< of tileRows rows
  ValueRange arguments;
  Value zero, rank;
};

} // namespace

overlap::ProgramOp plait::buildProductProtocol(ModuleOp module, const ProductSite &site,
                                               const ProtocolOptions &options) {
  return ProductProtocol(module, site, options).build();
}
