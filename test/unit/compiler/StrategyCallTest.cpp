//===- StrategyCallTest.cpp - Tests of what --decode takes ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Driver/StrategyCall.h"
#include "lib/Driver/StrategyLibrary.h"

#include "gtest/gtest.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <tuple>

using namespace plait;

namespace {

/// A file of two numbers and a list.
const std::string kFile =
    "// mine(k = 4, sizes = [0, 2],least)\n// Words.\nblock<$(k + 1)> of $k and $least in $sizes\n";

std::string fill(const std::string &arguments, const std::string &text = kFile) {
  auto strategy = fillStrategy("mine.mlir", text, arguments);
  return strategy ? strategy->call + "\n" + strategy->text : strategy.status().message();
}

std::string refusal(const std::string &call) {
  auto strategy = fillStrategy(call);
  return strategy ? "" : strategy.status().message();
}

std::string rest(const std::string &last) { return "// mine(k = 4, sizes = [0, 2],least)\n// Words.\n" + last + "\n"; }

} // namespace

TEST(StrategyCall, FillsInValues) {
  EXPECT_EQ(fill("least=2"), "mine(k=4,sizes=[0,2],least=2)\n" + rest("block<5> of 4 and 2 in [0,2]"));
  EXPECT_EQ(fill(" least = -1 ,sizes=[ 7 ] , k=9"),
            "mine(k=9,sizes=[7],least=-1)\n" + rest("block<10> of 9 and -1 in [7]"));
  EXPECT_EQ(fill("least=[1,2]"), "mine(k=4,sizes=[0,2],least=[1,2])\n" + rest("block<5> of 4 and [1,2] in [0,2]"));
  EXPECT_EQ(fill("", "//none()\n$"), "--decode: mine.mlir: found '$'; expected a parameter of its first line: none");
  EXPECT_EQ(fill("", "// none()\nx"), "none()\n// none()\nx");
}

TEST(StrategyCall, RefusesArguments) {
  EXPECT_EQ(fill(""),
            "--decode: mine: found no argument 'least'; expected least=VALUE, an integer or a list of integers");
  EXPECT_EQ(fill("least=1,n=2"), "--decode: mine: found argument 'n'; expected some of k, sizes, least");
  EXPECT_EQ(fill("least=1,least=2"), "--decode: mine: found 'least' twice; expected each argument once");
  EXPECT_EQ(fill("k=x,least=1"), "--decode: mine: found k='x'; expected k=VALUE, an integer such as 4");
  EXPECT_EQ(fill("k=[1],least=1"), "--decode: mine: found k='[1]'; expected k=VALUE, an integer such as 4");
  EXPECT_EQ(fill("sizes=1,least=1"),
            "--decode: mine: found sizes='1'; expected sizes=VALUE, a list of integers such as [0,2]");
  EXPECT_EQ(fill("least=[]"),
            "--decode: mine: found least='[]'; expected least=VALUE, an integer or a list of integers");
  EXPECT_EQ(fill("least=1.5"),
            "--decode: mine: found least='1.5'; expected least=VALUE, an integer or a list of integers");
  EXPECT_EQ(fill("least=99999999999999999999"), "--decode: mine: found least='99999999999999999999'; expected "
                                                "least=VALUE, an integer or a list of integers");
  EXPECT_EQ(fill("least=[1"), "--decode: mine: found 'least=[1'; expected brackets that are closed");
  EXPECT_EQ(fill("least=[1)"), "--decode: mine: found 'least=[1)'; expected brackets that match");
  EXPECT_EQ(fill("least"), "--decode: mine: found least=''; expected least=VALUE, an integer or a list of integers");
  EXPECT_EQ(fill("least="), "--decode: mine: found 'least='; expected NAME=VALUE");
  EXPECT_EQ(fill("least=1,"), "--decode: mine: found ''; expected NAME=VALUE");
  EXPECT_EQ(fill("1=1"), "--decode: mine: found '1=1'; expected NAME=VALUE");
  EXPECT_EQ(fill("k=1", "// none()\n"), "--decode: none: found argument 'k'; expected none");
}

