//===- IntegerTileProductTest.cpp - Products of integers of many rows -----===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// On tiles against the reference, and the bits of the product without tiles: for few
// rows, more than a tile, more than a block; groups of less than a step of columns, of
// several, and rests of them. With bytes the same, against the reference of an input
// that is rounded here.
//
//===----------------------------------------------------------------------===//

#include "CpuKernelFixture.h"

using namespace plait;
using namespace plait::test;

namespace {

struct Case {
  std::string format; ///< of the weight
  int64_t rows, cols, group;
};
void PrintTo(const Case &c, std::ostream *stream) { *stream << c.format << ' ' << c.rows << 'x' << c.cols; }

class IntegerTileProduct : public testing::TestWithParam<Case> {
protected:
  static std::string rowsOf(int64_t columns, const std::string &element) {
    return "tensor<?x" + std::to_string(columns) + "x" + element + ", #lm.dims<tokens>>";
  }
  /// One product, or two of one input.
  static std::string text(bool two) {
    const Case &c = GetParam();
    bool bytes = c.format.starts_with("int8");
    std::string element = "!lm.int16<group = " + std::to_string(c.group) + ", distance = " + (bytes ? "2" : "4") + ">";
    std::string input = rowsOf(c.cols, element), result = rowsOf(c.rows, "f32");
    std::string weight =
        "!lm.weight<" + std::to_string(c.rows) + "x" + std::to_string(c.cols) + ", #lm." + c.format + ">";
    std::string packed = "!kernel.packed<" + weight + ", panel = 32, group = " + (bytes ? "4" : "8") + ">";
    std::string bias = "!lm.weight<" + std::to_string(c.rows) + ", #lm.f32>";
    std::string packedBias = "!kernel.packed<" + bias + ", panel = 0, group = 1>";
    std::string text = "kernel.func @k(%x: " + input + ", %p: " + packed + ", %q: " + packedBias;
    text += two ? ", %r: " + packed : "";
    text += ") -> " + result + " attributes {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], " +
            "activations = [0, 0, 0, 0, 0]>} {\n";
    text += "%w = kernel.unpack %p : " + packed + " -> " + weight + "\n%b = kernel.unpack %q : " + packedBias + " -> " +
            bias + "\n%y = lm.linear %x, %w bias %b : " + input + ", " + weight + ", " + bias + "\n";
    if (two)
      text += "%v = kernel.unpack %r : " + packed + " -> " + weight + "\n%u = lm.linear %x, %v : " + input + ", " +
              weight + "\n%z = lm.glu silu %y, %u : " + result + "\n";
    return text + "kernel.return " + (two ? "%z" : "%y") + " : " + result + "\n}\n";
  }

  Step randomStep(CpuKernel &kernel, int64_t tokens) {
    Random random;
    Step step;
    step.dims[PLAIT_DIM_TOKENS] = tokens;
    step.values = {random.int16(tokens, GetParam().cols, GetParam().group)};
    for (Type type : kernel.function().getArgumentTypes().drop_front())
      step.values.emplace_back(random.weight(cast<kernel::PackedType>(type).getWeight()));
    return step;
  }

