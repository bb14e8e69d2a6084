"""Compares what `plait explain --json` says with what follows from config.json.

  check_explain.py CONFIG.json INSPECT.json EXPLAIN.json TOKENS CONTEXT

Nothing here is taken from the compiler: the numbers are those of a Llama of this shape.
"""

import json
import math
import sys

config, inspect, explain = (json.load(open(path)) for path in sys.argv[1:4])
tokens, context = map(int, sys.argv[4:6])
tables = inspect["tables"]
hidden, layers, vocabulary = (config[k] for k in ("hidden_size", "num_hidden_layers", "vocab_size"))
heads, kv_heads, inner = (config[k] for k in ("num_attention_heads", "num_key_value_heads", "intermediate_size"))
head_dim = hidden // heads
kv = kv_heads * head_dim


def ops(name):
    return [launch for launch in explain["launches"] if launch["op"] == name]


# Products of K inputs and N outputs, which may share a launch: 2 K N flops per token,
# 2 K N bytes of bf16. The K inputs, f32, are read once for each token; written are N numbers,
# or one for each pair of a gate and its sum; beside a sum its residual is read.
shapes = {"q_proj+k_proj+v_proj": (hidden, [hidden, kv, kv], hidden + 2 * kv, 0),
          "o_proj+residual": (hidden, [hidden], 2 * hidden, hidden),
          "gate_proj+up_proj+act_fn": (hidden, [inner, inner], inner, None),
          "down_proj+residual": (inner, [hidden], 2 * hidden, hidden)}
linears = {launch["source"].split(".")[-1]: launch for launch in ops("lm.linear")}
assert linears.keys() == shapes.keys(), linears.keys()
for name, (k, outputs, moved, extra) in shapes.items():
    launch, n = linears[name], sum(outputs)
    assert launch["layers"] == layers
    # What is elementwise costs an operation or a few for each element.
    flops = launch["flops"]["tokens"] - 2 * k * n
    assert flops == extra if extra is not None else 0 < flops <= 16 * inner, launch
    assert launch["weight_bytes"] == {"constant": 2 * k * n}, launch
    assert launch["activation_bytes"] == {"tokens": 4 * (k + moved)}, launch
    assert launch["decode"]["flops"] == layers * launch["flops"]["tokens"]
    assert launch["prefill"]["flops"] == layers * launch["flops"]["tokens"] * tokens
    assert launch["prefill"]["bytes"] == launch["decode"]["bytes"] == layers * 2 * k * n
(head,) = ops("lm.head")
assert head["layers"] == 1 and head["flops"] == {"leaves": 2 * hidden * vocabulary}
assert head["decode"]["flops"] == head["prefill"]["flops"] == 2 * hidden * vocabulary
# Attention: two products of head_dim numbers with each position, for each head; keys
# and values are f32.
(attend,) = ops("lm.attend")
assert attend["flops"] == {"token_positions": 4 * hidden} and attend["weight_bytes"] == {"token_positions": 8 * kv}
assert attend["decode"]["flops"] == layers * 4 * hidden * context
assert attend["prefill"]["flops"] == layers * 4 * hidden * sum(range(1, tokens + 1))

# The whole: sums of the parts, and a roofline of the machine that was given.
read, compute = (explain["machine"][k] for k in ("read_bytes_per_second", "flops_per_second"))
assert (read, compute) == (40e9, 200e9) and explain["machine"]["measured"] is False
for phase in ("decode", "prefill"):
    for key in ("flops", "bytes", "seconds"):
        assert math.isclose(explain[phase][key], sum(launch[phase][key] for launch in explain["launches"]))
    for launch in explain["launches"]:
        work = launch[phase]
        assert math.isclose(work["seconds"], max(work["bytes"] / read, work["flops"] / compute), abs_tol=1e-18), launch

# Memory: packed matrices are as large as costs say; vectors are f32 in the pack.
memory = explain["memory"]
pack = sum(w["layers"] * w["layer_bytes"] for w in tables["weights"])
matrices = sum(l["layers"] * l["weight_bytes"].get("constant", 0) for l in ops("lm.linear") + ops("lm.head"))
vectors = (2 * layers + 1) * hidden * 4
assert memory["weights"] == pack == matrices + vectors, (memory["weights"], pack, matrices, vectors)
assert memory["state_per_position"] == layers * 8 * kv
page = tables["states"][0]["page_tokens"]
pages = -(-context // page)
assert memory["state_of_context"] == pages * page * layers * 8 * kv
arena = max(memory["decode_arena"], memory["prefill_arena"])
assert memory["total"] == pack + memory["state_of_context"] + arena
assert memory["available"] == 64 << 20
left = (64 << 20) - pack - arena
assert memory["max_sequences"] == left // memory["state_of_context"] > 1
assert memory["max_context"] == config["max_position_embeddings"] < left // (layers * 8 * kv)

# The plan is the binary's; the passes ran in the order of the phases.
plan = tables["plans"][0]["launches"]
assert [(l["kernel"], l["source"], l["barrier"]) for l in plan] == [
    (l["kernel"], l["source"], l["barrier"]) for l in explain["launches"]]
phases = [p["phase"] for p in explain["passes"]]
assert sorted(set(phases), key=phases.index) == ["import", "decode", "lower", "cpu"]
assert "plait-dedupe-kernels" in [p["pass"] for p in explain["passes"]]
names = {(d["pass"], d["name"]) for d in explain["decisions"]}
assert {("plait-pack-weights", "WeightLayout"), ("plait-dedupe-kernels", "SharedKernel"),
        ("plait-plan-launches", "NoBarrier")} <= names, names
print(f"{len(explain['launches'])} launches, {len(explain['decisions'])} decisions: all right")
