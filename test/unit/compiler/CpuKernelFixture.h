//===- CpuKernelFixture.h - Runs single CPU kernels -------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles a kernel.func for this machine, calls it on buffers between
// sentinels, and evaluates its ops by the reference semantics.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_COMPILER_CPUKERNELFIXTURE_H
#define PLAIT_TEST_UNIT_COMPILER_CPUKERNELFIXTURE_H

#include "passes/CPU/CpuKernels.h"
#include "plait-abi/Model.h"

#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Target/TargetMachine.h"
#include "gtest/gtest.h"

#include <memory>
#include <random>
#include <string>
#include <vector>

namespace plait::test {

/// Memory between sentinels.
class Guarded {
public:
  explicit Guarded(size_t bytes);
  template <typename T> explicit Guarded(const std::vector<T> &values) : Guarded(values.size() * sizeof(T)) {
    std::copy(values.begin(), values.end(), static_cast<T *>(data()));
  }
  void *data() { return bytes.data() + guard; }
  size_t size() const { return bytes.size() - 2 * guard; }
  template <typename T> std::vector<T> values() {
    return std::vector<T>(static_cast<T *>(data()), static_cast<T *>(data()) + size() / sizeof(T));
  }
  bool intact() const;

private:
  static constexpr size_t guard = 256;
  std::vector<uint8_t> bytes;
};

/// The step that a kernel is run for. `values` holds one value per argument of
/// the kernel; a state among them is the reference's, `pages` is the kernel's.
struct Step {
  std::vector<EvalValue> values;
  int64_t dims[PLAIT_DIM_COUNT] = {};
  std::vector<int32_t> pageTable; ///< [rows][pages]
  void *pages = nullptr;
};

/// A kernel compiled for this machine.
class CpuKernel {
public:
  /// `text` holds one kernel.func.
  CpuKernel(const std::string &text, CpuTarget target);
  /// The same, but its code is what `emit` writes instead of its op's.
  CpuKernel(const std::string &text, CpuTarget target,
            llvm::function_ref<void(CpuKernelEmitter &, kernel::FuncOp)> emit);
  virtual ~CpuKernel();

  /// Every result's bytes; checks sentinels. `inPlace`: result 0 over argument 0.
  /// `threads`: how many calls share the tiles.
  std::vector<std::vector<float>> run(const Step &step, bool inPlace = false, int threads = 1);
  /// Reference values of the kernel's results that are tensors.
  std::vector<DenseValue> evaluate(const Step &step);
  kernel::FuncOp function() { return kernelOp; }
  const CpuTiles &tiles() const { return division; }

protected:
  /// For kernels of other targets, which `parse` and make an engine by themselves.
  CpuKernel() = default;
  void parse(const std::string &text, bool isFast = false);
  /// Computes all tiles, shared out among `threads` calls.
  virtual void call(const std::vector<void *> &buffers, const Step &step, int threads);
  /// Of the buffers that are passed to `call`; 0: unknown.
  std::vector<size_t> bufferSizes;

  MLIRContext context;
  OwningOpRef<ModuleOp> module, code;
  kernel::FuncOp kernelOp;
  std::unique_ptr<ExecutionEngine> engine;

private:
  void compile(ModuleOp module, StringRef name);

  CpuTiles division;
  plait_kernel_fn_v1 entry = nullptr;
};

/// Tiles that run everywhere, and all that run here.
CpuTarget emulatedTiles();
std::vector<CpuTarget> tileTargets();
/// The same for products of pairs of bf16 in vectors.
std::vector<CpuTarget> pairTargets();
/// The same for products of bytes, of programs whose numerics is `fast`.
std::vector<CpuTarget> byteTargets();
/// "Emulated" or "Amx"
std::string unitName(const CpuTarget &target);

/// An object for the processor `cpu` of a module of kernel.funcs; the names of
/// its undefined symbols.
std::vector<std::string> undefinedSymbols(const std::string &text, CpuTarget target, StringRef cpu);

/// Random numbers, the same in every run.
class Random {
public:
  float normal() { return distribution(engine); }
  std::vector<double> normals(int64_t count, double scale = 1);
  DenseValue tensor(std::vector<int64_t> shape, double scale = 1);
  /// Numbers that 16-bit integers with a scale per `group` columns stand for.
  DenseValue int16(int64_t rows, int64_t columns, int64_t group);
  /// Rounded to the weight's format.
  WeightValue weight(lm::WeightType type, double scale = 1);
  DenseValue indices(int64_t count, int64_t bound);

private:
  std::mt19937 engine{7};
  std::normal_distribution<float> distribution;
};

/// Rows [begin, end) of a tensor.
DenseValue takeRows(const DenseValue &tensor, int64_t begin, int64_t end);

/// max|actual - expected| / max|expected| is at most `tolerance`.
void expectClose(const std::vector<float> &actual, const DenseValue &expected, double tolerance = 2e-6);
void expectSameBits(const std::vector<float> &actual, const std::vector<float> &expected);

} // namespace plait::test

#endif // PLAIT_TEST_UNIT_COMPILER_CPUKERNELFIXTURE_H
