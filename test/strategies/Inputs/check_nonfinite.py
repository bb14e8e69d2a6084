"""Logits that are not finite end a text as they end it in autoregressive decoding: after the
tokens before them. Those of a draft, or after tokens that are not accepted, change nothing."""
import sys

import numpy as np

import strategies

COUNT = 12


def poison(*tokens):
    """After one of the tokens no logit is a number."""
    def change(tensors):
        for token in tokens:
            tensors["model.embed_tokens.weight"][token] = np.nan
    return change


def poison_draft(tensors):
    for name, value in tensors.items():
        if name.startswith("draft."):
            tensors[name] = np.full_like(value, np.nan)


def main():
    folder = sys.argv[2]
    files = {name: strategies.fill_in(text, mask=21) for name, text in strategies.library(sys.argv[1]).items()}
    # Rules in the place of the library's: greedy at temperature 0, all of them.
    warps = "[#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>]"
    old = f"verify_sample %b, %e {warps}"
    for name in ("token_recycling", "prompt_lookup"):
        assert old in files[name]
        for rule, more in (("greedy", ""), ("reject", f" {warps}"), ("typical", f" {warps} threshold 0.09 alpha 0.3")):
            file = files[name].replace(old, f"verify_{rule} %b, %e{more}").replace("exact identical", "")
            files[f"{name}_{rule}"] = file.replace(f"@{name}(", f"@{name}_{rule}(")
    prompt = [3, 4, 3, 4, 7, 3, 4]
    whole = strategies.TinyModels(folder, noise=0)
    (tokens,), _ = strategies.autoregressive(whole, [prompt], COUNT)

    def compare(what, models, prompts, **options):
        expected, rounds = strategies.autoregressive(models, prompts, COUNT, **options)
        for name, file in files.items():
            found, _ = models.evaluate(file, name, prompts, COUNT, **options)
            if "exact reference" in file:  # a text of its own
                assert all(found) or found == expected, f"{what}, {name}: {found}"
            elif "exact identical" in file or not options.get("temperature"):
                assert found == expected, f"{what}, {name}: {found} instead of {expected}"
        print(f"{what}: {list(map(len, expected))} tokens")
        return expected, rounds

    for place in (0, 1, 3, 6):
        token = tokens[place]
        if token in prompt:
            continue
        models = strategies.TinyModels(folder, noise=0, change=poison(token))
        (expected,), _ = compare("poisoned in the text", models, [prompt])
        assert expected == tokens[:tokens.index(token) + 1], f"{expected} of {tokens}"
        compare("poisoned and drawn", models, [prompt, prompt], temperature=0.9, seed=3)
        # The token that ends the text does so before its logits could.
        compare("poisoned stop", models, [prompt], stop_ids=token)
    models = strategies.TinyModels(folder, noise=0, change=poison(prompt[0]))
    expected, rounds = compare("poisoned prompt", models, [prompt])
    assert expected == [[]] and rounds == [1], (expected, rounds)
    others = [token for token in range(23) if token not in tokens + prompt]
    models = strategies.TinyModels(folder, noise=0, change=poison(*others))
    assert compare("poisoned drafts", models, [prompt])[0] == [tokens]
    models = strategies.TinyModels(folder, noise=0, change=poison_draft)
    assert compare("poisoned draft model", models, [prompt])[0] == [tokens]


main()
