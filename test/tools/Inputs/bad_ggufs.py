"""bad_ggufs.py GOLDEN-MODELS WORK: GGUF files that are damaged, one way each.

Each must end plait-compile within ten seconds with one clear error that names the
file, the key or the tensor, and so must plait run, which reads the file too, where the
format itself is broken. What is merely odd must compile.
"""

import os
import shutil
import struct
import sys

import expect

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "e2e", "Inputs"))
import gguf_writer as gguf  # noqa: E402

MODELS, WORK = sys.argv[1:3]
PATH = os.path.join(WORK, "model.gguf")
ARTIFACT = os.path.join(WORK, "never.plait")
CACHE = os.path.join(WORK, "cache")
CASES = []  # (name, base model, change of the file, what is said, whether it compiles)


def case(name, change, *said, base="gpt2-tiny", ok=False):
    CASES.append((name, base, change, said, ok))


def key(name, kind, value):
    return lambda f: f.key(name, kind, value)


def raw(name, kind, data):
    return lambda f: f.keys.update({name: (kind, data)})


def array(name, kind, values):
    return lambda f: f.array(name, kind, values)


def drop(name):
    return lambda f: f.keys.pop(name)


def edit(member, value, tensor=-1):
    return lambda f: f.tensors[tensor].__setitem__(member, value)


def attributes(**values):
    return lambda f: [setattr(f, k, v) for k, v in values.items()]


NAME, SHAPE, TYPE, DATA, OFFSET = range(5)
BIG = 2**64 - 1

# ---- 14 to 17: header and metadata ----

case("bad magic", attributes(magic=b"GGML"), "GGML", "GGUF")
case("byte-swapped magic", attributes(magic=b"FUGG"), "byte-swapped")
case("version 0", attributes(version=0), "version 0")
case("version 1", attributes(version=1), "version 1", "convert")
case("version 4", attributes(version=4), "version 4")
case("big-endian version", attributes(version=3 << 24), "big-endian")
for count in (2**40, 2**63, BIG):
    case(f"{count} keys", attributes(key_count=count), f"{count} keys")
    case(f"{count} tensors", attributes(tensor_count=count), f"{count} tensors")
case("1000 keys", attributes(key_count=1000))
case("1000 tensors", attributes(tensor_count=1000))
case("fewer keys", attributes(key_count=1))
case("long key", raw("x" * 70000, gguf.U32, b"\1\0\0\0"), "key")
case("empty key", raw("", gguf.U32, b"\1\0\0\0"), "key")
case("key that is not UTF-8", raw(b"\xff", gguf.U32, b"\1\0\0\0"), "key")
case("string beyond the end", raw("x", gguf.STRING, struct.pack("<Q", BIG) + b"x"), "'x'")
case("array of arrays", raw("x", gguf.ARRAY, struct.pack("<IQ", gguf.ARRAY, 1)), "'x'", "array of arrays")
case("array of 2^30 elements", raw("x", gguf.ARRAY, struct.pack("<IQ", gguf.U32, 2**30)), "'x'", str(2**30))
case("unknown type of value", raw("x", 13, b""), "'x'", "13")
case("truth value of 2", raw("x", gguf.BOOL, b"\2"), "'x'", "truth")
for name, kind, value in (("0", gguf.U32, 0), ("3", gguf.U32, 3), ("of u64", gguf.U64, 32), ("of text", gguf.STRING, "32")):
    case(f"alignment {name}", key("general.alignment", kind, value), "general.alignment")

# ---- 19 to 21: tensors ----

