//===- CudaProtocolsTest.cpp - Overlap programs as CUDA code --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The code that is generated for protocols, run by a model of several GPUs at once: ranks and blocks take turns in
// random orders, epoch after epoch. Results are compared with loops over plain arrays.
//
//===----------------------------------------------------------------------===//

#include "CudaHostCode.h"
#include "CudaProtocol.h"
#include "HostEngine.h"
#include "test/unit/cuda/GpuModel.h"

#include "passes/Overlap/Passes.h"
#include "plait-abi/Team.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>

using namespace plait;
using namespace plait::test;

namespace {

uint16_t toBf16(float x) { return uint16_t(std::bit_cast<uint32_t>(x) >> 16); } // of numbers that are bf16 already
float fromBf16(uint16_t x) { return std::bit_cast<float>(uint32_t(x) << 16); }

using Matrix = std::vector<float>;

/// A program, compiled for `ranks`, and what its ranks have.
class Protocol : CudaProtocol {
public:
  /// `write` adds passes that write the program.
  Protocol(
      std::string text, int64_t ranks, const std::string &chip = "sm_90a", const char *fault = nullptr,
      llvm::function_ref<void(PassManager &)> write = [](PassManager &) {})
      : CudaProtocol(std::move(text), ranks, chip, fault, write) {
    host = makeHostCode(kernels);
    engine = makeHostEngine(*host);
    for (int64_t rank = 0; rank < ranks; ++rank)
      memory.emplace_back(static_cast<uint8_t *>(std::aligned_alloc(1024, memoryBytes)), &std::free);
    for (auto &own : memory)
      std::memset(own.get(), 0, memoryBytes);
  }

  /// Epochs `first` to `last`, each rank at its own pace. `buffers[epoch - first][rank]` are arguments and results.
  void run(uint32_t first, const std::vector<std::vector<std::vector<void *>>> &buffers, uint64_t seed) {
    struct Launch {
      plait_team_v1_t team = {};
      uint32_t epoch = 0;
      std::vector<void *> values, arguments;
      std::vector<ModelTensorMap> maps;
    };
    std::vector<std::unique_ptr<Launch>> launches;
    std::vector<std::vector<ModelLaunch>> streams(static_cast<size_t>(ranks));
    for (size_t rank = 0; rank < size_t(ranks); ++rank)
      for (size_t i = 0; i < buffers.size(); ++i)
        for (rt::EntryAttr entry : entries) {
          auto launch = std::make_unique<Launch>();
          launch->team.rank = uint32_t(rank);
          launch->team.ranks = uint32_t(ranks);
          for (size_t peer = 0; peer < size_t(ranks); ++peer)
            launch->team.memory[peer] = reinterpret_cast<uint64_t>(memory[peer].get());
          launch->epoch = first + uint32_t(i);
          launch->values = buffers[i][rank];
          launch->values.push_back(&launch->team);
          size_t count = launch->values.size();
          for (rt::TensorMapAttr map : entry.getMaps())
            launch->maps.push_back({kTensorMapMagic,
                                    static_cast<const uint8_t *>(buffers[i][rank][size_t(map.getBuffer())]),
                                    uint64_t(map.getColumns()), uint64_t(map.getRows()), 2 * uint64_t(map.getColumns()),
                                    64, uint32_t(map.getBox())});
          for (ModelTensorMap &map : launch->maps)
            launch->values.push_back(&map);
          for (void *&value : launch->values)
            launch->arguments.push_back(&value);
          launch->arguments.insert(launch->arguments.begin() + long(count), &launch->epoch);
          int64_t blocks = 0;
          for (rt::TilesAttr tiles : entry.getGrid())
            blocks += tiles.getCount();
          streams[rank].push_back({llvm::cantFail(engine->lookupPacked(entry.getName())), launch->arguments.data(),
                                   blocks, size_t(entry.getThreads()), size_t(entry.getShared())});
          launches.push_back(std::move(launch));
        }
    runStreams(streams, seed);
  }

private:
  OwningOpRef<ModuleOp> host;
  std::unique_ptr<ExecutionEngine> engine;
  std::vector<std::unique_ptr<uint8_t, decltype(&std::free)>> memory;
};

/// Numbers of which f32 sums are rounded.
Matrix draw(std::mt19937 &random, size_t count) {
  std::normal_distribution<float> normal;
  Matrix values(count);
  for (float &value : values)
    value = normal(random);
  return values;
}

/// Small integers, as bf16: products are exact.
std::vector<uint16_t> drawIntegers(std::mt19937 &random, size_t count) {
  std::vector<uint16_t> values(count);
  for (uint16_t &value : values)
    value = toBf16(float(int(random() % 9) - 4));
  return values;
}

/// Sums over ranks, in their order, in f32.
Matrix sumOf(const std::vector<Matrix> &parts) {
  Matrix sum = parts[0];
  for (size_t r = 1; r < parts.size(); ++r)
    for (size_t i = 0; i < sum.size(); ++i)
      sum[i] += parts[r][i];
  return sum;
}

/// x[rows][k] times w[columns][k]
Matrix multiply(const std::vector<uint16_t> &x, const std::vector<uint16_t> &w, size_t k) {
  size_t rows = x.size() / k, columns = w.size() / k;
  Matrix y(rows * columns);
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < columns; ++j)
      for (size_t c = 0; c < k; ++c)
        y[i * columns + j] += fromBf16(x[i * k + c]) * fromBf16(w[j * k + c]);
  return y;
}

