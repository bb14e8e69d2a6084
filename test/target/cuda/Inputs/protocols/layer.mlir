// A layer's product and the fused sum behind it, from which passes write programs: of NCOLS columns, with KCOLS of the
// weight's MCOLS columns on each of NRANKS ranks.
!whole = tensor<?xNCOLSxf32, #lm.dims<tokens>>
!part = tensor<?xNCOLSxf32, #lm.dims<tokens_part>>
!wide = tensor<?xKCOLSxbf16, #lm.dims<tokens>>
par.mesh @mesh axes ["tp"] sizes [NRANKS] rank 0
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @down from "down" part <at = [0, KCOLS], of = [NCOLS, MCOLS]> : !lm.weight<NCOLSxKCOLS, #lm.bf16>
  lm.weight @gain from "gain" : !lm.weight<NCOLS, #lm.f32>
}
decode.step @s(%h: !wide, %x: !part) attributes {input_roles = [#decode.role<hidden>, #decode.role<logits>], output_roles = []} {
  %w = lm.get_weight @m::@down : !lm.weight<NCOLSxKCOLS, #lm.bf16>
  %g = lm.get_weight @m::@gain : !lm.weight<NCOLS, #lm.f32>
  %p = lm.linear %h, %w : !wide, !lm.weight<NCOLSxKCOLS, #lm.bf16>
  %a, %r = par.reduce_gather %p with(%x) {"tp" : even} on @mesh : (!whole, !part) -> (!whole, !part) {
  ^bb0(%sum: !part, %own: !part):
    %0 = lm.add %own, %sum : !part
    %1 = lm.rms_norm %0, %g eps 1.0e-05 : !part, !lm.weight<NCOLS, #lm.f32>
    par.yield %1, %0 : !part, !part
  }
  decode.return
}
