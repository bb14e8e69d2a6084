#!/usr/bin/env python3
"""Makes sampling.golden.json of the tiny models: what transformers generates greedily
with penalties, biases and a least number of tokens.

    python3 -m venv v; v/bin/pip install torch transformers safetensors numpy
    v/bin/python test/golden/make_sampling_goldens.py

Repetition penalty, logit bias (sequence_bias of one token) and min_new_tokens are
those of generate(). Presence and frequency penalties, which transformers does not
have, are a processor written here in double precision from the formula of the OpenAI
API: a generated token's logit loses presence + frequency * (how often it was
generated).

A file holds a list of runs:
  options    of plait run, without the two dashes (logit-bias: a list)
  ids        the prompt
  tokens     generated, without the end-of-text token
  reason     "stop" or "length"
  tops       for the first 8 tokens, the 5 most probable ones as [id, logprob],
             computed in double precision from the processed logits
  margin     the least margin between the two best processed logits of a step
Runs whose margin is too small to be told apart in f32 are left out.
"""

import json
import os

import numpy as np
import torch
import transformers
from transformers import AutoModelForCausalLM, LogitsProcessor

MODELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "models")
NEW, TOPS, TOP_STEPS = 40, 5, 8
MIN_MARGIN = 2e-3
PROMPTS, MOST_RUNS = 12, 3  # tried and kept, of each kind

# llama-tiny ends texts with 2, gpt2-tiny with 310.
KINDS = [
    {"repetition-penalty": 1.3},
    {"repetition-penalty": 0.8},
    {"presence-penalty": 1.5},
    {"frequency-penalty": 0.75},
    {"presence-penalty": -0.5, "frequency-penalty": 1.25},
    {"logit-bias": ["7:6", "11:-100", "30:2.5"]},
    {"min-tokens": 9, "logit-bias": ["EOS:12"]},
    {"min-tokens": 5, "logit-bias": ["EOS:3.5", "40:2"], "repetition-penalty": 1.2},
    {
        "repetition-penalty": 1.15,
        "presence-penalty": 0.5,
        "frequency-penalty": 0.25,
        "logit-bias": ["3:4", "5:-2.5", "EOS:4"],
        "min-tokens": 3,
    },
]


class GeneratedPenalties(LogitsProcessor):
    def __init__(self, prompt_length, presence, frequency):
        self.prompt_length, self.presence, self.frequency = prompt_length, presence, frequency

    def __call__(self, input_ids, scores):
        scores = scores.double()
        for token in input_ids[0, self.prompt_length :].tolist():
            scores[0, token] -= self.frequency
        for token in set(input_ids[0, self.prompt_length :].tolist()):
            scores[0, token] -= self.presence
        return scores


def biases(options):
    return {(int(t.split(":")[0]),): float(t.split(":")[1]) for t in options.get("logit-bias", [])}


@torch.no_grad()
def run(model, ids, options, eos):
    config = transformers.GenerationConfig(
        max_new_tokens=NEW,
        do_sample=False,
        pad_token_id=0,
        eos_token_id=eos,
        repetition_penalty=options.get("repetition-penalty"),
        sequence_bias=biases(options) or None,
        min_new_tokens=options.get("min-tokens"),
        output_scores=True,
        return_dict_in_generate=True,
    )
    model.generation_config = config
    x = torch.tensor([ids])
    penalties = GeneratedPenalties(
        len(ids), options.get("presence-penalty", 0), options.get("frequency-penalty", 0)
    )
    out = model.generate(x, attention_mask=torch.ones_like(x), logits_processor=[penalties])
    tokens = out.sequences[0, len(ids) :].tolist()
    tops, margin = [], np.inf
    for step, scores in enumerate(out.scores):
        values = scores[0].double().numpy()
        order = np.argsort(-values, kind="stable")[: TOPS + 1]
        logprobs = values - values.max() - np.log(np.exp(values - values.max()).sum())
        margin = min(margin, values[order[0]] - values[order[1]])
        assert order[0] == tokens[step]
        if step < TOP_STEPS:
            tops.append([[int(i), round(float(logprobs[i]), 7)] for i in order[:TOPS]])
            # The order of those below the best must be beyond doubt, too.
            margin = min(margin, np.diff(-values[order]).min())
    stopped = tokens[-1] == eos
    return {
        "options": options,
        "ids": ids,
        "tokens": tokens[:-1] if stopped else tokens,
        "reason": "stop" if stopped else "length",
        "tops": tops,
        "margin": round(float(margin), 6),
    }


def make(name):
    folder = os.path.join(MODELS, name)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    eos = model.config.eos_token_id
    random = np.random.RandomState(1611)
    lengths = [1, 3, 6, 10, 17, 25, 33, 40, 2, 5, 12, 20]
    prompts = [random.randint(0, model.config.vocab_size, n).tolist() for n in lengths[:PROMPTS]]
    plain = [run(model, ids, {}, eos)["tokens"] for ids in prompts]
    runs = []
    for kind in KINDS:
        options = dict(kind)
        if "logit-bias" in options:
            options["logit-bias"] = [t.replace("EOS", str(eos)) for t in options["logit-bias"]]
        kept = []
        for ids, unchanged in zip(prompts, plain):
            result = run(model, ids, options, eos)
            # Options that change nothing would show nothing.
            if result["margin"] >= MIN_MARGIN and result["tokens"] != unchanged:
                kept.append(result)
        assert len(kept) >= MOST_RUNS, (name, kind, len(kept))
        runs += kept[:MOST_RUNS]
    lines = ",\n".join(json.dumps(r, separators=(",", ":")) for r in runs)
    versions = f"torch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}"
    with open(os.path.join(folder, "sampling.golden.json"), "w") as f:
        f.write(f'{{"new_tokens":{NEW},"versions":"{versions}","runs":[\n{lines}\n]}}\n')
    reasons = [r["reason"] for r in runs]
    print(f"{name}: {len(runs)} runs, {reasons.count('stop')} stopped, least margin {min(r['margin'] for r in runs)}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for model_name in ("llama-tiny", "gpt2-tiny"):
        make(model_name)
