//===- RanksEvaluationTest.cpp - Partitioned programs, all ranks ----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The programs of all ranks, evaluated in lockstep, against that of one rank and against
// slices of whole values. No runtime and no lowering is involved.
//
//===----------------------------------------------------------------------===//

#include "plait/Analysis/EvaluateRanks.h"

#include "passes/Parallel/Passes.h"
#include "plait/Driver/Register.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

using namespace plait;

namespace {

/// Numbers that follow from a tensor's name.
struct NamedWeights : WeightSource {
  std::optional<WeightValue> load(Operation *, const std::string &source, int64_t rows, int64_t cols, bool,
                                  const WeightQuantization *) override {
    std::mt19937 random(unsigned(std::hash<std::string>()(source)));
    std::vector<double> values;
    for (int64_t i = 0; i < rows * cols; ++i)
      values.push_back(double(int(random() % 33)) / 16 - 1);
    return WeightValue{rows, cols, std::make_shared<const std::vector<double>>(std::move(values))};
  }
};

class RanksEvaluation : public testing::Test {
protected:
  RanksEvaluation() : context(makeRegistry()) {}

  static DialectRegistry makeRegistry() {
    DialectRegistry registry;
    registerAllDialects(registry);
    return registry;
  }

  OwningOpRef<ModuleOp> parse(const std::string &text) {
    auto module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module) << text;
    return module;
  }

  /// What each rank's step returns, by the passes that `build` adds; nothing if one fails.
  std::optional<std::vector<std::vector<EvalValue>>>
  evaluate(ModuleOp module, std::vector<std::vector<EvalValue>> arguments,
           llvm::function_ref<void(OpPassManager &, int64_t rank)> build) {
    std::vector<OwningOpRef<ModuleOp>> programs;
    SmallVector<Block *> blocks;
    for (size_t rank = 0; rank < arguments.size(); ++rank) {
      programs.emplace_back(module.clone());
      PassManager pm(&context, ModuleOp::getOperationName());
      build(pm, int64_t(rank));
      if (failed(pm.run(*programs.back())))
        return std::nullopt;
      blocks.push_back(&(*programs.back()->getOps<decode::StepOp>().begin()).getBody().front());
    }
    NamedWeights weights;
    auto results = evaluateRanks(blocks, std::move(arguments), weights);
    if (failed(results))
      return std::nullopt;
    return std::move(*results);
  }

  MLIRContext context;
};

DenseValue randomMatrix(int64_t rows, int64_t columns, std::mt19937 &random) {
  DenseValue value = DenseValue::zeros({rows, columns});
  for (double &element : value.data)
    element = double(int(random() % 2001)) / 1000 - 1;
  return value;
}

const DenseValue &denseOf(const EvalValue &value) { return valueAs<DenseValue>(value); }

