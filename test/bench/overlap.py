#!/usr/bin/env python3
"""Measures what hides the time of sums over ranks, beside sums by themselves.

    tools/dev.sh bench overlap [--shape NAME] [--tp 2] [--link latency=..,bandwidth=..] [--rounds 7] [--quick] [-o md|json]

A shape with random weights is compiled five ways: with sums by themselves (--overlap off), with these and the residual
shared out by tokens (--sequence-parallel), with what follows each sum computed on its way and prompts in two parts
(--overlap on), and the first and the last with sums that are sent as bf16. They take turns, and a ratio is the median of those of the turns, because machines are shared; in brackets
the quartiles. All ranks share this machine's cores, and with --link what they exchange takes as long as on such a link; then
the first way is measured without the link as well, which bounds what can be gained.
"""

import argparse
import json
import os
import shutil
import statistics

import shapes
from harness import bench, machine_text, print_table, run, tool, work_folder

OUT = work_folder("bench-overlap")
SHAPES = {"smollm-135m": shapes.SMOLLM_135M, "tinyllama-1.1b": shapes.TINYLLAMA_1B, "draft-60m": shapes.DRAFT_60M}
WAYS = {"by themselves": ["--overlap=off"], "shared out": ["--overlap=off", "--sequence-parallel"],
        "fused, in two parts": ["--overlap=on"], "sent as bf16": ["--overlap=off", "--wire-dtype=bf16"],
        "fused, in two parts, sent as bf16": ["--overlap=on", "--wire-dtype=bf16"]}
NO_LINK = "by themselves, no link"


def quartiles(values):
    return statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="smollm-135m")
    parser.add_argument("--tp", default="2")
    parser.add_argument("--link", help="of plait's --emulate-link")
    parser.add_argument("--prompt", default="512")
    parser.add_argument("--generate", default="16")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="two rounds of short texts")
    parser.add_argument("-o", "--output", choices=["md", "json"], default="md")
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.prompt, args.generate = 2, "64", "4"
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)
    folder = shapes.write_folder(OUT, args.shape, SHAPES[args.shape])
    artifacts = {}
    for i, (way, words) in enumerate(WAYS.items()):
        artifacts[way] = os.path.join(OUT, f"{i}.plait")
        run(tool("plait-compile"), folder, "-o", artifacts[way], "--no-selftest", "--dtype=bf16", "--weights=random:0",
            f"--tp={args.tp}", *words)
    links = dict.fromkeys(WAYS, [f"--emulate-link={args.link}"] if args.link else [])
    if args.link:
        artifacts[NO_LINK], links[NO_LINK] = artifacts["by themselves"], []
    seconds = {}
    for _ in range(args.rounds):
        for way, artifact in artifacts.items():
            for record in bench(artifact, "-p", args.prompt, "-n", args.generate, "-r", "1", *links[way]):
                seconds.setdefault((record["test"], way), []).append(1 / record["avg_ts"])
    shutil.rmtree(OUT)
    records = []
    for test in dict.fromkeys(test for test, _ in seconds):
        base = seconds[test, "by themselves"]
        for way in artifacts:
            own = seconds[test, way]
            low, middle, high = quartiles([b / o for b, o in zip(base, own)])
            records.append({"test": test, "way": way, "ts": 1 / statistics.median(own), "ratio": middle, "low": low,
                            "high": high})
    text = f"{args.shape}, {args.tp} ranks, {machine_text('auto')}" + (f", link {args.link}" if args.link else "")
    if args.output == "json":
        print(json.dumps({"records": records, "text": text}, indent=1))
        return
    print_table(("test", "sums", "t/s", "speed-up"),
                [(r["test"], r["way"], f"{r['ts']:.1f}", f"{r['ratio']:.3f} ({r['low']:.3f} - {r['high']:.3f})")
                 for r in records], numbers=(2, 3))
    print(f"\n{text}")


main()
