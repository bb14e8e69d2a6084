//===- Value.cpp - What a template computes with --------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/jinja/Value.h"

#include "runtime/base/jinja/Loop.h"
#include "runtime/base/jinja/Sandbox.h"

#include <algorithm>
#include <cmath>

using namespace plait;
using namespace plait::jinja;

Value Value::undefined(std::string why) {
  return Value(Storage(Undefined{std::make_shared<const std::string>(std::move(why))}));
}

Value Value::text(MarkedText text, bool markup) {
  return Value(Storage(std::make_shared<const Text>(Text{std::move(text), markup})));
}

std::optional<int64_t> Value::asInteger() const {
  if (const bool *value = asBool())
    return *value ? 1 : 0;
  if (const int64_t *value = std::get_if<int64_t>(&storage))
    return *value;
  return std::nullopt;
}

std::optional<double> Value::asNumber() const {
  if (const double *value = asFloat())
    return *value;
  if (std::optional<int64_t> value = asInteger())
    return double(*value);
  return std::nullopt;
}

bool Value::truthy() const {
  if (isUndefined() || isNone())
    return false;
  if (std::optional<double> number = asNumber())
    return *number != 0;
  if (const Text *text = asText())
    return !text->text.empty();
  if (const Sequence *sequence = asSequence())
    return sequence->kind == SequenceKind::generator || !sequence->items.empty();
  if (const Dict *dict = asDict())
    return !dict->items().empty();
  return true;
}

unsigned Value::depth() const {
  if (const Sequence *sequence = asSequence())
    return sequence->depth;
  if (const Dict *dict = asDict())
    return dict->depth();
  if (const Callable *callable = asCallable())
    return callable->depth;
  return 0;
}

std::string Value::typeName() const {
  struct Namer {
    std::string operator()(const Undefined &) const { return "undefined"; }
    std::string operator()(const None &) const { return "None"; }
    std::string operator()(bool) const { return "bool"; }
    std::string operator()(int64_t) const { return "int"; }
    std::string operator()(double) const { return "float"; }
    std::string operator()(const std::shared_ptr<const Text> &) const { return "str"; }
    std::string operator()(const std::shared_ptr<Sequence> &sequence) const {
      static const char *names[] = {"list", "tuple", "range", "generator", "dict_keys", "dict_values", "dict_items"};
      return names[size_t(sequence->kind)];
    }
    std::string operator()(const std::shared_ptr<const Dict> &) const { return "dict"; }
    std::string operator()(const std::shared_ptr<Namespace> &) const { return "namespace"; }
    std::string operator()(const std::shared_ptr<Loop> &) const { return "loop"; }
    std::string operator()(const std::shared_ptr<const Callable> &callable) const {
      return callable->isMacro ? "macro" : "function";
    }
  };
  return std::visit(Namer(), storage);
}

bool Value::isSame(const Value &other) const {
  if (storage.index() != other.storage.index())
    return false;
  auto same = [&](const auto &left) {
    using T = std::decay_t<decltype(left)>;
    if constexpr (std::is_same_v<T, Undefined> || std::is_same_v<T, None>)
      return true;
    else if constexpr (std::is_same_v<T, std::shared_ptr<const Text>>)
      return left->text.bytes() == std::get<T>(other.storage)->text.bytes();
    else
      return left == std::get<T>(other.storage);
  };
  return std::visit(same, storage);
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

static bool equalItems(Sandbox &sandbox, const std::vector<Value> &left, const std::vector<Value> &right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [&](const Value &a, const Value &b) { return equal(sandbox, a, b); });
}

bool jinja::equal(Sandbox &sandbox, const Value &left, const Value &right) {
  Sandbox::Level level(sandbox);
  if (!sandbox.step())
    return false;
  if (auto a = left.asInteger(), b = right.asInteger(); a && b)
    return *a == *b;
  if (auto a = left.asNumber(), b = right.asNumber(); a && b)
    return *a == *b;
  if (left.storage.index() != right.storage.index())
    return false;
  if (const Text *a = left.asText()) {
    const std::string &x = a->text.bytes(), &y = right.asText()->text.bytes();
    return x.size() == y.size() && sandbox.handle(x.size()) && x == y;
  }
  if (const Sequence *a = left.asSequence()) {
    const Sequence *b = right.asSequence();
    bool comparable = a->kind == SequenceKind::list || a->kind == SequenceKind::tuple || a->kind == SequenceKind::range;
    return a == b || (a->kind == b->kind && comparable && equalItems(sandbox, a->items, b->items));
  }
  if (const Dict *a = left.asDict()) {
    const Dict *b = right.asDict();
    if (a->items().size() != b->items().size())
      return false;
    return std::all_of(a->items().begin(), a->items().end(), [&](const Dict::Item &item) {
      const Value *found = b->find(sandbox, item.first);
      return found && equal(sandbox, item.second, *found);
    });
  }
  return left.isSame(right);
}

