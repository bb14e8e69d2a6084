//===- Tokenizer.cpp - tokenizer.json -------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Tokenizer.h"

#include "runtime/base/File.h"
#include "runtime/base/Json.h"
#include "runtime/base/Utf8.h"
#include "runtime/base/tokenizer/Decoder.h"
#include "runtime/base/tokenizer/Normalizer.h"
#include "runtime/base/tokenizer/PostProcessor.h"
#include "runtime/base/tokenizer/PreTokenizer.h"
#include "runtime/base/tokenizer/TokenModel.h"
#include "runtime/base/tokenizer/Vocabulary.h"

#include <utility>

namespace plait {

/// `text` is not too long to be encoded.
static Status checkSize(std::string_view text, const char *what) {
  if (text.size() <= maxTextBytes)
    return Status::success();
  return invalidArgument(std::string("encode: found ") + what + " of " + std::to_string(text.size()) +
                         " bytes; expected at most " + std::to_string(maxTextBytes));
}

struct Tokenizer::Impl {
  TokenModelPtr model;
  Vocabulary vocabulary;
  NormalizerPtr normalizer;     ///< may be null
  PreTokenizerPtr preTokenizer; ///< may be null
  PostProcessor postProcessor;
  DecoderPtr decoder;

  Status load(const Json &json, const std::string &what);
  Status unknownId(const std::vector<int32_t> &ids, size_t index) const;
  Expected<std::vector<int32_t>> encode(std::string_view text, const SpecialTokenPolicy &policy) const;
};

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

Status Tokenizer::Impl::load(const Json &json, const std::string &what) {
  // "truncation" and "padding" hold for a call, not for a tokenizer, and are the
  // caller's business; they are ignored, as are members that are not known.
  JsonView root(json, what);
  PLAIT_ASSIGN_OR_RETURN(std::string version, root.getString("version", "1.0"));
  if (version != "1.0")
    return unsupported(what + ": /version: found " + quoteForMessage(version) + "; expected \"1.0\"");
  PLAIT_ASSIGN_OR_RETURN(JsonView modelView, root.get("model"));
  PLAIT_ASSIGN_OR_RETURN(model, readTokenModel(modelView));
  if (root.has("normalizer")) {
    PLAIT_ASSIGN_OR_RETURN(JsonView view, root.get("normalizer"));
    PLAIT_ASSIGN_OR_RETURN(normalizer, readNormalizer(view));
  }
  std::vector<AddedToken> added;
  if (root.has("added_tokens")) {
    PLAIT_ASSIGN_OR_RETURN(JsonView view, root.get("added_tokens"));
    PLAIT_ASSIGN_OR_RETURN(added, readAddedTokens(view.json(), what));
  }
  auto built = Vocabulary::build(*model, std::move(added), normalizer.get());
  if (!built)
    return built.status().withContext(what);
  vocabulary = built.take();
  if (root.has("pre_tokenizer")) {
    PLAIT_ASSIGN_OR_RETURN(JsonView view, root.get("pre_tokenizer"));
    PLAIT_ASSIGN_OR_RETURN(preTokenizer, readPreTokenizer(view));
  }
  if (root.has("post_processor")) {
    PLAIT_ASSIGN_OR_RETURN(JsonView view, root.get("post_processor"));
    PLAIT_ASSIGN_OR_RETURN(postProcessor, PostProcessor::fromJson(view));
    for (const std::vector<int32_t> *ids : {&postProcessor.before, &postProcessor.after})
      for (size_t i = 0; i < ids->size(); ++i)
        if (!vocabulary.token((*ids)[i]))
          return unknownId(*ids, i).withContext(view.where());
  }
  decoder = makeJoiningDecoder();
  if (root.has("decoder")) {
    PLAIT_ASSIGN_OR_RETURN(JsonView view, root.get("decoder"));
    PLAIT_ASSIGN_OR_RETURN(decoder, readDecoder(view));
  }
  return Status::success();
}

Status Tokenizer::Impl::unknownId(const std::vector<int32_t> &ids, size_t index) const {
  return invalidArgument("found id " + std::to_string(ids[index]) + " at index " + std::to_string(index) +
                         "; expected the id of a token (the largest is " + std::to_string(vocabulary.size() - 1) + ")");
}

Expected<Tokenizer> Tokenizer::fromFile(const std::string &path) {
  PLAIT_ASSIGN_OR_RETURN(FileRange range, rangeOfFile(path));
  return fromFile(range);
}

Expected<Tokenizer> Tokenizer::fromFile(const FileRange &range) {
  PLAIT_ASSIGN_OR_RETURN(std::string text, readFile(range, JsonLimits().maxBytes));
  return fromJsonText(text, range.label);
}

Expected<Tokenizer> Tokenizer::fromJsonText(std::string_view text, const std::string &what) {
  PLAIT_ASSIGN_OR_RETURN(Json json, parseJson(text, what));
  Tokenizer tokenizer;
  PLAIT_RETURN_IF_ERROR(tokenizer.impl->load(json, printable(what)));
  return tokenizer;
}

Tokenizer::Tokenizer() : impl(std::make_unique<Impl>()) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer &&) noexcept = default;
Tokenizer &Tokenizer::operator=(Tokenizer &&) noexcept = default;

int64_t Tokenizer::vocabularySize() const { return impl->vocabulary.size(); }

int32_t Tokenizer::idOf(std::string_view token) const { return impl->vocabulary.find(token); }

