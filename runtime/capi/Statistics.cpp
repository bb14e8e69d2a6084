//===- Statistics.cpp - What sequences have come to, in the C API ---------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/capi/Session.h"

using namespace plait;
using namespace plait::capi;

void Record::count(int64_t tokens, const DraftCounts &now) {
  const DraftCounts &before = tally.drafting;
  strategy->add({0,
                 tokens,
                 {now.rounds - before.rounds, now.draftedTokens - before.draftedTokens,
                  now.acceptedTokens - before.acceptedTokens, now.movedTokens - before.movedTokens}});
  tally.tokens += tokens;
  tally.drafting = now;
}

static plait_stats makeStats(const char *call, const Tally &tally) {
  return {sizeof(plait_stats),
          call,
          tally.sequences,
          tally.tokens,
          tally.drafting.rounds,
          tally.drafting.draftedTokens,
          tally.drafting.acceptedTokens,
          tally.drafting.movedTokens,
          tally.drafting.tokensPerRound()};
}

plait_status plait_sequence_stats(plait_session *session, uint64_t sequence, plait_stats *stats, char **error) {
  return guarded(error, [&]() -> Status {
    PLAIT_RETURN_IF_ERROR(require(session, "session"));
    PLAIT_ASSIGN_OR_RETURN(std::shared_ptr<Record> record, session->find(sequence));
    std::lock_guard<std::mutex> lock(record->mutex);
    return writeStruct(makeStats(record->strategy->call.c_str(), record->tally), stats, "stats");
  });
}

plait_status plait_strategy_stats(plait_session *session, const char *strategy, plait_stats *stats, char **error) {
  return guarded(error, [&]() -> Status {
    PLAIT_RETURN_IF_ERROR(require(session, "session"));
    if (strategy) {
      PLAIT_ASSIGN_OR_RETURN(std::shared_ptr<Strategy> found, session->strategies.find(strategy));
      return writeStruct(makeStats(found->call.c_str(), found->total()), stats, "stats");
    }
    Tally all;
    for (const std::shared_ptr<Strategy> &each : session->strategies.all()) {
      Tally more = each->total();
      all.sequences += more.sequences;
      all.tokens += more.tokens;
      all.drafting += more.drafting;
    }
    return writeStruct(makeStats(nullptr, all), stats, "stats");
  });
}
