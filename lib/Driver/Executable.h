//===- Executable.h - An artifact as one executable -----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_DRIVER_EXECUTABLE_H
#define PLAIT_LIB_DRIVER_EXECUTABLE_H

#include "runtime/base/Status.h"

#include <string>

namespace plait {

/// Whether an executable may be written to `path`: nothing is there, or an
/// executable of the same kind to replace.
Status checkExecutablePath(const std::string &path);

/// Writes to `path` an executable of the launcher, which lies beside this program,
/// and the files of the artifact in `folder`. A pack of weights goes into it with
/// `embedWeights`; else it is moved from `folder` to `path`.weights. A crash
/// leaves no executable with other weights than its own.
Status writeExecutable(const std::string &folder, const std::string &path, bool embedWeights);

} // namespace plait

#endif // PLAIT_LIB_DRIVER_EXECUTABLE_H
