//===- Access.cpp - Attributes, items, slices, iteration ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Utf8.h"
#include "runtime/base/jinja/Builtins.h"
#include "runtime/base/jinja/Loop.h"

#include <algorithm>
#include <cstring>

using namespace plait;
using namespace plait::jinja;

//===----------------------------------------------------------------------===//
// Iteration
//===----------------------------------------------------------------------===//

static std::vector<Value> charactersOf(const MarkedText &text) {
  std::vector<Value> characters;
  const std::string &bytes = text.bytes();
  for (size_t i = 0; i < bytes.size();) {
    size_t length = decodeUtf8(bytes, i).length;
    characters.push_back(Value::text(text.slice(i, i + length)));
    i += length;
  }
  return characters;
}

bool Interpreter::isIterable(const Value &value) {
  return value.isUndefined() || value.asText() || value.asSequence() || value.asDict() || value.asLoop();
}

std::vector<Value> Interpreter::iterate(const Value &value) {
  if (value.isUndefined())
    return {};
  if (const Text *text = value.asText()) {
    // A value of its own for each character.
    if (!sandbox.step(text->text.size()) || !sandbox.grow(text->text.size() * 128))
      return {};
    return charactersOf(text->text);
  }
  if (Sequence *sequence = value.asSequence()) {
    if (!sandbox.step(1 + sequence->items.size()) || !sandbox.grow(sequence->items.size() * sizeof(Value)))
      return {};
    size_t taken =
        sequence->kind == SequenceKind::generator ? std::exchange(sequence->taken, sequence->items.size()) : 0;
    return {sequence->items.begin() + ptrdiff_t(taken), sequence->items.end()};
  }
  if (const Dict *dict = value.asDict()) {
    std::vector<Value> keys;
    if (sandbox.step(1 + dict->items().size()) && sandbox.grow(dict->items().size() * sizeof(Value)))
      for (const Dict::Item &item : dict->items())
        keys.push_back(item.first);
    return keys;
  }
  failType("iteration", value, "a list, a dict or a string");
  return {};
}

