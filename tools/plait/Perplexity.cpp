//===- Perplexity.cpp - plait perplexity: how well a model fits a text ----===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/File.h"
#include "runtime/core/Tables.h"
#include "runtime/core/Instance.h"
#include "runtime/decode/Scheduler.h"
#include "tools/plait/Arguments.h"
#include "tools/plait/Commands.h"
#include "tools/plait/Console.h"
#include "tools/plait/Session.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

using namespace plait;

namespace {

constexpr const char *kFooter =
    "The text is cut into windows that do not overlap. Each begins with the special tokens\n"
    "that the tokenizer puts before a text; if there are none, the first token of a window\n"
    "is not scored. Perplexity is exp of the mean negative log probability of the tokens that\n"
    "are scored, and its error the standard error of that mean. With --against, KL is the\n"
    "divergence of PATH's distribution from the other model's, sum(p * log(p / q)) in nats\n"
    "with p the other's, over the scored tokens; both models must tokenize the text alike.";

struct PerplexityTexts {
  std::string path, text, context, against, threads, output = "text";
  CompileOptions compile;
  bool quiet = false;
};

/// Tokens to feed, of which those from `firstScored` on are scored.
struct Window {
  std::vector<int32_t> tokens;
  size_t firstScored;
};

/// A model that gives the logits of all tokens.
struct Scorer {
  Session session;
  std::vector<int32_t> leading, tokens; ///< special tokens, and those of the text
  std::shared_ptr<Instance> instance;

  static Expected<Scorer> open(const std::string &path, const PerplexityTexts &texts, unsigned threads,
                               const std::string &text);
  Status prepare(int64_t context, unsigned threads);
  Expected<SequenceResult> run(const std::vector<int32_t> &window) const;
  size_t vocabulary() const { return size_t(session.model->tables().vocabulary); }
};

Expected<Scorer> Scorer::open(const std::string &path, const PerplexityTexts &texts, unsigned threads,
                              const std::string &text) {
  Scorer scorer;
  CompileOptions compile = texts.compile;
  compile.debugLogits = true;
  compile.threads = threads;
  compile.quiet = texts.quiet;
  PLAIT_ASSIGN_OR_RETURN(scorer.session, Session::open(path, compile, threads));
  PLAIT_ASSIGN_OR_RETURN(std::optional<Tokenizer> tokenizer, scorer.session.tokenizer());
  if (!tokenizer)
    return invalidArgument(printable(path) + ": found no tokenizer.json; expected a model with one, as --text is text");
  PLAIT_ASSIGN_OR_RETURN(scorer.tokens, tokenizer->encode(text, /*addSpecialTokens=*/false));
  PLAIT_ASSIGN_OR_RETURN(std::vector<int32_t> whole, tokenizer->encode(text, /*addSpecialTokens=*/true));
  auto begin = std::search(whole.begin(), whole.end(), scorer.tokens.begin(), scorer.tokens.end());
  if (begin != whole.end())
    scorer.leading.assign(whole.begin(), begin);
  return scorer;
}

Status Scorer::prepare(int64_t context, unsigned threads) {
  const Model &model = *session.model;
  InstanceOptions io;
  io.threads = threads;
  io.maxRows = 1;
  io.maxTokens = std::min<int64_t>(context, 512);
  io.maxStops = std::max<int64_t>(1, int64_t(model.manifest().eos.size()));
  io.variant = model.manifest().strategy + ".debug";
  if (!model.plan(io.variant))
    return notFound(printable(session.artifact.path) + ": found no variant \"" + io.variant +
                    "\"; expected one, as all logits are needed; compile the model with `plait-compile "
                    "--debug-logits`");
  int64_t positions = wholePages(model, context) * pageTokens(model.tables());
  io.capacityPages = pagesToReserve(model, io, {1, context, positions});
  PLAIT_ASSIGN_OR_RETURN(instance, Instance::create(session.model, io));
  return Status::success();
}

Expected<SequenceResult> Scorer::run(const std::vector<int32_t> &window) const {
  Scheduler scheduler(instance, {.chunk = instance->limits().maxTokens});
  SequenceResult result;
  Request request;
  request.prompt = window;
  request.maxTokens = 0;
  request.wantLogits = true;
  request.onFinish = [&](SequenceResult finished) { result = std::move(finished); };
  Expected<SequenceId> id = scheduler.add(std::move(request));
  if (!id)
    return id.status();
  for (bool more = true; more;) {
    PLAIT_ASSIGN_OR_RETURN(more, scheduler.step());
    PLAIT_RETURN_IF_ERROR(checkInterrupted());
  }
  if (result.reason == FinishReason::error)
    return result.error;
  return result;
}

std::vector<Window> cutWindows(const Scorer &scorer, int64_t context) {
  std::vector<Window> windows;
  size_t size = size_t(context) - scorer.leading.size();
  for (size_t begin = 0; begin < scorer.tokens.size(); begin += size) {
    Window window{scorer.leading, std::max<size_t>(scorer.leading.size(), 1)};
    auto from = scorer.tokens.begin() + ptrdiff_t(begin);
    window.tokens.insert(window.tokens.end(), from, from + ptrdiff_t(std::min(size, scorer.tokens.size() - begin)));
    if (window.tokens.size() > window.firstScored)
      windows.push_back(std::move(window));
  }
  return windows;
}

/// log(sum(exp(logits)))
double logSumExp(const float *logits, size_t count) {
  float most = *std::max_element(logits, logits + count);
  double sum = 0;
  for (size_t i = 0; i < count; ++i)
    sum += std::exp(double(logits[i]) - most);
  return std::log(sum) + most;
}

/// The negative log probabilities of the scored tokens.
struct Losses {
  std::vector<double> values;

