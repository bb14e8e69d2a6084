// RUN: rm -rf %t && mkdir -p %t
//
// Two models and their more than 100 ops; what is looked for is in one of them. What is left is
// that op, its function and its model, and it is valid.
// RUN: plait-translate --import-hf %models/kjv-2m -o %t/kjv.mlir
// RUN: plait-translate --import-hf %golden/models/gpt2-tiny -o %t/gpt2.mlir
// RUN: plait-opt %t/kjv.mlir > %t/two.mlir && plait-opt %t/gpt2.mlir >> %t/two.mlir
// RUN: printf '#!/bin/sh\n! grep -q "lm.glu" "$1"\n' > %t/has-glu && chmod +x %t/has-glu
// RUN: plait-reduce %t/two.mlir --test=%t/has-glu -o %t/glu.mlir 2> %t/log
// RUN: plait-opt %t/glu.mlir | FileCheck %s --check-prefix=GLU
// RUN: FileCheck %s --check-prefix=LOG --input-file %t/log
//
// An op and what it depends on: the test may ask for more than one line.
// RUN: printf '#!/bin/sh\n! plait-opt "$1" --plait-print-cost -o /dev/null 2>&1 | grep -q "flops: .* P"\n' > %t/cost && chmod +x %t/cost
// RUN: plait-reduce %t/kjv.mlir --test=%t/cost 2> /dev/null | FileCheck %s --check-prefix=COST
//
// Warps and layers of a strategy's model.
// RUN: plait-opt %t/kjv.mlir --plait-attach-strategy -o %t/strategy.mlir
// RUN: printf '#!/bin/sh\n! grep -q "$1" "$2"\n' > %t/has && chmod +x %t/has
// RUN: plait-reduce %t/strategy.mlir --test=%t/has --test-arg=decode.verify_sample 2> /dev/null | FileCheck %s --check-prefix=WARPS
// RUN: plait-reduce %t/strategy.mlir --test=%t/has --test-arg=decode.verify_ 2> /dev/null | FileCheck %s --check-prefix=GREEDY
// RUN: plait-reduce %t/strategy.mlir --test=%t/has --test-arg=lm.layers 2> /dev/null | FileCheck %s --check-prefix=LAYERS
//
// The launch plan of a model, and kernels.
// RUN: plait-compile %models/kjv-2m --weights=none --stop-after=lower --fuse=none -o %t/lower.mlir
// RUN: plait-reduce %t/lower.mlir --test=%t/has '--test-arg=rt.launch @glu' 2> /dev/null | FileCheck %s --check-prefix=PLAN
// RUN: plait-reduce %t/lower.mlir --test=%t/has '--test-arg=lm.rope' 2> /dev/null | FileCheck %s --check-prefix=KERNEL
//
// What is wrong with a call.
// RUN: not plait-reduce %t/kjv.mlir --test=%t/has --test-arg=gelu 2>&1 | FileCheck %s --check-prefix=BORING
// RUN: not plait-reduce %t/kjv.mlir --test=%t/none 2>&1 | FileCheck %s --check-prefix=NOTEST
// RUN: not plait-reduce %t/none.mlir --test=%t/has 2>&1 | FileCheck %s --check-prefix=NOINPUT

// GLU: module {
// GLU-NEXT: module {
// GLU-NEXT: lm.model @main
// GLU-NEXT: lm.func @forward(%[[A:.*]]: tensor<?x512xf32, #lm.dims<tokens>>, %[[B:.*]]: tensor<?x512xf32, #lm.dims<tokens>>) {
// GLU-NEXT: lm.glu silu
// GLU-NEXT: lm.return
// GLU-NEXT: }
// GLU-NEXT: }
// GLU-NEXT: }
// GLU-NEXT: }
// LOG: {{^}}plait-reduce: {{1[0-9][0-9]}} ops became 5 in {{[0-9]+}} tests

// COST: lm.func
// COST-NEXT: lm.attention
// COST-NEXT: lm.return

// WARPS: decode.strategy @ar
// WARPS: decode.verify_sample {{.*}} [#decode.warp<temperature>] :
// WARPS-NOT: #decode.warp
// GREEDY: decode.verify_greedy
// LAYERS: lm.layers 0 to 1 iter() {
// LAYERS-NEXT: lm.yield
// LAYERS-NEXT: }
// LAYERS-NOT: decode.

// PLAN: rt.model
// PLAN-NEXT: rt.kernel @glu
// PLAN-NEXT: rt.plan "ar" {
// PLAN-NEXT: rt.launch @glu {{.*$}}
// PLAN-NEXT: }
// KERNEL-NOT: rt.
// KERNEL: kernel.func @rope
// KERNEL-NEXT: lm.rope
// KERNEL-NEXT: kernel.return
// KERNEL-NOT: kernel.func

// BORING: plait-reduce: error: {{.*}}kjv.mlir: found IR for which --test exits with 0; expected IR that shows what is looked for
// NOTEST: plait-reduce: error: --test: found '{{.*}}none'; expected a program that can be executed
// NOINPUT: plait-reduce: error: cannot open input file '{{.*}}none.mlir': No such file or directory
