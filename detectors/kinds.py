"""What the measurements of each kind of feed carry: looked up once, in place of comparing the name of the kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from detectors.types import Kind


@dataclass(frozen=True, slots=True)
class FeedKind:
    """What a measurement of a feed carries beyond its event time and its value.

    `has_trials`: the number of trials (`of`), of which the value is a part. `names_members`: who was measured.
    `tracks_members`: whether that member is up, so that members are followed one by one.
    """

    name: Kind
    has_trials: bool = False
    names_members: bool = False
    tracks_members: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether event times and values are all that a bin needs."""
        return not (self.has_trials or self.names_members)


FEED_KINDS: dict[Kind, FeedKind] = {
    "gauge": FeedKind("gauge"),
    "count": FeedKind("count"),
    "distinct": FeedKind("distinct", names_members=True),
    "ratio": FeedKind("ratio", has_trials=True),
    "presence": FeedKind("presence", names_members=True, tracks_members=True),
}
assert FEED_KINDS.keys() == set(get_args(Kind))
