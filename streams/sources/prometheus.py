"""Range queries of Prometheus: the value at the end of each step, or successes and trials."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from typing import Any

import msgspec

from streams.config.network_sources import PrometheusSource
from streams.sources.link import Link
from streams.sources.poll import STEPS, RangeAnswer

LOG = logging.getLogger("ebbtide.source")
NAME = "__name__"
TIME, VALUE, OF = "__time__", "__value__", "__of__"  # beside the labels
_ENCODER = msgspec.json.Encoder()
#: Labels without the name, and the start of the step, to the value; None for one that is no number.
Values = dict[tuple[frozenset[tuple[str, str]], int], float | None]


class _Samples(msgspec.Struct):
    metric: dict[str, str]
    values: list[tuple[float, str]] = []


class _Matrix(msgspec.Struct):
    result: list[_Samples]


class _RangeResult(msgspec.Struct):
    status: str
    data: _Matrix
    warnings: list[str] = []


_RESULT = msgspec.json.Decoder(_RangeResult)


def values_of(body: bytes, step: int) -> tuple[Values, list[str]]:
    """Return the values of an answer, and its warnings. Raises ValueError. A value counts for the step that it ends."""
    try:
        answer = _RESULT.decode(body)
        if answer.status != "success":
            raise ValueError(f"status is {answer.status!r:.80}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    return {
        (_labels(samples.metric), int(ts) - step): _number(text)
        for samples in answer.data.result
        for ts, text in samples.values
    }, answer.warnings


def _labels(metric: dict[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in metric.items() if name != NAME)


def _number(text: str) -> float | None:
    number = float(text)
    if not math.isfinite(number):
        return None
    return int(number) if number == int(number) else number


class PrometheusService:
    """A server that is asked by range."""

    most = STEPS

    def __init__(self, source: PrometheusSource) -> None:
        self._source, self.step = source, int(source.step)
        self._warned: set[str] = set()

    async def ask(self, link: Link, start: int, stop: int) -> RangeAnswer:
        """Return the values of steps. Raises ConnectionLostError."""
        values = await self._values(link, self._source.query, start, stop)
        of = None if self._source.of is None else await self._values(link, self._source.of, start, stop)
        answer = RangeAnswer({}, [])
        for (labels, ts), fields in _joined(values, of):
            if None in fields.values():
                answer.unknown.append(ts)
            else:
                answer.objects.setdefault(ts, []).append(_ENCODER.encode({**dict(sorted(labels)), TIME: ts, **fields}))
        return answer

    async def _values(self, link: Link, query: str, start: int, stop: int) -> Values:
        step, url = self.step, f"{self._source.url}/api/v1/query_range"
        asked = {"query": query, "start": str(start + step), "end": str(stop + step), "step": str(step)}
        fault = "no answer of Prometheus: "
        values, warnings = await link.ask(url, lambda body: values_of(body, step), asked, fault)
        for warning in warnings:
            if warning not in self._warned:
                LOG.warning("%s warns: %s", url, warning)
                self._warned.add(warning)
        return values


def _joined(values: Values, of: Values | None) -> Iterator[tuple[tuple[Any, int], dict[str, float | None]]]:
    """Yield each series and step with its value, and the trials where there are such; None for what is missing."""
    keys = sorted(values.keys() | (of or {}).keys(), key=lambda key: (key[1], sorted(key[0])))
    for key in keys:
        found = {VALUE: values.get(key)}
        yield key, found if of is None else {**found, OF: of.get(key)}
