"""flip_bits.py ARTIFACT WORK COUNT: flips one bit at a time of a copy of it.

`plait verify` must find each and name the file. Running the damaged model may
succeed or be refused; it must not crash or hang.
"""

import os
import random
import shutil
import sys

import expect

ARTIFACT, WORK, COUNT = sys.argv[1], sys.argv[2], int(sys.argv[3])
shutil.rmtree(WORK, ignore_errors=True)
shutil.copytree(ARTIFACT, WORK)
files = sorted(os.listdir(WORK))
random.seed(7)
found = survived = 0
for i in range(COUNT):
    file = files[i % len(files)]
    path = os.path.join(WORK, file)
    at, bit = random.randrange(os.path.getsize(path)), 1 << random.randrange(8)

    def flip():
        with open(path, "r+b") as f:
            f.seek(at)
            byte = f.read(1)[0]
            f.seek(at)
            f.write(bytes([byte ^ bit]))

    flip()
    verified = expect.run(["plait", "verify", "-q", WORK])
    texts = expect.problems(verified, 1, [file], lines=2)
    found += not texts
    if texts:
        expect.report(f"verify: bit {bit} of byte {at} of {file}", verified, texts)
    ran = expect.run(["plait", "run", WORK, "--token-ids", "5,6,7", "--output", "ids", "-n", "2"])
    texts = [] if ran[0] == 0 else expect.problems(ran, (1, 2), [])
    survived += not texts
    if texts:
        expect.report(f"run: bit {bit} of byte {at} of {file}", ran, texts)
    flip()
print(f"found {found} of {COUNT}, survived {survived} of {COUNT}")
