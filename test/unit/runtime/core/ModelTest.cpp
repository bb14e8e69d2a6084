//===- ModelTest.cpp - Tests of opening artifacts -------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Model.h"
#include "runtime/device/cpu/Isa.h"

#include "runtime/base/File.h"
#include "runtime/base/RandomWeights.h"
#include "runtime/base/TensorName.h"
#include "runtime/core/Instance.h"
#include "runtime/core/Tables.h"
#include "test/unit/runtime/DemoModel.h"

#include "gtest/gtest.h"

#include <array>
#include <cstring>
#include <filesystem>

using namespace plait;
using demo::Artifact;

namespace {

/// Opening must fail with this code and a message that has `part` in it.
void expectRefused(const Artifact &artifact, StatusCode code, const std::string &part) {
  auto model = artifact.open();
  ASSERT_FALSE(model);
  EXPECT_EQ(model.status().code(), code) << model.status().message();
  EXPECT_NE(model.status().message().find(part), std::string::npos) << model.status().message();
}

template <typename T> std::string bytesOf(T value) {
  return std::string(reinterpret_cast<const char *>(&value), sizeof(value));
}

TEST(ModelTest, Opens) {
  Artifact artifact;
  auto model = artifact.open();
  ASSERT_TRUE(model) << model.status().message();
  EXPECT_EQ((*model)->manifest().name, "demo");
  EXPECT_EQ((*model)->tables().vocabulary, demo::kVocabulary);
  ASSERT_TRUE((*model)->plan("ar.debug"));
  auto none = (*model)->plan("spec");
  ASSERT_FALSE(none);
  EXPECT_NE(none.status().message().find("ar, ar.debug"), std::string::npos);
}

TEST(ModelTest, OpensByRelativePath) {
  Artifact artifact;
  auto before = std::filesystem::current_path();
  std::filesystem::current_path(artifact.path() + "/..");
  auto model = Model::open(std::filesystem::path(artifact.path()).filename());
  std::filesystem::current_path(before);
  EXPECT_TRUE(model) << model.status().message();
}

TEST(ModelTest, MissingThings) {
  EXPECT_EQ(Model::open("/nonexistent").status().code(), StatusCode::notFound);
  Artifact artifact;
  std::filesystem::remove(artifact.file("weights.pack"));
  expectRefused(artifact, StatusCode::notFound, "weights.pack");
}

TEST(ModelTest, TruncatedFiles) {
  for (const char *name : {"model.so", "weights.pack"}) {
    Artifact artifact;
    std::filesystem::resize_file(artifact.file(name), 100);
    expectRefused(artifact, StatusCode::corrupt, std::string(name) + ": found 100 bytes");
  }
  Artifact artifact;
  std::filesystem::resize_file(artifact.file("manifest.json"), 100);
  EXPECT_FALSE(artifact.open());
}

TEST(ModelTest, DamagedBinary) {
  Artifact artifact;
  artifact.patch("model.so", 0, "notelf");
  expectRefused(artifact, StatusCode::corrupt, "model.so: found digest");
}

TEST(ModelTest, BinaryThatIsNoSharedObject) {
  Artifact artifact;
  artifact.patch("model.so", 0, "notelf");
  artifact.sign();
  expectRefused(artifact, StatusCode::corrupt, "no loadable model binary");
}

TEST(ModelTest, WrongMagicVersionAndSize) {
  struct {
    size_t offset;
    std::string bytes;
    StatusCode code;
    const char *part;
  } cases[] = {
      {offsetof(plait_model_v4_t, magic), bytesOf(7u), StatusCode::corrupt, "magic 7"},
      {offsetof(plait_model_v4_t, abi_version), bytesOf(0u), StatusCode::unsupported,
       "found a model built for ABI 0; this runtime reads ABI 10; recompile it"},
      {offsetof(plait_model_v4_t, abi_version), bytesOf(11u), StatusCode::unsupported,
       "found a model built for ABI 11; this runtime reads ABI 10; recompile it"},
      {offsetof(plait_model_v4_t, struct_size), bytesOf(uint64_t(8)), StatusCode::corrupt, "struct_size 8"},
      {offsetof(plait_model_v4_t, struct_size), bytesOf(uint64_t(1) << 40), StatusCode::corrupt, "struct_size"},
      {offsetof(plait_model_v4_t, kernel_count), bytesOf(1 << 20), StatusCode::corrupt, "kernel table"},
      {offsetof(plait_model_v4_t, state_count), bytesOf(-1), StatusCode::corrupt, "state count"},
      {offsetof(plait_model_v4_t, vocabulary), bytesOf(int64_t(98)), StatusCode::corrupt, "do not belong together"},
  };
  for (const auto &c : cases) {
    Artifact artifact;
    artifact.patch("model.so", artifact.tableOffset() + c.offset, c.bytes);
    artifact.sign();
    expectRefused(artifact, c.code, c.part);
  }
}

TEST(ModelTest, EveryFlippedByteOfTheTableIsSurvived) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "a longer table reads what lies between the variables of the binary";
#endif
  // Whatever the damage: an error or a model, never a crash.
  Artifact artifact;
  size_t table = artifact.tableOffset();
  Expected<std::string> binary = readFile(artifact.file("model.so"));
  ASSERT_TRUE(binary);
  int refused = 0;
  for (size_t i = 0; i < sizeof(plait_model_v4_t); ++i) {
    char byte = (*binary)[table + i];
    // A new file each time: the loader knows files by their inode.
    std::string damaged = *binary;
    damaged[table + i] = char(byte ^ 0x41);
    ASSERT_TRUE(writeFileAtomic(artifact.file("model.so"), damaged));
    artifact.sign();
    refused += !artifact.open();
  }
  EXPECT_GT(refused, 60);
}

