//===- LmOps.cpp - Verification and shape inference of lm ops -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Lm/Lm.h"

#include "plait/Support/FunctionSyntax.h"
#include "runtime/base/TensorName.h"

#include "mlir/IR/Builders.h"

#include <cmath>

using namespace plait;
using namespace plait::lm;

#include "dialects/Lm/LmOpInterfaces.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/Lm/LmOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Helpers
//===----------------------------------------------------------------------===//

static LogicalResult fail(std::optional<Location> loc, const Twine &message) { return emitOptionalError(loc, message); }

static std::string toString(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

/// Checks that `type` is [?, columns] (columns < 0: any) or rank 1 if columns is 0.
static FailureOr<RankedTensorType> checkRows(std::optional<Location> loc, StringRef what, Type type, int64_t columns) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  int64_t rank = columns == 0 ? 1 : 2;
  if (!tensor || tensor.getRank() != rank)
    return fail(loc, "expected " + what + " of rank " + Twine(rank) + " but got '" + toString(type) + "'");
  if (rank == 2 && tensor.isDynamicDim(1))
    return fail(loc, "expected a static number of columns of " + what + " but got '" + toString(type) + "'");
  if (columns > 0 && tensor.getDimSize(1) != columns)
    return fail(loc, "expected " + what + " with " + Twine(columns) + " columns but got '" + toString(type) + "'");
  return tensor;
}

static LogicalResult checkVector(std::optional<Location> loc, StringRef what, Type type, int64_t extent) {
  auto weight = cast<WeightType>(type);
  if (!weight.isVector() || weight.getRows() != extent)
    return fail(loc, "expected " + what + " of shape " + Twine(extent) + " but got '" + toString(type) + "'");
  return success();
}

static LogicalResult checkSameExtent(std::optional<Location> loc, Type a, Type b) {
  auto ta = cast<RankedTensorType>(a), tb = cast<RankedTensorType>(b);
  if (ta.getDimSize(0) != tb.getDimSize(0) || getLeadingDim(a) != getLeadingDim(b))
    return fail(loc, "expected operands with the same leading extent but got '" + toString(a) + "' and '" +
                         toString(b) + "'");
  return success();
}

/// `like` with `columns` columns (same leading extent and name).
static RankedTensorType withColumns(RankedTensorType like, int64_t columns) {
  return RankedTensorType::get({like.getDimSize(0), columns}, like.getElementType(), like.getEncoding());
}

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

LogicalResult ModelOp::verifyRegions() {
  if (getMaxPositions() <= 0)
    return emitOpError("expected max_positions > 0 but got ") << getMaxPositions();
  for (Operation &op : getBody().front())
    if (!isa<WeightOp, FuncOp>(op))
      return op.emitOpError("expected only 'lm.weight' and 'lm.func' in an 'lm.model'");
  // Calls go backwards, so that there is no recursion.
  llvm::SmallDenseSet<StringAttr> before;
  for (FuncOp function : getBody().getOps<FuncOp>()) {
    WalkResult walked = function.walk([&](CallOp call) {
      if (call.getCallee().getNestedReferences().empty() && before.contains(call.getCallee().getRootReference()))
        return WalkResult::advance();
      call.emitOpError("expected a function of the model that stands before @")
          << function.getSymName() << " but got " << call.getCallee();
      return WalkResult::interrupt();
    });
    if (walked.wasInterrupted())
      return failure();
    before.insert(function.getSymNameAttr());
  }
  return success();
}

LogicalResult WeightOp::verify() {
  bool marked = getSource().contains("{layer}");
  if (getLayers() && (int64_t(*getLayers()) <= 0 || int64_t(*getLayers()) > maxLayers))
    return emitOpError("expected layers from 1 to ") << maxLayers << " but got " << int64_t(*getLayers());
  if (marked != getLayers().has_value())
    return emitOpError("expected '{layer}' in the source exactly if layers are given, but got source '")
           << getSource() << "'";
  if (int64_t(getFirst()) < 0 || int64_t(getStep()) <= 0)
    return emitOpError("expected first >= 0 and step > 0 but got ")
           << int64_t(getFirst()) << " and " << int64_t(getStep());
  if (!getLayers() && (getFirst() != 0 || getStep() != 1))
    return emitOpError("expected first and step only with layers");
  if (getTransposed() && cast<WeightType>(getType()).isVector())
    return emitOpError("expected a matrix to be transposed but got ") << getType();
  if (PartAttr part = getPartAttr()) {
    auto type = cast<WeightType>(getType());
    if (part.getRow() + type.getRows() > part.getRows() || part.getColumn() + type.getCols() > part.getColumns())
      return emitOpError("expected a part within its tensor but got ") << type << " in " << part;
    auto quantization = cast<WeightFormatInterface>(type.getFormat()).getQuantization();
    bool wholeRows = part.getColumn() == 0 && type.getCols() == part.getColumns();
    if (quantization && !wholeRows && (!quantization->group || part.getColumn() % quantization->group))
      return emitOpError("expected a part that begins between two groups of columns but got column ")
             << part.getColumn() << " of " << type;
  }
  return success();
}

