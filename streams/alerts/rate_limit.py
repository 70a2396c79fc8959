"""When to try again, and how often a receiver may be told: both by a clock and chance that are handed in."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

FIRST = 1.0  # seconds
LONGEST = 300.0
LONGEST_ASKED = 3600.0  # what a receiver may ask for with Retry-After


def delay(failures: int, asked: float | None, chance: Random) -> float:
    """Return the seconds to wait after so many failures in a row: full jitter, and at least what was asked for."""
    jitter = chance.uniform(0.0, min(LONGEST, FIRST * 2.0 ** min(failures, 30)))
    return jitter if asked is None else min(asked, LONGEST_ASKED) + jitter / 2


@dataclass(slots=True)
class Allowance:
    """So many requests a minute, in a burst of at most a sixth of them."""

    per_minute: int
    tokens: float = 0.0
    at: float | None = None

    @property
    def burst(self) -> float:
        """How many may follow at once."""
        return max(1.0, self.per_minute / 6)

    def refill(self, now: float) -> None:
        """Count the time that has passed; a clock that was put back counts for none."""
        passed = self.burst * 60 if self.at is None else max(0.0, now - self.at)
        self.tokens = min(self.burst, self.tokens + passed * self.per_minute / 60)
        self.at = now

    def has(self, now: float) -> bool:
        """Say whether one more is allowed now."""
        self.refill(now)
        return self.tokens >= 1

    def take(self, now: float) -> None:
        """Count one, allowed or not."""
        self.refill(now)
        self.tokens = max(0.0, self.tokens - 1)
