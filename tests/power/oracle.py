"""The physical limit: CUSUMs that know the true law of a series, at the detector's own budget."""

from __future__ import annotations

import math

import numpy as np

from detectors.outages.evidence import threshold
from tests.power.laws import Law, Matrix, Sample

RHOS = (0.95, 0.85, 0.6, 0.3, 0.02)


def delays(law: Law, sample: Sample, budget: float = 1.0) -> Matrix:
    """Return, for each series, the bins until the first CUSUM passes the threshold; infinite where none does."""
    limit = threshold(budget, law.width)
    found = np.full(sample.value.shape[1], np.inf)
    for rho in RHOS:
        total = np.zeros(sample.value.shape[1])
        for bins, step in enumerate(_steps(law, sample, rho), start=1):
            total = np.maximum(0, total + step)
            found = np.where(total >= limit, np.minimum(found, bins), found)
    return found


def _steps(law: Law, sample: Sample, rho: float) -> Matrix:
    """Log-likelihood ratios (nats) of "fallen to rho" against "normal", from the onset on."""
    value, mean = sample.value[sample.onset :], sample.mean[sample.onset :]
    if law.kind == "gauge":
        step, sigma = (1 - rho) * mean, law.size * mean
        ratio = ((mean - value) * step - step**2 / 2) / sigma**2
        # The mean of n bins with a memory strays by (1 + r) / (1 − r) times the variance of independent ones.
        return np.asarray(ratio * (1 - law.memory) / (1 + law.memory))
    if sample.size is None:
        return np.asarray(value * math.log(rho) + mean * (1 - rho))
    size = sample.size[sample.onset :]
    return np.asarray(value * math.log(rho) + (size - value) * np.log((1 - rho * mean) / (1 - mean)))
