#!/usr/bin/env python3
"""Trains parts of kjv-2m that draft, each in its own file, on one CPU thread; the model stays as it is.

  ./train_parts.py --data WORK --model ../kjv-2m --out ../kjv-heads clover mtp prompts

WORK is the folder of train.py. The files and what they hold are described in
include/plait/Frontend/DraftParts.h. Of texts that are held out is printed how often the best guess
of each depth is right, those before it being right.
"""

import argparse
import math
import os
import time

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch.nn.functional import cross_entropy, silu
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb, repeat_kv

import distill
import train

LENGTH, DEPTHS = 256, 3


class Clover(torch.nn.Module):
    """h' = h + silu(hidden h + token E[t] + bias), for one token after another."""

    file = "clover.safetensors"

    def __init__(self, model):
        super().__init__()
        size = model.config.hidden_size
        self.embedding = [model.get_input_embeddings().weight]  # in a list: not to be trained
        self.hidden = torch.nn.Linear(size, size, bias=False)
        self.token = torch.nn.Linear(size, size)
        for p in self.parameters():
            torch.nn.init.zeros_(p)

    def forward(self, texts, states):
        """Logits of each depth; those of depth d at place i are for token i + 2 + d."""
        table, found = self.embedding[0], []
        usable = texts.shape[1] - 1 - DEPTHS
        state = states[:, :usable]
        for depth in range(DEPTHS):
            tokens = table[texts[:, 1 + depth : 1 + depth + usable]]
            state = state + silu(self.hidden(state) + self.token(tokens))
            found.append(state @ table.T)
        return found

    def tensors(self):
        return self.state_dict()


class Mtp(torch.nn.Module):
    """A layer over the hidden state and the token after it; what it says goes in again."""

    file = "mtp.safetensors"

    def __init__(self, model):
        super().__init__()
        size = model.config.hidden_size
        self.embedding = [model.get_input_embeddings().weight]
        self.rotary = [model.model.rotary_emb]
        layer = model.model.layers[-1]
        self.layer = type(layer)(model.config, layer_idx=0)
        self.layer.load_state_dict(layer.state_dict())
        norm = type(layer.input_layernorm)
        self.enorm, self.hnorm = norm(size, model.config.rms_norm_eps), norm(size, model.config.rms_norm_eps)
        self.eh_proj = torch.nn.Linear(2 * size, size, bias=False)
        torch.nn.init.normal_(self.eh_proj.weight, std=0.02)
        self.norm = norm(size, model.config.rms_norm_eps)
        self.norm.load_state_dict(model.model.norm.state_dict())
        self.number = model.config.num_hidden_layers

    def attend(self, x, past):
        """`past` has keys and values of each depth before this one: of the first all places up to
        the one where it begins are seen, of the others the one place that leads here."""
        attention, places = self.layer.self_attn, x.shape[1]
        shape = (*x.shape[:2], -1, attention.head_dim)
        q, k, v = (p(x).view(shape).transpose(1, 2) for p in (attention.q_proj, attention.k_proj, attention.v_proj))
        depth = len(past)
        cos, sin = self.rotary[0](v, torch.arange(depth, depth + places)[None])
        q, k = apply_rotary_pos_emb(q, k, cos, sin)
        k, v = (repeat_kv(t, attention.num_key_value_groups) for t in (k, v))
        past = past + [(k, v)]
        scores = [q @ past[0][0].transpose(2, 3)]
        scores[0] = scores[0].masked_fill(torch.ones(places, places, dtype=torch.bool).triu(1), -math.inf)
        for keys, _ in past[1:]:
            scores.append((q * keys).sum(-1, keepdim=True))
        weights = (torch.cat(scores, -1) * attention.scaling).softmax(-1)
        out = weights[..., :places] @ past[0][1]
        for i, (_, values) in enumerate(past[1:]):
            out = out + weights[..., places + i, None] * values
        return attention.o_proj(out.transpose(1, 2).reshape(*x.shape[:2], -1)), past

    def forward(self, texts, states):
        table, found, past = self.embedding[0], [], []
        usable = texts.shape[1] - 1 - DEPTHS
        state = states[:, :usable]
        for depth in range(DEPTHS):
            tokens = table[texts[:, 1 + depth : 1 + depth + usable]]
            x = self.eh_proj(torch.cat([self.enorm(tokens), self.hnorm(state)], -1))
            change, past = self.attend(self.layer.input_layernorm(x), past)
            x = x + change
            state = x + self.layer.mlp(self.layer.post_attention_layernorm(x))
            found.append(self.norm(state) @ table.T)
        return found

    def tensors(self):
        own = {"enorm": self.enorm, "hnorm": self.hnorm, "eh_proj": self.eh_proj, "shared_head.norm": self.norm}
        state = {f"{name}.weight": part.weight for name, part in own.items()} | self.layer.state_dict()
        return {f"model.layers.{self.number}.{name}": value for name, value in state.items()}