case("5 dimensions", edit(SHAPE, [1] * 5), "dimensions", "5")
case("no dimensions", edit(SHAPE, []), "dimensions")
case("dimension of 0", edit(SHAPE, [0]), "dimension of 0")
case("negative dimension", edit(SHAPE, [-1]), "dimension of -1")
case("elements that overflow", edit(SHAPE, [2**32, 2**31]), "overflows")
case("bytes that overflow", edit(SHAPE, [2**61]), "overflows")
case("more elements than bytes", edit(SHAPE, [2**40]), "beyond the end")
case("unknown ggml type", edit(TYPE, 99), "ggml type 99")
case("K quants", edit(TYPE, 12), "Q4_K")
case("part of a block", lambda f: (edit(TYPE, 8)(f), edit(SHAPE, [60])(f)), "blocks of 32")
case("tensor twice", lambda f: edit(NAME, f.tensors[0][NAME])(f), "twice")
case("empty tensor name", edit(NAME, ""), "tensor name")
case("long tensor name", edit(NAME, "x" * 65), "tensor name")
case("misaligned offset", edit(OFFSET, 4), "alignment")
case("offset out of order", edit(OFFSET, 0), "offset 0")
case("offset beyond the end", edit(OFFSET, 2**40), "offset")
case("offset that wraps", edit(OFFSET, BIG - 31), "offset")
case("trailing bytes", attributes(behind=b"PK\3\4" * 20), "trailing")
case("truncated", lambda f: edit(DATA, f.tensors[-1][DATA][:32])(f), "truncated")

# ---- the model ----

FORMAT_CASES = len(CASES)

arch = "general.architecture"
case("no architecture", drop(arch), arch)
case("unknown architecture", key(arch, gguf.STRING, "mamba"), arch, "mamba", "llama")
case("architecture of a number", key(arch, gguf.U32, 1), arch)
for name in ("context_length", "embedding_length", "block_count", "feed_forward_length", "attention.head_count"):
    case(f"no {name}", drop(f"gpt2.{name}"), f"gpt2.{name}")
    case(f"{name} of text", key(f"gpt2.{name}", gguf.STRING, "64"), f"gpt2.{name}")
    case(f"{name} of 0", key(f"gpt2.{name}", gguf.U32, 0))
    case(f"{name} of 10^18", key(f"gpt2.{name}", gguf.U64, 10**18))
case("epsilon of text", key("gpt2.attention.layer_norm_epsilon", gguf.STRING, "x"), "layer_norm_epsilon")
case("layers that differ", array("gpt2.feed_forward_length", gguf.U32, [240, 120]), "feed_forward_length", "alike")
case("heads that do not divide", key("gpt2.attention.head_count", gguf.U32, 7), "n_head")
case("more layers than tensors", key("gpt2.block_count", gguf.U32, 3), "transformer.h.2.")


def rename(old, new):
    return lambda f: next(t for t in f.tensors if t[NAME] == old).__setitem__(NAME, new)


case("renamed tensor", rename("blk.1.ffn_down.bias", "blk.1.ffn_dwon.bias"), "blk.1.ffn_dwon.bias")
case("no embedding", rename("token_embd.weight", "token_embed.weight"), "token_embd.weight")
llama = {"base": "llama31-tiny"}
case("value heads of another size", key("llama.attention.value_length", gguf.U32, 8), "value_length", **llama)
case("part of a head rotated", key("llama.rope.dimension_count", gguf.U32, 8), "rope.dimension_count", **llama)
case("kv heads that do not divide", key("llama.attention.head_count_kv", gguf.U32, 3), "num_key_value_heads", **llama)
case("another scaling", lambda f: (f.tensors.pop(0), f.key("llama.rope.scaling.type", gguf.STRING, "odd")), "rope_type", "odd", **llama)


def factors(f):
    assert f.tensors[0][NAME] == "rope_freqs.weight"
    f.tensors[0][DATA] = struct.pack("<8f", 1, 1, 2, 3, 4, 5, 6, 7)


case("factors of no known scaling", factors, "rope_freqs.weight", **llama)

# ---- 31, 33: the tokenizer ----


def tokenizer(f):
    f.key("tokenizer.ggml.model", gguf.STRING, "gpt2")
    f.key("tokenizer.ggml.pre", gguf.STRING, "gpt-2")
    f.array("tokenizer.ggml.tokens", gguf.STRING, ["a", "b", "ab"])
    f.array("tokenizer.ggml.token_type", gguf.I32, [1, 1, 1])
    f.array("tokenizer.ggml.merges", gguf.STRING, ["a b"])
    for name in ("bos", "eos"):
        f.key(f"tokenizer.ggml.{name}_token_id", gguf.U32, 0)


