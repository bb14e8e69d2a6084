"""All-reduces between ranks of this machine: tools/dev.sh bench comm [--ranks N] [--rounds N].

Microseconds per all-reduce of f32 of LocalGroup, of a plain loop over shared memory,
and of Open MPI where mpicc and mpirun are installed (libopenmpi-dev, openmpi-bin), in
turns; the median of the rounds.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

from harness import ROOT, machine_text, print_table, run, tool

SIZES = [1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20]


def medians(words):
    """Bytes to microseconds, as plait-comm prints them."""
    return {int(size): float(time) for size, time in map(str.split, run(*words)[1].splitlines())}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    ranks, sizes = str(options.ranks), [str(size) for size in SIZES]
    kinds = {"plait": [tool("plait-comm"), "plait", ranks, *sizes],
             "plain loop": [tool("plait-comm"), "plain", ranks, *sizes]}
    with tempfile.TemporaryDirectory() as work:
        if shutil.which("mpicc") and shutil.which("mpirun"):
            program = os.path.join(work, "comm_mpi")
            subprocess.run(["mpicc", "-O2", os.path.join(ROOT, "test", "bench", "comm_mpi.c"), "-o", program], check=True)
            kinds["Open MPI"] = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", ranks, program, *sizes]
        else:
            print("Open MPI is not measured: found no mpicc and mpirun; install libopenmpi-dev and openmpi-bin",
                  file=sys.stderr)
        rounds = [{kind: medians(words) for kind, words in kinds.items()} for _ in range(options.rounds)]
    rows = []
    for size in SIZES:
        times = {kind: statistics.median(r[kind][size] for r in rounds) for kind in kinds}
        ratios = [statistics.median(r[kind][size] / r["plait"][size] for r in rounds) for kind in list(kinds)[1:]]
        rows.append([f"{size >> 10} KiB", *(f"{times[kind]:.2f}" for kind in kinds), *(f"{r:.2f}" for r in ratios)])
    print_table(["all-reduce", *(f"{kind}, us" for kind in kinds), *(f"{kind} / plait" for kind in list(kinds)[1:])],
                rows, range(1, 1 + 2 * len(kinds)))
    print()
    print(machine_text(options.ranks))


main()
