"""Compares the tables of `plait-translate --plan-to-json` with those of a binary.

  check_plan_json.py PLAN.json INSPECT.json
"""

import json
import sys

plan, tables = (json.load(open(path)) for path in sys.argv[1:])
tables = tables["tables"]
assert len(plan["kernels"]) == len(tables["kernels"])
for ours, theirs in zip(plan["weights"], tables["weights"], strict=True):
    for mine, its in {"name": "name", "source": "source", "layers": "layers", "pack_offset": "offset",
                      "layer_bytes": "layer_bytes", "dtype": "dtype"}.items():
        assert ours[mine] == theirs[its], (ours, theirs)
    assert [ours["rows"], ours["cols"]] == theirs["shape"]
for ours, theirs in zip(plan["plans"], tables["plans"], strict=True):
    assert ours["name"] == theirs["name"] and len(ours["slots"]) == len(theirs["slots"])
    for mine, its in zip(ours["launches"], theirs["launches"], strict=True):
        for key in ("kernel", "source", "layers", "barrier", "loop_begin"):
            assert mine[key] == its[key], (key, mine, its)
        assert len(mine["args"]) == len(its["args"])
print(f"{len(plan['weights'])} weights, {len(plan['plans'][0]['launches'])} launches: equal")
