//===- Run.cpp - plait run: tokens from a model ---------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Progress.h"
#include "runtime/base/File.h"
#include "runtime/base/Safetensors.h"
#include "runtime/core/Tables.h"
#include "runtime/core/Replicas.h"
#include "runtime/decode/Dispatcher.h"
#include "runtime/decode/StrategyChoice.h"
#include "tools/plait/Arguments.h"
#include "tools/plait/Commands.h"
#include "tools/plait/Console.h"
#include "tools/plait/DecodeOption.h"
#include "tools/plait/GenerationOptions.h"
#include "tools/plait/Prompts.h"
#include "tools/plait/RunOutput.h"
#include "tools/plait/RunStatistics.h"
#include "tools/plait/Session.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include <unistd.h>

using namespace plait;

namespace {

constexpr const char *kFooter =
    "Standard output carries the generated text alone, as it comes. Of several prompts or\n"
    "completions each result takes one line, in the order of the prompts; newlines, tabs and\n"
    "backslashes in it are written \\n, \\t and \\\\. --output ids prints comma-separated token ids,\n"
    "--output json one JSON object per result and line, with --stats also what drafting came to.\n"
    "A line of --prompt-jsonl may name a strategy that is compiled, or ar, instead of --decode's.\n"
    "Logits get their bias, then the repetition penalty, then presence and frequency; log\n"
    "probabilities are of these logits, before temperature, top-k, top-p and min-p.\n"
    "Exit codes: 0 success, 1 failure, 2 wrong usage, 130 interrupted.";

struct RunTexts {
  OpenSession open;
  std::string output = "text", maxTokens, threads, chunk, batch, dumpLogits, logprobs, completions;
  CompileOptions compile;
  PromptSources prompts;
  GenerationTexts generation;
  bool pin = false, ignoreEos = false, noBos = false, stats = false, quiet = false;
};

struct RunOptions {
  int64_t maxTokens = 128;
  unsigned threads = 0;
  int64_t chunk = 512, batch = 32, completions = 1;
  int32_t topLogprobs = 0;
  std::vector<Prompt> prompts;
};

/// What is wrong here is wrong usage.
Expected<RunOptions> parseOptions(const RunTexts &texts) {
  RunOptions options;
  if (texts.output != "text" && texts.output != "ids" && texts.output != "json")
    return wrongValue("--output", texts.output, "text, ids or json");
  if (!texts.maxTokens.empty()) {
    PLAIT_ASSIGN_OR_RETURN(options.maxTokens, parseInteger("--max-tokens", texts.maxTokens, 0, INT64_MAX / 2));
  }
  PLAIT_ASSIGN_OR_RETURN(options.threads, parseThreads("--threads", texts.threads));
  if (!texts.chunk.empty()) {
    PLAIT_ASSIGN_OR_RETURN(options.chunk, parseInteger("--chunk", texts.chunk, 1, 1 << 20));
  }
  if (!texts.batch.empty()) {
    PLAIT_ASSIGN_OR_RETURN(options.batch, parseInteger("--batch", texts.batch, 1, 1 << 16));
  }
  if (!texts.logprobs.empty()) {
    PLAIT_ASSIGN_OR_RETURN(int64_t count,
                           parseInteger("--logprobs", texts.logprobs, 0, InstanceOptions().maxTopLogprobs));
    if (count && texts.output != "json")
      return invalidArgument("--logprobs: found with --output " + texts.output +
                             "; expected --output json, which has a place for them");
    options.topLogprobs = int32_t(count);
  }
  if (!texts.completions.empty()) {
    PLAIT_ASSIGN_OR_RETURN(options.completions, parseInteger("--n", texts.completions, 1, 1024));
    if (options.completions > 1 && !texts.dumpLogits.empty())
      return invalidArgument("--dump-logits: found with --n " + texts.completions + "; expected one completion");
  }
  PLAIT_RETURN_IF_ERROR(checkCompileOptions(texts.compile));
  if (!texts.compile.decode.empty() && !texts.dumpLogits.empty())
    return invalidArgument("--dump-logits: found with --decode; expected plain decoding, which computes the logits of "
                           "every position by itself");
  // The defaults of the model come later; here only the values count.
  Expected<Generation> generation = parseGeneration(texts.generation, {});
  if (!generation)
    return generation.status();
  if (!texts.generation.minTokens.empty() && generation->rules.minTokens > options.maxTokens)
    return invalidArgument(fmt::format("--min-tokens: found \"{}\"; expected at most {}, the most tokens to generate",
                                       texts.generation.minTokens, options.maxTokens));
  PLAIT_ASSIGN_OR_RETURN(options.prompts, readPrompts(texts.prompts));
  return options;
}

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

class RunCommand {
public:
  RunCommand(const RunTexts &texts, RunOptions options) : texts(texts), options(std::move(options)) {}

