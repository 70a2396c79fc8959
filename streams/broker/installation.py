"""Keeps two installations from the same topics by mistake: each is recorded, and another one is refused.

Beside each topic that only one installation may write is a topic `TOPIC.owner` with the record of it: whoever shares
the topic meets there, whatever else the settings name. `ebbtide alerts` is recorded in the topic of its states itself.

An installation is what has one `kafka.app_id`, however many workers it has and however often they start. Workers with
the `app_id` of the record and other feeds are the same installation with changed settings, as long as one feed is left.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, product
from typing import NamedTuple

from msgspec import DecodeError

from schemas import installation
from schemas.installation import Installation, decode_installation
from schemas.rejections import one_line
from streams.broker.changelog import read_parts
from streams.broker.clients import sending
from streams.broker.topics import ALERTS_GROUP, demand_idle, existing
from streams.config.errors import BrokerError, InstallationError
from streams.config.kafka import OWNED, owner_of
from streams.config.settings import KafkaSettings, Settings

WAY_OUT = "set `kafka.prefix`, or take over with `ebbtide topics --claim`"
log = logging.getLogger(__name__)


class TopicClaim(NamedTuple):
    """An installation that wants its topics. `places`: by topic, where its owner is recorded; `group`: pattern of the
    name of its group.
    """

    kafka: KafkaSettings
    mine: Installation
    places: Mapping[str, str]
    group: str = "{}"


def of_workers(settings: Settings) -> TopicClaim:
    """Return the claim of the workers."""
    kafka = settings.kafka
    owned = sorted(str(getattr(kafka, key)) for key in OWNED)
    mine = Installation(app_id=kafka.app_id, topics=owned, feeds=sorted(settings.feeds))
    return TopicClaim(kafka, mine, {topic: owner_of(topic) for topic in owned})


def of_alerts(kafka: KafkaSettings) -> TopicClaim:
    """Return the claim of `ebbtide alerts`."""
    mine = Installation(app_id=kafka.app_id, topics=[kafka.alerts_state], feeds=[])
    return TopicClaim(kafka, mine, {kafka.alerts_state: kafka.alerts_state}, ALERTS_GROUP)


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


def read(claim: TopicClaim, places: Iterable[str] | None = None) -> dict[str, list[Installation]]:
    """Return the installations recorded in each place, by default in all, in the order of their records.

    A record that cannot be read is logged and left out. Raises BrokerError.
    """
    parts = [(place, 0) for place in (claim.places.values() if places is None else places)]
    return {place: list(_decoded(place, rows)) for (place, _), rows in read_parts(claim.kafka, parts).items()}


def _decoded(place: str, rows: Mapping[bytes, bytes]) -> Iterator[Installation]:
    for key, value in rows.items():
        if not key.startswith(installation.KEY):
            continue
        try:
            found = decode_installation(value)
            if installation.key(found.app_id) != key:
                raise DecodeError("the key is not that of its `app_id`")
            yield found
        except DecodeError as error:
            where = f"topic {place}, key {one_line(key.decode(errors='replace'))}"
            log.warning("%s: not the record of an installation: %s", where, one_line(str(error)))


def demand_own(claim: TopicClaim) -> None:
    """Raise InstallationError when the topics, as far as they exist, belong to another installation."""
    there = existing(claim.kafka)
    _demand_free(claim.mine, read(claim, [place for place in claim.places.values() if place in there]))


def record_first(claim: TopicClaim) -> None:
    """Record the installation where none of its `app_id` is. Raises InstallationError and BrokerError."""
    if any(claim.mine.app_id not in [there.app_id for there in found] for found in read(claim).values()):
        _record(claim)


def record(claim: TopicClaim) -> str:
    """Record the installation as it is now; return a phrase for the log, empty when there is nothing to say.

    Raises InstallationError when the topics are another's, BrokerError when the records cannot be read.
    """
    found = read(claim)
    _demand_free(claim.mine, found)
    if all(claim.mine in there for there in found.values()):
        return ""
    try:
        _record(claim)
    except BrokerError as error:
        return f"this installation is not recorded, so nothing keeps another from its topics: {error}"
    before = (other for other in chain(*found.values()) if other.app_id == claim.mine.app_id)
    return changed_feeds(claim.mine, next(before, None))


def _demand_free(mine: Installation, found: Mapping[str, Iterable[Installation]]) -> None:
    """Raise InstallationError when a recorded installation cannot be at the same topics."""
    for other in chain(*found.values()):
        if text := conflict(mine, other):
            raise InstallationError(f"{text}: {WAY_OUT}")


def _record(claim: TopicClaim) -> None:
    """Record an installation; take that back and raise InstallationError when another was recorded just before."""
    key = installation.key(claim.mine.app_id)
    _write(claim, {key: installation.encode(claim.mine)})
    found = read(claim)
    try:
        _demand_free(claim.mine, {place: _before(claim, place, there) for place, there in found.items()})
    except InstallationError:
        if all(claim.mine in there for there in found.values()):  # else another of the same name has written over it
            _write(claim, {key: None})
        raise


def _before(claim: TopicClaim, place: str, found: list[Installation]) -> Iterator[Installation]:
    """Yield who was recorded in a place before us. Of several places shared with another, the first one decides."""
    mine = claim.mine
    for other in found[: found.index(mine)] if mine in found else found:
        if place == min(claim.places[topic] for topic in {*mine.topics} & {*other.topics}):
            yield other


def take_over(claim: TopicClaim) -> dict[str, list[str]]:
    """Record the installation in place of those in conflict with it; return the topics taken from each, by `app_id`.

    Raises StateInUseError when one of their processes is alive, BrokerError when the record cannot be written.
    """
    mine = claim.mine
    found = [other for other in chain(*read(claim).values()) if conflict(mine, other)]
    others = {other.app_id: sorted(set(mine.topics) & set(other.topics)) for other in found}
    for app_id in sorted(others):
        demand_idle(claim.kafka, claim.group.format(app_id))
    gone: dict[bytes, bytes | None] = {installation.key(app_id): None for app_id in others}
    if others:
        _write(claim, {**gone, installation.key(mine.app_id): installation.encode(mine)})
    return others


def _write(claim: TopicClaim, records: Mapping[bytes, bytes | None]) -> None:
    """Write records to all places."""
    places = list(claim.places.values())
    with sending(claim.kafka, places[0]) as send:
        for place, (key, value) in product(places, records.items()):
            send(key, value, partition=0, topic=place)  # all in one order