TEST(ModelTest, CpuWithoutTheFeatures) {
  Artifact artifact;
  artifact.edit([](Json &m) { m["binaries"][0]["isa"] = "sse2 nosuchfeature"; });
  artifact.patch("model.so", 0, "notelf"); // must not even be looked at
  expectRefused(artifact, StatusCode::unsupported, "lacks nosuchfeature");
}

// Several binaries: the first that this CPU can run does, others need not even be ELF.
TEST(ModelTest, ChoosesTheFirstBinaryThatRuns) {
  Artifact artifact;
  std::string code = *readFile(artifact.file("model.so"));
  auto offer = [&](std::vector<std::pair<std::string, std::string>> targets) {
    artifact.edit([&](Json &m) {
      m["binaries"] = Json::array();
      for (auto &[name, isa] : targets) {
        // What must not be loaded is not even a library.
        std::string contents = isa.starts_with("nosuch") ? "not a library" : code;
        ASSERT_TRUE(writeFileAtomic(artifact.file("model." + name + ".so"), contents));
        m["binaries"].push_back(demo::binaryEntry(name, isa, "model." + name + ".so", contents));
      }
    });
  };
  auto chosen = [&](const std::string &target) {
    auto model = Model::open(artifact.path(), {.threads = 1, .target = target});
    return model ? (*model)->binary().target : model.status().message();
  };
  offer({{"best", "nosuch1 nosuch2"}, {"good", "sse2"}, {"least", ""}});
  EXPECT_EQ(chosen(""), "good");
  EXPECT_EQ(chosen("good"), "good");
  EXPECT_EQ(chosen("least"), "least");
  EXPECT_EQ(chosen("best"), artifact.path() + ": found code for best, for which this CPU lacks nosuch1 nosuch2; " +
                                "expected code for " + cpuName() + "; compile the model for this machine");
  EXPECT_EQ(chosen("other"), artifact.path() + ": found code for best, good, least; expected code for other, which " +
                                 "was asked for; compile the model for it");
  offer({{"least", ""}, {"good", "sse2"}});
  EXPECT_EQ(chosen(""), "least") << "the manifest says which is best";
  offer({{"best", "nosuch1"}, {"good", "nosuch2 sse2"}});
  EXPECT_EQ(chosen(""), artifact.path() + ": found code for best, for which this CPU lacks nosuch1, good, for which " +
                            "this CPU lacks nosuch2; expected code for " + cpuName() +
                            "; compile the model for this machine");
  // Damage to a binary that does not run here is found by `verify`, not by opening.
  offer({{"best", "nosuch1"}, {"good", ""}});
  artifact.patch("model.best.so", 0, "N");
  EXPECT_EQ(chosen(""), "good");
  auto checks = Model::verify(*ArtifactSource::open(artifact.path()));
  ASSERT_TRUE(checks);
  ASSERT_EQ(checks->size(), 4u);
  EXPECT_EQ((*checks)[1].file, "model.best.so");
  EXPECT_FALSE((*checks)[1].status);
  EXPECT_TRUE((*checks)[2].status);
  offer({});
  EXPECT_NE(chosen("").find("/binaries: found an array of 0 elements; expected the binary of at least one target"),
            std::string::npos)
      << chosen("");
}

