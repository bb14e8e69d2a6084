//===- CudaKernelFixture.cpp - Runs CUDA kernels without a GPU ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaKernelFixture.h"

#include "CudaHostCode.h"
#include "HostEngine.h"
#include "test/unit/cuda/GpuModel.h"

#include "passes/CUDA/Passes.h"

using namespace plait;
using namespace plait::test;

CudaKernel::CudaKernel(const std::string &text, const std::string &chip) {
  parse(text);
  PassManager pm(&context, ModuleOp::getOperationName());
  buildCudaPipeline(pm, {.chip = chip});
  if (failed(pm.run(*code)))
    llvm::report_fatal_error("a pass failed");
  auto table = *code->getOps<rt::ModelOp>().begin();
  llvm::append_range(all, (*table.getOps<rt::KernelOp>().begin()).getEntriesAttr().getAsRange<rt::EntryAttr>());
  auto kernels = *code->getOps<gpu::GPUModuleOp>().begin();
  cases.begin(kernels, chip);
  code = makeHostCode(kernels);
  engine = makeHostEngine(*code);
}

void CudaKernel::call(const std::vector<void *> &buffers, const Step &step, int) {
  rt::EntryAttr entry = all[chosen];
  std::vector<void *> values = buffers;
  values.push_back(const_cast<int64_t *>(step.dims));
  std::vector<ModelTensorMap> maps;
  for (rt::TensorMapAttr map : entry.getMaps()) {
    // Buffers hold the rows of the step.
    int64_t rows = map.getRows() ? map.getRows() : step.dims[entry.getGrid()[0].getDim()];
    maps.push_back({kTensorMapMagic, static_cast<const uint8_t *>(buffers[size_t(map.getBuffer())]),
                    uint64_t(map.getColumns()), uint64_t(rows), 2 * uint64_t(map.getColumns()), 64,
                    uint32_t(map.getBox())});
  }
  for (ModelTensorMap &map : maps)
    values.push_back(&map);
  std::vector<void *> arguments;
  for (void *&value : values)
    arguments.push_back(&value);
  std::vector<std::vector<uint8_t>> before;
  bool isCase = cases.areWanted() && chosen + 1 == all.size();
  for (size_t i = 0; isCase && i < buffers.size(); ++i) {
    auto *bytes = static_cast<const uint8_t *>(buffers[i]);
    before.emplace_back(bytes, bytes + bufferSizes[i]);
  }
  int64_t blocks = 0;
  for (rt::TilesAttr tiles : entry.getGrid())
    blocks += tiles.getCount() *
              (tiles.getDim() < 0 ? 1 : llvm::divideCeilSigned(step.dims[tiles.getDim()], tiles.getBlock()));
  // One block more than there are tiles, which does nothing: so it is if a launch is repeated for fewer tokens.
  runGrid(llvm::cantFail(engine->lookupPacked(entry.getName())), arguments.data(), blocks + 1,
          size_t(entry.getThreads()), size_t(entry.getShared()));
  if (isCase)
    cases.add(kernelOp, all, step.dims, before, buffers);
}
