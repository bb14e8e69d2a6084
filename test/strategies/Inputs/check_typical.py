"""Typical acceptance of what prompt lookup drafts, on a model of three tokens: the probability of
each text, by the reference evaluation of the strategy, by that of its compiled form, and by numpy."""
import sys

import numpy as np

import strategies

COUNT, TEMPERATURE, WARPS = 4, 0.8, "[#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>]"
DRAFT, LONGEST = 3, 2


def lookup(text):
    """What followed the last tokens where they stood before, the longest of them and the last place."""
    for length in range(min(LONGEST, len(text)), 0, -1):
        places = [end for end in range(length, len(text)) if text[end - length:end] == text[-length:]]
        if places:
            return text[places[-1]:places[-1] + DRAFT]
    return []


def joint(models, prompt, threshold, alpha, top_k):
    """The probability of each text."""
    found = {}

    def choices(text):
        logits = strategies.logits_of(models.tensors, text)[-1]
        weights = np.exp(logits / TEMPERATURE)
        if top_k:
            weights[logits < np.sort(logits)[-top_k]] = 0
        return weights / weights.sum()

    def walk(text, draft, probability):
        if len(text) >= len(prompt) + COUNT:
            text = tuple(text[len(prompt):])
            found[text] = found.get(text, 0) + probability
            return
        p = choices(text)
        entropy = -sum(share * np.log(share) for share in p if share)
        if draft and p[draft[0]] > min(threshold, alpha * np.exp(-entropy)):
            walk(text + draft[:1], draft[1:], probability)
            return
        for token in np.flatnonzero(p):
            longer = text + [int(token)]
            # A draw that was drafted goes on in the round; after another one there is the next round.
            walk(longer, draft[1:] if draft[:1] == [token] else lookup(longer), probability * p[token])

    walk(list(prompt), lookup(list(prompt)), 1.0)
    return found


def main():
    strategies.SHAPE.update(vocab=3, hidden=16, layers=2)
    models = strategies.TinyModels(sys.argv[2], seed=4, noise=0.6, sharpness=0.3)
    file = strategies.fill_in(strategies.library(sys.argv[1])["prompt_lookup"], k=DRAFT, longest=LONGEST)
    prompt = [0, 1, 2, 0, 1]
    plain = models.outcomes("// ar()\n", "ar", prompt, COUNT, ["--plait-attach-strategy"], temperature=TEMPERATURE)
    for threshold, alpha, top_k in ((0.09, 0.3, 0), (0.35, 0.95, 0), (0.6, 0.9, 2)):
        text = file.replace(f"verify_sample %b, %e {WARPS}",
                            f"verify_typical %b, %e {WARPS} threshold {threshold} alpha {alpha}")
        # By costs of its own, not by the clock: what is drafted decides on the text.
        text = text.replace(f"of [0, {DRAFT}] :", f"of [0, {DRAFT}] costs [1.0, 1.0] :")
        text = text.replace("exact identical", "exact approximate")
        options = dict(temperature=TEMPERATURE, **({"top_k": top_k} if top_k else {}))
        expected = joint(models, prompt, threshold, alpha, top_k)
        assert abs(sum(expected.values()) - 1) < 1e-9
        for passes in ((), strategies.OUTLINE):
            found = models.outcomes(text, "prompt_lookup", prompt, COUNT, passes, **options)
            error = max(abs(found.get(key, 0) - expected.get(key, 0)) for key in set(found) | set(expected))
            assert error < 1e-6, f"off by {error}: {found} instead of {expected}"
        assert max(abs(plain.get(key, 0) - expected.get(key, 0)) for key in plain) > 0.01, "as plain decoding"
        print(f"threshold {threshold}, alpha {alpha}{f', top_k {top_k}' if top_k else ''}: {len(expected)} texts, as by numpy")
    (greedy,), _ = strategies.autoregressive(models, [prompt], COUNT)
    (tokens,), _ = models.evaluate(text, "prompt_lookup", [prompt], COUNT, strategies.OUTLINE)
    assert tokens == greedy, f"{tokens} instead of {greedy}"
    print("greedy: as plain decoding")


main()
