//===- ArtifactSource.cpp - Where the files of an artifact are ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/ArtifactSource.h"

#include "runtime/base/Digest.h"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>
#include <system_error>

#include <sys/stat.h>
#include <unistd.h>

using namespace plait;

static constexpr const char *kSelf = "/proc/self/exe";

/// Links are followed: the weights lie beside the executable itself.
static std::string resolveLinks(const std::string &path) {
  std::unique_ptr<char, decltype(&std::free)> resolved(realpath(path.c_str(), nullptr), &std::free);
  return resolved ? resolved.get() : path;
}

bool ArtifactSource::isExecutable(const std::string &path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode))
    return false;
  Expected<FileRange> file = rangeOfFile(path);
  return file && ZipArchive::isAtEndOf(*file);
}

Expected<ArtifactSource> ArtifactSource::open(const std::string &path) {
  struct stat info;
  // What is neither folder nor file is reported by the attempt to read it.
  if (stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode))
    return openExecutable(path, path);
  ArtifactSource source;
  source.shownPath = path;
  return source;
}

Expected<ArtifactSource> ArtifactSource::openSelf() {
  // The kernel's link leads to the right file even after a rename.
  return openExecutable(kSelf, resolveLinks(kSelf));
}

Expected<ArtifactSource> ArtifactSource::openExecutable(const std::string &path, const std::string &shown) {
  ArtifactSource source;
  source.shownPath = shown;
  source.filePath = path;
  PLAIT_ASSIGN_OR_RETURN(FileRange file, rangeOfFile(path));
  file.label = shown;
  PLAIT_ASSIGN_OR_RETURN(source.archive, ZipArchive::read(file));
  // The manifest says what all other files must be; nothing but this says what
  // it must be itself.
  for (const char *name : {"manifest.json", kProgramDigestFile}) {
    PLAIT_ASSIGN_OR_RETURN(FileRange range, source.find(name));
    PLAIT_ASSIGN_OR_RETURN(std::string text, readFile(range));
    if (crc32(text) != source.archive->find(name)->crc)
      return corrupt(printable(range.label) +
                     ": found contents with another checksum; expected that of the archive; the file was damaged or "
                     "changed, compile the model again");
  }
  return source;
}

Expected<FileRange> ArtifactSource::find(const std::string &name) const {
  std::string path = shownPath + "/" + name;
  if (archive) {
    if (const ZipMember *member = archive->find(name))
      return FileRange{filePath, shownPath + ":" + name, member->offset, member->bytes};
    if (name != kWeightsFile)
      return corrupt(printable(shownPath) + ": found no " + name +
                     " in it; expected all files of the model; compile the model again");
    path = resolveLinks(shownPath) + ".weights";
  }
  struct stat info;
  if (stat(path.c_str(), &info) != 0) {
    std::string reason = std::error_code(errno, std::generic_category()).message();
    return notFound(printable(path) + ": found nothing to read (" + reason + "); expected " +
                    (archive ? "the weights of the model beside " + printable(shownPath) +
                                   "; move them together, or compile the model with --embed-weights"
                             : std::string("a file of a compiled model; check the path, or compile the model again")));
  }
  if (!S_ISREG(info.st_mode))
    return corrupt(
        printable(path) +
        ": found something that is not a file; expected a file of a compiled model; compile the model again");
  return FileRange{path, path, 0, uint64_t(info.st_size)};
}

Expected<std::optional<ModelText>> ArtifactSource::read(const std::string &name) const {
  if (!archive)
    return readerOfFolder(shownPath)(name);
  if (!archive->find(name))
    return std::optional<ModelText>();
  PLAIT_ASSIGN_OR_RETURN(FileRange file, find(name));
  PLAIT_ASSIGN_OR_RETURN(std::string text, readFile(file));
  return std::optional<ModelText>({std::move(text), file.label});
}

FileRange ArtifactSource::program() const { return {filePath, shownPath, 0, archive ? archive->begin() : 0}; }

Status ArtifactSource::checkProgram() const {
  PLAIT_ASSIGN_OR_RETURN(FileRange range, find(kProgramDigestFile));
  PLAIT_ASSIGN_OR_RETURN(std::string expected, readFile(range));
  PLAIT_ASSIGN_OR_RETURN(std::string found, digestOfFile(program()));
  if (found != expected)
    return corrupt(printable(shownPath) + ": found a program with digest " + found + "; expected " +
                   printable(expected, 80) + "; the file was damaged or changed, compile the model again");
  return Status::success();
}
