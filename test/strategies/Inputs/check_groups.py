"""Strategies with groups, by the reference evaluation of their IR, beside an answer of numpy's: traces of branches with
their own random numbers, flat masked forwards of joined texts, and all outcomes of what is selected."""
import copy
import itertools
import pathlib
import re
import sys
from fractions import Fraction

import numpy as np

import strategies
from branches import Text, fork_join, nested, philox

WARPS = "[#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>]"
CHECK = ["--plait-check-exactness"]


def drafted(ir):
    """The same with drafts in each round."""
    ir = ir.replace("decode.pending %u : <@main> -> <1>", "decode.lookup %u longest 2 shortest 1 : <@main> -> <4>")
    ir = ir.replace("decode.forward %u, %b : <@main>, <1>", "decode.forward %u, %b : <@main>, <4>")
    return ir.replace(f"{WARPS} : <1>", f"{WARPS} : <4>")


def check_joins(folder, inputs):
    """Joined texts are those of flat masked forwards, token by token."""
    models = strategies.TinyModels(folder)
    random = np.random.RandomState(3)
    prompts = [[int(token) for token in random.randint(3, 23, size)] for size in (1, 5, 9)]
    file = strategies.fill_in(inputs["fork_join"])
    found = {}
    for place, count, options in (("beside", 41, {}), ("behind", 41, {}), ("beside", 30, dict(temperature=0.9, seed=11)),
                                  ("beside", 23, dict(stop_ids="3,9,14")), ("behind", 23, dict(stop_ids="3,9,14"))):
        stops = tuple(map(int, options.get("stop_ids", "").split(","))) if "stop_ids" in options else ()
        temperature, seed = options.get("temperature", 0), options.get("seed", 0)
        starts = [Text(prompt, count, stops, seed, row) for row, prompt in enumerate(prompts)]
        expected = [fork_join(start, models.tensors, temperature, place) for start in starts]
        tokens, _ = models.evaluate(file.replace("beside", place), "fork_join", prompts, count, CHECK, **options)
        assert tokens == expected, f"{place} {options}: {tokens} instead of {expected}"
        found[place, count, bool(stops)] = tokens
        print(f"fork_join {place} {options}: {sum(map(len, tokens))} tokens, as by numpy")
    assert found["beside", 41, False] != found["behind", 41, False], "where branches lie changes nothing"
    assert min(map(len, found["beside", 23, True])) < 23, "no text ends by a stop id"
    # Drafts change nothing, in branches and behind them.
    expected = [fork_join(Text(prompt, 41), models.tensors, 0, "beside", more=64) for prompt in prompts]
    for what, name, ir in (("", "fork_join", file.replace("repeat 4", "repeat 64")),
                           (" with drafts", "fork_join", drafted(file).replace("repeat 4", "repeat 64")),
                           (" with a draft model", "followed", inputs["followed"])):
        tokens, rounds = models.evaluate(ir, name, prompts, 41, CHECK)
        assert tokens == expected, f"fork_join{what}: {tokens} instead of {expected}"
        print(f"fork_join{what}: {sum(map(len, tokens))} tokens in {sum(rounds)} rounds")
    # What is too long for a branch is cut off, and where a text is cut it goes on if the branch stays.
    voted = inputs["nested"].replace("2 of 11", "2 of 6").replace("decode.join %g1 beside then [10]", "decode.vote %g1")
    for what, ir, length, is_joined in (("nested", inputs["nested"], 11, True), ("nested, cut", voted, 6, False)):
        for options in ({}, dict(temperature=0.9, seed=5)):
            starts = [Text(prompt, 37, (), options.get("seed", 0), row) for row, prompt in enumerate(prompts)]
            expected = [nested(start, models.tensors, options.get("temperature", 0), length, is_joined) for start in starts]
            tokens, _ = models.evaluate(ir, "nested", prompts, 37, CHECK, **options)
            assert tokens == expected, f"{what} {options}: {tokens} instead of {expected}"
            print(f"{what} {options}: {sum(map(len, tokens))} tokens, as by numpy")
    return models, prompts


