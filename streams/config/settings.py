"""The sections of the settings, and the checks that run before anything starts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from detectors.types import Kind, Rule
from schemas.api import MAX_BINS
from schemas.calendar import CalendarEntry, Only, entry_of
from streams.config.alerts import AlertsSettings
from streams.config.area_spec import combination
from streams.config.canonical import canonical
from streams.config.durations import seconds
from streams.config.holidays import HolidaysSettings
from streams.config.kafka import KafkaSettings as KafkaSettings
from streams.config.limits import FIXED, Limits, LimitsSettings, Memory, limits_of
from streams.config.meant import meant
from streams.config.receivers import AnyReceiver
from streams.config.secret import Secret, one_of
from streams.config.source_checks import SourceCase, check_source
from streams.config.source_types import AnySource
from streams.config.types import Duration as Duration
from streams.config.types import Entity, Limit, Name, Natural, Port, Section, WebAddress, check_secrets

if TYPE_CHECKING:
    from detectors.watermark import TimeRule

LEAST_AHEAD = 60.0  # seconds that a clock may be ahead where the lateness is less


class DetectionSettings(Section, frozen=True):
    """How sensitive detection is, and when a lower level becomes the new normal."""

    false_alarms_per_1000_series_month: Annotated[
        float,
        Meta(gt=0, le=1000, description="false alarms that you accept, per 1,000 series and month"),
    ] = 1.0
    rebaseline_after: Annotated[
        Duration | None,
        Meta(description="how long a lower level must last before it is the new normal (default: never)"),
    ] = None


class FeedSettings(Section, frozen=True):
    """One stream of measurements of one kind."""

    signal: Annotated[Name, Meta(description="how the Internet is observed, such as `bgp` or `active-probing`")]
    kind: Annotated[
        Kind,
        Meta(
            description="what a measurement is: a level, events, a member, successes of trials, or a state of a member"
        ),
    ]
    bin: Annotated[Duration, Meta(description="width of a bin, in whole seconds")]
    lateness: Annotated[Duration, Meta(description="how long a bin waits for late measurements")] = Duration(120)
    absent: Annotated[
        Literal["zero", "missing"] | None,
        Meta(description="what silence means: zero or unknown (default: zero for `count` and `distinct`)"),
    ] = None
    unit: Annotated[str, Meta(description="name of what is counted, for people")] = ""
    areas: Annotated[
        tuple[str, ...],
        Meta(description="sums that are watched as well, such as `country` or `region+access`; see areas.md"),
    ] = ()
    limits: Annotated[LimitsSettings, Meta(description="table `[feeds.NAME.limits]`")] = LimitsSettings()

    def __post_init__(self) -> None:
        names = [combination(text).name for text in self.areas]
        if len(set(names)) < len(names):
            raise ValueError("`areas` names an area twice")
        if self.bin < 1 or not float(self.bin).is_integer():
            raise ValueError(f"`bin` is a whole number of seconds, at least 1, got {float(self.bin):g} s")

    @property
    def silence_is_zero(self) -> bool:
        """Whether a series that sends nothing in a bin has the value 0; by default for `count` and `distinct`."""
        return self.kind in ("count", "distinct") if self.absent is None else self.absent == "zero"


class WorkerSettings(Section, frozen=True):
    """How long the worker waits, how often it writes, and how long it remembers."""

    max_ahead: Annotated[
        Duration | None,
        Meta(
            description="how far the time of a measurement may be ahead of its receipt, and of all other measurements "
            "(default: the feed's lateness, at least a minute)"
        ),
    ] = None
    idle_after: Annotated[
        Duration,
        Meta(description="how long a partition must have nothing to read before it follows the clock of the others"),
    ] = Duration(60)
    snapshot_every: Annotated[
        Duration, Meta(description="wall time between snapshots: at most this much is read again after a crash")
    ] = Duration(60)
    forget_after: Annotated[
        Duration, Meta(description="silence after which a series without an outage is forgotten")
    ] = Duration(8 * 604_800)
    expire_after: Annotated[
        Duration, Meta(description="silence of a feed after which its open outages end as `expired`")
    ] = Duration(86_400)
    max_records: Annotated[Natural, Meta(description="messages that are processed at once")] = 8000
    memory: Annotated[
        int,
        Meta(
            ge=1024,
            description="memory that a worker may take, in MiB: the default `limits` of all feeds fit into it, also "
            "when it has all partitions alone",
        ),
    ] = 2048
    data_dir: Annotated[str, Meta(description="folder for Faust's files; nothing in it needs to be kept")] = "var"


class WebSettings(Section, frozen=True):
    """The worker's web server."""

    bind: Annotated[str, Meta(description="address that the pages listen on")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="port that the pages listen on; 0 for any free port")] = 6066
    url: Annotated[
        WebAddress | None,
        Meta(
            description="address of the pages for people and other workers; by default that of `bind` and `port`, with "
            "the name of the host where `bind` is a wildcard"
        ),
    ] = None
    hosts: Annotated[
        tuple[str, ...],
        Meta(
            description="without a token: names under which the pages answer (header `Host`), so that no page of "
            "another site can read them under a name that resolves to them; by default `localhost`, `127.0.0.1` and "
            "`[::1]` where `bind` is one of these, else any"
        ),
    ] = ()
    recent: Annotated[Natural, Meta(description="number of ended outages and incidents that are still shown")] = 1000
    token: Annotated[
        Secret | None,
        Meta(description="token that all pages but `/healthz` and `/readyz` require (`Authorization: Bearer …`)"),
    ] = None
    token_file: Annotated[str | None, Meta(description="file with the token")] = None
    history: Annotated[
        int,
        Meta(
            ge=0,
            le=MAX_BINS,
            description="newest bins of each series that are kept for pictures and `/api/v1/series`; 0 for none",
        ),
    ] = 48
    history_mb: Annotated[
        Natural, Meta(description="memory limit of these bins, and of the hours of the last day, in MB")
    ] = 100
    grafana: Annotated[
        WebAddress | None,
        Meta(description="address of Grafana, which the pages then link to"),
    ] = None

    def __post_init__(self) -> None:
        check_secrets(self, ("token",))

    @property
    def address(self) -> str:
        """The address of the pages for people and other workers."""
        host = gethostname() if self.bind in ("0.0.0.0", "::", "") else self.bind
        return self.url or f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


