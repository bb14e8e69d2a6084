//===- LengthOps.cpp - How much round programs draft ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the ops mean is said in dialects/Decode/DecodeDraftOps.td.
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/rounds/RoundOp.h"

#include <algorithm>
#include <cmath>
#include <utility>

using namespace plait;

using Operands = std::span<const RoundValue *const>;
using Results = std::span<RoundValue>;

static constexpr int64_t kMostLength = 1024, kMostVariants = 64;

/// What a round weighs of the next one, of a sequence and of all.
static constexpr double kMemory = 0.98, kMemoryOfAll = 0.995;

//===----------------------------------------------------------------------===//
// Choosing
//===----------------------------------------------------------------------===//

/// What rounds that draft for the sake of knowing may lose, of those that do not, and what it
/// may cost that what drafts catches up; and the reverse.
static constexpr double kCuriosity = 0.006, kCuriosityOfMissed = 0.013, kCuriosityOfPlain = 0.004;

/// Rounds that what was seen before drafting ended counts as at most.
static constexpr double kMostEvidence = 32;

/// Rounds after which what it takes not to draft is looked at in any case, and not before which.
static constexpr double kMostPatience = 256, kLeastPatience = 16;

/// Rounds that what was missed is computed for.
static constexpr double kRounds = 32;

/// What drafts less than this promises is not worth being wrong.
static constexpr double kLeastGain = 1.015;

/// What another variant has to promise beside the one that drafts: to change has the sequences draft apart for a while.
static constexpr double kVariantGain = 1.02;

/// What a sequence gains by doing something else than the others.
static constexpr double kOwnGain = 1.1;

namespace {

/// The acceptance that is expected at each place. What is not known of the sequence follows
/// the others, and what is not known of a place of theirs their other places; before
/// anything is known it is high, as one round then shows whether that is so.
class Expectation {
public:
  Expectation(AcceptanceRates ownRates, const Pace &pace)
      : own(std::move(ownRates)), all(pace.all), weight(30 * double(1 + pace.sequences)) {
    // It takes more to give up what drafts with a model of its own: to come back costs more.
    bool catchesUp = pace.seconds(1, 1, 64) > pace.seconds(1, 1, 0);
    prior = catchesUp ? 8 : 4;
    AcceptanceRates::Rate sum;
    for (const AcceptanceRates::Rate &rate : all.rates)
      sum = {sum.accepted + rate.accepted, sum.seen + rate.seen};
    anywhere = mix(sum, 0.95, prior);
  }

  double at(size_t place) const {
    double ofAll = mix(at(all, place), anywhere, prior);
    return mix(at(own, place), ofAll, weight);
  }

private:
  static AcceptanceRates::Rate at(const AcceptanceRates &rates, size_t place) {
    return place < rates.rates.size() ? rates.rates[place] : AcceptanceRates::Rate();
  }
  /// `expected` counts as `weight` rounds.
  static double mix(AcceptanceRates::Rate rate, double expected, double weight) {
    return (rate.accepted + weight * expected) / (rate.seen + weight);
  }

  AcceptanceRates own;
  const AcceptanceRates &all;
  double weight; ///< of the others: where many wait for each other, all do best what most do
  double prior;  ///< rounds that what is not known counts as
  double anywhere = 0;
};

} // namespace

/// Of many sequences that know nothing one drafts first, then more the more is known.
static bool takesTurn(Pace &pace) {
  double seen = pace.all.rates.empty() ? 0 : pace.all.rates[0].seen;
  pace.turn = std::min(pace.turn + (1 + seen / 2) / double(pace.sequences), 2.0);
  if (pace.turn < 1)
    return false;
  pace.turn -= 1;
  return true;
}

namespace {

/// Tokens per second of a sequence at each of `lengths`, if all have that one.
class Goodput {
public:
  Goodput(const std::vector<int64_t> &lengths, const Expectation &expected, int64_t behind, const Pace &pace) {
    double tokens = 1, chance = 1;
    size_t place = 0;
    for (int64_t length : lengths) {
      for (; place < size_t(length); ++place)
        tokens += chance *= expected.at(place);
      // What drafts has not computed the last token of a draft that is accepted whole.
      double seconds = pace.seconds(length, pace.sequences, std::llround(chance * double(pace.sequences)));
      seconds += (pace.seconds(length, pace.sequences, behind * pace.sequences) - seconds) / kRounds;
      values.push_back(tokens / seconds);
    }
  }

  double at(size_t index) const { return values[index]; }
  /// The index of the best from `first` on.
  size_t best(size_t first) const {
    return size_t(std::max_element(values.begin() + ptrdiff_t(first), values.end()) - values.begin());
  }

private:
  std::vector<double> values;
};

} // namespace

