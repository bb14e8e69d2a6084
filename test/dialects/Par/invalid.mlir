// RUN: plait-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{expected as many sizes as axes, at least one, but got 2 axes and 1 sizes}}
par.mesh @mesh axes ["dp", "tp"] sizes [2]

// -----

// expected-error @+1 {{expected axes of different names but got "tp" again}}
par.mesh @mesh axes ["tp", "tp"] sizes [2, 2]

// -----

// expected-error @+1 {{expected positive sizes whose product is at most 2^16 but got 2, 0}}
par.mesh @mesh axes ["dp", "tp"] sizes [2, 0]

// -----

// expected-error @+1 {{expected positive sizes whose product is at most 2^16}}
par.mesh @mesh axes ["dp", "tp"] sizes [65536, 4611686018427387904]

// -----

// expected-error @+1 {{expected a rank below 2 but got 2}}
par.mesh @mesh axes ["tp"] sizes [2] rank 2

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected parts that leave nothing out but elements 4 to 5 are in none}}
  %0 = par.constraint %x as <@mesh, [{}, {"tp" : 0 to 4, 5 to 8}]> : tensor<4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected parts that are not empty, in ascending order, but got 4 to 4}}
  %0 = par.constraint %x as <@mesh, [{}, {"tp" : 0 to 4, 4 to 4}]> : tensor<4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected each axis once but got "tp" again}}
  %0 = par.constraint %x as <@mesh, [{"tp" : 0 to 2, 2 to 4}, {"tp" : 0 to 4, 4 to 8}]> : tensor<4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected the symbol of a 'par.mesh' but got @mesh}}
  %0 = par.constraint %x as <@mesh, [{}, {"tp" : 0 to 4, 4 to 8}]> : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected axes of mesh mesh but got "ep"}}
  %0 = par.constraint %x as <@mesh, [{}, {}], unreduced = {"ep"}> : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected a part of dimension 1 for each of 2 devices but got 3}}
  %0 = par.constraint %x as <@mesh, [{}, {"tp" : 0 to 3, 3 to 6, 6 to 8}]> : tensor<4x8xf32>
  return
}

// -----

// The last columns of 250 over 4 ranks are not lost.
par.mesh @mesh axes ["tp"] sizes [4]
func.func @f(%x: tensor<4x250xf32>) {
  // expected-error @+1 {{expected parts of dimension 1 that end at its extent, 250, but got 248}}
  %0 = par.constraint %x as <@mesh, [{}, {"tp" : 0 to 62, 62 to 124, 124 to 186, 186 to 248}]> : tensor<4x250xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{expected dimension 0, whose extent is not known, to be whole or split evenly}}
  %0 = par.constraint %x as <@mesh, [{"tp" : 0 to 4, 4 to 8}, {}]> : tensor<?x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected a dimension of the sharding for each of 'tensor<4x8xf32>' but got 1}}
  %0 = par.constraint %x as <@mesh, [{}]> : tensor<4x8xf32>
  return
}

// -----