int jinja::compare(Sandbox &sandbox, const Value &left, const Value &right) {
  Sandbox::Level level(sandbox);
  if (!sandbox.step())
    return 0;
  if (auto a = left.asInteger(), b = right.asInteger(); a && b)
    return *a < *b ? -1 : *a > *b;
  if (auto a = left.asNumber(), b = right.asNumber(); a && b)
    return *a < *b ? -1 : *a > *b;
  const Text *a = left.asText(), *b = right.asText();
  if (a && b) {
    sandbox.handle(std::min(a->text.size(), b->text.size()));
    return a->text.bytes().compare(b->text.bytes()); // UTF-8 sorts as code points do
  }
  const Sequence *x = left.asSequence(), *y = right.asSequence();
  bool ordered = x && y && x->kind == y->kind && (x->kind == SequenceKind::list || x->kind == SequenceKind::tuple);
  if (!ordered) {
    for (const Value *value : {&left, &right})
      if (const Undefined *undefined = std::get_if<Undefined>(&value->storage); undefined && undefined->why)
        sandbox.fail(*undefined->why);
    sandbox.fail("found " + left.typeName() + " and " + right.typeName() + "; expected values that have an order");
    return 0;
  }
  for (size_t i = 0; i < std::min(x->items.size(), y->items.size()) && sandbox.ok(); ++i)
    if (!equal(sandbox, x->items[i], y->items[i]))
      return compare(sandbox, x->items[i], y->items[i]);
  return x->items.size() < y->items.size() ? -1 : x->items.size() > y->items.size();
}

//===----------------------------------------------------------------------===//
// Dictionaries
//===----------------------------------------------------------------------===//

/// One string for all keys that are equal; none for what cannot be a key, or if the
/// sandbox has had enough.
std::optional<std::string> Dict::keyOf(Sandbox &sandbox, const Value &value) {
  if (!sandbox.step())
    return std::nullopt;
  if (const Text *text = value.asText())
    return sandbox.handle(text->text.size()) ? std::optional("s" + text->text.bytes()) : std::nullopt;
  if (std::optional<int64_t> integer = value.asInteger())
    return "n" + std::to_string(*integer);
  if (const double *number = value.asFloat()) {
    if (*number == std::floor(*number) && std::abs(*number) < 9e18)
      return "n" + std::to_string(int64_t(*number));
    return "f" + std::to_string(*number) + std::string(reinterpret_cast<const char *>(number), sizeof(*number));
  }
  if (value.isNone())
    return "N";
  const Sequence *tuple = value.asSequence();
  if (!tuple || tuple->kind != SequenceKind::tuple)
    return std::nullopt;
  std::string key = "t";
  for (const Value &item : tuple->items) {
    std::optional<std::string> part = keyOf(sandbox, item);
    if (!part || !sandbox.handle(part->size()))
      return std::nullopt;
    key += std::to_string(part->size()) + ":" + *part;
  }
  return key;
}

bool Dict::set(Sandbox &sandbox, const Value &key, Value value) {
  std::optional<std::string> text = keyOf(sandbox, key);
  if (!text || !sandbox.grow(text->size()))
    return false;
  levels = std::max(levels, 1 + value.depth());
  auto [found, isNew] = index.emplace(std::move(*text), list.size());
  if (isNew)
    list.emplace_back(key, std::move(value));
  else
    list[found->second].second = std::move(value);
  return true;
}

const Value *Dict::find(Sandbox &sandbox, const Value &key) const {
  std::optional<std::string> text = keyOf(sandbox, key);
  auto found = text ? index.find(*text) : index.end();
  return found == index.end() ? nullptr : &list[found->second].second;
}

const Value *Dict::find(std::string_view key) const {
  auto found = index.find("s" + std::string(key));
  return found == index.end() ? nullptr : &list[found->second].second;
}
