"""Makes an artifact of one rank or two out of the demo model of the unit tests:
demo_ranks.py BUILD ARTIFACT RANKS

It needs no compiler: test/unit/runtime/demo_model.c is written by hand. What the
digests have to be, `plait verify` says.
"""

import json
import os
import re
import shutil
import struct
import subprocess
import sys

build, artifact = sys.argv[1:3]
ranks = int(sys.argv[3])
shutil.rmtree(artifact, ignore_errors=True)
os.makedirs(artifact)

# As DemoModel.cpp packs them.
pack = bytearray(1216 + 3 * 64 + 64)
for token in range(97):
    for col in range(3):
        struct.pack_into("<f", pack, 4 * (token * 3 + col), (token * 5 + col * 11) % 101)
for layer in range(3):
    for r in range(5):
        for c in range(3):
            (bits,) = struct.unpack("<I", struct.pack("<f", (layer * 17 + r * 3 + c * 7) % 31))
            at = ((r // 4 * 2 + c // 2) * 4 + r % 4) * 2 + c % 2
            struct.pack_into("<H", pack, 1216 + 64 * layer + 2 * at, bits >> 16)
struct.pack_into("<f", pack, 1216 + 3 * 64, 9)
with open(os.path.join(artifact, "weights.pack"), "wb") as f:
    f.write(pack)

unknown = 0


def entry(name):
    global unknown
    unknown += 1
    return {"file": name, "bytes": os.path.getsize(os.path.join(artifact, name)), "digest": f"{unknown:032x}"}


parts = []
weights = entry("weights.pack")
for rank in range(ranks):
    name = f"plait_demo_rank{rank}.so" if ranks > 1 else "plait_demo_model.so"
    shutil.copy(os.path.join(build, "lib", name), os.path.join(artifact, f"model.rank{rank}.so"))
    parts.append({"binaries": [{"target": "generic", "isa": "", **entry(f"model.rank{rank}.so")}], "weights": weights})
manifest = {
    "schema": 3,
    "compiler": {"version": "0.1.0", "llvm": "none"},
    "model": {"name": "demo", "family": "demo", "vocabulary": 97, "hidden": 3, "layers": 3, "max_positions": 64,
              "parameters": 337},
    "target": {"kind": "cpu", "triple": ""},
    "numerics": "row_invariant",
    "strategy": "ar",
    "weights": {"kind": "pack", "format": "bf16"},
    "files": [],
    "inputs": [],
    "generation": {"bos": None, "eos": [], "temperature": 0.0},
}
if ranks > 1:
    manifest["ranks"], manifest["parts"] = ranks, parts
else:
    manifest["binaries"] = parts[0]["binaries"]
    manifest["weights"].update(weights)
manifest["digest"] = "f" * 32  # the last
path = os.path.join(artifact, "manifest.json")
text = json.dumps(manifest, indent=2) + "\n"
for _ in range(8):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    verified = subprocess.run(["plait", "verify", artifact], capture_output=True, text=True)
    if verified.returncode == 0:
        break
    for found, expected in re.findall(r"(?:digest|of digest) (\w{32}); expected (\w{32})", verified.stderr):
        text = text.replace(expected, found)
else:
    sys.exit("the artifact cannot be sealed: " + verified.stderr)
