//===- MarkedText.cpp - Text that knows what a user wrote -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/jinja/MarkedText.h"

#include <algorithm>

using namespace plait;
using namespace plait::jinja;

static bool startsCharacter(char byte) { return (byte & 0xC0) != 0x80; }

MarkedText::MarkedText(std::string bytes, bool isUser) : text(std::move(bytes)) {
  if (isUser)
    mark(0, text.size());
}

void MarkedText::mark(size_t begin, size_t end) {
  if (begin == end)
    return;
  if (!user.empty() && user.back().end == begin)
    user.back().end = end;
  else
    user.push_back({begin, end});
}

bool MarkedText::isUser(size_t position) const {
  auto after = std::upper_bound(user.begin(), user.end(), position,
                                [](size_t value, const TextRange &range) { return value < range.begin; });
  return after != user.begin() && position < std::prev(after)->end;
}

void MarkedText::append(std::string_view more, bool isUser) {
  size_t begin = text.size();
  text.append(more);
  if (isUser)
    mark(begin, text.size());
}

void MarkedText::append(const MarkedText &more, size_t begin, size_t end) {
  size_t base = text.size();
  text.append(more.text, begin, end - begin);
  auto range = std::lower_bound(more.user.begin(), more.user.end(), begin,
                                [](const TextRange &r, size_t value) { return r.end <= value; });
  for (; range != more.user.end() && range->begin < end; ++range)
    mark(base + std::max(range->begin, begin) - begin, base + std::min(range->end, end) - begin);
}

MarkedText MarkedText::slice(size_t begin, size_t end) const {
  MarkedText part;
  part.append(*this, begin, end);
  return part;
}

void MarkedText::spreadMarks() {
  if (!user.empty())
    user = {{0, text.size()}};
}

size_t MarkedText::length() const { return size_t(std::count_if(text.begin(), text.end(), startsCharacter)); }

size_t MarkedText::offsetOf(size_t index) const {
  size_t position = 0;
  for (; position < text.size(); ++position)
    if (startsCharacter(text[position]) && index-- == 0)
      break;
  return position;
}
