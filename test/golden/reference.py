#!/usr/bin/env python3
"""Decoders of all families in numpy and float64, to compare everything else with.

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


# ---- what all models use ----


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softcap(x, cap):
    return cap * np.tanh(x / cap) if cap else x


def attention(q, k, v, scale, window=None, cap=None):
    """[heads, T, D] each; position t sees the last `window` of positions 0..t."""
    t = q.shape[1]
    scores = softcap(q @ k.transpose(0, 2, 1) * scale, cap)
    seen = np.tri(t, dtype=bool)
    if window:
        seen &= ~np.tri(t, k=-window, dtype=bool)
    return softmax(np.where(seen, scores, -np.inf)) @ v


def to_bf16(x):
    """Nearest bf16, ties to even."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32).astype(np.uint64)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return rounded.astype(np.uint32).view(np.float32).astype(np.float64)


def to_int8(x):
    """Integers that share a scale along the last axis, the largest of them 127."""
    x = np.asarray(x, np.float32)
    scale = np.abs(x).max(axis=-1, keepdims=True) / np.float32(127)
    return np.rint(x / scale).astype(np.float64) * scale


STATE_ROUNDINGS = {"f32": lambda x: x, "bf16": to_bf16, "int8": to_int8}


def split_heads(x, heads):
    return x.reshape(x.shape[0], heads, -1).transpose(1, 0, 2)


def join_heads(x):
    return x.transpose(1, 0, 2).reshape(x.shape[1], -1)


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


ACTIVATIONS = {
    "silu": lambda x: x / (1 + np.exp(-x)),
    "gelu_new": gelu_tanh,
    "gelu_pytorch_tanh": gelu_tanh,
}


# ---- rotary embeddings ----


