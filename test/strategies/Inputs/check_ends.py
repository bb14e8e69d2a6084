"""A text ends where autoregressive decoding ends it, whatever was drafted beyond: at the last
position of the model, at the budget, at a token that ends it."""
import sys

import numpy as np

import strategies

POSITIONS = 128
# A round may commit to the text more than once.
TWICE = """// twice()
!text = !decode.sequence<@main>
decode.strategy @twice(%s: !text) exact identical {
  %end = decode.round iter(%x = %s) : !text {
    %y = decode.repeat 2 iter(%v = %x) : !text {
      %b = decode.lookup %v longest 2 shortest 1 : <@main> -> <3>
      %h, %st = decode.forward %v, %b : <@main>, <3>
      %l = decode.head %h : <@main>
      %e = decode.edit %v, %l : <@main>, <@main>
      %p = decode.verify_sample %b, %e [#decode.warp<temperature>] : <3>, <@main>
      %w = decode.commit %v, %st, %p : <@main>, <@main>
      decode.yield %w : !text
    }
    %done = decode.stop %y : <@main>
    decode.yield %y until %done : !text
  }
  decode.return %end : !text
}
"""
VARIANTS = {
    "prompt_lookup": {"k": 7, "longest": 2},
    "spec": {"k": [5], "most": 4},  # more are asked for than there is room for
    "token_recycling": {"tree": [-1, 0, 0, 1, 3, 4, 5]},
    "medusa": {},
    "swift": {"skip": [3], "k": [6]},
    "early_exit": {"exit": 2, "k": [6]},
    "jacobi": {},
    "medusa_typical": {},
    "momentum": {},
    "mtp": {},
    "clover": {},
    "ppd": {},
    "tidar": {"mask": 7},
}


def main():
    models = strategies.TinyModels(sys.argv[2], noise=0)  # all that the draft model says is accepted
    files = {name: strategies.fill_in(text, **VARIANTS.get(name, {}))
             for name, text in strategies.library(sys.argv[1]).items()}
    files["twice"] = TWICE
    # Few different tokens, so that there is something to look up and to recall.
    text = [int(token) for token in np.random.RandomState(5).randint(3, 9, POSITIONS)]

    def compare(what, prompts, count, **options):
        expected, _ = strategies.autoregressive(models, prompts, count, **options)
        total = {}
        for name, file in files.items():
            tokens, rounds = models.evaluate(file, name, prompts, count, ["--plait-check-exactness"], **options)
            if "exact identical" in file or not (options.get("temperature") or "exact reference" in file):
                assert tokens == expected, f"{what}, {name}: {tokens} instead of {expected}"
            assert list(map(len, tokens)) == list(map(len, expected)) or options.get("stop_ids"), f"{what}, {name}"
            total[name] = sum(rounds)
        print(what, total)
        return expected, total

    # The last position takes the token that the last but one led to: one more than there are.
    for size, count in ((POSITIONS, 1), (POSITIONS - 1, 2), (POSITIONS - 4, 5)):
        for temperature in (0, 0.9):
            compare(f"{size} of {POSITIONS} positions", [text[-size:]], count, temperature=temperature)
    for name, file in [("ar", "// ar()\n"), *files.items()]:
        try:
            models.evaluate(file, name, [text], 2, ["--plait-attach-strategy"])
        except RuntimeError as error:
            message = ("expected a round that commits a token to its text" if name == "twice" else
                       "expected at most max_positions 128 tokens in a sequence")
            assert message in str(error), f"{name}: {error}"
        else:
            raise AssertionError(f"{name}: a text of {POSITIONS + 2} tokens")

    prompts = [text[:1], text[:2], [3, 3], text[:9]]
    for temperature in (0, 0.9):
        _, total = compare("one token", prompts, 1, temperature=temperature, min_new_tokens=1, stop_ids=5)
        assert {total[name] for name in VARIANTS} == {len(prompts)}, total

    # Each token of the greedy text ends it once: within what was drafted, too.
    prompt = text[:9]
    (tokens,), _ = strategies.autoregressive(models, [prompt], 10)
    for stop in list(dict.fromkeys(tokens))[1:4]:
        (expected,), total = compare(f"stops at {stop}", [prompt], 10, stop_ids=stop)
        assert expected[-1] == stop and len(expected) == tokens.index(stop) + 1
        assert total["spec"] == 1 < len(expected), f"not within a draft: {total}"
        (expected,), _ = compare(f"stops at {stop} after 6", [prompt], 10, stop_ids=stop, min_new_tokens=6)
        assert len(expected) >= 6
    compare("drawn, stops", [prompt, prompt, text[:4]], 10, temperature=1.1, stop_ids="4,5,6", min_new_tokens=3, seed=9)


main()
