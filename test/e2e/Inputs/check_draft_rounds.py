"""check_draft_rounds.py ARTIFACT TENSORS TEST-FOLDER: greedy texts of a compiled model, and the rounds that they
take, with parts that draft: those by drafts that numpy computes of the whole text."""
import json
import pathlib
import re
import subprocess
import sys

import numpy as np

artifact, tensors, test = sys.argv[1:]
sys.path.insert(0, str(pathlib.Path(test) / "strategies" / "Inputs"))
import drafts  # noqa: E402
import tiny_llama  # noqa: E402

COUNT = 40
tensors = tiny_llama.read_safetensors(pathlib.Path(tensors))
random = np.random.RandomState(3)
prompts = [[int(token) for token in random.randint(3, 23, size)] for size in (1, 2, 9, 12, 70)]
manifest = json.loads((pathlib.Path(artifact) / "manifest.json").read_text())
for strategy in manifest["strategies"]:
    call = strategy["call"]
    name, arguments = call[:-1].split("(", 1)
    quoted = re.sub(r"[a-z]+\.\d+", r'"\g<0>"', arguments)  # names of sublayers
    values = {key: json.loads(value) for key, value in re.findall(r"(\w+)=(\[[^\]]*\]|[^,\[]+)", quoted)}
    total = 0
    for prompt in prompts:
        command = ["plait", "run", artifact, "--token-ids", ",".join(map(str, prompt)), "-n", str(COUNT), "--ignore-eos",
                   "--temperature", "0", "--output", "ids", "--decode", call, "--stats", "--chunk", "32"]
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 0, f"{command}: {result.stderr}"
        found = [int(token) for token in re.findall(r"\d+", result.stdout)]
        rounds = int(re.search(r"strategy .*: (\d+) rounds", result.stderr).group(1))
        wanted, count = drafts.expected(tensors, name, prompt, COUNT, values)
        assert found == wanted, f"{call}: {found} instead of {wanted}"
        assert rounds == count, f"{call}, {len(prompt)} tokens: {rounds} rounds instead of {count}"
        total += rounds
    assert total < COUNT * len(prompts), f"{call}: nothing is accepted"
    print(f"{name}: {COUNT * len(prompts)} tokens in {total} rounds, as by numpy")
