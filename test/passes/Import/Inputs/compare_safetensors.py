#!/usr/bin/env python3
"""Fails unless two F32 tensors agree: max |a - b| / max |b| <= TOLERANCE.

  compare_safetensors.py FILE NAME REFERENCE-FILE REFERENCE-NAME TOLERANCE

Needs nothing but Python.
"""

import json
import struct
import sys


def read(path, name):
    with open(path, "rb") as f:
        (size,) = struct.unpack("<Q", f.read(8))
        tensor = json.loads(f.read(size))[name]
        begin, end = tensor["data_offsets"]
        f.seek(8 + size + begin)
        raw = f.read(end - begin)
    if tensor["dtype"] != "F32":
        sys.exit(f"{path}: {name} is {tensor['dtype']}, not F32")
    return tensor["shape"], struct.unpack(f"<{len(raw) // 4}f", raw)


def main():
    file, name, reference_file, reference_name, tolerance = sys.argv[1:]
    shape, values = read(file, name)
    expected_shape, expected = read(reference_file, reference_name)
    if shape != expected_shape:
        sys.exit(f"{name} has shape {shape}, {reference_name} has {expected_shape}")
    differ = max(abs(a - b) for a, b in zip(values, expected))
    error = differ / max(abs(b) for b in expected)
    if not error <= float(tolerance):
        sys.exit(f"{name} and {reference_name} differ by {error:.2e}, more than {tolerance}")


if __name__ == "__main__":
    main()
