"""read_only.py COMMAND...: runs it where no folder at all can be written to.

Needs a user namespace with a mount namespace in it (unshare(2)); where the system
allows none, the command just runs.
"""

import os
import subprocess
import sys

PROBE = ["unshare", "--user", "--map-root-user", "--mount", "true"]
LOCK = (
    "for at in $(cut -d' ' -f2 /proc/self/mounts | sort -u); do mount -o remount,bind,ro $at 2>/dev/null; done; "
    'if touch /tmp/written /dev/shm/written 2>/dev/null; then echo "read_only.py: /tmp can be written" >&2; exit 9; fi; '
    'exec "$@"'
)

try:
    namespaces = subprocess.run(PROBE, capture_output=True).returncode == 0
except FileNotFoundError:
    namespaces = False
command = sys.argv[1:]
if namespaces:
    command = PROBE[:-1] + ["sh", "-c", LOCK, "sh"] + command
os.execvp(command[0], command)
