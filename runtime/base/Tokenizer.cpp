//===- Tokenizer.cpp - tokenizer.json -------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Tokenizer.h"

#include "runtime/base/AddedTokens.h"
#include "runtime/base/Bpe.h"
#include "runtime/base/ByteLevel.h"
#include "runtime/base/File.h"
#include "runtime/base/Json.h"
#include "runtime/base/Nfc.h"
#include "runtime/base/TokenizerRegex.h"
#include "runtime/base/Utf8.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace plait {

/// Keeps positions within a text, also in its byte-level form, below 2^31.
static constexpr size_t maxTextBytes = size_t(512) << 20;

namespace {

enum class SplitBehavior { isolated, removed, mergedWithPrevious, mergedWithNext, contiguous };

/// One pre-tokenizer; sequences are flattened.
struct PreTokenizerStep {
  bool byteLevel = false;
  bool addPrefixSpace = false;         // byteLevel only
  std::optional<TokenizerRegex> regex; // always there in a Split
  SplitBehavior behavior = SplitBehavior::isolated;
  bool invert = false;
};

/// One piece of a template: the text's ids, or special ids.
struct TemplatePiece {
  bool isText = false;
  std::vector<int32_t> ids;
};

/// What an id decodes to.
struct TokenText {
  std::string_view text;
  bool special = false;
  bool skipped = false; ///< when special tokens are
};

/// The texts that pieces refer to while one prompt is encoded; references to
/// the elements of a deque stay valid.
using TextArena = std::deque<std::string>;

struct Segment {
  size_t begin, end;
  bool dropped;
};

/// Turns the matches in a text of `size` bytes into what a Split leaves of it.
std::vector<Segment> segmentsOf(const std::vector<TokenizerRegex::Match> &matches, size_t size,
                                const PreTokenizerStep &step) {
  // First the whole text as a chain of matches and of what is between them.
  struct Stretch {
    size_t begin, end;
    bool isMatch;
  };
  std::vector<Stretch> stretches;
  size_t previous = 0;
  for (auto [begin, end] : matches) {
    if (previous != begin)
      stretches.push_back({previous, begin, step.invert});
    stretches.push_back({begin, end, !step.invert});
    previous = end;
  }
  if (previous != size)
    stretches.push_back({previous, size, step.invert});

  std::vector<Segment> segments;
  if (step.behavior == SplitBehavior::isolated || step.behavior == SplitBehavior::removed) {
    bool remove = step.behavior == SplitBehavior::removed;
    for (const Stretch &s : stretches)
      segments.push_back({s.begin, s.end, remove && s.isMatch});
    return segments;
  }

  bool backwards = step.behavior == SplitBehavior::mergedWithNext;
  if (backwards)
    std::reverse(stretches.begin(), stretches.end());
  bool previousIsMatch = false;
  for (const Stretch &s : stretches) {
    bool merge =
        step.behavior == SplitBehavior::contiguous ? s.isMatch == previousIsMatch : s.isMatch && !previousIsMatch;
    previousIsMatch = s.isMatch;
    if (!merge || segments.empty())
      segments.push_back({s.begin, s.end, false});
    else if (backwards)
      segments.back().begin = s.begin;
    else
      segments.back().end = s.end;
  }
  if (backwards)
    std::reverse(segments.begin(), segments.end());
  return segments;
}

Status applySplit(const PreTokenizerStep &step, std::vector<TextPiece> &pieces) {
  std::vector<TextPiece> result;
  result.reserve(pieces.size());
  std::vector<TokenizerRegex::Match> matches;
  for (const TextPiece &piece : pieces) {
    if (piece.id >= 0) {
      result.push_back(piece);
      continue;
    }
    PLAIT_RETURN_IF_ERROR(step.regex->findAll(piece.text, matches));
    for (const Segment &segment : segmentsOf(matches, piece.text.size(), step))
      if (!segment.dropped && segment.begin < segment.end)
        result.push_back({piece.text.substr(segment.begin, segment.end - segment.begin)});
  }
  pieces = std::move(result);
  return Status::success();
}

Status applyByteLevel(const PreTokenizerStep &step, std::vector<TextPiece> &pieces, TextArena &arena) {
  if (step.addPrefixSpace)
    for (TextPiece &piece : pieces)
      if (piece.id < 0 && piece.text.front() != ' ')
        piece.text = arena.emplace_back(" " + std::string(piece.text));
  if (step.regex)
    PLAIT_RETURN_IF_ERROR(applySplit(step, pieces));

  // All in one string, reserved beforehand so that views into it stay valid.
  size_t bytes = 0;
  for (const TextPiece &piece : pieces)
    bytes += piece.id < 0 ? piece.text.size() : 0;
  std::string &mapped = arena.emplace_back();
  mapped.reserve(2 * bytes);
  for (TextPiece &piece : pieces) {
    if (piece.id >= 0)
      continue;
    size_t begin = mapped.size();
    appendByteLevel(mapped, piece.text);
    piece.text = std::string_view(mapped).substr(begin);
  }
  return Status::success();
}

Status unsupportedComponent(const std::string &what, const JsonView &view, const std::string &type,
                            const std::string &supported) {
  return unsupported(what + ": " + view.path() + "/type: found " + quoteForMessage(type) + "; expected " + supported);
}

/// Nested sequences deeper than this are refused.
constexpr unsigned maxSequenceDepth = 16;

Status checkDepth(const std::string &what, const JsonView &view, unsigned depth) {
  if (depth <= maxSequenceDepth)
    return Status::success();
  return unsupported(what + ": " + view.path() + ": found sequences nested too deeply; expected " + "at most " +
                     std::to_string(maxSequenceDepth) + " levels");
}

} // namespace

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

