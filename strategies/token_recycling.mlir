// token_recycling(tree = [-1, 0, 0, 0, 1, 1, 2, 4, 4, 5, 7, 8, 10], successors = 3, depths = [0, 1, 2] of tree)
//
// Drafts a tree of what the model thought probable after each token when it last saw it
// (Luo et al., Turning Trash into Treasure, 2024), as deep as it pays. Needs no other model.
!text = !decode.sequence<@main>
!table = !decode.successors<$successors>
!block = !decode.block<tree $tree>

decode.strategy @token_recycling(%s: !text) exact identical {
  %empty = decode.new_successors : !table
  %known = decode.new_acceptance : !decode.acceptance
  %end:3 = decode.round iter(%x = %s, %a = %empty, %r = %known) : !text, !table, !decode.acceptance {
    %k = decode.choose_length %r of $depths : !decode.acceptance
    %all = decode.recall %x, %a : <@main>, !table -> !block
    %b = decode.shorten %all to %k : !block
    %h, %st = decode.forward %x, %b : <@main>, !block
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : !block, <@main>
    %a1 = decode.learn %a, %b, %l : !table, !block, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %seen = decode.observe %r, %b, %p : !decode.acceptance, !block
    %done = decode.stop %y : <@main>
    decode.yield %y, %a1, %seen until %done : !text, !table, !decode.acceptance
  }
  decode.return %end#0, %end#1, %end#2 : !text, !table, !decode.acceptance
}
