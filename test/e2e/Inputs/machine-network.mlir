// Exchanges of a prompt take a third of the time that its products take.
par.machine @two devices [
  <kind = "cpu", memory = 34359738368, bandwidth = 2.0e10, peak = {bf16 = 1.0e11, f32 = 1.0e11}, launch = 1.0e-9>,
  <kind = "cpu", memory = 34359738368, bandwidth = 2.0e10, peak = {bf16 = 1.0e11, f32 = 1.0e11}, launch = 1.0e-9>
] links [
  <members = [0, 1], kind = network, bandwidth = 1.0e9, latency = 2.0e-5>
] host <step = 5.0e-5, sequence = 1.0e-5> calibration "made up"
