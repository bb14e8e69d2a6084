//===- LmDialect.cpp - Attributes and types of the lm dialect -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Lm/Lm.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace plait;
using namespace plait::lm;

#include "dialects/Lm/LmDialect.cpp.inc"
#include "dialects/Lm/LmEnums.cpp.inc"
#include "dialects/Lm/LmAttrInterfaces.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Lm/LmAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/Lm/LmTypes.cpp.inc"

void LmDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Lm/LmAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Lm/LmTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Lm/LmOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// #lm.dims
//===----------------------------------------------------------------------===//

Attribute DimsAttr::parse(AsmParser &parser, Type) {
  SmallVector<StringAttr> names;
  auto parseName = [&]() -> ParseResult {
    StringRef name;
    if (parser.parseKeyword(&name))
      return failure();
    names.push_back(StringAttr::get(parser.getContext(), name));
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater, parseName))
    return {};
  return DimsAttr::get(parser.getContext(), names);
}

void DimsAttr::print(AsmPrinter &printer) const {
  printer << "<";
  llvm::interleaveComma(getNames(), printer, [&](StringAttr name) { printer << name.getValue(); });
  printer << ">";
}

LogicalResult DimsAttr::verifyEncoding(ArrayRef<int64_t> shape, Type,
                                       function_ref<InFlightDiagnostic()> emitError) const {
  int64_t dynamic = llvm::count(shape, ShapedType::kDynamic);
  if (dynamic != int64_t(getNames().size()))
    return emitError() << "expected one name per dynamic dimension (" << dynamic << ") but got " << getNames().size();
  return success();
}

//===----------------------------------------------------------------------===//
// Weight formats
//===----------------------------------------------------------------------===//

int64_t F32Attr::getStorageBytes(int64_t rows, int64_t cols) const { return rows * cols * 4; }
double F32Attr::roundValue(double value) const { return float(value); }
Type F32Attr::getStorageType() const { return Float32Type::get(getContext()); }

int64_t BF16Attr::getStorageBytes(int64_t rows, int64_t cols) const { return rows * cols * 2; }
double BF16Attr::roundValue(double value) const {
  llvm::APFloat f(value);
  bool loses;
  f.convert(llvm::APFloat::BFloat(), llvm::APFloat::rmNearestTiesToEven, &loses);
  f.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &loses);
  return f.convertToDouble();
}
Type BF16Attr::getStorageType() const { return BFloat16Type::get(getContext()); }

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

Type WeightType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Attribute format;
  if (parser.parseLess() || parser.parseDimensionList(shape, /*allowDynamic=*/false, /*withTrailingX=*/false) ||
      parser.parseComma() || parser.parseAttribute(format) || parser.parseGreater())
    return {};
  return parser.getChecked<WeightType>(parser.getContext(), shape, format);
}

void WeightType::print(AsmPrinter &printer) const {
  printer << "<";
  llvm::interleave(getShape(), printer, "x");
  printer << ", " << getFormat() << ">";
}

LogicalResult WeightType::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<int64_t> shape,
                                 Attribute format) {
  if (shape.empty() || shape.size() > 2)
    return emitError() << "expected one or two extents but got " << shape.size();
  int64_t elements = 1;
  for (int64_t extent : shape)
    if (extent <= 0 || llvm::MulOverflow(elements, extent, elements))
      return emitError() << "expected positive extents whose product fits 64 bits but got " << extent;
  if (!isa_and_nonnull<WeightFormatInterface>(format))
    return emitError() << "expected a weight format such as #lm.f32 or #lm.bf16 but got " << format;
  return success();
}

int64_t WeightType::getStorageBytes() const {
  return cast<WeightFormatInterface>(getFormat()).getStorageBytes(getRows(), getCols());
}

LogicalResult StateType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t layers, int64_t kvHeads,
                                int64_t headDim, Type element, std::optional<int64_t> window) {
  for (int64_t extent : {layers, kvHeads, headDim})
    if (extent <= 0)
      return emitError() << "expected positive extents but got " << extent;
  if (!element.isF32() && !element.isBF16() && !element.isSignlessInteger(8))
    return emitError() << "expected element type f32, bf16 or i8 but got " << element;
  if (window && *window <= 0)
    return emitError() << "expected window > 0 but got " << *window;
  return success();
}

//===----------------------------------------------------------------------===//
// Named extents
//===----------------------------------------------------------------------===//

StringRef lm::getLeadingDim(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || tensor.getRank() == 0 || !tensor.isDynamicDim(0))
    return "";
  auto dims = dyn_cast_or_null<DimsAttr>(tensor.getEncoding());
  return dims ? dims.getNames().front().getValue() : "";
}

RankedTensorType lm::getNamedTensor(MLIRContext *context, StringRef dim, ArrayRef<int64_t> rest, Type element) {
  SmallVector<int64_t> shape{ShapedType::kDynamic};
  llvm::append_range(shape, rest);
  return RankedTensorType::get(shape, element, DimsAttr::get(context, {StringAttr::get(context, dim)}));
}

LinearForm lm::perDim(StringRef dim, int64_t factor) {
  LinearForm form;
  if (dim == "tokens")
    form.tokens = factor;
  else if (dim == "rows")
    form.rows = factor;
  else if (dim == "leaves")
    form.leaves = factor;
  else
    form.constant = factor;
  return form;
}
