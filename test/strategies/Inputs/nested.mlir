// nested()
//
// Branches within branches: what a branch has joined itself is joined, too.
!text = !decode.sequence<@main>
!inner = !decode.group<@main, 2 of 3>
!outer = !decode.group<@main, 2 of 11>

decode.strategy @nested(%s: !text) exact semantics {
  %end = decode.round iter(%x = %s) : !text {
    %g = decode.branch %x begin [[5], [6]] : <@main> -> !outer
    %g1 = decode.each %w of %g : !outer {
      %k = decode.branch %w begin [[7], [8]] : <@main> -> !inner
      %k1 = decode.each %z of %k : !inner {
        %v = decode.repeat 3 iter(%u = %z) : !text {
          %b = decode.pending %u : <@main> -> <1>
          %h, %st = decode.forward %u, %b : <@main>, <1>
          %l = decode.head %h : <@main>
          %p = decode.verify_sample %b, %l [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : <1>, <@main>
          %next = decode.commit %u, %st, %p : <@main>, <@main>
          %ended = decode.stop %next : <@main>
          decode.yield %next until %ended : !text
        }
        decode.yield %v : !text
      }
      %j = decode.join %k1 beside then [9] : !inner
      %v = decode.repeat 9 iter(%u = %j) : !text {
        %b = decode.pending %u : <@main> -> <1>
        %h, %st = decode.forward %u, %b : <@main>, <1>
        %l = decode.head %h : <@main>
        %p = decode.verify_sample %b, %l [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : <1>, <@main>
        %next = decode.commit %u, %st, %p : <@main>, <@main>
        %ended = decode.stop %next : <@main>
        decode.yield %next until %ended : !text
      }
      decode.yield %v : !text
    }
    %j = decode.join %g1 beside then [10] : !outer
    %y = decode.repeat 3 iter(%u = %j) : !text {
      %b = decode.pending %u : <@main> -> <1>
      %h, %st = decode.forward %u, %b : <@main>, <1>
      %l = decode.head %h : <@main>
      %p = decode.verify_sample %b, %l [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : <1>, <@main>
      %next = decode.commit %u, %st, %p : <@main>, <@main>
      %ended = decode.stop %next : <@main>
      decode.yield %next until %ended : !text
    }
    %done = decode.stop %y : <@main>
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}
