//===- LmDialect.td - The lm dialect -----------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LM_DIALECT
#define PLAIT_LM_DIALECT

include "mlir/IR/DialectBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/TensorEncoding.td"
include "mlir/IR/EnumAttr.td"
include "dialects/Lm/LmInterfaces.td"

def Lm_Dialect : Dialect {
  let name = "lm";
  let cppNamespace = "::plait::lm";
  let summary = "What a language model computes.";
  let description = [{
    The `lm` dialect describes a decoder-only transformer on logical, unsharded
    tensors. It says nothing of devices, batching, kernels or memory.

    * Activations are ranked tensors `tensor<?xDxf32, #lm.dims<tokens>>`: each
      dynamic extent carries the *name* of its symbolic dimension, and two
      extents are equal only if their names are.
    * Weights are symbols (`lm.weight`) that point into a checkpoint. Their
      elements never enter the IR; a format attribute says how they are stored.
    * The layers are one region, `lm.layers`, repeated over stacked weights, so
      that IR size does not depend on depth.
    * Keys and values live in an affine `!lm.state` that each `lm.attention`
      consumes and returns. A forward *stages* its keys and values; only a
      commit (decode dialect) publishes them.

    Every op has a double-precision reference evaluation
    (`EvaluableOpInterface`) and a symbolic cost (`CostOpInterface`).
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

class Lm_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Lm_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def Lm_DimsAttr : Lm_Attr<"Dims", "dims", [
    DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let summary = "names of a tensor's dynamic extents";
  let description = [{
    One name per dynamic dimension, in order. `tokens`, `rows` and `leaves` are
    the extents of a step, `tokens_part`, `draws`, `warps`, `top_entries` and `spans` such as follow from them
    (plait_dim_t); other names are free.

    ```mlir
    tensor<?x64xf32, #lm.dims<tokens>>
    ```
    **Constraints:** as many names as dynamic dimensions.
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr">:$names);
  let hasCustomAssemblyFormat = 1;
}

def Lm_F32Attr : Lm_Attr<"F32", "f32", [DeclareAttrInterfaceMethods<Lm_WeightFormatInterface>]> {
  let summary = "weight elements are IEEE binary32";
}
def Lm_BF16Attr : Lm_Attr<"BF16", "bf16", [DeclareAttrInterfaceMethods<Lm_WeightFormatInterface>]> {
  let summary = "weight elements are bfloat16, round to nearest even";
}

def Lm_PartAttr : Lm_Attr<"Part", "part"> {
  let summary = "where a block lies in a matrix";
  let description = [{
    A block that begins at row and column `at` of a matrix of rows and columns
    `of`; a vector has one column.

    ```mlir
    #lm.part<at = [96, 0], of = [192, 192]>
    ```
    **Constraints:** `at` is not negative and less than `of`.
  }];
  let parameters = (ins "int64_t":$row, "int64_t":$column, "int64_t":$rows, "int64_t":$columns);
  let assemblyFormat = "`<` `at` `=` `[` $row `,` $column `]` `,` `of` `=` `[` $rows `,` $columns `]` `>`";
  let genVerifyDecl = 1;
}

def Lm_TreeAttr : Lm_Attr<"Tree", "tree"> {
  let summary = "the order of a sum that devices may share out";
  let description = [{
    The columns of a matrix in leaves of `granule`. The sum of a leaf is taken in the order
    of its columns, and leaves are added up along a tree that does not depend on who has
    which: over leaves [b, e) it is the sum over [b, m) plus that over [m, e), where m - b
    is the largest power of two below e - b. A device that has the leaves from `first` on,
    out of `of`, has the largest nodes of that tree that they make up.

    ```mlir
    #lm.tree<granule = 32, first = 6, of = 16>
    ```
    With 5 leaves these are the nodes [6, 8), [8, 10) and [10, 11).
    **Constraints:** `granule > 0`, `0 <= first < of <= 2^20`.
  }];
  let parameters = (ins "int64_t":$granule, "int64_t":$first, "int64_t":$leaves);
  let assemblyFormat = "`<` `granule` `=` $granule `,` `first` `=` $first `,` `of` `=` $leaves `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Ends, in leaves, of the nodes that `columns` columns make up.
    llvm::SmallVector<int64_t> getNodeEnds(int64_t columns) const;
    /// Whether there is but one leaf: the sum is a chain.
    bool isChain() const { return getLeaves() == 1; }
  }];
}

class Lm_IntegerFormatAttr<string name, string attrMnemonic>
    : Lm_Attr<name, attrMnemonic, [
        DeclareAttrInterfaceMethods<Lm_WeightFormatInterface, ["getQuantization"]>]> {
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Lm_Int8Attr : Lm_IntegerFormatAttr<"Int8", "int8"> {
  let summary = "weight elements are integers of 8 bits with shared scales";
  let description = [{
    `group` consecutive columns of a row share an f16 scale; without `group` all
    columns of the row do. A weight is `scale * q`, computed in f32, with q in
    -127 .. 127. Columns that are left over at the end of a row are a shorter
    group. The integers and scales are what the checkpoint holds if it holds the
    weight in just this way (ggml's Q8_0 is `group = 32`), so that nothing is
    rounded; else they are chosen by `quantizeRow` (runtime/base/Quantization.h).

    ```mlir
    !lm.weight<2048x512, #lm.int8<group = 64>>
    !lm.weight<2048x512, #lm.int8>
    ```
    **Constraints:** `group` is 32, 64 or 128, or absent; the weight is a matrix.
  }];
  let parameters = (ins DefaultValuedParameter<"int64_t", "0">:$group);
}

def Lm_Int4Attr : Lm_IntegerFormatAttr<"Int4", "int4"> {
  let summary = "weight elements are integers of 4 bits with shared scales";
  let description = [{
    `group` consecutive columns of a row share an f16 scale and, with
    `zero_points`, an integer zero point z. A weight is `scale * (q - z)`,
    computed in f32: q in -8 .. 7 and z = 0 without, q and z in 0 .. 15 with zero
    points. Columns that are left over at the end of a row are a shorter group.
    What the checkpoint holds in just this way (ggml's Q4_0 is `group = 32`) is
    kept as it is; else `quantizeRow` chooses scales, zero points and integers.

    ```mlir
    !lm.weight<2048x512, #lm.int4<group = 64>>
    !lm.weight<2048x512, #lm.int4<group = 128, zero_points>>
    ```
    **Constraints:** `group` is 32, 64 or 128; the weight is a matrix.
  }];
  let parameters = (ins "int64_t":$group, DefaultValuedParameter<"bool", "false">:$zeroPoints);
}

/// A real number.
def Lm_Number : AttrOrTypeParameter<"::mlir::FloatAttr", "number"> {
  let parser = "::plait::lm::parseNumber($_parser)";
  let printer = "$_printer.printFloat($_self.getValue())";
}

class Lm_RopeScalingAttr<string name, string attrMnemonic, list<string> overridden = []>
    : Lm_Attr<name, attrMnemonic, [
        DeclareAttrInterfaceMethods<Lm_RopeScalingInterface, overridden>]> {
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Lm_LinearScalingAttr : Lm_RopeScalingAttr<"LinearScaling", "linear_scaling"> {
  let summary = "RoPE position interpolation (Chen et al. 2023)";
  let description = [{
    All frequencies are divided by `factor`.

    ```mlir
    #lm.linear_scaling<factor = 8.0>
    ```
    **Constraints:** `factor >= 1`.
  }];
  let parameters = (ins Lm_Number:$factor);
}

def Lm_DynamicScalingAttr : Lm_RopeScalingAttr<"DynamicScaling", "dynamic_scaling", ["getGrowth", "getUnmetNeed"]> {
  let summary = "RoPE scaling whose base grows with the context (dynamic NTK)";
  let description = [{
    A token at position p uses the base for a context of `L = max(p + 1, original)`:

    `theta * (factor * L / original - (factor - 1))^(d / (d - 2))`

    where d is the number of rotated columns. It depends on nothing but the
    token's own position, so how a prompt is cut does not matter. Hugging Face
    transformers computes the same when it is given one token at a time; given a
    prompt at once, it uses the base of the last token for all.

    ```mlir
    #lm.dynamic_scaling<factor = 2.0, original = 4096>
    ```
    **Constraints:** `factor >= 1`, `original > 0`, more than one rotated pair.
  }];
  let parameters = (ins Lm_Number:$factor, "int64_t":$original);
}

def Lm_YarnScalingAttr : Lm_RopeScalingAttr<"YarnScaling", "yarn_scaling",
                                              ["getMagnitude", "getUnmetNeed"]> {
  let summary = "RoPE scaling of YaRN (Peng et al. 2023)";
  let description = [{
    Of d rotated columns, the pair that turns r times over the original context
    is number `n(r) = d ln(original / (2 pi r)) / (2 ln theta)`. Pairs up to
    `low = max(floor(n(beta_fast)), 0)` keep their frequency; those from
    `high = min(ceil(n(beta_slow)), d - 1)` on are divided by `factor`; between
    them the share of the latter grows linearly (over 0.001 if low = high).
    Sines and cosines are multiplied by `attention_factor`.

    ```mlir
    #lm.yarn_scaling<factor = 4.0, beta_fast = 32.0, beta_slow = 1.0, original = 32768, attention_factor = 1.1386>
    ```
    **Constraints:** `factor >= 1`, `0 < beta_slow <= beta_fast`, `original > 0`,
    `attention_factor > 0`, all of them finite; `theta` of the op above 1.
  }];
  let parameters = (ins Lm_Number:$factor, Lm_Number:$beta_fast, Lm_Number:$beta_slow,
                        "int64_t":$original, Lm_Number:$attention_factor);
}

def Lm_Llama3ScalingAttr : Lm_RopeScalingAttr<"Llama3Scaling", "llama3_scaling"> {
  let summary = "RoPE frequency scaling of Llama 3.1";
  let description = [{
    Wavelengths longer than `original / low_freq_factor` are stretched by
    `factor`, those shorter than `original / high_freq_factor` stay, and those
    between are interpolated. Source: the Llama 3.1 reference implementation.

    ```mlir
    #lm.llama3_scaling<factor = 8.0, low_freq_factor = 1.0, high_freq_factor = 4.0, original = 8192>
    ```
    **Constraints:** `factor >= 1`, `0 < low_freq_factor < high_freq_factor`, `original > 0`.
  }];
  let parameters = (ins Lm_Number:$factor, Lm_Number:$low_freq_factor,
                        Lm_Number:$high_freq_factor, "int64_t":$original);
}

def Lm_PairScalingAttr : Lm_RopeScalingAttr<"PairScaling", "pair_scaling", ["getMagnitude", "getUnmetNeed"]> {
  let summary = "RoPE scaling by a factor for each pair (LongRoPE, Ding et al. 2024)";
  let description = [{
    The frequency of pair i is divided by `factors[i]`; sines and cosines are
    multiplied by `attention_factor`.

    LongRoPE has two lists of factors, found by search: one for contexts as long
    as the original one, one for longer contexts. The importer takes the one for
    the longest context of the model: keys that lie in the state are rotated and
    cannot change over to the other list when a sequence becomes long.

    ```mlir
    #lm.pair_scaling<factors = [1.0, 1.5, 4.0], attention_factor = 1.19>
    ```
    **Constraints:** `factors` are finite and above 0, one for each rotated pair;
    `attention_factor` is finite and above 0.
  }];
  let parameters = (ins "::mlir::DenseF64ArrayAttr":$factors, Lm_Number:$attention_factor);
}

def Lm_ActivationKind : I32EnumAttr<"ActivationKind", "elementwise non-linearity", [
    I32EnumAttrCase<"silu", 0>,
    I32EnumAttrCase<"gelu_tanh", 1>]> {
  let cppNamespace = "::plait::lm";
  let genSpecializedAttr = 0;
}
def Lm_ActivationAttr : EnumAttr<Lm_Dialect, Lm_ActivationKind, "activation_kind">;

def Lm_Numerics : I32EnumAttr<"Numerics", "numerics contract of a program", [
    I32EnumAttrCase<"fast", 0>,
    I32EnumAttrCase<"row_invariant", 1>,
    I32EnumAttrCase<"tp_invariant", 2>]> {
  let cppNamespace = "::plait::lm";
  let genSpecializedAttr = 0;
}
def Lm_NumericsAttr : EnumAttr<Lm_Dialect, Lm_Numerics, "numerics">;

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

class Lm_Type<string name, string typeMnemonic, list<Trait> traits = []>
    : TypeDef<Lm_Dialect, name, traits> {
  let mnemonic = typeMnemonic;
}

def Lm_WeightType : Lm_Type<"Weight", "weight"> {
  let summary = "a weight matrix or vector of one layer";
  let description = [{
    Logical shape and format. A matrix is `[out, in]`; a vector has one extent.

    ```mlir
    !lm.weight<2048x512, #lm.bf16>
    ```
    **Constraints:** one or two positive extents whose product is at most 2^52; the
    format implements `WeightFormatInterface`; a vector has no format of integers.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "::mlir::Attribute":$format);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    int64_t getRows() const { return getShape()[0]; }
    int64_t getCols() const { return getShape().size() == 1 ? 1 : getShape()[1]; }
    bool isVector() const { return getShape().size() == 1; }
    int64_t getStorageBytes() const;
  }];
}

def Lm_StateType : Lm_Type<"State", "state"> {
  let summary = "keys and values of some layers";
  let description = [{
    An affine handle: each op that changes the state consumes it and returns the
    next one. Keys and values are rounded to `element` before use: f32, bf16 (to
    nearest, ties to even) or i8. Of the latter, the `head_dim` numbers x of a
    token, a key/value head and either keys or values share a scale s, their
    largest magnitude divided by 127, and become s times the integer nearest to
    x / s, ties to even. The quotients are taken and rounded in f32; numbers that
    are all below 2^-100 become 0.

    A token at position p attends to all positions 0 .. p or, with a `window`, to
    max(0, p - window + 1) .. p: itself and the window - 1 positions before it
    (`sliding_window` of Hugging Face transformers, and of Mistral: Jiang et al.
    2023). Keys and values that have left the window of every token to come are
    no longer part of the state, whose size is so bounded.

    ```mlir
    !lm.state<layers = 4, kv_heads = 2, head_dim = 32, f32>
    !lm.state<layers = 4, kv_heads = 2, head_dim = 32, bf16, window = 4096>
    ```
    **Constraints:** positive extents whose product is at most 2^52; `element` is
    f32, bf16 or i8; `window > 0`.
  }];
  let parameters = (ins "int64_t":$layers, "int64_t":$kv_heads, "int64_t":$head_dim,
                        "::mlir::Type":$element, OptionalParameter<"std::optional<int64_t>">:$window);
  let assemblyFormat = [{
    `<` `layers` `=` $layers `,` `kv_heads` `=` $kv_heads `,` `head_dim` `=` $head_dim `,` $element
    (`,` `window` `=` $window^)? `>`
  }];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Whether elements are integers that share scales.
    bool isScaled() const { return getElement().isInteger(8); }
    /// The first position that a token at `position` attends to.
    int64_t getFirstPosition(int64_t position) const {
      return getWindow() && position >= *getWindow() ? position - *getWindow() + 1 : 0;
    }
  }];
}

def Lm_Int16Type : Lm_Type<"Int16", "int16"> {
  let summary = "an activation as a 16-bit integer with a shared scale";
  let description = [{
    The element type of a tensor of activations that are about to be multiplied
    by a weight of integers. `group` consecutive columns of a row share an f32
    scale, the largest magnitude among them divided by 32767; an element is
    `scale * q` with q the integer nearest to the activation over the scale. So an
    element is off by at most half a scale, 1.6e-5 of its group's largest magnitude. Columns that
    are left over at the end of a row are a shorter group.

    In memory a row is its integers, then the f32 scales and the i32 sums of the
    integers of its groups, padded to 64 bytes. Integers come in runs of
    2 * `distance` columns, of which the columns c and c + `distance` lie side by
    side: what an instruction multiplies and adds in pairs.

    ```mlir
    tensor<?x192x!lm.int16<group = 64, distance = 4>, #lm.dims<tokens>>
    ```
    **Constraints:** `group` is 32, 64 or 128; `distance` is 2 or 4.
  }];
  let parameters = (ins "int64_t":$group, "int64_t":$distance);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    int64_t getGroups(int64_t columns) const { return (columns + getGroup() - 1) / getGroup(); }
    /// Offsets in bytes within a row of `columns`, and its size. The integers are in
    /// whole vectors; those behind the last column are zero.
    int64_t getScalesOffset(int64_t columns) const { return (columns + 15) / 16 * 16 * 2; }
    int64_t getSumsOffset(int64_t columns) const { return getScalesOffset(columns) + 4 * getGroups(columns); }
    int64_t getRowBytes(int64_t columns) const {
      return (getSumsOffset(columns) + 4 * getGroups(columns) + 63) / 64 * 64;
    }
  }];
}

def Lm_RowsType : Lm_Type<"Rows", "rows"> {
  let summary = "row of each token of a step";
  let description = [{
    A step holds the tokens of several rows (sequences) one after another. The
    value says which row each token belongs to; a token attends to the state of
    its own row alone.

    A row may be a tree, of which each token continues one before it: several
    tokens have one position then, and each sees those that lead to it. So the value
    also says where the tokens of a row lie. Those of a chain lie in the state at their
    positions; in a tree the tokens lie behind each other, and a token has a path:
    where the last positions that it sees lie.

    A token sees what lies before it, and itself. Tokens may be taken together, like masks that
    are filled in at once (block-causal attention): then each sees some that lie behind it, too,
    and the value says of each the last position that it sees. What a token sees is folded in
    the order of positions, whether before or behind it: its bits are those that its query
    would have at that last position.
  }];
}

#endif // PLAIT_LM_DIALECT
