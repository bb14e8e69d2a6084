#!/usr/bin/env python3
"""Trains kjv-2m, a small Llama of about two million parameters, on one CPU thread.

  ./prepare_data.sh WORK              # the text, see there
  ./train.py --data WORK --out ../kjv-2m

Needs torch, transformers, tokenizers and safetensors. The order of the data and
the initial weights follow from --seed alone, and the learning rate from the step
count, so that a run can be stopped and resumed (--data holds its state) and two
runs on the same software and machine give the same model. The only exception is
--minutes, which brings the end of the schedule forward if time runs short.

The model folder is rewritten at every checkpoint, each file by a rename.
"""

import argparse
import json
import math
import os
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from tokenizers import processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM

BOS, EOS = "<|begin_of_text|>", "<|end_of_text|>"
VOCAB = 2048  # with the two special tokens
# Llama 3's way to cut text into words.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# The keys of config.json, in the spelling that every reader of Llama folders knows.
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": VOCAB - 2,
    "eos_token_id": VOCAB - 1,
    "head_dim": 32,
    "hidden_act": "silu",
    "hidden_size": 192,
    "initializer_range": 0.05,
    "intermediate_size": 512,
    "max_position_embeddings": 512,
    "mlp_bias": False,
    "model_type": "llama",
    "num_attention_heads": 6,
    "num_hidden_layers": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-5,
    "rope_scaling": None,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "use_cache": True,
    "vocab_size": VOCAB,
}

PROMPTS = ["In the beginning", "And Jesus said unto them,", "The LORD is my", "Blessed"]


def chapters(path):
    text = open(path, encoding="utf-8").read()
    return [c.strip("\n") for c in text.split("\n\n") if c.strip("\n")]


def train_tokenizer(texts):
    tok = Tokenizer(models.BPE(ignore_merges=True))
    tok.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=False),
        ]
    )
    tok.decoder = decoders.ByteLevel(add_prefix_space=True, trim_offsets=True, use_regex=True)
    tok.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=VOCAB - 2,
            min_frequency=2,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    # As in Llama 3, the special tokens come after the words.
    tok.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in (BOS, EOS)])
    assert tok.get_vocab_size() == VOCAB and tok.token_to_id(EOS) == VOCAB - 1
    tok.post_processor = processors.Sequence(
        [
            processors.ByteLevel(add_prefix_space=True, trim_offsets=False, use_regex=True),
            processors.TemplateProcessing(
                single=f"{BOS} $A",
                pair=f"{BOS} $A {BOS} $B:1",
                special_tokens=[(BOS, VOCAB - 2)],
            ),
        ]
    )
    return tok


def to_ids(tok, texts):
    """<|begin_of_text|> chapter <|end_of_text|>, one after another."""
    out = []
    for t in texts:
        out += tok.encode(t).ids + [VOCAB - 1]
    return torch.tensor(out, dtype=torch.long)


def replace(path, write):
    write(path + ".tmp")
    os.chmod(path + ".tmp", 0o644)
    os.replace(path + ".tmp", path)


def dump_json(path, value):
    def write(p):
        with open(p, "w", encoding="utf-8") as f:
            f.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    replace(path, write)


def export(out, model, tok):
    os.makedirs(out, exist_ok=True)
    state = {
        k: v.detach().to(torch.bfloat16).contiguous()
        for k, v in model.state_dict().items()
        if k != "lm_head.weight"  # tied to the embedding
    }
    replace(
        os.path.join(out, "model.safetensors"),
        lambda p: save_file(state, p, metadata={"format": "pt"}),
    )
    dump_json(os.path.join(out, "config.json"), CONFIG)
    dump_json(
        os.path.join(out, "generation_config.json"),
        {
            "_from_model_config": True,
            "bos_token_id": VOCAB - 2,
            "do_sample": False,
            "eos_token_id": VOCAB - 1,
        },
    )
    replace(os.path.join(out, "tokenizer.json"), lambda p: tok.save(p, pretty=True))
    dump_json(
        os.path.join(out, "tokenizer_config.json"),
        {
            "added_tokens_decoder": {
                str(i): {
                    "content": t,
                    "lstrip": False,
                    "normalized": False,
                    "rstrip": False,
                    "single_word": False,
                    "special": True,
                }
                for i, t in ((VOCAB - 2, BOS), (VOCAB - 1, EOS))
            },
            "bos_token": BOS,
            "clean_up_tokenization_spaces": False,
            "eos_token": EOS,
            "model_input_names": ["input_ids", "attention_mask"],
            "model_max_length": CONFIG["max_position_embeddings"],
            "tokenizer_class": "PreTrainedTokenizerFast",
        },
    )


