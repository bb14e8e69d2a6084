//===- ParDialect.cpp - Attributes of the par dialect ---------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Par/Par.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/SmallSet.h"
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

/// "a", "b"
static ParseResult parseAxis(AsmParser &parser, SmallVectorImpl<StringAttr> &axes) {
  std::string name;
  if (parser.parseString(&name))
    return failure();
  axes.push_back(StringAttr::get(parser.getContext(), name));
  return success();
}

static void printAxes(AsmPrinter &printer, ArrayRef<StringAttr> axes) {
  llvm::interleaveComma(axes, printer, [&](StringAttr axis) { printer << axis; });
}

//===----------------------------------------------------------------------===//
// #par.dim
//===----------------------------------------------------------------------===//

Attribute DimShardAttr::parse(AsmParser &parser, Type) {
  SmallVector<StringAttr> axes;
  SmallVector<int64_t> bounds;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLBrace())
    return {};
  if (failed(parser.parseOptionalRBrace())) {
    auto parseRange = [&]() -> ParseResult {
      return failure(parser.parseInteger(bounds.emplace_back()) || parser.parseKeyword("to") ||
                     parser.parseInteger(bounds.emplace_back()));
    };
    if (parser.parseCommaSeparatedList([&] { return parseAxis(parser, axes); }) || parser.parseColon())
      return {};
    if (failed(parser.parseOptionalKeyword("even")) && parser.parseCommaSeparatedList(parseRange))
      return {};
    if (parser.parseRBrace())
      return {};
  }
  return DimShardAttr::getChecked([&] { return parser.emitError(loc); }, parser.getContext(), axes, bounds);
}

void DimShardAttr::print(AsmPrinter &printer) const {
  printer << "{";
  if (!isWhole()) {
    printAxes(printer, getAxes());
    printer << " : " << (isEven() ? "even" : "");
    llvm::interleaveComma(llvm::seq<int64_t>(0, getNumParts()), printer,
                          [&](int64_t i) { printer << getBounds()[2 * i] << " to " << getBounds()[2 * i + 1]; });
  }
  printer << "}";
}

LogicalResult DimShardAttr::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<StringAttr> axes,
                                   ArrayRef<int64_t> bounds) {
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
  SmallVector<StringAttr> unreduced;
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
                                ArrayRef<DimShardAttr> dims, ArrayRef<StringAttr> unreduced) {
  SmallVector<StringAttr> axes(unreduced);
  for (DimShardAttr dim : dims)
    llvm::append_range(axes, dim.getAxes());
  DenseSet<StringAttr> seen;
  for (StringAttr axis : axes)
    if (!seen.insert(axis).second)
      return emitError() << "expected each axis once but got " << axis << " again";
  return success();
}

bool ShardAttr::isReplicated() const {
  return getUnreduced().empty() && llvm::all_of(getDims(), [](DimShardAttr dim) { return dim.isWhole(); });
}

ShardAttr ShardAttr::getReplicated() const {
  SmallVector<DimShardAttr> dims(getDims().size(), DimShardAttr::get(getContext(), {}, {}));
  return ShardAttr::get(getContext(), getMesh(), dims, {});
}
