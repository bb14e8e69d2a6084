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

    A strategy with drafts has forwards of many tokens at a time, but the choice of a token
    is that of autoregressive decoding. So `plait-outline-steps` makes each forward a
    `decode.run` of the step @ar, or of one like it that leaves out layers; what is left works on small values of one sequence, and
    becomes a round program that the runtime interprets (runtime/decode/rounds).

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

def Decode_Purpose : I32EnumAttr<"Purpose", "what a random number is for", [
    I32EnumAttrCase<"sample", 0>, I32EnumAttrCase<"draft", 1>]> {
  let cppNamespace = "::plait::decode";
}
def Decode_History : I32EnumAttr<"History", "the text that penalties of a node look at", [
    I32EnumAttrCase<"path", 0>, I32EnumAttrCase<"prefix", 1>]> {
  let cppNamespace = "::plait::decode";
}
def Decode_Context : I32EnumAttr<"Context", "which of a guess's distributions it is tested against", [
    I32EnumAttrCase<"stale", 0>, I32EnumAttrCase<"fresh", 1>]> {
  let cppNamespace = "::plait::decode";
}

def Decode_Placement : I32EnumAttr<"Placement", "where branches lie that are joined", [
    I32EnumAttrCase<"beside", 0>, I32EnumAttrCase<"behind", 1>]> {
  let cppNamespace = "::plait::decode";
  let description = [{
    | case | positions | a branch sees |
    |---|---|---|
    | `beside` | all branches begin at the same one; what follows begins behind the longest (`max_join`) | no other branch |
    | `behind` | one after the other, as in any text | those before it |
  }];
}

def Decode_Exactness : I32EnumAttr<"Exactness", "how a strategy's text relates to the autoregressive one", [
    I32EnumAttrCase<"identical", 0>, I32EnumAttrCase<"distribution", 1>, I32EnumAttrCase<"reference", 2>,
    I32EnumAttrCase<"semantics", 3>, I32EnumAttrCase<"approximate", 4>]> {
  let cppNamespace = "::plait::decode";
  let description = [{
    | case | | the text |
    |---|---|---|
    | `identical` | G | token for token that of autoregressive decoding: of the largest logits, or of the same draws |
    | `distribution` | D | distributed as that of autoregressive decoding; identical at temperature 0 |
    | `reference` | R | that of another algorithm, which has a name |
    | `semantics` | S | that of one forward over all of it, with a mask |
    | `approximate` | A | none of these |
  }];
}

def Decode_Role : I32EnumAttr<"Role", "what an argument or result of a step is", [
    I32EnumAttrCase<"tokens", 0>, I32EnumAttrCase<"positions", 1>, I32EnumAttrCase<"rows", 2>,
    I32EnumAttrCase<"state", 3>, I32EnumAttrCase<"leaves", 4>, I32EnumAttrCase<"temperature", 5>,
    I32EnumAttrCase<"top_k", 6>, I32EnumAttrCase<"top_p", 7>, I32EnumAttrCase<"min_p", 8>,
    I32EnumAttrCase<"seed", 9>, I32EnumAttrCase<"sequence", 10>, I32EnumAttrCase<"stops", 11>,
    I32EnumAttrCase<"chosen", 12>, I32EnumAttrCase<"status", 13>, I32EnumAttrCase<"logprob", 14>,
    I32EnumAttrCase<"logits", 15>, I32EnumAttrCase<"edit_ends", 16>, I32EnumAttrCase<"edit_tokens", 17>,
    I32EnumAttrCase<"edit_biases", 18>, I32EnumAttrCase<"edit_scales", 19>, I32EnumAttrCase<"edit_offsets", 20>,
    I32EnumAttrCase<"top_counts", 21>, I32EnumAttrCase<"top_tokens", 22>, I32EnumAttrCase<"top_logprobs", 23>,
    I32EnumAttrCase<"hidden", 24>, I32EnumAttrCase<"parents", 25>,
    I32EnumAttrCase<"next", 26>]> {
  let cppNamespace = "::plait::decode";
  let genSpecializedAttr = 0;
}
def Decode_RoleAttr : EnumAttr<Decode_Dialect, Decode_Role, "role"> {
  let assemblyFormat = "`<` $value `>`";
}
def Decode_RoleArrayAttr : TypedArrayAttrBase<Decode_RoleAttr, "roles">;

