//===- GgufTokenizer.cpp - The vocabulary of a GGUF file ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/GgufModel.h"

#include "runtime/base/Message.h"
#include "runtime/base/Utf8.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

using namespace plait;

//===----------------------------------------------------------------------===//
// Pre-tokenizers
//===----------------------------------------------------------------------===//

namespace {

/// A value of tokenizer.ggml.pre: how text is cut into words before merging, as
/// in the tokenizer.json of the models that have it.
struct PreTokenizer {
  std::span<const std::string_view> names;
  std::span<const std::string_view> patterns; ///< each isolates what it matches
  bool byteLevelWords = false;                ///< then GPT-2's own pattern
  bool ignoreMerges = false, addsBos = false, nfc = false;
};

// Parts of what follows.
#define PLAIT_CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define PLAIT_REST R"(|\s*[\r\n]+|\s+(?!\S)|\s+)"
#define PLAIT_UPPER R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])"
#define PLAIT_LOWER R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])"

constexpr std::string_view gpt2Words = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

constexpr std::string_view gpt2Names[] = {"gpt-2", "phi-2", "mpt"};
constexpr std::string_view olmoNames[] = {"olmo"};
constexpr std::string_view digitNames[] = {"starcoder", "refact", "smollm", "codeshell"};
constexpr std::string_view commandNames[] = {"command-r"};
constexpr std::string_view digitPatterns[] = {R"(\p{N})"};
constexpr std::string_view llama3Names[] = {"llama-bpe", "llama3", "llama-v3"};
constexpr std::string_view dbrxNames[] = {"dbrx", "smaug-bpe", "chatglm-bpe", "glm4"};
constexpr std::string_view llama3Patterns[] = {
    PLAIT_CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)" PLAIT_REST};
constexpr std::string_view qwen2Names[] = {"qwen2"};
constexpr std::string_view distilledNames[] = {"deepseek-r1-qwen", "stablelm2"};
constexpr std::string_view qwen2Patterns[] = {
    PLAIT_CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)" PLAIT_REST};
constexpr std::string_view qwen35Names[] = {"qwen35"};
constexpr std::string_view qwen35Patterns[] = {
    PLAIT_CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*)" PLAIT_REST};
constexpr std::string_view tekkenNames[] = {"tekken"};
constexpr std::string_view tekkenPatterns[] = {R"([^\r\n\p{L}\p{N}]?)" PLAIT_UPPER "*" PLAIT_LOWER
                                               R"(+|[^\r\n\p{L}\p{N}]?)" PLAIT_UPPER "+" PLAIT_LOWER
                                               R"(*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*)" PLAIT_REST};
constexpr std::string_view gpt4oNames[] = {"gpt-4o", "llama4"};
constexpr std::string_view gpt4oPatterns[] = {
    R"([^\r\n\p{L}\p{N}]?)" PLAIT_UPPER "*" PLAIT_LOWER "+" PLAIT_CONTRACTIONS R"(?|[^\r\n\p{L}\p{N}]?)" PLAIT_UPPER
    "+" PLAIT_LOWER "*" PLAIT_CONTRACTIONS R"(?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*)" PLAIT_REST};
constexpr std::string_view deepseek3Names[] = {"deepseek-v3"};
constexpr std::string_view deepseek3Patterns[] = {
    R"(\p{N}{1,3})", "[一-龥぀-ゟ゠-ヿ]+",
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*)" //
    PLAIT_REST};
constexpr std::string_view falconNames[] = {"falcon"};
constexpr std::string_view falconPatterns[] = {R"([\p{P}\$\+<=>\^~\|`]+)", gpt2Words, "[0-9][0-9][0-9]"};
// What llama.cpp does for models of which nothing is known.
constexpr std::string_view defaultNames[] = {"default"};
constexpr std::string_view defaultPatterns[] = {R"([\p{P}\$\+<=>\^~\|]+)", gpt2Words, R"(\p{N}+)", "[0-9][0-9][0-9]"};

#undef PLAIT_CONTRACTIONS
#undef PLAIT_REST
#undef PLAIT_UPPER
#undef PLAIT_LOWER