  int run() {
    if (Status status = prepare(); !status)
      return fail(status);
    RunOutput printer({.format = texts.output,
                       .stops = generation.stops,
                       .hasStops = !texts.generation.stops.empty(),
                       .minTokens = generation.rules.minTokens,
                       .completions = options.completions,
                       .topLogprobs = options.topLogprobs,
                       .hasStatistics = texts.stats},
                      options.prompts, tokenizer ? &*tokenizer : nullptr);
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
    if (texts.stats || (!texts.quiet && isatty(STDERR_FILENO))) {
      printStatistics(session, *replicas.front(), ledger, counts, results);
      printDrafting();
    }
    return code;
  }

private:
  std::string label(size_t index) const {
    size_t completions = size_t(options.completions);
    std::string text = options.prompts.size() == 1 ? "" : fmt::format("prompt {}: ", index / completions);
    return completions == 1 ? text : fmt::format("{}completion {}: ", text, index % completions);
  }

  Status prepare() {
    CompileOptions compile = texts.compile;
    compile.debugLogits = !texts.dumpLogits.empty();
    compile.threads = options.threads;
    compile.quiet = texts.quiet;
    PLAIT_ASSIGN_OR_RETURN(session, texts.open(compile, options.threads));
    PLAIT_RETURN_IF_ERROR(chooseStrategies(compile));
    PLAIT_ASSIGN_OR_RETURN(tokenizer, session.tokenizer());
    if (!tokenizer && texts.output == "text")
      return invalidArgument("--output text: the model has no tokenizer.json; use --output ids");
    if (!tokenizer && !texts.generation.stops.empty())
      return invalidArgument("--stop: the model has no tokenizer.json; expected a model with one, or no --stop");
    PLAIT_RETURN_IF_ERROR(encodePrompts(options.prompts, tokenizer ? &*tokenizer : nullptr, !texts.noBos));
    Generation defaults = generationDefaults(session.model->manifest());
    defaults.rules.minTokens = std::min(defaults.rules.minTokens, options.maxTokens);
    PLAIT_ASSIGN_OR_RETURN(generation, parseGeneration(texts.generation, defaults));
    return createInstance();
  }

  /// Gives each prompt the call of its strategy.
  Status chooseStrategies(const CompileOptions &compile) {
    PLAIT_ASSIGN_OR_RETURN(const ManifestStrategy *standard, chosenStrategy(session, compile));
    std::vector<const ManifestStrategy *> strategies;
    for (Prompt &prompt : options.prompts) {
      const ManifestStrategy *own = standard;
      if (!prompt.strategy.empty()) {
        Expected<const ManifestStrategy *> named = strategyOfPrompt(session, compile, prompt.strategy);
        if (!named)
          return named.status().withContext(prompt.where);
        own = *named;
      }
      prompt.strategy = own ? own->call : kPlainDecoding;
      strategies.push_back(own);
    }
    PLAIT_ASSIGN_OR_RETURN(drafting, openDrafting(session, std::move(strategies), texts.quiet, options.threads));
    return Status::success();
  }

  void printDrafting() const {
    fmt::print(stderr, "{}", draftModelsText(drafting));
    for (const Drafting::Strategy &strategy : drafting.strategies()) {
      DraftCounts sum;
      for (size_t i = 0; i < results.size(); ++i)
        if (options.prompts[i / size_t(options.completions)].strategy == strategy.call)
          sum += results[i].drafting;
      fmt::print(stderr, "{}", strategyText(strategy.call, sum));
    }
  }

