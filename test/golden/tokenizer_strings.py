# Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random Unicode strings that a test can make again in any language, and
checksums over what a tokenizer makes of them.

The strings follow from a description (kept with the goldens), a
seed, and 64-bit integers alone; test/unit/runtime/base/tokenizer/RandomStringsTest.cpp does
the same in C++. Only characters of Unicode 14 occur: what is newer differs between
libraries."""

import struct
import unicodedata
import zlib

MASK = (1 << 64) - 1
CHUNK = 1000  # strings to a checksum


def assigned(first, last):
    """The assigned characters of first..last - 1, as [first, count] pairs."""
    if unicodedata.unidata_version != "14.0.0":
        raise SystemExit("tokenizer_strings.py: found Unicode " + unicodedata.unidata_version +
                         " in Python; expected 14.0.0 (Python 3.11)")
    ranges = []
    for c in range(first, last):
        if unicodedata.category(chr(c)) in ("Cn", "Cs"):
            continue
        if ranges and sum(ranges[-1]) == c:
            ranges[-1][1] += 1
        else:
            ranges.append([c, 1])
    return ranges


def description():
    pools = [(0x61, 0x7b), (0x20, 0x7f), (0x30, 0x3a), (0x00, 0x20), (0x7f, 0x100), (0x100, 0x250), (0x300, 0x370),
             (0x370, 0x530), (0x590, 0x700), (0x7c0, 0xa00), (0xa00, 0xe00), (0xe00, 0x1100), (0x1100, 0x1200),
             (0x1200, 0x2000), (0x2000, 0x2070), (0x2070, 0x2c00), (0x3000, 0x3100), (0x3100, 0x3400), (0x4e00, 0xa000),
             (0xa4d0, 0xac00), (0xac00, 0xd7a4), (0xf900, 0x10000), (0x10000, 0x16a40), (0x1b000, 0x1e000),
             (0x1e000, 0x1f000), (0x1f000, 0x1fc00), (0x20000, 0x323b0), (0xe0000, 0xe01f0), (0, 0xd800), (0xe000, 0x110000)]
    fragments = ["'s", "'LL", " ", "  ", "    ", "\r\n", "\n", "\n\n", "\t", "\u00a0", "\u3000", "\u2028", "\u200d", "\ufe0f",
                 "\u200b", "\u0301", "\u0323", "e\u0301", "the", " and", " the fox", "fox", "new word", "123", "1,000", "``", "''",
                 "▁", "▁▁▁", "👩‍👩‍👧‍👦", "👍🏽", "🇩🇪", "ﬁ", "Ａ", "か\u3099", "İ", "é!", "<", ">", "<|", "<0x41>", "</w>",
                 "<s>", "</s>", "<unk>", "<pad>", "[INST]", "[CLS]", "<|eot_id|>", "<|begin_of_text|>", "<|endoftext|>",
                 "<|padding|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "<|end|>", "<|user|>", "<|mask|>", "<|both|>",
                 "<extra>", "<extra_id_0>", "<mask>", ">>TITLE<<", "<｜User｜>"]
    return {"seed": 20261121, "pools": [assigned(*pool) for pool in pools], "fragments": fragments}


class Strings:
    """SplitMix64 (Steele et al. 2014) and what it chooses."""

    def __init__(self, what):
        self.state = what["seed"]
        self.pools = [(pool, sum(count for _, count in pool)) for pool in what["pools"]]
        self.fragments = what["fragments"]

    def below(self, bound):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return (((z ^ (z >> 31)) >> 32) * bound) >> 32

    def next(self):
        parts = []
        pool, total = self.pools[self.below(len(self.pools))]
        for _ in range(1 + self.below(10)):
            choice = self.below(8)
            if choice < 2:
                parts.append(self.fragments[self.below(len(self.fragments))])
                continue
            if choice == 2:
                pool, total = self.pools[self.below(len(self.pools))]
            index = self.below(total)
            for first, count in pool:
                if index < count:
                    parts.append(chr(first + index))
                    break
                index -= count
        return "".join(parts)


def checksums(tokenizer, what, count):
    """CRC-32, for every thousand strings, of the ids (with their special tokens
    and, apart, with all text taken literally) and of the texts they decode to
    (with and without special tokens)."""
    strings = Strings(what)
    ids, texts = [], []
    for _ in range(count // CHUNK):
        chunk = [strings.next() for _ in range(CHUNK)]
        parsed = [e.ids for e in tokenizer.encode_batch(chunk)]
        tokenizer.encode_special_tokens = True
        literal = [e.ids for e in tokenizer.encode_batch(chunk, add_special_tokens=False)]
        tokenizer.encode_special_tokens = False
        whole = tokenizer.decode_batch(parsed, skip_special_tokens=False)
        skipped = tokenizer.decode_batch(parsed, skip_special_tokens=True)
        crc = 0
        for pair in zip(parsed, literal):
            for row in pair:
                crc = zlib.crc32(struct.pack(f"<{len(row) + 1}i", len(row), *row), crc)
        ids.append(crc)
        crc = 0
        for pair in zip(whole, skipped):
            for text in pair:
                data = text.encode()
                crc = zlib.crc32(struct.pack("<i", len(data)) + data, crc)
        texts.append(crc)
    return {"ids": ids, "texts": texts}
