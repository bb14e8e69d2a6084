"""Writes a model folder with the weights rounded to f16: to_f16.py FOLDER OUT"""

import os
import shutil
import sys

import numpy as np
import plait

folder, out = sys.argv[1:]
shutil.copytree(folder, out, ignore=shutil.ignore_patterns("*.safetensors*"))
weights = plait.reference.read_weights(folder)
halves = {name: w.astype(np.float16) for name, w in weights.items()}
plait.reference.write_safetensors(os.path.join(out, "model.safetensors"), halves)
