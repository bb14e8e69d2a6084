//===- CrashReport.cpp - What is kept when the compiler crashes -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CrashReport.h"

#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>

using namespace plait;

LogicalResult plait::runWithCrashReport(Phase phase, ModuleOp module, const std::string &path,
                                        llvm::function_ref<LogicalResult()> run) {
  // Printed beforehand: nothing of the module can be trusted after a crash.
  std::string before;
  llvm::raw_string_ostream stream(before);
  OpPrintingFlags flags;
  if (phase <= Phase::lower) // until launches name their source ops, locations do
    flags.enableDebugInfo();
  module->print(stream, flags);
  stream << "\n";
  llvm::CrashRecoveryContext::Enable();
  llvm::CrashRecoveryContext guard;
  LogicalResult result = failure();
  bool survived = guard.RunSafely([&] { result = run(); });
  llvm::CrashRecoveryContext::Disable();
  if (survived)
    return result;
  StringRef name = getName(phase);
  std::error_code error;
  llvm::raw_fd_ostream file(path, error);
  file << before;
  file.close();
  llvm::errs() << "plait-compile: error: phase " << name << " crashed, which is a fault of Plait; ";
  if (error || file.has_error())
    llvm::errs() << "its input could not be kept in " << path << "; please report how you called plait-compile\n";
  else
    llvm::errs() << "please report it with the file " << path << ", which shows it again by 'plait-opt --plait-" << name
                 << "-pipeline " << path << "'\n";
  std::_Exit(1);
}
