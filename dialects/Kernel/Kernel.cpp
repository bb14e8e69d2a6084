//===- Kernel.cpp - The kernel dialect ------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Kernel/Kernel.h"

#include "plait/Support/FunctionSyntax.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace plait;
using namespace plait::kernel;

#include "dialects/Kernel/KernelDialect.cpp.inc"
#include "dialects/Kernel/KernelEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Kernel/KernelAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/Kernel/KernelTypes.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/Kernel/KernelOps.cpp.inc"

void KernelDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Kernel/KernelAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Kernel/KernelTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Kernel/KernelOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Attributes and types
//===----------------------------------------------------------------------===//

LogicalResult CostAttr::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<int64_t> flops,
                               ArrayRef<int64_t> weights, ArrayRef<int64_t> activations) {
  for (ArrayRef<int64_t> form : {flops, weights, activations})
    if (form.size() != 5)
      return emitError() << "expected five coefficients but got " << form.size();
  return success();
}

static SmallVector<int64_t> toList(const LinearForm &f) {
  return {f.constant, f.tokens, f.rows, f.leaves, f.tokenPositions};
}
static LinearForm fromList(ArrayRef<int64_t> c) { return {c[0], c[1], c[2], c[3], c[4]}; }

CostAttr kernel::getCostAttr(MLIRContext *context, const Cost &cost) {
  return CostAttr::get(context, toList(cost.flops), toList(cost.weightBytes), toList(cost.activationBytes));
}
Cost kernel::getCost(CostAttr attribute) {
  return {fromList(attribute.getFlops()), fromList(attribute.getWeights()), fromList(attribute.getActivations())};
}

LogicalResult PackedType::verify(function_ref<InFlightDiagnostic()> emitError, lm::WeightType weight, int64_t panel,
                                 int64_t group) {
  if (panel < 0 || group < 1)
    return emitError() << "expected panel >= 0 and group >= 1 but got " << panel << " and " << group;
  if (weight.isVector() && panel != 0)
    return emitError() << "expected panel 0 for the vector " << weight << " but got " << panel;
  if (auto quantization = cast<lm::WeightFormatInterface>(weight.getFormat()).getQuantization())
    if (int64_t columns = 32 / quantization->bits; panel != 32 || group != columns)
      return emitError() << "expected panel 32 and group " << columns << " for " << weight << " but got " << panel
                         << " and " << group;
  return success();
}

Type PackedType::getStorageType() const {
  if (getWeight().isVector())
    return Float32Type::get(getContext());
  return cast<lm::WeightFormatInterface>(getWeight().getFormat()).getStorageType();
}

std::optional<WeightQuantization> PackedType::getQuantization() const {
  return cast<lm::WeightFormatInterface>(getWeight().getFormat()).getQuantization();
}

PanelLayout PackedType::getLayout() const {
  return {getWeight().getRows(), getWeight().getCols(), getPanel(), getGroup(), getQuantization()};
}

int64_t PackedType::getBytes() const {
  int64_t rows = getWeight().getRows(), cols = getWeight().getCols();
  if (getQuantization())
    return getLayout().bytes();
  if (getPanel()) {
    rows = llvm::alignTo(rows, getPanel());
    cols = llvm::alignTo(cols, getGroup());
  }
  return rows * cols * getStorageType().getIntOrFloatBitWidth() / 8;
}

//===----------------------------------------------------------------------===//
// Buffers and pages
//===----------------------------------------------------------------------===//

unsigned kernel::getArgumentBuffers(Type type) {
  return isa<lm::StateType>(type) ? 2 : isa<lm::RowsType>(type) ? 3 : 1;
}
unsigned kernel::getResultBuffers(Type type) { return isa<lm::StateType>(type) ? 0 : 1; }

