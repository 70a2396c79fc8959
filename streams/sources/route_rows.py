"""Which peers have a route to which prefix, of which network, as columns.

A row is a prefix and a network that announces it; a prefix of several networks has several rows. A column has a bit
for each of 64 peers.
"""

from __future__ import annotations

from array import array
from collections import Counter
from typing import Final

import numpy as np
import numpy.typing as npt

from streams.sources.bgp_update import V4, V6, Prefixes

#: Bits of a prefix that the Internet carries, the least and the most; others are left out and counted.
CARRIED: Final = {V4: (8, 24), V6: (16, 48)}
_LEFT_OUT, _END = -1, -1  # no row
WORD: Final = 64
Flags = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]


class RouteRows:
    """The rows of a family; `counts` has what is left out."""

    def __init__(self, family: int, counts: Counter[str]) -> None:
        self._counts = counts
        self._least, self._most = CARRIED[family]
        self._rows: dict[bytes, int] = {}
        self._networks, self._more = array("i"), array("i")
        self._columns: list[array[int]] = []

    def __len__(self) -> int:
        return len(self._networks)

    def announce(self, peer: int, prefixes: Prefixes, network: int) -> None:
        """Note that a peer has routes to prefixes of a network, and to them of no other."""
        column, bit = self._column(peer), 1 << (peer & 63)
        rows, networks, more = self._rows, self._networks, self._more
        for prefix in prefixes:
            row = rows.get(prefix)
            if row is None:
                row = self._added(prefix, network)
                if row < 0:
                    continue
            elif networks[row] != network or more[row] != _END:
                row = self._moved(row, network, column, bit)
            column[row] |= bit

    def withdraw(self, peer: int, prefixes: Prefixes) -> None:
        """Note that a peer has no route to prefixes."""
        column, mask = self._column(peer), ~(1 << (peer & 63)) & 0xFFFF_FFFF_FFFF_FFFF
        rows, more = self._rows, self._more
        for prefix in prefixes:
            row = rows.get(prefix, _END)
            while row != _END:
                column[row] &= mask
                row = more[row]

    def forget_peer(self, peer: int) -> None:
        """Forget all routes of a peer."""
        if len(self._columns) > peer // WORD and len(self):
            column = np.frombuffer(self._columns[peer // WORD], np.uint64)
            column &= np.uint64(~(1 << (peer & 63)) & 0xFFFF_FFFF_FFFF_FFFF)

    def of_peers(self, peers: int) -> Counts:
        """Return how many prefixes each peer has, shape (peers,)."""
        found = np.zeros(peers, np.int64)
        for at, column in enumerate(self._views()):
            for bit in range(min(WORD, peers - at * WORD)):
                found[at * WORD + bit] = np.count_nonzero(column & np.uint64(1 << bit))
        return found

    def visible(self, counted: Flags, share: float, networks: int) -> Counts:
        """Return of how many prefixes more than this share of the counted peers have a route, shape (networks,)."""
        seen = np.zeros(len(self), np.int64)
        for at, column in enumerate(self._views()):
            bits = np.flatnonzero(counted[at * WORD : (at + 1) * WORD])
            seen += np.bitwise_count(column & np.uint64(sum(1 << int(bit) for bit in bits)))
        is_seen = seen > share * np.count_nonzero(counted)
        return np.bincount(np.frombuffer(self._networks, np.int32)[is_seen], minlength=networks)

    def _views(self) -> list[npt.NDArray[np.uint64]]:
        return [np.frombuffer(column, np.uint64) for column in self._columns] if len(self) else []

    def _column(self, peer: int) -> array[int]:
        while len(self._columns) <= peer // WORD:
            self._columns.append(array("Q", bytes(8 * len(self))))
        return self._columns[peer // WORD]

    def _added(self, prefix: bytes, network: int) -> int:
        """Return a new row of a prefix; one below 0 when the Internet does not carry such a prefix."""
        if not self._least <= prefix[0] <= self._most:
            reason = "too-long" if prefix[0] > self._most else "too-short"
            self._counts["default-route" if prefix[0] == 0 else reason] += 1
            return _LEFT_OUT
        row = self._rows[prefix] = self._appended(network)
        return row

    def _appended(self, network: int) -> int:
        self._networks.append(network)
        self._more.append(_END)
        for column in self._columns:
            column.append(0)
        return len(self._networks) - 1

    def _moved(self, row: int, network: int, column: array[int], bit: int) -> int:
        """Return the row of the same prefix and a network, and take the bit out of all others."""
        found = last = _END
        while row != _END:
            if self._networks[row] == network:
                found = row
            else:
                column[row] &= ~bit & 0xFFFF_FFFF_FFFF_FFFF
            last, row = row, self._more[row]
        if found == _END:
            found = self._more[last] = self._appended(network)
        return found
