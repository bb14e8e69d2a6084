// RUN: plait-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{expected a memory of a positive number of bytes but got 0}}
par.machine @m devices [<kind = "cpu", memory = 0, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>] links [] host <step = 0.0, sequence = 0.0>

// -----

// expected-error @+1 {{expected a bandwidth of more than 0 bytes per second but got}}
par.machine @m devices [<kind = "cpu", memory = 8, bandwidth = -1.0, peak = {f32 = 1.0}, launch = 0.0>] links [] host <step = 0.0, sequence = 0.0>

// -----

// expected-error @+1 {{expected a peak of f32 but got none}}
par.machine @m devices [<kind = "cpu", memory = 8, bandwidth = 1.0, peak = {bf16 = 1.0}, launch = 0.0>] links [] host <step = 0.0, sequence = 0.0>

// -----

// expected-error @+1 {{expected a peak of bf16 of more than 0 operations per second but got}}
par.machine @m devices [<kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0, bf16 = 0.0}, launch = 0.0>] links [] host <step = 0.0, sequence = 0.0>

// -----

// expected-error @+2 {{expected each element type once but got f32 again}}
// expected-error @+1 {{failed to parse Par_DeviceAttr parameter 'peak'}}
par.machine @m devices [<kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0, f32 = 2.0}, launch = 0.0>] links [] host <step = 0.0, sequence = 0.0>

// -----

// expected-error @+1 {{expected a launch of 0 seconds or more but got}}
par.machine @m devices [<kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = -1.0>] links [] host <step = 0.0, sequence = 0.0>

// -----

// expected-error @+1 {{expected a link of at least 2 members but got 1}}
par.machine @m devices [<kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>, <kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>] links [<members = [0], kind = pcie, bandwidth = 1.0, latency = 0.0>] host <step = 0.0, sequence = 0.0>

// -----

// expected-error @+1 {{expected each member of a link once but got 1 again}}
par.machine @m devices [<kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>, <kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>] links [<members = [1, 1], kind = pcie, bandwidth = 1.0, latency = 0.0>] host <step = 0.0, sequence = 0.0>

// -----

// expected-error @+1 {{expected a bandwidth of more than 0 bytes per second but got}}
par.machine @m devices [<kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>, <kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>] links [<members = [0, 1], kind = pcie, bandwidth = 0.0, latency = 0.0>] host <step = 0.0, sequence = 0.0>

// -----

// expected-error @+1 {{expected a latency of 0 seconds or more but got}}
par.machine @m devices [<kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>, <kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>] links [<members = [0, 1], kind = pcie, bandwidth = 1.0, latency = -1.0>] host <step = 0.0, sequence = 0.0>

// -----

// expected-error @+1 {{expected 0 seconds or more for a sequence but got}}
par.machine @m devices [<kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>, <kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>] links [] host <step = 0.0, sequence = -1.0>

// -----

// expected-error @+1 {{expected at least one device}}
par.machine @m devices [] links [] host <step = 0.0, sequence = 0.0>

// -----

// expected-error @+1 {{expected members of links from 0 to 1 but got 2}}
par.machine @m devices [<kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>, <kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>] links [<members = [0, 2], kind = pcie, bandwidth = 1.0, latency = 0.0>] host <step = 0.0, sequence = 0.0>

// -----

// expected-error @+1 {{expected the symbol of a 'par.machine' but got @m}}
par.mesh @mesh axes ["tp"] sizes [2] on @m

// -----

// expected-error @+1 {{expected devices of a machine, which 'on' names}}
par.mesh @mesh axes ["tp"] sizes [2] devices [0, 1]

// -----

par.machine @m devices [<kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>, <kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>] links [<members = [0, 1], kind = pcie, bandwidth = 1.0, latency = 0.0>] host <step = 0.0, sequence = 0.0>
// expected-error @+1 {{expected a device for each of 2 ranks but got 1}}
par.mesh @mesh axes ["tp"] sizes [2] on @m devices [0]

// -----

par.machine @m devices [<kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>, <kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>] links [<members = [0, 1], kind = pcie, bandwidth = 1.0, latency = 0.0>] host <step = 0.0, sequence = 0.0>
// expected-error @+1 {{expected each device once but got 0 again}}
par.mesh @mesh axes ["tp"] sizes [2] on @m devices [0, 0]

// -----

par.machine @m devices [<kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>, <kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>] links [<members = [0, 1], kind = pcie, bandwidth = 1.0, latency = 0.0>] host <step = 0.0, sequence = 0.0>
// expected-error @+1 {{expected devices from 0 to 1 of machine m but got 2}}
par.mesh @mesh axes ["tp"] sizes [2] on @m devices [0, 2]

// -----

par.machine @m devices [<kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>, <kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>] links [<members = [0, 1], kind = pcie, bandwidth = 1.0, latency = 0.0>] host <step = 0.0, sequence = 0.0>
// expected-error @+1 {{expected devices from 0 to 1 of machine m but got 2}}
par.mesh @mesh axes ["tp"] sizes [3] on @m

// -----

par.machine @m devices [<kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>, <kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>] links [] host <step = 0.0, sequence = 0.0>
// expected-error @+1 {{expected a link of machine m that joins devices 0 and 1}}
par.mesh @mesh axes ["tp"] sizes [2] on @m
