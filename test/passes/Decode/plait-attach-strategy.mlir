// RUN: plait-opt %s --plait-attach-strategy -split-input-file -verify-diagnostics | FileCheck %s

// CHECK-LABEL: lm.model @main
// CHECK: decode.strategy @ar(%[[S:.*]]: !decode.sequence<@main>) exact identical {
// CHECK-NEXT: %[[END:.*]] = decode.round iter(%[[X:.*]] = %[[S]]) : !decode.sequence<@main> {
// CHECK-NEXT:   %[[B:.*]] = decode.pending %[[X]] : <@main> -> <1>
// CHECK-NEXT:   %[[H:.*]], %[[ST:.*]] = decode.forward %[[X]], %[[B]]
// CHECK-NEXT:   %[[L:.*]] = decode.head %[[H]]
// CHECK-NEXT:   %[[E:.*]] = decode.edit %[[X]], %[[L]]
// CHECK-NEXT:   %[[P:.*]] = decode.verify_sample %[[B]], %[[E]] [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>]
// CHECK-NEXT:   %[[Y:.*]] = decode.commit %[[X]], %[[ST]], %[[P]]
// CHECK-NEXT:   %[[STOP:.*]] = decode.stop %[[Y]]
// CHECK-NEXT:   decode.yield %[[Y]] until %[[STOP]]
// CHECK-NEXT: }
// CHECK-NEXT: decode.return %[[END]]
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}

// -----

// What has a strategy keeps it, under whatever name.
// CHECK-LABEL: lm.model @draft
// CHECK: decode.strategy @mine
// CHECK-NOT: decode.strategy
lm.model @draft family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @mine(%s: !decode.sequence<@draft>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@draft> {
    %stop = decode.stop %x : !decode.sequence<@draft>
    decode.yield %x until %stop : !decode.sequence<@draft>
  }
  decode.return %end : !decode.sequence<@draft>
}

// -----

// Nor is anything added to a module whose strategies are already steps.
// CHECK-LABEL: decode.step @done
// CHECK-NOT: decode.strategy
decode.step @done() attributes {input_roles = [], output_roles = []} {
  decode.return
}

// -----

// expected-error @+1 {{expected an 'lm.model' @main to decode but found none}}
module {
  lm.model @other family "llama" numerics row_invariant max_positions 64 {
  }
}
