"""Runs commands that must fail, and fail well.

As a program: expect.py CODE COMMAND... prints the command's standard error.
"""

import re
import subprocess
import sys
import time

CRASH = re.compile(
    r"stack dump|terminate called|assertion|please submit a bug|segmentation|bad_alloc|std::|"
    r"UNREACHABLE|LLVM ERROR|uncaught|json\.exception|Sanitizer",
    re.I,
)
SECONDS = 10


def run(words, stdin=b"", seconds=SECONDS, **options):
    """(exit code, standard output, standard error, seconds)"""
    begin = time.monotonic()
    try:
        done = subprocess.run(words, input=stdin, capture_output=True, timeout=6 * seconds, **options)
    except subprocess.TimeoutExpired:
        return "timeout", "", "", time.monotonic() - begin
    text = [t.decode("utf-8", "replace") for t in (done.stdout, done.stderr)]
    return done.returncode, *text, time.monotonic() - begin


def problems(result, code, fragments, lines=1):
    """What is wrong with how a command failed: `code` is one or a set, each of
    `fragments` has to be in its message, which has `lines` lines at most."""
    found, out, err, seconds = result
    codes = code if isinstance(code, (set, tuple)) else {code}
    said = [line for line in err.splitlines() if line.strip()]
    texts = []
    if found not in codes:
        texts.append(f"exit code {found}, expected {' or '.join(map(str, sorted(codes)))}")
    if seconds > SECONDS:
        texts.append(f"took {seconds:.1f} s")
    if CRASH.search(err):
        texts.append(f"crash text {CRASH.search(err).group()!r}")
    if not 1 <= len(said) <= lines:
        texts.append(f"{len(said)} lines of messages, expected {lines}")
    if max(map(len, said), default=0) > 2000:
        texts.append("a message of more than 2000 characters")
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", err):
        texts.append("control characters in the message")
    texts += [f"no {f!r} in the message" for f in fragments if f.lower() not in err.lower()]
    return texts


def report(name, result, texts):
    """Prints one line, and what was said if it was wrong; whether it was right."""
    print("ok" if not texts else "FAILED", name)
    for text in texts:
        print("    " + text)
    if texts:
        print("    " + result[2][:600].replace("\n", "\n    "))
    return not texts


if __name__ == "__main__":
    result = run(sys.argv[2:])
    texts = problems(result, int(sys.argv[1]), [], lines=1)
    print(result[2], end="")
    for text in texts:
        print("FAILED", text)
    sys.exit(1 if texts else 0)
