//===- SummarizedHeadTest.cpp - Heads that write no logits ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A head with decode.summarize_blocks as its epilogue has the bits of both one after the
// other, for each kind of product and any number of rows; that of both is tested against
// the definition (PartsKernelTest).
//
//===----------------------------------------------------------------------===//

#include "CpuKernelFixture.h"

#include "dialects/Decode/Decode.h"

#include <limits>

using namespace plait;
using namespace plait::test;

namespace {

struct Case {
  std::string name, format;
  int64_t rows, cols;
  std::vector<CpuTarget> targets;
  bool rounds = false; ///< inputs are bf16
  int64_t group = 0;   ///< inputs are integers, in such groups
};
void PrintTo(const Case &c, std::ostream *stream) { *stream << c.name; }

class SummarizedHead : public testing::TestWithParam<Case> {
protected:
  static std::string leavesOf(int64_t columns, const std::string &element = "f32") {
    return "tensor<?x" + std::to_string(columns) + "x" + element + ", #lm.dims<leaves>>";
  }
  static std::string function(const std::string &arguments, const std::string &result, const std::string &body) {
    return "kernel.func @k(" + arguments + ") -> " + result +
           " attributes {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, "
           "0, 0, 0]>} {\n" +
           body + "kernel.return %r : " + result + "\n}\n";
  }
  static int64_t inputColumns() {
    const Case &c = GetParam();
    return c.rounds ? int64_t(llvm::alignTo(c.cols, 32)) : c.cols;
  }
  static std::string logits() { return leavesOf(GetParam().rows); }
  static std::string summaries() {
    return leavesOf(4 * int64_t(llvm::divideCeil(GetParam().rows, decode::SummarizeBlocksOp::blockTokens)));
  }
  static std::string summarize(const std::string &of) {
    return "%r = decode.summarize_blocks %" + of + " {first = 1000 : i64} : (" + logits() + ") -> " + summaries() +
           "\n";
  }
  static constexpr int64_t kTops = 3;
  static std::string counts() { return "tensor<?xi32, #lm.dims<leaves>>"; }
  static int64_t entryColumns() {
    return 2 * int64_t(llvm::divideCeil(GetParam().rows, decode::SummarizeBlocksOp::blockTokens));
  }
  static std::string entries() { return "tensor<?x" + std::to_string(entryColumns()) + "xf32, #lm.dims<top_entries>>"; }
  static std::string findTops(const std::string &of) {
    return "%s, %r = decode.summarize_blocks %" + of + " tops %n {first = 1000 : i64} : (" + logits() + ", " +
           counts() + ") -> (" + summaries() + ", " + entries() + ")\n";
  }
  /// The head with summaries and the most probable tokens of each block.
  static std::string headWithTops() {
    std::string text = head(true);
    auto replace = [&](const std::string &what, const std::string &with) {
      size_t at = text.find(what);
      ASSERT_NE(at, std::string::npos) << what;
      text.replace(at, what.size(), with);
    };
    replace(") -> " + summaries() + " attributes",
            ", %n: " + counts() + ") -> (" + summaries() + ", " + entries() + ") attributes");
    replace(summarize("c"), findTops("c"));
    replace("kernel.return %r : " + summaries(), "kernel.return %s, %r : " + summaries() + ", " + entries());
    return text;
  }
  /// The head, with a cap on the logits, and their summaries instead if they are wanted.
  static std::string head(bool summarized) {
    const Case &c = GetParam();
    bool bytes = c.format.starts_with("int8");
    std::string element =
        c.rounds  ? "bf16"
        : c.group ? "!lm.int16<group = " + std::to_string(c.group) + ", distance = " + (bytes ? "2" : "4") + ">"
                  : "f32";
    std::string input = leavesOf(inputColumns(), element);
    std::string weight =
        "!lm.weight<" + std::to_string(c.rows) + "x" + std::to_string(c.cols) + ", #lm." + c.format + ">";
    std::string packed = "!kernel.packed<" + weight + ", panel = 32, group = " +
                         (bytes                ? "4"
                          : c.group            ? "8"
                          : c.format == "bf16" ? "2"
                                               : "1") +
                         ">";
    std::string last = summarized ? "c" : "r";
    return function("%x: " + input + ", %p: " + packed, summarized ? summaries() : logits(),
                    "%w = kernel.unpack %p : " + packed + " -> " + weight + "\n%h = lm.head %x, %w : " + input + ", " +
                        weight + "\n%" + last + " = lm.softcap %h cap 3.0 : " + logits() + "\n" +
                        (summarized ? summarize("c") : ""));
  }

  Step randomStep(CpuKernel &kernel, int64_t leaves) {
    const Case &c = GetParam();
    Step step;
    step.dims[PLAIT_DIM_LEAVES] = leaves;
    DenseValue input = c.group ? random.int16(leaves, c.cols, c.group) : random.tensor({leaves, inputColumns()});
    if (c.rounds)
      for (int64_t row = 0; row < leaves; ++row)
        for (int64_t k = 0; k < inputColumns(); ++k)
          input.row(row)[k] = k < c.cols ? double(int(input.row(row)[k] * 16)) / 16 : 0; // a bf16
    step.values = {input};
    auto packed = cast<kernel::PackedType>(kernel.function().getArgumentTypes()[1]);
    step.values.emplace_back(random.weight(packed.getWeight(), 0.3));
    return step;
  }

