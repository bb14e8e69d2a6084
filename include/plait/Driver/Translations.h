//===- Translations.h - The only list of all translations -------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DRIVER_TRANSLATIONS_H
#define PLAIT_DRIVER_TRANSLATIONS_H

namespace llvm::cl {
class OptionCategory;
}

namespace plait {

/// The translations of plait-translate; their options are of `category`. Call once, before the
/// command line is read.
///   --import-hf     a Hugging Face folder -> lm. The input's buffer is empty and
///                   named after the folder.
///   --lm-to-dot     lm -> Graphviz
///   --plan-to-json  rt -> JSON
///   --to-text, --to-bytecode
void registerAllTranslations(llvm::cl::OptionCategory &category);

} // namespace plait

#endif // PLAIT_DRIVER_TRANSLATIONS_H
