// RUN: plait-opt %s --plait-inline-model -verify-diagnostics

!ids = tensor<?xi32, #lm.dims<tokens>>
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.func @f(!ids) -> !ids
}
decode.step @ar(%ids: !ids) -> !ids
    attributes {input_roles = [#decode.role<tokens>], output_roles = [#decode.role<chosen>]} {
  // expected-error @+1 {{expected a function with a body but got @main::@f}}
  %y = lm.call @main::@f(%ids) : (!ids) -> !ids
  decode.return %y : !ids
}
