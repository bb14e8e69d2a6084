"""Texts whose drafts are trees at their ends: at the last position of the model, at a stop within what a
round accepts, and of completions that share a prompt; and what `--stats` says of them."""
import json
import pathlib
import re
import subprocess
import sys

model, call = sys.argv[1:]


def run(*options):
    command = ["plait", "run", model, "--output", "ids", *options]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, f"{command}: {result.stderr}"
    return result.stdout, result.stderr


def compare(what, *options):
    expected, _ = run(*options)
    found, _ = run(*options, "--decode", call)
    assert found == expected, f"{what}: {found} instead of {expected}"
    return expected.split()


positions = json.loads((pathlib.Path(model) / "manifest.json").read_text())["model"]["max_positions"]
text = "In the beginning God created the heaven and the earth. "
for extra in range(6):
    ids = " ".join(str(3 + (i * 7 + extra) % 400) for i in range(positions - 20 - extra)).split()
    compare("last position", "--token-ids", ",".join(ids), "-n", "100", "--temperature", "0", "--ignore-eos")
print("last position: equal")
words = subprocess.run(["plait", "run", model, "-p", text * 3, "-n", "40", "--temperature", "0"], capture_output=True,
                       text=True, check=True).stdout.split()
for word in words[3:15:2]:
    compare("stop", "-p", text * 3, "-n", "40", "--temperature", "0", "--stop", word)
print("stops: equal")
compare("completions", "-p", text, "-n", "40", "--temperature", "1", "--seed", "5", "--n", "3")
print("completions: equal")
_, stats = run("-p", text * 3, "-n", "120", "--temperature", "0", "--decode", call, "--stats")
line = re.search(r"([0-9.]+) tokens per round, [0-9]+ moved", stats)
assert line and float(line[1]) > 1.3, stats
print(line[0])
