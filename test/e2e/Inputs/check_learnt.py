"""check_learnt.py MODEL TEXT LOG TEST-FOLDER: sets of sublayers that plait-compile has chosen by a text, as its log says, beside
all sets of the same sizes: agreement with the whole model, by numpy."""
import pathlib
import re
import subprocess
import sys

import numpy as np

folder, text, log, test = sys.argv[1:]
sys.path.insert(0, str(pathlib.Path(test) / "golden"))
import reference  # noqa: E402

line = next(line for line in pathlib.Path(log).read_text().splitlines() if "sublayers to skip" in line)
with open(text) as source:
    ids = subprocess.run(["plait", "tokenize", folder, "--ids"], stdin=source, capture_output=True, text=True, check=True).stdout
ids = [int(token) for token in re.findall(r"\d+", ids)]
found = re.findall(r"(\[[^\]]*\]) agrees in (\d+) %", line)
assert f"by {len(ids)} tokens" in line and len(found) == 3, line

model = reference.load(folder)
sublayers = [part for i in model.layers for part in model.sublayers(i)]
model.layers = range(0)  # what is left of it is the final norm and the head
chosen = {}


def visit(x, skip, number=0):
    """What is chosen without `skip`, and without more sublayers from `number` on; sets share what comes before."""
    if number < len(sublayers):
        visit(x + sublayers[number](x), skip, number + 1)
        if 2 * len(skip) < len(sublayers):
            visit(x, (*skip, number), number + 1)
        return
    model.embed = lambda ids: x
    chosen[skip] = np.argmax(model.logits(ids), axis=-1)


visit(model.embed(np.array(ids)), ())


def numbers_of(names):
    for name in names[1:-1].split(","):
        kind, layer = name.split(".") if "." in name else ("", name)
        yield from (2 * int(layer) + i for i, own in enumerate(("attention", "mlp")) if kind in ("", own))


shares = {skip: float(np.mean(tokens == chosen[()])) for skip, tokens in chosen.items()}
for names, percent in found:
    skip = tuple(numbers_of(names))
    others = [share for other, share in shares.items() if len(other) == len(skip)]
    # The reference evaluation and numpy may differ where two logits are nearly equal.
    assert abs(100 * shares[skip] - int(percent)) <= 1, f"{names}: {shares[skip]} by numpy, {percent} % in the log"
    assert shares[skip] >= max(others) - 0.02, f"{names}: {shares[skip]}, the best of {len(others)} has {max(others)}"
    better = sum(share > shares[skip] for share in others)
    print(f"{names}: {shares[skip]:.3f}, better ones {better} of {len(others)}, the best {max(others):.3f}, "
          f"the median {np.median(others):.3f}")
