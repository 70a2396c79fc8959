"""Which installations cannot be at the same topics, and what is said of feeds that have changed."""

from __future__ import annotations

import logging
from unittest.mock import patch

import msgspec
import pytest

from schemas.installation import Installation, encode, key
from streams.broker import installation
from streams.config.errors import InstallationError
from streams.config.settings import Settings, from_builtins

FEED = {"signal": "bgp", "kind": "gauge", "bin": "5m"}
MINE = Installation(app_id="a", topics=["clock", "outages"], feeds=["bgp", "ndt"])


def settings(prefix: str = "", **kafka: str) -> Settings:
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


class Topic:
    """A topic of records, which another installation may write first."""

    def __init__(self, *rows: tuple[bytes, bytes], before_next: tuple[bytes, bytes] | None = None) -> None:
        self.rows, self._before_next = dict(rows), before_next

    def read(self, *_: object) -> dict[int, dict[bytes, bytes]]:
        """Return the records."""
        return {0: dict(self.rows)}

    def write(self, _: object, records: dict[bytes, bytes | None]) -> None:
        """Write records."""
        if self._before_next:
            self.rows |= dict([self._before_next])
            self._before_next = None
        for name, value in records.items():
            self.rows.pop(name, None)
            if value is not None:
                self.rows[name] = value


def recorded(topic: Topic) -> str:
    """Record an installation in the topic; return the phrase for the log."""
    with patch.object(installation, "read_tables", topic.read), patch.object(installation, "_write", topic.write):
        return installation.record(installation.of_workers(settings()))


def test_of_two_that_start_at_once_the_second_gives_way() -> None:
    """Neither finds a record, both write: the record that is first stays."""
    other = Installation(app_id="other", topics=["outages"], feeds=["bgp"])
    row = (key("other"), encode(other))
    topic = Topic(before_next=row)
    with pytest.raises(InstallationError, match="topic outages belongs to the installation other, not to ebbtide"):
        recorded(topic)
    assert topic.rows == dict([row])


def test_a_record_that_cannot_be_read(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged and stops nobody; entries of the calendar beside it are left alone."""
    rows = [(key("x"), b"{"), (key("y"), encode(MINE)), (b"0123", b"an entry")]
    topic = Topic(*rows)
    with caplog.at_level(logging.WARNING):
        assert recorded(topic) == ""
    messages = [record.getMessage() for record in caplog.records]
    assert len([text for text in messages if "topic calendar, key installation/x: not the record" in text]) >= 1
    assert any("key installation/y" in text and "the key is not that of its `app_id`" in text for text in messages)
    assert list(topic.rows) == [*dict(rows), key("ebbtide")]
    assert recorded(topic) == ""
