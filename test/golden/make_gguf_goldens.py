#!/usr/bin/env python3
"""Makes tiny GGUF models and what they must give, with gguf-py and transformers.

  make_gguf_goldens.py                  # everything
  make_gguf_goldens.py --only gpt2-bf16 # one of them, see MODELS

Writes into gguf/, beside this script:
  blocks.gguf, blocks.safetensors
      random blocks of each quantised type, and their elements by gguf-py's reference
  NAME.gguf
      a model with random weights as llama.cpp's converter would write it
  NAME.golden.safetensors
      what transformers computes from that file: it reads GGUF by itself, so names,
      the order of rows and dequantisation are its own, not this script's

A golden file holds, for i = 0..3 (see make_model_goldens.py for the rest):
  prompt.i.ids, prompt.i.logits F32 [1, V] of the last position, prompt.i.tokens,
  prompt.i.margins
Metadata text.i and ids.i: a text, and its ids by the tokenizer that the vocabulary
was taken from.

Needs torch, transformers, tokenizers, sentencepiece, safetensors, numpy and gguf.
"""

import argparse
import io
import json
import os
import sys
import tempfile

import gguf
import numpy as np
import sentencepiece
import tokenizers
import torch
import transformers
from gguf import GGMLQuantizationType as Type
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, Qwen2Config

import make_model_goldens as models

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e", "Inputs"))
import gguf_writer as files  # noqa: E402
OUT = os.path.join(HERE, "gguf")
LENGTHS = [1, 3, 9, 40]
NEW = 24
models.NEW = NEW

TEXTS = [
    "In the beginning God created the heaven and the earth.",
    " two  spaces,   three; 12345 digits\n\nand\tlines\n",
    "Æsop’s “你好” 🙂 naïve don't WE'LL",
    "<s>special</s> tokens? <|end|>",
    "",
]


def corpus():
    path = os.path.join(HERE, "..", "models", "kjv-2m.recipe", "README.md")
    with open(path, encoding="utf-8") as f:
        return [*f.read().splitlines(), *TEXTS[:1]]


def byte_level(pattern, vocabulary):
    """A byte-level tokenizer in the manner of Llama 3, or of GPT-2 without a pattern."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(ignore_merges=bool(pattern)))
    if pattern:
        split = tokenizers.pre_tokenizers.Split(tokenizers.Regex(pattern), "isolated")
        level = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([split, level])
    else:
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocabulary - 2,
        show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.add_special_tokens(["<|begin|>", "<|end|>"])
    assert tokenizer.get_vocab_size() == vocabulary
    return tokenizer


def add_byte_level(writer, tokenizer, pre, add_bos):
    state = json.loads(tokenizer.to_str())
    size = tokenizer.get_vocab_size()
    special = {t["id"] for t in state["added_tokens"]}
    kinds = [gguf.TokenType.CONTROL if i in special else gguf.TokenType.NORMAL for i in range(size)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list([tokenizer.id_to_token(i) for i in range(size)])
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(m) for m in state["model"]["merges"]])
    writer.add_bos_token_id(tokenizer.token_to_id("<|begin|>"))
    writer.add_eos_token_id(tokenizer.token_to_id("<|end|>"))
    if add_bos is not None:
        writer.add_add_bos_token(add_bos)


def sentence_piece(vocabulary):
    """A SentencePiece model as Llama's."""
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus()),
        model_writer=out,
        vocab_size=vocabulary,
        model_type="bpe",
        byte_fallback=True,
        character_coverage=0.99,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=True,
        split_digits=True,
        num_threads=1,
        minloglevel=2,
    )
    return sentencepiece.SentencePieceProcessor(model_proto=out.getvalue())


