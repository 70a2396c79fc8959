"""Whether the log of a partition goes on where the state ends: the first message read is the one after `applied`."""

from __future__ import annotations

from typing import NamedTuple


class LogEnds(NamedTuple):
    """A partition as the broker has it: the first offset kept, the end, the committed offset, the topic's id.

    `committed` is None when the group has committed none, `topic_id` empty when the broker does not say it.
    """

    first: int
    end: int
    committed: int | None = None
    topic_id: str = ""


class Break(NamedTuple):
    """Why a log does not go on where the state ends, and what to do; `lost`: messages that nobody can read any more."""

    text: str
    lost: int = 0


RESET = "`ebbtide state reset --yes` begins without state"


def break_of(applied: int, saved_id: str, log: LogEnds) -> Break | None:
    """Return what is wrong between a state and its log; None when nothing is.

    `applied`: newest offset in the state, -1 without any; `saved_id`: the topic's id when the state was saved. Offsets
    within the log may have holes (transactions, compaction): only its two ends count.
    """
    if applied < 0:
        lacks = log.committed is not None and log.committed > 0
        return Break(f"offset {log.committed} is committed, but the changelog has no state: {RESET}") if lacks else None
    if saved_id and log.topic_id and saved_id != log.topic_id:
        return Break(f"the topic was made anew since the state of offset {applied} was saved: {RESET}")
    if applied >= log.end:
        return Break(f"the state includes offset {applied}, the topic ends at {log.end - 1}: made anew? {RESET}")
    if applied + 1 < log.first:
        lost = log.first - applied - 1
        gone = f"{lost} messages, offsets {applied + 1} to {log.first - 1}, are gone from the topic unread"
        return Break(f'{gone}: `kafka.gaps = "accept"` goes on without them', lost)
    return None


def start_of(applied: int, log: LogEnds) -> int:
    """Return the offset to read from: never one behind what the state lacks. What it includes is skipped."""
    if applied >= 0 and (log.committed is None or log.committed > applied + 1):
        return max(applied + 1, log.first)
    return log.first if log.committed is None else max(log.committed, log.first)
