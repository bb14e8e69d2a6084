//===- StrategyFaultsTest.cpp - Faults put into engines -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Faults that engines for drafted tokens are known to have. Each is put between the scheduler and its
// model, where it does to steps what a wrong engine would; the same requests without it have the texts of
// plain decoding. What finds a fault:
//
//   text      the tokens, their log probabilities or how a text ends are not those of plain decoding;
//   refused   the model finds in the pages of a row what does not belong to its text;
//   drafts    the text is right, but its rounds are not those of the draft model's own text. Nothing
//             else can find a draft model that goes on from what was rejected.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Instance.h"
#include "runtime/decode/StrategyChoice.h"

#include "test/unit/runtime/decode/StrategyFixture.h"

#include <map>
#include <set>

using namespace plait;
using namespace plait::programs;

namespace {

/// Passes steps on to another runner, and lets a test change them.
class Tampered final : public StepRunner {
public:
  explicit Tampered(std::shared_ptr<StepRunner> inner) : inner(std::move(inner)) {}

  Expected<StepResult> run(StepBatch batch, StepProfile *profile = nullptr) override {
    if (before)
      before(batch);
    Expected<StepResult> result = inner->run(batch, profile);
    if (result && after)
      PLAIT_RETURN_IF_ERROR(after(batch, *result));
    return result;
  }
  Status copyPage(size_t table, int32_t from, int32_t to) override { return inner->copyPage(table, from, to); }
  Status moveCells(std::span<const CellMove> moves) override {
    std::vector<CellMove> own(moves.begin(), moves.end());
    if (move)
      move(own);
    numMoves += int64_t(own.size());
    return inner->moveCells(own);
  }
  Status beginHandover(const HandoverMessage &message) override { return inner->beginHandover(message); }
  Expected<uint64_t> finishHandover() override { return inner->finishHandover(); }
  int64_t replica() const override { return inner->replica(); }
  ReplicaRole role() const override { return inner->role(); }
  const Model &model() const override { return inner->model(); }
  const StepLimits &limits() const override { return inner->limits(); }
  bool hasLogits() const override { return inner->hasLogits(); }
  unsigned threads() const override { return inner->threads(); }

  std::shared_ptr<StepRunner> inner;
  std::function<void(StepBatch &)> before;
  std::function<Status(const StepBatch &, StepResult &)> after;
  std::function<void(std::vector<CellMove> &)> move;
  int64_t numMoves = 0;
};

enum class Found { nothing, text, refused, drafts };

int32_t parentOf(const StepRow &row, int32_t token) {
  return row.parents.empty() ? token - 1 : row.parents[size_t(token)];
}

/// Token `token` of the row, and those that it continues.
std::set<int32_t> pathOf(const StepRow &row, int32_t token) {
  std::set<int32_t> path;
  for (; token >= 0; token = parentOf(row, token))
    path.insert(token);
  return path;
}

/// The leaf at the end of the path that a walk along the choices takes.
size_t lastAccepted(const StepRow &row, std::span<const LeafResult> chosen) {
  size_t last = 0;
  for (size_t leaf = 1; leaf < row.leaves.size(); ++leaf) {
    int32_t token = row.leaves[leaf].token;
    if (parentOf(row, token) == row.leaves[last].token && row.tokens[size_t(token)] == chosen[last].token &&
        chosen[last].status == PLAIT_LEAF_OK)
      last = leaf;
  }
  return last;
}

/// Calls `visit(row, its results)`.
template <typename Visit> Status forEachRow(const StepBatch &batch, StepResult &result, Visit visit) {
  size_t first = 0;
  for (const StepRow &row : batch.rows) {
    visit(row, std::span(result.leaves).subspan(first, row.leaves.size()));
    first += row.leaves.size();
  }
  return Status::success();
}

/// In each round a draft model drafts four tokens, and after what is accepted of them the text goes on by one
/// more before the draft model follows: so it has to go back.
std::shared_ptr<const RoundProgram> drafting() { return parse(replaced(kLate, R"("count": 6)", R"("count": 1)")); }

class StrategyFaultsTest : public StrategyFixture {
protected:
  using Strategies = std::vector<std::shared_ptr<const RoundProgram>>;
  /// Puts the fault into the engine of a request: the model's, or the draft model's.
  using Inject = std::function<void(Tampered &main, Tampered &draft, const Request &request)>;

