//===- Json.cpp - Strict JSON reading and writing -------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Json.h"

#include "runtime/base/File.h"

#include <algorithm>
#include <optional>

using namespace plait;

namespace {

/// Bytes of a key or a string that an error shows.
constexpr size_t shownBytes = 80;

/// One step of a JSON pointer (RFC 6901).
void appendStep(std::string &pointer, std::string_view key) {
  pointer += '/';
  for (char c : key) {
    if (c == '~')
      pointer += "~0";
    else if (c == '/')
      pointer += "~1";
    else
      pointer += c;
  }
}

/// "SOURCE: POINTER: found F; expected E"; the root has an empty pointer.
std::string placeName(const std::string &source, const std::string &pointer) {
  return printable(source) + (pointer.empty() ? "" : ": " + printable(pointer, 1024));
}

std::string foundExpected(const std::string &source, const std::string &pointer, const std::string &found,
                          const std::string &expected) {
  return placeName(source, pointer) + ": found " + found + "; expected " + expected;
}

std::string inQuotes(std::string_view text) { return "\"" + printable(text, shownBytes) + "\""; }

std::string counted(size_t count, const char *noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string describe(const Json &value) {
  switch (value.type()) {
  case Json::value_t::null:
    return "null";
  case Json::value_t::boolean:
    return value.dump() + " (boolean)";
  case Json::value_t::number_integer:
  case Json::value_t::number_unsigned:
    return value.dump() + " (integer)";
  case Json::value_t::number_float:
    return value.dump() + " (number)";
  case Json::value_t::string:
    return inQuotes(*value.get_ptr<const std::string *>()) + " (string)";
  case Json::value_t::array:
    return "an array of " + counted(value.size(), "element");
  case Json::value_t::object:
    return "an object of " + counted(value.size(), "member");
  default:
    return "a value that is not JSON";
  }
}

/// Linear, as the members keep the order of the text.
const Json *findMember(const Json &value, std::string_view key) {
  if (const auto *object = value.get_ptr<const Json::object_t *>())
    for (const auto &[name, member] : *object)
      if (name == key)
        return &member;
  return nullptr;
}

/// Builds the value from the events of nlohmann's parser. The parser keeps its
/// own stack on the heap, so that deep nesting cannot exhaust the thread's; and
/// building by hand lets every object be checked for duplicate keys in
/// O(n log n), where ordered_json's own insertion is quadratic.
class Builder {
public:
  using number_integer_t = Json::number_integer_t;
  using number_unsigned_t = Json::number_unsigned_t;
  using number_float_t = Json::number_float_t;
  using string_t = Json::string_t;
  using binary_t = Json::binary_t;

  /// `endsAtNul`: in the source, a NUL byte follows `text`.
  Builder(std::string_view text, bool endsAtNul, const std::string &what, const JsonLimits &limits)
      : text(text), endsAtNul(endsAtNul), what(what), limits(limits) {}

  bool null() { return add(Json(nullptr)); }
  bool boolean(bool v) { return add(Json(v)); }
  bool number_integer(number_integer_t v) { return add(Json(v)); }
  bool number_unsigned(number_unsigned_t v) { return add(Json(v)); }
  bool number_float(number_float_t v, const string_t &spelling) {
    // The parser turns an integer that fits no 64 bits into a rounded double.
    if (spelling.find_first_of(".eE") == std::string::npos)
      return fail(
          corrupt(foundExpected(what, pointer(), printable(spelling, shownBytes), "an integer in [-2^63, 2^64 - 1]")));
    return add(Json(v));
  }
  bool string(string_t &v) { return add(Json(std::move(v))); }
  bool binary(binary_t &) { return false; }

  bool start_object(size_t) { return push(/*isObject=*/true); }
  bool start_array(size_t) { return push(/*isObject=*/false); }

  bool key(string_t &v) {
    stack.back().members.emplace_back(std::move(v), Json());
    stack.back().awaitsValue = true;
    return true;
  }

  bool end_object() {
    auto &members = stack.back().members;
    if (std::optional<size_t> duplicate = findDuplicate(members))
      return failDuplicate(*duplicate);
    // Moved into place with the room reserved: the keys of ordered_map are
    // const, so growing it would copy every member.
    Json::object_t object;
    object.reserve(members.size());
    for (auto &[name, member] : members)
      object.emplace_back(std::move(name), std::move(member));
    stack.pop_back();
    return add(Json(std::move(object)));
  }

  bool end_array() {
    Json::array_t elements = std::move(stack.back().elements);
    stack.pop_back();
    return add(Json(std::move(elements)));
  }

  /// Refuses the NUL byte behind the text.
  bool failAtNul() {
    return fail(corrupt(
        foundExpected(what, pointer(), "a NUL byte" + lineAndColumn(text.size()), "JSON text, which has none")));
  }

  bool parse_error(size_t position, const std::string &, const Json::exception &ex) {
    if (endsAtNul && position > text.size())
      return failAtNul();
    return fail(syntaxError(position, ex.what(), ex.id));
  }

  Status status;
  Json root;

private:
  struct Level {
    bool isObject = false;
    bool awaitsValue = false; ///< the last member has its key only
    std::vector<std::pair<std::string, Json>> members;
    Json::array_t elements;
  };

  bool fail(Status error) {
    status = std::move(error);
    return false;
  }

  bool add(Json value) {
    if (stack.empty()) {
      root = std::move(value);
    } else if (Level &level = stack.back(); level.isObject) {
      level.members.back().second = std::move(value);
      level.awaitsValue = false;
    } else {
      level.elements.push_back(std::move(value));
    }
    return true;
  }

  bool push(bool isObject) {
    if (stack.size() >= limits.maxDepth)
      return fail(unsupported(foundExpected(what, pointer(),
                                            "nesting deeper than " + std::to_string(limits.maxDepth) + " levels",
                                            "at most " + std::to_string(limits.maxDepth))));
    stack.emplace_back();
    stack.back().isObject = isObject;
    return true;
  }

  /// The pointer of the value that comes next.
  std::string pointer() const {
    std::string result;
    for (const Level &level : stack) {
      if (!level.isObject)
        appendStep(result, std::to_string(level.elements.size()));
      else if (level.awaitsValue)
        appendStep(result, level.members.back().first);
    }
    return result;
  }

  /// The index of the first member whose key an earlier member has.
  static std::optional<size_t> findDuplicate(const std::vector<std::pair<std::string, Json>> &members) {
    // Sorting, unlike hashing, has no bad case that an attacker could choose.
    std::vector<uint32_t> order(members.size());
    for (size_t i = 0; i < order.size(); ++i)
      order[i] = static_cast<uint32_t>(i);
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
      int compared = members[a].first.compare(members[b].first);
      return compared != 0 ? compared < 0 : a < b;
    });
    std::optional<size_t> first;
    for (size_t i = 1; i < order.size(); ++i)
      if (members[order[i - 1]].first == members[order[i]].first)
        first = std::min<size_t>(first.value_or(SIZE_MAX), order[i]);
    return first;
  }

