"""check_70b.py ARTIFACT GOLDEN: simulated prefills beside measured ones."""

import json
import re
import subprocess
import sys
import tempfile

artifact, golden = sys.argv[1], json.load(open(sys.argv[2]))
units, right = {"s": 1e3, "ms": 1, "us": 1e-3}, True
for row in golden["rows"]:
    with tempfile.NamedTemporaryFile(suffix=".json") as trace:
        text = subprocess.run(["plait", "explain", artifact, "--trace", trace.name, "--machine", "dgx-h100",
                               "--tokens", str(row["tokens"])], check=True, capture_output=True, text=True).stdout
    times = {name: float(value) * units[unit]
             for name, value, unit in re.findall(r"^> [+-] (\w+) +([0-9.]+) (s|ms|us) ", text, re.M)}
    error = times["unfused"] / row["baseline"] - 1
    verdict = "" if abs(error) <= golden["tolerance"]["latency"] else " FAILED"
    right &= not verdict
    print(f"{row['tokens']} tokens: unfused {times['unfused']:.2f} ms, measured {row['baseline']:.2f} ms, "
          f"{100 * error:+.1f} %{verdict}")
print("all right" if right else "FAILED")
