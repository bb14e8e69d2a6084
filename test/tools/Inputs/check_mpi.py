"""Checks models whose ranks mpirun starts: check_mpi.py WORK, which has N.plait for N ranks."""

import os
import re
import subprocess
import sys
import time

work = sys.argv[1]
MPIRUN = ["mpirun", "--allow-run-as-root", "--oversubscribe"]
failures = 0


def check(what, good, detail=""):
    global failures
    failures += not good
    if not good:
        print(f"FAILED: {what}: {detail}")


def model(ranks):
    return os.path.join(work, f"{ranks}.plait")


def execute(words, **more):
    return subprocess.run(words, capture_output=True, text=True, timeout=120, **more)


def messages(found):
    """What plait said; mpirun adds words of its own."""
    return [line for line in found.stderr.splitlines() if line.startswith("plait")]


def fails(what, words, pattern, code=None):
    found = execute(words)
    check(what, found.returncode != 0 and (code is None or found.returncode == code) and
          len(messages(found)) == 1 and re.fullmatch(pattern, messages(found)[0]) and found.stdout == "", found)


# The same tokens as without mpirun, the same bits of logits as ranks in shared memory have;
# once each.
run = ["--temperature", "0", "-p", "In the beginning", "-p", "And the LORD said", "--chunk", "3", "-n", "40"]
for ranks in (2, 3):
    local = execute(["plait", "run", model(ranks), *run])
    found = execute([*MPIRUN, "-n", str(ranks), "plait", "run", model(ranks), *run])
    check(f"{ranks} ranks", found.returncode == local.returncode == 0 and found.stdout == local.stdout != "",
          (found, local))
# Keys and values go over between phases as they do in shared memory.
local = execute(["plait", "run", model("phases"), *run])
found = execute([*MPIRUN, "-n", "3", "plait", "run", model("phases"), "--stats", *run])
check("phases", found.returncode == local.returncode == 0 and found.stdout == local.stdout != "", (found, local))
counted = re.search(r"handovers  2 of 2 pages, (\d+) bytes as planned \((\d+) found\)", found.stderr)
check("handovers", counted and counted[1] == counted[2], found.stderr)
check("statistics", "all_reduce" in execute([*MPIRUN, "-n", "2", "plait", "run", model(2), "--stats", *run]).stderr)
one = execute([*MPIRUN, "-n", "1", "plait", "run", model(1), *run])
check("one process", one.stdout == execute(["plait", "run", model(1), *run]).stdout != "", one)
# A model that mpirun's ranks compile: rank 0 does, once.
folder = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "..", "models", "kjv-2m")
compiled = execute([*MPIRUN, "-n", "2", "plait", "run", folder, "--tp", "2", *run])
check("a folder", compiled.returncode == 0 and compiled.stdout == execute(["plait", "run", model(2), *run]).stdout,
      compiled)
version = execute([*MPIRUN, "-n", "2", "plait", "--version"])
check("--version", version.returncode == 0 and version.stdout.count("plait") == 1, version)

fails("too many processes", [*MPIRUN, "-n", "3", "plait", "run", model(2), *run],
      r"plait: error: .*/2.plait: found 3 processes that a launcher has started; expected 2, .*; start it with -n 2, or "
      r"compile it with --tp=3", 1)
fails("too few processes", [*MPIRUN, "-n", "2", "plait", "run", model(3), *run],
      r"plait: error: .*found 2 processes .*; expected 3, .*", 1)
fails("a model of one rank", [*MPIRUN, "-n", "2", "plait", "run", model(1), *run],
      r"plait: error: .*found 2 processes .*; expected 1, .*", 1)
fails("an unknown option", [*MPIRUN, "-n", "2", "plait", "run", model(2), "--flux"], r"plait: error: .*--flux.*", 2)
fails("a model that is not there", [*MPIRUN, "-n", "2", "plait", "run", model(7), *run], r"plait: error: .*7.plait.*", 1)
fails("an emulated link", [*MPIRUN, "-n", "2", "plait", "run", model(2), "--emulate-link", "latency=1ms", *run],
      r"plait: error: --emulate-link: found ranks that a launcher has started; .*", 1)
fails("ranks with different options",
      [*MPIRUN, "-n", "1", "plait", "run", model(2), *run, ":", "-n", "1", "plait", "run", model(2), "-p", "Moses"],
      r"plait: error: rank 1: found plait .* started as: run .* -p Moses; expected plait .*; start all ranks with one "
      r"artifact and one version", 1)
missing = execute([*MPIRUN, "-n", "2", "plait", "run", model(2), *run],
                  env={**os.environ, "PLAIT_COMM_PLUGIN": "/nowhere/plugin.so"})
check("no plug-in", missing.returncode != 0 and len(messages(missing)) == 1 and
      "no plug-in for its messages (/nowhere/plugin.so" in messages(missing)[0], missing)

for number in ("9", "19"):
    for lost in ("0", "2"):
        begin = time.monotonic()
        found = execute([*MPIRUN, "-n", "3", "plait-mpi-tests", "fault", number, lost])
        took = time.monotonic() - begin
        # A stopped one that mpirun wakes to end it may say so as well.
        told = re.findall(rf"rank (?!{lost})(\d): rank {lost} has not reached all_reduce @layers.mlp.down: "
                          r"(its process has ended|no sign of life for \d+ ms .*)", found.stdout)
        check(f"signal {number} to rank {lost}", found.returncode != 0 and took < 8 and len(told) == 2, found)

print(f"{failures} checks have FAILED" if failures else "all right")
