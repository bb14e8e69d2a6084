//===- FakeDriver.cpp - A CUDA driver without a GPU -----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/cuda/FakeDriver.h"

#include "plait-abi/Model.h"
#include "runtime/device/cuda/Driver.h"
#include "test/unit/cuda/FakeStreams.h"
#include "test/unit/cuda/GpuModel.h"

#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <thread>

#include <dlfcn.h>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace plait;
using namespace plait::cuda;
using namespace plait::test;

namespace plait::cuda {
/// Done one after the other; a graph has such a list, too. What is not ready is called again.
using Work = std::vector<std::function<Result()>>;

struct StreamHandle {
  std::deque<std::function<Result()>> waiting;
  bool isCapturing = false;
  Work captured;
};
struct EventHandle {
  StreamHandle *stream = nullptr;
  bool passed = true;
};
struct ModuleHandle {
  std::string image; ///< of a cubin
  const void *demo = nullptr;
  void *library = nullptr;
  int file = -1; ///< kept open: the loader knows the library by this number
  std::vector<std::unique_ptr<FunctionHandle>> functions;
};
struct FunctionHandle {
  ModuleHandle *module;
  std::string name;
  void (*packed)(void **) = nullptr;
  int sharedLimit = 48 * 1024;
};
struct GraphHandle {
  Work work;
};
struct GraphExecHandle {
  Work work;
};
struct ContextHandle {};
} // namespace plait::cuda

namespace {

/// As demo_model.c has it.
struct DemoImage {
  char magic[8];
  plait_kernel_fn_v1 run;
  int64_t buffers;
};

constexpr Result kInvalidValue = 1, kNotFound = 500, kInvalidContext = 201;

FakeCuda fake;
std::recursive_mutex mutex;
std::map<uintptr_t, size_t> memories; ///< of the GPU, by address
ContextHandle context;
thread_local Context current = nullptr;
Result sticky = kSuccess; ///< after a kernel has failed everything does

/// What every call begins with: counts, and fails if it is to.
Result begin(const char *name, bool needsContext = true) {
  ++fake.calls[name];
  if (fake.failing == name && fake.failAfter-- == 0)
    return fake.failCode;
  if (needsContext && !current)
    return kInvalidContext;
  return needsContext ? sticky : kSuccess;
}

bool isInside(Address address, size_t bytes) {
  auto found = memories.upper_bound(uintptr_t(address));
  if (found == memories.begin())
    return false;
  --found;
  return address + bytes <= found->first + found->second;
}

void *at(Address address) { return reinterpret_cast<void *>(address); }

Result enqueue(Stream stream, std::function<Result()> work) {
  if (stream->isCapturing)
    stream->captured.push_back(std::move(work));
  else
    stream->waiting.push_back(std::move(work));
  return kSuccess;
}

std::vector<StreamHandle *> streams;
std::mt19937_64 order; ///< of turns of streams and blocks

/// A turn for the stream, which has something to do, or for any that has. kNotReady: it waits for another one.
Result turn(StreamHandle *stream) {
  while (fake.isConcurrent) {
    stream = streams[order() % streams.size()];
    if (!stream->waiting.empty())
      break;
  }
  Result result = stream->waiting.front()();
  if (result == kNotReady)
    return kNotReady;
  stream->waiting.pop_front();
  if (result != kSuccess && sticky == kSuccess)
    sticky = result;
  return sticky;
}

Result drain(StreamHandle *stream) {
  while (!stream->waiting.empty())
    if (turn(stream) == kNotReady && !fake.isConcurrent) // another thread's is to go on
      return kNotReady;
  return sticky;
}

void drainAll() {
  for (StreamHandle *stream : streams)
    drain(stream);
}

void ignoreNonfinite(void *, int64_t) {}
const plait_imports_v1_t imports = {sizeof(plait_imports_v1_t), ignoreNonfinite};

/// A launch that has been put into a stream, with the values of its parameters.
struct Launch {
  Function function;
  FakeLaunch description;
  std::vector<std::vector<uint64_t>> values;
  std::vector<void *> arguments;
  std::unique_ptr<ModelGrid> running;
};

Result runKernel(Launch &launch) {
  Function function = launch.function;
  const FakeLaunch &description = launch.description;
  if (launch.running)
    return launch.running->run(order) ? kNotReady : kSuccess;
  fake.launches.push_back(description);
  if (function->name == fake.failingKernel)
    return fake.kernelCode;
  if (function->name == fake.losingKernel && fake.loseAfter-- == 0)
    return kSuccess;
  for (std::vector<uint64_t> &value : launch.values)
    launch.arguments.push_back(value.data());
  if (const auto *demo = static_cast<const DemoImage *>(function->module->demo)) {
    plait_context_v1_t none = {sizeof(plait_context_v1_t), nullptr, &imports};
    std::vector<void *> buffers;
    for (int64_t i = 0; i < demo->buffers; ++i)
      buffers.push_back(at(launch.values[size_t(i)][0]));
    demo->run(&none, buffers.data(), static_cast<const int64_t *>(at(launch.values[size_t(demo->buffers)][0])), 0,
              description.blocks, 1);
  } else if (function->packed && fake.isConcurrent) {
    launch.running = std::make_unique<ModelGrid>(ModelLaunch{
        function->packed, launch.arguments.data(), description.blocks, description.threads, description.sharedBytes});
    return kNotReady;
  } else if (function->packed) {
    // A block more than were asked for does nothing: so it is if a graph is launched for fewer tokens.
    runGrid(function->packed, launch.arguments.data(), int64_t(description.blocks) + 1, description.threads,
            description.sharedBytes);
  }
  return kSuccess;
}

/// Bytes of each parameter of a function, 0 of an address of the GPU's memory. Those of a cubin are not looked at.
std::vector<int64_t> parametersOf(Function function) {
  if (const auto *demo = static_cast<const DemoImage *>(function->module->demo))
    return std::vector<int64_t>(size_t(demo->buffers) + 1, 0);
  if (!function->packed)
    return {};
  auto *sizes =
      static_cast<const int64_t *>(dlsym(function->module->library, ("plait_parameters_" + function->name).c_str()));
  return {sizes + 1, sizes + 1 + sizes[0]};
}

size_t elfBytes(const void *image) {
  const auto *header = static_cast<const Elf64_Ehdr *>(image);
  return header->e_shoff + size_t(header->e_shnum) * header->e_shentsize;
}

/// Code for this machine, with the functions of the model.
void *loadElf(const void *image, int &file) {
  file = memfd_create("image", MFD_CLOEXEC);
  size_t bytes = elfBytes(image);
  bool isWritten = file >= 0 && ::write(file, image, bytes) == ssize_t(bytes);
  std::string path = "/proc/self/fd/" + std::to_string(file);
  void *library = isWritten ? dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr;
  for (size_t i = 0; library && i < kModelFunctionCount; ++i)
    if (void *slot = dlsym(library, (std::string(kModelFunctions[i].name) + "_address").c_str()))
      *static_cast<void **>(slot) = kModelFunctions[i].address;
  return library;
}

} // namespace

