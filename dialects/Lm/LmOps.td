//===- LmOps.td - Ops of the lm dialect --------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LM_OPS
#define PLAIT_LM_OPS

include "mlir/IR/BuiltinTypes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/CallInterfaces.td"
include "mlir/Interfaces/FunctionInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/Lm/LmDialect.td"

class Lm_Op<string mnemonic, list<Trait> traits = []> : Op<Lm_Dialect, mnemonic, traits>;

/// An op on activations: pure, its result types follow from its operands, it
/// has reference semantics and a cost.
class Lm_ComputeOp<string mnemonic, list<Trait> traits = []> : Lm_Op<mnemonic, traits # [
    Pure, DeclareOpInterfaceMethods<InferTypeOpInterface>,
    DeclareOpInterfaceMethods<Lm_EvaluableOpInterface>,
    DeclareOpInterfaceMethods<Lm_CostOpInterface>,
    DeclareOpInterfaceMethods<Lm_ShardingOpInterface>]>;

/// Operand 1 is a weight matrix that the op multiplies by.
def Lm_WeightProduct : NativeOpTrait<"WeightProduct"> {
  let cppNamespace = "::plait::lm";
}

def Lm_Activations : RankedTensorOf<[F32]>;
/// bf16 is what lm.round makes, !lm.int16 what lm.quantize makes.
def Lm_ProductInput : RankedTensorOf<[F32, BF16, Lm_Int16Type]>;
/// bf16 is what lm.round makes.
def Lm_Queries : RankedTensorOf<[F32, BF16]>;
def Lm_Indices : RankedTensorOf<[I32]>;

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

def Lm_ModelOp : Lm_Op<"model", [SymbolTable, Symbol, NoTerminator, IsolatedFromAbove, SingleBlock]> {
  let summary = "a model: its weights and functions";
  let description = [{
    Holds `lm.weight` symbols and the functions `@forward` (tokens to hidden
    states) and `@head` (hidden states to logits). A module may hold several
    models (a target and its drafts).

    ```mlir
    lm.model @main family "llama" numerics row_invariant max_positions 512 {
      lm.weight @embed from "model.embed_tokens.weight" : !lm.weight<2048x192, #lm.bf16>
      lm.func @forward(...) -> (...) { ... }
      lm.func @head(...) -> ... { ... }
    }
    ```
    **Constraints:** `max_positions > 0`; only `lm.weight` and `lm.func` inside; a
    function calls only functions that stand before it.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$family, Lm_NumericsAttr:$numerics,
                       I64Attr:$max_positions);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `family` $family `numerics` $numerics `max_positions` $max_positions attr-dict-with-keyword $body
  }];
  let hasRegionVerifier = 1;
}

