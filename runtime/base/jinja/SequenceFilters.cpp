//===- SequenceFilters.cpp - Filters of lists and dicts -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Utf8.h"
#include "runtime/base/jinja/Builtins.h"
#include "runtime/base/jinja/Loop.h"
#include "runtime/base/jinja/Sort.h"
#include "runtime/base/jinja/TextTools.h"

#include <algorithm>
#include <charconv>

using namespace plait;
using namespace plait::jinja;

namespace {

//===----------------------------------------------------------------------===//
// Attributes by name
//===----------------------------------------------------------------------===//

/// "a.b.0": a path of attributes and indices from an item to what is meant.
class Path {
public:
  Path(Interpreter &interpreter, const Value &spec, bool ignoreCase = false)
      : interpreter(interpreter), ignoreCase(ignoreCase) {
    if (const Text *text = spec.asText()) {
      std::string_view rest = text->text.bytes();
      for (bool more = true; more;) {
        size_t dot = rest.find('.');
        more = dot != std::string_view::npos;
        addPart(rest.substr(0, dot));
        rest.remove_prefix(more ? dot + 1 : rest.size());
      }
    } else if (!spec.isUndefined() && !spec.isNone()) {
      parts.push_back(spec);
    }
  }

  Value operator()(const Value &from, const Value *absent = nullptr) const {
    Value value = from;
    for (const Value &part : parts) {
      value = interpreter.item(value, part);
      if (absent && value.isUndefined())
        value = *absent;
    }
    if (const Text *text = value.asText(); text && ignoreCase && interpreter.sandbox.handle(text->text.size() * 8))
      return interpreter.text(toLower(text->text));
    return value;
  }

private:
  void addPart(std::string_view part) {
    int64_t index = 0;
    auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
    bool isIndex = !part.empty() && part[0] != '-' && end == part.data() + part.size() && error == std::errc();
    parts.push_back(isIndex ? Value(index) : Value::text(std::string(part)));
  }

  Interpreter &interpreter;
  bool ignoreCase;
  std::vector<Value> parts;
};

/// What an item is sorted by: one value for each of the attributes "a,b".
Value sortKey(Interpreter &interpreter, const Value &item, const Value &spec, bool ignoreCase) {
  const Text *text = spec.asText();
  if (!text)
    return interpreter.sequence({Path(interpreter, spec, ignoreCase)(item)});
  std::vector<Value> keys;
  std::string_view rest = text->text.bytes();
  for (bool more = true; more;) {
    size_t comma = rest.find(',');
    more = comma != std::string_view::npos;
    keys.push_back(Path(interpreter, Value::text(std::string(rest.substr(0, comma))), ignoreCase)(item));
    rest.remove_prefix(more ? comma + 1 : rest.size());
  }
  return interpreter.sequence(std::move(keys));
}

struct Keyed {
  Value key, item;
};

template <typename F> std::vector<Keyed> keyed(Interpreter &interpreter, const Value &input, F key) {
  std::vector<Keyed> items;
  for (Value &item : interpreter.iterate(input)) {
    if (!interpreter.sandbox.ok())
      break;
    Value itemKey = key(item);
    items.push_back({std::move(itemKey), std::move(item)});
  }
  return items;
}

void sortByKey(Interpreter &interpreter, std::vector<Keyed> &items, bool reverse) {
  sortStable(items, [&](const Keyed &a, const Keyed &b) {
    return (reverse ? compare(interpreter.sandbox, b.key, a.key) : compare(interpreter.sandbox, a.key, b.key)) < 0;
  });
}

std::vector<Value> itemsOf(std::vector<Keyed> items) {
  std::vector<Value> result;
  for (Keyed &entry : items)
    result.push_back(std::move(entry.item));
  return result;
}

Value sort(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "sort", arguments, {"reverse", "case_sensitive", "attribute"});
  std::vector<Keyed> items = keyed(interpreter, input, [&](const Value &item) {
    return sortKey(interpreter, item, bound[2], !bound.flag(1, false));
  });
  sortByKey(interpreter, items, bound.flag(0, false));
  return interpreter.sequence(itemsOf(std::move(items)));
}

