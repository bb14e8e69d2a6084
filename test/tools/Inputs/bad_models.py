"""bad_models.py GOLDEN-MODELS WORK: model folders that are damaged, one way each.

Each must end plait-compile within ten seconds with one clear error that names the
file, the key or the tensor. What is merely odd must compile, with a warning where the
table says so.
"""

import json
import os
import shutil
import struct
import subprocess
import sys

import expect

MODELS, WORK = sys.argv[1:3]
FOLDER = os.path.join(WORK, "model")
ARTIFACT = os.path.join(WORK, "never.plait")
CASES = []  # (name, base model, change of the folder, what is said, options)


def case(name, *said, base="llama31-tiny", options=(), ok=False):
    def add(change):
        CASES.append((name, base, change, said, options, ok))
        return change

    return add


# ---- reading and writing ----


def path(*names):
    return os.path.join(FOLDER, *names)


def read(file):
    with open(path(file), "rb") as f:
        return f.read()


def write(file, data):
    if os.path.lexists(path(file)):
        os.remove(path(file))
    with open(path(file), "wb") as f:
        f.write(data)


def edit_json(file, change):
    value = json.loads(read(file))
    change(value)
    write(file, json.dumps(value).encode())


class Tensors:
    """A safetensors file to be changed and written again."""

    def __init__(self, file):
        self.file = file
        data = read(file)
        size = int.from_bytes(data[:8], "little")
        self.header, self.data = json.loads(data[8 : 8 + size]), data[8 + size :]

    def write(self, text=None, size=None):
        text = json.dumps(self.header).encode() if text is None else text
        size = len(text) if size is None else size
        write(self.file, struct.pack("<Q", size) + text + self.data)


F = "model.safetensors"
EMBED = "model.embed_tokens.weight"
NORM = "model.norm.weight"


def tensors(change, file=F):
    t = Tensors(file)
    t.write(**(change(t) or {}))


def file_case(name, *said):
    """A case that changes the one safetensors file of llama-tiny."""
    return case(name, F, *said, base="llama-tiny")


def config_case(name, change, *said, **options):
    case(name, "config.json", *said, **options)(lambda: edit_json("config.json", change))


# ---- 1, 2: lengths ----

for length in (0, 1, 7):
    file_case(f"file of {length} bytes", "8")(lambda length=length: write(F, read(F)[:length]))
for name, size in (
    ("header longer than the file", 10**7),
    ("header above 100 MB", 100_000_001),
    ("header of 2^63", 2**63),
    ("header of 2^64 - 1", 2**64 - 1),
    ("header of 2^64 - 8", 2**64 - 8),
    ("header of length 0", 0),
    ("header of length 1", 1),
):
    file_case(name, "header")(lambda size=size: tensors(lambda t: {"size": size}))

# ---- 3: the header is not JSON ----

for name, text in (
    ("header that is no object", b"[1, 2]"),
    ("header of spaces", b" " * 64),
    ("truncated header", b'{"a": {"dtype": "F32", '),
    ("header that is not UTF-8", b'{"\xff\xfe": 1}'),
    ("header with NUL", b'{"a\0b": 1}'),
    ("header nested 100000 deep", b'{"a":' * 100_000),
    ("lists nested 100000 deep", b'{"a":' + b"[" * 100_000),
    ("header with text after it", b'{"__metadata__": {}} x'),
    ("header with a byte order mark", b"\xef\xbb\xbf{}"),
):
    file_case(name)(lambda text=text: tensors(lambda t: {"text": text}))
file_case("metadata that is no object", "__metadata__")(
    lambda: tensors(lambda t: t.header.update(__metadata__="x"))
)
file_case("metadata that is no text", "__metadata__")(
    lambda: tensors(lambda t: t.header.update(__metadata__={"a": 1}))
)


# ---- 4: names twice ----


