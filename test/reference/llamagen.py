"""LlamaGen (arXiv 2406.06525) in float64, written from docs/models/llamagen.md, and its fixtures.

One sequence at a time and no padding: a caption counts for as many tokens as it has. The published code computes
padded batches under a mask; `llamagen_published.py` shows that both are the same.

    python llamagen.py   writes ../fixtures/llamagen/{class,text}.{pt,json} and training.pt
"""

import math
from argparse import Namespace
from collections import OrderedDict

import torch
import torch.nn.functional as F

from fixtures import path, plain, write_cases
from named_weights import named_weight, uniform

torch.set_default_dtype(torch.float64)

# As in src/models/llamagen/config.ts. `hidden` is of the published rule with multiples of 32 instead of 256.
SHARED = {"width": 32, "layers": 2, "heads": 4, "hidden": 96, "vocabulary": 64, "grid": 4}
SHARED |= {"ropeTheta": 10_000, "rmsEpsilon": 1e-5}
CLASS = {**SHARED, "condition": {"kind": "class", "classes": 10}}
TEXT = {**SHARED, "condition": {"kind": "text", "features": 24, "length": 6}}


def shapes(config):
    """Names and shapes as the published model saves them, in its order."""
    d, f, v, condition = config["width"], config["hidden"], config["vocabulary"], config["condition"]
    result = OrderedDict()
    if condition["kind"] == "class":
        result["cls_embedding.embedding_table.weight"] = (condition["classes"] + 1, d)
    else:
        result["cls_embedding.uncond_embedding"] = (condition["length"], condition["features"])
        result["cls_embedding.cap_proj.fc1.weight"] = (d, condition["features"])
        result["cls_embedding.cap_proj.fc2.weight"] = (d, d)
    result["tok_embeddings.weight"] = (v, d)
    for layer in range(config["layers"]):
        block = {
            "attention.wqkv.weight": (3 * d, d),
            "attention.wo.weight": (d, d),
            "feed_forward.w1.weight": (f, d),
            "feed_forward.w3.weight": (f, d),
            "feed_forward.w2.weight": (d, f),
            "attention_norm.weight": (d,),
            "ffn_norm.weight": (d,),
        }
        result.update({f"layers.{layer}.{name}": shape for name, shape in block.items()})
    result["norm.weight"] = (d,)
    result["output.weight"] = (v, d)
    return result


TABLES = ("cls_embedding.embedding_table.weight", "cls_embedding.uncond_embedding", "tok_embeddings.weight")


def draw_weights(config):
    """Weights that bfloat16 holds exactly, so that a checkpoint of it loses nothing."""
    weights = {name: named_weight(name, shape, TABLES) for name, shape in shapes(config).items()}
    return OrderedDict((name, w.float().bfloat16().double().requires_grad_()) for name, w in weights.items())


def turns(config):
    """`[grid², D/2]`: what the pairs of a head are multiplied by: the first half turns by the row, the second by the column."""
    size = config["width"] // config["heads"]
    frequency = config["ropeTheta"] ** (-torch.arange(0, size // 2, 2) / (size // 2))
    place = torch.arange(config["grid"] ** 2)
    rows, columns = place // config["grid"], place % config["grid"]
    angle = torch.cat([torch.outer(rows, frequency), torch.outer(columns, frequency)], dim=1)
    return torch.polar(torch.ones_like(angle), angle)


def multipliers(config, condition_length, image_length):
    """`[S, D/2]`, complex: 0 for the condition, whose queries and keys thus vanish; then the turns of the places."""
    turned = turns(config)[:image_length]
    return torch.cat([torch.zeros(condition_length, turned.shape[1], dtype=turned.dtype), turned])


def by_pairs(x, factors):
    """Channels 2i and 2i + 1 of `[H, S, D]` are one complex number."""
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2).contiguous())
    return torch.view_as_real(pairs * factors).flatten(-2)


