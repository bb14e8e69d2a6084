//===- Bench.cpp - plait bench: how fast a model runs ---------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Replicas.h"
#include "runtime/core/Tables.h"
#include "runtime/device/cpu/Isa.h"
#include "tools/plait/Arguments.h"
#include "tools/plait/BenchDecode.h"
#include "tools/plait/Commands.h"
#include "tools/plait/Console.h"
#include "tools/plait/Profile.h"
#include "tools/plait/RankProcesses.h"
#include "tools/plait/Session.h"
#include "tools/plait/TableText.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <functional>
#include <random>
#include <thread>

using namespace plait;

namespace {

constexpr const char *kFooter =
    "Each combination of the lists gives two tests, as llama-bench has them: ppN computes a\n"
    "prompt of N tokens, tgN chooses N tokens one by one. -b sequences run side by side, on each\n"
    "replica of a model that has several (with phases ppN on those of prefill, tgN on those of\n"
    "decode), and -d tokens are there before the clock starts. Token\n"
    "ids are random from a fixed seed; tokenization is not measured. t/s counts the tokens of all\n"
    "sequences. --profile shows what\n"
    "the steps of each test spend their time on; reading the clock is part of what it shows.\n"
    "\n"
    "With --decode strategies are measured: -r times, in turns with plain decoding, -n tokens of\n"
    "each of --sequences prompts of about -p tokens (default 32), -b side by side. \"all\" are those\n"
    "that a compiled model has. With --oracle drafts are right with such probabilities, whatever\n"
    "drafts; what drafts still computes. Other tokens than those of plain decoding are an error.";

struct BenchTexts {
  std::string path, prompt, generate, depth, batch, repetitions = "5", threads, chunk, output = "md", profile;
  std::string oracle, promptFile, sequences; ///< with --decode
  CompileOptions compile;                    ///< `dtype` is a list
  bool noWarmup = false, pin = false, quiet = false, always = false;
};

struct BenchOptions {
  std::vector<int64_t> prompts, generates, depths, batches, threads;
  std::vector<std::string> dtypes; ///< as plait-compile has them; empty: its default
  int64_t repetitions = 5, chunk = 512;
  bool defaultPrompt = false, defaultGenerate = false, pin = false;
  DecodeBench decode; ///< with --decode, but for what is said above
};

/// The options of --decode, and that there are no others without it.
Expected<DecodeBench> parseDecodeOptions(const BenchTexts &texts) {
  DecodeBench decode;
  bool wanted = !texts.compile.decode.empty();
  for (auto [option, text] : {std::pair("--oracle", &texts.oracle), std::pair("--prompt-file", &texts.promptFile),
                              std::pair("--sequences", &texts.sequences)})
    if (!wanted && !text->empty())
      return invalidArgument(fmt::format("{}: found it without --decode; expected it with a strategy", option));
  for (auto [option, text] : {std::pair("-d", &texts.depth), std::pair("--profile", &texts.profile)})
    if (wanted && !text->empty())
      return invalidArgument(fmt::format("{}: found it with --decode; expected one of them", option));
  PLAIT_ASSIGN_OR_RETURN(std::vector<std::string> oracles, parseNameList("--oracle", texts.oracle));
  for (const std::string &oracle : oracles) {
    PLAIT_ASSIGN_OR_RETURN(double accuracy, parseNumber("--oracle", oracle, 0, 1));
    decode.oracles.push_back(accuracy);
  }
  if (texts.always && !wanted)
    return invalidArgument("--always: found it without --decode; expected it with a strategy");
  if (!texts.sequences.empty()) {
    PLAIT_ASSIGN_OR_RETURN(decode.sequences, parseInteger("--sequences", texts.sequences, 1, 1 << 20));
  }
  decode.promptFile = texts.promptFile;
  if (wanted && !texts.prompt.empty()) {
    PLAIT_ASSIGN_OR_RETURN(decode.prompt, parseInteger("-p", texts.prompt, 1, 1 << 24));
  }
  if (wanted && !texts.generate.empty()) {
    PLAIT_ASSIGN_OR_RETURN(decode.generate, parseInteger("-n", texts.generate, 1, 1 << 24));
  }
  decode.pin = texts.pin;
  decode.quiet = texts.quiet;
  decode.always = texts.always;
  return decode;
}

Expected<BenchOptions> parseOptions(const BenchTexts &texts) {
  BenchOptions o;
  o.defaultPrompt = texts.prompt.empty();
  o.defaultGenerate = texts.generate.empty();
  o.pin = texts.pin;
  auto text = [](const std::string &given, const char *absent) { return given.empty() ? std::string(absent) : given; };
  PLAIT_ASSIGN_OR_RETURN(o.prompts, parseIntegerList("-p", text(texts.prompt, "512"), 0, 1 << 24));
  PLAIT_ASSIGN_OR_RETURN(o.generates, parseIntegerList("-n", text(texts.generate, "128"), 0, 1 << 24));
  PLAIT_ASSIGN_OR_RETURN(o.depths, parseIntegerList("-d", text(texts.depth, "0"), 0, 1 << 24));
  PLAIT_ASSIGN_OR_RETURN(o.batches, parseIntegerList("-b", text(texts.batch, "1"), 1, 1 << 16));
  PLAIT_ASSIGN_OR_RETURN(o.repetitions, parseInteger("-r", texts.repetitions, 1, 1 << 20));
  PLAIT_ASSIGN_OR_RETURN(o.chunk, parseInteger("--chunk", text(texts.chunk, "512"), 1, 1 << 20));
  PLAIT_ASSIGN_OR_RETURN(o.threads, parseThreadsList("-t", texts.threads));
  PLAIT_ASSIGN_OR_RETURN(o.dtypes, parseNameList("--dtype", texts.compile.dtype));
  PLAIT_ASSIGN_OR_RETURN(o.decode, parseDecodeOptions(texts));
  if (texts.output != "md" && texts.output != "csv" && texts.output != "json" && texts.output != "jsonl")
    return wrongValue("-o", texts.output, "md, csv, json or jsonl");
  PLAIT_RETURN_IF_ERROR(checkCompileOptions(texts.compile));
  return o;
}

/// One line of the result.
struct Test {
  int64_t prompt = 0, generate = 0, depth = 0, batch = 1, replicas = 1, ranks = 1;
  unsigned threads = 1;
  std::vector<int64_t> nanoseconds; ///< per repetition