par.mesh @a axes ["tp"] sizes [2]
par.mesh @b axes ["tp"] sizes [2]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected one mesh but got @a and @b}}
  %0 = par.reshard %x from <@a, [{}, {}]> to <@b, [{}, {}]> : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected at least one axis}}
  %0 = par.all_reduce %x on @mesh [] : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<4x4xf32>) {
  // expected-error @+1 {{expected parts that do not overlap}}
  %0 = par.all_gather %x dim 1 {"tp" : 0 to 4, 0 to 8} on @mesh : tensor<4x4xf32> -> tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<4x3xf32>) {
  // expected-error @+1 {{expected a part of 'tensor<4x8xf32>' but got 'tensor<4x3xf32>'}}
  %0 = par.all_gather %x dim 1 {"tp" : 0 to 4, 4 to 8} on @mesh : tensor<4x3xf32> -> tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{dimension 2}}
  %0 = par.reduce_scatter %x dim 2 {"tp" : 0 to 4, 4 to 8} on @mesh : tensor<4x8xf32> -> tensor<4x4xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected dimension 1, whose extent is known, to be split at bounds}}
  %0 = par.constraint %x as <@mesh, [{}, {"tp" : even}]> : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2] rank 1
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected a sum of the summands' type, 'tensor<4x8xf32>', but got 'tensor<4x4xf32>'}}
  %0 = par.all_reduce %x on @mesh ["tp"] : tensor<4x8xf32> -> tensor<4x4xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected nodes of one axis' devices and a mesh with a rank}}
  %0 = par.all_reduce %x on @mesh ["tp"] nodes [1, 2] of [0, 1, 2] : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<?x8xf32, #lm.dims<leaves>>) {
  // expected-error @+1 {{expected the tokens' part of 'tensor<?x8xf32, #lm.dims<leaves>>'}}
  %0 = par.part %x dim 0 {"tp" : even} on @mesh : tensor<?x8xf32, #lm.dims<leaves>> -> tensor<?x8xf32, #lm.dims<tokens_part>>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2] rank 1
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected at least one of 2 nodes for each of 2 devices but got bounds 0, 2, 2}}
  %0 = par.all_reduce %x on @mesh ["tp"] nodes [1, 2] of [0, 2, 2] : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2] rank 1
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected nodes of the tree over 3 leaves but got [1, 3)}}
  %0 = par.all_reduce %x on @mesh ["tp"] nodes [1, 3] of [0, 1, 2] : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2] rank 1
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected 2 nodes side by side, each of 'tensor<4x8xf32>', but got 'tensor<4x8xf32>'}}
  %0 = par.all_reduce %x on @mesh ["tp"] nodes [1, 2, 3] of [0, 1, 3] : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2] rank 1
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected parts of rows of a matrix whose sum is a tree}}
  %0 = par.reduce_scatter %x dim 1 {"tp" : 0 to 4, 4 to 8} on @mesh nodes [1, 2] of [0, 1, 2] : tensor<4x8xf32> -> tensor<4x4xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected to accumulate in f32 or f64 but got 'bf16'}}
  %0 = par.all_reduce %x on @mesh ["tp"] accumulate bf16 : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2] rank 1
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected neither an order nor f64 nor bf16 where nodes say how the sum is taken}}
  %0 = par.all_reduce %x on @mesh ["tp"] nodes [1, 2] of [0, 1, 2] order tree : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2] rank 1
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected neither an order nor f64}}
  %0 = par.reduce_scatter %x dim 0 {"tp" : 0 to 2, 2 to 4} on @mesh nodes [1, 2] of [0, 1, 2] accumulate f64 : tensor<4x8xf32> -> tensor<2x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected wire f32 or bf16 but got 'f16'}}
  %0 = par.all_reduce %x on @mesh ["tp"] wire f16 : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected f64 or wire bf16 but got both}}
  %0 = par.all_reduce %x on @mesh ["tp"] accumulate f64 wire bf16 : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2] rank 1
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected neither an order nor f64 nor bf16}}
  %0 = par.all_reduce %x on @mesh ["tp"] nodes [1, 2] of [0, 1, 2] wire bf16 : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected axes that do not overlap but got}}
  %0 = par.all_reduce %x on @mesh ["tp", "tp"] : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected axes of mesh mesh but got "ep"}}
  %0 = par.broadcast %x root 0 on @mesh ["ep"] : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected the symbol of a 'par.mesh' but got @none}}
  %0 = par.broadcast %x root 0 on @none ["tp"] : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected a root below 2 but got 2}}
  %0 = par.broadcast %x root 2 on @mesh ["tp"] : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected a peer below 2 but got -1}}
  par.send %x to -1 on @mesh ["tp"] : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected a peer below 2 but got 2}}
  %0 = par.recv from 2 on @mesh ["tp"] : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["pp", "tp"] sizes [2, 2] rank 3
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected another device than this one, which is number 1}}
  par.send %x to 1 on @mesh ["tp"] : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected at least one axis}}
  %0 = par.recv from 0 on @mesh [] : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected two dimensions split along the same axes but got dimension 1}}
  %0 = par.all_to_all %x dim 1 {"tp" : 0 to 8, 8 to 16} to dim 1 {"tp" : 0 to 8, 8 to 16} on @mesh : tensor<4x8xf32> -> tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["a", "b"] sizes [2, 2]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected two dimensions split along the same axes}}
  %0 = par.all_to_all %x dim 1 {"a" : 0 to 8, 8 to 16} to dim 0 {"b" : 0 to 2, 2 to 4} on @mesh : tensor<4x8xf32> -> tensor<2x16xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected a part of 'tensor<4x16xf32>' but got 'tensor<3x16xf32>'}}
  %0 = par.all_to_all %x dim 1 {"tp" : 0 to 8, 8 to 16} to dim 0 {"tp" : 0 to 2, 2 to 4} on @mesh : tensor<4x8xf32> -> tensor<3x16xf32>
  return
}

