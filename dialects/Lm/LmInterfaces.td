//===- LmInterfaces.td - Interfaces of model ops -----------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LM_INTERFACES
#define PLAIT_LM_INTERFACES

include "mlir/IR/OpBase.td"

def Lm_EvaluableOpInterface : OpInterface<"EvaluableOpInterface"> {
  let description = [{
    Reference semantics: what the op computes, in double precision, written as
    plainly as possible. `plait-opt --plait-evaluate` and the artifact's
    self-test are built on it; every lowering is tested against it.
  }];
  let cppNamespace = "::plait::lm";
  let methods = [
    InterfaceMethod<[{
      Appends one value per result to `results`. Reports errors at the op.
    }], "::llvm::LogicalResult", "evaluate",
    (ins "::plait::Evaluator &":$evaluator,
         "::llvm::ArrayRef<::plait::EvalValue>":$operands,
         "std::vector<::plait::EvalValue> &":$results)>
  ];
}

def Lm_CostOpInterface : OpInterface<"CostOpInterface"> {
  let description = [{
    Symbolic cost of one execution of the op, in the extents of a step. An op
    inside `lm.layers` gives the cost for one layer.
  }];
  let cppNamespace = "::plait::lm";
  let methods = [
    InterfaceMethod<"Flops and bytes as linear forms.", "::plait::Cost", "getCost">
  ];
}

def Lm_ShardingOpInterface : OpInterface<"ShardingOpInterface"> {
  let description = [{
    How the op may be split over devices. An op without this interface has to be
    whole on each of them.
  }];
  let cppNamespace = "::plait::lm";
  let methods = [
    InterfaceMethod<"The op's factors; see plait/Support/ShardingRule.h.", "::plait::ShardingRule", "getShardingRule">,
    InterfaceMethod<[{
      Tells the op that operand `operand` becomes the part of what it was that begins at
      `begins`, one index per dimension. For ops that need to know which part.
    }], "void", "setPart", (ins "unsigned":$operand, "::llvm::ArrayRef<int64_t>":$begins), "", "return;">
  ];
}

def Lm_WeightFormatInterface : AttrInterface<"WeightFormatInterface"> {
  let description = [{
    How the elements of a weight are stored: the seam for further formats. A row
    is rounded as a whole, because elements may share scales.
  }];
  let cppNamespace = "::plait::lm";
  let methods = [
    InterfaceMethod<"Bytes of a rows x cols matrix in this format.",
      "int64_t", "getStorageBytes", (ins "int64_t":$rows, "int64_t":$cols)>,
    InterfaceMethod<"Replaces a row of f32 numbers by what this format represents them as.",
      "void", "roundRow", (ins "::llvm::MutableArrayRef<double>":$row)>,
    InterfaceMethod<"Element type of the stored tensor: f32, bf16, i8 or i4.",
      "::mlir::Type", "getStorageType">,
    InterfaceMethod<"How integers stand for the elements, if they are integers.",
      "std::optional<::plait::WeightQuantization>", "getQuantization", (ins), "", "return std::nullopt;">
  ];
}

/// The result may be written over operand 0.
def Lm_InPlace : NativeOpTrait<"InPlace"> {
  let cppNamespace = "::plait::lm";
}

/// Each element of the result follows from the same element of the operands.
def Lm_Elementwise : NativeOpTrait<"Elementwise"> {
  let cppNamespace = "::plait::lm";
}

/// Each row of the result follows from the same row of the operands that have rows.
def Lm_RowWise : NativeOpTrait<"RowWise"> {
  let cppNamespace = "::plait::lm";
}

/// Operand 0 is a matrix, of whose rows blocks of columns are reduced, each by itself.
def Lm_BlockReduction : NativeOpTrait<"BlockReduction"> {
  let cppNamespace = "::plait::lm";
}

def Lm_RopeScalingInterface : AttrInterface<"RopeScalingInterface"> {
  let description = [{
    How a rotary embedding is changed for contexts longer than the one it was
    trained on: the seam for further kinds.
  }];
  let cppNamespace = "::plait::lm";
  let methods = [
    InterfaceMethod<[{
      Radians per position of pair `pair` of `pairs`, of a token at `position`.
      Without a scaling it is `theta^(-pair/pairs)`.
    }], "double", "getFrequency",
    (ins "double":$theta, "int64_t":$pair, "int64_t":$pairs, "int64_t":$position)>,
    InterfaceMethod<"What sines and cosines are multiplied by.",
      "double", "getMagnitude", (ins), "", "return 1;">,
    InterfaceMethod<"How frequencies depend on the position; nothing if they do not.",
      "std::optional<::plait::lm::RopeGrowth>", "getGrowth", (ins), "", "return std::nullopt;">,
    InterfaceMethod<"What the scaling expects of an op with this base and these pairs and does not find, or nothing.",
      "::llvm::StringRef", "getUnmetNeed", (ins "double":$theta, "int64_t":$pairs), "", "return {};">
  ];
}

#endif // PLAIT_LM_INTERFACES
