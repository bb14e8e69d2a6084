"""Strategy files evaluated on a tiny random model, without any lowering.

Parameters are filled in as the driver does: `$name` and `$(name + 1)` stand for numbers or
lists, with the defaults of the file's first line; `[0, 1] of tree` are depths of that tree, and `$(count name)` is how many
lists a list holds.
"""
import json
import pathlib
import re
import subprocess
from fractions import Fraction

import numpy as np

import tiny_llama

SHAPE = dict(vocab=23, hidden=32, layers=4, heads=4, kv=2)


def fill_in(text, **values):
    """The IR of a strategy file."""
    header = re.match(r"// (\w+)\((.*)\)\n", text)
    defaults = re.findall(r"(\w+) = (?:\w+: |sublayers )?(\[[^\]]*\]|[^,\[]+)(?: of (\w+))?", header.group(2))
    known = {name: value for name, value, _ in defaults}
    known.update({name: str(value).replace("'", "") for name, value in values.items()})  # words stand for themselves
    for name, value, tree in defaults:
        if tree and name not in values:
            levels = {-1: -1}
            for node, parent in enumerate(json.loads(known[tree])):
                levels[node] = levels[parent] + 1
            deepest = max(levels.values())
            known[name] = str([depth for depth in json.loads(value) if depth < deepest] + [deepest])

    def replace(match):
        if match.group(4):
            return str(max(1, known[match.group(4)].count("[") - 1))
        name, more = match.group(1) or match.group(2), match.group(3)
        return str(int(known[name]) + int(more)) if more else known[name]

    return re.sub(r"\$(?:(\w+)|\((\w+) \+ (\d+)\)|\(count (\w+)\))", replace, text)


