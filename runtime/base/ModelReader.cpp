//===- ModelReader.cpp - The files of a model as texts --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/ModelReader.h"

#include "runtime/base/File.h"

#include <filesystem>

using namespace plait;

ModelReader plait::readerOfFolder(const std::string &folder) {
  return [folder](const std::string &file) -> Expected<std::optional<ModelText>> {
    std::string path = folder + "/" + file;
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored))
      return std::optional<ModelText>();
    PLAIT_ASSIGN_OR_RETURN(std::string text, readFile(path));
    return std::optional<ModelText>({std::move(text), path});
  };
}
