//===- Loop.h - The items of a for statement --------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_JINJA_LOOP_H
#define PLAIT_RUNTIME_BASE_JINJA_LOOP_H

#include "runtime/base/jinja/Value.h"

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace plait::jinja {

/// What `loop` names in the body of a for statement. Items that a condition
/// leaves out are skipped when the next one is asked for, not before: the
/// condition may read what the body assigns.
class Loop {
public:
  using Filter = std::function<bool(const Value &)>;

  Loop(std::vector<Value> items, Filter filter) : items(std::move(items)), filter(std::move(filter)) {}

  /// Goes on to the next item, or says that there is none.
  bool advance();
  const Value &item() const { return current; }
  /// `loop.NAME`, or nothing for an unknown name.
  std::optional<Value> attribute(std::string_view name);
  /// How `str` shows it.
  std::string describe();
  /// Whether `values` differ from those of the call before.
  bool changed(Sandbox &sandbox, const std::vector<Value> &values);
  int64_t index0() const { return index; }
  /// The statement is over: who still holds the loop finds it empty.
  void end();

private:
  std::optional<Value> pull();
  const std::optional<Value> &peek();
  int64_t length();

  std::vector<Value> items;
  size_t next = 0;
  Filter filter;
  bool allPass = false; ///< what is left of `items` has passed the filter
  int64_t index = -1;
  Value before, current;
  std::optional<Value> after;
  std::optional<int64_t> total;
  std::optional<std::vector<Value>> lastChanged;
};

} // namespace plait::jinja

#endif // PLAIT_RUNTIME_BASE_JINJA_LOOP_H