def behind(model, asked, texts, prompts, together=1):
    """Last hidden states of `prompts` (DEPTHS x D) behind each of the places `asked` of all texts, which see
    the text up to there and each other from left to right, or all of their group of `together`; and those of the
    texts themselves."""
    rows, length = texts.shape
    positions = torch.cat([torch.arange(length), (asked[:, None] + 1 + torch.arange(DEPTHS)).flatten()])
    seen = torch.zeros(len(positions), len(positions), dtype=torch.bool)
    seen[:length, :length] = torch.ones(length, length, dtype=torch.bool).tril()
    for i, place in enumerate(asked.tolist()):
        begin = length + i * DEPTHS
        for k in range(DEPTHS):
            seen[begin + k, : place + 1] = True
            seen[begin + k, begin : begin + min((k // together + 1) * together, DEPTHS)] = True
    mask = torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)
    embedded = torch.cat([model.get_input_embeddings()(texts), prompts.repeat(len(asked), 1).expand(rows, -1, -1)], 1)
    states = model.model(inputs_embeds=embedded, attention_mask=mask[None, None].expand(rows, -1, -1, -1),
                         position_ids=positions[None].expand(rows, -1)).last_hidden_state
    return states[:, length:].view(rows, len(asked), DEPTHS, -1), states[:, :length]


def places(length, first=0, every=8):
    """Of one token in so many."""
    return torch.arange(first, length - 1 - DEPTHS, every)


class Prompts(torch.nn.Module):
    """Embeddings behind some tokens of a text, which the model itself takes further."""

    file = "prompt_tokens.safetensors"

    def __init__(self, model):
        super().__init__()
        self.model = [model]
        # What the model knows of no token in particular.
        mean = model.get_input_embeddings().weight.mean(0, keepdim=True)
        self.prompt_tokens = torch.nn.Embedding.from_pretrained(mean.repeat(DEPTHS, 1), freeze=False)

    def forward(self, texts, states, first=0):
        """As of the others, but at `places` alone."""
        model = self.model[0]
        out = behind(model, places(texts.shape[1], first), texts, self.prompt_tokens.weight)[0]
        return list((out @ model.get_input_embeddings().weight.T).unbind(2))

    def tensors(self):
        return self.state_dict()


def wanted(part, texts, depth, first=0):
    """The tokens that `part` is to guess."""
    usable = texts.shape[1] - 1 - DEPTHS
    tokens = texts[:, 2 + depth : 2 + depth + usable]
    return tokens[:, places(texts.shape[1], first)] if isinstance(part, Prompts) else tokens


def fit(part, texts, states, held, steps, rows, lr, seed):
    begin, mean = time.monotonic(), None
    opt = torch.optim.AdamW(part.parameters(), lr=lr, betas=(0.9, 0.98), weight_decay=0.01)
    rng = np.random.default_rng(seed)
    for step in range(steps):
        for group in opt.param_groups:
            group["lr"] = lr * min(1, (step + 1) / 50) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))
        at = torch.from_numpy(rng.integers(held, len(texts), rows))
        first = {"first": int(rng.integers(8))} if isinstance(part, Prompts) else {}
        found = part(texts[at], states[at].float(), **first)
        losses = [cross_entropy(logits.flatten(0, 1), wanted(part, texts[at], depth, **first).flatten())
                  for depth, logits in enumerate(found)]
        sum(losses).backward()
        torch.nn.utils.clip_grad_norm_(part.parameters(), 1.0)
        opt.step()
        opt.zero_grad()
        mean = np.array([l.item() for l in losses]) * (1 if mean is None else 0.05) + (0 if mean is None else 0.95 * mean)
        if (step + 1) % 100 == 0:
            print(f"{part.file}: step {step + 1} losses {mean.round(3).tolist()} "
                  f"{(time.monotonic() - begin) / 60:.1f} min", flush=True)