  /// In how many of the requests, each of which runs by itself, what found the fault.
  std::map<Found, int> find(const Strategies &strategies, const Inject &inject, StepLimits own = limits(),
                            int64_t chunk = 0) {
    std::map<Found, int> found;
    accepted = rejected = moved = 0;
    std::mt19937 random(6);
    for (unsigned i = 0; i < kRequests; ++i) {
      Request r = faultRequest(random, strategies[i % strategies.size()]);
      auto model = std::make_shared<Tampered>(main(own));
      auto drafts = draft(own);
      auto drafting = std::make_shared<Tampered>(drafts[0].runner);
      drafts[0].runner = drafting;
      if (inject)
        inject(*model, *drafting, r);
      ++found[findIn(r, model, std::move(drafts), chunk)];
      moved += model->numMoves;
    }
    return found;
  }
  /// The same requests without the fault: nothing is found, and there was something to be wrong about.
  void expectRight(const Strategies &strategies, const Inject &inject = nullptr, StepLimits own = limits(),
                   int64_t chunk = 0) {
    auto found = find(strategies, inject, std::move(own), chunk);
    EXPECT_EQ(found[Found::nothing], int(kRequests));
    EXPECT_GT(accepted, 20);
    EXPECT_GT(rejected, 20);
  }

  /// The same of requests that run together, by an engine with pages for whole texts.
  std::map<Found, int> findInBatch(const Strategies &strategies, const Inject &inject) {
    std::map<Found, int> found;
    accepted = rejected = moved = 0;
    std::mt19937 random(6);
    auto model = std::make_shared<Tampered>(main(wholeTexts()));
    auto drafts = draft(wholeTexts());
    auto drafting = std::make_shared<Tampered>(drafts[0].runner);
    drafts[0].runner = drafting;
    Scheduler scheduler(model, {}, std::move(drafts));
    std::vector<std::pair<Request, uint64_t>> requests;
    for (unsigned i = 0; i < kRequests; ++i) {
      Request r = faultRequest(random, strategies[i % strategies.size()]);
      auto id = scheduler.add(r);
      EXPECT_TRUE(id) << id.status().message();
      if (id)
        requests.emplace_back(std::move(r), *id);
    }
    if (inject)
      inject(*model, *drafting, {});
    Status done = scheduler.runAll();
    for (const auto &[r, id] : requests)
      ++found[whatShows(r, done, scheduler.take(id))];
    return found;
  }
  static StepLimits wholeTexts() {
    StepLimits own = limits();
    own.pageTokens = own.maxPositions;
    return own;
  }

  static constexpr unsigned kRequests = 24;
  int64_t accepted = 0, rejected = 0, moved = 0; ///< of the last `find`

private:
  Request faultRequest(std::mt19937 &random, std::shared_ptr<const RoundProgram> strategy) {
    Request r = request(random);
    r.maxTokens = 40;
    r.rules.minTokens = 0;
    r.strategy = std::move(strategy);
    return r;
  }
  Found findIn(const Request &r, std::shared_ptr<StepRunner> model, std::vector<DraftModel> drafts, int64_t chunk) {
    Scheduler scheduler(std::move(model), {.chunk = chunk}, std::move(drafts));
    auto id = scheduler.add(r);
    EXPECT_TRUE(id) << id.status().message();
    if (!id)
      return Found::nothing;
    Status done = scheduler.runAll();
    return whatShows(r, done, scheduler.take(*id));
  }
  Found whatShows(const Request &r, const Status &done, const Expected<SequenceResult> &result) {
    if (!done || !result || !result->error)
      return Found::refused;
    accepted += result->drafting.acceptedTokens;
    rejected += result->drafting.draftedTokens - result->drafting.acceptedTokens;
    SequenceResult expected = plain(choose, r, 96);
    if (result->tokens != expected.tokens || result->logprobs != expected.logprobs ||
        result->reason != expected.reason || result->stopToken != expected.stopToken)
      return Found::text;
    bool isDrafting = r.strategy && r.strategy->name == "late";
    return isDrafting && result->drafting.rounds != roundsOfDrafting(r, expected) ? Found::drafts : Found::nothing;
  }

