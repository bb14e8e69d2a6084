//===- DecodeRunOps.td - Strategies whose forwards are steps *- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What `plait-outline-steps` makes of a strategy: a forward, its head, edits and rule are a
// step and a walk; what is left works on small values of one sequence
// (runtime/decode/rounds). After any path the step chooses the token that autoregressive
// decoding would choose there, so a walk accepts a drafted token if it is that one.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DECODE_RUN_OPS
#define PLAIT_DECODE_RUN_OPS

def Decode_RunOp : Decode_EvalOp<"run", [DeclareOpInterfaceMethods<InferTypeOpInterface>,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>, Decode_StagingOpInterface, Decode_RoundOpInterface]> {
  let summary = "runs a step over a block; what it chose after each node";
  let description = [{
    The row of the sequence in a `decode.step` of its model: its pending tokens and the
    block's nodes, of which each is a leaf. Logits of a node are edited as by `decode.edit`
    for the path to it, and the choice is that of `decode.verify_sample` with all warps, or of
    the rule that the step was made for. With
    `top`, that many most probable tokens of the edited logits are known of each node. Keys
    and values are staged as by `decode.forward`. With `hidden` there is a third result, the
    hidden states of the nodes, and with `taps` so many more, behind it, of the layers that the step is named for. A
    step that leaves out layers stages nothing for these.

    ```mlir
    %c, %st = decode.run @ar(%x, %b) top 8 : !decode.sequence<@main>, !decode.block<5>
    %c2, %st2, %h = decode.run @ar_hidden(%x, %b) hidden : !decode.sequence<@main>, !decode.block<5>
    %c3, %st3 = decode.run @ar_skip_1_2(%w, %one) : !decode.sequence<@main>, !decode.block<1>
    %c4, %st4, %t = decode.run @ar_tap_1(%x, %b) taps 1 : !decode.sequence<@main>, !decode.block<5>
    %c5, %st5 = decode.run @ar_skip_1_2(%w, %one) or [@ar_skip_1] by %v : !decode.sequence<@main>, !decode.block<1>
    ```
    With `by` it is one of several steps: the first, or one of the others, whose numbers begin with 1.

    **Constraints:** the symbols are those of `decode.step`s, or of the `decode.strategy` that
    becomes one. For the sequence of another model it is of that model's own program.
  }];
  let arguments = (ins FlatSymbolRefAttr:$step, Decode_SequenceType:$sequence, Decode_BlockType:$block,
                       Optional<Index>:$variant, OptionalAttr<FlatSymbolRefArrayAttr>:$others,
                       DefaultValuedAttr<ConfinedAttr<I64Attr, [IntNonNegative]>, "0">:$top,
                       UnitAttr:$with_hidden,
                       DefaultValuedAttr<ConfinedAttr<I64Attr, [IntNonNegative]>, "0">:$num_taps);
  let results = (outs Decode_ChoicesType:$choices, Decode_StageType:$stage, Variadic<Decode_HiddenType>:$states);
  let assemblyFormat = [{
    $step `(` $sequence `,` $block `)` (`or` $others^)? (`by` $variant^)? (`top` $top^)? (`hidden` $with_hidden^)?
    (`taps` $num_taps^)? attr-dict `:` type($sequence) `,` type($block)
  }];
  let extraClassDeclaration = [{
    /// The hidden states of the nodes, or null.
    mlir::Value getHidden() { return getWithHidden() ? getStates().front() : mlir::Value(); }
    mlir::ValueRange getTaps() { return getStates().take_back(getNumTaps()); }
    /// By the number of the variant.
    llvm::SmallVector<mlir::FlatSymbolRefAttr> getSteps();
    llvm::StringRef getRoundName() { return "forward"; }
    mlir::DictionaryAttr getRoundAttributes();
  }];
}

def Decode_RunHeadOp : Decode_EvalOp<"run_head", [DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    Decode_RoundOpInterface]> {
  let summary = "runs a step that is a head; the most probable tokens of one node";
  let description = [{
    `decode.head ... by` and `decode.top` for the hidden state of one node. Tokens are in
    falling order of their logits, of equal ones the lowest id first. There are none where a
    logit is not finite, nor after the text's end.

    ```mlir
    %c = decode.run_head @head_medusa_0(%leaf) : !decode.hidden<@main> -> !decode.candidates<3>
    ```
    **Constraints:** the symbol is that of a `decode.step` with an argument of role hidden.
  }];
  let arguments = (ins FlatSymbolRefAttr:$step, Decode_HiddenType:$hidden);
  let results = (outs Decode_CandidatesType:$result);
  let assemblyFormat = "$step `(` $hidden `)` attr-dict `:` type($hidden) `->` type($result)";
  let extraClassDeclaration = [{
    llvm::StringRef getRoundName() { return "head"; }
    mlir::DictionaryAttr getRoundAttributes();
  }];
}

def Decode_RunRecurOp : Decode_EvalOp<"run_recur", [DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    Decode_RoundOpInterface]> {
  let summary = "runs a step over a hidden state and the token after it; what follows, and the next hidden state";
  let description = [{
    `decode.recur`, `decode.head ... by` and `decode.top` as one step. There are no candidates
    where there is no token, nor a position for it, nor after the text's end.

    ```mlir
    %c, %h1 = decode.run_recur @recur_mtp(%leaf, %p in %y) : !decode.hidden<@main>, !decode.path, !decode.sequence<@main> -> !decode.candidates<3>, !decode.hidden<@main>
    ```
    **Constraints:** the symbol is that of a `decode.step` with arguments of the roles hidden
    and tokens.
  }];
  let arguments = (ins FlatSymbolRefAttr:$step, Decode_HiddenType:$hidden,
                       AnyTypeOf<[Decode_PathType, Decode_CandidatesType]>:$token, Decode_SequenceType:$sequence);
  let results = (outs Decode_CandidatesType:$candidates, Decode_HiddenType:$next);
  let assemblyFormat = [{
    $step `(` $hidden `,` $token `in` $sequence `)` attr-dict `:` type($hidden) `,` type($token) `,` type($sequence)
    `->` type($candidates) `,` type($next)
  }];
  let extraClassDeclaration = [{
    llvm::StringRef getRoundName() { return "recur"; }
    mlir::DictionaryAttr getRoundAttributes();
  }];
}