/// Three MLPs, split along one axis, along another one, and along both.
constexpr const char *kMlps = R"mlir(
!x = tensor<?x24xf32, #lm.dims<tokens>>
!h = tensor<?x80xf32, #lm.dims<tokens>>
!up = !lm.weight<80x24, #lm.bf16>
!down = !lm.weight<24x80, #lm.bf16>
par.mesh @mesh axes ["x", "y"] sizes [2, 2]
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @a from "a" : !up
  lm.weight @b from "b" : !down
  lm.weight @c from "c" : !up
  lm.weight @d from "d" : !down
  lm.weight @d_bias from "d_bias" : !lm.weight<24, #lm.f32>
  lm.weight @e from "e" : !up
  lm.weight @f from "f" : !down
}
decode.step @s(%ids: tensor<?xi32, #lm.dims<tokens>>, %x: !x) -> (!x)
    attributes {input_roles = [#decode.role<tokens>, #decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %a0 = lm.get_weight @m::@a : !up
  %a = par.constraint %a0 as <@mesh, [{"x" : 0 to 32, 32 to 80}, {}]> : !up
  %b = lm.get_weight @m::@b : !down
  %c0 = lm.get_weight @m::@c : !up
  %c = par.constraint %c0 as <@mesh, [{"y" : 0 to 40, 40 to 80}, {}]> : !up
  %d = lm.get_weight @m::@d : !down
  %d_bias = lm.get_weight @m::@d_bias : !lm.weight<24, #lm.f32>
  %e0 = lm.get_weight @m::@e : !up
  %e = par.constraint %e0 as <@mesh, [{"y", "x" : 0 to 16, 16 to 32, 32 to 64, 64 to 80}, {}]> : !up
  %f = lm.get_weight @m::@f : !down
  %0 = lm.linear %x, %a : !x, !up
  %1 = lm.linear %0, %b : !h, !down
  %2 = lm.add %x, %1 : !x
  %3 = lm.linear %2, %c : !x, !up
  %4 = lm.linear %3, %d bias %d_bias : !h, !down, !lm.weight<24, #lm.f32>
  %5 = lm.add %2, %4 : !x
  %6 = lm.linear %5, %e : !x, !up
  %7 = lm.linear %6, %f : !h, !down
  %8 = lm.add %5, %7 : !x
  decode.return %8 : !x
}
)mlir";

TEST_F(RanksEvaluation, MlpsOnAGrid) {
  std::mt19937 random(1);
  auto module = parse(kMlps);
  ASSERT_TRUE(module);
  DenseValue ids = DenseValue::zeros({5}), x = randomMatrix(5, 24, random);
  // One rank: constraints say nothing then.
  OwningOpRef<ModuleOp> whole(module->clone());
  whole->walk([](par::ConstraintOp op) {
    op.replaceAllUsesWith(op.getInput());
    op.erase();
  });
  auto one = evaluate(*whole, {{ids, x}}, [](OpPassManager &, int64_t) {});
  ASSERT_TRUE(one);
  auto all = evaluate(*module, std::vector<std::vector<EvalValue>>(4, {ids, x}),
                      [](OpPassManager &pm, int64_t rank) { buildParallelPipeline(pm, {.tp = 4, .rank = rank}); });
  ASSERT_TRUE(all);
  for (const auto &rank : *all) {
    const DenseValue &got = denseOf(rank[0]), &expected = denseOf((*one)[0][0]);
    ASSERT_EQ(got.data.size(), expected.data.size());
    for (size_t i = 0; i < got.data.size(); ++i)
      ASSERT_NEAR(got.data[i], expected.data[i], 1e-9 * (1 + std::abs(expected.data[i])));
  }
}

/// Layers with norms, of which a loop has some and another one the last.
constexpr const char *kLayers = R"mlir(
!x = tensor<?x24xf32, #lm.dims<tokens>>
!h = tensor<?x160xf32, #lm.dims<tokens>>
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @gain from "gain.{layer}" layers 4 : !lm.weight<24, #lm.f32>
  lm.weight @post from "post.{layer}" layers 4 : !lm.weight<24, #lm.f32>
  lm.weight @up from "up.{layer}" layers 4 : !lm.weight<160x24, #lm.f32>
  lm.weight @down from "down.{layer}" layers 4 : !lm.weight<24x160, #lm.f32>
  lm.weight @last from "last" : !lm.weight<24, #lm.f32>
}
decode.step @s(%ids: tensor<?xi32, #lm.dims<tokens>>, %e: !x) -> (!x)
    attributes {input_roles = [#decode.role<tokens>, #decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.layers 0 to 3 iter(%x = %e) : !x {
    %g = lm.get_weight @m::@gain : !lm.weight<24, #lm.f32>
    %p = lm.get_weight @m::@post : !lm.weight<24, #lm.f32>
    %u = lm.get_weight @m::@up : !lm.weight<160x24, #lm.f32>
    %d = lm.get_weight @m::@down : !lm.weight<24x160, #lm.f32>
    %n = lm.rms_norm %x, %g eps 1.0e-5 : !x, !lm.weight<24, #lm.f32>
    %h = lm.linear %n, %u : !x, !lm.weight<160x24, #lm.f32>
    %y = lm.linear %h, %d : !h, !lm.weight<24x160, #lm.f32>
    %q = lm.rms_norm %y, %p eps 1.0e-5 : !x, !lm.weight<24, #lm.f32>
    %z = lm.add %x, %q : !x
    lm.yield %z : !x
  }
  %1 = lm.layers 3 to 4 iter(%x = %0) : !x {
    %g = lm.get_weight @m::@gain : !lm.weight<24, #lm.f32>
    %u = lm.get_weight @m::@up : !lm.weight<160x24, #lm.f32>
    %d = lm.get_weight @m::@down : !lm.weight<24x160, #lm.f32>
    %n = lm.rms_norm %x, %g eps 1.0e-5 : !x, !lm.weight<24, #lm.f32>
    %h = lm.linear %n, %u : !x, !lm.weight<160x24, #lm.f32>
    %y = lm.linear %h, %d : !h, !lm.weight<24x160, #lm.f32>
    %z = lm.add %x, %y : !x
    lm.yield %z : !x
  }
  %f = lm.get_weight @m::@last : !lm.weight<24, #lm.f32>
  %2 = lm.rms_norm %1, %f eps 1.0e-5 : !x, !lm.weight<24, #lm.f32>
  decode.return %2 : !x
}
)mlir";

