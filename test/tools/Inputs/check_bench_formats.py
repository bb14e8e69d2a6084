"""check_bench_formats.py FOLDER: plait bench's csv, jsonl and md are one table."""

import csv
import json
import math
import os
import re
import statistics
import sys


def read(name):
    return open(os.path.join(sys.argv[1], name), encoding="utf-8")


records = [json.loads(line) for line in read("jsonl")]
rows = list(csv.DictReader(read("csv")))
*markdown, empty, build = read("md").read().splitlines()
head, rule, *lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown]
table = [dict(zip(head, line, strict=True)) for line in lines]
names = ["pp4", "pp8", "tg2"]
for kind in (records, rows, table):
    assert [row["test"] for row in kind] == names, kind
for record, row, line in zip(records, rows, table, strict=True):
    # Mean and sample deviation of the samples, and the machine and the build beside them.
    assert len(record["samples_ts"]) == 3
    assert math.isclose(record["avg_ts"], statistics.mean(record["samples_ts"]), rel_tol=1e-9)
    assert math.isclose(record["stddev_ts"], statistics.stdev(record["samples_ts"]), rel_tol=1e-6)
    assert record["build_id"] and record["cpu_info"]
    # The columns of csv are the members of a record that are no lists.
    assert list(row) == [key for key, value in record.items() if not isinstance(value, list)]
    for key, value in row.items():
        if re.search("_ns$|_ts$|test_time", key): # of another run
            assert type(record[key]) is str or float(value) >= 0, (key, value)
        else:
            assert value == str(record[key]), (key, value, record[key])
    match = re.fullmatch(r"(\d+\.\d\d) ± (\d+\.\d\d)", line["t/s"])
    assert match and float(match[1]) > 0, line
    assert line["model"] == f"{record['model_name']} {record['format']}" and line["backend"] == record["backend"]
    assert int(line["threads"]) == record["n_threads"] and int(line["batch"]) == record["n_batch"]
    assert line["size"] == f"{record['model_size'] / 2**20:.2f} MiB"
assert empty == "" and build == f"build {records[0]['version']} ({records[0]['build_id']}), {records[0]['cpu_info']}"
print(f"{len(records)} tests in each of 3 formats: all right")
