//===- RtDialect.td - The rt dialect -----------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RT_DIALECT
#define PLAIT_RT_DIALECT

include "mlir/IR/DialectBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

def Rt_Dialect : Dialect {
  let name = "rt";
  let cppNamespace = "::plait::rt";
  let summary = "What the runtime is told and asked: the exit dialect.";
  let description = [{
    One op per table row of include/plait-abi/Model.h and one per function of
    include/plait-abi/Imports.def. After the lowering phases a module holds one
    `rt.model` and the code of its kernels, nothing else.
  }];
  let useDefaultAttributePrinterParser = 1;
}

def Rt_ArgKind : I32EnumAttr<"ArgKind", "plait_arg_kind_t", [
    I32EnumAttrCase<"slot", 0>, I32EnumAttrCase<"weight", 1>, I32EnumAttrCase<"state", 2>,
    I32EnumAttrCase<"input", 3>, I32EnumAttrCase<"output", 4>, I32EnumAttrCase<"pages", 5>,
    I32EnumAttrCase<"copy", 6>]> {
  let cppNamespace = "::plait::rt";
  let genSpecializedAttr = 0;
}

def Rt_ArgAttr : AttrDef<Rt_Dialect, "Arg"> {
  let mnemonic = "arg";
  let summary = "one argument of a launch: plait_arg_v1_t";
  let description = "`#rt.arg<weight 3>`: buffer 3 of that kind. A `copy` of a slot is each thread's own, in steps that have copies.";
  let parameters = (ins EnumParameter<Rt_ArgKind>:$kind, "int64_t":$index);
  let assemblyFormat = "`<` $kind $index `>`";
}
def Rt_ArgArrayAttr : TypedArrayAttrBase<Rt_ArgAttr, "arguments of a launch">;

def Rt_CollectiveKind : I32EnumAttr<"CollectiveKind", "what ranks do together", [
    I32EnumAttrCase<"all_reduce", 0>, I32EnumAttrCase<"reduce_scatter", 1>, I32EnumAttrCase<"all_gather", 2>,
    I32EnumAttrCase<"part", 3>, I32EnumAttrCase<"all_to_all", 4>, I32EnumAttrCase<"broadcast", 5>,
    I32EnumAttrCase<"send", 6>, I32EnumAttrCase<"recv", 7>, I32EnumAttrCase<"reduce_gather", 8>]> {
  let cppNamespace = "::plait::rt";
  let genSpecializedAttr = 0;
}
def Rt_SumOrder : I32EnumAttr<"SumOrder", "plait_sum_order_t", [
    I32EnumAttrCase<"rank", 0>, I32EnumAttrCase<"tree", 1>]> {
  let cppNamespace = "::plait::rt";
  let genSpecializedAttr = 0;
}
def Rt_SumOrderAttr : EnumAttr<Rt_Dialect, Rt_SumOrder, "sum_order">;
def Rt_SumPrecision : I32EnumAttr<"SumPrecision", "plait_sum_precision_t", [
    I32EnumAttrCase<"f32", 0>, I32EnumAttrCase<"f64", 1>, I32EnumAttrCase<"bf16", 2>]> {
  let cppNamespace = "::plait::rt";
  let genSpecializedAttr = 0;
}
def Rt_SumPrecisionAttr : EnumAttr<Rt_Dialect, Rt_SumPrecision, "sum_precision">;
def Rt_SumAlgorithm : I32EnumAttr<"SumAlgorithm", "plait_sum_algorithm_t", [
    I32EnumAttrCase<"one_shot", 0>, I32EnumAttrCase<"two_shot", 1>, I32EnumAttrCase<"ring", 2>,
    I32EnumAttrCase<"multimem", 3>, I32EnumAttrCase<"lamport", 4>]> {
  let cppNamespace = "::plait::rt";
  let genSpecializedAttr = 0;
}
def Rt_SumRangeAttr : AttrDef<Rt_Dialect, "SumRange"> {
  let mnemonic = "sum_range";
  let summary = "how a sum of so many rows or more is carried out: plait_sum_range_v1_t";
  let description = "`#rt.sum_range<24 : two_shot>`: from 24 rows on by two shots. The names are those of `#par.algorithms`.";
  let parameters = (ins "int64_t":$rows, EnumParameter<Rt_SumAlgorithm>:$algorithm);
  let assemblyFormat = "`<` $rows `:` $algorithm `>`";
}
def Rt_SumRangeArrayAttr : TypedArrayAttrBase<Rt_SumRangeAttr, "how a sum is carried out, by its number of rows">;
def Rt_CollectiveKindAttr : EnumAttr<Rt_Dialect, Rt_CollectiveKind, "collective_kind">;

