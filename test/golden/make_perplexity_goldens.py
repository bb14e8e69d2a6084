#!/usr/bin/env python3
"""Says how well Hugging Face transformers' own kjv-2m predicts texts/held-out.txt.

Writes texts/perplexity.json: for each length of windows the perplexity of the model in
f32 (weights as stored, in bf16) and of the number of tokens that are scored. A window is
<|begin_of_text|> and the next tokens of the text, all of which are scored; windows do not
overlap, and the last is shorter.

texts/held-out.txt is six of the chapters that the model was not trained on, and
texts/calibration.txt eight of those that it was (models/kjv-2m.recipe/prepare_data.sh
makes all). Needs torch and transformers.
"""

import json
import os

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
MODEL = os.path.join(HERE, "..", "models", "kjv-2m")
torch.set_num_threads(1)


def main():
    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32, attn_implementation="eager").eval()
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    with open(os.path.join(HERE, "texts", "held-out.txt"), encoding="utf-8") as f:
        ids = tokenizer(f.read(), add_special_tokens=False)["input_ids"]
    result = {"tokens": len(ids), "perplexity": {}}
    for context in (64, 256, 512):
        losses = []
        for begin in range(0, len(ids), context - 1):
            window = torch.tensor([[model.config.bos_token_id] + ids[begin : begin + context - 1]])
            with torch.no_grad():
                logits = model(window).logits[0].double()
            losses.append(torch.nn.functional.cross_entropy(logits[:-1], window[0, 1:], reduction="none"))
        result["perplexity"][str(context)] = torch.cat(losses).mean().exp().item()
    with open(os.path.join(HERE, "texts", "perplexity.json"), "w", encoding="utf-8") as f:
        json.dump(result, f, indent=2)
        f.write("\n")


if __name__ == "__main__":
    main()
