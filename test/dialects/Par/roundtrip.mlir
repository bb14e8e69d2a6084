// RUN: plait-opt %s | plait-opt | FileCheck %s
// RUN: plait-opt %s --emit-bytecode | plait-opt | FileCheck %s

// CHECK: par.mesh @mesh axes ["dp", "tp"] sizes [2, 2]
par.mesh @mesh axes ["dp", "tp"] sizes [2, 2]
// CHECK: par.mesh @one axes ["tp"] sizes [3] rank 2
par.mesh @one axes ["tp"] sizes [3] rank 2
// CHECK: par.mesh @six axes ["tp"] sizes [6]
par.mesh @six axes ["tp"] sizes [6]

func.func @f(%x: tensor<?x60xf32, #lm.dims<tokens>>, %w: !lm.weight<60x8, #lm.f32>,
             %kv: !lm.state<layers = 1, kv_heads = 2, head_dim = 4, f32>) {
  // CHECK: par.constraint %{{.*}} as <@mesh, [{}, {"tp" : 0 to 20, 20 to 60}]> : tensor<?x60xf32, #lm.dims<tokens>>
  %0 = par.constraint %x as <@mesh, [{}, {"tp" : 0 to 20, 20 to 60}]> : tensor<?x60xf32, #lm.dims<tokens>>
  // CHECK: par.constraint %{{.*}} as <@mesh, [{"dp", "tp" : 0 to 15, 15 to 30, 30 to 45, 45 to 60}, {}]> : !lm.weight
  %1 = par.constraint %w as <@mesh, [{"dp", "tp" : 0 to 15, 15 to 30, 30 to 45, 45 to 60}, {}]> : !lm.weight<60x8, #lm.f32>
  // Heads that two ranks have.
  // CHECK: par.constraint %{{.*}} as <@one, [{"tp" : 0 to 4, 0 to 4, 4 to 8}]> : !lm.state
  %2 = par.constraint %kv as <@one, [{"tp" : 0 to 4, 0 to 4, 4 to 8}]> : !lm.state<layers = 1, kv_heads = 2, head_dim = 4, f32>
  // CHECK: par.reshard %{{.*}} from <@mesh, [{}, {}], unreduced = {"dp", "tp"}> to <@mesh, [{}, {}]>
  %3 = par.reshard %x from <@mesh, [{}, {}], unreduced = {"dp", "tp"}> to <@mesh, [{}, {}]> : tensor<?x60xf32, #lm.dims<tokens>>
  // CHECK: par.all_reduce %{{.*}} on @mesh ["tp"] : tensor<?x60xf32, #lm.dims<tokens>>
  %4 = par.all_reduce %x on @mesh ["tp"] : tensor<?x60xf32, #lm.dims<tokens>>
  // CHECK: par.reduce_scatter %{{.*}} dim 1 {"tp" : 0 to 20, 20 to 60} on @mesh
  %5 = par.reduce_scatter %x dim 1 {"tp" : 0 to 20, 20 to 60} on @mesh : tensor<?x60xf32, #lm.dims<tokens>> -> tensor<?x40xf32, #lm.dims<tokens>>
  // CHECK: par.all_gather %{{.*}} dim 1 {"tp" : 0 to 20, 20 to 60} on @mesh
  %6 = par.all_gather %5 dim 1 {"tp" : 0 to 20, 20 to 60} on @mesh : tensor<?x40xf32, #lm.dims<tokens>> -> tensor<?x60xf32, #lm.dims<tokens>>
  // CHECK: %[[P:.*]] = par.part %{{.*}} dim 0 {"tp" : even} on @mesh : tensor<?x60xf32, #lm.dims<tokens>> -> tensor<?x60xf32, #lm.dims<tokens_part>>
  %7 = par.part %x dim 0 {"tp" : even} on @mesh : tensor<?x60xf32, #lm.dims<tokens>> -> tensor<?x60xf32, #lm.dims<tokens_part>>
  // CHECK: par.all_gather %[[P]] dim 0 {"tp" : even} on @mesh : tensor<?x60xf32, #lm.dims<tokens_part>> -> tensor<?x60xf32, #lm.dims<tokens>>
  %8 = par.all_gather %7 dim 0 {"tp" : even} on @mesh : tensor<?x60xf32, #lm.dims<tokens_part>> -> tensor<?x60xf32, #lm.dims<tokens>>
  // CHECK: par.constraint %{{.*}} as <@mesh, [{"tp" : even}, {}]>
  %9 = par.constraint %x as <@mesh, [{"tp" : even}, {}]> : tensor<?x60xf32, #lm.dims<tokens>>
  // Rank 2 has node [4, 5) alone.
  // CHECK: par.all_reduce %{{.*}} on @one ["tp"] nodes [2, 3, 4, 5] of [0, 2, 3, 4] : tensor<?x60xf32, #lm.dims<tokens>>
  %10 = par.all_reduce %x on @one ["tp"] nodes [2, 3, 4, 5] of [0, 2, 3, 4] : tensor<?x60xf32, #lm.dims<tokens>>
  // CHECK: par.all_reduce %{{.*}} on @one ["tp"] nodes [1, 2, 3, 4] of [0, 1, 2, 4] : tensor<?x60xf32, #lm.dims<tokens>> -> tensor<?x30xf32, #lm.dims<tokens>>
  %11 = par.all_reduce %x on @one ["tp"] nodes [1, 2, 3, 4] of [0, 1, 2, 4] : tensor<?x60xf32, #lm.dims<tokens>> -> tensor<?x30xf32, #lm.dims<tokens>>
  // CHECK: par.reduce_scatter %{{.*}} dim 0 {"tp" : even} on @one nodes [1, 2, 3, 4] of [0, 1, 2, 4] : tensor<?x60xf32, #lm.dims<tokens>> -> tensor<?x30xf32, #lm.dims<tokens_part>>
  %12 = par.reduce_scatter %x dim 0 {"tp" : even} on @one nodes [1, 2, 3, 4] of [0, 1, 2, 4] : tensor<?x60xf32, #lm.dims<tokens>> -> tensor<?x30xf32, #lm.dims<tokens_part>>
  // Of 6 devices as 3 times 2: each of the 3, each of the 2.
  // CHECK: par.constraint %{{.*}} as <@six, [{}, {"tp":(1)3 : 0 to 20, 20 to 40, 40 to 60}], unreduced = {"tp":(3)2}> : tensor
  %13 = par.constraint %x as <@six, [{}, {"tp":(1)3 : 0 to 20, 20 to 40, 40 to 60}], unreduced = {"tp":(3)2}> : tensor<?x60xf32, #lm.dims<tokens>>
  // CHECK: par.all_reduce %{{.*}} on @six ["tp":(3)2] : tensor<?x60xf32, #lm.dims<tokens>>
  %15 = par.all_reduce %x on @six ["tp":(3)2] : tensor<?x60xf32, #lm.dims<tokens>>
  // CHECK: par.all_gather %{{.*}} dim 1 {"tp":(1)3 : 0 to 20, 20 to 40, 40 to 60} on @six
  %17 = par.part %x dim 1 {"tp":(1)3 : 0 to 20, 20 to 40, 40 to 60} on @six : tensor<?x60xf32, #lm.dims<tokens>> -> tensor<?x20xf32, #lm.dims<tokens>>
  %16 = par.all_gather %17 dim 1 {"tp":(1)3 : 0 to 20, 20 to 40, 40 to 60} on @six : tensor<?x20xf32, #lm.dims<tokens>> -> tensor<?x60xf32, #lm.dims<tokens>>
  // What may be split further, and what gives way.
  // CHECK: par.constraint %{{.*}} as <@mesh, [{?}, {"tp" : 0 to 20, 20 to 60, ?}p2]> : tensor
  %18 = par.constraint %x as <@mesh, [{?}p0, {"tp" : 0 to 20, 20 to 60, ?}p2]> : tensor<?x60xf32, #lm.dims<tokens>>
  // CHECK: par.constraint %{{.*}} as <@mesh, [{}p9, {?}p1]> : tensor
  %19 = par.constraint %x as <@mesh, [{}p9, {?}p1]> : tensor<?x60xf32, #lm.dims<tokens>>
  // CHECK: par.all_to_all %{{.*}} dim 1 {"tp" : 0 to 20, 20 to 60} to dim 0 {"tp" : even} on @mesh : tensor<?x40xf32, #lm.dims<tokens>> -> tensor<?x60xf32, #lm.dims<tokens_part>>
  %33 = par.all_to_all %5 dim 1 {"tp" : 0 to 20, 20 to 60} to dim 0 {"tp" : even} on @mesh : tensor<?x40xf32, #lm.dims<tokens>> -> tensor<?x60xf32, #lm.dims<tokens_part>>
  // CHECK: par.all_to_all %{{.*}} dim 0 {"tp" : even} to dim 1 {"tp" : 0 to 20, 20 to 60} on @mesh : tensor<?x60xf32, #lm.dims<tokens_part>> -> tensor<?x40xf32, #lm.dims<tokens>>
  %34 = par.all_to_all %33 dim 0 {"tp" : even} to dim 1 {"tp" : 0 to 20, 20 to 60} on @mesh : tensor<?x60xf32, #lm.dims<tokens_part>> -> tensor<?x40xf32, #lm.dims<tokens>>
  // CHECK: par.broadcast %{{.*}} root 1 on @mesh ["dp", "tp"] : tensor<?x60xf32, #lm.dims<tokens>>
  %35 = par.broadcast %x root 1 on @mesh ["dp", "tp"] : tensor<?x60xf32, #lm.dims<tokens>>
  // CHECK: par.send %{{.*}} to 1 on @one ["tp"] : tensor<?x60xf32, #lm.dims<tokens>>
  par.send %x to 1 on @one ["tp"] : tensor<?x60xf32, #lm.dims<tokens>>
  // CHECK: par.recv from 0 on @one ["tp"] : tensor<?x60xf32, #lm.dims<tokens>>
  %36 = par.recv from 0 on @one ["tp"] : tensor<?x60xf32, #lm.dims<tokens>>
  // CHECK: par.all_reduce %{{.*}} on @mesh ["tp"] algorithms <1 : lamport, 24 : two_shot, 512 : ring> : tensor<?x60xf32, #lm.dims<tokens>>
  %algorithms = par.all_reduce %x on @mesh ["tp"] algorithms <1 : lamport, 24 : two_shot, 512 : ring> : tensor<?x60xf32, #lm.dims<tokens>>
  // CHECK: par.all_reduce %{{.*}} on @mesh ["dp"] order tree : tensor<?x60xf32, #lm.dims<tokens>>
  %37 = par.all_reduce %x on @mesh ["dp"] order tree : tensor<?x60xf32, #lm.dims<tokens>>
  // The default is not written.
  // CHECK: par.all_reduce %{{.*}} on @mesh ["dp"] accumulate f64 : tensor<?x60xf32, #lm.dims<tokens>>
  %38 = par.all_reduce %x on @mesh ["dp"] order rank accumulate f64 : tensor<?x60xf32, #lm.dims<tokens>>
  // CHECK: par.all_reduce %{{.*}} on @mesh ["dp"] wire bf16 : tensor<?x60xf32, #lm.dims<tokens>>
  %narrow = par.all_reduce %x on @mesh ["dp"] wire bf16 : tensor<?x60xf32, #lm.dims<tokens>>
  // CHECK: par.reduce_scatter %{{.*}} dim 0 {"tp" : even} on @mesh order tree accumulate f64 : tensor<?x60xf32, #lm.dims<tokens>> -> tensor<?x60xf32, #lm.dims<tokens_part>>
  %39 = par.reduce_scatter %x dim 0 {"tp" : even} on @mesh order tree accumulate f64 : tensor<?x60xf32, #lm.dims<tokens>> -> tensor<?x60xf32, #lm.dims<tokens_part>>
  %part = par.reduce_scatter %x dim 0 {"tp" : even} on @mesh : tensor<?x60xf32, #lm.dims<tokens>> -> tensor<?x60xf32, #lm.dims<tokens_part>>
  // CHECK: %{{.*}}, %{{.*}} = par.reduce_gather %{{.*}} with(%{{.*}}) {"tp" : even} on @mesh order tree accumulate f64 : (tensor<?x60xf32, #lm.dims<tokens>>, tensor<?x60xf32, #lm.dims<tokens_part>>) -> (tensor<?x60xf32, #lm.dims<tokens>>, tensor<?x60xf32, #lm.dims<tokens_part>>) {
  // CHECK-NEXT: ^bb0(%[[SUM:.*]]: tensor<?x60xf32, #lm.dims<tokens_part>>, %[[ROW:.*]]: tensor<?x60xf32, #lm.dims<tokens_part>>):
  // CHECK-NEXT: %[[ADDED:.*]] = lm.add %[[ROW]], %[[SUM]]
  // CHECK-NEXT: par.yield %[[SUM]], %[[ADDED]] : tensor<?x60xf32, #lm.dims<tokens_part>>, tensor<?x60xf32, #lm.dims<tokens_part>>
  %40:2 = par.reduce_gather %x with (%part) {"tp" : even} on @mesh order tree accumulate f64 : (tensor<?x60xf32, #lm.dims<tokens>>, tensor<?x60xf32, #lm.dims<tokens_part>>) -> (tensor<?x60xf32, #lm.dims<tokens>>, tensor<?x60xf32, #lm.dims<tokens_part>>) {
  ^bb0(%sum: tensor<?x60xf32, #lm.dims<tokens_part>>, %row: tensor<?x60xf32, #lm.dims<tokens_part>>):
    %added = lm.add %row, %sum : tensor<?x60xf32, #lm.dims<tokens_part>>
    par.yield %sum, %added : tensor<?x60xf32, #lm.dims<tokens_part>>, tensor<?x60xf32, #lm.dims<tokens_part>>
  }
  return
}

// Phases with a mesh of their own, and what goes from one to the other.
par.mesh @prefill axes ["dp", "tp"] sizes [2, 1]
par.mesh @decode axes ["tp"] sizes [2]
// CHECK: par.phase "prefill" on @prefill states [!lm.state<layers = 4, kv_heads = 3, head_dim = 32, f32>] as [#par.shard<@prefill, [{}]>]
par.phase "prefill" on @prefill states [!lm.state<layers = 4, kv_heads = 3, head_dim = 32, f32>] as [#par.shard<@prefill, [{}]>]
// CHECK: par.phase "decode" on @decode states [!lm.state<layers = 4, kv_heads = 3, head_dim = 32, f32>] as [#par.shard<@decode, [{"tp" : 0 to 64, 64 to 96}]>]
par.phase "decode" on @decode states [!lm.state<layers = 4, kv_heads = 3, head_dim = 32, f32>] as [#par.shard<@decode, [{"tp" : 0 to 64, 64 to 96}]>]
// CHECK: par.handover from "prefill" to "decode" {
// CHECK-NEXT: ^bb0(%[[KV:.*]]: !lm.state<layers = 4, kv_heads = 3, head_dim = 32, f32>):
// CHECK-NEXT: par.kv_reshard %[[KV]] from <@prefill, [{}]> to <@decode, [{"tp" : 0 to 64, 64 to 96}]> sends [#par.heads<source = 0, source_head = 0, target = 0, target_head = 0, count = 2>, #par.heads<source = 0, source_head = 2, target = 1, target_head = 0, count = 1>] : !lm.state<layers = 4, kv_heads = 3, head_dim = 32, f32>
par.handover from "prefill" to "decode" {
^bb0(%kv: !lm.state<layers = 4, kv_heads = 3, head_dim = 32, f32>):
  %0 = par.kv_reshard %kv from <@prefill, [{}]> to <@decode, [{"tp" : 0 to 64, 64 to 96}]> sends [
    #par.heads<source = 0, source_head = 0, target = 0, target_head = 0, count = 2>,
    #par.heads<source = 0, source_head = 2, target = 1, target_head = 0, count = 1>] : !lm.state<layers = 4, kv_heads = 3, head_dim = 32, f32>
}
