//===- Executable.cpp - An artifact as one executable ---------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Executable.h"

#include "runtime/base/Digest.h"
#include "runtime/base/Json.h"
#include "runtime/base/Zip.h"
#include "runtime/core/ArtifactSource.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <vector>

using namespace plait;
namespace fs = llvm::sys::fs;

static Expected<std::string> findLauncher() {
  std::string self = fs::getMainExecutable(nullptr, nullptr);
  llvm::SmallString<256> path = llvm::sys::path::parent_path(self);
  llvm::sys::path::append(path, "plait-launcher");
  if (!fs::exists(path))
    return notFound(path.str().str() + ": found nothing there; expected the launcher that executables begin with; "
                                       "install all programs of Plait in one folder");
  return path.str().str();
}

/// The names of the files that `manifest.json` in `folder` lists, weights last.
static Expected<std::vector<std::string>> listFiles(const std::string &folder, bool embedWeights) {
  PLAIT_ASSIGN_OR_RETURN(Json manifest, readJsonFile(folder + "/manifest.json"));
  std::vector<std::string> names = {"manifest.json"};
  for (const Json &binary : manifest["binaries"])
    names.push_back(binary["file"].get<std::string>());
  for (const Json &file : manifest["files"])
    names.push_back(file["file"].get<std::string>());
  if (embedWeights && manifest["weights"]["kind"] == "pack")
    names.push_back(kWeightsFile);
  return names;
}

static Status removeFile(const std::string &path) {
  if (std::error_code error = fs::remove(path))
    return resourceError(path + ": cannot be replaced: " + error.message());
  return Status::success();
}

Status plait::checkExecutablePath(const std::string &path) {
  if (fs::is_directory(path) || (fs::exists(path) && !ArtifactSource::isExecutable(path)))
    return invalidArgument(path +
                           ": found something that is not an executable of Plait; expected a new path or such an "
                           "executable to replace");
  std::string weights = path + ".weights";
  if (fs::exists(weights) && (!fs::exists(path) || !fs::is_regular_file(weights)))
    return invalidArgument(weights +
                           ": found something that belongs to no executable of Plait; expected nothing there, "
                           "or the weights of one to replace");
  return Status::success();
}

Status plait::writeExecutable(const std::string &folder, const std::string &path, bool embedWeights) {
  PLAIT_ASSIGN_OR_RETURN(std::string launcher, findLauncher());
  PLAIT_ASSIGN_OR_RETURN(std::shared_ptr<const MappedFile> program, MappedFile::open(launcher));
  PLAIT_ASSIGN_OR_RETURN(std::vector<std::string> names, listFiles(folder, embedWeights));

  std::string digest = digestOf(program->text());
  std::vector<ZipMember> members = {{kProgramDigestFile, digest.size(), crc32(digest), 0}};
  std::vector<std::string_view> contents = {digest};
  std::vector<std::shared_ptr<const MappedFile>> mapped;
  for (const std::string &name : names) {
    PLAIT_ASSIGN_OR_RETURN(std::shared_ptr<const MappedFile> file, MappedFile::open(folder + "/" + name));
    members.push_back({name, file->bytes().size(), crc32(file->text()), 0});
    contents.push_back(file->text());
    mapped.push_back(std::move(file));
  }
  std::vector<std::string> frames = zipFrames(program->bytes().size(), members);
  std::vector<std::string_view> pieces = {program->text()};
  for (size_t i = 0; i < contents.size(); ++i)
    pieces.insert(pieces.end(), {frames[i], contents[i]});
  pieces.push_back(frames.back());

  // What can fail for want of space comes before the old executable goes.
  std::string executable = folder + "/executable";
  PLAIT_RETURN_IF_ERROR(writeFileAtomic(executable, pieces, 0777));
  // It goes before its weights: with the new ones it would compute nonsense.
  std::string weights = path + ".weights", pack = folder + "/" + kWeightsFile;
  PLAIT_RETURN_IF_ERROR(removeFile(path));
  PLAIT_RETURN_IF_ERROR(removeFile(weights));
  if (!embedWeights && fs::exists(pack))
    if (std::error_code error = fs::rename(pack, weights))
      return resourceError(weights + ": cannot be put in place: " + error.message());
  if (std::error_code error = fs::rename(executable, path))
    return resourceError(path + ": cannot be put in place: " + error.message());
  return Status::success();
}