bool Interpreter::contains(const Value &container, const Value &value) {
  if (const Text *text = container.asText()) {
    const Text *part = value.asText();
    if (!part) {
      failType("in", value, "a string, as the right side is one");
      return false;
    }
    const std::string &bytes = text->text.bytes(), &sought = part->text.bytes();
    // memmem takes linear time, whatever the texts are.
    return sandbox.handle(bytes.size()) && memmem(bytes.data(), bytes.size(), sought.data(), sought.size());
  }
  if (const Dict *dict = container.asDict()) {
    if (!Dict::isKey(sandbox, value) && !value.isUndefined())
      failType("in", value, "something that can be a key of a dict");
    return dict->find(sandbox, value) != nullptr;
  }
  std::vector<Value> items = iterate(container);
  return std::any_of(items.begin(), items.end(), [&](const Value &item) { return equal(sandbox, item, value); });
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

static Value dictView(Interpreter &interpreter, const Value &self, const Arguments &arguments, SequenceKind kind) {
  Bound bound(interpreter, "dict", arguments, {});
  std::vector<Value> items;
  for (const auto &[key, value] : self.asDict()->items())
    items.push_back(kind == SequenceKind::keys     ? key
                    : kind == SequenceKind::values ? value
                                                   : interpreter.sequence({key, value}, SequenceKind::tuple));
  return interpreter.sequence(std::move(items), kind);
}

static const Builtins &dictMethods() {
  static const Builtins methods = {
      {"items",
       [](Interpreter &i, const Value &self, const Arguments &a) { return dictView(i, self, a, SequenceKind::items); }},
      {"keys",
       [](Interpreter &i, const Value &self, const Arguments &a) { return dictView(i, self, a, SequenceKind::keys); }},
      {"values", [](Interpreter &i, const Value &self,
                    const Arguments &a) { return dictView(i, self, a, SequenceKind::values); }},
      {"copy", [](Interpreter &, const Value &self, const Arguments &) { return self; }},
      {"get",
       [](Interpreter &interpreter, const Value &self, const Arguments &arguments) {
         Bound bound(interpreter, "get", arguments, {"key", "default"}, 1);
         if (!arguments.named.empty())
           return interpreter.fail("get: found named arguments; expected positional ones");
         if (const Value *found = self.asDict()->find(interpreter.sandbox, bound[0]))
           return *found;
         return bound.has(1) ? bound[1] : Value::none();
       }},
  };
  return methods;
}

static const Builtins &listMethods() {
  static const Builtins methods = {
      {"index",
       [](Interpreter &interpreter, const Value &self, const Arguments &arguments) {
         Bound bound(interpreter, "index", arguments, {"value"}, 1);
         const std::vector<Value> &items = self.asSequence()->items;
         for (size_t i = 0; i < items.size(); ++i)
           if (equal(interpreter.sandbox, items[i], bound[0]))
             return Value(int64_t(i));
         return interpreter.fail("index: found no such item in the list");
       }},
      {"count",
       [](Interpreter &interpreter, const Value &self, const Arguments &arguments) {
         Bound bound(interpreter, "count", arguments, {"value"}, 1);
         const std::vector<Value> &items = self.asSequence()->items;
         return Value(int64_t(std::count_if(items.begin(), items.end(), [&](const Value &item) {
           return equal(interpreter.sandbox, item, bound[0]);
         })));
       }},
      {"copy", [](Interpreter &, const Value &self, const Arguments &) { return self; }},
  };
  return methods;
}

static const Builtins &loopMethods() {
  static const Builtins methods = {
      {"cycle",
       [](Interpreter &interpreter, const Value &self, const Arguments &arguments) {
         if (arguments.positional.empty())
           return interpreter.fail("loop.cycle: found no arguments; expected at least one");
         return arguments.positional[size_t(self.asLoop()->index0()) % arguments.positional.size()];
       }},
      {"changed",
       [](Interpreter &interpreter, const Value &self, const Arguments &arguments) {
         return Value(self.asLoop()->changed(interpreter.sandbox, arguments.positional));
       }},
  };
  return methods;
}

/// The methods of an object, or nothing.
static const Builtin *findMethod(const Value &object, std::string_view name) {
  auto in = [&](const Builtins &table) {
    auto found = table.find(name);
    return found == table.end() ? nullptr : &found->second;
  };
  if (object.asText()) {
    const Builtin *found = in(textMethods());
    return found ? found : in(textPredicates());
  }
  if (object.asDict())
    return in(dictMethods());
  if (object.asLoop())
    return in(loopMethods());
  const Sequence *sequence = object.asSequence();
  bool isList = sequence && (sequence->kind == SequenceKind::list || sequence->kind == SequenceKind::tuple);
  return isList ? in(listMethods()) : nullptr;
}

/// Methods that would change the object: jinja2's sandbox finds nothing there.
static bool isMutator(const Value &object, std::string_view name) {
  static constexpr std::string_view ofDict[] = {"clear", "pop", "popitem", "setdefault", "update", "fromkeys"};
  return object.asDict() && std::find(std::begin(ofDict), std::end(ofDict), name) != std::end(ofDict);
}

static Value missing(const Value &object, std::string_view name) {
  return Value::undefined(object.typeName() + " has no attribute " + quoteForMessage(name));
}

Value Interpreter::attribute(const Value &object, std::string_view name) {
  if (!sandbox.step())
    return Value();
  if (object.isUndefined())
    return failType("attribute " + quoteForMessage(name), object, "a dict or an object");
  if (const Builtin *function = findMethod(object, name))
    return method(std::string(name), object, *function);
  if (isMutator(object, name))
    return missing(object, name);
  if (const Dict *dict = object.asDict())
    if (const Value *found = dict->find(name))
      return *found;
  if (const Namespace *space = object.asNamespace())
    if (const Value *found = space->attributes.find(name))
      return *found;
  if (Loop *loop = object.asLoop())
    if (std::optional<Value> found = loop->attribute(name))
      return *found;
  if (const Callable *callable = object.asCallable(); callable && callable->isMacro && name == "name")
    return text(callable->name);
  if (const Sequence *sequence = object.asSequence(); sequence && sequence->names)
    if (auto found = std::find(sequence->names->begin(), sequence->names->end(), name); found != sequence->names->end())
      return sequence->items[size_t(found - sequence->names->begin())];
  return missing(object, name);
}

Value Interpreter::item(const Value &object, const Value &index) {
  if (!sandbox.step())
    return Value();
  if (object.isUndefined())
    return failType("index", object, "a list, a dict or a string");
  if (const Text *name = index.asText(); name && !sandbox.handle(name->text.size()))
    return Value();
  if (const Dict *dict = object.asDict())
    if (const Value *found = dict->find(sandbox, index))
      return *found;
  if (std::optional<int64_t> position = index.asInteger()) {
    const Text *text = object.asText();
    const Sequence *sequence = object.asSequence();
    if (text && !sandbox.handle(text->text.size()))
      return Value();
    bool indexable = sequence && sequence->kind <= SequenceKind::range;
    int64_t length = text ? int64_t(text->text.length()) : indexable ? int64_t(sequence->items.size()) : 0;
    int64_t at = *position < 0 ? *position + length : *position;
    if (at >= 0 && at < length) {
      if (!text)
        return sequence->items[size_t(at)];
      size_t begin = text->text.offsetOf(size_t(at));
      return this->text(text->text.slice(begin, begin + decodeUtf8(text->text.bytes(), begin).length));
    }
  }
  if (const Text *name = index.asText(); name && !object.asDict())
    return attribute(object, name->text.bytes());
  if (const Text *name = index.asText())
    if (const Builtin *function = findMethod(object, name->text.bytes()))
      return method(name->text.bytes(), object, *function);
  MarkedText shown;
  appendRepr(shown, index);
  return Value::undefined(object.typeName() + " has no element " + quoteForMessage(shown.bytes()));
}

//===----------------------------------------------------------------------===//
// Slices
//===----------------------------------------------------------------------===//

Value Interpreter::slice(const Value &object, const Value &begin, const Value &end, const Value &step) {
  if (!sandbox.step())
    return Value();
  const Text *text = object.asText();
  const Sequence *sequence = object.asSequence();
  if (!text && !(sequence && sequence->kind <= SequenceKind::range))
    return failType("slice", object, "a list, a tuple or a string");
  for (const Value *part : {&begin, &end, &step})
    if (!part->isNone() && !part->asInteger())
      return failType("slice", *part, "integers");
  if (text && !sandbox.handle(text->text.size()))
    return Value();

  // The limits as Python adjusts them.
  int64_t length = text ? int64_t(text->text.length()) : int64_t(sequence->items.size());
  int64_t stride = step.asInteger().value_or(1);
  if (stride == 0)
    return fail("slice: found a step of 0; expected another one");
  stride = std::clamp<int64_t>(stride, -length - 1, length + 1);
  int64_t low = stride < 0 ? -1 : 0, high = stride < 0 ? length - 1 : length;
  auto adjust = [&](const Value &part, int64_t absent) {
    std::optional<int64_t> given = part.asInteger();
    if (!given)
      return absent;
    return std::clamp(*given < 0 ? std::max(*given, -length - 1) + length : *given, low, high);
  };
  int64_t first = adjust(begin, stride < 0 ? high : low), stop = adjust(end, stride < 0 ? low : high);

  if (text && stride == 1) {
    size_t from = text->text.offsetOf(size_t(first));
    return this->text(text->text.slice(from, std::max(from, text->text.offsetOf(size_t(std::max(first, stop))))),
                      text->markup);
  }
  std::vector<Value> source;
  if (text)
    source = iterate(object);
  const std::vector<Value> &items = text ? source : sequence->items;
  std::vector<Value> picked;
  if (sandbox.ok())
    for (int64_t i = first; stride > 0 ? i < stop : i > stop; i += stride)
      picked.push_back(items[size_t(i)]);
  if (text) {
    MarkedText joined;
    for (const Value &character : picked)
      joined.append(character.asText()->text);
    return this->text(std::move(joined), text->markup);
  }
  Value result = this->sequence(std::move(picked), sequence->kind);
  if (Sequence *range = result.asSequence(); range && range->kind == SequenceKind::range) {
    auto at = [&](int64_t index, int64_t *value) {
      return !__builtin_mul_overflow(index, sequence->stride, value) &&
             !__builtin_add_overflow(*value, sequence->first, value);
    };
    if (!at(first, &range->first) || !at(stop, &range->stop) ||
        __builtin_mul_overflow(sequence->stride, stride, &range->stride))
      return fail("slice: found a range whose end is no integer of 64 bits; expected a smaller one");
  }
  return result;
}
