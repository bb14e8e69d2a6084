/*===- Version.h - Version of the model binary ABI ----------------*- C -*-===*
 *
 * Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * Version log:
 *   1  first version: one model, one rank, append-only paged state, launch plan
 *      table, imports table.
 *   2  several states, each in a page table of its kind: a state may keep a
 *      window of its positions alone (plait_state_v2_t), page tables are
 *      arguments (PLAIT_ARG_PAGES) and no longer an input; a weight's slices may
 *      stand for every n-th layer (plait_weight_v2_t). Two more extents, edits and tops
 *      (plait_extent_v2_t): edits of logits as inputs, the most probable tokens as
 *      outputs.
 *   3  weights of integers with scales, and zero points (plait_weight_v4_t,
 *      PLAIT_DTYPE_I8, PLAIT_DTYPE_I4).
 *   4  models of several ranks (plait_model_v4_t): a weight may be a part of the
 *      checkpoint's tensor (plait_weight_v4_t), a launch may be a collective of all
 *      ranks (plait_launch_v2_t, plait_collective_v1_t).
 *   5  ranks share out tokens and the vocabulary: more collectives, on rows and columns,
 *      with an order of sums that the model may declare (plait_collective_v2_t); four
 *      more extents (plait_extent_v3_t). A binary has the tables of all ranks
 *      (plait_model_query_fn).
 *   6  collectives of some of a model's ranks, which its table of groups lists
 *      (plait_group_v1_t, at the end of plait_model_v4_t); more kinds of them, and how
 *      a sum is taken (plait_collective_v3_t).
 *   7  rows of a step may be trees, whose tokens lie beside their positions
 *      (PLAIT_IN_PATH_ENDS, PLAIT_IN_PATHS); a state says where the cell of a position
 *      lies in a page (plait_state_v3_t, plait_cells_v1_t); a plan may return hidden
 *      states or begin with them (PLAIT_OUT_HIDDEN, PLAIT_IN_HIDDEN, plait_plan_v2_t.hidden),
 *      and be told which leaves are drafts of others (PLAIT_IN_PARENTS). Launches may
 *      be part of a collective (PLAIT_COLLECTIVE_REDUCE_GATHER).
 *      Later: code for a GPU, found through struct_size (plait_gpu_v1_t); the tokens that
 *      follow others (PLAIT_IN_NEXT), and rows of one token with a hidden state.
 *   8  attention may be computed in spans of positions: one more extent, spans
 *      (plait_extent_v4_t, PLAIT_SPAN_POSITIONS). PLAIT_DIM_TOKENS_PART may be all tokens, in
 *      short steps.
 *   9  threads may compute rows for themselves, into copies: PLAIT_ARG_COPY,
 *      plait_launch_v3_t.redundant, and barriers of steps without copies.
 *  10  a sum may say by which algorithms it is carried out (plait_collective_v4_t,
 *      plait_sum_range_v1_t). Tokens may see some that lie behind them: a path begins
 *      with the last position that is seen (PLAIT_IN_PATHS).
 *
 * A change that moves or re-means a field raises PLAIT_ABI_VERSION and renames
 * the struct (`_v2`). A field added at the end of a struct is found through
 * `struct_size`. Whatever the version, a model's tables begin with struct_size,
 * abi_version and magic, so that every runtime can say what it was given.
 *===----------------------------------------------------------------------===*/

#ifndef PLAIT_ABI_VERSION_H
#define PLAIT_ABI_VERSION_H

#define PLAIT_ABI_VERSION 10u
#define PLAIT_ABI_MAGIC 0x31544941u /* "AIT1" in memory order */

/* The one symbol that a model binary exports; see plait_model_query_fn. */
#define PLAIT_MODEL_QUERY_SYMBOL "plait_model_query"

#endif /* PLAIT_ABI_VERSION_H */
