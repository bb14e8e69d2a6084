//===- ModelConfig.cpp - What config.json says of a model -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Frontend/ModelConfig.h"

#include "plait/Frontend/ConfigReader.h"
#include "plait/Frontend/ModelFamily.h"
#include "runtime/base/PackedCheckpoint.h"

using namespace plait;

static Expected<const ModelFamily *> readFamily(const JsonView &root) {
  const std::string supported = "one of " + listModelFamilies();
  if (!root.json().is_object())
    return root.error("an object with the keys of a model's configuration");
  if (!root.has("model_type")) {
    std::string text = root.get("model_type").ok() ? root.get("model_type")->error(supported).message()
                                                   : root.get("model_type").status().message() + ", " + supported;
    return invalidArgument(text + "; add the model_type of the checkpoint");
  }
  PLAIT_ASSIGN_OR_RETURN(std::string name, root.getString("model_type"));
  const ModelFamily *family = findModelFamily(name);
  if (!family && root.has("text_config"))
    return unsupportedValue(*root.get("model_type"),
                            supported + "; a model of several modalities is not imported: take one of text alone");
  if (!family)
    return unsupportedValue(*root.get("model_type"), supported + "; Plait does not import other models");
  if (!root.has("architectures"))
    return family;

  PLAIT_ASSIGN_OR_RETURN(JsonView architectures, root.get("architectures"));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> list, architectures.asArray());
  if (list.empty())
    return family;
  std::string architecture = family->architecture;
  if (list.size() != 1)
    return architectures.error("the one architecture \"" + architecture +
                               "\"; remove those that the checkpoint is not of");
  PLAIT_ASSIGN_OR_RETURN(std::string found, list[0].asString());
  if (found != architecture)
    return unsupportedValue(list[0], "\"" + architecture + "\" for model_type " + name);
  return family;
}

Expected<ModelConfig> plait::readModelConfig(const JsonView &root, mlir::MLIRContext &context,
                                             std::vector<std::string> &warnings) {
  PLAIT_ASSIGN_OR_RETURN(const ModelFamily *family, readFamily(root));
  // What it says is for who opens the checkpoint.
  if (Expected<std::optional<PackedFormat>> packed = readPackedFormat(root); !packed)
    return packed.status();
  ConfigReader reader(root, context, warnings);
  reader.has("quantization_config");
  for (const char *key : {"auto_map", "trust_remote_code"})
    if (reader.has(key))
      reader.warn(key, "it is ignored, as Plait never runs code that comes with a model");
  PLAIT_RETURN_IF_ERROR(reader.require("is_encoder_decoder", false, "Plait imports decoder-only models"));
  PLAIT_RETURN_IF_ERROR(reader.require("add_cross_attention", false, "Plait imports decoder-only models"));

  ModelConfig config;
  config.family = family->name;
  PLAIT_ASSIGN_OR_RETURN(config.elementType, reader.elementType());
  PLAIT_RETURN_IF_ERROR(family->readConfig(reader, config));
  reader.warnOfUnreadKeys();
  return config;
}
