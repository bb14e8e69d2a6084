//===- Run.cpp - plait run: tokens from a model ---------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/File.h"
#include "runtime/base/Safetensors.h"
#include "runtime/core/Tables.h"
#include "runtime/decode/Scheduler.h"
#include "tools/plait/Arguments.h"
#include "tools/plait/Commands.h"
#include "tools/plait/Console.h"
#include "tools/plait/Prompts.h"
#include "tools/plait/Session.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include <unistd.h>

using namespace plait;

namespace {

constexpr const char *kFooter =
    "Standard output carries the generated text alone, as it comes. Of several prompts each\n"
    "result takes one line, in the order of the prompts; newlines, tabs and backslashes in it\n"
    "are written \\n, \\t and \\\\. --output ids prints comma-separated token ids, --output json\n"
    "one JSON object per prompt and line.\n"
    "Exit codes: 0 success, 1 failure, 2 wrong usage, 130 interrupted.";

struct RunTexts {
  std::string path, output = "text", maxTokens, threads, chunk, batch, weights, dumpLogits;
  PromptSources prompts;
  SamplingTexts sampling;
  bool ignoreEos = false, noBos = false, stats = false, quiet = false;
};

struct RunOptions {
  int64_t maxTokens = 128;
  unsigned threads = 0;
  int64_t chunk = 512, batch = 32;
  std::vector<Prompt> prompts;
};

/// What is wrong here is wrong usage.
Expected<RunOptions> parseOptions(const RunTexts &texts) {
  RunOptions options;
  if (texts.output != "text" && texts.output != "ids" && texts.output != "json")
    return invalidArgument("--output: found \"" + printable(texts.output, 80) + "\"; expected text, ids or json");
  if (!texts.maxTokens.empty()) {
    PLAIT_ASSIGN_OR_RETURN(options.maxTokens, parseInteger("--max-tokens", texts.maxTokens, 0, INT64_MAX / 2));
  }
  if (!texts.threads.empty()) {
    PLAIT_ASSIGN_OR_RETURN(int64_t threads, parseInteger("--threads", texts.threads, 1, 1024));
    options.threads = unsigned(threads);
  }
  if (!texts.chunk.empty()) {
    PLAIT_ASSIGN_OR_RETURN(options.chunk, parseInteger("--chunk", texts.chunk, 1, 1 << 20));
  }
  if (!texts.batch.empty()) {
    PLAIT_ASSIGN_OR_RETURN(options.batch, parseInteger("--batch", texts.batch, 1, 1 << 16));
  }
  PLAIT_RETURN_IF_ERROR(checkWeightsSpec(texts.weights));
  // The defaults of the model come later; here only the values count.
  PLAIT_RETURN_IF_ERROR(parseSampling(texts.sampling, {}).status());
  PLAIT_ASSIGN_OR_RETURN(options.prompts, readPrompts(texts.prompts));
  return options;
}

/// Prints results in the order of the prompts, whatever the order of their ends.
class Printer {
public:
  Printer(const RunTexts &texts, const std::vector<Prompt> &prompts, const Tokenizer *tokenizer)
      : texts(texts), prompts(prompts), tokenizer(tokenizer), streaming(prompts.size() == 1) {
    if (tokenizer)
      stream.emplace(*tokenizer);
  }

  void token(const TokenEvent &event) {
    if (!streaming || texts.output == "json")
      return;
    if (texts.output == "ids")
      out.write(fmt::format("{}{}", event.index ? "," : "", event.token));
    else
      out.write(stream->push(event.token));
  }

  void finished(size_t index, const SequenceResult &result) {
    std::string text;
    if (streaming && result.reason == FinishReason::error && result.tokens.empty())
      return; // nothing was generated; the error says why
    if (!streaming && result.reason == FinishReason::cancelled)
      return; // of an interrupted batch only whole results are printed
    if (streaming && texts.output != "json")
      text = (texts.output == "text" ? stream->finish() : "") + "\n";
    else if (texts.output == "json")
      text = json(index, result) + "\n";
    else if (texts.output == "ids")
      text = fmt::format("{}\n", fmt::join(result.tokens, ","));
    else
      text = escapeLine(decode(result.tokens)) + "\n";
    ready.emplace(index, std::move(text));
    for (auto it = ready.begin(); it != ready.end() && it->first == next; ++next) {
      out.write(it->second);
      it = ready.erase(it);
    }
  }

