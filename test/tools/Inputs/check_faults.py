"""check_faults.py FOLDER WORK: what goes wrong while a command runs.

A full disk, a signal, a file that shrinks under the reader: one clear message, a
non-zero exit code, and nothing half-written.
"""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import expect

MODEL, WORK = sys.argv[1:3]
OUT = os.path.join(WORK, "out")
right = True


def fresh():
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)


def leftovers():
    found = os.listdir(OUT)
    return [f"left behind: {found}"] if found else []


# ---- a disk that is full, in the form of a limit on the size of files ----

for limit in (0, 4096, 200_000, 1_000_000):
    fresh()
    result = expect.run(
        ["plait-compile", MODEL, "-o", os.path.join(OUT, "m.plait"), "--no-selftest"],
        preexec_fn=lambda limit=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    texts = expect.problems(result, 1, ["m.plait", "File too large"]) + leftovers()
    right &= expect.report(f"files of at most {limit} bytes", result, texts)

# ---- signals while compiling ----

for number in (signal.SIGINT, signal.SIGTERM):
    for wait in (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8):
        fresh()
        p = subprocess.Popen(
            ["plait-compile", MODEL, "-o", os.path.join(OUT, "m.plait")], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        time.sleep(wait)
        p.send_signal(number)
        out, err = p.communicate(timeout=60)
        texts = []
        if p.returncode == 0:  # it was done before the signal came
            if os.listdir(OUT) != ["m.plait"]:
                texts = leftovers()
        else:
            # Before the handler is installed the signal itself ends the process.
            if p.returncode not in (130, -number):
                texts.append(f"exit code {p.returncode}")
            texts += leftovers()
        right &= expect.report(f"{number.name} after {wait} s", (p.returncode, "", err.decode(), 0), texts)

# ---- signals while generating ----

artifact = os.path.join(WORK, "m.plait")
subprocess.run(["plait-compile", MODEL, "-o", artifact, "--no-selftest"], check=True)
RUN = ["plait", "run", artifact, "-p", "A", "-n", "500", "--ignore-eos", "-t", "1"]


def running():
    p = subprocess.Popen(RUN, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.stdout.read(1)  # it generates
    return p


p = running()
p.send_signal(signal.SIGTERM)
out, err = p.communicate(timeout=60)
texts = [] if p.returncode == 130 else [f"exit code {p.returncode}"]
right &= expect.report("SIGTERM ends generation after the token at hand", (p.returncode, out, err.decode(), 0), texts)

# The first asks, the second insists.
p = running()
os.kill(p.pid, signal.SIGSTOP)
p.send_signal(signal.SIGTERM)
p.send_signal(signal.SIGINT)
os.kill(p.pid, signal.SIGCONT)
out, err = p.communicate(timeout=60)
texts = [] if p.returncode in (130, -signal.SIGTERM, -signal.SIGINT) else [f"exit code {p.returncode}"]
right &= expect.report("two signals", (p.returncode, out, err.decode(), 0), texts)

# ---- a file that shrinks while it is in use ----

p = running()
os.truncate(os.path.join(artifact, "weights.pack"), 4096)
out, err = p.communicate(timeout=60)
result = (p.returncode, out.decode("utf-8", "replace"), err.decode(), 0)
right &= expect.report("weights that shrink", result, expect.problems(result, 1, ["mapped", "truncated"]))

print("all right" if right else "FAILED")
sys.exit(not right)
