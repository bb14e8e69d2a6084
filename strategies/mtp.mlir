// mtp(tree = [-1, 0, 1, 2], width = 1, depths = [0] of tree)
//
// A layer of the model that was trained to predict one token further, from a hidden state and
// the token after it, drafts again and again (multi-token prediction, DeepSeek-V3, 2024). It
// attends over what it was told of the text. Where drafts are not worth their time there are none.
!text = !decode.sequence<@main>
!found = !decode.candidates<$width>
!block = !decode.block<tree $tree>

decode.strategy @mtp(%s: !text) exact identical {
  %none = decode.new_candidates : !found
  %known = decode.new_acceptance : !decode.acceptance
  %end:5 = decode.round iter(%x = %s, %c0 = %none, %c1 = %none, %c2 = %none, %a = %known) : !text, !found, !found, !found, !decode.acceptance {
    %b = decode.expand %x, %c0, %c1, %c2 : <@main>, !found, !found, !found -> !block
    %h, %st = decode.forward %x, %b : <@main>, !block
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : !block, <@main>
    %leaf = decode.leaf %h, %p : <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %seen = decode.observe %a, %b, %p : !decode.acceptance, !block
    %k = decode.choose_length %seen of $depths : !decode.acceptance
    %n:4 = decode.repeat 1 iter(%z = %y, %d0 = %none, %d1 = %none, %d2 = %none) times %k : !text, !found, !found, !found {
      %h0 = decode.recur %leaf, %p in %z by @mtp : <@main>, !decode.path, <@main>
      %l0 = decode.head %h0 by @mtp_head : <@main>
      %n0 = decode.top %l0 : <@main> -> !found
      %h1 = decode.recur %h0, %n0 in %z by @mtp : <@main>, !found, <@main>
      %l1 = decode.head %h1 by @mtp_head : <@main>
      %n1 = decode.top %l1 : <@main> -> !found
      %h2 = decode.recur %h1, %n1 in %z by @mtp : <@main>, !found, <@main>
      %l2 = decode.head %h2 by @mtp_head : <@main>
      %n2 = decode.top %l2 : <@main> -> !found
      decode.yield %z, %n0, %n1, %n2 : !text, !found, !found, !found
    }
    %done = decode.stop %n#0 : <@main>
    decode.yield %n#0, %n#1, %n#2, %n#3, %seen until %done : !text, !found, !found, !found, !decode.acceptance
  }
  decode.return %end#0, %end#1, %end#2, %end#3, %end#4 : !text, !found, !found, !found, !decode.acceptance
}
