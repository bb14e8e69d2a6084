// RUN: plait-opt %s -split-input-file -verify-diagnostics -allow-unregistered-dialect --plait-verify-cpu

llvm.func @plait_model_query(%version: i32) -> !llvm.ptr {
  %0 = llvm.mlir.zero : !llvm.ptr
  llvm.return %0 : !llvm.ptr
}

// -----

// expected-error @+1 {{expected a function @plait_model_query after cpu; 'plait-emit-tables' makes it}}
module {
}

// -----

// expected-error @+1 {{expected a definition: a model binary calls nothing but its imports}}
llvm.func @memcpy(!llvm.ptr)

// -----

llvm.func @k() {
  // expected-error @+1 {{illegal after cpu; expected to have been converted by 'convert-to-llvm'}}
  %0 = arith.constant 1 : i32
  llvm.return
}

// -----

// expected-error @+1 {{illegal after cpu; expected to have been converted by 'convert-to-llvm'}}
"foo.bar"() : () -> ()
