//===- InspectKernels.cpp - What kernels take of a GPU --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/InspectKernels.h"

#include "runtime/core/Tables.h"
#include "tools/plait/TableText.h"

#include <fmt/format.h>

using namespace plait;

std::string plait::kernelsText(const plait_model_v4_t &m) {
  const plait_gpu_v1_t *gpu = gpuOf(m);
  std::string text = fmt::format("\nkernels ({})\n", m.kernel_count), host;
  int64_t entries = 0, spilling = 0, images = 0, bytes = 0;
  if (gpu)
    text += fmt::format("  {:<32}{:>10}{:>10}{:>10}{:>10}{:>10}\n", "function", "threads", "registers", "spills",
                        "stack", "shared");
  for (int32_t i = 0; i < m.kernel_count; ++i) {
    if (!gpu || !gpu->kernels[i].entry_count) {
      host += fmt::format("  {:<32} tiles {}\n", m.kernels[i].name, tilesText(m.kernels[i]));
      continue;
    }
    const plait_gpu_kernel_v1_t &kernel = gpu->kernels[i];
    ++images;
    bytes += int64_t(kernel.image_bytes);
    for (int32_t e = 0; e < kernel.entry_count; ++e) {
      const plait_entry_v1_t &entry = kernel.entries[e];
      text += fmt::format("  {:<32}{:>10}{:>10}{:>10}{:>10}{:>10}\n", entry.name, entry.threads, entry.registers,
                          entry.spill_bytes, entry.stack_bytes, entry.shared_bytes + entry.static_bytes);
      ++entries;
      spilling += entry.spill_bytes > 0;
    }
  }
  if (!gpu)
    return text + host;
  text += fmt::format("  {} functions of {} kernels for {}, {} with spills, {} of code\n", entries, images, gpu->chip,
                      spilling, bytesText(bytes));
  return host.empty() ? text : text + "on the host\n" + host;
}

Json plait::gpuKernelJson(const plait_model_v4_t &m, int32_t number) {
  const plait_gpu_v1_t *gpu = gpuOf(m);
  if (!gpu || !gpu->kernels[number].entry_count)
    return nullptr;
  const plait_gpu_kernel_v1_t &kernel = gpu->kernels[number];
  Json functions = Json::array();
  for (int32_t e = 0; e < kernel.entry_count; ++e) {
    const plait_entry_v1_t &entry = kernel.entries[e];
    functions.push_back({{"name", entry.name},
                         {"rows", entry.rows},
                         {"threads", entry.threads},
                         {"registers", entry.registers},
                         {"spill_bytes", entry.spill_bytes},
                         {"stack_bytes", entry.stack_bytes},
                         {"shared_bytes", entry.shared_bytes + entry.static_bytes},
                         {"tensor_maps", entry.map_count}});
  }
  return {{"chip", gpu->chip}, {"image_bytes", kernel.image_bytes}, {"functions", std::move(functions)}};
}
