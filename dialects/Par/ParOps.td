//===- ParOps.td - Ops of the par dialect ------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PAR_OPS
#define PLAIT_PAR_OPS

include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/Par/ParDialect.td"
include "dialects/Par/ParInterfaces.td"

class Par_Op<string mnemonic, list<Trait> traits = []> : Op<Par_Dialect, mnemonic, traits>;

def Par_MeshOp : Par_Op<"mesh", [Symbol]> {
  let summary = "devices, numbered by named axes";
  let description = [{
    Rank r has the coordinates of r written in the mixed radix of the sizes, the last
    axis varying fastest.

    ```mlir
    par.mesh @mesh axes ["dp", "tp"] sizes [2, 4]
    ```
    With `rank` the module is the program of that rank.

    **Constraints:** at least one axis, as many sizes as axes, all positive and their
    product at most 2^16; names differ; the
    rank is below that product.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$axes, DenseI64ArrayAttr:$sizes,
                       OptionalAttr<I64Attr>:$rank);
  let assemblyFormat = "$sym_name `axes` $axes `sizes` $sizes (`rank` $rank^)? attr-dict";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The number of devices along `axis`, or 0 if there is no such axis.
    int64_t getSize(llvm::StringRef axis);
    int64_t getNumRanks();
    /// The number of `rank` among those that differ from it along `axes` alone.
    int64_t getIndex(int64_t rank, llvm::ArrayRef<mlir::StringAttr> axes);
  }];
}

class Par_ShardedOp<string mnemonic, list<Trait> traits = []> : Par_Op<mnemonic, traits # [
    Pure, AllTypesMatch<["input", "result"]>, DeclareOpInterfaceMethods<SymbolUserOpInterface>]>;

def Par_ConstraintOp : Par_ShardedOp<"constraint"> {
  let summary = "a value with its sharding";
  let description = [{
    The input itself, of which each device holds what `shard` says.

    ```mlir
    %w1 = par.constraint %w as <@mesh, [{"tp" : 0 to 96, 96 to 192}, {} ]> : !lm.weight<192x64, #lm.f32>
    ```
    **Constraints:** the sharding fits the mesh and the type (see `#par.shard`), which is
    a tensor, a weight or a state.
  }];
  let arguments = (ins AnyType:$input, Par_ShardAttr:$shard);
  let results = (outs AnyType:$result);
  let assemblyFormat = "$input `as` $shard attr-dict `:` type($input)";
}

def Par_ReshardOp : Par_ShardedOp<"reshard"> {
  let summary = "a value that comes to be sharded otherwise";
  let description = [{
    The only op that moves values between devices until `plait-partition` replaces it
    by collectives.

    ```mlir
    %y = par.reshard %x from <@mesh, [{}, {} ], unreduced = {"tp"}> to <@mesh, [{}, {} ]> : tensor<?x192xf32, #lm.dims<tokens>>
    ```
    **Constraints:** both shardings fit their mesh, which is one, and the type.
  }];
  let arguments = (ins AnyType:$input, Par_ShardAttr:$source, Par_ShardAttr:$target);
  let results = (outs AnyType:$result);
  let assemblyFormat = "$input `from` $source `to` $target attr-dict `:` type($input)";
}

class Par_CollectiveOp<string mnemonic, list<Trait> traits = []> : Par_Op<mnemonic, traits # [
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]>;

/// A collective between a tensor, `whole`, and its parts along one dimension.
class Par_PartsOp<string mnemonic, string whole, list<Trait> traits = []>
    : Par_CollectiveOp<mnemonic, traits # [Par_CollectiveOpInterface]> {
  let arguments = (ins RankedTensorOf<[F32]>:$input, I64Attr:$dim, Par_DimShardAttr:$parts, FlatSymbolRefAttr:$mesh);
  let results = (outs RankedTensorOf<[F32]>:$result);
  let assemblyFormat = "$input `dim` $dim $parts `on` $mesh attr-dict `:` type($input) `->` type($result)";
  let extraClassDeclaration = "mlir::RankedTensorType getWholeType() { return " # whole # [{().getType(); }
    DimShardAttr getPartition() { return getParts(); }
    int64_t getPartDim() { return getDim(); }
    llvm::SmallVector<mlir::StringAttr> getDeviceAxes() { return llvm::to_vector(getParts().getAxes()); }
  }];
}