  int64_t tokens() const { return (prompt + generate) * batch * replicas; }
  std::string name() const {
    std::string text = prompt ? fmt::format("pp{}", prompt) : fmt::format("tg{}", generate);
    return depth ? fmt::format("{} @ d{}", text, depth) : text;
  }
};

struct MeanAndDeviation {
  double mean = 0, deviation = 0;
};

MeanAndDeviation statisticsOf(const std::vector<double> &samples) {
  MeanAndDeviation result;
  for (double sample : samples)
    result.mean += sample / double(samples.size());
  double squares = 0;
  for (double sample : samples)
    squares += (sample - result.mean) * (sample - result.mean);
  if (samples.size() > 1)
    result.deviation = std::sqrt(squares / double(samples.size() - 1));
  return result;
}

/// Runs steps of sequences in lockstep on one replica, without a scheduler between.
class Runner {
public:
  /// One of each replica that does not do something else than `role`.
  static Expected<std::vector<Runner>> create(const Session &session, unsigned threads, bool pin, int64_t batch,
                                              int64_t positions, int64_t chunk, ReplicaRole role) {
    const Model &model = *session.model;
    Runner runner;
    runner.batch = batch;
    runner.chunk = std::max<int64_t>(1, chunk / batch);
    runner.positions = positions;
    InstanceOptions io;
    io.threads = threads;
    io.pin = pin;
    io.maxRows = batch;
    io.maxTokens = batch * runner.chunk;
    io.capacityPages = wholePages(model, positions) * batch;
    if (io.capacityPages > INT32_MAX)
      return invalidArgument("bench: the sequences need more pages than there are numbers");
    PLAIT_ASSIGN_OR_RETURN(std::vector<std::shared_ptr<StepRunner>> replicas, createReplicas(session.model, io));
    std::vector<Runner> runners;
    for (std::shared_ptr<StepRunner> &replica : replicas)
      if (replica->role() == ReplicaRole::all || replica->role() == role) {
        runners.push_back(runner);
        runners.back().instance = std::move(replica);
      }
    return runners;
  }

  /// From now on steps are added to `into`, or to nothing.
  void setProfile(Profile *into) { profile = into; }

  /// Whether positions that are computed again may find others gone.
  bool hasWindows() const {
    const auto &tables = instance->limits().tables;
    return std::any_of(tables.begin(), tables.end(), [](const TableLimits &table) { return table.window != 0; });
  }

