# Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Small tokenizers built like those of today's decoder models, trained on the
lines that the caller gives. Each kind returns a `tokenizers.Tokenizer`."""

import json
import os
import tempfile
import unicodedata

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers,
                        pre_tokenizers, processors, trainers)

LLAMA3_PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
                  r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2_PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
                 r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK_PATTERN = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
                    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
BYTE_TOKENS = [f"<0x{byte:02X}>" for byte in range(256)]


def template(before="", after="", ids=()):
    single = " ".join(part for part in (before, "$A", after) if part)
    return processors.TemplateProcessing(single=single, pair=single + " $B:1", special_tokens=list(ids))


def respecify(tokenizer, **model):
    """The same tokenizer with other members of its model."""
    spec = json.loads(tokenizer.to_str())
    spec["model"].update(model)
    return Tokenizer.from_str(json.dumps(spec))


def train_byte_level(lines, pre_tokenizer, size, normalizer=None):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer:
        tokenizer.normalizer = normalizer
    trainer = trainers.BpeTrainer(vocab_size=size, show_progress=False, min_frequency=2,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def train_sentencepiece_bpe(lines, size, split):
    """BPE over text with U+2581 for spaces: <unk> <s> </s>, the bytes, pieces."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(split=split)
    trainer = trainers.BpeTrainer(vocab_size=size, show_progress=False, min_frequency=2, limit_alphabet=120,
                                  max_token_length=12, special_tokens=["<unk>", "<s>", "</s>"] + BYTE_TOKENS)
    tokenizer.train_from_iterator(lines, trainer)
    # Training made the bytes special; they are ordinary tokens of the model.
    spec = json.loads(tokenizer.to_str())
    spec["added_tokens"] = [t for t in spec["added_tokens"] if t["content"] not in BYTE_TOKENS]
    spec["pre_tokenizer"] = None
    return Tokenizer.from_str(json.dumps(spec))


def sentencepiece_decoder():
    return decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                              decoders.Strip(" ", 1, 0)])


def llama2(lines):
    tokenizer = train_sentencepiece_bpe(lines, 620, split=True)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = sentencepiece_decoder()
    tokenizer.post_processor = template("<s>", ids=[("<s>", 1)])
    return tokenizer


def mistral(lines):
    tokenizer = train_sentencepiece_bpe(lines, 640, split=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = sentencepiece_decoder()
    tokenizer.add_special_tokens(["[INST]", "[/INST]", "[TOOL_CALLS]"])
    tokenizer.post_processor = template("<s>", ids=[("<s>", 1)])
    return tokenizer


def phi3(lines):
    tokenizer = llama2(lines)
    tokenizer.add_special_tokens([AddedToken("<|end|>", rstrip=True, normalized=False),
                                  AddedToken("<|user|>", rstrip=True, normalized=False),
                                  AddedToken("<|mask|>", lstrip=True, normalized=False),
                                  AddedToken("<|both|>", lstrip=True, rstrip=True, normalized=False)])
    tokenizer.add_tokens([AddedToken("fox", single_word=True, normalized=False), AddedToken("new word", normalized=True),
                          AddedToken("<extra>", normalized=True, lstrip=True)])
    return tokenizer


def gemma(lines):
    tokenizer = train_sentencepiece_bpe(lines, 640, split=False)
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_tokens([AddedToken("\n\n", normalized=False), AddedToken("▁▁▁", normalized=False)])
    tokenizer.post_processor = template("<s>", ids=[("<s>", 1)])
    return tokenizer


def charsmap_rules():
    """NFKC of what small maps have, and what a trie can get wrong: sources that
    begin one another, sources of several characters, empty replacements."""
    rules = {}
    for first, last in [(0xA0, 0x180), (0x2000, 0x2070), (0x2460, 0x2474), (0x3300, 0x3310), (0xFB00, 0xFB07),
                        (0xFF01, 0xFF60)]:
        for c in range(first, last):
            normal = unicodedata.normalize("NFKC", chr(c))
            if normal != chr(c):
                rules[chr(c)] = normal
    for base in "aeiouAEIOU":
        for mark in "\u0300\u0301\u0308":
            rules[base + mark] = unicodedata.normalize("NFC", base + mark)
    rules.update({"\t": " ", "\n": " ", "\r": " ", "\u200b": " ", "\u00ad": "", "\x7f": "", "\x01": "", "\u0130": "I",
                  "か\u3099": "が", "\u1e9e": "SS", "ﷺ": "صلى"})
    return rules


def charsmap():
    import sentencepiece
    with tempfile.TemporaryDirectory() as folder:
        rules = os.path.join(folder, "rules.tsv")
        with open(rules, "w", encoding="utf-8") as out:
            for source, target in sorted(charsmap_rules().items()):
                out.write("\t".join(" ".join(f"{ord(c):X}" for c in text) for text in (source, target)) + "\n")
        text = os.path.join(folder, "text")
        with open(text, "w", encoding="utf-8") as out:
            out.write("a b c\n" * 100)
        sentencepiece.SentencePieceTrainer.train(
            input=text, model_prefix=os.path.join(folder, "m"), vocab_size=8, hard_vocab_limit=False,
            normalization_rule_tsv=rules, minloglevel=2)
        with open(os.path.join(folder, "m.model"), "rb") as model:
            return normalizer_charsmap(model.read())


def normalizer_charsmap(model):
    """ModelProto.normalizer_spec.precompiled_charsmap: fields 3 and 2."""
    def fields(data):
        position = 0

        def varint():
            nonlocal position
            value = shift = 0
            while True:
                byte = data[position]
                position += 1
                value |= (byte & 0x7f) << shift
                shift += 7
                if byte < 0x80:
                    return value
        while position < len(data):
            key = varint()
            if key & 7 == 2:
                size = varint()
                yield key >> 3, data[position:position + size]
                position += size
            elif key & 7 == 5:
                position += 4
            else:
                varint()
    spec = next(data for number, data in fields(model) if number == 3)
    return next(data for number, data in fields(spec) if number == 2)


def train_unigram(lines, normalizer, pre_tokenizer, size, special):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    trainer = trainers.UnigramTrainer(vocab_size=size, show_progress=False, special_tokens=special, unk_token="<unk>",
                                      n_sub_iterations=2, shrinking_factor=0.75)
    tokenizer.train_from_iterator(lines, trainer)
    spec = json.loads(tokenizer.to_str())
    spec["model"]["vocab"] = [[token, round(score, 6)] for token, score in spec["model"]["vocab"]]
    return Tokenizer.from_str(json.dumps(spec))


def t5(lines):
    """As XLM-R and T5: a compiled map, then words that begin with U+2581."""
    normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap()), normalizers.Replace(Regex(" {2,}"), " ")])
    pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer = train_unigram(lines, normalizer, pre_tokenizer, 500, ["<pad>", "</s>", "<unk>"])
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens([AddedToken(f"<extra_id_{i}>", lstrip=True, rstrip=True, normalized=False) for i in range(2)])
    tokenizer.add_tokens([AddedToken("<mask>", lstrip=True, normalized=True)])
    tokenizer.post_processor = template(after="</s>", ids=[("</s>", 1)])
    return tokenizer


