"""Runs the same prompts with attention in spans, where there are threads for it, and without.

  split_attention.py SPLIT WHOLE VOCABULARY           compares the bits of logits
  split_attention.py SPLIT WHOLE VOCABULARY STRATEGY  compares the tokens of a strategy with plain decoding's
"""

import sys

import numpy as np
import plait

NEW = 12
LENGTHS = [9, 246, 255, 256, 257, 300, 480]


def main():
    split, whole, vocabulary, *strategy = sys.argv[1:]
    random = np.random.RandomState(5)
    prompts = [random.randint(0, int(vocabulary), n).tolist() for n in LENGTHS]
    common = ["-n", NEW, "--ignore-eos", "--temperature", "0"]
    runs = failed = 0

    def compare(*options):
        nonlocal runs, failed
        if strategy:
            same = plait.run(split, prompts, *common, *options, "--decode", *strategy)
            same = [r["tokens"] for r in same] == wanted
        else:
            same = plait.run_with_logits(split, prompts, *common, *options)[2] == wanted
        if not same:
            print("FAILED", *options)
        runs, failed = runs + 1, failed + (not same)

    if strategy:
        wanted = [r["tokens"] for r in plait.run(whole, prompts, *common, "-t", 1)]
    else:
        wanted = plait.run_with_logits(whole, prompts, *common, "-t", 1)[2]
    for threads in (1, 2, 3):
        compare("-t", threads, "--batch", 1)
    compare("-t", 2, "--batch", len(prompts))
    compare("-t", 2, "--batch", 3, "--chunk", 7)
    compare("-t", 3, "--batch", 1, "--chunk", 100)
    print(f"{runs} runs, {failed} differ")
    sys.exit(failed > 0)


main()
