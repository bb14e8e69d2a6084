"""Parts that draft say what numpy computes of them: the greedy texts of the strategies take as many
rounds as by drafts that are computed there from the whole text, and some of them are accepted."""
import json
import re
import sys

import numpy as np

import drafts
import strategies

COUNT = 32
VARIANTS = {
    "mtp": [{}, {"tree": [-1, 0, 0, 0, 1, 1, 4], "width": 3}],
    "clover": [{}, {"tree": [-1, 0, 0, 0, 0, 0, 1, 1, 6], "width": 5}],
    "ppd": [{}, {"first": 6, "second": 4, "tree1": [-1, 0, 0, 0, 0, 0, 0], "prompts1": [2, 2, 1, 1, 0, 0, 0],
                 "tree2": [-1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1], "prompts2": [2, 2, 1, 0, 0, 0, 0, 1, 2, 0, 0], "nodes": 19}],
    "early_exit": [{"k": 3, "exit": 2}, {"k": 1, "exit": 0}],
    "swift": [{"k": 3, "skip": ["attention.1", "mlp.2"]}, {"k": 2, "skip": ["mlp.0", 1, "attention.3"]},
              {"k": 3, "skip": ["attention.0", "attention.1", "attention.2", "attention.3"]}, {"k": 2, "skip": [0]},
              {"k": 2, "skip": ["mlp.0", "mlp.1", "mlp.2", "mlp.3"]}],
    "taps": [{}, {"width": 3, "tree": [-1, 0, 0, 0, 1, 1, 1, 4]}],
    "tidar": [{"mask": 7}, {"mask": 7, "together": 3}, {"mask": 2, "together": 2, "prompts": [3, 2, 3, 3]}, {"mask": 2, "width": 5, "tree": [-1, 0, 0, 0, 0, 0, 1, 1, 1], "prompts": [3, 3, 1, 2, 3, 1, 1, 1, 1], "nodes": 28, "asked": 19}],
}


def parameters_of(text, values):
    """All of them, with the defaults of the file."""
    header = re.match(r"// (\w+)\((.*)\)\n", text)
    known = re.findall(r"(\w+) = (?:auto: |sublayers )?(\[[^\]]*\]|[^,\[]+)", header.group(2))
    return {**{name: json.loads(value) for name, value in known}, **values}


def main():
    # Small steps from layer to layer, so that drafts by less than the whole model are often right.
    def calm(tensors):
        for name in tensors:
            if "o_proj" in name or "down_proj" in name:
                tensors[name] = 0.3 * tensors[name]

    models = strategies.TinyModels(sys.argv[2], seed=2, change=calm)
    files = {**strategies.library(sys.argv[1]), **strategies.library(sys.argv[3])}
    random = np.random.RandomState(3)
    prompts = [[int(token) for token in random.randint(3, 23, size)] for size in (1, 2, 5, 9, 12)]
    for name, variants in VARIANTS.items():
        for values in variants:
            given = {key: [value] if key == "k" else value for key, value in values.items()}
            found, rounds = models.evaluate(strategies.fill_in(files[name], **given), name, prompts, COUNT)
            wanted = [drafts.expected(models.everything, name, prompt, COUNT, parameters_of(files[name], values))
                      for prompt in prompts]
            assert found == [tokens for tokens, _ in wanted], f"{name} {values}: {found} instead of {wanted}"
            assert rounds == [count for _, count in wanted], f"{name} {values}: {rounds} rounds instead of {wanted}"
            assert not values or sum(rounds) < COUNT * len(prompts), f"{name} {values}: nothing is accepted"
            print(f"{name} {values}: {COUNT * len(prompts)} tokens in {sum(rounds)} rounds, as by numpy")


main()