/// RMSNorm of rows, in double precision.
std::vector<double> normOf(const Matrix &x, const Matrix &gain) {
  size_t columns = gain.size();
  std::vector<double> y(x.size());
  for (size_t row = 0; row < x.size() / columns; ++row) {
    double squares = 0;
    for (size_t c = 0; c < columns; ++c)
      squares += double(x[row * columns + c]) * x[row * columns + c];
    for (size_t c = 0; c < columns; ++c)
      y[row * columns + c] = x[row * columns + c] / std::sqrt(squares / double(columns) + 1e-5) * gain[c];
  }
  return y;
}

double largestDifference(const Matrix &found, const std::vector<double> &expected) {
  double most = 0;
  for (size_t i = 0; i < found.size(); ++i)
    most = std::max(most, std::abs(found[i] - expected[i]) / (1 + std::abs(expected[i])));
  return std::isfinite(most) ? most : 1;
}

constexpr uint32_t kEpochs = 6;

/// For each rank and epoch: a part of a sum, and the sum.
struct Sums {
  Sums(std::mt19937 &random, int64_t ranks, size_t count) {
    for (int64_t rank = 0; rank < ranks; ++rank)
      parts.push_back(draw(random, count));
    sum = sumOf(parts);
    results.assign(size_t(ranks), Matrix(count, NAN));
  }
  std::vector<Matrix> parts, results;
  Matrix sum;
};

/// Whether the sums of several epochs, in several orders, are right.
bool isAllReduce(const std::string &name, int64_t ranks, const std::string &chip, const char *fault = nullptr) {
  Protocol protocol(readProgram(name), ranks, chip, fault);
  std::mt19937 random{uint32_t(ranks)};
  for (uint64_t seed = 0; seed < 4; ++seed) {
    std::vector<Sums> epochs;
    std::vector<std::vector<std::vector<void *>>> buffers(kEpochs);
    for (uint32_t e = 0; e < kEpochs; ++e)
      epochs.emplace_back(random, ranks, 6 * 72);
    for (uint32_t e = 0; e < kEpochs; ++e)
      for (size_t rank = 0; rank < size_t(ranks); ++rank)
        buffers[e].push_back({epochs[e].parts[rank].data(), epochs[e].results[rank].data()});
    protocol.run(uint32_t(seed) * kEpochs, buffers, seed);
    for (const Sums &epoch : epochs)
      for (const Matrix &result : epoch.results)
        if (result != epoch.sum)
          return false;
  }
  return true;
}

} // namespace

TEST(CudaProtocols, OneShot) {
  for (int64_t ranks : {2, 3, 5})
    EXPECT_TRUE(isAllReduce("one-shot.mlir", ranks, "sm_90a")) << ranks;
  EXPECT_TRUE(isAllReduce("one-shot.mlir", 2, "sm_80"));
}

TEST(CudaProtocols, TwoShotInBulk) {
  for (int64_t ranks : {2, 3, 4, 8})
    EXPECT_TRUE(isAllReduce("two-shot.mlir", ranks, "sm_90a")) << ranks;
  EXPECT_TRUE(isAllReduce("two-shot.mlir", 3, "sm_80"));
}

/// What the model of GPUs would not see, these tests would not either.
TEST(CudaProtocols, FaultsAreFound) {
  for (const char *text : {"bra WAIT;", "cp.async.bulk.wait_group 0;", "cp.async.bulk.wait_group.read 0;"})
    EXPECT_FALSE(isAllReduce("two-shot.mlir", 2, "sm_90a", text)) << text;
}