PartAttr WeightOp::getPartOrWhole() {
  auto type = cast<WeightType>(getType());
  return getPartAttr() ? getPartAttr() : PartAttr::get(getContext(), 0, 0, type.getRows(), type.getCols());
}

std::string WeightOp::getTensorName(int64_t slice) {
  return sliceTensorName(getSource().str(), slice, getFirst(), getStep());
}

ParseResult FuncOp::parse(OpAsmParser &parser, OperationState &result) {
  return parseFunctionSyntax<FuncOp>(parser, result);
}

void FuncOp::print(OpAsmPrinter &p) { printFunctionSyntax(p, *this); }

LogicalResult FuncOp::verifyRegions() {
  if (isExternal())
    return success();
  if (!getBody().hasOneBlock())
    return emitOpError("expected a body of one block but got ") << getBody().getBlocks().size();
  if (!isa<ReturnOp>(getBody().front().getTerminator()))
    return emitOpError("expected an 'lm.return' at the end");
  return success();
}

bool FuncOp::isForward() {
  ArrayRef<Type> in = getArgumentTypes(), out = getResultTypes();
  auto isIndices = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.getRank() == 1 && tensor.getElementType().isInteger(32);
  };
  auto isActivations = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.getRank() == 2 && tensor.getElementType().isF32();
  };
  return in.size() >= 4 && isIndices(in[0]) && isIndices(in[1]) && isa<RowsType>(in[2]) && !out.empty() &&
         isActivations(out[0]) && llvm::all_of(getStateTypes(), llvm::IsaPred<StateType>) &&
         getStateTypes() == out.drop_front();
}

LogicalResult ReturnOp::verify() {
  auto expected = cast<FuncOp>((*this)->getParentOp()).getResultTypes();
  if (getValues().getTypes() != TypeRange(expected))
    return emitOpError("expected values of the function's result types ")
           << TypeRange(expected) << " but got " << getValues().getTypes();
  return success();
}

LogicalResult CallOp::verify() {
  auto callee = SymbolTable::lookupNearestSymbolFrom<FuncOp>(*this, getCallee());
  if (!callee)
    return emitOpError("expected a symbol of an 'lm.func' but got ") << getCallee();
  auto type = FunctionType::get(getContext(), getOperandTypes(), getResultTypes());
  if (callee.getFunctionType() != type) {
    auto diag = emitOpError("expected the callee's type ") << callee.getFunctionType() << " but got " << type;
    diag.attachNote(callee.getLoc()) << "callee";
    return diag;
  }
  if ((*this)->getParentOfType<LayersOp>())
    return emitOpError("expected no 'lm.layers' around a call");
  return success();
}

LogicalResult GetWeightOp::verify() {
  auto model = (*this)->getParentOfType<ModelOp>();
  auto weight = SymbolTable::lookupNearestSymbolFrom<WeightOp>(*this, getWeightAttr());
  if (!weight)
    return emitOpError("expected the symbol of an 'lm.weight'")
           << (model ? " in model @" + model.getSymName().str() : std::string()) << " but got " << getWeightAttr();
  if (weight.getType() != getType()) {
    auto diag = emitOpError("expected the weight's type ") << weight.getType() << " but got " << getType();
    diag.attachNote(weight.getLoc()) << "weight";
    return diag;
  }
  auto layers = (*this)->getParentOfType<LayersOp>();
  if (weight.getLayers() && (!layers || int64_t(layers.getEnd()) > int64_t(*weight.getLayers())))
    return emitOpError("expected an 'lm.layers' within 0 to ")
           << *weight.getLayers() << " around a use of the per-layer weight " << getWeightAttr();
  return success();
}

