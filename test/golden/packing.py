"""How GPTQ and AWQ checkpoints pack integers, in numpy: see runtime/base/PackedMatrix.h."""

import numpy as np


def pack(integers, bits, axis):
    """Packs 32 / bits neighbours along `axis` into an I32, lowest bits first."""
    per = 32 // bits
    moved = np.moveaxis(integers.astype(np.uint64), axis, -1)
    moved = moved.reshape(moved.shape[:-1] + (-1, per))
    words = (moved << (np.arange(per, dtype=np.uint64) * np.uint64(bits))).sum(-1)
    return np.ascontiguousarray(np.moveaxis(words, -1, axis).astype(np.uint32).view(np.int32))


def unpack(words, bits, axis):
    moved = np.moveaxis(words.view(np.uint32), axis, -1)
    fields = moved[..., None] >> (np.arange(32 // bits, dtype=np.uint32) * np.uint32(bits))
    fields = (fields & np.uint32(2**bits - 1)).reshape(moved.shape[:-1] + (-1,))
    return np.moveaxis(fields, -1, axis)


AWQ_ORDER = np.array([0, 2, 4, 6, 1, 3, 5, 7])  # which column the n-th nibble is of


def awq_order(columns):
    return (np.arange(columns).reshape(-1, 8)[:, AWQ_ORDER]).reshape(-1)


def read(config, tensors):
    """integers [in, out], zeros [groups, out], and the group of each column."""
    q = config["quantization_config"]
    bits = q["bits"]
    if q["quant_method"] == "awq":
        integers, zeros = unpack(tensors["qweight"], 4, 1), unpack(tensors["qzeros"], 4, 1)
        back = np.argsort(awq_order(integers.shape[1]))
        integers, zeros = integers[:, back], zeros[:, back]
    else:
        integers, zeros = unpack(tensors["qweight"], bits, 0), unpack(tensors["qzeros"], bits, 1)
        if q.get("checkpoint_format", "gptq") == "gptq":
            zeros = (zeros + 1) & (2**bits - 1)
    size = q["group_size"] if q["group_size"] > 0 else integers.shape[0]
    groups = tensors.get("g_idx", np.arange(integers.shape[0]) // size)
    return integers, zeros, groups


def values_of(config, tensors):
    """The matrix [out, in] in f32: scale * (integer - zero)."""
    integers, zeros, groups = read(config, tensors)
    scales = tensors["scales"].astype(np.float32)[groups]
    return np.ascontiguousarray((scales * (integers.astype(np.float32) - zeros.astype(np.float32)[groups])).T)
