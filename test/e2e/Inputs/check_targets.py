"""check_targets.py MODEL WORK: WORK/m.plait and the executable WORK/exe hold code for
three targets. Which runs, and does it do what it does alone?"""

import json
import os
import subprocess
import sys

MODEL, WORK = sys.argv[1:]
ARTIFACT, EXE = os.path.join(WORK, "m.plait"), os.path.join(WORK, "exe")


def run(*words, code=0):
    process = subprocess.run(words, capture_output=True, text=True)
    assert process.returncode == code, (words, process.returncode, process.stderr)
    return process.stderr if code else process.stdout


def read(*path):
    with open(os.path.join(WORK, *path), "rb") as file:
        return file.read()


GENERATE = ["--token-ids", "2046,1136,258", "-n", "8", "--ignore-eos", "--output", "json", "--logprobs", "3", "-q"]
manifest = json.loads(read("m.plait", "manifest.json"))
lacks = dict(line[11:].split(": ", 1) for line in read("inspect").decode().splitlines() if ": avx2" in line or ": sse2" in line)
names = [binary["target"] for binary in manifest["binaries"]]
assert names == list(lacks) == ["x86-64-v4", "x86-64-v3", "x86-64"], (names, lacks)
can = [name for name in names if "this CPU lacks" not in lacks[name]]
assert can == names[-len(can):], can

for binary in manifest["binaries"]:
    name, single = binary["target"], os.path.join(WORK, binary["target"] + ".plait")
    run("plait-compile", MODEL, "-o", single, "--target", "cpu:" + name)
    for ours, its in ("weights.pack",) * 2, ("model.{}.so", "model.so"), ("plan.{}.mlir", "plan.mlir"), ("explain.{}.json", "explain.json"):
        assert read("m.plait", ours.format(name)) == read(name + ".plait", its), ours
    if name in can:
        alone = run("plait", "run", single, *GENERATE)
        assert run("plait", "run", ARTIFACT, "--isa", name, *GENERATE) == alone
        assert run(EXE, "--isa", name, *GENERATE) == alone
        if name == can[0]:
            assert run("plait", "run", ARTIFACT, *GENERATE) == alone
            assert run(EXE, *GENERATE) == alone
            record = json.loads(run("plait", "bench", ARTIFACT, "-p", "4", "-n", "0", "-r", "1", "-q", "-o", "json"))[0]
            assert record["target"] == name and record["isa"] == binary["isa"]
    else:
        error = run("plait", "run", ARTIFACT, "--isa", name, *GENERATE, code=1)
        assert f"found code for {name}, for which this CPU lacks avx512f" in error, error

# No CPU has what only the manifest asks for: each target is listed with what it lacks.
for binary in manifest["binaries"]:
    binary["isa"] = "avx9000 of-" + binary["target"]
with open(os.path.join(ARTIFACT, "manifest.json"), "w") as file:
    json.dump(manifest, file)
error = run("plait", "run", ARTIFACT, *GENERATE, code=1)
for name in names:
    assert f"{name}, for which this CPU lacks avx9000 of-{name}" in error, error
assert error.count("\n") == 1 and "compile the model for this machine" in error, error
print(len(can), "of 3 targets run here: all right")
