// Strategies and rules against draws worked out by hand: token v of weight w arrives after E[v] / w, and the
// first one is drawn. With seed 7 and the positions 1, 2, ... E is for sequence 0
//   0.522 1.586 0.188 3.167   0.006 0.008 1.648 1.888   0.495 0.288 0.160 0.150
//   0.342 4.565 1.195 0.790   0.413 0.410 2.241 1.271   1.623 0.631 0.152 0.527
// and for sequence 1
//   2.183 1.896 1.461 0.426   0.342 1.084 0.781 1.313   0.292 0.642 0.207 0.492
//   0.154 1.093 0.474 0.778   0.793 0.294 0.280 1.125   0.732 0.001 0.365 2.138
// (Philox written anew in Python).
//
// RUN: python3 %S/Inputs/write_safetensors.py %t.flat.safetensors embed=F32:4x1:1,1,1,1 head=F32:4x1:0,0,0,0
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=all weights=%t.flat.safetensors tokens=2;2 new-tokens=6 seed=7 temperature=1' | FileCheck %s --check-prefix=FLAT
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=all weights=%t.flat.safetensors tokens=0,0,2 new-tokens=4 seed=7 temperature=1' | FileCheck %s --check-prefix=PROMPT
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=all weights=%t.flat.safetensors tokens=2 new-tokens=6 seed=7' | FileCheck %s --check-prefix=GREEDY
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=all weights=%t.flat.safetensors tokens=2;2 new-tokens=6 seed=7 temperature=1 stop-ids=2,0' | FileCheck %s --check-prefix=STOP
//
// Logits 0, 1, 2, 3: weights 1, 2.718, 7.389, 20.086; with k = 2, those of tokens 2 and 3. A warp
// that a strategy does not list is not applied: of all four tokens any may be first.
// RUN: python3 %S/Inputs/write_safetensors.py %t.steep.safetensors embed=F32:4x1:1,1,1,1 head=F32:4x1:0,1,2,3
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=all weights=%t.steep.safetensors tokens=2;2 new-tokens=6 seed=7 temperature=1 top-k=2' | FileCheck %s --check-prefix=TOPK
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=temperature weights=%t.steep.safetensors tokens=2;2 new-tokens=6 seed=7 temperature=1 top-k=1 top-p=0.1 min-p=1' | FileCheck %s --check-prefix=UNLISTED
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=greedy weights=%t.steep.safetensors tokens=2 new-tokens=3 seed=7 temperature=1' | FileCheck %s --check-prefix=RULE
//
// Logits 0, 1, 2, 3 with edits, greedily. What a prompt holds counts for the
// repetition penalty alone.
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=edited weights=%t.steep.safetensors tokens=0 new-tokens=6 repetition-penalty=4' | FileCheck %s --check-prefix=REPETITION
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=edited weights=%t.steep.safetensors tokens=3,3 new-tokens=5 repetition-penalty=2' | FileCheck %s --check-prefix=PROMPTED
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=edited weights=%t.steep.safetensors tokens=3,3 new-tokens=5 presence-penalty=1.5' | FileCheck %s --check-prefix=PRESENCE
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=edited weights=%t.steep.safetensors tokens=3,3 new-tokens=6 frequency-penalty=1.25' | FileCheck %s --check-prefix=FREQUENCY
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=edited weights=%t.steep.safetensors tokens=0 new-tokens=3 logit-bias=1:2.5,3:-100' | FileCheck %s --check-prefix=BIAS
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=edited weights=%t.steep.safetensors tokens=0 new-tokens=6 stop-ids=3,2 min-new-tokens=3' | FileCheck %s --check-prefix=MIN
// RUN: not plait-opt %s -o /dev/null --plait-evaluate='function=edited weights=%t.steep.safetensors tokens=0 new-tokens=6 logit-bias=3' 2>&1 | FileCheck %s --check-prefix=BADBIAS
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=all weights=%t.steep.safetensors tokens=0 new-tokens=3 logit-bias=1:2.5 repetition-penalty=4' | FileCheck %s --check-prefix=RULE
//
// After a logit that is not finite nothing is chosen; nor is there a token
// beyond the model's positions.
// RUN: python3 %S/Inputs/write_safetensors.py %t.bad.safetensors embed=F32:4x1:1,1,1,1 head=F32:4x1:0,nan,0,0
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=all weights=%t.bad.safetensors tokens=2 new-tokens=6' | FileCheck %s --check-prefix=NONE
// RUN: not plait-opt %s -o /dev/null --plait-evaluate='function=all weights=%t.flat.safetensors tokens=0 new-tokens=9' 2>&1 | FileCheck %s --check-prefix=LONG
//
// Leaf 0: 0 + 1, masked, (2 - 4) * 2 - 0.5, 3; leaf 1 as it was; leaf 2 all masked.
// RUN: python3 %S/Inputs/write_safetensors.py %t.edits.safetensors arg0=F32:3x4:0,1,2,3,0,1,1,0,5,5,5,5 arg1=I32:3:4,4,8 \
// RUN:   arg2=I32:8:0,1,2,9,0,1,2,3 arg3=F32:8:1,-inf,-4,7,-inf,-inf,-inf,-inf arg4=F32:8:1,1,2,1,1,1,1,1 arg5=F32:8:0,0,0.5,0,0,0,0,0 arg6=I32:3:3,1,2
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=main::edits inputs=%t.edits.safetensors' | FileCheck %s --check-prefix=EDITS
//
// The rules on leaves.
// RUN: python3 %S/Inputs/write_safetensors.py %t.leaves.safetensors arg0=F32:4x4:0,1,1,0,0,0,0,0,0,1,2,3,0,inf,0,0 arg1=I32:4:5,0,1,0 \
// RUN:   arg2=F32:4:0,1,1,1 arg3=I32:4:0,0,2,0 arg4=F32:4:1,1,1,1 arg5=F32:4:0,0,0,0 arg6=I64:4:7,7,7,7 arg7=I64:4:0,1,1,0 arg8=I32:4x2:2,1,-1,-1,-1,2,-1,3
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=main::leaves inputs=%t.leaves.safetensors' | FileCheck %s --check-prefix=LEAVES

