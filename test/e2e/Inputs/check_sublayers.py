"""check_sublayers.py ARTIFACT MODEL TEST-FOLDER: greedy texts of strategies swift(k=N,skip=[...]), and the rounds that they
take: those by drafts that numpy computes without these sublayers. Nothing is copied."""
import json
import pathlib
import re
import subprocess
import sys

import numpy as np

artifact, folder, test = sys.argv[1:]
sys.path.insert(0, str(pathlib.Path(test) / "golden"))
import reference  # noqa: E402

COUNT = 24


whole = reference.load(folder)
ends = reference.load(folder)
ends.layers = range(0)  # what is left of it is the final norm and the head


def most_likely(ids):
    return np.argmax(whole.logits(np.array(ids)), axis=-1)


def draft(ids, first, names):
    """The token after `ids` by the model without layers N, "attention.N" and "mlp.N", from token `first` on. Those before
    are as the whole model has them."""
    x = whole.embed(np.array(ids))
    before, x = x[:first], x[first:]
    for i in whole.layers:
        for kind, sublayer in zip(("attention", "mlp"), whole.sublayers(i), strict=True):
            if str(i) not in names and f"{kind}.{i}" not in names:
                x = x + sublayer(np.concatenate([before, x]))[first:]
            if first:
                before = before + sublayer(before)
    ends.embed = lambda _: x
    return int(np.argmax(ends.logits(ids)[-1]))


def expected(names, prompt, depth):
    """The text by the whole model, and its rounds."""
    text, rounds = list(prompt), 0
    while len(text) < len(prompt) + COUNT:
        drafted = list(text)
        for _ in range(depth):
            drafted.append(draft(drafted, len(text) - 1, names))
        chosen = most_likely(drafted)  # at all places of the block at once
        place = len(text)
        while place < len(drafted) and drafted[place] == chosen[place - 1]:
            place += 1
        text = drafted[:place] + [int(chosen[place - 1])]
        rounds += 1
    return text[len(prompt):len(prompt) + COUNT], rounds


config = json.loads((pathlib.Path(folder) / "config.json").read_text())
random = np.random.RandomState(5)
prompts = [[int(token) for token in random.randint(3, config["vocab_size"], size)] for size in (1, 40)]
for strategy in json.loads((pathlib.Path(artifact) / "manifest.json").read_text())["strategies"]:
    call = strategy["call"]
    depth = int(re.search(r"k=(\d+)", call).group(1))
    names = re.search(r"skip=\[([^\]]*)\]", call).group(1).split(",")
    total = 0
    for prompt in prompts:
        command = ["plait", "run", artifact, "--token-ids", ",".join(map(str, prompt)), "-n", str(COUNT), "--ignore-eos",
                   "--temperature", "0", "--output", "ids", "--decode", call, "--stats", "--chunk", "16"]
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 0, f"{command}: {result.stderr}"
        found = [int(token) for token in re.findall(r"\d+", result.stdout)]
        stats = re.search(r"strategy .*: (\d+) rounds.*", result.stderr)
        wanted, rounds = expected(names, prompt, depth)
        assert found == wanted, f"{call}: {found} instead of {wanted}"
        assert int(stats.group(1)) == rounds, f"{call}, {len(prompt)} tokens: {stats.group(1)} rounds instead of {rounds}"
        assert "moved" not in stats.group(0), stats.group(0)
        total += rounds
    print(f"{call}: {COUNT * len(prompts)} tokens in {total} rounds, as by numpy")