def Lm_WeightOp : Lm_Op<"weight", [Symbol, HasParent<"ModelOp">]> {
  let summary = "a weight in a checkpoint";
  let description = [{
    Names the checkpoint tensor `source` of logical shape and format `type`.
    With `layers n` it stands for n tensors, its slices: `{layer}` in `source` is
    replaced by `first`, `first + step`, ... `first + (n-1) * step`, by default
    0 .. n-1. So a loop over pairs of layers has one weight for the even and one
    for the odd layers. `transposed` says that the checkpoint stores the matrix
    `[in, out]` (GPT-2's Conv1D). With `part` the weight is a block of the
    checkpoint's tensor: what one of several devices has of it, or the matrix of one
    projection out of several that a checkpoint keeps in one.

    ```mlir
    lm.weight @q from "model.layers.{layer}.self_attn.q_proj.weight" layers 4 : !lm.weight<192x192, #lm.bf16>
    lm.weight @q_1 from "model.layers.{layer}.self_attn.q_proj.weight" layers 13 first 1 step 2 : !lm.weight<192x192, #lm.bf16>
    lm.weight @q_2 from "model.layers.{layer}.self_attn.q_proj.weight" layers 4 part <at = [96, 0], of = [192, 192]> : !lm.weight<96x192, #lm.bf16>
    ```
    **Constraints:** `source` contains `{layer}` exactly if `layers` is given, which
    is at most 2^20;
    `first >= 0` and `step > 0` are given only with `layers`; only a matrix is
    transposed; a part lies within its tensor, and begins between two of its groups
    of columns that share a scale.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$source, OptionalAttr<I64Attr>:$layers,
                       DefaultValuedAttr<I64Attr, "0">:$first, DefaultValuedAttr<I64Attr, "1">:$step,
                       UnitAttr:$transposed, OptionalAttr<Lm_PartAttr>:$part, TypeAttrOf<Lm_WeightType>:$type);
  let assemblyFormat = [{
    $sym_name `from` $source (`layers` $layers^)? (`first` $first^)? (`step` $step^)? (`transposed` $transposed^)?
    (`part` $part^)? attr-dict `:` $type
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The number of tensors in the checkpoint: one per layer, or one.
    int64_t getSlices() { return getLayers() ? int64_t(*getLayers()) : 1; }
    /// The checkpoint tensor of a slice.
    std::string getTensorName(int64_t slice);
    /// Where the weight lies in its tensor, the whole of which it may be.
    PartAttr getPartOrWhole();
  }];
}

def Lm_FuncOp : Lm_Op<"func", [FunctionOpInterface, IsolatedFromAbove, HasParent<"ModelOp">,
                               AffineScope, AutomaticAllocationScope]> {
  let summary = "a function of a model";
  let description = [{
    `@forward(ids, positions, rows, state...) -> (hidden, state...)` and
    `@head(hidden) -> logits` are what the decode dialect calls. A model whose
    layers keep keys and values in different ways has several states.

    ```mlir
    lm.func @head(%h: tensor<?x192xf32, #lm.dims<leaves>>) -> tensor<?x2048xf32, #lm.dims<leaves>> {
      %w = lm.get_weight @embed : !lm.weight<2048x192, #lm.bf16>
      %l = lm.head %h, %w : tensor<?x192xf32, #lm.dims<leaves>>, !lm.weight<2048x192, #lm.bf16>
      lm.return %l : tensor<?x2048xf32, #lm.dims<leaves>>
    }
    ```
    **Constraints:** no body, or one block that ends with `lm.return`.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<FunctionType>:$function_type,
                       OptionalAttr<DictArrayAttr>:$arg_attrs, OptionalAttr<DictArrayAttr>:$res_attrs,
                       OptionalAttr<StrAttr>:$sym_visibility);
  let regions = (region AnyRegion:$body);
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    llvm::ArrayRef<mlir::Type> getArgumentTypes() { return getFunctionType().getInputs(); }
    llvm::ArrayRef<mlir::Type> getResultTypes() { return getFunctionType().getResults(); }
    mlir::Region *getCallableRegion() { return &getBody(); }
    /// Whether the type is that of @forward: (ids, positions, rows, state...) ->
    /// (hidden, state...) with at least one state.
    bool isForward();
    /// The states among the arguments of @forward.
    llvm::ArrayRef<mlir::Type> getStateTypes() { return getArgumentTypes().drop_front(3); }
  }];
  let hasCustomAssemblyFormat = 1;
}

def Lm_ReturnOp : Lm_Op<"return", [Pure, Terminator, HasParent<"FuncOp">]> {
  let summary = "returns from an lm.func";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let hasVerifier = 1;
}

def Lm_CallOp : Lm_Op<"call", [DeclareOpInterfaceMethods<Lm_EvaluableOpInterface>]> {
  let summary = "calls a function of a model";
  let description = [{
    ```mlir
    %h, %s = lm.call @main::@forward(%ids, %pos, %rows, %kv) : (...) -> (...)
    ```
    **Constraints:** the callee exists and its type is the op's; no `lm.layers`
    around it.
  }];
  let arguments = (ins SymbolRefAttr:$callee, Variadic<AnyType>:$arguments);
  let results = (outs Variadic<AnyType>:$results);
  let assemblyFormat = "$callee `(` $arguments `)` attr-dict `:` functional-type($arguments, results)";
  let hasVerifier = 1;
}

def Lm_GetWeightOp : Lm_Op<"get_weight", [Pure, DeclareOpInterfaceMethods<Lm_EvaluableOpInterface>]> {
  let summary = "the weight of a symbol, of the current layer if it has layers";
  let description = [{
    ```mlir
    %w = lm.get_weight @q : !lm.weight<192x192, #lm.bf16>
    %w = lm.get_weight @main::@q : !lm.weight<192x192, #lm.bf16>   // outside the model
    ```
    **Constraints:** the symbol is an `lm.weight` of the same type; a weight with
    `layers n` is used only inside an `lm.layers` whose range lies in 0 .. n.
  }];
  let arguments = (ins SymbolRefAttr:$weight);
  let results = (outs Lm_WeightType:$result);
  let assemblyFormat = "$weight attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Lm_LayersOp : Lm_Op<"layers", [SingleBlockImplicitTerminator<"YieldOp">,
    DeclareOpInterfaceMethods<Lm_EvaluableOpInterface>]> {
  let summary = "a region repeated for each layer of a range";
  let description = [{
    Runs the region for layer `begin`, ..., `end - 1`. The block arguments are
    the values carried from layer to layer; inside, `lm.get_weight` yields the
    current layer's slice and `lm.attention` uses the current layer's state. In a
    loop whose body holds several of a model's layers, the layer is the number of
    the iteration: weights and states have a slice for each.

    ```mlir
    %y:2 = lm.layers 0 to 4 iter(%h = %x, %s = %kv) : tensor<?x192xf32, #lm.dims<tokens>>, !lm.state<...> {
      ...
      lm.yield %h2, %s2 : ...
    }
    ```
    **Constraints:** `0 <= begin < end <= 2^20`; initial values, block arguments, yielded
    values and results have the same types; no `lm.layers` around it.
  }];
  let arguments = (ins I64Attr:$begin, I64Attr:$end, Variadic<AnyType>:$inits);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getCount() { return getEnd() - getBegin(); }
  }];
}

