//===- CudaProtocolCases.cpp - Protocols for a machine with a GPU ---------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaProtocolCases.h"

#include "passes/Overlap/Passes.h"
#include "runtime/base/File.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace plait;
using namespace plait::test;
using namespace mlir;

static Json buffer(int64_t rows, int64_t columns, const char *draw, const char *element = "f32", bool isSame = false) {
  return {{"rows", rows}, {"columns", columns}, {"draw", draw}, {"element", element}, {"same", isSame}};
}
static Json result(int64_t rows, int64_t columns, Json value) {
  return {{"rows", rows}, {"columns", columns}, {"value", std::move(value)}};
}
static Json value(const char *op, Json x) { return Json::array({op, std::move(x)}); }
static Json value(const char *op, Json x, Json y) { return Json::array({op, std::move(x), std::move(y)}); }

std::vector<CudaProtocolCase> test::cudaProtocolCases(int64_t n) {
  auto number = [](int64_t x) { return std::to_string(x); };
  auto numbers = [](int64_t rows, int64_t columns) { return buffer(rows, columns, "numbers"); };
  auto integers = [](int64_t rows, int64_t columns) { return buffer(rows, columns, "integers", "bf16"); };
  auto shared = [](int64_t rows, int64_t columns) { return buffer(rows, columns, "numbers", "f32", true); };
  auto fuse = [n](int64_t rows, int64_t sms) {
    return [=](PassManager &pm) {
      // Of more ranks fewer tiles, so that the program can be proved.
      pm.addPass(createFuseTilesPass(
          {.rows = rows, .columnTiles = n > 4 ? 1 : 2, .tileRows = n > 3 ? rows : rows / 2, .sms = sms}));
      pm.addPass(createAssignTileOrderPass());
      pm.addPass(createAllocateSlotsPass());
    };
  };
  auto outline = [](int64_t rows) {
    return [=](PassManager &pm) { pm.addPass(createOutlineProtocolsPass({.rows = rows, .sms = 3, .commSms = 1})); };
  };
  auto sumBy = [](const char *algorithm, int64_t tokens, int64_t sms = 3) {
    return [=](PassManager &pm) {
      pm.addPass(createOutlineProtocolsPass({.tokens = tokens, .algorithm = algorithm, .sms = sms, .commSms = 1}));
    };
  };
  Json sum = value("sum", 0), around = value("sum_around", 0), sumOfProducts = value("sum", value("product", 0, 1));
  // What a rank keeps of a sum with its residual, which is argument `r`, and what all have then with gain `r` + 1.
  auto kept = [](Json all, int r) { return value("add", value("part", std::move(all)), r); };
  auto normal = [&](Json all, int r) { return value("norm", value("gather", kept(std::move(all), r)), r + 1); };
  std::string layer = fillIn(readProgram("layer.mlir"), {{"NCOLS", "144"}, {"KCOLS", "72"}, {"MCOLS", number(72 * n)}});
  std::string small = fillIn(readProgram("layer.mlir"), {{"NCOLS", "72"}, {"KCOLS", "24"}, {"MCOLS", number(24 * n)}});
  std::string scatter =
      fillIn(readProgram("scatter.mlir"), {{"NCOLS", "72"}, {"KCOLS", "64"}, {"MCOLS", number(64 * n)}});
  std::string gather = fillIn(readProgram("gather.mlir"), {{"NCOLS", "144"}, {"HCOLS", "72"}, {"KCOLS", "72"}});

  Json sumWithResidual = value("add", sum, 1);
  std::vector<CudaProtocolCase> all = {
      {"one-shot", readProgram("one-shot.mlir"), n, {numbers(6, 72)}, {result(6, 72, sum)}},
      {"two-shot", readProgram("two-shot.mlir"), n, {numbers(6, 72)}, {result(6, 72, sum)}},
      {"all-reduce-norm",
       fillIn(readProgram("all-reduce-norm.mlir"), {{"NROWS", number(2 * n)}}),
       n,
       {numbers(2 * n, 72), numbers(2, 72), shared(1, 72)},
       {result(2 * n, 72, normal(sum, 1)), result(2, 72, kept(sum, 1))}},
      {"gemm-all-reduce-norm",
       readProgram("gemm-all-reduce-norm.mlir"),
       n,
       {integers(96, 72), integers(144, 72), shared(96, 144), shared(1, 144)},
       {result(96, 144, value("norm", value("add", sumOfProducts, 2), 3))}},
      {"layer-by-tiles",
       layer,
       n,
       {integers(48 * n, 72), integers(144, 72), numbers(48, 144), shared(1, 144)},
       {result(48 * n, 144, normal(sumOfProducts, 2)), result(48, 144, kept(sumOfProducts, 2))},
       fuse(48, 3)},
      {"layer-by-itself",
       layer,
       n,
       {numbers(8 * n, 144), numbers(8, 144), shared(1, 144)},
       {result(8 * n, 144, normal(sum, 1)), result(8, 144, kept(sum, 1))},
       outline(8)},
      {"reduce-scatter",
       scatter,
       n,
       {integers(40 * n, 64), integers(72, 64)},
       {result(40, 72, value("part", sumOfProducts))},
       fuse(40, 3)},
      {"all-gather",
       gather,
       n,
       {buffer(40, 72, "near_integers"), integers(144, 72), integers(72, 72)},
       {result(40 * n, 144, value("product", value("gather", value("round", 0)), 1)),
        result(40 * n, 72, value("product", value("gather", value("round", 0)), 2))},
       fuse(40, 4)},
  };
  // The first program of a file of those of a 70B model.
  std::string large = readProgram("large.mlir");
  large.resize(large.find("// More rows"));
  for (const char *algorithm : {"one_shot", "lamport"})
    all.push_back({std::string("sum-") + algorithm,
                   small,
                   n,
                   {numbers(3, 72), shared(3, 72), shared(1, 72)},
                   {result(3, 72, value("norm", sumWithResidual, 2)), result(3, 72, sumWithResidual)},
                   sumBy(algorithm, 3)});
  all.push_back({"sum-ring",
                 small,
                 n,
                 {numbers(2 * n, 72), numbers(2, 72), shared(1, 72)},
                 {result(2 * n, 72, normal(around, 1)), result(2, 72, kept(around, 1))},
                 sumBy("ring", 2 * n, /*sms=*/5)});
  if (n == 8)
    all.push_back({"one-shot-norm-large",
                   large,
                   n,
                   {numbers(16, 8192), shared(16, 8192), shared(1, 8192)},
                   {result(16, 8192, value("norm", sumWithResidual, 2)), result(16, 8192, sumWithResidual)}});
  if (n == 3)
    all.push_back({"gemm-reduce-scatter",
                   readProgram("gemm-reduce-scatter.mlir"),
                   n,
                   {integers(120, 64), integers(72, 64)},
                   {result(40, 72, value("part", sumOfProducts))}});
  return all;
}

