//===- Decoder.cpp - How tokens become text -------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/tokenizer/Decoder.h"

#include "runtime/base/Utf8.h"
#include "runtime/base/tokenizer/ByteLevel.h"
#include "runtime/base/tokenizer/Component.h"
#include "runtime/base/tokenizer/Metaspace.h"
#include "runtime/base/tokenizer/TokenModel.h"
#include "runtime/base/tokenizer/TokenizerRegex.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

namespace plait {

namespace {

//===----------------------------------------------------------------------===//
// Stages
//===----------------------------------------------------------------------===//

class Stage : public DecoderStage {
public:
  explicit Stage(DecoderStagePtr next) : next(std::move(next)) {}
  Status finish() override { return next->finish(); }

protected:
  DecoderStagePtr next;
};

/// A stage that looks at whole tokens only.
class TokenStage : public Stage {
public:
  using Stage::Stage;
  Status take(std::string_view text, bool last) final {
    if (last && partial.empty())
      return takeToken(text);
    partial += text;
    if (!last)
      return Status::success();
    std::string token = std::exchange(partial, std::string());
    return takeToken(token);
  }

protected:
  virtual Status takeToken(std::string_view token) = 0;

private:
  std::string partial;
};

class JoinStage : public Stage {
public:
  using Stage::Stage;
  Status take(std::string_view text, bool last) override {
    if (atBegin && !first)
      PLAIT_RETURN_IF_ERROR(next->take(" ", false));
    first = false;
    atBegin = last;
    return next->take(text, last);
  }

private:
  bool first = true, atBegin = true;
};

class FuseStage : public Stage {
public:
  using Stage::Stage;
  Status take(std::string_view text, bool) override { return next->take(text, false); }
  Status finish() override {
    PLAIT_RETURN_IF_ERROR(next->take("", true));
    return next->finish();
  }
};

/// One token comes out: the bytes of all, repaired to valid UTF-8.
class ByteLevelStage : public TokenStage {
public:
  using TokenStage::TokenStage;
  Status finish() override {
    PLAIT_RETURN_IF_ERROR(handOn(/*last=*/true));
    return next->finish();
  }

protected:
  Status takeToken(std::string_view token) override {
    appendByteLevelDecoded(bytes, token);
    return handOn(/*last=*/false);
  }

private:
  Status handOn(bool last) {
    if (findInvalidUtf8(bytes) == std::string_view::npos) { // as nearly always
      Status status = next->take(bytes, last);
      bytes.clear();
      return status;
    }
    std::string text;
    moveValidUtf8(bytes, text, last);
    return next->take(text, last);
  }

  std::string bytes;
};

/// A row of byte tokens becomes the text that it spells, or as many U+FFFD as it
/// has tokens: what it is shows only when the row ends.
class ByteFallbackStage : public TokenStage {
public:
  using TokenStage::TokenStage;
  Status finish() override {
    PLAIT_RETURN_IF_ERROR(handOn());
    return next->finish();
  }

protected:
  Status takeToken(std::string_view token) override {
    if (int byte = byteOfToken(token); byte >= 0) {
      bytes += static_cast<char>(byte);
      return Status::success();
    }
    PLAIT_RETURN_IF_ERROR(handOn());
    return next->take(token, true);
  }

private:
  Status handOn() {
    std::string row = std::exchange(bytes, std::string());
    if (row.empty())
      return Status::success();
    if (findInvalidUtf8(row) == std::string_view::npos)
      return next->take(row, true);
    for (size_t i = 0; i < row.size(); ++i)
      PLAIT_RETURN_IF_ERROR(next->take("\uFFFD", true));
    return Status::success();
  }

