"""check_distribution.py LIBRARY WORK [FILE [NAME=VALUE ...]]: all outcomes on a model of three tokens.

The distribution of texts must be that of autoregressive sampling, which numpy computes by the chain
rule, fraction for fraction; and faults that are known from well-known implementations must show. Of a
FILE of one's own, with values so small that there are at most 10^6 draws: as it stands and as it is compiled.
"""
import itertools
import sys

import numpy as np

import strategies

VOCABULARY, COUNT, TEMPERATURE = 3, 3, 0.8
EXACT = {
    "prompt_lookup": {"k": 2, "longest": 2},
    "spec": {"k": [2], "most": 2},
    "token_recycling": {"tree": [-1, 0, 0, 1], "successors": 2},
    "medusa": {"tree": [-1, 0, 0, 1], "first": 2, "second": 1},
    "swift": {"k": [2], "most": 2, "skip": [1]},
    "early_exit": {"k": [2], "most": 2, "exit": 0},
    "jacobi": {"window": 2},
    "mtp": {"tree": [-1, 0, 0, 1], "width": 2}, "clover": {"tree": [-1, 0, 0, 1], "width": 2},
    "ppd": {"first": 2, "second": 1, "tree1": [-1, 0, 0], "prompts1": [1, 2, 0], "tree2": [-1, 0, 0, 1],
            "prompts2": [2, 1, 0, 1], "nodes": 8, "asked": 4},
    "tidar": {"mask": 2, "tree": [-1, 0, 1], "prompts": [2, 2, 2]},
}
WARPS = "[#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>]"
# A fault, what of the file it replaces, and what the check of the IR says of it.
FAULTS = [
    ("spec", "bonus of raw logits", f"%b, %w {WARPS} :", f"%b, %w {WARPS} bonus [] :",
     "the token at the end of a block is drawn with other warps than those before it"),
    # Its draws are independent where all outcomes are gone through, so only the check sees it.
    ("spec", "a draft by the text's numbers", f"%one, %l {WARPS} purpose draft", f"%one, %l {WARPS} purpose sample",
     "drafted tokens are drawn by the random numbers that decide on the text"),
    ("jacobi", "fresh distribution", f"%b, %e {WARPS} :", f"%b, %e {WARPS} against fresh :",
     "guesses are tested against distributions of this round"),
    ("swift", "committed draft", "decode.forward %x, %b :", "decode.forward %x, %b skip [1] :",
     "layers are left out of a forward whose stage is committed"),
    ("token_recycling", "penalties of the prefix", "decode.edit %x, %l :", "decode.edit %x, %l history prefix :",
     "penalties of a node look at the sequence alone"),
    ("prompt_lookup", "typical acceptance", f"decode.verify_sample %b, %e {WARPS} :",
     f"decode.verify_typical %b, %e {WARPS} threshold 0.09 alpha 0.3 :", "typical acceptance takes drafted tokens"),
]


def warped(logits, options, text, prompt):
    """The distribution after `text`, as the options say."""
    logits = logits.copy()
    for token in range(VOCABULARY):
        count = text[len(prompt):].count(token)
        logits[token] -= options.get("presence_penalty", 0) * (count > 0)
    weights = np.exp(logits / TEMPERATURE)
    if "top_k" in options:
        weights[logits < np.sort(logits)[-options["top_k"]]] = 0
    return weights / weights.sum()


def expected_of(models, prompt, options):
    joint = {}
    for text in itertools.product(range(VOCABULARY), repeat=COUNT):
        probability = 1.0
        for i, token in enumerate(text):
            so_far = prompt + list(text[:i])
            logits = strategies.logits_of(models.tensors, so_far)[-1]
            probability *= warped(logits, options, so_far, prompt)[token]
        if probability > 0:
            joint[text] = probability
    return joint


def distance(found, expected):
    return max(abs(found.get(text, 0) - expected.get(text, 0)) for text in set(found) | set(expected))


def check(models, file, prompt, setting, options, expected):
    """That a strategy of one's own has the distribution of plain decoding."""
    assert strategies.has_plain_text(file.text), f"{file.name}: expected 'exact identical' or 'exact distribution'"
    for way, passes in (("", ()), (", as compiled", strategies.OUTLINE)):
        found = models.outcomes(file.text, file.name, prompt, COUNT, passes, temperature=TEMPERATURE, **options)
        assert found == expected, f"{file.name} {setting}{way}: off by {float(distance(found, expected))}"
        print(f"{file.name} {setting}{way}: {len(found)} texts, equal fractions")


def main():
    own = strategies.StrategyFile(sys.argv[3], sys.argv[4:]) if sys.argv[3:] else None
    strategies.SHAPE.update(vocab=VOCABULARY, hidden=16, layers=2)
    models = strategies.TinyModels(sys.argv[2], seed=4, noise=0.6, sharpness=0.3)
    files = strategies.library(sys.argv[1])
    prompt = [0, 1, 2, 0, 1]
    settings = {"plain": {}, "warped": {"presence_penalty": 1.5, "top_k": 2}}
    expected = {name: expected_of(models, prompt, options) for name, options in settings.items()}
    for setting, options in settings.items():
        # Rope and norm have constants of f32, so numpy's answer differs by a few of its roundings.
        plain = models.outcomes("// ar()\n", "ar", prompt, COUNT, ["--plait-attach-strategy"], temperature=TEMPERATURE,
                                **options)
        error = distance(plain, expected[setting])
        assert error < 1e-7 and sum(plain.values()) == 1, f"autoregressive {setting}: off by {error}"
        expected[setting] = plain
        if own:
            check(models, own, prompt, setting, options, plain)
            continue
        for name, values in EXACT.items():
            text = strategies.fill_in(files[name], **values)
            found = models.outcomes(text, name, prompt, COUNT, temperature=TEMPERATURE, **options)
            # Weights of tokens are the same doubles, and nothing else is rounded.
            error = distance(found, expected[setting])
            assert found == expected[setting], f"{name} {setting}: off by {float(error)}"
            print(f"{name} {setting}: {len(found)} texts, equal fractions")
    for name, fault, old, new, message in () if own else FAULTS:
        text = strategies.fill_in(files[name], **EXACT[name])
        assert old in text, f"{name}: no {old!r} in\n{text}"
        text = text.replace(old, new)
        worst = distance(models.outcomes(text, name, prompt, COUNT, temperature=TEMPERATURE, **settings["warped"]),
                         expected["warped"])
        assert worst > 1e-3 or "text's numbers" in fault, f"{name} with {fault}: nothing shows, {float(worst)}"
        try:
            models.outcomes(text, name, prompt, COUNT, passes=["--plait-check-exactness"], temperature=TEMPERATURE)
        except RuntimeError as error:
            assert message in str(error), f"{name} with {fault}: {error}"
        else:
            raise AssertionError(f"{name} with {fault}: not refused")
        print(f"{name} with {fault}: off by {float(worst):.2f}, refused")


main()
