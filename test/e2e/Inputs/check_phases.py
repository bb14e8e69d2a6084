"""Compares models with phases with that of one rank: check_phases.py MODEL WORK"""

import json
import os
import re
import signal
import subprocess
import sys
import time

model, work = sys.argv[1:3]
failures = 0
MESHES = {"p1d2": "prefill: tp=1; decode: tp=2", "p2d1": "prefill: tp=2; decode: tp=1",
          "p2d3": "prefill: tp=2; decode: tp=3", "p3d2": "decode: tp=2; prefill: tp=3",
          "pp2d2": "prefill: dp=2,tp=1; decode: tp=2", "p1dd2": "prefill: tp=1; decode: dp=2"}


def check(what, good, detail=""):
    global failures
    failures += not good
    if not good:
        print(f"FAILED: {what}: {detail}", flush=True)


def artifact(name):
    return os.path.join(work, name + ".plait")


def compile_to(name, *options):
    done = subprocess.run(["plait-compile", model, "-o", artifact(name), *options], capture_output=True, text=True)
    check(f"compile {name}", done.returncode == 0, done.stderr)


def run(path, *arguments):
    return subprocess.run(["plait", "run", path, *arguments], capture_output=True, text=True, timeout=300)


compile_to("1")
for name, mesh in MESHES.items():
    compile_to(name, "--mesh", mesh)

# Ten prompts of one to some 150 tokens.
words = "In the beginning God created the heaven and the earth And the earth was without form and void".split()
prompts = [" ".join((words * 8)[: 1 + 7 * i + (i % 3)]) for i in range(9)] + ["And he"]
lines = os.path.join(work, "prompts.jsonl")
with open(lines, "w", encoding="utf-8") as f:
    f.writelines(json.dumps({"prompt": prompt}) + "\n" for prompt in prompts)
batch = ["--prompt-jsonl", lines]
sampled = ["--temperature", "0.9", "--top-p", "0.95", "--seed", "7"]
greedy = ["--temperature", "0"]

# All that a request may ask for.
ASKED = {
    "greedy": [*batch, *greedy, "-n", "24", "--output", "ids"],
    "drawn": [*batch, *sampled, "-n", "24", "--output", "ids"],
    "chunks": [*batch, *sampled, "-n", "10", "--chunk", "5", "-t", "1", "--output", "ids"],
    "rows": [*batch, *sampled, "-n", "10", "--batch", "2", "--output", "ids"],
    "completions": [*batch, *sampled, "-n", "16", "--n", "3", "--output", "ids"],
    "completions in turn": [*batch, *sampled, "-n", "8", "--n", "3", "--batch", "1", "--output", "ids"],
    "penalties": [*batch, *greedy, "-n", "24", "--repetition-penalty", "1.3", "--presence-penalty", "0.4",
                  "--frequency-penalty", "0.2", "--output", "ids"],
    "stop strings": [*batch, *greedy, "-n", "40", "--stop", "the LORD", "--stop", ","],
    "one token": [*batch, *greedy, "-n", "1", "--output", "ids"],
    "no token": [*batch, "-n", "0", "--output", "ids"],
    "end at once": [*batch, *greedy, "-n", "8", "--logit-bias", "2047:90", "--output", "json"],
    "no end at once": [*batch, *greedy, "-n", "8", "--min-tokens", "3", "--logit-bias", "2047:90", "--output", "ids"],
    "one token of prompt": ["--token-ids", "5", "--no-bos", *greedy, "-n", "8", "--output", "ids"],
}
expected = {what: run(artifact("1"), *arguments) for what, arguments in ASKED.items()}
for name in MESHES:
    for what, arguments in ASKED.items():
        found = run(artifact(name), *arguments)
        check(f"{name}: {what}", found.returncode == 0 and found.stdout == expected[what].stdout
              and (found.stdout.strip() or what in ("no token",)), (found, expected[what].stdout))
check("end at once", expected["end at once"].stdout.count('"stop"') == len(prompts), expected["end at once"].stdout)

# Log probabilities are near, tokens the same.
for name in ("p1d2", "p2d1"):
    asked = [*batch, *sampled, "-n", "6", "--min-tokens", "6", "--logprobs", "3", "--output", "json"]
    both = [run(artifact(n), *asked) for n in ("1", name)]
    for one, two in zip(*(map(json.loads, b.stdout.splitlines()) for b in both)):
        good = one["tokens"] == two["tokens"]
        a, b = ([r["logprobs"], *([t["logprob"] for t in top] for top in r["top_logprobs"])] for r in (one, two))
        good &= [len(x) for x in a] == [len(x) for x in b] == [6] + 6 * [3]
        good &= all(abs(x - y) < 1e-4 for xs, ys in zip(a, b) for x, y in zip(xs, ys))
        check(f"{name}: log probabilities", good, (one, two))

# What is on demand compiled.
found = run(model, *ASKED["drawn"], "--mesh", MESHES["p1d2"])
check("compiled on demand", found.returncode == 0 and found.stdout == expected["drawn"].stdout, found)

# Keys and values of other elements go over as well.
for dtype in ("bf16", "int8"):
    compile_to("1" + dtype, "--kv-dtype", dtype)
    compile_to("p2d3" + dtype, "--kv-dtype", dtype, "--mesh", MESHES["p2d3"])
    one, two = (run(artifact(n + dtype), *ASKED["greedy"]) for n in ("1", "p2d3"))
    check(dtype, one.returncode == two.returncode == 0 and one.stdout == two.stdout != "", (one, two))

