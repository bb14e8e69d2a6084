"""Fails unless `plait run` chose the tokens that plait-opt --plait-evaluate chose.

  same_tokens.py EVALUATED DUMPED

EVALUATED holds "logits" and "tokens" of one sequence, DUMPED is of --dump-logits.
"""

import sys

import plait
import reference

evaluated, _ = reference.read_safetensors(sys.argv[1])
dumped, _ = reference.read_safetensors(sys.argv[2])
expected = evaluated["tokens"].reshape(-1).tolist()
if dumped["generated.0"].tolist() != expected:
    sys.exit(f"found {dumped['generated.0'].tolist()}, expected {expected}")
count = len(evaluated["logits"])
if not plait.error(dumped["logits.0"][:count], evaluated["logits"]) <= 1e-5:
    sys.exit("the logits differ")
