//===- PreTokenizer.cpp - How text becomes words --------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/tokenizer/PreTokenizer.h"

#include "runtime/base/Utf8.h"
#include "runtime/base/tokenizer/ByteLevel.h"
#include "runtime/base/tokenizer/Component.h"
#include "runtime/base/tokenizer/Metaspace.h"
#include "runtime/base/tokenizer/Split.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

namespace plait {

namespace {

/// The characters that Punctuation cuts at: ASCII's punctuation and symbols, and
/// the category P of Unicode 8, which is what Hugging Face tokenizers knows here.
constexpr std::string_view punctuationPattern =
    "[\\x{21}-\\x{2f}\\x{3a}-\\x{40}\\x{5b}-\\x{60}\\x{7b}-\\x{7e}\\x{a1}\\x{a7}\\x{ab}\\x{b6}-\\x{b7}\\x{bb}"
    "\\x{bf}\\x{37e}\\x{387}\\x{55a}-\\x{55f}\\x{589}-\\x{58a}\\x{5be}\\x{5c0}\\x{5c3}\\x{5c6}\\x{5f3}-\\x{5f4}"
    "\\x{609}-\\x{60a}\\x{60c}-\\x{60d}\\x{61b}\\x{61e}-\\x{61f}\\x{66a}-\\x{66d}\\x{6d4}\\x{700}-\\x{70d}"
    "\\x{7f7}-\\x{7f9}\\x{830}-\\x{83e}\\x{85e}\\x{964}-\\x{965}\\x{970}\\x{af0}\\x{df4}\\x{e4f}\\x{e5a}-\\x{e5b}"
    "\\x{f04}-\\x{f12}\\x{f14}\\x{f3a}-\\x{f3d}\\x{f85}\\x{fd0}-\\x{fd4}\\x{fd9}-\\x{fda}\\x{104a}-\\x{104f}"
    "\\x{10fb}\\x{1360}-\\x{1368}\\x{1400}\\x{166d}-\\x{166e}\\x{169b}-\\x{169c}\\x{16eb}-\\x{16ed}"
    "\\x{1735}-\\x{1736}\\x{17d4}-\\x{17d6}\\x{17d8}-\\x{17da}\\x{1800}-\\x{180a}\\x{1944}-\\x{1945}"
    "\\x{1a1e}-\\x{1a1f}\\x{1aa0}-\\x{1aa6}\\x{1aa8}-\\x{1aad}\\x{1b5a}-\\x{1b60}\\x{1bfc}-\\x{1bff}"
    "\\x{1c3b}-\\x{1c3f}\\x{1c7e}-\\x{1c7f}\\x{1cc0}-\\x{1cc7}\\x{1cd3}\\x{2010}-\\x{2027}\\x{2030}-\\x{2043}"
    "\\x{2045}-\\x{2051}\\x{2053}-\\x{205e}\\x{207d}-\\x{207e}\\x{208d}-\\x{208e}\\x{2308}-\\x{230b}"
    "\\x{2329}-\\x{232a}\\x{2768}-\\x{2775}\\x{27c5}-\\x{27c6}\\x{27e6}-\\x{27ef}\\x{2983}-\\x{2998}"
    "\\x{29d8}-\\x{29db}\\x{29fc}-\\x{29fd}\\x{2cf9}-\\x{2cfc}\\x{2cfe}-\\x{2cff}\\x{2d70}\\x{2e00}-\\x{2e2e}"
    "\\x{2e30}-\\x{2e42}\\x{3001}-\\x{3003}\\x{3008}-\\x{3011}\\x{3014}-\\x{301f}\\x{3030}\\x{303d}\\x{30a0}"
    "\\x{30fb}\\x{a4fe}-\\x{a4ff}\\x{a60d}-\\x{a60f}\\x{a673}\\x{a67e}\\x{a6f2}-\\x{a6f7}\\x{a874}-\\x{a877}"
    "\\x{a8ce}-\\x{a8cf}\\x{a8f8}-\\x{a8fa}\\x{a8fc}\\x{a92e}-\\x{a92f}\\x{a95f}\\x{a9c1}-\\x{a9cd}"
    "\\x{a9de}-\\x{a9df}\\x{aa5c}-\\x{aa5f}\\x{aade}-\\x{aadf}\\x{aaf0}-\\x{aaf1}\\x{abeb}\\x{fd3e}-\\x{fd3f}"
    "\\x{fe10}-\\x{fe19}\\x{fe30}-\\x{fe52}\\x{fe54}-\\x{fe61}\\x{fe63}\\x{fe68}\\x{fe6a}-\\x{fe6b}"
    "\\x{ff01}-\\x{ff03}\\x{ff05}-\\x{ff0a}\\x{ff0c}-\\x{ff0f}\\x{ff1a}-\\x{ff1b}\\x{ff1f}-\\x{ff20}"
    "\\x{ff3b}-\\x{ff3d}\\x{ff3f}\\x{ff5b}\\x{ff5d}\\x{ff5f}-\\x{ff65}\\x{10100}-\\x{10102}\\x{1039f}\\x{103d0}"
    "\\x{1056f}\\x{10857}\\x{1091f}\\x{1093f}\\x{10a50}-\\x{10a58}\\x{10a7f}\\x{10af0}-\\x{10af6}"
    "\\x{10b39}-\\x{10b3f}\\x{10b99}-\\x{10b9c}\\x{11047}-\\x{1104d}\\x{110bb}-\\x{110bc}\\x{110be}-\\x{110c1}"
    "\\x{11140}-\\x{11143}\\x{11174}-\\x{11175}\\x{111c5}-\\x{111c9}\\x{111cd}\\x{111db}\\x{111dd}-\\x{111df}"
    "\\x{11238}-\\x{1123d}\\x{112a9}\\x{114c6}\\x{115c1}-\\x{115d7}\\x{11641}-\\x{11643}\\x{1173c}-\\x{1173e}"
    "\\x{12470}-\\x{12474}\\x{16a6e}-\\x{16a6f}\\x{16af5}\\x{16b37}-\\x{16b3b}\\x{16b44}\\x{1bc9f}"
    "\\x{1da87}-\\x{1da8b}]";

// Unlike in Split, the word characters of Whitespace include the join controls.
constexpr std::string_view wordsPattern = "[\\w\\x{200c}\\x{200d}]+|[^\\w\\x{200c}\\x{200d}\\s]+";

template <typename T, typename... Args> Expected<PreTokenizerPtr> make(Args &&...args) {
  return PreTokenizerPtr(std::make_unique<T>(std::forward<Args>(args)...));
}

class Sequence : public PreTokenizer {
public:
  explicit Sequence(std::vector<PreTokenizerPtr> steps) : steps(std::move(steps)) {}
  Status apply(std::vector<TextPiece> &pieces, TextArena &arena) const override {
    for (const PreTokenizerPtr &step : steps)
      PLAIT_RETURN_IF_ERROR(step->apply(pieces, arena));
    return Status::success();
  }

private:
  std::vector<PreTokenizerPtr> steps;
};

/// Cuts only; several pre-tokenizers are no more than that.
class Splits : public PreTokenizer {
public:
  explicit Splits(Split split) : split(std::move(split)) {}
  Status apply(std::vector<TextPiece> &pieces, TextArena &) const override { return split.apply(pieces); }

private:
  Split split;
};

class ByteLevel : public PreTokenizer {
public:
  ByteLevel(bool addPrefixSpace, std::optional<Split> split)
      : addPrefixSpace(addPrefixSpace), split(std::move(split)) {}

