//===- DecodeStrategyOps.td - Ops on one sequence ----------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DECODE_STRATEGY_OPS
#define PLAIT_DECODE_STRATEGY_OPS

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

def Decode_StrategyOp : Decode_Op<"strategy", [Symbol, IsolatedFromAbove, SingleBlock]> {
  let summary = "a decoding strategy, written for one sequence";
  let description = [{
    ```mlir
    decode.strategy @ar(%s: !decode.sequence<@main>) exact identical {
      %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
        %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
        %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<1>
        %l = decode.head %h : !decode.hidden<@main>
        %p = decode.verify_sample %b, %l [#decode.warp<temperature>, #decode.warp<top_k>] : !decode.block<1>, !decode.logits<@main>
        %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
        %done = decode.stop %y : !decode.sequence<@main>
        decode.yield %y until %done : !decode.sequence<@main>
      }
      decode.return %end : !decode.sequence<@main>
    }
    ```
    The first argument is the sequence that the user reads. Further ones, of the same model
    or of draft models, begin with the same text and nothing in their states. `exact` says
    how the text relates to the autoregressive one; `plait-check-exactness` proves it. `call`
    is what a user asked for, such as `"prompt_lookup(k=4)"`.

    **Constraints:** arguments are sequences of existing `lm.model`s with one vocabulary, one
    at least, each used by the round alone; the body is initial values (`decode.new_*`), one
    `decode.round` and a `decode.return` of its results, of which the first is the sequence.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, OptionalAttr<Decode_Exactness>:$exact, OptionalAttr<StrAttr>:$call);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    RoundOp getRound();
    /// Whether its forwards have become steps (`plait-outline-steps`).
    bool isOutlined();
  }];
}

def Decode_RoundOp : Decode_EvalOp<"round", [SingleBlock]> {
  let summary = "repeats its region until it says stop";
  let description = [{
    One iteration is the unit of batching, capture and preemption.

    **Constraints:** initial values, block arguments and results have the same
    types; the terminator is a `decode.yield ... until` of those types; every sequence, group and
    stage is used up exactly once, by its last use, in the region that it is from. A loop
    yields each sequence in its own place (`plait-check-exactness`).
  }];
  let arguments = (ins Variadic<AnyType>:$inits);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
}

def Decode_RepeatOp : Decode_EvalOp<"repeat", [SingleBlock, AttrSizedOperandSegments]> {
  let summary = "repeats its region a bounded number of times within a round";
  let description = [{
    `count` times, or as often as `times` says if that is less; no further once the region
    says so, or a sequence that it carries has a pending token beyond its last position.

    ```mlir
    %c, %g = decode.repeat 4 iter(%b = %b0, %e = %d) : !decode.block<5>, !decode.sequence<@draft> {
      ...
      decode.yield %b1, %e1 : !decode.block<5>, !decode.sequence<@draft>
    }
    ```
    **Constraints:** `count` is positive, else as for `decode.round`; the `until` of the
    yield may be left out.
  }];
  let arguments = (ins ConfinedAttr<I64Attr, [IntPositive]>:$count, Variadic<AnyType>:$inits, Optional<Index>:$times);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
}

def Decode_YieldOp : Decode_Op<"yield", [Pure, Terminator, AttrSizedOperandSegments, 
    ParentOneOf<["RoundOp", "RepeatOp", "EachOp", "SelectOp"]>]> {
  let summary = "values for the next iteration, and whether there is none; what a region says of a member";
  let arguments = (ins Variadic<AnyType>:$values, Optional<I1>:$stop);
  let assemblyFormat = "$values (`until` $stop^)? attr-dict `:` type($values)";
}

