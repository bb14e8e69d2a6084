"""check_prompts.py ARTIFACT: prompts that nobody should send."""

import sys

import expect

ARTIFACT = sys.argv[1]
RUN = ["plait", "run", ARTIFACT, "-n", "1"]

# Name, input, exit codes, what the message holds.
PROMPTS = [
    ("nothing", b"", (2,), ["found nothing on standard input"]),
    ("a newline", b"\n", (2,), ["found nothing on standard input"]),
    ("a stray continuation byte", b"abc\x80", (1, 2), ["prompt", "UTF-8"]),
    ("an overlong slash", b"abc\xc0\xaf", (1, 2), ["prompt", "UTF-8"]),
    ("a surrogate", b"\xed\xa0\x80", (1, 2), ["prompt", "UTF-8"]),
    ("beyond Unicode", b"\xf4\x90\x80\x80", (1, 2), ["prompt", "UTF-8"]),
    ("cut off", b"a\xe4\xbd", (1, 2), ["prompt", "UTF-8"]),
    ("longer than the context", b"In the beginning. " * 1000, (1, 2), ["512"]),
    ("a million letters", b"a" * 1_000_000, (1, 2), ["512"]),
    ("a million spaces", b" " * 1_000_000, (1, 2), ["512"]),
    ("a million newlines", b"\n" * 1_000_000, (1, 2), ["512"]),
    ("a million digits", b"7" * 1_000_000, (1, 2), ["512"]),
    ("a million marks", "\u0301".encode() * 500_000, (1, 2), ["512"]),
    ("a million of nothing known", "\u4f60".encode() * 300_000, (1, 2), ["512"]),
]

right = True
for name, text, codes, fragments in PROMPTS:
    result = expect.run(RUN, text)
    right &= expect.report(name, result, expect.problems(result, codes, fragments))
# Odd, but text.
for name, text in (
    ("NUL", b"a\0b"),
    ("control characters", bytes(range(1, 32))),
    ("the name of a special token", b"<|end_of_text|>"),
    ("a byte order mark", "\ufeffIn the".encode()),
    ("right to left", "\u202eabc".encode()),
    ("emoji", "\U0001f469\u200d\U0001f680".encode()),
):
    result = expect.run(RUN, text)
    right &= expect.report(name, result, [] if result[0] == 0 and not result[2] else ["it failed"])
print("all right" if right else "FAILED")
sys.exit(not right)
