"""check_draft_ranks.py MODELS WORK: a draft model on some ranks of its target.

Artifacts T-D.plait have a target of T ranks and a draft model of D, with the same bits for all. Texts and the
counts of what was drafted are compared with each other, and texts with plain decoding on one rank.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

models, work = sys.argv[1:3]
target, draft = (os.path.join(models, name) for name in ("kjv-2m", "kjv-draft"))
PROMPTS = ["In the beginning God created the heaven and the earth. In the beginning",
           "And the LORD said", "a", "And he said unto them, Go, and he went. And he said unto"]
SETTINGS = {
    "greedy": ["--temperature", "0"],
    "drawn": ["--temperature", "1.1", "--seed", "3", "--top-k", "40", "--top-p", "0.9", "--min-p", "0.01"],
}
path = pathlib.Path(work) / "prompts.jsonl"
path.write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in PROMPTS))


def compile_model(name, *words):
    artifact = os.path.join(work, f"{name}.plait")
    explain = [] if name == "4-3" else ["--no-explain"]
    subprocess.run(["plait-compile", target, "--no-selftest", "--numerics=tp_invariant", "-o", artifact, "--progress=none",
                    *explain, *words], check=True)
    return artifact


def run(artifact, setting, *words):
    """The results by prompt, and what was written beside them."""
    command = ["plait", "run", artifact, "--prompt-jsonl", str(path), "-n", "40", "--threads", "1", "--output", "json",
               "--stats", *SETTINGS[setting], *words]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, f"{command}: {result.stderr}"
    return sorted((json.loads(line) for line in result.stdout.splitlines()), key=lambda r: r["index"]), result.stderr


def tokens(results):
    return [result["tokens"] for result in results]


plain = {setting: tokens(run(compile_model("1"), setting)[0]) for setting in SETTINGS}
CASES = ((2, 1), (2, 2), (4, 1), (4, 2), (4, 3))
counts, sums, artifacts = {}, {}, {}
for ranks, drafting in ((2, 1), (2, 2), (4, 3)):
    # What is drafted must not depend on the clock, or the counts would.
    artifacts[f"{ranks}-{drafting}"] = compile_model(f"{ranks}-{drafting}", f"--tp={ranks}", f"--draft-tp={drafting}",
                                                     "--decode", f"spec(draft={draft},k=3,most=3)")
# Only the draft model's folder says on how many ranks it is.
for drafting in (1, 2):
    artifacts[f"4-{drafting}"] = os.path.join(work, f"4-{drafting}.plait")
    shutil.copytree(artifacts["4-3"], artifacts[f"4-{drafting}"], ignore=shutil.ignore_patterns("draft"))
    shutil.copytree(os.path.join(artifacts[f"2-{drafting}"], "draft"), os.path.join(artifacts[f"4-{drafting}"], "draft"))
for ranks, drafting in CASES:
    name = f"{ranks}-{drafting}"
    artifact = artifacts[name]
    for setting in SETTINGS:
        results, report = run(artifact, setting, "--decode", "spec")
        assert tokens(results) == plain[setting], f"{name}, {setting}: {tokens(results)} instead of {plain[setting]}"
        counts.setdefault(setting, {})[name] = [result["drafting"] for result in results]
    sums[name] = int(re.search(r"each asked for .*?(\d+) x all_(?:reduce|gather)", report).group(1))
    place = re.search(r"^draft +kjv-draft( on \d ranks)?: at most", report, re.M)
    assert place and place.group(1) == (f" on {drafting} ranks" if drafting > 1 else None), report
for setting, own in counts.items():
    assert all(count == own["2-1"] for count in own.values()), (setting, own)
accepted = sum(result["accepted"] for own in counts.values() for result in own["2-1"])
drafted = sum(result["drafted"] for own in counts.values() for result in own["2-1"])
print(f"{', '.join(counts['greedy'])}: {len(SETTINGS) * len(PROMPTS)} texts each, equal, {accepted} of {drafted} drafts "
      "accepted")
print("sums of the draft model:", ", ".join(f"{t}-{d}" for t, d in CASES if sums[f"{t}-{d}"] > sums[f"{t}-1"]))


def worker(artifact, rank):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[1:5] == [b"rank", artifact.encode(), b"--rank", str(rank).encode()]:
            return int(pid)
    return 0


# One of the two ranks that draft, of four, is stopped: the error names it. Most exchanges are those of drafts.
artifact = os.path.join(work, "4-2.plait")
process = subprocess.Popen(["plait", "run", artifact, "-p", "In the beginning", "-n", "400", "--ignore-eos", "--decode",
                            "spec", "--emulate-link", "latency=20ms", "--threads", "1"],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
while not worker(artifact, 1) and process.poll() is None:
    time.sleep(0.01)
time.sleep(1)
os.kill(worker(artifact, 1), signal.SIGSTOP)
out, err = process.communicate(timeout=60)
assert process.returncode == 1 and re.fullmatch(
    r"plait: error: (draft model: )?rank 1 has not reached .*: no sign of life for \d+ ms .*\n", err), (process.returncode, err)
assert not any(worker(artifact, rank) for rank in range(4))
print("a lost rank: named")
