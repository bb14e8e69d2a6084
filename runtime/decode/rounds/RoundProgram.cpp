//===- RoundProgram.cpp - Reading strategies ------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/rounds/RoundProgram.h"

#include <algorithm>

using namespace plait;

namespace {

constexpr int64_t kMostValues = 4096, kMostIterations = 1024, kMostSteps = 65536;
constexpr size_t kNothing = kindOf<std::monostate>;

class Reader {
public:
  explicit Reader(RoundProgram &program) : program(program) {}

  Status read(const JsonView &root) {
    PLAIT_ASSIGN_OR_RETURN(program.name, root.getString("name"));
    PLAIT_ASSIGN_OR_RETURN(program.exact, root.getString("exact"));
    PLAIT_ASSIGN_OR_RETURN(int64_t values, root.getInt("values", 1, kMostValues));
    program.kinds.assign(size_t(values), kNothing);
    known.assign(size_t(values), false);
    PLAIT_ASSIGN_OR_RETURN(JsonView models, root.get("models"));
    PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> names, models.asArray());
    if (names.empty() || int64_t(names.size()) > values)
      return models.error("the model of at least one text, and a value for each");
    for (const JsonView &name : names) {
      PLAIT_ASSIGN_OR_RETURN(std::string model, name.asString());
      program.kinds[program.models.size()] = kindOf<TextHandle>;
      known[program.models.size()] = true;
      program.models.push_back(std::move(model));
    }
    PLAIT_ASSIGN_OR_RETURN(JsonView begin, root.get("begin"));
    PLAIT_RETURN_IF_ERROR(readOps(begin, program.begin));
    for (const RoundInstruction &op : program.begin)
      if (!op.op)
        return begin.error("neither forwards nor loops before the first round");
    PLAIT_ASSIGN_OR_RETURN(program.inits, readValues(root, "inits"));
    PLAIT_ASSIGN_OR_RETURN(program.round.arguments, readNewValues(root, "arguments"));
    PLAIT_ASSIGN_OR_RETURN(JsonView round, root.get("round"));
    PLAIT_RETURN_IF_ERROR(readBody(round, program.inits, program.round));
    if (program.round.stop < 0)
      return round.error("a round with \"stop\"");
    if (program.inits.empty() || program.inits[0] != 0)
      return root.error("a round whose first value is text 0");
    program.mostAhead = commits * program.mostNodes;
    return Status::success();
  }

private:
  /// Numbers of values that have been defined.
  Expected<std::vector<int32_t>> readValues(const JsonView &object, std::string_view key) {
    PLAIT_ASSIGN_OR_RETURN(JsonView list, object.get(key));
    PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> entries, list.asArray());
    std::vector<int32_t> numbers;
    for (const JsonView &entry : entries) {
      PLAIT_ASSIGN_OR_RETURN(int64_t number, entry.asInt(0, int64_t(program.kinds.size()) - 1));
      if (!known[size_t(number)])
        return entry.error("the number of a value that is known there");
      numbers.push_back(int32_t(number));
    }
    return numbers;
  }

  /// Numbers of values that have not.
  Expected<std::vector<int32_t>> readNewValues(const JsonView &object, std::string_view key) {
    PLAIT_ASSIGN_OR_RETURN(JsonView list, object.get(key));
    PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> entries, list.asArray());
    std::vector<int32_t> numbers;
    for (const JsonView &entry : entries) {
      PLAIT_ASSIGN_OR_RETURN(int64_t number, entry.asInt(0, int64_t(program.kinds.size()) - 1));
      if (program.kinds[size_t(number)] != kNothing)
        return entry.error("the number of a value that is not known yet");
      numbers.push_back(int32_t(number));
    }
    return numbers;
  }

  Status define(const JsonView &at, const std::vector<int32_t> &numbers, const std::vector<size_t> &kinds) {
    if (numbers.size() != kinds.size())
      return at.error(std::to_string(kinds.size()) + " results");
    for (size_t i = 0; i < kinds.size(); ++i) {
      if (program.kinds[size_t(numbers[i])] != kNothing)
        return at.error("results with numbers of their own");
      program.kinds[size_t(numbers[i])] = kinds[i];
      known[size_t(numbers[i])] = true;
    }
    return Status::success();
  }

  std::vector<size_t> kindsOf(const std::vector<int32_t> &numbers) const {
    std::vector<size_t> kinds;
    for (int32_t number : numbers)
      kinds.push_back(program.kinds[size_t(number)]);
    return kinds;
  }

  Status checkOperands(const JsonView &at, const RoundInstruction &op, const std::vector<size_t> &kinds, bool repeats,
                       size_t optional = kNothing) {
    std::vector<size_t> found = kindsOf(op.operands), expected = kinds;
    if (optional != kNothing && found.size() > kinds.size() && found.back() == optional)
      found.pop_back();
    while (repeats && expected.size() < found.size())
      expected.push_back(kinds.back());
    return found == expected ? Status::success() : at.error("operands of the kinds that the op takes");
  }

  Status readBody(const JsonView &object, const std::vector<int32_t> &inits, RoundBody &body) {
    PLAIT_RETURN_IF_ERROR(define(object, body.arguments, kindsOf(inits)));
    PLAIT_ASSIGN_OR_RETURN(JsonView ops, object.get("ops"));
    PLAIT_RETURN_IF_ERROR(readOps(ops, body.ops));
    PLAIT_ASSIGN_OR_RETURN(body.yield, readValues(object, "yield"));
    if (kindsOf(body.yield) != kindsOf(inits))
      return object.error("values to yield of the kinds that the loop began with");
    if (object.has("stop")) {
      PLAIT_ASSIGN_OR_RETURN(int64_t stop, object.getInt("stop", 0, int64_t(program.kinds.size()) - 1));
      if (!known[size_t(stop)] || program.kinds[size_t(stop)] != kindOf<bool>)
        return object.error("the number of a condition as \"stop\"");
      body.stop = int32_t(stop);
    }
    return Status::success();
  }

  Status readOps(const JsonView &list, std::vector<RoundInstruction> &ops) {
    PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> entries, list.asArray());
    for (const JsonView &entry : entries) {
      PLAIT_ASSIGN_OR_RETURN(std::string name, entry.getString("op"));
      RoundInstruction op;
      PLAIT_ASSIGN_OR_RETURN(op.operands, readValues(entry, "operands"));
      PLAIT_ASSIGN_OR_RETURN(op.results, readNewValues(entry, "results"));
      if (name == "repeat")
        PLAIT_RETURN_IF_ERROR(readRepeat(entry, op));
      else if (name == "forward")
        PLAIT_RETURN_IF_ERROR(readForward(entry, op));
      else if (name == "head")
        PLAIT_RETURN_IF_ERROR(readHead(entry, op));
      else if (name == "recur")
        PLAIT_RETURN_IF_ERROR(readRecur(entry, op));
      else if (const RoundOpKind *kind = findRoundOp(name))
        PLAIT_RETURN_IF_ERROR(readOp(entry, *kind, op));
      else
        return entry.get("op")->error("an op of this version; compile the model again");
      ops.push_back(std::move(op));
    }
    return Status::success();
  }

  Status readOp(const JsonView &entry, const RoundOpKind &kind, RoundInstruction &op) {
    PLAIT_RETURN_IF_ERROR(checkOperands(entry, op, kind.operands, kind.repeats, kind.optional));
    PLAIT_ASSIGN_OR_RETURN(std::unique_ptr<RoundOp> made, kind.read(entry));
    program.mostNodes = std::max(program.mostNodes, made->mostNodes());
    program.hasTrees |= made->makesTrees();
    if (kind.name == "commit")
      commits += iterations;
    op.op = std::move(made);
    std::vector<size_t> results = kind.results;
    if (kind.manyResults)
      results.resize(std::max(results.size(), op.results.size()), results.back());
    return define(entry, op.results, results);
  }

  Status readForward(const JsonView &entry, RoundInstruction &op) {
    PLAIT_RETURN_IF_ERROR(checkOperands(entry, op, {kindOf<TextHandle>, kindOf<DraftBlock>}, false, kindOf<int64_t>));
    PLAIT_RETURN_IF_ERROR(readStep(entry, "top", 0, op));
    if (entry.has("others")) {
      PLAIT_ASSIGN_OR_RETURN(JsonView list, entry.get("others"));
      PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> names, list.asArray());
      for (const JsonView &name : names) {
        PLAIT_ASSIGN_OR_RETURN(std::string step, name.asString());
        PLAIT_ASSIGN_OR_RETURN(int32_t number, numberOf(entry, step, op));
        op.others.push_back(std::move(step));
        op.otherNumbers.push_back(number);
      }
      program.variants = std::max(program.variants, 1 + op.others.size());
    }
    if (op.others.empty() && op.operands.size() > 2)
      op.operands.pop_back(); // there is one step alone
    if (!op.others.empty() && op.operands.size() < 3)
      return entry.error("the number of a step as third operand, as there are \"others\"");
    std::vector<size_t> kinds(std::max<size_t>(op.results.size(), 1), kindOf<HiddenRows>);
    kinds.front() = kindOf<NodeChoices>;
    return define(entry, op.results, kinds);
  }

  Status readHead(const JsonView &entry, RoundInstruction &op) {
    op.isHead = true;
    PLAIT_RETURN_IF_ERROR(checkOperands(entry, op, {kindOf<HiddenRows>}, false));
    PLAIT_RETURN_IF_ERROR(readStep(entry, "count", 1, op));
    return define(entry, op.results, {kindOf<TokenList>});
  }

  Status readRecur(const JsonView &entry, RoundInstruction &op) {
    op.recurs = true;
    size_t token = op.operands.size() > 1 ? program.kinds[size_t(op.operands[1])] : kNothing;
    if (token != kindOf<TokenList>)
      token = kindOf<DraftPath>;
    PLAIT_RETURN_IF_ERROR(checkOperands(entry, op, {kindOf<HiddenRows>, token, kindOf<TextHandle>}, false));
    PLAIT_RETURN_IF_ERROR(readStep(entry, "count", 1, op));
    return define(entry, op.results, {kindOf<TokenList>, kindOf<HiddenRows>});
  }

  /// The step that an op runs, and how many of the most probable tokens it wants.
  Status readStep(const JsonView &entry, const char *count, int64_t least, RoundInstruction &op) {
    PLAIT_ASSIGN_OR_RETURN(op.step, entry.getString("step"));
    PLAIT_ASSIGN_OR_RETURN(int64_t top, entry.getInt(count, least, 1024, 0));
    op.top = int32_t(top);
    program.mostTop = std::max(program.mostTop, op.top);
    PLAIT_ASSIGN_OR_RETURN(op.number, numberOf(entry, op.step, op));
    return Status::success();
  }

  /// The number of a step of `op`, which is new perhaps.
  Expected<int32_t> numberOf(const JsonView &entry, const std::string &step, const RoundInstruction &op) {
    auto known = std::find(program.steps.begin(), program.steps.end(), step);
    auto number = int32_t(known - program.steps.begin());
    if (known == program.steps.end()) {
      program.steps.push_back(step);
      program.isHead.push_back(op.isHead);
      program.recurs.push_back(op.recurs);
    }
    if (program.isHead[size_t(number)] != op.isHead || program.recurs[size_t(number)] != op.recurs)
      return entry.error("a step that is a head, or one that is not, everywhere, and likewise one that recurs");
    return number;
  }

  Status readRepeat(const JsonView &entry, RoundInstruction &op) {
    PLAIT_ASSIGN_OR_RETURN(op.count, entry.getInt("count", 1, kMostIterations));
    if (entry.has("times")) {
      PLAIT_ASSIGN_OR_RETURN(int64_t times, entry.getInt("times", 0, int64_t(program.kinds.size()) - 1));
      if (!known[size_t(times)] || program.kinds[size_t(times)] != kindOf<int64_t>)
        return entry.error("the number of an integer as \"times\"");
      op.times = int32_t(times);
    }
    auto body = std::make_shared<RoundBody>();
    PLAIT_ASSIGN_OR_RETURN(body->arguments, readNewValues(entry, "arguments"));
    PLAIT_ASSIGN_OR_RETURN(JsonView inner, entry.get("body"));
    if (op.count > kMostSteps / iterations)
      return entry.error("at most " + std::to_string(kMostSteps) + " iterations of loops in loops");
    std::vector<bool> outside = known; // values of the body are its own
    iterations *= op.count;
    PLAIT_RETURN_IF_ERROR(readBody(inner, op.operands, *body));
    iterations /= op.count;
    known = std::move(outside);
    op.body = std::move(body);
    return define(entry, op.results, kindsOf(op.operands));
  }

  RoundProgram &program;
  std::vector<bool> known; ///< values that stand at the place being read
  int64_t iterations = 1;  ///< of the place being read, in a round
  int64_t commits = 0;     ///< in a round
};

} // namespace

Expected<std::shared_ptr<const RoundProgram>> RoundProgram::read(const JsonView &root) {
  auto program = std::make_shared<RoundProgram>();
  PLAIT_RETURN_IF_ERROR(Reader(*program).read(root));
  return std::shared_ptr<const RoundProgram>(std::move(program));
}
