//===- Passes.td - Passes of the parallel phase ------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PARALLEL_PASSES
#define PLAIT_PARALLEL_PASSES

include "mlir/Pass/PassBase.td"

def AddMeshPass : Pass<"plait-add-mesh", "::mlir::ModuleOp"> {
  let summary = "Adds the mesh that options describe";
  let description = [{
    ```mlir
    par.mesh @mesh axes ["tp"] sizes [2]
    ```
    for `axes=tp sizes=2`. A module that has a mesh keeps it. Where the module has a
    `par.machine`, rank r of the mesh is its device r. With `rank` the module is that
    rank's program already: of a mesh along which nothing is split.
  }];
  let options = [ListOption<"axes", "axes", "std::string", "Names of the axes, the major one first">,
                 ListOption<"sizes", "sizes", "int64_t", "The number of devices along each">,
                 Option<"symbol", "symbol", "std::string", "\"mesh\"", "The name of the mesh">,
                 Option<"rank", "rank", "int64_t", "-1", "The rank whose program this is; -1: of all ranks">];
  let dependentDialects = ["::plait::par::ParDialect"];
}

def SplitProjectionsPass : Pass<"plait-split-projections", "::mlir::ModuleOp"> {
  let summary = "Takes projections apart that a checkpoint keeps in one matrix";
  let description = [{
    What a step slices out of a product becomes a product with that part of the
    weight, so that each projection can be split over devices by its own heads:

    ```mlir
    %qkv = lm.linear %x, %w : tensor<?x192xf32, #lm.dims<tokens>>, !lm.weight<320x192, #lm.bf16>
    %k = lm.slice_columns %qkv 192 size 64 : tensor<?x320xf32, #lm.dims<tokens>>
    ```
    becomes, with `lm.weight @qkv_192 ... part <at = [192, 0], of = [320, 192]>`,
    ```mlir
    %k = lm.linear %x, %w_192 : tensor<?x192xf32, #lm.dims<tokens>>, !lm.weight<64x192, #lm.bf16>
    ```
    No bit of a result changes.
  }];
  let statistics = [Statistic<"numSplit", "num-split", "Products taken apart">];
}

def DeclareTreesPass : Pass<"plait-declare-trees", "::mlir::ModuleOp"> {
  let summary = "Declares the order of sums that devices may share out";
  let description = [{
    In a module with a model of numerics `tp_invariant`: every product gets a tree
    (`#lm.tree`) that does not depend on the mesh. If devices may share out its columns
    (plait-propagate-sharding), the leaves are what a device can have: a head, or of an MLP
    4 to 32 columns and a multiple of columns that share a scale, so many that there are
    16 to 64 leaves, if that divides the columns. Else there is one leaf: the sum is a chain
    as without a tree. The same then holds of every number of devices.

    ```mlir
    %y = lm.linear %h, %w : tensor<?x512xf32, #lm.dims<tokens>>, !lm.weight<192x512, #lm.bf16>
    ```
    becomes
    ```mlir
    %y = lm.linear %h, %w tree <granule = 32, first = 0, of = 16> : ...
    ```
    Needs `plait-split-projections` before it. Each tree of several leaves is a remark.
  }];
  let statistics = [Statistic<"numTrees", "num-trees", "Products with several leaves">];
}

def ConstrainWeightsPass : Pass<"plait-constrain-weights", "::mlir::ModuleOp"> {
  let summary = "Constrains weights as the command line wants";
  let description = [{
    `shards` are texts WEIGHT=SPEC. WEIGHT is the symbol of a weight, or the name of its
    tensor in the checkpoint with `*` for the number of the layer, or without that part:
    `mlp_down_proj`, `model.layers.*.mlp.down_proj.weight`. SPEC is

    | SPEC | the weight is |
    |---|---|
    | `whole` | whole on every device |
    | `rows`, `columns` | split by rows or columns, in the parts that `plait-propagate-sharding` would choose |
    | `rows:0-96,96-192` | split into these parts, one for each device; `columns:` likewise |

    For `shards=down=columns` over two devices,
    ```mlir
    %w = lm.get_weight @m::@down : !lm.weight<32x64, #lm.f32>
    ```
    becomes
    ```mlir
    %w = lm.get_weight @m::@down : !lm.weight<32x64, #lm.f32>
    %c = par.constraint %w as <@mesh, [{?}, {"tp" : 0 to 32, 32 to 64} ]> : !lm.weight<32x64, #lm.f32>
    ```
    Parts that the pass chooses are those of the longest dimension of the class, whose first
    value gets the constraint. A name that no weight has is an error with the nearest names, and
    so are two texts that contradict each other.
  }];
  let options = [ListOption<"shards", "shards", "std::string", "WEIGHT=SPEC">,
                 Option<"meshName", "mesh", "std::string", "\"\"", "The mesh; by default the only one">];
  let dependentDialects = ["::plait::par::ParDialect"];
}

