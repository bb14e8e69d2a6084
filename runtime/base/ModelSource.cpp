//===- ModelSource.cpp - The files of a model -----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/ModelSource.h"

#include "runtime/base/GgufModel.h"
#include "runtime/base/Message.h"
#include "runtime/base/PackedCheckpoint.h"

#include <filesystem>

using namespace plait;
namespace fs = std::filesystem;

Expected<ModelSource> ModelSource::open(const std::string &path) {
  const std::string expected = "a Hugging Face folder with config.json, or a GGUF file";
  ModelSource source;
  source.root = path;
  while (source.root.size() > 1 && source.root.ends_with('/'))
    source.root.pop_back();
  std::error_code ignored;
  if (!fs::exists(path, ignored))
    return notFound(foundExpected(printable(path), "nothing there", expected + "; check the path"));
  if (fs::is_directory(path, ignored)) {
    if (!fs::exists(source.pathOf("config.json"), ignored))
      return notFound(foundExpected(printable(path), "no config.json", expected + "; fetch all files of the model"));
    return source;
  }
  if (!looksLikeGguf(path))
    return invalidArgument(foundExpected(printable(path), "a file that is no folder",
                                         expected + "; give the folder that holds the model's files"));
  PLAIT_ASSIGN_OR_RETURN(Gguf gguf, Gguf::open(path));
  source.gguf = std::make_shared<const Gguf>(std::move(gguf));
  return source;
}

std::string ModelSource::pathOf(const std::string &file) const { return gguf ? root : root + "/" + file; }

std::string ModelSource::label(const std::string &file) const { return gguf ? root + " as " + file : pathOf(file); }

std::string ModelSource::name() const {
  std::error_code ignored; // "." and "..": the folder that is meant
  fs::path name = fs::absolute(root, ignored).lexically_normal();
  name = name.has_filename() ? name.filename() : name.parent_path().filename();
  return gguf && name.extension() == ".gguf" ? name.stem().string() : name.string();
}

Expected<std::optional<std::string>> ModelSource::read(const std::string &file) const {
  using Text = std::optional<std::string>;
  if (!gguf) {
    std::error_code ignored;
    if (!fs::exists(pathOf(file), ignored))
      return Text();
    PLAIT_ASSIGN_OR_RETURN(std::string text, readFile(pathOf(file)));
    return Text(std::move(text));
  }
  if (file == "chat_template.jinja")
    return makeChatTemplate(*gguf);
  std::optional<Json> json;
  if (file == "config.json") {
    PLAIT_ASSIGN_OR_RETURN(json, makeConfig(*gguf));
  } else if (file == "tokenizer.json") {
    PLAIT_ASSIGN_OR_RETURN(json, makeTokenizer(*gguf));
  } else if (file == "tokenizer_config.json") {
    PLAIT_ASSIGN_OR_RETURN(json, makeTokenizerConfig(*gguf));
  }
  return json ? Text(writeJson(*json)) : Text();
}

Expected<Checkpoint> ModelSource::openCheckpoint() const {
  if (gguf)
    return makeCheckpoint(*gguf);
  PLAIT_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::openFolder(root));
  PLAIT_ASSIGN_OR_RETURN(Json config, readJsonFile(pathOf("config.json")));
  PLAIT_ASSIGN_OR_RETURN(std::optional<PackedFormat> format, readPackedFormat(JsonView(config, label("config.json"))));
  return viewPackedCheckpoint(checkpoint, format, label("config.json"));
}

std::vector<std::string> ModelSource::filesOf(const Checkpoint &checkpoint) const {
  std::vector<std::string> paths;
  std::error_code ignored;
  std::string index = root + "/model.safetensors.index.json";
  if (!gguf && !fs::exists(root + "/model.safetensors", ignored) && fs::exists(index, ignored))
    paths.push_back(index);
  for (const std::shared_ptr<const MappedFile> &file : checkpoint.files())
    paths.push_back(file->path());
  return paths;
}
