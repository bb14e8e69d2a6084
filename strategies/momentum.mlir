// momentum(alpha = 0.2, top = 5)
//
// Texts that do not run in circles: a token that would repeat what the text holds has to be so
// much more probable than others (Momentum decoding, Lan et al. 2022). Drafts nothing, and is a
// text of its own, whatever temperature is asked for.
!text = !decode.sequence<@main>

decode.strategy @momentum(%s: !text) exact reference {
  %end = decode.round iter(%x = %s) : !text {
    %b = decode.pending %x : <@main> -> <1>
    %h, %st = decode.forward %x, %b : <@main>, <1>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_momentum %b, %e top $top alpha $alpha resistance [1.0, 3.0, 4.0, 5.0] : <1>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %done = decode.stop %y : <@main>
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}
