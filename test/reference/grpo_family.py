"""The losses of the GRPO family, their gradients and their metrics, by TRL's own `_compute_loss`.

    python grpo_family.py   checks ../fixtures/grpo-losses.json against the installed TRL and
                            writes ../fixtures/grpo-ordinary.json and grpo-extreme.json

All inputs are numbers that float32 holds exactly, and no decision (a clip, a mask, a quantile) is closer than
`MARGIN` to going the other way, so that a float32 implementation takes the same ones.
"""

import torch

from fixtures import float32, mask_of, read_json, write_cases
from importance import correction_ratio
from trl_code import LEGEND, TRL_SOURCE, compute_loss

torch.set_default_dtype(torch.float64)
MARGIN = 5e-4
TOKEN_MEANS = ["grpo", "bnpo", "dr_grpo", "dapo"]
GSPO = {"lvl": "sequence", "epsilon": 0.03, "epsilon_high": 0.04}
GSPO_TOKEN = {**GSPO, "lvl": "sequence_token"}


def with_ratios(inputs, clip):
    """Adds the vLLM importance ratios: per row as sequence_mask, per token as token_truncate."""
    old, sampling, mask = inputs["old"], inputs["sampling"], inputs["mask"]
    ratios = {
        "is_ratio": float32(correction_ratio("sequence_mask", None, clip, old, sampling, mask)),
        "is_ratio_token": float32(correction_ratio("token_truncate", None, clip, old, sampling, mask)),
        "is_ratio_clip_max": clip,
    }
    return {**inputs, **ratios, "num_items_in_batch": int(mask.sum())}


def ordinary_inputs():
    """Eight ragged rows, moderately off-policy; what padding holds looks like any other token."""
    lengths, width = [7, 4, 1, 6, 3, 5, 7, 2], 7
    shape = (len(lengths), width)
    generator = torch.Generator().manual_seed(2075)

    def normal(scale, size=shape):
        return scale * torch.randn(size, generator=generator)

    logp = -0.05 - 3.5 * torch.rand(shape, generator=generator)
    spread = torch.where(torch.rand(shape, generator=generator) < 0.3, 0.7, 0.15)
    old = (logp - normal(1.0) * spread).clamp(max=-0.01)
    rewards = normal(1.0, (2, 4))
    advantages = (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + 1e-4)
    inputs = {
        "logp": float32(logp),
        "old": float32(old),
        "ref": float32((logp + normal(0.4)).clamp(max=-0.01)),
        "entropy": float32(2.5 * torch.rand(shape, generator=generator)),
        "mask": mask_of(lengths, width),
        "adv": float32(advantages.flatten()),
        "sampling": float32((old + normal(0.12)).clamp(max=-0.01)),
        "max_completion_length": 9,
    }
    return with_ratios(inputs, clip=1.2)