struct Tokenizer::Impl {
  std::string what; ///< where the tokenizer came from
  Bpe bpe;
  std::vector<AddedToken> added;
  std::deque<std::string> addedNormalized; ///< contents as searched for and decoded
  std::unordered_map<int32_t, TokenText> tokens;
  TokenMap addedIds;
  int64_t size = 0;

  AddedTokenMatcher rawMatcher, normalizedMatcher;
  bool nfc = false;
  std::vector<PreTokenizerStep> preTokenizers;
  std::optional<std::vector<TemplatePiece>> singleTemplate;
  bool decodesByteLevel = false;

  Status load(const Json &json);
  Status readNormalizer(const JsonView &view, unsigned depth);
  Status readPreTokenizer(const JsonView &view, unsigned depth);
  Status readSplit(const JsonView &view);
  Status readPostProcessor(const JsonView &view, unsigned depth);
  Status readTemplate(const JsonView &view);
  Status readDecoder(const JsonView &view);
  Status buildTokens();

  Expected<std::vector<int32_t>> encode(std::string_view text, bool parseSpecial) const;
  void appendDecoded(const TokenText &token, std::string &bytes) const;
};

Status Tokenizer::Impl::load(const Json &json) {
  // "truncation" and "padding" hold for a call, not for a tokenizer, and are the
  // caller's business; they are ignored, as are members that are not known.
  JsonView root(json, what);
  PLAIT_ASSIGN_OR_RETURN(std::string version, root.getString("version", "1.0"));
  if (version != "1.0")
    return unsupported(what + ": /version: found " + quoteForMessage(version) + "; expected \"1.0\"");
  PLAIT_ASSIGN_OR_RETURN(JsonView model, root.get("model"));
  PLAIT_ASSIGN_OR_RETURN(bpe, Bpe::fromJson(model.json(), what));
  if (root.has("normalizer")) {
    PLAIT_ASSIGN_OR_RETURN(JsonView view, root.get("normalizer"));
    PLAIT_RETURN_IF_ERROR(readNormalizer(view, 0));
  }
  if (root.has("added_tokens")) {
    PLAIT_ASSIGN_OR_RETURN(JsonView view, root.get("added_tokens"));
    PLAIT_ASSIGN_OR_RETURN(added, readAddedTokens(view.json(), what));
  }
  PLAIT_RETURN_IF_ERROR(buildTokens());
  if (root.has("pre_tokenizer")) {
    PLAIT_ASSIGN_OR_RETURN(JsonView view, root.get("pre_tokenizer"));
    PLAIT_RETURN_IF_ERROR(readPreTokenizer(view, 0));
  }
  if (root.has("post_processor")) {
    PLAIT_ASSIGN_OR_RETURN(JsonView view, root.get("post_processor"));
    PLAIT_RETURN_IF_ERROR(readPostProcessor(view, 0));
  }
  if (root.has("decoder")) {
    PLAIT_ASSIGN_OR_RETURN(JsonView view, root.get("decoder"));
    PLAIT_RETURN_IF_ERROR(readDecoder(view));
  }
  return Status::success();
}