  std::string bytes;
};

/// `text` with `to` for every `from`.
std::string replaceAll(std::string_view text, std::string_view from, std::string_view to) {
  std::string result;
  size_t done = 0;
  for (size_t at = text.find(from); at != std::string_view::npos; at = text.find(from, done)) {
    result += text.substr(done, at - done);
    result += to;
    done = at + from.size();
  }
  result += text.substr(done);
  return result;
}

/// Spaces for the replacement, but none in the first token: there it stands for
/// what was prepended.
class MetaspaceStage : public TokenStage {
public:
  MetaspaceStage(DecoderStagePtr next, const Metaspace &options) : TokenStage(std::move(next)), options(options) {}

protected:
  Status takeToken(std::string_view token) override {
    bool drops = std::exchange(first, false) && options.prepend != Metaspace::Prepend::never;
    return next->take(replaceAll(token, options.replacement, drops ? "" : " "), true);
  }

private:
  const Metaspace &options;
  bool first = true;
};

/// Spaces for the suffix, but none in the last token.
class BpeStage : public TokenStage {
public:
  BpeStage(DecoderStagePtr next, const std::string &suffix) : TokenStage(std::move(next)), suffix(suffix) {}
  Status finish() override {
    if (held)
      PLAIT_RETURN_IF_ERROR(next->take(replaceAll(*held, suffix, ""), true));
    held.reset();
    return next->finish();
  }

protected:
  Status takeToken(std::string_view token) override {
    std::optional<std::string> before = std::exchange(held, std::string(token));
    return before ? next->take(replaceAll(*before, suffix, " "), true) : Status::success();
  }

private:
  const std::string &suffix;
  std::optional<std::string> held; // may be the last
};

/// `token` with `content` for every match.
Expected<std::string> replaceMatches(std::string_view token, const TokenizerRegex &pattern, const std::string &content,
                                     TokenizerRegex::Matches &matches) {
  if (token.empty())
    return std::string();
  PLAIT_RETURN_IF_ERROR(pattern.findAll(token, matches));
  std::string result;
  size_t done = 0;
  for (auto [begin, end] : matches.found) {
    result += token.substr(done, begin - done);
    result += content;
    done = end;
  }
  result += token.substr(done);
  return result;
}

class ReplaceStage : public TokenStage {
public:
  ReplaceStage(DecoderStagePtr next, const TokenizerRegex &pattern, const std::string &content)
      : TokenStage(std::move(next)), pattern(pattern), content(content) {}

protected:
  Status takeToken(std::string_view token) override {
    PLAIT_ASSIGN_OR_RETURN(std::string result, replaceMatches(token, pattern, content, matches));
    return next->take(result, true);
  }

private:
  const TokenizerRegex &pattern;
  const std::string &content;
  TokenizerRegex::Matches matches;
};

/// Takes up to `start` and `stop` of a character off the ends of each token.
class StripStage : public Stage {
public:
  StripStage(DecoderStagePtr next, const std::string &content, int64_t start, int64_t stop)
      : Stage(std::move(next)), content(content), start(start), stop(stop), leftToStrip(start) {}

  Status take(std::string_view text, bool last) override {
    for (; leftToStrip > 0 && !text.empty(); --leftToStrip) {
      if (text.substr(0, content.size()) != content)
        leftToStrip = 1; // the last round
      else
        text.remove_prefix(content.size());
    }
    PLAIT_RETURN_IF_ERROR(handOn(text));
    if (!last)
      return Status::success();
    leftToStrip = start;
    held = 0; // at most `stop`: these are the ones to take off
    return next->take("", true);
  }

private:
  /// Hands on all but the last `stop` of the characters at the end.
  Status handOn(std::string_view text) {
    size_t kept = text.size();
    int64_t run = 0;
    for (; run < stop && kept >= content.size() && text.substr(kept - content.size(), content.size()) == content; ++run)
      kept -= content.size();
    // Where all of `text` is held, what was held before it stays so too.
    int64_t release = kept > 0 ? held : std::max<int64_t>(held + run - stop, 0);
    for (int64_t i = 0; i < release; ++i)
      PLAIT_RETURN_IF_ERROR(next->take(content, false));
    held += run - release;
    return kept > 0 ? next->take(text.substr(0, kept), false) : Status::success();
  }