def extreme_inputs():
    """
    Three pairs (G = 2), the last without an opinion: a full row, a row of one token, a row of none, ratios from
    e^-5 to e^5, log-probs from almost 0 to -30, a reference up to 5 nats away.
    """
    logp = [
        [-0.5, -30.0, -2.0, -1e-6, -0.25, -12.0],
        [-0.125, -5.0, -1.0, -1.0, -1.0, -1.0],
        [-9.0, -30.0, -0.5, -4.0, -2.0, -1.0],
        [-1.0, -7.5, -0.75, -3.0, -20.0, -0.5],
        [-8.0, -2.0, -1.0, -30.0, -1.0, -3.0],
        [-6.0, -0.5, -25.0, -2.0, -1e-6, -3.0],
    ]
    log_ratio = [
        [5.0, -5.0, 0.0, 0.1, 3.2, -1.0],
        [4.7, -0.5, 0.0, 0.3, 0.0, 0.0],
        [-5.0, 5.0, 1.0, 0.0, 0.0, 0.0],
        [4.5, -5.0, 0.5, -0.35, -5.0, 5.0],
        [-5.0, 1.0, 0.0, 5.0, 0.0, 0.0],
        [5.0, 0.45, -4.0, 0.0, 0.7, -2.5],
    ]
    to_reference = [
        [-5.0, 5.0, 0.0, -2.0, -0.5, 4.5],
        [-3.0, 1.0, 0.0, 0.0, 0.0, 0.0],
        [5.0, 5.0, -5.0, 0.0, 0.0, 0.0],
        [0.9, 5.0, -4.0, 0.001, 5.0, -5.0],
        [5.0, -1.0, 0.0, 0.0, 0.0, 0.0],
        [5.0, -5.0, 3.0, 0.0, -1.0, 2.9],
    ]
    to_sampling = [
        [0.1, -0.2, 0.4, 0.0, -0.1, 0.3],
        [-0.6, 0.0, 0.0, 0.0, 0.0, 0.0],
        [1.0, 2.0, 0.0, 0.0, 0.0, 0.0],
        [-1.5, -2.0, 0.1, -0.3, 0.0, 0.0],
        [0.25, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.1, -0.3, 0.5, -0.9, 0.2, 0.3],
    ]
    entropy = [
        [0.9, 5.5, 2.1, 0.0, 0.3, 4.8],
        [0.4, 3.1, 1.0, 1.0, 1.0, 1.0],
        [6.0, 6.0, 6.0, 6.0, 6.0, 6.0],
        [1.6, 4.2, 1.1, 2.6, 0.2, 0.2],
        [3.7, 0.1, 0.1, 0.1, 0.1, 0.1],
        [5.1, 0.7, 6.0, 1.9, 0.0, 2.4],
    ]
    logp, log_ratio = float32(logp), float32(log_ratio)
    old = float32(logp - log_ratio)
    half = 0.5 / (0.5**0.5 + 1e-4)  # what a pair of rewards 1 apart gets
    inputs = {
        "logp": logp,
        "old": old,
        "ref": float32(logp + float32(to_reference)),
        "entropy": float32(entropy),
        "mask": mask_of([6, 1, 0, 4, 1, 6], 6),
        "adv": float32([half, -half, half, -half, 0.0, 0.0]),
        "sampling": float32(old + float32(to_sampling)),
        "max_completion_length": 6,
    }
    return with_ratios(inputs, clip=3.0)


def crossed(losses, variants):
    """Every loss with every variant: `grpo`, `grpo/beta`, ..."""
    return {
        f"{loss_type}{label}": (loss_type, {**base, **options})
        for loss_type, base in losses
        for label, options in variants.items()
    }