  /// Computes positions [first, first + count) of every sequence.
  Status prompt(int64_t first, int64_t count) {
    for (int64_t done = 0; done < count;) {
      int64_t now = std::min(chunk, count - done);
      PLAIT_RETURN_IF_ERROR(step(first + done, now, done + now == count));
      done += now;
    }
    return Status::success();
  }
  /// Chooses `count` tokens one by one.
  Status generate(int64_t first, int64_t count) {
    for (int64_t i = 0; i < count; ++i)
      PLAIT_RETURN_IF_ERROR(step(first + i, 1, true));
    return Status::success();
  }

private:
  Status step(int64_t first, int64_t count, bool leaf) {
    if (interrupted())
      return Status::error(StatusCode::cancelled, "interrupted");
    int64_t begin = profileClock();
    std::uniform_int_distribution<int32_t> token(0, int32_t(instance->limits().vocabulary - 1));
    StepBatch work;
    for (int64_t r = 0; r < batch; ++r) {
      StepRow row;
      row.firstPosition = first;
      for (int64_t i = 0; i < count; ++i)
        row.tokens.push_back(token(random));
      row.pages = dealPages(instance->limits(), r, batch, positions);
      if (leaf)
        row.leaves.push_back({int32_t(count - 1), {}, {}});
      work.rows.push_back(std::move(row));
    }
    if (!profile)
      return instance->run(std::move(work)).status();
    ProfiledStep profiled;
    profiled.load = {count * batch, batch, leaf ? batch : 0, batch * (count * first + count * (count + 1) / 2)};
    PLAIT_RETURN_IF_ERROR(instance->run(std::move(work), &profiled.times).status());
    profiled.nanoseconds = profileClock() - begin;
    profile->add(std::move(profiled));
    return Status::success();
  }

  std::shared_ptr<StepRunner> instance;
  Profile *profile = nullptr;
  std::mt19937 random{42};
  int64_t batch = 1, chunk = 1, positions = 1;
};

/// Does `work` with each of `runners` at the same time.
Status onEach(std::vector<Runner> &runners, const std::function<Status(Runner &)> &work) {
  std::vector<Status> outcomes(runners.size());
  std::vector<std::thread> threads;
  for (size_t i = 1; i < runners.size(); ++i)
    threads.emplace_back([&, i] { outcomes[i] = work(runners[i]); });
  outcomes[0] = work(runners[0]);
  for (std::thread &thread : threads)
    thread.join();
  for (Status &outcome : outcomes)
    PLAIT_RETURN_IF_ERROR(std::move(outcome));
  return Status::success();
}

/// `profile`, if there, gets the steps of replica 0 that are measured.
Status measure(const Session &session, const BenchOptions &options, bool warmup, Profile *profile, Test &test) {
  int64_t positions = test.depth + test.prompt + test.generate;
  PLAIT_ASSIGN_OR_RETURN(std::vector<Runner> runners,
                         Runner::create(session, test.threads, options.pin, test.batch, positions, options.chunk,
                                        test.prompt ? ReplicaRole::prefill : ReplicaRole::decode));
  for (int64_t i = warmup ? -1 : 0; i < options.repetitions; ++i) {
    // What lies before the clock starts is computed once, unless windows give it away.
    runners[0].setProfile(nullptr);
    if (i <= 0 || runners[0].hasWindows())
      PLAIT_RETURN_IF_ERROR(onEach(runners, [&](Runner &runner) { return runner.prompt(0, test.depth); }));
    runners[0].setProfile(i >= 0 ? profile : nullptr);
    auto begin = std::chrono::steady_clock::now();
    PLAIT_RETURN_IF_ERROR(onEach(runners, [&](Runner &runner) {
      PLAIT_RETURN_IF_ERROR(runner.prompt(test.depth, test.prompt));
      return runner.generate(test.depth + test.prompt, test.generate);
    }));
    auto elapsed = std::chrono::steady_clock::now() - begin;
    if (i >= 0)
      test.nanoseconds.push_back(std::chrono::nanoseconds(elapsed).count());
  }
  return Status::success();
}

/// What is measured, and on what.
Json describe(const Session &session, unsigned threads, const std::string &build) {
  const Manifest &manifest = session.model->manifest();
  Json record;
  record["build_id"] = build;
  record["version"] = PLAIT_VERSION;
  record["model_name"] = manifest.name;
  record["model_digest"] = session.model->binary().file.digest;
  record["model_size"] = session.model->tables().pack_bytes;
  record["model_n_params"] = manifest.parameters;
  record["weights"] = manifest.weightsKind;
  record["format"] = manifest.weightsFormat;
  record["kv_dtype"] = manifest.stateElement;
  record["numerics"] = manifest.numerics;
  record["backend"] = "CPU";
  record["target"] = session.model->binary().target;
  record["isa"] = session.model->binary().isa;
  record["cpu_info"] = cpuName();
  record["n_threads"] = threads;
  return record;
}

std::string timeText() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))); }

