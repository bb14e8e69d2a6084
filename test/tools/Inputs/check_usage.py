"""check_usage.py FOLDER ARTIFACT WORK: arguments that are wrong, for every command."""

import os
import sys

import expect

MODEL, ARTIFACT, WORK = sys.argv[1:4]
FILE = os.path.join(WORK, "file")
EMPTY = os.path.join(WORK, "empty")
os.makedirs(EMPTY, exist_ok=True)
with open(FILE, "w") as f:
    f.write("text")


def jsonl(text):
    """The path of a file with `text`."""
    path = os.path.join(WORK, f"{len(os.listdir(WORK))}.jsonl")
    with open(path, "w") as f:
        f.write(text)
    return path


RUN = ["plait", "run", ARTIFACT, "-p", "A"]
BENCH = ["plait", "bench", ARTIFACT, "-p", "4", "-n", "0", "-r", "1"]
PERPLEXITY = ["plait", "perplexity", ARTIFACT, "--text", FILE]
COMPILE = ["plait-compile", MODEL, "-o", os.path.join(WORK, "never.plait")]

# Command, what its message has to hold. The exit code is 2.
USAGE = [
    (["plait"], ["subcommand"]),
    (["plait", "walk"], ['found "walk"', "expected a subcommand"]),
    (["plait", "--nonsense"], ["--nonsense"]),
    (["plait", "run"], ["PATH"]),
    (RUN + ["--nonsense"], ["--nonsense", "plait run --help"]),
    (RUN + ["-n"], ["--max-tokens"]),
    (RUN + ["stray"], ["stray"]),
    (RUN + ["-n", "x"], ["--max-tokens", 'found "x"', "expected an integer"]),
    (RUN + ["-n", "-1"], ["--max-tokens", "expected an integer from 0"]),
    (RUN + ["-n", "1e3"], ["--max-tokens", "1e3"]),
    (RUN + ["-n", "99999999999999999999"], ["--max-tokens"]),
    (RUN + ["-n", "1", "-n", "2"], ["--max-tokens"]),
    (RUN + ["--temperature", "-1"], ["--temperature", 'found "-1"']),
    (RUN + ["--temperature", "nan"], ["--temperature", "finite"]),
    (RUN + ["--temperature", "inf"], ["--temperature", "finite"]),
    (RUN + ["--top-p", "0"], ["--top-p", "greater than 0"]),
    (RUN + ["--top-p", "1.5"], ["--top-p", "1.5"]),
    (RUN + ["--min-p", "2"], ["--min-p"]),
    (RUN + ["--top-k", "-3"], ["--top-k", "from 0"]),
    (RUN + ["--seed", "-1"], ["--seed", "18446744073709551615"]),
    (RUN + ["--repetition-penalty", "0"], ["--repetition-penalty", 'found "0"', "0.001 to 1000"]),
    (RUN + ["--presence-penalty", "2.5"], ["--presence-penalty", "from -2 to 2"]),
    (RUN + ["--frequency-penalty", "x"], ["--frequency-penalty", "from -2 to 2"]),
    (RUN + ["--logit-bias", "5"], ["--logit-bias", 'found "5"', "ID:VALUE"]),
    (RUN + ["--logit-bias", "x:1"], ["--logit-bias", 'found "x"', "an integer from 0"]),
    (RUN + ["--logit-bias", "5:"], ["--logit-bias", "from -100 to 100"]),
    (RUN + ["--logit-bias", "5:101"], ["--logit-bias", "101", "from -100 to 100"]),
    (RUN + ["--min-tokens", "-1"], ["--min-tokens", "from 0"]),
    (RUN + ["-n", "3", "--min-tokens", "4"], ["--min-tokens", 'found "4"', "expected at most 3"]),
    (RUN + ["--mesh", "pp=2"], ["--mesh", 'found "pp=2"', '"pp" is no axis', "such as dp=2,tp=2"]),
    (RUN + ["--mesh", "dp=2,dp=2"], ["--mesh", "the axis dp twice"]),
    (RUN + ["--mesh", "dp=0"], ["--mesh", "the size of dp is not from 1 to 64"]),
    (["plait", "run", MODEL, "-p", "A", "--tp", "2", "--machine", "nowhere.mlir"],
     ["--machine", '"nowhere.mlir"', "the path of a file with a par.machine"]),
    (COMPILE + ["--machine=" + FILE], ["--machine", "found it with one rank", "expected --tp=2 or more"]),
    (COMPILE + ["--shard=w=whole"], ["--shard", "found it with one rank", "expected --tp=2 or more"]),
    (COMPILE + ["--tp=2", "--machine=nowhere.mlir"], ["--machine", "nowhere.mlir"]),
    (RUN + ["--mesh", "dp=2", "--tp", "2"], ["--mesh", "found it with --tp", "as --tp N is --mesh tp=N"]),
    (RUN + ["--stop", ""], ["--stop", "found an empty one", "expected text"]),
    (RUN + ["--logprobs", "5"], ["--logprobs", "--output text", "--output json"]),
    (RUN + ["--output", "json", "--logprobs", "21"], ["--logprobs", "from 0 to 20"]),
    (RUN + ["--n", "0"], ["--n", "from 1 to 1024"]),
    (RUN + ["--decode", "jacobi", "--dump-logits", "l"], ["--dump-logits", "--decode", "plain decoding"]),
    (RUN + ["--decode", " "], ["--decode", 'found " "', "prompt_lookup(k=4)"]),
    (RUN + ["--n", "2", "--dump-logits", "l"], ["--dump-logits", "--n 2", "one completion"]),
    (RUN + ["--output", "xml"], ["--output", '"xml"', "text, ids or json"]),
    (RUN + ["--threads", "0"], ["--threads", "from 1"]),
    (RUN + ["--threads", "2000"], ["--threads"]),
    (RUN + ["--batch", "0"], ["--batch"]),
    (RUN + ["--chunk", "0"], ["--chunk"]),
    (RUN + ["--weights", "foo"], ["--weights", "random:SEED"]),
    (RUN + ["--weights", "random:x"], ["--weights", "random:SEED"]),
    (RUN + ["--dtype", "f16"], ["--dtype", "f16", "f32, bf16, int8 or int4"]),
    (RUN + ["--head-dtype", "stored"], ["--head-dtype", '"stored"', "auto, f32, bf16, int8 or int4"]),
    (RUN + ["--numerics", "exact"], ["--numerics", '"exact"', "row_invariant, tp_invariant or fast"]),
    (RUN + ["--overlap", "yes"], ["--overlap", '"yes"', "auto, on or off"]),
    (RUN + ["--kv-dtype", "fp8"], ["--kv-dtype", '"fp8"', "f32, bf16 or int8"]),
    (RUN + ["--token-ids", "1,x"], ["--token-ids", "commas between"]),
    (RUN + ["--token-ids", "1,,2"], ["--token-ids"]),
    (RUN + ["--token-ids", "-1"], ["--token-ids"]),
    (RUN + ["--token-ids", "4294967296"], ["--token-ids"]),
    (["plait", "run", ARTIFACT], ["found nothing on standard input"]),
    (["plait", "run", ARTIFACT, "--prompt-file", "/nonexistent"], ["/nonexistent"]),
    (["plait", "run", ARTIFACT, "--prompt-file", WORK], [WORK]),
    (["plait", "run", ARTIFACT, "--prompt-jsonl", "/nonexistent"], ["/nonexistent"]),
    (["plait", "run", ARTIFACT, "--prompt-jsonl", jsonl("")], ["--prompt-jsonl", "found no line with text"]),
    (["plait", "run", ARTIFACT, "--prompt-jsonl", jsonl('"a"\nb')], ["jsonl: the JSON of line 2: found", "expected"]),
    (["plait", "run", ARTIFACT, "--prompt-jsonl", jsonl('{"text": "a"}')], ["jsonl: the JSON of line 1: /prompt"]),
    (["plait", "run", ARTIFACT, "--prompt-jsonl", jsonl('{"prompt": 5}')], ["/prompt: found 5", "[1, 2, 3]"]),
    (["plait", "run", ARTIFACT, "--prompt-jsonl", jsonl("[]")], ["line 1: found", "expected a text"]),
    (["plait", "run", ARTIFACT, "--prompt-jsonl", jsonl("[1, -1]")], ["line 1: /1: found -1"]),
    (["plait", "run", ARTIFACT, "--prompt-jsonl", jsonl('"a"\n{"prompt": "a", "strategy": 5}')], ["line 2: /strategy: found 5"]),
    (["plait", "run", ARTIFACT, "--prompt-jsonl", jsonl('{"prompt": "a", "strategy": " "}')], ["line 1: /strategy: found", "the name of a strategy"]),
    (["plait", "bench"], ["PATH"]),
    (BENCH + ["-t", "x"], ["-t", '"x"']),
    (BENCH + ["-o", "xml"], ["-o", "md, csv, json or jsonl"]),
    (BENCH + ["--chunk", "0"], ["--chunk"]),
    (BENCH + ["-b", "0"], ["-b"]),
    (["plait", "bench", ARTIFACT, "-p", "4,,5"], ["-p"]),
    (["plait", "bench", ARTIFACT, "-r", "0"], ["-r"]),
    (["plait", "bench", ARTIFACT, "--oracle", "0.5"], ["--oracle", "--decode"]),
    (["plait", "bench", ARTIFACT, "--always"], ["--always", "--decode"]),
    (["plait", "bench", ARTIFACT, "--decode", "jacobi", "--oracle", "0.5,1.5"], ["--oracle", "1.5"]),
    (["plait", "bench", ARTIFACT, "--decode", "jacobi", "-d", "4"], ["-d", "--decode"]),
    (["plait", "bench", ARTIFACT, "--decode", "jacobi", "-p", "4,8"], ["-p", "4,8"]),
    (["plait", "inspect"], ["PATH"]),
    (["plait", "inspect", ARTIFACT, "--nonsense"], ["--nonsense"]),
    (["plait", "verify"], ["PATH"]),
    (["plait", "selftest", ARTIFACT, "again"], ["again"]),
    (["plait", "tokenize", ARTIFACT, "--decode", "1,x"], ['--decode: found "1,x"', "commas between"]),
    (["plait-compile"], ["plait-compile"]),
    (["plait-compile", MODEL], ["-o"]),
    (COMPILE + ["--nonsense"], ["--nonsense"]),
    (COMPILE + ["stray"], ["plait-compile"]),
    (COMPILE + ["--threads=x"], ["--threads", "x"]),
    (COMPILE + ["--weights=foo"], ["weights", "'foo'", "random:SEED"]),
    (COMPILE + ["--overlap=yes"], ["--overlap", "'yes'", "auto, on or off"]),
    (COMPILE + ["--overlap=on"], ["--overlap", "one rank", "--tp=2 or more"]),
    (COMPILE + ["--explain-overlap"], ["--explain-overlap", "one rank", "--tp=2 or more"]),
    (COMPILE + ["--numerics=exact"], ["--numerics", "'exact'", "row_invariant, tp_invariant or fast"]),
    (COMPILE + ["--numerics=tp_invariant", "--start-from=lower"], ["--numerics", "IR says its own"]),
    (COMPILE + ["--kv-dtype=fp8"], ["--kv-dtype", "'fp8'", "f32, bf16 or int8"]),
    (COMPILE + ["--weights=random:"], ["weights", "random:SEED"]),
    (COMPILE + ["--dtype=f16"], ["--dtype", "f32, bf16, int8 or int4"]),
    (COMPILE + ["--dtype=int4", "--group=48"], ["--group", "32, 64 or 128"]),
    (COMPILE + ["--dtype=int8", "--head-dtype=int4", "--group=0"], ["--group", "found 0", "32, 64 or 128"]),
    (COMPILE + ["--head-dtype=f16"], ["--head-dtype", "'f16'", "auto, f32, bf16, int8 or int4"]),
    (COMPILE + ["--group=32"], ["--group", "--dtype=int8"]),
    (COMPILE + ["--dtype=int8", "--zero-points"], ["--zero-points", "--dtype=int4"]),
    (["plait", "perplexity", ARTIFACT], ["--text"]),
    (["plait", "perplexity", "--text", FILE], ["PATH"]),
    (PERPLEXITY + ["--context", "1"], ["--context", 'found "1"', "expected an integer from 2"]),
    (PERPLEXITY + ["--output", "ids"], ["--output", 'found "ids"', "text or json"]),
    (PERPLEXITY + ["--threads", "0"], ["--threads", "from 1"]),
    (PERPLEXITY + ["--weights", "foo"], ["--weights", "foo"]),
    (COMPILE + ["--decode=nonsense(k=4)"], ["--decode", "'nonsense'", "prompt_lookup, "]),
    (COMPILE + ["--decode=jacobi(k=4)"], ["--decode", "jacobi", "'k'", "some of window"]),
    (COMPILE + ["--mesh=tp=two"], ["--mesh", 'found "tp=two"', "the size of tp is not from 1 to 64"]),
    (COMPILE + ["--mesh=dp=16,tp=8"], ["--mesh", "which is 128 ranks", "expected at most 64"]),
    (COMPILE + ["--mesh=tp=2", "--tp=2"], ["--mesh", "found it with --tp"]),
    (COMPILE + ["--target=cpu:arm"], ["target", "cpu:native"]),
    (COMPILE + ["--stop-after=foo"], ["--stop-after", "import, decode, parallel, lower, cpu"]),
    (COMPILE + ["--start-from=foo"], ["--start-from"]),
    (COMPILE + ["--start-from=lower", "--stop-after=import"], ["--stop-after"]),
    (COMPILE + ["--start-from=lower"], ["--folder"]),
    (["plait-compile", MODEL, "-o", FILE], [FILE, "not a Plait artifact"]),
    (["plait-compile", MODEL, "-o", WORK], [WORK, "not a Plait artifact"]),
]

