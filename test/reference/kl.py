"""Estimators of KL(policy || reference), value and gradient, as verl's `kl_penalty` defines them.

With D = clamp(ref - logp, -20, 20):  k1 = -D, k2 = D^2 / 2, k3 = exp(D) - D - 1, abs = |D|; a "+" has the value of
the kind and the gradient of k2 (verl/trainer/ppo/core_algos.py, `kl_penalty`). verl clamps D for k3 only, and then
k3 itself to +-10; here D is clamped for every kind, and no value is.

    python kl.py   writes ../fixtures/kl.json
"""

import torch

from fixtures import float32, read_json, write_cases

torch.set_default_dtype(torch.float64)
CLAMP = 20.0
KINDS = {
    "k1": lambda d: -d,
    "k2": lambda d: d.square() / 2,
    "k3": lambda d: torch.expm1(d) - d,
    "abs": lambda d: d.abs(),
}
SIZES = [
    *[25.0, 22.5, 20.5, 20.0625, 19.9375, 19.5, 17.0, 13.0, 10.5, 9.5, 7.0, 5.0, 3.0, 2.0, 1.5, 1.0, 0.7, 0.5],
    *[0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 1e-5, 1e-6, 3e-7],
]


def estimate(kind, logp, ref):
    delta = (ref - logp).clamp(-CLAMP, CLAMP)
    if kind.endswith("+"):
        k2 = KINDS["k2"](delta)
        return k2 - k2.detach() + KINDS[kind[:-1]](delta).detach()
    return KINDS[kind](delta)


def check_verl():
    """Against values of verl's own code."""
    fixture = read_json("grpo-losses.json")
    logp, ref = (torch.tensor(fixture["inputs"][key]) for key in ["logp", "ref"])
    for kind in KINDS:
        assert torch.allclose(estimate(kind, logp, ref), torch.tensor(fixture["verl_kl"][kind]), rtol=0, atol=1e-15)


def main():
    check_verl()
    # Neither log-prob is above 0. Small differences lie near 0, where float32 is fine enough to hold them.
    wanted = torch.tensor([sign * size for size in SIZES for sign in (1, -1)] + [0.0])
    near = torch.where(wanted.abs() < 1e-4, -2.0**-7, -0.25)
    logp = float32(torch.where(wanted > 0, near - wanted, near))
    ref = float32(torch.where(wanted > 0, near, near + wanted))
    kinds = {}
    for kind in [*KINDS, "k1+", "k3+", "abs+"]:
        policy = logp.clone().requires_grad_()
        value = estimate(kind, policy, ref)
        value.sum().backward()
        kinds[kind] = {"value": value.detach(), "grad": policy.grad}
    write_cases(
        "kl.json",
        {"inputs": {"logp": logp, "ref": ref, "delta": ref - logp, "clamp": CLAMP}, "kinds": kinds},
    )


if __name__ == "__main__":
    main()
