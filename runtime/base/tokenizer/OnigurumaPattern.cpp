//===- OnigurumaPattern.cpp - Oniguruma patterns for PCRE2 ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/tokenizer/OnigurumaPattern.h"

#include "runtime/base/tokenizer/OnigurumaSets.h"
#include "runtime/base/Utf8.h"

#include <cstdint>
#include <cstdio>
#include <optional>
#include <utility>

namespace plait {

using namespace oniguruma;

namespace {

constexpr const char *anyCharacter = "[\\x{0}-\\x{10ffff}]";

/// Deeper nesting than any tokenizer has; keeps the recursion bounded.
constexpr unsigned maxNesting = 100;
constexpr size_t maxPatternBytes = 1 << 16;

char lowerAscii(char32_t c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); }

bool isAsciiLetter(char32_t c) { return lowerAscii(c) >= 'a' && lowerAscii(c) <= 'z' && c < 0x80; }
bool isAsciiDigit(char32_t c) { return c >= '0' && c <= '9'; }

/// A set of characters: either one character, or the inside of a bracket.
struct CharacterSet {
  std::optional<char32_t> single;
  std::string items;
  bool negated = false;
};

class Translator {
public:
  explicit Translator(std::string_view pattern) : in(pattern) {}

  Expected<std::string> run() {
    PLAIT_RETURN_IF_ERROR(parseAlternatives(0));
    if (!atEnd())
      return fail("an unmatched ')'", "balanced groups");
    return std::move(out);
  }

private:
  bool atEnd() const { return pos >= in.size(); }
  bool startsWith(std::string_view s) const { return in.substr(pos, s.size()) == s; }
  bool consume(std::string_view s) {
    if (!startsWith(s))
      return false;
    pos += s.size();
    return true;
  }
  char32_t peek() const { return decodeUtf8(in, pos).value; }
  char32_t next() {
    Utf8Step step = decodeUtf8(in, pos);
    pos += step.length;
    return step.value;
  }

  Status fail(const std::string &found, const std::string &expected) const {
    return unsupported("regex " + quoteForMessage(in) + ": found " + found + " at byte " + std::to_string(pos) +
                       "; expected " + expected);
  }

  static void appendCharacter(std::string &text, char32_t c) {
    char buffer[16];
    if (isAsciiLetter(c) || isAsciiDigit(c))
      std::snprintf(buffer, sizeof(buffer), "%c", static_cast<int>(c));
    else
      std::snprintf(buffer, sizeof(buffer), "\\x{%x}", static_cast<unsigned>(c));
    text += buffer;
  }

  Status parseAlternatives(unsigned depth);
  Status parseAtom(unsigned depth);
  Status parseGroup(unsigned depth);
  Status parseLiteral(char32_t c);
  Status parseQuantifier(size_t atomStart);
  Status parseEscape();
  Expected<CharacterSet> parseSetEscape(bool inClass);
  Expected<CharacterSet> parseProperty();
  Expected<char32_t> parseHex();
  Expected<std::string> parseClass(unsigned depth);
  Expected<CharacterSet> parsePosixBracket();
  Expected<std::string> parseClassOperand(unsigned depth);
  Expected<std::string> atomOf(const CharacterSet &set) const;

