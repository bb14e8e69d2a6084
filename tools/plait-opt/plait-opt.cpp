//===- plait-opt.cpp - Runs passes over IR --------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Driver/Register.h"
#include "plait/Driver/StrategyFile.h"
#include "plait/Support/IrInput.h"

#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/ToolOutputFile.h"

static llvm::cl::opt<std::string>
    strategyArguments("strategy-arguments",
                      llvm::cl::desc("Values of a strategy file's parameters, such as k=4,longest=2, where not those "
                                     "that its first line says"),
                      llvm::cl::value_desc("NAME=VALUE,..."));

static int fail(const llvm::Twine &message) {
  llvm::errs() << "plait-opt: error: " << message << "\n";
  return 1;
}

int main(int argc, char **argv) {
  plait::registerAllPasses();
  mlir::DialectRegistry registry;
  plait::registerAllDialects(registry);
  auto [input, output] = mlir::registerAndParseCLIOptions(argc, argv, "Plait optimizer driver\n", registry);
  auto config = mlir::MlirOptMainConfig::createFromCLOptions();
  if (config.shouldShowDialects() || config.shouldListPasses()) // no input
    return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, input, output, registry));

  llvm::InitLLVM init(argc, argv);
  auto buffer = plait::openIr(input, registry);
  if (!buffer)
    return fail(llvm::toString(buffer.takeError()));
  // A strategy's file is a module, but for its parameters and models.
  if (std::string text = (*buffer)->getBuffer().str(); plait::isStrategyFile(text)) {
    auto module = plait::completeStrategy(input, text, strategyArguments);
    if (!module)
      return fail(module.status().message());
    *buffer = llvm::MemoryBuffer::getMemBufferCopy(*module, (*buffer)->getBufferIdentifier());
  } else if (!strategyArguments.empty()) {
    return fail("--strategy-arguments: found input that is no strategy's file; expected one that begins with its "
                "signature, such as // NAME(k = 4)");
  }
  std::string message;
  auto file = mlir::openOutputFile(output, &message);
  if (!file)
    return fail(message);
  if (failed(mlir::MlirOptMain(file->os(), std::move(*buffer), registry, config)))
    return 1;
  file->keep();
  return 0;
}
