"""Policy losses that TRL does not have, transcribed from their formulas; gradients by autograd.

x = logp - old, r = exp(clamp(x, -20, 20)), p = exp(logp), sg = stop-gradient, A the row's advantage:

    dual_clip   verl `compute_policy_loss_vanilla` (arXiv 1912.09729):
                l = max(-A r, -A clamp(r, 1-e_low, 1+e_high)), and where A < 0 also l = min(l, -A c)
    cispo       verl `compute_policy_loss_cispo`, with both bounds (arXiv 2506.13585):
                l = -sg(clamp(r, 1-e_low, 1+e_high)) A logp
    dppo_tv     verl `compute_policy_loss_dppo_tv` (arXiv 2602.04879):
                l = -sg(min(r, cap)) A logp v,  v = [p - p_old <= e_high] if A > 0 else [p - p_old >= -e_low]
    dppo_kl     verl `compute_policy_loss_dppo_kl`, likewise, with the binary KL
                d = p_old (old - logp) + (1 - p_old) log((1 - p_old + 1e-8) / (1 - p + 1e-8)):
                v = [d <= e_high or p <= p_old] if A > 0 else [d <= e_low or p >= p_old]
    luspo       arXiv 2602.05261: the clipped loss of GSPO, each row times its length. TRL has it too; this one was
                written apart from it, and summed over each row's own tokens also when a KL term is added.

beta adds beta * k3 to every token, whatever v says. Over the tokens of the mask m, of N rows:

    token-mean      sum l m / sum m
    sequence-mean   mean over rows of (sum_t l m / sum_t m)
    sequence-sum    mean over rows of (sum_t l m)
    maxLength L     sum l m / (N L)

    python policy_losses.py   checks them against values of verl's own code and
                              writes ../fixtures/policy-losses.json
"""

import torch

from fixtures import float32, mask_of, read_json, write_cases

torch.set_default_dtype(torch.float64)
MARGIN = 1e-3
NORMALIZERS = ["token-mean", "sequence-mean", "sequence-sum", {"maxLength": 9}]
LEGEND = {
    "epsilon": "lower bound: of the ratio 1 - epsilon; how far p may fall (dppo_tv), or the KL of falling (dppo_kl)",
    "epsilon_high": "upper bound, likewise; epsilon if absent",
    "clip_ratio_c": "dual clip: the loss of a negative advantage is at most -A c",
    "cap": "dppo: the largest ratio a token is weighted with",
    "lvl": "luspo: the ratio of the token or of the sequence (geometric mean)",
    "beta": "KL coefficient (k3)",
}


def ratio_of(logp, old):
    return (logp - old).clamp(-20, 20).exp()


def clipped(ratio, advantages, options):
    low, high = bounds(options)
    return torch.maximum(-advantages * ratio, -advantages * ratio.clamp(1 - low, 1 + high))


def bounds(options):
    return options["epsilon"], options.get("epsilon_high", options["epsilon"])


def dual_clip(logp, old, advantages, mask, options):
    loss = clipped(ratio_of(logp, old), advantages, options)
    bounded = torch.minimum(loss, -advantages * options["clip_ratio_c"])
    return torch.where(advantages < 0, bounded, loss)


def cispo(logp, old, advantages, mask, options):
    low, high = bounds(options)
    return -ratio_of(logp, old).clamp(1 - low, 1 + high).detach() * advantages * logp


def dppo(logp, old, advantages, options, valid_up, valid_down):
    valid = torch.where(advantages > 0, valid_up, valid_down)
    return -ratio_of(logp, old).clamp(max=options["cap"]).detach() * advantages * logp * valid.detach()


def dppo_tv(logp, old, advantages, mask, options):
    low, high = bounds(options)
    moved = logp.exp() - old.exp()
    return dppo(logp, old, advantages, options, moved <= high, moved >= -low)


def binary_kl(logp, old):
    p, p_old = logp.exp(), old.exp()
    return p_old * (old - logp) + (1 - p_old) * torch.log((1 - p_old + 1e-8) / (1 - p + 1e-8))


