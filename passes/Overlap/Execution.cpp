//===- Execution.cpp - One run of an overlap program ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/Execution.h"

#include "llvm/ADT/bit.h"

using namespace plait;

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

unsigned ValueTable::nameElement(double element) {
  auto [name, isNew] = elementNames.try_emplace(llvm::bit_cast<uint64_t>(element), elements.size());
  if (isNew)
    elements.push_back(element);
  return name->second;
}

unsigned ValueTable::add(EvalValue value) {
  values.push_back(std::move(value));
  return unsigned(values.size() - 1);
}

unsigned ValueTable::nameTile(ArrayRef<int64_t> shape, std::vector<unsigned> names) {
  auto [name, isNew] = tiles.try_emplace({std::vector<int64_t>(shape.begin(), shape.end()), names}, values.size());
  if (isNew) {
    DenseValue tile = DenseValue::zeros(std::vector<int64_t>(shape.begin(), shape.end()));
    for (auto [element, number] : llvm::zip_equal(tile.data, names))
      element = elements[number];
    values.push_back(std::move(tile));
  }
  return name->second;
}

namespace {
struct NoWeights : WeightSource {
  std::optional<WeightValue> load(Operation *op, const std::string &, int64_t, int64_t, bool,
                                  const WeightQuantization *) override {
    op->emitOpError("expected weights to be arguments of the program");
    return std::nullopt;
  }
};
} // namespace

FailureOr<SmallVector<unsigned>> ValueTable::compute(Operation *op, ArrayRef<unsigned> operands) {
  auto [known, isNew] = computed.try_emplace({op, std::vector<unsigned>(operands.begin(), operands.end())});
  if (!isNew)
    return known->second;
  std::vector<EvalValue> inputs, results;
  for (unsigned operand : operands)
    inputs.push_back(values[operand]);
  if (isa<overlap::LoadReduceOp>(op)) {
    DenseValue sum = valueAs<DenseValue>(inputs[0]);
    for (const EvalValue &input : ArrayRef(inputs).drop_front())
      for (auto [total, element] : llvm::zip_equal(sum.data, valueAs<DenseValue>(input).data))
        total += element;
    results.push_back(std::move(sum));
  } else if (auto poll = dyn_cast<overlap::PollOp>(op)) {
    const auto &tile = valueAs<DenseValue>(inputs[0]);
    DenseValue sums = DenseValue::zeros(poll.getResult().getType().getShape().vec());
    size_t columns = size_t(sums.rowSize()), rows = size_t(poll.getRows());
    for (size_t i = 0; i < tile.data.size(); ++i)
      sums.data[i / columns / rows * columns + i % columns] += tile.data[i];
    results.push_back(std::move(sums));
  } else {
    NoWeights weights;
    ReferenceEvaluator evaluator(weights);
    if (failed(cast<lm::EvaluableOpInterface>(op).evaluate(evaluator, inputs, results)))
      return failure();
  }
  for (EvalValue &result : results)
    known->second.push_back(add(std::move(result)));
  return known->second;
}

//===----------------------------------------------------------------------===//
// States
//===----------------------------------------------------------------------===//

Execution::Execution(const ProgramModel &model, const RunValues &values) : model(model), values(values) {
  counters = (model.steps.size() + 31) / 32;
  size = counters + model.cells.size();
  for (overlap::AllocOp buffer : model.buffers) {
    memory.push_back(size);
    overlap::BufferType type = buffer.getResult().getType();
    // The element, and who has written it.
    size += 2 * size_t(ShapedType::getNumElements(type.getShape()) * type.getSlots() * model.ranks);
  }
  tiles = size;
  size += model.values;
}