class ExpectedSettings(Section, frozen=True):
    """An entry of the calendar: what is expected to be down, and when."""

    starts: Annotated[datetime, Meta(description="start, with an offset from UTC")]
    ends: Annotated[datetime, Meta(description="end, with an offset from UTC")]
    entities: Annotated[
        tuple[str, ...],
        Meta(description="entities expected to be down, such as `country/KZ`, which includes its networks and regions"),
    ]
    facets: Annotated[
        Only, Meta(description='facets that the entry is limited to, such as `{ access = "mobile" }`')
    ] = Only()
    note: Annotated[str, Meta(description="reason, for people")] = ""

    def __post_init__(self) -> None:
        for name in ("starts", "ends"):
            if getattr(self, name).tzinfo is None:
                raise ValueError(f"`{name}` has no offset from UTC: write 2017-07-01T00:00:00Z")
        self.entry()

    def entry(self) -> CalendarEntry:
        """Return the entry as a message of the calendar's topic."""
        return entry_of(self.starts.timestamp(), self.ends.timestamp(), self.entities, self.facets, self.note)


def token_of(web: WebSettings) -> Secret | None:
    """Return the token that pages require, from the settings or its file, None if none is set. Raises SettingsError."""
    return one_of(web.token, web.token_file, "web.token_file")


class MetadataSettings(Section, frozen=True):
    """Names, countries, operators and weights of networks and regions."""

    file: Annotated[
        str | None, Meta(description="table of names, countries, operators and weights; see metadata.md")
    ] = None

    @property
    def path(self) -> Path | None:
        """The path of the file; None when there is none."""
        return None if self.file is None else Path(self.file)


class MetricsSettings(Section, frozen=True):
    """Which series the metrics show, and limits of what they show individually."""

    watch: Annotated[
        tuple[Entity, ...],
        Meta(description="entities whose series are exported individually, such as `asn/43754` or `country/IR`"),
    ] = ()
    max_outages: Annotated[Limit, Meta(description="outages that are exported individually, the worst first")] = 200
    max_incidents: Annotated[Limit, Meta(description="incidents that are exported individually, the worst first")] = 80
    max_watched: Annotated[Limit, Meta(description="series of the watch list")] = 50
    max_places: Annotated[Limit, Meta(description="pairs of country and signal whose outages are counted")] = 1000


class SourceMetricsSettings(Section, frozen=True):
    """Where the metrics of `ebbtide source` are."""

    bind: Annotated[str, Meta(description="address that the metrics of `ebbtide source` listen on")] = "127.0.0.1"
    port: Annotated[
        Port, Meta(description="port that they listen on, another for each process on a machine; 0: no metrics")
    ] = 6068