def albert(lines):
    """Unigram with bytes for what is unknown, after every simple normalizer."""
    normalizer = normalizers.Sequence([
        normalizers.Nmt(), normalizers.Replace("``", '"'), normalizers.Replace("''", '"'), normalizers.NFKD(),
        normalizers.StripAccents(), normalizers.Lowercase(), normalizers.NFKC(), normalizers.Strip(),
        normalizers.Replace(Regex(r"\s{2,}|[\n\r\t]"), " ")])
    tokenizer = train_unigram(lines, normalizer, pre_tokenizers.Metaspace(prepend_scheme="first"), 400,
                              ["<pad>", "<unk>", "[CLS]", "[SEP]"] + BYTE_TOKENS)
    spec = json.loads(tokenizer.to_str())
    spec["added_tokens"] = [t for t in spec["added_tokens"] if t["content"] not in BYTE_TOKENS]
    spec["model"]["byte_fallback"] = True
    # A byte is never likelier than a piece.
    for entry in spec["model"]["vocab"]:
        if entry[0] in BYTE_TOKENS:
            entry[1] = -20.0
    tokenizer = Tokenizer.from_str(json.dumps(spec))
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first"),
                                           decoders.Fuse(), decoders.Strip(" ", 2, 0)])
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def qwen2(lines):
    split = pre_tokenizers.Split(Regex(QWEN2_PATTERN), "isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer = train_byte_level(lines, pre_tokenizers.Sequence([split, byte_level]), 600, normalizers.NFC())
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    tokenizer.add_tokens([AddedToken("<tool_call>", normalized=False), AddedToken("é!", normalized=True)])
    tokenizer.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    return tokenizer


def deepseek(lines):
    splits = [pre_tokenizers.Split(Regex(p), "isolated") for p in
              (r"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+", DEEPSEEK_PATTERN)]
    splits += [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    tokenizer = train_byte_level(lines, pre_tokenizers.Sequence(splits), 600)
    tokenizer.add_special_tokens(["<｜begin▁of▁sentence｜>", "<｜User｜>"])
    tokenizer.post_processor = template("<｜begin▁of▁sentence｜>", ids=[("<｜begin▁of▁sentence｜>", 600)])
    return tokenizer


def falcon(lines):
    tokenizer = train_byte_level(lines, pre_tokenizers.Sequence([
        pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.ByteLevel(add_prefix_space=False),
        pre_tokenizers.Digits(individual_digits=False),
        pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated")]), 600)
    tokenizer.add_special_tokens([">>TITLE<<", ">>INTRODUCTION<<", "<|endoftext|>"])
    return tokenizer


def neox(lines):
    tokenizer = train_byte_level(lines, pre_tokenizers.ByteLevel(add_prefix_space=True), 600, normalizers.NFC())
    tokenizer.add_special_tokens(["<|endoftext|>", "<|padding|>"])
    tokenizer.add_tokens([AddedToken(" " * n, normalized=True) for n in (8, 4, 3, 2)])
    tokenizer.post_processor = processors.RobertaProcessing(("<|endoftext|>", 600), ("<|padding|>", 601))
    return tokenizer


def clip(lines):
    """BPE with a suffix at the end of words, over words and punctuation."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation("removed")])
    trainer = trainers.BpeTrainer(vocab_size=500, show_progress=False, min_frequency=2, limit_alphabet=150,
                                  special_tokens=["<unk>"], end_of_word_suffix="</w>")
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.decoder = decoders.BPEDecoder(suffix="</w>")
    return tokenizer


KINDS = {"llama2": llama2, "mistral": mistral, "phi3": phi3, "gemma": gemma, "t5": t5, "albert": albert, "qwen2": qwen2,
         "deepseek": deepseek, "falcon": falcon, "neox": neox, "clip": clip}
