//===- CudaKernelsTest.cpp - CUDA kernels against reference semantics -----===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// On a model of a GPU (CudaKernelFixture.h). CpuAttentionTest.cpp has staging and attending.
//
//===----------------------------------------------------------------------===//

#include "CudaKernelFixture.h"

#include <cmath>

using namespace plait;
using namespace plait::test;

namespace {

std::string rowsOf(int64_t columns, const std::string &element = "f32", const std::string &dim = "tokens") {
  return "tensor<?x" + std::to_string(columns) + "x" + element + ", #lm.dims<" + dim + ">>";
}
const std::string tokensI32 = "tensor<?xi32, #lm.dims<tokens>>", leavesI32 = "tensor<?xi32, #lm.dims<leaves>>";

std::string kernelText(const std::string &arguments, const std::string &result, const std::string &body) {
  return "kernel.func @k(" + arguments + ") -> " + result +
         " attributes {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, "
         "0, 0]>} {\n" +
         body + "\nkernel.return %y : " + result + "\n}\n";
}
std::string weightOf(const std::string &shape) { return "!lm.weight<" + shape + ", #lm.bf16>"; }
std::string packedOf(const std::string &shape) {
  return "!kernel.packed<" + weightOf(shape) + ", panel = 0, group = 1>";
}
std::string unpack(const std::string &name, const std::string &shape) {
  return "%" + name + " = kernel.unpack %p" + name + " : " + packedOf(shape) + " -> " + weightOf(shape) + "\n";
}

class CudaKernels : public testing::Test {
protected:
  /// Random values of every argument; i32 tensors are indices below `bound`, bf16 ones have
  /// zeros from `columns` on, as lm.round leaves them.
  Step randomStep(CudaKernel &kernel, int64_t tokens, int64_t bound, double scale, int64_t columns) {
    Step step;
    step.dims[PLAIT_DIM_TOKENS] = tokens;
    step.dims[PLAIT_DIM_LEAVES] = 3;
    for (Type type : kernel.function().getArgumentTypes()) {
      if (auto packed = dyn_cast<kernel::PackedType>(type)) {
        step.values.emplace_back(random.weight(packed.getWeight()));
        continue;
      }
      auto tensor = cast<RankedTensorType>(type);
      std::vector<int64_t> shape(tensor.getShape().begin(), tensor.getShape().end());
      shape[0] = lm::getLeadingDim(type) == "leaves" ? 3 : tokens;
      if (tensor.getElementType().isInteger(32)) {
        step.values.emplace_back(random.indices(shape[0], bound));
        continue;
      }
      DenseValue value = random.tensor(shape, scale);
      if (tensor.getElementType().isBF16())
        for (int64_t r = 0; r < shape[0]; ++r)
          for (int64_t c = 0; c < shape[1]; ++c) {
            double x = value.row(r)[c];
            // Exact in 8 bits, so that it is one of bf16.
            value.row(r)[c] = c < columns ? std::ldexp(std::nearbyint(std::ldexp(x, 5)), -5) : 0;
          }
      step.values.emplace_back(std::move(value));
    }
    return step;
  }

  /// Compares with the reference; then, bit by bit, tokens alone with tokens together, all
  /// entries with each other, and a result of its own with one in place.
  void check(const std::string &text, int64_t bound = 1, double scale = 1, double tolerance = 2e-6,
             int64_t columns = 1 << 30) {
    for (const char *chip : {"sm_80", "sm_90a"})
      check(chip, text, bound, scale, tolerance, columns);
  }
  void check(const char *chip, const std::string &text, int64_t bound, double scale, double tolerance,
             int64_t columns) {
    CudaKernel kernel(text, chip);
    for (int64_t tokens : {5, 1, 67, 130}) {
      SCOPED_TRACE(std::string(chip) + "\n" + text + "\ntokens " + std::to_string(tokens));
      Step step = randomStep(kernel, tokens, bound, scale, columns);
      kernel.choose(kernel.entries().size() - 1);
      auto result = kernel.run(step)[0];
      expectClose(result, kernel.evaluate(step)[0], tolerance);
      if (kernel.function().getInPlace())
        expectSameBits(kernel.run(step, /*inPlace=*/true)[0], result);
      for (size_t i = 0; i + 1 < kernel.entries().size(); ++i) {
        kernel.choose(i);
        expectSameBits(kernel.run(step)[0], result);
      }
      if (lm::getLeadingDim(kernel.function().getResultTypes()[0]) == "tokens")
        checkAlone(kernel, step, tokens - 1, result);
    }
  }

  void checkAlone(CudaKernel &kernel, const Step &step, int64_t token, const std::vector<float> &together) {
    Step alone = step;
    alone.dims[PLAIT_DIM_TOKENS] = 1;
    for (EvalValue &value : alone.values)
      if (const auto *tensor = std::any_cast<DenseValue>(&value))
        value = takeRows(*tensor, token, token + 1);
    kernel.choose(0);
    auto result = kernel.run(alone)[0];
    expectSameBits(result, std::vector<float>(together.end() - int64_t(result.size()), together.end()));
  }

  Random random;
};

} // namespace

