//===- DecodeDialect.td - The decode dialect ---------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DECODE_DIALECT
#define PLAIT_DECODE_DIALECT

include "mlir/IR/DialectBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "dialects/Lm/LmInterfaces.td"
include "dialects/Decode/DecodeInterfaces.td"

def Decode_Dialect : Dialect {
  let name = "decode";
  let cppNamespace = "::plait::decode";
  let summary = "How tokens are chosen.";
  let description = [{
    A decoding strategy (`decode.strategy`) is written for ONE sequence: a round
    drafts a block of tokens, forwards it through a model, verifies it and
    commits what was accepted. The pass `plait-batch` turns a strategy into a
    `decode.step`: one whole round over the ragged rows of a batch. A chunk of a
    prompt is a row with a forced path: its tokens are forwarded and committed,
    and only its last one is a *leaf*, whose successor is chosen.

    A sequence is an affine handle: every op consumes it and returns the next
    one. Its last token is *pending*: it is part of the text, but its keys and
    values are not yet in the state. A forward *stages* keys and values; only
    `decode.commit` publishes them.
  }];
  let dependentDialects = ["::plait::lm::LmDialect"];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

def Decode_Warp : I32EnumAttr<"Warp", "a change of the distribution before drawing", [
    I32EnumAttrCase<"temperature", 0>, I32EnumAttrCase<"top_k", 1>,
    I32EnumAttrCase<"top_p", 2>, I32EnumAttrCase<"min_p", 3>]> {
  let cppNamespace = "::plait::decode";
  let genSpecializedAttr = 0;
}
def Decode_WarpAttr : EnumAttr<Decode_Dialect, Decode_Warp, "warp"> {
  let assemblyFormat = "`<` $value `>`";
}
def Decode_WarpArrayAttr : TypedArrayAttrBase<Decode_WarpAttr, "warps">;

def Decode_Role : I32EnumAttr<"Role", "what an argument or result of a step is", [
    I32EnumAttrCase<"tokens", 0>, I32EnumAttrCase<"positions", 1>, I32EnumAttrCase<"rows", 2>,
    I32EnumAttrCase<"state", 3>, I32EnumAttrCase<"leaves", 4>, I32EnumAttrCase<"temperature", 5>,
    I32EnumAttrCase<"top_k", 6>, I32EnumAttrCase<"top_p", 7>, I32EnumAttrCase<"min_p", 8>,
    I32EnumAttrCase<"seed", 9>, I32EnumAttrCase<"sequence", 10>, I32EnumAttrCase<"stops", 11>,
    I32EnumAttrCase<"chosen", 12>, I32EnumAttrCase<"status", 13>, I32EnumAttrCase<"logprob", 14>,
    I32EnumAttrCase<"logits", 15>, I32EnumAttrCase<"edit_ends", 16>, I32EnumAttrCase<"edit_tokens", 17>,
    I32EnumAttrCase<"edit_biases", 18>, I32EnumAttrCase<"edit_scales", 19>, I32EnumAttrCase<"edit_offsets", 20>,
    I32EnumAttrCase<"top_counts", 21>, I32EnumAttrCase<"top_tokens", 22>, I32EnumAttrCase<"top_logprobs", 23>]> {
  let cppNamespace = "::plait::decode";
  let genSpecializedAttr = 0;
}
def Decode_RoleAttr : EnumAttr<Decode_Dialect, Decode_Role, "role"> {
  let assemblyFormat = "`<` $value `>`";
}
def Decode_RoleArrayAttr : TypedArrayAttrBase<Decode_RoleAttr, "roles">;

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

class Decode_Type<string name, string typeMnemonic> : TypeDef<Decode_Dialect, name> {
  let mnemonic = typeMnemonic;
}
class Decode_ModelValueType<string name, string typeMnemonic> : Decode_Type<name, typeMnemonic> {
  let parameters = (ins "::mlir::FlatSymbolRefAttr":$model);
  let assemblyFormat = "`<` $model `>`";
}

def Decode_SequenceType : Decode_ModelValueType<"Sequence", "sequence"> {
  let summary = "one sequence of a model: tokens, pending token, published state";
  let description = "Affine: used exactly once. `!decode.sequence<@main>`";
}
def Decode_StageType : Decode_ModelValueType<"Stage", "stage"> {
  let summary = "keys and values of a forward that are not yet part of the sequence";
  let description = "Committed once or dropped. `!decode.stage<@main>`";
}
def Decode_HiddenType : Decode_ModelValueType<"Hidden", "hidden"> {
  let summary = "final hidden states of a block; need not be materialised";
}
def Decode_LogitsType : Decode_ModelValueType<"Logits", "logits"> {
  let summary = "logits of a block; need not be materialised";
}
def Decode_BlockType : Decode_Type<"Block", "block"> {
  let summary = "a chain of at most `size` tokens sent to the model together";
  let description = "`!decode.block<1>`. **Constraints:** `size > 0`.";
  let parameters = (ins "int64_t":$size);
  let assemblyFormat = "`<` $size `>`";
  let genVerifyDecl = 1;
}
def Decode_PathType : Decode_Type<"Path", "path"> {
  let summary = "the accepted tokens of a block and the next pending token";
}

#endif // PLAIT_DECODE_DIALECT
