//===- onednn.cpp - Products of oneDNN ------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// plait-onednn TYPE M NxK...: the time of a product of M rows by each weight of N rows and K columns, in seconds, as
// JSON. Weights are packed before as oneDNN likes them. TYPE is f32, bf16 (sums of f32) or int8. Threads are those of
// OMP_NUM_THREADS. Each is the median of as many calls as take a tenth of a second, at least five.
//
//===----------------------------------------------------------------------===//

#include <dnnl.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

using namespace dnnl;
using Type = memory::data_type;

namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Numbers that are neither 0 nor denormal, of any of the types.
void fill(memory &values) {
  auto *bytes = static_cast<uint8_t *>(values.get_data_handle());
  size_t size = values.get_desc().get_size();
  bool isBytes = values.get_desc().data_type() == Type::s8 || values.get_desc().data_type() == Type::u8;
  for (size_t i = 0; i < size; ++i)
    bytes[i] = isBytes ? uint8_t(i % 100) : uint8_t(0x3C + (i & 1)); // 0x3D3C, 0x3D3C3D3C: about 0.046
}

double secondsOf(const engine &cpu, stream &order, Type input, Type weight, int64_t m, int64_t n, int64_t k) {
  memory::desc from({m, k}, input, memory::format_tag::ab), to({m, n}, Type::f32, memory::format_tag::ab);
  memory::desc packed({k, n}, weight, memory::format_tag::any);
#if DNNL_VERSION_MAJOR >= 3
  matmul::primitive_desc description(cpu, from, packed, to);
#else
  matmul::primitive_desc description(matmul::desc(from, packed, to), cpu);
#endif
  memory x(description.src_desc(), cpu), w(description.weights_desc(), cpu), y(description.dst_desc(), cpu);
  fill(x);
  fill(w);
  matmul product(description);
  std::vector<double> times;
  double begin = now(), last = begin;
  for (int call = 0; call < 6 || last - begin < 0.1; ++call) {
    product.execute(order, {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_DST, y}});
    order.wait();
    double end = now();
    if (call) // the first one makes its code
      times.push_back(end - last);
    last = end;
  }
  std::nth_element(times.begin(), times.begin() + ptrdiff_t(times.size() / 2), times.end());
  return times[times.size() / 2];
}

} // namespace

int main(int argc, char **argv) {
  std::string type = argc > 3 ? argv[1] : "";
  int64_t m = argc > 3 ? std::atoll(argv[2]) : 0;
  if (m < 1 || (type != "f32" && type != "bf16" && type != "int8")) {
    std::fprintf(stderr, "usage: plait-onednn f32|bf16|int8 M NxK...\n");
    return 2;
  }
  engine cpu(engine::kind::cpu, 0);
  stream order(cpu);
  Type weight = type == "f32" ? Type::f32 : type == "bf16" ? Type::bf16 : Type::s8;
  const char *comma = "";
  std::printf("[");
  for (int i = 3; i < argc; ++i) {
    long long n = 0, k = 0;
    if (std::sscanf(argv[i], "%lldx%lld", &n, &k) != 2 || n < 1 || k < 1) {
      std::fprintf(stderr, "plait-onednn: found '%s'; expected NxK, such as 2048x5632\n", argv[i]);
      return 2;
    }
    std::printf("%s%.9g", comma, secondsOf(cpu, order, type == "int8" ? Type::u8 : weight, weight, m, n, k));
    comma = ", ";
  }
  std::printf("]\n");
}