  Status apply(std::vector<TextPiece> &pieces, TextArena &arena) const override {
    for (TextPiece &piece : pieces) {
      if (!addPrefixSpace || piece.id >= 0 || piece.text.front() == ' ')
        continue;
      piece.text = arena.emplace_back(" " + std::string(piece.text));
      piece.promptStart += piece.promptStart != 0;
    }
    if (split)
      PLAIT_RETURN_IF_ERROR(split->apply(pieces));

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
      appendByteLevel(mapped, piece.text.substr(0, piece.promptStart));
      size_t promptStart = mapped.size() - begin;
      appendByteLevel(mapped, piece.text.substr(piece.promptStart));
      piece = {std::string_view(mapped).substr(begin), -1, static_cast<uint32_t>(promptStart)};
    }
    return Status::success();
  }

private:
  bool addPrefixSpace;
  std::optional<Split> split;
};

class MetaspaceWords : public PreTokenizer {
public:
  explicit MetaspaceWords(Metaspace options) : options(std::move(options)) {}

  Status apply(std::vector<TextPiece> &pieces, TextArena &arena) const override {
    const std::string &mark = options.replacement;
    size_t bytes = 0;
    for (const TextPiece &piece : pieces)
      if (piece.id < 0)
        bytes += piece.text.size() + mark.size() +
                 (mark.size() - 1) * static_cast<size_t>(std::count(piece.text.begin(), piece.text.end(), ' '));
    std::string &all = arena.emplace_back();
    all.reserve(bytes); // views into it stay valid
    std::vector<TextPiece> result;
    for (const TextPiece &piece : pieces) {
      if (piece.id >= 0)
        result.push_back(piece);
      else
        cut(rewritten(piece, all), result);
    }
    pieces = std::move(result);
    return Status::success();
  }

private:
  TextPiece rewritten(const TextPiece &piece, std::string &all) const {
    const std::string &mark = options.replacement;
    size_t begin = all.size();
    bool wanted = options.prepend == Metaspace::Prepend::always ||
                  (options.prepend == Metaspace::Prepend::first && piece.promptStart != 0);
    if (wanted && piece.text.front() != ' ' && piece.text.substr(0, mark.size()) != mark)
      all += mark;
    size_t promptStart = all.size() - begin;
    for (size_t i = 0; i < piece.text.size(); ++i) {
      if (piece.text[i] == ' ')
        all += mark;
      else
        all += piece.text[i];
      if (i < piece.promptStart)
        promptStart = all.size() - begin;
    }
    return {std::string_view(all).substr(begin), -1, piece.promptStart == 0 ? 0 : static_cast<uint32_t>(promptStart)};
  }

