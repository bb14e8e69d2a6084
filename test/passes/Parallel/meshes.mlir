// Several meshes in a module: an option says which one is meant.
// RUN: plait-opt %s --plait-propagate-sharding=mesh=mesh | FileCheck %s
// RUN: plait-opt %s --plait-propagate-sharding=mesh=mesh --plait-partition='mesh=mesh rank=1' --plait-verify-parallel | FileCheck %s --check-prefix=RANK
// RUN: not plait-opt %s --plait-propagate-sharding=mesh=mesh --plait-partition='mesh=other rank=1' 2>&1 | FileCheck %s --check-prefix=MEET
// RUN: not plait-opt %s --plait-propagate-sharding=mesh=none 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not plait-opt %s --plait-propagate-sharding=mesh=mesh --plait-partition=rank=1 2>&1 | FileCheck %s --check-prefix=WHICH

// MEET: expected shardings over one mesh in a step, @other, but got @mesh
// NONE: expected a 'par.mesh' @none but got @other @mesh
// WHICH: expected one 'par.mesh', or the option 'mesh' to name one of @other @mesh
// RANK: par.mesh @other axes ["tp"] sizes [8]{{$}}
// RANK: par.mesh @mesh axes ["tp"] sizes [2] rank 1
// RANK: par.all_reduce %{{.*}} on @mesh ["tp"]
par.mesh @other axes ["tp"] sizes [8]
par.mesh @mesh axes ["tp"] sizes [2]
// CHECK-LABEL: decode.step @named
// CHECK: par.constraint %{{.*}} as <@mesh, [{"tp" : 0 to 32, 32 to 64}, {}]> : !lm.weight<64x32
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<64x32, #lm.f32>
  lm.weight @down from "down" : !lm.weight<32x64, #lm.f32>
}
decode.step @named(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@up : !lm.weight<64x32, #lm.f32>
  %1 = lm.get_weight @m::@down : !lm.weight<32x64, #lm.f32>
  %u = lm.linear %x, %0 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<64x32, #lm.f32>
  %y = lm.linear %u, %1 : tensor<?x64xf32, #lm.dims<tokens>>, !lm.weight<32x64, #lm.f32>
  %z = lm.add %x, %y : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %z : tensor<?x32xf32, #lm.dims<tokens>>
}
