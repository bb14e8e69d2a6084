"""Prints how many innermost loops of a disassembly hold an instruction, and in how
many of those something is spilled, that is at a fixed place on the stack instead
of in a register: inner_loops.py DISASSEMBLY INSTRUCTION [EXCEPT [FUNCTION]]

DISASSEMBLY is what `llvm-objdump -d --no-show-raw-insn` prints, INSTRUCTION a
regular expression for the mnemonic. Loops with an instruction that begins as EXCEPT,
mnemonic and operands, are left out, and so are functions whose name is not FUNCTION."""

import re
import sys

INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+(\S+)\s*(.*)$")
TARGET = re.compile(r"^0x([0-9a-f]+)")


def functions(path):
    name, lines = "", []
    with open(path) as text:
        for line in text:
            if start := re.match(r"[0-9a-f]+ <(.*)>:$", line.rstrip()):
                yield name, lines
                name, lines = start[1], []
            elif match := INSTRUCTION.match(line):
                lines.append((int(match[1], 16), match[2], match[3]))
    yield name, lines


def inner_loops(instructions):
    """Ranges of code from the target of a jump back to the jump, of those that
    hold no smaller one."""
    at = {address: i for i, (address, _, _) in enumerate(instructions)}
    loops = set()
    for i, (address, mnemonic, operands) in enumerate(instructions):
        target = TARGET.match(operands) if mnemonic.startswith("j") else None
        if target and int(target[1], 16) <= address and int(target[1], 16) in at:
            loops.add((at[int(target[1], 16)], i))
    return [a for a in loops if not any(b != a and a[0] <= b[0] and b[1] <= a[1] for b in loops)]


def main():
    wanted = re.compile(sys.argv[2])
    other = re.compile(sys.argv[3]) if len(sys.argv) > 3 else None
    function = re.compile(sys.argv[4] if len(sys.argv) > 4 else ".*")
    found = spilling = 0
    for name, instructions in functions(sys.argv[1]):
        if not function.fullmatch(name):
            continue
        framed = any(name.startswith("mov") and args.split("#")[0].strip() == "%rsp, %rbp" for _, name, args in instructions)
        place = re.compile(r"\(%(rsp|rbp)\)" if framed else r"\(%rsp\)")
        for begin, end in inner_loops(instructions):
            body = instructions[begin : end + 1]
            if other and any(other.match(f"{name} {args}") for _, name, args in body):
                continue
            if any(wanted.fullmatch(name) for _, name, _ in body):
                found += 1
                spilling += any(place.search(args) for _, _, args in body)
    print(f"{found} innermost loops, {spilling} spill")


main()
