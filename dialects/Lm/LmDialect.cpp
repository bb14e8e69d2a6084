//===- LmDialect.cpp - Attributes and types of the lm dialect -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Lm/Lm.h"

#include "runtime/base/SumTree.h"

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

LogicalResult TreeAttr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t granule, int64_t first,
                               int64_t leaves) {
  if (granule <= 0 || first < 0 || first >= leaves || leaves > int64_t(1) << 20)
    return emitError() << "expected granule > 0 and 0 <= first < of <= 2^20 but got " << granule << ", " << first
                       << " and " << leaves;
  return success();
}

SmallVector<int64_t> TreeAttr::getNodeEnds(int64_t columns) const {
  SmallVector<int64_t> ends;
  int64_t last = getFirst() + columns / getGranule();
  for (int64_t begin = getFirst(); begin < last; begin = ends.back())
    ends.push_back(sumTreeNodeEnd(begin, last, getLeaves()));
  return ends;
}

LogicalResult PartAttr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t row, int64_t column, int64_t rows,
                               int64_t columns) {
  if (row < 0 || row >= rows || column < 0 || column >= columns)
    return emitError() << "expected a part that begins inside [" << rows << ", " << columns << "] but got [" << row
                       << ", " << column << "]";
  return success();
}

//===----------------------------------------------------------------------===//
// Weight formats
//===----------------------------------------------------------------------===//

int64_t F32Attr::getStorageBytes(int64_t rows, int64_t cols) const { return rows * cols * 4; }
void F32Attr::roundRow(MutableArrayRef<double> row) const {
  for (double &value : row)
    value = float(value);
}
Type F32Attr::getStorageType() const { return Float32Type::get(getContext()); }

int64_t BF16Attr::getStorageBytes(int64_t rows, int64_t cols) const { return rows * cols * 2; }
void BF16Attr::roundRow(MutableArrayRef<double> row) const {
  for (double &value : row) {
    llvm::APFloat f(value);
    bool loses;
    f.convert(llvm::APFloat::BFloat(), llvm::APFloat::rmNearestTiesToEven, &loses);
    f.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &loses);
    value = f.convertToDouble();
  }
}
Type BF16Attr::getStorageType() const { return BFloat16Type::get(getContext()); }

/// Rounds a row to integers, and back.
static void roundToIntegers(const WeightQuantization &quantization, MutableArrayRef<double> row) {
  std::vector<float> values(row.begin(), row.end());
  QuantizedRow integers;
  quantizeRow(quantization, values, {}, integers);
  dequantizeRow(quantization, integers, values);
  llvm::copy(values, row.begin());
}

static int64_t integerBytes(const WeightQuantization &quantization, int64_t rows, int64_t cols) {
  int64_t scaleBytes = quantization.zeroPoints ? 4 : 2;
  return rows * (int64_t(llvm::divideCeil(cols * quantization.bits, 8)) + quantization.groups(cols) * scaleBytes);
}

Attribute Int8Attr::parse(AsmParser &parser, Type) {
  int64_t group = 0;
  if (succeeded(parser.parseOptionalLess()))
    if (parser.parseKeyword("group") || parser.parseEqual() || parser.parseInteger(group) || parser.parseGreater())
      return {};
  return parser.getChecked<Int8Attr>(parser.getContext(), group);
}
void Int8Attr::print(AsmPrinter &printer) const {
  if (getGroup())
    printer << "<group = " << getGroup() << ">";
}
static bool isGroup(int64_t group) { return group == 32 || group == 64 || group == 128; }
LogicalResult Int8Attr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t group) {
  if (group != 0 && !isGroup(group))
    return emitError() << "expected group 32, 64 or 128, or none for whole rows, but got " << group;
  return success();
}
int64_t Int8Attr::getStorageBytes(int64_t rows, int64_t cols) const {
  return integerBytes(*getQuantization(), rows, cols);
}
void Int8Attr::roundRow(MutableArrayRef<double> row) const { roundToIntegers(*getQuantization(), row); }
Type Int8Attr::getStorageType() const { return IntegerType::get(getContext(), 8); }
std::optional<WeightQuantization> Int8Attr::getQuantization() const { return WeightQuantization{8, getGroup(), false}; }

