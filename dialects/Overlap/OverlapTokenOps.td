//===- OverlapTokenOps.td - Splitting the tokens of a step -*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_OVERLAP_TOKEN_OPS
#define PLAIT_OVERLAP_TOKEN_OPS

def Overlap_SplitTokensOp : Overlap_Op<"split_tokens", [Pure, DeclareOpInterfaceMethods<Lm_EvaluableOpInterface>]> {
  let summary = "the rows of a tensor in parts";
  let description = [{
    So that the collective of one part goes on while the other is computed. Each part but the
    last is a multiple of `align` rows, those of a product's tiles, so that splitting makes no
    more tiles than there were.

    ```mlir
    %a, %b = overlap.split_tokens %x sizes [256, 128] align 128 : tensor<384x64xf32> -> tensor<256x64xf32>, tensor<128x64xf32>
    ```
    Tokens see those before them: attention of a part takes the state that attention of the
    part before it returns, which `plait-verify-overlap` checks.

    **Constraints:** at least two parts, positive, whose sum is the number of rows, which is
    known; each but the last is a multiple of `align`, which is positive; results are the input
    but for the number of rows.
  }];
  let arguments = (ins RankedTensorOf<[F32]>:$input, DenseI64ArrayAttr:$sizes, I64Attr:$align);
  let results = (outs Variadic<RankedTensorOf<[F32]>>:$parts);
  let assemblyFormat = "$input `sizes` $sizes `align` $align attr-dict `:` type($input) `->` type($parts)";
  let hasVerifier = 1;
}

def Overlap_JoinTokensOp : Overlap_Op<"join_tokens", [Pure, DeclareOpInterfaceMethods<Lm_EvaluableOpInterface>]> {
  let summary = "parts of rows put together";
  let description = [{
    ```mlir
    %y = overlap.join_tokens %a, %b : tensor<256x64xf32>, tensor<128x64xf32> -> tensor<384x64xf32>
    ```
    **Constraints:** at least two parts; the result is each of them but for the number of rows,
    which is the sum of theirs.
  }];
  let arguments = (ins Variadic<RankedTensorOf<[F32]>>:$parts);
  let results = (outs RankedTensorOf<[F32]>:$result);
  let assemblyFormat = "$parts attr-dict `:` type($parts) `->` type($result)";
  let hasVerifier = 1;
}

#endif // PLAIT_OVERLAP_TOKEN_OPS
