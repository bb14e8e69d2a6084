"""prompt_jsonl.py ARTIFACT WORK: plait run --prompt-jsonl against one run per prompt."""

import json
import os
import subprocess
import sys

ARTIFACT, WORK = sys.argv[1:3]
RUN = ["plait", "run", ARTIFACT, "-n", "12", "--output", "json", "-q"]
TEXTS = ["In the beginning", "And God said,", 'a "quoted" line\nand another', "\u4f60\u597d \U0001f642", "A"]
TEXTS += ["Behold, " * 40]


def run(*words):
    done = subprocess.run([*RUN, *words], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


alone = [run("-p", text)[0] for text in TEXTS]
ids = [
    subprocess.run(["plait", "tokenize", ARTIFACT, "--ids", text], capture_output=True, text=True, check=True).stdout
    for text in TEXTS
]
path = os.path.join(WORK, "prompts.jsonl")
with open(path, "w", encoding="utf-8") as file:
    for i, text in enumerate(TEXTS):
        line = text if i % 2 else {"id": i, "prompt": text}
        file.write(json.dumps(line, ensure_ascii=i % 3 == 0) + "\n\n")
    for i, text in enumerate(ids):
        tokens = [int(token) for token in text.split(",")]
        file.write(json.dumps(tokens if i % 2 else {"prompt": tokens}) + "\r\n")

results = run("--prompt-jsonl", path)
assert [r["index"] for r in results] == list(range(2 * len(TEXTS)))
for result, expected in zip(results, alone * 2):
    for member in ("prompt_tokens", "text", "tokens", "logprobs", "finish_reason"):
        assert result[member] == expected[member], (member, result, expected)
assert [r["prompt"] for r in results] == TEXTS + [None] * len(TEXTS)
print(len(results), "results are those of their prompts alone")
