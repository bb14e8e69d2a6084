//===- StrategyCall.cpp - From prompt_lookup(k=4) to IR text --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StrategyCall.h"

#include "StrategyLibrary.h"
#include "plait/Driver/StrategyFile.h"
#include "plait/Support/IrInput.h"
#include "runtime/base/File.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

#include <optional>

using namespace plait;
using llvm::StringRef;

namespace {

/// What begins every error.
constexpr const char *kOption = "--decode: ";

struct Argument {
  std::string name, value; ///< no value: empty
};

/// A line of a file's signature, or of a call.
struct Parameter {
  std::string name;
  std::optional<std::string> standard; ///< what it is if nobody says
  std::string word = "";               ///< that stands for this; empty: none
  std::string tree = "";               ///< whose depths it lists, if nobody says; empty: none
  bool isModel = false;
  bool isSublayers = false; ///< sets of sublayers, of which one may be learnt
  std::string shown = "";   ///< in the end, in calls
};

/// What stands for sets of sublayers that are learnt.
constexpr const char *kLearnt = "auto";

bool isName(StringRef text) {
  return !text.empty() && !llvm::isDigit(text.front()) &&
         llvm::all_of(text, [](char c) { return llvm::isAlnum(c) || c == '_'; });
}

/// Splits at commas that stand in no bracket.
Expected<llvm::SmallVector<StringRef>> splitList(StringRef text) {
  llvm::SmallVector<StringRef> parts;
  std::string open;
  size_t begin = 0;
  for (size_t at = 0; at <= text.size(); ++at) {
    char c = at < text.size() ? text[at] : ',';
    if (c == '[' || c == '(')
      open += c == '[' ? ']' : ')';
    else if ((c == ']' || c == ')') && (open.empty() || open.back() != c))
      return invalidArgument("'" + text.str() + "'; expected brackets that match");
    else if (c == ']' || c == ')')
      open.pop_back();
    if (c != ',' || (at < text.size() && !open.empty()))
      continue;
    parts.push_back(text.slice(begin, at).trim());
    begin = at + 1;
  }
  if (!open.empty())
    return invalidArgument("'" + text.str() + "'; expected brackets that are closed");
  if (parts.size() == 1 && parts[0].empty())
    parts.clear();
  return parts;
}

/// `NAME = VALUE`, or a name alone.
Expected<std::vector<Argument>> readArguments(StringRef text) {
  auto parts = splitList(text);
  if (!parts)
    return parts.status();
  std::vector<Argument> arguments;
  for (StringRef part : *parts) {
    auto [name, value] = part.split('=');
    name = name.trim(), value = value.trim();
    if (!isName(name) || (value.empty() && part.contains('=')))
      return invalidArgument("'" + part.str() + "'; expected NAME=VALUE");
    for (const Argument &other : arguments)
      if (other.name == name)
        return invalidArgument("'" + name.str() + "' twice; expected each argument once");
    arguments.push_back({name.str(), value.str()});
  }
  return arguments;
}

/// "4" or "[0,2,4]", whatever the blanks; "" if it is neither.
std::string normalizedValue(StringRef text) {
  int64_t number = 0;
  bool isList = text.starts_with("[") && text.ends_with("]");
  if (isList)
    text = text.drop_front().drop_back();
  std::string result;
  for (StringRef part : llvm::split(text, ',')) {
    if (part.trim().getAsInteger(10, number) || (!isList && !result.empty()))
      return "";
    result += (result.empty() ? "" : ",") + std::to_string(number);
  }
  return isList ? "[" + result + "]" : result;
}

/// "[1,attention.2]" or "[[1],[mlp.2]]", whatever the blanks; "" if it is no list of layers and names, or of such
/// lists. Which names there are is said where sublayers are.
std::string normalizedSets(StringRef text, bool isOuter = true) {
  text = text.trim();
  if (!text.consume_front("[") || !text.consume_back("]"))
    return "";
  auto parts = splitList(text);
  std::string result;
  bool hasSets = parts && !parts->empty() && parts->front().starts_with("[");
  for (StringRef part : parts ? *parts : llvm::SmallVector<StringRef>()) {
    bool isWord =
        !part.empty() && llvm::all_of(part, [](char c) { return llvm::isAlnum(c) || StringRef("._-").contains(c); });
    std::string own = part.starts_with("[") && isOuter && hasSets ? normalizedSets(part, false)
                      : isWord && !hasSets                        ? part.str()
                                                                  : "";
    if (own.empty())
      return "";
    result += (result.empty() ? "" : ",") + own;
  }
  return parts ? "[" + result + "]" : "";
}

/// How many lists a list holds, or 1 if it holds none.
int64_t countSets(StringRef list) { return std::max<int64_t>(1, int64_t(list.count('[')) - 1); }

/// The depth of a tree that is given by its nodes' parents; nothing if that is no tree.
std::optional<int64_t> depthOf(StringRef tree) {
  llvm::SmallVector<StringRef> parts;
  tree.drop_front().drop_back().split(parts, ',');
  std::vector<int64_t> depths;
  for (StringRef part : parts) {
    int64_t parent = 0, node = int64_t(depths.size());
    if (part.getAsInteger(10, parent) || parent >= node || (parent < 0) != (node == 0))
      return std::nullopt;
    depths.push_back(node ? depths[size_t(parent)] + 1 : 0);
  }
  return *std::max_element(depths.begin(), depths.end());
}

/// Those of `list` above the lowest nodes of `tree`, and that depth. What is no tree is refused later.
std::string depthsIn(StringRef list, StringRef tree) {
  std::optional<int64_t> depth = depthOf(tree);
  if (!depth)
    return list.str();
  std::string result;
  for (StringRef part : llvm::split(list.drop_front().drop_back(), ','))
    if (int64_t number = 0; !part.getAsInteger(10, number) && number < *depth)
      result += part.str() + ",";
  return "[" + result + std::to_string(*depth) + "]";
}

bool isList(StringRef value) { return value.starts_with("["); }
bool isDecimal(StringRef value) { return value.contains('.'); }

/// "0.25" of "0.250", and "2.0" of "2"; "" if it is no decimal number.
std::string normalizedDecimal(StringRef text) {
  std::string sign = text.consume_front("-") ? "-" : "";
  auto [whole, fraction] = text.split('.');
  auto isNumber = [](StringRef digits) { return llvm::all_of(digits, llvm::isDigit); };
  if (whole.empty() || !isNumber(whole) || !isNumber(fraction) || text.ends_with("."))
    return "";
  whole = whole.ltrim('0'), fraction = fraction.rtrim('0');
  return sign + (whole.empty() ? "0" : whole.str()) + "." + (fraction.empty() ? "0" : fraction.str());
}

class Filling {
public:
  /// `learnt`: the sets of sublayers that were learnt; empty: not yet.
  Filling(const std::string &source, StringRef text, StringRef learnt) : source(source), text(text), learnt(learnt) {}

