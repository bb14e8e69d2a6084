// RUN: plait-opt %s --split-input-file --plait-add-mesh='axes=dp,tp sizes=2,3' | FileCheck %s

// The axes are those of the options.
// CHECK: par.mesh @mesh axes ["dp", "tp"] sizes [2, 3]
module {}

// -----

// A module that has a mesh keeps it.
// CHECK: par.mesh @own axes ["tp"] sizes [4]
// CHECK-NOT: par.mesh
par.mesh @own axes ["tp"] sizes [4]

// -----

// On the module's machine.
// CHECK: par.mesh @mesh axes ["dp", "tp"] sizes [2, 3] on @machine
par.machine @machine devices [
  <kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>,
  <kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>,
  <kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>,
  <kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>,
  <kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>,
  <kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>
] links [<members = [0, 1, 2, 3, 4, 5], kind = switch, bandwidth = 1.0, latency = 0.0>] host <step = 0.0, sequence = 0.0>
