"""Gives an artifact whose manifest has schema 1 one of schema 3: renew_manifest.py
ARTIFACT. Its binary stays what it is."""

import json
import os
import sys

from seal import MANIFEST, seal

path = os.path.join(sys.argv[1], "manifest.json")
with open(path, encoding="utf-8") as f:
    manifest = json.load(f)
target = manifest["target"]
manifest["schema"] = 3
manifest["binaries"] = [{"target": target.pop("cpu"), "isa": target.pop("isa"), **manifest.pop("binary")}]
manifest["digest"] = manifest.pop("digest")  # stays the last
with open(path, "w", encoding="utf-8") as f:
    f.write(json.dumps(manifest, indent=2) + "\n")
seal(sys.argv[1], [MANIFEST])
