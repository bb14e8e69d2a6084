"""Gives inlined IR of kjv-2m a mesh of 2 x 2 ranks and constraints: make_grid.py IR"""

import re
import sys

# Weight, and how its rows are split.
ROWS = {"self_attn_q_proj": '{"x" : 0 to 96, 96 to 192}',
        "mlp_gate_proj": '{"y" : 0 to 256, 256 to 512}',
        "embed_tokens": '{"x", "y" : 0 to 512, 512 to 1024, 1024 to 1536, 1536 to 2048}'}

with open(sys.argv[1]) as f:
    text = f.read()
done = set()


def constrain(match):
    indent, value, weight, shape = match.groups()
    if weight not in ROWS or weight in done:
        return match[0]
    done.add(weight)
    return (f"{indent}%own_{weight} = lm.get_weight @main::@{weight} : {shape}\n"
            f"{indent}{value} = par.constraint %own_{weight} as <@mesh, [{ROWS[weight]}, {{}}]> : !lm.weight{shape}")


text = re.sub(r"^( +)(%\w+) = lm\.get_weight @main::@(\w+) : (<[^>]*>)(?: loc\(.*\))?$", constrain, text, flags=re.M)
assert done == set(ROWS), done
print(text.replace("module {", 'module {\n  par.mesh @mesh axes ["x", "y"] sizes [2, 2]', 1), end="")
