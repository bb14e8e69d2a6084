"""check_chi_squared.py WORK STRATEGIES [RANKS]: what compiled strategies draw has the model's distribution.

A tiny model decodes one prompt COUNT times, each as a sequence of its own, with drafts that are
sometimes accepted. How often each text of three tokens comes is compared by the chi-squared test
with its probability, which numpy computes in double precision from the weights. The seed is
fixed, so the outcome is, too: right programs keep above P_LEAST, and ones that are a little
wrong, by a temperature, a rule or a bias that nobody asked for, fall far below it.

Of several ranks each has the logits of some tokens, and the first token of each takes part in the race of
all; so the model's vocabulary is one that they cannot share out evenly.
"""
import json
import math
import os
import pathlib
import re
import subprocess
import sys

import numpy as np

work, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
RANKS = int(sys.argv[3]) if len(sys.argv) > 3 else 1
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "strategies", "Inputs"))
import strategies  # noqa: E402
import tiny_llama  # noqa: E402

COUNT, LENGTH, P_LEAST, P_WRONG = 6000, 3, 1e-3, 1e-6
PROMPT = [3, 4, 5, 6, 3, 4, 5, 6, 3, 4]  # so that there is something to look up
WARPS = {"temperature": 0.9, "top-k": 6, "top-p": 0.95}
CALLS = {"prompt_lookup": "(k=3)", "jacobi": "(window=3)", "spec": "(draft={draft},k=3)"}


def warp(logits):
    """The probability of each token, in the order of the warps."""
    scaled = logits / WARPS["temperature"]
    order = np.argsort(-scaled, kind="stable")
    kept = order[:WARPS["top-k"]]
    p = np.exp(scaled[kept] - scaled[kept[0]])
    p /= p.sum()
    # The most probable ones that together have top-p.
    size = int(np.searchsorted(np.cumsum(p), WARPS["top-p"]) + 1)
    result = np.zeros(len(logits))
    result[kept[:size]] = p[:size] / p[:size].sum()
    return result


def expected_texts(tensors):
    texts = {(): 1.0}
    for _ in range(LENGTH):
        longer = {}
        for text, chance in texts.items():
            p = warp(strategies.logits_of(tensors, PROMPT + list(text))[-1])
            longer.update({text + (int(token),): chance * p[token] for token in np.nonzero(p)[0]})
        texts = longer
    assert abs(sum(texts.values()) - 1) < 1e-12
    return texts


def upper_gamma(a, x):
    """Q(a, x), by its series or its continued fraction (Numerical Recipes 6.2)."""
    if x < a + 1:
        term = total = 1 / a
        for n in range(1, 10000):
            term *= x / (a + n)
            total += term
        return 1 - total * math.exp(-x + a * math.log(x) - math.lgamma(a))
    b, c = x + 1 - a, 1e300
    d = h = 1 / b
    for i in range(1, 10000):
        an = -i * (i - a)
        b += 2
        d = 1 / (an * d + b)
        c = b + an / c
        h *= d * c
    return h * math.exp(-x + a * math.log(x) - math.lgamma(a))


def p_value(texts, expected):
    """Of the chi-squared test; texts of which fewer than five are expected count as one."""
    counts = {}
    for text in texts:
        counts[text] = counts.get(text, 0) + 1
    if set(counts) - set(expected):
        return 0.0
    rare, seen, statistic, cells = 0.0, 0, 0.0, 0
    for text, chance in expected.items():
        if chance * len(texts) < 5:
            rare, seen = rare + chance * len(texts), seen + counts.get(text, 0)
            continue
        statistic += (counts.get(text, 0) - chance * len(texts)) ** 2 / (chance * len(texts))
        cells += 1
    if rare >= 5:
        statistic, cells = statistic + (seen - rare) ** 2 / rare, cells + 1
    return upper_gamma((cells - 1) / 2, statistic / 2)


def decode(artifact, call, options):
    words = [w for key, value in options.items() for w in (f"--{key}", str(value))]
    prompts = work / "prompts.jsonl"
    prompts.write_text((json.dumps(PROMPT) + "\n") * COUNT)
    command = ["plait", "run", str(artifact), "--prompt-jsonl", str(prompts), "-n", str(LENGTH), "--ignore-eos",
               "--output", "ids", "--seed", str(RANKS), "--batch", "256", "--stats", "--decode", call, *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    accepted = re.search(r"(\d+) tokens drafted, (\d+) accepted", done.stderr)
    texts = [tuple(map(int, re.findall(r"\d+", line))) for line in done.stdout.splitlines()]
    assert len(texts) == COUNT and all(len(text) == LENGTH for text in texts)
    return texts, accepted and tuple(map(int, accepted.groups()))


def main():
    models = work / "models"
    tensors = {}
    for name, seed in (("target", 0), ("draft", 0)):
        written = tiny_llama.write(models / name, seed=seed, **strategies.SHAPE)
        own = {key: np.asarray(value, np.float32) for key, value in written.items()}
        random = np.random.RandomState(5)
        for key, value in own.items():
            if name == "draft":
                own[key] = np.float32(value + 0.1 * np.abs(value).mean() * random.randn(*value.shape))
        own["lm_head.weight"] = np.float32(0.7) * own["lm_head.weight"]
        tiny_llama.write_safetensors(models / name / "model.safetensors", own)
        tensors[name] = own
    # How much is drafted is fixed here, so that it does not depend on time.
    calls = []
    for name, arguments in CALLS.items():
        text = (folder / f"{name}.mlir").read_text().replace("of [0, $", "of [$")
        (work / f"{name}.mlir").write_text(text)
        calls.append((name, str(work / f"{name}.mlir") + arguments.format(draft=models / "draft")))
    artifact = work / "m.plait"
    subprocess.run(["plait-compile", str(models / "target"), "-o", str(artifact), "--no-selftest", "--dtype=f32", f"--tp={RANKS}",
                    *[w for _, call in calls for w in ("--decode", call)]], check=True)
    expected = expected_texts(tensors["target"])
    # On several ranks all of it would take a minute.
    for name in ["ar", *CALLS] if RANKS == 1 else ["prompt_lookup", "spec"]:
        texts, accepted = decode(artifact, name, WARPS)
        p = p_value(texts, expected)
        print(f"{name}: p = {p:.3g} over {len(expected)} texts, drafted and accepted {accepted}")
        assert p > P_LEAST, name
        assert name == "ar" or 0 < accepted[1] < accepted[0], (name, accepted)
        assert name != "spec" or 0.2 < accepted[1] / accepted[0] < 0.8, accepted  # so both courses are taken
        faults = {"temperature 1": {**WARPS, "temperature": 1}, "one token more": {**WARPS, "top-k": 7},
                  "a bias": {**WARPS, "logit-bias": f"{max(expected, key=expected.get)[1]}:0.2"}}
        for fault, options in list(faults.items())[RANKS - 1:] if name == "spec" else ():
            wrong = p_value(decode(artifact, name, options)[0], expected)
            print(f"{name}, {fault}: p = {wrong:.3g}")
            assert wrong < P_WRONG, fault
    # A rule that takes what was drafted as it is: the draft model's own text.
    wrong = p_value(decode(artifact / "draft", "ar", WARPS)[0], expected)
    print(f"the draft itself: p = {wrong:.3g}")
    assert wrong < P_WRONG


main()
