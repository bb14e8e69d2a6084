/*===- demo_model.c - A hand-written model binary for tests -------*- C -*-===*
 *
 * Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*
 *
 * Implements the model ABI in integers modulo a prime, so that the next token
 * depends on every token before it, on its position, on every weight, on every
 * layer in order, on the sampling values and on each edit of a logit: a wrong page,
 * a missing barrier, a skipped layer or a swapped argument gives another token.
 * DemoModel.h holds the same function without pages and plans.
 *
 * With -DRANKS=2 -DRANK=r it is that of one of two ranks, which compute the same:
 * after the first loop's last kernel each keeps its share of x, and an all-reduce
 * makes x of the shares.
 *
 * With -DGPU it has code for a GPU that a test has in its place (test/unit/cuda/FakeDriver.h):
 * an image is the address of a kernel. Tokens come from there in a slot, and the host makes an
 * output of them.
 *===----------------------------------------------------------------------===*/

#include "plait-abi/Model.h"

#include <stddef.h>

#ifndef RANKS
#define RANKS 1
#define RANK 0
#endif

enum { VOCABULARY = 97, LAYERS = 3, PAGE_TOKENS = 4, WINDOW = 6, PRIME = 65521 };
enum { MASK_BITS = -8388608 }; /* of -infinity */
enum { POISON_TOKEN = 96 };    /* makes the logits of all later leaves non-finite */

typedef struct {
  int32_t value, position, layer, unused;
} entry_t;

/* Negative sums stand for "poisoned" and stay so. */
static int64_t reduce(int64_t value) { return value < 0 ? -1 : value % PRIME; }
static int64_t fixed(float weight) {
  int64_t value = (int64_t)(weight * 64.0f);
  return value < 0 ? -value : value;
}
static float fromBf16(uint16_t half) {
  union {
    uint32_t bits;
    float value;
  } u = {(uint32_t)half << 16};
  return u.value;
}

/* Weight "mix" is [5][3] bf16 in panels of 4 rows and groups of 2 columns. */
static int64_t mixOf(const uint16_t *mix) {
  int64_t sum = 0;
  for (int64_t r = 0; r < 5; ++r)
    for (int64_t c = 0; c < 3; ++c)
      sum += (r + 1) * (c + 2) * fixed(fromBf16(mix[((r / 4 * 2 + c / 2) * 4 + r % 4) * 2 + c % 2]));
  return reduce(sum);
}

static entry_t *entryOf(void *state, const int32_t *pages, const int64_t *dims, int64_t row, int64_t position) {
  int32_t page = pages[row * dims[PLAIT_DIM_PAGES] + position / PAGE_TOKENS];
  return (entry_t *)state + (int64_t)page * PAGE_TOKENS + position % PAGE_TOKENS;
}

/* The last position that token t at `position` sees. */
static int64_t lastOf(const int32_t *ends, const int32_t *paths, int64_t t, int64_t position) {
  int64_t begin = t ? ends[t - 1] : 0;
  return begin < ends[t] ? paths[begin] : position;
}

/* Where position `position` lies, which token t sees, and others up to `last`. */
static int64_t slotOf(const int32_t *ends, const int32_t *paths, int64_t t, int64_t last, int64_t position) {
  int64_t index = ends[t] - 1 - (last - position);
  return index <= (t ? ends[t - 1] : 0) ? position : paths[index];
}

#define KERNEL(name)                                                                                                   \
  static void name(const plait_context_v1_t *context, void *const *b, const int64_t *dims, int64_t begin, int64_t end, \
                   int64_t step)

/* The last tile of a launch may hold fewer than BLOCK items. */
#define FOR_ITEMS(BLOCK, dim)                                                                                          \
  (void)context;                                                                                                       \
  for (int64_t tile = begin; tile < end; tile += step)                                                                 \
    for (int64_t t = tile * (BLOCK); t < (tile + 1) * (BLOCK) && t < dims[dim]; ++t)

/* x, embed, tokens */
KERNEL(runEmbed) {
  int64_t *x = b[0];
  const float *embed = b[1];
  const int32_t *tokens = b[2];
  FOR_ITEMS(2, PLAIT_DIM_TOKENS) {
    const float *row = embed + 3 * tokens[t];
    int64_t value = fixed(row[0]) + 7 * fixed(row[1]) + 13 * fixed(row[2]);
    x[t] = tokens[t] == POISON_TOKEN ? -1 : reduce(value);
  }
}

