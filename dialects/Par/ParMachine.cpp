//===- ParMachine.cpp - What devices and links can do ---------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Par/Par.h"

#include "mlir/IR/Builders.h"

#include <cmath>

using namespace plait;
using namespace plait::par;

using EmitError = function_ref<InFlightDiagnostic()>;

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

FailureOr<DictionaryAttr> par::parsePeaks(AsmParser &parser) {
  NamedAttrList peaks;
  auto parsePeak = [&]() -> ParseResult {
    StringRef type;
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseKeyword(&type) || parser.parseEqual())
      return failure();
    if (peaks.get(type))
      return parser.emitError(loc, "expected each element type once but got ") << type << " again";
    FailureOr<FloatAttr> number = lm::parseNumber(parser);
    if (failed(number))
      return failure();
    peaks.append(type, *number);
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Braces, parsePeak))
    return failure();
  return peaks.getDictionary(parser.getContext());
}

void par::printPeaks(AsmPrinter &printer, DictionaryAttr peaks) {
  printer << "{";
  llvm::interleaveComma(peaks, printer, [&](NamedAttribute peak) {
    printer << peak.getName().getValue() << " = ";
    printer.printFloat(cast<FloatAttr>(peak.getValue()).getValue());
  });
  printer << "}";
}

FailureOr<DenseI64ArrayAttr> par::parseMembers(AsmParser &parser) {
  auto members = llvm::dyn_cast_if_present<DenseI64ArrayAttr>(DenseI64ArrayAttr::parse(parser, Type()));
  if (!members)
    return failure();
  return members;
}

FailureOr<bool> par::parseFlag(AsmParser &parser) {
  if (succeeded(parser.parseOptionalKeyword("true")))
    return true;
  if (failed(parser.parseKeyword("false")))
    return failure();
  return false;
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

static bool isPositive(FloatAttr number) {
  return number.getValueAsDouble() > 0 && std::isfinite(number.getValueAsDouble());
}

static bool isNotNegative(FloatAttr number) {
  return number.getValueAsDouble() >= 0 && std::isfinite(number.getValueAsDouble());
}

LogicalResult DeviceAttr::verify(EmitError emitError, StringRef, int64_t memory, FloatAttr bandwidth,
                                 DictionaryAttr peak, FloatAttr launch) {
  if (memory <= 0)
    return emitError() << "expected a memory of a positive number of bytes but got " << memory;
  if (!isPositive(bandwidth))
    return emitError() << "expected a bandwidth of more than 0 bytes per second but got "
                       << bandwidth.getValueAsDouble();
  if (!peak.get("f32"))
    return emitError() << "expected a peak of f32 but got none";
  for (NamedAttribute entry : peak)
    if (!isPositive(cast<FloatAttr>(entry.getValue())))
      return emitError() << "expected a peak of " << entry.getName().getValue()
                         << " of more than 0 operations per second but got "
                         << cast<FloatAttr>(entry.getValue()).getValueAsDouble();
  if (!isNotNegative(launch))
    return emitError() << "expected a launch of 0 seconds or more but got " << launch.getValueAsDouble();
  return success();
}

double DeviceAttr::getPeakOf(StringRef type) const {
  Attribute peak = getPeak().get(type);
  return cast<FloatAttr>(peak ? peak : getPeak().get("f32")).getValueAsDouble();
}

LogicalResult LinkAttr::verify(EmitError emitError, DenseI64ArrayAttr members, LinkKind, FloatAttr bandwidth,
                               FloatAttr latency, bool) {
  if (members.size() < 2)
    return emitError() << "expected a link of at least 2 members but got " << members.size();
  DenseSet<int64_t> seen;
  for (int64_t member : members.asArrayRef())
    if (!seen.insert(member).second)
      return emitError() << "expected each member of a link once but got " << member << " again";
  if (!isPositive(bandwidth))
    return emitError() << "expected a bandwidth of more than 0 bytes per second but got "
                       << bandwidth.getValueAsDouble();
  if (!isNotNegative(latency))
    return emitError() << "expected a latency of 0 seconds or more but got " << latency.getValueAsDouble();
  return success();
}

LogicalResult HostAttr::verify(EmitError emitError, FloatAttr step, FloatAttr sequence) {
  for (auto [name, number] : {std::pair("step", step), std::pair("sequence", sequence)})
    if (!isNotNegative(number))
      return emitError() << "expected 0 seconds or more for a " << name << " but got " << number.getValueAsDouble();
  return success();
}

//===----------------------------------------------------------------------===//
// Machines
//===----------------------------------------------------------------------===//

LogicalResult MachineOp::verify() {
  if (getDevices().empty())
    return emitOpError("expected at least one device");
  for (LinkAttr link : getLinks().getAsRange<LinkAttr>())
    for (int64_t member : link.getMembers().asArrayRef())
      if (member < 0 || member >= getNumDevices())
        return emitOpError("expected members of links from 0 to ") << getNumDevices() - 1 << " but got " << member;
  return success();
}

LinkAttr MachineOp::findLink(ArrayRef<int64_t> devices) {
  LinkAttr best;
  for (LinkAttr link : getLinks().getAsRange<LinkAttr>())
    if (llvm::all_of(devices,
                     [&](int64_t device) { return llvm::is_contained(link.getMembers().asArrayRef(), device); }) &&
        (!best || link.getBandwidth().getValueAsDouble() > best.getBandwidth().getValueAsDouble()))
      best = link;
  return best;
}
