"""Compares the bits of models compiled with --numerics=tp_invariant for several numbers of ranks.

  check_invariance.py WORK MODELS RANKS BATCHES [OPTIONS...]

Each of MODELS ("a,b") is compiled for each of RANKS ("1,2,3"), the first being what the others
are compared with, with OPTIONS; a number with "s" has --sequence-parallel, with "o" --overlap on. Each then computes the same
prompts in batches of each of BATCHES, cut into chunks of several sizes: every logit has the
same bits. The artifacts stay in WORK, one for each number of ranks.
"""

import json
import os
import sys

import numpy as np
import plait

work, models, ranks, batches = sys.argv[1:5]
options = sys.argv[5:]
failures = 0


def make_prompts(model):
    with open(os.path.join(model, "config.json")) as file:
        config = json.load(file)
    vocabulary = config.get("text_config", config)["vocab_size"]
    random = np.random.RandomState(5)
    lengths = [1, 9, 3, 30, 17, 2, 66] + random.randint(1, 20, 25).tolist()
    return [random.randint(0, vocabulary, n).tolist() for n in lengths]


def check(model):
    """How many runs there were, and what differs."""
    name, prompts = os.path.basename(model.rstrip("/")), make_prompts(model)
    first, runs, different = None, 0, []
    for spec in ranks.split(","):
        artifact = os.path.join(work, f"{name}-{spec}.plait")
        sequence = {"s": ["--sequence-parallel"], "o": ["--overlap", "on"]}.get(spec[-1], [])
        plait.command("plait-compile", model, "--numerics", "tp_invariant", "--tp", spec.rstrip("so"),
                      "--debug-logits", "--no-selftest", "-o", artifact, *sequence, *options)
        for i, batch in enumerate(batches.split(",")):
            chunk, threads = [(512, 1), (5, 2), (1, 1)][i % 3]
            _, dumps, raw = plait.run_with_logits(artifact, prompts, "-n", 3, "--ignore-eos", "--temperature", "1",
                                                  "--seed", "3", "--batch", batch, "--chunk", chunk, "-t", threads)
            runs += 1
            if first is None:
                first, logits = raw, dumps
            elif raw != first:
                count = sum((a["logits"] != b["logits"]).sum() if a["logits"].shape == b["logits"].shape else 1
                            for a, b in zip(logits, dumps))
                different.append(f"{spec} ranks, batch {batch}, chunk {chunk}: {count} logits differ")
    return name, runs, different


for model in models.split(","):
    name, runs, different = check(model)
    for line in different:
        print(f"FAILED: {name} {options}: {line}")
    print(f"{name}: {runs} runs, {len(different)} differ")
    failures += len(different)
sys.exit(failures > 0)
