//===- Passes.td - Passes of the decode phase --------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DECODE_PASSES
#define PLAIT_DECODE_PASSES

include "mlir/Pass/PassBase.td"

def AttachStrategyPass : Pass<"plait-attach-strategy", "::mlir::ModuleOp"> {
  let summary = "Adds the autoregressive strategy, whose step others run";
  let description = [{
    Adds `decode.strategy @ar` over the model `model`: each round forwards the
    pending token, edits its logits as the sequence asks, draws the successor
    with all warps (a row chooses greedily with temperature 0) and commits it. A module is
    left as it is if it has a strategy @ar or a step, or if each of its strategies is one
    step itself.
  }];
  let options = [Option<"model", "model", "std::string", "\"main\"", "Symbol of the model to decode">];
  let dependentDialects = ["::plait::decode::DecodeDialect"];
}

def CheckExactnessPass : Pass<"plait-check-exactness", "::mlir::ModuleOp"> {
  let summary = "Proves how a strategy's text relates to the autoregressive one";
  let description = [{
    The class of a strategy (`decode.strategy ... exact`) is the worst of what is committed
    to its text:

    | fact | at best |
    |---|---|
    | `verify_greedy`, `verify_sample` on whole logits | identical |
    | `verify_reject`, `verify_jacobi` | distribution |
    | `verify_momentum` | reference |
    | `select`, `vote` among two branches or more | reference |
    | `join`; `branch` with tokens that branches begin with | semantics |
    | `verify_typical` | approximate |
    | `verify_reject` with other warps at the end of a block (`bonus`) | approximate |
    | `verify_reject`, `verify_jacobi` of tokens drawn by the random numbers of the text (`purpose`) | approximate |
    | `verify_jacobi ... against fresh` | approximate |
    | `edit ... history prefix` | approximate |
    | a stage of a forward that skips layers, or ends at a tap | approximate |
    | drafts in a branch (`each`) whose loops may end before it has the tokens that it may have | approximate |

    What drafts do does not matter, as long as their stages stay their own. One that
    declares a better class than it has is an error at the op that keeps it from being so;
    one that declares none gets it. The class and its reason are a remark. What a group becomes is
    the text again, so that what is committed to its members counts as well.

    Refused besides: a fork that is not dropped, or lives while its sequence is forwarded or
    committed; a forward between another one of the sequence and the commit of its stage;
    a block without room for what is appended; a loop, or an `each`, that yields a sequence in the place of
    another; a round that ends when something else than its text does; a text or a fork that
    follows another sequence; a strategy whose forwards are steps already; a block with more nodes
    than a state of the model has positions.

    Of what kind a state is does not matter to a commit. A block's nodes lie behind the text in
    each of them; what is accepted is moved to its positions, and what is not is overwritten
    by the next forward. A state with a window has pages for what a round stages besides those
    of the window, however many nodes that are.
  }];
}

def AddGreedyStepsPass : Pass<"plait-add-greedy-steps", "::mlir::ModuleOp"> {
  let summary = "Adds to each step that draws one that chooses greedily";
  let description = [{
    A step that draws can also choose greedily, but it needs all logits in memory. Its twin,
    `NAME.greedy`, takes no edits and draws nothing. The runtime runs it where all leaves of a step have
    temperature 0 and no edits: so most steps never write logits (`plait-summarize-logits`).

    ```mlir
    %e = decode.edit_logits %l, %ends, %tokens, %biases, %scales, %offsets
    %t, %s, %lp = decode.choose_sample %e, %positions, %seed, %sequence temperature %temp
    ```
    becomes in the twin
    ```mlir
    %t, %s, %lp = decode.choose_greedy %l
    ```
    Tokens and log probabilities are the same bits, so that a text does not depend on which
    step computed it. Steps of other rules, heads, and steps that return logits have no twin.
  }];
  let statistics = [Statistic<"numAdded", "num-added", "Steps added">];
  let dependentDialects = ["::plait::decode::DecodeDialect"];
}

def DropDraftStatesPass : Pass<"plait-drop-draft-states", "::mlir::ModuleOp"> {
  let summary = "Erases what fills the states of layers that no strategy drafts with";
  let description = [{
    A layer `@mtp` that drafts (`decode.recur`) has keys and values of the text, which `@mtp_stage`
    fills after each forward. Where no strategy of the module has a `decode.recur ... by @mtp`, that
    function is erased, and with it the state; `@mtp` itself is code that nobody calls. Before:

    ```mlir
    lm.func @mtp(...) ; lm.func @mtp_stage(...)     // and only strategies without them
    ```
    After:

    ```mlir
    lm.func @mtp(...)
    ```
    A module whose strategies are outlined (`plait-outline-steps`) must not be run through it, as
    their steps have all states.
  }];
}

