//===- PhiloxEmitter.h - Random numbers in CPU kernels ----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CPU_PHILOXEMITTER_H
#define PLAIT_PASSES_CPU_PHILOXEMITTER_H

#include "passes/CPU/KernelEmitter.h"

#include "runtime/base/Philox.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

namespace plait {

/// The random numbers of one draw from a vocabulary, in emitted code: those of runtime/base/Philox.h, of many tokens
/// at once. A lane is a Philox block, which is four tokens.
class PhiloxEmitter {
public:
  /// `seed` and `sequence` are i64, `position` is i32.
  PhiloxEmitter(CpuKernelEmitter &e, Value seed, Value sequence, Value position, RandomPurpose purpose)
      : e(e), b(e.builder()), words(e.vectorType(b.getI32Type())),
        pairs(VectorType::get({e.lanes() / 2}, b.getI64Type())), purpose(purpose) {
    Value key[] = {low(seed), high(seed)};
    for (int round = 0; round < 10; ++round) {
      keys[round] = {e.broadcast(key[0]), e.broadcast(key[1])};
      key[0] = e.add(key[0], int32_t(kPhiloxWeyl0));
      key[1] = e.add(key[1], int32_t(kPhiloxWeyl1));
    }
    Value lowest = low(sequence), highest = high(sequence);
    common = {e.broadcast(position), e.broadcast(lowest), e.broadcast(highest)};
  }

  using Vectors = std::array<Value, 4>;

  /// log E (f32) of as many tokens as four vectors have, from `first` (i64) on, a multiple of 4, in the order of ids.
  Vectors logExponentials(Value first) {
    // Fused or not, times would differ in the last bit, and then some draws would.
    auto unfused = e.withoutFma();
    Vectors logs = blocks(first);
    for (Value &own : logs) {
      Value number = shiftRight(own, 1), most = e.integer(words, std::numeric_limits<int32_t>::max());
      Value y = middleOf(number), rest = middleOf(e.sub(most, number));
      own = e.logOfNormal(e.negate(e.logOfRest(y, rest)));
    }
    return logs;
  }
  /// What -log E is at most, and a little: E is at least 2^-32, whose logarithm is -22.18.
  static constexpr double kMostNoise = 22.25;

private:
  Value low(Value x) { return arith::TruncIOp::create(b, e.loc(), b.getI32Type(), x); }
  Value high(Value x) { return low(arith::ShRUIOp::create(b, e.loc(), x, e.i64(32))); }
  Value xorOf(Value x, Value y) { return arith::XOrIOp::create(b, e.loc(), x, y); }
  Value andOf(Value x, Value y) { return arith::AndIOp::create(b, e.loc(), x, y); }
  Value orOf(Value x, Value y) { return arith::OrIOp::create(b, e.loc(), x, y); }
  Value shiftRight(Value x, int64_t by) { return arith::ShRUIOp::create(b, e.loc(), x, e.integer(x.getType(), by)); }
  Value shiftLeft(Value x, int64_t by) { return arith::ShLIOp::create(b, e.loc(), x, e.integer(x.getType(), by)); }
  Value cast(Type type, Value x) { return LLVM::BitcastOp::create(b, e.loc(), type, x); }

  /// (number + 1/2) / 2^31
  Value middleOf(Value number) {
    Value narrow = arith::SIToFPOp::create(b, e.loc(), e.f32VectorType(), number);
    return e.mul(e.add(narrow, e.splat(0.5)), e.splat(0x1p-31));
  }

  /// The high and the low halves of the products of each lane and `factor`. Machines multiply every other
  /// lane to 64 bits.
  std::pair<Value, Value> product(Value x, uint32_t factor) {
    Value lanes = cast(pairs, x), lower = e.integer(pairs, 0xffffffff), times = e.integer(pairs, int64_t(factor));
    Value upper = e.integer(pairs, ~int64_t(0xffffffff));
    Value even = e.mul(andOf(lanes, lower), times), odd = e.mul(shiftRight(lanes, 32), times);
    Value evenHigh = shiftRight(even, 32), oddHigh = andOf(odd, upper), evenLow = andOf(even, lower);
    Value oddLow = shiftLeft(odd, 32), highs = orOf(evenHigh, oddHigh), lows = orOf(evenLow, oddLow);
    Value highWords = cast(words, highs);
    return {highWords, cast(words, lows)};
  }

  /// The lanes of `x` and `y` in turn, of the first halves and of the second ones.
  std::pair<Value, Value> interleave(Value x, Value y) {
    int64_t lanes = e.lanes();
    Value halves[2];
    for (int64_t half = 0; half < 2; ++half) {
      SmallVector<int64_t> order;
      for (int64_t lane = half * lanes / 2; lane < (half + 1) * lanes / 2; ++lane)
        order.append({lane, lanes + lane});
      halves[half] = vector::ShuffleOp::create(b, e.loc(), x, y, order);
    }
    return {halves[0], halves[1]};
  }

  /// The words of the tokens from `first` on.
  Vectors blocks(Value first) {
    auto numbers = llvm::to_vector(llvm::seq<int32_t>(0, int32_t(e.lanes())));
    Value laneIds = arith::ConstantOp::create(b, e.loc(), DenseElementsAttr::get(words, ArrayRef<int32_t>(numbers)));
    Value firstBlock = e.broadcast(low(arith::ShRUIOp::create(b, e.loc(), first, e.i64(2))));
    Value draw = shiftLeft(e.add(firstBlock, laneIds), 8);
    Vectors counter = {common[0], orOf(draw, e.integer(words, int64_t(purpose))), common[1], common[2]};
    for (auto [key0, key1] : keys) {
      auto [high0, low0] = product(counter[0], kPhiloxMultiplier0);
      auto [high1, low1] = product(counter[2], kPhiloxMultiplier1);
      Value next0 = xorOf(xorOf(high1, counter[1]), key0), next2 = xorOf(xorOf(high0, counter[3]), key1);
      counter = {next0, low1, next2, low0};
    }
    // Word j of lane i is of token 4i + j.
    auto [even0, even1] = interleave(counter[0], counter[2]);
    auto [odd0, odd1] = interleave(counter[1], counter[3]);
    auto [first0, first1] = interleave(even0, odd0);
    auto [last0, last1] = interleave(even1, odd1);
    return {first0, first1, last0, last1};
  }

  CpuKernelEmitter &e;
  OpBuilder &b;
  VectorType words, pairs;
  RandomPurpose purpose;
  std::array<std::pair<Value, Value>, 10> keys;
  std::array<Value, 3> common; ///< position and the halves of the sequence number, in every lane
};

} // namespace plait

#endif // PLAIT_PASSES_CPU_PHILOXEMITTER_H
