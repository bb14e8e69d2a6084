//===- RtOps.td - Ops of the rt dialect --------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RT_OPS
#define PLAIT_RT_OPS

include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Dialect/LLVMIR/LLVMTypes.td"
include "dialects/Rt/RtDialect.td"

class Rt_Op<string mnemonic, list<Trait> traits = []> : Op<Rt_Dialect, mnemonic, traits>;

def Rt_ModelOp : Rt_Op<"model", [SymbolTable, Symbol, NoTerminator, SingleBlock]> {
  let summary = "plait_model_v4_t: the tables of a model binary";
  let description = [{
    Order of the ops of one kind is the index in the table. A program of `ranks` that
    run together is that of `rank`. A binary may have those of several such groups (phases):
    then `program` is the number that it is asked for by, without it the rank.

    ```mlir
    rt.model @main {vocabulary = 2048 : i64, ...} { rt.kernel ... rt.weight ... rt.state ... rt.plan ... }
    ```
    Those of some of the ranks are in its table of groups; `token_group` is the one that
    shares tokens out (-1: all ranks). `chip` is the GPU that kernels with `entries` are for.

    **Constraints:** only `rt.kernel`, `rt.weight`, `rt.state`, `rt.group`, `rt.plan` and
    `rt.strategy` inside; a launch names a kernel of the table; `0 <= rank < ranks`;
    collectives only with several ranks; groups of a collective and of tokens are in the
    table and have this rank.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$family, StrAttr:$numerics, I64Attr:$vocabulary,
                       I64Attr:$max_positions, I64Attr:$layers, I64Attr:$pack_bytes, I64Attr:$parameters,
                       DefaultValuedAttr<I64Attr, "0">:$rank, DefaultValuedAttr<I64Attr, "1">:$ranks,
                       DefaultValuedAttr<I64Attr, "-1">:$token_group, OptionalAttr<I64Attr>:$program,
                       OptionalAttr<StrAttr>:$chip);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// The number by which a binary is asked for these tables.
    int64_t getNumber() { return getProgram().value_or(getRank()); }
    /// Ranks of a group of the table; of all for -1.
    llvm::SmallVector<int64_t> getMembers(int64_t group);
    /// The number of this rank in it; -1 if it is no member.
    int64_t getIndexIn(int64_t group);
  }];
}

def Rt_GroupOp : Rt_Op<"group", [HasParent<"ModelOp">]> {
  let summary = "plait_group_v1_t: ranks with collectives of their own";
  let description = [{
    In the order of their numbers in the group.

    ```mlir
    rt.group [0, 2]
    ```
    **Constraints:** at least one member, each once, all below the model's `ranks`.
  }];
  let arguments = (ins DenseI64ArrayAttr:$members);
  let assemblyFormat = "$members attr-dict";
  let hasVerifier = 1;
}

