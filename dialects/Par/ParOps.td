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
include "dialects/Par/ParMachine.td"
include "dialects/Lm/LmInterfaces.td"

class Par_Op<string mnemonic, list<Trait> traits = []> : Op<Par_Dialect, mnemonic, traits>;

def Par_MeshOp : Par_Op<"mesh", [Symbol, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "devices, numbered by named axes";
  let description = [{
    Rank r has the coordinates of r written in the mixed radix of the sizes, the last
    axis varying fastest.

    ```mlir
    par.mesh @mesh axes ["dp", "tp"] sizes [2, 4]
    par.mesh @prompts axes ["tp"] sizes [2] on @machine devices [2, 3]
    ```
    With `on` rank r is the device of a `par.machine` that `devices` names at r, or device r.
    Meshes may have devices in common. With `rank` the module is the program of that rank.

    **Constraints:** at least one axis, as many sizes as axes, all positive and their
    product at most 2^16; names differ; the rank is below that product. Devices are of a
    machine, as many as ranks, and differ; each two of them are on a link.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$axes, DenseI64ArrayAttr:$sizes,
                       OptionalAttr<I64Attr>:$rank, OptionalAttr<FlatSymbolRefAttr>:$machine,
                       OptionalAttr<DenseI64ArrayAttr>:$devices);
  let builders = [OpBuilder<(ins "::llvm::StringRef":$name, "::mlir::ArrayAttr":$axes, "::llvm::ArrayRef<int64_t>":$sizes,
                                 "::mlir::IntegerAttr":$rank), [{
    build($_builder, $_state, $_builder.getStringAttr(name), axes, $_builder.getDenseI64ArrayAttr(sizes), rank,
          /*machine=*/{}, /*devices=*/{});
  }]>];
  let assemblyFormat = [{
    $sym_name `axes` $axes `sizes` $sizes (`on` $machine^)? (`devices` $devices^)? (`rank` $rank^)? attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The number of devices along `axis`, or 0 if there is no such axis.
    int64_t getSize(llvm::StringRef axis);
    /// The same of an axis or sub-axis; 0 if the mesh has no such one.
    int64_t getSize(AxisAttr axis);
    /// The number of devices along `axes` together.
    int64_t getSize(llvm::ArrayRef<AxisAttr> axes);
    int64_t getNumRanks();
    /// The number of `rank` among those that differ from it along `axes` alone.
    int64_t getIndex(int64_t rank, llvm::ArrayRef<AxisAttr> axes);
    /// Those ranks, in order of that number, `rank` among them.
    llvm::SmallVector<int64_t> getGroup(int64_t rank, llvm::ArrayRef<AxisAttr> axes);
    /// The axes that share out the work of a replica.
    llvm::SmallVector<AxisAttr> getModelAxes();
    /// The number in its machine of the device of `rank`.
    int64_t getDevice(int64_t rank) { return getDevices() ? (*getDevices())[rank] : rank; }
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
    **Constraints:** both shardings fit their mesh, which is one, and the type; they are
    closed and have no priorities.
  }];
  let arguments = (ins AnyType:$input, Par_ShardAttr:$source, Par_ShardAttr:$target);
  let results = (outs AnyType:$result);
  let assemblyFormat = "$input `from` $source `to` $target attr-dict `:` type($input)";
}

class Par_CollectiveOp<string mnemonic, list<Trait> traits = []> : Par_Op<mnemonic, traits # [
    Par_CollectiveOpInterface, DeclareOpInterfaceMethods<Lm_EvaluableOpInterface>,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]>;

/// A collective between a tensor, `whole`, and its parts along one dimension.
class Par_PartsOp<string mnemonic, string whole, list<Trait> traits = []>
    : Par_CollectiveOp<mnemonic, traits> {
  let arguments = (ins RankedTensorOf<[F32]>:$input, I64Attr:$dim, Par_DimShardAttr:$parts, FlatSymbolRefAttr:$mesh);
  let results = (outs RankedTensorOf<[F32]>:$result);
  let assemblyFormat = "$input `dim` $dim $parts `on` $mesh attr-dict `:` type($input) `->` type($result)";
  let extraClassDeclaration = "mlir::RankedTensorType getWholeType() { return " # whole # [{().getType(); }
    DimShardAttr getPartition() { return getParts(); }
    int64_t getPartDim() { return getDim(); }
    llvm::SmallVector<AxisAttr> getDeviceAxes() { return llvm::to_vector(getParts().getAxes()); }
  }];
}

