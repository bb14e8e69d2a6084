// RUN: plait-opt %s -split-input-file -verify-diagnostics --plait-verify-cuda

gpu.module @k {
  llvm.func @k() {
    llvm.return
  }
}

// -----

gpu.module @k {
  llvm.func @k() {
    // expected-error @+1 {{illegal after cuda; expected to have been converted by 'convert-to-llvm'}}
    %0 = arith.constant 1 : i32
    llvm.return
  }
}

// -----

gpu.module @k {
  // expected-error @+1 {{expected a definition: a kernel calls nothing}}
  llvm.func @memcpy(!llvm.ptr)
}

// -----

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!x = tensor<?x8xf32, #lm.dims<tokens>>
kernel.func @k(%x: !x) -> !x attributes {cost = #cost} {
  %y = lm.scale %x by 2.0 : !x
  kernel.return %y : !x
}
rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  // expected-error @+1 {{'rt.kernel' op expected a 'gpu.module' after cuda but got a 'kernel.func': 'plait-generate-cuda-kernels' replaces it}}
  rt.kernel @k
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  // expected-error @+1 {{'rt.kernel' op expected entries after cuda; 'plait-generate-cuda-kernels' sets them}}
  rt.kernel @k
}
