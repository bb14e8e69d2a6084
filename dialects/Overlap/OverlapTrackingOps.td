//===- OverlapTrackingOps.td - Counters, arrivals, waits ---*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_OVERLAP_TRACKING_OPS
#define PLAIT_OVERLAP_TRACKING_OPS

def Overlap_TrackOp : Overlap_Op<"track", [MemoryEffects<[MemAlloc]>]> {
  let summary = "counters, and how many arrivals make an index complete";
  let description = [{
    `expect` is a map `(index)[number of ranks, rank] -> (arrivals)`, of which the rank may be
    left out; or a table, when the number is known at run time only, as that of tokens that
    are routed to an expert.

    ```mlir
    %c = overlap.track expect affine_map<(i)[n] -> (n * 2)> : !overlap.counter<[4], sys>
    %d = overlap.track table %t : tensor<4xi64> : !overlap.counter<[4], gpu>
    ```
    `owner` is a map `(index)[number of ranks] -> (rank)`: only that rank waits for the index,
    and nobody arrives at the index on others.

    ```mlir
    %e = overlap.track expect affine_map<(i)[n] -> (n)> owner affine_map<(i)[n] -> (i mod n)> : !overlap.counter<[4], sys>
    ```
    Of a table that is no constant, `plait-verify-overlap` takes it that the arrivals are as
    many as it says, and warns of that.

    **Constraints:** a map or a table; a map of the counter's indices and one or two symbols,
    with one result; a table of integers with the counter's extents; an owner of the indices and
    at most one symbol, with one result; an op of the program, in no region and no loop.
  }];
  let arguments = (ins OptionalAttr<AffineMapAttr>:$expect, OptionalAttr<AffineMapAttr>:$owner,
                       Optional<RankedTensorOf<[I64]>>:$table);
  let results = (outs Overlap_CounterType:$result);
  let assemblyFormat = [{
    (`expect` $expect^)? (`table` $table^ `:` type($table))? (`owner` $owner^)? attr-dict `:` type($result)
  }];
  let extraClassDeclaration = [{
    /// The arrivals that make `index` of `rank` complete, if the map says so.
    std::optional<int64_t> getExpected(llvm::ArrayRef<int64_t> index, int64_t ranks, int64_t rank);
    /// Whether `rank` waits for `index`.
    bool isOwner(llvm::ArrayRef<int64_t> index, int64_t ranks, int64_t rank);
  }];
  let hasVerifier = 1;
}

def Overlap_ArriveOp : Overlap_Op<"arrive", [MemoryEffects<[MemRead, MemWrite]>, AttrSizedOperandSegments]> {
  let summary = "counts at an index of a counter";
  let description = [{
    At that of the rank itself, of a peer, or of all ranks (by one `multimem.red`). It is a
    release: what this tile has read and stored before is done when the arrival is seen, except
    for stores that go on by themselves. With `relaxed` it says nothing of either.

    ```mlir
    overlap.arrive %c[%i] own : !overlap.counter<[4], gpu>
    overlap.arrive %c[%i] peer %r : !overlap.counter<[4], sys>
    overlap.arrive %c[%i] multicast : !overlap.counter<[4], sys>
    ```
    It becomes `red.release` of the counter's scope; never an atomic without one.

    **Constraints:** an index for each of the counter's; a rank exactly if it is a peer's;
    the scope is `sys` unless it is the rank's own.
  }];
  let arguments = (ins Overlap_CounterType:$counter, Variadic<Index>:$indices, Overlap_WindowAttr:$window,
                       Optional<Index>:$peer, UnitAttr:$relaxed);
  let assemblyFormat = [{
    $counter `[` $indices `]` $window ($peer^)? (`relaxed` $relaxed^)? attr-dict `:` type($counter)
  }];
  let hasVerifier = 1;
}

def Overlap_WaitOp : Overlap_Op<"wait", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "waits until an index of the rank's counter is complete";
  let description = [{
    It is an acquire: with the token, what was released by the arrivals can be read. With
    `relaxed` it is none, and its token is evidence of nothing: for a wait behind which only
    what the rank itself has written is read.

    ```mlir
    %t = overlap.wait %c[%i] : !overlap.counter<[4], sys>
    ```
    **Constraints:** an index for each of the counter's.
  }];
  let arguments = (ins Overlap_CounterType:$counter, Variadic<Index>:$indices, UnitAttr:$relaxed);
  let results = (outs Overlap_TokenType:$token);
  let assemblyFormat = "$counter `[` $indices `]` (`relaxed` $relaxed^)? attr-dict `:` type($counter)";
  let hasVerifier = 1;
}

def Overlap_MergeOp : Overlap_Op<"merge", [Pure]> {
  let summary = "the evidence of several tokens";
  let description = [{
    Of none, to begin a loop with:

    ```mlir
    %none = overlap.merge()
    %all = overlap.merge(%a, %b)
    ```
  }];
  let arguments = (ins Variadic<Overlap_TokenType>:$tokens);
  let results = (outs Overlap_TokenType:$result);
  let assemblyFormat = "`(` $tokens `)` attr-dict";
}

#endif // PLAIT_OVERLAP_TRACKING_OPS
