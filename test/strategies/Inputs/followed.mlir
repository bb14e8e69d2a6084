// followed()
//
// Three branches are joined beside each other; behind them a draft model drafts, which follows the
// text as one without branches.
!text = !decode.sequence<@main>
!draft = !decode.sequence<@draft>
!group = !decode.group<@main, 3 of 6>

decode.strategy @followed(%s: !text, %d: !draft) exact semantics {
  %end:2 = decode.round iter(%x = %s, %e = %d) : !text, !draft {
    %g = decode.branch %x begin [[5], [6], [7]] : <@main> -> !group
    %g1 = decode.each %w of %g : !group {
      %v = decode.repeat 6 iter(%u = %w) : !text {
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
    %j = decode.join %g1 beside then [8] : !group
    %y, %back = decode.repeat 64 iter(%u = %j, %f = %e) : !text, !draft {
      %root = decode.pending %u : <@main> -> <4>
      %f0 = decode.follow %f, %u : <@draft>, <@main>
      %b, %f1 = decode.repeat 3 iter(%c = %root, %k = %f0) : !decode.block<4>, !draft {
        %one = decode.pending %k : <@draft> -> <1>
        %h, %st = decode.forward %k, %one : <@draft>, <1>
        %l = decode.head %h : <@draft>
        %p = decode.verify_greedy %one, %l : <1>, <@draft>
        %next = decode.commit %k, %st, %p : <@draft>, <@draft>
        %longer = decode.append %c, %p : <4>
        decode.yield %longer, %next : !decode.block<4>, !draft
      }
      %h, %st = decode.forward %u, %b : <@main>, <4>
      %l = decode.head %h : <@main>
      %p = decode.verify_sample %b, %l [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : <4>, <@main>
      %next = decode.commit %u, %st, %p : <@main>, <@main>
      %f2 = decode.follow %f1, %next : <@draft>, <@main>
      %ended = decode.stop %next : <@main>
      decode.yield %next, %f2 until %ended : !text, !draft
    }
    %done = decode.stop %y : <@main>
    decode.yield %y, %back until %done : !text, !draft
  }
  decode.return %end#0, %end#1 : !text, !draft
}
