#!/usr/bin/env python3
"""Measures how fast models run on a GPU, beside what the GPU can do and, where PyTorch is there,
beside cuBLASLt, scaled_dot_product_attention and transformers.

    tools/dev.sh gpu                               # where the compiler is: makes build/gpu
    tools/dev.sh bench gpu [-o md|json] [--quick]  # where the GPU is; builds nothing

Everything is measured in one run on one GPU, ours and the peer's in turn, and medians of the rounds are
reported. Without PyTorch there are no ceilings and no peers, and the report says so. Models have the
shapes of Llama 3 and random weights.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

import shapes
from harness import ROOT, print_table, tool

GPU = os.path.join(ROOT, "build", "gpu")
LLAMA_3_8B = dict(
    shapes.LLAMA, hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32,
    num_key_value_heads=8, vocab_size=128256, rope_theta=500000.0)
MODELS = {"llama-3.2-1b": shapes.LLAMA_32_1B, "llama-3-8b": LLAMA_3_8B}
KEYS_AND_VALUES = "bf16"


def compile_models(folder):
    """Artifacts without packs, as weights are made where they run."""
    for name, config in MODELS.items():
        begin = time.monotonic()
        subprocess.run([tool("plait-compile"), shapes.write_folder(folder, name, config), "--target=cuda:sm_90a",
                        "--weights=random:0", "--dtype=bf16", f"--kv-dtype={KEYS_AND_VALUES}", "--no-selftest",
                        "--no-explain", "--progress=none", "-o", os.path.join(folder, name + ".plait")], check=True)
        print(f"{name}: compiled in {time.monotonic() - begin:.1f} s")


def ours(name, *words):
    """The records of plait bench, or why there are none."""
    words = [os.path.join(GPU, "bin", "plait"), "bench", os.path.join(GPU, "bench", name + ".plait"), "-o", "json",
             "-q", *words]
    process = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if process.returncode != 0:
        return process.stderr.strip()
    return json.loads(process.stdout)


class Peer:
    """What PyTorch measures on the same GPU."""

    def __init__(self):
        import torch
        if not torch.cuda.is_available():
            raise RuntimeError("PyTorch finds no GPU")
        self.torch = torch
        self.device = torch.device("cuda")

    def seconds(self, work, rounds=20):
        """The median of single calls, by events of the GPU."""
        torch = self.torch
        for _ in range(3):
            work()
        times = []
        for _ in range(rounds):
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            work()
            end.record()
            end.synchronize()
            times.append(begin.elapsed_time(end) / 1e3)
        return statistics.median(times)

    def read_bandwidth(self):
        """Bytes per second of adding up what is much larger than the cache."""
        data = self.torch.ones(1 << 30, dtype=self.torch.float32, device=self.device)
        return data.numel() * 4 / self.seconds(data.sum)

    def copy_bandwidth(self):
        data = self.torch.ones(1 << 29, dtype=self.torch.float32, device=self.device)
        target = self.torch.empty_like(data)
        return data.numel() * 8 / self.seconds(lambda: target.copy_(data))

    def product(self, tokens, rows, columns):
        """cuBLASLt's seconds of a product with a weight [rows, columns] of bf16."""
        torch = self.torch
        x = torch.randn(tokens, columns, dtype=torch.bfloat16, device=self.device)
        w = torch.randn(rows, columns, dtype=torch.bfloat16, device=self.device)
        return self.seconds(lambda: torch.nn.functional.linear(x, w))

    def attention(self, config, tokens):
        torch = self.torch
        heads, kv = config["num_attention_heads"], config["num_key_value_heads"]
        size = config["hidden_size"] // heads
        q, k, v = (torch.randn(1, n, tokens, size, dtype=torch.bfloat16, device=self.device) for n in (heads, kv, kv))
        return self.seconds(lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True,
                                                                                     enable_gqa=True))

    def model(self, config):
        """The same shape in transformers, with a static cache and a compiled step in CUDA graphs."""
        import transformers
        torch = self.torch
        own = transformers.LlamaConfig(**{key: value for key, value in config.items()
                                          if key not in ("architectures", "model_type", "torch_dtype")})
        with torch.device(self.device):
            torch.set_default_dtype(torch.bfloat16)
            model = transformers.LlamaForCausalLM(own).eval()
            torch.set_default_dtype(torch.float32)
        model.generation_config.eos_token_id = None
        model.generation_config.pad_token_id = 0
        return model

    def generate(self, model, batch, depth, count, compiled):
        """Tokens per second after a prompt of `depth`, all sequences together: of two lengths the difference."""
        torch = self.torch
        ids = torch.randint(0, 1000, (batch, depth), device=self.device)
        words = dict(do_sample=False, cache_implementation="static")
        if not compiled:
            words["disable_compile"] = True

        def run(tokens):
            torch.cuda.synchronize()
            begin = time.monotonic()
            model.generate(ids, max_new_tokens=tokens, min_new_tokens=tokens, **words)
            torch.cuda.synchronize()
            return time.monotonic() - begin

        run(count)  # compiles
        run(1)
        times = [run(count) - run(1) for _ in range(3)]
        return batch * (count - 1) / statistics.median(times)

    def prefill(self, model, tokens):
        torch = self.torch
        ids = torch.randint(0, 1000, (1, tokens), device=self.device)
        with torch.no_grad():
            return tokens / self.seconds(lambda: model(ids, logits_to_keep=1), rounds=5)


