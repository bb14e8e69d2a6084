// Weights and options that cannot be used.
//
// RUN: python3 %S/Inputs/write_safetensors.py %t.safetensors layers.0.q=F32:2x3:1,2,3,4,5,6 layers.1.q=F32:3x2:1,2,3,4,5,6 arg0=F32:1:0
// RUN: not plait-opt %s -o /dev/null --plait-evaluate='function=main::missing weights=%t.safetensors' 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: not plait-opt %s -o /dev/null --plait-evaluate='function=main::layers weights=%t.safetensors inputs=%t.safetensors' 2>&1 | FileCheck %s --check-prefix=SHAPE
// RUN: not plait-opt %s -o /dev/null --plait-evaluate='function=main::transposed weights=%t.safetensors' 2>&1 | FileCheck %s --check-prefix=TRANSPOSED
// RUN: not plait-opt %s -o /dev/null --plait-evaluate='function=main::layers inputs=%t.safetensors' 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not plait-opt %s -o /dev/null --plait-evaluate='tokens=1 weights=random:x' 2>&1 | FileCheck %s --check-prefix=SEED
// RUN: not plait-opt %s -o /dev/null --plait-evaluate='tokens=1 weights=%t.nothing' 2>&1 | FileCheck %s --check-prefix=FOLDER
// RUN: not plait-opt %s -o /dev/null --plait-evaluate='tokens=1,x' 2>&1 | FileCheck %s --check-prefix=TOKENS
// RUN: not plait-opt %s -o /dev/null --plait-evaluate='weights=random' 2>&1 | FileCheck %s --check-prefix=TOKENS
// RUN: not plait-opt %s -o /dev/null --plait-evaluate='tokens=1' 2>&1 | FileCheck %s --check-prefix=FUNCTIONS
// RUN: not plait-opt %s -o /dev/null --plait-evaluate='function=other::f inputs=%t.nothing' 2>&1 | FileCheck %s --check-prefix=SYMBOL

// MISSING: 'lm.get_weight' op expected tensor 'layers.2.q' in the checkpoint, which has no such tensor; nearest names: layers.0.q, layers.1.q
// SHAPE: 'lm.get_weight' op expected tensor 'layers.1.q' of shape [2, 3] but got [3, 2]
// TRANSPOSED: 'lm.get_weight' op expected tensor 'layers.0.q' of shape [3, 2] (transposed) but got [2, 3]
// NONE: 'lm.get_weight' op expected weights to be given, for tensor 'layers.0.q'
// SEED: error: weights: found 'random:x'; expected random:SEED with a number below 2^64
// FOLDER: error: {{.*}}.nothing: found nothing there; expected
// TOKENS: error: expected tokens such as '1,2,3;4,5' but got '{{(1,x)?}}'
// FUNCTIONS: 'lm.model' op expected functions @forward and @head
// SYMBOL: error: expected the symbol of a function or of a strategy but got @other::@f

lm.model @main family "llama" numerics row_invariant max_positions 8 {
  lm.weight @q from "layers.{layer}.q" layers 2 : !lm.weight<2x3, #lm.f32>
  lm.weight @absent from "layers.2.q" : !lm.weight<2x3, #lm.f32>
  lm.weight @t from "layers.0.q" transposed : !lm.weight<2x3, #lm.f32>
  lm.func @missing() {
    %w = lm.get_weight @absent : !lm.weight<2x3, #lm.f32>
    lm.return
  }
  lm.func @transposed() {
    %w = lm.get_weight @t : !lm.weight<2x3, #lm.f32>
    lm.return
  }
  lm.func @layers(%x: tensor<1xf32>) {
    %y = lm.layers 0 to 2 iter(%h = %x) : tensor<1xf32> {
      %w = lm.get_weight @q : !lm.weight<2x3, #lm.f32>
      lm.yield %h : tensor<1xf32>
    }
    lm.return
  }
}
