//===- TextTools.cpp - What str methods and filters share -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/jinja/TextTools.h"

#include "runtime/base/jinja/Characters.h"

using namespace plait;
using namespace plait::jinja;

static bool isCased(char32_t c) { return isUpper(c) || isLower(c) || isTitle(c); }

/// Whether the capital sigma at `position` ends a word: then it becomes U+03C2
/// (Unicode's Final_Sigma). Marks and apostrophes are looked through.
static bool isFinalSigma(const std::string &bytes, size_t position) {
  auto ignorable = [](char32_t c) {
    return c == '\'' || c == '.' || c == 0xAD || c == 0x2019 || (c >= 0x300 && c <= 0x36F);
  };
  bool before = false;
  for (size_t end = position; end > 0;) {
    size_t start = lastUtf8Start(std::string_view(bytes).substr(0, end));
    char32_t c = decodeUtf8(bytes, start).value;
    end = start;
    if (ignorable(c))
      continue;
    before = isCased(c);
    break;
  }
  if (!before)
    return false;
  for (size_t i = position + 2; i < bytes.size();) {
    Utf8Step step = decodeUtf8(bytes, i);
    i += step.length;
    if (!ignorable(step.value))
      return !isCased(step.value);
  }
  return true;
}

namespace {

/// Lower case of one character after the other of a text.
class Lowering {
public:
  explicit Lowering(const MarkedText &text) : bytes(text.bytes()) {}
  void operator()(char32_t c, std::string &out) {
    if (c == 0x3A3)
      appendUtf8(out, isFinalSigma(bytes, position) ? 0x3C2 : 0x3C3);
    else
      appendLower(out, c);
    skip(c);
  }
  void skip(char32_t c) { position += c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4; }

private:
  const std::string &bytes;
  size_t position = 0;
};

} // namespace

MarkedText jinja::toUpper(const MarkedText &text) {
  return mapCharacters(text, [](char32_t c, std::string &out) { appendUpper(out, c); });
}

MarkedText jinja::toLower(const MarkedText &text) { return mapCharacters(text, Lowering(text)); }

MarkedText jinja::toTitle(const MarkedText &text) {
  Lowering lower(text);
  bool inWord = false;
  return mapCharacters(text, [&](char32_t c, std::string &out) {
    if (inWord) {
      lower(c, out);
    } else {
      appendTitle(out, c);
      lower.skip(c);
    }
    inWord = isCased(c);
  });
}

MarkedText jinja::toCapitalized(const MarkedText &text) {
  Lowering lower(text);
  bool first = true;
  return mapCharacters(text, [&](char32_t c, std::string &out) {
    if (first) {
      appendTitle(out, c);
      lower.skip(c);
    } else {
      lower(c, out);
    }
    first = false;
  });
}

MarkedText jinja::strip(const MarkedText &text, const MarkedText *set, bool left, bool right) {
  const std::string &bytes = text.bytes();
  auto goes = [&](size_t at, size_t length) {
    std::string_view character = std::string_view(bytes).substr(at, length);
    return set ? set->bytes().find(character) != std::string::npos : isSpace(decodeUtf8(character, 0).value);
  };
  size_t begin = 0, end = bytes.size();
  while (left && begin < end) {
    size_t length = decodeUtf8(bytes, begin).length;
    if (!goes(begin, length))
      break;
    begin += length;
  }
  while (right && end > begin) {
    size_t start = lastUtf8Start(std::string_view(bytes).substr(0, end));
    if (!goes(start, end - start))
      break;
    end = start;
  }
  return text.slice(begin, end);
}

MarkedText jinja::replaceAll(const MarkedText &text, const MarkedText &old, const MarkedText &with, int64_t limit,
                             size_t maxBytes) {
  const std::string &bytes = text.bytes(), &sought = old.bytes();
  MarkedText result;
  size_t done = 0;
  while (limit != 0 && result.size() <= maxBytes) {
    size_t found = bytes.find(sought, done);
    if (found == std::string::npos)
      break;
    --limit;
    if (!sought.empty()) {
      result.append(text, done, found);
      result.append(with);
      done = found + sought.size();
      continue;
    }
    result.append(with); // before every character, and at the end
    if (done == bytes.size())
      return result;
    size_t length = decodeUtf8(bytes, done).length;
    result.append(text, done, done + length);
    done += length;
  }
  result.append(text, done, bytes.size());
  return result;
}

std::vector<TextRange> jinja::splitLines(const MarkedText &text, bool keepEnds) {
  std::vector<TextRange> lines;
  const std::string &bytes = text.bytes();
  size_t begin = 0;
  for (size_t i = 0; i < bytes.size();) {
    Utf8Step step = decodeUtf8(bytes, i);
    size_t end = i + step.length;
    if (isLineEnd(step.value)) {
      if (step.value == '\r' && end < bytes.size() && bytes[end] == '\n')
        ++end;
      lines.push_back({begin, keepEnds ? end : i});
      begin = end;
    }
    i = end;
  }
  if (begin < bytes.size())
    lines.push_back({begin, bytes.size()});
  return lines;
}
