"""The event time that half of the entities have reached, where no time of receipt bounds it: a recording, a backlog.

A wrong clock is one of many. So time is what more than half of the entities have reached, of those that measured while
some of them went a whole bin by their own clocks: others than these have fallen silent, or were never there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final

import numpy as np

from detectors.types import Flags, Floats, Ints
from detectors.watermark import TimeRule

SLOTS: Final = 4096  # entities are counted in slots; those that share one count once
MOST: Final = 1024  # slots in use; of more entities a sample is asked
WITNESSES: Final = 5  # messages that a round takes at least
SPANNING: Final = 4  # a round ends when its entities have spanned a bin each, one of so many
LOOKS: Final = 4  # a round is looked at so many times, a longer one less often
_FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio


def _nowhere() -> Floats:
    return np.full(SLOTS, -np.inf)


@dataclass(slots=True)
class Agreement:
    """What the entities of one feed agree on; all columns have shape (`SLOTS`,).

    `latest`: event time of the newest arrival (Unix s). `first`: of the first one in this round, -inf if there is none.
    `before`: who measured in the round before. `agreed`: what half have reached. `front`: the newest event time.
    `messages`: how many this round has; `look`: after how many of them the next look comes; `stride`: messages from
    look to look. `disorder`: by how much (s) a measurement of this round was older than one before it at most, and
    `disorder_before` of the round before. `last`: offset of the last message. `sample`: bits of the hash that must be
    zero.
    """

    COLUMNS: ClassVar = ("latest", "first", "before")
    SCALARS: ClassVar = (
        "disorder",
        "disorder_before",
        "agreed",
        "front",
        "messages",
        "look",
        "stride",
        "last",
        "sample",
    )

    rule: TimeRule
    latest: Floats = field(default_factory=_nowhere)
    first: Floats = field(default_factory=_nowhere)
    before: Flags = field(default_factory=lambda: np.zeros(SLOTS, dtype=np.bool_))
    agreed: float = -np.inf
    front: float = -np.inf
    messages: int = 0
    look: int = 1
    stride: int = 1
    disorder: float = 0.0
    disorder_before: float = 0.0
    last: int = -1
    sample: int = 0

    @property
    def is_orderly(self) -> bool:
        """Whether all clocks agree, or nobody knows yet: then nothing would be late by the newest of them."""
        return max(self.disorder, self.disorder_before) <= self.rule.lateness or not self.before.any()

    def take(self, entity: Ints, ts: Floats, message: Ints, newest: float) -> Floats:
        """Take measurements in order of arrival and return what is agreed as each of them has come, shape (n,).

        `entity`: a number of who measured. `ts`: event time (Unix s). `message`: offset of the message. `newest`: event
        time by which bins have closed so far, -inf for none.
        """
        hashed = entity.view(np.uint64) * _FACTOR
        is_new = np.ones(len(ts), dtype=np.bool_)
        is_new[0] = message[0] != self.last
        np.not_equal(message[1:], message[:-1], out=is_new[1:])
        begins = np.flatnonzero(is_new)
        agreed, at, taken = np.full(len(ts), self.agreed), 0, 0
        self.last = int(message[-1])
        while len(begins) - taken >= self.look - self.messages:
            taken += self.look - self.messages
            stop = int(begins[taken - 1]) + 1
            self._note(hashed[at:stop], ts[at:stop])
            self.messages = self.look
            self._look(max(newest, self.agreed))
            agreed[stop - 1 :] = self.agreed
            at = stop
        self._note(hashed[at:], ts[at:])
        self.messages += len(begins) - taken
        return agreed

    def _note(self, hashed: np.ndarray[tuple[int], np.dtype[np.uint64]], ts: Floats) -> None:
        """Note who measured."""
        if not len(ts):
            return
        newest = np.maximum.accumulate(ts)
        np.maximum(newest, self.front, out=newest)
        self.front = float(newest[-1])
        self.disorder = max(self.disorder, float((newest - ts).max()))
        if self.sample:
            asked = (hashed >> np.uint64(20)) & np.uint64(self.sample) == 0
            hashed, ts = hashed[asked], ts[asked]
        slots = (hashed >> np.uint64(52)).view(np.int64)
        self.latest[slots] = ts
        new = np.flatnonzero(self.first[slots] == -np.inf)[::-1]  # the first of a slot is written last
        self.first[slots[new]] = ts[new]

    def _look(self, newest: float) -> None:
        """End the round if that is due, and count who has passed the end of the next bin and the lateness."""
        self.look = self.messages + max(self.stride, self.messages // LOOKS)
        least = self.rule.least(newest)
        if self.front < least:
            return
        present = self.first > -np.inf
        many = int(np.count_nonzero(present))
        bins = (self.latest[present] - self.first[present]) // self.rule.width
        spanning = np.clip(bins, 0, self.messages).sum()  # few that are left span many
        if self.messages >= WITNESSES and spanning >= max(1, many // SPANNING):
            self._end_round(present, many)
            present = self.before
        elif not self.before.any():
            return
        else:
            present |= self.before
        votes = self.latest[present]
        rank = len(votes) - 1 - len(votes) // 2
        if np.count_nonzero(votes >= least) > len(votes) // 2:
            self.agreed = max(self.agreed, float(np.partition(votes, rank)[rank]))

    def _end_round(self, present: Flags, many: int) -> None:
        self.before = present
        self.disorder, self.disorder_before = 0.0, self.disorder
        self.stride = max(1, self.messages // LOOKS)
        self.first.fill(-np.inf)
        self.messages, self.look = 0, self.stride
        if many > MOST:
            self.sample = 2 * self.sample + 1
