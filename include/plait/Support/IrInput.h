//===- IrInput.h - The door for IR that comes from outside ------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// MLIR's readers trust what they read: text that nests some thousand times
// exhausts the stack, and damaged bytecode can crash or never end. Every tool
// therefore takes its input through `openIr`.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_SUPPORT_IRINPUT_H
#define PLAIT_SUPPORT_IRINPUT_H

#include "mlir/IR/DialectRegistry.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"

#include <memory>

namespace plait {

/// Brackets, and names of attributes and types that stand for others, may nest
/// this deep. IR of real models stays below 40.
inline constexpr unsigned kMaxIrNesting = 256;
/// Bytes of a file of IR.
inline constexpr size_t kMaxIrBytes = size_t(256) << 20;

/// Checks what can be known of text or bytecode without reading it as IR: size,
/// nesting; of bytecode the version of its format and that this LLVM wrote it.
/// Errors read "NAME: found F; expected E; remedy".
llvm::Error checkIr(llvm::MemoryBufferRef buffer);

/// Opens a file of IR, or standard input for "-", and checks it. Bytecode is
/// first read on trial by a process of its own, which may crash or be stopped.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> openIr(llvm::StringRef path, const mlir::DialectRegistry &registry);

} // namespace plait

#endif // PLAIT_SUPPORT_IRINPUT_H
