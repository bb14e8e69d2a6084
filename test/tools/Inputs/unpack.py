"""unpack.py ZIP FOLDER: checks every member's CRC and unpacks them, as any zip tool would."""

import sys
import zipfile

with zipfile.ZipFile(sys.argv[1]) as archive:
    bad = archive.testzip()
    if bad:
        sys.exit(f"unpack.py: found a wrong checksum of {bad}")
    for member in archive.infolist():
        if member.compress_type != zipfile.ZIP_STORED or member.date_time != (1980, 1, 1, 0, 0, 0):
            sys.exit(f"unpack.py: found {member}; expected a stored member of 1980")
    archive.extractall(sys.argv[2])