@file_case("a tensor twice", "duplicate", NORM)
def _():
    t = Tensors(F)
    entry = json.dumps(t.header[NORM])
    text = json.dumps(t.header)
    t.write(text=(text[:-1] + f', "{NORM}": {entry}' + "}").encode())


# ---- 5, 6, 7: offsets ----


def offsets(change):
    def apply():
        t = Tensors(F)
        entry = t.header[NORM]["data_offsets"]
        t.header[NORM]["data_offsets"] = change(*entry, len(t.data))
        t.write()

    return apply


for name, change in (
    ("overlapping tensors", lambda b, e, n: [b - 4, e - 4]),
    ("end before begin", lambda b, e, n: [e, b]),
    ("end beyond the file", lambda b, e, n: [b, n + 4]),
    ("begin beyond the file", lambda b, e, n: [n, n + e - b]),
    ("end of 2^64 - 1", lambda b, e, n: [b, 2**64 - 1]),
    ("end of 2^70", lambda b, e, n: [b, 2**70]),
    ("negative begin", lambda b, e, n: [-4, e]),
    ("offsets that are numbers with fractions", lambda b, e, n: [b + 0.5, e]),
    ("offsets that are text", lambda b, e, n: [str(b), str(e)]),
    ("three offsets", lambda b, e, n: [b, e, e]),
    ("one offset", lambda b, e, n: [b]),
):
    file_case(name, NORM)(offsets(change))
