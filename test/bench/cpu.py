#!/usr/bin/env python3
"""Measures how fast models run on this machine, beside what it can do and, if it is
given, beside llama.cpp.

    tools/dev.sh bench cpu [--peer PATH-OF-LLAMA-BENCH] [--onednn] [-o md|json] [--quick]

Everything is measured in one run: a plain loop's read bandwidth and multiply-add rates
(plait-machine), our tokens per second by format, threads, batch and depth, and llama-bench's
on random weights of the same shapes in the same formats. Ours and llama-bench alternate,
and medians of the rounds are reported, because machines are shared. Numbers in percent are of
the roof: bytes of weights and state per second of the read bandwidth when tokens are
generated (tg), multiply-adds per second of the f32 rate when a prompt is computed (pp). A step
of several sequences, one token each, is what a block of drafts takes to be verified.

With --onednn (which needs libdnnl-dev) the products of a prompt are compared with those of oneDNN: the same rows
by the same matrices, which it may pack as it likes, query, key and value as one and gate and up as one. Ours are
in their step, with what is fused into them. oneDNN's of int8 have one scale and ours one for each row of the
weight or each group, and inputs of 16 bits.
"""

import argparse
import collections
import json
import os
import shutil
import statistics
import sys

import random_gguf
import shapes
from harness import Machine, SHIPPED, bench, machine_text, print_table, run, tool, work_folder

OUT = work_folder("bench-cpu")
# Our formats and llama.cpp's.
FORMATS = {"f32": "F32", "bf16": "BF16", "int8": "Q8_0", "int4": "Q4_0"}
SHAPES = {
    "tinyllama-1.1b": shapes.TINYLLAMA_1B,
    "llama-3.2-1b": shapes.LLAMA_32_1B,
    "smollm-135m": shapes.SMOLLM_135M,
    "kjv-2m": None,  # the shipped model
}

# `threads`, then as llama-bench has them; a prompt test generates nothing.
Test = collections.namedtuple("Test", "threads prompt generate depth batch")


def name_of(test):
    text = f"pp{test.prompt}" if test.prompt else f"tg{test.generate}"
    return text + (f" @ d{test.depth}" if test.depth else "")


def plan_tests(context, threads, quick):
    tests = []
    for t in threads:
        prompt, generate = (128, 16) if quick else (512, 128)
        tests += [Test(t, prompt, 0, 0, 1), *(Test(t, 0, generate, 0, batch) for batch in (1, 8, 16))]
        if not quick and t == max(threads):  # the depth must be computed first, which takes long
            tests.append(Test(t, 0, generate, 4096, 1))
    return [t for t in tests if t.prompt + t.generate + t.depth <= context]


