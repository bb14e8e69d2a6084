//===- ModelBuilder.cpp - Builds an lm.model ------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Frontend/ModelBuilder.h"

#include <algorithm>

using namespace plait;

static constexpr llvm::StringLiteral layerMark = "{layer}.";

/// `path` without the mark of a per-layer weight.
static std::string withoutLayer(StringRef path) {
  std::string text = path.str();
  if (size_t at = text.find(layerMark); at != std::string::npos)
    text.erase(at, layerMark.size());
  return text;
}

/// The symbol of "`path`.`kind`": "self_attn_q_proj", "attn_c_proj_bias". For
/// brevity the list of layers is left out; no family has a weight of the same
/// name outside it.
static std::string symbolOf(StringRef path, StringRef kind) {
  if (size_t at = path.find(layerMark); at != StringRef::npos)
    path = path.substr(at + layerMark.size());
  std::string symbol = path.str();
  std::replace(symbol.begin(), symbol.end(), '.', '_');
  return kind == "weight" ? symbol : symbol + "_" + kind.str();
}

ModelBuilder::ModelBuilder(lm::ModelOp model, const ModelFamily &family, const ModelConfig &config,
                           StringRef checkpointPrefix, FormatOf formatOf)
    : model(model), family(family), config(config), checkpointPrefix(checkpointPrefix), formatOf(std::move(formatOf)),
      builder(model.getContext()) {}

