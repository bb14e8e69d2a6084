//===- Explain.cpp - What the compiler did and why ------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Explain.h"

#include "dialects/Kernel/Kernel.h"
#include "dialects/Rt/Rt.h"
#include "plait/Cost/StepEvents.h"
#include "plait/Cost/StepTime.h"

#include "mlir/IR/Remarks.h"
#include "mlir/Pass/PassInstrumentation.h"

using namespace plait;

namespace {

struct PassListener : PassInstrumentation {
  PassListener(Json &passes, Phase phase) : passes(passes), phase(phase) {}

  void runAfterPass(Pass *pass, Operation *) override {
    StringRef name = pass->getArgument(); // none: an adaptor around others
    Json entry = {{"phase", getName(phase).str()}, {"pass", name.str()}};
    // A pass on functions runs once for each.
    if (!name.empty() && (passes.empty() || passes.back() != entry))
      passes.push_back(std::move(entry));
  }

  Json &passes;
  Phase phase;
};

/// The innermost name of a part of the model.
std::string nameOf(Location location) {
  std::string name;
  location->walk([&](Location inner) {
    auto named = dyn_cast<NameLoc>(inner);
    if (named)
      name = named.getName().str();
    return named ? WalkResult::interrupt() : WalkResult::advance();
  });
  return name;
}

struct RemarkListener : remark::detail::MLIRRemarkStreamerBase {
  explicit RemarkListener(Json &remarks) : remarks(remarks) {}

  void streamOptimizationRemark(const remark::detail::Remark &remark) override {
    std::string text;
    for (const auto &argument : remark.getArgs())
      text += argument.key == "Remark" ? argument.val : " (" + argument.key + ": " + argument.val + ")";
    remarks.push_back({{"pass", remark.getCombinedCategoryName().str()},
                       {"name", remark.getRemarkName().str()},
                       {"kind", remark.getRemarkTypeString().lower()},
                       {"at", nameOf(remark.getLocation())},
                       {"text", StringRef(text).trim().str()}});
  }

  Json &remarks;
};

/// The terms that are not 0.
Json termsOf(const LinearForm &form) {
  Json terms = Json::object();
  std::pair<const char *, int64_t> all[] = {{"constant", form.constant},
                                            {"tokens", form.tokens},
                                            {"rows", form.rows},
                                            {"leaves", form.leaves},
                                            {"token_positions", form.tokenPositions}};
  for (auto [name, factor] : all)
    if (factor)
      terms[name] = factor;
  return terms;
}

} // namespace

void ExplainLog::listen(MLIRContext &context) {
  // A kind of remark without a filter of its own is off, whatever the first one is.
  const std::string any = ".*";
  remark::RemarkCategories all{any, any, any, any, any};
  // Fails only if there is an engine already: then remarks go there.
  (void)remark::enableOptimizationRemarks(context, std::make_unique<RemarkListener>(remarks),
                                          std::make_unique<remark::RemarkEmittingPolicyAll>(), all);
}

void ExplainLog::listen(PassManager &manager, Phase phase) {
  manager.addInstrumentation(std::make_unique<PassListener>(passes, phase));
}

void ExplainLog::addMachine(ModuleOp module, const Mesh &mesh) {
  auto machines = module.getOps<par::MachineOp>();
  if (machines.empty())
    return;
  par::MachineOp described = *machines.begin();
  auto devices = llvm::to_vector(llvm::seq<int64_t>(0, std::min(mesh.size(), described.getNumDevices())));
  machine = timeline::writeMachine(getTimelineMachine(described, devices),
                                   "par.machine @" + described.getSymName().str() + " of --machine");
}

void ExplainLog::addCosts(ModuleOp module) {
  SymbolTable symbols(module);
  for (rt::ModelOp model : module.getOps<rt::ModelOp>())
    for (rt::PlanOp plan : model.getBody().front().getOps<rt::PlanOp>()) {
      Json launches = Json::array();
      for (Operation &row : plan.getBody().front()) {
        std::string name, element = "f32";
        Attribute costAttr;
        if (auto launch = dyn_cast<rt::LaunchOp>(row)) {
          auto function = symbols.lookup<kernel::FuncOp>(launch.getKernel());
          if (Operation *op = function ? function.getRoot() : nullptr) {
            name = op->getName().getStringRef().str();
            element = getPeakName(op);
          }
          costAttr = launch.getCostAttr();
        } else if (auto collective = dyn_cast<rt::CollectiveOp>(row)) {
          name = "par." + rt::stringifyCollectiveKind(collective.getKind()).str();
          costAttr = collective.getCostAttr();
        } else {
          continue;
        }
        auto attr = dyn_cast_or_null<kernel::CostAttr>(costAttr);
        Cost cost = attr ? kernel::getCost(attr) : Cost();
        Json entry = {{"op", name},
                      {"flops", termsOf(cost.flops)},
                      {"weight_bytes", termsOf(cost.weightBytes)},
                      {"activation_bytes", termsOf(cost.activationBytes)}};
        if (element != "f32")
          entry["element"] = element;
        launches.push_back(std::move(entry));
      }
      variants.push_back({{"name", plan.getName().str()}, {"launches", std::move(launches)}});
    }
}

void ExplainLog::rewind(Mark mark) {
  passes.erase(passes.begin() + int64_t(mark.passes), passes.end());
  remarks.erase(remarks.begin() + int64_t(mark.remarks), remarks.end());
  variants.erase(variants.begin() + int64_t(mark.variants), variants.end());
}

void ExplainLog::append(Mark mark, Json &explanation) const {
  auto add = [&](const char *key, const Json &list, size_t from) {
    explanation[key].insert(explanation[key].end(), list.begin() + int64_t(from), list.end());
  };
  add("passes", passes, mark.passes);
  add("remarks", remarks, mark.remarks);
}

Json ExplainLog::finish() const {
  Json explanation = {{"schema", 1}, {"passes", passes}, {"remarks", remarks}, {"variants", variants}};
  if (!machine.is_null())
    explanation["machine"] = machine;
  return explanation;
}
