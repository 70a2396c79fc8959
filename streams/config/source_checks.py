"""Faults of a source that its own section does not show: they depend on the feed, on `[kafka]`, or on the type."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final, NamedTuple

from detectors.types import Kind
from schemas.decode import decode
from streams.config.akvorado_source import AkvoradoSource
from streams.config.kafka import KafkaSettings
from streams.config.network_sources import IodaSource, PrometheusSource
from streams.config.ris_source import RisSource
from streams.config.route_sources import MrtSource
from streams.config.sources import FieldSource, Goflow2Source, KafkaSource, PmacctSource, SourceSettings

_NEEDS: Final = {"ratio": ("value", "of"), "distinct": ("member",), "presence": ("member", "up")}
_ONLY_FOR: Final = {"of": ("ratio",), "member": ("distinct", "presence"), "up": ("presence",)}
_PLACES: Final = ("asn", "country", "region")
_NUMBERS: Final = ("asn", "value", "of")


class SourceCase(NamedTuple):
    """A source; kind, bin width (s) and `absent` of its feed; whether there are metadata; Kafka, which it writes to."""

    source: SourceSettings
    kind: Kind
    width: float
    absent: str | None
    has_metadata: bool
    kafka: KafkaSettings

    @property
    def given(self) -> dict[str, FieldSource]:
        """The origin of each field that has one."""
        return self.source.mapping.given()


def check_source(case: SourceCase) -> None:
    """Raise ValueError for the first fault of a source."""
    for check in _CHECKS:
        check(case)


def _check_fields_suffice(case: SourceCase) -> None:
    for name in ("ts", *_NEEDS.get(case.kind, ())):
        if name not in case.given:
            raise ValueError(f"`fields` has no `{name}`, which a feed of kind `{case.kind}` needs")
    if not set(_PLACES) & set(case.given):
        raise ValueError("`fields` has none of `asn`, `country` and `region`")


def _check_kind(case: SourceCase) -> None:
    """A number of prefixes is a level; flows add up, and the last one of a bin is none."""
    if isinstance(case.source, MrtSource | RisSource) and case.kind != "gauge":
        raise ValueError(f"needs a feed of kind `gauge`, got `{case.kind}`")
    if isinstance(case.source, Goflow2Source | PmacctSource | AkvoradoSource) and case.kind == "gauge":
        raise ValueError("flows add up: needs a feed of kind `count`, got `gauge`")


def _check_metadata(case: SourceCase) -> None:
    if "country" not in case.given or not case.given["country"].metadata:
        return
    if "asn" not in case.given:
        raise ValueError("`fields.country`: `metadata` needs `fields.asn`")
    if not case.has_metadata:
        raise ValueError("`fields.country`: `metadata` needs a `file` in [metadata]")


def _check_fields_have_effect(case: SourceCase) -> None:
    for name, kinds in _ONLY_FOR.items():
        if name in case.given and case.kind not in kinds:
            raise ValueError(f"`fields.{name}` has no effect in a feed of kind `{case.kind}`")
    if case.source.fields.exporter is not None and case.kind != "count":
        raise ValueError(f"`fields.exporter` has no effect in a feed of kind `{case.kind}`")


def _check_zero(case: SourceCase) -> None:
    if case.source.says_zero(case.kind) and case.absent == "zero":
        raise ValueError(f'it says zero itself: feeds.{case.source.feed}: `absent` is "missing"')


def _check_origins_exist(case: SourceCase) -> None:
    """Only Kafka's messages have a key, headers and a time of their own."""
    if isinstance(case.source, KafkaSource):
        return
    for name, origin in case.given.items():
        if origin.key or origin.header is not None or origin.kafka_timestamp:
            raise ValueError(f"`fields.{name}`: `key`, `header` and `kafka_timestamp` are for sources of Kafka only")


def _check_constants(case: SourceCase) -> None:
    """A constant is read as a measurement's field is, so that not each record of the source is rejected for it."""
    for name, origin in case.given.items():
        if origin.const is None or name in ("exporter", "up"):
            continue
        if name == "ts":
            raise ValueError("`fields.ts`: `const` gives all records the same time")
        const = origin.const if name in _NUMBERS else str(origin.const)
        example = {"feed": "example", "ts": 1e9, "asn": 1, "value": 1, name: const}
        for dead in decode([json.dumps(example).encode()]).dead:
            raise ValueError(f"`fields.{name}`: `const`: {dead.detail}")


def _check_step(case: SourceCase) -> None:
    """A step that is no part of the bin leaves bins empty, or gives some more values than others."""
    if isinstance(case.source, PrometheusSource | IodaSource) and case.width % case.source.step:
        step = f"`step` of {float(case.source.step):g} s"
        raise ValueError(f"{step}: the bin of feed {case.source.feed!r}, {case.width:g} s, is no multiple of it")


def _check_topic(case: SourceCase) -> None:
    """A source that reads what it writes never ends."""
    source, kafka = case.source, case.kafka.with_whole_names()
    if not isinstance(source, KafkaSource) or source.topic != kafka.measurements:
        return
    if set(source.bootstrap_servers or kafka.bootstrap_servers) & set(kafka.bootstrap_servers):
        raise ValueError(f"`topic` {source.topic!r} is the topic that measurements are written to")


_CHECKS: Final[tuple[Callable[[SourceCase], None], ...]] = (
    _check_kind,
    _check_fields_suffice,
    _check_metadata,
    _check_fields_have_effect,
    _check_zero,
    _check_origins_exist,
    _check_constants,
    _check_step,
    _check_topic,
)