/// The owner of rows adds up, adds the residual, which it alone has, and normalises.
TEST(CudaProtocols, AllReduceWithResidualAndNorm) {
  constexpr size_t rowsOfRank = 2, columns = 72;
  for (int64_t ranks : {2, 3}) {
    std::string text = readProgram("all-reduce-norm.mlir");
    for (size_t at; (at = text.find("NROWS")) != std::string::npos;)
      text.replace(at, 5, std::to_string(rowsOfRank * size_t(ranks)));
    Protocol protocol(text, ranks);
    std::mt19937 random{uint32_t(ranks)};
    Matrix gain = draw(random, columns);
    for (uint64_t seed = 0; seed < 3; ++seed) {
      std::vector<Sums> epochs;
      std::vector<std::vector<Matrix>> residuals(kEpochs), kept(kEpochs);
      std::vector<std::vector<std::vector<void *>>> buffers(kEpochs);
      for (uint32_t e = 0; e < kEpochs; ++e) {
        epochs.emplace_back(random, ranks, rowsOfRank * size_t(ranks) * columns);
        for (int64_t rank = 0; rank < ranks; ++rank) {
          residuals[e].push_back(draw(random, rowsOfRank * columns));
          kept[e].push_back(Matrix(rowsOfRank * columns, NAN));
        }
      }
      for (uint32_t e = 0; e < kEpochs; ++e)
        for (size_t rank = 0; rank < size_t(ranks); ++rank)
          buffers[e].push_back({epochs[e].parts[rank].data(), residuals[e][rank].data(), gain.data(),
                                epochs[e].results[rank].data(), kept[e][rank].data()});
      protocol.run(uint32_t(seed) * kEpochs, buffers, seed);
      for (uint32_t e = 0; e < kEpochs; ++e) {
        Matrix sum = epochs[e].sum;
        for (size_t i = 0; i < sum.size(); ++i)
          sum[i] += residuals[e][i / (rowsOfRank * columns)][i % (rowsOfRank * columns)];
        for (size_t rank = 0; rank < size_t(ranks); ++rank) {
          Matrix own(sum.begin() + long(rank * rowsOfRank * columns),
                     sum.begin() + long((rank + 1) * rowsOfRank * columns));
          EXPECT_EQ(kept[e][rank], own) << "epoch " << e << ", rank " << rank;
          EXPECT_LT(largestDifference(epochs[e].results[rank], normOf(sum, gain)), 1e-6);
          EXPECT_EQ(epochs[e].results[rank], epochs[e].results[0]);
        }
      }
    }
  }
}

/// Tiles of a product are counted by blocks of rows; owners do the rest. Sums of small integers are exact.
TEST(CudaProtocols, ProductWithAllReduceResidualAndNorm) {
  constexpr size_t rows = 96, columns = 144, k = 72;
  for (const char *chip : {"sm_90a", "sm_80"}) {
    int64_t ranks = 2;
    Protocol protocol(readProgram("gemm-all-reduce-norm.mlir"), ranks, chip);
    std::mt19937 random{1};
    Matrix gain = draw(random, columns);
    struct Epoch {
      std::vector<std::vector<uint16_t>> x, w;
      Matrix residual;
      std::vector<Matrix> results;
    };
    std::vector<Epoch> epochs(3);
    std::vector<std::vector<std::vector<void *>>> buffers(3);
    for (size_t e = 0; e < epochs.size(); ++e) {
      epochs[e].residual = draw(random, rows * columns);
      for (int64_t rank = 0; rank < ranks; ++rank) {
        epochs[e].x.push_back(drawIntegers(random, rows * k));
        epochs[e].w.push_back(drawIntegers(random, columns * k));
        epochs[e].results.push_back(Matrix(rows * columns, NAN));
      }
      for (size_t rank = 0; rank < size_t(ranks); ++rank)
        buffers[e].push_back({epochs[e].x[rank].data(), epochs[e].w[rank].data(), epochs[e].residual.data(),
                              gain.data(), epochs[e].results[rank].data()});
    }
    protocol.run(0, buffers, 7);
    for (const Epoch &epoch : epochs) {
      std::vector<Matrix> products;
      for (size_t rank = 0; rank < size_t(ranks); ++rank)
        products.push_back(multiply(epoch.x[rank], epoch.w[rank], k));
      products.push_back(epoch.residual);
      std::vector<double> expected = normOf(sumOf(products), gain);
      for (const Matrix &result : epoch.results)
        EXPECT_LT(largestDifference(result, expected), 1e-6) << chip;
    }
  }
}