def PropagateShardingPass : Pass<"plait-propagate-sharding", "::mlir::ModuleOp"> {
  let summary = "Decides what is split along an axis of the mesh";
  let description = [{
    Dimensions that some op's rule (`lm.ShardingOpInterface`) runs a factor through
    have to be split together, whatever ops lie between: these are the classes. A
    class can be split if no op needs one of its dimensions whole. Of those, the pass
    takes the ones that divide most bytes of weights, as long as no op would have two
    of its factors split along the axis; all axes but one are left alone. Constraints in the
    input may name any axis but that of replicas: of a mesh without `axis` what they say is
    all that is split.

    For a transformer that makes the rules of Megatron-LM (Shoeybi et al. 2019): query,
    key and value projections by heads, the output projection by the same heads, gate
    and up projections by columns and the down projection by rows. The residual stream
    is whole, as norms need it, and after a product over a split dimension it is a sum
    yet to be taken. Head and embedding are split by tokens.

    Parts are of equal size as far as heads, scales and panels of 32 columns allow. Where
    devices share key/value heads, the heads of each device use equally many of them.
    A class with fewer units (heads) than devices stays whole. A dimension that a
    `par.constraint` in the input splits is split as it says, and one that it says is whole
    (`{}`) stays so; one that is open (`{?}`) is decided here. Where two constraints contradict
    each other, that of the lower priority (p1 to p0) is dropped, which is a remark; equal
    priorities are an error.

    Over the devices of a `par.machine`, the pass decides otherwise: for each class the axes
    to split it along, of all but "dp", for all classes together, such that a load takes the
    least predicted time (plait/Cost/StepTime.h) among the plans that fit the devices'
    memory. The load is `sequences` at once, each of a prompt of `prompt` tokens and an
    answer of `answer`. All plans are looked at if they are few; else classes are decided
    one after the other, which is a remark. A class that is too small to pay stays whole. Each
    decision is a remark with the times of the best alternative, and of
    gathering the weights wherever they are used, which is never done. Devices of different
    memory get parts in the ratios of it.

    Every value that is not whole on every device then passes through a
    `par.constraint`:

    ```mlir
    %u = lm.linear %x, %w0 : tensor<?x64xf32, #lm.dims<tokens>>, !lm.weight<96x64, #lm.f32>
    %y = lm.linear %u, %w1 : tensor<?x96xf32, #lm.dims<tokens>>, !lm.weight<64x96, #lm.f32>
    ```
    becomes
    ```mlir
    %w0s = par.constraint %w0 as <@mesh, [{"tp" : 0 to 32, 32 to 96}, {} ]> : !lm.weight<96x64, #lm.f32>
    %u = lm.linear %x, %w0s : ...
    %us = par.constraint %u as <@mesh, [{}, {"tp" : 0 to 32, 32 to 96} ]> : ...
    %w1s = par.constraint %w1 as <@mesh, [{}, {"tp" : 0 to 32, 32 to 96} ]> : ...
    %y = lm.linear %us, %w1s : ...
    %ys = par.constraint %y as <@mesh, [{}, {} ], unreduced = {"tp"}> : ...
    ```
  }];
  let options = [Option<"axis", "axis", "std::string", "\"tp\"", "The axis to split along, without a machine">,
                 Option<"meshName", "mesh", "std::string", "\"\"", "The mesh; by default the only one">,
                 Option<"sequences", "sequences", "int64_t", "1", "Of the load: sequences at once">,
                 Option<"prompt", "prompt", "int64_t", "512", "Of the load: tokens of a prompt">,
                 Option<"answer", "answer", "int64_t", "128", "Of the load: tokens of an answer">];
  let statistics = [Statistic<"numClasses", "num-classes", "Classes of dimensions that are split">];
  let dependentDialects = ["::plait::par::ParDialect"];
}

