"""damage_exe.py EXE EXE_WITH_WEIGHTS_BESIDE WORK: damages copies of executables."""

import os
import shutil
import subprocess
import sys
import zipfile

import expect

EMBEDDED, BESIDE, WORK = sys.argv[1:4]
shutil.rmtree(WORK, ignore_errors=True)
os.makedirs(WORK)
EXE = os.path.join(WORK, "m")
RUN = [EXE, "-p", "A", "-n", "1"]
right = True
with open(EMBEDDED, "rb") as f:
    whole = f.read()
with zipfile.ZipFile(EMBEDDED) as archive:
    members = archive.infolist()


def write(data, path=EXE):
    if os.path.exists(path):
        os.remove(path)
    with open(path, "wb") as f:
        f.write(data)
    os.chmod(path, 0o755)


def check(name, words, fragments, lines=1):
    global right
    result = expect.run(words)
    right &= expect.report(name, result, expect.problems(result, 1, fragments, lines))


def flip(at):
    data = bytearray(whole)
    data[at] ^= 0x10
    return bytes(data)


def data_offset(member):
    name, extra = (int.from_bytes(whole[member.header_offset + at :][:2], "little") for at in (26, 28))
    return member.header_offset + 30 + name + extra


# Truncated, extended, stripped.
archive_begin = members[0].header_offset
for length in (len(whole) - 1, len(whole) - 22, len(whole) - 98, len(whole) * 2 // 3, archive_begin + 1, archive_begin):
    write(whole[:length])
    check(f"the first {length} bytes", RUN, ["m: found no archive at the end"])
    check(f"plait run: the first {length} bytes", ["plait", "run", *RUN[0:]], ["m: found a file"])
write(whole + b"x")
check("a byte more", RUN, ["m: found no archive at the end"])
write(whole[:archive_begin] + b"x" + whole[archive_begin:])
check("a byte in between", RUN, ["m:", "damaged"])
write(whole)
subprocess.run(["llvm-strip", EXE], check=True)
check("stripped", RUN, ["m: found no archive at the end", "stripped"])

# One bit of what is checked whenever it starts.
for member in members:
    begin = data_offset(member)
    for at in (member.header_offset, member.header_offset + 14, member.header_offset + 30, begin - 1):
        write(flip(at))
        check(f"one bit of the header of {member.filename} at {at}", RUN, ["m: found", "compile the model again"])
    if member.filename in ("manifest.json", "program.digest", "model.so"):
        for at in (begin, begin + member.file_size // 2, begin + member.file_size - 1):
            write(flip(at))
            check(f"one bit of {member.filename}", RUN, ["m", "found", "compile the model again"])
    if member.file_size:
        write(flip(begin + member.file_size // 3))
        check(f"verify: one bit of {member.filename}", ["plait", "verify", EXE], ["found", "expected"], lines=2)
directory = whole.rindex(b"PK\x01\x02")
for at in range(directory, len(whole), 7):
    write(flip(at))
    check(f"one bit of the directory at {at}", RUN, ["m", "found"])

# One bit of the program: `plait verify` finds it, and so does the program itself
# where it can still run so far.
for part in (0.01, 0.37, 0.8, 0.999):
    write(flip(int(part * archive_begin)))
    check(f"verify: one bit of the program at {part}", ["plait", "verify", EXE], ["found a program with digest"])
strings = whole.index(b"keep the k most probable")
write(flip(strings))
check("one bit of the program's texts", RUN, ["m: found a program with digest", "expected"])

# Weights beside it: missing, of another size, of other content.
shutil.copy(BESIDE, EXE)
check("no weights", RUN, ["m.weights", "found nothing to read", "--embed-weights"])
with open(BESIDE + ".weights", "rb") as f:
    weights = f.read()
write(weights[:-1], EXE + ".weights")
check("weights a byte short", RUN, ["m.weights", "found 3939071 bytes", "3939072"])
write(weights[:1000] + b"?" + weights[1001:], EXE + ".weights")
check("other weights", [EXE, "--verify"], ["m.weights", "found digest"], lines=2)
os.remove(EXE + ".weights")
os.mkdir(EXE + ".weights")
check("a folder of weights", RUN, ["m.weights", "not a file"])
os.rmdir(EXE + ".weights")

# What zip tools do to it.
shutil.copy(EMBEDDED, EXE)
with zipfile.ZipFile(EXE, "a") as archive:
    archive.writestr("../../escape", "text")
check("a member that leads out", RUN, ["m: found"])
shutil.copy(EMBEDDED, EXE)
with zipfile.ZipFile(EXE, "a", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("more.txt", "text " * 1000)
check("a compressed member", RUN, ["m: found", "damaged or changed"])
check("plait inspect: a compressed member", ["plait", "inspect", EXE], ["m: found", "damaged or changed"])
write(b"")
check("plait verify: nothing", ["plait", "verify", EXE], ["m: found no archive"])
print("all right" if right else "FAILED")
sys.exit(not right)
