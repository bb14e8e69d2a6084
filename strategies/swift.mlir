// swift(k = auto: [0, 2, 4], most = 8, skip = sublayers [1, 2])
//
// The model drafts for itself with some of its layers left out, or their attention or MLP alone (SWIFT, Xia et al.
// 2024), as many tokens as pay. Of several sets it drafts with the one that pays best. The draft writes where
// the verification will: no key and no value is copied.
!text = !decode.sequence<@main>
!block = !decode.block<$(most + 1)>

decode.strategy @swift(%s: !text) exact identical {
  %known = decode.new_acceptance : !decode.acceptance
  %end:2 = decode.round iter(%x = %s, %a = %known) : !text, !decode.acceptance {
    %v = decode.choose_variant %a of $(count skip) lengths $k : !decode.acceptance
    %k = decode.choose_length %a of $k by %v : !decode.acceptance
    %root = decode.pending %x : <@main> -> !block
    %fork = decode.fork %x : <@main>
    %b, %w = decode.repeat $most iter(%c = %root, %g = %fork) times %k : !block, !text {
      %one = decode.pending %g : <@main> -> <1>
      %h, %st = decode.forward %g, %one skip $skip by %v : <@main>, <1>
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
    %seen = decode.observe %a, %b, %p by %v : !decode.acceptance, !block
    %done = decode.stop %y : <@main>
    decode.yield %y, %seen until %done : !text, !decode.acceptance
  }
  decode.return %end#0, %end#1 : !text, !decode.acceptance
}
