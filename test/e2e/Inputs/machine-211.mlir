// One device with twice the memory of the two others, and links on which splitting pays.
par.machine @three devices [
  <kind = "cpu", memory = 32000000000, bandwidth = 1.0e8, peak = {f32 = 1.0e12}, launch = 0.0>,
  <kind = "cpu", memory = 16000000000, bandwidth = 1.0e8, peak = {f32 = 1.0e12}, launch = 0.0>,
  <kind = "cpu", memory = 16000000000, bandwidth = 1.0e8, peak = {f32 = 1.0e12}, launch = 0.0>
] links [
  <members = [0, 1, 2], kind = shared_memory, bandwidth = 1.0e12, latency = 1.0e-9>
] host <step = 0.0, sequence = 0.0> calibration "by hand, for a test"
