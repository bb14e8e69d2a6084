// fork_join(first = [5], second = [6], third = [7], conclusion = [8], length = 6, more = 4)
//
// Three branches begin with tokens of their own, go on without seeing each other and are joined beside each
// other; then come tokens that see all of them, and so on (Multiverse, Yang et al. 2025).
!text = !decode.sequence<@main>
!group = !decode.group<@main, 3 of $length>

decode.strategy @fork_join(%s: !text) exact semantics {
  %end = decode.round iter(%x = %s) : !text {
    %g = decode.branch %x begin [$first, $second, $third] : <@main> -> !group
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
    %joined = decode.join %drawn beside then $conclusion : !group
    %y = decode.repeat $more iter(%u = %joined) : !text {
      %b = decode.pending %u : <@main> -> <1>
      %h, %st = decode.forward %u, %b : <@main>, <1>
      %l = decode.head %h : <@main>
      %e = decode.edit %u, %l : <@main>, <@main>
      %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : <1>, <@main>
      %next = decode.commit %u, %st, %p : <@main>, <@main>
      %ended = decode.stop %next : <@main>
      decode.yield %next until %ended : !text
    }
    %done = decode.stop %y : <@main>
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}