ParseResult LayersOp::parse(OpAsmParser &parser, OperationState &result) {
  int64_t begin, end;
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> inits;
  SmallVector<Type> types;
  Builder &b = parser.getBuilder();
  if (parser.parseInteger(begin) || parser.parseKeyword("to") || parser.parseInteger(end) ||
      parser.parseKeyword("iter") || parser.parseAssignmentList(arguments, inits) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes) || parser.parseOptionalColonTypeList(types))
    return failure();
  SMLoc loc = parser.getCurrentLocation();
  if (types.size() != arguments.size())
    return parser.emitError(loc, "expected ") << arguments.size() << " types but got " << types.size();
  for (auto [argument, type] : llvm::zip_equal(arguments, types))
    argument.type = type;
  result.addAttribute(getBeginAttrName(result.name), b.getI64IntegerAttr(begin));
  result.addAttribute(getEndAttrName(result.name), b.getI64IntegerAttr(end));
  result.addTypes(types);
  return failure(parser.resolveOperands(inits, types, loc, result.operands) ||
                 parser.parseRegion(*result.addRegion(), arguments));
}

void LayersOp::print(OpAsmPrinter &p) {
  p << " " << getBegin() << " to " << getEnd() << " iter(";
  llvm::interleaveComma(llvm::zip(getBody().getArguments(), getInits()), p,
                        [&](auto pair) { p << std::get<0>(pair) << " = " << std::get<1>(pair); });
  p << ")";
  p.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {getBeginAttrName(), getEndAttrName()});
  p << (getResultTypes().empty() ? "" : " : ");
  llvm::interleaveComma(getResultTypes(), p);
  p << " ";
  p.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

LogicalResult LayersOp::verifyRegions() {
  if ((*this)->getParentOfType<LayersOp>())
    return emitOpError("expected no other 'lm.layers' around it");
  if (int64_t(getBegin()) < 0 || getBegin() >= getEnd() || int64_t(getEnd()) > maxLayers)
    return emitOpError("expected 0 <= begin < end <= ")
           << maxLayers << " but got " << int64_t(getBegin()) << " to " << int64_t(getEnd());
  TypeRange types = getInits().getTypes();
  auto yield = cast<YieldOp>(getBody().front().getTerminator());
  if (TypeRange(getBody().getArgumentTypes()) != types || yield.getValues().getTypes() != types ||
      TypeRange(getResultTypes()) != types)
    return emitOpError("expected initial values, block arguments, yielded values and results of the same "
                       "types, but got ")
           << types << ", " << TypeRange(getBody().getArgumentTypes()) << ", " << yield.getValues().getTypes()
           << " and " << getResultTypes();
  return success();
}

//===----------------------------------------------------------------------===//
// Shape inference: it also is the verification of the compute ops, because the
// result type is inferred from the operands on construction and on parsing.
//===----------------------------------------------------------------------===//

#define PLAIT_INFER(Op)                                                                                                \
  LogicalResult Op::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,           \
                                     DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,      \
                                     SmallVectorImpl<Type> &results) {                                                 \
    Adaptor adaptor(operands, attributes, properties, regions);                                                        \
    return infer##Op(loc, adaptor, results);                                                                           \
  }

using Results = SmallVectorImpl<Type>;
using Loc = std::optional<Location>;

static LogicalResult inferEmbedOp(Loc loc, EmbedOp::Adaptor op, Results &results) {
  auto ids = checkRows(loc, "ids", op.getIds().getType(), 0);
  auto table = cast<WeightType>(op.getTable().getType());
  if (failed(ids))
    return failure();
  if (table.isVector())
    return fail(loc, "expected a table of two extents but got '" + toString(table) + "'");
  results.push_back(RankedTensorType::get({ids->getDimSize(0), table.getCols()}, Float32Type::get(ids->getContext()),
                                          ids->getEncoding()));
  return success();
}
PLAIT_INFER(EmbedOp)