SmallVector<int64_t> kernel::getPageTables(ArrayRef<lm::StateType> states) {
  SmallVector<std::optional<int64_t>> windows; // of each table
  SmallVector<int64_t> tables;
  for (lm::StateType state : states) {
    auto *found = llvm::find(windows, state.getWindow());
    tables.push_back(found - windows.begin());
    if (found == windows.end())
      windows.push_back(state.getWindow());
  }
  return tables;
}

PageLayout::PageLayout(lm::StateType state)
    : element(state.getElement()), isScaled(state.isScaled()), kvHeads(state.getKvHeads()), headDim(state.getHeadDim()),
      paddedHeadDim(int64_t(llvm::alignTo(state.getHeadDim(), slice))) {}

SmallVector<PageLayout::Plane> PageLayout::planes() const {
  int64_t element = elementBits() / 8;
  SmallVector<Plane> planes = {{keyOffset(0) * element, (keyOffset(1) - keyOffset(0)) * element},
                               {valueOffset(0) * element, (valueOffset(1) - valueOffset(0)) * element}};
  if (isScaled)
    for (int64_t begin : {keyScaleOffset(0), valueScaleOffset(0)})
      planes.push_back({4 * begin, 4 * tokens});
  return planes;
}

int64_t PageLayout::getHeadBytes() const {
  int64_t bytes = 0;
  for (Plane plane : planes())
    bytes += plane.headBytes;
  return bytes;
}

SmallVector<int64_t> PageLayout::cells() const {
  int64_t element = elementBits() / 8, sliceBytes = slice * element;
  SmallVector<int64_t> all = {// a column of a slice of keys ..
                              keyOffset(0) * element, kvHeads, (keyOffset(1) - keyOffset(0)) * element, slice,
                              headDim * sliceBytes, element, headDim, sliceBytes, element,
                              // .. a row of each slice of values
                              valueOffset(0) * element, kvHeads, (valueOffset(1) - valueOffset(0)) * element, tokens, 0,
                              sliceBytes, paddedHeadDim / slice, tokens * sliceBytes, sliceBytes};
  if (isScaled)
    for (int64_t begin : {keyScaleOffset(0), valueScaleOffset(0)})
      all.append({4 * begin, kvHeads, 4 * tokens, tokens, 0, 4, 1, 0, 4});
  return all;
}

