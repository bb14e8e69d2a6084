//===- StopStrings.cpp - Text that ends a text ----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/StopStrings.h"

#include "runtime/base/Utf8.h"

#include <algorithm>
#include <utility>

using namespace plait;

StopStrings::Search::Search(std::string stop) : text(std::move(stop)), borders(text.size() + 1, 0) {
  for (size_t n = 1, border = 0; n < text.size(); ++n) {
    while (border > 0 && text[n] != text[border])
      border = borders[border];
    border += text[n] == text[border];
    borders[n + 1] = border;
  }
}

bool StopStrings::Search::advance(char byte) {
  while (matched > 0 && text[matched] != byte)
    matched = borders[matched];
  matched += text[matched] == byte;
  if (matched < text.size())
    return false;
  matched = borders[matched];
  return true;
}

Expected<StopStrings> StopStrings::create(std::vector<std::string> stops) {
  StopStrings result;
  for (std::string &stop : stops) {
    if (stop.empty())
      return invalidArgument("stop string: found an empty one; expected text");
    if (size_t at = findInvalidUtf8(stop); at != std::string::npos)
      return invalidArgument("stop string " + quoteForMessage(stop) + ": found a byte at offset " + std::to_string(at) +
                             " that is no UTF-8; expected valid UTF-8");
    result.searches.emplace_back(std::move(stop));
  }
  return result;
}

std::string StopStrings::push(std::string_view text, bool mayStop) {
  if (match >= 0)
    return {};
  for (char byte : text) {
    held += byte;
    size_t longest = 0;
    for (size_t i = 0; i < searches.size(); ++i)
      if (searches[i].advance(byte) && mayStop && searches[i].text.size() > longest) {
        match = int(i);
        longest = searches[i].text.size();
      }
    if (match >= 0) {
      held.resize(held.size() - longest);
      return std::exchange(held, {});
    }
  }
  size_t possible = 0;
  for (const Search &search : searches)
    possible = std::max(possible, search.matched);
  std::string certain = held.substr(0, held.size() - possible);
  held.erase(0, certain.size());
  return certain;
}

std::string StopStrings::finish() { return match < 0 ? std::exchange(held, {}) : std::string(); }
