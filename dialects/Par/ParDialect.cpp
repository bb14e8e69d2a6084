//===- ParDialect.cpp - Attributes of the par dialect ---------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Par/Par.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace plait;
using namespace plait::par;

#include "dialects/Par/ParDialect.cpp.inc"
#include "dialects/Par/ParEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Par/ParAttrs.cpp.inc"

void ParDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Par/ParAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Par/ParOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// #par.axis
//===----------------------------------------------------------------------===//

/// "a" or "a":(1)2. With `colon` the axes may end with a colon, which it then tells of.
static ParseResult parseAxis(AsmParser &parser, SmallVectorImpl<AxisAttr> &axes, bool *colon = nullptr) {
  SMLoc loc = parser.getCurrentLocation();
  std::string name;
  int64_t before = 1, size = 0;
  if (parser.parseString(&name))
    return failure();
  if (succeeded(parser.parseOptionalColon())) {
    if (colon && failed(parser.parseOptionalLParen()))
      *colon = true;
    else if ((!colon && parser.parseLParen()) || parser.parseInteger(before) || parser.parseRParen() ||
             parser.parseInteger(size))
      return failure();
    else if (size == 0)
      return parser.emitError(loc, "expected a sub-axis of 2 to 65536 devices but got 0");
  }
  axes.push_back(AxisAttr::getChecked([&] { return parser.emitError(loc); }, parser.getContext(),
                                      StringAttr::get(parser.getContext(), name), before, size));
  return success(bool(axes.back()));
}

static void printAxes(AsmPrinter &printer, ArrayRef<AxisAttr> axes) {
  llvm::interleaveComma(axes, printer, [&](AxisAttr axis) { axis.print(printer); });
}

Attribute AxisAttr::parse(AsmParser &parser, Type) {
  SmallVector<AxisAttr> axes;
  return succeeded(parseAxis(parser, axes)) ? axes.front() : AxisAttr();
}

void AxisAttr::print(AsmPrinter &printer) const {
  printer << getAxis();
  if (!isWhole())
    printer << ":(" << getBefore() << ")" << getSize();
}

LogicalResult AxisAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringAttr, int64_t before, int64_t size) {
  constexpr int64_t most = int64_t(1) << 16; // devices of a mesh
  if (size != 0 && (size < 2 || size > most))
    return emitError() << "expected a sub-axis of 2 to " << most << " devices but got " << size;
  if (before < 1 || before > most || (size == 0 && before != 1))
    return emitError() << "expected 1 to " << most << " devices before a sub-axis but got " << before;
  return success();
}

bool AxisAttr::overlaps(AxisAttr other) const {
  if (getAxis() != other.getAxis())
    return false;
  if (isWhole() || other.isWhole())
    return true;
  auto [first, second] = getBefore() <= other.getBefore() ? std::pair(*this, other) : std::pair(other, *this);
  return second.getBefore() % (first.getBefore() * first.getSize()) != 0;
}

//===----------------------------------------------------------------------===//
// #par.dim
//===----------------------------------------------------------------------===//

/// The axes up to a colon, and the parts behind it.
static ParseResult parseParts(AsmParser &parser, SmallVectorImpl<AxisAttr> &axes, SmallVectorImpl<int64_t> &bounds,
                              bool &open) {
  bool colon = false;
  do
    if (parseAxis(parser, axes, &colon))
      return failure();
  while (!colon && succeeded(parser.parseOptionalComma()));
  if (!colon && parser.parseColon())
    return failure();
  if (succeeded(parser.parseOptionalKeyword("even")))
    return success();
  do {
    if (!bounds.empty() && succeeded(parser.parseOptionalQuestion())) {
      open = true;
      return success();
    }
    if (parser.parseInteger(bounds.emplace_back()) || parser.parseKeyword("to") ||
        parser.parseInteger(bounds.emplace_back()))
      return failure();
  } while (succeeded(parser.parseOptionalComma()));
  return success();
}

