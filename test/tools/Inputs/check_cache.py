"""check_cache.py FOLDER WORK: hits, misses, races and interruptions of the cache."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

FOLDER, WORK = sys.argv[1:3]
CACHE = os.path.join(WORK, "cache")
MODEL = os.path.join(WORK, "kjv-2m")
shutil.copytree(FOLDER, MODEL)
environment = {**os.environ, "PLAIT_CACHE_DIR": CACHE}
RUN = ["plait", "run", MODEL, "-p", "In the beginning", "-n", "4", "-t", "1"]
failures = 0


def require(condition, text):
    global failures
    print("ok" if condition else "FAILED", text)
    failures += not condition


def start(*words, **options):
    return subprocess.Popen(
        [*RUN, *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def run(*words):
    p = start(*words)
    out, err = p.communicate(timeout=60)
    return p.returncode, out, err


def kept(suffix=".plait"):
    return sorted(f for f in os.listdir(CACHE) if f.endswith(suffix))


def entries(suffix=".plait"):
    return [f for f in kept(suffix) if ".work-" not in f]


code, text, err = run()
require(code == 0 and "compiling" in err and text, "the first run compiles")
code, again, err = run()
require(code == 0 and "compiling" not in err and again == text, "the second does not")
code, again, err = run("--stats")
require("found in the cache" in err, "and says so")
require(len(entries()) == 1 and len(kept()) == 1, "one artifact, nothing beside it")

# What the artifact depends on is another artifact.
code, _, err = run("--dump-logits", os.path.join(WORK, "l"))
require(code == 0 and "compiling" in err, "other options compile again")
code, _, err = run("--weights", "random:1")
require(code == 0 and "compiling" in err, "other weights compile again")
code, _, err = run("--dtype", "f32")
require(code == 0 and "compiling" in err, "another weight format compiles again")
formats = {json.load(open(os.path.join(CACHE, e, "manifest.json")))["weights"].get("format") for e in entries()}
require({"bf16", "f32"} <= formats, "and the artifact has it")
with open(os.path.join(MODEL, "generation_config.json"), "a") as f:
    f.write("\n")
code, _, err = run()
require(code == 0 and "compiling" in err, "a changed file compiles again")
os.utime(os.path.join(MODEL, "config.json"))
code, _, err = run()
require(code == 0 and "compiling" not in err, "a touched file does not")
with open(os.path.join(MODEL, "model.safetensors"), "r+b") as f:
    f.seek(-2, os.SEEK_END)
    last = f.read(2)
    f.seek(-2, os.SEEK_END)
    f.write(bytes([last[0] ^ 1, last[1]]))
code, _, err = run()
require(code == 0 and "compiling" in err, "a weight that changed by one bit compiles again")

# What is damaged is made again.
shutil.rmtree(CACHE)
run()
binary = os.path.join(CACHE, entries()[0], "model.so")
os.chmod(binary, 0o644)
with open(binary, "r+b") as f:
    f.truncate(1000)
code, again, err = run()
require(code == 0 and "compiling" in err and again == text, "a damaged artifact is made again")

# Two at once: one compiles, one waits.
shutil.rmtree(CACHE)
both = [start(), start()]
results = [p.communicate(timeout=60) for p in both]
require([p.returncode for p in both] == [0, 0], "two at once succeed")
require(all(out == text for out, _ in results), "with the same text")
require(sum("compiling" in err for _, err in results) == 1, "and one compilation")
require(len(kept()) == 1, "of which one artifact is left")


def compiler_of(p):
    """The plait-compile that `p` started."""
    children = f"/proc/{p.pid}/task/{p.pid}/children"
    for _ in range(2000):
        for pid in open(children).read().split():
            try:
                if "plait-compile" in open(f"/proc/{pid}/cmdline").read():
                    return int(pid)
            except OSError:
                pass
        time.sleep(0.002)
    return 0


def is_running(pid):
    try:
        return "plait-compile" in open(f"/proc/{pid}/cmdline").read()
    except OSError:
        return False


for name, target, number in (
    ("the compiler killed", "compiler", signal.SIGKILL),
    ("plait killed", "plait", signal.SIGKILL),
    ("plait interrupted", "plait", signal.SIGINT),
):
    for wait in (0.0, 0.15, 0.4):
        shutil.rmtree(CACHE)
        p = start()
        compiler = compiler_of(p)
        time.sleep(wait)
        victim = compiler if target == "compiler" else p.pid
        try:
            os.kill(victim, number)
        except ProcessLookupError:
            pass
        out, err = p.communicate(timeout=60)
        where = f"{name} after {wait} s"
        expected = {"compiler": (1, 0), "plait": (-9, 130, 0)}[target]
        require(p.returncode in expected, f"{where}: exit code {p.returncode}")
        if target == "compiler" and p.returncode == 1:
            require("signal 9" in err, f"{where}: and says so")
        for _ in range(500):
            if not is_running(compiler):
                break
            time.sleep(0.01)
        require(not is_running(compiler), f"{where}: no compiler is left")
        for entry in entries():
            verify = subprocess.run(["plait", "verify", "-q", os.path.join(CACHE, entry)])
            require(verify.returncode == 0, f"{where}: an artifact is whole")
        code, again, err = run()
        require(code == 0 and again == text, f"{where}: the next run succeeds")
        require(len(kept()) == 1, f"{where}: and leaves one artifact")

# A cache that cannot be used.
blocked = os.path.join(WORK, "blocked")
open(blocked, "w").close()
environment["PLAIT_CACHE_DIR"] = os.path.join(blocked, "cache")
code, out, err = run()
require(code == 1 and blocked in err and "PLAIT_CACHE_DIR" in err, "a cache that cannot be made")
print("all right" if not failures else f"FAILED {failures}")
sys.exit(failures != 0)
