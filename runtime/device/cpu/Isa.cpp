//===- Isa.cpp - CPU features that compiled code may need -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cpu/Isa.h"

#include <cerrno>
#include <cstdint>
#include <cstring>

#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

using namespace plait;

#if defined(__x86_64__)
namespace {

/// State that the operating system must save before a feature may be used.
enum class OsState : uint8_t { none, avx, avx512, amx };

struct Feature {
  const char *name;
  uint32_t leaf, subleaf;
  char reg; // 'a' to 'd'; 0: part of every x86-64 CPU
  uint8_t bit;
  OsState state;
};

// LLVM's spelling; bits from the Intel and AMD manuals.
constexpr Feature kFeatures[] = {
    {"64bit", 0, 0, 0, 0, OsState::none},
    {"cmov", 0, 0, 0, 0, OsState::none},
    {"cx8", 0, 0, 0, 0, OsState::none},
    {"fxsr", 0, 0, 0, 0, OsState::none},
    {"mmx", 0, 0, 0, 0, OsState::none},
    {"sse", 0, 0, 0, 0, OsState::none},
    {"sse2", 0, 0, 0, 0, OsState::none},
    {"x87", 0, 0, 0, 0, OsState::none},
    {"sse3", 1, 0, 'c', 0, OsState::none},
    {"pclmul", 1, 0, 'c', 1, OsState::none},
    {"ssse3", 1, 0, 'c', 9, OsState::none},
    {"fma", 1, 0, 'c', 12, OsState::avx},
    {"cx16", 1, 0, 'c', 13, OsState::none},
    {"sse4.1", 1, 0, 'c', 19, OsState::none},
    {"sse4.2", 1, 0, 'c', 20, OsState::none},
    {"crc32", 1, 0, 'c', 20, OsState::none},
    {"movbe", 1, 0, 'c', 22, OsState::none},
    {"popcnt", 1, 0, 'c', 23, OsState::none},
    {"aes", 1, 0, 'c', 25, OsState::none},
    {"xsave", 1, 0, 'c', 26, OsState::none},
    {"avx", 1, 0, 'c', 28, OsState::avx},
    {"f16c", 1, 0, 'c', 29, OsState::avx},
    {"rdrnd", 1, 0, 'c', 30, OsState::none},
    {"fsgsbase", 7, 0, 'b', 0, OsState::none},
    {"bmi", 7, 0, 'b', 3, OsState::none},
    {"avx2", 7, 0, 'b', 5, OsState::avx},
    {"bmi2", 7, 0, 'b', 8, OsState::none},
    {"invpcid", 7, 0, 'b', 10, OsState::none},
    {"avx512f", 7, 0, 'b', 16, OsState::avx512},
    {"evex512", 7, 0, 'b', 16, OsState::avx512},
    {"avx512dq", 7, 0, 'b', 17, OsState::avx512},
    {"rdseed", 7, 0, 'b', 18, OsState::none},
    {"adx", 7, 0, 'b', 19, OsState::none},
    {"avx512ifma", 7, 0, 'b', 21, OsState::avx512},
    {"clflushopt", 7, 0, 'b', 23, OsState::none},
    {"clwb", 7, 0, 'b', 24, OsState::none},
    {"avx512cd", 7, 0, 'b', 28, OsState::avx512},
    {"sha", 7, 0, 'b', 29, OsState::none},
    {"avx512bw", 7, 0, 'b', 30, OsState::avx512},
    {"avx512vl", 7, 0, 'b', 31, OsState::avx512},
    {"avx512vbmi", 7, 0, 'c', 1, OsState::avx512},
    {"pku", 7, 0, 'c', 3, OsState::none},
    {"avx512vbmi2", 7, 0, 'c', 6, OsState::avx512},
    {"gfni", 7, 0, 'c', 8, OsState::none},
    {"vaes", 7, 0, 'c', 9, OsState::avx},
    {"vpclmulqdq", 7, 0, 'c', 10, OsState::avx},
    {"avx512vnni", 7, 0, 'c', 11, OsState::avx512},
    {"avx512bitalg", 7, 0, 'c', 12, OsState::avx512},
    {"avx512vpopcntdq", 7, 0, 'c', 14, OsState::avx512},
    {"rdpid", 7, 0, 'c', 22, OsState::none},
    {"fsrm", 7, 0, 'd', 4, OsState::none},
    {"avx512vp2intersect", 7, 0, 'd', 8, OsState::avx512},
    {"amx-bf16", 7, 0, 'd', 22, OsState::amx},
    {"avx512fp16", 7, 0, 'd', 23, OsState::avx512},
    {"amx-tile", 7, 0, 'd', 24, OsState::amx},
    {"amx-int8", 7, 0, 'd', 25, OsState::amx},
    {"avxvnni", 7, 1, 'a', 4, OsState::avx},
    {"avx512bf16", 7, 1, 'a', 5, OsState::avx512},
    {"amx-fp16", 7, 1, 'a', 21, OsState::amx},
    {"avxifma", 7, 1, 'a', 23, OsState::avx},
    {"xsaveopt", 0xD, 1, 'a', 0, OsState::none},
    {"xsavec", 0xD, 1, 'a', 1, OsState::none},
    {"xsaves", 0xD, 1, 'a', 3, OsState::none},
    {"sahf", 0x80000001, 0, 'c', 0, OsState::none},
    {"lzcnt", 0x80000001, 0, 'c', 5, OsState::none},
    {"sse4a", 0x80000001, 0, 'c', 6, OsState::none},
    {"prfchw", 0x80000001, 0, 'c', 8, OsState::none},
    {"mwaitx", 0x80000001, 0, 'c', 29, OsState::none},
    {"clzero", 0x80000008, 0, 'b', 0, OsState::none},
    {"wbnoinvd", 0x80000008, 0, 'b', 9, OsState::none},
};

uint64_t enabledState() {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 27)))
    return 0; // no OSXSAVE: the kernel saves nothing beyond SSE
  uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

