"""All-reduces between ranks of this machine: tools/dev.sh bench comm [--ranks N] [--rounds N] [--emulate-link LINK].

Microseconds per all-reduce of f32 of LocalGroup, by the algorithm that it chooses and by
each of them, of a plain loop over shared memory, and of Open MPI where mpicc and mpirun
are installed (libopenmpi-dev, openmpi-bin), in turns; the median of the rounds. Over an
emulated link (latency=2ms,bandwidth=1Gbit) there are the algorithms alone, beside what
docs/parallel.md predicts.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

from harness import ROOT, machine_text, print_table, run, tool

SIZES = [1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20]
ALGORITHMS = ["one_shot", "two_shot", "chain", "tree", "star"]


def medians(words):
    """Bytes to microseconds, as plait-comm prints them."""
    return {int(size): float(time) for size, time in map(str.split, run(*words)[1].splitlines())}


def parse_link(text):
    """Seconds of latency and bytes per second (0: without bound) of an emulated link."""
    units = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1, "Gbit": 1e9 / 8, "Mbit": 1e6 / 8, "Kbit": 1e3 / 8,
             "bit": 1 / 8, "GB": 1e9, "MB": 1e6, "KB": 1e3, "B": 1}
    parts = dict(part.split("=", 1) for part in text.split(","))
    values = {key: float(re.match(r"[0-9.]+", value)[0]) * units[value.lstrip("0123456789.")]
              for key, value in parts.items()}
    return values.get("latency", 0), values.get("bandwidth", 0)


def predict(algorithm, size, ranks, latency, bandwidth):
    """Microseconds: rounds * latency + bytes through a port / bandwidth; docs/parallel.md."""
    wire = size / bandwidth if bandwidth else 0
    levels = (ranks - 1).bit_length()
    pieces = min(max(size / (64 << 10), 1), 8)
    return 1e6 * {"one_shot": latency + (ranks - 1) * wire,
                  "two_shot": 2 * latency + 2 * wire * (ranks - 1) / ranks,
                  "chain": 2 * (ranks - 1) * latency + (2 * (ranks - 1) + pieces - 1) * wire / pieces,
                  "tree": 2 * levels * latency + (ranks - 1 + levels) * wire,
                  "star": 2 * latency + 2 * (ranks - 1) * wire}[algorithm]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--emulate-link", metavar="LINK", help="such as latency=2ms,bandwidth=1Gbit")
    options = parser.parse_args()
    ranks, sizes = str(options.ranks), [str(size) for size in SIZES]
    link = ["env", "PLAIT_COMM_LINK=" + options.emulate_link] if options.emulate_link else ["env"]
    plait = [tool("plait-comm"), "plait", ranks, *sizes]
    kinds = {"plait": [*link, *plait]}
    kinds.update((name, [*link, "PLAIT_ALL_REDUCE=" + name, *plait]) for name in ALGORITHMS)
    if not options.emulate_link:
        kinds["plain loop"] = [tool("plait-comm"), "plain", ranks, *sizes]
    with tempfile.TemporaryDirectory() as work:
        if options.emulate_link:
            pass
        elif shutil.which("mpicc") and shutil.which("mpirun"):
            program = os.path.join(work, "comm_mpi")
            subprocess.run(["mpicc", "-O2", os.path.join(ROOT, "test", "bench", "comm_mpi.c"), "-o", program], check=True)
            kinds["Open MPI"] = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", ranks, program, *sizes]
        else:
            print("Open MPI is not measured: found no mpicc and mpirun; install libopenmpi-dev and openmpi-bin",
                  file=sys.stderr)
        rounds = [{kind: medians(words) for kind, words in kinds.items()} for _ in range(options.rounds)]
    rows = []
    others = [kind for kind in kinds if kind not in ["plait", *ALGORITHMS]]
    for size in SIZES:
        times = {kind: statistics.median(r[kind][size] for r in rounds) for kind in kinds}
        ratios = [statistics.median(r[kind][size] / r["plait"][size] for r in rounds) for kind in others]
        row = [f"{size >> 10} KiB", *(f"{times[kind]:.2f}" for kind in kinds), *(f"{r:.2f}" for r in ratios)]
        if options.emulate_link:
            row += [f"{predict(name, size, options.ranks, *parse_link(options.emulate_link)):.0f}" for name in ALGORITHMS]
        rows.append(row)
    heads = ["all-reduce", *(f"{kind}, us" for kind in kinds), *(f"{kind} / plait" for kind in others)]
    if options.emulate_link:
        heads += [f"{name}, predicted" for name in ALGORITHMS]
    print_table(heads, rows, range(1, len(heads)))
    print()
    print(machine_text(options.ranks))


main()
