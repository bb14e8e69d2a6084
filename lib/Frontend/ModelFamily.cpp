//===- ModelFamily.cpp - The model families Plait imports -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Frontend/ModelFamily.h"

using namespace plait;

namespace plait {
extern const ModelFamily gemma2Family, gemma3Family, gpt2Family, llamaFamily, mistralFamily, phi3Family, qwen2Family,
    qwen3Family;
} // namespace plait

llvm::ArrayRef<const ModelFamily *> plait::getModelFamilies() {
  static const ModelFamily *const families[] = {&gemma2Family,  &gemma3Family, &gpt2Family,  &llamaFamily,
                                                &mistralFamily, &phi3Family,   &qwen2Family, &qwen3Family};
  return families;
}

const ModelFamily *plait::findModelFamily(llvm::StringRef name) {
  for (const ModelFamily *family : getModelFamilies())
    if (name == family->name)
      return family;
  return nullptr;
}

std::string plait::listModelFamilies() {
  std::string names;
  for (const ModelFamily *family : getModelFamilies())
    names += (names.empty() ? "" : ", ") + std::string(family->name);
  return names;
}
