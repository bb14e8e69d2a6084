//===- KernelsTest.cpp - Kernels on a GPU against a model of one ----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Repeats what test/unit/compiler/CudaCases.h has left in $PLAIT_GPU_DIR/cases: each entry of a kernel
// has results close to those of the model, and all entries have the same bits.
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Json.h"
#include "runtime/base/Safetensors.h"
#include "runtime/device/cuda/Gpu.h"

#include "gtest/gtest.h"

#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>

using namespace plait;
using namespace plait::cuda;

namespace {

std::string casesFolder() {
  const char *folder = std::getenv("PLAIT_GPU_DIR");
  return std::string(folder ? folder : ".") + "/cases";
}

void require(const Status &status) {
  if (!status)
    throw std::runtime_error(status.message());
}
template <typename T> T require(Expected<T> value) {
  require(value.status());
  return value.take();
}

std::vector<std::string> caseFiles() {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto &entry : std::filesystem::directory_iterator(casesFolder(), error))
    if (entry.path().extension() == ".safetensors")
      files.push_back(entry.path().stem().string());
  std::sort(files.begin(), files.end());
  return files;
}

/// One GPU for all tests.
const Gpu &gpu() {
  static std::shared_ptr<const Gpu> opened = require(Gpu::open("sm_90a"));
  require(opened->enter());
  return *opened;
}

std::vector<float> valuesOf(const std::vector<uint8_t> &bytes, bool isBf16) {
  std::vector<float> values(bytes.size() / (isBf16 ? 2 : 4));
  for (size_t i = 0; i < values.size(); ++i) {
    uint32_t word = 0;
    std::memcpy(&word, bytes.data() + i * (isBf16 ? 2 : 4), isBf16 ? 2 : 4);
    values[i] = std::bit_cast<float>(isBf16 ? word << 16 : word);
  }
  return values;
}

class Kernels : public testing::TestWithParam<std::string> {
protected:
  using Buffers = std::vector<std::vector<uint8_t>>;

  /// All buffers after entry `entry` has run.
  Buffers run(const JsonView &description, size_t entryNumber, const Buffers &before, Module module) {
    const Json &entry = description.json()["entries"][entryNumber];
    std::vector<int64_t> dims = description.json()["dims"];
    const Driver &cuda = gpu().driver();
    Function function = nullptr;
    std::string name = entry["name"];
    int shared = entry["shared"];
    require(cuda.check(cuda->moduleGetFunction(&function, module, name.c_str()), "cuModuleGetFunction", name.c_str()));
    require(cuda.check(cuda->functionSetAttribute(function, kMaxDynamicShared, shared), "cuFuncSetAttribute",
                       name.c_str()));
    Stream stream = nullptr;
    require(cuda.check(cuda->streamCreate(&stream, kNonBlocking), "cuStreamCreate", name.c_str()));
    std::vector<DeviceMemory> memory;
    std::vector<Address> addresses;
    auto upload = [&](const void *data, size_t bytes) {
      memory.push_back(require(gpu().allocate(bytes, name)));
      addresses.push_back(memory.back().address());
      require(cuda.check(cuda->copyToDevice(addresses.back(), data, bytes, stream), "cuMemcpyHtoDAsync", name.c_str()));
    };
    for (const std::vector<uint8_t> &buffer : before)
      upload(buffer.data(), buffer.size());
    upload(dims.data(), dims.size() * sizeof(int64_t));
    std::vector<TensorMap> maps;
    for (const Json &map : entry["maps"]) {
      size_t buffer = map[0];
      uint64_t rows = map[1], columns = map[2];
      uint64_t extents[2] = {columns, rows ? rows : before[buffer].size() / (2 * columns)}, strides[1] = {2 * columns};
      uint32_t box[2] = {64, map[3]}, steps[2] = {1, 1};
      require(cuda.check(cuda->tensorMapEncodeTiled(&maps.emplace_back(), kBf16Elements, 2,
                                                    reinterpret_cast<void *>(addresses[buffer]), extents, strides, box,
                                                    steps, 0, kSwizzle128, kPromoteL2256, 0),
                         "cuTensorMapEncodeTiled", name.c_str()));
    }
    int64_t blocks = 1; // one more than there are tiles
    for (const Json &grid : entry["grids"]) {
      int64_t count = grid[0], dim = grid[1], block = grid[2];
      blocks += count * (dim < 0 ? 1 : (dims[size_t(dim)] + block - 1) / block);
    }
    std::vector<void *> parameters;
    for (Address &address : addresses)
      parameters.push_back(&address);
    for (TensorMap &map : maps)
      parameters.push_back(&map);
    require(cuda.check(cuda->launchKernel(function, unsigned(blocks), 1, 1, entry["threads"], 1, 1, unsigned(shared),
                                          stream, parameters.data(), nullptr),
                       "cuLaunchKernel", name.c_str()));
    Buffers after = before;
    for (size_t i = 0; i < after.size(); ++i)
      require(cuda.check(cuda->copyToHost(after[i].data(), addresses[i], after[i].size(), stream), "cuMemcpyDtoHAsync",
                         name.c_str()));
    require(cuda.check(cuda->streamSynchronize(stream), "cuStreamSynchronize", name.c_str()));
    (void)cuda->streamDestroy(stream);
    return after;
  }
};

} // namespace