def add_sentence_piece(writer, model):
    kinds = []
    for i in range(model.vocab_size()):
        kind = gguf.TokenType.NORMAL
        if model.is_unknown(i):
            kind = gguf.TokenType.UNKNOWN
        elif model.is_control(i):
            kind = gguf.TokenType.CONTROL
        elif model.is_byte(i):
            kind = gguf.TokenType.BYTE
        kinds.append(kind)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([model.id_to_piece(i) for i in range(model.vocab_size())])
    writer.add_token_scores([model.get_score(i) for i in range(model.vocab_size())])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(model.bos_id())
    writer.add_eos_token_id(model.eos_id())
    writer.add_unk_token_id(model.unk_id())


# ---- models ----

ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
VOCABULARY = 320


def llama(**options):
    sizes = dict(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        rms_norm_eps=1e-5,
        tie_word_embeddings=False,
    )
    return sizes | options


# name: configuration, architecture, stored type of matrices, tokenizer, seed to begin with
MODELS = {
    "llama-q8_0": (LlamaConfig(**llama(rope_parameters=ROPE)), "llama", Type.Q8_0, "llama-bpe", 1),
    "llama-q4_0": (LlamaConfig(**llama()), "llama", Type.Q4_0, "llama", 1),
    "qwen2-f16": (
        Qwen2Config(**llama(intermediate_size=64, tie_word_embeddings=True, rms_norm_eps=1e-6)),
        "qwen2",
        Type.F16,
        "qwen2",
        1,
    ),
    "gpt2-bf16": (
        GPT2Config(vocab_size=VOCABULARY, n_positions=64, n_embd=48, n_layer=2, n_head=3),
        "gpt2",
        Type.BF16,
        "gpt-2",
        1,
    ),
}


def write_parameters(writer, config, arch):
    llamas = arch != "gpt2"
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size if llamas else 4 * config.n_embd)
    writer.add_head_count(config.num_attention_heads)
    if llamas:
        writer.add_head_count_kv(config.num_key_value_heads)
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
        writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    else:
        writer.add_layer_norm_eps(config.layer_norm_epsilon)
    if arch == "llama":
        writer.add_vocab_size(config.vocab_size)
        writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)


