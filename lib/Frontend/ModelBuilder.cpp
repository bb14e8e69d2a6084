//===- ModelBuilder.cpp - Builds an lm.model ------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Frontend/ModelBuilder.h"

#include "dialects/Decode/DraftFunctions.h"
#include "runtime/base/TensorName.h"

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

ModelBuilder::ModelBuilder(lm::ModelOp model, const ModelFamily &family, const ModelConfig &config,
                           StringRef checkpointPrefix, FormatOf formatOf, mlir::Type stateElement)
    : model(model), family(family), config(config), checkpointPrefix(checkpointPrefix), formatOf(std::move(formatOf)),
      stateElement(stateElement), builder(model.getContext()) {
  std::vector<LayerKind> same(size_t(config.layers));
  pattern = findLayerPattern(config.layerKinds.empty() ? same : config.layerKinds);
}

std::string ModelBuilder::resolve(StringRef path) const {
  if (inMtp && path.starts_with("layers.") && path.contains(layerMark))
    return "mtp." + path.substr(path.find(layerMark) + layerMark.size()).str();
  return path.str();
}

Location ModelBuilder::locOf(StringRef own) const {
  std::string path = resolve(own);
  if (StringRef(path).starts_with("mtp."))
    return NameLoc::get(StringAttr::get(builder.getContext(), path));
  return NameLoc::get(StringAttr::get(builder.getContext(), family.bodyPrefix + withoutLayer(path)));
}

