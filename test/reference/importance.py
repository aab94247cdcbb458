"""TRL's correction for a sampler that is not quite the policy: the vLLM importance-sampling ratio.

The lines of `GRPOTrainer._generate_and_score_completions` that compute it are executed as they are.

    python importance.py   writes ../fixtures/importance.json
"""

from types import SimpleNamespace

import torch
from trl.trainer.grpo_trainer import GRPOTrainer

from fixtures import float32, mask_of, write_cases
from trl_code import TRL_SOURCE, run_slice

torch.set_default_dtype(torch.float64)
MODES = ["token_truncate", "token_mask", "sequence_truncate", "sequence_mask"]
CLIPS = {"max": (None, 1.5), "min-max": (0.75, 1.5)}


def correction_ratio(mode, clip_min, clip_max, old, sampling, mask):
    """`[N, T]` for the token modes, `[N, 1]` for the sequence modes."""
    trainer = SimpleNamespace(
        use_vllm=True,
        vllm_importance_sampling_correction=True,
        vllm_importance_sampling_mode=mode,
        vllm_importance_sampling_clip_min=clip_min,
        vllm_importance_sampling_clip_max=clip_max,
    )
    scope = run_slice(
        GRPOTrainer._generate_and_score_completions,
        "# Compute the importance sampling ratio when using vLLM",
        "# Compute the per-token log probabilities for the reference model",
        self=trainer,
        completion_mask=mask,
        tool_mask=None,
        old_per_token_logps=old,
        sampling_per_token_logps=sampling,
    )
    return scope["vllm_importance_sampling_ratio"]


def cases_of(inputs):
    return {
        f"{mode}/{label}": {
            "mode": mode,
            "clip_min": clip_min,
            "clip_max": clip_max,
            "ratio": correction_ratio(mode, clip_min, clip_max, **inputs),
        }
        for mode in MODES
        for label, (clip_min, clip_max) in CLIPS.items()
    }


def check_margins(old, sampling, mask):
    difference = torch.nan_to_num((old - sampling) * mask, nan=0.0)
    for values in [difference[mask.bool()].exp(), difference.sum(1).exp()]:
        for bound in [0.75, 1.5]:
            assert (values - bound).abs().min() > 1e-3


def main():
    # Rows of 5, 3, 1, 0, 6 and 4 tokens. By how much the policy is more certain than the sampler:
    difference = [
        [0.05, -0.1, 0.6, -0.02, 0.01, 0.3],
        [-0.4, 0.1, -0.25, 0.0, 0.2, 0.0],
        [0.8, 0.1, 0.1, 0.1, 0.1, 0.1],
        [2.0, -2.0, 1.0, 1.0, 1.0, 1.0],
        [0.02, 0.03, -0.05, 0.01, -0.03, 0.04],
        [0.5, -0.7, 0.45, -0.35, 3.0, -3.0],
    ]
    mask = mask_of([5, 3, 1, 0, 6, 4], 6)
    generator = torch.Generator().manual_seed(17)
    sampling = float32(-3.1 - 3 * torch.rand(mask.shape, generator=generator))
    inputs = {"old": float32(sampling + float32(difference)), "sampling": sampling, "mask": mask}
    unscored = sampling.clone()
    unscored[0, 2] = unscored[4, 1] = float("nan")  # tokens for which the sampler gave no log-prob
    blind = {**inputs, "sampling": unscored}
    for each in [inputs, blind]:
        check_margins(**each)
    write_cases(
        "importance.json",
        {
            "source": f"{TRL_SOURCE} GRPOTrainer._generate_and_score_completions, its lines executed verbatim (float64); "
            "see test/reference",
            "inputs": inputs,
            "cases": cases_of(inputs),
            "unscored_inputs": blind,
            "unscored_cases": cases_of(blind),
        },
    )


if __name__ == "__main__":
    main()
