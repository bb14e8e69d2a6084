"""add_strategies.py ARTIFACT: gives a compiled model strategies, as its manifest holds
them, and a copy of itself to draft with. What the compiler writes is tested with it; this
is the runtime's part."""

import json
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../target/abi/Inputs"))
from seal import MANIFEST, seal

artifact = sys.argv[1]


def op(name, operands, results, **attributes):
    return {"op": name, "operands": operands, "results": results, **attributes}


def program(name, models, values, begin, inits, arguments, ops, result, stop):
    body = {"ops": ops, "yield": result, "stop": stop}
    return {"name": name, "exact": "identical", "models": models, "values": values, "begin": begin, "inits": inits,
            "arguments": arguments, "round": body}


def lookup(k):
    ops = [op("lookup", [1], [2], size=k + 1, longest=3, shortest=1),
           op("forward", [1, 2], [3], step="ar"),
           op("walk", [2, 3], [4]), op("commit", [1, 4], [5]), op("stop", [5], [6])]
    return program("prompt_lookup", ["main"], 7, [], [0], [1], ops, [5], 6)


def jacobi(window):
    ops = [op("carry", [1, 8], [2], size=window + 1),
           op("forward", [1, 2], [3], step="ar"),
           op("walk_guesses", [2, 3], [4, 9]), op("commit", [1, 4], [5]), op("stop", [5], [6])]
    begin = [op("new_guesses", [], [7])]
    return program("jacobi", ["main"], 10, begin, [0, 7], [1, 8], ops, [5, 9], 6)


def spec(most):
    body = [op("pending", [8], [11]), op("forward", [8, 11], [12], step="ar"), op("walk", [11, 12], [13]),
            op("commit", [8, 13], [14]), op("append", [7, 13], [15], size=most + 1)]
    ops = [op("choose_length", [4], [5], lengths=[0, most // 2, most], costs=[1, 1.1, 1.2]), op("pending", [2], [6]),
           op("repeat", [6, 3], [9, 10], count=most, times=5, arguments=[7, 8], body={"ops": body, "yield": [15, 14]}),
           op("forward", [2, 9], [16], step="ar"), op("walk", [9, 16], [17]), op("observe", [4, 9, 17], [18]),
           op("commit", [2, 17], [19]), op("follow", [10, 19], [20]), op("stop", [19], [21])]
    begin = [op("new_acceptance", [], [22])]
    return program("spec", ["main", "draft"], 24, begin, [0, 1, 22], [2, 3, 4], ops, [19, 20, 18], 21)


shutil.copytree(artifact, os.path.join(artifact, "draft"))
path = os.path.join(artifact, "manifest.json")
with open(path, encoding="utf-8") as f:
    manifest = json.load(f)
manifest["strategies"] = [{"call": "prompt_lookup(k=4,longest=3,shortest=1)", "program": lookup(4)},
                          {"call": "prompt_lookup(k=8,longest=3,shortest=1)", "program": lookup(8)},
                          {"call": "jacobi(window=3)", "program": jacobi(3)},
                          {"call": "spec(most=4)", "program": spec(4)},
                          {"call": "damaged()", "program": {**lookup(4), "values": 3}}]
manifest["models"] = {"draft": "draft"}
manifest["digest"] = manifest.pop("digest")  # stays the last
with open(path, "w", encoding="utf-8") as f:
    f.write(json.dumps(manifest, indent=2) + "\n")
seal(artifact, [MANIFEST])
