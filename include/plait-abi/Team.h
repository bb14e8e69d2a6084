/*===- Team.h - What a kernel knows of the ranks it works with ----*- C -*-===*
 *
 * Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *===----------------------------------------------------------------------===*
 *
 * Kernels of protocols (overlap.program) get it by value. Who fills it in is free to: with
 * memory of other GPUs that is mapped here, with parts of one GPU's memory for ranks that share
 * it, or with memory of processes.
 *===----------------------------------------------------------------------===*/

#ifndef PLAIT_ABI_TEAM_H
#define PLAIT_ABI_TEAM_H

#include <stdint.h>

#define PLAIT_TEAM_MOST_RANKS 16

typedef struct plait_team_v1 {
  uint32_t rank;  /* this one */
  uint32_t ranks; /* those that the kernel was compiled for */
  /* Address of the memory that all ranks hold at once: a store there is one on each of them. 0: there is none, and
   * kernels that need it are not launched. */
  uint64_t multicast;
  /* Address, on this rank, of the memory of each one, its own included. The kernel's module says how many bytes it
   * takes (overlap.memory). Zeros before the first epoch, aligned to 1024. */
  uint64_t memory[PLAIT_TEAM_MOST_RANKS];
} plait_team_v1_t;

#endif /* PLAIT_ABI_TEAM_H */
