//===- Markup.h - Escaping of HTML ------------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_JINJA_MARKUP_H
#define PLAIT_RUNTIME_BASE_JINJA_MARKUP_H

#include "runtime/base/jinja/MarkedText.h"

namespace plait::jinja {

/// `text` with &, <, >, ' and " as entities, as markupsafe writes them.
MarkedText escapeMarkup(const MarkedText &text);

} // namespace plait::jinja

#endif // PLAIT_RUNTIME_BASE_JINJA_MARKUP_H
