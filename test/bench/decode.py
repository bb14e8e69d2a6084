#!/usr/bin/env python3
"""Measures decoding strategies beside plain decoding.

    tools/dev.sh bench decode [--shape [1b|small]] [--oracle 0.5,0.8] [--always] [--quick] [-o md|json]

By default the shipped model decodes texts of its kind with each strategy that is compiled, and
the draft model and the heads that are shipped, or a draft model that is given. With --shape the
models are shapes with random weights, a target of 1.1 billion parameters, a recurrent head and a draft of 60 million
in bf16 (with --shape small of 30 and 3 million, to try it), and what is drafted is right with the
probabilities of --oracle (default 0.5,0.8): the draft model still computes.

A strategy and plain decoding take turns in one process, and the ratio is the median of those
of the turns, because machines are shared. "predicted" is the ratio by the compiler's tables
for the rounds that were measured. "outside steps" is the time between steps, in which rounds
are interpreted and batches formed; "copied" what keys and values were moved. Texts that differ
from those of plain decoding are an error.
"""

import argparse
import json
import os
import shutil
import sys

import shapes
from harness import ROOT, SHIPPED, machine_text, print_table, run, tool, work_folder

OUT = work_folder("bench-decode")
DRAFT = os.path.join(ROOT, "test", "models", "kjv-draft")
HEADS = os.path.join(ROOT, "test", "models", "kjv-heads")
# Of 12 nodes, as many as a block of rows has: three guesses, two behind the best one and one behind the others, and one
# behind each of those.
TREE = "clover(tree=[-1,0,0,0,1,1,2,3,4,5,6,7],width=3)"
PROMPTS = [
    "In the beginning God created the heaven and the earth. And the earth was without form, and void",
    "And the LORD said unto Moses, Speak unto the children of Israel, and say unto them",
    "These are the generations of the sons of Noah, Shem, Ham, and Japheth: and unto them were sons born",
    "The king of Hebron, one; the king of Jarmuth, one; the king of Lachish, one; the king of Eglon, one;",
    "Blessed are the poor in spirit: for theirs is the kingdom of heaven. Blessed are they that mourn:",
    "And he said unto them, Go ye into all the world, and preach the gospel to every creature.",
    "O give thanks unto the LORD; for he is good: for his mercy endureth for ever. O give thanks unto",
    "And it came to pass in those days, that there went out a decree from Caesar Augustus, that all",
]


def compile_model(folder, draft, artifact, *words, calls=()):
    calls = ["prompt_lookup", "jacobi", f"spec(draft={draft},k=auto)", "token_recycling", *calls]
    run(tool("plait-compile"), folder, "-o", artifact, "--no-selftest", *words, *[f"--decode={c}" for c in calls])


def compile_shipped(args):
    artifact = os.path.join(OUT, "shipped.plait")
    compile_model(SHIPPED, args.draft or DRAFT, artifact, f"--heads={HEADS}", calls=["medusa", "clover", "mtp", "ppd", "swift", "early_exit"])
    prompts = os.path.join(OUT, "prompts.txt")
    with open(prompts, "w", encoding="utf-8") as file:
        file.write("".join(prompt + "\n" for prompt in PROMPTS))
    return artifact, ["--prompt-file", prompts]


def compile_shape(args):
    shape = {"1b": (shapes.TINYLLAMA_1B, shapes.DRAFT_60M), "small": (shapes.SMALL_30M, shapes.SMALL_3M)}[args.shape]
    target = shapes.write_folder(OUT, "target", shape[0])
    draft = shapes.write_folder(OUT, "draft", shape[1])
    heads = shapes.write_clover(OUT, "heads", shape[0])
    artifact = os.path.join(OUT, "shape.plait")
    compile_model(target, draft, artifact, "--dtype=bf16", "--weights=random:0", f"--heads={heads}", calls=[TREE])
    return artifact, ["-p", "16"]


def name_of(record):
    """Without the path of the draft model."""
    head, _, rest = record["strategy"].partition("draft=")
    return head + "draft" + rest[rest.index(","):] if rest else head


def print_text(records, text):
    head = ("strategy", "right", "batch", "t/s", "tokens/round", "drafted", "ratio to ar", "predicted",
            "outside steps", "copied")
    rows = [(name_of(r), "" if r["oracle"] is None else r["oracle"], r["n_batch"], f"{r['ts']:.1f}",
             f"{r['tokens_per_round']:.2f}", f"{r['drafted_per_round']:.2f}", f"{r['ratio']:.2f}",
             f"{r['predicted_ratio']:.2f}", f"{100 * r['outside_steps']:.1f}%", r["copied_bytes"]) for r in records]
    print_table(head, rows, numbers=range(1, 10))
    print(f"\n{text}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", nargs="?", const="1b", choices=["1b", "small"],
                        help="random weights of 1.1 billion parameters and a draft of 60 million, or of a small shape")
    parser.add_argument("--oracle", help="probabilities that a drafted token is right, whatever drafts")
    parser.add_argument("--draft", help="a draft model for the shipped one")
    parser.add_argument("--always", action="store_true", help="draft as much as may be, whether it pays or not")
    parser.add_argument("--batch", default="1,4")
    parser.add_argument("--tokens", help="of each text (default 128, of the shape 48)")
    parser.add_argument("--threads", default="auto")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="two rounds of short texts")
    parser.add_argument("-o", "--output", choices=["md", "json"], default="md")
    args = parser.parse_args()
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)
    artifact, words = (compile_shape if args.shape else compile_shipped)(args)
    words += ["-n", args.tokens or ("24" if args.quick else "48" if args.shape else "128")]
    words += ["-b", args.batch, "-r", "2" if args.quick else str(args.rounds), "-t", args.threads]
    oracle = args.oracle or ("0.5,0.8" if args.shape else None)
    words += ["--oracle", oracle] if oracle else []
    words += ["--always"] if args.always else []
    records = json.loads(run(tool("plait"), "bench", artifact, "--decode", "all", "-o", "json", "-q", *words)[1])
    shutil.rmtree(OUT)
    text = machine_text(args.threads)
    if args.output == "json":
        print(json.dumps({"records": records, "text": text}, indent=1))
    else:
        print_text(records, text)


main()
