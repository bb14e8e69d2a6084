// The tensor has one dynamic dimension, its attribute names two.
lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens, more>>) {
    lm.return
  }
}
