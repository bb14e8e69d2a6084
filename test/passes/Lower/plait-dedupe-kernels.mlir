// RUN: plait-opt %s --plait-dedupe-kernels | FileCheck %s

#cost = #kernel.cost<flops = [0, 4, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 48, 0, 0, 0]>
!ids = tensor<?xi32, #lm.dims<tokens>>
!x = tensor<?x4xf32, #lm.dims<tokens>>
!h = tensor<?x4xf32, #lm.dims<leaves>>
!l = tensor<?x32xf32, #lm.dims<leaves>>
!i = tensor<?xi32, #lm.dims<leaves>>
!f = tensor<?xf32, #lm.dims<leaves>>
!stops = tensor<?x?xi32, #lm.dims<leaves, stops>>
!kv = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32>

// CHECK: kernel.func @a(
// Equal but for names and locations.
// CHECK-NOT: kernel.func @b(
// Another cost, another operation, another constant, another type, another order,
// or not in place: another kernel.
// CHECK: kernel.func @cost(
// CHECK: kernel.func @glu(
// CHECK: kernel.func @eps5(
// CHECK: kernel.func @eps6(
// CHECK: kernel.func @type(
// CHECK: kernel.func @order(
// CHECK: kernel.func @moved(
kernel.func @a(%x: !x, %y: !x) -> !x attributes {cost = #cost, in_place = array<i64: 0, 0>} {
  %z = lm.add %x, %y : !x
  kernel.return %z : !x
} loc("first")
kernel.func @b(%u: !x, %v: !x) -> !x attributes {cost = #cost, in_place = array<i64: 0, 0>} {
  %w = lm.add %u, %v : !x loc("inner")
  kernel.return %w : !x
} loc("second")
kernel.func @cost(%x: !x, %y: !x) -> !x attributes {in_place = array<i64: 0, 0>, cost = #kernel.cost<flops = [0, 5, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 48, 0, 0, 0]>} {
  %z = lm.add %x, %y : !x
  kernel.return %z : !x
}
kernel.func @glu(%x: !x, %y: !x) -> !x attributes {cost = #cost, in_place = array<i64: 0, 0>} {
  %z = lm.glu silu %x, %y : !x
  kernel.return %z : !x
}
kernel.func @eps5(%x: !x, %p: !kernel.packed<!lm.weight<4, #lm.f32>, panel = 0, group = 1>) -> !x attributes {cost = #cost} {
  %w = kernel.unpack %p : !kernel.packed<!lm.weight<4, #lm.f32>, panel = 0, group = 1> -> !lm.weight<4, #lm.f32>
  %z = lm.rms_norm %x, %w eps 1.0e-5 : !x, !lm.weight<4, #lm.f32>
  kernel.return %z : !x
}
kernel.func @eps6(%x: !x, %p: !kernel.packed<!lm.weight<4, #lm.f32>, panel = 0, group = 1>) -> !x attributes {cost = #cost} {
  %w = kernel.unpack %p : !kernel.packed<!lm.weight<4, #lm.f32>, panel = 0, group = 1> -> !lm.weight<4, #lm.f32>
  %z = lm.rms_norm %x, %w eps 1.0e-6 : !x, !lm.weight<4, #lm.f32>
  kernel.return %z : !x
}
kernel.func @type(%x: !h, %y: !h) -> !h attributes {cost = #cost, in_place = array<i64: 0, 0>} {
  %z = lm.add %x, %y : !h
  kernel.return %z : !h
}
kernel.func @order(%x: !x, %y: !x) -> !x attributes {cost = #cost, in_place = array<i64: 0, 0>} {
  %z = lm.add %y, %x : !x
  kernel.return %z : !x
}
kernel.func @moved(%x: !x, %y: !x) -> !x attributes {cost = #cost} {
  %z = lm.add %x, %y : !x
  kernel.return %z : !x
}

// CHECK-LABEL: decode.step @step(
// CHECK-NEXT: kernel.launch @a({{.*}}) from "one"
// CHECK-NEXT: kernel.launch @a({{.*}}) from "two"
// CHECK-NEXT: kernel.launch @order(
decode.step @step(%x: !x, %y: !x) -> !x
    attributes {input_roles = [#decode.role<tokens>, #decode.role<positions>], output_roles = [#decode.role<chosen>]} {
  %a = kernel.launch @a(%x, %y) from "one" : (!x, !x) -> !x
  %b = kernel.launch @b(%a, %y) from "two" : (!x, !x) -> !x
  %c = kernel.launch @order(%b, %y) from "three" : (!x, !x) -> !x
  decode.return %c : !x
}