TEST(ModelTest, OtherTargets) {
  Artifact artifact;
  artifact.edit([](Json &m) { m["target"]["triple"] = "riscv64-unknown-linux"; });
  expectRefused(artifact, StatusCode::unsupported, "riscv64");
  Artifact other;
  other.edit([](Json &m) { m["target"]["kind"] = "abacus"; });
  auto model = other.open();
  ASSERT_FALSE(model);
  EXPECT_NE(model.status().message().find("abacus"), std::string::npos) << model.status().message();
}

TEST(ModelTest, NoWeights) {
  Artifact artifact;
  artifact.edit([](Json &m) { m["weights"] = {{"kind", "none"}}; });
  expectRefused(artifact, StatusCode::unsupported, "--weights checkpoint");
  EXPECT_TRUE(Model::open(artifact.path(), {.threads = 1, .loadWeights = false}));
}

TEST(ModelTest, PackOfAnotherModel) {
  Artifact artifact;
  std::filesystem::resize_file(artifact.file("weights.pack"), 64);
  artifact.edit([](Json &m) { m["weights"]["bytes"] = 64; });
  expectRefused(artifact, StatusCode::corrupt, "do not belong together");
}

TEST(ModelTest, BadManifests) {
  struct {
    std::function<void(Json &)> change;
    StatusCode code;
    const char *part;
  } cases[] = {
      {[](Json &m) { m["binaries"][0]["file"] = "../model.so"; }, StatusCode::corrupt, "plain name"},
      {[](Json &m) { m["binaries"][0]["file"] = ".."; }, StatusCode::corrupt, "plain name"},
      {[](Json &m) { m["binaries"][0]["file"] = "/etc/passwd"; }, StatusCode::corrupt, "plain name"},
      {[](Json &m) { m["weights"]["file"] = "a/b"; }, StatusCode::corrupt, "plain name"},
      {[](Json &m) { m["binaries"][0]["digest"] = "xyz"; }, StatusCode::corrupt, "hex"},
      {[](Json &m) { m["binaries"][0]["bytes"] = -1; }, StatusCode::corrupt, "/binaries/0/bytes"},
      {[](Json &m) { m["weights"]["kind"] = "zip"; }, StatusCode::corrupt, "\"random\""},
      {[](Json &m) { m["model"]["vocabulary"] = 0; }, StatusCode::corrupt, "/model/vocabulary"},
      {[](Json &m) { m["model"]["vocabulary"] = 1e300; }, StatusCode::corrupt, "/model/vocabulary"},
      {[](Json &m) { m["generation"]["eos"] = {97}; }, StatusCode::corrupt, "/generation/eos"},
      {[](Json &m) { m["generation"]["temperature"] = -1; }, StatusCode::corrupt, "/generation/temperature"},
      {[](Json &m) { m["generation"]["top_p"] = 1.5; }, StatusCode::corrupt, "/generation/top_p"},
      {[](Json &m) { m["files"] = "x"; }, StatusCode::corrupt, "/files"},
  };
  for (const auto &c : cases) {
    Artifact artifact;
    artifact.edit(c.change);
    auto model = artifact.open();
    ASSERT_FALSE(model) << c.part;
    EXPECT_NE(model.status().message().find(c.part), std::string::npos) << model.status().message();
  }
}

