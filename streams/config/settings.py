"""Settings: one TOML file, each key also from the environment, everything checked before anything starts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from detectors.types import Kind, Rule
from detectors.watermark import TimeRule
from schemas.api import MAX_BINS
from schemas.calendar import Entry, Only, entry_of
from streams.config.alerts import AlertsSettings, AnyReceiver
from streams.config.area_spec import combination
from streams.config.durations import seconds
from streams.config.secret import Secret
from streams.config.types import Duration as Duration
from streams.config.types import Entity, Limit, Name, Natural, Part, Port, Section, check_secrets


class KafkaSettings(Section, frozen=True):
    """Where the messages are."""

    bootstrap_servers: tuple[str, ...] = ("127.0.0.1:9092",)
    app_id: Name = "ebbtide"
    measurements: Name = "measurements"
    outages: Name = "outages"
    incidents: Name = "incidents"
    findings: Name = "findings"
    dead: Name = "measurements.dead"
    clock: Name = "clock"
    partials: Name = "partials"
    calendar: Name = "calendar"
    alerts_state: Name = "alerts.state"
    alerts_dead: Name = "alerts.dead"
    partitions: Part = 4
    replication: Part = 1
    session_timeout: Duration = Duration(10)
    instance: Name | None = None
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    sasl_username: str | None = None
    sasl_password: Secret | None = None
    sasl_password_file: str | None = None
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    ssl_key_password: Secret | None = None
    ssl_key_password_file: str | None = None
    ssl_check_hostname: bool = True

    def __post_init__(self) -> None:
        _check_protocol(self)
        check_secrets(self, ("sasl_password", "ssl_key_password"))

    @property
    def address(self) -> str:
        """The brokers as one line."""
        return ",".join(self.bootstrap_servers)

    @property
    def uses_sasl(self) -> bool:
        """Whether a client says who it is by name and password."""
        return self.security_protocol.startswith("SASL_")

    @property
    def uses_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.security_protocol.endswith("SSL")


def _check_protocol(kafka: KafkaSettings) -> None:
    """Refuse keys that the protocol would leave unused, since somebody counts on them, and those that it lacks."""
    given = {key for key in kafka.__struct_fields__ if getattr(kafka, key) is not None}
    sasl = {key for key in given if key.startswith("sasl_")}
    tls = {key for key in given if key.startswith("ssl_")} - (
        {"ssl_check_hostname"} if kafka.ssl_check_hostname else set()
    )
    for unused in sorted((set() if kafka.uses_sasl else sasl) | (set() if kafka.uses_tls else tls)):
        raise ValueError(f"`{unused}` has no effect with `security_protocol` {kafka.security_protocol}")
    if kafka.uses_sasl and not {"sasl_mechanism", "sasl_username"} <= sasl:
        raise ValueError(f"{kafka.security_protocol} needs `sasl_mechanism` and `sasl_username`")
    if kafka.uses_sasl and not sasl & {"sasl_password", "sasl_password_file"}:
        raise ValueError(f"{kafka.security_protocol} needs `sasl_password` or `sasl_password_file`")
    if "ssl_certfile" not in given and given & {"ssl_keyfile", "ssl_key_password", "ssl_key_password_file"}:
        raise ValueError("a key without `ssl_certfile` has no effect")


class DetectionSettings(Section, frozen=True):
    """The one knob, and when a lower level is accepted as the new normal (never, unless said)."""

    false_alarms_per_1000_series_month: Annotated[float, msgspec.Meta(gt=0, le=1000)] = 1.0
    rebaseline_after: Duration | None = None


class FeedSettings(Section, frozen=True):
    """One stream of measurements of one kind."""

    signal: Name
    kind: Kind
    bin: Duration
    lateness: Duration = Duration(120)
    absent: Literal["zero", "missing"] | None = None
    unit: str = ""
    areas: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [combination(text).name for text in self.areas]
        if len(set(names)) < len(names):
            raise ValueError("`areas` names one of them twice")
        if self.bin < 1 or not float(self.bin).is_integer():
            raise ValueError(f"`bin` is a whole number of seconds, at least 1, got {float(self.bin):g} s")

    @property
    def silence_is_zero(self) -> bool:
        """Whether a series that sends nothing in a bin counts as zero; by default where events are counted."""
        return self.kind in ("count", "distinct") if self.absent is None else self.absent == "zero"


class WorkerSettings(Section, frozen=True):
    """How the worker waits, writes and remembers."""

    max_ahead: Duration = Duration(600)
    idle_after: Duration = Duration(60)
    snapshot_every: Duration = Duration(60)
    forget_after: Duration = Duration(8 * 604_800)
    expire_after: Duration = Duration(86_400)
    max_records: Natural = 8000
    data_dir: str = "var"


class WebSettings(Section, frozen=True):
    """The worker's web server."""

    bind: str = "127.0.0.1"
    port: Port = 6066
    recent: Natural = 1000
    token: Secret | None = None
    token_file: str | None = None
    history: Annotated[int, msgspec.Meta(ge=0, le=MAX_BINS)] = 48  # newest bins kept of each series, to show them
    history_mb: Natural = 100  # and how much memory that may take, in all
    grafana: Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s@?#\"'<>]*[^\s@?#\"'<>/]$")] | None = None

    def __post_init__(self) -> None:
        check_secrets(self, ("token",))


