// RUN: plait-opt %s -split-input-file -verify-diagnostics | FileCheck %s

!i = tensor<?xi32, #lm.dims<leaves>>
!f = tensor<?xf32, #lm.dims<leaves>>
!l = tensor<?xi64, #lm.dims<leaves>>
!part = tensor<?x7xf32, #lm.dims<leaves>>
!sums = tensor<?x8xf32, #lm.dims<leaves>>
!draws = tensor<?x3xf32, #lm.dims<draws>>
!state = tensor<?x6xf32, #lm.dims<warps>>
// CHECK-LABEL: func.func @all
func.func @all(%p: !part, %s: !sums, %k: !i, %x: !f, %q: !l, %b: tensor<?x1024xf32, #lm.dims<warps>>,
               %d: tensor<?x6xf32, #lm.dims<draws>>, %e: tensor<?x4xf32, #lm.dims<top_entries>>) {
  // CHECK-NEXT: decode.summarize %{{.*}} {first = 7 : i64} : (tensor<?x7xf32, #lm.dims<leaves>>) -> tensor<?x4xf32, #lm.dims<leaves>>
  %0 = decode.summarize %p {first = 7 : i64} : (!part) -> tensor<?x4xf32, #lm.dims<leaves>>
  // CHECK-NEXT: decode.summarize_blocks %{{.*}} {first = 7 : i64} : (tensor<?x7xf32, #lm.dims<leaves>>) -> tensor<?x4xf32, #lm.dims<leaves>>
  %12 = decode.summarize_blocks %p {first = 7 : i64} : (!part) -> tensor<?x4xf32, #lm.dims<leaves>>
  // CHECK-NEXT: decode.summarize_blocks %{{.*}} tops %{{.*}} {first = 7 : i64} : (tensor<?x7xf32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>) -> (tensor<?x4xf32, #lm.dims<leaves>>, tensor<?x2xf32, #lm.dims<top_entries>>)
  %14:2 = decode.summarize_blocks %p tops %k {first = 7 : i64} : (!part, !i) -> (tensor<?x4xf32, #lm.dims<leaves>>, tensor<?x2xf32, #lm.dims<top_entries>>)
  // CHECK-NEXT: decode.join_entries %{{.*}}, %{{.*}} : (tensor<?x4xf32, #lm.dims<top_entries>>, tensor<?xi32, #lm.dims<leaves>>) -> tensor<?x2xf32, #lm.dims<top_entries>>
  %15 = decode.join_entries %e, %k : (tensor<?x4xf32, #lm.dims<top_entries>>, !i) -> tensor<?x2xf32, #lm.dims<top_entries>>
  // CHECK-NEXT: decode.join_summaries %{{.*}} : (tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x4xf32, #lm.dims<leaves>>
  %13 = decode.join_summaries %s : (!sums) -> tensor<?x4xf32, #lm.dims<leaves>>
  // CHECK-NEXT: decode.choose_summarized %{{.*}} : (tensor<?x8xf32, #lm.dims<leaves>>) ->
  %1:3 = decode.choose_summarized %s : (!sums) -> (!i, !i, !f)
  // CHECK-NEXT: decode.choose_summarized %{{.*}} drawn %{{.*}} temperature %{{.*}} :
  %2:3 = decode.choose_summarized %s drawn %d temperature %x : (!sums, tensor<?x6xf32, #lm.dims<draws>>, !f) -> (!i, !i, !f)
  // CHECK-NEXT: decode.bin_logits %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} rule <top_k> round 0 :
  %3 = decode.bin_logits %p, %s, %x, %k rule <top_k> round 0 : (!part, !sums, !f, !i) -> tensor<?x512xf32, #lm.dims<warps>>
  // CHECK-NEXT: %[[S:.*]] = decode.narrow_threshold %{{.*}}, %{{.*}} rule <top_k> round 0 :
  %4 = decode.narrow_threshold %b, %k rule <top_k> round 0 : (tensor<?x1024xf32, #lm.dims<warps>>, !i) -> !state
  // CHECK-NEXT: decode.bin_logits %{{.*}} state %[[S]] rule <top_p> round 3 :
  %5 = decode.bin_logits %p, %s, %x, %x state %4 rule <top_p> round 3 : (!part, !sums, !f, !f, !state) -> tensor<?x512xf32, #lm.dims<warps>>
  // CHECK-NEXT: decode.narrow_threshold %{{.*}} state %[[S]] rule <top_p> round 3 :
  %6 = decode.narrow_threshold %b, %x state %4 rule <top_p> round 3 : (tensor<?x1024xf32, #lm.dims<warps>>, !f, !state) -> !state
  // CHECK-NEXT: decode.draw_part %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {first = 7 : i64} :
  %7 = decode.draw_part %p, %s, %k, %q, %q, %x {first = 7 : i64} : (!part, !sums, !i, !l, !l, !f) -> !draws
  // CHECK-NEXT: decode.draw_part %{{.*}} state %{{.*}} min_p %{{.*}} {first = 7 : i64} :
  %8 = decode.draw_part %p, %s, %k, %q, %q, %x state %6 min_p %x {first = 7 : i64} : (!part, !sums, !i, !l, !l, !f, !state, !f) -> !draws
  // CHECK-NEXT: decode.top_part %{{.*}}, %{{.*}} {first = 7 : i64} :
  %10 = decode.top_part %p, %k {first = 7 : i64} : (!part, !i) -> tensor<?x2xf32, #lm.dims<top_entries>>
  // CHECK-NEXT: decode.join_tops %{{.*}}, %{{.*}}, %{{.*}} :
  %11:2 = decode.join_tops %e, %s, %k : (tensor<?x4xf32, #lm.dims<top_entries>>, !sums, !i) -> (tensor<?x?xi32, #lm.dims<leaves, tops>>, tensor<?x?xf32, #lm.dims<leaves, tops>>)
  return
}

// -----

func.func @f(%l: tensor<?x7xf32, #lm.dims<leaves>>) {
  // expected-error @+1 {{'decode.summarize' op expected a result with 4 columns but got 'tensor<?x5xf32, #lm.dims<leaves>>'}}
  %0 = decode.summarize %l {first = 0 : i64} : (tensor<?x7xf32, #lm.dims<leaves>>) -> tensor<?x5xf32, #lm.dims<leaves>>
  return
}

// -----

func.func @f(%l: tensor<?xf32, #lm.dims<leaves>>) {
  // expected-error @+1 {{'decode.summarize' op expected logits of rank 2 with a static number of columns but got}}
  %0 = decode.summarize %l {first = 0 : i64} : (tensor<?xf32, #lm.dims<leaves>>) -> tensor<?x4xf32, #lm.dims<leaves>>
  return
}

// -----

func.func @f(%l: tensor<?x513xf32, #lm.dims<leaves>>) {
  // expected-error @+1 {{'decode.summarize_blocks' op expected summaries with 8 columns but got 'tensor<?x4xf32, #lm.dims<leaves>>'}}
  %0 = decode.summarize_blocks %l {first = 0 : i64} : (tensor<?x513xf32, #lm.dims<leaves>>) -> tensor<?x4xf32, #lm.dims<leaves>>
  return
}

// -----

func.func @f(%l: tensor<?x7xf32, #lm.dims<leaves>>, %k: tensor<?xi32, #lm.dims<leaves>>) {
  // expected-error @+1 {{'decode.summarize_blocks' op expected counts and entries, or neither}}
  %0 = decode.summarize_blocks %l tops %k {first = 0 : i64} : (tensor<?x7xf32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>) -> tensor<?x4xf32, #lm.dims<leaves>>
  return
}

// -----

func.func @f(%l: tensor<?x7xf32, #lm.dims<leaves>>, %k: tensor<?xi32, #lm.dims<leaves>>) {
  // expected-error @+1 {{'decode.summarize_blocks' op expected entries with 2 columns but got 'tensor<?x4xf32, #lm.dims<top_entries>>'}}
  %0:2 = decode.summarize_blocks %l tops %k {first = 0 : i64} : (tensor<?x7xf32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>) -> (tensor<?x4xf32, #lm.dims<leaves>>, tensor<?x4xf32, #lm.dims<top_entries>>)
  return
}

// -----

func.func @f(%e: tensor<?x3xf32, #lm.dims<top_entries>>, %k: tensor<?xi32, #lm.dims<leaves>>) {
  // expected-error @+1 {{'decode.join_entries' op expected entries with 2 columns per part but got 'tensor<?x3xf32, #lm.dims<top_entries>>'}}
  %0 = decode.join_entries %e, %k : (tensor<?x3xf32, #lm.dims<top_entries>>, tensor<?xi32, #lm.dims<leaves>>) -> tensor<?x2xf32, #lm.dims<top_entries>>
  return
}

// -----

func.func @f(%s: tensor<?x6xf32, #lm.dims<leaves>>) {
  // expected-error @+1 {{'decode.join_summaries' op expected summaries with 4 columns per part but got 'tensor<?x6xf32, #lm.dims<leaves>>'}}
  %0 = decode.join_summaries %s : (tensor<?x6xf32, #lm.dims<leaves>>) -> tensor<?x4xf32, #lm.dims<leaves>>
  return
}

// -----

!f = tensor<?xf32, #lm.dims<leaves>>
func.func @f(%s: tensor<?x6xf32, #lm.dims<leaves>>) -> (tensor<?xi32, #lm.dims<leaves>>) {
  // expected-error @+1 {{'decode.choose_summarized' op expected summaries with 4 columns per part but got 'tensor<?x6xf32, #lm.dims<leaves>>'}}
  %0:3 = decode.choose_summarized %s : (tensor<?x6xf32, #lm.dims<leaves>>) -> (tensor<?xi32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>, !f)
  return %0#0 : tensor<?xi32, #lm.dims<leaves>>
}

// -----

!f = tensor<?xf32, #lm.dims<leaves>>
func.func @f(%s: tensor<?x8xf32, #lm.dims<leaves>>, %t: !f) {
  // expected-error @+1 {{'decode.choose_summarized' op expected drawn tokens and a temperature, or neither}}
  %0:3 = decode.choose_summarized %s temperature %t : (tensor<?x8xf32, #lm.dims<leaves>>, !f) -> (tensor<?xi32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>, !f)
  return
}

// -----

!f = tensor<?xf32, #lm.dims<leaves>>
func.func @f(%s: tensor<?x8xf32, #lm.dims<leaves>>, %d: tensor<?x9xf32, #lm.dims<draws>>, %t: !f) {
  // expected-error @+1 {{'decode.choose_summarized' op expected drawn tokens of as many parts as summaries but got}}
  %0:3 = decode.choose_summarized %s drawn %d temperature %t : (tensor<?x8xf32, #lm.dims<leaves>>, tensor<?x9xf32, #lm.dims<draws>>, !f) -> (tensor<?xi32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>, !f)
  return
}

// -----

func.func @f(%b: tensor<?x512xf32, #lm.dims<warps>>, %m: tensor<?xf32, #lm.dims<leaves>>) {
  // expected-error @+1 {{'decode.narrow_threshold' op expected the rule top_k or top_p but got #decode.warp<min_p>}}
  %0 = decode.narrow_threshold %b, %m rule <min_p> round 0 : (tensor<?x512xf32, #lm.dims<warps>>, tensor<?xf32, #lm.dims<leaves>>) -> tensor<?x6xf32, #lm.dims<warps>>
  return
}

// -----

func.func @f(%b: tensor<?x512xf32, #lm.dims<warps>>, %m: tensor<?xf32, #lm.dims<leaves>>) {
  // expected-error @+1 {{'decode.narrow_threshold' op expected a limit of i32 for top_k and of f32 for top_p but got}}
  %0 = decode.narrow_threshold %b, %m rule <top_k> round 0 : (tensor<?x512xf32, #lm.dims<warps>>, tensor<?xf32, #lm.dims<leaves>>) -> tensor<?x6xf32, #lm.dims<warps>>
  return
}

// -----

func.func @f(%b: tensor<?x512xf32, #lm.dims<warps>>, %p: tensor<?xf32, #lm.dims<leaves>>) {
  // expected-error @+1 {{'decode.narrow_threshold' op expected a round of 0 to 3, and a state for all but the first, but got 1}}
  %0 = decode.narrow_threshold %b, %p rule <top_p> round 1 : (tensor<?x512xf32, #lm.dims<warps>>, tensor<?xf32, #lm.dims<leaves>>) -> tensor<?x6xf32, #lm.dims<warps>>
  return
}

// -----

!f = tensor<?xf32, #lm.dims<leaves>>
!l = tensor<?xi64, #lm.dims<leaves>>
func.func @f(%p: tensor<?x7xf32, #lm.dims<leaves>>, %s: tensor<?x8xf32, #lm.dims<leaves>>, %pos: tensor<?xi32, #lm.dims<leaves>>, %q: !l, %t: !f) {
  // expected-error @+1 {{'decode.draw_part' op expected a result with 3 columns but got 'tensor<?x2xf32, #lm.dims<draws>>'}}
  %0 = decode.draw_part %p, %s, %pos, %q, %q, %t {first = 7 : i64} : (tensor<?x7xf32, #lm.dims<leaves>>, tensor<?x8xf32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>, !l, !l, !f) -> tensor<?x2xf32, #lm.dims<draws>>
  return
}

// -----

func.func @f(%e: tensor<?x3xf32, #lm.dims<top_entries>>, %s: tensor<?x8xf32, #lm.dims<leaves>>, %n: tensor<?xi32, #lm.dims<leaves>>) {
  // expected-error @+1 {{'decode.join_tops' op expected entries with 2 columns per part but got}}
  %0:2 = decode.join_tops %e, %s, %n : (tensor<?x3xf32, #lm.dims<top_entries>>, tensor<?x8xf32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>) -> (tensor<?x?xi32, #lm.dims<leaves, tops>>, tensor<?x?xf32, #lm.dims<leaves, tops>>)
  return
}
