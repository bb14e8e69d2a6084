#!/usr/bin/env python3
"""Measures what README reports, in one run, and prints a Markdown table.

    tools/dev.sh bench [--quick]

Speeds are given beside what plain loops reach on the same machine in the same
run (plait-machine), because machines differ and are shared: the ratio counts.
"""

import argparse
import json
import os
import shutil

import shapes
from harness import Machine, SHIPPED, bench, machine_text, peak_mib, print_table, run, tool, work_folder

OUT = work_folder("bench")


def by_kind(records):
    return {("pp" if r["n_prompt"] else "tg"): r for r in records}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count()))
    args = parser.parse_args()
    repeat, threads = ("2" if args.quick else "5"), args.threads
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)
    rows = []

    shipped = os.path.join(OUT, "shipped.plait")
    seconds = run(tool("plait-compile"), SHIPPED, "-o", shipped)[0]
    rows.append(("cold compile of the shipped model", f"{seconds:.2f} s", "<= 5 s"))
    words = [tool("plait-compile"), shapes.write_folder(OUT, "llama-405b", shapes.LLAMA_31_405B), "--weights=none",
             "-o", os.path.join(OUT, "405b.plait")]
    seconds, memory = run(*words)[0], peak_mib(*words)
    rows.append(("compile of a Llama-3.1-405B shape", f"{seconds:.2f} s, {memory:.0f} MiB", "<= 60 s, <= 4 GB"))

    first = [tool("plait"), "run", shipped, "--token-ids", "1,2,3", "--max-tokens", "1", "--ignore-eos"]
    seconds = min(run(*first)[0] for _ in range(5))
    rows.append(("start to first token, compiled model", f"{seconds * 1e3:.0f} ms", "<= 150 ms"))
    size = os.path.getsize(tool("plait")) / 1e6
    rows.append(("size of plait", f"{size:.1f} MB", "< 8 MB"))

    r = by_kind(bench(shipped, "-p", "64", "-n", "64", "-r", repeat, "-t", str(threads)))
    rows.append(("shipped model, prefill 64 / decode 64", f"{r['pp']['avg_ts']:.0f} / {r['tg']['avg_ts']:.0f} tok/s", ""))

    config = shapes.TINYLLAMA_1B
    tiny = os.path.join(OUT, "tinyllama.plait")
    run(tool("plait-compile"), shapes.write_folder(OUT, "tinyllama", config), "--weights=random:0", "-o", tiny)
    machine = Machine()
    machine.measure(threads)
    r = by_kind(bench(tiny, "-p", "512", "-n", "64", "-r", repeat, "-t", str(threads)))
    limits = machine.measure(threads)
    body, head = shapes.parameters(config)
    read = (body + head) * 2 * r["tg"]["avg_ts"] / 1e9  # bytes of bf16 weights per token
    flops = 2 * body * r["pp"]["avg_ts"] / 1e9  # products with weights alone
    rows.append((f"TinyLlama-1.1B shape, bf16, decode, {threads} threads", f"{r['tg']['avg_ts']:.1f} tok/s = {read:.1f} GB/s, "
                 f"{100 * read / limits['read_gbs']:.0f}% of a plain loop's {limits['read_gbs']:.1f}", ">= 50%"))
    rows.append(("the same, prefill 512", f"{r['pp']['avg_ts']:.1f} tok/s = {flops:.0f} GFLOP/s, "
                 f"{100 * flops / limits['fma_gflops']:.0f}% of the f32 FMA peak {limits['fma_gflops']:.0f}", ">= 40%"))
    memory = peak_mib(tool("plait"), "run", tiny, "--token-ids", "1,2,3", "--max-tokens", "8", "--ignore-eos",
                      "--output", "ids")
    with open(os.path.join(tiny, "manifest.json"), encoding="utf-8") as file:
        weights = json.load(file)["memory"]["weights"] / 2**20
    rows.append(("the same, peak memory over weights", f"{memory:.0f} - {weights:.0f} = {memory - weights:.0f} MiB",
                 "< 50 MB + state"))

    print_table(("what", "measured", "goal"), rows)
    print(f"\n{machine_text(threads)}")


main()
