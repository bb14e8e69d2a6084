//===- Gguf.cpp - The GGUF model format -----------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Gguf.h"

#include "runtime/base/Message.h"
#include "runtime/base/Utf8.h"

#include <bit>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>

using namespace plait;

namespace {

constexpr std::string_view magic = "GGUF";
constexpr uint64_t defaultAlignment = 32;
constexpr size_t maxKeyBytes = 65535; // of the specification, as are the next two
constexpr size_t maxTensorNameBytes = 64;
constexpr uint32_t maxDimensions = 4;
/// Far above any model; they bound the work on a hostile file.
constexpr uint64_t maxKeys = 1 << 16, maxTensors = 1 << 20;
/// The least bytes of a key with its value, and of an entry of the directory.
constexpr uint64_t minKeyBytes = 8 + 1 + 4 + 1, minTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;

constexpr std::string_view truncated = "; the file may be truncated, fetch it again";

struct ValueType {
  const char *name;
  unsigned bytes; ///< 0: a string, or an array
};
/// By number.
constexpr ValueType valueTypes[] = {{"u8", 1},  {"i8", 1},  {"u16", 2},  {"i16", 2},    {"u32", 4},
                                    {"i32", 4}, {"f32", 4}, {"bool", 1}, {"string", 0}, {"array", 0},
                                    {"u64", 8}, {"i64", 8}, {"f64", 8}};

const ValueType &describe(GgufType type) { return valueTypes[uint32_t(type)]; }

struct GgmlType {
  uint32_t number;
  const char *name;
  std::optional<TensorType> type = std::nullopt; ///< nothing: Plait cannot read it
};
/// The types of ggml.h; those that are gone from it left out.
constexpr GgmlType ggmlTypes[] = {
    {0, "F32", TensorType::f32},
    {1, "F16", TensorType::f16},
    {2, "Q4_0", TensorType::q4_0},
    {3, "Q4_1"},
    {6, "Q5_0"},
    {7, "Q5_1"},
    {8, "Q8_0", TensorType::q8_0},
    {9, "Q8_1"},
    {10, "Q2_K"},
    {11, "Q3_K"},
    {12, "Q4_K"},
    {13, "Q5_K"},
    {14, "Q6_K"},
    {15, "Q8_K"},
    {16, "IQ2_XXS"},
    {17, "IQ2_XS"},
    {18, "IQ3_XXS"},
    {19, "IQ1_S"},
    {20, "IQ4_NL"},
    {21, "IQ3_S"},
    {22, "IQ2_S"},
    {23, "IQ4_XS"},
    {24, "I8", TensorType::i8},
    {25, "I16", TensorType::i16},
    {26, "I32", TensorType::i32},
    {27, "I64", TensorType::i64},
    {28, "F64", TensorType::f64},
    {29, "IQ1_M"},
    {30, "BF16", TensorType::bf16},
    {34, "TQ1_0"},
    {35, "TQ2_0"},
    {39, "MXFP4"},
    {40, "NVFP4"},
    {41, "Q1_0"},
    {42, "Q2_0"},
};

Expected<TensorType> findGgmlType(const std::string &what, uint32_t number) {
  std::string found = "the unknown ggml type " + std::to_string(number), readable;
  for (const GgmlType &type : ggmlTypes) {
    if (type.number == number && type.type)
      return *type.type;
    if (type.number == number)
      found = "the ggml type " + std::string(type.name);
    if (type.type)
      readable += (readable.empty() ? "" : ", ") + std::string(type.name);
  }
  return unsupported(
      foundExpected(what, found, "one of " + readable + "; take the model in one of them, such as Q8_0"));
}

template <typename T> T loadAs(const uint8_t *bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

/// The integer at `bytes`; nothing if it exceeds int64 or the type has none.
std::optional<int64_t> loadInt(GgufType type, const uint8_t *bytes) {
  switch (type) {
  case GgufType::u8:
    return loadAs<uint8_t>(bytes);
  case GgufType::i8:
    return loadAs<int8_t>(bytes);
  case GgufType::u16:
    return loadAs<uint16_t>(bytes);
  case GgufType::i16:
    return loadAs<int16_t>(bytes);
  case GgufType::u32:
    return loadAs<uint32_t>(bytes);
  case GgufType::i32:
    return loadAs<int32_t>(bytes);
  case GgufType::u64:
    if (loadAs<uint64_t>(bytes) > uint64_t(INT64_MAX))
      return std::nullopt;
    return int64_t(loadAs<uint64_t>(bytes));
  case GgufType::i64:
    return loadAs<int64_t>(bytes);
  default:
    return std::nullopt;
  }
}

std::optional<double> loadNumber(GgufType type, const uint8_t *bytes) {
  if (type == GgufType::f64)
    return loadAs<double>(bytes);
  if (type != GgufType::f32) {
    std::optional<int64_t> integer = loadInt(type, bytes);
    return integer ? std::optional(double(*integer)) : std::nullopt;
  }
  char text[32];
  auto written = std::to_chars(text, text + sizeof(text), loadAs<float>(bytes));
  double value = loadAs<float>(bytes); // stays if it is no number
  (void)std::from_chars(text, written.ptr, value);
  return value;
}

/// "3.5 (f32)", "'x' (string)", "12 values (array of u32)"
std::string valueText(const GgufValue &value) {
  std::string type = describe(value.type).name;
  if (value.isArray)
    return std::to_string(value.count) + " values (array of " + type + ")";
  std::string text;
  if (value.type == GgufType::string)
    text = inQuotes({reinterpret_cast<const char *>(value.bytes.data()) + 8, value.bytes.size() - 8});
  else if (value.type == GgufType::boolean)
    text = value.bytes[0] ? "true" : "false";
  else if (value.type == GgufType::u64)
    text = std::to_string(loadAs<uint64_t>(value.bytes.data()));
  else if (std::optional<int64_t> integer = loadInt(value.type, value.bytes.data()))
    text = std::to_string(*integer);
  else {
    char digits[32];
    double number = *loadNumber(value.type, value.bytes.data());
    text.assign(digits, std::to_chars(digits, digits + sizeof(digits), number).ptr);
  }
  return text + " (" + type + ")";
}

/// The name of part `index` of `count`, counted from 0, if `path` is the name of
/// part `of`.
std::optional<std::string> partPath(const std::string &path, int64_t of, int64_t index, int64_t count) {
  auto ending = [&](int64_t part) {
    char text[64];
    std::snprintf(text, sizeof(text), "-%05lld-of-%05lld.gguf", static_cast<long long>(part + 1),
                  static_cast<long long>(count));
    return std::string(text);
  };
  std::string expected = ending(of);
  if (!path.ends_with(expected))
    return std::nullopt;
  return path.substr(0, path.size() - expected.size()) + ending(index);
}

} // namespace

//===----------------------------------------------------------------------===//
// One file
//===----------------------------------------------------------------------===//

/// Reads a file from front to back into a Gguf.
class Gguf::Reader {
public:
  Reader(Gguf &gguf) : gguf(gguf), bytes(gguf.mapped.front()->bytes()), what(printable(gguf.path())) {}