// FLAT: tokens.0: 6 i32
// FLAT-NEXT: {{^}}  2 0 3 0 1 2{{$}}
// FLAT-NEXT: tokens.1: 6 i32
// FLAT-NEXT: {{^}}  3 0 2 0 2 1{{$}}

// What is drawn belongs to a position, not to the number of the draw.
// PROMPT: tokens.0: 4 i32
// PROMPT-NEXT: {{^}}  3 0 1 2{{$}}

// GREEDY: {{^}}  0 0 0 0 0 0{{$}}

// STOP: tokens.0: 1 i32
// STOP-NEXT: {{^}}  2{{$}}
// STOP-NEXT: tokens.1: 2 i32
// STOP-NEXT: {{^}}  3 0{{$}}

// TOPK: {{^}}  2 3 3 3 3 2{{$}}
// TOPK: {{^}}  3 3 3 3 2 2{{$}}

// UNLISTED: {{^}}  2 1 3 3 3 2{{$}}
// UNLISTED: {{^}}  3 3 3 3 2 1{{$}}

// RULE: {{^}}  3 3 3{{$}}

// 3 becomes 3/4, then 2 becomes 2/4, then 1 becomes 1/4.
// REPETITION: {{^}}  3 2 1 3 3 3{{$}}
// PROMPTED: {{^}}  2 3 3 3 3{{$}}
// 3 is 1.5 afterwards, 2 is 0.5: 3 is the best again, and loses no more.
// PRESENCE: {{^}}  3 2 3 3 3{{$}}
// 3 is 1.75, then 2 is 0.75, then 3 is 0.5, then 1 is -0.25, then 2 is -0.5.
// FREQUENCY: {{^}}  3 2 3 1 2 3{{$}}
// BIAS: {{^}}  1 1 1{{$}}
// MIN: {{^}}  1 1 1 3{{$}}
// BADBIAS: expected a bias such as '5:-1.5' but got '3'

// EDITS: result0: 3x4 f32
// EDITS-NEXT: {{^}}  1 -3.40282e+38 -4.5 3
// EDITS-NEXT: {{^}}  0 1 1 0
// EDITS-NEXT: {{^}}  -3.40282e+38 -3.40282e+38 -3.40282e+38 -3.40282e+38
// EDITS: result1: 3 i32
// EDITS-NEXT: {{^}}  3 1 -1{{$}}
// EDITS: result2: 3 i32
// EDITS-NEXT: {{^}}  0 0 2{{$}}
// EDITS: result3: 3x3 i32
// EDITS-NEXT: {{^}}  3 0 2{{$}}
// EDITS-NEXT: {{^}}  1 -1 -1{{$}}
// EDITS-NEXT: {{^}}  -1 -1 -1{{$}}
// EDITS: result4: 3x3 f32
// log(e^3 + e^1 + e^-4.5) = 3.127415
// EDITS-NEXT: {{^}}  -0.127415 -2.12742 -7.62742{{$}}
// EDITS-NEXT: {{^}}  -1.00641 0 0{{$}}
// EDITS-NEXT: {{^}}  0 0 0{{$}}

// NONE: tokens.0: 0 i32

// LONG: 'decode.forward' op expected at most max_positions 8 tokens in a sequence but got 9