def check_branches(models, prompts, inputs):
    """Branches draw by numbers of their own, whatever the others do; drafts in a branch change nothing."""
    options = dict(temperature=0.9, seed=8, stop_ids="19")
    plain, _ = strategies.autoregressive(models, prompts, 20, **options)
    best = inputs["best_of"]
    alone, _ = models.evaluate(strategies.fill_in(best, n=1, length=3).replace("exact reference", "exact identical"),
                               "best_of", prompts, 20, CHECK, **options)
    assert alone == plain, f"one branch: {alone} instead of {plain}"

    def score(start, tokens):
        text, total = copy.deepcopy(start), 0.0
        for token in tokens:
            logits = text.logits(models.tensors)
            total += logits[token] - logits.max() - np.log(np.exp(logits - logits.max()).sum())
            text.append(token)
        return total

    for n, length, stops in ((3, 20, ()), (4, 5, ()), (3, 20, (19,))):
        options = dict(temperature=0.9, seed=8, **({"stop_ids": stops[0]} if stops else {}))
        expected = []
        for row, prompt in enumerate(prompts):
            text = Text(prompt, 20, stops, 8, row)
            while not text.spent():
                members = text.branch([[]] * n, length)
                for member in members:
                    member.go_on(length, models.tensors, 0.9)
                scores = [score(text, member.tokens[len(text.tokens):]) for member in members]
                most, text = text.most, members[int(np.argmax(scores))]
                text.most = most
            expected.append(text.tokens[len(prompt):])
        file = strategies.fill_in(best, n=n, length=length)
        tokens, rounds = models.evaluate(file, "best_of", prompts, 20, CHECK, **options)
        assert tokens == expected, f"best of {n}: {tokens} instead of {expected}"
        assert tokens != plain, "as plain decoding"
        again, fewer = models.evaluate(drafted(file), "best_of", prompts, 20, CHECK, **options)
        assert again == tokens, f"best of {n} with drafts: {again} instead of {tokens}"
        assert stops or sum(fewer) < sum(rounds), f"no draft is accepted: {fewer} and {rounds} rounds"
        print(f"best_of {n} of {length}, stops {stops}: {sum(map(len, tokens))} tokens in {sum(rounds)} rounds, with drafts {sum(fewer)}")

    # A branch that begins with a token whose logits are not finite: others stay, and a joined text ends.
    def poison(everything):
        everything["model.embed_tokens.weight"] = everything["model.embed_tokens.weight"].copy()
        everything["model.embed_tokens.weight"][1] = np.nan

    poisoned = strategies.TinyModels(models.folder / "poisoned", change=poison)
    for prompt in prompts:
        _, second, third = members = Text(prompt, 20).branch([[1], [6], [7]], 6)
        for member in members[1:]:
            member.go_on(6, models.tensors, 0)
        second, third = second.tokens[len(prompt):], third.tokens[len(prompt):]
        assert 1 not in prompt + second + third
        begun = "decode.branch %x begin [[1], [6]] :"
        voted = strategies.fill_in(inputs["self_consistency"], n=2, length=6, after=[0]).replace(" after [0]", "")
        for name, ir, count, expected in (
                ("fork_join", strategies.fill_in(inputs["fork_join"], first=[1]), 20, [1] + second + third + [8]),
                ("best_of", strategies.fill_in(best, n=2, length=6).replace("decode.branch %x :", begun), 6, second),
                ("self_consistency", voted.replace("decode.branch %x :", begun), 6, second)):
            ir = ir.replace("exact reference", "exact semantics")
            (tokens,), _ = poisoned.evaluate(ir, name, [prompt], count, CHECK)
            assert tokens == expected, f"{name}, poisoned: {tokens} instead of {expected}"
    print("a poisoned branch: others stay, and a joined text ends")

    window = copy.copy(models)
    window.ir = re.sub(r"(<layers = [^>]*)>", r"\1, window = 8>", models.ir)
    assert window.ir != models.ir
    try:
        window.evaluate(strategies.fill_in(inputs["fork_join"]), "fork_join", prompts, 20)
    except RuntimeError as error:
        assert "expected a window of more than" in str(error), error
    else:
        raise AssertionError("branches beside each other behind a window")
    print("a window: refused")


def normalized(logits, temperature=1.0):
    p = np.exp((logits - logits.max()) / temperature)
    return p / p.sum()


