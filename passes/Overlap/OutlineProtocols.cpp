//===- OutlineProtocols.cpp - Fused sums as programs ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/Passes.h"
#include "passes/Overlap/ProtocolBuilder.h"

namespace plait {
#define GEN_PASS_DEF_OUTLINEPROTOCOLSPASS
#include "passes/Overlap/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct OutlineProtocolsPass : plait::impl::OutlineProtocolsPassBase<OutlineProtocolsPass> {
  using OutlineProtocolsPassBase::OutlineProtocolsPassBase;

  void runOnOperation() override {
    if (rows < 1) {
      mlir::emitError(getOperation().getLoc(), "expected at least one row of each rank but got ") << int64_t(rows);
      return signalPassFailure();
    }
    if (commSms < 1 || (sms && sms <= commSms) || sms > 65536) {
      mlir::emitError(getOperation().getLoc(), "expected more workers in all than for communication, but got sms=")
          << int64_t(sms) << " comm-sms=" << int64_t(commSms);
      return signalPassFailure();
    }
    ProtocolOptions options;
    if (sms)
      options = {overlap::Resource::sms, sms, commSms};
    for (const FusedSite &site : collectSites(getOperation(), rows, /*withProduct=*/false, "plait-outline-protocols")) {
      buildProtocol(getOperation(), site, options);
      ++numPrograms;
    }
  }
};
} // namespace