# What depends on the machine rather than on the arguments: exit code 1, or 2 where
# the argument is not of the right kind.
PATHS = [
    (["plait", "run", "/nonexistent", "-p", "A"], ["/nonexistent", "found nothing there"]),
    (["plait", "run", FILE, "-p", "A"], [FILE, "found a file"]),
    (["plait", "run", EMPTY, "-p", "A"], [EMPTY, "manifest.json", "config.json"]),
    (RUN[:3] + ["--token-ids", "2048"], ["2048", "expected 0 to 2047"]),
    (RUN + ["--logit-bias", "2048:1"], ["logit bias", "found token id 2048", "expected 0 to 2047"]),
    (RUN + ["--logit-bias", "5:1", "--logit-bias", "5:2"], ["logit bias", "found token id 5 twice"]),
    (RUN + ["--weights", "random"], ["--weights", "compiled already"]),
    (RUN + ["--dtype", "bf16"], ["--dtype", "compiled already"]),
    (RUN + ["--head-dtype", "bf16"], ["--head-dtype", "compiled already"]),
    (RUN + ["--numerics", "tp_invariant"], ["--numerics", "compiled already"]),
    (RUN + ["--overlap", "on"], ["--overlap", "compiled already"]),
    (RUN + ["--kv-dtype", "bf16"], ["--kv-dtype", "compiled already"]),
    (RUN + ["--machine", FILE], ["--machine", "compiled already"]),
    (RUN + ["--shard", "w=whole"], ["--shard", "compiled already"]),
    (RUN + ["--dump-logits", os.path.join(WORK, "l")], ["--dump-logits", "--debug-logits"]),
    (RUN + ["--decode", "jacobi"], ["strategy", 'found "jacobi"', "plait-compile --decode jacobi"]),
    (["plait", "inspect", "/nonexistent"], ["/nonexistent"]),
    (["plait", "verify", "/nonexistent"], ["/nonexistent"]),
    (["plait", "verify", MODEL], ["manifest.json"]),
    (["plait", "verify", FILE], [FILE]),
    (["plait", "selftest", "/nonexistent"], ["/nonexistent"]),
    (["plait", "tokenize", "/nonexistent", "A"], ["/nonexistent"]),
    (["plait", "tokenize", EMPTY, "A"], ["tokenizer.json"]),
    (["plait", "tokenize", ARTIFACT, "--decode", "99999"], ["99999"]),
    (["plait-compile", "/nonexistent", "-o", "x"], ["/nonexistent", "found nothing there"]),
    (["plait-compile", FILE, "-o", "x"], [FILE, "folder"]),
    (["plait-compile", EMPTY, "-o", "x"], ["config.json"]),
    (["plait-compile", MODEL, "-o", "/proc/none/x.plait"], ["/proc/none"]),
]

right = 0
for code, table in ((2, USAGE), ((1, 2), PATHS)):
    for words, fragments in table:
        result = expect.run(words, cwd=WORK)
        texts = expect.problems(result, code, fragments)
        if result[1] and not result[1].isspace():
            texts.append("text on standard output")
        name = " ".join(words).replace(WORK, "WORK").replace(ARTIFACT, "ARTIFACT").replace(MODEL, "MODEL")
        right += expect.report(name, result, texts)
total = len(USAGE) + len(PATHS)
if os.path.exists(COMPILE[-1]):
    print("FAILED never.plait was written")
    right = 0
print(f"{right} of {total} right")
sys.exit(right != total)
