//===- DecodeVerifyOps.td - Rules of acceptance ------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A rule walks from the root of a block to a node whose successor is none of its children.
// The nodes on the way are accepted; that successor is the next pending token. A block of
// its root alone makes a rule the choice of a token.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DECODE_VERIFY_OPS
#define PLAIT_DECODE_VERIFY_OPS

class Decode_VerifyOp<string rule, list<string> also = []> : Decode_EvalOp<"verify_" # rule, [Pure,
    DeclareOpInterfaceMethods<Decode_VerifyRuleOpInterface, also>]>;

def Decode_VerifyGreedyOp : Decode_VerifyOp<"greedy"> {
  let summary = "verify rule: the token of the largest logit";
  let description = [{
    At each node the token of its largest logit, of equal ones the lowest id, is the
    successor.

    ```mlir
    %p = decode.verify_greedy %b, %l : !decode.block<1>, !decode.logits<@main>
    ```
    **Constraints:** as for all rules, the logits are of the block.
  }];
  let arguments = (ins Decode_BlockType:$block, Decode_LogitsType:$logits);
  let results = (outs Decode_PathType:$path);
  let assemblyFormat = "$block `,` $logits attr-dict `:` type($block) `,` type($logits)";
}

def Decode_VerifySampleOp : Decode_VerifyOp<"sample"> {
  let summary = "verify rule: a draw from the warped distribution";
  let description = [{
    At each node the successor is drawn, by the random number of its position: the one that
    autoregressive decoding would draw there. So the text is that of autoregressive
    decoding whatever was drafted. The warps in the list apply in the order temperature,
    top_k, top_p, min_p with the row's values; see `decode.choose_sample` for their
    definition. A row with temperature 0 chooses greedily.

    ```mlir
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>, #decode.warp<top_p>] : !decode.block<1>, !decode.logits<@main>
    %q = decode.verify_sample %c, %m [#decode.warp<temperature>] purpose draft : !decode.block<1>, !decode.logits<@draft>
    ```
    With `purpose draft` random numbers are others than those that decide on the text: as
    `decode.verify_reject` needs it of what it verifies.

    **Constraints:** the list starts with temperature and is in that order
    without repetition.
  }];
  let arguments = (ins Decode_BlockType:$block, Decode_LogitsType:$logits, Decode_WarpArrayAttr:$warps,
                       DefaultValuedAttr<Decode_Purpose, "::plait::decode::Purpose::sample">:$purpose);
  let results = (outs Decode_PathType:$path);
  let assemblyFormat = [{
    $block `,` $logits $warps (`purpose` $purpose^)? attr-dict `:` type($block) `,` type($logits)
  }];
  let hasVerifier = 1;
}

def Decode_VerifyRejectOp : Decode_VerifyOp<"reject"> {
  let summary = "verify rule: rejection sampling against the distribution of the draft";
  let description = [{
    A child with token t, drawn from q, is accepted with probability `min(1, p[t] / q[t])`,
    where p is the warped distribution of its parent's logits. If it is not, p becomes
    `max(0, p - q)`, normalised, for the next child; after the last child the successor is
    drawn from p. At the end of the block it is drawn from the warped distribution there.
    A token that was not drawn has probability 1 in its q. A row with temperature 0 chooses
    greedily. (Leviathan et al. 2023, Chen et al. 2023; siblings: Miao et al. 2024.)

    Random numbers of a position: purpose accept for the tests, counted on for siblings,
    residual for a draw after a rejection, sample for one at the end.

    ```mlir
    %p = decode.verify_reject %b, %l [#decode.warp<temperature>] : !decode.block<5>, !decode.logits<@main>
    ```
    `bonus` are the warps at the end of the block, if they are to be others than those of
    the list, as they are in some implementations, by mistake.

    **Constraints:** warps as for `decode.verify_sample`.
  }];
  let arguments = (ins Decode_BlockType:$block, Decode_LogitsType:$logits, Decode_WarpArrayAttr:$warps,
                       OptionalAttr<Decode_WarpArrayAttr>:$bonus);
  let results = (outs Decode_PathType:$path);
  let assemblyFormat = [{
    $block `,` $logits $warps (`bonus` $bonus^)? attr-dict `:` type($block) `,` type($logits)
  }];
  let hasVerifier = 1;
}

