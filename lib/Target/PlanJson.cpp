//===- PlanJson.cpp - Launch plans as JSON --------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Target/PlanJson.h"

#include "dialects/Kernel/Kernel.h"

using namespace plait;

Json plait::toJson(const LinearForm &form) {
  return {{"constant", form.constant},
          {"tokens", form.tokens},
          {"rows", form.rows},
          {"leaves", form.leaves},
          {"token_positions", form.tokenPositions}};
}

Json plait::toJson(Attribute attribute) {
  if (auto dictionary = dyn_cast<DictionaryAttr>(attribute)) {
    Json object = Json::object();
    for (NamedAttribute member : dictionary)
      object[member.getName().str()] = toJson(member.getValue());
    return object;
  }
  if (auto list = dyn_cast<ArrayAttr>(attribute)) {
    Json values = Json::array();
    for (Attribute value : list)
      values.push_back(toJson(value));
    return values;
  }
  if (auto text = dyn_cast<StringAttr>(attribute))
    return text.str();
  if (auto symbol = dyn_cast<FlatSymbolRefAttr>(attribute))
    return symbol.getValue().str();
  if (auto number = dyn_cast<IntegerAttr>(attribute))
    return number.getValue().getSExtValue();
  if (auto number = dyn_cast<FloatAttr>(attribute))
    return number.getValueAsDouble();
  if (auto numbers = dyn_cast<DenseI64ArrayAttr>(attribute))
    return std::vector<int64_t>(numbers.asArrayRef());
  if (auto numbers = dyn_cast<DenseF64ArrayAttr>(attribute))
    return std::vector<double>(numbers.asArrayRef());
  return nullptr;
}

static std::string text(Type type) {
  std::string result;
  llvm::raw_string_ostream(result) << type;
  return result;
}

static Json toJson(rt::KernelOp kernel) {
  Json tiles; // known once code is generated
  if (auto attr = kernel.getTiles())
    tiles = {{"count", attr->getCount()},
             {"dim", attr->getDim()},
             {"block", attr->getBlock()},
             {"cyclic", attr->getCyclic()}};
  return {{"name", kernel.getFunction().str()}, {"tiles", tiles}};
}

static Json toJson(rt::WeightOp weight) {
  return {{"name", weight.getName().str()},
          {"source", weight.getSource().str()},
          {"pack_offset", int64_t(weight.getOffset())},
          {"layer_bytes", int64_t(weight.getLayerBytes())},
          {"layers", int64_t(weight.getLayers())},
          {"rows", int64_t(weight.getRows())},
          {"cols", int64_t(weight.getCols())},
          {"dtype", text(weight.getElement())},
          {"panel", int64_t(weight.getPanel())},
          {"group", int64_t(weight.getGroup())},
          {"scale_group", int64_t(weight.getScaleGroup())},
          {"zero_points", weight.getZeroPoints()},
          {"transposed", weight.getTransposed()},
          {"row_begin", int64_t(weight.getRowBegin())},
          {"col_begin", int64_t(weight.getColBegin())},
          {"source_rows", weight.getWholeRows()},
          {"source_cols", weight.getWholeCols()}};
}

static Json toJson(rt::StateOp state) {
  return {{"name", state.getName().str()},
          {"layers", int64_t(state.getLayers())},
          {"page_tokens", int64_t(state.getPageTokens())},
          {"page_bytes", int64_t(state.getPageBytes())},
          {"element", state.getElement().str()}};
}

static Json toJson(rt::ArgAttr arg) {
  return {{"kind", rt::stringifyArgKind(arg.getKind()).str()}, {"index", arg.getIndex()}};
}

/// What a launch and a collective have in common.
template <typename Op> static Json toJson(Op launch, std::string kernel, Json args) {
  Json json = {{"kernel", kernel},
               {"source", launch.getSource().str()},
               {"layers", {int64_t(launch.getLayerBegin()), int64_t(launch.getLayerEnd())}},
               {"barrier", launch.getBarrier()},
               {"loop_begin", launch.getLoopBegin()},
               {"args", std::move(args)}};
  if (auto attr = dyn_cast_or_null<kernel::CostAttr>(launch.getCostAttr())) {
    Cost cost = kernel::getCost(attr);
    json["flops"] = toJson(cost.flops);
    json["weight_bytes"] = toJson(cost.weightBytes);
    json["activation_bytes"] = toJson(cost.activationBytes);
  }
  return json;
}

