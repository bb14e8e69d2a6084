"""Makes the digests in an artifact's manifest those that `plait verify` has found."""

import os
import re
import subprocess


def seal(artifact, patterns):
    manifest = os.path.join(artifact, "manifest.json")
    for pattern in patterns:
        errors = subprocess.run(["plait", "verify", artifact], capture_output=True, text=True).stderr
        found, expected = re.search(pattern, errors).groups()
        with open(manifest, encoding="utf-8") as f:
            text = f.read()
        with open(manifest, "w", encoding="utf-8") as f:
            f.write(text.replace(expected, found))


BINARY = r"model.so: found digest (\w+); expected (\w+)"
MANIFEST = r"found contents of digest (\w+); expected (\w+)"
