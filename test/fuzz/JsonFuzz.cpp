//===- JsonFuzz.cpp - Fuzzes the JSON reader ------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Json.h"
#include "test/fuzz/Fuzz.h"

using namespace plait;
using namespace plait::fuzz;

/// Reads every value in every way; each either succeeds or is refused.
static void readAll(const JsonView &view) {
  auto check = [](const auto &read) {
    if (!read)
      checkRefusal(read.status());
  };
  check(view.asInt());
  check(view.asInt(0, 100));
  check(view.asDouble());
  check(view.asBool());
  check(view.asString());
  checkRefusal(view.error("something else"));
  auto elements = view.asArray();
  check(elements);
  if (elements)
    for (const JsonView &element : *elements)
      readAll(element);
  auto members = view.asObject();
  check(members);
  if (members)
    for (const auto &[name, member] : *members)
      readAll(member);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Expected<Json> value = parseJson(textOf(data, size), "input");
  if (!value) {
    checkRefusal(value.status());
    return 0;
  }
  readAll(JsonView(*value, "input"));
  std::string text = writeJson(*value);
  Expected<Json> again = parseJson(text, "written");
  require(again.ok(), "what was written can be read");
  require(writeJson(*again) == text, "writing is stable");
  return 0;
}