/// The nodes of the tree of a sum that devices share out: `node_ends` are the ends, in
/// leaves, of all nodes in order, and those of device i are number node_bounds[i] to
/// node_bounds[i + 1].
defvar nodeArguments = (ins OptionalAttr<DenseI64ArrayAttr>:$node_ends, OptionalAttr<DenseI64ArrayAttr>:$node_bounds);
/// How a sum without nodes is taken.
defvar sumArguments = (ins DefaultValuedAttr<Par_SumOrderAttr, "::plait::par::SumOrder::rank">:$order,
                           OptionalAttr<TypeAttr>:$accumulate, OptionalAttr<TypeAttr>:$wire);
/// How such a sum in the order of the devices is carried out, if that is decided.
defvar algorithmArguments = (ins OptionalAttr<Par_AlgorithmsAttr>:$algorithms);
/// Of both.
defvar sumDeclaration = [{
    std::pair<mlir::DenseI64ArrayAttr, mlir::DenseI64ArrayAttr> getNodes() {
      return {getNodeEndsAttr(), getNodeBoundsAttr()};
    }
    SumOrder getSumOrder() { return getOrder(); }
    bool isWide() { return getAccumulate() && getAccumulate()->isF64(); }
    bool isNarrow() { return getWire() && getWire()->isBF16(); }
}];

def Par_AxesAttr : TypedArrayAttrBase<Par_AxisAttr, "axes">;

/// The same tensor on all devices along some axes, or moved between them.
class Par_WholeOp<string mnemonic, list<Trait> traits = []> : Par_CollectiveOp<mnemonic, traits>;
defvar wholeDeclaration = [{
    mlir::RankedTensorType getWholeType();
    DimShardAttr getPartition() { return {}; }
    int64_t getPartDim() { return 0; }
    llvm::SmallVector<AxisAttr> getDeviceAxes() { return llvm::to_vector(getAxes().getAsRange<AxisAttr>()); }
}];

