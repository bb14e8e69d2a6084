// RUN: plait-opt %s -split-input-file --plait-optimize-collectives | FileCheck %s
// RUN: plait-opt %s -split-input-file --plait-optimize-collectives --remarks-filter='plait-.*' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

par.mesh @mesh axes ["tp"] sizes [2] rank 1
// CHECK-LABEL: decode.step @scatter
decode.step @scatter(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x24xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
  // REMARK: Scatter{{.*}}a sum of which each rank needs its part is scattered
  // CHECK-NOT: par.all_reduce
  // CHECK: par.reduce_scatter %{{.*}} dim 1 {"tp" : 0 to 8, 8 to 32} on @mesh order tree : tensor<?x32xf32, #lm.dims<tokens>> -> tensor<?x24xf32, #lm.dims<tokens>>
  // CHECK-NOT: {{= par[.]}}
  %s = par.all_reduce %p on @mesh ["tp"] order tree : tensor<?x32xf32, #lm.dims<tokens>>
  %a = par.part %s dim 1 {"tp" : 0 to 8, 8 to 32} on @mesh : tensor<?x32xf32, #lm.dims<tokens>> -> tensor<?x24xf32, #lm.dims<tokens>>
  %b = par.part %s dim 1 {"tp" : 0 to 8, 8 to 32} on @mesh : tensor<?x32xf32, #lm.dims<tokens>> -> tensor<?x24xf32, #lm.dims<tokens>>
  %c = lm.add %a, %b : tensor<?x24xf32, #lm.dims<tokens>>
  %r = lm.scale %c by 2.0 : tensor<?x24xf32, #lm.dims<tokens>>
  decode.return %r : tensor<?x24xf32, #lm.dims<tokens>>
}

// -----