/// The nodes of the tree of a sum that devices share out: `node_ends` are the ends, in
/// leaves, of all nodes in order, and those of device i are number node_bounds[i] to
/// node_bounds[i + 1].
defvar nodeArguments = (ins OptionalAttr<DenseI64ArrayAttr>:$node_ends, OptionalAttr<DenseI64ArrayAttr>:$node_bounds);

def Par_AllReduceOp : Par_CollectiveOp<"all_reduce", [Par_CollectiveOpInterface]> {
  let summary = "the sum of what the devices along some axes hold";
  let description = [{
    Each device gets `((x0 + x1) + x2) + ...` in f32, in the order of the ranks, so that
    all hold the same bits, and the same from run to run.

    ```mlir
    %y = par.all_reduce %x on @mesh ["tp"] : tensor<?x192xf32, #lm.dims<tokens>>
    %z = par.all_reduce %u on @mesh ["tp"] nodes [2, 3, 4] of [0, 2, 3] : tensor<?x384xf32, #lm.dims<tokens>> -> tensor<?x192xf32, #lm.dims<tokens>>
    ```
    With `nodes` each device has some nodes of the tree of the sum (`#lm.tree`), side by side
    in each row, and gets the root: device 0 of the example [0, 2) and [2, 3), device 1 [3, 4).

    Every device of the axes executes the same collectives in the same order.
    **Constraints:** axes of the mesh, at least one. Without nodes the types are the same.
    With nodes the mesh says which device this is, the axis is one, each device has at
    least one node, together they make up all leaves, and the input has as many columns
    as the result for each.
  }];
  let arguments = !con((ins RankedTensorOf<[F32]>:$input, FlatSymbolRefAttr:$mesh, StrArrayAttr:$axes),
                       nodeArguments);
  let results = (outs RankedTensorOf<[F32]>:$result);
  let assemblyFormat = [{
    $input `on` $mesh $axes (`nodes` $node_ends^ `of` $node_bounds)? attr-dict `:`
    custom<SumTypes>(type($input), type($result))
  }];
  let extraClassDeclaration = [{
    mlir::RankedTensorType getWholeType() { return getResult().getType(); }
    DimShardAttr getPartition() { return {}; }
    int64_t getPartDim() { return 0; }
    llvm::SmallVector<mlir::StringAttr> getDeviceAxes();
  }];
}

def Par_AllGatherOp : Par_PartsOp<"all_gather", "getResult"> {
  let summary = "the parts of a dimension put together";
  let description = [{
    ```mlir
    %y = par.all_gather %x dim 1 {"tp" : 0 to 96, 96 to 192} on @mesh : tensor<?x96xf32, #lm.dims<tokens>> -> tensor<?x192xf32, #lm.dims<tokens>>
    %z = par.all_gather %u dim 0 {"tp" : even} on @mesh : tensor<?x192xf32, #lm.dims<tokens_part>> -> tensor<?x192xf32, #lm.dims<tokens>>
    ```
    **Constraints:** the parts make up the dimension of the result and do not overlap.
  }];
}

def Par_ReduceScatterOp : Par_CollectiveOp<"reduce_scatter", [Par_CollectiveOpInterface]> {
  let summary = "of the sum of what devices hold, each its part";
  let description = [{
    The sum as of `par.all_reduce`, of which each device gets its part of a dimension.

    ```mlir
    %y = par.reduce_scatter %x dim 0 {"tp" : even} on @mesh : tensor<?x192xf32, #lm.dims<tokens>> -> tensor<?x192xf32, #lm.dims<tokens_part>>
    ```
    **Constraints:** as for `par.all_gather`, the other way about; nodes as for
    `par.all_reduce`, and then parts are of rows.
  }];
  let arguments = !con((ins RankedTensorOf<[F32]>:$input, I64Attr:$dim, Par_DimShardAttr:$parts,
                        FlatSymbolRefAttr:$mesh), nodeArguments);
  let results = (outs RankedTensorOf<[F32]>:$result);
  let assemblyFormat = [{
    $input `dim` $dim $parts `on` $mesh (`nodes` $node_ends^ `of` $node_bounds)? attr-dict `:`
    type($input) `->` type($result)
  }];
  let extraClassDeclaration = [{
    mlir::RankedTensorType getWholeType();
    DimShardAttr getPartition() { return getParts(); }
    int64_t getPartDim() { return getDim(); }
    llvm::SmallVector<mlir::StringAttr> getDeviceAxes() { return llvm::to_vector(getParts().getAxes()); }
  }];
}