/// Counts one of the sequences that are to do something for the sake of knowing.
static bool takesPart(int64_t &count) {
  if (count <= 0)
    return false;
  --count;
  return true;
}

/// Who drafts never learns what it costs not to: so at first, and now and then, none of them
/// does. The less drafts gain, the less that costs, and the more it matters; whatever they seem
/// to gain, it is seen to soon at first, and later seldom.
static bool rests(double gain, Pace &pace) {
  pace.busy += 1 / double(pace.sequences);
  if (pace.busy >= std::min(std::max((gain - 1) / kCuriosityOfPlain, kLeastPatience), pace.patience)) {
    pace.busy = 0;
    pace.patience = std::min(2 * pace.patience, kMostPatience);
    pace.resting = pace.sequences;
  }
  return takesPart(pace.resting);
}

/// What drafts may seem to lose without being given up: the less was seen, the more, once
/// something was.
static double doubtOf(const AcceptanceRates &acceptance) {
  double seen = acceptance.rates.empty() ? 0 : acceptance.rates[0].seen;
  return seen < 1 ? 0 : std::max(0.0, 0.5 / std::sqrt(1 + seen) - 0.04);
}

/// Of what is seen seldom from now on, so that it counts for something.
static void forget(AcceptanceRates &acceptance, double most) {
  for (AcceptanceRates::Rate &rate : acceptance.rates) {
    double share = std::min(1.0, most / std::max(rate.seen, 1e-9));
    rate = {share * rate.accepted, share * rate.seen};
  }
}

/// Who never drafts never learns that it would pay by now: so one sequence does, or all of them
/// do, whichever costs less for each draft that is seen, and the length that loses least. It
/// costs what rounds take longer, less half of what the tokens that are expected of them are
/// worth; they do once that cannot matter any more, nor what it takes to catch up.
static int64_t explore(const std::vector<int64_t> &lengths, const Expectation &expected, int64_t behind, Pace &pace) {
  pace.idle += 1 / double(pace.sequences);
  double least = INFINITY, plain = pace.seconds(0, pace.sequences, 0);
  pace.tried = pace.trying = 0;
  for (int64_t length : lengths) {
    double more = 0, chance = 1; // tokens
    for (size_t place = 0; place < size_t(length); ++place)
      more += chance *= expected.at(place);
    for (int64_t drafting : {int64_t(1), pace.sequences}) {
      double seconds = pace.seconds(length, drafting, 0), share = double(drafting) / double(pace.sequences);
      double loss = seconds / plain - 1 - share * more / 2;
      double missed = (pace.seconds(length, drafting, behind * drafting) - seconds) / plain;
      bool isAffordable = loss <= kCuriosity * pace.idle && missed <= kCuriosityOfMissed * pace.idle;
      if (length == 0 || !isAffordable || (loss + missed) / double(drafting) >= least)
        continue;
      least = (loss + missed) / double(drafting);
      pace.tried = length;
      pace.trying = drafting;
    }
  }
  if (pace.trying)
    pace.idle = 0;
  return takesPart(pace.trying) ? pace.tried : 0;
}

int64_t plait::chooseLength(const std::vector<int64_t> &lengths, const AcceptanceRates &own, int64_t behind,
                            Pace &pace) {
  Goodput ofOwn(lengths, Expectation(own, pace), 0, pace);
  if (lengths[0] || lengths.size() == 1)
    return lengths[ofOwn.best(0)];
  // Who drafts lets the others wait, so all do or none does, and as much. But a sequence that
  // is known to differ does not draft, or another length.
  Expectation ofOthers({}, pace);
  Goodput ofAll(lengths, ofOthers, pace.isDrafting ? 0 : behind, pace);
  size_t common = ofAll.best(1), best = ofOwn.best(1);
  double gain = ofAll.at(common) / ofAll.at(0);
  bool wasDrafting = std::exchange(pace.isDrafting, gain > (pace.isDrafting ? 1 - doubtOf(pace.all) : kLeastGain));
  if (!pace.isDrafting) {
    pace.resting = 0;
    if (wasDrafting)
      forget(pace.all, kMostEvidence);
    return takesPart(pace.trying) ? pace.tried : explore(lengths, ofOthers, behind, pace);
  }
  pace.idle = 0;
  pace.trying = 0;
  if (rests(gain, pace))
    return 0;
  if (ofOwn.at(best) < kOwnGain * ofOwn.at(common))
    best = common;
  return ofOwn.at(0) < kOwnGain * ofOwn.at(best) && takesTurn(pace) ? lengths[best] : 0;
}

