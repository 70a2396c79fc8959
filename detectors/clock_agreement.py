"""The event time that half of the entities have reached, where no time of receipt bounds it: a recording, a backlog.

A wrong clock is one of many. So time is what more than half of the entities have reached, of those that measured while
some of them went a whole bin by their own clocks: others than these have fallen silent, or were never there.

Silence is no disagreement: where most fall silent at once, time follows the others, a bin behind them, as long as
nobody contradicts them. Such a stretch ends with a measurement that is older than others of it by more than the
lateness.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Final

import numpy as np

from detectors.types import Flags, Floats, Ints
from detectors.watermark import TimeRule

SLOTS: Final = 4096  # entities are counted in slots; those that share one count once
MOST: Final = 1024  # slots in use; of more entities a sample is asked
WITNESSES: Final = 5  # messages that a round takes at least
SPANNING: Final = 4  # a round ends when its entities have spanned a bin each, one of so many
HOUR: Final = 3600.0
LOOKS: Final = 4  # a round is looked at so many times, a longer one less often
_FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio

Hashes = np.ndarray[tuple[int], np.dtype[np.uint64]]


def hashes_of(entity: Ints) -> Hashes:
    """Return numbers of entities of which each bit depends on all bits of the entity below it, uint64 (n,)."""
    return entity.view(np.uint64) * _FACTOR


def slots_of(hashed: Hashes) -> Ints:
    """Return the slots of entities by their hashes, int64 (n,)."""
    return (hashed >> np.uint64(52)).view(np.int64)


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
    zero; `asked`: how many measurements since the last look have them.

    Of the stretch that nobody contradicts: `opened`: event time of the first arrival, inf if there is none, NaN if it
    was late; `opener`: offset of its message. `top`: the newest event time; `top_before`: that of the messages before
    the last. `base`: what was agreed at the last look, or when the stretch began.
    """

    COLUMNS: ClassVar = ("latest", "first", "before", "opened", "opener")
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
        "asked",
        "top",
        "top_before",
        "base",
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
    asked: int = 0
    opened: Floats = field(default_factory=lambda: np.full(SLOTS, np.inf))
    opener: Floats = field(default_factory=lambda: np.full(SLOTS, -1.0))
    top: float = -np.inf
    top_before: float = -np.inf
    base: float = -np.inf

    @property
    def is_orderly(self) -> bool:
        """Whether all clocks agree, or nobody knows yet: then nothing would be late by the newest of them."""
        return max(self.disorder, self.disorder_before) <= self.rule.lateness or not self.before.any()

    def take(self, entity: Ints, ts: Floats, message: Ints, newest: float) -> Floats:
        """Take measurements in order of arrival and return what is agreed as each of them has come, shape (n,).

        `entity`: a number of who measured. `ts`: event time (Unix s). `message`: offset of the message. `newest`: event
        time by which bins have closed so far, -inf for none.
        """
        hashed = hashes_of(entity)
        is_new = np.ones(len(ts), dtype=np.bool_)
        is_new[0] = message[0] != self.last
        np.not_equal(message[1:], message[:-1], out=is_new[1:])
        begins = np.flatnonzero(is_new)
        agreed, at, taken = np.empty(len(ts)), 0, 0
        self.last = int(message[-1])
        if newest > self.agreed:
            self.base = max(self.base, newest)
        while len(begins) - taken >= self.look - self.messages:
            taken += self.look - self.messages
            stop = int(begins[taken - 1]) + 1
            agreed[at:stop] = self._note(hashed[at:stop], ts[at:stop], message[at:stop], is_new[at:stop])
            self.messages = self.look
            self._look(max(newest, self.agreed))
            agreed[stop - 1] = self.base = self.agreed
            at = stop
        agreed[at:] = self._note(hashed[at:], ts[at:], message[at:], is_new[at:])
        self.messages += len(begins) - taken
        return agreed

    def _note(self, hashed: Hashes, ts: Floats, message: Ints, is_new: Flags) -> Floats:
        """Note who measured; return what is agreed as each has come."""
        if not len(ts):
            return ts
        newest = np.maximum.accumulate(ts)
        np.maximum(newest, self.front, out=newest)
        self.front = float(newest[-1])
        self.disorder = max(self.disorder, float((newest - ts).max()))
        agreed = self._follow(slots_of(hashed), ts, message, is_new)
        if self.sample:
            asked = (hashed >> np.uint64(20)) & np.uint64(self.sample) == 0
            hashed, ts = hashed[asked], ts[asked]
        self.asked += len(ts)
        slots = slots_of(hashed)
        self.latest[slots] = ts
        new = np.flatnonzero(self.first[slots] == -np.inf)[::-1]  # the first of a slot is written last
        self.first[slots[new]] = ts[new]
        return agreed

    def _follow(self, slots: Ints, ts: Floats, message: Ints, is_new: Flags) -> Floats:
        """Move time on with those whom nobody contradicts; return what is agreed as each has come."""
        agreed, at = np.empty(len(ts)), 0
        for stop in self._contradictions(ts):
            part = slice(at, stop)
            if self.top == -np.inf and len(set(slots[part].tolist())) == stop - at:  # none of them went on
                agreed[part] = self.agreed
            else:
                agreed[part] = self._unchallenged(slots[part], ts[part], message[part], is_new[part])
                self.opened.fill(np.inf)
                self.opener.fill(-1)
                self.top = self.top_before = -np.inf
            self.base, at = self.agreed, stop
        rest = slice(at, None)
        agreed[rest] = self._unchallenged(slots[rest], ts[rest], message[rest], is_new[rest])
        return agreed

    def _contradictions(self, ts: Floats) -> Iterator[int]:
        """Yield the index of each measurement that contradicts the stretch before it; late ones do not."""
        newest, lateness = np.maximum(np.maximum.accumulate(ts), self.top), self.rule.lateness
        if not (ts < newest - lateness).any():
            return
        top = self.top
        for index, time in enumerate(ts.tolist()):
            if time >= top:
                top = time
            elif self.base - lateness <= time < top - lateness:
                yield index
                top = time

    def _unchallenged(self, slots: Ints, ts: Floats, message: Ints, is_new: Flags) -> Floats:
        """Take a part of a stretch: who went on for a bin in it leads time, a bin behind, to what messages before had.

        That needs a clock in step at first. Who sends late measurements catches up, and leads nobody.
        """
        if not len(ts):
            return ts
        late = ts < self.base - self.rule.lateness
        tops = np.maximum(np.maximum.accumulate(ts), self.top)
        decides = late | (ts <= self.base + 2 * self.rule.width + self.rule.lateness)
        new = np.flatnonzero(decides & (self.opened[slots] == np.inf))[::-1]
        self.opened[slots[new]] = np.where(late, np.nan, ts)[new]
        self.opener[slots[new]] = message[new]
        spans = (ts - self.opened[slots] >= self.wait) & (self.opener[slots] != message)
        begun = np.maximum.accumulate(np.where(is_new, np.arange(len(ts)), -1))
        before = np.where(begun < 0, self.top_before, np.concatenate(([self.top], tops[:-1]))[begun])
        self.top, self.top_before = float(tops[-1]), float(before[-1])
        reached = np.where(spans, np.minimum(ts - self.wait, before), -np.inf)
        agreed = np.maximum(np.maximum.accumulate(reached), self.agreed)
        self.agreed = float(agreed[-1])
        return agreed

    @property
    def wait(self) -> float:
        """How long those must go on who lead time alone (s)."""
        return min(float(self.rule.width), max(HOUR, self.rule.lateness))

    def _look(self, newest: float) -> None:
        """End the round if that is due, and count who has passed the end of the next bin and the lateness."""
        if not self.asked:  # nobody of the sample is left
            self.sample >>= 1
        self.asked = 0
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
