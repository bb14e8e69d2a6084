"""What both kinds of drafts of kjv-2m are trained on: the text that it writes itself, besides
that of the book. The text is made once and kept in the folder of the data."""

import os
import time

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM

import train


def load_model(folder):
    """kjv-2m with its weights as they are stored."""
    fields = {k: v for k, v in train.CONFIG.items() if k not in ("architectures", "torch_dtype", "rope_scaling", "rope_theta")}
    fields["rope_parameters"] = {"rope_type": "default", "rope_theta": train.CONFIG["rope_theta"]}
    model = LlamaForCausalLM(LlamaConfig(**fields)).float()
    weights = {k: v.float() for k, v in load_file(os.path.join(folder, "model.safetensors")).items()}
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert missing in ([], ["lm_head.weight"]) and not unexpected, (missing, unexpected)
    model.requires_grad_(False)
    return model.eval()


@torch.no_grad()
def write_texts(model, ids, rows, length, seed, path):
    """`rows` texts of `length` tokens that begin like some place of `ids`, half of them
    greedy and half drawn at temperature 0.8."""
    if os.path.exists(path):
        return torch.from_numpy(np.load(path)).long()
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    texts, begin = [], time.monotonic()
    for batch in range(rows // 64):
        size = int(rng.integers(4, 32))
        starts = rng.integers(0, len(ids) - size, 64).tolist()
        prompts = torch.stack([ids[s : s + size] for s in starts])
        prompts[:, 0] = train.VOCAB - 2
        settings = dict(do_sample=True, temperature=0.8, top_k=0) if batch % 2 else dict(do_sample=False)
        out = model.generate(
            prompts,
            attention_mask=torch.ones_like(prompts),
            max_new_tokens=length - size,
            min_new_tokens=length - size,  # a text is of one length
            pad_token_id=train.VOCAB - 1,
            **settings,
        )
        texts.append(out)
        print(f"{64 * (batch + 1)} texts, {time.monotonic() - begin:.0f} s", flush=True)
    texts = torch.cat(texts)
    np.save(path + ".tmp.npy", texts.numpy().astype(np.int16))
    os.replace(path + ".tmp.npy", path)
    return texts


def windows(ids, length, count, seed):
    """`count` windows of the book at random places."""
    starts = np.random.default_rng(seed).integers(0, len(ids) - length, count).tolist()
    return torch.stack([ids[s : s + length] for s in starts])