/// [T, K] x [N, K] -> [T, N]
static LogicalResult inferProduct(Loc loc, Value input, Value matrix, Results &results) {
  auto weight = cast<WeightType>(matrix.getType());
  if (weight.isVector())
    return fail(loc, "expected a weight of two extents but got '" + toString(weight) + "'");
  bool rounded = getElementTypeOrSelf(input.getType()).isBF16();
  auto x = checkRows(loc, "input", input.getType(), rounded ? -1 : weight.getCols());
  if (failed(x))
    return failure();
  if (rounded && (x->getDimSize(1) < weight.getCols() || !isa<BF16Attr>(weight.getFormat())))
    return fail(loc, "expected an input of bf16 with at least as many columns as the weight, and a weight of bf16, "
                     "but got '" +
                         toString(*x) + "' and '" + toString(weight) + "'");
  if (auto element = dyn_cast<Int16Type>(x->getElementType())) {
    auto quantization = cast<WeightFormatInterface>(weight.getFormat()).getQuantization();
    if (!quantization || getProductGroup(*quantization) != element.getGroup())
      return fail(loc, "expected a weight of integers in groups of " + Twine(element.getGroup()) +
                           " columns but got '" + toString(weight) + "'");
  }
  results.push_back(RankedTensorType::get({x->getDimSize(0), weight.getRows()}, Float32Type::get(weight.getContext()),
                                          x->getEncoding()));
  return success();
}

static LogicalResult inferQuantizeOp(Loc loc, QuantizeOp::Adaptor op, Results &results) {
  auto x = checkRows(loc, "input", op.getInput().getType(), -1);
  if (failed(x))
    return failure();
  results.push_back(x->clone(op.getElement()));
  return success();
}
PLAIT_INFER(QuantizeOp)

static LogicalResult checkTree(Loc loc, TreeAttr tree, WeightType weight, bool hasBias, Type input) {
  int64_t columns = weight.getCols(), granule = tree.getGranule();
  if (columns % granule || columns / granule > tree.getLeaves() - tree.getFirst())
    return fail(loc, "expected leaves of a tree, of " + Twine(granule) + " columns each, from " +
                         Twine(tree.getFirst()) + " to at most " + Twine(tree.getLeaves()) + " but got " +
                         Twine(columns) + " columns");
  if (tree.isChain())
    return success();
  auto quantization = cast<WeightFormatInterface>(weight.getFormat()).getQuantization();
  if (quantization && (!quantization->group || granule % quantization->group))
    return fail(loc, "expected leaves of whole groups of columns that share a scale, but got leaves of " +
                         Twine(granule) + " columns of '" + toString(weight) + "'");
  if (hasBias && tree.getFirst())
    return fail(loc, "expected a bias with leaf 0 alone but got leaves from " + Twine(tree.getFirst()) + " on");
  if (getElementTypeOrSelf(input).isBF16())
    return fail(loc, "expected a tree of one leaf with an input of bf16 but got one of " + Twine(tree.getLeaves()));
  return success();
}

static LogicalResult inferLinearOp(Loc loc, LinearOp::Adaptor op, Results &results) {
  if (failed(inferProduct(loc, op.getInput(), op.getWeight(), results)))
    return failure();
  if (TreeAttr tree = op.getTreeAttr()) {
    auto weight = cast<WeightType>(op.getWeight().getType());
    if (failed(checkTree(loc, tree, weight, op.getBias() != nullptr, op.getInput().getType())))
      return failure();
    auto type = cast<RankedTensorType>(results[0]);
    int64_t nodes = int64_t(tree.getNodeEnds(weight.getCols()).size());
    results[0] = type.clone({type.getDimSize(0), nodes * weight.getRows()});
  }
  if (op.getBias())
    return checkVector(loc, "bias", op.getBias().getType(), cast<WeightType>(op.getWeight().getType()).getRows());
  return success();
}
PLAIT_INFER(LinearOp)

int64_t LinearOp::getNumNodes() {
  return getTree() ? int64_t(getTree()->getNodeEnds(cast<WeightType>(getWeight().getType()).getCols()).size()) : 1;
}

static LogicalResult inferHeadOp(Loc loc, HeadOp::Adaptor op, Results &results) {
  return inferProduct(loc, op.getInput(), op.getWeight(), results);
}
PLAIT_INFER(HeadOp)

static LogicalResult checkEps(Loc loc, const APFloat &eps) {
  if (!(eps.convertToDouble() >= 0))
    return fail(loc, "expected eps >= 0 but got " + Twine(std::to_string(eps.convertToDouble())));
  return success();
}

