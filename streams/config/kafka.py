"""The section `[kafka]`: brokers, topics and credentials."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from streams.config.secret import Secret
from streams.config.types import Duration, Name, Part, Prefix, Section, check_secrets

#: Keys of the settings that name a topic.
TOPIC_KEYS = (
    "measurements",
    "outages",
    "incidents",
    "findings",
    "partials",
    "dead",
    "clock",
    "calendar",
    "remarks",
    "alerts_state",
    "alerts_dead",
    "sources_state",
)

#: Keys of the topics that two installations cannot share: measurements, the calendar and dead letters they can.
OWNED = ("outages", "incidents", "findings", "partials", "clock")


def owner_of(topic: str) -> str:
    """Return the name of the topic with the record of whose a topic is."""
    return f"{topic}.owner"


class KafkaSettings(Section, frozen=True):
    """The Kafka cluster: its brokers, topics and credentials."""

    bootstrap_servers: Annotated[
        tuple[str, ...], Meta(description="brokers to connect to first; separated by commas in the environment")
    ] = ("127.0.0.1:9092",)
    prefix: Annotated[
        Prefix,
        Meta(
            description="text before `app_id` and the name of each topic, such as `staging.`: two installations with "
            "other prefixes share a cluster and nothing else"
        ),
    ] = ""
    shared: Annotated[
        tuple[Literal["measurements", "calendar", "dead"], ...],
        Meta(
            description="topics that other installations use too: their names are whole, and the prefix does not stand "
            'before them; such as `["measurements"]`, so that two installations watch the same measurements'
        ),
    ] = ()
    app_id: Annotated[
        Name, Meta(description="name of the workers' consumer group, and prefix of its changelog's name")
    ] = "ebbtide"
    measurements: Annotated[Name, Meta(description="topic of measurements, the input")] = "measurements"
    outages: Annotated[Name, Meta(description="topic of outages")] = "outages"
    incidents: Annotated[Name, Meta(description="topic of incidents")] = "incidents"
    findings: Annotated[
        Name, Meta(description="internal topic: results of closed bins, from shards to the grouping of incidents")
    ] = "findings"
    dead: Annotated[Name, Meta(description="topic of rejected measurements")] = "measurements.dead"
    clock: Annotated[Name, Meta(description="internal topic: event time that each feed has reached")] = "clock"
    partials: Annotated[Name, Meta(description="internal topic: partial sums of areas, from shards")] = "partials"
    calendar: Annotated[Name, Meta(description="topic of the calendar's entries")] = "calendar"
    remarks: Annotated[
        Name, Meta(description="topic of what operators say of incidents: silences, acknowledgements and notes")
    ] = "remarks"
    alerts_state: Annotated[
        Name, Meta(description="topic that stores which alerts were delivered to which receiver")
    ] = "alerts.state"
    alerts_dead: Annotated[Name, Meta(description="topic of alerts that could not be delivered")] = "alerts.dead"
    sources_state: Annotated[
        Name, Meta(description="topic that stores how far each part of each source has been read and sent")
    ] = "sources.state"
    partitioner: Annotated[
        Literal["murmur2", "crc32", "fnv1a", "any"],
        Meta(description="hash by which producers choose the partition of a key; `any` checks nothing"),
    ] = "murmur2"
    keys: Annotated[
        Literal["warn", "strict"],
        Meta(
            description="what to do with measurements in a partition to which the key of their entity does not belong: "
            "`warn` uses and counts them, `strict` rejects them"
        ),
    ] = "warn"
    partitions: Annotated[
        Part, Meta(description="partitions of the topics that `ebbtide topics` creates; cannot be changed later")
    ] = 4
    replication: Annotated[
        Part, Meta(description="copies of each partition of the topics that `ebbtide topics` creates")
    ] = 1
    session_timeout: Annotated[
        Duration, Meta(description="silence of a worker after which the broker gives its partitions to others")
    ] = Duration(10)
    instance: Annotated[
        Name | None,
        Meta(description="fixed name of this worker in its group, so that a restart need not wait for the old session"),
    ] = None
    gaps: Annotated[
        Literal["refuse", "accept"],
        Meta(description="what to do with a partition whose next messages the broker has deleted unread"),
    ] = "refuse"
    security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"],
        Meta(description="whether connections are encrypted, and whether clients log in"),
    ] = "PLAINTEXT"
    sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None, Meta(description="how clients log in")
    ] = None
    sasl_username: Annotated[str | None, Meta(description="user name of the login")] = None
    sasl_password: Annotated[Secret | None, Meta(description="password of the login")] = None
    sasl_password_file: Annotated[str | None, Meta(description="file with the password")] = None
    ssl_cafile: Annotated[
        str | None, Meta(description="file of certificate authorities to trust (default: those of the system)")
    ] = None
    ssl_certfile: Annotated[str | None, Meta(description="certificate to show the broker")] = None
    ssl_keyfile: Annotated[str | None, Meta(description="key of the certificate, if it is in a separate file")] = None
    ssl_key_password: Annotated[Secret | None, Meta(description="password of the key")] = None
    ssl_key_password_file: Annotated[str | None, Meta(description="file with the password of the key")] = None
    ssl_check_hostname: Annotated[bool, Meta(description="whether the broker's certificate must name its host")] = True

    def __post_init__(self) -> None:
        _check_names(self)
        _check_protocol(self)
        check_secrets(self, ("sasl_password", "ssl_key_password"))

    def with_whole_names(self) -> KafkaSettings:
        """Return the settings with the prefix before `app_id` and the name of each topic that is not shared.

        All other names are made of these: the changelog, the groups, and the members of a group.
        """
        return msgspec.structs.replace(self, **_whole_names(self))

    @property
    def address(self) -> str:
        """The addresses of the brokers, separated by commas."""
        return ",".join(self.bootstrap_servers)

    @property
    def uses_sasl(self) -> bool:
        """Whether clients log in with a user name and a password."""
        return self.security_protocol.startswith("SASL_")

    @property
    def uses_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.security_protocol.endswith("SSL")


def _whole_names(kafka: KafkaSettings) -> dict[str, str]:
    """Return `app_id` and the names of the topics as Kafka has them, by key."""
    return {
        key: f"{'' if key in kafka.shared else kafka.prefix}{getattr(kafka, key)}" for key in ("app_id", *TOPIC_KEYS)
    }


def _check_names(kafka: KafkaSettings) -> None:
    """Raise ValueError when two topics have one name: what is written to one would be read as the other."""
    keys, names = dict[str, str](), _whole_names(kafka)
    owners = [(f"owner of `{key}`", owner_of(names[key])) for key in OWNED]
    for key, name in [*((f"`{key}`", names[key]) for key in TOPIC_KEYS), *owners]:
        if (other := keys.setdefault(name, key)) != key:
            raise ValueError(f"{other} and {key} are the same topic, {name}")


def _check_protocol(kafka: KafkaSettings) -> None:
    """Raise ValueError for keys that have no effect with the protocol, and for keys that the protocol needs."""
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
