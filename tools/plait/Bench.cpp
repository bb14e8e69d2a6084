//===- Bench.cpp - plait bench: how fast a model runs ---------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Tables.h"
#include "runtime/device/cpu/Isa.h"
#include "runtime/device/cpu/Topology.h"
#include "tools/plait/Arguments.h"
#include "tools/plait/Commands.h"
#include "tools/plait/Console.h"
#include "tools/plait/Session.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <random>

using namespace plait;

namespace {

constexpr const char *kFooter =
    "Each combination of the lists gives two tests, as llama-bench has them: ppN computes a\n"
    "prompt of N tokens, tgN chooses N tokens one by one. -b sequences run side by side and\n"
    "-d tokens are there before the clock starts. Token ids are random from a fixed seed;\n"
    "tokenization is not measured. t/s counts the tokens of all sequences.";

struct BenchTexts {
  std::string path, prompt, generate, depth, batch, repetitions = "5", threads, chunk, output = "md", weights, kvDtype;
  bool noWarmup = false, quiet = false;
};

struct BenchOptions {
  std::vector<int64_t> prompts, generates, depths, batches, threads;
  int64_t repetitions = 5, chunk = 512;
  bool defaultPrompt = false, defaultGenerate = false;
};

Expected<BenchOptions> parseOptions(const BenchTexts &texts) {
  BenchOptions o;
  o.defaultPrompt = texts.prompt.empty();
  o.defaultGenerate = texts.generate.empty();
  auto text = [](const std::string &given, const char *absent) { return given.empty() ? std::string(absent) : given; };
  PLAIT_ASSIGN_OR_RETURN(o.prompts, parseIntegerList("-p", text(texts.prompt, "512"), 0, 1 << 24));
  PLAIT_ASSIGN_OR_RETURN(o.generates, parseIntegerList("-n", text(texts.generate, "128"), 0, 1 << 24));
  PLAIT_ASSIGN_OR_RETURN(o.depths, parseIntegerList("-d", text(texts.depth, "0"), 0, 1 << 24));
  PLAIT_ASSIGN_OR_RETURN(o.batches, parseIntegerList("-b", text(texts.batch, "1"), 1, 1 << 16));
  PLAIT_ASSIGN_OR_RETURN(o.repetitions, parseInteger("-r", texts.repetitions, 1, 1 << 20));
  PLAIT_ASSIGN_OR_RETURN(o.chunk, parseInteger("--chunk", text(texts.chunk, "512"), 1, 1 << 20));
  std::string cores = std::to_string(physicalCores());
  PLAIT_ASSIGN_OR_RETURN(o.threads, parseIntegerList("-t", text(texts.threads, cores.c_str()), 1, 1024));
  if (texts.output != "md" && texts.output != "csv" && texts.output != "json" && texts.output != "jsonl")
    return invalidArgument("-o: found \"" + texts.output + "\"; expected md, csv, json or jsonl");
  PLAIT_RETURN_IF_ERROR(checkWeightsSpec(texts.weights));
  PLAIT_RETURN_IF_ERROR(checkKvDtype(texts.kvDtype));
  return o;
}

/// One line of the result.
struct Test {
  int64_t prompt = 0, generate = 0, depth = 0, batch = 1;
  unsigned threads = 1;
  std::vector<int64_t> nanoseconds; ///< per repetition

  int64_t tokens() const { return (prompt + generate) * batch; }
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

/// Runs steps of sequences in lockstep, without a scheduler between.
class Runner {
public:
  static Expected<Runner> create(const Session &session, unsigned threads, int64_t batch, int64_t positions,
                                 int64_t chunk) {
    const Model &model = *session.model;
    Runner runner;
    runner.batch = batch;
    runner.chunk = std::max<int64_t>(1, chunk / batch);
    runner.positions = positions;
    InstanceOptions io;
    io.threads = threads;
    io.maxRows = batch;
    io.maxTokens = batch * runner.chunk;
    io.capacityPages = wholePages(model, positions) * batch;
    if (io.capacityPages > INT32_MAX)
      return invalidArgument("bench: the sequences need more pages than there are numbers");
    PLAIT_ASSIGN_OR_RETURN(runner.instance, Instance::create(session.model, io));
    return runner;
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
    return instance->run(std::move(work)).status();
  }

