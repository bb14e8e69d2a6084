//===- Checkpoint.cpp - All tensors of a model ----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Checkpoint.h"

#include "runtime/base/Json.h"
#include "runtime/base/Message.h"
#include "runtime/base/Safetensors.h"
#include "runtime/base/Signals.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <string_view>
#include <system_error>

using namespace plait;

namespace {

constexpr char singleFileName[] = "model.safetensors";
constexpr char indexFileName[] = "model.safetensors.index.json";

/// What the Json layer says of a header or an index: the file breaks its format.
Status asCorrupt(const Status &status) { return status.ok() ? status : corrupt(status.message()); }

std::string join(const std::string &folder, const std::string &name) {
  return folder.ends_with('/') ? folder + name : folder + "/" + name;
}

/// Says why a folder without model.safetensors and without an index is refused.
Status explainUnreadableFolder(const std::string &folder, const std::vector<std::string> &names) {
  const std::string what = printable(folder);
  const std::string expected = std::string(singleFileName) + " or " + indexFileName;
  std::vector<std::string> pickles, safetensors, ggufs;
  for (const std::string &name : names) {
    if (name.ends_with(".safetensors"))
      safetensors.push_back(name);
    else if (name.ends_with(".gguf"))
      ggufs.push_back(name);
    else if (name.ends_with(".bin") || name.ends_with(".pt") || name.ends_with(".pth"))
      pickles.push_back(name);
  }
  if (!safetensors.empty())
    return notFound(foundExpected(what, listInQuotes(safetensors) + " but no index",
                                  expected + "; rename a single file to " + singleFileName + ", or fetch the index"));
  if (!ggufs.empty())
    return notFound(foundExpected(what, listInQuotes(ggufs) + " but no safetensors",
                                  expected + "; give the path of a GGUF file to use that"));
  if (!pickles.empty())
    return unsupported(foundExpected(what, "only pickle files (" + listInQuotes(pickles) + ")",
                                     expected +
                                         "; loading a pickle file can run any code that is in it, so Plait reads "
                                         "none: convert to safetensors, for instance with save_pretrained(..., "
                                         "safe_serialization=True) of transformers"));
  return notFound(foundExpected(what, "no checkpoint", expected));
}

/// The Levenshtein distance, bytewise. Of very long names only the beginning
/// counts, to bound the time.
size_t editDistance(std::string_view a, std::string_view b) {
  constexpr size_t compared = 512;
  a = a.substr(0, compared);
  b = b.substr(0, compared);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

} // namespace

Expected<Checkpoint> Checkpoint::openFile(const std::string &path) {
  PLAIT_ASSIGN_OR_RETURN(FileRange range, rangeOfFile(path));
  return openFile(range);
}

Expected<Checkpoint> Checkpoint::openFile(const FileRange &range) {
  PLAIT_ASSIGN_OR_RETURN(SafetensorsFile file, readSafetensors(range));
  Checkpoint checkpoint;
  checkpoint.byName = std::move(file.tensors);
  checkpoint.meta = std::move(file.metadata);
  checkpoint.mapped.push_back(std::move(file.mapped));
  return checkpoint;
}

Expected<Checkpoint> Checkpoint::openFolder(const std::string &folder) {
  namespace fs = std::filesystem;
  const std::string folderExpected = "a folder with a safetensors checkpoint";
  std::error_code error;
  fs::file_status status = fs::status(folder, error);
  if (status.type() == fs::file_type::not_found)
    return notFound(foundExpected(printable(folder), "nothing there", folderExpected + "; check the path"));
  if (!error && status.type() != fs::file_type::directory)
    return invalidArgument(foundExpected(printable(folder), "a file that is no folder", folderExpected));
  std::vector<std::string> names;
  fs::directory_iterator entries;
  if (!error)
    entries = fs::directory_iterator(folder, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error))
    names.push_back(entries->path().filename().string());
  if (error)
    return resourceError(
        foundExpected(printable(folder), "the error '" + error.message() + "' from listing it", folderExpected));
  std::sort(names.begin(), names.end());
  auto contains = [&](const char *name) { return std::binary_search(names.begin(), names.end(), name); };

  // The single file first, as Hugging Face's own loader does.
  if (contains(singleFileName))
    return openFile(join(folder, singleFileName));
  if (!contains(indexFileName))
    return explainUnreadableFolder(folder, names);

  const std::string indexPath = join(folder, indexFileName);
  const std::string what = printable(indexPath);
  PLAIT_ASSIGN_OR_RETURN(Json index, readJsonFile(indexPath));
  Expected<JsonView> map = JsonView(index, indexPath).get("weight_map");
  if (!map)
    return asCorrupt(map.status());
  const auto *weightMap = map->json().get_ptr<const Json::object_t *>();
  if (!weightMap || weightMap->empty())
    return asCorrupt(map->error("an object that gives each tensor its file"));