  Status read() {
    PLAIT_RETURN_IF_ERROR(gguf.mapped.front()->checkUnchanged());
    PLAIT_RETURN_IF_ERROR(readHeader());
    for (uint64_t i = 0; i < keyCount; ++i)
      PLAIT_RETURN_IF_ERROR(readKey());
    PLAIT_RETURN_IF_ERROR(readAlignment());
    std::vector<Entry> entries;
    for (uint64_t i = 0; i < tensorCount; ++i)
      PLAIT_RETURN_IF_ERROR(readEntry(entries));
    return placeTensors(entries);
  }

private:
  /// An entry of the tensor directory.
  struct Entry {
    std::string name;
    TensorView tensor;
    uint64_t offset, bytes;
  };

  uint64_t remaining() const { return bytes.size() - at; }

  Status ended(const std::string &where, const std::string &missing) const {
    return corrupt(foundExpected(where, "the end of the file at byte " + std::to_string(bytes.size()),
                                 missing + std::string(truncated)));
  }

  template <typename T> Expected<T> readNumber(const std::string &where, const char *name) {
    if (remaining() < sizeof(T))
      return ended(where, name);
    T value = loadAs<T>(bytes.data() + at);
    at += sizeof(T);
    return value;
  }

  Expected<std::string_view> readString(const std::string &where, const char *name) {
    PLAIT_ASSIGN_OR_RETURN(uint64_t length, readNumber<uint64_t>(where, name));
    if (length > remaining())
      return corrupt(
          foundExpected(where, std::string(name) + " of " + std::to_string(length) + " bytes",
                        "at most " + std::to_string(remaining()) + ", which remain" + std::string(truncated)));
    std::string_view text(reinterpret_cast<const char *>(bytes.data()) + at, length);
    at += length;
    return text;
  }