TEST(ModelTest, SchemaIsCheckedBeforeAnythingElse) {
  struct {
    std::function<void(Json &)> change;
    StatusCode code;
    const char *message;
  } cases[] = {
      {[](Json &m) { m["schema"] = 4; }, StatusCode::unsupported,
       "found schema 4; expected schema 3; the artifact is of a newer Plait, update Plait or compile the model again "
       "with this version"},
      {[](Json &m) { m["schema"] = UINT64_MAX; }, StatusCode::unsupported,
       "found schema 18446744073709551615; expected schema 3; the artifact is of a newer Plait, update Plait or "
       "compile the model again with this version"},
      {[](Json &m) { m["schema"] = 1; }, StatusCode::unsupported,
       "found schema 1; expected schema 3; the artifact is of an older Plait, compile the model again with this "
       "version"},
      {[](Json &m) { m["schema"] = 0; }, StatusCode::unsupported,
       "found schema 0; expected schema 3; the artifact is of an older Plait, compile the model again with this "
       "version"},
      {[](Json &m) { m["schema"] = -1; }, StatusCode::unsupported,
       "found schema -1; expected schema 3; the artifact is of an older Plait, compile the model again with this "
       "version"},
      {[](Json &m) { m.erase("schema"); }, StatusCode::corrupt,
       "found no schema; expected schema 3; this is no manifest of a compiled model, or it is damaged; compile the "
       "model again"},
      {[](Json &m) { m["schema"] = "1"; }, StatusCode::corrupt,
       "found schema \"1\", which is no integer; expected schema 3; the artifact is damaged, compile the model again"},
      {[](Json &m) { m["schema"] = 1.0; }, StatusCode::corrupt,
       "found schema 1.0, which is no integer; expected schema 3; the artifact is damaged, compile the model again"},
      {[](Json &m) { m["schema"] = nullptr; }, StatusCode::corrupt,
       "found schema null, which is no integer; expected schema 3; the artifact is damaged, compile the model again"},
      {[](Json &m) { m = Json::array({1}); }, StatusCode::corrupt,
       "found no JSON object; expected schema 3; the artifact is damaged, compile the model again"},
  };
  for (const auto &c : cases) {
    Artifact artifact;
    artifact.edit([&](Json &m) {
      m["binaries"] = "of another schema"; // must not be looked at
      c.change(m);
    });
    auto model = artifact.open();
    ASSERT_FALSE(model) << c.message;
    EXPECT_EQ(model.status().code(), c.code);
    EXPECT_EQ(model.status().message(), artifact.file("manifest.json") + ": " + c.message);
  }
}

TEST(ModelTest, VerifyNamesTheDamagedFile) {
  Artifact artifact;
  auto checks = Model::verify(*ArtifactSource::open(artifact.path()));
  ASSERT_TRUE(checks);
  ASSERT_EQ(checks->size(), 3u); // the manifest comes first
  for (const FileCheck &check : *checks)
    EXPECT_TRUE(check.status) << check.status.message();
  artifact.patch("weights.pack", 1000, "x");
  EXPECT_TRUE(artifact.open()) << "opening checks sizes only";
  checks = Model::verify(*ArtifactSource::open(artifact.path()));
  ASSERT_TRUE(checks);
  EXPECT_TRUE((*checks)[0].status && (*checks)[1].status);
  EXPECT_FALSE((*checks)[2].status);
  EXPECT_NE((*checks)[2].status.message().find("weights.pack"), std::string::npos);
}

//===----------------------------------------------------------------------===//
// Random weights
//===----------------------------------------------------------------------===//

/// Element (row, col) of a slice, by the layout's definition.
float elementOf(const plait_weight_v4_t &w, const uint8_t *slice, int64_t row, int64_t col) {
  int64_t at = row * w.cols + col;
  if (w.layout == PLAIT_LAYOUT_PANELS) {
    int64_t groups = (w.cols + w.group - 1) / w.group;
    at = ((row / w.panel * groups + col / w.group) * w.panel + row % w.panel) * w.group + col % w.group;
  }
  if (w.dtype == PLAIT_DTYPE_BF16)
    return bf16ToFloat(reinterpret_cast<const uint16_t *>(slice)[at]);
  return reinterpret_cast<const float *>(slice)[at];
}