const PreTokenizer preTokenizers[] = {
    {.names = defaultNames, .patterns = defaultPatterns},
    {.names = gpt2Names, .patterns = {}, .byteLevelWords = true},
    {.names = olmoNames, .patterns = {}, .byteLevelWords = true, .nfc = true},
    {.names = digitNames, .patterns = digitPatterns, .byteLevelWords = true},
    {.names = commandNames, .patterns = digitPatterns, .byteLevelWords = true, .nfc = true},
    {.names = llama3Names, .patterns = llama3Patterns, .ignoreMerges = true, .addsBos = true},
    {.names = dbrxNames, .patterns = llama3Patterns},
    {.names = qwen2Names, .patterns = qwen2Patterns, .nfc = true},
    {.names = distilledNames, .patterns = qwen2Patterns},
    {.names = qwen35Names, .patterns = qwen35Patterns, .nfc = true},
    {.names = tekkenNames, .patterns = tekkenPatterns, .ignoreMerges = true, .addsBos = true},
    {.names = gpt4oNames, .patterns = gpt4oPatterns},
    {.names = deepseek3Names, .patterns = deepseek3Patterns},
    {.names = falconNames, .patterns = falconPatterns},
};

Expected<const PreTokenizer *> findPreTokenizer(const Gguf &gguf) {
  constexpr std::string_view key = "tokenizer.ggml.pre";
  std::string known;
  for (const PreTokenizer &entry : preTokenizers)
    for (std::string_view name : entry.names)
      known += (known.empty() ? "one of " : ", ") + std::string(name);
  if (!gguf.has(key))
    return gguf.error(key, known + "; convert the model again with a converter that names the pre-tokenizer");
  PLAIT_ASSIGN_OR_RETURN(std::string found, gguf.getString(key));
  for (const PreTokenizer &entry : preTokenizers)
    if (std::find(entry.names.begin(), entry.names.end(), found) != entry.names.end())
      return &entry;
  return unsupported(gguf.error(key, known + "; Plait does not know how another one cuts text").message());
}

//===----------------------------------------------------------------------===//
// Vocabulary
//===----------------------------------------------------------------------===//

/// tokenizer.ggml.token_type.
enum TokenType : int64_t { undefined, normal, unknown, control, userDefined, unused, byte };

struct Vocabulary {
  std::vector<std::string_view> tokens; ///< by id
  std::vector<int64_t> types;
};

Status checkLength(const Gguf &gguf, std::string_view key, size_t found, size_t tokens) {
  return found == tokens
             ? Status::success()
             : corrupt(gguf.error(key, "one for each of the " + std::to_string(tokens) + " tokens").message());
}

Expected<Vocabulary> readVocabulary(const Gguf &gguf) {
  constexpr std::string_view tokensKey = "tokenizer.ggml.tokens", typesKey = "tokenizer.ggml.token_type";
  Vocabulary vocabulary;
  PLAIT_ASSIGN_OR_RETURN(vocabulary.tokens, gguf.getStrings(tokensKey));
  if (vocabulary.tokens.empty() || vocabulary.tokens.size() > INT32_MAX)
    return corrupt(gguf.error(tokensKey, "1 to 2147483647 tokens").message());
  std::unordered_set<std::string_view> seen;
  for (std::string_view token : vocabulary.tokens)
    if (!seen.insert(token).second)
      return corrupt(gguf.error(tokensKey, "every token once, but " + inQuotes(token) + " is there twice").message());
  vocabulary.types.assign(vocabulary.tokens.size(), normal);
  if (gguf.has(typesKey)) {
    PLAIT_ASSIGN_OR_RETURN(vocabulary.types, gguf.getInts(typesKey));
    PLAIT_RETURN_IF_ERROR(checkLength(gguf, typesKey, vocabulary.types.size(), vocabulary.tokens.size()));
    for (int64_t type : vocabulary.types)
      if (type < undefined || type > byte)
        return corrupt(gguf.error(typesKey, "types from 0 to 6, but one is " + std::to_string(type)).message());
  }
  return vocabulary;
}

Json vocabularyJson(const Vocabulary &vocabulary) {
  // emplace_back of the vector beneath: ordered_map's own insertion is linear.
  Json::object_t ids;
  ids.reserve(vocabulary.tokens.size());
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id)
    ids.emplace_back(std::string(vocabulary.tokens[id]), id);
  return Json(std::move(ids));
}

