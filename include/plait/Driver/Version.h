//===- Version.h - Version of the compiler ----------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DRIVER_VERSION_H
#define PLAIT_DRIVER_VERSION_H

namespace plait {
inline constexpr const char *kVersion = PLAIT_VERSION; // from CMakeLists.txt
} // namespace plait

#endif // PLAIT_DRIVER_VERSION_H
