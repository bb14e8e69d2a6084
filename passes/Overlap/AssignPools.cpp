//===- AssignPools.cpp - How many workers multiply, how many exchange -----===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/PartTime.h"
#include "passes/Overlap/Passes.h"

#include "plait/Cost/StepEvents.h"

#include "mlir/IR/Remarks.h"
#include "llvm/Support/FormatVariadic.h"

namespace plait {
#define GEN_PASS_DEF_ASSIGNPOOLSPASS
#include "passes/Overlap/Passes.h.inc"
} // namespace plait

using namespace plait;
using namespace plait::overlap;

static constexpr llvm::StringLiteral kFlag = "plait-assign-pools";

namespace {
struct AssignPoolsPass : plait::impl::AssignPoolsPassBase<AssignPoolsPass> {
  using AssignPoolsPassBase::AssignPoolsPassBase;

  void runOnOperation() override {
    if (comm < 0 || comm > 65536) {
      mlir::emitError(getOperation().getLoc(), "expected 0 to 65536 workers that exchange but got comm=")
          << int64_t(comm);
      return signalPassFailure();
    }
    for (auto program : getOperation().getOps<ProgramOp>())
      if (!program.getBody().empty() && failed(assign(program)))
        return signalPassFailure();
  }

private:
  LogicalResult assign(ProgramOp program) {
    std::optional<timeline::Machine> found;
    if (!comm && failed(findMachine(program, found)))
      return failure();
    if (!comm && !found) {
      remark::missed(program.getLoc(), remark::RemarkOpts::name("NoMachine").category(kFlag))
          << ("@" + program.getSymName() + ": no machine is described that times could be predicted for").str();
      return success();
    }
    // What one region may have, others may have before and behind it.
    DenseMap<Resource, int64_t> workers;
    program.walk([&](RegionOp region) {
      int64_t &most = workers[region.getPool().getResource()];
      most = std::max(most, region.getPool().getCount());
    });
    WalkResult walked = program.walk([&](RegionOp region) {
      return failed(assign(region, workers.lookup(region.getPool().getResource()), found ? &*found : nullptr))
                 ? WalkResult::interrupt()
                 : WalkResult::advance();
    });
    return failure(walked.wasInterrupted());
  }

  /// The machine of the option, or that of the mesh.
  LogicalResult findMachine(ProgramOp program, std::optional<timeline::Machine> &found) {
    if (!machine.empty()) {
      auto loaded = timeline::loadMachine(machine);
      if (!loaded)
        return mlir::emitError(program.getLoc()) << loaded.status().message();
      found = loaded.take();
      if (int64_t ranks = program.countRanks(); found->devices.size() > 1 && int64_t(found->devices.size()) < ranks)
        return program.emitOpError("expected a machine of ") << ranks << " devices, or of devices that are alike, but "
                                                             << found->name << " has " << found->devices.size();
      return success();
    }
    auto mesh = SymbolTable::lookupNearestSymbolFrom<par::MeshOp>(program, program.getMeshAttr());
    if (!mesh.getMachineAttr())
      return success();
    SmallVector<int64_t> devices;
    for (int64_t rank : mesh.getGroup(mesh.getRank().value_or(0), {program.getDeviceAxis()}))
      devices.push_back(mesh.getDevice(rank));
    if (auto op = SymbolTable::lookupNearestSymbolFrom<par::MachineOp>(mesh, mesh.getMachineAttr()))
      found = getTimelineMachine(op, devices);
    return success();
  }

  LogicalResult assign(RegionOp region, int64_t workers, const timeline::Machine *machine) {
    Resource resource = region.getPool().getResource();
    int64_t ranks = region->getParentOfType<ProgramOp>().countRanks();
    // Tables that have no units have devices that are shared out as a whole.
    int64_t units = machine && machine->units > 1 ? machine->units : workers;
    if (workers > units)
      return region.emitOpError("expected at most ")
             << units << " workers, the units of " << machine->name << ", but got " << workers
             << ": those that wait for each other have to be there at the same time";
    std::vector<RegionPart> parts;
    for (Operation &op : region.getBody().front())
      if (isa<TilesOp, TriggerOp>(op))
        if (RegionPart part(&op, ranks); part.getPool().getResource() == resource)
          parts.push_back(part);
    if (parts.empty())
      return success();
    auto secondsOf = [&](const RegionPart &part, int64_t count) {
      return machine ? part.getSeconds(*machine, units, count) : part.getShare(count);
    };
    /// Shares `count` workers out to some of the parts.
    auto split = [&](ArrayRef<size_t> some, int64_t count) -> LogicalResult {
      if (count < int64_t(some.size()))
        return region.emitOpError("expected a worker for each of ")
               << some.size() << " pools but got " << count << " of " << workers;
      SmallVector<std::function<double(int64_t)>> seconds;
      SmallVector<int64_t> most;
      for (size_t i : some) {
        seconds.push_back([&, i](int64_t own) { return secondsOf(parts[i], own); });
        most.push_back(parts[i].getMostWorkers());
      }
      for (auto [i, own] : llvm::zip_equal(some, splitWorkers(seconds, most, count)))
        parts[i].setPool(PoolAttr::get(region.getContext(), resource, own));
      return success();
    };
    SmallVector<size_t> all, products, exchanges;
    for (size_t i = 0; i < parts.size(); ++i) {
      all.push_back(i);
      (parts[i].multiplies() ? products : exchanges).push_back(i);
    }
    // Pools may only be set when they are within the region's together.
    region.setPoolAttr(PoolAttr::get(region.getContext(), resource, workers));
    // Where nothing multiplies all exchange.
    int64_t told = products.empty() ? workers : int64_t(comm);
    bool isOne = machine || exchanges.empty();
    if (isOne ? failed(split(all, workers)) : failed(split(exchanges, told)) || failed(split(products, workers - told)))
      return failure();
    ++numRegions;
    report(region, parts, secondsOf, bool(machine));
    return success();
  }

  template <typename SecondsOf>
  void report(RegionOp region, ArrayRef<RegionPart> parts, SecondsOf secondsOf, bool isPredicted) {
    std::string text = ("@" + region->getParentOfType<ProgramOp>().getSymName() + ": ").str();
    for (const RegionPart &part : parts) {
      int64_t count = part.getPool().getCount();
      text +=
          llvm::formatv("{0}{1} {2} {3}", &part == parts.begin() ? "" : ", ", count,
                        stringifyResource(region.getPool().getResource()), part.multiplies() ? "multiply" : "exchange")
              .str();
      if (isPredicted)
        text += llvm::formatv(" in {0:F2} us", secondsOf(part, count) * 1e6).str();
    }
    remark::passed(region.getLoc(), remark::RemarkOpts::name("Split").category(kFlag)) << text;
  }
};
} // namespace
