//===- plait-translate.cpp - Between IR and other forms -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Driver/Register.h"
#include "plait/Driver/Translations.h"
#include "plait/Support/IrInput.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"

namespace cl = llvm::cl;

static int fail(const llvm::Twine &message) {
  llvm::errs() << "plait-translate: error: " << message << "\n";
  return 1;
}

/// IR, or for a folder an empty buffer of that name.
static llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> openInput(const std::string &path,
                                                                     const mlir::DialectRegistry &registry) {
  if (llvm::sys::fs::is_directory(path))
    return llvm::MemoryBuffer::getMemBuffer("", path);
  return plait::openIr(path, registry);
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::ResetCommandLineParser(); // LLVM's own options are not ours
  cl::OptionCategory category("plait-translate options");
  cl::opt<std::string> input(cl::Positional, cl::desc("<IR or model folder>"), cl::init("-"), cl::cat(category));
  cl::opt<std::string> output("o", cl::desc("The file to write (default: stdout)"), cl::value_desc("file"),
                              cl::init("-"), cl::cat(category));
  mlir::registerAsmPrinterCLOptions();
  plait::registerAllTranslations(category);
  cl::opt<const mlir::Translation *, false, mlir::TranslationParser> translation("", cl::desc("Translation to run"),
                                                                                 cl::Required);
  cl::ParseCommandLineOptions(argc, argv, "Plait translation driver\n");

  mlir::DialectRegistry registry;
  plait::registerAllDialects(registry);
  auto buffer = openInput(input, registry);
  if (!buffer)
    return fail(llvm::toString(buffer.takeError()));
  std::string message;
  auto file = mlir::openOutputFile(output, &message);
  if (!file)
    return fail(message);
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.printOpOnDiagnostic(false);
  auto sources = std::make_shared<llvm::SourceMgr>();
  sources->AddNewSourceBuffer(std::move(*buffer), llvm::SMLoc());
  mlir::SourceMgrDiagnosticHandler diagnostics(*sources, &context);
  if (failed((*translation.getValue())(sources, file->os(), &context)))
    return 1;
  file->keep();
  return 0;
}
