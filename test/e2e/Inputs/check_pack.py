"""Reads weights.pack as docs/abi.md describes it and compares with the checkpoint.

  check_pack.py ARTIFACT SAFETENSORS TOLERANCE

Every matrix must lie within TOLERANCE of the checkpoint's, as a root mean square over
that of its elements; 0 asks for equality.
"""

import json
import subprocess
import sys

import numpy as np


def read_checkpoint(path):
    data = open(path, "rb").read()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        raw = data[begin:end]
        if entry["dtype"] == "BF16":
            value = (np.frombuffer(raw, np.uint16).astype(np.uint32) << 16).view(np.float32)
        else:
            value = np.frombuffer(raw, np.float32)
        tensors[name] = value.reshape(entry["shape"])
    return tensors


def read_panels(raw, weight):
    """[rows, cols] of f32."""
    rows, cols = weight["shape"]
    dtype, group = weight["dtype"], weight["scale_group"] or cols
    per_word = {"f32": 1, "bf16": 2, "i8": 4, "i4": 8}[dtype]
    panels = -(-rows // 32)
    result = np.zeros((panels * 32, cols), np.float32)
    at = 0
    for panel in range(panels):
        for first in range(0, cols, group):
            count = min(group, cols - first)
            scales, zeros = np.ones(32, np.float32), np.zeros(32, np.float32)
            if dtype in ("i8", "i4"):
                scales = raw[at : at + 64].view(np.float16).astype(np.float32)
                at += 64
            if weight["zero_points"]:
                zeros = raw[at : at + 64].view(np.int16).astype(np.float32)
                at += 64
            words = -(-count // per_word)
            block = raw[at : at + words * 128].reshape(words, 32, 4)
            at += words * 128
            if dtype == "f32":
                values = block.reshape(-1).view(np.float32).reshape(words, 32, 1)
            elif dtype == "bf16":
                values = block.reshape(-1).view(np.uint16).astype(np.uint32)
                values = (values << 16).view(np.float32).reshape(words, 32, 2)
            elif dtype == "i8":
                values = block.view(np.int8).astype(np.float32)
            else:
                values = np.stack([block & 15, block >> 4], axis=-1).reshape(words, 32, 8).astype(np.float32)
                if not weight["zero_points"]:
                    values -= 8
            values = values.transpose(1, 0, 2).reshape(32, -1)[:, :count]
            result[panel * 32 : panel * 32 + 32, first : first + count] = scales[:, None] * (values - zeros[:, None])
    assert at <= weight["layer_bytes"] < at + 64, (at, weight)
    return result[:rows]


def main():
    artifact, checkpoint, tolerance = sys.argv[1], read_checkpoint(sys.argv[2]), float(sys.argv[3])
    tables = json.loads(subprocess.check_output(["plait", "inspect", "--json", artifact]))["tables"]
    pack = np.fromfile(artifact + "/weights.pack", np.uint8)
    compared, worst = 0, 0.0
    for weight in tables["weights"]:
        if not weight["layout"].startswith("panels"):
            continue
        for layer in range(weight["layers"]):
            name = weight["source"].replace("{layer}", str(weight["layer_first"] + layer * weight["layer_step"]))
            begin = weight["offset"] + layer * weight["layer_bytes"]
            packed = read_panels(pack[begin : begin + weight["layer_bytes"]], weight)
            stored = checkpoint[name].T if weight["transposed"] else checkpoint[name]
            error = np.sqrt(np.mean((packed - stored) ** 2.0) / np.mean(stored**2.0))
            assert error <= tolerance, f"{name}: {error}"
            worst, compared = max(worst, error), compared + 1
    print(f"{compared} matrices compared, worst {worst:.2g}")


main()