def check_outcomes(folder, inputs):
    """On a model of three tokens: all that may be drawn."""
    strategies.SHAPE.update(vocab=3, hidden=16, layers=2)
    models = strategies.TinyModels(folder, seed=4, noise=0.6, sharpness=0.3)
    prompt, temperature = [0, 1, 2, 0, 1], 0.8

    def outcomes(text, name, count, passes=CHECK):
        return models.outcomes(text, name, prompt, count, passes, temperature=temperature)

    def plain(count):
        return outcomes("// ar()\n", "ar", count, ["--plait-attach-strategy"])

    def log_probability(text):
        logits = strategies.logits_of(models.tensors, prompt + list(text))[len(prompt) - 1:]
        return sum(np.log(normalized(row)[token]) for row, token in zip(logits, text))

    # The probability of each text of plain decoding is a fraction, and so is what follows from it.
    def tournament(n, texts, winner):
        found = {}
        for several in itertools.product(texts, repeat=n):
            chance = Fraction(1)
            for text in several:
                chance *= texts[text]
            won = several[winner(several)]
            found[won] = found.get(won, 0) + chance
        return found

    def most_probable(several):
        return int(np.argmax([scores[text] for text in several]))

    texts = plain(3)
    scores = {text: log_probability(text) for length in (1, 2, 3) for text in itertools.product(range(3), repeat=length)}
    found = outcomes(strategies.fill_in(inputs["best_of"], n=2, length=3), "best_of", 3)
    assert found == tournament(2, texts, most_probable), "best of 2"
    assert max(abs(found[text] - texts[text]) for text in texts) > 0.01, "as plain decoding"
    print(f"best_of 2: {len(found)} texts, equal fractions")

    # By one token at a time: each is the best of 2 after those before it.
    expected, first, both = {}, plain(1), plain(2)
    for start, chance in tournament(2, first, most_probable).items():
        after = {text: both[text] / first[start] for text in both if text[:1] == start}
        for text, own in tournament(2, after, most_probable).items():
            expected[text] = chance * own
    found = outcomes(strategies.fill_in(inputs["best_of"], n=2, length=1), "best_of", 2)
    assert found == expected, "best of 2, token by token"
    print(f"best_of 2, one token at a time: {len(found)} texts, equal fractions")

    def answer(text, after):
        """What comes behind the last token `after`, if it is there."""
        places = [place for place, token in enumerate(text) if token == after]
        return text[places[-1] + 1:] if places else None

    def voted(several, answers):
        votes = [sum(own == other for other in answers) if own is not None else 0 for own in answers]
        return votes.index(max(votes))

    for after in (None, 0):
        text = strategies.fill_in(inputs["self_consistency"], n=3, length=2, after=[0])
        text = text if after is not None else text.replace(" after [0]", "")
        expected = tournament(3, both, lambda several: voted(
            several, [one if after is None else answer(one, after) for one in several]))
        found = outcomes(text, "self_consistency", 2)
        assert found == expected, f"vote after {after}: {found} instead of {expected}"
        assert max(abs(found[text] - both[text]) for text in both) > 1e-3, "as plain decoding"
        print(f"self_consistency after {after}: {len(found)} texts, equal fractions")

    # A drawn token in each of three branches, and two that see all of them.
    def texts_of(place, positions=None):
        found = {}

        def choose(text, chance, then):
            for token, p in enumerate(normalized(text.logits(models.tensors), temperature)):
                longer = copy.deepcopy(text)
                longer.append(token)
                then(longer, chance * p)

        def end(text, chance):
            found[tuple(text.tokens[len(prompt):])] = chance

        def each(members, drawn, chance):
            if members:
                return choose(members[0], chance, lambda member, chance: each(members[1:], drawn + [member], chance))
            joined = Text(prompt, 9).join(drawn, place, [1])
            if positions:
                joined.positions = positions(len(joined.tokens))
                joined.behind = 1 + max(joined.positions)
            choose(joined, chance, lambda text, chance: choose(text, chance, end))

        each(Text(prompt, 9).branch([[0], [1], [2]], 2), [], 1.0)
        return found

    text = strategies.fill_in(inputs["fork_join"], first=[0], second=[1], third=[2], conclusion=[1], length=2, more=2)
    for place in ("beside", "behind"):
        found = outcomes(text.replace("beside", place), "fork_join", 9)
        assert sum(found.values()) == 1

        def error(expected):
            return max(abs(found.get(one, 0) - expected.get(one, 0)) for one in set(found) | set(expected))

        assert error(texts_of(place)) < 1e-7, f"{place}: off by {error(texts_of(place))}"
        # What else it might mean shows.
        assert error(texts_of("behind" if place == "beside" else "beside")) > 1e-4, f"{place} means nothing"
        assert place == "behind" or error(texts_of(place, lambda count: list(range(count)))) > 1e-4, "positions mean nothing"
        print(f"fork_join {place}: {len(found)} texts, as by numpy")


def main():
    # Of Random123's known answers.
    assert philox([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    inputs = {path.stem: path.read_text() for path in pathlib.Path(sys.argv[2]).glob("*.mlir")}
    models, prompts = check_joins(sys.argv[1], inputs)
    check_branches(models, prompts, inputs)
    check_outcomes(sys.argv[1], inputs)


main()