static Json toJson(rt::LaunchOp launch) {
  Json args = Json::array();
  for (auto arg : launch.getArguments().getAsRange<rt::ArgAttr>())
    args.push_back(toJson(arg));
  Json json = toJson(launch, launch.getKernel().str(), std::move(args));
  if (launch.getIfShared())
    json["if_shared"] = true;
  if (launch.getRedundant())
    json["redundant"] = true;
  return json;
}

static Json toJson(rt::CollectiveOp collective) {
  Json args = Json::array();
  for (Attribute buffer : collective.getBuffers())
    args.push_back(toJson(cast<rt::ArgAttr>(buffer)));
  Json json = toJson(collective, rt::stringifyCollectiveKind(collective.getKind()).str(), std::move(args));
  if (collective.isFused())
    json["epilogue"] = int64_t(collective.getEpilogue());
  json["rows"] = collective.getRows().str();
  json["columns"] = int64_t(collective.getColumns());
  auto list = [&](const char *key, std::optional<llvm::ArrayRef<int64_t>> values) {
    if (values)
      json[key] = std::vector<int64_t>(*values);
  };
  list("parts", collective.getParts());
  list("node_ends", collective.getNodeEnds());
  list("node_bounds", collective.getNodeBounds());
  if (int64_t group = collective.getGroup(); group >= 0)
    list("group", llvm::ArrayRef<int64_t>(collective->getParentOfType<rt::ModelOp>().getMembers(group)));
  if (collective.getToDim())
    json["to_dim"] = int64_t(*collective.getToDim());
  if (collective.getOrder() != rt::SumOrder::rank)
    json["order"] = rt::stringifySumOrder(collective.getOrder()).str();
  if (collective.getPrecision() != rt::SumPrecision::f32)
    json["precision"] = rt::stringifySumPrecision(collective.getPrecision()).str();
  if (collective.getAlgorithms())
    for (auto range : collective.getAlgorithms()->getAsRange<rt::SumRangeAttr>())
      json["algorithms"].push_back(
          {{"rows", range.getRows()}, {"algorithm", rt::stringifySumAlgorithm(range.getAlgorithm()).str()}});
  if (collective.getAxis())
    json["axis"] = collective.getAxis()->str();
  return json;
}

static Json toJson(rt::PlanOp plan) {
  Json json = {{"name", plan.getName().str()}, {"has_logits", plan.getHasLogits()}};
  json["slots"] = Json::array();
  json["launches"] = Json::array();
  Block &body = plan.getBody().front();
  for (rt::SlotOp slot : body.getOps<rt::SlotOp>())
    json["slots"].push_back(std::vector<int64_t>(slot.getBytes()));
  for (Operation &op : body)
    if (auto launch = dyn_cast<rt::LaunchOp>(op))
      json["launches"].push_back(toJson(launch));
    else if (auto collective = dyn_cast<rt::CollectiveOp>(op))
      json["launches"].push_back(toJson(collective));
  return json;
}

template <typename Op> static Json listOf(Block &body) {
  Json list = Json::array();
  for (Op op : body.getOps<Op>())
    list.push_back(toJson(op));
  return list;
}

Json plait::planToJson(rt::ModelOp model) {
  Block &body = model.getBody().front();
  Json json = {{"name", model.getSymName().str()},
               {"family", model.getFamily().str()},
               {"numerics", model.getNumerics().str()},
               {"vocabulary", int64_t(model.getVocabulary())},
               {"max_positions", int64_t(model.getMaxPositions())},
               {"layers", int64_t(model.getLayers())},
               {"pack_bytes", int64_t(model.getPackBytes())},
               {"rank", int64_t(model.getRank())},
               {"ranks", int64_t(model.getRanks())},
               {"kernels", listOf<rt::KernelOp>(body)},
               {"weights", listOf<rt::WeightOp>(body)},
               {"states", listOf<rt::StateOp>(body)},
               {"plans", listOf<rt::PlanOp>(body)}};
  for (rt::StrategyOp strategy : body.getOps<rt::StrategyOp>())
    json["strategies"].push_back({{"call", strategy.getCall().str()}, {"program", toJson(strategy.getProgram())}});
  return json;
}