def DeclarePhasePass : Pass<"plait-declare-phase", "::mlir::ModuleOp"> {
  let summary = "Says in which phase the steps run, and how their states are split";
  let description = [{
    For `phase=decode`, of a module whose mesh is @decode,
    ```mlir
    decode.step @ar(..., %kv: !lm.state<layers = 4, kv_heads = 2, head_dim = 32, f32>) ... {
      %kvs = par.constraint %kv as <@decode, [{"tp" : 0 to 32, 32 to 64} ]> : !lm.state<layers = 4, kv_heads = 2, head_dim = 32, f32>
    ```
    adds
    ```mlir
    par.phase "decode" on @decode states [!lm.state<layers = 4, kv_heads = 2, head_dim = 32, f32>] as [#par.shard<@decode, [{"tp" : 0 to 32, 32 to 64} ]>]
    ```
    Needs `plait-propagate-sharding` before it where something is split. Programs of ranks keep
    the op, which `plait-plan-launches` removes.
  }];
  let options = [Option<"phase", "phase", "std::string", "\"\"", "prefill or decode">];
  let dependentDialects = ["::plait::par::ParDialect"];
}

def InsertKvReshardPass : Pass<"plait-insert-kv-reshard", "::mlir::ModuleOp"> {
  let summary = "Plans how keys and values go from prefill to decode";
  let description = [{
    In a module with a `par.phase` of prefill and one of decode, each with its mesh, adds the
    `par.handover` between them: for each state a `par.kv_reshard` from the sharding that it has
    in prefill to that in decode, with who sends which heads to whom (`par::planSends`).

    ```mlir
    par.phase "prefill" on @prefill states [!lm.state<layers = 4, kv_heads = 2, head_dim = 32, f32>] as [#par.shard<@prefill, [{} ]>]
    par.phase "decode" on @decode states [!lm.state<layers = 4, kv_heads = 2, head_dim = 32, f32>] as [#par.shard<@decode, [{"tp" : 0 to 32, 32 to 64} ]>]
    ```
    get
    ```mlir
    par.handover from "prefill" to "decode" {
    ^bb0(%kv: !lm.state<layers = 4, kv_heads = 2, head_dim = 32, f32>):
      %0 = par.kv_reshard %kv from <@prefill, [{} ]> to <@decode, [{"tp" : 0 to 32, 32 to 64} ]> sends [...] : ...
    }
    ```
    Phases of different states are an error. Each reshard is a remark with its bytes per
    position, and so is each send with its reason.
  }];
  let statistics = [Statistic<"numSends", "num-sends", "Runs of heads that are sent">];
  let dependentDialects = ["::plait::par::ParDialect"];
}

def InsertReshardsPass : Pass<"plait-insert-reshards", "::mlir::ModuleOp"> {
  let summary = "Reshards values where an op needs them otherwise";
  let description = [{
    An op takes its part of a factor that its result is split by, or summed up over, and
    everything else whole. What it needs otherwise than it is, passes through a
    `par.reshard`, one for all users that need the same. Each is a remark that names the
    op, the bytes of the value and the reason.

    ```mlir
    %ys = par.constraint %y as <@mesh, [{}, {} ], unreduced = {"tp"}> : tensor<?x64xf32, #lm.dims<tokens>>
    %z = lm.add %x, %ys : ...
    ```
    becomes
    ```mlir
    %ys = par.constraint %y as <@mesh, [{}, {} ], unreduced = {"tp"}> : ...
    %yr = par.reshard %ys from <@mesh, [{}, {} ], unreduced = {"tp"}> to <@mesh, [{}, {} ]> : ...
    %z = lm.add %x, %yr : ...
    ```
  }];
  let statistics = [Statistic<"numReshards", "num-reshards", "Reshards inserted">];
  let dependentDialects = ["::plait::par::ParDialect"];
}

