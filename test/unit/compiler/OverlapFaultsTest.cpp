//===- OverlapFaultsTest.cpp - Faults put into overlap programs -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each right program of test/passes/Overlap, and those that passes write, with one fault at a time, at each place where
// it can be. The proofs must refuse all, and for each there must be an execution that goes wrong: the two share nothing
// but the list of steps.
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/Passes.h"
#include "plait/Driver/Register.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

#include <iostream>
#include <random>

using namespace plait;
using namespace plait::overlap;

namespace {

/// Changes the fault's place number `place`; false if there are not so many.
using Fault = std::function<bool(ModuleOp, int64_t place)>;

/// The op of number `place` among those that `isPlace` says.
template <typename Op>
Op findPlace(ModuleOp module, int64_t place, llvm::function_ref<bool(Op)> isPlace = [](Op) { return true; }) {
  Op found;
  module.walk([&](Op op) {
    if (isPlace(op) && place-- == 0)
      found = op;
  });
  return found;
}

bool changeExpected(ModuleOp module, int64_t place, int64_t by) {
  auto op = findPlace<TrackOp>(module, place);
  if (!op)
    return false;
  AffineMap map = *op.getExpect();
  op.setExpect(AffineMap::get(map.getNumDims(), map.getNumSymbols(), map.getResult(0) + by));
  return true;
}

template <typename Op> bool dropTokens(ModuleOp module, int64_t place) {
  auto op = findPlace<Op>(module, place, [](Op op) { return !op.getTokens().empty(); });
  if (op)
    op.getTokensMutable().clear();
  return bool(op);
}

/// All of a load's: one that acquires is enough for executions, in which waits of a worker end
/// in order, while the proof demands it of each.
template <typename Op> bool relaxWaits(ModuleOp module, int64_t place) {
  auto op = findPlace<Op>(module, place, [](Op op) {
    return llvm::any_of(op.getTokens(), [](Value token) { return token.getDefiningOp<WaitOp>(); });
  });
  if (op)
    for (Value token : op.getTokens())
      token.getDefiningOp<WaitOp>().setRelaxed(true);
  return bool(op);
}

const std::vector<std::pair<const char *, Fault>> kFaults = {
    {"a dropped arrival",
     [](ModuleOp module, int64_t place) {
       auto op = findPlace<ArriveOp>(module, place);
       if (op)
         op.erase();
       return bool(op);
     }},
    {"a double arrival",
     [](ModuleOp module, int64_t place) {
       auto op = findPlace<ArriveOp>(module, place);
       if (op)
         OpBuilder(op).clone(*op);
       return bool(op);
     }},
    {"a relaxed arrival",
     [](ModuleOp module, int64_t place) {
       auto op = findPlace<ArriveOp>(module, place);
       if (op)
         op.setRelaxed(true);
       return bool(op);
     }},
    {"an arrival at the wrong rank",
     [](ModuleOp module, int64_t place) {
       auto op = findPlace<ArriveOp>(module, place, [](ArriveOp op) { return op.getWindow() != Window::own; });
       if (!op)
         return false;
       op.setWindow(Window::own);
       op.getPeerMutable().clear();
       return true;
     }},
    {"an arrival before the store",
     [](ModuleOp module, int64_t place) {
       auto op = findPlace<ArriveOp>(module, place);
       if (!op)
         return false;
       // The first one: the last may be of what nobody else reads.
       Operation *store = &op->getBlock()->front();
       while (!isa<PutOp, ReduceAddOp>(store))
         store = store->getNextNode();
       if (op.getPeer() && op.getPeer().getDefiningOp())
         op.getPeer().getDefiningOp()->moveBefore(store);
       op->moveBefore(store);
       return true;
     }},
    {"one arrival too few expected", [](ModuleOp module, int64_t place) { return changeExpected(module, place, -1); }},
    {"one arrival too many expected", [](ModuleOp module, int64_t place) { return changeExpected(module, place, 1); }},
    {"a load behind relaxed waits", relaxWaits<LoadOp>},
    {"a reduction behind relaxed waits", relaxWaits<LoadReduceOp>},
    {"a load without tokens", dropTokens<LoadOp>},
    {"a reduction without tokens", dropTokens<LoadReduceOp>},
    {"a wait for the source only",
     [](ModuleOp module, int64_t place) {
       auto op = findPlace<QuietOp>(module, place);
       if (op)
         op.setCompletion(Completion::read);
       return bool(op);
     }},
    {"no wait for a store",
     [](ModuleOp module, int64_t place) {
       auto op = findPlace<QuietOp>(module, place);
       if (op)
         op.erase();
       return bool(op);
     }},
    {"a slot less",
     [](ModuleOp module, int64_t place) {
       auto op = findPlace<AllocOp>(module, place, [](AllocOp op) { return op.getResult().getType().getSlots() > 1; });
       if (!op)
         return false;
       BufferType type = op.getResult().getType();
       op.getResult().setType(BufferType::get(type.getContext(), type.getShape(), type.getElementType(), type.getMesh(),
                                              type.getAxis(), type.getSlots() - 1));
       return true;
     }},
    {"something that is not published",
     [](ModuleOp module, int64_t place) {
       auto op = findPlace<PublishOp>(module, place);
       if (op)
         op.erase();
       return bool(op);
     }},
    {"a slot that is not cleared",
     [](ModuleOp module, int64_t place) {
       auto op = findPlace<ClearOp>(module, place);
       if (op)
         op.erase();
       return bool(op);
     }},
    {"another slot that is cleared",
     [](ModuleOp module, int64_t place) {
       auto op = findPlace<ClearOp>(module, place);
       if (op)
         op.setAhead(op.getAhead() - 1);
       return bool(op);
     }},
    {"a dropped store",
     [](ModuleOp module, int64_t place) {
       auto op = findPlace<PutOp>(module, place);
       if (op)
         op.erase();
       return bool(op);
     }},
};

class OverlapProtocols : public testing::TestWithParam<const char *> {
protected:
  OverlapProtocols() : context(makeRegistry()) {
    module = parseSourceFile<ModuleOp>(std::string(PLAIT_TEST_DIR "/passes/Overlap/") + GetParam() + ".mlir", &context);
    // Programs that passes write.
    PassManager manager(&context);
    if (GetParam() == std::string("plait-outline-protocols"))
      manager.addPass(createOutlineProtocolsPass());
    if (GetParam() == std::string("algorithms")) {
      OutlineProtocolsPassOptions options;
      options.algorithm = "ring";
      manager.addPass(createOutlineProtocolsPass(options));
    }
    if (std::string(GetParam()).starts_with("plait-fuse-tiles")) {
      bool isGather = std::string(GetParam()).ends_with("rounded"); // more tiles of which have too many orders
      manager.addPass(createFuseTilesPass({.columnTiles = isGather ? 1 : 2, .sms = 3})); // few workers: orders matter
      manager.addPass(createAssignTileOrderPass());
      manager.addPass(createAllocateSlotsPass());
    }
    if (module && failed(manager.run(*module)))
      module = nullptr;
  }

