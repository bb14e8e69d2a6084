//===- PackedMatrixTest.cpp -----------------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/PackedCheckpoint.h"
#include "runtime/base/QuantizedBlocks.h"
#include "runtime/base/Safetensors.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace plait;

namespace {

#define EXPECT_HAS(message, part) EXPECT_PRED2(contains, message, part)
bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

/// test/golden/packed.safetensors, which make_packed_goldens.py writes.
class PackedMatrixTest : public testing::Test {
protected:
  void SetUp() override {
    auto opened = Checkpoint::openFile(PLAIT_GOLDEN_DIR "/packed.safetensors");
    ASSERT_TRUE(opened.ok()) << opened.status().message();
    goldens = opened.take();
  }

  const TensorView &golden(const std::string &name) const {
    const TensorView *tensor = goldens.find(name);
    EXPECT_TRUE(tensor) << name;
    return *tensor;
  }

  Json configOf(const std::string &kind) const {
    const TensorView &text = golden(kind + "/config");
    return parseJson({reinterpret_cast<const char *>(text.data.data()), text.data.size()}, "config.json").take();
  }

  static Expected<std::optional<PackedFormat>> formatOf(const Json &config) {
    return readPackedFormat(JsonView(config, "config.json"));
  }

  /// The golden's matrix as tensors of a checkpoint; "layer.up.qweight" and so on.
  std::map<std::string, TensorView> tensorsOf(const std::string &kind) const {
    std::map<std::string, TensorView> tensors;
    for (const auto &[name, tensor] : goldens.tensors())
      if (name.starts_with(kind + "/x."))
        tensors.emplace("layer.up" + name.substr(kind.size() + 2), tensor);
    return tensors;
  }

  Expected<Checkpoint> view(const std::string &kind, const std::map<std::string, TensorView> &tensors) const {
    return viewPackedCheckpoint(Checkpoint(tensors, goldens.files()), *formatOf(configOf(kind)), "config.json");
  }

  std::string errorOf(const std::string &kind, const std::map<std::string, TensorView> &tensors,
                      StatusCode code) const {
    auto result = view(kind, tensors);
    if (result.ok()) {
      ADD_FAILURE() << "accepted";
      return "";
    }
    EXPECT_EQ(result.status().code(), code) << result.status().message();
    EXPECT_HAS(result.status().message(), ": found ");
    EXPECT_HAS(result.status().message(), "; expected ");
    return result.status().message();
  }

  Checkpoint goldens;
};

struct Kind {
  const char *name;
  std::optional<WeightQuantization> quantization;
};

const Kind kinds[] = {
    {"gptq-sym", WeightQuantization{4, 64, false}},
    {"gptq-zeros", WeightQuantization{4, 32, true}},
    {"gptq-short", WeightQuantization{4, 128, true}},
    {"gptq-row", WeightQuantization{4, 128, false}}, // groups of the row's one scale
    {"gptq-v2", WeightQuantization{4, 64, true}},
    {"gptq-order", std::nullopt},
    {"gptq-8", WeightQuantization{8, 64, false}},
    {"gptq-8-row", WeightQuantization{8, 0, false}},
    {"gptq-8-zeros", std::nullopt},
    {"gptq-f32", std::nullopt},
    {"awq", WeightQuantization{4, 64, true}},
    {"awq-row", WeightQuantization{4, 128, true}},
};

} // namespace

TEST_F(PackedMatrixTest, ReadsWhatNumpyReads) {
  for (const Kind &kind : kinds) {
    SCOPED_TRACE(kind.name);
    auto checkpoint = view(kind.name, tensorsOf(kind.name));
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
    ASSERT_EQ(checkpoint->tensors().size(), 1u);
    const TensorView &tensor = *checkpoint->find("layer.up.weight");
    const TensorView &values = golden(std::string(kind.name) + "/values");
    ASSERT_EQ(tensor.shape, values.shape);
    int64_t rows = tensor.rows(), columns = tensor.columns();
    std::vector<float> expected(size_t(rows * columns)), found(expected.size(), -1);
    readTensorBlock(values, 0, rows, 0, columns, expected.data());
    readTensorBlock(tensor, 0, rows, 0, columns, found.data());
    EXPECT_EQ(found, expected);
    for (int64_t index : {int64_t(0), columns + 63, rows * columns - 1})
      EXPECT_EQ(tensorElement(tensor, index), expected[size_t(index)]);
    // A block across groups and words.
    std::vector<float> block(3 * 70);
    readTensorBlock(tensor, 5, 3, 61, 70, block.data());
    for (int64_t i = 0; i < 3 * 70; ++i)
      EXPECT_EQ(block[size_t(i)], expected[size_t((5 + i / 70) * columns + 61 + i % 70)]);
    EXPECT_TRUE(checkpoint->checkFinite().ok());
  }
}