# The same bits, whatever has computed the prompt.
for name, mesh in {"i1": "tp=1", "ip1d2": MESHES["p1d2"], "ip3d2": MESHES["p3d2"], "ip2d1": MESHES["p2d1"]}.items():
    compile_to(name, "--numerics", "tp_invariant", "--debug-logits", "--mesh", mesh)
    logits = os.path.join(work, name + ".safetensors")
    found = run(artifact(name), *batch, *greedy, "-n", "9", "--dump-logits", logits, "--output", "ids")
    with open(logits, "rb") as f:
        dumped = f.read()
    if name == "i1":
        one = (found.stdout, dumped)
    check(f"{name}: bits of logits", found.returncode == 0 and (found.stdout, dumped) == one and len(dumped) > 10**6,
          (found, len(dumped)))

# What has gone over is what is planned: whole pages of all positions but the last of each
# prompt, once for all completions that run side by side.
for name in ("p1d2", "p3d2"):
    with open(os.path.join(artifact(name), "manifest.json"), encoding="utf-8") as f:
        state = json.load(f)["handover"]["states"][0]
    page = state["layers"] * sum(s[4] for s in state["sends"]) * sum(p["head_bytes"] for p in state["planes"])
    lengths = [1, 2, 64, 65, 66, 200]
    asked = [word for n in lengths for word in ("--token-ids", ",".join(str(3 + i) for i in range(n)))]
    found = run(artifact(name), *asked, "--no-bos", *greedy, "-n", "5", "--n", "2", "--ignore-eos", "--stats", "--output",
                "ids")
    pages = sum(-(-(n - 1) // 64) for n in lengths)
    want = rf"^handovers  5 of {pages} pages, {pages * page} bytes as planned \({pages * page} found\)$"
    check(f"{name}: bytes", re.search(want, found.stderr, re.M), (want, found.stderr))
    check(f"{name}: statistics", re.search(r"^prefill  5 sequences, \d+ steps$", found.stderr, re.M)
          and re.search(r"^decode  12 sequences, \d+ steps$", found.stderr, re.M), found.stderr)
    for rank in ("prefill: rank 0", "decode: rank 1"):
        check(f"{name}: memory", re.search(rf"^memory +{rank}: at most .*; was [\d.]+ MiB$", found.stderr, re.M),
              found.stderr)


def ranks_of(path):
    """World ranks other than 0 of the model at `path`, by number."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                line = f.read().split(b"\0")
        except OSError:
            continue
        if line[1:3] == [b"rank", path.encode()]:
            found[int(line[line.index(b"--rank") + 1])] = int(pid)
    return found


def interrupted_by(what, name, number, rank, code, message, arguments):
    """Starts a run that takes long, then sends a signal to a rank of the world."""
    path, ranks = artifact(name), 4 if name == "p2d2" else 3
    process = subprocess.Popen(["plait", "run", path, "--output", "ids", "--ignore-eos", *arguments],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while len(ranks_of(path)) < ranks - 1 and process.poll() is None:
        time.sleep(0.01)
    time.sleep(1)
    os.kill(ranks_of(path)[rank] if rank else process.pid, number)
    begin = time.monotonic()
    try:
        err = process.communicate(timeout=30)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        err = "it does not end"
    took = time.monotonic() - begin
    check(what, process.returncode == code and re.fullmatch(message, err) and took < 6, (process.returncode, err, took))
    end = time.monotonic() + 2
    while ranks_of(path) and time.monotonic() < end:
        time.sleep(0.02)
    check(what + ": no process is left", not ranks_of(path), ranks_of(path))
    for pid in ranks_of(path).values():
        os.kill(pid, signal.SIGKILL)


compile_to("p2d2", "--mesh", "prefill: tp=2; decode: tp=2")
long = ",".join(str(5 + i % 900) for i in range(400))
# Prompts all the time, with tokens beside them.
busy = [word for _ in range(12) for word in ("--token-ids", long)] + ["--chunk", "4", "-n", "60", "--emulate-link",
                                                                     "latency=3ms"]
gone = r"plait: error: {} was killed by signal 9 \(Killed\); .*\n"
for rank, who in ((1, "prefill: rank 1"), (2, "decode: rank 0"), (3, "decode: rank 1")):
    interrupted_by(f"a killed {who}", "p2d2", signal.SIGKILL, rank, 1, gone.format(who), busy)
for rank, phase, number in ((2, "decode", 0), (3, "decode", 1)):
    interrupted_by(f"a stopped {phase}: rank {number}", "p2d2", signal.SIGSTOP, rank, 1,
                   rf"plait: error: {phase}: .*rank {number} .*no sign of life for \d+ ms.*\n", busy)
interrupted_by("a killed prefill: rank 0", "p1d2", signal.SIGKILL, 0, -9,
               r"plait: error: prefill: rank 0 has ended without a word.*\n", busy)
interrupted_by("SIGINT", "p1d2", signal.SIGINT, 0, 130, r"plait: interrupted\n", busy)

# What does not go together.
for words, message in ((["--mesh", "prefill: tp=1"], "which lacks the phase decode"),
                       (["--mesh", "prefill: tp=1; decode: tp=1", "--sequence-parallel"], "found it with one rank"),
                       (["--mesh", "prefill: tp=1; decode: tp=1", "--emit=exe"], "an executable is one rank")):
    done = subprocess.run(["plait-compile", model, "-o", artifact("wrong"), *words], capture_output=True, text=True)
    check(" ".join(words), done.returncode and message in done.stderr, done.stderr)
found = run(model, *ASKED["drawn"], "--mesh", MESHES["p1d2"], "--decode", "prompt_lookup")
check("a strategy that drafts", found.returncode == 1 and "expected one mesh for both" in found.stderr, found)
print(f"{failures} checks have FAILED" if failures else "all right")
