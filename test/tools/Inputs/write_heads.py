"""Writes folders of heads, most of which do not fit kjv-2m: TEST-FOLDER OUT. OUT/whole is a model with
heads of its own."""
import json
import pathlib
import sys

import numpy as np

test, out = map(pathlib.Path, sys.argv[1:])
sys.path.insert(0, str(test / "strategies" / "Inputs"))
import tiny_llama  # noqa: E402


def write(name, tensors, **config):
    folder = out / name
    folder.mkdir(exist_ok=True)
    tiny_llama.write_safetensors(folder / "medusa_lm_head.safetensors", tensors)
    if config:
        (folder / "config.json").write_text(json.dumps(config))


def block(head, number, hidden=192):
    return {f"{head}.{number}.linear.weight": np.zeros((hidden, hidden)), f"{head}.{number}.linear.bias": np.zeros(hidden)}


one = block(0, 0)
write("one", one)
write("two", {name: np.random.RandomState(7).randn(*value.shape) / 40 for name, value in {**one, **block(1, 0)}.items()})
write("empty", {})
write("name", {"medusa.weight": np.zeros(3)})
write("shape", block(0, 0, 64))
write("vocabulary", {**one, "0.1.weight": np.zeros((100, 192))})
write("missing", {**one, "1.0.linear.weight": np.zeros((192, 192))})
write("count", one, medusa_num_heads=3, medusa_num_layers=1)
write("further", {**one, "0.7.weight": np.zeros((2048, 192))})

tiny_llama.write(out / "whole", 64, 32, 2, 4, 2, 3)
random = np.random.RandomState(5)
heads = {}
for head in range(2):
    for number in range(2):
        heads.update({name: random.randn(*value.shape) / 8 for name, value in block(head, number, 32).items()})
    heads[f"{head}.2.weight"] = random.randn(64, 32)
tiny_llama.write_safetensors(out / "whole" / "medusa_lm_head.safetensors", heads)
