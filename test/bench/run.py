#!/usr/bin/env python3
"""Measures what README reports, in one run, and prints a Markdown table.

    tools/dev.sh bench [--quick]

Speeds are given beside what plain loops reach on the same machine in the same
run (plait-machine), because machines differ and are shared: the ratio counts.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.join(ROOT, "build", "bin")
OUT = os.path.join(ROOT, "out", "bench")
SHIPPED = os.path.join(ROOT, "test", "models", "kjv-2m")

TINYLLAMA = dict(
    architectures=["LlamaForCausalLM"], model_type="llama", hidden_size=2048, intermediate_size=5632,
    num_hidden_layers=22, num_attention_heads=32, num_key_value_heads=4, vocab_size=32000,
    max_position_embeddings=2048, rms_norm_eps=1e-5, rope_theta=10000.0, hidden_act="silu",
    tie_word_embeddings=False, torch_dtype="bfloat16", bos_token_id=1, eos_token_id=2)
LLAMA_405B = dict(
    TINYLLAMA, hidden_size=16384, intermediate_size=53248, num_hidden_layers=126, num_attention_heads=128,
    num_key_value_heads=8, vocab_size=128256, max_position_embeddings=131072, rope_theta=500000.0,
    rope_scaling=dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                      original_max_position_embeddings=8192))


def run(*words, **kwargs):
    """Runs a command; returns (seconds, peak MiB, standard output, standard error)."""
    begin = time.monotonic()
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs)
    out, err = process.communicate()
    seconds = time.monotonic() - begin
    if process.returncode != 0:
        sys.exit(f"bench: {' '.join(words)} failed ({process.returncode}): {err}")
    return seconds, out, err


def peak_mib(*words):
    """Peak memory of a command, by the operating system's account."""
    code = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, "
            "stderr=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)")
    return float(run(sys.executable, "-c", code, *words)[1])


def tool(name):
    return os.path.join(BIN, name)


def model_folder(name, config):
    folder = os.path.join(OUT, name)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(config, file)
    return folder


def machine(threads):
    return json.loads(run(tool("plait-machine"), str(threads))[1])


def bench(artifact, *words):
    return {("pp" if r["n_prompt"] else "tg"): r
            for r in json.loads(run(tool("plait"), "bench", artifact, "-o", "json", *words)[1])}


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
    words = [tool("plait-compile"), model_folder("llama-405b", LLAMA_405B), "--weights=none", "-o",
             os.path.join(OUT, "405b.plait")]
    seconds, memory = run(*words)[0], peak_mib(*words)
    rows.append(("compile of a Llama-3.1-405B shape", f"{seconds:.2f} s, {memory:.0f} MiB", "<= 60 s, <= 4 GB"))

    first = [tool("plait"), "run", shipped, "--token-ids", "1,2,3", "--max-tokens", "1", "--ignore-eos"]
    seconds = min(run(*first)[0] for _ in range(5))
    rows.append(("start to first token, compiled model", f"{seconds * 1e3:.0f} ms", "<= 150 ms"))
    size = os.path.getsize(tool("plait")) / 1e6
    rows.append(("size of plait", f"{size:.1f} MB", "< 8 MB"))

    r = bench(shipped, "-p", "64", "-n", "64", "-r", repeat, "-t", str(threads))
    rows.append(("shipped model, prefill 64 / decode 64", f"{r['pp']['avg_ts']:.0f} / {r['tg']['avg_ts']:.0f} tok/s", ""))

    tiny = os.path.join(OUT, "tinyllama.plait")
    run(tool("plait-compile"), model_folder("tinyllama", TINYLLAMA), "--weights=random:0", "-o", tiny)
    before = machine(threads)
    r = bench(tiny, "-p", "512", "-n", "64", "-r", repeat, "-t", str(threads))
    after = machine(threads)
    limits = {key: max(before[key], after[key]) for key in before}
    c = TINYLLAMA
    kv = c["hidden_size"] // c["num_attention_heads"] * c["num_key_value_heads"]
    layer = c["hidden_size"] * (2 * c["hidden_size"] + 2 * kv + 3 * c["intermediate_size"])
    body, head = layer * c["num_hidden_layers"], c["vocab_size"] * c["hidden_size"]
    read = (body + head) * 2 * r["tg"]["avg_ts"] / 1e9  # bytes of bf16 weights per token
    flops = 2 * body * r["pp"]["avg_ts"] / 1e9          # products with weights alone
    rows.append((f"TinyLlama-1.1B shape, bf16, decode, {threads} threads", f"{r['tg']['avg_ts']:.1f} tok/s = {read:.1f} GB/s, "
                 f"{100 * read / limits['read_gbs']:.0f}% of a plain loop's {limits['read_gbs']:.1f}", ">= 50%"))
    rows.append((f"the same, prefill 512", f"{r['pp']['avg_ts']:.1f} tok/s = {flops:.0f} GFLOP/s, "
                 f"{100 * flops / limits['fma_gflops']:.0f}% of the f32 FMA peak {limits['fma_gflops']:.0f}", ">= 40%"))
    memory = peak_mib(tool("plait"), "run", tiny, "--token-ids", "1,2,3", "--max-tokens", "8", "--ignore-eos",
                      "--output", "ids")
    manifest = json.load(open(os.path.join(tiny, "manifest.json")))
    weights = manifest["memory"]["weights"] / 2**20
    rows.append(("the same, peak memory over weights", f"{memory:.0f} - {weights:.0f} = {memory - weights:.0f} MiB",
                 "< 50 MB + state"))

    width = [max(len(row[i]) for row in rows + [("what", "measured", "goal")]) for i in range(3)]
    for i, row in enumerate([("what", "measured", "goal"), None] + rows):
        print("| " + " | ".join("-" * w for w in width) + " |" if row is None
              else "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, width)) + " |")
    with open("/proc/cpuinfo") as file:
        cpu = re.search(r"model name\s*:\s*(.*)", file.read())
    print(f"\n{cpu.group(1) if cpu else 'unknown CPU'}, {os.cpu_count()} processors, {threads} threads, "
          f"load {os.getloadavg()[0]:.1f}")


main()
