"""damage_artifact.py ARTIFACT WORK: damages copies of it in every way there is."""

import json
import os
import shutil
import sys

import expect

ARTIFACT, WORK = sys.argv[1:3]
right = True


def copy():
    shutil.rmtree(WORK, ignore_errors=True)
    shutil.copytree(ARTIFACT, WORK)


def check(name, fragments, words=("verify",), lines=1):
    global right
    result = expect.run(["plait", words[0], WORK, *words[1:]])
    right &= expect.report(name, result, expect.problems(result, 1, fragments, lines))


def edit(file, change):
    path = os.path.join(WORK, file)
    with open(path, "rb") as f:
        data = bytearray(f.read())
    changed = change(data)
    data = data if changed is None else changed
    with open(path, "wb") as f:
        f.write(data)


def flip(at):
    def change(data):
        data[int(at * (len(data) - 1))] ^= 0x10

    return change


files = sorted(os.listdir(ARTIFACT))
for file in files:
    for at in (0, 0.37, 1):
        if file == "manifest.json":
            continue
        copy()
        edit(file, flip(at))
        check(f"one bit of {file} at {at}", [file], lines=2)
    copy()
    os.remove(os.path.join(WORK, file))
    check(f"no {file}", [file], lines=2)
    copy()
    edit(file, lambda data: data[: len(data) // 2])
    check(f"half of {file}", [file], lines=2)

# What cannot be used is refused before it is used.
for file in ("model.so", "weights.pack"):
    copy()
    edit(file, lambda data: data[: len(data) // 2])
    check(f"run: half of {file}", [file], ["run", "-p", "A", "-n", "1"])
copy()
edit("model.so", flip(0.37))
check("run: one bit of model.so", ["model.so"], ["run", "-p", "A", "-n", "1"])


def manifest(name, change, fragments, unreadable=True):
    def apply(data):
        value = json.loads(data)
        change(value)
        return json.dumps(value).encode()

    copy()
    edit("manifest.json", apply)
    # What reads well is found by the manifest's own digest.
    check("manifest: " + name, fragments if unreadable else ["manifest.json: found no digest"])
    check("manifest, run: " + name, fragments, ["run", "-p", "A", "-n", "1"])


manifest("a later schema", lambda m: m.update(schema=99), ["schema", "99"])
manifest("no schema", lambda m: m.pop("schema"), ["schema"])
with open(os.path.join(os.path.dirname(__file__), "../../target/abi/Inputs/abi-1/manifest.json")) as f:
    OLD = json.load(f)
manifest("an earlier schema", lambda m: (m.clear(), m.update(OLD)), ["found schema 1; expected schema 3", "older Plait"])
manifest("no binaries", lambda m: m.pop("binaries"), ["binaries"])
manifest("an empty list of binaries", lambda m: m.update(binaries=[]), ["binaries"])
manifest("a path out of it", lambda m: m["binaries"][0].update(file="../m.so"), ["../m.so"])
manifest("an absolute path", lambda m: m["binaries"][0].update(file="/etc/passwd"), ["/etc/passwd"])
manifest("features that no processor has", lambda m: m["binaries"][0].update(isa="avx9000"), ["avx9000"], unreadable=False)
manifest("a wrong type", lambda m: m.update(model=[1]), ["model"])
for name, text in (
    ("empty", b""),
    ("no JSON", b"schema = 1"),
    ("a list", b"[]"),
    ("deep", b"[" * 100_000),
    ("not UTF-8", b'{"schema": "\xff"}'),
):
    copy()
    edit("manifest.json", lambda data: bytearray(text))
    check("manifest: " + name, ["manifest.json"])
print("all right" if right else "FAILED")
sys.exit(not right)
