//===- DecodePartOps.td - Choices from parts of logits -----*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What decode.choose_* and decode.top_logprobs become where each device has the logits
// of some tokens. What devices tell each other are f32 numbers per leaf; one that f32 is
// too narrow for is a pair, (nearest f32, nearest f32 to the rest). Ids are exact: a
// vocabulary of more than 2^24 tokens is not split.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DECODE_PART_OPS
#define PLAIT_DECODE_PART_OPS

class Decode_PartOp<string mnemonic, list<Trait> traits = []> : Decode_EvalOp<mnemonic, traits # [Pure,
    DeclareOpInterfaceMethods<Lm_CostOpInterface>]> {
  let hasVerifier = 1;
}

def Decode_PartIndexAttr : ConfinedAttr<I64Attr, [IntNonNegative]>;

def Decode_SummarizeOp : Decode_PartOp<"summarize"> {
  let summary = "per leaf, what all choices need to know of a part of the logits";
  let description = [{
    Four numbers: the largest logit, its token (ties: lowest id) and, as a pair,
    `sum_v exp(logits[v] - largest)`. Where a logit is NaN or infinite: 0, -1, 0, 0.
    Column 0 of the logits is token `first`. The sum is that of `decode.join_summaries`
    of `decode.summarize_blocks`.

    ```mlir
    %s = decode.summarize %l {first = 1024 : i64} : (tensor<?x1024xf32, #lm.dims<leaves>>) -> tensor<?x4xf32, #lm.dims<leaves>>
    ```
    **Constraints:** logits are `[L, V]`, the result is `[L, 4]`.
  }];
  let arguments = (ins TensorOf<[F32]>:$logits, Decode_PartIndexAttr:$first);
  let results = (outs TensorOf<[F32]>:$result);
  let assemblyFormat = "$logits attr-dict `:` functional-type(operands, results)";
}

def Decode_SummarizeBlocksOp : Decode_PartOp<"summarize_blocks", [Lm_BlockReduction]> {
  let summary = "per leaf, what a choice needs to know of each block of 512 logits";
  let description = [{
    The four numbers of `decode.summarize` for each 512 columns, the last of which may
    be fewer, side by side: less than a hundredth of the logits, which a head then need not write.
    Kernels round each exponential to a multiple of 2^-43 before it is added. So the sum of a block, which is no
    more than 512, is exact in f64, and its bits do not depend on the order, nor on which kind of target computes
    it. A largest logit of zero is +0.
    Where the most probable tokens are wanted as well (`tops` and how many of each leaf), also the `decode.top_part` of
    each block, side by side.

    ```mlir
    %s = decode.summarize_blocks %l {first = 0 : i64} : (tensor<?x2048xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>>
    %s, %e = decode.summarize_blocks %l tops %counts {first = 0 : i64} : (...) -> (tensor<?x16xf32, #lm.dims<leaves>>, tensor<?x8xf32, #lm.dims<top_entries>>)
    ```
    **Constraints:** logits are `[L, V]`, summaries `[L, 4 * ceil(V / 512)]`; entries come with counts and are
    `[L * tops, 2 * ceil(V / 512)]`.
  }];
  let arguments = (ins TensorOf<[F32]>:$logits, Optional<TensorOf<[I32]>>:$counts, Decode_PartIndexAttr:$first);
  let results = (outs TensorOf<[F32]>:$summaries, Optional<TensorOf<[F32]>>:$entries);
  let assemblyFormat = "$logits (`tops` $counts^)? attr-dict `:` functional-type(operands, results)";
  let extraClassDeclaration = [{
    /// Columns of a block.
    static constexpr int64_t blockTokens = 512;
  }];
}

def Decode_JoinSummariesOp : Decode_PartOp<"join_summaries"> {
  let summary = "per leaf, the summary of all logits from those of parts of them";
  let description = [{
    The largest logit of all parts, the token of the first part that has it, and the sum over
    the parts, in their order, of `sum * exp(largest of the part - largest)`. 0, -1, 0, 0
    where a part has -1 for its token.

    ```mlir
    %s = decode.join_summaries %b : (tensor<?x16xf32, #lm.dims<leaves>>) -> tensor<?x4xf32, #lm.dims<leaves>>
    ```
    **Constraints:** summaries are `[L, 4 * parts]`, the result is `[L, 4]`.
  }];
  let arguments = (ins TensorOf<[F32]>:$summaries);
  let results = (outs TensorOf<[F32]>:$result);
  let assemblyFormat = "$summaries attr-dict `:` functional-type(operands, results)";
}

