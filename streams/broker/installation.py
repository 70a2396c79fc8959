"""Keeps two installations from the same topics by mistake: each is recorded, and another one is refused.

An installation is what has one `kafka.app_id`, however many workers it has and however often they start. Workers with
the `app_id` of the record and other feeds are the same installation with changed settings, as long as one feed is left.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec import DecodeError

from schemas import installation
from schemas.installation import Installation, decode_installation
from schemas.rejections import one_line
from streams.broker.changelog import read_tables
from streams.broker.clients import sending
from streams.broker.topics import ALERTS_GROUP, demand_idle, existing
from streams.config.errors import BrokerError, InstallationError
from streams.config.settings import KafkaSettings, Settings

#: Keys of the topics that two installations cannot share: measurements, the calendar and dead letters they can.
OWNED = ("outages", "incidents", "findings", "partials", "clock")
WAY_OUT = "set `kafka.prefix`, or take over with `ebbtide topics --claim`"
log = logging.getLogger(__name__)


class TopicClaim(NamedTuple):
    """An installation that wants its topics. `topic`: where it is recorded; `group`: pattern of its group's name."""

    kafka: KafkaSettings
    topic: str
    mine: Installation
    group: str = "{}"


def of_workers(settings: Settings) -> TopicClaim:
    """Return the claim of the workers, recorded in the topic of the calendar."""
    kafka = settings.kafka
    owned = sorted(str(getattr(kafka, key)) for key in OWNED)
    return TopicClaim(
        kafka, kafka.calendar, Installation(app_id=kafka.app_id, topics=owned, feeds=sorted(settings.feeds))
    )


def of_alerts(kafka: KafkaSettings) -> TopicClaim:
    """Return the claim of `ebbtide alerts`, recorded in the topic that it claims."""
    mine = Installation(app_id=kafka.app_id, topics=[kafka.alerts_state], feeds=[])
    return TopicClaim(kafka, kafka.alerts_state, mine, ALERTS_GROUP)


def conflict(mine: Installation, other: Installation) -> str | None:
    """Return why two installations cannot be at the same topics, in a phrase; None when they can."""
    shared = sorted(set(mine.topics) & set(other.topics))
    if other.app_id != mine.app_id:
        return f"topic {shared[0]} belongs to the installation {other.app_id}, not to {mine.app_id}" if shared else None
    if shared and mine.feeds and other.feeds and not set(mine.feeds) & set(other.feeds):
        theirs, ours = ", ".join(other.feeds), ", ".join(mine.feeds)
        return f"kafka.app_id {mine.app_id} is an installation with the feeds {theirs}, and none of {ours}"
    return None


def changed_feeds(mine: Installation, other: Installation | None) -> str:
    """Return a phrase on the feeds that have come and gone since the record; empty when there are none."""
    if other is None or not other.feeds or mine.feeds == other.feeds:
        return ""
    new, gone = sorted(set(mine.feeds) - set(other.feeds)), sorted(set(other.feeds) - set(mine.feeds))
    parts = [f"new: {', '.join(new)}"] * bool(new) + [f"gone, with their state: {', '.join(gone)}"] * bool(gone)
    return f"other feeds than at the start before ({'; '.join(parts)})"


def read(claim: TopicClaim) -> dict[str, Installation]:
    """Return the recorded installations by `app_id`, in the order of their records. Raises BrokerError.

    A record that cannot be read is logged and left out.
    """
    rows = read_tables(claim.kafka, claim.topic, 1, lambda _: None)[0].items()
    found = (_decoded(claim.topic, *row) for row in rows if row[0].startswith(installation.KEY))
    return {recorded.app_id: recorded for recorded in found if recorded}


def _decoded(topic: str, key: bytes, value: bytes) -> Installation | None:
    try:
        found = decode_installation(value)
        if installation.key(found.app_id) != key:
            raise DecodeError("the key is not that of its `app_id`")
    except DecodeError as error:
        where = f"topic {topic}, key {one_line(key.decode(errors='replace'))}"
        log.warning("%s: not the record of an installation: %s", where, one_line(str(error)))
        return None
    return found


def demand_own(claim: TopicClaim) -> None:
    """Raise InstallationError when the topics, as far as they exist, belong to another installation."""
    if claim.topic in existing(claim.kafka):
        _demand_free(claim.mine, read(claim).values())


def record_first(claim: TopicClaim) -> None:
    """Record the installation if none of its `app_id` is. Raises InstallationError and BrokerError."""
    if claim.mine.app_id not in read(claim):
        _record(claim)


def record(claim: TopicClaim) -> str:
    """Record the installation as it is now; return a phrase for the log, empty when there is nothing to say.

    Raises InstallationError when the topics are another's, BrokerError when the records cannot be read.
    """
    found = read(claim)
    _demand_free(claim.mine, found.values())
    before = found.get(claim.mine.app_id)
    if before == claim.mine:
        return ""
    try:
        _record(claim)
    except BrokerError as error:
        return f"this installation is not recorded, so nothing keeps another from its topics: {error}"
    return changed_feeds(claim.mine, before)


def _demand_free(mine: Installation, found: Iterable[Installation]) -> None:
    """Raise InstallationError when a recorded installation cannot be at the same topics."""
    for other in found:
        if text := conflict(mine, other):
            raise InstallationError(f"{text}: {WAY_OUT}")


def _record(claim: TopicClaim) -> None:
    """Record an installation; take that back and raise InstallationError when another was recorded just before."""
    mine = claim.mine
    _write(claim, {installation.key(mine.app_id): installation.encode(mine)})
    found = list(read(claim).values())
    try:
        _demand_free(mine, found[: found.index(mine)] if mine in found else found)
    except InstallationError:
        if mine in found:  # else another of the same name has written over it, and keeps its record
            _write(claim, {installation.key(mine.app_id): None})
        raise


def take_over(claim: TopicClaim) -> list[str]:
    """Record the installation in place of those in conflict with it, and return the `app_id` of these.

    Raises StateInUseError when one of their processes is alive, BrokerError when the record cannot be written.
    """
    mine = claim.mine
    others = [other.app_id for other in read(claim).values() if conflict(mine, other)]
    for app_id in others:
        demand_idle(claim.kafka, claim.group.format(app_id))
    gone: dict[bytes, bytes | None] = {installation.key(app_id): None for app_id in others}
    if others:
        _write(claim, {**gone, installation.key(mine.app_id): installation.encode(mine)})
    return others


def _write(claim: TopicClaim, records: Mapping[bytes, bytes | None]) -> None:
    with sending(claim.kafka, claim.topic) as send:
        for key, value in records.items():
            send(key, value, partition=0)  # all in one order