  static DialectRegistry makeRegistry() {
    DialectRegistry registry;
    registerAllDialects(registry);
    return registry;
  }

  struct Outcome {
    bool succeeded;
    std::string message;
    size_t notes = 0;
  };

  Outcome run(ModuleOp program, std::unique_ptr<Pass> pass) {
    Outcome outcome{false, ""};
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      if (!outcome.message.empty())
        return;
      outcome.message = diagnostic.str();
      outcome.notes = size_t(std::distance(diagnostic.getNotes().begin(), diagnostic.getNotes().end()));
    });
    PassManager manager(&context);
    manager.addPass(std::move(pass));
    outcome.succeeded = succeeded(manager.run(program));
    return outcome;
  }

  static bool polls() { return GetParam() == std::string("lamport-all-reduce"); }

  /// Three epochs: sums that begin with old ones show in the third. In the fourth what is left in one of three slots
  /// does.
  static std::unique_ptr<Pass> makeCheck() {
    CheckOverlapPassOptions options;
    options.epochs = polls() ? 4 : 3;
    return createCheckOverlapPass(options);
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

TEST_P(OverlapProtocols, AreFoundByProofAndByExecution) {
  ASSERT_TRUE(module);
  Outcome proof = run(*module, createVerifyOverlapPass()), execution = run(*module, makeCheck());
  ASSERT_TRUE(proof.succeeded) << proof.message;
  ASSERT_TRUE(execution.succeeded) << execution.message;
  int64_t count = 0;
  for (const auto &[name, fault] : kFaults)
    for (int64_t place = 0;; ++place) {
      OwningOpRef<ModuleOp> faulty(module->clone());
      if (!fault(*faulty, place))
        break;
      SCOPED_TRACE(name + (", place " + std::to_string(place)));
      ++count;
      proof = run(*faulty, createVerifyOverlapPass());
      EXPECT_FALSE(proof.succeeded) << "the proof accepts it";
      EXPECT_GT(proof.notes, 0u) << proof.message;
      execution = run(*faulty, makeCheck());
      EXPECT_FALSE(execution.succeeded) << "no execution goes wrong; the proof says: " << proof.message;
    }
  EXPECT_GT(count, polls() ? 4 : 10);
  std::cout << count << " faults\n";
}

/// Puts place number `place` of what other ranks count on under a condition that is this rank's own; false if there
/// are not so many.
bool makeOwnChoice(ModuleOp module, int64_t place) {
  Operation *op = nullptr;
  module.walk([&](Operation *found) {
    if (isa<RegionOp, ArriveOp, PutOp, ReduceAddOp, QuietOp, PublishOp, ClearOp>(found) && place-- == 0)
      op = found;
  });
  if (!op)
    return false;
  auto program = op->getParentOfType<ProgramOp>();
  program.removeImplementsAttr(); // of another type
  FunctionType type = program.getFunctionType();
  module.getContext()->loadDialect<scf::SCFDialect>();
  OpBuilder b(op);
  SmallVector<Type> inputs(type.getInputs());
  inputs.push_back(b.getI1Type());
  program.setFunctionType(b.getFunctionType(inputs, type.getResults()));
  Value condition = program.getBody().addArgument(b.getI1Type(), op->getLoc());
  auto branch = scf::IfOp::create(b, op->getLoc(), condition, /*withElseRegion=*/false);
  op->moveBefore(branch.thenBlock()->getTerminator());
  return true;
}

TEST_P(OverlapProtocols, ConditionsThatRanksDecideOnByThemselvesAreRefused) {
  ASSERT_TRUE(module);
  int64_t count = 0;
  for (;; ++count) {
    OwningOpRef<ModuleOp> faulty(module->clone());
    if (!makeOwnChoice(*faulty, count))
      break;
    SCOPED_TRACE("place " + std::to_string(count));
    ASSERT_TRUE(succeeded(verify(*faulty)));
    Outcome proof = run(*faulty, createVerifyOverlapPass());
    EXPECT_FALSE(proof.succeeded) << "the proof accepts it";
    EXPECT_NE(proof.message.find("expected a condition on which all ranks agree"), std::string::npos) << proof.message;
    EXPECT_GT(proof.notes, 0u);
  }
  EXPECT_GT(count, 3);
}

/// Something that may or may not be a fault: another place in the block, another number of
/// workers or slots, another order.
void edit(ModuleOp module, std::mt19937 &random) {
  SmallVector<Operation *> ops;
  module.walk([&](Operation *op) {
    if (op->getParentOfType<ProgramOp>() && !op->hasTrait<OpTrait::IsTerminator>())
      ops.push_back(op);
  });
  Operation *op = ops[random() % ops.size()];
  if (auto tiles = dyn_cast<TilesOp>(op); tiles && random() % 2) {
    tiles.setPoolAttr(PoolAttr::get(op->getContext(), tiles.getPool().getResource(), int64_t(1 + random() % 2)));
  } else if (tiles && tiles.getOrder()) {
    tiles.removeOrderAttr();
  } else if (auto arrive = dyn_cast<ArriveOp>(op); arrive && random() % 4 == 0) {
    arrive.setRelaxed(!arrive.getRelaxed());
  } else if (auto wait = dyn_cast<WaitOp>(op); wait && random() % 4 == 0) {
    wait.setRelaxed(!wait.getRelaxed());
  } else if (auto put = dyn_cast<PutOp>(op); put && random() % 4 == 0) {
    put.setEngine(put.isAsync() ? Engine::st : Engine::tma);
  } else if (auto clear = dyn_cast<ClearOp>(op); clear && random() % 2) {
    clear.setAhead(1 + random() % 3);
  } else if (auto alloc = dyn_cast<AllocOp>(op)) {
    BufferType type = alloc.getResult().getType();
    alloc.getResult().setType(BufferType::get(type.getContext(), type.getShape(), type.getElementType(), type.getMesh(),
                                              type.getAxis(), int64_t(1 + random() % 3)));
  } else if (Operation *other = random() % 2 ? op->getPrevNode() : op->getNextNode()) {
    if (!other->hasTrait<OpTrait::IsTerminator>() && other->isBeforeInBlock(op))
      op->moveBefore(other);
    else if (!other->hasTrait<OpTrait::IsTerminator>())
      op->moveAfter(other);
  }
}

TEST_P(OverlapProtocols, WhatTheProofAcceptsGoesWrongInNoExecution) {
  ASSERT_TRUE(module);
  std::mt19937 random(7);
  int64_t accepted = 0, refused = 0;
  for (int64_t i = 0; i < 800; ++i) {
    OwningOpRef<ModuleOp> edited(module->clone());
    // It may compute something else.
    edited->walk([](ProgramOp op) { op.removeImplementsAttr(); });
    for (int64_t edits = int64_t(1 + random() % 6); edits > 0; --edits)
      edit(*edited, random);
    ScopedDiagnosticHandler quiet(&context, [](Diagnostic &) {});
    if (failed(verify(*edited)))
      continue;
    if (!run(*edited, createVerifyOverlapPass()).succeeded) {
      ++refused;
      continue;
    }
    ++accepted;
    Outcome execution = run(*edited, makeCheck());
    std::string text;
    llvm::raw_string_ostream out(text);
    if (!execution.succeeded)
      edited->print(out);
    EXPECT_TRUE(execution.succeeded) << execution.message << "\n" << text;
  }
  std::cout << accepted << " accepted, " << refused << " refused\n";
  EXPECT_GT(accepted, 5);
  EXPECT_GT(refused, 5);
}

INSTANTIATE_TEST_SUITE_P(Faults, OverlapProtocols,
                         testing::Values("one-shot-all-reduce", "two-shot-all-reduce", "all-reduce-norm",
                                         "gemm-all-reduce-norm", "all-gather-gemm", "gemm-reduce-scatter",
                                         "plait-outline-protocols", "plait-fuse-tiles", "plait-fuse-tiles-scatter",
                                         "plait-fuse-tiles-rounded", "lamport-all-reduce", "algorithms"),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

} // namespace
