/*===- plait.h - Plait in a program of one's own --------------------*- C -*-===*
 *
 * Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*
 *
 * Runs compiled models from C (C99), and from any language that can call C. Link
 * with libplait (-lplait); docs/howto/embed-c.md has whole programs.
 *
 * Errors. A function that can fail returns a plait_status and takes `error` as its
 * last argument: NULL, or where to put a message of one line, which the caller
 * frees with plait_free. *error is NULL after a success. No function throws, exits
 * or prints; output arguments are left alone by a failure.
 *
 * Memory. A `char **` or `int32_t **` argument receives memory that the caller
 * frees with plait_free. Pointers in a plait_model_info belong to the model, those
 * in a plait_update to the session (see there), that in a plait_stats to the session
 * until it is released. What is passed in is copied: it may be freed when the call returns.
 *
 * Text is UTF-8. A length of PLAIT_NUL_TERMINATED stands for strlen(text).
 *
 * Threads. A model is immutable: any number of threads and sessions may use it at
 * once. The functions of a session may be called from any thread, too; steps run
 * one after the other. Only one thread at a time may poll the same sequence, and
 * plait_session_release must be the last call with its session. There is no
 * state outside models and sessions.
 *
 * Versions. Structs begin with their size, which the caller sets to sizeof (the
 * init functions do it). Later versions add members at the end of structs, and
 * functions; a program that was compiled with this header goes on working, and so
 * does one that was compiled with an earlier one. Members and functions after
 * "version 2" are not in version 1.
 *===----------------------------------------------------------------------===*/

#ifndef PLAIT_C_PLAIT_H
#define PLAIT_C_PLAIT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PLAIT_API __attribute__((visibility("default")))
#else
#define PLAIT_API
#endif

/* Of this header. The library's own is plait_api_version(). */
#define PLAIT_API_VERSION 2

#define PLAIT_NUL_TERMINATED ((size_t)-1)

/* How a call went. */
typedef int32_t plait_status;
enum {
  PLAIT_OK = 0,
  PLAIT_INVALID_ARGUMENT = 1, /* the caller's or the user's value is wrong */
  PLAIT_NOT_FOUND = 2,        /* a file, a sequence or a strategy is missing */
  PLAIT_CORRUPT = 3,          /* a file contradicts its own format */
  PLAIT_UNSUPPORTED = 4,      /* well formed, but not for this library or machine */
  PLAIT_RESOURCE = 5,         /* memory, disk, descriptors, permissions */
  PLAIT_CANCELLED = 6,        /* stopped on request */
  PLAIT_INTERNAL = 7          /* a bug in Plait */
};

/* Why a sequence has ended. */
enum {
  PLAIT_NOT_FINISHED = 0,
  PLAIT_FINISH_STOP = 1,      /* chose a token that ends the text, or wrote a stop string */
  PLAIT_FINISH_LENGTH = 2,    /* reached its number of tokens, or the end of the context */
  PLAIT_FINISH_CANCELLED = 3, /* plait_cancel */
  PLAIT_FINISH_ERROR = 4      /* see `message` of its plait_update */
};

typedef struct plait_model plait_model;     /* a compiled model, opened */
typedef struct plait_session plait_session; /* a model in execution: state, threads */

/* "0.1.0" */
PLAIT_API const char *plait_version(void);
/* PLAIT_API_VERSION of the library: at least what the header said when it is loaded. */
PLAIT_API uint32_t plait_api_version(void);
/* "ok", "invalid argument", ...; "unknown" for other numbers. */
PLAIT_API const char *plait_status_name(plait_status status);
/* Frees what a function of this library gave; NULL is allowed. */
PLAIT_API void plait_free(void *memory);

/*===--- Models -----------------------------------------------------------===*/

typedef struct plait_model_info {
  size_t struct_size;
  const char *name;             /* of the folder it was compiled from */
  const char *family;           /* "llama", ... */
  const char *target;           /* "x86-64-v3", ... */
  const char *compiler_version; /* "0.1.0" */
  int64_t vocabulary;           /* token ids are 0 .. vocabulary - 1 */
  int64_t layers, hidden;
  int64_t max_positions; /* longest context: prompt and generated tokens */
  int64_t parameters;
  uint64_t weight_bytes;
  const int32_t *eos; /* the ids that end a text */
  size_t eos_count;
  int32_t bos;           /* the id that begins a text, or -1 */
  int32_t has_tokenizer; /* 0: prompts are token ids, and there is no text */
  /* How tokens are chosen unless a request says otherwise. */
  int64_t min_tokens;
  float temperature, top_p, min_p, repetition_penalty;
  int32_t top_k;
  /* version 2 */
  const char *const *strategies; /* that were compiled beside plain decoding: "jacobi(window=8,depths=[0,8])" */
  size_t strategy_count;
} plait_model_info;