  Expected<StrategyText> run(StringRef given) {
    PLAIT_RETURN_IF_ERROR(readSignature());
    auto arguments = readArguments(given);
    if (!arguments)
      return invalidArgument(kOption + name + ": found " + arguments.status().message());
    StrategyText result{name + "(", name, "", source, {}};
    for (const Argument &argument : *arguments)
      if (!find(argument.name))
        return invalidArgument(kOption + name + ": found argument '" + argument.name + "'; expected " +
                               (parameters.empty() ? "none" : "some of " + listOfNames()));
    for (Parameter &parameter : parameters) {
      PLAIT_RETURN_IF_ERROR(fill(parameter, *arguments));
      result.call += (&parameter == parameters.data() ? "" : ",") + parameter.name + "=" + parameter.shown;
      if (parameter.isModel)
        result.models.emplace_back(parameter.name, *parameter.standard);
      result.learns |= parameter.isSublayers && parameter.shown == kLearnt;
    }
    result.call += ")";
    PLAIT_ASSIGN_OR_RETURN(result.text, replaceAll());
    return result;
  }

private:
  Status readSignature() {
    StringRef line = text.split('\n').first.rtrim();
    auto wrong = [&](const std::string &what) {
      return invalidArgument(kOption + source + ": found " + what +
                             "; expected the signature as its first line, such as // NAME(k = 4, size)");
    };
    StringRef rest = line;
    if (!rest.consume_front("//") || !rest.consume_back(")") || !rest.contains('('))
      return wrong("'" + line.take_front(80).str() + "'");
    auto [own, list] = rest.split('(');
    name = own.trim().str();
    if (!isName(name))
      return wrong("the name '" + name + "'");
    auto arguments = readArguments(list);
    if (!arguments)
      return wrong(arguments.status().message());
    for (const Argument &argument : *arguments) {
      Parameter parameter{argument.name, std::nullopt};
      parameter.isModel = text.contains("sequence<@" + argument.name + ">");
      StringRef value = argument.value;
      parameter.isSublayers = !parameter.isModel && value.consume_front("sublayers ");
      if (auto [word, rest] = value.split(':'); !parameter.isModel && isName(word.rtrim())) {
        parameter.word = word.rtrim().str();
        value = rest.trim();
      }
      if (auto [list, tree] = value.split(" of "); !parameter.isModel && isList(list) && !tree.empty()) {
        parameter.tree = tree.trim().str();
        value = list.rtrim();
        const Parameter *known = find(parameter.tree);
        if (!known || !known->standard || !isList(*known->standard))
          return wrong("'" + argument.name + " = " + argument.value + "', where '" + parameter.tree +
                       "' is no list before it");
      }
      if (!argument.value.empty()) {
        parameter.standard = parameter.isModel       ? argument.value
                             : parameter.isSublayers ? normalizedSets(value)
                             : isDecimal(value)      ? normalizedDecimal(value)
                                                     : normalizedValue(value);
        if (parameter.standard->empty())
          return wrong("'" + argument.name + " = " + argument.value + "', which is no number and no list of integers");
      }
      parameters.push_back(std::move(parameter));
    }
    return Status::success();
  }

