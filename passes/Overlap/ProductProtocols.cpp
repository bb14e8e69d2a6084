//===- ProductProtocols.cpp - Products and collectives by tiles -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/ProductProtocols.h"

#include "passes/Overlap/FusedSite.h"

using namespace plait;
using overlap::Window;

namespace {

class ProductProtocol : public ProgramWriter {
public:
  ProductProtocol(ModuleOp module, const ProductSite &site, const ProtocolOptions &options)
      : ProgramWriter(module, site.op, options), site(site), blocksOfRank(site.rowsOfRank / options.tileRows),
        blocks(blocksOfRank * site.ranks) {}

  overlap::ProgramOp write() {
    std::string name = makeSymbol(module, site.getName());
    makeReference(b, site, name);
    return ProgramWriter::write(name, site.getFunctionType());
  }

protected:
  SmallVector<Value> writeBody() override { return site.isGather() ? writeGather() : writeScatter(); }

private:
  static constexpr int64_t kSlots = 2; ///< of each buffer: enough, plait-allocate-slots says where fewer are

  /// The rank's block number `place`, of all.
  Value numberOf(Value place) { return add(mul(rank, blocksOfRank), place); }

  /// Counters at each index of which so many arrive.
  Value trackCount(ArrayRef<int64_t> extents, int64_t expected) {
    return track(extents, AffineMap::get(unsigned(extents.size()), 0, b.getAffineConstantExpr(expected)));
  }

  /// Of a block of the products' input, `rows`, tile number `column` of product number `product`, into `target`.
  void putProduct(size_t product, Value rows, Value row, Value column, Value target) {
    auto [columns, first] = sliceWeight(arguments[product + 1], column);
    put(site.cloneProduct(b, product, rows, columns), target, row, first);
  }

  SmallVector<Value> writeScatter() {
    int64_t columns = site.getWeight(0).getRows();
    auto rowsOf = [&](int64_t rows) { return RankedTensorType::get({rows, columns}, b.getF32Type()); };
    Value summands = alloc(rowsOf(site.getRows()), kSlots), sums = alloc(rowsOf(site.rowsOfRank), kSlots);
    // Of the rank's own blocks one index for each rank that arrives: it may be an epoch ahead of the others.
    Value there = trackCount({site.ranks, blocksOfRank}, options.columnTiles);
    Value own = view(summands, Window::own), all = view(summands, Window::multicast), result = view(sums, Window::own);
    region(options.workers, [&] {
      tiles({blocks, options.columnTiles}, options.workers - 1, [&](ValueRange index) {
        Value row = rowOf(index[0]), owner = div(index[0], blocksOfRank), ofOwner = rem(index[0], blocksOfRank);
        putProduct(0, sliceRows(arguments[0], row), row, index[1], own);
        arrive(there, {rank, ofOwner}, Window::peer, owner);
      });
      tiles({blocksOfRank}, 1, [&](ValueRange place) {
        SmallVector<Value> tokens;
        for (int64_t peer = 0; peer < site.ranks; ++peer)
          tokens.push_back(wait(there, {constant(peer), place[0]}));
        Value sum = loadReduce(all, rowOf(numberOf(place[0])), options.tileRows, tokens);
        put(sum, result, rowOf(place[0]));
      });
    });
    return {load(result, zero, site.rowsOfRank)};
  }

  SmallVector<Value> writeGather() {
    Value gathered = alloc(site.getInputType(site.getRows()), kSlots);
    SmallVector<Value> results;
    for (Type result : site.getFunctionType().getResults())
      results.push_back(view(alloc(cast<RankedTensorType>(result), kSlots), Window::own));
    Value there = trackCount({blocks}, 1);
    Value all = view(gathered, Window::multicast), own = view(gathered, Window::own);
    region(options.workers, [&] {
      tiles({blocksOfRank}, 1, [&](ValueRange place) {
        Value number = numberOf(place[0]);
        put(site.cloneRounding(b, sliceRows(arguments[0], rowOf(place[0]))), all, rowOf(number));
        arrive(there, number, Window::multicast);
      });
      // Each product has tiles of its own, and its share of the workers.
      auto products = int64_t(results.size()), rest = options.workers - 1;
      for (auto [i, result] : llvm::enumerate(results))
        tiles({blocks, options.columnTiles}, rest / products + (int64_t(i) < rest % products), [&](ValueRange index) {
          Value row = rowOf(index[0]);
          putProduct(i, load(own, row, options.tileRows, wait(there, index[0])), row, index[1], result);
        });
    });
    return llvm::map_to_vector(results, [&](Value result) { return load(result, zero, site.getRows()); });
  }

  const ProductSite &site;
  int64_t blocksOfRank, blocks; ///< of tileRows rows
};

} // namespace

overlap::ProgramOp plait::buildProductProtocol(ModuleOp module, const ProductSite &site,
                                               const ProtocolOptions &options) {
  return ProductProtocol(module, site, options).write();
}
