"""Which offsets may be committed: none past a record that a receiver has not settled."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.alerts.delivery_types import RecordLocation
from streams.alerts.offsets import Offsets

PART = ("incidents", 0)


@given(st.lists(st.sets(st.sampled_from("abc")), max_size=8), st.data())
def test_up_to_the_oldest_that_is_not_settled(messages: list[set[str]], data: st.DataObject) -> None:
    """Receivers may settle records in any order, and twice."""
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


def test_records_of_other_partitions_settle_nothing() -> None:
    """The partition was revoked."""
    offsets = Offsets()
    offsets.restart({PART: 7})
    offsets.settle(RecordLocation("incidents", 3, 2), "a")
    assert offsets.settled() == {PART: 7}
