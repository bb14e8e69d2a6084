//===- CpuFusionTest.cpp - Kernels of several ops -------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel of several ops gives the bits that its ops give one by one, each in a
// kernel of its own, and what the reference evaluation says.
//
//===----------------------------------------------------------------------===//

#include "CpuKernelFixture.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/Support/raw_ostream.h"

using namespace plait;
using namespace plait::test;

namespace {

const std::string positions = "tensor<?xi32, #lm.dims<tokens>>";
std::string rowsOf(int64_t columns) { return "tensor<?x" + std::to_string(columns) + "xf32, #lm.dims<tokens>>"; }
std::string weightOf(int64_t rows, int64_t cols, const std::string &format) {
  return "!lm.weight<" + (rows ? std::to_string(rows) + "x" : "") + std::to_string(cols) + ", #lm." + format + ">";
}
/// In panels if it is a matrix.
std::string packedOf(int64_t rows, int64_t cols, const std::string &format) {
  return "!kernel.packed<" + weightOf(rows, cols, format) +
         (rows ? ", panel = 32, group = " + std::string(format == "bf16" ? "2" : "1") : ", panel = 0, group = 1") + ">";
}
std::string unpack(const std::string &name, int64_t rows, int64_t cols, const std::string &format) {
  return "%" + name + " = kernel.unpack %p" + name + " : " + packedOf(rows, cols, format) + " -> " +
         weightOf(rows, cols, format) + "\n";
}
std::string argument(const std::string &name, int64_t rows, int64_t cols, const std::string &format) {
  return "%p" + name + ": " + packedOf(rows, cols, format);
}
std::string linear(const std::string &result, const std::string &input, const std::string &weight, int64_t rows,
                   int64_t cols, const std::string &format) {
  return "%" + result + " = lm.linear %" + input + ", %" + weight + " : " + rowsOf(cols) + ", " +
         weightOf(rows, cols, format) + "\n";
}
std::string kernelText(const std::string &arguments, const std::string &body, const std::string &results,
                       const std::string &types) {
  return "kernel.func @k(" + arguments + ") -> (" + types +
         ") attributes {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, "
         "0, 0, 0]>} {\n" +
         body + "kernel.return " + results + " : " + types + "\n}\n";
}

/// A kernel @k of `op` alone.
std::string textOf(Operation *op) {
  SmallVector<Value> inputs;
  for (Value operand : op->getOperands()) {
    auto unpack = operand.getDefiningOp<kernel::UnpackOp>();
    Value input = unpack ? unpack.getPacked() : operand;
    if (!llvm::is_contained(inputs, input))
      inputs.push_back(input);
  }
  OpBuilder b(op->getContext());
  auto type = b.getFunctionType(ValueRange(inputs).getTypes(), op->getResultTypes());
  OwningOpRef<kernel::FuncOp> func =
      kernel::FuncOp::create(b, op->getLoc(), "k", type, kernel::getCostAttr(op->getContext(), {}), DenseI64ArrayAttr(),
                             /*host=*/false, ArrayAttr(), ArrayAttr());
  Block *body =
      b.createBlock(&func->getBody(), {}, type.getInputs(), SmallVector<Location>(inputs.size(), op->getLoc()));
  IRMapping mapping;
  mapping.map(inputs, body->getArguments());
  for (Value operand : op->getOperands())
    if (auto unpack = operand.getDefiningOp<kernel::UnpackOp>(); unpack && !mapping.contains(operand))
      b.clone(*unpack, mapping);
  kernel::ReturnOp::create(b, op->getLoc(), b.clone(*op, mapping)->getResults());
  std::string text;
  llvm::raw_string_ostream stream(text);
  func->print(stream, OpPrintingFlags().useLocalScope());
  return text;
}

class CpuFusion : public testing::TestWithParam<CpuTarget> {
protected:
  Step randomStep(CpuKernel &kernel, int64_t tokens) {
    Step step;
    step.dims[PLAIT_DIM_TOKENS] = tokens;
    for (Type type : kernel.function().getArgumentTypes()) {
      if (auto packed = dyn_cast<kernel::PackedType>(type)) {
        step.values.emplace_back(random.weight(packed.getWeight(), 0.2));
        continue;
      }
      auto tensor = cast<RankedTensorType>(type);
      if (tensor.getElementType().isF32())
        step.values.emplace_back(random.tensor({tokens, tensor.getDimSize(1)}));
      else
        step.values.emplace_back(random.indices(tokens, 50));
    }
    return step;
  }

