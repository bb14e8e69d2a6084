// RUN: plait-opt %s -split-input-file -verify-diagnostics -o /dev/null

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{expected one name per dynamic dimension (1) but got 2}}
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens, more>>) {
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{expected one name per dynamic dimension (0) but got 1}}
  lm.func @f(%x: tensor<4xf32, #lm.dims<tokens>>) {
    lm.return
  }
}

// -----

// expected-error @+1 {{expected a finite factor >= 1 but got 5.000000e-01}}
func.func private @f() attributes {scaling = #lm.llama3_scaling<factor = 0.5, low_freq_factor = 1.0, high_freq_factor = 4.0, original = 8>}

// -----

// expected-error @+1 {{expected finite 0 < low_freq_factor < high_freq_factor but got 0.000000e+00 and 4.000000e+00}}
func.func private @f() attributes {scaling = #lm.llama3_scaling<factor = 8.0, low_freq_factor = 0.0, high_freq_factor = 4.0, original = 8>}

// -----

// expected-error @+1 {{expected finite 0 < low_freq_factor < high_freq_factor but got 4.000000e+00 and 4.000000e+00}}
func.func private @f() attributes {scaling = #lm.llama3_scaling<factor = 8.0, low_freq_factor = 4.0, high_freq_factor = 4.0, original = 8>}

// -----

// expected-error @+1 {{expected original > 0 but got 0}}
func.func private @f() attributes {scaling = #lm.llama3_scaling<factor = 8.0, low_freq_factor = 1.0, high_freq_factor = 4.0, original = 0>}

// -----

// expected-error @+1 {{expected a finite factor >= 1 but got 5.000000e-01}}
func.func private @f() attributes {scaling = #lm.linear_scaling<factor = 0.5>}

// -----

// expected-error @+1 {{expected a finite factor >= 1 but got 5.000000e-01}}
func.func private @f() attributes {scaling = #lm.dynamic_scaling<factor = 0.5, original = 8>}

// -----

// expected-error @+1 {{expected original > 0 but got 0}}
func.func private @f() attributes {scaling = #lm.dynamic_scaling<factor = 2.0, original = 0>}

// -----

// expected-error @+1 {{expected a finite factor >= 1 but got 5.000000e-01}}
func.func private @f() attributes {scaling = #lm.yarn_scaling<factor = 0.5, beta_fast = 32.0, beta_slow = 1.0, original = 8, attention_factor = 1.0>}

// -----

// expected-error @+1 {{expected finite 0 < beta_slow <= beta_fast but got 3.200000e+01 and 1.000000e+00}}
func.func private @f() attributes {scaling = #lm.yarn_scaling<factor = 4.0, beta_fast = 1.0, beta_slow = 32.0, original = 8, attention_factor = 1.0>}

// -----

// expected-error @+1 {{expected finite 0 < beta_slow <= beta_fast but got 0.000000e+00 and 3.200000e+01}}
func.func private @f() attributes {scaling = #lm.yarn_scaling<factor = 4.0, beta_fast = 32.0, beta_slow = 0.0, original = 8, attention_factor = 1.0>}

// -----

// expected-error @+1 {{expected original > 0 but got -1}}
func.func private @f() attributes {scaling = #lm.yarn_scaling<factor = 4.0, beta_fast = 32.0, beta_slow = 1.0, original = -1, attention_factor = 1.0>}

// -----

// expected-error @+1 {{expected a finite attention_factor > 0 but got 0.000000e+00}}
func.func private @f() attributes {scaling = #lm.yarn_scaling<factor = 4.0, beta_fast = 32.0, beta_slow = 1.0, original = 8, attention_factor = 0.0>}

// -----

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{expected one or two extents but got 3}}
  lm.func @f(%w: !lm.weight<2x2x2, #lm.f32>) {
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{expected positive extents whose product is at most 4503599627370496 but got 0}}
  lm.func @f(%w: !lm.weight<0x2, #lm.f32>) {
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{expected positive extents whose product is at most 4503599627370496 but got 4294967296}}
  lm.func @f(%w: !lm.weight<4294967296x4294967296, #lm.f32>) {
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{expected a weight format such as #lm.f32 or #lm.bf16 but got "f32"}}
  lm.func @f(%w: !lm.weight<2x2, "f32">) {
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{expected positive extents whose product is at most 4503599627370496 but got 0}}
  lm.func @f(%s: !lm.state<layers = 0, kv_heads = 1, head_dim = 4, f32>) {
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{expected element type f32, bf16 or i8 but got 'f16'}}
  lm.func @f(%s: !lm.state<layers = 1, kv_heads = 1, head_dim = 4, f16>) {
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{expected window > 0 but got 0}}
  lm.func @f(%s: !lm.state<layers = 1, kv_heads = 1, head_dim = 4, f32, window = 0>) {
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{expected first >= 0 and step > 0 but got 0 and 0}}
  lm.weight @w from "w.{layer}" layers 2 step 0 : !lm.weight<4, #lm.f32>
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{expected first >= 0 and step > 0 but got -1 and 1}}
  lm.weight @w from "w.{layer}" layers 2 first -1 : !lm.weight<4, #lm.f32>
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{expected first and step only with layers}}
  lm.weight @w from "w" first 1 : !lm.weight<4, #lm.f32>
}

// -----

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

// expected-error @+1 {{'lm.model' op expected max_positions > 0 but got 0}}
lm.model @m family "llama" numerics fast max_positions 0 {
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{'arith.constant' op expected only 'lm.weight' and 'lm.func' in an 'lm.model'}}
  arith.constant 1 : i32
}

// -----

// expected-error @+2 {{custom op 'lm.model' expected ::plait::lm::Numerics to be one of: fast, row_invariant}}
// expected-error @+1 {{custom op 'lm.model' failed to parse Lm_NumericsAttr parameter 'value' which is to be a `::plait::lm::Numerics`}}
lm.model @m family "llama" numerics slow max_positions 8 {
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{'lm.weight' op expected '{layer}' in the source exactly if layers are given, but got source 'w.{layer}'}}
  lm.weight @w from "w.{layer}" : !lm.weight<4, #lm.f32>
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{'lm.weight' op expected '{layer}' in the source exactly if layers are given, but got source 'w'}}
  lm.weight @w from "w" layers 2 : !lm.weight<4, #lm.f32>
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{'lm.weight' op expected layers from 1 to 1048576 but got 0}}
  lm.weight @w from "w.{layer}" layers 0 : !lm.weight<4, #lm.f32>
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{'lm.weight' op expected a matrix to be transposed but got '!lm.weight<4, #lm.f32>'}}
  lm.weight @w from "w" transposed : !lm.weight<4, #lm.f32>
}

// -----

// expected-error @+1 {{'lm.weight' op expects parent op 'lm.model'}}
lm.weight @w from "w" : !lm.weight<4, #lm.f32>

// -----

// expected-error @+1 {{'lm.func' op expects parent op 'lm.model'}}
lm.func @f() {
  lm.return
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>) -> tensor<?x4xf32, #lm.dims<tokens>> {
    // expected-error @+1 {{'lm.return' op expected values of the function's result types 'tensor<?x4xf32, #lm.dims<tokens>>' but got }}
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-note @+1 {{callee}}
  lm.func @g(%x: tensor<?x4xf32, #lm.dims<tokens>>) {
    lm.return
  }
  lm.func @f(%x: tensor<?x5xf32, #lm.dims<tokens>>) {
    // expected-error @+1 {{'lm.call' op expected the callee's type '(tensor<?x4xf32, #lm.dims<tokens>>) -> ()' but got '(tensor<?x5xf32, #lm.dims<tokens>>) -> ()'}}
    lm.call @g(%x) : (tensor<?x5xf32, #lm.dims<tokens>>) -> ()
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f() {
    // expected-error @+1 {{'lm.call' op expected a symbol of an 'lm.func' but got @nope}}
    lm.call @nope() : () -> ()
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f() {
    // expected-error @+1 {{'lm.get_weight' op expected the symbol of an 'lm.weight' in model @m but got @nope}}
    %w = lm.get_weight @nope : !lm.weight<4, #lm.f32>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-note @+1 {{weight}}
  lm.weight @w from "w" : !lm.weight<4, #lm.f32>
  lm.func @f() {
    // expected-error @+1 {{'lm.get_weight' op expected the weight's type '!lm.weight<4, #lm.f32>' but got '!lm.weight<4, #lm.bf16>'}}
    %w = lm.get_weight @w : !lm.weight<4, #lm.bf16>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.weight @w from "w.{layer}" layers 2 : !lm.weight<4, #lm.f32>
  lm.func @f() {
    // expected-error @+1 {{'lm.get_weight' op expected an 'lm.layers' within 0 to 2 around a use of the per-layer weight @w}}
    %w = lm.get_weight @w : !lm.weight<4, #lm.f32>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.weight @w from "w.{layer}" layers 2 : !lm.weight<4, #lm.f32>
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>) {
    %y = lm.layers 1 to 3 iter(%h = %x) : tensor<?x4xf32, #lm.dims<tokens>> {
      // expected-error @+1 {{'lm.get_weight' op expected an 'lm.layers' within 0 to 2 around a use of the per-layer weight @w}}
      %w = lm.get_weight @w : !lm.weight<4, #lm.f32>
      lm.yield %h : tensor<?x4xf32, #lm.dims<tokens>>
    }
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>) {
    // expected-error @+1 {{'lm.layers' op expected 0 <= begin < end <= 1048576 but got 2 to 2}}
    %y = lm.layers 2 to 2 iter(%h = %x) : tensor<?x4xf32, #lm.dims<tokens>> {
      lm.yield %h : tensor<?x4xf32, #lm.dims<tokens>>
    }
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>) {
    // expected-error @+1 {{'lm.layers' op expected 0 <= begin < end <= 1048576 but got -1 to 2}}
    %y = lm.layers -1 to 2 iter(%h = %x) : tensor<?x4xf32, #lm.dims<tokens>> {
      lm.yield %h : tensor<?x4xf32, #lm.dims<tokens>>
    }
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>, %z: tensor<?x5xf32, #lm.dims<tokens>>) {
    // expected-error @+1 {{'lm.layers' op expected initial values, block arguments, yielded values and results of the same types, but got 'tensor<?x4xf32, #lm.dims<tokens>>', 'tensor<?x4xf32, #lm.dims<tokens>>', 'tensor<?x5xf32, #lm.dims<tokens>>' and 'tensor<?x4xf32, #lm.dims<tokens>>'}}
    %y = lm.layers 0 to 2 iter(%h = %x) : tensor<?x4xf32, #lm.dims<tokens>> {
      lm.yield %z : tensor<?x5xf32, #lm.dims<tokens>>
    }
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>) {
    // expected-error @+1 {{custom op 'lm.layers' expected 1 types but got 2}}
    %y = lm.layers 0 to 2 iter(%h = %x) : tensor<?x4xf32, #lm.dims<tokens>>, tensor<?x4xf32, #lm.dims<tokens>> {
      lm.yield %h : tensor<?x4xf32, #lm.dims<tokens>>
    }
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>) {
    // expected-error @+1 {{'lm.layers' op expects a non-empty block}}
    %y = lm.layers 0 to 2 iter(%h = %x) : tensor<?x4xf32, #lm.dims<tokens>> {
    }
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>) {
    // expected-error @+1 {{'lm.yield' op expects parent op 'lm.layers'}}
    lm.yield %x : tensor<?x4xf32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

//===----------------------------------------------------------------------===//
// Compute
//===----------------------------------------------------------------------===//

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.weight @e from "e" : !lm.weight<8x4, #lm.f32>
  lm.func @f(%p: tensor<?x1xi32, #lm.dims<tokens>>) {
    %e = lm.get_weight @e : !lm.weight<8x4, #lm.f32>
    // expected-error @+1 {{expected ids of rank 1 but got 'tensor<?x1xi32, #lm.dims<tokens>>'}}
    %y = lm.embed %p, %e : tensor<?x1xi32, #lm.dims<tokens>>, !lm.weight<8x4, #lm.f32>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.weight @e from "e" : !lm.weight<8, #lm.f32>
  lm.func @f(%p: tensor<?xi32, #lm.dims<tokens>>) {
    %e = lm.get_weight @e : !lm.weight<8, #lm.f32>
    // expected-error @+1 {{expected a table of two extents but got '!lm.weight<8, #lm.f32>'}}
    %y = lm.embed %p, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<8, #lm.f32>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.weight @w from "w" : !lm.weight<8x5, #lm.f32>
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>) {
    %w = lm.get_weight @w : !lm.weight<8x5, #lm.f32>
    // expected-error @+1 {{expected input with 5 columns but got 'tensor<?x4xf32, #lm.dims<tokens>>'}}
    %y = lm.linear %x, %w : tensor<?x4xf32, #lm.dims<tokens>>, !lm.weight<8x5, #lm.f32>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected at least the 4 columns of the input but got 3}}
    %y = lm.round %x to 3 : tensor<?x4xf32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.weight @w from "w" : !lm.weight<8x5, #lm.bf16>
  lm.func @f(%x: tensor<?x4xbf16, #lm.dims<tokens>>) {
    %w = lm.get_weight @w : !lm.weight<8x5, #lm.bf16>
    // expected-error @+1 {{expected an input of bf16 with at least as many columns as the weight, and a weight of bf16, but got 'tensor<?x4xbf16, #lm.dims<tokens>>' and '!lm.weight<8x5, #lm.bf16>'}}
    %y = lm.linear %x, %w : tensor<?x4xbf16, #lm.dims<tokens>>, !lm.weight<8x5, #lm.bf16>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.weight @w from "w" : !lm.weight<8x4, #lm.f32>
  lm.func @f(%x: tensor<?x4xbf16, #lm.dims<tokens>>) {
    %w = lm.get_weight @w : !lm.weight<8x4, #lm.f32>
    // expected-error @+1 {{expected an input of bf16 with at least as many columns as the weight, and a weight of bf16, but got 'tensor<?x4xbf16, #lm.dims<tokens>>' and '!lm.weight<8x4, #lm.f32>'}}
    %y = lm.head %x, %w : tensor<?x4xbf16, #lm.dims<tokens>>, !lm.weight<8x4, #lm.f32>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.weight @w from "w" : !lm.weight<4, #lm.f32>
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>) {
    %w = lm.get_weight @w : !lm.weight<4, #lm.f32>
    // expected-error @+1 {{expected a weight of two extents but got '!lm.weight<4, #lm.f32>'}}
    %y = lm.linear %x, %w : tensor<?x4xf32, #lm.dims<tokens>>, !lm.weight<4, #lm.f32>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.weight @w from "w" : !lm.weight<8x4, #lm.f32>
  lm.weight @b from "b" : !lm.weight<4, #lm.f32>
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>) {
    %w = lm.get_weight @w : !lm.weight<8x4, #lm.f32>
    %b = lm.get_weight @b : !lm.weight<4, #lm.f32>
    // expected-error @+1 {{expected bias of shape 8 but got '!lm.weight<4, #lm.f32>'}}
    %y = lm.linear %x, %w bias %b : tensor<?x4xf32, #lm.dims<tokens>>, !lm.weight<8x4, #lm.f32>, !lm.weight<4, #lm.f32>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.weight @w from "w" : !lm.weight<8x4, #lm.f32>
  lm.weight @b from "b" : !lm.weight<8x1, #lm.f32>
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>) {
    %w = lm.get_weight @w : !lm.weight<8x4, #lm.f32>
    %b = lm.get_weight @b : !lm.weight<8x1, #lm.f32>
    // expected-error @+1 {{expected bias of shape 8 but got '!lm.weight<8x1, #lm.f32>'}}
    %y = lm.linear %x, %w bias %b : tensor<?x4xf32, #lm.dims<tokens>>, !lm.weight<8x4, #lm.f32>, !lm.weight<8x1, #lm.f32>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.weight @w from "w" : !lm.weight<8x4, #lm.f32>
  lm.func @f(%x: tensor<4xf32>) {
    %w = lm.get_weight @w : !lm.weight<8x4, #lm.f32>
    // expected-error @+1 {{expected input of rank 2 but got 'tensor<4xf32>'}}
    %y = lm.linear %x, %w : tensor<4xf32>, !lm.weight<8x4, #lm.f32>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.weight @w from "w" : !lm.weight<8x5, #lm.f32>
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>) {
    %w = lm.get_weight @w : !lm.weight<8x5, #lm.f32>
    // expected-error @+1 {{expected input with 5 columns but got 'tensor<?x4xf32, #lm.dims<tokens>>'}}
    %y = lm.head %x, %w : tensor<?x4xf32, #lm.dims<tokens>>, !lm.weight<8x5, #lm.f32>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.weight @g from "g" : !lm.weight<5, #lm.f32>
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>) {
    %g = lm.get_weight @g : !lm.weight<5, #lm.f32>
    // expected-error @+1 {{expected a gain vector whose extent divides 4 columns but got '!lm.weight<5, #lm.f32>'}}
    %y = lm.rms_norm %x, %g eps 1.0 : tensor<?x4xf32, #lm.dims<tokens>>, !lm.weight<5, #lm.f32>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.weight @g from "g" : !lm.weight<4, #lm.f32>
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>) {
    %g = lm.get_weight @g : !lm.weight<4, #lm.f32>
    // expected-error @+1 {{expected eps >= 0 but got -1.000000}}
    %y = lm.rms_norm %x, %g eps -1.0 : tensor<?x4xf32, #lm.dims<tokens>>, !lm.weight<4, #lm.f32>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.weight @g from "g" : !lm.weight<4, #lm.f32>
  lm.func @f(%x: tensor<?x?xf32, #lm.dims<tokens, n>>) {
    %g = lm.get_weight @g : !lm.weight<4, #lm.f32>
    // expected-error @+1 {{expected a static number of columns of input but got 'tensor<?x?xf32, #lm.dims<tokens, n>>'}}
    %y = lm.rms_norm %x, %g eps 1.0 : tensor<?x?xf32, #lm.dims<tokens, n>>, !lm.weight<4, #lm.f32>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.weight @g from "g" : !lm.weight<4, #lm.f32>
  lm.weight @b from "b" : !lm.weight<5, #lm.f32>
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>) {
    %g = lm.get_weight @g : !lm.weight<4, #lm.f32>
    %b = lm.get_weight @b : !lm.weight<5, #lm.f32>
    // expected-error @+1 {{expected gain and bias of shape 4 but got '!lm.weight<5, #lm.f32>'}}
    %y = lm.layer_norm %x, %g, %b eps 1.0 : tensor<?x4xf32, #lm.dims<tokens>>, !lm.weight<4, #lm.f32>, !lm.weight<5, #lm.f32>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.weight @g from "g" : !lm.weight<4, #lm.f32>
  lm.weight @b from "b" : !lm.weight<4, #lm.f32>
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>) {
    %g = lm.get_weight @g : !lm.weight<4, #lm.f32>
    %b = lm.get_weight @b : !lm.weight<4, #lm.f32>
    // expected-error @+1 {{expected eps >= 0 but got -1.000000}}
    %y = lm.layer_norm %x, %g, %b eps -1.0 : tensor<?x4xf32, #lm.dims<tokens>>, !lm.weight<4, #lm.f32>, !lm.weight<4, #lm.f32>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>, %y: tensor<?x4xf32, #lm.dims<leaves>>) {
    // expected-error @+1 {{'lm.add' op requires all operands to have the same type}}
    %z = "lm.add"(%x, %y) : (tensor<?x4xf32, #lm.dims<tokens>>, tensor<?x4xf32, #lm.dims<leaves>>) -> tensor<?x4xf32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>, %y: tensor<?x4xf32, #lm.dims<leaves>>) {
    // expected-error @+1 {{'lm.glu' op requires all operands to have the same type}}
    %z = "lm.glu"(%x, %y) {kind = #lm<activation_kind silu>} : (tensor<?x4xf32, #lm.dims<tokens>>, tensor<?x4xf32, #lm.dims<leaves>>) -> tensor<?x4xf32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>) {
    // expected-error @+2 {{custom op 'lm.activation' expected ::plait::lm::ActivationKind to be one of: silu, gelu_tanh}}
    // expected-error @+1 {{custom op 'lm.activation' failed to parse Lm_ActivationAttr parameter 'value' which is to be a `::plait::lm::ActivationKind`}}
    %z = lm.activation relu %x : tensor<?x4xf32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+1 {{'lm.activation' op operand #0 must be ranked tensor of 32-bit float values, but got 'tensor<?xi32, #lm.dims<tokens>>'}}
    %z = lm.activation silu %p : tensor<?xi32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected a non-empty range within 4 columns but got offset 2 size 3}}
    %z = lm.slice_columns %x 2 size 3 : tensor<?x4xf32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected a non-empty range within 4 columns but got offset -1 size 3}}
    %z = lm.slice_columns %x -1 size 3 : tensor<?x4xf32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected a non-empty range within 4 columns but got offset 0 size 0}}
    %z = lm.slice_columns %x 0 size 0 : tensor<?x4xf32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected a non-empty range within 4 columns but got offset 9223372036854775807 size 9223372036854775807}}
    %z = lm.slice_columns %x 9223372036854775807 size 9223372036854775807 : tensor<?x4xf32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.weight @g from "g" : !lm.weight<2x2, #lm.f32>
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>, %p: tensor<?xi32, #lm.dims<tokens>>) {
    %g = lm.get_weight @g : !lm.weight<2x2, #lm.f32>
    // expected-error @+1 {{expected a gain vector whose extent divides 4 columns but got '!lm.weight<2x2, #lm.f32>'}}
    %y = lm.rms_norm %x, %g eps 1.0 : tensor<?x4xf32, #lm.dims<tokens>>, !lm.weight<2x2, #lm.f32>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected a finite factor}}
    %y = lm.scale %x by 0x7FF0000000000000 : tensor<?x4xf32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected a finite cap > 0 but got 0.000000}}
    %y = lm.softcap %x cap 0.0 : tensor<?x4xf32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected an even rotary_dim from 2 to head_dim 4 but got 6}}
    %z = lm.rope %x, %p head_dim 4 theta 1.0 rotary_dim 6 : tensor<?x4xf32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected an even rotary_dim from 2 to head_dim 4 but got 3}}
    %z = lm.rope %x, %p head_dim 4 theta 1.0 rotary_dim 3 : tensor<?x4xf32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected an even rotary_dim from 2 to head_dim 4 but got 0}}
    %z = lm.rope %x, %p head_dim 4 theta 1.0 rotary_dim 0 : tensor<?x4xf32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected more than one rotated pair for the scaling}}
    %z = lm.rope %x, %p head_dim 4 theta 2.0 rotary_dim 2 scaling(#lm.dynamic_scaling<factor = 2.0, original = 8>) : tensor<?x4xf32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected theta > 1 for the scaling}}
    %z = lm.rope %x, %p head_dim 4 theta 1.0 scaling(#lm.yarn_scaling<factor = 4.0, beta_fast = 32.0, beta_slow = 1.0, original = 8, attention_factor = 1.0>) : tensor<?x4xf32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+1 {{custom op 'lm.rope' invalid kind of attribute specified}}
    %z = lm.rope %x, %p head_dim 4 theta 1.0 scaling(#lm.f32) : tensor<?x4xf32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%q: tensor<?x4xf32, #lm.dims<tokens>>, %s: !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, %r: !lm.rows, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected a finite softcap > 0 but got -1.000000}}
    %o, %n = lm.attention %q, %q, %q, %s, %r, %p scale 1.0 softcap -1.0 : tensor<?x4xf32, #lm.dims<tokens>>, tensor<?x4xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, tensor<?xi32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%q: tensor<?x4xf32, #lm.dims<tokens>>, %s: !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, %r: !lm.rows, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected a finite softcap > 0 but got 0.000000}}
    %o = lm.attend %q, %s, %r, %p scale 1.0 softcap 0.0 : tensor<?x4xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, tensor<?xi32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected an even head_dim that divides 4 columns but got 3}}
    %z = lm.rope %x, %p head_dim 3 theta 1.0 : tensor<?x4xf32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected an even head_dim that divides 4 columns but got 6}}
    %z = lm.rope %x, %p head_dim 6 theta 1.0 : tensor<?x4xf32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected an even head_dim that divides 4 columns but got 0}}
    %z = lm.rope %x, %p head_dim 0 theta 1.0 : tensor<?x4xf32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected a finite theta > 0}}
    %z = lm.rope %x, %p head_dim 4 theta 0.0 : tensor<?x4xf32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>, %p: tensor<?xi32, #lm.dims<leaves>>) {
    // expected-error @+1 {{expected operands with the same leading extent but got 'tensor<?x4xf32, #lm.dims<tokens>>' and 'tensor<?xi32, #lm.dims<leaves>>'}}
    %z = lm.rope %x, %p head_dim 4 theta 1.0 : tensor<?x4xf32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<leaves>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%q: tensor<?x6xf32, #lm.dims<tokens>>, %k: tensor<?x4xf32, #lm.dims<tokens>>, %s: !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, %r: !lm.rows, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected query heads to be a multiple of 2 kv_heads of head_dim 2 but got 'tensor<?x6xf32, #lm.dims<tokens>>'}}
    %o, %n = lm.attention %q, %k, %k, %s, %r, %p scale 1.0 : tensor<?x6xf32, #lm.dims<tokens>>, tensor<?x4xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, tensor<?xi32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%q: tensor<?x4xf32, #lm.dims<tokens>>, %k: tensor<?x2xf32, #lm.dims<tokens>>, %s: !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, %r: !lm.rows, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+2 {{expected key with 4 columns but got 'tensor<?x2xf32, #lm.dims<tokens>>'}}
    // expected-error @+1 {{expected value with 4 columns but got 'tensor<?x2xf32, #lm.dims<tokens>>'}}
    %o, %n = lm.attention %q, %k, %k, %s, %r, %p scale 1.0 : tensor<?x4xf32, #lm.dims<tokens>>, tensor<?x2xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, tensor<?xi32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%q: tensor<?x4xf32, #lm.dims<tokens>>, %k: tensor<?x4xf32, #lm.dims<leaves>>, %s: !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, %r: !lm.rows, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected operands with the same leading extent but got 'tensor<?x4xf32, #lm.dims<tokens>>' and 'tensor<?x4xf32, #lm.dims<leaves>>'}}
    %o, %n = lm.attention %q, %k, %k, %s, %r, %p scale 1.0 : tensor<?x4xf32, #lm.dims<tokens>>, tensor<?x4xf32, #lm.dims<leaves>>, !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, tensor<?xi32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%q: tensor<?x4xf32, #lm.dims<tokens>>, %k: tensor<?x4xf32, #lm.dims<tokens>>, %s: !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, %r: !lm.rows, %p: tensor<?xi32, #lm.dims<leaves>>) {
    // expected-error @+1 {{expected operands with the same leading extent but got 'tensor<?x4xf32, #lm.dims<tokens>>' and 'tensor<?xi32, #lm.dims<leaves>>'}}
    %o, %n = lm.attention %q, %k, %k, %s, %r, %p scale 1.0 : tensor<?x4xf32, #lm.dims<tokens>>, tensor<?x4xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, tensor<?xi32, #lm.dims<leaves>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%q: tensor<?x4xf32, #lm.dims<tokens>>, %s: !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, %r: !lm.rows, %p: tensor<?xi32, #lm.dims<tokens>>) {
    %y:2 = lm.layers 0 to 3 iter(%h = %q, %t = %s) : tensor<?x4xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32> {
      // expected-error @+1 {{'lm.attention' op expected an 'lm.layers' within the state's 2 layers but got 0 to 3}}
      %o, %n = lm.attention %h, %h, %h, %t, %r, %p scale 1.0 : tensor<?x4xf32, #lm.dims<tokens>>, tensor<?x4xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, tensor<?xi32, #lm.dims<tokens>>
      lm.yield %o, %n : tensor<?x4xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>
    }
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%k: tensor<?x2xf32, #lm.dims<tokens>>, %s: !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, %r: !lm.rows, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+2 {{expected key with 4 columns but got 'tensor<?x2xf32, #lm.dims<tokens>>'}}
    // expected-error @+1 {{expected value with 4 columns but got 'tensor<?x2xf32, #lm.dims<tokens>>'}}
    %n = lm.stage %k, %k, %s, %r, %p : tensor<?x2xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, tensor<?xi32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%q: tensor<?x6xf32, #lm.dims<tokens>>, %s: !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, %r: !lm.rows, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected query heads to be a multiple of 2 kv_heads of head_dim 2 but got 'tensor<?x6xf32, #lm.dims<tokens>>'}}
    %n = lm.attend %q, %s, %r, %p scale 1.0 : tensor<?x6xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, tensor<?xi32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x2x2xf32, #lm.dims<tokens>>, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected input of rank 1 or 2 but got 'tensor<?x2x2xf32, #lm.dims<tokens>>'}}
    %n = lm.take_rows %x, %p : tensor<?x2x2xf32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>, %p: tensor<?x1xi32, #lm.dims<leaves>>) {
    // expected-error @+1 {{expected indices of rank 1 but got 'tensor<?x1xi32, #lm.dims<leaves>>'}}
    %n = lm.take_rows %x, %p : tensor<?x4xf32, #lm.dims<tokens>>, tensor<?x1xi32, #lm.dims<leaves>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>) {
    // expected-error @+2 {{'lm.activation' op inferred type(s) 'tensor<?x4xf32, #lm.dims<tokens>>' are incompatible with return type(s) of operation 'tensor<?x5xf32, #lm.dims<tokens>>'}}
    // expected-error @+1 {{'lm.activation' op failed to infer returned types}}
    %z = "lm.activation"(%x) {kind = #lm<activation_kind silu>} : (tensor<?x4xf32, #lm.dims<tokens>>) -> tensor<?x5xf32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

// Recursion has no meaning.
lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f() {
    // expected-error @+1 {{'lm.call' op expected a function of the model that stands before @f but got @f}}
    lm.call @f() : () -> ()
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f() {
    // expected-error @+1 {{'lm.call' op expected a function of the model that stands before @f but got @g}}
    lm.call @g() : () -> ()
    lm.return
  }
  lm.func @g() {
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @g() {
    lm.return
  }
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>) {
    %y = lm.layers 0 to 2 iter(%h = %x) : tensor<?x4xf32, #lm.dims<tokens>> {
      // expected-error @+1 {{'lm.call' op expected no 'lm.layers' around a call}}
      lm.call @g() : () -> ()
      lm.yield %h : tensor<?x4xf32, #lm.dims<tokens>>
    }
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>) {
    %y = lm.layers 0 to 2 iter(%h = %x) : tensor<?x4xf32, #lm.dims<tokens>> {
      // expected-error @+1 {{'lm.layers' op expected no other 'lm.layers' around it}}
      %z = lm.layers 0 to 2 iter(%i = %h) : tensor<?x4xf32, #lm.dims<tokens>> {
        lm.yield %i : tensor<?x4xf32, #lm.dims<tokens>>
      }
      lm.yield %z : tensor<?x4xf32, #lm.dims<tokens>>
    }
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{'lm.func' op expected an 'lm.return' at the end}}
  lm.func @f() {
    llvm.unreachable
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{'lm.func' op expected a body of one block but got 2}}
  lm.func @f() {
    llvm.br ^end
  ^end:
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<f32>) {
    // expected-error @+1 {{expected a first extent, and static ones after it, but got 'tensor<f32>'}}
    %y = lm.scale %x by 2.0 : tensor<f32>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x?xf32, #lm.dims<tokens, n>>) {
    // expected-error @+1 {{expected a first extent, and static ones after it, but got 'tensor<?x?xf32, #lm.dims<tokens, n>>'}}
    %y = lm.add %x, %x : tensor<?x?xf32, #lm.dims<tokens, n>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x?xf32, #lm.dims<tokens, n>>) {
    // expected-error @+1 {{expected a first extent, and static ones after it, but got 'tensor<?x?xf32, #lm.dims<tokens, n>>'}}
    %y = lm.softcap %x cap 2.0 : tensor<?x?xf32, #lm.dims<tokens, n>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<f32>) {
    // expected-error @+1 {{expected a first extent, and static ones after it, but got 'tensor<f32>'}}
    %y = lm.activation silu %x : tensor<f32>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x?xf32, #lm.dims<tokens, n>>, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected a static number of columns of input but got 'tensor<?x?xf32, #lm.dims<tokens, n>>'}}
    %y = lm.take_rows %x, %p : tensor<?x?xf32, #lm.dims<tokens, n>>, tensor<?xi32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%q: tensor<?x4xf32, #lm.dims<tokens>>, %s: !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, %r: !lm.rows, %p: tensor<?xi32, #lm.dims<tokens>>) {
    %y:2 = lm.layers 0 to 3 iter(%h = %q, %t = %s) : tensor<?x4xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32> {
      // expected-error @+1 {{'lm.stage' op expected an 'lm.layers' within the state's 2 layers but got 0 to 3}}
      %n = lm.stage %h, %h, %t, %r, %p : tensor<?x4xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, tensor<?xi32, #lm.dims<tokens>>
      lm.yield %h, %n : tensor<?x4xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>
    }
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%q: tensor<?x4xf32, #lm.dims<tokens>>, %s: !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, %r: !lm.rows, %p: tensor<?xi32, #lm.dims<tokens>>) {
    %y:2 = lm.layers 0 to 3 iter(%h = %q, %t = %s) : tensor<?x4xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32> {
      // expected-error @+1 {{'lm.attend' op expected an 'lm.layers' within the state's 2 layers but got 0 to 3}}
      %o = lm.attend %h, %t, %r, %p scale 1.0 : tensor<?x4xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, tensor<?xi32, #lm.dims<tokens>>
      lm.yield %o, %t : tensor<?x4xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>
    }
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%q: tensor<?x4xf32, #lm.dims<tokens>>, %s: !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, %r: !lm.rows, %p: tensor<?xi32, #lm.dims<tokens>>, %x: tensor<?x4xf32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected spans of type 'tensor<?x8xf32, #lm.dims<spans>>' but got 'tensor<?x4xf32, #lm.dims<tokens>>'}}
    %o = lm.attend %q, %s, %r, %p spans %x scale 1.0 : tensor<?x4xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, tensor<?xi32, #lm.dims<tokens>>, tensor<?x4xf32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%q: tensor<?x6xf32, #lm.dims<tokens>>, %s: !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, %r: !lm.rows, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected query heads to be a multiple of 2 kv_heads of head_dim 2 but got 'tensor<?x6xf32, #lm.dims<tokens>>'}}
    %n = lm.attend_spans %q, %s, %r, %p scale 1.0 : tensor<?x6xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, tensor<?xi32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%q: tensor<?x4xf32, #lm.dims<tokens>>, %s: !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, %r: !lm.rows, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected a finite softcap > 0 but got 0.000000}}
    %n = lm.attend_spans %q, %s, %r, %p scale 1.0 softcap 0.0 : tensor<?x4xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, tensor<?xi32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%q: tensor<?x4xf32, #lm.dims<tokens>>, %s: !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, %r: !lm.rows, %p: tensor<?xi32, #lm.dims<tokens>>) {
    %y:2 = lm.layers 0 to 3 iter(%h = %q, %t = %s) : tensor<?x4xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32> {
      // expected-error @+1 {{'lm.attend_spans' op expected an 'lm.layers' within the state's 2 layers but got 0 to 3}}
      %o = lm.attend_spans %h, %t, %r, %p scale 1.0 : tensor<?x4xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, tensor<?xi32, #lm.dims<tokens>>
      lm.yield %h, %t : tensor<?x4xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>
    }
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%q: tensor<?x4xf32, #lm.dims<tokens>>, %s: !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, %r: !lm.rows, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected a finite scale}}
    %o = lm.attend %q, %s, %r, %p scale 0x7FF0000000000000 : tensor<?x4xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, tensor<?xi32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

// expected-error @+1 {{expected finite 0 < beta_slow <= beta_fast}}
#scaling = #lm.yarn_scaling<factor = 4.0, beta_fast = 0x7FF0000000000000, beta_slow = 1.0, original = 8, attention_factor = 1.0>

// -----

// expected-error @+1 {{expected a finite attention_factor > 0}}
#scaling = #lm.yarn_scaling<factor = 4.0, beta_fast = 32.0, beta_slow = 1.0, original = 8, attention_factor = 0x7FF0000000000000>

// -----

// expected-error @+1 {{expected finite 0 < low_freq_factor < high_freq_factor}}
#scaling = #lm.llama3_scaling<factor = 8.0, low_freq_factor = 1.0, high_freq_factor = 0x7FF0000000000000, original = 8>

// -----

// expected-error @+1 {{expected finite factors > 0 but got 0.0}}
#scaling = #lm.pair_scaling<factors = [1.0, 0.0], attention_factor = 1.0>

// -----

// expected-error @+1 {{expected a finite attention_factor > 0 but got 0.0}}
#scaling = #lm.pair_scaling<factors = [1.0, 2.0], attention_factor = 0.0>

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4xf32, #lm.dims<tokens>>, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected as many factors as rotated pairs for the scaling}}
    %z = lm.rope %x, %p head_dim 4 theta 2.0 scaling(#lm.pair_scaling<factors = [1.0], attention_factor = 1.0>) : tensor<?x4xf32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<tokens>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{expected positive extents whose product is at most 4503599627370496 but got 4611686018427387905}}
  lm.func private @f(!lm.weight<4611686018427387905x1, #lm.f32>)
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{expected positive extents whose product is at most 4503599627370496 but got 4503599627370496}}
  lm.func private @f(!lm.state<layers = 2, kv_heads = 4503599627370496, head_dim = 4, f32>)
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{'lm.weight' op expected layers from 1 to 1048576 but got 9223372036854775807}}
  lm.weight @w from "{layer}" layers 9223372036854775807 : !lm.weight<2, #lm.f32>
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f() {
    // expected-error @+1 {{'lm.layers' op expected 0 <= begin < end <= 1048576 but got 0 to 1048577}}
    lm.layers 0 to 1048577 iter() {
      lm.yield
    }
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{expected group 32, 64 or 128, or none for whole rows, but got 48}}
  lm.func @f(%w: !lm.weight<4x4, #lm.int8<group = 48>>) {
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{expected group 32, 64 or 128 but got 0}}
  lm.func @f(%w: !lm.weight<4x4, #lm.int4<group = 0>>) {
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{expected a vector of #lm.f32 or #lm.bf16 but got #lm.int8}}
  lm.func @f(%w: !lm.weight<4, #lm.int8>) {
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{expected group 32, 64 or 128 but got 0}}
  lm.func @f(%w: tensor<?x4x!lm.int16<group = 0, distance = 2>, #lm.dims<tokens>>) {
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{expected distance 2 or 4 but got 8}}
  lm.func @f(%w: tensor<?x4x!lm.int16<group = 32, distance = 8>, #lm.dims<tokens>>) {
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4x!lm.int16<group = 64, distance = 2>, #lm.dims<tokens>>, %w: !lm.weight<4x4, #lm.bf16>) {
    // expected-error @+1 {{expected a weight of integers in groups of 64 columns but got '!lm.weight<4x4, #lm.bf16>'}}
    %y = lm.linear %x, %w : tensor<?x4x!lm.int16<group = 64, distance = 2>, #lm.dims<tokens>>, !lm.weight<4x4, #lm.bf16>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%x: tensor<?x4x!lm.int16<group = 64, distance = 2>, #lm.dims<tokens>>, %w: !lm.weight<4x4, #lm.int8<group = 32>>) {
    // expected-error @+1 {{expected a weight of integers in groups of 64 columns but got '!lm.weight<4x4, #lm.int8<group = 32>>'}}
    %y = lm.linear %x, %w : tensor<?x4x!lm.int16<group = 64, distance = 2>, #lm.dims<tokens>>, !lm.weight<4x4, #lm.int8<group = 32>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.weight @w from "w" : !lm.weight<8x12, #lm.f32>
  lm.func @f(%x: tensor<?x12xf32, #lm.dims<tokens>>) {
    %w = lm.get_weight @w : !lm.weight<8x12, #lm.f32>
    // expected-error @+1 {{expected leaves of a tree, of 8 columns each, from 0 to at most 2 but got 12 columns}}
    %y = lm.linear %x, %w tree <granule = 8, first = 0, of = 2> : tensor<?x12xf32, #lm.dims<tokens>>, !lm.weight<8x12, #lm.f32>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.weight @w from "w" : !lm.weight<8x12, #lm.f32>
  lm.func @f(%x: tensor<?x12xf32, #lm.dims<tokens>>) {
    %w = lm.get_weight @w : !lm.weight<8x12, #lm.f32>
    // expected-error @+1 {{expected leaves of a tree, of 4 columns each, from 2 to at most 4 but got 12 columns}}
    %y = lm.linear %x, %w tree <granule = 4, first = 2, of = 4> : tensor<?x12xf32, #lm.dims<tokens>>, !lm.weight<8x12, #lm.f32>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.weight @w from "w" : !lm.weight<8x64, #lm.int8<group = 32>>
  lm.func @f(%x: tensor<?x64xf32, #lm.dims<tokens>>) {
    %w = lm.get_weight @w : !lm.weight<8x64, #lm.int8<group = 32>>
    // expected-error @+1 {{expected leaves of whole groups of columns that share a scale, but got leaves of 16 columns}}
    %y = lm.linear %x, %w tree <granule = 16, first = 0, of = 4> : tensor<?x64xf32, #lm.dims<tokens>>, !lm.weight<8x64, #lm.int8<group = 32>>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.weight @w from "w" : !lm.weight<8x12, #lm.f32>
  lm.weight @b from "b" : !lm.weight<8, #lm.f32>
  lm.func @f(%x: tensor<?x12xf32, #lm.dims<tokens>>) {
    %w = lm.get_weight @w : !lm.weight<8x12, #lm.f32>
    %b = lm.get_weight @b : !lm.weight<8, #lm.f32>
    // expected-error @+1 {{expected a bias with leaf 0 alone but got leaves from 1 on}}
    %y = lm.linear %x, %w bias %b tree <granule = 4, first = 1, of = 4> : tensor<?x12xf32, #lm.dims<tokens>>, !lm.weight<8x12, #lm.f32>, !lm.weight<8, #lm.f32>
    lm.return
  }
}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.weight @w from "w" : !lm.weight<8x64, #lm.bf16>
  lm.func @f(%x: tensor<?x64xbf16, #lm.dims<tokens>>) {
    %w = lm.get_weight @w : !lm.weight<8x64, #lm.bf16>
    // expected-error @+1 {{expected a tree of one leaf with an input of bf16 but got one of 2}}
    %y = lm.linear %x, %w tree <granule = 32, first = 0, of = 2> : tensor<?x64xbf16, #lm.dims<tokens>>, !lm.weight<8x64, #lm.bf16>
    lm.return
  }
}

// -----

// expected-error @+1 {{expected granule > 0 and 0 <= first < of <= 2^20 but got 4, 3 and 3}}
func.func private @f() attributes {tree = #lm.tree<granule = 4, first = 3, of = 3>}

// -----

lm.model @m family "llama" numerics fast max_positions 8 {
  lm.func @f(%q: tensor<?x4xbf16, #lm.dims<tokens>>, %s: !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, %r: !lm.rows, %p: tensor<?xi32, #lm.dims<tokens>>) {
    // expected-error @+1 {{expected a state of bf16 for queries of bf16 but got '!lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>'}}
    %n = lm.attend %q, %s, %r, %p scale 1.0 : tensor<?x4xbf16, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>, tensor<?xi32, #lm.dims<tokens>>
    lm.return
  }
}
