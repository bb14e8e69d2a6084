#!/usr/bin/env python3
"""Checks who includes whom: tools/check_layering.py [ROOT]

Reads every #include of the C++ sources and every include of the tablegen files
below include, lib, dialects, passes, runtime and tools. LAYERS says what each
layer may include; a file in none of them is an error, so that a new folder has
to be named here. Prints one line per violation and exits with 1 if there is one.
"""

import os
import re
import sys

C_HEADERS = {"stdbool.h", "stddef.h", "stdint.h"}
# What is neither of this project nor of the system, by the first part of its path.
LIBRARIES = {"mlir", "llvm", "nlohmann", "pcre2.h", "utf8proc.h", "xxhash.h", "fmt", "CLI", "gtest", "gmock"}
PROJECT = {"plait-abi", "plait-c", "plait", "dialects", "passes", "runtime", "tools", "lib", "include", "test"}

ABI = ["plait-abi"]
MLIR = ["mlir", "llvm"]
BASE = ["runtime/base"]
SUPPORT = MLIR + ["plait/Support"]
# The one source of the random numbers that both halves draw, of bf16, of the names of
# tensors, of integers that stand for weights, of where those lie, and of the order of sums.
DIALECT = SUPPORT + ["runtime/base/Bf16.h", "runtime/base/Philox.h", "runtime/base/TensorName.h", "runtime/base/Quantization.h",
                     "runtime/base/PanelLayout.h", "runtime/base/SumTree.h"]
DIALECTS = ["dialects/Lm", "dialects/Decode", "dialects/Par", "dialects/Overlap", "dialects/Kernel", "dialects/Rt"]
LIBRARY = SUPPORT + DIALECTS + BASE
PASSES = LIBRARY + ABI + ["plait/Analysis", "plait/Cost", "plait/Frontend", "plait/Target", "plait/Timeline"]
EVERYTHING = ["*"]

# (folder, what its files may include besides the system's headers). The first
# folder that holds a file counts.
LAYERS = [
    ("include/plait-abi", ABI),
    ("runtime/base", ABI + BASE + ["nlohmann", "pcre2.h", "utf8proc.h", "xxhash.h"]),
    ("runtime/comm", ABI + BASE + ["runtime/comm"]),
    ("runtime/device", ABI + BASE + ["runtime/comm", "runtime/device"]),
    ("runtime/core", ABI + BASE + ["runtime/comm", "runtime/device", "runtime/core"]),
    ("runtime/decode", ABI + BASE + ["runtime/core", "runtime/decode"]),
    ("include/plait-c", []),
    ("runtime/capi", ABI + BASE + ["plait-c", "runtime/core", "runtime/decode", "runtime/capi"]),
    # For both halves: without MLIR.
    ("include/plait/Timeline", BASE + ["plait/Timeline"]),
    ("lib/Timeline", BASE + ["plait/Timeline", "fmt"]),
    ("include/plait/Support", SUPPORT),
    ("lib/Support", SUPPORT),
    ("dialects/Lm", DIALECT + ["dialects/Lm"]),
    ("dialects/Decode", DIALECT + ["dialects/Lm", "dialects/Decode"]),
    ("dialects/Par", DIALECT + ["dialects/Lm", "dialects/Par"]),
    ("dialects/Overlap", DIALECT + ["dialects/Lm", "dialects/Par", "dialects/Overlap"]),
    ("dialects/Kernel", DIALECT + ["dialects/Lm", "dialects/Kernel"]),
    ("dialects/Rt", DIALECT + ABI + ["dialects/Lm", "dialects/Rt"]),
    ("include/plait/Analysis", LIBRARY + ["plait/Analysis"]),
    ("lib/Analysis", LIBRARY + ["plait/Analysis"]),
    ("include/plait/Cost", LIBRARY + ["plait/Cost", "plait/Timeline"]),
    ("lib/Cost", LIBRARY + ["plait/Cost", "plait/Timeline"]),
    ("include/plait/Frontend", LIBRARY + ["plait/Frontend"]),
    ("lib/Frontend", LIBRARY + ["plait/Frontend"]),
    ("include/plait/Target", LIBRARY + ABI + ["plait/Target"]),
    ("lib/Target", LIBRARY + ABI + ["plait/Target"]),
    # A phase never includes another one; only Pipelines sees several.
    ("passes/Import", PASSES + ["passes/Import"]),
    ("passes/Decode", PASSES + ["passes/Decode"]),
    ("passes/Parallel", PASSES + ["passes/Parallel"]),
    ("passes/Overlap", PASSES + ["passes/Overlap"]),
    ("passes/Lower", PASSES + ["passes/Lower"]),
    ("passes/CPU", PASSES + ["passes/CPU"]),
    ("passes/CUDA", PASSES + ["passes/CUDA"]),
    ("passes/Pipelines", PASSES + ["passes"]),
    ("include/plait/Reduce", SUPPORT + DIALECTS + ["plait/Reduce"]),
    ("lib/Reduce", SUPPORT + DIALECTS + ["plait/Reduce"]),
    ("include/plait/Driver", EVERYTHING),
    ("lib/Driver", EVERYTHING),
    # The user's command loads no LLVM.
    ("tools/plait", ABI + ["runtime", "plait/Timeline", "tools/plait", "fmt", "CLI"]),
    ("tools/plait-opt", EVERYTHING),
    ("tools/plait-compile", EVERYTHING),
    ("tools/plait-lsp-server", EVERYTHING),
    ("tools/plait-translate", EVERYTHING),
    ("tools/plait-reduce", EVERYTHING),
]

