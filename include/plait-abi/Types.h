/*===- Types.h - Scalars shared by compiled code and runtime ------*- C -*-===*
 *
 * Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *===----------------------------------------------------------------------===*/

#ifndef PLAIT_ABI_TYPES_H
#define PLAIT_ABI_TYPES_H

#include <stdint.h>

/* The named symbolic extents of a step. Values are set per step by the runtime;
 * a size, a tile count and a cost are linear in them. */
typedef enum plait_dim_e {
  PLAIT_DIM_TOKENS = 0, /* tokens of all rows together */
  PLAIT_DIM_ROWS = 1,   /* rows: one per sequence in the step */
  PLAIT_DIM_LEAVES = 2, /* tokens whose successor is to be chosen */
  PLAIT_DIM_PAGES = 3,  /* width of the page tables: pages of the longest row */
  PLAIT_DIM_STOPS = 4,  /* width of the stop table: stop ids of one leaf */
  PLAIT_DIM_EDITS = 5,  /* edits of logits, of all leaves together */
  PLAIT_DIM_TOPS = 6,   /* width of the top table: most probable tokens of one leaf */
  /* Where ranks share the tokens of a step out, those of this rank: of number r of the n
   * ranks of the model's token_group, tokens * r / n to tokens * (r + 1) / n, rounded down. In a
   * step of fewer tokens than the manifest's "share_tokens" of the plan they do not, and each rank has all. */
  PLAIT_DIM_TOKENS_PART = 7,
  /* As many as leaves if some leaf of the step has a temperature above 0, else none: what
   * is needed to draw tokens only is left out of steps that do not. */
  PLAIT_DIM_DRAWS = 8,
  /* As many as leaves if some such leaf has top_k or a top_p below 1, else none. */
  PLAIT_DIM_WARPS = 9,
  PLAIT_DIM_TOP_ENTRIES = 10, /* leaves * tops: entries of the top table */
  /* Where attention is computed in spans (PLAIT_SPAN_POSITIONS), so that threads share out a
   * long row: tokens times the spans of the longest row, from the first page of its table on.
   * Else none; that is for the runtime to choose, and changes no bit. */
  PLAIT_DIM_SPANS = 11,
  PLAIT_DIM_COUNT = 12
} plait_dim_t;

/* Their names in IR (#lm.dims) and for people, in order. */
#define PLAIT_DIM_NAMES                                                                                                \
  {"tokens", "rows",        "leaves", "pages", "stops",       "edits",                                                 \
   "tops",   "tokens_part", "draws",  "warps", "top_entries", "spans"}

/* Attention folds positions [i * PLAIT_SPAN_POSITIONS, (i + 1) * PLAIT_SPAN_POSITIONS) by
 * themselves, then joins these spans in order: results depend on where they lie. */
#define PLAIT_SPAN_POSITIONS 256

typedef enum plait_dtype_e {
  PLAIT_DTYPE_F32 = 0,
  PLAIT_DTYPE_BF16 = 1,
  PLAIT_DTYPE_I32 = 2,
  PLAIT_DTYPE_I64 = 3,
  PLAIT_DTYPE_I8 = 4, /* of weights in panels alone, as is i4 */
  PLAIT_DTYPE_I4 = 5
} plait_dtype_t;

/* What compiled code reports about a leaf (output PLAIT_OUT_STATUS). */
typedef enum plait_leaf_status_e {
  PLAIT_LEAF_OK = 0,
  PLAIT_LEAF_STOPPED = 1,  /* the chosen token is one of the leaf's stop ids */
  PLAIT_LEAF_NONFINITE = 2 /* a logit was NaN or infinite, or all were masked; no token chosen */
} plait_leaf_status_t;

/* bytes = constant + sum over d of per[d] * dims[d] */
typedef struct plait_extent_v4 {
  int64_t constant;
  int64_t per[PLAIT_DIM_COUNT];
} plait_extent_v4_t;

#endif /* PLAIT_ABI_TYPES_H */