TEST_F(CudaKernels, Elementwise) {
  for (int64_t columns : {1, 60, 192, 1030}) {
    std::string type = rowsOf(columns);
    check(kernelText("%a: " + type + ", %b: " + type, type, "%y = lm.add %a, %b : " + type));
  }
  std::string type = rowsOf(124);
  for (double scale : {1.0, 30.0}) {
    for (const char *kind : {"silu", "gelu_tanh"})
      check(kernelText("%x: " + type, type, std::string("%y = lm.activation ") + kind + " %x : " + type), 1, scale);
    check(kernelText("%x: " + type, type, "%y = lm.softcap %x cap 5.0 : " + type), 1, scale);
  }
  check(kernelText("%x: " + type, type, "%y = lm.scale %x by 7.483314773547883 : " + type));
  check(kernelText("%g: " + type + ", %u: " + type, type, "%y = lm.glu silu %g, %u : " + type));
}

TEST_F(CudaKernels, Norms) {
  for (int64_t columns : {6, 192, 1031}) {
    std::string type = rowsOf(columns), shape = std::to_string(columns);
    check(kernelText("%x: " + type + ", %pg: " + packedOf(shape), type,
                     unpack("g", shape) + "%y = lm.rms_norm %x, %g eps 1.0e-5 unit_offset : " + type + ", " +
                         weightOf(shape)));
    check(kernelText("%x: " + type + ", %pg: " + packedOf(shape) + ", %pb: " + packedOf(shape), type,
                     unpack("g", shape) + unpack("b", shape) + "%y = lm.layer_norm %x, %g, %b eps 1.0e-5 : " + type +
                         ", " + weightOf(shape) + ", " + weightOf(shape)));
  }
  // Seven heads, and a norm that is rounded and padded in one kernel.
  std::string type = rowsOf(7 * 32);
  check(kernelText("%x: " + type + ", %pg: " + packedOf("32"), type,
                   unpack("g", "32") + "%y = lm.rms_norm %x, %g eps 1.0e-5 : " + type + ", " + weightOf("32")));
  check(kernelText("%x: " + type + ", %pg: " + packedOf("224"), rowsOf(288, "bf16"),
                   unpack("g", "224") + "%n = lm.rms_norm %x, %g eps 1.0e-5 : " + type + ", " + weightOf("224") +
                       "\n%y = lm.round %n to 288 : " + type),
        1, 1, /*tolerance=*/0x1p-8);
}

TEST_F(CudaKernels, Rows) {
  std::string type = rowsOf(62);
  check(kernelText("%i: " + tokensI32 + ", %pw: " + packedOf("50x62"), type,
                   unpack("w", "50x62") + "%y = lm.embed %i, %w : " + tokensI32 + ", " + weightOf("50x62")),
        50);
  check(kernelText("%i: " + tokensI32 + ", %pw: " + packedOf("20x62"), type,
                   unpack("w", "20x62") + "%y = lm.embed %i, %w {first = 15 : i64} : " + tokensI32 + ", " +
                       weightOf("20x62")),
        50);
  check(kernelText("%x: " + rowsOf(70), type, "%y = lm.slice_columns %x 5 size 62 : " + rowsOf(70)));
  check(kernelText("%x: " + type + ", %i: " + leavesI32, rowsOf(62, "f32", "leaves"),
                   "%y = lm.take_rows %x, %i : " + type + ", " + leavesI32));
  for (int64_t columns : {62, 64, 7})
    check(kernelText("%a: " + rowsOf(columns) + ", %b: " + rowsOf(columns) + ", %c: " + rowsOf(columns),
                     rowsOf(3 * columns),
                     "%y = decode.join_hidden %a, %b, %c : " + rowsOf(columns) + ", " + rowsOf(columns) + ", " +
                         rowsOf(columns)));
}

TEST_F(CudaKernels, Rope) {
  for (const char *rest : {"", " rotary_dim 12", " interleaved", " rotary_dim 12 interleaved"}) {
    std::string type = rowsOf(3 * 20);
    check(kernelText("%x: " + type + ", %p: " + tokensI32, type,
                     std::string("%y = lm.rope %x, %p head_dim 20 theta 10000.0") + rest + " : " + type + ", " +
                         tokensI32),
          /*bound=*/100000);
  }
}

TEST_F(CudaKernels, Linear) {
  for (auto [rows, columns] : {std::pair<int64_t, int64_t>{64, 64}, {8, 8}, {100, 200}, {192, 520}}) {
    std::string shape = std::to_string(rows) + "x" + std::to_string(columns), bias = std::to_string(rows);
    std::string input = rowsOf(columns + 24, "bf16"), type = rowsOf(rows);
    std::string product = unpack("w", shape) + unpack("b", bias) + "%z = lm.linear %x, %w bias %b : " + input + ", " +
                          weightOf(shape) + ", " + weightOf(bias) + "\n";
    check(kernelText("%x: " + input + ", %pw: " + packedOf(shape) + ", %pb: " + packedOf(bias), type,
                     product + "%y = lm.activation silu %z : " + type),
          1, 1, 2e-5, columns);
  }
}

TEST_F(CudaKernels, GatedAndResidual) {
  std::string input = rowsOf(160, "bf16"), type = rowsOf(72), shape = "72x136";
  std::string of = " : " + input + ", " + weightOf(shape) + "\n";
  check(kernelText("%x: " + input + ", %pw: " + packedOf(shape) + ", %pv: " + packedOf(shape), type,
                   unpack("w", shape) + "%g = lm.linear %x, %w" + of + unpack("v", shape) + "%u = lm.linear %x, %v" +
                       of + "%y = lm.glu silu %g, %u : " + type),
        1, 1, 2e-5, 136);
  check(kernelText("%h: " + type + ", %x: " + input + ", %pw: " + packedOf(shape), type,
                   unpack("w", shape) + "%u = lm.linear %x, %w" + of + "%y = lm.add %h, %u : " + type),
        1, 1, 2e-5, 136);
}
