"""What the measuring scripts share: programs, processes and tables."""

import json
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHIPPED = os.path.join(ROOT, "test", "models", "kjv-2m")


def tool(name):
    return os.path.join(os.environ.get("PLAIT_BIN", os.path.join(ROOT, "build", "bin")), name)


def work_folder(name):
    """Where a script keeps its artifacts; it goes when the script ends."""
    return os.path.join(os.environ.get("PLAIT_BENCH_DIR", os.path.join(ROOT, "out")), name)


def run(*words, **kwargs):
    """Runs a command; returns its time in seconds and its standard output."""
    begin = time.monotonic()
    process = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs)
    seconds = time.monotonic() - begin
    if process.returncode != 0:
        sys.exit(f"bench: {' '.join(words)} failed ({process.returncode}): {process.stderr}")
    return seconds, process.stdout


def peak_mib(*words):
    """Peak memory of a command, by the operating system's account."""
    code = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, "
            "stderr=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)")
    return float(run(sys.executable, "-c", code, *words)[1])


class Machine:
    """The best that plain loops have reached so far, by number of threads. Asked before
    and after what is measured, because a shared machine is only ever slower than it is."""

    def __init__(self):
        self.limits = {}

    def measure(self, threads):
        found = json.loads(run(tool("plait-machine"), str(threads))[1])
        best = self.limits.setdefault(threads, found)
        for key, value in found.items():
            best[key] = max(best[key], value)
        return best


def bench(artifact, *words):
    """The records of plait bench."""
    return json.loads(run(tool("plait"), "bench", artifact, "-o", "json", "-q", *words)[1])


def print_table(head, rows, numbers=()):
    """Markdown; the columns in `numbers` are aligned to the right."""
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    width = [max(len(row[i]) for row in cells) for i in range(len(head))]
    for at, row in enumerate(cells):
        print("| " + " | ".join(c.rjust(w) if at and i in numbers else c.ljust(w)
                                for i, (c, w) in enumerate(zip(row, width))) + " |")
        if at == 0:
            print("| " + " | ".join("-" * (w - 1) + ":" if i in numbers else "-" * w
                                    for i, w in enumerate(width)) + " |")


def machine_text(threads):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        cpu = re.search(r"model name\s*:\s*(.*)", file.read())
    return (f"{cpu.group(1) if cpu else 'unknown CPU'}, {os.cpu_count()} processors, {threads} threads, "
            f"load {os.getloadavg()[0]:.1f}")