Json recordOf(const Session &session, const Test &test, const std::string &build) {
  std::vector<double> ns(test.nanoseconds.begin(), test.nanoseconds.end()), ts;
  for (double sample : ns)
    ts.push_back(1e9 * double(test.tokens()) / sample);
  MeanAndDeviation time = statisticsOf(ns), speed = statisticsOf(ts);
  Json record = describe(session, test.threads, build);
  if (test.ranks > 1)
    record["n_ranks"] = test.ranks;
  if (test.replicas > 1)
    record["n_replicas"] = test.replicas;
  record["n_prompt"] = test.prompt;
  record["n_gen"] = test.generate;
  record["n_depth"] = test.depth;
  record["n_batch"] = test.batch;
  record["test"] = test.name();
  record["test_time"] = timeText();
  record["avg_ns"] = int64_t(time.mean);
  record["stddev_ns"] = int64_t(time.deviation);
  record["avg_ts"] = speed.mean;
  record["stddev_ts"] = speed.deviation;
  record["samples_ns"] = test.nanoseconds;
  record["samples_ts"] = ts;
  return record;
}

std::string csvField(const Json &value) {
  std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  std::string quoted = "\"";
  for (char c : text) {
    quoted += c;
    if (c == '"')
      quoted += c;
  }
  return quoted + "\"";
}

std::string countText(double count) {
  return count >= 1e9 ? fmt::format("{:.2f} B", count / 1e9) : fmt::format("{:.2f} M", count / 1e6);
}

/// Prints records as they come, so that a long run shows where it is.
class Table {
public:
  explicit Table(std::string format) : format(std::move(format)) {}

  /// `profile`, if there, is shown in the record, or after the table for people.
  void add(Json record, const Profile *profile) {
    if (profile && format == "md")
      profileText += profile->markdown();
    else if (profile)
      record["profile"] = profile->json();
    if (format == "jsonl")
      out.write(record.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    else if (format == "json")
      out.write((count ? ",\n" : "[\n") + record.dump(2, ' ', false, Json::error_handler_t::replace));
    else if (format == "csv")
      csv(record);
    else if (record.contains("strategy"))
      out.write(decodeRow(record, !count));
    else
      markdown(record);
    ++count;
    machine = fmt::format("\nbuild {} ({}), {}\n", record["version"].get<std::string>(),
                          record["build_id"].get<std::string>(), record["cpu_info"].get<std::string>());
  }
  int finish() {
    if (format == "json")
      out.write(count ? "\n]\n" : "[]\n");
    else if (format == "md" && count)
      out.write(machine + profileText);
    return out.exitCode();
  }
  bool ok() const { return out.ok(); }

private:
  void csv(const Json &record) {
    std::string head, line;
    for (const auto &[key, value] : record.items()) {
      if (value.is_structured())
        continue;
      head += (head.empty() ? "" : ",") + key;
      line += (line.empty() ? "" : ",") + csvField(value);
    }
    out.write((count ? "" : head + "\n") + line + "\n");
  }
  void markdown(const Json &r) {
    if (!count)
      out.write("| model | size | params | backend | threads | batch | test | t/s |\n"
                "| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: |\n");
    out.write(fmt::format("| {} {} | {} | {} | {} | {} | {} | {} | {:.2f} ± {:.2f} |\n",
                          r["model_name"].get<std::string>(), r["format"].get<std::string>(),
                          bytesText(r["model_size"].get<int64_t>()), countText(r["model_n_params"].get<double>()),
                          r["backend"].get<std::string>(), r["n_threads"].get<int64_t>(), r["n_batch"].get<int64_t>(),
                          r["test"].get<std::string>(), r["avg_ts"].get<double>(), r["stddev_ts"].get<double>()));
  }

  std::string format;
  std::string machine, profileText; ///< below a table for people
  Output out;
  size_t count = 0;
};

/// What is left of a wanted length in the context; a default length shrinks, one
/// that was asked for is an error.
Expected<int64_t> fitLength(int64_t length, int64_t depth, int64_t context, bool isDefault, bool quiet) {
  int64_t room = std::max<int64_t>(0, context - depth);
  if (length <= room)
    return length;
  if (!isDefault)
    return invalidArgument(fmt::format("bench: found {} tokens after {}; expected at most {} "
                                       "together, the model's context",
                                       length, depth, context));
  if (!quiet)
    note(fmt::format("measuring {} tokens instead of {}: the context is {}", room, length, context));
  return room;
}

Expected<std::vector<Test>> planTests(const BenchOptions &options, int64_t context, bool quiet) {
  std::vector<Test> tests;
  for (int64_t threads : options.threads)
    for (int64_t batch : options.batches)
      for (int64_t depth : options.depths)
        for (bool isPrompt : {true, false})
          for (int64_t length : isPrompt ? options.prompts : options.generates) {
            bool isDefault = isPrompt ? options.defaultPrompt : options.defaultGenerate;
            Test test;
            test.threads = unsigned(threads);
            test.batch = batch;
            test.depth = depth;
            int64_t &field = isPrompt ? test.prompt : test.generate;
            PLAIT_ASSIGN_OR_RETURN(field, fitLength(length, depth, context, isDefault, quiet));
            if (field)
              tests.push_back(test);
          }
  if (tests.empty())
    return invalidArgument("bench: found nothing to measure; expected -p or -n of at least 1");
  return tests;
}

class BenchCommand {
public:
  BenchCommand(const BenchTexts &texts, const BenchOptions &options)
      : texts(texts), options(options), table(texts.output) {}