Value dictSort(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "dictsort", arguments, {"case_sensitive", "by", "reverse"});
  std::string by = bound.has(1) ? bound.text(1).bytes() : "key";
  if (by != "key" && by != "value")
    return interpreter.fail("dictsort: found " + quoteForMessage(by) + "; expected \"key\" or \"value\"");
  if (!input.asDict())
    return interpreter.failType("dictsort", input, "a dict");
  Path part(interpreter, Value(int64_t(by == "value")), !bound.flag(0, false));
  std::vector<Keyed> items = keyed(interpreter, interpreter.filter("items", input, {}), part);
  sortByKey(interpreter, items, bound.flag(2, false));
  return interpreter.sequence(itemsOf(std::move(items)));
}

Value groupBy(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "groupby", arguments, {"attribute", "default", "case_sensitive"}, 1);
  const Value *absent = bound.has(1) ? &bound[1] : nullptr;
  Path grouper(interpreter, bound[0], !bound.flag(2, false)), shown(interpreter, bound[0]);
  std::vector<Keyed> items = keyed(interpreter, input, [&](const Value &item) { return grouper(item, absent); });
  sortByKey(interpreter, items, false);
  static const std::vector<std::string> names = {"grouper", "list"};
  std::vector<Value> groups;
  for (size_t begin = 0, end; begin < items.size() && interpreter.sandbox.ok(); begin = end) {
    std::vector<Value> members;
    for (end = begin; end < items.size() && equal(interpreter.sandbox, items[begin].key, items[end].key); ++end)
      members.push_back(items[end].item);
    if (end == begin)
      break;
    Value key = shown(items[begin].item, absent);
    Value group = interpreter.sequence({key, interpreter.sequence(std::move(members))}, SequenceKind::tuple);
    if (group.asSequence())
      group.asSequence()->names = &names;
    groups.push_back(std::move(group));
  }
  return interpreter.sequence(std::move(groups));
}

Value unique(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "unique", arguments, {"case_sensitive", "attribute"});
  Path path(interpreter, bound[1], !bound.flag(0, false));
  Dict seen;
  std::vector<Value> result;
  for (const Keyed &entry : keyed(interpreter, input, path)) {
    if (seen.find(interpreter.sandbox, entry.key))
      continue;
    if (!seen.set(interpreter.sandbox, entry.key, Value::none()))
      return interpreter.failType("unique", entry.key, "strings, numbers or tuples");
    result.push_back(entry.item);
  }
  return interpreter.sequence(std::move(result), SequenceKind::generator);
}

template <bool greatest> Value extreme(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, greatest ? "max" : "min", arguments, {"case_sensitive", "attribute"});
  Path path(interpreter, bound[1], !bound.flag(0, false));
  std::vector<Keyed> items = keyed(interpreter, input, path);
  if (items.empty())
    return Value::undefined("no aggregated item, the sequence was empty");
  const Keyed *best = &items[0];
  for (const Keyed &entry : items)
    if (int order = compare(interpreter.sandbox, entry.key, best->key); greatest ? order > 0 : order < 0)
      best = &entry;
  return best->item;
}

Value sum(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "sum", arguments, {"attribute", "start"});
  Path path(interpreter, bound[0]);
  Value total = bound.has(1) ? bound[1] : Value(int64_t(0));
  if (total.asText())
    return interpreter.failType("sum", total, "a number to start with; strings are joined with the filter \"join\"");
  for (const Value &item : interpreter.iterate(input))
    total = interpreter.binary("+", total, path(item));
  return total;
}

//===----------------------------------------------------------------------===//
// Selection
//===----------------------------------------------------------------------===//

/// jinja2 asks whether there is an input before it iterates: none passes.
std::vector<Value> iterateIfAny(Interpreter &interpreter, const Value &input) {
  return input.truthy() ? interpreter.iterate(input) : std::vector<Value>();
}

Arguments restOf(const Arguments &arguments, size_t count) {
  Arguments rest;
  rest.positional.assign(arguments.positional.begin() + ptrdiff_t(std::min(count, arguments.positional.size())),
                         arguments.positional.end());
  rest.named = arguments.named;
  rest.userNames = arguments.userNames;
  return rest;
}

