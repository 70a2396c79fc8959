"""What the peers of route collectors have: a table that is loaded, and changed by what peers say.

Peers that are not up have no routes: what a lost peer said is unknown, not withdrawn.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from streams.sources.bgp_update import AS_SET, NO_PATH, PATH_ID, Prefixes, RouteChange
from streams.sources.mrt import TableEntry
from streams.sources.networks import is_public
from streams.sources.route_rows import RouteRows

_NOBODY: Final = -1
WHOLE: Final = -math.inf
#: What is counted of routes; labels of a metric.
EVENTS: Final = (
    "announced", "withdrawn", "peer-up", "peer-down", "as-set", "no-path", "bad-network", "default-route", "too-short",
    "too-long", "late",
)  # fmt: skip


class Networks:
    """Networks that announce prefixes, each with an index."""

    def __init__(self) -> None:
        self.asns: list[int] = []
        self._index: dict[int, int] = {}

    def index_of(self, asn: int) -> int:
        """Return the index of a network; one below 0 for what is none."""
        found = self._index.get(asn)
        if found is None:
            if not is_public(asn):
                return _NOBODY
            found = self._index[asn] = len(self.asns)
            self.asns.append(asn)
        return found


@dataclass(slots=True)
class RouteTable:
    """Routes of a family. `counts`: of events (`EVENTS`). `networks`: all that announce prefixes.

    Of each peer: `is_up`, whether its session is up and no message of it is missing; `up_since`, when (Unix seconds) it
    began to send its routes, WHOLE when all have come; `newest_at`, the time of its newest message.
    """

    family: int
    counts: Counter[str] = field(default_factory=Counter)
    networks: Networks = field(default_factory=Networks)
    rows: RouteRows = field(init=False)
    is_up: list[bool] = field(default_factory=list)
    up_since: list[float] = field(default_factory=list)
    newest_at: list[float] = field(default_factory=list)
    _index: dict[str, dict[bytes, int]] = field(default_factory=dict)
    _paths: dict[tuple[int, bytes], dict[bytes, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rows = RouteRows(self.family, self.counts)

    def peer(self, collector: str, address: bytes) -> int:
        """Return the index of a peer; a new one is not up."""
        peers = self._index.setdefault(collector, {})
        found = peers.get(address)
        if found is None:
            found = peers[address] = len(self.is_up)
            self.is_up.append(False)
            self.up_since.append(WHOLE)
            self.newest_at.append(0.0)
        return found

    def begin(self, collector: str, peers: Iterable[bytes], ts: float) -> None:
        """Forget what the peers of a collector have said: a table of them follows. None is up before it has a route."""
        for peer in self._index.get(collector, {}).values():
            self.lose(peer)
        for address in peers:
            self.newest_at[self.peer(collector, address)] = ts

    def load(self, collector: str, entry: TableEntry) -> None:
        """Add the routes of a prefix in a table."""
        if entry.family != self.family:
            return
        for address, origin, path in entry.routes:
            peer = self.peer(collector, address)
            self.is_up[peer], self.up_since[peer] = True, WHOLE
            self._announce(peer, [path + entry.prefix], origin, bool(path))

    def apply(self, collector: str, change: RouteChange) -> None:
        """Change what a peer has."""
        peer = self.peer(collector, change.peer)
        self.newest_at[peer] = change.ts
        if change.is_up is not None:
            self.lose(peer)
            self.is_up[peer], self.up_since[peer] = change.is_up, change.ts
            self.counts["peer-up" if change.is_up else "peer-down"] += 1
            return
        if withdrawn := change.withdrawn[self.family]:
            self.counts["withdrawn"] += len(withdrawn)
            self._withdraw(peer, withdrawn, change.has_paths)
        if announced := change.announced[self.family]:
            self.counts["announced"] += len(announced)
            self._announce(peer, announced, change.origin, change.has_paths)

    def lose(self, peer: int) -> None:
        """Forget all that a peer has said; it is not up."""
        self.is_up[peer] = False
        self.rows.forget_peer(peer)
        self._paths = {key: paths for key, paths in self._paths.items() if key[0] != peer}

    def doubt(self) -> None:
        """Have no peer up: messages are missing, so that what peers have is not known before the next table."""
        for peer in range(len(self.is_up)):
            self.lose(peer)

    def _network(self, origin: int, prefixes: int) -> int:
        network = self.networks.index_of(origin)
        if network < 0:
            self.counts[{AS_SET: "as-set", NO_PATH: "no-path"}.get(origin, "bad-network")] += prefixes
        return network

    def _announce(self, peer: int, prefixes: Prefixes, origin: int, has_paths: bool) -> None:
        """Add routes; one of no network replaces the one before as well."""
        network = self._network(origin, len(prefixes))
        if has_paths:
            for prefix in prefixes:
                self._paths.setdefault((peer, prefix[PATH_ID:]), {})[prefix[:PATH_ID]] = network
            prefixes = [prefix[PATH_ID:] for prefix in prefixes]
        if network < 0:
            self.rows.withdraw(peer, prefixes)
        else:
            self.rows.announce(peer, prefixes, network)

    def _withdraw(self, peer: int, prefixes: Prefixes, has_paths: bool) -> None:
        """Take routes out; of a prefix with several paths, another may remain."""
        if not has_paths:
            self.rows.withdraw(peer, prefixes)
            return
        for prefix in prefixes:
            bare = prefix[PATH_ID:]
            paths = self._paths.get((peer, bare), {})
            paths.pop(prefix[:PATH_ID], None)
            if left := [network for network in paths.values() if network >= 0]:
                self.rows.announce(peer, [bare], left[-1])
                continue
            if not paths:
                self._paths.pop((peer, bare), None)
            self.rows.withdraw(peer, [bare])
