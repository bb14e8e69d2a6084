//===- Conformance.h - What every Communicator keeps --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The promises of runtime/comm/Communicator.h as cases that each rank of a group
// runs, whatever carries the group: LocalGroupTest.cpp and MpiTest.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_RUNTIME_COMM_CONFORMANCE_H
#define PLAIT_TEST_UNIT_RUNTIME_COMM_CONFORMANCE_H

#include "runtime/comm/Communicator.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace plait {

struct ConformanceCase {
  const char *name;
  int ranks; ///< 0: any number
  std::function<Status(Communicator &)> body;
  /// Messages of the ranks that must fail; nothing is said of those with "".
  std::map<int, std::string> errors = {};
};

const std::vector<ConformanceCase> &conformanceCases();

/// What is wrong with what `rank` returned; empty if nothing is.
std::string judge(const ConformanceCase &test, int rank, const Status &result);

} // namespace plait

#endif // PLAIT_TEST_UNIT_RUNTIME_COMM_CONFORMANCE_H