Attribute DimShardAttr::parse(AsmParser &parser, Type) {
  SmallVector<AxisAttr> axes;
  SmallVector<int64_t> bounds;
  bool open = false;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLBrace())
    return {};
  if (failed(parser.parseOptionalRBrace())) {
    if (succeeded(parser.parseOptionalQuestion()))
      open = true;
    else if (parseParts(parser, axes, bounds, open))
      return {};
    if (parser.parseRBrace())
      return {};
  }
  // Only these, as other words may follow.
  StringRef priority;
  if (failed(parser.parseOptionalKeyword(&priority, {"p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"})))
    priority = "p0";
  return DimShardAttr::getChecked([&] { return parser.emitError(loc); }, parser.getContext(), axes, bounds, open,
                                  priority[1] - '0');
}

void DimShardAttr::print(AsmPrinter &printer) const {
  printer << "{";
  if (!isWhole()) {
    printAxes(printer, getAxes());
    printer << " : " << (isEven() ? "even" : "");
    llvm::interleaveComma(llvm::seq<int64_t>(0, getNumParts()), printer,
                          [&](int64_t i) { printer << getBounds()[2 * i] << " to " << getBounds()[2 * i + 1]; });
  }
  if (getOpen())
    printer << (isWhole() ? "?" : ", ?");
  printer << "}";
  if (getPriority())
    printer << "p" << getPriority();
}

LogicalResult DimShardAttr::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<AxisAttr> axes,
                                   ArrayRef<int64_t> bounds, bool open, int64_t priority) {
  if (priority < 0 || priority > 9)
    return emitError() << "expected a priority from 0 to 9 but got " << priority;
  if (open && !axes.empty() && bounds.empty())
    return emitError() << "expected even parts to be closed";
  if ((axes.empty() && !bounds.empty()) || bounds.size() % 2)
    return emitError() << "expected parts exactly if there are axes";
  int64_t end = 0, begin = 0;
  for (size_t i = 0; i < bounds.size(); i += 2) {
    if (bounds[i] > end)
      return emitError() << "expected parts that leave nothing out but elements " << end << " to " << bounds[i]
                         << " are in none";
    if (bounds[i] < begin || bounds[i + 1] < end || bounds[i + 1] <= bounds[i])
      return emitError() << "expected parts that are not empty, in ascending order, but got " << bounds[i] << " to "
                         << bounds[i + 1];
    begin = bounds[i];
    end = bounds[i + 1];
  }
  return success();
}

bool DimShardAttr::overlaps() const {
  for (int64_t i = 1; i < getNumParts(); ++i)
    if (getBegin(i) < getBounds()[2 * i - 1])
      return true;
  return false;
}

//===----------------------------------------------------------------------===//
// #par.shard
//===----------------------------------------------------------------------===//

Attribute ShardAttr::parse(AsmParser &parser, Type) {
  FlatSymbolRefAttr mesh;
  SmallVector<DimShardAttr> dims;
  SmallVector<AxisAttr> unreduced;
  SMLoc loc = parser.getCurrentLocation();
  auto parseDim = [&]() -> ParseResult {
    auto dim = llvm::dyn_cast_if_present<DimShardAttr>(DimShardAttr::parse(parser, Type()));
    dims.push_back(dim);
    return success(bool(dim));
  };
  if (parser.parseLess() || parser.parseAttribute(mesh) || parser.parseComma() ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseDim))
    return {};
  if (succeeded(parser.parseOptionalComma()))
    if (parser.parseKeyword("unreduced") || parser.parseEqual() ||
        parser.parseCommaSeparatedList(AsmParser::Delimiter::Braces, [&] { return parseAxis(parser, unreduced); }))
      return {};
  if (parser.parseGreater())
    return {};
  return ShardAttr::getChecked([&] { return parser.emitError(loc); }, parser.getContext(), mesh, dims, unreduced);
}

void ShardAttr::print(AsmPrinter &printer) const {
  printer << "<" << getMesh() << ", [";
  llvm::interleaveComma(getDims(), printer, [&](DimShardAttr dim) { dim.print(printer); });
  printer << "]";
  if (!getUnreduced().empty()) {
    printer << ", unreduced = {";
    printAxes(printer, getUnreduced());
    printer << "}";
  }
  printer << ">";
}