  Status readHeader() {
    std::string_view start(reinterpret_cast<const char *>(bytes.data()), std::min(bytes.size(), magic.size()));
    constexpr std::string_view other = "a little-endian GGUF file of version 2 or 3";
    if (start == "FUGG")
      return unsupported(foundExpected(what, "the magic 'FUGG' of a byte-swapped file", std::string(other)));
    if (start.size() == magic.size() && start != magic)
      return corrupt(foundExpected(what, "the magic " + inQuotes(start), "'GGUF'; this is no GGUF file"));
    if (start != magic)
      return ended(what, "'GGUF'");
    at = magic.size();
    PLAIT_ASSIGN_OR_RETURN(uint32_t version, readNumber<uint32_t>(what, "the version"));
    if ((version & 0xFFFF) == 0 && version != 0)
      return unsupported(foundExpected(
          what, "version " + std::to_string(__builtin_bswap32(version)) + " of a big-endian, byte-swapped file",
          std::string(other) + "; convert the model again for little-endian machines"));
    if (version == 0)
      return corrupt(foundExpected(what, "version 0", "version 2 or 3"));
    if (version == 1)
      return unsupported(foundExpected(what, "version 1", "version 2 or 3; convert the model again"));
    if (version > 3)
      return unsupported(foundExpected(what, "version " + std::to_string(version),
                                       "version 2 or 3; a newer Plait may be able to read it"));
    PLAIT_ASSIGN_OR_RETURN(tensorCount, readNumber<uint64_t>(what, "the number of tensors"));
    PLAIT_ASSIGN_OR_RETURN(keyCount, readNumber<uint64_t>(what, "the number of keys"));
    uint64_t fittingKeys = std::min(maxKeys, remaining() / minKeyBytes);
    if (keyCount > fittingKeys)
      return corrupt(foundExpected(what, std::to_string(keyCount) + " keys",
                                   "at most " + std::to_string(fittingKeys) + " in a file of " +
                                       std::to_string(bytes.size()) + " bytes"));
    uint64_t fittingTensors = std::min(maxTensors, remaining() / minTensorBytes);
    if (tensorCount > fittingTensors)
      return corrupt(foundExpected(what, std::to_string(tensorCount) + " tensors",
                                   "at most " + std::to_string(fittingTensors) + " in a file of " +
                                       std::to_string(bytes.size()) + " bytes"));
    return Status::success();
  }

  Expected<GgufType> readType(const std::string &where) {
    PLAIT_ASSIGN_OR_RETURN(uint32_t number, readNumber<uint32_t>(where, "a type"));
    if (number >= std::size(valueTypes))
      return corrupt(foundExpected(where, "the unknown type " + std::to_string(number), "a type from 0 to 12"));
    return GgufType(number);
  }

  Status readKey() {
    PLAIT_ASSIGN_OR_RETURN(std::string_view key, readString(what, "a key"));
    if (key.empty() || key.size() > maxKeyBytes || findInvalidUtf8(key) != std::string_view::npos)
      return corrupt(foundExpected(what, "the key " + inQuotes(key),
                                   "UTF-8 text of 1 to " + std::to_string(maxKeyBytes) + " bytes"));
    const std::string where = what + ": key " + inQuotes(key);
    GgufValue value;
    PLAIT_ASSIGN_OR_RETURN(value.type, readType(where));
    if (value.type == GgufType::array) {
      value.isArray = true;
      PLAIT_ASSIGN_OR_RETURN(value.type, readType(where));
      if (value.type == GgufType::array)
        return unsupported(foundExpected(where, "an array of arrays", "an array of numbers, truth values or strings"));
      PLAIT_ASSIGN_OR_RETURN(value.count, readNumber<uint64_t>(where, "the length of an array"));
    }
    size_t begin = at;
    PLAIT_RETURN_IF_ERROR(skipElements(where, value));
    value.bytes = bytes.subspan(begin, at - begin);
    if (!gguf.values.emplace(key, value).second)
      return corrupt(foundExpected(what, "the key " + inQuotes(key) + " twice", "every key once"));
    return Status::success();
  }

