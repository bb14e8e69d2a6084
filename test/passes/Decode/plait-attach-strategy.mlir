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

// What has a strategy that is a step keeps it, under whatever name.
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

// Drafts are run by the step of plain decoding.
// CHECK-LABEL: decode.strategy @lookup
// CHECK: decode.strategy @ar
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @lookup(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : <@main> -> <5>
    %h, %st = decode.forward %x, %b : <@main>, <5>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] : <5>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// So is one that is called by its name.
// CHECK-LABEL: decode.strategy @called
// CHECK: decode.strategy @ar
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @called(%s: !decode.sequence<@main>) attributes {call = "called()"} {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : <@main> -> <1>
    %h, %st = decode.forward %x, %b : <@main>, <1>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] : <1>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// There may be an @ar already.
// CHECK: decode.strategy @ar(%{{.*}}) {
// CHECK: decode.strategy @beside
// CHECK-NOT: decode.strategy
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @ar(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<1>
    %l = decode.head %h : !decode.hidden<@main>
    %e = decode.edit %x, %l : !decode.sequence<@main>, !decode.logits<@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] : !decode.block<1>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %stop = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
decode.strategy @beside(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : <@main> -> <5>
    %h, %st = decode.forward %x, %b : <@main>, <5>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] : <5>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
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
