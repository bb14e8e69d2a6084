"""A GGUF file of random weights in the shape of a Llama config.json.

    random_gguf.py CONFIG.json OUT.gguf --type F32|BF16|Q8_0|Q4_0

One block of random numbers is written over and over: how fast a program reads and
multiplies does not depend on the values, as long as they are ordinary ones. There is
no tokenizer, only the size of the vocabulary.
"""

import argparse
import json
import os
import sys

import numpy as np

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e", "Inputs"))
import gguf_writer as gguf  # noqa: E402

# type: number in the format, elements of a block, its bytes, and where its f16 scale is
TYPES = {"F32": (0, 1, 4, None), "BF16": (30, 1, 2, None), "Q8_0": (8, 32, 34, 0), "Q4_0": (2, 32, 18, 0)}
FTYPES = {"F32": 0, "BF16": 32, "Q8_0": 7, "Q4_0": 2}  # general.file_type


def pattern(kind):
    """About 16 MiB of blocks."""
    random = np.random.default_rng(0)
    number, elements, size, scale = TYPES[kind]
    if scale is None:
        values = (random.standard_normal(1 << 22) * 0.02).astype("<f4")
        return (values if kind == "F32" else gguf.to_bf16(values)).tobytes()
    blocks = random.integers(0, 256, ((16 << 20) // size, size), np.uint8)
    # Values of about 0.02 whatever the range of the integers.
    blocks[:, scale : scale + 2] = np.float16(0.02 / (64 if kind == "Q8_0" else 4)).reshape(1).view(np.uint8)
    return blocks.tobytes()


class Repeated:
    """`size` bytes of a pattern, made when they are written."""

    def __init__(self, pattern, size):
        self.pattern, self.size = pattern, size

    def __len__(self):
        return self.size

    def write(self, file):
        left = self.size
        while left:
            piece = memoryview(self.pattern)[:left]
            file.write(piece)
            left -= len(piece)


def build(config, kind):
    file = gguf.File()
    gguf.add_parameters(file, config)
    file.key("general.file_type", gguf.U32, FTYPES[kind])
    file.key("tokenizer.ggml.model", gguf.STRING, "no_vocab")
    block = pattern(kind)
    number, elements, size, _ = TYPES[kind]

    def matrix(name, rows, cols):
        assert cols % elements == 0
        file.tensors.append([name, [cols, rows], number, Repeated(block, rows * cols // elements * size), None])

    def gain(name, cols):
        file.tensor(name, np.ones(cols), "f32")

    hidden, inner, vocabulary = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    kv = hidden // config["num_attention_heads"] * config["num_key_value_heads"]
    matrix("token_embd.weight", vocabulary, hidden)
    for layer in range(config["num_hidden_layers"]):
        gain(f"blk.{layer}.attn_norm.weight", hidden)
        gain(f"blk.{layer}.ffn_norm.weight", hidden)
        for name, rows, cols in (
            ("attn_q", hidden, hidden), ("attn_k", kv, hidden), ("attn_v", kv, hidden), ("attn_output", hidden, hidden),
            ("ffn_gate", inner, hidden), ("ffn_up", inner, hidden), ("ffn_down", hidden, inner)):
            matrix(f"blk.{layer}.{name}.weight", rows, cols)
    gain("output_norm.weight", hidden)
    if not config.get("tie_word_embeddings"):
        matrix("output.weight", vocabulary, hidden)
    return file


def write(config, path, kind):
    """Leaves a file that is there already: it would be the same."""
    if not os.path.exists(path):
        file = build(config, kind)
        with open(path + ".part", "wb") as out:
            file.write_to(out)
        os.rename(path + ".part", path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("out")
    parser.add_argument("--type", choices=[*TYPES], required=True)
    args = parser.parse_args()
    with open(args.config, encoding="utf-8") as config_file:
        write(json.load(config_file), args.out, args.type)
