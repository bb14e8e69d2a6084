//===- CpuKernelsTest.cpp - CPU kernels against reference semantics -------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuKernelFixture.h"

#include <cmath>

using namespace plait;
using namespace plait::test;

namespace {

/// "tensor<?x192xf32, #lm.dims<tokens>>"
std::string rowsOf(int64_t columns, const std::string &dim = "tokens") {
  return "tensor<?x" + std::to_string(columns) + "xf32, #lm.dims<" + dim + ">>";
}
const std::string tokensI32 = "tensor<?xi32, #lm.dims<tokens>>", leavesI32 = "tensor<?xi32, #lm.dims<leaves>>";

/// A kernel @k of `body`, which computes %y.
std::string kernelText(const std::string &arguments, const std::string &result, const std::string &body) {
  return "kernel.func @k(" + arguments + ") -> " + result +
         " attributes {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, "
         "0, 0]>} {\n" +
         body + "\nkernel.return %y : " + result + "\n}\n";
}
std::string vectorWeight(const std::string &name, int64_t columns, const std::string &format) {
  std::string weight = "!lm.weight<" + std::to_string(columns) + ", #lm." + format + ">";
  return "%" + name + " = kernel.unpack %p" + name + " : !kernel.packed<" + weight + ", panel = 0, group = 1> -> " +
         weight + "\n";
}
std::string vectorArgument(const std::string &name, int64_t columns, const std::string &format) {
  return "%p" + name + ": !kernel.packed<!lm.weight<" + std::to_string(columns) + ", #lm." + format +
         ">, panel = 0, group = 1>";
}

class CpuKernels : public testing::TestWithParam<CpuTarget> {
protected:
  /// Random values of every argument; i32 tensors are indices below `bound`.
  Step randomStep(CpuKernel &kernel, int64_t tokens, int64_t leaves, int64_t bound, double scale = 1) {
    Step step;
    step.dims[PLAIT_DIM_TOKENS] = tokens;
    step.dims[PLAIT_DIM_LEAVES] = leaves;
    for (Type type : kernel.function().getArgumentTypes()) {
      if (auto packed = dyn_cast<kernel::PackedType>(type)) {
        step.values.emplace_back(random.weight(packed.getWeight()));
        continue;
      }
      auto tensor = cast<RankedTensorType>(type);
      int64_t count = lm::getLeadingDim(type) == "leaves" ? leaves : tokens;
      std::vector<int64_t> shape(tensor.getShape().begin(), tensor.getShape().end());
      shape[0] = count;
      if (auto element = dyn_cast<lm::Int16Type>(tensor.getElementType())) {
        step.values.emplace_back(random.int16(count, shape[1], element.getGroup()));
        continue;
      }
      step.values.emplace_back(tensor.getElementType().isF32() ? random.tensor(shape, scale)
                                                               : random.indices(count, bound));
    }
    return step;
  }

  /// Compares with the reference; then, bit by bit, tokens alone with tokens
  /// together, one thread with three, and a result of its own with one in place.
  void check(const std::string &text, int64_t bound = 1, double scale = 1, double tolerance = 2e-6) {
    CpuKernel kernel(text, GetParam());
    for (int64_t tokens : {5, 1, 67}) {
      SCOPED_TRACE(text + "\ntokens " + std::to_string(tokens));
      Step step = randomStep(kernel, tokens, /*leaves=*/3, bound, scale);
      auto result = kernel.run(step)[0];
      expectClose(result, kernel.evaluate(step)[0], tolerance);
      expectSameBits(kernel.run(step, /*inPlace=*/false, /*threads=*/3)[0], result);
      if (kernel.function().getRoot()->hasTrait<lm::InPlace>())
        expectSameBits(kernel.run(step, /*inPlace=*/true)[0], result);
      if (lm::getLeadingDim(kernel.function().getResultTypes()[0]) == "tokens")
        checkAlone(kernel, step, tokens - 1, result);
    }
  }