def PartitionPass : Pass<"plait-partition", "::mlir::ModuleOp"> {
  let summary = "Makes the program of one rank";
  let description = [{
    Types become those of what the rank holds, constraints vanish, and reshards become
    collectives: `par.all_reduce` where a sum has to be taken, `par.all_gather` where parts
    have to be put together, `par.reduce_scatter` for both at once, `par.all_to_all` where parts
    of another dimension are wanted along the same axes, `par.part` where all is there. If it takes
    several of them, those that send the fewest bytes are chosen. A weight becomes the
    part of its tensor that the rank has (`lm.weight ... part`). Ops that choose from logits
    of which the rank has a part become what `decode.PartsOpInterface` says, with a gather
    of what each finds. What is added to a shared
    sum (a bias) is added by the first rank of those that share it. Reshards that are
    still missing are inserted first.

    ```mlir
    %w1s = par.constraint %w1 as <@mesh, [{}, {"tp" : 0 to 32, 32 to 96} ]> : !lm.weight<64x96, #lm.f32>
    %y = lm.linear %us, %w1s : tensor<?x96xf32, #lm.dims<tokens>>, !lm.weight<64x96, #lm.f32>
    %ys = par.constraint %y as <@mesh, [{}, {} ], unreduced = {"tp"}> : ...
    %yr = par.reshard %ys from <@mesh, [{}, {} ], unreduced = {"tp"}> to <@mesh, [{}, {} ]> : ...
    ```
    becomes on rank 1, with `lm.weight @w1 ... part <at = [0, 32], of = [64, 96]>`,
    ```mlir
    %y = lm.linear %u, %w1 : tensor<?x64xf32, #lm.dims<tokens>>, !lm.weight<64x64, #lm.f32>
    %yr = par.all_reduce %y on @mesh ["tp"] : tensor<?x64xf32, #lm.dims<tokens>>
    ```
    A sum with a tree (`plait-declare-trees`) becomes one of nodes:
    ```mlir
    %y = lm.linear %u, %w1 tree <granule = 32, first = 1, of = 3> : tensor<?x64xf32, #lm.dims<tokens>>, !lm.weight<64x64, #lm.f32>
    %yr = par.all_reduce %y on @mesh ["tp"] nodes [1, 2, 3] of [0, 1, 3] : tensor<?x128xf32, #lm.dims<tokens>> -> tensor<?x64xf32, #lm.dims<tokens>>
    ```
    All ranks get the same ops in the same order, but for that bias, so they issue the
    same collectives in the same order; `plait-verify-parallel` looks after the rest.
  }];
  let options = [Option<"rank", "rank", "int64_t", "0", "The rank">,
                 Option<"meshName", "mesh", "std::string", "\"\"", "The mesh; by default the only one">];
  let dependentDialects = ["::plait::par::ParDialect"];
}

def NarrowSumsPass : Pass<"plait-narrow-sums", "::mlir::ModuleOp"> {
  let summary = "Has sums over ranks sent as bf16";
  let description = [{
    Sets `wire bf16` on each `par.all_reduce`, `par.reduce_scatter` and `par.reduce_gather`: summands go from rank to
    rank as bf16, half of the bytes, and sums as well; they are added in f32. That changes numbers, so it
    is never done unless asked for (`--wire bf16`); every pass behind it keeps them. Of a fused sum the rows that are gathered are
    sent as they are, so that fused and unfused have the same bits.

    ```mlir
    %s = par.all_reduce %p on @mesh ["tp"] : tensor<?x64xf32, #lm.dims<tokens>>
    ```
    becomes
    ```mlir
    %s = par.all_reduce %p on @mesh ["tp"] wire bf16 : tensor<?x64xf32, #lm.dims<tokens>>
    ```
    Needs `plait-partition` before it, and comes before `plait-select-algorithms`: a sum whose algorithms are decided is one
    that is sent in f32, and stays so. A model whose numerics are `tp_invariant` is refused: what is rounded depends on
    the number of ranks.
  }];
  let statistics = [Statistic<"numSums", "num-sums", "Sums that are sent as bf16">];
  let dependentDialects = ["::plait::par::ParDialect"];
}