size_t plait::chooseVariant(const std::vector<int64_t> &lengths, size_t count, Pace &pace) {
  size_t best = 0;
  double most = 0;
  for (size_t variant = 0; count > 1 && variant < count; ++variant) {
    Pace &own = pace.of(variant);
    Goodput goodput(lengths, Expectation({}, own), 0, own);
    double value = goodput.at(goodput.best(lengths.size() > 1 && lengths[0] == 0 ? 1 : 0));
    value *= variant == pace.variant ? kVariantGain : 1;
    if (value > most)
      most = value, best = variant;
  }
  return pace.variant = best;
}

/// Where nothing is known of time.
static size_t chooseByRates(const std::vector<int64_t> &lengths, size_t count, const AcceptanceRates &own) {
  size_t best = 0;
  double most = 0;
  for (size_t variant = 0; variant < count; ++variant) {
    std::vector<AcceptanceRates::Rate> rates = own.ratesOf(variant);
    double tokens = 1, chance = 1;
    for (size_t place = 0; place < size_t(lengths.back()); ++place) {
      bool known = place < rates.size() && rates[place].seen > 0;
      tokens += chance *= known ? rates[place].accepted / rates[place].seen : 1;
    }
    if (tokens > most)
      most = tokens, best = variant;
  }
  return best;
}

/// By the sequence and the costs of the program alone.
static int64_t chooseByCosts(const std::vector<int64_t> &lengths, const std::vector<double> &costs,
                             const AcceptanceRates &own) {
  const std::vector<AcceptanceRates::Rate> &rates = own.rates;
  int64_t best = 0;
  double most = 0;
  for (size_t i = 0; i < lengths.size(); ++i) {
    double tokens = 1, chance = 1;
    for (size_t place = 0; place < size_t(lengths[i]); ++place) {
      bool known = place < rates.size() && rates[place].seen > 0;
      chance *= known ? rates[place].accepted / rates[place].seen : 0.5;
      tokens += chance;
    }
    if (tokens / costs[i] >= most) {
      most = tokens / costs[i];
      best = lengths[i];
    }
  }
  return best;
}

/// The variant that operand `index` says; the first if it is not there.
static size_t variantOf(Operands operands, size_t index) {
  return index < operands.size() ? size_t(std::get<int64_t>(*operands[index])) : 0;
}

static Expected<std::vector<int64_t>> readLengths(const JsonView &op) {
  PLAIT_ASSIGN_OR_RETURN(JsonView list, op.get("lengths"));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> entries, list.asArray());
  std::vector<int64_t> lengths;
  for (const JsonView &entry : entries) {
    PLAIT_ASSIGN_OR_RETURN(int64_t length, entry.asInt(lengths.empty() ? 0 : lengths.back() + 1, kMostLength));
    lengths.push_back(length);
  }
  return lengths.empty() ? list.error("at least one length") : Expected<std::vector<int64_t>>(std::move(lengths));
}

static Expected<std::vector<double>> readCosts(const JsonView &op, size_t count) {
  std::vector<double> costs(count, 1);
  if (!op.has("costs"))
    return costs;
  PLAIT_ASSIGN_OR_RETURN(JsonView list, op.get("costs"));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> values, list.asArray());
  if (values.size() != count)
    return list.error("one cost for each of " + std::to_string(count) + " lengths");
  for (size_t i = 0; i < count; ++i) {
    PLAIT_ASSIGN_OR_RETURN(costs[i], values[i].asDouble());
    if (!(costs[i] > 0))
      return values[i].error("a positive cost");
  }
  return costs;
}

static Expected<std::unique_ptr<RoundOp>> readChooseLength(const JsonView &op) {
  PLAIT_ASSIGN_OR_RETURN(std::vector<int64_t> lengths, readLengths(op));
  PLAIT_ASSIGN_OR_RETURN(std::vector<double> costs, readCosts(op, lengths.size()));
  bool isFixed = op.has("costs");
  return makeRoundOp([=](RoundContext &context, Operands operands, Results results) {
    size_t variant = variantOf(operands, 1);
    AcceptanceRates own{std::get<AcceptanceRates>(*operands[0]).ratesOf(variant), {}};
    int64_t behind = 0;
    for (const RoundText &text : context.texts)
      if (text.base < 0)
        behind = std::max(behind, text.root() - text.published);
    results[0] = context.pace && !isFixed ? chooseLength(lengths, own, behind, context.pace->of(variant))
                                          : chooseByCosts(lengths, costs, own);
  });
}