  void checkAlone(CpuKernel &kernel, const Step &step, int64_t token, const std::vector<float> &together) {
    Step alone = step;
    alone.dims[PLAIT_DIM_TOKENS] = 1;
    for (EvalValue &value : alone.values)
      if (const auto *tensor = std::any_cast<DenseValue>(&value))
        value = takeRows(*tensor, token, token + 1);
    auto result = kernel.run(alone)[0];
    expectSameBits(result, std::vector<float>(together.end() - int64_t(result.size()), together.end()));
  }

  Random random;
};

TEST_P(CpuKernels, Add) {
  for (int64_t columns : {1, 3, 60, 120, 192, 1030}) {
    std::string type = rowsOf(columns);
    check(kernelText("%a: " + type + ", %b: " + type, type, "%y = lm.add %a, %b : " + type));
  }
  std::string type = rowsOf(60);
  check(kernelText("%a: " + type, type, "%y = lm.add %a, %a : " + type));
}

TEST_P(CpuKernels, Activation) {
  for (const char *kind : {"silu", "gelu_tanh"})
    for (double scale : {1.0, 30.0}) {
      std::string type = rowsOf(124);
      check(kernelText("%x: " + type, type, std::string("%y = lm.activation ") + kind + " %x : " + type), 1, scale);
    }
}

TEST_P(CpuKernels, Scale) {
  for (int64_t columns : {3, 60, 1030}) {
    std::string type = rowsOf(columns);
    check(kernelText("%x: " + type, type, "%y = lm.scale %x by 7.483314773547883 : " + type));
  }
}

TEST_P(CpuKernels, Softcap) {
  for (double scale : {0.01, 1.0, 30.0, 1e4}) {
    std::string type = rowsOf(61);
    check(kernelText("%x: " + type, type, "%y = lm.softcap %x cap 5.0 : " + type), 1, scale);
  }
}

TEST_P(CpuKernels, Glu) {
  for (int64_t columns : {20, 512, 2052}) {
    std::string type = rowsOf(columns);
    check(kernelText("%g: " + type + ", %u: " + type, type, "%y = lm.glu silu %g, %u : " + type));
  }
}

TEST_P(CpuKernels, RmsNorm) {
  for (int64_t columns : {3, 60, 120, 192, 2049})
    for (const char *format : {"f32", "bf16"}) {
      std::string type = rowsOf(columns), weight = "!lm.weight<" + std::to_string(columns) + ", #lm." + format + ">";
      check(kernelText("%x: " + type + ", " + vectorArgument("g", columns, format), type,
                       vectorWeight("g", columns, format) + "%y = lm.rms_norm %x, %g eps 1.0e-5 : " + type + ", " +
                           weight));
    }
}

TEST_P(CpuKernels, RmsNormOfGroups) {
  for (auto [groups, columns] : {std::pair{1, 20}, {3, 20}, {5, 36}, {2, 128}})
    for (const char *form : {"", " unit_offset"}) {
      std::string type = rowsOf(groups * columns), weight = "!lm.weight<" + std::to_string(columns) + ", #lm.bf16>";
      check(kernelText("%x: " + type + ", " + vectorArgument("g", columns, "bf16"), type,
                       vectorWeight("g", columns, "bf16") + "%y = lm.rms_norm %x, %g eps 1.0e-6" + form + " : " + type +
                           ", " + weight));
    }
}

TEST_P(CpuKernels, LayerNorm) {
  for (int64_t columns : {3, 60, 120, 192, 771}) {
    std::string type = rowsOf(columns), weight = "!lm.weight<" + std::to_string(columns) + ", #lm.f32>";
    check(kernelText(
        "%x: " + type + ", " + vectorArgument("g", columns, "f32") + ", " + vectorArgument("b", columns, "f32"), type,
        vectorWeight("g", columns, "f32") + vectorWeight("b", columns, "f32") +
            "%y = lm.layer_norm %x, %g, %b eps 1.0e-5 : " + type + ", " + weight + ", " + weight));
  }
}

TEST_P(CpuKernels, Embed) {
  for (auto [columns, format, panel, group] : {std::tuple{60, "f32", 0, 1},
                                               {60, "bf16", 0, 1},
                                               {20, "f32", 16, 1},
                                               {60, "bf16", 32, 2},
                                               {21, "bf16", 16, 2}}) {
    std::string type = rowsOf(columns), weight = "!lm.weight<50x" + std::to_string(columns) + ", #lm." + format + ">";
    std::string packed =
        "!kernel.packed<" + weight + ", panel = " + std::to_string(panel) + ", group = " + std::to_string(group) + ">";
    check(kernelText("%i: " + tokensI32 + ", %p: " + packed, type,
                     "%t = kernel.unpack %p : " + packed + " -> " + weight + "\n%y = lm.embed %i, %t : " + tokensI32 +
                         ", " + weight),
          /*bound=*/50, 1, /*tolerance=*/0);
  }
}

// Of 50 tokens those from 13 on; the rows of others are zero.
TEST_P(CpuKernels, EmbedPart) {
  for (auto [columns, format, panel, group] :
       {std::tuple{60, "f32", 0, 1}, {21, "bf16", 16, 2}, {131, "int4<group = 32>", 32, 8}}) {
    std::string type = rowsOf(columns), weight = "!lm.weight<30x" + std::to_string(columns) + ", #lm." + format + ">";
    std::string packed =
        "!kernel.packed<" + weight + ", panel = " + std::to_string(panel) + ", group = " + std::to_string(group) + ">";
    check(kernelText("%i: " + tokensI32 + ", %p: " + packed, type,
                     "%t = kernel.unpack %p : " + packed + " -> " + weight +
                         "\n%y = lm.embed %i, %t {first = 13 : i64} : " + tokensI32 + ", " + weight),
          /*bound=*/50, 1, /*tolerance=*/0);
  }
}

constexpr const char *integerFormats[] = {"int8",
                                          "int8<group = 32>",
                                          "int8<group = 64>",
                                          "int4<group = 32>",
                                          "int4<group = 128>",
                                          "int4<group = 64, zero_points>"};

/// "!kernel.packed<!lm.weight<..>, ..>" of a matrix in panels of 32 rows.
std::string panelsOf(const std::string &weight, const std::string &format) {
  int columns = format.starts_with("int8") ? 4 : format.starts_with("int4") ? 8 : format == "bf16" ? 2 : 1;
  return "!kernel.packed<" + weight + ", panel = 32, group = " + std::to_string(columns) + ">";
}

TEST_P(CpuKernels, EmbedOfIntegers) {
  for (std::string format : integerFormats)
    for (int64_t columns : {60, 131, 256}) {
      std::string type = rowsOf(columns), weight = "!lm.weight<50x" + std::to_string(columns) + ", #lm." + format + ">";
      std::string packed = panelsOf(weight, format);
      check(kernelText("%i: " + tokensI32 + ", %p: " + packed, type,
                       "%t = kernel.unpack %p : " + packed + " -> " + weight + "\n%y = lm.embed %i, %t : " + tokensI32 +
                           ", " + weight),
            /*bound=*/50, 1, /*tolerance=*/0);
    }
}

TEST_P(CpuKernels, Linear) {
  SmallVector<std::string> formats{"f32", "bf16"};
  llvm::append_range(formats, integerFormats);
  for (const std::string &format : formats)
    for (auto [rows, columns] : {std::pair{5, 3}, {32, 64}, {70, 131}, {300, 200}}) {
      std::string weight =
          "!lm.weight<" + std::to_string(rows) + "x" + std::to_string(columns) + ", #lm." + format + ">";
      std::string packed = panelsOf(weight, format), type = rowsOf(columns);
      check(kernelText("%x: " + type + ", %p: " + packed, rowsOf(rows),
                       "%w = kernel.unpack %p : " + packed + " -> " + weight + "\n%y = lm.linear %x, %w : " + type +
                           ", " + weight));
    }
}

TEST_P(CpuKernels, LinearOfIntegers) {
  for (std::string format : integerFormats)
    for (auto [rows, columns] : {std::pair{5, 3}, {32, 64}, {70, 131}, {300, 200}}) {
      std::string group = format == "int8" ? "128" : format.substr(format.find('=') + 2);
      group = group.substr(0, group.find_first_not_of("0123456789"));
      std::string distance = format.starts_with("int8") ? "2" : "4";
      std::string weight =
          "!lm.weight<" + std::to_string(rows) + "x" + std::to_string(columns) + ", #lm." + format + ">";
      std::string packed = panelsOf(weight, format), type = "tensor<?x" + std::to_string(columns) +
                                                            "x!lm.int16<group = " + group + ", distance = " + distance +
                                                            ">, #lm.dims<tokens>>";
      check(kernelText("%x: " + type + ", %p: " + packed, rowsOf(rows),
                       "%w = kernel.unpack %p : " + packed + " -> " + weight + "\n%y = lm.linear %x, %w : " + type +
                           ", " + weight));
    }
}

TEST_P(CpuKernels, Quantize) {
  for (int64_t columns : {3, 64, 131, 200, 1024, 2050})
    for (auto [group, distance] : {std::pair{32, 4}, {64, 2}, {128, 2}, {128, 4}}) {
      std::string element =
                      "!lm.int16<group = " + std::to_string(group) + ", distance = " + std::to_string(distance) + ">",
                  type = rowsOf(columns);
      std::string result = "tensor<?x" + std::to_string(columns) + "x" + element + ", #lm.dims<tokens>>";
      std::string text = kernelText("%x: " + type, result, "%y = lm.quantize %x to " + element + " : " + type);
      // A number in the middle between two integers may become either.
      check(text, 1, 1, /*tolerance=*/1.01 / 32767);
      CpuKernel kernel(text, GetParam());
      Step step = randomStep(kernel, 7, 0, 1);
      const auto &x = valueAs<DenseValue>(step.values[0]);
      auto rounded = kernel.run(step)[0];
      for (int64_t r = 0; r < 7; ++r)
        for (int64_t first = 0; first < columns; first += group) {
          ArrayRef<double> values(x.row(r) + first, size_t(std::min<int64_t>(group, columns - first)));
          double largest = 0;
          for (double value : values)
            largest = std::max(largest, std::fabs(value));
          for (auto [i, value] : llvm::enumerate(values))
            EXPECT_LE(std::fabs(rounded[size_t(r * columns + first) + i] - value), largest * 1.6e-5);
        }
    }
}

// What is not a number, or too small to have an inverse, leaves no number or zero.
TEST_P(CpuKernels, QuantizeOddities) {
  CpuKernel kernel(kernelText("%x: " + rowsOf(64), "tensor<?x64x!lm.int16<group = 32, distance = 2>, #lm.dims<tokens>>",
                              "%y = lm.quantize %x to !lm.int16<group = 32, distance = 2> : " + rowsOf(64)),
                   GetParam());
  Step step = randomStep(kernel, 4, 0, 1);
  DenseValue x = valueAs<DenseValue>(step.values[0]);
  x.row(0)[3] = std::nan("");
  x.row(1)[3] = -INFINITY;
  std::fill_n(x.row(2), 32, 0.0);
  std::fill_n(x.row(3), 32, 1e-40);
  step.values[0] = x;
  auto result = kernel.run(step)[0];
  EXPECT_TRUE(std::isnan(result[3]));
  EXPECT_FALSE(std::isfinite(result[64 + 3]));
  EXPECT_EQ(result[128], 0);
  EXPECT_EQ(result[192], 0);
  EXPECT_NEAR(result[32], x.row(0)[32], 1e-3);
}

TEST_P(CpuKernels, SliceColumns) {
  std::string type = rowsOf(180);
  for (auto [offset, size] : {std::pair{0, 60}, {60, 60}, {119, 61}})
    check(kernelText("%x: " + type, rowsOf(size),
                     "%y = lm.slice_columns %x " + std::to_string(offset) + " size " + std::to_string(size) + " : " +
                         type),
          1, 1, 0);
}

TEST_P(CpuKernels, TakeRows) {
  std::string type = rowsOf(61);
  check(kernelText("%x: " + type + ", %i: " + leavesI32, rowsOf(61, "leaves"),
                   "%y = lm.take_rows %x, %i : " + type + ", " + leavesI32),
        /*bound=*/1, 1, 0);
  CpuKernel kernel(kernelText("%x: " + tokensI32 + ", %i: " + leavesI32, leavesI32,
                              "%y = lm.take_rows %x, %i : " + tokensI32 + ", " + leavesI32),
                   GetParam());
  Step step = randomStep(kernel, 200, 130, 200);
  auto bits = kernel.run(step)[0];
  DenseValue expected = kernel.evaluate(step)[0];
  ASSERT_EQ(bits.size(), 130u);
  for (size_t i = 0; i < bits.size(); ++i)
    EXPECT_EQ(double(llvm::bit_cast<int32_t>(bits[i])), expected.data[i]);
}

TEST_P(CpuKernels, JoinHidden) {
  std::string type = rowsOf(61, "leaves");
  check(kernelText("%a: " + type + ", %b: " + type + ", %c: " + type, rowsOf(183, "leaves"),
                   "%y = decode.join_hidden %a, %b, %c : " + type + ", " + type + ", " + type),
        1, 1, 0);
}

TEST_P(CpuKernels, Rope) {
  for (auto [heads, headDim] : {std::pair{3, 20}, {2, 64}, {1, 2}, {5, 36}})
    for (const char *scaling :
         {"", " interleaved", " scaling(#lm.linear_scaling<factor = 4.0>)",
          " scaling(#lm.llama3_scaling<factor = 8.0, low_freq_factor = 1.0, high_freq_factor = 4.0, original = 8192>)",
          " scaling(#lm.yarn_scaling<factor = 16.0, beta_fast = 32.0, beta_slow = 1.0, original = 8192, "
          "attention_factor = 1.277>)"}) {
      std::string type = rowsOf(heads * headDim);
      check(kernelText("%x: " + type + ", %p: " + tokensI32, type,
                       "%y = lm.rope %x, %p head_dim " + std::to_string(headDim) + " theta 500000.0" + scaling + " : " +
                           type + ", " + tokensI32),
            /*bound=*/131072);
    }
}

// Below the original length, at it, and beyond it.
TEST_P(CpuKernels, RopeOfGrowingBase) {
  for (auto [heads, headDim] : {std::pair{3, 20}, {2, 64}, {1, 4}})
    for (const char *form : {"", " interleaved"})
      for (int64_t bound : {1024, 1026, 131072}) {
        std::string type = rowsOf(heads * headDim);
        check(kernelText("%x: " + type + ", %p: " + tokensI32, type,
                         "%y = lm.rope %x, %p head_dim " + std::to_string(headDim) +
                             " theta 10000.0 scaling(#lm.dynamic_scaling<factor = 4.0, original = 1024>)" + form +
                             " : " + type + ", " + tokensI32),
              bound);
      }
}

TEST_P(CpuKernels, RopeOfSomeColumns) {
  for (auto [heads, headDim, rotaryDim] : {std::tuple{3, 20, 10}, {2, 64, 48}, {4, 6, 2}, {5, 36, 36}})
    for (const char *form : {"", " scaling(#lm.linear_scaling<factor = 4.0>)", " interleaved"}) {
      std::string type = rowsOf(heads * headDim);
      check(kernelText("%x: " + type + ", %p: " + tokensI32, type,
                       "%y = lm.rope %x, %p head_dim " + std::to_string(headDim) + " theta 10000.0 rotary_dim " +
                           std::to_string(rotaryDim) + form + " : " + type + ", " + tokensI32),
            /*bound=*/131072);
    }
}

INSTANTIATE_TEST_SUITE_P(Lanes, CpuKernels,
                         testing::Values(CpuTarget{4, false}, CpuTarget{8, true}, CpuTarget{8, false}),
                         [](const auto &info) {
                           return std::to_string(info.param.lanes) + (info.param.fma ? "Fma" : "");
                         });

} // namespace
