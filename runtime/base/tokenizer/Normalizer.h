//===- Normalizer.h - What happens to text first ----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_TOKENIZER_NORMALIZER_H
#define PLAIT_RUNTIME_BASE_TOKENIZER_NORMALIZER_H

#include "runtime/base/Json.h"
#include "runtime/base/Status.h"

#include <memory>
#include <string>

namespace plait {

/// A text that normalizers change in place.
struct NormalizedText {
  std::string text;
  size_t promptStart = 0; ///< as in TextPiece
};

/// Rewrites valid UTF-8 to valid UTF-8.
class Normalizer {
public:
  virtual ~Normalizer() = default;
  virtual Status normalize(NormalizedText &text) const = 0;
};

using NormalizerPtr = std::unique_ptr<const Normalizer>;

/// Reads the "normalizer" of a tokenizer.json: Lowercase, NFC, NFD, NFKC, NFKD,
/// Nmt, Precompiled, Prepend, Replace, Strip, StripAccents, ByteLevel, or a
/// Sequence of them.
Expected<NormalizerPtr> readNormalizer(const JsonView &view);

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_TOKENIZER_NORMALIZER_H
