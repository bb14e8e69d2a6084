//===- BenchDecode.cpp - How fast strategies decode -----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/BenchDecode.h"

#include "runtime/base/Digest.h"
#include "runtime/base/File.h"
#include "runtime/base/Signals.h"
#include "runtime/core/Replicas.h"
#include "runtime/core/Tables.h"
#include "runtime/decode/Dispatcher.h"
#include "tools/plait/DecodeOption.h"
#include "tools/plait/MeteredRunner.h"
#include "tools/plait/Prompts.h"
#include "tools/plait/TableText.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>

using namespace plait;

namespace {

/// One time through all prompts.
struct Pass {
  std::vector<SequenceResult> results;
  double seconds = 0, stepSeconds = 0;
  int64_t tokens = 0, rounds = 0, drafted = 0, copiedBytes = 0;
};

double medianOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  size_t half = values.size() / 2;
  return values.size() % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// A strategy with a batch, on a runner that plain decoding uses as well.
class Comparison {
public:
  Comparison(const DecodeBench &options, int64_t batch, const std::vector<Prompt> &prompts)
      : options(options), batch(batch), prompts(prompts) {}

  Status open(const Session &session, const ManifestStrategy &strategy) {
    PLAIT_ASSIGN_OR_RETURN(drafting, openDrafting(session, {&strategy}, options.quiet, options.threads));
    const Model &model = *session.model;
    InstanceOptions io;
    io.threads = options.threads;
    io.pin = options.pin;
    io.maxRows = batch;
    io.maxTokens = options.chunk + batch;
    io.maxStops = std::max<int64_t>(1, int64_t(model.manifest().eos.size()));
    Demand demand;
    demand.sequences = batch;
    for (const Prompt &prompt : prompts)
      demand.positions = std::max(
          demand.positions, std::min(int64_t(prompt.tokens.size()) + options.generate, model.tables().max_positions));
    demand.totalPositions = batch * wholePages(model, demand.positions) * pageTokens(model.tables());
    Demand enlarged = drafting.enlarge(io, demand);
    io.capacityPages = pagesToReserve(model, io, enlarged);
    PLAIT_ASSIGN_OR_RETURN(std::vector<std::shared_ptr<StepRunner>> replicas, createReplicas(session.model, io));
    PLAIT_ASSIGN_OR_RETURN(std::vector<std::vector<DraftModel>> models, drafting.create(io, demand, replicas));
    auto meter = [&](std::shared_ptr<StepRunner> &runner) {
      runner = meters.emplace_back(std::make_shared<MeteredRunner>(std::move(runner)));
    };
    main = replicas.front();
    meter(main);
    drafts = std::move(models.front());
    for (DraftModel &draft : drafts)
      meter(draft.runner);
    return predict();
  }

  /// Decodes all prompts, plainly or with the strategy, with drafts that are right with a
  /// probability if that is not negative.
  Expected<Pass> decode(bool plain, double oracle) {
    // A scheduler each, so that what a strategy has learned of itself stays.
    std::unique_ptr<Scheduler> &own = plain ? plainScheduler : scheduler;
    if (!own)
      own = std::make_unique<Scheduler>(main, SchedulerOptions{.chunk = options.chunk}, drafts);
    Pass pass;
    pass.results.resize(prompts.size());
    for (const auto &meter : meters)
      meter->seconds = 0, meter->steps = meter->copiedBytes = 0;
    auto begin = DecodeClock::now();
    for (size_t i = 0; i < prompts.size(); ++i) {
      Request request;
      request.prompt = prompts[i].tokens;
      request.sampling.sequence = i;
      request.maxTokens = options.generate;
      request.strategy = plain ? nullptr : strategy().program;
      request.alwaysDraft = options.always;
      if (!plain && oracle >= 0)
        request.oracle = oracleOf(i, oracle);
      request.onFinish = [&pass, i](SequenceResult result) { pass.results[i] = std::move(result); };
      PLAIT_RETURN_IF_ERROR(own->add(std::move(request)).status());
    }
    for (bool more = true; more;) {
      PLAIT_ASSIGN_OR_RETURN(more, own->step());
      if (interrupted())
        return Status::error(StatusCode::cancelled, "interrupted");
    }
    pass.seconds = std::chrono::duration<double>(DecodeClock::now() - begin).count();
    for (const auto &meter : meters) {
      pass.stepSeconds += meter->seconds;
      pass.copiedBytes += meter->copiedBytes;
    }
    for (const SequenceResult &result : pass.results) {
      PLAIT_RETURN_IF_ERROR(result.error);
      pass.tokens += int64_t(result.tokens.size());
      pass.rounds += result.drafting.rounds;
      pass.drafted += result.drafting.draftedTokens;
    }
    return pass;
  }

