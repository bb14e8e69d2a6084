//===- Sublayers.cpp - Models without some sublayers ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/Sublayers.h"

#include "dialects/Decode/Decode.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"

using namespace plait;
using namespace plait::decode;

//===----------------------------------------------------------------------===//
// Sets
//===----------------------------------------------------------------------===//

static int64_t layerOf(int64_t number) { return number >> 1; }
static bool isAttention(int64_t number) { return (number & 1) == 0; }

static std::string nameOf(int64_t number) {
  return (isAttention(number) ? "attention." : "mlp.") + std::to_string(layerOf(number));
}

std::string SublayersAttr::textOf(ArrayRef<int64_t> numbers) {
  std::string text;
  for (size_t i = 0; i < numbers.size(); ++i) {
    bool isWhole = isAttention(numbers[i]) && i + 1 < numbers.size() && numbers[i + 1] == numbers[i] + 1;
    text += (text.empty() ? "" : ", ") + (isWhole ? std::to_string(layerOf(numbers[i++])) : nameOf(numbers[i]));
  }
  return "[" + text + "]";
}

static ParseResult parseSublayer(AsmParser &parser, SmallVectorImpl<int64_t> &numbers) {
  SMLoc loc = parser.getCurrentLocation();
  int64_t layer = 0;
  OptionalParseResult isLayer = parser.parseOptionalInteger(layer);
  StringRef word;
  int64_t kinds = 2, first = 0;
  if (isLayer.has_value()) {
    if (failed(*isLayer))
      return failure();
  } else if (succeeded(parser.parseOptionalKeyword(&word))) {
    auto [kind, number] = word.split('.');
    kinds = 1;
    first = kind == "mlp";
    if ((kind != "mlp" && kind != "attention") || number.getAsInteger(10, layer))
      return parser.emitError(loc, "found the sublayer '")
             << word << "'; expected attention.N or mlp.N, or N for both, of layer N";
  } else {
    return parser.emitError(loc, "expected a layer N, or attention.N or mlp.N");
  }
  if (std::abs(layer) > (1 << 20))
    return parser.emitError(loc, "found the layer ") << layer << " to skip; expected layers of the model";
  for (int64_t kind = 0; kind < kinds; ++kind)
    numbers.push_back(2 * layer + first + kind);
  return success();
}

/// What is behind the opening bracket.
static ParseResult parseRestOfSet(AsmParser &parser, SublayersAttr &set) {
  SmallVector<int64_t> numbers;
  if (failed(parser.parseOptionalRSquare()) &&
      (parser.parseCommaSeparatedList([&] { return parseSublayer(parser, numbers); }) || parser.parseRSquare()))
    return failure();
  set = SublayersAttr::get(parser.getContext(), numbers);
  return success();
}

Attribute SublayersAttr::parse(AsmParser &parser, Type) {
  SublayersAttr set;
  if (parser.parseLess() || parser.parseLSquare() || parseRestOfSet(parser, set) || parser.parseGreater())
    return {};
  return set;
}

void SublayersAttr::print(AsmPrinter &p) const { p << "<" << getText() << ">"; }

ParseResult decode::parseSublayerSets(AsmParser &parser, ArrayAttr &sets) {
  SmallVector<Attribute> list;
  auto parseSet = [&]() -> ParseResult {
    SublayersAttr set;
    if (parser.parseLSquare() || parseRestOfSet(parser, set))
      return failure();
    list.push_back(set);
    return success();
  };
  if (parser.parseLSquare())
    return failure();
  if (succeeded(parser.parseOptionalLSquare())) {
    SublayersAttr first;
    if (parseRestOfSet(parser, first))
      return failure();
    list.push_back(first);
    while (succeeded(parser.parseOptionalComma()))
      if (parseSet())
        return failure();
    if (parser.parseRSquare())
      return failure();
  } else {
    SublayersAttr only;
    if (parseRestOfSet(parser, only))
      return failure();
    list.push_back(only);
  }
  sets = parser.getBuilder().getArrayAttr(list);
  return success();
}

void decode::printSublayerSets(AsmPrinter &p, Operation *, ArrayAttr sets) {
  bool isOne = sets.size() == 1;
  p << (isOne ? "" : "[");
  llvm::interleaveComma(sets.getAsRange<SublayersAttr>(), p, [&](SublayersAttr set) { p << set.getText(); });
  p << (isOne ? "" : "]");
}

//===----------------------------------------------------------------------===//
// Cutting
//===----------------------------------------------------------------------===//

SmallVector<int64_t> decode::sublayersOf(int64_t begin, int64_t end) {
  return llvm::to_vector(llvm::seq<int64_t>(2 * begin, 2 * end));
}

static int64_t countAttentions(Block &body) { return int64_t(llvm::range_size(body.getOps<lm::AttentionOp>())); }

/// Layers of an iteration.
static int64_t countLayers(lm::LayersOp loop) { return std::max<int64_t>(1, countAttentions(loop.getBody().front())); }

int64_t decode::countLayers(lm::FuncOp forward) {
  int64_t count = 0;
  if (!forward.isExternal())
    for (lm::LayersOp loop : forward.getBody().getOps<lm::LayersOp>())
      count += ::countLayers(loop) * loop.getCount();
  return count;
}

namespace {
/// What is added to the residual stream in the body of a loop.
struct Sublayer {
  lm::AddOp sum;
  Value before;              ///< the stream
  lm::AttentionOp attention; ///< or null: an MLP
};
} // namespace

