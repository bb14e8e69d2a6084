//===- Passes.td - Passes of the lower phase ---------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LOWER_PASSES
#define PLAIT_LOWER_PASSES

include "mlir/Pass/PassBase.td"

def LowerStrategiesPass : Pass<"plait-lower-strategies", "::mlir::ModuleOp"> {
  let summary = "Writes strategies as the round programs that the runtime interprets";
  let description = [{
    Each `decode.strategy`, whose forwards are runs of steps, becomes an `rt.strategy`. Its
    values get numbers; ops become what `RoundOpInterface` says of them; stages, which
    the runtime knows by their sequence, have none.

    ```mlir
    %b = decode.lookup %x longest 3 shortest 1 : <@main> -> <5>
    ```
    becomes
    ```mlir
    {op = "lookup", operands = array<i64: 1>, results = array<i64: 2>, longest = 3, shortest = 1, size = 5}
    ```
    Models of sequences that no step here runs, those of drafts, are programs of their own:
    they are erased.
  }];
  let dependentDialects = ["::plait::rt::RtDialect"];
}

def InlineModelPass : Pass<"plait-inline-model", "::mlir::ModuleOp"> {
  let summary = "Inlines the model's functions into the steps";
  let description = [{
    Replaces each `lm.call` in a `decode.step` by the body of its callee.
    Weights are then named from outside the model:

    ```mlir
    %w = lm.get_weight @q          // in lm.func
    %w = lm.get_weight @main::@q   // in decode.step
    ```
  }];
}

def DecomposeAttentionPass : Pass<"plait-decompose-attention", "::mlir::ModuleOp"> {
  let summary = "Splits lm.attention into lm.stage and lm.attend";
  let description = [{
    All of a step's keys and values must be in the state before any of its
    tokens attends, so the two halves are launches of their own.

    ```mlir
    %o, %s = lm.attention %q, %k, %v, %kv, %rows, %pos scale 0.5
    ```
    becomes
    ```mlir
    %s = lm.stage %k, %v, %kv, %rows, %pos
    %o = lm.attend %q, %s, %rows, %pos scale 0.5
    ```
  }];
}

def SplitAttentionPass : Pass<"plait-split-attention", "::mlir::ModuleOp"> {
  let summary = "Lets threads share out long contexts: lm.attend_spans before lm.attend";
  let description = [{
    A step of one sequence has as many tiles in an `lm.attend` as key/value heads, which may
    be fewer than threads, or no multiple of them. Spans of positions are tiles by
    themselves (flash-decoding: Dao, Haziza, Massa, Sizov 2023).

    ```mlir
    %o = lm.attend %q, %s, %rows, %pos scale 0.5
    ```
    becomes
    ```mlir
    %p = lm.attend_spans %q, %s, %rows, %pos scale 0.5
    %o = lm.attend %q, %s, %rows, %pos spans %p scale 0.5
    ```
    The runtime decides for each step whether it has spans: if not, the first launch has no
    tiles and the second one computes everything. Left alone: attention that never sees
    more than a span. No bit of a result changes, as `lm.attend` folds the same spans
    without the pass.
  }];
  let options = [
    Option<"rounded", "rounded", "bool", "false", "Only attention of queries of bf16, whose kernels for GPUs join spans">
  ];
  let statistics = [Statistic<"numSplit", "num-split", "Attentions split">];
  let dependentDialects = ["::plait::lm::LmDialect"];
}

def RoundQueriesPass : Pass<"plait-round-queries", "::mlir::ModuleOp"> {
  let summary = "Rounds the queries of attention over states of bf16";
  let description = [{
    For targets whose units multiply bf16 by bf16 (tensor cores). Keys and values are of bf16 already; with
    queries of bf16 `lm.attend` rounds the weights of values as well.

    ```mlir
    %o = lm.attend %q, %s, %rows, %pos scale 0.5 : tensor<?x192xf32, #lm.dims<tokens>>, ...
    ```
    becomes
    ```mlir
    %r = lm.round %q to 192 : tensor<?x192xf32, #lm.dims<tokens>>
    %o = lm.attend %r, %s, %rows, %pos scale 0.5 : tensor<?x192xbf16, #lm.dims<tokens>>, ...
    ```
    This changes results, by at most what `lm.round` and `lm.attend_spans` say, the same for every token wherever
    it stands. Left alone: states of another type, and heads whose size those units do not multiply, which is
    no multiple of 16 or above 256.
  }];
  let statistics = [Statistic<"numRounded", "num-rounded", "Queries rounded">];
  let dependentDialects = ["::plait::lm::LmDialect"];
}

