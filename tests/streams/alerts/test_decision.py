"""What a receiver is told of a course of revisions."""

from __future__ import annotations

import pytest

from streams.alerts.notice import Notice
from streams.config.alerts import Route
from tests.streams.alerts.helpers import REFUSED, UNSURE, Box, incident, outage

PARTIAL = {"severity": "partial"}


@pytest.mark.parametrize(
    ("course", "told"),
    [
        ([incident(1)], ["opened"]),
        ([incident(1, "suspected"), incident(2)], ["opened"]),
        ([incident(1, "suspected"), incident(2, "ended")], []),
        ([incident(1), incident(2)], ["opened"]),
        ([incident(1), incident(2, "spreading"), incident(3, "spreading")], ["opened", "changed"]),
        ([incident(1), incident(2, "recovering"), incident(3)], ["opened", "changed", "changed"]),
        ([incident(1, **PARTIAL), incident(2), incident(3, **PARTIAL)], ["opened", "changed"]),
        ([incident(1), incident(2, kinds=["total"])], ["opened", "changed"]),
        ([incident(1), incident(2, kinds=["partial", "mobile-only", "international-only"])], ["opened"]),
        ([incident(1), incident(2, "ended"), incident(2, "ended")], ["opened", "ended"]),
        ([incident(1), incident(2, "expired")], ["opened", "ended"]),
        ([incident(1), incident(2, "ended", merged_into="af31b6f0959342e0")], ["opened", "ended"]),
        ([incident(1, suppressed_by="calendar:exam"), incident(2, "ended")], []),
        ([incident(1), incident(2, suppressed_by="calendar:exam"), incident(3)], ["opened", "ended", "opened"]),
        ([incident(1, "ended")], []),
        ([incident(3), incident(1), incident(2, "spreading")], ["opened"]),
        ([outage(revision=1), outage(revision=2, state="retracted")], ["opened", "ended"]),
    ],
)
def test_courses(course: list[Notice], told: list[str]) -> None:
    """The first confirmed revision, what matters, the end; nothing twice, and no end of what was not told."""
    box = Box()
    assert [said for one in course for said in box.tell(one)] == told
    assert box.unsettled() == set()


def test_a_suspected_one_is_told_where_a_route_wants_it() -> None:
    """Then its confirmation is a change, and its end is told, too."""
    box, route = Box(), Route(receivers=("noc",), suspected=True)
    told = []
    for one in (incident(1, "suspected"), incident(2), incident(3, "ended")):
        box.now += 1000
        box.put(one, route)
        told += [(item.action, item.reason) for item in box.send()]
    assert told == [("opened", "suspected"), ("changed", "confirmed"), ("ended", "over")]


def test_the_end_names_the_older_incident_or_what_suppresses_it() -> None:
    """Whoever reads it knows where to look on."""
    for fields, text in (({"merged_into": "af31b6f0959342e0"}, "af31b6f0959342e0"), ({"suppressed_by": "x:1"}, "x:1")):
        box = Box()
        box.tell(incident(1))
        box.now += 1000
        box.put(incident(2, "ended" if "merged_into" in fields else "ongoing", **fields))
        assert text in box.send()[0].reason


def test_the_end_follows_when_no_route_matches_any_more() -> None:
    """An incident that no longer matches is still told to whom it was told; a new one is not."""
    box = Box()
    box.tell(incident(1))
    box.put(incident(2, "ended"), None)
    assert [item.action for item in box.send()] == ["ended"]
    box.put(incident(1, incident_id="0" * 16), None)
    assert box.send() == []
    assert box.unsettled() == set()


def test_the_end_follows_a_message_that_may_have_arrived() -> None:
    """Timed out, then over: the end is told, also by a process that only knows what was written down before."""
    box = Box()
    box.put(incident(1))
    box.send(UNSURE)
    for one in (box, box.restarted()):
        one.put(incident(2, "ended"))
        one.now += 1000
        assert [item.action for item in one.send()] == ["ended"]


def test_killed_while_sending_it_sends_again_under_the_same_id() -> None:
    """Nothing is known of how the first went: the same revision has the same id after the restart."""
    box = Box()
    box.put(incident(1))
    job = box.next()
    assert job is not None
    assert box.unsettled() == {0}
    again = box.restarted()
    again.put(incident(1))
    assert [item.id for item in again.send()] == [job.items[0].id]
    assert again.unsettled() == set()


def test_what_was_delivered_is_not_told_again_after_a_restart() -> None:
    """Read again from an older offset, no revision says anything; the end still does."""
    box = Box()
    box.tell(incident(1))
    box.tell(incident(2, "spreading"))
    again = box.restarted()
    assert [said for n in (1, 2) for said in again.tell(incident(n, "spreading"))] == []
    assert again.tell(incident(3, "ended")) == ["ended"]


def test_a_dead_first_message_is_tried_again_with_the_next_revision() -> None:
    """A receiver that was away is told once it is back; one that refused and never knew hears no end."""
    box = Box()
    assert box.tell(incident(1), REFUSED) == ["opened"]
    assert [dead.reason for dead in box.effects.dead] == ["refused"]
    assert box.restarted().tell(incident(2)) == ["opened"]
    assert box.tell(incident(2, "ended")) == []