Status Tokenizer::Impl::readNormalizer(const JsonView &view, unsigned depth) {
  PLAIT_RETURN_IF_ERROR(checkDepth(what, view, depth));
  PLAIT_ASSIGN_OR_RETURN(std::string type, view.getString("type"));
  if (type == "NFC") {
    nfc = true;
    return Status::success();
  }
  if (type != "Sequence")
    return unsupportedComponent(what, view, type, "no normalizer, \"NFC\" or \"Sequence\"");
  PLAIT_ASSIGN_OR_RETURN(JsonView list, view.get("normalizers"));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> elements, list.asArray());
  for (const JsonView &element : elements)
    PLAIT_RETURN_IF_ERROR(readNormalizer(element, depth + 1));
  return Status::success();
}

Status Tokenizer::Impl::readPreTokenizer(const JsonView &view, unsigned depth) {
  PLAIT_RETURN_IF_ERROR(checkDepth(what, view, depth));
  PLAIT_ASSIGN_OR_RETURN(std::string type, view.getString("type"));
  if (type == "Sequence") {
    PLAIT_ASSIGN_OR_RETURN(JsonView list, view.get("pretokenizers"));
    PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> elements, list.asArray());
    for (const JsonView &element : elements)
      PLAIT_RETURN_IF_ERROR(readPreTokenizer(element, depth + 1));
    return Status::success();
  }
  if (type == "Split")
    return readSplit(view);
  if (type != "ByteLevel")
    return unsupportedComponent(what, view, type, "\"ByteLevel\", \"Split\" or \"Sequence\"");

  PreTokenizerStep step;
  step.byteLevel = true;
  PLAIT_ASSIGN_OR_RETURN(step.addPrefixSpace, view.getBool("add_prefix_space", true));
  PLAIT_ASSIGN_OR_RETURN(bool useRegex, view.getBool("use_regex", true));
  if (useRegex) {
    PLAIT_ASSIGN_OR_RETURN(step.regex, TokenizerRegex::compile(byteLevelPattern));
  }
  preTokenizers.push_back(std::move(step));
  return Status::success();
}

Status Tokenizer::Impl::readSplit(const JsonView &view) {
  static constexpr std::pair<const char *, SplitBehavior> behaviors[] = {
      {"Isolated", SplitBehavior::isolated},
      {"Removed", SplitBehavior::removed},
      {"MergedWithPrevious", SplitBehavior::mergedWithPrevious},
      {"MergedWithNext", SplitBehavior::mergedWithNext},
      {"Contiguous", SplitBehavior::contiguous},
  };
  PreTokenizerStep step;
  PLAIT_ASSIGN_OR_RETURN(std::string behavior, view.getString("behavior"));
  const auto *known = std::find_if(std::begin(behaviors), std::end(behaviors),
                                   [&](const auto &entry) { return behavior == entry.first; });
  if (known == std::end(behaviors))
    return unsupported(what + ": " + view.path() + "/behavior: found " + quoteForMessage(behavior) +
                       "; expected \"Isolated\", \"Removed\", \"MergedWithPrevious\", "
                       "\"MergedWithNext\" or \"Contiguous\"");
  step.behavior = known->second;
  PLAIT_ASSIGN_OR_RETURN(step.invert, view.getBool("invert", false));

  PLAIT_ASSIGN_OR_RETURN(JsonView pattern, view.get("pattern"));
  bool isRegex = pattern.has("Regex");
  if (!isRegex && !pattern.has("String"))
    return pattern.error("{\"Regex\": ...} or {\"String\": ...}");
  PLAIT_ASSIGN_OR_RETURN(std::string text, pattern.getString(isRegex ? "Regex" : "String"));
  auto regex = isRegex ? TokenizerRegex::compile(text) : TokenizerRegex::compileLiteral(text);
  if (!regex)
    return regex.status().withContext(what + ": " + pattern.path());
  step.regex = regex.take();
  preTokenizers.push_back(std::move(step));
  return Status::success();
}

