"""Attention over more than two spans of positions, by its definition:

  long_rows.py write INPUTS           queries of two heads, keys, values of 600 tokens in two rows
  long_rows.py check INPUTS RESULTS   compares result0, that of all positions, and result1, that of 300
"""

import os
import sys

import numpy as np

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "golden"))
import reference  # noqa: E402

LENGTHS = [583, 17]


def write(path):
    random = np.random.RandomState(1)
    inputs = {f"arg{i}": random.randn(600, columns).astype(np.float32) for i, columns in enumerate([2, 1, 1])}
    inputs["arg3"] = np.repeat(np.arange(2, dtype=np.int32), LENGTHS)
    inputs["arg4"] = np.concatenate([np.arange(n, dtype=np.int32) for n in LENGTHS])
    reference.write_safetensors(path, inputs)


def attend(inputs, window):
    q, k, v = (inputs[f"arg{i}"].astype(np.float64) for i in range(3))
    result, begin = np.zeros_like(q), 0
    for length in LENGTHS:
        for p in range(length):
            seen = slice(begin + max(0, p - window + 1), begin + p + 1)
            weights = np.exp(np.outer(q[begin + p], k[seen, 0]))
            result[begin + p] = weights @ v[seen, 0] / weights.sum(axis=1)
        begin += length
    return result


def check(inputs, results):
    for i, window in enumerate([600, 300]):
        want = attend(inputs, window)
        error = np.abs(results[f"result{i}"] - want).max() / np.abs(want).max()
        assert error < 1e-6, error
    print("close")


if sys.argv[1] == "write":
    write(sys.argv[2])
else:
    check(*(reference.read_safetensors(path)[0] for path in sys.argv[2:]))