std::recursive_mutex &plait::test::fakeMutex() { return mutex; }
void plait::test::putIntoStream(Stream stream, std::function<Result()> work) { enqueue(stream, std::move(work)); }
bool plait::test::isOnGpu(const void *address, size_t bytes) {
  return isInside(Address(reinterpret_cast<uintptr_t>(address)), bytes);
}

extern "C" __attribute__((visibility("default"))) FakeCuda *plait_fake_cuda() {
  // A new test.
  std::lock_guard lock(mutex);
  sticky = kSuccess;
  order.seed();
  for (StreamHandle *stream : streams)
    stream->waiting.clear();
  return &fake;
}

#define CALL(symbol, parameters, ...)                                                                                  \
  extern "C" __attribute__((visibility("default"))) Result symbol parameters {                                         \
    std::lock_guard lock(mutex);                                                                                       \
    if (Result failed = begin(#symbol))                                                                                \
      return failed;                                                                                                   \
    __VA_ARGS__                                                                                                        \
  }
#define CALL_WITHOUT_CONTEXT(symbol, parameters, ...)                                                                  \
  extern "C" __attribute__((visibility("default"))) Result symbol parameters {                                         \
    std::lock_guard lock(mutex);                                                                                       \
    if (Result failed = begin(#symbol, false))                                                                         \
      return failed;                                                                                                   \
    __VA_ARGS__                                                                                                        \
  }

CALL_WITHOUT_CONTEXT(cuGetErrorName, (Result result, const char **text), {
  *text = result == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : result == 700 ? "CUDA_ERROR_ILLEGAL_ADDRESS" : "CUDA_ERROR_FAKE";
  return kSuccess;
})
CALL_WITHOUT_CONTEXT(cuGetErrorString, (Result, const char **text), {
  *text = "of the fake driver";
  return kSuccess;
})
CALL_WITHOUT_CONTEXT(cuInit, (unsigned), return fake.devices ? kSuccess : kNoDevice;)
CALL_WITHOUT_CONTEXT(cuDriverGetVersion, (int *version), {
  *version = 13000;
  return kSuccess;
})
CALL_WITHOUT_CONTEXT(cuDeviceGetCount, (int *count), {
  *count = fake.devices;
  return kSuccess;
})
CALL_WITHOUT_CONTEXT(cuDeviceGet, (DeviceNumber * device, int ordinal), {
  *device = ordinal;
  return ordinal < fake.devices ? kSuccess : kInvalidValue;
})
CALL_WITHOUT_CONTEXT(cuDeviceGetName, (char *name, int length, DeviceNumber), {
  std::strncpy(name, "Fake", size_t(length));
  return kSuccess;
})
CALL_WITHOUT_CONTEXT(cuDeviceGetUuid_v2, (void *bytes, DeviceNumber device), {
  std::memset(bytes, device + 1, 16);
  return kSuccess;
})
CALL_WITHOUT_CONTEXT(cuDeviceGetAttribute, (int *value, int attribute, DeviceNumber), {
  // The last four as an H100 has them.
  const std::map<int, int> values = {{kMajorCapability, fake.major}, {kMinorCapability, fake.minor},
                                     {kProcessors, fake.processors}, {kThreadsOfProcessor, 2048},
                                     {kRegistersOfProcessor, 65536}, {kSharedOfProcessor, 228 * 1024},
                                     {kBlocksOfProcessor, 32}};
  auto found = values.find(attribute);
  *value = found == values.end() ? 0 : found->second;
  return kSuccess;
})
CALL_WITHOUT_CONTEXT(cuDevicePrimaryCtxRetain, (Context * result, DeviceNumber), {
  *result = &context;
  ++fake.contexts;
  return kSuccess;
})
CALL_WITHOUT_CONTEXT(cuDevicePrimaryCtxRelease_v2, (DeviceNumber), {
  --fake.contexts;
  return kSuccess;
})
CALL_WITHOUT_CONTEXT(cuCtxSetCurrent, (Context own), {
  current = own;
  return kSuccess;
})
CALL(cuMemGetInfo_v2, (size_t *free, size_t *total), {
  *total = fake.memoryBytes;
  *free = fake.memoryBytes - fake.usedBytes;
  return kSuccess;
})
CALL(cuMemAlloc_v2, (Address * result, size_t bytes), {
  if (!bytes)
    return kInvalidValue;
  if (fake.usedBytes + bytes > fake.memoryBytes)
    return kOutOfMemory;
  void *memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  std::memset(memory, 0xcc, bytes);
  memories[reinterpret_cast<uintptr_t>(memory)] = bytes;
  *result = Address(reinterpret_cast<uintptr_t>(memory));
  fake.usedBytes += bytes;
  ++fake.memories;
  return kSuccess;
})
CALL_WITHOUT_CONTEXT(cuMemFree_v2, (Address address), {
  drainAll();
  auto found = memories.find(uintptr_t(address));
  if (found == memories.end())
    return kInvalidValue;
  fake.usedBytes -= found->second;
  --fake.memories;
  memories.erase(found);
  std::free(at(address));
  return kSuccess;
})
CALL(cuMemHostAlloc, (void **result, size_t bytes, unsigned), {
  *result = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  std::memset(*result, 0xcc, bytes);
  ++fake.hostMemories;
  return kSuccess;
})
CALL_WITHOUT_CONTEXT(cuMemFreeHost, (void *memory), {
  drainAll();
  --fake.hostMemories;
  std::free(memory);
  return kSuccess;
})
CALL(cuMemcpyHtoDAsync_v2, (Address to, const void *from, size_t bytes, Stream stream), {
  if (!isInside(to, bytes))
    return kInvalidValue;
  return enqueue(stream, [=] {
    std::memcpy(at(to), from, bytes);
    return kSuccess;
  });
})
CALL(cuMemcpyDtoHAsync_v2, (void *to, Address from, size_t bytes, Stream stream), {
  if (!isInside(from, bytes))
    return kInvalidValue;
  fake.bytesToHost += bytes;
  return enqueue(stream, [=] {
    std::memcpy(to, at(from), bytes);
    return kSuccess;
  });
})
CALL(cuMemcpyDtoDAsync_v2, (Address to, Address from, size_t bytes, Stream stream), {
  if (!isInside(from, bytes) || !isInside(to, bytes))
    return kInvalidValue;
  return enqueue(stream, [=] {
    std::memcpy(at(to), at(from), bytes);
    return kSuccess;
  });
})
CALL(cuMemcpy2DAsync_v2, (const Copy2D *copy, Stream stream), {
  Copy2D own = *copy;
  size_t last = own.height - 1;
  if (own.fromKind != Copy2D::kDeviceMemory || own.toKind != Copy2D::kDeviceMemory || own.width > own.fromPitch ||
      own.width > own.toPitch || !isInside(own.from, last * own.fromPitch + own.width) ||
      !isInside(own.to, last * own.toPitch + own.width))
    return kInvalidValue;
  return enqueue(stream, [own] {
    for (size_t row = 0; row < own.height; ++row)
      std::memcpy(at(own.to + row * own.toPitch), at(own.from + row * own.fromPitch), own.width);
    return kSuccess;
  });
})
CALL(cuMemsetD8Async, (Address to, unsigned char value, size_t bytes, Stream stream), {
  if (!isInside(to, bytes))
    return kInvalidValue;
  return enqueue(stream, [=] {
    std::memset(at(to), value, bytes);
    return kSuccess;
  });
})
CALL(cuStreamCreate, (Stream * stream, unsigned), {
  *stream = new StreamHandle;
  streams.push_back(*stream);
  ++fake.streams;
  return kSuccess;
})
CALL_WITHOUT_CONTEXT(cuStreamDestroy_v2, (Stream stream), {
  drain(stream);
  std::erase(streams, stream);
  delete stream;
  --fake.streams;
  return kSuccess;
})
CALL(cuStreamQuery, (Stream stream), {
  for (int turns = 0; turns < 256 && !stream->waiting.empty(); ++turns)
    if (turn(stream) == kNotReady && !fake.isConcurrent)
      break;
  return stream->waiting.empty() ? sticky : kNotReady;
})
extern "C" __attribute__((visibility("default"))) Result cuStreamSynchronize(Stream stream) {
  {
    std::lock_guard lock(mutex);
    if (Result failed = begin("cuStreamSynchronize"))
      return failed;
    if (stream->isCapturing)
      return kInvalidValue;
  }
  while (true) {
    {
      std::lock_guard lock(mutex);
      if (Result result = drain(stream); result != kNotReady)
        return result;
    }
    std::this_thread::yield(); // so that other threads' streams go on
  }
}
CALL(cuEventCreate, (Event * event, unsigned), {
  *event = new EventHandle;
  ++fake.events;
  return kSuccess;
})
CALL(cuEventRecord, (Event event, Stream stream), {
  event->stream = stream;
  event->passed = false;
  return enqueue(stream, [=] {
    event->passed = true;
    return kSuccess;
  });
})
CALL(cuEventSynchronize, (Event event), {
  while (!event->passed && !event->stream->waiting.empty())
    if (Result failed = turn(event->stream); failed && failed != kNotReady)
      return failed;
  return kSuccess;
})
CALL(cuEventQuery, (Event event), return event->passed ? kSuccess : kNotReady;)
CALL_WITHOUT_CONTEXT(cuEventDestroy_v2, (Event event), {
  if (!event->passed)
    drain(event->stream);
  delete event;
  --fake.events;
  return kSuccess;
})
CALL(cuModuleLoadData, (Module * result, const void *image), {
  auto module = std::make_unique<ModuleHandle>();
  if (!std::memcmp(image, "FAKEGPU", 8)) {
    module->demo = image;
  } else if (!std::memcmp(image, ELFMAG, SELFMAG)) {
    if (static_cast<const Elf64_Ehdr *>(image)->e_machine == EM_X86_64) {
      module->library = loadElf(image, module->file);
      if (!module->library)
        return kNoBinaryForGpu;
    }
    module->image.assign(static_cast<const char *>(image), elfBytes(image));
  } else {
    return kNoBinaryForGpu;
  }
  ++fake.modules;
  *result = module.release();
  return kSuccess;
})
CALL_WITHOUT_CONTEXT(cuModuleUnload, (Module module), {
  drainAll();
  if (module->library)
    dlclose(module->library);
  if (module->file >= 0)
    ::close(module->file);
  delete module;
  --fake.modules;
  return kSuccess;
})
CALL(cuModuleGetFunction, (Function * result, Module module, const char *name), {
  auto function = std::make_unique<FunctionHandle>();
  function->module = module;
  function->name = name;
  if (module->library)
    function->packed =
        reinterpret_cast<void (*)(void **)>(dlsym(module->library, ("plait_packed_" + function->name).c_str()));
  bool isThere = module->demo || function->packed || module->image.find(".text." + function->name) != std::string::npos;
  if (!isThere)
    return kNotFound;
  *result = function.get();
  module->functions.push_back(std::move(function));
  return kSuccess;
})
CALL(cuFuncSetAttribute, (Function function, int attribute, int value), {
  if (attribute == kCarveout)
    return value >= -1 && value <= 100 ? kSuccess : kInvalidValue;
  if (attribute != kMaxDynamicShared)
    return kInvalidValue;
  function->sharedLimit = value;
  return value <= 227 * 1024 ? kSuccess : kInvalidValue;
})
CALL(cuFuncGetAttribute, (int *value, int attribute, Function), {
  *value = 32;
  return attribute == kRegistersOfThread ? kSuccess : kInvalidValue;
})
CALL(cuLaunchKernel,
     (Function function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY,
      unsigned blockZ, unsigned sharedBytes, Stream stream, void **parameters, void **extra),
     {
       bool isGrid = gridX && gridY == 1 && gridZ == 1 && blockX && blockX <= 1024 && blockY == 1 && blockZ == 1;
       if (!isGrid || extra || int(sharedBytes) > function->sharedLimit)
         return kInvalidValue;
       // Parameters are copied now, as a driver does.
       std::vector<std::vector<uint64_t>> values;
       for (int64_t bytes : parametersOf(function)) {
         std::vector<uint64_t> &value = values.emplace_back(size_t(bytes ? bytes + 7 : 8) / 8);
         std::memcpy(value.data(), parameters[values.size() - 1], size_t(bytes ? bytes : 8));
         if (!bytes && (!isInside(value[0], 1) || value[0] % 16))
           return kInvalidValue;
       }
       FakeLaunch description = {function->name, gridX, blockX, sharedBytes, stream->isCapturing};
       // Each time that it is done, or a graph with it, has a launch of its own.
       return enqueue(stream, [=, launch = std::shared_ptr<Launch>()]() mutable {
         if (!launch)
           launch = std::make_shared<Launch>(Launch{function, description, values, {}, nullptr});
         return runKernel(*launch);
       });
     })
CALL_WITHOUT_CONTEXT(cuTensorMapEncodeTiled,
                     (TensorMap * result, int type, uint32_t rank, void *address, const uint64_t *dims,
                      const uint64_t *strides, const uint32_t *box, const uint32_t *steps, int interleave, int swizzle,
                      int promotion, int fill),
                     {
                       // "cuTensorMapEncodeTiled": what must hold of its arguments.
                       auto base = reinterpret_cast<uintptr_t>(address);
                       bool isRight = type == kBf16Elements && rank == 2 && base % 16 == 0 &&
                                      reinterpret_cast<uintptr_t>(result) % 64 == 0 && strides[0] % 16 == 0 &&
                                      strides[0] < uint64_t(1) << 40 && steps[0] == 1 && steps[1] == 1 &&
                                      interleave == 0 && swizzle == kSwizzle128 && promotion >= 0 && promotion <= 3 &&
                                      fill == 0 && box[0] * 2 <= 128;
                       for (int i = 0; i < 2; ++i)
                         isRight &= dims[i] && dims[i] <= uint64_t(1) << 32 && box[i] && box[i] <= 256;
                       isRight &= dims[0] * 2 <= strides[0] && isInside(base, dims[1] * strides[0]);
                       if (!isRight)
                         return kInvalidValue;
                       ModelTensorMap map = {
                           kTensorMapMagic, static_cast<const uint8_t *>(address), dims[0], dims[1], strides[0], box[0],
                           box[1]};
                       *result = {};
                       std::memcpy(result, &map, sizeof(map));
                       return kSuccess;
                     })
CALL(cuStreamBeginCapture_v2, (Stream stream, int), {
  if (stream->isCapturing)
    return kInvalidValue;
  stream->isCapturing = true;
  return kSuccess;
})
CALL(cuStreamEndCapture, (Stream stream, Graph *graph), {
  if (!stream->isCapturing)
    return kInvalidValue;
  stream->isCapturing = false;
  *graph = new GraphHandle{std::move(stream->captured)};
  stream->captured.clear();
  ++fake.graphs;
  return kSuccess;
})
CALL(cuGraphInstantiateWithFlags, (GraphExec * ready, Graph graph, unsigned long long), {
  *ready = new GraphExecHandle{graph->work};
  ++fake.graphs;
  return kSuccess;
})
CALL(cuGraphLaunch, (GraphExec graph, Stream stream), {
  for (const auto &work : graph->work)
    enqueue(stream, work);
  return kSuccess;
})
CALL_WITHOUT_CONTEXT(cuGraphExecDestroy, (GraphExec graph), {
  delete graph;
  --fake.graphs;
  return kSuccess;
})
#ifndef WITHOUT_GRAPHS
CALL_WITHOUT_CONTEXT(cuGraphDestroy, (Graph graph), {
  delete graph;
  --fake.graphs;
  return kSuccess;
})
#endif
