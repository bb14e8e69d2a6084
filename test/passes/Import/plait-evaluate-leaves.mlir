// Ops on the leaves of a step, with values that a runtime would not pass.
//
// Only a bias of -infinity masks; +infinity is a logit that is not finite.
// RUN: python3 %S/Inputs/write_safetensors.py %t.safetensors arg0=F32:1x3:1,2,3 arg1=I32:1:2 arg2=I32:2:0,1 arg3=F32:2:-inf,inf arg4=F32:2:1,1 arg5=F32:2:0,0
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=main::edit inputs=%t.safetensors' | FileCheck %s --check-prefix=EDIT
// RUN: python3 %S/Inputs/write_safetensors.py %t.safetensors arg0=F32:1x3:1,2,3 arg1=I32:1:3 arg2=I32:2:0,1 arg3=F32:2:0,0 arg4=F32:2:1,1 arg5=F32:2:0,0
// RUN: not plait-opt %s -o /dev/null --plait-evaluate='function=main::edit inputs=%t.safetensors' 2>&1 | FileCheck %s --check-prefix=ENDS
// RUN: python3 %S/Inputs/write_safetensors.py %t.safetensors arg0=F32:2x3:1,2,3,1,2,3 arg1=I32:2:-1,1
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=main::tops inputs=%t.safetensors' | FileCheck %s --check-prefix=TOPS

!l = tensor<?x3xf32, #lm.dims<leaves>>
!i = tensor<?xi32, #lm.dims<leaves>>
!ei = tensor<?xi32, #lm.dims<edits>>
!ef = tensor<?xf32, #lm.dims<edits>>
!ti = tensor<?x?xi32, #lm.dims<leaves, tops>>
!tf = tensor<?x?xf32, #lm.dims<leaves, tops>>

lm.model @main family "llama" numerics fast max_positions 8 {
  // EDIT: result0: 1x3 f32
  // EDIT-NEXT: {{^ +}}-3.40282e+38 inf 3
  // ENDS: error: 'decode.edit_logits' op expected ends of at most 2, the number of entries, but got 3{{.*}} for leaf 0
  lm.func @edit(%l: !l, %n: !i, %t: !ei, %b: !ef, %s: !ef, %o: !ef) -> !l {
    %e = decode.edit_logits %l, %n, %t, %b, %s, %o : !l, !i, !ei, !ef, !ef, !ef
    lm.return %e : !l
  }
  // TOPS: result0: 2x1 i32
  // TOPS-NEXT: {{^ +}}-1
  // TOPS-NEXT: {{^ +}}2
  lm.func @tops(%l: !l, %n: !i) -> (!ti, !tf) {
    %t, %p = decode.top_logprobs %l, %n : !l, !i
    lm.return %t, %p : !ti, !tf
  }
}
