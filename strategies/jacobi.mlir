// jacobi(window = 8)
//
// Guesses for the next tokens are verified and made anew in one forward: at temperature 0
// Jacobi decoding (Santilli et al. 2023), else speculative Jacobi decoding (Teng et al. 2024).
// Where guesses are not worth their time there are none.
!text = !decode.sequence<@main>
!guesses = !decode.guesses<$window>
!block = !decode.block<$(window + 1)>

decode.strategy @jacobi(%s: !text) exact distribution {
  %none = decode.new_guesses : !guesses
  %known = decode.new_acceptance : !decode.acceptance
  %end:3 = decode.round iter(%x = %s, %g = %none, %a = %known) : !text, !guesses, !decode.acceptance {
    %k = decode.choose_length %a of [0, $window] : !decode.acceptance
    %all = decode.carry %x, %g : <@main>, !guesses -> !block
    %b = decode.shorten %all to %k : !block
    %h, %st = decode.forward %x, %b : <@main>, !block
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p, %g1 = decode.verify_jacobi %b, %e [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : !block, <@main> -> !guesses
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %seen = decode.observe %a, %b, %p : !decode.acceptance, !block
    %done = decode.stop %y : <@main>
    decode.yield %y, %g1, %seen until %done : !text, !guesses, !decode.acceptance
  }
  decode.return %end#0, %end#1, %end#2 : !text, !guesses, !decode.acceptance
}
