//===- FuseTiles.cpp - Products and collectives by tiles -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/AlgorithmPrograms.h"
#include "passes/Overlap/Passes.h"
#include "passes/Overlap/ProductProtocols.h"

#include "mlir/IR/Remarks.h"

namespace plait {
#define GEN_PASS_DEF_FUSETILESPASS
#include "passes/Overlap/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct FuseTilesPass : plait::impl::FuseTilesPassBase<FuseTilesPass> {
  using FuseTilesPassBase::FuseTilesPassBase;

  void runOnOperation() override {
    constexpr int64_t mostRows = 1 << 24;
    if (rows < 1 || rows > mostRows || columnTiles < 1 || columnTiles > overlap::kMaxTiles || sms < 2 || sms > 65536) {
      mlir::emitError(getOperation().getLoc(),
                      "expected 1 to 16777216 rows, 1 to 65536 tiles of them, and 2 to 65536 workers, of which one "
                      "exchanges, but got rows=")
          << int64_t(rows) << " column-tiles=" << int64_t(columnTiles) << " sms=" << int64_t(sms);
      return signalPassFailure();
    }
    if (tileRows < 1 || rows % tileRows) {
      mlir::emitError(getOperation().getLoc(),
                      "expected tiles of so many rows that they divide a rank's, but got rows=")
          << int64_t(rows) << " tile-rows=" << int64_t(tileRows);
      return signalPassFailure();
    }
    ProtocolOptions options{overlap::Resource::sms, sms, /*commWorkers=*/1, columnTiles, tileRows};
    for (const FusedSite &site : collectSites(getOperation(), rows, /*withProduct=*/true, kFlag))
      if (canCut(site.op, site.ranks, site.columns)) {
        buildProgram(getOperation(), site, options, par::SumAlgorithm::two_shot);
        ++numPrograms;
      }
    for (const ProductSite &site : collectProductSites(getOperation(), rows, kFlag))
      if (llvm::all_of(
              llvm::seq(site.products.size()),
              [&](size_t product) { return canCut(site.op, site.ranks, site.getWeight(product).getRows()); }) &&
          canStaff(site)) {
        buildProductProtocol(getOperation(), site, options);
        ++numPrograms;
      }
  }

private:
  static constexpr llvm::StringLiteral kFlag = "plait-fuse-tiles";

  /// Whether there is a worker for each of the products, and one that exchanges.
  bool canStaff(const ProductSite &site) {
    auto needed = int64_t(site.products.size()) + 1;
    if (needed > sms)
      remark::missed(site.op.getLoc(), remark::RemarkOpts::name("NoProgram").category(kFlag))
          << ("there is no program for these products: they take " + Twine(needed) + " workers, but there are " +
              Twine(int64_t(sms)))
                 .str();
    return needed <= sms;
  }

  /// Whether tiles are of whole columns, and not too many.
  bool canCut(Operation *site, int64_t ranks, int64_t columns) {
    int64_t tiles = ranks * (rows / tileRows) * columnTiles;
    std::string reason;
    if (columns % columnTiles)
      reason =
          ("its " + Twine(columns) + " columns cannot be cut into " + Twine(int64_t(columnTiles)) + " tiles").str();
    else if (tiles > overlap::kMaxTiles)
      reason = ("it has " + Twine(tiles) + " tiles, and a program " + Twine(overlap::kMaxTiles) +
                " at most; use larger ones")
                   .str();
    if (!reason.empty())
      remark::missed(site->getLoc(), remark::RemarkOpts::name("NoProgram").category(kFlag))
          << "there is no program for this product: " + reason;
    return reason.empty();
  }
};
} // namespace
