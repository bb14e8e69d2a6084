// own_tree(successors = 2)
//
// A small tree of a fork's own: what was probable after each token, by depth and in no order
// of depth. Both the fork's drafts and the text are verified as trees.
!text = !decode.sequence<@main>
!table = !decode.successors<$successors>
!root = !decode.block<tree [-1, 0, 1, 0, 3]>
!block = !decode.block<tree [-1, 0, 1, 2, 0, 4, 1]>

decode.strategy @own_tree(%s: !text) exact identical {
  %empty = decode.new_successors : !table
  %end:2 = decode.round iter(%x = %s, %a = %empty) : !text, !table {
    %fork = decode.fork %x : <@main>
    %w, %a1 = decode.repeat 2 iter(%g = %fork, %t = %a) : !text, !table {
      %r = decode.recall %g, %t : <@main>, !table -> !root
      %h, %st = decode.forward %g, %r : <@main>, !root
      %l = decode.head %h : <@main>
      %e = decode.edit %g, %l : <@main>, <@main>
      %p = decode.verify_sample %r, %e [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : !root, <@main>
      %t1 = decode.learn %t, %r, %l : !table, !root, <@main>
      %next = decode.commit %g, %st, %p : <@main>, <@main>
      decode.yield %next, %t1 : !text, !table
    }
    decode.drop %w : <@main>
    %b = decode.recall %x, %a1 : <@main>, !table -> !block
    %h, %st = decode.forward %x, %b : <@main>, !block
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : !block, <@main>
    %a2 = decode.learn %a1, %b, %l : !table, !block, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %done = decode.stop %y : <@main>
    decode.yield %y, %a2 until %done : !text, !table
  }
  decode.return %end#0, %end#1 : !text, !table
}
