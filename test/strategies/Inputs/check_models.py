"""A draft model may have any shape and number of positions, but the target's vocabulary."""
import sys

import strategies

COUNT = 12


def main():
    spec = strategies.library(sys.argv[1])["spec"]
    prompts = [[3, 4, 3, 4, 7], [int(token) % 20 + 3 for token in range(28)]]
    shapes = {
        "small": dict(hidden=16, layers=1, heads=2, kv=1),
        "large": dict(hidden=48, layers=5, heads=6, kv=6),
        # Its last position comes first: from there on nothing is drafted.
        "short": dict(hidden=16, layers=1, heads=2, kv=2, positions=32),
    }
    for shape, draft in shapes.items():
        models = strategies.TinyModels(sys.argv[2], draft=draft)
        for temperature in (0, 0.8):
            expected, _ = strategies.autoregressive(models, prompts, COUNT, temperature=temperature)
            tokens, rounds = models.evaluate(strategies.fill_in(spec, k=[4]), "spec", prompts, COUNT,
                                             temperature=temperature)
            assert tokens == expected or temperature, f"{shape}: {tokens} instead of {expected}"
            assert all(len(row) == COUNT for row in tokens)
        print(f"{shape}: {rounds} rounds")

    # The target's last position comes first: 33 tokens are the most that it gives a text.
    strategies.SHAPE["positions"] = 32
    models = strategies.TinyModels(sys.argv[2], draft=dict(hidden=16, layers=1, heads=2, kv=2, positions=64))
    for count in (2, 5):
        expected, _ = strategies.autoregressive(models, prompts[1:], count)
        tokens, _ = models.evaluate(strategies.fill_in(spec, k=[8]), "spec", prompts[1:], count)
        assert tokens == expected, f"short target: {tokens} instead of {expected}"

    try:
        models = strategies.TinyModels(sys.argv[2], draft=dict(vocab=29))
        models.evaluate(strategies.fill_in(spec), "spec", prompts[:1], COUNT)
    except RuntimeError as error:
        message = "expected models with one vocabulary but got 23 tokens and, for '!decode.sequence<@draft>', 29"
        assert message in str(error), error
    else:
        raise AssertionError("a draft model with another vocabulary")
    print("another vocabulary: refused")


main()