class Decode_WalkOpBase<string mnemonic> : Decode_EvalOp<mnemonic, [Pure, Decode_RoundOpInterface]> {
  let hasVerifier = 1;
}

def Decode_WalkOp : Decode_WalkOpBase<"walk"> {
  let summary = "the path along what a step has chosen";
  let description = [{
    From the root to the first node whose choice was not drafted after it, which is the next
    pending token. The path of `decode.verify_sample`, and of the greedy rule at temperature
    0. It stands for rejection sampling, too: the text is distributed the same, and a draft
    is accepted the more often as draws of a draft, by the text's random numbers, come out
    like those of the text.

    ```mlir
    %p = decode.walk %b, %c : !decode.block<5>
    ```
    **Constraints:** the choices are those of a `decode.run` over the block.
  }];
  let arguments = (ins Decode_BlockType:$block, Decode_ChoicesType:$choices);
  let results = (outs Decode_PathType:$path);
  let assemblyFormat = "$block `,` $choices attr-dict `:` type($block)";
}

def Decode_WalkGuessesOp : Decode_WalkOpBase<"walk_guesses"> {
  let summary = "the path along what a step has chosen, and guesses for the next round";
  let description = [{
    The path of `decode.walk`. What was chosen after each node beyond the accepted ones is a
    guess for the next round; it stands for `decode.verify_jacobi`.

    ```mlir
    %p, %g = decode.walk_guesses %b, %c : !decode.block<9> -> !decode.guesses<8>
    ```
    **Constraints:** the choices are those of a `decode.run` over the block, a chain of one
    node more than there are guesses.
  }];
  let arguments = (ins Decode_BlockType:$block, Decode_ChoicesType:$choices);
  let results = (outs Decode_PathType:$path, Decode_GuessesType:$guesses);
  let assemblyFormat = "$block `,` $choices attr-dict `:` type($block) `->` type($guesses)";
}

def Decode_WalkMomentumOp : Decode_WalkOpBase<"walk_momentum"> {
  let summary = "the path of momentum decoding, from what a step reports";
  let description = [{
    The path of `decode.verify_momentum`, chosen from the most probable tokens that the step
    reports of each node.

    ```mlir
    %p = decode.walk_momentum %b, %c after %x alpha 0.2 resistance [1.0, 3.0, 4.0, 5.0] : !decode.block<1>, !decode.sequence<@main>
    ```
    **Constraints:** the choices are those of a `decode.run` over the block, with a `top`.
  }];
  let arguments = (ins Decode_BlockType:$block, Decode_ChoicesType:$choices, Decode_SequenceType:$sequence,
                       F64Attr:$alpha, DenseF64ArrayAttr:$resistance);
  let results = (outs Decode_PathType:$path);
  let assemblyFormat = [{
    $block `,` $choices `after` $sequence `alpha` $alpha `resistance` $resistance attr-dict `:` type($block) `,`
    type($sequence)
  }];
}

def Decode_LearnChoicesOp : Decode_EvalOp<"learn_choices", [Pure, AllTypesMatch<["successors", "result"]>,
    Decode_RoundOpInterface]> {
  let summary = "remembers the most probable successors that a step reports of a block's tokens";
  let description = [{
    `decode.learn` from what a `decode.run` with `top` says of each node: of edited logits.

    ```mlir
    %a1 = decode.learn_choices %a, %b, %c : !decode.successors<8>, !decode.block<5>
    ```
    **Constraints:** the choices are those of a `decode.run` over the block, with a `top` of
    as many tokens as are remembered, or more.
  }];
  let arguments = (ins Decode_SuccessorsType:$successors, Decode_BlockType:$block, Decode_ChoicesType:$choices);
  let results = (outs Decode_SuccessorsType:$result);
  let assemblyFormat = "$successors `,` $block `,` $choices attr-dict `:` type($successors) `,` type($block)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    llvm::StringRef getRoundName() { return "learn"; }
    mlir::DictionaryAttr getRoundAttributes();
  }];
}

def Decode_PromptedChoicesOp : Decode_EvalOp<"prompted_choices", [Pure, Decode_RoundOpInterface]> {
  let summary = "the most probable tokens that a step reports after the prompts of the last accepted node";
  let description = [{
    `decode.prompted` from what a `decode.run` with `top` says of each node: of edited logits.

    ```mlir
    %c0, %c1 = decode.prompted_choices %b, %c, %p : !decode.block<tree 20 prompts 6> -> !decode.candidates<3>, !decode.candidates<2>
    ```
    **Constraints:** the choices are those of a `decode.run` over the block, with a `top` of
    as many tokens as the largest result has, or more.
  }];
  let arguments = (ins Decode_BlockType:$block, Decode_ChoicesType:$choices, Decode_PathType:$path);
  let results = (outs Variadic<Decode_CandidatesType>:$candidates);
  let assemblyFormat = "$block `,` $choices `,` $path attr-dict `:` type($block) `->` type($candidates)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    llvm::StringRef getRoundName() { return "prompted"; }
    mlir::DictionaryAttr getRoundAttributes();
  }];
}

#endif // PLAIT_DECODE_RUN_OPS
