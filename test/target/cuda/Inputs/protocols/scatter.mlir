// A product and the scattered sum behind it, from which passes write a program: of NCOLS columns, with KCOLS of the
// weight's MCOLS columns on each of NRANKS ranks.
!whole = tensor<?xNCOLSxf32, #lm.dims<tokens>>
!part = tensor<?xNCOLSxf32, #lm.dims<tokens_part>>
!wide = tensor<?xKCOLSxbf16, #lm.dims<tokens>>
par.mesh @mesh axes ["tp"] sizes [NRANKS] rank 0
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @down from "down" part <at = [0, KCOLS], of = [NCOLS, MCOLS]> : !lm.weight<NCOLSxKCOLS, #lm.bf16>
}
decode.step @s(%h: !wide) attributes {input_roles = [#decode.role<hidden>], output_roles = []} {
  %w = lm.get_weight @m::@down : !lm.weight<NCOLSxKCOLS, #lm.bf16>
  %p = lm.linear %h, %w : !wide, !lm.weight<NCOLSxKCOLS, #lm.bf16>
  %y = par.reduce_scatter %p dim 0 {"tp" : even} on @mesh : !whole -> !part
  decode.return
}