/// "self_attn_q_proj", "attn_c_proj_bias"; "self_attn_q_proj_1" where there are
/// several sublayers. For brevity the list of layers is left out; no family has a
/// weight of the same name outside it.
std::string ModelBuilder::symbolOf(StringRef path, StringRef kind) const {
  std::string sublayer;
  if (size_t at = path.find(layerMark); at != StringRef::npos) {
    path = path.substr(at + layerMark.size());
    if (pattern.sublayers.size() > 1)
      sublayer = "_" + std::to_string(current);
  }
  std::string symbol = path.str();
  std::replace(symbol.begin(), symbol.end(), '.', '_');
  return symbol + (kind == "weight" ? "" : "_" + kind.str()) + sublayer;
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

lm::WeightOp ModelBuilder::declare(StringRef path, StringRef kind, ArrayRef<int64_t> shape, WeightUse use,
                                   bool transposed, bool belowPrefix) {
  OpBuilder::InsertionGuard guard(builder);
  if (lastWeight)
    builder.setInsertionPointAfter(lastWeight);
  else
    builder.setInsertionPointToStart(&model.getBody().front());

  std::string source = (belowPrefix ? checkpointPrefix : "") + path.str() + "." + kind.str();
  IntegerAttr layers;
  int64_t first = 0, step = 1;
  if (path.contains(layerMark)) {
    const LayerPattern::Sublayer &sublayer = pattern.sublayers[current];
    layers = builder.getI64IntegerAttr(sublayer.slices);
    first = sublayer.first, step = sublayer.step;
  }
  std::vector<std::string> tensors;
  for (int64_t slice = 0, count = layers ? layers.getInt() : 1; slice < count; ++slice)
    tensors.push_back(sliceTensorName(source, slice, first, step));
  Attribute format = formatOf(tensors, use);
  auto type = lm::WeightType::get(model.getContext(), shape, format);
  Location loc = belowPrefix ? locOf(path) : NameLoc::get(StringAttr::get(model.getContext(), path));
  lastWeight =
      lm::WeightOp::create(builder, loc, builder.getStringAttr(symbolOf(path, kind)), builder.getStringAttr(source),
                           layers, builder.getI64IntegerAttr(first), builder.getI64IntegerAttr(step),
                           transposed ? builder.getUnitAttr() : UnitAttr(), lm::PartAttr(), TypeAttr::get(type));
  return lastWeight;
}

Value ModelBuilder::weight(StringRef own, StringRef kind, ArrayRef<int64_t> shape, WeightUse use, bool transposed,
                           bool belowPrefix) {
  std::string path = resolve(own);
  belowPrefix &= !StringRef(path).starts_with("mtp.");
  auto op = model.lookupSymbol<lm::WeightOp>(symbolOf(path, kind));
  if (!op)
    op = declare(path, kind, shape, use, transposed, belowPrefix);
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

mlir::Type ModelBuilder::stateType(const LayerPattern::Sublayer &sublayer) const {
  // A window that no context is longer than leaves nothing out.
  std::optional<int64_t> window;
  if (sublayer.kind.window && sublayer.kind.window < config.maxPositions)
    window = sublayer.kind.window;
  return lm::StateType::get(builder.getContext(), sublayer.slices, config.kvHeads, config.headDim, stateElement,
                            window);
}

void ModelBuilder::buildForward(llvm::function_ref<Value()> body) {
  MLIRContext *context = model.getContext();
  Type indices = lm::getNamedTensor(context, "tokens", {}, builder.getI32Type());
  Type hidden = lm::getNamedTensor(context, "tokens", {config.hidden}, builder.getF32Type());
  SmallVector<Type> arguments{indices, indices, lm::RowsType::get(context)}, results{hidden};
  for (const LayerPattern::Sublayer &sublayer : pattern.sublayers) {
    arguments.push_back(stateType(sublayer));
    results.push_back(arguments.back());
  }
  lm::FuncOp func = beginFunction("forward", arguments, results);
  ids = func.getBody().getArgument(0);
  positions = func.getBody().getArgument(1);
  rows = func.getBody().getArgument(2);
  auto stateArguments = func.getBody().getArguments().drop_front(3);
  states.assign(stateArguments.begin(), stateArguments.end());
  SmallVector<Value> values{body()};
  llvm::append_range(values, states);
  lm::ReturnOp::create(builder, func.getLoc(), values);
}

Value ModelBuilder::headWeight() {
  StringRef path = config.tiedEmbeddings ? family.embedding : "lm_head";
  return weight(path, "weight", {config.vocabulary, config.hidden}, WeightUse::head,
                /*transposed=*/false, /*belowPrefix=*/config.tiedEmbeddings);
}

void ModelBuilder::buildExtraHead(int64_t number, int64_t blocks, bool hasProjection, StringRef prefix) {
  MLIRContext *context = model.getContext();
  Type hidden = lm::getNamedTensor(context, "leaves", {config.hidden}, builder.getF32Type());
  Type logits = lm::getNamedTensor(context, "leaves", {config.vocabulary}, builder.getF32Type());
  lm::FuncOp func = beginFunction("medusa_" + std::to_string(number), {hidden}, {logits});
  Value x = func.getBody().getArgument(0);
  auto use = [&](StringRef path, StringRef kind, ArrayRef<int64_t> shape, WeightUse use) {
    return weight(path, kind, shape, use, /*transposed=*/false, /*belowPrefix=*/false);
  };
  for (int64_t block = 0; block < blocks; ++block) {
    std::string path = (prefix + std::to_string(number) + "." + std::to_string(block) + ".linear").str();
    Location loc = NameLoc::get(builder.getStringAttr(path));
    Value matrix = use(path, "weight", {config.hidden, config.hidden}, WeightUse::product);
    Value bias = use(path, "bias", {config.hidden}, WeightUse::vector);
    Value y = lm::LinearOp::create(builder, loc, x, matrix, bias, lm::TreeAttr());
    x = lm::AddOp::create(builder, loc, x, lm::ActivationOp::create(builder, loc, lm::ActivationKind::silu, y));
  }
  std::string path = (prefix + std::to_string(number) + "." + std::to_string(blocks)).str();
  Value matrix =
      hasProjection ? use(path, "weight", {config.vocabulary, config.hidden}, WeightUse::head) : headWeight();
  Location loc = NameLoc::get(builder.getStringAttr(path));
  lm::ReturnOp::create(builder, func.getLoc(), ValueRange(lm::HeadOp::create(builder, loc, x, matrix).getResult()));
}

void ModelBuilder::buildHead(std::optional<double> softcap) {
  MLIRContext *context = model.getContext();
  Type hidden = lm::getNamedTensor(context, "leaves", {config.hidden}, builder.getF32Type());
  Type logits = lm::getNamedTensor(context, "leaves", {config.vocabulary}, builder.getF32Type());
  lm::FuncOp func = beginFunction("head", {hidden}, {logits});
  Location loc = NameLoc::get(builder.getStringAttr("lm_head"));
  Value result = lm::HeadOp::create(builder, loc, func.getBody().getArgument(0), headWeight());
  if (softcap)
    result = lm::SoftcapOp::create(builder, NameLoc::get(builder.getStringAttr("lm_head.softcap")), result,
                                   builder.getF64FloatAttr(*softcap));
  lm::ReturnOp::create(builder, func.getLoc(), result);
}

void Residual::addLate(size_t count) {
  for (; late.size() > count; late.erase(late.begin()))
    sum = builder.add(sum, late.front().value, late.front().path);
}

Value Residual::read() {
  addLate(delay);
  return sum;
}

void Residual::add(Value output, StringRef path) {
  late.push_back({output, path.str()});
  if (!delay)
    addLate(0);
}

Value Residual::finish() {
  addLate(0);
  return sum;
}

Value ModelBuilder::layers(Value hidden, StringRef path, llvm::function_ref<void(const LayerKind &, Residual &)> body) {
  Location loc = locOf(path);
  Residual stream(*this, hidden);
  stream.delay = size_t(config.residualDelay);
  std::string latePath = (path + ".{layer}.residual").str();
  if (stream.delay)
    stream.late.push_back({scale(hidden, 0, path), latePath}); // of the layer before the first
  for (const LayerPattern::Loop &range : pattern.loops) {
    auto mine = MutableArrayRef(states).slice(range.firstSublayer, range.count);
    SmallVector<Value> carried{stream.sum};
    for (const Residual::Output &output : stream.late)
      carried.push_back(output.value);
    size_t width = carried.size();
    llvm::append_range(carried, mine);
    auto types = llvm::to_vector_of<Type>(ValueRange(carried).getTypes());
    auto loop =
        lm::LayersOp::create(builder, loc, types, uint64_t(range.begin), uint64_t(range.end), ValueRange(carried));
    auto receive = [&](ValueRange values) {
      stream.sum = values.front();
      for (auto [output, value] : llvm::zip_equal(stream.late, values.slice(1, width - 1)))
        output.value = value;
      llvm::copy(values.drop_front(width), mine.begin());
    };
    OpBuilder::InsertionGuard guard(builder);
    Block *block = builder.createBlock(&loop.getBody(), {}, types, SmallVector<Location>(types.size(), loc));
    receive(block->getArguments());
    for (size_t j = 0; j < range.count; ++j) {
      current = range.firstSublayer + j;
      body(pattern.sublayers[current].kind, stream);
    }
    stream.addLate(stream.delay);
    carried = {stream.sum};
    for (const Residual::Output &output : stream.late)
      carried.push_back(output.value);
    llvm::append_range(carried, mine);
    lm::YieldOp::create(builder, loc, carried);
    receive(loop.getResults());
  }
  return stream.finish();
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

static int64_t columnsOf(Value value) { return cast<RankedTensorType>(value.getType()).getDimSize(1); }

Value ModelBuilder::embed(Value ids, StringRef path, int64_t rowCount) {
  bool isHead = config.tiedEmbeddings && path == family.embedding;
  Value table = weight(path, "weight", {rowCount, config.hidden}, isHead ? WeightUse::head : WeightUse::gathered);
  if (!promptTokens || path != family.embedding)
    return lm::EmbedOp::create(builder, locOf(path), ids, table, /*first=*/nullptr);
  // Two parts of one table: an id has a row in one of them, and zeros in the other.
  Value prompts = weight(decode::kPromptTokens, "weight", {promptTokens, config.hidden}, WeightUse::gathered,
                         /*transposed=*/false, /*belowPrefix=*/false);
  Value token = lm::EmbedOp::create(builder, locOf(path), ids, table, builder.getI64IntegerAttr(0));
  Value prompt = lm::EmbedOp::create(builder, locOf(decode::kPromptTokens), ids, prompts,
                                     builder.getI64IntegerAttr(config.vocabulary));
  return lm::AddOp::create(builder, locOf(path), token, prompt);
}

Value ModelBuilder::linear(Value input, StringRef path, int64_t outputs, bool bias, bool transposed) {
  Value matrix = weight(path, "weight", {outputs, columnsOf(input)}, WeightUse::product, transposed);
  Value vector = bias ? weight(path, "bias", {outputs}, WeightUse::vector) : Value();
  return lm::LinearOp::create(builder, locOf(path), input, matrix, vector, lm::TreeAttr());
}

Value ModelBuilder::rmsNorm(Value input, const RmsNormForm &form, StringRef path) {
  Value gain = weight(path, "weight", {form.columns ? form.columns : columnsOf(input)}, WeightUse::vector);
  return lm::RmsNormOp::create(builder, locOf(path), input, gain, builder.getF64FloatAttr(form.eps),
                               form.unitOffset ? builder.getUnitAttr() : UnitAttr());
}

Value ModelBuilder::layerNorm(Value input, double eps, StringRef path) {
  Value gain = weight(path, "weight", {columnsOf(input)}, WeightUse::vector);
  Value bias = weight(path, "bias", {columnsOf(input)}, WeightUse::vector);
  return lm::LayerNormOp::create(builder, locOf(path), input, gain, bias, builder.getF64FloatAttr(eps));
}

Value ModelBuilder::add(Value lhs, Value rhs, StringRef path) {
  return lm::AddOp::create(builder, locOf(path), lhs, rhs);
}

Value ModelBuilder::scale(Value input, double factor, StringRef path) {
  return lm::ScaleOp::create(builder, locOf(path), input, builder.getF64FloatAttr(factor));
}

Value ModelBuilder::activation(Value input, lm::ActivationKind kind, StringRef path) {
  return lm::ActivationOp::create(builder, locOf(path), kind, input);
}

Value ModelBuilder::gatedActivation(Value gate, Value up, lm::ActivationKind kind, StringRef path) {
  return lm::GluOp::create(builder, locOf(path), kind, gate, up);
}

Value ModelBuilder::rope(Value input, const Rope &rope, StringRef path) {
  bool isPartial = rope.rotaryDim != config.headDim;
  return lm::RopeOp::create(builder, locOf(path), input, positions, builder.getI64IntegerAttr(config.headDim),
                            builder.getF64FloatAttr(rope.theta),
                            isPartial ? builder.getI64IntegerAttr(rope.rotaryDim) : IntegerAttr(), rope.scaling,
                            rope.interleaved ? builder.getUnitAttr() : UnitAttr());
}

Value ModelBuilder::sliceColumns(Value input, int64_t offset, int64_t size, StringRef path) {
  return lm::SliceColumnsOp::create(builder, locOf(path), input, builder.getI64IntegerAttr(offset),
                                    builder.getI64IntegerAttr(size));
}

Value ModelBuilder::gatedMlp(Value input, lm::ActivationKind kind, bool bias, StringRef path) {
  Value gate = linear(input, (path + ".gate_proj").str(), config.intermediate, bias);
  Value up = linear(input, (path + ".up_proj").str(), config.intermediate, bias);
  Value gated = gatedActivation(gate, up, kind, (path + ".act_fn").str());
  return linear(gated, (path + ".down_proj").str(), config.hidden, bias);
}

Value ModelBuilder::attention(Value query, Value key, Value value, const AttentionForm &form, StringRef path) {
  if (stagesOnly) {
    states[current] = lm::StageOp::create(builder, locOf(path), key, value, states[current], rows, positions);
    return query; // of what is not wanted
  }
  auto op = lm::AttentionOp::create(builder, locOf(path), query, key, value, states[current], rows, positions,
                                    builder.getF64FloatAttr(form.scale),
                                    form.softcap ? builder.getF64FloatAttr(*form.softcap) : FloatAttr());
  states[current] = op.getNext();
  return op.getResult();
}