static Expected<std::unique_ptr<RoundOp>> readChooseVariant(const JsonView &op) {
  PLAIT_ASSIGN_OR_RETURN(std::vector<int64_t> lengths, readLengths(op));
  PLAIT_ASSIGN_OR_RETURN(int64_t count, op.getInt("count", 1, kMostVariants));
  return makeRoundOp([=](RoundContext &context, Operands operands, Results results) {
    const auto &own = std::get<AcceptanceRates>(*operands[0]);
    results[0] = int64_t(context.pace ? chooseVariant(lengths, size_t(count), *context.pace)
                                      : chooseByRates(lengths, size_t(count), own));
  });
}

//===----------------------------------------------------------------------===//
// Observing
//===----------------------------------------------------------------------===//

static void observe(AcceptanceRates &acceptance, size_t drafted, size_t accepted, double memory) {
  acceptance.rates.resize(std::max(acceptance.rates.size(), drafted));
  for (size_t place = 0; place < drafted && place <= accepted; ++place) {
    AcceptanceRates::Rate &rate = acceptance.rates[place];
    rate = {memory * rate.accepted + (place < accepted ? 1 : 0), memory * rate.seen + 1};
  }
  // What has not been seen for long is forgotten: then it counts as much as other places.
  for (size_t place = std::min(drafted, accepted + 1); drafted && place < acceptance.rates.size(); ++place)
    acceptance.rates[place] = {memory * acceptance.rates[place].accepted, memory * acceptance.rates[place].seen};
}

/// What is not in use is forgotten, and so is tried again some time.
static void fade(AcceptanceRates &acceptance, double memory) {
  for (AcceptanceRates::Rate &rate : acceptance.rates)
    rate = {memory * rate.accepted, memory * rate.seen};
}

static Expected<std::unique_ptr<RoundOp>> readObserve(const JsonView &) {
  return makeRoundOp([](RoundContext &context, Operands operands, Results results) {
    auto acceptance = std::get<AcceptanceRates>(*operands[0]);
    const auto &block = std::get<DraftBlock>(*operands[1]);
    size_t accepted = std::get<DraftPath>(*operands[2]).nodes.size() - 1, drafted = 0;
    for (int32_t node = 0; node < block.numTokens(); ++node)
      drafted = std::max(drafted, size_t(block.depth(node)));
    size_t variant = variantOf(operands, 3);
    observe(acceptance.of(variant), drafted, accepted, kMemory);
    if (context.pace) {
      observe(context.pace->of(variant).all, drafted, accepted, kMemoryOfAll);
      for (size_t other = 0; drafted && other <= context.pace->further.size(); ++other)
        if (other != variant)
          fade(context.pace->of(other).all, kMemoryOfAll);
    }
    results[0] = std::move(acceptance);
  });
}

static Expected<std::unique_ptr<RoundOp>> readNewAcceptance(const JsonView &) {
  return makeRoundOp([](RoundContext &, Operands, Results results) { results[0] = AcceptanceRates(); });
}

static Expected<std::unique_ptr<RoundOp>> readShorten(const JsonView &op) {
  int64_t size = 0; // of a chain, or as many as a tree has nodes
  if (op.has("parents")) {
    PLAIT_ASSIGN_OR_RETURN(JsonView list, op.get("parents"));
    PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> parents, list.asArray());
    size = int64_t(parents.size());
  } else {
    PLAIT_ASSIGN_OR_RETURN(size, op.getInt("size", 1, kMostLength));
  }
  return makeRoundOp(
      [](RoundContext &, Operands operands, Results results) {
        const auto &all = std::get<DraftBlock>(*operands[0]);
        int64_t deepest = std::max<int64_t>(std::get<int64_t>(*operands[1]), 0);
        DraftBlock block{{}, {}, all.deepest};
        std::vector<int32_t> numbers;
        for (int32_t node = 0; node < all.size(); ++node) {
          numbers.push_back(block.size());
          if (all.depth(node) <= deepest)
            block.add(all.tokens[size_t(node)], node ? numbers[size_t(all.parents[size_t(node)])] : -1);
        }
        results[0] = std::move(block);
      },
      size);
}

std::span<const RoundOpKind> plait::lengthRoundOps() {
  constexpr size_t block = kindOf<DraftBlock>, path = kindOf<DraftPath>, rates = kindOf<AcceptanceRates>,
                   number = kindOf<int64_t>;
  static const std::vector<RoundOpKind> kinds = {
      {"new_acceptance", {}, false, {rates}, readNewAcceptance},
      {"observe", {rates, block, path}, false, {rates}, readObserve, false, number},
      {"choose_length", {rates}, false, {number}, readChooseLength, false, number},
      {"choose_variant", {rates}, false, {number}, readChooseVariant},
      {"shorten", {block, number}, false, {block}, readShorten},
  };
  return kinds;
}