def dppo_kl(logp, old, advantages, mask, options):
    low, high = bounds(options)
    divergence = binary_kl(logp, old)
    valid_up = (divergence <= high) | (logp <= old)
    valid_down = (divergence <= low) | (logp >= old)
    return dppo(logp, old, advantages, options, valid_up, valid_down)


def luspo(logp, old, advantages, mask, options):
    x = logp - old
    if options["lvl"] == "sequence":
        x = ((x * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True)).expand_as(logp)
    return clipped(x.exp(), advantages, options)


LOSSES = {"dual_clip": dual_clip, "cispo": cispo, "dppo_tv": dppo_tv, "dppo_kl": dppo_kl, "luspo": luspo}


def aggregate(per_token, mask, normalizer):
    total = (per_token * mask).sum(1)
    if normalizer == "token-mean":
        return total.sum() / mask.sum()
    if normalizer == "sequence-mean":
        return (total / mask.sum(1)).mean()
    if normalizer == "sequence-sum":
        return total.mean()
    return total.sum() / (len(total) * normalizer["maxLength"])


def evaluate(inputs, loss_type, options, normalizer):
    logp = inputs["logp"].clone().requires_grad_()
    per_token = LOSSES[loss_type](logp, inputs["old"], inputs["adv"].unsqueeze(1), inputs["mask"], options)
    if "beta" in options:
        delta = inputs["ref"] - logp
        per_token = per_token + options["beta"] * (delta.exp() - delta - 1)
    loss = aggregate(per_token, inputs["mask"], normalizer)
    loss.backward()
    result = {"loss_type": loss_type, "options": options, "normalizer": normalizer}
    return {**result, "loss": loss.item(), "grad": logp.grad}


def check_verl():
    """Against values of verl's own code, which adds 1e-8 to the divisor of a row's mean."""
    fixture = read_json("grpo-losses.json")
    inputs = {k: torch.tensor(v) if isinstance(v, list) else v for k, v in fixture["inputs"].items()}
    clip = {"epsilon": 0.2, "epsilon_high": 0.2}
    normalizers = {
        "token-mean": "token-mean",
        "seq-mean-token-mean": "sequence-mean",
        "seq-mean-token-sum": "sequence-sum",
        "seq-mean-token-sum-norm": {"maxLength": 6},
    }
    ours = {
        "vanilla": ("dual_clip", {**clip, "clip_ratio_c": 3.0}),
        "vanilla_dualclip_c1.3": ("dual_clip", {**clip, "clip_ratio_c": 1.3}),
        "cispo": ("cispo", clip),
        "dppo_tv": ("dppo_tv", {**clip, "cap": 20.0}),
        "dppo_kl": ("dppo_kl", {**clip, "cap": 20.0}),
    }
    checked = 0
    for name, expected in fixture["verl"].items():
        loss_type, mode = name.split("/")
        if loss_type not in ours:
            continue
        actual = evaluate(inputs, *ours[loss_type], normalizers[mode])
        tolerance = 1e-7 if mode == "seq-mean-token-mean" else 1e-14
        assert abs(actual["loss"] - expected["loss"]) < tolerance, name
        assert torch.allclose(actual["grad"], torch.tensor(expected["grad"]), rtol=0, atol=tolerance), name
        checked += 1
    print(f"grpo-losses.json: {checked} cases of verl reproduced")


def all_inputs():
    """Six ragged rows: probabilities from near 0 to near 1, ratios to both sides, some above 20."""
    lengths, width = [6, 4, 1, 5, 3, 6], 6
    shape = (len(lengths), width)
    generator = torch.Generator().manual_seed(1147)
    certain = torch.rand(shape, generator=generator) < 0.4
    uniform = torch.rand(shape, generator=generator)
    logp = torch.where(certain, -0.01 - 0.6 * uniform, -0.5 - 6 * uniform)
    old = (logp - 0.6 * torch.randn(shape, generator=generator)).clamp(max=-0.02)
    # Rare tokens that have become, or ceased to be, far likelier without much probability moving.
    logp[0, 1], old[0, 1] = -2.5, -5.75
    logp[1, 2], old[1, 2] = -3.0, -6.25
    logp[3, 0], old[3, 0] = -8.0, -3.5
    inputs = {
        "logp": float32(logp),
        "old": float32(old),
        "ref": float32((logp + 0.5 * torch.randn(shape, generator=generator)).clamp(max=-0.01)),
        "mask": mask_of(lengths, width),
        "adv": float32([0.9, -1.1, -0.4, 0.6, 1.4, -0.7]),
    }
    return inputs


