// A link on which a sum of few rows is one of data that tells that it is there, and one of more rows another one.
par.machine @three devices [
  <kind = "cpu", memory = 34359738368, bandwidth = 2.0e10, peak = {bf16 = 1.0e11, f32 = 1.0e11}, launch = 1.0e-9>,
  <kind = "cpu", memory = 34359738368, bandwidth = 2.0e10, peak = {bf16 = 1.0e11, f32 = 1.0e11}, launch = 1.0e-9>,
  <kind = "cpu", memory = 34359738368, bandwidth = 2.0e10, peak = {bf16 = 1.0e11, f32 = 1.0e11}, launch = 1.0e-9>
] links [
  <members = [0, 1, 2], kind = switch, bandwidth = 1.0e9, latency = 2.0e-6>
] host <step = 5.0e-5, sequence = 1.0e-5> calibration "made up"