  /// The strategy has not run yet.
  void reset() { scheduler.reset(); }
  /// Keeps what plain decoding gave, for oracles and to compare with.
  void keep(const Pass &pass) {
    texts.clear();
    for (const SequenceResult &result : pass.results)
      texts.push_back(result.tokens);
  }
  Status check(const Pass &pass) const {
    if (!strategy().program->hasPlainText())
      return Status::success();
    for (size_t i = 0; i < texts.size(); ++i)
      if (const std::vector<int32_t> &found = pass.results[i].tokens; found != texts[i]) {
        auto first = std::mismatch(found.begin(), found.end(), texts[i].begin(), texts[i].end()).first;
        return internalError(fmt::format("{}: found other tokens than those of plain decoding for prompt {}, from "
                                         "token {} on; expected the same",
                                         printable(name()), i, first - found.begin()));
      }
    return Status::success();
  }

  /// Of all texts.
  std::string digest() const {
    Digest digest;
    for (const std::vector<int32_t> &text : texts)
      digest.add(fmt::format("{}\n", fmt::join(text, ",")));
    return digest.hex();
  }

  /// How many times as fast as plain decoding `pass` should be: as many tokens as it had in a
  /// round, in the time that the compiler's table has for a round of so many drafts.
  double predictedRatio(const Pass &pass) const {
    double length = lengthOf(double(pass.drafted) / double(std::max<int64_t>(pass.rounds, 1)));
    double whole = std::floor(length);
    auto seconds = [&](double length) { return roundSeconds(forwards, pointers, int64_t(length), batch, batch); };
    double round = seconds(whole) + (length - whole) * (seconds(whole + 1) - seconds(whole));
    return tokensPerRound(pass) * mainCosts.seconds(batch) / round;
  }
  static double tokensPerRound(const Pass &pass) {
    return double(pass.tokens) / double(std::max<int64_t>(pass.rounds, 1));
  }
  const std::string &name() const { return strategy().call; }

private:
  const Drafting::Strategy &strategy() const { return drafting.strategies().front(); }

  Status predict() {
    PLAIT_ASSIGN_OR_RETURN(mainCosts, predictedCosts(main->model().manifest(), main->model().manifest().strategy));
    forwards = forwardsOf(*strategy().program);
    for (const RoundForward &forward : forwards) {
      const Model *own = &main->model();
      for (const DraftModel &draft : drafts)
        if (draft.name == strategy().program->models[forward.model])
          own = &draft.runner->model();
      PLAIT_ASSIGN_OR_RETURN(StepCosts predicted, predictedCosts(own->manifest(), forward.step));
      costs.push_back(std::move(predicted));
    }
    for (const StepCosts &own : costs)
      pointers.push_back(&own);
    return Status::success();
  }

  /// How deep a block is that has `drafted` tokens besides its root: of a tree not as many.
  double lengthOf(double drafted) const {
    for (const RoundForward &forward : forwards)
      for (size_t depth = 1; depth < forward.within.size(); ++depth)
        if (double below = double(forward.within[depth - 1]), nodes = double(forward.within[depth]);
            drafted + 1 <= nodes)
          return double(depth) - (nodes - drafted - 1) / (nodes - below);
    return drafted;
  }

  std::shared_ptr<const DraftOracle> oracleOf(size_t prompt, double accuracy) const {
    auto oracle = std::make_shared<DraftOracle>();
    oracle->text = prompts[prompt].tokens;
    oracle->text.insert(oracle->text.end(), texts[prompt].begin(), texts[prompt].end());
    oracle->accuracy = accuracy;
    oracle->sequence = prompt;
    return oracle;
  }

