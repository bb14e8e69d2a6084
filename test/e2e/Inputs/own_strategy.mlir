// own(k = 2)
//
// Looks up the last token alone, and verifies twice in a round.
!text = !decode.sequence<@main>

decode.strategy @own(%s: !text) exact identical {
  %end = decode.round iter(%x = %s) : !text {
    %y = decode.repeat 2 iter(%v = %x) : !text {
      %b = decode.lookup %v longest 1 shortest 1 : <@main> -> <$(k + 1)>
      %h, %st = decode.forward %v, %b : <@main>, <$(k + 1)>
      %l = decode.head %h : <@main>
      %e = decode.edit %v, %l : <@main>, <@main>
      %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : <$(k + 1)>, <@main>
      %w = decode.commit %v, %st, %p : <@main>, <@main>
      %enough = decode.stop %w : <@main>
      decode.yield %w until %enough : !text
    }
    %done = decode.stop %y : <@main>
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}