int64_t PageLayout::bytes() const {
  return int64_t(llvm::alignTo(isScaled ? 4 * valueScaleOffset(kvHeads) : elements() * elementBits() / 8, 64));
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

ParseResult FuncOp::parse(OpAsmParser &parser, OperationState &result) {
  return parseFunctionSyntax<FuncOp>(parser, result);
}

void FuncOp::print(OpAsmPrinter &p) { printFunctionSyntax(p, *this); }

SmallVector<Operation *> FuncOp::getComputeOps() {
  SmallVector<Operation *> ops;
  for (Operation &op : getBody().front())
    if (!isa<UnpackOp, ReturnOp>(op))
      ops.push_back(&op);
  return ops;
}

Operation *FuncOp::getRoot() {
  SmallVector<Operation *> ops = getComputeOps();
  return ops.empty() ? nullptr : ops.front();
}

SmallVector<SmallVector<Operation *>> FuncOp::getParts() {
  llvm::EquivalenceClasses<Operation *> connected;
  for (Operation *op : getComputeOps()) {
    connected.insert(op);
    for (Value operand : op->getOperands())
      if (Operation *producer = operand.getDefiningOp(); producer && !isa<UnpackOp>(producer))
        connected.unionSets(producer, op);
  }
  llvm::MapVector<Operation *, SmallVector<Operation *>> parts;
  for (Operation *op : getComputeOps())
    parts[connected.getLeaderValue(op)].push_back(op);
  return llvm::map_to_vector(parts, [](auto &part) { return part.second; });
}

LogicalResult FuncOp::verifyRegions() {
  if (!getBody().hasOneBlock() || !isa<ReturnOp>(getBody().front().getTerminator()))
    return emitOpError("expected a body of one block with a 'kernel.return' at the end");
  for (Operation *op : getComputeOps())
    for (Value result : op->getResults())
      if (result.use_empty() && !isa<lm::StateType>(result.getType()))
        return op->emitOpError("expected each result to be used in the kernel but got an unused one, #")
               << cast<OpResult>(result).getResultNumber();
  ArrayRef<int64_t> pairs = getInPlace().value_or(ArrayRef<int64_t>());
  if (pairs.size() % 2)
    return emitOpError("expected in_place to list pairs but got ") << pairs.size() << " numbers";
  auto typeAt = [](ArrayRef<Type> types, int64_t i) {
    return i >= 0 && i < int64_t(types.size()) ? types[size_t(i)] : Type();
  };
  for (size_t i = 0; i < pairs.size(); i += 2) {
    Type argument = typeAt(getArgumentTypes(), pairs[i]), result = typeAt(getResultTypes(), pairs[i + 1]);
    if (!argument || argument != result)
      return emitOpError("expected in_place to list an argument and a result of equal type but got ")
             << pairs[i] << " and " << pairs[i + 1];
  }
  return success();
}

LogicalResult ReturnOp::verify() {
  auto expected = cast<FuncOp>((*this)->getParentOp()).getResultTypes();
  if (getValues().getTypes() != TypeRange(expected))
    return emitOpError("expected values of the kernel's result types ")
           << TypeRange(expected) << " but got " << getValues().getTypes();
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel = symbols.lookupNearestSymbolFrom<FuncOp>(*this, getKernelAttr());
  if (!kernel)
    return emitOpError("expected the symbol of a 'kernel.func' but got ") << getKernelAttr();
  auto type = FunctionType::get(getContext(), getOperandTypes(), getResultTypes());
  if (kernel.getFunctionType() != type)
    return emitOpError("expected the kernel's type ") << kernel.getFunctionType() << " but got " << type;
  return success();
}

LogicalResult LaunchOp::verify() {
  if (!getRedundant())
    return success();
  for (Value result : getResults()) {
    if (!isa<RankedTensorType>(result.getType()))
      return emitOpError("expected tensors as results of a redundant launch but got ") << result.getType();
    for (Operation *user : result.getUsers())
      if (!isa<LaunchOp>(user)) {
        InFlightDiagnostic error = emitOpError("expected launches alone to use the results of a redundant launch");
        error.attachNote(user->getLoc()) << "used here";
        return error;
      }
  }
  return success();
}

LogicalResult PackedWeightOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto weight = symbols.lookupNearestSymbolFrom<lm::WeightOp>(*this, getWeightAttr());
  if (!weight)
    return emitOpError("expected the symbol of an 'lm.weight' but got ") << getWeightAttr();
  if (weight.getType() != cast<PackedType>(getType()).getWeight())
    return emitOpError("expected a packed ") << weight.getType() << " but got " << getType();
  return success();
}

LogicalResult UnpackOp::verify() {
  if (cast<PackedType>(getPacked().getType()).getWeight() != getResult().getType())
    return emitOpError("expected the packed type's weight type as result but got ") << getResult().getType();
  return success();
}

bool kernel::isSameCode(FuncOp a, FuncOp b) {
  return a.getFunctionType() == b.getFunctionType() && a.getCost() == b.getCost() &&
         a.getInPlaceAttr() == b.getInPlaceAttr() &&
         OperationEquivalence::isRegionEquivalentTo(&a.getBody(), &b.getBody(),
                                                    OperationEquivalence::Flags::IgnoreLocations);
}

std::string kernel::getSource(Operation *op) {
  std::string name;
  op->getLoc()->walk([&](Location loc) {
    if (auto named = dyn_cast<NameLoc>(loc)) {
      name = named.getName().str();
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return name.empty() ? op->getName().getStringRef().str() : name;
}