/// select, reject, selectattr and rejectattr: items whose value (or attribute)
/// passes a test, or is true if none is given.
template <bool byAttribute, bool wanted>
Value select(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  size_t first = byAttribute ? 1 : 0;
  if (arguments.positional.size() < first)
    return interpreter.fail("selectattr: found no name of an attribute");
  Path path(interpreter, byAttribute ? arguments.positional[0] : Value());
  const Text *test = arguments.positional.size() > first ? arguments.positional[first].asText() : nullptr;
  if (arguments.positional.size() > first && !test)
    return interpreter.failType("select", arguments.positional[first], "the name of a test");
  Arguments rest = restOf(arguments, first + 1);
  std::vector<Value> picked;
  for (const Value &item : iterateIfAny(interpreter, input)) {
    if (!interpreter.sandbox.ok())
      break;
    Value value = path(item);
    if ((test ? interpreter.test(test->text.bytes(), value, rest) : value.truthy()) == wanted)
      picked.push_back(item);
  }
  return interpreter.sequence(std::move(picked), SequenceKind::generator);
}

Value map(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  std::vector<Value> mapped;
  if (arguments.positional.empty()) {
    Bound bound(interpreter, "map", arguments, {"attribute", "default"}, 1);
    Path path(interpreter, bound[0]);
    for (const Value &item : iterateIfAny(interpreter, input))
      mapped.push_back(path(item, bound.has(1) ? &bound[1] : nullptr));
    return interpreter.sequence(std::move(mapped), SequenceKind::generator);
  }
  const Text *name = arguments.positional[0].asText();
  if (!name)
    return interpreter.failType("map", arguments.positional[0], "the name of a filter");
  Arguments rest = restOf(arguments, 1);
  for (const Value &item : iterateIfAny(interpreter, input)) {
    if (!interpreter.sandbox.ok())
      break;
    mapped.push_back(interpreter.filter(name->text.bytes(), item, rest));
  }
  return interpreter.sequence(std::move(mapped), SequenceKind::generator);
}

//===----------------------------------------------------------------------===//
// Parts and order
//===----------------------------------------------------------------------===//

Value first(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "first", arguments, {});
  if (Sequence *generator = input.asSequence(); generator && generator->kind == SequenceKind::generator)
    return generator->taken < generator->items.size() ? generator->items[generator->taken++]
                                                      : Value::undefined("no first item, the sequence was empty");
  std::vector<Value> items = interpreter.iterate(input);
  return items.empty() ? Value::undefined("no first item, the sequence was empty") : items.front();
}

bool isGenerator(const Value &value) {
  return value.asSequence() && value.asSequence()->kind == SequenceKind::generator;
}

Value last(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "last", arguments, {});
  if (isGenerator(input))
    return interpreter.failType("last", input, "a list; add the filter \"list\" before");
  std::vector<Value> items = interpreter.iterate(input);
  return items.empty() ? Value::undefined("no last item, the sequence was empty") : items.back();
}

Value length(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "length", arguments, {});
  if (const Text *text = input.asText())
    return interpreter.sandbox.handle(text->text.size()) ? Value(int64_t(text->text.length())) : Value();
  if (const Sequence *sequence = input.asSequence(); sequence && !isGenerator(input))
    return Value(int64_t(sequence->items.size()));
  if (const Dict *dict = input.asDict())
    return Value(int64_t(dict->items().size()));
  if (Loop *loop = input.asLoop())
    return *loop->attribute("length");
  return input.isUndefined() ? Value(int64_t(0)) : interpreter.failType("length", input, "a list, a dict or a string");
}

Value reverse(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "reverse", arguments, {});
  std::vector<Value> items = interpreter.iterate(input);
  std::reverse(items.begin(), items.end());
  if (!input.asText())
    return interpreter.sequence(std::move(items), isGenerator(input) ? SequenceKind::list : SequenceKind::generator);
  MarkedText joined;
  for (const Value &character : items)
    joined.append(character.asText()->text);
  return interpreter.text(std::move(joined));
}

