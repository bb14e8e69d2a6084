//===- IrVersion.h - The version of Plait's dialects in bytecode -*- C++ -*-==//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Bytecode is for tools of one version, so there is one number for all dialects
// and no upgrade: another number is an error, never a misreading.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_SUPPORT_IRVERSION_H
#define PLAIT_SUPPORT_IRVERSION_H

#include "mlir/Bytecode/BytecodeImplementation.h"
#include "mlir/IR/DialectRegistry.h"

namespace plait {

/// Counts the changes after which IR of before means something else.
inline constexpr uint64_t kIrVersion = 1;

struct IrVersion : mlir::DialectVersion {
  explicit IrVersion(uint64_t number) : number(number) {}
  uint64_t number;
};

class IrVersionInterface : public mlir::BytecodeDialectInterface {
public:
  explicit IrVersionInterface(mlir::Dialect *dialect) : BytecodeDialectInterface(dialect) {}
  void writeVersion(mlir::DialectBytecodeWriter &writer) const override;
  std::unique_ptr<mlir::DialectVersion> readVersion(mlir::DialectBytecodeReader &reader) const override;
};

/// Gives dialects of a registry their version.
template <typename... Dialects> void addIrVersion(mlir::DialectRegistry &registry) {
  (registry.addExtension(
       +[](mlir::MLIRContext *, Dialects *dialect) { dialect->template addInterfaces<IrVersionInterface>(); }),
   ...);
}

} // namespace plait

#endif // PLAIT_SUPPORT_IRVERSION_H