Location ModelBuilder::locOf(StringRef path) const {
  return NameLoc::get(StringAttr::get(builder.getContext(), family.bodyPrefix + withoutLayer(path)));
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

lm::WeightOp ModelBuilder::declare(StringRef path, StringRef kind, ArrayRef<int64_t> shape, bool transposed,
                                   bool belowPrefix) {
  OpBuilder::InsertionGuard guard(builder);
  if (lastWeight)
    builder.setInsertionPointAfter(lastWeight);
  else
    builder.setInsertionPointToStart(&model.getBody().front());

  std::string source = (belowPrefix ? checkpointPrefix : "") + path.str() + "." + kind.str();
  auto type = lm::WeightType::get(model.getContext(), shape, formatOf(source, shape.size() == 1));
  IntegerAttr layers;
  if (path.contains(layerMark))
    layers = builder.getI64IntegerAttr(config.layers);
  Location loc = belowPrefix ? locOf(path) : NameLoc::get(StringAttr::get(model.getContext(), path));
  lastWeight =
      lm::WeightOp::create(builder, loc, builder.getStringAttr(symbolOf(path, kind)), builder.getStringAttr(source),
                           layers, transposed ? builder.getUnitAttr() : UnitAttr(), TypeAttr::get(type));
  return lastWeight;
}

Value ModelBuilder::weight(StringRef path, StringRef kind, ArrayRef<int64_t> shape, bool transposed, bool belowPrefix) {
  auto op = model.lookupSymbol<lm::WeightOp>(symbolOf(path, kind));
  if (!op)
    op = declare(path, kind, shape, transposed, belowPrefix);
  return lm::GetWeightOp::create(builder, op.getLoc(), op.getType(), FlatSymbolRefAttr::get(op.getSymNameAttr()));
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

lm::FuncOp ModelBuilder::beginFunction(StringRef name, ArrayRef<Type> arguments, ArrayRef<Type> results) {
  Location loc = NameLoc::get(builder.getStringAttr(name));
  builder.setInsertionPointToEnd(&model.getBody().front());
  auto func = lm::FuncOp::create(builder, loc, name, builder.getFunctionType(arguments, results),
                                 /*arg_attrs=*/nullptr, /*res_attrs=*/nullptr,
                                 /*sym_visibility=*/nullptr);
  SmallVector<Location> locs(arguments.size(), loc);
  builder.createBlock(&func.getBody(), {}, arguments, locs);
  return func;
}

void ModelBuilder::buildForward(llvm::function_ref<Value()> body) {
  MLIRContext *context = model.getContext();
  Type indices = lm::getNamedTensor(context, "tokens", {}, builder.getI32Type());
  Type hidden = lm::getNamedTensor(context, "tokens", {config.hidden}, builder.getF32Type());
  Type kv = lm::StateType::get(context, config.layers, config.kvHeads, config.headDim, builder.getF32Type());
  lm::FuncOp func = beginFunction("forward", {indices, indices, lm::RowsType::get(context), kv}, {hidden, kv});
  ids = func.getBody().getArgument(0);
  positions = func.getBody().getArgument(1);
  rows = func.getBody().getArgument(2);
  state = func.getBody().getArgument(3);
  Value result = body();
  lm::ReturnOp::create(builder, func.getLoc(), ValueRange{result, state});
}

void ModelBuilder::buildHead() {
  MLIRContext *context = model.getContext();
  Type hidden = lm::getNamedTensor(context, "leaves", {config.hidden}, builder.getF32Type());
  Type logits = lm::getNamedTensor(context, "leaves", {config.vocabulary}, builder.getF32Type());
  lm::FuncOp func = beginFunction("head", {hidden}, {logits});
  StringRef path = config.tiedEmbeddings ? family.embedding : "lm_head";
  Value matrix = weight(path, "weight", {config.vocabulary, config.hidden},
                        /*transposed=*/false, /*belowPrefix=*/config.tiedEmbeddings);
  Location loc = NameLoc::get(builder.getStringAttr("lm_head"));
  Value result = lm::HeadOp::create(builder, loc, func.getBody().getArgument(0), matrix);
  lm::ReturnOp::create(builder, func.getLoc(), result);
}

Value ModelBuilder::layers(Value hidden, StringRef path, llvm::function_ref<Value(Value)> body) {
  Location loc = locOf(path);
  SmallVector<Value> inits{hidden, state};
  SmallVector<Type> types{hidden.getType(), state.getType()};
  auto loop = lm::LayersOp::create(builder, loc, types, uint64_t(0), uint64_t(config.layers), ValueRange(inits));
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(&loop.getBody(), {}, types, {loc, loc});
  state = block->getArgument(1);
  Value next = body(block->getArgument(0));
  lm::YieldOp::create(builder, loc, ValueRange{next, state});
  state = loop.getResult(1);
  return loop.getResult(0);
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

static int64_t columnsOf(Value value) { return cast<RankedTensorType>(value.getType()).getDimSize(1); }

Value ModelBuilder::embed(Value ids, StringRef path, int64_t rowCount) {
  Value table = weight(path, "weight", {rowCount, config.hidden});
  return lm::EmbedOp::create(builder, locOf(path), ids, table);
}

Value ModelBuilder::linear(Value input, StringRef path, int64_t outputs, bool bias, bool transposed) {
  Value matrix = weight(path, "weight", {outputs, columnsOf(input)}, transposed);
  Value vector = bias ? weight(path, "bias", {outputs}) : Value();
  return lm::LinearOp::create(builder, locOf(path), input, matrix, vector);
}

Value ModelBuilder::rmsNorm(Value input, StringRef path) {
  Value gain = weight(path, "weight", {columnsOf(input)});
  return lm::RmsNormOp::create(builder, locOf(path), input, gain, builder.getF64FloatAttr(config.normEps));
}

Value ModelBuilder::layerNorm(Value input, StringRef path) {
  Value gain = weight(path, "weight", {columnsOf(input)});
  Value bias = weight(path, "bias", {columnsOf(input)});
  return lm::LayerNormOp::create(builder, locOf(path), input, gain, bias, builder.getF64FloatAttr(config.normEps));
}

Value ModelBuilder::add(Value lhs, Value rhs, StringRef path) {
  return lm::AddOp::create(builder, locOf(path), lhs, rhs);
}

lm::ActivationKind ModelBuilder::activationKind() const {
  switch (config.activation) {
  case Activation::silu:
    return lm::ActivationKind::silu;
  case Activation::geluTanh:
    return lm::ActivationKind::gelu_tanh;
  }
  llvm_unreachable("unknown activation");
}

Value ModelBuilder::activation(Value input, StringRef path) {
  return lm::ActivationOp::create(builder, locOf(path), activationKind(), input);
}

Value ModelBuilder::gatedActivation(Value gate, Value up, StringRef path) {
  return lm::GluOp::create(builder, locOf(path), activationKind(), gate, up);
}

Value ModelBuilder::rope(Value input, StringRef path) {
  lm::Llama3ScalingAttr scaling;
  if (const std::optional<RopeScaling> &s = config.ropeScaling)
    scaling = lm::Llama3ScalingAttr::get(model.getContext(), builder.getF64FloatAttr(s->factor),
                                         builder.getF64FloatAttr(s->lowFreqFactor),
                                         builder.getF64FloatAttr(s->highFreqFactor), s->originalMaxPositions);
  return lm::RopeOp::create(builder, locOf(path), input, positions, builder.getI64IntegerAttr(config.headDim),
                            builder.getF64FloatAttr(config.ropeTheta), scaling);
}

Value ModelBuilder::sliceColumns(Value input, int64_t offset, int64_t size, StringRef path) {
  return lm::SliceColumnsOp::create(builder, locOf(path), input, builder.getI64IntegerAttr(offset),
                                    builder.getI64IntegerAttr(size));
}

Value ModelBuilder::attention(Value query, Value key, Value value, StringRef path) {
  auto op = lm::AttentionOp::create(builder, locOf(path), query, key, value, state, rows, positions,
                                    builder.getF64FloatAttr(config.attentionScale));
  state = op.getNext();
  return op.getResult();
}
