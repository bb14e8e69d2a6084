#!/usr/bin/env python3
"""Checks reference.py against the goldens that make_model_goldens.py made.

  check_reference.py [NAME ...]      # without names: every golden there is

For each prompt: the logits agree to within TOLERANCE of the greatest logit, and the
reference, given the prompt and the golden's own continuation, prefers the golden's
token at each step whose margin is above what the tolerance allows. One prompt of
each model is also generated freely. Needs numpy and nothing else.
"""

import hashlib
import json
import os
import sys

import numpy as np

sys.dont_write_bytecode = True
import reference  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = os.path.join(HERE, "models")
KJV = os.path.join(HERE, "..", "models", "kjv-2m")
TOLERANCE = 1e-5


def goldens():
    """{name: (model folder, golden file)}"""
    found = {}
    for name in sorted(os.listdir(MODELS)):
        path = os.path.join(MODELS, name, "golden.safetensors")
        if os.path.exists(path):
            found[name] = (os.path.dirname(path), path)
    path = os.path.join(MODELS, "kjv-2m.golden.safetensors")
    if os.path.exists(path):
        found["kjv-2m"] = (KJV, path)
    return found


def error(got, want):
    return float(np.abs(got - want).max() / np.abs(want).max())


def check(name, folder, path):
    golden, metadata = reference.read_safetensors(path)
    problems = []
    if "model_sha256" in metadata:
        with open(os.path.join(folder, "model.safetensors"), "rb") as f:
            if hashlib.sha256(f.read()).hexdigest() != metadata["model_sha256"]:
                return [f"{name}: the golden is of other weights; run make_model_goldens.py"]
    model = reference.load(folder)
    lengths = json.loads(metadata["prompt_lengths"])
    worst, worst_f64, worst_bf16, near = 0.0, 0.0, 0.0, 0
    for i, n in enumerate(lengths):
        g = {k[len(f"prompt.{i}.") :]: v for k, v in golden.items() if k.startswith(f"prompt.{i}.")}
        ids, tokens = g["ids"].tolist(), g["tokens"].tolist()
        assert len(ids) == n and len(tokens) == int(metadata["new_tokens"])
        logits = model.logits(ids + tokens[:-1])
        k = len(g["logits"])
        e = error(logits[n - k : n], g["logits"])
        if "final_logits" in g:
            e = max(e, error(logits[-1], g["final_logits"]))
        worst = max(worst, e)
        if e > TOLERANCE:
            problems.append(f"{name}: prompt {i}: logits differ by {e:.1e}")
        if "logits_f64" in g:
            e = error(logits[n - k : n], g["logits_f64"])
            worst_f64 = max(worst_f64, e)
            if e > 1e-7:  # they are stored as f32
                problems.append(f"{name}: prompt {i}: logits_f64 differ by {e:.1e}")
        if "logits_bf16" in g:  # how far bf16 strays; nothing to hold it to but this
            worst_bf16 = max(worst_bf16, error(g["logits_bf16"], logits[n - k : n]))
            if worst_bf16 > 5e-2:
                problems.append(f"{name}: prompt {i}: logits_bf16 stray by {worst_bf16:.1e}")
        steps = logits[n - 1 :]
        allowed = 2 * TOLERANCE * np.abs(steps).max()
        for step, token in enumerate(tokens):
            margin = float(g["margins"][step])
            best = np.partition(steps[step], -2)[-2:]
            if abs(best[1] - best[0] - margin) > allowed:
                problems.append(f"{name}: prompt {i}: step {step}: another margin")
            if margin <= allowed:
                near += 1
            elif int(np.argmax(steps[step])) != token:
                problems.append(f"{name}: prompt {i}: step {step}: another token")
        if i == 3 and g["margins"].min() > allowed:
            if reference.generate(model, ids, len(tokens)) != tokens:
                problems.append(f"{name}: prompt {i}: generates other tokens")
    print(
        f"{name}: {len(lengths)} prompts, logits within {worst:.1e}"
        f" (f64: {worst_f64:.1e}{f', bf16: {worst_bf16:.1e}' if worst_bf16 else ''}), "
        f"{near} near ties: {'FAIL' if problems else 'ok'}"
    )
    return problems


def main():
    found = goldens()
    names = sys.argv[1:] or list(found)
    problems = []
    for name in names:
        if name not in found:
            sys.exit(f"check_reference.py: no golden {name}; there are: {', '.join(found)}")
        problems += check(name, *found[name])
    for p in problems:
        print(p, file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
