//===- CompletionText.h - The text of one completion -----------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DECODE_COMPLETIONTEXT_H
#define PLAIT_RUNTIME_DECODE_COMPLETIONTEXT_H

#include "runtime/base/Tokenizer.h"
#include "runtime/decode/StopStrings.h"

#include <cstdint>
#include <string>

namespace plait {

/// From tokens to text, up to a stop string. Before there are `minTokens` tokens
/// none ends the text, as no stop id does.
class CompletionText {
public:
  CompletionText(const Tokenizer &tokenizer, StopStrings stops, int64_t minTokens = 0)
      : stream(tokenizer), stops(std::move(stops)), minTokens(minTokens) {}

  /// Returns the text that is certain after one more token.
  std::string push(int32_t token);
  /// After the last token: the rest of the text.
  std::string finish();
  /// Whether a stop string has ended the text: no token after this one belongs
  /// to it.
  bool stopped() const { return stops.found(); }
  /// The stop string that was found, or null.
  const std::string *stopString() const { return stops.found(); }

private:
  Tokenizer::Stream stream;
  StopStrings stops;
  int64_t minTokens, count = 0;
};

} // namespace plait

#endif // PLAIT_RUNTIME_DECODE_COMPLETIONTEXT_H
