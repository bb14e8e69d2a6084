//===- StrategyLibrary.h - The files of strategies/ -------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_DRIVER_STRATEGYLIBRARY_H
#define PLAIT_LIB_DRIVER_STRATEGYLIBRARY_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace plait {

struct LibraryStrategy {
  llvm::StringRef name, text;
};

/// By name. tools/cmake/EmbedStrategies.cmake puts the files into the program.
llvm::ArrayRef<LibraryStrategy> strategyLibrary();

} // namespace plait

#endif // PLAIT_LIB_DRIVER_STRATEGYLIBRARY_H