bool Tokenizer::isSpecial(int32_t id) const {
  const Vocabulary::Token *token = impl->vocabulary.token(id);
  return token && token->special;
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

Expected<std::vector<int32_t>> Tokenizer::Impl::encode(std::string_view text, const SpecialTokenPolicy &policy) const {
  std::vector<int32_t> ids;
  if (text.empty())
    return ids;
  TextArena arena;
  std::vector<TextPiece> pieces, raw;
  TextPiece whole{text, -1, static_cast<uint32_t>(decodeUtf8(text, 0).length)};
  PLAIT_RETURN_IF_ERROR(vocabulary.rawMatcher().split(whole, policy, raw));
  for (TextPiece &piece : raw) {
    if (piece.id >= 0) {
      pieces.push_back(piece);
      continue;
    }
    if (normalizer) {
      NormalizedText normalized{std::string(piece.text), piece.promptStart};
      PLAIT_RETURN_IF_ERROR(normalizer->normalize(normalized));
      PLAIT_RETURN_IF_ERROR(checkSize(normalized.text, "a normalized text"));
      piece = {arena.emplace_back(std::move(normalized.text)), -1, static_cast<uint32_t>(normalized.promptStart)};
    }
    PLAIT_RETURN_IF_ERROR(vocabulary.normalizedMatcher().split(piece, policy, pieces));
  }
  if (preTokenizer)
    PLAIT_RETURN_IF_ERROR(preTokenizer->apply(pieces, arena));

  std::unique_ptr<TokenModel::Encoder> encoder = model->makeEncoder();
  for (const TextPiece &piece : pieces) {
    if (piece.id >= 0)
      ids.push_back(piece.id);
    else
      PLAIT_RETURN_IF_ERROR(encoder->encode(piece.text, ids));
  }
  return ids;
}

static Status checkText(std::string_view text) {
  PLAIT_RETURN_IF_ERROR(checkSize(text, "a text"));
  if (size_t bad = findInvalidUtf8(text); bad != std::string_view::npos)
    return invalidArgument("encode: found invalid UTF-8 at byte " + std::to_string(bad) +
                           " of the text; expected valid UTF-8");
  return Status::success();
}

Expected<std::vector<int32_t>> Tokenizer::encodeParts(std::string_view text,
                                                      const std::vector<TextRange> &plain) const {
  PLAIT_RETURN_IF_ERROR(checkText(text));
  return impl->encode(text, {.plain = &plain, .whole = text});
}

Expected<std::vector<int32_t>> Tokenizer::encode(std::string_view text, bool addSpecialTokens,
                                                 bool parseSpecial) const {
  PLAIT_RETURN_IF_ERROR(checkText(text));
  PLAIT_ASSIGN_OR_RETURN(std::vector<int32_t> ids, impl->encode(text, {.everywhere = parseSpecial}));
  if (addSpecialTokens) {
    ids.insert(ids.begin(), impl->postProcessor.before.begin(), impl->postProcessor.before.end());
    ids.insert(ids.end(), impl->postProcessor.after.begin(), impl->postProcessor.after.end());
  }
  return ids;
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

namespace {

/// The last stage: collects the text.
class TextStage : public DecoderStage {
public:
  explicit TextStage(std::string &text) : text(text) {}
  Status take(std::string_view part, bool) override {
    text += part;
    return Status::success();
  }
  Status finish() override { return Status::success(); }

private:
  std::string &text;
};

} // namespace

Expected<std::string> Tokenizer::decode(const std::vector<int32_t> &ids, bool skipSpecialTokens) const {
  std::string text;
  DecoderStagePtr stage = impl->decoder->start(std::make_unique<TextStage>(text));
  for (size_t i = 0; i < ids.size(); ++i) {
    const Vocabulary::Token *token = impl->vocabulary.token(ids[i]);
    if (!token)
      return impl->unknownId(ids, i).withContext("decode");
    if (!skipSpecialTokens || !token->skipped)
      PLAIT_RETURN_IF_ERROR(stage->take(token->text, true));
  }
  PLAIT_RETURN_IF_ERROR(stage->finish());
  return text;
}

std::string Tokenizer::pieceOf(int32_t id) const {
  const Vocabulary::Token *token = impl->vocabulary.token(id);
  return token ? impl->decoder->pieceOf(token->text) : std::string();
}

struct Tokenizer::Stream::State {
  explicit State(const Impl &impl) : impl(impl) { restart(); }
  void restart() { stage = impl.decoder->start(std::make_unique<TextStage>(text)); }

  const Impl &impl;
  std::string text;
  DecoderStagePtr stage;
};

Tokenizer::Stream::Stream(const Tokenizer &tokenizer) : state(std::make_unique<State>(*tokenizer.impl)) {}
Tokenizer::Stream::~Stream() = default;
Tokenizer::Stream::Stream(Stream &&) noexcept = default;
Tokenizer::Stream &Tokenizer::Stream::operator=(Stream &&) noexcept = default;

// A stage fails only where a Replace gives up on a token; the token is left out
// then, for there is nobody to tell.
std::string Tokenizer::Stream::push(int32_t id) {
  const Vocabulary::Token *token = state->impl.vocabulary.token(id);
  if (token && !token->skipped)
    (void)state->stage->take(token->text, true);
  return std::exchange(state->text, std::string());
}

std::string Tokenizer::Stream::finish() {
  (void)state->stage->finish();
  state->restart();
  return std::exchange(state->text, std::string());
}

} // namespace plait