def RoundInputsPass : Pass<"plait-round-inputs", "::mlir::ModuleOp"> {
  let summary = "Rounds the inputs of products with bf16 weights";
  let description = [{
    For targets whose tiles multiply bf16 by bf16. A value is rounded once for all
    the products that read it. Rows are padded with zeros to whole tiles, and to an
    odd number of cache lines, so that the rows of a tile lie on different sets of
    the cache.

    ```mlir
    %q = lm.linear %x, %w : tensor<?x192xf32, #lm.dims<tokens>>, !lm.weight<64x192, #lm.bf16>
    ```
    becomes
    ```mlir
    %r = lm.round %x to 224 : tensor<?x192xf32, #lm.dims<tokens>>
    %q = lm.linear %r, %w : tensor<?x224xbf16, #lm.dims<tokens>>, !lm.weight<64x192, #lm.bf16>
    ```
    This changes results, by at most what `lm.round` says, the same for every row
    wherever it stands. Without the pass such products are computed in f32.
  }];
  let statistics = [Statistic<"numRounded", "num-rounded", "Values rounded">];
}

def QuantizeActivationsPass : Pass<"plait-quantize-activations", "::mlir::ModuleOp"> {
  let summary = "Makes products with weights of integers products of integers";
  let description = [{
    Puts an `lm.quantize` before each product whose weight is of integers; products
    with the same input share it. Within a group of columns the product is then an
    exact sum of integers, which takes less time than one of f32, where each weight
    has to be converted first.

    ```mlir
    %y = lm.linear %x, %w : tensor<?x192xf32, #lm.dims<tokens>>, !lm.weight<64x192, #lm.int4<group = 64>>
    ```
    becomes
    ```mlir
    %q = lm.quantize %x to !lm.int16<group = 64, distance = 4> : tensor<?x192xf32, #lm.dims<tokens>>
    %y = lm.linear %q, %w : tensor<?x192x!lm.int16<group = 64, distance = 4>, #lm.dims<tokens>>, !lm.weight<64x192, #lm.int4<group = 64>>
    ```
    **Tolerance:** an activation changes by at most 1.6e-5 (2^-16, and what f32 rounds)
    of the largest one of its group (bf16 would change it by 2^-9 of its own magnitude). A row's bits still do
    not depend on other rows: its scales are its own.
  }];
  let statistics = [Statistic<"numQuantized", "num-quantized", "Inputs rounded to 16-bit integers">];
  let dependentDialects = ["::plait::lm::LmDialect"];
}

def SummarizeLogitsPass : Pass<"plait-summarize-logits", "::mlir::ModuleOp"> {
  let summary = "Chooses from blocks of logits where nobody else wants these";
  let description = [{
    `decode.choose_greedy` and `decode.top_logprobs`, or where devices have parts of the logits `decode.summarize` and
    `decode.top_part`, that alone use the logits of a head take what they need from `decode.summarize_blocks`, which
    `plait-fuse-epilogues` makes part of the head: so no logits are in memory.

    ```mlir
    %l = lm.head %x, %w : tensor<?x192xf32, #lm.dims<leaves>>, !lm.weight<2048x192, #lm.bf16>
    %t, %s, %lp = decode.choose_greedy %l
    %tt, %tlp = decode.top_logprobs %l, %counts
    ```
    becomes
    ```mlir
    %l = lm.head %x, %w : tensor<?x192xf32, #lm.dims<leaves>>, !lm.weight<2048x192, #lm.bf16>
    %b, %e = decode.summarize_blocks %l tops %counts {first = 0 : i64}
    %t, %s, %lp = decode.choose_summarized %b
    %tt, %tlp = decode.join_tops %e, %b, %counts
    ```
    No bit of a result changes: log probabilities are taken over the same blocks without the
    pass. Left alone: vocabularies of more than 2^24 tokens.
  }];
  let statistics = [Statistic<"numSummarized", "num-summarized", "Choices made from blocks">];
  let dependentDialects = ["::plait::decode::DecodeDialect"];
}

