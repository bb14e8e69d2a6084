//===- plait-lsp-server.cpp - Language server for Plait's IR --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Driver/Register.h"

#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "llvm/Support/thread.h"

/// Documents come piece by piece from an editor, so they cannot be looked over as
/// files are (plait/Support/IrInput.h). What nests deep needs stack: this is enough
/// for some ten thousand levels, and only what is used takes memory.
static constexpr unsigned kStackBytes = 4095u << 20;

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  plait::registerAllDialects(registry);
  bool failed = false;
  llvm::thread server(std::optional<unsigned>(kStackBytes),
                      [&] { failed = mlir::failed(mlir::MlirLspServerMain(argc, argv, registry)); });
  server.join();
  return failed;
}
