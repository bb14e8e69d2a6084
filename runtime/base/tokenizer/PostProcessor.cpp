//===- PostProcessor.cpp - What is added around the ids -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/tokenizer/PostProcessor.h"

#include "runtime/base/Utf8.h"
#include "runtime/base/tokenizer/Component.h"

#include <limits>
#include <optional>

namespace plait {

namespace {

/// Nothing for those that only change offsets, which Plait does not keep.
using MaybeProcessor = std::optional<PostProcessor>;

Expected<MaybeProcessor> readByteLevel(const JsonView &, unsigned) { return MaybeProcessor(); }

Expected<int32_t> readId(const JsonView &view) {
  PLAIT_ASSIGN_OR_RETURN(int64_t id, view.asInt(0, std::numeric_limits<int32_t>::max()));
  return static_cast<int32_t>(id);
}

/// ["[SEP]", 102]
Expected<int32_t> readNamedId(const JsonView &view, std::string_view key) {
  PLAIT_ASSIGN_OR_RETURN(JsonView pair, view.get(key));
  PLAIT_ASSIGN_OR_RETURN(JsonView id, pair.at(1));
  return readId(id);
}

Expected<MaybeProcessor> readClsSep(const JsonView &view, unsigned) {
  PLAIT_ASSIGN_OR_RETURN(int32_t cls, readNamedId(view, "cls"));
  PLAIT_ASSIGN_OR_RETURN(int32_t sep, readNamedId(view, "sep"));
  return MaybeProcessor(PostProcessor{{cls}, {sep}});
}

Expected<MaybeProcessor> readTemplate(const JsonView &view, unsigned) {
  PostProcessor processor;
  PLAIT_ASSIGN_OR_RETURN(JsonView single, view.get("single"));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> elements, single.asArray());
  bool hasText = false;
  for (const JsonView &element : elements) {
    if (element.has("Sequence")) {
      PLAIT_ASSIGN_OR_RETURN(JsonView sequence, element.get("Sequence"));
      PLAIT_ASSIGN_OR_RETURN(std::string id, sequence.getString("id"));
      if (id != "A" || hasText)
        return unsupported(sequence.where() + ": found sequence " + quoteForMessage(id) +
                           "; expected \"A\" exactly once");
      hasText = true;
    } else if (element.has("SpecialToken")) {
      PLAIT_ASSIGN_OR_RETURN(JsonView token, element.get("SpecialToken"));
      PLAIT_ASSIGN_OR_RETURN(std::string name, token.getString("id"));
      PLAIT_ASSIGN_OR_RETURN(JsonView known, view.get("special_tokens"));
      PLAIT_ASSIGN_OR_RETURN(JsonView entry, known.get(name));
      PLAIT_ASSIGN_OR_RETURN(JsonView idsView, entry.get("ids"));
      PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> ids, idsView.asArray());
      for (const JsonView &idView : ids) {
        PLAIT_ASSIGN_OR_RETURN(int32_t id, readId(idView));
        (hasText ? processor.after : processor.before).push_back(id);
      }
    } else {
      return element.error("{\"Sequence\": ...} or {\"SpecialToken\": ...}");
    }
  }
  if (!hasText)
    return unsupported(single.where() + ": found no sequence; expected \"A\" exactly once");
  return MaybeProcessor(std::move(processor));
}

Expected<MaybeProcessor> readSequence(const JsonView &view, unsigned depth);

constexpr ComponentType<MaybeProcessor> postProcessorTypes[] = {
    {"BertProcessing", readClsSep}, {"ByteLevel", readByteLevel},         {"RobertaProcessing", readClsSep},
    {"Sequence", readSequence},     {"TemplateProcessing", readTemplate},
};

Expected<MaybeProcessor> readSequence(const JsonView &view, unsigned depth) {
  PLAIT_ASSIGN_OR_RETURN(std::vector<MaybeProcessor> elements,
                         readComponents(view, "processors", postProcessorTypes, depth));
  MaybeProcessor result;
  for (MaybeProcessor &element : elements) {
    if (element && result)
      return unsupported(view.where() + ": found two processors that add tokens; expected at most one");
    if (element)
      result = std::move(element);
  }
  return result;
}

} // namespace

Expected<PostProcessor> PostProcessor::fromJson(const JsonView &view) {
  PLAIT_ASSIGN_OR_RETURN(MaybeProcessor processor, readComponent(view, postProcessorTypes, 0));
  return processor ? std::move(*processor) : PostProcessor();
}

} // namespace plait
