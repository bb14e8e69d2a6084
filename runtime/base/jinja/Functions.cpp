//===- Functions.cpp - Functions of the global scope ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Those of jinja2 that chat templates use, and those that transformers adds.
//
//===----------------------------------------------------------------------===//

#include "runtime/base/File.h"
#include "runtime/base/jinja/Builtins.h"

#include <algorithm>

using namespace plait;
using namespace plait::jinja;

namespace {

/// jinja2's sandbox allows no longer ranges.
constexpr int64_t kMaxRange = 100000;

Value range(Interpreter &interpreter, const Arguments &arguments) {
  Bound bound(interpreter, "range", arguments, {"start", "stop", "step"}, 1);
  int64_t first = bound.integer(0, 0), stop = bound.integer(1, 0), stride = bound.integer(2, 1);
  if (!bound.has(1))
    stop = std::exchange(first, 0);
  if (stride == 0)
    return interpreter.fail("range: found a step of 0; expected another one");
  __int128 distance = stride > 0 ? __int128(stop) - first : __int128(first) - stop;
  __int128 width = stride > 0 ? __int128(stride) : -__int128(stride);
  __int128 count = distance > 0 ? (distance + width - 1) / width : 0;
  if (count > kMaxRange)
    return interpreter.fail("range: found more than " + std::to_string(kMaxRange) + " items; expected fewer");
  std::vector<Value> items;
  for (int64_t i = 0; i < int64_t(count); ++i)
    items.push_back(Value(first + i * stride));
  Value result = interpreter.sequence(std::move(items), SequenceKind::range);
  if (Sequence *sequence = result.asSequence()) {
    sequence->first = first;
    sequence->stop = stop;
    sequence->stride = stride;
  }
  return result;
}

/// What dict() and namespace() are given: a dict or pairs, then named values.
Dict collect(Interpreter &interpreter, const Arguments &arguments, bool isNamespace) {
  Dict result;
  auto add = [&](const Value &key, const Value &value) {
    const Text *text = key.asText();
    if (isNamespace && text && text->text.bytes().starts_with('_'))
      interpreter.fail("namespace: found a name with a leading underscore; expected none");
    if (!result.set(interpreter.sandbox, key, value))
      interpreter.failType("dict", key, "a key that is a string, a number, a boolean, none or a tuple");
  };
  if (arguments.positional.size() > 1)
    interpreter.fail("dict: found several positional arguments; expected at most one");
  if (!arguments.positional.empty()) {
    const Value &source = arguments.positional[0];
    if (const Dict *dict = source.asDict()) {
      for (const auto &[key, value] : dict->items())
        add(key, value);
    } else {
      for (const Value &pair : interpreter.iterate(source)) {
        std::vector<Value> parts = interpreter.iterate(pair);
        if (parts.size() != 2) {
          interpreter.failType("dict", pair, "pairs of key and value");
          break;
        }
        add(parts[0], parts[1]);
      }
    }
  }
  for (const auto &[name, value] : arguments.named)
    add(arguments.nameValue(name), value);
  return result;
}

Value makeDict(Interpreter &interpreter, const Arguments &arguments) {
  return interpreter.dict(collect(interpreter, arguments, false));
}

Value makeNamespace(Interpreter &interpreter, const Arguments &arguments) {
  return interpreter.newNamespace(collect(interpreter, arguments, true));
}

Value raiseException(Interpreter &interpreter, const Arguments &arguments) {
  Bound bound(interpreter, "raise_exception", arguments, {"message"}, 1);
  return interpreter.fail("the template refuses: " + printable(interpreter.str(bound[0]).bytes(), 1000));
}

Value formatNow(Interpreter &interpreter, const Arguments &arguments) {
  Bound bound(interpreter, "strftime_now", arguments, {"format"}, 1);
  const MarkedText &format = bound.text(0);
  std::tm local{};
  localtime_r(&interpreter.now, &local);
  char buffer[1024];
  // A sign in front: an empty result is no failure.
  size_t length = std::strftime(buffer, sizeof(buffer), ("." + format.bytes()).c_str(), &local);
  if (length == 0)
    return interpreter.fail("strftime_now: found a format whose result is too long");
  return interpreter.text(MarkedText(std::string(buffer + 1, length - 1), format.hasUser()));
}

} // namespace

Interpreter::Variables jinja::globalFunctions() {
  Interpreter::Variables functions;
  auto add = [&](const char *name, Value (*function)(Interpreter &, const Arguments &)) {
    Callable callable;
    callable.name = name;
    callable.call = function;
    functions[name] = Value(Value::Storage(std::make_shared<const Callable>(std::move(callable))));
  };
  add("dict", makeDict);
  add("namespace", makeNamespace);
  add("raise_exception", raiseException);
  add("range", range);
  add("strftime_now", formatNow);
  return functions;
}
