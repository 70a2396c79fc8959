"""What `ebbtide explain` says of losses that recur: whether they alert, and what their days are worth."""

from __future__ import annotations

import pytest

from detectors.outages.suppression import RECURRING
from detectors.types import Rule, State, Suppression
from streams.evaluation.bin_history import History, HistoryBin
from streams.evaluation.explain_text import sentences
from tests.streams.helpers import HOUR, START

DAILY = Suppression(RECURRING, "the daily profile has changed: 50% below normal from 08:00 to 12:00 UTC each day")
PLANNED = Suppression("exams", "exams of the school year")


def down(hour: int, state: State = "open", by: Suppression | None = None, recurs: float = 5.0) -> HistoryBin:
    """Return a bin of an outage that is followed."""
    return HistoryBin(
        START + hour * HOUR, 50.0, 100.0, 5.0, None, state, "followed", 500, False, (), None, None, by, recurs
    )


def said(*bins: HistoryBin) -> list[str]:
    """Return what is said of an alert."""
    history = History("gauge", (), Rule("gauge", HOUR), 12.5, list(bins))
    return [line for line in sentences(history, bins, None) if "alert" in line]


def test_a_loss_that_recurs_too_little_alerts() -> None:
    """Five nats of 9.3."""
    assert said(down(8)) == ["It alerts: that losses recur at these hours is worth 5.0 nats so far; 9.3 are enough."]


def test_a_loss_that_is_not_as_the_others_alerts_whatever_they_are_worth() -> None:
    """Twelve nats of 9.3."""
    assert said(down(8, recurs=12.0)) == [
        "It alerts: that losses recur each day is worth 12.0 nats, and 9.3 are enough, "
        "but this one is nearly total, or deeper, longer or at other hours than they are."
    ]


def test_outages_are_said_apart() -> None:
    """One that alerted, one that was expected, and one that was deeper."""
    assert said(down(8), down(9), down(32, by=DAILY, recurs=10.0), down(56, recurs=11.0)) == [
        "No alert in 1 bin (2019-12-31 08:00): the daily profile has changed: 50% below normal from 08:00 to 12:00 "
        "UTC each day. That days are alike is worth 10.0 nats; 9.3 are enough.",
        "It alerts in 2 bins: that losses recur at these hours is worth 5.0 nats so far; 9.3 are enough.",
        "It alerts in 1 bin (2020-01-01 08:00): that losses recur each day is worth 11.0 nats, and 9.3 are enough, "
        "but this one is nearly total, or deeper, longer or at other hours than they are.",
    ]


@pytest.mark.parametrize(
    "closed", [down(8, by=PLANNED), down(8, "suspected"), down(8, recurs=0.0)], ids=["calendar", "suspicion", "first"]
)
def test_nothing_is_said_where_recurrence_decides_nothing(closed: HistoryBin) -> None:
    """A calendar expects it, it is a suspicion, or nothing recurs."""
    assert said(closed) == []
