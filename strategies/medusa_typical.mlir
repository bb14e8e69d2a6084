// medusa_typical(tree = [-1, 0, 0, 0, 1, 1, 2, 2, 3], first = 3, second = 2, threshold = 0.09, alpha = 0.3)
//
// Medusa's heads with its own rule: drafts are accepted if they are not too improbable (typical
// acceptance, Cai et al. 2024). More of them are than with `medusa`, and the text is another,
// where tokens are drawn; at temperature 0 it is the same.
!text = !decode.sequence<@main>
!first = !decode.candidates<$first>
!second = !decode.candidates<$second>
!block = !decode.block<tree $tree>

decode.strategy @medusa_typical(%s: !text) exact approximate {
  %none0 = decode.new_candidates : !first
  %none1 = decode.new_candidates : !second
  %end:3 = decode.round iter(%x = %s, %c0 = %none0, %c1 = %none1) : !text, !first, !second {
    %b = decode.expand %x, %c0, %c1 : <@main>, !first, !second -> !block
    %h, %st = decode.forward %x, %b : <@main>, !block
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_typical %b, %e [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] threshold $threshold alpha $alpha : !block, <@main>
    %leaf = decode.leaf %h, %p : <@main>
    %l0 = decode.head %leaf by @medusa_0 : <@main>
    %l1 = decode.head %leaf by @medusa_1 : <@main>
    %n0 = decode.top %l0 : <@main> -> !first
    %n1 = decode.top %l1 : <@main> -> !second
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %done = decode.stop %y : <@main>
    decode.yield %y, %n0, %n1 until %done : !text, !first, !second
  }
  decode.return %end#0, %end#1, %end#2 : !text, !first, !second
}