TEST_F(PackedMatrixTest, GivesTheIntegersOfTheFile) {
  for (const Kind &kind : kinds) {
    SCOPED_TRACE(kind.name);
    const std::string prefix = std::string(kind.name) + "/";
    auto checkpoint = view(kind.name, tensorsOf(kind.name));
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
    const TensorView &tensor = *checkpoint->find("layer.up.weight");
    auto quantization = storedQuantization(tensor);
    ASSERT_EQ(quantization.has_value(), kind.quantization.has_value());
    if (!quantization)
      continue;
    EXPECT_EQ(quantization->bits, kind.quantization->bits);
    EXPECT_EQ(quantization->group, kind.quantization->group);
    EXPECT_EQ(quantization->zeroPoints, kind.quantization->zeroPoints);
    const TensorView &integers = golden(prefix + "integers"), &zeros = golden(prefix + "zeros");
    int offset = quantization->zeroPoints ? 0 : 1 << (quantization->bits - 1);
    int64_t columns = tensor.columns(), groups = quantization->groups(columns);
    for (int64_t row = 0; row < tensor.rows(); ++row) {
      QuantizedRow found;
      readQuantizedRow(tensor, row, found);
      ASSERT_EQ(found.integers.size(), size_t(columns));
      for (int64_t column = 0; column < columns; ++column)
        EXPECT_EQ(found.integers[size_t(column)] + offset, int(tensorElement(integers, row * columns + column)));
      ASSERT_EQ(found.zeros.size(), size_t(groups));
      ASSERT_EQ(found.scales.size(), size_t(groups));
      for (int64_t g = 0; g < groups; ++g) {
        int64_t stored = g * zeros.columns() / groups;
        EXPECT_EQ(found.zeros[size_t(g)] + offset, int(tensorElement(zeros, row * zeros.columns() + stored)));
        EXPECT_EQ(halfToFloat(found.scales[size_t(g)]),
                  tensorElement(golden(prefix + "x.scales"), stored * tensor.rows() + row));
      }
      std::vector<float> values(static_cast<size_t>(columns)), expected = values;
      dequantizeRow(*quantization, found, values);
      readTensorBlock(tensor, row, 1, 0, columns, expected.data());
      EXPECT_EQ(values, expected);
    }
  }
}

/// What stands for -128 is no integer of a WeightQuantization.
TEST_F(PackedMatrixTest, Minus128IsNoInteger) {
  auto tensors = tensorsOf("gptq-8");
  TensorView &integers = tensors.at("layer.up.qweight");
  std::vector<uint8_t> bytes(integers.data.begin(), integers.data.end());
  bytes[1234] = 0;
  integers.data = bytes;
  auto checkpoint = view("gptq-8", tensors);
  ASSERT_TRUE(checkpoint.ok());
  EXPECT_FALSE(storedQuantization(*checkpoint->find("layer.up.weight")).has_value());
}

TEST_F(PackedMatrixTest, LeavesOtherTensorsAlone) {
  auto tensors = tensorsOf("awq");
  tensors.emplace("layer.up.bias", golden("awq/zeros"));
  tensors.emplace("norm.weight", golden("awq/values"));
  auto checkpoint = view("awq", tensors);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  EXPECT_EQ(checkpoint->tensors().size(), 3u);
  EXPECT_EQ(checkpoint->find("norm.weight")->type, TensorType::f32);
  EXPECT_EQ(checkpoint->find("layer.up.weight")->type, TensorType::awq);
  EXPECT_FALSE(storedQuantization(*checkpoint->find("norm.weight")).has_value());
  EXPECT_EQ(checkpoint->files().size(), 1u);
}