bool hasState(OsState state) {
  uint64_t mask = 0;
  switch (state) {
  case OsState::none:
    return true;
  case OsState::avx:
    mask = 0x6;
    break;
  case OsState::avx512:
    mask = 0xE6;
    break;
  case OsState::amx:
    mask = 0x60000;
    break;
  }
  return (enabledState() & mask) == mask;
}

bool hasFeature(const Feature &feature) {
  if (!feature.reg)
    return true;
  unsigned r[4];
  if (!__get_cpuid_count(feature.leaf, feature.subleaf, &r[0], &r[1], &r[2], &r[3]))
    return false;
  // A CPU answers an unknown subleaf of leaf 7 with leaf 7.0's successor.
  if (feature.leaf == 7 && feature.subleaf > 0) {
    unsigned m[4];
    if (!__get_cpuid_count(7, 0, &m[0], &m[1], &m[2], &m[3]) || m[0] < feature.subleaf)
      return false;
  }
  return (r[feature.reg - 'a'] >> feature.bit & 1u) && hasState(feature.state);
}

} // namespace
#endif

static std::vector<std::string_view> splitNames(std::string_view isa) {
  std::vector<std::string_view> names;
  while (!isa.empty()) {
    size_t end = isa.find_first_of(" ,\t");
    std::string_view name = isa.substr(0, end);
    if (!name.empty() && name[0] == '+')
      name.remove_prefix(1);
    if (!name.empty() && name[0] != '-') // "-x" says that x is not used
      names.push_back(name);
    isa.remove_prefix(end == std::string_view::npos ? isa.size() : end + 1);
  }
  return names;
}

std::vector<std::string> plait::missingCpuFeatures(std::string_view isa) {
  std::vector<std::string> missing;
  for (std::string_view name : splitNames(isa)) {
    bool found = false;
#if defined(__x86_64__)
    for (const Feature &feature : kFeatures)
      if (name == feature.name) {
        found = hasFeature(feature);
        break;
      }
#endif
    if (!found)
      missing.emplace_back(name);
  }
  return missing;
}

static bool usesTiles(std::string_view isa) {
  for (std::string_view name : splitNames(isa))
    if (name.starts_with("amx-"))
      return true;
  return false;
}

/// Linux grants the AMX tile registers to a process on request: to all its threads,
/// also those that run already. A thread gets memory for them when it first uses
/// them. Returns why it does not, or nothing.
static std::string requestTiles() {
#if defined(__x86_64__)
  // Documentation/arch/x86/xstate.rst of Linux.
  constexpr long requestPermission = 0x1023, tileData = 18;
  if (syscall(SYS_arch_prctl, requestPermission, tileData) == 0)
    return "";
  if (errno == ENOSPC)
    return "has AMX, but a thread's signal stack is too small for its tile state (sigaltstack of at least "
           "AT_MINSIGSTKSZ bytes, or none)";
  return "has AMX, but the kernel does not grant its tile state (" + std::string(std::strerror(errno)) +
         "; Linux 5.16 or later does)";
#else
  return "has no AMX";
#endif
}

std::string plait::cpuShortage(std::string_view isa) {
  std::string list;
  for (const std::string &name : missingCpuFeatures(isa))
    list += " " + name;
  if (!list.empty())
    return "lacks" + list;
  return usesTiles(isa) ? requestTiles() : "";
}

Status plait::checkCpuFeatures(std::string_view isa) {
  std::string shortage = cpuShortage(isa);
  if (shortage.empty())
    return Status::success();
  return unsupported("CPU features: this CPU (" + cpuName() + ") " + shortage + "; the model needs " +
                     std::string(isa) + "; compile the model for this machine");
}

std::string plait::cpuFeatures() {
  std::string list;
#if defined(__x86_64__)
  for (const Feature &feature : kFeatures)
    if (feature.reg && hasFeature(feature))
      list += (list.empty() ? "" : " ") + std::string(feature.name);
#endif
  return list;
}

std::string plait::cpuName() {
#if defined(__x86_64__)
  unsigned r[12];
  for (unsigned i = 0; i < 3; ++i)
    if (!__get_cpuid(0x80000002 + i, &r[4 * i], &r[4 * i + 1], &r[4 * i + 2], &r[4 * i + 3]))
      return "unknown CPU";
  char text[49] = {};
  std::memcpy(text, r, 48);
  std::string name = text;
  name.erase(0, name.find_first_not_of(' '));
  name.erase(name.find_last_not_of(' ') + 1);
  if (!name.empty())
    return name;
#endif
  return "unknown CPU";
}
