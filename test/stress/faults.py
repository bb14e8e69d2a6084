"""Ends and stops ranks of a model at random moments: faults.py ARTIFACT [--tries N] [--seed N] [--mpi]

ARTIFACT is of at least two ranks. Each try runs it, sends SIGKILL or SIGSTOP to one of its
ranks while it reads the prompt, while it decodes, or inside a collective, and demands:

* within two seconds one message, which names the rank and, unless it is rank 0, the op;
* every other rank has ended, and the command fails;
* no process is left, and nothing in /dev/shm or TMPDIR.

--tries is the number of tries of each combination of signal, rank and moment. With --mpi
the ranks are started by mpirun, which has messages of its own.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SECONDS = 2.0
# What makes a try dwell where the signal is to come. The prompt takes seconds to read.
LONG = " ".join(["1"] * 400).replace(" ", ",")
MOMENTS = {
    "prefill": ["--token-ids", LONG, "--chunk", "8", "-n", "4", "--emulate-link", "latency=3ms"],
    "decode": ["--token-ids", "1,2,3", "-n", "100000", "--emulate-link", "latency=1ms"],
    "collective": ["--token-ids", "1,2,3", "-n", "400", "--emulate-link", "latency=80ms"],
}
MPI_MOMENTS = {
    "prefill": ["--token-ids", LONG, "--chunk", "1", "-n", "400"],
    "decode": ["--token-ids", "1,2,3", "-n", "500"],
}


def state(pid):
    """(state, parent) of a process, or (None, 0) of one that is gone."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            words = f.read().rpartition(") ")[2].split()
        return words[0], int(words[1])
    except (OSError, IndexError):
        return None, 0


def ranks_of(path):
    """Living processes of the model at `path` by rank; zombies do not live."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().decode(errors="replace").split("\0")
            if path not in words or os.path.basename(words[0]) not in ("plait", "exe"):
                continue
            if words[1] == "rank":
                found[int(words[words.index("--rank") + 1])] = int(pid)
            elif words[1] == "run":
                with open(f"/proc/{pid}/environ", "rb") as f:
                    known = dict(w.split("=", 1) for w in f.read().decode(errors="replace").split("\0") if "=" in w)
                found[int(known.get("OMPI_COMM_WORLD_RANK", "0"))] = int(pid)
        except (OSError, ValueError, IndexError):
            continue
    return {rank: pid for rank, pid in found.items() if state(pid)[0] not in (None, "Z", "X")}


def leftovers(folder):
    """What was left in `folder`, the ranks' TMPDIR, and in /dev/shm, where other programs work too."""
    names = [name for name in os.listdir("/dev/shm") if "plait" in name]
    return set(names + os.listdir(folder))


