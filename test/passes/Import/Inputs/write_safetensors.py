#!/usr/bin/env python3
"""Writes a small safetensors file for a test, with the numbers in the test itself.

  write_safetensors.py FILE NAME=TYPE:SHAPE:NUMBERS ...

for example  x=F32:2x3:1,2,3,4,5,6  or  ids=I32:2:0,1 . Needs nothing but Python.
"""

import json
import struct
import sys

CODES = {"F32": "f", "F64": "d", "I32": "i", "I64": "q"}


def main():
    path, *tensors = sys.argv[1:]
    header, data = {}, b""
    for tensor in tensors:
        name, description = tensor.split("=")
        kind, shape, numbers = description.split(":")
        values = [(int if kind[0] == "I" else float)(n) for n in numbers.split(",") if n]
        raw = struct.pack(f"<{len(values)}{CODES[kind]}", *values)
        header[name] = {
            "dtype": kind,
            "shape": [int(extent) for extent in shape.split("x")],
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


if __name__ == "__main__":
    main()
