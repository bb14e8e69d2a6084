"""The shapes of models that are measured, as config.json files with random weights."""

import json
import os

LLAMA = dict(
    architectures=["LlamaForCausalLM"], model_type="llama", rms_norm_eps=1e-5, rope_theta=10000.0, hidden_act="silu",
    max_position_embeddings=8192, tie_word_embeddings=False, torch_dtype="bfloat16", bos_token_id=1, eos_token_id=2)
TINYLLAMA_1B = dict(
    LLAMA, hidden_size=2048, intermediate_size=5632, num_hidden_layers=22, num_attention_heads=32,
    num_key_value_heads=4, vocab_size=32000)
LLAMA_32_1B = dict(
    LLAMA, hidden_size=2048, intermediate_size=8192, num_hidden_layers=16, num_attention_heads=32,
    num_key_value_heads=8, vocab_size=128256, rope_theta=500000.0, tie_word_embeddings=True)
SMOLLM_135M = dict(
    LLAMA, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
    num_key_value_heads=3, vocab_size=49152, tie_word_embeddings=True)
DRAFT_60M = dict(
    LLAMA, hidden_size=512, intermediate_size=1536, num_hidden_layers=12, num_attention_heads=8,
    num_key_value_heads=4, vocab_size=32000, tie_word_embeddings=True)
SMALL_30M = dict(
    LLAMA, hidden_size=512, intermediate_size=1536, num_hidden_layers=8, num_attention_heads=8,
    num_key_value_heads=4, vocab_size=4096)
SMALL_3M = dict(
    LLAMA, hidden_size=256, intermediate_size=512, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, vocab_size=4096, tie_word_embeddings=True)
LLAMA_31_405B = dict(
    LLAMA, hidden_size=16384, intermediate_size=53248, num_hidden_layers=126, num_attention_heads=128,
    num_key_value_heads=8, vocab_size=128256, max_position_embeddings=131072, rope_theta=500000.0,
    rope_scaling=dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                      original_max_position_embeddings=8192))


def write_folder(out, name, config):
    """A model folder without weights."""
    folder = os.path.join(out, name)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file)
    return folder


def write_clover(out, name, config):
    """A folder with a recurrent head for a model of that shape, of zeros: where weights are random only the sizes
    are read."""
    folder, size = os.path.join(out, name), config["hidden_size"]
    os.makedirs(folder, exist_ok=True)
    header, end = {}, 0
    for tensor, shape in ("hidden.weight", [size, size]), ("token.weight", [size, size]), ("token.bias", [size]):
        begin, end = end, end + 2 * size * (size if len(shape) == 2 else 1)
        header[tensor] = {"dtype": "BF16", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(folder, "clover.safetensors"), "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)
    return folder


def parameters(config):
    """Elements of the matrices of all layers, and of the one behind them."""
    hidden = config["hidden_size"]
    kv = hidden // config["num_attention_heads"] * config["num_key_value_heads"]
    layer = hidden * (2 * hidden + 2 * kv + 3 * config["intermediate_size"])
    return layer * config["num_hidden_layers"], config["vocab_size"] * hidden