  const Parameter *find(StringRef name) const {
    auto known = llvm::find_if(parameters, [&](const Parameter &parameter) { return parameter.name == name; });
    return known == parameters.end() ? nullptr : &*known;
  }

  std::string listOfNames() const {
    std::string names;
    for (const Parameter &parameter : parameters)
      names += (names.empty() ? "" : ", ") + parameter.name;
    return names;
  }

  /// Replaces what holds by itself by what was given.
  Status fill(Parameter &parameter, const std::vector<Argument> &arguments) const {
    auto given = llvm::find_if(arguments, [&](const Argument &other) { return other.name == parameter.name; });
    if (!parameter.tree.empty())
      parameter.standard = depthsIn(*parameter.standard, *find(parameter.tree)->standard);
    std::string example = parameter.isModel ? "=PATH, a model to draft with"
                          : parameter.isSublayers
                              ? "=SETS, a list such as [1, attention.2, mlp.3], a list of such lists, or auto"
                          : !parameter.standard     ? "=VALUE, an integer or a list of integers"
                          : !parameter.word.empty() ? "=VALUE, an integer, a list of integers or " + parameter.word
                          : isDecimal(*parameter.standard) ? "=VALUE, a number such as " + *parameter.standard
                          : isList(*parameter.standard)    ? "=VALUE, a list of integers such as " + *parameter.standard
                                                           : "=VALUE, an integer such as " + *parameter.standard;
    std::string expected = "; expected " + parameter.name + example;
    if (given == arguments.end()) {
      if (!parameter.standard)
        return invalidArgument(kOption + name + ": found no argument '" + parameter.name + "'" + expected);
      parameter.shown = parameter.word.empty() ? *parameter.standard : parameter.word;
      return Status::success();
    }
    if (!parameter.word.empty() && given->value == parameter.word) {
      parameter.shown = parameter.word;
      return Status::success();
    }
    if (parameter.isSublayers && given->value == kLearnt) {
      parameter.shown = kLearnt;
      if (!learnt.empty())
        parameter.standard = learnt.str();
      return Status::success();
    }
    bool wantsDecimal = parameter.standard && isDecimal(*parameter.standard);
    std::string value = parameter.isModel       ? given->value
                        : parameter.isSublayers ? normalizedSets(given->value)
                        : wantsDecimal          ? normalizedDecimal(given->value)
                                                : normalizedValue(given->value);
    parameter.shown = value;
    // One number of a list from which to choose.
    if (!parameter.word.empty() && !value.empty() && !isList(value) && isList(*parameter.standard))
      value = "[" + value + "]";
    if (value.empty() || (parameter.standard && !parameter.isModel && isList(value) != isList(*parameter.standard)))
      return invalidArgument(kOption + name + ": found " + parameter.name + "='" + given->value + "'" + expected);
    parameter.standard = value;
    return Status::success();
  }

  /// `$name`, `$(name + 1)` and `$(count name)`
  Expected<std::string> replaceAll() const {
    std::string result;
    StringRef rest = text;
    while (true) {
      auto [before, after] = rest.split('$');
      result += before.str();
      if (before.size() == rest.size())
        return result;
      bool isSum = after.consume_front("("), isCount = isSum && after.consume_front("count ");
      StringRef own = after.take_while([](char c) { return llvm::isAlnum(c) || c == '_'; });
      StringRef tail = after.drop_front(own.size());
      const Parameter *known = find(own);
      if (!known)
        return invalidArgument(
            kOption + source + ": found '$" + own.str() +
            "'; expected a parameter of its first line: " + (parameters.empty() ? "none" : listOfNames()));
      std::string value = *known->standard;
      if (isCount) {
        if (!isList(value) || !tail.consume_front(")"))
          return invalidArgument(kOption + source + ": found '$(count " + own.str() +
                                 "' and what follows; expected $(count NAME) of a list");
        value = std::to_string(countSets(value));
      } else if (isSum) {
        int64_t number = 0, more = 0;
        tail = tail.ltrim();
        bool reads = tail.consume_front("+");
        tail = tail.ltrim();
        if (!reads || tail.consumeInteger(10, more) || !(tail = tail.ltrim()).consume_front(")") ||
            StringRef(value).getAsInteger(10, number) || llvm::AddOverflow(number, more, number))
          return invalidArgument(kOption + source + ": found '$(" + own.str() +
                                 "' and what follows; expected $(NAME + NUMBER) of an integer");
        value = std::to_string(number);
      }
      result += value;
      rest = tail;
    }
  }