def Decode_VerifyTypicalOp : Decode_VerifyOp<"typical", ["hasOwnStep"]> {
  let summary = "verify rule: whatever is not too improbable";
  let description = [{
    A child is accepted if its token's probability, in the warped distribution of its
    parent's logits, exceeds `min(threshold, alpha * exp(-H))`, H being the entropy of that
    distribution in nats; of several the most probable one. Where there is none, the successor
    is drawn as by `decode.verify_sample`, and may be a child all the same. At temperature 0
    the text is the greedy one. (Hewitt et al. 2022; Medusa, Cai et al. 2024.)

    ```mlir
    %p = decode.verify_typical %b, %l [#decode.warp<temperature>] threshold 0.09 alpha 0.3 : !decode.block<5>, !decode.logits<@main>
    ```
    **Constraints:** warps as for `decode.verify_sample`; threshold and alpha are positive.
  }];
  let arguments = (ins Decode_BlockType:$block, Decode_LogitsType:$logits, Decode_WarpArrayAttr:$warps,
                       F64Attr:$threshold, F64Attr:$alpha);
  let results = (outs Decode_PathType:$path);
  let assemblyFormat = [{
    $block `,` $logits $warps `threshold` $threshold `alpha` $alpha attr-dict `:` type($block) `,` type($logits)
  }];
  let hasVerifier = 1;
}

def Decode_VerifyJacobiOp : Decode_VerifyOp<"jacobi"> {
  let summary = "verify rule: rejection sampling against guesses of the round before, and new guesses";
  let description = [{
    As `decode.verify_reject` on a chain of guesses. Each node after the accepted ones gives
    a guess for the next round: a draw (purpose draft) from its warped distribution, which
    goes with it. That distribution, of a context that may turn out another, is what the
    guess is tested against (`against stale`); the one of the round in which it is tested
    would accept it always (`against fresh`), and change the distribution of the text. At
    temperature 0 the text is the greedy one. (Speculative Jacobi decoding, Teng et al. 2024.)

    ```mlir
    %p, %g1 = decode.verify_jacobi %b, %l [#decode.warp<temperature>] : !decode.block<9>, !decode.logits<@main> -> !decode.guesses<8>
    ```
    **Constraints:** warps as for `decode.verify_sample`; the block is a chain of one node
    more than there are guesses.
  }];
  let arguments = (ins Decode_BlockType:$block, Decode_LogitsType:$logits, Decode_WarpArrayAttr:$warps,
                       DefaultValuedAttr<Decode_Context, "::plait::decode::Context::stale">:$against);
  let results = (outs Decode_PathType:$path, Decode_GuessesType:$guesses);
  let assemblyFormat = [{
    $block `,` $logits $warps (`against` $against^)? attr-dict `:` type($block) `,` type($logits) `->` type($guesses)
  }];
  let hasVerifier = 1;
}

def Decode_VerifyMomentumOp : Decode_VerifyOp<"momentum", ["getNumTops"]> {
  let summary = "verify rule: the most probable token, less what repeats the text";
  let description = [{
    At each node, of the `top` most probable tokens, the one with the largest
    `p - alpha * resistance` is the successor, of equals the most probable one. p is the
    token's probability, before all warps. If the text would end with n tokens that stand
    earlier in it as well, prompt included, and with no more, the resistance is number n of the
    list, or its last one if n is larger; it is 0 for a token that the text does not hold. The
    text of a node is that of the path to it, so drafts change nothing. Temperature and draws
    do not matter. (Momentum decoding, Lan et al. 2022.)

    ```mlir
    %p = decode.verify_momentum %b, %l top 5 alpha 0.2 resistance [1.0, 3.0, 4.0, 5.0] : !decode.block<1>, !decode.logits<@main>
    ```
    **Constraints:** `top` is positive; alpha and the resistances are finite and not negative,
    and there is one at least.
  }];
  let arguments = (ins Decode_BlockType:$block, Decode_LogitsType:$logits,
                       ConfinedAttr<I64Attr, [IntPositive]>:$top, F64Attr:$alpha, DenseF64ArrayAttr:$resistance);
  let results = (outs Decode_PathType:$path);
  let assemblyFormat = [{
    $block `,` $logits `top` $top `alpha` $alpha `resistance` $resistance attr-dict `:` type($block) `,` type($logits)
  }];
  let hasVerifier = 1;
}

#endif // PLAIT_DECODE_VERIFY_OPS