/// Tokens that are cut out of the text before anything else is done with it.
Json addedTokens(const Vocabulary &vocabulary) {
  Json added = Json::array();
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    int64_t type = vocabulary.types[id];
    if ((type != control && type != userDefined && type != unknown) || vocabulary.tokens[id].empty())
      continue;
    added.push_back({{"id", id},
                     {"content", std::string(vocabulary.tokens[id])},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", type != userDefined}});
  }
  return added;
}

//===----------------------------------------------------------------------===//
// Special tokens
//===----------------------------------------------------------------------===//

/// The text of the token whose id is under tokenizer.ggml.`name`_token_id.
Expected<std::optional<std::string>> specialToken(const Gguf &gguf, const Vocabulary &vocabulary, const char *name) {
  std::string key = "tokenizer.ggml." + std::string(name) + "_token_id";
  if (!gguf.has(key))
    return std::optional<std::string>();
  PLAIT_ASSIGN_OR_RETURN(int64_t id, gguf.getInt(key, 0, int64_t(vocabulary.tokens.size()) - 1));
  return std::optional(std::string(vocabulary.tokens[id]));
}

/// Adds the tokens around a text, if there are any.
Status addTemplate(const Gguf &gguf, const Vocabulary &vocabulary, bool bosByDefault, Json &tokenizer) {
  PLAIT_ASSIGN_OR_RETURN(bool addBos, gguf.getBool("tokenizer.ggml.add_bos_token", bosByDefault));
  PLAIT_ASSIGN_OR_RETURN(bool addEos, gguf.getBool("tokenizer.ggml.add_eos_token", false));
  Json single = Json::array(), special = Json::object();
  auto add = [&](const char *name) -> Status {
    std::string key = "tokenizer.ggml." + std::string(name) + "_token_id";
    PLAIT_ASSIGN_OR_RETURN(int64_t id, gguf.getInt(key, 0, int64_t(vocabulary.tokens.size()) - 1));
    std::string token(vocabulary.tokens[id]);
    single.push_back({{"SpecialToken", {{"id", token}, {"type_id", 0}}}});
    special[token] = {{"id", token}, {"ids", {id}}, {"tokens", {token}}};
    return Status::success();
  };
  if (addBos)
    PLAIT_RETURN_IF_ERROR(add("bos"));
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  if (addEos)
    PLAIT_RETURN_IF_ERROR(add("eos"));
  if (addBos || addEos)
    tokenizer["post_processor"] = {
        {"type", "TemplateProcessing"},
        {"single", single},
        {"pair", {{{"Sequence", {{"id", "A"}, {"type_id", 0}}}}, {{"Sequence", {{"id", "B"}, {"type_id", 1}}}}}},
        {"special_tokens", special}};
  return Status::success();
}

//===----------------------------------------------------------------------===//
// The two kinds
//===----------------------------------------------------------------------===//

/// "gpt2": BPE over bytes that are spelled as characters.
Status addByteLevel(const Gguf &gguf, const Vocabulary &vocabulary, Json &tokenizer) {
  PLAIT_ASSIGN_OR_RETURN(const PreTokenizer *pre, findPreTokenizer(gguf));
  if (pre->nfc)
    tokenizer["normalizer"] = {{"type", "NFC"}};
  Json steps = Json::array();
  for (std::string_view pattern : pre->patterns)
    steps.push_back({{"type", "Split"},
                     {"pattern", {{"Regex", std::string(pattern)}}},
                     {"behavior", "Isolated"},
                     {"invert", false}});
  steps.push_back(
      {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", pre->byteLevelWords}});
  tokenizer["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", steps}};
  PLAIT_RETURN_IF_ERROR(addTemplate(gguf, vocabulary, pre->addsBos, tokenizer));
  tokenizer["decoder"] = {
      {"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};

  constexpr std::string_view mergesKey = "tokenizer.ggml.merges";
  PLAIT_ASSIGN_OR_RETURN(std::vector<std::string_view> lines, gguf.getStrings(mergesKey));
  Json merges = Json::array();
  for (std::string_view line : lines) {
    size_t space = line.find(' ', 1); // the left one is not empty
    if (space == std::string_view::npos)
      return corrupt(
          gguf.error(mergesKey, "two tokens with a space in between, but one is " + inQuotes(line)).message());
    merges.push_back({std::string(line.substr(0, space)), std::string(line.substr(space + 1))});
  }
  tokenizer["model"] = {{"type", "BPE"},
                        {"dropout", nullptr},
                        {"unk_token", nullptr},
                        {"continuing_subword_prefix", nullptr},
                        {"end_of_word_suffix", nullptr},
                        {"fuse_unk", false},
                        {"byte_fallback", false},
                        {"ignore_merges", pre->ignoreMerges},
                        {"vocab", vocabularyJson(vocabulary)},
                        {"merges", merges}};
  return Status::success();
}

/// Far above those of any model: a piece is looked up in all its parts, which takes
/// the square of its length.
constexpr size_t maxPieceBytes = 1024;

size_t countCharacters(std::string_view text) {
  return size_t(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

/// SentencePiece merges the two neighbours that make the token of the highest
/// score. As a list: every way to make a token of two others, best token first.
/// The order is that of Hugging Face's converter (generate_merges in
/// tokenization_utils_sentencepiece.py), ties included.
Json makeMerges(const Vocabulary &vocabulary, const std::vector<double> &scores) {
  struct Merge {
    double score;
    size_t leftLength, rightLength; ///< characters
    int32_t token, left, right;
  };
  auto isPiece = [&](size_t id) { return vocabulary.types[id] == normal || vocabulary.types[id] == userDefined; };
  std::unordered_map<std::string_view, int32_t> ids;
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id)
    if (isPiece(id))
      ids.emplace(vocabulary.tokens[id], int32_t(id));
  std::vector<Merge> merges;
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    std::string_view token = vocabulary.tokens[id];
    size_t length = countCharacters(token), characters = 0;
    for (size_t i = 1; isPiece(id) && i < token.size(); ++i) {
      if ((token[i] & 0xC0) == 0x80)
        continue;
      ++characters;
      auto left = ids.find(token.substr(0, i)), right = ids.find(token.substr(i));
      if (left != ids.end() && right != ids.end())
        merges.push_back({scores[id], characters, length - characters, int32_t(id), left->second, right->second});
    }
  }
  std::sort(merges.begin(), merges.end(), [](const Merge &a, const Merge &b) {
    auto rank = std::tie(a.score, a.leftLength, a.rightLength), other = std::tie(b.score, b.leftLength, b.rightLength);
    return rank != other ? rank > other : std::tie(a.token, a.left, a.right) < std::tie(b.token, b.left, b.right);
  });
  Json list = Json::array();
  for (const Merge &merge : merges)
    list.push_back({std::string(vocabulary.tokens[merge.left]), std::string(vocabulary.tokens[merge.right])});
  return list;
}

/// "llama": SentencePiece's BPE over characters, with a token for each byte that
/// is in no other one.
Status addSentencePiece(const Gguf &gguf, const Vocabulary &vocabulary, Json &tokenizer) {
  constexpr std::string_view scoresKey = "tokenizer.ggml.scores";
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id)
    if (size_t bytes = vocabulary.tokens[id].size(); bytes > maxPieceBytes)
      return unsupported(gguf.error("tokenizer.ggml.tokens", "pieces of at most " + std::to_string(maxPieceBytes) +
                                                                 " bytes, but number " + std::to_string(id) + " has " +
                                                                 std::to_string(bytes))
                             .message());
  PLAIT_ASSIGN_OR_RETURN(std::vector<double> scores, gguf.getNumbers(scoresKey));
  PLAIT_RETURN_IF_ERROR(checkLength(gguf, scoresKey, scores.size(), vocabulary.tokens.size()));
  PLAIT_ASSIGN_OR_RETURN(bool prefix, gguf.getBool("tokenizer.ggml.add_space_prefix", true));
  const char *space = "▁";
  Json normalizers = Json::array(), decoders = Json::array();
  if (prefix)
    normalizers.push_back({{"type", "Prepend"}, {"prepend", space}});
  normalizers.push_back({{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", space}});
  decoders.push_back({{"type", "Replace"}, {"pattern", {{"String", space}}}, {"content", " "}});
  decoders.push_back({{"type", "ByteFallback"}});
  decoders.push_back({{"type", "Fuse"}});
  if (prefix)
    decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  tokenizer["normalizer"] = {{"type", "Sequence"}, {"normalizers", normalizers}};
  PLAIT_RETURN_IF_ERROR(addTemplate(gguf, vocabulary, /*bosByDefault=*/true, tokenizer));
  tokenizer["decoder"] = {{"type", "Sequence"}, {"decoders", decoders}};

  auto unknownToken = std::find(vocabulary.types.begin(), vocabulary.types.end(), unknown);
  Json unknownText;
  if (unknownToken != vocabulary.types.end())
    unknownText = std::string(vocabulary.tokens[unknownToken - vocabulary.types.begin()]);
  bool hasBytes = std::find(vocabulary.types.begin(), vocabulary.types.end(), byte) != vocabulary.types.end();
  tokenizer["model"] = {{"type", "BPE"},
                        {"dropout", nullptr},
                        {"unk_token", unknownText},
                        {"continuing_subword_prefix", nullptr},
                        {"end_of_word_suffix", nullptr},
                        {"fuse_unk", true},
                        {"byte_fallback", hasBytes},
                        {"ignore_merges", false},
                        {"vocab", vocabularyJson(vocabulary)},
                        {"merges", makeMerges(vocabulary, scores)}};
  return Status::success();
}

/// "gpt2", "llama", ..., or "" if the file has no vocabulary.
Expected<std::string> tokenizerKind(const Gguf &gguf) {
  constexpr std::string_view key = "tokenizer.ggml.model";
  if (!gguf.has(key))
    return std::string();
  PLAIT_ASSIGN_OR_RETURN(std::string kind, gguf.getString(key));
  return kind == "no_vocab" || kind == "none" ? std::string() : kind;
}

} // namespace

Expected<std::optional<Json>> plait::makeTokenizer(const Gguf &gguf) {
  PLAIT_ASSIGN_OR_RETURN(std::string kind, tokenizerKind(gguf));
  if (kind.empty())
    return std::optional<Json>();
  if (kind != "gpt2" && kind != "llama")
    return unsupported(
        gguf.error("tokenizer.ggml.model", "one of gpt2, llama; Plait has no other tokenizer").message());
  PLAIT_ASSIGN_OR_RETURN(Vocabulary vocabulary, readVocabulary(gguf));
  Json tokenizer = {{"version", "1.0"},          {"truncation", nullptr},
                    {"padding", nullptr},        {"added_tokens", addedTokens(vocabulary)},
                    {"normalizer", nullptr},     {"pre_tokenizer", nullptr},
                    {"post_processor", nullptr}, {"decoder", nullptr}};
  PLAIT_RETURN_IF_ERROR(kind == "gpt2" ? addByteLevel(gguf, vocabulary, tokenizer)
                                       : addSentencePiece(gguf, vocabulary, tokenizer));
  return std::optional(std::move(tokenizer));
}

Expected<std::optional<Json>> plait::makeTokenizerConfig(const Gguf &gguf) {
  PLAIT_ASSIGN_OR_RETURN(std::string kind, tokenizerKind(gguf));
  if (kind.empty())
    return std::optional<Json>();
  PLAIT_ASSIGN_OR_RETURN(Vocabulary vocabulary, readVocabulary(gguf));
  Json config = Json::object();
  for (const char *name : {"bos", "eos", "unknown", "padding"}) {
    PLAIT_ASSIGN_OR_RETURN(std::optional<std::string> token, specialToken(gguf, vocabulary, name));
    std::string member = name == std::string_view("unknown")   ? "unk"
                         : name == std::string_view("padding") ? "pad"
                                                               : name;
    if (token)
      config[member + "_token"] = *token;
  }
  config["tokenizer_class"] = "PreTrainedTokenizerFast";
  return std::optional(std::move(config));
}

Expected<std::optional<std::string>> plait::makeChatTemplate(const Gguf &gguf) {
  constexpr std::string_view key = "tokenizer.chat_template";
  if (!gguf.has(key))
    return std::optional<std::string>();
  PLAIT_ASSIGN_OR_RETURN(std::string text, gguf.getString(key));
  return std::optional(std::move(text));
}