Status Tokenizer::Impl::readPostProcessor(const JsonView &view, unsigned depth) {
  PLAIT_RETURN_IF_ERROR(checkDepth(what, view, depth));
  PLAIT_ASSIGN_OR_RETURN(std::string type, view.getString("type"));
  if (type == "ByteLevel") // it changes offsets only, which Plait does not keep
    return Status::success();
  if (type == "TemplateProcessing")
    return readTemplate(view);
  if (type != "Sequence")
    return unsupportedComponent(what, view, type, "\"ByteLevel\", \"TemplateProcessing\" or \"Sequence\"");
  PLAIT_ASSIGN_OR_RETURN(JsonView list, view.get("processors"));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> elements, list.asArray());
  for (const JsonView &element : elements)
    PLAIT_RETURN_IF_ERROR(readPostProcessor(element, depth + 1));
  return Status::success();
}

Status Tokenizer::Impl::readTemplate(const JsonView &view) {
  if (singleTemplate)
    return unsupported(what + ": " + view.path() +
                       ": found a second TemplateProcessing; expected "
                       "at most one");
  std::vector<TemplatePiece> pieces;
  PLAIT_ASSIGN_OR_RETURN(JsonView single, view.get("single"));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> elements, single.asArray());
  bool hasText = false;
  for (const JsonView &element : elements) {
    TemplatePiece piece;
    if (element.has("Sequence")) {
      PLAIT_ASSIGN_OR_RETURN(JsonView sequence, element.get("Sequence"));
      PLAIT_ASSIGN_OR_RETURN(std::string id, sequence.getString("id"));
      if (id != "A" || hasText)
        return unsupported(what + ": " + sequence.path() + ": found sequence " + quoteForMessage(id) +
                           "; expected \"A\" exactly once");
      piece.isText = hasText = true;
    } else if (element.has("SpecialToken")) {
      PLAIT_ASSIGN_OR_RETURN(JsonView token, element.get("SpecialToken"));
      PLAIT_ASSIGN_OR_RETURN(std::string name, token.getString("id"));
      PLAIT_ASSIGN_OR_RETURN(JsonView known, view.get("special_tokens"));
      PLAIT_ASSIGN_OR_RETURN(JsonView entry, known.get(name));
      PLAIT_ASSIGN_OR_RETURN(JsonView idsView, entry.get("ids"));
      PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> ids, idsView.asArray());
      for (const JsonView &idView : ids) {
        PLAIT_ASSIGN_OR_RETURN(int64_t id, idView.asInt(0, std::numeric_limits<int32_t>::max()));
        if (!tokens.count(static_cast<int32_t>(id)))
          return corrupt(what + ": " + idView.path() + ": found id " + std::to_string(id) +
                         ", which no token has; expected the id of a token");
        piece.ids.push_back(static_cast<int32_t>(id));
      }
    } else {
      return element.error("{\"Sequence\": ...} or {\"SpecialToken\": ...}");
    }
    pieces.push_back(std::move(piece));
  }
  if (!hasText)
    return unsupported(what + ": " + single.path() +
                       ": found no sequence; expected \"A\" exactly "
                       "once");
  singleTemplate = std::move(pieces);
  return Status::success();
}

