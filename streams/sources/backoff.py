"""How long to wait before the next connection."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

FIRST, MOST = 1.0, 60.0  # seconds
STEADY = 60.0  # seconds of data after which the wait is short again


@dataclass(slots=True)
class Backoff:
    """Waits of at most 1 s, doubling to 60 s, each drawn between 0 and that, so that many do not come back at once."""

    rng: Random
    failures: int = 0

    def next(self, connected: float) -> float:
        """Return the wait in seconds after a connection that lasted `connected` seconds."""
        self.failures = 1 if connected >= STEADY else self.failures + 1
        return self.rng.uniform(0.0, min(MOST, FIRST * 2.0 ** min(self.failures - 1, 10)))