TEST(RandomWeightsTest, FillsEveryWeightOfAModel) {
  for (unsigned threads : {1u, 2u, 3u}) {
    Artifact artifact;
    artifact.edit([](Json &m) { m["weights"] = {{"kind", "random"}, {"seed", 42}}; });
    auto opened = Model::open(artifact.path(), {.threads = threads, .loadWeights = true});
    ASSERT_TRUE(opened) << opened.status().message();
    const Model &model = **opened;
    for (int32_t i = 0; i < model.tables().weight_count; ++i) {
      const plait_weight_v4_t &w = model.tables().weights[i];
      for (int64_t layer = 0; layer < w.layers; ++layer) {
        RandomWeights values(42, sliceTensorName(w.source, layer, w.layer_first, w.layer_step), w.cols);
        const uint8_t *slice = model.weights() + w.pack_offset + uint64_t(layer) * w.layer_bytes;
        for (int64_t r = 0; r < w.rows; ++r)
          for (int64_t c = 0; c < w.cols; ++c) {
            float expected = values(r * w.cols + c);
            if (w.dtype == PLAIT_DTYPE_BF16)
              expected = bf16ToFloat(roundToBf16(expected));
            ASSERT_EQ(elementOf(w, slice, r, c), expected) << w.name << " " << r << " " << c;
          }
      }
    }
  }
}

TEST(RandomWeightsTest, NamesOfSlices) {
  EXPECT_EQ(sliceTensorName("h.{layer}.w", 3, 0, 1), "h.3.w");
  EXPECT_EQ(sliceTensorName("h.{layer}.{layer}", 2, 1, 6), "h.13.13");
  EXPECT_EQ(sliceTensorName("w", 2, 1, 6), "w");
}

TEST(RandomWeightsTest, PadsPanelsWithZeros) {
  plait_weight_v4_t w = {};
  w.source = "w.weight";
  w.layers = 1, w.layer_step = 1;
  w.rows = w.source_rows = 6, w.cols = w.source_cols = 5, w.panel = 4, w.group = 2;
  w.dtype = PLAIT_DTYPE_F32, w.layout = PLAIT_LAYOUT_PANELS;
  std::vector<float> slice(2 * 3 * 4 * 2, -7.0f);
  fillRandom(w, 0, 1, 0, 2, reinterpret_cast<uint8_t *>(slice.data()));
  int zeros = 0;
  for (float value : slice) {
    EXPECT_NE(value, -7.0f);
    zeros += value == 0;
  }
  EXPECT_EQ(zeros, 48 - 30);
}

// However many ranks share a matrix, it is the same matrix.
TEST(RandomWeightsTest, PartsAreThoseOfTheWhole) {
  plait_weight_v4_t whole = {};
  whole.source = "layers.{layer}.w.weight";
  whole.layers = 2, whole.layer_step = 1;
  whole.rows = whole.source_rows = 70, whole.cols = whole.source_cols = 48;
  for (auto [layout, dtype] : {std::pair(PLAIT_LAYOUT_ROWS, PLAIT_DTYPE_F32),
                               {PLAIT_LAYOUT_PANELS, PLAIT_DTYPE_F32},
                               {PLAIT_LAYOUT_ROWS, PLAIT_DTYPE_BF16},
                               {PLAIT_LAYOUT_PANELS, PLAIT_DTYPE_BF16}}) {
    whole.layout = layout, whole.dtype = dtype;
    whole.panel = 32, whole.group = dtype == PLAIT_DTYPE_BF16 ? 2 : 1;
    auto fill = [&](const plait_weight_v4_t &w) {
      std::vector<uint8_t> slice(size_t(packedBytes(w)));
      int64_t units = layout == PLAIT_LAYOUT_PANELS ? (w.rows + w.panel - 1) / w.panel : w.rows;
      fillRandom(w, 1, 7, 0, units, slice.data());
      return slice;
    };
    std::vector<uint8_t> all = fill(whole);
    for (auto [row, rows, col, cols] :
         {std::array<int64_t, 4>{0, 30, 0, 48}, {30, 40, 0, 48}, {0, 70, 0, 20}, {0, 70, 20, 28}, {11, 3, 7, 5}}) {
      plait_weight_v4_t part = whole;
      part.rows = rows, part.cols = cols, part.row_begin = row, part.col_begin = col;
      std::vector<uint8_t> some = fill(part);
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < cols; ++c)
          ASSERT_EQ(elementOf(part, some.data(), r, c), elementOf(whole, all.data(), row + r, col + c));
    }
  }
}

