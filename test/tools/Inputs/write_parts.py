"""Writes folders of parts that draft: TEST-FOLDER OUT. OUT/parts fits kjv-2m, OUT/tiny is a model of its
own with OUT/tiny-parts; the others do not fit kjv-2m."""
import json
import pathlib
import sys

import numpy as np

test, out = map(pathlib.Path, sys.argv[1:])
sys.path.insert(0, str(test / "strategies" / "Inputs"))
import strategies  # noqa: E402
import tiny_llama  # noqa: E402

KJV = dict(vocab=2048, hidden=192, layers=4, heads=6, kv=2, intermediate=512)
strategies.write_parts(out / "parts", KJV, 7)


def write(name, file, tensors):
    (out / name).mkdir(exist_ok=True)
    tiny_llama.write_safetensors(out / name / f"{file}.safetensors", tensors)


square, row = np.zeros((192, 192)), np.zeros(192)
clover = {"hidden.weight": square, "token.weight": square, "token.bias": row}
write("clover-name", "clover", {**clover, "medusa.weight": row})
write("clover-missing", "clover", {"hidden.weight": square, "token.weight": square})
write("clover-shape", "clover", {**clover, "hidden.weight": np.zeros((64, 64))})
write("mtp-name", "mtp", {"model.layers.61.enorm.weight": row})
write("mtp-missing", "mtp", {"model.layers.4.enorm.weight": row})
write("prompts-shape", "prompt_tokens", {"prompt_tokens.weight": np.zeros((2, 64))})
write("prompts-few", "prompt_tokens", {"prompt_tokens.weight": np.zeros((1, 192))})

strategies.SHAPE.update(vocab=23, hidden=32, layers=4, heads=4, kv=2)
tensors = tiny_llama.write(out / "tiny", seed=2, **strategies.SHAPE)
for name in tensors:
    if "o_proj" in name or "down_proj" in name: # small steps, so that some drafts are right
        tensors[name] = 0.3 * tensors[name]
tiny_llama.write_safetensors(out / "tiny" / "model.safetensors", tensors)
everything = strategies.write_parts(out / "tiny-parts", strategies.SHAPE, 9)
tiny_llama.write_safetensors(out / "tiny-everything.safetensors", {**tensors, **everything})
