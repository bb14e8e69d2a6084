//===- CompileOptions.h - How a model is compiled ---------------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_COMPILEOPTIONS_H
#define PLAIT_TOOLS_PLAIT_COMPILEOPTIONS_H

#include "runtime/base/Status.h"

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace plait {

/// What `plait-compile` is asked for.
struct CompileOptions {
  /// Options of these names; empty for the compiler's defaults.
  std::string weights, dtype, headDtype, group, kvDtype, tp, mesh, numerics, machine, heads, overlap, wireDtype, draftTp;
  std::vector<std::string> shards;
  std::vector<std::string> decode; ///< strategies
  bool sequenceParallel = false;
  bool zeroPoints = false;
  std::string isa; ///< --target of plait-compile without "cpu:"; of a compiled model, which binary to run
  bool debugLogits = false;
  unsigned threads = 0; ///< of the compiler; 0: its default
  bool quiet = false;
  std::string emulateLink; ///< between the ranks of a model that has several
};

/// The options of every command that compiles a model which is not compiled yet.
void addCompileOptions(CLI::App &command, CompileOptions &options);

/// The option --decode, of commands that run what they compile. The first strategy runs; a
/// model that is compiled already has it.
void addDecodeOption(CLI::App &command, CompileOptions &options);

/// "dp=2,tp=2": what --tp or --mesh asks for, in one spelling.
std::string meshOf(const CompileOptions &options);

/// Checks how the values of these options are spelled.
Status checkCompileOptions(const CompileOptions &options);

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_COMPILEOPTIONS_H
