"""Compares a compiled model with what transformers computed, and with reference.py.

  check_goldens.py FOLDER GOLDEN ARTIFACT [--tolerance T] [--logits-only]

All prompts of the golden file run as one batch, then each in a process of its own,
then prompts that no golden has against reference.py and FOLDER. "-" for FOLDER or
GOLDEN leaves out what needs it.
Logits may differ by T of the largest one. A token has to be the golden's wherever
the margin between the two best logits is more than what T allows.
"""

import argparse
import json

import numpy as np
import plait
from plait import reference

failures = []


def require(condition, text):
    if not condition:
        failures.append(text)


class Goldens:
    def __init__(self, path):
        tensors, metadata = reference.read_safetensors(path)
        self.new = int(metadata["new_tokens"])
        self.prompts = []
        for i in range(len(json.loads(metadata["prompt_lengths"]))):
            start = f"prompt.{i}."
            self.prompts.append({k[len(start) :]: v for k, v in tensors.items() if k.startswith(start)})


class Comparison:
    def __init__(self, name, args, new):
        self.name, self.args, self.new = name, args, new
        self.worst, self.worst_bf16, self.worst_logprob = 0.0, 0.0, 0.0
        self.tokens = self.left_out = self.prompts = 0

    def options(self):
        return ["-n", self.new, "--ignore-eos", "--temperature", "0", "-t", "1"]

    def logprobs(self, where, result, dump):
        """The model's own log probabilities belong to its logits."""
        logits = dump["logits"].astype(np.float64)[-len(result["tokens"]) :]
        peak = logits.max(axis=1)
        total = peak + np.log(np.exp(logits - peak[:, None]).sum(axis=1))
        for step, token in enumerate(result["tokens"]):
            e = abs(logits[step, token] - total[step] - result["logprobs"][step])
            self.worst_logprob = max(self.worst_logprob, e)
        require(self.worst_logprob <= 1e-4, f"{where}: logprobs differ by {self.worst_logprob:.1e}")

    def tokens_of(self, where, got, want, margins, largest):
        allowed = 2 * self.args.tolerance * largest
        for step, token in enumerate(want):
            if got[step] == token:
                self.tokens += 1
            elif margins[step] <= allowed:
                self.left_out += len(want) - step  # what follows has another context
                return
            else:
                return require(False, f"{where}: token {step}: found {got[step]}, expected {token}")

    def prompt(self, where, golden, result, dump):
        self.prompts += 1
        ids, tokens = golden["ids"].tolist(), golden["tokens"].tolist()
        require(dump["fed"][: len(ids)] == ids, f"{where}: other ids")
        require(len(result["tokens"]) == self.new, f"{where}: {len(result['tokens'])} tokens")
        require(result["finish_reason"] == "length", f"{where}: {result['finish_reason']}")
        self.logprobs(where, result, dump)
        n, k = len(ids), len(golden["logits"])
        prompt_logits = dump["logits"][n - k : n]
        e = plait.error(prompt_logits, golden["logits"])
        if "logits_f64" in golden:
            e = max(e, plait.error(prompt_logits, golden["logits_f64"]))
        if "logits_bf16" in golden:
            self.worst_bf16 = max(self.worst_bf16, plait.error(prompt_logits, golden["logits_bf16"]))
            require(self.worst_bf16 <= 2e-2, f"{where}: differs from bf16 by {self.worst_bf16:.1e}")
        if self.args.logits_only:
            self.worst = max(self.worst, e)
            return require(e <= self.args.tolerance, f"{where}: logits differ by {e:.1e}")
        if "final_logits" in golden and result["tokens"] == tokens:
            e = max(e, plait.error(dump["logits"][-1], golden["final_logits"]))
        self.worst = max(self.worst, e)
        require(e <= self.args.tolerance, f"{where}: logits differ by {e:.1e}")
        largest = float(np.abs(dump["logits"]).max())
        self.tokens_of(where, result["tokens"], tokens, golden["margins"].tolist(), largest)

    def fresh(self, model, ids, result, dump):
        """A prompt that no golden has, against reference.py."""
        self.prompts += 1
        where = f"fresh prompt of {len(ids)}"
        require(dump["fed"] == ids + result["tokens"][:-1], f"{where}: other ids")
        logits = model.logits(dump["fed"])
        e = plait.error(dump["logits"], logits)
        self.worst = max(self.worst, e)
        require(e <= self.args.tolerance, f"{where}: logits differ by {e:.1e}")
        if self.args.logits_only:
            return
        steps = logits[len(ids) - 1 :]
        best = np.sort(steps, axis=1)[:, -2:]
        margins = (best[:, 1] - best[:, 0]).tolist()
        self.tokens_of(where, result["tokens"], steps.argmax(axis=1).tolist(), margins, np.abs(logits).max())

    def report(self):
        text = f"{self.name}: {self.prompts} prompts, logits within {self.worst:.1e}"
        if self.worst_bf16:
            text += f" (bf16: {self.worst_bf16:.1e})"
        text += f", logprobs within {self.worst_logprob:.1e}"
        if not self.args.logits_only:
            text += f", {self.tokens} tokens equal, {self.left_out} positions left out"
        print(text)


def check_fresh(args, new):
    model = reference.load(args.folder)
    config = model.config
    vocabulary = config["vocab_size"]
    positions = config.get("max_position_embeddings") or config["n_positions"]
    random = np.random.RandomState(1611)
    # The last one over several pages, and up to the last position of a short context.
    lengths = [6, 51, min(positions, 200) - new]
    prompts = [random.randint(0, vocabulary, n).tolist() for n in lengths]
    comparison = Comparison("fresh", args, new)
    results, dumps, _ = plait.run_with_logits(args.artifact, prompts, *comparison.options())
    for ids, result, dump in zip(prompts, results, dumps):
        comparison.fresh(model, ids, result, dump)
    comparison.report()


def check_golden(args):
    golden = Goldens(args.golden)
    prompts = [p["ids"].tolist() for p in golden.prompts]

    batched = Comparison("batched", args, golden.new)
    results, dumps, _ = plait.run_with_logits(args.artifact, prompts, *batched.options())
    for i, (p, result, dump) in enumerate(zip(golden.prompts, results, dumps)):
        batched.prompt(f"batched prompt {i}", p, result, dump)
    batched.report()

    if not args.logits_only:
        solo = Comparison("solo", args, golden.new)
        for i, p in enumerate(golden.prompts):
            results, dumps, _ = plait.run_with_logits(args.artifact, [prompts[i]], *solo.options())
            solo.prompt(f"solo prompt {i}", p, results[0], dumps[0])
        solo.report()


def main():
    a = argparse.ArgumentParser()
    a.add_argument("folder")
    a.add_argument("golden")
    a.add_argument("artifact")
    a.add_argument("--tolerance", type=float, default=1e-5)
    a.add_argument("--logits-only", action="store_true")
    args = a.parse_args()
    if args.golden != "-":
        check_golden(args)
    if args.folder != "-" and not args.logits_only:
        check_fresh(args, 16)
    for failure in failures:
        print("FAILED", failure)
    raise SystemExit(1 if failures else 0)


main()
