#!/usr/bin/env python3
"""Measures what the contracts on numbers cost against `fast`: what it costs not to round inputs, and sums
that are trees.

    tools/dev.sh bench numerics [--models smollm-135m] [--dtype bf16,int8] [--rounds 5] [-o md|json]

One artifact for each of --numerics fast, row_invariant and tp_invariant, by format; their rounds
alternate and medians are compared, because machines are shared. Above 1 a contract takes longer
than `fast`. In `fast` programs `native` may round the inputs of bf16 models; a row
"row_invariant, rounded" has the same target by name, so that what is left is the contract. With weights of
integers `fast` rounds the inputs of many rows to bytes; a row "fast, 16 bits" does not.
"""

import argparse
import json
import os
import shutil
import statistics
import sys

import shapes
from harness import SHIPPED, bench, machine_text, print_table, run, tool, work_folder

OUT = work_folder("bench-numerics")
SHAPES = {"tinyllama-1.1b": shapes.TINYLLAMA_1B, "smollm-135m": shapes.SMOLLM_135M, "kjv-2m": None}
# prompt, tokens, sequences
TESTS = {"pp512": (512, 0, 1), "tg64": (0, 64, 1), "tg16, 16 sequences": (0, 16, 16)}


def compile_model(name, dtype, contract, target, *words):
    folder = shapes.write_folder(OUT, name, SHAPES[name]) if SHAPES[name] else SHIPPED
    path = os.path.join(OUT, f"{name}-{dtype}-{contract}-{target.replace(':', '-')}{''.join(words)}.plait")
    weights = ["--weights=random:0"] if SHAPES[name] else []
    run(tool("plait-compile"), folder, "-o", path, f"--dtype={dtype}", f"--numerics={contract}",
        f"--target={target}", "--no-selftest", *weights, *words)
    return path


def target_of(path):
    return json.loads(run(tool("plait"), "inspect", path, "--json")[1])["manifest"]["binaries"][0]["target"]


def measure(name, dtype, args):
    variants = {contract: compile_model(name, dtype, contract, "cpu:native")
                for contract in ("fast", "row_invariant", "tp_invariant")}
    fastest = target_of(variants["fast"])
    if fastest != target_of(variants["row_invariant"]):
        variants["row_invariant, rounded"] = compile_model(name, dtype, "row_invariant", fastest)
    if dtype.startswith("int"):
        variants["fast, 16 bits"] = compile_model(name, dtype, "fast", "cpu:native", "--no-byte-products")
    records = []
    for test, (prompt, generate, batch) in TESTS.items():
        samples = {variant: [] for variant in variants}
        for _ in range(args.rounds):
            for variant, path in variants.items():
                found = bench(path, "-p", str(prompt), "-n", str(generate), "-b", str(batch), "-t", str(args.threads),
                              "-r", "1")
                samples[variant].append(found[0]["avg_ts"])
        best = statistics.median(samples["fast"])
        for variant, values in samples.items():
            speed = statistics.median(values)
            records.append({"model": name, "dtype": dtype, "test": test, "numerics": variant, "ts": speed,
                            "samples_ts": values, "target": target_of(variants[variant]), "cost": best / speed})
    for path in variants.values():
        shutil.rmtree(path)
    return records


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="smollm-135m,kjv-2m", help=f"of {', '.join(SHAPES)}")
    parser.add_argument("--dtype", default="f32,bf16,int8,int4")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count()))
    parser.add_argument("-o", "--output", choices=["md", "json"], default="md")
    args = parser.parse_args()
    if unknown := set(args.models.split(",")) - set(SHAPES):
        parser.error(f"--models: found {', '.join(sorted(unknown))}; expected of {', '.join(SHAPES)}")
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)
    records = []
    for name in args.models.split(","):
        for dtype in args.dtype.split(","):
            print(f"bench: {name} {dtype}", file=sys.stderr)
            records += measure(name, dtype, args)
    shutil.rmtree(OUT)
    if args.output == "json":
        print(json.dumps({"records": records, "text": machine_text(args.threads)}, indent=1))
        return
    print_table(("model", "format", "test", "numerics", "target", "t/s", "time / fast"),
                [(r["model"], r["dtype"], r["test"], r["numerics"], r["target"], f"{r['ts']:.1f}", f"{r['cost']:.3f}")
                 for r in records], numbers={5, 6})
    print(f"\n{machine_text(args.threads)}")


main()
