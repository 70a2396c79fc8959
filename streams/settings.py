"""Settings: one TOML file, each key also from the environment, everything checked before anything starts."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from detectors.observed import Kind, Rule
from detectors.watermark import TimeRule
from streams.durations import seconds

Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Natural = Annotated[int, msgspec.Meta(ge=1)]
Part = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class Duration(float):
    """Seconds; in a file a text such as "5m" or a number."""


class Section(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A table of the settings file: unknown keys are errors."""


class Kafka(Section, frozen=True):
    """Where the messages are."""

    bootstrap_servers: tuple[str, ...] = ("127.0.0.1:9092",)
    app_id: Name = "ebbtide"
    measurements: Name = "measurements"
    outages: Name = "outages"
    dead: Name = "measurements.dead"
    clock: Name = "clock"
    partitions: Part = 4
    replication: Part = 1
    session_timeout: Duration = Duration(10)


class Detection(Section, frozen=True):
    """The one knob, and when a lower level is accepted as the new normal (never, unless said)."""

    false_alarms_per_1000_series_month: Annotated[float, msgspec.Meta(gt=0, le=1000)] = 1.0
    rebaseline_after: Duration | None = None


class Feed(Section, frozen=True):
    """One stream of measurements of one kind."""

    signal: Name
    kind: Kind
    bin: Duration
    lateness: Duration = Duration(120)
    absent: Literal["zero", "missing"] | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        if self.bin < 1 or not float(self.bin).is_integer():
            raise ValueError(f"`bin` is a whole number of seconds, at least 1, got {float(self.bin):g} s")

    @property
    def silence_is_zero(self) -> bool:
        """Whether a series that sends nothing in a bin counts as zero; by default where events are counted."""
        return self.kind in ("count", "distinct") if self.absent is None else self.absent == "zero"


class Worker(Section, frozen=True):
    """How the worker waits, writes and remembers."""

    max_ahead: Duration = Duration(600)
    idle_after: Duration = Duration(60)
    snapshot_every: Duration = Duration(60)
    forget_after: Duration = Duration(8 * 604_800)
    expire_after: Duration = Duration(86_400)
    max_records: Natural = 4000
    data_dir: str = "var"


class Web(Section, frozen=True):
    """The worker's web server."""

    bind: str = "127.0.0.1"
    port: Port = 6066
    recent: Natural = 1000


class Settings(Section, frozen=True):
    """Everything a run depends on."""

    kafka: Kafka = Kafka()
    detection: Detection = Detection()
    worker: Worker = Worker()
    web: Web = Web()
    feeds: dict[Name, Feed] = {}

    def rule(self, feed: str) -> Rule:
        """Return the parameters of a feed's detector."""
        its, detection = self.feeds[feed], self.detection
        after = detection.rebaseline_after
        return Rule(
            kind=its.kind,
            width=int(its.bin),
            budget=detection.false_alarms_per_1000_series_month,
            rebaseline_after=None if after is None else int(after),
        )

    def time_rule(self, feed: str) -> TimeRule:
        """Return the widths and waits of a feed."""
        its = self.feeds[feed]
        return TimeRule(int(its.bin), float(its.lateness), float(self.worker.max_ahead))


def from_builtins(values: object) -> Settings:
    """Check plain values against the types above. Raises msgspec.ValidationError, which names the key."""
    feeds = values.get("feeds") if isinstance(values, dict) else None
    for name, feed in feeds.items() if isinstance(feeds, dict) else ():
        _check_feed(str(name), feed)
    return msgspec.convert(values, Settings, strict=True, dec_hook=_duration)


def _check_feed(name: str, values: object) -> None:
    """Check one feed by itself, since the library's own path to a feed does not say which."""
    try:
        msgspec.convert(values, Feed, strict=True, dec_hook=_duration)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        raise msgspec.ValidationError(f"{what} - at `$.feeds.{name}{where or '`'}") from None


def _duration(kind: type, value: object) -> object:
    if kind is Duration and isinstance(value, str | int | float):
        return Duration(seconds(value))
    raise ValueError(f'expected a duration such as "5m", got {value!r}')
