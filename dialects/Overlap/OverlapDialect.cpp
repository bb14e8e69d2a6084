//===- OverlapDialect.cpp - Types and attributes of the overlap dialect ---===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Overlap/Overlap.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace plait;
using namespace plait::overlap;

#include "dialects/Overlap/OverlapDialect.cpp.inc"
#include "dialects/Overlap/OverlapEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Overlap/OverlapAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/Overlap/OverlapTypes.cpp.inc"

void OverlapDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Overlap/OverlapAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Overlap/OverlapTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Overlap/OverlapOps.cpp.inc"
      >();
}

LogicalResult PoolAttr::verify(function_ref<InFlightDiagnostic()> emitError, Resource, int64_t count) {
  if (count < 1 || count > 65536)
    return emitError() << "expected a pool of 1 to 65536 but got " << count;
  return success();
}

/// Of a buffer or a view: known positive extents of floating-point elements.
static LogicalResult verifyTile(function_ref<InFlightDiagnostic()> emitError, ArrayRef<int64_t> shape, Type element) {
  if (shape.empty())
    return emitError() << "expected at least one extent";
  int64_t elements = 1;
  for (int64_t extent : shape)
    if (extent <= 0 || llvm::MulOverflow(elements, extent, elements))
      return emitError() << "expected positive extents but got " << extent;
  if (!isa<FloatType>(element))
    return emitError() << "expected elements of floating point but got " << element;
  return success();
}

static void printTile(AsmPrinter &printer, ArrayRef<int64_t> shape, Type element) {
  for (int64_t extent : shape)
    printer << extent << "x";
  printer << element;
}

//===----------------------------------------------------------------------===//
// !overlap.buffer
//===----------------------------------------------------------------------===//

Type BufferType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type element;
  FlatSymbolRefAttr mesh;
  int64_t slots = 0;
  if (parser.parseLess() || parser.parseDimensionList(shape, /*allowDynamic=*/false) || parser.parseType(element) ||
      parser.parseComma() || parser.parseAttribute(mesh) || parser.parseLSquare())
    return {};
  auto axis = dyn_cast_if_present<par::AxisAttr>(par::AxisAttr::parse(parser, Type()));
  if (!axis || parser.parseRSquare() || parser.parseComma() || parser.parseKeyword("slots") || parser.parseEqual() ||
      parser.parseInteger(slots) || parser.parseGreater())
    return {};
  return parser.getChecked<BufferType>(parser.getContext(), shape, element, mesh, axis, slots);
}

void BufferType::print(AsmPrinter &printer) const {
  printer << "<";
  printTile(printer, getShape(), getElementType());
  printer << ", " << getMesh() << "[";
  getAxis().print(printer);
  printer << "], slots = " << getSlots() << ">";
}

LogicalResult BufferType::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<int64_t> shape, Type element,
                                 FlatSymbolRefAttr, par::AxisAttr, int64_t slots) {
  if (slots < 1 || slots > 64)
    return emitError() << "expected 1 to 64 slots but got " << slots;
  return verifyTile(emitError, shape, element);
}

//===----------------------------------------------------------------------===//
// !overlap.view
//===----------------------------------------------------------------------===//

Type ViewType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type element;
  if (parser.parseLess() || parser.parseDimensionList(shape, /*allowDynamic=*/false) || parser.parseType(element) ||
      parser.parseComma())
    return {};
  auto window = FieldParser<Window>::parse(parser);
  if (failed(window) || parser.parseGreater())
    return {};
  return parser.getChecked<ViewType>(parser.getContext(), shape, element, *window);
}

void ViewType::print(AsmPrinter &printer) const {
  printer << "<";
  printTile(printer, getShape(), getElementType());
  printer << ", " << stringifyWindow(getWindow()) << ">";
}

LogicalResult ViewType::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<int64_t> shape, Type element,
                               Window) {
  return verifyTile(emitError, shape, element);
}

//===----------------------------------------------------------------------===//
// !overlap.counter
//===----------------------------------------------------------------------===//

Type CounterType::parse(AsmParser &parser) {
  SmallVector<int64_t> extents;
  auto parseExtent = [&] { return parser.parseInteger(extents.emplace_back()); };
  if (parser.parseLess() || parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseExtent) ||
      parser.parseComma())
    return {};
  auto scope = FieldParser<Scope>::parse(parser);
  if (failed(scope) || parser.parseGreater())
    return {};
  return parser.getChecked<CounterType>(parser.getContext(), extents, *scope);
}

void CounterType::print(AsmPrinter &printer) const {
  printer << "<[" << getExtents() << "], " << stringifyScope(getScope()) << ">";
}

LogicalResult CounterType::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<int64_t> extents, Scope) {
  int64_t count = 1;
  for (int64_t extent : extents)
    if (extent <= 0 || llvm::MulOverflow(count, extent, count) || count > kMaxTiles)
      return emitError() << "expected positive extents whose product is at most " << kMaxTiles << " but got "
                         << extents;
  return extents.empty() ? LogicalResult(emitError() << "expected at least one extent") : success();
}
