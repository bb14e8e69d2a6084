// prompt_lookup(k = 4, longest = 3, shortest = 1)
//
// Drafts up to k tokens: those that followed the last tokens of the text where they stood
// before (Saxena, Prompt Lookup Decoding, 2023). For texts that repeat what is in the prompt;
// where that does not pay, it drafts nothing.
!text = !decode.sequence<@main>
!block = !decode.block<$(k + 1)>

decode.strategy @prompt_lookup(%s: !text) exact identical {
  %known = decode.new_acceptance : !decode.acceptance
  %end:2 = decode.round iter(%x = %s, %a = %known) : !text, !decode.acceptance {
    %k = decode.choose_length %a of [0, $k] : !decode.acceptance
    %all = decode.lookup %x longest $longest shortest $shortest : <@main> -> !block
    %b = decode.shorten %all to %k : !block
    %h, %st = decode.forward %x, %b : <@main>, !block
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : !block, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %seen = decode.observe %a, %b, %p : !decode.acceptance, !block
    %done = decode.stop %y : <@main>
    decode.yield %y, %seen until %done : !text, !decode.acceptance
  }
  decode.return %end#0, %end#1 : !text, !decode.acceptance
}
