/* version1 MODEL PROMPT TOKENS: a program as it was compiled with version 1 of plait.h, whose
 * structs are shorter: here are those that it passes, with guards behind them that must stay. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  size_t struct_size;
  const char *name, *family, *target, *compiler_version;
  int64_t vocabulary, layers, hidden, max_positions, parameters;
  uint64_t weight_bytes;
  const int32_t *eos;
  size_t eos_count;
  int32_t bos, has_tokenizer;
  int64_t min_tokens;
  float temperature, top_p, min_p, repetition_penalty;
  int32_t top_k;
} info_1;

typedef struct {
  size_t struct_size;
  uint32_t threads, sequences;
  int64_t context, chunk;
} options_1;

typedef struct {
  size_t struct_size;
  const char *text;
  size_t text_bytes;
  const int32_t *tokens;
  size_t token_count;
  const int32_t *stops;
  size_t stop_count;
  const char *const *stop_strings;
  size_t stop_string_count;
  const int32_t *bias_tokens;
  const float *bias_values;
  size_t bias_count;
  int64_t max_tokens, min_tokens;
  uint64_t seed, sequence;
  float temperature, top_p, min_p, repetition_penalty, presence_penalty, frequency_penalty;
  int32_t top_k;
  uint32_t flags;
} request_1;

int32_t plait_model_open(const char *path, void **model, char **error);
int32_t plait_model_describe(const void *model, info_1 *info, char **error);
void plait_model_release(void *model);
void plait_session_options_init(options_1 *options);
int32_t plait_request_init(const void *model, request_1 *request, char **error);
int32_t plait_session_create(const void *model, const options_1 *options, void **session, char **error);
void plait_session_release(void *session);
int32_t plait_generate(void *session, const request_1 *request, int32_t (*callback)(void *, const void *), void *user,
                       char **text, char **error);
void plait_free(void *memory);

#define GUARD 64

static int fail(const char *what) {
  fprintf(stderr, "version1: error: %s\n", what ? what : "out of memory");
  return 1;
}

static int is_intact(const unsigned char *guard) {
  int i;
  for (i = 0; i < GUARD; ++i)
    if (guard[i] != 0xA5)
      return 0;
  return 1;
}

int main(int argc, char **argv) {
  struct {
    info_1 known;
    unsigned char guard[GUARD];
  } info;
  struct {
    options_1 known;
    unsigned char guard[GUARD];
  } options;
  struct {
    request_1 known;
    unsigned char guard[GUARD];
  } request;
  void *model = NULL, *session = NULL;
  char *text = NULL, *error = NULL;

  if (argc != 4)
    return 2;
  memset(&info, 0xA5, sizeof(info));
  memset(&options, 0xA5, sizeof(options));
  memset(&request, 0xA5, sizeof(request));
  if (plait_model_open(argv[1], &model, &error))
    return fail(error);
  info.known.struct_size = sizeof(info.known);
  if (plait_model_describe(model, &info.known, &error))
    return fail(error);
  plait_session_options_init(&options.known);
  if (plait_request_init(model, &request.known, &error))
    return fail(error);
  if (!is_intact(info.guard) || !is_intact(options.guard) || !is_intact(request.guard))
    return fail("found something behind a struct; expected nothing");
  if (options.known.struct_size != sizeof(options.known) || request.known.struct_size != sizeof(request.known))
    return fail("found other sizes than those of version 1");
  /* What lies behind a struct is none of it, whatever it looks like. */
  if (plait_session_create(model, &options.known, &session, &error))
    return fail(error);
  request.known.text = argv[2];
  request.known.max_tokens = atoi(argv[3]);
  if (plait_generate(session, &request.known, NULL, NULL, &text, &error))
    return fail(error);
  puts(text);
  plait_free(text);
  plait_session_release(session);
  plait_model_release(model);
  return 0;
}
