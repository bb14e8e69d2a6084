"""Runs the same prompts in many ways and requires the same bits each time.

  row_invariance.py ARTIFACT VOCABULARY POSITIONS

How many sequences share a step, how prompts are cut, which sequences join and leave
when, and how many threads there are must not show in any bit of any logit.
"""

import sys

import numpy as np
import plait

NEW = 12
failures = []


def make_prompts(vocabulary, positions):
    """32 prompts of many lengths; the last four run into the end of the context
    after 1 to 4 tokens, so that sequences leave, and others join, at odd times."""
    random = np.random.RandomState(7)
    lengths = [1, 2, 3, 5, 6, 64, 65, 4, 1, 31, 33, 70, 16, 15, 17] + random.randint(1, 24, 13).tolist()
    lengths += [positions - n for n in range(4)]
    random.shuffle(lengths)
    return [random.randint(0, vocabulary, n).tolist() for n in lengths]


def first_difference(a, b, name):
    for i, (x, y) in enumerate(zip(a, b)):
        if x["fed"] != y["fed"]:
            return f"{name}: prompt {i}: other tokens"
        if x["logits"].tobytes() != y["logits"].tobytes():
            row = np.flatnonzero((x["logits"] != y["logits"]).any(axis=1))
            return f"{name}: prompt {i} of {len(x['fed'])}: other logits at positions {row[:8].tolist()}"
    return f"{name}: another file"


def main():
    artifact, vocabulary, positions = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    prompts = make_prompts(vocabulary, positions)
    common = ["-n", NEW, "--ignore-eos", "--temperature", "1", "--seed", "3"]

    def options(batch, chunk, threads):
        return [*common, "--batch", batch, "--chunk", chunk, "-t", threads]

    whole = 100000
    results, dumps, raw = plait.run_with_logits(artifact, prompts, *options(1, whole, 1))
    assert len({len(r["tokens"]) for r in results}) > 3
    grid = [(b, c, 1) for b in (1, 2, 7, 32) for c in (1, 5, 64, whole)][:-1]
    grid += [(1, 64, 2), (2, 1, 2), (7, 5, 2), (32, whole, 2), (32, 64, 2), (32, whole, 1)]
    runs = positions_compared = 0
    for batch, chunk, threads in grid:
        name = f"batch {batch}, chunk {chunk}, {threads} threads"
        other, other_dumps, other_raw = plait.run_with_logits(artifact, prompts, *options(batch, chunk, threads))
        if other != results:
            failures.append(f"{name}: other output")
        if other_raw != raw:
            failures.append(first_difference(dumps, other_dumps, name))
        runs += 1
        positions_compared += sum(len(d["fed"]) for d in dumps)
    # The variant that returns logits chooses as the one that does not.
    for batch, chunk, threads in [(1, 64, 1), (7, 5, 2), (32, whole, 1)]:
        if plait.run(artifact, prompts, *options(batch, chunk, threads)) != results:
            failures.append(f"batch {batch}, chunk {chunk}, {threads} threads: other tokens without logits")
        runs += 1
    # Alone in its process; greedy, because a draw depends on the number of the prompt.
    greedy = ["-n", NEW, "--ignore-eos", "--temperature", "0"]
    _, together, _ = plait.run_with_logits(artifact, prompts[:6], *greedy)
    for i in range(6):
        _, alone, _ = plait.run_with_logits(artifact, [prompts[i]], *greedy)
        if alone[0]["fed"] != together[i]["fed"] or (alone[0]["logits"] != together[i]["logits"]).any():
            failures.append(first_difference(together[i : i + 1], alone, f"alone: prompt {i}"))
        runs += 1
    for failure in failures:
        print("FAILED", failure)
    print(f"{runs} runs, {positions_compared} positions compared, {len(failures)} differ")
    sys.exit(1 if failures else 0)


main()
