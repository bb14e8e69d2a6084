"""check_differential.py MODELS WORK [--all | FILE [NAME=VALUE ...]]: one strategy, three ways to run it, the same
tokens in as many rounds.

A FILE of one's own, or the files of the library, with the shipped model, its heads, the model that drafts for it and the one
that was trained with masks, in f32:

  interpreted          the reference evaluation of the file as it stands
  outlined             the same once its forwards have become steps, as they are compiled
  one rank, two ranks  what `plait-compile` makes of it, for one rank and for `--tp 2`

Greedy, a text that ends within a block, with edits, and drawn. What is drawn coincides because a
draw is a function of seed, sequence and position, and because a step chooses after any path what
plain decoding would choose there (docs/dialects/Decode.md). For a rule of another distribution
(`exact distribution`) that holds once it is a walk, so the file as it stands is left out there;
each text that is `identical` or `distribution` is also that of plain decoding.
"""
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "strategies" / "Inputs"))
import strategies  # noqa: E402
import tiny_llama  # noqa: E402

LIBRARY = HERE.parents[2] / "strategies"
# How much is drafted is given, as otherwise it follows from the time that steps take.
CALLS = {
    "kjv-2m": {
        "clover": {"depths": [3]},
        "early_exit": {"k": [4], "most": 4, "exit": 2},
        "jacobi": {"window": 4},
        "medusa": {"depths": [2]},
        "medusa_typical": {},
        "momentum": {},
        "mtp": {"depths": [3]},
        "ppd": {"depths": [2]},
        "prompt_lookup": {"k": 4},
        "spec": {"k": [4], "most": 4},
        "swift": {"k": [4], "most": 4, "skip": [1, 2]},
        "token_recycling": {"depths": [5]},
    },
    "kjv-tidar": {"tidar": {"mask": 188, "together": 3, "depths": [3]}},
}
SAMPLE = {"kjv-2m": ["mtp", "spec", "token_recycling"]}
# One that repeats itself, so that there is something to look up; the others begin as the text does that
# the model was trained with.
PROMPTS = ["In the beginning God created the heaven and the earth. In the beginning God", "And he said unto them,",
           "The", "Blessed is the man that walketh not in the counsel"]
STOPS = {"kjv-2m": " unto", "kjv-tidar": " thee"}  # so frequent that blocks hold it
WARPED = {"temperature": 0.9, "top_k": 40, "top_p": 0.95, "min_p": 0.01, "seed": 3}
EDITED = {"repetition_penalty": 1.2, "presence_penalty": 0.4, "frequency_penalty": 0.2}
SETTINGS = {
    "greedy": {},
    "greedy, ends": {"stops": True},
    "greedy, edits": EDITED,
    "drawn": WARPED,
    "drawn, ends and edits": {**WARPED, **EDITED, "stops": True, "min_tokens": 6},
}
# Strategies with such ops have drafts that are not quite those of the reference evaluation, so that rounds are not
# compared with its: before a fork drafts, what is pending is forwarded by all layers; nodes behind the last token that
# is asked for are not forwarded, so nothing is learned from them. With edits those of a file as it stands are not,
# either: steps apply them to drafts, too. Nor is anything compared that drafts as much as pays, by the clock.
OTHER_DRAFTS = re.compile(r"decode\.(fork|learn) ")
BY_THE_CLOCK = re.compile(r"decode\.(choose_variant .* of (?!1 )\d|choose_length .* of \[[^\]]*,)")