def PackWeightsPass : Pass<"plait-pack-weights", "::mlir::ModuleOp"> {
  let summary = "Chooses the layout in which kernels read each weight";
  let description = [{
    A matrix that some op multiplies by (`lm.linear`, `lm.head`) is stored in
    panels of `panel` rows, everything else row major. A tied embedding, gathered
    and multiplied by, has one layout that serves both: panels, because a gather
    reads one row where a product reads them all. Integers are always in panels.
    All CPUs share one layout, so that one pack serves the code for each.

    ```mlir
    %w = lm.get_weight @main::@q
    ```
    becomes
    ```mlir
    %p = kernel.packed_weight @main::@q : !kernel.packed<..., panel = 32, group = 2>
    %w = kernel.unpack %p
    ```
  }];
  let options = [Option<"panel", "panel", "int64_t", "32", "Rows per panel">];
  let dependentDialects = ["::plait::kernel::KernelDialect"];
}

def OutlineKernelsPass : Pass<"plait-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "Moves each compute op of a step into a kernel.func";
  let description = [{
    The launch keeps the op's name in the model (its location) as `source`; the
    kernel gets the op's symbolic cost. Every launch has a kernel of its own
    until `plait-dedupe-kernels`; between the two, launches are fused.
  }];
  let statistics = [Statistic<"numKernels", "num-kernels", "Kernels outlined">];
  let dependentDialects = ["::plait::kernel::KernelDialect"];
}

def FuseGatedPass : Pass<"plait-fuse-gated", "::mlir::ModuleOp"> {
  let summary = "One launch for gate and up projections and what joins them";
  let description = [{
    Two products of one input whose only user is an elementwise op of both become
    one kernel: each block of both products is computed, then joined before it is
    stored. Neither product is written. Before:

    ```mlir
    %g = kernel.launch @linear(%x, %a) from "gate_proj" : ...
    %u = kernel.launch @linear_0(%x, %b) from "up_proj" : ...
    %y = kernel.launch @glu(%g, %u) from "act_fn" : ...
    ```
    After:

    ```mlir
    %y = kernel.launch @linear_glu(%x, %a, %b) from "gate_proj+up_proj+act_fn" : ...
    ```
    Left alone: products of different inputs or layouts, or with other users. No
    bit of a result changes.
  }];
  let statistics = [Statistic<"numFused", "num-fused", "Pairs of products fused">];
  let dependentDialects = ["::plait::kernel::KernelDialect"];
}

def FuseEpiloguesPass : Pass<"plait-fuse-epilogues", "::mlir::ModuleOp"> {
  let summary = "Applies elementwise ops to products before they are stored";
  let description = [{
    A product whose only user is an elementwise op (residual sum, activation, gate,
    softcap) takes that op into its kernel, and the next one likewise. Before:

    ```mlir
    %y = kernel.launch @linear(%x, %w) from "o_proj" : ...
    %z = kernel.launch @add(%h, %y) from "residual" : ...
    ```
    After, with the sum written over `%h` as before:

    ```mlir
    %z = kernel.launch @linear_add(%x, %w, %h) from "o_proj+residual" : ...
    ```
    An op that reduces blocks of columns (`decode.summarize_blocks`) likewise, unless without `reductions`.
    Left alone: products with several users, users that are neither. No bit of a result changes.
  }];
  let options = [Option<"reductions", "reductions", "bool", "true",
                        "Take in reductions of blocks, for which a target needs code">];
  let statistics = [Statistic<"numFused", "num-fused", "Elementwise launches fused">];
  let dependentDialects = ["::plait::kernel::KernelDialect"];
}

def FuseRowsPass : Pass<"plait-fuse-rows", "::mlir::ModuleOp"> {
  let summary = "One launch for ops that follow each other row by row";
  let description = [{
    An op that works row by row and one that uses its result row by row become one
    kernel: a row passes through both, without a barrier between them. Before:

    ```mlir
    %r = kernel.launch @rope(%k, %pos) from "rope_k" : ...
    %s = kernel.launch @stage(%r, %v, %kv, %rows, %pos) from "attention" : ...
    ```
    After:

    ```mlir
    %s = kernel.launch @rope_stage(%k, %pos, %v, %kv, %rows) from "rope_k+attention" : ...
    ```
    Left alone: ops on different rows (tokens and leaves), rows of more than 64
    KiB, launches between which another one stands. No bit of a result changes.
  }];
  let statistics = [Statistic<"numFused", "num-fused", "Launches fused with one that they use">];
  let dependentDialects = ["::plait::kernel::KernelDialect"];
}

