"""Compares models of several ranks with that of one: check_ranks.py MODEL WORK

WORK has 1.plait and 2.plait, which are MODEL for one rank and for two.
"""

import os
import re
import signal
import subprocess
import sys
import time

model, work = sys.argv[1:3]
failures = 0


def check(what, good, detail=""):
    global failures
    failures += not good
    if not good:
        print(f"FAILED: {what}: {detail}")


def run(path, *arguments):
    return subprocess.run(["plait", "run", path, "--output", "ids", "--temperature", "0", *arguments],
                          capture_output=True, text=True, timeout=300)


def workers():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().split(b"\0")
        except OSError:
            continue
        if words[1:2] == [b"rank"] and words[2].startswith(work.encode()):
            found.append(int(pid))
    return found


one, two = os.path.join(work, "1.plait"), os.path.join(work, "2.plait")
prompts = ["-p", "In the beginning", "-p", "And the LORD said unto Moses", "-p", "Blessed"]
for arguments in (prompts, prompts + ["--chunk", "2", "-t", "2"], ["-p", "And", "-n", "100"]):
    a, b = run(one, *arguments), run(two, *arguments)
    check(f"{arguments}", a.returncode == b.returncode == 0 and a.stdout == b.stdout != "", (a, b))
# What the cache compiles; heads and columns that two and three ranks share unevenly.
for options in (["--weights", "random:3"], ["--dtype", "int8"], ["--dtype", "int4", "--zero-points"],
                ["--dtype", "f32", "--kv-dtype", "bf16"]):
    a = run(model, "-p", "And", *options)
    for ranks in ("2", "3"):
        b = run(model, "-p", "And", "--tp", ranks, *options)
        check(f"{options} with {ranks} ranks", a.returncode == b.returncode == 0 and a.stdout == b.stdout != "", (a, b))


# What is exchanged, exactly: 7 tokens and 15 single ones in 16 steps of 4 layers, rows of
# 192 f32, and at the end of each step numbers of both ranks. A dimension that no leaf needs
# sends nothing.
SUMS = 16 * (2 * 4 + 1), (2 * 4 + 1) * (7 + 15) * 192 * 4
for options, exchanges in ((["--temperature", "0"], [16]),
                           (["--temperature", "0", "--logprobs", "3", "--output", "json"], [16, 3 * 8]),
                           (["--temperature", "1", "--min-p", "0.1"], [16, 12]),
                           (["--temperature", "1", "--top-k", "5"], [16, 12] + 8 * [512 * 4])):
    words = [two, "--token-ids", "2046,5,6,7,8,9,10", "-n", "16", "--ignore-eos", "--stats", *options]
    run_ = subprocess.run(["plait", "run", *words], capture_output=True, text=True, timeout=300)
    found = {kind: (int(calls), size) for calls, kind, size in re.findall(r"(\d+) x (\w+) \(([^)]*)\)", run_.stderr)}
    # Before that, twice, how each has fared in starting.
    gathers = 2 + 16 * len(exchanges), 2 * 2 * 1024 + 16 * 2 * sum(exchanges)
    for kind, (calls, size) in (("all_reduce", SUMS), ("all_gather", gathers)):
        text = f"{size} B" if size < 1024 else f"{size / 1024:.2f} KiB"
        check(f"{kind} with {options}", found.get(kind) == (calls, text), (found, calls, text))


def interrupt(act, code, message):
    """Ends a run that takes long; within two seconds it is told and no rank is left."""
    process = subprocess.Popen(["plait", "run", two, "-p", "And", "-n", "400", "--ignore-eos", "--emulate-link",
                                "latency=50ms"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not workers() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(1)
    begin = time.monotonic()
    act(process.pid, workers()[0])
    err = process.communicate(timeout=60)[1]
    check(message, process.returncode == code and re.search(message, err) and time.monotonic() - begin < 2, err)
    check(message + ": no process is left", not workers(), workers())


interrupt(lambda zero, other: os.kill(other, signal.SIGKILL), 1,
          r"rank 1 was killed by signal 9 \(Killed\); rank 1 has not reached (all_reduce|broadcast) @")
interrupt(lambda zero, other: os.kill(zero, signal.SIGINT), 130, "interrupted")
print(f"{failures} checks have FAILED" if failures else "all right")
