"""Compares models of several ranks with that of one: check_decisions.py WORK RATIO MODEL...

WORK has 1.plait, that of one rank. RATIO is that of the ranks' weights, such as 2:1:1, to
within a quarter, or "any".
"""

import os
import subprocess
import sys

work, ratio, models = sys.argv[1], sys.argv[2], sys.argv[3:]
failures = 0


def check(what, good, detail=""):
    global failures
    failures += not good
    if not good:
        print(f"FAILED: {what}: {detail}")


def run(*command):
    return subprocess.run(["plait", *command], capture_output=True, text=True, timeout=300)


def weights(model):
    """Bytes of each rank, as `plait inspect --memory` shows them."""
    lines = run("inspect", model, "--memory").stdout.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("rank "))
    rows = [line.split() for line in lines[first + 1 :]]
    return [int(row[1]) for row in rows if row and row[0].isdigit()]


prompts = [f"--prompt={prompt}" for prompt in ("In the beginning", "And the LORD said unto Moses", "Blessed")]
for arguments in (prompts + ["-n", "24"], prompts[:1] + ["-n", "100"], prompts + ["--chunk", "2"]):
    generate = ["--output", "ids", "--temperature", "0", *arguments]
    one = run("run", os.path.join(work, "1.plait"), *generate)
    for model in models:
        several = run("run", model, *generate)
        check(f"{model} {arguments}", one.returncode == several.returncode == 0 and one.stdout == several.stdout != "",
              (one, several))
if ratio != "any":
    wanted = [int(part) for part in ratio.split(":")]
    for model in models:
        found = weights(model)
        check(f"ranks of {model}", len(found) == len(wanted), found)
        share = [bytes / sum(found) * sum(wanted) / part for bytes, part in zip(found, wanted)]
        check(f"weights of {model}", all(0.75 <= s <= 1.25 for s in share), found)
print("all right" if not failures else f"FAILED: {failures}")
