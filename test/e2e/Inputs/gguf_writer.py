"""Writes GGUF files, right ones and damaged ones, and models as GGUF files.

  gguf_writer.py FOLDER OUT.gguf [--type f32|f16|bf16] [--parts N]

turns a Hugging Face folder into a GGUF file as llama.cpp's converter does: names, order
of rows, gains, tokenizer. With --parts OUT is NAME-00001-of-0000N.gguf.
"""

import argparse
import json
import os
import struct
import sys

import numpy as np

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "golden"))
import reference  # noqa: E402

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
PACK = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "?", U64: "Q", I64: "q", F64: "d"}
TYPES = {"f32": 0, "f16": 1, "bf16": 30}


def string(text):
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(data)) + data


def scalar(kind, value):
    return string(value) if kind == STRING else struct.pack("<" + PACK[kind], value)


def to_bf16(x):
    """Rounded to nearest, ties to even."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")


class File:
    """A GGUF file; what is written can be changed in any member before."""

    def __init__(self):
        self.magic, self.version, self.alignment = b"GGUF", 3, 32
        self.keys = {}  # name: (type, bytes)
        self.tensors = []  # [name, shape innermost first, type number, bytes, offset or None]
        self.key_count = self.tensor_count = None
        self.behind = b""

    def key(self, name, kind, value):
        self.keys[name] = (kind, scalar(kind, value))

    def array(self, name, kind, values):
        data = b"".join(scalar(kind, v) for v in values)
        self.keys[name] = (ARRAY, struct.pack("<IQ", kind, len(values)) + data)

    def tensor(self, name, x, kind):
        x = np.asarray(x, np.float32)
        data = {"f32": lambda: x.astype("<f4"), "f16": lambda: x.astype("<f2"), "bf16": lambda: to_bf16(x)}[kind]()
        self.tensors.append([name, list(reversed(x.shape)), TYPES[kind], data.tobytes(), None])

    def padded(self, data):
        return data + bytes(-len(data) % self.alignment)

    def head(self):
        """All before the data of the tensors, of which only the lengths count."""
        out = self.magic + struct.pack("<I", self.version)
        out += struct.pack("<Q", len(self.tensors) if self.tensor_count is None else self.tensor_count)
        out += struct.pack("<Q", len(self.keys) if self.key_count is None else self.key_count)
        for name, (kind, data) in self.keys.items():
            out += string(name) + struct.pack("<I", kind) + data
        at = 0
        for name, shape, kind, data, offset in self.tensors:
            out += string(name) + struct.pack(f"<I{len(shape)}q", len(shape), *shape)
            out += struct.pack("<IQ", kind, at if offset is None else offset)
            at += len(data) + -len(data) % self.alignment
        return self.padded(out) if self.tensors else out

    def bytes(self):
        return self.head() + b"".join(self.padded(t[3]) for t in self.tensors) + self.behind

    def write_to(self, file):
        """Without all data in memory: that of a tensor may know how to write itself."""
        file.write(self.head())
        for _, _, _, data, _ in self.tensors:
            data.write(file) if hasattr(data, "write") else file.write(data)
            file.write(bytes(-len(data) % self.alignment))
        file.write(self.behind)

    def write(self, path):
        with open(path, "wb") as f:
            f.write(self.bytes())


LLAMA = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
GPT2 = {
    "transformer.wte": "token_embd",
    "transformer.wpe": "position_embd",
    "transformer.ln_f": "output_norm",
    "ln_1": "attn_norm",
    "attn.c_attn": "attn_qkv",
    "attn.c_proj": "attn_output",
    "ln_2": "ffn_norm",
    "mlp.c_fc": "ffn_up",
    "mlp.c_proj": "ffn_down",
}


QWEN = LLAMA | {"self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm"}
PHI3 = LLAMA | {"self_attn.qkv_proj": "attn_qkv", "mlp.gate_up_proj": "ffn_up"}
GEMMA = QWEN | {
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}
# model_type: architecture, names of tensors
ARCHITECTURES = {
    "gemma2": ("gemma2", GEMMA),
    "gemma3_text": ("gemma3", GEMMA),
    "gpt2": ("gpt2", GPT2),
    "llama": ("llama", LLAMA),
    "phi3": ("phi3", PHI3),
    "qwen2": ("qwen2", QWEN),
    "qwen3": ("qwen3", QWEN),
}


def gguf_name(name, names):
    body, kind = name.rsplit(".", 1)
    if body in names:
        return f"{names[body]}.{kind}"
    parts = body.split(".")
    layer = next(i for i, p in enumerate(parts) if p.isdigit())
    return f"blk.{parts[layer]}.{names['.'.join(parts[layer + 1 :])]}.{kind}"


def pair_rows(x, heads):
    return x.reshape(heads, 2, x.shape[0] // heads // 2, *x.shape[1:]).swapaxes(1, 2).reshape(x.shape)


def add_parameters(file, config):
    name, _ = ARCHITECTURES[config["model_type"]]
    arch = name + "."
    gpt2 = name == "gpt2"
    file.key("general.architecture", STRING, name)
    sizes = {"context_length": ("max_position_embeddings", "n_positions"), "embedding_length": ("hidden_size", "n_embd")}
    sizes |= {"block_count": ("num_hidden_layers", "n_layer"), "attention.head_count": ("num_attention_heads", "n_head")}
    for key, members in sizes.items():
        file.key(arch + key, U32, config[members[1 if gpt2 else 0]])
    if gpt2:
        file.key(arch + "feed_forward_length", U32, config.get("n_inner") or 4 * config["n_embd"])
        file.key(arch + "attention.layer_norm_epsilon", F32, config["layer_norm_epsilon"])
        return
    file.key(arch + "feed_forward_length", U32, config["intermediate_size"])
    file.key(arch + "attention.head_count_kv", U32, config["num_key_value_heads"])
    file.key(arch + "attention.layer_norm_rms_epsilon", F32, config["rms_norm_eps"])
    if name == "llama":
        file.key(arch + "vocab_size", U32, config["vocab_size"])
    for member, key in (("attn_logit_softcapping",) * 2, ("final_logit_softcapping",) * 2):
        if config.get(member):
            file.key(arch + key, F32, config[member])
    if config.get("sliding_window"):
        file.key(arch + "attention.sliding_window", U32, config["sliding_window"])
    if name == "gemma3":
        file.key(arch + "attention.sliding_window_pattern", U32, config["layer_types"].index("full_attention") + 1)
    add_rope(file, arch, config)


def add_rope(file, arch, config):
    dim = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    if config.get("head_dim"):
        file.key(arch + "attention.key_length", U32, dim)
        file.key(arch + "attention.value_length", U32, dim)
    rope = config.get("rope_parameters") or {}
    rope = rope.get("full_attention", rope)
    if arch in ("llama.", "phi3."):
        file.key(arch + "rope.dimension_count", U32, int(dim * rope.get("partial_rotary_factor", 1)))
    file.key(arch + "rope.freq_base", F32, rope.get("rope_theta", config.get("rope_theta", 10000.0)))
    if rope.get("rope_type") == "linear":
        file.key(arch + "rope.scaling.type", STRING, "linear")
        file.key(arch + "rope.scaling.factor", F32, rope["factor"])
    if rope.get("rope_type") == "llama3":
        file.tensor("rope_freqs.weight", rope_factors(rope, dim), "f32")


def rope_factors(rope, dim):
    """By what each frequency is divided, which is all that is stored of the scaling."""
    length = 2 * np.pi * rope["rope_theta"] ** (np.arange(0, dim, 2) / dim)
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    keep = np.clip((rope["original_max_position_embeddings"] / length - low) / (high - low), 0, 1)
    return 1 / ((1 - keep) / rope["factor"] + keep)


def add_tokenizer(file, folder, config, pre):
    path = os.path.join(folder, "tokenizer.json")
    if not os.path.exists(path):
        file.key("tokenizer.ggml.model", STRING, "no_vocab")
    else:
        with open(path, encoding="utf-8") as f:
            tokenizer = json.load(f)
        tokens = {i: t for t, i in tokenizer["model"]["vocab"].items()}
        special = {t["id"]: t["content"] for t in tokenizer["added_tokens"]}
        tokens |= special
        merges = [m if isinstance(m, str) else " ".join(m) for m in tokenizer["model"]["merges"]]
        file.key("tokenizer.ggml.model", STRING, "gpt2")
        file.key("tokenizer.ggml.pre", STRING, pre)
        file.array("tokenizer.ggml.tokens", STRING, [tokens[i] for i in range(len(tokens))])
        file.array("tokenizer.ggml.token_type", I32, [3 if i in special else 1 for i in range(len(tokens))])
        file.array("tokenizer.ggml.merges", STRING, merges)
        bos = "TemplateProcessing" in json.dumps(tokenizer["post_processor"])
        file.key("tokenizer.ggml.add_bos_token", BOOL, bos)
    path = os.path.join(folder, "tokenizer_config.json")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            template = json.load(f).get("chat_template")
        if template:
            file.key("tokenizer.chat_template", STRING, template)
    ends = config.get("eos_token_id")
    ends = dict(zip(("eos", "eot"), ends if isinstance(ends, list) else [ends]))
    for name, token in {"bos": config.get("bos_token_id"), **ends}.items():
        if token is not None:
            file.key(f"tokenizer.ggml.{name}_token_id", U32, token)


def add_tensors(file, config, weights, kind):
    arch, names = ARCHITECTURES[config["model_type"]]
    for name, x in weights.items():
        stored = kind
        if arch == "llama" and "q_proj" in name:
            x = pair_rows(x, config["num_attention_heads"])
        if arch == "llama" and "k_proj" in name:
            x = pair_rows(x, config["num_key_value_heads"])
        if name.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")):
            x = x.T
        if arch in ("gemma2", "gemma3") and name.endswith("norm.weight"):
            x, stored = x + 1, "f32"
        file.tensor(gguf_name(name, names), x, stored)


def convert(folder, kind="f32", pre="gpt-2"):
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    file = File()
    add_parameters(file, config)
    add_tokenizer(file, folder, config, pre)
    add_tensors(file, config, reference.read_weights(folder), kind)
    return file


def split(file, count):
    """The files of a split model: the first has all keys, each has some tensors."""
    parts = []
    for i in range(count):
        part = File()
        part.keys = dict(file.keys) if i == 0 else {}
        part.key("split.no", U16, i)
        part.key("split.count", U16, count)
        part.key("split.tensors.count", I32, len(file.tensors))
        part.tensors = file.tensors[i::count]
        parts.append(part)
    return parts


def main():
    a = argparse.ArgumentParser()
    a.add_argument("folder")
    a.add_argument("out")
    a.add_argument("--type", choices=[*TYPES], default="f32")
    a.add_argument("--pre", default="gpt-2")
    a.add_argument("--parts", type=int, default=1)
    args = a.parse_args()
    file = convert(args.folder, args.type, args.pre)
    if args.parts == 1:
        return file.write(args.out)
    for i, part in enumerate(split(file, args.parts)):
        part.write(args.out.replace("-00001-of-", f"-{i + 1:05d}-of-"))


if __name__ == "__main__":
    main()
