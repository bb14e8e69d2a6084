// Norms and residuals take longer than exchanges.
par.machine @two devices [
  <kind = "cpu", memory = 34359738368, bandwidth = 1.0e9, peak = {bf16 = 1.0e11, f32 = 1.0e11}, launch = 1.0e-6>,
  <kind = "cpu", memory = 34359738368, bandwidth = 1.0e9, peak = {bf16 = 1.0e11, f32 = 1.0e11}, launch = 1.0e-6>
] links [
  <members = [0, 1], kind = shared_memory, bandwidth = 1.0e10, latency = 1.0e-7>
] host <step = 5.0e-5, sequence = 1.0e-5> calibration "made up"
