/*===- Model.h - What a compiled model exports --------------------*- C -*-===*
 *
 * Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * A model binary is an ELF shared object without undefined symbols. It exports
 * PLAIT_MODEL_QUERY_SYMBOL, which returns constant tables: kernels, weights,
 * states, and one launch plan per variant. The runtime walks the plan; compiled
 * code calls back only through plait_imports_v1_t. Nothing in the binary is
 * mutable, so any number of instances, threads and ranks may share it.
 *===----------------------------------------------------------------------===*/

#ifndef PLAIT_ABI_MODEL_H
#define PLAIT_ABI_MODEL_H

#include "plait-abi/Types.h"
#include "plait-abi/Version.h"

#ifdef __cplusplus
extern "C" {
#endif

/* -- Imports ---------------------------------------------------------------*/

typedef struct plait_imports_v1 {
  uint64_t struct_size;
#define PLAIT_IMPORT(name, ret, params) ret(*name) params;
#include "plait-abi/Imports.def"
#undef PLAIT_IMPORT
} plait_imports_v1_t;

/* Handed to every kernel call. */
typedef struct plait_context_v1 {
  uint64_t struct_size;
  void *runtime; /* passed back to imports, opaque to compiled code */
  const plait_imports_v1_t *imports;
} plait_context_v1_t;

/* -- Kernels ---------------------------------------------------------------*/

/* Computes tiles begin, begin+step, ... < end. Tiles of one launch are
 * independent and write disjoint memory; the bits of a tile depend neither on
 * the thread that computes it nor on the other tiles.
 *   buffers  one pointer per argument of the launch, 64-byte aligned but for
 *            inputs and outputs, which are aligned to their element
 *   dims     PLAIT_DIM_COUNT extents of this step */
typedef void (*plait_kernel_fn_v1)(const plait_context_v1_t *context, void *const *buffers, const int64_t *dims,
                                   int64_t begin, int64_t end, int64_t step);

typedef struct plait_kernel_v1 {
  const char *name;
  plait_kernel_fn_v1 run; /* null: it has code for a GPU alone (plait_gpu_v1_t), and no tiles */
  /* tiles = tile_count * ceil(dims[tile_dim] / tile_block); tile_dim < 0 means
   * a constant number of tiles, tile_count. */
  int64_t tile_count;
  int64_t tile_block;
  int32_t tile_dim;
  /* 0: a thread takes a contiguous range of tiles; 1: tiles are dealt out one
   * by one, for tiles of unequal cost. */
  int32_t cyclic;
} plait_kernel_v1_t;

/* -- Code for a GPU --------------------------------------------------------*/

/* As many blocks as count * ceil(dims[dim] / block); dim < 0: count. */
typedef struct plait_grid_v1 {
  int64_t count, block;
  int32_t dim;
  int32_t reserved;
} plait_grid_v1_t;

/* What TMA is to be told of a matrix of bf16 by rows without gaps, in a CUtensorMap of
 * cuTensorMapEncodeTiled: copies are boxes of `box_rows` rows by 64 columns, swizzled by 128
 * bytes, with zeros for what lies outside of the matrix. */
typedef struct plait_tensor_map_v1 {
  int64_t rows; /* 0: as many as the buffer holds */
  int64_t columns;
  int32_t buffer; /* of the launch's arguments */
  int32_t box_rows;
} plait_tensor_map_v1_t;

/* A function of a kernel's image. Those of a kernel compute the same bits; a step takes the
 * first whose `rows` are no fewer than its own (the extent of the first grid), or the last one.
 * Blocks have `threads` threads and `shared_bytes` of dynamic shared memory, and are as many as
 * all grids together, one after the other; blocks beyond that do nothing. Parameters are the addresses of
 * all buffers of the launch, that of the step's extents (int64_t, in the order of plait_dim_t),
 * then the maps themselves, 128 bytes each. All of it lies in the GPU's memory, each array
 * aligned to 256 bytes. */
typedef struct plait_entry_v1 {
  const char *name;
  const plait_grid_v1_t *grids;
  const plait_tensor_map_v1_t *maps;
  int64_t rows; /* 0: any number */
  int32_t grid_count, map_count;
  int32_t threads, shared_bytes;
  /* What the assembler says, for people: registers of a thread, bytes of a thread that do not
   * fit in them and of its stack, bytes of static shared memory of a block. */
  int32_t registers, spill_bytes, stack_bytes, static_bytes;
} plait_entry_v1_t;

typedef struct plait_gpu_kernel_v1 {
  const void *image; /* a cubin */
  uint64_t image_bytes;
  const plait_entry_v1_t *entries;
  int32_t entry_count; /* 0: the kernel runs on the host */
  int32_t reserved;
} plait_gpu_kernel_v1_t;

/* Launches of a plan that run on the host come after those that run on the GPU. They read
 * slots that the latter have written, and use neither weights nor states. */
typedef struct plait_gpu_v1 {
  const char *chip;                     /* what the images are for: "sm_90a" */
  const plait_gpu_kernel_v1_t *kernels; /* one for each kernel of the model */
} plait_gpu_v1_t;

/* -- Weights ---------------------------------------------------------------*/

typedef enum plait_layout_e {
  /* Row major [rows][cols], elements of `dtype`. */
  PLAIT_LAYOUT_ROWS = 0,
  /* Panels of `panel` rows in words of 32 bits, each of which holds `group`
   * consecutive columns of one row, the first one lowest: 1 of f32, 2 of bf16, 4 of
   * i8, 8 of i4. f32 and bf16: [ceil(rows/panel)][ceil(cols/group)][panel] words.
   * Integers: for each panel and each `scale_group` columns, one behind the other,
   * [panel] f16 scales, with zero points [panel] i16 zeros, and
   * [ceil(columns/group)][panel] words, where the last columns may be fewer than
   * `scale_group`. An element is scale * (integer - zero); an i4 is stored plus 8,
   * or as it is with zero points. Padding is zero (of i4: what stands for 0). */
  PLAIT_LAYOUT_PANELS = 1
} plait_layout_t;

typedef struct plait_weight_v4 {
  const char *name;     /* symbol in the IR */
  const char *source;   /* checkpoint tensor; "{layer}" stands for the layer */
  uint64_t pack_offset; /* byte offset in the weight pack, a multiple of 64 */
  uint64_t layer_bytes; /* bytes of one layer's slice, a multiple of 64 */
  int64_t layers;       /* slices; 1 for a weight outside the layers */
  /* Slice i is that of the checkpoint's layer layer_first + i * layer_step. */
  int64_t layer_first, layer_step;
  int64_t rows, cols;   /* logical shape; cols is 1 for a vector */
  int32_t dtype;        /* plait_dtype_t of the packed elements */
  int32_t layout;       /* plait_layout_t */
  int32_t panel, group; /* of PLAIT_LAYOUT_PANELS */
  int32_t transposed;   /* the checkpoint stores [cols][rows] */
  int32_t zero_points;  /* 1: integers have zero points */
  int64_t scale_group;  /* columns of integers that share a scale; 0: no integers */
  /* The part of the checkpoint's tensor, [source_rows][source_cols] (once transposed),
   * that this rank has begins here. */
  int64_t row_begin, col_begin;
  int64_t source_rows, source_cols;
} plait_weight_v4_t;

/* -- State -----------------------------------------------------------------*/

/* Where a position's share of the numbers of a page lies: of slot s, its position modulo
 * the page's, piece i of part p is `piece_bytes` at
 *   offset + p * part_stride + (s / slots) * block_stride + (s % slots) * slot_stride
 *     + i * piece_stride
 * of the page, for `parts` parts of `pieces` pieces each. */
typedef struct plait_cells_v1 {
  int64_t offset;
  int64_t parts, part_stride;
  int64_t slots, block_stride, slot_stride;
  int64_t pieces, piece_stride, piece_bytes;
} plait_cells_v1_t;

/* A key/value cache in pages. One page holds `page_tokens` consecutive positions
 * of every layer; page i of layer l begins at l * layer_stride(pages) + i *
 * page_bytes where layer_stride = capacity of the page table in pages *
 * page_bytes. The inside of a page belongs to the kernels; the runtime only moves a
 * position's cell, all of `cells`, to another one.
 *
 * A token at position p reads and writes no positions but p - window + 1 .. p
 * (0 .. p if `window` is 0), and those behind it that its path says; in a row that is a
 * tree, those of its path (PLAIT_IN_PATHS). What no token can read any more may be given back:
 * its entries in the page table are never looked at. States with one window
 * share a page table; all states of a model have the same `page_tokens`. */
typedef struct plait_state_v3 {
  const char *name;
  int64_t layers;
  int64_t page_tokens;
  uint64_t page_bytes; /* of one layer, a multiple of 64 */
  int64_t window;      /* positions that a token attends to; 0: all before it */
  const plait_cells_v1_t *cells;
  int32_t table; /* index of the page table that it uses */
  int32_t cell_count;
} plait_state_v3_t;

/* -- Launch plan -----------------------------------------------------------*/

typedef enum plait_arg_kind_e {
  PLAIT_ARG_SLOT = 0,   /* arena slot `index` */
  PLAIT_ARG_WEIGHT = 1, /* weight `index`, slice of the current layer */
  PLAIT_ARG_STATE = 2,  /* state `index`, pages of the current layer; the next
                           argument is its page table */
  PLAIT_ARG_INPUT = 3,  /* plait_input_t */
  PLAIT_ARG_OUTPUT = 4, /* plait_output_t */
  PLAIT_ARG_PAGES = 5,  /* page table `index`: i32[rows][pages], page of positions
                           [i*page_tokens, (i+1)*page_tokens) of each row */
  PLAIT_ARG_COPY = 6    /* arena slot `index`; in a step with copies instead of it memory
                           that each thread has for itself */
} plait_arg_kind_t;

/* Per-step arrays that the runtime fills. */
typedef enum plait_input_e {
  PLAIT_IN_TOKENS = 0,      /* i32[tokens] token ids */
  PLAIT_IN_POSITIONS = 1,   /* i32[tokens] logical position of each token */
  PLAIT_IN_TOKEN_ROWS = 2,  /* i32[tokens] row of each token */
  PLAIT_IN_LEAVES = 3,      /* i32[leaves] index of the token of each leaf */
  PLAIT_IN_TEMPERATURE = 4, /* f32[leaves]; 0 chooses greedily */
  PLAIT_IN_TOP_K = 5,       /* i32[leaves]; 0 keeps all */
  PLAIT_IN_TOP_P = 6,       /* f32[leaves]; 1 keeps all */
  PLAIT_IN_MIN_P = 7,       /* f32[leaves]; 0 keeps all */
  PLAIT_IN_SEED = 8,        /* i64[leaves] */
  PLAIT_IN_SEQUENCE = 9,    /* i64[leaves] number of the sequence under its seed */
  PLAIT_IN_STOPS = 10,      /* i32[leaves][stops] stop ids, padded with -1 */
  /* Edits of a leaf's logits before the choice, sparse. Those of leaf i are the
   * entries [ends[i-1], ends[i]) of the four arrays after it, from 0 for leaf 0.
   * See decode.edit_logits. */
  PLAIT_IN_EDIT_ENDS = 11,    /* i32[leaves] */
  PLAIT_IN_EDIT_TOKENS = 12,  /* i32[edits] token id */
  PLAIT_IN_EDIT_BIASES = 13,  /* f32[edits] added; -infinity masks the token */
  PLAIT_IN_EDIT_SCALES = 14,  /* f32[edits] divides what is positive, multiplies what is not */
  PLAIT_IN_EDIT_OFFSETS = 15, /* f32[edits] subtracted */
  PLAIT_IN_TOP_COUNTS = 16,   /* i32[leaves] most probable tokens wanted, at most tops */
  /* Where the tokens of a row lie that is a tree, and how far each sees. What a row begins after lies at
   * its positions. The path of token t is entries [ends[t-1], ends[t]) of `paths`, from 0 for token 0: first
   * the last position that it sees, its own or one behind it, then the positions of the state that hold the
   * last ones up to that, in order. All before them lie at their positions; a token without entries, as those
   * of a chain, lies at its own and sees nothing behind it. All tokens of a row behind one that has entries
   * have some. */
  PLAIT_IN_PATH_ENDS = 17, /* i32[tokens] */
  PLAIT_IN_PATHS = 18,     /* i32[entries] */
  PLAIT_IN_HIDDEN = 19,    /* f32[leaves][plan.hidden] hidden state of each leaf, of plans
                              that begin with it: these have no tokens, or one in a row,
                              which is that after the hidden state's and has the row's leaf */
  PLAIT_IN_PARENTS = 20,   /* i32[leaves] the leaf whose successor the token of this one is, as
                              it was drafted; -1: of none */
  PLAIT_IN_NEXT = 21,      /* i32[tokens] the token of the text after each, as far as it is known;
                              in a tree that of the first node after it; else 0. None
                              is beyond the vocabulary */
  PLAIT_IN_COUNT = 22
} plait_input_t;

typedef enum plait_output_e {
  PLAIT_OUT_TOKENS = 0,       /* i32[leaves] chosen token */
  PLAIT_OUT_STATUS = 1,       /* i32[leaves] plait_leaf_status_t */
  PLAIT_OUT_LOGPROB = 2,      /* f32[leaves] log probability of the chosen token
                                 under the edited, unwarped logits */
  PLAIT_OUT_LOGITS = 3,       /* f32[leaves][vocabulary], not edited; debug variants only */
  PLAIT_OUT_TOP_TOKENS = 4,   /* i32[leaves][tops] most probable tokens, -1 beyond them */
  PLAIT_OUT_TOP_LOGPROBS = 5, /* f32[leaves][tops] their log probabilities, likewise */
  PLAIT_OUT_HIDDEN = 6,       /* f32[leaves][plan.hidden] hidden state of each leaf; several, of different
                                 layers, stand side by side */
  PLAIT_OUT_COUNT = 7
} plait_output_t;

typedef struct plait_arg_v1 {
  int32_t kind; /* plait_arg_kind_t */
  int32_t index;
} plait_arg_v1_t;

/* Ranks of a model that do something together, in the order of their numbers in it. */
typedef struct plait_group_v1 {
  const int32_t *members; /* differ, and are below the model's ranks */
  int32_t count;
  int32_t reserved;
} plait_group_v1_t;

typedef enum plait_collective_kind_e {
  /* Each element becomes the sum of all ranks'. */
  PLAIT_COLLECTIVE_ALL_REDUCE = 0,
  /* The sum, of which each rank gets its part. */
  PLAIT_COLLECTIVE_REDUCE_SCATTER = 1,
  /* The ranks' parts put together. */
  PLAIT_COLLECTIVE_ALL_GATHER = 2,
  /* This rank's part of what all ranks have: nothing is sent. */
  PLAIT_COLLECTIVE_PART = 3,
  /* From parts of one dimension to parts of the other one. */
  PLAIT_COLLECTIVE_ALL_TO_ALL = 4,
  /* What rank `other` has. */
  PLAIT_COLLECTIVE_BROADCAST = 5,
  /* To and from rank `other` alone. Those between two ranks match in their order; a send
   * may wait until the other one receives. */
  PLAIT_COLLECTIVE_SEND = 6,
  PLAIT_COLLECTIVE_RECV = 7,
  /* A reduce_scatter of rows, the `other` launches behind this one in the plan, which compute
   * rows of this rank alone, and an all_gather of what they make, as one: rows may be computed
   * piece by piece, as they come. */
  PLAIT_COLLECTIVE_REDUCE_GATHER = 8,
  PLAIT_COLLECTIVE_KIND_COUNT = 9
} plait_collective_kind_t;

/* In which order the summands of ranks are added. */
typedef enum plait_sum_order_e {
  PLAIT_SUM_ORDER_RANK = 0, /* ((x0 + x1) + x2) + ... */
  PLAIT_SUM_ORDER_TREE = 1, /* as of nodes, below, of which each rank has one leaf */
  PLAIT_SUM_ORDER_COUNT = 2
} plait_sum_order_t;

/* How precise a sum is. */
typedef enum plait_sum_precision_e {
  PLAIT_SUM_F32 = 0,
  PLAIT_SUM_F64 = 1, /* added in f64, and rounded once */
  PLAIT_SUM_BF16 =
      2, /* summands are rounded to bf16 and sent so, added in f32, and the sum is rounded and sent as bf16 */
  PLAIT_SUM_PRECISION_COUNT = 3
} plait_sum_precision_t;

/* How the sum of n ranks is carried out. All but ring and multimem add in the order of the ranks. */
typedef enum plait_sum_algorithm_e {
  /* Each gets what all have, and adds it up. */
  PLAIT_SUM_ONE_SHOT = 0,
  /* Each adds up its share; then all get that. */
  PLAIT_SUM_TWO_SHOT = 1,
  /* Of rows that fall to rank p, as parts of rows do, the sum goes from rank p + 1 on to p, modulo n, and each adds its
   * own: x(p + 1) + x(p + 2) + ... + x(p). Then it goes around to all. */
  PLAIT_SUM_RING = 2,
  /* As two_shot, but a switch adds up and distributes; no ranks have one yet. */
  PLAIT_SUM_MULTIMEM = 3,
  /* As one_shot, but what is sent tells by itself that it is there. One NaN, all of whose bits are set, may become
   * another one. */
  PLAIT_SUM_LAMPORT = 4,
  PLAIT_SUM_ALGORITHM_COUNT = 5
} plait_sum_algorithm_t;

/* A sum of `rows` rows or more, up to those of the next range, is carried out by `algorithm`. */
typedef struct plait_sum_range_v1 {
  int64_t rows;
  int32_t algorithm; /* plait_sum_algorithm_t */
  int32_t reserved;
} plait_sum_range_v1_t;

/* What the ranks of a group do together with a matrix of f32, [rows][columns], of which a
 * rank may have a part: some rows, as PLAIT_DIM_TOKENS_PART says, or some columns. The ranks
 * of a group have the same collectives in the same order, of the same matrices. One of 0 rows
 * is left out. Values are moved as they are: 32 bits that need be no f32. Below, ranks are
 * counted by their numbers in the group.
 *
 * In a step whose tokens are not shared out (Types.h) a part of rows is all rows, on each rank: a
 * reduce_scatter of rows leaves the whole sum everywhere, an all_gather of rows is a copy.
 *
 * Sums are taken in the given order and precision; a sum of which each rank has a part (reduce_gather) is followed by
 * the rows as they are. With nodes they follow a tree that does not depend on the ranks: its leaves are numbered [0,
 * n), and a node [b, e) is the sum of [b, m) and [m, e) where m - b is the largest power of two below e - b. Each rank
 * has some nodes, side by side in each row; together they make up the leaves in order, and the result is the root. */
typedef struct plait_collective_v4 {
  int32_t kind; /* plait_collective_kind_t */
  /* Parts are of 0: rows, 1: columns; 0 where there are none. Of all_to_all: those of the
   * result, and those of the source are of the other dimension. */
  int32_t dim;
  int32_t rows;  /* plait_dim_t; with parts of rows: PLAIT_DIM_TOKENS */
  int32_t nodes; /* of all ranks; 0: no tree over leaves */
  int64_t columns;
  /* With parts of columns: columns [bounds[r], bounds[r + 1]) are rank r's, one number more
   * than ranks, from 0 to `columns`; else null. */
  const int64_t *bounds;
  /* With nodes, else null: those of rank r are [node_bounds[r], node_bounds[r + 1]), and
   * node i is [node_ends[i - 1], node_ends[i]), from 0 for node 0. */
  const int64_t *node_bounds;
  const int64_t *node_ends;
  int32_t group;     /* in the model's table, with this rank; -1: all ranks of the model */
  int32_t order;     /* plait_sum_order_t of a sum without nodes; else 0 */
  int32_t precision; /* plait_sum_precision_t of a sum without nodes; else 0 */
  int32_t other;     /* of broadcast, send and recv, and of reduce_gather a number of launches; else 0 */
  /* Of an all_reduce and a reduce_gather without nodes, in order 0 and precision 0: from 1 row on, with rising rows,
   * the same on all ranks. Of a reduce_gather whose tokens are shared out those are two_shot or ring: one_shot and
   * lamport would need rows that a rank does not have. Null: the runtime chooses, by one that changes no bit. */
  const plait_sum_range_v1_t *algorithms;
  int32_t algorithm_count;
  int32_t reserved;
} plait_collective_v4_t;

/* Some rows are cheaper to compute than to wait for. The runtime may give a step copies, which
 * changes no bit: then each thread computes all tiles of every launch with `redundant`, into memory
 * of its own in the place of the slots that its arguments name as PLAIT_ARG_COPY, and reads
 * that memory where launches behind it have such arguments. In other steps these are slots. */
typedef struct plait_launch_v3 {
  /* Below 0: the plan's collective -1 - kernel. It has two arguments, slots: what it
   * reads and what it writes, which is the same of an all_reduce without nodes, a broadcast,
   * a send and a recv, and another one else. Its `barrier` and that of the launch after it in the plan are 1.
   * A reduce_gather has two more: the slot that gets this rank's rows of the sum, and the one whose
   * rows are gathered. The launches that are part of it are of the same layers and loop, their
   * kernels have tiles of one row of PLAIT_DIM_TOKENS_PART (tile_block 1, so that row r has the tiles from
   * r * tile_count on), no copies, and the launch after them has `barrier` 1. */
  int32_t kernel;
  int32_t first_arg, arg_count; /* in the plan's argument table */
  /* 1: every earlier launch must have finished on all threads. 2: unless the step has
   * copies. 0: the launch shares no buffer with the launches since the last barrier. */
  int32_t barrier;
  /* The launch runs for layers [layer_begin, layer_end). Neighbours with the
   * same range of more than one layer are the body of one loop over it. A
   * launch outside the layers has 0, 1. */
  int32_t layer_begin, layer_end;
  /* 1 on the first launch of a loop body (two loops may follow each other). */
  int32_t loop_begin;
  int32_t source; /* in the model's table of source ops */
  /* 1: what it writes are copies alone; it has no states and no outputs. */
  int32_t redundant;
  int32_t reserved;
} plait_launch_v3_t;

/* A plan NAME.greedy computes what NAME does, the same bits, of leaves with temperature 0 and no edits; where it
 * returns no most probable tokens, of leaves that want none. */
#define PLAIT_GREEDY_SUFFIX ".greedy"

typedef struct plait_plan_v2 {
  const char *name;               /* variant: "ar", "ar.debug", "ar.greedy", "ar_skip_1_2", "head_medusa_0" */
  const plait_extent_v4_t *slots; /* bytes of each arena slot */
  const plait_arg_v1_t *args;
  const plait_launch_v3_t *launches;
  const plait_collective_v4_t *collectives;
  int32_t slot_count, arg_count, launch_count, collective_count;
  int32_t has_logits; /* writes PLAIT_OUT_LOGITS */
  int32_t hidden;     /* columns of PLAIT_IN_HIDDEN or PLAIT_OUT_HIDDEN; 0: it has neither */
} plait_plan_v2_t;

/* -- Model -----------------------------------------------------------------*/

typedef struct plait_model_v4 {
  uint64_t struct_size;
  uint32_t abi_version;
  uint32_t magic;
  const char *name;
  const char *isa;      /* space separated CPU features that the code needs */
  const char *numerics; /* "row_invariant", "tp_invariant" or "fast" */
  int64_t vocabulary;
  int64_t max_positions; /* a position must be smaller */
  int64_t layers;
  uint64_t pack_bytes;
  const plait_kernel_v1_t *kernels;
  const plait_weight_v4_t *weights;
  const plait_state_v3_t *states;
  const plait_plan_v2_t *plans;
  const char *const *sources;
  int32_t kernel_count, weight_count, state_count, plan_count, source_count;
  int32_t table_count; /* page tables; each is used by some state */
  int32_t rank, ranks; /* programs that run together, and which one this is */
  /* Groups of collectives that some ranks take part in; the same table on all ranks, which
   * may be in several of them. */
  const plait_group_v1_t *groups;
  int32_t group_count;
  int32_t token_group; /* that shares tokens out, with this rank; -1: all ranks */
  /* Null, or absent by struct_size: all kernels are for the CPU. */
  const plait_gpu_v1_t *gpu;
} plait_model_v4_t;

/* What plait_model_v4_t had before `gpu`. */
#define PLAIT_MODEL_LEAST_SIZE 160

/* Returns the tables of `rank`, or null if the binary has none, or cannot serve a runtime
 * whose newest known ABI is `max_version`. A binary has the code of several ranks, or of
 * all: what they have in common is there once. Of a model whose phases have ranks of their
 * own (docs/parallel.md) those of decode are numbered after those of prefill, and their
 * tables have `rank` and `ranks` of the phase. */
typedef const plait_model_v4_t *(*plait_model_query_fn)(uint32_t max_version, int32_t rank);

#if defined(__cplusplus) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L)
#ifdef __cplusplus
#define PLAIT_ABI_ASSERT static_assert
#else
#define PLAIT_ABI_ASSERT _Static_assert
#endif
PLAIT_ABI_ASSERT(sizeof(plait_extent_v4_t) == 104, "ABI");
PLAIT_ABI_ASSERT(sizeof(plait_kernel_v1_t) == 40, "ABI");
PLAIT_ABI_ASSERT(sizeof(plait_weight_v4_t) == 136, "ABI");
PLAIT_ABI_ASSERT(sizeof(plait_cells_v1_t) == 72, "ABI");
PLAIT_ABI_ASSERT(sizeof(plait_state_v3_t) == 56, "ABI");
PLAIT_ABI_ASSERT(sizeof(plait_arg_v1_t) == 8, "ABI");
PLAIT_ABI_ASSERT(sizeof(plait_launch_v3_t) == 40, "ABI");
PLAIT_ABI_ASSERT(sizeof(plait_group_v1_t) == 16, "ABI");
PLAIT_ABI_ASSERT(sizeof(plait_sum_range_v1_t) == 16, "ABI");
PLAIT_ABI_ASSERT(sizeof(plait_collective_v4_t) == 80, "ABI");
PLAIT_ABI_ASSERT(sizeof(plait_plan_v2_t) == 64, "ABI");
PLAIT_ABI_ASSERT(sizeof(plait_grid_v1_t) == 24, "ABI");
PLAIT_ABI_ASSERT(sizeof(plait_tensor_map_v1_t) == 24, "ABI");
PLAIT_ABI_ASSERT(sizeof(plait_entry_v1_t) == 64, "ABI");
PLAIT_ABI_ASSERT(sizeof(plait_gpu_kernel_v1_t) == 32, "ABI");
PLAIT_ABI_ASSERT(sizeof(plait_gpu_v1_t) == 16, "ABI");
PLAIT_ABI_ASSERT(sizeof(plait_model_v4_t) == PLAIT_MODEL_LEAST_SIZE + 8, "ABI");
#endif

#ifdef __cplusplus
}
#endif

#endif /* PLAIT_ABI_MODEL_H */