def write_model(path, name, state):
    config, arch, kind, tokenizer, _ = MODELS[name]
    writer = gguf.GGUFWriter(path, arch)
    writer.add_type(gguf.GGUFType.MODEL)
    write_parameters(writer, config, arch)
    writer.add_file_type({Type.F16: 1, Type.Q4_0: 2, Type.Q8_0: 7, Type.BF16: 32}[kind])
    source = TOKENIZERS[tokenizer]
    if tokenizer == "llama":
        add_sentence_piece(writer, source)
    else:
        add_byte_level(writer, source, tokenizer, add_bos=None)
    writer.add_chat_template("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}")
    _, names = files.ARCHITECTURES[config.model_type]
    for key, tensor in state.items():
        if key == "lm_head.weight" and config.tie_word_embeddings:
            continue
        x = tensor.float().numpy()
        if arch == "llama" and "q_proj" in key:
            x = files.pair_rows(x, config.num_attention_heads)
        if arch == "llama" and "k_proj" in key:
            x = files.pair_rows(x, config.num_key_value_heads)
        if key.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")):
            x = x.T
        stored = kind if x.ndim == 2 else Type.F32
        data = gguf.quants.quantize(np.ascontiguousarray(x), stored)
        writer.add_tensor(files.gguf_name(key, names), data, raw_dtype=stored)
    if arch == "llama" and config.rope_parameters["rope_type"] == "llama3":
        factors = files.rope_factors(config.rope_parameters, config.hidden_size // config.num_attention_heads)
        writer.add_tensor("rope_freqs.weight", factors.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def reference_ids(tokenizer, text):
    """The ids of a text, BOS included where the model has it."""
    source = TOKENIZERS[tokenizer]
    if tokenizer == "llama":
        return [source.bos_id(), *source.encode(text)]
    ids = source.encode(text).ids
    return [source.token_to_id("<|begin|>"), *ids] if tokenizer == "llama-bpe" else ids


def load(name, state):
    """transformers' reading of the file. Its GGUF reader does not know the scaling of
    frequencies, which it takes from the configuration."""
    config = MODELS[name][0]
    model = AutoModelForCausalLM.from_pretrained(
        OUT, gguf_file=f"{name}.gguf", config=config, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    loaded = model.state_dict()
    assert loaded.keys() == state.keys(), loaded.keys() ^ state.keys()
    for key, x in state.items():  # close to what it was before quantisation, and so in its place
        error = (loaded[key] - x).abs().max() / x.abs().max()
        assert error < 0.15, (key, error)
    return model


@torch.no_grad()
def make_model(name):
    config, _, _, tokenizer, first = MODELS[name]
    rng = np.random.default_rng(LENGTHS)
    prompts = [rng.integers(0, config.vocab_size, n).tolist() for n in LENGTHS]
    for seed in range(first, first + 1000):
        model = AutoModelForCausalLM.from_config(config).eval()
        models.randomize(model, seed)
        state = model.state_dict()
        write_model(os.path.join(OUT, f"{name}.gguf"), name, state)
        model = load(name, state)
        tensors = {}
        for i, ids in enumerate(prompts):
            tokens, margins, logits, _ = models.greedy(model, ids)
            if min(margins) < models.MIN_MARGIN or len(set(tokens)) < 8:
                break
            tensors[f"prompt.{i}.ids"] = torch.tensor(ids, dtype=torch.int32)
            tensors[f"prompt.{i}.tokens"] = torch.tensor(tokens, dtype=torch.int32)
            tensors[f"prompt.{i}.margins"] = torch.tensor(margins)
            tensors[f"prompt.{i}.logits"] = logits[-1:]
        else:
            break
    else:
        raise SystemExit(f"{name}: no seed will do")
    metadata = {"prompt_lengths": json.dumps(LENGTHS), "seed": str(seed), "gguf": "gguf-py"}
    for i, text in enumerate(TEXTS):
        metadata[f"text.{i}"] = text
        metadata[f"ids.{i}"] = json.dumps(reference_ids(tokenizer, text))
    models.save(os.path.join(OUT, f"{name}.golden.safetensors"), tensors, metadata)
    print(f"{name}: seed {seed}")
    models.describe(name, tensors, len(prompts))


def make_blocks():
    """Random bytes, so that every pattern of bits is there; scales stay finite."""
    rng = np.random.default_rng(1611)
    path = os.path.join(OUT, "blocks.gguf")
    writer = gguf.GGUFWriter(path, "blocks")
    expected = {}
    for kind in (Type.Q4_0, Type.Q8_0):
        elements, size = gguf.GGML_QUANT_SIZES[kind]
        data = rng.integers(0, 256, (5, 3 * size), dtype=np.uint8)
        for block in data.reshape(-1, size):
            block[:2] = np.frombuffer(np.float16(rng.normal()).tobytes(), np.uint8)
        data.reshape(-1, size)[0][:2] = [1, 0]  # a subnormal scale
        data.reshape(-1, size)[1][:2] = [0, 0x80]  # minus zero
        writer.add_tensor(kind.name, data, raw_dtype=kind)
        expected[kind.name] = torch.from_numpy(gguf.quants.dequantize(data, kind).astype(np.float32).copy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    models.save(os.path.join(OUT, "blocks.safetensors"), expected, {})


TOKENIZERS = {}


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--only", choices=["blocks", *MODELS])
    args = a.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    os.makedirs(OUT, exist_ok=True)
    llama3 = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    TOKENIZERS["llama-bpe"] = byte_level(llama3, VOCABULARY)
    TOKENIZERS["qwen2"] = byte_level(llama3.replace("{1,3}", ""), VOCABULARY)
    TOKENIZERS["qwen2"].normalizer = tokenizers.normalizers.NFC()
    TOKENIZERS["gpt-2"] = byte_level(None, VOCABULARY)
    TOKENIZERS["llama"] = sentence_piece(VOCABULARY)
    for name in [args.only] if args.only else ["blocks", *MODELS]:
        if name == "blocks":
            make_blocks()
        else:
            make_model(name)


if __name__ == "__main__":
    main()
