#!/usr/bin/env python3
"""Makes small matrices in the formats of GPTQ and AWQ, and what they hold.

  make_packed_goldens.py [--peers FOLDER]

Writes packed.safetensors beside this script. For each KIND below it holds the tensors
of one matrix X of ROWS x COLUMNS as a checkpoint has them, and what a reader of its own
in numpy makes of them:
  KIND/x.qweight, KIND/x.qzeros, KIND/x.scales, and for some KIND/x.g_idx
  KIND/config                     U8, the text of config.json
  KIND/values     F32 [out, in]   scale * (integer - zero)
  KIND/integers   U8 [out, in]    as stored
  KIND/zeros      U8 [out, groups]
The matrices follow from a seed. The formats are those of AutoGPTQ 0.7 (v1: a zero point
is stored less one, modulo 2^bits), GPTQModel (v2: as it is) and AutoAWQ 0.2 (gemm).

Needs numpy. With --peers, a folder in which the sources of auto-gptq and autoawq have
been unpacked (`pip download --no-deps auto-gptq autoawq`), each matrix is also read by
those, as far as they can; they need torch and transformers. The products are exact in
f32, so that all agree bit by bit.
"""

import argparse
import importlib.util
import json
import os
import sys

import numpy as np
import reference
from packing import awq_order, pack, read, values_of

ROWS, COLUMNS = 16, 192
HERE = os.path.dirname(os.path.abspath(__file__))

# bits, group_size, checkpoint_format, sym, act-order, scales
GPTQ = {
    "gptq-sym": (4, 64, "gptq", True, False, np.float16),
    "gptq-zeros": (4, 32, "gptq", False, False, np.float16),
    "gptq-short": (4, 128, "gptq", False, False, np.float16),  # the last group has 64 columns
    "gptq-row": (4, -1, "gptq", True, False, np.float16),
    "gptq-v2": (4, 64, "gptq_v2", False, False, np.float16),
    "gptq-order": (4, 64, "gptq", False, True, np.float16),
    "gptq-8": (8, 64, "gptq", True, False, np.float16),
    "gptq-8-row": (8, -1, "gptq_v2", True, False, np.float16),
    "gptq-8-zeros": (8, 32, "gptq_v2", False, False, np.float16),
    "gptq-f32": (4, 64, "gptq", True, False, np.float32),
}
# group_size
AWQ = {"awq": 64, "awq-row": -1}


def random_parts(generator, bits, groups, symmetric, scale_type):
    integers = generator.integers(0, 2**bits, (COLUMNS, ROWS))
    zeros = generator.integers(0, 2**bits, (groups, ROWS))
    if symmetric:
        zeros[:] = 2 ** (bits - 1)
        if bits == 8:
            integers = np.maximum(integers, 1)  # so that none stands for -128
    scales = generator.uniform(0.001, 0.02, (groups, ROWS)).astype(scale_type)
    return integers, zeros, scales


def make_gptq(generator, bits, group, form, symmetric, order, scale_type):
    size = group if group > 0 else COLUMNS
    groups = -(-COLUMNS // size)
    integers, zeros, scales = random_parts(generator, bits, groups, symmetric, scale_type)
    if order:
        zeros = np.maximum(zeros, 1)  # readers differ on how 0, less one, is read
    stored = zeros if form == "gptq_v2" else (zeros - 1) % 2**bits
    tensors = {"qweight": pack(integers, bits, 0), "qzeros": pack(stored, bits, 1), "scales": scales}
    indices = np.arange(COLUMNS, dtype=np.int32) // size
    if order:
        indices = generator.permutation(indices)
    if order or group == 32:
        tensors["g_idx"] = indices.astype(np.int32)
    config = {"quant_method": "gptq", "bits": bits, "group_size": group, "sym": symmetric, "desc_act": order}
    if form != "gptq":
        config["checkpoint_format"] = form
    return config, tensors, integers, zeros


def make_awq(generator, group):
    size = group if group > 0 else COLUMNS
    integers, zeros, scales = random_parts(generator, 4, COLUMNS // size, False, np.float16)
    order = awq_order(ROWS)
    tensors = {"qweight": pack(integers[:, order], 4, 1), "qzeros": pack(zeros[:, order], 4, 1), "scales": scales}
    config = {"quant_method": "awq", "bits": 4, "group_size": group, "zero_point": True, "version": "gemm"}
    return config, tensors, integers, zeros


def load_module(path):
    spec = importlib.util.spec_from_file_location(os.path.basename(path)[:-3], path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def find(folder, tail):
    for base, _, files in os.walk(folder):
        for file in files:
            if os.path.join(base, file).endswith(tail):
                return os.path.join(base, file)
    sys.exit(f"{folder}: no {tail}")


def read_by_peer(peers, config, tensors):
    """values [out, in] as the format's own implementation computes them; None where it cannot."""
    import torch

    q = config["quantization_config"]
    parts = {name: torch.from_numpy(array) for name, array in tensors.items()}
    group = q["group_size"] if q["group_size"] > 0 else COLUMNS
    if q["quant_method"] == "awq":
        awq = load_module(find(peers, "awq/utils/packing_utils.py"))
        return awq.dequantize_gemm(parts["qweight"], parts["qzeros"], parts["scales"].float(), 4, group).numpy().T
    if q.get("checkpoint_format") == "gptq_v2" or COLUMNS % group:
        return None  # AutoGPTQ has the first format alone, and whole groups
    name = "qlinear_cuda.py" if q["desc_act"] else "qlinear_cuda_old.py"
    gptq = load_module(find(peers, "qlinear/" + name))
    linear = gptq.QuantLinear(q["bits"], group, COLUMNS, ROWS, False)
    linear.qweight, linear.qzeros, linear.scales = parts["qweight"], parts["qzeros"], parts["scales"].float()
    if "g_idx" in parts:
        linear.g_idx = parts["g_idx"]
    return linear(torch.eye(COLUMNS)).numpy().T


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers")
    options = parser.parse_args()
    generator = np.random.default_rng(20)
    kinds = {kind: make_gptq(generator, *how) for kind, how in GPTQ.items()}
    kinds.update({kind: make_awq(generator, group) for kind, group in AWQ.items()})
    result = {}
    for kind, (quantization, tensors, integers, zeros) in kinds.items():
        config = {"model_type": "llama", "quantization_config": quantization}
        found, found_zeros, _ = read(config, tensors)
        assert np.array_equal(found, integers) and np.array_equal(found_zeros, zeros), kind
        values = values_of(config, tensors)
        peer = read_by_peer(options.peers, config, tensors) if options.peers else None
        if peer is not None:
            assert np.array_equal(peer, values), kind
        print(f"{kind}: {'the same as the peer reads' if peer is not None else 'read by numpy alone'}")
        for name, array in tensors.items():
            result[f"{kind}/x.{name}"] = array
        result[f"{kind}/config"] = np.frombuffer(json.dumps(config).encode(), dtype=np.uint8)
        result[f"{kind}/values"] = values
        result[f"{kind}/integers"] = np.ascontiguousarray(found.T.astype(np.uint8))
        result[f"{kind}/zeros"] = np.ascontiguousarray(found_zeros.T.astype(np.uint8))
    reference.write_safetensors(os.path.join(HERE, "packed.safetensors"), result)


if __name__ == "__main__":
    main()
