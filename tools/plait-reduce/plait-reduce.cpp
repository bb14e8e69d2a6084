//===- plait-reduce.cpp - Shrinks IR that shows a fault -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Driver/Register.h"
#include "plait/Reduce/Reduce.h"
#include "plait/Support/IrInput.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Reducer/Tester.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"

namespace cl = llvm::cl;
using namespace plait;

static int fail(const llvm::Twine &message) {
  llvm::errs() << "plait-reduce: error: " << message << "\n";
  return 1;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::ResetCommandLineParser(); // LLVM's own options are not ours
  cl::OptionCategory category("plait-reduce options");
  cl::opt<std::string> input(cl::Positional, cl::desc("<IR>"), cl::Required, cl::cat(category));
  cl::opt<std::string> output("o", cl::desc("The file to write (default: stdout)"), cl::value_desc("file"),
                              cl::init("-"), cl::cat(category));
  cl::opt<std::string> script("test",
                              cl::desc("Program that is given a file of IR and exits with other than 0 if it "
                                       "shows what is looked for"),
                              cl::value_desc("program"), cl::Required, cl::cat(category));
  cl::list<std::string> arguments("test-arg", cl::desc("Argument of the program, before the file (may be repeated)"),
                                  cl::value_desc("argument"), cl::cat(category));
  mlir::registerAsmPrinterCLOptions();
  cl::ParseCommandLineOptions(argc, argv, "Plait test case reduction tool\n");

  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  registerReductionPatterns(registry);
  auto program = llvm::sys::findProgramByName(script);
  if (!program || !llvm::sys::fs::can_execute(*program))
    return fail("--test: found '" + script + "'; expected a program that can be executed");
  auto buffer = openIr(input, registry);
  if (!buffer)
    return fail(llvm::toString(buffer.takeError()));
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.printOpOnDiagnostic(false);
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(*buffer), llvm::SMLoc());
  mlir::SourceMgrDiagnosticHandler diagnostics(sources, &context);
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(sources, &context);
  if (!module)
    return 1;

  std::vector<std::string> words(arguments.begin(), arguments.end());
  mlir::Tester tester(*program, words);
  auto stats = reduce(module, [&](mlir::ModuleOp attempt) {
    return tester.isInteresting(attempt).first == mlir::Tester::Interestingness::True;
  });
  if (mlir::failed(stats))
    return fail(input + ": found IR for which --test exits with 0; expected IR that shows what is looked for");
  std::string message;
  auto file = mlir::openOutputFile(output, &message);
  if (!file)
    return fail(message);
  file->os() << *module << "\n";
  file->keep();
  llvm::errs() << "plait-reduce: " << stats->opsBefore << " ops became " << stats->opsAfter << " in " << stats->tests
               << " tests\n";
  return 0;
}
