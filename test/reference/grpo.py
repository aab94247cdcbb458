"""The objective of T2I-R1 (arXiv 2505.00703) by PyTorch's autograd, on log-probs and on a whole model.

Plan and image are concatenated along time, as in its training script, and padding holds rubbish that the mask
must keep out:

    loss = sum m * -(exp(lp - sg(lp)) * A - beta * (exp(ref - lp) - (ref - lp) - 1)) / sum m

    python grpo.py   writes ../fixtures/grpo-t2i-r1.json and grpo-gradients.safetensors
"""

import torch
from safetensors.torch import save_file

from fixtures import path, write_json
from transformer import LEVELS, draw_weights, sequence_log_probs

torch.set_default_dtype(torch.float64)
BETA = 0.05
GROUP_SIZE = 2
REWARDS = [1.7, 0.4, 2.25, 2.3]


def advantages():
    groups = torch.tensor(REWARDS).view(-1, GROUP_SIZE)
    spread = groups.std(dim=1, keepdim=True)  # Bessel-corrected, PyTorch's default
    return ((groups - groups.mean(dim=1, keepdim=True)) / (spread + 1e-4)).flatten()


def t2i_r1_loss(log_probs, reference, mask, gain):
    """All `[N, T]` but the advantages, `[N]`."""
    kl = torch.exp(reference - log_probs) - (reference - log_probs) - 1
    per_token = -(torch.exp(log_probs - log_probs.detach()) * gain.unsqueeze(1) - BETA * kl)
    return (per_token * mask).sum() / mask.sum()


def pad(rows, width, rubbish):
    return torch.stack([torch.cat([row, torch.full((width - len(row),), rubbish)]) for row in rows])


def main():
    weights = draw_weights()
    gain = advantages()
    generator = torch.Generator().manual_seed(11)
    names = {"text": "semantic", "image": "token"}
    policy, reference, masks = [], [], []
    for space, level in LEVELS.items():
        rows = [
            sequence_log_probs(weights, context, tokens, space)
            for context, tokens in zip(level["contexts"], level["completions"])
        ]
        width = max(len(row) for row in rows)
        # A reference that has moved away a little, to either side; numbers that float32 holds exactly.
        near = [(row.detach() + 0.4 * torch.randn(len(row), generator=generator)).float().double() for row in rows]
        policy.append(pad(rows, width, -3.0))
        reference.append(pad(near, width, -40.0))
        masks.append(pad([torch.ones(len(row)) for row in rows], width, 0.0))
    for log_probs in policy:
        log_probs.retain_grad()
    loss = t2i_r1_loss(torch.cat(policy, 1), torch.cat(reference, 1), torch.cat(masks, 1), gain)
    loss.backward()
    write_json(
        "grpo-t2i-r1.json",
        {
            "beta": BETA,
            "groupSize": GROUP_SIZE,
            "rewards": REWARDS,
            "advantages": gain.tolist(),
            "loss": loss.item(),
            "levels": [
                {
                    "name": names[space],
                    "space": space,
                    **level,
                    "logProbs": policy[i].detach().flatten().tolist(),
                    "referenceLogProbs": reference[i].flatten().tolist(),
                    "gradient": policy[i].grad.flatten().tolist(),
                }
                for i, (space, level) in enumerate(LEVELS.items())
            ],
        },
    )
    gradients = {name: w.grad.float().contiguous() for name, w in weights.items()}
    save_file(gradients, path("grpo-gradients.safetensors"))


if __name__ == "__main__":
    main()