@torch.no_grad()
def judge(part, texts, states):
    for p in part.parameters():
        p.copy_(p.to(torch.bfloat16).float())
    hits = []
    for rows, state in zip(texts.split(8), states.split(8)):
        found = part(rows, state.float())
        hits.append(torch.stack([logits.argmax(-1) == wanted(part, rows, depth) for depth, logits in enumerate(found)]))
    hits = torch.cat(hits, 1).flatten(1).int().cummin(0).values.float().mean(1)
    print(f"{part.file}: {sum(p.numel() for p in part.parameters())} parameters; held out, right up to depth 1, 2, 3: "
          f"{[round(h, 3) for h in hits.tolist()]}", flush=True)


PARTS = {  # kind, steps, texts of a step, learning rate
    "clover": (Clover, 1500, 4, 2e-3),
    "mtp": (Mtp, 1200, 8, 2e-3),
    "prompts": (Prompts, 700, 6, 1e-2),
}


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("parts", nargs="+", choices=PARTS)
    a.add_argument("--data", required=True)
    a.add_argument("--model", required=True)
    a.add_argument("--out", required=True)
    a.add_argument("--texts", type=int, default=512, help="that the model writes")
    a.add_argument("--seed", type=int, default=1611)
    args = a.parse_args()
    torch.set_num_threads(1)
    begin = time.monotonic()

    model = distill.load_model(args.model)
    tok = Tokenizer.from_file(os.path.join(args.model, "tokenizer.json"))
    book = train.to_ids(tok, train.chapters(os.path.join(args.data, "train.txt")))
    own = distill.write_texts(model, book, args.texts, LENGTH, args.seed, os.path.join(args.data, "written.npy"))
    texts = torch.cat([own, distill.windows(book, LENGTH, len(own) // 2, args.seed)])
    texts = texts[np.random.default_rng(args.seed).permutation(len(texts)).tolist()]
    with torch.no_grad():
        states = torch.cat([model.model(input_ids=part).last_hidden_state.half() for part in texts.split(16)])
    held = len(texts) // 10
    print(f"{texts.numel()} tokens, {time.monotonic() - begin:.0f} s", flush=True)
    os.makedirs(args.out, exist_ok=True)
    for name in args.parts:
        kind, steps, rows, lr = PARTS[name]
        torch.manual_seed(args.seed)
        part = kind(model)
        part.requires_grad_(True)
        fit(part, texts, states, held, steps, rows, lr, args.seed)
        judge(part, texts[:held], states[:held])
        tensors = {key: value.detach().to(torch.bfloat16).contiguous() for key, value in part.tensors().items()}
        train.replace(os.path.join(args.out, part.file), lambda p: save_file(tensors, p, metadata={"format": "pt"}))
    print(f"end: {(time.monotonic() - begin) / 60:.1f} min", flush=True)


if __name__ == "__main__":
    main()
