"""Compares ranks of a grid with one rank: check_grid.py WORK

WORK has 1.plait, and 4.plait and plain.plait of four ranks, with and without
plait-optimize-collectives.
"""

import os
import re
import signal
import subprocess
import sys
import time

work = sys.argv[1]
failures = 0


def check(what, good, detail=""):
    global failures
    failures += not good
    if not good:
        print(f"FAILED: {what}: {detail}")


def run(name, *arguments, algorithm=""):
    words = ["plait", "run", os.path.join(work, name), "--output", "ids", "--temperature", "0", *arguments]
    return subprocess.run(words, capture_output=True, text=True, timeout=300,
                          env={**os.environ, "PLAIT_ALL_REDUCE": algorithm})


prompts = ["-p", "In the beginning", "-p", "And the LORD said unto Moses", "-p", "Blessed"]
for arguments in (prompts, prompts + ["--chunk", "2"], ["-p", "And", "-n", "60"]):
    one, four, plain = (run(name, *arguments) for name in ("1.plait", "4.plait", "plain.plait"))
    check(f"{arguments}", one.returncode == four.returncode == 0 and one.stdout == four.stdout != "", (one, four))
    check(f"{arguments} without the pass", plain.stdout == four.stdout, plain)
for algorithm in ("chain", "tree", "star", "two_shot"):
    a = run("4.plait", *prompts, algorithm=algorithm)
    check(algorithm, a.returncode == 0 and a.stdout == run("1.plait", *prompts).stdout, a)
a = run("4.plait", "-p", "And", algorithm="fastest")
check("an unknown algorithm", a.returncode != 0 and "expected auto, one_shot" in a.stderr, a)

# Per token: two sums of pairs in each of four layers, and one of all of the embedding.
a = run("4.plait", "--token-ids", "2046,5,6,7,8,9,10", "-n", "16", "--ignore-eos", "--stats")
found = re.findall(r"(\d+) x all_reduce", a.stderr)
check("sums", found == [str(16 * 9)], (found, a.stderr))


def workers():
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().split(b"\0")
        except OSError:
            continue
        if words[1:2] == [b"rank"] and words[2].startswith(work.encode()):
            found[int(words[words.index(b"--rank") + 1])] = int(pid)
    return found


# A rank that is killed is named by its number in the model, whatever group it is in.
for lost in (1, 3):
    process = subprocess.Popen(["plait", "run", os.path.join(work, "4.plait"), "-p", "And", "-n", "400",
                                "--ignore-eos", "--emulate-link", "latency=20ms"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    while len(workers()) < 3 and process.poll() is None:
        time.sleep(0.01)
    time.sleep(1)
    os.kill(workers()[lost], signal.SIGKILL)
    error = process.communicate(timeout=20)[1]
    check(f"rank {lost} killed", process.returncode != 0 and f"rank {lost} was killed by signal 9" in error, error)
    check("no rank left", not workers(), workers())

print("all right" if not failures else f"{failures} failures")