/// Sums that are exchanges and additions: the very numbers of sums, whole and scattered.
TEST_F(RanksEvaluation, ExpandedSums) {
  std::mt19937 random(3);
  auto module = parse(kLayers);
  ASSERT_TRUE(module);
  for (int64_t tokens : {1, 2, 7}) {
    DenseValue ids = DenseValue::zeros({tokens}), x = randomMatrix(tokens, 24, random);
    for (int64_t ranks : {2, 3, 5})
      for (bool scattered : {false, true}) {
        auto by = [&](bool expands) {
          return evaluate(*module, std::vector<std::vector<EvalValue>>(size_t(ranks), {ids, x}),
                          [&](OpPassManager &pm, int64_t rank) {
                            buildParallelPipeline(pm, {.tp = ranks,
                                                       .rank = rank,
                                                       .sequenceParallel = scattered,
                                                       .overlap = OverlapMode::off,
                                                       .expandSums = expands});
                          });
        };
        auto whole = by(false), expanded = by(true);
        ASSERT_TRUE(whole && expanded);
        for (size_t rank = 0; rank < size_t(ranks); ++rank)
          EXPECT_EQ(denseOf((*expanded)[rank][0]).data, denseOf((*whole)[rank][0]).data)
              << tokens << " tokens, rank " << rank << " of " << ranks << (scattered ? ", scattered" : "");
      }
  }
  PassManager pm(&context, ModuleOp::getOperationName());
  buildParallelPipeline(pm, {.tp = 3, .rank = 1, .overlap = OverlapMode::off, .expandSums = true});
  ASSERT_TRUE(succeeded(pm.run(*module)));
  int sums = 0, gathers = 0;
  module->walk([&](par::CollectiveOpInterface op) { (isa<par::AllReduceOp>(*op) ? sums : gathers) += 1; });
  EXPECT_EQ(sums, 0);
  EXPECT_EQ(gathers, 2);
}

/// Sums with what follows them computed on the way: the very numbers of sums by themselves, and those of one rank.
TEST_F(RanksEvaluation, FusedSums) {
  std::mt19937 random(2);
  auto module = parse(kLayers);
  ASSERT_TRUE(module);
  for (int64_t tokens : {1, 2, 7}) {
    DenseValue ids = DenseValue::zeros({tokens}), x = randomMatrix(tokens, 24, random);
    auto one = evaluate(*module, {{ids, x}}, [](OpPassManager &, int64_t) {});
    ASSERT_TRUE(one);
    for (int64_t ranks : {2, 3, 5}) {
      auto by = [&](OverlapMode mode) {
        return evaluate(*module, std::vector<std::vector<EvalValue>>(size_t(ranks), {ids, x}),
                        [&](OpPassManager &pm, int64_t rank) {
                          buildParallelPipeline(pm, {.tp = ranks, .rank = rank, .overlap = mode});
                        });
      };
      auto apart = by(OverlapMode::off), fused = by(OverlapMode::on);
      ASSERT_TRUE(apart && fused);
      for (size_t rank = 0; rank < size_t(ranks); ++rank) {
        const DenseValue &got = denseOf((*fused)[rank][0]), &expected = denseOf((*one)[0][0]);
        EXPECT_EQ(got.data, denseOf((*apart)[rank][0]).data) << tokens << " tokens, rank " << rank << " of " << ranks;
        ASSERT_EQ(got.data.size(), expected.data.size());
        for (size_t i = 0; i < got.data.size(); ++i)
          ASSERT_NEAR(got.data[i], expected.data[i], 1e-9 * (1 + std::abs(expected.data[i])));
      }
    }
  }
  // All sums of the last layers' kinds are fused, in both loops and in what they have become.
  PassManager pm(&context, ModuleOp::getOperationName());
  buildParallelPipeline(pm, {.tp = 2, .rank = 1, .overlap = OverlapMode::on});
  ASSERT_TRUE(succeeded(pm.run(*module)));
  int fused = 0, others = 0;
  module->walk([&](par::CollectiveOpInterface op) { (isa<par::ReduceGatherOp>(*op) ? fused : others) += 1; });
  EXPECT_EQ(fused, 3);  // layers 0 and 1, layer 2, layer 3
  EXPECT_EQ(others, 2); // the rank's part of what comes in, and its norm gathered
}

/// A mesh and two shardings on it, at random.
struct Resharding {
  std::vector<std::pair<std::string, int64_t>> axes;
  /// Axes of dimensions 0 and 1, and of summands; the bounds of dimension 1.
  struct Side {
    std::vector<std::string> dims[2], unreduced;
    std::vector<int64_t> bounds;
  } source, target;