def ordinary_cases():
    kl = {"beta": 0.04}
    return {
        **crossed(
            [(loss_type, {}) for loss_type in TOKEN_MEANS],
            {
                "": {},
                "/beta": kl,
                "/clip-higher": {"epsilon": 0.1, "epsilon_high": 0.28},
                "/delta1.5": {"delta": 1.5},
            },
        ),
        **crossed(
            [("grpo", {}), ("dapo", {})],
            {
                "/delta1.1-below-clip": {"delta": 1.1},
                "/top-entropy0.35": {"top_entropy_quantile": 0.35},
                "/top-entropy0.6/beta": {"top_entropy_quantile": 0.6, **kl},
                "/off": {"off": 0.05},
                "/off-old": {"off": 0.05, "sampling": "old"},
                "/bias-kl": {"biaskl": True, **kl},
                "/vllm": {"vllm": True},
                "/vllm-token/beta": {"vllm": "token", **kl},
                "/entropy": {"ent": 0.01},
                "/entropy/top-entropy0.35": {"ent": 0.02, "top_entropy_quantile": 0.35},
                "/everything": {
                    "epsilon": 0.15,
                    "epsilon_high": 0.3,
                    "delta": 2.0,
                    "top_entropy_quantile": 0.6,
                    "off": 0.05,
                    "biaskl": True,
                    "vllm": True,
                    "ent": 0.01,
                    **kl,
                },
            },
        ),
        **crossed(
            [("bnpo", {}), ("dr_grpo", {})],
            {
                "/top-entropy0.6/off": {"top_entropy_quantile": 0.6, "off": 0.05},
                "/vllm/bias-kl/entropy": {"vllm": True, "biaskl": True, "ent": 0.01, **kl},
            },
        ),
        **crossed(
            [("cispo", {"epsilon_high": 1.28})],
            {
                "": {},
                "/cap5": {"epsilon_high": 5.0},
                "/cap0.9": {"epsilon_high": 0.9},
                "/beta": kl,
                "/bias-kl": {"biaskl": True, **kl},
                "/off": {"off": 0.05},
                "/top-entropy0.6": {"top_entropy_quantile": 0.6},
                "/vllm-token": {"vllm": "token"},
                "/sequence": {"lvl": "sequence"},
                "/off/vllm/entropy/beta": {"off": 0.05, "vllm": True, "ent": 0.01, **kl},
            },
        ),
        **crossed(
            [("sapo", {})],
            {
                "": {},
                "/beta": kl,
                "/temperatures": {"sapo_temperature_pos": 0.7, "sapo_temperature_neg": 2.5},
                "/bias-kl": {"biaskl": True, **kl},
                "/off": {"off": 0.05},
                "/top-entropy0.6": {"top_entropy_quantile": 0.6},
                "/vllm": {"vllm": True},
                "/sequence": {"lvl": "sequence"},
                "/top-entropy0.6/vllm-token/entropy/beta": {
                    "top_entropy_quantile": 0.6,
                    "vllm": "token",
                    "ent": 0.01,
                    **kl,
                },
            },
        ),
        **crossed(
            [("luspo", GSPO)],
            {
                "": {},
                "/token": {"lvl": "token", "epsilon": 0.2, "epsilon_high": 0.28},
                "/delta1.02": {"delta": 1.02},
                "/off": {"off": 0.05},
                "/top-entropy0.6": {"top_entropy_quantile": 0.6},
                "/vllm": {"vllm": True},
                "/vllm-token": {"vllm": "token"},
                "/entropy": {"ent": 0.01},
                "/beta": kl,
                "/bias-kl": {"biaskl": True, **kl},
                "/token/beta": {"lvl": "token", "epsilon": 0.2, "epsilon_high": 0.28, **kl},
            },
        ),
        **crossed(
            [("vespo", {})],
            {
                "": {},
                "/beta": kl,
                "/k-lambda": {
                    "vespo_k_pos": 1.0,
                    "vespo_lambda_pos": 1.5,
                    "vespo_k_neg": 2.0,
                    "vespo_lambda_neg": 0.5,
                },
                "/vllm": {"vllm": True},
                "/vllm-token/beta": {"vllm": "token", **kl},
                "/off": {"off": 0.05},
                "/top-entropy0.6": {"top_entropy_quantile": 0.6},
                "/entropy": {"ent": 0.01},
                "/bias-kl": {"biaskl": True, **kl},
            },
        ),
        **crossed(
            [("gmpo", {"epsilon": 0.4})],
            {
                "": {},
                "/beta": kl,
                "/narrow": {"epsilon": 0.1, "epsilon_high": 0.25},
                "/narrow/beta": {"epsilon": 0.1, "epsilon_high": 0.25, **kl},
                "/top-entropy0.6": {"top_entropy_quantile": 0.6},
                "/top-entropy0.6/beta": {"top_entropy_quantile": 0.6, **kl},
            },
        ),
        **crossed([(loss_type, GSPO) for loss_type in TOKEN_MEANS], {"/sequence": {}, "/sequence/beta": kl}),
        **crossed(
            [("grpo", GSPO)],
            {
                "/sequence/delta1.1": {"delta": 1.1},
                "/sequence/top-entropy0.6": {"top_entropy_quantile": 0.6},
                "/sequence/off": {"off": 0.05},
                "/sequence/bias-kl": {"biaskl": True, **kl},
                "/sequence/vllm/entropy/beta": {"vllm": True, "ent": 0.01, **kl},
            },
        ),
        **crossed(
            [(loss_type, GSPO_TOKEN) for loss_type in TOKEN_MEANS],
            {"/sequence-token": {}, "/sequence-token/beta": kl},
        ),
        **crossed(
            [("grpo", GSPO_TOKEN)],
            {
                "/sequence-token/delta1.1": {"delta": 1.1},
                "/sequence-token/top-entropy0.6": {"top_entropy_quantile": 0.6},
                "/sequence-token/vllm-token/beta": {"vllm": "token", **kl},
            },
        ),
    }


