"""Turns the sign of many of an artifact's bf16 weights and makes its manifest agree."""

import json
import os
import shutil
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
# The digest that verify misses is the one it asks for.
said = subprocess.run(["plait", "verify", "-q", path], capture_output=True, text=True).stderr
manifest = os.path.join(path, "manifest.json")
with open(manifest) as f:
    value = json.load(f)
old = value["weights"]["digest"]
new = [w for w in said.replace('"', " ").replace(";", " ").split() if len(w) == len(old) and w != old]
assert new, said
value["weights"]["digest"] = new[0]
with open(manifest, "w") as f:
    json.dump(value, f)
