// tidar(mask, width = 1, tree = [-1, 0, 1, 2], prompts = [3, 3, 3, 3], start = [3], nodes = 16, asked = 12, together = 1, depths = [0] of tree)
//
// While a chain is verified, masks behind each of its tokens draft the next one, in the same
// forward: whatever is accepted, a draft is there (TiDAR, Liu et al. 2025). A mask sees the path to its
// token and the masks before it; with together = 3 those behind a token see each other, three by three. Where drafts are not worth their time there are none.
!text = !decode.sequence<@main>
!found = !decode.candidates<$width>
!block = !decode.block<tree $nodes prompts $asked together $together>

decode.strategy @tidar(%s: !text) exact identical {
  %none = decode.new_candidates : !found
  %known = decode.new_acceptance : !decode.acceptance
  %end:5 = decode.round iter(%x = %s, %c0 = %none, %c1 = %none, %c2 = %none, %a = %known) : !text, !found, !found, !found, !decode.acceptance {
    %k = decode.choose_length %a of $depths : !decode.acceptance
    %b = decode.expand_prompts %x, %c0, %c1, %c2 trees [[-1], $tree] prompts [$start, $prompts] mask $mask if %k : <@main>, !found, !found, !found -> !block
    %h, %st = decode.forward %x, %b : <@main>, !block
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : !block, <@main>
    %n0, %n1, %n2 = decode.prompted %b, %l, %p : !block, <@main> -> !found, !found, !found
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %seen = decode.observe %a, %b, %p : !decode.acceptance, !block
    %done = decode.stop %y : <@main>
    decode.yield %y, %n0, %n1, %n2, %seen until %done : !text, !found, !found, !found, !decode.acceptance
  }
  decode.return %end#0, %end#1, %end#2, %end#3, %end#4 : !text, !found, !found, !found, !decode.acceptance
}
