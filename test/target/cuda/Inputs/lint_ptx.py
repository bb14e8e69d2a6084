"""Checks the PTX of kernels: lint_ptx.py CHIP FOLDER...

What a kernel must never have, whatever it computes, and which instructions go together.
Prints one line per violation, then how many entries there were; exits with 1 if there is
a violation, or nothing to check.
"""

import os
import re
import sys

# Instructions whose result depends on what the assembler makes of them: it may fuse
# multiplications with additions unless they say how they round.
UNROUNDED = re.compile(r"^\s*(?:@!?%p\d+\s+)?((?:add|sub|mul|mad|fma|div|sqrt|rcp)(?:\.ftz|\.sat|\.full|\.approx)*\.(?:f32|f64))\b")
# In any order, or out of the control of what is written.
FORBIDDEN = {
    "memory of a thread": re.compile(r"\.local\b"),
    "a call": re.compile(r"\bcall(\.uni)?\b"),
    "an atomic, whose order is free": re.compile(r"\b(atom|red)\."),
    "subnormal numbers flushed": re.compile(r"\.ftz\b"),
    "an approximation": re.compile(r"\b(?!ex2)\w+\.approx\b"),
}


def lint_entry(text, chip):
    count = lambda pattern: len(re.findall(pattern, text))
    threads = re.search(r"\.reqntid (\d+)", text)
    if not threads:
        yield "found no .reqntid"
        return
    for line in text.splitlines():
        if match := UNROUNDED.match(line):
            yield f"found {match[1]}; expected one that says how it rounds"
        for what, pattern in FORBIDDEN.items():
            if pattern.search(line):
                yield f"found {what}: {line.strip()}"
    products = count(r"\bwgmma\.mma_async\b")
    copies, expected = count(r"\bcp\.async\.bulk\.tensor\b"), count(r"\bmbarrier\.arrive\.expect_tx\b")
    if (products or copies or count(r"\bmbarrier\b")) and chip != "sm_90a":
        yield "found wgmma, TMA or mbarriers; expected them on sm_90a alone"
    if products:
        loops = count(r"wgmma\.wait_group\.sync\.aligned\s+1;")
        if not loops or count(r"wgmma\.wait_group\.sync\.aligned\s+0;") != loops:
            yield "expected a wait for all products after each loop that waits for all but one"
        for what in (r"wgmma\.fence\.sync\.aligned", r"wgmma\.commit_group\.sync\.aligned"):
            if count(what) != loops:
                yield f"expected {loops} of {what} but got {count(what)}"
        # Those that load announce their bytes: the weights' tiles and the input's.
        if expected != loops or copies < 2 * loops:
            yield f"expected {loops} announcements and at least {2 * loops} copies but got {expected} and {copies}"
        if count(r"\bmbarrier\.try_wait\.parity\b") != 2 * loops:
            yield "expected one wait in each loop that loads and in each that multiplies"
        registers = [int(x) for x in re.findall(r"setmaxnreg\.\w+\.sync\.aligned\.u32\s+(\d+);", text)]
        if int(threads[1]) == 384:
            if sorted(set(registers)) != [40, 232]:
                yield f"expected registers to go from those who load to those who multiply but got {registers}"
            elif (40 + 2 * 232) * 128 > 65536:
                yield "expected no more registers than there are"
        elif registers:
            yield "found setmaxnreg with one consumer"
        if not re.search(r"fence\.mbarrier_init\.release\.cluster", text):
            yield "expected a fence after the barriers are made"
    if count(r"\bldmatrix\b") and count(r"\bcp\.async\.wait_group\b") != count(r"\bbar\.sync\b"):
        yield "expected a barrier after each wait for copies"


def main():
    chip, folders = sys.argv[1], sys.argv[2:]
    entries, violations = 0, []
    for folder in folders:
        for file in sorted(os.listdir(folder)):
            if not file.endswith(".ptx"):
                continue
            with open(os.path.join(folder, file), encoding="utf-8") as stream:
                text = stream.read()
            if not re.search(rf"^\.target {chip}$", text, re.M):
                violations.append(f"{file}: expected .target {chip}")
            for body in text.split(".visible .entry ")[1:]:
                entries, name = entries + 1, body.split("(")[0]
                violations += [f"{file}: {name}: {line}" for line in lint_entry(body, chip)]
    print("\n".join(violations + [f"{entries} entries, {len(violations)} violations"]))
    return 1 if violations or not entries else 0


if __name__ == "__main__":
    sys.exit(main())
