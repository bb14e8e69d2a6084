//===- SearchSharding.cpp - The plan of least predicted time --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/SearchSharding.h"

#include "passes/Parallel/PlanPrediction.h"

#include "mlir/IR/Remarks.h"
#include "llvm/Support/FormatVariadic.h"

using namespace plait;

namespace {

/// Up to so many plans are all looked at.
constexpr size_t kMostPlans = 256;
/// Sets of more axes than this are not all looked at.
constexpr size_t kFewAxes = 4;

class Search {
public:
  Search(ModuleOp module, ShardingPlan &plan, par::MachineOp machine, const SearchLoad &load)
      : module(module), plan(plan), predictor(module, plan, machine, load), load(load) {}

  LogicalResult run() {
    collectChoices();
    size_t plans = 1;
    for (const Choice &choice : choices)
      plans = std::min(plans * choice.options.size(), kMostPlans + 1);
    best = predictor.predict();
    if (plans <= kMostPlans)
      searchAll();
    else
      searchGreedily();
    if (best.excess > 0)
      return plan.getMesh().emitOpError("expected devices that hold the model and ")
             << load.sequences * (load.prompt + load.answer) << " positions, but with the best plan rank "
             << best.fullestRank << " needs " << best.excess << " bytes more than its device has";
    for (const Choice &choice : choices)
      report(choice);
    return success();
  }

private:
  /// A class and the ways in which it may be split; the first one is that of the constraints.
  struct Choice {
    unsigned number;
    std::vector<ClassShards> options;
    std::string obstacle; ///< why there is but one
  };

  static bool isBetter(const PlanPrediction &a, const PlanPrediction &b) {
    return std::tuple(!a.isPossible, a.excess, a.seconds) < std::tuple(!b.isPossible, b.excess, b.seconds);
  }

  /// Sets of the mesh's axes, smaller ones first.
  std::vector<SmallVector<par::AxisAttr>> getAxisSets() {
    SmallVector<par::AxisAttr> axes = plan.getMesh().getModelAxes();
    llvm::erase_if(axes, [&](par::AxisAttr axis) { return plan.getMesh().getSize(axis) == 1; });
    SmallVector<std::pair<int, uint64_t>> order; // number of axes, bits
    for (uint64_t bits = 1; bits < (uint64_t(1) << axes.size()); ++bits)
      if (int count = llvm::popcount(bits); axes.size() <= kFewAxes || count == 1 || count == int(axes.size()))
        order.push_back({count, bits});
    llvm::sort(order);
    std::vector<SmallVector<par::AxisAttr>> sets;
    for (auto [count, bits] : order) {
      SmallVector<par::AxisAttr> &set = sets.emplace_back();
      for (auto [i, axis] : llvm::enumerate(axes))
        if (bits >> i & 1)
          set.push_back(axis);
    }
    return sets;
  }

  void collectChoices() {
    auto sets = getAxisSets();
    for (auto [number, entry] : llvm::enumerate(plan.getClasses().classes)) {
      if (!entry.weightBytes || ShapedType::isDynamic(entry.extent))
        continue;
      Choice &choice = choices.emplace_back(Choice{unsigned(number), {plan.shards[number]}, entry.obstacle});
      if (!choice.obstacle.empty())
        continue;
      const ClassWish &wish = plan.wishes[number];
      if (wish.isWished && !wish.isOpen) {
        choice.obstacle = "a constraint keeps it so";
        continue;
      }
      const ClassShards &wished = plan.shards[number];
      for (ArrayRef<par::AxisAttr> set : sets)
        if (auto split =
                wished.isSplit() ? plan.refine(number, wished, getFurther(wished.axes, set)) : plan.split(number, set);
            split && *split != wished)
          choice.options.push_back(*split);
      if (choice.options.size() == 1)
        choice.obstacle = llvm::formatv("its units of {0} are too few", entry.granule);
    }
    auto weigh = [&](const Choice &choice) {
      return std::pair(-plan.getClasses().classes[choice.number].weightBytes, choice.number);
    };
    llvm::sort(choices, [&](const Choice &a, const Choice &b) { return weigh(a) < weigh(b); });
  }

  /// The axes of `set` that `axes` leave to be split along, if it is all of them.
  static SmallVector<par::AxisAttr> getFurther(ArrayRef<par::AxisAttr> axes, ArrayRef<par::AxisAttr> set) {
    auto overlaps = [&](par::AxisAttr axis) {
      return llvm::any_of(axes, [&](par::AxisAttr other) { return other.overlaps(axis); });
    };
    return llvm::any_of(set, overlaps) ? SmallVector<par::AxisAttr>() : SmallVector<par::AxisAttr>(set);
  }

  /// Looks at the plan as it is; `shards` become those of the best one.
  void consider(std::vector<ClassShards> &shards) {
    for (const Choice &choice : choices)
      if (plan.findConflict(choice.number, plan.shards[choice.number].axes))
        return;
    PlanPrediction prediction = predictor.predict();
    if (isBetter(prediction, best)) {
      best = prediction;
      shards = plan.shards;
    }
  }

