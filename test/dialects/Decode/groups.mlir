// RUN: plait-opt %s | plait-opt | FileCheck %s
// RUN: plait-opt %s --mlir-print-op-generic | plait-opt | FileCheck %s
// RUN: plait-opt %s --emit-bytecode | plait-opt | FileCheck %s

!text = !decode.sequence<@main>
!group = !decode.group<@main, 2 of 8>

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}

// Branches of a block are a tree by another name, by depth.
// CHECK: func.func private @blocks(!decode.block<tree [-1, 0, 0, 1, 2, 3, 4]>, !decode.block<tree [-1, 0, 1, 2]>, !decode.block<tree [-1, 0, 0, 1, 2] prompts 2>)
func.func private @blocks(!decode.block<branches 2 of 3>, !decode.block<branches 1 of 3>, !decode.block<branches 2 of 2 prompts 2>)
// CHECK: func.func private @groups(!decode.group<@main, 2 of 8>, !decode.group<@main, 1 of 1>)
func.func private @groups(!group, !decode.group<@main, 1 of 1>)

// CHECK-LABEL: decode.strategy @all(
decode.strategy @all(%s: !text) exact semantics {
  // CHECK: decode.round iter(%[[X:.*]] = %{{.*}})
  %end = decode.round iter(%x = %s) : !text {
    // CHECK-NEXT: %[[G:.*]] = decode.branch %[[X]] : <@main> -> <@main, 2 of 8>
    %g = decode.branch %x : !text -> !group
    // CHECK-NEXT: %[[H:.*]] = decode.each %[[W:.*]] of %[[G]] attributes {note = "a"} : <@main, 2 of 8> {
    %h = decode.each %w of %g attributes {note = "a"} : !group {
      // CHECK-NEXT: %[[K:.*]] = decode.branch %[[W]] begin {{\[\[}}3, 4], []] : <@main> -> <@main, 2 of 8>
      %k = decode.branch %w begin [[3, 4], []] : !text -> !group
      // CHECK-NEXT: %[[V:.*]] = decode.vote %[[K]] after [7, 9] : <@main, 2 of 8>
      %v = decode.vote %k after [7, 9] : !group
      // CHECK-NEXT: decode.yield %[[V]] : !decode.sequence<@main>
      decode.yield %v : !text
    }
    // A loop may carry a group.
    // CHECK: %[[L:.*]] = decode.repeat 2 iter(%[[A:.*]] = %[[H]]) : !decode.group<@main, 2 of 8> {
    %l = decode.repeat 2 iter(%a = %h) : !group {
      // CHECK-NEXT: %[[Y:.*]] = decode.select %[[M:.*]] of %[[A]] : <@main, 2 of 8> {
      %y = decode.select %m of %a : !group {
        // CHECK-NEXT: %[[SCORE:.*]] = decode.log_probability %[[M]] : <@main>
        %score = decode.log_probability %m : !text
        // CHECK-NEXT: decode.yield %[[SCORE]] : f64
        decode.yield %score : f64
      }
      // CHECK: decode.branch %[[Y]]
      %b = decode.branch %y : !text -> !group
      decode.yield %b : !group
    }
    // CHECK: %[[J:.*]] = decode.join %[[L]] beside then [9] : <@main, 2 of 8>
    %j = decode.join %l beside then [9] : !group
    // CHECK-NEXT: %[[C:.*]] = decode.branch %[[J]]
    %c = decode.branch %j : !text -> !group
    // CHECK-NEXT: %[[Z:.*]] = decode.join %[[C]] behind then [9, 10] : <@main, 2 of 8>
    %z = decode.join %c behind then [9, 10] : !group
    // CHECK-NEXT: %[[D:.*]] = decode.branch %[[Z]]
    %d = decode.branch %z : !text -> !group
    // CHECK-NEXT: decode.vote %[[D]] : <@main, 2 of 8>
    %q = decode.vote %d : !group
    %done = decode.stop %q : !text
    decode.yield %q until %done : !text
  }
  decode.return %end : !text
}