def OutlineStepsPass : Pass<"plait-outline-steps", "::mlir::ModuleOp"> {
  let summary = "Makes the forwards of a strategy runs of steps like the autoregressive one";
  let description = [{
    A forward, its head, its edit and its rule choose a token after each node of a block as
    autoregressive decoding does: they are the step of @ar over a row of many tokens, each of
    them a leaf, and a walk along what it chose. What is left of the strategy works on small
    values of one sequence. Before:

    ```mlir
    %b = decode.lookup %x longest 3 shortest 1 ; %h, %st = decode.forward %x, %b
    %l = decode.head %h ; %e = decode.edit %x, %l ; %p = decode.verify_sample %b, %e [...]
    %y = decode.commit %x, %st, %p
    ```
    After:

    ```mlir
    %b = decode.lookup %x longest 3 shortest 1 ; %c, %st = decode.run @ar(%x, %b)
    %p = decode.walk %b, %c
    %y = decode.commit %x, %st, %p
    ```
    Rules become walks by `VerifyRuleOpInterface`: `verify_sample` and `verify_greedy`, whose
    text is that of @ar; `verify_reject` and `verify_jacobi`, whose text has the distribution
    of that of @ar, so that the text of @ar is one of theirs. What the row asks for decides
    how @ar chooses, and so on the text of all of them. Draws of drafts, which may be
    any, become those of @ar for their positions. `decode.learn` becomes
    `decode.learn_choices`, from the most probable tokens that the step reports, and
    `verify_momentum` a walk that chooses from these.

    Some forwards run a step that is made for them, after @ar. One that leaves out layers,
    of a fork: `@ar_skip_1_2`, which calls a function beside `@forward` with the loop over
    layers cut, over the same weights and states; without the attention of layer 1 and the MLP of layer 2 alone it is
    `@ar_skip_a1_m2`, where what is left of these layers are loops of their own. Of several sets each has a step, and the run
    says which: `decode.run @ar_skip_1_2(%w, %b) or [@ar_skip_a1_m2] by %v`. One that `verify_typical` verifies:
    `@ar_typical`, which is told what was drafted after each node and accepts of it. One of whose hidden states a
    `decode.leaf` is taken: `@ar_hidden`, which returns those; of taps `@ar_tap_1`, where the loop over layers is cut
    behind layer 1 and the residual stream of the leaves is returned, beside the final hidden states if these
    are wanted as well (`decode.join_hidden`). A forward that ends at a tap is one that leaves out the layers
    behind it: `@ar_skip_2_3`. The model's head of a leaf of a tap is `@exit`, which is what `@forward` does
    behind its layers, and the head. `decode.head` of a leaf with
    `decode.top` becomes `decode.run_head` of a step over hidden states alone,
    `@head_medusa_0`, and goes where its result is needed: to the end of the round. `decode.recur`
    with its head becomes `decode.run_recur` of a step that takes a hidden state and a token,
    `@recur_mtp`. Steps of a model with a head that has a state call the function that fills it
    after `@forward`. `decode.prompted` becomes `decode.prompted_choices`, like `decode.learn`.

    The strategy @ar, and those that are one step themselves and that nobody called, are left
    to `plait-batch`. Refused, as they are not compiled yet: groups of sequences, prompts in a
    block that is not of `decode.expand_prompts`, layers to tap of a model whose layers are of several kinds, single sublayers to skip
    where they are not sums with the one residual stream that layers hand on, other heads than the
    model's for all nodes, logits of a tap for all nodes where the forward does not end there, other uses of logits than one edit,
    one rule, `decode.learn` and `decode.prompted`, rules of another distribution; of the text, too, logits that
    @ar edits and the strategy does not (or the reverse), penalties of the prefix, other warps
    than those of @ar, layers to skip, and another model than its. Of a draft model, layers to
    skip and heads.
  }];
  let options = [Option<"step", "step", "std::string", "\"ar\"", "Symbol of the strategy whose step is run">];
  let dependentDialects = ["::plait::decode::DecodeDialect"];
}

def BatchPass : Pass<"plait-batch", "::mlir::ModuleOp"> {
  let summary = "Makes a ragged step of the round of each strategy that is one";
  let description = [{
    A strategy speaks of one sequence; a step runs one round for every row of a
    batch. Strategies that run steps (`plait-outline-steps`) stay as they are. Rows are ragged: each contributes as many tokens as it has pending
    (one while generating, a chunk while its prompt is read). Before:

    ```mlir
    %b = decode.pending %x ; %h, %st = decode.forward %x, %b ; %l = decode.head %h
    %e = decode.edit %x, %l ; %p = decode.verify_greedy %b, %e ; %y = decode.commit %x, %st, %p ; %d = decode.stop %y
    ```
    After, with tokens of all rows side by side and heads only at the leaves:

    ```mlir
    decode.step @ar(%ids, %pos, %rows, %kv, %leaves, %stops, %counts, ...) {
      %h, %kv2 = lm.call @main::@forward(%ids, %pos, %rows, %kv)
      %l = lm.call @main::@head(lm.take_rows %h, %leaves)
      %e = decode.edit_logits %l, %ends, %tokens, %biases, %scales, %offsets
      %t, %s, %lp = decode.choose_greedy %e
      %tt, %tlp = decode.top_logprobs %e, %counts
      decode.return %t, decode.match_stops(%t, %s, %stops), %lp, %tt, %tlp
    }
    ```
    A strategy without `decode.edit` has no edited logits, and its step takes no
    edits.

    A model with several states has an argument for each. The commit of a state
    needs no code: staged cells become part of the sequence when the runtime
    advances its length, and leave a window when it gives their pages back.

    With `debug-logits` a second step `@NAME.debug` also returns the logits, as the head computed them.
    Only rounds of the shape above are batched; another one is an error that
    names the op.
  }];
  let options = [Option<"debugLogits", "debug-logits", "bool", "false",
                        "Also make a variant that returns the logits of every leaf">];
  let dependentDialects = ["::plait::decode::DecodeDialect"];
}

def VerifyDecodePass : Pass<"plait-verify-decode", "::mlir::ModuleOp"> {
  let summary = "Checks what holds after the decode phase";
  let description = [{
    At least one `decode.step`; a `decode.strategy` runs steps, and has no forward; every step takes tokens,
    positions, rows, states and leaves, or hidden states, and returns chosen tokens and their status.
  }];
}

#endif // PLAIT_DECODE_PASSES
