// RUN: plait-opt %s -split-input-file --plait-propagate-sharding | FileCheck %s
// RUN: plait-opt %s -split-input-file --plait-propagate-sharding --remarks-filter='plait-.*' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// Weights of 16384 bytes at 1 MB/s take 16384 us, a half of them 8192 us; the exchange nothing to speak of.
// REMARK: dimension of 64 of up, down (16384 bytes) is split along "tp": 32 32; a decode step and a prefill of 512 tokens take {{[0-9.]+ .?s and [0-9.]+ .?s}}; whole they would take {{.*}}; with its weights gathered wherever they are used, which is not done,
par.mesh @mesh axes ["tp"] sizes [2] on @machine
par.machine @machine devices [
  <kind = "cpu", memory = 1048576, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>,
  <kind = "cpu", memory = 1048576, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>
] links [<members = [0, 1], kind = shared_memory, bandwidth = 1.0e12, latency = 1.0e-9>] host <step = 0.0, sequence = 0.0>
// CHECK-LABEL: decode.step @pays
// CHECK: par.constraint %{{.*}} as <@mesh, [{"tp" : 0 to 32, 32 to 64}, {}]> : !lm.weight<64x32
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<64x32, #lm.f32>
  lm.weight @down from "down" : !lm.weight<32x64, #lm.f32>
}
decode.step @pays(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@up : !lm.weight<64x32, #lm.f32>
  %1 = lm.get_weight @m::@down : !lm.weight<32x64, #lm.f32>
  %u = lm.linear %x, %0 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<64x32, #lm.f32>
  %y = lm.linear %u, %1 : tensor<?x64xf32, #lm.dims<tokens>>, !lm.weight<32x64, #lm.f32>
  %z = lm.add %x, %y : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %z : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

// With a slow link it does not.
// REMARK: dimension of 64 of up, down (16384 bytes) stays whole: a decode step and a prefill of 512 tokens take {{.*}}; split along "tp" they would take
par.mesh @mesh axes ["tp"] sizes [2] on @machine
par.machine @machine devices [
  <kind = "cpu", memory = 1048576, bandwidth = 1.0e9, peak = {f32 = 1.0e12}, launch = 0.0>,
  <kind = "cpu", memory = 1048576, bandwidth = 1.0e9, peak = {f32 = 1.0e12}, launch = 0.0>
] links [<members = [0, 1], kind = shared_memory, bandwidth = 1.0e9, latency = 1.0e-3>] host <step = 0.0, sequence = 0.0>
// CHECK-LABEL: decode.step @does_not_pay
// CHECK-NOT: par.constraint
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<64x32, #lm.f32>
  lm.weight @down from "down" : !lm.weight<32x64, #lm.f32>
}
decode.step @does_not_pay(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@up : !lm.weight<64x32, #lm.f32>
  %1 = lm.get_weight @m::@down : !lm.weight<32x64, #lm.f32>
  %u = lm.linear %x, %0 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<64x32, #lm.f32>
  %y = lm.linear %u, %1 : tensor<?x64xf32, #lm.dims<tokens>>, !lm.weight<32x64, #lm.f32>
  %z = lm.add %x, %y : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %z : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

// Unless whole weights do not fit.
// REMARK: dimension of 64 of up, down (16384 bytes) is split along "tp": 32 32; {{.*}}; whole they would take {{.*}} but not fit: rank 0 lacks 6384 bytes; with its weights gathered
par.mesh @mesh axes ["tp"] sizes [2] on @machine
par.machine @machine devices [
  <kind = "cpu", memory = 10000, bandwidth = 1.0e9, peak = {f32 = 1.0e12}, launch = 0.0>,
  <kind = "cpu", memory = 10000, bandwidth = 1.0e9, peak = {f32 = 1.0e12}, launch = 0.0>
] links [<members = [0, 1], kind = shared_memory, bandwidth = 1.0e9, latency = 1.0e-3>] host <step = 0.0, sequence = 0.0>
// CHECK-LABEL: decode.step @must
// CHECK: par.constraint %{{.*}} as <@mesh, [{"tp" : 0 to 32, 32 to 64}, {}]> : !lm.weight<64x32
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<64x32, #lm.f32>
  lm.weight @down from "down" : !lm.weight<32x64, #lm.f32>
}
decode.step @must(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@up : !lm.weight<64x32, #lm.f32>
  %1 = lm.get_weight @m::@down : !lm.weight<32x64, #lm.f32>
  %u = lm.linear %x, %0 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<64x32, #lm.f32>
  %y = lm.linear %u, %1 : tensor<?x64xf32, #lm.dims<tokens>>, !lm.weight<32x64, #lm.f32>
  %z = lm.add %x, %y : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %z : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

// Parts in the ratio of the memories, which is 3 to 1.
// REMARK: dimension of 128 of up, down ({{.*}} bytes) is split along "tp": 96 32;
par.mesh @mesh axes ["tp"] sizes [2] on @machine
par.machine @machine devices [
  <kind = "cpu", memory = 3221225472, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>,
  <kind = "cpu", memory = 1073741824, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>
] links [<members = [0, 1], kind = shared_memory, bandwidth = 1.0e12, latency = 1.0e-9>] host <step = 0.0, sequence = 0.0>
// CHECK-LABEL: decode.step @unequal
// CHECK: par.constraint %{{.*}} as <@mesh, [{"tp" : 0 to 96, 96 to 128}, {}]> : !lm.weight<128x32
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<128x32, #lm.f32>
  lm.weight @down from "down" : !lm.weight<32x128, #lm.f32>
}
decode.step @unequal(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@up : !lm.weight<128x32, #lm.f32>
  %1 = lm.get_weight @m::@down : !lm.weight<32x128, #lm.f32>
  %u = lm.linear %x, %0 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<128x32, #lm.f32>
  %y = lm.linear %u, %1 : tensor<?x128xf32, #lm.dims<tokens>>, !lm.weight<32x128, #lm.f32>
  %z = lm.add %x, %y : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %z : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

// Of ranks 0 and 1 the devices are 1 and 0.
par.mesh @mesh axes ["tp"] sizes [2] on @machine devices [1, 0]
par.machine @machine devices [
  <kind = "cpu", memory = 3221225472, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>,
  <kind = "cpu", memory = 1073741824, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>
] links [<members = [0, 1], kind = shared_memory, bandwidth = 1.0e12, latency = 1.0e-9>] host <step = 0.0, sequence = 0.0>
// CHECK-LABEL: decode.step @swapped
// CHECK: par.constraint %{{.*}} as <@mesh, [{"tp" : 0 to 32, 32 to 128}, {}]> : !lm.weight<128x32
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<128x32, #lm.f32>
  lm.weight @down from "down" : !lm.weight<32x128, #lm.f32>
}
decode.step @swapped(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@up : !lm.weight<128x32, #lm.f32>
  %1 = lm.get_weight @m::@down : !lm.weight<32x128, #lm.f32>
  %u = lm.linear %x, %0 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<128x32, #lm.f32>
  %y = lm.linear %u, %1 : tensor<?x128xf32, #lm.dims<tokens>>, !lm.weight<32x128, #lm.f32>
  %z = lm.add %x, %y : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %z : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

// A constraint decides.
// REMARK: dimension of 64 of up, down stays whole: a constraint keeps it so
par.mesh @mesh axes ["tp"] sizes [2] on @machine
par.machine @machine devices [
  <kind = "cpu", memory = 1048576, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>,
  <kind = "cpu", memory = 1048576, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>
] links [<members = [0, 1], kind = shared_memory, bandwidth = 1.0e12, latency = 1.0e-9>] host <step = 0.0, sequence = 0.0>
// CHECK-LABEL: decode.step @kept
// CHECK-NOT: par.constraint
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<64x32, #lm.f32>
  lm.weight @down from "down" : !lm.weight<32x64, #lm.f32>
}
decode.step @kept(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@up : !lm.weight<64x32, #lm.f32>
  %1 = lm.get_weight @m::@down : !lm.weight<32x64, #lm.f32>
  %2 = par.constraint %0 as <@mesh, [{}, {}]> : !lm.weight<64x32, #lm.f32>
  %u = lm.linear %x, %2 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<64x32, #lm.f32>
  %y = lm.linear %u, %1 : tensor<?x64xf32, #lm.dims<tokens>>, !lm.weight<32x64, #lm.f32>
  %z = lm.add %x, %y : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %z : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

// An open dimension asks for nothing.
// REMARK: dimension of 64 of up, down (16384 bytes) is split along "tp": 32 32;
par.mesh @mesh axes ["tp"] sizes [2] on @machine
par.machine @machine devices [
  <kind = "cpu", memory = 1048576, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>,
  <kind = "cpu", memory = 1048576, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>
] links [<members = [0, 1], kind = shared_memory, bandwidth = 1.0e12, latency = 1.0e-9>] host <step = 0.0, sequence = 0.0>
// CHECK-LABEL: decode.step @open
// CHECK: par.constraint %{{.*}} as <@mesh, [{"tp" : 0 to 32, 32 to 64}, {}]> : !lm.weight<64x32
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<64x32, #lm.f32>
  lm.weight @down from "down" : !lm.weight<32x64, #lm.f32>
}
decode.step @open(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@up : !lm.weight<64x32, #lm.f32>
  %1 = lm.get_weight @m::@down : !lm.weight<32x64, #lm.f32>
  %2 = par.constraint %0 as <@mesh, [{?}, {?}]> : !lm.weight<64x32, #lm.f32>
  %u = lm.linear %x, %2 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<64x32, #lm.f32>
  %y = lm.linear %u, %1 : tensor<?x64xf32, #lm.dims<tokens>>, !lm.weight<32x64, #lm.f32>
  %z = lm.add %x, %y : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %z : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

// Two boxes of two devices: across the boxes the exchange costs more than it saves.
// REMARK: dimension of 128 of up, down (32768 bytes) is split along "in": 64 64;
par.mesh @mesh axes ["box", "in"] sizes [2, 2] on @machine
par.machine @machine devices [
  <kind = "cpu", memory = 1048576, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>,
  <kind = "cpu", memory = 1048576, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>,
  <kind = "cpu", memory = 1048576, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>,
  <kind = "cpu", memory = 1048576, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>
] links [
  <members = [0, 1], kind = shared_memory, bandwidth = 1.0e12, latency = 1.0e-9>,
  <members = [2, 3], kind = shared_memory, bandwidth = 1.0e12, latency = 1.0e-9>,
  <members = [0, 1, 2, 3], kind = network, bandwidth = 1.0e9, latency = 1.0>
] host <step = 0.0, sequence = 0.0>
// CHECK-LABEL: decode.step @within
// CHECK: par.constraint %{{.*}} as <@mesh, [{"in" : 0 to 64, 64 to 128}, {}]> : !lm.weight<128x32
// CHECK: par.constraint %{{.*}} as <@mesh, [{}, {}], unreduced = {"in"}>
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<128x32, #lm.f32>
  lm.weight @down from "down" : !lm.weight<32x128, #lm.f32>
}
decode.step @within(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@up : !lm.weight<128x32, #lm.f32>
  %1 = lm.get_weight @m::@down : !lm.weight<32x128, #lm.f32>
  %u = lm.linear %x, %0 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<128x32, #lm.f32>
  %y = lm.linear %u, %1 : tensor<?x128xf32, #lm.dims<tokens>>, !lm.weight<32x128, #lm.f32>
  %z = lm.add %x, %y : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %z : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

// With a better network it pays.
// REMARK: dimension of 128 of up, down (32768 bytes) is split along "box", "in": 32 32 32 32;
par.mesh @mesh axes ["box", "in"] sizes [2, 2] on @machine
par.machine @machine devices [
  <kind = "cpu", memory = 1048576, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>,
  <kind = "cpu", memory = 1048576, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>,
  <kind = "cpu", memory = 1048576, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>,
  <kind = "cpu", memory = 1048576, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>
] links [
  <members = [0, 1], kind = shared_memory, bandwidth = 1.0e12, latency = 1.0e-9>,
  <members = [2, 3], kind = shared_memory, bandwidth = 1.0e12, latency = 1.0e-9>,
  <members = [0, 1, 2, 3], kind = network, bandwidth = 1.0e9, latency = 1.0e-6>
] host <step = 0.0, sequence = 0.0>
// CHECK-LABEL: decode.step @both
// CHECK: par.constraint %{{.*}} as <@mesh, [{"box", "in" : 0 to 32, 32 to 64, 64 to 96, 96 to 128}, {}]> : !lm.weight<128x32
// CHECK: par.constraint %{{.*}} as <@mesh, [{}, {}], unreduced = {"box", "in"}>
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<128x32, #lm.f32>
  lm.weight @down from "down" : !lm.weight<32x128, #lm.f32>
}
decode.step @both(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@up : !lm.weight<128x32, #lm.f32>
  %1 = lm.get_weight @m::@down : !lm.weight<32x128, #lm.f32>
  %u = lm.linear %x, %0 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<128x32, #lm.f32>
  %y = lm.linear %u, %1 : tensor<?x128xf32, #lm.dims<tokens>>, !lm.weight<32x128, #lm.f32>
  %z = lm.add %x, %y : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %z : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

// What a constraint splits along one axis and leaves open is split along the other one, too, within
// the parts that it has.
// REMARK: dimension of 128 of up, down (32768 bytes) is split along "in", "box": 48 48 16 16;
par.mesh @mesh axes ["box", "in"] sizes [2, 2] on @machine
par.machine @machine devices [
  <kind = "cpu", memory = 1048576, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>,
  <kind = "cpu", memory = 1048576, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>,
  <kind = "cpu", memory = 1048576, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>,
  <kind = "cpu", memory = 1048576, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>
] links [
  <members = [0, 1], kind = shared_memory, bandwidth = 1.0e12, latency = 1.0e-9>,
  <members = [2, 3], kind = shared_memory, bandwidth = 1.0e12, latency = 1.0e-9>,
  <members = [0, 1, 2, 3], kind = network, bandwidth = 1.0e9, latency = 1.0e-6>
] host <step = 0.0, sequence = 0.0>
// CHECK-LABEL: decode.step @further
// CHECK: par.constraint %{{.*}} as <@mesh, [{"in", "box" : 0 to 48, 48 to 96, 96 to 112, 112 to 128}, {}]> : !lm.weight<128x32
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<128x32, #lm.f32>
  lm.weight @down from "down" : !lm.weight<32x128, #lm.f32>
}
decode.step @further(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@up : !lm.weight<128x32, #lm.f32>
  %1 = lm.get_weight @m::@down : !lm.weight<32x128, #lm.f32>
  %2 = par.constraint %0 as <@mesh, [{"in" : 0 to 96, 96 to 128, ?}, {}]> : !lm.weight<128x32, #lm.f32>
  %u = lm.linear %x, %2 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<128x32, #lm.f32>
  %y = lm.linear %u, %1 : tensor<?x128xf32, #lm.dims<tokens>>, !lm.weight<32x128, #lm.f32>
  %z = lm.add %x, %y : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %z : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

// And what is closed is not.
// REMARK: dimension of 128 of up, down (32768 bytes) is split along "in": 32 96; {{.*}}; a constraint wants it so
par.mesh @mesh axes ["box", "in"] sizes [2, 2] on @machine
par.machine @machine devices [
  <kind = "cpu", memory = 1048576, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>,
  <kind = "cpu", memory = 1048576, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>,
  <kind = "cpu", memory = 1048576, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>,
  <kind = "cpu", memory = 1048576, bandwidth = 1.0e6, peak = {f32 = 1.0e12}, launch = 0.0>
] links [
  <members = [0, 1], kind = shared_memory, bandwidth = 1.0e12, latency = 1.0e-9>,
  <members = [2, 3], kind = shared_memory, bandwidth = 1.0e12, latency = 1.0e-9>,
  <members = [0, 1, 2, 3], kind = network, bandwidth = 1.0e9, latency = 1.0e-6>
] host <step = 0.0, sequence = 0.0>
// CHECK-LABEL: decode.step @closed
// CHECK: par.constraint %{{.*}} as <@mesh, [{"in" : 0 to 32, 32 to 128}, {}]> : !lm.weight<128x32
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<128x32, #lm.f32>
  lm.weight @down from "down" : !lm.weight<32x128, #lm.f32>
}
decode.step @closed(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@up : !lm.weight<128x32, #lm.f32>
  %1 = lm.get_weight @m::@down : !lm.weight<32x128, #lm.f32>
  %2 = par.constraint %0 as <@mesh, [{"in" : 0 to 32, 32 to 128}, {}]> : !lm.weight<128x32, #lm.f32>
  %u = lm.linear %x, %2 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<128x32, #lm.f32>
  %y = lm.linear %u, %1 : tensor<?x128xf32, #lm.dims<tokens>>, !lm.weight<32x128, #lm.f32>
  %z = lm.add %x, %y : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %z : tensor<?x32xf32, #lm.dims<tokens>>
}
