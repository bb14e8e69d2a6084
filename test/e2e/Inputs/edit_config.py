"""Copies a model folder with other values in config.json: edit_config.py FOLDER OUT KEY=JSON..."""

import json
import os
import shutil
import sys

folder, out, *changes = sys.argv[1:]
shutil.copytree(folder, out, ignore=shutil.ignore_patterns("golden*"))
path = os.path.join(out, "config.json")
with open(path, encoding="utf-8") as f:
    config = json.load(f)
for change in changes:
    key, value = change.split("=", 1)
    config[key] = json.loads(value)
with open(path, "w", encoding="utf-8") as f:
    json.dump(config, f)