def raw_tensors(path):
    """Name, header entry and bytes of each tensor."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    for name, entry in json.loads(data[8:8 + size]).items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            yield name, entry, data[8 + size + begin:8 + size + end]


def write_weights(path, parts):
    """The tensors of several files in one, under the names that IR has for them."""
    header, data = {}, b""
    for file, rename in parts:
        for name, entry, raw in raw_tensors(file):
            header[rename(name)] = {**entry, "data_offsets": [len(data), len(data) + len(raw)]}
            data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def output_of(command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, command))[:600]}\n{done.stderr[:2000]}"
    return done.stdout, done.stderr


class Case:
    """A model with all that drafts for it: its IR and weights, and once compiled artifacts of one rank and of two."""

    def __init__(self, models, work, name, calls, prompts=PROMPTS):
        """`calls` are files, and values of their parameters."""
        self.work, self.name = work / name, name
        self.work.mkdir(parents=True, exist_ok=True)
        target, draft, heads = models / name, models / "kjv-draft", models / "kjv-heads"
        # A model that ends its texts earlier.
        self.model = self.work / "model"
        shutil.copytree(target, self.model, dirs_exist_ok=True)
        self.stop = self.ids_of(target, STOPS[name])[-1]
        for file in ("config.json", "generation_config.json"):
            config = json.loads((target / file).read_text())
            (self.model / file).write_text(json.dumps({**config, "eos_token_id": self.stop}))
        self.prompts = [self.ids_of(target, prompt) for prompt in prompts]
        self.with_heads = with_heads = [f"--heads={heads}"] if name == "kjv-2m" else []
        self.ir = self.imported(self.model, *with_heads)
        self.draft = self.imported(draft).replace('from "', 'from "draft.')
        self.weights = self.work / "weights.safetensors"
        write_weights(self.weights, [
            (target / "model.safetensors", lambda tensor: tensor),
            (draft / "model.safetensors", lambda tensor: "draft." + tensor),
            (heads / "medusa_lm_head.safetensors", lambda tensor: "medusa." + tensor),
            (heads / "clover.safetensors", lambda tensor: "clover." + tensor),
            (heads / "mtp.safetensors", lambda tensor: re.sub(r"^model\.layers\.\d+\.", "mtp.", tensor)),
            *([(heads / "prompt_tokens.safetensors", lambda tensor: tensor)] if with_heads else []),
        ])
        self.files, self.words = {}, []
        for source, values in calls:
            # Of those that always may draft nothing, too: here they may not.
            path = self.work / source.name
            path.write_text(source.read_text().replace("of [0, $", "of [$"))
            file = strategies.StrategyFile(path, [f"{key}={value}" for key, value in values.items()])
            self.files[file.name] = file.text
            self.words += ["--decode", file.call(draft)]

    def compile(self):
        self.artifacts = {}
        for ranks in (1, 2):
            self.artifacts[ranks] = self.work / f"{ranks}.plait"
            output_of(["plait-compile", self.model, "-o", self.artifacts[ranks], "--no-selftest", "--no-explain", "--dtype=f32",
                       "--kv-dtype=f32", "--numerics=tp_invariant", f"--tp={ranks}", *self.with_heads, *self.words])

    def ids_of(self, model, text):
        return [int(token) for token in re.findall(r"\d+", output_of(["plait", "tokenize", "--ids", model, text])[0])]

    def imported(self, model, *words):
        out = self.work / "imported.mlir"
        output_of(["plait-compile", model, "--stop-after=import", "-o", out, "--dtype=f32", "--kv-dtype=f32", *words])
        printed = output_of(["plait-opt", out])[0]
        return printed[printed.index("lm.model @main"):printed.rindex("}")]

    def interpret(self, strategy, text, count, options, passes=()):
        """Tokens of each prompt, and the rounds of all of them."""
        file, values = self.work / "evaluated.mlir", self.work / "values.safetensors"
        drafts = (self.draft.replace("lm.model @main", f"lm.model @{model}") for model in strategies.models_of(text))
        file.write_text(text + self.ir + "".join(drafts))
        names = {"min_tokens": "min-new-tokens", "stops": "stop-ids"}
        given = {names.get(key, key.replace("_", "-")): self.stop if key == "stops" else value
                 for key, value in options.items()}
        words = " ".join(f"{key}={value}" for key, value in given.items())
        prompts = ";".join(",".join(map(str, prompt)) for prompt in self.prompts)
        output_of(["plait-opt", file, *passes, f"--plait-evaluate=function={strategy} weights={self.weights} tokens={prompts} "
                   f"new-tokens={count} print=false output={values} {words}", "-o", "/dev/null"])
        found = tiny_llama.read_safetensors(values)
        texts = [found[f"tokens.{row}"].tolist() for row in range(len(self.prompts))]
        # What is run leaves out the token that ends a text.
        if "stops" in options:
            texts = [text[:-1] if text[-1:] == [self.stop] else text for text in texts]
        return texts, int(found["rounds"].sum())

    def run(self, ranks, strategy, count, options):
        given = {key: value for key, value in options.items() if key != "stops"}
        words = [word for key, value in {"temperature": 0, "repetition_penalty": 1, **given}.items()
                 for word in (f"--{key.replace('_', '-')}", value)]
        words += [] if "stops" in options else ["--ignore-eos"]
        words += ["--decode", strategy] if strategy != "ar" else []
        prompts = [word for prompt in self.prompts for word in ("--token-ids", ",".join(map(str, prompt)))]
        out, err = output_of(["plait", "run", self.artifacts[ranks], *prompts, "-n", count, "--output", "ids", "--stats", *words])
        texts = [[int(token) for token in re.findall(r"\d+", line)] for line in out.splitlines()]
        rounds = re.search(r"strategy .*: (\d+) rounds", err)
        return texts, int(rounds.group(1)) if rounds else None


def check(case, strategy, setting, count):
    """Runs one strategy in all ways; the number of texts that are equal, tokens and rounds of one of them."""
    options = SETTINGS[setting]
    file = case.files[strategy]
    worth = re.search(r" exact (\w+) \{", file).group(1)
    drawn = "temperature" in options
    found = {"outlined": case.interpret(strategy, file, count, options, strategies.OUTLINE),
             "one rank": case.run(1, strategy, count, options), "two ranks": case.run(2, strategy, count, options)}
    if worth != "distribution" or not drawn:
        found["interpreted"] = case.interpret(strategy, file, count, options)
    texts, rounds = found["one rank"]
    for way, (other, number) in found.items():
        assert other == texts, f"{strategy}, {setting}, {way}: {other} instead of {texts}"
        is_compiled = way.endswith(("rank", "ranks"))
        differs = OTHER_DRAFTS.search(file) or (way == "interpreted" and EDITED.items() <= options.items())
        assert number == rounds or (differs and not is_compiled) or BY_THE_CLOCK.search(file), \
            f"{strategy}, {setting}, {way}: {number} rounds instead of {rounds}"
    if worth in ("identical", "distribution"):
        for ranks in (1, 2):
            plain, _ = case.run(ranks, "ar", count, options)
            assert texts == plain, f"{strategy}, {setting}: {texts} instead of {plain} by plain decoding on {ranks}"
    if "stops" in options:
        ended = [text for text in texts if len(text) < count]
        assert ended, f"{strategy}, {setting}: no text ends"
    return len(texts) * len(found), sum(map(len, texts)), rounds


def main():
    models, work = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    everything = sys.argv[3:] == ["--all"]
    own = sys.argv[3:] if not everything else []
    library = {path.stem for path in LIBRARY.glob("*.mlir")}
    known = {name for calls in CALLS.values() for name in calls}
    assert library == known, f"strategies without a call here: {library ^ known}"
    total = seen = 0
    chosen = {name: [(LIBRARY / f"{strategy}.mlir", CALLS[name][strategy]) for strategy in wanted]
              for name, wanted in (CALLS if everything else SAMPLE).items()}
    if own:
        chosen = {"kjv-2m": [(pathlib.Path(own[0]), dict(word.split("=", 1) for word in own[1:]))]}
    for name, calls in chosen.items():
        case = Case(models, work, name, calls)
        case.compile()
        for strategy in case.files:
            sums = [0, 0]
            for setting in SETTINGS if everything else ("greedy, edits", "drawn, ends and edits"):
                texts, tokens, rounds = check(case, strategy, setting, 40 if everything else 24)
                total += texts
                sums[0] += tokens
                sums[1] += rounds
            # What drafts nothing that is right would show nothing.
            assert sums[1] < sums[0] or "exact reference" in case.files[strategy], f"{strategy}: {sums[1]} rounds for {sums[0]} tokens"
            print(f"{strategy}: {sums[0]} tokens in {sums[1]} rounds, interpreted and on one rank and two")
            seen += 1
    print(f"{total} texts of {seen} strategies, all as on one rank")


if __name__ == "__main__":
    main()
