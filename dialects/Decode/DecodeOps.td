//===- DecodeOps.td - Ops of the decode dialect ------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DECODE_OPS
#define PLAIT_DECODE_OPS

include "mlir/IR/BuiltinTypes.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/FunctionInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/Decode/DecodeDialect.td"

class Decode_Op<string mnemonic, list<Trait> traits = []> : Op<Decode_Dialect, mnemonic, traits>;
class Decode_EvalOp<string mnemonic, list<Trait> traits = []>
    : Decode_Op<mnemonic, traits # [DeclareOpInterfaceMethods<Lm_EvaluableOpInterface>]>;

//===----------------------------------------------------------------------===//
// A step: ragged rows
//===----------------------------------------------------------------------===//

def Decode_StepOp : Decode_Op<"step", [FunctionOpInterface, IsolatedFromAbove]> {
  let summary = "one round of a strategy over the ragged rows of a batch";
  let description = [{
    A function on whole tensors. `input_roles` and `output_roles` say what each
    argument and result is; the roles are those of the step's arrays in the ABI
    (plait_input_t, plait_output_t).

    ```mlir
    decode.step @ar(%ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, ...) -> (...)
        attributes {input_roles = [#decode.role<tokens>, #decode.role<positions>, ...],
                    output_roles = [#decode.role<chosen>, ...]} {
      %h, %s = lm.call @main::@forward(%ids, %pos, %rows, %kv) : ...
      %hl = lm.take_rows %h, %leaves : ...
      %l = lm.call @main::@head(%hl) : ...
      %t, %st, %lp = decode.choose_greedy %l : ...
      decode.return %t, %st, %lp : ...
    }
    ```
    A model's states are arguments of role `state`, in the order of its `@forward`.

    From `weave_tokens` tokens on (0: never) the first half of them and the others are computed in turn, from
    collective to collective, so that ranks exchange what one half has come to while they compute
    the other (TokenWeave, arXiv 2505.11329). Attention of the second half comes behind that of the first one, in each layer, and a
    token does not depend on how its sequence is cut: so results are the same. A step most of whose collectives
    are not waited for before the next product is not cut, and runs beside them.

    Ranks share tokens out (`tokens_part`) in steps of `share_tokens` tokens or more (0: in all). In shorter
    ones each has all of them, and what would be scattered is summed on all ranks alike, in the same order:
    a second exchange would cost more than a few rows, computed by everybody.

    **Constraints:** one role per argument and result, none but `state` twice;
    the arguments of role `state`, and no others, are states; a body of one block
    that ends with `decode.return`; `weave_tokens >= 0`; `share_tokens >= 0`.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<FunctionType>:$function_type,
                       Decode_RoleArrayAttr:$input_roles, Decode_RoleArrayAttr:$output_roles,
                       OptionalAttr<DictArrayAttr>:$arg_attrs, OptionalAttr<DictArrayAttr>:$res_attrs,
                       DefaultValuedAttr<ConfinedAttr<I64Attr, [IntNonNegative]>, "0">:$weave_tokens,
                       DefaultValuedAttr<ConfinedAttr<I64Attr, [IntNonNegative]>, "0">:$share_tokens);
  let regions = (region AnyRegion:$body);
  let extraClassDeclaration = [{
    llvm::ArrayRef<mlir::Type> getArgumentTypes() { return getFunctionType().getInputs(); }
    llvm::ArrayRef<mlir::Type> getResultTypes() { return getFunctionType().getResults(); }
    mlir::Region *getCallableRegion() { return &getBody(); }
    Role getInputRole(unsigned i) { return mlir::cast<RoleAttr>(getInputRoles()[i]).getValue(); }
    Role getOutputRole(unsigned i) { return mlir::cast<RoleAttr>(getOutputRoles()[i]).getValue(); }
    /// The first argument of a role, or null.
    mlir::Value getInput(Role role);
    /// The types of the arguments of role `state`, in order.
    llvm::SmallVector<lm::StateType> getStateTypes();
  }];
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def Decode_EditLogitsOp : Decode_EvalOp<"edit_logits", [Pure, Lm_InPlace, AllTypesMatch<["logits", "result"]>,
    DeclareOpInterfaceMethods<Lm_CostOpInterface>, DeclareOpInterfaceMethods<Lm_ShardingOpInterface>]> {
  let summary = "per leaf, changes the logits of a few tokens";
  let description = [{
    The edits of leaf `i` are the entries `ends[i-1] <= j < ends[i]` of the four
    lists (`ends[-1]` is 0). Each changes one logit `l = logits[i, tokens[j]]`:

    ```
    l = l + biases[j]
    l = l > 0 ? l / scales[j] : l * scales[j]
    l = l - offsets[j]
    ```
    A bias of -infinity **masks** the token: a finite logit becomes the lowest
    finite f32 instead and stays so, which means to every op on logits that the
    token has probability zero. An entry whose id is outside the vocabulary changes nothing.
    Column 0 of the logits is token `first`: they may be a part of the vocabulary's.

    Scales and offsets that a runtime makes of penalties: the repetition penalty
    as scale of each token of the text (Keskar et al., CTRL, 2019, section 4.1, in
    the form of Hugging Face's RepetitionPenaltyLogitsProcessor), `presence + count
    * frequency` as offset of each generated one (OpenAI API).

    ```mlir
    %e = decode.edit_logits %l, %ends, %t, %b, %s, %o : tensor<?x2048xf32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<edits>>, tensor<?xf32, #lm.dims<edits>>, tensor<?xf32, #lm.dims<edits>>, tensor<?xf32, #lm.dims<edits>>
    ```
    **Constraints:** logits are `[L, V]`, `ends` is `[L]`; the four lists have one
    extent.
  }];
  let arguments = (ins TensorOf<[F32]>:$logits, TensorOf<[I32]>:$ends, TensorOf<[I32]>:$tokens,
                       TensorOf<[F32]>:$biases, TensorOf<[F32]>:$scales, TensorOf<[F32]>:$offsets,
                       DefaultValuedAttr<ConfinedAttr<I64Attr, [IntNonNegative]>, "0">:$first);
  let results = (outs TensorOf<[F32]>:$result);
  let extraClassDeclaration = "void setPart(unsigned operand, llvm::ArrayRef<int64_t> begins);";
  let assemblyFormat = [{
    $logits `,` $ends `,` $tokens `,` $biases `,` $scales `,` $offsets attr-dict `:` type($logits) `,` type($ends) `,`
    type($tokens) `,` type($biases) `,` type($scales) `,` type($offsets)
  }];
  let hasVerifier = 1;
}

def Decode_JoinHiddenOp : Decode_EvalOp<"join_hidden", [Pure, DeclareOpInterfaceMethods<InferTypeOpInterface>,
    DeclareOpInterfaceMethods<Lm_CostOpInterface>]> {
  let summary = "hidden states of leaves, side by side";
  let description = [{
    Row l of the result has that of each operand, one behind the other: a step returns several hidden
    states of a leaf, final ones and taps, as one array.

    ```mlir
    %j = decode.join_hidden %h, %t : tensor<?x192xf32, #lm.dims<leaves>>, tensor<?x192xf32, #lm.dims<leaves>>
    ```
    **Constraints:** at least one operand; all are `[L, D]` of one type.
  }];
  let arguments = (ins Variadic<TensorOf<[F32]>>:$states);
  let results = (outs TensorOf<[F32]>:$result);
  let assemblyFormat = "$states attr-dict `:` type($states)";
}

/// Chooses a token per leaf: logits [L, V] -> tokens i32[L], status i32[L], logprob f32[L].
class Decode_ChooseOp<string rule, list<Trait> traits = []> : Decode_EvalOp<"choose_" # rule, traits # [Pure,
    DeclareOpInterfaceMethods<InferTypeOpInterface>, DeclareOpInterfaceMethods<Lm_CostOpInterface>,
    DeclareOpInterfaceMethods<Lm_ShardingOpInterface>, DeclareOpInterfaceMethods<Decode_PartsOpInterface>]>;

def Decode_ChooseGreedyOp : Decode_ChooseOp<"greedy"> {
  let summary = "per leaf, the token of the largest logit (ties: lowest id)";
  let description = [{
    `logprob` is `logits[token] - log(sum_v exp(logits[v]))`. A logit that is the
    lowest finite f32 is masked: its token has probability zero. A leaf with a NaN
    or infinite logit, or with masked ones alone, gets token -1, status 2 and
    logprob 0; otherwise status 0.

    ```mlir
    %t, %s, %lp = decode.choose_greedy %l : tensor<?x2048xf32, #lm.dims<leaves>>
    ```
    **Constraints:** logits are `[L, V]`.
  }];
  let arguments = (ins TensorOf<[F32]>:$logits);
  let results = (outs TensorOf<[I32]>:$tokens, TensorOf<[I32]>:$status, TensorOf<[F32]>:$logprob);
  let assemblyFormat = "$logits attr-dict `:` type($logits)";
}

def Decode_ChooseSampleOp : Decode_ChooseOp<"sample", [AttrSizedOperandSegments]> {
  let summary = "per leaf, a draw from the warped distribution";
  let description = [{
    A leaf with `temperature` 0 chooses as `decode.choose_greedy`. Otherwise,
    with `x = logits / temperature` and `w[v] = exp(x[v] - max x)`, but 0 for a
    masked token:

    1. `top_k` k > 0 keeps the v with `x[v]` not below the k-th largest value;
    2. `top_p` p < 1 keeps, of those, the v with `w[v]` not below the largest
       threshold at which the kept mass is at least p times the mass after 1;
    3. `min_p` m > 0 keeps, of those, the v with `w[v] >= m` (m times the
       largest);

    equal values are kept or dropped together. A kernel may round w to a multiple
    of 2^-30, so that sums are exact in any order. Of the kept tokens the one with
    the largest key is drawn, of equals the lowest id:

        key[v] = (logits[v] - max logits) / temperature - log E[v]
        E[v] = -log(1 - (n[v] + 1/2) / 2^31)

    where n[v] is the upper 31 bits of word `v % 4` of draw `v / 4` of (seed, sequence,
    `position` + 1, purpose sample) (Philox4x32-10, runtime/base/Philox.h) and `position`
    is the leaf's. This is a race: E[v] / w[v] is when v arrives, and in the real
    numbers v is first with probability `w[v] / sum w`. Draws from other logits by the same
    numbers have most in common with it that draws without communication can have.

    A kernel computes keys in f32, each operation rounded by itself, so that all targets and
    all numbers of devices have the same bits: `(logit - top) * min(1 / temperature, the largest f32)`,
    from which `log E` is taken; n as f32, 1/2 added; the logarithms are those of
    passes/CPU/KernelMath.cpp. A key is off by 1e-5 at most where it may be the largest one.

    `logprob` and non-finite logits are as in `decode.choose_greedy`; the
    logprob is that of the unwarped logits. A warp without an operand is not
    applied.

    ```mlir
    %t, %s, %lp = decode.choose_sample %l, %pos, %seed, %seq temperature %temp top_p %p : tensor<?x2048xf32, #lm.dims<leaves>>, ...
    ```
    **Constraints:** logits are `[L, V]`, the other operands `[L]`.
  }];
  let arguments = (ins TensorOf<[F32]>:$logits, TensorOf<[I32]>:$positions, TensorOf<[I64]>:$seed,
                       TensorOf<[I64]>:$sequence, TensorOf<[F32]>:$temperature, Optional<TensorOf<[I32]>>:$top_k,
                       Optional<TensorOf<[F32]>>:$top_p, Optional<TensorOf<[F32]>>:$min_p);
  let results = (outs TensorOf<[I32]>:$tokens, TensorOf<[I32]>:$status, TensorOf<[F32]>:$logprob);
  let assemblyFormat = [{
    $logits `,` $positions `,` $seed `,` $sequence `temperature` $temperature (`top_k` $top_k^)? (`top_p` $top_p^)?
    (`min_p` $min_p^)? attr-dict `:` type($logits) `,` type($positions) `,` type($seed) `,` type($sequence) `,`
    type($temperature) (`top_k` type($top_k)^)? (`top_p` type($top_p)^)? (`min_p` type($min_p)^)?
  }];
  let hasVerifier = 1;
}

def Decode_ChooseTypicalOp : Decode_EvalOp<"choose_typical", [Pure, AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<InferTypeOpInterface>, DeclareOpInterfaceMethods<Lm_CostOpInterface>,
    DeclareOpInterfaceMethods<Lm_ShardingOpInterface>]> {
  let summary = "per leaf, a drafted successor that is not too improbable, or a draw";
  let description = [{
    The successors that were drafted of leaf l are the leaves c with `parents[c] == l`, and
    their tokens `drafted[c]`. In the distribution that `decode.choose_sample` draws from, of
    entropy H in nats, those of a probability above `min(threshold, alpha * exp(-H))` are
    acceptable. The token is the most probable one of them, of equals the first leaf's; where
    there is none, or with temperature 0, that of `decode.choose_sample`. Logprob, status and
    warps are as there.

    A leaf needs the logits of the whole vocabulary: devices that share it gather them.

    ```mlir
    %t, %s, %lp = decode.choose_typical %l, %pos, %seed, %seq, %own, %parents temperature %temp top_p %p threshold 0.09 alpha 0.3 : tensor<?x2048xf32, #lm.dims<leaves>>, ...
    ```
    **Constraints:** logits are `[L, V]`, the other operands `[L]`; threshold and alpha are
    positive.
  }];
  let arguments = (ins TensorOf<[F32]>:$logits, TensorOf<[I32]>:$positions, TensorOf<[I64]>:$seed,
                       TensorOf<[I64]>:$sequence, TensorOf<[I32]>:$drafted, TensorOf<[I32]>:$parents,
                       TensorOf<[F32]>:$temperature, Optional<TensorOf<[I32]>>:$top_k,
                       Optional<TensorOf<[F32]>>:$top_p, Optional<TensorOf<[F32]>>:$min_p,
                       F64Attr:$threshold, F64Attr:$alpha);
  let results = (outs TensorOf<[I32]>:$tokens, TensorOf<[I32]>:$status, TensorOf<[F32]>:$logprob);
  let assemblyFormat = [{
    $logits `,` $positions `,` $seed `,` $sequence `,` $drafted `,` $parents `temperature` $temperature
    (`top_k` $top_k^)? (`top_p` $top_p^)? (`min_p` $min_p^)? `threshold` $threshold `alpha` $alpha attr-dict `:`
    type($logits) `,` type($positions) `,` type($seed) `,` type($sequence) `,` type($drafted) `,` type($parents) `,`
    type($temperature) (`top_k` type($top_k)^)? (`top_p` type($top_p)^)? (`min_p` type($min_p)^)?
  }];
  let hasVerifier = 1;
}

def Decode_MatchStopsOp : Decode_EvalOp<"match_stops", [Pure, DeclareOpInterfaceMethods<InferTypeOpInterface>,
    DeclareOpInterfaceMethods<Lm_CostOpInterface>]> {
  let summary = "status 1 where the chosen token is one of the leaf's stop ids";
  let description = [{
    `result[l] = 1` if `status[l]` is 0 and some `stops[l, i]` equals
    `tokens[l]`; else `status[l]`. Unused entries of `stops` are -1.

    ```mlir
    %s2 = decode.match_stops %t, %s, %stops : tensor<?xi32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>, tensor<?x?xi32, #lm.dims<leaves, stops>>
    ```
    **Constraints:** `tokens` and `status` are `[L]`, `stops` is `[L, S]`.
  }];
  let arguments = (ins TensorOf<[I32]>:$tokens, TensorOf<[I32]>:$status, TensorOf<[I32]>:$stops);
  let results = (outs TensorOf<[I32]>:$result);
  let assemblyFormat = "$tokens `,` $status `,` $stops attr-dict `:` type($tokens) `,` type($status) `,` type($stops)";
  let hasVerifier = 1;
}

def Decode_TopLogprobsOp : Decode_EvalOp<"top_logprobs", [Pure, DeclareOpInterfaceMethods<InferTypeOpInterface>,
    DeclareOpInterfaceMethods<Lm_CostOpInterface>, DeclareOpInterfaceMethods<Lm_ShardingOpInterface>,
    DeclareOpInterfaceMethods<Decode_PartsOpInterface>]> {
  let summary = "per leaf, the most probable tokens and their log probabilities";
  let description = [{
    Row `l` of the results holds the `counts[l]` tokens of the largest logits in
    falling order, of equal ones the lowest id first, and for each
    `logits[token] - log(sum_v exp(logits[v]))`: the distribution that the
    logprob of `decode.choose_greedy` and `decode.choose_sample` is of. Masked
    tokens are none of them. What is left of a row, all of it where a logit is NaN
    or infinite, is token -1 and 0. The width of the results is the extent `tops`
    of the step, the largest count; a leaf of count 0 is not looked at.

    ```mlir
    %t, %lp = decode.top_logprobs %l, %counts : tensor<?x2048xf32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>
    ```
    **Constraints:** logits are `[L, V]`, `counts` is `[L]`.
  }];
  let arguments = (ins TensorOf<[F32]>:$logits, TensorOf<[I32]>:$counts);
  let results = (outs TensorOf<[I32]>:$tokens, TensorOf<[F32]>:$logprobs);
  let assemblyFormat = "$logits `,` $counts attr-dict `:` type($logits) `,` type($counts)";
  let hasVerifier = 1;
}

include "dialects/Decode/DecodeStrategyOps.td"
include "dialects/Decode/DecodeGroupOps.td"
include "dialects/Decode/DecodeDraftOps.td"
include "dialects/Decode/DecodeVerifyOps.td"
include "dialects/Decode/DecodeRunOps.td"
include "dialects/Decode/DecodePartOps.td"

#endif // PLAIT_DECODE_OPS
