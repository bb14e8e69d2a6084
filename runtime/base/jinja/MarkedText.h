//===- MarkedText.h - Text that knows what a user wrote ---------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A string with marks on the bytes that came from outside of a template: what
// a user typed stays recognisable wherever a template puts it. Positions are
// bytes; characters are Unicode code points of valid UTF-8.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_JINJA_MARKEDTEXT_H
#define PLAIT_RUNTIME_BASE_JINJA_MARKEDTEXT_H

#include "runtime/base/TextRange.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace plait::jinja {

class MarkedText {
public:
  MarkedText() = default;
  explicit MarkedText(std::string text, bool user = false);

  const std::string &bytes() const { return text; }
  /// What the user wrote: not empty, in order, and apart from each other.
  const std::vector<TextRange> &userRanges() const { return user; }
  bool empty() const { return text.empty(); }
  size_t size() const { return text.size(); }
  bool hasUser() const { return !user.empty(); }
  bool isUser(size_t position) const;

  void append(std::string_view more, bool isUser);
  void append(const MarkedText &more) { append(more, 0, more.size()); }
  void append(const MarkedText &more, size_t begin, size_t end);
  MarkedText slice(size_t begin, size_t end) const;
  /// Everything counts as the user's, if anything does.
  void spreadMarks();

  /// The number of characters.
  size_t length() const;
  /// Where character `index` begins; the size for one past the end.
  size_t offsetOf(size_t index) const;

private:
  void mark(size_t begin, size_t end);

  std::string text;
  std::vector<TextRange> user;
};

} // namespace plait::jinja

#endif // PLAIT_RUNTIME_BASE_JINJA_MARKEDTEXT_H