  const std::string &content; // one character
  int64_t start, stop;
  int64_t leftToStrip;
  int64_t held = 0; // characters held back because they may be the last
};

//===----------------------------------------------------------------------===//
// Decoders
//===----------------------------------------------------------------------===//

template <typename T, typename... Args> Expected<DecoderPtr> make(Args &&...args) {
  return DecoderPtr(std::make_unique<T>(std::forward<Args>(args)...));
}

std::string sameText(std::string_view token) { return std::string(token); }

std::string bytesOfByteLevel(std::string_view token) {
  std::string bytes;
  appendByteLevelDecoded(bytes, token);
  return bytes;
}

std::string byteOrText(std::string_view token) {
  int byte = byteOfToken(token);
  return byte >= 0 ? std::string(1, static_cast<char>(byte)) : std::string(token);
}

/// A decoder without options.
template <typename StageType, std::string (*piece)(std::string_view)> class Plain : public Decoder {
public:
  DecoderStagePtr start(DecoderStagePtr next) const override { return std::make_unique<StageType>(std::move(next)); }
  std::string pieceOf(std::string_view token) const override { return piece(token); }
};

class MetaspaceDecoder : public Decoder {
public:
  explicit MetaspaceDecoder(Metaspace options) : options(std::move(options)) {}
  DecoderStagePtr start(DecoderStagePtr next) const override {
    return std::make_unique<MetaspaceStage>(std::move(next), options);
  }
  std::string pieceOf(std::string_view token) const override { return replaceAll(token, options.replacement, " "); }

private:
  Metaspace options;
};

class BpeDecoder : public Decoder {
public:
  explicit BpeDecoder(std::string suffix) : suffix(std::move(suffix)) {}
  DecoderStagePtr start(DecoderStagePtr next) const override {
    return std::make_unique<BpeStage>(std::move(next), suffix);
  }
  std::string pieceOf(std::string_view token) const override { return replaceAll(token, suffix, " "); }

private:
  std::string suffix;
};

class Replace : public Decoder {
public:
  Replace(TokenizerRegex pattern, std::string content) : pattern(std::move(pattern)), content(std::move(content)) {}
  DecoderStagePtr start(DecoderStagePtr next) const override {
    return std::make_unique<ReplaceStage>(std::move(next), pattern, content);
  }
  std::string pieceOf(std::string_view token) const override {
    TokenizerRegex::Matches matches;
    if (findInvalidUtf8(token) != std::string_view::npos)
      return std::string(token); // a part of a character, which no pattern matches
    Expected<std::string> result = replaceMatches(token, pattern, content, matches);
    return result ? result.take() : std::string(token);
  }

private:
  TokenizerRegex pattern;
  std::string content;
};

class Strip : public Decoder {
public:
  Strip(std::string content, int64_t left, int64_t right) : content(std::move(content)), left(left), right(right) {}
  DecoderStagePtr start(DecoderStagePtr next) const override {
    return std::make_unique<StripStage>(std::move(next), content, left, right);
  }
  std::string pieceOf(std::string_view token) const override { return std::string(token); }

private:
  std::string content;
  int64_t left, right;
};

class Sequence : public Decoder {
public:
  explicit Sequence(std::vector<DecoderPtr> decoders) : decoders(std::move(decoders)) {}
  DecoderStagePtr start(DecoderStagePtr next) const override {
    for (auto decoder = decoders.rbegin(); decoder != decoders.rend(); ++decoder)
      next = (*decoder)->start(std::move(next));
    return next;
  }
  std::string pieceOf(std::string_view token) const override {
    std::string piece(token);
    for (const DecoderPtr &decoder : decoders)
      piece = decoder->pieceOf(piece);
    return piece;
  }

private:
  std::vector<DecoderPtr> decoders;
};

template <typename StageType, std::string (*piece)(std::string_view)>
Expected<DecoderPtr> readPlain(const JsonView &, unsigned) {
  return make<Plain<StageType, piece>>();
}

Expected<DecoderPtr> readMetaspace(const JsonView &view, unsigned) {
  PLAIT_ASSIGN_OR_RETURN(Metaspace options, Metaspace::fromJson(view));
  return make<MetaspaceDecoder>(std::move(options));
}

Expected<DecoderPtr> readBpe(const JsonView &view, unsigned) {
  PLAIT_ASSIGN_OR_RETURN(JsonView suffixView, view.get("suffix"));
  PLAIT_ASSIGN_OR_RETURN(std::string suffix, suffixView.asString());
  if (suffix.empty())
    return unsupportedValue(suffixView, "a suffix");
  return make<BpeDecoder>(std::move(suffix));
}

Expected<DecoderPtr> readReplace(const JsonView &view, unsigned) {
  PLAIT_ASSIGN_OR_RETURN(JsonView patternView, view.get("pattern"));
  PLAIT_ASSIGN_OR_RETURN(TokenizerRegex pattern, TokenizerRegex::fromJson(patternView));
  PLAIT_ASSIGN_OR_RETURN(std::string content, view.getString("content"));
  return make<Replace>(std::move(pattern), std::move(content));
}

Expected<DecoderPtr> readStrip(const JsonView &view, unsigned) {
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  PLAIT_ASSIGN_OR_RETURN(std::string content, readCharacter(view, "content"));
  PLAIT_ASSIGN_OR_RETURN(int64_t left, view.getInt("start", 0, most));
  PLAIT_ASSIGN_OR_RETURN(int64_t right, view.getInt("stop", 0, most));
  return make<Strip>(std::move(content), left, right);
}

Expected<DecoderPtr> readSequence(const JsonView &view, unsigned depth);

constexpr ComponentType<DecoderPtr> decoderTypes[] = {
    {"BPEDecoder", readBpe},
    {"ByteFallback", readPlain<ByteFallbackStage, byteOrText>},
    {"ByteLevel", readPlain<ByteLevelStage, bytesOfByteLevel>},
    {"Fuse", readPlain<FuseStage, sameText>},
    {"Metaspace", readMetaspace},
    {"Replace", readReplace},
    {"Sequence", readSequence},
    {"Strip", readStrip},
};

Expected<DecoderPtr> readSequence(const JsonView &view, unsigned depth) {
  PLAIT_ASSIGN_OR_RETURN(std::vector<DecoderPtr> decoders, readComponents(view, "decoders", decoderTypes, depth));
  return make<Sequence>(std::move(decoders));
}

} // namespace

Expected<DecoderPtr> readDecoder(const JsonView &view) { return readComponent(view, decoderTypes, 0); }

DecoderPtr makeJoiningDecoder() { return std::make_unique<Plain<JoinStage, sameText>>(); }

} // namespace plait
