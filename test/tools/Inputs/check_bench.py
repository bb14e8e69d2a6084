"""Checks the records of plait bench -o json and prints the tests that there are."""

import json
import math
import sys

records = json.load(open(sys.argv[1]))
keys = """build_id version model_name model_digest model_size model_n_params weights format
kv_dtype numerics backend target isa cpu_info n_threads n_prompt n_gen n_depth n_batch test test_time avg_ns
stddev_ns avg_ts stddev_ts samples_ns samples_ts""".split()
for r in records:
    assert list(r) == keys, r
    assert r["n_threads"] == 1 and r["n_batch"] in (1, 2) and r["n_depth"] in (0, 4)
    tokens = (r["n_prompt"] + r["n_gen"]) * r["n_batch"]
    assert len(r["samples_ns"]) == len(r["samples_ts"]) == 2
    for ns, ts in zip(r["samples_ns"], r["samples_ts"]):
        assert ns > 0 and math.isclose(ts, tokens * 1e9 / ns, rel_tol=1e-6)
    assert math.isclose(r["avg_ts"], sum(r["samples_ts"]) / 2, rel_tol=1e-6)
    assert abs(r["avg_ns"] - sum(r["samples_ns"]) / 2) <= 1
    assert r["model_size"] == 3939072 and r["model_n_params"] == 1967808
    assert r["backend"] == "CPU" and r["test_time"].endswith("Z")
assert len(records) == 12
print(*sorted({r["test"] for r in records}, key=lambda t: (t[:2], int(t[2:].split()[0]), t)))