class Ours:
    def __init__(self, name, config, dtype, args):
        self.path = os.path.join(OUT, f"{name}-{dtype}.plait")
        folder = shapes.write_folder(OUT, name, config) if config else SHIPPED
        weights = ["--weights=random:0"] if config else []
        run(tool("plait-compile"), folder, "-o", self.path, f"--dtype={dtype}", f"--target={args.target}",
            f"--kv-dtype={args.kv_dtype}", f"--head-dtype={args.head_dtype}", "--no-selftest", *weights)

    def words(self, test):
        return ["-p", str(test.prompt), "-n", str(test.generate), "-d", str(test.depth), "-b", str(test.batch),
                "-t", str(test.threads), "-r", "1"]

    def speed(self, test):
        return bench(self.path, *self.words(test))[0]["avg_ts"]

    def profile(self, test):
        """What share of a step each op has."""
        trace = os.path.join(OUT, "trace.json")
        found = bench(self.path, *self.words(test), "--profile", trace)[0]["profile"]
        shares = collections.Counter()
        for row in found["kernels"]:
            shares[row["op"]] += row["ns_per_step"] / found["ns_per_step"]
        return {"ops": dict(shares), "waiting": found["waiting_ns_per_step"] / found["ns_per_step"],
                "outside": found["outside_ns_per_step"] / found["ns_per_step"],
                "step_us": found["ns_per_step"] / 1e3, "outside_us": found["outside_ns_per_step"] / 1e3}

    def explain(self, *words):
        return json.loads(run(tool("plait"), "explain", self.path, "--json", "--machine", "1,1", *words)[1])

    def work(self, test):
        """Bytes that a step of generation reads, flops of a prompt."""
        if test.prompt:
            return self.explain("--tokens", str(test.prompt))["prefill"]["flops"]
        weights = self.explain("--context", "1")["decode"]["bytes"]
        state = self.explain("--context", str(test.depth + test.generate // 2))["decode"]["bytes"] - weights
        return weights + test.batch * state

    def remove(self):
        shutil.rmtree(self.path)


class Peer:
    def __init__(self, program, name, config, dtype):
        self.program, self.config = program, config or read_config(SHIPPED)
        self.path = os.path.join(OUT, f"{name}-{dtype}.gguf")
        random_gguf.write(self.config, self.path, FORMATS[dtype])

    def speed(self, test):
        """None for what llama-bench does not measure: several sequences at once."""
        if test.batch > 1:
            return None
        out = run(self.program, "-m", self.path, "-p", str(test.prompt), "-n", str(test.generate), "-d",
                  str(test.depth), "-t", str(test.threads), "-r", "1", "-o", "json")[1]
        return json.loads(out)[0]["avg_ts"]

    def work(self, test, flops):
        """As ours; keys and values are f16."""
        if test.prompt:
            return flops
        c = self.config
        size = os.path.getsize(self.path)
        if not c.get("tie_word_embeddings"):  # one row of it is read
            body, head = shapes.parameters(c)
            size -= size * head // (body + 2 * head)
        kv = 2 * c["hidden_size"] // c["num_attention_heads"] * c["num_key_value_heads"] * c["num_hidden_layers"]
        return size + 2 * kv * (test.depth + test.generate // 2)

    def remove(self):
        os.remove(self.path)


class OneDnn:
    """Products of oneDNN, of which int4 has none."""

    TYPES = {"f32": "f32", "bf16": "bf16", "int8": "int8"}

    def __init__(self, config):
        hidden, inner = config["hidden_size"], config["intermediate_size"]
        kv = hidden // config["num_attention_heads"] * config["num_key_value_heads"]
        self.layers = config["num_hidden_layers"]
        self.shapes = [(hidden + 2 * kv, hidden), (hidden, hidden), (2 * inner, hidden), (hidden, inner)]

    def flops(self, tokens):
        return 2 * tokens * self.layers * sum(n * k for n, k in self.shapes)

    def seconds(self, dtype, test):
        """Of the products of all layers."""
        out = run(tool("plait-onednn"), self.TYPES[dtype], str(test.prompt), *(f"{n}x{k}" for n, k in self.shapes),
                  env={**os.environ, "OMP_NUM_THREADS": str(test.threads)})[1]
        return self.layers * sum(json.loads(out))


def read_config(folder):
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        return json.load(file)


def share_of_roof(speed, test, work, limits, dtype):
    """Of the read bandwidth or of the multiply-add rate: f32, or the best of bf16's and tiles' where there are some."""
    if test.prompt:
        units = ["fma_gflops"] + ["pair_gflops"] * (dtype == "bf16") + ["tile_gflops"] * (dtype != "f32")
        return work * speed / test.prompt / 1e9 / max(limits[unit] for unit in units)
    return work * speed / test.batch / 1e9 / limits["read_gbs"]


def measure(name, config, dtype, args, machine):
    ours = Ours(name, config, dtype, args)
    peer = Peer(args.peer, name, config, dtype) if args.peer else None
    context = (config or read_config(SHIPPED))["max_position_embeddings"]
    tests = plan_tests(context, args.threads, args.quick)
    onednn = OneDnn(config or read_config(SHIPPED)) if args.onednn and dtype in OneDnn.TYPES else None
    samples = collections.defaultdict(lambda: ([], []))
    products = collections.defaultdict(lambda: ([], []))
    for _ in range(1 if args.quick else args.rounds):
        for threads in args.threads:
            machine.measure(threads)
        for test in tests:
            samples[test][0].append(ours.speed(test))
            if peer and (speed := peer.speed(test)) is not None:
                samples[test][1].append(speed)
            if onednn and test.prompt:
                profile = ours.profile(test)
                products[test][0].append(profile["ops"]["lm.linear"] * profile["step_us"] / 1e6)
                products[test][1].append(onednn.seconds(dtype, test))
    records = []
    for test in tests:
        work = ours.work(test)
        record = {"model": name, "dtype": dtype, "test": name_of(test), **test._asdict(),
                  "ts": statistics.median(samples[test][0]), "samples_ts": samples[test][0], "work": work}
        if samples[test][1]:
            record["peer_format"], record["peer_ts"] = FORMATS[dtype], statistics.median(samples[test][1])
            record["peer_samples_ts"], record["peer_work"] = samples[test][1], peer.work(test, work)
            record["ratio"] = record["ts"] / record["peer_ts"]
        if test in products:
            flops = onednn.flops(test.prompt)
            record["products_gflops"], record["onednn_gflops"] = (
                flops / statistics.median(seconds) / 1e9 for seconds in products[test])
            record["onednn_ratio"] = statistics.median(their / our for our, their in zip(*products[test]))
        if test.batch > 1:
            alone = samples[test._replace(batch=1)][0]
            record["step_ratio"] = statistics.median(
                test.batch * one / all for one, all in zip(alone, samples[test][0]))
        if test.threads == max(args.threads) and test.batch == 1 and not test.depth:
            record["profile"] = ours.profile(test)
        records.append(record)
    ours.remove()
    if peer:
        peer.remove()
    return records


def add_roofs(records, machine):
    """When all is measured, as the roof is the best that was seen."""
    for r in records:
        test = Test(*(r[field] for field in Test._fields))
        limits = machine.limits[test.threads]
        r["roof"] = share_of_roof(r["ts"], test, r["work"], limits, r["dtype"])
        if "peer_ts" in r:
            r["peer_roof"] = share_of_roof(r["peer_ts"], test, r["peer_work"], limits, r["dtype"])


def number(value):
    return f"{value:.0f}" if value >= 1000 else f"{value:.1f}" if value >= 100 else f"{value:.2f}"


def print_text(result):
    print_table(("threads", "read GB/s", "f32 GFLOP/s", "int8 GOP/s", "pairs GFLOP/s", "tiles GFLOP/s"),
                [(t, l["read_gbs"], l["fma_gflops"], l["int8_gops"], l["pair_gflops"], l["tile_gflops"])
                 for t, l in result["machine"].items()],
                numbers=range(6))
    head = ["model", "format", "threads", "batch", "test", "t/s", "roof", "step over one token's"]
    if any("peer_ts" in r for r in result["records"]):
        head += ["llama.cpp", "t/s", "roof", "ratio"]
    rows = []
    for r in result["records"]:
        row = [r["model"], r["dtype"], r["threads"], r["batch"], r["test"], number(r["ts"]), f"{100 * r['roof']:.0f}%",
               f"{r['step_ratio']:.2f}" if "step_ratio" in r else ""]
        if "peer_ts" in r:
            row += [r["peer_format"], number(r["peer_ts"]), f"{100 * r['peer_roof']:.0f}%", f"{r['ratio']:.2f}"]
        rows.append(row + [""] * (len(head) - len(row)))
    print()
    print_table(head, rows, numbers={2, 3, 5, 6, 7, 9, 10, 11})
    if rows := [[r["model"], r["dtype"], r["threads"], r["test"], number(r["products_gflops"]),
                 number(r["onednn_gflops"]), f"{r['onednn_ratio']:.2f}"]
                for r in result["records"] if "onednn_ratio" in r]:
        print("\nProducts of a prompt:\n")
        print_table(["model", "format", "threads", "test", "GFLOP/s", "oneDNN", "ratio"], rows, numbers={2, 4, 5, 6})
    ops = ["lm.linear", "lm.head", "lm.attend"]
    rows = []
    for r in result["records"]:
        if p := r.get("profile"):
            shares = [p["ops"].get(op, 0) for op in ops]
            shares[2] += p["ops"].get("lm.attend_spans", 0)
            shares += [sum(p["ops"].values()) - sum(shares), p["waiting"], p["outside"]]
            rows.append([r["model"], r["dtype"], r["test"], f"{p['step_us']:.0f}", *(f"{100 * s:.1f}%" for s in shares),
                         f"{p['outside_us']:.0f}"])
    print("\nWhere the time of a step goes:\n")
    print_table(["model", "format", "test", "us", *ops, "other ops", "waiting", "outside", "outside us"], rows,
                numbers=range(3, 11))
    print(f"\n{result['text']}")


def list_of(known, kind=str):
    def parse(text):
        values = [kind(value) for value in text.split(",")]
        for value in values:
            if known and value not in known:
                raise argparse.ArgumentTypeError(f"found {value}; expected of {', '.join(map(str, known))}")
        return values

    return parse


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", help="llama-bench of llama.cpp")
    parser.add_argument("--onednn", action="store_true", help="compare products with oneDNN's")
    parser.add_argument("-o", "--output", choices=["md", "json"], default="md")
    parser.add_argument("--quick", action="store_true", help="short prompts and answers, one round, no depth")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=list_of(None, int), default=sorted({1, min(2, os.cpu_count())}))
    parser.add_argument("--models", type=list_of(SHAPES), default=list(SHAPES))
    parser.add_argument("--target", default="cpu:native", help="as plait-compile has it; cpu:amx and cpu:avx512-bf16 round inputs")
    parser.add_argument("--kv-dtype", default="f32", help="of our keys and values, as plait-compile has it; llama.cpp's are f16")
    parser.add_argument("--head-dtype", default="auto", help="of our heads, as plait-compile has it; llama.cpp's are as other matrices")
    parser.add_argument("--dtype", type=list_of(FORMATS), default=list(FORMATS))
    args = parser.parse_args()
    if args.onednn and not os.path.exists(tool("plait-onednn")):
        sys.exit("bench: --onednn: found no plait-onednn; expected one beside plait; install libdnnl-dev, then run "
                 "tools/dev.sh bench cpu --onednn, which builds it")
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)
    machine, records = Machine(), []
    for name in args.models:
        for dtype in args.dtype:
            print(f"bench: {name} {dtype}", file=sys.stderr)
            records += measure(name, SHAPES[name], dtype, args, machine)
    add_roofs(records, machine)
    shutil.rmtree(OUT)
    result = {"machine": machine.limits, "records": records, "text": machine_text("/".join(map(str, args.threads)))}
    if args.output == "json":
        print(json.dumps(result, indent=1))
    else:
        print_text(result)


main()
