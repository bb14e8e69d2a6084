// RUN: plait-opt %s -split-input-file -verify-diagnostics

// Errors of groups of sequences.

// expected-error @+1 {{expected 1 to 16777215 sequences of as many tokens but got 0 of 8}}
func.func private @f(!decode.group<@main, 0 of 8>)

// -----

// expected-error @+1 {{expected 1 to 16777215 sequences of as many tokens but got 2 of 0}}
func.func private @f(!decode.group<@main, 2 of 0>)

// -----

// expected-error @+1 {{expected 1 to 16777215 sequences of as many tokens but got 16777216 of 1}}
func.func private @f(!decode.group<@main, 16777216 of 1>)

// -----

// expected-error @+1 {{expected 1 to 16777215 sequences of as many tokens but got 1 of 16777216}}
func.func private @f(!decode.group<@main, 1 of 16777216>)

// -----

// expected-error @+1 {{expected branches of 1 to 65536 nodes together but got 0 of 3}}
func.func private @f(!decode.block<branches 0 of 3>)

// -----

// expected-error @+1 {{expected branches of 1 to 65536 nodes together but got 3 of -1}}
func.func private @f(!decode.block<branches 3 of -1>)

// -----

// expected-error @+1 {{expected branches of 1 to 65536 nodes together but got 4294967296 of 4294967296}}
func.func private @f(!decode.block<branches 4294967296 of 4294967296>)

// -----

// expected-error @+1 {{expected 'of'}}
func.func private @f(!decode.block<branches 3>)

// -----

//===----------------------------------------------------------------------===//
// Branches and what becomes of them
//===----------------------------------------------------------------------===//

func.func @f(%x: !decode.sequence<@main>) {
  // expected-error @+1 {{'decode.branch' op expected a group of the model of '!decode.sequence<@main>' but got '!decode.group<@draft, 2 of 8>'}}
  %g = decode.branch %x : !decode.sequence<@main> -> !decode.group<@draft, 2 of 8>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>) {
  // expected-error @+1 {{'decode.branch' op expected a list of tokens for each of 2 branches but got 1}}
  %g = decode.branch %x begin [[1]] : !decode.sequence<@main> -> !decode.group<@main, 2 of 8>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>) {
  // expected-error @+1 {{'decode.branch' op expected fewer tokens to begin a branch with than the 8 that it may have but got 8}}
  %g = decode.branch %x begin [[1], [1, 2, 3, 4, 5, 6, 7, 8]] : !decode.sequence<@main> -> !decode.group<@main, 2 of 8>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>) {
  // expected-error @+1 {{'decode.branch' op expected token ids to begin a branch with but got -1}}
  %g = decode.branch %x begin [[], [-1]] : !decode.sequence<@main> -> !decode.group<@main, 2 of 8>
  return
}

// -----

func.func @f(%g: !decode.group<@main, 2 of 8>) {
  // expected-error @+1 {{'decode.vote' op expected a token that answers come after but got none; leave out 'after'}}
  %y = decode.vote %g after [] : !decode.group<@main, 2 of 8>
  return
}

// -----

func.func @f(%g: !decode.group<@main, 2 of 8>) {
  // expected-error @+1 {{'decode.vote' op expected token ids that answers come after but got -2}}
  %y = decode.vote %g after [3, -2] : !decode.group<@main, 2 of 8>
  return
}

// -----

func.func @f(%g: !decode.group<@main, 2 of 8>) {
  // expected-error @+1 {{'decode.join' op expected a token that follows the branches and sees all of them but got none}}
  %y = decode.join %g beside then [] : !decode.group<@main, 2 of 8>
  return
}

// -----

func.func @f(%g: !decode.group<@main, 2 of 8>) {
  // expected-error @+1 {{'decode.join' op expected token ids that follow the branches but got -1}}
  %y = decode.join %g behind then [-1] : !decode.group<@main, 2 of 8>
  return
}

