//===- CudaCases.cpp - Kernels and their results, for a machine with a GPU ===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaCases.h"

#include "dialects/Decode/Decode.h"
#include "plait/Target/Ptx.h"
#include "runtime/base/File.h"
#include "runtime/base/Json.h"
#include "runtime/base/Safetensors.h"

#include "llvm/Support/ErrorHandling.h"

#include <cstdlib>

using namespace plait;
using namespace plait::test;

static void check(const Status &status) {
  if (!status)
    llvm::report_fatal_error(llvm::StringRef(status.message()));
}

void CudaCases::begin(mlir::gpu::GPUModuleOp code, const std::string &chip) {
  const char *folder = std::getenv("PLAIT_GPU_CASES");
  if (!folder || !*folder || chip != "sm_90a")
    return;
  static int number = 0;
  stem = std::string(folder) + "/" + std::to_string(number++);
  auto ptx = compileToPtx(code);
  check(ptx.status());
  auto cubin = assemblePtx(*ptx, chip);
  check(cubin.status());
  check(writeFileAtomic(stem + ".cubin", cubin->bytes));
}

void CudaCases::add(kernel::FuncOp kernel, ArrayRef<rt::EntryAttr> all, const int64_t *dims,
                    const std::vector<std::vector<uint8_t>> &before, const std::vector<void *> &after) {
  for (const std::vector<uint8_t> &buffer : before)
    if (buffer.empty())
      return;
  Json entries = Json::array(), results = Json::array();
  for (rt::EntryAttr entry : all) {
    Json grids = Json::array(), maps = Json::array();
    for (rt::TilesAttr tiles : entry.getGrid())
      grids.push_back({tiles.getCount(), tiles.getDim(), tiles.getBlock()});
    for (rt::TensorMapAttr map : entry.getMaps())
      maps.push_back({map.getBuffer(), map.getRows(), map.getColumns(), map.getBox()});
    entries.push_back({{"name", entry.getName().str()},
                       {"threads", entry.getThreads()},
                       {"shared", entry.getShared()},
                       {"grids", std::move(grids)},
                       {"maps", std::move(maps)}});
  }
  bool isProduct =
      llvm::any_of(kernel.getComputeOps(), [](Operation *op) { return op->hasTrait<lm::WeightProduct>(); });
  // Whose bits are those of every target.
  bool isExact =
      llvm::all_of(kernel.getComputeOps(), [](Operation *op) { return isa<decode::DecodeDialect>(op->getDialect()); });
  std::string ops;
  for (Operation *op : kernel.getComputeOps())
    ops += (ops.empty() ? "" : ", ") + op->getName().getStringRef().str();
  size_t first = before.size() - kernel.getNumResults();
  for (unsigned i = 0; i < kernel.getNumResults(); ++i)
    results.push_back({first + i, getElementTypeOrSelf(kernel.getResultTypes()[i]).isBF16() ? "bf16" : "f32"});
  Json description = {{"ops", ops},
                      {"dims", std::vector<int64_t>(dims, dims + PLAIT_DIM_COUNT)},
                      {"entries", std::move(entries)},
                      {"results", std::move(results)},
                      {"tolerance", isProduct ? 5e-5
                                    : isExact ? 0
                                              : 5e-6}};
  std::vector<TensorToWrite> tensors;
  for (size_t i = 0; i < before.size(); ++i) {
    int64_t bytes = int64_t(before[i].size());
    tensors.push_back({"before." + std::to_string(i), plait::TensorType::u8, {bytes}, before[i]});
    if (i >= first)
      tensors.push_back({"after." + std::to_string(i),
                         plait::TensorType::u8,
                         {bytes},
                         std::span(static_cast<const uint8_t *>(after[i]), size_t(bytes))});
  }
  check(writeSafetensors(stem + "-" + std::to_string(count++) + ".safetensors", tensors,
                         {{"case", description.dump()}, {"cubin", stem.substr(stem.rfind('/') + 1) + ".cubin"}}));
}
