//===- IrVersion.cpp - The version of Plait's dialects in bytecode --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Support/IrVersion.h"

using namespace mlir;
using namespace plait;

void IrVersionInterface::writeVersion(DialectBytecodeWriter &writer) const {
  uint64_t version = kIrVersion;
  // A writer may be asked for another one, as for another version of bytecode.
  if (auto wanted = writer.getDialectVersion(getDialect()->getNamespace()); succeeded(wanted))
    version = static_cast<const IrVersion *>(*wanted)->number;
  writer.writeVarInt(version);
}

std::unique_ptr<DialectVersion> IrVersionInterface::readVersion(DialectBytecodeReader &reader) const {
  uint64_t version = 0;
  if (failed(reader.readVarInt(version)))
    return nullptr;
  if (version == kIrVersion)
    return std::make_unique<IrVersion>(version);
  reader.emitError("found version ") << version << " of dialect '" << getDialect()->getNamespace()
                                     << "' but expected version " << kIrVersion;
  return nullptr;
}
