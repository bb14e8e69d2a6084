//===- Sandbox.h - What a template may use up -------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Templates come with models from strangers. Every step, byte and level of
// nesting is counted, and the first error ends the evaluation: after it nothing
// is done, and values that are still returned mean nothing.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_JINJA_SANDBOX_H
#define PLAIT_RUNTIME_BASE_JINJA_SANDBOX_H

#include "runtime/base/Status.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace plait::jinja {

struct Limits {
  uint64_t steps = 20'000'000;         ///< evaluated nodes and handled items
  size_t textBytes = size_t(32) << 20; ///< of one text, the output included
  size_t totalBytes = size_t(1) << 29; ///< of all values together, dead ones included
  unsigned depth = 800;                ///< of nested evaluations
  unsigned valueDepth = 200;           ///< of containers in containers
};

class Sandbox {
public:
  Sandbox(std::string name, const Limits &limits) : limits(limits), name(std::move(name)) {}

  bool ok() const { return status.ok(); }
  const Status &error() const { return status; }
  /// The first one counts; the place is put in front: "NAME: line 3: MESSAGE".
  void fail(const std::string &message);

  /// False if the evaluation is to end.
  bool step(uint64_t count = 1);
  /// Accounts for work on `bytes` of text and for the room of its result.
  bool handle(size_t bytes) { return step(1 + bytes / 64); }
  bool grow(size_t bytes);
  /// Accounts for a new text; too long a one is an error.
  bool growText(size_t bytes);

  int line = 1; ///< of the template that is being evaluated
  const Limits limits;

  /// One level of nesting, as long as it lives.
  class Level {
  public:
    explicit Level(Sandbox &sandbox);
    ~Level() { --sandbox.depth; }

  private:
    Sandbox &sandbox;
  };

private:
  std::string name;
  Status status;
  uint64_t steps = 0;
  size_t bytes = 0;
  unsigned depth = 0;
};

} // namespace plait::jinja

#endif // PLAIT_RUNTIME_BASE_JINJA_SANDBOX_H
