"""Writes a llama checkpoint of a few thousand random weights: NAME VOCAB HIDDEN LAYERS HEADS KV SEED."""
import json
import pathlib
import struct
import sys

import numpy as np


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, value in tensors.items():
        value = np.ascontiguousarray(value, np.float32)
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [len(data), len(data) + value.nbytes]}
        data += value.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def read_safetensors(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    types = {"F32": np.float32, "F64": np.float64, "I32": np.int32, "I64": np.int64}
    found = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            found[name] = np.frombuffer(data[8 + size + begin:8 + size + end], types[entry["dtype"]]).reshape(entry["shape"])
    return found


def tensors_of(vocab, hidden, layers, heads, kv, seed):
    random = np.random.RandomState(seed)
    dim = hidden // heads

    def matrix(rows, columns, scale=1.0):
        return random.randn(rows, columns) * scale / np.sqrt(columns)

    tensors = {"model.embed_tokens.weight": random.randn(vocab, hidden), "model.norm.weight": np.ones(hidden),
               "lm_head.weight": matrix(vocab, hidden, 3)}
    for layer in range(layers):
        parts = {"self_attn.q_proj": (heads * dim, hidden), "self_attn.k_proj": (kv * dim, hidden),
                 "self_attn.v_proj": (kv * dim, hidden), "self_attn.o_proj": (hidden, heads * dim),
                 "mlp.gate_proj": (2 * hidden, hidden), "mlp.up_proj": (2 * hidden, hidden),
                 "mlp.down_proj": (hidden, 2 * hidden)}
        for name, shape in parts.items():
            tensors[f"model.layers.{layer}.{name}.weight"] = matrix(*shape)
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"model.layers.{layer}.{name}.weight"] = np.ones(hidden)
    return tensors


def write(folder, vocab, hidden, layers, heads, kv, seed, positions=128):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": vocab, "hidden_size": hidden,
              "intermediate_size": 2 * hidden, "num_hidden_layers": layers, "num_attention_heads": heads,
              "num_key_value_heads": kv, "max_position_embeddings": positions, "rms_norm_eps": 2.0**-16, "rope_theta": 10000.0,
              "hidden_act": "silu", "tie_word_embeddings": False, "torch_dtype": "float32", "eos_token_id": 1,
              "bos_token_id": 2}
    (folder / "config.json").write_text(json.dumps(config))
    tensors = tensors_of(vocab, hidden, layers, heads, kv, seed)
    write_safetensors(folder / "model.safetensors", tensors)
    return tensors


if __name__ == "__main__":
    write(sys.argv[1], *map(int, sys.argv[2:8]))