def Decode_SublayersAttr : AttrDef<Decode_Dialect, "Sublayers"> {
  let mnemonic = "sublayers";
  let summary = "some of a model's attentions and MLPs";
  let description = [{
    `#decode.sublayers<[1, attention.2, mlp.3]>`: both sublayers of layer 1, the attention of layer 2 and the
    MLP of layer 3. A sublayer is what adds to the residual stream: with what it takes of the stream before
    it, such as a norm, and what comes behind it, such as another one. Layers are numbered in the order in which they run,
    through all loops of `@forward`.

    They are held as numbers: the attention of layer N is 2 N, its MLP 2 N + 1.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$numbers);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    /// "[1, attention.2]", also of numbers that do not ascend.
    static std::string textOf(llvm::ArrayRef<int64_t> numbers);
    std::string getText() const { return textOf(getNumbers()); }
  }];
}
def Decode_SublayersArrayAttr : TypedArrayAttrBase<Decode_SublayersAttr, "sets of sublayers">;

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
def Decode_GroupType : Decode_Type<"Group", "group"> {
  let summary = "sequences of a model that go on from one text: its branches";
  let description = [{
    Affine, like a sequence: used exactly once. Each member continues the text by itself, by at most
    `length` tokens, so that what a group takes is known: a state of one text and `count * length` tokens.

    `!decode.group<@main, 4 of 64>`: 4 branches of at most 64 tokens

    **Constraints:** count and length are positive and below 2^24.
  }];
  let parameters = (ins "::mlir::FlatSymbolRefAttr":$model, "int64_t":$count, "int64_t":$length);
  let assemblyFormat = "`<` $model `,` $count `of` $length `>`";
  let genVerifyDecl = 1;
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
  let summary = "tokens that are sent to the model together, each with what it continues";
  let description = [{
    Node 0, the root, is the sequence's last pending token; what is pending before it is
    forwarded with it and has no node. Every other node continues its parent: its position
    is one more, and it sees the parent and what that sees.

    | type | nodes |
    |---|---|
    | `!decode.block<5>` | a chain of at most 5: each continues the one before |
    | `!decode.block<tree [-1, 0, 0, 1]>` | a tree of 4, by their parents |
    | `!decode.block<branches 2 of 3>` | 2 chains of 3 behind the root, which is the tree [-1, 0, 0, 1, 2, 3, 4] by another name |
    | `!decode.block<tree 20>` | a tree of at most 20 that is known when it is drafted |
    | `!decode.block<tree [-1, 0, 0, 1] prompts 2>` | the same, of which the last two are prompts: they stand for no token, and no path goes through them |
    | `!decode.block<tree 20 prompts 6>` | a tree of at most 20 nodes, of which the last ones, at most 6, are prompts |
    | `!decode.block<tree 20 prompts 6 together 3>` | the same, whose prompts behind a node see each other three by three |

    Prompts in a row behind a node that stands for a token are taken in groups: the first `together` of them, the next ones, and so
    on; one by one unless the type says more. A prompt sees all of its own group, also those behind it, besides what the
    first one of it sees: attention is in both directions within a group, and causal from group to group and
    towards the text (block-causal). Nothing else sees what is behind it; no token sees a prompt, as none continues one.

    A drafted node may know the distribution that its token was drawn from.

    **Constraints:** at least one node; a parent stands before its children, node 0 has none
    (-1) and the others do; no node continues a prompt unless it is one; branches have at most 65536
    nodes together; `together` is 1 to 65536, and 1 without prompts. Prompts come from `decode.expand_prompts` alone, and no rule or walk goes through them: they are never committed.
  }];
  let parameters = (ins "int64_t":$size, "bool":$tree, ArrayRefParameter<"int64_t">:$parents, "int64_t":$prompts,
                        "int64_t":$together);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let builders = [TypeBuilder<(ins "int64_t":$size), "return $_get($_ctxt, size, false, llvm::ArrayRef<int64_t>(), 0, 1);">];
  let extraClassDeclaration = [{
    /// Nodes that a path may go through; of a tree that is known when it is drafted, at least.
    int64_t getNumTokens() const { return getSize() - getPrompts(); }
    /// What the source of such a block is told in a round program: "size", or "parents"; "together" if above 1.
    void addRoundAttributes(mlir::NamedAttrList &attributes) const;
  }];
}
def Decode_CandidatesType : Decode_Type<"Candidates", "candidates"> {
  let summary = "the most probable tokens at one depth, the best one first";
  let description = "`!decode.candidates<4>`: 4 of them. **Constraints:** at least one.";
  let parameters = (ins "int64_t":$count);
  let assemblyFormat = "`<` $count `>`";
  let genVerifyDecl = 1;
}
def Decode_GuessesType : Decode_Type<"Guesses", "guesses"> {
  let summary = "tokens that were guessed for the next positions, and the distribution each was drawn from";
  let description = "`!decode.guesses<8>`: at most 8 of them. **Constraints:** at least one.";
  let parameters = (ins "int64_t":$count);
  let assemblyFormat = "`<` $count `>`";
  let genVerifyDecl = 1;
}
def Decode_SuccessorsType : Decode_Type<"Successors", "successors"> {
  let summary = "for each token of the vocabulary, its most probable successors when it was last seen";
  let description = "`!decode.successors<8>`: 8 of them, the best one first. **Constraints:** at least one.";
  let parameters = (ins "int64_t":$count);
  let assemblyFormat = "`<` $count `>`";
  let genVerifyDecl = 1;
}
def Decode_AcceptanceType : Decode_Type<"Acceptance", "acceptance"> {
  let summary = "how often drafted tokens were accepted, by what drafted and by their place in the draft";
}
def Decode_ChoicesType : Decode_Type<"Choices", "choices"> {
  let summary = "what a step has chosen after each node of a block, and the most probable tokens there";
}
def Decode_PathType : Decode_Type<"Path", "path"> {
  let summary = "the accepted tokens of a block and the next pending token";
}

#endif // PLAIT_DECODE_DIALECT