TEST(StrategyCall, Decimals) {
  const std::string file = "// mine(alpha = 0.20)\n$alpha\n";
  auto filled = [&](const std::string &arguments) {
    auto strategy = fillStrategy("mine.mlir", file, arguments);
    return strategy ? strategy->call + strategy->text.substr(file.find('\n')) : strategy.status().message();
  };
  EXPECT_EQ(filled(""), "mine(alpha=0.2)\n0.2\n");
  EXPECT_EQ(filled("alpha = 2"), "mine(alpha=2.0)\n2.0\n");
  EXPECT_EQ(filled("alpha=-01.250"), "mine(alpha=-1.25)\n-1.25\n");
  for (std::string wrong : {"x", "1.", ".5", "1e3", "0x1", "1.2.3", "[0.2]", "-"})
    EXPECT_EQ(filled("alpha=" + wrong),
              "--decode: mine: found alpha='" + wrong + "'; expected alpha=VALUE, a number such as 0.2");
}

TEST(StrategyCall, SetsOfSublayers) {
  const std::string file = "// mine(skip = sublayers [1, 2])\n$skip of $(count skip)\n";
  auto filled = [&](const std::string &arguments, const std::string &learnt = "") {
    auto strategy = fillStrategy("mine.mlir", file, arguments, learnt);
    if (!strategy)
      return strategy.status().message();
    return strategy->call + strategy->text.substr(file.find('\n')) + (strategy->learns ? "learns" : "");
  };
  EXPECT_EQ(filled(""), "mine(skip=[1,2])\n[1,2] of 1\n");
  EXPECT_EQ(filled("skip = [ 1, attention.2 ]"), "mine(skip=[1,attention.2])\n[1,attention.2] of 1\n");
  EXPECT_EQ(filled("skip=[[1], [mlp.2, 3], []]"), "mine(skip=[[1],[mlp.2,3],[]])\n[[1],[mlp.2,3],[]] of 3\n");
  EXPECT_EQ(filled("skip=auto"), "mine(skip=auto)\n[1,2] of 1\nlearns");
  EXPECT_EQ(filled("skip=auto", "[[1],[2]]"), "mine(skip=auto)\n[[1],[2]] of 2\nlearns");
  EXPECT_EQ(filled("skip=[3]", "[[1],[2]]"), "mine(skip=[3])\n[3] of 1\n");
  for (std::string wrong : {"x", "1", "[[1],2]", "[1,[2]]", "[[[1]]]", "[a b]", "[1,,2]"})
    EXPECT_EQ(filled("skip=" + wrong),
              "--decode: mine: found skip='" + wrong +
                  "'; expected skip=SETS, a list such as [1, attention.2, mlp.3], a list of such "
                  "lists, or auto");
}

TEST(StrategyCall, RefusesFiles) {
  const std::string signature = "; expected the signature as its first line, such as // NAME(k = 4, size)";
  EXPECT_EQ(fill("", ""), "--decode: mine.mlir: found ''" + signature);
  EXPECT_EQ(fill("", "module {}"), "--decode: mine.mlir: found 'module {}'" + signature);
  EXPECT_EQ(fill("", "// a b()"), "--decode: mine.mlir: found the name 'a b'" + signature);
  EXPECT_EQ(fill("", "// a(k = x)"),
            "--decode: mine.mlir: found 'k = x', which is no number and no list of integers" + signature);
  EXPECT_EQ(fill("", "// a(k, k)"), "--decode: mine.mlir: found 'k' twice; expected each argument once" + signature);
  EXPECT_EQ(fill("", "// a(k = 1)\n$n"), "--decode: mine.mlir: found '$n'; expected a parameter of its first line: k");
  const std::string sum = "--decode: mine.mlir: found '$(k' and what follows; expected $(NAME + NUMBER) of an integer";
  EXPECT_EQ(fill("", "// a(k = 1)\n$(k - 1)"), sum);
  EXPECT_EQ(fill("", "// a(k = 1)\n$(k + 1"), sum);
  EXPECT_EQ(fill("", "// a(k = 1)\n$(k + x)"), sum);
  EXPECT_EQ(fill("", "// a(k = [1])\n$(k + 1)"), sum);
  EXPECT_EQ(fill("k=9223372036854775807", "// a(k = 1)\n$(k + 1)"), sum);
}

