"""plait doctor in environments that are made up: check_doctor.py WORK MODEL FAKE_DRIVER"""

import json
import os
import resource
import shutil
import subprocess
import sys

WORK = sys.argv[1]
PLAIT = shutil.which("plait")
VERSION = subprocess.run([PLAIT, "--version"], capture_output=True, text=True).stdout.split()[1]
cache = os.path.join(WORK, "cache")
failures = 0


def doctor(program=PLAIT, limit=None, **environment):
    """The checks by name, and the exit code."""
    env = {**os.environ, "PLAIT_CACHE_DIR": cache, "LC_ALL": "C.UTF-8", **environment}

    def prepare():
        if limit:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

    result = subprocess.run([program, "doctor", "--json"], capture_output=True, text=True, env=env, preexec_fn=prepare)
    report = json.loads(result.stdout)
    checks = {check["what"]: check for check in report["checks"]}
    assert report["healthy"] == (result.returncode == 0) == all(c["level"] != "fail" for c in checks.values())
    for check in checks.values():
        assert check["found"] and bool(check["remedy"]) == bool(check["expected"]) == (check["level"] != "ok"), check
    text = subprocess.run([program, "doctor"], capture_output=True, text=True, env=env, preexec_fn=prepare)
    assert text.returncode == result.returncode and text.stdout.count("\n") == len(checks)
    return checks, result.returncode


def expect(what, good, found):
    global failures
    failures += not good
    if not good:
        print(f"FAILED {what}: {found}")


def level(what, name, wanted, **options):
    checks, code = doctor(**options)
    expect(what, checks[name]["level"] == wanted and (code == 0 or wanted == "fail"), checks[name])
    return checks[name]


# As it is here.
checks, code = doctor()
expect("all is well", code == 0, checks)
expect("compiler", checks["compiler"]["found"].startswith(f"plait-compile {VERSION} at "), checks["compiler"])
expect("list", list(checks) == ["cpu", "cores", "memory", "huge pages", "/dev/shm", "open files", "locked memory", "gpu",
                                "nccl", "locale", "compiler", "linker", "cache"], list(checks))
expect("empty cache", ": 0 models, 0 B" in checks["cache"]["found"], checks["cache"])
expect("nothing left", os.listdir(cache) == [], os.listdir(cache))

# The cache: what it holds, what is stale, and a place where none can be.
subprocess.run([PLAIT, "inspect", sys.argv[2]], env={**os.environ, "PLAIT_CACHE_DIR": cache}, check=True,
               capture_output=True)
found = level("one model", "cache", "ok")["found"]
expect("one model", ": 1 models, " in found and found.endswith("iB"), found)
os.mkdir(os.path.join(cache, "0123.work-999999999.plait"))
old = os.path.join(cache, "old.plait")
os.mkdir(old)
found = level("stale", "cache", "warn")
expect("stale", found["found"].endswith("2 stale entries") and ": 1 models" in found["found"], found)
level("a file for a cache", "cache", "fail", PLAIT_CACHE_DIR=__file__)
level("a cache below a file", "cache", "fail", PLAIT_CACHE_DIR=os.path.join(__file__, "cache"))
level("nowhere", "cache", "fail", PLAIT_CACHE_DIR="", XDG_CACHE_HOME="", HOME="")

# GPUs, as drivers that are made up show them.
FAKE = sys.argv[3]
none = {"PLAIT_CUDA_DRIVER": "none.so"}
one = {"PLAIT_CUDA_DRIVER": FAKE, "PLAIT_NCCL": "none.so"}
two = {**one, "PLAIT_FAKE_GPUS": "2"}
check = level("no driver", "gpu", "warn", **none)
expect("no driver", check["found"].startswith("no driver (none.so") and "--target cpu" in check["remedy"], check)
level("no driver", "nccl", "ok", **none)
check = level("no GPU", "gpu", "warn", PLAIT_CUDA_DRIVER=FAKE, PLAIT_FAKE_GPUS="0")
expect("no GPU", check["found"] == "no GPU", check)
check = level("one GPU", "gpu", "ok", **one)
expect("one GPU", check["found"] == "Fake", check)
check = level("one GPU", "nccl", "ok", **one)
expect("one GPU", check["found"].startswith("no library (none.so") and
       check["found"].endswith("only ranks on several GPUs need it"), check)
check = level("two GPUs", "gpu", "ok", **two)
expect("two GPUs", check["found"] == "Fake and 1 more", check)
check = level("no NCCL", "nccl", "warn", **two)
expect("no NCCL", check["found"].startswith("no library (none.so") and check["expected"] == "NCCL 2.14 or later" and
       "PLAIT_NCCL" in check["remedy"] and "through their hosts" in check["remedy"], check)
check = level("NCCL", "nccl", "ok", **{**two, "PLAIT_NCCL": FAKE})
expect("NCCL", check["found"] == "NCCL 2.28.9", check)

# Locale and limits.
level("C", "locale", "warn", LC_ALL="C")
level("none", "locale", "warn", LC_ALL="", LC_CTYPE="", LANG="")
level("by language", "locale", "ok", LC_ALL="", LC_CTYPE="", LANG="tr_TR.utf8")
level("files", "open files", "warn", limit=64)
level("many files", "open files", "ok", limit=1024)

# Other installations: no compiler, another one, one that cannot start; no linker.
alone = os.path.join(WORK, "alone")
os.mkdir(alone)
copy = os.path.join(alone, "plait")
shutil.copy(PLAIT, copy)
compiler = os.path.join(alone, "plait-compile")
level("no compiler", "compiler", "fail", program=copy)
for script, words in {"echo plait-compile 9.9.9": "plait-compile 9.9.9", "exit 3": "code 3", "kill -9 $$": "code 137",
                      "true": "names no version"}.items():
    with open(compiler, "w") as file:
        file.write(f"#!/bin/sh\n{script}\n")
    os.chmod(compiler, 0o755)
    check = level(script, "compiler", "fail", program=copy)
    expect(script, words in check["found"], check)
with open(compiler, "w") as file:
    file.write(f"#!/bin/sh\necho plait-compile {VERSION}\n")
level("same version", "compiler", "ok", program=copy)
tools = os.path.join(WORK, "tools")
os.mkdir(tools)
os.symlink("/bin/true", os.path.join(tools, "ld.lld-22"))
found = level("linker", "linker", "ok", PATH=tools)
expect("linker", found["found"] == os.path.join(tools, "ld.lld-22"), found)

print("all right" if not failures else f"{failures} FAILED")
