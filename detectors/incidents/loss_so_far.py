"""What an incident has lost over its time, for the mean loss that a headline gives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LossSoFar:
    """What an incident has lost: the share of normal now, as of a time, and in all, in seconds times that share."""

    at: float = 0.0
    share: float = 0.0
    seconds: float = 0.0
    total: float = 0.0

    def until(self, now: float, share: float) -> LossSoFar:
        """Return it as of a later time, from which on a share of normal is lost; what is back does not count."""
        span = max(now - self.at, 0.0) if self.share > 0 else 0.0
        return LossSoFar(now, share, self.seconds + span, self.total + span * self.share)

    @property
    def mean(self) -> float | None:
        """The share lost on average while something was; None where that was never seen."""
        return self.total / self.seconds if self.seconds else self.share or None
