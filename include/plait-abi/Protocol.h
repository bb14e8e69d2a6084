/*===- Protocol.h - A compiled protocol of CPU ranks --------------*- C -*-===*
 *
 * Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *===----------------------------------------------------------------------===*
 *
 * What `plait-generate-cpu-protocols` makes of an overlap.program: a constant table of the program's
 * name. A rank runs its parts one after the other, epoch by epoch, and each part on as many threads as it
 * has workers, all at the same time: they wait for each other and for those of other ranks. All that threads
 * have in common is the ranks' memory, which compiled code changes as the C++ memory model has it.
 *===----------------------------------------------------------------------===*/

#ifndef PLAIT_ABI_PROTOCOL_H
#define PLAIT_ABI_PROTOCOL_H

#include "plait-abi/Team.h"

#include <stdint.h>

/* What one worker is given for a part of an epoch. */
typedef struct plait_protocol_call_v1 {
  const plait_team_v1_t *team; /* `memory` alone is used, of `memory_bytes` */
  /* Arguments, then results: matrices by rows without gaps, each aligned to its elements; weights in
   * panels (PLAIT_LAYOUT_PANELS, 32 rows), vectors as f32. */
  void *const *buffers;
  uint8_t *scratch; /* `scratch_bytes`, of this thread alone, aligned to 64 */
  uint32_t epoch;   /* 0, 1, ... since the memory was zeros */
  uint32_t worker;  /* 0 .. workers - 1 */
  /* Called over and over while what is waited for has not come, `turns` times before in this wait: may let
   * others run. Not 0: it will not come, and the worker is to end. */
  int32_t (*wait)(void *runtime, uint32_t turns);
  /* Called between memory operations, by code that is compiled with delays alone. */
  void (*delay)(void *runtime);
  void *runtime; /* passed back */
} plait_protocol_call_v1_t;

typedef struct plait_protocol_part_v1 {
  void (*run)(const plait_protocol_call_v1_t *call);
  int64_t workers;
} plait_protocol_part_v1_t;

typedef struct plait_protocol_v1 {
  uint64_t struct_size;
  uint64_t memory_bytes;  /* of each rank, zeros before the first epoch, aligned to 1024 */
  uint64_t scratch_bytes; /* of each worker */
  const plait_protocol_part_v1_t *parts;
  int32_t part_count;
  int32_t ranks; /* that it was compiled for */
  int32_t argument_count;
  int32_t result_count;
} plait_protocol_v1_t;

#endif /* PLAIT_ABI_PROTOCOL_H */
