/* generate MODEL PROMPT TOKENS: prints what the model goes on with, as it comes.
 * docs/howto/embed-c.md explains it. */
#include "plait-c/plait.h"

#include <stdio.h>
#include <stdlib.h>

static int32_t print_text(void *user, const plait_update *update) {
  fwrite(update->text, 1, update->text_bytes, (FILE *)user);
  fflush((FILE *)user);
  return ferror((FILE *)user); /* anything but 0 ends the sequence */
}

static int fail(char *error) {
  fprintf(stderr, "generate: error: %s\n", error ? error : "out of memory");
  plait_free(error);
  return 1;
}

int main(int argc, char **argv) {
  plait_model *model = NULL;
  plait_session *session = NULL;
  plait_request request;
  char *error = NULL;

  if (argc != 4)
    return fprintf(stderr, "usage: generate MODEL PROMPT TOKENS\n"), 2;
  if (plait_model_open(argv[1], &model, &error))
    return fail(error);
  if (plait_session_create(model, NULL, &session, &error))
    return fail(error);
  if (plait_request_init(model, &request, &error))
    return fail(error);
  request.text = argv[2];
  request.max_tokens = atoi(argv[3]);
  if (plait_generate(session, &request, print_text, stdout, NULL, &error))
    return fail(error);
  putchar('\n');
  plait_session_release(session);
  plait_model_release(model);
  return 0;
}