def extreme_cases():
    kl = {"beta": 0.04}
    everywhere = [
        *((loss_type, {}) for loss_type in TOKEN_MEANS),
        ("cispo", {"epsilon_high": 5.0}),
        ("sapo", {}),
        ("vespo", {}),
        ("gmpo", {"epsilon": 0.4}),
        ("luspo", {"lvl": "sequence", "epsilon": 0.2, "epsilon_high": 0.28}),
    ]
    sequence = {"lvl": "sequence", "epsilon": 0.2, "epsilon_high": 0.28}
    sequence_token = {**sequence, "lvl": "sequence_token"}
    return {
        **crossed(everywhere, {"": {}, "/beta": kl, "/top-entropy0.4/beta": {"top_entropy_quantile": 0.4, **kl}}),
        **crossed([each for each in everywhere if each[0] != "gmpo"], {"/off/vllm": {"off": 0.5, "vllm": True}}),
        **crossed(
            [("grpo", {}), ("dapo", {})],
            {
                "/delta3": {"delta": 3.0},
                "/bias-kl/entropy": {"biaskl": True, "ent": 0.01, **kl},
                "/vllm-token/beta": {"vllm": "token", **kl},
            },
        ),
        **crossed([("cispo", {"epsilon_high": 1.28})], {"/cap1.28": {}}),
        **crossed([("sapo", {})], {"/temperatures": {"sapo_temperature_pos": 0.5, "sapo_temperature_neg": 3.0}}),
        **crossed(
            [("vespo", {})],
            {"/vllm-token": {"vllm": "token"}, "/k-lambda": {"vespo_k_neg": 1.0, "vespo_lambda_neg": 0.1}},
        ),
        **crossed([("gmpo", {})], {"/wide": {"epsilon": 2.0, "epsilon_high": 3.0}}),
        **crossed(
            [("grpo", sequence), ("dapo", sequence)],
            {
                "/sequence": {},
                "/sequence/delta1.5/beta": {"delta": 1.5, **kl},
                "/sequence/bias-kl": {"biaskl": True, **kl},
            },
        ),
        **crossed(
            [("grpo", sequence_token), ("dapo", sequence_token)],
            {"/sequence-token": {}, "/sequence-token/delta1.5/beta": {"delta": 1.5, **kl}},
        ),
    }


def check_margins(inputs, name, loss_type, options):
    """That nothing a case decides on hangs by a float32 rounding error."""
    mask = inputs["mask"].bool()
    lengths = inputs["mask"].sum(1)
    log_ratio = inputs["logp"] - inputs["old"]
    row_mean = ((log_ratio * mask).sum(1) / lengths.clamp(min=1))[lengths > 0]
    level = log_ratio[mask] if options.get("lvl", "token") == "token" else row_mean
    low = options.get("epsilon", 0.4 if loss_type == "gmpo" else 0.2)
    high = options.get("epsilon_high", low)
    decisions = []
    if loss_type in ["grpo", "bnpo", "dr_grpo", "dapo", "luspo"]:
        bounds = [1 - low, 1 + high, *([options["delta"]] if "delta" in options else [])]
        decisions += [(level.exp(), bound) for bound in bounds]
    elif loss_type == "cispo":
        decisions.append((level.exp(), high))
    elif loss_type == "gmpo":
        decisions += [(log_ratio[mask], -low), (log_ratio[mask], high)]
    if "off" in options:
        sampling = inputs["old" if options.get("sampling") == "old" else "sampling"]
        distance = ((sampling - inputs["logp"]) * mask).sum(1) / lengths.clamp(min=1)
        decisions.append((distance, options["off"]))
    if "top_entropy_quantile" in options:
        entropies = inputs["entropy"][mask]
        decisions.append((entropies, torch.quantile(entropies, 1 - options["top_entropy_quantile"])))
    for values, bound in decisions:
        assert (values - bound).abs().min() > MARGIN, f"{name}: too close to {bound}"


def check_committed():
    """The cases of another TRL revision, whose formulas must still be those of the installed one."""
    fixture = read_json("grpo-losses.json")
    inputs = {k: torch.tensor(v) if isinstance(v, list) else v for k, v in fixture["inputs"].items()}
    inputs["mask"] = inputs["mask"].long()
    for name, case in fixture["trl"].items():
        ours = compute_loss(inputs, case["loss_type"], case["options"])
        assert abs(ours["loss"] - case["loss"]) < 1e-14, name
        assert torch.allclose(ours["grad"], torch.tensor(case["grad"]), rtol=0, atol=1e-15), name
        for metric, value in case["metrics"].items():
            assert abs(ours["metrics"][metric] - value) < 1e-14, (name, metric)
    print(f"grpo-losses.json: {len(fixture['trl'])} cases equal {TRL_SOURCE}")


def main():
    check_committed()
    for file, inputs, cases in [
        ("grpo-ordinary.json", ordinary_inputs(), ordinary_cases()),
        ("grpo-extreme.json", extreme_inputs(), extreme_cases()),
    ]:
        for name, (loss_type, options) in cases.items():
            check_margins(inputs, name, loss_type, options)
        write_cases(
            file,
            {
                "source": f"{TRL_SOURCE} _compute_loss executed verbatim on a stub (1 process, grad-accum 1, float64); "
                "see test/reference",
                "options_legend": LEGEND,
                "inputs": inputs,
                "trl": {name: compute_loss(inputs, *case) for name, case in cases.items()},
            },
        )
        print(f"{file}: {len(cases)} cases")


if __name__ == "__main__":
    main()