  void check(const std::string &text) {
    CpuKernel plain(text, {8, true});
    for (const CpuTarget &target : tileTargets()) {
      CpuKernel kernel(text, target);
      int64_t most = GetParam().cols > 1000 ? 300 : 530;
      for (int64_t tokens : {int64_t(1), int64_t(4), int64_t(5), int64_t(16), int64_t(17), int64_t(50), most}) {
        SCOPED_TRACE(unitName(target) + ", tokens " + std::to_string(tokens));
        Step step = randomStep(kernel, tokens);
        auto result = kernel.run(step)[0];
        expectClose(result, kernel.evaluate(step)[0]);
        expectSameBits(result, plain.run(step)[0]);
        expectSameBits(kernel.run(step, /*inPlace=*/false, /*threads=*/3)[0], result);
      }
    }
  }
};

TEST_P(IntegerTileProduct, HasTheBitsOfVectors) { check(text(/*two=*/false)); }
TEST_P(IntegerTileProduct, SharesItsInput) { check(text(/*two=*/true)); }

/// Products that round the inputs of many rows to 8 bits.
class ByteProduct : public IntegerTileProduct {
protected:
  /// To 127 / 32768 of the integers of random.int16, whose largest is 32767.
  static DenseValue rounded(const DenseValue &input) {
    DenseValue result = input;
    int64_t columns = GetParam().cols, group = GetParam().group;
    for (int64_t r = 0; r < input.rows(); ++r)
      for (int64_t first = 0; first < columns; first += group) {
        double scale = std::fabs(input.row(r)[first]) / 32767;
        for (int64_t c = first; c < std::min(columns, first + group); ++c)
          result.row(r)[c] = scale * 32768 / 127 * std::floor(input.row(r)[c] / scale * 127 / 32768 + 0.5);
      }
    return result;
  }

  void check(const std::string &text) {
    CpuKernel plain(text, {8, true});
    std::vector<std::vector<float>> first;
    for (const CpuTarget &target : byteTargets()) {
      CpuKernel kernel(text, target);
      std::vector<int64_t> counts = {1, 4, 5, 12, 50};
      counts.push_back(GetParam().cols > 1000 ? 530 : 23); // more than a block
      for (auto [i, tokens] : llvm::enumerate(counts)) {
        SCOPED_TRACE((target.bytes == ByteUnit::vnni ? "Vnni" : "Emulated") + (", tokens " + std::to_string(tokens)));
        Step step = randomStep(kernel, tokens);
        auto result = kernel.run(step)[0];
        expectSameBits(kernel.run(step, /*inPlace=*/false, /*threads=*/3)[0], result);
        if (first.size() == i)
          first.push_back(result);
        expectSameBits(result, first[i]);
        if (tokens <= 4) {
          expectSameBits(result, plain.run(step)[0]);
          continue;
        }
        expectClose(result, kernel.evaluate(step)[0], /*tolerance=*/1e-2);
        step.values[0] = rounded(valueAs<DenseValue>(step.values[0]));
        expectClose(result, kernel.evaluate(step)[0]);
      }
    }
  }
};

TEST_P(ByteProduct, RoundsItsInput) { check(text(/*two=*/false)); }
TEST_P(ByteProduct, SharesItsInput) { check(text(/*two=*/true)); }

std::string nameOf(const testing::TestParamInfo<Case> &info) {
  std::string name = info.param.format + "_" + std::to_string(info.param.rows) + "_" + std::to_string(info.param.cols);
  std::erase_if(name, [](char c) { return !std::isalnum(c) && c != '_'; });
  return name;
}

INSTANTIATE_TEST_SUITE_P(Shapes, ByteProduct,
                         testing::Values(Case{"int8", 70, 131, 128}, Case{"int8", 32, 1100, 128},
                                         Case{"int8<group = 64>", 300, 192, 64}, Case{"int4<group = 32>", 70, 131, 32},
                                         Case{"int4<group = 128>", 33, 1056, 128},
                                         Case{"int4<group = 64, zero_points>", 70, 328, 64}),
                         nameOf);

INSTANTIATE_TEST_SUITE_P(Shapes, IntegerTileProduct,
                         testing::Values(Case{"int8", 70, 131, 128}, Case{"int8", 32, 1100, 128},
                                         Case{"int8<group = 32>", 64, 200, 32}, Case{"int8<group = 64>", 300, 192, 64},
                                         Case{"int8<group = 128>", 40, 200, 128}, Case{"int4<group = 32>", 70, 131, 32},
                                         Case{"int4<group = 64>", 300, 192, 64},
                                         Case{"int4<group = 128>", 33, 1056, 128},
                                         Case{"int4<group = 64, zero_points>", 70, 328, 64}),
                         nameOf);

} // namespace
