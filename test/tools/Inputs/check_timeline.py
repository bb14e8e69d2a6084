"""check_timeline.py TEXT TRACE SVG RANKS: what the three say of a timeline fits together."""

import json
import re
import sys
import xml.etree.ElementTree as ElementTree

text, trace, svg, ranks = open(sys.argv[1]).read(), json.load(open(sys.argv[2])), sys.argv[3], int(sys.argv[4])
root = ElementTree.parse(svg).getroot()
assert root.tag.endswith("svg"), root.tag
titles = [t.text for t in root.iter("{http://www.w3.org/2000/svg}title")]
assert trace["otherData"]["simulated"] is True
events = [e for e in trace["traceEvents"] if e["ph"] == "X"]
assert {e["pid"] for e in events} == set(range(ranks)), "a process for each rank"
end = max(e["ts"] + e["dur"] for e in events)

# What computes on a rank runs one behind the other.
for rank in range(ranks):
    at = 0.0
    for e in sorted((e for e in events if e["pid"] == rank and e["tid"] == 0), key=lambda e: e["ts"]):
        assert e["ts"] >= at - 1e-6, (rank, e["name"], e["ts"], at)
        at = e["ts"] + e["dur"]

# All ranks of an exchange are in it at the same time.
exchanges = {}
for e in events:
    if e["tid"] == 1:
        exchanges.setdefault((e["ts"], e["name"]), []).append(e)
assert exchanges and all(len(group) == ranks for group in exchanges.values())

# The critical path is as long as the timeline.
path = sorted({(e["ts"], e["dur"]) for e in events if e["args"]["critical"]})
assert abs(sum(dur for _, dur in path) - end) < 1e-3 * end, (sum(dur for _, dur in path), end)

units = {"s": 1e6, "ms": 1e3, "us": 1}
value, unit = re.search(r"critical path of \d+ events, ([0-9.]+) (s|ms|us):", text).groups()
assert abs(float(value) * units[unit] - end) < 2e-3 * end, (value, unit, end)
value, unit = re.search(r"\n\S.*: ([0-9.]+) (s|ms|us), of it", text).groups()
assert float(value) * units[unit] >= 0.999 * end
assert titles and max(len(line) for line in text.splitlines()) <= 160
sums = sum(group[0]["cat"] == "all_reduce" for group in exchanges.values())
print(f"{sums} sums and {len(exchanges) - sums} other exchanges: all right")
