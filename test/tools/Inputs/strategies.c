/* strategies MODEL SESSION TOKENS TEMPERATURE [STRATEGY PROMPT]...: sequences side by side, each
 * with a strategy of its own; "-" stands for none that is named. Prints a line of text for each,
 * and on standard error a line for each strategy, as `plait run --stats` does. Checks what is true
 * of the numbers whatever was drafted. docs/howto/embed-c.md explains it. */
#include "plait-c/plait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 16 };

#define CHECK(call)                                                                                                    \
  do {                                                                                                                 \
    char *error = NULL;                                                                                                \
    plait_status status = (call);                                                                                      \
    if (status != PLAIT_OK) {                                                                                          \
      fprintf(stderr, "strategies: error: %s: %s\n", plait_status_name(status), error ? error : "out of memory");      \
      plait_free(error);                                                                                               \
      exit(1);                                                                                                         \
    }                                                                                                                  \
  } while (0)

#define REQUIRE(condition)                                                                                             \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "strategies: error: line %d: expected " #condition "\n", __LINE__);                              \
      exit(1);                                                                                                         \
    }                                                                                                                  \
  } while (0)

static plait_session *session;

static const char *named(const char *argument) { return strcmp(argument, "-") ? argument : NULL; }

/* What holds at any time, of one sequence or of many. */
static void check_stats(const plait_stats *stats) {
  double rounds = (double)stats->rounds, chosen = (double)(stats->rounds + stats->accepted);
  REQUIRE(stats->struct_size == sizeof(*stats));
  REQUIRE(stats->accepted >= 0 && stats->accepted <= stats->drafted);
  REQUIRE(stats->moved >= 0);
  REQUIRE(stats->tokens_per_round == (stats->rounds ? chosen / rounds : 1));
  if (stats->strategy && strcmp(stats->strategy, "ar") == 0)
    REQUIRE(stats->rounds == 0 && stats->drafted == 0);
  else if (stats->strategy)
    REQUIRE(stats->tokens <= stats->rounds + stats->accepted);
}

static plait_stats stats_of(uint64_t sequence) {
  plait_stats stats;
  stats.struct_size = sizeof(stats);
  CHECK(plait_sequence_stats(session, sequence, &stats, &error));
  REQUIRE(stats.strategy && stats.sequences == 1);
  check_stats(&stats);
  return stats;
}

static plait_stats total_of(const char *strategy) {
  plait_stats stats;
  stats.struct_size = sizeof(stats);
  CHECK(plait_strategy_stats(session, strategy, &stats, &error));
  check_stats(&stats);
  return stats;
}

static void add(plait_stats *sum, const plait_stats *stats) {
  sum->sequences += stats->sequences;
  sum->tokens += stats->tokens;
  sum->rounds += stats->rounds;
  sum->drafted += stats->drafted;
  sum->accepted += stats->accepted;
  sum->moved += stats->moved;
}

static int are_equal(const plait_stats *a, const plait_stats *b) {
  return a->sequences == b->sequences && a->tokens == b->tokens && a->rounds == b->rounds && a->drafted == b->drafted &&
         a->accepted == b->accepted && a->moved == b->moved;
}

/* Compares the totals of each strategy with the sums over its sequences, and prints them. */
static void report(const plait_model *model, const plait_stats *each, int count) {
  plait_model_info info;
  plait_stats whole = {0}, total;
  size_t s;
  info.struct_size = sizeof(info);
  CHECK(plait_model_describe(model, &info, &error));
  for (s = 0; s <= info.strategy_count; ++s) {
    const char *call = s ? info.strategies[s - 1] : "ar";
    plait_stats sum = {0};
    int i;
    for (i = 0; i < count; ++i)
      if (strcmp(each[i].strategy, call) == 0)
        add(&sum, &each[i]);
    total = total_of(call);
    REQUIRE(strcmp(total.strategy, call) == 0 && are_equal(&total, &sum));
    add(&whole, &sum);
    if (!total.rounds)
      continue;
    fprintf(stderr, "strategy   %s: %lld rounds, %lld tokens drafted, %lld accepted, %.2f tokens per round",
            total.strategy, (long long)total.rounds, (long long)total.drafted, (long long)total.accepted,
            total.tokens_per_round);
    if (total.moved)
      fprintf(stderr, ", %lld moved", (long long)total.moved);
    fputc('\n', stderr);
  }
  total = total_of(NULL);
  REQUIRE(!total.strategy && are_equal(&total, &whole));
}

static void put_line(const char *text) {
  for (; *text; ++text)
    if (*text == '\n')
      fputs("\\n", stdout);
    else
      putchar(*text);
  putchar('\n');
}

int main(int argc, char **argv) {
  static const char *const all[] = {"all"};
  plait_model *model;
  plait_session_options options;
  uint64_t sequences[MOST];
  char texts[MOST][4096];
  int64_t tokens[MOST] = {0};
  plait_stats stats[MOST];
  int count = (argc - 5) / 2, finished = 0, i;

  if (argc < 7 || argc % 2 == 0 || count > MOST)
    return 2;
  CHECK(plait_model_open(argv[1], &model, &error));
  plait_session_options_init(&options);
  options.sequences = 3; /* more than that wait for their turn */
  options.threads = 2;
  options.strategy = named(argv[2]);
  options.strategies = all;
  options.strategy_count = 1;
  CHECK(plait_session_create(model, &options, &session, &error));

  for (i = 0; i < count; ++i) {
    plait_request request;
    CHECK(plait_request_init(model, &request, &error));
    request.strategy = named(argv[5 + 2 * i]);
    request.text = argv[6 + 2 * i];
    request.max_tokens = atoi(argv[3]);
    request.temperature = (float)atof(argv[4]);
    request.sequence = (uint64_t)i;
    texts[i][0] = '\0';
    CHECK(plait_submit(session, &request, &sequences[i], &error));
    stats[i] = stats_of(sequences[i]);
    REQUIRE(stats[i].tokens == 0 && stats[i].rounds == 0);
  }
  while (finished < count) {
    int32_t active;
    CHECK(plait_step(session, &active, &error));
    for (i = 0; i < count; ++i) {
      plait_update update;
      if (sequences[i] == 0)
        continue; /* has ended before */
      update.struct_size = sizeof(update);
      CHECK(plait_poll(session, sequences[i], &update, &error));
      strncat(texts[i], update.text, sizeof(texts[i]) - strlen(texts[i]) - 1);
      tokens[i] += (int64_t)update.token_count;
      stats[i] = stats_of(sequences[i]);
      REQUIRE(stats[i].tokens == tokens[i]);
      if (update.finish == PLAIT_NOT_FINISHED)
        continue;
      REQUIRE(update.finish == PLAIT_FINISH_STOP || update.finish == PLAIT_FINISH_LENGTH);
      if (stats[i].rounds) /* a token that ends the text is chosen, and none of it */
        REQUIRE(stats[i].rounds + stats[i].accepted == tokens[i] + (update.stop_token >= 0));
      CHECK(plait_sequence_release(session, sequences[i], &error));
      sequences[i] = 0;
      ++finished;
    }
  }
  for (i = 0; i < count; ++i)
    put_line(texts[i]);
  report(model, stats, count);
  plait_session_release(session);
  plait_model_release(model);
  return 0;
}
