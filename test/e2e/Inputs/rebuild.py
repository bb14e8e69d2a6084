"""rebuild.py MODEL EXPECTED WORK: compiles MODEL ten times, each under other
circumstances, and compares with EXPECTED/m.plait, EXPECTED/m and EXPECTED/list.plait,
byte by byte."""

import os
import shutil
import subprocess
import sys

MODEL, EXPECTED, WORK = (os.path.abspath(path) for path in sys.argv[1:4])
shutil.rmtree(WORK, ignore_errors=True)
HOME = os.path.join(WORK, "home")
DEEP = os.path.join(WORK, "some", "other folder", "deeper")
os.makedirs(HOME)
os.makedirs(DEEP)
os.chmod(WORK, 0o777)
PARENT, NAME = os.path.split(MODEL)
os.symlink(MODEL, os.path.join(HOME, NAME))


def as_nobody():
    """Another user, where this one may become one."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


def on_one_processor():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def with_umask(mask):
    return lambda: os.umask(mask)


# What differs: the model's path, the folder to run in, flags, variables, and what
# is done in the new process first.
CASES = [
    ("again", MODEL, WORK, [], {}, None),
    ("in the model", ".", MODEL, ["--threads=2"], {}, None),
    ("from above", NAME + "/", PARENT, ["--threads=3"], {"PWD": "/nowhere"}, None),
    ("through a link", os.path.join(HOME, "..", "home", ".", NAME), DEEP, [], {}, None),
    ("another user", MODEL, "/", [], {"HOME": HOME, "USER": "other", "LOGNAME": "other"}, as_nobody),
    ("no variables", MODEL, WORK, [], None, None),
    ("another language", MODEL, WORK, [], {"LC_ALL": "tr_TR.UTF-8", "LANG": "de_DE.UTF-8", "LANGUAGE": "de"}, None),
    ("another time", MODEL, WORK, [], {"LC_ALL": "C", "TZ": "Asia/Tokyo", "SOURCE_DATE_EPOCH": "1"}, None),
    ("one processor", MODEL, WORK, [], {"TMPDIR": HOME, "COLUMNS": "7"}, on_one_processor),
    ("another umask", MODEL, WORK, ["--threads=8"], {"MALLOC_PERTURB_": "85"}, with_umask(0o077)),
]


def contents(path):
    if not os.path.isdir(path):
        with open(path, "rb") as f:
            return f.read()
    return {name: contents(os.path.join(path, name)) for name in sorted(os.listdir(path))}


compiler = shutil.which("plait-compile")
readable = subprocess.run(
    ["sh", "-c", 'test -x "$1" && test -r "$2"', "sh", compiler, os.path.join(MODEL, "config.json")], preexec_fn=as_nobody
)
if readable.returncode:  # a checkout that is closed to others
    CASES = [case[:5] + (None,) if case[5] is as_nobody else case for case in CASES]
expected = {name: contents(os.path.join(EXPECTED, name)) for name in ("m.plait", "m", "list.plait")}
equal = 0
for number, (name, model, folder, flags, variables, prepare) in enumerate(CASES):
    out = os.path.join(WORK, f"out{number}")
    os.mkdir(out)
    os.chmod(out, 0o777)
    # What finds programs, and what sanitizers need to be told.
    least = {name: value for name, value in os.environ.items() if name == "PATH" or name.endswith("SAN_OPTIONS")}
    environment = least if variables is None else {**os.environ, **variables}
    lists = ["cpu:x86-64,cpu:x86-64-v3", "cpu:x86-64-v3,cpu:x86-64"]
    for target, emit in (
        ("m.plait", []),
        ("m", ["--emit=exe", "--embed-weights"]),
        ("list.plait", ["--target", lists[number % 2]]),
    ):
        output = os.path.join(out, "other-" + target)
        command = [compiler, model, "-o", os.path.relpath(output, folder), "--debug-logits", *flags, *emit]
        subprocess.run(command, cwd=folder, env=environment, preexec_fn=prepare, check=True)
        same = contents(output) == expected[target]
        equal += same
        if not same:
            print(f"FAILED {name}: {target} differs")
    left = sorted(os.listdir(out))
    if left != ["other-list.plait", "other-m", "other-m.plait"]:
        print(f"FAILED {name}: found {left} in the output folder")
        equal = -1
print(f"{len(CASES)} rebuilds, {equal} of {3 * len(CASES)} artifacts byte-identical")
