//===- Value.h - What a template computes with ------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The values of Python that chat templates meet, as plain data. Nothing of the
// host is reachable from them. All but namespaces and loops are immutable, so
// copies share their contents and only namespaces can form cycles.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_JINJA_VALUE_H
#define PLAIT_RUNTIME_BASE_JINJA_VALUE_H

#include "runtime/base/jinja/MarkedText.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace plait::jinja {

class Interpreter;
class Dict;
class Loop;
class Sandbox;
struct Callable;
struct Namespace;
struct Sequence;

/// What reading something that is not there gives; `why` is told when it is used.
struct Undefined {
  std::shared_ptr<const std::string> why;
};

struct None {};

struct Text {
  MarkedText text;
  bool markup = false; ///< made by `safe` or `escape`: `+` escapes what is added
};

class Value {
public:
  using Storage = std::variant<Undefined, None, bool, int64_t, double, std::shared_ptr<const Text>,
                               std::shared_ptr<Sequence>, std::shared_ptr<const Dict>, std::shared_ptr<Namespace>,
                               std::shared_ptr<Loop>, std::shared_ptr<const Callable>>;

  Value() = default; ///< undefined
  Value(Storage storage) : storage(std::move(storage)) {}
  Value(bool value) : storage(value) {}
  Value(int64_t value) : storage(value) {}
  Value(double value) : storage(value) {}
  static Value none() { return Value(Storage(None())); }
  static Value undefined(std::string why);
  static Value text(MarkedText text, bool markup = false);
  static Value text(std::string bytes) { return text(MarkedText(std::move(bytes))); }

  bool isUndefined() const { return std::holds_alternative<Undefined>(storage); }
  bool isNone() const { return std::holds_alternative<None>(storage); }
  const bool *asBool() const { return std::get_if<bool>(&storage); }
  const double *asFloat() const { return std::get_if<double>(&storage); }
  /// An integer or, as in Python, a boolean.
  std::optional<int64_t> asInteger() const;
  /// Any number, converted.
  std::optional<double> asNumber() const;
  const Text *asText() const { return pointer<const Text>(); }
  Sequence *asSequence() const { return pointer<Sequence>(); }
  const Dict *asDict() const { return pointer<const Dict>(); }
  Namespace *asNamespace() const { return pointer<Namespace>(); }
  Loop *asLoop() const { return pointer<Loop>(); }
  const Callable *asCallable() const { return pointer<const Callable>(); }

  /// Whether `if` takes it.
  bool truthy() const;
  /// The containers that have to be passed to reach the innermost value.
  unsigned depth() const;
  /// As errors call it: "str", "list", "undefined", ...
  std::string typeName() const;
  /// Python's `is`, as far as it can be told.
  bool isSame(const Value &other) const;

  Storage storage;

private:
  template <typename T> T *pointer() const {
    auto *held = std::get_if<std::shared_ptr<T>>(&storage);
    return held ? held->get() : nullptr;
  }
};

/// Python's `==`. Uses up steps; false after an error.
bool equal(Sandbox &sandbox, const Value &left, const Value &right);
/// Less than 0, 0 or more; values without an order are an error.
int compare(Sandbox &sandbox, const Value &left, const Value &right);

enum class SequenceKind { list, tuple, range, generator, keys, values, items };

/// A list and what resembles one.
struct Sequence {
  SequenceKind kind = SequenceKind::list;
  std::vector<Value> items;
  unsigned depth = 1;
  size_t taken = 0;                                ///< of a generator: items that are gone
  int64_t first = 0, stop = 0, stride = 1;         ///< of a range
  const std::vector<std::string> *names = nullptr; ///< of a named tuple's items
};

/// A dictionary in order of insertion. Keys are equal as in Python: 1, 1.0 and
/// true are one key.
class Dict {
public:
  using Item = std::pair<Value, Value>;

  /// False if `key` cannot be one (a list, say). Keys are copied and compared as
  /// texts, which uses up steps and bytes.
  bool set(Sandbox &sandbox, const Value &key, Value value);
  const Value *find(Sandbox &sandbox, const Value &key) const;
  /// For a name out of the template.
  const Value *find(std::string_view key) const;
  const std::vector<Item> &items() const { return list; }
  unsigned depth() const { return levels; }
  static bool isKey(Sandbox &sandbox, const Value &value) { return keyOf(sandbox, value).has_value(); }

private:
  static std::optional<std::string> keyOf(Sandbox &sandbox, const Value &value);

  std::vector<Item> list;
  std::unordered_map<std::string, size_t> index; ///< by keyOf
  unsigned levels = 1;
};

/// What `namespace()` makes: the only thing that can be assigned to.
struct Namespace {
  Dict attributes;
};

/// Positional and named arguments of a call.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
  std::set<std::string, std::less<>> userNames = {}; ///< names that the user wrote, from a dict after **

  /// The name of an argument as a value.
  Value nameValue(const std::string &name) const { return Value::text(MarkedText(name, userNames.count(name) != 0)); }
};

/// A function, a method with its object, or a macro.
struct Callable {
  std::string name;
  std::function<Value(Interpreter &, const Arguments &)> call;
  bool isMacro = false;
  unsigned depth = 0; ///< of the values it holds
};

} // namespace plait::jinja

#endif // PLAIT_RUNTIME_BASE_JINJA_VALUE_H