  std::unique_ptr<Instance> instance;
  std::mt19937 random{42};
  int64_t batch = 1, chunk = 1, positions = 1;
};

Status measure(const Session &session, const BenchOptions &options, bool warmup, Test &test) {
  int64_t positions = test.depth + test.prompt + test.generate;
  PLAIT_ASSIGN_OR_RETURN(Runner runner, Runner::create(session, test.threads, test.batch, positions, options.chunk));
  for (int64_t i = warmup ? -1 : 0; i < options.repetitions; ++i) {
    PLAIT_RETURN_IF_ERROR(runner.prompt(0, test.depth));
    auto begin = std::chrono::steady_clock::now();
    PLAIT_RETURN_IF_ERROR(runner.prompt(test.depth, test.prompt));
    PLAIT_RETURN_IF_ERROR(runner.generate(test.depth + test.prompt, test.generate));
    auto elapsed = std::chrono::steady_clock::now() - begin;
    if (i >= 0)
      test.nanoseconds.push_back(std::chrono::nanoseconds(elapsed).count());
  }
  return Status::success();
}

Json recordOf(const Session &session, const Test &test, const std::string &build) {
  const Manifest &manifest = session.model->manifest();
  std::vector<double> ns(test.nanoseconds.begin(), test.nanoseconds.end()), ts;
  for (double sample : ns)
    ts.push_back(1e9 * double(test.tokens()) / sample);
  MeanAndDeviation time = statisticsOf(ns), speed = statisticsOf(ts);
  Json record;
  record["build_id"] = build;
  record["version"] = PLAIT_VERSION;
  record["model_name"] = manifest.name;
  record["model_digest"] = manifest.binary.digest;
  record["model_size"] = session.model->tables().pack_bytes;
  record["model_n_params"] = manifest.parameters;
  record["weights"] = manifest.weightsKind;
  record["format"] = manifest.weightsFormat;
  record["kv_dtype"] = manifest.stateElement;
  record["numerics"] = manifest.numerics;
  record["backend"] = "CPU";
  record["isa"] = manifest.isa;
  record["cpu_info"] = cpuName();
  record["n_threads"] = test.threads;
  record["n_prompt"] = test.prompt;
  record["n_gen"] = test.generate;
  record["n_depth"] = test.depth;
  record["n_batch"] = test.batch;
  record["test"] = test.name();
  record["test_time"] = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
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

std::string sizeText(double bytes) {
  return bytes >= 0x1p30 ? fmt::format("{:.2f} GiB", bytes * 0x1p-30) : fmt::format("{:.2f} MiB", bytes * 0x1p-20);
}

std::string countText(double count) {
  return count >= 1e9 ? fmt::format("{:.2f} B", count / 1e9) : fmt::format("{:.2f} M", count / 1e6);
}

/// Prints records as they come, so that a long run shows where it is.
class Table {
public:
  explicit Table(std::string format) : format(std::move(format)) {}

  void add(const Json &record) {
    if (format == "jsonl")
      out.write(record.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    else if (format == "json")
      out.write((count ? ",\n" : "[\n") + record.dump(2, ' ', false, Json::error_handler_t::replace));
    else if (format == "csv")
      csv(record);
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
      out.write(machine);
    return out.exitCode();
  }
  bool ok() const { return out.ok(); }

private:
  void csv(const Json &record) {
    std::string head, line;
    for (const auto &[key, value] : record.items()) {
      if (value.is_array())
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
                          sizeText(r["model_size"].get<double>()), countText(r["model_n_params"].get<double>()),
                          r["backend"].get<std::string>(), r["n_threads"].get<int64_t>(), r["n_batch"].get<int64_t>(),
                          r["test"].get<std::string>(), r["avg_ts"].get<double>(), r["stddev_ts"].get<double>()));
  }

  std::string format;
  std::string machine; ///< of the records, below a table for people
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

int benchAction(const BenchTexts &texts) {
  Expected<BenchOptions> options = parseOptions(texts);
  if (!options)
    return fail(options.status(), exitUsage);
  CompileOptions compile;
  compile.weights = texts.weights;
  compile.kvDtype = texts.kvDtype;
  compile.quiet = texts.quiet;
  Expected<Session> session = Session::open(texts.path, compile, 0);
  if (!session)
    return fail(session.status());
  Expected<std::vector<Test>> tests = planTests(*options, session->model->tables().max_positions, texts.quiet);
  if (!tests)
    return fail(tests.status());
  std::string build = buildId();
  Table table(texts.output);
  for (Test &test : *tests) {
    if (Status status = measure(*session, *options, !texts.noWarmup, test); !status) {
      table.finish();
      return fail(status);
    }
    table.add(recordOf(*session, test, build));
    if (!table.ok())
      break;
  }
  return table.finish();
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
  bench->add_option("-t,--threads", texts->threads, "threads (default: physical cores)");
  bench->add_option("--chunk", texts->chunk, "prompt tokens per step (default 512)");
  bench->add_option("-o,--output", texts->output, "md (default), csv, json or jsonl");
  bench->add_option("--weights", texts->weights, "of a model to compile: checkpoint (default) or random[:SEED]");
  bench->add_option("--kv-dtype", texts->kvDtype,
                    "of a model to compile: keys and values as f32 (default), bf16 or int8");
  bench->add_flag("--no-warmup", texts->noWarmup, "measure the first run too");
  bench->add_flag("-q,--quiet", texts->quiet, "print nothing but errors on stderr");
  bench->footer(kFooter);
  bench->callback([texts, &action] { action = [texts] { return benchAction(*texts); }; });
}