// Chosen, status, its logprob; then the same greedily.
// LEAVES: result0: 4 i32
// LEAVES-NEXT: {{^}}  1 3 3 -1{{$}}
// LEAVES-NEXT: result1: 4 i32
// LEAVES-NEXT: {{^}}  1 0 0 2{{$}}
// LEAVES-NEXT: result2: 4 f32
// LEAVES-NEXT: {{^}}  -1.00641 -1.38629 -0.44019 0{{$}}
// LEAVES-NEXT: result3: 4 i32
// LEAVES-NEXT: {{^}}  1 0 3 -1{{$}}
// LEAVES-NEXT: result4: 4 i32
// LEAVES-NEXT: {{^}}  0 0 0 2{{$}}
// LEAVES-NEXT: result5: 4 f32
// LEAVES-NEXT: {{^}}  -1.00641 -1.38629 -0.44019 0{{$}}

!ids = tensor<?xi32, #lm.dims<tokens>>
!hidden = tensor<?x1xf32, #lm.dims<tokens>>
!kv = !lm.state<layers = 1, kv_heads = 1, head_dim = 1, f32>
!i = tensor<?xi32, #lm.dims<leaves>>
!l = tensor<?xi64, #lm.dims<leaves>>
!f = tensor<?xf32, #lm.dims<leaves>>
!logits = tensor<?x4xf32, #lm.dims<leaves>>
!ei = tensor<?xi32, #lm.dims<edits>>
!ef = tensor<?xf32, #lm.dims<edits>>
!ti = tensor<?x?xi32, #lm.dims<leaves, tops>>
!tf = tensor<?x?xf32, #lm.dims<leaves, tops>>

lm.model @main family "llama" numerics row_invariant max_positions 8 {
  lm.weight @embed from "embed" : !lm.weight<4x1, #lm.f32>
  lm.weight @head_weight from "head" : !lm.weight<4x1, #lm.f32>
  // Attention over equal values gives the value, but only if every position
  // before has been staged.
  lm.func @forward(%ids: !ids, %pos: !ids, %rows: !lm.rows, %kv: !kv) -> (!hidden, !kv) {
    %w = lm.get_weight @embed : !lm.weight<4x1, #lm.f32>
    %x = lm.embed %ids, %w : !ids, !lm.weight<4x1, #lm.f32>
    %y, %next = lm.attention %x, %x, %x, %kv, %rows, %pos scale 1.0 : !hidden, !hidden, !kv, !ids
    lm.return %y, %next : !hidden, !kv
  }
  lm.func @head(%h: tensor<?x1xf32, #lm.dims<leaves>>) -> !logits {
    %w = lm.get_weight @head_weight : !lm.weight<4x1, #lm.f32>
    %l = lm.head %h, %w : tensor<?x1xf32, #lm.dims<leaves>>, !lm.weight<4x1, #lm.f32>
    lm.return %l : !logits
  }
  lm.func @leaves(%l: !logits, %pos: !i, %t: !f, %k: !i, %p: !f, %m: !f, %seed: !l, %seq: !l,
                  %stops: tensor<?x?xi32, #lm.dims<leaves, stops>>) -> (!i, !i, !f, !i, !i, !f) {
    %0, %1, %2 = decode.choose_sample %l, %pos, %seed, %seq temperature %t top_k %k top_p %p min_p %m : !logits, !i, !l, !l, !f top_k !i top_p !f min_p !f
    %3 = decode.match_stops %0, %1, %stops : !i, !i, tensor<?x?xi32, #lm.dims<leaves, stops>>
    %4, %5, %6 = decode.choose_greedy %l : !logits
    lm.return %0, %3, %2, %4, %5, %6 : !i, !i, !f, !i, !i, !f
  }
  lm.func @edits(%l: !logits, %ends: !i, %t: !ei, %b: !ef, %s: !ef, %o: !ef, %n: !i) -> (!logits, !i, !i, !ti, !tf) {
    %e = decode.edit_logits %l, %ends, %t, %b, %s, %o : !logits, !i, !ei, !ef, !ef, !ef
    %0, %1, %2 = decode.choose_greedy %e : !logits
    %3, %4 = decode.top_logprobs %e, %n : !logits, !i
    lm.return %e, %0, %1, %3, %4 : !logits, !i, !i, !ti, !tf
  }
}

decode.strategy @all(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<1>
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : !decode.block<1>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %stop = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
decode.strategy @temperature(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<1>
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : !decode.block<1>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %stop = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
decode.strategy @greedy(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<1>
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_greedy %b, %l : !decode.block<1>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %stop = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
decode.strategy @edited(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<1>
    %l = decode.head %h : !decode.hidden<@main>
    %e = decode.edit %x, %l : !decode.sequence<@main>, !decode.logits<@main>
    %p = decode.verify_greedy %b, %e : !decode.block<1>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %stop = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
