//===- ParDialect.td - The par dialect ---------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PAR_DIALECT
#define PLAIT_PAR_DIALECT

include "mlir/IR/DialectBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"

def Par_Dialect : Dialect {
  let name = "par";
  let cppNamespace = "::plait::par";
  let summary = "Where a model's values are: devices, shardings, collectives.";
  let description = [{
    A mesh (`par.mesh`) numbers devices by named axes. A value's sharding
    (`#par.shard`) says what each device holds of it; `par.constraint` gives a value
    a sharding and `par.reshard` changes it. `plait-partition` then makes the program
    of one rank, on local types, in which the reshards have become collectives.

    Whatever is sharded, the ops say what they computed before: how each may be
    split is its own matter (`lm.ShardingOpInterface`).
  }];
  let dependentDialects = ["::plait::lm::LmDialect"];
  let useDefaultAttributePrinterParser = 1;
}

class Par_Attr<string name, string attrMnemonic> : AttrDef<Par_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def Par_AxisAttr : Par_Attr<"Axis", "axis"> {
  let summary = "an axis of a mesh, or a part of its factors";
  let description = [{
    An axis of n devices whose number is a product can be seen as several. `"tp":(m)k` is the
    axis of k devices of those into which `"tp"` falls as [m, k, n / (m * k)], the first one
    varying most slowly: m is the product of the sizes of the sub-axes before it.

    ```mlir
    "tp"
    "tp":(1)2
    "tp":(2)4
    ```
    **Constraints:** of a sub-axis m >= 1 and k >= 2. Where it is used: m * k divides the size
    of the axis, and k is less than it.
  }];
  /// `size` is 0 for the whole axis.
  let parameters = (ins "::mlir::StringAttr":$axis, "int64_t":$before, "int64_t":$size);
  let builders = [AttrBuilderWithInferredContext<(ins "::mlir::StringAttr":$axis), [{
    return $_get(axis.getContext(), axis, 1, 0);
  }]>];
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    bool isWhole() const { return getSize() == 0; }
    /// Whether devices may be told apart by both: sub-axes of one axis must be separate
    /// factors of it.
    bool overlaps(AxisAttr other) const;
  }];
}
def Par_SumOrder : I32EnumAttr<"SumOrder", "in which order the summands of devices are added", [
    I32EnumAttrCase<"rank", 0>, I32EnumAttrCase<"tree", 1>]> {
  let cppNamespace = "::plait::par";
  let genSpecializedAttr = 0;
}
def Par_SumOrderAttr : EnumAttr<Par_Dialect, Par_SumOrder, "sum_order">;

def Par_SumAlgorithm : I32EnumAttr<"SumAlgorithm", "how a sum of n devices is carried out", [
    I32EnumAttrCase<"one_shot", 0>, I32EnumAttrCase<"two_shot", 1>, I32EnumAttrCase<"ring", 2>,
    I32EnumAttrCase<"multimem", 3>, I32EnumAttrCase<"lamport", 4>]> {
  let description = [{
    | algorithm | what happens | order of summands |
    |---|---|---|
    | one_shot | each device counts that its rows are there, and reads and adds up those of all | of the devices |
    | two_shot | each adds up its part of the rows and counts; all read it | of the devices |
    | ring | a part of rows goes from device to device, each of which adds its own, to the one that it belongs to; then around to all | of part p: p + 1, p + 2, ... and p at last, modulo n |
    | multimem | as two_shot, but a switch adds up and distributes | that of the switch, which nobody knows |
    | lamport | as one_shot, but each stores its rows in the memory of all others, where what is stored tells by itself that it is there | of the devices |

    Between CPUs each sends what it has, in shared memory or as messages. A message tells by itself that it is there:
    by messages `lamport` is `one_shot`. There is no switch that adds up.

    So `ring` and `multimem` change bits, and with `ring` those of a row depend on where it is.
  }];
  let cppNamespace = "::plait::par";
  let genSpecializedAttr = 0;
}

def Par_AlgorithmsAttr : Par_Attr<"Algorithms", "algorithms"> {
  let summary = "how a sum is carried out, by its number of rows";
  let description = [{
    From so many rows on so. All devices have the same rows, so all choose alike.

    ```mlir
    #par.algorithms<1 : lamport, 24 : two_shot>
    ```
    **Constraints:** the first is from 1 row on; numbers ascend, and neighbours differ in the algorithm.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$rows,
                        ArrayRefParameter<"::plait::par::SumAlgorithm">:$algorithms);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// That of a sum of so many rows, at least 1.
    SumAlgorithm getAlgorithm(int64_t ofRows) const;
    /// Whether all of them add in the order of the devices.
    bool keepsOrder() const;
  }];
}

