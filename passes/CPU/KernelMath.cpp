//===- KernelMath.cpp - Arithmetic and functions in CPU kernels -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model binary links to nothing, so that there is no libm: exp, log, sin and
// cos are built here from range reduction (Cody, Waite: "Software Manual for
// the Elementary Functions") and a polynomial. Whether a target has fma changes
// only the last bit.
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/KernelEmitter.h"

#include "dialects/Kernel/ExpSeries.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <cmath>
#include <limits>

using namespace plait;

static bool isFloat(Value x) { return isa<FloatType>(getElementTypeOrSelf(x.getType())); }

/// `type` with another element.
static Type withElement(Type type, Type element) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? Type(vector.clone(element)) : element;
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Value CpuKernelEmitter::add(Value x, Value y) {
  return isFloat(x) ? b.createOrFold<arith::AddFOp>(location, x, y) : b.createOrFold<arith::AddIOp>(location, x, y);
}
Value CpuKernelEmitter::sub(Value x, Value y) {
  return isFloat(x) ? b.createOrFold<arith::SubFOp>(location, x, y) : b.createOrFold<arith::SubIOp>(location, x, y);
}
Value CpuKernelEmitter::mul(Value x, Value y) {
  return isFloat(x) ? b.createOrFold<arith::MulFOp>(location, x, y) : b.createOrFold<arith::MulIOp>(location, x, y);
}
Value CpuKernelEmitter::div(Value x, Value y) {
  return isFloat(x) ? b.createOrFold<arith::DivFOp>(location, x, y) : b.createOrFold<arith::DivUIOp>(location, x, y);
}
Value CpuKernelEmitter::rem(Value x, Value y) { return b.createOrFold<arith::RemUIOp>(location, x, y); }

Value CpuKernelEmitter::fma(Value x, Value y, Value z) {
  if (!cpu.fma)
    return add(mul(x, y), z);
  return LLVM::FMAOp::create(b, location, x.getType(), x, y, z);
}

Value CpuKernelEmitter::negate(Value x) { return arith::NegFOp::create(b, location, x); }

Value CpuKernelEmitter::max(Value x, Value y) { return select(less(y, x), x, y); }

Value CpuKernelEmitter::less(Value x, Value y) {
  if (isFloat(x))
    return arith::CmpFOp::create(b, location, arith::CmpFPredicate::OLT, x, y);
  return arith::CmpIOp::create(b, location, arith::CmpIPredicate::slt, x, y);
}

Value CpuKernelEmitter::equal(Value x, Value y) {
  if (isFloat(x))
    return arith::CmpFOp::create(b, location, arith::CmpFPredicate::OEQ, x, y);
  return arith::CmpIOp::create(b, location, arith::CmpIPredicate::eq, x, y);
}

Value CpuKernelEmitter::select(Value condition, Value x, Value y) {
  return b.createOrFold<arith::SelectOp>(location, condition, x, y);
}

Value CpuKernelEmitter::minimum(Value x, Value y) { return b.createOrFold<arith::MinSIOp>(location, x, y); }

Value CpuKernelEmitter::bitcast(Type type, Value x) { return arith::BitcastOp::create(b, location, type, x); }

Value CpuKernelEmitter::flushSubnormals(Value x) {
  Type type = withElement(x.getType(), b.getI32Type());
  Value bits = bitcast(type, x);
  auto masked = [&](uint32_t mask) -> Value {
    return arith::AndIOp::create(b, location, bits, integer(type, int32_t(mask)));
  };
  Value exponent = masked(0x7F800000), sign = masked(0x80000000);
  return bitcast(x.getType(), select(equal(exponent, integer(type, 0)), sign, bits));
}

Value CpuKernelEmitter::keep(Columns columns, Value value, Value other) {
  return columns.mask ? select(columns.mask, value, other) : value;
}

Value CpuKernelEmitter::lanesBelow(Value first, Value bound) {
  // In 32 bits, as wide as the lanes that the mask is for.
  SmallVector<int32_t> numbers = llvm::to_vector(llvm::seq<int32_t>(0, int32_t(lanes())));
  Value number = arith::ConstantOp::create(
      b, location, DenseElementsAttr::get(vectorType(b.getI32Type()), ArrayRef<int32_t>(numbers)));
  Value left = arith::TruncIOp::create(b, location, b.getI32Type(), sub(bound, first));
  return less(number, broadcast(left));
}