  bool failDuplicate(size_t index) {
    std::string key = stack.back().members[index].first;
    stack.back().awaitsValue = false;
    std::string where = pointer();
    appendStep(where, key);
    return fail(
        corrupt(foundExpected(what, where, "the duplicate key " + inQuotes(key), "every key of an object once")));
  }

  std::string lineAndColumn(size_t offset) const {
    std::string_view before = text.substr(0, offset);
    size_t line = 1 + static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
    size_t lineStart = before.rfind('\n');
    size_t column = 1 + offset - (lineStart == std::string_view::npos ? 0 : lineStart + 1);
    return " at line " + std::to_string(line) + ", column " + std::to_string(column);
  }

  /// The word around `offset`, of which the parser shows only what it read.
  std::string_view wordAt(size_t offset) const {
    static constexpr std::string_view delimiters = " \t\r\n,:[]{}\"";
    if (text.empty())
      return text;
    size_t begin = std::min(offset, text.size() - 1);
    while (begin > 0 && delimiters.find(text[begin - 1]) == std::string_view::npos)
      --begin;
    size_t end = text.find_first_of(delimiters, begin + 1);
    return text.substr(begin, end == std::string_view::npos ? end : end - begin);
  }

  /// Turns "syntax error while parsing C - unexpected X; expected Y" or
  /// "syntax error while parsing C - R; last read: 'X'" into our own shape.
  Status syntaxError(size_t position, std::string_view message, int id) const {
    // `position` counts the bytes read, the offending one included.
    size_t offset = std::min(position == 0 ? 0 : position - 1, text.size());
    auto error = [&](const std::string &found, const std::string &expected) {
      return corrupt(foundExpected(what, pointer(), found + lineAndColumn(offset), expected));
    };
    constexpr int numberOverflow = 406;
    if (id == numberOverflow)
      return error(printable(wordAt(offset), shownBytes), "a number in the range of a double");

    if (size_t dash = message.find(" - "); dash != std::string_view::npos)
      message.remove_prefix(dash + 3);
    std::string_view found = message, expected;
    if (size_t at = found.find("; last read: '"); at != std::string_view::npos)
      found = found.substr(0, at);
    if (size_t at = found.find("; expected "); at != std::string_view::npos) {
      expected = found.substr(at + 11);
      found = found.substr(0, at);
    }
    if (found.starts_with("unexpected "))
      found.remove_prefix(11);

    if (found == "invalid literal" || found == "invalid number") {
      std::string_view word = wordAt(offset);
      if (word.starts_with("NaN") || word.find("Infinity") != std::string_view::npos)
        return error(printable(word, shownBytes), "a finite number; JSON has neither NaN nor Infinity");
      return error("the invalid word '" + printable(word, shownBytes) + "'",
                   expected.empty() ? "a JSON value" : std::string(expected));
    }
    if (found.starts_with("invalid string: ill-formed UTF-8"))
      return error("a byte that is not UTF-8", "UTF-8 text; save the file as UTF-8");
    if (found.starts_with("invalid string: "))
      return error("an invalid string (" + std::string(found.substr(16)) + ")", "a string as in RFC 8259");
    return error(std::string(found), expected.empty() ? "JSON text" : std::string(expected));
  }

