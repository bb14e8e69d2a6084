//===- OverlapMemoryOps.cpp - Symmetric memory ----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Overlap/Overlap.h"

using namespace plait;
using namespace plait::overlap;

LogicalResult AllocOp::verify() {
  if (failed(verifyIsProgramOp(*this)))
    return failure();
  auto program = (*this)->getParentOfType<ProgramOp>();
  BufferType type = getResult().getType();
  if (type.getMesh() != program.getMeshAttr() || type.getAxis() != program.getAxis()) {
    auto error = emitOpError("expected a buffer along the axis of the program, ")
                 << program.getMeshAttr() << "[" << program.getDeviceAxis().getAxis() << "], but got " << type;
    error.attachNote(program.getLoc()) << "program is here";
    return error;
  }
  return success();
}

LogicalResult ViewOp::verify() {
  if ((getWindow() == Window::peer) != bool(getPeer()))
    return emitOpError("expected a rank exactly for the window of a peer");
  BufferType buffer = getBuffer().getType();
  auto expected = ViewType::get(getContext(), buffer.getShape(), buffer.getElementType(), getWindow());
  if (getResult().getType() != expected)
    return emitOpError("expected a view of type ") << expected << " but got " << getResult().getType();
  return success();
}

/// That a tile lies within a shape.
static LogicalResult verifyTileOf(Operation *op, ArrayRef<int64_t> tile, Type element, ArrayRef<int64_t> shape,
                                  Type elements, size_t offsets) {
  if (tile.size() != shape.size() || element != elements)
    return op->emitOpError("expected a tile of ")
           << shape.size() << " extents of " << elements << " but got one of " << tile.size() << " of " << element;
  if (offsets != shape.size())
    return op->emitOpError("expected an offset for each of ") << shape.size() << " extents but got " << offsets;
  for (auto [extent, most] : llvm::zip_equal(tile, shape))
    if (ShapedType::isDynamic(extent) || extent > most)
      return op->emitOpError("expected a tile within [") << shape << "] but got [" << tile << "]";
  return success();
}

template <typename Op> static LogicalResult verifyStore(Op op) {
  ViewType view = op.getTarget().getType();
  RankedTensorType tile = op.getValue().getType();
  return verifyTileOf(op, tile.getShape(), tile.getElementType(), view.getShape(), view.getElementType(),
                      op.getOffsets().size());
}
LogicalResult PutOp::verify() { return verifyStore(*this); }
LogicalResult ReduceAddOp::verify() { return verifyStore(*this); }

template <typename Op> static LogicalResult verifyRead(Op op, bool ofAll) {
  ViewType view = op.getSource().getType();
  if ((view.getWindow() == Window::multicast) != ofAll)
    return op.emitOpError("expected a view of ") << (ofAll ? "all ranks" : "one rank") << " but got " << view;
  RankedTensorType tile = op.getResult().getType();
  return verifyTileOf(op, tile.getShape(), tile.getElementType(), view.getShape(), view.getElementType(),
                      op.getOffsets().size());
}
LogicalResult LoadOp::verify() { return verifyRead(*this, /*ofAll=*/false); }
LogicalResult LoadReduceOp::verify() { return verifyRead(*this, /*ofAll=*/true); }

//===----------------------------------------------------------------------===//
// overlap.publish, overlap.poll, overlap.clear
//===----------------------------------------------------------------------===//

static LogicalResult verifyMarked(Operation *op, ViewType view, ArrayRef<int64_t> tile, size_t offsets, bool isOwn) {
  if (!view.getElementType().isF32())
    return op->emitOpError("expected elements of f32, of which one pattern of bits is the mark, but got ") << view;
  if (isOwn && view.getWindow() != Window::own)
    return op->emitOpError("expected a view of the rank's own memory but got ") << view;
  return verifyTileOf(op, tile, view.getElementType(), view.getShape(), view.getElementType(), offsets);
}

LogicalResult PublishOp::verify() {
  return verifyMarked(*this, getTarget().getType(), getValue().getType().getShape(), getOffsets().size(),
                      /*isOwn=*/false);
}

SmallVector<int64_t> PollOp::getPolledShape() {
  SmallVector<int64_t> shape(getResult().getType().getShape());
  shape[0] *= getRows();
  return shape;
}

