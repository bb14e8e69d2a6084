// RUN: plait-opt %s --split-input-file --plait-add-mesh='axes=dp,tp sizes=2,3' | FileCheck %s

// The axes are those of the options.
// CHECK: par.mesh @mesh axes ["dp", "tp"] sizes [2, 3]
module {}

// -----

// A module that has a mesh keeps it.
// CHECK: par.mesh @own axes ["tp"] sizes [4]
// CHECK-NOT: par.mesh
par.mesh @own axes ["tp"] sizes [4]