  std::string_view in;
  size_t pos = 0;
  std::string out;
  bool ignoreCase = false;
  bool quantifiable = false;       // the last atom consumes text
  std::optional<char32_t> literal; // the last atom, if one plain character
};

Status Translator::parseAlternatives(unsigned depth) {
  if (depth > maxNesting)
    return fail("too deep a nesting", "at most " + std::to_string(maxNesting) + " levels");
  literal.reset();
  while (!atEnd() && !startsWith(")")) {
    if (consume("|")) {
      out += '|';
      literal.reset();
      continue;
    }
    size_t atomStart = out.size();
    std::optional<char32_t> before = std::exchange(literal, std::nullopt);
    quantifiable = true;
    PLAIT_RETURN_IF_ERROR(parseAtom(depth));
    if (ignoreCase && before && literal) {
      // Oniguruma folds these pairs to single characters (U+00DF, U+FB00 to
      // U+FB06) when it ignores case; PCRE2 does not.
      char pair[] = {lowerAscii(*before), lowerAscii(*literal), 0};
      for (const char *folded : {"ss", "ff", "fi", "fl", "st"})
        if (std::string_view(pair) == folded)
          return fail("\"" + std::string(pair) + "\" with case ignored", "no letters that fold to a ligature");
    }
    PLAIT_RETURN_IF_ERROR(parseQuantifier(atomStart));
  }
  literal.reset();
  return Status::success();
}

Status Translator::parseAtom(unsigned depth) {
  if (startsWith("[")) {
    PLAIT_ASSIGN_OR_RETURN(std::string set, parseClass(depth + 1));
    out += set;
    return Status::success();
  }
  if (startsWith("("))
    return parseGroup(depth);
  if (startsWith("\\"))
    return parseEscape();
  char32_t c = next();
  switch (c) {
  case '.':
    out += '.';
    return Status::success();
  case '^':
  case '$':
    out += static_cast<char>(c);
    quantifiable = false;
    return Status::success();
  case '*':
  case '+':
  case '?':
    --pos;
    return fail("a quantifier without a target", "something to repeat");
  default:
    return parseLiteral(c);
  }
}

Status Translator::parseLiteral(char32_t c) {
  if (ignoreCase && c >= 0x80)
    return fail("a non-ASCII character with case ignored", "ASCII there");
  literal = c;
  appendCharacter(out, c);
  return Status::success();
}

Status Translator::parseGroup(unsigned depth) {
  bool savedIgnoreCase = ignoreCase;
  bool assertion = false;
  // Groups never capture: back references are not supported.
  if (!consume("(?")) {
    consume("(");
    out += "(?:";
  } else if (consume(":")) {
    out += "(?:";
  } else if (consume(">")) {
    out += "(?>";
  } else if (startsWith("=") || startsWith("!") || startsWith("<=") || startsWith("<!")) {
    assertion = true;
    out += "(?";
    if (consume("<"))
      out += '<';
    out += static_cast<char>(next());
  } else {
    // Options. Ruby's "m" is PCRE2's "s", but no tokenizer needs either.
    bool on = true, wanted = ignoreCase;
    while (!atEnd() && (startsWith("i") || startsWith("-"))) {
      if (next() == '-')
        on = false;
      else
        wanted = on;
    }
    bool isolated = startsWith(")");
    if (!isolated && !startsWith(":"))
      return fail("an unknown group or option", "(?:, (?>, (?=, (?!, (?<=, (?<!, (?i) or (?i:");
    ++pos;
    ignoreCase = wanted;
    out += ignoreCase ? "(?i:" : "(?-i:";
    if (isolated) {
      // Holds to the end of the enclosing group, over its later alternatives.
      PLAIT_RETURN_IF_ERROR(parseAlternatives(depth + 1));
      out += ')';
      ignoreCase = savedIgnoreCase;
      quantifiable = false;
      return Status::success();
    }
  }
  PLAIT_RETURN_IF_ERROR(parseAlternatives(depth + 1));
  if (!consume(")"))
    return fail("the end of the pattern", "')'");
  out += ')';
  ignoreCase = savedIgnoreCase;
  quantifiable = !assertion;
  return Status::success();
}

Status Translator::parseQuantifier(size_t atomStart) {
  bool interval = false, fixed = false;
  if (startsWith("*") || startsWith("+") || startsWith("?")) {
    if (!quantifiable)
      return fail("a quantifier of an assertion", "something to repeat");
    out += static_cast<char>(next());
  } else if (startsWith("{")) {
    // {n}, {n,}, {,m} or {n,m}; anything else is a literal brace.
    size_t i = pos + 1;
    std::string low, high;
    bool comma = false;
    while (i < in.size() && isAsciiDigit(static_cast<unsigned char>(in[i])))
      low += in[i++];
    if (i < in.size() && in[i] == ',') {
      comma = true;
      ++i;
      while (i < in.size() && isAsciiDigit(static_cast<unsigned char>(in[i])))
        high += in[i++];
    }
    if (i >= in.size() || in[i] != '}' || (low.empty() && high.empty()))
      return Status::success();
    if (!quantifiable)
      return fail("a quantifier of an assertion", "something to repeat");
    if (low.size() > 4 || high.size() > 4)
      return fail("a repeat count over 9999", "a smaller one");
    if (!low.empty() && !high.empty() && std::stoi(low) > std::stoi(high))
      return fail("a repeat range that runs backwards", "{low,high}");
    interval = true;
    fixed = !comma;
    out += '{' + (low.empty() ? "0" : low) + (comma ? "," + high : "") + '}';
    pos = i + 1;
  } else {
    return Status::success();
  }
  literal.reset();

  if (startsWith("?") || startsWith("+")) {
    char suffix = static_cast<char>(next());
    // In Ruby x{n,m}+ repeats x{n,m} and x{n}? makes it optional; in PCRE2 the
    // suffixes would mean possessive and lazy.
    if (interval && (suffix == '+' || fixed)) {
      out.insert(atomStart, "(?:");
      out += ')';
    }
    out += suffix;
  }
  if (startsWith("*") || startsWith("+") || startsWith("?") || startsWith("{"))
    return fail("a quantifier of a quantifier", "a group around the inner one");
  return Status::success();
}

Expected<char32_t> Translator::parseHex() {
  // Just after \x or \u.
  bool braces = in[pos - 1] == 'x' && consume("{");
  size_t maxDigits = braces ? 8 : in[pos - 1] == 'x' ? 2 : 4;
  uint64_t value = 0;
  size_t digits = 0;
  while (digits < maxDigits && !atEnd()) {
    char c = lowerAscii(static_cast<unsigned char>(in[pos]));
    if (!isAsciiDigit(static_cast<unsigned char>(c)) && !(c >= 'a' && c <= 'f'))
      break;
    value = value * 16 + static_cast<uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
    ++pos;
    ++digits;
  }
  bool exact = braces ? digits > 0 && consume("}") : digits == maxDigits;
  // \x80 and above without braces are raw bytes to Oniguruma.
  if (!exact || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF) || (maxDigits == 2 && value >= 0x80))
    return fail("a malformed hexadecimal escape", "\\xHH below 80, \\x{H..} or \\uHHHH");
  return static_cast<char32_t>(value);
}