def attempt(what, work, notes):
    """A number, or None and a note of the reason."""
    try:
        return work()
    except Exception as error:  # a peer's troubles are not ours
        notes.append(f"{what}: not measured: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
        return None


def read_bytes(config, depth, batch):
    """What a step of generation must read: each weight once, and keys and values of `batch` sequences."""
    body, head = shapes.parameters(config)
    size = config["hidden_size"] // config["num_attention_heads"]
    state = 2 * config["num_hidden_layers"] * config["num_key_value_heads"] * size * 2
    return 2 * (body + head) + batch * depth * state


def measure(quick):
    notes, rows = [], []
    peer = attempt("peers and ceilings (PyTorch)", Peer, notes)
    result = {"gpu": subprocess.run(["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"],
                                    stdout=subprocess.PIPE, text=True).stdout.strip() if shutil.which("nvidia-smi")
              else "unknown", "notes": notes, "tests": rows}
    if peer:
        result["read_gbs"] = attempt("read bandwidth", lambda: peer.read_bandwidth() / 1e9, notes)
        result["copy_gbs"] = attempt("copy bandwidth", lambda: peer.copy_bandwidth() / 1e9, notes)
        config = LLAMA_3_8B
        hidden, inner = config["hidden_size"], config["intermediate_size"]
        result["gemm"] = []
        for name, m, k in [("qkv", hidden * 6 // 4, hidden), ("o", hidden, hidden), ("gate and up", 2 * inner, hidden),
                           ("down", hidden, inner)]:
            for tokens in (1, 32, 4096):
                seconds = attempt(f"cuBLASLt {name}", lambda: peer.product(tokens, m, k), notes)
                if seconds:
                    result["gemm"].append({"name": name, "tokens": tokens, "us": seconds * 1e6,
                                           "tflops": 2 * tokens * m * k / seconds / 1e12})
        result["attention_us"] = attempt("attention", lambda: peer.attention(config, 4096) * 1e6, notes)
    names = ["llama-3.2-1b"] if quick else list(MODELS)
    for name in names:
        config = MODELS[name]
        model = attempt(f"transformers {name}", lambda: peer.model(config), notes) if peer else None
        for batch, depth in [(1, 1024), (32, 1024)]:
            words = ["-p", "0", "-n", "64" if quick else "128", "-d", str(depth), "-b", str(batch), "-r", "3"]
            found = ours(name, *words)
            row = {"model": name, "test": f"generate, batch {batch}, context {depth}"}
            if isinstance(found, str):
                notes.append(f"{name}: {found}")
            else:
                row["ours"] = found[0]["avg_ts"]
                if result.get("read_gbs"):
                    row["of_bandwidth"] = read_bytes(config, depth, batch) * row["ours"] / batch / 1e9 / result["read_gbs"]
            for key, compiled in (("eager", False), ("compiled", True)):
                if model:
                    row[key] = attempt(f"transformers {name}, {key}",
                                       lambda: peer.generate(model, batch, depth, 64, compiled), notes)
            rows.append(row)
        found = ours(name, "-p", "4096", "-n", "0", "-r", "3", "--chunk", "4096")
        row = {"model": name, "test": "prompt of 4096"}
        if isinstance(found, str):
            notes.append(f"{name}: {found}")
        else:
            row["ours"] = found[0]["avg_ts"]
        if model:
            row["eager"] = attempt(f"transformers {name}, prompt", lambda: peer.prefill(model, 4096), notes)
        rows.append(row)
        trace = os.path.join(GPU, f"trace-{name}.json")
        found = ours(name, "-p", "0", "-n", "16", "-d", "1024", "-r", "1", "--profile", trace)
        if not isinstance(found, str):
            # Each launch is waited for, so that a step takes longer than it does.
            result[f"profile {name}"] = found[0]["profile"]["kernels"][:12]
        if model:
            del model
            peer.torch.cuda.empty_cache()
    return result


def text(value, unit=""):
    return "-" if value is None else f"{value:.3g}{unit}" if value < 100 else f"{value:.0f}{unit}"


def report(result):
    print(f"{result['gpu']}; read {text(result.get('read_gbs'), ' GB/s')}, copy {text(result.get('copy_gbs'), ' GB/s')}\n")
    print_table(["model", "test", "tokens/s", "of read bandwidth", "transformers", "compiled"],
                [[r["model"], r["test"], text(r.get("ours")),
                  text(None if r.get("of_bandwidth") is None else 100 * r["of_bandwidth"], "%"), text(r.get("eager")),
                  text(r.get("compiled"))] for r in result["tests"]], numbers={2, 3, 4, 5})
    if result.get("gemm"):
        print()
        print_table(["cuBLASLt, shape of llama-3-8b", "tokens", "us", "TFLOP/s"],
                    [[g["name"], g["tokens"], text(g["us"]), text(g["tflops"])] for g in result["gemm"]],
                    numbers={1, 2, 3})
    for note in result["notes"]:
        print(f"\n{note}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", choices=["md", "json"], default="md")
    parser.add_argument("--quick", action="store_true", help="the smaller model alone, fewer tokens")
    parser.add_argument("--compile", metavar="FOLDER", help="make the artifacts, and measure nothing")
    arguments = parser.parse_args()
    if arguments.compile:
        return compile_models(arguments.compile)
    if not os.path.exists(os.path.join(GPU, "bin", "plait")):
        sys.exit(f"bench gpu: found no {GPU}; expected what 'tools/dev.sh gpu' makes on a machine with the compiler")
    result = measure(arguments.quick)
    if arguments.output == "json":
        print(json.dumps(result, indent=2))
    else:
        report(result)


if __name__ == "__main__":
    main()
