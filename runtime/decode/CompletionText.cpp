//===- CompletionText.cpp - The text of one completion --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/CompletionText.h"

using namespace plait;

std::string CompletionText::push(int32_t token) {
  ++count;
  return stops.push(stream.push(token), count >= minTokens);
}

std::string CompletionText::finish() {
  std::string text = stops.push(stream.finish(), count >= minTokens);
  return text + stops.finish();
}