  std::map<std::string, std::string> fileOfTensor;
  std::map<std::string, SafetensorsFile> shards;
  for (const auto &[tensor, value] : *weightMap) {
    const auto *file = value.get_ptr<const std::string *>();
    if (!file)
      return asCorrupt(map->get(tensor)->error("the name of a file"));
    if (!isPlainFileName(*file)) // the index comes from outside
      return corrupt(foundExpected(what, "the file name " + inQuotes(*file) + " for tensor " + inQuotes(tensor),
                                   "the plain name of a file in the same folder, without "
                                   "'/' or '..'"));
    fileOfTensor.emplace(tensor, *file);
    shards.try_emplace(*file);
  }
  for (auto &[file, shard] : shards) {
    Expected<FileRange> range = rangeOfFile(join(folder, file));
    Expected<SafetensorsFile> loaded = range ? readSafetensors(*range) : range.status();
    if (!loaded && loaded.status().code() == StatusCode::notFound)
      return notFound(foundExpected(what, "the missing file " + inQuotes(file),
                                    "every file of the index beside it; fetch the missing one"));
    if (!loaded)
      return loaded.status();
    shard = loaded.take();
  }

  // Index and shards must say the same, or a reader that trusts one and a
  // reader that trusts the other would run different models.
  std::map<std::string, const std::string *> holder;
  for (const auto &[file, shard] : shards) {
    for (const auto &[tensor, view] : shard.tensors) {
      auto [position, isNew] = holder.try_emplace(tensor, &file);
      if (!isNew)
        return corrupt(foundExpected(
            what, "tensor " + inQuotes(tensor) + " in both " + inQuotes(*position->second) + " and " + inQuotes(file),
            "every tensor in one file"));
    }
  }
  for (const auto &[tensor, file] : fileOfTensor) {
    auto position = holder.find(tensor);
    if (position == holder.end() || *position->second != file)
      return corrupt(
          foundExpected(what,
                        "tensor " + inQuotes(tensor) + " absent from its file " + inQuotes(file) +
                            (position == holder.end() ? "" : " and present in " + inQuotes(*position->second)),
                        "it there; fetch index and files from the same revision"));
  }
  for (const auto &[tensor, file] : holder)
    if (!fileOfTensor.count(tensor))
      return corrupt(foundExpected(what, "tensor " + inQuotes(tensor) + " of " + inQuotes(*file) + " not in weight_map",
                                   "every tensor of the files in weight_map; fetch index and files from the same "
                                   "revision"));

  Checkpoint checkpoint;
  for (auto &[file, shard] : shards) {
    checkpoint.byName.merge(shard.tensors);
    // Shards repeat the same metadata; should they differ, the first counts.
    checkpoint.meta.merge(shard.metadata);
    checkpoint.mapped.push_back(std::move(shard.mapped));
  }
  return checkpoint;
}

void Checkpoint::add(const Checkpoint &other, const std::string &prefix) {
  for (const auto &[name, tensor] : other.byName)
    byName.insert_or_assign(prefix + name, tensor);
  mapped.insert(mapped.end(), other.mapped.begin(), other.mapped.end());
}

const TensorView *Checkpoint::find(const std::string &name) const {
  auto position = byName.find(name);
  return position == byName.end() ? nullptr : &position->second;
}

std::vector<std::string> Checkpoint::nearest(const std::string &name, size_t count) const {
  // Ordered by distance, then name, so that the answer is always the same.
  std::set<std::pair<size_t, std::string_view>> best;
  for (const auto &[candidate, tensor] : byName) {
    best.emplace(editDistance(name, candidate), candidate);
    if (best.size() > count)
      best.erase(std::prev(best.end()));
  }
  std::vector<std::string> names;
  for (const auto &[distance, candidate] : best)
    names.emplace_back(candidate);
  return names;
}

Status Checkpoint::checkFinite() const {
  for (const auto &[name, tensor] : byName) {
    if (tensor.elements() == 0)
      continue;
    std::vector<float> row(static_cast<size_t>(tensor.columns()));
    for (int64_t r = 0; r < tensor.rows(); ++r) {
      PLAIT_RETURN_IF_ERROR(checkInterrupted());
      readTensorBlock(tensor, r, 1, 0, tensor.columns(), row.data());
      auto bad = std::find_if(row.begin(), row.end(), [](float value) { return !std::isfinite(value); });
      if (bad != row.end())
        return corrupt(foundExpected(tensor.file + ": tensor '" + name + "'",
                                     (std::isnan(*bad) ? "NaN" : "infinity") +
                                         (" at element " + std::to_string(r * tensor.columns() + (bad - row.begin()))),
                                     "finite numbers; fetch the file again"));
    }
  }
  return Status::success();
}
