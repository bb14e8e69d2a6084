//===- Digest.h - Content digests -------------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// XXH3-128 (https://xxhash.com) as 32 lower-case hex digits. It finds damage
// and keys caches; it is not a defence against a deliberate forger.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_DIGEST_H
#define PLAIT_RUNTIME_BASE_DIGEST_H

#include "runtime/base/File.h"
#include "runtime/base/Status.h"

#include <memory>
#include <string>
#include <string_view>

namespace plait {

class Progress;

std::string digestOf(std::string_view bytes);
/// `progress`, if there is one, is told of every piece.
Expected<std::string> digestOfFile(const std::string &path, Progress *progress = nullptr);
Expected<std::string> digestOfFile(const FileRange &range);

/// A JSON object as written by writeJson, with one more member at its end:
/// "digest", of all text before that member. Any change of the text shows.
std::string sealJson(std::string text);
/// Whether `text` is as sealJson left it; `path` names it in the error.
Status checkSeal(std::string_view text, const std::string &path);

/// Incremental digest of several pieces; each is length-prefixed by `add`.
class Digest {
public:
  Digest();
  ~Digest();
  void add(std::string_view piece);
  std::string hex() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_DIGEST_H
