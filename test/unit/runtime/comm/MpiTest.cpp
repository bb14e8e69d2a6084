//===- MpiTest.cpp - Communicators between processes of mpirun ----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpirun -n 4 plait-mpi-tests runs the conformance cases on groups of all sizes up to
// that, one after another; rank 0 prints. `fault NUMBER RANK` ends a rank by a signal.
//
//===----------------------------------------------------------------------===//

#include "Conformance.h"
#include "runtime/comm/World.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <unistd.h>

using namespace plait;

static int runCases(World &world) {
  int failures = 0, run = 0;
  for (const ConformanceCase &test : conformanceCases())
    for (int size = test.ranks ? test.ranks : 1; size <= (test.ranks ? test.ranks : world.size()); ++size) {
      if (size > world.size())
        continue;
      // In the opposite order, so that ranks of the group are not those of the world.
      auto group = world.split(world.rank() < size ? 0 : -1, -world.rank(), test.name);
      std::string wrong = group ? "" : group.status().message();
      if (group && *group) {
        int rank = (*group)->rank();
        Status result = test.body(**group);
        group->reset();
        wrong = judge(test, rank, result);
      }
      if (!wrong.empty())
        std::printf("FAILED: %s with %d ranks: %s\n", test.name, size, wrong.c_str());
      float sum = wrong.empty() ? 0 : 1;
      if (!world.all().allReduce({&sum, 1}, ReduceKind::sum, "verdict"))
        return 1;
      failures += sum > 0;
      ++run;
    }
  if (world.rank() == 0)
    std::printf("%d cases, %d failed\n", run, failures);
  return failures != 0;
}

static int fault(World &world, int number, int lost) {
  std::vector<float> values(1000);
  if (!world.all().allReduce(values, ReduceKind::sum, "first"))
    return 1;
  if (world.rank() == lost)
    ::raise(number);
  Status status = world.all().allReduce(values, ReduceKind::sum, "layers.mlp.down");
  std::printf("rank %d: %s\n", world.rank(), status.message().c_str());
  std::fflush(stdout);
  // All have the time to say it.
  ::usleep(300'000);
  return 1;
}

int main(int argc, char **argv) {
  std::signal(SIGTERM, SIG_IGN); // of mpirun, to those that are left
  WorldOptions options;
  options.identity = "plait-mpi-tests";
  auto world = World::open(options);
  if (!world) {
    std::fprintf(stderr, "plait-mpi-tests: %s\n", world.status().message().c_str());
    return 1;
  }
  int code = argc > 3 ? fault(**world, std::atoi(argv[2]), std::atoi(argv[3])) : runCases(**world);
  std::fflush(stdout);
  (*world)->close(argc > 3 ? code : 0);
  return code;
}
