#!/usr/bin/env python3
"""Makes the whole-model goldens with Hugging Face transformers.

  make_model_goldens.py                 # everything
  make_model_goldens.py --only NAME     # one of them: llama-tiny, ..., rope-yarn, ..., kjv-2m

Writes, beside this script:
  models/NAME-tiny/, one for each family and kind of config
      a folder as save_pretrained writes it, with random weights, and golden.safetensors
  models/rope-KIND/, one for each scaling of rotary embeddings
      config.json and golden.safetensors; the weights are those of llama31-tiny, by a link
  models/kjv-2m.golden.safetensors
      for ../models/kjv-2m; to be rerun whenever that model is trained anew

Needs torch, transformers, tokenizers, safetensors and numpy. One thread, eager attention;
the random weights follow from a seed, so that a rerun with the same software gives
the same bytes. No greedy step of a tiny model is a near tie, and no text is a short
loop: with a list of SEEDS, the seed of the weights is the first one of which that
holds; else the weights are those of seed 1, and each prompt is the first one of its
length of which it holds.

Embeddings that a model scales are scaled by the factor as the checkpoint's own type
holds it: transformers does so when it runs in that type.

With dynamic scaling of rotary embeddings, tokens are given to the model one at a time,
the prompt's too: given several at once, transformers uses the frequencies of the last
one for all.

What a golden file holds, for i = 0..7 (prompts of unequal lengths, each run alone;
a batch of them must give the same):
  prompt.i.ids         I32 [n]      the prompt
  prompt.i.logits      F32 [k, V]   logits of the last k prompt positions, run in f32
                                    (k = n for the tiny models; less in the others)
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
import sys
from unittest import mock

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import tokenizers
import torch
import transformers
import transformers.modeling_rope_utils as rope_utils
from safetensors import safe_open
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

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


def rotation(theta, kind="default", **more):
    return {"rope_type": kind, "rope_theta": theta, **more}


def tiny(cls, vocabulary, hidden, inner, layers, heads, groups, theta=10000.0, **more):
    """A configuration; `groups` is the number of key and value heads."""
    sizes = dict(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=groups,
        max_position_embeddings=256,
        rope_parameters=rotation(theta),
        bos_token_id=1,
        eos_token_id=2,
    )
    return cls(**(sizes | more))


def llama_tiny():
    return tiny(LlamaConfig, 503, 120, 200, 3, 6, 3, head_dim=20, rms_norm_eps=1e-5, tie_word_embeddings=False)


def llama31_tiny():
    scaling = dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)
    return tiny(
        LlamaConfig, 397, 64, 112, 2, 4, 2,
        head_dim=16,
        max_position_embeddings=512,
        rms_norm_eps=1e-5,
        rope_parameters=rotation(500000.0, "llama3", **scaling),
        tie_word_embeddings=True,
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


def qwen2_tiny():
    return tiny(Qwen2Config, 211, 48, 68, 2, 6, 3, theta=1000000.0, tie_word_embeddings=False)


def qwen3_tiny():
    return tiny(Qwen3Config, 223, 40, 92, 3, 4, 2, theta=1000000.0, head_dim=14, tie_word_embeddings=True)


def phi3_tiny():
    return tiny(
        Phi3Config, 227, 60, 76, 2, 5, 1,
        original_max_position_embeddings=256,
        rope_parameters=rotation(10000.0, partial_rotary_factor=0.5),
        tie_word_embeddings=False,
        pad_token_id=0,
    )


def mistral_tiny():
    return tiny(MistralConfig, 233, 48, 84, 3, 4, 2, head_dim=10, sliding_window=7, tie_word_embeddings=False)


def gemma2_tiny():
    return tiny(
        Gemma2Config, 239, 44, 72, 4, 2, 1,
        head_dim=26,
        query_pre_attn_scalar=20,
        attn_logit_softcapping=3.0,
        final_logit_softcapping=9.0,
        sliding_window=5,
        pad_token_id=0,
    )


def gemma3_tiny():
    return tiny(
        Gemma3TextConfig, 241, 40, 56, 8, 4, 2,
        head_dim=18,
        query_pre_attn_scalar=30,
        sliding_window=6,
        layer_types=["full_attention" if i % 3 == 2 else "sliding_attention" for i in range(8)],
        rope_parameters={
            "full_attention": rotation(1000000.0, "linear", factor=8.0),
            "sliding_attention": rotation(10000.0),
        },
        eos_token_id=[2, 5],
        pad_token_id=0,
    )


# name: config, class, stored type, size of a shard, the seed of the weights to begin
# the search with (found by a search from 1 on), or None to search for prompts
TINY = {
    "llama-tiny": (llama_tiny, LlamaForCausalLM, torch.float32, "5GB", 26),
    "llama31-tiny": (llama31_tiny, LlamaForCausalLM, torch.bfloat16, "100KB", 155),
    "gpt2-tiny": (gpt2_tiny, GPT2LMHeadModel, torch.float32, "5GB", 855),
    "qwen2-tiny": (qwen2_tiny, Qwen2ForCausalLM, torch.float32, "5GB", None),
    "qwen3-tiny": (qwen3_tiny, Qwen3ForCausalLM, torch.bfloat16, "5GB", None),
    "mistral-tiny": (mistral_tiny, MistralForCausalLM, torch.bfloat16, "5GB", None),
    "gemma2-tiny": (gemma2_tiny, Gemma2ForCausalLM, torch.bfloat16, "5GB", None),
    "gemma3-tiny": (gemma3_tiny, Gemma3ForCausalLM, torch.bfloat16, "5GB", None),
    "phi3-tiny": (phi3_tiny, Phi3ForCausalLM, torch.bfloat16, "5GB", None),
}

# Scalings of rotary embeddings: max_position_embeddings, rope_parameters
ROPES = {
    "rope-linear": (64, {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}),
    "rope-dynamic": (24, {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 6.0}),
    "rope-yarn": (
        256,
        {
            "rope_type": "yarn",
            "rope_theta": 10000.0,
            "factor": 4.0,
            "beta_fast": 8.0,
            "original_max_position_embeddings": 64,
        },
    ),
    # Which list counts depends on the longest position given at once, so that a model is
    # one list's alone where all texts, or none, are longer than the original context.
    "rope-longrope": (
        256,
        {
            "rope_type": "longrope",
            "rope_theta": 10000.0,
            "original_max_position_embeddings": 1,
            "attention_factor": 1.2,
            "short_factor": [1.0] * 8,
            "long_factor": [1.0, 1.25, 1.5, 2.0, 3.5, 5.0, 8.0, 12.5],
        },
    ),
    "rope-longrope-short": (
        256,
        {
            "rope_type": "longrope",
            "rope_theta": 10000.0,
            "original_max_position_embeddings": 256,
            "factor": 4.0,
            "short_factor": [1.0, 1.05, 1.1, 1.2, 1.3, 1.5, 1.75, 2.0],
            "long_factor": [64.0] * 8,
        },
    ),
}
ROPE_BASE = "llama31-tiny"


@contextlib.contextmanager
def all_f64(cls):
    """Within this, the model's code computes in f64 what it otherwise computes in
    f32 whatever the weights' type: norms, softmax, the tables of the rotation."""

    class Torch:
        float32 = float = torch.float64

        def __getattr__(self, name):
            return getattr(torch, name)

    with contextlib.ExitStack() as stack:
        for module in (sys.modules[cls.__module__], rope_utils):
            stack.enter_context(mock.patch.object(module, "torch", Torch()))
        stack.enter_context(mock.patch.object(torch.Tensor, "float", torch.Tensor.double))
        yield