static LogicalResult inferRmsNormOp(Loc loc, RmsNormOp::Adaptor op, Results &results) {
  auto x = checkRows(loc, "input", op.getInput().getType(), -1);
  if (failed(x) || failed(checkEps(loc, op.getEps())))
    return failure();
  auto gain = cast<WeightType>(op.getGain().getType());
  if (!gain.isVector() || x->getDimSize(1) % gain.getRows())
    return fail(loc, "expected a gain vector whose extent divides " + Twine(x->getDimSize(1)) + " columns but got '" +
                         toString(gain) + "'");
  results.push_back(*x);
  return success();
}
PLAIT_INFER(RmsNormOp)

int64_t RmsNormOp::getGroups() {
  return cast<RankedTensorType>(getInput().getType()).getDimSize(1) / cast<WeightType>(getGain().getType()).getRows();
}

static LogicalResult inferLayerNormOp(Loc loc, LayerNormOp::Adaptor op, Results &results) {
  auto x = checkRows(loc, "input", op.getInput().getType(), -1);
  if (failed(x))
    return failure();
  for (Value weight : {op.getGain(), op.getBias()})
    if (failed(checkVector(loc, "gain and bias", weight.getType(), x->getDimSize(1))))
      return failure();
  results.push_back(*x);
  return checkEps(loc, op.getEps());
}
PLAIT_INFER(LayerNormOp)

/// The type of `input`, whose first extent alone may be dynamic.
static LogicalResult inferElementwise(Loc loc, Value input, Results &results) {
  auto type = dyn_cast<RankedTensorType>(input.getType());
  if (!type || type.getRank() == 0 || llvm::any_of(type.getShape().drop_front(), ShapedType::isDynamic))
    return fail(loc, "expected a first extent, and static ones after it, but got '" + toString(input.getType()) + "'");
  results.push_back(type);
  return success();
}

static LogicalResult inferSame(Loc loc, Value a, Value b, Results &results) {
  if (a.getType() != b.getType())
    return fail(loc, "expected operands of the same type but got '" + toString(a.getType()) + "' and '" +
                         toString(b.getType()) + "'");
  return inferElementwise(loc, a, results);
}

static LogicalResult inferAddOp(Loc loc, AddOp::Adaptor op, Results &results) {
  return inferSame(loc, op.getLhs(), op.getRhs(), results);
}
PLAIT_INFER(AddOp)

static LogicalResult inferGluOp(Loc loc, GluOp::Adaptor op, Results &results) {
  return inferSame(loc, op.getGate(), op.getUp(), results);
}
PLAIT_INFER(GluOp)

static LogicalResult inferScaleOp(Loc loc, ScaleOp::Adaptor op, Results &results) {
  if (!op.getFactor().isFinite())
    return fail(loc, "expected a finite factor");
  return inferElementwise(loc, op.getInput(), results);
}
PLAIT_INFER(ScaleOp)

static LogicalResult inferRoundOp(Loc loc, RoundOp::Adaptor op, Results &results) {
  auto x = checkRows(loc, "input", op.getInput().getType(), -1);
  if (failed(x))
    return failure();
  int64_t columns = op.getColumns();
  if (columns < x->getDimSize(1))
    return fail(loc,
                "expected at least the " + Twine(x->getDimSize(1)) + " columns of the input but got " + Twine(columns));
  results.push_back(withColumns(*x, columns).clone(BFloat16Type::get(x->getContext())));
  return success();
}
PLAIT_INFER(RoundOp)

static LogicalResult checkCap(Loc loc, StringRef what, const APFloat &cap) {
  double value = cap.convertToDouble();
  if (!(value > 0 && std::isfinite(value)))
    return fail(loc, "expected a finite " + what + " > 0 but got " + Twine(std::to_string(value)));
  return success();
}

static LogicalResult inferSoftcapOp(Loc loc, SoftcapOp::Adaptor op, Results &results) {
  if (failed(checkCap(loc, "cap", op.getCap())))
    return failure();
  return inferElementwise(loc, op.getInput(), results);
}
PLAIT_INFER(SoftcapOp)

static LogicalResult inferActivationOp(Loc loc, ActivationOp::Adaptor op, Results &results) {
  return inferElementwise(loc, op.getInput(), results);
}
PLAIT_INFER(ActivationOp)