def FuseParallelPass : Pass<"plait-fuse-parallel", "::mlir::ModuleOp"> {
  let summary = "One launch for independent work";
  let description = [{
    Products of one input become one kernel, whose tiles are those of all of them;
    so do neighbouring launches that work row by row on the same rows. The threads
    share all tiles at once: less is left over at the end. Before:

    ```mlir
    %q = kernel.launch @linear(%x, %a) from "q_proj" : ...
    %k = kernel.launch @linear_0(%x, %b) from "k_proj" : ...
    ```
    After:

    ```mlir
    %q, %k = kernel.launch @linear_1(%x, %a, %b) from "q_proj+k_proj" : ...
    ```
    Left alone: launches that need each other's results. No bit of a result changes.
  }];
  let statistics = [Statistic<"numFused", "num-fused", "Launches put beside another">];
  let dependentDialects = ["::plait::kernel::KernelDialect"];
}

def ComputeRedundantlyPass : Pass<"plait-compute-redundantly", "::mlir::ModuleOp"> {
  let summary = "Lets each thread compute for itself what is less work than a wait";
  let description = [{
    Between two products of a step of one token there is often a launch of one row, a norm say, which
    one thread computes while the others wait for it twice: for the row that it reads, and for its result.
    Launches that work row by row, and whose results products with weights alone read, become `redundant`: where
    a step has few rows, each thread computes all of them into a copy of its own, and begins with
    the product at once. So do launches whose results redundant ones alone read.

    ```mlir
    %n = kernel.launch @rms_norm(%x, %g) from "norm" : ...
    %y = kernel.launch @linear(%n, %w) from "q_proj" : ...
    ```
    becomes
    ```mlir
    %n = kernel.launch @rms_norm(%x, %g) from "norm" redundant : ...
    %y = kernel.launch @linear(%n, %w) from "q_proj" : ...
    ```
    The runtime decides for each step which rows are few. Left alone: results that the step returns, that are carried
    from layer to layer, exchanged, or written over by a product; launches within collectives; rows of more than
    `columns` columns, which threads share out. No bit of a result changes.
  }];
  let options = [Option<"columns", "columns", "int64_t", "2048", "Of the widest row that each thread computes">];
  let statistics = [Statistic<"numRedundant", "num-redundant", "Launches that each thread may compute">];
  let dependentDialects = ["::plait::kernel::KernelDialect"];
}

def DedupeKernelsPass : Pass<"plait-dedupe-kernels", "::mlir::ModuleOp"> {
  let summary = "Lets launches of equal kernels share one";
  let description = [{
    Kernels are equal if they differ in name and locations alone. Done before
    any loop exists, so that equal ops of a model are compiled once.
  }];
  let statistics = [Statistic<"numErased", "num-erased", "Kernels erased">];
}

def PlanLaunchesPass : Pass<"plait-plan-launches", "::mlir::ModuleOp"> {
  let summary = "Makes the launch plan and the memory plan of each step";
  let description = [{
    Replaces the steps and the model by one `rt.model` with a table per kind.
    Results live in arena slots: a slot is reused when its value is dead, and an
    in-place kernel writes over its first operand if nothing else needs it. Values
    carried from layer to layer stay in one slot. A launch has a barrier only if
    it touches a buffer that was written, or writes one that was read, since the
    last barrier; what `redundant` launches write are copies, which need none in steps that have
    them: barriers of such launches alone have `if_shared`. An `rt.strategy` moves into the `rt.model`.
  }];
  let statistics = [Statistic<"numSlots", "num-slots", "Arena slots">,
                    Statistic<"numBarriers", "num-barriers", "Barriers">,
                    Statistic<"numIfShared", "num-if-shared", "Barriers that steps with copies do without">];
  let dependentDialects = ["::plait::rt::RtDialect"];
}

def VerifyLowerPass : Pass<"plait-verify-lower", "::mlir::ModuleOp"> {
  let summary = "Checks what holds after the lower phase";
  let description = [{
    One `rt.model` and the `kernel.func`s that it names, nothing else; every
    index of a launch lies in its table.
  }];
}

#endif // PLAIT_LOWER_PASSES
