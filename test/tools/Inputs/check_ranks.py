"""Checks processes of a model of two ranks: check_ranks.py BUILD WORK

Whatever happens to one of them, the user is told and none is left.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

build, work = sys.argv[1:3]
here = os.path.dirname(os.path.abspath(__file__))
one, two = os.path.join(work, "one.plait"), os.path.join(work, "two.plait")
for path, ranks in ((one, 1), (two, 2)):
    subprocess.run([sys.executable, "-B", os.path.join(here, "demo_ranks.py"), build, path, str(ranks)], check=True)
failures = 0


def check(what, good, detail=""):
    global failures
    failures += not good
    if not good:
        print(f"FAILED: {what}: {detail}")


def workers(path):
    """Other ranks of the model at `path`."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().split(b"\0")
        except OSError:
            continue
        if words[1:3] == [b"rank", path.encode()]:
            found.append(int(pid))
    return found


def all_gone(path, seconds=2.0):
    end = time.monotonic() + seconds
    while workers(path) and time.monotonic() < end:
        time.sleep(0.02)
    return not workers(path)


def run(path, *arguments):
    return subprocess.run(["plait", "run", path, "--token-ids", "1,2,3", "--output", "ids", *arguments],
                          capture_output=True, text=True, timeout=60)


# The same tokens, whatever the numbers of threads, completions and prompts.
for arguments in (["-n", "30"], ["-n", "9", "-t", "2", "--token-ids", "5,6,7,8,9,10,11", "--chunk", "3"],
                  ["-n", "8", "--n", "3", "--temperature", "0.7", "--repetition-penalty", "1.3", "--pin"]):
    expected, found = run(one, *arguments), run(two, *arguments)
    check(f"{arguments}", found.returncode == 0 and found.stdout == expected.stdout != "", (expected, found))
found = run(two, "--stats", "-n", "10")
check("statistics", re.search(r"^ranks +2, of which each asked for 30 x all_reduce \(144 B\), 2 x all_gather .*, "
                              r"\d+ x broadcast", found.stderr, re.M), found.stderr)
check("no process is left", all_gone(two, 0), workers(two))


def interrupted_by(what, act, code, message, seconds):
    """Starts a run that takes long, then `act`s on rank 0 and rank 1."""
    process = subprocess.Popen(
        ["plait", "run", two, "--token-ids", "1,2,3", "--output", "ids", "-n", "60", "--emulate-link", "latency=100ms"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not workers(two) and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.7)
    begin = time.monotonic()
    act(process.pid, workers(two)[0])
    out, err = process.communicate(timeout=60)
    took = time.monotonic() - begin
    check(what, process.returncode == code and re.fullmatch(message, err) and took < seconds,
          (process.returncode, err, took))
    check(what + ": no process is left", all_gone(two), workers(two))


# On a busy machine the ranks may still be making an instance then, or meeting.
lost = (r"plait: error: rank 1 was killed by signal {}(; rank 1 has not reached \w+ @.*: it has failed"
        r"| before it had joined the others)\n")
interrupted_by("a killed rank", lambda zero, one: os.kill(one, signal.SIGKILL), 1, lost.format(r"9 \(Killed\)"), 2)
interrupted_by("a terminated rank", lambda zero, one: os.kill(one, signal.SIGTERM), 1,
               lost.format(r"15 \(Terminated\)"), 2)
# Only its silence tells of this one.
interrupted_by("a stopped rank", lambda zero, one: os.kill(one, signal.SIGSTOP), 1,
               r"plait: error: rank 1 has not reached .*: no sign of life for \d+ ms .*\n", 3)
interrupted_by("SIGINT", lambda zero, one: os.kill(zero, signal.SIGINT), 130, r"plait: interrupted\n", 3)
interrupted_by("SIGKILL of rank 0", lambda zero, one: os.kill(zero, signal.SIGKILL), -9,
               r"plait: error: rank 0 has ended without a word.*\n", 2)

# A rank that is slow is no fault, but the statistics say so.
def slowed(rank):
    process = subprocess.Popen(["plait", "run", two, "--token-ids", "1,2,3", "--output", "ids", "-n", "60", "--stats",
                                "--emulate-link", "latency=10ms"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not workers(two) and process.poll() is None:
        time.sleep(0.01)
    pid = workers(two)[0] if rank else process.pid
    time.sleep(0.2)
    try:
        while process.poll() is None and rank is not None:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(0.1)
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.02)
    except ProcessLookupError:
        pass  # it has just ended
    return process.communicate(timeout=60)[1]


for rank in (0, 1):
    err = slowed(rank)
    check("a slow rank", re.search(rf"^waiting    rank 0: [\d.]+ s, rank 1: [\d.]+ s; rank {rank} is slower than the "
                                   r"others: \d+% of the time they wait for it$", err, re.M), err)
err = slowed(None)
check("no slow rank", re.search(r"^waiting    rank 0: [\d.]+ s, rank 1: [\d.]+ s$", err, re.M), err)

# What the machine does not give is one error, and no process is left.
for limit, message in (("-n 5", "Too many open files"), ("-v 21000", "cannot map the shared memory of the group"),
                       ("-f 16", r"cannot allocate \d+ bytes of shared memory: File too large")):
    found = subprocess.run(["bash", "-c", f"ulimit {limit}; exec plait run {two} --token-ids 1,2,3"],
                           capture_output=True, text=True, timeout=60)
    check(f"ulimit {limit}", found.returncode == 1 and re.fullmatch(f"plait: error: .*{message}.*\n", found.stderr), found)
    check(f"ulimit {limit}: no process is left", all_gone(two), workers(two))

# An error of another rank is told once, by rank 0.
broken = os.path.join(work, "broken.plait")
shutil.copytree(two, broken, dirs_exist_ok=True)
path = os.path.join(broken, "model.rank1.so")
with open(path, "rb") as f:
    data = bytearray(f.read())
data[64] ^= 255
with open(path, "wb") as f:
    f.write(data)
found = run(broken)
check("a damaged rank", found.returncode == 1 and
      re.fullmatch(r"plait: error: rank 1: .*/broken.plait/model.rank1.so: found digest .*\n", found.stderr), found)
check("a damaged rank: no process is left", all_gone(broken), workers(broken))

for arguments, message in (
        ([two, "--emulate-link", "fast"], "--emulate-link: link: found \"fast\"; expected latency=TIME"),
        ([one, "--emulate-link", "latency=1ms"], "--emulate-link: found a model of one process"),
        ([two, "--tp", "2"], "--tp: found it with "),
        ([two, "--tp", "0"], "--tp: found \"0\"; expected an integer from 1 to 64")):
    found = run(*arguments)
    check(f"{arguments}", found.returncode != 0 and message in found.stderr, found.stderr)

print(f"{failures} checks have FAILED" if failures else "all right")
