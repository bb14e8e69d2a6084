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
  let summary = "Writes down products and the collectives beside them as programs of tiles";
  let description = [{
    For each site of a step that differs from those before it an `overlap.program`, and a function of `par` and `lm` ops that
    it implements:

    | site | program |
    |---|---|
    | a product of which the one use is a `par.reduce_gather` | tiles are counted by blocks of rows; a block of which all tiles of all ranks have arrived is added up, computed and put to all by its owner, while other tiles are computed |
    | a product of which the one use is a `par.reduce_scatter` of rows | tiles are counted by blocks of rows, of each rank by itself; the owner of a block for which all have come adds it up and keeps it |
    | a `par.all_gather` of rows that products alone use, as they are or rounded by one `lm.round` | a rank puts its rows to all, rounded if they are; tiles of all the products wait for theirs |

    ```mlir
    %p = lm.linear %h, %w : ...
    %y = par.reduce_scatter %p dim 0 {"tp" : even} on @mesh : ...
    ```
    adds a program in which
    ```mlir
    overlap.region pool(<sms = 132>) {
      overlap.tiles (%i, %j) in [2, 2] pool(<sms = 131>) {
        %x = overlap.slice %h[%i, %z] : ...
        %y = overlap.slice %w[%k, %z] : ...
        %v = lm.linear %x, %y : ...
        overlap.put %v into %own[%i, %k] : ...
        overlap.arrive %c[%rank, %b] peer %o : ...
      }
      overlap.tiles (%i) in [1] pool(<sms = 1>) {
        %s = overlap.wait %c[%z, %i] : ...
        %t = overlap.wait %c[%one, %i] : ...
        %v = overlap.load_reduce %all[%row, %z] after %s, %t : ...
        overlap.put %v into %sums[%i, %z] : ...
      }
    }
    ```
    Sums are taken in the order of ranks, so results have the bits of the ops that are replaced.

    Programs are written as simply as can be: tiles in natural order, one worker of the `sms` exchanges, and
    products have the others, and slots that are enough. What is better say `plait-assign-tile-order`,
    `plait-assign-pools` and `plait-allocate-slots`. Steps stay as they are.

    Left out, with a remark: sums in an order of their own or in f64, parts that are no even shares of rows, several
    axes, products with a bias, weights with scales, values that others use as well, products whose columns
    `column-tiles` does not divide, more than 65536 tiles, and fewer workers than products and one.
  }];
  let options = [Option<"rows", "rows", "int64_t", "1", "Of each rank">,
                 Option<"columnTiles", "column-tiles", "int64_t", "2", "Tiles of a block of rows">,
                 Option<"tileRows", "tile-rows", "int64_t", "1", "Rows of a tile, which divide those of a rank">,
                 Option<"sms", "sms", "int64_t", "132", "Workers of a rank">];
  let statistics = [Statistic<"numPrograms", "num-programs", "Programs written">];
  let dependentDialects = ["::plait::overlap::OverlapDialect", "::mlir::func::FuncDialect",
                           "::mlir::arith::ArithDialect"];
}

def AssignTileOrderPass : Pass<"plait-assign-tile-order", "::mlir::ModuleOp"> {
  let summary = "Rotates the tiles of programs by the rank";
  let description = [{
    So that ranks do not all begin with the same one's rows. Tiles that arrive at the rank that owns their rows begin with
    those of the rank behind their own and end with their own, so that every owner has something to do early:

    ```mlir
    overlap.tiles (%i, %j) in [2, 2] pool(<sms = 1>) { ... overlap.arrive %c[%i] peer %i : ... }
    ```
    becomes
    ```mlir
    overlap.tiles (%i, %j) in [2, 2] order affine_map<(d0, d1)[s0] -> ((d0 + s0 + 1) mod 2, d1)> pool(<sms = 1>) { ... }
    ```
    Tiles that wait for what one rank gives begin with what their own gives, which is there first, and go on with that of the
    rank behind.

    Whose rows tiles are of follows from their numbers along the first extent, by following index arithmetic on all ranks.
    Tiles that are not of one rank each, as many of each and in turn, or that have an order, stay as they are. Any order
    computes the same; that no tile waits for one behind it `plait-verify-overlap` proves.
  }];
  let statistics = [Statistic<"numOrdered", "num-ordered", "Orders assigned">];
}

def AssignPoolsPass : Pass<"plait-assign-pools", "::mlir::ModuleOp"> {
  let summary = "Shares the workers of a rank out to what multiplies and what exchanges";
  let description = [{
    In each region of a program as many workers for each of its `overlap.tiles` and `overlap.trigger` that what takes longest
    takes as short as it can. All are there at the same time, as they wait for each other; so it is one budget, the
    largest that a region of the program has. `overlap.region` checks the sum, and this pass that a device has so
    many units.

    ```mlir
    overlap.region pool(<sms = 132>) {
      overlap.tiles (%i, %j) in [64, 16] pool(<sms = 131>) { ... }
      overlap.trigger %c (%i) token %t pool(<sms = 1>) ... { ... }
    }
    ```
    becomes, for instance,
    ```mlir
    overlap.region pool(<sms = 132>) {
      overlap.tiles (%i, %j) in [64, 16] pool(<sms = 128>) { ... }
      overlap.trigger %c (%i) token %t pool(<sms = 4>) ... { ... }
    }
    ```
    Times are those of [event lists](../../overlap.md): of what is computed on the units that a pool has, in whole tiles, and
    of what is exchanged by so many units, as measured (`units` of the table's rates) or by the link. `machine` is the
    name of a table or a file, else the `par.machine` of the mesh is taken; with neither the pass does nothing, and says so.
    Predicted are the sums of work, not who waits for whom.

    With `comm` no machine is asked: so many workers of each region with products exchange, and the others multiply.
  }];
  let options = [Option<"machine", "machine", "std::string", "\"\"", "A machine table, by name or file">,
                 Option<"comm", "comm", "int64_t", "0", "Workers that exchange; 0: as predicted">];
  let statistics = [Statistic<"numRegions", "num-regions", "Regions whose workers were shared out">];
}

def AllocateSlotsPass : Pass<"plait-allocate-slots", "::mlir::ModuleOp"> {
  let summary = "Gives each buffer of a program as few slots as epochs need";
  let description = [{
    The least number with which `plait-verify-overlap` accepts the program: with which who writes a slot again knows that all
    of the epoch before are done with it. What `overlap.clear` writes is the slot of an epoch ahead.

    ```mlir
    %y = overlap.alloc : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 2>
    ```
    becomes `slots = 1` where each rank hears of all others that they have read what it stored before an epoch ends. Where
    none hears of that, but an epoch begins only when all have begun with the one before, it takes 2. A program with too
    few slots gets more.

    It is an error if `most` slots are not enough, and whatever `plait-verify-overlap` refuses for another reason.
  }];
  let options = [Option<"most", "most", "int64_t", "3", "The most slots of a buffer, 1 to 64">];
  let statistics = [Statistic<"numChanged", "num-changed", "Buffers that got another number of slots">];
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
