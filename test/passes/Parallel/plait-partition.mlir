// RUN: plait-opt %s -split-input-file --plait-partition=rank=1 -verify-diagnostics | FileCheck %s
// RUN: not plait-opt %s -split-input-file --plait-partition=rank=2 2>&1 | FileCheck %s --check-prefix=RANK
// RANK: error: expected one 'par.mesh' with a rank 2
//
// What constraints ask for beyond sums: parts are put together where an op needs the
// whole, and a sum of which parts are wanted is scattered.

par.mesh @mesh axes ["tp"] sizes [2]
// CHECK-LABEL: decode.step @gather
decode.step @gather(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
  %1 = par.constraint %0 as <@mesh, [{}, {}], unreduced = {"tp"}> : tensor<?x32xf32, #lm.dims<tokens>>
  // CHECK: %[[P:.*]] = par.reduce_scatter %{{.*}} dim 1 {"tp" : 0 to 8, 8 to 32} on @mesh : tensor<?x32xf32, #lm.dims<tokens>> -> tensor<?x24xf32, #lm.dims<tokens>>
  %2 = par.reshard %1 from <@mesh, [{}, {}], unreduced = {"tp"}> to <@mesh, [{}, {"tp" : 0 to 8, 8 to 32}]> : tensor<?x32xf32, #lm.dims<tokens>>
  // CHECK: %[[S:.*]] = lm.scale %[[P]] by 3.000000e+00 : tensor<?x24xf32, #lm.dims<tokens>>
  %3 = lm.scale %2 by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
  // CHECK: %[[G:.*]] = par.all_gather %[[S]] dim 1 {"tp" : 0 to 8, 8 to 32} on @mesh : tensor<?x24xf32, #lm.dims<tokens>> -> tensor<?x32xf32, #lm.dims<tokens>>
  %4 = par.constraint %3 as <@mesh, [{}, {"tp" : 0 to 8, 8 to 32}]> : tensor<?x32xf32, #lm.dims<tokens>>
  // What a step returns is written by a kernel.
  // CHECK: %[[R:.*]] = lm.slice_columns %[[G]] 0 size 32
  // CHECK: decode.return %[[R]]
  decode.return %4 : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

// expected-error @+1 {{expected whole steps but got those of rank 0}}
par.mesh @mesh axes ["tp"] sizes [2] rank 0

// -----

par.mesh @mesh axes ["tp"] sizes [2]
// CHECK-LABEL: decode.step @split
decode.step @split(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  // CHECK: %[[P:.*]] = par.part %{{.*}} dim 1 {"tp" : 0 to 8, 8 to 32} on @mesh : tensor<?x32xf32, #lm.dims<tokens>> -> tensor<?x24xf32, #lm.dims<tokens>>
  // CHECK: %[[O:.*]] = lm.slice_columns %[[P]] 0 size 24
  // CHECK: decode.return %[[O]]
  %0 = par.reshard %x from <@mesh, [{}, {}]> to <@mesh, [{}, {"tp" : 0 to 8, 8 to 32}]> : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %0 : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
decode.step @overlap(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  // expected-error @+1 {{expected parts that do not overlap}}
  %0 = par.reshard %x from <@mesh, [{}, {}]> to <@mesh, [{}, {"tp" : 0 to 16, 8 to 32}]> : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %0 : tensor<?x32xf32, #lm.dims<tokens>>
}