static LogicalResult inferSliceColumnsOp(Loc loc, SliceColumnsOp::Adaptor op, Results &results) {
  auto x = checkRows(loc, "input", op.getInput().getType(), -1);
  if (failed(x))
    return failure();
  int64_t offset = op.getOffset(), size = op.getSize(), columns = x->getDimSize(1);
  if (offset < 0 || size <= 0 || offset > columns - size)
    return fail(loc, "expected a non-empty range within " + Twine(columns) + " columns but got offset " +
                         Twine(offset) + " size " + Twine(size));
  results.push_back(withColumns(*x, size));
  return success();
}
PLAIT_INFER(SliceColumnsOp)

static LogicalResult inferRopeOp(Loc loc, RopeOp::Adaptor op, Results &results) {
  auto x = checkRows(loc, "input", op.getInput().getType(), -1);
  auto positions = checkRows(loc, "positions", op.getPositions().getType(), 0);
  if (failed(x) || failed(positions) || failed(checkSameExtent(loc, *x, *positions)))
    return failure();
  int64_t headDim = op.getHeadDim();
  if (headDim <= 0 || headDim % 2 || x->getDimSize(1) % headDim)
    return fail(loc, "expected an even head_dim that divides " + Twine(x->getDimSize(1)) + " columns but got " +
                         Twine(headDim));
  if (!(op.getTheta().convertToDouble() > 0) || !op.getTheta().isFinite())
    return fail(loc, "expected a finite theta > 0");
  int64_t rotated = op.getRotaryDim().value_or(headDim);
  if (rotated <= 0 || rotated % 2 || rotated > headDim)
    return fail(loc, "expected an even rotary_dim from 2 to head_dim " + Twine(headDim) + " but got " + Twine(rotated));
  std::optional<RopeScalingInterface> scaling = op.getScaling();
  StringRef unmet = scaling ? scaling->getUnmetNeed(op.getTheta().convertToDouble(), rotated / 2) : "";
  if (!unmet.empty())
    return fail(loc, "expected " + unmet + " for the scaling");
  results.push_back(*x);
  return success();
}
PLAIT_INFER(RopeOp)

static LogicalResult inferStageOp(Loc loc, StageOp::Adaptor op, Results &results) {
  auto state = cast<StateType>(op.getState().getType());
  int64_t kv = state.getKvHeads() * state.getHeadDim();
  auto k = checkRows(loc, "key", op.getKey().getType(), kv);
  auto v = checkRows(loc, "value", op.getValue().getType(), kv);
  auto positions = checkRows(loc, "positions", op.getPositions().getType(), 0);
  if (failed(k) || failed(v) || failed(positions) || failed(checkSameExtent(loc, *k, *v)) ||
      failed(checkSameExtent(loc, *k, *positions)))
    return failure();
  results.push_back(state);
  return success();
}
PLAIT_INFER(StageOp)

static LogicalResult inferAttend(Loc loc, Value query, Value stateValue, Value positionsValue, const APFloat &scale,
                                 const std::optional<APFloat> &softcap, Results &results) {
  if (!scale.isFinite())
    return fail(loc, "expected a finite scale");
  if (softcap && failed(checkCap(loc, "softcap", *softcap)))
    return failure();
  auto state = cast<StateType>(stateValue.getType());
  auto q = checkRows(loc, "query", query.getType(), -1);
  auto positions = checkRows(loc, "positions", positionsValue.getType(), 0);
  if (failed(q) || failed(positions) || failed(checkSameExtent(loc, *q, *positions)))
    return failure();
  if (q->getDimSize(1) % (state.getKvHeads() * state.getHeadDim()))
    return fail(loc, "expected query heads to be a multiple of " + Twine(state.getKvHeads()) +
                         " kv_heads of head_dim " + Twine(state.getHeadDim()) + " but got '" + toString(*q) + "'");
  if (q->getElementType().isBF16() && !state.getElement().isBF16())
    return fail(loc, "expected a state of bf16 for queries of bf16 but got '" + toString(state) + "'");
  results.push_back(RankedTensorType::get(q->getShape(), Float32Type::get(q->getContext()), q->getEncoding()));
  return success();
}

/// One row per token and span: sums, tops and totals of each head.
static RankedTensorType getSpansType(RankedTensorType query, StateType state) {
  int64_t columns = query.getDimSize(1), heads = columns / state.getHeadDim();
  return getNamedTensor(query.getContext(), "spans", {columns + 2 * heads}, query.getElementType());
}

