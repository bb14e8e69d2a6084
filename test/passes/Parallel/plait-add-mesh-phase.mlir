// RUN: plait-opt %s --plait-add-mesh='axes=tp sizes=1 symbol=prefill rank=0' | FileCheck %s

// Of a mesh along which nothing is split the module is a rank's program already.
// CHECK: par.mesh @prefill axes ["tp"] sizes [1] rank 0
module {}
