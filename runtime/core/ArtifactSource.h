//===- ArtifactSource.h - Where the files of an artifact are ----*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An artifact has two forms: a folder `name.plait`, and an executable that
// `plait-compile --emit=exe` makes of the launcher and the same files, as an
// archive at its end (runtime/base/Zip.h). The weights of an executable are in
// the archive, or beside it in `<executable>.weights`.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CORE_ARTIFACTSOURCE_H
#define PLAIT_RUNTIME_CORE_ARTIFACTSOURCE_H

#include "runtime/base/File.h"
#include "runtime/base/ModelReader.h"
#include "runtime/base/Status.h"
#include "runtime/base/Zip.h"

#include <optional>
#include <string>

namespace plait {

/// The member of an executable that holds the digest of the program before the
/// archive. It comes first.
inline constexpr const char *kProgramDigestFile = "program.digest";
inline constexpr const char *kWeightsFile = "weights.pack";

class ArtifactSource {
public:
  /// The folder or executable at `path`. Of an executable the archive and the
  /// manifest's checksum are checked.
  static Expected<ArtifactSource> open(const std::string &path);
  /// The program that runs, which must be such an executable.
  static Expected<ArtifactSource> openSelf();
  /// Whether `path` is a file with an archive at its end.
  static bool isExecutable(const std::string &path);

  const std::string &path() const { return shownPath; }
  bool isExecutable() const { return archive.has_value(); }
  bool hasEmbeddedWeights() const { return archive && archive->find(kWeightsFile); }
  /// Where the file is, whose name is a plain one. notFound if it is missing,
  /// corrupt if it is something else than a file.
  Expected<FileRange> find(const std::string &name) const;
  /// The text of a file; nothing if there is none of this name (a ModelReader).
  Expected<std::optional<ModelText>> read(const std::string &name) const;
  /// The program of an executable, which comes before the archive.
  FileRange program() const;
  /// Compares the program with its digest.
  Status checkProgram() const;

private:
  static Expected<ArtifactSource> openExecutable(const std::string &path, const std::string &shown);

  std::string shownPath; ///< in messages; names the file with the weights
  std::string filePath;  ///< of an executable; differs from `shownPath` for this program
  std::optional<ZipArchive> archive;
};

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_ARTIFACTSOURCE_H