FailureOr<Execution::State> Execution::begin() {
  State state(size, 0);
  unsigned zero = table.nameElement(0);
  for (size_t i = memory.empty() ? tiles : memory[0]; i < tiles; i += 2)
    state[i] = zero;
  for (const Step &step : model.steps)
    if (step.isMarked) {
      overlap::BufferType type = model.getBufferType(step.access.buffer);
      size_t count = size_t(ShapedType::getNumElements(type.getShape()) * type.getSlots() * model.ranks);
      for (size_t i = 0; i < count; ++i)
        state[memory[step.access.buffer] + 2 * i] = kMark;
    }
  for (auto [epoch, ranks] : llvm::enumerate(values.arguments))
    for (auto [rank, arguments] : llvm::enumerate(ranks))
      for (auto [value, name] : llvm::zip_equal(arguments, model.arguments[epoch][rank]))
        if (name != ~0u)
          tileOf(state, name) = table.add(value);
  for (auto [value, constant] : model.constants) {
    DenseValue dense = DenseValue::zeros({});
    if (auto number = dyn_cast<IntegerAttr>(constant)) {
      dense.data[0] = double(number.getInt());
    } else if (auto tile = dyn_cast<DenseElementsAttr>(constant)) {
      dense = DenseValue::zeros(tile.getType().getShape().vec());
      if (isa<FloatType>(tile.getElementType()))
        for (auto [element, number] : llvm::zip_equal(dense.data, tile.getValues<APFloat>()))
          element = number.convertToDouble();
      else
        for (auto [element, number] : llvm::zip_equal(dense.data, tile.getValues<APInt>()))
          element = double(number.getSExtValue());
    } else {
      return model.getProgram().emitOpError("expected constants that are numbers or tiles but got ") << constant;
    }
    tileOf(state, value) = table.add(std::move(dense));
  }
  return state;
}

bool Execution::isEnabled(const State &state, unsigned number) const {
  if (isDone(state, number))
    return false;
  const Step &step = model.steps[number];
  if (step.kind == StepKind::wait) {
    unsigned cell = step.cells[0];
    if (int64_t(state[counters + cell]) < (step.epoch + 1) * model.cells[cell].expected)
      return false;
  }
  if (step.isPoll())
    for (size_t i = 0, count = size_t(ShapedType::getNumElements(step.access.size)); i < count; ++i)
      if (state[placeOf(step.access, i)] == kMark)
        return false;
  return llvm::all_of(step.after, [&](unsigned other) { return isDone(state, other); });
}

size_t Execution::placeOf(const Access &access, size_t element) const {
  overlap::BufferType type = model.getBufferType(access.buffer);
  int64_t place = 0, stride = 1, rest = int64_t(element);
  for (size_t d = access.size.size(); d-- > 0; stride *= type.getShape()[d], rest /= access.size[d])
    place += (access.begin[d] + rest % access.size[d]) * stride;
  place += (access.rank * type.getSlots() + access.slot) * stride;
  return memory[access.buffer] + 2 * size_t(place);
}

LogicalResult Execution::load(State &state, const Step &step, unsigned) {
  std::vector<unsigned> elements(size_t(ShapedType::getNumElements(step.access.size)));
  for (size_t i = 0; i < elements.size(); ++i) {
    size_t place = placeOf(step.access, i);
    elements[i] = state[place];
    const Step *writer = state[place + 1] ? &model.steps[state[place + 1] - 1] : nullptr;
    if (writer && writer->epoch == step.epoch)
      continue;
    auto error = step.op->emitOpError("gets ");
    if (writer)
      error << "what " << model.describe(*writer) << " has written";
    else
      error << "what nothing has written";
    error << "; expected it to be of its own epoch (" << model.describe(step) << ")";
    if (writer)
      error.attachNote(writer->op->getLoc()) << "is written here";
    for (const Step &other : model.steps)
      if (other.isWrite() && other.epoch == step.epoch && other.access.overlaps(step.access)) {
        error.attachNote(other.op->getLoc()) << "this should have been read, of " << model.describe(other);
        break;
      }
    return error;
  }
  tileOf(state, step.defines[0]) = table.nameTile(step.access.size, std::move(elements));
  return success();
}

