// ppd(first = 3, second = 2, tree0 = [-1], prompts0 = [2], tree1 = [-1, 0, 0, 0], prompts1 = [2, 2, 1, 0], tree2 = [-1, 0, 0, 0, 1, 1, 2], prompts2 = [2, 2, 1, 0, 2, 1, 0], nodes = 15, asked = 8, depths = [0] of tree2)
//
// Trained prompt tokens behind the nodes of a tree ask the model for the tokens after the next
// one (Parallel Prompt Decoding, Chen et al. 2024). The next tree is the one for as many prompts
// as the accepted node had: 0, 1 or 2. Where drafts are not worth their time nothing is asked.
!text = !decode.sequence<@main>
!first = !decode.candidates<$first>
!second = !decode.candidates<$second>
!block = !decode.block<tree $nodes prompts $asked>

decode.strategy @ppd(%s: !text) exact identical {
  %none0 = decode.new_candidates : !first
  %none1 = decode.new_candidates : !second
  %known = decode.new_acceptance : !decode.acceptance
  %end:4 = decode.round iter(%x = %s, %c0 = %none0, %c1 = %none1, %a = %known) : !text, !first, !second, !decode.acceptance {
    %k = decode.choose_length %a of $depths : !decode.acceptance
    %b = decode.expand_prompts %x, %c0, %c1 trees [$tree0, $tree1, $tree2] prompts [$prompts0, $prompts1, $prompts2] if %k : <@main>, !first, !second -> !block
    %h, %st = decode.forward %x, %b : <@main>, !block
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : !block, <@main>
    %n0, %n1 = decode.prompted %b, %l, %p : !block, <@main> -> !first, !second
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %seen = decode.observe %a, %b, %p : !decode.acceptance, !block
    %done = decode.stop %y : <@main>
    decode.yield %y, %n0, %n1, %seen until %done : !text, !first, !second, !decode.acceptance
  }
  decode.return %end#0, %end#1, %end#2, %end#3 : !text, !first, !second, !decode.acceptance
}
