//===- CapiTest.cpp - Tests of the C API ----------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What callers may do wrong, and several threads. Programs in C and Python are in
// test/tools/capi.test.
//
//===----------------------------------------------------------------------===//

#include "plait-c/plait.h"
#include "test/unit/runtime/DemoModel.h"
#include "test/unit/runtime/StrategyPrograms.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstddef>
#include <cstring>
#include <thread>

namespace demo = plait::demo;

namespace {

/// The message of a failed call, freed.
std::string takeMessage(char *error) {
  std::string message = error ? error : "";
  plait_free(error);
  return message;
}

class CapiTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_EQ(plait_model_open(artifact.path().c_str(), &model, &error), PLAIT_OK) << takeMessage(error);
    plait_session_options options;
    plait_session_options_init(&options);
    options.sequences = 4;
    ASSERT_EQ(plait_session_create(model, &options, &session, &error), PLAIT_OK) << takeMessage(error);
  }
  void TearDown() override {
    plait_session_release(session);
    plait_model_release(model);
  }

  /// A request of the demo model, which has no tokenizer.
  plait_request request(const std::vector<int32_t> &prompt, int64_t count) {
    plait_request r;
    EXPECT_EQ(plait_request_init(model, &r, nullptr), PLAIT_OK);
    r.tokens = prompt.data();
    r.token_count = prompt.size();
    r.max_tokens = count;
    r.flags = PLAIT_IGNORE_EOS;
    r.temperature = 0;
    return r;
  }

  void expectRefused(const plait_request &r, plait_status code, const std::string &part) {
    uint64_t sequence = 77;
    EXPECT_EQ(plait_submit(session, &r, &sequence, &error), code) << part;
    EXPECT_EQ(sequence, 77u) << "a failure leaves outputs alone";
    std::string message = takeMessage(error);
    EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_EQ(plait_submit(session, &r, &sequence, nullptr), code) << "messages are optional";
  }

  demo::Artifact artifact;
  plait_model *model = nullptr;
  plait_session *session = nullptr;
  char *error = nullptr;
};

TEST_F(CapiTest, DescribesTheModel) {
  plait_model_info info;
  info.struct_size = sizeof(info);
  ASSERT_EQ(plait_model_describe(model, &info, &error), PLAIT_OK);
  EXPECT_EQ(error, nullptr);
  EXPECT_STREQ(info.name, "demo");
  EXPECT_EQ(info.vocabulary, demo::kVocabulary);
  EXPECT_EQ(info.max_positions, demo::kMaxPositions);
  EXPECT_EQ(info.has_tokenizer, 0);
  EXPECT_EQ(info.struct_size, sizeof(info));
  EXPECT_STREQ(plait_version(), "0.1.0");
  EXPECT_EQ(plait_api_version(), uint32_t(PLAIT_API_VERSION));
  EXPECT_STREQ(plait_status_name(PLAIT_CORRUPT), "corrupt");
  EXPECT_STREQ(plait_status_name(-1), "unknown");
  EXPECT_STREQ(plait_status_name(99), "unknown");
}

TEST_F(CapiTest, GeneratesWhatTheModelDoes) {
  std::vector<int32_t> prompt = demo::prompt(9), tokens;
  plait_request r = request(prompt, 20);
  auto collect = [](void *user, const plait_update *update) -> int32_t {
    auto &all = *static_cast<std::vector<int32_t> *>(user);
    all.insert(all.end(), update->tokens, update->tokens + update->token_count);
    EXPECT_STREQ(update->text, "") << "no tokenizer, no text";
    return 0;
  };
  ASSERT_EQ(plait_generate(session, &r, collect, &tokens, nullptr, &error), PLAIT_OK) << takeMessage(error);
  EXPECT_EQ(tokens, demo::generate(prompt, 20));
}

TEST_F(CapiTest, TheCallbackEndsASequence) {
  std::vector<int32_t> prompt = demo::prompt(3);
  plait_request r = request(prompt, 50);
  int calls = 0;
  auto stop = [](void *user, const plait_update *) -> int32_t { return ++*static_cast<int *>(user) == 3; };
  char *text = nullptr;
  EXPECT_EQ(plait_generate(session, &r, stop, &calls, &text, &error), PLAIT_CANCELLED);
  EXPECT_NE(takeMessage(error), "");
  EXPECT_EQ(text, nullptr);
  EXPECT_EQ(calls, 3) << "not called again";
}

