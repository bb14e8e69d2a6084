"""check_acceptance.py ARTIFACT [STRATEGY=LEAST ...]: how many tokens a round chooses, greedy, of
kjv-2m: more than the one that needs no draft, with drafts by the parts that were trained beside it, by
what it said before, and by itself without some layers; or of the strategies that are named, at least so many."""
import re
import subprocess
import sys

model = sys.argv[1]
PROMPTS = ["In the beginning", "And the LORD said unto Moses,", "Blessed is the man", "And it came to pass"]
LEAST = {"medusa": 1.3, "clover": 1.5, "mtp": 2.0, "ppd": 1.2, "token_recycling": 1.3, "swift": 1.4, "early_exit": 1.3}
if sys.argv[2:]:
    LEAST = {name: float(least) for name, least in (word.split("=") for word in sys.argv[2:])}

for call, least in LEAST.items():
    words = [word for prompt in PROMPTS for word in ("-p", prompt)]
    command = ["plait", "run", model, *words, "-n", "96", "--temperature", "0", "--output", "ids", "--decode", call, "--stats"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    counts = re.search(r"strategy .*: (\d+) rounds, (\d+) tokens drafted, (\d+) accepted", result.stderr)
    rounds, drafted, accepted = map(int, counts.groups())
    found = (rounds + accepted) / rounds
    assert found > least, f"{call}: {found:.2f} tokens a round, expected {least}"
    print(f"{call}: {found:.2f} tokens a round, {accepted} of {drafted} drafted ones accepted")
