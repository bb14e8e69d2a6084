// RUN: plait-opt %s --plait-check-exactness --remark-format=emitRemark --remarks-filter=plait-check-exactness 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t

!text = !decode.sequence<@main>
!draft = !decode.sequence<@draft>
!block = !decode.block<3>

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
lm.model @draft family "llama" numerics row_invariant max_positions 32 {
}

// The class is filled in where there is none.
// CHECK-LABEL: decode.strategy @greedy({{.*}}) exact identical {
// REMARK: @greedy is identical"
decode.strategy @greedy(%s: !text) {
  %end = decode.round iter(%x = %s) : !text {
    %b = decode.lookup %x longest 2 shortest 1 : !text -> !block
    %h, %st = decode.forward %x, %b : !text, !block
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_greedy %b, %l : !block, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !text, !decode.stage<@main>
    %done = decode.stop %y : !text
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}

// One that declares a class that is weaker than its own keeps it. Logits may be edited, and
// the model's head be named.
// CHECK-LABEL: decode.strategy @weaker({{.*}}) exact approximate {
// REMARK: @weaker is identical"
decode.strategy @weaker(%s: !text) exact approximate {
  %end = decode.round iter(%x = %s) : !text {
    %b = decode.lookup %x longest 2 shortest 1 : !text -> !block
    %h, %st = decode.forward %x, %b skip [] : !text, !block
    %l = decode.head %h by @head : !decode.hidden<@main>
    %e = decode.edit %x, %l : !text, !decode.logits<@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>] : !block, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !text, !decode.stage<@main>
    %done = decode.stop %y : !text
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}

// Taps of the text's forward change nothing.
// CHECK-LABEL: decode.strategy @tapped({{.*}}) exact identical {
// REMARK: @tapped is identical"
decode.strategy @tapped(%s: !text) {
  %end = decode.round iter(%x = %s) : !text {
    %b = decode.lookup %x longest 2 shortest 1 : !text -> !block
    %h, %st, %t = decode.forward %x, %b taps [1] : !text, !block
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_greedy %b, %l : !block, !decode.logits<@main>
    %leaf = decode.leaf %t, %p : !decode.hidden<@main>
    %y = decode.commit %x, %st, %p : !text, !decode.stage<@main>
    %done = decode.stop %y : !text
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}

// CHECK-LABEL: decode.strategy @as_a_draft({{.*}}) exact distribution {
// REMARK: @as_a_draft is distribution: draws are those of a draft
decode.strategy @as_a_draft(%s: !text) {
  %end = decode.round iter(%x = %s) : !text {
    %b = decode.pending %x : !text -> !block
    %h, %st = decode.forward %x, %b : !text, !block
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] purpose draft : !block, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !text, !decode.stage<@main>
    %done = decode.stop %y : !text
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}

// Tokens of a draft model, drawn or greedy, by whatever warps: each brings its distribution.
// Layers that the draft leaves out are the draft's. `bonus` may say the same warps again.
// CHECK-LABEL: decode.strategy @model({{.*}}) exact distribution {
// REMARK: @model is distribution: rejection sampling draws other numbers
decode.strategy @model(%s: !text, %d: !draft) {
  %end:2 = decode.round iter(%x = %s, %e = %d) : !text, !draft {
    %root = decode.pending %x : !text -> !block
    %b1, %f1 = decode.repeat 1 iter(%c = %root, %g = %e) : !block, !draft {
      %one = decode.pending %g : !draft -> !decode.block<1>
      %h, %st = decode.forward %g, %one skip [1] : !draft, !decode.block<1>
      %l = decode.head %h by @early : !decode.hidden<@draft>
      %q = decode.verify_sample %one, %l [#decode.warp<temperature>, #decode.warp<top_k>] purpose draft : !decode.block<1>, !decode.logits<@draft>
      %next = decode.commit %g, %st, %q : !draft, !decode.stage<@draft>
      %longer = decode.append %c, %q : !block
      decode.yield %longer, %next : !block, !draft
    }
    %one = decode.pending %f1 : !draft -> !decode.block<1>
    %h1, %st1 = decode.forward %f1, %one : !draft, !decode.block<1>
    %l1 = decode.head %h1 : !decode.hidden<@draft>
    %q = decode.verify_greedy %one, %l1 : !decode.block<1>, !decode.logits<@draft>
    %f = decode.commit %f1, %st1, %q : !draft, !decode.stage<@draft>
    %b = decode.append %b1, %q : !block
    %h, %st = decode.forward %x, %b : !text, !block
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_reject %b, %l [#decode.warp<temperature>] bonus [#decode.warp<temperature>] : !block, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !text, !decode.stage<@main>
    %back = decode.follow %f, %y : !draft, !text
    %done = decode.stop %y : !text
    decode.yield %y, %back until %done : !text, !draft
  }
  decode.return %end#0, %end#1 : !text, !draft
}

// A fork may live until its sequence is forwarded, and there may be another one then.
// CHECK-LABEL: decode.strategy @forks({{.*}}) exact identical {
// REMARK: @forks is identical"
decode.strategy @forks(%s: !text) {
  %end = decode.round iter(%x = %s) : !text {
    %root = decode.pending %x : !text -> !block
    %b = decode.repeat 2 iter(%c = %root) : !block {
      %w = decode.fork %x : !text
      %one = decode.pending %w : !text -> !decode.block<1>
      %h, %st = decode.forward %w, %one skip [0] : !text, !decode.block<1>
      %l = decode.head %h : !decode.hidden<@main>
      %q = decode.verify_greedy %one, %l : !decode.block<1>, !decode.logits<@main>
      %v = decode.commit %w, %st, %q : !text, !decode.stage<@main>
      %longer = decode.append %c, %q : !block
      decode.drop %v : !text
      decode.yield %longer : !block
    }
    %h, %st = decode.forward %x, %b : !text, !block
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_greedy %b, %l : !block, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !text, !decode.stage<@main>
    %done = decode.stop %y : !text
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}

// CHECK-LABEL: decode.strategy @jacobi({{.*}}) exact distribution {
// REMARK: @jacobi is distribution: rejection sampling draws other numbers
decode.strategy @jacobi(%s: !text) {
  %none = decode.new_guesses : !decode.guesses<2>
  %end:2 = decode.round iter(%x = %s, %g = %none) : !text, !decode.guesses<2> {
    %b = decode.carry %x, %g : !text, !decode.guesses<2> -> !block
    %h, %st = decode.forward %x, %b : !text, !block
    %l = decode.head %h : !decode.hidden<@main>
    %p, %g1 = decode.verify_jacobi %b, %l [#decode.warp<temperature>] : !block, !decode.logits<@main> -> !decode.guesses<2>
    %y = decode.commit %x, %st, %p : !text, !decode.stage<@main>
    %done = decode.stop %y : !text
    decode.yield %y, %g1 until %done : !text, !decode.guesses<2>
  }
  decode.return %end#0, %end#1 : !text, !decode.guesses<2>
}

// The class is the worst of all that is committed to the text, wherever in the round: here
// one token by typical acceptance after one that is exact.
// CHECK-LABEL: decode.strategy @two_commits({{.*}}) exact approximate {
// REMARK: @two_commits is approximate: typical acceptance takes drafted tokens that would not have been drawn
decode.strategy @two_commits(%s: !text) {
  %end = decode.round iter(%x = %s) : !text {
    %b = decode.pending %x : !text -> !block
    %h, %st = decode.forward %x, %b : !text, !block
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_greedy %b, %l : !block, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !text, !decode.stage<@main>
    %z = decode.repeat 1 iter(%v = %y) : !text {
      %b1 = decode.lookup %v longest 2 shortest 1 : !text -> !block
      %h1, %st1 = decode.forward %v, %b1 : !text, !block
      %l1 = decode.head %h1 : !decode.hidden<@main>
      %p1 = decode.verify_typical %b1, %l1 [#decode.warp<temperature>] threshold 0.25 alpha 0.5 : !block, !decode.logits<@main>
      %y1 = decode.commit %v, %st1, %p1 : !text, !decode.stage<@main>
      decode.yield %y1 : !text
    }
    %done = decode.stop %z : !text
    decode.yield %z until %done : !text
  }
  decode.return %end : !text
}

// A text of its own, whatever was drafted.
// CHECK-LABEL: decode.strategy @momentum({{.*}}) exact reference {
// REMARK: @momentum is reference: momentum decoding takes the most probable token less what repeats the text
decode.strategy @momentum(%s: !text) {
  %end = decode.round iter(%x = %s) : !text {
    %b = decode.lookup %x longest 2 shortest 1 : !text -> !block
    %h, %st = decode.forward %x, %b : !text, !block
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_momentum %b, %l top 5 alpha 0.2 resistance [1.0, 3.0] : !block, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !text, !decode.stage<@main>
    %done = decode.stop %y : !text
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}

// A loop around a draft begins a block in each iteration: it has room for one draft.
// CHECK-LABEL: decode.strategy @again({{.*}}) exact identical {
decode.strategy @again(%s: !text, %d: !draft) {
  %end:2 = decode.round iter(%x = %s, %e = %d) : !text, !draft {
    %y, %back = decode.repeat 64 iter(%u = %x, %f = %e) : !text, !draft {
      %root = decode.pending %u : !text -> !block
      %b, %f1 = decode.repeat 2 iter(%c = %root, %g = %f) : !block, !draft {
        %one = decode.pending %g : !draft -> !decode.block<1>
        %h, %st = decode.forward %g, %one : !draft, !decode.block<1>
        %l = decode.head %h : !decode.hidden<@draft>
        %q = decode.verify_greedy %one, %l : !decode.block<1>, !decode.logits<@draft>
        %next = decode.commit %g, %st, %q : !draft, !decode.stage<@draft>
        %longer = decode.append %c, %q : !block
        decode.yield %longer, %next : !block, !draft
      }
      %h, %st = decode.forward %u, %b : !text, !block
      %l = decode.head %h : !decode.hidden<@main>
      %p = decode.verify_greedy %b, %l : !block, !decode.logits<@main>
      %v = decode.commit %u, %st, %p : !text, !decode.stage<@main>
      %f2 = decode.follow %f1, %v : !draft, !text
      decode.yield %v, %f2 : !text, !draft
    }
    %done = decode.stop %y : !text
    decode.yield %y, %back until %done : !text, !draft
  }
  decode.return %end#0, %end#1 : !text, !draft
}
