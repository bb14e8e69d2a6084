#!/usr/bin/env python3
"""A Llama and a GPT-2 in numpy and float64, to compare everything else with.

  reference.py FOLDER --ids 1,2,3 [--new N] [--out logits.safetensors]

FOLDER is a model folder as Hugging Face lays it out: config.json and
model.safetensors, or several files with model.safetensors.index.json. Prints the
most likely next token after the last id, or with --new N the ids of N tokens chosen
greedily. --out writes "logits" (F32, [number of ids, vocabulary]) and with --new
also "tokens" (I32).

It is written to be read, not to be fast: no cache, each token runs the whole
sequence again. Needs numpy and nothing else.
"""

import argparse
import json
import os

import numpy as np

# ---- safetensors ----

TYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U8": np.uint8,
    "BOOL": np.bool_,
}


def read_safetensors(path):
    """({name: array}, metadata); BF16 comes back as float32."""
    with open(path, "rb") as f:
        size = int.from_bytes(f.read(8), "little")
        header = json.loads(f.read(size))
        data = f.read()
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, t in header.items():
        begin, end = t["data_offsets"]
        raw = data[begin:end]
        if t["dtype"] == "BF16":
            bits = np.frombuffer(raw, "<u2").astype(np.uint32) << 16
            array = bits.view(np.float32)
        else:
            array = np.frombuffer(raw, np.dtype(TYPES[t["dtype"]]).newbyteorder("<"))
        tensors[name] = array.reshape(t["shape"])
    return tensors, metadata


def write_safetensors(path, tensors):
    names = {np.dtype(v): k for k, v in TYPES.items()}
    header, parts, at = {}, [], 0
    for name, array in tensors.items():
        raw = np.ascontiguousarray(array).tobytes()
        header[name] = {
            "dtype": names[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [at, at + len(raw)],
        }
        parts.append(raw)
        at += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text + b"".join(parts))


def read_weights(folder):
    index = os.path.join(folder, "model.safetensors.index.json")
    if os.path.exists(index):
        with open(index, encoding="utf-8") as f:
            place = json.load(f)["weight_map"]
        files = {f: read_safetensors(os.path.join(folder, f))[0] for f in set(place.values())}
        weights = {name: files[f][name] for name, f in place.items()}
    else:
        weights = read_safetensors(os.path.join(folder, "model.safetensors"))[0]
    return {name: w.astype(np.float64) for name, w in weights.items()}


# ---- what both models use ----


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def attention(q, k, v, window=0):
    """[heads, T, D] each; position t sees positions 0..t, or with a window the last
    of them: itself and the window - 1 before it."""
    t = q.shape[1]
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[2])
    seen = np.tri(t, dtype=bool)
    if window:
        seen &= ~np.tri(t, k=-window, dtype=bool)
    scores = np.where(seen, scores, -np.inf)
    return softmax(scores) @ v


def split_heads(x, heads):
    return x.reshape(x.shape[0], heads, -1).transpose(1, 0, 2)


def join_heads(x):
    return x.transpose(1, 0, 2).reshape(x.shape[1], -1)


# ---- Llama ----


def rope_frequencies(config, dim):
    """Radians a position, for each of the dim/2 pairs."""
    # Newer config.json: one rope_parameters. Older: rope_theta and rope_scaling.
    rope = dict(config.get("rope_parameters") or config.get("rope_scaling") or {})
    theta = rope.get("rope_theta", config.get("rope_theta", 10000.0))
    kind = rope.get("rope_type", rope.get("type", "default"))
    freq = theta ** (-np.arange(0, dim, 2, dtype=np.float64) / dim)
    if kind == "default":
        return freq
    if kind != "llama3":
        raise ValueError(f"rope type {kind!r} is not known here")
    factor, low, high = (rope[k] for k in ("factor", "low_freq_factor", "high_freq_factor"))
    turns = rope["original_max_position_embeddings"] * freq / (2 * np.pi)
    # Fewer than `low` turns over the original context: slowed down by `factor`;
    # more than `high`: left alone; in between, a mixture.
    keep = np.clip((turns - low) / (high - low), 0.0, 1.0)
    return keep * freq + (1 - keep) * freq / factor


def rotate(x, angles):
    """Turns the pairs (x[i], x[i + D/2]) of each head."""
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    cos, sin = np.cos(angles), np.sin(angles)
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)


