"""measure.py SECONDS MEBIBYTES COMMAND...: fails if the command takes more."""

import resource
import subprocess
import sys
import time

begin = time.monotonic()
code = subprocess.run(sys.argv[3:]).returncode
seconds = time.monotonic() - begin
mebibytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(f"{seconds:.1f} s, {mebibytes:.0f} MiB")
if seconds > float(sys.argv[1]) or mebibytes > float(sys.argv[2]):
    sys.exit(f"measure.py: expected at most {sys.argv[1]} s and {sys.argv[2]} MiB")
sys.exit(code)
