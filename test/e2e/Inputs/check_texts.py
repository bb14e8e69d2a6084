"""Compares token ids of a GGUF file's tokenizer with those in a golden file.

  check_texts.py MODEL.gguf GOLDEN
"""

import json
import sys

import plait

_, metadata = plait.reference.read_safetensors(sys.argv[2])
right = total = 0
while f"text.{total}" in metadata:
    text, want = metadata[f"text.{total}"], json.loads(metadata[f"ids.{total}"])
    line = plait.command("plait", "tokenize", sys.argv[1], "--ids", text)
    got = [int(i) for i in line.split(",") if i.strip()]
    right += got == want
    total += 1
    if got != want:
        print(f"FAILED {text!r}: found {got}, expected {want}")
print(f"{right} of {total} texts right")
sys.exit(right != total)