// Something else needs the whole sum.
par.mesh @mesh axes ["tp"] sizes [2] rank 1
// CHECK-LABEL: decode.step @no_scatter
decode.step @no_scatter(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
  // CHECK: par.all_reduce
  // CHECK: par.part
  %s = par.all_reduce %p on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
  %a = par.part %s dim 1 {"tp" : 0 to 8, 8 to 32} on @mesh : tensor<?x32xf32, #lm.dims<tokens>> -> tensor<?x24xf32, #lm.dims<tokens>>
  %g = par.all_gather %a dim 1 {"tp" : 0 to 9, 9 to 33} on @mesh : tensor<?x24xf32, #lm.dims<tokens>> -> tensor<?x33xf32, #lm.dims<tokens>>
  %h = lm.slice_columns %g 0 size 32 : tensor<?x33xf32, #lm.dims<tokens>>
  %r = lm.add %s, %h : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

par.mesh @mesh axes ["tp"] sizes [2] rank 1
// CHECK-LABEL: decode.step @undone
decode.step @undone(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
  // CHECK: %[[P:.*]] = lm.scale
  // REMARK: Gather{{.*}}what is gathered from parts is what the rank had
  // CHECK-NOT: {{= par[.]}}
  // CHECK: lm.scale %[[P]]
  %a = par.part %p dim 0 {"tp" : even} on @mesh : tensor<?x32xf32, #lm.dims<tokens>> -> tensor<?x32xf32, #lm.dims<tokens_part>>
  %g = par.all_gather %a dim 0 {"tp" : even} on @mesh : tensor<?x32xf32, #lm.dims<tokens_part>> -> tensor<?x32xf32, #lm.dims<tokens>>
  %r = lm.scale %g by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

par.mesh @mesh axes ["tp"] sizes [2] rank 1
// CHECK-LABEL: decode.step @undone_other_way
decode.step @undone_other_way(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x24xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %q = lm.slice_columns %x 8 size 24 : tensor<?x32xf32, #lm.dims<tokens>>
  // CHECK: %[[P:.*]] = lm.slice_columns
  // REMARK: Part{{.*}}a part of what was gathered is what the rank had
  // CHECK-NOT: {{= par[.]}}
  // CHECK: lm.scale %[[P]]
  %g = par.all_gather %q dim 1 {"tp" : 0 to 8, 8 to 32} on @mesh : tensor<?x24xf32, #lm.dims<tokens>> -> tensor<?x32xf32, #lm.dims<tokens>>
  %a = par.part %g dim 1 {"tp" : 0 to 8, 8 to 32} on @mesh : tensor<?x32xf32, #lm.dims<tokens>> -> tensor<?x24xf32, #lm.dims<tokens>>
  %r = lm.scale %a by 3.0 : tensor<?x24xf32, #lm.dims<tokens>>
  decode.return %r : tensor<?x24xf32, #lm.dims<tokens>>
}

// -----

// Other parts of the same dimension.
par.mesh @mesh axes ["tp"] sizes [2] rank 1
// CHECK-LABEL: decode.step @other_parts
decode.step @other_parts(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x16xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %q = lm.slice_columns %x 8 size 24 : tensor<?x32xf32, #lm.dims<tokens>>
  // CHECK: par.all_gather
  // CHECK: par.part
  %g = par.all_gather %q dim 1 {"tp" : 0 to 8, 8 to 32} on @mesh : tensor<?x24xf32, #lm.dims<tokens>> -> tensor<?x32xf32, #lm.dims<tokens>>
  %a = par.part %g dim 1 {"tp" : 0 to 16, 16 to 32} on @mesh : tensor<?x32xf32, #lm.dims<tokens>> -> tensor<?x16xf32, #lm.dims<tokens>>
  %r = lm.scale %a by 3.0 : tensor<?x16xf32, #lm.dims<tokens>>
  decode.return %r : tensor<?x16xf32, #lm.dims<tokens>>
}

// -----

par.mesh @mesh axes ["tp"] sizes [2] rank 1
// CHECK-LABEL: decode.step @swap
decode.step @swap(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %q = lm.slice_columns %x 8 size 24 : tensor<?x32xf32, #lm.dims<tokens>>
  // REMARK: AllToAll{{.*}}parts of what was gathered are exchanged alone
  // CHECK: %[[S:.*]] = par.all_to_all %{{.*}} dim 1 {"tp" : 0 to 8, 8 to 32} to dim 0 {"tp" : even} on @mesh : tensor<?x24xf32, #lm.dims<tokens>> -> tensor<?x32xf32, #lm.dims<tokens_part>>
  %g = par.all_gather %q dim 1 {"tp" : 0 to 8, 8 to 32} on @mesh : tensor<?x24xf32, #lm.dims<tokens>> -> tensor<?x32xf32, #lm.dims<tokens>>
  %a = par.part %g dim 0 {"tp" : even} on @mesh : tensor<?x32xf32, #lm.dims<tokens>> -> tensor<?x32xf32, #lm.dims<tokens_part>>
  %b = lm.scale %a by 3.0 : tensor<?x32xf32, #lm.dims<tokens_part>>
  // CHECK: lm.scale %[[S]]
  // CHECK: par.all_gather
  %c = par.all_gather %b dim 0 {"tp" : even} on @mesh : tensor<?x32xf32, #lm.dims<tokens_part>> -> tensor<?x32xf32, #lm.dims<tokens>>
  %r = lm.scale %c by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

par.mesh @mesh axes ["tp"] sizes [2] rank 1
// CHECK-LABEL: decode.step @twice
decode.step @twice(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %q = lm.slice_columns %x 8 size 24 : tensor<?x32xf32, #lm.dims<tokens>>
  // REMARK: Duplicate{{.*}}another one does the same
  // CHECK: %[[G:.*]] = par.all_gather
  // CHECK-NOT: {{= par[.]}}
  // CHECK: lm.add %[[G]], %[[G]]
  %g = par.all_gather %q dim 1 {"tp" : 0 to 8, 8 to 32} on @mesh : tensor<?x24xf32, #lm.dims<tokens>> -> tensor<?x32xf32, #lm.dims<tokens>>
  %h = par.all_gather %q dim 1 {"tp" : 0 to 8, 8 to 32} on @mesh : tensor<?x24xf32, #lm.dims<tokens>> -> tensor<?x32xf32, #lm.dims<tokens>>
  %r = lm.add %g, %h : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

// In another order, not the same.
par.mesh @mesh axes ["tp"] sizes [2] rank 1
// CHECK-LABEL: decode.step @not_twice
decode.step @not_twice(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
  // CHECK: par.all_reduce
  // CHECK: par.all_reduce
  %g = par.all_reduce %p on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
  %h = par.all_reduce %p on @mesh ["tp"] order tree : tensor<?x32xf32, #lm.dims<tokens>>
  %r = lm.add %g, %h : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

par.mesh @mesh axes ["tp"] sizes [2] rank 1
// CHECK-LABEL: decode.step @hoist
decode.step @hoist(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %q = lm.slice_columns %x 8 size 24 : tensor<?x32xf32, #lm.dims<tokens>>
  // REMARK: Hoist{{.*}}the same in all layers, it is done once before them
  // CHECK: par.all_gather
  // CHECK: lm.layers
  // The other one is of what a layer gives.
  // CHECK-NOT: par.all_gather
  // CHECK: par.all_reduce
  %r = lm.layers 0 to 4 iter(%h = %x) : tensor<?x32xf32, #lm.dims<tokens>> {
    %g = par.all_gather %q dim 1 {"tp" : 0 to 8, 8 to 32} on @mesh : tensor<?x24xf32, #lm.dims<tokens>> -> tensor<?x32xf32, #lm.dims<tokens>>
    %s = par.all_reduce %h on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    %a = lm.add %g, %s : tensor<?x32xf32, #lm.dims<tokens>>
    lm.yield %a : tensor<?x32xf32, #lm.dims<tokens>>
  }
  decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

par.mesh @mesh axes ["tp"] sizes [2] rank 1
// CHECK-LABEL: decode.step @unused
decode.step @unused(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
  // REMARK: Unused{{.*}}nothing needs it
  // CHECK-NOT: {{= par[.]}}
  // CHECK: decode.return
  %s = par.all_reduce %p on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
  %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

// What another rank does not take is left, too.
par.mesh @mesh axes ["tp"] sizes [2] rank 1
// CHECK-LABEL: decode.step @messages
decode.step @messages(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
  // CHECK: par.send
  // CHECK: par.send
  // CHECK: par.recv
  par.send %p to 0 on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
  par.send %p to 0 on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
  %s = par.recv from 0 on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
  %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

lm.model @m family "t" numerics fast max_positions 8 {}
par.mesh @mesh axes ["tp"] sizes [2] rank 1
// CHECK-LABEL: decode.step @merge
decode.step @merge(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
  %q = lm.scale %p by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
  // REMARK: Merge{{.*}}two sums over ranks are taken as one
  // CHECK: %[[A:.*]] = lm.add
  // CHECK: %[[S:.*]] = par.all_reduce %[[A]]
  // CHECK-NOT: {{= par[.]}}
  // CHECK: lm.scale %[[S]]
  %s = par.all_reduce %p on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
  %t = par.all_reduce %q on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
  %u = lm.add %s, %t : tensor<?x32xf32, #lm.dims<tokens>>
  %r = lm.scale %u by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

// That would change bits, which these numerics promise.
lm.model @m family "t" numerics row_invariant max_positions 8 {}
par.mesh @mesh axes ["tp"] sizes [2] rank 1
// CHECK-LABEL: decode.step @keep
decode.step @keep(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
  %q = lm.scale %p by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
  // CHECK: par.all_reduce
  // CHECK: par.all_reduce
  // CHECK: lm.add
  %s = par.all_reduce %p on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
  %t = par.all_reduce %q on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
  %u = lm.add %s, %t : tensor<?x32xf32, #lm.dims<tokens>>
  %r = lm.scale %u by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
}