static LogicalResult inferAttendSpansOp(Loc loc, AttendSpansOp::Adaptor op, Results &results) {
  if (failed(
          inferAttend(loc, op.getQuery(), op.getState(), op.getPositions(), op.getScale(), op.getSoftcap(), results)))
    return failure();
  results[0] = getSpansType(cast<RankedTensorType>(results[0]), cast<StateType>(op.getState().getType()));
  return success();
}
PLAIT_INFER(AttendSpansOp)

static LogicalResult inferAttendOp(Loc loc, AttendOp::Adaptor op, Results &results) {
  if (failed(
          inferAttend(loc, op.getQuery(), op.getState(), op.getPositions(), op.getScale(), op.getSoftcap(), results)))
    return failure();
  if (!op.getSpans())
    return success();
  auto spans = getSpansType(cast<RankedTensorType>(results[0]), cast<StateType>(op.getState().getType()));
  if (op.getSpans().getType() != spans)
    return fail(loc,
                "expected spans of type '" + toString(spans) + "' but got '" + toString(op.getSpans().getType()) + "'");
  return success();
}
PLAIT_INFER(AttendOp)

int64_t AttendSpansOp::getHeads() {
  return cast<RankedTensorType>(getQuery().getType()).getDimSize(1) /
         cast<StateType>(getState().getType()).getHeadDim();
}

int64_t AttendOp::getHeads() {
  return cast<RankedTensorType>(getQuery().getType()).getDimSize(1) /
         cast<StateType>(getState().getType()).getHeadDim();
}

static LogicalResult inferAttentionOp(Loc loc, AttentionOp::Adaptor op, Results &results) {
  auto state = cast<StateType>(op.getState().getType());
  int64_t kv = state.getKvHeads() * state.getHeadDim();
  auto k = checkRows(loc, "key", op.getKey().getType(), kv);
  auto v = checkRows(loc, "value", op.getValue().getType(), kv);
  if (failed(k) || failed(v) ||
      failed(
          inferAttend(loc, op.getQuery(), op.getState(), op.getPositions(), op.getScale(), op.getSoftcap(), results)) ||
      failed(checkSameExtent(loc, results[0], *k)) || failed(checkSameExtent(loc, *k, *v)))
    return failure();
  results.push_back(state);
  return success();
}
PLAIT_INFER(AttentionOp)

/// Checks the range of an 'lm.layers' around `op`, which uses `state`.
static LogicalResult verifyLayerRange(Operation *op, Value state) {
  auto layers = op->getParentOfType<LayersOp>();
  int64_t count = cast<StateType>(state.getType()).getLayers();
  if (layers && int64_t(layers.getEnd()) > count)
    return op->emitOpError("expected an 'lm.layers' within the state's ")
           << count << " layers but got " << layers.getBegin() << " to " << layers.getEnd();
  return success();
}

LogicalResult AttentionOp::verify() { return verifyLayerRange(*this, getState()); }
LogicalResult StageOp::verify() { return verifyLayerRange(*this, getState()); }
LogicalResult AttendOp::verify() { return verifyLayerRange(*this, getState()); }
LogicalResult AttendSpansOp::verify() { return verifyLayerRange(*this, getState()); }

int64_t AttentionOp::getHeads() {
  return cast<RankedTensorType>(getQuery().getType()).getDimSize(1) /
         cast<StateType>(getState().getType()).getHeadDim();
}

static LogicalResult inferTakeRowsOp(Loc loc, TakeRowsOp::Adaptor op, Results &results) {
  auto x = dyn_cast<RankedTensorType>(op.getInput().getType());
  if (!x || x.getRank() < 1 || x.getRank() > 2)
    return fail(loc, "expected input of rank 1 or 2 but got '" + toString(op.getInput().getType()) + "'");
  if (x.getRank() == 2 && x.isDynamicDim(1))
    return fail(loc, "expected a static number of columns of input but got '" + toString(x) + "'");
  auto indices = checkRows(loc, "indices", op.getIndices().getType(), 0);
  if (failed(indices))
    return failure();
  SmallVector<int64_t> shape(x.getShape());
  shape[0] = indices->getDimSize(0);
  results.push_back(RankedTensorType::get(shape, x.getElementType(), indices->getEncoding()));
  return success();
}
PLAIT_INFER(TakeRowsOp)
