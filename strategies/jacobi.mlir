// jacobi(window = 8)
//
// Guesses for the next tokens are verified and made anew in one forward: at temperature 0
// Jacobi decoding (Santilli et al. 2023), else speculative Jacobi decoding (Teng et al. 2024).
!text = !decode.sequence<@main>
!guesses = !decode.guesses<$window>
!block = !decode.block<$(window + 1)>

decode.strategy @jacobi(%s: !text) exact distribution {
  %none = decode.new_guesses : !guesses
  %end:2 = decode.round iter(%x = %s, %g = %none) : !text, !guesses {
    %b = decode.carry %x, %g : <@main>, !guesses -> !block
    %h, %st = decode.forward %x, %b : <@main>, !block
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p, %g1 = decode.verify_jacobi %b, %e [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : !block, <@main> -> !guesses
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %done = decode.stop %y : <@main>
    decode.yield %y, %g1 until %done : !text, !guesses
  }
  decode.return %end#0, %end#1 : !text, !guesses
}
