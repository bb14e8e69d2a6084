//===- Selftest.cpp - plait selftest: whether a model computes right ------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Checkpoint.h"
#include "runtime/core/Instance.h"
#include "runtime/decode/Scheduler.h"
#include "tools/plait/Commands.h"
#include "tools/plait/Console.h"
#include "tools/plait/Session.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <random>

using namespace plait;

namespace {

constexpr const char *kFooter =
    "Two kinds of checks. Against selftest.safetensors of the artifact, if there: greedy tokens\n"
    "wherever the margin between the two best logits exceeds the tolerance, and logits if the\n"
    "model has a debug variant (plait-compile --debug-logits). Against itself: the same tokens and the same bits of "
    "log\n"
    "probabilities alone and in a batch of 7, for prompt chunks of 1, 5 and the whole prompt, and\n"
    "for 1 and 2 threads.";

/// The golden values; tensors tokens i32 [T], greedy i32 [N], margin f32 [N],
/// logits f32 [T, V], of which only the first is required.
struct Golden {
  std::vector<int32_t> tokens, greedy;
  std::vector<float> margins, logits;
  double tolerance = 0; ///< relative to maxLogit
  double maxLogit = 0;
};

Expected<std::vector<double>> readTensor(const Checkpoint &file, const char *name, TensorType type, int64_t elements) {
  std::vector<double> values;
  const TensorView *tensor = file.find(name);
  if (!tensor)
    return values;
  if (tensor->type != type || (elements >= 0 && tensor->elements() != elements))
    return corrupt(fmt::format("selftest.safetensors: {}: found {} of {} elements; expected {}{}", name,
                               tensorTypeName(tensor->type), tensor->elements(), tensorTypeName(type),
                               elements >= 0 ? fmt::format(" of {}", elements) : ""));
  for (int64_t i = 0; i < tensor->elements(); ++i)
    values.push_back(tensorElement(*tensor, i));
  return values;
}

Expected<double> readMetadata(const Checkpoint &file, const std::string &key, double absent) {
  auto found = file.metadata().find(key);
  if (found == file.metadata().end())
    return absent;
  double value = 0;
  const char *end = found->second.data() + found->second.size();
  auto [stop, error] = std::from_chars(found->second.data(), end, value);
  if (error != std::errc() || stop != end || !std::isfinite(value) || value < 0)
    return corrupt("selftest.safetensors: metadata " + key + ": expected a number of at least 0");
  return value;
}

Expected<Golden> readGolden(const FileRange &range, int64_t vocabulary) {
  PLAIT_ASSIGN_OR_RETURN(Checkpoint file, Checkpoint::openFile(range));
  Golden golden;
  PLAIT_ASSIGN_OR_RETURN(auto tokens, readTensor(file, "tokens", TensorType::i32, -1));
  PLAIT_ASSIGN_OR_RETURN(auto greedy, readTensor(file, "greedy", TensorType::i32, -1));
  PLAIT_ASSIGN_OR_RETURN(auto margins, readTensor(file, "margin", TensorType::f32, int64_t(greedy.size())));
  PLAIT_ASSIGN_OR_RETURN(auto logits, readTensor(file, "logits", TensorType::f32, int64_t(tokens.size()) * vocabulary));
  if (tokens.empty())
    return corrupt("selftest.safetensors: found no tensor tokens; expected i32 [T]");
  golden.tokens.assign(tokens.begin(), tokens.end());
  golden.greedy.assign(greedy.begin(), greedy.end());
  golden.margins.assign(margins.begin(), margins.end());
  golden.logits.assign(logits.begin(), logits.end());
  double largest = 0;
  for (float logit : golden.logits)
    largest = std::max(largest, double(std::abs(logit)));
  PLAIT_ASSIGN_OR_RETURN(golden.tolerance, readMetadata(file, "tolerance", 0));
  PLAIT_ASSIGN_OR_RETURN(golden.maxLogit, readMetadata(file, "max_abs_logit", largest));
  return golden;
}

/// Counts and prints the outcome of the checks.
class Report {
public:
  void add(const std::string &check, int64_t compared, int64_t wrong, const std::string &detail) {
    failures += wrong;
    checks += compared;
    out.write(fmt::format("{:<7} {:<44} {} compared{}{}\n", wrong ? "FAILED" : "ok", check, compared,
                          wrong ? fmt::format(", {} wrong", wrong) : "", detail.empty() ? "" : "; " + detail));
  }
  void skip(const std::string &check, const std::string &reason) {
    out.write(fmt::format("{:<7} {:<44} {}\n", "skipped", check, reason));
  }
  int finish() {
    out.write(fmt::format("{} comparisons, {} wrong\n", checks, failures));
    if (int code = out.exitCode())
      return code;
    return failures ? exitFailure : exitSuccess;
  }

private:
  Output out;
  int64_t checks = 0, failures = 0;
};

class Selftest {
public:
  explicit Selftest(const Session &session) : model(session.model), context(model->tables().max_positions) {}

