//===- Lexer.cpp - Cutting a template into tokens -------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Utf8.h"
#include "runtime/base/jinja/Characters.h"
#include "runtime/base/jinja/Token.h"

#include <algorithm>
#include <charconv>
#include <optional>

using namespace plait;
using namespace plait::jinja;

namespace {

std::string withPlainNewlines(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n')
      continue;
    result += text[i] == '\r' ? '\n' : text[i];
  }
  return result;
}

bool isAsciiDigit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
public:
  Lexer(std::string_view text, const std::string &name) : source(withPlainNewlines(text)), name(name) {
    if (source.ends_with('\n'))
      source.pop_back();
  }

  Expected<std::vector<Token>> run() {
    if (size_t bad = findInvalidUtf8(source); bad != std::string_view::npos)
      return invalidArgument(name + ": found invalid UTF-8 at byte " + std::to_string(bad) +
                             "; expected a template in UTF-8");
    while (position < source.size() && status.ok())
      readData();
    if (!status.ok())
      return status;
    add(TokenKind::end);
    return std::move(tokens);
  }

private:
  void fail(const std::string &message) {
    if (status.ok())
      status = invalidArgument(name + ": line " + std::to_string(line) + ": " + message);
  }

  Token &add(TokenKind kind, std::string text = "") {
    tokens.push_back({kind, line, std::move(text)});
    return tokens.back();
  }

  std::string_view rest() const { return std::string_view(source).substr(position); }
  bool at(std::string_view text) const { return rest().starts_with(text); }

  /// Goes on by `count` bytes and keeps the line number.
  void advance(size_t count) {
    line += int(std::count(source.begin() + ptrdiff_t(position), source.begin() + ptrdiff_t(position + count), '\n'));
    position += count;
  }

  size_t spacesAt(size_t from) const {
    size_t end = from;
    while (end < source.size()) {
      Utf8Step step = decodeUtf8(source, end);
      if (!isSpace(step.value))
        break;
      end += step.length;
    }
    return end - from;
  }

  static size_t withoutTrailingSpaces(std::string_view text) {
    while (!text.empty()) {
      size_t last = lastUtf8Start(text);
      if (!isSpace(decodeUtf8(text, last).value))
        break;
      text = text.substr(0, last);
    }
    return text.size();
  }

  /// Emits the text up to `end`, where a tag with the control character `sign`
  /// begins, and stops there.
  void addData(size_t end, char sign, bool isVariable) {
    std::string_view text = std::string_view(source).substr(position, end - position);
    if (sign == '-') {
      text = text.substr(0, withoutTrailingSpaces(text));
    } else if (sign != '+' && !isVariable) {
      size_t lineStart = text.rfind('\n') + 1; // 0 if there is none
      if ((lineStart > 0 || atLineStart) && withoutTrailingSpaces(text.substr(lineStart)) == 0)
        text = text.substr(0, lineStart);
    }
    if (!text.empty())
      add(TokenKind::data, std::string(text));
    advance(end - position);
  }

  /// After a tag: the newline that trim_blocks drops.
  void skipNewline() {
    if (at("\n"))
      advance(1);
  }

  /// Whether "-%}", "+%}" or "%}" is next; skips it with the space it trims.
  bool skipEnd(std::string_view closing, bool trimsNewline, bool allowsPlus) {
    bool minus = at("-") && rest().substr(1).starts_with(closing);
    bool plus = allowsPlus && at("+") && rest().substr(1).starts_with(closing);
    if (!minus && !plus && !at(closing))
      return false;
    advance(closing.size() + (minus || plus));
    if (minus)
      advance(spacesAt(position));
    else if (!plus && trimsNewline)
      skipNewline();
    atLineStart = source[position - 1] == '\n';
    return true;
  }

  static char signAt(std::string_view text) {
    return !text.empty() && (text[0] == '-' || text[0] == '+') ? text[0] : 0;
  }

  /// The length of `{% NAME %}` at `from` up to its closing, or nothing.
  std::optional<size_t> tagAt(size_t from, std::string_view tagName) const {
    size_t end = from + 2;
    end += signAt(std::string_view(source).substr(end)) != 0;
    end += spacesAt(end);
    if (!std::string_view(source).substr(end).starts_with(tagName))
      return std::nullopt;
    end += tagName.size();
    return end + spacesAt(end) - from;
  }

  void readData() {
    size_t begin = position;
    auto beginsTag = [&](size_t i) {
      return i + 1 < source.size() && std::string_view("{%#").find(source[i + 1]) != std::string_view::npos;
    };
    do
      begin = source.find('{', begin);
    while (begin != std::string::npos && !beginsTag(begin) && ++begin);
    if (begin == std::string::npos) {
      add(TokenKind::data, source.substr(position));
      return advance(source.size() - position);
    }
    char kind = source[begin + 1];
    char sign = signAt(std::string_view(source).substr(begin + 2));
    addData(begin, sign, kind == '{');
    if (kind == '%' && readRaw())
      return;
    advance(2 + (sign != 0));
    if (kind == '#')
      return skipComment();
    add(kind == '{' ? TokenKind::variableBegin : TokenKind::blockBegin);
    readTag(kind == '{');
  }

  /// {% raw %} ... {% endraw %}: text whatever it looks like.
  bool readRaw() {
    std::optional<size_t> length = tagAt(position, "raw");
    if (!length)
      return false;
    size_t closing = position + *length;
    std::string_view after = std::string_view(source).substr(closing);
    if (!after.starts_with("%}") && !after.starts_with("-%}"))
      return false;
    advance(*length);
    skipEnd("%}", /*trimsNewline=*/false, /*allowsPlus=*/false);
    atLineStart = source[position - 1] == '\n';
    for (size_t begin = source.find("{%", position); begin != std::string::npos; begin = source.find("{%", begin + 1)) {
      std::optional<size_t> tag = tagAt(begin, "endraw");
      if (!tag)
        continue;
      std::string_view end = std::string_view(source).substr(begin + *tag);
      if (!end.starts_with("%}") && !end.starts_with("-%}") && !end.starts_with("+%}"))
        continue;
      addData(begin, signAt(std::string_view(source).substr(begin + 2)), /*isVariable=*/false);
      advance(*tag);
      skipEnd("%}", /*trimsNewline=*/true, /*allowsPlus=*/true);
      return true;
    }
    fail("found no {% endraw %} for this {% raw %}");
    return true;
  }

  void skipComment() {
    size_t end = source.find("#}", position);
    if (end == std::string::npos)
      return fail("found no #} for this {#");
    if (end > position && signAt(std::string_view(source).substr(end - 1)))
      --end;
    advance(end - position);
    skipEnd("#}", /*trimsNewline=*/true, /*allowsPlus=*/true);
  }

  void readTag(bool isVariable) {
    std::string brackets; // that are open: a "}}" may close two of them
    while (status.ok()) {
      advance(spacesAt(position));
      if (position == source.size())
        return fail(std::string("found the end of the template; expected ") + (isVariable ? "}}" : "%}"));
      int before = line;
      if (brackets.empty() && skipEnd(isVariable ? "}}" : "%}", !isVariable, !isVariable)) {
        add(isVariable ? TokenKind::variableEnd : TokenKind::blockEnd).line = before;
        return;
      }
      readToken(brackets);
    }
  }

  void readToken(std::string &brackets) {
    char c = source[position];
    if (isAsciiDigit(c))
      return readNumber();
    if (c == '"' || c == '\'')
      return readString();
    size_t end = position;
    while (end < source.size()) {
      Utf8Step step = decodeUtf8(source, end);
      if (!isNamePart(step.value))
        break;
      end += step.length;
    }
    if (end > position) {
      add(TokenKind::name, source.substr(position, end - position));
      return advance(end - position);
    }
    for (std::string_view symbol : {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
                                    "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"})
      if (at(symbol)) {
        if (!balance(symbol[0], brackets))
          return fail("found " + quoteForMessage(symbol) + "; expected " +
                      (brackets.empty() ? "no closing bracket" : "\"" + brackets.substr(brackets.size() - 1) + "\""));
        add(TokenKind::symbol, std::string(symbol));
        return advance(symbol.size());
      }
    fail("found " + quoteForMessage(rest().substr(0, decodeUtf8(source, position).length)) +
         "; expected a name, a number, a string or an operator");
  }

  static bool balance(char symbol, std::string &brackets) {
    if (symbol == '{' || symbol == '(' || symbol == '[')
      brackets += symbol == '{' ? '}' : symbol == '(' ? ')' : ']';
    if (symbol != '}' && symbol != ')' && symbol != ']')
      return true;
    if (brackets.empty() || brackets.back() != symbol)
      return false;
    brackets.pop_back();
    return true;
  }

  /// The end of digits of `base`, single underscores between them allowed.
  size_t digitsEnd(size_t from, int base) const {
    auto isDigit = [&](size_t i) {
      if (i >= source.size())
        return false;
      char c = char(source[i] | 0x20);
      return base == 16 ? isAsciiDigit(source[i]) || (c >= 'a' && c <= 'f')
                        : source[i] >= '0' && source[i] < char('0' + base);
    };
    size_t end = from;
    while (isDigit(end) || (end < source.size() && source[end] == '_' && isDigit(end + 1)))
      ++end;
    return end;
  }

  std::string withoutUnderscores(size_t begin, size_t end) const {
    std::string digits = source.substr(begin, end - begin);
    std::erase(digits, '_');
    return digits;
  }

  void readNumber() {
    bool afterDot = !tokens.empty() && tokens.back().isSymbol(".") && source[position - 1] == '.';
    size_t end = afterDot ? position : floatEnd();
    if (end > position) {
      std::string digits = withoutUnderscores(position, end);
      add(TokenKind::number).number = std::strtod(digits.c_str(), nullptr);
      return advance(end - position);
    }
    int base = 10;
    size_t begin = position;
    if (source[position] == '0' && position + 1 < source.size()) {
      char c = char(source[position + 1] | 0x20);
      int wanted = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 10;
      if (wanted != 10 && digitsEnd(position + 2, wanted) > position + 2) {
        base = wanted;
        begin += 2;
      }
    }
    // "007" is "00" and "7", which no expression allows.
    end = base == 10 && source[position] == '0' ? digitsEnd(begin, 1) : digitsEnd(begin, base);
    std::string digits = withoutUnderscores(begin, end);
    Token &token = add(TokenKind::integer);
    auto [last, error] = std::from_chars(digits.data(), digits.data() + digits.size(), token.integer, base);
    if (error != std::errc())
      return fail("found the integer " + quoteForMessage(digits) + "; expected one of 64 bits");
    advance(end - position);
  }

  size_t floatEnd() const {
    auto fraction = [&](size_t from) { return digitsEnd(from, 10); };
    size_t whole = fraction(position), end = whole;
    bool isFloat = false;
    if (end < source.size() && source[end] == '.' && fraction(end + 1) > end + 1) {
      end = fraction(end + 1);
      isFloat = true;
    }
    if (end < source.size() && (source[end] | 0x20) == 'e') {
      size_t exponent = end + 1;
      exponent += exponent < source.size() && (source[exponent] == '+' || source[exponent] == '-');
      if (fraction(exponent) > exponent) {
        end = fraction(exponent);
        isFloat = true;
      }
    }
    return isFloat ? end : position;
  }

  void readString() {
    char quote = source[position];
    size_t end = position + 1;
    while (end < source.size() && source[end] != quote)
      end += source[end] == '\\' ? 2 : 1;
    if (end >= source.size())
      return fail(std::string("found no closing ") + quote + " of this string");
    std::string value;
    if (!unescape(std::string_view(source).substr(position + 1, end - position - 1), value))
      return;
    add(TokenKind::string, std::move(value));
    advance(end + 1 - position);
  }

  /// The escapes of a Python string; an unknown one stands for itself.
  bool unescape(std::string_view text, std::string &value) {
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\' || i + 1 == text.size()) {
        value += text[i];
        continue;
      }
      char c = text[++i];
      constexpr std::string_view from = "\\'\"abfnrtv", to = "\\'\"\a\b\f\n\r\t\v";
      if (size_t found = from.find(c); found != std::string_view::npos) {
        value += to[found];
      } else if (c == '\n') {
        continue;
      } else if (c >= '0' && c <= '7') {
        uint32_t code = 0;
        size_t end = std::min(i + 3, text.size());
        for (; i < end && text[i] >= '0' && text[i] <= '7'; ++i)
          code = code * 8 + uint32_t(text[i] - '0');
        --i;
        appendUtf8(value, code);
      } else if (c == 'x' || c == 'u' || c == 'U') {
        size_t length = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        std::string_view digits = text.substr(i + 1, length);
        uint32_t code = 0;
        auto [last, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
        bool whole = digits.size() == length && last == digits.data() + length && error == std::errc();
        if (!whole || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
          fail("found the escape " + quoteForMessage(text.substr(i - 1, length + 2)) +
               "; expected hexadecimal digits of a character");
          return false;
        }
        appendUtf8(value, code);
        i += length;
      } else if (c == 'N') {
        fail("found the escape \"\\N\"; expected \\x, \\u or \\U, names of characters are not supported");
        return false;
      } else {
        value += '\\';
        value += c;
      }
    }
    return true;
  }

  std::string source;
  const std::string &name;
  size_t position = 0;
  int line = 1;
  bool atLineStart = true; ///< what was skipped last ended with a newline
  std::vector<Token> tokens;
  Status status;
};

} // namespace

Expected<std::vector<Token>> jinja::tokenize(std::string_view source, const std::string &name) {
  return Lexer(source, name).run();
}
