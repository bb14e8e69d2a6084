"""Evaluates every strategy file as it stands and compares with autoregressive decoding."""
import sys

import numpy as np

import strategies

VARIANTS = {
    "prompt_lookup": [{}, {"k": 1}, {"k": 7, "longest": 2}],
    "spec": [{}, {"k": [3], "most": 3}, {"k": [0], "most": 1}],
    "token_recycling": [{}, {"tree": [-1, 0, 1, 2]}, {"depths": [1]}, {"depths": [0]}],
    "medusa": [{}, {"tree": [-1, 0]}, {"depths": [0]}],
    "swift": [{}, {"skip": [3], "k": [6]}, {"skip": [0, 1, 2, 3], "k": [2]}, {"k": [0], "most": 1},
              {"skip": ["attention.0", "mlp.1", 2], "k": [3]}, {"skip": [["mlp.1", "attention.2"], [1, 2], []]}],
    "early_exit": [{}, {"exit": 0, "k": [1]}, {"exit": 3, "k": [6]}, {"k": [0], "most": 1}],
    "jacobi": [{}, {"window": 1}],
    "medusa_typical": [{}, {"threshold": 0.5, "alpha": 0.9}],
    "momentum": [{}, {"alpha": 0.05, "top": 3}],
    "mtp": [{}, {"tree": [-1, 0, 0, 1], "width": 2}, {"depths": [0]}],
    "clover": [{}, {"tree": [-1, 0], "width": 1}],
    "ppd": [{}, {"tree2": [-1, 0, 1], "prompts2": [2, 1, 0]}, {"depths": [0]}],
    "tidar": [{"mask": 7}, {"mask": 2, "width": 2, "tree": [-1, 0, 0, 1], "prompts": [3, 2, 1, 3], "together": 2}],
}
COUNT = 24


def main():
    models = strategies.TinyModels(sys.argv[2])
    random = np.random.RandomState(3)
    prompts = [[int(token) for token in random.randint(3, 23, size)] for size in (1, 2, 5, 9, 9)]
    prompts[4] = prompts[4][:3] * 3
    files = strategies.library(sys.argv[1])
    assert set(files) == set(VARIANTS), f"strategies without a variant here: {set(files) ^ set(VARIANTS)}"

    reference = [strategies.greedy(models.tensors, prompt, COUNT, stops=(5,)) for prompt in prompts]
    settings = {
        "greedy": dict(stop_ids=5),
        "penalties": dict(repetition_penalty=1.3, presence_penalty=0.4, frequency_penalty=0.2, logit_bias="7:1.5"),
        "drawn": dict(temperature=0.9, seed=11),
        "warped": dict(temperature=1.2, top_k=9, top_p=0.9, min_p=0.02, seed=5, stop_ids="5,9", min_new_tokens=6),
    }
    for setting, options in settings.items():
        expected, rounds = strategies.autoregressive(models, prompts, COUNT, **options)
        assert rounds == [len(tokens) for tokens in expected]
        if setting == "greedy":
            assert expected == reference, f"autoregressive: {expected} instead of {reference}"
        for name, variants in VARIANTS.items():
            for values in variants:
                text = strategies.fill_in(files[name], **values)
                tokens, rounds = models.evaluate(text, name, prompts, COUNT, ["--plait-check-exactness"], **options)
                is_identical = "exact identical" in text or options.get("temperature", 0) == 0
                if name == "momentum":
                    # Draws and warps do not matter; what edits do is compared when it is compiled.
                    stops = tuple(map(int, str(options.get("stop_ids", "")).split(","))) if "stop_ids" in options else ()
                    if setting in ("greedy", "drawn"):
                        own = [strategies.momentum(models.tensors, prompt, COUNT, stops=stops, **values) for prompt in prompts]
                        assert tokens == own, f"{name} {values} {setting}: {tokens} instead of {own}"
                        assert tokens != expected, f"{name} {values} {setting}: as plain decoding"
                elif is_identical:
                    assert tokens == expected, f"{name} {values} {setting}: {tokens} instead of {expected}"
                else:
                    assert all(tokens), f"{name} {values} {setting}: no tokens"
                count = sum(map(len, tokens))
                assert sum(rounds) <= count, f"{name}: {sum(rounds)} rounds for {count} tokens"
                print(f"{name} {values} {setting}: {count} tokens in {sum(rounds)} rounds")


main()