TEST_P(Kernels, AsOnTheModel) {
  std::string path = casesFolder() + "/" + GetParam() + ".safetensors";
  SafetensorsFile file = require(readSafetensors(require(rangeOfFile(path))));
  Json json = require(parseJson(file.metadata.at("case"), path));
  JsonView description(json, path);
  std::string cubin = require(readFile(casesFolder() + "/" + file.metadata.at("cubin")));
  auto bytesOf = [&](const std::string &name) {
    std::span<const uint8_t> data = file.tensors.at(name).data;
    return std::vector<uint8_t>(data.begin(), data.end());
  };
  Buffers before;
  for (size_t i = 0; file.tensors.count("before." + std::to_string(i)); ++i)
    before.push_back(bytesOf("before." + std::to_string(i)));
  const Driver &cuda = gpu().driver();
  Module module = nullptr;
  require(cuda.check(cuda->moduleLoadData(&module, cubin.data()), "cuModuleLoadData", path.c_str()));
  Buffers first;
  for (size_t entry = 0; entry < json["entries"].size(); ++entry) {
    std::string name = json["entries"][entry]["name"];
    SCOPED_TRACE(path + ": " + std::string(json["ops"]) + ", " + name + ", tokens " + json["dims"][0].dump());
    Buffers after = run(description, entry, before, module);
    for (const Json &result : json["results"]) {
      size_t buffer = result[0];
      bool isBf16 = result[1] == "bf16";
      std::vector<float> found = valuesOf(after[buffer], isBf16),
                         expected = valuesOf(bytesOf("after." + std::to_string(buffer)), isBf16);
      double largest = 0, difference = 0;
      size_t worst = 0;
      for (size_t i = 0; i < found.size(); ++i) {
        largest = std::max(largest, std::fabs(double(expected[i])));
        double own = std::fabs(double(found[i]) - double(expected[i]));
        if (!(own <= difference)) {
          difference = own;
          worst = i;
        }
      }
      double tolerance = isBf16 ? 0x1p-7 : double(json["tolerance"]);
      EXPECT_LE(difference, tolerance * largest)
          << "element " << worst << " of " << found.size() << " of buffer " << buffer << ": found " << found[worst]
          << "; expected " << expected[worst];
      if (!first.empty()) {
        EXPECT_TRUE(first[buffer] == after[buffer]) << "other bits than those of the first entry";
      }
    }
    if (first.empty())
      first = std::move(after);
  }
  (void)cuda->moduleUnload(module);
}

INSTANTIATE_TEST_SUITE_P(, Kernels, testing::ValuesIn(caseFiles()), [](const auto &info) {
  std::string name = "Case" + info.param;
  for (char &c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)))
      c = '_';
  return name;
});
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Kernels);

TEST(KernelCases, AreThere) {
  EXPECT_FALSE(caseFiles().empty()) << "found no case in " << casesFolder()
                                    << "; expected those that 'tools/dev.sh gpu' leaves there";
}
