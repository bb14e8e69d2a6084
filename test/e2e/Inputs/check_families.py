"""Compares models of several ranks with transformers.

  check_families.py GOLDEN CHECK_GOLDENS WORK NAME:RANKS... [--OPTION...]

Each NAME below GOLDEN/models is compiled for so many ranks, with OPTIONs, and handed to
CHECK_GOLDENS.
"""

import os
import subprocess
import sys

golden, check_goldens, work = sys.argv[1:4]
failures = 0
options = [word for word in sys.argv[4:] if word.startswith("--")]
pairs = [word for word in sys.argv[4:] if not word.startswith("--")]
for pair in pairs:
    name, ranks = pair.split(":")
    model, artifact = os.path.join(golden, "models", name), os.path.join(work, f"{name}-{ranks}.plait")
    compiled = subprocess.run(["plait-compile", model, "--tp", ranks, "-o", artifact, "--debug-logits",
                               "--no-selftest", *options], capture_output=True, text=True)
    checked = subprocess.run([sys.executable, "-B", check_goldens, model, os.path.join(model, "golden.safetensors"),
                              artifact], capture_output=True, text=True) if not compiled.returncode else compiled
    good = checked.returncode == 0 and "FAILED" not in checked.stdout and "batched: " in checked.stdout
    failures += not good
    print(f"{name} on {ranks} ranks:", checked.stdout.splitlines()[:1] if good else "FAILED")
    if not good:
        print(checked.stdout, checked.stderr)
print(f"{len(pairs)} artifacts,", f"{failures} FAILED" if failures else "all right")
sys.exit(failures > 0)
