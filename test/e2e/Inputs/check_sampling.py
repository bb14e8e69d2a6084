"""Requires of draws what the command promises about them.

  check_sampling.py ARTIFACT IR FOLDER

IR is the imported model, which the reference evaluation decodes in double precision.
"""

import os
import sys
import tempfile

import numpy as np
import plait
from plait import reference

NEW = 24
failures = []


def require(condition, text):
    print("ok" if condition else "FAILED", text)
    if not condition:
        failures.append(text)


def make_prompts():
    random = np.random.RandomState(5)
    return [[2046] + random.randint(0, 2046, n).tolist() for n in (3, 0, 8, 1, 5)]


def tokens(results):
    return [r["tokens"] for r in results]


def evaluate(ir, folder, prompts, options):
    """Tokens of the reference evaluation of the same strategy."""
    words = " ".join(f"{k}={v}" for k, v in options.items())
    text = ";".join(plait.ids_text(p) for p in prompts)
    with tempfile.TemporaryDirectory() as temporary:
        path = os.path.join(temporary, "tokens.safetensors")
        spec = f"function=ar weights={folder} tokens={text} new-tokens={NEW} output={path} print=0 {words}"
        plait.command("plait-opt", ir, "-o", "/dev/null", "--plait-attach-strategy", f"--plait-evaluate={spec}")
        found, _ = reference.read_safetensors(path)
    return [found[f"tokens.{i}"].astype(int).tolist() for i in range(len(prompts))]


def main():
    artifact, ir, folder = sys.argv[1:4]
    prompts = make_prompts()

    def run(*options):
        return plait.run(artifact, prompts, "-n", NEW, "--ignore-eos", *options)

    warm = ["--temperature", 1]
    mixed = ["--temperature", 0.8, "--top-k", 40, "--top-p", 0.95, "--min-p", 0.02]
    for name, warps in (("temperature 1", warm), ("all warps", mixed)):
        base = run(*warps, "--seed", 1)
        require(run(*warps, "--seed", 1) == base, f"{name}: same seed, same text")
        others = [tokens(run(*warps, "--seed", s)) for s in (2, 3, 2**64 - 1)]
        texts = [tokens(base)] + others
        different = all(a != b for i, a in enumerate(texts) for b in texts[:i])
        require(different, f"{name}: other seeds, other text")
        same = all(
            run(*warps, "--seed", 1, "--batch", b, "--chunk", c, "-t", t) == base
            for b, c, t in ((1, 2, 1), (2, 3, 2), (5, 1, 2))
        )
        require(same, f"{name}: same text in every batch and with every number of threads")
        alone = plait.run(artifact, prompts[:1], "-n", NEW, "--ignore-eos", *warps, "--seed", 1)
        require(alone == base[:1], f"{name}: same text alone")
        longer = plait.run(artifact, prompts, "-n", NEW // 2, "--ignore-eos", *warps, "--seed", 1)
        prefix = [t[: NEW // 2] for t in tokens(base)]
        require(tokens(longer) == prefix, f"{name}: a shorter text is the start of a longer one")
    # Equal prompts of a batch are sequences of their own.
    twins = tokens(plait.run(artifact, [prompts[0]] * 3, "-n", NEW, *warm, "--seed", 1))
    require(len(set(map(tuple, twins))) == 3, "equal prompts in a batch: different texts")

    greedy = run("--temperature", 0, "--seed", 4)
    want = tokens(greedy)
    require(tokens(run()) == want, "the model's defaults: greedy")
    for name, value in (("--top-k", 1), ("--top-p", 1e-6), ("--min-p", 1)):
        require(tokens(run(*warm, "--seed", 4, name, value)) == want, f"{name} {value}: greedy")
    require(tokens(run("--temperature", 1e-30)) == want, "a temperature next to 0: greedy")
    require(all(p <= 0 for r in greedy for p in r["logprobs"]), "log probabilities of at most 0")

    for seed in (1, 2, 3):
        for name, options in (
            ("temperature 1", dict(temperature=1)),
            ("temperature 3", dict(temperature=3)),
            ("top-k", dict(temperature=1, top_k=7)),
            ("top-p", dict(temperature=1, top_p=0.7)),
            ("min-p", dict(temperature=1, min_p=0.1)),
            ("all warps", dict(temperature=0.8, top_k=40, top_p=0.95, min_p=0.02)),
        ):
            flags = [w for k, v in options.items() for w in ("--" + k.replace("_", "-"), v)]
            compiled = tokens(run(*flags, "--seed", seed))
            names = {k.replace("_", "-"): v for k, v in options.items()}
            evaluated = evaluate(ir, folder, prompts, {**names, "seed": seed})
            require(compiled == evaluated, f"seed {seed}, {name}: as the reference evaluation")
    # Edits of the logits, then warps; the counts of a text are its own.
    biases = ["258:2.5", "1787:-100", "11:4"]
    edits = {"repetition-penalty": 1.3, "presence-penalty": 0.5, "frequency-penalty": 0.25}
    for seed in (1, 2):
        options = {"temperature": 0.8, "top-p": 0.95, "seed": seed}
        flags = [w for k, v in {**edits, **options}.items() for w in ("--" + k, v)]
        compiled = tokens(run(*flags, *[w for b in biases for w in ("--logit-bias", b)]))
        evaluated = evaluate(ir, folder, prompts, {**edits, **options, "logit-bias": ",".join(biases)})
        require(compiled == evaluated, f"seed {seed}, edits and warps: as the reference evaluation")
        plain = tokens(run(*[w for k, v in options.items() for w in ("--" + k, v)]))
        require(compiled != plain, f"seed {seed}, edits and warps: other text than without edits")
    sys.exit(1 if failures else 0)


main()