def all_cases():
    higher = {"epsilon": 0.2, "epsilon_high": 0.28}
    kl = {"beta": 0.04}
    return {
        "dual_clip/c3": ("dual_clip", {"epsilon": 0.2, "clip_ratio_c": 3.0}),
        "dual_clip/c1.5/clip-higher": ("dual_clip", {**higher, "clip_ratio_c": 1.5}),
        "dual_clip/c1.5/beta": ("dual_clip", {"epsilon": 0.2, "clip_ratio_c": 1.5, **kl}),
        "cispo": ("cispo", {"epsilon": 0.2}),
        "cispo/wide": ("cispo", {"epsilon": 0.4, "epsilon_high": 4.0}),
        "cispo/beta": ("cispo", {**higher, **kl}),
        "dppo_tv": ("dppo_tv", {"epsilon": 0.15, "cap": 20.0}),
        "dppo_tv/asymmetric/cap2": ("dppo_tv", {"epsilon": 0.05, "epsilon_high": 0.1, "cap": 2.0}),
        "dppo_tv/beta": ("dppo_tv", {"epsilon": 0.15, "cap": 20.0, **kl}),
        "dppo_kl": ("dppo_kl", {"epsilon": 0.05, "cap": 20.0}),
        "dppo_kl/asymmetric/cap2": ("dppo_kl", {"epsilon": 0.02, "epsilon_high": 0.1, "cap": 2.0}),
        "dppo_kl/beta": ("dppo_kl", {"epsilon": 0.05, "cap": 20.0, **kl}),
        "luspo/sequence": ("luspo", {"lvl": "sequence", **higher}),
        "luspo/sequence/beta": ("luspo", {"lvl": "sequence", **higher, **kl}),
        "luspo/token": ("luspo", {"lvl": "token", **higher}),
        "luspo/token/beta": ("luspo", {"lvl": "token", **higher, **kl}),
    }


def check_margins(inputs, name, loss_type, options):
    """That nothing a case decides on hangs by a float32 rounding error."""
    mask = inputs["mask"].bool()
    logp, old = inputs["logp"], inputs["old"]
    ratio = ratio_of(logp, old)[mask]
    low, high = bounds(options)
    decisions = []
    if loss_type in ["dual_clip", "cispo", "luspo"]:
        if options.get("lvl") == "sequence":
            ratio = (((logp - old) * mask).sum(1) / mask.sum(1)).exp()
        decisions += [(ratio, 1 - low), (ratio, 1 + high)]
    if loss_type == "dual_clip":
        decisions.append((ratio, options["clip_ratio_c"]))
    if loss_type.startswith("dppo"):
        decisions.append((ratio, options["cap"]))
        if loss_type == "dppo_tv":
            moved = (logp.exp() - old.exp())[mask]
            decisions += [(moved, high), (moved, -low)]
        else:
            divergence = binary_kl(logp, old)[mask]
            decisions += [(divergence, high), (divergence, low), (logp[mask], old[mask])]
    for values, bound in decisions:
        assert (values - bound).abs().min() > MARGIN, f"{name}: too close to {bound}"


def main():
    check_verl()
    inputs = all_inputs()
    cases = {}
    for name, (loss_type, options) in all_cases().items():
        check_margins(inputs, name, loss_type, options)
        for normalizer in ["sequence-sum"] if loss_type == "luspo" else NORMALIZERS:
            label = normalizer if isinstance(normalizer, str) else f"max-length-{normalizer['maxLength']}"
            cases[f"{name}/{label}"] = evaluate(inputs, loss_type, options, normalizer)
    write_cases("policy-losses.json", {"options_legend": LEGEND, "inputs": inputs, "cases": cases})
    print(f"policy-losses.json: {len(cases)} cases")


if __name__ == "__main__":
    main()