TOPS = ["include", "lib", "dialects", "passes", "runtime", "tools"]
INCLUDE = {
    (".h", ".c", ".cpp", ".def", ".inc"): re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]'),
    (".td",): re.compile(r'^\s*include\s+(")([^"]+)"'),
}


def within(path, folder):
    return path == folder or path.startswith(folder + "/")


def layer_of(path):
    return next((layer for layer in LAYERS if within(path, layer[0])), None)


def is_allowed(root, path, quote, name, layer):
    folder, allowed = layer
    first = name.split("/")[0]
    if quote == '"' and first not in PROJECT | LIBRARIES:
        # A name without a path is that of a file beside this one.
        return os.path.exists(os.path.join(root, os.path.dirname(path), name))
    if first not in PROJECT | LIBRARIES:
        return folder not in ("include/plait-abi", "include/plait-c") or name in C_HEADERS
    return allowed == EVERYTHING or any(within(name, prefix) for prefix in allowed)


def check_file(root, path):
    pattern = next((p for endings, p in INCLUDE.items() if path.endswith(endings)), None)
    if pattern is None:
        return
    layer = layer_of(path)
    if layer is None:
        yield f"{path}: found a source file outside every layer; name its folder in tools/check_layering.py"
        return
    with open(os.path.join(root, path), encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            match = pattern.match(line)
            if match and not is_allowed(root, path, match[1], match[2], layer):
                yield (f"{path}:{number}: found an include of '{match[2]}'; "
                       f"expected {layer[0]} to include only {', '.join(layer[1])}")


def main():
    if len(sys.argv) > 2:
        sys.exit("check_layering.py: found more than one argument; expected the root of the repository")
    root = sys.argv[1] if len(sys.argv) == 2 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    count, violations = 0, []
    for top in TOPS:
        for folder, folders, files in os.walk(os.path.join(root, top)):
            folders.sort()
            for name in sorted(files):
                path = os.path.relpath(os.path.join(folder, name), root)
                count += 1
                violations.extend(check_file(root, path))
    if not count:
        sys.exit(f"check_layering.py: found no sources below {root}; expected the root of the repository")
    print("\n".join(violations + [f"{count} files, {len(violations)} violations"]))
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