/* scratch, bias; three tiles, independent of the step */
KERNEL(runBias) {
  int64_t *scratch = b[0];
  (void)context, (void)dims;
  for (int64_t tile = begin; tile < end; tile += step)
    scratch[tile] = (tile + 1) * fixed(*(const float *)b[1]);
}

/* kv, pages, x, positions, rows, path ends, paths */
KERNEL(runStore) {
  const int64_t *x = b[2];
  const int32_t *positions = b[3], *rows = b[4];
  FOR_ITEMS(1, PLAIT_DIM_TOKENS) {
    int64_t last = lastOf(b[5], b[6], t, positions[t]);
    entry_t *entry = entryOf(b[0], b[1], dims, rows[t], slotOf(b[5], b[6], t, last, positions[t]));
    entry->value = (int32_t)(x[t] < 0 ? -1 : reduce(31 * x[t] + 1));
    entry->position = positions[t];
  }
}

/* y, kv, pages, positions, rows, path ends, paths */
KERNEL(runAttend) {
  int64_t *y = b[0];
  const int32_t *positions = b[3], *rows = b[4];
  FOR_ITEMS(1, PLAIT_DIM_TOKENS) {
    int64_t sum = 0, last = lastOf(b[5], b[6], t, positions[t]);
    for (int64_t j = 0; j <= last; ++j) {
      const entry_t *entry = entryOf(b[1], b[2], dims, rows[t], slotOf(b[5], b[6], t, last, j));
      if (sum >= 0 && entry->value >= 0)
        sum = reduce(sum + (j + 1) * (int64_t)entry->value);
      else
        sum = -1;
      if (entry->position != j && sum >= 0)
        sum = reduce(sum + 12345); /* someone else's page */
    }
    y[t] = sum;
  }
}

/* x, y, mix of the layer */
KERNEL(runCombine) {
  int64_t *x = b[0];
  const int64_t *y = b[1];
  FOR_ITEMS(3, PLAIT_DIM_TOKENS)
  x[t] = x[t] < 0 || y[t] < 0 ? -1 : reduce(5 * x[t] + y[t] + mixOf(b[2]) + 1);
}

/* x, mix of the layer */
KERNEL(runTwist) {
  int64_t *x = b[0];
  FOR_ITEMS(2, PLAIT_DIM_TOKENS)
  x[t] = x[t] < 0 ? -1 : reduce(3 * x[t] + mixOf(b[1]) * mixOf(b[1]) + 2);
}

static int64_t scramble(int64_t seed, int64_t value) {
  uint64_t z = (uint64_t)seed * 0x9E3779B97F4A7C15u + (uint64_t)value;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  return (int64_t)((z ^ (z >> 27)) >> 8);
}
static int64_t bitsOf(float value) {
  union {
    float value;
    int32_t bits;
  } u = {value};
  return u.bits;
}

/* What the leaf's edits add to its token, in whatever order they come; those that
 * change no logit add nothing. */
static int64_t editsOf(void *const *b, int64_t leaf) {
  const int32_t *ends = b[18], *ids = b[19];
  const float *biases = b[20], *scales = b[21], *offsets = b[22];
  int64_t sum = 0;
  for (int64_t e = leaf ? ends[leaf - 1] : 0; e < ends[leaf]; ++e)
    if (bitsOf(biases[e]) != MASK_BITS && (biases[e] != 0 || scales[e] != 1 || offsets[e] != 0))
      sum +=
          scramble(scramble(scramble(ids[e], bitsOf(biases[e])), bitsOf(scales[e])), bitsOf(offsets[e])) % VOCABULARY;
  return sum;
}
static int isMasked(void *const *b, int64_t leaf, int64_t token) {
  const int32_t *ends = b[18], *ids = b[19];
  const float *biases = b[20];
  for (int64_t e = leaf ? ends[leaf - 1] : 0; e < ends[leaf]; ++e)
    if (ids[e] == token && bitsOf(biases[e]) == MASK_BITS)
      return 1;
  return 0;
}

/* tokens, status, logprob, logits or scratch, leaves, x, aux, pages, positions,
 * rows, temperature, top k, top p, min p, seed, sequence, stops, scratch, edit ends,
 * tokens, biases, scales and offsets, top counts, tokens and logprobs, path ends, paths */
