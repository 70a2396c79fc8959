"""The outages that are put into the drill's input."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from detectors.types import Floats

STRUCK = 0.05  # share of the ASNs that have an outage
LEARNING = 14  # bins without any
DEPTHS = (1.0, 1.0, 0.8, 0.6)


def left(series: int, bins: int, chance: Generator) -> Floats:
    """Return how much of normal is left: a row per ASN, a column per bin and one for the tail.

    Outages begin at any bin after the first `LEARNING`. Some deepen or ease half-way, some last to the end.
    """
    share = np.ones((series, bins + 1))
    for asn in chance.choice(series, max(4, int(STRUCK * series)), replace=False).tolist():
        begin = int(chance.integers(LEARNING, bins - 2))
        end = begin + int(chance.integers(2, max(3, bins // 3)))
        middle = (begin + end) // 2
        share[asn, begin:end] = 1 - chance.choice(DEPTHS)
        if chance.random() < 0.4:
            share[asn, middle:end] = 1 - chance.choice(DEPTHS)
    return share