def randomize(model, seed):
    """Weights large enough that attention is uneven and the logits spread."""
    state = model.state_dict()
    gen = torch.Generator().manual_seed(seed)
    tied = model.config.tie_word_embeddings
    gpt2 = model.config.model_type == "gpt2"
    gemma = model.config.model_type.startswith("gemma")
    for name in sorted(state):
        p = state[name]
        if tied and name == "lm_head.weight":
            continue
        r = torch.randn(p.shape, generator=gen)
        if name.endswith(".bias"):
            r = 0.2 * r
        elif p.dim() == 1:
            # Gemma's gains count from 1, and its last one makes up for small embeddings.
            r = (5 if name == "model.norm.weight" else 0) + 0.3 * r if gemma else 1 + 0.3 * r
        elif "embed_tokens" in name or "wte" in name:
            # Gemma scales them, and a model that mostly sees its last token repeats it.
            r = (0.1 if gemma else 0.3 if tied else 1.0) * r
        elif "wpe" in name:
            r = 0.3 * r
        elif "lm_head" in name:
            r = 0.3 * r
        else:
            fan_in = p.shape[0] if gpt2 else p.shape[1]
            gain = 1.6 if any(s in name for s in ("q_proj", "k_proj", "c_attn", "qkv_proj")) else 1.2
            r = gain / fan_in**0.5 * r
        p.copy_(r)


def load(cls, folder, dtype):
    model = cls.from_pretrained(folder, dtype=dtype, attn_implementation="eager")
    table = model.get_input_embeddings()
    if hasattr(table, "embed_scale"):
        scale = torch.tensor(table.scalar_embed_scale, dtype=transformers.AutoConfig.from_pretrained(folder).dtype)
        table.embed_scale = scale.to(dtype)
    return model.eval()


def is_dynamic(model):
    """Whether what a token becomes depends on the tokens given with it."""
    return (getattr(model.config, "rope_parameters", None) or {}).get("rope_type") == "dynamic"


