"""The topic `sources.state`: where reading of each part of a source goes on."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from streams.broker.changelog import read_tables
from streams.config.errors import StateError
from streams.config.settings import KafkaSettings
from streams.sources.part_clock import Position

_DECODER = msgspec.json.Decoder(Position)
_ENCODER = msgspec.json.Encoder()


def read_positions(kafka: KafkaSettings, name: str) -> dict[str, Position]:
    """Return the position of each part of a source. Raises BrokerError, and StateError for one that is none."""
    rows = read_tables(kafka, kafka.sources_state, 1, lambda _: None)[0]
    prefix = f"{name}/".encode()
    try:
        return {
            key.removeprefix(prefix).decode(): _DECODER.decode(value)
            for key, value in rows.items()
            if key.startswith(prefix)
        }
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StateError(f"topic {kafka.sources_state}, source {name}: not a position: {error}") from None


def position_messages(name: str, positions: Mapping[str, Position]) -> list[tuple[bytes, bytes]]:
    """Return key and value for each part."""
    return [(f"{name}/{part}".encode(), _ENCODER.encode(position)) for part, position in positions.items()]
