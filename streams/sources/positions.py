"""The topic `sources.state`: where reading of each part of a source goes on, and which exporters see what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from streams.broker.changelog import read_tables
from streams.config.errors import StateError
from streams.config.settings import KafkaSettings
from streams.sources.part_clock import Position

_DECODER = msgspec.json.Decoder(Position)
_ENCODER = msgspec.json.Encoder()


class SavedSource(NamedTuple):
    """What is saved of a source: the position of each part, and the rows of its coverage (see `coverage_rows.py`)."""

    positions: Mapping[str, Position] = {}
    coverage: Mapping[str, bytes] = {}

    def after(self, positions: Mapping[str, Position], coverage: Mapping[str, bytes | None]) -> SavedSource:
        """Return what is saved after a further batch."""
        rows = {**self.coverage, **coverage}
        return SavedSource({**self.positions, **positions}, {key: row for key, row in rows.items() if row is not None})


def read_saved(kafka: KafkaSettings, name: str) -> SavedSource:
    """Return what is saved of a source. Raises BrokerError, and StateError for a position that is none.

    Keys are `NAME/PART` and, of the coverage, `NAME#ROW`; a name has neither `/` nor `#`.
    """
    rows = read_tables(kafka, kafka.sources_state, 1, lambda _: None)[0]
    try:
        positions = {part: _DECODER.decode(value) for part, value in _under(rows, f"{name}/")}
        return SavedSource(positions, dict(_under(rows, f"{name}#")))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StateError(f"topic {kafka.sources_state}, source {name}: not a position: {error}") from None


def _under(rows: Mapping[bytes, bytes], prefix: str) -> list[tuple[str, bytes]]:
    found = [(key.decode(), value) for key, value in rows.items() if key.startswith(prefix.encode())]
    return [(key.removeprefix(prefix), value) for key, value in found]


def saved_messages(
    name: str, positions: Mapping[str, Position], coverage: Mapping[str, bytes | None]
) -> list[tuple[bytes, bytes | None]]:
    """Return key and value of what is saved of a source."""
    parts = [(f"{name}/{part}".encode(), _ENCODER.encode(position)) for part, position in positions.items()]
    return [*parts, *((f"{name}#{row}".encode(), value) for row, value in coverage.items())]
