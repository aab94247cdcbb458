"""torch.optim.AdamW on fixed gradients.

    python adamw.py   writes ../fixtures/adamw.json
"""

import torch

from fixtures import write_json

torch.set_default_dtype(torch.float64)
STEPS = 12


def as_float32(x):
    """Numbers that float32 holds exactly, so that both sides start from the same."""
    return x.float().double()


def run(options):
    generator = torch.Generator().manual_seed(3)
    shapes = {"matrix": (3, 4), "bias": (5,)}
    parameters = {
        name: torch.nn.Parameter(as_float32(torch.randn(*shape, generator=generator)))
        for name, shape in shapes.items()
    }
    start = {name: p.tolist() for name, p in parameters.items()}
    # Only matrices decay.
    groups = [
        {"params": [parameters["matrix"]], "weight_decay": options["weightDecay"]},
        {"params": [parameters["bias"]], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(options["beta1"], options["beta2"]), eps=options["epsilon"])
    steps = []
    for step in range(STEPS):
        rate = 0.02 * (1 + step % 3)
        for group in optimizer.param_groups:
            group["lr"] = rate
        # From 1e-4 to 10: an optimiser that forgot the square root would show.
        scale = 10.0 ** (step % 6 - 4)
        for p in parameters.values():
            p.grad = as_float32(scale * torch.randn(p.shape, generator=generator))
        gradients = {name: p.grad.tolist() for name, p in parameters.items()}
        optimizer.step()
        steps.append(
            {
                "learningRate": rate,
                "gradients": gradients,
                "parameters": {name: p.tolist() for name, p in parameters.items()},
            }
        )
    return {"options": options, "start": start, "steps": steps}


if __name__ == "__main__":
    write_json(
        "adamw.json",
        {
            "runs": [
                run({"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weightDecay": 0.1}),
                run({"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3, "weightDecay": 0.0}),
            ]
        },
    )
