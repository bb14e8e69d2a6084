//===- StrategyChoiceTest.cpp - Tests of the strategies of a manifest -----===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/StrategyChoice.h"

#include "test/unit/runtime/DemoModel.h"
#include "test/unit/runtime/StrategyPrograms.h"

#include "gtest/gtest.h"

using namespace plait;

namespace {

class StrategyChoiceTest : public testing::Test {
protected:
  /// The manifest of a model with these calls of one program.
  Expected<Manifest> read(const std::vector<std::string> &calls) {
    artifact.edit([&](Json &manifest) {
      manifest["strategies"] = Json::array();
      for (const std::string &call : calls)
        manifest["strategies"].push_back({{"call", call}, {"program", Json::parse(programs::lookupText())}});
    });
    return readManifest(*ArtifactSource::open(artifact.path()));
  }
  std::string refusal(const Manifest &manifest, const std::string &wanted) {
    auto chosen = chooseStrategy(manifest, wanted);
    return chosen ? "chose " + (*chosen)->call : chosen.status().message();
  }
  demo::Artifact artifact;
};

TEST_F(StrategyChoiceTest, ByCallNameOrArguments) {
  auto manifest = read({"prompt_lookup(k=4,longest=3,shortest=1)", "prompt_lookup(k=8,longest=3,shortest=1)",
                        "token_recycling(tree=[-1, 0, 0],successors=3)"});
  ASSERT_TRUE(manifest) << manifest.status().message();
  for (auto [wanted, index] :
       {std::pair("prompt_lookup(k=4,longest=3,shortest=1)", 0), std::pair("prompt_lookup(k=8)", 1),
        std::pair(" prompt_lookup( longest = 3, k = 4 )", 0), std::pair("token_recycling", 2),
        std::pair("token_recycling()", 2), std::pair("token_recycling(tree = [-1,0,0])", 2)}) {
    auto chosen = chooseStrategy(*manifest, wanted);
    ASSERT_TRUE(chosen) << chosen.status().message();
    EXPECT_EQ((*chosen)->call, manifest->strategies[size_t(index)].call) << wanted;
  }
  EXPECT_EQ(refusal(*manifest, "prompt_lookup"),
            "strategy: found \"prompt_lookup\", which several are; expected one of "
            "prompt_lookup(k=4,longest=3,shortest=1), prompt_lookup(k=8,longest=3,shortest=1), "
            "token_recycling(tree=[-1, 0, 0],successors=3); the model can be compiled with others (plait-compile "
            "--decode)");
  EXPECT_NE(refusal(*manifest, "prompt_lookup(k=5)").find("found \"prompt_lookup(k=5)\"; expected one of"),
            std::string::npos);
  EXPECT_NE(refusal(*manifest, "jacobi").find("expected one of"), std::string::npos);
  EXPECT_NE(refusal(*manifest, "").find("expected one of"), std::string::npos);
}

TEST_F(StrategyChoiceTest, PlainDecodingIsOneOfThem) {
  auto manifest = read({"prompt_lookup(k=4)"});
  ASSERT_TRUE(manifest);
  for (const char *wanted : {"ar", " ar ", "ar()"}) {
    auto chosen = chooseStrategyOrPlain(*manifest, wanted);
    ASSERT_TRUE(chosen) << chosen.status().message();
    EXPECT_EQ(*chosen, nullptr);
    EXPECT_FALSE(chooseStrategy(*manifest, wanted)) << "only where it is a choice";
  }
  auto chosen = chooseStrategyOrPlain(*manifest, "prompt_lookup");
  ASSERT_TRUE(chosen);
  EXPECT_EQ(*chosen, &manifest->strategies[0]);
  EXPECT_EQ(chooseStrategyOrPlain(*manifest, "jacobi").status().message(),
            "strategy: found \"jacobi\"; expected one of prompt_lookup(k=4), or ar, plain decoding; the model can be "
            "compiled with others (plait-compile --decode)");
  manifest->strategies.clear();
  EXPECT_EQ(chooseStrategyOrPlain(*manifest, "jacobi").status().message(),
            "strategy: found \"jacobi\", and the model has none; take ar, plain decoding, or compile it with "
            "`plait-compile --decode jacobi`");
}

TEST_F(StrategyChoiceTest, AModelWithout) {
  auto manifest = readManifest(*ArtifactSource::open(artifact.path()));
  ASSERT_TRUE(manifest);
  EXPECT_EQ(refusal(*manifest, "jacobi"),
            "strategy: found \"jacobi\", and the model has none; compile it with `plait-compile --decode jacobi`");
}

TEST_F(StrategyChoiceTest, ProgramsAreReadWhenTheyAreWanted) {
  auto manifest = read({"prompt_lookup(k=4)"});
  ASSERT_TRUE(manifest);
  auto program = readStrategy(manifest->strategies[0]);
  ASSERT_TRUE(program) << program.status().message();
  EXPECT_EQ(needsOf(program->get()).nodes, 5);
  EXPECT_EQ(needsOf(nullptr).nodes, 1);
  ManifestStrategy damaged = manifest->strategies[0];
  damaged.program["round"]["ops"][2]["operands"][0] = 3;
  std::string message = readStrategy(damaged).status().message();
  EXPECT_NE(message.find("strategy prompt_lookup(k=4): /round/ops/2"), std::string::npos) << message;
  EXPECT_NE(message.find("compile the model again"), std::string::npos) << message;
}

TEST_F(StrategyChoiceTest, ManifestsThatAreDamaged) {
  auto refused = [&](const char *key, const Json &value, const char *part) {
    artifact.edit([&](Json &manifest) {
      manifest.erase("strategies");
      manifest.erase("models");
      manifest[key] = value;
    });
    auto manifest = readManifest(*ArtifactSource::open(artifact.path()));
    ASSERT_FALSE(manifest) << part;
    EXPECT_NE(manifest.status().message().find(part), std::string::npos) << manifest.status().message();
  };
  refused("strategies", 3, "/strategies");
  refused("strategies", Json::array({{{"call", 3}}}), "/strategies/0/call");
  refused("strategies", Json::array({{{"call", "a"}}}), "program");
  refused("models", Json::array(), "/models");
  refused("models", {{"draft", "../other"}}, "the plain name of a folder inside the artifact");
}

} // namespace