def with_tokenizer(change):
    return lambda f: (tokenizer(f), change(f))


token = "tokenizer.ggml."
case("unknown tokenizer", with_tokenizer(key(token + "model", gguf.STRING, "rwkv")), token + "model", "rwkv")
case("unknown pre-tokenizer", with_tokenizer(key(token + "pre", gguf.STRING, "xyz")), token + "pre", "xyz", "qwen2")
case("no pre-tokenizer", with_tokenizer(drop(token + "pre")), token + "pre")
case("no tokens", with_tokenizer(drop(token + "tokens")), token + "tokens")
case("tokens that are numbers", with_tokenizer(array(token + "tokens", gguf.U32, [1, 2, 3])), token + "tokens")
case("token twice", with_tokenizer(array(token + "tokens", gguf.STRING, ["a", "b", "a"])), token + "tokens", "twice")
case("token that is not UTF-8", with_tokenizer(array(token + "tokens", gguf.STRING, ["a", "b", b"\xff"])), token + "tokens")
case("too few types", with_tokenizer(array(token + "token_type", gguf.I32, [1, 1])), token + "token_type")
case("type of 9", with_tokenizer(array(token + "token_type", gguf.I32, [1, 1, 9])), token + "token_type", "9")
case("merge of one token", with_tokenizer(array(token + "merges", gguf.STRING, ["ab"])), token + "merges")
case("no merges", with_tokenizer(drop(token + "merges")), token + "merges")
case("eos beyond the vocabulary", with_tokenizer(key(token + "eos_token_id", gguf.U32, 400)), "eos_token_id")
case("no scores", with_tokenizer(key(token + "model", gguf.STRING, "llama")), token + "scores")

# ---- what is odd, but a model ----

case("as it is", lambda f: None, ok=True)
case("version 2", attributes(version=2), ok=True)
case("alignment 64", lambda f: (setattr(f, "alignment", 64), f.key("general.alignment", gguf.U32, 64)), ok=True)
case("a key of another program", key("split", gguf.STRING, "no"), ok=True)
case("with a tokenizer", tokenizer, ok=True)
case("key of the architecture", key("gpt2.speed_of_light", gguf.U32, 1), "gpt2.speed_of_light", ok=True)


def check(words, said, ok):
    shutil.rmtree(ARTIFACT, ignore_errors=True)
    shutil.rmtree(CACHE, ignore_errors=True)
    result = expect.run(words, env={**os.environ, "PLAIT_CACHE_DIR": CACHE})
    if ok:
        texts = [] if result[0] == 0 else [f"exit code {result[0]}"]
        texts += [f"no {s!r} in a warning" for s in said if s not in result[2]]
        return result, texts
    texts = expect.problems(result, (1, 2), said)
    left = [f for f in os.listdir(WORK) if f not in ("model.gguf", "cache")]
    left += [f for f in (os.listdir(CACHE) if os.path.isdir(CACHE) else []) if not f.endswith(".lock")]
    if left:
        texts.append(f"left behind: {left}")
    return result, texts


def main():
    right = total = 0
    os.makedirs(WORK, exist_ok=True)
    for number, (name, base, change, said, ok) in enumerate(CASES):
        file = gguf.convert(os.path.join(MODELS, base), "f32")
        change(file)
        file.write(PATH)
        commands = [["plait-compile", PATH, "-o", ARTIFACT, "--no-selftest"]]
        if number < FORMAT_CASES:
            commands.append(["plait", "run", PATH, "--token-ids", "1", "-n", "1"])
        for words in commands:
            result, texts = check(words, said, ok)
            right += expect.report(f"{words[0]}: {name}", result, texts)
            total += 1
    print(f"{right} of {total} right")
    sys.exit(right != total)


main()