  std::string_view text;
  bool endsAtNul;
  const std::string &what;
  const JsonLimits &limits;
  std::vector<Level> stack;
};

} // namespace

Expected<Json> plait::parseJson(std::string_view text, const std::string &what, const JsonLimits &limits) {
  // Keys are numbered with 32 bits, so more than that cannot be asked for.
  size_t maxBytes = std::min<size_t>(limits.maxBytes, UINT32_MAX);
  if (text.size() > maxBytes)
    return unsupported(foundExpected(what, "", std::to_string(text.size()) + " bytes",
                                     "at most " + std::to_string(maxBytes) + " bytes of JSON"));
  if (text.starts_with("\xEF\xBB\xBF"))
    return corrupt(foundExpected(what, "", "a byte order mark", "JSON text; save the file as UTF-8 without it"));

  // The parser takes a NUL byte for the end of the text and would not see what
  // follows. Nowhere in JSON is one allowed, so whatever becomes of the text
  // before it, the whole is refused.
  size_t nul = text.find('\0');
  bool endsAtNul = nul != std::string_view::npos;
  text = text.substr(0, nul);
  Builder builder(text, endsAtNul, what, limits);
  const char *begin = text.data() ? text.data() : "";
  bool parsed = Json::sax_parse(begin, begin + text.size(), &builder);
  if (parsed && endsAtNul)
    parsed = builder.failAtNul();
  if (!parsed && builder.status.ok())
    return internalError(foundExpected(what, "", "a failure without a cause", "a parsed value"));
  PLAIT_RETURN_IF_ERROR(builder.status);
  return std::move(builder.root);
}

Expected<Json> plait::readJsonFile(const std::string &path, const JsonLimits &limits) {
  PLAIT_ASSIGN_OR_RETURN(std::string text, readFile(path, limits.maxBytes));
  return parseJson(text, path, limits);
}

