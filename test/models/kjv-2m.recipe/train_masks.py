#!/usr/bin/env python3
"""Trains kjv-tidar, a Llama of one layer that also says what stands behind masks, on one CPU thread.

  ./train_masks.py --data WORK --model ../kjv-2m --start ../kjv-draft --out ../kjv-tidar

WORK is the folder of train.py. It goes on from kjv-draft, and learns two things at once: what kjv-2m
thinks probable after each token, and what three masks behind some tokens stand for (TiDAR, Liu et
al. 2025). The mask is the byte 0, which no text has. How often masks are right on texts that are held
out is printed.
"""

import argparse
import json
import math
import os
import shutil
import time

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM

import distill
import train
import train_draft
import train_parts

LENGTH = 256


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--data", required=True)
    a.add_argument("--model", required=True)
    a.add_argument("--start", required=True)
    a.add_argument("--out", required=True)
    a.add_argument("--texts", type=int, default=512, help="that the model writes")
    a.add_argument("--steps", type=int, default=1200, help="of 2048 tokens")
    a.add_argument("--together", type=int, default=1, help="masks that see each other; 1: each sees those before it")
    a.add_argument("--lr", type=float, default=2e-3)
    a.add_argument("--seed", type=int, default=1611)
    args = a.parse_args()
    torch.set_num_threads(1)
    begin = time.monotonic()

    teacher = distill.load_model(args.model)
    tok = Tokenizer.from_file(os.path.join(args.model, "tokenizer.json"))
    book = train.to_ids(tok, train.chapters(os.path.join(args.data, "train.txt")))
    mask = tok.token_to_id("Ā")  # how byte-level vocabularies write byte 0
    assert mask is not None and not (book == mask).any()
    own = distill.write_texts(teacher, book, args.texts, LENGTH, args.seed, os.path.join(args.data, "written.npy"))
    texts = torch.cat([own, distill.windows(book, LENGTH, len(own) * 3 // 2, args.seed + 1)])
    texts = texts[np.random.default_rng(args.seed).permutation(len(texts)).tolist()]
    best, shares = train_draft.teach(teacher, texts)
    held = len(texts) // 20
    print(f"{texts.numel()} tokens, mask {mask}, {time.monotonic() - begin:.0f} s", flush=True)

    left = ("architectures", "torch_dtype", "rope_scaling", "rope_theta")
    fields = {k: v for k, v in train_draft.CONFIG.items() if k not in left}
    fields["rope_parameters"] = {"rope_type": "default", "rope_theta": train_draft.CONFIG["rope_theta"]}
    model = LlamaForCausalLM(LlamaConfig(**fields)).float()
    weights = load_file(os.path.join(args.start, "model.safetensors"))
    missing, unexpected = model.load_state_dict({k: v.float() for k, v in weights.items()}, strict=False)
    assert missing in ([], ["lm_head.weight"]) and not unexpected, (missing, unexpected)
    table = model.get_input_embeddings().weight

    def guesses(rows, first):
        """Logits of the masks, with the tokens they stand for, and those of the text."""
        asked = train_parts.places(LENGTH, first)
        masks = table[mask].expand(train_parts.DEPTHS, -1)
        found, states = train_parts.behind(model, asked, rows, masks, args.together)
        tokens = torch.stack([rows[:, asked + 2 + k] for k in range(train_parts.DEPTHS)], -1)
        return found @ table.T, tokens, states @ table.T

    opt = torch.optim.AdamW(model.parameters(), lr=args.lr, betas=(0.9, 0.98), weight_decay=0.05)
    rng, mean = np.random.default_rng(args.seed), None
    for step in range(args.steps):
        for group in opt.param_groups:
            group["lr"] = args.lr * min(1, (step + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / args.steps)))
        rows = torch.from_numpy(rng.integers(held, len(texts), 8))
        drafts, tokens, text = guesses(texts[rows], int(rng.integers(8)))
        said = -(shares[rows] * text.log_softmax(-1).gather(-1, best[rows].long())).sum(-1).mean()
        drafted = cross_entropy(drafts.flatten(0, 2), tokens.flatten())
        (said + drafted).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        opt.zero_grad()
        now = np.array([said.item(), drafted.item()])
        mean = now if mean is None else 0.98 * mean + 0.02 * now
        if (step + 1) % 100 == 0:
            print(f"step {step + 1} losses {mean.round(3).tolist()} {(time.monotonic() - begin) / 60:.1f} min", flush=True)

    os.makedirs(args.out, exist_ok=True)
    state = {k: v.detach().to(torch.bfloat16).contiguous() for k, v in model.state_dict().items() if k != "lm_head.weight"}
    train.replace(os.path.join(args.out, "model.safetensors"), lambda p: save_file(state, p, metadata={"format": "pt"}))
    for file in ("config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        shutil.copyfile(os.path.join(args.start, file), os.path.join(args.out, file))
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(p.to(torch.bfloat16).float())
        agreed, hits = [], []
        for part, taught in zip(texts[:held].split(8), best[:held].split(8)):
            drafts, tokens, text = guesses(part, 0)
            agreed.append((text.argmax(-1) == taught[..., 0]).flatten())
            hits.append((drafts.argmax(-1) == tokens).flatten(0, 1))
        hits = torch.cat(hits).int().cummin(1).values.float().mean(0)
        print(json.dumps({"agrees with kjv-2m's best token, held out": round(torch.cat(agreed).float().mean().item(), 4),
                          "masks right up to depth 1, 2, 3": [round(h, 3) for h in hits.tolist()]}), flush=True)
    print(f"end: {args.steps} steps, {(time.monotonic() - begin) / 60:.1f} min", flush=True)


if __name__ == "__main__":
    main()
