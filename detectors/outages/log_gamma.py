"""The logarithm of the gamma function, of arrays."""

from __future__ import annotations

import math

import numpy as np

from detectors.types import Floats


def log_gamma(x: Floats) -> Floats:
    """Return the logarithm of the gamma function: Stirling with two terms, shifted by 6 for an error below 1e-6."""
    # x (x + 1) … (x + 5), where x (x + 5), (x + 1) (x + 4) and (x + 2) (x + 3) differ by 4 and 2.
    shift = x + 5
    shift *= x
    y = shift + 4
    y *= shift
    shift += 6
    shift *= y
    np.log(shift, out=shift)
    np.add(x, 6, out=y)
    found = np.divide(1, y)
    tail = found * found
    tail *= -1 / 360
    tail += 1 / 12
    tail *= found
    np.log(y, out=found)
    found *= y - 0.5
    found -= y
    found += 0.5 * math.log(2 * math.pi)
    found += tail
    found -= shift
    return found