class ExpectedSettings(Section, frozen=True):
    """An entry of the calendar: what is expected to be down, from when until when."""

    starts: datetime
    ends: datetime
    entities: tuple[str, ...]
    facets: Only = Only()
    note: str = ""

    def __post_init__(self) -> None:
        for name in ("starts", "ends"):
            if getattr(self, name).tzinfo is None:
                raise ValueError(f"`{name}` has no offset from UTC: write 2017-07-01T00:00:00Z")
        self.entry()

    def entry(self) -> Entry:
        """Return it as a message."""
        return entry_of(self.starts.timestamp(), self.ends.timestamp(), self.entities, self.facets, self.note)


class MetadataSettings(Section, frozen=True):
    """What is known of networks and regions: see `streams.config.metadata`."""

    file: str | None = None

    @property
    def path(self) -> Path | None:
        """Where the file is."""
        return None if self.file is None else Path(self.file)


class MetricsSettings(Section, frozen=True):
    """Which series the metrics show, and how many outages, incidents, series and places (country and signal)."""

    watch: tuple[Entity, ...] = ()
    max_outages: Limit = 200
    max_incidents: Limit = 80
    max_watched: Limit = 50
    max_places: Limit = 1000


class Settings(Section, frozen=True):
    """Everything a run depends on."""

    kafka: KafkaSettings = KafkaSettings()
    detection: DetectionSettings = DetectionSettings()
    worker: WorkerSettings = WorkerSettings()
    web: WebSettings = WebSettings()
    metrics: MetricsSettings = MetricsSettings()
    metadata: MetadataSettings = MetadataSettings()
    calendar: tuple[ExpectedSettings, ...] = ()
    alerts: AlertsSettings = AlertsSettings()
    feeds: dict[Name, FeedSettings] = msgspec.field(default_factory=dict)

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

    def stalled_after(self, feed: str) -> float:
        """Return how long a feed may be silent before it has stopped: two bins and the lateness (s)."""
        its = self.feeds[feed]
        return 2 * float(its.bin) + float(its.lateness)


def from_builtins(values: object) -> Settings:
    """Check plain values against the types above. Raises msgspec.ValidationError, which names the key."""
    for path, kind in (("feeds", FeedSettings), ("alerts.receivers", AnyReceiver)):
        for name, one in inner(values, path).items():
            _check_one(f"{path}.{name}", one, kind)
    return msgspec.convert(values, Settings, strict=True, dec_hook=_custom)


def inner(values: object, path: str) -> dict[str, object]:
    """Return a table within tables; an empty one when there is something else."""
    for key in path.split("."):
        values = values.get(key) if isinstance(values, dict) else None
    return values if isinstance(values, dict) else {}


def _check_one(path: str, values: object, kind: object) -> None:
    """Check one of many by itself, since the library's own path to it does not say which."""
    try:
        msgspec.convert(values, kind, strict=True, dec_hook=_custom)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        raise msgspec.ValidationError(f"{what} - at `$.{path}{where or '`'}") from None


def _custom(kind: type, value: object) -> object:
    if kind is Secret:
        if isinstance(value, str) and value:
            return Secret(value)
        raise ValueError("expected a text that is not empty")  # what came instead may be the secret
    if kind is Duration and isinstance(value, str | int | float):
        return Duration(seconds(value))
    raise ValueError(f'expected a duration such as "5m", got {value!r}')