  const Output &output() const { return out; }

private:
  std::string decode(const std::vector<int32_t> &tokens) const {
    Tokenizer::Stream whole(*tokenizer);
    std::string text;
    for (int32_t token : tokens)
      text += whole.push(token);
    return text + whole.finish();
  }

  std::string json(size_t index, const SequenceResult &result) const {
    Json object = {{"index", index}};
    const Prompt &prompt = prompts[index];
    object["prompt"] = prompt.text ? Json(*prompt.text) : Json(nullptr);
    object["prompt_tokens"] = prompt.tokens.size();
    object["text"] = tokenizer ? Json(decode(result.tokens)) : Json(nullptr);
    object["tokens"] = result.tokens;
    object["logprobs"] = result.logprobs;
    object["finish_reason"] = finishReasonName(result.reason);
    object["stop_token"] = result.stopToken >= 0 ? Json(result.stopToken) : Json(nullptr);
    if (!result.note.empty())
      object["note"] = result.note;
    if (!result.error.ok())
      object["error"] = result.error.message();
    return object.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  const RunTexts &texts;
  const std::vector<Prompt> &prompts;
  const Tokenizer *tokenizer;
  bool streaming;
  std::optional<Tokenizer::Stream> stream;
  Output out;
  std::map<size_t, std::string> ready; ///< results that wait for earlier ones
  size_t next = 0;
};

Status writeLogits(const std::string &path, const std::vector<SequenceResult> &results, const Model &model) {
  std::vector<TensorToWrite> tensors;
  auto bytes = [](const auto &values) {
    return std::span(reinterpret_cast<const uint8_t *>(values.data()), values.size() * sizeof(values[0]));
  };
  for (size_t i = 0; i < results.size(); ++i) {
    const SequenceResult &r = results[i];
    int64_t fed = int64_t(r.fed.size());
    tensors.push_back(
        {fmt::format("logits.{}", i), TensorType::f32, {fed, model.tables().vocabulary}, bytes(r.logits)});
    tensors.push_back({fmt::format("tokens.{}", i), TensorType::i32, {fed}, bytes(r.fed)});
    tensors.push_back({fmt::format("generated.{}", i), TensorType::i32, {int64_t(r.tokens.size())}, bytes(r.tokens)});
  }
  return writeSafetensors(path, tensors, {{"model", model.manifest().name}});
}

double seconds(DecodeClock::time_point from, DecodeClock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

void printStatistics(const Session &session, const Instance &instance, const std::vector<SequenceResult> &results) {
  const char *how = !session.artifact.fromFolder ? "given"
                    : session.artifact.compiled  ? "compiled"
                                                 : "found in the cache";
  fmt::print(stderr, "model      {} ({}, {:.2f} s), loaded in {:.3f} s, {} threads\n", session.model->manifest().name,
             how, session.artifact.seconds, session.loadSeconds, instance.threads());
  // Rates over all sequences: from the first start to the last first token, and
  // from the first first token to the last end.
  int64_t promptTokens = 0, generated = 0, decoded = 0;
  std::optional<DecodeClock::time_point> start, firstToken, lastFirstToken, end;
  for (const SequenceResult &r : results) {
    promptTokens += r.promptTokens;
    generated += int64_t(r.tokens.size());
    if (r.firstToken == DecodeClock::time_point())
      continue;
    decoded += int64_t(r.tokens.size()) - (r.stopToken < 0);
    start = start ? std::min(*start, r.started) : r.started;
    firstToken = firstToken ? std::min(*firstToken, r.firstToken) : r.firstToken;
    lastFirstToken = lastFirstToken ? std::max(*lastFirstToken, r.firstToken) : r.firstToken;
    end = end ? std::max(*end, r.finished) : r.finished;
  }
  if (!start)
    return;
  double prefill = seconds(*start, *lastFirstToken), decode = seconds(*firstToken, *end);
  fmt::print(stderr, "prefill    {} tokens, {:.1f} tok/s; time to first token {:.1f} ms\n", promptTokens,
             double(promptTokens) / std::max(prefill, 1e-9), 1e3 * seconds(*start, *firstToken));
  if (decoded > 0 && decode > 0)
    fmt::print(stderr, "decode     {} tokens, {:.1f} tok/s ({:.3f} ms per step)\n", generated, double(decoded) / decode,
               1e3 * decode * double(results.size()) / double(decoded));
}

class RunCommand {
public:
  RunCommand(const RunTexts &texts, RunOptions options) : texts(texts), options(std::move(options)) {}

  int run() {
    if (Status status = prepare(); !status)
      return fail(status);
    Printer printer(texts, options.prompts, tokenizer ? &*tokenizer : nullptr);
    Status status = generate(printer);
    if (int code = printer.output().exitCode())
      return code;
    if (!status)
      return fail(status);
    if (interrupted())
      return fail(Status::error(StatusCode::cancelled, "interrupted"));
    int code = exitSuccess;
    for (size_t i = 0; i < results.size(); ++i) {
      // That the default number of tokens does not fit surprises nobody.
      if (!results[i].note.empty() && !texts.maxTokens.empty() && !texts.quiet)
        note(label(i) + results[i].note);
      if (results[i].reason == FinishReason::error)
        code = fail(internalError(label(i) + results[i].error.message()));
    }
    if (!texts.dumpLogits.empty() && code == exitSuccess)
      if (Status written = writeLogits(texts.dumpLogits, results, *session.model); !written)
        return fail(written);
    if (texts.stats || (!texts.quiet && isatty(STDERR_FILENO)))
      printStatistics(session, *instance, results);
    return code;
  }

private:
  std::string label(size_t index) const { return options.prompts.size() == 1 ? "" : fmt::format("prompt {}: ", index); }

  Status prepare() {
    CompileOptions compile;
    compile.weights = texts.weights;
    compile.debugLogits = !texts.dumpLogits.empty();
    compile.threads = options.threads;
    compile.quiet = texts.quiet;
    PLAIT_ASSIGN_OR_RETURN(session, Session::open(texts.path, compile, options.threads));
    PLAIT_ASSIGN_OR_RETURN(tokenizer, session.tokenizer());
    if (!tokenizer && texts.output == "text")
      return invalidArgument("--output text: the model has no tokenizer.json; use --output ids");
    PLAIT_RETURN_IF_ERROR(encodePrompts(options.prompts, tokenizer ? &*tokenizer : nullptr, !texts.noBos));
    const Manifest &manifest = session.model->manifest();
    Sampling defaults;
    defaults.temperature = manifest.temperature;
    defaults.topK = manifest.topK;
    defaults.topP = manifest.topP > 0 ? manifest.topP : 1;
    defaults.minP = manifest.minP;
    PLAIT_ASSIGN_OR_RETURN(sampling, parseSampling(texts.sampling, defaults));
    return createInstance();
  }

  Status createInstance() {
    const Model &model = *session.model;
    InstanceOptions io;
    io.threads = options.threads;
    io.maxRows = std::min<int64_t>(options.batch, int64_t(options.prompts.size()));
    io.maxTokens = options.chunk + io.maxRows;
    io.maxStops = std::max<int64_t>(1, int64_t(model.manifest().eos.size()));
    if (!texts.dumpLogits.empty()) {
      io.variant = model.manifest().strategy + ".debug";
      if (!model.plan(io.variant))
        return notFound("--dump-logits: the model has no variant \"" + io.variant +
                        "\"; compile it with `plait-compile --debug-logits`");
    }
    Demand demand;
    demand.sequences = io.maxRows;
    demand.stepTokens = io.maxTokens;
    std::vector<int64_t> lengths;
    for (const Prompt &prompt : options.prompts)
      lengths.push_back(std::min(int64_t(prompt.tokens.size()) + options.maxTokens, model.tables().max_positions));
    std::sort(lengths.rbegin(), lengths.rend());
    lengths.resize(size_t(io.maxRows));
    demand.positions = lengths[0];
    demand.totalPositions = 0;
    for (int64_t length : lengths)
      demand.totalPositions += wholePages(model, length) * pageTokens(model.tables());
    io.capacityPages = pagesToReserve(model, demand);
    PLAIT_ASSIGN_OR_RETURN(instance, Instance::create(session.model, io));
    return Status::success();
  }

  Status generate(Printer &printer) {
    Scheduler scheduler(instance, {.chunk = options.chunk});
    results.resize(options.prompts.size());
    for (size_t i = 0; i < options.prompts.size(); ++i) {
      Request request;
      request.prompt = options.prompts[i].tokens;
      request.sampling = sampling;
      request.sampling.sequence = i;
      request.maxTokens = options.maxTokens;
      request.ignoreEos = texts.ignoreEos;
      request.wantLogits = !texts.dumpLogits.empty();
      request.onToken = [&](const TokenEvent &event) { printer.token(event); };
      request.onFinish = [&, i](SequenceResult result) {
        printer.finished(i, result);
        results[i] = std::move(result);
      };
      Expected<SequenceId> id = scheduler.add(std::move(request));
      if (!id)
        return options.prompts.size() == 1 ? id.status() : id.status().withContext(fmt::format("prompt {}", i));
    }
    while (true) {
      PLAIT_ASSIGN_OR_RETURN(bool more, scheduler.step());
      if (!more)
        return Status::success();
      if (interrupted() || !printer.output().ok())
        scheduler.cancelAll();
    }
  }

  const RunTexts &texts;
  RunOptions options;
  Session session;
  std::optional<Tokenizer> tokenizer;
  Sampling sampling;
  std::shared_ptr<Instance> instance;
  std::vector<SequenceResult> results;
};

int runAction(const RunTexts &texts) {
  Expected<RunOptions> options = parseOptions(texts);
  if (!options)
    return fail(options.status(), exitUsage);
  return RunCommand(texts, options.take()).run();
}

} // namespace

void plait::addRunCommand(CLI::App &app, Action &action) {
  auto texts = std::make_shared<RunTexts>();
  CLI::App *run = app.add_subcommand("run", "Generate text with a model");
  run->add_option("PATH", texts->path, "a .plait folder, or a Hugging Face folder to compile")->required();
  run->add_option("-p,--prompt", texts->prompts.texts, "prompt; repeat it for a batch")->allow_extra_args(false);
  run->add_option("--prompt-file", texts->prompts.file, "file with one prompt per line");
  run->add_option("--token-ids", texts->prompts.tokenIds, "prompt as token ids: 1,2,3; repeat it for a batch")
      ->allow_extra_args(false);
  run->add_option("--output", texts->output, "text (default), ids or json");
  run->add_option("-n,--max-tokens", texts->maxTokens, "tokens to generate (default 128)");
  run->add_option("--temperature", texts->sampling.temperature, "0 chooses greedily (default: the model's)");
  run->add_option("--top-k", texts->sampling.topK, "keep the k most probable; 0 keeps all");
  run->add_option("--top-p", texts->sampling.topP, "keep the smallest set of this probability");
  run->add_option("--min-p", texts->sampling.minP, "keep those of this share of the maximum");
  run->add_option("--seed", texts->sampling.seed, "of the random numbers (default 0)");
  run->add_flag("--ignore-eos", texts->ignoreEos, "go on after the end-of-sequence token");
  run->add_flag("--no-bos", texts->noBos, "add no special tokens to the prompt");
  run->add_option("-t,--threads", texts->threads, "threads (default: physical cores)")->envname("PLAIT_THREADS");
  run->add_option("--chunk", texts->chunk, "prompt tokens per step (default 512)");
  run->add_option("-b,--batch", texts->batch, "sequences per step at most (default 32)");
  run->add_option("--weights", texts->weights, "of a model folder: checkpoint (default), random[:SEED] or none");
  run->add_option("--dump-logits", texts->dumpLogits, "write the logits of all positions to this safetensors file");
  run->add_flag("--stats", texts->stats, "print statistics even if stderr is no terminal");
  run->add_flag("-q,--quiet", texts->quiet, "print nothing but errors on stderr");
  run->footer(kFooter);
  run->callback([texts, &action] { action = [texts] { return runAction(*texts); }; });
}
