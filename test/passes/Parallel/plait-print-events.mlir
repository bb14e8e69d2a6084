// The events of a rank's step, as event lists are made of them.
//
// RUN: plait-opt %s --plait-propagate-sharding --plait-partition=rank=1 --plait-print-events=tokens=10 -o /dev/null | FileCheck %s --match-full-lines --strict-whitespace
// RUN: plait-opt %s --plait-propagate-sharding --plait-partition --plait-shard-residual --plait-print-events="tokens=4 past=6" -o /dev/null | FileCheck %s --check-prefix=SHARED
// RUN: not plait-opt %s --plait-print-events -o /dev/null 2>&1 | FileCheck %s --check-prefix=WHOLE

par.mesh @mesh axes ["tp"] sizes [2]
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @gain from "gain.{layer}" layers 2 : !lm.weight<24, #lm.f32>
  lm.weight @up from "up.{layer}" layers 2 : !lm.weight<80x24, #lm.bf16>
  lm.weight @down from "down.{layer}" layers 2 : !lm.weight<24x80, #lm.bf16>
}
//      CHECK:@s, rank 1
// A vector is no matrix, however few tokens there are.
// CHECK-NEXT:  layer 0: rowwise lm.rms_norm: {{[0-9.]+}} flops of f32, 96.00 stored bytes, 1920.00 activation bytes
// Of 80 columns 40: 2 * 24 * 40 operations a token, 2 * 24 * 40 bytes.
// CHECK-NEXT:  layer 0: product lm.linear mlp.up: 19200.00 flops of bf16, 1920.00 stored bytes, 2560.00 activation bytes
// CHECK-NEXT:  layer 0: product lm.linear mlp.down: 19200.00 flops of bf16, 1920.00 stored bytes, 2560.00 activation bytes
// The whole matrix of f32, of both ranks.
// CHECK-NEXT:  layer 0: all_reduce par.all_reduce mlp.down: 960.00 bytes, ranks 0 1
// CHECK-NEXT:  layer 0: rowwise lm.add: 240.00 flops of f32, 0.00 stored bytes, 2880.00 activation bytes
// CHECK-NEXT:  layer 1: rowwise lm.rms_norm: {{.*}}
// CHECK:  layer 1: rowwise lm.add: 240.00 flops of f32, 0.00 stored bytes, 2880.00 activation bytes
//  CHECK-NOT:{{.+}}

// Four sequences with a token each; of rows that ranks share out each has half.
// SHARED: @s, rank 0
// SHARED: layer 0: rowwise lm.rms_norm
// SHARED-NEXT: layer 0: all_gather par.all_gather{{.*}}: 384.00 bytes, ranks 0 1
// SHARED: layer 0: reduce_scatter par.reduce_scatter mlp.down: 384.00 bytes, ranks 0 1
// SHARED-NEXT: layer 0: rowwise lm.add: 48.00 flops of f32, 0.00 stored bytes, 576.00 activation bytes

// WHOLE: error: 'par.mesh' op expected the program of a rank; 'plait-partition' makes it

decode.step @s(%ids: tensor<?xi32, #lm.dims<tokens>>, %x: tensor<?x24xf32, #lm.dims<tokens>>) -> (tensor<?x24xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<tokens>, #decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %r = lm.layers 0 to 2 iter(%h = %x) : tensor<?x24xf32, #lm.dims<tokens>> {
    %g = lm.get_weight @m::@gain : !lm.weight<24, #lm.f32>
    %wu = lm.get_weight @m::@up : !lm.weight<80x24, #lm.bf16>
    %wd = lm.get_weight @m::@down : !lm.weight<24x80, #lm.bf16>
    %n = lm.rms_norm %h, %g eps 1.0e-05 : tensor<?x24xf32, #lm.dims<tokens>>, !lm.weight<24, #lm.f32>
    %u = lm.linear %n, %wu : tensor<?x24xf32, #lm.dims<tokens>>, !lm.weight<80x24, #lm.bf16> loc("mlp.up")
    %d = lm.linear %u, %wd : tensor<?x80xf32, #lm.dims<tokens>>, !lm.weight<24x80, #lm.bf16> loc("mlp.down")
    %y = lm.add %h, %d : tensor<?x24xf32, #lm.dims<tokens>>
    lm.yield %y : tensor<?x24xf32, #lm.dims<tokens>>
  }
  decode.return %r : tensor<?x24xf32, #lm.dims<tokens>>
}
