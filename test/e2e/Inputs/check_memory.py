"""Compares predicted with measured memory, and checks refusals: check_memory.py MODEL WORK"""

import os
import re
import resource
import subprocess
import sys

model, work = sys.argv[1:3]
failures = 0


def check(what, good, detail=""):
    global failures
    failures += not good
    if not good:
        print(f"FAILED: {what}: {detail}")


def run(path, *arguments, environment={}, addresses=None):
    def limit():
        if addresses:
            resource.setrlimit(resource.RLIMIT_AS, (addresses, addresses))

    return subprocess.run(["plait", "run", path, "--temperature", "0", "--ignore-eos", *arguments],
                          capture_output=True, text=True, timeout=600, env=dict(os.environ, **environment),
                          preexec_fn=limit)


units = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
size = r"([\d.]+) ([KMG]?i?B)"


def bytes_of(number, unit):
    return float(number) * units[unit]


def compile_for(name, *options):
    path = os.path.join(work, name + ".plait")
    subprocess.run(["plait-compile", model, "--no-selftest", "-o", path, *options], check=True)
    return path


# With its context full and a prompt that fills a step, a rank holds all that it may.
long = ",".join(str(2 + i * 7 % 2000) for i in range(400))
fill = ["--token-ids", long, "--token-ids", long, "-n", "100", "--stats", "--output", "ids"]
artifacts = {mesh: compile_for(mesh.replace(",", "").replace("=", ""), "--mesh", mesh)
             for mesh in ("tp=1", "tp=2", "tp=3", "dp=2", "dp=2,tp=2")}
for mesh, path in artifacts.items():
    for options in ([], ["-t", "3"]):
        found = run(path, *fill, *options)
        lines = re.findall(rf"^memory +(.*?)at most {size} \((.*)\); was {size}$", found.stderr, re.M)
        ranks = eval("*".join(re.findall(r"\d+", mesh)))
        check(f"{mesh}: {ranks} ranks", found.returncode == 0 and len(lines) == ranks, found)
        for name, *most, parts, number, unit in lines:
            predicted, measured = bytes_of(*most), bytes_of(number, unit)
            off = abs(predicted - measured)
            print(f"{mesh} {name or 'rank 0: '}predicted {predicted / 1e6:.2f} MB, measured {measured / 1e6:.2f} MB")
            check(f"{mesh} {name}", off <= max(0.01 * measured, 4e6), (predicted, measured, parts))

# Weights that are made, so that they count.
large = compile_for("random", "--weights", "random:1")
fits = re.findall(rf"weights {size}, keys and values {size}, arena {size}", run(large, *fill).stderr)
weights, state, arena = (bytes_of(*fits[0][i:i + 2]) for i in (0, 2, 4))
little = {"PLAIT_MEMORY_LIMIT": str(int(weights + state / 2 + arena * 0.9))}  # with room for one of the sequences
for path, ranks in ((large, ""), (artifacts["tp=2"], r" of 2 ranks \(rank 0: .*, rank 1: .*\)"),
                    (artifacts["dp=2,tp=2"], r" of 4 ranks \(rank 0: .*, rank 1: .*; each replica\)")):
    found = run(path, *fill, environment=little)
    check("refused", found.returncode == 1 and re.fullmatch(
        rf"plait: error: memory: found {size} available \(PLAIT_MEMORY_LIMIT\); expected {size}{ranks}: weights {size}, "
        rf"keys and values {size} for \d+ positions, arena {size}, communication {size}; "
        r"(it would fit, the cheapest first|nothing alone makes it fit; all of this together needs) ?.*: .*\n",
        found.stderr), found.stderr)
found = run(large, *fill, environment=little)
check("remedies", "(--chunk 64) needs" in found.stderr, found.stderr)
# What is said to help does help.
helped = run(large, *fill, "--chunk", "64", environment=little)
check("fewer tokens per step", helped.returncode == 0, helped.stderr)
found = run(large, *fill, environment={"PLAIT_MEMORY_LIMIT": "1M"})
check("weights alone", found.returncode == 1 and re.fullmatch(
    rf"plait: error: memory: found 1.00 MiB available \(PLAIT_MEMORY_LIMIT\); expected {size} for the weights alone, "
    r"which are made in memory; .*\n", found.stderr), found)
# As `ulimit -v` has it.
found = run(artifacts["tp=1"], "-p", "And", addresses=2**30)
check("enough addresses", found.returncode == 0, found)

print(f"{failures} checks have FAILED" if failures else "all right")
