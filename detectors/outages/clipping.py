"""Bounds of arrays from one side, three times as fast as `np.maximum` and `np.minimum`."""

from __future__ import annotations

import numpy as np

from detectors.types import Share, Singles


def at_least(numbers: Singles, least: float | Share, out: Singles | None = None) -> Singles:
    """Return the larger of each number and a bound: a number, or an array of the same shape."""
    larger: Singles = numbers.clip(least, np.inf, out=out)
    return larger


def at_most(numbers: Singles, most: float | Share, out: Singles | None = None) -> Singles:
    """Return the smaller of each number and a bound: a number, or an array of the same shape."""
    smaller: Singles = numbers.clip(-np.inf, most, out=out)
    return smaller