class Rope:
    """Of one kind of layer: `rope` is its rope_parameters."""

    def __init__(self, rope, dim, max_positions):
        self.kind = rope.get("rope_type", rope.get("type", "default"))
        if self.kind not in ("default", "linear", "dynamic", "yarn", "longrope", "llama3"):
            raise ValueError(f"rope type {self.kind!r} is not known here")
        self.rope, self.theta = rope, rope["rope_theta"]
        self.dim = int(dim * rope.get("partial_rotary_factor", 1.0))
        self.original = rope.get("original_max_position_embeddings") or max_positions
        self.longest = max_positions

    def plain(self, theta):
        return theta ** (-np.arange(0, self.dim, 2, dtype=np.float64) / self.dim)

    def frequencies(self, position):
        """Radians a position, for each of the dim/2 pairs of a token at `position`."""
        freq = self.plain(self.theta)
        if self.kind == "default":
            return freq
        if self.kind == "longrope":
            return freq / np.array(self.rope["long_factor" if self.longest > self.original else "short_factor"])
        factor = self.rope["factor"]
        if self.kind == "linear":
            return freq / factor
        if self.kind == "dynamic":
            length = max(position + 1, self.original)
            growth = factor * length / self.original - (factor - 1)
            return self.plain(self.theta * growth ** (self.dim / (self.dim - 2)))
        # Of the turns over the original context. Slow pairs are slowed down by
        # `factor`; fast ones are left alone; in between, a mixture.
        if self.kind == "llama3":
            low, high = self.rope["low_freq_factor"], self.rope["high_freq_factor"]
            turns = self.original * freq / (2 * np.pi)
            keep = np.clip((turns - low) / (high - low), 0.0, 1.0)
        else:

            def pair(turns):
                return self.dim * np.log(self.original / (turns * 2 * np.pi)) / (2 * np.log(self.theta))

            first = max(np.floor(pair(self.rope.get("beta_fast") or 32)), 0)
            last = min(np.ceil(pair(self.rope.get("beta_slow") or 1)), self.dim - 1)
            keep = 1 - np.clip((np.arange(self.dim // 2) - first) / (last - first or 0.001), 0.0, 1.0)
        return keep * freq + (1 - keep) * freq / factor

    def magnitude(self):
        if self.kind not in ("yarn", "longrope"):
            return 1.0
        if self.rope.get("attention_factor"):
            return self.rope["attention_factor"]
        if self.kind == "longrope":
            factor = self.rope.get("factor") or self.longest / self.original
            return np.sqrt(1 + np.log(factor) / np.log(self.original)) if factor > 1 else 1.0

        def scaled(mscale):
            return 0.1 * mscale * np.log(self.rope["factor"]) + 1

        mscale, all_dims = self.rope.get("mscale"), self.rope.get("mscale_all_dim")
        return scaled(mscale) / scaled(all_dims) if mscale and all_dims else scaled(1)

    def rotate(self, x):
        """Turns the pairs (x[i], x[i + d/2]) of each head of [heads, T, D]; d <= D."""
        angles = np.array([t * self.frequencies(t) for t in range(x.shape[1])])
        half = self.dim // 2
        a, b, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
        cos, sin = self.magnitude() * np.cos(angles), self.magnitude() * np.sin(angles)
        return np.concatenate([a * cos - b * sin, b * cos + a * sin, rest], axis=-1)


# ---- Llama and those that follow it ----


class Llama:
    """Biases, and norms of heads, are used where the weights have them."""

    def __init__(self, config, weights):
        self.config, self.w = config, weights
        self.heads = config["num_attention_heads"]
        self.kv_heads = config.get("num_key_value_heads") or self.heads
        self.dim = config.get("head_dim") or config["hidden_size"] // self.heads
        self.scale = self.dim**-0.5
        self.eps = config["rms_norm_eps"]
        self.activation = ACTIVATIONS[config.get("hidden_act", "silu")]
        self.layers = range(config["num_hidden_layers"])
        self.ropes = [self.rope(i) for i in self.layers]
        self.round_state = STATE_ROUNDINGS["f32"]  # of keys and values, [heads, T, D]
        self.windows = [self.window(i) for i in self.layers]  # of each layer; None or 0: none

    def rope(self, i):
        # Newer config.json: one rope_parameters. Older: rope_theta and rope_scaling.
        rope = {"rope_theta": self.config.get("rope_theta", 10000.0)}
        rope |= self.config.get("rope_parameters") or self.config.get("rope_scaling") or {}
        return Rope(rope, self.dim, self.config["max_position_embeddings"])

    def window(self, i):
        types = self.config.get("layer_types")
        return self.config["sliding_window"] if types and types[i] == "sliding_attention" else None

    def gain(self, name):
        return self.w[name + ".weight"]

    def norm(self, x, name):
        """Over rows, or heads if the gain is as narrow as that."""
        gain = self.gain(name)
        x = x.reshape(*x.shape[:-1], -1, len(gain))
        x = x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + self.eps) * gain
        return x.reshape(x.shape[0], -1)

    def linear(self, x, name):
        y = x @ self.w[name + ".weight"].T
        bias = self.w.get(name + ".bias")
        return y if bias is None else y + bias

    def project(self, x, p):
        return [self.linear(x, f"{p}self_attn.{n}_proj") for n in "qkv"]

    def gate_up(self, x, p):
        return [self.linear(x, f"{p}mlp.{n}_proj") for n in ("gate", "up")]

    def attend(self, x, i):
        p = f"model.layers.{i}."
        q, k, v = self.project(x, p)
        if p + "self_attn.q_norm.weight" in self.w:
            q, k = self.norm(q, p + "self_attn.q_norm"), self.norm(k, p + "self_attn.k_norm")
        q = self.ropes[i].rotate(split_heads(q, self.heads))
        k = self.ropes[i].rotate(split_heads(k, self.kv_heads))
        k, v = self.round_state(k), self.round_state(split_heads(v, self.kv_heads))
        k, v = (np.repeat(t, self.heads // self.kv_heads, axis=0) for t in (k, v))
        cap = self.config.get("attn_logit_softcapping")
        y = attention(q, k, v, self.scale, self.windows[i], cap)
        return self.linear(join_heads(y), p + "self_attn.o_proj")

    def mlp(self, x, p):
        gate, up = self.gate_up(x, p)
        return self.linear(self.activation(gate) * up, p + "mlp.down_proj")

    def sublayers(self, i):
        """What layer i adds to the residual, one after the other, of what it reads of it."""
        p = f"model.layers.{i}."
        yield lambda x: self.attend(self.norm(x, p + "input_layernorm"), i)
        yield lambda x: self.mlp(self.norm(x, p + "post_attention_layernorm"), p)

    def embed(self, ids):
        return self.w["model.embed_tokens.weight"][ids]

    def logits(self, ids):
        x = self.embed(ids)
        late = []  # outputs that are still under way from rank to rank
        for i in self.layers:
            for sublayer in self.sublayers(i):
                while len(late) > self.config.get("residual_delay", 0):
                    x = x + late.pop(0)
                late.append(sublayer(x))
        x = self.norm(x + sum(late), "model.norm")
        head = "model.embed_tokens" if self.config.get("tie_word_embeddings", False) else "lm_head"
        return softcap(self.linear(x, head), self.config.get("final_logit_softcapping"))


class Mistral(Llama):
    def window(self, i):
        return self.config["sliding_window"]


class Phi3(Mistral):
    def project(self, x, p):
        q, k = self.heads * self.dim, self.kv_heads * self.dim
        return np.split(self.linear(x, p + "self_attn.qkv_proj"), [q, q + k], axis=-1)

    def gate_up(self, x, p):
        return np.split(self.linear(x, p + "mlp.gate_up_proj"), 2, axis=-1)


class Gemma(Llama):
    def __init__(self, config, weights):
        super().__init__({**config, "hidden_act": config["hidden_activation"]}, weights)
        self.scale = config["query_pre_attn_scalar"] ** -0.5

    def gain(self, name):
        return 1 + super().gain(name)

    def rope(self, i):
        parameters = self.config["rope_parameters"]
        rope = parameters.get(self.config["layer_types"][i], parameters)
        return Rope(rope, self.dim, self.config["max_position_embeddings"])

    def embed(self, ids):
        # The factor is as exact as the checkpoint's type.
        scale = np.float32(self.config["hidden_size"] ** 0.5)
        if self.config["dtype"] == "bfloat16":
            bits = scale.view(np.uint32)
            bits += 0x7FFF + (bits >> 16 & 1)
            scale = (bits & 0xFFFF0000).astype(np.uint32).view(np.float32)
        return super().embed(ids) * np.float64(scale)

    def sublayers(self, i):
        p = f"model.layers.{i}."
        around = lambda f, before, after: lambda x: self.norm(f(self.norm(x, p + before)), p + after)
        yield around(lambda x: self.attend(x, i), "input_layernorm", "post_attention_layernorm")
        yield around(lambda x: self.mlp(x, p), "pre_feedforward_layernorm", "post_feedforward_layernorm")


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
            y = attention(q, k, v, q.shape[2] ** -0.5)
            x = x + self.linear(join_heads(y), p + "attn.c_proj")
            h = self.linear(self.norm(x, p + "ln_2"), p + "mlp.c_fc")
            x = x + self.linear(gelu_tanh(h), p + "mlp.c_proj")
        return self.norm(x, "ln_f") @ self.w.get("lm_head.weight", self.w["wte.weight"]).T


# ---- use ----


def load(folder):
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    kinds = {
        "gemma2": Gemma,
        "gemma3_text": Gemma,
        "gpt2": Gpt2,
        "llama": Llama,
        "mistral": Mistral,
        "phi3": Phi3,
        "qwen2": Llama,
        "qwen3": Llama,
    }
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
