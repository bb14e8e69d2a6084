//===- Program.cpp - A model's kernels and weights on a GPU ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cuda/Program.h"

#include "runtime/base/Progress.h"

#include <algorithm>
#include <cstring>

using namespace plait;
using namespace plait::cuda;

/// A block has as much dynamic shared memory without asking.
static constexpr int32_t kSharedWithoutAsking = 48 * 1024;
/// Of the two pieces that weights pass through on their way.
static constexpr uint64_t kPieceBytes = uint64_t(32) << 20;

Expected<std::shared_ptr<Program>> Program::load(std::shared_ptr<const Gpu> gpu, const plait_model_v4_t &model) {
  PLAIT_RETURN_IF_ERROR(gpu->enter());
  std::shared_ptr<Program> program(new Program(std::move(gpu), model));
  program->functions.resize(size_t(model.kernel_count));
  for (int32_t i = 0; i < model.kernel_count; ++i)
    if (model.gpu->kernels[i].entry_count)
      PLAIT_RETURN_IF_ERROR(program->loadKernel(i));
  return program;
}

Status Program::loadKernel(int32_t kernel) {
  const Driver &cuda = device->driver();
  const plait_gpu_kernel_v1_t &code = tables.gpu->kernels[kernel];
  std::string name = std::string("kernel ") + tables.kernels[kernel].name;
  Module module = nullptr;
  PLAIT_RETURN_IF_ERROR(cuda.check(cuda->moduleLoadData(&module, code.image), "cuModuleLoadData", name.c_str()));
  modules.push_back(module);
  for (int32_t i = 0; i < code.entry_count; ++i) {
    const plait_entry_v1_t &entry = code.entries[i];
    Function function = nullptr;
    PLAIT_RETURN_IF_ERROR(
        cuda.check(cuda->moduleGetFunction(&function, module, entry.name), "cuModuleGetFunction", entry.name));
    if (entry.shared_bytes + entry.static_bytes > kSharedWithoutAsking)
      PLAIT_RETURN_IF_ERROR(cuda.check(cuda->functionSetAttribute(function, kMaxDynamicShared, entry.shared_bytes),
                                       "cuFuncSetAttribute", entry.name));
    functions[size_t(kernel)].push_back(function);
  }
  return Status::success();
}

Program::~Program() {
  if (device->enter())
    for (Module module : modules)
      (void)device->driver()->moduleUnload(module);
}

void Program::noteExchange(std::string how) {
  std::lock_guard<std::mutex> lock(mutex);
  exchanges = std::move(how);
}

std::string Program::exchange() const {
  std::lock_guard<std::mutex> lock(mutex);
  return exchanges;
}

uint64_t Program::weightBytes() const {
  std::lock_guard<std::mutex> lock(mutex);
  return pack.size();
}

Status Program::loadWeights(const uint8_t *from, Progress *progress) {
  std::lock_guard<std::mutex> lock(mutex);
  if (pack.size() || !tables.pack_bytes)
    return Status::success();
  PLAIT_ASSIGN_OR_RETURN(pack, device->allocate(tables.pack_bytes, "weights"));
  if (progress)
    progress->begin("copying weights to the GPU", tables.pack_bytes);
  Status copied = copyWeights(from, progress);
  if (progress)
    progress->end();
  if (!copied)
    pack = DeviceMemory(); // another try begins anew
  return copied;
}

namespace {
/// A pinned piece, and the event that says that it has been copied.
struct Piece {
  PinnedMemory memory;
  Event copied = nullptr;
};
} // namespace

Status Program::copyWeights(const uint8_t *from, Progress *progress) {
  const Driver &cuda = device->driver();
  Stream stream = nullptr;
  Piece pieces[2];
  auto run = [&]() -> Status {
    PLAIT_RETURN_IF_ERROR(device->enter());
    PLAIT_RETURN_IF_ERROR(cuda.check(cuda->streamCreate(&stream, kNonBlocking), "cuStreamCreate", "weights"));
    for (Piece &piece : pieces) {
      PLAIT_ASSIGN_OR_RETURN(piece.memory,
                             device->allocatePinned(std::min(kPieceBytes, tables.pack_bytes), "pieces of weights"));
      PLAIT_RETURN_IF_ERROR(cuda.check(cuda->eventCreate(&piece.copied, kNoTiming), "cuEventCreate", "weights"));
    }
    // While one piece is on its way the other one is filled.
    uint64_t count = 0;
    for (uint64_t offset = 0; offset < tables.pack_bytes; offset += kPieceBytes, ++count) {
      Piece &piece = pieces[count % 2];
      uint64_t bytes = std::min(kPieceBytes, tables.pack_bytes - offset);
      if (count > 1)
        PLAIT_RETURN_IF_ERROR(cuda.check(cuda->eventSynchronize(piece.copied), "cuEventSynchronize", "weights"));
      std::memcpy(piece.memory.address(), from + offset, bytes);
      PLAIT_RETURN_IF_ERROR(
          cuda.check(cuda->copyToDevice(pack.address() + offset, piece.memory.address(), bytes, stream),
                     "cuMemcpyHtoDAsync", "weights"));
      PLAIT_RETURN_IF_ERROR(cuda.check(cuda->eventRecord(piece.copied, stream), "cuEventRecord", "weights"));
      if (progress)
        progress->advance(bytes);
    }
    return cuda.check(cuda->streamSynchronize(stream), "cuStreamSynchronize", "weights");
  };
  Status status = run();
  for (Piece &piece : pieces)
    if (piece.copied)
      (void)cuda->eventDestroy(piece.copied);
  if (stream) {
    (void)cuda->streamSynchronize(stream); // pieces are freed after this
    (void)cuda->streamDestroy(stream);
  }
  return status;
}
