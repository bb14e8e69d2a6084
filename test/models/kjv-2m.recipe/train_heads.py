#!/usr/bin/env python3
"""Trains heads of kjv-2m that guess the tokens after the next one, on one CPU thread.

  ./train_heads.py --data WORK --model ../kjv-2m --out ../kjv-heads

WORK is the folder of train.py. Head i guesses token t + 2 + i from the hidden state of token t
(Medusa-1: Cai et al. 2024): a residual block, then the model's own projection to the vocabulary,
which is not stored again. The names are those of Medusa's files. Texts of which the last tenth is
held out tell how often the best guess is right; that is printed.
"""

import argparse
import math
import os
import time

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

import distill
import train

LENGTH = 256


@torch.no_grad()
def hidden_states(model, texts):
    return torch.cat([model.model(input_ids=part).last_hidden_state.half() for part in texts.split(16)])


def guess(hidden, block, embedding):
    x = hidden + torch.nn.functional.silu(block(hidden))
    return x @ embedding.T


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--data", required=True)
    a.add_argument("--model", required=True)
    a.add_argument("--out", required=True)
    a.add_argument("--heads", type=int, default=3)
    a.add_argument("--texts", type=int, default=1024, help="that the model writes")
    a.add_argument("--steps", type=int, default=4000)
    a.add_argument("--batch", type=int, default=2048, help="tokens of a step")
    a.add_argument("--lr", type=float, default=2e-3)
    a.add_argument("--seed", type=int, default=1611)
    args = a.parse_args()
    torch.set_num_threads(1)
    begin = time.monotonic()

    model = distill.load_model(args.model)
    tok = Tokenizer.from_file(os.path.join(args.model, "tokenizer.json"))
    book = train.to_ids(tok, train.chapters(os.path.join(args.data, "train.txt")))
    own = distill.write_texts(model, book, args.texts, LENGTH, args.seed, os.path.join(args.data, "written.npy"))
    texts = torch.cat([own, distill.windows(book, LENGTH, len(own) // 2, args.seed)])
    order = np.random.default_rng(args.seed).permutation(len(texts)).tolist()
    texts = texts[order]
    hidden = hidden_states(model, texts)
    held = len(texts) // 10
    usable = LENGTH - 1 - args.heads
    print(f"{texts.numel()} tokens, {time.monotonic() - begin:.0f} s", flush=True)

    embedding = model.get_input_embeddings().weight
    torch.manual_seed(args.seed)
    blocks = torch.nn.ModuleList(torch.nn.Linear(embedding.shape[1], embedding.shape[1]) for _ in range(args.heads))
    for block in blocks:
        torch.nn.init.zeros_(block.weight)
        torch.nn.init.zeros_(block.bias)
    opt = torch.optim.AdamW(blocks.parameters(), lr=args.lr, betas=(0.9, 0.98), weight_decay=0.01)
    step = 0
    rng = np.random.default_rng(args.seed)
    while True:
        done = step / args.steps
        if done >= 1:
            break
        for group in opt.param_groups:
            group["lr"] = args.lr * min(1, (step + 1) / 50) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        rows = torch.from_numpy(rng.integers(held, len(texts), args.batch))
        at = torch.from_numpy(rng.integers(0, usable, args.batch))
        states = hidden[rows, at].float()
        losses = []
        for i, block in enumerate(blocks):
            losses.append(torch.nn.functional.cross_entropy(guess(states, block, embedding), texts[rows, at + 2 + i]))
        sum(losses).backward()
        opt.step()
        opt.zero_grad()
        step += 1
        if step % 100 == 0:
            print(f"step {step} losses {[round(l.item(), 3) for l in losses]} {(time.monotonic() - begin) / 60:.1f} min", flush=True)

    state = {}
    for i, block in enumerate(blocks):
        state[f"{i}.0.linear.weight"] = block.weight.detach().to(torch.bfloat16).contiguous()
        state[f"{i}.0.linear.bias"] = block.bias.detach().to(torch.bfloat16).contiguous()
    os.makedirs(args.out, exist_ok=True)
    path = os.path.join(args.out, "medusa_lm_head.safetensors")
    train.replace(path, lambda p: save_file(state, p, metadata={"format": "pt"}))
    train.dump_json(
        os.path.join(args.out, "config.json"),
        {"base_model_name_or_path": "kjv-2m", "medusa_num_heads": args.heads, "medusa_num_layers": 1},
    )
    with torch.no_grad():
        states = hidden[:held, :usable].float().reshape(-1, embedding.shape[1])
        for i, block in enumerate(blocks):
            best = torch.cat([guess(part, block, embedding).topk(3).indices for part in states.split(4096)])
            wanted = texts[:held, 2 + i : 2 + i + usable].reshape(-1, 1)
            hits = [(best[:, :k] == wanted).any(1).float().mean().item() for k in (1, 2, 3)]
            print(f"head {i}: held out, right among the best 1, 2, 3: {[round(h, 3) for h in hits]}", flush=True)
    print(f"end: {step} steps, {(time.monotonic() - begin) / 60:.1f} min", flush=True)


if __name__ == "__main__":
    main()
