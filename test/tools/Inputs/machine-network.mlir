par.machine @network devices [
  <kind = "cpu", memory = 17179869184, bandwidth = 1.0e9, peak = {bf16 = 1.0e10, f32 = 1.0e10}, launch = 1.0e-6>,
  <kind = "cpu", memory = 17179869184, bandwidth = 1.0e9, peak = {bf16 = 1.0e10, f32 = 1.0e10}, launch = 1.0e-6>
] links [
  <members = [0, 1], kind = network, bandwidth = 1.0e8, latency = 5.0e-6>
] host <step = 5.0e-5, sequence = 1.0e-5> calibration "two devices on a slow network"