class Llama:
    def __init__(self, config, weights):
        self.config, self.w = config, weights
        self.windows = [0] * config["num_hidden_layers"]  # of each layer; 0: none
        self.heads = config["num_attention_heads"]
        self.kv_heads = config.get("num_key_value_heads") or self.heads
        self.dim = config.get("head_dim") or config["hidden_size"] // self.heads
        self.frequencies = rope_frequencies(config, self.dim)
        if config.get("hidden_act", "silu") != "silu":
            raise ValueError("only silu is known here")

    def norm(self, x, name):
        scale = np.sqrt((x * x).mean(axis=-1, keepdims=True) + self.config["rms_norm_eps"])
        return x / scale * self.w[name + ".weight"]

    def linear(self, x, name):
        y = x @ self.w[name + ".weight"].T
        bias = self.w.get(name + ".bias")
        return y if bias is None else y + bias

    def logits(self, ids):
        angles = np.arange(len(ids))[:, None] * self.frequencies
        group = self.heads // self.kv_heads
        x = self.w["model.embed_tokens.weight"][ids]
        for i in range(self.config["num_hidden_layers"]):
            p = f"model.layers.{i}."
            h = self.norm(x, p + "input_layernorm")
            q = split_heads(self.linear(h, p + "self_attn.q_proj"), self.heads)
            k = split_heads(self.linear(h, p + "self_attn.k_proj"), self.kv_heads)
            v = split_heads(self.linear(h, p + "self_attn.v_proj"), self.kv_heads)
            k = np.repeat(rotate(k, angles), group, axis=0)
            y = attention(rotate(q, angles), k, np.repeat(v, group, axis=0), self.windows[i])
            x = x + self.linear(join_heads(y), p + "self_attn.o_proj")
            h = self.norm(x, p + "post_attention_layernorm")
            gate = self.linear(h, p + "mlp.gate_proj")
            up = self.linear(h, p + "mlp.up_proj")
            x = x + self.linear(gate / (1 + np.exp(-gate)) * up, p + "mlp.down_proj")
        x = self.norm(x, "model.norm")
        tied = self.config.get("tie_word_embeddings", False)
        return self.linear(x, "model.embed_tokens" if tied else "lm_head")


# ---- GPT-2 ----


class Gpt2:
    def __init__(self, config, weights):
        # Files made from the bare model lack the prefix.
        self.w = {n.removeprefix("transformer."): w for n, w in weights.items()}
        self.config = config
        if config.get("activation_function", "gelu_new") != "gelu_new":
            raise ValueError("only gelu_new is known here")

    def norm(self, x, name):
        x = x - x.mean(axis=-1, keepdims=True)
        scale = np.sqrt((x * x).mean(axis=-1, keepdims=True) + self.config["layer_norm_epsilon"])
        return x / scale * self.w[name + ".weight"] + self.w[name + ".bias"]

    def linear(self, x, name):
        """GPT-2 stores its matrices as [in, out]."""
        return x @ self.w[name + ".weight"] + self.w[name + ".bias"]

    def logits(self, ids):
        heads = self.config["n_head"]
        x = self.w["wte.weight"][ids] + self.w["wpe.weight"][: len(ids)]
        for i in range(self.config["n_layer"]):
            p = f"h.{i}."
            qkv = self.linear(self.norm(x, p + "ln_1"), p + "attn.c_attn")
            q, k, v = (split_heads(part, heads) for part in np.split(qkv, 3, axis=-1))
            x = x + self.linear(join_heads(attention(q, k, v)), p + "attn.c_proj")
            h = self.linear(self.norm(x, p + "ln_2"), p + "mlp.c_fc")
            h = 0.5 * h * (1 + np.tanh(np.sqrt(2 / np.pi) * (h + 0.044715 * h**3)))
            x = x + self.linear(h, p + "mlp.c_proj")
        return self.norm(x, "ln_f") @ self.w.get("lm_head.weight", self.w["wte.weight"]).T


# ---- use ----


def load(folder):
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    kinds = {"llama": Llama, "gpt2": Gpt2}
    return kinds[config["model_type"]](config, read_weights(folder))


def generate(model, ids, n):
    """n tokens, each the most likely one; of equals the lowest id."""
    ids = list(ids)
    for _ in range(n):
        ids.append(int(np.argmax(model.logits(ids)[-1])))
    return ids[len(ids) - n :]


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("folder")
    a.add_argument("--ids", required=True, help="the prompt's token ids, with commas between")
    a.add_argument("--new", type=int, default=0, help="choose so many tokens more")
    a.add_argument("--out", help="write the logits of the prompt here")
    args = a.parse_args()
    model = load(args.folder)
    ids = [int(i) for i in args.ids.split(",")]
    logits = model.logits(ids)
    out = {"logits": logits.astype(np.float32)}
    if args.new:
        tokens = generate(model, ids, args.new)
        out["tokens"] = np.array(tokens, np.int32)
        print(",".join(map(str, tokens)))
    else:
        print(int(np.argmax(logits[-1])))
    if args.out:
        write_safetensors(args.out, out)


if __name__ == "__main__":
    main()
