/* batch MODEL TOKENS PROMPT...: several sequences side by side, each joining one
 * step after the one before it; prints a line of text for each. An empty prompt
 * stands for a sequence that is cancelled after its second token. */
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
      fprintf(stderr, "batch: error: %s: %s\n", plait_status_name(status), error ? error : "out of memory");           \
      plait_free(error);                                                                                               \
      return 1;                                                                                                        \
    }                                                                                                                  \
  } while (0)

int main(int argc, char **argv) {
  plait_model *model;
  plait_session *session;
  plait_session_options options;
  uint64_t sequences[MOST];
  char texts[MOST][4096];
  size_t generated[MOST] = {0};
  int finished = 0, submitted = 0, count = argc - 3, i;

  if (count < 1 || count > MOST)
    return 2;
  CHECK(plait_model_open(argv[1], &model, &error));
  plait_session_options_init(&options);
  options.sequences = 3; /* more than that wait for their turn */
  options.threads = 2;
  CHECK(plait_session_create(model, &options, &session, &error));

  while (finished < count) {
    int32_t active;
    if (submitted < count) {
      plait_request request;
      CHECK(plait_request_init(model, &request, &error));
      request.text = *argv[3 + submitted] ? argv[3 + submitted] : "And";
      request.max_tokens = atoi(argv[2]);
      request.sequence = (uint64_t)submitted;
      texts[submitted][0] = '\0';
      CHECK(plait_submit(session, &request, &sequences[submitted], &error));
      ++submitted;
    }
    CHECK(plait_step(session, &active, &error));
    for (i = 0; i < submitted; ++i) {
      plait_update update;
      if (sequences[i] == 0)
        continue; /* has ended before */
      update.struct_size = sizeof(update);
      CHECK(plait_poll(session, sequences[i], &update, &error));
      strncat(texts[i], update.text, sizeof(texts[i]) - strlen(texts[i]) - 1);
      generated[i] += update.token_count;
      if (!*argv[3 + i] && generated[i] >= 2)
        CHECK(plait_cancel(session, sequences[i], &error));
      if (update.finish == PLAIT_NOT_FINISHED)
        continue;
      if (update.finish == PLAIT_FINISH_ERROR)
        return fprintf(stderr, "batch: error: %s\n", update.message), 1;
      if (!*argv[3 + i] && update.finish != PLAIT_FINISH_CANCELLED)
        return fprintf(stderr, "batch: error: found finish %d; expected a cancelled sequence\n", (int)update.finish), 1;
      CHECK(plait_sequence_release(session, sequences[i], &error));
      sequences[i] = 0;
      ++finished;
    }
  }
  for (i = 0; i < count; ++i)
    if (*argv[3 + i])
      puts(texts[i]);
  plait_model_release(model); /* in any order: the session keeps what it needs */
  plait_session_release(session);
  return 0;
}