def Lm_YieldOp : Lm_Op<"yield", [Pure, Terminator, HasParent<"LayersOp">]> {
  let summary = "values for the next layer";
  let arguments = (ins Variadic<AnyType>:$values);
  let builders = [OpBuilder<(ins), [{ /* nothing to do */ }]>];
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

//===----------------------------------------------------------------------===//
// Compute
//===----------------------------------------------------------------------===//

def Lm_EmbedOp : Lm_ComputeOp<"embed", [Lm_RowWise]> {
  let summary = "rows of a table";
  let description = [{
    `result[t, :] = table[ids[t], :]`. Serves token embeddings and learned
    position embeddings (with positions for ids).

    ```mlir
    %x = lm.embed %ids, %table : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<2048x192, #lm.bf16>
    ```
    With `first` the table is the part of a longer one that begins at that row. The
    row of an id outside it is zero: the sum over all parts is the row of the table.

    **Constraints:** `ids` has rank 1, the table is a matrix. At run time an id
    outside the table, or the one that it is a part of, is refused before the step.
  }];
  let arguments = (ins Lm_Indices:$ids, Lm_WeightType:$table,
                       OptionalAttr<ConfinedAttr<I64Attr, [IntNonNegative]>>:$first);
  let extraClassDeclaration = "void setPart(unsigned operand, llvm::ArrayRef<int64_t> begins);";
  let results = (outs Lm_Activations:$result);
  let assemblyFormat = "$ids `,` $table attr-dict `:` type($ids) `,` type($table)";
}

def Lm_LinearOp : Lm_ComputeOp<"linear", [Lm_WeightProduct]> {
  let summary = "matrix product with a weight, plus bias";
  let description = [{
    `result[t, n] = sum_k input[t, k] * weight[n, k] + bias[n]`.

    ```mlir
    %q = lm.linear %x, %w : tensor<?x192xf32, #lm.dims<tokens>>, !lm.weight<64x192, #lm.bf16>
    %y = lm.linear %x, %w bias %b : ..., !lm.weight<64x192, #lm.bf16>, !lm.weight<64, #lm.f32>
    %z = lm.linear %x, %w tree <granule = 32, first = 6, of = 16> : ..., !lm.weight<64x160, #lm.bf16>
    ```
    Products and sums are of f32 and rounded to nearest even; their order is that
    of the code, the same for every t. An input of `!lm.int16` elements stands for
    the numbers that they represent. An input of bf16 (`lm.round`) is multiplied as
    the target's unit does it (Intel 64 and IA-32 Architectures Software
    Developer's Manual, volume 2), with zeros for subnormal numbers on the way in and out
    and zeros behind the last column. On tiles (TDPBF16PS) K is taken in steps of 32 columns;
    in a step the even and the odd columns are two chains of 16 fused multiply-adds from
    zero, whose sum is added to the sum of the steps before. In vectors (VDPBF16PS) a sum is
    one chain of fused multiply-adds from zero over the pairs of columns, the odd one of a
    pair before the even one.

    With `tree` the sum over k is taken in the order that the tree declares; the bias is
    what leaf 0 begins with. The result has a sum for each node that the columns make up, side by
    side: %z, whose columns are the nodes [6, 8), [8, 10) and [10, 11), has 3 * 64 columns.

    **Constraints:** `input` is `[T, K]`, or `[T, K']` of bf16 with `K' >= K`, of
    which the first K columns are multiplied; `weight` is `[N, K]`, `bias` is
    `[N]`; an `!lm.int16` input needs a weight of integers in groups of as many
    columns (128 where the weight's group is the whole row), one of bf16 a weight
    of bf16. A tree's granule divides K and has a whole number of the groups that share
    a scale; the leaves are there; of several ones a bias goes with leaf 0, and the input is
    not of bf16.
  }];
  let arguments = (ins Lm_ProductInput:$input, Lm_WeightType:$weight, Optional<Lm_WeightType>:$bias,
                       OptionalAttr<Lm_TreeAttr>:$tree);
  let results = (outs Lm_Activations:$result);
  let extraClassDeclaration = [{
    /// Sums side by side in a row of the result: nodes of the tree, or 1.
    int64_t getNumNodes();
  }];
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^)? (`tree` $tree^)? attr-dict `:` type($input) `,` type($weight) (`,` type($bias)^)?
  }];
}