/// The sublayers of a body in order; none if it is not a residual stream to which each adds something.
static SmallVector<Sublayer> findSublayers(lm::LayersOp loop) {
  Block &body = loop.getBody().front();
  SmallVector<Sublayer> sublayers;
  auto isStream = [&](Value value) {
    return value.getDefiningOp() ? isa<lm::AddOp>(value.getDefiningOp()) : value.getParentBlock() == &body;
  };
  DenseSet<Operation *> sums;
  for (Value value = body.getTerminator()->getOperand(0); !isa<BlockArgument>(value);) {
    auto sum = value.getDefiningOp<lm::AddOp>();
    if (!sum || isStream(sum.getLhs()) == isStream(sum.getRhs()))
      return {};
    value = isStream(sum.getLhs()) ? sum.getLhs() : sum.getRhs();
    sublayers.push_back({sum, value, nullptr});
    sums.insert(sum);
  }
  for (Sublayer &sublayer : sublayers) {
    SmallVector<Value> open = {sublayer.before == sublayer.sum.getLhs() ? sublayer.sum.getRhs()
                                                                        : sublayer.sum.getLhs()};
    DenseSet<Operation *> seen;
    while (!open.empty()) {
      Operation *op = open.pop_back_val().getDefiningOp();
      if (!op || op->getBlock() != &body || sums.contains(op) || !seen.insert(op).second)
        continue;
      if (auto attention = dyn_cast<lm::AttentionOp>(op))
        sublayer.attention = attention;
      llvm::append_range(open, op->getOperands());
    }
  }
  std::reverse(sublayers.begin(), sublayers.end());
  return sublayers;
}

/// Takes sublayers out of the body of `loop`, by their numbers within an iteration whose first layer is `first`.
static LogicalResult leaveOut(lm::LayersOp loop, ArrayRef<int64_t> numbers, int64_t first, Operation *user) {
  auto refuse = [&](const Twine &found, const Twine &expected) {
    return user->emitOpError("found ") << found << "; expected " << expected;
  };
  if (llvm::count_if(loop.getResultTypes(), llvm::IsaPred<RankedTensorType>) != 1)
    return refuse("single sublayers to skip of a model with a delayed residual", "whole layers, as what one adds is "
                                                                                 "read in the layer after it");
  Block &body = loop.getBody().front();
  SmallVector<Sublayer> sublayers = findSublayers(loop);
  if (sublayers.empty())
    return refuse("single sublayers to skip of a model whose layers are no sums with the residual stream",
                  "whole layers");
  int64_t layer = 0, attentions = 0, left = countAttentions(body);
  for (Sublayer &sublayer : sublayers)
    layer += bool(sublayer.attention);
  DenseSet<int64_t> missing(numbers.begin(), numbers.end());
  // From the last on: the stream before one is what those before it leave.
  for (Sublayer &sublayer : llvm::reverse(sublayers)) {
    int64_t number = 2 * std::max<int64_t>(layer - 1, 0) + !sublayer.attention;
    layer -= bool(sublayer.attention);
    if (!llvm::is_contained(numbers, number))
      continue;
    missing.erase(number);
    sublayer.sum.replaceAllUsesWith(sublayer.before);
    if (sublayer.attention) {
      sublayer.attention.getNext().replaceAllUsesWith(sublayer.attention.getState());
      ++attentions;
    }
  }
  if (!missing.empty())
    return refuse("no sublayer '" + nameOf(*llvm::min_element(missing) + 2 * first) + "' of the model",
                  "one that adds to the residual stream by itself");
  auto ops = llvm::map_to_vector(body.without_terminator(), [](Operation &op) { return &op; });
  for (Operation *op : llvm::reverse(ops))
    if (op->use_empty())
      op->erase();
  if (countAttentions(body) != left - attentions)
    return refuse("sublayers to skip whose attention others need as well", "whole layers");
  return success();
}

LogicalResult decode::cutLayers(lm::FuncOp forward, ArrayRef<int64_t> skip, ArrayRef<int64_t> tapped, Operation *user,
                                LayerTap tap) {
  int64_t count = countLayers(forward), first = 0;
  for (auto [what, layer] : {std::pair("skip", skip.empty() ? -1 : layerOf(skip.back())),
                             std::pair("tap", tapped.empty() ? -1 : tapped.back())})
    if (layer >= count)
      return user->emitOpError("found the layer ")
             << layer << " to " << what << "; expected layers of the model, 0 to " << count - 1;
  for (lm::LayersOp loop : llvm::to_vector(forward.getBody().getOps<lm::LayersOp>())) {
    OpBuilder b(loop);
    int64_t width = ::countLayers(loop), end = loop.getEnd();
    /// What is left out of the next iteration, whose first layer is `first`.
    auto leftOut = [&] {
      SmallVector<int64_t> numbers;
      for (int64_t number : skip)
        if (layerOf(number) >= first && layerOf(number) < first + width)
          numbers.push_back(number - 2 * first);
      return numbers;
    };
    SmallVector<Value> carried(loop.getInits());
    for (int64_t begin = loop.getBegin(), at = begin; at < end; begin = at) {
      SmallVector<int64_t> numbers = leftOut();
      int64_t firstOfPart = first;
      bool isTapped = false;
      for (; at < end && !isTapped && leftOut() == numbers; ++at, first += width)
        isTapped = llvm::is_contained(tapped, first + width - 1);
      if (int64_t(numbers.size()) < 2 * width) {
        auto part = cast<lm::LayersOp>(b.clone(*loop.getOperation()));
        part.getInitsMutable().assign(carried);
        part.setBegin(begin);
        part.setEnd(at);
        carried.assign(part.getResults().begin(), part.getResults().end());
        if (!numbers.empty() && failed(leaveOut(part, numbers, firstOfPart, user)))
          return failure();
      }
      // Before the next part, which goes on in the same place.
      if (isTapped)
        tap(b, carried.front());
    }
    loop.replaceAllUsesWith(carried);
    loop.erase();
  }
  return success();
}