def write_parts(folder, shape, seed, scale=0.5):
    """Random parts that draft: a recurrent head, a layer, prompt tokens. Returns their tensors by
    the names that they have beside the model's."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.RandomState(seed)
    hidden, kv, dim = shape["hidden"], shape["kv"], shape["hidden"] // shape["heads"]

    def matrix(rows, columns, size=scale):
        return np.asarray(random.randn(rows, columns) * size / np.sqrt(columns), np.float32)

    clover = {"hidden.weight": matrix(hidden, hidden), "token.weight": matrix(hidden, hidden),
              "token.bias": matrix(1, hidden)[0], "lm_head.weight": matrix(shape["vocab"], hidden, 3)}
    layer = {"enorm.weight": 1 + matrix(1, hidden)[0], "hnorm.weight": 1 + matrix(1, hidden)[0],
             "eh_proj.weight": matrix(hidden, 2 * hidden, 1), "shared_head.norm.weight": 1 + matrix(1, hidden)[0],
             "input_layernorm.weight": 1 + matrix(1, hidden)[0],
             "post_attention_layernorm.weight": 1 + matrix(1, hidden)[0],
             "self_attn.q_proj.weight": matrix(hidden, hidden, 1), "self_attn.k_proj.weight": matrix(kv * dim, hidden, 1),
             "self_attn.v_proj.weight": matrix(kv * dim, hidden, 1), "self_attn.o_proj.weight": matrix(hidden, hidden, 1),
             "mlp.gate_proj.weight": matrix(shape.get("intermediate", 2 * hidden), hidden, 1),
             "mlp.up_proj.weight": matrix(shape.get("intermediate", 2 * hidden), hidden, 1),
             "mlp.down_proj.weight": matrix(hidden, shape.get("intermediate", 2 * hidden), 1)}
    prompts = {"prompt_tokens.weight": matrix(3, hidden, np.sqrt(hidden))}
    tiny_llama.write_safetensors(folder / "clover.safetensors", clover)
    tiny_llama.write_safetensors(folder / "mtp.safetensors",
                                 {f"model.layers.{shape['layers']}.{name}": value for name, value in layer.items()})
    tiny_llama.write_safetensors(folder / "prompt_tokens.safetensors", prompts)
    return {**{"clover." + name: value for name, value in clover.items()},
            **{"mtp." + name: value for name, value in layer.items()}, **prompts}


class TinyModels:
    """A target, and a draft that is the target with `noise` on its weights, or a model of its
    own `draft` shape; logits are larger the more `sharpness`. `change` may change the tensors."""

    def __init__(self, folder, seed=0, noise=0.02, sharpness=1.0, draft=None, change=None):
        self.folder = pathlib.Path(folder)
        self.tensors = tiny_llama.write(self.folder / "model", seed=seed, **SHAPE)
        self.tensors = {name: np.asarray(value, np.float32) for name, value in self.tensors.items()}
        self.tensors["lm_head.weight"] = np.float32(sharpness) * self.tensors["lm_head.weight"]
        random = np.random.RandomState(seed + 1)
        everything = dict(self.tensors)
        if draft:
            own = tiny_llama.write(self.folder / "draft", seed=seed + 2, **{**SHAPE, **draft})
            everything.update({"draft." + name: value for name, value in own.items()})
        for name, value in () if draft else self.tensors.items():
            everything["draft." + name] = value + noise * np.abs(value).mean() * random.randn(*value.shape)
        for head in range(2):
            everything[f"medusa.{head}"] = self.tensors["lm_head.weight"] + 0.3 * random.randn(*self.tensors["lm_head.weight"].shape)
        everything.update(write_parts(self.folder / "parts", SHAPE, seed + 7))
        if change:
            change(everything)
        self.everything = everything
        self.weights = self.folder / "weights.safetensors"
        tiny_llama.write_safetensors(self.weights, everything)
        self.ir = self.make_ir(bool(draft))

    def imported(self, name, *words):
        """The model in folder `name`."""
        out = self.folder / f"{name}.mlir"
        subprocess.run(["plait-compile", str(self.folder / name), "--stop-after=import", "-o", str(out), *words], check=True)
        printed = subprocess.run(["plait-opt", str(out)], check=True, capture_output=True, text=True).stdout
        return printed[printed.index("lm.model @main"):printed.rindex("}")]

    def make_ir(self, has_own_draft):
        model = self.imported("model", "--heads", str(self.folder / "parts"))
        draft = self.imported("draft" if has_own_draft else "model").replace("lm.model @main", "lm.model @draft").replace('from "', 'from "draft.')
        head = model[model.index("lm.func @head"):]
        head = head[:head.index("\n    }") + 6]
        extra, shape = "", f"{SHAPE['vocab']}x{SHAPE['hidden']}"
        for number in range(2):
            extra += f'    lm.weight @medusa_{number}_weight from "medusa.{number}" : !lm.weight<{shape}, #lm.f32>\n    '
            extra += head.replace("@head", f"@medusa_{number}").replace("@lm_head", f"@medusa_{number}_weight") + "\n"
        cut = model.rindex("}")
        return model[:cut] + extra + model[cut:] + draft

    def evaluate(self, strategy, name, prompts, new_tokens, passes=(), **options):
        """Tokens of each prompt, and the number of rounds."""
        values = self.run(strategy, name, prompts, new_tokens, passes, **options)
        return [values[f"tokens.{row}"].tolist() for row in range(len(prompts))], values["rounds"].tolist()

    def outcomes(self, strategy, name, prompt, new_tokens, passes=(), **options):
        """The probability of each text, as a fraction."""
        values = self.run(strategy, name, [prompt], new_tokens, passes, outcomes="true", **options)

        def numbers(name):
            return [sum(digit * 10 ** (9 * place) for place, digit in enumerate(row)) for row in values[name].tolist()]

        fractions = map(Fraction, numbers("numerators"), numbers("denominators"))
        return dict(zip(map(tuple, values["outcomes"].tolist()), fractions))

    def run(self, strategy, name, prompts, new_tokens, passes, **options):
        path = self.folder / f"{name}.mlir"
        path.write_text(strategy + self.ir if strategy.startswith("//") else strategy + "\n" + self.ir)
        tokens = ";".join(",".join(map(str, prompt)) for prompt in prompts)
        text = f"function={name} weights={self.weights} tokens={tokens} new-tokens={new_tokens} " \
               f"print=false output={self.folder}/values.safetensors"
        for key, value in options.items():
            text += f" {key.replace('_', '-')}={value}"
        run = subprocess.run(["plait-opt", str(path), *passes, f"--plait-evaluate={text}", "-o", "/dev/null"],
                             capture_output=True, text=True)
        if run.returncode:
            raise RuntimeError(f"{name}: {run.stderr[:2000]}")
        return tiny_llama.read_safetensors(self.folder / "values.safetensors")


def library(folder):
    """The strategy files, by name."""
    return {path.stem: path.read_text() for path in sorted(pathlib.Path(folder).glob("*.mlir"))}


def autoregressive(models, prompts, count, **options):
    """What decoding without drafts gives: tokens of each prompt, and the number of rounds."""
    return models.evaluate("// ar()\n", "ar", prompts, count, ["--plait-attach-strategy"], **options)


def norm(x, weight):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 2.0**-16) * weight


def layer_of(w, x, positions=None, mask=None, skip=()):
    """A layer's output for all tokens of `x`, by its tensors' names within it; without its "attention" or its "mlp".
    They are a chain, or have `positions` and see what `mask` says."""
    hidden, heads, kv = SHAPE["hidden"], SHAPE["heads"], SHAPE["kv"]
    dim, count = hidden // heads, len(x)
    positions = np.arange(count) if positions is None else np.asarray(positions)
    angles = positions[:, None] / 10000.0 ** (np.arange(dim // 2) * 2 / dim)

    def rope(x):
        low, high = x[..., :dim // 2], x[..., dim // 2:]
        cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
        return np.concatenate([low * cos - high * sin, high * cos + low * sin], -1)

    if "attention" not in skip:
        x = x + attention_of(w, x, rope, heads, kv, dim, mask)
    if "mlp" in skip:
        return x
    h = norm(x, w["post_attention_layernorm"])
    gate = h @ w["mlp.gate_proj"].T
    return x + gate / (1 + np.exp(-gate)) * (h @ w["mlp.up_proj"].T) @ w["mlp.down_proj"].T


def attention_of(w, x, rope, heads, kv, dim, mask):
    """What the attention of a layer adds to the residual stream `x`."""
    count = len(x)
    mask = np.tril(np.ones((count, count), bool)) if mask is None else mask
    h = norm(x, w["input_layernorm"])
    q = rope((h @ w["self_attn.q_proj"].T).reshape(count, heads, dim))
    k = rope((h @ w["self_attn.k_proj"].T).reshape(count, kv, dim))
    v = (h @ w["self_attn.v_proj"].T).reshape(count, kv, dim)
    out = np.zeros((count, heads, dim))
    for head in range(heads):
        scores = np.where(mask, q[:, head] @ k[:, head * kv // heads].T / np.sqrt(dim), -np.inf)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        out[:, head] = weights / weights.sum(-1, keepdims=True) @ v[:, head * kv // heads]
    return out.reshape(count, heads * dim) @ w["self_attn.o_proj"].T


def within(tensors, prefix):
    """The weights below `prefix`, without it and in float64."""
    return {name[len(prefix):].removesuffix(".weight"): np.asarray(value, np.float64)
            for name, value in tensors.items() if name.startswith(prefix)}


def residual_of(tensors, x, layers, positions=None, mask=None):
    """The residual stream behind so many layers, of embeddings `x`."""
    for layer in range(layers):
        x = layer_of(within(tensors, f"model.layers.{layer}."), x, positions, mask)
    return x


def skipping_of(tensors, x, first, skip):
    """Final hidden states from row `first` of embeddings `x` on, by the model without `skip`: layers N, or "attention.N" or
    "mlp.N". They attend to the rows before as the whole model has them."""
    before, x = x[:first], x[first:]
    for layer in range(SHAPE["layers"]):
        w = within(tensors, f"model.layers.{layer}.")
        without = [kind for kind in ("attention", "mlp") if layer in skip or f"{kind}.{layer}" in skip]
        x = layer_of(w, np.concatenate([before, x]), skip=without)[first:]
        before = layer_of(w, before) if first else before
    return norm(x, np.asarray(tensors["model.norm.weight"], np.float64))


def hidden_of(tensors, x, layers=None, positions=None, mask=None):
    """Final hidden states of embeddings `x`, in float64: an answer of our own to what the model computes, or to what
    it would with so many layers."""
    x = residual_of(tensors, x, SHAPE["layers"] if layers is None else layers, positions, mask)
    return norm(x, np.asarray(tensors["model.norm.weight"], np.float64))


def logits_of(tensors, tokens, positions=None, mask=None):
    """Logits after each token, of a chain or where the tokens lie and see what is said."""
    x = np.asarray(tensors["model.embed_tokens.weight"], np.float64)[tokens]
    return hidden_of(tensors, x, None, positions, mask) @ np.asarray(tensors["lm_head.weight"], np.float64).T


def greedy(tensors, prompt, count, stops=()):
    tokens = list(prompt)
    while len(tokens) < len(prompt) + count:
        tokens.append(int(np.argmax(logits_of(tensors, tokens)[-1])))
        if tokens[-1] in stops:
            break
    return tokens[len(prompt):]


def momentum(tensors, prompt, count, alpha=0.2, top=5, resistance=(1, 3, 4, 5), stops=()):
    """Momentum decoding: what repeats the text has to be so much more probable."""
    tokens = list(prompt)
    while len(tokens) < len(prompt) + count:
        logits = logits_of(tensors, tokens)[-1]
        p = np.exp(logits - logits.max())
        p /= p.sum()

        def score(token):
            text, repeated = tokens + [token], 0
            while any(text[end - repeated:end + 1] == text[-1 - repeated:] for end in range(repeated, len(tokens))):
                repeated += 1
            return p[token] - (alpha * resistance[min(repeated, len(resistance)) - 1] if repeated else 0)

        tokens.append(int(max(np.argsort(-p, kind="stable")[:top], key=score)))
        if tokens[-1] in stops:
            break
    return tokens[len(prompt):]