def Decode_ChooseSummarizedOp : Decode_PartOp<"choose_summarized", [AttrSizedOperandSegments]> {
  let summary = "per leaf, the token of the largest logit of all parts, or the drawn one";
  let description = [{
    `decode.choose_greedy` of logits whose parts have these summaries, side by side in
    the order of ids. A leaf with a `temperature` above 0 takes the token of the largest key that
    the parts have `drawn` (`decode.draw_part`) instead, of equals that of the first part.

    ```mlir
    %t, %s, %lp = decode.choose_summarized %all : (tensor<?x8xf32, #lm.dims<leaves>>) -> (...)
    %t, %s, %lp = decode.choose_summarized %all drawn %d temperature %temp : (...) -> (...)
    ```
    **Constraints:** summaries are `[L, 4 * parts]`, drawn is `[L, 3 * parts]`; it comes
    with the temperature.
  }];
  let arguments = (ins TensorOf<[F32]>:$summaries, Optional<TensorOf<[F32]>>:$drawn,
                       Optional<TensorOf<[F32]>>:$temperature);
  let results = (outs TensorOf<[I32]>:$tokens, TensorOf<[I32]>:$status, TensorOf<[F32]>:$logprob);
  let assemblyFormat = [{
    $summaries (`drawn` $drawn^)? (`temperature` $temperature^)? attr-dict `:` functional-type(operands, results)
  }];
}

def Decode_BinLogitsOp : Decode_PartOp<"bin_logits"> {
  let summary = "per leaf, how much of a measure logits of a part have, by eight bits of the logit";
  let description = [{
    A round of the search for the threshold of `rule`, `top_k` or `top_p`. The image of a
    logit, -0 taken for 0, is its 32 bits, of which all are turned over if the first one
    is set and else the first one: so images are ordered as logits are. The result has
    256 pairs. Number i is the measure of the tokens that are not masked, not below the
    threshold of the rule before (`state`), whose image begins with the `8 * round` bits
    that are found (`state`) and goes on with the eight bits i. Each token counts 1 for
    `top_k`, and for `top_p` its `w` of `decode.choose_sample`.

    Zeros where nothing is to search: a leaf of temperature 0, without the warp (`limit`
    k <= 0, p >= 1) or without a token to choose.

    ```mlir
    %b = decode.bin_logits %l, %all, %temp, %k rule <top_k> round 0 : (...) -> tensor<?x512xf32, #lm.dims<warps>>
    ```
    **Constraints:** logits are `[L, V]`, summaries `[L, 4 * parts]`, state `[L, 6]`, the
    result `[L, 512]`; the limit is i32 for `top_k` and f32 for `top_p`; rounds are 0 to 3,
    and all but the first have a state.
  }];
  let arguments = (ins TensorOf<[F32]>:$logits, TensorOf<[F32]>:$summaries, TensorOf<[F32]>:$temperature,
                       TensorOf<[I32, F32]>:$limit, Optional<TensorOf<[F32]>>:$state, Decode_WarpAttr:$rule,
                       Decode_PartIndexAttr:$round);
  let results = (outs TensorOf<[F32]>:$result);
  let assemblyFormat = [{
    $logits `,` $summaries `,` $temperature `,` $limit (`state` $state^)? `rule` $rule `round` $round attr-dict `:`
    functional-type(operands, results)
  }];
}

def Decode_NarrowThresholdOp : Decode_PartOp<"narrow_threshold"> {
  let summary = "per leaf, eight more bits of a threshold, from the measures in all parts";
  let description = [{
    Of the bins of `decode.bin_logits`, summed over the parts in their order, takes the
    first one, from the largest image on, with which the measure reaches the goal: k, or p
    times the measure of all bins of round 0. If rounding keeps it from that, the last
    one that has any. After four rounds the image is that of the threshold: the largest
    logit such that those not below it have the measure of the goal.

    The state has six numbers: the bits found, the threshold of the last rule that is
    finished (the least logit that is not masked before any is), and two pairs: the
    measure above the bits found, and the goal.

    ```mlir
    %s = decode.narrow_threshold %bins, %k rule <top_k> round 0 : (...) -> tensor<?x6xf32, #lm.dims<warps>>
    ```
    **Constraints:** bins are `[L, 512 * parts]`, the rest as of `decode.bin_logits`.
  }];
  let arguments = (ins TensorOf<[F32]>:$bins, TensorOf<[I32, F32]>:$limit, Optional<TensorOf<[F32]>>:$state,
                       Decode_WarpAttr:$rule, Decode_PartIndexAttr:$round);
  let results = (outs TensorOf<[F32]>:$result);
  let assemblyFormat = [{
    $bins `,` $limit (`state` $state^)? `rule` $rule `round` $round attr-dict `:` functional-type(operands, results)
  }];
}

