"""Adds a strategy @mine with the warps temperature and top_k to a printed module."""
import sys

STRATEGY = """
  decode.strategy @mine(%s: !decode.sequence<@main>) {
    %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
      %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
      %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<1>
      %l = decode.head %h : !decode.hidden<@main>
      %p = decode.verify_sample %b, %l [#decode.warp<temperature>, #decode.warp<top_k>] : !decode.block<1>, !decode.logits<@main>
      %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
      %stop = decode.stop %y : !decode.sequence<@main>
      decode.yield %y until %stop : !decode.sequence<@main>
    }
    decode.return %end : !decode.sequence<@main>
  }
"""

path = sys.argv[1]
text = open(path).read()
at = text.index("  lm.model @main")
open(path, "w").write(text[:at] + STRATEGY + text[at:])