// -----

func.func @f(%g: !decode.group<@main, 2 of 8>) {
  // expected-error @+1 {{enum values for attribute 'placement' [beside, behind]}}
  %y = decode.join %g within then [1] : !decode.group<@main, 2 of 8>
  return
}

// -----

// Of which the model knows.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.func @head(%h: tensor<?x7xf32, #lm.dims<leaves>>) -> tensor<?x7xf32, #lm.dims<leaves>> {
    lm.return %h : tensor<?x7xf32, #lm.dims<leaves>>
  }
}
func.func @f(%x: !decode.sequence<@main>, %g: !decode.group<@main, 2 of 8>) {
  %k = decode.branch %x begin [[0], [6]] : !decode.sequence<@main> -> !decode.group<@main, 2 of 8>
  // expected-error @+1 {{'decode.join' op expected token ids that follow the branches, of a vocabulary of 7, but got 7}}
  %y = decode.join %g behind then [6, 7] : !decode.group<@main, 2 of 8>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Regions on members
//===----------------------------------------------------------------------===//

func.func @f(%g: !decode.group<@main, 2 of 8>) {
  // expected-error @+1 {{'decode.each' op expected a 'decode.yield' of one '!decode.sequence<@main>' at the end, without 'until'}}
  %y = decode.each %w of %g : !decode.group<@main, 2 of 8> {
    %one = decode.log_probability %w : !decode.sequence<@main>
    decode.yield %one : f64
  }
  return
}

// -----

func.func @f(%g: !decode.group<@main, 2 of 8>) {
  // expected-error @+1 {{'decode.each' op expected a 'decode.yield' of one '!decode.sequence<@main>' at the end, without 'until'}}
  %y = decode.each %w of %g : !decode.group<@main, 2 of 8> {
    %stop = decode.stop %w : !decode.sequence<@main>
    decode.yield %w until %stop : !decode.sequence<@main>
  }
  return
}

// -----

func.func @f(%g: !decode.group<@main, 2 of 8>) {
  // expected-error @+1 {{'decode.each' op expected '!decode.sequence<@main>' to be consumed exactly once but got 0 consuming uses}}
  %y = decode.each %w of %g : !decode.group<@main, 2 of 8> {
    %k = decode.fork %w : !decode.sequence<@main>
    decode.yield %k : !decode.sequence<@main>
  }
  return
}

// -----

func.func @f(%g: !decode.group<@main, 2 of 8>) {
  %y = decode.each %w of %g : !decode.group<@main, 2 of 8> {
    // expected-error @+1 {{'decode.fork' op expected '!decode.sequence<@main>' to be consumed exactly once but got 0 consuming uses}}
    %k = decode.fork %w : !decode.sequence<@main>
    decode.yield %w : !decode.sequence<@main>
  }
  return
}

// -----

func.func @f(%g: !decode.group<@main, 2 of 8>) {
  %y = decode.each %w of %g : !decode.group<@main, 2 of 8> {
    // expected-error @+1 {{'decode.drop' op expected a fork but got the sequence itself}}
    decode.drop %w : !decode.sequence<@main>
    %k = decode.fork %w : !decode.sequence<@main>
    decode.yield %k : !decode.sequence<@main>
  }
  return
}

// -----

func.func @f(%g: !decode.group<@main, 2 of 8>) {
  // expected-error @+1 {{'decode.select' op expected a 'decode.yield' of one 'f64' at the end, without 'until'}}
  %y = decode.select %w of %g : !decode.group<@main, 2 of 8> {
    decode.yield %w : !decode.sequence<@main>
  }
  return
}

// -----

func.func @f(%g: !decode.group<@main, 2 of 8>) {
  %y = decode.select %w of %g : !decode.group<@main, 2 of 8> {
    %score = decode.log_probability %w : !decode.sequence<@main>
    // expected-error @+1 {{'decode.branch' op expected a score to read the member, but it is used up}}
    %k = decode.branch %w : !decode.sequence<@main> -> !decode.group<@main, 2 of 8>
    %v = decode.vote %k : !decode.group<@main, 2 of 8>
    decode.drop %v : !decode.sequence<@main>
    decode.yield %score : f64
  }
  return
}

// -----

// In the generic form a region may take anything.
func.func @f(%g: !decode.group<@main, 2 of 8>) {
  // expected-error @+1 {{'decode.each' op expected one argument, of type '!decode.sequence<@main>'}}
  %y = "decode.each"(%g) ({
  ^bb0(%w: !decode.sequence<@draft>):
    "decode.yield"(%w) {operandSegmentSizes = array<i32: 1, 0>} : (!decode.sequence<@draft>) -> ()
  }) : (!decode.group<@main, 2 of 8>) -> !decode.group<@main, 2 of 8>
  return
}

// -----

func.func @f(%g: !decode.group<@main, 2 of 8>) {
  // expected-error @+2 {{'decode.select' op failed to infer returned types}}
  // expected-error @+1 {{'decode.select' op inferred type(s) '!decode.sequence<@main>' are incompatible with return type(s) of operation '!decode.sequence<@draft>'}}
  %y = "decode.select"(%g) ({
  ^bb0(%w: !decode.sequence<@main>):
    %score = decode.log_probability %w : !decode.sequence<@main>
    "decode.yield"(%score) {operandSegmentSizes = array<i32: 1, 0>} : (f64) -> ()
  }) : (!decode.group<@main, 2 of 8>) -> !decode.sequence<@draft>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>) {
  // expected-error @+1 {{invalid kind of type specified}}
  %y = decode.each %w of %x : !decode.sequence<@main> {
    decode.yield %w : !decode.sequence<@main>
  }
  return
}

// -----

//===----------------------------------------------------------------------===//
// Handles
//===----------------------------------------------------------------------===//

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    // expected-error @+1 {{'decode.branch' op expected '!decode.group<@main, 2 of 8>' to be consumed exactly once but got 2 consuming uses}}
    %g = decode.branch %x : !decode.sequence<@main> -> !decode.group<@main, 2 of 8>
    %y = decode.vote %g : !decode.group<@main, 2 of 8>
    %z = decode.vote %g : !decode.group<@main, 2 of 8>
    decode.drop %z : !decode.sequence<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// What branched is the group now.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %g = decode.branch %x : !decode.sequence<@main> -> !decode.group<@main, 2 of 8>
    // expected-error @+1 {{'decode.pending' op expected no use of '!decode.sequence<@main>' after it is consumed}}
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %y = decode.vote %g : !decode.group<@main, 2 of 8>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %w = decode.fork %x : !decode.sequence<@main>
    // expected-error @+1 {{'decode.branch' op expected '!decode.group<@main, 2 of 8>' to be consumed exactly once but got 0 consuming uses}}
    %g = decode.branch %w : !decode.sequence<@main> -> !decode.group<@main, 2 of 8>
    %y = decode.repeat 1 iter(%z = %x) : !decode.sequence<@main> {
      decode.yield %z : !decode.sequence<@main>
    }
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// As often as the loop runs.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %g = decode.branch %x : !decode.sequence<@main> -> !decode.group<@main, 2 of 8>
    %b = decode.new_candidates : !decode.candidates<2>
    %y = decode.repeat 2 iter(%c = %b) : !decode.candidates<2> {
      // expected-error @+1 {{'decode.vote' op expected '!decode.group<@main, 2 of 8>' to be consumed in the region that it is from}}
      %z = decode.vote %g : !decode.group<@main, 2 of 8>
      decode.drop %z : !decode.sequence<@main>
      decode.yield %c : !decode.candidates<2>
    }
    %q = decode.vote %g : !decode.group<@main, 2 of 8>
    %done = decode.stop %q : !decode.sequence<@main>
    decode.yield %q until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
