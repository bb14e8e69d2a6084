//===- Nfc.h - Unicode normalization ----------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_NFC_H
#define PLAIT_RUNTIME_BASE_NFC_H

#include "runtime/base/Status.h"

#include <string>
#include <string_view>

namespace plait {

/// `text`, which must be valid UTF-8, in Unicode Normalization Form C. Hugging
/// Face tokenizers 0.23 knows an older Unicode here: it leaves U+11938 apart and
/// does not reorder some hundred combining marks (U+07FD, U+0898, U+08D3, ...).
Expected<std::string> normalizeNfc(std::string_view text);

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_NFC_H
