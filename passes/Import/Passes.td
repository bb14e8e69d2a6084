//===- Passes.td - Passes of the import phase --------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_IMPORT
#define PLAIT_PASSES_IMPORT

include "mlir/Pass/PassBase.td"

def EvaluatePass : Pass<"plait-evaluate", "::mlir::ModuleOp"> {
  let summary = "Runs IR in double precision and prints what it computes";
  let description = [{
    Runs a model, or one of its functions, by the reference semantics of its ops
    (`EvaluableOpInterface`). Nothing is lowered and the IR does not change. It
    is the yardstick that every lowering is compared with.

    Without `function`, the model's `@forward` and then its `@head` run over
    `tokens`, all sequences in one ragged step; the logits of every token are the
    result. `new-tokens` then continues each sequence greedily, one token of each
    at a time.

    ```
    plait-opt model.mlir --plait-evaluate='weights=random:0 tokens=1,2,3;7,8 new-tokens=4'
    ```

    With `function=model::name` or a `decode.step`, its arguments come from the
    safetensors file `inputs`: tensors `arg0`, `arg1`, ... An `!lm.rows` argument
    is an integer vector; one that is missing puts every token into row 0. A state
    starts empty and is not among the results.

    With the name of a `decode.strategy`, it runs for each sequence of `tokens` by
    itself until it stops; sequence i draws as sequence number i. With `outcomes` it runs
    once for each combination of what its draws may give, at most 10^6 of them: the results
    are all texts, filled up with -1, and the probability of each: the nearest f32, and
    numerator and denominator without a rounding, as digits to the base 10^9, the lowest
    first. Weights are the doubles that warps leave; all that follows from them is exact.

    A tensor is printed as name, shape and elements to six digits.
  }];
  let options = [
    Option<"function", "function", "std::string", /*default=*/"\"\"",
           "a function such as main::forward, or a strategy; empty: forward and head of the model">,
    Option<"tokens", "tokens", "std::string", /*default=*/"\"\"",
           "token ids of a sequence, sequences separated by ';': 1,2,3;4,5">,
    Option<"newTokens", "new-tokens", "int64_t", /*default=*/"0",
           "tokens to add greedily to each sequence">,
    Option<"weights", "weights", "std::string", /*default=*/"\"\"",
           "a model folder, a GGUF or .safetensors file, or random:SEED">,
    Option<"inputs", "inputs", "std::string", /*default=*/"\"\"",
           "safetensors file with the function's arguments arg0, arg1, ...">,
    Option<"output", "output", "std::string", /*default=*/"\"\"",
           "safetensors file to write the results to">,
    Option<"temperature", "temperature", "double", /*default=*/"0.0", "of a strategy's draws; 0: greedy">,
    Option<"topK", "top-k", "int64_t", /*default=*/"0", "of a strategy's draws; 0: off">,
    Option<"topP", "top-p", "double", /*default=*/"1.0", "of a strategy's draws; 1: off">,
    Option<"minP", "min-p", "double", /*default=*/"0.0", "of a strategy's draws; 0: off">,
    Option<"seed", "seed", "uint64_t", /*default=*/"0", "of a strategy's draws">,
    Option<"outcomes", "outcomes", "bool", /*default=*/"false", "go through all draws of a strategy on one sequence">,
    Option<"repetitionPenalty", "repetition-penalty", "double", /*default=*/"1.0", "of a strategy's edits; 1: off">,
    Option<"presencePenalty", "presence-penalty", "double", /*default=*/"0.0", "of a strategy's edits; 0: off">,
    Option<"frequencyPenalty", "frequency-penalty", "double", /*default=*/"0.0", "of a strategy's edits; 0: off">,
    ListOption<"logitBias", "logit-bias", "std::string", "of a strategy's edits: ID:VALUE, ...">,
    Option<"minNewTokens", "min-new-tokens", "int64_t", /*default=*/"0", "tokens before a stop id may come">,
    ListOption<"stopIds", "stop-ids", "int64_t", "token ids that end a strategy's sequence">,
    Option<"print", "print", "bool", /*default=*/"true", "print the results">
  ];
}

def PrintCostPass : Pass<"plait-print-cost", "::mlir::ModuleOp"> {
  let summary = "Prints the symbolic cost of each function of each model";
  let description = [{
    One line per function and kind of cost: a linear form in the tokens T, rows
    R and leaves L of a step, and in P, the KV length summed over its tokens. The
    IR does not change.
  }];
}

def VerifyImportPass : Pass<"plait-verify-import", "::mlir::ModuleOp"> {
  let summary = "Checks what holds after the import phase";
  let description = [{
    At least one `lm.model`; every model has `@forward(ids, positions, rows,
    state...) -> (hidden, state...)` and `@head(hidden) -> logits` with the extents
    named tokens and leaves.
  }];
}

#endif // PLAIT_PASSES_IMPORT
