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
  let summary = "Gives a model that has no decoding strategy the autoregressive one";
  let description = [{
    Adds `decode.strategy @ar` over the model `model`: each round forwards the
    pending token, edits its logits as the sequence asks, draws the successor
    with all warps (a row chooses greedily with temperature 0) and commits it. A module that has a strategy is left
    as it is.
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
    | `verify_typical` | approximate |
    | `verify_reject` with other warps at the end of a block (`bonus`) | approximate |
    | `verify_reject`, `verify_jacobi` of tokens drawn by the random numbers of the text (`purpose`) | approximate |
    | `verify_jacobi ... against fresh` | approximate |
    | `edit ... history prefix` | approximate |
    | a stage of a forward that skips layers | approximate |

    What drafts do does not matter, as long as their stages stay their own. One that
    declares a better class than it has is an error at the op that keeps it from being so;
    one that declares none gets it. The class and its reason are a remark.

    Refused besides: a fork that is not dropped, or lives while its sequence is forwarded or
    committed; a forward between another one of the sequence and the commit of its stage;
    a block without room for what is appended; a loop that yields a sequence in the place of
    another; a round that ends when something else than its text does; a text or a fork that
    follows another sequence.
  }];
}

def BatchPass : Pass<"plait-batch", "::mlir::ModuleOp"> {
  let summary = "Makes a ragged step of each strategy's round";
  let description = [{
    A strategy speaks of one sequence; a step runs one round for every row of a
    batch. Rows are ragged: each contributes as many tokens as it has pending
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
    At least one `decode.step`, no `decode.strategy`; every step takes tokens,
    positions, rows, states and leaves and returns chosen tokens and their status.
  }];
}

#endif // PLAIT_DECODE_PASSES