  Status run(Report &report) {
    PLAIT_RETURN_IF_ERROR(checkGolden(report));
    return checkInvariance(report);
  }

private:
  /// One row over `tokens` with a leaf at each token from `firstLeaf` on.
  Expected<StepResult> runForced(const std::vector<int32_t> &tokens, size_t firstLeaf, const std::string &variant) {
    InstanceOptions io;
    io.maxTokens = int64_t(tokens.size());
    io.maxRows = 1;
    io.maxLeaves = io.maxTokens;
    io.variant = variant;
    io.capacityPages = wholePages(*model, io.maxTokens);
    PLAIT_ASSIGN_OR_RETURN(auto instance, Instance::create(model, io));
    StepRow row;
    row.tokens = tokens;
    row.pages = dealPages(instance->limits(), 0, 1, io.maxTokens);
    for (size_t i = firstLeaf; i < tokens.size(); ++i)
      row.leaves.push_back({int32_t(i), {}, {}});
    StepBatch batch;
    batch.rows.push_back(std::move(row));
    return instance->run(std::move(batch));
  }

  Status checkGolden(Report &report) {
    PLAIT_ASSIGN_OR_RETURN(std::optional<FileRange> file, model->file("selftest.safetensors"));
    if (!file) {
      report.skip("golden values", "the artifact has no selftest.safetensors");
      return Status::success();
    }
    PLAIT_ASSIGN_OR_RETURN(golden, readGolden(*file, model->tables().vocabulary));
    PLAIT_RETURN_IF_ERROR(checkGreedy(report));
    return checkLogits(report);
  }

  /// The expected tokens are fed, so one that may go either way spoils no other.
  Status checkGreedy(Report &report) {
    if (golden.greedy.empty())
      return Status::success();
    std::vector<int32_t> tokens = golden.tokens;
    tokens.insert(tokens.end(), golden.greedy.begin(), golden.greedy.end() - 1);
    PLAIT_ASSIGN_OR_RETURN(StepResult result, runForced(tokens, golden.tokens.size() - 1, "ar"));
    int64_t compared = 0, wrong = 0, skipped = 0;
    std::string first;
    for (size_t i = 0; i < golden.greedy.size(); ++i) {
      bool close = i < golden.margins.size() && golden.margins[i] <= golden.tolerance * golden.maxLogit;
      skipped += close;
      if (close)
        continue;
      ++compared;
      if (result.leaves[i].token != golden.greedy[i] && !wrong++)
        first = fmt::format("token {}: found {}, expected {}", i, result.leaves[i].token, golden.greedy[i]);
    }
    std::string detail = skipped ? fmt::format("{} within the tolerance left out", skipped) : "";
    report.add("greedy tokens", compared, wrong, wrong ? first : detail);
    return Status::success();
  }

  Status checkLogits(Report &report) {
    if (golden.logits.empty())
      return Status::success();
    std::string debug = model->manifest().strategy + ".debug";
    if (!model->plan(debug)) {
      report.skip("logits", "the model has no variant \"" + debug + "\"");
      return Status::success();
    }
    PLAIT_ASSIGN_OR_RETURN(StepResult result, runForced(golden.tokens, 0, debug));
    double worst = 0;
    for (size_t i = 0; i < golden.logits.size(); ++i) {
      double difference = std::abs(double(result.logits[i]) - double(golden.logits[i]));
      worst = std::isfinite(difference) ? std::max(worst, difference) : INFINITY;
    }
    double relative = golden.maxLogit > 0 ? worst / golden.maxLogit : worst;
    report.add(
        "logits", int64_t(golden.logits.size()), relative > golden.tolerance,
        fmt::format("largest difference {:.2e} of the largest logit, tolerance {:.2e}", relative, golden.tolerance));
    return Status::success();
  }

