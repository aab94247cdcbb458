"""The demo's base model in float64: what it samples for 20 prompts, the log-probs of that, and their gradients.

The model is that of transformer.py, which is written independently of src/models/transformer; the weights are those of
examples/emoji/base. Prompts and random numbers come from ../fixtures/demo/cases.json, which demo-cases.ts writes.

    python demo_policy.py   writes ../fixtures/demo/{policy.json,gradients.safetensors}
"""

import json

import torch
from safetensors.torch import load_file, save_file

import transformer
from fixtures import SOURCE, path, read_json
from transformer import sequence_logits

BASE = path("demo").parent.parent.parent / "examples" / "emoji" / "base" / "model.safetensors"
# Rows whose log-probs are differentiated, and how many entries of each gradient are kept.
DIFFERENTIATED, KEPT = 4, 300


def draw(logits, uniform):
    """Inverse CDF in the order of the vocabulary; and how far the number is from drawing another token."""
    cumulative = torch.cumsum(torch.softmax(logits, -1), 0)
    token = int((cumulative <= uniform).sum().clamp(max=len(logits) - 1))
    ends = []
    if token > 0:
        ends.append(uniform - cumulative[token - 1].item())
    if token < len(logits) - 1:
        ends.append(cumulative[token].item() - uniform)
    return token, min(ends)


def sample(weights, context, space, uniforms, temperature, end=None):
    tokens, margins = [], []
    for uniform in uniforms:
        # The last token of a completion is not fed, so any will do.
        logits = sequence_logits(weights, context, [*tokens, 0], space)[-1] / temperature
        token, margin = draw(logits, uniform)
        tokens.append(token)
        margins.append(margin)
        if token == end:
            break
    return tokens, margins


def log_probs(weights, context, tokens, space, temperature):
    logits = sequence_logits(weights, context, tokens, space) / temperature
    return torch.log_softmax(logits, -1).gather(1, torch.tensor(tokens).unsqueeze(1)).squeeze(1)


def image_context(context, plan, end, image):
    return [*context, *(plan[:-1] if plan[-1] == end else plan), image]


def kept_entries(gradient):
    """Entries at equal distances; both ends of a stride of their own for each size."""
    flat = gradient.flatten()
    stride = max(1, len(flat) // KEPT)
    return flat[::stride].float().contiguous()


def main():
    cases = read_json("demo/cases.json")
    transformer.CONFIG.clear()
    transformer.CONFIG.update(cases["config"])
    temperatures, end = cases["temperatures"], cases["config"]["endToken"]
    weights = {name: value.double().requires_grad_() for name, value in load_file(BASE).items()}

    rows = []
    for case in cases["rows"]:
        row = {"prompt": case["prompt"]}
        context = case["context"]
        for level, space in (("semantic", "text"), ("token", "image")):
            with torch.no_grad():
                tokens, margins = sample(
                    weights,
                    *(context, space, case["uniforms"][level], temperatures[level]),
                    end=end if level == "semantic" else None,
                )
                scored = log_probs(weights, context, tokens, space, temperatures[level])
            row[level] = {
                "tokens": tokens,
                # Rounded down to two digits: only whether they are below a bound matters.
                "margins": [float(f"{margin:.2g}") for margin in margins],
                "logProbs": [round(value, 9) for value in scored.tolist()],
            }
            context = image_context(context, tokens, end, cases["imageToken"])
        rows.append(row)

    loss = torch.zeros(())
    for case, row in zip(cases["rows"][:DIFFERENTIATED], rows):
        context = case["context"]
        for level, space in (("semantic", "text"), ("token", "image")):
            tokens = row[level]["tokens"]
            loss = loss + log_probs(weights, context, tokens, space, temperatures[level]).mean()
            context = image_context(context, tokens, end, cases["imageToken"])
    loss.backward()
    gradients = {name: value.grad for name, value in weights.items()}
    summary = {
        name: {"max": g.abs().max().item(), "norm": g.norm().item(), "cosine": cosine(g)} for name, g in gradients.items()
    }
    save_file({name: kept_entries(g) for name, g in gradients.items()}, path("demo/gradients.safetensors"))
    head = {"source": SOURCE, "differentiated": DIFFERENTIATED, "loss": loss.item(), "gradients": summary}
    lines = ",\n".join(json.dumps(row) for row in rows)
    text = json.dumps(head)
    path("demo/policy.json").write_text(f'{text[:-1]}, "rows": [\n{lines}\n]}}\n')
    margins = [m for row in rows for level in ("semantic", "token") for m in row[level]["margins"]]
    print(f"{len(margins)} tokens, the smallest sampling margin is {min(margins)}")


def cosine(gradient):
    """Σ g_i cos i, which no entry can leave unnoticed."""
    flat = gradient.flatten()
    return (flat * torch.cos(torch.arange(len(flat), dtype=torch.float64))).sum().item()


if __name__ == "__main__":
    main()
