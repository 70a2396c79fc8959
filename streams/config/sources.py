"""The sections `[sources.NAME]`: where data of others come from, and how their fields become measurements."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from detectors.types import Kind
from streams.config.types import Duration, Name, Section

Path: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]
Scalar: TypeAlias = str | int | float | bool
UNITS: Final = {"s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}
RFC_3339: Final = "rfc3339"


class FieldSource(Section, frozen=True):
    """Where a field of a measurement comes from: one of `path`, `const`, `key`, `header` and `kafka_timestamp`."""

    path: Annotated[Path | tuple[Path, ...] | None, Meta(description="name in the record; dots lead into objects")] = (
        None
    )
    const: Annotated[Scalar | None, Meta(description="the same for all records")] = None
    key: Annotated[bool, Meta(description="the key of the Kafka message")] = False
    header: Annotated[Path | None, Meta(description="a header of the Kafka message")] = None
    kafka_timestamp: Annotated[bool, Meta(description="for `ts`: the time of the Kafka message")] = False
    unit: Annotated[
        str | None,
        Meta(description="for `ts`: `s` (default), `ms`, `us`, `ns`, `rfc3339`, or a form of strptime"),
    ] = None
    zone: Annotated[
        str | None, Meta(description="for `ts` with a form of strptime: time zone of a text without one")
    ] = None
    prefixes: Annotated[
        str | None,
        Meta(description="for `asn`: the value is an address, whose network this table of prefixes names"),
    ] = None
    metadata: Annotated[bool, Meta(description="for `country`: that of the network, by the file of `[metadata]`")] = (
        False
    )
    times: Annotated[Path | None, Meta(description="for `value` and `of`: a second name; both are multiplied")] = None
    zero: Annotated[
        Annotated[float, Meta(ge=0)] | None, Meta(description="with `times`: what a factor of 0 counts as")
    ] = None

    def __post_init__(self) -> None:
        flags = (self.key or None, self.kafka_timestamp or None, self.metadata or None)
        origins = (self.path, self.const, self.header, *flags)
        if sum(origin is not None for origin in origins) != 1:
            raise ValueError(
                "a field needs exactly one of `path`, `const`, `key`, `header`, `kafka_timestamp`, `metadata`"
            )
        if self.zero is not None and self.times is None:
            raise ValueError("`zero` has no effect without `times`")
        if self.times is not None and not isinstance(self.path, str):
            raise ValueError("`times` needs a `path`")
        _check_zone(self.unit, self.zone)

    @property
    def paths(self) -> tuple[str, ...]:
        """The names in the record; empty for what comes from elsewhere."""
        if self.path is None:
            return ()
        return (self.path,) if isinstance(self.path, str) else self.path


def _check_zone(unit: str | None, zone: str | None) -> None:
    if unit is not None and unit not in (*UNITS, RFC_3339) and "%" not in unit:
        raise ValueError(f'`unit` is s, ms, us, ns, rfc3339 or a form such as "%Y-%m-%d %H:%M:%S", got {unit!r}')
    is_form = unit is not None and "%" in unit
    if zone is not None and not is_form:
        raise ValueError("`zone` has no effect without a form of strptime as `unit`")
    if is_form and zone is None and "%z" not in str(unit):
        raise ValueError('`unit` gives a time without an offset: give `zone`, such as "UTC" or "Europe/Oslo"')
    try:
        ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"`zone` {zone!r} is no time zone") from None


#: A dotted path, or a table; for `asn` also a list of paths.
Origin: TypeAlias = Path | FieldSource | None


class Fields(Section, frozen=True):
    """Where each field of a measurement comes from: a name in the record, or a table of the next section."""

    ts: Annotated[Origin, Meta(description="event time; required")] = None
    asn: Annotated[
        Path | tuple[Path, ...] | FieldSource | None,
        Meta(description="network; a list counts a record for each network that it names"),
    ] = None
    country: Annotated[Origin, Meta(description="ISO 3166-1 code of two capital letters")] = None
    region: Annotated[Origin, Meta(description="ISO 3166-2 code, or another name with the country's code in front")] = (
        None
    )
    access: Annotated[Origin, Meta(description="`mobile` or `fixed`")] = None
    direction: Annotated[Origin, Meta(description="`domestic` or `international`")] = None
    service: Annotated[Origin, Meta(description="name of a service")] = None
    value: Annotated[Origin, Meta(description="the number observed (default: 1 a record)")] = None
    of: Annotated[Origin, Meta(description="trials, for a `ratio` (default: 1 a record)")] = None
    member: Annotated[Origin, Meta(description="who, for `distinct` and `presence`")] = None
    up: Annotated[Origin, Meta(description="for `presence`: whether the member came (true, 1) or went (false, 0)")] = (
        None
    )

    exporter: Annotated[
        Origin,
        Meta(
            description="for `count`: who measured, such as a router; the source then says zero itself, and nothing of "
            "networks whose exporter is silent"
        ),
    ] = None

    def __post_init__(self) -> None:
        for name, source in self.given().items():
            if name != "ts" and (source.unit or source.kafka_timestamp):
                raise ValueError(f"`{name}`: `unit` and `kafka_timestamp` are for `ts` only")
            if (name != "asn" and source.prefixes) or (name != "country" and source.metadata):
                raise ValueError(f"`{name}`: `prefixes` is for `asn` only, `metadata` for `country` only")
            if name not in ("value", "of") and source.times is not None:
                raise ValueError(f"`{name}`: `times` is for `value` and `of` only")
            if name != "asn" and len(source.paths) > 1:
                raise ValueError(f"`{name}`: a list of paths is for `asn` only")

    def given(self) -> dict[str, FieldSource]:
        """Return the origin of each field that has one."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: _table(value) for name, value in values.items() if value is not None}

    def over(self, preset: Fields) -> Fields:
        """Return these fields, and those of a preset where there is none."""
        return Fields(**{name: getattr(self, name) or getattr(preset, name) for name in self.__struct_fields__})