def Par_DimShardAttr : Par_Attr<"DimShard", "dim"> {
  let summary = "how a dimension is split along axes of a mesh";
  let description = [{
    `axes` share the dimension out, the first one being the major one. `parts` are
    the ranges of elements of the devices in their order along the axes; they may
    differ in size. Parts that overlap are replicated in part: so are the key/value
    heads that several devices' query heads use. Without axes the dimension is whole.

    Within `#par.shard` it is written without its name:

    ```mlir
    {}
    {"tp" : 0 to 96, 96 to 192}
    {"tp":(1)2 : 0 to 96, 96 to 192}
    {"tp" : even}
    {"dp", "tp" : 0 to 63, 63 to 126, 126 to 188, 188 to 250}
    ```
    `even` parts are those of tokens, whose number a step tells: of device r of n, `tokens
    * r / n` to `tokens * (r + 1) / n`, rounded down.

    What a `par.constraint` asks of `plait-propagate-sharding` may leave something to it, and
    be more or less urgent (as in Shardy, https://github.com/openxla/shardy):

    ```mlir
    {?}
    {"a" : 0 to 96, 96 to 192, ?}
    {"tp" : 0 to 96, 96 to 192}p1
    ```
    A dimension is closed unless it has a `?`: what is written is how it is split. An open
    one may be split along further axes. Where two wishes contradict each other, the one of the lower
    priority gives way, p1 to p0; without a number it is p0.

    **Constraints:** axes differ; parts are not empty, begin and end in ascending
    order, and leave nothing out between 0 and the end of the last; even parts are closed; a
    priority is at most 9.
  }];
  let parameters = (ins ArrayRefParameter<"::plait::par::AxisAttr">:$axes, ArrayRefParameter<"int64_t">:$bounds,
                        "bool":$open, "int64_t":$priority);
  let builders = [AttrBuilder<(ins "::llvm::ArrayRef<::plait::par::AxisAttr>":$axes,
                                   "::llvm::ArrayRef<int64_t>":$bounds), [{
    return $_get($_ctxt, axes, bounds, false, 0);
  }]>];
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    bool isWhole() const { return getAxes().empty(); }
    bool isEven() const { return !isWhole() && getBounds().empty(); }
    /// Whether it says how the dimension is split, and leaves nothing to a pass.
    bool isFinal() const { return !getOpen() && getPriority() == 0; }
    int64_t getNumParts() const { return getBounds().size() / 2; }
    /// First element and size of a part.
    int64_t getBegin(int64_t part) const { return getBounds()[2 * part]; }
    int64_t getSize(int64_t part) const { return getBounds()[2 * part + 1] - getBegin(part); }
    /// Whether some element is in several parts.
    bool overlaps() const;
  }];
}

def Par_ShardAttr : Par_Attr<"Shard", "shard"> {
  let summary = "what each device of a mesh holds of a value";
  let description = [{
    One entry per dimension. Along `unreduced` axes each device holds a summand: the
    value is their sum. Along all other axes devices hold the same.

    ```mlir
    #par.shard<@mesh, [{}, {"tp" : 0 to 96, 96 to 192} ]>
    #par.shard<@mesh, [{}, {} ], unreduced = {"tp"}>
    #par.shard<@mesh, [{"tp":(1)2 : 0 to 96, 96 to 192}, {} ], unreduced = {"tp":(2)2}>
    ```
    **Constraints:** an axis occurs once, and its sub-axes do not overlap. Where it is used:
    the axes are of the mesh, a dimension has as many parts as devices along its axes, and
    the parts make it up exactly.
  }];
  let parameters = (ins "::mlir::FlatSymbolRefAttr":$mesh, ArrayRefParameter<"::plait::par::DimShardAttr">:$dims,
                        ArrayRefParameter<"::plait::par::AxisAttr">:$unreduced);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Whether every device holds all of the value.
    bool isReplicated() const;
    /// The same value, reduced and whole.
    ShardAttr getReplicated() const;
  }];
}

def Par_HeadsAttr : Par_Attr<"Heads", "heads"> {
  let summary = "key/value heads that one rank sends to another";
  let description = [{
    `count` consecutive heads of a state: those from `source_head` on of what rank `source`
    of the phase before has become those from `target_head` on of what rank `target` of the
    phase after has. Ranks are numbered within a replica.

    ```mlir
    #par.heads<source = 0, source_head = 1, target = 1, target_head = 0, count = 2>
    ```
    **Constraints:** `count` is positive, the others are not negative. Where it is used: both
    ranks have those heads, and they are the same heads of the state.
  }];
  let parameters = (ins "int64_t":$source, "int64_t":$source_head, "int64_t":$target, "int64_t":$target_head,
                        "int64_t":$count);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

#endif // PLAIT_PAR_DIALECT
