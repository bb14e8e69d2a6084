"""check_oracle.py MODEL WORK [--all | FILE [NAME=VALUE ...]]: drafts that are right with a probability leave the text
as it is.

A FILE of one's own, or every strategy that has that text runs with an oracle that drafts in place of what drafts, so that
drafts of all lengths are accepted, in batches, alone and on two ranks. `plait bench` compares the
tokens of each prompt with those of plain decoding; here those of all runs are compared.
"""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "strategies", "Inputs"))
from strategies import StrategyFile, has_plain_text, library  # noqa: E402

STRATEGIES = os.path.join(HERE, "..", "..", "..", "strategies")
ARGUMENTS = {"spec": "(draft={model},k=8)", "prompt_lookup": "(k=6)", "tidar": "(mask=0)"}
model, work = sys.argv[1:3]
HEADS = f"--heads={os.path.join(os.path.dirname(model), 'kjv-heads')}"
everything = sys.argv[3:] == ["--all"]


def find_calls():
    """By the name of each strategy its call and its file's text. Of every one of the library that has the text of plain
    decoding, and of one whose model drafts for itself; or of one's own."""
    files = library(STRATEGIES)
    calls = {name: (name + ARGUMENTS.get(name, "").format(model=model), text) for name, text in files.items() if has_plain_text(text)}
    own = StrategyFile(sys.argv[3], sys.argv[4:]) if sys.argv[3:] and not everything else None
    if own:
        assert has_plain_text(own.text), f"{own.name}: expected 'exact identical' or 'exact distribution'"
        return {own.name: (own.call(model), own.text)}
    draft = StrategyFile(os.path.join(HERE, "self_draft.mlir"), [])
    return {draft.name: (str(draft.path), draft.text), **calls}


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
                        *[word for call, _ in calls.values() for word in ("--decode", call)]], check=True)
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
            is_tree = "decode.block<tree" in calls[r["strategy"].split("(")[0]][1]
            right = tokens > 1.3 if is_tree else tokens > 0.6 * (1 + drafted) > 1.5
            assert r["oracle"] != 1 or right, f"expected two drafts at least, and all of them accepted: {r}"
            assert r["copied_bytes"] == 0 or is_tree, r
    assert len(digests) == 1, digests
    print(f"{texts} texts of {strategies} strategies, all identical")


main()