TEST_F(CapiTest, MissingArguments) {
  std::vector<int32_t> prompt = demo::prompt(3);
  plait_request r = request(prompt, 1);
  plait_update update = {};
  uint64_t sequence;
  int32_t active;
  char *text;
  EXPECT_EQ(plait_model_open(nullptr, &model, &error), PLAIT_INVALID_ARGUMENT);
  EXPECT_EQ(takeMessage(error), "path: found NULL; expected a pointer");
  EXPECT_EQ(plait_model_open("x", nullptr, nullptr), PLAIT_INVALID_ARGUMENT);
  EXPECT_EQ(plait_model_describe(model, nullptr, nullptr), PLAIT_INVALID_ARGUMENT);
  EXPECT_EQ(plait_session_create(nullptr, nullptr, &session, nullptr), PLAIT_INVALID_ARGUMENT);
  EXPECT_EQ(plait_session_create(model, nullptr, nullptr, nullptr), PLAIT_INVALID_ARGUMENT);
  EXPECT_EQ(plait_submit(nullptr, &r, &sequence, nullptr), PLAIT_INVALID_ARGUMENT);
  EXPECT_EQ(plait_submit(session, nullptr, &sequence, nullptr), PLAIT_INVALID_ARGUMENT);
  EXPECT_EQ(plait_submit(session, &r, nullptr, nullptr), PLAIT_INVALID_ARGUMENT);
  EXPECT_EQ(plait_step(nullptr, &active, nullptr), PLAIT_INVALID_ARGUMENT);
  EXPECT_EQ(plait_step(session, nullptr, nullptr), PLAIT_INVALID_ARGUMENT);
  EXPECT_EQ(plait_poll(nullptr, 1, &update, nullptr), PLAIT_INVALID_ARGUMENT);
  EXPECT_EQ(plait_cancel(nullptr, 1, nullptr), PLAIT_INVALID_ARGUMENT);
  EXPECT_EQ(plait_generate(nullptr, &r, nullptr, nullptr, nullptr, nullptr), PLAIT_INVALID_ARGUMENT);
  EXPECT_EQ(plait_detokenize(model, nullptr, 1, 0, &text, nullptr, nullptr), PLAIT_INVALID_ARGUMENT);
  plait_model_release(nullptr);
  plait_session_release(nullptr);
  plait_free(nullptr);
}

TEST_F(CapiTest, RequestsThatAreWrong) {
  std::vector<int32_t> prompt = demo::prompt(3), outside = {demo::kVocabulary};
  plait_request right = request(prompt, 1);
  auto with = [&](auto change) {
    plait_request r = right;
    change(r);
    return r;
  };
  expectRefused(with([](auto &r) { r.tokens = nullptr; }), PLAIT_INVALID_ARGUMENT, "request: found no prompt");
  expectRefused(with([](auto &r) { r.text = "both"; }), PLAIT_INVALID_ARGUMENT, "found text and tokens");
  expectRefused(with([](auto &r) { r.token_count = 0; }), PLAIT_INVALID_ARGUMENT, "found no token");
  expectRefused(with([&](auto &r) { r.tokens = outside.data(), r.token_count = 1; }), PLAIT_INVALID_ARGUMENT,
                "found token id");
  expectRefused(with([](auto &r) { r.tokens = nullptr, r.text = "text"; }), PLAIT_UNSUPPORTED, "no tokenizer.json");
  expectRefused(with([](auto &r) { r.max_tokens = -1; }), PLAIT_INVALID_ARGUMENT, "max tokens");
  expectRefused(with([](auto &r) { r.temperature = -1; }), PLAIT_INVALID_ARGUMENT, "temperature");
  expectRefused(with([](auto &r) { r.temperature = NAN; }), PLAIT_INVALID_ARGUMENT, "temperature");
  expectRefused(with([](auto &r) { r.stop_count = 1; }), PLAIT_INVALID_ARGUMENT, "request: stops: found NULL");
  expectRefused(with([](auto &r) { r.flags = 1u << 31; }), PLAIT_INVALID_ARGUMENT, "request: flags");
  expectRefused(with([](auto &r) { r.bias_count = 1; }), PLAIT_INVALID_ARGUMENT, "request: bias_tokens: found NULL");
  expectRefused(with([](auto &r) { r.presence_penalty = 3; }), PLAIT_INVALID_ARGUMENT, "presence");
  const char *stop = "stop";
  expectRefused(with([&](auto &r) { r.stop_strings = &stop, r.stop_string_count = 1; }), PLAIT_INVALID_ARGUMENT,
                "request: stop_strings: found some");
  expectRefused(with([](auto &r) { r.struct_size = 0; }), PLAIT_INVALID_ARGUMENT, "found struct_size 0");
  expectRefused(with([](auto &r) { r.struct_size = SIZE_MAX; }), PLAIT_INVALID_ARGUMENT, "found struct_size 1844");
}