def Lm_QuantizeOp : Lm_ComputeOp<"quantize", [Lm_RowWise]> {
  let summary = "activations as 16-bit integers with shared scales";
  let description = [{
    Rounds each activation to what `element` can represent. The passes of the
    lower phase put it before products with weights of integers, which then are
    sums of integers within a group.

    ```mlir
    %q = lm.quantize %x to !lm.int16<group = 64, distance = 4> : tensor<?x192xf32, #lm.dims<tokens>>
    ```
    **Constraints:** `input` is `[T, K]`.
  }];
  let arguments = (ins Lm_Activations:$input, TypeAttrOf<Lm_Int16Type>:$element);
  let results = (outs RankedTensorOf<[Lm_Int16Type]>:$result);
  let assemblyFormat = "$input `to` $element attr-dict `:` type($input)";
}

def Lm_HeadOp : Lm_ComputeOp<"head", [Lm_WeightProduct]> {
  let summary = "logits over the vocabulary";
  let description = [{
    `result[l, v] = sum_k input[l, k] * weight[v, k]`. Told apart from
    `lm.linear` because its result is as wide as the vocabulary: it never leaves
    the compiled program, and choosing a token is fused into it.

    ```mlir
    %l = lm.head %h, %w : tensor<?x192xf32, #lm.dims<leaves>>, !lm.weight<2048x192, #lm.bf16>
    ```
    **Constraints:** `input` is `[L, K]`, `weight` is `[V, K]`; as for `lm.linear`
    if the input's elements are bf16 or `!lm.int16`.
  }];
  let arguments = (ins Lm_ProductInput:$input, Lm_WeightType:$weight);
  let results = (outs Lm_Activations:$result);
  let assemblyFormat = "$input `,` $weight attr-dict `:` type($input) `,` type($weight)";
}

def Lm_RmsNormOp : Lm_ComputeOp<"rms_norm", [Lm_InPlace, Lm_RowWise]> {
  let summary = "root mean square normalisation (Zhang, Sennrich 2019)";
  let description = [{
    `result[t, d] = input[t, d] / sqrt(mean_d(input[t, d]^2) + eps) * gain[d]`
    over the D columns of the gain. An input of several times D columns is
    normalised in groups of D, all with the same gain: this is how queries and
    keys are normalised per head. With `unit_offset` the gain is `1 + gain[d]`.

    ```mlir
    %y = lm.rms_norm %x, %g eps 1.0e-5 : tensor<?x192xf32, #lm.dims<tokens>>, !lm.weight<192, #lm.bf16>
    %q2 = lm.rms_norm %q, %h eps 1.0e-6 unit_offset : tensor<?x192xf32, #lm.dims<tokens>>, !lm.weight<32, #lm.bf16>
    ```
    **Constraints:** `input` is `[T, G * D]`, `gain` is `[D]`, `eps >= 0`.
  }];
  let arguments = (ins Lm_Activations:$input, Lm_WeightType:$gain, F64Attr:$eps, UnitAttr:$unit_offset);
  let results = (outs Lm_Activations:$result);
  let assemblyFormat = [{
    $input `,` $gain `eps` $eps (`unit_offset` $unit_offset^)? attr-dict `:` type($input) `,` type($gain)
  }];
  let extraClassDeclaration = [{
    /// Groups of columns that are normalised on their own.
    int64_t getGroups();
  }];
}

