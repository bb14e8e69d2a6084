//===- Safetensors.cpp - The safetensors checkpoint format ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Safetensors.h"

#include "runtime/base/Json.h"
#include "runtime/base/Utf8.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <tuple>

using namespace plait;

static_assert(std::endian::native == std::endian::little, "tensor data is little endian and used in place");

namespace {

/// The limit of the format on the bytes of the JSON header.
constexpr uint64_t maxHeaderBytes = 100'000'000;
/// More dimensions than any framework has; bounds the work on a hostile header.
constexpr size_t maxRank = 64;
constexpr uint64_t lengthBytes = 8;

constexpr char metadataKey[] = "__metadata__";
constexpr char singleFileName[] = "model.safetensors";
constexpr char indexFileName[] = "model.safetensors.index.json";

struct TypeInfo {
  TensorType type;
  const char *name;
  unsigned bytes;
};

constexpr TypeInfo typeInfos[] = {
    {TensorType::boolean, "BOOL", 1}, {TensorType::u8, "U8", 1},           {TensorType::i8, "I8", 1},
    {TensorType::u16, "U16", 2},      {TensorType::i16, "I16", 2},         {TensorType::f16, "F16", 2},
    {TensorType::bf16, "BF16", 2},    {TensorType::u32, "U32", 4},         {TensorType::i32, "I32", 4},
    {TensorType::f32, "F32", 4},      {TensorType::u64, "U64", 8},         {TensorType::i64, "I64", 8},
    {TensorType::f64, "F64", 8},      {TensorType::f8_e4m3, "F8_E4M3", 1}, {TensorType::f8_e5m2, "F8_E5M2", 1},
};

const TypeInfo *findType(TensorType type) {
  for (const TypeInfo &info : typeInfos)
    if (info.type == type)
      return &info;
  return nullptr;
}

const TypeInfo *findType(std::string_view name) {
  for (const TypeInfo &info : typeInfos)
    if (info.name == name)
      return &info;
  return nullptr;
}

std::string inQuotes(std::string_view text) { return "'" + printable(text, 200) + "'"; }

std::string foundExpected(const std::string &what, const std::string &found, const std::string &expected) {
  return what + ": found " + found + "; expected " + expected;
}

bool isUtf8(std::string_view text) { return findInvalidUtf8(text) == std::string_view::npos; }

/// What the Json layer says of a header or an index: the file breaks its format.
Status asCorrupt(const Status &status) { return status.ok() ? status : corrupt(status.message()); }

/// The product of `shape`, or nothing if it (zeros left out, since strides are
/// products too) exceeds int64.
std::optional<int64_t> countElements(const std::vector<int64_t> &shape) {
  int64_t product = 1;
  bool empty = false;
  for (int64_t size : shape) {
    if (size == 0)
      empty = true;
    else if (__builtin_mul_overflow(product, size, &product))
      return std::nullopt;
  }
  return empty ? 0 : product;
}

std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

/// The bytes that `shape` of `type` takes, or why there is no such number.
Expected<uint64_t> bytesOfShape(const std::string &what, const std::vector<int64_t> &shape, const TypeInfo &type) {
  std::optional<int64_t> elements = countElements(shape);
  int64_t bytes;
  if (!elements || __builtin_mul_overflow(*elements, static_cast<int64_t>(type.bytes), &bytes))
    return corrupt(foundExpected(what, "the shape " + shapeText(shape) + " of " + type.name + ", whose size overflows",
                                 "a tensor of fewer than 2^63 bytes"));
  return static_cast<uint64_t>(bytes);
}

/// Reads {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, with the
/// data in `buffer`. As in the reference reader, other members are ignored.
Expected<TensorView> readEntry(const JsonView &entry, const std::string &what, std::span<const uint8_t> buffer) {
  auto readInts = [](const JsonView &list, size_t maxCount,
                     const std::string &expected) -> Expected<std::vector<int64_t>> {
    if (!list.json().is_array() || list.json().size() > maxCount)
      return list.error(expected);
    std::vector<int64_t> result;
    for (size_t i = 0, e = list.json().size(); i != e; ++i) {
      PLAIT_ASSIGN_OR_RETURN(JsonView element, list.at(i));
      PLAIT_ASSIGN_OR_RETURN(int64_t number, element.asInt(0));
      result.push_back(number);
    }
    return result;
  };

  PLAIT_ASSIGN_OR_RETURN(std::string typeName, entry.getString("dtype"));
  const TypeInfo *type = findType(typeName);
  if (!type) {
    std::string known;
    for (const TypeInfo &info : typeInfos)
      known += (known.empty() ? "" : ", ") + std::string(info.name);
    bool subByte = typeName.starts_with("F4") || typeName.starts_with("F6") || typeName.starts_with("I4") ||
                   typeName.starts_with("U4");
    return unsupported(foundExpected(what,
                                     (subByte ? "the sub-byte dtype " : "the unknown dtype ") + inQuotes(typeName),
                                     "one of " + known + "; convert the tensor to one of them"));
  }

  TensorView tensor;
  tensor.type = type->type;
  PLAIT_ASSIGN_OR_RETURN(JsonView shape, entry.get("shape"));
  PLAIT_ASSIGN_OR_RETURN(tensor.shape,
                         readInts(shape, maxRank, "an array of at most " + std::to_string(maxRank) + " sizes"));
  PLAIT_ASSIGN_OR_RETURN(JsonView offsetsView, entry.get("data_offsets"));
  const std::string twoOffsets = "the array [BEGIN, END]";
  PLAIT_ASSIGN_OR_RETURN(std::vector<int64_t> offsets, readInts(offsetsView, 2, twoOffsets));
  if (offsets.size() != 2)
    return offsetsView.error(twoOffsets);

  uint64_t begin = static_cast<uint64_t>(offsets[0]), end = static_cast<uint64_t>(offsets[1]);
  std::string range = "data_offsets [" + std::to_string(begin) + ", " + std::to_string(end) + "]";
  if (end < begin)
    return corrupt(foundExpected(what, range + " with END before BEGIN", "BEGIN <= END"));
  if (end > buffer.size())
    return corrupt(foundExpected(what, range + " beyond the end of the file",
                                 "an END of at most " + std::to_string(buffer.size()) +
                                     "; the file may be truncated, fetch it again"));
  PLAIT_ASSIGN_OR_RETURN(uint64_t bytes, bytesOfShape(what, tensor.shape, *type));
  if (bytes != end - begin)
    return corrupt(
        foundExpected(what, range + ", which is " + std::to_string(end - begin) + " bytes",
                      std::to_string(bytes) + " bytes for the shape " + shapeText(tensor.shape) + " of " + type->name));
  tensor.data = buffer.subspan(begin, end - begin);
  return tensor;
}

/// Refuses overlaps and bytes of `buffer` that belong to no tensor: either lets
/// two readers disagree on what the file holds.
Status checkCoverage(const std::string &what, const std::map<std::string, TensorView> &tensors,
                     std::span<const uint8_t> buffer) {
  struct Range {
    uint64_t begin, end;
    const std::string *name;
  };
  std::vector<Range> ranges;
  ranges.reserve(tensors.size());
  for (const auto &[name, tensor] : tensors) {
    uint64_t begin = static_cast<uint64_t>(tensor.data.data() - buffer.data());
    ranges.push_back({begin, begin + tensor.data.size(), &name});
  }
  // By end as well, so that empty tensors come before what begins where they do.
  // By name last, so that the error is the same every time.
  std::sort(ranges.begin(), ranges.end(), [](const Range &a, const Range &b) {
    return std::tie(a.begin, a.end, *a.name) < std::tie(b.begin, b.end, *b.name);
  });

  const Range *previous = nullptr;
  uint64_t covered = 0;
  for (const Range &range : ranges) {
    if (range.begin < covered)
      return corrupt(foundExpected(what,
                                   "tensors " + inQuotes(*previous->name) + " and " + inQuotes(*range.name) +
                                       " that overlap at data byte " + std::to_string(range.begin),
                                   "tensors that share no bytes"));
    if (range.begin > covered)
      return corrupt(foundExpected(
          what, "a hole of " + std::to_string(range.begin - covered) + " bytes before tensor " + inQuotes(*range.name),
          "tensors that follow each other without holes"));
    covered = range.end;
    previous = &range;
  }
  if (covered != buffer.size())
    return corrupt(foundExpected(what,
                                 std::to_string(buffer.size() - covered) + " trailing bytes after the last tensor",
                                 "the file to end there"));
  return Status::success();
}

/// What one .safetensors file holds.
struct LoadedFile {
  std::shared_ptr<const MappedFile> mapped;
  std::map<std::string, TensorView> tensors;
  std::map<std::string, std::string> metadata;
};

Expected<LoadedFile> loadFile(const std::string &path) {
  LoadedFile file;
  PLAIT_ASSIGN_OR_RETURN(file.mapped, MappedFile::open(path));
  const std::string what = printable(path);
  std::span<const uint8_t> bytes = file.mapped->bytes();
  if (bytes.size() < lengthBytes)
    return corrupt(foundExpected(what, "a file of " + std::to_string(bytes.size()) + " bytes",
                                 "at least 8, the length of the safetensors header; the file "
                                 "may be truncated, fetch it again"));
  PLAIT_RETURN_IF_ERROR(file.mapped->checkUnchanged());

  uint64_t headerBytes;
  std::memcpy(&headerBytes, bytes.data(), lengthBytes);
  if (headerBytes > maxHeaderBytes)
    return corrupt(
        foundExpected(what, "a header length of " + std::to_string(headerBytes),
                      "at most " + std::to_string(maxHeaderBytes) + "; this is probably no safetensors file"));
  // Subtracted on the side that cannot wrap.
  if (headerBytes > bytes.size() - lengthBytes)
    return corrupt(foundExpected(
        what, "a header length of " + std::to_string(headerBytes) + " beyond the end of the file",
        "at most " + std::to_string(bytes.size() - lengthBytes) + "; the file may be truncated, fetch it again"));
  std::string_view header = file.mapped->text().substr(lengthBytes, headerBytes);
  if (!header.starts_with('{'))
    return corrupt(foundExpected(
        what, header.empty() ? "an empty header" : "a header that starts with " + inQuotes(header.substr(0, 1)),
        "a JSON object, which starts with '{'; this is probably no safetensors file"));
  std::span<const uint8_t> buffer = bytes.subspan(lengthBytes + headerBytes);

  // An entry is an object of arrays in an object: depth 3.
  JsonLimits limits;
  limits.maxDepth = 8;
  limits.maxBytes = maxHeaderBytes;
  const std::string source = path + ": header";
  Expected<Json> parsed = parseJson(header, source, limits);
  if (!parsed)
    return asCorrupt(parsed.status());

  for (const auto &[name, value] : *parsed->get_ptr<const Json::object_t *>()) {
    // A view of the entry alone, since views of all at once would take more
    // memory than the header; so the pointer starts with the name by hand.
    std::string pointer = "/";
    for (char c : name)
      pointer += c == '~' ? std::string("~0") : c == '/' ? std::string("~1") : std::string(1, c);
    JsonView entry(value, source, pointer);

    if (name == metadataKey) {
      const auto *object = value.get_ptr<const Json::object_t *>();
      if (!object)
        return asCorrupt(entry.error("an object of strings"));
      for (const auto &[key, member] : *object) {
        const auto *text = member.get_ptr<const std::string *>();
        if (!text)
          return asCorrupt(entry.get(key)->error("a string"));
        file.metadata.emplace(key, *text);
      }
      continue;
    }

    std::string tensorWhat = what + ": tensor " + inQuotes(name);
    Expected<TensorView> tensor = readEntry(entry, tensorWhat, buffer);
    if (!tensor)
      return tensor.status().code() == StatusCode::unsupported ? tensor.status() : asCorrupt(tensor.status());
    tensor->file = path;
    tensor->fileOffset = static_cast<uint64_t>(tensor->data.data() - bytes.data());
    file.tensors.emplace(name, tensor.take());
  }
  PLAIT_RETURN_IF_ERROR(checkCoverage(what, file.tensors, buffer));
  return file;
}

std::string join(const std::string &folder, const std::string &name) {
  return folder.ends_with('/') ? folder + name : folder + "/" + name;
}

/// The index comes from outside; it must not lead out of its folder.
bool isPlainFileName(const std::string &name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
}

/// "'a', 'b', 'c' and 4 more".
std::string listed(const std::vector<std::string> &names) {
  constexpr size_t shown = 3;
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), shown); ++i)
    text += (i ? ", " : "") + inQuotes(names[i]);
  if (names.size() > shown)
    text += " and " + std::to_string(names.size() - shown) + " more";
  return text;
}

