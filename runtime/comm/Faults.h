//===- Faults.h - What ranks say of lost and stray ranks --------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The same words whatever carries the collectives.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_COMM_FAULTS_H
#define PLAIT_RUNTIME_COMM_FAULTS_H

#include "runtime/comm/Communicator.h"

#include <chrono>
#include <cstdint>
#include <string>

namespace plait {

/// What ranks must agree on when they meet: kind, bytes and, if the program says it, algorithm of a collective.
uint64_t signatureOf(CollectiveKind kind, uint64_t bytes, Algorithm algorithm = Algorithm::automatic);

/// One rank waits for another one until that has `verb` ("reached") the call `name`.
struct Waiting {
  int peer;
  const char *verb, *name, *op;
};

Status lostError(const Waiting &waiting, const std::string &why);
/// Of a rank that nobody waits for.
Status lostError(int rank, const std::string &why);
/// Of a rank that is alone in what it asks for.
Status strayError(int rank, uint64_t foundSignature, const char *foundOp, uint64_t signature, const char *op);
Status strayMessage(int from, uint64_t foundBytes, uint64_t bytes, const char *op);
Status identityError(int rank, const std::string &found, const std::string &expected);

/// Why a silent rank is lost.
std::string silenceText(std::chrono::milliseconds silent, bool stopped = false);

/// Whether a process of this machine is stopped by a signal (proc(5): state T). One that a
/// debugger holds is not, nor one that is gone.
bool isStopped(int32_t process);

} // namespace plait

#endif // PLAIT_RUNTIME_COMM_FAULTS_H
