// To exchange rows takes longer than norms and residuals of them.
par.machine @two devices [
  <kind = "cpu", memory = 34359738368, bandwidth = 8.0e10, peak = {bf16 = 1.0e11, f32 = 1.0e11}, launch = 1.0e-9>,
  <kind = "cpu", memory = 34359738368, bandwidth = 8.0e10, peak = {bf16 = 1.0e11, f32 = 1.0e11}, launch = 1.0e-9>
] links [
  <members = [0, 1], kind = shared_memory, bandwidth = 1.0e9, latency = 5.0e-6>
] host <step = 5.0e-5, sequence = 1.0e-5> calibration "made up"
