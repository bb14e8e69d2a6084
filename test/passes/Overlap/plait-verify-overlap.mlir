// Two algorithms of one program, each with memory and counters of its own.
//
// RUN: plait-opt %S/plait-check-overlap.mlir --plait-verify-overlap -o /dev/null
// RUN: sed 's/sizes \[2\]/sizes [1]/' %S/one-shot-all-reduce.mlir | plait-opt --plait-verify-overlap -o /dev/null