TEST(RandomWeightsTest, PartsOfIntegersAreThoseOfTheWhole) {
  for (int32_t dtype : {PLAIT_DTYPE_I8, PLAIT_DTYPE_I4}) {
    plait_weight_v4_t whole = {};
    whole.source = "w.weight";
    whole.layers = 1, whole.layer_step = 1;
    whole.rows = whole.source_rows = 96, whole.cols = whole.source_cols = 80;
    whole.dtype = dtype, whole.layout = PLAIT_LAYOUT_PANELS;
    whole.panel = 32, whole.group = dtype == PLAIT_DTYPE_I8 ? 4 : 8, whole.scale_group = 32;
    plait_weight_v4_t part = whole;
    part.row_begin = 32, part.rows = 64, part.col_begin = 32, part.cols = 48; // the last group has 16
    auto fill = [](const plait_weight_v4_t &w) {
      std::vector<uint8_t> slice(size_t(packedBytes(w)));
      fillRandom(w, 0, 7, 0, w.rows / w.panel, slice.data());
      return slice;
    };
    std::vector<uint8_t> all = fill(whole), some = fill(part);
    // In a panel of the whole the first of three groups comes before the part's.
    PanelLayout outer = panelLayoutOf(whole), inner = panelLayoutOf(part);
    for (int64_t p = 0; p < 2; ++p)
      EXPECT_EQ(std::memcmp(some.data() + p * inner.panelBytes(),
                            all.data() + (p + 1) * outer.panelBytes() + outer.groupBytes(32),
                            size_t(inner.panelBytes())),
                0);
  }
}

TEST(ModelRanksTest, OpensTheRankThatIsAskedFor) {
  Artifact artifact(2);
  for (int rank : {0, 1}) {
    auto model = Model::open(artifact.path(), {.rank = rank});
    ASSERT_TRUE(model) << model.status().message();
    EXPECT_EQ((*model)->tables().rank, rank);
    EXPECT_EQ((*model)->ranks(), 2u);
  }
  auto none = Model::open(artifact.path(), {.rank = 2});
  EXPECT_EQ(none.status().code(), StatusCode::invalidArgument);
  // One rank alone computes nothing of use.
  auto alone = Instance::create(*Model::open(artifact.path()), {});
  EXPECT_NE(alone.status().message().find("found a model of 2 ranks"), std::string::npos) << alone.status().message();
  auto checks = Model::verify(*ArtifactSource::open(artifact.path()));
  ASSERT_TRUE(checks);
  for (const FileCheck &check : *checks)
    EXPECT_TRUE(check.status) << check.status.message();

  artifact.edit([](Json &m) { std::swap(m["parts"][0], m["parts"][1]); });
  EXPECT_NE(Model::open(artifact.path()).status().message().find("found rank 0 in manifest.json and 1"),
            std::string::npos);
  artifact.edit([](Json &m) { m["ranks"] = 3; });
  EXPECT_NE(Model::open(artifact.path()).status().message().find("the parts of 3 ranks"), std::string::npos);
  artifact.edit([](Json &m) { m["ranks"] = 65; });
  EXPECT_NE(Model::open(artifact.path()).status().message().find("/ranks: found 65"), std::string::npos);
  artifact.edit([](Json &m) {
    m.erase("parts");
    m["ranks"] = 2;
  });
  EXPECT_NE(Model::open(artifact.path()).status().message().find("parts"), std::string::npos);
}

} // namespace