  static constexpr int64_t kColumns = 12;

  explicit Resharding(std::mt19937 &random) {
    static const std::vector<std::vector<std::pair<std::string, int64_t>>> meshes = {
        {{"x", 2}}, {{"x", 3}}, {{"x", 4}}, {{"x", 2}, {"y", 2}}};
    axes = meshes[random() % meshes.size()];
    source = make(random, true);
    target = make(random, false);
  }

  int64_t ranks() const {
    int64_t product = 1;
    for (const auto &axis : axes)
      product *= axis.second;
    return product;
  }
  int64_t devices(const std::vector<std::string> &names) const {
    int64_t product = 1;
    for (const std::string &name : names)
      for (const auto &axis : axes)
        product *= axis.first == name ? axis.second : 1;
    return product;
  }
  Side make(std::mt19937 &random, bool sums) const {
    Side side;
    std::vector<std::string> names;
    for (const auto &axis : axes)
      names.push_back(axis.first);
    std::shuffle(names.begin(), names.end(), random);
    for (const std::string &name : names) {
      switch (random() % (sums ? 4 : 3)) {
      case 0:
        side.dims[0].push_back(name);
        break;
      case 1:
        side.dims[1].push_back(name);
        break;
      case 3:
        side.unreduced.push_back(name);
        break;
      default:
        break;
      }
    }
    std::vector<int64_t> cuts;
    for (int64_t cut = 1; cut < kColumns; ++cut)
      cuts.push_back(cut);
    std::shuffle(cuts.begin(), cuts.end(), random);
    cuts.resize(size_t(devices(side.dims[1])) - 1);
    cuts.push_back(0);
    cuts.push_back(kColumns);
    std::sort(cuts.begin(), cuts.end());
    side.bounds = cuts;
    return side;
  }

  static std::string list(const std::vector<std::string> &names) {
    std::string text;
    for (const std::string &name : names)
      text += (text.empty() ? "\"" : ", \"") + name + "\"";
    return text;
  }
  static std::string text(const Side &side) {
    std::string columns;
    for (size_t i = 0; i + 1 < side.bounds.size(); ++i)
      columns += llvm::formatv("{0}{1} to {2}", i ? ", " : "", side.bounds[i], side.bounds[i + 1]).str();
    std::string rows = side.dims[0].empty() ? "{}" : "{" + list(side.dims[0]) + " : even}";
    std::string result = "<@mesh, [" + rows + ", " +
                         (side.dims[1].empty() ? "{}" : "{" + list(side.dims[1]) + " : " + columns + "}") + "]";
    return result + (side.unreduced.empty() ? ">" : ", unreduced = {" + list(side.unreduced) + "}>");
  }
  std::string program() const {
    std::string names, sizes;
    for (const auto &[name, size] : axes) {
      names += (names.empty() ? "\"" : ", \"") + name + "\"";
      sizes += (sizes.empty() ? "" : ", ") + std::to_string(size);
    }
    std::string type = llvm::formatv("tensor<?x{0}xf32, #lm.dims<tokens>>", kColumns).str();
    return "par.mesh @mesh axes [" + names + "] sizes [" + sizes + "]\ndecode.step @s(%x: " + type + ") -> (" + type +
           ") attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {\n" +
           "  %0 = par.constraint %x as " + text(source) + " : " + type + "\n  %1 = par.reshard %0 from " +
           text(source) + " to " + text(target) + " : " + type + "\n  decode.return %1 : " + type + "\n}\n";
  }

  /// The number of `rank` along `names`, the first one being the major one.
  int64_t index(int64_t rank, const std::vector<std::string> &names) const {
    int64_t result = 0;
    for (const std::string &name : names) {
      int64_t inner = 1;
      for (size_t i = axes.size(); i-- > 0; inner *= axes[i].second)
        if (axes[i].first == name)
          result = result * axes[i].second + rank / inner % axes[i].second;
    }
    return result;
  }
  DenseValue slice(const DenseValue &whole, const Side &side, int64_t rank) const {
    int64_t count = devices(side.dims[0]), row = index(rank, side.dims[0]);
    size_t column = size_t(index(rank, side.dims[1]));
    int64_t begin = whole.rows() * row / count, end = whole.rows() * (row + 1) / count;
    int64_t first = side.bounds[column], last = side.bounds[column + 1];
    DenseValue part = DenseValue::zeros({end - begin, last - first});
    for (int64_t r = begin; r < end; ++r)
      std::copy(whole.row(r) + first, whole.row(r) + last, part.row(r - begin));
    return part;
  }
};

