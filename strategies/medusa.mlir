// medusa(tree = [-1, 0, 0, 0, 1, 1, 2, 2, 3], first = 3, second = 2, depths = [0] of tree)
//
// Two more heads of the model guess the tokens after the next one; their best candidates make
// a tree (Medusa, Cai et al. 2024). A head is computed for the last accepted node alone, and
// not where drafts are not worth their time.
!text = !decode.sequence<@main>
!first = !decode.candidates<$first>
!second = !decode.candidates<$second>
!block = !decode.block<tree $tree>

decode.strategy @medusa(%s: !text) exact identical {
  %none0 = decode.new_candidates : !first
  %none1 = decode.new_candidates : !second
  %known = decode.new_acceptance : !decode.acceptance
  %end:4 = decode.round iter(%x = %s, %c0 = %none0, %c1 = %none1, %a = %known) : !text, !first, !second, !decode.acceptance {
    %b = decode.expand %x, %c0, %c1 : <@main>, !first, !second -> !block
    %h, %st = decode.forward %x, %b : <@main>, !block
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : !block, <@main>
    %leaf = decode.leaf %h, %p : <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %seen = decode.observe %a, %b, %p : !decode.acceptance, !block
    %k = decode.choose_length %seen of $depths : !decode.acceptance
    %n:2 = decode.repeat 1 iter(%d0 = %none0, %d1 = %none1) times %k : !first, !second {
      %l0 = decode.head %leaf by @medusa_0 : <@main>
      %l1 = decode.head %leaf by @medusa_1 : <@main>
      %n0 = decode.top %l0 : <@main> -> !first
      %n1 = decode.top %l1 : <@main> -> !second
      decode.yield %n0, %n1 : !first, !second
    }
    %done = decode.stop %y : <@main>
    decode.yield %y, %n#0, %n#1, %seen until %done : !text, !first, !second, !decode.acceptance
  }
  decode.return %end#0, %end#1, %end#2, %end#3 : !text, !first, !second, !decode.acceptance
}
