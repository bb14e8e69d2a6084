"""Penalties, biases, least numbers of tokens and log probabilities, against transformers.

  check_edits.py GOLDEN ARTIFACT

GOLDEN is a sampling.golden.json; its margins are far above what f32 can miss.
"""

import collections
import json
import sys

import plait

GOLDEN, ARTIFACT = sys.argv[1:3]
failures = []


def flags(options):
    words = []
    for name, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            words += ["--" + name, one]
    return words


with open(GOLDEN) as f:
    golden = json.load(f)
groups = collections.defaultdict(list)
for run in golden["runs"]:
    groups[json.dumps(run["options"])].append(run)

tokens = tops = 0
worst = 0.0
for text, runs in groups.items():
    options = flags(json.loads(text)) + ["--temperature", 0, "-n", golden["new_tokens"], "-t", 1]
    # Together, in chunks, and the first by itself without log probabilities.
    prompts = [run["ids"] for run in runs]
    together = plait.run(ARTIFACT, prompts, *options, "--logprobs", 5, "--chunk", 4)
    alone = plait.run(ARTIFACT, prompts[:1], *options)[0]
    if alone["tokens"] != together[0]["tokens"] or alone["logprobs"] != together[0]["logprobs"]:
        failures.append(f"{text}: other tokens alone")
    if "top_logprobs" in alone:
        failures.append(f"{text}: top logprobs that nobody asked for")
    for run, found in zip(runs, together):
        where = f"{text}, prompt of {len(run['ids'])}"
        if found["tokens"] != run["tokens"] or found["finish_reason"] != run["reason"]:
            failures.append(f"{where}: found {found['tokens']}, expected {run['tokens']}")
            continue
        tokens += len(run["tokens"])
        if len(found["top_logprobs"]) != len(found["tokens"]):
            failures.append(f"{where}: {len(found['top_logprobs'])} places")
        for step, (got, want) in enumerate(zip(found["top_logprobs"], run["tops"])):
            if [t["token"] for t in got] != [t for t, _ in want]:
                failures.append(f"{where}: step {step}: found {got}, expected {want}")
            if got[0]["logprob"] != found["logprobs"][step]:
                failures.append(f"{where}: step {step}: the best is not the token's own")
            for one, (_, logprob) in zip(got, want):
                worst = max(worst, abs(one["logprob"] - logprob))
                tops += 1
if worst > 1e-4:
    failures.append(f"log probabilities differ by {worst:.1e}")
for failure in failures:
    print("FAILED", failure)
print(f"{len(golden['runs'])} runs, {tokens} tokens equal, {tops} log probabilities within {worst:.1e}")
sys.exit(1 if failures else 0)