  /// The blocks that `drafting` verifies if the draft model goes on from the text as it is.
  int64_t roundsOfDrafting(const Request &r, const SequenceResult &expected) {
    demo::ChooseToken drafts = [](const std::vector<int32_t> &text, const StepLeaf &leaf) {
      return demo::chooseByHash(text, leaf, kTokens, 4);
    };
    std::vector<int32_t> chosen = expected.tokens; // the token that ends a text is chosen, too
    if (expected.reason == FinishReason::stop)
      chosen.push_back(expected.stopToken);
    int64_t rounds = 0;
    for (size_t taken = 0; taken < chosen.size(); ++rounds) {
      std::vector<int32_t> text = r.prompt;
      text.insert(text.end(), chosen.begin(), chosen.begin() + ptrdiff_t(taken));
      size_t right = 0;
      for (; right < 4 && taken + right < chosen.size(); ++right) {
        int32_t token = nextOf(drafts, text, r.prompt.size(), r).token;
        if (token != chosen[taken + right] || std::count(r.stops.begin(), r.stops.end(), token))
          break;
        text.push_back(token);
      }
      taken += right + 1;
      if (taken < chosen.size()) // the one more
        ++taken, ++rounds;
    }
    return rounds;
  }
};

//===----------------------------------------------------------------------===//
// What is cached
//===----------------------------------------------------------------------===//

/// The table with a window as a ring of `size` cells. The model refuses what it finds where a token of the
/// window was, and a drafted one is.
TEST_F(StrategyFaultsTest, ARingWithoutSlackForDrafts) {
  Strategies strategies = {lookup(8), jacobi(6), recycling(), forks(4, "ar_skip_1")};
  StepLimits cells = limits();
  cells.pageTokens = 1;
  int64_t window = cells.tables[1].window;
  auto ring = [](int64_t size) {
    return [size](Tampered &main, Tampered &, const Request &) {
      auto places = std::make_shared<std::map<int32_t, int32_t>>(); // of the scheduler's pages
      main.before = [=](StepBatch &batch) {
        for (StepRow &row : batch.rows)
          for (size_t i = 0; i < row.pages[1].size(); ++i)
            if (int32_t &page = row.pages[1][i]; page >= 0)
              page = (*places)[page] = int32_t(int64_t(i) % size);
      };
      main.move = [=](std::vector<CellMove> &moves) {
        for (CellMove &move : moves)
          if (move.table == 1) {
            move.fromPage = places->at(move.fromPage);
            move.toPage = places->at(move.toPage);
          }
      };
    };
  };
  for (const auto &program : strategies) {
    // What the scheduler gives it beside the window is enough.
    expectRight({program}, ring(window + needsOf(program.get()).ahead), cells, /*chunk=*/1);
    // What plain decoding needs is not.
    EXPECT_GT(find({program}, ring(window), cells, /*chunk=*/1)[Found::refused], 0) << program->name;
  }
  // It is, for plain decoding.
  EXPECT_EQ(find({nullptr}, ring(window), cells, /*chunk=*/1)[Found::nothing], int(kRequests));
}

/// All rows of a batch go on behind the longest path that was accepted in it. Of the others that is behind what was
/// rejected, which the text then holds. A row by itself is the longest.
TEST_F(StrategyFaultsTest, RowsAdvanceByOneCount) {
  Strategies strategies = {jacobi(), lookup()};
  struct Cells {
    int64_t behind = 0; ///< of the text's end
    int64_t written = 0;
  };
  Inject inject = [](Tampered &main, Tampered &, const Request &) {
    auto texts = std::make_shared<std::map<int32_t, Cells>>(); // by their page
    main.before = [texts, most = main.limits().maxPositions](StepBatch &batch) {
      for (StepRow &row : batch.rows) {
        Cells &cells = (*texts)[row.pages[0][0]];
        if (row.firstPosition == 0)
          cells = {};
        int64_t count = int64_t(row.tokens.size()), first = row.firstPosition;
        // Not where nothing was ever written, which any model would refuse.
        row.firstPosition = std::max(first, std::min({first + cells.behind, cells.written, most - count}));
        cells.behind = row.firstPosition - first;
        cells.written = std::max(cells.written, row.firstPosition + count);
      }
    };
    main.after = [texts](const StepBatch &batch, StepResult &result) -> Status {
      size_t longest = 0;
      auto visitLast = [&](auto visit) {
        return forEachRow(batch, result, [&](const StepRow &row, std::span<LeafResult> chosen) {
          if (!chosen.empty())
            visit(row, lastAccepted(row, chosen));
        });
      };
      PLAIT_RETURN_IF_ERROR(visitLast([&](const StepRow &, size_t last) { longest = std::max(longest, last); }));
      return visitLast(
          [&](const StepRow &row, size_t last) { (*texts)[row.pages[0][0]].behind += int64_t(longest - last); });
    };
  };
  EXPECT_EQ(findInBatch(strategies, nullptr)[Found::nothing], int(kRequests));
  EXPECT_GT(accepted, 20);
  EXPECT_GT(rejected, 20);
  expectRight(strategies, inject, wholeTexts());
  EXPECT_GT(findInBatch(strategies, inject)[Found::text], 0);
}

/// A prompt behind the last accepted node lies where the token after that will: its cell stays as that token's.
TEST_F(StrategyFaultsTest, PromptsAreCommitted) {
  // What a model chooses after prompts that stand for the next tokens: not always what it would choose after these.
  choose = [](const std::vector<int32_t> &text, const StepLeaf &leaf) {
    auto isToken = [](int32_t token) { return token < kTokens; };
    std::vector<int32_t> own(text.begin(), std::find_if(text.rbegin(), text.rend(), isToken).base());
    size_t asked = text.size() - own.size();
    for (size_t i = 0; i < asked; ++i)
      own.push_back(demo::chooseByHash(own, {}, kTokens).token);
    return demo::chooseByHash(own, leaf, kTokens, asked ? 4 : 0);
  };
  StepLimits own = limits();
  own.promptTokens = 2;
  for (const auto &program : {prompts(), prompts(/*mask=*/kTokens)}) {
    expectRight({program}, nullptr, own);
    auto found = find(
        {program},
        [](Tampered &main, Tampered &, const Request &) {
          auto prompt = std::make_shared<std::pair<int64_t, int32_t>>(-1, 0); // its position and what it is
          main.before = [=](StepBatch &batch) {
            if (StepRow &row = batch.rows[0]; row.firstPosition == prompt->first)
              row.tokens[0] = prompt->second;
          };
          main.after = [=](const StepBatch &batch, StepResult &result) {
            return forEachRow(batch, result, [&](const StepRow &row, std::span<LeafResult> chosen) {
              if (chosen.empty())
                return;
              int32_t last = row.leaves[lastAccepted(row, chosen)].token;
              for (size_t token = row.tokens.size(); token-- > size_t(last) + 1;)
                if (row.tokens[token] >= kTokens && parentOf(row, int32_t(token)) == last)
                  *prompt = {row.firstPosition + int64_t(pathOf(row, last).size()), row.tokens[token]};
            });
          };
        },
        own);
    EXPECT_GT(found[Found::text], 0);
  }
}

/// A token of the text sees the masks behind it, as these see each other. Where the text goes on beside them, too, a
/// step is refused.
TEST_F(StrategyFaultsTest, TheTextSeesMasks) {
  StepLimits own = limits();
  own.promptTokens = 2;
  for (const auto &program : {prompts(-1, /*together=*/2), prompts(/*mask=*/kTokens, /*together=*/2)}) {
    auto seeing = std::make_shared<int64_t>(0);
    EXPECT_EQ(find(
                  {program},
                  [=](Tampered &main, Tampered &, const Request &) {
                    main.before = [=](StepBatch &batch) {
                      for (const StepRow &row : batch.rows)
                        for (size_t token = 0; token < row.ends.size(); ++token)
                          *seeing += row.ends[token] != int32_t(token);
                    };
                  },
                  own)[Found::nothing],
              int(kRequests));
    EXPECT_GT(*seeing, 20);
    auto found = find(
        {program},
        [](Tampered &main, Tampered &, const Request &) {
          main.before = [](StepBatch &batch) {
            for (StepRow &row : batch.rows)
              for (size_t mask = row.ends.size(); mask-- > 1;)
                if (int32_t token = parentOf(row, int32_t(mask));
                    row.tokens[mask] >= kTokens && row.tokens[size_t(token)] < kTokens)
                  row.ends[size_t(token)] = row.ends[mask];
          };
        },
        own);
    EXPECT_GT(found[Found::text], 0);
    EXPECT_EQ(found[Found::nothing], 0);
  }
}

/// Cells of nodes beside those that were accepted. What the text then holds is refused where a position or a
/// table shows it; a sibling's token shows in the text alone.
TEST_F(StrategyFaultsTest, RejectedNodesAreCommitted) {
  Strategies strategies = {recycling(), recycling("[-1, 0, 1, 0, 3, 1]")};
  expectRight(strategies);
  EXPECT_GT(moved, 20);
  auto moves = [](std::function<void(std::vector<CellMove> &)> change) {
    return [=](Tampered &main, Tampered &, const Request &) { main.move = change; };
  };
  auto forgotten = find(strategies, moves([](std::vector<CellMove> &moves) { moves.clear(); }));
  EXPECT_GT(forgotten[Found::refused] + forgotten[Found::text], 0);
  auto other = find(strategies, moves([](std::vector<CellMove> &moves) {
                      for (CellMove &move : moves)
                        move.fromSlot -= move.fromSlot > 0; // the node before it
                    }));
  EXPECT_GT(other[Found::refused] + other[Found::text], 0);
  // Siblings alone, which are at the right position.
  auto siblings = find({recycling("[-1, 0, 0, 0]")}, moves([](std::vector<CellMove> &moves) { moves.clear(); }));
  EXPECT_GT(siblings[Found::text], 0);
  // Of one of the page tables.
  auto half = find(strategies, moves([](std::vector<CellMove> &moves) {
                     std::erase_if(moves, [](const CellMove &move) { return move.table == 1; });
                   }));
  EXPECT_GT(half[Found::refused], 0);
}

/// The draft model reads what it drafted before where the text has gone on otherwise. The text stays as it is:
/// the rounds show it.
TEST_F(StrategyFaultsTest, ADraftModelKeepsWhatWasRejected) {
  Strategies strategies = {drafting()};
  expectRight(strategies);
  auto found = find(strategies, [](Tampered &, Tampered &draft, const Request &) {
    auto first = std::make_shared<std::map<int64_t, int32_t>>(); // what was written at each position
    draft.before = [=](StepBatch &batch) {
      for (StepRow &row : batch.rows)
        for (size_t i = 0; i < row.tokens.size(); ++i)
          row.tokens[i] = first->emplace(row.firstPosition + int64_t(i), row.tokens[i]).first->second;
    };
  });
  EXPECT_GT(found[Found::drafts], 0);
  EXPECT_EQ(found[Found::text] + found[Found::refused], 0);
}

/// A fork that leaves out layers writes where the text's forward does. If it comes last, the model refuses
/// keys that are of some layers alone.
TEST_F(StrategyFaultsTest, WhatAForkWroteStays) {
  Strategies strategies = {forks(3, "ar_skip_1")};
  expectRight(strategies);
  auto found = find(strategies, [](Tampered &main, Tampered &, const Request &) {
    auto drafted = std::make_shared<std::vector<StepBatch>>();
    main.after = [=, &main](const StepBatch &batch, StepResult &) -> Status {
      if (batch.step == 1) {
        drafted->push_back(batch);
        return Status::success();
      }
      for (StepBatch &again : std::exchange(*drafted, {}))
        PLAIT_RETURN_IF_ERROR(main.inner->run(std::move(again)).status());
      return Status::success();
    };
  });
  EXPECT_GT(found[Found::refused], 0);
}

//===----------------------------------------------------------------------===//
// What is chosen
//===----------------------------------------------------------------------===//

/// A token that ends the text is like any other, if it was drafted. The text goes on after it.
TEST_F(StrategyFaultsTest, NoCutAtAStopWithinABlock) {
  Strategies strategies = {jacobi(), recycling(), drafting()};
  expectRight(strategies);
  auto found = find({jacobi(), recycling()}, [](Tampered &main, Tampered &, const Request &) {
    main.after = [](const StepBatch &batch, StepResult &result) {
      return forEachRow(batch, result, [](const StepRow &row, std::span<LeafResult> chosen) {
        for (size_t leaf = 0; leaf < chosen.size(); ++leaf)
          for (size_t next = leaf + 1; next < chosen.size(); ++next) {
            int32_t token = row.leaves[next].token;
            if (chosen[leaf].status == PLAIT_LEAF_STOPPED && parentOf(row, token) == row.leaves[leaf].token &&
                row.tokens[size_t(token)] == chosen[leaf].token)
              chosen[leaf].status = PLAIT_LEAF_OK;
          }
      });
    };
  });
  EXPECT_GT(found[Found::text], 0);
  EXPECT_EQ(found[Found::refused], 0);
}

/// What else the block holds counts as if it were in the text. Tokens or log probabilities are others.
TEST_F(StrategyFaultsTest, PenaltiesSeeRejectedTokens) {
  for (const auto &program : {lookup(), jacobi(), recycling(), drafting()}) {
    expectRight({program});
    auto found = find({program}, [](Tampered &main, Tampered &, const Request &request) {
      LogitRules rules = request.rules;
      main.before = [=](StepBatch &batch) {
        for (StepRow &row : batch.rows)
          for (StepLeaf &leaf : row.leaves) {
            std::set<int32_t> path = pathOf(row, leaf.token);
            for (int32_t other = row.leaves[0].token; other < int32_t(row.tokens.size()); ++other) {
              int32_t token = row.tokens[size_t(other)];
              auto known = std::find_if(leaf.edits.begin(), leaf.edits.end(),
                                        [&](const LogitEdit &edit) { return edit.token == token; });
              if (path.contains(other))
                continue;
              if (known != leaf.edits.end())
                known->offset += rules.frequency; // once more
              else
                leaf.edits.push_back({token, 0, rules.repetition, rules.presence + rules.frequency});
            }
          }
      };
    });
    EXPECT_GT(found[Found::text], 0) << program->name;
    EXPECT_EQ(found[Found::refused], 0) << program->name;
  }
}

/// After the accepted nodes comes what another node of the block chose.
TEST_F(StrategyFaultsTest, TheBonusIsOfAnotherNode) {
  for (const auto &program : {lookup(), jacobi(), recycling(), forks(4, "ar_skip_1"), drafting()}) {
    expectRight({program});
    auto found = find({program}, [](Tampered &main, Tampered &, const Request &) {
      main.after = [](const StepBatch &batch, StepResult &result) {
        return forEachRow(batch, result, [](const StepRow &row, std::span<LeafResult> chosen) {
          if (chosen.size() > 1)
            if (size_t last = lastAccepted(row, chosen); last + 1 < chosen.size())
              chosen[last] = chosen.back();
        });
      };
    });
    EXPECT_GT(found[Found::text], 0) << program->name;
  }
}

//===----------------------------------------------------------------------===//
// Where nodes are
//===----------------------------------------------------------------------===//

/// Found by the model, whose tokens say where they are.
TEST_F(StrategyFaultsTest, PositionsOfNodesByIndex) {
  Inject byIndex = [](Tampered &main, Tampered &, const Request &) {
    static_cast<demo::TokenModel &>(*main.inner).countsPositionsByIndex = true;
  };
  Strategies trees = {recycling(), recycling("[-1, 0, 1, 0, 3, 1]")};
  expectRight(trees);
  EXPECT_GT(find(trees, byIndex)[Found::refused], 0);
  // Of a chain both are the same.
  expectRight({lookup(), jacobi()}, byIndex);
}

/// The same behind the ABI, of a model that reads positions: a tree that runs as a chain has other texts.
TEST_F(StrategyFaultsTest, ATreeRunsAsAChain) {
  for (bool isFaulty : {false, true}) {
    int others = 0;
    int64_t accepted = 0;
    for (int i = 0; i < 9; ++i) {
      auto instance = Instance::create(
          described, {.threads = 1, .maxTokens = 64, .maxRows = 2, .maxLeaves = 40, .capacityPages = 60});
      ASSERT_TRUE(instance) << instance.status().message();
      auto model = std::make_shared<Tampered>(std::shared_ptr<Instance>(instance.take()));
      if (isFaulty)
        model->before = [](StepBatch &batch) {
          for (StepRow &row : batch.rows)
            row.parents.clear();
        };
      Scheduler scheduler(model, {});
      Request r;
      r.prompt = demo::prompt(5 + i, i);
      r.maxTokens = 30;
      r.strategy = recycling("[-1, 0, 0, 0, 1, 1, 2]");
      std::vector<int32_t> expected = demo::generate(r.prompt, int(r.maxTokens));
      auto oracle = std::make_shared<DraftOracle>(DraftOracle{r.prompt, 0.7, 1, uint64_t(i)});
      oracle->text.insert(oracle->text.end(), expected.begin(), expected.end());
      r.oracle = oracle;
      auto id = scheduler.add(r);
      ASSERT_TRUE(id) << id.status().message();
      ASSERT_TRUE(scheduler.runAll());
      auto result = scheduler.take(*id);
      accepted += result->drafting.acceptedTokens;
      others += result->tokens != expected;
    }
    EXPECT_TRUE(isFaulty || accepted > 20) << accepted;
    EXPECT_EQ(others > 0, isFaulty);
  }
}

} // namespace
