"""How the time of a feed, or of its areas, has gone back so far."""

from __future__ import annotations

from typing import Final, NamedTuple


class Rewound(NamedTuple):
    """How often the time of a feed has gone back, and the end of the bins that close anew (Unix s).

    `false_from`: the start of the first bin that had closed before it was over (Unix s).
    """

    times: int = 0
    until: int = 0
    false_from: int = 0

    def again(self, opened: int) -> int:
        """Return which time it is that the bin of this start closes: 0 for the first."""
        return self.times if opened < self.until else 0


NEVER: Final = Rewound()