def Lm_LayerNormOp : Lm_ComputeOp<"layer_norm", [Lm_InPlace, Lm_RowWise]> {
  let summary = "layer normalisation (Ba, Kiros, Hinton 2016)";
  let description = [{
    `result[t, d] = (input[t, d] - mean) / sqrt(variance + eps) * gain[d] + bias[d]`
    with mean and (biased) variance over d.

    ```mlir
    %y = lm.layer_norm %x, %g, %b eps 1.0e-5 : tensor<?x60xf32, #lm.dims<tokens>>, !lm.weight<60, #lm.f32>, !lm.weight<60, #lm.f32>
    ```
    **Constraints:** `input` is `[T, D]`, `gain` and `bias` are `[D]`, `eps >= 0`.
  }];
  let arguments = (ins Lm_Activations:$input, Lm_WeightType:$gain, Lm_WeightType:$bias, F64Attr:$eps);
  let results = (outs Lm_Activations:$result);
  let assemblyFormat = [{
    $input `,` $gain `,` $bias `eps` $eps attr-dict `:` type($input) `,` type($gain) `,` type($bias)
  }];
}

def Lm_AddOp : Lm_ComputeOp<"add", [Commutative, SameTypeOperands, Lm_InPlace, Lm_Elementwise, Lm_RowWise]> {
  let summary = "elementwise sum (residual connection)";
  let description = [{
    ```mlir
    %y = lm.add %a, %b : tensor<?x192xf32, #lm.dims<tokens>>
    ```
    **Constraints:** both operands have the same type, names of extents included;
    only the first of one or more extents may be dynamic.
  }];
  let arguments = (ins Lm_Activations:$lhs, Lm_Activations:$rhs);
  let results = (outs Lm_Activations:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs)";
}

def Lm_ScaleOp : Lm_ComputeOp<"scale", [Lm_InPlace, Lm_Elementwise, Lm_RowWise]> {
  let summary = "product with a constant";
  let description = [{
    `result = factor * input`, elementwise: embeddings that are scaled.

    ```mlir
    %y = lm.scale %x by 13.75 : tensor<?x192xf32, #lm.dims<tokens>>
    ```
    **Constraints:** `factor` is finite; only the first of one or more extents may
    be dynamic.
  }];
  let arguments = (ins Lm_Activations:$input, F64Attr:$factor);
  let results = (outs Lm_Activations:$result);
  let assemblyFormat = "$input `by` $factor attr-dict `:` type($input)";
}

def Lm_RoundOp : Lm_ComputeOp<"round", [Lm_RowWise]> {
  let summary = "activations rounded to bf16";
  let description = [{
    `result[t, k] = bf16(input[t, k])`, to nearest even, for the K columns of the
    input, and 0 for those from K to `columns`. Inputs of products are rounded for
    units that multiply bf16; the columns of zeros are those units' padding. The
    rounding changes a normal number by at most 2^-8 of itself, so a product by at
    most 2^-8 sum_k |input[t, k] * weight[n, k]|.

    ```mlir
    %r = lm.round %x to 224 : tensor<?x192xf32, #lm.dims<tokens>> // -> tensor<?x224xbf16, #lm.dims<tokens>>
    ```
    **Constraints:** `columns >= K`.
  }];
  let arguments = (ins Lm_Activations:$input, I64Attr:$columns);
  let results = (outs RankedTensorOf<[BF16]>:$result);
  let assemblyFormat = "$input `to` $columns attr-dict `:` type($input)";
}

def Lm_SoftcapOp : Lm_ComputeOp<"softcap", [Lm_InPlace, Lm_Elementwise, Lm_RowWise]> {
  let summary = "values kept softly within bounds";
  let description = [{
    `result = cap * tanh(input / cap)`, elementwise: logits that stay between
    -cap and cap.

    ```mlir
    %y = lm.softcap %x cap 30.0 : tensor<?x2048xf32, #lm.dims<leaves>>
    ```
    **Constraints:** `cap > 0` and finite; only the first of one or more extents
    may be dynamic.
  }];
  let arguments = (ins Lm_Activations:$input, F64Attr:$cap);
  let results = (outs Lm_Activations:$result);
  let assemblyFormat = "$input `cap` $cap attr-dict `:` type($input)";
}

