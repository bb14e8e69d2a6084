"""Runs a command, reads one byte of its output and interrupts it."""

import signal
import subprocess
import sys

p = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
assert len(p.stdout.read(1)) == 1
p.send_signal(signal.SIGINT)
out, err = p.communicate(timeout=60)
print(f"exit code {p.returncode}")
print(err.decode(), end="")