file_case("bytes after the last tensor")(lambda: write(F, read(F) + b"\0" * 64))
file_case("a ZIP behind the tensors")(lambda: write(F, read(F) + b"PK\3\4evil"))
file_case("truncated data")(lambda: write(F, read(F)[:-5]))
file_case("half of the file")(lambda: write(F, read(F)[: len(read(F)) // 2]))


@file_case("a hole between tensors")
def _():
    t = Tensors(F)
    last = max((n for n in t.header if n != "__metadata__"), key=lambda n: t.header[n]["data_offsets"][1])
    begin, end = t.header[last]["data_offsets"]
    t.data = t.data[:begin] + bytes(8) + t.data[begin:]
    t.header[last]["data_offsets"] = [begin + 8, end + 8]
    t.write()


# ---- 8, 9: shapes and types ----

for name, field, value in (
    ("shape whose product overflows", "shape", [2**32, 2**32]),
    ("shape whose bytes overflow", "shape", [2**62]),
    ("shape that is not its bytes", "shape", [121]),
    ("shape with a zero", "shape", [0]),
    ("negative shape", "shape", [-120]),
    ("shape of fractions", "shape", [120.5]),
    ("shape that is text", "shape", "120"),
    ("65 dimensions", "shape", [1] * 64 + [120]),
    ("unknown type", "dtype", "F33"),
    ("type of less than a byte", "dtype", "F4"),
    ("type that is a number", "dtype", 32),
    ("lower-case type", "dtype", "f32"),
):
    file_case(name, NORM)(
        lambda field=field, value=value: tensors(lambda t: t.header[NORM].update({field: value}))
    )
for field in ("shape", "dtype", "data_offsets"):
    file_case(f"no {field}", NORM, field)(lambda field=field: tensors(lambda t: t.header[NORM].pop(field) and None))
file_case("an entry that is no object", NORM)(lambda: tensors(lambda t: t.header.update({NORM: 7})))
for dtype, bytes_ in (("I32", 4), ("F64", 8), ("BOOL", 1), ("F8_E4M3", 1)):

    @file_case(f"weights of type {dtype}", NORM, dtype)
    def _(dtype=dtype, bytes_=bytes_):
        t = Tensors(F)
        names = [n for n in t.header if n != "__metadata__"]
        parts, at = [], 0
        for n in sorted(names, key=lambda n: t.header[n]["data_offsets"][0]):
            begin, end = t.header[n]["data_offsets"]
            part = t.data[begin:end]
            if n == NORM:
                part = bytes(120 * bytes_)
                t.header[n]["dtype"] = dtype
            t.header[n]["data_offsets"] = [at, at + len(part)]
            at += len(part)
            parts.append(part)
        t.data = b"".join(parts)
        t.write()


# ---- 10: the index ----

INDEX = "model.safetensors.index.json"
FIRST = "model-00001-of-00002.safetensors"
SECOND = "model-00002-of-00002.safetensors"


def index_case(name, change, *said):
    case(name, *said)(lambda: edit_json(INDEX, change))


def place(value):
    def change(index):
        index["weight_map"][NORM] = value

    return change


index_case("index with a missing file", place("model-00003-of-00002.safetensors"), "model-00003-of-00002")
index_case("index that leaves the folder", place("../model-00002-of-00002.safetensors"), INDEX, "..")
index_case("index with an absolute path", place("/etc/passwd"), INDEX, "/etc/passwd")
index_case("index with an empty name", place(""), INDEX)
index_case("index with a number", place(3), INDEX)
index_case("index with NUL", place("model\0.safetensors"), INDEX)
index_case("index of another shard", place(FIRST), NORM, FIRST)
index_case("index of a tensor that is nowhere", lambda i: i["weight_map"].update(ghost=FIRST), "ghost")
index_case("index without a map", lambda i: i.pop("weight_map"), INDEX, "weight_map")
index_case("index with a list", lambda i: i.update(weight_map=[]), INDEX, "weight_map")
index_case("empty index", lambda i: i.update(weight_map={}), INDEX, "weight_map")
index_case("index without a tensor", lambda i: i["weight_map"].pop(NORM), NORM)
case("index that is no JSON", INDEX)(lambda: write(INDEX, b"{"))
case("missing shard", SECOND)(lambda: os.remove(path(SECOND)))
case("empty shard", SECOND)(lambda: write(SECOND, b""))
case("shards swapped")(lambda: os.rename(path(FIRST), path("x")) or os.rename(path(SECOND), path(FIRST)) or os.rename(path("x"), path(SECOND)))

# ---- 23 to 26, 29: config.json ----

config_case("no model_type", lambda c: c.pop("model_type"), "model_type", "llama")
config_case("unknown model_type", lambda c: c.update(model_type="mamba2"), "model_type", "mamba2")
config_case("model_type that is a list", lambda c: c.update(model_type=["llama"]), "model_type")
config_case("two architectures", lambda c: c["architectures"].append("X"), "architectures")
config_case("another architecture", lambda c: c.update(architectures=["LlamaForSequenceClassification"]), "architectures")
config_case("no hidden_size", lambda c: c.pop("hidden_size"), "hidden_size")
config_case("hidden_size of text", lambda c: c.update(hidden_size="64"), "hidden_size")
config_case("hidden_size of a fraction", lambda c: c.update(hidden_size=64.5), "hidden_size")
config_case("hidden_size null", lambda c: c.update(hidden_size=None), "hidden_size")
config_case("negative hidden_size", lambda c: c.update(hidden_size=-64), "hidden_size")
config_case("hidden_size of 10^18", lambda c: c.update(hidden_size=10**18), "hidden_size")
config_case("hidden_size of 10^30", lambda c: c.update(hidden_size=10**30), "hidden_size")
config_case("layers of 10^18", lambda c: c.update(num_hidden_layers=10**18), "num_hidden_layers")
config_case("no layers", lambda c: c.update(num_hidden_layers=0), "num_hidden_layers")
config_case("heads of 10^18", lambda c: c.update(num_attention_heads=10**18), "num_attention_heads")
config_case("no heads", lambda c: c.update(num_attention_heads=0), "num_attention_heads")
config_case("heads that kv heads do not divide", lambda c: c.update(num_key_value_heads=3), "num_key_value_heads")
config_case("more kv heads than heads", lambda c: c.update(num_key_value_heads=8), "num_key_value_heads")
config_case("odd head_dim", lambda c: c.update(head_dim=15), "head_dim")
config_case("vocabulary of 10^18", lambda c: c.update(vocab_size=10**18), "vocab_size")
config_case("vocabulary of 0", lambda c: c.update(vocab_size=0), "vocab_size")
config_case("positions of 10^18", lambda c: c.update(max_position_embeddings=10**18), "max_position_embeddings")
config_case("no positions", lambda c: c.update(max_position_embeddings=-1), "max_position_embeddings")
config_case("rms_norm_eps of text", lambda c: c.update(rms_norm_eps="x"), "rms_norm_eps")
config_case("negative rms_norm_eps", lambda c: c.update(rms_norm_eps=-1), "rms_norm_eps")
config_case("another activation", lambda c: c.update(hidden_act="relu2"), "hidden_act", "relu2")
config_case("unknown dtype", lambda c: c.update(dtype="float8"), "dtype", "float8", options=["--weights=none"])
config_case("unknown rope type", lambda c: c["rope_parameters"].update(rope_type="yarn2"), "rope_type", "yarn2")
config_case("rope without factor", lambda c: c["rope_parameters"].pop("factor"), "factor")
config_case("rope with factor 0", lambda c: c["rope_parameters"].update(factor=0), "factor")
config_case("rope factor of text", lambda c: c["rope_parameters"].update(factor="8"), "factor")
config_case("rope frequencies swapped", lambda c: c["rope_parameters"].update(high_freq_factor=0.5), "high_freq_factor")
config_case("negative rope_theta", lambda c: c["rope_parameters"].update(rope_theta=-1), "rope_theta")
config_case("rope_parameters that is a list", lambda c: c.update(rope_parameters=[]), "rope_parameters")
config_case("quantization", lambda c: c.update(quantization_config={"quant_method": "fp8"}), "quantization_config", "fp8")
config_case(
    "quantization of 3 bits",
    lambda c: c.update(quantization_config={"quant_method": "gptq", "bits": 3, "group_size": 64}),
    "quantization_config/bits",
    "3",
)
config_case("sliding window", lambda c: c.update(sliding_window=16), "sliding_window")
for name, value in (("text", "2"), ("beyond the vocabulary", 397), ("a list with text", [1, "2"])):

    @case(f"eos_token_id that is {name}", "config.json", "eos_token_id")
    def _(value=value):
        os.remove(path("generation_config.json"))  # it comes first
        edit_json("config.json", lambda c: c.update(eos_token_id=value))


for name, text in (
    ("empty", b""),
    ("no JSON", b"hidden_size: 64"),
    ("a list", b"[]"),
    ("truncated", b'{"model_type": "llama"'),
    ("not UTF-8", b'{"model_type": "\xff"}'),
    ("100000 deep", b'{"a":' * 100_000),
    ("a key twice", b'{"model_type": "llama", "model_type": "gpt2"}'),
    ("with NaN", b'{"model_type": "llama", "rms_norm_eps": NaN}'),
    ("with 1e999", b'{"model_type": "llama", "rms_norm_eps": 1e999}'),
):
    case(f"config.json {name}", "config.json")(lambda text=text: write("config.json", text))

# What the configuration says and the tensors do not.
config_case_shapes = (
    ("vocabulary other than the embedding's rows", {"vocab_size": 398}, EMBED),
    ("hidden_size other than the tensors'", {"hidden_size": 128, "head_dim": 32}, EMBED),
    ("another intermediate_size", {"intermediate_size": 113}, "mlp"),
    ("head_dim other than the tensors'", {"head_dim": 32}, "self_attn"),
    ("more layers than tensors", {"num_hidden_layers": 3}, "layers.2."),
    ("untied without lm_head", {"tie_word_embeddings": False}, "lm_head.weight"),
)
for name, change, said in config_case_shapes:
    case(name, said)(lambda change=change: edit_json("config.json", lambda c: c.update(change)))

# ---- 27: tensors ----


def rename(old, new):
    def change(t):
        t.header[new] = t.header.pop(old)

    return lambda: tensors(change)


case("renamed tensor", NORM, "model.norm.wieght", base="llama-tiny")(rename(NORM, "model.norm.wieght"))
case("tensors of a wrapper", EMBED, base="llama-tiny")(
    lambda: tensors(lambda t: setattr(t, "header", {("x." + k if k != "__metadata__" else k): v for k, v in t.header.items()}))
)
case("a bias that the configuration does not have", "q_proj.bias", base="llama-tiny")(
    rename("model.layers.0.input_layernorm.weight", "model.layers.0.self_attn.q_proj.bias")
)


def extra(name, shape):
    def apply():
        t = Tensors(F)
        count = 1
        for n in shape:
            count *= n
        t.header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(t.data), len(t.data) + 4 * count]}
        t.data += bytes(4 * count)
        t.write()

    return apply


case("an extra tensor", "model.layers.0.extra.weight", base="llama-tiny")(extra("model.layers.0.extra.weight", [4]))
case("an extra layer", "model.layers.3.", base="llama-tiny")(extra("model.layers.3.input_layernorm.weight", [120]))


@case("transposed matrix", "model.layers.0.mlp.down_proj.weight", base="llama-tiny")
def _():
    tensors(lambda t: t.header["model.layers.0.mlp.down_proj.weight"]["shape"].reverse())


# ---- 28: other formats ----


def only(file, data=b"\x80\x02}q\0."):
    def apply():
        os.remove(path(F))
        write(file, data)

    return apply


case("pytorch_model.bin", "pytorch_model.bin", "safetensors", base="llama-tiny")(only("pytorch_model.bin"))
case("a .pth file", "safetensors", base="llama-tiny")(only("consolidated.00.pth"))
case("a .gguf file", "safetensors", "model.gguf", base="llama-tiny")(only("model.gguf", b"GGUF\3\0\0\0"))
case("a .pt file", "safetensors", base="llama-tiny")(only("model.pt"))
case("no weights", "safetensors", base="llama-tiny")(lambda: os.remove(path(F)))
case("pickle named safetensors", F, base="llama-tiny")(lambda: write(F, b"\x80\x02}q\0." * 100))
case("no config.json", "config.json")(lambda: os.remove(path("config.json")))


# ---- 30: what is no file ----


def replace(file, make):
    def apply():
        os.remove(path(file))
        make(path(file))

    return apply


for file in (F, "config.json"):
    case(f"{file} is a folder", file, base="llama-tiny")(replace(file, os.mkdir))
    case(f"{file} is a FIFO", file, base="llama-tiny")(replace(file, os.mkfifo))
    case(f"{file} is a link to itself", file, base="llama-tiny")(replace(file, lambda p: os.symlink(p, p)))
    case(f"{file} is a link to nothing", file, base="llama-tiny")(replace(file, lambda p: os.symlink("/none", p)))
    case(f"{file} is a device", file, base="llama-tiny")(replace(file, lambda p: os.symlink("/dev/zero", p)))
if os.geteuid():  # for root everything is readable
    for file in (F, "config.json"):
        case(f"{file} unreadable", file, base="llama-tiny")(lambda file=file: os.chmod(path(file), 0))

# ---- generation_config.json and tokenizer.json ----

for name, change, said in (
    ("eos beyond the vocabulary", {"eos_token_id": [1, 100000]}, "eos_token_id"),
    ("negative temperature", {"temperature": -1}, "temperature"),
    ("top_p of 2", {"top_p": 2}, "top_p"),
    ("top_k of text", {"top_k": "x"}, "top_k"),
):
    case(f"generation_config.json: {name}", "generation_config.json", said)(
        lambda change=change: edit_json("generation_config.json", lambda g: g.update(change))
    )
case("generation_config.json: no JSON", "generation_config.json")(lambda: write("generation_config.json", b"{"))


# ---- what is odd, but a model ----


def nothing():
    pass


for base in ("llama-tiny", "llama31-tiny", "gpt2-tiny"):
    case(f"{base} as it is", base=base, ok=True)(nothing)
case("auto_map", "auto_map", ok=True)(
    lambda: edit_json("config.json", lambda c: c.update(auto_map={"AutoModel": "modeling.Evil"}))
)
case("unknown key", "speed_of_light", ok=True)(lambda: edit_json("config.json", lambda c: c.update(speed_of_light=1)))
case("spaces after the header", ok=True, base="llama-tiny")(
    lambda: tensors(lambda t: {"text": json.dumps(t.header).encode() + b" " * 100})
)
case("a link to the weights", ok=True, base="llama-tiny")(
    lambda: os.rename(path(F), path("blob")) or os.symlink("blob", path(F))
)
case("no generation_config.json", ok=True)(lambda: os.remove(path("generation_config.json")))


# ---- 12: asked for with an option ----

for name, value in (("NaN", float("nan")), ("infinity", float("-inf"))):

    @case(f"{name} that is looked for", "model.layers.1.mlp.down_proj.weight", name, "element 5", base="llama-tiny",
          options=["--check-finite"])
    def _(value=value):
        t = Tensors(F)
        begin, _ = t.header["model.layers.1.mlp.down_proj.weight"]["data_offsets"]
        t.data = t.data[: begin + 20] + struct.pack("<f", value) + t.data[begin + 24 :]
        t.write()


case("no NaN that is looked for", ok=True, options=["--check-finite"])(nothing)

# ---- 11, 12: found when it runs ----


def run_cases():
    """(name, change of a folder that compiles, arguments, what is said)"""

    def nan(value):
        def apply():
            t = Tensors(F)
            begin, _ = t.header["model.layers.1.mlp.down_proj.weight"]["data_offsets"]
            t.data = t.data[:begin] + struct.pack("<f", value) + t.data[begin + 4 :]
            t.write()

        return apply

    yield "a NaN among the weights", nan(float("nan")), ["--token-ids", "5,6,7"], ["NaN or infinity", "position 2"]
    yield "an infinity among the weights", nan(float("inf")), ["--token-ids", "5,6,7"], ["NaN or infinity", "position 2"]
    yield "text without a tokenizer", nothing, ["-p", "text"], ["tokenizer.json"]


def prepare(base, change):
    shutil.rmtree(FOLDER, ignore_errors=True)
    shutil.copytree(os.path.join(MODELS, base), FOLDER, ignore=shutil.ignore_patterns("golden*"))
    change()


def main():
    right = total = 0
    os.makedirs(WORK, exist_ok=True)
    for name, base, change, said, options, ok in CASES:
        prepare(base, change)
        shutil.rmtree(ARTIFACT, ignore_errors=True)
        words = ["plait-compile", FOLDER, "-o", ARTIFACT, "--no-selftest", *options]
        result = expect.run(words)
        if ok:
            texts = [] if result[0] == 0 else [f"exit code {result[0]}"]
            texts += [f"no {s!r} in a warning" for s in said if s not in result[2]]
            if not said and result[2]:
                texts.append("a warning")
        else:
            texts = expect.problems(result, (1, 2), said)
            if os.path.exists(ARTIFACT):
                texts.append("an artifact was written")
            left = [f for f in os.listdir(WORK) if f not in ("model", "never.plait")]
            if left:
                texts.append(f"left behind: {left}")
        right += expect.report(name, result, texts)
        total += 1
    for name, change, words, said in run_cases():
        prepare("llama-tiny", change)
        subprocess.run(["plait-compile", FOLDER, "-o", ARTIFACT, "--no-selftest"], check=True, stderr=subprocess.DEVNULL)
        result = expect.run(["plait", "run", ARTIFACT, "--output", "ids", "-n", "3", *words])
        right += expect.report(name, result, expect.problems(result, (1, 2), said))
        total += 1
    print(f"{right} of {total} right")
    sys.exit(right != total)


main()
