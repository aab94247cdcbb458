"""An independent float64 implementation of src/models/transformer, and its fixtures.

Written against the description of the model, not its code: one sequence at a time (no padding, no masks of our
own), PyTorch's own RMSNorm, attention and cross-entropy, rotary positions as complex multiplication.

    python transformer.py   writes ../fixtures/transformer{,-weights,-gradients}.*
"""

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from fixtures import path, write_json

torch.set_default_dtype(torch.float64)

CONFIG = {
    "textVocabulary": 11,
    "imageVocabulary": 13,
    "imageLength": 6,
    "width": 16,
    "layers": 2,
    "heads": 2,
    "hidden": 24,
    "endToken": 2,
    "specialTokens": 4,
    "ropeTheta": 10_000,
    "rmsEpsilon": 1e-6,
}


def draw_weights(seed=20250503):
    """Weights that float32 holds exactly, so that both sides compute with the same numbers.

    Larger than usual initial weights: attention is then far from uniform and an error in it far from hidden.
    """
    generator = torch.Generator().manual_seed(seed)
    d, f = CONFIG["width"], CONFIG["hidden"]

    def matrix(rows, columns, deviation):
        return deviation * torch.randn(rows, columns, generator=generator)

    def gain():
        return 1 + 0.3 * torch.randn(d, generator=generator)

    weights = {
        "embedding": matrix(CONFIG["textVocabulary"] + CONFIG["imageVocabulary"], d, 1.0),
        "imagePosition": matrix(CONFIG["imageLength"] + 1, d, 0.5),
    }
    for layer in range(CONFIG["layers"]):
        block = {
            "attentionNorm": gain(),
            "query": matrix(d, d, 0.4),
            "key": matrix(d, d, 0.4),
            "value": matrix(d, d, 0.3),
            "output": matrix(d, d, 0.3),
            "mlpNorm": gain(),
            "gate": matrix(d, f, 0.3),
            "up": matrix(d, f, 0.3),
            "down": matrix(f, d, 0.2),
        }
        weights.update({f"blocks.{layer}.{name}": value for name, value in block.items()})
    weights["finalNorm"] = gain()
    weights["textHead"] = matrix(d, CONFIG["textVocabulary"], 0.4)
    weights["imageHead"] = matrix(d, CONFIG["imageVocabulary"], 0.4)
    return {name: value.float().double().requires_grad_() for name, value in weights.items()}


def rotate(x):
    """Rotary positions: channels i and i + D/2 of `[H, T, D]` are one complex number, turned by p · theta^(-2i/D)."""
    _, length, size = x.shape
    frequency = CONFIG["ropeTheta"] ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    angle = torch.outer(torch.arange(length, dtype=torch.float64), frequency)
    turned = torch.complex(x[..., : size // 2], x[..., size // 2 :]) * torch.polar(torch.ones_like(angle), angle)
    return torch.cat([turned.real, turned.imag], dim=-1)


def sequence_logits(weights, context, completion, space):
    """`[T, V]`: what predicts each completion token, for one sequence."""
    image = space == "image"
    fed = completion[:-1]
    offset = CONFIG["textVocabulary"] if image else 0
    ids = list(context) + [offset + token for token in fed]
    # The position table says which image token comes next; its last row says "none".
    nothing = CONFIG["imageLength"]
    before = len(context) - 1
    positions = [nothing] * before + ([t if image else nothing for t in range(len(fed) + 1)])
    x = weights["embedding"][ids] + weights["imagePosition"][positions]  # [S, d]

    length, (d, heads) = len(ids), (CONFIG["width"], CONFIG["heads"])
    norm = lambda y, gain: F.rms_norm(y, (d,), gain, CONFIG["rmsEpsilon"])
    by_head = lambda y: y.reshape(length, heads, d // heads).transpose(0, 1)  # [H, S, D]
    for layer in range(CONFIG["layers"]):
        w = {name: weights[f"blocks.{layer}.{name}"] for name in BLOCK}
        y = norm(x, w["attentionNorm"])
        query, key, value = (by_head(y @ w[name]) for name in ("query", "key", "value"))
        attended = F.scaled_dot_product_attention(rotate(query), rotate(key), value, is_causal=True)
        x = x + attended.transpose(0, 1).reshape(length, d) @ w["output"]
        y = norm(x, w["mlpNorm"])
        x = x + (F.silu(y @ w["gate"]) * (y @ w["up"])) @ w["down"]
    head = weights["imageHead" if image else "textHead"]
    return norm(x[before:], weights["finalNorm"]) @ head


BLOCK = ["attentionNorm", "query", "key", "value", "output", "mlpNorm", "gate", "up", "down"]


def sequence_log_probs(weights, context, completion, space):
    """`[T]`: log-probabilities of the completion's tokens."""
    logits = sequence_logits(weights, context, completion, space)
    return -F.cross_entropy(logits, torch.tensor(completion), reduction="none")


# Contexts and completions of different lengths; a one-token context; completions down to one token.
LEVELS = {
    "text": {
        "contexts": [[1, 5, 9, 7, 3], [1], [1, 8, 4], [1, 10, 6, 6, 0, 5, 3]],
        "completions": [[4, 7, 2], [9, 9, 5, 0, 2], [2], [6, 3, 10, 2]],
    },
    "image": {
        "contexts": [[1, 5, 9, 7, 3, 4, 7, 2], [3], [1, 8, 4, 2], [1, 6, 3]],
        "completions": [[0, 12, 5, 5, 3, 8], [11, 1, 2, 3, 4, 10], [7, 7], [9, 0, 6, 12]],
    },
}


def main():
    weights = draw_weights()
    generator = torch.Generator().manual_seed(7)
    levels, loss = [], torch.zeros(())
    for space, level in LEVELS.items():
        rows = list(zip(level["contexts"], level["completions"]))
        logits = [sequence_logits(weights, *row, space) for row in rows]
        token_weights = [torch.rand(len(tokens), generator=generator) for _, tokens in rows]
        for row_logits, (_, tokens), row_weights in zip(logits, rows, token_weights):
            losses = F.cross_entropy(row_logits, torch.tensor(tokens), reduction="none")
            loss = loss + (row_weights * losses).sum()
        levels.append(
            {
                "space": space,
                **level,
                "tokenWeights": [w.tolist() for w in token_weights],
                "logits": [x.tolist() for x in logits],
            }
        )
    loss.backward()
    single = lambda tensors: {name: value.detach().float().contiguous() for name, value in tensors.items()}
    save_file(single(weights), path("transformer-weights.safetensors"), metadata={"source": "test/reference"})
    save_file(single({n: w.grad for n, w in weights.items()}), path("transformer-gradients.safetensors"))
    write_json("transformer.json", {"config": CONFIG, "loss": loss.item(), "levels": levels})


if __name__ == "__main__":
    main()