  void cut(const TextPiece &piece, std::vector<TextPiece> &result) const {
    size_t begin = 0;
    while (options.split && begin < piece.text.size()) {
      size_t next = piece.text.find(options.replacement, begin + 1);
      if (next == std::string_view::npos)
        break;
      result.push_back(piece.part(begin, next));
      begin = next;
    }
    result.push_back(piece.part(begin, piece.text.size()));
  }

  Metaspace options;
};

class FixedLength : public PreTokenizer {
public:
  explicit FixedLength(int64_t length) : length(length) {}
  Status apply(std::vector<TextPiece> &pieces, TextArena &) const override {
    std::vector<TextPiece> result;
    for (const TextPiece &piece : pieces) {
      if (piece.id >= 0) {
        result.push_back(piece);
        continue;
      }
      for (size_t begin = 0; begin < piece.text.size();) {
        size_t end = begin;
        for (int64_t i = 0; i < length && end < piece.text.size(); ++i)
          end += decodeUtf8(piece.text, end).length;
        result.push_back(piece.part(begin, end));
        begin = end;
      }
    }
    pieces = std::move(result);
    return Status::success();
  }

private:
  int64_t length; ///< in characters
};

Expected<PreTokenizerPtr> splitBy(std::string_view pattern, SplitBehavior behavior, bool invert = false) {
  PLAIT_ASSIGN_OR_RETURN(TokenizerRegex regex, TokenizerRegex::compile(pattern));
  return make<Splits>(Split{std::move(regex), behavior, invert});
}

Expected<PreTokenizerPtr> readByteLevel(const JsonView &view, unsigned) {
  PLAIT_ASSIGN_OR_RETURN(bool addPrefixSpace, view.getBool("add_prefix_space", true));
  PLAIT_ASSIGN_OR_RETURN(bool useRegex, view.getBool("use_regex", true));
  std::optional<Split> split;
  if (useRegex) {
    PLAIT_ASSIGN_OR_RETURN(TokenizerRegex regex, TokenizerRegex::compile(byteLevelPattern));
    split = Split{std::move(regex), SplitBehavior::isolated, false};
  }
  return make<ByteLevel>(addPrefixSpace, std::move(split));
}

Expected<PreTokenizerPtr> readSplit(const JsonView &view, unsigned) {
  PLAIT_ASSIGN_OR_RETURN(JsonView behaviorView, view.get("behavior"));
  PLAIT_ASSIGN_OR_RETURN(SplitBehavior behavior, readSplitBehavior(behaviorView));
  PLAIT_ASSIGN_OR_RETURN(bool invert, view.getBool("invert", false));
  PLAIT_ASSIGN_OR_RETURN(JsonView pattern, view.get("pattern"));
  PLAIT_ASSIGN_OR_RETURN(TokenizerRegex regex, TokenizerRegex::fromJson(pattern));
  return make<Splits>(Split{std::move(regex), behavior, invert});
}

Expected<PreTokenizerPtr> readMetaspace(const JsonView &view, unsigned) {
  PLAIT_ASSIGN_OR_RETURN(Metaspace options, Metaspace::fromJson(view));
  return make<MetaspaceWords>(std::move(options));
}

Expected<PreTokenizerPtr> readDigits(const JsonView &view, unsigned) {
  PLAIT_ASSIGN_OR_RETURN(bool individual, view.getBool("individual_digits", false));
  return splitBy("\\p{N}", individual ? SplitBehavior::isolated : SplitBehavior::contiguous);
}

Expected<PreTokenizerPtr> readPunctuation(const JsonView &view, unsigned) {
  SplitBehavior behavior = SplitBehavior::isolated;
  if (view.has("behavior")) {
    PLAIT_ASSIGN_OR_RETURN(JsonView behaviorView, view.get("behavior"));
    PLAIT_ASSIGN_OR_RETURN(behavior, readSplitBehavior(behaviorView));
  }
  return splitBy(punctuationPattern, behavior);
}

Expected<PreTokenizerPtr> readWhitespace(const JsonView &, unsigned) {
  return splitBy(wordsPattern, SplitBehavior::removed, /*invert=*/true);
}

Expected<PreTokenizerPtr> readWhitespaceSplit(const JsonView &, unsigned) {
  return splitBy("\\s", SplitBehavior::removed);
}

Expected<PreTokenizerPtr> readBert(const JsonView &, unsigned) {
  std::vector<PreTokenizerPtr> steps(2);
  PLAIT_ASSIGN_OR_RETURN(steps[0], splitBy("\\s", SplitBehavior::removed));
  PLAIT_ASSIGN_OR_RETURN(steps[1], splitBy(punctuationPattern, SplitBehavior::isolated));
  return make<Sequence>(std::move(steps));
}

Expected<PreTokenizerPtr> readCharDelimiterSplit(const JsonView &view, unsigned) {
  PLAIT_ASSIGN_OR_RETURN(std::string delimiter, readCharacter(view, "delimiter"));
  PLAIT_ASSIGN_OR_RETURN(TokenizerRegex regex, TokenizerRegex::compileLiteral(delimiter));
  return make<Splits>(Split{std::move(regex), SplitBehavior::removed, false});
}

Expected<PreTokenizerPtr> readFixedLength(const JsonView &view, unsigned) {
  PLAIT_ASSIGN_OR_RETURN(int64_t length, view.getInt("length", 1, std::numeric_limits<int64_t>::max(), 5));
  return make<FixedLength>(length);
}

Expected<PreTokenizerPtr> readSequence(const JsonView &view, unsigned depth);

constexpr ComponentType<PreTokenizerPtr> preTokenizerTypes[] = {
    {"BertPreTokenizer", readBert},
    {"ByteLevel", readByteLevel},
    {"CharDelimiterSplit", readCharDelimiterSplit},
    {"Digits", readDigits},
    {"FixedLength", readFixedLength},
    {"Metaspace", readMetaspace},
    {"Punctuation", readPunctuation},
    {"Sequence", readSequence},
    {"Split", readSplit},
    {"Whitespace", readWhitespace},
    {"WhitespaceSplit", readWhitespaceSplit},
};

Expected<PreTokenizerPtr> readSequence(const JsonView &view, unsigned depth) {
  PLAIT_ASSIGN_OR_RETURN(std::vector<PreTokenizerPtr> steps,
                         readComponents(view, "pretokenizers", preTokenizerTypes, depth));
  return make<Sequence>(std::move(steps));
}

} // namespace

Expected<PreTokenizerPtr> readPreTokenizer(const JsonView &view) { return readComponent(view, preTokenizerTypes, 0); }

} // namespace plait
