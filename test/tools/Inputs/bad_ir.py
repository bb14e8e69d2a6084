"""Hands every tool that reads IR what nests too deep, and bytecode that is not whole.

  bad_ir.py FOLDER MODEL.mlir

Prints a line per thing that is wrong, and at the end how many were right.
"""

import os
import random
import subprocess
import sys

LEVELS = 200000
EXPECTED = ": found brackets, names or sums that nest deeper than 256; expected IR without such nesting"
# Each reads IR and says no to what is no IR.
TOOLS = [["plait-opt"], ["plait-translate", "--to-text"], ["plait-reduce", "--test=/bin/true"],
         ["plait-compile", "--start-from=decode", "--stop-after=decode"]]
DEEP = {
    "attributes": "module attributes {a.b = " + "[" * LEVELS + "]" * LEVELS + "} {}",
    "types": "module attributes {a.b = " + "tuple<" * LEVELS + "i32" + ">" * LEVELS + "} {}",
    "regions": "module {\n" * LEVELS + "}\n" * LEVELS,
    "locations": "module {} loc(" + 'callsite("a" at ' * LEVELS + '"b"' + ")" * LEVELS + ")",
    "aliases": "#a0 = []\n" + "".join(f"#a{i + 1} = [#a{i}]\n" for i in range(LEVELS)),
    "type aliases": "!t0 = i32\n" + "".join(f"!t{i + 1} = tuple<!t{i}>\n" for i in range(LEVELS)),
    "sums": "module attributes {a.b = affine_map<(d0) -> (d0" + " + d0" * LEVELS + ")>} {}",
    "hidden by strings": 'module attributes {a.b = "]]]", c.d = ' + '["\\"]", ' * LEVELS + "]" * LEVELS + "} {}",
    "hidden by comments": "module attributes {a.b = " + "[ // ]\n" * LEVELS + "]" * LEVELS + "} {}",
    "hidden by arrows": "module attributes {a.b = " + "(() -> " * LEVELS + "i32" + ")" * LEVELS + "} {}",
}
# What only looks deep.
FLAT = {
    "brackets in strings": 'module attributes {a.b = "' + "[" * LEVELS + '"} {}',
    "brackets in comments": "// " + "[" * LEVELS + "\nmodule {}",
    "brackets side by side": "module attributes {a.b = [" + ", ".join(["[]"] * 1000) + "]} {}",
    "names side by side": "".join(f"#a{i} = [[{i}]]\n" for i in range(1000)) + "module attributes {a.b = [#a1, #a999]} {}",
    "arrows": "module { lm.model @m family \"llama\" numerics fast max_positions 8 {\n" + "".join(
        f"lm.func @f{i}() -> () {{ lm.return }}\n" for i in range(1000)) + "} }",
}

os.chdir(sys.argv[1])
right = wrong = 0


def check(what, good, found):
    global right, wrong
    right, wrong = right + good, wrong + (not good)
    if not good:
        print(f"FAILED {what}: {found}")


def run(words, path):
    return subprocess.run(words + [path], capture_output=True, timeout=120)


for name, text in DEEP.items():
    with open("deep.mlir", "w") as file:
        file.write(text)
    for words in TOOLS:
        result = run(words, "deep.mlir")
        error = result.stderr.decode()
        good = (result.returncode in (1, 2) and error.startswith(f"{words[0]}: error: deep.mlir:")
                and error.endswith(EXPECTED + "\n") and error.count("\n") == 1)
        check(f"{words[0]}: {name}", good, (result.returncode, error[:300]))
for name, text in FLAT.items():
    with open("flat.mlir", "w") as file:
        file.write(text)
    result = run(["plait-opt", "--allow-unregistered-dialect"], "flat.mlir")
    check(name, result.returncode == 0, result.stderr[:300])

# Bytecode: cut at every length, and with random bytes in it. What is accepted may be
# different IR, but nothing crashes or hangs, and each error is told.
subprocess.run(["plait-translate", "--to-bytecode", sys.argv[2], "-o", "good.mlirbc"], check=True)
with open("good.mlirbc", "rb") as file:
    good_bytes = file.read()
random.seed(7)
variants = [good_bytes[:length] for length in range(4, len(good_bytes), 97)]
for _ in range(60):
    damaged = bytearray(good_bytes)
    for _ in range(random.randint(1, 4)):
        damaged[random.randrange(4, len(damaged))] = random.randrange(256)
    variants.append(bytes(damaged))
for number, data in enumerate(variants):
    with open("bad.mlirbc", "wb") as file:
        file.write(data)
    result = run(["plait-opt"], "bad.mlirbc")
    check(f"bytecode {number}", result.returncode == 0 or result.returncode == 1 and b"error: " in result.stderr,
          (result.returncode, result.stderr[:300]))
print(f"{right} of {right + wrong} right")