def Lm_ActivationOp : Lm_ComputeOp<"activation", [Lm_InPlace, Lm_Elementwise, Lm_RowWise]> {
  let summary = "elementwise non-linearity";
  let description = [{
    `silu`: `x / (1 + exp(-x))`. `gelu_tanh`: `x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`.

    ```mlir
    %y = lm.activation gelu_tanh %x : tensor<?x240xf32, #lm.dims<tokens>>
    ```
    **Constraints:** only the first of one or more extents may be dynamic.
  }];
  let arguments = (ins Lm_ActivationAttr:$kind, Lm_Activations:$input);
  let results = (outs Lm_Activations:$result);
  let assemblyFormat = "$kind $input attr-dict `:` type($input)";
}

def Lm_GluOp : Lm_ComputeOp<"glu", [SameTypeOperands, Lm_InPlace, Lm_Elementwise, Lm_RowWise]> {
  let summary = "gated linear unit: activation(gate) * up (Shazeer 2020)";
  let description = [{
    ```mlir
    %y = lm.glu silu %gate, %up : tensor<?x512xf32, #lm.dims<tokens>>
    ```
    **Constraints:** both operands have the same type; only the first of one or
    more extents may be dynamic.
  }];
  let arguments = (ins Lm_ActivationAttr:$kind, Lm_Activations:$gate, Lm_Activations:$up);
  let results = (outs Lm_Activations:$result);
  let assemblyFormat = "$kind $gate `,` $up attr-dict `:` type($gate)";
}

def Lm_SliceColumnsOp : Lm_ComputeOp<"slice_columns", [Lm_RowWise]> {
  let summary = "a range of columns";
  let description = [{
    `result[t, i] = input[t, offset + i]` for i < size: takes a fused QKV
    projection apart.

    ```mlir
    %q = lm.slice_columns %qkv 0 size 60 : tensor<?x180xf32, #lm.dims<tokens>>
    ```
    **Constraints:** `input` is `[T, N]`, `0 <= offset`, `0 < size`, `offset + size <= N`.
  }];
  let arguments = (ins Lm_Activations:$input, I64Attr:$offset, I64Attr:$size);
  let results = (outs Lm_Activations:$result);
  let assemblyFormat = "$input $offset `size` $size attr-dict `:` type($input)";
}

def Lm_RopeOp : Lm_ComputeOp<"rope", [Lm_InPlace, Lm_RowWise]> {
  let summary = "rotary position embedding (Su et al. 2021)";
  let description = [{
    For each head of `head_dim` columns, of which the first d = `rotary_dim` are
    rotated (all of them without it), and for i < d/2, the pair
    (x[i], x[i + d/2]) is rotated by `position * f(i)` with
    `f(i) = theta^(-2i/d)`, changed by `scaling` if given, which may also lengthen
    or shorten it. This is the layout of Hugging Face checkpoints. `interleaved`,
    as in GGUF files, the pair is (x[2i], x[2i + 1]).

    ```mlir
    %q2 = lm.rope %q, %pos head_dim 32 theta 10000.0 : tensor<?x192xf32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<tokens>>
    %k2 = lm.rope %k, %pos head_dim 32 theta 10000.0 rotary_dim 24 scaling(#lm.linear_scaling<factor = 2.0>) interleaved : ...
    ```
    **Constraints:** `input` is `[T, H * head_dim]`, `head_dim` even and positive,
    `rotary_dim` even and from 2 to `head_dim`, `positions` is `[T]` with the same
    extent name, `theta > 0`, and what the scaling asks for.
  }];
  let arguments = (ins Lm_Activations:$input, Lm_Indices:$positions, I64Attr:$head_dim, F64Attr:$theta,
                       OptionalAttr<I64Attr>:$rotary_dim, OptionalAttr<Lm_RopeScalingInterface>:$scaling,
                       UnitAttr:$interleaved);
  let results = (outs Lm_Activations:$result);
  let assemblyFormat = [{
    $input `,` $positions `head_dim` $head_dim `theta` $theta (`rotary_dim` $rotary_dim^)?
    (`scaling` `(` $scaling^ `)`)? (`interleaved` $interleaved^)? attr-dict `:` type($input) `,` type($positions)
  }];
  let extraClassDeclaration = [{
    /// Pairs of columns of a head that are rotated.
    int64_t getPairs();
    /// f(0), ..., f(pairs - 1) of a token at `position`.
    std::vector<double> getFrequencies(int64_t position);
    /// See RopeScalingInterface.
    double getMagnitude();
    std::optional<RopeGrowth> getGrowth();
  }];
}

