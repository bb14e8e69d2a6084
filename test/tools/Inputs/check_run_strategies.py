"""check_run_strategies.py ARTIFACT FOLDER: prompts with strategies of their own have the texts of
plain decoding, and the statistics that they have alone."""
import json
import pathlib
import re
import subprocess
import sys

artifact, folder = sys.argv[1], pathlib.Path(sys.argv[2])
TREES, JACOBI, SPEC = (s["call"] for s in json.loads((pathlib.Path(artifact) / "manifest.json").read_text())["strategies"])
# With what a strategy is named, and which that is; without a name it is that of --decode.
LINES = [("In the beginning God created the heaven and the earth. In the beginning", "spec", SPEC),
         ("And God said,", "token_recycling", TREES), ("The LORD", "ar", "ar"), ("And God said,", None, SPEC),
         ("Blessed is the man", "jacobi", JACOBI), ("Thou shalt", TREES, TREES)]


def run(lines, *options):
    path = folder / "prompts.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = subprocess.run(["plait", "run", artifact, "--prompt-jsonl", path, "-n", "48", *options], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout, result.stderr


plain = [{"prompt": prompt} for prompt, _, _ in LINES]
named = [{"prompt": prompt, "strategy": name} for prompt, name, _ in LINES]
assert "strategy" in named[3] and named[3]["strategy"] is None, "null is no name"
for setting in (["--temperature", "0"], ["--temperature", "0.9", "--seed", "5"]):
    for more in ([], ["--batch", "3", "--chunk", "5"]):
        assert run(named, *setting, *more, "--decode", "spec") == (run(plain, *setting)[0], ""), (setting, more)
print("texts: equal to plain decoding, greedy and drawn")

greedy = ["--temperature", "0", "--output", "json"]
assert run(named, *greedy, "--decode", "spec")[0] == run(plain, *greedy)[0]
print("json: equal without --stats")

out, err = run(named, *greedy, "--decode", "spec", "--stats", "--n", "2", "--ignore-eos")
results = [json.loads(line) for line in out.splitlines()]
assert len(results) == 2 * len(LINES)
KEYS = ("rounds", "drafted", "accepted", "moved")
sums = {}
for i, result in enumerate(results):
    prompt, name, call = LINES[i // 2]
    found = result["drafting"]
    assert found["strategy"] == call, (i, found)
    assert 0 <= found["accepted"] <= found["drafted"], found
    if call == "ar":
        assert found["rounds"] == 0 and found["tokens_per_round"] == 1, found
    else:
        assert found["rounds"] + found["accepted"] == len(result["tokens"]) == 48, found
        assert found["tokens_per_round"] == (found["rounds"] + found["accepted"]) / found["rounds"], found
        total = sums.setdefault(call, dict.fromkeys(KEYS, 0))
        for key in KEYS:
            total[key] += found[key]
    if call in (TREES, SPEC) and i % 2 == 0:  # which always draft: jacobi goes by the clock
        assert found["accepted"] > 0, found
        alone, _ = run([named[i // 2]], *greedy, "--decode", "spec", "--stats", "--ignore-eos")
        assert json.loads(alone)["drafting"] == found, (alone, found)
said = {call: tuple(map(int, counts)) for call, *counts in
        re.findall(r"^strategy   (.*): (\d+) rounds, (\d+) tokens drafted, (\d+) accepted", err, re.M)}
assert said == {call: tuple(total[key] for key in KEYS[:3]) for call, total in sums.items()}, (said, sums)
print("statistics: of each result those of its prompt alone, and the lines their sums")
