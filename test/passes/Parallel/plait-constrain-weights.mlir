// RUN: plait-opt %s --plait-constrain-weights='shards=up=rows' | FileCheck %s --check-prefix=ROWS
// RUN: plait-opt %s --plait-constrain-weights='shards=layers.*.down.weight=columns' | FileCheck %s --check-prefix=ROWS
// RUN: plait-opt %s --plait-constrain-weights='shards=layers.down.weight=whole' | FileCheck %s --check-prefix=WHOLE
// RUN: plait-opt %s --plait-constrain-weights='shards={"down=columns:0-16,16-64"}' | FileCheck %s --check-prefix=PARTS
// RUN: plait-opt %s --plait-constrain-weights='shards=up=rows,down=columns' --plait-propagate-sharding | FileCheck %s --check-prefix=BOTH
// RUN: not plait-opt %s --plait-constrain-weights='shards=u=rows' 2>&1 | FileCheck %s --check-prefix=NEAR
// RUN: not plait-opt %s --plait-constrain-weights='shards=layers.0.up.weight=rows' 2>&1 | FileCheck %s --check-prefix=LAYER
// RUN: not plait-opt %s --plait-constrain-weights='shards=up=rows,down=whole' 2>&1 | FileCheck %s --check-prefix=SIDES
// RUN: not plait-opt %s --plait-constrain-weights='shards=up=half' 2>&1 | FileCheck %s --check-prefix=SPEC
// RUN: not plait-opt %s --plait-constrain-weights='shards={"up=rows:0-x"}' 2>&1 | FileCheck %s --check-prefix=PARTSPEC
// RUN: not plait-opt %s --plait-constrain-weights='shards={"up=rows:0-64"}' 2>&1 | FileCheck %s --check-prefix=COUNT
// RUN: not plait-opt %s --plait-constrain-weights='shards={"up=rows:0-16,20-64"}' 2>&1 | FileCheck %s --check-prefix=GAP
// RUN: not plait-opt %s --plait-constrain-weights='shards=up=columns' 2>&1 | FileCheck %s --check-prefix=CANNOT

// Parts that the pass chooses are of the class's first value of full length.
// ROWS: %[[U:.*]] = lm.get_weight @m::@up
// ROWS-NEXT: par.constraint %[[U]] as <@mesh, [{"tp" : 0 to 32, 32 to 64}, {?}]> : !lm.weight<64x32
// WHOLE: %[[D:.*]] = lm.get_weight @m::@down
// WHOLE-NEXT: par.constraint %[[D]] as <@mesh, [{}, {}]> : !lm.weight<32x64
// PARTS: %[[D:.*]] = lm.get_weight @m::@down
// PARTS-NEXT: par.constraint %[[D]] as <@mesh, [{?}, {"tp" : 0 to 16, 16 to 64}]> : !lm.weight<32x64
// BOTH: par.constraint %{{.*}} as <@mesh, [{"tp" : 0 to 32, 32 to 64}, {}]> : !lm.weight<64x32
// NEAR: error: --shard: found no weight 'u'; expected one of the model's, such as 'up',
// LAYER: error: --shard: found 'layers.0.up.weight', a weight of one layer; expected 'layers.*.up.weight', as all layers share one decision
// SIDES: error: --shard: found 'up=rows' and 'down=whole'; expected one of them, as what they name is split together
// SPEC: error: --shard: found 'up=half'; expected WEIGHT=SPEC, where SPEC is whole, rows, columns, or parts such as rows:0-96,96-192
// PARTSPEC: error: --shard: found 'up=rows:0-x'; expected WEIGHT=SPEC
// COUNT: error: --shard: found 'up=rows:0-64'; expected 2 parts, one for each device, of 0 to 64
// GAP: error: --shard: expected parts that leave nothing out but elements 16 to 20 are in none
// CANNOT: error: --shard: found 'up=columns'; expected a dimension that can be split; of columns, decode.step needs it whole
par.mesh @mesh axes ["tp"] sizes [2]
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "layers.{layer}.up.weight" layers 2 : !lm.weight<64x32, #lm.f32>
  lm.weight @down from "layers.{layer}.down.weight" layers 2 : !lm.weight<32x64, #lm.f32>
}
decode.step @step(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %r = lm.layers 0 to 2 iter(%h = %x) : tensor<?x32xf32, #lm.dims<tokens>> {
    %0 = lm.get_weight @m::@up : !lm.weight<64x32, #lm.f32>
    %1 = lm.get_weight @m::@down : !lm.weight<32x64, #lm.f32>
    %u = lm.linear %h, %0 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<64x32, #lm.f32>
    %y = lm.linear %u, %1 : tensor<?x64xf32, #lm.dims<tokens>>, !lm.weight<32x64, #lm.f32>
    %z = lm.add %h, %y : tensor<?x32xf32, #lm.dims<tokens>>
    lm.yield %z : tensor<?x32xf32, #lm.dims<tokens>>
  }
  decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
}
