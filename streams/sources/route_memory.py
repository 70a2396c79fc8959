"""Which networks were visible when, as rows to save with the positions: what was withdrawn before a restart is zero.

A table that is read after a restart names only who is visible in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec

SHARDS: Final = 256  # rows of a family


class _Head(msgspec.Struct):
    at: int


class _Row(msgspec.Struct):
    """Networks that are or were visible: network and the time (Unix seconds) when they were last."""

    visible: list[int]
    gone: list[tuple[int, int]]


_HEAD, _ROW = msgspec.json.Decoder(_Head), msgspec.json.Decoder(_Row)


class RouteMemory(NamedTuple):
    """When each network was visible last (Unix seconds), as of a time `at`: those of that time are visible."""

    at: int
    visible_at: dict[int, int]

    def rows(self, family: str) -> dict[str, bytes]:
        """Return rows by their keys: a few networks each, so that few rows change when a network comes or goes."""
        shards: dict[int, _Row] = {}
        for asn, ts in sorted(self.visible_at.items()):
            row = shards.setdefault(asn % SHARDS, _Row([], []))
            if ts == self.at:
                row.visible.append(asn)
            else:
                row.gone.append((asn, ts))
        found = {f"{family}.{shard}": msgspec.json.encode(row) for shard, row in sorted(shards.items())}
        return {family: msgspec.json.encode(_Head(self.at)), **found}

    @classmethod
    def restored(cls, family: str, saved: Mapping[str, bytes]) -> RouteMemory:
        """Return what rows of a family say; others are not read. Raises msgspec.DecodeError."""
        if family not in saved:
            return cls(0, {})
        at = _HEAD.decode(saved[family]).at
        rows = [_ROW.decode(value) for key, value in saved.items() if key.startswith(f"{family}.")]
        gone = {asn: ts for row in rows for asn, ts in row.gone}
        return cls(at, {**{asn: at for row in rows for asn in row.visible}, **gone})


def changed(rows: Mapping[str, bytes], saved: Iterable[tuple[str, bytes]]) -> dict[str, bytes | None]:
    """Return what to save: rows that are not saved yet, and None for each row that is gone."""
    before = dict(saved)
    gone: dict[str, bytes | None] = {key: None for key in before if key not in rows}
    return {**{key: value for key, value in rows.items() if before.get(key) != value}, **gone}
