#!/usr/bin/env python3
"""Makes the whole-model goldens with Hugging Face transformers.

  make_model_goldens.py                 # everything
  make_model_goldens.py --only kjv-2m   # one of llama-tiny, llama31-tiny, gpt2-tiny, kjv-2m

Writes, beside this script:
  models/llama-tiny/, models/llama31-tiny/, models/gpt2-tiny/
      a folder as save_pretrained writes it, with random weights, and golden.safetensors
  models/kjv-2m.golden.safetensors
      for ../models/kjv-2m; to be rerun whenever that model is trained anew

Needs torch, transformers, tokenizers, safetensors and numpy. One thread, eager attention;
the random weights follow from a seed, so that a rerun with the same software gives
the same bytes. The seed of each tiny model is the first one with which no greedy
step is a near tie and the text is not a short loop.

What a golden file holds, for i = 0..7 (prompts of unequal lengths, each run alone;
a batch of them must give the same):
  prompt.i.ids         I32 [n]      the prompt
  prompt.i.logits      F32 [k, V]   logits of the last k prompt positions, run in f32
                                    (k = n for the tiny models; less in kjv-2m)
  prompt.i.tokens      I32 [64]     greedy continuation with a KV cache, in f32; an
                                    end-of-text token does not end it
  prompt.i.margins     F32 [64]     at each step: best logit minus second best
and for some i:
  prompt.i.final_logits F32 [V]     the logits that chose the last of the 64 tokens
                                    (the longest prompt)
  prompt.i.logits_f64  F32 [k, V]   as logits, but computed in f64 throughout
  prompt.i.logits_bf16 BF16 [k, V]  as logits, but run in bf16 (kjv-2m only)
Metadata: prompt_lengths, new_tokens, versions; for kjv-2m also prompt.i.text,
prompt.i.continuation and model_sha256 (of model.safetensors).
"""

import argparse
import contextlib
import hashlib
import json
import os
import shutil
from unittest import mock

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import tokenizers
import torch
import transformers
import transformers.modeling_rope_utils as rope_utils
import transformers.models.gpt2.modeling_gpt2 as modeling_gpt2
import transformers.models.llama.modeling_llama as modeling_llama
from safetensors import safe_open
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "models")
KJV = os.path.join(HERE, "..", "models", "kjv-2m")

NEW = 64
LENGTHS = [1, 2, 3, 5, 9, 13, 17, 40]
F64_PROMPTS = [3, 6]  # of the tiny models
MIN_MARGIN = 5e-3  # of the tiny models
MIN_DISTINCT = 16  # different tokens in each greedy text of the tiny models

KJV_PROMPTS = [
    "In the beginning God created the heaven and the earth.",
    "And Jesus said unto them,",
    "",
    "The LORD is my shepherd; I shall not want.\nHe maketh me to lie down in green pastures:",
    "Thou shalt not",
    "Now these are the names of the children of Israel, which came into Egypt; every man and "
    "his household came with Jacob.\nReuben, Simeon, Levi, and Judah,",
    "In 1611: “Æsop”\t你好 🙂",
    "And God said, Let there be light: and",
]
KJV_ALL_POSITIONS = [0, 1]  # the other prompts: the last position alone
KJV_F64_PROMPTS = [1]
KJV_BF16_PROMPTS = [1, 3]


def llama_tiny():
    return LlamaConfig(
        vocab_size=503,
        hidden_size=120,
        intermediate_size=200,
        num_hidden_layers=3,
        num_attention_heads=6,
        num_key_value_heads=3,
        head_dim=20,
        max_position_embeddings=256,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        tie_word_embeddings=False,
        bos_token_id=1,
        eos_token_id=2,
    )


def llama31_tiny():
    return LlamaConfig(
        vocab_size=397,
        hidden_size=64,
        intermediate_size=112,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=512,
        rms_norm_eps=1e-5,
        rope_parameters={
            "rope_type": "llama3",
            "rope_theta": 500000.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        },
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
    )


def gpt2_tiny():
    return GPT2Config(
        vocab_size=311,
        n_positions=128,
        n_embd=60,
        n_layer=2,
        n_head=3,
        bos_token_id=310,
        eos_token_id=310,
    )


# name: config, class, stored type, size of a shard, the seed to begin the search with
# (found by a search from 1 on)
TINY = {
    "llama-tiny": (llama_tiny, LlamaForCausalLM, torch.float32, "5GB", 26),
    "llama31-tiny": (llama31_tiny, LlamaForCausalLM, torch.bfloat16, "100KB", 155),
    "gpt2-tiny": (gpt2_tiny, GPT2LMHeadModel, torch.float32, "5GB", 855),
}


