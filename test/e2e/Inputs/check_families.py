"""Compares models of several ranks with transformers, and with those of one rank.

  check_families.py GOLDEN CHECK_GOLDENS WORK NAME:LAYOUT... [--OPTION...]
  check_families.py GOLDEN CHECK_GOLDENS WORK --all[=K/N]

Each NAME below GOLDEN/models is compiled for LAYOUT, which is tp3, dp2, dp2tp2, sp2
(tensor parallelism with sequence parallelism), ov2 (with fused sums) or pre1dec2 (prompts on one rank, tokens on
two), with OPTIONs, and handed to CHECK_GOLDENS, which wants
logits within 1e-5 of the largest. Then a batch of prompts has to give the 64 greedy
tokens of the model of one rank, without exception. --all takes every family and layout,
--all=K/N those of every Nth family.
"""

import os
import re
import subprocess
import sys

golden, check_goldens, work = sys.argv[1:4]
LAYOUTS = ["tp2", "tp3", "tp4", "tp8", "sp2", "sp4", "ov2", "ov3", "dp2", "dp2tp2", "pre1dec2", "pre2dec1", "pre2dec3",
           "pre3dec2"]
models = os.path.join(golden, "models")
cases = [word.split(":") for word in sys.argv[4:] if not word.startswith("--")]
extra = [word for word in sys.argv[4:] if word.startswith("--") and not word.startswith("--all")]
if sys.argv[4].startswith("--all"):
    share, shares = map(int, (sys.argv[4].partition("=")[2] or "1/1").split("/"))
    names = sorted(name for name in os.listdir(models) if os.path.exists(os.path.join(models, name, "golden.safetensors")))
    cases = [(name, layout) for name in names[share - 1 :: shares] for layout in LAYOUTS]
help_text = subprocess.run(["plait-compile", "--help"], capture_output=True, text=True).stdout


def command(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=1200)


def options_of(layout):
    """Of plait-compile; None if it does not know the layout yet."""
    axes = dict((axis, size) for axis, size in re.findall(r"([a-z]+)(\d+)", layout))
    if "pre" in axes:
        return ["--mesh", f"prefill: tp={axes['pre']}; decode: tp={axes['dec']}"]
    if "ov" in axes:
        return ["--tp", axes["ov"], "--overlap", "on"]
    if "sp" in axes:
        return ["--tp", axes["sp"], "--sequence-parallel"] if "--sequence-parallel" in help_text else None
    return ["--mesh", ",".join(f"{axis}={size}" for axis, size in axes.items())]


def compiled(name, layout):
    """The artifact, or what went wrong."""
    artifact = os.path.join(work, f"{name}-{layout}.plait")
    if not os.path.exists(artifact):
        options = [] if layout == "one" else options_of(layout)
        done = command("plait-compile", os.path.join(models, name), *options, *extra, "-o", artifact, "--debug-logits",
                       "--no-selftest")
        if done.returncode:
            return None, done
    return artifact, None


def tokens_of(artifact):
    # Lengths that differ, so that the sequences of a step are at different positions.
    prompts = [",".join(str((i * 37 + salt * 11) % 200 + 5) for i in range(3 + 4 * salt)) for salt in range(4)]
    words = [word for prompt in prompts for word in ("--token-ids", prompt)]
    return command("plait", "run", artifact, *words, "--output", "ids", "-n", "64", "--ignore-eos", "--temperature",
                   "0", "-q")


def check(name, layout):
    """(whether all is right, what to say)"""
    model = os.path.join(models, name)
    artifact, failed = compiled(name, layout)
    if not failed:
        one, failed = compiled(name, "one")
    if failed:
        return False, failed.stderr
    checked = command(sys.executable, "-B", check_goldens, model, os.path.join(model, "golden.safetensors"), artifact)
    if checked.returncode or "FAILED" in checked.stdout or "batched: " not in checked.stdout:
        return False, checked.stdout + checked.stderr
    expected, found = tokens_of(one), tokens_of(artifact)
    if found.returncode or expected.returncode or found.stdout != expected.stdout or not found.stdout:
        return False, f"{expected.stdout}{expected.stderr}\n  is not\n{found.stdout}{found.stderr}"
    return True, checked.stdout.splitlines()[0]


failures = skipped = 0
for name, layout in cases:
    if options_of(layout) is None:
        skipped += 1
        print(f"{name} as {layout}: skipped, plait-compile does not know it")
        continue
    good, text = check(name, layout)
    failures += not good
    print(f"{name} as {layout}: {text if good else 'FAILED'}", flush=True)
    if not good:
        print(text)
print(f"{len(cases) - skipped} artifacts,", f"{failures} FAILED" if failures else "all right")
sys.exit(failures > 0)
