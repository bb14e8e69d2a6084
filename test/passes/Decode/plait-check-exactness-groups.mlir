// RUN: plait-opt %s --plait-check-exactness --remark-format=emitRemark --remarks-filter=plait-check-exactness 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t

!text = !decode.sequence<@main>
!group = !decode.group<@main, 3 of 4>

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}

// One of several texts has another distribution than each of them.
// CHECK-LABEL: decode.strategy @selected({{.*}}) exact reference {
// REMARK: @selected is reference: of several continuations the one with the largest score stays
decode.strategy @selected(%s: !text) {
  %end = decode.round iter(%x = %s) : !text {
    %g = decode.branch %x : !text -> !group
    %h = decode.each %w of %g : !group {
      %b = decode.pending %w : !text -> !decode.block<1>
      %h, %st = decode.forward %w, %b : !text, !decode.block<1>
      %l = decode.head %h : !decode.hidden<@main>
      %p = decode.verify_greedy %b, %l : !decode.block<1>, !decode.logits<@main>
      %v = decode.commit %w, %st, %p : !text, !decode.stage<@main>
      decode.yield %v : !text
    }
    %y = decode.select %m of %h : !group {
      %score = decode.log_probability %m : !text
      decode.yield %score : f64
    }
    %done = decode.stop %y : !text
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}

// CHECK-LABEL: decode.strategy @voted({{.*}}) exact reference {
// REMARK: @voted is reference: of several continuations the one with the most frequent answer stays
decode.strategy @voted(%s: !text) {
  %end = decode.round iter(%x = %s) : !text {
    %g = decode.branch %x : !text -> !group
    %h = decode.each %w of %g : !group {
      %b = decode.pending %w : !text -> !decode.block<1>
      %h, %st = decode.forward %w, %b : !text, !decode.block<1>
      %l = decode.head %h : !decode.hidden<@main>
      %p = decode.verify_greedy %b, %l : !decode.block<1>, !decode.logits<@main>
      %v = decode.commit %w, %st, %p : !text, !decode.stage<@main>
      decode.yield %v : !text
    }
    %y = decode.vote %h : !group
    %done = decode.stop %y : !text
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}

// What a branch is made of counts as well.
// CHECK-LABEL: decode.strategy @typical({{.*}}) exact approximate {
// REMARK: @typical is approximate: typical acceptance takes drafted tokens
decode.strategy @typical(%s: !text) {
  %end = decode.round iter(%x = %s) : !text {
    %g = decode.branch %x : !text -> !group
    %h = decode.each %w of %g : !group {
      %v = decode.repeat 4 iter(%u = %w) : !text {
        %b = decode.lookup %u longest 2 shortest 1 : !text -> !decode.block<3>
        %h, %st = decode.forward %u, %b : !text, !decode.block<3>
        %l = decode.head %h : !decode.hidden<@main>
        %p = decode.verify_typical %b, %l [#decode.warp<temperature>] threshold 0.25 alpha 0.5 : !decode.block<3>, !decode.logits<@main>
        %next = decode.commit %u, %st, %p : !text, !decode.stage<@main>
        decode.yield %next : !text
      }
      decode.yield %v : !text
    }
    %y = decode.select %m of %h : !group {
      %score = decode.log_probability %m : !text
      decode.yield %score : f64
    }
    %done = decode.stop %y : !text
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}

// One branch draws as the text does.
// CHECK-LABEL: decode.strategy @alone({{.*}}) exact identical {
// REMARK: @alone is identical"
decode.strategy @alone(%s: !text) {
  %end = decode.round iter(%x = %s) : !text {
    %g = decode.branch %x : !text -> !decode.group<@main, 1 of 4>
    %h = decode.each %w of %g : !decode.group<@main, 1 of 4> {
      %b = decode.pending %w : !text -> !decode.block<1>
      %h, %st = decode.forward %w, %b : !text, !decode.block<1>
      %l = decode.head %h : !decode.hidden<@main>
      %p = decode.verify_greedy %b, %l : !decode.block<1>, !decode.logits<@main>
      %v = decode.commit %w, %st, %p : !text, !decode.stage<@main>
      decode.yield %v : !text
    }
    %y = decode.select %m of %h : !decode.group<@main, 1 of 4> {
      %score = decode.log_probability %m : !text
      decode.yield %score : f64
    }
    %done = decode.stop %y : !text
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}

// A joined text is one masked forward, wherever branches lie.
// CHECK-LABEL: decode.strategy @beside({{.*}}) exact semantics {
// REMARK: @beside is semantics: branches that do not see each other are joined
decode.strategy @beside(%s: !text) {
  %end = decode.round iter(%x = %s) : !text {
    %g = decode.branch %x : !text -> !group
    %h = decode.each %w of %g : !group {
      %b = decode.pending %w : !text -> !decode.block<1>
      %h, %st = decode.forward %w, %b : !text, !decode.block<1>
      %l = decode.head %h : !decode.hidden<@main>
      %p = decode.verify_greedy %b, %l : !decode.block<1>, !decode.logits<@main>
      %v = decode.commit %w, %st, %p : !text, !decode.stage<@main>
      decode.yield %v : !text
    }
    %y = decode.join %h beside then [9] : !group
    %done = decode.stop %y : !text
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}

// CHECK-LABEL: decode.strategy @behind({{.*}}) exact semantics {
// REMARK: @behind is semantics: branches that did not see each other are read as one text
decode.strategy @behind(%s: !text) {
  %end = decode.round iter(%x = %s) : !text {
    %g = decode.branch %x : !text -> !group
    %h = decode.each %w of %g : !group {
      %b = decode.pending %w : !text -> !decode.block<1>
      %h, %st = decode.forward %w, %b : !text, !decode.block<1>
      %l = decode.head %h : !decode.hidden<@main>
      %p = decode.verify_greedy %b, %l : !decode.block<1>, !decode.logits<@main>
      %v = decode.commit %w, %st, %p : !text, !decode.stage<@main>
      decode.yield %v : !text
    }
    %y = decode.join %h behind then [9] : !group
    %done = decode.stop %y : !text
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}

// Tokens that nobody chose are in the text, though the best branch stays; branches that begin with none are those without a list.
// CHECK-LABEL: decode.strategy @begun({{.*}}) exact semantics {
// REMARK: @begun is semantics: tokens that were not chosen are put into the text
decode.strategy @begun(%s: !text) {
  %end = decode.round iter(%x = %s) : !text {
    %g = decode.branch %x begin [[3], [], []] : !text -> !group
    %h = decode.each %w of %g : !group {
      %b = decode.pending %w : !text -> !decode.block<1>
      %h, %st = decode.forward %w, %b : !text, !decode.block<1>
      %l = decode.head %h : !decode.hidden<@main>
      %p = decode.verify_greedy %b, %l : !decode.block<1>, !decode.logits<@main>
      %v = decode.commit %w, %st, %p : !text, !decode.stage<@main>
      decode.yield %v : !text
    }
    %y = decode.select %m of %h : !group {
      %score = decode.log_probability %m : !text
      decode.yield %score : f64
    }
    %done = decode.stop %y : !text
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}

// CHECK-LABEL: decode.strategy @empty({{.*}}) exact reference {
// REMARK: @empty is reference: of several continuations
decode.strategy @empty(%s: !text) {
  %end = decode.round iter(%x = %s) : !text {
    %g = decode.branch %x begin [[], [], []] : !text -> !group
    %h = decode.each %w of %g : !group {
      %b = decode.pending %w : !text -> !decode.block<1>
      %h, %st = decode.forward %w, %b : !text, !decode.block<1>
      %l = decode.head %h : !decode.hidden<@main>
      %p = decode.verify_greedy %b, %l : !decode.block<1>, !decode.logits<@main>
      %v = decode.commit %w, %st, %p : !text, !decode.stage<@main>
      decode.yield %v : !text
    }
    %y = decode.select %m of %h : !group {
      %score = decode.log_probability %m : !text
      decode.yield %score : f64
    }
    %done = decode.stop %y : !text
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}

// Drafts do not decide on how far a branch comes if there are rounds for all tokens that it may have.
// CHECK-LABEL: decode.strategy @drafted({{.*}}) exact reference {
// REMARK: @drafted is reference: of several continuations
decode.strategy @drafted(%s: !text) {
  %end = decode.round iter(%x = %s) : !text {
    %g = decode.branch %x : !text -> !group
    %h = decode.each %w of %g : !group {
      %v = decode.repeat 4 iter(%u = %w) : !text {
        %b = decode.lookup %u longest 2 shortest 1 : !text -> !decode.block<3>
        %h, %st = decode.forward %u, %b : !text, !decode.block<3>
        %l = decode.head %h : !decode.hidden<@main>
        %p = decode.verify_greedy %b, %l : !decode.block<3>, !decode.logits<@main>
        %next = decode.commit %u, %st, %p : !text, !decode.stage<@main>
        decode.yield %next : !text
      }
      decode.yield %v : !text
    }
    %y = decode.select %m of %h : !group {
      %score = decode.log_probability %m : !text
      decode.yield %score : f64
    }
    %done = decode.stop %y : !text
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}

// Else they do.
// CHECK-LABEL: decode.strategy @short({{.*}}) exact approximate {
// REMARK: @short is approximate: how far a branch comes depends on how many drafted tokens are accepted
decode.strategy @short(%s: !text) {
  %end = decode.round iter(%x = %s) : !text {
    %g = decode.branch %x : !text -> !group
    %h = decode.each %w of %g : !group {
      %v = decode.repeat 3 iter(%u = %w) : !text {
        %b = decode.lookup %u longest 2 shortest 1 : !text -> !decode.block<3>
        %h, %st = decode.forward %u, %b : !text, !decode.block<3>
        %l = decode.head %h : !decode.hidden<@main>
        %p = decode.verify_greedy %b, %l : !decode.block<3>, !decode.logits<@main>
        %next = decode.commit %u, %st, %p : !text, !decode.stage<@main>
        decode.yield %next : !text
      }
      decode.yield %v : !text
    }
    %y = decode.select %m of %h : !group {
      %score = decode.log_probability %m : !text
      decode.yield %score : f64
    }
    %done = decode.stop %y : !text
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}

// Rounds of one token are as many tokens.
// CHECK-LABEL: decode.strategy @few({{.*}}) exact reference {
// REMARK: @few is reference: of several continuations
decode.strategy @few(%s: !text) {
  %end = decode.round iter(%x = %s) : !text {
    %g = decode.branch %x : !text -> !group
    %h = decode.each %w of %g : !group {
      %v = decode.repeat 3 iter(%u = %w) : !text {
        %b = decode.pending %u : !text -> !decode.block<1>
        %h, %st = decode.forward %u, %b : !text, !decode.block<1>
        %l = decode.head %h : !decode.hidden<@main>
        %p = decode.verify_greedy %b, %l : !decode.block<1>, !decode.logits<@main>
        %next = decode.commit %u, %st, %p : !text, !decode.stage<@main>
        decode.yield %next : !text
      }
      decode.yield %v : !text
    }
    %y = decode.select %m of %h : !group {
      %score = decode.log_probability %m : !text
      decode.yield %score : f64
    }
    %done = decode.stop %y : !text
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}

// Groups of drafts do not count: whatever stays of a fork that branches is dropped.
// CHECK-LABEL: decode.strategy @fork({{.*}}) exact identical {
// REMARK: @fork is identical"
decode.strategy @fork(%s: !text) {
  %end = decode.round iter(%x = %s) : !text {
    %k = decode.fork %x : !text
    %g = decode.branch %k : !text -> !group
    %h = decode.each %w of %g : !group {
      %b = decode.pending %w : !text -> !decode.block<1>
      %h, %st = decode.forward %w, %b : !text, !decode.block<1>
      %l = decode.head %h : !decode.hidden<@main>
      %p = decode.verify_greedy %b, %l : !decode.block<1>, !decode.logits<@main>
      %v = decode.commit %w, %st, %p : !text, !decode.stage<@main>
      decode.yield %v : !text
    }
    %q = decode.select %m of %h : !group {
      %score = decode.log_probability %m : !text
      decode.yield %score : f64
    }
    decode.drop %q : !text
    %b = decode.pending %x : !text -> !decode.block<1>
    %hidden, %st = decode.forward %x, %b : !text, !decode.block<1>
    %l = decode.head %hidden : !decode.hidden<@main>
    %p = decode.verify_greedy %b, %l : !decode.block<1>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !text, !decode.stage<@main>
    %done = decode.stop %y : !text
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}
