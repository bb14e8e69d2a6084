// Rows that are gathered, rounded, and taken by two products, from which passes write a program: of KCOLS columns, by
// NCOLS and half as many rows of weights on each of NRANKS ranks.
!part = tensor<?xKCOLSxf32, #lm.dims<tokens_part>>
!whole = tensor<?xKCOLSxf32, #lm.dims<tokens>>
!rounded = tensor<?xKCOLSxbf16, #lm.dims<tokens>>
par.mesh @mesh axes ["tp"] sizes [NRANKS] rank 0
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<NCOLSxKCOLS, #lm.bf16>
  lm.weight @gate from "gate" : !lm.weight<HCOLSxKCOLS, #lm.bf16>
}
decode.step @s(%x: !part) attributes {input_roles = [#decode.role<hidden>], output_roles = []} {
  %u = lm.get_weight @m::@up : !lm.weight<NCOLSxKCOLS, #lm.bf16>
  %g = lm.get_weight @m::@gate : !lm.weight<HCOLSxKCOLS, #lm.bf16>
  %a = par.all_gather %x dim 0 {"tp" : even} on @mesh : !part -> !whole
  %r = lm.round %a to KCOLS : !whole
  %y = lm.linear %r, %u : !rounded, !lm.weight<NCOLSxKCOLS, #lm.bf16>
  %z = lm.linear %r, %g : !rounded, !lm.weight<HCOLSxKCOLS, #lm.bf16>
  decode.return
}
