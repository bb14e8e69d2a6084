//===- DecodeDraftOps.td - Where drafted tokens come from --*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DECODE_DRAFT_OPS
#define PLAIT_DECODE_DRAFT_OPS

class Decode_DraftOp<string mnemonic, list<Trait> traits = []> : Decode_EvalOp<mnemonic, traits # [Pure,
    Decode_DraftSourceOpInterface, Decode_RoundOpInterface]> {
  code ofBlock = [{
    mlir::Value getDraft() { return getBlock(); }
    mlir::DictionaryAttr getRoundAttributes() {
      mlir::NamedAttrList attributes((*this)->getAttrDictionary());
      getBlock().getType().addRoundAttributes(attributes);
      return attributes.getDictionary(getContext());
    }
  }];
  let extraClassDeclaration = ofBlock;
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

def Decode_PendingOp : Decode_DraftOp<"pending"> {
  let summary = "draft source: nothing but what is pending";
  let description = [{
    The tokens that are in the text but not in the state: normally the one chosen last; for
    a fresh sequence the whole prompt, whose path is forced. Reads the sequence without
    using it up. A size above 1 leaves room for `decode.append`.

    ```mlir
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    ```
    **Constraints:** the block is a chain.
  }];
  let arguments = (ins Decode_SequenceType:$sequence);
  let results = (outs Decode_BlockType:$block);
  let assemblyFormat = "$sequence attr-dict `:` type($sequence) `->` type($block)";
  let hasVerifier = 1;
}

def Decode_AppendOp : Decode_DraftOp<"append", [AllTypesMatch<["input", "block"]>]> {
  let summary = "draft source: one more token at the end of a chain";
  let description = [{
    The next token of a path, of whatever sequence, becomes the block's last node. It comes
    with the distribution that it was drawn from, if it was drawn, and for the position that
    it gets: numbers of other positions may have been looked at already. Nothing is appended
    to a block that has reached the model's last position, nor if there is no next token.

    ```mlir
    %c = decode.append %b, %p : !decode.block<5>
    ```
    **Constraints:** the block is a chain; it has room (`plait-check-exactness`).
  }];
  let arguments = (ins Decode_BlockType:$input, Decode_PathType:$path);
  let results = (outs Decode_BlockType:$block);
  let assemblyFormat = "$input `,` $path attr-dict `:` type($input)";
  let hasVerifier = 1;
}

def Decode_LookupOp : Decode_DraftOp<"lookup"> {
  let summary = "draft source: what followed the last tokens where they occurred before";
  let description = [{
    Looks for the last `longest` tokens of the text earlier in it, then for one less, down to
    `shortest`; of several places for the last one. The tokens that follow there are the
    draft, up to the block's size; none if there is no such place. (Prompt lookup decoding,
    Saxena 2023.)

    ```mlir
    %b = decode.lookup %x longest 3 shortest 1 : !decode.sequence<@main> -> !decode.block<5>
    ```
    **Constraints:** the block is a chain; `longest >= shortest > 0`.
  }];
  let arguments = (ins Decode_SequenceType:$sequence, ConfinedAttr<I64Attr, [IntPositive]>:$longest,
                       ConfinedAttr<I64Attr, [IntPositive]>:$shortest);
  let results = (outs Decode_BlockType:$block);
  let assemblyFormat = [{
    $sequence `longest` $longest `shortest` $shortest attr-dict `:` type($sequence) `->` type($block)
  }];
  let hasVerifier = 1;
}

def Decode_ShortenOp : Decode_DraftOp<"shorten", [AllTypesMatch<["input", "block"]>]> {
  let summary = "draft source: the first tokens of another one's chain or tree";
  let description = [{
    The nodes of a block down to the depth `length`: of a chain as many drafted tokens; none at
    all is a block that verifies nothing, with which a round is one of plain decoding. Sources of a
    fixed size become as long as `decode.choose_length` says.

    ```mlir
    %c = decode.shorten %b to %k : !decode.block<5>
    %d = decode.shorten %t to %k : !decode.block<tree [-1, 0, 0, 1]>   // of length 1: the root and two children
    ```
    **Constraints:** the block has no prompts.
  }];
  let arguments = (ins Decode_BlockType:$input, Index:$length);
  let results = (outs Decode_BlockType:$block);
  let assemblyFormat = "$input `to` $length attr-dict `:` type($input)";
  let hasVerifier = 1;
}