  /// What the kernel returns, computed op by op.
  std::vector<std::vector<float>> runOneByOne(CpuKernel &kernel, const Step &step) {
    llvm::DenseMap<Value, EvalValue> values;
    llvm::DenseMap<Value, std::vector<float>> bits;
    for (auto [argument, value] : llvm::zip_equal(kernel.function().getArguments(), step.values))
      values[argument] = value;
    for (Operation *op : kernel.function().getComputeOps()) {
      CpuKernel alone(textOf(op), GetParam());
      Step own = step;
      own.values.clear();
      llvm::SmallPtrSet<void *, 4> seen;
      for (Value operand : op->getOperands()) {
        auto unpack = operand.getDefiningOp<kernel::UnpackOp>();
        Value input = unpack ? unpack.getPacked() : operand;
        if (seen.insert(input.getAsOpaquePointer()).second)
          own.values.push_back(values.at(input));
      }
      bits[op->getResult(0)] = alone.run(own)[0];
      DenseValue value = DenseValue::zeros(
          {step.dims[PLAIT_DIM_TOKENS], cast<RankedTensorType>(op->getResult(0).getType()).getDimSize(1)});
      llvm::copy(bits[op->getResult(0)], value.data.begin());
      values[op->getResult(0)] = value;
    }
    std::vector<std::vector<float>> results;
    for (Value result : kernel.function().getBody().front().getTerminator()->getOperands())
      results.push_back(bits.at(result));
    return results;
  }

  /// `inPlace`: result 0 may be written over argument 0.
  void check(const std::string &text, bool inPlace = false) {
    CpuKernel kernel(text, GetParam());
    for (int64_t tokens : {5, 1, 31}) {
      SCOPED_TRACE(text + "\ntokens " + std::to_string(tokens));
      Step step = randomStep(kernel, tokens);
      auto results = kernel.run(step), threaded = kernel.run(step, false, /*threads=*/3);
      auto expected = runOneByOne(kernel, step);
      auto evaluated = kernel.evaluate(step);
      ASSERT_EQ(results.size(), expected.size());
      for (size_t i = 0; i < results.size(); ++i) {
        SCOPED_TRACE("result " + std::to_string(i));
        expectSameBits(results[i], expected[i]);
        expectSameBits(threaded[i], expected[i]);
        expectClose(results[i], evaluated[i], 1e-5);
      }
      if (inPlace)
        expectSameBits(kernel.run(step, true)[0], expected[0]);
    }
  }