class Settings(Section, frozen=True):
    """All settings of a run, section by section."""

    kafka: KafkaSettings = KafkaSettings()
    detection: DetectionSettings = DetectionSettings()
    worker: WorkerSettings = WorkerSettings()
    web: WebSettings = WebSettings()
    metrics: MetricsSettings = MetricsSettings()
    metadata: MetadataSettings = MetadataSettings()
    calendar: tuple[ExpectedSettings, ...] = ()
    holidays: HolidaysSettings = HolidaysSettings()
    alerts: AlertsSettings = AlertsSettings()
    feeds: dict[Name, FeedSettings] = msgspec.field(default_factory=dict)
    source_metrics: SourceMetricsSettings = SourceMetricsSettings()
    sources: dict[Name, AnySource] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, source in self.sources.items():
            if source.feed not in self.feeds:
                hint = meant(source.feed, self.feeds)
                raise ValueError(f"{source.feed!r} is not in [feeds]{hint} - at `$.sources.{name}.feed`")
            feed = self.feeds[source.feed]
            has_metadata = self.metadata.file is not None
            try:
                check_source(SourceCase(source, feed.kind, float(feed.bin), feed.absent, has_metadata, self.kafka))
            except ValueError as error:
                raise ValueError(f"{error} - at `$.sources.{name}`") from None

    def rule(self, feed: str) -> Rule:
        """Return the parameters of a feed's detector."""
        settings, after = self.feeds[feed], self.detection.rebaseline_after
        return Rule(
            kind=settings.kind,
            width=int(settings.bin),
            budget=self.detection.false_alarms_per_1000_series_month,
            rebaseline_after=None if after is None else int(after),
        )

    def time_rule(self, feed: str) -> TimeRule:
        """Return bin width, lateness and `max_ahead` of a feed (s)."""
        from detectors.watermark import TimeRule  # with NumPy, which commands that ask a worker do without

        settings, ahead = self.feeds[feed], self.worker.max_ahead
        guard = max(float(settings.lateness), LEAST_AHEAD) if ahead is None else float(ahead)
        return TimeRule(int(settings.bin), float(settings.lateness), guard)

    def limits(self, feed: str) -> Limits:
        """Return how many series, members, services and areas a feed may have in all partitions together.

        They are a function of the settings alone, so `ebbtide detect` and all workers have the same.
        """
        settings, ahead = self.feeds[feed], self.time_rule(feed).max_ahead
        part = ((self.worker.memory - self.web.history_mb) * 2**20 - FIXED) / len(self.feeds)
        open_bins = int((max(ahead, 2 * settings.bin) + settings.lateness) // settings.bin) + 2
        return limits_of(settings.limits, Memory(part, settings.kind, bool(settings.areas), open_bins))

    def stalled_after(self, feed: str) -> float:
        """Return the silence (s) after which a feed counts as stopped: two bins and the lateness."""
        settings = self.feeds[feed]
        return 2 * float(settings.bin) + float(settings.lateness)


def from_builtins(values: object) -> Settings:
    """Return the settings of plain values, checked, with whole names of topics and groups.

    Raises msgspec.ValidationError, which names the key.
    """
    values = canonical(values)
    for path, kind in (("feeds", FeedSettings), ("alerts.receivers", AnyReceiver), ("sources", AnySource)):
        for name, table in inner(values, path).items():
            _check_table(f"{path}.{name}", table, kind)
    settings = msgspec.convert(values, Settings, strict=True, dec_hook=_custom)
    return msgspec.structs.replace(settings, kafka=settings.kafka.with_whole_names(), feeds=_feeds(settings))


def _feeds(settings: Settings) -> dict[str, FeedSettings]:
    """Return the feeds; silence means unknown in those whose sources say zero themselves, or ask a service for it."""
    feeds, replace = settings.feeds, msgspec.structs.replace
    sources = settings.sources.values()
    fed = {source.feed for source in sources if source.is_unknown_when_silent(feeds[source.feed].kind)}
    return {
        name: replace(feed, absent="missing") if name in fed and feed.absent is None else feed
        for name, feed in feeds.items()
    }


def inner(values: object, path: str) -> dict[str, object]:
    """Return the table at a path of tables, such as `alerts.receivers`; an empty table when there is none."""
    for key in path.split("."):
        values = values.get(key) if isinstance(values, dict) else None
    return values if isinstance(values, dict) else {}


def _check_table(path: str, values: object, kind: object) -> None:
    """Check a table with a name of the operator's by itself, since msgspec's own path leaves the name out."""
    try:
        msgspec.convert(values, kind, strict=True, dec_hook=_custom)
    except msgspec.ValidationError as error:
        fault, _, where = str(error).partition(" - at `$")
        raise msgspec.ValidationError(f"{fault} - at `$.{path}{where or '`'}") from None


def _custom(kind: type, value: object) -> object:
    if kind is Secret:
        if isinstance(value, str) and value:
            return Secret(value)
        raise ValueError("expected a text that is not empty")  # what came instead may be the secret
    if kind is Duration and isinstance(value, str | int | float):
        return Duration(seconds(value))
    raise ValueError(f'expected a duration such as "5m", got {value!r}')
