"""Which installations cannot be at the same topics, and what is said of feeds that have changed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias
from unittest.mock import patch

import msgspec
import pytest

from schemas.installation import Installation, encode
from schemas.installation import key as key_of
from streams.broker import installation
from streams.broker.installation import TopicClaim
from streams.config.errors import InstallationError
from streams.config.kafka import OWNED, TOPIC_KEYS
from streams.config.settings import Settings, from_builtins

Rows: TypeAlias = Mapping[str, Mapping[bytes, bytes]]
FEED = {"signal": "bgp", "kind": "gauge", "bin": "5m"}
MINE = Installation(app_id="a", topics=["clock", "outages"], feeds=["bgp", "ndt"])


def settings(prefix: str = "", **kafka: object) -> Settings:
    """Return settings with a feed."""
    return from_builtins({"kafka": {"prefix": prefix, **kafka}, "feeds": {"bgp": FEED}})


@pytest.mark.parametrize(
    ("app_id", "topics", "feeds", "text"),
    [
        ("a", ["clock", "outages"], ["bgp"], None),
        ("a", ["clock", "outages"], [], None),
        ("a", ["clock", "outages"], ["ooni"], "kafka.app_id a is an installation with the feeds ooni, and none of bgp"),
        ("a", ["other"], ["ooni"], None),
        ("b", ["other"], ["bgp"], None),
        ("b", ["outages", "other"], ["bgp", "ndt"], "topic outages belongs to the installation b, not to a"),
    ],
)
def test_conflicts(app_id: str, topics: list[str], feeds: list[str], text: str | None) -> None:
    """Another name at one of the topics; or the same name with feeds none of which is the same."""
    found = installation.conflict(MINE, Installation(app_id=app_id, topics=topics, feeds=feeds))
    assert found == text or (text is not None and found is not None and found.startswith(text))


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (["bgp", "ndt"], ""),
        ([], ""),
        (["bgp"], "other feeds than at the start before (new: ndt)"),
        (["bgp", "ndt", "ooni"], "other feeds than at the start before (gone, with their state: ooni)"),
        (["bgp", "ooni"], "other feeds than at the start before (new: ndt; gone, with their state: ooni)"),
    ],
)
def test_feeds_that_have_changed(before: list[str], text: str) -> None:
    """What has come and gone; nothing where it is not known what was there."""
    assert installation.changed_feeds(MINE, msgspec.structs.replace(MINE, feeds=before)) == text
    assert installation.changed_feeds(MINE, None) == ""


def test_prefixes_share_nothing() -> None:
    """With other prefixes nothing is in conflict; with the prefix of an installation, but another name, all is."""
    claims = [installation.of_workers(settings(prefix)) for prefix in ("", "staging.", "staging")]
    assert len({topic for claim in claims for topic in claim.mine.topics}) == 15
    assert all(installation.conflict(a.mine, b.mine) is None for a in claims for b in claims if a is not b)
    other = installation.of_workers(settings("staging.", app_id="other"))
    assert installation.conflict(claims[1].mine, other.mine) is not None


class Owners:
    """The topics with records, by name, in which another installation may write rows first."""

    def __init__(self, rows: Rows | None = None, before_next: Rows | None = None) -> None:
        self.rows = {place: dict(of) for place, of in (rows or {}).items()}
        self._before_next = before_next or {}

    def read(self, _: object, parts: Iterable[tuple[str, int]]) -> dict[tuple[str, int], dict[bytes, bytes]]:
        """Return the records of partitions."""
        return {part: dict(self.rows.get(part[0], {})) for part in parts}

    def write(self, claim: TopicClaim, records: dict[bytes, bytes | None]) -> None:
        """Write records to all places of a claim."""
        for place, rows in self._before_next.items():
            self.rows.setdefault(place, {}).update(rows)
        self._before_next = {}
        for place in claim.places.values():
            for name, value in records.items():
                self.rows.setdefault(place, {}).pop(name, None)
                if value is not None:
                    self.rows[place][name] = value


@contextmanager
def broker(owners: Owners) -> Iterator[None]:
    """In `with`: these are the topics of the broker."""
    with patch.object(installation, "read_parts", owners.read), patch.object(installation, "_write", owners.write):
        yield


def recorded(owners: Owners, **kafka: str) -> str:
    """Record an installation; return the phrase for the log."""
    with broker(owners):
        return installation.record(installation.of_workers(settings(**kafka)))


@pytest.mark.parametrize("shared", OWNED)
def test_a_topic_that_is_shared_is_enough(shared: str) -> None:
    """Whatever else the settings name otherwise, the second installation at one topic is refused, also by a take-over
    until its time; the first is not.
    """
    owners, others = Owners(), {key: f"other.{key}" for key in TOPIC_KEYS if key != shared}
    assert recorded(owners) == ""
    assert recorded(owners, app_id="third", **{key: f"third.{key}" for key in TOPIC_KEYS}) == ""
    with pytest.raises(InstallationError, match=f"topic {shared} belongs to the installation ebbtide, not to other"):
        recorded(owners, app_id="other", **others)
    assert recorded(owners) == ""
    assert all(list(owners.rows[f"{key}.owner"]) == [key_of("ebbtide")] for key in OWNED)

    claim = installation.of_workers(settings(app_id="other", **others))
    with broker(owners), patch.object(installation, "demand_idle") as idle:
        assert installation.take_over(claim) == {"ebbtide": [shared]}  # the others are not what anyone has lost
        assert installation.take_over(claim) == {}
    idle.assert_called_once_with(claim.kafka, "ebbtide")
    assert recorded(owners, app_id="other", **others) == ""
    with pytest.raises(InstallationError, match=f"topic {shared} belongs to the installation other, not to ebbtide"):
        recorded(owners)


@pytest.mark.parametrize("first", [["outages"], ["clock", "outages"], ["clock"]])
def test_of_two_that_start_at_once_one_gives_way(first: list[str]) -> None:
    """Neither finds a record, both write, and in one topic one is first, in another the other: the first topic that
    they share decides.
    """
    other = Installation(app_id="other", topics=["clock", "outages"], feeds=["bgp"])
    row = {key_of("other"): encode(other)}
    owners = Owners(before_next={f"{topic}.owner": row for topic in first})
    if "clock" in first:
        with pytest.raises(InstallationError, match="topic clock belongs to the installation other, not to ebbtide"):
            recorded(owners)
        assert {place for place, rows in owners.rows.items() if rows} == {f"{topic}.owner" for topic in first}
    else:
        assert recorded(owners) == ""


def test_a_record_that_cannot_be_read(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged and stops nobody; other records beside it are left alone."""
    rows = {key_of("x"): b"{", key_of("y"): encode(MINE), b"0123": b"a state of alerts"}
    owners = Owners({"clock.owner": rows})
    with caplog.at_level(logging.WARNING):
        assert recorded(owners) == ""
    messages = [record.getMessage() for record in caplog.records]
    assert len([text for text in messages if "topic clock.owner, key installation/x: not the record" in text]) >= 1
    assert any("key installation/y" in text and "the key is not that of its `app_id`" in text for text in messages)
    assert list(owners.rows["clock.owner"]) == [*rows, key_of("ebbtide")]
    assert recorded(owners) == ""


def test_changed_feeds_are_said_once() -> None:
    """The record follows the settings in all places."""
    owners = Owners()
    assert recorded(owners) == ""
    wider = from_builtins({"feeds": {"bgp": FEED, "ndt": FEED}})
    with broker(owners):
        said = [installation.record(installation.of_workers(wider)) for _ in range(2)]
    assert said == ["other feeds than at the start before (new: ndt)", ""]
    assert {b"".join(rows.values()) for rows in owners.rows.values()} == {encode(installation.of_workers(wider).mine)}


def test_a_cluster_without_topics_is_free() -> None:
    """Nothing is read where nothing is."""
    with (
        patch.object(installation, "existing", return_value={"measurements": 4}),
        patch.object(installation, "read_parts", return_value={}) as asked,
    ):
        installation.demand_own(installation.of_workers(settings()))
    assert asked.call_args.args[1] == []