  std::vector<Request> makeRequests() const {
    std::mt19937 random(7);
    std::uniform_int_distribution<int32_t> token(0, int32_t(model->tables().vocabulary - 1));
    std::vector<Request> requests;
    for (int64_t length : {33, 1, 7, 20, 64, 3, 15}) {
      Request request;
      length = std::clamp<int64_t>(length, 1, std::max<int64_t>(1, context / 2));
      for (int64_t i = 0; i < length; ++i)
        request.prompt.push_back(token(random));
      size_t index = requests.size();
      if (index == 0 && !golden.tokens.empty() && int64_t(golden.tokens.size()) <= context / 2)
        request.prompt = golden.tokens;
      if (index % 2)
        request.sampling = {0.8f, 40, 0.95f, 0.01f, 1234, index};
      request.maxTokens = std::min<int64_t>(16, context - length);
      request.ignoreEos = true;
      requests.push_back(std::move(request));
    }
    return requests;
  }

  /// Runs requests in groups of `batch`.
  Expected<std::vector<SequenceResult>> generate(const std::vector<Request> &requests, unsigned threads, int64_t chunk,
                                                 size_t batch) {
    InstanceOptions io;
    io.threads = threads;
    io.maxTokens = 256;
    io.maxRows = int64_t(requests.size());
    io.capacityPages = 0;
    for (const Request &request : requests)
      io.capacityPages += wholePages(*model, int64_t(request.prompt.size()) + request.maxTokens);
    PLAIT_ASSIGN_OR_RETURN(auto created, Instance::create(model, io));
    Scheduler scheduler(std::move(created), {.chunk = chunk});
    std::vector<SequenceResult> results;
    for (size_t begin = 0; begin < requests.size(); begin += batch) {
      std::vector<SequenceId> ids;
      for (size_t i = begin; i < std::min(begin + batch, requests.size()); ++i) {
        PLAIT_ASSIGN_OR_RETURN(SequenceId id, scheduler.add(requests[i]));
        ids.push_back(id);
      }
      PLAIT_RETURN_IF_ERROR(scheduler.runAll());
      for (SequenceId id : ids) {
        PLAIT_ASSIGN_OR_RETURN(SequenceResult result, scheduler.take(id));
        results.push_back(std::move(result));
      }
      if (interrupted())
        return Status::error(StatusCode::cancelled, "interrupted");
    }
    return results;
  }

  Status checkInvariance(Report &report) {
    if (model->manifest().numerics == "fast") {
      report.skip("same bits in every batch", "compiled with numerics \"fast\"");
      return Status::success();
    }
    std::vector<Request> requests = makeRequests();
    PLAIT_ASSIGN_OR_RETURN(auto reference, generate(requests, 1, 0, 1));
    for (unsigned threads : {1u, 2u})
      for (int64_t chunk : {1, 5, 0})
        for (size_t batch : {size_t(1), requests.size()}) {
          PLAIT_ASSIGN_OR_RETURN(auto results, generate(requests, threads, chunk, batch));
          int64_t compared = 0, wrong = 0;
          for (size_t i = 0; i < results.size(); ++i)
            compareBits(reference[i], results[i], compared, wrong);
          report.add(fmt::format(
                         "same bits: {}, {}, {} thread{}", batch == 1 ? "alone" : fmt::format("batch of {}", batch),
                         chunk ? fmt::format("chunks of {}", chunk) : "whole prompt", threads, threads == 1 ? "" : "s"),
                     compared, wrong, "");
        }
    return Status::success();
  }

  static void compareBits(const SequenceResult &a, const SequenceResult &b, int64_t &compared, int64_t &wrong) {
    wrong += a.reason != b.reason || a.tokens.size() != b.tokens.size();
    size_t count = std::min(a.tokens.size(), b.tokens.size());
    for (size_t i = 0; i < count; ++i)
      wrong += a.tokens[i] != b.tokens[i] || std::memcmp(&a.logprobs[i], &b.logprobs[i], sizeof(float)) != 0;
    compared += int64_t(count);
  }

  std::shared_ptr<const Model> model;
  int64_t context;
  Golden golden;
};

int selftestAction(const std::string &path, const std::string &isa) {
  CompileOptions compile;
  compile.isa = isa;
  Expected<Session> session = Session::open(path, compile, 0);
  if (!session)
    return fail(session.status());
  Report report;
  Status status = Selftest(*session).run(report);
  int code = report.finish();
  return status ? code : fail(status);
}

} // namespace

void plait::addSelftestCommand(CLI::App &app, Action &action) {
  auto path = std::make_shared<std::string>(), isa = std::make_shared<std::string>();
  CLI::App *selftest = app.add_subcommand("selftest", "Check that a model computes right here");
  selftest->add_option("PATH", *path, "a compiled model, or a Hugging Face folder or GGUF file to compile")->required();
  selftest->add_option("--isa", *isa, kIsaHelp);
  selftest->footer(kFooter);
  selftest->callback([path, isa, &action] { action = [path, isa] { return selftestAction(*path, *isa); }; });
}