TEST_F(RanksEvaluation, ReshardsEqualSlices) {
  std::mt19937 random(7);
  std::map<std::string, int> seen;
  for (int trial = 0; trial < 600; ++trial) {
    Resharding resharding(random);
    auto module = parse(resharding.program());
    ASSERT_TRUE(module);
    int64_t rows = int64_t(random() % 7), ranks = resharding.ranks();
    // Summands of small integers, so that sums are exact in any order.
    int64_t summands = resharding.devices(resharding.source.unreduced);
    std::vector<DenseValue> parts;
    DenseValue whole = DenseValue::zeros({rows, Resharding::kColumns});
    for (int64_t i = 0; i < summands; ++i) {
      parts.push_back(DenseValue::zeros(whole.shape));
      for (size_t k = 0; k < whole.data.size(); ++k)
        whole.data[k] += parts.back().data[k] = double(int(random() % 201) - 100);
    }
    std::vector<std::vector<EvalValue>> arguments;
    for (int64_t rank = 0; rank < ranks; ++rank) {
      size_t summand = size_t(resharding.index(rank, resharding.source.unreduced));
      arguments.push_back({resharding.slice(parts[summand], resharding.source, rank)});
    }
    auto results = evaluate(*module, arguments, [&](OpPassManager &pm, int64_t rank) {
      pm.addPass(createPartitionPass({rank}));
      pm.addPass(createOptimizeCollectivesPass());
    });
    ASSERT_TRUE(results) << resharding.program();
    for (int64_t rank = 0; rank < ranks; ++rank) {
      const DenseValue &got = denseOf((*results)[size_t(rank)][0]);
      DenseValue expected = resharding.slice(whole, resharding.target, rank);
      ASSERT_EQ(got.shape, expected.shape) << "rank " << rank << "\n" << resharding.program();
      ASSERT_EQ(got.data, expected.data) << "rank " << rank << "\n" << resharding.program();
    }
    PassManager pm(&context, ModuleOp::getOperationName());
    pm.addPass(createPartitionPass({0}));
    ASSERT_TRUE(succeeded(pm.run(*module)));
    module->walk([&](par::CollectiveOpInterface op) { ++seen[op->getName().getStringRef().str()]; });
  }
  // All kinds have been made.
  for (const char *name : {"par.all_reduce", "par.reduce_scatter", "par.all_gather", "par.all_to_all", "par.part"})
    EXPECT_GT(seen[name], 10) << name;
}

/// In lockstep a rank that does not come is an error, and not a wait without end.
TEST_F(RanksEvaluation, RanksThatDoNotMeet) {
  auto program = [](int rank, const std::string &op) {
    return llvm::formatv(R"mlir(
par.mesh @mesh axes ["tp"] sizes [2] rank {0}
decode.step @s(%x: tensor<?x4xf32, #lm.dims<tokens>>) -> (tensor<?x4xf32, #lm.dims<tokens>>)
    attributes {{input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {{
  {1}
  %r = lm.scale %x by 2.0 : tensor<?x4xf32, #lm.dims<tokens>>
  decode.return %r : tensor<?x4xf32, #lm.dims<tokens>>
}
)mlir",
                         rank, op)
        .str();
  };
  std::string type = " : tensor<?x4xf32, #lm.dims<tokens>>";
  auto run = [&](const std::string &first, const std::string &second) {
    OwningOpRef<ModuleOp> modules[] = {parse(program(0, first)), parse(program(1, second))};
    SmallVector<Block *> blocks;
    for (auto &module : modules)
      blocks.push_back(&(*module->getOps<decode::StepOp>().begin()).getBody().front());
    std::string message;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      message += diagnostic.str();
      return success();
    });
    NamedWeights weights;
    DenseValue x = DenseValue::zeros({2, 4});
    auto results = evaluateRanks(blocks, {{x}, {x}}, weights);
    return succeeded(results) ? "fine" : message;
  };
  std::string sum = "%a = par.all_reduce %x on @mesh [\"tp\"]" + type,
              other = "%a = par.broadcast %x root 0 on @mesh [\"tp\"]" + type;
  std::string send = "par.send %x to 1 on @mesh [\"tp\"]" + type,
              receive = "%a = par.recv from 0 on @mesh [\"tp\"]" + type;
  EXPECT_EQ(run(sum, sum), "fine");
  EXPECT_EQ(run(send, receive), "fine");
  EXPECT_NE(run(sum, other).find("meets"), std::string::npos);
  EXPECT_NE(run(sum, "").find("waits for ranks that do not come"), std::string::npos);
  EXPECT_NE(run("", receive).find("waits for ranks that do not come"), std::string::npos);
}

} // namespace
