"""What is wrong with the keys of messages: which are refused, and what the log and the page say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

from schemas.rejections import Reason
from streams.config.settings import KafkaSettings
from streams.ingest.placement import Home, placement

LOG_EVERY = 3600.0  # seconds between two lines in the log of one partition on the same thing


def home_of(kafka: KafkaSettings, number: int) -> Home | None:
    """Return the home of a partition; None where producers may choose partitions as they like."""
    if kafka.partitioner == "any":
        return None
    return Home(placement(kafka.partitioner, kafka.partitions), number, kafka.keys == "strict")


def bad_keys(keys: Sequence[bytes | None]) -> dict[int, Reason]:
    """Return the indices of messages whose key is not there, empty or not UTF-8, and the reason of each."""
    present = list(filter(None, keys))
    if len(present) == len(keys) and b"".join(present).isascii():
        return {}
    reasons = ((index, _reason(key)) for index, key in enumerate(keys))
    return {index: reason for index, reason in reasons if reason is not None}


def _reason(key: bytes | None) -> Reason | None:
    if not key:
        return "no-key"
    try:
        key.decode()
    except UnicodeDecodeError:
        return "bad-key"
    return None


class KeyWatch:
    """Notes when messages of a partition last had no key, or an entity that belongs elsewhere.

    Attributes:
        no_key_at: Wall time of the last message without a key (s); None when there was none since the start.
        stray_at: The same of the last measurement of an entity that belongs to another partition.
        stray: A phrase that names that entity, where it belongs, and whether it is used.
    """

    def __init__(self, home: Home | None) -> None:
        self._home = home
        self._logged: dict[str, float] = {}
        self.no_key_at: float | None = None
        self.stray_at: float | None = None
        self.stray = ""

    def note(self, counts: Mapping[tuple[str, str], int], stray: str | None, now: float) -> list[str]:
        """Note what a batch added to the counts, and the newest stray entity; return the due lines of the log."""
        lines = {}
        if counts.get(("dead", "no-key")):
            self.no_key_at = now
            lines["no-key"] = "messages without a key are dead letters: the key must be the entity, such as asn/64500"
        if stray is not None and self._home and any(name == "misplaced" for name, _ in counts):
            self.stray_at, self.stray = now, f"{self._home.text(stray)}: {self._home.outcome}"
            lines["stray"] = f"{self.stray}; a producer chooses partitions by another hash, see kafka.partitioner"
        due = {subject for subject in lines if now - self._logged.get(subject, -inf) >= LOG_EVERY}
        self._logged.update(dict.fromkeys(due, now))
        return [line for subject, line in lines.items() if subject in due]
