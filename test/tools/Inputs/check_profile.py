"""Checks plait bench --profile: its sums in the records, and the spans of its trace."""

import collections
import json
import math
import sys

records, trace, inspect, explain = (json.load(open(path)) for path in sys.argv[1:])
launches = explain["launches"]
plan = inspect["tables"]["plans"][1]["launches"]  # "ar.greedy", as nothing is drawn
assert [l["kernel"] for l in launches] == [l["kernel"] for l in plan]


def at(form, tokens, rows, leaves, positions):
    values = dict(constant=1, tokens=tokens, rows=rows, leaves=leaves, token_positions=positions)
    return sum(factor * values[name] for name, factor in form.items())


def loads(r):
    """The steps of a repetition, as (tokens, rows, leaves, positions attended to)."""
    b, d = r["n_batch"], r["n_depth"]
    if r["n_gen"]:
        return [(b, b, b, b * (d + i + 1)) for i in range(r["n_gen"])]
    steps, chunk = [], 8 // b
    for first in range(0, r["n_prompt"], chunk):
        count = min(chunk, r["n_prompt"] - first)
        steps.append((count * b, b, b if first + count == r["n_prompt"] else 0,
                      b * sum(d + first + i + 1 for i in range(count))))
    return steps


for r in records:
    p, steps = r["profile"], loads(r)
    assert p["steps"] == 2 * len(steps), (p["steps"], r["test"])
    # What a step takes is what the test takes, but for a loop around the steps.
    per_step = r["avg_ns"] / len(steps)
    assert p["ns_per_step"] <= per_step * 1.001 and per_step - p["ns_per_step"] < max(200e3, 0.5 * per_step), r["test"]
    assert math.isclose(p["kernels_ns_per_step"] + p["waiting_ns_per_step"] + p["outside_ns_per_step"],
                        p["ns_per_step"], rel_tol=1e-9)
    assert p["outside_ns_per_step"] > 0
    for key, name in ("parts", "source"), ("kernels", "kernel"):
        rows = p[key]
        assert len({(row["name"], row["op"]) for row in rows}) == len(rows)
        assert math.isclose(sum(row["ns_per_step"] for row in rows), p["kernels_ns_per_step"], rel_tol=1e-9)
        assert math.isclose(sum(row["waiting_ns_per_step"] for row in rows), p["waiting_ns_per_step"], rel_tol=1e-9)
        calls, costs = collections.Counter(), collections.Counter()
        for l in launches:
            id = (l[name] or l["op"], l["op"])
            calls[id] += l["layers"] * p["steps"]
            for cost, form in ("bytes", "weight_bytes"), ("flops", "flops"):
                costs[id, cost] += sum(at(l[form], *load) for load in steps) * l["layers"] / len(steps)
        for row in rows:
            id = row["name"], row["op"]
            assert row["calls"] == calls[id], (row, calls[id])
            for cost in "bytes", "flops":
                assert math.isclose(row[cost + "_per_step"], costs[id, cost], rel_tol=1e-9), (row, costs[id, cost])

# A process is a test. On each thread, steps follow each other, and launches and
# barriers follow each other within their step.
events = trace["traceEvents"]
names = {e["pid"]: e["args"]["name"] for e in events if e["name"] == "process_name"}
assert len(names) == len(records)
spans = collections.defaultdict(list)
for e in events:
    assert e["ph"] in "MX"
    if e["ph"] == "X":
        assert e["ts"] >= 0 and e["dur"] >= 0
        spans[e["pid"], e["tid"]].append(e)
assert {key for key in spans} == {(i, t) for i, r in enumerate(records) for t in range(r["n_threads"])}
slack = 1e-3  # times have three digits behind the point
for (process, thread), list_ in spans.items():
    r = records[process]
    assert names[process].endswith(r["test"]), (names[process], r["test"])
    end = step_end = 0
    seen = []
    for e in list_:
        if e["cat"] == "step":
            assert e["ts"] >= step_end - slack
            end, step_end = e["ts"], e["ts"] + e["dur"]
            seen.append((e["args"], []))
            continue
        assert end - slack <= e["ts"] and e["ts"] + e["dur"] <= step_end + slack, e
        end = e["ts"] + e["dur"]
        if e["cat"] == "launch":
            seen[-1][1].append(e)
        else:
            assert e["cat"] == "barrier"
    expected = (loads(r) * 2)[-16:]
    assert len(seen) == len(expected)
    for (args, run), load in zip(seen, expected):
        assert tuple(args[k] for k in ("tokens", "rows", "leaves", "positions")) == load
        assert len(run) == sum(l["layers"] for l in launches)
        for e in run:
            source = e["name"].split(" [")[0]
            l = next(l for l in launches if (l["source"] or l["op"], l["kernel"]) == (source, e["args"]["kernel"]))
            assert e["args"]["bytes"] == round(at(l["weight_bytes"], *load))
            assert e["args"]["flops"] == round(at(l["flops"], *load))
            assert ("[" in e["name"]) == (l["layers"] > 1)
print(len(records), "profiles,", len(events), "events: all right")