static void head(const plait_context_v1_t *context, void *const *b, const int64_t *dims, int64_t leaf, float *logits) {
  int64_t t = ((const int32_t *)b[4])[leaf];
  int64_t position = ((const int32_t *)b[8])[t], row = ((const int32_t *)b[9])[t];
  const int64_t *scratch = b[17];
  int64_t z = ((const int64_t *)b[5])[t];
  int64_t last = lastOf(b[26], b[27], t, position);
  for (int64_t j = position < WINDOW ? 0 : position - WINDOW + 1; j <= last; ++j) {
    const entry_t *entry = entryOf(b[6], b[7], dims, row, slotOf(b[26], b[27], t, last, j));
    z = z < 0 || entry->value < 0 ? -1 : reduce(z + (j + 3) * (int64_t)entry->value);
    if (entry->position != j && z >= 0)
      z = reduce(z + 12345); /* a page that was given back too early */
  }
  int32_t *status = (int32_t *)b[1] + leaf;
  ((int32_t *)b[0])[leaf] = -1;
  ((float *)b[2])[leaf] = -(float)z;
  if (z < 0) {
    context->imports->report_nonfinite(context->runtime, leaf);
    *status = PLAIT_LEAF_NONFINITE;
    return;
  }
  z = reduce(z + scratch[0] + scratch[1] + scratch[2]);
  if (logits)
    for (int64_t v = 0; v < VOCABULARY; ++v)
      logits[leaf * VOCABULARY + v] = (float)reduce(z + 17 * v);
  int64_t token = z % VOCABULARY;
  float temperature = ((const float *)b[10])[leaf];
  if (temperature > 0) {
    int64_t mixed = scramble(bitsOf(temperature), ((const int32_t *)b[11])[leaf]);
    mixed = scramble(mixed, bitsOf(((const float *)b[12])[leaf]));
    mixed = scramble(mixed, bitsOf(((const float *)b[13])[leaf]));
    mixed = scramble(mixed, ((const int64_t *)b[14])[leaf]);
    mixed = scramble(mixed, ((const int64_t *)b[15])[leaf]);
    mixed = scramble(mixed, position);
    token = (token + mixed % VOCABULARY + VOCABULARY) % VOCABULARY;
  }
  token = ((token + editsOf(b, leaf)) % VOCABULARY + VOCABULARY) % VOCABULARY;
  while (token == POISON_TOKEN || isMasked(b, leaf, token)) /* the model does not poison itself */
    token = (token + 1) % VOCABULARY;
  int64_t tops = dims[PLAIT_DIM_TOPS];
  for (int64_t i = 0; i < tops; ++i) {
    int wanted = i < ((const int32_t *)b[23])[leaf];
    ((int32_t *)b[24])[leaf * tops + i] = wanted ? (int32_t)((token + 5 * i) % VOCABULARY) : -1;
    ((float *)b[25])[leaf * tops + i] = wanted ? -(float)(z + i) : 0;
  }
  *status = PLAIT_LEAF_OK;
  for (int64_t s = 0; s < dims[PLAIT_DIM_STOPS]; ++s)
    if (((const int32_t *)b[16])[leaf * dims[PLAIT_DIM_STOPS] + s] == token)
      *status = PLAIT_LEAF_STOPPED;
  ((int32_t *)b[0])[leaf] = (int32_t)token;
  ((float *)b[2])[leaf] = -(float)z;
}
KERNEL(runHead) { FOR_ITEMS(1, PLAIT_DIM_LEAVES) head(context, b, dims, t, NULL); }
KERNEL(runHeadLogits) { FOR_ITEMS(1, PLAIT_DIM_LEAVES) head(context, b, dims, t, b[3]); }

#if RANKS > 1
/* share, x: the halves differ by rank and are exact in f32 */
KERNEL(runSplit) {
  float *share = b[0];
  int64_t *x = b[1];
  FOR_ITEMS(2, PLAIT_DIM_TOKENS) {
    share[t] = (float)(RANK == 0 ? x[t] / 2 : x[t] - x[t] / 2);
    x[t] = 77 + RANK;
  }
}
/* x, sum */
KERNEL(runJoin) {
  int64_t *x = b[0];
  const float *sum = b[1];
  FOR_ITEMS(2, PLAIT_DIM_TOKENS) x[t] = (int64_t)sum[t];
}
#endif

#ifdef GPU
/* tokens of the GPU, tokens */
KERNEL(runFinish) { FOR_ITEMS(2, PLAIT_DIM_LEAVES)((int32_t *)b[1])[t] = ((const int32_t *)b[0])[t]; }

