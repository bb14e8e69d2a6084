//===- Library.h - A shared object in this process --------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CORE_LIBRARY_H
#define PLAIT_RUNTIME_CORE_LIBRARY_H

#include "runtime/base/File.h"
#include "runtime/base/Status.h"

namespace plait {

/// A loaded shared object, unloaded with this.
class Library {
public:
  /// Loads a file. One that is a part of another file is first copied to memory,
  /// as the loader reads whole files only; no folder is written to.
  static Expected<Library> load(const FileRange &file);
  Library() = default;
  Library(Library &&other) noexcept;
  Library &operator=(Library &&other) noexcept;
  ~Library();

  /// The address of a symbol, or null.
  void *symbol(const char *name) const;

private:
  void *handle = nullptr;
  int memory = -1; ///< kept open: the loader knows the file by this number
};

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_LIBRARY_H