TEST(StrategyCall, TakesDraftModels) {
  const std::string text = "// a(draft, k = 1)\n!decode.sequence<@draft>\n";
  auto strategy = fillStrategy("a.mlir", text, "draft = models/a b.gguf, k=2");
  ASSERT_TRUE(bool(strategy)) << strategy.status().message();
  EXPECT_EQ(strategy->call, "a(draft=models/a b.gguf,k=2)");
  ASSERT_EQ(strategy->models.size(), 1u);
  EXPECT_EQ(strategy->models[0].first, "draft");
  EXPECT_EQ(strategy->models[0].second, "models/a b.gguf");
  EXPECT_EQ(fill("", text), "--decode: a: found no argument 'draft'; expected draft=PATH, a model to draft with");
}

/// A word stands for the default, and one number for a list of it.
TEST(StrategyCall, TakesWords) {
  const std::string text = "// a(k = auto: [0, 2], n = 1)\nof $k";
  for (auto [arguments, call, filled] :
       {std::tuple("", "a(k=auto,n=1)", "of [0,2]"), std::tuple("n=3, k = auto", "a(k=auto,n=3)", "of [0,2]"),
        std::tuple("k=4", "a(k=4,n=1)", "of [4]"), std::tuple("k=[1, 3]", "a(k=[1,3],n=1)", "of [1,3]")}) {
    auto strategy = fillStrategy("a.mlir", text, arguments);
    ASSERT_TRUE(bool(strategy)) << strategy.status().message();
    EXPECT_EQ(strategy->call, call);
    EXPECT_NE(strategy->text.find(filled), std::string::npos) << strategy->text;
  }
  EXPECT_EQ(fill("k=all", text),
            "--decode: a: found k='all'; expected k=VALUE, an integer, a list of integers or auto");
}

/// Depths that nobody gives are those of the tree, down to its lowest nodes.
TEST(StrategyCall, DepthsFollowFromTrees) {
  const std::string text = "// a(tree = [-1, 0, 1, 2], k = 1, depths = [0, 1, 2] of tree)\nof $tree to $depths";
  for (auto [arguments, tree, depths] :
       {std::tuple("", "[-1,0,1,2]", "[0,1,2,3]"), std::tuple("tree=[-1]", "[-1]", "[0]"),
        std::tuple("k=2,tree=[-1, 0, 0, 0]", "[-1,0,0,0]", "[0,1]"),
        std::tuple("tree=[-1,0,0,1,2,4,5,0]", "[-1,0,0,1,2,4,5,0]", "[0,1,2,4]"),
        std::tuple("depths=[1, 9]", "[-1,0,1,2]", "[1,9]"), std::tuple("tree=[-1,0],depths=[0]", "[-1,0]", "[0]"),
        // What is no tree is left to the types.
        std::tuple("tree=[-1,5]", "[-1,5]", "[0,1,2]"), std::tuple("tree=[0,0]", "[0,0]", "[0,1,2]"),
        std::tuple("tree=[-1,-1]", "[-1,-1]", "[0,1,2]")}) {
    auto strategy = fillStrategy("a.mlir", text, arguments);
    ASSERT_TRUE(bool(strategy)) << strategy.status().message();
    EXPECT_NE(strategy->call.find(",depths=" + std::string(depths) + ")"), std::string::npos) << strategy->call;
    EXPECT_NE(strategy->text.find("of " + std::string(tree) + " to " + depths), std::string::npos) << strategy->text;
  }
  EXPECT_EQ(fill("depths=2", text),
            "--decode: a: found depths='2'; expected depths=VALUE, a list of integers such as [0,1,2,3]");
  const std::string signature = "; expected the signature as its first line, such as // NAME(k = 4, size)";
  for (const char *other : {"// a(depths = [0] of tree, tree = [-1])", "// a(tree, depths = [0] of tree)",
                            "// a(tree = 3, depths = [0] of tree)"})
    EXPECT_EQ(fill("", other),
              "--decode: mine.mlir: found 'depths = [0] of tree', where 'tree' is no list before it" + signature);
}