  std::string source, name;
  StringRef text, learnt;
  std::vector<Parameter> parameters; ///< `standard` is what they are in the end
};

/// Where the name or path of a call ends. A path may hold any sign, but ends with .mlir.
size_t endOfTarget(StringRef call) {
  for (size_t at = call.find(".mlir"); at != StringRef::npos; at = call.find(".mlir", at + 1))
    if (size_t end = at + 5; end == call.size() || call[end] == '(')
      return end;
  return std::min(call.find('('), call.size());
}

} // namespace

Expected<StrategyText> plait::fillStrategy(const std::string &source, const std::string &text,
                                           const std::string &arguments, const std::string &learnt) {
  return Filling(source, text, learnt).run(arguments);
}

Expected<StrategyText> plait::fillStrategy(const std::string &call, const std::string &learnt) {
  StringRef rest = StringRef(call).trim();
  StringRef target = rest.take_front(endOfTarget(rest));
  rest = rest.drop_front(target.size());
  target = target.trim();
  if (target.empty() || (!rest.empty() && (!rest.consume_front("(") || !rest.consume_back(")"))))
    return invalidArgument(kOption + ("found '" + call) + "'; expected NAME or NAME(ARGUMENT=VALUE,...)");
  if (target.ends_with(".mlir")) {
    PLAIT_ASSIGN_OR_RETURN(std::string text, readFile(target.str(), kMaxIrBytes));
    return fillStrategy(target.str(), text, rest.str(), learnt);
  }
  std::string names;
  for (const LibraryStrategy &strategy : strategyLibrary()) {
    if (strategy.name == target)
      return fillStrategy("strategies/" + target.str() + ".mlir", strategy.text.str(), rest.str(), learnt);
    names += strategy.name.str() + ", ";
  }
  return invalidArgument(kOption + ("found strategy '" + target.str()) + "'; expected ar, " + names +
                         "or the path of a file that ends with .mlir");
}

Expected<std::vector<StrategyText>> plait::fillStrategies(const std::vector<std::string> &calls,
                                                          const std::string &learnt) {
  std::vector<StrategyText> strategies;
  for (const std::string &call : calls) {
    StringRef plain = StringRef(call).trim();
    if (plain == "ar" || plain == "ar()")
      continue;
    PLAIT_ASSIGN_OR_RETURN(StrategyText strategy, fillStrategy(call, learnt));
    if (strategy.name == "ar")
      return invalidArgument(kOption + strategy.source +
                             ": found a strategy called ar, which is plain decoding; "
                             "expected another name");
    for (const StrategyText &other : strategies)
      if (other.call == strategy.call)
        return invalidArgument(kOption + ("found " + strategy.call) + " twice; expected each strategy once");
    strategies.push_back(std::move(strategy));
  }
  return strategies;
}

//===----------------------------------------------------------------------===//
// Files by themselves
//===----------------------------------------------------------------------===//

bool plait::isStrategyFile(const std::string &text) {
  StringRef line = StringRef(text).split('\n').first.rtrim();
  if (!line.consume_front("//") || !line.ends_with(")") || !line.contains('('))
    return false;
  std::string strategy = ("decode.strategy @" + line.split('(').first.trim() + "(").str();
  return StringRef(text).contains(strategy) && !StringRef(text).contains("lm.model");
}

Expected<std::string> plait::completeStrategy(const std::string &source, const std::string &text,
                                              const std::string &arguments) {
  llvm::SetVector<StringRef> models;
  constexpr llvm::StringLiteral kSequence = "decode.sequence<@";
  for (StringRef rest = text; rest.contains(kSequence);) {
    rest = rest.substr(rest.find(kSequence) + kSequence.size());
    models.insert(rest.take_while([](char c) { return llvm::isAlnum(c) || c == '_'; }));
  }
  // The path of a draft model is of no importance.
  std::string given = arguments;
  for (StringRef model : models)
    if (model != "main")
      given += (given.empty() ? "" : ",") + (model + "=" + model).str();
  auto filled = fillStrategy(source, text, given);
  if (!filled) {
    StringRef message = filled.status().message();
    message.consume_front(kOption);
    return invalidArgument(message.str());
  }
  std::string module = filled->text; // lines keep their numbers
  for (StringRef model : models)
    module += "lm.model @" + model.str() + " family \"llama\" numerics row_invariant max_positions 1 {\n}\n";
  return module;
}
