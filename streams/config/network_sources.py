"""The types of sources that read services of others over the network."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from detectors.types import Kind
from schemas.measurement import Country
from streams.config.secret import Secret
from streams.config.sources import Fields, FieldSource, WatchedSource
from streams.config.types import Duration, Name, WebAddress, check_secrets

StreamAddress = Annotated[str, Meta(pattern=r"^wss?://[^\s@#\"'<>]+\Z")]
IODA_TERMS: Final = "IODA, Georgia Tech: no licence is given; ask ioda-info@cc.gatech.edu before you publish or sell"
OONI_TERMS: Final = "OONI, CC BY-NC-SA 4.0: no commercial use, https://ooni.org/about/data-policy"
RIPE_TERMS: Final = "RIPE Atlas, RIPE NCC: terms at https://atlas.ripe.net/about/terms-and-conditions"


class NetworkSource(WatchedSource, frozen=True, kw_only=True):
    """What all sources have that read a service over the network."""

    backfill: Annotated[
        Duration, Meta(description="how far the first run goes back, and the longest gap that is filled after a break")
    ] = Duration(86_400)
    timeout: Annotated[Duration, Meta(description="time in which a request must be answered")] = Duration(60)
    accept_terms: Annotated[
        bool, Meta(description="whether you accept the terms of use; only sources that forbid commercial use demand it")
    ] = False

    @property
    def waits(self) -> float:
        """Nothing: what is read comes in order, since the reader itself waits for the lateness."""
        return 0.0

    def is_unknown_when_silent(self, kind: Kind) -> bool:
        """Return whether it does: a service that is away, or a null of it, is no zero."""
        return kind in ("count", "distinct")

    @property
    def forbids_commerce(self) -> bool:
        """Whether the terms of use forbid commercial use."""
        return False

    def __post_init__(self) -> None:
        if self.forbids_commerce and not self.accept_terms:
            raise ValueError(f"the terms forbid commercial use: read them and set `accept_terms = true` ({self.terms})")


class AtlasSource(NetworkSource, tag="atlas", frozen=True):
    """Connections of RIPE Atlas probes: the stream, and measurement 7000 for what came before; see sources/atlas.md."""

    stream: Annotated[StreamAddress, Meta(description="address of the stream")] = (
        "wss://atlas-stream.ripe.net/stream/?client=ebbtide"
    )
    api: Annotated[WebAddress, Meta(description="address of the API")] = "https://atlas.ripe.net/api/v2"
    history_lag: Annotated[
        Duration, Meta(description="age from which on the history is complete; a break is filled when it has passed")
    ] = Duration(900)
    silent_after: Annotated[
        Duration, Meta(description="time without an event, though pings come, after which the connection is given up")
    ] = Duration(300)
    lateness: Annotated[Duration, Meta(description="how long events wait for earlier ones")] = Duration(30)

    @property
    def terms(self) -> str:
        """The terms of use."""
        return RIPE_TERMS

    @property
    def preset(self) -> Fields:
        """What `sources/atlas_events.py` makes of an event."""
        return Fields(ts="timestamp", asn="asn_v4", country="country_code", member="probe", up="up")


class PrometheusSource(NetworkSource, tag="prometheus", frozen=True, kw_only=True):
    """Range queries of Prometheus, or of what answers as it does; labels are fields; see sources/prometheus.md."""

    url: Annotated[WebAddress, Meta(description="address of the server, without `/api/v1`")]
    query: Annotated[str, Meta(min_length=1, description="PromQL of the value at the end of each step")]
    of: Annotated[str | None, Meta(description="for a `ratio`: PromQL of the trials, with the same labels")] = None
    step: Annotated[Duration, Meta(description="step, whole seconds; the bin of the feed or a part of it")] = Duration(
        60
    )
    token: Annotated[Secret | None, Meta(description="token (`Authorization: Bearer …`)")] = None
    token_file: Annotated[str | None, Meta(description="file with the token")] = None
    username: Annotated[str | None, Meta(description="user name, in place of a token")] = None
    password: Annotated[Secret | None, Meta(description="password of the user")] = None
    password_file: Annotated[str | None, Meta(description="file with the password")] = None
    ca_file: Annotated[str | None, Meta(description="certificates to trust (default: those of the system)")] = None
    cert_file: Annotated[str | None, Meta(description="certificate to show the server")] = None
    key_file: Annotated[str | None, Meta(description="key of the certificate, if it is in a separate file")] = None
    lateness: Annotated[Duration, Meta(description="how long after its end a step is asked for")] = Duration(30)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_secrets(self, ("token", "password"))
        check_step(self.step)
        if self.username is not None and (self.token or self.token_file) is not None:
            raise ValueError("`username` and `token`: give one of them")
        if self.username is None and (self.password or self.password_file) is not None:
            raise ValueError("a password without `username` has no effect")
        if self.key_file is not None and self.cert_file is None:
            raise ValueError("`key_file` without `cert_file` has no effect")

    @property
    def preset(self) -> Fields:
        """What `sources/prometheus.py` puts beside the labels."""
        return Fields(ts="__time__", value="__value__", of=None if self.of is None else "__of__")


def check_step(step: Duration) -> None:
    """Raise ValueError for a step that is not a whole number of seconds."""
    if step < 1 or not float(step).is_integer():
        raise ValueError(f"`step` is a whole number of seconds, at least 1, got {float(step):g} s")


class IodaSource(NetworkSource, tag="ioda", frozen=True, kw_only=True):
    """Raw signals of IODA; a feed of kind `gauge` for each data source; see sources/ioda.md."""

    api: Annotated[WebAddress, Meta(description="address of the API")] = "https://api.ioda.inetintel.cc.gatech.edu/v2"
    datasource: Annotated[Name, Meta(description="`bgp`, `ping-slash24`, `merit-nt`, `gtr` or another of IODA")]
    entities: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^(country/[A-Z]{2}|asn/[1-9][0-9]{0,9})\Z")], ...],
        Meta(min_length=1, description="countries such as `country/TR`, or networks such as `asn/9121`"),
    ]
    step: Annotated[Duration, Meta(description="step of the data source: 5m for `bgp`, 10m for `ping-slash24`")] = (
        Duration(300)
    )
    lateness: Annotated[
        Duration, Meta(description="how long after its end a step is asked for; until then it grows")
    ] = Duration(1800)
    silent_after: Annotated[
        Duration, Meta(description="time without a record after which EbbtideSourceSilent alerts")
    ] = Duration(7200)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_step(self.step)
        if len(set(self.kinds)) > 1:
            raise ValueError("`entities` are countries or networks, not both: make two sources")

    @property
    def kinds(self) -> tuple[str, ...]:
        """What each entity is: `country` or `asn`."""
        return tuple(entity.partition("/")[0] for entity in self.entities)

    @property
    def terms(self) -> str:
        """The terms of use."""
        return IODA_TERMS

    @property
    def preset(self) -> Fields:
        """What `sources/ioda.py` makes of a value."""
        return Fields(ts="time", value="value", **{self.kinds[0]: self.kinds[0]})


OoniTest = Literal["signal", "whatsapp", "telegram", "facebook_messenger"]


class OoniSource(NetworkSource, tag="ooni", frozen=True, kw_only=True):
    """Tests of services by OONI, in a feed of kind `ratio`; see sources/ooni.md."""

    bucket: Annotated[WebAddress, Meta(description="address of the bucket")] = (
        "https://ooni-data-eu-fra.s3.eu-central-1.amazonaws.com"
    )
    countries: Annotated[tuple[Country, ...], Meta(min_length=1, description="countries whose tests are read")]
    tests: Annotated[tuple[OoniTest, ...], Meta(min_length=1, description="tests that are read")] = (
        "signal",
        "whatsapp",
        "telegram",
        "facebook_messenger",
    )
    lateness: Annotated[Duration, Meta(description="how long after its end an hour is read")] = Duration(7200)
    silent_after: Annotated[
        Duration, Meta(description="time without a record after which EbbtideSourceSilent alerts")
    ] = Duration(14_400)

    @property
    def terms(self) -> str:
        """The terms of use."""
        return OONI_TERMS

    @property
    def forbids_commerce(self) -> bool:
        """They forbid it."""
        return True

    @property
    def preset(self) -> Fields:
        """What `sources/ooni.py` makes of a trial."""
        return Fields(ts="time", asn="asn", country="country", service="service", value="ok", of=FieldSource(const=1))