LogicalResult ShardAttr::verify(function_ref<InFlightDiagnostic()> emitError, FlatSymbolRefAttr,
                                ArrayRef<DimShardAttr> dims, ArrayRef<AxisAttr> unreduced) {
  SmallVector<AxisAttr> axes(unreduced);
  for (DimShardAttr dim : dims)
    llvm::append_range(axes, dim.getAxes());
  for (auto [i, axis] : llvm::enumerate(axes))
    for (AxisAttr other : ArrayRef(axes).take_front(i)) {
      if (axis == other && axis.isWhole())
        return emitError() << "expected each axis once but got " << axis.getAxis() << " again";
      if (axis.overlaps(other))
        return emitError() << "expected sub-axes that do not overlap but got " << other << " and " << axis;
    }
  return success();
}

bool ShardAttr::isReplicated() const {
  return getUnreduced().empty() && llvm::all_of(getDims(), [](DimShardAttr dim) { return dim.isWhole(); });
}

ShardAttr ShardAttr::getReplicated() const {
  SmallVector<DimShardAttr> dims(getDims().size(), DimShardAttr::get(getContext(), {}, {}));
  return ShardAttr::get(getContext(), getMesh(), dims, {});
}

//===----------------------------------------------------------------------===//
// #par.algorithms
//===----------------------------------------------------------------------===//

Attribute AlgorithmsAttr::parse(AsmParser &parser, Type) {
  SmallVector<int64_t> rows;
  SmallVector<SumAlgorithm> algorithms;
  SMLoc loc = parser.getCurrentLocation();
  auto parseOne = [&]() -> ParseResult {
    StringRef name;
    if (parser.parseInteger(rows.emplace_back()) || parser.parseColon())
      return failure();
    SMLoc at = parser.getCurrentLocation();
    if (parser.parseKeyword(&name))
      return failure();
    std::optional<SumAlgorithm> algorithm = symbolizeSumAlgorithm(name);
    if (!algorithm)
      return parser.emitError(at, "expected one_shot, two_shot, ring, multimem or lamport but got '") << name << "'";
    algorithms.push_back(*algorithm);
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater, parseOne))
    return {};
  return AlgorithmsAttr::getChecked([&] { return parser.emitError(loc); }, parser.getContext(), rows, algorithms);
}

void AlgorithmsAttr::print(AsmPrinter &printer) const {
  printer << "<";
  llvm::interleaveComma(llvm::zip_equal(getRows(), getAlgorithms()), printer, [&](auto pair) {
    printer << std::get<0>(pair) << " : " << stringifySumAlgorithm(std::get<1>(pair));
  });
  printer << ">";
}

LogicalResult AlgorithmsAttr::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<int64_t> rows,
                                     ArrayRef<SumAlgorithm> algorithms) {
  if (rows.empty() || rows.size() != algorithms.size() || rows[0] != 1)
    return emitError() << "expected an algorithm from 1 row on";
  for (size_t i = 1; i < rows.size(); ++i)
    if (rows[i] <= rows[i - 1] || algorithms[i] == algorithms[i - 1])
      return emitError() << "expected ascending numbers of rows and another algorithm from each on, but got " << rows[i]
                         << " : " << stringifySumAlgorithm(algorithms[i]) << " behind " << rows[i - 1] << " : "
                         << stringifySumAlgorithm(algorithms[i - 1]);
  return success();
}

SumAlgorithm AlgorithmsAttr::getAlgorithm(int64_t ofRows) const {
  size_t i = getRows().size() - 1;
  while (i > 0 && getRows()[i] > ofRows)
    --i;
  return getAlgorithms()[i];
}

bool AlgorithmsAttr::keepsOrder() const {
  return llvm::all_of(getAlgorithms(), [](SumAlgorithm algorithm) { return par::keepsOrder(algorithm); });
}