Status Tokenizer::Impl::readDecoder(const JsonView &view) {
  PLAIT_ASSIGN_OR_RETURN(std::string type, view.getString("type"));
  if (type != "ByteLevel")
    return unsupportedComponent(what, view, type, "no decoder or \"ByteLevel\"");
  decodesByteLevel = true;
  return Status::success();
}

/// Joins the model's vocabulary and the added tokens.
Status Tokenizer::Impl::buildTokens() {
  tokens.reserve(bpe.vocabulary().size() + added.size());
  for (const auto &[token, id] : bpe.vocabulary()) {
    tokens[id] = {token};
    size = std::max(size, int64_t(id) + 1);
  }

  std::unordered_set<std::string_view> specialContents;
  for (const AddedToken &token : added)
    if (token.special)
      specialContents.insert(token.content);

  for (const AddedToken &token : added) {
    auto clash = [&](const std::string &found) {
      return corrupt(what + ": /added_tokens: found " + found + " for " + quoteForMessage(token.content) +
                     "; expected one id for each token");
    };
    std::string_view text = token.content;
    if (token.normalized && nfc) {
      PLAIT_ASSIGN_OR_RETURN(std::string normalized, normalizeNfc(text));
      text = addedNormalized.emplace_back(std::move(normalized));
    }
    if (!addedIds.emplace(token.content, token.id).second)
      return clash("a second entry");
    auto model = bpe.vocabulary().find(token.content);
    if (model != bpe.vocabulary().end() && model->second != token.id)
      return clash("id " + std::to_string(token.id) + " and, in the model, " + std::to_string(model->second));
    TokenText decoded{text, token.special, specialContents.count(text) != 0};
    auto [known, isNew] = tokens.try_emplace(token.id, decoded);
    if (!isNew && (model == bpe.vocabulary().end() || known->second.text != token.content))
      return clash("id " + std::to_string(token.id) + " of " + quoteForMessage(known->second.text));
    known->second = decoded;
    size = std::max(size, int64_t(token.id) + 1);
    AddedTokenMatcher &matcher = token.normalized ? normalizedMatcher : rawMatcher;
    PLAIT_RETURN_IF_ERROR(matcher.add(token, text).withContext(what));
  }
  // A model token that spells a special token is skipped like it.
  for (auto &[id, token] : tokens)
    token.skipped = specialContents.count(token.text) != 0;
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Encoding and decoding
//===----------------------------------------------------------------------===//

Expected<std::vector<int32_t>> Tokenizer::Impl::encode(std::string_view text, bool parseSpecial) const {
  TextArena arena;
  std::vector<TextPiece> pieces, raw;
  PLAIT_RETURN_IF_ERROR(rawMatcher.split(text, parseSpecial, raw));
  for (TextPiece &piece : raw) {
    if (piece.id >= 0) {
      pieces.push_back(piece);
      continue;
    }
    if (nfc) {
      PLAIT_ASSIGN_OR_RETURN(std::string normalized, normalizeNfc(piece.text));
      piece.text = arena.emplace_back(std::move(normalized));
    }
    PLAIT_RETURN_IF_ERROR(normalizedMatcher.split(piece.text, parseSpecial, pieces));
  }
  for (const PreTokenizerStep &step : preTokenizers)
    PLAIT_RETURN_IF_ERROR(step.byteLevel ? applyByteLevel(step, pieces, arena) : applySplit(step, pieces));

  std::vector<int32_t> ids;
  Bpe::Scratch scratch;
  for (const TextPiece &piece : pieces) {
    if (piece.id >= 0)
      ids.push_back(piece.id);
    else
      PLAIT_RETURN_IF_ERROR(bpe.encode(piece.text, scratch, ids));
  }
  return ids;
}

void Tokenizer::Impl::appendDecoded(const TokenText &token, std::string &bytes) const {
  if (decodesByteLevel)
    appendByteLevelDecoded(bytes, token.text);
  else
    bytes += token.text;
}

Tokenizer::Tokenizer() : impl(std::make_unique<Impl>()) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer &&) noexcept = default;
Tokenizer &Tokenizer::operator=(Tokenizer &&) noexcept = default;

