"""make_seeds.py GOLDEN OUT: first inputs of the fuzz targets, OUT/<target>/<name>.

They are made from the golden files, cut down so that an execution takes
microseconds.
"""

import glob
import json
import os
import struct
import sys

GOLDEN, OUT = sys.argv[1:3]
sys.path.insert(0, os.path.join(GOLDEN, "..", "e2e", "Inputs"))
import gguf_writer as gguf  # noqa: E402


def seed(target, name, data):
    folder = os.path.join(OUT, target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False).encode())


def small_tokenizer(tokenizer):
    """The same components over a vocabulary of a few dozen tokens."""
    model = tokenizer["model"]
    if isinstance(model["vocab"], dict):
        merges = [m.split(" ") if isinstance(m, str) else m for m in model.get("merges", [])][:24]
        keep = {t for t in model["vocab"] if len(t) == 1 or t.startswith("<")}
        keep = set(sorted(keep, key=model["vocab"].get)[:160])
        keep |= {part for m in merges for part in (*m, "".join(m))}
        keep = [t for t in sorted(model["vocab"], key=model["vocab"].get) if t in keep]
        model["vocab"] = {t: i for i, t in enumerate(keep)}
        model["merges"] = [m for m in merges if all(p in model["vocab"] for p in (*m, "".join(m)))]
        known = model["vocab"]
    else:
        model["vocab"] = model["vocab"][:120]
        known = {t: i for i, (t, _) in enumerate(model["vocab"])}
    ids = {}
    for token in tokenizer.get("added_tokens", []):
        ids[token["content"]] = token["id"] = known.get(token["content"], len(known) + len(ids))
    specials = (tokenizer.get("post_processor") or {}).get("special_tokens", {})
    for name, entry in specials.items():
        entry["ids"] = [ids.get(t, known.get(t, 0)) for t in entry["tokens"]]
    return tokenizer


for path in sorted(glob.glob(os.path.join(GOLDEN, "tokenizers", "*.json"))):
    if not path.endswith(".golden.json"):
        with open(path, encoding="utf-8") as f:
            seed("tokenizer", os.path.basename(path), small_tokenizer(json.load(f)))

for path in sorted(glob.glob(os.path.join(GOLDEN, "models", "*", "*config.json"))):
    with open(path, "rb") as f:
        seed("json", path.split(os.sep)[-2] + "." + os.path.basename(path), f.read())
for i, text in enumerate(("[]", '{"a": [1, -2.5e3, "\\u00e9\\ud83d\\ude00", null, true]}', '[[[[["x"]]]]]', "9223372036854775807")):
    seed("json", f"small-{i}", text.encode())


def safetensors(header, data):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


one = {"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
two = {
    "__metadata__": {"format": "pt"},
    "model.norm.weight": {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]},
    "b": {"dtype": "I64", "shape": [], "data_offsets": [8, 16]},
    "c": {"dtype": "U8", "shape": [0, 7], "data_offsets": [16, 16]},
}
seed("safetensors", "empty", safetensors({}, b""))
seed("safetensors", "one", safetensors(one, bytes(range(24))))
seed("safetensors", "two", safetensors(two, bytes(range(16))))



def small_gguf(kind):
    """A model of one layer and a vocabulary of three tokens."""
    file = gguf.File()
    arch = "gpt2" if kind == "gpt2" else "llama"
    file.key("general.architecture", gguf.STRING, arch)
    for name in ("context_length", "embedding_length", "feed_forward_length"):
        file.key(f"{arch}.{name}", gguf.U32, 32)
    for name in ("block_count", "attention.head_count"):
        file.key(f"{arch}.{name}", gguf.U32, 1)
    for name in ("layer_norm_epsilon", "layer_norm_rms_epsilon"):
        file.key(f"{arch}.attention.{name}", gguf.F32, 1e-5)
    file.key("tokenizer.ggml.model", gguf.STRING, kind)
    file.key("tokenizer.ggml.pre", gguf.STRING, "llama-bpe")
    file.key("tokenizer.chat_template", gguf.STRING, "{{ x }}")
    file.array("tokenizer.ggml.tokens", gguf.STRING, ["a", "b", "ab"])
    file.array("tokenizer.ggml.scores", gguf.F32, [0, -1, -2])
    file.array("tokenizer.ggml.token_type", gguf.I32, [1, 3, 1])
    file.array("tokenizer.ggml.merges", gguf.STRING, ["a b"])
    for name in ("bos", "eos"):
        file.key(f"tokenizer.ggml.{name}_token_id", gguf.U32, 1)
    file.tensors.append(["token_embd.weight", [32, 3], 8, bytes(range(102)), None])
    file.tensors.append(["blk.0.attn_q.weight", [32, 2], 2, bytes(range(36)), None])
    file.tensor("blk.0.attn_qkv.weight", [[1, 2], [3, 4]], "f16")
    if arch == "llama":
        file.tensor("rope_freqs.weight", [1, 1, 2, 8], "f32")
    return file.bytes()


for kind in ("gpt2", "llama"):
    seed("gguf", kind, small_gguf(kind))
seed("gguf", "empty", gguf.File().bytes())

file = {"file": "model.so", "bytes": 4096, "digest": "0123456789abcdef" * 2}
manifest = {
    "schema": 3,
    "compiler": {"version": "0.1.0", "llvm": "22.1.8"},
    "model": {"name": "m", "family": "llama", "vocabulary": 97, "hidden": 8, "layers": 3, "max_positions": 64},
    "target": {"kind": "cpu", "triple": "x86_64-unknown-linux-gnu"},
    "numerics": "row_invariant",
    "strategy": "ar",
    "binaries": [
        dict(file, target="x86-64-v4", isa="avx512f", file="model.x86-64-v4.so", explain="explain.x86-64-v4.json"),
        dict(file, target="x86-64-v3", isa="avx2 fma"),
    ],
    "weights": dict(file, kind="pack", file="weights.pack", format="bf16"),
    "files": [dict(file, file="tokenizer.json")],
    "inputs": [dict(file, file="config.json")],
    "generation": {"bos": 0, "eos": [1], "temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0},
}
seed("manifest", "pack", manifest)
seed("manifest", "random", dict(manifest, weights={"kind": "random", "seed": 7, "format": "f32"}))
seed("manifest", "none", dict(manifest, weights={"kind": "none"}, generation={}))

texts = ("In the beginning God created the heaven and the earth.", "  \n\n\t12345 don't", "h\u00e9llo \u4e16\u754c \U0001f600\u200d\u2642", "<|endoftext|><s>")
for i, text in enumerate(texts):
    for mode in (0, 7, 42, 99):
        seed("encode", f"{i}-{mode}", bytes([mode]) + text.encode())
for path in sorted(glob.glob(os.path.join(GOLDEN, "chat_templates", "*.jinja"))):
    with open(path, "rb") as f:
        seed("chat", os.path.basename(path), f.read())
with open(os.path.join(GOLDEN, "chat_templates", "expressions.golden.json"), encoding="utf-8") as f:
    for i, (text, _) in enumerate(json.load(f)["cases"]):
        seed("chat", f"expression-{i}", text.encode())
seed("tables", "none", b"")
seed("zip", "none", b"")
for i in range(32):  # kind and size of the change, offset, value
    seed("zip", f"change-{i}", struct.pack("<BIQ", i * 7 % 64, 977 * i, 1 << (2 * i)))
for i in range(16):
    seed("tables", f"change-{i}", struct.pack("<BHQ", i % 4, 8 * i, 1 << (3 * i)))
