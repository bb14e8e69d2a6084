// RUN: plait-opt %s --plait-verify-decode -split-input-file -verify-diagnostics

// expected-error @+1 {{expected a 'decode.step' after decode but found none; 'plait-batch' makes them}}
module {
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
// expected-error @+1 {{illegal after decode; expected to have been converted by 'plait-batch'}}
decode.strategy @ar(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %stop = decode.stop %x : !decode.sequence<@main>
    decode.yield %x until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// expected-error @+1 {{expected an argument of role positions after decode but found none}}
decode.step @s(%x: tensor<?xi32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<tokens>], output_roles = []} {
  decode.return
}

// -----

!ids = tensor<?xi32, #lm.dims<tokens>>
!kv = !lm.state<layers = 1, kv_heads = 1, head_dim = 4, f32>
!leaves = tensor<?xi32, #lm.dims<leaves>>
// expected-error @+1 {{expected a result of role status after decode but found none}}
decode.step @s(%t: !ids, %p: !ids, %r: !lm.rows, %s: !kv, %l: !leaves) -> !leaves
    attributes {input_roles = [#decode.role<tokens>, #decode.role<positions>, #decode.role<rows>, #decode.role<state>, #decode.role<leaves>],
                output_roles = [#decode.role<chosen>]} {
  decode.return %l : !leaves
}

// -----

!ids = tensor<?xi32, #lm.dims<tokens>>
!kv = !lm.state<layers = 1, kv_heads = 1, head_dim = 4, f32>
!leaves = tensor<?xi32, #lm.dims<leaves>>
decode.step @accepted(%t: !ids, %p: !ids, %r: !lm.rows, %s: !kv, %l: !leaves) -> (!leaves, !leaves)
    attributes {input_roles = [#decode.role<tokens>, #decode.role<positions>, #decode.role<rows>, #decode.role<state>, #decode.role<leaves>],
                output_roles = [#decode.role<chosen>, #decode.role<status>]} {
  decode.return %l, %l : !leaves, !leaves
}

// Strategies run steps.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @lookup(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 3 shortest 1 : <@main> -> <5>
    %c, %st = decode.run @accepted(%x, %b) : <@main>, <5>
    %p = decode.walk %b, %c : <5>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
