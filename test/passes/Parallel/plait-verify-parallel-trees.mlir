// What would make bits depend on the number of ranks is refused where they must not.
//
// RUN: plait-opt %s -split-input-file --plait-verify-parallel -verify-diagnostics

lm.model @m family "t" numerics tp_invariant max_positions 8 {
  lm.weight @w from "w" : !lm.weight<24x24, #lm.bf16>
}
decode.step @s(%ids: tensor<?xi32, #lm.dims<tokens>>, %x: tensor<?x24xf32, #lm.dims<tokens>>) -> (tensor<?x24xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<tokens>, #decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@w : !lm.weight<24x24, #lm.bf16>
  // expected-error @+1 {{expected a tree, as numerics is tp_invariant; 'plait-declare-trees' declares it}}
  %g = lm.linear %x, %0 : tensor<?x24xf32, #lm.dims<tokens>>, !lm.weight<24x24, #lm.bf16>
  decode.return %g : tensor<?x24xf32, #lm.dims<tokens>>
}

// -----

par.mesh @mesh axes ["tp"] sizes [2] rank 0
lm.model @m family "t" numerics tp_invariant max_positions 8 {
  lm.weight @w from "w" : !lm.weight<24x24, #lm.bf16>
}
decode.step @s(%ids: tensor<?xi32, #lm.dims<tokens>>, %x: tensor<?x24xf32, #lm.dims<tokens>>) -> (tensor<?x24xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<tokens>, #decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@w : !lm.weight<24x24, #lm.bf16>
  %g = lm.linear %x, %0 tree <granule = 24, first = 0, of = 1> : tensor<?x24xf32, #lm.dims<tokens>>, !lm.weight<24x24, #lm.bf16>
  // expected-error @+1 {{expected a sum of nodes of a product's tree, as numerics is tp_invariant}}
  %s = par.all_reduce %g on @mesh ["tp"] : tensor<?x24xf32, #lm.dims<tokens>>
  decode.return %s : tensor<?x24xf32, #lm.dims<tokens>>
}

// -----

// Half of the leaves, but not those that the product has.
par.mesh @mesh axes ["tp"] sizes [2] rank 1
lm.model @m family "t" numerics tp_invariant max_positions 8 {
  lm.weight @w from "w" : !lm.weight<24x24, #lm.bf16>
}
decode.step @s(%ids: tensor<?xi32, #lm.dims<tokens>>, %x: tensor<?x24xf32, #lm.dims<tokens>>) -> (tensor<?x24xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<tokens>, #decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@w : !lm.weight<24x24, #lm.bf16>
  %g = lm.linear %x, %0 tree <granule = 12, first = 0, of = 4> : tensor<?x24xf32, #lm.dims<tokens>>, !lm.weight<24x24, #lm.bf16>
  // expected-error @+1 {{expected the nodes of its product's leaves, #lm.tree<granule = 12, first = 0, of = 4>}}
  %s = par.all_reduce %g on @mesh ["tp"] nodes [2, 4] of [0, 1, 2] : tensor<?x24xf32, #lm.dims<tokens>>
  decode.return %s : tensor<?x24xf32, #lm.dims<tokens>>
}
