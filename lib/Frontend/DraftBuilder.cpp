//===- DraftBuilder.cpp - Builds what drafts beside a model ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A recurrent head, and a layer that predicts one token further (DraftParts.h).
//
//===----------------------------------------------------------------------===//

#include "plait/Frontend/ModelBuilder.h"

using namespace plait;

lm::FuncOp ModelBuilder::beginDraft(StringRef name, Type state, bool returnsHidden) {
  MLIRContext *context = model.getContext();
  Type indices = lm::getNamedTensor(context, "tokens", {}, builder.getI32Type());
  Type hidden = lm::getNamedTensor(context, "tokens", {config.hidden}, builder.getF32Type());
  SmallVector<Type> arguments{hidden, indices}, results;
  if (returnsHidden)
    results.push_back(hidden);
  if (state) {
    arguments.append({indices, lm::RowsType::get(context), state});
    results.push_back(state);
  }
  lm::FuncOp func = beginFunction(name, arguments, results);
  ids = func.getBody().getArgument(1);
  if (state) {
    positions = func.getBody().getArgument(2);
    rows = func.getBody().getArgument(3);
    states = {func.getBody().getArgument(4)};
    current = 0;
  }
  return func;
}

void ModelBuilder::buildDraftHead(StringRef function, StringRef norm, StringRef projection) {
  MLIRContext *context = model.getContext();
  Type hidden = lm::getNamedTensor(context, "leaves", {config.hidden}, builder.getF32Type());
  Type logits = lm::getNamedTensor(context, "leaves", {config.vocabulary}, builder.getF32Type());
  lm::FuncOp func = beginFunction((function + "_head").str(), {hidden}, {logits});
  Value x = func.getBody().getArgument(0);
  if (!norm.empty())
    x = rmsNorm(x, {config.layer.normEps}, norm);
  Value matrix = projection.empty() ? headWeight()
                                    : weight(projection, "weight", {config.vocabulary, config.hidden}, WeightUse::head,
                                             /*transposed=*/false, /*belowPrefix=*/false);
  Location loc = NameLoc::get(builder.getStringAttr(function + ".head"));
  lm::ReturnOp::create(builder, func.getLoc(), ValueRange(lm::HeadOp::create(builder, loc, x, matrix).getResult()));
}

void ModelBuilder::buildClover(bool hasProjection) {
  lm::FuncOp func = beginDraft("clover", Type(), /*returnsHidden=*/true);
  Value hidden = func.getBody().getArgument(0);
  auto project = [&](Value input, StringRef path, bool bias) {
    auto use = [&](StringRef kind, ArrayRef<int64_t> shape, WeightUse use) {
      return weight(path, kind, shape, use, /*transposed=*/false, /*belowPrefix=*/false);
    };
    Value matrix = use("weight", {config.hidden, config.hidden}, WeightUse::product);
    Value vector = bias ? use("bias", {config.hidden}, WeightUse::vector) : Value();
    return lm::LinearOp::create(builder, NameLoc::get(builder.getStringAttr(path)), input, matrix, vector,
                                lm::TreeAttr());
  };
  Value token = project(embed(ids, family.embedding, config.vocabulary), "clover.token", /*bias=*/true);
  Location loc = NameLoc::get(builder.getStringAttr("clover"));
  Value sum = lm::AddOp::create(builder, loc, project(hidden, "clover.hidden", /*bias=*/false), token);
  Value changed = lm::ActivationOp::create(builder, loc, lm::ActivationKind::silu, sum);
  lm::ReturnOp::create(builder, func.getLoc(),
                       ValueRange(lm::AddOp::create(builder, loc, hidden, changed).getResult()));
  buildDraftHead("clover", "", hasProjection ? "clover.lm_head" : "");
}

Value ModelBuilder::weightColumns(StringRef path, StringRef name, int64_t column, int64_t columns, int64_t of) {
  auto op = model.lookupSymbol<lm::WeightOp>(name);
  if (!op) {
    // As all of the matrix, then narrowed.
    op = declare(path, "weight", {config.hidden, of}, WeightUse::product, /*transposed=*/false, /*belowPrefix=*/false);
    auto format = cast<lm::WeightType>(op.getType()).getFormat();
    op.setSymName(name);
    op.setPartAttr(lm::PartAttr::get(model.getContext(), 0, column, config.hidden, of));
    op.setTypeAttr(TypeAttr::get(lm::WeightType::get(model.getContext(), {config.hidden, columns}, format)));
  }
  return lm::GetWeightOp::create(builder, op.getLoc(), op.getType(), FlatSymbolRefAttr::get(op.getSymNameAttr()));
}

Value ModelBuilder::mtpInput(Value hidden) {
  Value token = rmsNorm(embed(ids, family.embedding, config.vocabulary), {config.layer.normEps}, "mtp.enorm");
  hidden = rmsNorm(hidden, {config.layer.normEps}, "mtp.hnorm");
  int64_t columns = config.hidden;
  auto project = [&](Value input, StringRef name, int64_t column) {
    return lm::LinearOp::create(builder, locOf("mtp.eh_proj"), input,
                                weightColumns("mtp.eh_proj", name, column, columns, 2 * columns), Value(),
                                lm::TreeAttr());
  };
  Value fromToken = project(token, "mtp_e_proj", 0), fromHidden = project(hidden, "mtp_h_proj", columns);
  return lm::AddOp::create(builder, locOf("mtp.eh_proj"), fromToken, fromHidden);
}

/// Erases ops of a function that nothing uses.
static void eraseUnused(lm::FuncOp func) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(func.getBody().front())))
    if (!op.hasTrait<OpTrait::IsTerminator>() && op.use_empty())
      op.erase();
}

void ModelBuilder::buildMtp(bool hasProjection) {
  inMtp = true;
  Type state =
      lm::StateType::get(model.getContext(), /*layers=*/1, config.kvHeads, config.headDim, stateElement, std::nullopt);
  for (bool stages : {true, false}) {
    lm::FuncOp func = beginDraft(stages ? "mtp_stage" : "mtp", state, /*returnsHidden=*/!stages);
    stagesOnly = stages;
    Residual x(*this, mtpInput(func.getBody().getArgument(0)));
    config.layer.build(*this, config, x);
    SmallVector<Value> values = {x.finish(), states[0]};
    lm::ReturnOp::create(builder, func.getLoc(), ArrayRef(values).drop_front(stages));
    eraseUnused(func);
  }
  stagesOnly = false;
  buildDraftHead("mtp", "mtp.shared_head.norm", hasProjection ? "mtp.shared_head.head" : "");
  inMtp = false;
}