LogicalResult PollOp::verify() {
  auto rows = int64_t(getRows());
  int64_t most = getSource().getType().getShape()[0];
  RankedTensorType type = getResult().getType();
  if (rows < 1 || rows > most)
    return emitOpError("expected 1 to ") << most << " rows of each sum, as the view has, but got " << rows;
  if (type.getRank() == 0 || !type.hasStaticShape() || type.getDimSize(0) > most / rows)
    return emitOpError("expected sums of at most ") << most / rows << " times " << rows << " rows but got " << type;
  return verifyMarked(*this, getSource().getType(), getPolledShape(), getOffsets().size(), /*isOwn=*/true);
}

LogicalResult ClearOp::verify() {
  if (int64_t(getAhead()) < 1 || int64_t(getAhead()) > 63)
    return emitOpError("expected 1 to 63 epochs ahead but got ") << int64_t(getAhead());
  for (int64_t extent : getSize())
    if (extent <= 0)
      return emitOpError("expected positive sizes but got ") << getSize();
  return verifyMarked(*this, getTarget().getType(), getSize(), getOffsets().size(), /*isOwn=*/true);
}

//===----------------------------------------------------------------------===//
// overlap.slice
//===----------------------------------------------------------------------===//

/// Extents, and what elements are, of what can be sliced.
static std::optional<std::pair<SmallVector<int64_t>, Attribute>> describe(Type type) {
  if (auto tensor = dyn_cast<RankedTensorType>(type); tensor && tensor.hasStaticShape())
    return std::pair(SmallVector<int64_t>(tensor.getShape()), Attribute(TypeAttr::get(tensor.getElementType())));
  auto weight = dyn_cast<lm::WeightType>(type);
  if (!weight || cast<lm::WeightFormatInterface>(weight.getFormat()).getQuantization())
    return std::nullopt;
  return std::pair(SmallVector<int64_t>(weight.getShape()), weight.getFormat());
}

LogicalResult SliceOp::verify() {
  auto input = describe(getInput().getType()), tile = describe(getResult().getType());
  if (!input || !tile || isa<RankedTensorType>(getInput().getType()) != isa<RankedTensorType>(getResult().getType()))
    return emitOpError("expected two tensors, or two weights without scales, of known extents but got ")
           << getInput().getType() << " and " << getResult().getType();
  if (input->second != tile->second)
    return emitOpError("expected a tile of the elements of ")
           << getInput().getType() << " but got " << getResult().getType();
  if (tile->first.size() != input->first.size() || getOffsets().size() != input->first.size())
    return emitOpError("expected a tile of ") << input->first.size() << " extents and an offset for each but got "
                                              << getResult().getType() << " and " << getOffsets().size();
  for (auto [extent, most] : llvm::zip_equal(tile->first, input->first))
    if (extent > most)
      return emitOpError("expected a tile within [") << input->first << "] but got [" << tile->first << "]";
  return success();
}

LogicalResult SliceOp::evaluate(Evaluator &, ArrayRef<EvalValue> operands, std::vector<EvalValue> &results) {
  auto shape = describe(getInput().getType())->first, tile = describe(getResult().getType())->first;
  SmallVector<int64_t> offsets;
  for (const EvalValue &operand : operands.drop_front())
    offsets.push_back(int64_t(valueAs<DenseValue>(operand).data[0]));
  const auto *weight = std::any_cast<WeightValue>(&operands[0]);
  const std::vector<double> &input = weight ? *weight->data : valueAs<DenseValue>(operands[0]).data;
  DenseValue result = DenseValue::zeros(std::vector<int64_t>(tile.begin(), tile.end()));
  for (size_t i = 0; i < result.data.size(); ++i) {
    int64_t rest = int64_t(i), from = 0, stride = 1;
    for (size_t d = tile.size(); d-- > 0; rest /= tile[d], stride *= shape[d]) {
      int64_t index = offsets[d] + rest % tile[d];
      if (index < 0 || index >= shape[d])
        return emitOpError("expected a tile within [") << shape << "] but got offsets [" << offsets << "]";
      from += index * stride;
    }
    result.data[i] = input[size_t(from)];
  }
  if (weight)
    results.push_back(WeightValue{tile[0], tile.size() > 1 ? tile[1] : 1,
                                  std::make_shared<const std::vector<double>>(std::move(result.data))});
  else
    results.push_back(std::move(result));
  return success();
}
