"""Raw signals of IODA (API v2): one request for each entity; pure but for `ask`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from streams.config.network_sources import IodaSource
from streams.sources.link import Link
from streams.sources.poll import STEPS, RangeAnswer

_ENCODER = msgspec.json.Encoder()


class _Signal(msgspec.Struct, rename={"begin": "from"}):
    """Values of an entity from `begin` on, one a step (s)."""

    datasource: str
    begin: int
    step: int
    values: list[Any]


class _Signals(msgspec.Struct):
    data: list[list[_Signal | None]]
    error: str | None = None


_DECODER = msgspec.json.Decoder(_Signals)


def signals_of(body: bytes, datasource: str) -> Iterator[tuple[int, float | None]]:
    """Yield time and value of a data source; None for what is null, negative, or no number, such as a list.

    Raises ValueError.
    """
    try:
        answer = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    if answer.error:
        raise ValueError(f"{answer.error!r:.200}")
    for signal in (signal for group in answer.data for signal in group if signal):
        if signal.datasource == datasource:
            for at, value in enumerate(signal.values):
                yield signal.begin + at * signal.step, _level(value)


def _level(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and value >= 0 else None  # type: ignore[operator,return-value]


class IodaService:
    """The signals of the entities of a source."""

    most = STEPS

    def __init__(self, source: IodaSource) -> None:
        self._source, self.step = source, int(source.step)

    async def ask(self, link: Link, start: int, stop: int) -> RangeAnswer:
        """Return the values of steps. Raises ConnectionLostError."""
        answer = RangeAnswer({}, [])
        for entity in self._source.entities:
            kind, code = entity.split("/")
            url = f"{self._source.api}/signals/raw/{entity}"
            query = {"from": str(start), "until": str(stop + self.step), "datasource": self._source.datasource}
            for ts, value in await link.ask(url, self._read, query, "no answer of IODA: "):
                if value is None:
                    answer.unknown.append(ts)
                else:
                    item = {"time": ts, "value": value, kind: code}
                    answer.objects.setdefault(ts, []).append(_ENCODER.encode(item))
        return answer

    def _read(self, body: bytes) -> list[tuple[int, float | None]]:
        return list(signals_of(body, self._source.datasource))