def ShardResidualPass : Pass<"plait-shard-residual", "::mlir::ModuleOp"> {
  let summary = "Shares the tokens of the residual stream out to the ranks";
  let description = [{
    Sequence parallelism (Korthikanti et al., Reducing Activation Recomputation in Large
    Transformer Models, 2022, section 4.2.2), on the program of one rank: a sum over the
    ranks leaves each of them the rows of its tokens alone, norms and the residual are
    computed on those, and rows are gathered where an op needs all tokens. The bytes are
    those of the sums, and the numbers too: no sum is taken in another order.

    ```mlir
    %s = par.all_reduce %p on @mesh ["tp"] : tensor<?x64xf32, #lm.dims<tokens>>
    %r = lm.add %x, %s : ...
    %n = lm.rms_norm %r, %g eps 1.0e-05 : ...
    %u = lm.linear %n, %w : ...
    ```
    becomes, if `%x` is shared out as well,
    ```mlir
    %s = par.reduce_scatter %p dim 0 {"tp" : even} on @mesh : tensor<?x64xf32, #lm.dims<tokens>> -> tensor<?x64xf32, #lm.dims<tokens_part>>
    %r = lm.add %x, %s : tensor<?x64xf32, #lm.dims<tokens_part>>
    %n = lm.rms_norm %r, %g eps 1.0e-05 : tensor<?x64xf32, #lm.dims<tokens_part>>, ...
    %a = par.all_gather %n dim 0 {"tp" : even} on @mesh : tensor<?x64xf32, #lm.dims<tokens_part>> -> tensor<?x64xf32, #lm.dims<tokens>>
    %u = lm.linear %a, %w : ...
    ```
    Needs `plait-partition` before it. Each gathering is a remark. With `leaves-ahead` steps most of whose sums are not
    waited for before the next product, as with a delayed residual, stay as they are: what is gathered
    would be waited for.
  }];
  let options = [Option<"leavesAhead", "leaves-ahead", "bool", "false",
                        "Leave steps alone whose sums are not waited for before the next product">];
  let statistics = [Statistic<"numSums", "num-sums", "Sums that leave each rank its tokens">];
  let dependentDialects = ["::plait::par::ParDialect"];
}

def RotateLayersPass : Pass<"plait-rotate-layers", "::mlir::ModuleOp"> {
  let summary = "Computes what a layer begins with at the end of the layer before it";
  let description = [{
    Where a layer begins with ops on one row at a time of what it carries, and gathers what
    they make, the layer before it does so, at its end, with the weights of the layer behind it.
    The first time is before the loop, and the last layer, which is a loop by itself, ends with what followed
    the loop. So a sum over ranks at the end of a layer is followed by its norm:
    `plait-fuse-all-reduce-epilogue` finds both. No value changes.

    ```mlir
    %y = lm.layers 0 to 4 iter(%x = %e) : tensor<?x64xf32, #lm.dims<tokens_part>> {
      %g = lm.get_weight @m::@gain : !lm.weight<64, #lm.f32>
      %n = lm.rms_norm %x, %g eps 1.0e-05 : ...
      %a = par.all_gather %n dim 0 {"tp" : even} on @mesh : ...
      ...
      lm.yield %r : tensor<?x64xf32, #lm.dims<tokens_part>>
    }
    %f = lm.get_weight @m::@norm : !lm.weight<64, #lm.f32>
    %m = lm.rms_norm %y, %f eps 1.0e-05 : ...
    %z = par.all_gather %m dim 0 {"tp" : even} on @mesh : ...
    ```
    becomes, with `@gain_first` of layer 0 and `@gain_next` of layers 1 to 3,
    ```mlir
    %g = lm.get_weight @m::@gain_first : !lm.weight<64, #lm.f32>
    %n = lm.rms_norm %e, %g eps 1.0e-05 : ...
    %a0 = par.all_gather %n dim 0 {"tp" : even} on @mesh : ...
    %y:2 = lm.layers 0 to 3 iter(%x = %e, %a = %a0) : ... {
      ...
      %h = lm.get_weight @m::@gain_next : !lm.weight<64, #lm.f32>
      %m = lm.rms_norm %r, %h eps 1.0e-05 : ...
      %b = par.all_gather %m dim 0 {"tp" : even} on @mesh : ...
      lm.yield %r, %b : ...
    }
    %z:2 = lm.layers 3 to 4 iter(%x = %y#0, %a = %y#1) : ... { ... with @norm ... }
    ```
    Needs `plait-shard-residual` before it.
  }];
  let statistics = [Statistic<"numRotated", "num-rotated", "Loops that begin elsewhere">];
  let dependentDialects = ["::plait::par::ParDialect"];
}

