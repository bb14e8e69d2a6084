"""Rules over drafts that no file of the library puts together: all outcomes on a model of three
tokens have the distribution of autoregressive sampling."""
import sys

import strategies

COUNT, TEMPERATURE = 3, 0.8
WARPS = "[#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>]"
REJECT = (f"verify_sample %b, %e {WARPS}", f"verify_reject %b, %e {WARPS}")
# What is put together; the file, its values, and what of it is replaced.
CASES = [
    ("rejection of what was looked up", "prompt_lookup", {"k": 2, "longest": 2}, [REJECT]),
    ("rejection on a tree", "token_recycling", {"tree": [-1, 0, 0, 1, 1], "successors": 2}, [REJECT]),
    # More children than there are tokens: each is there once.
    ("a tree wider than the vocabulary", "medusa", {"tree": [-1, 0, 0, 0, 0, 0, 1], "first": 5, "second": 4}, [REJECT]),
    ("rejection of one's own drafts", "swift", {"k": [2], "most": 2, "skip": [1]},
     [REJECT, (f"verify_sample %one, %e {WARPS}", f"verify_sample %one, %e {WARPS} purpose draft")]),
    ("rejection of greedy drafts", "spec", {"k": [2], "most": 2},
     [(f"verify_sample %one, %l {WARPS} purpose draft", "verify_greedy %one, %l")]),
    # Drafts of another temperature: each brings its own distribution.
    ("drafts without warps", "spec", {"k": [2], "most": 2},
     [(f"verify_sample %one, %l {WARPS} purpose draft", "verify_sample %one, %l [#decode.warp<temperature>] purpose draft")]),
    ("samples of drafts", "spec", {"k": [2], "most": 2},
     [(f"verify_reject %b, %w {WARPS}", f"verify_sample %b, %w {WARPS}")]),
    # The second of the two was not drawn for its place: it is the first one again.
    ("a draft appended twice", "spec", {"k": [1], "most": 2},
     [("decode.repeat 2", "decode.repeat 1"),
      ("%longer = decode.append %c, %p", "%short = decode.append %c, %p : !block\n      %longer = decode.append %short, %p")]),
]


def main():
    strategies.SHAPE.update(vocab=3, hidden=16, layers=2)
    models = strategies.TinyModels(sys.argv[2], seed=4, noise=0.6, sharpness=0.3)
    files = strategies.library(sys.argv[1])
    prompt, options = [0, 1, 2, 0, 1], dict(temperature=TEMPERATURE, presence_penalty=1.5, top_k=2)
    expected = models.outcomes("// ar()\n", "ar", prompt, COUNT, ["--plait-attach-strategy"], **options)
    (greedy,), _ = strategies.autoregressive(models, [prompt], COUNT)
    for what, name, values, changes in CASES:
        text = strategies.fill_in(files[name], **values).replace("exact identical", "exact distribution")
        for old, new in changes:
            assert old in text, f"{what}: no {old!r} in\n{text}"
            text = text.replace(old, new)
        found = models.outcomes(text, name, prompt, COUNT, ["--plait-check-exactness"], **options)
        assert found == expected, f"{what}: {found} instead of {expected}"
        (tokens,), _ = models.evaluate(text, name, [prompt], COUNT)
        assert tokens == greedy, f"{what}: {tokens} instead of {greedy}"
        print(f"{what}: {len(found)} texts, equal fractions")


main()
