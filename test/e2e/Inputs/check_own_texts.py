"""Strategies whose text is not that of plain decoding, compiled for one rank and for two: what they
give depends neither on the batch nor on the ranks; typical acceptance takes more drafts than draws
do, and at temperature 0 the same; momentum decoding repeats less."""
import re
import subprocess
import sys

PROMPTS = ["In the beginning", "And the LORD said unto Moses,", "Blessed is the man", "And it came to pass"]
TYPICAL = "medusa_typical(threshold=0.09)"


def run(artifact, decode, temperature, *words, count=96):
    prompts = [word for prompt in PROMPTS for word in ("-p", prompt)]
    command = ["plait", "run", artifact, *prompts, "-n", str(count), "--temperature", str(temperature), "--seed", "5",
               "--output", "ids", "--stats", "--decode", decode, *words]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, f"{command}: {result.stderr}"
    counts = re.search(r"strategy .*: (\d+) rounds, (\d+) tokens drafted, (\d+) accepted", result.stderr)
    rounds, _, accepted = map(int, counts.groups()) if counts else (1, 0, 0)
    return result.stdout, (rounds + accepted) / rounds


def repeats(output):
    """How many tokens end a run of 5 that the text has had before."""
    count = total = 0
    for line in output.splitlines():
        ids = [int(token) for token in re.findall(r"\d+", line)]
        seen = set()
        for end in range(5, len(ids) + 1):
            window = tuple(ids[end - 5:end])
            count += window in seen
            total += 1
            seen.add(window)
    return count, total


def main():
    one, two = sys.argv[1:3]
    plain, _ = run(one, "ar", 0)
    assert run(one, TYPICAL, 0)[0] == plain
    print("medusa_typical: greedy text as by plain decoding")
    runs = 0
    for decode in (TYPICAL, "medusa_typical(threshold=1.0)", "momentum"):
        for temperature in (0, 0.9):
            expected, _ = run(one, decode, temperature)
            for artifact, words in ((one, ("--batch", "1")), (one, ("--batch", "3", "--chunk", "2")), (two, ()), (two, ("--batch", "1"))):
                assert run(artifact, decode, temperature, *words)[0] == expected, f"{decode} at {temperature}, {artifact} {words}"
                runs += 1
    drawn, own = run(one, "medusa", 0.9)[1], run(one, TYPICAL, 0.9)[1]
    assert own > drawn, f"{own} and {drawn} tokens a round"
    print(f"medusa_typical accepts {own:.2f} tokens a round, medusa {drawn:.2f}")
    # What is drafted for after the last token counts for it, too.
    whole = [line.split(",") for line in run(one, TYPICAL, 0.9)[0].splitlines()]
    for count in range(20, 32):
        shorter = [line.split(",") for line in run(one, TYPICAL, 0.9, count=count)[0].splitlines()]
        assert shorter == [text[:count] for text in whole], f"{count} tokens: {shorter} instead of the first of {whole}"
    print("medusa_typical: a shorter text is the beginning of a longer one")
    text, _ = run(one, "momentum", 0)
    assert run(one, "momentum", 0.9)[0] == text != plain
    (found, total), (others, _) = repeats(text), repeats(plain)
    assert found < others, f"{found} repeats, {others} by plain decoding"
    print(f"momentum: {found} of {total} tokens repeat 4 before them, {others} by plain decoding")
    print(f"{runs} runs, equal in batches and on two ranks")


main()