def Decode_ExpandOp : Decode_DraftOp<"expand"> {
  let summary = "draft source: a tree of candidates";
  let description = [{
    The j-th child of a node of depth d is candidate j of operand d: candidates depend on
    the depth and not on the parent. Before there are candidates, in the first round, the
    block is its root alone. (Medusa, Cai et al. 2024.)

    ```mlir
    %b = decode.expand %x, %c0, %c1 : !decode.sequence<@main>, !decode.candidates<3>, !decode.candidates<2> -> !decode.block<tree [-1, 0, 0, 0, 1, 1, 2]>
    ```
    **Constraints:** at least one operand; the block is a static tree without prompts; no node is deeper than
    there are operands, and none has more children than its depth's candidates.
  }];
  let arguments = (ins Decode_SequenceType:$sequence, Variadic<Decode_CandidatesType>:$candidates);
  let results = (outs Decode_BlockType:$block);
  let assemblyFormat = [{
    $sequence `,` $candidates attr-dict `:` type($sequence) `,` type($candidates) `->` type($block)
  }];
  let hasVerifier = 1;
}

def Decode_ExpandPromptsOp : Decode_DraftOp<"expand_prompts", [AttrSizedOperandSegments]> {
  let summary = "draft source: a tree of candidates, with prompts that ask for the next ones";
  let description = [{
    One of `trees`, of which the j-th child of a node of depth d is candidate j of operand d,
    as in `decode.expand`: number n, where the first n operands have candidates; of fewer
    trees the last one. So how much was learnt in a round decides how large the next block is.

    Behind node i of the tree come `prompts[i]` prompts, each of which continues the one
    before, and sees what that sees; those that the block's type takes together see each other. They stand for no token, and no path goes through them: what
    the model says after them are candidates for the round after this one
    (`decode.prompted`). All of them lie behind the tree's nodes, in the order of these.

    The k-th prompt in a row has the embedding k of those that were trained for the model:
    the id of k tokens beyond the vocabulary. With `mask` all have that token's. (Prompt tokens: Chen et al.,
    Parallel Prompt Decoding, 2024; masks: Liu et al., TiDAR, 2025.)

    Where `length` is 0 there are no prompts: candidates are verified, and the round after this one
    drafts nothing.

    ```mlir
    %b = decode.expand_prompts %x, %c0 trees [[-1], [-1, 0, 0]] prompts [[1], [1, 1, 0]] : !decode.sequence<@main>, !decode.candidates<2> -> !decode.block<tree 5 prompts 2>
    %d = decode.expand_prompts %x, %c0 trees [[-1, 0]] prompts [[1, 1]] if %k : !decode.sequence<@main>, !decode.candidates<2> -> !decode.block<tree 4 prompts 2>
    // Two masks behind each node, which see each other.
    %m = decode.expand_prompts %x, %c0, %c1 trees [[-1, 0]] prompts [[2, 2]] mask 7 : !decode.sequence<@main>, !decode.candidates<2>, !decode.candidates<2> -> !decode.block<tree 6 prompts 4 together 2>
    ```
    **Constraints:** at least one operand and one tree, and as many lists of prompts, each as
    long as its tree; a parent stands before its children; no node is deeper than there are
    operands, none has more children than its depth's candidates; no row of prompts is
    longer than there are operands. The block is a tree that is known when it is drafted, of as many
    nodes, and prompts, as the largest tree has.
  }];
  let arguments = (ins Decode_SequenceType:$sequence, Variadic<Decode_CandidatesType>:$candidates,
                       TypedArrayAttrBase<I64ArrayAttr, "trees">:$trees,
                       TypedArrayAttrBase<I64ArrayAttr, "numbers of prompts">:$prompts,
                       OptionalAttr<ConfinedAttr<I64Attr, [IntNonNegative]>>:$mask, Optional<Index>:$length);
  let results = (outs Decode_BlockType:$block);
  let assemblyFormat = [{
    $sequence `,` $candidates `trees` $trees `prompts` $prompts (`mask` $mask^)? (`if` $length^)? attr-dict `:` type($sequence) `,`
    type($candidates) `->` type($block)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = ofBlock # [{
    /// Parents of the nodes of each tree, and how many prompts come behind each.
    llvm::SmallVector<PromptedTree> getPromptedTrees();
    /// Prompts in a row, at most.
    int64_t getLongest();
  }];
}

