// Long steps are computed in two parts where one part's exchange is predicted to hide behind the other's
// computation: not on few tokens, where only its latency counts, and not by ranks that copy by themselves.
//
// RUN: plait-opt %s --plait-weave-steps --remarks-filter='plait-.*' 2>%t | FileCheck %s --check-prefix=WOVEN
// RUN: FileCheck %s --check-prefix=GAIN < %t
// RUN: sed -e 's/kind = network/kind = shared_memory/' -e 's/latency = 1.0e-4/latency = 1.0e-7/' %s | plait-opt --plait-weave-steps --remarks-filter='plait-.*' 2>%t | FileCheck %s --check-prefix=WHOLE
// RUN: FileCheck %s --check-prefix=LOSS < %t
// RUN: sed -e '/^par.machine/,/^] host/d' -e 's/ on @two//' %s | plait-opt --plait-weave-steps --remarks-filter='plait-.*' 2>%t | FileCheck %s --check-prefix=WHOLE
// RUN: FileCheck %s --check-prefix=UNKNOWN < %t
// RUN: plait-opt %s --plait-weave-steps=tokens=96 --remarks-filter='plait-.*' 2>%t | FileCheck %s --check-prefix=WANTED
// RUN: FileCheck %s --check-prefix=SAID < %t
//
// Steps of one rank exchange nothing.
// RUN: sed -e '/par.all_reduce/d' -e 's/%%e, %%g/%%p, %%g/' %s | plait-opt --plait-weave-steps=tokens=96 | FileCheck %s --check-prefix=WHOLE

par.machine @two devices [
  <kind = "cpu", memory = 34359738368, bandwidth = 1.0e9, peak = {f32 = 1.0e11}, launch = 1.0e-6>,
  <kind = "cpu", memory = 34359738368, bandwidth = 1.0e9, peak = {f32 = 1.0e11}, launch = 1.0e-6>
] links [
  <members = [0, 1], kind = network, bandwidth = 1.0e9, latency = 1.0e-4>
] host <step = 5.0e-5, sequence = 1.0e-5>
par.mesh @mesh axes ["tp"] sizes [2] on @two rank 0
lm.model @m family "t" numerics row_invariant max_positions 2048 {
  lm.weight @table from "table" part <at = [0, 0], of = [50, 64]> : !lm.weight<25x64, #lm.bf16>
  lm.weight @gain from "gain" : !lm.weight<64, #lm.f32>
}
// WOVEN: weave_tokens = {{512|1024|2048}} : i64
// WANTED: weave_tokens = 96 : i64
// WHOLE: decode.step
// WHOLE-NOT: weave_tokens
decode.step @s(%ids: tensor<?xi32, #lm.dims<tokens>>, %leaves: tensor<?xi32, #lm.dims<leaves>>) -> (tensor<?x64xf32, #lm.dims<leaves>>)
    attributes {input_roles = [#decode.role<tokens>, #decode.role<leaves>], output_roles = [#decode.role<logits>]} {
  %t = lm.get_weight @m::@table : !lm.weight<25x64, #lm.bf16>
  %p = lm.embed %ids, %t {first = 0 : i64} : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<25x64, #lm.bf16>
  %e = par.all_reduce %p on @mesh ["tp"] : tensor<?x64xf32, #lm.dims<tokens>>
  %g = lm.get_weight @m::@gain : !lm.weight<64, #lm.f32>
  %f = lm.rms_norm %e, %g eps 1.0e-05 : tensor<?x64xf32, #lm.dims<tokens>>, !lm.weight<64, #lm.f32>
  %l = lm.take_rows %f, %leaves : tensor<?x64xf32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<leaves>>
  decode.return %l : tensor<?x64xf32, #lm.dims<leaves>>
}
// GAIN: @s: steps of {{512|1024|2048}} tokens or more are computed in two parts: a prompt of so many takes {{.*}} instead of {{.*}}, a gain of {{[0-9.]+}} %: above 10.0 %
// LOSS: @s: steps are computed as a whole: a prompt of 2048 tokens would take {{.*}} instead of
// UNKNOWN: @s: steps are computed as a whole: no machine is described that times could be predicted for
// SAID: @s: steps of 96 tokens or more are computed in two parts