  void add(const Window &window, const std::vector<float> &logits, size_t vocabulary) {
    for (size_t i = window.firstScored; i < window.tokens.size(); ++i) {
      const float *before = logits.data() + (i - 1) * vocabulary;
      values.push_back(logSumExp(before, vocabulary) - before[window.tokens[i]]);
    }
  }
  double mean() const {
    double sum = 0;
    for (double value : values)
      sum += value;
    return sum / double(values.size());
  }
  double perplexity() const { return std::exp(mean()); }
  double standardError() const {
    double center = mean(), squares = 0, count = double(values.size());
    for (double value : values)
      squares += (value - center) * (value - center);
    return count > 1 ? perplexity() * std::sqrt(squares / (count - 1) / count) : 0;
  }
};

/// How far distributions are from those of another model.
struct Divergences {
  std::vector<double> values;
  size_t sameTop = 0;

  void add(const Window &window, const std::vector<float> &logits, const std::vector<float> &others,
           size_t vocabulary) {
    for (size_t i = window.firstScored; i < window.tokens.size(); ++i) {
      const float *q = logits.data() + (i - 1) * vocabulary, *p = others.data() + (i - 1) * vocabulary;
      double logQ = logSumExp(q, vocabulary), logP = logSumExp(p, vocabulary), sum = 0;
      for (size_t token = 0; token < vocabulary; ++token)
        sum += std::exp(p[token] - logP) * ((p[token] - logP) - (q[token] - logQ));
      values.push_back(sum);
      sameTop += std::max_element(p, p + vocabulary) - p == std::max_element(q, q + vocabulary) - q;
    }
  }
  double mean() const {
    double sum = 0;
    for (double value : values)
      sum += value;
    return sum / double(values.size());
  }
  double percentile99() const {
    std::vector<double> sorted = values;
    size_t rank = size_t(std::ceil(0.99 * double(sorted.size())));
    auto nth = sorted.begin() + ptrdiff_t(rank - 1);
    std::nth_element(sorted.begin(), nth, sorted.end());
    return *nth;
  }
  double sameTopShare() const { return double(sameTop) / double(values.size()); }
};

Expected<int> perplexityOf(const PerplexityTexts &texts, std::optional<int64_t> context, unsigned threads) {
  PLAIT_ASSIGN_OR_RETURN(std::string text, readFile(texts.text, size_t(1) << 30));
  PLAIT_ASSIGN_OR_RETURN(Scorer scorer, Scorer::open(texts.path, texts, threads, text));
  std::optional<Scorer> other;
  int64_t most = scorer.session.model->tables().max_positions;
  if (!texts.against.empty()) {
    PLAIT_ASSIGN_OR_RETURN(other, Scorer::open(texts.against, texts, threads, text));
    most = std::min<int64_t>(most, other->session.model->tables().max_positions);
    if (other->vocabulary() != scorer.vocabulary() || other->tokens != scorer.tokens ||
        other->leading != scorer.leading)
      return invalidArgument(
          fmt::format("--against: found a model that makes {} tokens of the text out of {}; expected "
                      "the {} tokens out of {} of PATH's tokenizer",
                      other->tokens.size(), other->vocabulary(), scorer.tokens.size(), scorer.vocabulary()));
  }
  int64_t size = context.value_or(std::min<int64_t>(most, 512));
  int64_t least = int64_t(scorer.leading.size()) + 2;
  if (size > most || size < least)
    return invalidArgument(
        fmt::format("--context: found {}; expected {} to {}, the positions of the model", size, least, most));
  std::vector<Window> windows = cutWindows(scorer, size);
  if (windows.empty())
    return invalidArgument(fmt::format("--text: found {} tokens in {}; expected enough to score one",
                                       scorer.tokens.size(), printable(texts.text)));
  PLAIT_RETURN_IF_ERROR(scorer.prepare(size, threads));
  if (other)
    PLAIT_RETURN_IF_ERROR(other->prepare(size, threads));

  Losses losses, otherLosses;
  Divergences divergences;
  for (const Window &window : windows) {
    PLAIT_ASSIGN_OR_RETURN(SequenceResult result, scorer.run(window.tokens));
    losses.add(window, result.logits, scorer.vocabulary());
    if (!other)
      continue;
    PLAIT_ASSIGN_OR_RETURN(SequenceResult reference, other->run(window.tokens));
    otherLosses.add(window, reference.logits, scorer.vocabulary());
    divergences.add(window, result.logits, reference.logits, scorer.vocabulary());
  }

  Output out;
  if (texts.output == "json") {
    Json json = {{"tokens", losses.values.size()},
                 {"windows", windows.size()},
                 {"context", size},
                 {"perplexity", losses.perplexity()},
                 {"error", losses.standardError()}};
    if (other)
      json["against"] = {{"perplexity", otherLosses.perplexity()},
                         {"kl_mean", divergences.mean()},
                         {"kl_p99", divergences.percentile99()},
                         {"same_top", divergences.sameTopShare()}};
    out.write(json.dump() + "\n");
    return out.exitCode();
  }
  out.write(fmt::format("perplexity  {:.4f} +- {:.4f}, {} tokens scored in {} windows of {}\n", losses.perplexity(),
                        losses.standardError(), losses.values.size(), windows.size(), size));
  if (other)
    out.write(fmt::format("against     {:.4f}, ratio {:.4f}\nKL          {:.6f} mean, {:.6f} 99th percentile\n"
                          "same top    {:.2f}%\n",
                          otherLosses.perplexity(), losses.perplexity() / otherLosses.perplexity(), divergences.mean(),
                          divergences.percentile99(), 100 * divergences.sameTopShare()));
  return out.exitCode();
}

int perplexityAction(const PerplexityTexts &texts) {
  std::optional<int64_t> context;
  unsigned threads = 0;
  auto parse = [&]() -> Status {
    if (texts.output != "text" && texts.output != "json")
      return wrongValue("--output", texts.output, "text or json");
    if (!texts.context.empty()) {
      PLAIT_ASSIGN_OR_RETURN(context, parseInteger("--context", texts.context, 2, INT32_MAX));
    }
    if (!texts.threads.empty()) {
      PLAIT_ASSIGN_OR_RETURN(int64_t count, parseInteger("--threads", texts.threads, 1, 1024));
      threads = unsigned(count);
    }
    return checkCompileOptions(texts.compile);
  };
  if (Status status = parse(); !status)
    return fail(status, exitUsage);
  Expected<int> code = perplexityOf(texts, context, threads);
  return code ? *code : fail(code.status());
}

} // namespace

void plait::addPerplexityCommand(CLI::App &app, Action &action) {
  auto texts = std::make_shared<PerplexityTexts>();
  CLI::App *command = app.add_subcommand("perplexity", "Say how well a model predicts a text");
  command
      ->add_option("PATH", texts->path,
                   "a model compiled with --debug-logits, or a Hugging Face folder or GGUF file to compile")
      ->required();
  command->add_option("--text", texts->text, "file with the text")->required();
  command->add_option("--context", texts->context, "tokens of a window (default: the model's positions, at most 512)");
  command->add_option("--against", texts->against, "another such model to compare the distributions with");
  command->add_option("--output", texts->output, "text (default) or json");
  command->add_option("-t,--threads", texts->threads, "threads (default: physical cores)")->envname("PLAIT_THREADS");
  addCompileOptions(*command, texts->compile);
  command->add_flag("-q,--quiet", texts->quiet, "print nothing but errors on stderr");
  command->footer(kFooter);
  command->callback([texts, &action] { action = [texts] { return perplexityAction(*texts); }; });
}