def _table(value: str | tuple[str, ...] | FieldSource) -> FieldSource:
    return value if isinstance(value, FieldSource) else FieldSource(path=value)


Keep: TypeAlias = dict[Path, Scalar | Annotated[tuple[Scalar, ...], Meta(min_length=1)]]


class SourceSettings(Section, tag_field="type", frozen=True):
    """What all sources have."""

    feed: Annotated[Name, Meta(description="the feed that the measurements are of; its kind and bin count")]
    fields: Annotated[Fields, Meta(description="tables `[sources.NAME.fields]`: where each field comes from")] = (
        Fields()
    )
    keep: Annotated[
        Keep,
        Meta(description="table `[sources.NAME.keep]`: path and wanted value or values; other records are left out"),
    ] = msgspec.field(default_factory=dict)
    forget_exporter_after: Annotated[
        Duration,
        Meta(
            description="silence after which an exporter counts as removed: what only it saw is forgotten, and what "
            "others see too is what they see"
        ),
    ] = Duration(7 * 86_400)
    lateness: Annotated[
        Duration,
        Meta(description="how long a bin waits for late records before it is sent; what is later follows in parts"),
    ] = Duration(10)

    @property
    def waits(self) -> float:
        """How long a bin waits (s) after event time has passed its end."""
        return float(self.lateness)

    @property
    def terms(self) -> str | None:
        """The terms of use of the data, in a line; None for data of the operator's own."""
        return None

    @property
    def preset(self) -> Fields:
        """The fields that the type gives."""
        return Fields()

    @property
    def mapping(self) -> Fields:
        """The fields in effect."""
        return self.fields.over(self.preset)

    @property
    def kept(self) -> Keep:
        """The values in effect that records must have."""
        return self.keep

    def says_zero(self, kind: Kind) -> bool:
        """Return whether the source says zero itself in a feed of this kind; its silence then means unknown."""
        return kind == "count" and self.mapping.exporter is not None

    def is_unknown_when_silent(self, kind: Kind) -> bool:
        """Return whether silence in a feed of this kind means unknown unless the feed says otherwise."""
        return self.says_zero(kind)


class WatchedSource(SourceSettings, frozen=True, kw_only=True):
    """What all sources have that never end."""

    silent_after: Annotated[
        Duration, Meta(description="time without a record after which EbbtideSourceSilent alerts")
    ] = Duration(300)


class FilesSource(SourceSettings, tag="files", frozen=True):
    """Files: CSV with a header, or JSON lines; plain or gzip."""

    paths: Annotated[
        tuple[str, ...],
        Meta(description="files, read one after the other in this order; * and ? match names, which are sorted"),
    ] = ()
    format: Annotated[
        Name | None,
        Meta(description="`csv`, `json`, or the name of a plug-in (default: by the name of each file)"),
    ] = None


class KafkaSource(WatchedSource, tag="kafka", frozen=True, kw_only=True):
    """A Kafka topic of others: JSON, an object, an array of objects, or several objects a message."""

    topic: Annotated[Name, Meta(description="the topic")]
    bootstrap_servers: Annotated[
        tuple[str, ...] | None,
        Meta(description="brokers of the topic (default: those of `[kafka]`, whose credentials count in any case)"),
    ] = None
    start: Annotated[
        Literal["earliest", "latest"],
        Meta(description="where the first run begins; later ones go on where the last has ended"),
    ] = "earliest"
    format: Annotated[Name, Meta(description="`json`, for goflow2 also `protobuf`, or the name of a plug-in")] = "json"


class Goflow2Source(KafkaSource, tag="goflow2", frozen=True):
    """Flows of goflow2 in JSON, with fields that the preset knows; see sources/goflow2.md."""

    topic: Annotated[Name, Meta(description="the topic")] = "flows"

    @property
    def preset(self) -> Fields:
        """The start of the flow, both networks, bytes scaled by the sampling rate, and the exporter."""
        return Fields(
            ts=FieldSource(path="time_flow_start_ns", unit="ns"),
            asn=("src_as", "dst_as"),
            value=FieldSource(path="bytes", times="sampling_rate", zero=1),
            exporter="sampler_address",
        )


class PmacctSource(KafkaSource, tag="pmacct", frozen=True):
    """What pmacct's Kafka plug-in purges, in JSON, with fields that the preset knows; see sources/pmacct.md."""

    topic: Annotated[Name, Meta(description="the topic")] = "pmacct.acct"

    @property
    def preset(self) -> Fields:
        """The time of the bin in UTC, both networks, bytes, and the exporter where `aggregate` has `peer_src_ip`."""
        return Fields(
            ts=FieldSource(path="stamp_inserted", unit="%Y-%m-%d %H:%M:%S", zone="UTC"),
            asn=("as_src", "as_dst"),
            value="bytes",
            exporter="peer_ip_src",
        )

    @property
    def kept(self) -> Keep:
        """Purges only, not the events around them."""
        return self.keep or {"event_type": "purge"}
