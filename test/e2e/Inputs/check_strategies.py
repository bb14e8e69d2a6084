"""Compares what `plait run --decode` chooses with plain decoding, for each strategy of a compiled
model: ids of several prompts in one batch, greedy, drawn, and with penalties."""
import json
import pathlib
import subprocess
import sys
import tempfile

model = sys.argv[1]
PROMPTS = ["In the beginning God created the heaven and the earth. In the beginning",
           "And the LORD said", "a", "And he said unto them, Go, and he went. And he said unto"]
SETTINGS = {
    "greedy": ["--temperature", "0"],
    "drawn": ["--temperature", "0.9", "--seed", "7"],
    "warped": ["--temperature", "1.1", "--seed", "3", "--top-k", "40", "--top-p", "0.9", "--min-p", "0.01"],
    "penalties": ["--temperature", "0", "--repetition-penalty", "1.2", "--presence-penalty", "0.3"],
}


def run(options, prompts):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "prompts.jsonl"
        path.write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in prompts))
        command = ["plait", "run", model, "--prompt-jsonl", str(path), "-n", "48", "--output", "ids", *options]
        result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, f"{command}: {result.stderr}"
    return result.stdout.splitlines()


manifest = json.loads((pathlib.Path(model) / "manifest.json").read_text())
expected = {(name, count): run(options, PROMPTS[:count]) for name, options in SETTINGS.items() for count in (1, len(PROMPTS))}
for strategy in manifest["strategies"]:
    texts = 0
    for (name, count), wanted in expected.items():
        found = run([*SETTINGS[name], "--decode", strategy["call"]], PROMPTS[:count])
        assert found == wanted, f"{strategy['call']}, {name}, {count} prompts: {found} instead of {wanted}"
        texts += count
    print(f"{strategy['call']}: {texts} texts, equal")