Attribute Int4Attr::parse(AsmParser &parser, Type) {
  int64_t group = 0;
  bool zeroPoints = false;
  if (parser.parseLess() || parser.parseKeyword("group") || parser.parseEqual() || parser.parseInteger(group))
    return {};
  if (succeeded(parser.parseOptionalComma())) {
    if (parser.parseKeyword("zero_points"))
      return {};
    zeroPoints = true;
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<Int4Attr>(parser.getContext(), group, zeroPoints);
}
void Int4Attr::print(AsmPrinter &printer) const {
  printer << "<group = " << getGroup() << (getZeroPoints() ? ", zero_points>" : ">");
}
LogicalResult Int4Attr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t group, bool) {
  if (!isGroup(group))
    return emitError() << "expected group 32, 64 or 128 but got " << group;
  return success();
}
int64_t Int4Attr::getStorageBytes(int64_t rows, int64_t cols) const {
  return integerBytes(*getQuantization(), rows, cols);
}
void Int4Attr::roundRow(MutableArrayRef<double> row) const { roundToIntegers(*getQuantization(), row); }
Type Int4Attr::getStorageType() const { return IntegerType::get(getContext(), 4); }
std::optional<WeightQuantization> Int4Attr::getQuantization() const {
  return WeightQuantization{4, getGroup(), getZeroPoints()};
}

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
    if (extent <= 0 || llvm::MulOverflow(elements, extent, elements) || elements > maxElements)
      return emitError() << "expected positive extents whose product is at most " << maxElements << " but got "
                         << extent;
  if (!isa_and_nonnull<WeightFormatInterface>(format))
    return emitError() << "expected a weight format such as #lm.f32 or #lm.bf16 but got " << format;
  if (shape.size() == 1 && cast<WeightFormatInterface>(format).getQuantization())
    return emitError() << "expected a vector of #lm.f32 or #lm.bf16 but got " << format;
  return success();
}

int64_t WeightType::getStorageBytes() const {
  return cast<WeightFormatInterface>(getFormat()).getStorageBytes(getRows(), getCols());
}

LogicalResult Int16Type::verify(function_ref<InFlightDiagnostic()> emitError, int64_t group, int64_t distance) {
  if (!isGroup(group))
    return emitError() << "expected group 32, 64 or 128 but got " << group;
  if (distance != 2 && distance != 4)
    return emitError() << "expected distance 2 or 4 but got " << distance;
  return success();
}

LogicalResult StateType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t layers, int64_t kvHeads,
                                int64_t headDim, Type element, std::optional<int64_t> window) {
  int64_t elements = 1;
  for (int64_t extent : {layers, kvHeads, headDim})
    if (extent <= 0 || llvm::MulOverflow(elements, extent, elements) || elements > maxElements)
      return emitError() << "expected positive extents whose product is at most " << maxElements << " but got "
                         << extent;
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

int64_t lm::getRowBytes(RankedTensorType type) {
  auto rest = type.getShape().drop_front();
  if (auto element = dyn_cast<Int16Type>(type.getElementType()))
    return element.getRowBytes(rest.back());
  int64_t bytes = type.getElementType().getIntOrFloatBitWidth() / 8;
  for (int64_t extent : rest)
    bytes *= extent;
  return bytes;
}

LinearForm lm::perDim(StringRef dim, int64_t factor) {
  LinearForm form;
  if (dim == "tokens" || dim == "tokens_part") // the form knows no ranks
    form.tokens = factor;
  else if (dim == "rows")
    form.rows = factor;
  else if (dim == "leaves" || dim == "draws" || dim == "warps")
    form.leaves = factor;
  else
    form.constant = factor;
  return form;
}
