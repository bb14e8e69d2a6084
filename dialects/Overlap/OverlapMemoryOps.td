//===- OverlapMemoryOps.td - Symmetric memory --------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_OVERLAP_MEMORY_OPS
#define PLAIT_OVERLAP_MEMORY_OPS

def Overlap_AllocOp : Overlap_Op<"alloc", [MemoryEffects<[MemAlloc]>]> {
  let summary = "a symmetric buffer";
  let description = [{
    The same one in every epoch; zeros before the first.

    ```mlir
    %y = overlap.alloc : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 2>
    ```
    **Constraints:** along the axis of the program; an op of the program, in no region and no
    loop.
  }];
  let results = (outs Overlap_BufferType:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Overlap_ViewOp : Overlap_Op<"view", [Pure]> {
  let summary = "a window of a symmetric buffer";
  let description = [{
    ```mlir
    %a = overlap.view %y own : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 2> -> !overlap.view<4x8xf32, own>
    %b = overlap.view %y peer %r : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 2> -> !overlap.view<4x8xf32, peer>
    %c = overlap.view %y multicast : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 2> -> !overlap.view<4x8xf32, multicast>
    ```
    **Constraints:** a rank exactly if it is that of a peer; the type is the window's.
  }];
  let arguments = (ins Overlap_BufferType:$buffer, Overlap_WindowAttr:$window, Optional<Index>:$peer);
  let results = (outs Overlap_ViewType:$result);
  let assemblyFormat = "$buffer $window ($peer^)? attr-dict `:` type($buffer) `->` type($result)";
  let hasVerifier = 1;
}

class Overlap_StoreOp<string mnemonic> : Overlap_Op<mnemonic, [MemoryEffects<[MemWrite]>]> {
  let arguments = (ins RankedTensorOf<[AnyFloat]>:$value, Overlap_ViewType:$target, Variadic<Index>:$offsets,
                       DefaultValuedAttr<Overlap_EngineAttr, "::plait::overlap::Engine::st">:$engine);
  let assemblyFormat = [{
    $value `into` $target `[` $offsets `]` (`by` $engine^)? attr-dict `:` type($value) `into` type($target)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = "bool isAsync() { return getEngine() != Engine::st; }";
}

def Overlap_PutOp : Overlap_StoreOp<"put"> {
  let summary = "stores a tile";
  let description = [{
    ```mlir
    overlap.put %v into %peer[%i, %z] by tma : tensor<2x8xf32> into !overlap.view<4x8xf32, peer>
    ```
    With `tma` or `copy` it goes on by itself, and an arrival after it does not wait for it:
    `overlap.quiet` does.

    **Constraints:** an offset for each dimension of the view, whose rank and elements are the
    tile's; the tile is not larger than the view.
  }];
}

def Overlap_ReduceAddOp : Overlap_StoreOp<"reduce_add"> {
  let summary = "adds a tile to what is there";
  let description = [{
    Element by element, each addition at once; the order among several is free.

    ```mlir
    overlap.reduce_add %v into %peer[%i, %z] : tensor<2x8xf32> into !overlap.view<4x8xf32, peer>
    ```
    A slot has to be zero before the first addition of an epoch: who has read it puts zeros.

    **Constraints:** those of `overlap.put`.
  }];
}

class Overlap_ReadOp<string mnemonic>
    : Overlap_Op<mnemonic, [MemoryEffects<[MemRead]>, AttrSizedOperandSegments]> {
  let arguments = (ins Overlap_ViewType:$source, Variadic<Index>:$offsets, Variadic<Overlap_TokenType>:$tokens);
  let results = (outs RankedTensorOf<[AnyFloat]>:$result);
  let assemblyFormat = [{
    $source `[` $offsets `]` (`after` $tokens^)? attr-dict `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Overlap_LoadOp : Overlap_ReadOp<"load"> {
  let summary = "a tile of a view";
  let description = [{
    ```mlir
    %v = overlap.load %own[%i, %z] after %t : !overlap.view<4x8xf32, own> -> tensor<2x8xf32>
    ```
    Without the token of a wait it may take effect before the wait.

    **Constraints:** those of `overlap.put`; the view is of one rank.
  }];
}

def Overlap_LoadReduceOp : Overlap_ReadOp<"load_reduce"> {
  let summary = "the sum of a tile over the memory of all ranks";
  let description = [{
    In the order of ranks, by a loop of loads. With `in_switch` in whichever order the link adds, by one
    `multimem.ld_reduce` where there is one, and else in the order of ranks.

    ```mlir
    %v = overlap.load_reduce %all[%i, %z] after %t : !overlap.view<4x8xf32, multicast> -> tensor<2x8xf32>
    %w = overlap.load_reduce %all[%i, %z] in_switch after %t : !overlap.view<4x8xf32, multicast> -> tensor<2x8xf32>
    ```
    **Constraints:** those of `overlap.put`; the view is of all ranks.
  }];
  let arguments = (ins Overlap_ViewType:$source, Variadic<Index>:$offsets, Variadic<Overlap_TokenType>:$tokens,
                       UnitAttr:$in_switch);
  let assemblyFormat = [{
    $source `[` $offsets `]` (`in_switch` $in_switch^)? (`after` $tokens^)? attr-dict `:` type($source) `->`
    type($result)
  }];
}

def Overlap_QuietOp : Overlap_Op<"quiet", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "waits for stores that go on by themselves";
  let description = [{
    For all of this tile's before it (OpenSHMEM's `quiet`). With `read`, what they take may be
    written over; only with `written` may an arrival say that they are there.

    ```mlir
    overlap.quiet written
    ```
    It becomes `cp.async.bulk.wait_group 0`, without `.read`, and a fence of the proxies.
  }];
  let arguments = (ins Overlap_CompletionAttr:$completion);
  let assemblyFormat = "$completion attr-dict";
}

def Overlap_SliceOp : Overlap_Op<"slice", [Pure, DeclareOpInterfaceMethods<Lm_EvaluableOpInterface>]> {
  let summary = "a tile of a tensor or a weight that the rank has";
  let description = [{
    ```mlir
    %a = overlap.slice %x[%i, %z] : tensor<4x8xf32> -> tensor<2x8xf32>
    %b = overlap.slice %w[%j, %z] : !lm.weight<16x8, #lm.f32> -> !lm.weight<4x8, #lm.f32>
    ```
    **Constraints:** tensors, or weights of a format without scales, of known extents, and of
    the same rank and elements; an offset for each dimension; the tile is not larger.
  }];
  let arguments = (ins AnyType:$input, Variadic<Index>:$offsets);
  let results = (outs AnyType:$result);
  let assemblyFormat = "$input `[` $offsets `]` attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

#endif // PLAIT_OVERLAP_MEMORY_OPS