TEST_F(CapiTest, StructsOfOtherVersions) {
  std::vector<int32_t> prompt = demo::prompt(3);
  struct Newer {
    plait_request request;
    uint64_t more;
  } newer = {request(prompt, 1), 0};
  newer.request.struct_size = sizeof(newer);
  uint64_t sequence = 0;
  EXPECT_EQ(plait_submit(session, &newer.request, &sequence, nullptr), PLAIT_OK) << "members unused";
  newer.more = 1;
  expectRefused(newer.request, PLAIT_UNSUPPORTED, "members that this library does not know");
  // An older caller's struct ends early: nothing behind it is touched.
  plait_model_info info;
  std::memset(&info, 0x5A, sizeof(info));
  info.struct_size = offsetof(plait_model_info, vocabulary);
  ASSERT_EQ(plait_model_describe(model, &info, nullptr), PLAIT_OK);
  EXPECT_STREQ(info.name, "demo");
  EXPECT_EQ(info.vocabulary, 0x5A5A5A5A5A5A5A5A);
  EXPECT_EQ(info.struct_size, offsetof(plait_model_info, vocabulary));
}

TEST_F(CapiTest, OptionsThatAreWrong) {
  plait_session *none = nullptr;
  auto refused = [&](auto change, const std::string &part) {
    plait_session_options options;
    plait_session_options_init(&options);
    change(options);
    EXPECT_EQ(plait_session_create(model, &options, &none, &error), PLAIT_INVALID_ARGUMENT) << part;
    std::string message = takeMessage(error);
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  refused([](auto &o) { o.threads = 4096; }, "options: threads: found 4096");
  refused([](auto &o) { o.sequences = 0; }, "options: sequences: found 0");
  refused([](auto &o) { o.context = -1; }, "options: context: found -1");
  refused([](auto &o) { o.chunk = 0; }, "options: chunk: found 0");
  refused([](auto &o) { o.struct_size = 1; }, "struct_size 1");
  EXPECT_EQ(none, nullptr);
}

/// A session of a model with two strategies, which takes one of them.
class CapiStrategies : public CapiTest {
protected:
  void SetUp() override {
    artifact.edit([](plait::Json &manifest) {
      manifest["strategies"] = plait::Json::array();
      for (int k : {2, 4})
        manifest["strategies"].push_back({{"call", "prompt_lookup(k=" + std::to_string(k) + ")"},
                                          {"program", plait::Json::parse(plait::programs::lookupText(k + 1))}});
    });
    ASSERT_EQ(plait_model_open(artifact.path().c_str(), &model, &error), PLAIT_OK) << takeMessage(error);
  }
  plait_status create(const char *strategy, std::vector<const char *> others) {
    plait_session_options options;
    plait_session_options_init(&options);
    options.sequences = 4;
    options.strategy = strategy;
    options.strategies = others.data();
    options.strategy_count = others.size();
    return plait_session_create(model, &options, &session, &error);
  }
  plait_stats stats(uint64_t sequence) {
    plait_stats stats = {};
    stats.struct_size = sizeof(stats);
    EXPECT_EQ(plait_sequence_stats(session, sequence, &stats, nullptr), PLAIT_OK);
    return stats;
  }
  plait_stats total(const char *strategy) {
    plait_stats stats = {};
    stats.struct_size = sizeof(stats);
    EXPECT_EQ(plait_strategy_stats(session, strategy, &stats, nullptr), PLAIT_OK);
    return stats;
  }
};

TEST_F(CapiStrategies, TheModelListsThem) {
  plait_model_info info;
  info.struct_size = sizeof(info);
  ASSERT_EQ(plait_model_describe(model, &info, nullptr), PLAIT_OK);
  ASSERT_EQ(info.strategy_count, 2u);
  EXPECT_STREQ(info.strategies[0], "prompt_lookup(k=2)");
  EXPECT_STREQ(info.strategies[1], "prompt_lookup(k=4)");
}

TEST_F(CapiStrategies, ARequestTakesOneOfTheSession) {
  ASSERT_EQ(create(nullptr, {"prompt_lookup(k=4)", "ar"}), PLAIT_OK) << takeMessage(error);
  std::vector<int32_t> prompt = demo::prompt(9);
  plait_request r = request(prompt, 20);
  r.strategy = "prompt_lookup"; // of the session's only one is called so
  uint64_t sequence, plain;
  ASSERT_EQ(plait_submit(session, &r, &sequence, &error), PLAIT_OK) << takeMessage(error);
  r.strategy = nullptr;
  ASSERT_EQ(plait_submit(session, &r, &plain, &error), PLAIT_OK) << takeMessage(error);
  int32_t active = 1;
  while (active)
    ASSERT_EQ(plait_step(session, &active, nullptr), PLAIT_OK);
  for (uint64_t each : {sequence, plain}) {
    plait_update update = {};
    update.struct_size = sizeof(update);
    ASSERT_EQ(plait_poll(session, each, &update, nullptr), PLAIT_OK);
    EXPECT_EQ(std::vector<int32_t>(update.tokens, update.tokens + update.token_count), demo::generate(prompt, 20));
  }
  plait_stats drafted = stats(sequence);
  EXPECT_STREQ(drafted.strategy, "prompt_lookup(k=4)");
  EXPECT_EQ(drafted.tokens, 20);
  EXPECT_EQ(drafted.rounds + drafted.accepted, 20);
  EXPECT_GE(drafted.drafted, drafted.accepted);
  EXPECT_EQ(drafted.tokens_per_round, 20.0 / double(drafted.rounds));
  EXPECT_STREQ(stats(plain).strategy, "ar");
  EXPECT_EQ(stats(plain).rounds, 0);
  EXPECT_EQ(stats(plain).tokens, 20);
  EXPECT_EQ(total("ar").tokens, 20);
  EXPECT_EQ(plait_sequence_release(session, sequence, nullptr), PLAIT_OK);
  EXPECT_EQ(total("prompt_lookup").accepted, drafted.accepted) << "released ones too";
  EXPECT_EQ(total(nullptr).tokens, 40);
  EXPECT_EQ(total(nullptr).sequences, 2);
  EXPECT_EQ(total(nullptr).strategy, nullptr);
}

TEST_F(CapiStrategies, NamesThatAreWrong) {
  EXPECT_EQ(create("jacobi", {}), PLAIT_NOT_FOUND);
  EXPECT_EQ(takeMessage(error), "options: strategy: found \"jacobi\"; expected one of prompt_lookup(k=2), "
                                "prompt_lookup(k=4), or ar, plain decoding; the model can be compiled with others "
                                "(plait-compile --decode)");
  EXPECT_EQ(create(nullptr, {"prompt_lookup"}), PLAIT_NOT_FOUND);
  EXPECT_NE(takeMessage(error).find("found \"prompt_lookup\", which several are"), std::string::npos);
  EXPECT_EQ(create(nullptr, {nullptr}), PLAIT_INVALID_ARGUMENT);
  EXPECT_EQ(takeMessage(error), "options: strategies: found NULL; expected a pointer");
  EXPECT_EQ(session, nullptr);
  ASSERT_EQ(create("prompt_lookup(k=2)", {}), PLAIT_OK) << takeMessage(error);
  std::vector<int32_t> prompt = demo::prompt(9);
  plait_request r = request(prompt, 20);
  r.strategy = "jacobi";
  expectRefused(r, PLAIT_NOT_FOUND, "request: strategy: found \"jacobi\"; expected one of");
  r.strategy = "prompt_lookup(k=4)";
  expectRefused(r, PLAIT_NOT_FOUND,
                "request: strategy: found \"prompt_lookup(k=4)\", which the model has and the session has not; "
                "expected one of ar, prompt_lookup(k=2); name it among the strategies of plait_session_options");
  plait_stats stats = {};
  EXPECT_EQ(plait_strategy_stats(session, nullptr, &stats, &error), PLAIT_INVALID_ARGUMENT);
  EXPECT_NE(takeMessage(error).find("stats: found struct_size 0"), std::string::npos);
  stats.struct_size = sizeof(stats);
  EXPECT_EQ(plait_strategy_stats(session, "jacobi", &stats, nullptr), PLAIT_NOT_FOUND);
  EXPECT_EQ(plait_sequence_stats(session, 1, &stats, nullptr), PLAIT_NOT_FOUND);
  EXPECT_EQ(plait_sequence_stats(session, 1, nullptr, nullptr), PLAIT_NOT_FOUND);
  EXPECT_EQ(plait_sequence_stats(nullptr, 1, &stats, nullptr), PLAIT_INVALID_ARGUMENT);
  EXPECT_EQ(plait_strategy_stats(nullptr, nullptr, &stats, nullptr), PLAIT_INVALID_ARGUMENT);
}

TEST_F(CapiStrategies, ManyThreadsWithStrategiesOfTheirOwn) {
  ASSERT_EQ(create("prompt_lookup(k=4)", {"all"}), PLAIT_OK) << takeMessage(error);
  static const char *const names[] = {"ar", "prompt_lookup(k=2)", nullptr}; // the last for the session's
  static const char *const calls[] = {"ar", "prompt_lookup(k=2)", "prompt_lookup(k=4)"};
  std::vector<std::thread> threads;
  std::vector<int> right(6, 0);
  for (int t = 0; t < 6; ++t)
    threads.emplace_back([&, t] {
      for (int round = 0; round < 5; ++round) {
        std::vector<int32_t> prompt = demo::prompt(4 + t, round), tokens;
        plait_request r = request(prompt, 12);
        r.strategy = names[t % 3];
        auto collect = [](void *user, const plait_update *update) -> int32_t {
          auto &all = *static_cast<std::vector<int32_t> *>(user);
          all.insert(all.end(), update->tokens, update->tokens + update->token_count);
          return 0;
        };
        plait_status status = plait_generate(session, &r, collect, &tokens, nullptr, nullptr);
        plait_stats sofar = total(calls[t % 3]);
        bool counted = sofar.tokens >= 12 && sofar.accepted <= sofar.drafted;
        right[size_t(t)] += status == PLAIT_OK && tokens == demo::generate(prompt, 12) && counted;
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(right, std::vector<int>(6, 5));
  for (const char *call : calls) {
    EXPECT_EQ(total(call).sequences, 10);
    EXPECT_EQ(total(call).tokens, 120);
  }
  EXPECT_EQ(total("ar").rounds, 0);
  EXPECT_EQ(total(nullptr).tokens, 360);
}

TEST_F(CapiStrategies, StructsOfVersion1NameNone) {
  plait_session_options options;
  std::memset(&options, 0x5A, sizeof(options));
  (plait_session_options_init)(&options);
  EXPECT_EQ(options.struct_size, offsetof(plait_session_options, strategy));
  EXPECT_EQ(options.sequences, 1u);
  EXPECT_EQ(options.strategy_count, 0x5A5A5A5A5A5A5A5Au) << "nothing behind it is touched";
  ASSERT_EQ(plait_session_create(model, &options, &session, &error), PLAIT_OK) << takeMessage(error);
  plait_request r;
  std::memset(&r, 0x5A, sizeof(r));
  ASSERT_EQ((plait_request_init)(model, &r, nullptr), PLAIT_OK);
  EXPECT_EQ(r.struct_size, offsetof(plait_request, strategy));
  std::vector<int32_t> prompt = demo::prompt(3), tokens;
  r.tokens = prompt.data();
  r.token_count = prompt.size();
  r.max_tokens = 2;
  uint64_t sequence;
  ASSERT_EQ(plait_submit(session, &r, &sequence, &error), PLAIT_OK) << takeMessage(error);
  EXPECT_STREQ(stats(sequence).strategy, "ar");
  EXPECT_EQ(plait_request_init_sized(model, &r, 1, nullptr), PLAIT_INVALID_ARGUMENT);
}

TEST_F(CapiTest, SequencesThatAreNotThere) {
  plait_update update = {};
  update.struct_size = sizeof(update);
  EXPECT_EQ(plait_poll(session, 5, &update, &error), PLAIT_NOT_FOUND);
  EXPECT_EQ(takeMessage(error), "sequence: found 5; expected one that was submitted to this session and not released");
  EXPECT_EQ(plait_cancel(session, 0, nullptr), PLAIT_NOT_FOUND);
  std::vector<int32_t> prompt = demo::prompt(3);
  plait_request r = request(prompt, 4);
  uint64_t sequence;
  ASSERT_EQ(plait_submit(session, &r, &sequence, nullptr), PLAIT_OK);
  EXPECT_EQ(plait_sequence_release(session, sequence, nullptr), PLAIT_OK);
  EXPECT_EQ(plait_sequence_release(session, sequence, nullptr), PLAIT_NOT_FOUND);
  int32_t active = 1;
  for (int i = 0; active && i < 10; ++i)
    ASSERT_EQ(plait_step(session, &active, nullptr), PLAIT_OK);
  EXPECT_EQ(active, 0) << "what was released has ended";
}

TEST_F(CapiTest, AnUpdateLastsUntilTheNextPoll) {
  std::vector<int32_t> prompt = demo::prompt(5);
  plait_request r = request(prompt, 6);
  uint64_t sequence;
  ASSERT_EQ(plait_submit(session, &r, &sequence, nullptr), PLAIT_OK);
  std::vector<int32_t> expected = demo::generate(prompt, 6), tokens;
  plait_update update = {};
  update.struct_size = sizeof(update);
  int32_t active;
  for (int i = 0; i < 2; ++i)
    ASSERT_EQ(plait_step(session, &active, nullptr), PLAIT_OK);
  ASSERT_EQ(plait_poll(session, sequence, &update, nullptr), PLAIT_OK);
  ASSERT_EQ(plait_step(session, &active, nullptr), PLAIT_OK); // changes nothing of what was given
  tokens.assign(update.tokens, update.tokens + update.token_count);
  EXPECT_EQ(tokens, std::vector<int32_t>(expected.begin(), expected.begin() + 2));
  EXPECT_EQ(update.finish, PLAIT_NOT_FINISHED);
  while (active)
    ASSERT_EQ(plait_step(session, &active, nullptr), PLAIT_OK);
  ASSERT_EQ(plait_poll(session, sequence, &update, nullptr), PLAIT_OK);
  tokens.insert(tokens.end(), update.tokens, update.tokens + update.token_count);
  EXPECT_EQ(tokens, expected);
  EXPECT_EQ(update.finish, PLAIT_FINISH_LENGTH);
  ASSERT_EQ(plait_poll(session, sequence, &update, nullptr), PLAIT_OK);
  EXPECT_EQ(update.token_count, 0u) << "nothing new, and the end again";
  EXPECT_EQ(update.finish, PLAIT_FINISH_LENGTH);
}

TEST_F(CapiTest, ManyThreadsInOneSession) {
  std::vector<std::thread> threads;
  std::vector<int> right(6, 0);
  for (int t = 0; t < 6; ++t)
    threads.emplace_back([&, t] {
      for (int round = 0; round < 5; ++round) {
        std::vector<int32_t> prompt = demo::prompt(4 + t, round), tokens;
        plait_request r;
        plait_request_init(model, &r, nullptr);
        r.tokens = prompt.data();
        r.token_count = prompt.size();
        r.max_tokens = 12;
        r.flags = PLAIT_IGNORE_EOS;
        r.temperature = 0;
        auto collect = [](void *user, const plait_update *update) -> int32_t {
          auto &all = *static_cast<std::vector<int32_t> *>(user);
          all.insert(all.end(), update->tokens, update->tokens + update->token_count);
          return 0;
        };
        plait_status status = plait_generate(session, &r, collect, &tokens, nullptr, nullptr);
        right[size_t(t)] += status == PLAIT_OK && tokens == demo::generate(prompt, 12);
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(right, std::vector<int>(6, 5));
}

} // namespace
