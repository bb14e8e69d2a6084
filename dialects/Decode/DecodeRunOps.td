//===- DecodeRunOps.td - Strategies whose forwards are steps *- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What `plait-outline-steps` makes of a strategy: a forward, its head, edits and rule are a
// step; what is left works on small values of one sequence (runtime/decode/rounds).
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DECODE_RUN_OPS
#define PLAIT_DECODE_RUN_OPS

def Decode_RunOp : Decode_Op<"run", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "runs a step over a block; what it chose at each node";
  let description = [{
    The row of the sequence in a `decode.step`: its pending tokens and the block's nodes, of
    which each is a leaf. With `top`, that many most probable tokens are known of each.

    ```mlir
    %c, %st = decode.run @ar(%x, %b) top 8 : !decode.sequence<@main>, !decode.block<5>
    ```
    **Constraints:** a `decode.step` of that name.
  }];
  let arguments = (ins FlatSymbolRefAttr:$step, Decode_SequenceType:$sequence, Decode_BlockType:$block,
                       DefaultValuedAttr<ConfinedAttr<I64Attr, [IntNonNegative]>, "0">:$top);
  let results = (outs Decode_ChoicesType:$choices, Decode_StageType:$stage);
  let assemblyFormat = [{
    $step `(` $sequence `,` $block `)` (`top` $top^)? attr-dict `:` type($sequence) `,` type($block) `->`
    type($choices) `,` type($stage)
  }];
}

def Decode_WalkOp : Decode_Op<"walk", [Pure]> {
  let summary = "the path along what a step has chosen";
  let description = [{
    From the root to the first node whose choice was not drafted after it.

    ```mlir
    %p = decode.walk %b, %c : !decode.block<5>, !decode.choices
    ```
  }];
  let arguments = (ins Decode_BlockType:$block, Decode_ChoicesType:$choices);
  let results = (outs Decode_PathType:$path);
  let assemblyFormat = "$block `,` $choices attr-dict `:` type($block) `,` type($choices)";
}

#endif // PLAIT_DECODE_RUN_OPS
