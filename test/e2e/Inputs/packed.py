"""Writes a model folder as GPTQ or AWQ would have it, and what numpy reads out of it.

  packed.py FOLDER OUT PLAIN KIND     KIND: gptq, gptq-order, gptq-8 or awq

OUT holds FOLDER's matrices of layers as integers, rounded to nearest in groups of 64
columns; PLAIN holds in f32 what those integers stand for.
"""

import json
import os
import shutil
import sys

import numpy as np
import plait
from packing import awq_order, pack, values_of

GROUP = 64
folder, out, plain, kind = sys.argv[1:]
bits = 8 if kind == "gptq-8" else 4
top = 2**bits - 1
generator = np.random.default_rng(1)


def quantise(matrix):
    """The tensors of a matrix [out, in]."""
    rows, columns = matrix.shape
    groups = np.arange(columns) // GROUP
    if kind == "gptq-order":
        groups = generator.permutation(groups)
    integers = np.zeros((columns, rows), np.int64)
    scales, zeros = np.zeros((columns // GROUP, rows), np.float16), np.zeros((columns // GROUP, rows), np.int64)
    for group in range(columns // GROUP):
        part = matrix[:, groups == group]
        low, high = np.minimum(part.min(1), 0), np.maximum(part.max(1), 0)
        if kind == "gptq-8":  # symmetric, and no integer for -128
            high = np.maximum(high, -low)
            low = -high
            scales[group] = high / 127
            zeros[group] = 128
        else:
            scales[group] = (high - low) / top
            zeros[group] = np.clip(np.round(-low / scales[group]), 1, top)
        rounded = np.round(part.T / scales[group].astype(np.float64)) + zeros[group]
        integers[groups == group] = np.clip(rounded, 1 if bits == 8 else 0, top)
    if kind == "awq":
        order = awq_order(rows)
        return {"qweight": pack(integers[:, order], 4, 1), "qzeros": pack(zeros[:, order], 4, 1), "scales": scales}
    tensors = {"qweight": pack(integers, bits, 0), "qzeros": pack(zeros - 1, bits, 1), "scales": scales}
    if kind == "gptq-order":
        tensors["g_idx"] = groups.astype(np.int32)
    tensors["bias"] = np.zeros(rows, np.float16)  # as AutoGPTQ writes it
    return tensors


with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
    config = json.load(f)
quantization = {"quant_method": kind.split("-")[0], "bits": bits, "group_size": GROUP}
if kind == "awq":
    quantization.update(zero_point=True, version="gemm", modules_to_not_convert=None)
else:
    quantization.update(desc_act=kind == "gptq-order", sym=bits == 8, damp_percent=0.01, lm_head=False)
packed, values = {}, {}
for name, weight in plait.reference.read_weights(folder).items():
    if not name.endswith("_proj.weight"):
        packed[name] = values[name] = weight.astype(np.float32)
        continue
    tensors = quantise(weight)
    packed.update({name.replace("weight", part): tensor for part, tensor in tensors.items()})
    values[name] = values_of({"quantization_config": quantization}, tensors)
for target, tensors, extra in ((out, packed, {"quantization_config": quantization}), (plain, values, {})):
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns("*.safetensors*", "config.json"))
    with open(os.path.join(target, "config.json"), "w", encoding="utf-8") as f:
        json.dump({**config, **extra}, f, indent=2)
    plait.reference.write_safetensors(os.path.join(target, "model.safetensors"), tensors)