  Status skipElements(const std::string &where, const GgufValue &value) {
    const unsigned size = describe(value.type).bytes;
    // A string is at least its length.
    if (value.count > remaining() / (size ? size : 8))
      return corrupt(foundExpected(where,
                                   std::to_string(value.count) + (value.isArray ? " elements" : " value") +
                                       " of type " + describe(value.type).name,
                                   "no more than fit the " + std::to_string(remaining()) + " bytes that remain" +
                                       std::string(truncated)));
    if (!size) {
      for (uint64_t i = 0; i < value.count; ++i)
        PLAIT_RETURN_IF_ERROR(readString(where, "a string").status());
      return Status::success();
    }
    if (value.type == GgufType::boolean)
      for (uint64_t i = 0; i < value.count; ++i)
        if (bytes[at + i] > 1)
          return corrupt(
              foundExpected(where, "the byte " + std::to_string(bytes[at + i]) + " as a truth value", "0 or 1"));
    at += value.count * size;
    return Status::success();
  }

  Status readAlignment() {
    constexpr std::string_view key = "general.alignment";
    auto found = gguf.values.find(key);
    if (found == gguf.values.end())
      return Status::success();
    if (found->second.isArray || found->second.type != GgufType::u32)
      return corrupt(gguf.error(key, "a power of two (u32)").message());
    alignment = loadAs<uint32_t>(found->second.bytes.data());
    return std::has_single_bit(alignment) ? Status::success()
                                          : corrupt(gguf.error(key, "a power of two (u32)").message());
  }

  Status readEntry(std::vector<Entry> &entries) {
    PLAIT_ASSIGN_OR_RETURN(std::string_view name, readString(what, "a tensor's name"));
    if (name.empty() || name.size() > maxTensorNameBytes || findInvalidUtf8(name) != std::string_view::npos)
      return corrupt(foundExpected(what, "the tensor name " + inQuotes(name),
                                   "UTF-8 text of 1 to " + std::to_string(maxTensorNameBytes) + " bytes"));
    const std::string where = what + ": tensor " + inQuotes(name);
    Entry entry{std::string(name), {}, 0, 0};
    PLAIT_ASSIGN_OR_RETURN(uint32_t rank, readNumber<uint32_t>(where, "the number of dimensions"));
    if (rank < 1 || rank > maxDimensions)
      return corrupt(foundExpected(where, std::to_string(rank) + " dimensions", "1 to 4"));
    std::vector<int64_t> &shape = entry.tensor.shape;
    for (uint32_t i = 0; i < rank; ++i) {
      PLAIT_ASSIGN_OR_RETURN(int64_t extent, readNumber<int64_t>(where, "a dimension"));
      if (extent < 1)
        return corrupt(foundExpected(where, "a dimension of " + std::to_string(extent), "at least 1"));
      shape.insert(shape.begin(), extent); // the file begins with the innermost
    }
    PLAIT_ASSIGN_OR_RETURN(uint32_t number, readNumber<uint32_t>(where, "the type"));
    PLAIT_ASSIGN_OR_RETURN(entry.offset, readNumber<uint64_t>(where, "the offset"));
    PLAIT_ASSIGN_OR_RETURN(TensorType type, findGgmlType(where, number));
    entry.tensor.type = type;
    const std::string shapeOfType = "the shape " + shapeText(shape) + " of " + tensorTypeName(type);
    if (shape.back() % tensorBlockElements(type))
      return corrupt(foundExpected(
          where, shapeOfType, "rows of whole blocks of " + std::to_string(tensorBlockElements(type)) + " elements"));
    std::optional<uint64_t> size = countBytes(type, shape);
    if (!size)
      return corrupt(foundExpected(where, shapeOfType + ", whose size overflows", "a tensor of fewer than 2^63 bytes"));
    entry.bytes = *size;
    entries.push_back(std::move(entry));
    return Status::success();
  }

  /// Padded tensors follow each other in the order of the directory, and nothing
  /// else is there: two readers must not find different models in one file.
  Status placeTensors(std::vector<Entry> &entries) {
    if (entries.empty())
      return Status::success();
    uint64_t start = alignUp(at);
    if (start > bytes.size())
      return ended(what, "the tensors' data");
    uint64_t size = bytes.size() - start, expected = 0, end = 0;
    for (Entry &entry : entries) {
      const std::string where = what + ": tensor " + inQuotes(entry.name);
      const std::string found = "the data offset " + std::to_string(entry.offset);
      if (entry.offset % alignment)
        return corrupt(foundExpected(where, found, "a multiple of the alignment " + std::to_string(alignment)));
      if (entry.offset != expected)
        return corrupt(foundExpected(
            where, found, std::to_string(expected) + ", as tensors follow each other without overlaps or holes"));
      if (entry.bytes > size - std::min(size, entry.offset))
        return corrupt(
            foundExpected(where, found + " and " + std::to_string(entry.bytes) + " bytes, beyond the end of the file",
                          "an end of at most " + std::to_string(size) + std::string(truncated)));
      end = entry.offset + entry.bytes;
      expected = alignUp(end);
      entry.tensor.data = bytes.subspan(start + entry.offset, entry.bytes);
      entry.tensor.file = gguf.path();
      entry.tensor.fileOffset = start + entry.offset;
      if (!gguf.byName.emplace(entry.name, std::move(entry.tensor)).second)
        return corrupt(foundExpected(what, "the tensor " + inQuotes(entry.name) + " twice", "every tensor once"));
    }
    if (size > expected)
      return corrupt(foundExpected(what, std::to_string(size - end) + " trailing bytes after the last tensor",
                                   "the file to end there"));
    return Status::success();
  }

