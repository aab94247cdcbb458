"""Advantages from rewards, by TRL's own lines.

`GRPOTrainer._generate_and_score_completions` for both ways to put several rewards together, and
`RLOOTrainer._generate_and_score_completions` for the leave-one-out baseline ("rloo"; its own normalisation off).
Rewards may abstain: None here, NaN there.

    python advantages.py   writes ../fixtures/advantages.json
"""

from types import SimpleNamespace

import torch
from trl.trainer.grpo_trainer import GRPOTrainer
from trl.trainer.rloo_trainer import RLOOTrainer
from trl.trainer.utils import nanstd

from fixtures import float32, read_json, write_cases
from trl_code import TRL_SOURCE, run_slice

torch.set_default_dtype(torch.float64)
NONE = float("nan")
MODES = [
    ("sum_then_normalize", "group"),
    ("sum_then_normalize", "batch"),
    ("sum_then_normalize", "none"),
    ("normalize_then_sum", None),
    ("rloo", None),
]


def trl_advantages(rewards, weights, group_size, aggregation, scale):
    """What TRL's lines define: `advantages` [N], `std_rewards`, `is_std_zero`, ..."""
    rloo = aggregation == "rloo"
    trainer = SimpleNamespace(
        reward_weights=torch.tensor(weights),
        reward_funcs=weights,
        multi_objective_aggregation=aggregation,
        scale_rewards=scale or "group",
        reward_clip_range=None,
        beta=0.0,
        normalize_advantages=False,
    )
    return run_slice(
        (RLOOTrainer if rloo else GRPOTrainer)._generate_and_score_completions,
        "unscorable_mask =",
        "# Slice to keep only the local part of the data",
        self=trainer,
        rewards_per_func=rewards,
        num_generations=group_size,
        device="cpu",
        nanstd=nanstd,
    )


def case(label, rewards, weights, group_size, aggregation, scale):
    rewards = float32(rewards)
    scope = trl_advantages(rewards, weights, group_size, aggregation, scale)
    result = {
        "name": f"{label}/{aggregation}" + (f"/{scale}" if scale else ""),
        "rewards_per_func": rewards,
        "weights": weights,
        "G": group_size,
        "aggregation": aggregation,
        "scale": scale,
        "advantages": scope["advantages"],
        "fracRewardZeroStd": scope["is_std_zero"].double().mean().item(),
    }
    if aggregation == "rloo":
        result["groupStd"] = scope["std_rewards"]
    elif scale in ("group", "none"):
        result["groupStd"] = scope["std_rewards"].view(-1, group_size)[:, 0]
    return result


def data():
    """label -> (rewards [N, K], weights [K], G)"""
    generator = torch.Generator().manual_seed(31)

    def normal(rows, columns):
        return torch.randn(rows, columns, generator=generator)

    g8 = normal(16, 2) * torch.tensor([1.0, 30.0]) + torch.tensor([0.0, 50.0])
    abstaining = torch.rand(16, 3, generator=generator)
    abstaining[[1, 4, 6, 9], [0, 1, 2, 0]] = NONE
    abstaining[2] = NONE  # nothing scored this sample
    abstaining[12:16] = NONE  # nor any of this group
    outlier = torch.full((8, 1), 0.25)
    outlier[5] = 10.0
    return {
        "pairs": (normal(8, 1), [1.0], 2),
        "pairs-two-rewards": (normal(6, 2), [1.0, 0.5], 2),
        "four": (torch.rand(8, 3, generator=generator), [1.0, 0.5, 2.0], 4),
        "four-negative-weight": (normal(8, 2), [1.0, -0.75], 4),
        "eight-scales-apart": (g8, [1.0, 0.0625], 8),
        "outlier": (outlier, [1.0], 8),
        # 0.1 cannot be held exactly; one constant group beside one that is not.
        "constant-group": ([[0.1], [0.1], [0.1], [0.1], [1.0], [2.0], [3.0], [5.0]], [1.0], 4),
        "constant-everywhere": ([[0.7], [0.7], [0.7], [0.7]], [1.0], 2),
        "constant-reward": ([[0.5, 1.0], [0.5, 0.0], [0.5, 4.0], [0.5, 2.0]], [2.0, 1.0], 4),
        "abstaining": (abstaining, [1.0, 2.0, 0.5], 4),
        "one-scored": ([[NONE, 2.0], [NONE, NONE], [1.0, 3.0], [NONE, 0.5]], [1.0, 1.0], 2),
        "abstaining-eight": (
            [[1.0, NONE], [0.5, 0.25], [NONE, 0.75], [NONE, NONE], [0.0, 1.0], [0.25, NONE], [2.0, 0.5], [NONE, 0.0]],
            [1.0, 1.5],
            8,
        ),
    }


def check_committed():
    """Against values from another TRL revision."""
    fixture = read_json("grpo-losses.json")["advantages"]
    rewards = torch.tensor([[NONE if x is None else x for x in row] for row in fixture["rewards_per_func"]])
    for mode, expected in fixture["out"].items():
        scope = trl_advantages(rewards, fixture["weights"], fixture["G"], *mode.split("/"))
        assert torch.allclose(scope["advantages"], torch.tensor(expected), rtol=0, atol=1e-14), mode


def main():
    check_committed()
    cases = [case(label, *rest, *mode) for label, rest in data().items() for mode in MODES]
    write_cases(
        "advantages.json",
        {
            "source": f"{TRL_SOURCE} _generate_and_score_completions of GRPOTrainer and RLOOTrainer, their lines executed "
            "verbatim (float64); see test/reference",
            "eps": 1e-4,
            "cases": cases,
        },
    )
    print(f"advantages.json: {len(cases)} cases")


if __name__ == "__main__":
    main()