@contextlib.contextmanager
def all_f64():
    """Within this, the models' code computes in f64 what it otherwise computes in
    f32 whatever the weights' type: norms, softmax, the tables of the rotation."""

    class Torch:
        float32 = float = torch.float64

        def __getattr__(self, name):
            return getattr(torch, name)

    with contextlib.ExitStack() as stack:
        for module in (modeling_llama, modeling_gpt2, rope_utils):
            stack.enter_context(mock.patch.object(module, "torch", Torch()))
        yield


def randomize(model, seed):
    """Weights large enough that attention is uneven and the logits spread."""
    state = model.state_dict()
    gen = torch.Generator().manual_seed(seed)
    tied = model.config.tie_word_embeddings
    gpt2 = model.config.model_type == "gpt2"
    for name in sorted(state):
        p = state[name]
        if tied and name == "lm_head.weight":
            continue
        r = torch.randn(p.shape, generator=gen)
        if name.endswith(".bias"):
            r = 0.2 * r
        elif p.dim() == 1:
            r = 1 + 0.3 * r
        elif "embed_tokens" in name or "wte" in name:
            r = (0.3 if tied else 1.0) * r
        elif "wpe" in name:
            r = 0.3 * r
        elif "lm_head" in name:
            r = 0.3 * r
        else:
            fan_in = p.shape[0] if gpt2 else p.shape[1]
            gain = 1.6 if any(s in name for s in ("q_proj", "k_proj", "c_attn")) else 1.2
            r = gain / fan_in**0.5 * r
        p.copy_(r)


def load(cls, folder, dtype):
    model = cls.from_pretrained(folder, dtype=dtype, attn_implementation="eager")
    return model.eval()


@torch.no_grad()
def greedy(model, ids):
    """NEW tokens with the cache, the margins, the prompt's logits and the last ones."""
    out = model(input_ids=torch.tensor([ids]), use_cache=True)
    prompt_logits = out.logits[0]
    tokens, margins = [], []
    while True:
        last = out.logits[0, -1].float()
        top = torch.topk(last, 2)
        tokens.append(top.indices[0].item())
        margins.append((top.values[0] - top.values[1]).item())
        if len(tokens) == NEW:
            return tokens, margins, prompt_logits, last
        out = model(
            input_ids=torch.tensor([tokens[-1:]]),
            past_key_values=out.past_key_values,
            use_cache=True,
        )


def check_generate(model, ids, tokens):
    """The same through generate()."""
    config = transformers.GenerationConfig(max_new_tokens=NEW, do_sample=False, pad_token_id=0)
    x = torch.tensor([ids])
    with mock.patch.object(model, "generation_config", config):
        out = model.generate(x, attention_mask=torch.ones_like(x))
    assert out[0, len(ids) :].tolist() == tokens


@torch.no_grad()
def f64_logits(cls, folder, ids):
    with all_f64():
        model = load(cls, folder, torch.float64)
        logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
    assert logits.dtype == torch.float64
    return logits


