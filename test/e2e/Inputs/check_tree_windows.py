"""Texts of a model with windows whose drafts are trees: check_tree_windows.py ARTIFACT CALL. Prompts
are ids, in one batch, whole and in chunks; texts go on for many windows."""
import random
import re
import subprocess
import sys

model, call = sys.argv[1:]


def run(*options):
    command = ["plait", "run", model, "--output", "ids", "-n", "90", "--ignore-eos", *options]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, f"{command}: {result.stderr}"
    return result.stdout.splitlines(), result.stderr


random.seed(5)
prompts = []
for length in (1, 5, 6, 63, 64, 100):
    loop = [str(random.randrange(3, 200)) for _ in range(7)]
    prompts += ["--token-ids", ",".join((loop * 20)[:length])]
texts = moved = 0
for setting in (["--temperature", "0"], ["--temperature", "0.3", "--seed", "3"], ["--temperature", "0", "--chunk", "7"]):
    expected, _ = run(*prompts, *setting)
    found, stats = run(*prompts, *setting, "--decode", call, "--stats")
    assert found == expected, f"{setting}: {found} instead of {expected}"
    texts += len(found)
    line = re.search(r"([0-9]+) moved", stats)
    moved += int(line[1]) if line else 0
print(f"{texts} texts, equal, {moved} moved")
