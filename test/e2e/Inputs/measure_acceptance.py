"""measure_acceptance.py MODELS WORK [TEMPERATURE ...]: how many tokens of a draft model are accepted in a round.

`spec` with the shipped models and four drafted tokens, by the reference evaluation, so that counts are those of
the definitions and of no machine:

  reject   as the file stands: drafts have draws of their own, rejection sampling tests them
  match    draws of their own, and the text's own draws decide
  walk     as it is compiled: both draw by the numbers of the text at their positions, and what the text draws decides

It takes some minutes, so that no test runs it; the table of docs/decisions/0029 is its output.
"""
import pathlib
import sys

from check_differential import LIBRARY, Case, strategies

PROMPTS = ["In the beginning", "And the LORD said unto Moses,", "Blessed is the man", "And it came to pass",
           "Hear, O Israel:", "The words of", "And he said unto them,", "Thou shalt not"]
SEEDS, TOKENS, DRAFTED = range(1, 5), 96, 4


def main():
    models, work = map(pathlib.Path, sys.argv[1:3])
    temperatures = [float(word) for word in sys.argv[3:]] or [0.6, 0.9]
    case = Case(models, work, "kjv-2m", [(LIBRARY / "spec.mlir", {"k": [DRAFTED], "most": DRAFTED})], PROMPTS)
    file = case.files["spec"]
    ways = {"reject": (file, ()), "match": (file.replace("verify_reject", "verify_sample"), ()),
            "walk": (file, strategies.OUTLINE)}
    print("| temperature | " + " | ".join(ways) + " | tokens | rounds |")
    print("|---|" + "---|" * len(ways) + "---|---|")
    for temperature in temperatures:
        tokens, rounds = dict.fromkeys(ways, 0), dict.fromkeys(ways, 0)
        for seed in SEEDS:
            for way, (text, passes) in ways.items():
                texts, count = case.interpret("spec", text, TOKENS, {"temperature": temperature, "seed": seed}, passes)
                tokens[way] += sum(map(len, texts))
                rounds[way] += count
        accepted = " | ".join(f"{tokens[way] / rounds[way] - 1:.2f}" for way in ways)
        print(f"| {temperature} | {accepted} | {' / '.join(map(str, tokens.values()))} | {' / '.join(map(str, rounds.values()))} |",
              flush=True)


main()