def FuseAllReduceEpiloguePass : Pass<"plait-fuse-all-reduce-epilogue", "::mlir::ModuleOp"> {
  let summary = "Computes rows between the sum over ranks and its distribution";
  let description = [{
    A sum that leaves each rank its rows, ops on one row at a time that follow it, and the gathering of
    what they make become one `par.reduce_gather`. The residual stays shared out: it is
    what the op keeps. No sum is taken in another order, and so results have the same bits.

    ```mlir
    %s = par.reduce_scatter %p dim 0 {"tp" : even} on @mesh : tensor<?x64xf32, #lm.dims<tokens>> -> tensor<?x64xf32, #lm.dims<tokens_part>>
    %r = lm.add %x, %s : tensor<?x64xf32, #lm.dims<tokens_part>>
    %n = lm.rms_norm %r, %g eps 1.0e-05 : tensor<?x64xf32, #lm.dims<tokens_part>>, ...
    %a = par.all_gather %n dim 0 {"tp" : even} on @mesh : tensor<?x64xf32, #lm.dims<tokens_part>> -> tensor<?x64xf32, #lm.dims<tokens>>
    ```
    becomes
    ```mlir
    %a, %r = par.reduce_gather %p with (%x) {"tp" : even} on @mesh : (...) -> (tensor<?x64xf32, #lm.dims<tokens>>, tensor<?x64xf32, #lm.dims<tokens_part>>) {
    ^bb0(%sum: tensor<?x64xf32, #lm.dims<tokens_part>>, %own: tensor<?x64xf32, #lm.dims<tokens_part>>):
      %0 = lm.add %own, %sum : tensor<?x64xf32, #lm.dims<tokens_part>>
      %1 = lm.rms_norm %0, %g eps 1.0e-05 : tensor<?x64xf32, #lm.dims<tokens_part>>, ...
      par.yield %1, %0 : ...
    }
    ```
    A step with such a sum gets `share_tokens`: a few tokens are not shared out, as their sums would meet twice.

    Needs `plait-shard-residual` before it. Each sum is a remark: what it is fused with and, if the
    mesh has a machine, what that is predicted to save, or why it stays by itself.
  }];
  let statistics = [Statistic<"numFused", "num-fused", "Sums that are fused">];
  let dependentDialects = ["::plait::par::ParDialect"];
}

def WeaveStepsPass : Pass<"plait-weave-steps", "::mlir::ModuleOp"> {
  let summary = "Has long steps computed in two parts, one while the other is exchanged";
  let description = [{
    Sets `weave_tokens` of each `decode.step` of several ranks (TokenWeave, arXiv 2505.11329). With `tokens`
    that is it. Without, it is the least of 128, 256, ... 2048 from which on prompts of so many tokens
    are predicted to take less time in two parts, on the mesh's `par.machine` and by event lists (docs/overlap.md), with sums by
    their `algorithms`: by more
    than 3 % and by more than twice the error of the prediction. Without a machine nothing changes. Ranks
    that copy through shared memory compute nothing meanwhile, so there no more than a latency can be gained.

    A step most of whose exchanges are not waited for before the next product (a delayed residual) need not be cut:
    with `tokens` it is 1, without, the least of these and 1 from which on it takes less time beside its exchanges.

    ```mlir
    decode.step @ar(...) -> (...) attributes {..., weave_tokens = 256 : i64} { ... }
    ```
    It is legal at any number of tokens, as the scheduler may cut prompts anywhere. The threshold, or why there is
    none, is a remark.
  }];
  let options = [Option<"tokens", "tokens", "int64_t", "0",
                        "Tokens from which on steps are computed in two parts; 0: as predicted">];
}

def GuardOverlapPass : Pass<"plait-guard-overlap", "::mlir::ModuleOp"> {
  let summary = "Fuses sums over ranks with what follows them if that is predicted to pay";
  let description = [{
    `plait-shard-residual`, `plait-rotate-layers` and `plait-fuse-all-reduce-epilogue`, where the sums and
    the ops that come to be fused are predicted to take less time on the mesh's `par.machine`
    (docs/overlap.md): by more than 3 % and by more than twice the error of the prediction. The
    load is `sequences` at once, each of a prompt of `prompt` tokens and an answer of `answer`. All sums or
    none, as they share one residual stream. Without a machine nothing changes.

    ```mlir
    %s = par.all_reduce %p on @mesh ["tp"] : tensor<?x64xf32, #lm.dims<tokens>>
    %r = lm.add %x, %s : tensor<?x64xf32, #lm.dims<tokens>>
    %n = lm.rms_norm %r, %g eps 1.0e-05 : tensor<?x64xf32, #lm.dims<tokens>>, ...
    ```
    Each sum, and all together, are remarks with predicted times, the gain, and what it would have to be.
  }];
  let options = [Option<"sequences", "sequences", "int64_t", "1", "Of the load: sequences at once">,
                 Option<"prompt", "prompt", "int64_t", "512", "Of the load: tokens of a prompt">,
                 Option<"answer", "answer", "int64_t", "128", "Of the load: tokens of an answer">];
  let dependentDialects = ["::plait::par::ParDialect"];
}

