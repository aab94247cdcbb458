"""One GRPO step of T2I-R1 on the tiny Janus: loss and gradients by autograd through transformers' model.

Two samples of one group, plan and image concatenated along time, as in `grpo.py`; the reference is the same model with
the query matrix of the first block scaled. With positions that count columns (`arange`: the padding in a shorter
image context is a gap) and with each sequence on its own (`compact`).
"""

import torch

import janus_known as known
from fixtures import write_cases
from janus_model import build, exact, image_log_probs, parts_of, rows, text_log_probs
from janus_weights import TINY, original_names

SCALED = "language_model.model.layers.0.self_attn.q_proj.weight"
FIRST = 8
# Where the first entries begin: the embedding of id 0 has no gradient, that of id 1 has.
OFFSETS = {"language_model.model.embed_tokens.weight": TINY["width"]}


def padded_log_probs(parts):
    """`[2, 20]`; positions count columns."""
    ids = torch.cat([torch.tensor(known.PROMPTS), torch.tensor(known.PLANS)], 1)
    mask = torch.cat([torch.tensor(known.PROMPT_MASK), torch.tensor(known.PLAN_MASK)], 1)
    plans = text_log_probs(parts, ids, mask)[:, -4:]
    context, image = torch.tensor(known.CONTEXTS), torch.tensor(known.IMAGES)
    images = image_log_probs(parts, context, image, torch.tensor(known.CONTEXT_MASK))
    return torch.cat([plans, images], 1)


def unpadded(ids, mask):
    return [[i for i, kept in zip(*row) if kept] for row in zip(ids, mask)]


def compact_log_probs(parts):
    """`[2, 20]`, with 0 where there is no token; each sequence on its own."""
    plans = []
    prompts = unpadded(known.PROMPTS, known.PROMPT_MASK)
    for prompt, plan in zip(prompts, unpadded(known.PLANS, known.PLAN_MASK)):
        log_probs = text_log_probs(parts, torch.tensor([prompt + plan]))[0, -len(plan) :]
        plans.append(torch.cat([log_probs, log_probs.new_zeros(4 - len(plan))]))
    contexts = unpadded(known.CONTEXTS, known.CONTEXT_MASK)
    images = rows(lambda context, ids: image_log_probs(parts, context, ids), contexts, known.IMAGES)
    return torch.cat([torch.stack(plans), torch.stack(images)], 1)


def summary(gradient, offset):
    """`cosine` is the sum of the entries g_i times cos i: it knows the place of each of them."""
    flat = gradient.flatten()
    return {
        "norm": flat.norm().item(),
        "offset": offset,
        "first": flat[offset : offset + FIRST].tolist(),
        "cosine": (flat * torch.arange(len(flat)).double().cos()).sum().item(),
    }


def step(log_probs, reference):
    """Both `[2, 20]`, `log_probs` with a graph, which is walked back; advantages, loss, mean KL."""
    precision = log_probs.dtype
    rewards = torch.tensor(known.STEP["rewards"], dtype=precision)
    gain = (rewards - rewards.mean()) / (rewards.std() + 1e-4)
    mask = torch.cat([torch.tensor(known.PLAN_MASK), torch.ones(2, 16)], 1).to(precision)
    kl = torch.exp(reference - log_probs) - (reference - log_probs) - 1
    per_token = -(torch.exp(log_probs - log_probs.detach()) * gain[:, None] - known.STEP["beta"] * kl)
    loss = (per_token * mask).sum() / mask.sum()
    loss.backward()
    return {
        "advantages": gain.tolist(),
        "tokens": int(mask.sum()),
        "logProbs": torch.where(mask > 0, log_probs, 0).tolist(),
        "referenceLogProbs": torch.where(mask > 0, reference, 0).tolist(),
        "loss": loss.item(),
        "meanKl": ((kl * mask).sum() / mask.sum()).item(),
    }


def whole_step(log_probs_of, bf16, precision):
    model, reference = build(bf16), build(bf16)
    with torch.no_grad():
        reference.model.language_model.layers[0].self_attn.q_proj.weight.mul_(known.STEP["referenceScale"])
    if precision == torch.float64:
        model, reference = exact(model), exact(reference)
    with torch.no_grad():
        other = log_probs_of(parts_of(reference))
    result = step(log_probs_of(parts_of(model)), other)
    names = original_names()
    gradients = {
        names[name]: summary(p.grad, OFFSETS.get(names[name], 0))
        for name, p in model.named_parameters()
        if name.startswith(("model.language_model.", "lm_head."))
    }
    return {**result, "gradients": gradients}


def differences(value, expected):
    if isinstance(expected, dict):
        return max(differences(value[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        return max(differences(v, e) for v, e in zip(value, expected, strict=True))
    return abs(value - expected)


def check_known(result):
    """Weights unrounded, positions that count columns."""
    expected, gradients = known.STEP, result["gradients"]
    errors = [
        differences(result["loss"], expected["loss"]),
        differences(result["meanKl"], expected["kl"]),
        *(differences(gradients[name]["first"][:4], first) for name, first in expected["first"].items()),
        *(differences(gradients[name]["norm"], norm) for name, norm in expected["norm"].items()),
    ]
    assert result["tokens"] == expected["tokens"]
    assert abs(result["advantages"][0] - expected["advantage"]) < 1e-6
    assert max(errors) < 1e-6, errors
    print("known step: off by at most", max(errors))


KINDS = {"arange": padded_log_probs, "compact": compact_log_probs}


def inputs():
    return {
        "rewards": known.STEP["rewards"],
        "beta": known.STEP["beta"],
        "prompts": known.PROMPTS,
        "promptMask": known.PROMPT_MASK,
        "plans": known.PLANS,
        "planMask": known.PLAN_MASK,
        "contexts": known.CONTEXTS,
        "contextMask": known.CONTEXT_MASK,
        "images": known.IMAGES,
    }


def in_both_precisions(name, compute):
    """What `compute` gives in float64; float32 must agree."""
    result = compute(torch.float64)
    error = differences(compute(torch.float32), result)
    assert error < 1e-5, (name, error)
    print(name, "differs from float32 by at most", error)
    return result


def write_steps(source):
    results = {}
    for weights, bf16 in [("f32", False), ("bf16", True)]:
        for kind, log_probs_of in KINDS.items():
            name = f"{weights}-{kind}"
            results[name] = in_both_precisions(
                f"grpo-step.json, {name},", lambda precision: whole_step(log_probs_of, bf16, precision)
            )
    check_known(results["f32-arange"])
    scaled = {"scaled": SCALED, "referenceScale": known.STEP["referenceScale"]}
    write_cases(
        "janus/grpo-step.json",
        {
            "source": source("float64", "unrounded (f32-) and rounded to bfloat16 (bf16-)"),
            "inputs": {**inputs(), **scaled},
            **results,
        },
    )
