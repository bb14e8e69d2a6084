// taps(tree = [-1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 7, 7, 8], width = 6)
//
// Candidates by all that takes taps of the verification: the model's head behind its third layer, a
// recurrent head that begins with its first one, and another head of its final hidden states, so that
// there are three hidden states of a node.
!text = !decode.sequence<@main>
!found = !decode.candidates<$width>
!block = !decode.block<tree $tree>

decode.strategy @taps(%s: !text) exact identical {
  %none = decode.new_candidates : !found
  %end:4 = decode.round iter(%x = %s, %c0 = %none, %c1 = %none, %c2 = %none) : !text, !found, !found, !found {
    %b = decode.expand %x, %c0, %c1, %c2 : <@main>, !found, !found, !found -> !block
    %h, %st, %t:2 = decode.forward %x, %b taps [0, 2] : <@main>, !block
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : !block, <@main>
    %first = decode.leaf %t#0, %p : <@main>
    %third = decode.leaf %t#1, %p : <@main>
    %last = decode.leaf %h, %p : <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %r = decode.recur %first, %p in %y by @clover : <@main>, !decode.path, <@main>
    %l0 = decode.head %r by @clover_head : <@main>
    %n0 = decode.top %l0 : <@main> -> !found
    %l1 = decode.head %third : <@main>
    %n1 = decode.top %l1 : <@main> -> !found
    %l2 = decode.head %last by @clover_head : <@main>
    %n2 = decode.top %l2 : <@main> -> !found
    %done = decode.stop %y : <@main>
    decode.yield %y, %n0, %n1, %n2 until %done : !text, !found, !found, !found
  }
  decode.return %end#0, %end#1, %end#2, %end#3 : !text, !found, !found, !found
}
