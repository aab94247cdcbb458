"""Bootstrap intervals, sign-flip tests and quantiles by SciPy; resampling in tiers transcribed in NumPy.

    python bootstrap.py   writes ../fixtures/bootstrap.json
"""

import json

import numpy as np
import scipy
from scipy import stats

from fixtures import path

RESAMPLES = 199
FLAT = [0.1, 0.4, 0.2, 3.7, 0.9, 0.05, 1.6, 0.3, 2.2, 0.75, 0.6, 5.5]
# A judge's: resamples tie with the estimate.
JUDGED = [1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0]
# Seeds, prompts, samples; ragged.
TIERS = {
    "two": [[0.5, 1.5, 0.25], [2.0], [3.5, 3.0, 4.25, 0.125], [0.0, 1.0]],
    "three": [[[1.0, 2.0], [4.0, 0.5, 3.0]], [[2.5], [6.0, 7.0], [5.5, 1.25]]],
}
RESAMPLE = {
    "two": [[True, False], [True, True], [False, True]],
    "three": [[True, False, False], [False, True, False], [True, True, True], [True, False, True]],
}


def spread(x, axis=-1):
    return np.std(x, axis=axis, ddof=1)


def flat_case(statistic, method, confidence, data=FLAT):
    def run(**options):
        return stats.bootstrap(
            (data,),
            statistic,
            n_resamples=RESAMPLES,
            confidence_level=confidence,
            method=method,
            **options,
        )

    result = run(rng=np.random.default_rng(11))
    # The indices that SciPy drew: drawn again, and checked.
    indices = np.random.default_rng(11).integers(0, len(data), (RESAMPLES, len(data)))
    assert np.array_equal(statistic(np.array(data)[indices], axis=-1), result.bootstrap_distribution)
    interval = result.confidence_interval
    return indices, {
        "statistic": "mean" if statistic is np.mean else "std",
        "method": {"percentile": "percentile", "BCa": "bca"}[method],
        "confidence": confidence,
        "low": interval.low,
        "high": interval.high,
        "standardError": result.standard_error,
    }


def expanded(distribution, confidence):
    """Hesterberg 2015, section 5.3."""
    n = len(FLAT)
    tail = stats.norm.cdf(np.sqrt(n / (n - 1)) * stats.t.ppf((1 - confidence) / 2, n - 1))
    low, high = np.percentile(distribution, [100 * tail, 100 * (1 - tail)])
    return {"method": "expanded", "statistic": "mean", "confidence": confidence, "low": low, "high": high}


def tier_mean(data, resample, uniforms):
    """Depth first: a child is drawn, then its own children, then the next child."""
    values = []
    for i in range(len(data)):
        at = int(next(uniforms) * len(data)) if resample[0] else i
        child = data[at]
        values.append(tier_mean(child, resample[1:], uniforms) if isinstance(child, list) else child)
    return float(np.mean(values))


def tier_case(name, resample):
    used = []

    def draw():
        generator = np.random.default_rng(5)
        while True:
            used.append(generator.random())
            yield used[-1]

    uniforms = draw()
    replicates = [tier_mean(TIERS[name], resample, uniforms) for _ in range(20)]
    return {"data": TIERS[name], "resample": resample, "uniforms": used, "replicates": replicates}


def sign_flips(differences, **options):
    result = stats.permutation_test(
        (np.array(differences),),
        lambda x, axis: np.mean(x, axis=axis),
        permutation_type="samples",
        vectorized=True,
        alternative="two-sided",
        **options,
    )
    return {"differences": differences, "p": result.pvalue}


def main():
    cases = [
        flat_case(statistic, method, confidence)
        for statistic in [np.mean, spread]
        for method in ["percentile", "BCa"]
        for confidence in [0.95, 0.8]
    ]
    indices = cases[0][0]
    means = np.array(FLAT)[indices].mean(axis=-1)
    points = [-7.5, -3.2, -1.0, -0.25, 0.0, 0.6, 1.959963984540054, 4.0, 8.0]
    shares = [1e-6, 0.001, 0.025, 0.3, 0.5, 0.8, 0.995]
    degrees = [1, 2, 3, 4, 7, 19, 40, 99, 400, 0.7, 1.3, 2.6, 4.7, 61.5, 299.5]
    generator = np.random.default_rng(2)
    fixture = {
        "source": f"SciPy {scipy.__version__}, NumPy {np.__version__}, float64; see test/reference",
        "flat": {
            "data": FLAT,
            "resamples": RESAMPLES,
            "indices": indices.tolist(),
            "cases": [case for _, case in cases] + [expanded(means, 0.95), expanded(means, 0.8)],
        },
        # The same indices.
        "judged": {"data": JUDGED, "cases": [flat_case(np.mean, "BCa", 0.95, JUDGED)[1]]},
        "tiers": [tier_case(name, resample) for name, all in RESAMPLE.items() for resample in all],
        "signFlips": [
            sign_flips([0.5, -0.25, 1.0, 0.75, 0.5, -0.125, 0.25]),
            sign_flips([1.0, 2.0, 3.0, 4.0, 5.0]),
            sign_flips([0.1, -0.1, 0.2, -0.2, 0.3]),
            sign_flips([round(x, 3) for x in generator.normal(0.4, 1, 12).tolist()]),
        ],
        "normal": [[x, stats.norm.cdf(x)] for x in points],
        "normalQuantile": [[p, stats.norm.ppf(p)] for p in shares],
        "student": [[x, nu, stats.t.cdf(x, nu)] for nu in degrees for x in points],
        "studentQuantile": [[p, nu, stats.t.ppf(p, nu)] for nu in degrees for p in shares],
    }
    path("bootstrap.json").write_text(json.dumps(fixture) + "\n")


if __name__ == "__main__":
    main()