  int run() {
    Status status = measureAll();
    int code = table.finish(); // what is there is shown
    if (!status)
      return fail(status);
    if (code == exitSuccess && !texts.profile.empty())
      if (Status written = writeTrace(texts.profile, profiles); !written)
        return fail(written);
    return code;
  }

private:
  Status measureAll() {
    // All are compiled before the first is measured: one that cannot be should not
    // cost a long run.
    std::vector<CompileOptions> compiles;
    for (const std::string &dtype : options.dtypes.empty() ? std::vector<std::string>{""} : options.dtypes) {
      CompileOptions &compile = compiles.emplace_back(texts.compile);
      compile.dtype = dtype;
      // In a list, what is said of integers is not said of the others.
      const std::string &head = compile.headDtype;
      if (options.dtypes.size() > 1 && !dtype.starts_with("int") && !head.starts_with("int"))
        compile.group.clear();
      if (options.dtypes.size() > 1 && dtype != "int4" && head != "int4")
        compile.zeroPoints = false;
      compile.quiet = texts.quiet;
      PLAIT_RETURN_IF_ERROR(resolveArtifact(texts.path, compile).status());
    }
    for (const CompileOptions &compile : compiles) {
      PLAIT_ASSIGN_OR_RETURN(Session session, Session::open(texts.path, compile, 0));
      PLAIT_RETURN_IF_ERROR(measureModel(session));
    }
    return Status::success();
  }

  Status measureModel(const Session &session) {
    const Model &model = *session.model;
    BenchOptions planned = options;
    if (isAutoThreads(texts.threads)) // which the ranks share
      planned.threads = {std::max<int64_t>(1, options.threads.front() / model.manifest().mesh().size())};
    if (!texts.compile.decode.empty())
      return measureStrategies(session, planned);
    PLAIT_ASSIGN_OR_RETURN(std::vector<Test> tests, planTests(planned, model.tables().max_positions, texts.quiet));
    std::vector<LaunchCost> costs;
    PLAIT_ASSIGN_OR_RETURN(const plait_plan_v2_t *plan, model.plan(model.manifest().strategy));
    plan = &greedyPlan(model.tables(), *plan); // what is measured draws nothing
    if (!texts.profile.empty()) {
      PLAIT_ASSIGN_OR_RETURN(Explanation explanation, Explanation::read(model));
      PLAIT_ASSIGN_OR_RETURN(costs, explanation.costsOf(model, *plan));
    }
    for (Test &test : tests) {
      Mesh mesh = model.mesh();
      bool isPrefill = mesh.hasPhases() && test.prompt;
      test.replicas = isPrefill ? mesh.prefillReplicas : mesh.replicas;
      test.ranks = isPrefill ? mesh.prefillRanks : mesh.ranks;
      Profile *profile = nullptr;
      // Of replica 0, which is one of prefill.
      if (!texts.profile.empty() && (isPrefill || !mesh.hasPhases()))
        profile = &profiles.emplace_back(
            fmt::format("{} {} {}", model.manifest().name, model.manifest().weightsFormat, test.name()), model, *plan,
            costs);
      PLAIT_RETURN_IF_ERROR(measure(session, options, !texts.noWarmup, profile, test));
      table.add(recordOf(session, test, build), profile);
      if (!table.ok())
        break;
    }
    if (model.group() && !texts.quiet)
      note("ranks " + trafficText(model.group()->communicator()));
    return Status::success();
  }