def feed(model, ids):
    """The model's output for the last of `ids`, and the logits of all."""
    if not is_dynamic(model):
        out = model(input_ids=torch.tensor([ids]), use_cache=True)
        return out, out.logits[0]
    logits, cache = [], None
    for i in ids:
        out = model(input_ids=torch.tensor([[i]]), past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        logits.append(out.logits[0])
    return out, torch.cat(logits)


@torch.no_grad()
def greedy(model, ids, least_margin=0):
    """NEW tokens with the cache, the margins, the prompt's logits and the last ones.
    Nothing where a margin is too small."""
    out, prompt_logits = feed(model, ids)
    tokens, margins = [], []
    while True:
        last = out.logits[0, -1].float()
        top = torch.topk(last, 2)
        tokens.append(top.indices[0].item())
        margins.append((top.values[0] - top.values[1]).item())
        if margins[-1] < least_margin:
            return None
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
    with all_f64(cls):
        model = load(cls, folder, torch.float64)
        logits = feed(model, ids)[1]
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


def tiny_greedy(model, ids):
    """As greedy; nothing where the text will not do."""
    result = greedy(model, ids, MIN_MARGIN)
    return result if result and len(set(result[0])) >= MIN_DISTINCT else None


def add_prompt(tensors, i, cls, folder, model, ids, result, all_positions=True):
    tokens, margins, logits, final = result
    if not is_dynamic(model):
        check_generate(model, ids, tokens)
    keep = len(ids) if all_positions or i in F64_PROMPTS else 1
    tensors[f"prompt.{i}.ids"] = torch.tensor(ids, dtype=torch.int32)
    tensors[f"prompt.{i}.tokens"] = torch.tensor(tokens, dtype=torch.int32)
    tensors[f"prompt.{i}.margins"] = torch.tensor(margins)
    tensors[f"prompt.{i}.logits"] = logits[-keep:]
    if len(ids) == max(LENGTHS):
        tensors[f"prompt.{i}.final_logits"] = final
    if i in F64_PROMPTS:
        tensors[f"prompt.{i}.logits_f64"] = f64_logits(cls, folder, ids).float()


def search_prompts(cls, folder, all_positions):
    model = load(cls, folder, torch.float32)
    rng = np.random.default_rng(LENGTHS)
    tensors = {}
    for i, length in enumerate(LENGTHS):
        for _ in range(1000):
            ids = rng.integers(0, model.config.vocab_size, length).tolist()
            if result := tiny_greedy(model, ids):
                break
        else:
            raise SystemExit(f"{folder}: no prompt of {length} tokens will do")
        add_prompt(tensors, i, cls, folder, model, ids, result, all_positions)
    return tensors


def save_tiny(name, dtype, shard, model):
    folder = os.path.join(OUT, name)
    shutil.rmtree(folder, ignore_errors=True)
    model.to(dtype).save_pretrained(folder, max_shard_size=shard)
    for f in os.listdir(folder):
        os.chmod(os.path.join(folder, f), 0o644)
    return folder


def make_tiny(name):
    make_config, cls, dtype, shard, first = TINY[name]
    rng = np.random.default_rng(LENGTHS)
    prompts = [rng.integers(0, make_config().vocab_size, n).tolist() for n in LENGTHS]
    for seed in range(first or 1, (first or 1) + 1000):
        model = cls(make_config()).eval()
        with torch.no_grad():
            randomize(model, seed)
        folder = save_tiny(name, dtype, shard, model)
        if first is None:
            tensors = search_prompts(cls, folder, all_positions=True)
            break
        model = load(cls, folder, torch.float32)
        results = []
        for ids in prompts:
            results.append(tiny_greedy(model, ids))
            if not results[-1]:
                break
        else:
            tensors = {}
            for i, ids in enumerate(prompts):
                add_prompt(tensors, i, cls, folder, model, ids, results[i])
            break
    else:
        raise SystemExit(f"{name}: no seed will do")
    path = os.path.join(folder, "golden.safetensors")
    save(path, tensors, {"prompt_lengths": json.dumps(LENGTHS), "seed": str(seed)})
    print(f"{name}: seed {seed}")
    describe(name, tensors, len(LENGTHS))


def make_rope(name):
    positions, rope = ROPES[name]
    folder, base = os.path.join(OUT, name), os.path.join(OUT, ROPE_BASE)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    config = LlamaConfig.from_pretrained(base)
    config.max_position_embeddings, config.rope_parameters = positions, rope
    config.save_pretrained(folder)
    os.chmod(os.path.join(folder, "config.json"), 0o644)
    for f in sorted(os.listdir(base)):
        if f.startswith("model") or f == "generation_config.json":
            os.symlink(os.path.join("..", ROPE_BASE, f), os.path.join(folder, f))
    tensors = search_prompts(LlamaForCausalLM, folder, all_positions=False)
    save(os.path.join(folder, "golden.safetensors"), tensors, {"prompt_lengths": json.dumps(LENGTHS)})
    describe(name, tensors, len(LENGTHS))


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
    a.add_argument("--only", choices=[*TINY, *ROPES, "kjv-2m"])
    args = a.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    os.makedirs(OUT, exist_ok=True)
    for name in [args.only] if args.only else [*TINY, *ROPES, "kjv-2m"]:
        if name in TINY:
            make_tiny(name)
        elif name in ROPES:
            make_rope(name)
        else:
            make_kjv()


if __name__ == "__main__":
    main()
