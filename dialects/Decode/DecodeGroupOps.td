//===- DecodeGroupOps.td - Ops on groups of sequences ------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A text branches, its branches are continued, and one sequence is made of them again: one
// that stays (`select`, `vote`), or all of them (`join`). The handle is handed on: the
// sequence becomes the group, and the group the sequence.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DECODE_GROUP_OPS
#define PLAIT_DECODE_GROUP_OPS

/// Uses up its first operand, which goes on as its result.
class Decode_GroupOp<string mnemonic, list<Trait> traits = []> : Decode_EvalOp<mnemonic, traits>;

/// Makes one sequence of a group.
class Decode_EndGroupOp<string mnemonic, list<Trait> traits = []> : Decode_GroupOp<mnemonic, traits # [
    DeclareOpInterfaceMethods<InferTypeOpInterface>,
    DeclareOpInterfaceMethods<Decode_GroupOpInterface, ["getExactness"]>]> {
  let results = (outs Decode_SequenceType:$result);
}

def Decode_TokenListsAttr : TypedArrayAttrBase<I64ArrayAttr, "token ids of each branch">;

def Decode_BranchOp : Decode_GroupOp<"branch", [DeclareOpInterfaceMethods<Decode_GroupOpInterface, ["getExactness"]>]> {
  let summary = "a text becomes several that go on from it";
  let description = [{
    Copies nothing: branches share what is there until they write (copy on write), and what is
    pending of the text is pending in each of them. With `begin` branch i continues the text by the
    tokens of list i, which nobody chooses: they are pending, too.

    To its ops a member is a sequence like any other, but that it may have `length` tokens more
    than the text had, or what is left of the text's budget if that is less: then it has ended
    (`decode.stop`). So how far it comes does not depend on how many tokens a round commits.

    Branch 0 draws by the numbers of the text: by itself it is plain decoding. Branch i > 0 draws as
    a sequence of its own, whose number is words 2 and 3, the low half first, of the Philox block
    of (seed, sequence, position, purpose branch, draw i), where `position` is that of the first
    token which a branch adds (runtime/base/Philox.h). So what a branch draws depends neither on
    the others nor on how many there are.

    ```mlir
    %g = decode.branch %x : <@main> -> <@main, 4 of 64>
    %k = decode.branch %x begin [[7, 8], [9]] : <@main> -> <@main, 2 of 64>
    ```
    **Constraints:** the group is of the sequence's model; with `begin`, a list for each branch, of tokens
    of the vocabulary, shorter than a branch may be.
  }];
  let arguments = (ins Decode_SequenceType:$sequence, OptionalAttr<Decode_TokenListsAttr>:$begins);
  let results = (outs Decode_GroupType:$group);
  let assemblyFormat = "$sequence (`begin` $begins^)? attr-dict `:` type($sequence) `->` type($group)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The tokens that branch `number` begins with.
    llvm::SmallVector<int64_t> getBegin(int64_t number);
  }];
}

def Decode_EachOp : Decode_GroupOp<"each", [SingleBlock, AllTypesMatch<["group", "result"]>, Decode_GroupOpInterface]> {
  let summary = "advances each member of a group";
  let description = [{
    The region is written for one sequence, as a strategy is, and applies to every member by
    itself: to all of them together, if that is faster. No member sees what another one does. What a
    draft is made of begins anew in the region (`decode.new_*`); another sequence, such as that of a
    draft model, cannot be advanced there, as it would have to branch, too.

    ```mlir
    %h = decode.each %w of %g : <@main, 4 of 64> {
      %v = decode.repeat 64 iter(%u = %w) : !decode.sequence<@main> {
        ...
        decode.yield %y until %ended : !decode.sequence<@main>
      }
      decode.yield %v : !decode.sequence<@main>
    }
    ```
    **Constraints:** the region takes a sequence of the group's model and yields what became of it,
    without `until`; sequences, groups and stages within are used up as in `decode.round`.
  }];
  let arguments = (ins Decode_GroupType:$group);
  let results = (outs Decode_GroupType:$result);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
}

