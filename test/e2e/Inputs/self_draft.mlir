// self_draft(k = 4)
//
// The model drafts for itself, with all of its layers: all that it drafts is accepted.
!text = !decode.sequence<@main>
!block = !decode.block<$(k + 1)>

decode.strategy @self_draft(%s: !text) exact identical {
  %end = decode.round iter(%x = %s) : !text {
    %root = decode.pending %x : <@main> -> !block
    %fork = decode.fork %x : <@main>
    %b, %w = decode.repeat $k iter(%c = %root, %g = %fork) : !block, !text {
      %one = decode.pending %g : <@main> -> <1>
      %h, %st = decode.forward %g, %one : <@main>, <1>
      %l = decode.head %h : <@main>
      %e = decode.edit %g, %l : <@main>, <@main>
      %p = decode.verify_sample %one, %e [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : <1>, <@main>
      %next = decode.commit %g, %st, %p : <@main>, <@main>
      %longer = decode.append %c, %p : !block
      decode.yield %longer, %next : !block, !text
    }
    decode.drop %w : <@main>
    %h, %st = decode.forward %x, %b : <@main>, !block
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : !block, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %done = decode.stop %y : <@main>
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}
