//===- PtxasLogTest.cpp - CUDA targets and what ptxas says ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Target/CudaMachine.h"
#include "plait/Target/Ptx.h"

#include "gtest/gtest.h"

using namespace plait;

TEST(CudaMachine, Names) {
  EXPECT_EQ(resolveCudaMachine("cuda:sm_90a")->unit, MatrixUnit::wgmma);
  EXPECT_EQ(resolveCudaMachine("cuda:sm_80")->unit, MatrixUnit::mma);
  EXPECT_EQ(resolveCudaMachine("cuda:sm_100a")->sharedBytes, 227 * 1024);
  EXPECT_EQ(resolveCudaMachine("cuda:sm_90").status().message(),
            "target: found 'cuda:sm_90'; expected cuda:sm_80, cuda:sm_90a or cuda:sm_100a");
  EXPECT_TRUE(isCudaTarget("cuda:x"));
  EXPECT_FALSE(isCudaTarget("cpu:amx"));
}

TEST(PtxasLog, Functions) {
  Cubin cubin;
  Status status = readPtxasLog("ptxas info    : 0 bytes gmem\n"
                               "ptxas info    : Compiling entry function 'b' for 'sm_90a'\n"
                               "ptxas info    : Function properties for b\n"
                               "    24 bytes stack frame, 8 bytes spill stores, 16 bytes spill loads\n"
                               "ptxas info    : Used 168 registers, used 1 barriers, 48 bytes smem\n"
                               "ptxas info    : Compile time = 3.000 ms\n"
                               "ptxas info    : Function properties for a\n"
                               "    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
                               "ptxas info    : Used 14 registers, used 0 barriers\n"
                               "ptxas info    : (C7510) Potential Performance Loss: wgmma.mma_async instructions are "
                               "serialized\n",
                               cubin);
  ASSERT_TRUE(status.ok());
  ASSERT_EQ(cubin.entries.size(), 2u);
  EXPECT_EQ(cubin.entries[0].entry, "a");
  EXPECT_EQ(cubin.entries[0].registers, 14);
  const KernelResources &b = cubin.entries[1];
  EXPECT_EQ(b.entry, "b");
  EXPECT_EQ(b.registers, 168);
  EXPECT_EQ(b.spillStores, 8);
  EXPECT_EQ(b.spillLoads, 16);
  EXPECT_EQ(b.stack, 24);
  EXPECT_EQ(b.shared, 48);
  ASSERT_EQ(cubin.warnings.size(), 1u);
}

TEST(PtxasLog, NotUnderstood) {
  Cubin cubin;
  EXPECT_EQ(readPtxasLog("ptxas info    : Function properties for a\n", cubin).message(),
            "ptxas: found no line \"Used N registers\" for a; expected the output of ptxas -v of CUDA 13");
}
