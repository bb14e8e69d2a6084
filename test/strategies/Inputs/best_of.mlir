// best_of(n = 4, length = 64)
//
// Of several texts that are drawn, the most probable one stays: by so many tokens at a time, or as a whole if
// `length` is not less than what is asked for.
!text = !decode.sequence<@main>
!group = !decode.group<@main, $n of $length>

decode.strategy @best_of(%s: !text) exact reference {
  %end = decode.round iter(%x = %s) : !text {
    %g = decode.branch %x : <@main> -> !group
    %drawn = decode.each %w of %g : !group {
      %v = decode.repeat $length iter(%u = %w) : !text {
        %b = decode.pending %u : <@main> -> <1>
        %h, %st = decode.forward %u, %b : <@main>, <1>
        %l = decode.head %h : <@main>
        %e = decode.edit %u, %l : <@main>, <@main>
        %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : <1>, <@main>
        %next = decode.commit %u, %st, %p : <@main>, <@main>
        %ended = decode.stop %next : <@main>
        decode.yield %next until %ended : !text
      }
      decode.yield %v : !text
    }
    %y = decode.select %w of %drawn : !group {
      %score = decode.log_probability %w : <@main>
      decode.yield %score : f64
    }
    %done = decode.stop %y : <@main>
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}
