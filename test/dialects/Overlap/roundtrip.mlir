// RUN: plait-opt %s | plait-opt | FileCheck %s
// RUN: plait-opt %s --emit-bytecode | plait-opt | FileCheck %s

par.mesh @mesh axes ["dp", "tp"] sizes [2, 4]

func.func @reference(%x: tensor<4x8xf32>, %n: index) -> tensor<4x8xf32> {
  return %x : tensor<4x8xf32>
}

// CHECK: overlap.program @all(%{{.*}}: tensor<4x8xf32>, %{{.*}}: index) -> tensor<4x8xf32> on @mesh["tp"] implements @reference replicated [1] {
overlap.program @all(%x: tensor<4x8xf32>, %n: index) -> tensor<4x8xf32> on @mesh["tp"] implements @reference replicated [1] {
  %z = arith.constant 0 : index
  // CHECK: overlap.rank
  %r = overlap.rank
  // CHECK: overlap.num_ranks
  %size = overlap.num_ranks
  // CHECK: %[[Y:.*]] = overlap.alloc : <4x8xf32, @mesh["tp"], slots = 2>
  %y = overlap.alloc : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 2>
  // CHECK: overlap.view %[[Y]] own : <4x8xf32, @mesh["tp"], slots = 2> -> <4x8xf32, own>
  %own = overlap.view %y own : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 2> -> !overlap.view<4x8xf32, own>
  // CHECK: overlap.view %[[Y]] peer %{{.*}} : {{.*}} -> <4x8xf32, peer>
  %peer = overlap.view %y peer %r : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 2> -> !overlap.view<4x8xf32, peer>
  // CHECK: overlap.view %[[Y]] multicast : {{.*}} -> <4x8xf32, multicast>
  %mc = overlap.view %y multicast : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 2> -> !overlap.view<4x8xf32, multicast>
  // CHECK: %[[C:.*]] = overlap.track expect #{{.*}} owner #{{.*}} : <[4], sys>
  %c = overlap.track expect affine_map<(i)[n] -> (n * 2)> owner affine_map<(i)[n] -> (i mod n)> : !overlap.counter<[4], sys>
  %table = arith.constant dense<1> : tensor<4x2xi64>
  // CHECK: %[[D:.*]] = overlap.track table %{{.*}} : tensor<4x2xi64> : <[4, 2], gpu>
  %d = overlap.track table %table : tensor<4x2xi64> : !overlap.counter<[4, 2], gpu>
  // CHECK: overlap.region pool(<sms = 132>) {
  overlap.region pool(<sms = 132>) {
    // CHECK: overlap.tiles (%[[I:.*]], %[[J:.*]]) in [4, 2] order #{{.*}} pool(<sms = 124>) {
    overlap.tiles (%i, %j) in [4, 2] order affine_map<(i, j)[r] -> ((i + r) mod 4, j)> pool(<sms = 124>) {
      // CHECK: overlap.slice %{{.*}}[%[[I]], %{{.*}}] : tensor<4x8xf32> -> tensor<1x4xf32>
      %v = overlap.slice %x[%i, %j] : tensor<4x8xf32> -> tensor<1x4xf32>
      // CHECK: overlap.put %{{.*}} into %{{.*}}[%[[I]], %[[J]]] : tensor<1x4xf32> into <4x8xf32, own>
      overlap.put %v into %own[%i, %j] : tensor<1x4xf32> into !overlap.view<4x8xf32, own>
      // CHECK: overlap.put %{{.*}} by tma : tensor<1x4xf32> into <4x8xf32, peer>
      overlap.put %v into %peer[%i, %j] by tma : tensor<1x4xf32> into !overlap.view<4x8xf32, peer>
      // CHECK: overlap.reduce_add %{{.*}} by copy : tensor<1x4xf32> into <4x8xf32, multicast>
      overlap.reduce_add %v into %mc[%i, %j] by copy : tensor<1x4xf32> into !overlap.view<4x8xf32, multicast>
      // CHECK: overlap.quiet read
      overlap.quiet read
      // CHECK: overlap.quiet written
      overlap.quiet written
      // CHECK: overlap.arrive %[[D]][%[[I]], %[[J]]] own : <[4, 2], gpu>
      overlap.arrive %d[%i, %j] own : !overlap.counter<[4, 2], gpu>
      // CHECK: overlap.arrive %[[C]][%[[I]]] peer %{{.*}} relaxed : <[4], sys>
      overlap.arrive %c[%i] peer %r relaxed : !overlap.counter<[4], sys>
      // CHECK: overlap.arrive %[[C]][%[[I]]] multicast : <[4], sys>
      overlap.arrive %c[%i] multicast : !overlap.counter<[4], sys>
    }
    // CHECK: overlap.trigger %[[C]] (%[[K:.*]]) token %[[T:.*]] pool(<copy_engines = 1>) : <[4], sys> {
    overlap.trigger %c (%i) token %t pool(<copy_engines = 1>) : !overlap.counter<[4], sys> {
      // CHECK: overlap.load %{{.*}}[%[[K]], %{{.*}}] after %[[T]] : <4x8xf32, own> -> tensor<1x8xf32>
      %v = overlap.load %own[%i, %z] after %t : !overlap.view<4x8xf32, own> -> tensor<1x8xf32>
      // CHECK: overlap.load_reduce %{{.*}}[%[[K]], %{{.*}}] : <4x8xf32, multicast> -> tensor<1x8xf32>
      %s = overlap.load_reduce %mc[%i, %z] : !overlap.view<4x8xf32, multicast> -> tensor<1x8xf32>
    }
  }
  // CHECK: %[[A:.*]] = overlap.merge()
  %none = overlap.merge()
  // CHECK: %[[B:.*]] = overlap.wait %[[C]][%{{.*}}] relaxed : <[4], sys>
  %t0 = overlap.wait %c[%z] relaxed : !overlap.counter<[4], sys>
  // CHECK: overlap.wait %[[C]][%{{.*}}] : <[4], sys>
  %t1 = overlap.wait %c[%z] : !overlap.counter<[4], sys>
  // CHECK: overlap.merge(%[[A]], %[[B]])
  %t = overlap.merge(%none, %t0)
  %l = overlap.load %own[%z, %z] after %t, %t1 : !overlap.view<4x8xf32, own> -> tensor<4x8xf32>
  // CHECK: overlap.return %{{.*}} : tensor<4x8xf32>
  overlap.return %l : tensor<4x8xf32>
}