  /// Of a number of at most 2^63 bytes, so that nothing overflows.
  uint64_t alignUp(uint64_t offset) const { return (offset + alignment - 1) & ~(alignment - 1); }

  Gguf &gguf;
  std::span<const uint8_t> bytes;
  std::string what;
  size_t at = 0;
  uint64_t tensorCount = 0, keyCount = 0, alignment = defaultAlignment;
};

bool plait::looksLikeGguf(const std::string &path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) // opening a FIFO would block
    return false;
  char start[magic.size()] = {};
  std::ifstream(path, std::ios::binary).read(start, sizeof(start));
  return path.ends_with(".gguf") || std::string_view(start, sizeof(start)) == magic;
}

Expected<Gguf> Gguf::openPart(const std::string &path) {
  Gguf gguf;
  PLAIT_ASSIGN_OR_RETURN(std::shared_ptr<const MappedFile> file, MappedFile::open(path));
  gguf.mapped.push_back(std::move(file));
  PLAIT_RETURN_IF_ERROR(Reader(gguf).read());
  return gguf;
}

//===----------------------------------------------------------------------===//
// Several files
//===----------------------------------------------------------------------===//

Expected<Gguf> Gguf::open(const std::string &path) {
  PLAIT_ASSIGN_OR_RETURN(Gguf gguf, openPart(path));
  PLAIT_RETURN_IF_ERROR(gguf.addParts(path));
  return gguf;
}