void Execution::store(State &state, const Step &step, unsigned number) {
  if (step.isClear()) {
    for (size_t i = 0, count = size_t(ShapedType::getNumElements(step.access.size)); i < count; ++i) {
      size_t place = placeOf(step.access, i);
      state[place] = kMark;
      state[place + 1] = number + 1;
    }
    return;
  }
  const auto &tile = valueAs<DenseValue>(table.get(tileOf(state, step.uses[0])));
  for (size_t i = 0; i < tile.data.size(); ++i) {
    size_t place = placeOf(step.access, i);
    double before = step.kind == StepKind::add ? table.getElement(state[place]) : 0;
    state[place] = table.nameElement(tile.data[i] + before);
    state[place + 1] = number + 1;
  }
}

LogicalResult Execution::compareResults(const State &state, const Step &step) {
  if (values.results.empty())
    return success();
  const auto &expected = values.results[size_t(step.epoch)][size_t(step.rank)];
  for (auto [i, value] : llvm::enumerate(step.uses)) {
    const auto &got = valueAs<DenseValue>(table.get(state[tiles + value]));
    const auto &wanted = valueAs<DenseValue>(expected[i]);
    double largest = 0;
    for (double element : wanted.data)
      largest = std::max(largest, std::abs(element));
    for (size_t e = 0; e < wanted.data.size(); ++e)
      if (!(std::abs(got.data[e] - wanted.data[e]) <= 1e-9 * largest)) {
        auto error = step.op->emitOpError("expected ")
                     << wanted.data[e] << " as element " << e << " of result " << i << " but got " << got.data[e]
                     << " (" << model.describe(step) << ")";
        if (model.getProgram().getImplements())
          error.attachNote(model.getProgram().getLoc())
              << "which implements " << model.getProgram().getImplementsAttr();
        return error;
      }
  }
  return success();
}

LogicalResult Execution::execute(State &state, unsigned number) {
  const Step &step = model.steps[number];
  state[number / 32] |= 1u << (number % 32);
  switch (step.kind) {
  case StepKind::put:
  case StepKind::add:
    store(state, step, number);
    return success();
  case StepKind::load:
    return load(state, step, number);
  case StepKind::arrive:
    for (unsigned cell : step.cells)
      ++state[counters + cell];
    return success();
  case StepKind::finish:
    return compareResults(state, step);
  case StepKind::compute: {
    SmallVector<unsigned> operands;
    for (unsigned value : step.uses)
      operands.push_back(tileOf(state, value));
    auto results = table.compute(step.op, operands);
    if (failed(results))
      return failure();
    for (auto [value, result] : llvm::zip_equal(step.defines, *results))
      tileOf(state, value) = result;
    return success();
  }
  case StepKind::wait:
  case StepKind::quiet:
  case StepKind::fork:
  case StepKind::join:
    return success();
  }
  llvm_unreachable("all kinds are above");
}

LogicalResult Execution::finish(const State &state) const {
  for (auto [number, step] : llvm::enumerate(model.steps)) {
    if (isDone(state, unsigned(number)) || (step.kind != StepKind::wait && !step.isPoll()) ||
        !llvm::all_of(step.after, [&](unsigned other) { return isDone(state, other); }))
      continue;
    if (step.isPoll())
      return step.op->emitOpError("waits for ever: not all of what it waits for is there (")
             << model.describe(step) << ")";
    unsigned cell = step.cells[0];
    auto error = step.op->emitOpError("waits for ever: ")
                 << state[counters + cell] << " of " << (step.epoch + 1) * model.cells[cell].expected
                 << " arrivals at index " << model.describe(cell) << " (" << model.describe(step) << ")";
    for (auto [i, other] : llvm::enumerate(model.steps))
      if (other.kind == StepKind::arrive && !isDone(state, unsigned(i)) && llvm::is_contained(other.cells, cell)) {
        error.attachNote(other.op->getLoc()) << "this arrival, of " << model.describe(other) << ", is to come";
        return error;
      }
    error.attachNote(model.getCounter(cell).getLoc()) << "counter is here";
    return error;
  }
  for (auto [number, cell] : llvm::enumerate(model.cells))
    if (int64_t(state[counters + number]) != cell.expected * model.epochs)
      return model.getCounter(unsigned(number)).emitOpError("expected ")
             << cell.expected * model.epochs << " arrivals at index " << model.describe(unsigned(number))
             << " in all epochs but got " << state[counters + number];
  return success();
}
