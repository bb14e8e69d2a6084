// RUN: plait-opt %s --plait-check-exactness -split-input-file -verify-diagnostics

// The error is at the op that keeps the strategy from what it says.
!text = !decode.sequence<@main>
!group = !decode.group<@main, 3 of 4>
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !text) exact distribution {
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
    // expected-error @+1 {{'decode.select' op expected a strategy that is distribution, as @s says, but it is reference: of several continuations the one with the largest score stays}}
    %y = decode.select %m of %h : !group {
      %score = decode.log_probability %m : !text
      decode.yield %score : f64
    }
    %done = decode.stop %y : !text
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}

// -----

!text = !decode.sequence<@main>
!group = !decode.group<@main, 3 of 4>
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !text) exact identical {
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
    // expected-error @+1 {{'decode.vote' op expected a strategy that is identical, as @s says, but it is reference: of several continuations the one with the most frequent answer stays}}
    %y = decode.vote %h : !group
    %done = decode.stop %y : !text
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}

// -----

!text = !decode.sequence<@main>
!group = !decode.group<@main, 3 of 4>
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !text) exact reference {
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
    // expected-error @+1 {{'decode.join' op expected a strategy that is reference, as @s says, but it is semantics: branches that do not see each other are joined}}
    %y = decode.join %h beside then [9] : !group
    %done = decode.stop %y : !text
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}

// -----

!text = !decode.sequence<@main>
!group = !decode.group<@main, 3 of 4>
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !text) exact reference {
  %end = decode.round iter(%x = %s) : !text {
    // expected-error @+1 {{'decode.branch' op expected a strategy that is reference, as @s says, but it is semantics: tokens that were not chosen are put into the text}}
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

// -----

// The rule of a draft that decides on how far a branch comes.
!text = !decode.sequence<@main>
!group = !decode.group<@main, 3 of 4>
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !text) exact semantics {
  %end = decode.round iter(%x = %s) : !text {
    %g = decode.branch %x : !text -> !group
    %h = decode.each %w of %g : !group {
      %v = decode.repeat 3 iter(%u = %w) : !text {
        %b = decode.lookup %u longest 2 shortest 1 : !text -> !decode.block<3>
        %h, %st = decode.forward %u, %b : !text, !decode.block<3>
        %l = decode.head %h : !decode.hidden<@main>
        // expected-error @+1 {{'decode.verify_greedy' op expected a strategy that is semantics, as @s says, but it is approximate: how far a branch comes depends on how many drafted tokens are accepted}}
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

// -----

// Then it must not depend on the clock.
!text = !decode.sequence<@main>
!group = !decode.group<@main, 3 of 4>
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !text) {
  %end = decode.round iter(%x = %s) : !text {
    %known = decode.new_acceptance : !decode.acceptance
    // expected-error @+1 {{'decode.choose_length' op expected costs, as the text of a strategy that is approximate follows from what is drafted, and must not depend on the clock}}
    %n = decode.choose_length %known of [0, 2] : !decode.acceptance
    %g = decode.branch %x : !text -> !group
    %h = decode.each %w of %g : !group {
      %v = decode.repeat 3 iter(%u = %w) : !text {
        %all = decode.lookup %u longest 2 shortest 1 : !text -> !decode.block<3>
        %b = decode.shorten %all to %n : !decode.block<3>
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

// -----

// A member is the text, and not a fork of it.
!text = !decode.sequence<@main>
!group = !decode.group<@main, 3 of 4>
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !text) {
  %end = decode.round iter(%x = %s) : !text {
    %g = decode.branch %x : !text -> !group
    // expected-error @+1 {{'decode.each' op expected to yield as value 0 what became of that sequence, but it is another one}}
    %h = decode.each %w of %g : !group {
      %k = decode.fork %w : !text
      %v, %d = decode.repeat 1 iter(%a = %k, %c = %w) : !text, !text {
        decode.yield %a, %c : !text, !text
      }
      decode.drop %d : !text
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

// -----

// Nor is a loop to swap groups.
!text = !decode.sequence<@main>
!group = !decode.group<@main, 3 of 4>
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !text) {
  %end = decode.round iter(%x = %s) : !text {
    %k = decode.fork %x : !text
    %g = decode.branch %x : !text -> !group
    %f = decode.branch %k : !text -> !group
    // expected-error @+1 {{'decode.repeat' op expected to yield as value 0 what became of that sequence, but it is another one}}
    %h, %d = decode.repeat 1 iter(%a = %g, %c = %f) : !group, !group {
      decode.yield %c, %a : !group, !group
    }
    %q = decode.vote %d : !group
    decode.drop %q : !text
    %y = decode.select %m of %h : !group {
      %score = decode.log_probability %m : !text
      decode.yield %score : f64
    }
    %done = decode.stop %y : !text
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}

// -----

// Branches write where a fork does.
!text = !decode.sequence<@main>
!group = !decode.group<@main, 3 of 4>
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !text) {
  %end = decode.round iter(%x = %s) : !text {
    // expected-note @+1 {{the fork}}
    %k = decode.fork %x : !text
    %g = decode.branch %x : !text -> !group
    %h = decode.each %w of %g : !group {
      %b = decode.pending %w : !text -> !decode.block<1>
      // expected-error @+1 {{'decode.forward' op expected no use of the sequence's state while a fork of it lives}}
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
    decode.drop %k : !text
    %done = decode.stop %y : !text
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}