@torch.no_grad()
def evaluate(model, ids, length, bf16=False):
    """Mean loss (nats a token) over whole windows of the held-out text."""
    model.eval()
    kept = None
    if bf16:  # with the weights as they are stored
        kept = {k: v.clone() for k, v in model.state_dict().items()}
        for p in model.parameters():
            p.copy_(p.to(torch.bfloat16).float())
    n = len(ids) // length
    x = ids[: n * length].view(n, length)
    total = 0.0
    for part in x.split(8):
        total += model(input_ids=part, labels=part).loss.item() * len(part)
    if kept is not None:
        model.load_state_dict(kept)
    model.train()
    return total / n


def batch(ids, seed, step, late):
    """Windows at random places: 8 of 256 tokens, at the end 4 of 512."""
    rng = np.random.default_rng((seed, step))
    rows, length = (4, 512) if late else (8, 256)
    starts = rng.integers(0, len(ids) - length, rows)
    return torch.stack([ids[s : s + length] for s in starts.tolist()])


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--data", required=True, help="folder of train.txt and valid.txt; takes the state")
    a.add_argument("--out", required=True, help="the model folder to write")
    a.add_argument("--steps", type=int, default=5000, help="steps of 2048 tokens")
    a.add_argument("--minutes", type=float, default=0, help="end within about this time (0: no limit)")
    a.add_argument("--every", type=int, default=250, help="steps between checkpoints")
    a.add_argument("--lr", type=float, default=2.5e-3)
    a.add_argument("--seed", type=int, default=1611)
    args = a.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    torch.use_deterministic_algorithms(True)

    train_text = chapters(os.path.join(args.data, "train.txt"))
    valid_text = chapters(os.path.join(args.data, "valid.txt"))
    tok = train_tokenizer(train_text)
    train_ids, valid_ids = to_ids(tok, train_text), to_ids(tok, valid_text)
    valid_bytes = sum(len(t.encode()) for t in valid_text)
    print(f"{len(train_ids)} tokens to train on, {len(valid_ids)} held out", flush=True)

    fields = {k: v for k, v in CONFIG.items() if k not in ("architectures", "torch_dtype", "rope_scaling", "rope_theta")}
    fields["rope_parameters"] = {"rope_type": "default", "rope_theta": CONFIG["rope_theta"]}
    model = LlamaForCausalLM(LlamaConfig(**fields)).float()
    with torch.no_grad():  # smaller steps into the residual stream
        for name, p in model.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                p.div_(math.sqrt(2 * CONFIG["num_hidden_layers"]))
    print(f"{sum(p.numel() for p in model.parameters())} parameters", flush=True)

    decay = [p for p in model.parameters() if p.dim() > 1]
    plain = [p for p in model.parameters() if p.dim() == 1]
    opt = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}],
        lr=args.lr,
        betas=(0.9, 0.98),
        eps=1e-9,
        fused=True,
    )

    state_path = os.path.join(args.data, "state.pt")
    step, before = 0, 0.0
    if os.path.exists(state_path):
        s = torch.load(state_path, weights_only=True)
        model.load_state_dict(s["model"])
        opt.load_state_dict(s["opt"])
        step, before = s["step"], s["elapsed"]
        print(f"resumed at step {step}", flush=True)

    def checkpoint():
        export(args.out, model, tok)
        value = {"model": model.state_dict(), "opt": opt.state_dict(), "step": step, "elapsed": elapsed}
        replace(state_path, lambda p: torch.save(value, p))

    warmup, floor = 150, 0.02
    begin = time.monotonic()
    elapsed = before
    mean = None
    while True:
        elapsed = before + time.monotonic() - begin
        done = step / args.steps
        if args.minutes:
            done = max(done, elapsed / (60 * args.minutes))
        if done >= 1:
            break
        lr = args.lr * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done)))
        lr *= min(1.0, (step + 1) / warmup)
        for g in opt.param_groups:
            g["lr"] = lr
        x = batch(train_ids, args.seed, step, late=done > 0.75)
        loss = model(input_ids=x, labels=x).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        opt.zero_grad()
        step += 1
        mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
        if step % 50 == 0:
            print(f"step {step} loss {mean:.4f} lr {lr:.2e} {elapsed / 60:.1f} min", flush=True)
        if step % args.every == 0:
            checkpoint()
            print(f"step {step} held-out loss {evaluate(model, valid_ids, 256):.4f}", flush=True)

    checkpoint()
    for length in (256, 512):
        f32, bf16 = evaluate(model, valid_ids, length), evaluate(model, valid_ids, length, True)
        bits = bf16 * len(valid_ids) / valid_bytes / math.log(2)
        print(
            f"end: {step} steps, {elapsed / 60:.1f} min, windows of {length}: held-out loss "
            f"{f32:.4f} (as stored in bf16: {bf16:.4f}, {bits:.3f} bits a byte)",
            flush=True,
        )
    model.eval()
    for p in model.parameters():
        p.data = p.data.to(torch.bfloat16).float()
    for prompt in PROMPTS:
        ids = torch.tensor([tok.encode(prompt).ids])
        out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=80, do_sample=False)
        print(json.dumps(tok.decode(out[0].tolist())), flush=True)


if __name__ == "__main__":
    main()