/// A layer's product with its fused sum, as passes write it down: by tiles, and the sum by itself.
TEST(CudaProtocols, WhatPassesWrite) {
  constexpr size_t rowsOfRank = 48, columns = 144, k = 72;
  for (auto [ranks, isByTiles] : {std::pair<int64_t, bool>{2, true}, {3, true}, {2, false}}) {
    std::string text = readProgram("layer.mlir");
    Protocol protocol(fillIn(text, {{"NRANKS", std::to_string(ranks)},
                                    {"NCOLS", "144"},
                                    {"KCOLS", "72"},
                                    {"MCOLS", std::to_string(72 * ranks)}}),
                      ranks, "sm_90a", nullptr, [isByTiles](PassManager &pm) {
                        if (isByTiles) {
                          pm.addPass(
                              createFuseTilesPass({.rows = rowsOfRank, .columnTiles = 2, .tileRows = 24, .sms = 3}));
                          pm.addPass(createAssignTileOrderPass());
                        } else
                          pm.addPass(createOutlineProtocolsPass({.rows = rowsOfRank, .sms = 3, .commSms = 1}));
                      });
    size_t rows = rowsOfRank * size_t(ranks);
    std::mt19937 random{uint32_t(ranks)};
    Matrix gain = draw(random, columns);
    for (uint32_t first : {0, 3}) {
      struct Epoch {
        std::vector<std::vector<uint16_t>> x, w;
        std::vector<Matrix> products, residuals, kept, results;
      };
      std::vector<Epoch> epochs(3);
      std::vector<std::vector<std::vector<void *>>> buffers(epochs.size());
      for (size_t e = 0; e < epochs.size(); ++e) {
        Epoch &own = epochs[e];
        for (size_t rank = 0; rank < size_t(ranks); ++rank) {
          own.x.push_back(drawIntegers(random, rows * k));
          own.w.push_back(drawIntegers(random, columns * k));
          own.products.push_back(multiply(own.x[rank], own.w[rank], k));
          own.residuals.push_back(draw(random, rowsOfRank * columns));
          own.kept.push_back(Matrix(rowsOfRank * columns, NAN));
          own.results.push_back(Matrix(rows * columns, NAN));
        }
        for (size_t rank = 0; rank < size_t(ranks); ++rank) {
          std::vector<void *> arguments = {own.x[rank].data(), own.w[rank].data()};
          if (!isByTiles)
            arguments = {own.products[rank].data()};
          arguments.insert(arguments.end(),
                           {own.residuals[rank].data(), gain.data(), own.results[rank].data(), own.kept[rank].data()});
          buffers[e].push_back(arguments);
        }
      }
      protocol.run(first, buffers, first + 5);
      for (const Epoch &epoch : epochs) {
        Matrix sum = sumOf(epoch.products);
        for (size_t i = 0; i < sum.size(); ++i)
          sum[i] += epoch.residuals[i / (rowsOfRank * columns)][i % (rowsOfRank * columns)];
        for (size_t rank = 0; rank < size_t(ranks); ++rank) {
          auto begin = sum.begin() + long(rank * rowsOfRank * columns);
          EXPECT_EQ(epoch.kept[rank], Matrix(begin, begin + long(rowsOfRank * columns))) << ranks << " " << rank;
          EXPECT_LT(largestDifference(epoch.results[rank], normOf(sum, gain)), 1e-6) << ranks << " " << rank;
        }
      }
    }
  }
}

/// Sums of the rows of rank p in the order p + 1, p + 2, ..., p.
Matrix sumAround(const std::vector<Matrix> &parts) {
  Matrix sum = parts[0];
  size_t ranks = parts.size(), size = sum.size() / ranks;
  for (size_t i = 0; i < sum.size(); ++i) {
    size_t owner = i / size;
    sum[i] = parts[(owner + 1) % ranks][i];
    for (size_t step = 2; step <= ranks; ++step)
      sum[i] += parts[(owner + step) % ranks][i];
  }
  return sum;
}

