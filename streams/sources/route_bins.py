"""Routes to values: at the end of each bin, how many prefixes of each network are visible.

A prefix is visible when more than a share of the peers that count have a route to it. A peer counts that is up, has
sent all its routes, said something lately, and has a full table. A lost peer thus leaves the denominator, too: it is no
withdrawal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec
import numpy as np

from streams.config.route_sources import RouteRules
from streams.sources.bgp_update import V4, V6, RouteChange
from streams.sources.mrt import BrokenRecord, MrtItem, TableEntry, TablePeers
from streams.sources.records import (
    DecodedRecords,
    Decoder,
    Gap,
    LineRecord,
    RawRecord,
    RecordChunk,
    RejectedRecord,
    Remarks,
)
from streams.sources.route_memory import RouteMemory, changed
from streams.sources.route_rows import Counts, Flags
from streams.sources.route_table import WHOLE, Networks, RouteTable

PART: Final = "routes"
GROWN: Final = 0.01  # a peer that is up has sent all when it has grown by no more than this in a bin
_ENCODER = msgspec.json.Encoder()
_VALUES: Final = b"[{"


class BinRule(NamedTuple):
    """The width of bins, and the time after which a network without prefixes is forgotten, both in seconds."""

    width: int
    forget_after: float


class RouteDecoder:
    """Decodes values of bins by the mapping; what else is in a record is rejected with its fault, which is the key."""

    def __init__(self, mapping: Decoder) -> None:
        self._mapping = mapping

    def decode(self, records: Sequence[RawRecord]) -> DecodedRecords:
        """Return the rows of records."""
        is_bin = [(record.value or b"").startswith(_VALUES) for record in records]
        places = [at for at, found in enumerate(is_bin) if found]
        decoded = self._mapping.decode([records[at] for at in places])
        for row in decoded.rows:
            row.index = places[row.index]
        rejected = [fault._replace(at=places[fault.at]) for fault in decoded.rejected]
        rejected += [
            RejectedRecord(at, "not-bgp", (records[at].key or b"").decode())
            for at, found in enumerate(is_bin)
            if not found
        ]
        return decoded._replace(rejected=sorted(rejected, key=lambda fault: fault.at))


class _Value(msgspec.Struct):
    time: int
    asn: int
    prefixes: int


@dataclass(slots=True)
class RouteBins:
    """The table of a source, and the bins that are over. `begin`: only bins from this time on (Unix seconds) are made.

    `start`: of the open bin; None before the first message. `counted`: how many peers counted at the end of the last.
    `made`: a value above the start of each bin that was made. `complete`: time before which all messages are in the
    table, as the reader says. `doubted`: collectors of which messages are missing. `duplicates`: those that came again.
    """

    routes: RouteRules
    rule: BinRule
    begin: int = 0
    table: RouteTable = field(init=False)
    start: int | None = None
    newest: float = 0.0
    counted: int = 0
    made: int = 0
    complete: int | None = None
    doubted: set[str] = field(default_factory=set)
    duplicates: int = 0
    networks: Networks = field(default_factory=Networks)
    _routes: Counts = field(default_factory=lambda: np.zeros(0, np.int64))
    _visible_at: Counts = field(default_factory=lambda: np.zeros(0, np.int64))
    _looked_at: int = 0
    _saved: dict[str, bytes] = field(default_factory=dict)
    _records: list[LineRecord] = field(default_factory=list)
    _gaps: list[Gap] = field(default_factory=list)
    _unknown: int = 0
    _reported: Counter[str] = field(default_factory=Counter)
    _is_loading: bool = False

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin with an empty table; which networks were visible when is remembered."""
        self.table = RouteTable(V4 if self.routes.family == "ipv4" else V6, networks=self.networks)
        self._routes, self._reported = np.zeros(0, np.int64), Counter()
        self.start = self.complete = None
        self.newest, self.made, self._records, self.doubted = 0.0, 0, [], set()

    def remember(self, saved: Mapping[str, bytes]) -> None:
        """Take in which networks were visible, by rows that are saved, unless that is known. Raises DecodeError."""
        self._saved = dict(saved)
        if self._looked_at:
            return
        self._looked_at, visible_at = RouteMemory.restored(self.routes.family, saved)
        places = [self.networks.index_of(asn) for asn in visible_at]
        self._visible_at = np.zeros(len(self.networks.asns), np.int64)
        self._visible_at[places] = list(visible_at.values())

    def rows(self) -> dict[str, bytes | None]:
        """Return the changed rows, to save with the positions; None for one to delete."""
        named = np.flatnonzero(self._looked_at - self._visible_at <= self.rule.forget_after)
        asns, visible_at = self.networks.asns, self._visible_at
        memory = RouteMemory(self._looked_at, {asns[at]: int(visible_at[at]) for at in named.tolist()})
        found = memory.rows(self.routes.family)
        rows, self._saved = changed(found, self._saved.items()), found
        return rows

    def take_live(self, collector: str, change: RouteChange) -> None:
        """Take in a message of a stream, unless it is older than another of its peer."""
        if change.ts < self.table.newest_at[self.table.peer(collector, change.peer)]:
            self.table.counts["late"] += 1
            return
        self.take(collector, change)

    def take(self, collector: str, item: MrtItem) -> None:
        """Take in what a record of a collector says; time goes on with it."""
        if isinstance(item, TableEntry):
            self.table.load(collector, item)
            return
        self.move(item.ts)
        if self._is_loading:
            self._look(item.ts)
        self._is_loading = isinstance(item, TablePeers)
        if isinstance(item, RouteChange):
            self.table.apply(collector, item)
        elif isinstance(item, TablePeers):
            self.table.begin(collector, item.peers, item.ts)
        else:
            self.reject(item)

    def reject(self, broken: BrokenRecord) -> None:
        """Pass a broken record on, to be a dead letter."""
        self._records.append(LineRecord(broken.value, self.start or 0, broken.fault.encode()))

    def move(self, ts: float) -> None:
        """Go on to a time (Unix seconds): end the bins before it."""
        if self.start is None:
            self.start, self.newest = int(ts // self.rule.width) * self.rule.width, ts
        if ts - self.newest > float(self.routes.gap_after):
            self._skip(ts)
        while ts >= self.start + self.rule.width:
            self._close(self.start, self.start + self.rule.width)
            self.start += self.rule.width
        self.newest = max(self.newest, ts)

    def _skip(self, ts: float) -> None:
        """Go on to a time after a gap, and make no bins of it."""
        width, start = self.rule.width, self.start or 0
        self.lose_track(int(self.newest), int(ts))
        self.start = int(ts // width) * width
        self._unknown += (self.start - start) // width * int(np.count_nonzero(self._visible_at))

    def lose_track(self, since: int, until: int) -> None:
        """Have no peer count before the next table, since messages between two times are missing."""
        self.table.doubt()
        self._gaps.append((since, until))
        self.newest = max(self.newest, until)

    def lose_collector(self, collector: str, since: int, until: int) -> None:
        """Have no peer of a collector count before its next table, since messages between two times are missing."""
        self.move(since)
        self.table.begin(collector, (), since)
        self.doubted.add(collector)
        self._gaps.append((since, until))
        self.move(until)

    def finish(self) -> None:
        """Make the values of the open bin: nothing more will come."""
        if self.start is not None:
            self._close(self.start, int(self.newest) + 1)

    def taken(self, last: bool = False) -> RecordChunk:
        """Return what has come since the last call."""
        counts = self.table.counts - self._reported
        remarks = Remarks(tuple(self._gaps), self._unknown, self.duplicates, counts, self.counted)
        chunk = RecordChunk(PART, self._records, last, remarks)
        self._records, self._gaps, self._unknown, self.duplicates = [], [], 0, 0
        self._reported = self.table.counts.copy()
        return chunk

    def _close(self, start: int, end: int) -> None:
        """Make the values of a bin at its end."""
        visible = self._look(end)
        if self.counted < self.routes.least_peers:
            self._unknown += int(np.count_nonzero(self._visible_at))
            return
        named = np.flatnonzero(end - self._visible_at <= self.rule.forget_after)
        if start >= self.begin and len(named):
            values = [_Value(end - 1, self.table.networks.asns[at], int(visible[at])) for at in named.tolist()]
            self._records.append(LineRecord(_ENCODER.encode(values), start))
            self.made = start + 1

    def _look(self, ts: float) -> Counts:
        """Return how many prefixes of each network are visible at a time, and note which networks are."""
        networks, counted = len(self.table.networks.asns), self._counted(ts)
        self.counted = int(np.count_nonzero(counted))
        visible = self.table.rows.visible(counted, self.routes.share, networks)
        self._visible_at = np.pad(self._visible_at, (0, networks - len(self._visible_at)))
        if self.counted >= self.routes.least_peers:
            self._visible_at[visible > 0] = self._looked_at = int(ts)
        return visible

    def _counted(self, end: float) -> Flags:
        """Return which peers count at a time, shape (peers,)."""
        table, before = self.table, end - self.rule.width
        routes = table.rows.of_peers(len(table.is_up))
        grown = routes - np.pad(self._routes, (0, len(routes) - len(self._routes)))
        since, newest_at = np.array(table.up_since), np.array(table.newest_at)
        is_whole = (since == WHOLE) | ((since <= before) & (routes > 0) & (np.abs(grown) <= GROWN * routes))
        is_up: Flags = np.array(table.is_up, np.bool_) & is_whole
        table.up_since = np.where(is_up, WHOLE, since).tolist()
        self._routes = routes
        is_up &= newest_at >= end - float(self.routes.peer_silent_after)
        is_up &= routes >= self.routes.full_feed * max(1, int(routes[is_up].max(initial=0)))
        return is_up