// -----

// With a rank it is known which part it is.
par.mesh @mesh axes ["tp"] sizes [2] rank 1
func.func @f(%x: tensor<4x3xf32>) {
  // expected-error @+1 {{expected a part of 'tensor<4x8xf32>' but got 'tensor<4x3xf32>'}}
  %0 = par.all_gather %x dim 1 {"tp" : 0 to 3, 3 to 8} on @mesh : tensor<4x3xf32> -> tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [4]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected a sub-axis of 2 to 65536 devices but got 1}}
  %0 = par.constraint %x as <@mesh, [{}, {"tp":(1)1 : 0 to 8}]> : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [4]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected a sub-axis of 2 to 65536 devices but got 0}}
  %0 = par.constraint %x as <@mesh, [{}, {"tp":(1)0 : 0 to 8}]> : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [4]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected 1 to 65536 devices before a sub-axis but got 0}}
  %0 = par.constraint %x as <@mesh, [{}, {"tp":(0)2 : 0 to 4, 4 to 8}]> : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [4]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected sub-axes that do not overlap but got}}
  %0 = par.constraint %x as <@mesh, [{"tp":(1)2 : 0 to 2, 2 to 4}, {}], unreduced = {"tp"}> : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [8]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected sub-axes that do not overlap but got}}
  %0 = par.constraint %x as <@mesh, [{"tp":(1)4 : 0 to 1, 1 to 2, 2 to 3, 3 to 4}, {"tp":(2)2 : 0 to 4, 4 to 8}]> : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [4]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected a factor of the 4 devices of "tp" but got sub-axis}}
  %0 = par.constraint %x as <@mesh, [{}, {"tp":(1)3 : 0 to 2, 2 to 4, 4 to 8}]> : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [4]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected a factor of the 4 devices of "tp" but got sub-axis}}
  %0 = par.constraint %x as <@mesh, [{}, {"tp":(1)4 : 0 to 2, 2 to 4, 4 to 6, 6 to 8}]> : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [4]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected a factor of the 4 devices of "tp" but got sub-axis}}
  %0 = par.constraint %x as <@mesh, [{}, {"tp":(2)4 : 0 to 2, 2 to 4, 4 to 6, 6 to 8}]> : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [4]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected a part of dimension 1 for each of 2 devices but got 3}}
  %0 = par.constraint %x as <@mesh, [{}, {"tp":(1)2 : 0 to 2, 2 to 4, 4 to 8}]> : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [4]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected axes that do not overlap but got}}
  %0 = par.all_reduce %x on @mesh ["tp", "tp":(1)2] : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected closed dimensions without priorities but got}}
  %0 = par.reshard %x from <@mesh, [{}, {?}]> to <@mesh, [{}, {}]> : tensor<4x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<4x4xf32>) {
  // expected-error @+1 {{expected closed parts without a priority but got}}
  %0 = par.all_gather %x dim 1 {"tp" : 0 to 4, 4 to 8}p1 on @mesh : tensor<4x4xf32> -> tensor<4x8xf32>
  return
}