def Decode_ReturnOp : Decode_Op<"return", [Pure, Terminator, ParentOneOf<["StrategyOp", "StepOp"]>,
    DeclareOpInterfaceMethods<Lm_ShardingOpInterface>]> {
  let summary = "ends a strategy or a step";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Sequences
//===----------------------------------------------------------------------===//

def Decode_CommitOp : Decode_EvalOp<"commit", [DeclareOpInterfaceMethods<InferTypeOpInterface>, Decode_RoundOpInterface]> {
  let summary = "publishes the accepted part of a stage and drops the rest";
  let description = [{
    The accepted tokens of the path become part of the sequence, their staged
    keys and values part of its state; the path's next token is the new pending
    token. What follows a token that ends the sequence is dropped. A path without a next
    token, as a logit was not finite, ends it after the accepted tokens.

    ```mlir
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    ```
    **Constraints:** the stage comes from a forward, or the run of a step, of the same
    sequence value, and the path from a rule, or a walk, on the block of that forward.
  }];
  let arguments = (ins Decode_SequenceType:$sequence, Decode_StageType:$stage, Decode_PathType:$path);
  let results = (outs Decode_SequenceType:$result);
  let assemblyFormat = "$sequence `,` $stage `,` $path attr-dict `:` type($sequence) `,` type($stage)";
  let hasVerifier = 1;
}

def Decode_FollowOp : Decode_EvalOp<"follow", [Pure, AllTypesMatch<["sequence", "result"]>, Decode_RoundOpInterface]> {
  let summary = "a draft sequence that goes on from the text of another";
  let description = [{
    The sequence gets the text of `other`. What its state has of that text stays, what it
    has beyond or otherwise is dropped, and what is missing is pending: one token, or two
    if all that it drafted was accepted.

    ```mlir
    %e = decode.follow %f, %y : !decode.sequence<@draft>, !decode.sequence<@main>
    ```
    **Constraints:** `sequence` is a draft of its own: neither the text nor a fork
    (`plait-check-exactness`).
  }];
  let arguments = (ins Decode_SequenceType:$sequence, Decode_SequenceType:$other);
  let results = (outs Decode_SequenceType:$result);
  let assemblyFormat = "$sequence `,` $other attr-dict `:` type($sequence) `,` type($other)";
}

def Decode_ForkOp : Decode_EvalOp<"fork", [AllTypesMatch<["sequence", "result"]>, Decode_RoundOpInterface]> {
  let summary = "a second handle on a sequence, to draft with";
  let description = [{
    Copies nothing: what the fork commits goes into the state beyond what `sequence` has
    published, where the next forward of `sequence` writes anew. It is dropped at the
    end, by a `decode.drop`.

    ```mlir
    %w = decode.fork %x : !decode.sequence<@main>
    ```
    **Constraints:** `sequence` is neither forwarded nor committed while a fork of it lives.
  }];
  let arguments = (ins Decode_SequenceType:$sequence);
  let results = (outs Decode_SequenceType:$result);
  let assemblyFormat = "$sequence attr-dict `:` type($sequence)";
}

def Decode_DropOp : Decode_EvalOp<"drop", [Decode_RoundOpInterface]> {
  let summary = "ends a fork";
  let arguments = (ins Decode_SequenceType:$sequence);
  let assemblyFormat = "$sequence attr-dict `:` type($sequence)";
  let hasVerifier = 1;
}

def Decode_StopOp : Decode_EvalOp<"stop", [Pure, Decode_RoundOpInterface]> {
  let summary = "whether the sequence has ended: a stop id was chosen, or its budget is spent";
  let arguments = (ins Decode_SequenceType:$sequence);
  let results = (outs I1:$stop);
  let assemblyFormat = "$sequence attr-dict `:` type($sequence)";
}

//===----------------------------------------------------------------------===//
// Model
//===----------------------------------------------------------------------===//

def Decode_ForwardOp : Decode_EvalOp<"forward", [DeclareOpInterfaceMethods<InferTypeOpInterface>,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>, Decode_StagingOpInterface]> {
  let summary = "runs the sequence's model over a block; the only op that touches layer weights";
  let description = [{
    Keys and values of the block are staged after the sequence's published
    state; the sequence itself does not change.

    ```mlir
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<1>
    %h2, %st2 = decode.forward %w, %c skip [3, 5, 6] : !decode.sequence<@main>, !decode.block<1>
    %h3, %st3, %t:2 = decode.forward %x, %b taps [1, 4] : !decode.sequence<@main>, !decode.block<1>
    %h4, %st4 = decode.forward %w, %c skip [1, attention.2, mlp.3] : !decode.sequence<@main>, !decode.block<1>
    %h5, %st5 = decode.forward %w, %c skip [[1, 2], [attention.1, mlp.2]] by %v : !decode.sequence<@main>, !decode.block<1>
    ```
    With `skip` some layers are left out, or the attention or the MLP of some alone: the residual stream passes them by. Keys
    and values of the block do not exist in a layer without its attention, and none of that layer is read (SWIFT, Xia et al. 2024).
    Of several sets `by` says which one; each becomes a step.

    With `taps` there is a further result for each layer that is named: the residual stream
    behind it, which the next layer begins with, as hidden states of the nodes. If nothing uses
    the final hidden states, the forward ends behind the last tap (early exit): the layers
    behind it are left out as by `skip`.

    **Constraints:** skipped layers ascend and are none twice; so do tapped ones, which are layers of
    the model's one loop over layers of one kind, and not skipped, nor is a sublayer of them; there is one set, or as many as the
    `decode.choose_variant` that `by` is of.
  }];
  let arguments = (ins Decode_SequenceType:$sequence, Decode_BlockType:$block, Optional<Index>:$variant,
                       OptionalAttr<Decode_SublayersArrayAttr>:$skip, OptionalAttr<DenseI64ArrayAttr>:$tapped);
  let results = (outs Decode_HiddenType:$hidden, Decode_StageType:$stage, Variadic<Decode_HiddenType>:$taps);
  let assemblyFormat = [{
    $sequence `,` $block (`skip` custom<SublayerSets>($skip)^)? (`by` $variant^)? (`taps` $tapped^)? attr-dict `:`
    type($sequence) `,` type($block)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Whether it ends behind its last tap.
    bool exitsEarly() { return !getTaps().empty() && getHidden().use_empty(); }
    /// The sets of sublayers that are left out, by their numbers: one at least, which may be empty.
    llvm::SmallVector<llvm::SmallVector<int64_t>> getSkipSets();
    /// Whether it goes through all layers.
    bool isWhole();
    /// Those of a set, and in a model with `layers` those behind the last tap if it ends there, in order.
    llvm::SmallVector<int64_t> getSkippedSublayers(size_t set, int64_t layers);
  }];
}

def Decode_HeadOp : Decode_EvalOp<"head", [Pure, DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "logits of a block's nodes";
  let description = [{
    By the model's `@head`, or another of its functions from hidden states to logits. Of a tap, or of
    a leaf of one, the model's head comes after what `@forward` does behind its layers, that is the final
    norm: the logits of the model that ends there. Another function takes the tap as it is.

    ```mlir
    %l = decode.head %h : !decode.hidden<@main>
    %m = decode.head %h by @medusa_0 : !decode.hidden<@main>
    %e = decode.head %t : !decode.hidden<@main>   // of a tap: early exit
    ```
  }];
  let arguments = (ins Decode_HiddenType:$hidden, OptionalAttr<FlatSymbolRefAttr>:$function);
  let results = (outs Decode_LogitsType:$logits);
  let assemblyFormat = "$hidden (`by` $function^)? attr-dict `:` type($hidden)";
}

def Decode_LeafOp : Decode_EvalOp<"leaf", [Pure, AllTypesMatch<["hidden", "result"]>, Decode_RoundOpInterface]> {
  let summary = "the hidden state of the last accepted node";
  let arguments = (ins Decode_HiddenType:$hidden, Decode_PathType:$path);
  let results = (outs Decode_HiddenType:$result);
  let assemblyFormat = "$hidden `,` $path attr-dict `:` type($hidden)";
}

def Decode_EditOp : Decode_EvalOp<"edit", [Pure, AllTypesMatch<["logits", "result"]>]> {
  let summary = "logits with the sequence's own wishes and penalties";
  let description = [{
    What the sequence asks for, token by token, in this order:

    1. the token's logit bias is added; a token that would end the sequence
       before it has `min_tokens` generated ones is masked;
    2. a token that the text holds, prompt included, has its logit divided by
       the repetition penalty if it is positive and multiplied by it if not;
    3. a token that was generated `c > 0` times loses `presence + c * frequency`.

    The text of a node is that of the sequence and of the nodes on its path. With
    `history prefix` it is that of the sequence alone, which is cheaper and wrong.

    Each of the values may be neutral, and then costs nothing. The batched form
    is `decode.edit_logits`, which says what a masked token is. What follows
    (warps, draw, log probabilities) sees the edited logits alone.

    ```mlir
    %e = decode.edit %x, %l : !decode.sequence<@main>, !decode.logits<@main>
    ```
    **Constraints:** the logits come from a forward of the same sequence value.
  }];
  let arguments = (ins Decode_SequenceType:$sequence, Decode_LogitsType:$logits,
                       DefaultValuedAttr<Decode_History, "::plait::decode::History::path">:$history);
  let results = (outs Decode_LogitsType:$result);
  let assemblyFormat = "$sequence `,` $logits (`history` $history^)? attr-dict `:` type($sequence) `,` type($logits)";
  let hasVerifier = 1;
}

#endif // PLAIT_DECODE_STRATEGY_OPS