/// Says why a folder without model.safetensors and without an index is refused.
Status explainUnreadableFolder(const std::string &folder, const std::vector<std::string> &names) {
  const std::string what = printable(folder);
  const std::string expected = std::string(singleFileName) + " or " + indexFileName;
  std::vector<std::string> pickles, safetensors;
  for (const std::string &name : names) {
    if (name.ends_with(".safetensors"))
      safetensors.push_back(name);
    else if (name.ends_with(".bin") || name.ends_with(".pt") || name.ends_with(".pth"))
      pickles.push_back(name);
  }
  if (!safetensors.empty())
    return notFound(foundExpected(what, listed(safetensors) + " but no index",
                                  expected + "; rename a single file to " + singleFileName + ", or fetch the index"));
  if (!pickles.empty())
    return unsupported(foundExpected(what, "only pickle files (" + listed(pickles) + ")",
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

/// A floating-point number of at most 16 bits in the manner of IEEE 754.
double decodeFloat(uint32_t bits, unsigned exponentBits, unsigned mantissaBits) {
  int bias = (1 << (exponentBits - 1)) - 1;
  uint32_t mantissa = bits & ((1u << mantissaBits) - 1);
  uint32_t exponent = (bits >> mantissaBits) & ((1u << exponentBits) - 1);
  double magnitude;
  if (exponent == (1u << exponentBits) - 1)
    magnitude = mantissa ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  else if (exponent == 0)
    magnitude = std::ldexp(mantissa, 1 - bias - int(mantissaBits));
  else
    magnitude = std::ldexp(mantissa + (1u << mantissaBits), int(exponent) - bias - int(mantissaBits));
  return (bits >> (exponentBits + mantissaBits)) & 1 ? -magnitude : magnitude;
}

/// E4M3FN: no infinities, and only the pattern of all ones is a NaN, so the
/// highest exponent holds numbers too.
double decodeE4M3(uint32_t bits) {
  double sign = bits & 0x80 ? -1.0 : 1.0;
  if ((bits & 0x7F) == 0x7F)
    return std::copysign(std::numeric_limits<double>::quiet_NaN(), sign);
  if ((bits & 0x78) == 0x78)
    return sign * std::ldexp(8 + (bits & 7), 15 - 7 - 3);
  return decodeFloat(bits, 4, 3);
}

/// Data begins at any byte of the file, so it is copied out, not cast.
template <typename T> T load(const TensorView &tensor, int64_t index) {
  T value;
  std::memcpy(&value, tensor.data.data() + static_cast<size_t>(index) * sizeof(T), sizeof(T));
  return value;
}

} // namespace

const char *plait::tensorTypeName(TensorType type) {
  const TypeInfo *info = findType(type);
  return info ? info->name : nullptr;
}

unsigned plait::tensorTypeBytes(TensorType type) {
  const TypeInfo *info = findType(type);
  return info ? info->bytes : 0;
}

int64_t TensorView::elements() const {
  std::optional<int64_t> count = countElements(shape);
  assert(count && "the shape was checked when the tensor was read");
  return count.value_or(0);
}

Expected<Checkpoint> Checkpoint::openFile(const std::string &path) {
  PLAIT_ASSIGN_OR_RETURN(LoadedFile file, loadFile(path));
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
  std::map<std::string, LoadedFile> shards;
  for (const auto &[tensor, value] : *weightMap) {
    const auto *file = value.get_ptr<const std::string *>();
    if (!file)
      return asCorrupt(map->get(tensor)->error("the name of a file"));
    if (!isPlainFileName(*file))
      return corrupt(foundExpected(what, "the file name " + inQuotes(*file) + " for tensor " + inQuotes(tensor),
                                   "the plain name of a file in the same folder, without "
                                   "'/' or '..'"));
    fileOfTensor.emplace(tensor, *file);
    shards.try_emplace(*file);
  }
  for (auto &[file, shard] : shards) {
    Expected<LoadedFile> loaded = loadFile(join(folder, file));
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

Status plait::writeSafetensors(const std::string &path, const std::vector<TensorToWrite> &tensors,
                               const std::map<std::string, std::string> &metadata) {
  Json::object_t header;
  header.reserve(tensors.size() + 1);
  // emplace_back of the vector beneath: ordered_map's own insertion is linear.
  if (!metadata.empty()) {
    Json::object_t members;
    members.reserve(metadata.size());
    for (const auto &[key, text] : metadata) {
      if (!isUtf8(key) || !isUtf8(text))
        return invalidArgument(
            foundExpected(printable(path), "metadata " + inQuotes(key) + " that is not UTF-8", "UTF-8 text"));
      members.emplace_back(key, Json(text));
    }
    header.emplace_back(metadataKey, Json(std::move(members)));
  }

  std::set<std::string_view> names;
  uint64_t offset = 0;
  std::vector<std::string_view> pieces(1); // the first is for the header
  for (const TensorToWrite &tensor : tensors) {
    const std::string what = printable(path) + ": tensor " + inQuotes(tensor.name);
    if (tensor.name == metadataKey || !isUtf8(tensor.name))
      return invalidArgument(
          foundExpected(what, "a name that cannot be written", "UTF-8 text other than " + std::string(metadataKey)));
    if (!names.insert(tensor.name).second)
      return invalidArgument(foundExpected(what, "the duplicate name", "every name once"));
    const TypeInfo *type = findType(tensor.type);
    if (!type)
      return invalidArgument(foundExpected(what, "an unknown type", "a TensorType"));
    if (tensor.shape.size() > maxRank ||
        std::any_of(tensor.shape.begin(), tensor.shape.end(), [](int64_t n) { return n < 0; }))
      return invalidArgument(foundExpected(what, "the shape " + shapeText(tensor.shape),
                                           "at most " + std::to_string(maxRank) + " sizes, none negative"));
    Expected<uint64_t> bytes = bytesOfShape(what, tensor.shape, *type);
    if (!bytes)
      return invalidArgument(bytes.status().message());
    if (*bytes != tensor.data.size())
      return invalidArgument(
          foundExpected(what, std::to_string(tensor.data.size()) + " bytes of data",
                        std::to_string(*bytes) + " for the shape " + shapeText(tensor.shape) + " of " + type->name));
    Json entry;
    entry["dtype"] = type->name;
    entry["shape"] = tensor.shape;
    entry["data_offsets"] = {offset, offset + *bytes};
    header.emplace_back(tensor.name, std::move(entry));
    pieces.emplace_back(reinterpret_cast<const char *>(tensor.data.data()), tensor.data.size());
    offset += *bytes;
  }

  std::string text = Json(std::move(header)).dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
  // Spaces behind the object, so that the data begins at a multiple of 8.
  text.append((8 - text.size() % 8) % 8, ' ');
  if (text.size() > maxHeaderBytes)
    return unsupported(foundExpected(printable(path), "a header of " + std::to_string(text.size()) + " bytes",
                                     "at most " + std::to_string(maxHeaderBytes)));
  uint64_t headerBytes = text.size();
  std::string prefix(lengthBytes, '\0');
  std::memcpy(prefix.data(), &headerBytes, lengthBytes);
  prefix += text;
  pieces[0] = prefix;
  return writeFileAtomic(path, pieces);
}

double plait::tensorElement(const TensorView &tensor, int64_t index) {
  assert(index >= 0 && index < tensor.elements() && "element out of range");
  switch (tensor.type) {
  case TensorType::boolean:
    return load<uint8_t>(tensor, index) != 0;
  case TensorType::u8:
    return load<uint8_t>(tensor, index);
  case TensorType::i8:
    return load<int8_t>(tensor, index);
  case TensorType::u16:
    return load<uint16_t>(tensor, index);
  case TensorType::i16:
    return load<int16_t>(tensor, index);
  case TensorType::u32:
    return load<uint32_t>(tensor, index);
  case TensorType::i32:
    return load<int32_t>(tensor, index);
  case TensorType::u64:
    return static_cast<double>(load<uint64_t>(tensor, index));
  case TensorType::i64:
    return static_cast<double>(load<int64_t>(tensor, index));
  case TensorType::f16:
    return decodeFloat(load<uint16_t>(tensor, index), 5, 10);
  case TensorType::bf16:
    return decodeFloat(load<uint16_t>(tensor, index), 8, 7);
  case TensorType::f32:
    return load<float>(tensor, index);
  case TensorType::f64:
    return load<double>(tensor, index);
  case TensorType::f8_e4m3:
    return decodeE4M3(load<uint8_t>(tensor, index));
  case TensorType::f8_e5m2:
    return decodeFloat(load<uint8_t>(tensor, index), 5, 2);
  }
  assert(false && "unknown tensor type");
  return std::numeric_limits<double>::quiet_NaN();
}