def OptimizeCollectivesPass : Pass<"plait-optimize-collectives", "::mlir::ModuleOp"> {
  let summary = "Fewer collectives, of fewer bytes";
  let description = [{
    On the program of one rank, with the same bits as results:

    | before | after |
    |---|---|
    | `par.all_reduce`, of which all uses are one `par.part` | `par.reduce_scatter` |
    | `par.all_gather`, `par.part` of the same parts | what the rank had |
    | `par.all_gather`, of which the one use is a `par.part` of another dimension | `par.all_to_all` |
    | `par.part`, `par.all_gather` of the same parts | what the rank had |
    | two equal collectives of one value | the first |
    | a collective in `lm.layers` of a value from outside | the same before the loop |
    | a collective that nothing uses | nothing |

    and, in a module with a model of numerics `fast` alone,

    | `lm.add` of two `par.all_reduce` that nothing else uses | `par.all_reduce` of an `lm.add` |
    |---|---|

    ```mlir
    %s = par.all_reduce %p on @mesh ["tp"] : tensor<?x64xf32, #lm.dims<tokens>>
    %r = par.part %s dim 1 {"tp" : 0 to 32, 32 to 64} on @mesh : tensor<?x64xf32, #lm.dims<tokens>> -> tensor<?x32xf32, #lm.dims<tokens>>
    ```
    becomes
    ```mlir
    %r = par.reduce_scatter %p dim 1 {"tp" : 0 to 32, 32 to 64} on @mesh : tensor<?x64xf32, #lm.dims<tokens>> -> tensor<?x32xf32, #lm.dims<tokens>>
    ```
    The last rule adds up in another order, (a0 + b0) + (a1 + b1) for (a0 + a1) + (b0 + b1),
    which `row_invariant` and `tp_invariant` do not allow: what they promise would still hold, but the
    bits would depend on whether the pass ran. `par.send` and `par.recv` stay as they are. Each rewrite
    is a remark.
  }];
  let statistics = [Statistic<"numScattered", "num-scattered", "Sums that became scattered">,
                    Statistic<"numElided", "num-elided", "Gatherings and parts that undo each other">,
                    Statistic<"numSwapped", "num-swapped", "Gatherings that became all_to_all">,
                    Statistic<"numDuplicates", "num-duplicates", "Collectives done twice">,
                    Statistic<"numHoisted", "num-hoisted", "Collectives moved out of layers">,
                    Statistic<"numErased", "num-erased", "Collectives that nothing needs">,
                    Statistic<"numMerged", "num-merged", "Sums over ranks taken with another">];
  let dependentDialects = ["::plait::par::ParDialect"];
}

def SelectAlgorithmsPass : Pass<"plait-select-algorithms", "::mlir::ModuleOp"> {
  let summary = "Decides how sums over ranks are carried out";
  let description = [{
    For each `par.all_reduce` and `par.reduce_gather` in the order of the devices, and for each number of rows up to
    `most-rows`, the algorithm that is known to be the one for so many bytes and ranks, or that is predicted to take least
    (plait/Timeline/Algorithms.h), on the machine of the mesh or on `table`.

    | numerics of the model | algorithms |
    |---|---|
    | `fast` | all that the link has |
    | any other | those in the order of the devices: one_shot, two_shot, lamport |

    A `par.reduce_gather` of fewer rows than its step shares out (`share_tokens`) is one of all rows on all devices, one_shot
    or lamport, and else one of the others, two_shot among them.

    ```mlir
    %s = par.all_reduce %p on @mesh ["tp"] : tensor<?x8192xf32, #lm.dims<tokens>>
    ```
    becomes on 8 GPUs of a switch
    ```mlir
    %s = par.all_reduce %p on @mesh ["tp"] algorithms <1 : lamport, 53 : two_shot> : tensor<?x8192xf32, #lm.dims<tokens>>
    ```
    Ranks of CPUs follow it. Ranks of GPUs exchange and add (`plait-expand-sums`, which comes before), so nothing is left to
    decide; sums that they leave whole go through their hosts, as those of CPUs.

    Ranks compile their programs each for itself; all decide alike, as they decide by the shape, the mesh and the
    machine alone, and `plait-verify-parallel` compares them. Each decision is a remark with times. Sums with nodes, an order or f64
    stay as they are, and without a machine all do. So do sums with `wire bf16`: no algorithm's program adds what was
    rounded on its way, and those of f32 give other bits, so who carries them out decides (`runtime/comm/NarrowSum.h`).
  }];
  let options = [Option<"table", "table", "std::string", "\"\"",
                        "A machine table (machines/NAME.json, or a file) in the place of the mesh's machine">,
                 Option<"mostRows", "most-rows", "int64_t", "65536", "The most rows that are looked at">];
  let statistics = [Statistic<"numSums", "num-sums", "Sums whose algorithms are decided">];
  let dependentDialects = ["::plait::par::ParDialect"];
}

