//===- Loop.cpp - The items of a for statement ----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/jinja/Loop.h"

#include <algorithm>

using namespace plait;
using namespace plait::jinja;

std::optional<Value> Loop::pull() {
  while (next < items.size()) {
    Value item = items[next++];
    if (allPass || !filter || filter(item))
      return item;
  }
  return std::nullopt;
}

const std::optional<Value> &Loop::peek() {
  if (!after)
    after = pull();
  return after;
}

bool Loop::advance() {
  std::optional<Value> item = after ? std::exchange(after, std::nullopt) : pull();
  if (!item)
    return false;
  ++index;
  before = std::exchange(current, std::move(*item));
  return true;
}

int64_t Loop::length() {
  if (!total && !filter)
    total = int64_t(items.size());
  if (!total) {
    std::vector<Value> rest;
    while (std::optional<Value> item = pull())
      rest.push_back(std::move(*item));
    items = std::move(rest);
    next = 0;
    allPass = true; // the filter itself stays: it may be what asks
    total = int64_t(items.size()) + index + 1 + (after ? 1 : 0);
  }
  return *total;
}

std::optional<Value> Loop::attribute(std::string_view name) {
  if (name == "index")
    return Value(index + 1);
  if (name == "index0")
    return Value(index);
  if (name == "first")
    return Value(index == 0);
  if (name == "last")
    return Value(!peek().has_value());
  if (name == "length")
    return Value(length());
  if (name == "revindex")
    return Value(length() - index);
  if (name == "revindex0")
    return Value(length() - index - 1);
  if (name == "depth")
    return Value(int64_t(1));
  if (name == "depth0")
    return Value(int64_t(0));
  if (name == "previtem")
    return index == 0 ? Value::undefined("there is no previous item") : before;
  if (name == "nextitem")
    return peek() ? *peek() : Value::undefined("there is no next item");
  return std::nullopt;
}

std::string Loop::describe() {
  return "<LoopContext " + std::to_string(index + 1) + "/" + std::to_string(length()) + ">";
}

bool Loop::changed(Sandbox &sandbox, const std::vector<Value> &values) {
  bool same = lastChanged && std::equal(values.begin(), values.end(), lastChanged->begin(), lastChanged->end(),
                                        [&](const Value &a, const Value &b) { return equal(sandbox, a, b); });
  lastChanged = values;
  return !same;
}

void Loop::end() {
  filter = nullptr;
  items.clear();
  next = 0;
  before = current = Value();
  after.reset();
  lastChanged.reset();
}