def save(path, tensors, metadata):
    metadata = {
        "new_tokens": str(NEW),
        "versions": f"torch {torch.__version__.split('+')[0]}, "
        f"transformers {transformers.__version__}, tokenizers {tokenizers.__version__}",
        **metadata,
    }
    # Written by hand: safetensors' own writer puts the metadata in a random order.
    kinds = {torch.float32: "F32", torch.bfloat16: "BF16", torch.int32: "I32"}
    header, parts, at = {"__metadata__": dict(sorted(metadata.items()))}, [], 0
    for name, t in sorted(tensors.items()):
        raw = t.detach().contiguous().view(torch.uint8).numpy().tobytes()
        header[name] = {
            "dtype": kinds[t.dtype],
            "shape": list(t.shape),
            "data_offsets": [at, at + len(raw)],
        }
        parts.append(raw)
        at += len(raw)
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with open(path + ".tmp", "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text + b"".join(parts))
    with safe_open(path + ".tmp", "pt") as f:
        assert f.metadata() == metadata
        assert all(torch.equal(f.get_tensor(k), t) for k, t in tensors.items())
    os.replace(path + ".tmp", path)


def describe(name, tensors, n):
    margins = torch.cat([tensors[f"prompt.{i}.margins"] for i in range(n)])
    logits = torch.cat([tensors[f"prompt.{i}.logits"] for i in range(n)])
    distinct = [len(set(tensors[f"prompt.{i}.tokens"].tolist())) for i in range(n)]
    worst = 0.0
    for i in range(n):
        wide = tensors.get(f"prompt.{i}.logits_f64")
        if wide is not None:
            d = (tensors[f"prompt.{i}.logits"] - wide).abs().max() / wide.abs().max()
            worst = max(worst, d.item())
    print(
        f"{name}: logits std {logits.std():.2f}, max {logits.abs().max():.2f}; least margin "
        f"{margins.min():.2e}; distinct tokens {distinct}; f32 against f64 {worst:.1e}"
    )


def make_tiny(name):
    make_config, cls, dtype, shard, first = TINY[name]
    folder = os.path.join(OUT, name)
    rng = np.random.default_rng(LENGTHS)
    prompts = [rng.integers(0, make_config().vocab_size, n).tolist() for n in LENGTHS]
    for seed in range(first, first + 1000):
        model = cls(make_config()).eval()
        with torch.no_grad():
            randomize(model, seed)
        model = model.to(dtype)
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(folder, max_shard_size=shard)
        model = load(cls, folder, torch.float32)
        tensors = {}
        for i, ids in enumerate(prompts):
            tokens, margins, logits, final = greedy(model, ids)
            if min(margins) < MIN_MARGIN or len(set(tokens)) < MIN_DISTINCT:
                break
            check_generate(model, ids, tokens)
            tensors[f"prompt.{i}.ids"] = torch.tensor(ids, dtype=torch.int32)
            tensors[f"prompt.{i}.tokens"] = torch.tensor(tokens, dtype=torch.int32)
            tensors[f"prompt.{i}.margins"] = torch.tensor(margins)
            tensors[f"prompt.{i}.logits"] = logits
            if len(ids) == max(LENGTHS):
                tensors[f"prompt.{i}.final_logits"] = final
        else:
            break
    else:
        raise SystemExit(f"{name}: no seed will do")
    for i in F64_PROMPTS:
        tensors[f"prompt.{i}.logits_f64"] = f64_logits(cls, folder, prompts[i]).float()
    for f in os.listdir(folder):
        os.chmod(os.path.join(folder, f), 0o644)
    path = os.path.join(folder, "golden.safetensors")
    save(path, tensors, {"prompt_lengths": json.dumps(LENGTHS), "seed": str(seed)})
    print(f"{name}: seed {seed}")
    describe(name, tensors, len(prompts))


def make_kjv():
    tok = tokenizers.Tokenizer.from_file(os.path.join(KJV, "tokenizer.json"))
    model = load(LlamaForCausalLM, KJV, torch.float32)
    half = load(LlamaForCausalLM, KJV, torch.bfloat16)
    tensors, metadata, lengths = {}, {}, []
    for i, text in enumerate(KJV_PROMPTS):
        ids = tok.encode(text).ids
        lengths.append(len(ids))
        tokens, margins, logits, final = greedy(model, ids)
        check_generate(model, ids, tokens)
        k = len(ids) if i in KJV_ALL_POSITIONS else 1
        tensors[f"prompt.{i}.ids"] = torch.tensor(ids, dtype=torch.int32)
        tensors[f"prompt.{i}.tokens"] = torch.tensor(tokens, dtype=torch.int32)
        tensors[f"prompt.{i}.margins"] = torch.tensor(margins)
        tensors[f"prompt.{i}.logits"] = logits[-k:]
        if text == max(KJV_PROMPTS, key=len):
            tensors[f"prompt.{i}.final_logits"] = final
        if i in KJV_F64_PROMPTS:
            wide = f64_logits(LlamaForCausalLM, KJV, ids)[-k:]
            tensors[f"prompt.{i}.logits_f64"] = wide.float()
        if i in KJV_BF16_PROMPTS:
            with torch.no_grad():
                out = half(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
            tensors[f"prompt.{i}.logits_bf16"] = out[-k:].to(torch.bfloat16)
        metadata[f"prompt.{i}.text"] = text
        metadata[f"prompt.{i}.continuation"] = tok.decode(tokens, skip_special_tokens=False)
        print(f"{text!r} -> {metadata[f'prompt.{i}.continuation']!r}")
    metadata["prompt_lengths"] = json.dumps(lengths)
    with open(os.path.join(KJV, "model.safetensors"), "rb") as f:
        metadata["model_sha256"] = hashlib.sha256(f.read()).hexdigest()
    save(os.path.join(OUT, "kjv-2m.golden.safetensors"), tensors, metadata)
    describe("kjv-2m", tensors, len(KJV_PROMPTS))


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--only", choices=[*TINY, "kjv-2m"])
    args = a.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    os.makedirs(OUT, exist_ok=True)
    for name in [args.only] if args.only else [*TINY, "kjv-2m"]:
        if name in TINY:
            make_tiny(name)
        else:
            make_kjv()


if __name__ == "__main__":
    main()
