//===- Passes.td - Passes of the overlap phase -------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_OVERLAP_PASSES
#define PLAIT_OVERLAP_PASSES

include "mlir/Pass/PassBase.td"

def VerifyOverlapPass : Pass<"plait-verify-overlap", "::mlir::ModuleOp"> {
  let summary = "Proves that overlap programs end and that nothing in them races";
  let description = [{
    Each `overlap.program` is followed on all ranks of its axis, tile by tile, for one epoch
    more than its buffers have slots; once for each way that its uniform conditions can go.
    Then, in this order:

    | proved | found otherwise |
    |---|---|
    | uniformity: what runs depends on the rank, on indices and on what all ranks have alike | ranks that choose different algorithms or grids |
    | balance: as many arrive at each index of a counter as are expected | a dropped arrival, a wrong count |
    | progress: everything runs to its end, with the order and the pools that are there | circles of waiting, a tile behind the one that waits for it |
    | reads: whoever reads what another writes holds the token of a wait behind it | a missing token, a relaxed arrival, an arrival before an asynchronous store is written |
    | reuse: a slot or counter is used again when all of the epoch before are done with it | too few slots, arrivals that count for the wrong epoch, sums that begin with old ones |

    A message names both sites, the ranks and the epochs. What happens before what is that of
    the PTX memory model; that arrivals at counters of other devices have scope `sys`, and
    that pools of one region are there together, op verifiers check.

    Where tokens are split (`overlap.split_tokens`), attention of a part takes the state that
    attention of the part before it returns.

    The proof is about these numbers of ranks and tiles. It holds for every number of epochs.
  }];
  let statistics = [Statistic<"numPrograms", "num-programs", "Programs proved">,
                    Statistic<"numSteps", "num-steps", "Steps of all ranks that were looked at">];
}

def CheckOverlapPass : Pass<"plait-check-overlap", "::mlir::ModuleOp"> {
  let summary = "Runs overlap programs in many orders";
  let description = [{
    The reference evaluation of `overlap.program`: all ranks at once, each op a step that takes
    effect at some point, as late or early as the memory model lets it. With `exhaustive` all
    orders are gone through (states that come up again once); with `schedules` so many random
    ones. Arguments are random integers, others in each epoch, the same on all ranks where the
    program says so.

    It is an error if all ranks wait, if a load gets what another epoch has written or nothing
    has, and if the results are not those of the function that the program `implements`, which
    is evaluated by itself.

    It proves nothing beyond the epochs that it runs, and knows nothing of the proofs of
    `plait-verify-overlap`: each is a test of the other.
  }];
  let options = [Option<"epochs", "epochs", "int64_t", "2", "Epochs that are run">,
                 Option<"exhaustive", "exhaustive", "bool", "true", "Go through all orders">,
                 Option<"reduce", "reduce", "bool", "true",
                        "Of orders that differ in steps which do not meet, go through one">,
                 Option<"maxStates", "max-states", "int64_t", "2000000", "The most states to go through">,
                 Option<"schedules", "schedules", "int64_t", "0", "Random orders">,
                 Option<"seed", "seed", "int64_t", "1", "Of random orders and arguments">];
  let statistics = [Statistic<"numStates", "num-states", "States that were gone through">,
                    Statistic<"numRuns", "num-runs", "Runs that came to their end">];
}

#endif // PLAIT_OVERLAP_PASSES