Status Gguf::addParts(const std::string &first) {
  constexpr std::string_view countKey = "split.count", indexKey = "split.no", tensorsKey = "split.tensors.count";
  if (!has(countKey))
    return Status::success();
  PLAIT_ASSIGN_OR_RETURN(int64_t count, getInt(countKey, 0, UINT16_MAX));
  if (count < 2)
    return Status::success();
  PLAIT_ASSIGN_OR_RETURN(int64_t index, getInt(indexKey, 0, count - 1));
  const std::string what = printable(first);
  const std::string parts = std::to_string(count) + " files";
  std::optional<std::string> firstPath = partPath(first, index, 0, count);
  if (!firstPath)
    return invalidArgument(foundExpected(
        what, "file " + std::to_string(index + 1) + " of a model split into " + parts + " under another name",
        "a name that ends as it was split, such as -00001-of-00002.gguf; rename the files"));
  if (index != 0)
    return invalidArgument(foundExpected(what, "file " + std::to_string(index + 1) + " of a model split into " + parts,
                                         "the first, " + printable(*firstPath)));
  PLAIT_ASSIGN_OR_RETURN(int64_t tensors, getInt(tensorsKey, 0, maxTensors));
  for (int64_t i = 1; i < count; ++i) {
    std::string path = *partPath(first, 0, i, count);
    Expected<Gguf> part = openPart(path);
    if (!part && part.status().code() == StatusCode::notFound)
      return notFound(
          foundExpected(what, "no file " + printable(path), "all " + parts + " beside each other; fetch it"));
    if (!part)
      return part.status();
    for (auto [key, expected] : {std::pair(countKey, count), std::pair(indexKey, i), std::pair(tensorsKey, tensors)}) {
      PLAIT_ASSIGN_OR_RETURN(int64_t found, part->getInt(key, 0, INT64_MAX));
      if (found != expected)
        return corrupt(
            part->error(key, std::to_string(expected) + ", as it is a file of another model than " + what).message());
    }
    mapped.push_back(part->mapped.front());
    byName.merge(part->byName);
    if (!part->byName.empty())
      return corrupt(foundExpected(printable(path), "the tensor " + inQuotes(part->byName.begin()->first) + " again",
                                   "every tensor in one file"));
  }
  if (byName.size() != size_t(tensors))
    return corrupt(foundExpected(what, std::to_string(byName.size()) + " tensors in " + parts,
                                 std::to_string(tensors) + ", as split.tensors.count says"));
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Status Gguf::error(std::string_view key, const std::string &expected) const {
  auto value = values.find(key);
  std::string found = value == values.end() ? "no such key" : valueText(value->second);
  return invalidArgument(foundExpected(printable(path()) + ": key " + inQuotes(key), found, expected));
}

std::vector<std::string> Gguf::keysBelow(std::string_view prefix) const {
  std::vector<std::string> keys;
  for (auto value = values.lower_bound(prefix); value != values.end() && value->first.starts_with(prefix); ++value)
    keys.emplace_back(value->first);
  return keys;
}

Expected<const GgufValue *> Gguf::find(std::string_view key, bool array, const std::string &expected) const {
  auto value = values.find(key);
  if (value == values.end() || value->second.isArray != array)
    return error(key, expected);
  return &value->second;
}

Expected<int64_t> Gguf::getInt(std::string_view key, int64_t min, int64_t max) const {
  std::string expected = "an integer";
  if (max != INT64_MAX)
    expected += " from " + std::to_string(min) + " to " + std::to_string(max);
  PLAIT_ASSIGN_OR_RETURN(const GgufValue *value, find(key, false, expected));
  std::optional<int64_t> integer = loadInt(value->type, value->bytes.data());
  if (!integer || *integer < min || *integer > max)
    return error(key, expected);
  return *integer;
}

Expected<double> Gguf::getNumber(std::string_view key) const {
  PLAIT_ASSIGN_OR_RETURN(const GgufValue *value, find(key, false, "a number"));
  std::optional<double> number = loadNumber(value->type, value->bytes.data());
  if (!number)
    return error(key, "a number");
  return *number;
}

Expected<bool> Gguf::getBool(std::string_view key, bool absent) const {
  if (!has(key))
    return absent;
  PLAIT_ASSIGN_OR_RETURN(const GgufValue *value, find(key, false, "true or false"));
  if (value->type != GgufType::boolean)
    return error(key, "true or false");
  return value->bytes[0] != 0;
}

Expected<std::string> Gguf::getString(std::string_view key) const {
  PLAIT_ASSIGN_OR_RETURN(const GgufValue *value, find(key, false, "a string"));
  std::string_view text(reinterpret_cast<const char *>(value->bytes.data()), value->bytes.size());
  if (value->type != GgufType::string)
    return error(key, "a string");
  if (findInvalidUtf8(text.substr(8)) != std::string_view::npos)
    return error(key, "a string in UTF-8");
  return std::string(text.substr(8));
}

Expected<std::vector<int64_t>> Gguf::getInts(std::string_view key) const {
  PLAIT_ASSIGN_OR_RETURN(const GgufValue *value, find(key, true, "an array of integers"));
  std::vector<int64_t> integers;
  for (uint64_t i = 0; i < value->count; ++i) {
    std::optional<int64_t> integer = loadInt(value->type, value->bytes.data() + i * describe(value->type).bytes);
    if (!integer)
      return error(key, "an array of integers");
    integers.push_back(*integer);
  }
  return integers;
}

Expected<std::vector<double>> Gguf::getNumbers(std::string_view key) const {
  PLAIT_ASSIGN_OR_RETURN(const GgufValue *value, find(key, true, "an array of numbers"));
  std::vector<double> numbers;
  for (uint64_t i = 0; i < value->count; ++i) {
    std::optional<double> number = loadNumber(value->type, value->bytes.data() + i * describe(value->type).bytes);
    if (!number)
      return error(key, "an array of numbers");
    numbers.push_back(*number);
  }
  return numbers;
}

Expected<std::vector<std::string_view>> Gguf::getStrings(std::string_view key) const {
  PLAIT_ASSIGN_OR_RETURN(const GgufValue *value, find(key, true, "an array of strings"));
  if (value->type != GgufType::string)
    return error(key, "an array of strings");
  std::vector<std::string_view> strings;
  strings.reserve(value->count);
  for (const uint8_t *at = value->bytes.data(); strings.size() < value->count;) {
    uint64_t length = loadAs<uint64_t>(at);
    strings.emplace_back(reinterpret_cast<const char *>(at) + 8, length);
    if (findInvalidUtf8(strings.back()) != std::string_view::npos)
      return error(key, "strings in UTF-8, but number " + std::to_string(strings.size() - 1) + " is not");
    at += 8 + length;
  }
  return strings;
}