def Decode_SelectOp : Decode_EndGroupOp<"select", [SingleBlock]> {
  let summary = "the member with the largest score stays";
  let description = [{
    The region gives each member a score; of equal ones the first branch stays, the others are
    dropped. The text goes on with its own budget, and by the random numbers of the branch.

    ```mlir
    %y = decode.select %w of %g : <@main, 4 of 64> {
      %score = decode.log_probability %w : <@main>
      decode.yield %score : f64
    }
    ```
    **Constraints:** the region takes a sequence of the group's model, does not use it up, and yields one
    f64, without `until`.
  }];
  let arguments = (ins Decode_GroupType:$group);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
}

def Decode_VoteOp : Decode_EndGroupOp<"vote"> {
  let summary = "the member with the most frequent answer stays";
  let description = [{
    The answer of a member is what it has added to the text, or of that what comes behind the last
    place where the tokens `after` stand; the stop id that ended it is no part of it. A member has
    no answer if these tokens do not stand there, or if it ended as a logit was not finite. The
    first member stays of those whose answer is one of the most frequent; branch 0, if nobody has an
    answer. The text goes on as after `decode.select`. (Self-consistency, Wang et al. 2023.)

    ```mlir
    %y = decode.vote %g : <@main, 4 of 64>
    %z = decode.vote %k after [27, 9] : <@main, 4 of 64>
    ```
    **Constraints:** `after` has one token at least, all of them of the vocabulary.
  }];
  let arguments = (ins Decode_GroupType:$group, OptionalAttr<DenseI64ArrayAttr>:$after);
  let assemblyFormat = "$group (`after` $after^)? attr-dict `:` type($group)";
  let hasVerifier = 1;
}

def Decode_JoinOp : Decode_EndGroupOp<"join"> {
  let summary = "the text, all of its branches, and what follows them";
  let description = [{
    The text goes on with the tokens that its members have added, branch by branch, each without
    the stop id that ended it, then with the tokens `then`, which nobody chooses and which see all of
    that, as everything does that follows. Where the branches lie is said by the rule:

    * `beside`: all branches begin at the position behind the text, and none sees another; `then`
      begins at the position behind the longest one. (Multiverse, Yang et al. 2025.)
    * `behind`: all positions are those of a text, and each branch sees those before it, which it did
      not when it was made: it is read anew. (As ThreadWeaver joins threads, Lian et al. 2025.)

    What that means is **one masked forward over all tokens** (class `semantics`): the logits after
    a token are those of a forward of the model over the whole text, in which each token has the
    position, and sees the tokens, that are said here. The reference evaluation computes it so: the
    branches are pending again. A program may keep the keys and values of branches that lie `beside`
    each other, as they are the ones that the forward computes.

    The joined text has the budget of the text that branched: what exceeds it is dropped, and the
    text has ended. It ends, too, if a member has ended as a logit was not finite. A draft that
    follows it (`decode.follow`) reads it as a text without branches.

    ```mlir
    %y = decode.join %g beside then [11] : <@main, 3 of 64>
    ```
    **Constraints:** `then` has one token at least, all of them of the vocabulary; with `beside` no
    state of the model has a window that is shorter than the text (refused when it is evaluated).
  }];
  let arguments = (ins Decode_GroupType:$group, Decode_Placement:$placement, DenseI64ArrayAttr:$then);
  let assemblyFormat = "$group $placement `then` $then attr-dict `:` type($group)";
  let hasVerifier = 1;
}

def Decode_LogProbabilityOp : Decode_EvalOp<"log_probability", [Pure]> {
  let summary = "the sum of the log probabilities of all tokens that were chosen for a sequence";
  let description = [{
    The log probabilities that `decode.choose_sample` reports: of edited logits, before warps.
    Tokens of the prompt, and those that nobody chose, count nothing; members of one group have the
    same up to where they branched. -infinity for a sequence that ended as a logit was not finite.
    Reads the sequence without using it up.

    ```mlir
    %score = decode.log_probability %w : <@main>
    ```
  }];
  let arguments = (ins Decode_SequenceType:$sequence);
  let results = (outs F64:$result);
  let assemblyFormat = "$sequence attr-dict `:` type($sequence)";
}

#endif // PLAIT_DECODE_GROUP_OPS
