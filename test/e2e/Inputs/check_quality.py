"""What kjv-2m makes of a text that it was not trained on, in each weight format.

  check_quality.py MODEL TEXTS WORK

The perplexity must be that of Hugging Face transformers (TEXTS/perplexity.json), and
integers must stay near bf16: int8 within 0.2%, int4 in groups of 128 within 3%.
"""

import json
import os
import sys

import plait

model, texts, work = sys.argv[1:]
with open(os.path.join(texts, "perplexity.json"), encoding="utf-8") as f:
    golden = json.load(f)
failed = False


def check(what, ok, text):
    global failed
    failed |= not ok
    print(f"{what}: {text}{'' if ok else '  FAILED'}")


def compiled(name, *options):
    path = os.path.join(work, name + ".plait")
    plait.command("plait-compile", model, "-o", path, "--debug-logits", "--no-selftest", "--progress=none", *options)
    return path


def measure(path, *options):
    text = os.path.join(texts, "held-out.txt")
    return json.loads(plait.command("plait", "perplexity", path, "--text", text, "--output", "json", "-q", *options))


bf16 = compiled("bf16", "--dtype=bf16")
for context, perplexity in golden["perplexity"].items():
    found = measure(bf16, "--context", context)
    difference = abs(found["perplexity"] / perplexity - 1)
    check(f"windows of {context}", difference <= 1e-4 and found["tokens"] == golden["tokens"], f"off by {difference:.1e}")
same = measure(bf16, "--context", "256", "--against", bf16)["against"]
check("against itself", same["kl_mean"] == 0 and same["kl_p99"] == 0 and same["same_top"] == 1, "no divergence")

calibration = os.path.join(work, "calibration.txt")
with open(os.path.join(texts, "calibration.txt"), encoding="utf-8") as f:
    start = f.read(4000)
with open(calibration, "w", encoding="utf-8") as f:
    f.write(start)
divergence = {}
for name, bound, options in (
    ("int8", 0.002, ["--dtype=int8", "--group=0"]),
    ("int4", 0.03, ["--dtype=int4", "--group=128"]),
    ("zeros", 0.03, ["--dtype=int4", "--group=128", "--zero-points"]),
    ("calibrated", 0.03, ["--dtype=int4", "--group=128", "--calibration", calibration]),
):
    found = measure(compiled(name, *options), "--context", "256", "--against", bf16)
    change = found["perplexity"] / found["against"]["perplexity"] - 1
    divergence[name] = found["against"]["kl_mean"]
    check(name, abs(change) <= bound, f"perplexity {change:+.2%}, KL {divergence[name]:.5f}")
check("calibration", divergence["calibrated"] < divergence["int4"], "brings the distributions nearer")
sys.exit(failed)
