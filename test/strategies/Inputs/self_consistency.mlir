// self_consistency(after, n = 4, length = 256)
//
// Of several chains of thought that are drawn, one with the most frequent answer stays: what comes behind the
// tokens `after` (Wang et al. 2023).
!text = !decode.sequence<@main>
!group = !decode.group<@main, $n of $length>

decode.strategy @self_consistency(%s: !text) exact reference {
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
    %y = decode.vote %drawn after $after : !group
    %done = decode.stop %y : <@main>
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}