// -----

par.mesh @prefill axes ["tp"] sizes [2]
par.mesh @decode axes ["tp"] sizes [2]
// expected-error @+1 {{expected the phase prefill or decode but got "train"}}
par.phase "train" on @prefill states [!lm.state<layers = 1, kv_heads = 3, head_dim = 4, f32>] as [#par.shard<@prefill, [{}]>]

// -----

par.mesh @prefill axes ["tp"] sizes [2]
par.mesh @decode axes ["tp"] sizes [2]
// expected-error @+1 {{expected a sharding for each of 1 states but got 0}}
par.phase "prefill" on @prefill states [!lm.state<layers = 1, kv_heads = 3, head_dim = 4, f32>] as []

// -----

par.mesh @prefill axes ["tp"] sizes [2]
par.mesh @decode axes ["tp"] sizes [2]
// expected-error @+1 {{expected shardings on @prefill but got #par.shard<@decode, [{}]>}}
par.phase "prefill" on @prefill states [!lm.state<layers = 1, kv_heads = 3, head_dim = 4, f32>] as [#par.shard<@decode, [{}]>]

// -----

par.mesh @prefill axes ["tp"] sizes [2]
par.mesh @decode axes ["tp"] sizes [2]
// expected-error @+1 {{expected a state but got 'f32'}}
par.phase "prefill" on @prefill states [f32] as [#par.shard<@prefill, [{}]>]

// -----

par.mesh @prefill axes ["tp"] sizes [2]
par.mesh @decode axes ["tp"] sizes [2]
// expected-error @+1 {{expected parts of whole heads, of 4 columns, but got #par.shard<@prefill, [{"tp" : 0 to 6, 6 to 12}]>}}
par.phase "prefill" on @prefill states [!lm.state<layers = 1, kv_heads = 3, head_dim = 4, f32>] as [#par.shard<@prefill, [{"tp" : 0 to 6, 6 to 12}]>]

// -----

par.mesh @prefill axes ["tp"] sizes [2]
par.mesh @decode axes ["tp"] sizes [2]
// expected-error @+1 {{expected parts of dimension 0 that end at its extent, 12, but got 8}}
par.phase "prefill" on @prefill states [!lm.state<layers = 1, kv_heads = 3, head_dim = 4, f32>] as [#par.shard<@prefill, [{"tp" : 0 to 4, 4 to 8}]>]

// -----

// expected-error @+1 {{expected the symbol of a 'par.mesh' but got @prefill}}
par.phase "prefill" on @prefill states [!lm.state<layers = 1, kv_heads = 3, head_dim = 4, f32>] as [#par.shard<@prefill, [{}]>]

// -----

par.mesh @prefill axes ["tp"] sizes [2]
par.mesh @decode axes ["tp"] sizes [2]
// expected-error @+1 {{expected a 'par.kv_reshard' for each of 1 states but got 0 ops}}
par.handover from "prefill" to "decode" {
^bb0(%kv: !lm.state<layers = 1, kv_heads = 3, head_dim = 4, f32>):
}

// -----

par.mesh @prefill axes ["tp"] sizes [2]
par.mesh @decode axes ["tp"] sizes [2]
par.handover from "prefill" to "decode" {
^bb0(%kv: !lm.state<layers = 1, kv_heads = 3, head_dim = 4, f32>):
  // expected-error @+1 {{expected a 'par.kv_reshard' of argument 0}}
  %0 = par.constraint %kv as <@prefill, [{}]> : !lm.state<layers = 1, kv_heads = 3, head_dim = 4, f32>
}

// -----

par.mesh @prefill axes ["tp"] sizes [2]
par.mesh @decode axes ["tp"] sizes [2]
par.handover from "prefill" to "decode" {
^bb0(%kv: !lm.state<layers = 1, kv_heads = 3, head_dim = 4, f32>):
  // expected-error @+1 {{expected two meshes but got @prefill twice}}
  %0 = par.kv_reshard %kv from <@prefill, [{"tp" : 0 to 8, 8 to 12}]> to <@prefill, [{}]> sends [#par.heads<source = 0, source_head = 0, target = 0, target_head = 0, count = 2>, #par.heads<source = 1, source_head = 0, target = 1, target_head = 0, count = 1>] : !lm.state<layers = 1, kv_heads = 3, head_dim = 4, f32>
}

// -----

par.mesh @prefill axes ["tp"] sizes [2]
par.mesh @decode axes ["tp"] sizes [2]
par.handover from "prefill" to "decode" {
^bb0(%kv: tensor<12xf32>):
  // expected-error @+1 {{expected a state but got 'tensor<12xf32>'}}
  %0 = par.kv_reshard %kv from <@prefill, [{"tp" : 0 to 8, 8 to 12}]> to <@decode, [{"tp" : 0 to 8, 8 to 12}]> sends [#par.heads<source = 0, source_head = 0, target = 0, target_head = 0, count = 2>, #par.heads<source = 1, source_head = 0, target = 1, target_head = 0, count = 1>] : tensor<12xf32>
}

// -----

par.mesh @prefill axes ["tp"] sizes [2]
par.mesh @decode axes ["tp"] sizes [2]
par.handover from "prefill" to "decode" {
^bb0(%kv: !lm.state<layers = 1, kv_heads = 3, head_dim = 4, f32>):
  // expected-error @+1 {{expected ranks below 2 and 2 but got #par.heads<source = 2, source_head = 0, target = 0, target_head = 0, count = 2>}}
  %0 = par.kv_reshard %kv from <@prefill, [{"tp" : 0 to 8, 8 to 12}]> to <@decode, [{"tp" : 0 to 8, 8 to 12}]> sends [#par.heads<source = 2, source_head = 0, target = 0, target_head = 0, count = 2>] : !lm.state<layers = 1, kv_heads = 3, head_dim = 4, f32>
}

// -----

par.mesh @prefill axes ["tp"] sizes [2]
par.mesh @decode axes ["tp"] sizes [2]
par.handover from "prefill" to "decode" {
^bb0(%kv: !lm.state<layers = 1, kv_heads = 3, head_dim = 4, f32>):
  // expected-error @+1 {{expected heads that both ranks have, 1 and 2, but got #par.heads<source = 1, source_head = 0, target = 0, target_head = 0, count = 2>}}
  %0 = par.kv_reshard %kv from <@prefill, [{"tp" : 0 to 8, 8 to 12}]> to <@decode, [{"tp" : 0 to 8, 8 to 12}]> sends [#par.heads<source = 1, source_head = 0, target = 0, target_head = 0, count = 2>] : !lm.state<layers = 1, kv_heads = 3, head_dim = 4, f32>
}

// -----

par.mesh @prefill axes ["tp"] sizes [2]
par.mesh @decode axes ["tp"] sizes [2]
par.handover from "prefill" to "decode" {
^bb0(%kv: !lm.state<layers = 1, kv_heads = 3, head_dim = 4, f32>):
  // expected-error @+1 {{expected the same heads of the state, but they begin at 2 and 1 in #par.heads<source = 1, source_head = 0, target = 0, target_head = 1, count = 1>}}
  %0 = par.kv_reshard %kv from <@prefill, [{"tp" : 0 to 8, 8 to 12}]> to <@decode, [{"tp" : 0 to 8, 8 to 12}]> sends [#par.heads<source = 1, source_head = 0, target = 0, target_head = 1, count = 1>] : !lm.state<layers = 1, kv_heads = 3, head_dim = 4, f32>
}

// -----

par.mesh @prefill axes ["tp"] sizes [2]
par.mesh @decode axes ["tp"] sizes [2]
par.handover from "prefill" to "decode" {
^bb0(%kv: !lm.state<layers = 1, kv_heads = 3, head_dim = 4, f32>):
  // expected-error @+1 {{expected each head once but rank 0 gets its head 1 again}}
  %0 = par.kv_reshard %kv from <@prefill, [{"tp" : 0 to 8, 8 to 12}]> to <@decode, [{"tp" : 0 to 8, 8 to 12}]> sends [#par.heads<source = 0, source_head = 0, target = 0, target_head = 0, count = 2>, #par.heads<source = 0, source_head = 1, target = 0, target_head = 1, count = 1>] : !lm.state<layers = 1, kv_heads = 3, head_dim = 4, f32>
}

// -----

par.mesh @prefill axes ["tp"] sizes [2]
par.mesh @decode axes ["tp"] sizes [2]
par.handover from "prefill" to "decode" {
^bb0(%kv: !lm.state<layers = 1, kv_heads = 3, head_dim = 4, f32>):
  // expected-error @+1 {{expected all heads of rank 1 but nobody sends it its head 0}}
  %0 = par.kv_reshard %kv from <@prefill, [{"tp" : 0 to 8, 8 to 12}]> to <@decode, [{"tp" : 0 to 8, 8 to 12}]> sends [#par.heads<source = 0, source_head = 0, target = 0, target_head = 0, count = 2>] : !lm.state<layers = 1, kv_heads = 3, head_dim = 4, f32>
}

// -----

// expected-error @+1 {{expected a positive count and other numbers that are not negative but got 0, 0, 0, 0, 0}}
func.func private @f() attributes {a = #par.heads<source = 0, source_head = 0, target = 0, target_head = 0, count = 0>}

// -----

!whole = tensor<?x8xf32, #lm.dims<tokens>>
!part = tensor<?x8xf32, #lm.dims<tokens_part>>
par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: !whole) {
  // expected-error @+1 {{expected rows that are shared out evenly but got #par<dim{"tp" : 0 to 4, 4 to 8}>}}
  %0 = par.reduce_gather %x {"tp" : 0 to 4, 4 to 8} on @mesh : (!whole) -> !whole {
  ^bb0(%sum: !part):
    par.yield %sum : !part
  }
  return
}

// -----

!whole = tensor<?x8xf32, #lm.dims<tokens>>
!part = tensor<?x8xf32, #lm.dims<tokens_part>>
!leaves = tensor<?x8xf32, #lm.dims<leaves>>
par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: !leaves) {
  // expected-error @+1 {{expected rows of tokens but got 'tensor<?x8xf32, #lm.dims<leaves>>'}}
  %0 = par.reduce_gather %x {"tp" : even} on @mesh : (!leaves) -> !leaves {
  ^bb0(%sum: !part):
    par.yield %sum : !part
  }
  return
}

// -----

!whole = tensor<?x8xf32, #lm.dims<tokens>>
!part = tensor<?x8xf32, #lm.dims<tokens_part>>
!wide = tensor<?x16xf32, #lm.dims<tokens>>
par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: !wide) {
  // expected-error @+1 {{expected what is gathered to be of the summands' type, 'tensor<?x16xf32, #lm.dims<tokens>>', but got 'tensor<?x8xf32, #lm.dims<tokens>>'}}
  %0 = par.reduce_gather %x {"tp" : even} on @mesh : (!wide) -> !whole {
  ^bb0(%sum: !part):
    par.yield %sum : !part
  }
  return
}

// -----

!whole = tensor<?x8xf32, #lm.dims<tokens>>
!part = tensor<?x8xf32, #lm.dims<tokens_part>>
par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: !whole, %y: !part) {
  // expected-error @+1 {{expected arguments of the region of types 'tensor<?x8xf32, #lm.dims<tokens_part>>', 'tensor<?x8xf32, #lm.dims<tokens_part>>' but got 'tensor<?x8xf32, #lm.dims<tokens_part>>'}}
  %0 = par.reduce_gather %x with(%y) {"tp" : even} on @mesh : (!whole, !part) -> !whole {
  ^bb0(%sum: !part):
    par.yield %sum : !part
  }
  return
}

// -----

!whole = tensor<?x8xf32, #lm.dims<tokens>>
!part = tensor<?x8xf32, #lm.dims<tokens_part>>
par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: !whole) {
  // expected-error @+1 {{expected yielded values of types 'tensor<?x8xf32, #lm.dims<tokens_part>>' but got 'tensor<?x8xf32, #lm.dims<tokens_part>>', 'tensor<?x8xf32, #lm.dims<tokens_part>>'}}
  %0 = par.reduce_gather %x {"tp" : even} on @mesh : (!whole) -> !whole {
  ^bb0(%sum: !part):
    par.yield %sum, %sum : !part, !part
  }
  return
}

// -----

!whole = tensor<?x8xf32, #lm.dims<tokens>>
!part = tensor<?x8xf32, #lm.dims<tokens_part>>
par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: !whole, %y: !part) {
  %0 = par.reduce_gather %x {"tp" : even} on @mesh : (!whole) -> !whole {
  ^bb0(%sum: !part):
    // expected-error @+1 {{expected tensors that are the device's part of the rows, and arguments of the region or made there, but got 'tensor<?x8xf32, #lm.dims<tokens_part>>'}}
    %1 = lm.add %y, %sum : !part
    par.yield %1 : !part
  }
  return
}

// -----

!whole = tensor<?x8xf32, #lm.dims<tokens>>
!part = tensor<?x8xf32, #lm.dims<tokens_part>>
par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: !whole, %w: !lm.weight<8x8, #lm.f32>) {
  %0 = par.reduce_gather %x {"tp" : even} on @mesh : (!whole) -> !whole {
  ^bb0(%sum: !part):
    // expected-error @+1 {{expected an op that works row by row in a 'par.reduce_gather'}}
    %1 = lm.linear %sum, %w : !part, !lm.weight<8x8, #lm.f32>
    par.yield %1 : !part
  }
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<?x8xf32, #lm.dims<tokens>>) {
  // expected-error @+1 {{expected one_shot, two_shot, ring, multimem or lamport but got 'tree'}}
  %0 = par.all_reduce %x on @mesh ["tp"] algorithms <1 : tree> : tensor<?x8xf32, #lm.dims<tokens>>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<?x8xf32, #lm.dims<tokens>>) {
  // expected-error @+1 {{expected an algorithm from 1 row on}}
  %0 = par.all_reduce %x on @mesh ["tp"] algorithms <2 : ring> : tensor<?x8xf32, #lm.dims<tokens>>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<?x8xf32, #lm.dims<tokens>>) {
  // expected-error @+1 {{expected ascending numbers of rows and another algorithm from each on, but got 1 : lamport behind 1 : ring}}
  %0 = par.all_reduce %x on @mesh ["tp"] algorithms <1 : ring, 1 : lamport> : tensor<?x8xf32, #lm.dims<tokens>>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<?x8xf32, #lm.dims<tokens>>) {
  // expected-error @+1 {{expected ascending numbers of rows and another algorithm from each on, but got 8 : ring behind 1 : ring}}
  %0 = par.all_reduce %x on @mesh ["tp"] algorithms <1 : ring, 8 : ring> : tensor<?x8xf32, #lm.dims<tokens>>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<?x8xf32, #lm.dims<tokens>>) {
  // expected-error @+1 {{expected algorithms of a sum in the order of the devices, sent and added in f32, alone}}
  %0 = par.all_reduce %x on @mesh ["tp"] order tree algorithms <1 : one_shot> : tensor<?x8xf32, #lm.dims<tokens>>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
func.func @f(%x: tensor<?x8xf32, #lm.dims<tokens>>) {
  // expected-error @+1 {{expected algorithms of a sum in the order of the devices, sent and added in f32, alone}}
  %0 = par.all_reduce %x on @mesh ["tp"] wire bf16 algorithms <1 : one_shot> : tensor<?x8xf32, #lm.dims<tokens>>
  return
}
