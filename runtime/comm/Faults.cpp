//===- Faults.cpp - What ranks say of lost and stray ranks ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/Faults.h"

#include "runtime/comm/Algorithms.h"

#include <fstream>

using namespace plait;

// From the highest bit on 8 of the kind, 4 of the algorithm, and the bytes.
static constexpr uint64_t kBytesMask = (uint64_t(1) << 52) - 1;

static std::string rankName(int rank) { return "rank " + std::to_string(rank); }

static std::string describeCall(uint64_t signature, const char *op) {
  uint64_t kind = signature >> 56, algorithm = signature >> 52 & 15;
  return std::string(kind < kCollectiveKinds ? collectiveName(CollectiveKind(kind)) : "an unknown collective") + " @" +
         op + " of " + std::to_string(signature & kBytesMask) + " bytes" +
         (algorithm && algorithm < kAlgorithms ? std::string(" by ") + algorithmName(Algorithm(algorithm)) : "");
}

uint64_t plait::signatureOf(CollectiveKind kind, uint64_t bytes, Algorithm algorithm) {
  return uint64_t(kind) << 56 | uint64_t(algorithm) << 52 | (bytes & kBytesMask);
}

Status plait::lostError(const Waiting &waiting, const std::string &why) {
  return resourceError(rankName(waiting.peer) + " has not " + waiting.verb + " " + waiting.name + " @" + waiting.op +
                       ": " + why);
}

Status plait::lostError(int rank, const std::string &why) { return resourceError(rankName(rank) + " is lost: " + why); }

Status plait::strayError(int rank, uint64_t foundSignature, const char *foundOp, uint64_t signature, const char *op) {
  return internalError(rankName(rank) + " has strayed: found " + describeCall(foundSignature, foundOp) + "; expected " +
                       describeCall(signature, op));
}

Status plait::strayMessage(int from, uint64_t foundBytes, uint64_t bytes, const char *op) {
  return internalError(rankName(from) + " has strayed: found a message of " + std::to_string(foundBytes) +
                       " bytes for send_recv @" + op + "; expected " + std::to_string(bytes));
}

Status plait::identityError(int rank, const std::string &found, const std::string &expected) {
  return invalidArgument(rankName(rank) + ": found " + found + "; expected " + expected +
                         ", as the other ranks have; start all ranks with one artifact and one version");
}

std::string plait::silenceText(std::chrono::milliseconds silent, bool stopped) {
  return "no sign of life for " + std::to_string(silent.count()) +
         (stopped ? " ms (it is stopped)" : " ms (it was killed or stopped, or its machine hangs)");
}

bool plait::isStopped(int32_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string text;
  std::getline(file, text);
  // The name, which may be anything, ends at the last parenthesis.
  size_t end = text.rfind(") ");
  return end != std::string::npos && end + 2 < text.size() && text[end + 2] == 'T';
}