def ExpandSumsPass : Pass<"plait-expand-sums", "::mlir::ModuleOp"> {
  let summary = "Sums over ranks become exchanges, and additions on each rank";
  let description = [{
    What carries data from GPU to GPU has no order of additions that one can state, so it is to carry data alone
    (docs/cuda.md). Each sum of rows of tokens gets the summands of all ranks side by side, which are added in
    the order that the sum has: the same bits.

    ```mlir
    %s = par.all_reduce %p on @mesh ["tp"] : tensor<?x64xf32, #lm.dims<tokens>>
    ```
    becomes, of two ranks,
    ```mlir
    %a = par.all_gather %p dim 1 {"tp" : 0 to 64, 64 to 128} on @mesh : tensor<?x64xf32, #lm.dims<tokens>> -> tensor<?x128xf32, #lm.dims<tokens>>
    %0 = lm.slice_columns %a 0 size 64 : tensor<?x128xf32, #lm.dims<tokens>>
    %1 = lm.slice_columns %a 64 size 64 : tensor<?x128xf32, #lm.dims<tokens>>
    %s = lm.add %0, %1 : tensor<?x64xf32, #lm.dims<tokens>>
    ```
    and a `par.reduce_scatter` of rows, `par.all_to_all` of the same columns to rows, and the same additions. With
    n ranks each gets n - 1 rows of summands for a row of the sum; only scattered sums, of which it adds
    a part, move no more than before.

    Sums of nodes of a tree, in f64, sent as bf16, by `algorithms` that somebody has decided on, of other than tokens (the host's, which chooses), scattered by
    columns or fused with what follows stay as they are; a remark says why.
  }];
  let statistics = [Statistic<"numExpanded", "num-expanded", "Sums that are expanded">];
  let dependentDialects = ["::plait::lm::LmDialect", "::plait::par::ParDialect"];
}

def PrintEventsPass : Pass<"plait-print-events", "::mlir::ModuleOp"> {
  let summary = "Prints what a rank's steps compute and exchange";
  let description = [{
    A line for each event (plait/Cost/StepEvents.h) of a step with `tokens` tokens of a prompt, or,
    with `past`, of so many sequences that have one token each after `past` others: its
    kind by cost, the op and the part of the model, operations and bytes. `plait explain --timeline`
    shows when such events run. The IR does not change.
  }];
  let options = [Option<"tokens", "tokens", "int64_t", "512", "Tokens of the step">,
                 Option<"past", "past", "int64_t", "0", "Tokens before each of them; 0: a prompt">];
}

def VerifyParallelPass : Pass<"plait-verify-parallel", "::mlir::ModuleOp"> {
  let summary = "Checks what holds after the parallel phase";
  let description = [{
    No constraint and no reshard is left, and no collective stands where ranks could come
    to differ in whether they execute it: collectives are in steps or in loops over
    layers, whose number of iterations is a constant. In a module with a model of numerics
    `tp_invariant` every product and every sum over ranks has a tree, and a sum over ranks
    is one of nodes that a product has, or of an embedding, where all summands but one are 0. Only in a module with
    a model of numerics `fast` may a sum be carried out in another order than that of the devices
    (`#par.algorithms`).

    In a module of modules that are the programs of all ranks the pass proves that they fit
    together: it runs their collectives against each other, loops unrolled. All of a group
    have to come to the same one, with the same axes, shapes, parts, order, nodes and algorithms, and a
    `par.send` to a `par.recv` of its peer; where ranks differ, or wait for each other in a
    circle, the message names two of them and what each is at. The compiler does this with
    the programs of all ranks.
  }];
}

#endif // PLAIT_PARALLEL_PASSES
