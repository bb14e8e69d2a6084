//===- KernelMath.cpp - Functions of f32 and f64 --------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ex2.approx is within 2 units in the last place (PTX ISA, "ex2"); all else is built of
// operations that round correctly.
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/KernelEmitter.h"

#include "dialects/Kernel/ExpSeries.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace plait;

Value CudaKernelEmitter::sqrt(Value x) { return LLVM::SqrtOp::create(b, location, x); }

Value CudaKernelEmitter::exp(Value x) {
  return perElement(x, [&](Value x) {
    // e^x = 2^(x log2 e). What the product loses is a small power of its own, 1 + loss ln 2.
    Value clamped = min(max(x, f32(-87)), f32(87)), factor = f32(0x1.715476p+0);
    Value power = mul(clamped, factor);
    Value loss = fma(clamped, factor, negate(power));
    loss = fma(clamped, f32(0x1.4ae0cp-26), loss);
    Value result = inlinePtx("ex2.approx.f32 $0, $1;", "=f,f", f32Type(), power, /*ordered=*/false);
    return fma(result, mul(loss, f32(0x1.62e43p-1)), result);
  });
}

Value CudaKernelEmitter::expOfNegative(Value x) {
  using Series = kernel::ExpSeries;
  Value magic = f32(Series::roundingMagic);
  Value shifted = fma(x, f32(Series::perLog2), magic), n = sub(shifted, magic);
  Value r = fma(n, f32(-Series::log2High), x);
  r = fma(n, f32(-Series::log2Low), r);
  Value square = mul(r, r), tail = polynomial(r, Series::tail);
  Value power = add(fma(square, tail, r), f32(1));
  // The shift leaves nothing of the magic number.
  Type bits = b.getI32Type();
  Value exponent = arith::ShLIOp::create(b, location, bitcast(bits, shifted), i32(23));
  power = mul(power, bitcast(f32Type(), add(exponent, bitcast(bits, f32(1)))));
  return select(less(x, f32(Series::least)), f32(0), power);
}

Value CudaKernelEmitter::tanh(Value x) {
  // 1 - 2 / (e^2x + 1): an error of 2^-24 of 1, not of the result.
  Type type = x.getType();
  Value power = exp(add(x, x));
  Value quotient = div(constant(type, 2), add(power, constant(type, 1)));
  return sub(constant(type, 1), quotient);
}

Value CudaKernelEmitter::silu(Value x) {
  Value power = exp(negate(x));
  return div(x, add(constant(x.getType(), 1), power));
}

Value CudaKernelEmitter::geluTanh(Value x) {
  Type type = x.getType();
  Value cube = mul(mul(x, x), x);
  Value inner = mul(fma(cube, constant(type, 0.044715), x), constant(type, 0.7978845608028654));
  Value sum = add(tanh(inner), constant(type, 1));
  return mul(mul(x, constant(type, 0.5)), sum);
}

Value CudaKernelEmitter::activate(lm::ActivationKind kind, Value x) {
  switch (kind) {
  case lm::ActivationKind::silu:
    return silu(x);
  case lm::ActivationKind::gelu_tanh:
    return geluTanh(x);
  }
  llvm_unreachable("unknown activation");
}

/// c[0] + x (c[1] + x (c[2] + ...))
Value CudaKernelEmitter::polynomial(Value x, ArrayRef<double> coefficients) {
  Value sum = constant(x.getType(), coefficients.back());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    sum = fma(sum, x, constant(x.getType(), coefficient));
  return sum;
}

std::pair<Value, Value> CudaKernelEmitter::sinCos(Value x) {
  Type wide = b.getF64Type();
  auto wideConstant = [&](double value) { return constant(wide, value); };
  // x = n pi/2 + r with |r| <= pi/4. What is added leaves n in the low bits.
  Value magic = wideConstant(0x1.8p52);
  Value shifted = fma(x, wideConstant(0x1.45f306dc9c883p-1), magic);
  Value n = sub(shifted, magic), minus = negate(n);
  Value r = fma(minus, wideConstant(0x1.921fb54442d18p+0), x);
  r = fma(minus, wideConstant(0x1.1a62633145c07p-54), r);
  Value quadrant = narrow(bitcast(b.getI64Type(), shifted));
  // Taylor series: what is left out is below (pi/4)^13 / 13! = 7e-12.
  Value square = mul(r, r);
  Value sine = mul(r, polynomial(square, {1, -1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800}));
  Value cosine = polynomial(square, {1, -1.0 / 2, 1.0 / 24, -1.0 / 720, 1.0 / 40320, -1.0 / 3628800, 1.0 / 479001600});
  auto bit = [&](Value value, int64_t mask) -> Value {
    Value masked = arith::AndIOp::create(b, location, value, i32(mask));
    return arith::CmpIOp::create(b, location, arith::CmpIPredicate::ne, masked, i32(0));
  };
  // Odd quadrants exchange the two; the second and third negate the sine, the first and second the cosine.
  Value odd = bit(quadrant, 1);
  Value first = select(odd, cosine, sine), second = select(odd, sine, cosine);
  Value negateSine = bit(quadrant, 2), negateCosine = bit(add(quadrant, 1), 2);
  Value negatedSine = negate(first), negatedCosine = negate(second);
  auto narrowed = [&](Value value) -> Value { return arith::TruncFOp::create(b, location, f32Type(), value); };
  Value s = narrowed(select(negateSine, negatedSine, first));
  Value c = narrowed(select(negateCosine, negatedCosine, second));
  return {s, c};
}
