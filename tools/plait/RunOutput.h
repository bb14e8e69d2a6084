//===- RunOutput.h - What plait run prints ---------------------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_RUNOUTPUT_H
#define PLAIT_TOOLS_PLAIT_RUNOUTPUT_H

#include "runtime/base/Json.h"
#include "runtime/base/Tokenizer.h"
#include "runtime/decode/CompletionText.h"
#include "runtime/decode/Sequence.h"
#include "tools/plait/Console.h"
#include "tools/plait/Prompts.h"

#include <map>
#include <string>
#include <vector>

namespace plait {

/// Prints results in the order of the prompts, and of one prompt in the order of
/// its completions, whatever the order of their ends. Results are numbered so. A
/// single one is printed token by token.
class RunOutput {
public:
  struct Options {
    std::string format; ///< text, ids or json
    StopStrings stops;
    bool hasStops = false;
    int64_t minTokens = 0, completions = 1;
    int32_t topLogprobs = 0;
    bool hasStatistics = false; ///< what drafting came to goes into the JSON
  };
  /// `tokenizer` may be null unless the format is text or there are stop strings.
  RunOutput(Options options, const std::vector<Prompt> &prompts, const Tokenizer *tokenizer);

  /// Returns whether a stop string has ended the result, which then has no more
  /// tokens.
  bool token(size_t index, const TokenEvent &event);
  /// Makes FinishReason::stop the reason of a result that a stop string has ended.
  void finished(size_t index, SequenceResult &result);

  const Output &output() const { return out; }

private:
  struct Result {
    CompletionText decoder;
    std::string text;
  };

  bool stopped(size_t index) const { return tokenizer && results[index].decoder.stopped(); }
  std::string json(size_t index, const SequenceResult &result) const;
  Json topLogprobs(const SequenceResult &result) const;

  Options options;
  const std::vector<Prompt> &prompts;
  const Tokenizer *tokenizer;
  bool streaming;
  std::vector<Result> results; ///< with a tokenizer
  Output out;
  std::map<size_t, std::string> ready; ///< results that wait for earlier ones
  size_t next = 0;
};

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_RUNOUTPUT_H
