"""Makes of an artifact one of the next ABI: raise_version.py ARTIFACT

The tables of model.so begin with their size, the version and a magic number. What
the digests in the manifest have to be then, `plait verify` says.
"""

import os
import re
import struct
import sys

from seal import BINARY, MANIFEST, seal

path = os.path.join(sys.argv[1], "model.so")
with open(path, "rb") as f:
    data = f.read()
(at,) = [m.start() for m in re.finditer(re.escape(struct.pack("<I", 0x31544941)), data)]
(version,) = struct.unpack_from("<I", data, at - 4)
# A new file: the loader knows files by their inode.
os.remove(path)
with open(path, "wb") as f:
    f.write(data[: at - 4] + struct.pack("<I", version + 1) + data[at:])

seal(sys.argv[1], [BINARY, MANIFEST])
