//===- Sandbox.cpp - What a template may use up ---------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/jinja/Sandbox.h"

using namespace plait;
using namespace plait::jinja;

void Sandbox::fail(const std::string &message) {
  if (status.ok())
    status = invalidArgument(name + ": line " + std::to_string(line) + ": " + message);
}

bool Sandbox::step(uint64_t count) {
  steps += count;
  if (steps > limits.steps)
    fail("found more than " + std::to_string(limits.steps) + " steps of evaluation; expected a template that ends");
  return ok();
}

bool Sandbox::grow(size_t more) {
  bytes += more;
  if (bytes > limits.totalBytes)
    fail("found values of more than " + std::to_string(limits.totalBytes) +
         " bytes together; expected a template that uses less");
  return ok();
}

bool Sandbox::growText(size_t size) {
  if (size > limits.textBytes)
    fail("found a text of " + std::to_string(size) + " bytes; expected at most " + std::to_string(limits.textBytes));
  return handle(size) && grow(size);
}

Sandbox::Level::Level(Sandbox &sandbox) : sandbox(sandbox) {
  if (++sandbox.depth > sandbox.limits.depth)
    sandbox.fail("found evaluations nested deeper than " + std::to_string(sandbox.limits.depth) +
                 "; expected a template that ends");
}
