#!/usr/bin/env python3
"""Trains kjv-draft, a Llama of one layer that drafts for kjv-2m, on one CPU thread.

  ./train_draft.py --data WORK --model ../kjv-2m --out ../kjv-draft

WORK is the folder of train.py. The draft learns what kjv-2m thinks probable (its best 16 tokens)
after each token of the book and of texts that kjv-2m writes itself.
"""

import argparse
import json
import math
import os
import shutil
import time

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

import distill
import train

LENGTH, BEST = 256, 16
CONFIG = dict(
    train.CONFIG,
    hidden_size=128,
    intermediate_size=256,
    num_attention_heads=4,
    num_hidden_layers=1,
    num_key_value_heads=1,
)


@torch.no_grad()
def teach(model, texts):
    """The best tokens after each token, and their shares of the probability."""
    tokens, shares = [], []
    for part in texts.split(8):
        best = model(input_ids=part).logits.topk(BEST)
        tokens.append(best.indices.to(torch.int16))
        shares.append(best.values.softmax(-1))
    return torch.cat(tokens), torch.cat(shares)


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--data", required=True)
    a.add_argument("--model", required=True)
    a.add_argument("--out", required=True)
    a.add_argument("--texts", type=int, default=1024, help="that the model writes")
    a.add_argument("--windows", type=int, default=1536, help="of the book")
    a.add_argument("--steps", type=int, default=2500, help="of 2048 tokens")
    a.add_argument("--lr", type=float, default=4e-3)
    a.add_argument("--seed", type=int, default=1611)
    args = a.parse_args()
    torch.set_num_threads(1)
    begin = time.monotonic()

    model = distill.load_model(args.model)
    tok = Tokenizer.from_file(os.path.join(args.model, "tokenizer.json"))
    book = train.to_ids(tok, train.chapters(os.path.join(args.data, "train.txt")))
    own = distill.write_texts(model, book, args.texts, LENGTH, args.seed, os.path.join(args.data, "written.npy"))
    texts = torch.cat([own, distill.windows(book, LENGTH, args.windows, args.seed + 1)])
    texts = texts[np.random.default_rng(args.seed).permutation(len(texts)).tolist()]
    best, shares = teach(model, texts)
    held = len(texts) // 20
    print(f"{texts.numel()} tokens, {time.monotonic() - begin:.0f} s", flush=True)

    fields = {k: v for k, v in CONFIG.items() if k not in ("architectures", "torch_dtype", "rope_scaling", "rope_theta")}
    fields["rope_parameters"] = {"rope_type": "default", "rope_theta": CONFIG["rope_theta"]}
    torch.manual_seed(args.seed)
    draft = LlamaForCausalLM(LlamaConfig(**fields)).float()
    print(f"{sum(p.numel() for p in draft.parameters())} parameters", flush=True)
    opt = torch.optim.AdamW(draft.parameters(), lr=args.lr, betas=(0.9, 0.98), weight_decay=0.05)
    rng, step, mean = np.random.default_rng(args.seed), 0, None
    while True:
        done = step / args.steps
        if done >= 1:
            break
        for group in opt.param_groups:
            group["lr"] = args.lr * min(1, (step + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        rows = torch.from_numpy(rng.integers(held, len(texts), 8))
        logs = draft(input_ids=texts[rows]).logits.log_softmax(-1)
        loss = -(shares[rows] * logs.gather(-1, best[rows].long())).sum(-1).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(draft.parameters(), 1.0)
        opt.step()
        opt.zero_grad()
        step += 1
        mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
        if step % 100 == 0:
            print(f"step {step} loss {mean:.4f} {(time.monotonic() - begin) / 60:.1f} min", flush=True)

    os.makedirs(args.out, exist_ok=True)
    state = {k: v.detach().to(torch.bfloat16).contiguous() for k, v in draft.state_dict().items() if k != "lm_head.weight"}
    path = os.path.join(args.out, "model.safetensors")
    train.replace(path, lambda p: save_file(state, p, metadata={"format": "pt"}))
    train.dump_json(os.path.join(args.out, "config.json"), CONFIG)
    for file in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        shutil.copyfile(os.path.join(args.model, file), os.path.join(args.out, file))
    draft.eval()
    with torch.no_grad():
        for p in draft.parameters():
            p.copy_(p.to(torch.bfloat16).float())
        hits = torch.cat([draft(input_ids=part).logits.argmax(-1) == best[i * 8 : i * 8 + len(part), :, 0]
                          for i, part in enumerate(texts[:held].split(8))])
    print(json.dumps({"agrees with the model's best token, held out": round(hits.float().mean().item(), 4)}), flush=True)
    print(f"end: {step} steps, {(time.monotonic() - begin) / 60:.1f} min", flush=True)


if __name__ == "__main__":
    main()