def Decode_DrawPartOp : Decode_PartOp<"draw_part", [AttrSizedOperandSegments]> {
  let summary = "per leaf, the token of this part that is first in the race, and its key";
  let description = [{
    Three numbers: of the tokens of this part that all warps keep, the one with the largest key of
    `decode.choose_sample`, of equals the lowest id, its logit and its key. A token is kept that is not
    below the threshold in `state` and that `min_p` keeps. -1, 0, 0 if there is none, and for a leaf of
    temperature 0 or without a token to choose. Column 0 of the logits is token `first`.

    ```mlir
    %d = decode.draw_part %l, %all, %pos, %seed, %seq, %temp state %s {first = 0 : i64} : (...) -> tensor<?x3xf32, #lm.dims<draws>>
    ```
    **Constraints:** logits are `[L, V]`, summaries `[L, 4 * parts]`, state `[L, 6]`, the
    result `[L, 3]`.
  }];
  let arguments = (ins TensorOf<[F32]>:$logits, TensorOf<[F32]>:$summaries, TensorOf<[I32]>:$positions,
                       TensorOf<[I64]>:$seed, TensorOf<[I64]>:$sequence, TensorOf<[F32]>:$temperature,
                       Optional<TensorOf<[F32]>>:$state, Optional<TensorOf<[F32]>>:$min_p, Decode_PartIndexAttr:$first);
  let results = (outs TensorOf<[F32]>:$result);
  let assemblyFormat = [{
    $logits `,` $summaries `,` $positions `,` $seed `,` $sequence `,` $temperature (`state` $state^)?
    (`min_p` $min_p^)? attr-dict `:` functional-type(operands, results)
  }];
}

def Decode_TopPartOp : Decode_PartOp<"top_part"> {
  let summary = "per leaf, the most probable tokens of a part";
  let description = [{
    For each leaf as many rows as the extent `tops`: the first `counts[l]` tokens of
    `decode.top_logprobs`, of this part, and their logits; then -1 and 0. Column 0 of the
    logits is token `first`. Rows of a leaf whose logits are not all finite mean nothing, as its summary says.

    ```mlir
    %e = decode.top_part %l, %counts {first = 1024 : i64} : (...) -> tensor<?x2xf32, #lm.dims<top_entries>>
    ```
    **Constraints:** logits are `[L, V]`, counts `[L]`, the result `[L * tops, 2]`.
  }];
  let arguments = (ins TensorOf<[F32]>:$logits, TensorOf<[I32]>:$counts, Decode_PartIndexAttr:$first);
  let results = (outs TensorOf<[F32]>:$result);
  let assemblyFormat = "$logits `,` $counts attr-dict `:` functional-type(operands, results)";
}

def Decode_JoinEntriesOp : Decode_PartOp<"join_entries"> {
  let summary = "per leaf, the entries of all logits from those of parts of them";
  let description = [{
    `decode.top_part` of logits whose parts have these, side by side in the order of ids.

    ```mlir
    %e = decode.join_entries %b, %counts : (tensor<?x8xf32, #lm.dims<top_entries>>, tensor<?xi32, #lm.dims<leaves>>) -> tensor<?x2xf32, #lm.dims<top_entries>>
    ```
    **Constraints:** entries are `[L * tops, 2 * parts]`, counts `[L]`, the result `[L * tops, 2]`.
  }];
  let arguments = (ins TensorOf<[F32]>:$entries, TensorOf<[I32]>:$counts);
  let results = (outs TensorOf<[F32]>:$result);
  let assemblyFormat = "$entries `,` $counts attr-dict `:` functional-type(operands, results)";
}

def Decode_JoinTopsOp : Decode_PartOp<"join_tops"> {
  let summary = "per leaf, the most probable tokens of all parts";
  let description = [{
    `decode.top_logprobs` of logits whose parts have these `decode.top_part` and
    `decode.summarize`, side by side in the order of ids.

    ```mlir
    %t, %lp = decode.join_tops %entries, %all, %counts : (...) -> (tensor<?x?xi32, #lm.dims<leaves, tops>>, tensor<?x?xf32, #lm.dims<leaves, tops>>)
    ```
    **Constraints:** entries are `[L * tops, 2 * parts]`, summaries `[L, 4 * parts]`, counts
    `[L]`.
  }];
  let arguments = (ins TensorOf<[F32]>:$entries, TensorOf<[F32]>:$summaries, TensorOf<[I32]>:$counts);
  let results = (outs TensorOf<[I32]>:$tokens, TensorOf<[F32]>:$logprobs);
  let assemblyFormat = "$entries `,` $summaries `,` $counts attr-dict `:` functional-type(operands, results)";
}

#endif // PLAIT_DECODE_PART_OPS
