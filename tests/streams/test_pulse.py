"""A process that stood still ends before it sends or writes anything."""

from __future__ import annotations

import pytest

from streams.pulse import Pulse, StoodStillError


class Wall:
    """A clock that is told the time."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_a_pulse_that_beats_lets_everything_through() -> None:
    """Beats closer than the limit are fine, however many."""
    wall = Wall()
    pulse = Pulse(5.0, wall)
    pulse.beat()
    for wall.now in (104.9, 109.8, 114.7):
        pulse.demand()
        pulse.beat()
    pulse.demand()


@pytest.mark.parametrize("beats_again", [False, True])
def test_a_pulse_that_stopped_lets_nothing_through_any_more(beats_again: bool) -> None:
    """Also when it beats again before anybody asks."""
    wall = Wall()
    pulse = Pulse(5.0, wall)
    pulse.beat()
    wall.now = 105.1
    if beats_again:
        pulse.beat()
    with pytest.raises(StoodStillError, match=r"stood still for 5\.1 s"):
        pulse.demand()
