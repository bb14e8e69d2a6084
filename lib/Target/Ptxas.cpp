//===- Ptxas.cpp - From PTX to cubins -------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Target/Ptx.h"

#include "runtime/base/File.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Regex.h"

#include <cstdlib>

using namespace plait;

static Expected<std::string> findPtxas() {
  if (auto found = llvm::sys::findProgramByName("ptxas"))
    return *found;
  const char *home = std::getenv("CUDA_HOME");
  std::string folder = std::string(home ? home : "/usr/local/cuda") + "/bin";
  if (auto found = llvm::sys::findProgramByName("ptxas", llvm::StringRef(folder)))
    return *found;
  return notFound("ptxas: found none on PATH or in " + folder +
                  "; expected that of CUDA 13.0 or later; install a CUDA toolkit, or use --stop-after=ptx");
}

Status plait::readPtxasLog(const std::string &log, Cubin &cubin) {
  // ptxas info    : Function properties for NAME
  //     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
  // ptxas info    : Used 24 registers, used 1 barriers, 16 bytes smem
  static const llvm::Regex properties("Function properties for ([A-Za-z0-9_$]+)"),
      memory("([0-9]+) bytes stack frame, ([0-9]+) bytes spill stores, ([0-9]+) bytes spill loads"),
      used("Used ([0-9]+) registers"), shared("([0-9]+) bytes smem");
  llvm::SmallVector<llvm::StringRef> lines, matches;
  llvm::StringRef(log).split(lines, '\n', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  KernelResources *entry = nullptr;
  auto number = [](llvm::StringRef digits) {
    int64_t value = 0;
    digits.getAsInteger(10, value);
    return value;
  };
  for (llvm::StringRef line : lines) {
    if (properties.match(line, &matches)) {
      entry = &cubin.entries.emplace_back();
      entry->entry = matches[1].str();
    } else if (entry && memory.match(line, &matches)) {
      entry->stack = number(matches[1]);
      entry->spillStores = number(matches[2]);
      entry->spillLoads = number(matches[3]);
    } else if (entry && used.match(line, &matches)) {
      entry->registers = number(matches[1]);
      if (shared.match(line, &matches))
        entry->shared = number(matches[1]);
    } else if (line.contains("warning") || line.contains("Potential Performance Loss")) {
      cubin.warnings.push_back(line.trim().str());
    }
  }
  for (const KernelResources &found : cubin.entries)
    if (!found.registers)
      return internalError("ptxas: found no line \"Used N registers\" for " + found.entry +
                           "; expected the output of ptxas -v of CUDA 13");
  llvm::sort(cubin.entries, [](const auto &a, const auto &b) { return a.entry < b.entry; });
  return Status::success();
}

Expected<Cubin> plait::assemblePtx(const std::string &ptx, const std::string &chip) {
  PLAIT_ASSIGN_OR_RETURN(std::string ptxas, findPtxas());
  llvm::SmallString<128> folder;
  if (std::error_code error = llvm::sys::fs::createUniqueDirectory("plait-ptxas", folder))
    return resourceError("ptxas: no temporary folder: " + error.message());
  auto in = [&](llvm::StringRef name) { return (folder + "/" + name).str(); };
  std::string input = in("kernel.ptx"), output = in("kernel.cubin"), log = in("log");
  auto run = [&]() -> Expected<Cubin> {
    PLAIT_RETURN_IF_ERROR(writeFileAtomic(input, ptx));
    std::string arch = "-arch=" + chip, error;
    llvm::StringRef arguments[] = {ptxas, "-v", arch, input, "-o", output};
    std::optional<llvm::StringRef> redirects[] = {"", llvm::StringRef(log), llvm::StringRef(log)};
    int rc = llvm::sys::ExecuteAndWait(ptxas, arguments, std::nullopt, redirects, 0, 0, &error);
    std::string text;
    if (auto buffer = llvm::MemoryBuffer::getFile(log))
      text = (*buffer)->getBuffer().str();
    if (rc != 0)
      return internalError("ptxas failed (" + std::to_string(rc) + "): " + error + llvm::StringRef(text).trim().str());
    Cubin cubin;
    PLAIT_RETURN_IF_ERROR(readPtxasLog(text, cubin));
    auto bytes = llvm::MemoryBuffer::getFile(output, /*IsText=*/false, /*RequiresNullTerminator=*/false);
    if (!bytes)
      return internalError("ptxas: found no " + output + "; expected it to be written");
    cubin.bytes = (*bytes)->getBuffer().str();
    return cubin;
  };
  Expected<Cubin> result = run();
  llvm::sys::fs::remove_directories(folder);
  return result;
}