TEST_F(PackedMatrixTest, BadTensors) {
  auto without = [&](const char *name) {
    auto tensors = tensorsOf("gptq-order");
    tensors.erase(name);
    return tensors;
  };
  EXPECT_HAS(errorOf("gptq-order", without("layer.up.qzeros"), StatusCode::notFound), "no tensor 'layer.up.qzeros'");
  EXPECT_HAS(errorOf("gptq-order", without("layer.up.scales"), StatusCode::notFound), "no tensor 'layer.up.scales'");

  auto with = [&](const char *name, const TensorView &tensor) {
    auto tensors = tensorsOf("gptq-order");
    tensors[name] = tensor;
    return tensors;
  };
  EXPECT_HAS(errorOf("gptq-order", with("layer.up.weight", golden("awq/values")), StatusCode::invalidArgument),
             "tensors 'layer.up.qweight' and 'layer.up.weight'");
  EXPECT_HAS(errorOf("gptq-order", with("layer.up.qweight", golden("awq/values")), StatusCode::unsupported),
             "tensor 'layer.up.qweight': found the dtype F32; expected I32, words of 8 integers");
  EXPECT_HAS(errorOf("gptq-order", with("layer.up.qweight", golden("gptq-zeros/x.g_idx")), StatusCode::invalidArgument),
             "found the shape [192]; expected a matrix");
  EXPECT_HAS(errorOf("gptq-order", with("layer.up.qzeros", golden("awq/values")), StatusCode::unsupported),
             "tensor 'layer.up.qzeros': found the dtype F32");
  EXPECT_HAS(errorOf("gptq-order", with("layer.up.qzeros", golden("gptq-row/x.qzeros")), StatusCode::invalidArgument),
             "tensor 'layer.up.qzeros': found the shape [1, 2]; expected [3, 2], as [24, 16] words of integers in "
             "groups of 64 columns need; check that config.json");
  EXPECT_HAS(errorOf("gptq-order", with("layer.up.scales", golden("gptq-row/x.scales")), StatusCode::invalidArgument),
             "tensor 'layer.up.scales': found the shape [1, 16]; expected [3, 16]");
  EXPECT_HAS(errorOf("gptq-order", with("layer.up.scales", golden("gptq-row/zeros")), StatusCode::unsupported),
             "found the dtype U8; expected F16, BF16 or F32");
  EXPECT_HAS(errorOf("gptq-order", with("layer.up.g_idx", golden("gptq-row/x.qzeros")), StatusCode::invalidArgument),
             "tensor 'layer.up.g_idx': found the shape [1, 2]; expected [192]");
  // Groups up to 5 where there are scales for 3.
  EXPECT_HAS(errorOf("gptq-order", with("layer.up.g_idx", golden("gptq-zeros/x.g_idx")), StatusCode::corrupt),
             "tensor 'layer.up.g_idx': found group 3 for column 96; expected one of the 3 groups");
  // Columns of AWQ are not packed, so neither shape fits the other format.
  EXPECT_HAS(errorOf("awq", tensorsOf("gptq-v2"), StatusCode::invalidArgument), "'layer.up.qzeros'");

  auto plain = viewPackedCheckpoint(Checkpoint(tensorsOf("awq"), {}), std::nullopt, "model/config.json");
  ASSERT_FALSE(plain.ok());
  EXPECT_EQ(plain.status().message(),
            "model/config.json: found no quantization_config beside the tensor 'layer.up.qweight'; expected it in "
            "config.json; copy it there from quantize_config.json");
}

TEST_F(PackedMatrixTest, BadConfigs) {
  struct Case {
    const char *patch, *message;
    StatusCode code = StatusCode::unsupported;
  };
  const Case gptqCases[] = {
      {R"({"quant_method": "bitsandbytes"})", "/quant_method: found \"bitsandbytes\" (string); expected gptq or awq; "
                                              "take the original checkpoint in f32 or bf16"},
      {R"({"quant_method": null})", "/quant_method: found nothing", StatusCode::invalidArgument},
      {R"({"bits": 3})", "/bits: found 3 (integer); expected 4 or 8"},
      {R"({"bits": 2})", "/bits: found 2 (integer)"},
      {R"({"bits": null})", "/bits: found nothing", StatusCode::invalidArgument},
      {R"({"group_size": 0})", "/group_size: found 0 (integer); expected a number of columns, or -1",
       StatusCode::invalidArgument},
      {R"({"group_size": -2})", "/group_size: found -2 (integer)", StatusCode::invalidArgument},
      {R"({"checkpoint_format": "marlin"})", "/checkpoint_format: found \"marlin\" (string); expected gptq or gptq_v2"},
      {R"({"is_marlin_format": true})", "/is_marlin_format: found true (boolean); expected false"},
      {R"({"pack_dtype": "int16"})", "/pack_dtype: found \"int16\" (string); expected int32"},
      {R"({"dynamic": {"+:.*down.*": {"bits": 8}}})", "/dynamic: found an object of 1 member; expected one format"},
  };
  const Case awqCases[] = {
      {R"({"bits": 8})", "/bits: found 8 (integer); expected 4;"},
      {R"({"version": "gemv"})", "/version: found \"gemv\" (string); expected gemm; other layouts"},
      {R"({"version": "GEMV_FAST"})", "/version: found \"GEMV_FAST\" (string); expected gemm"},
      {R"({"backend": "llm-awq"})", "/backend: found \"llm-awq\" (string); expected autoawq"},
  };
  auto check = [&](const char *kind, const Case &c) {
    SCOPED_TRACE(c.patch);
    Json config = configOf(kind);
    config["quantization_config"].merge_patch(Json::parse(c.patch));
    auto format = formatOf(config);
    ASSERT_FALSE(format.ok());
    EXPECT_EQ(format.status().code(), c.code);
    EXPECT_HAS(format.status().message(), std::string("config.json: /quantization_config") + c.message);
  };
  for (const Case &c : gptqCases)
    check("gptq-sym", c);
  for (const Case &c : awqCases)
    check("awq", c);

  Json config = configOf("awq");
  config["quantization_config"]["version"] = "GEMM"; // as older files spell it
  config["quantization_config"]["modules_to_not_convert"] = {"lm_head"};
  EXPECT_TRUE(formatOf(config).ok());
  config.erase("quantization_config");
  EXPECT_FALSE(formatOf(config)->has_value());
  config["compression_config"] = {{"quant_method", "compressed-tensors"}};
  EXPECT_EQ(formatOf(config).status().code(), StatusCode::unsupported);
}