std::string plait::writeJson(const Json &value) {
  // With `replace`, a string that is not UTF-8 cannot make dump() throw.
  return value.dump(2, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

//===----------------------------------------------------------------------===//
// JsonView
//===----------------------------------------------------------------------===//

std::string JsonView::where() const { return placeName(source, pointer); }

Status JsonView::error(const std::string &expected) const {
  return invalidArgument(foundExpected(source, pointer, describe(*value), expected));
}

bool JsonView::has(std::string_view key) const {
  const Json *member = findMember(*value, key);
  return member && !member->is_null();
}

Expected<JsonView> JsonView::get(std::string_view key) const {
  if (!value->is_object())
    return error("an object with the member " + inQuotes(key));
  std::string memberPointer = pointer;
  appendStep(memberPointer, key);
  if (const Json *member = findMember(*value, key))
    return JsonView(*member, source, std::move(memberPointer));
  return invalidArgument(foundExpected(source, memberPointer, "nothing", "the required member " + inQuotes(key)));
}

Expected<JsonView> JsonView::at(size_t index) const {
  const auto *array = value->get_ptr<const Json::array_t *>();
  if (!array || index >= array->size())
    return error("an array with an element " + std::to_string(index));
  return JsonView((*array)[index], source, pointer + "/" + std::to_string(index));
}

Expected<int64_t> JsonView::asInt(int64_t min, int64_t max) const {
  std::string expected = "an integer";
  if (min != INT64_MIN && max != INT64_MAX)
    expected += " in [" + std::to_string(min) + ", " + std::to_string(max) + "]";
  else if (min != INT64_MIN)
    expected += " of at least " + std::to_string(min);
  else if (max != INT64_MAX)
    expected += " of at most " + std::to_string(max);
  else
    expected += " of 64 bits";

  int64_t result;
  // Unsigned first: get_ptr sees an unsigned number as a signed one as well.
  if (value->is_number_unsigned()) {
    uint64_t number = *value->get_ptr<const Json::number_unsigned_t *>();
    if (number > uint64_t(INT64_MAX))
      return error(expected);
    result = static_cast<int64_t>(number);
  } else if (value->is_number_integer()) {
    result = *value->get_ptr<const Json::number_integer_t *>();
  } else {
    return error(expected);
  }
  if (result < min || result > max)
    return error(expected);
  return result;
}

Expected<double> JsonView::asDouble() const {
  if (value->is_number_unsigned())
    return static_cast<double>(*value->get_ptr<const Json::number_unsigned_t *>());
  if (value->is_number_integer())
    return static_cast<double>(*value->get_ptr<const Json::number_integer_t *>());
  if (value->is_number_float())
    return *value->get_ptr<const Json::number_float_t *>();
  return error("a number");
}

Expected<bool> JsonView::asBool() const {
  if (const auto *flag = value->get_ptr<const Json::boolean_t *>())
    return *flag;
  return error("true or false");
}

Expected<std::string> JsonView::asString() const {
  if (const auto *text = value->get_ptr<const Json::string_t *>())
    return *text;
  return error("a string");
}

Expected<std::vector<JsonView>> JsonView::asArray() const {
  const auto *array = value->get_ptr<const Json::array_t *>();
  if (!array)
    return error("an array");
  std::vector<JsonView> views;
  views.reserve(array->size());
  for (const Json &element : *array)
    views.emplace_back(element, source, pointer + "/" + std::to_string(views.size()));
  return views;
}

Expected<std::vector<std::pair<std::string, JsonView>>> JsonView::asObject() const {
  const auto *object = value->get_ptr<const Json::object_t *>();
  if (!object)
    return error("an object");
  std::vector<std::pair<std::string, JsonView>> views;
  views.reserve(object->size());
  for (const auto &[key, member] : *object) {
    std::string memberPointer = pointer;
    appendStep(memberPointer, key);
    views.emplace_back(key, JsonView(member, source, std::move(memberPointer)));
  }
  return views;
}

// An absent member of something that is no object is an error of `get`, never
// the default: the text is not what its reader takes it for.

Expected<int64_t> JsonView::getInt(std::string_view key, int64_t min, int64_t max) const {
  PLAIT_ASSIGN_OR_RETURN(JsonView member, get(key));
  return member.asInt(min, max);
}

Expected<int64_t> JsonView::getInt(std::string_view key, int64_t min, int64_t max, int64_t absent) const {
  if (value->is_object() && !has(key))
    return absent;
  return getInt(key, min, max);
}

Expected<double> JsonView::getDouble(std::string_view key) const {
  PLAIT_ASSIGN_OR_RETURN(JsonView member, get(key));
  return member.asDouble();
}

Expected<double> JsonView::getDouble(std::string_view key, double absent) const {
  if (value->is_object() && !has(key))
    return absent;
  return getDouble(key);
}

Expected<bool> JsonView::getBool(std::string_view key, bool absent) const {
  if (value->is_object() && !has(key))
    return absent;
  PLAIT_ASSIGN_OR_RETURN(JsonView member, get(key));
  return member.asBool();
}

Expected<std::string> JsonView::getString(std::string_view key) const {
  PLAIT_ASSIGN_OR_RETURN(JsonView member, get(key));
  return member.asString();
}

Expected<std::string> JsonView::getString(std::string_view key, const std::string &absent) const {
  if (value->is_object() && !has(key))
    return absent;
  return getString(key);
}