/* What FakeDriver.cpp takes for an image. */
typedef struct {
  char magic[8];
  plait_kernel_fn_v1 run;
  int64_t buffers;
} image_t;
#define GPU_KERNEL(name, run, buffers, count, block, dim, entries)                                                     \
  static const image_t name##Image = {"FAKEGPU", run, buffers};                                                        \
  static const plait_grid_v1_t name##Grid[] = {{count, block, dim, 0}};                                                \
  static const plait_entry_v1_t name##Entries[] = {{#name "_few", name##Grid, 0, entries, 1, 0, 64, 0, 8, 0, 0, 0},    \
                                                   {#name, name##Grid, 0, 0, 1, 0, 128, 65536, 16, 4, 8, 12}};
#define GPU_ROW(name, first) {&name##Image, sizeof(image_t), name##Entries + (first), 2 - (first), 0}
GPU_KERNEL(embed, runEmbed, 3, 1, 2, PLAIT_DIM_TOKENS, 3)
GPU_KERNEL(bias, runBias, 2, 3, 1, -1, 0)
GPU_KERNEL(store, runStore, 7, 1, 1, PLAIT_DIM_TOKENS, 16)
GPU_KERNEL(attend, runAttend, 7, 1, 1, PLAIT_DIM_TOKENS, 16)
GPU_KERNEL(combine, runCombine, 3, 1, 3, PLAIT_DIM_TOKENS, 16)
GPU_KERNEL(twist, runTwist, 2, 1, 2, PLAIT_DIM_TOKENS, 16)
GPU_KERNEL(head, runHead, 28, 1, 1, PLAIT_DIM_LEAVES, 1)
GPU_KERNEL(headLogits, runHeadLogits, 28, 1, 1, PLAIT_DIM_LEAVES, 1)
static const plait_gpu_kernel_v1_t gpuKernels[] = {GPU_ROW(embed, 0),  GPU_ROW(bias, 1),       GPU_ROW(store, 0),
                                                   GPU_ROW(attend, 0), GPU_ROW(combine, 0),    GPU_ROW(twist, 0),
                                                   GPU_ROW(head, 0),   GPU_ROW(headLogits, 0), {0, 0, 0, 0, 0}};
static const plait_gpu_v1_t gpu = {"sm_90a", gpuKernels};
#define NONE_1 0, 0, 1, -1, 0 /* no code for the CPU */
static const plait_kernel_v1_t kernels[] = {
    {"embed", NONE_1},  {"bias", NONE_1},        {"store", NONE_1},
    {"attend", NONE_1}, {"combine", NONE_1},     {"twist", NONE_1},
    {"head", NONE_1},   {"head_logits", NONE_1}, {"finish", runFinish, 1, 2, PLAIT_DIM_LEAVES, 0},
};
#else
static const plait_kernel_v1_t kernels[] = {
    {"embed", runEmbed, 1, 2, PLAIT_DIM_TOKENS, 0},     {"bias", runBias, 3, 0, -1, 0},
    {"store", runStore, 1, 1, PLAIT_DIM_TOKENS, 0},     {"attend", runAttend, 1, 1, PLAIT_DIM_TOKENS, 1},
    {"combine", runCombine, 1, 3, PLAIT_DIM_TOKENS, 0}, {"twist", runTwist, 1, 2, PLAIT_DIM_TOKENS, 0},
    {"head", runHead, 1, 1, PLAIT_DIM_LEAVES, 0},       {"head_logits", runHeadLogits, 1, 1, PLAIT_DIM_LEAVES, 1},
#if RANKS > 1
    {"split", runSplit, 1, 2, PLAIT_DIM_TOKENS, 0},     {"join", runJoin, 1, 2, PLAIT_DIM_TOKENS, 0},
#endif
};
#endif

enum { EMBED_BYTES = 1216, MIX_BYTES = 64, BIAS_BYTES = 64 };
enum { PACK_BYTES = EMBED_BYTES + LAYERS * MIX_BYTES + BIAS_BYTES };
static const plait_weight_v4_t weights[] = {
    {"embed",
     "embed.weight",
     0,
     EMBED_BYTES,
     1,
     0,
     1,
     VOCABULARY,
     3,
     PLAIT_DTYPE_F32,
     PLAIT_LAYOUT_ROWS,
     0,
     0,
     0,
     0,
     0,
     0,
     0,
     VOCABULARY,
     3},
    /* as if every other layer of the checkpoint were of another kind */
    {"mix",
     "layers.{layer}.mix.weight",
     EMBED_BYTES,
     MIX_BYTES,
     LAYERS,
     1,
     2,
     5,
     3,
     PLAIT_DTYPE_BF16,
     PLAIT_LAYOUT_PANELS,
     4,
     2,
     0,
     0,
     0,
     0,
     0,
     5,
     3},
    {"bias",
     "bias",
     EMBED_BYTES + LAYERS * MIX_BYTES,
     BIAS_BYTES,
     1,
     0,
     1,
     1,
     1,
     PLAIT_DTYPE_F32,
     PLAIT_LAYOUT_ROWS,
     0,
     0,
     0,
     0,
     0,
     0,
     0,
     1,
     1},
};

static const plait_cells_v1_t cells[] = {{0, 1, 0, PAGE_TOKENS, 0, sizeof(entry_t), 1, 0, sizeof(entry_t)}};
static const plait_state_v3_t states[] = {
    {"kv", LAYERS, PAGE_TOKENS, PAGE_TOKENS * sizeof(entry_t), 0, cells, 0, 1},
    {"aux", 1, PAGE_TOKENS, PAGE_TOKENS * sizeof(entry_t), WINDOW, cells, 1, 1},
};

/* Slots: x, y, scratch, shares of x. */
#if RANKS > 1
static const plait_extent_v4_t slots[] = {{0, {8}}, {0, {8}}, {24, {0}}, {0, {4}}};
static const plait_collective_v4_t collectives[] = {
    {PLAIT_COLLECTIVE_ALL_REDUCE, 0, PLAIT_DIM_TOKENS, 0, 1, NULL, NULL, NULL, -1, 0, 0, 0, NULL, 0, 0}};
#define COLLECTIVES collectives
#define COLLECTIVE_COUNT 1
#else
#ifdef GPU
static const plait_extent_v4_t slots[] = {{0, {8}}, {0, {8}}, {24, {0}}, {0, {0, 0, 4}}};
#else
static const plait_extent_v4_t slots[] = {{0, {8}}, {0, {8}}, {24, {0}}};
#endif
#define COLLECTIVES NULL
#define COLLECTIVE_COUNT 0
#endif

/* clang-format off */
#define SLOT(i) {PLAIT_ARG_SLOT, i}
#define WEIGHT(i) {PLAIT_ARG_WEIGHT, i}
#define STATE(i) {PLAIT_ARG_STATE, i}, {PLAIT_ARG_PAGES, i}
#define IN(i) {PLAIT_ARG_INPUT, PLAIT_IN_##i}
#define OUT(i) {PLAIT_ARG_OUTPUT, PLAIT_OUT_##i}
#define PATHS IN(PATH_ENDS), IN(PATHS)
#ifdef GPU
#define HEAD_TOKENS SLOT(3)
#else
#define HEAD_TOKENS OUT(TOKENS)
#endif
#define HEAD_ARGS(...)                                                                             \
  HEAD_TOKENS, OUT(STATUS), OUT(LOGPROB), __VA_ARGS__, IN(LEAVES), SLOT(0), STATE(1), IN(POSITIONS),    \
      IN(TOKEN_ROWS), IN(TEMPERATURE), IN(TOP_K), IN(TOP_P), IN(MIN_P), IN(SEED),                    \
      IN(SEQUENCE), IN(STOPS), SLOT(2), IN(EDIT_ENDS), IN(EDIT_TOKENS), IN(EDIT_BIASES),          \
      IN(EDIT_SCALES), IN(EDIT_OFFSETS), IN(TOP_COUNTS), OUT(TOP_TOKENS), OUT(TOP_LOGPROBS), PATHS
#if RANKS > 1
#define SHARE_ARGS                                                                                 \
  , SLOT(3), SLOT(0), /* 59: split */                                                              \
      SLOT(3), SLOT(3), /* 61: all-reduce */                                                       \
      SLOT(0), SLOT(3) /* 63: join */
#define SHARE_LAUNCHES {8, 59, 2, 1, 0, 3, 0, 4, 0, 0}, {-1, 61, 2, 1, 0, 3, 0, 4, 0, 0}, {9, 63, 2, 1, 0, 3, 0, 4, 0, 0},
#elif defined(GPU)
#define SHARE_ARGS , SLOT(3), OUT(TOKENS) /* 59: finish */
#define SHARE_LAUNCHES
#define LAST_LAUNCHES , {8, 59, 2, 1, 0, 1, 0, 6, 0, 0}
#else
#define SHARE_ARGS
#define SHARE_LAUNCHES
#endif
#ifndef LAST_LAUNCHES
#define LAST_LAUNCHES
#endif
#define ARGS(...)                                                                                  \
  {                                                                                                \
    SLOT(0), WEIGHT(0), IN(TOKENS),                                       /* 0: embed */           \
        SLOT(2), WEIGHT(2),                                               /* 3: bias */            \
        STATE(0), SLOT(0), IN(POSITIONS), IN(TOKEN_ROWS), PATHS,          /* 5: store */           \
        SLOT(1), STATE(0), IN(POSITIONS), IN(TOKEN_ROWS), PATHS,          /* 12: attend */         \
        SLOT(0), SLOT(1), WEIGHT(1),                                      /* 19: combine */        \
        SLOT(0), WEIGHT(1),                                               /* 22: twist */          \
        STATE(1), SLOT(0), IN(POSITIONS), IN(TOKEN_ROWS), PATHS,          /* 24: store */          \
        HEAD_ARGS(__VA_ARGS__)                                            /* 31: head */           \
        SHARE_ARGS                                                                                 \
  }
static const plait_arg_v1_t args[] = ARGS(SLOT(2));
static const plait_arg_v1_t debugArgs[] = ARGS(OUT(LOGITS));

/* kernel, first argument, arguments, barrier, layers, loop begins, source */
#define LAUNCHES(head)                                                                             \
  {                                                                                                \
    {0, 0, 3, 0, 0, 1, 0, 0, 0, 0}, {1, 3, 2, 0, 0, 1, 0, 1, 0, 0},                      /* same time */       \
        {2, 5, 7, 1, 0, 3, 1, 2, 0, 0}, {3, 12, 7, 1, 0, 3, 0, 3, 0, 0}, {4, 19, 3, 1, 0, 3, 0, 4, 0, 0}, /* loop */ \
        SHARE_LAUNCHES                                                                             \
        {5, 22, 2, 1, 0, 3, 1, 5, 0, 0},                                           /* a second loop */   \
        {5, 22, 2, 1, 1, 2, 0, 5, 0, 0},                                           /* layer 1 alone */   \
        {2, 24, 7, 1, 0, 1, 0, 2, 0, 0}, {head, 31, 28, 1, 0, 1, 0, 6, 0, 0} LAST_LAUNCHES                     \
  }
/* clang-format on */
static const plait_launch_v3_t launches[] = LAUNCHES(6);
static const plait_launch_v3_t debugLaunches[] = LAUNCHES(7);

#define COUNT(table) (int32_t)(sizeof(table) / sizeof((table)[0]))
static const plait_plan_v2_t plans[] = {
    {"ar", slots, args, launches, COLLECTIVES, COUNT(slots), COUNT(args), COUNT(launches), COLLECTIVE_COUNT, 0, 0},
    {"ar.debug", slots, debugArgs, debugLaunches, COLLECTIVES, COUNT(slots), COUNT(debugArgs), COUNT(debugLaunches),
     COLLECTIVE_COUNT, 1, 0},
};

static const char *const sources[] = {"lm.embed",   "lm.bias",  "lm.store", "lm.attention",
                                      "lm.combine", "lm.twist", "lm.head"};

static const plait_model_v4_t model = {sizeof(plait_model_v4_t),
                                       PLAIT_ABI_VERSION,
                                       PLAIT_ABI_MAGIC,
                                       "demo",
                                       "",
                                       "row_invariant",
                                       VOCABULARY,
                                       64,
                                       LAYERS,
                                       PACK_BYTES,
                                       kernels,
                                       weights,
                                       states,
                                       plans,
                                       sources,
                                       COUNT(kernels),
                                       COUNT(weights),
                                       COUNT(states),
                                       COUNT(plans),
                                       COUNT(sources),
                                       2,
                                       RANK,
                                       RANKS,
                                       NULL,
                                       0,
                                       -1,
#ifdef GPU
                                       &gpu
#else
                                       NULL
#endif
};

__attribute__((visibility("default"))) const plait_model_v4_t *plait_model_query(uint32_t max_version, int32_t rank) {
  (void)rank; /* a binary for each */
  return max_version >= model.abi_version ? &model : NULL;
}
