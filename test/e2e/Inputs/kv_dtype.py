"""A model compiled with --kv-dtype against numpy, which rounds keys and values alike.

  kv_dtype.py ARTIFACT FOLDER DTYPE

Where f32 and float64 differ by so little that a key falls on the other side of a
rounding boundary, logits differ by a part of that rounding. They must be much closer
to the rounded reference than that is to the reference without rounding.
"""

import sys

import numpy as np
import plait
import reference

NEW = 40


def main():
    artifact, folder, dtype = sys.argv[1:4]
    model = reference.load(folder)
    vocabulary = model.config["vocab_size"]
    random = np.random.RandomState(3)
    prompts = [random.randint(0, vocabulary, n).tolist() for n in (1, 17, 64, 130)]
    errors, distances = [], []
    for chunk in (5, 512):
        options = ["-n", NEW, "--ignore-eos", "--temperature", 0, "--chunk", chunk]
        _, dumps, _ = plait.run_with_logits(artifact, prompts, *options)
        for dump in dumps:
            ids = [int(i) for i in dump["fed"]]
            model.round_state = reference.STATE_ROUNDINGS["f32"]
            exact = model.logits(ids)
            model.round_state = reference.STATE_ROUNDINGS[dtype]
            expected = model.logits(ids)
            errors.append(plait.error(dump["logits"], expected))
            distances.append(plait.error(expected, exact))
    is_close = np.median(errors) < 0.25 * np.median(distances) and max(errors) < max(distances)
    print(f"{len(errors)} texts {'close' if is_close else 'NOT CLOSE'}: off by {np.median(errors):.1e}, at most "
          f"{max(errors):.1e}; rounding changes logits by {np.median(distances):.1e}, at most {max(distances):.1e}")


main()
