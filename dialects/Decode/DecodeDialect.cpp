//===- DecodeDialect.cpp - Attributes and types of the decode dialect -----===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/Decode.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace plait;
using namespace plait::decode;

#include "dialects/Decode/DecodeDialect.cpp.inc"
#include "dialects/Decode/DecodeEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Decode/DecodeAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/Decode/DecodeTypes.cpp.inc"

void DecodeDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Decode/DecodeAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Decode/DecodeTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Decode/DecodeOps.cpp.inc"
      >();
}

LogicalResult BlockType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t size) {
  if (size <= 0)
    return emitError() << "expected a positive block size but got " << size;
  return success();
}
