//===- IrVersionTest.cpp - The version of Plait's dialects in bytecode ----===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Driver/Register.h"
#include "plait/Support/IrVersion.h"

#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/MemoryBufferRef.h"

#include <gtest/gtest.h>

using namespace plait;

namespace {

struct IrVersionTest : testing::Test {
  IrVersionTest() : context(makeRegistry()) {
    module = mlir::parseSourceString<mlir::ModuleOp>(
        R"(lm.model @main family "llama" numerics fast max_positions 8 {})", &context);
  }

  static mlir::DialectRegistry makeRegistry() {
    mlir::DialectRegistry registry;
    registerAllDialects(registry);
    return registry;
  }

  std::string write(const mlir::BytecodeWriterConfig &config) {
    std::string bytes;
    llvm::raw_string_ostream out(bytes);
    EXPECT_TRUE(mlir::succeeded(mlir::writeBytecodeToFile(*module, out, config)));
    return bytes;
  }

  /// What reading says that goes wrong; empty if nothing does.
  std::string read(const std::string &bytes) {
    std::string message;
    mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
      if (message.empty())
        message = diagnostic.str();
    });
    mlir::Block block;
    bool ok = mlir::succeeded(mlir::readBytecodeFile(llvm::MemoryBufferRef(bytes, "test"), &block, &context));
    EXPECT_EQ(ok, message.empty());
    return message;
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

TEST_F(IrVersionTest, OwnVersionIsRead) {
  ASSERT_TRUE(module);
  EXPECT_EQ(read(write({})), "");
}

TEST_F(IrVersionTest, OtherVersionIsRefused) {
  ASSERT_TRUE(module);
  for (uint64_t version : {kIrVersion + 1, uint64_t(0)}) {
    mlir::BytecodeWriterConfig config;
    config.setDialectVersion("lm", std::make_unique<IrVersion>(version));
    EXPECT_EQ(read(write(config)),
              "found version " + std::to_string(version) + " of dialect 'lm' but expected version 1");
  }
}

} // namespace