  const DecodeBench &options;
  int64_t batch;
  const std::vector<Prompt> &prompts;
  Drafting drafting;
  std::shared_ptr<StepRunner> main;
  std::vector<DraftModel> drafts;
  std::vector<std::shared_ptr<MeteredRunner>> meters;
  std::unique_ptr<Scheduler> plainScheduler, scheduler;
  std::vector<std::vector<int32_t>> texts;
  std::vector<RoundForward> forwards;
  StepCosts mainCosts;
  std::vector<StepCosts> costs;            ///< of each forward
  std::vector<const StepCosts *> pointers; ///< to them
};

Expected<std::vector<Prompt>> makePrompts(const Session &session, const DecodeBench &options, int64_t count) {
  std::vector<Prompt> prompts;
  if (!options.promptFile.empty()) {
    PromptSources sources;
    sources.file = options.promptFile;
    PLAIT_ASSIGN_OR_RETURN(prompts, readPrompts(sources));
    PLAIT_ASSIGN_OR_RETURN(std::optional<Tokenizer> tokenizer, session.tokenizer());
    PLAIT_RETURN_IF_ERROR(encodePrompts(prompts, tokenizer ? &*tokenizer : nullptr, true));
    for (size_t i = 0; int64_t(prompts.size()) < count; ++i)
      prompts.push_back(prompts[i]);
    prompts.resize(size_t(count));
    return prompts;
  }
  std::mt19937 random(42);
  std::uniform_int_distribution<int32_t> token(0, int32_t(session.model->manifest().vocabulary - 1));
  for (int64_t i = 0; i < count; ++i) {
    Prompt &prompt = prompts.emplace_back();
    // Of different lengths, so that their pages are not in step.
    for (int64_t t = 0; t < std::max<int64_t>(1, options.prompt - i % 8); ++t)
      prompt.tokens.push_back(token(random));
  }
  return prompts;
}

Expected<Json> measure(Comparison &comparison, const DecodeBench &options, int64_t batch, double oracle) {
  PLAIT_ASSIGN_OR_RETURN(Pass plain, comparison.decode(true, -1));
  comparison.keep(plain);
  comparison.reset();
  PLAIT_ASSIGN_OR_RETURN(Pass pass, comparison.decode(false, oracle)); // to warm up
  PLAIT_RETURN_IF_ERROR(comparison.check(pass));
  std::vector<double> plainSpeeds, speeds, ratios, outside;
  for (int64_t i = 0; i < options.repetitions; ++i) {
    for (bool isPlain : {i % 2 == 0, i % 2 != 0}) {
      PLAIT_ASSIGN_OR_RETURN(Pass next, comparison.decode(isPlain, oracle));
      PLAIT_RETURN_IF_ERROR(comparison.check(next));
      (isPlain ? plain : pass) = std::move(next);
    }
    plainSpeeds.push_back(double(plain.tokens) / plain.seconds);
    speeds.push_back(double(pass.tokens) / pass.seconds);
    ratios.push_back(speeds.back() / plainSpeeds.back());
    outside.push_back(1 - pass.stepSeconds / pass.seconds);
  }
  Json record;
  record["strategy"] = comparison.name();
  record["oracle"] = oracle < 0 ? Json() : Json(oracle);
  record["n_batch"] = batch;
  record["n_sequences"] = pass.results.size();
  record["n_gen"] = pass.tokens;
  record["ts"] = medianOf(speeds);
  record["ar_ts"] = medianOf(plainSpeeds);
  record["ratio"] = medianOf(ratios);
  record["samples_ratio"] = ratios;
  record["predicted_ratio"] = comparison.predictedRatio(pass);
  record["tokens_per_round"] = Comparison::tokensPerRound(pass);
  record["drafted_per_round"] = double(pass.drafted) / double(std::max<int64_t>(pass.rounds, 1));
  record["outside_steps"] = medianOf(outside);
  record["copied_bytes"] = pass.copiedBytes;
  record["tokens_digest"] = comparison.digest();
  return record;
}

} // namespace

Status plait::benchDecode(const Session &session, const DecodeBench &options, const std::vector<std::string> &calls,
                          const std::function<bool(Json)> &add) {
  const Manifest &manifest = session.model->manifest();
  if (manifest.mesh().replicas > 1 || manifest.mesh().hasPhases())
    return unsupported("--decode: found " + meshText(manifest.mesh()) + "; expected one replica without phases");
  std::vector<const ManifestStrategy *> strategies;
  for (const std::string &call : calls)
    if (call == "all") {
      for (const ManifestStrategy &strategy : manifest.strategies)
        strategies.push_back(&strategy);
    } else {
      PLAIT_ASSIGN_OR_RETURN(const ManifestStrategy *strategy, findStrategy(session, call));
      strategies.push_back(strategy);
    }
  if (strategies.empty())
    return notFound("--decode: found a model without strategies; compile it with `plait-compile --decode`");
  std::vector<double> oracles = options.oracles.empty() ? std::vector<double>{-1} : options.oracles;
  for (int64_t batch : options.batches) {
    PLAIT_ASSIGN_OR_RETURN(std::vector<Prompt> prompts,
                           makePrompts(session, options, options.sequences ? options.sequences : batch));
    for (const ManifestStrategy *strategy : strategies) {
      Comparison comparison(options, std::min(batch, int64_t(prompts.size())), prompts);
      PLAIT_RETURN_IF_ERROR(comparison.open(session, *strategy));
      for (double oracle : oracles) {
        PLAIT_ASSIGN_OR_RETURN(Json record, measure(comparison, options, batch, oracle));
        if (!add(std::move(record)))
          return Status::success();
      }
    }
  }
  return Status::success();
}

std::string plait::decodeRow(const Json &record, bool isFirst) {
  std::string text = isFirst ? "| strategy | right | batch | t/s | tokens/round | drafted | ratio to ar | predicted | "
                               "outside steps | copied |\n"
                               "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
                             : "";
  auto number = [&](const char *key) { return record[key].get<double>(); };
  return text + fmt::format("| {} | {} | {} | {:.1f} | {:.2f} | {:.2f} | {:.2f} | {:.2f} | {:.1f}% | {} |\n",
                            printable(record["strategy"].get<std::string>(), 120),
                            record["oracle"].is_null() ? "" : fmt::format("{:.2f}", number("oracle")),
                            record["n_batch"].get<int64_t>(), number("ts"), number("tokens_per_round"),
                            number("drafted_per_round"), number("ratio"), number("predicted_ratio"),
                            100 * number("outside_steps"), bytesText(record["copied_bytes"].get<int64_t>()));
}