  Status measureStrategies(const Session &session, const BenchOptions &planned) {
    DecodeBench decode = planned.decode;
    decode.batches = planned.batches;
    decode.chunk = planned.chunk;
    decode.repetitions = planned.repetitions;
    for (int64_t threads : planned.threads) {
      decode.threads = unsigned(threads);
      auto add = [&](Json measured) {
        Json record = describe(session, decode.threads, build);
        record["test_time"] = timeText();
        record.update(measured);
        table.add(std::move(record), nullptr);
        return table.ok();
      };
      PLAIT_RETURN_IF_ERROR(benchDecode(session, decode, texts.compile.decode, add));
    }
    return Status::success();
  }

  const BenchTexts &texts;
  const BenchOptions &options;
  const std::string build = buildId();
  Table table;
  std::vector<Profile> profiles;
};

int benchAction(const BenchTexts &texts) {
  Expected<BenchOptions> options = parseOptions(texts);
  if (!options)
    return fail(options.status(), exitUsage);
  return BenchCommand(texts, *options).run();
}

} // namespace

void plait::addBenchCommand(CLI::App &app, Action &action) {
  auto texts = std::make_shared<BenchTexts>();
  CLI::App *bench = app.add_subcommand("bench", "Measure prompt and generation speed");
  bench->add_option("PATH", texts->path, "a compiled model, or a Hugging Face folder or GGUF file to compile")
      ->required();
  bench->add_option("-p,--n-prompt", texts->prompt, "prompt lengths (default 512); 0: no test");
  bench->add_option("-n,--n-gen", texts->generate, "tokens to generate (default 128); 0: no test");
  bench->add_option("-d,--n-depth", texts->depth, "tokens there before the clock starts");
  bench->add_option("-b,--n-batch", texts->batch, "sequences side by side (default 1)");
  bench->add_option("-r,--repetitions", texts->repetitions, "of each test (default 5)");
  bench->add_option("-t,--threads", texts->threads, "threads; auto (default): one per physical core");
  bench->add_option("--chunk", texts->chunk, "prompt tokens per step (default 512)");
  bench->add_option("-o,--output", texts->output, "md (default), csv, json or jsonl");
  addCompileOptions(*bench, texts->compile);
  addDecodeOption(*bench, texts->compile);
  bench->get_option("--decode")->description("strategies to compare with plain decoding, or all (repeatable)");
  bench->add_option("--oracle", texts->oracle, "with --decode: probabilities that a drafted token is right");
  bench->add_flag("--always", texts->always, "with --decode: draft as much as may be, whether it pays or not");
  bench->add_option("--prompt-file", texts->promptFile, "with --decode: prompts, one per line (default: random ids)");
  bench->add_option("--sequences", texts->sequences, "with --decode: how many prompts (default: as many as -b)");
  bench->get_option("--dtype")->description("formats of weights of a model to compile, as plait-compile has them");
  bench->add_option("--isa", texts->compile.isa, kIsaHelp);
  bench->add_option("--profile", texts->profile,
                    "show what takes the time, and write it to this file as a Chrome trace");
  bench->add_flag("--pin", texts->pin, kPinHelp);
  bench->add_flag("--no-warmup", texts->noWarmup, "measure the first run too");
  bench->add_flag("-q,--quiet", texts->quiet, "print nothing but errors on stderr");
  bench->footer(kFooter);
  bench->callback([texts, &action] { action = [texts] { return benchAction(*texts); }; });
}