  Random random;
};

TEST_P(SummarizedHead, HasTheBitsOfBoth) {
  for (const CpuTarget &target : GetParam().targets) {
    CpuKernel fused(head(true), target), alone(head(false), target);
    CpuKernel second(function("%l: " + logits(), summaries(), summarize("l")), target);
    EXPECT_EQ(fused.tiles().count, int64_t(llvm::divideCeil(GetParam().rows, decode::SummarizeBlocksOp::blockTokens)));
    for (int64_t leaves : {1, 3, 5, 13, 16, 17, 40, 150, 300}) {
      SCOPED_TRACE(std::to_string(target.lanes) + " lanes, leaves " + std::to_string(leaves));
      Step step = randomStep(fused, leaves), next;
      next.dims[PLAIT_DIM_LEAVES] = leaves;
      DenseValue between = DenseValue::zeros({leaves, GetParam().rows});
      llvm::copy(alone.run(step)[0], between.data.begin());
      next.values = {between};
      auto expected = second.run(next)[0];
      expectSameBits(fused.run(step)[0], expected);
      expectSameBits(fused.run(step, /*inPlace=*/false, /*threads=*/3)[0], expected);
    }
  }
}

TEST_P(SummarizedHead, HasTheMostProbableTokensOfBoth) {
  for (const CpuTarget &target : GetParam().targets) {
    CpuKernel fused(headWithTops(), target), alone(head(false), target);
    CpuKernel second("kernel.func @k(%l: " + logits() + ", %n: " + counts() + ") -> (" + summaries() + ", " +
                         entries() +
                         ") attributes {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], "
                         "activations = [0, 0, 0, 0, 0]>} {\n" +
                         findTops("l") + "kernel.return %s, %r : " + summaries() + ", " + entries() + "\n}\n",
                     target);
    for (int64_t leaves : {1, 5, 17, 150}) {
      SCOPED_TRACE(std::to_string(target.lanes) + " lanes, leaves " + std::to_string(leaves));
      Step step = randomStep(fused, leaves), next;
      next.dims[PLAIT_DIM_LEAVES] = leaves;
      DenseValue counts = DenseValue::zeros({leaves});
      for (int64_t leaf = 0; leaf < leaves; ++leaf)
        counts.data[size_t(leaf)] = double((leaf + kTops) % (kTops + 1));
      for (Step *either : {&step, &next}) {
        either->dims[PLAIT_DIM_TOPS] = kTops;
        either->dims[PLAIT_DIM_TOP_ENTRIES] = leaves * kTops;
      }
      DenseValue between = DenseValue::zeros({leaves, GetParam().rows});
      llvm::copy(alone.run(step)[0], between.data.begin());
      next.values = {between, counts};
      step.values.push_back(counts);
      auto expected = second.run(next);
      for (int threads : {1, 3}) {
        auto found = fused.run(step, /*inPlace=*/false, threads);
        expectSameBits(found[0], expected[0]);
        expectSameBits(found[1], expected[1]);
      }
    }
  }
}

TEST_P(SummarizedHead, TellsWhatIsNotFinite) {
  if (GetParam().group) // integers are finite
    return;
  CpuKernel fused(head(true), GetParam().targets.front());
  Step step = randomStep(fused, 6);
  std::any_cast<DenseValue &>(step.values[0]).row(4)[1] = std::numeric_limits<double>::quiet_NaN();
  auto result = fused.run(step)[0];
  size_t width = result.size() / 6;
  for (size_t row = 0; row < 6; ++row)
    for (size_t i = 0; i < width; i += 4)
      EXPECT_EQ(result[row * width + i + 1] < 0, row == 4) << row;
}

std::vector<CpuTarget> plainTargets() { return {{4, false}, {8, true}, {16, true}}; }
std::vector<CpuTarget> vectorsOfThisMachine() {
  std::vector<CpuTarget> targets;
  for (CpuTarget target : plainTargets())
    if (target.lanes < 16 || __builtin_cpu_supports("avx512f"))
      targets.push_back(target);
  return targets;
}

INSTANTIATE_TEST_SUITE_P(Kinds, SummarizedHead,
                         testing::Values(Case{"f32", "f32", 1100, 40, vectorsOfThisMachine()},
                                         Case{"small", "f32", 70, 33, vectorsOfThisMachine()},
                                         Case{"whole", "bf16", 1024, 64, vectorsOfThisMachine()},
                                         Case{"bf16", "bf16", 1100, 40, vectorsOfThisMachine()},
                                         Case{"tiles", "bf16", 1100, 80, tileTargets(), /*rounds=*/true},
                                         Case{"pairs", "bf16", 1100, 80, pairTargets(), /*rounds=*/true},
                                         Case{"int8", "int8<group = 64>", 1100, 192, {{8, true}}, false, 64},
                                         Case{"int8_tiles", "int8<group = 64>", 1100, 192, tileTargets(), false, 64},
                                         Case{"int4_tiles", "int4<group = 64>", 600, 192, tileTargets(), false, 64}),
                         [](const auto &info) { return info.param.name; });

} // namespace
