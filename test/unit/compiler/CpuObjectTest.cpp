//===- CpuObjectTest.cpp - Objects made of CPU kernels --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuKernelFixture.h"

using namespace plait;
using namespace plait::test;

namespace {

const char *kernels = R"(
#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
#tokens = #lm.dims<tokens>
#leaves = #lm.dims<leaves>
!ids = tensor<?xi32, #tokens>
!leaves = tensor<?xi32, #leaves>
!x = tensor<?x192xf32, #tokens>
!kv = tensor<?x64xf32, #tokens>
!vector = !kernel.packed<!lm.weight<192, #lm.bf16>, panel = 0, group = 1>
!rows = !kernel.packed<!lm.weight<2048x192, #lm.bf16>, panel = 0, group = 1>
!panels = !kernel.packed<!lm.weight<2048x192, #lm.bf16>, panel = 32, group = 2>
!state = !lm.state<layers = 4, kv_heads = 2, head_dim = 32, f32>

kernel.func @add(%a: !x, %b: !x) -> !x attributes {cost = #cost} {
  %y = lm.add %a, %b : !x
  kernel.return %y : !x
}
kernel.func @activation(%a: !x) -> !x attributes {cost = #cost} {
  %y = lm.activation gelu_tanh %a : !x
  kernel.return %y : !x
}
kernel.func @softcap(%a: !x) -> !x attributes {cost = #cost} {
  %y = lm.softcap %a cap 30.0 : !x
  kernel.return %y : !x
}
kernel.func @scale(%a: !x) -> !x attributes {cost = #cost} {
  %y = lm.scale %a by 30.0 : !x
  kernel.return %y : !x
}
kernel.func @glu(%a: !x, %b: !x) -> !x attributes {cost = #cost} {
  %y = lm.glu silu %a, %b : !x
  kernel.return %y : !x
}
kernel.func @rms_norm(%a: !x, %p: !vector) -> !x attributes {cost = #cost} {
  %g = kernel.unpack %p : !vector -> !lm.weight<192, #lm.bf16>
  %y = lm.rms_norm %a, %g eps 1.0e-5 : !x, !lm.weight<192, #lm.bf16>
  kernel.return %y : !x
}
kernel.func @layer_norm(%a: !x, %p: !vector, %q: !vector) -> !x attributes {cost = #cost} {
  %g = kernel.unpack %p : !vector -> !lm.weight<192, #lm.bf16>
  %b = kernel.unpack %q : !vector -> !lm.weight<192, #lm.bf16>
  %y = lm.layer_norm %a, %g, %b eps 1.0e-5 : !x, !lm.weight<192, #lm.bf16>, !lm.weight<192, #lm.bf16>
  kernel.return %y : !x
}
kernel.func @embed_rows(%i: !ids, %p: !rows) -> !x attributes {cost = #cost} {
  %t = kernel.unpack %p : !rows -> !lm.weight<2048x192, #lm.bf16>
  %y = lm.embed %i, %t : !ids, !lm.weight<2048x192, #lm.bf16>
  kernel.return %y : !x
}
kernel.func @embed_panels(%i: !ids, %p: !panels) -> !x attributes {cost = #cost} {
  %t = kernel.unpack %p : !panels -> !lm.weight<2048x192, #lm.bf16>
  %y = lm.embed %i, %t : !ids, !lm.weight<2048x192, #lm.bf16>
  kernel.return %y : !x
}
kernel.func @slice(%a: !x) -> !kv attributes {cost = #cost} {
  %y = lm.slice_columns %a 64 size 64 : !x
  kernel.return %y : !kv
}
kernel.func @take(%a: !x, %i: !leaves) -> tensor<?x192xf32, #leaves> attributes {cost = #cost} {
  %y = lm.take_rows %a, %i : !x, !leaves
  kernel.return %y : tensor<?x192xf32, #leaves>
}
kernel.func @take_ids(%a: !ids, %i: !leaves) -> !leaves attributes {cost = #cost} {
  %y = lm.take_rows %a, %i : !ids, !leaves
  kernel.return %y : !leaves
}
kernel.func @rope(%a: !x, %p: !ids) -> !x attributes {cost = #cost} {
  %y = lm.rope %a, %p head_dim 32 theta 10000.0 : !x, !ids
  kernel.return %y : !x
}
kernel.func @rope_interleaved(%a: !x, %p: !ids) -> !x attributes {cost = #cost} {
  %y = lm.rope %a, %p head_dim 32 theta 10000.0 rotary_dim 20 scaling(#lm.dynamic_scaling<factor = 2.0, original = 64>) interleaved : !x, !ids
  kernel.return %y : !x
}
kernel.func @stage(%k: !kv, %v: !kv, %s: !state, %r: !lm.rows, %p: !ids) -> !state attributes {cost = #cost} {
  %y = lm.stage %k, %v, %s, %r, %p : !kv, !state, !ids
  kernel.return %y : !state
}
kernel.func @attend(%q: !x, %s: !state, %r: !lm.rows, %p: !ids) -> !x attributes {cost = #cost} {
  %y = lm.attend %q, %s, %r, %p scale 0.2 softcap 50.0 : !x, !state, !ids
  kernel.return %y : !x
}
)";

/// A model binary links to nothing.
TEST(CpuObject, HasNoUndefinedSymbols) {
  for (auto [target, cpu] : {std::pair{CpuTarget{4, false}, "x86-64"},
                             {CpuTarget{8, true}, "haswell"},
                             {CpuTarget{16, true}, "skylake-avx512"}})
    EXPECT_EQ(undefinedSymbols(kernels, target, cpu), std::vector<std::string>()) << cpu;
}

} // namespace
