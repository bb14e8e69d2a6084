//===- FuseTiles.cpp - Products and fused sums by tiles ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/Passes.h"
#include "passes/Overlap/ProtocolBuilder.h"

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
    if (rows < 1 || columnTiles < 1 || commSms < 1 || sms <= commSms || sms > 65536) {
      mlir::emitError(getOperation().getLoc(),
                      "expected positive numbers of rows, tiles and workers, and more of these "
                      "in all than for communication, but got rows=")
          << int64_t(rows) << " column-tiles=" << int64_t(columnTiles) << " sms=" << int64_t(sms)
          << " comm-sms=" << int64_t(commSms);
      return signalPassFailure();
    }
    if (tileRows < 1 || rows % tileRows) {
      mlir::emitError(getOperation().getLoc(),
                      "expected tiles of so many rows that they divide a rank's, but got rows=")
          << int64_t(rows) << " tile-rows=" << int64_t(tileRows);
      return signalPassFailure();
    }
    ProtocolOptions options{overlap::Resource::sms, sms, commSms, columnTiles, tileRows};
    for (const FusedSite &site : collectSites(getOperation(), rows, /*withProduct=*/true, "plait-fuse-tiles")) {
      if (site.columns % columnTiles) {
        remark::missed(site.op.getLoc(), remark::RemarkOpts::name("NoProgram").category("plait-fuse-tiles"))
            << ("there is no program for this product: its " + Twine(site.columns) + " columns cannot be cut into " +
                Twine(int64_t(columnTiles)) + " tiles")
                   .str();
        continue;
      }
      buildProtocol(getOperation(), site, options);
      ++numPrograms;
    }
  }
};
} // namespace
