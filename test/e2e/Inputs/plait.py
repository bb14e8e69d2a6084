"""What the drivers of these tests share: running plait and reading its output."""

import json
import os
import subprocess
import sys
import tempfile

import numpy as np

sys.dont_write_bytecode = True
TEST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(TEST, "golden"))
import reference  # noqa: E402


def command(*words, **options):
    """Standard output of a command that must succeed."""
    done = subprocess.run(
        [str(w) for w in words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        timeout=300,
        **options,
    )
    if done.returncode:
        sys.exit(f"exit code {done.returncode} of: {' '.join(map(str, words))[:500]}")
    return done.stdout.decode()


def ids_text(ids):
    return ",".join(map(str, ids))


def run(artifact, prompts, *options):
    """One JSON object per prompt (a list of ids, or text)."""
    words = []
    for prompt in prompts:
        words += ["-p", prompt] if isinstance(prompt, str) else ["--token-ids", ids_text(prompt)]
    out = command("plait", "run", artifact, *words, "--output", "json", "-q", *options)
    results = [json.loads(line) for line in out.splitlines()]
    assert [r["index"] for r in results] == list(range(len(prompts)))
    return results


def run_with_logits(artifact, prompts, *options):
    """(JSON objects, [{fed, logits}], the bytes of the file) of each prompt."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "logits.safetensors")
        results = run(artifact, prompts, "--dump-logits", path, *options)
        tensors, _ = reference.read_safetensors(path)
        with open(path, "rb") as f:
            raw = f.read()
    dumps = []
    for i, result in enumerate(results):
        assert tensors[f"generated.{i}"].tolist() == result["tokens"]
        dumps.append({"fed": tensors[f"tokens.{i}"].tolist(), "logits": tensors[f"logits.{i}"]})
    return results, dumps, raw


def error(got, want):
    """The largest difference, relative to the largest value."""
    assert got.shape == want.shape, (got.shape, want.shape)
    assert np.isfinite(got).all()
    return float(np.abs(got.astype(np.float64) - want).max() / np.abs(want).max())
