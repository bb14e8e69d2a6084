"""What plait and plait-compile show of their progress, on a terminal and elsewhere.

  check_progress.py MODEL WORK
"""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios

MODEL, WORK = sys.argv[1:3]
BAR = re.compile(rb"\r\x1b\[K([^\r\x1b]+)")
failures = 0


def expect(what, good, found):
    global failures
    failures += not good
    if not good:
        print(f"FAILED {what}: {found!r}")


def environment(**more):
    env = {**os.environ, "TERM": "xterm", "PLAIT_CACHE_DIR": os.path.join(WORK, "cache"), **more}
    return {key: value for key, value in env.items() if value is not None}


def on_terminal(words, columns, interrupt=False, **more):
    """Everything that comes to a terminal of so many columns, and the exit code."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(words, stdin=slave, stdout=subprocess.DEVNULL, stderr=slave, env=environment(**more),
                               start_new_session=True)
    os.close(slave)
    text = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError: # the last one closed the terminal
            break
        if not piece:
            break
        text += piece
        if interrupt and BAR.search(text):
            os.killpg(process.pid, signal.SIGINT) # as a terminal does to all in front of it
            interrupt = False
    os.close(master)
    return text, process.wait()


def screen(text):
    """The lines that stay."""
    lines = text.decode().replace("\r\n", "\n").split("\n")
    return [re.split("\r\x1b\\[K", line)[-1] for line in lines]


def artifact(name):
    return os.path.join(WORK, name)


# Without the environment's word, which the tests set to silence all others.
COMPILE = ["plait-compile", MODEL, "--no-selftest", "-o"]
for columns in (100, 40, 20):
    text, code = on_terminal(COMPILE + [artifact("a.plait")], columns, PLAIT_PROGRESS=None)
    bars = BAR.findall(text)
    expect(f"{columns} columns", code == 0 and bars, (code, text))
    expect(f"{columns} columns: stages", all(re.match(rb"(reading|phase|generating|packing|checking)", b) for b in bars), bars)
    expect(f"{columns} columns: width", all(len(bar) < columns for bar in bars), bars)
    expect(f"{columns} columns: nothing stays", screen(text) == [""], text)

# Asked for otherwise, by option or by environment; the option counts.
for words, more in (([], {"PLAIT_PROGRESS": "none"}), (["--progress=none"], {"PLAIT_PROGRESS": "bar"}),
                    (["--progress=none"], {"PLAIT_PROGRESS": None})):
    text, code = on_terminal(COMPILE + [artifact("a.plait")] + words, 80, **more)
    expect(f"none {words} {more}", code == 0 and text == b"", text)
text, code = on_terminal(COMPILE + [artifact("a.plait")], 80, PLAIT_PROGRESS=None, TERM="dumb")
expect("a terminal that cannot erase", code == 0 and b"\x1b" not in text, text)

# Interrupted: nothing is left on the line, nor of the artifact.
text, code = on_terminal(COMPILE + [artifact("never.plait")], 80, interrupt=True, PLAIT_PROGRESS=None)
expect("interrupt", code == 130 and screen(text) == ["plait-compile: interrupted", ""], (code, text))
expect("interrupt: no artifact", not os.path.exists(artifact("never.plait")), os.listdir(WORK))

# Not a terminal: no escape codes, and a line only of what takes long.
for mode in (None, "auto", "plain"):
    result = subprocess.run(COMPILE + [artifact("a.plait")], env=environment(PLAIT_PROGRESS=mode), capture_output=True)
    lines = result.stderr.decode().splitlines()
    expect(f"pipe {mode}", result.returncode == 0 and b"\x1b" not in result.stderr and
           all(re.fullmatch(r"plait-compile: [a-z -]+: .*(\d s|so far|left|\d%|/s)", line) for line in lines), result.stderr)
result = subprocess.run(COMPILE + [artifact("a.plait"), "--progress=bar"], env=environment(), capture_output=True)
expect("bar in a pipe, as asked for", BAR.search(result.stderr), result.stderr)

# The compiler that plait starts shows its progress through; -q silences it.
RUN = ["plait", "run", MODEL, "--token-ids", "1", "-n", "1", "--output", "ids"]
text, code = on_terminal(RUN, 80, PLAIT_PROGRESS=None)
expect("through plait", code == 0 and BAR.search(text), (code, text))
expect("through plait: what stays", screen(text)[0].startswith("plait: compiling ") and
       all(re.match("model  |memory  |prefill  |decode  |$", line) for line in screen(text)[1:]), text)
for name, words in {"quiet": ["-q"], "none": ["--progress", "none", "-q"]}.items():
    cache = os.path.join(WORK, "cache-" + name)
    text, code = on_terminal(RUN + words, 80, PLAIT_PROGRESS=None, PLAIT_CACHE_DIR=cache)
    expect(name, code == 0 and text == b"", text)
text, code = on_terminal(RUN, 80, interrupt=True, PLAIT_PROGRESS=None, PLAIT_CACHE_DIR=os.path.join(WORK, "cache-never"))
expect("interrupt plait", code == 130 and screen(text)[-2:] == ["plait: interrupted", ""], (code, text))

for words, name in ((["plait", "--progress", "loud", "inspect", MODEL], "plait"),
                    (["plait", "inspect", MODEL, "--progress=loud"], "plait"),
                    (COMPILE + [artifact("b.plait"), "--progress=loud"], "plait-compile")):
    result = subprocess.run(words, env=environment(), capture_output=True)
    expect(str(words), result.returncode == 2 and result.stderr.decode() ==
           f'{name}: error: --progress: found "loud"; expected auto, bar, plain or none\n', result.stderr)

print("all right" if not failures else f"{failures} FAILED")