/* Opens `path`: a folder or an executable that plait-compile wrote. Weights are
 * mapped, not read. */
PLAIT_API plait_status plait_model_open(const char *path, plait_model **model, char **error);
/* Gives the model up; sessions keep it alive as long as they need it. NULL is allowed. */
PLAIT_API void plait_model_release(plait_model *model);
/* Fills in `info`, of which struct_size is set. */
PLAIT_API plait_status plait_model_describe(const plait_model *model, plait_model_info *info, char **error);

/* Flags of plait_tokenize and of a request. */
enum {
  PLAIT_NO_BOS = 1,    /* add no special tokens, such as the one that begins a text */
  PLAIT_PLAIN = 2,     /* what spells a special token is text like any other */
  PLAIT_IGNORE_EOS = 4 /* requests: go on after a token that ends the text */
};

/* Text to ids. *tokens may be NULL if *count is 0. */
PLAIT_API plait_status plait_tokenize(const plait_model *model, const char *text, size_t bytes, uint32_t flags,
                                      int32_t **tokens, size_t *count, char **error);
/* Ids to text, which is NUL-terminated; `bytes` may be NULL. With `skip_special`
 * other than 0, special tokens have no text. */
PLAIT_API plait_status plait_detokenize(const plait_model *model, const int32_t *tokens, size_t count,
                                        int32_t skip_special, char **text, size_t *bytes, char **error);

/*===--- Sessions ---------------------------------------------------------===*/

typedef struct plait_session_options {
  size_t struct_size;
  uint32_t threads;   /* 0: one per physical core */
  uint32_t sequences; /* most that run at once; others wait. Default 1 */
  int64_t context;    /* most positions of one sequence; 0: the model's */
  int64_t chunk;      /* most prompt tokens in one step; default 512 */
  /* version 2: how tokens are drafted (docs/decoding.md). A strategy that the model was compiled
   * with is named by its call, with some arguments left out or by its name alone if that is one
   * only; "ar" is plain decoding, which is always there. Models that draft are in the artifact. */
  const char *strategy;          /* of requests that name none; NULL: "ar", as `plait run` without --decode */
  const char *const *strategies; /* others that requests may name; "all": all that the model has */
  size_t strategy_count;         /* each takes memory for what it drafts */
} plait_session_options;

/* What is to be generated. The prompt is `text` or `tokens`; the other is NULL. */
typedef struct plait_request {
  size_t struct_size;
  const char *text;
  size_t text_bytes; /* default PLAIT_NUL_TERMINATED */
  const int32_t *tokens;
  size_t token_count;
  const int32_t *stops; /* ids that end the text, besides the model's own */
  size_t stop_count;
  const char *const *stop_strings; /* NUL-terminated; the text ends before the first of them */
  size_t stop_string_count;
  const int32_t *bias_tokens; /* ids, and what is added to their logits: -100 to 100 */
  const float *bias_values;
  size_t bias_count;
  int64_t max_tokens; /* to generate; default 128 */
  int64_t min_tokens; /* before so many nothing ends the text; at most max_tokens */
  /* Random numbers are a function of seed, sequence and position, of nothing else. */
  uint64_t seed, sequence;
  /* Defaults are the model's. */
  float temperature;                         /* 0 chooses greedily */
  float top_p, min_p;                        /* 1 and 0 keep all tokens */
  float repetition_penalty;                  /* 1 changes nothing; of prompt and text */
  float presence_penalty, frequency_penalty; /* 0 change nothing; of the text */
  int32_t top_k;                             /* 0 keeps all tokens */
  uint32_t flags;                            /* PLAIT_NO_BOS | PLAIT_PLAIN | PLAIT_IGNORE_EOS */
  /* version 2 */
  const char *strategy; /* one of the session's, or "ar"; NULL: `strategy` of the session's options */
} plait_request;

/* What is new of a sequence. Pointers are valid until the same sequence is polled
 * again or released. */
