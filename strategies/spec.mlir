// spec(draft, k = auto: [0, 2, 4, 8], most = 8)
//
// A draft model proposes tokens, rejection sampling keeps the distribution of the text
// (Leviathan et al. 2023, Chen et al. 2023). How many tokens, of those in k, follows from how
// many were accepted and from what they cost (SmartSpec, Liu et al. 2024).
!text = !decode.sequence<@main>
!draft = !decode.sequence<@draft>
!block = !decode.block<$(most + 1)>

decode.strategy @spec(%s: !text, %d: !draft) exact distribution {
  %known = decode.new_acceptance : !decode.acceptance
  %end:3 = decode.round iter(%x = %s, %e = %d, %a = %known) : !text, !draft, !decode.acceptance {
    %k = decode.choose_length %a of $k : !decode.acceptance
    %root = decode.pending %x : <@main> -> !block
    %b, %f = decode.repeat $most iter(%c = %root, %g = %e) times %k : !block, !draft {
      %one = decode.pending %g : <@draft> -> <1>
      %h, %st = decode.forward %g, %one : <@draft>, <1>
      %l = decode.head %h : <@draft>
      %p = decode.verify_sample %one, %l [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] purpose draft : <1>, <@draft>
      %next = decode.commit %g, %st, %p : <@draft>, <@draft>
      %longer = decode.append %c, %p : !block
      decode.yield %longer, %next : !block, !draft
    }
    %h, %st = decode.forward %x, %b : <@main>, !block
    %l = decode.head %h : <@main>
    %w = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_reject %b, %w [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : !block, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %back = decode.follow %f, %y : <@draft>, <@main>
    %seen = decode.observe %a, %b, %p : !decode.acceptance, !block
    %done = decode.stop %y : <@main>
    decode.yield %y, %back, %seen until %done : !text, !draft, !decode.acceptance
  }
  decode.return %end#0, %end#1, %end#2 : !text, !draft, !decode.acceptance
}
