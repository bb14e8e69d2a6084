"""Runs a command, reads one byte of its output and closes the pipe."""

import subprocess
import sys

p = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
assert len(p.stdout.read(1)) == 1
p.stdout.close()
err = p.stderr.read().decode()
code = p.wait(60)
print(f"exit code {128 - code if code < 0 else code}")
print(err, end="")