def Rt_TilesAttr : AttrDef<Rt_Dialect, "Tiles"> {
  let mnemonic = "tiles";
  let summary = "how a kernel's work is divided: fields of plait_kernel_v1_t";
  let description = [{
    `count * ceil(dims[dim] / block)` tiles (`dim` -1: `count`), dealt out one by
    one if `cyclic`, in contiguous ranges otherwise.

    ```mlir
    #rt.tiles<count = 12, dim = -1, block = 1, cyclic = false>
    ```
  }];
  let parameters = (ins "int64_t":$count, "int64_t":$dim, "int64_t":$block, "bool":$cyclic);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Rt_TensorMapAttr : AttrDef<Rt_Dialect, "TensorMap"> {
  let mnemonic = "tensor_map";
  let summary = "a parameter of a GPU kernel that says how TMA copies parts of a matrix";
  let description = [{
    A CUtensorMap, as cuTensorMapEncodeTiled makes it, of the matrix of bf16 in buffer
    `buffer` of the kernel: `rows` by `columns`, by rows without gaps (`rows` 0: as many as
    the buffer holds), copied in boxes of `box` rows by 64 columns, swizzled by 128 bytes,
    with zeros for what lies outside.

    ```mlir
    #rt.tensor_map<buffer = 1, rows = 192, columns = 512, box = 128>
    ```
  }];
  let parameters = (ins "int64_t":$buffer, "int64_t":$rows, "int64_t":$columns, "int64_t":$box);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Rt_EntryAttr : AttrDef<Rt_Dialect, "Entry"> {
  let mnemonic = "entry";
  let summary = "a function of a GPU kernel, and how it is launched";
  let description = [{
    Of several entries, which compute the same bits, a step takes the first one whose `rows`
    are no fewer than its own, or the last one. A block has `threads` threads and `shared`
    bytes of dynamic shared memory; blocks are as many as all `grid` tiles together. Its
    parameters are the addresses of all buffers, that of the step's extents, and `maps`.

    ```mlir
    #rt.entry<"linear_rows16", rows = 16, threads = 256, shared = 41088,
              grid = [#rt.tiles<count = 3, dim = 0, block = 16, cyclic = false>],
              maps = [#rt.tensor_map<buffer = 0, rows = 0, columns = 224, box = 16>]>
    ```
  }];
  let parameters = (ins StringRefParameter<>:$name, "int64_t":$rows, "int64_t":$threads, "int64_t":$shared,
                        ArrayRefParameter<"::plait::rt::TilesAttr">:$grid,
                        OptionalArrayRefParameter<"::plait::rt::TensorMapAttr">:$maps);
  let assemblyFormat = [{
    `<` $name `,` `rows` `=` $rows `,` `threads` `=` $threads `,` `shared` `=` $shared `,`
    `grid` `=` `[` $grid `]` (`,` `maps` `=` `[` $maps^ `]`)? `>`
  }];
}
def Rt_EntryArrayAttr : TypedArrayAttrBase<Rt_EntryAttr, "functions of a GPU kernel">;

#endif // PLAIT_RT_DIALECT
