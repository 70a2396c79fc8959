"""What a source looks up: the network of an address in a prefix table, the country of a network in the metadata."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from streams.config.errors import InputError
from streams.config.metadata import Register, file_stamp
from streams.config.settings import Settings
from streams.config.sources import SourceSettings
from streams.sources.prefix_table import UNKNOWN, read_prefixes

ADDRESSES = 1 << 17  # whose networks are remembered


class PrefixRegister:
    """The prefix table of a file, read again by `renew`."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._read()

    def _read(self) -> None:
        self.seen = file_stamp(self.file)
        table = read_prefixes(self.file)
        self.network_of = lru_cache(ADDRESSES)(lambda address: table.network_of(address) or UNKNOWN)

    def is_stale(self) -> bool:
        """Return whether the file has changed since the last attempt to read it."""
        return file_stamp(self.file) != self.seen

    def renew(self) -> None:
        """Read the file again. Raises InputError when it is broken; the table then stays as it is."""
        self._read()


class Enrichment:
    """The tables that a source's fields name. Raises InputError, which names a file that is broken."""

    def __init__(self, source: SourceSettings, metadata: Path | None = None) -> None:
        given = source.mapping.given()
        prefixes = given["asn"].prefixes if "asn" in given else None
        has_metadata = "country" in given and given["country"].metadata
        self.prefixes = PrefixRegister(Path(prefixes)) if prefixes else None
        self.metadata = Register(metadata) if has_metadata else None

    def country_of(self, asn: int) -> str | None:
        """Return the country of a network; None when the metadata do not name it."""
        return self.metadata.country_of(f"asn/{asn}") if self.metadata else None

    def renewed(self) -> list[str]:
        """Read again what has changed, and return a line for each file: that it was read, or what is wrong with it."""
        return [_renewed(found) for found in (self.prefixes, self.metadata) if found and found.is_stale()]


def _renewed(register: PrefixRegister | Register) -> str:
    try:
        register.renew()
    except InputError as error:
        return f"{error}; the table read before stays"
    return f"{register.file}: read again"


def enrichment_of(settings: Settings, name: str) -> Enrichment:
    """Return the tables of a source. Raises InputError."""
    return Enrichment(settings.sources[name], settings.metadata.path)