def Lm_AttentionOp : Lm_ComputeOp<"attention", [AllTypesMatch<["key", "value"]>]> {
  let summary = "grouped-query causal attention over a state";
  let description = [{
    Stages the keys and values of every token at the token's position in its
    row's state (in a row that is a tree: where `rows` says), then for each token t and head h attends over the positions p
    of the token's row that the state's type lets it see (0 .. positions[t], or
    the last `window` of them), and over those behind it that `rows` says:

    `result[t, h] = softmax_p(scale * q[t, h] . k[p, h / group]) v[p, h / group]`

    with `group = heads / kv_heads`. With `softcap c` a scaled score s becomes
    `c * tanh(s / c)` before the softmax. Code for CPUs and for tensor cores folds positions in spans, as
    `lm.attend_spans` says, and joins these in order, whether they are ops or not. Staged cells become part of the sequence
    only by a commit. Keys and values are rounded to the state's element type
    before use.

    ```mlir
    %o, %s = lm.attention %q, %k, %v, %kv, %rows, %pos scale 0.176 : tensor<?x192xf32, #lm.dims<tokens>>, tensor<?x64xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 2, head_dim = 32, f32>, tensor<?xi32, #lm.dims<tokens>>
    ```
    **Constraints:** `q` is `[T, H * head_dim]`, `k` and `v` are
    `[T, kv_heads * head_dim]`, `positions` is `[T]`, all with the same extent
    name; H is a multiple of `kv_heads`; `softcap > 0`; `scale` is finite; an
    `lm.layers` around it has a range within the state's layers (without one, the
    op uses layer 0).
  }];
  let arguments = (ins Lm_Activations:$query, Lm_Activations:$key, Lm_Activations:$value,
                       Lm_StateType:$state, Lm_RowsType:$rows, Lm_Indices:$positions, F64Attr:$scale,
                       OptionalAttr<F64Attr>:$softcap);
  let results = (outs Lm_Activations:$result, Lm_StateType:$next);
  let assemblyFormat = [{
    $query `,` $key `,` $value `,` $state `,` $rows `,` $positions `scale` $scale (`softcap` $softcap^)? attr-dict
    `:` type($query) `,` type($key) `,` type($state) `,` type($positions)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getHeads();
  }];
}

def Lm_StageOp : Lm_ComputeOp<"stage", [AllTypesMatch<["key", "value"]>, Lm_RowWise]> {
  let summary = "first half of lm.attention: stages keys and values";
  let description = [{
    Made of `lm.attention` by `plait-decompose-attention`, because all of a
    step's keys and values must be in place before any token attends.

    ```mlir
    %s = lm.stage %k, %v, %kv, %rows, %pos : tensor<?x64xf32, #lm.dims<tokens>>, !lm.state<...>, tensor<?xi32, #lm.dims<tokens>>
    ```
    **Constraints:** as for `lm.attention`.
  }];
  let arguments = (ins Lm_Activations:$key, Lm_Activations:$value, Lm_StateType:$state,
                       Lm_RowsType:$rows, Lm_Indices:$positions);
  let results = (outs Lm_StateType:$next);
  let assemblyFormat = [{
    $key `,` $value `,` $state `,` $rows `,` $positions attr-dict `:` type($key) `,` type($state) `,` type($positions)
  }];
  let hasVerifier = 1;
}

def Lm_AttendOp : Lm_ComputeOp<"attend"> {
  let summary = "second half of lm.attention: attends over the staged state";
  let description = [{
    Which positions a token sees is a fact of the state's type, and of `rows` if there are some behind it. With `spans`, what an
    `lm.attend_spans` of the same operands has computed is joined; of a step that has no
    spans nothing has been, and the op computes all. Both give the same bits.

    ```mlir
    %o = lm.attend %q, %s, %rows, %pos scale 0.176 : tensor<?x192xf32, #lm.dims<tokens>>, !lm.state<...>, tensor<?xi32, #lm.dims<tokens>>
    %o = lm.attend %q, %s, %rows, %pos spans %p scale 0.176 : tensor<?x192xf32, #lm.dims<tokens>>, !lm.state<...>, tensor<?xi32, #lm.dims<tokens>>, tensor<?x204xf32, #lm.dims<spans>>
    ```
    Queries of bf16 (`lm.round`) are for units that multiply bf16 by bf16: of those the weights of values are
    rounded as well, as `lm.attend_spans` says. The result is f32.

    Reads the state without consuming it. **Constraints:** as for `lm.attention`; `spans`
    is of the type that `lm.attend_spans` gives; with queries of bf16 the state is of bf16.
  }];
  let arguments = (ins Lm_Queries:$query, Lm_StateType:$state, Lm_RowsType:$rows, Lm_Indices:$positions,
                       Optional<Lm_Activations>:$spans, F64Attr:$scale, OptionalAttr<F64Attr>:$softcap);
  let results = (outs Lm_Activations:$result);
  let assemblyFormat = [{
    $query `,` $state `,` $rows `,` $positions (`spans` $spans^)? `scale` $scale (`softcap` $softcap^)? attr-dict
    `:` type($query) `,` type($state) `,` type($positions) (`,` type($spans)^)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getHeads();
  }];
}