Value CpuKernelEmitter::toWide(Value x) {
  return arith::SIToFPOp::create(b, location, withElement(x.getType(), b.getF64Type()), x);
}

Value CpuKernelEmitter::swapPairs(Value vector) {
  return shuffle(vector, llvm::map_to_vector(llvm::seq<int64_t>(0, cast<VectorType>(vector.getType()).getDimSize(0)),
                                             [](int64_t lane) { return lane ^ 1; }));
}

Value CpuKernelEmitter::lane(Value vector, int64_t i) { return vector::ExtractOp::create(b, location, vector, i); }

Value CpuKernelEmitter::shuffle(Value vector, ArrayRef<int64_t> order) {
  return vector::ShuffleOp::create(b, location, vector, vector, order);
}

Value CpuKernelEmitter::reduce(Value vector, llvm::function_ref<Value(Value, Value)> combine) {
  for (int64_t width = cast<VectorType>(vector.getType()).getDimSize(0); width > 1; width /= 2) {
    auto lower = llvm::to_vector(llvm::seq<int64_t>(0, width / 2));
    auto upper = llvm::to_vector(llvm::seq<int64_t>(width / 2, width));
    Value first = shuffle(vector, lower), second = shuffle(vector, upper);
    vector = combine(first, second);
  }
  return lane(vector, 0);
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

Value CpuKernelEmitter::polynomial(Value x, ArrayRef<double> coefficients) {
  Value sum = constant(x.getType(), coefficients.back());
  for (double c : llvm::reverse(coefficients.drop_back()))
    sum = fma(sum, x, constant(x.getType(), c));
  return sum;
}

Value CpuKernelEmitter::sqrt(Value x) { return LLVM::SqrtOp::create(b, location, x.getType(), x); }

using Series = kernel::ExpSeries;

CpuKernelEmitter::Power CpuKernelEmitter::reduceExponent(Value y) {
  auto c = [&](double value) { return constant(y.getType(), value); };
  // n = round(y / ln 2)
  Value magic = c(Series::roundingMagic), shifted = fma(y, c(Series::perLog2), magic), n = sub(shifted, magic);
  // r = y - n ln 2, |r| <= ln 2 / 2
  Value r = fma(n, c(-Series::log2High), y);
  r = fma(n, c(-Series::log2Low), r);
  Value q = polynomial(r, Series::tail);
  return {add(fma(mul(r, r), q, r), c(1)), shifted};
}

Value CpuKernelEmitter::exp(Value x) {
  Type type = x.getType(), bits = withElement(type, b.getI32Type());
  auto c = [&](double value) { return constant(type, value); };
  auto i = [&](int64_t value) { return integer(bits, value); };
  auto shift = [&](Value v, int64_t by) -> Value { return arith::ShLIOp::create(b, location, v, i(by)); };

  // Anything above 89 is infinite. A NaN stays: the comparison is false.
  auto [e, shifted] = reduceExponent(select(less(c(89), x), c(89), x));
  Value shiftedBits = bitcast(bits, shifted), power = sub(shiftedBits, bitcast(bits, c(Series::roundingMagic)));
  // 2^n in two factors, because n may be 128, one more than an exponent can say.
  Value half = arith::ShRSIOp::create(b, location, power, i(1));
  Value one = bitcast(bits, c(1));
  e = mul(e, bitcast(type, add(shift(half, 23), one)));
  e = mul(e, bitcast(type, add(shift(sub(power, half), 23), one)));
  return select(less(x, c(Series::least)), c(0), e);
}

Value CpuKernelEmitter::expOfNegative(Value x) {
  Type type = x.getType(), bits = withElement(type, b.getI32Type());
  auto [e, shifted] = reduceExponent(x);
  // The shift leaves nothing of the magic number.
  Value exponent = arith::ShLIOp::create(b, location, bitcast(bits, shifted), integer(bits, 23));
  e = mul(e, bitcast(type, add(exponent, bitcast(bits, constant(type, 1)))));
  return select(less(x, constant(type, Series::least)), constant(type, 0), e);
}

std::pair<Value, Value> CpuKernelEmitter::splitForLog(Value x) {
  Type type = x.getType(), bits = withElement(type, b.getI32Type());
  auto i = [&](int64_t value) { return integer(bits, value); };
  // The bits of the mantissa count from those of sqrt(1/2).
  Value offset = sub(bitcast(bits, x), i(0x3f3504f3));
  Value n = arith::ShRSIOp::create(b, location, offset, i(23));
  Value fraction = arith::AndIOp::create(b, location, offset, i(0x7fffff));
  Value mantissa = bitcast(type, add(fraction, i(0x3f3504f3)));
  return {arith::SIToFPOp::create(b, location, type, n), mantissa};
}

Value CpuKernelEmitter::joinLog(Value exponent, Value f) {
  auto c = [&](double value) { return constant(f.getType(), value); };
  // log(1 + f) = 2 artanh s with s = f / (2 + f), |s| < 0.172: the odd series in s.
  Value s = div(f, add(f, c(2)));
  Value s2 = mul(s, s);
  Value tail = mul(s2, polynomial(s2, {2.0 / 3, 2.0 / 5, 2.0 / 7, 2.0 / 9, 2.0 / 11}));
  // 2 s = f - s f, and f is exact: this keeps the rounding of s out of the sum.
  Value rest = sub(tail, f), small1 = mul(exponent, c(-2.12194440054690583e-4)), small2 = fma(s, rest, small1);
  return fma(exponent, c(0.693359375), add(f, small2));
}

Value CpuKernelEmitter::log(Value x) {
  auto c = [&](double value) { return constant(x.getType(), value); };
  constexpr double infinity = std::numeric_limits<double>::infinity();

  // A number too small to be normal is scaled by 2^24 first.
  Value small = less(x, c(0x1p-126));
  auto [exponent, mantissa] = splitForLog(select(small, mul(x, c(0x1p24)), x));
  Value power = sub(exponent, select(small, c(24), c(0)));
  Value result = joinLog(power, sub(mantissa, c(1)));
  // Infinity and NaN stay what they are; 0 and below have no logarithm.
  result = select(less(x, c(infinity)), result, x);
  result = select(equal(x, c(0)), c(-infinity), result);
  return select(less(x, c(0)), c(std::numeric_limits<double>::quiet_NaN()), result);
}

Value CpuKernelEmitter::logOfRest(Value y, Value rest) {
  auto c = [&](double value) { return constant(y.getType(), value); };
  // Where y is small the exponent is 0, and y has the digits that the rest has lost.
  auto [exponent, mantissa] = splitForLog(rest);
  Value near = less(y, c(0.25)), below = negate(y), above = sub(mantissa, c(1));
  return joinLog(exponent, select(near, below, above));
}

Value CpuKernelEmitter::logOfNormal(Value x) {
  auto [exponent, mantissa] = splitForLog(x);
  return joinLog(exponent, sub(mantissa, constant(x.getType(), 1)));
}

Value CpuKernelEmitter::tanh(Value x) {
  auto c = [&](double value) { return constant(x.getType(), value); };
  // Near 0, x + x^3 q(x^2); q is the minimax polynomial of relative error 5e-9.
  Value square = mul(x, x);
  Value q = polynomial(square, {-0.3333328194175587, 0.1333144219138011, -0.053739714520451384, 0.02063908538927042,
                                -0.00570498489793002});
  Value near = fma(mul(x, square), q, x);
  // Elsewhere 1 - 2 / (1 + e^2|x|), with the sign of x.
  Value size = max(x, negate(x));
  Value far = sub(c(1), div(c(2), add(exp(mul(size, c(2))), c(1))));
  Value negative = negate(far);
  far = select(less(x, c(0)), negative, far);
  return select(less(size, c(0.625)), near, far);
}

Value CpuKernelEmitter::silu(Value x) { return div(x, add(constant(x.getType(), 1), exp(negate(x)))); }

Value CpuKernelEmitter::geluTanh(Value x) {
  // (1 + tanh u) / 2 = 1 / (1 + e^-2u), which loses nothing where tanh u is near -1.
  double k = -2 * std::sqrt(2 / M_PI);
  Value square = mul(x, x);
  Value u = mul(x, fma(square, constant(x.getType(), 0.044715 * k), constant(x.getType(), k)));
  return div(x, add(constant(x.getType(), 1), exp(u)));
}

Value CpuKernelEmitter::activate(lm::ActivationKind kind, Value x) {
  switch (kind) {
  case lm::ActivationKind::silu:
    return silu(x);
  case lm::ActivationKind::gelu_tanh:
    return geluTanh(x);
  }
  llvm_unreachable("all kinds of activation are covered");
}

std::pair<Value, Value> CpuKernelEmitter::sinCos(Value x) {
  Type type = x.getType(), bits = withElement(type, b.getI64Type());
  auto c = [&](double value) { return constant(type, value); };
  auto i = [&](int64_t value) { return integer(bits, value); };

  // n = round(x / (pi/2)), as in exp; r = x - n pi/2. The first constant has 33
  // bits, so that its product with n < 2^20 is exact.
  Value magic = c(0x1.8p52), shifted = fma(x, c(2 / M_PI), magic);
  Value n = sub(shifted, magic), quadrant = bitcast(bits, shifted);
  Value r = fma(n, c(-1.57079632673412561417), x);
  r = fma(n, c(-6.07710050650619224932e-11), r);
  // Taylor series; |r| <= pi/4 leaves errors below 1e-11.
  Value r2 = mul(r, r);
  Value r3 = mul(r, r2);
  Value sine = fma(r3, polynomial(r2, {-1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800}), r);
  Value cosine = polynomial(r2, {1, -1.0 / 2, 1.0 / 24, -1.0 / 720, 1.0 / 40320, -1.0 / 3628800, 1.0 / 479001600});
  // Odd quadrants swap the two; sin is negative in quadrants 2 and 3, cos in 1 and 2.
  auto isSet = [&](Value v, int64_t bit) -> Value {
    Value masked = arith::AndIOp::create(b, location, v, i(bit));
    return arith::CmpIOp::create(b, location, arith::CmpIPredicate::ne, masked, i(0));
  };
  Value odd = isSet(quadrant, 1);
  Value s = select(odd, cosine, sine), co = select(odd, sine, cosine);
  Value sineNegative = isSet(quadrant, 2), cosineNegative = isSet(add(quadrant, 1), 2);
  s = select(sineNegative, negate(s), s);
  co = select(cosineNegative, negate(co), co);
  Type narrow = withElement(type, f32Type());
  auto round = [&](Value v) -> Value { return arith::TruncFOp::create(b, location, narrow, v); };
  return {round(s), round(co)};
}

Value CpuKernelEmitter::logWide(Value x) {
  Type type = x.getType(), bits = withElement(type, b.getI64Type());
  auto c = [&](double value) { return constant(type, value); };
  auto i = [&](int64_t value) { return integer(bits, value); };
  // As log: x = 2^n m with m in [sqrt(1/2), sqrt(2)), log m = 2 artanh((m - 1) / (m + 1)).
  constexpr int64_t rootOfHalf = 0x3fe6a09e667f3bcd;
  Value offset = sub(bitcast(bits, x), i(rootOfHalf));
  Value n = toWide(arith::ShRSIOp::create(b, location, offset, i(52)));
  Value fraction = arith::AndIOp::create(b, location, offset, i(0xfffffffffffff));
  Value f = sub(bitcast(type, add(fraction, i(rootOfHalf))), c(1));
  Value s = div(f, add(f, c(2))), square = mul(s, s);
  SmallVector<double> series;
  for (int power = 1; power <= 21; power += 2)
    series.push_back(2.0 / power);
  return fma(n, c(std::log(2.0)), mul(s, polynomial(square, series)));
}

Value CpuKernelEmitter::expWide(Value x) {
  Type type = x.getType(), bits = withElement(type, b.getI64Type());
  auto c = [&](double value) { return constant(type, value); };
  // As exp: n = round(x / ln 2), r = x - n ln 2 with |r| <= ln 2 / 2. The first
  // constant has 32 bits, so that its product is exact.
  Value magic = c(0x1.8p52), shifted = fma(x, c(1 / std::log(2.0)), magic);
  Value n = sub(shifted, magic), shiftedBits = bitcast(bits, shifted);
  Value power = sub(shiftedBits, bitcast(bits, magic));
  Value r = fma(n, c(-6.93147180369123816490e-01), x);
  r = fma(n, c(-1.90821492927058770002e-10), r);
  SmallVector<double> series{1}; // Taylor's
  for (int k = 1; k <= 13; ++k)
    series.push_back(series.back() / k);
  Value exponent = arith::ShLIOp::create(b, location, power, integer(bits, 52));
  Value mantissa = polynomial(r, series);
  return mul(mantissa, bitcast(type, add(exponent, bitcast(bits, c(1)))));
}
