"""How far may be committed: never past what a receiver has not heard, or is not to hear."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.alerts.delivery_types import RecordLocation
from streams.alerts.offsets import Offsets

PART = ("incidents", 0)


@given(st.lists(st.sets(st.sampled_from("abc")), max_size=8), st.data())
def test_up_to_the_oldest_that_is_not_settled(messages: list[set[str]], data: st.DataObject) -> None:
    """In whatever order receivers are done with messages, and be it twice."""
    offsets = Offsets()
    offsets.restart({PART: 100})
    for at, receivers in enumerate(messages, 100):
        offsets.add(RecordLocation(*PART, at), receivers)
    left = {(at, name) for at, names in enumerate(messages, 100) for name in names}
    for at, name in data.draw(st.permutations(sorted(left))):
        for _ in range(2):
            offsets.settle(RecordLocation(*PART, at), name)
        left.discard((at, name))
        assert offsets.settled() == {PART: min([at for at, _ in left], default=100 + len(messages))}


def test_what_is_not_known_here_settles_nothing() -> None:
    """Of partitions that went away."""
    offsets = Offsets()
    offsets.restart({PART: 7})
    offsets.settle(RecordLocation("incidents", 3, 2), "a")
    assert offsets.settled() == {PART: 7}