def Lm_AttendSpansOp : Lm_ComputeOp<"attend_spans"> {
  let summary = "what each span of positions adds to lm.attend";
  let description = [{
    Span i is positions `[256 i, 256 (i + 1))` (PLAIT_SPAN_POSITIONS), wherever the token
    stands. Of those that a token t sees in it, with scores s as in `lm.attention`, for
    each head:

    `top = max_p s[p]`, `total = sum_p exp(s[p] - top)`, `sums = sum_p exp(s[p] - top) v[p]`

    `lm.attend` joins spans in increasing order, from a top of -infinity and zeros:

    `top' = max(top, top_i)`, `x' = x exp(top - top') + x_i exp(top_i - top')` for x of `total`
    and `sums`, of which the left product is rounded by itself.

    Of queries of bf16, with a state of bf16, what multiplies values is rounded to bf16. As rounding depends on what
    weights are relative to, the order is part of it: a span is gone through in chunks of 64 positions, from multiples of 64 on.
    With `top` that of this chunk and those before it in the span, and `top_b` that before the chunk,

    `w[p] = exp(s[p] - top)`, `total' = total exp(top_b - top) + sum_p w[p]`,
    `sums' = sums exp(top_b - top) + sum_p bf16(w[p]) v[p]`.

    The rounding changes a weight by at most 2^-8 of itself, so the result by at most 2^-8 of the weighted mean of |v[p]|.

    The result is `sums / total`. So its bits depend on the token and what it sees alone, not on
    who computes which spans, nor on whether they pass through memory.

    ```mlir
    %p = lm.attend_spans %q, %s, %rows, %pos scale 0.176 : tensor<?x192xf32, #lm.dims<tokens>>, !lm.state<...>, tensor<?xi32, #lm.dims<tokens>>
    ```
    %p, of 6 heads of 32, is `tensor<?x204xf32, #lm.dims<spans>>`: `[T, S, H * head_dim + 2 H]`, of which S is the
    number of spans of the longest row: of each head the sums, then the tops, then the totals. What a token
    does not see has no defined value. A step has all of the rows or, where the runtime leaves
    it to `lm.attend`, none.

    **Constraints:** as for `lm.attention`; with queries of bf16 the state is of bf16.
  }];
  let arguments = (ins Lm_Queries:$query, Lm_StateType:$state, Lm_RowsType:$rows,
                       Lm_Indices:$positions, F64Attr:$scale, OptionalAttr<F64Attr>:$softcap);
  let results = (outs Lm_Activations:$result);
  let assemblyFormat = [{
    $query `,` $state `,` $rows `,` $positions `scale` $scale (`softcap` $softcap^)? attr-dict
    `:` type($query) `,` type($state) `,` type($positions)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getHeads();
  }];
}

def Lm_TakeRowsOp : Lm_ComputeOp<"take_rows"> {
  let summary = "chosen rows of a tensor";
  let description = [{
    `result[l, ...] = input[indices[l], ...]`. Takes the hidden states of the
    leaves, the only tokens whose logits are wanted.

    ```mlir
    %hl = lm.take_rows %h, %leaves : tensor<?x192xf32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<leaves>>
    ```
    **Constraints:** `input` is `[T]` or `[T, D]`, `indices` is `[L]`.
  }];
  let arguments = (ins TensorOf<[F32, I32]>:$input, Lm_Indices:$indices);
  let results = (outs TensorOf<[F32, I32]>:$result);
  let assemblyFormat = "$input `,` $indices attr-dict `:` type($input) `,` type($indices)";
}

#endif // PLAIT_LM_OPS
