"""Compares the bits of long prompts in steps of two parts with those in steps that are computed as a whole.

  check_weave.py WORK MODEL RANKS [OPTIONS...]

MODEL is compiled for each of RANKS ("2,3") with --overlap off and on, and OPTIONS. Each computes the same prompts, alone and in
batches, in chunks of several sizes, with one thread and with several. That steps have run in two parts shows in how many
collectives the ranks have asked for. The artifacts stay in WORK.
"""

import json
import os
import re
import subprocess
import sys

import numpy as np
import plait

work, model, ranks = sys.argv[1:4]
options = sys.argv[4:]
name = os.path.basename(model.rstrip("/"))
tag = "".join(option.strip("-") for option in options)
runs, different, split = 0, 0, 0
random = np.random.RandomState(5)
with open(os.path.join(model, "config.json")) as f:
    vocabulary = json.load(f)["vocab_size"]
prompts = [random.randint(0, vocabulary, n).tolist() for n in [200, 9, 131, 40, 240]]
for count in ranks.split(","):
    artifacts = {}
    for mode in ("off", "on"):
        artifacts[mode] = os.path.join(work, f"{name}-{count}-{mode}{tag}.plait")
        plait.command("plait-compile", model, "--tp", count, "--overlap", mode, "--debug-logits", "--no-selftest", "-o",
                      artifacts[mode], *options)
    for batch, chunk, threads in [(1, 512, 1), (5, 512, 2), (3, 150, 3), (5, 64, 2)]:
        raw = {}
        for mode in ("off", "on"):
            _, _, raw[mode] = plait.run_with_logits(artifacts[mode], prompts, "-n", 5, "--ignore-eos", "--temperature",
                                                    "0", "--batch", batch, "--chunk", chunk, "-t", threads)
        runs += 1
        if raw["off"] != raw["on"]:
            different += 1
            print(f"FAILED: {count} ranks, batch {batch}, chunk {chunk}, {threads} threads: logits differ")
    # One step of a prompt: as a whole, and in two parts, which need twice as many.
    asked = {}
    for tokens in (100, 200):
        ids = ",".join(str(i) for i in prompts[-1][:tokens])
        stats = plait.command("plait", "run", artifacts["on"], "--token-ids", ids, "-n", "1", "--output", "ids", "--stats", "-q", "-t", "1",
                              "--temperature", "0", stderr=subprocess.STDOUT)
        asked[tokens] = sum(int(n) for n in re.findall(r"(\d+) x (?:all_reduce|reduce_gather|reduce_scatter)", stats))
    split += asked[200] == 2 * asked[100] > 0
    if asked[200] != 2 * asked[100]:
        print(f"FAILED: {count} ranks asked for {asked} collectives")
print(f"{name}: {split} numbers of ranks, {runs} runs, {different} differ")