TEST(StrategyCall, FindsStrategies) {
  auto lookup = fillStrategy(" prompt_lookup (k=2)");
  ASSERT_TRUE(bool(lookup)) << lookup.status().message();
  EXPECT_EQ(lookup->call, "prompt_lookup(k=2,longest=3,shortest=1)");
  EXPECT_EQ(lookup->source, "strategies/prompt_lookup.mlir");
  EXPECT_NE(lookup->text.find("longest 3 shortest 1 : <@main> ->"), std::string::npos);
  EXPECT_NE(lookup->text.find("!block = !decode.block<3>"), std::string::npos);
  EXPECT_EQ(lookup->text.find('$'), std::string::npos);

  EXPECT_EQ(refusal("prompt_lokup(k=4)"),
            "--decode: found strategy 'prompt_lokup'; expected ar, clover, early_exit, jacobi, medusa, "
            "medusa_typical, momentum, mtp, ppd, prompt_lookup, spec, swift, tidar, "
            "token_recycling, or the path of a file that ends with .mlir");
  const std::string form = "; expected NAME or NAME(ARGUMENT=VALUE,...)";
  EXPECT_EQ(refusal("prompt_lookup(k=4"), "--decode: found 'prompt_lookup(k=4'" + form);
  EXPECT_EQ(refusal("prompt_lookup(k=4) x"), "--decode: found 'prompt_lookup(k=4) x'" + form);
  EXPECT_EQ(refusal("(k=4)"), "--decode: found '(k=4)'" + form);
  EXPECT_EQ(refusal(""), "--decode: found ''" + form);
  EXPECT_NE(refusal("none/such (1).mlir(k=4)").find("none/such (1).mlir"), std::string::npos);
}

/// Every file is part of the program as it stands, and fits its own first line.
TEST(StrategyCall, HoldsTheLibrary) {
  size_t count = 0;
  for (const auto &entry : std::filesystem::directory_iterator(PLAIT_TEST_DIR "/../strategies")) {
    std::string name = entry.path().stem().string();
    std::stringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    const LibraryStrategy *found =
        llvm::find_if(strategyLibrary(), [&](const LibraryStrategy &strategy) { return strategy.name == name; });
    ASSERT_NE(found, strategyLibrary().end()) << name;
    EXPECT_EQ(found->text, text.str());
    // Some need to be told more than their name.
    auto filled = fillStrategy(name + (name == "spec" ? "(draft=x)" : name == "tidar" ? "(mask=3)" : ""));
    ASSERT_TRUE(bool(filled)) << filled.status().message();
    EXPECT_EQ(filled->name, name);
    ++count;
  }
  EXPECT_EQ(count, strategyLibrary().size());
}

TEST(StrategyCall, TakesSeveral) {
  auto strategies = fillStrategies({"ar", "prompt_lookup(k=1)", "ar()", "prompt_lookup(k=2)"});
  ASSERT_TRUE(bool(strategies)) << strategies.status().message();
  EXPECT_EQ(strategies->size(), 2u);
  EXPECT_EQ(fillStrategies({"prompt_lookup", "prompt_lookup(k=4)"}).status().message(),
            "--decode: found prompt_lookup(k=4,longest=3,shortest=1) twice; expected each strategy once");
}