class Try:
    def __init__(self, options, ranks, moment, number, rank, delay):
        self.problems = []
        self.words = f"{signal.Signals(number).name} of rank {rank} of {ranks} in {moment} after {delay:.3f} s"
        folder = tempfile.mkdtemp()
        before = leftovers(folder)
        moments = MPI_MOMENTS if options.mpi else MOMENTS
        command = ["plait", "run", options.artifact, "--output", "ids", "--ignore-eos", "-t", "1", *moments[moment]]
        if options.mpi:
            command = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", str(ranks), *command]
        with tempfile.TemporaryFile(mode="w+") as err, subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err,
                env={**os.environ, "TMPDIR": folder}) as process:
            self.err, self.process = err, process
            try:
                self.run(ranks, moment, number, rank, delay, options)
            finally:
                if process.poll() is None:
                    process.kill()
                process.stdout.close()
        time.sleep(0.05)
        left = ranks_of(options.artifact)
        if left:
            self.problem(f"processes are left: {left}")
            for pid in left.values():
                os.kill(pid, signal.SIGKILL)
        if not options.mpi and leftovers(folder) - before:
            self.problem(f"left behind: {sorted(leftovers(folder) - before)}")
        shutil.rmtree(folder, ignore_errors=True)

    def problem(self, text):
        self.problems.append(text)

    def text(self):
        # Opened again: the place where the ranks write stays theirs.
        with open(f"/proc/self/fd/{self.err.fileno()}") as f:
            return f.read()

    def run(self, ranks, moment, number, rank, delay, options):
        path, end = options.artifact, time.monotonic() + 30
        while len(ranks_of(path)) < ranks:
            if self.process.poll() is not None or time.monotonic() > end:
                return self.problem(f"the ranks have not started: {self.text()}")
            time.sleep(0.01)
        if moment != "prefill":
            self.process.stdout.read(1)  # it decodes
        else:
            time.sleep(0.25)
        time.sleep(delay)
        pids = ranks_of(path)
        if len(pids) < ranks:
            return self.problem(f"it was over before the signal: {self.text()}")
        os.kill(pids[rank], number)
        begin = time.monotonic()
        while not re.search(r"error: .*\n", self.text()) and time.monotonic() - begin < 5:
            time.sleep(0.01)
        self.took = time.monotonic() - begin
        stopped_leader = number == signal.SIGSTOP and rank == 0 and not options.mpi
        while time.monotonic() - begin < 6:
            living = set(ranks_of(path)) - ({0} if stopped_leader else set())
            if not living and (stopped_leader or self.process.poll() is not None):
                break
            time.sleep(0.01)
        else:
            self.problem(f"ranks live on: { {r: state(p)[0] for r, p in ranks_of(path).items()} }")
        self.judge(rank, moment)
        if stopped_leader:
            os.kill(pids[0], signal.SIGCONT)
        try:
            code = self.process.wait(timeout=5)
            if code == 0:
                self.problem("the command has succeeded")
        except subprocess.TimeoutExpired:
            self.problem("the command does not end")

    def judge(self, rank, moment):
        text = self.text()
        lines = [line for line in text.splitlines() if line.startswith("plait: ")]
        if self.took > SECONDS:
            self.problem(f"it took {self.took:.2f} s")
        if len(lines) != 1:
            self.problem(f"found {len(lines)} messages; expected 1: {text!r}")
        elif f"rank {rank} " not in lines[0] or (rank != 0 and not re.search(r" @\S", lines[0])):
            self.problem(f"found {lines[0]!r}; expected one that names rank {rank} and the op")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifact")
    parser.add_argument("--tries", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mpi", action="store_true")
    parser.add_argument("--only", default="", help="a part of the names of the tries to do")
    options = parser.parse_args()
    options.artifact = os.path.abspath(options.artifact)
    chance = random.Random(options.seed)
    with open(os.path.join(options.artifact, "manifest.json")) as f:
        ranks = json.load(f)["ranks"]
    times, wrong, done = [], 0, 0
    for _ in range(options.tries):
        for moment in MPI_MOMENTS if options.mpi else MOMENTS:
            for number in (signal.SIGKILL, signal.SIGSTOP):
                for rank in range(ranks):
                    delay = chance.uniform(0, 0.3)
                    name = f"{signal.Signals(number).name} {rank} {moment}"
                    if options.only not in name:
                        continue
                    tried = Try(options, ranks, moment, number, rank, delay)
                    done += 1
                    if tried.problems:
                        wrong += 1
                        print(f"FAILED: {tried.words}: {'; '.join(tried.problems)}", flush=True)
                    else:
                        times.append((tried.took, number))
    for number in (signal.SIGKILL, signal.SIGSTOP):
        took = sorted(t for t, n in times if n == number)
        if took:
            print(f"{signal.Signals(number).name}: told after {took[len(took) // 2]:.2f} s (median), "
                  f"{took[-1]:.2f} s (most) of {len(took)} tries")
    print(f"{done} tries, {wrong} failed")
    return wrong != 0


sys.exit(main())