Value list(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "list", arguments, {});
  return interpreter.sequence(interpreter.iterate(input));
}

Value items(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "items", arguments, {});
  std::vector<Value> pairs;
  if (!input.asDict() && !input.isUndefined())
    return interpreter.failType("items", input, "a dict");
  if (const Dict *dict = input.asDict())
    for (const auto &[key, value] : dict->items())
      pairs.push_back(interpreter.sequence({key, value}, SequenceKind::tuple));
  return interpreter.sequence(std::move(pairs), SequenceKind::generator);
}

Value join(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "join", arguments, {"d", "attribute"});
  MarkedText separator = interpreter.str(bound[0]), joined;
  Path path(interpreter, bound[1]);
  bool isFirst = true;
  for (const Value &item : interpreter.iterate(input)) {
    if (!std::exchange(isFirst, false))
      joined.append(separator);
    interpreter.appendStr(joined, path(item));
    if (!interpreter.sandbox.ok() || joined.size() > interpreter.sandbox.limits.textBytes)
      break;
  }
  return interpreter.text(std::move(joined));
}

Value batch(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "batch", arguments, {"linecount", "fill_with"}, 1);
  int64_t size = bound.integer(0, 1);
  std::vector<Value> batches, current;
  for (Value &item : interpreter.iterate(input)) {
    if (int64_t(current.size()) == size)
      batches.push_back(interpreter.sequence(std::exchange(current, {})));
    current.push_back(std::move(item));
  }
  if (!current.empty()) {
    if (bound.has(1) && !bound[1].isNone())
      for (int64_t missing = size - int64_t(current.size()); missing > 0 && interpreter.sandbox.step(); --missing)
        current.push_back(bound[1]);
    batches.push_back(interpreter.sequence(std::move(current)));
  }
  return interpreter.sequence(std::move(batches), SequenceKind::generator);
}

Value slice(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "slice", arguments, {"slices", "fill_with"}, 1);
  int64_t count = bound.integer(0, 1);
  if (count < 1)
    return interpreter.fail("slice: found " + std::to_string(count) + " slices; expected at least 1");
  std::vector<Value> items = interpreter.iterate(input), slices;
  int64_t each = int64_t(items.size()) / count, longer = int64_t(items.size()) % count, at = 0;
  for (int64_t i = 0; i < count && interpreter.sandbox.step(); ++i) {
    int64_t end = at + each + (i < longer);
    std::vector<Value> part(items.begin() + ptrdiff_t(at), items.begin() + ptrdiff_t(end));
    if (bound.has(1) && !bound[1].isNone() && i >= longer)
      part.push_back(bound[1]);
    slices.push_back(interpreter.sequence(std::move(part)));
    at = end;
  }
  return interpreter.sequence(std::move(slices), SequenceKind::generator);
}

Value fallBack(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "default", arguments, {"default_value", "boolean"});
  bool absent = input.isUndefined() || (bound.flag(1, false) && !input.truthy());
  return !absent ? input : bound.has(0) ? bound[0] : interpreter.text(std::string());
}

Value attribute(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "attr", arguments, {"name"}, 1);
  std::string name = bound.text(0).bytes();
  if (input.asDict() && input.asDict()->find(name)) // an item, not an attribute
    return Value::undefined("dict has no attribute " + quoteForMessage(name));
  return interpreter.attribute(input, name);
}

} // namespace

const Builtins &jinja::sequenceFilters() {
  static const Builtins filters = {
      {"attr", attribute},
      {"batch", batch},
      {"count", length},
      {"d", fallBack},
      {"default", fallBack},
      {"dictsort", dictSort},
      {"first", first},
      {"groupby", groupBy},
      {"items", items},
      {"join", join},
      {"last", last},
      {"length", length},
      {"list", list},
      {"map", map},
      {"max", extreme<true>},
      {"min", extreme<false>},
      {"reject", select<false, false>},
      {"rejectattr", select<true, false>},
      {"reverse", reverse},
      {"select", select<false, true>},
      {"selectattr", select<true, true>},
      {"slice", slice},
      {"sort", sort},
      {"sum", sum},
      {"unique", unique},
  };
  return filters;
}
