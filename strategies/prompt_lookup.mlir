// prompt_lookup(k = 4, longest = 3, shortest = 1)
//
// Drafts up to k tokens: those that followed the last tokens of the text where they stood
// before (Saxena, Prompt Lookup Decoding, 2023). For texts that repeat what is in the prompt.
!text = !decode.sequence<@main>

decode.strategy @prompt_lookup(%s: !text) exact identical {
  %end = decode.round iter(%x = %s) : !text {
    %b = decode.lookup %x longest $longest shortest $shortest : <@main> -> <$(k + 1)>
    %h, %st = decode.forward %x, %b : <@main>, <$(k + 1)>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : <$(k + 1)>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %done = decode.stop %y : <@main>
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}
