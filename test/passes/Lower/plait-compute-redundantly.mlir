// RUN: plait-opt %s --plait-outline-kernels --plait-fuse-epilogues --plait-fuse-rows --plait-compute-redundantly --remark-format=emitRemark --remarks-filter=plait-compute-redundantly 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t
// RUN: plait-opt %s --plait-outline-kernels --plait-compute-redundantly="columns=3" | FileCheck %s --check-prefix=NARROW

!ids = tensor<?xi32, #lm.dims<tokens>>
!x = tensor<?x4xf32, #lm.dims<tokens>>
!h = tensor<?x4xf32, #lm.dims<leaves>>
!i = tensor<?xi32, #lm.dims<leaves>>
!gain = !kernel.packed<!lm.weight<4, #lm.f32>, panel = 0, group = 1>
!g = !lm.weight<4, #lm.f32>
!panels = !kernel.packed<!lm.weight<4x4, #lm.f32>, panel = 32, group = 1>
!w = !lm.weight<4x4, #lm.f32>

lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @gain from "gain" : !g
  lm.weight @w from "w" : !w
}

// A norm in front of two products, in a loop: each thread may compute it. The sum of the residual
// stream is none's own.
// NARROW-NOT: redundant
// CHECK-LABEL: decode.step @layers(
// CHECK: lm.layers 0 to 2 iter(%[[H:.*]] = %{{.*}})
// CHECK: %[[N:.*]] = kernel.launch @rms_norm{{.*}}(%[[H]], %{{.*}}) from "norm" redundant :
// CHECK: kernel.launch @linear{{.*}}(%[[N]], %{{.*}}) from "k" :
// CHECK: kernel.launch @linear_glu_add{{.*}}(%[[N]], %{{.*}}) from "q+glu+residual" :
// REMARK: Remark=norm, Remark=" is computed by each thread in steps of few rows"
decode.step @layers(%x: !x) -> !x
    attributes {input_roles = [#decode.role<tokens>], output_roles = [#decode.role<chosen>]} {
  %pg = kernel.packed_weight @main::@gain : !gain
  %g = kernel.unpack %pg : !gain -> !g
  %pw = kernel.packed_weight @main::@w : !panels
  %w = kernel.unpack %pw : !panels -> !w
  %e = lm.linear %x, %w : !x, !w loc("e")
  %y = lm.layers 0 to 2 iter(%h = %e) : !x {
    %n = lm.rms_norm %h, %g eps 1.0e-5 : !x, !g loc("norm")
    %q = lm.linear %n, %w : !x, !w loc("q")
    %k = lm.linear %n, %w : !x, !w loc("k")
    %z = lm.glu silu %q, %k : !x loc("glu")
    %s = lm.add %h, %z : !x loc("residual")
    lm.yield %s : !x
  }
  %o = lm.linear %y, %w : !x, !w loc("o")
  decode.return %o : !x
}

// What else is of a row is part of the launch.
// CHECK-LABEL: decode.step @chain(
// CHECK: %[[N:.*]] = kernel.launch @add_rms_norm{{.*}} from "add+norm+scale" redundant :
// CHECK: kernel.launch @linear{{.*}}(%[[N]], %{{.*}})
decode.step @chain(%x: !x, %y: !x) -> !x
    attributes {input_roles = [#decode.role<tokens>, #decode.role<positions>], output_roles = [#decode.role<chosen>]} {
  %pg = kernel.packed_weight @main::@gain : !gain
  %g = kernel.unpack %pg : !gain -> !g
  %pw = kernel.packed_weight @main::@w : !panels
  %w = kernel.unpack %pw : !panels -> !w
  %a = lm.add %x, %y : !x loc("add")
  %n = lm.rms_norm %a, %g eps 1.0e-5 : !x, !g loc("norm")
  %m = lm.scale %n by 2.0 : !x loc("scale")
  %z = lm.linear %m, %w : !x, !w loc("q")
  decode.return %z : !x
}

// Not for each thread: what the step returns, and what is no input of products alone.
// CHECK-LABEL: decode.step @left(
// CHECK-NOT: redundant
// CHECK: decode.return
decode.step @left(%x: !x, %leaves: !i) -> (!x, !x, !h)
    attributes {input_roles = [#decode.role<tokens>, #decode.role<leaves>],
                output_roles = [#decode.role<chosen>, #decode.role<status>, #decode.role<logprob>]} {
  %pg = kernel.packed_weight @main::@gain : !gain
  %g = kernel.unpack %pg : !gain -> !g
  %pw = kernel.packed_weight @main::@w : !panels
  %w = kernel.unpack %pw : !panels -> !w
  %n = lm.rms_norm %x, %g eps 1.0e-5 : !x, !g
  %y = lm.linear %n, %w : !x, !w
  %m = lm.rms_norm %y, %g eps 1.0e-5 : !x, !g
  %t = lm.take_rows %m, %leaves : !x, !i
  decode.return %y, %n, %t : !x, !x, !h
}

// Nor what the epilogue of a product writes over.
// CHECK-LABEL: decode.step @written(
// CHECK: kernel.launch @rms_norm{{.*}} from "norm" :
// CHECK: kernel.launch @linear_add
#cost = #kernel.cost<flops = [0, 4, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 48, 0, 0, 0]>
kernel.func @linear_add_over(%x: !x, %p: !panels, %h: !x) -> !x attributes {cost = #cost, in_place = array<i64: 2, 0>} {
  %w = kernel.unpack %p : !panels -> !w
  %y = lm.linear %x, %w : !x, !w
  %z = lm.add %h, %y : !x
  kernel.return %z : !x
}
decode.step @written(%x: !x) -> !x
    attributes {input_roles = [#decode.role<tokens>], output_roles = [#decode.role<chosen>]} {
  %pg = kernel.packed_weight @main::@gain : !gain
  %g = kernel.unpack %pg : !gain -> !g
  %pw = kernel.packed_weight @main::@w : !panels
  %n = lm.rms_norm %x, %g eps 1.0e-5 : !x, !g loc("norm")
  %z = kernel.launch @linear_add_over(%x, %pw, %n) from "o" : (!x, !panels, !x) -> !x
  decode.return %z : !x
}

// What the step returns lies where its caller says, and what reads it stays.
// CHECK-LABEL: decode.step @returned(
// CHECK-NOT: redundant
decode.step @returned(%x: !x) -> (!x, !x)
    attributes {input_roles = [#decode.role<tokens>], output_roles = [#decode.role<hidden>, #decode.role<chosen>]} {
  %pg = kernel.packed_weight @main::@gain : !gain
  %g = kernel.unpack %pg : !gain -> !g
  %pw = kernel.packed_weight @main::@w : !panels
  %w = kernel.unpack %pw : !panels -> !w
  %e = lm.linear %x, %w : !x, !w loc("e")
  %n = lm.rms_norm %e, %g eps 1.0e-5 : !x, !g loc("norm")
  %z = lm.linear %n, %w : !x, !w loc("q")
  decode.return %e, %z : !x, !x
}