Expected<Tokenizer> Tokenizer::fromFile(const std::string &path) {
  PLAIT_ASSIGN_OR_RETURN(Json json, readJsonFile(path));
  Tokenizer tokenizer;
  tokenizer.impl->what = printable(path);
  PLAIT_RETURN_IF_ERROR(tokenizer.impl->load(json));
  return tokenizer;
}

Expected<Tokenizer> Tokenizer::fromJsonText(std::string_view text, const std::string &what) {
  PLAIT_ASSIGN_OR_RETURN(Json json, parseJson(text, what));
  Tokenizer tokenizer;
  tokenizer.impl->what = printable(what);
  PLAIT_RETURN_IF_ERROR(tokenizer.impl->load(json));
  return tokenizer;
}

Expected<std::vector<int32_t>> Tokenizer::encode(std::string_view text, bool addSpecialTokens,
                                                 bool parseSpecial) const {
  if (text.size() > maxTextBytes)
    return invalidArgument("encode: found a text of " + std::to_string(text.size()) + " bytes; expected at most " +
                           std::to_string(maxTextBytes));
  if (size_t bad = findInvalidUtf8(text); bad != std::string_view::npos)
    return invalidArgument("encode: found invalid UTF-8 at byte " + std::to_string(bad) +
                           " of the text; expected valid UTF-8");
  PLAIT_ASSIGN_OR_RETURN(std::vector<int32_t> ids, impl->encode(text, parseSpecial));
  if (!addSpecialTokens || !impl->singleTemplate)
    return ids;
  std::vector<int32_t> result;
  for (const TemplatePiece &piece : *impl->singleTemplate) {
    const std::vector<int32_t> &source = piece.isText ? ids : piece.ids;
    result.insert(result.end(), source.begin(), source.end());
  }
  return result;
}

Expected<std::string> Tokenizer::decode(const std::vector<int32_t> &ids, bool skipSpecialTokens) const {
  std::string bytes;
  bool first = true;
  for (size_t i = 0; i < ids.size(); ++i) {
    auto token = impl->tokens.find(ids[i]);
    if (token == impl->tokens.end())
      return invalidArgument("decode: found id " + std::to_string(ids[i]) + " at index " + std::to_string(i) +
                             "; expected the id of a token (the largest is " + std::to_string(impl->size - 1) + ")");
    if (skipSpecialTokens && token->second.skipped)
      continue;
    // Without a decoder the tokens themselves are shown.
    if (!first && !impl->decodesByteLevel)
      bytes += ' ';
    first = false;
    impl->appendDecoded(token->second, bytes);
  }
  if (!impl->decodesByteLevel)
    return bytes;
  std::string text;
  text.reserve(bytes.size());
  moveValidUtf8(bytes, text, /*final=*/true);
  return text;
}

int64_t Tokenizer::vocabularySize() const { return impl->size; }

int32_t Tokenizer::idOf(std::string_view token) const {
  const TokenMap *maps[] = {&impl->addedIds, &impl->bpe.vocabulary()};
  for (const TokenMap *map : maps)
    if (auto it = map->find(token); it != map->end())
      return it->second;
  return -1;
}

bool Tokenizer::isSpecial(int32_t id) const {
  auto token = impl->tokens.find(id);
  return token != impl->tokens.end() && token->second.special;
}

std::string Tokenizer::Stream::push(int32_t id) {
  const Impl &impl = *tokenizer->impl;
  std::string text;
  auto token = impl.tokens.find(id);
  if (token == impl.tokens.end() || token->second.skipped)
    return text;
  if (!impl.decodesByteLevel) {
    // `pending` is the separator owed to the next token.
    text = std::exchange(pending, " ");
    impl.appendDecoded(token->second, text);
    return text;
  }
  impl.appendDecoded(token->second, pending);
  moveValidUtf8(pending, text, /*final=*/false);
  return text;
}

std::string Tokenizer::Stream::finish() {
  std::string text;
  if (tokenizer->impl->decodesByteLevel)
    moveValidUtf8(pending, text, /*final=*/true);
  pending.clear();
  return text;
}

} // namespace plait
