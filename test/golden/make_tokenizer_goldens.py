#!/usr/bin/env python3
# Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes test/golden/tokenizers: small tokenizers trained with Hugging Face
`tokenizers`, and what that library encodes and decodes with them.

Usage: make_tokenizer_goldens.py OUTPUT_DIRECTORY
       make_tokenizer_goldens.py --random COUNT TOKENIZER_JSON OUTPUT_JSON

The first form also makes random.golden.json: checksums over what every kind of
tokenizer makes of 100,000 random strings (tokenizer_strings.py). The second
form keeps ids and texts for random strings of another kind instead, to look at;
its output is too large to keep. Needs the Python packages `tokenizers` (made
with 0.23) and `sentencepiece` (made with 0.2.3), and Python 3.11.
"""

import json
import os
import random
import sys

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from tokenizers import Regex

import tokenizer_kinds
import tokenizer_strings
from tokenizer_kinds import LLAMA3_PATTERN

RANDOM_STRINGS = 100_000

SENTENCES = [
    "The quick brown fox jumps over the lazy dog; it's what foxes do, isn't it?",
    "We'll see that they've gone, I'm sure you'd agree: he said they're late.",
    "In the beginning there was the word, and the word was made of bytes.",
    "A compiler lowers a program, step by step, to the instructions of a machine.",
    "Victor jagt zwölf Boxkämpfer quer über den großen Sylter Deich.",
    "Portez ce vieux whisky au juge blond qui fume, l'été à Genève déjà passé.",
    "El veloz murciélago hindú comía feliz cardillo y kiwi mañana por la tarde.",
    "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία και το φως της ημέρας.",
    "نص حكيم له سر قاطع وذو شأن عظيم مكتوب على ثوب أخضر",
    "דג סקרן שט בים מאוכזב ולפתע מצא חברה נחמדה",
    "ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का सर्वनाश",
    "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า กว่าบรรดาฝูงสัตว์เดรัจฉาน",
    "天地玄黄,宇宙洪荒。日月盈昃,辰宿列张。我们今天去学校学习中文。",
    "いろはにほへと ちりぬるを 我が世誰ぞ 常ならむ。今日は良い天気ですね。",
    "다람쥐 헌 쳇바퀴에 타고파. 오늘은 날씨가 좋습니다.",
    "for (int i = 0; i < 10; ++i) {\n\tsum += a[i] * b[i];\n}\n",
    "def f(x):\n    if x > 0:\n        return x ** 2\n    return -x\n",
    "#include <vector>\r\nstd::vector<int> v{1, 2, 3};\r\n",
    "1 2 3 10 42 100 1000 1024 2024 3.14159 299792458 0x7fff 1,000,000",
    "Alle Menschen sind frei und gleich an Würde und Rechten geboren; sie sind mit Vernunft begabt.",
    "Tous les êtres humains naissent libres et égaux en dignité et en droits, doués de raison.",
    "Todos los seres humanos nacen libres e iguales en dignidad y derechos, dotados de conciencia.",
    "Tutti gli esseri umani nascono liberi ed eguali; sono dotati di ragione e di coscienza.",
    "Все люди рождаются свободными и равными в своём достоинстве и правах, наделены разумом.",
    "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw.",
    "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar, akıl ve vicdana sahiptirler.",
    "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心。",
    "All human beings are born free and equal; they are endowed with reason and conscience.",
    "😀 😃 👍🏽 👩‍👩‍👧‍👦 ❤️ 🇩🇪 🎉 — “quotes” … • →",
]

STRINGS = [
    "", " ", "  ", "a", "Hello, world!", " leading", "trailing ", "trailing   ", "   both   ",
    "the quick brown fox", "The word was made of bytes.",
    "it's IT'S It'S we'll WE'LL they've THEY'VE I'm I'M he'd HE'D you're YOU'RE can't CAN'T",
    "'s 't 're 've 'm 'll 'd ''s 'S 'RE 'x '", "it\u2019s we\u2019ll", "'\u017f \u017f 'ſt \u212a",
    "don't'll've", "O'Reilly's 'twas 'tis rock'n'roll",
    "0", "7 42 123 1234 12345 123456 1234567", "3.14159 -2e10 1,000,000 0x7fff 50% $9.99",
    "²³¹ ¼½¾ Ⅷ ⅸ ٠١٢٣٤ ०१२ 一二三 ①② 𝟘𝟙𝟚", "1st 2nd 3rd a1b2c3",
    "for (int i = 0; i < 10; ++i) {\n\tsum += a[i];\n}\n", "\tif x:\n\t\treturn\n\n\n",
    "line one\r\nline two\r\n\r\nline four\rold mac\n\r", "a\n b\n  c\n   d\n", "a \n b \t\n\t c",
    "\n", "\n\n\n", "\r\n", "\r", "\t", "\t\t\t", " \n", "\n ", " \n \n ", "x\n\n\ny", "x  \n\n  y",
    "a" + " " * 17 + "b", " " * 64, " " * 33 + "\n" + " " * 31, "a" * 100, "ab" * 60, "é" * 40,
    "nul\0in\0side\0", "\0", "\0\0\0", "\x01\x02\x1b[0m\x7f\x80\x9f",
    "\ufeffbyte order mark", "a\ufeffb", "\ufffd \ufffe \uffff",
    "no\u00a0break\u00a0 space", "\u00a0", "\u2003\u2002 \u2009\u200a.\u3000全角",
    "\u2028line\u2029para\u0085nel", "zero\u200bwidth\u200c\u200d\u2060", "\u180e\u1680\u202f\u205f",
    "\x0b\x0c\x1c\x1d\x1e\x1f",
    "😀", "👩‍👩‍👧‍👦 family", "👍🏽👍🏿", "🇩🇪🇫🇷🇯🇵", "❤️‍🔥 #️⃣ ✊🏻", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "e\u0301 a\u030a\u0323 n\u0303", "é vs e\u0301", "Z\u0351\u036b\u0343\u0363\u0323a\u0340l\u0334g\u0321o", "\u0301start",
    "天地玄黄,宇宙洪荒。", "中文English混合123文字", "日本語テキスト、カタカナとひらがな。ｶﾅ", "한국어 텍스트 각",
    "𠀀𠮷𪛕 𫝀 \U0002ebf0 \U00031350", "نص حكيم، ١٢٣ (اختبار)", "\u202bRTL\u202c text \u200fmark", "שָׁלוֹם עוֹלָם",
    "ऋषियों को सताने", "क्ष त्र ज्ञ श्री", "เป็นมนุษย์สุดประเสริฐ", "བོད་སྐད ខ្មែរ မြန်မာ",
    "Съешь ещё этих булок", "Ξεσκεπάζω ψυχή", "ß ẞ ﬁ ﬂ ﬀ ĳ Ǆ ǅ", "İıIi", "ÅÅÅ Ωά",
    "𝒳𝓎𝔷 𝕬𝖇 ℵ ℝ", "∑∏∫√∞≠≤≥ ∀x∈ℝ", "\U0010ffff \U000f0000 \ue000", "\U0001f6dc \U0001fae8 \u0897 \U00010d40",
    "…—–‘’“”„«»·•", "!!!???...,,,;;;", "a.b.c-d_e/f\\g|h", "@user #tag $var %d &amp; *bold* ~tilde~ `code`",
    "http://example.com/a?b=c&d=%20#frag", "{\"key\": [1, 2.5, null]}", "<div class=\"x\">&nbsp;</div>",
    "<|begin_of_text|>", "text<|eot_id|>more", "<|begin_of_text|><|begin_of_text|>", "<|begin_of_tex", "<|eot_id|",
    " <|eot_id|> ", "<<|eot_id|>>", "<|endoftext|>", "a<|endoftext|>b c", "user<|start_header_id|>\n\n<|end_header_id|>",
    "word<|eot_id|>'s", "ĠHello Ċ Ä Ń", "<0x0A> <unk> </s>",
    "The 3 quick foxes' 12 tails\tweren't   here…\n\n  \"Да,\" 他说 — 👍🏽!  ",
    "foo_bar fooBar FooBar FOOBAR foo-bar", "    indented\n        more\n", "x=1;y=2;z=x+y", "ﷺ ﷽ ꧁ ꧂",
]

# What the other kinds treat specially.
KIND_STRINGS = [
    "<s>", "</s>", " <s> x", "x</s>  y", "[INST] Hi [/INST] there", " [INST]", "<|user|>\n Hi<|end|>\n\n<|mask|> x", "a <|mask|>",
    "<|both|>  <|both|>", "  <|both|>x", "the fox, foxy fox fox", "a new word here", "new wordy", "x <extra>y", "▁", "▁▁▁", "a▁b ▁ c",
    " ▁ ", "\n\n", "a\n\n\nb", "ﬁne Ａ１ ㌀ é e\u0301 o\u0308x", "\u0301", "a\u00adb\u200bc\x01\x7f", "\r\n\t x", "か\u3099 が",
    "<extra_id_0> x <extra_id_1>", "word <mask>word", "  lead", "``quoted'' text", "ÀÉÎ õü ŷ", "İ ẞ", "  many   spaces    here  ",
    "1234 5 67", "日本語12345テスト", "a,b;c--d!!", "wait... what?!", ">>TITLE<<x", "<tool_call> x", "cafe\u0301! é!", "<|im_start|>user\nhi<|im_end|>",
    "<｜begin▁of▁sentence｜>", "<0x41>", "<0x0A><0xE2>", "\u00e4\u20ac\U0001f600", "zażółć gęślą jaźń", "w</w> x</w>", "\u1cf2\u1cf3 a\u0898\u0301",
    "\U00011935\U00011930 \U00011938", "a\u1abf\u0323", "\u32ff \ua7f2 \U0001f16c", "\u2052\u2e43 \u166d \U0001e95e",
]


def corpus():
    """Sentences in a fixed random order and mixture, so that merges have counts."""
    rng = random.Random(7)
    lines = []
    for _ in range(600):
        words = rng.choice(SENTENCES).split(" ")
        start = rng.randrange(len(words))
        lines.append(" ".join(words[start:start + rng.randrange(1, 12)]))
    return SENTENCES * 3 + lines


def train(pre_tokenizer, size, special, ignore_merges=False):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=size, show_progress=False, min_frequency=2,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(corpus(), trainer)
    # A word that no merge produces: only ignore_merges finds it.
    spec = json.loads(tokenizer.to_str())
    spec["model"]["vocab"]["Ġzyzzyva"] = len(spec["model"]["vocab"])
    spec["model"]["ignore_merges"] = ignore_merges
    tokenizer = Tokenizer.from_str(json.dumps(spec))
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    return tokenizer


def gpt2_style():
    tokenizer = train(pre_tokenizers.ByteLevel(add_prefix_space=False), 1000, ["<|endoftext|>"])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def llama3_style():
    names = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    split = pre_tokenizers.Split(Regex(LLAMA3_PATTERN), "isolated", invert=False)
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=False)
    tokenizer = train(pre_tokenizers.Sequence([split, byte_level]), 1500, names, ignore_merges=True)
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(
            single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
            special_tokens=[(names[0], tokenizer.token_to_id(names[0]))]),
    ])
    return tokenizer


def encode_case(tokenizer, text):
    case = {"text": text}
    case["ids"] = tokenizer.encode(text, add_special_tokens=False).ids
    case["ids_special"] = tokenizer.encode(text, add_special_tokens=True).ids
    tokenizer.encode_special_tokens = True
    case["ids_no_parse"] = tokenizer.encode(text, add_special_tokens=False).ids
    tokenizer.encode_special_tokens = False
    case["decoded"] = tokenizer.decode(case["ids_special"], skip_special_tokens=False)
    case["decoded_skip"] = tokenizer.decode(case["ids_special"], skip_special_tokens=True)
    return case


def decode_case(tokenizer, ids):
    return {"ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False),
            "decoded_skip": tokenizer.decode(ids, skip_special_tokens=True)}


def decode_cases(tokenizer, count=40):
    """Random ids: mostly invalid UTF-8."""
    rng = random.Random(11)
    known = sorted(tokenizer.get_vocab().values())
    short = [i for i in known if len(tokenizer.id_to_token(i)) == 1]
    cases = []
    for _ in range(count):
        pool = short if rng.random() < 0.7 else known
        cases.append(decode_case(tokenizer, [rng.choice(pool) for _ in range(rng.randrange(1, 12))]))
    return cases


def goldens(tokenizer, strings):
    return {"vocabulary_size": max(tokenizer.get_vocab().values()) + 1,
            "encode": [encode_case(tokenizer, s) for s in strings],
            "decode": decode_cases(tokenizer)}


def variants():
    """Tokenizers over one small model that differ in everything else."""
    model = json.loads(train(pre_tokenizers.ByteLevel(add_prefix_space=False), 320, []).to_str())["model"]
    size = len(model["vocab"])
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    strings = ["", "a", "the fox, the dog", "12ab34--cd  e", "--", " x-y--z ", "one\ntwo\n\nthree ", "ab1", "1ab"]
    result = []

    def add(name, strings=strings, **members):
        merged = dict(model, **members.pop("model", {}))
        whole = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
                 "normalizer": None, "pre_tokenizer": byte_level, "post_processor": None,
                 "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True,
                             "use_regex": True}, "model": merged}
        whole.update(members)
        golden = goldens(Tokenizer.from_str(json.dumps(whole)), strings)
        golden["decode"] = golden["decode"][:4]
        changes = {k: v for k, v in merged.items() if k not in model or model[k] != v}
        del whole["model"]
        result.append({"name": name, "members": whole, "model_changes": changes, **golden})

    def sequence(*steps):
        return {"type": "Sequence", "pretokenizers": list(steps)}

    for behavior in ["Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"]:
        for invert in [False, True]:
            for pattern in [{"Regex": "\\p{N}+|-"}, {"String": "-"}, {"Regex": "x*"}]:
                split = {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}
                add(f"split {behavior} {invert} {pattern}", pre_tokenizer=sequence(split, byte_level))
    add("prefix space", pre_tokenizer={"type": "ByteLevel", "add_prefix_space": True,
                                       "trim_offsets": True, "use_regex": True})
    add("no pre-tokenizer", pre_tokenizer=None)
    add("no decoder", decoder=None)

    patterns = [
        r"\w+|\W", r"[\w]+", r"[^\w\s]+", r"\b", r"\d{1,2}+", r"\d{2}?", r"x{,2}-", r"\s+$|^\s+", r".$",
        r"[a-z&&[^aeiou]]+", r"[a[b-d]\d]+", r"[^a-c&&\w]", r"[[:alpha:]]+|[[:^alpha:]]", r"\h+|\v",
        r"(?i)THE|E(?=\s)|(?<=x)-", r"a(?i)B|C", r"(?>a|ab)c?|\p{^L}", r"\p{Han}+|\p{Latin}++|\P{L}+?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]"
        r"|\s+(?!\S)|\s",
    ]
    texts = ["the FOX, Abc aBC abC cab", "x-xx- e\u0301\u203f² 12345 \t a\n\n b \n", "日本語、「漢字」abc Ünï 's 'Ll",
             "a-b_c/d\u180e \u00a0\u3000\u2028z\x0b\x85", "fAdE 0x1f ©®™ \r\n\r\nend  "]
    for pattern in patterns:
        for behavior in ["Isolated", "Removed"]:
            split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": False}
            add(f"regex {behavior} {pattern}", strings=texts, pre_tokenizer=sequence(split, byte_level))

    def token(index, content, **flags):
        base = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=False)
        return {"id": size + index, "content": content, **base, **flags}

    add("added tokens", strings=[
        "a<m>b", "a  <m> b", " <l>  <l>x", "x <r>  y<r>\n z", "<r> <l>", "<b>  <b>  <b>", "<s><ss><sss>", "foo food xfoo foo",
        "foo", "é foo é", "foo_ foo\u0301 foo\u200d foo² foo.", "<r>  <m>", "<r> \u3000\u00a0<l>", "caf\u00e9 cafe\u0301", "<m", "the",
        "xthex", "<r> - x", "  -<l>", "<S>a<S> <s>",
    ], added_tokens=[
        token(0, "<m>"), token(1, "<l>", lstrip=True), token(2, "<r>", rstrip=True), token(3, "<b>", lstrip=True, rstrip=True),
        token(4, "<s>"), token(5, "<ss>", special=True), token(6, "foo", single_word=True), token(7, "<S>", special=True, lstrip=True),
        token(8, "caf\u00e9", normalized=True), token(9, " -"),
        dict(token(0, "the"), id=model["vocab"].get("the", size + 10)),
    ])
    add("NFC", strings=["e\u0301", "a\u030a\u0323b \u1100\u1161\u11a8 \u212b", "cafe\u0301 caf\u00e9", "<e\u0301>", "<\u00e9>",
                        "q\u0307\u0323 \u0344 \u2126 \u0958 \uf900"],
        normalizer={"type": "NFC"}, added_tokens=[
            token(0, "cafe\u0301", normalized=True), token(1, "<e\u0301>"), token(2, "<\u00e9", normalized=True, special=True)])

    plain = {"type": "BPE", "dropout": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
             "byte_fallback": False, "vocab": {"<unk>": 0, "a": 1, "b": 2, "ab": 3, "é": 4, "éa": 5, "aa": 9},
             "merges": [["a", "b"], ["é", "a"], ["a", "a"]]}
    texts = ["", "ab", "xab", "axxb", "xyéaxz", "aaab", "aaaa", "日ab本本", "é"]
    add("no unknown token", strings=texts, pre_tokenizer=None, decoder=None, model=dict(plain, unk_token=None))
    add("unknown token", strings=texts, pre_tokenizer=None, decoder=None, model=dict(plain, unk_token="<unk>", fuse_unk=False))
    add("fused unknown token", strings=texts, pre_tokenizer=None, decoder=None, model=dict(plain, unk_token="<unk>", fuse_unk=True))

    add("template", added_tokens=[token(0, "[A]", special=True), token(1, "[B]", special=True)], post_processor={
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "x", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                   {"SpecialToken": {"id": "y", "type_id": 0}}, {"SpecialToken": {"id": "x", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"x": {"id": "x", "ids": [size, size + 1], "tokens": ["[A]", "[B]"]},
                           "y": {"id": "y", "ids": [size + 1], "tokens": ["[B]"]}}})
    add_component_variants(add, token, model)
    return {"model": model, "variants": result}


def add_component_variants(add, token, model):
    """Every component that no kind of tokenizer_kinds.py has, and odd options."""
    texts = ["", " ", "a b", "  a  b ", "the fox-trot, 12 1\u00b2\u2167x\u0663", "a\u00a0b\u3000c\td\n", "x_y\u203fz \u00abq\u00bb\u2e43$+",
             "日本語。ａｂ", "e\u0301\u200db 'tis", "a-b-c--d", "abcdefgh\u00e9ij", "\u2581a\u2581\u2581b", "foo<m>bar", "<m> a", " <m>"]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    marked = [token(0, "<m>"), token(1, "\u2581z")]

    def sequence(*steps):
        return {"type": "Sequence", "pretokenizers": list(steps)}

    for step in [{"type": "WhitespaceSplit"}, {"type": "Whitespace"}, {"type": "BertPreTokenizer"},
                 {"type": "CharDelimiterSplit", "delimiter": "-"}, {"type": "FixedLength", "length": 3}, {"type": "FixedLength"},
                 {"type": "Digits", "individual_digits": True}, {"type": "Digits", "individual_digits": False},
                 *({"type": "Punctuation", "behavior": b}
                   for b in ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"])]:
        add(f"pre-tokenizer {step}", strings=texts, pre_tokenizer=sequence(step, byte_level), added_tokens=marked)
    characters = sorted({c for text in texts for c in text.replace(" ", "\u2581")} | {"_"})
    plain = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
             "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
             "vocab": {c: i for i, c in enumerate(characters + ["\u2581a", "ab", "b\u2581"])},
             "merges": [["\u2581", "a"], ["b", "\u2581"], ["a", "b"]]}
    size = len(plain["vocab"])
    marked = [dict(t, id=size + i) for i, t in enumerate(marked)]
    for scheme in ["always", "first", "never"]:
        for split in [True, False]:
            metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": split}
            add(f"Metaspace {scheme} {split}", strings=texts, pre_tokenizer=metaspace, decoder=metaspace, model=plain, added_tokens=marked)
            add(f"digits, Metaspace {scheme} {split}", strings=texts, decoder=metaspace, model=plain, added_tokens=marked,
                pre_tokenizer=sequence({"type": "Split", "pattern": {"Regex": "[0-9a]"}, "behavior": "Isolated", "invert": False}, metaspace))
    add("old Metaspace", strings=texts, pre_tokenizer={"type": "Metaspace", "replacement": "_", "str_rep": "_", "add_prefix_space": True},
        decoder={"type": "Metaspace", "replacement": "_", "add_prefix_space": True}, model=plain, added_tokens=marked)
    first = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": False}
    isolate = {"type": "Split", "pattern": {"Regex": "."}, "behavior": "Isolated", "invert": False}
    for normalizer in [{"type": "Strip", "strip_left": True, "strip_right": False}, {"type": "Strip", "strip_left": True, "strip_right": True},
                       {"type": "NFD"}, {"type": "NFKD"}, {"type": "NFKC"}, {"type": "Prepend", "prepend": "ab"}, {"type": "Lowercase"},
                       {"type": "StripAccents"}, {"type": "Nmt"}, {"type": "Replace", "pattern": {"String": "a"}, "content": "ab"},
                       {"type": "Replace", "pattern": {"Regex": "a ?b"}, "content": "z"}, {"type": "Replace", "pattern": {"Regex": "[fa]"}, "content": ""},
                       {"type": "Replace", "pattern": {"String": ""}, "content": "b"}, {"type": "ByteLevel"}]:
        more = texts + ["\ufb01 a", "\u0301a", "\u00c9A\u0130", "\u200ba", "\x01a\x0bb", "fab", "a a b", "\u1e9b\u0323", "\uac01\u1100\u1161\u11a8"]
        add(f"normalizer {normalizer}", strings=more, normalizer=normalizer, model=plain, decoder=None,
            pre_tokenizer=sequence(isolate, first), added_tokens=[dict(token(0, "<m>", normalized=True), id=size)])

    def decoder(*steps):
        return {"type": "Sequence", "decoders": list(steps)}

    replace = {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}
    letters = [c for c in characters if c not in " "]
    for name, steps in [("strip", [replace, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]),
                        ("strip each", [{"type": "Strip", "content": "\u2581", "start": 1, "stop": 0}, replace]),
                        ("fuse", [{"type": "Fuse"}, replace]), ("late", [{"type": "Fuse"}, {"type": "Replace", "pattern": {"Regex": "a+|b"}, "content": "_"}]),
                        ("metaspace", [{"type": "Fuse"}, first]), ("bytes", [{"type": "ByteFallback"}, byte_level])]:
        add(f"decoder {name}", strings=texts, model=plain, decoder=decoder(*steps), pre_tokenizer=dict(first, prepend_scheme="always"))
    partial = dict(plain, byte_fallback=True, unk_token="_", fuse_unk=True,
                   vocab={**{c: i for i, c in enumerate(letters[:20])}, "<0xC3>": 40, "<0xA9>": 41, "<0xE2>": 42, "_": 43, "<0x0a>": 44}, merges=[])
    unknown = ["é", "日é", "日本é語", "éé日", "a日é日b", "日日a", "€é", "\n"]
    for fuse in [True, False]:
        add(f"some bytes {fuse}", strings=unknown, pre_tokenizer=None, model=dict(partial, fuse_unk=fuse),
            decoder=decoder({"type": "ByteFallback"}, {"type": "Fuse"}))
    add("prefix", strings=["abab", "ba", "aab b", "éab"], pre_tokenizer={"type": "WhitespaceSplit"}, decoder=None, model=dict(
        plain, continuing_subword_prefix="##", unk_token="?",
        vocab={"a": 0, "##a": 1, "b": 2, "##b": 3, "ab": 4, "##ab": 5, "?": 6, "aba": 7}, merges=[["a", "##b"], ["##a", "##b"], ["ab", "##a"]]))
    add("prefix and suffix", strings=["abab", "ba", "aab b", "éab", "a"], pre_tokenizer={"type": "WhitespaceSplit"}, model=dict(
        plain, continuing_subword_prefix="##", end_of_word_suffix="/", unk_token="?",
        vocab={"a": 0, "##a": 1, "b": 2, "##b/": 3, "ab/": 4, "##ab/": 5, "?": 6, "a/": 7, "b/": 8, "##b": 9},
        merges=[["a", "##b/"], ["##a", "##b/"]]), decoder={"type": "BPEDecoder", "suffix": "/"})
    for bytes_ in [False, True]:
        vocab = [["<unk>", 0.0], ["a", -1.0], ["b", -1.5], ["ab", -2.0], ["xx", -30.0], ["b", -3.0], ["aab", -3.4], ["abab", -4.6],
                 ["\u00e9", -2.0], ["<0xC3>", -9.0], ["<0xA9>", -9.0], ["<0x78>", -9.0], ["", -1.0]]
        add(f"unigram {bytes_}", strings=["abab", "aab", "aaab", "xab", "xxab", "xxxab", "a<unk>b", "x<unk>x", "日本a", "é", "eé", "a" * 30 + "b", "è"],
            pre_tokenizer=None, decoder=None, model={"type": "Unigram", "unk_id": 0, "vocab": vocab, "byte_fallback": bytes_})


def random_string(rng):
    """Mixes scripts, spaces, marks, emoji, controls and any code point at all."""
    pools = [(0x20, 0x7f), (0x61, 0x7b), (0x30, 0x3a), (0x09, 0x0e), (0xa0, 0x250), (0x300, 0x370), (0x370, 0x530),
             (0x590, 0x700), (0x900, 0xa00), (0xe00, 0xe80), (0x1100, 0x1200), (0x2000, 0x2070), (0x3040, 0x3100),
             (0x4e00, 0x9fff), (0xac00, 0xd7a4), (0x1f300, 0x1fb00), (0, 0xd800), (0xe000, 0x110000)]
    fragments = ["'s", "'LL", " ", "  ", "\r\n", "\n", "\t", "\u00a0", "\u3000", "\u200d", "\ufe0f", "the", " and", "123", "<|eot_id|>",
                 "<|begin_of_text|>", "<|endoftext|>", "<|", "|>"]
    parts = []
    pool = rng.choice(pools)
    for _ in range(rng.randrange(1, 40)):
        if rng.random() < 0.2:
            pool = rng.choice(pools)
        parts.append(rng.choice(fragments) if rng.random() < 0.25 else chr(rng.randrange(*pool)))
    return "".join(parts)


def write(path, value):
    with open(path, "w", encoding="ascii") as out:
        json.dump(value, out, ensure_ascii=True, separators=(",", ":"))
        out.write("\n")


def main():
    if len(sys.argv) == 5 and sys.argv[1] == "--random":
        rng = random.Random(int(os.environ.get("SEED", "1")))
        tokenizer = Tokenizer.from_file(sys.argv[3])
        write(sys.argv[4], goldens(tokenizer, [random_string(rng) for _ in range(int(sys.argv[2]))]))
        return
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    directory = sys.argv[1]
    os.makedirs(directory, exist_ok=True)
    kinds = {"gpt2-style": gpt2_style, "llama3-style": llama3_style}
    for name, make in tokenizer_kinds.KINDS.items():
        kinds[name + "-style"] = lambda make=make: make(corpus())
    random_goldens = {"description": tokenizer_strings.description(), "count": RANDOM_STRINGS, "kinds": {}}
    for name, make in kinds.items():
        path = os.path.join(directory, name)
        # The kinds kept are made once: training does not repeat itself exactly.
        if os.path.exists(path + ".json"):
            tokenizer = Tokenizer.from_file(path + ".json")
        else:
            tokenizer = make()
            write(path + ".json", json.loads(tokenizer.to_str()))
            tokenizer = Tokenizer.from_file(path + ".json")
        known = name in ("gpt2-style", "llama3-style")
        write(path + ".golden.json", goldens(tokenizer, STRINGS + (["a zyzzyva"] if known else KIND_STRINGS)))
        random_goldens["kinds"][name] = tokenizer_strings.checksums(
            tokenizer, random_goldens["description"], RANDOM_STRINGS)
    write(os.path.join(directory, "random.golden.json"), random_goldens)
    write(os.path.join(directory, "variants.golden.json"), variants())


if __name__ == "__main__":
    main()
