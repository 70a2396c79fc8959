"""RIPE RIS' files on the web: a table every eight hours, messages of each five minutes.

Where they are: https://ris.ripe.net/docs/mrt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from heapq import merge
from pathlib import Path
from typing import Final

from streams.config.errors import InputError
from streams.sources.link import ConnectionLostError, Link
from streams.sources.mrt import BrokenRecord, MrtItem, MrtReader, TableEntry
from streams.sources.route_bins import RouteBins

TABLES, UPDATES = 28_800, 300  # seconds from a file to the next
BACK: Final = 3  # tables that are tried: the newest may not be there yet
WAIT: Final = 30.0  # seconds before a file is asked for again


class RisArchive:
    """The files of an archive, read into a table. `folder`: for what is downloaded."""

    def __init__(self, address: str, link: Link, folder: Path, patience: float) -> None:
        self._address, self._link, self._folder, self._patience = address, link, folder, patience

    async def table(self, collector: str, ts: int, bins: RouteBins) -> int:
        """Read the newest table of a collector before a time (Unix seconds); return its time.

        Raises ConnectionLostError when there is none.
        """
        newest = ts // TABLES * TABLES
        for start in range(newest, newest - BACK * TABLES, -TABLES):
            if await self.table_of(collector, start, bins):
                return start
        raise ConnectionLostError("status", f"{self._url(collector, 'bview', newest)}: not there, nor one before")

    async def table_of(self, collector: str, start: int, bins: RouteBins) -> bool:
        """Read the table of a time; return whether it is there."""
        if (file := await self._saved(collector, "bview", start)) is None:
            return False
        await self._read({collector: file}, start + TABLES, bins)
        bins.doubted.discard(collector)
        return True

    async def updates(self, collectors: tuple[str, ...], start: int, bins: RouteBins) -> list[str]:
        """Read the messages of five minutes; return the collectors that have none. Waits for files that are late."""
        files: dict[str, Path] = {}
        while True:
            for collector in (name for name in collectors if name not in files):
                if (file := await self._saved(collector, "updates", start)) is not None:
                    files[collector] = file
            is_late = self._link.ports.now() > start + UPDATES + self._patience
            if len(files) == len(collectors) or is_late:
                break
            await self._link.ports.sleep(WAIT)
        await self._read(files, start + 2 * UPDATES, bins)
        return [collector for collector in collectors if collector not in files]

    def _url(self, collector: str, kind: str, start: int) -> str:
        return f"{self._address}/{collector}/{datetime.fromtimestamp(start, UTC):%Y.%m/{kind}.%Y%m%d.%H%M}.gz"

    async def _saved(self, collector: str, kind: str, start: int) -> Path | None:
        """Return the file after it is downloaded; None when it is not there. Raises ConnectionLostError."""
        file = self._folder / f"{collector}-{kind}.gz"
        return file if await self._link.save(self._url(collector, kind, start), file) else None

    async def _read(self, files: dict[str, Path], end: int, bins: RouteBins) -> None:
        """Take in what files say up to a time, in order, in a thread. Raises ConnectionLostError for a broken file.

        What is later is broken: it would move the time beyond all that follows.
        """

        def read() -> None:
            for collector, item in in_order(files):
                if isinstance(item, TableEntry) or item.ts < end:
                    bins.take(collector, item)
                else:
                    fault = f"{files[collector].name}: a time that is {item.ts - end:.0f} s too late"
                    bins.reject(BrokenRecord(item.ts, repr(item).encode(), fault))

        try:
            await asyncio.to_thread(read)
        except InputError as error:
            raise ConnectionLostError("garbage", f"{self._address}: {error}") from None


def in_order(files: dict[str, Path]) -> Iterator[tuple[str, MrtItem]]:
    """Yield what the files of collectors say, with the collector; of several collectors in order of time."""
    found = [_named(collector, file) for collector, file in files.items()]
    return found[0] if len(found) == 1 else merge(*found, key=_time)


def _named(collector: str, file: Path) -> Iterator[tuple[str, MrtItem]]:
    return ((collector, item) for item in MrtReader().read(str(file)))


def _time(pair: tuple[str, MrtItem]) -> float:
    item = pair[1]
    return 0.0 if isinstance(item, TableEntry) else item.ts