def condition_of(config, weights, sample, conditional):
    """`[C, d]`: what stands before the image tokens; without a condition, what takes its place in guidance."""
    if config["condition"]["kind"] == "class":
        label = sample["label"] if conditional else config["condition"]["classes"]
        return weights["cls_embedding.embedding_table.weight"][label : label + 1]
    features = torch.tensor(sample["features"])
    if not conditional:
        # The caption's places are kept, and they are the last ones.
        features = weights["cls_embedding.uncond_embedding"][-len(features) :]
    hidden = F.gelu(features @ weights["cls_embedding.cap_proj.fc1.weight"].T, approximate="tanh")
    return hidden @ weights["cls_embedding.cap_proj.fc2.weight"].T


def hidden_states(config, weights, sample, tokens, conditional=True, scores=None):
    """`[1 + len(tokens), d]`: normed states of the last condition token and of the tokens. `scores` collects layer by layer."""
    condition = condition_of(config, weights, sample, conditional)
    x = torch.cat([condition, weights["tok_embeddings.weight"][list(tokens)]])
    factors = multipliers(config, len(condition), len(tokens))
    (length, d), heads = x.shape, config["heads"]
    norm = lambda y, name: F.rms_norm(y, (d,), weights[f"{name}.weight"], config["rmsEpsilon"])
    by_head = lambda y: y.reshape(length, heads, d // heads).transpose(0, 1)
    later = torch.ones(length, length, dtype=torch.bool).triu(1)
    for layer in range(config["layers"]):
        matrix = lambda name: weights[f"layers.{layer}.{name}.weight"].T
        query, key, value = (by_head(y) for y in (norm(x, f"layers.{layer}.attention_norm") @ matrix("attention.wqkv")).chunk(3, -1))
        raw = by_pairs(query, factors) @ by_pairs(key, factors).transpose(1, 2) / math.sqrt(d // heads)
        if scores is not None:
            scores.append(raw)
        attended = raw.masked_fill(later, -math.inf).softmax(-1) @ value
        x = x + attended.transpose(0, 1).reshape(length, d) @ matrix("attention.wo")
        y = norm(x, f"layers.{layer}.ffn_norm")
        x = x + (F.silu(y @ matrix("feed_forward.w1")) * (y @ matrix("feed_forward.w3"))) @ matrix("feed_forward.w2")
    return norm(x, "norm")[len(condition) - 1 :]


def next_logits(config, weights, sample, tokens, conditional=True):
    """`[1 + len(tokens), V]`"""
    return hidden_states(config, weights, sample, tokens, conditional) @ weights["output.weight"].T


def guided_logits(config, weights, sample, tokens, scale):
    with_condition, without = (next_logits(config, weights, sample, tokens, c) for c in (True, False))
    return without + scale * (with_condition - without)


def log_probs(logits, tokens):
    return logits.log_softmax(-1).gather(1, torch.tensor(tokens).unsqueeze(1)).squeeze(1)


def greedy(config, weights, sample, scale):
    """The likeliest tokens under guidance, and how far the closest runner-up stayed behind."""
    tokens, margin = [], math.inf
    while len(tokens) < config["grid"] ** 2:
        (best, second), (token, _) = guided_logits(config, weights, sample, tokens, scale)[-1].topk(2)
        margin = min(margin, (best - second).item())
        tokens.append(token.item())
    return tokens, margin


def scored(config, weights, sample, scale):
    """A sample with its image tokens, and everything that can be said about it."""
    tokens = sample["tokens"]
    fed = tokens[:-1]
    with torch.no_grad():
        conditional, unconditional = (next_logits(config, weights, sample, fed, c) for c in (True, False))
        guided = guided_logits(config, weights, sample, fed, scale)
        chosen, margin = greedy(config, weights, sample, scale)
        return {
            **sample,
            "logProbs": log_probs(conditional, tokens),
            "unconditionalLogProbs": log_probs(unconditional, tokens),
            "guidedLogProbs": log_probs(guided, tokens),
            "firstLogits": {"conditional": conditional[0], "unconditional": unconditional[0]},
            "greedy": {"tokens": chosen, "smallestMargin": margin},
        }


def gradients(config, weights, samples):
    """Of the summed log-probs of all samples, the condition given: per parameter its norm and first four numbers."""
    total = sum(log_probs(next_logits(config, weights, s, s["tokens"][:-1]), s["tokens"]).sum() for s in samples)
    names = [name for name in weights if name != "cls_embedding.uncond_embedding"]  # a constant
    grads = torch.autograd.grad(total, [weights[name] for name in names])
    return {name: {"norm": g.norm(), "first": g.flatten()[:4]} for name, g in zip(names, grads)}


def class_samples():
    return [
        {"label": label, "tokens": [(7 * i + 3 * row) % 64 for i in range(16)]}
        for row, label in enumerate([3, 0, 9])
    ]


def text_samples():
    """Captions of 4, 6 and 1 tokens. float32 holds their features exactly."""
    return [
        {
            "features": uniform(f"features.{row}", (length, 24)).float().double().tolist(),
            "tokens": [(11 * i + 5 * row) % 64 for i in range(16)],
        }
        for row, length in enumerate([4, 6, 1])
    ]


def fixture(name, config, samples, scale):
    weights = draw_weights(config)
    scores = []
    with torch.no_grad():
        hidden = hidden_states(config, weights, samples[0], samples[0]["tokens"][:-1], scores=scores)
    value = {
        "config": config,
        "checkpoint": f"{name}.pt",
        "scale": scale,
        "weights": {n: {"shape": list(w.shape), "first": w.detach().flatten()[:3]} for n, w in weights.items()},
        "turns": {"cos": turns(config).real, "sin": turns(config).imag},
        "samples": [scored(config, weights, sample, scale) for sample in samples],
        "hidden": {"what": "normed states of sample 0 that predict its tokens", "values": hidden},
        "scores": {"what": "attention scores of sample 0 in layer 0, before the mask", "values": scores[0]},
        "gradients": gradients(config, weights, samples),
    }
    write_cases(f"llamagen/{name}.json", plain_detached(value))
    return state_dict({n: w.detach().bfloat16() for n, w in weights.items()})


def state_dict(weights):
    """As modules give it: with the versions of all modules, which PyTorch pickles as an attribute."""
    state = OrderedDict(weights)
    modules = {"".join(name.rsplit(".", depth)[:1]) for name in weights for depth in range(1, name.count(".") + 1)}
    state._metadata = OrderedDict((module, {"version": 1}) for module in ["", *sorted(modules)])
    return state


def training_checkpoint():
    """What a training script keeps: of the model a norm, and beside it a step of AdamW and the script's options."""
    model = torch.nn.Module()
    model.norm = torch.nn.RMSNorm(4, dtype=torch.float32)
    model.register_buffer("steps", torch.tensor(3))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95))
    model.norm.weight.grad = torch.ones(4, dtype=torch.float32)
    optimizer.step()
    options = Namespace(gpt_model="GPT-B", lr=1e-4, epochs=300, ema=False, cloud_save_path=None, scales=[1.0, 2])
    return {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "steps": 1, "args": options}


def plain_detached(value):
    if isinstance(value, torch.Tensor):
        return plain(value.detach())
    if isinstance(value, dict):
        return {key: plain_detached(item) for key, item in value.items()}
    return [plain_detached(item) for item in value] if isinstance(value, list) else value


def main():
    # The larger class-conditional checkpoints were saved by FSDP, which writes the state alone; the others by DDP.
    torch.save(fixture("class", CLASS, class_samples(), 2.0), path("llamagen/class.pt"))
    torch.save({"model": fixture("text", TEXT, text_samples(), 7.5), "steps": 1}, path("llamagen/text.pt"))
    torch.save(training_checkpoint(), path("llamagen/training.pt"))


if __name__ == "__main__":
    main()
