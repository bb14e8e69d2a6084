"""check_oracle.py MODEL WORK [--all]: drafts that are right with a probability leave the text as it is.

Every strategy that has that text runs with an oracle that drafts in place of what drafts, so that
drafts of all lengths are accepted, in batches, alone and on two ranks. `plait bench` compares the
tokens of each prompt with those of plain decoding; here those of all runs are compared.
"""
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
STRATEGIES = os.path.join(HERE, "..", "..", "..", "strategies")
ARGUMENTS = {"spec": "(draft={model},k=8)", "prompt_lookup": "(k=6)", "tidar": "(mask=0)"}
model, work = sys.argv[1:3]
HEADS = f"--heads={os.path.join(os.path.dirname(model), 'kjv-heads')}"
everything = sys.argv[3:] == ["--all"]


def find_calls():
    """Of every strategy of the library that has the text of plain decoding, and of one whose model drafts for itself."""
    calls = [os.path.join(HERE, "self_draft.mlir")]
    for file in sorted(os.listdir(STRATEGIES)):
        name = file.removesuffix(".mlir")
        with open(os.path.join(STRATEGIES, file), encoding="utf-8") as text:
            if re.search(r"exact (reference|approximate)", text.read()):
                continue
        calls.append(name + ARGUMENTS.get(name, "").format(model=model))
    return calls


def bench(artifact, oracle, batch, sequences, *words):
    out = subprocess.run(["plait", "bench", artifact, "--decode", "all", "--always", "--oracle", oracle, "-b", batch,
                          "--sequences", str(sequences), "-n", "24", "-p", "12", "-r", "1", "-o", "json", "-q", *words],
                         check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out)


def main():
    digests, texts, calls = set(), 0, find_calls()
    strategies = len(calls)
    for ranks in (1, 2):
        artifact = os.path.join(work, f"oracle{ranks}.plait")
        subprocess.run(["plait-compile", model, "-o", artifact, "--no-selftest", "--numerics=tp_invariant", HEADS, f"--tp={ranks}",
                        *[word for call in calls for word in ("--decode", call)]], check=True)
        oracle, batch, sequences = ("0,0.3,0.7,1", "1,2,7", 64) if everything else ("0,0.7,1", "3", 7)
        records = bench(artifact, oracle, batch, sequences)
        assert len(records) == strategies * len(oracle.split(",")) * len(batch.split(",")), len(records)
        for r in records:
            digests.add(r["tokens_digest"])
            texts += r["n_sequences"]
            # A draft that is always right is accepted whole, one that never is, never.
            tokens, drafted = r["tokens_per_round"], r["drafted_per_round"]
            assert r["oracle"] != 0 or tokens <= 1, r
            # Of a tree that is one path.
            right = tokens > 1.3 if "tree" in r["strategy"] else tokens > 0.6 * (1 + drafted) > 1.5
            assert r["oracle"] != 1 or right, r
            assert r["copied_bytes"] == 0 or "tree" in r["strategy"], r
    assert len(digests) == 1, digests
    print(f"{texts} texts of {strategies} strategies, all identical")


main()
