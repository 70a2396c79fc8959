"""Ends the ongoing outages and incidents of their topics, for a group whose state will not be used again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

from msgspec import DecodeError
from msgspec.structs import replace

from schemas import incident as incidents
from schemas import outage as outages
from schemas.cloudevents import Headers, incident_headers, outage_headers
from schemas.incident import Incident
from schemas.outage import Outage
from streams.broker import installation, topics
from streams.broker.changelog import read_tables
from streams.broker.clients import sending
from streams.config.settings import KafkaSettings, Settings
from streams.pipeline.incidents.headline import given_up

WHY = "no longer watched, so its end is unknown"


class Expired(NamedTuple):
    """How many outages and incidents were ended."""

    outages: int
    incidents: int


class _Last(NamedTuple):
    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: Headers


_Read: TypeAlias = Callable[[str, int, bytes, bytes], Iterator[_Last]]


def last_of_outage(outage: Outage) -> Outage:
    """Return the last revision of an outage that goes on: `expired`, or `retracted` if it was only suspected."""
    state: outages.State = "retracted" if outage.state == "suspected" else "expired"
    explain = {**outage.explain, "reason": WHY}
    return replace(outage, revision=outage.revision + 1, state=state, value=None, explain=explain)


def last_of_incident(incident: Incident) -> Incident:
    """Return the last revision of an incident that goes on."""
    state: incidents.State = "retracted" if incident.state == "suspected" else "expired"
    headline = given_up(incident.headline, WHY)
    return replace(incident, revision=incident.revision + 1, state=state, headline=headline)


def expire(settings: Settings, tick: Callable[[int], None]) -> Expired:
    """End all that goes on in the topics. A record that is neither outage nor incident is left alone.

    Raises StateInUseError while a worker runs, InstallationError when the topics are another's, BrokerError.
    """
    kafka = settings.kafka
    topics.demand_idle(kafka, kafka.app_id)
    installation.demand_own(installation.of_workers(settings))
    return Expired(_end_all(kafka, kafka.outages, _outage, tick), _end_all(kafka, kafka.incidents, _incident, tick))


def expire_outages_of(settings: Settings, feed: str, tick: Callable[[int], None]) -> int:
    """End the outages of a feed that go on, and return how many. Raises BrokerError."""

    def of_feed(topic: str, number: int, key: bytes, value: bytes) -> Iterator[_Last]:
        return (last for last in _outage(topic, number, key, value) if outages.decode_outage(value).feed == feed)

    return _end_all(settings.kafka, settings.kafka.outages, of_feed, tick)


def _end_all(kafka: KafkaSettings, topic: str, read: _Read, tick: Callable[[int], None]) -> int:
    """Send the last revision of each record of a topic that `read` finds, and return how many."""
    partitions = topics.demand(kafka, topics.wanted(kafka))
    found = [
        last
        for number, table in read_tables(kafka, topic, partitions[topic], tick).items()
        for key, value in table.items()
        for last in read(topic, number, key, value)
    ]
    with sending(kafka, topic) as send:
        for last in found:
            send(last.key, last.value, last.partition, last.topic, last.headers)
    return len(found)


def _outage(topic: str, number: int, key: bytes, value: bytes) -> Iterator[_Last]:
    try:
        outage = outages.decode_outage(value)
    except DecodeError:
        return
    if outage.state in outages.RUNNING:
        last = last_of_outage(outage)
        yield _Last(topic, number, key, outages.encode(last), outage_headers(last))


def _incident(topic: str, number: int, key: bytes, value: bytes) -> Iterator[_Last]:
    try:
        incident = incidents.decode_incident(value)
    except DecodeError:
        return
    if incident.state not in incidents.OVER:
        last = last_of_incident(incident)
        yield _Last(topic, number, key, incidents.encode(last), incident_headers(last))
