#!/usr/bin/env python3
# Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes test/golden/chat_templates/*.golden.json: what jinja2, set up as
transformers sets it up, makes of chat templates and of small expressions.

Usage: make_chat_goldens.py OUTPUT_DIRECTORY
       make_chat_goldens.py --extra TEMPLATE_DIRECTORY OUTPUT_JSON

The second form renders other templates; what they write is not kept here. Needs
the Python packages `transformers` and `jinja2` (made with 5.23 and 3.1.6).
"""

import datetime
import json
import os
import sys
import time

import transformers.utils.chat_template_utils as chat_template_utils

os.environ["TZ"] = "UTC"
time.tzset()
NOW = 1753660800 + 49509  # 2025-07-28 13:45:09 UTC


class FixedTime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(NOW)


chat_template_utils.datetime = FixedTime

SPECIAL_TOKENS = {"bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>"}

TOOLS = [
    {"type": "function", "function": {
        "name": "get_weather", "description": "The weather of a place, in \"plain\" words.",
        "parameters": {"type": "object", "properties": {
            "city": {"type": "string", "description": "Its name"},
            "days": {"type": "integer", "description": "How far ahead", "default": 1},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
            "required": ["city"]},
        "return": {"type": "string", "description": "A sentence"}}},
    {"type": "function", "function": {
        "name": "add", "description": "Adds numbers.",
        "parameters": {"type": "object", "properties": {
            "values": {"type": "array", "items": {"type": "number"}, "description": "what to add"},
            "exact": {"type": ["boolean", "null"]}}, "required": ["values"]}}},
]


def message(role, content, **more):
    return {"role": role, "content": content, **more}


CALLS = [{"type": "function", "id": "abcdefghi", "function": {
    "name": "get_weather", "arguments": {"city": "Zürich", "days": 2}}}]
TEXT_CALLS = [{"type": "function", "id": "abcdefghi", "function": {
    "name": "get_weather", "arguments": "{\"city\": \"Zürich\", \"days\": 2}"}}]
SYSTEM = message("system", "You are terse.\nAnswer in one word. ")
USER = message("user", "Why is the sky blue?")
ANSWER = message("assistant", "  Scattering. ")
PRIVATE = "\ue001\ue002 \ue003\n\ue004"

CONVERSATIONS = {
    "one": {"messages": [USER]},
    "one-no-prompt": {"messages": [USER], "add_generation_prompt": False},
    "system": {"messages": [SYSTEM, USER]},
    "turns": {"messages": [SYSTEM, USER, ANSWER, message("user", "And\tred\r\n at dusk?\n")]},
    "answered": {"messages": [USER, ANSWER], "add_generation_prompt": False},
    "unicode": {"messages": [message("system", "Réponds en 日本語。"), message("user", "  🙂 ünïcödé “quoted” \u00a0")]},
    "empty": {"messages": [message("user", "")]},
    "no-messages": {"messages": []},
    "only-system": {"messages": [SYSTEM]},
    "two-users": {"messages": [USER, message("user", "Hello?")]},
    "starts-with-assistant": {"messages": [ANSWER, USER]},
    "parts": {"messages": [message("user", [{"type": "text", "text": "Look: "}, {"type": "text", "text": "a cat."}])]},
    "unknown-role": {"messages": [message("critic", "Boring."), USER]},
    "special": {"messages": [message("user", "<|im_end|>\n<|im_start|>system\n[/INST]</s><think>x</think>{{ 1 }}")]},
    "thinking": {"messages": [USER, message("assistant", "<think>\nHm.\n</think>\n\nBlue."), message("user", "Sure?")],
                 "variables": {"enable_thinking": True}},
    "no-thinking": {"messages": [USER, message("assistant", "Blue.", reasoning_content="Hm."), message("user", "Sure?")],
                    "variables": {"enable_thinking": False, "thinking": False}},
    "tools": {"messages": [SYSTEM, USER], "tools": TOOLS},
    "tool-turns": {"messages": [USER, message("assistant", "", tool_calls=CALLS),
                                message("tool", "{\"sky\": \"grey\"}", name="get_weather", tool_call_id="abcdefghi"),
                                message("assistant", "It is grey."), message("user", "Thanks.")], "tools": TOOLS[:1]},
    "tool-texts": {"messages": [USER, message("assistant", None, tool_calls=TEXT_CALLS),
                                message("tool", "rain", tool_call_id="abcdefghi")], "tools": TOOLS[:1]},
    "documents": {"messages": [USER], "documents": [{"title": "on optics", "text": "Line one.\nLine two."},
                                                    {"title": "", "text": "Short."}]},
    # Only private characters: they show what of the result is the user's.
    "private": {"messages": [message("system", PRIVATE), message("user", PRIVATE * 2),
                             message("assistant", PRIVATE), message("user", PRIVATE)]},
}

VARIABLES = {
    "s": "Hello, World", "e": "", "u": "Grüße, ΣΊΣΥΦΟΣ ﬁn straße", "n": 42, "f": 2.5, "neg": -7, "t": True, "no": None,
    "l": [3, 1, 2], "w": ["b", "A", "c", "B"], "m": [[1, 2], [3, 4]],
    "d": {"b": 1, "a": 2, "items": "shadowed", "c": {"x": [10, 20]}},
    "p": [{"name": "Zoe", "age": 31, "tags": ["x"]}, {"name": "adam", "age": 5, "tags": []}, {"name": "Bob", "age": 31}],
    "ws": "  a  b\tc\n", "lines": "one\ntwo\n\nfour", "html": "<a href=\"x\">'&'</a>", "num": " 0042 ", "fl": "1e3",
}

# Between "¦". Those whose result has an address are left out.
EXPRESSIONS = r"""
1 + 2 * 3 ¦ 2 ** 3 ** 2 ¦ -2 ** 2 ¦ 7 // 2 ¦ -7 // 2 ¦ 7 // -2 ¦ 7 % 3 ¦ -7 % 3 ¦ 7 % -3 ¦ 7 / 2 ¦ 6 / 2 ¦ 2 ** -1
2 ** 0 ¦ 0 ** 0 ¦ 7.5 // 2 ¦ -7.5 // 2 ¦ 7.5 % 2 ¦ -7.5 % 2 ¦ 1 / 0 ¦ 1 // 0 ¦ 1 % 0 ¦ 1.0 / 0 ¦ 0.1 + 0.2 ¦ 1e16
1e15 ¦ 123456789012345678 ¦ 1e-4 ¦ 1e-5 ¦ 1.5e300 * 1e10 ¦ 1.0 ¦ 100.0 ¦ 1e100 ¦ -0.0 ¦ 3.14159265358979 ¦ 5 - 3 - 1
10 - 2 * 3 ¦ (1 + 2) * 3 ¦ +5 ¦ -n ¦ - -n ¦ +s ¦ -s ¦ 1_000 ¦ 0x1F ¦ 0b101 ¦ 0o17 ¦ 1_0.5 ¦ 007 ¦ 1 < 2 < 3
1 < 3 < 2 ¦ 3 > 2 > 1 ¦ 1 == 1.0 ¦ 1 == true ¦ "a" == 'a' ¦ "a" < "b" ¦ "a" < 1 ¦ [1, 2] < [1, 3] ¦ [1] < (1,)
none == none ¦ 1 != 2 ¦ not 1 ¦ not none ¦ not not s ¦ 1 and 2 ¦ 0 and 2 ¦ 1 or 2 ¦ 0 or 2 ¦ 0 or none ¦ not 1 == 2
1 == 1 and 2 == 2 ¦ none < 1 ¦ true + true ¦ "a" ~ 1 ~ 2.0 ~ none ~ true ¦ 1 ~ 2 + 3 ¦ "a" + "b" ~ "c" ¦ "a" + 1
1 + "a" ¦ [1] + [2] ¦ (1,) + (2,) ¦ [1] + (2,) ¦ "ab" * 3 ¦ 3 * "ab" ¦ "ab" * -1 ¦ [1, 2] * 2 ¦ "a" * 2.0
"x" in "xyz" ¦ "xz" in "xyz" ¦ "" in "" ¦ 1 in [1, 2] ¦ 3 not in [1, 2] ¦ "a" in d ¦ "z" in d ¦ 1 in "1"
none in [none] ¦ 1 in none ¦ 1 in 5 ¦ [1] in d ¦ 1.0 in [1] ¦ "A" in w and "z" not in w ¦ 1 if true else 2
1 if false else 2 ¦ 1 if false ¦ (1 if false) is defined ¦ 1 if none else 2 if true else 3 ¦ "yes" if s else "no"
"yes" if e else "no" ¦ s[0] ¦ s[-1] ¦ s[100] ¦ s[1:3] ¦ s[:5] ¦ s[7:] ¦ s[::-1] ¦ s[::2] ¦ s[-5:] ¦ s[5:2] ¦ s[10:100]
s[-100:3] ¦ l[0] ¦ l[-1] ¦ l[9] ¦ l[1:] ¦ l[::-1] ¦ l[:-1] ¦ l[:2:1] ¦ l[::0] ¦ l["a"] ¦ l[true] ¦ l[1.0] ¦ d["a"]
d["zz"] ¦ d.a ¦ d.zz ¦ d.c.x[1] ¦ d.c.x.1 ¦ d["c"]["x"][0] ¦ d.zz.y ¦ d.items ¦ d.items() ¦ d["items"] ¦ d.keys()
d.values() ¦ d.get("a") ¦ d.get("q") ¦ d.get("q", 5) ¦ d.get() ¦ m[1][0] ¦ m[1:][0][1] ¦ n.x ¦ n[0] ¦ none.x ¦ none[0]
u[0] ¦ u[2] ¦ u[-1] ¦ u[2:5] ¦ s.x ¦ s.upper ¦ missing ¦ missing.x ¦ missing[0] ¦ missing() ¦ missing + 1
missing ~ "a" ¦ missing == missing2 ¦ missing == none ¦ missing < 1 ¦ missing in [1] ¦ 1 in missing
missing is defined ¦ missing is undefined ¦ missing or "x" ¦ not missing ¦ missing if missing else "none" ¦ [missing]
{"a": missing} ¦ (missing,) ¦ -missing ¦ s.missing ¦ s.missing.x ¦ d.missing.x ¦ missing|list ¦ missing|length
missing|upper ¦ missing|join ¦ missing|first ¦ missing|tojson ¦ missing|int ¦ missing|default("x")|e|default("x")
e|default("x", true) ¦ none|default("x") ¦ none|default("x", boolean=true) ¦ d.q|d(7) ¦ missing|default
missing.x|default("x") ¦ [] ¦ [1] ¦ [1, "a", 'b"', "it's", none, true, 1.5] ¦ (1,) ¦ () ¦ (1, 2) ¦ {}
{"a": 1, "b": [2]} ¦ {1: 2, none: 3, (1, 2): 4} ¦ [[], {}] ¦ {[1]: 2} ¦ {"a": 1}.a ¦ {"a": 1, "a": 2} ¦ [1, 2,]
{"a": 1,} ¦ ["\n\t\\", "\x00\x7f\u00e9\u200b", "😀"] ¦ "é" ¦ "\u00e9\t|" ¦ 'a' "b" ¦ "a\qb" ¦ "\101\x41\u0041" ¦ ["\r"]
"tab\there" ¦ range(3) ¦ range(3)|list ¦ range(1, 7, 2)|list ¦ range(5, 0, -2)|list ¦ range(0)|list ¦ range(3)[1]
range(10)[2:4] ¦ range(3)|length ¦ range(1000000) ¦ range(1, 2, 0) ¦ range("a") ¦ 2 in range(3) ¦ dict(a=1, b=2)
dict([["x", 1]]) ¦ dict({"a": 1}, b=2) ¦ namespace(a=1).a ¦ namespace(a=1) ¦ namespace(a=1).b ¦ namespace(a=1)["a"]
namespace(_x=1) ¦ s is string ¦ n is number ¦ n is integer ¦ f is float ¦ f is integer ¦ t is boolean ¦ t is number
t is integer ¦ no is none ¦ l is sequence ¦ d is mapping ¦ d is sequence ¦ s is sequence ¦ l is iterable
n is iterable ¦ s is iterable ¦ missing is iterable ¦ missing is sequence ¦ missing is string ¦ n is even ¦ n is odd
neg is odd ¦ f is even ¦ s is even ¦ n is divisibleby 7 ¦ n is divisibleby(5) ¦ n is eq 42 ¦ n is equalto 42
n is ne 1 ¦ n is lt 50 ¦ n is gt 50 ¦ n is ge 42 ¦ n is le 41 ¦ n is in [42] ¦ n is not in [42] ¦ n is sameas 42
none is sameas none ¦ "abc" is lower ¦ "ABC" is upper ¦ "Abc" is lower ¦ "" is upper ¦ true is true ¦ 1 is true
0 is false ¦ false is false ¦ s is defined and n is defined ¦ s is not defined ¦ range is callable ¦ s is callable
"upper" is filter ¦ "nope" is filter ¦ "even" is test ¦ s is nope ¦ n is none or true ¦ not n is none ¦ 1 is 1
s is string is defined ¦ d.items() is mapping ¦ (1,) is sequence ¦ range(2) is sequence ¦ d.keys() is sequence
d.keys() is iterable ¦ l|map("string") is iterable ¦ n is number if true else 1 ¦ s|upper ¦ s|lower ¦ s|title
s|capitalize ¦ u|upper ¦ u|lower ¦ u|title ¦ u|capitalize ¦ "o'neil-smith (jr) [x]"|title ¦ "ABC def"|capitalize
n|upper ¦ none|upper ¦ ws|trim ¦ "xxaxx"|trim("x") ¦ "xyaxy"|trim(chars="yx") ¦ s|replace("l", "L")
s|replace("l", "L", 1) ¦ n|replace(4, 5) ¦ "aaa"|replace("a", "b", 2) ¦ "abc"|replace("", "-") ¦ s|length ¦ u|length
l|length ¦ d|length ¦ n|length ¦ e|count ¦ "abc"|list|d|list ¦ l|first ¦ l|last ¦ s|first ¦ s|last ¦ []|first
[]|last|d|first ¦ l|join(", ") ¦ l|join ¦ w|join("-") ¦ p|join(", ", attribute="name") ¦ p|join(",", "age")
[none, 1, "a"]|join("|") ¦ "abc"|join("-")|d|join ¦ n|join ¦ l|sort ¦ l|sort(reverse=true) ¦ w|sort
w|sort(case_sensitive=true) ¦ p|sort(attribute="age")|map(attribute="name")|list
p|sort(attribute="age,name")|map(attribute="name")|list
p|sort(attribute="name", reverse=true)|map(attribute="name")|join(",") ¦ [1, "a"]|sort ¦ d|sort
[[2, 1], [1, 2]]|sort ¦ [none, none]|sort ¦ l|reverse|list ¦ s|reverse|d|reverse|list ¦ l|reverse ¦ l|unique|list
w|unique|list ¦ [1, 1.0, true, 2]|unique|list ¦ w|unique(true)|list
p|unique(attribute="age")|map(attribute="name")|list ¦ [[1], [1]]|unique|list ¦ l|min ¦ l|max ¦ w|min ¦ w|max ¦ []|min
p|max(attribute="age") ¦ l|sum ¦ p|sum(attribute="age") ¦ l|sum(start=10) ¦ ["a"]|sum ¦ m|sum(start=[]) ¦ []|sum
[1.5, 2]|sum ¦ l|map("string")|list ¦ w|map("upper")|list ¦ l|map("string") ¦ w|map("replace", "b", "x")|list
p|map(attribute="name")|list ¦ p|map(attribute="zz")|list ¦ p|map(attribute="zz", default="-")|list
p|map(attribute="tags.0")|list ¦ l|map|list ¦ l|map("nope")|list ¦ m|map("first")|list ¦ l|map("string")|length
l|map("string")|first ¦ l|select|list ¦ [0, 1, "", "a"]|select|list ¦ l|select("odd")|list ¦ l|reject("odd")|list
l|select("gt", 1)|list ¦ l|select("nope")|list ¦ p|selectattr("tags")|map(attribute="name")|list
p|selectattr("age", "eq", 31)|map(attribute="name")|list ¦ p|rejectattr("tags")|map(attribute="name")|list
p|selectattr("tags", "defined")|list|length ¦ p|selectattr("name", "in", ["Zoe"])|list|length ¦ p|selectattr|list
d|dictsort ¦ d|dictsort(by="value") ¦ {"b": 1, "A": 2}|dictsort ¦ {"b": 1, "A": 2}|dictsort(true)
{"b": 1, "A": 2}|dictsort(reverse=true)|list ¦ {"b": 2, "A": 1}|dictsort(by="value") ¦ {"b": 1}|dictsort(by="x")
l|dictsort ¦ d|items|list ¦ {"a": 1}|items|list ¦ missing|items|list ¦ l|items ¦ l|batch(2)|list ¦ l|batch(2, 0)|list
l|slice(2)|list ¦ range(7)|slice(3)|list ¦ range(7)|slice(3, "x")|list ¦ p|groupby("age")|map("first")|list
p|groupby("age")|length ¦ (p|groupby("age"))[0].list|length ¦ (p|groupby("age"))[1].grouper
p|groupby("name")|map(attribute="grouper")|list ¦ (p|groupby("age"))[0][0] ¦ n|string ¦ n|string|length ¦ f|string
none|string ¦ l|string ¦ "12"|int ¦ num|int ¦ "x"|int ¦ "x"|int(5) ¦ "0x1A"|int(base=16) ¦ "0x1A"|int(0, 16)
"1_000"|int ¦ "12.7"|int ¦ 12.7|int ¦ -12.7|int ¦ none|int ¦ true|int ¦ "-5"|int ¦ "+5"|int ¦ "- 5"|int
"ff"|int(0, 16) ¦ "1e3"|int|e|int ¦ [1]|int ¦ fl|float ¦ "x"|float ¦ "x"|float(1.5) ¦ n|float ¦ none|float
" 1.5 "|float ¦ "inf"|float ¦ "nan"|float ¦ "-inf"|float ¦ "1_0.5"|float ¦ "0x1"|float ¦ neg|abs ¦ (-2.5)|abs ¦ s|abs
2.5|round ¦ 3.5|round ¦ 2.567|round(2) ¦ 2.567|round(1, "floor") ¦ 2.561|round(2, "ceil") ¦ n|round ¦ n|round(2)
-2.5|round ¦ 1.005|round(2) ¦ 2.5|round(method="ceil") ¦ 2.5|round(0, "nope") ¦ n|round(1, "floor") ¦ s|round
1e22|round ¦ html|escape ¦ html|e ¦ html|safe ¦ html|e|e ¦ (html|e) ~ "<" ¦ (html|e) + "<" ¦ (html|e) is escaped
(html|e) ~ "<" ¦ (html|e) + "<" ¦ (html|e) is escaped ¦ (html|safe) + "<b>" ¦ "<" + (html|safe) ¦ html|forceescape
html|e|length ¦ (html|e) ~ "<" ¦ (html|e) + "<" ¦ (html|e) is escaped ¦ html is escaped ¦ html|safe|upper
lines|indent ¦ lines|indent(2) ¦ lines|indent(2, true) ¦ lines|indent(2, first=true, blank=true)
lines|indent("> ")|e|indent ¦ "a\n"|indent ¦ lines|indent(width=1, blank=true) ¦ s|wordcount ¦ "a b"|center(7)
s|truncate(9) ¦ s|truncate(8) ¦ "hello big world"|truncate(10) ¦ "hello big world"|truncate(10, true)
"hello big world"|truncate(10, false, "…", 0) ¦ s|truncate(2) ¦ "a b/c?ü"|urlencode ¦ {"a b": "c&d", "e": 1}|urlencode
n|urlencode ¦ "%s is %d"|format("x", 3) ¦ "%(a)s"|format(a=1) ¦ "%05.1f|%x|%5s|%-5s|"|format(2.25, 255, "a", "b")
"%s"|format ¦ "%d"|format("x") ¦ "%s %s"|format(1) ¦ "%%"|format ¦ "%r"|format("a") ¦ "%+d % d"|format(3, 3)
"%e"|format(12345.678) ¦ "%g"|format(0.00001) ¦ "%c"|format("x") ¦ "%s" % "a" ¦ "%s %s" % (1, 2) ¦ "%s" % [1]
"%d%%" % 5 ¦ "%s" % (1, 2) ¦ "%(k)s" % {"k": "v"} ¦ "{} {}".format(1, "a") ¦ "{1} {0}".format(1, 2)
"{a}".format(a=none) ¦ "{0.a}".format(d) ¦ "{0[a]}".format(d) ¦ "{:>5}|{:<5}|{:^5}|".format(1, "a", "b")
"{:05d}".format(42) ¦ "{:.2f}".format(2.345) ¦ "{:,}".format(1234567) ¦ "{:x}".format(255) ¦ "{!r}".format("a")
"{{}}".format() ¦ "{}".format() ¦ "{:d}".format("x") ¦ "{:+}".format(5) ¦ "{:%}".format(0.5) ¦ "{:s}".format("abc")
"{:.2}".format("abc") ¦ "{:*^7}".format("a") ¦ "{".format() ¦ d|tojson ¦ l|tojson ¦ s|tojson ¦ u|tojson ¦ none|tojson
true|tojson ¦ f|tojson ¦ 1e20|tojson ¦ "inf"|float|tojson ¦ html|tojson|d|tojson(indent=2) ¦ p|tojson(indent=4)
[]|tojson(indent=2) ¦ {}|tojson(indent=2) ¦ [[]]|tojson(indent=1) ¦ {"b": 1, "a": 2}|tojson(sort_keys=true)
{1: 2, none: 3, true: 4, 1.5: 5}|tojson ¦ {(1, 2): 3}|tojson ¦ (1, 2)|tojson ¦ "\n\t\r\f\b\\\"/\u0001\u007f"|tojson
"é😀"|tojson(ensure_ascii=true) ¦ [1, 2]|tojson(separators=(",", ":")) ¦ {"a": 1}|tojson(separators=(",", ":"))
range(2)|tojson ¦ d.items()|tojson ¦ range|tojson ¦ d|tojson(2) ¦ "a b c".split() ¦ " a  b ".split()
"a,b,,c".split(",") ¦ "a,b,c".split(",", 1) ¦ "a,b,c".rsplit(",", 1) ¦ "abc".split("") ¦ "".split() ¦ "".split(",")
" a b c ".split(none, 1) ¦ " a b c ".rsplit(none, 1) ¦ "a--b--c".split("--") ¦ "a b".split(sep=" ")
"a\nb\r\nc\x0bd".splitlines() ¦ "a\nb\n".splitlines(true) ¦ ws.strip() ¦ ws.lstrip() ¦ ws.rstrip()
"xxaxx".strip("x") ¦ "xyaxy".lstrip("yx") ¦ "abc".startswith("ab") ¦ "abc".startswith(("x", "a"))
"abc".startswith("b", 1) ¦ "abc".endswith("bc") ¦ "abc".endswith(("c",)) ¦ "abc".startswith(1)
"abc".startswith(["a"]) ¦ "abc".upper() ¦ u.lower() ¦ u.upper() ¦ u.title() ¦ "they're bill's".title()
"aBC".capitalize() ¦ "aBc".swapcase() ¦ "abcabc".find("c") ¦ "abc".find("z") ¦ "abcabc".rfind("b") ¦ "abc".index("z")
"abc".index("c") ¦ "abcabc".count("bc") ¦ "aaa".count("aa") ¦ "abc".count("") ¦ "üxü".find("x")
"abcabc".find("b", 2) ¦ "abcabc".find("b", 2, 4) ¦ "-".join(w) ¦ "-".join([1]) ¦ "".join([]) ¦ "abc".replace("b", "x")
"aaa".replace("a", "b", 2) ¦ "abc".replace("", "-") ¦ "abc".replace("b") ¦ "123".isdigit() ¦ "12a".isdigit()
"²".isdigit() ¦ "abc".isalpha() ¦ "".isalpha() ¦ "ab1".isalnum() ¦ " \t".isspace() ¦ "ABC".isupper() ¦ "abc".islower()
"Abc Def".istitle() ¦ "½".isnumeric() ¦ "12".isdecimal() ¦ "abc".partition("b") ¦ "abc".partition("z")
"abcb".rpartition("b") ¦ "abc".rpartition("z") ¦ "abc".removeprefix("a") ¦ "abc".removesuffix("c") ¦ "5".zfill(3)
"-5".zfill(4) ¦ "a".ljust(3) ~ "|" ¦ "a".rjust(3, "*") ¦ "ab".center(5, "-") ¦ "a".center(4, "-") ¦ "abc".nope()
"abc".upper(1) ¦ l.append(4) ¦ l.index(1) ¦ l.count(3) ¦ l.index(9) ¦ l.pop() ¦ d.update({})
d.pop("a") ¦ d.copy() ¦ d.a.b ¦ "a".__class__ ¦ "a".__class__.x ¦ l.__len__() ¦ d.__class__ ¦ [1, 2].copy()
(1, 2, 1).count(1) ¦ raise_exception("no") ¦ strftime_now("%Y-%m-%d") ¦ strftime_now("%d %b %Y %H:%M")
strftime_now("") ¦ s|nope ¦ nope(1) ¦ s() ¦ "a"() ¦ 1() ¦ [1, 2 ¦ 1 + ¦ ) ¦ {"a"} ¦ 1 2 ¦ s. ¦ s ¦ ( ¦ a b ¦ "abc
'a" + 1 ¦ $ ¦ 1 is ¦ s[ ¦ s[1:2:3:4] ¦ if ¦ not ¦ in ¦ 1 =2 ¦ cycler("a") ¦ joiner(", ") ¦ loop
loop.index ¦ caller() ¦ varargs ¦ true.x ¦ d["a" ¦ "a" "b" ¦ d.get(key="a") ¦ range(stop=3)
s.split(",")[1].strip() ¦ (l|length) > 2 and s is string ¦ l|length > 2 ¦ s|length + 1 ¦ -1|abs ¦ (-1)|abs
1 + 2|string ¦ [1, 2]|first + 1 ¦ not l|first == 3 ¦ l|map("abs")|sum ¦ d.c.x|join(",") ¦ [l, w]|map("first")|list
p|map(attribute="name")|map("upper")|join(" ") ¦ p|selectattr("age", "gt", 10)|first ¦ {"x": [1, {"y": (1, 2)}]}
{"k": "it's"} ¦ ["\"", "'", "'\""] ¦ 1.0|string ¦ 1e400 ¦ 1.5e3 ¦ {"a": 1}|string ¦ u|list|first ¦ "ΑΣ"|lower
"ΑΣΑ"|lower ¦ "Σ"|lower ¦ "ǆ"|upper ¦ "ǆ"|title ¦ "ŉ"|upper ¦ "ı"|upper ¦ "İ"|lower ¦ "ß"|title ¦ "ﬃ"|capitalize
9223372036854775807 ¦ [1, [2, [3]]]|string ¦ l == [3, 1, 2] ¦ d == d ¦ {"a": 1} == {"a": 1.0} ¦ (1, 2) == [1, 2]
"a" is in "abc" ¦ "%s" % none ¦ "%s" % missing ¦ "%5.2f" % 3.14159 ¦ "%i" % 3.9 ¦ "%03d" % -5 ¦ "%x" % 255
""".strip("\n")

# Whole templates: statements and whitespace.
PROGRAMS = [
    "{% for i in l %}{{ i }}{% endfor %}", "{% for i in l %}{{ loop.index }}/{{ loop.length }} {% endfor %}",
    "{% for i in l %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }};{% endfor %}",
    "{% for i in l %}{{ loop.previtem }}<{{ i }}<{{ loop.nextitem }};{% endfor %}",
    "{% for i in [] %}x{% else %}none{% endfor %}", "{% for i in l if i > 1 %}{{ i }}{{ loop.last }}{{ loop.length }};{% endfor %}",
    "{% for i in l if i > 9 %}x{% else %}none{% endfor %}", "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k in d %}{{ k }}{% endfor %}", "{% for a, b in m %}{{ a + b }},{% endfor %}", "{% for a, b in l %}{% endfor %}",
    "{% for i in n %}{% endfor %}", "{% for i in missing %}x{% endfor %}", "{% for i in none %}x{% endfor %}",
    "{% for c in s %}{{ c }}.{% endfor %}", "{% for i in l %}{% if i == 1 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    "{% for i in l %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}", "{% break %}",
    "{% for i in [1, 2, 3] %}{% with y = i %}{% if y == 2 %}{% break %}{% endif %}{{ y }}{% endwith %}{% endfor %}",
    "{% for i in [1, 2, 3] %}{% set y %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endset %}{{ y }}{% endfor %}",
    "{% for i in [1, 2, 3] %}{% filter upper %}{% if i == 2 %}{% continue %}{% endif %}a{{ i }}{% endfilter %}{% endfor %}",
    "{% for i in l %}{{ loop.cycle('a', 'b') }}{% endfor %}", "{% for i in [1, 1, 2] %}{{ loop.changed(i) }}{% endfor %}",
    "{% for i in l %}{% for j in l %}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}", "{% for i in l %}{{ loop }}{% endfor %}",
    "{% for i in l %}{{ loop.nope }}{% endfor %}",
    "{% set x = 1 %}{% for i in l %}{% set x = i %}{% endfor %}{{ x }}", "{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}",
    "{% for i in l %}{{ x is defined }}{% set x = i %}{% endfor %}", "{% set x = 0 %}{% for i in l %}{{ x }}{% set x = x + i %}{{ x }}{% endfor %}",
    "{% set ns = namespace(x=0) %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}", "{% set q.x = 1 %}", "{% set s.x = 1 %}",
    "{% set ns = namespace() %}{% set ns.a = 1 %}{{ ns.a }}{{ ns.b }}", "{% set ns = namespace() %}{% set ns._a = 1 %}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a, b = [1] %}", "{% set (a, b) = (1, 2) %}{{ b }}", "{% set x %}a{{ 1 }}b{% endset %}{{ x }}|{{ x|length }}",
    "{% set x | upper | replace('A', 'z') %}abc{% endset %}{{ x }}", "{% set x = y = 1 %}", "{% set 1 = 2 %}", "{% set true = 2 %}",
    "{% if false %}a{% elif 1 %}b{% else %}c{% endif %}", "{% if e %}a{% elif missing %}b{% else %}c{% endif %}", "{% if %}a{% endif %}",
    "{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a }}", "{% set a = 5 %}{% with a = 1, b = a %}{{ b }}{% endwith %}", "{% with %}{% set z = 1 %}{{ z }}{% endwith %}{{ z }}",
    "{% macro f(a, b=2) %}{{ a }}-{{ b }};{% endmacro %}{{ f(1) }}{{ f(1, 3) }}{{ f(b=4, a=5) }}{{ f() }}", "{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}",
    "{% macro f(a) %}{% endmacro %}{{ f(z=2) }}", "{% macro f() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, x=3) }}", "{% macro f(a, a2=a) %}{{ a2 }}{% endmacro %}{{ f(7) }}",
    "{% macro f() %}{{ caller() }}!{% endmacro %}{% call f() %}hi{% endcall %}", "{% macro f() %}{{ caller(1) }}{{ caller(2) }}{% endmacro %}{% call(x) f() %}<{{ x }}>{% endcall %}",
    "{% macro f() %}x{% endmacro %}{% call f() %}hi{% endcall %}", "{% macro f() %}{{ caller() }}{% endmacro %}{{ f() }}", "{% call 1 %}{% endcall %}",
    "{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(4) }}", "{% set x = 1 %}{% macro f() %}{{ x }}{% endmacro %}{% set x = 2 %}{{ f() }}",
    "{% macro f() %}{% set x = 9 %}{% endmacro %}{% set x = 1 %}{{ f() }}{{ x }}", "{% macro f() %}{% endmacro %}{{ f }}{{ f.name }}", "{{ f() }}{% macro f() %}x{% endmacro %}",
    "{% for i in l %}{% macro f() %}{{ i }}{% endmacro %}{{ f() }}{% endfor %}", "{% macro f(x) %}[{{ x|upper }}]{% endmacro %}{{ f('a') | length }}{{ f('a') ~ f('b') }}",
    "{% filter upper %}abc{{ s }}{% endfilter %}", "{% filter replace('a', 'b') | upper %}aa{% endfilter %}", "{% filter nope %}x{% endfilter %}",
    "{% raw %}{{ x }}{% if %}{% endraw %}", "a\n{% raw %}\n b {% endraw %}\nc", "{%- raw -%}  x  {%- endraw -%}  y", "{% raw %}x", "{# comment #}a{#- b -#} c", "a {#- x #}\nb", "{# x",
    "a\n  {% if true %}\n  b\n  {% endif %}\nc", "a\n  {%- if true -%}\n  b\n  {%- endif -%}\nc", "a\n  {%+ if true +%}\n  b\n  {%+ endif %}\nc", "  {{ 1 }}\n  {{- 2 -}}  \n 3",
    "a\n  {# c #}\nb", "a  {% if true %}b{% endif %}\n\n\nc\n\n", "x\n\t{% set a = 1 %}  \ny", "\n{% if true %}\n\nx\n{% endif %}\n", "a\r\nb\r{{ 'x\r\ny' }}\n", "{% if true %}a{% endif %} \n b",
    "line\n", "line\n\n", "", "\n", "{{ '{{' }}{{ '%}' }}{{ \"}}\" }}", "{{ {'a': {'b': 1}} }}", "{{{'a': 1}}}", "{{ {'a': 1}['a'] }}", "{{-1}}{{ - 1 }}{{+1}}", "{ { x } } {x} {", "}} %} #}",
    "{% generation %}a{{ 1 }}{% set x = 1 %}{% endgeneration %}{{ x }}", "{% for i in l %}{% generation %}{{ i }}{{ loop.last }}{% endgeneration %}{% endfor %}",
    "{% print s %}", "{% nope %}", "{% endif %}", "{% if true %}", "{% if true %}{% endfor %}", "{% for i in l %}", "{% for in l %}{% endfor %}", "{% macro %}{% endmacro %}",
    "{{ 1", "{% set x = 1", "{{ }}", "{{ 1 }", "{% %}", "{{ ) }}", "{{ (] }}", "{% set x = [1, 2] %}{% set y = x + [3] %}{{ x }}{{ y }}", "{% do l.append(1) %}",
    "{% set x = [] %}{{ x.append(1) }}", "{% for i in range(3) %}{{ i }}{% if not loop.last %},{% endif %}{% endfor %}", "{% for x in p %}{{ x.name }}{{ x['age'] }}{{ x.tags | length }};{% endfor %}",
    "{% set c = l | map('string') %}{{ c | list }}{{ c | list }}", "{% for i in l | map('string') %}{{ i }}{{ loop.last }}{% endfor %}", "{% for i in l | reverse %}{{ i }}{% endfor %}",
    "{% for k, v in d | dictsort %}{{ k }}{{ v }};{% endfor %}", "{% for g in p | groupby('age') %}{{ g.grouper }}:{{ g.list | map(attribute='name') | join(',') }};{% endfor %}",
    "{% for a, b in p | groupby('age') %}{{ a }}{{ b | length }};{% endfor %}", "{% for row in range(5) | batch(2, '-') %}{{ row | join }};{% endfor %}", "{%if true%}x{%endif%}", "{%-if true-%} x {%-endif-%}",
    "{% if true -%}\n  x\n{%- endif %}", "{{ 'a' -}}\n  b", "a  {{- ' b' }}", "{% set x = 'a' 'b' %}{{ x }}", "{% if not (1 == 2) and s is not none %}ok{% endif %}", "{% for i in [1, 2] + [3] %}{{ i }}{% endfor %}",
    "{% for i in (1, 2) %}{{ i }}{% endfor %}", "{% for i in 1, 2 %}{{ i }}{% endfor %}", "{{ 1, 2 }}", "{% set x = 1, 2 %}{{ x }}", "{% set x = 1 if false %}{{ x is defined }}{{ x }}",
    "{% set m2 = l[1:] %}{{ m2 }}{{ l }}", "{% set s = s ~ '!' %}{{ s }}", "{% if l is defined and l %}{% set l = l[1:] %}{% endif %}{{ l }}", "{{ raise_exception('Roles must alternate') }}", "{% if false %}{{ raise_exception('x') }}{% endif %}ok",
    "{% set ns = namespace(f=false) %}{% for i in l if not ns.f %}{{ i }}{% set ns.f = true %}{% endfor %}", "{% set ns = namespace(a=[]) %}{% for i in l %}{% set ns.a = ns.a + [i * 2] %}{% endfor %}{{ ns.a | tojson }}",
    "{% macro a(x) %}{{ b(x) }}{% endmacro %}{% macro b(x) %}<{{ x }}>{% endmacro %}{{ a(1) }}", "{% macro f(x, y) %}{{ x is defined }}{{ y is defined }}{% endmacro %}{{ f(1) }}", "{{ f(*[1, 2]) }}", "{% macro f(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ f(*[1, 2]) }}{{ f(**{'a': 3, 'b': 4}) }}",
    "{% include 'x' %}", "{% extends 'x' %}", "{% import 'x' as y %}", "{% from 'x' import y %}", "{% for i in range(200000) %}{% endfor %}", "{{ range(3) | map('string') | join }}", "{{ loop is defined }}",
    "{% set x = caller %}{{ x is defined }}",
]


def render(source, variables):
    """The text, or None for any error."""
    try:
        chat_template_utils._compile_jinja_template.cache_clear()
        return chat_template_utils._compile_jinja_template(source).render(**variables)
    except Exception:
        return None


def render_chat(source, conversation):
    try:
        chat_template_utils._compile_jinja_template.cache_clear()
        return chat_template_utils.render_jinja_template(
            conversations=[json.loads(json.dumps(conversation["messages"]))], tools=conversation.get("tools"),
            documents=conversation.get("documents"), chat_template=source,
            add_generation_prompt=conversation.get("add_generation_prompt", True),
            **conversation.get("variables", {}), **SPECIAL_TOKENS)[0][0]
    except Exception:
        return None


def write(path, value):
    with open(path, "w") as file:
        json.dump(value, file, ensure_ascii=False, indent=0)
        file.write("\n")


def render_all(folder):
    results = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".jinja"):
            with open(os.path.join(folder, name), newline="") as file:
                source = file.read()
            results[name] = {key: render_chat(source, value) for key, value in CONVERSATIONS.items()}
    return results


def main():
    if sys.argv[1] == "--extra":
        write(sys.argv[3], {"now": NOW, "special_tokens": SPECIAL_TOKENS, "conversations": CONVERSATIONS,
                            "renderings": render_all(sys.argv[2])})
        return
    folder = sys.argv[1]
    write(os.path.join(folder, "conversations.golden.json"),
          {"now": NOW, "special_tokens": SPECIAL_TOKENS, "conversations": CONVERSATIONS, "renderings": render_all(folder)})
    sources = ["{{ " + expression + " }}" for line in EXPRESSIONS.split("\n")
               for expression in line.split(" ¦ ")] + PROGRAMS
    cases = []
    for source in dict.fromkeys(sources):
        text = render(source, json.loads(json.dumps(VARIABLES)))
        if text is None or " at 0x" not in text and "<class" not in text:
            cases.append([source, text])
    write(os.path.join(folder, "expressions.golden.json"), {"now": NOW, "variables": VARIABLES, "cases": cases})


main()
