"""Checks the PTX of kernels: lint_ptx.py CHIP [--protocols] FOLDER...

What a kernel must never have, whatever it computes, and which instructions go together.
With --protocols they are those of overlap programs, which have atomics: each must name order and scope, and what
others write is never read as constant memory. Prints one line per violation, then how many entries there were; exits with 1 if there is
a violation, or nothing to check.
"""

import os
import re
import sys

# Instructions whose result depends on what the assembler makes of them: it may fuse
# multiplications with additions unless they say how they round.
UNROUNDED = re.compile(r"^\s*(?:@!?%p\d+\s+)?((?:add|sub|mul|mad|fma|div|sqrt|rcp)(?:\.ftz|\.sat|\.full|\.approx)*\.(?:f32|f64))\b")
ATOMIC = "an atomic, whose order is free"
# In any order, or out of the control of what is written.
FORBIDDEN = {
    "memory of a thread": re.compile(r"\.local\b"),
    "a call": re.compile(r"\bcall(\.uni)?\b"),
    ATOMIC: re.compile(r"\b(atom|red)\."),
    "subnormal numbers flushed": re.compile(r"\.ftz\b"),
    "an approximation": re.compile(r"\b(?!ex2)\w+\.approx\b"),
}

# Of words that ranks wait for: releases and acquires of the scope of all that take part. Sums are relaxed, as an arrival
# releases them.
ORDERED = re.compile(r"""\b(?:
    (?:multimem\.)?red\.(?:release|relaxed)\.(?:sys|gpu)\.global\.add\.u32
  | red\.relaxed\.sys\.global\.add(?:\.v[24])?\.f32
  | atom\.relaxed\.gpu\.global\.cas\.b32
  | multimem\.(?:st|ld_reduce)\.weak\.global(?:\.add)?(?:\.v[24])?\.f32
  | multimem\.st\.relaxed\.sys\.global(?:\.v[24])?\.f32
  | cp\.reduce\.async\.bulk\.global\.shared::cta\.bulk_group\.add\.f32
  )(?=\s)""", re.X)
FORBIDDEN_IN_PROTOCOLS = {
    "a load of constant memory": re.compile(r"\bld\.global\.nc\b|\bldu\."),
    "an access whose order is not that of the memory model": re.compile(r"\b(?:ld|st)\.volatile\b|\bmembar\b"),
}


def lint_protocol(text):
    for line in text.splitlines():
        if re.search(r"\b(?:multimem|atom|red|reduce)\.", line) and not ORDERED.search(line):
            yield f"expected an atomic that names order and scope but got {line.strip()}"
        for what, pattern in FORBIDDEN_IN_PROTOCOLS.items():
            if pattern.search(line):
                yield f"found {what}: {line.strip()}"
    count = lambda pattern: len(re.findall(pattern, text))
    if count(r"\bcp(?:\.reduce)?\.async\.bulk\.global\b"):
        # Their source is shared memory that threads have written, and is written again.
        if not count(r"fence\.proxy\.async\.shared::cta") or not count(r"cp\.async\.bulk\.wait_group\.read\s+0;"):
            yield "expected a fence before bulk copies out of shared memory, and a wait after them"
        if count(r"cp\.async\.bulk\.wait_group\s+0;") != count(r"fence\.proxy\.async\.global"):
            yield "expected a fence of proxies after each wait for bulk copies"
    # What is published comes behind a fence, and one comes behind what is polled.
    publishes = count(r"\b(?:multimem\.)?st\.relaxed\.sys\.global") > 0
    polls = count(r"\bld\.relaxed\.sys\.global(?:\.v[24])?\.b32\b") > 0
    if count(r"\bfence\.acq_rel\.sys;") < publishes + polls:
        yield "expected a fence before what is published, and one behind what is polled"
    # Whoever releases or acquires does so for its block.
    if count(r"\b(?:red\.release|ld\.acquire)\.") > count(r"\bbar\.sync\b"):
        yield "expected a barrier for each release and acquire"


def lint_entry(text, chip, protocols):
    if protocols:
        yield from lint_protocol(text)
    count = lambda pattern: len(re.findall(pattern, text))
    threads = re.search(r"\.reqntid (\d+)", text)
    if not threads:
        yield "found no .reqntid"
        return
    for line in text.splitlines():
        if match := UNROUNDED.match(line):
            yield f"found {match[1]}; expected one that says how it rounds"
        for what, pattern in FORBIDDEN.items():
            if pattern.search(line) and not (protocols and what == ATOMIC):
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
    # Nobody reads what others have copied before all have waited.
    if count(r"\bldmatrix\b"):
        for after in re.split(r"\bcp\.async\.wait_group\b", text)[1:]:
            first = re.search(r"\b(?:bar\.sync|ldmatrix|ld\.shared|cp\.async\.cg)\b", after)
            if not first or first[0] != "bar.sync":
                yield "expected a barrier after each wait for copies, before anything is read or copied"


def main():
    chip, folders = sys.argv[1], [word for word in sys.argv[2:] if word != "--protocols"]
    protocols = "--protocols" in sys.argv[2:]
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
                violations += [f"{file}: {name}: {line}" for line in lint_entry(body, chip, protocols)]
    print("\n".join(violations + [f"{entries} entries, {len(violations)} violations"]))
    return 1 if violations or not entries else 0


if __name__ == "__main__":
    sys.exit(main())
