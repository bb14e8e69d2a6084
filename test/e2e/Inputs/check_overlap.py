"""Compares the bits of models whose sums over ranks are fused with those of models whose are not.

  check_overlap.py WORK MODEL RANKS [OPTIONS...]

MODEL is compiled for each of RANKS ("2,3") with --overlap off and on, and OPTIONS. Each computes the same
prompts, alone and in batches, in chunks of several sizes, with one thread and with several. The artifacts stay in WORK.
"""

import os
import sys

import numpy as np
import plait

work, model, ranks = sys.argv[1:4]
options = sys.argv[4:]
name = os.path.basename(model.rstrip("/"))
tag = "".join(option.strip("-") for option in options)
runs, different = 0, 0
random = np.random.RandomState(3)
prompts = [random.randint(0, 2000, n).tolist() for n in [1, 9, 3, 40, 17, 2]]
for count in ranks.split(","):
    artifacts = {}
    for mode in ("off", "on"):
        artifacts[mode] = os.path.join(work, f"{name}-{count}-{mode}{tag}.plait")
        # With --sequence-parallel, "off" is that alone.
        plait.command("plait-compile", model, "--tp", count, "--overlap", mode, "--debug-logits", "--no-selftest", "-o",
                      artifacts[mode], *options)
    for batch, chunk, threads in [(1, 512, 1), (6, 512, 2), (3, 5, 3), (2, 1, 1)]:
        raw = {}
        for mode in ("off", "on"):
            _, _, raw[mode] = plait.run_with_logits(artifacts[mode], prompts, "-n", 5, "--ignore-eos", "--temperature",
                                                    "0", "--batch", batch, "--chunk", chunk, "-t", threads)
        runs += 1
        if raw["off"] != raw["on"]:
            different += 1
            print(f"FAILED: {count} ranks, batch {batch}, chunk {chunk}, {threads} threads: logits differ")
print(f"{name}: {len(ranks.split(','))} numbers of ranks, {runs} runs, {different} differ")
