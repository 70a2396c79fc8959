"""Bins of which measurements were lost before they were read: what was measured in them is unknown, not zero."""

from __future__ import annotations

from typing import NamedTuple


class Gap(NamedTuple):
    """Starts of the first and the last bin of which measurements may be missing (Unix seconds).

    `first` is None when nothing is missing. `last` is None until the first measurement after the gap has come.
    """

    first: int | None = None
    last: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether no measurement has come since the loss."""
        return self.first is not None and self.last is None

    def __contains__(self, start: object) -> bool:
        """Whether measurements may be missing in the bin of this start."""
        if self.first is None or not isinstance(start, int):
            return False
        return self.first <= start and (self.last is None or start <= self.last)

    def widened(self, next_close: int | None) -> Gap:
        """Return the gap after a loss, before which the bin of start `next_close` was to close next (None: no bin)."""
        if next_close is None:
            return self
        return Gap(next_close if self.first is None else min(self.first, next_close))

    def closed(self, last: int) -> Gap:
        """Return the gap, now that its last bin is known."""
        return self._replace(last=last)
