//===- DecodeInterfaces.td - Interfaces of decoding ops ----*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DECODE_INTERFACES
#define PLAIT_DECODE_INTERFACES

include "mlir/IR/OpBase.td"

def Decode_DraftSourceOpInterface : OpInterface<"DraftSourceOpInterface"> {
  let description = "Where the tokens of a block come from.";
  let cppNamespace = "::plait::decode";
  let methods = [
    InterfaceMethod<"The block.", "::mlir::Value", "getDraft">,
    InterfaceMethod<"Upper bound of the nodes in the block.", "int64_t", "getMaxTokens", (ins), [{}],
      [{ return ::mlir::cast<::plait::decode::BlockType>($_op.getDraft().getType()).getSize(); }]>
  ];
}

def Decode_VerifyRuleOpInterface : OpInterface<"VerifyRuleOpInterface"> {
  let description = [{
    How the next tokens follow from a block's logits. A rule is written for one
    sequence; `batch` gives its form over the leaves of a ragged step.
  }];
  let cppNamespace = "::plait::decode";
  let methods = [
    InterfaceMethod<[{
      Creates the op that applies the rule to every leaf: `logits` is [L, V];
      `input` returns the step's argument of a role, adding it if need be.
      Returns (tokens, status, logprobs). Null, with an error, if there is none.
    }], "::mlir::Operation *", "batch",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::Value":$logits,
         "::llvm::function_ref<::mlir::Value(::plait::decode::Role)>":$input)>,
    InterfaceMethod<[{
      How the accepted tokens relate to the model's own, if logits are those of the whole
      model; with a reason, if it is not the best that there is.
    }], "::plait::decode::ExactnessReason", "getExactness">,
    InterfaceMethod<[{
      Creates the op that finds the rule's results along what autoregressive decoding chooses
      at each node (`choices`). Its text has the distribution that the rule's has, and may
      have other draws. Null, with an error, if a rule gives another distribution.
    }], "::mlir::Operation *", "followChoices",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::Value":$choices)>,
    InterfaceMethod<[{
      Whether its choice after a node depends on what was drafted there: then a forward that
      it verifies runs a step of its own, made by `batch`.
    }], "bool", "hasOwnStep", (ins), [{}], [{ return false; }]>,
    InterfaceMethod<[{
      How many of the most probable tokens after each node it chooses from. 0: it needs none,
      as the step chooses.
    }], "int64_t", "getNumTops", (ins), [{}], [{ return 0; }]>
  ];
}

def Decode_GroupOpInterface : OpInterface<"GroupOpInterface"> {
  let description = [{
    An op that makes a group of a sequence, advances one, or makes one sequence of it: operand 0,
    which it uses up, goes on as its result. A region has one member as its argument.
  }];
  let cppNamespace = "::plait::decode";
  let methods = [
    InterfaceMethod<[{
      How a text that goes on through it relates to that of plain decoding, whatever was committed to
      its members; with a reason, if it is not the best that there is.
    }], "::plait::decode::ExactnessReason", "getExactness", (ins), [{}], [{ return {}; }]>
  ];
}

def Decode_StagingOpInterface : OpInterface<"StagingOpInterface"> {
  let description = "An op that stages keys and values of a block after a sequence.";
  let cppNamespace = "::plait::decode";
  let methods = [
    InterfaceMethod<"The sequence.", "::mlir::Value", "getSequence">,
    InterfaceMethod<"The block.", "::mlir::Value", "getBlock">
  ];
}

def Decode_RoundOpInterface : OpInterface<"RoundOpInterface"> {
  let description = [{
    An op on small values of one sequence, which the runtime interprets
    (runtime/decode/rounds). Its operands and results, but for stages, are values there.
  }];
  let cppNamespace = "::plait::decode";
  let methods = [
    InterfaceMethod<"Its name in a round program.", "::llvm::StringRef", "getRoundName", (ins), [{}],
      [{ return $_op->getName().stripDialect(); }]>,
    InterfaceMethod<"What it is told there besides its values.", "::mlir::DictionaryAttr", "getRoundAttributes", (ins),
      [{}], [{ return $_op->getAttrDictionary(); }]>
  ];
}

def Decode_PartsOpInterface : OpInterface<"PartsOpInterface"> {
  let description = [{
    An op on logits, operand 0, of which each device may have the part of some tokens:
    a factor of kind `exchange` (plait/Support/ShardingRule.h).
  }];
  let cppNamespace = "::plait::decode";
  let methods = [
    InterfaceMethod<[{
      Creates what gives the op's results on a device with a part of the logits, the
      same on all devices, and returns these.
    }], "::llvm::SmallVector<::mlir::Value>", "onParts",
    (ins "::mlir::OpBuilder &":$builder, "::plait::decode::LogitsParts &":$parts)>
  ];
}

#endif // PLAIT_DECODE_INTERFACES
