"""How long to wait before a retry, and how many requests a receiver gets. The caller passes the time."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

FIRST = 1.0  # seconds
LONGEST = 300.0
LONGEST_ASKED = 3600.0  # seconds that a receiver may ask for with Retry-After


def retry_delay(failures: int, retry_after: float | None, rng: Random) -> float:
    """Return the seconds to wait after a number of failures in a row: full jitter, and at least `retry_after`."""
    jitter = rng.uniform(0.0, min(LONGEST, FIRST * 2.0 ** min(failures, 30)))
    return jitter if retry_after is None else min(retry_after, LONGEST_ASKED) + jitter / 2


@dataclass(slots=True)
class RateLimit:
    """A token bucket: requests a minute, in bursts of at most a sixth of them."""

    per_minute: int
    tokens: float = 0.0
    at: float | None = None

    @property
    def burst(self) -> float:
        """The number of requests that may follow at once."""
        return max(1.0, self.per_minute / 6)

    def refill(self, now: float) -> None:
        """Add the tokens of the time that passed. A clock that was set back adds none."""
        passed = self.burst * 60 if self.at is None else max(0.0, now - self.at)
        self.tokens = min(self.burst, self.tokens + passed * self.per_minute / 60)
        self.at = now

    def allows(self, now: float) -> bool:
        """Return whether one more request is allowed now."""
        self.refill(now)
        return self.tokens >= 1

    def spend(self, now: float) -> None:
        """Count a request, allowed or not."""
        self.refill(now)
        self.tokens = max(0.0, self.tokens - 1)