  void searchAll() {
    std::vector<ClassShards> shards = plan.shards;
    std::vector<size_t> option(choices.size(), 0);
    while (true) {
      size_t i = 0;
      while (i < choices.size() && ++option[i] == choices[i].options.size())
        option[i++] = 0;
      if (i == choices.size())
        break;
      for (auto [choice, number] : llvm::zip_equal(choices, option))
        plan.shards[choice.number] = choice.options[number];
      consider(shards);
    }
    plan.shards = shards;
  }

  /// One class after the other, largest weights first, until nothing gets better.
  void searchGreedily() {
    remark::analysis(module.getLoc(), remark::RemarkOpts::name("Greedy").category("plait-propagate-sharding"))
        << llvm::formatv("there are more than {0} plans for {1} classes: one class is decided after the other",
                         kMostPlans, choices.size())
               .str();
    bool changed = true;
    for (int round = 0; changed && round < 4; ++round) {
      changed = false;
      for (const Choice &choice : choices) {
        std::vector<ClassShards> before = plan.shards, shards = plan.shards;
        for (const ClassShards &option : choice.options) {
          plan.shards[choice.number] = option;
          consider(shards);
        }
        plan.shards = shards;
        changed |= shards != before;
      }
    }
  }

  //===--------------------------------------------------------------------===//
  // Remarks
  //===--------------------------------------------------------------------===//

  /// What the plan would be predicted to take with another option of a class.
  PlanPrediction predictWith(unsigned number, const ClassShards &option) {
    ClassShards chosen = std::exchange(plan.shards[number], option);
    PlanPrediction prediction;
    if (plan.findConflict(number, option.axes))
      prediction.isPossible = false;
    else
      prediction = predictor.predict();
    plan.shards[number] = chosen;
    return prediction;
  }

  void report(const Choice &choice) {
    const ShardingClass &entry = plan.getClasses().classes[choice.number];
    const ClassShards &chosen = plan.shards[choice.number];
    Location loc = getWeightLoc(entry, module.getLoc());
    auto name = remark::RemarkOpts::name("Sharding").category("plait-propagate-sharding");
    if (choice.options.size() == 1 && !chosen.isSplit()) {
      remark::missed(loc, name) << llvm::formatv("dimension of {0} of {1} stays whole: {2}", entry.extent,
                                                 getWeightNames(entry), choice.obstacle)
                                       .str();
      return;
    }
    // The best of the others.
    ClassShards other;
    PlanPrediction otherwise;
    otherwise.isPossible = false;
    for (const ClassShards &option : choice.options)
      if (option != chosen && option.isSplit() != chosen.isSplit())
        if (PlanPrediction prediction = predictWith(choice.number, option);
            isBetter(prediction, otherwise) || !other.isSplit()) {
          other = option;
          otherwise = prediction;
        }
    std::string steps = llvm::formatv("a decode step and a prefill of {0} tokens take {1}", load.prompt, toText(best));
    if (!chosen.isSplit()) {
      remark::missed(loc, name) << llvm::formatv("dimension of {0} of {1} ({2} bytes) stays whole: {3}; split along "
                                                 "{4} they would {5}{6}",
                                                 entry.extent, getWeightNames(entry), entry.weightBytes, steps,
                                                 getAxesText(other.axes), take(otherwise), gathered(choice, other))
                                       .str();
      return;
    }
    std::string whole =
        choice.options.size() == 1 ? std::string("a constraint wants it so") : "whole they would " + take(otherwise);
    remark::passed(loc, name) << llvm::formatv(
                                     "dimension of {0} of {1} ({2} bytes) is split along {3}:{4}; {5}; {6}{7}",
                                     entry.extent, getWeightNames(entry), entry.weightBytes, getAxesText(chosen.axes),
                                     getSizesText(chosen.bounds), steps, whole, gathered(choice, chosen))
                                     .str();
  }

  static std::string take(const PlanPrediction &prediction) {
    return prediction.isPossible ? "take " + toText(prediction) : "not be possible";
  }

  /// The plan that nobody gets unasked: devices keep parts of the weights as with `split`, but
  /// compute the whole.
  std::string gathered(const Choice &choice, const ClassShards &split) {
    PlanPrediction prediction = predictWith(choice.number, ClassShards());
    if (!prediction.isPossible)
      return "";
    double seconds = predictor.getGatherSeconds(choice.number, split);
    prediction.decode += seconds;
    prediction.prefill += seconds;
    prediction.excess = 0; // they are not kept whole
    return "; with its weights gathered wherever they are used, which is not done, " + toText(prediction);
  }

  ModuleOp module;
  ShardingPlan &plan;
  PlanPredictor predictor;
  SearchLoad load;
  std::vector<Choice> choices;
  PlanPrediction best;
};
} // namespace

LogicalResult plait::searchSharding(ModuleOp module, ShardingPlan &plan, par::MachineOp machine,
                                    const SearchLoad &load) {
  return Search(module, plan, machine, load).run();
}
