//===- Communicator.cpp - What ranks say to each other --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/Communicator.h"

using namespace plait;

const char *plait::collectiveName(CollectiveKind kind) {
  static constexpr std::array<const char *, kCollectiveKinds> names = {
      "all_reduce", "reduce_scatter", "all_gather", "all_to_all", "broadcast", "send_recv", "barrier"};
  return names[size_t(kind)];
}