  Random random;
};

TEST_P(CpuFusion, Residual) {
  for (const char *format : {"f32", "bf16"})
    for (int64_t rows : {5, 64, 75}) { // less than a panel; whole panels; a tail
      std::string x = rowsOf(21), y = rowsOf(rows);
      check(kernelText("%h: " + y + ", %x: " + x + ", " + argument("w", rows, 21, format),
                       unpack("w", rows, 21, format) + linear("a", "x", "w", rows, 21, format) +
                           "%y = lm.add %h, %a : " + y + "\n",
                       "%y", y),
            /*inPlace=*/true);
    }
}

TEST_P(CpuFusion, ChainWithBias) {
  std::string x = rowsOf(20), y = rowsOf(40), u = y;
  check(
      kernelText("%u: " + u + ", %x: " + x + ", " + argument("w", 40, 20, "bf16") + ", " + argument("b", 0, 40, "f32"),
                 unpack("w", 40, 20, "bf16") + unpack("b", 0, 40, "f32") + "%a = lm.linear %x, %w bias %b : " + x +
                     ", " + weightOf(40, 20, "bf16") + ", " + weightOf(0, 40, "f32") +
                     "\n%c = lm.activation gelu_tanh %a : " + y + "\n%d = lm.scale %c by 1.5 : " + y +
                     "\n%e = lm.softcap %d cap 2.0 : " + y + "\n%y = lm.glu silu %e, %u : " + y + "\n",
                 "%y", y));
}

TEST_P(CpuFusion, Gated) {
  for (const char *format : {"f32", "bf16"})
    for (int64_t rows : {24, 130}) {
      std::string x = rowsOf(33), y = rowsOf(rows);
      check(kernelText("%x: " + x + ", " + argument("g", rows, 33, format) + ", " + argument("u", rows, 33, format),
                       unpack("g", rows, 33, format) + unpack("u", rows, 33, format) +
                           linear("a", "x", "g", rows, 33, format) + linear("b", "x", "u", rows, 33, format) +
                           "%y = lm.glu silu %a, %b : " + y + "\n",
                       "%y", y));
    }
}

TEST_P(CpuFusion, ProductsSideBySide) {
  std::string x = rowsOf(18), q = rowsOf(300), k = rowsOf(50), v = rowsOf(7);
  check(kernelText("%h: " + k + ", %x: " + x + ", " + argument("q", 300, 18, "bf16") + ", " +
                       argument("k", 50, 18, "bf16") + ", " + argument("v", 7, 18, "f32"),
                   unpack("q", 300, 18, "bf16") + unpack("k", 50, 18, "bf16") + unpack("v", 7, 18, "f32") +
                       linear("a", "x", "q", 300, 18, "bf16") + linear("b", "x", "k", 50, 18, "bf16") +
                       "%d = lm.add %h, %b : " + k + "\n" + linear("c", "x", "v", 7, 18, "f32"),
                   "%a, %d, %c", q + ", " + k + ", " + v));
}

TEST_P(CpuFusion, SumAndNorm) {
  for (int64_t columns : {5, 60, 128}) {
    std::string x = rowsOf(columns), gain = weightOf(0, columns, "bf16");
    check(kernelText("%h: " + x + ", %x: " + x + ", " + argument("g", 0, columns, "bf16"),
                     unpack("g", 0, columns, "bf16") + "%n = lm.rms_norm %x, %g eps 1.0e-5 : " + x + ", " + gain +
                         "\n%y = lm.add %h, %n : " + x + "\n%z = lm.layer_norm %y, %g, %g eps 1.0e-5 : " + x + ", " +
                         gain + ", " + gain + "\n",
                     "%y, %z", x + ", " + x),
          /*inPlace=*/true);
  }
}

// Two parts: what is made of the first columns, and of the last.
TEST_P(CpuFusion, RowsSideBySide) {
  std::string x = rowsOf(100), q = rowsOf(60), k = rowsOf(40), gain = weightOf(0, 20, "f32");
  std::string rope = " head_dim 20 theta 10000.0";
  check(kernelText("%x: " + x + ", %i: " + positions + ", " + argument("g", 0, 20, "f32"),
                   unpack("g", 0, 20, "f32") + "%a = lm.slice_columns %x 0 size 60 : " + x +
                       "\n%b = lm.slice_columns %x 60 size 40 : " + x + "\n%c = lm.rms_norm %a, %g eps 1.0e-5 : " + q +
                       ", " + gain + "\n%y = lm.rope %c, %i" + rope + " : " + q + ", " + positions +
                       "\n%z = lm.rope %b, %i" + rope + " rotary_dim 12 : " + k + ", " + positions + "\n",
                   "%y, %z", q + ", " + k));
}

TEST_P(CpuFusion, Embedding) {
  for (const char *format : {"f32", "bf16"}) {
    std::string x = rowsOf(21);
    check(kernelText("%i: " + positions + ", " + argument("t", 50, 21, format),
                     unpack("t", 50, 21, format) + "%a = lm.embed %i, %t : " + positions + ", " +
                         weightOf(50, 21, format) + "\n%y = lm.scale %a by 3.25 : " + x + "\n",
                     "%y", x));
  }
}

INSTANTIATE_TEST_SUITE_P(Lanes, CpuFusion,
                         testing::Values(CpuTarget{4, false}, CpuTarget{8, true}, CpuTarget{16, true}),
                         [](const auto &info) {
                           return std::to_string(info.param.lanes) + (info.param.fma ? "Fma" : "");
                         });

} // namespace
