//===- Digest.cpp - Content digests ---------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Digest.h"

#include "runtime/base/Progress.h"

#include <cstdint>

// The state as a complete type, so that it can be a member.
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

using namespace plait;

struct Digest::Impl {
  XXH3_state_t state;
};

/// The canonical (big-endian) form, as `xxhsum -H2` prints it.
static std::string toHex(XXH128_hash_t hash) {
  static const char digits[] = "0123456789abcdef";
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  std::string text;
  text.reserve(2 * sizeof(canonical.digest));
  for (unsigned char byte : canonical.digest) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::string plait::digestOf(std::string_view bytes) { return toHex(XXH3_128bits(bytes.data(), bytes.size())); }

/// Of a path or a FileRange. Read, not mapped: a file truncated meanwhile must
/// not raise SIGBUS.
template <typename File> static Expected<std::string> digestOfPieces(const File &file, Progress *progress) {
  XXH3_state_t state;
  XXH3_128bits_reset(&state);
  PLAIT_RETURN_IF_ERROR(readFileInPieces(file, [&](std::string_view piece) {
    XXH3_128bits_update(&state, piece.data(), piece.size());
    if (progress)
      progress->advance(piece.size());
    return Status::success();
  }));
  return toHex(XXH3_128bits_digest(&state));
}

Expected<std::string> plait::digestOfFile(const std::string &path, Progress *progress) {
  return digestOfPieces(path, progress);
}

Expected<std::string> plait::digestOfFile(const FileRange &range) { return digestOfPieces(range, nullptr); }

Digest::Digest() : impl(std::make_unique<Impl>()) { XXH3_128bits_reset(&impl->state); }

Digest::~Digest() = default;

void Digest::add(std::string_view piece) {
  // The length first, or "ab" + "c" and "a" + "bc" would digest alike.
  unsigned char length[8];
  for (unsigned i = 0; i < 8; ++i)
    length[i] = static_cast<unsigned char>(static_cast<uint64_t>(piece.size()) >> (8 * i));
  XXH3_128bits_update(&impl->state, length, sizeof(length));
  XXH3_128bits_update(&impl->state, piece.data(), piece.size());
}

std::string Digest::hex() const { return toHex(XXH3_128bits_digest(&impl->state)); }

namespace {
constexpr std::string_view kSealEnd = "\"\n}\n";
constexpr std::string_view kSealBegin = ",\n  \"digest\": \"";
constexpr size_t kDigestLength = 32;
} // namespace

std::string plait::sealJson(std::string text) {
  text.resize(text.rfind("\n}")); // of an object with members
  std::string digest = digestOf(text);
  return text.append(kSealBegin).append(digest).append(kSealEnd);
}

Status plait::checkSeal(std::string_view text, const std::string &path) {
  std::string_view expected = "; the file was damaged or changed by hand, compile the model again";
  size_t length = kSealBegin.size() + kDigestLength + kSealEnd.size();
  std::string_view seal = text.substr(text.size() - std::min(text.size(), length));
  if (!seal.starts_with(kSealBegin) || !seal.ends_with(kSealEnd) || seal.size() != length)
    return corrupt(printable(path) + ": found no digest at its end; expected one" + std::string(expected));
  std::string_view found = seal.substr(kSealBegin.size(), kDigestLength);
  std::string digest = digestOf(text.substr(0, text.size() - length));
  if (found != digest)
    return corrupt(printable(path) + ": found contents of digest " + digest + "; expected " + printable(found) +
                   std::string(expected));
  return Status::success();
}