  Status createInstance() {
    const Model &model = *session.model;
    InstanceOptions io;
    io.threads = isAutoThreads(texts.threads) ? 0 : options.threads;
    io.pin = texts.pin;
    // The prompts are shared out evenly.
    int64_t prompts = int64_t(options.prompts.size()), replicas = model.mesh().replicas;
    int64_t sequences = (prompts + replicas - 1) / replicas * options.completions;
    io.maxRows = std::min<int64_t>(options.batch, sequences);
    // A step never has more than all prompts together.
    int64_t promptTokens = 0;
    for (const Prompt &prompt : options.prompts)
      promptTokens += int64_t(prompt.tokens.size());
    io.maxTokens = std::min(options.chunk, std::max<int64_t>(1, promptTokens * options.completions)) + io.maxRows;
    io.maxStops = std::max<int64_t>(1, int64_t(model.manifest().eos.size()));
    if (!texts.dumpLogits.empty()) {
      io.variant = model.manifest().strategy + ".debug";
      if (!model.plan(io.variant))
        return notFound("--dump-logits: the model has no variant \"" + io.variant +
                        "\"; compile it with `plait-compile --debug-logits`");
    }
    Demand demand;
    demand.sequences = io.maxRows;
    // Completions count as if they shared nothing: it is memory that is reserved, and
    // what is not touched costs none.
    std::vector<int64_t> lengths;
    for (const Prompt &prompt : options.prompts)
      lengths.insert(lengths.end(), size_t(options.completions),
                     std::min(int64_t(prompt.tokens.size()) + options.maxTokens, model.tables().max_positions));
    std::sort(lengths.rbegin(), lengths.rend());
    lengths.resize(size_t(io.maxRows));
    demand.positions = lengths[0];
    demand.totalPositions = 0;
    for (int64_t length : lengths)
      demand.totalPositions += wholePages(model, length) * pageTokens(model.tables());
    Demand enlarged = drafting.enlarge(io, demand);
    io.capacityPages = pagesToReserve(model, io, enlarged);
    PLAIT_ASSIGN_OR_RETURN(ledger, ledgerOf(model, io));
    Progress progress(programName(), texts.quiet ? ProgressMode::none : progressMode());
    io.progress = &progress;
    PLAIT_ASSIGN_OR_RETURN(this->replicas, createReplicas(session.model, io));
    PLAIT_ASSIGN_OR_RETURN(drafts, drafting.create(io, demand, this->replicas));
    return Status::success();
  }

  Status generate(RunOutput &printer) {
    Dispatcher scheduler(replicas, {.chunk = options.chunk}, drafts);
    size_t completions = size_t(options.completions);
    results.resize(options.prompts.size() * completions);
    for (size_t i = 0; i < options.prompts.size(); ++i) {
      Request request;
      request.prompt = options.prompts[i].tokens;
      request.sampling = generation.sampling;
      request.sampling.sequence = i;
      request.rules = generation.rules;
      request.topLogprobs = options.topLogprobs;
      if (const Drafting::Strategy *strategy = drafting.find(options.prompts[i].strategy))
        request.strategy = strategy->program;
      request.completions = options.completions;
      request.maxTokens = options.maxTokens;
      request.ignoreEos = texts.ignoreEos;
      request.wantLogits = !texts.dumpLogits.empty();
      request.onToken = [&, i](const TokenEvent &event) {
        if (printer.token(i * completions + size_t(event.completion), event))
          scheduler.stop(event.id);
      };
      request.onFinish = [&, i](SequenceResult result) {
        size_t index = i * completions + size_t(result.completion);
        printer.finished(index, result);
        results[index] = std::move(result);
      };
      Expected<SequenceId> id = scheduler.add(std::move(request));
      if (!id)
        return options.prompts.size() == 1 ? id.status() : id.status().withContext(fmt::format("prompt {}", i));
    }
    while (true) {
      PLAIT_ASSIGN_OR_RETURN(bool more, scheduler.step());
      if (!more) {
        for (size_t i = 0; i < scheduler.replicas(); ++i)
          counts.replicas.push_back(scheduler.count(i));
        counts.handovers = scheduler.handovers();
        return Status::success();
      }
      if (interrupted() || !printer.output().ok())
        scheduler.cancelAll();
    }
  }