static void check(const Status &status) {
  if (!status)
    llvm::report_fatal_error(llvm::StringRef(status.message()));
}

std::string test::writeCudaProtocolCase(const CudaProtocolCase &protocol, const std::string &folder,
                                        llvm::function_ref<Expected<Cubin>(gpu::GPUModuleOp)> assemble,
                                        const char *fault, const std::string &multicast) {
  CudaProtocol compiled(protocol.text, protocol.ranks, "sm_90a", fault, protocol.write, multicast);
  bool usesMulticast = false;
  compiled.kernels.walk([&](LLVM::InlineAsmOp op) { usesMulticast |= op.getAsmString().starts_with("multimem."); });
  Json entries = Json::array(), words = Json::array();
  for (rt::EntryAttr entry : compiled.entries) {
    int64_t blocks = 0;
    for (rt::TilesAttr tiles : entry.getGrid())
      blocks += tiles.getCount();
    Json maps = Json::array();
    for (rt::TensorMapAttr map : entry.getMaps())
      maps.push_back({map.getBuffer(), map.getRows(), map.getColumns(), map.getBox()});
    entries.push_back({{"name", entry.getName().str()},
                       {"threads", entry.getThreads()},
                       {"shared", entry.getShared()},
                       {"blocks", blocks},
                       {"maps", std::move(maps)}});
  }
  for (const CudaProtocol::Words &one : compiled.words)
    words.push_back({{"name", one.name}, {"offset", one.offset}, {"count", one.count}});
  std::string stem = protocol.name + "-" + std::to_string(protocol.ranks);
  Json json = {{"name", protocol.name},          {"ranks", protocol.ranks},         {"image", stem + ".image"},
               {"memory", compiled.memoryBytes}, {"multicast", usesMulticast},      {"words", std::move(words)},
               {"entries", std::move(entries)},  {"arguments", protocol.arguments}, {"results", protocol.results}};
  auto image = assemble(compiled.kernels);
  check(image.status());
  check(writeFileAtomic(folder + "/" + stem + ".image", image->bytes));
  check(writeFileAtomic(folder + "/" + stem + ".json", writeJson(json)));
  return folder + "/" + stem;
}