// CHECK-LABEL: overlap.program @polls
overlap.program @polls(%x: tensor<1x8xf32>) on @mesh["tp":(1)2] {
  %z = arith.constant 0 : index
  %b = overlap.alloc : !overlap.buffer<4x8xf32, @mesh["tp":(1)2], slots = 3>
  %own = overlap.view %b own : !overlap.buffer<4x8xf32, @mesh["tp":(1)2], slots = 3> -> !overlap.view<4x8xf32, own>
  %all = overlap.view %b multicast : !overlap.buffer<4x8xf32, @mesh["tp":(1)2], slots = 3> -> !overlap.view<4x8xf32, multicast>
  // CHECK: overlap.publish %{{.*}} into %{{.*}}[%{{.*}}, %{{.*}}] : tensor<1x8xf32> into <4x8xf32, multicast>
  overlap.publish %x into %all[%z, %z] : tensor<1x8xf32> into !overlap.view<4x8xf32, multicast>
  // CHECK: overlap.clear %{{.*}}[%{{.*}}, %{{.*}}] size [4, 8] ahead 2 : <4x8xf32, own>
  overlap.clear %own[%z, %z] size [4, 8] ahead 2 : !overlap.view<4x8xf32, own>
  // CHECK: overlap.poll %{{.*}}[%{{.*}}, %{{.*}}] rows 2 : <4x8xf32, own> -> tensor<2x8xf32>
  %v, %t = overlap.poll %own[%z, %z] rows 2 : !overlap.view<4x8xf32, own> -> tensor<2x8xf32>
  %c = overlap.alloc : !overlap.buffer<4x8xf32, @mesh["tp":(1)2], slots = 1>
  %sums = overlap.view %c multicast : !overlap.buffer<4x8xf32, @mesh["tp":(1)2], slots = 1> -> !overlap.view<4x8xf32, multicast>
  // CHECK: overlap.load_reduce %{{.*}}[%{{.*}}, %{{.*}}] in_switch after %{{.*}} : <4x8xf32, multicast> -> tensor<2x8xf32>
  %s = overlap.load_reduce %sums[%z, %z] in_switch after %t : !overlap.view<4x8xf32, multicast> -> tensor<2x8xf32>
  overlap.return
}

// CHECK: overlap.program @declared(tensor<4x8xf32>) on @mesh["tp":(1)2]
overlap.program @declared(tensor<4x8xf32>) on @mesh["tp":(1)2]

func.func @tokens(%x: tensor<6x8xf32>, %w: !lm.weight<16x8, #lm.f32>, %i: index) -> tensor<6x8xf32> {
  // CHECK: %[[P:.*]]:2 = overlap.split_tokens %{{.*}} sizes [4, 2] align 4 : tensor<6x8xf32> -> tensor<4x8xf32>, tensor<2x8xf32>
  %a, %b = overlap.split_tokens %x sizes [4, 2] align 4 : tensor<6x8xf32> -> tensor<4x8xf32>, tensor<2x8xf32>
  // CHECK: overlap.slice %{{.*}} : !lm.weight<16x8, #lm.f32> -> !lm.weight<4x8, #lm.f32>
  %s = overlap.slice %w[%i, %i] : !lm.weight<16x8, #lm.f32> -> !lm.weight<4x8, #lm.f32>
  // CHECK: overlap.join_tokens %[[P]]#0, %[[P]]#1 : tensor<4x8xf32>, tensor<2x8xf32> -> tensor<6x8xf32>
  %y = overlap.join_tokens %a, %b : tensor<4x8xf32>, tensor<2x8xf32> -> tensor<6x8xf32>
  return %y : tensor<6x8xf32>
}