  const RunTexts &texts;
  RunOptions options;
  Session session;
  Drafting drafting;
  std::optional<Tokenizer> tokenizer;
  Generation generation;
  ModelLedger ledger; ///< before anything has run
  std::vector<std::shared_ptr<StepRunner>> replicas;
  std::vector<std::vector<DraftModel>> drafts; ///< of each replica
  RunCounts counts;                            ///< at the end
  std::vector<SequenceResult> results;
};

int runAction(const RunTexts &texts) {
  Expected<RunOptions> options = parseOptions(texts);
  if (!options)
    return fail(options.status(), exitUsage);
  return RunCommand(texts, options.take()).run();
}

} // namespace

/// All options but those that choose the model.
static std::shared_ptr<RunTexts> addOptions(CLI::App *run, Action &action) {
  auto texts = std::make_shared<RunTexts>();
  run->add_option("-p,--prompt", texts->prompts.texts, "prompt; repeat it for a batch")->allow_extra_args(false);
  run->add_option("--prompt-file", texts->prompts.file, "file with one prompt per line");
  run->add_option("--prompt-jsonl", texts->prompts.jsonLines,
                  "file with one prompt per line as JSON: \"text\", [1, 2, 3] or {\"prompt\": .., \"strategy\": NAME}");
  run->add_option("--token-ids", texts->prompts.tokenIds, "prompt as token ids: 1,2,3; repeat it for a batch")
      ->allow_extra_args(false);
  run->add_option("--output", texts->output, "text (default), ids or json");
  run->add_option("-n,--max-tokens", texts->maxTokens, "tokens to generate (default 128)");
  run->add_option("--n", texts->completions, "completions of each prompt, which is computed once (default 1)");
  run->add_option("--logprobs", texts->logprobs, "most probable tokens to print beside each, at most 20; needs json");
  addGenerationOptions(*run, texts->generation);
  addDecodeOption(*run, texts->compile);
  run->add_flag("--ignore-eos", texts->ignoreEos, "go on after the end-of-sequence token");
  run->add_flag("--no-bos", texts->noBos, "add no special tokens to the prompt");
  run->add_option("-t,--threads", texts->threads, "threads; auto (default): one per physical core")
      ->envname("PLAIT_THREADS");
  run->add_flag("--pin", texts->pin, kPinHelp);
  run->add_option("--isa", texts->compile.isa, kIsaHelp);
  run->add_option("--chunk", texts->chunk, "prompt tokens per step (default 512)");
  run->add_option("-b,--batch", texts->batch, "sequences per step at most (default 32)");
  run->add_option("--dump-logits", texts->dumpLogits, "write the logits of all positions to this safetensors file");
  run->add_flag("--stats", texts->stats, "print statistics even if stderr is no terminal");
  run->add_flag("-q,--quiet", texts->quiet, "print nothing but errors on stderr");
  run->footer(kFooter);
  run->callback([texts, &action] { action = [texts] { return runAction(*texts); }; });
  return texts;
}

void plait::addRunOptions(CLI::App &app, Action &action, OpenSession open) {
  addOptions(&app, action)->open = std::move(open);
}

void plait::addRunCommand(CLI::App &app, Action &action) {
  CLI::App *run = app.add_subcommand("run", "Generate text with a model");
  auto path = std::make_shared<std::string>();
  run->add_option("PATH", *path, "a compiled model, or a Hugging Face folder or GGUF file to compile")->required();
  std::shared_ptr<RunTexts> texts = addOptions(run, action);
  addCompileOptions(*run, texts->compile);
  texts->open = [path](const CompileOptions &compile, unsigned threads) {
    return Session::open(*path, compile, threads);
  };
}
