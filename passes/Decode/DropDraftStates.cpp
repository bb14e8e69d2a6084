//===- DropDraftStates.cpp - Layers that nobody drafts with ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/DraftFunctions.h"
#include "passes/Decode/Passes.h"

#include "llvm/ADT/DenseSet.h"

namespace plait {
#define GEN_PASS_DEF_DROPDRAFTSTATESPASS
#include "passes/Decode/Passes.h.inc"
} // namespace plait

using namespace plait;
using namespace plait::decode;

namespace {
struct DropDraftStatesPass : plait::impl::DropDraftStatesPassBase<DropDraftStatesPass> {
  using DropDraftStatesPassBase::DropDraftStatesPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    llvm::DenseSet<std::pair<Attribute, Attribute>> wanted; // model and function
    module.walk([&](RecurOp op) {
      wanted.insert({op.getSequence().getType().getModel().getAttr(), op.getFunctionAttr().getAttr()});
    });
    for (auto model : module.getOps<lm::ModelOp>())
      for (lm::FuncOp staging : stagingsOf(model)) {
        StringRef name = staging.getSymName();
        if (name.consume_back("_stage") &&
            !wanted.contains({model.getSymNameAttr(), StringAttr::get(&getContext(), name)}))
          staging.erase();
      }
  }
};
} // namespace