def Par_AllReduceOp : Par_WholeOp<"all_reduce"> {
  let summary = "the sum of what the devices along some axes hold";
  let description = [{
    Each device gets `((x0 + x1) + x2) + ...` in f32, in the order of the devices, so that
    all hold the same bits, and the same from run to run.

    ```mlir
    %y = par.all_reduce %x on @mesh ["tp"] : tensor<?x192xf32, #lm.dims<tokens>>
    %v = par.all_reduce %x on @mesh ["tp":(2)2] : tensor<?x192xf32, #lm.dims<tokens>>
    %w = par.all_reduce %x on @mesh ["tp"] order tree accumulate f64 : tensor<?x192xf32, #lm.dims<tokens>>
    %s = par.all_reduce %x on @mesh ["tp"] algorithms <1 : lamport, 24 : two_shot> : tensor<?x192xf32, #lm.dims<tokens>>
    %n = par.all_reduce %x on @mesh ["tp"] wire bf16 : tensor<?x192xf32, #lm.dims<tokens>>
    %z = par.all_reduce %u on @mesh ["tp"] nodes [2, 3, 4] of [0, 2, 3] : tensor<?x384xf32, #lm.dims<tokens>> -> tensor<?x192xf32, #lm.dims<tokens>>
    ```
    With `order tree` the sum of devices [b, e) is that of [b, m) plus that of [m, e), where
    m - b is the largest power of two below e - b: as many additions, one behind the other
    in fewer steps. With `accumulate f64` summands are widened, added in f64, and the sum is
    rounded once. With `wire bf16` summands are rounded to bf16 before they are sent, added in f32, and the sum is
    rounded to bf16 before it is sent on: half of the bytes. Each changes bits, so it is the program's and not the runtime's
    choice.

    `algorithms` says how it is carried out (`plait-select-algorithms`), by which order may be another one. The launch
    plan has it, and ranks of CPUs follow it (docs/parallel.md), but for `multimem`, which the compiler refuses there;
    without it the runtime chooses, by what changes no bit. `plait-outline-protocols` writes each as a program.

    With `nodes` each device has some nodes of the tree of the sum (`#lm.tree`), side by side
    in each row, and gets the root: device 0 of the example [0, 2) and [2, 3), device 1 [3, 4).

    Every device of the axes executes the same collectives in the same order.
    **Constraints:** axes of the mesh, at least one, each once. Without nodes the types are the same;
    `accumulate` is f32 or f64, `wire` f32 or bf16, and not bf16 with f64. With `algorithms` there are no nodes, and neither
    `order` nor `accumulate f64` nor `wire bf16`: each algorithm adds what it sends, in f32.
    With nodes the mesh says which device this is, the axis is one, each device has at
    least one node, together they make up all leaves, the input has as many columns
    as the result for each, and there is no `order`, no `accumulate` and no `wire`.
  }];
  let arguments = !con((ins RankedTensorOf<[F32]>:$input, FlatSymbolRefAttr:$mesh, Par_AxesAttr:$axes),
                       nodeArguments, sumArguments, algorithmArguments);
  let results = (outs RankedTensorOf<[F32]>:$result);
  let assemblyFormat = [{
    $input `on` $mesh custom<Axes>($axes) (`nodes` $node_ends^ `of` $node_bounds)? (`order` $order^)?
    (`accumulate` $accumulate^)? (`wire` $wire^)? (`algorithms` $algorithms^)? attr-dict `:`
    custom<SumTypes>(type($input), type($result))
  }];
  let extraClassDeclaration = !strconcat(wholeDeclaration, sumDeclaration, [{
    bool isInPlace() { return !getNodeEnds(); }
  }]);
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

def Par_ReduceScatterOp : Par_CollectiveOp<"reduce_scatter"> {
  let summary = "of the sum of what devices hold, each its part";
  let description = [{
    The sum as of `par.all_reduce`, of which each device gets its part of a dimension.

    ```mlir
    %y = par.reduce_scatter %x dim 0 {"tp" : even} on @mesh : tensor<?x192xf32, #lm.dims<tokens>> -> tensor<?x192xf32, #lm.dims<tokens_part>>
    %z = par.reduce_scatter %x dim 0 {"tp" : even} on @mesh order tree : tensor<?x192xf32, #lm.dims<tokens>> -> tensor<?x192xf32, #lm.dims<tokens_part>>
    ```
    **Constraints:** as for `par.all_gather`, the other way about; nodes, `order`, `accumulate` and
    `wire` as for `par.all_reduce`, and with nodes parts are of rows.
  }];
  let arguments = !con((ins RankedTensorOf<[F32]>:$input, I64Attr:$dim, Par_DimShardAttr:$parts,
                        FlatSymbolRefAttr:$mesh), nodeArguments, sumArguments);
  let results = (outs RankedTensorOf<[F32]>:$result);
  let assemblyFormat = [{
    $input `dim` $dim $parts `on` $mesh (`nodes` $node_ends^ `of` $node_bounds)? (`order` $order^)?
    (`accumulate` $accumulate^)? (`wire` $wire^)? attr-dict `:` type($input) `->` type($result)
  }];
  let extraClassDeclaration = !strconcat(sumDeclaration, [{
    mlir::RankedTensorType getWholeType();
    DimShardAttr getPartition() { return getParts(); }
    int64_t getPartDim() { return getDim(); }
    llvm::SmallVector<AxisAttr> getDeviceAxes() { return llvm::to_vector(getParts().getAxes()); }
  }]);
}

def Par_AllToAllOp : Par_CollectiveOp<"all_to_all"> {
  let summary = "parts of one dimension become parts of another one";
  let description = [{
    Each device has a part of dimension `source_dim` and all of dimension `dim`, and gets
    all of the first and its part of the second.

    ```mlir
    %y = par.all_to_all %x dim 1 {"tp" : 0 to 96, 96 to 192} to dim 0 {"tp" : even} on @mesh : tensor<?x96xf32, #lm.dims<tokens>> -> tensor<?x192xf32, #lm.dims<tokens_part>>
    ```
    It is `par.all_gather` of the first and `par.part` of the second, and moves as much as
    one part: of n devices the n-th of what a gathering does.

    **Constraints:** two dimensions, split along the same axes, in parts that do not overlap
    and make the dimensions up.
  }];
  let arguments = (ins RankedTensorOf<[F32]>:$input, I64Attr:$source_dim, Par_DimShardAttr:$source_parts,
                       I64Attr:$dim, Par_DimShardAttr:$parts, FlatSymbolRefAttr:$mesh);
  let results = (outs RankedTensorOf<[F32]>:$result);
  let assemblyFormat = [{
    $input `dim` $source_dim $source_parts `to` `dim` $dim $parts `on` $mesh attr-dict `:`
    type($input) `->` type($result)
  }];
  let extraClassDeclaration = [{
    mlir::RankedTensorType getWholeType();
    DimShardAttr getPartition() { return getParts(); }
    int64_t getPartDim() { return getDim(); }
    std::pair<int64_t, DimShardAttr> getSourcePartition() { return {int64_t(getSourceDim()), getSourceParts()}; }
    llvm::SmallVector<AxisAttr> getDeviceAxes() { return llvm::to_vector(getParts().getAxes()); }
  }];
}

def Par_BroadcastOp : Par_WholeOp<"broadcast", [AllTypesMatch<["input", "result"]>]> {
  let summary = "what one of the devices along some axes holds";
  let description = [{
    All get what number `root` of them has.

    ```mlir
    %y = par.broadcast %x root 0 on @mesh ["tp"] : tensor<?x192xf32, #lm.dims<tokens>>
    ```
    **Constraints:** axes of the mesh, at least one, each once; `root` is below the number of
    devices along them.
  }];
  let arguments = (ins RankedTensorOf<[F32]>:$input, I64Attr:$root, FlatSymbolRefAttr:$mesh, Par_AxesAttr:$axes);
  let results = (outs RankedTensorOf<[F32]>:$result);
  let assemblyFormat = "$input `root` $root `on` $mesh custom<Axes>($axes) attr-dict `:` type($input)";
  let extraClassDeclaration = !strconcat(wholeDeclaration, [{
    int64_t getOther() { return getRoot(); }
    bool isInPlace() { return true; }
  }]);
}

def Par_SendOp : Par_WholeOp<"send"> {
  let summary = "gives a value to another device";
  let description = [{
    Number `peer` of the devices along the axes takes it with the `par.recv` that names
    this one. Those between two devices match in their order.

    ```mlir
    par.send %x to 1 on @mesh ["pp"] : tensor<?x192xf32, #lm.dims<tokens>>
    ```
    A send may wait until its peer receives. `plait-verify-parallel` proves that each has its
    partner, and that devices do not wait for each other in a circle.

    **Constraints:** axes of the mesh, at least one, each once; `peer` is below the number
    of devices along them, and another one than this device, if the mesh says which this is.
  }];
  let arguments = (ins RankedTensorOf<[F32]>:$input, I64Attr:$peer, FlatSymbolRefAttr:$mesh, Par_AxesAttr:$axes);
  let assemblyFormat = "$input `to` $peer `on` $mesh custom<Axes>($axes) attr-dict `:` type($input)";
  let extraClassDeclaration = !strconcat(wholeDeclaration, [{
    mlir::TypedValue<mlir::RankedTensorType> getResult() { return {}; }
    int64_t getOther() { return getPeer(); }
    bool isInPlace() { return true; }
  }]);
}

def Par_RecvOp : Par_WholeOp<"recv"> {
  let summary = "takes a value from another device";
  let description = [{
    What the `par.send` of number `peer` of the devices along the axes gives.

    ```mlir
    %y = par.recv from 0 on @mesh ["pp"] : tensor<?x192xf32, #lm.dims<tokens>>
    ```
    **Constraints:** as of `par.send`.
  }];
  let arguments = (ins I64Attr:$peer, FlatSymbolRefAttr:$mesh, Par_AxesAttr:$axes);
  let results = (outs RankedTensorOf<[F32]>:$result);
  let assemblyFormat = "`from` $peer `on` $mesh custom<Axes>($axes) attr-dict `:` type($result)";
  let extraClassDeclaration = !strconcat(wholeDeclaration, [{
    mlir::TypedValue<mlir::RankedTensorType> getInput() { return {}; }
    int64_t getOther() { return getPeer(); }
    bool isInPlace() { return true; }
  }]);
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

include "dialects/Par/ParEpilogueOps.td"

#endif // PLAIT_PAR_OPS
