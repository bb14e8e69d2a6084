"""Checks that the binary of the artifact on standard input is for the fastest target of this machine."""

import json
import re
import sys

manifest = json.load(sys.stdin)["manifest"]
assert manifest["numerics"] == "fast", manifest["numerics"]
with open("/proc/cpuinfo", encoding="utf-8") as file:
    flags = set(re.search(r"^flags\s*:(.*)", file.read(), re.M).group(1).split())
expected = [("amx", {"amx_tile", "amx_int8", "amx_bf16"}), ("avx512-bf16", {"avx512_bf16", "avx512_vnni", "avx512vl"}),
            ("vnni", {"avx512_vnni", "avx512vl"}), ("x86-64-v4", {"avx512vl", "avx512bw"}),
            ("x86-64-v3", {"avx2", "fma"}), ("x86-64", set())]
found = manifest["binaries"][0]["target"]
assert found == next(name for name, needs in expected if needs <= flags), (found, sorted(flags))
