"""check_outlined.py LIBRARY WORK [FILE [NAME=VALUE ...]]: strategies whose forwards have become runs of steps.

The text is that of autoregressive decoding token by token, greedy and drawn, and the distribution of all
outcomes is the same (of a FILE of one's own check_distribution.py compares that). Strategies with a text of
their own keep it.
"""
import sys

import numpy as np

import strategies

VARIANTS = {
    "prompt_lookup": [{}, {"k": 7, "longest": 2}],
    "spec": [{"draft": "x"}, {"draft": "x", "k": [3], "most": 3}],
    "jacobi": [{}, {"window": 2}],
    "token_recycling": [{}, {"tree": [-1, 0, 0, 1, 1], "successors": 2}, {"depths": [2]}],
    "swift": [{}, {"k": [3], "most": 3, "skip": [0, 3]}, {"k": [0], "most": 1},
              {"k": [3], "most": 3, "skip": [["attention.0", "mlp.2"], [1, "attention.2"], []]}],
    "early_exit": [{}, {"k": [3], "most": 3, "exit": 0}],
    "medusa": [{}, {"tree": [-1, 0, 1], "first": 1, "second": 1}, {"depths": [0]}],
    "medusa_typical": [{}, {"threshold": 0.02}],
    "momentum": [{}, {"alpha": 0.05, "top": 3}],
    "mtp": [{}, {"tree": [-1, 0, 0, 1], "width": 2}],
    "clover": [{}, {"tree": [-1, 0], "width": 1}, {"depths": [0]}],
    "ppd": [{}, {"tree2": [-1, 0, 1], "prompts2": [2, 1, 0]}],
    "tidar": [{"mask": 7, "together": 3}, {"mask": 7, "depths": [0]}],
}
COUNT = 24
OUTCOMES = {"prompt_lookup": {"k": 2, "longest": 2}, "spec": {"k": [2], "most": 2}, "jacobi": {"window": 2},
            "token_recycling": {"tree": [-1, 0, 0, 1], "successors": 2},
            "swift": {"k": [2], "most": 2, "skip": [1]}, "early_exit": {"k": [2], "most": 2, "exit": 0}, "medusa": {"tree": [-1, 0, 0, 1], "first": 2, "second": 1},
            "medusa_typical": {"tree": [-1, 0, 0, 1], "first": 2, "second": 1},
            "mtp": {"tree": [-1, 0, 0, 1], "width": 2}, "clover": {"tree": [-1, 0, 0, 1], "width": 2},
            "ppd": {"first": 2, "second": 1, "tree1": [-1, 0, 0], "prompts1": [1, 2, 0], "tree2": [-1, 0, 0, 1],
                    "prompts2": [2, 1, 0, 1], "nodes": 8, "asked": 4},
            "tidar": {"mask": 2, "tree": [-1, 0, 1], "prompts": [2, 2, 2]}}


def main():
    own = strategies.StrategyFile(sys.argv[3], sys.argv[4:]) if sys.argv[3:] else None
    models = strategies.TinyModels(sys.argv[2])
    random = np.random.RandomState(3)
    prompts = [[int(token) for token in random.randint(3, 23, size)] for size in (1, 2, 9, 9)]
    prompts[3] = prompts[3][:3] * 3
    files, calls = strategies.library(sys.argv[1]), VARIANTS
    assert set(files) == set(VARIANTS)
    if own:
        files, calls = {own.name: own.source}, {own.name: [{**{model: "x" for model in own.models}, **own.values}]}
    settings = {
        "greedy": dict(stop_ids=5),
        "penalties": dict(repetition_penalty=1.3, presence_penalty=0.4, frequency_penalty=0.2, logit_bias="7:1.5"),
        "drawn": dict(temperature=0.9, seed=11),
        "warped": dict(temperature=1.2, top_k=9, top_p=0.9, min_p=0.02, seed=5, stop_ids="5,9", min_new_tokens=6),
    }
    for setting, options in settings.items():
        expected, _ = strategies.autoregressive(models, prompts, COUNT, **options)
        for name, variants in calls.items():
            for values in variants:
                text = strategies.fill_in(files[name], **values)
                tokens, rounds = models.evaluate(text, name, prompts, COUNT, strategies.OUTLINE, **options)
                wanted = expected
                if not strategies.has_plain_text(text):
                    wanted, _ = models.evaluate(text, name, prompts, COUNT, **options)
                assert tokens == wanted, f"{name} {values} {setting}: {tokens} instead of {wanted}"
                count = sum(map(len, tokens))
                assert sum(rounds) < count or name != "spec", f"{name}: {sum(rounds)} rounds for {count} tokens"
                print(f"{name} {values} {setting}: {count} tokens in {sum(rounds)} rounds")
    if own:
        return

    strategies.SHAPE.update(vocab=3, hidden=16, layers=2)
    models = strategies.TinyModels(sys.argv[2], seed=4, noise=0.6, sharpness=0.3)
    prompt, options = [0, 1, 2, 0, 1], dict(temperature=0.8, presence_penalty=1.5, top_k=2)
    expected = models.outcomes("// ar()\n", "ar", prompt, 3, ["--plait-attach-strategy"], **options)
    plain = expected
    for name, values in OUTCOMES.items():
        text = strategies.fill_in(files[name], **values)
        expected = plain if strategies.has_plain_text(text) else models.outcomes(text, name, prompt, 3, **options)
        found = models.outcomes(text, name, prompt, 3, strategies.OUTLINE, **options)
        assert found == expected, f"{name}: {found} instead of {expected}"
        print(f"{name}: {len(found)} texts, equal fractions")


main()
