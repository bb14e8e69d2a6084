//===- FakeStreams.h - What the fake driver and the fake NCCL share -*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_CUDA_FAKESTREAMS_H
#define PLAIT_TEST_UNIT_CUDA_FAKESTREAMS_H

#include "runtime/device/cuda/Driver.h"

#include <functional>
#include <mutex>

namespace plait::test {

/// Of everything: one call at a time is in a fake.
std::recursive_mutex &fakeMutex();
/// Puts `work` into a stream. It is called again for as long as it returns kNotReady, and what is behind it waits.
void putIntoStream(cuda::Stream stream, std::function<cuda::Result()> work);
/// Whether the bytes are those of one allocation on the GPU.
bool isOnGpu(const void *address, size_t bytes);

} // namespace plait::test

#endif // PLAIT_TEST_UNIT_CUDA_FAKESTREAMS_H