def Decode_RecallOp : Decode_DraftOp<"recall"> {
  let summary = "draft source: a tree of remembered successors";
  let description = [{
    The j-th child of a node is the j-th successor that the table has for the node's token.
    A token without successors yet has no children. (Token Recycling, Luo et al. 2024.)

    ```mlir
    %b = decode.recall %x, %a : !decode.sequence<@main>, !decode.successors<8> -> !decode.block<tree [-1, 0, 0, 0, 1, 1, 2]>
    ```
    **Constraints:** the block is a static tree without prompts, of which no node has more children than the
    table has successors.
  }];
  let arguments = (ins Decode_SequenceType:$sequence, Decode_SuccessorsType:$successors);
  let results = (outs Decode_BlockType:$block);
  let assemblyFormat = [{
    $sequence `,` $successors attr-dict `:` type($sequence) `,` type($successors) `->` type($block)
  }];
  let hasVerifier = 1;
}

def Decode_CarryOp : Decode_DraftOp<"carry"> {
  let summary = "draft source: the guesses of the round before";
  let description = [{
    As many as the block has room for. Where there is no guess the token is drawn
    evenly from the vocabulary (purpose draft). (Jacobi decoding, Santilli et al. 2023.)

    ```mlir
    %b = decode.carry %x, %g : !decode.sequence<@main>, !decode.guesses<8> -> !decode.block<9>
    ```
    **Constraints:** the block is a chain of one node more than there are guesses.
  }];
  let arguments = (ins Decode_SequenceType:$sequence, Decode_GuessesType:$guesses);
  let results = (outs Decode_BlockType:$block);
  let assemblyFormat = "$sequence `,` $guesses attr-dict `:` type($sequence) `,` type($guesses) `->` type($block)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// What a draft is made of
//===----------------------------------------------------------------------===//

class Decode_NewOp<string what, TypeDef type> : Decode_EvalOp<"new_" # what, [Pure, Decode_RoundOpInterface]> {
  let results = (outs type:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

def Decode_NewGuessesOp : Decode_NewOp<"guesses", Decode_GuessesType> {
  let summary = "no guesses yet";
}
def Decode_NewSuccessorsOp : Decode_NewOp<"successors", Decode_SuccessorsType> {
  let summary = "a table without entries, of one sequence";
}
def Decode_NewCandidatesOp : Decode_NewOp<"candidates", Decode_CandidatesType> {
  let summary = "no candidates yet";
}
def Decode_NewAcceptanceOp : Decode_NewOp<"acceptance", Decode_AcceptanceType> {
  let summary = "nothing known of acceptance yet";
}

def Decode_TopOp : Decode_EvalOp<"top", [Pure]> {
  let summary = "the most probable tokens of the last node";
  let description = [{
    In falling order, of equal logits the lowest id first.

    ```mlir
    %c = decode.top %l : !decode.logits<@main> -> !decode.candidates<4>
    ```
  }];
  let arguments = (ins Decode_LogitsType:$logits);
  let results = (outs Decode_CandidatesType:$candidates);
  let assemblyFormat = "$logits attr-dict `:` type($logits) `->` type($candidates)";
}

def Decode_PromptedOp : Decode_EvalOp<"prompted", [Pure]> {
  let summary = "the most probable tokens after the prompts of the last accepted node";
  let description = [{
    Result k has those after the node's k-th prompt, which stands for the token k + 1 after
    the last accepted one: candidates for depth k + 1 of the next block. None where the node
    has no such prompt.

    ```mlir
    %c0, %c1 = decode.prompted %b, %l, %p : !decode.block<tree 20 prompts 6>, !decode.logits<@main> -> !decode.candidates<3>, !decode.candidates<2>
    ```
    **Constraints:** the logits are of the block, at least one result.
  }];
  let arguments = (ins Decode_BlockType:$block, Decode_LogitsType:$logits, Decode_PathType:$path);
  let results = (outs Variadic<Decode_CandidatesType>:$candidates);
  let assemblyFormat = "$block `,` $logits `,` $path attr-dict `:` type($block) `,` type($logits) `->` type($candidates)";
}

def Decode_RecurOp : Decode_EvalOp<"recur", [AllTypesMatch<["hidden", "result"]>]> {
  let summary = "the hidden state after one more token, by a part of the model that is made to draft";
  let description = [{
    Applies `function` of the model to a hidden state and the token that follows it: what a
    path chose, or the best of some candidates. `decode.head` says what follows then. A
    function `(hidden, ids) -> hidden` is a recurrent head (Clover, Xiao et al. 2024). One
    `(hidden, ids, positions, rows, state) -> (hidden, state)` is a layer with keys and values
    of its own (multi-token prediction, DeepSeek-V3, 2024). Its state has those of the text,
    from the forwards: a function `(hidden, ids, positions, rows, state) -> state` of the
    model stages them, of each token with the one after it in the block.

    The first one continues a `decode.leaf`, after which `sequence` has committed its token; its
    position is that of the leaf. What it stages lies where the next forward writes anew.
    Where there is no token, nor a position, the result is a hidden state without candidates.

    ```mlir
    %h1 = decode.recur %leaf, %p in %y by @mtp : !decode.hidden<@main>, !decode.path, !decode.sequence<@main>
    %h2 = decode.recur %h1, %c0 in %y by @mtp : !decode.hidden<@main>, !decode.candidates<3>, !decode.sequence<@main>
    ```
    **Constraints:** the sequence, which is read, is of the hidden state's model.
  }];
  let arguments = (ins Decode_HiddenType:$hidden, AnyTypeOf<[Decode_PathType, Decode_CandidatesType]>:$token,
                       Decode_SequenceType:$sequence, FlatSymbolRefAttr:$function);
  let results = (outs Decode_HiddenType:$result);
  let assemblyFormat = [{
    $hidden `,` $token `in` $sequence `by` $function attr-dict `:` type($hidden) `,` type($token) `,` type($sequence)
  }];
  let hasVerifier = 1;
}

def Decode_LearnOp : Decode_EvalOp<"learn", [Pure, AllTypesMatch<["successors", "result"]>]> {
  let summary = "remembers the most probable successors of a block's tokens";
  let description = [{
    For each node, accepted or not, in their order: the token's entry becomes the most
    probable tokens of the node's logits. Of nodes with the same token the last one wins.

    ```mlir
    %a1 = decode.learn %a, %b, %l : !decode.successors<8>, !decode.block<tree 20>, !decode.logits<@main>
    ```
    **Constraints:** the logits are of the block.
  }];
  let arguments = (ins Decode_SuccessorsType:$successors, Decode_BlockType:$block, Decode_LogitsType:$logits);
  let results = (outs Decode_SuccessorsType:$result);
  let assemblyFormat = [{
    $successors `,` $block `,` $logits attr-dict `:` type($successors) `,` type($block) `,` type($logits)
  }];
}

def Decode_ObserveOp : Decode_EvalOp<"observe", [Pure, AllTypesMatch<["acceptance", "result"]>, Decode_RoundOpInterface]> {
  let summary = "counts which drafted tokens were accepted";
  let description = [{
    The rate at place i of a draft is the mean over the rounds in which the i tokens before
    were accepted, in which a round weighs 0.98 of the next one. Of a tree the place is a depth,
    at which one of several tokens may be accepted. A round that drafts nothing
    changes nothing.

    ```mlir
    %a1 = decode.observe %a, %b, %p : !decode.acceptance, !decode.block<5>
    %a2 = decode.observe %a, %b, %p by %v : !decode.acceptance, !decode.block<5>
    ```
    With `by`, a number of `decode.choose_variant`, it is that variant's drafts that are counted.
  }];
  let arguments = (ins Decode_AcceptanceType:$acceptance, Decode_BlockType:$block, Decode_PathType:$path,
                       Optional<Index>:$variant);
  let results = (outs Decode_AcceptanceType:$result);
  let assemblyFormat = "$acceptance `,` $block `,` $path (`by` $variant^)? attr-dict `:` type($acceptance) `,` type($block)";
}

def Decode_ChooseVariantOp : Decode_EvalOp<"choose_variant", [Pure, Decode_RoundOpInterface]> {
  let summary = "which one of some ways to draft";
  let description = [{
    The one with the most tokens to be expected per time, each with the best of `lengths` for it other than 0, as
    `decode.choose_length` reckons: the variants of a `decode.forward` differ in what they take and in how
    often they are right. The machine that runs it knows both, and all sequences with the strategy choose alike. Of a variant that was not used for long less and
    less is known, and one of which nothing is known is taken to be right nearly always: so it is tried at first, and again now and
    then.

    Where nothing is known of time, as in the reference evaluation, all take the same: it is the first of those that promise
    the most tokens, and what is not known of a variant is taken to be right.

    ```mlir
    %v = decode.choose_variant %a of 3 lengths [0, 2, 4] : !decode.acceptance
    ```
    **Constraints:** one variant at least; lengths as for `decode.choose_length`.
  }];
  let arguments = (ins Decode_AcceptanceType:$acceptance, ConfinedAttr<I64Attr, [IntPositive]>:$count,
                       DenseI64ArrayAttr:$lengths);
  let results = (outs Index:$variant);
  let assemblyFormat = "$acceptance `of` $count `lengths` $lengths attr-dict `:` type($acceptance)";
  let hasVerifier = 1;
}

def Decode_ChooseLengthOp : Decode_EvalOp<"choose_length", [Pure, Decode_RoundOpInterface]> {
  let summary = "how many tokens to draft, of a few numbers";
  let description = [{
    The one with the most tokens to be expected per time: for k, `(1 + a[0] + a[0] a[1] + ...)
    / costs[k]` with k terms after the 1, where a is the acceptance, 0.5 where nothing is
    known. Of a tree the length is a depth. `costs` are those of a round, relative to one that drafts nothing. Of equals the
    last. (SmartSpec, Liu et al. 2024.)

    Without `costs` they are those of the machine that runs it, which knows what steps take
    (docs/decoding.md); what is not known of the sequence is then taken from others with the
    strategy. If drafting does not pay and 0 is one of the lengths, it is 0, but now and then,
    so seldom that it costs no more than 2 percent, one sequence drafts nevertheless, or all
    do, to see whether it would pay by now; and where it does pay, nobody drafts now and then,
    to see what that takes. So a strategy with 0 among its lengths is not slower than plain
    decoding by more than a few percent, whatever the draft is. A strategy that is approximate
    needs `costs`, as its text follows from what is drafted (`plait-check-exactness`). The reference evaluation
    takes all lengths to cost the same: the text does not depend on them.

    ```mlir
    %k = decode.choose_length %a of [0, 2, 4, 8] costs [1.0, 1.2, 1.4, 1.9] : !decode.acceptance
    %l = decode.choose_length %a of [0, 2, 4] by %v : !decode.acceptance
    ```
    With `by`, a number of `decode.choose_variant`, it is that variant that drafts.

    **Constraints:** lengths ascend and are not negative; as many costs, all positive, if any.
  }];
  let arguments = (ins Decode_AcceptanceType:$acceptance, Optional<Index>:$variant, DenseI64ArrayAttr:$lengths,
                       OptionalAttr<DenseF64ArrayAttr>:$costs);
  let results = (outs Index:$length);
  let assemblyFormat = "$acceptance `of` $lengths (`costs` $costs^)? (`by` $variant^)? attr-dict `:` type($acceptance)";
  let hasVerifier = 1;
}

#endif // PLAIT_DECODE_DRAFT_OPS
