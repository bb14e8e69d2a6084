// RUN: plait-opt %s | plait-opt | FileCheck %s
// RUN: plait-opt %s --emit-bytecode | plait-opt | FileCheck %s

// CHECK:      par.machine @three devices [
// CHECK-NEXT:   <kind = "cpu", memory = 34359738368, bandwidth = 2.000000e+10, peak = {bf16 = 2.000000e+11, f32 = 1.000000e+11}, launch = 2.000000e-06>,
// CHECK-NEXT:   <kind = "cpu", memory = 17179869184, bandwidth = 2.000000e+10, peak = {f32 = 1.000000e+11}, launch = 0.000000e+00>,
// CHECK-NEXT:   <kind = "gpu", memory = 17179869184, bandwidth = 2.000000e+12, peak = {f32 = 6.000000e+13}, launch = 5.000000e-06>
// CHECK-NEXT: ] links [
// CHECK-NEXT:   <members = [0, 1], kind = shared_memory, bandwidth = 1.000000e+10, latency = 2.000000e-06>,
// CHECK-NEXT:   <members = [0, 1, 2], kind = pcie, bandwidth = 2.500000e+10, latency = 2.000000e-06>,
// CHECK-NEXT:   <members = [1, 2], kind = switch, bandwidth = 4.500000e+11, latency = 0.000000e+00, multicast = true>,
// CHECK-NEXT:   <members = [2, 0], kind = network, bandwidth = 1.250000e+09, latency = 3.000000e-05>
// CHECK-NEXT: ] host <step = 5.000000e-05, sequence = 2.500000e-05> calibration "by hand"
par.machine @three devices [
  <kind = "cpu", memory = 34359738368, bandwidth = 2.0e10, peak = {f32 = 1.0e11, bf16 = 2.0e11}, launch = 2.0e-6>,
  <kind = "cpu", memory = 17179869184, bandwidth = 2.0e10, peak = {f32 = 1.0e11}, launch = 0.0>,
  <kind = "gpu", memory = 17179869184, bandwidth = 2.0e12, peak = {f32 = 6.0e13}, launch = 5.0e-6>
] links [
  <members = [0, 1], kind = shared_memory, bandwidth = 1.0e10, latency = 2.0e-6, multicast = false>,
  <members = [0, 1, 2], kind = pcie, bandwidth = 2.5e10, latency = 2.0e-6>,
  <members = [1, 2], kind = switch, bandwidth = 4.5e11, latency = 0.0, multicast = true>,
  <members = [2, 0], kind = network, bandwidth = 1.25e9, latency = 3.0e-5>
] host <step = 5.0e-5, sequence = 2.5e-5> calibration "by hand"

// CHECK: par.machine @one devices [
// CHECK: ] links [] host <step = 0.000000e+00, sequence = 0.000000e+00>{{$}}
par.machine @one devices [<kind = "cpu", memory = 1, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>] links [] host <step = 0.0, sequence = 0.0>

// Meshes may have devices in common.
// CHECK: par.mesh @all axes ["dp", "tp"] sizes [1, 3] on @three
par.mesh @all axes ["dp", "tp"] sizes [1, 3] on @three
// CHECK: par.mesh @prompts axes ["tp"] sizes [2] on @three devices [2, 0] rank 1
par.mesh @prompts axes ["tp"] sizes [2] on @three devices [2, 0] rank 1
