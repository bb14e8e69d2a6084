"""Compiles the protocols of Inputs/programs.mlir for CPU ranks: compile.py FOLDER [--sanitize-thread] [--programs DIR]

Writes FOLDER/ranks-N.so, which plait-protocol-tests runs, for 2, 3, 4, 5 and 8 ranks; they call the host between their
memory operations. Of 3 ranks without-delays.so, and one for each fault that is put into programs and that tests have
to find; these are not proved. Programs are those of DIR (default: on PATH).

With --sanitize-thread clang compiles them, and its thread sanitizer sees each access to memory, but for masked ones, of
columns that do not fill a vector. It looks at no accesses wider than 16 bytes, hence 4 lanes.
"""

import argparse
import os
import subprocess
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
RANKS = [2, 3, 4, 5, 8]
# The same sum three times: by itself with threads, by itself with the workers of a GPU, with its product by tiles, as
# other products and collectives. Then by other algorithms; those by which each rank computes all rows have fewer. Then
# whatever is decided of programs by passes of their own.
WRITTEN = ["--plait-outline-protocols=rows=2", "--plait-outline-protocols=rows=2 sms=4 comm-sms=2",
           "--plait-fuse-tiles=rows=4 tile-rows=2 column-tiles=2 sms=3",
           "--plait-outline-protocols=algorithm=one_shot tokens=3", "--plait-outline-protocols=algorithm=lamport tokens=3",
           "--plait-outline-protocols=algorithm=ring rows=2", "--plait-outline-protocols=algorithm=multimem rows=2",
           "--plait-assign-tile-order", "--plait-allocate-slots"]
FAULTS = {
    # The others are never told.
    "dropped": ("overlap.arrive %c[%i] multicast", "overlap.arrive %c[%i] own"),
    # Nobody waits for the others.
    "early": ("expect affine_map<(i)[n] -> (n)> : !overlap.counter<[6], sys>",
              "expect affine_map<(i)[n] -> (1)> : !overlap.counter<[6], sys>"),
    # What x86 has in order all the same, and the memory model has not.
    "relaxed-arrive": ("overlap.arrive %c[%i] multicast", "overlap.arrive %c[%i] multicast relaxed"),
    "relaxed-wait": ("overlap.wait %c[%i] : !overlap.counter<[6], sys>",
                     "overlap.wait %c[%i] relaxed : !overlap.counter<[6], sys>"),
}


def run(*command, stdin=None):
    done = subprocess.run(command, input=stdin, capture_output=True)
    if done.returncode:
        sys.exit(f"compile.py: {' '.join(command)} failed:\n{done.stderr.decode()}")
    return done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--sanitize-thread", action="store_true")
    parser.add_argument("--programs", default="")
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    with open(os.path.join(FOLDER, "Inputs", "programs.mlir")) as f:
        text = f.read()

    def compile_text(source, written, name, delays=" delays"):
        opt = os.path.join(options.programs, "plait-opt")
        pipeline = f"--plait-cpu-protocols-pipeline=lanes=4 fma=false{delays}"
        code = run(opt, "-", *written, pipeline, stdin=source.encode())
        path = os.path.join(options.folder, name)
        if options.sanitize_thread:
            ir = run("mlir-translate-22", "--mlir-to-llvmir", stdin=code)
            ir = run("opt-22", "-S", "-passes=forceattrs", "-force-attribute=sanitize_thread", stdin=ir)
            run("clang-22", "-x", "ir", "-", "-O1", "-g1", "-fsanitize=thread", "-fPIC", "-shared", "-o", path + ".so",
                "-Wno-override-module", stdin=ir)
        else:
            run(os.path.join(options.programs, "plait-translate"), "--to-object", "--object-target=cpu:x86-64", "-o",
                path + ".o", stdin=code)
            run("ld.lld-22", "-shared", "-z", "defs", path + ".o", "-o", path + ".so")

    for ranks in RANKS:
        source = text
        for word, number in (("NRANKS", ranks), ("ROWS2", 2 * ranks), ("MCOLS", 24 * ranks)):
            source = source.replace(word, str(number))
        compile_text(source, WRITTEN + ["--plait-verify-overlap"], f"ranks-{ranks}")
        if ranks == 3:
            compile_text(source, WRITTEN, "without-delays", delays="")
            # The first program by itself.
            one_shot = source[:source.index("// The owner of two rows")]
            for name, (right, wrong) in FAULTS.items():
                if one_shot.count(right) != 1:
                    sys.exit(f"compile.py: found '{right}' {one_shot.count(right)} times; expected once")
                compile_text(one_shot.replace(right, wrong), [], name)


main()