Expected<CharacterSet> Translator::parseProperty() {
  // Just after \p or \P.
  CharacterSet set;
  set.negated = in[pos - 1] == 'P';
  size_t end = in.find('}', pos);
  if (!consume("{") || end == std::string_view::npos)
    return fail("\\p without a name", "\\p{name}");
  if (consume("^"))
    set.negated = !set.negated;
  std::string name;
  while (pos < end) {
    char32_t c = next();
    if (c == ' ' || c == '-' || c == '_')
      continue;
    if (!isAsciiLetter(c) && !isAsciiDigit(c))
      return fail("a property name with other than letters", "\\p{name}");
    name += lowerAscii(c);
  }
  pos = end + 1;
  set.items = propertyItems(name);
  return set;
}

/// An escape that stands for a character or a set of them; just after '\'.
Expected<CharacterSet> Translator::parseSetEscape(bool inClass) {
  if (atEnd())
    return fail("a '\\' at the end", "an escape");
  CharacterSet set;
  auto single = [&](char32_t c) {
    set.single = c;
    return set;
  };
  auto items = [&](std::string_view text, bool negated) {
    set.items = text;
    set.negated = negated;
    return set;
  };
  char32_t c = next();
  switch (c) {
  case 't':
    return single('\t');
  case 'n':
    return single('\n');
  case 'r':
    return single('\r');
  case 'f':
    return single('\f');
  case 'v':
    return single('\v');
  case 'a':
    return single('\a');
  case 'e':
    return single(0x1B);
  case 'x':
  case 'u': {
    PLAIT_ASSIGN_OR_RETURN(char32_t value, parseHex());
    return single(value);
  }
  case 'd':
  case 'D':
    return items("\\p{Nd}", c == 'D');
  case 's':
  case 'S':
    return items(spaceItems, c == 'S');
  case 'w':
  case 'W':
    return items(wordItems, c == 'W');
  case 'h':
  case 'H':
    return items(hexDigitItems, c == 'H');
  case 'p':
  case 'P':
    return parseProperty();
  case 'b':
    if (inClass)
      return single('\b');
    break;
  default:
    if (!isAsciiLetter(c) && !isAsciiDigit(c))
      return single(c);
    break;
  }
  pos -= 2;
  return fail("the escape " + quoteForMessage(in.substr(pos, 2)),
              "\\t \\n \\r \\f \\v \\a \\e \\x \\u \\d \\s \\w \\h \\p \\b \\A \\z \\Z or an escaped "
              "punctuation character");
}