typedef struct plait_update {
  size_t struct_size;
  const char *text; /* complete characters only, NUL-terminated; "" without a tokenizer */
  size_t text_bytes;
  const int32_t *tokens;
  const float *logprobs; /* natural logarithms, one per token */
  size_t token_count;
  int32_t finish;          /* PLAIT_NOT_FINISHED, or why it has ended */
  int32_t stop_token;      /* the id that ended it, or -1; it is not among `tokens` */
  const char *message;     /* an error or a note for the user, or NULL */
  const char *stop_string; /* the one that ended it, or NULL; it is not part of `text` */
} plait_update;

/* What sequences have generated, and how. With a strategy a round is a block of drafted tokens
 * that the model has verified at once, which gives one token more than are accepted: a text has
 * rounds + accepted tokens, fewer if it ended before all that its last round chose. Plain decoding
 * has no rounds. */
typedef struct plait_stats {
  size_t struct_size;
  const char *strategy;    /* its call, "ar" for plain decoding; NULL: several */
  int64_t sequences;       /* 1 of a sequence */
  int64_t tokens;          /* generated, with those that a stop string has taken from the text */
  int64_t rounds;          /* blocks that were verified */
  int64_t drafted;         /* tokens in them */
  int64_t accepted;        /* of these: that became tokens of the text */
  int64_t moved;           /* nodes of trees, whose keys and values were moved to where the text has them */
  double tokens_per_round; /* (rounds + accepted) / rounds; 1 without rounds */
} plait_stats;

/* Set struct_size and the defaults. Where there is no preprocessor that passes sizeof, as from
 * another language, the functions with `_sized` are called (version 2): those without it are for
 * structs of version 1. */
PLAIT_API void plait_session_options_init(plait_session_options *options);
PLAIT_API void plait_session_options_init_sized(plait_session_options *options, size_t struct_size);
#define plait_session_options_init(options) plait_session_options_init_sized(options, sizeof(*(options)))
PLAIT_API plait_status plait_request_init(const plait_model *model, plait_request *request, char **error);
PLAIT_API plait_status plait_request_init_sized(const plait_model *model, plait_request *request, size_t struct_size,
                                                char **error);
#define plait_request_init(model, request, error) plait_request_init_sized(model, request, sizeof(*(request)), error)

/* `options` may be NULL. Memory for `sequences` of `context` positions is reserved,
 * but taken only as it is used. */
PLAIT_API plait_status plait_session_create(const plait_model *model, const plait_session_options *options,
                                            plait_session **session, char **error);
/* Ends all sequences. NULL is allowed. */
PLAIT_API void plait_session_release(plait_session *session);

/* Queues a request; *sequence identifies it in this session. */
PLAIT_API plait_status plait_submit(plait_session *session, const plait_request *request, uint64_t *sequence,
                                    char **error);
/* Advances all sequences: each that runs by a token, or by a piece of its prompt; with a strategy
 * by some tokens, or by a piece of what drafts them. *active is 0 once none is left. */
PLAIT_API plait_status plait_step(plait_session *session, int32_t *active, char **error);
/* Gives what a sequence has generated since it was last polled; `update` has its
 * struct_size set. */
PLAIT_API plait_status plait_poll(plait_session *session, uint64_t sequence, plait_update *update, char **error);
/* What a sequence has come to so far; `stats` has its struct_size set (version 2). */
PLAIT_API plait_status plait_sequence_stats(plait_session *session, uint64_t sequence, plait_stats *stats,
                                            char **error);
/* The same of all sequences that the session has had with one of its strategies, or with any if
 * `strategy` is NULL, released ones too (version 2). */
PLAIT_API plait_status plait_strategy_stats(plait_session *session, const char *strategy, plait_stats *stats,
                                            char **error);
/* Ends a sequence with the next step. One that has ended already is left alone. */
PLAIT_API plait_status plait_cancel(plait_session *session, uint64_t sequence, char **error);
/* Forgets a sequence, and ends it first if need be. */
PLAIT_API plait_status plait_sequence_release(plait_session *session, uint64_t sequence, char **error);

/* Is told of everything new, and last of the end. Anything but 0 ends the sequence.
 * Must not leave by longjmp or an exception, nor release the session. */
typedef int32_t (*plait_on_update)(void *user, const plait_update *update);

/* Runs one request to its end: submit, step, poll and release in one. Other
 * sequences of the session advance with it. `callback` may be NULL, and so may
 * `text`, which receives all of the text. PLAIT_CANCELLED if the callback ended it. */
PLAIT_API plait_status plait_generate(plait_session *session, const plait_request *request, plait_on_update callback,
                                      void *user, char **text, char **error);

#ifdef __cplusplus
}
#endif

#endif /* PLAIT_C_PLAIT_H */
