//===- Passes.td - Passes of the overlap phase -------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_OVERLAP_PASSES
#define PLAIT_OVERLAP_PASSES

include "mlir/Pass/PassBase.td"

def OutlineProtocolsPass : Pass<"plait-outline-protocols", "::mlir::ModuleOp"> {
  let summary = "Writes down how sums over ranks are carried out, to be proved";
  let description = [{
    For each `par.reduce_gather` and `par.all_reduce` that differs from those before it an `overlap.program`, row by row, for
    `rows` rows of each rank, or `tokens` rows in all. It is that of the op's `algorithms` for so many rows (`#par.algorithms`
    says what each does), or of `algorithm`. Of an op without it is `two_shot`: what `Communicator::reduceGather`
    (runtime/comm/LocalRows.cpp) does. And a function
    of `par` and `lm` ops, not fused, that it implements. `plait-verify-overlap` proves the program, and
    `plait-check-overlap` compares the two. Steps stay as they are.

    ```mlir
    %a, %r = par.reduce_gather %p with (%x) {"tp" : even} on @mesh : ... {
    ^bb0(%sum: ..., %own: ...):
      %0 = lm.add %own, %sum : ...
      %1 = lm.rms_norm %0, %g eps 1.0e-05 : ...
      par.yield %1, %0 : ...
    }
    ```
    adds, for 2 ranks,
    ```mlir
    func.func @reduce_gather_reference(%p: tensor<2x64xf32>, %x: tensor<1x64xf32>, %g: !lm.weight<64, #lm.f32>) -> (tensor<2x64xf32>, tensor<1x64xf32>) { ... }
    overlap.program @reduce_gather(%p: tensor<2x64xf32>, %x: tensor<1x64xf32>, %g: !lm.weight<64, #lm.f32>) -> (tensor<2x64xf32>, tensor<1x64xf32>)
        on @mesh["tp"] implements @reduce_gather_reference replicated [2] {
      ...
      overlap.region pool(<threads = 2>) {
        overlap.tiles (%i) in [2] ...    // own summands: put, arrive at the row's owner
        overlap.trigger %c (%i) ...      // of own rows: load_reduce, lm.add, lm.rms_norm, put, arrive at all
      }
      overlap.region pool(<threads = 1>) {
        overlap.tiles (%i) in [2] ...    // wait for the owner of a row, load
      }
    }
    ```
    With `one_shot` and `lamport` each rank has and computes all rows: those that are a rank's own elsewhere are arguments that
    all ranks have alike. `ring` takes `comm-sms` workers (of threads one) for each of its 5 kinds of steps.

    Sums along trees of nodes or in an order of their own are left out, and rows that cannot be shared out evenly, which is a
    remark.
  }];
  let options = [Option<"rows", "rows", "int64_t", "1", "Of each rank">,
                 Option<"tokens", "tokens", "int64_t", "0", "Of all ranks together, in the place of rows; 0: rows">,
                 Option<"algorithm", "algorithm", "std::string", "\"\"",
                        "one_shot, two_shot, ring, multimem or lamport, in the place of the ops' own">,
                 Option<"sms", "sms", "int64_t", "0", "Workers of a rank, of a GPU; 0: threads of a CPU">,
                 Option<"commSms", "comm-sms", "int64_t", "1", "Of those of a GPU the ones that add up and distribute">];
  let statistics = [Statistic<"numPrograms", "num-programs", "Programs written">];
  let dependentDialects = ["::plait::overlap::OverlapDialect", "::mlir::func::FuncDialect",
                           "::mlir::arith::ArithDialect"];
}

def FuseTilesPass : Pass<"plait-fuse-tiles", "::mlir::ModuleOp"> {
  let summary = "Writes down products and fused sums as one program of tiles";
  let description = [{
    A product of which the one use is a `par.reduce_gather`, as one `overlap.program`: tiles of the product are
    counted by blocks of rows, and a block of which all tiles of all ranks have arrived is added up,
    computed and put to all by its owner, while other tiles are computed. A rank begins with the rows
    of another one, so that owners have something to do early.

    ```mlir
    %p = lm.linear %h, %w : ...
    %a, %r = par.reduce_gather %p with (%x) {"tp" : even} on @mesh : ... { ... }
    ```
    adds a program as `plait-outline-protocols` does, in which
    ```mlir
    overlap.tiles (%i, %j) in [2, 2] order affine_map<(d0, d1)[s0] -> ((d0 + (s0 + 1)) mod 2, d1)> pool(<sms = 1>) {
      %x = overlap.slice %h[%i, %z] : ...
      %y = overlap.slice %w[%k, %z] : ...
      %v = lm.linear %x, %y : ...
      overlap.put %v into %own[%i, %k] : ...
      overlap.arrive %c[%i] peer %o : ...
    }
    ```
    counts at `%c`, which expects as many arrivals as there are ranks times `column-tiles`. Of `sms` workers `comm-sms`
    are the trigger's. Steps stay as they are: nothing is compiled from it yet.
  }];
  let options = [Option<"rows", "rows", "int64_t", "1", "Of each rank">,
                 Option<"columnTiles", "column-tiles", "int64_t", "2", "Tiles of a block of rows">,
                 Option<"tileRows", "tile-rows", "int64_t", "1", "Rows of a tile, which divide those of a rank">,
                 Option<"sms", "sms", "int64_t", "132", "Workers of a rank">,
                 Option<"commSms", "comm-sms", "int64_t", "8", "Of them those that add up and distribute">];
  let statistics = [Statistic<"numPrograms", "num-programs", "Programs written">];
  let dependentDialects = ["::plait::overlap::OverlapDialect", "::mlir::func::FuncDialect",
                           "::mlir::arith::ArithDialect"];
}

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
