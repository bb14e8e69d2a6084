//===- OverlapPollOps.td - Data that tells that it is there -*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_OVERLAP_POLL_OPS
#define PLAIT_OVERLAP_POLL_OPS

// A buffer that these ops are on has marks: an element is either a number or the mark, which says that none has been
// stored. It is all marks before the first epoch.

def Overlap_PublishOp : Overlap_Op<"publish", [MemoryEffects<[MemWrite]>]> {
  let summary = "stores a tile whose elements tell by themselves that they are there";
  let description = [{
    It is a release, as `overlap.arrive` is: whoever has seen an element by `overlap.poll` sees what this tile has read and
    stored before. So no counter is needed, and what it costs is one message (Lamport's way in FlashInfer and TensorRT-LLM,
    LL of NCCL).

    ```mlir
    overlap.publish %v into %all[%i, %z] : tensor<1x8xf32> into !overlap.view<4x8xf32, multicast>
    ```
    In memory the mark is zero bits, as memory is in the beginning, and a number the complement of its bits. The one
    number whose complement is zero is a NaN with all bits set, which no arithmetic makes of other numbers; it is stored as
    the NaN whose bits are 0xFFFFFFFE. So all bits arrive but that of this NaN. (Others take -0.0 as mark and store
    0.0 in its place, which changes sums of which all summands are -0.0.)

    **Constraints:** those of `overlap.put`, and elements of f32; a tile is published once in an epoch; a buffer that it is
    on has no other ops than those of this kind.
  }];
  let arguments = (ins RankedTensorOf<[F32]>:$value, Overlap_ViewType:$target, Variadic<Index>:$offsets);
  let assemblyFormat = "$value `into` $target `[` $offsets `]` attr-dict `:` type($value) `into` type($target)";
  let hasVerifier = 1;
}

def Overlap_PollOp : Overlap_Op<"poll", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "waits until a tile is there, and adds up rows of it";
  let description = [{
    Until none of its elements is the mark. Of each `rows` rows that follow each other it gives the sum, in their order. It
    is an acquire, and its token that of `overlap.wait`.

    ```mlir
    %v, %t = overlap.poll %own[%i, %z] rows 2 : !overlap.view<4x8xf32, own> -> tensor<1x8xf32>
    ```
    It sees what an epoch before has left as well: a slot has to be cleared (`overlap.clear`) before it is used again.

    **Constraints:** those of `overlap.load`, where the tile has `rows` times as many rows as the result; elements of f32;
    the view is the rank's own; at least one row; not in `overlap.trigger`.
  }];
  let arguments = (ins Overlap_ViewType:$source, Variadic<Index>:$offsets, I64Attr:$rows);
  let results = (outs RankedTensorOf<[F32]>:$result, Overlap_TokenType:$token);
  let assemblyFormat = "$source `[` $offsets `]` `rows` $rows attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Extents of what is polled.
    llvm::SmallVector<int64_t> getPolledShape();
  }];
}

def Overlap_ClearOp : Overlap_Op<"clear", [MemoryEffects<[MemWrite]>]> {
  let summary = "puts marks in the slot of an epoch to come";
  let description = [{
    In that of the epoch `ahead` epochs behind this one.

    ```mlir
    overlap.clear %own[%i, %z] size [2, 8] ahead 2 : !overlap.view<4x8xf32, own>
    ```
    Whoever has read clears. Two slots are too few where it is done beside the waiting, as one would clear what others are
    storing: with three, the slot before this epoch's is cleared, others may store in the next one already, and none of
    them goes further without what this rank publishes in the next epoch, behind the clearing.

    **Constraints:** an offset and a size for each dimension of the view; sizes are positive and within it; elements of f32;
    the view is the rank's own; 1 to 63 epochs ahead.
  }];
  let arguments = (ins Overlap_ViewType:$target, Variadic<Index>:$offsets, DenseI64ArrayAttr:$size, I64Attr:$ahead);
  let assemblyFormat = "$target `[` $offsets `]` `size` $size `ahead` $ahead attr-dict `:` type($target)";
  let hasVerifier = 1;
}

#endif // PLAIT_OVERLAP_POLL_OPS