def Par_PartOp : Par_PartsOp<"part", "getInput", [Pure]> {
  let summary = "of what all devices hold, each its part";
  let description = [{
    Sends nothing.

    ```mlir
    %y = par.part %x dim 0 {"tp" : even} on @mesh : tensor<?x192xf32, #lm.dims<tokens>> -> tensor<?x192xf32, #lm.dims<tokens_part>>
    ```
    **Constraints:** as for `par.all_gather`, the other way about.
  }];
}

//===----------------------------------------------------------------------===//
// Phases
//===----------------------------------------------------------------------===//

defvar Par_ShardArrayAttr = TypedArrayAttrBase<Par_ShardAttr, "shardings">;
defvar Par_HeadsArrayAttr = TypedArrayAttrBase<Par_HeadsAttr, "heads that are sent">;

def Par_PhaseOp : Par_Op<"phase", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "what the module's steps compute, where, and how their states are split there";
  let description = [{
    The steps run in the phase of this name, on the replicas of `mesh`: "prefill" computes
    prompts, "decode" goes on from them. A model without this op runs all of a request on one
    mesh. `states` are the whole states of the steps in the order of their arguments, and
    `shards` what each device holds of them.

    ```mlir
    par.phase "decode" on @decode states [!lm.state<layers = 4, kv_heads = 3, head_dim = 32, f32>] as [#par.shard<@decode, [{"tp" : 0 to 64, 64 to 96} ]>]
    ```
    **Constraints:** the phase is prefill or decode; a sharding on `mesh` for each state, which
    fits it; parts are of whole heads.
  }];
  let arguments = (ins StrAttr:$phase, FlatSymbolRefAttr:$mesh, TypeArrayAttr:$states, Par_ShardArrayAttr:$shards);
  let assemblyFormat = "$phase `on` $mesh `states` $states `as` $shards attr-dict";
}

def Par_HandoverOp : Par_Op<"handover", [SingleBlock, NoTerminator]> {
  let summary = "what moves when a sequence goes from one phase to the next";
  let description = [{
    Once per sequence: the keys and values of the positions that the first phase has
    computed. The body has an argument for each state and a `par.kv_reshard` of it.

    ```mlir
    par.handover from "prefill" to "decode" {
    ^bb0(%kv: !lm.state<layers = 4, kv_heads = 2, head_dim = 32, f32>):
      %0 = par.kv_reshard %kv from <@prefill, [{} ]> to <@decode, [{"tp" : 0 to 32, 32 to 64} ]> sends [
        #par.heads<source = 0, source_head = 0, target = 0, target_head = 0, count = 1>,
        #par.heads<source = 0, source_head = 1, target = 1, target_head = 0, count = 1>] : !lm.state<layers = 4, kv_heads = 2, head_dim = 32, f32>
    }
    ```
    **Constraints:** only `par.kv_reshard` inside, one for each argument in order.
  }];
  let arguments = (ins StrAttr:$source, StrAttr:$target);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "`from` $source `to` $target attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def Par_KvReshardOp : Par_Op<"kv_reshard", [HasParent<"HandoverOp">, AllTypesMatch<["input", "result"]>,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "keys and values that go from the ranks of one mesh to those of another";
  let description = [{
    The state itself, which devices of one mesh hold as `source` says, as those of another
    mesh hold it by `target`. `sends` says who sends which heads to whom. Each rank of the
    target gets each of its heads once, whatever ranks of the source have it. Along the
    axis "dp" meshes have replicas: the sequence goes from one of the source to one of the
    target, and ranks are numbered within them.

    ```mlir
    %1 = par.kv_reshard %kv from <@prefill, [{} ]> to <@decode, [{} ]> sends [
      #par.heads<source = 0, source_head = 0, target = 0, target_head = 0, count = 2>] : !lm.state<layers = 4, kv_heads = 2, head_dim = 32, f32>
    ```
    **Constraints:** the type is a state; each sharding fits its mesh and is of whole heads, and
    the meshes differ; `sends` gives each rank of the target all heads that it has, each once
    and from a rank of the source that has it.
  }];
  let arguments = (ins AnyType:$input, Par_ShardAttr:$source, Par_ShardAttr:$target, Par_HeadsArrayAttr:$sends);
  let results = (outs AnyType:$result);
  let assemblyFormat = "$input `from` $source `to` $target `sends` $sends attr-dict `:` type($input)";
}

#endif // PLAIT_PAR_OPS
