// Sums are carried out alike on all ranks, and in the order of ranks unless the contract leaves it free.
//
// RUN: plait-opt %s -split-input-file --plait-verify-parallel -verify-diagnostics -o /dev/null

par.mesh @mesh axes ["tp"] sizes [3] rank 0
lm.model @m family "t" numerics row_invariant max_positions 8 {
}
decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = par.all_reduce %x on @mesh ["tp"] algorithms <1 : lamport, 4 : two_shot> : tensor<?x32xf32, #lm.dims<tokens>>
  // expected-error @+1 {{expected algorithms that add in the order of the devices, as numerics is not fast, but got #par.algorithms<1 : one_shot, 8 : ring>}}
  %1 = par.all_reduce %0 on @mesh ["tp"] algorithms <1 : one_shot, 8 : ring> : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %1 : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

par.mesh @mesh axes ["tp"] sizes [3] rank 0
lm.model @m family "t" numerics fast max_positions 8 {
}
decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = par.all_reduce %x on @mesh ["tp"] algorithms <1 : one_shot, 8 : ring> : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %0 : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

// One rank goes on to another algorithm with fewer rows than the other: with 5 rows they would wait for each other in vain.
module {
  par.mesh @mesh axes ["tp"] sizes [2] rank 0
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    // expected-error @+2 {{'par.all_reduce' of rank 0 meets 'par.all_reduce' of rank 1; expected the same on all ranks}}
    // expected-note @+1 {{algorithms #par.algorithms<1 : one_shot, 5 : two_shot>}}
    %0 = par.all_reduce %x on @mesh ["tp"] algorithms <1 : one_shot, 5 : two_shot> : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %0 : tensor<?x32xf32, #lm.dims<tokens>>
  }
}
module {
  par.mesh @mesh axes ["tp"] sizes [2] rank 1
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    // expected-note @+1 {{algorithms #par.algorithms<1 : one_shot, 6 : two_shot>}}
    %0 = par.all_reduce %x on @mesh ["tp"] algorithms <1 : one_shot, 6 : two_shot> : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %0 : tensor<?x32xf32, #lm.dims<tokens>>
  }
}
