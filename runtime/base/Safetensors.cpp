//===- Safetensors.cpp - The safetensors checkpoint format ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Safetensors.h"

#include "runtime/base/Json.h"
#include "runtime/base/Message.h"
#include "runtime/base/Utf8.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <string_view>
#include <tuple>

using namespace plait;

namespace {

/// The limit of the format on the bytes of the JSON header.
constexpr uint64_t maxHeaderBytes = 100'000'000;
/// More dimensions than any framework has; bounds the work on a hostile header.
constexpr size_t maxRank = 64;
constexpr uint64_t lengthBytes = 8;

constexpr char metadataKey[] = "__metadata__";

bool isUtf8(std::string_view text) { return findInvalidUtf8(text) == std::string_view::npos; }

/// What the Json layer says of a header or an index: the file breaks its format.
Status asCorrupt(const Status &status) { return status.ok() ? status : corrupt(status.message()); }

/// The bytes that `shape` of `type` takes, or why there is no such number.
Expected<uint64_t> bytesOfShape(const std::string &what, const std::vector<int64_t> &shape, TensorType type) {
  if (std::optional<uint64_t> bytes = countBytes(type, shape))
    return *bytes;
  return corrupt(
      foundExpected(what, "the shape " + shapeText(shape) + " of " + tensorTypeName(type) + ", whose size overflows",
                    "a tensor of fewer than 2^63 bytes"));
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
  std::optional<TensorType> type = findSafetensorsType(typeName);
  if (!type) {
    bool subByte = typeName.starts_with("F4") || typeName.starts_with("F6") || typeName.starts_with("I4") ||
                   typeName.starts_with("U4");
    return unsupported(foundExpected(what,
                                     (subByte ? "the sub-byte dtype " : "the unknown dtype ") + inQuotes(typeName),
                                     "one of " + listSafetensorsTypes() + "; convert the tensor to one of them"));
  }

  TensorView tensor;
  tensor.type = *type;
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
                      std::to_string(bytes) + " bytes for the shape " + shapeText(tensor.shape) + " of " + typeName));
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

} // namespace

Expected<SafetensorsFile> plait::readSafetensors(const FileRange &range) {
  SafetensorsFile file;
  PLAIT_ASSIGN_OR_RETURN(file.mapped, MappedFile::open(range));
  const std::string &path = range.label;
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
    const char *typeName = tensorTypeName(tensor.type);
    if (!typeName || tensorBlockElements(tensor.type) != 1)
      return invalidArgument(foundExpected(what, "a type that safetensors does not have", "one of its types"));
    if (tensor.shape.size() > maxRank ||
        std::any_of(tensor.shape.begin(), tensor.shape.end(), [](int64_t n) { return n < 0; }))
      return invalidArgument(foundExpected(what, "the shape " + shapeText(tensor.shape),
                                           "at most " + std::to_string(maxRank) + " sizes, none negative"));
    Expected<uint64_t> bytes = bytesOfShape(what, tensor.shape, tensor.type);
    if (!bytes)
      return invalidArgument(bytes.status().message());
    if (*bytes != tensor.data.size())
      return invalidArgument(
          foundExpected(what, std::to_string(tensor.data.size()) + " bytes of data",
                        std::to_string(*bytes) + " for the shape " + shapeText(tensor.shape) + " of " + typeName));
    Json entry;
    entry["dtype"] = typeName;
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
