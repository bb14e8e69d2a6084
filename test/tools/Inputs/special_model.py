"""Copies a model folder and gives the copy the template of the first argument;
usage: special_model.py FOLDER COPY TEMPLATE"""

import json
import os
import shutil
import sys

folder, copy, template = sys.argv[1:]
shutil.copytree(folder, copy)
with open(os.path.join(copy, "tokenizer_config.json")) as file:
    config = json.load(file)
del config["chat_template"]
with open(os.path.join(copy, "tokenizer_config.json"), "w") as file:
    json.dump(config, file)
if template:
    with open(os.path.join(copy, "chat_template.jinja"), "w") as file:
        file.write(template)