/// `set` as a pattern that matches exactly one character.
Expected<std::string> Translator::atomOf(const CharacterSet &set) const {
  std::string items = set.items;
  if (set.single)
    appendCharacter(items, *set.single);
  // What Oniguruma's case folding adds to sets of letters is not modelled.
  if (ignoreCase && !set.single && items != spaceItems && items != "\\p{Nd}")
    return fail("a set of letters with case ignored", "(?i:...) around ASCII letters only");
  return (set.negated ? "[^" : "[") + withNewerCharacters(items) + "]";
}

Status Translator::parseEscape() {
  consume("\\");
  if (consume("b") || consume("B")) {
    std::string word = "[" + withNewerCharacters(wordItems) + std::string(bareWordItems) + "]";
    bool boundary = in[pos - 1] == 'b';
    out += boundary ? "(?:(?<=" + word + ")(?!" + word + ")|(?<!" + word + ")(?=" + word + "))"
                    : "(?:(?<=" + word + ")(?=" + word + ")|(?<!" + word + ")(?!" + word + "))";
    quantifiable = false;
    return Status::success();
  }
  if (startsWith("A") || startsWith("z") || startsWith("Z")) {
    out += '\\';
    out += static_cast<char>(next());
    quantifiable = false;
    return Status::success();
  }
  PLAIT_ASSIGN_OR_RETURN(CharacterSet set, parseSetEscape(/*inClass=*/false));
  if (set.single)
    return parseLiteral(*set.single);
  if (set.items == wordItems)
    set.items += bareWordItems;
  PLAIT_ASSIGN_OR_RETURN(std::string atom, atomOf(set));
  out += atom;
  return Status::success();
}

/// Translates "[...]". Oniguruma has unions of nested classes and intersections,
/// which become alternatives and lookaheads around one character.
Expected<std::string> Translator::parseClass(unsigned depth) {
  if (depth > maxNesting)
    return fail("too deep a nesting", "at most " + std::to_string(maxNesting) + " levels");
  consume("[");
  bool negated = consume("^");
  if (startsWith("]"))
    return fail("a ']' that opens a class", "\\]");
  std::string others; // the operands of && before the last
  PLAIT_ASSIGN_OR_RETURN(std::string last, parseClassOperand(depth));
  while (consume("&&")) {
    others += "(?=" + last + ")";
    PLAIT_ASSIGN_OR_RETURN(last, parseClassOperand(depth));
  }
  if (!consume("]"))
    return fail("the end of the pattern", "']'");
  if (others.empty() && !negated)
    return last;
  if (others.empty() && last.rfind("[", 0) == 0 && last.rfind("[^", 0) != 0)
    return "[^" + last.substr(1);
  std::string both = "(?:" + others + last + ")";
  return negated ? "(?:(?!" + both + ")" + anyCharacter + ")" : both;
}

