// What the reference evaluation refuses to compute, at the op at fault.
//
// RUN: python3 %S/Inputs/write_safetensors.py %t.safetensors arg0=I32:3:0,1,4 arg1=F32:3x2:1,2,3,4,5,6 arg2=I32:3:0,0,1
// RUN: plait-opt %s -split-input-file -verify-diagnostics -o /dev/null --plait-evaluate='function=main::f weights=random:0 inputs=%t.safetensors'

!ids = tensor<?xi32, #lm.dims<tokens>>
!t2 = tensor<?x2xf32, #lm.dims<tokens>>

lm.model @main family "llama" numerics fast max_positions 8 {
  lm.weight @w from "w" : !lm.weight<4x2, #lm.f32>
  lm.func @f(%ids: !ids) {
    %w = lm.get_weight @w : !lm.weight<4x2, #lm.f32>
    // expected-error @+1 {{'lm.embed' op expected ids within 0 to 3 but got 4 at element 2}}
    %x = lm.embed %ids, %w : !ids, !lm.weight<4x2, #lm.f32>
    lm.return
  }
}

// -----

lm.model @main family "llama" numerics fast max_positions 8 {
  lm.func @f(%i: tensor<?xi32, #lm.dims<leaves>>, %x: tensor<?x2xf32, #lm.dims<tokens>>) {
    // expected-error @+1 {{'lm.take_rows' op expected indices within 0 to 2 but got 4 at element 2}}
    %y = lm.take_rows %x, %i : tensor<?x2xf32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<leaves>>
    lm.return
  }
}

// -----

// Token 2 is at position 4, and nothing is at 2 and 3.
!ids = tensor<?xi32, #lm.dims<tokens>>
!t2 = tensor<?x2xf32, #lm.dims<tokens>>
!kv = !lm.state<layers = 1, kv_heads = 1, head_dim = 2, f32>
lm.model @main family "llama" numerics fast max_positions 8 {
  lm.func @f(%pos: !ids, %x: !t2, %ones: !ids, %rows: !lm.rows, %kv: !kv) {
    %y:2 = lm.layers 0 to 1 iter(%h = %x, %s = %kv) : !t2, !kv {
      // expected-error @+1 {{'lm.attention' op expected keys and values at every position up to 4 of row 0 but position 2 has none}}
      %o, %n = lm.attention %h, %h, %h, %s, %rows, %pos scale 1.0 : !t2, !t2, !kv, !ids
      lm.yield %o, %n : !t2, !kv
    }
    lm.return
  }
}

// -----

!ids = tensor<?xi32, #lm.dims<tokens>>
!t2 = tensor<?x2xf32, #lm.dims<tokens>>
!kv = !lm.state<layers = 1, kv_heads = 1, head_dim = 2, f32>
lm.model @main family "llama" numerics fast max_positions 8 {
  lm.func @f(%ids: !ids, %x: !t2, %pos: !ids, %rows: !lm.rows, %kv: !kv) {
    %y:2 = lm.layers 0 to 1 iter(%h = %x, %s = %kv) : !t2, !kv {
      // expected-error @+1 {{'lm.stage' op expected one token per position but tokens 0 and 1 both lie at position 0 of row 0}}
      %n = lm.stage %h, %h, %s, %rows, %pos : !t2, !kv, !ids
      lm.yield %h, %n : !t2, !kv
    }
    lm.return
  }
}

// -----

// The step stages nothing, so there is nothing to attend to.
!ids = tensor<?xi32, #lm.dims<tokens>>
!t2 = tensor<?x2xf32, #lm.dims<tokens>>
!kv = !lm.state<layers = 1, kv_heads = 1, head_dim = 2, f32>
lm.model @main family "llama" numerics fast max_positions 8 {
  lm.func @f(%pos: !ids, %x: !t2, %ones: !ids, %rows: !lm.rows, %kv: !kv) {
    %y:2 = lm.layers 0 to 1 iter(%h = %x, %s = %kv) : !t2, !kv {
      // expected-error @+1 {{'lm.attend' op expected keys and values at every position up to 0 of row 0 but position 0 has none}}
      %o = lm.attend %h, %s, %rows, %pos scale 1.0 : !t2, !kv, !ids
      lm.yield %o, %s : !t2, !kv
    }
    lm.return
  }
}

// -----

lm.model @main family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{expected a value of type 'tensor<?x2xi32, #lm.dims<tokens>>' for argument 0 but got one of shape [3]}}
  lm.func @f(%ids: tensor<?x2xi32, #lm.dims<tokens>>) {
    lm.return
  }
}

// -----

lm.model @main family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{expected a value of type 'tensor<3x4xf32>' for argument 1 but got one of shape [3, 2]}}
  lm.func @f(%ids: tensor<?xi32, #lm.dims<tokens>>, %x: tensor<3x4xf32>) {
    lm.return
  }
}

// -----

lm.model @main family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{expected a value of type 'tensor<?x?xf32, #lm.dims<n, n>>' for argument 1 but got one of shape [3, 2], while 'n' is 3 in an argument before it}}
  lm.func @f(%ids: tensor<?xi32, #lm.dims<n>>, %x: tensor<?x?xf32, #lm.dims<n, n>>) {
    lm.return
  }
}

// -----

// expected-error @below {{expected tensor 'arg3' in '}}
module {
  lm.model @main family "llama" numerics fast max_positions 8 {
    lm.func @f(%a: tensor<3xi32>, %b: tensor<3x2xf32>, %c: tensor<3xi32>, %d: tensor<3xi32>) {
      lm.return
    }
  }
}

// -----

// expected-error @below {{expected an argument that a file can hold but got '!lm.weight<4, #lm.f32>'}}
module {
  lm.model @main family "llama" numerics fast max_positions 8 {
    lm.func @f(%a: !lm.weight<4, #lm.f32>) {
      lm.return
    }
  }
}

// -----

// expected-error @below {{expected the symbol of a function or of a strategy but got @main::@f}}
module {
  lm.model @main family "llama" numerics fast max_positions 8 {
    lm.weight @f from "f" : !lm.weight<4, #lm.f32>
  }
}

// -----

lm.model @main family "llama" numerics fast max_positions 8 {
  lm.func @f() {
    // expected-error @+1 {{'arith.constant' op has no reference evaluation}}
    %0 = arith.constant 1 : i32
    lm.return
  }
}

// -----

lm.model @main family "llama" numerics fast max_positions 8 {
  lm.func private @g()
  lm.func @f() {
    // expected-error @+1 {{'lm.call' op expected a callee with a body of one block but got @g}}
    lm.call @g() : () -> ()
    lm.return
  }
}

// -----

lm.model @main family "llama" numerics fast max_positions 8 {
  // expected-error @+1 {{'lm.func' op expected a body of one block}}
  lm.func private @f()
}
