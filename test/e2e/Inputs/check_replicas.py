"""Compares models of several replicas with that of one: check_replicas.py MODEL WORK

WORK has 1.plait, tp2.plait, dp2.plait and dp2tp2.plait, which are MODEL for one rank, for
two, for two replicas and for two replicas of two ranks.
"""

import filecmp
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


def artifact(name):
    return os.path.join(work, name + ".plait")


def run(path, *arguments):
    return subprocess.run(["plait", "run", path, "--output", "ids", *arguments], capture_output=True, text=True,
                          timeout=300)


def workers(path):
    """World ranks other than 0 of the model at `path`, by number."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().split(b"\0")
        except OSError:
            continue
        if words[1:3] == [b"rank", path.encode()]:
            found[int(words[words.index(b"--rank") + 1])] = int(pid)
    return found


# The program of a replica is there once: but for what tells of the mesh, files are those
# of the model without replicas.
for alone, replicated in (("1", "dp2"), ("tp2", "dp2tp2")):
    names = [sorted(os.listdir(artifact(name))) for name in (alone, replicated)]
    same = [name for name in names[0] if name != "manifest.json" and not name.startswith("explain")]
    _, differ, wrong = filecmp.cmpfiles(artifact(alone), artifact(replicated), same, shallow=False)
    check("files", names[0] == names[1] and len(same) > 4 and not differ and not wrong, (names, differ, wrong))

prompts = ["-p", "In the beginning", "-p", "And the LORD said unto Moses", "-p", "Blessed", "-p", "And he", "-p",
           "Thou shalt not"]
sampled = ["--temperature", "0.9", "--top-p", "0.95", "--seed", "7"]
for arguments in (prompts + ["--temperature", "0"], prompts + sampled, prompts + sampled + ["--n", "3", "-n", "40"],
                  prompts + sampled + ["--chunk", "2", "-t", "1", "--batch", "2", "--n", "2", "-n", "20"],
                  ["-p", "And", "--temperature", "0", "-n", "100"]):
    one = run(artifact("1"), *arguments)
    for name in ("dp2", "dp2tp2"):
        two = run(artifact(name), *arguments)
        check(f"{name} {arguments}", one.returncode == two.returncode == 0 and one.stdout == two.stdout != "",
              (one, two))
# What the cache compiles.
a, b = run(model, "-p", "And", *sampled), run(model, "-p", "And", "--mesh", "dp=3", *sampled)
check("compiled on demand", a.returncode == b.returncode == 0 and a.stdout == b.stdout != "", (a, b))

found = run(artifact("dp2tp2"), *prompts, "--temperature", "0", "-n", "30", "--stats")
for replica, sequences in ((0, 3), (1, 2)):
    check("statistics", re.search(rf"^replica {replica}  {sequences} sequences, [34]\d steps$", found.stderr, re.M),
          found.stderr)
for rank in ("replica 0: rank 0", "replica 0: rank 1", "replica 1: rank 0", "replica 1: rank 1"):
    check("memory", re.search(rf"^memory +{rank}: at most [\d.]+ MiB \(weights .*\); was [\d.]+ MiB$", found.stderr,
                              re.M), found.stderr)

# Both are at work at the same time: a link that takes 20 ms for each exchange makes a
# step as long for two as for one, so two replicas need half the time.
took = []
for name in ("tp2", "dp2tp2"):
    begin = time.monotonic()
    two = run(artifact(name), *prompts[:8], "--temperature", "0", "-n", "12", "--batch", "2", "--ignore-eos",
              "--emulate-link", "latency=20ms")
    took.append(time.monotonic() - begin)
    check("replicas side by side", two.returncode == 0, two)
check("replicas side by side", took[1] < 0.75 * took[0], took)


def interrupted_by(what, name, act, code, message, seconds):
    """Starts a run that takes long, then `act`s on rank 0's process and the others'."""
    path = artifact(name)
    process = subprocess.Popen(["plait", "run", path, *prompts, "-n", "300", "--ignore-eos", "--emulate-link",
                                "latency=20ms"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while len(workers(path)) < (3 if name == "dp2tp2" else 1) and process.poll() is None:
        time.sleep(0.01)
    time.sleep(1)
    begin = time.monotonic()
    act(process.pid, workers(path))
    err = process.communicate(timeout=60)[1]
    took = time.monotonic() - begin
    check(what, process.returncode == code and re.fullmatch(message, err) and took < seconds,
          (process.returncode, err, took))
    end = time.monotonic() + 2
    while workers(path) and time.monotonic() < end:
        time.sleep(0.02)
    check(what + ": no process is left", not workers(path), workers(path))


def kill(rank, number):
    return lambda zero, others: os.kill(others[rank], number)


gone = r"plait: error: replica 1: rank {} was killed by signal 9 \(Killed\); .*\n"
interrupted_by("a killed replica", "dp2", kill(1, signal.SIGKILL), 1, gone.format(0), 4)
interrupted_by("a killed leader", "dp2tp2", kill(2, signal.SIGKILL), 1, gone.format(0), 4)
interrupted_by("a killed rank of replica 1", "dp2tp2", kill(3, signal.SIGKILL), 1, gone.format(1), 4)
interrupted_by("a killed rank of replica 0", "dp2tp2", kill(1, signal.SIGKILL), 1,
               r"plait: error: replica 0: rank 1 was killed by signal 9 \(Killed\); replica 0: rank 1 has not .*\n", 4)
# Only their silence tells of these.
interrupted_by("a stopped leader", "dp2tp2", kill(2, signal.SIGSTOP), 1,
               r"plait: error: replica 1 has not .*: no sign of life for \d+ ms .*\n", 8)
interrupted_by("a stopped rank of replica 1", "dp2tp2", kill(3, signal.SIGSTOP), 1,
               r"plait: error: replica 1: rank 1 has not .*: no sign of life for \d+ ms .*\n", 8)
interrupted_by("SIGINT", "dp2tp2", lambda zero, others: os.kill(zero, signal.SIGINT), 130, r"plait: interrupted\n", 4)
interrupted_by("SIGKILL of rank 0", "dp2tp2", lambda zero, others: os.kill(zero, signal.SIGKILL), -9,
               r"plait: error: rank 0 has ended without a word.*\n", 4)
print(f"{failures} checks have FAILED" if failures else "all right")