Expected<CharacterSet> Translator::parsePosixBracket() {
  // Just after "[:".
  CharacterSet set;
  set.negated = consume("^");
  size_t end = in.find(":]", pos);
  std::string_view name = end == std::string_view::npos ? "" : in.substr(pos, end - pos);
  for (const char *known : {"alpha", "alnum", "digit", "lower", "upper", "space", "word", "xdigit"}) {
    if (name == known) {
      pos = end + 2;
      set.items = propertyItems(name);
      return set;
    }
  }
  return fail("a POSIX bracket or a class that starts with ':'",
              "[:alpha:], [:alnum:], [:digit:], [:lower:], [:upper:], [:space:], [:word:] or "
              "[:xdigit:]");
}

/// One side of "&&": the union of its members, as a pattern for one character.
Expected<std::string> Translator::parseClassOperand(unsigned depth) {
  std::string items;        // members that one bracket can hold
  std::string alternatives; // members that it cannot
  bool first = true;
  auto addAlternative = [&](const std::string &text) { alternatives += (alternatives.empty() ? "" : "|") + text; };
  for (; !startsWith("]") && !startsWith("&&"); first = false) {
    if (atEnd())
      return fail("the end of the pattern", "']'");
    if (startsWith("[") && !startsWith("[:")) {
      PLAIT_ASSIGN_OR_RETURN(std::string nested, parseClass(depth + 1));
      addAlternative(nested);
      continue;
    }
    CharacterSet set;
    bool dash = startsWith("-");
    if (consume("[:")) {
      PLAIT_ASSIGN_OR_RETURN(set, parsePosixBracket());
    } else if (consume("\\")) {
      PLAIT_ASSIGN_OR_RETURN(set, parseSetEscape(/*inClass=*/true));
    } else {
      set.single = next();
    }
    // Elsewhere a bare '-' is an error or a literal, by rules of its own.
    if (dash && !first && !startsWith("]"))
      return fail("a '-' between members of a class", "\\-");

    if (!set.single) {
      if (startsWith("-") && !startsWith("-]"))
        return fail("a '-' after a set", "\\-");
      if (set.negated) {
        PLAIT_ASSIGN_OR_RETURN(std::string atom, atomOf(set));
        addAlternative(atom);
      } else {
        PLAIT_RETURN_IF_ERROR(atomOf(set).status());
        items += withNewerCharacters(set.items);
      }
      continue;
    }
    char32_t low = *set.single, high = low;
    if (startsWith("-") && !startsWith("-]")) {
      ++pos;
      if (atEnd() || startsWith("[") || startsWith("&&"))
        return fail("an unfinished range", "a last character");
      CharacterSet last;
      if (consume("\\")) {
        PLAIT_ASSIGN_OR_RETURN(last, parseSetEscape(/*inClass=*/true));
      } else {
        last.single = next();
      }
      if (!last.single || *last.single < low)
        return fail("a range without a last character above its first", "first-last");
      high = *last.single;
    }
    if (ignoreCase && high >= 0x80)
      return fail("a non-ASCII character with case ignored", "ASCII there");
    appendCharacter(items, low);
    if (high != low) {
      items += '-';
      appendCharacter(items, high);
    }
  }
  if (items.empty() && alternatives.empty())
    return fail("an empty class", "at least one member");
  if (alternatives.empty())
    return "[" + items + "]";
  if (!items.empty())
    addAlternative("[" + items + "]");
  // Atomic: a character that two members hold must not be tried twice.
  return "(?>" + alternatives + ")";
}

} // namespace

Expected<std::string> translateOnigurumaPattern(std::string_view pattern) {
  if (pattern.size() > maxPatternBytes)
    return unsupported("regex: found " + std::to_string(pattern.size()) + " bytes; expected at most " +
                       std::to_string(maxPatternBytes));
  if (size_t bad = findInvalidUtf8(pattern); bad != std::string_view::npos)
    return corrupt("regex: found invalid UTF-8 at byte " + std::to_string(bad) + "; expected valid UTF-8");
  return Translator(pattern).run();
}

} // namespace plait
