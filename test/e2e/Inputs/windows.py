"""A compiled llama-tiny whose layers have windows, against numpy.

  windows.py ARTIFACT FOLDER WINDOWS

WINDOWS lists the window of each layer, 0 for none: 5,0,5. Prompts are fed whole and
in chunks, and generation goes on for many times the window. Logits must be those of
test/golden/reference.py, which masks what lies before a window and knows no pages.
"""

import sys

import numpy as np
import plait
import reference

TOLERANCE = 1e-5
NEW = 150


def main():
    artifact, folder = sys.argv[1:3]
    model = reference.load(folder)
    model.windows = [int(w) for w in sys.argv[3].split(",")]
    random = np.random.RandomState(3)
    prompts = [random.randint(0, 503, n).tolist() for n in (1, 4, 5, 6, 63, 64, 65, 100)]
    worst = positions = 0
    for chunk in (1, 7, 512):
        options = ["-n", NEW, "--ignore-eos", "--temperature", 0, "--chunk", chunk]
        _, dumps, _ = plait.run_with_logits(artifact, prompts, *options)
        for dump in dumps:
            expected = model.logits([int(i) for i in dump["fed"]])
            worst = max(worst, plait.error(dump["logits"], expected))
            positions += len(expected)
    # A mask that is off by one must show.
    model.windows = [w and w + 1 for w in model.windows]
    off = plait.error(dump["logits"], model.logits([int(i) for i in dump["fed"]]))
    print(f"{positions} positions, {'close' if worst <= TOLERANCE else f'off by {worst:.1e}'}; "
          f"another window is {'far' if off > 100 * TOLERANCE else f'only off by {off:.1e}'}")


main()
