"""Compares tables of resources: check_resources.py GOLDEN FILE...

GOLDEN is the FILEs, one after the other, as plait-compile --stop-after=cubin has written them.
With the ptxas that GOLDEN was made with all numbers are compared, with another one all but
registers. No entry may spill or have a stack. To make GOLDEN anew: UPDATE_GOLDEN=1.
"""

import os
import subprocess
import sys

RELEASE = "release 13.0"


def rows(text):
    for line in text.splitlines():
        entry, *numbers = line.split()
        if entry != "entry":
            yield entry, [int(x) for x in numbers]


def main():
    golden, files = sys.argv[1], sys.argv[2:]
    texts = []
    for file in files:
        with open(file, encoding="utf-8") as stream:
            texts.append(stream.read())
    found = "".join(texts)
    if os.environ.get("UPDATE_GOLDEN"):
        with open(golden, "w", encoding="utf-8") as stream:
            stream.write(found)
    with open(golden, encoding="utf-8") as stream:
        expected = stream.read()
    version = subprocess.run(["ptxas", "--version"], capture_output=True, text=True, check=True).stdout
    same_release = RELEASE in version
    if not same_release:
        print(f"expected ptxas of {RELEASE}; registers are not compared")
    errors = []
    left, right = list(rows(expected)), list(rows(found))
    if [entry for entry, _ in left] != [entry for entry, _ in right]:
        errors.append(f"expected entries {[e for e, _ in left]} but got {[e for e, _ in right]}")
    for (entry, old), (_, new) in zip(left, right):
        threads, registers, spills, stack, shared = new
        if spills or stack:
            errors.append(f"{entry}: expected no spills and no stack but got {spills} and {stack} bytes")
        if registers * threads > 65536:
            errors.append(f"{entry}: expected at most 65536 registers but got {registers * threads}")
        if shared > 227 * 1024:
            errors.append(f"{entry}: expected at most 227 KiB of shared memory but got {shared} bytes")
        if new != old and (same_release or new[:1] + new[2:] != old[:1] + old[2:]):
            errors.append(f"{entry}: expected {old} but got {new}")
    print("\n".join(errors + [f"{len(right)} entries, {len(errors)} errors"]))
    return 1 if errors or not right else 0


if __name__ == "__main__":
    sys.exit(main())