def Rt_KernelOp : Rt_Op<"kernel", [HasParent<"ModelOp">]> {
  let summary = "plait_kernel_v1_t";
  let description = [{
    `function` is a `kernel.func` until the target's code generator replaces it: on a CPU
    by a function of type plait_kernel_fn_v1, and sets `tiles`; on a GPU by a `gpu.module`,
    and sets `entries`. Once that has been assembled, `image` has its cubin, and `resources`
    four numbers for each entry: registers of a thread, bytes that do not fit in them, bytes of its stack,
    bytes of static shared memory.

    ```mlir
    rt.kernel @linear tiles <count = 12, dim = -1, block = 1, cyclic = false>
    rt.kernel @embed entries [#rt.entry<"embed", rows = 0, threads = 64, shared = 0,
                                        grid = [<count = 1, dim = 0, block = 1, cyclic = false>]>]
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$function, OptionalAttr<Rt_TilesAttr>:$tiles,
                       OptionalAttr<Rt_EntryArrayAttr>:$entries, OptionalAttr<StrAttr>:$image,
                       OptionalAttr<DenseI64ArrayAttr>:$resources);
  let assemblyFormat = "$function (`tiles` $tiles^)? (`entries` $entries^)? attr-dict";
}

def Rt_WeightOp : Rt_Op<"weight", [HasParent<"ModelOp">]> {
  let summary = "plait_weight_v4_t";
  let description = [{
    ```mlir
    rt.weight "q" from "model.layers.{layer}.self_attn.q_proj.weight" {offset = 0 : i64, ...}
    ```
    An `element` of i8 or i4 is an integer: `scale_group` columns share a scale (0
    otherwise), and a zero point with `zero_points`.

    A rank may have a part of a tensor: `rows` by `cols` elements from row `row_begin`
    and column `col_begin` on. The checkpoint's tensor, once `transposed`, has
    `source_rows` by `source_cols` (0: as the part).

    **Constraints:** `element` is f32, bf16, i8 or i4; `offset`, `layer_first`,
    `scale_group` and `panel` (0: rows) are not negative, the other numbers are positive;
    the part lies inside the tensor and cuts no group of `scale_group` columns.
  }];
  let arguments = (ins StrAttr:$name, StrAttr:$source, I64Attr:$offset, I64Attr:$layer_bytes, I64Attr:$layers,
                       DefaultValuedAttr<I64Attr, "0">:$layer_first, DefaultValuedAttr<I64Attr, "1">:$layer_step,
                       I64Attr:$rows, I64Attr:$cols, TypeAttr:$element, I64Attr:$panel, I64Attr:$group,
                       DefaultValuedAttr<I64Attr, "0">:$scale_group, UnitAttr:$zero_points, UnitAttr:$transposed,
                       DefaultValuedAttr<I64Attr, "0">:$row_begin, DefaultValuedAttr<I64Attr, "0">:$col_begin,
                       DefaultValuedAttr<I64Attr, "0">:$source_rows, DefaultValuedAttr<I64Attr, "0">:$source_cols);
  let assemblyFormat = "$name `from` $source attr-dict";
  let extraClassDeclaration = [{
    /// How integers stand for the elements, if they are integers.
    std::optional<WeightQuantization> getQuantization();
    /// Of a weight in panels.
    PanelLayout getLayout();
    /// Shape of the checkpoint's tensor, of which this may be a part.
    int64_t getWholeRows() { return getSourceRows() ? getSourceRows() : getRows(); }
    int64_t getWholeCols() { return getSourceCols() ? getSourceCols() : getCols(); }
    /// The checkpoint tensor of a slice.
    std::string getTensorName(int64_t slice);
  }];
  let hasVerifier = 1;
}

def Rt_StateOp : Rt_Op<"state", [HasParent<"ModelOp">]> {
  let summary = "plait_state_v3_t";
  let description = [{
    ```mlir
    rt.state "kv" {layers = 4 : i64, page_bytes = 32768 : i64, page_tokens = 64 : i64}
    rt.state "kv1" {layers = 4 : i64, page_bytes = 32768 : i64, page_tokens = 64 : i64, table = 1 : i64, window = 4096 : i64}
    ```
    `element` is what people call its keys and values: f32, bf16 or int8; the inside
    of a page belongs to the kernels. `cells` says where the cell of a position lies in a
    page, so that it can be moved: the numbers of each plait_cells_v1_t in their order.

    **Constraints:** `layers`, `page_tokens` and `page_bytes` are positive;
    `window >= 0` (0: none); `table >= 0`; `cells` are groups of 9 numbers, none negative.
  }];
  let arguments = (ins StrAttr:$name, I64Attr:$layers, I64Attr:$page_tokens, I64Attr:$page_bytes,
                       DefaultValuedAttr<I64Attr, "0">:$window, DefaultValuedAttr<I64Attr, "0">:$table,
                       DefaultValuedStrAttr<StrAttr, "f32">:$element,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$cells);
  let assemblyFormat = "$name attr-dict";
  let hasVerifier = 1;
}

def Rt_PlanOp : Rt_Op<"plan", [HasParent<"ModelOp">, NoTerminator, SingleBlock]> {
  let summary = "plait_plan_v2_t: one variant's launches in order";
  let description = [{
    ```mlir
    rt.plan "ar" { rt.slot [0, 768, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]  rt.launch @embed ... }
    ```
    `hidden` is the columns of the hidden states that the plan takes or returns. Steps of `weave_tokens` tokens
    or more (0: none) are computed in two parts, and those of `share_tokens` tokens or more (0: all) are shared out
    by ranks, as of `decode.step`.

    **Constraints:** only `rt.slot`, then `rt.launch` and `rt.collective` inside; the op
    after a collective has `barrier`, of all steps, and those that are part of one no copies; a collective's slots are there and large
    enough, and its parts and nodes are those of the model's ranks.
  }];
  let arguments = (ins StrAttr:$name, UnitAttr:$has_logits,
                       DefaultValuedAttr<ConfinedAttr<I64Attr, [IntNonNegative]>, "0">:$hidden,
                       DefaultValuedAttr<ConfinedAttr<I64Attr, [IntNonNegative]>, "0">:$weave_tokens,
                       DefaultValuedAttr<ConfinedAttr<I64Attr, [IntNonNegative]>, "0">:$share_tokens);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$name (`hidden` $hidden^)? attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def Rt_SlotOp : Rt_Op<"slot", [HasParent<"PlanOp">]> {
  let summary = "plait_extent_v4_t: bytes of one arena slot";
  let description = [{
    Constant, then one coefficient per plait_dim_t.
    **Constraints:** PLAIT_DIM_COUNT + 1 coefficients, none negative.
  }];
  let arguments = (ins DenseI64ArrayAttr:$bytes);
  let assemblyFormat = "$bytes attr-dict";
  let hasVerifier = 1;
}

def Rt_LaunchOp : Rt_Op<"launch", [HasParent<"PlanOp">]> {
  let summary = "plait_launch_v3_t";
  let description = [{
    ```mlir
    rt.launch @linear [#rt.arg<slot 0>, #rt.arg<weight 3>, #rt.arg<slot 1>] layers 0 to 4 barrier from "q_proj"
    rt.launch @rms_norm [#rt.arg<slot 1>, #rt.arg<weight 4>, #rt.arg<copy 2>] layers 0 to 4 barrier redundant from "norm"
    rt.launch @linear [#rt.arg<copy 2>, #rt.arg<weight 5>, #rt.arg<slot 0>] layers 0 to 4 barrier if_shared from "up_proj"
    ```
    A step of few rows may have copies: then every thread computes the whole of a `redundant` launch,
    for itself. In other steps copies are slots, and launches with `barrier if_shared` wait, too.

    **Constraints:** `0 <= layer_begin < layer_end`; `if_shared` only with `barrier`; a `redundant` launch
    has a copy, and neither states nor outputs.
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Rt_ArgArrayAttr:$arguments, I64Attr:$layer_begin,
                       I64Attr:$layer_end, UnitAttr:$barrier, UnitAttr:$if_shared, UnitAttr:$loop_begin,
                       UnitAttr:$redundant, StrAttr:$source, OptionalAttr<AnyAttr>:$cost);
  let assemblyFormat = [{
    $kernel $arguments `layers` $layer_begin `to` $layer_end (`barrier` $barrier^)? (`if_shared` $if_shared^)?
    (`loop` $loop_begin^)? (`redundant` $redundant^)? `from` $source attr-dict
  }];
  let hasVerifier = 1;
}

def Rt_CollectiveOp : Rt_Op<"collective", [HasParent<"PlanOp">]> {
  let summary = "plait_collective_v4_t and its plait_launch_v3_t: what ranks do together";
  let description = [{
    In order with the launches. A matrix of f32, of as many rows as the extent `rows`
    (a name of plait_dim_t) and of `columns`, is read from `source` and written to
    `target`. Ranks have parts of its columns, with `parts` (bounds, one more than
    ranks), else of its rows (PLAIT_DIM_TOKENS_PART). `nodes` are the ends of the
    ranks' nodes in the tree of a sum, and `of` says which are whose. Those who meet are a
    `group` of the model's table, or all ranks. `to_dim` says of which
    dimension an all_to_all makes parts, 0 of rows and 1 of columns; `other` is the number in the group of the rank that
    all get from in a broadcast, or of the other one of a send or a recv. `algorithms` say how a sum is carried out; without
    them the runtime chooses. A reduce_gather is a reduce_scatter
    of rows from `source` to `sum`, the `epilogue` launches behind it, and an all_gather of `part` to
    `target`.

    ```mlir
    rt.collective all_reduce <slot 3> to <slot 3> rows "tokens" columns 192 layers 0 to 4 barrier from "o_proj" {axis = "tp"}
    rt.collective all_gather <slot 3> to <slot 1> rows "leaves" columns 8 parts [0, 4, 8] layers 0 to 1 barrier from "head"
    rt.collective all_reduce <slot 3> to <slot 1> rows "tokens" columns 192 nodes [2, 3, 4, 6] of [0, 2, 4] layers 0 to 1 barrier from "o_proj"
    rt.collective all_to_all <slot 3> to <slot 1> rows "tokens" columns 192 parts [0, 96, 192] to_dim 0 layers 0 to 1 barrier from "o_proj"
    rt.collective all_reduce <slot 3> to <slot 3> rows "tokens" columns 192 order tree precision f64 group 1 layers 0 to 4 barrier from "o_proj"
    rt.collective all_reduce <slot 3> to <slot 3> rows "tokens" columns 192 algorithms [#rt.sum_range<1 : one_shot>, #rt.sum_range<24 : two_shot>] layers 0 to 4 barrier from "o_proj"
    rt.collective recv <slot 3> to <slot 3> rows "tokens" columns 192 other 1 layers 0 to 1 barrier from "x"
    rt.collective reduce_gather <slot 3> to <slot 1> sum <slot 4> part <slot 5> epilogue 1 rows "tokens" columns 192 layers 0 to 4 barrier from "o_proj"
    ```
    **Constraints:** slots, one alone of an all_reduce without nodes, a broadcast, a send and a
    recv, and different ones else; `parts`, rising from 0 to `columns`, where there are parts, and always of
    all_to_all; without them, and where there are parts, the rows are tokens; nodes only of sums, some for each
    rank, with rising ends, and then no order and no precision, which are of sums; `algorithms` of an all_reduce and
    a reduce_gather without nodes, order and precision, from 1 row on, with rising rows and neighbours that differ, and
    neither one_shot nor lamport of a reduce_gather of so many rows as the plan shares out; `to_dim`, 0 or 1, of
    all_to_all; `other` is a number in the group, of send and recv not the own one; `sum`, `part` and
    at least one launch of `epilogue`, which are in the same layers, of reduce_gather alone;
    `0 <= layer_begin < layer_end`; `barrier`.
  }];
  let arguments = (ins Rt_CollectiveKindAttr:$kind, Rt_ArgAttr:$source_buffer, Rt_ArgAttr:$target, StrAttr:$rows,
                       I64Attr:$columns, OptionalAttr<DenseI64ArrayAttr>:$parts,
                       OptionalAttr<DenseI64ArrayAttr>:$node_ends, OptionalAttr<DenseI64ArrayAttr>:$node_bounds,
                       OptionalAttr<I64Attr>:$to_dim, DefaultValuedAttr<Rt_SumOrderAttr, "::plait::rt::SumOrder::rank">:$order,
                       DefaultValuedAttr<Rt_SumPrecisionAttr, "::plait::rt::SumPrecision::f32">:$precision, DefaultValuedAttr<I64Attr, "-1">:$group, DefaultValuedAttr<I64Attr, "0">:$other,
                       OptionalAttr<Rt_SumRangeArrayAttr>:$algorithms,
                       OptionalAttr<Rt_ArgAttr>:$sum, OptionalAttr<Rt_ArgAttr>:$part,
                       DefaultValuedAttr<I64Attr, "0">:$epilogue,
                       I64Attr:$layer_begin, I64Attr:$layer_end, UnitAttr:$barrier, UnitAttr:$loop_begin,
                       StrAttr:$source, OptionalAttr<AnyAttr>:$cost, OptionalAttr<StrAttr>:$axis);
  let assemblyFormat = [{
    $kind $source_buffer `to` $target (`sum` $sum^)? (`part` $part^)? (`epilogue` $epilogue^)? `rows` $rows `columns` $columns (`parts` $parts^)?
    (`nodes` $node_ends^ `of` $node_bounds)? (`to_dim` $to_dim^)? (`order` $order^)? (`precision` $precision^)?
    (`algorithms` $algorithms^)? (`group` $group^)? (`other` $other^)? `layers` $layer_begin `to` $layer_end (`barrier` $barrier^)?
    (`loop` $loop_begin^)? `from` $source attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// plait_dim_t of the rows, or -1.
    int getRowDim();
    bool isSum() {
      return getKind() == CollectiveKind::all_reduce || getKind() == CollectiveKind::reduce_scatter || isFused();
    }
    /// Whether launches behind it are part of it.
    bool isFused() { return getKind() == CollectiveKind::reduce_gather; }
    /// The slots, in the order of the launch's arguments.
    llvm::SmallVector<mlir::Attribute> getBuffers();
    /// Whether source and target are one slot.
    bool isInPlace();
    /// Whether ranks have parts of the matrix as source or as target.
    bool hasParts() { return getKind() != CollectiveKind::all_reduce && !isInPlace(); }
  }];
}

def Rt_StrategyOp : Rt_Op<"strategy", [ParentOneOf<["ModelOp", "::mlir::ModuleOp"]>]> {
  let summary = "a decoding strategy as a round program: an entry of the manifest's \"strategies\"";
  let description = [{
    `call` is what a user asks for, `program` what runtime/decode/rounds/RoundProgram.h
    specifies: ops on numbered values of one sequence, whose forwards are plans of the
    model, or of a draft model that has an artifact of its own. Inside the module until
    there is an `rt.model`.

    ```mlir
    rt.strategy "mine()" runs {
      name = "mine", exact = "identical", models = ["main"], values = 6 : i64, begin = [], inits = array<i64: 0>,
      arguments = array<i64: 1>, round = {
        ops = [{op = "pending", operands = array<i64: 1>, results = array<i64: 2>, size = 1 : i64},
               {op = "forward", operands = array<i64: 1, 2>, results = array<i64: 3>, step = @ar},
               {op = "walk", operands = array<i64: 2, 3>, results = array<i64: 4>},
               {op = "commit", operands = array<i64: 1, 4>, results = array<i64: 5>},
               {op = "stop", operands = array<i64: 5>, results = array<i64: 6>} ],
        yield = array<i64: 5>, stop = 6 : i64}}
    ```
    **Constraints:** `call` is not empty; the members of `program` that are above are there.
    The compiler reads it as the runtime does before it writes it.
  }];
  let arguments = (ins StrAttr:$call, DictionaryAttr:$program);
  let assemblyFormat = "$call `runs` $program attr-dict";
  let hasVerifier = 1;
}

def Rt_ReportNonfiniteOp : Rt_Op<"report_nonfinite"> {
  let summary = "calls the import report_nonfinite(context->runtime, leaf)";
  let description = [{
    ```mlir
    rt.report_nonfinite %context, %leaf
    ```
  }];
  let arguments = (ins LLVM_AnyPointer:$context, I64:$leaf);
  let assemblyFormat = "$context `,` $leaf attr-dict `:` type($context)";
}

#endif // PLAIT_RT_OPS
