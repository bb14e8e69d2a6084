"""Writes models like another one that have other tokens: MODEL LARGE RENAMED. LARGE has twice as
many; in RENAMED two of them have changed places."""
import json
import pathlib
import sys

model, large, renamed = map(pathlib.Path, sys.argv[1:])
config = json.loads((model / "config.json").read_text())
for folder, vocabulary in ((large, config["vocab_size"] * 2), (renamed, config["vocab_size"])):
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": vocabulary}))
tokenizer = json.loads((model / "tokenizer.json").read_text())
names = tokenizer["model"]["vocab"]
first, second = (next(name for name, number in names.items() if number == wanted) for wanted in (300, 301))
names[first], names[second] = names[second], names[first]
(renamed / "tokenizer.json").write_text(json.dumps(tokenizer))