/// A sum with residual and norm, as it is written by algorithm.
TEST(CudaProtocols, Algorithms) {
  constexpr size_t columns = 72;
  for (const char *algorithm : {"one_shot", "lamport", "ring", "multimem"})
    for (auto [ranks, chip] : {std::pair<int64_t, const char *>{2, "sm_90a"}, {3, "sm_90a"}, {5, "sm_80"}}) {
      SCOPED_TRACE(algorithm + (" of " + std::to_string(ranks)));
      bool isWhole = algorithm == std::string("one_shot") || algorithm == std::string("lamport");
      bool isRing = algorithm == std::string("ring");
      size_t rows = isWhole ? 3 : 2 * size_t(ranks), rowsOfRank = isWhole ? 3 : 2;
      Protocol protocol(fillIn(readProgram("layer.mlir"), {{"NRANKS", std::to_string(ranks)},
                                                           {"NCOLS", "72"},
                                                           {"KCOLS", "24"},
                                                           {"MCOLS", std::to_string(24 * ranks)}}),
                        ranks, chip, nullptr, [&](PassManager &pm) {
                          pm.addPass(createOutlineProtocolsPass(
                              {.tokens = int64_t(rows), .algorithm = algorithm, .sms = isRing ? 5 : 3, .commSms = 1}));
                        });
      std::mt19937 random{uint32_t(ranks)};
      Matrix gain = draw(random, columns);
      for (uint64_t seed = 0; seed < 3; ++seed) {
        std::vector<Sums> epochs;
        std::vector<std::vector<Matrix>> residuals(kEpochs), kept(kEpochs);
        std::vector<std::vector<std::vector<void *>>> buffers(kEpochs);
        for (uint32_t e = 0; e < kEpochs; ++e) {
          epochs.emplace_back(random, ranks, rows * columns);
          for (int64_t rank = 0; rank < ranks; ++rank) {
            residuals[e].push_back(isWhole && rank ? residuals[e][0] : draw(random, rowsOfRank * columns));
            kept[e].push_back(Matrix(rowsOfRank * columns, NAN));
          }
        }
        for (uint32_t e = 0; e < kEpochs; ++e)
          for (size_t rank = 0; rank < size_t(ranks); ++rank)
            buffers[e].push_back({epochs[e].parts[rank].data(), residuals[e][rank].data(), gain.data(),
                                  epochs[e].results[rank].data(), kept[e][rank].data()});
        protocol.run(uint32_t(seed) * kEpochs, buffers, seed);
        for (uint32_t e = 0; e < kEpochs; ++e) {
          Matrix sum = isRing ? sumAround(epochs[e].parts) : epochs[e].sum;
          for (size_t i = 0; i < sum.size(); ++i)
            sum[i] += residuals[e][isWhole ? 0 : i / (rowsOfRank * columns)][i % (rowsOfRank * columns)];
          for (size_t rank = 0; rank < size_t(ranks); ++rank) {
            auto begin = sum.begin() + long(isWhole ? 0 : rank * rowsOfRank * columns);
            EXPECT_EQ(kept[e][rank], Matrix(begin, begin + long(rowsOfRank * columns))) << e << ", rank " << rank;
            EXPECT_LT(largestDifference(epochs[e].results[rank], normOf(sum, gain)), 1e-6);
            EXPECT_EQ(epochs[e].results[rank], epochs[e].results[0]);
          }
        }
      }
    }
}

/// Tiles are added in the memory of who owns their rows, and who has read the sum sets it to zero; or, as passes write
/// it, whoever owns rows adds them up in the order of ranks.
TEST(CudaProtocols, ProductWithReduceScatter) {
  constexpr size_t rowsOfRank = 40, columns = 72, k = 64;
  for (auto [chip, isWritten] : {std::pair("sm_90a", false), {"sm_80", false}, {"sm_90a", true}, {"sm_80", true}}) {
    int64_t ranks = 3;
    std::string text = readProgram("gemm-reduce-scatter.mlir");
    if (isWritten)
      text = fillIn(readProgram("scatter.mlir"), {{"NRANKS", "3"}, {"NCOLS", "72"}, {"KCOLS", "64"}, {"MCOLS", "192"}});
    Protocol protocol(text, ranks, chip, nullptr, [isWritten](PassManager &pm) {
      if (!isWritten)
        return;
      pm.addPass(createFuseTilesPass({.rows = rowsOfRank, .columnTiles = 2, .tileRows = 20, .sms = 3}));
      pm.addPass(createAssignTileOrderPass());
      pm.addPass(createAllocateSlotsPass());
    });
    std::mt19937 random{uint32_t(ranks)};
    for (uint32_t first : {0, 4}) {
      std::vector<std::vector<std::vector<void *>>> buffers(4);
      std::vector<std::vector<std::vector<uint16_t>>> x(4), w(4);
      std::vector<std::vector<Matrix>> results(4);
      for (size_t e = 0; e < buffers.size(); ++e) {
        for (int64_t rank = 0; rank < ranks; ++rank) {
          x[e].push_back(drawIntegers(random, rowsOfRank * size_t(ranks) * k));
          w[e].push_back(drawIntegers(random, columns * k));
          results[e].push_back(Matrix(rowsOfRank * columns, NAN));
        }
        for (size_t rank = 0; rank < size_t(ranks); ++rank)
          buffers[e].push_back({x[e][rank].data(), w[e][rank].data(), results[e][rank].data()});
      }
      protocol.run(first, buffers, first);
      for (size_t e = 0; e < buffers.size(); ++e) {
        std::vector<Matrix> products;
        for (size_t rank = 0; rank < size_t(ranks); ++rank)
          products.push_back(multiply(x[e][rank], w[e][rank], k));
        Matrix sum = sumOf(products);
        for (size_t rank = 0; rank < size_t(ranks); ++rank) {
          Matrix own(sum.begin() + long(rank * rowsOfRank * columns),
                     sum.begin() + long((rank + 1) * rowsOfRank * columns));
          EXPECT_EQ(results[e][rank], own) << "epoch " << first + e << ", rank " << rank;
        }
      }
    }
  }
}

/// Rows are rounded by who gives them; products take them from symmetric memory as they come.
TEST(CudaProtocols, GatheredRowsWithProducts) {
  constexpr size_t rowsOfRank = 40, k = 72;
  for (auto [chip, ranks] : {std::pair<const char *, int64_t>{"sm_90a", 2}, {"sm_90a", 3}, {"sm_80", 2}}) {
    Protocol protocol(fillIn(readProgram("gather.mlir"),
                             {{"NRANKS", std::to_string(ranks)}, {"NCOLS", "144"}, {"HCOLS", "72"}, {"KCOLS", "72"}}),
                      ranks, chip, nullptr, [](PassManager &pm) {
                        pm.addPass(
                            createFuseTilesPass({.rows = rowsOfRank, .columnTiles = 2, .tileRows = 20, .sms = 4}));
                        pm.addPass(createAssignTileOrderPass());
                        pm.addPass(createAllocateSlotsPass());
                      });
    std::mt19937 random{uint32_t(ranks)};
    for (uint32_t first : {0, 4}) {
      struct Epoch {
        std::vector<Matrix> given;
        std::vector<std::vector<uint16_t>> weights[2];
        std::vector<Matrix> results[2];
        std::vector<uint16_t> all; ///< as bf16
      };
      std::vector<Epoch> epochs(4);
      std::vector<std::vector<std::vector<void *>>> buffers(epochs.size());
      for (size_t e = 0; e < epochs.size(); ++e) {
        Epoch &own = epochs[e];
        for (size_t rank = 0; rank < size_t(ranks); ++rank) {
          std::vector<uint16_t> rows = drawIntegers(random, rowsOfRank * k);
          own.all.insert(own.all.end(), rows.begin(), rows.end());
          Matrix &given = own.given.emplace_back();
          for (uint16_t x : rows)
            given.push_back(fromBf16(x) * (1 + 0x1p-12f)); // which rounds to it
          for (size_t i : {0, 1}) {
            own.weights[i].push_back(drawIntegers(random, (i ? 72 : 144) * k));
            own.results[i].push_back(Matrix(rowsOfRank * size_t(ranks) * (i ? 72 : 144), NAN));
          }
        }
        for (size_t rank = 0; rank < size_t(ranks); ++rank)
          buffers[e].push_back({own.given[rank].data(), own.weights[0][rank].data(), own.weights[1][rank].data(),
                                own.results[0][rank].data(), own.results[1][rank].data()});
      }
      protocol.run(first, buffers, first + 3);
      for (const Epoch &epoch : epochs)
        for (size_t rank = 0; rank < size_t(ranks); ++rank)
          for (size_t i : {0, 1})
            EXPECT_EQ(epoch.results[i][rank], multiply(epoch.all, epoch.weights[i][rank], k))
                << chip << ", " << ranks << " ranks, rank " << rank << ", product " << i;
    }
  }
}
